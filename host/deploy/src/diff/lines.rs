//! How two texts differ, line by line: the shortest way from one to the other, by the method of Myers.

use crate::limits::{DIFF_CONTEXT, DIFF_EDITS_MAX};
use serde::Serialize;

/// A stretch of lines around differences that are near to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hunk {
    /// The first line, from 1, and how many; 0 and 0 in a text that is empty.
    pub before: (usize, usize),
    pub after: (usize, usize),
    pub lines: Vec<Line>,
}

/// A line of a hunk, without its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    pub kind: LineKind,
    pub text: String,
    /// It is the last one, and no line break follows it.
    pub unended: bool,
}

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    Both,
    Before,
    After,
}

/// Returns all differences; `None` if there are more than anybody reads.
pub(super) fn hunks(before: &str, after: &str) -> Option<Vec<Hunk>> {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let script = script(&old, &new)?;
    let mut hunks = Vec::new();
    let mut at = 0;
    while let Some(first) = next_change(&script, at) {
        // A hunk ends where so much is equal that two contexts do not touch.
        let mut last = first;
        while let Some(next) = next_change(&script, last + 1).filter(|next| next - last <= 2 * DIFF_CONTEXT + 1) {
            last = next;
        }
        let start = first.saturating_sub(DIFF_CONTEXT).max(at);
        let end = script.len().min(last + DIFF_CONTEXT + 1);
        hunks.push(hunk(&script, start, end));
        at = end;
    }
    Some(hunks)
}

fn next_change(script: &[(LineKind, &str)], from: usize) -> Option<usize> {
    let rest = script.get(from..)?;
    rest.iter().position(|(kind, _)| *kind != LineKind::Both).map(|found| from + found)
}

fn hunk(script: &[(LineKind, &str)], start: usize, end: usize) -> Hunk {
    let count = |part: &[(LineKind, &str)], other: LineKind| part.iter().filter(|(kind, _)| *kind != other).count();
    let (before, part) = (script.get(..start).unwrap_or_default(), script.get(start..end).unwrap_or_default());
    let range = |other: LineKind| {
        let length = count(part, other);
        let first = count(before, other);
        (if length == 0 { first } else { first + 1 }, length)
    };
    let line = |(kind, text): &(LineKind, &str)| Line {
        kind: *kind,
        text: text.strip_suffix('\n').unwrap_or(text).to_owned(),
        unended: !text.ends_with('\n'),
    };
    Hunk { before: range(LineKind::After), after: range(LineKind::Before), lines: part.iter().map(line).collect() }
}

/// Returns every line of both texts, in an order in which it can be read.
fn script<'t>(old: &[&'t str], new: &[&'t str]) -> Option<Vec<(LineKind, &'t str)>> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(one, other)| one == other).count();
    let tail = tail.min(old.len().min(new.len()) - head);
    let middle = |lines: &[&'t str]| lines.get(head..lines.len() - tail).unwrap_or_default().to_vec();
    let mut script: Vec<(LineKind, &str)> = old.iter().take(head).map(|line| (LineKind::Both, *line)).collect();
    script.extend(way(&middle(old), &middle(new))?);
    script.extend(old.iter().skip(old.len() - tail).map(|line| (LineKind::Both, *line)));
    Some(script)
}

/// Finds the shortest way from one list to the other. `reached[k]` is how far in `old` the diagonal `k` was followed,
/// after so many steps; the steps are found by going back.
fn way<'t>(old: &[&'t str], new: &[&'t str]) -> Option<Vec<(LineKind, &'t str)>> {
    if old.is_empty() || new.is_empty() {
        let gone = old.iter().map(|line| (LineKind::Before, *line));
        return Some(gone.chain(new.iter().map(|line| (LineKind::After, *line))).collect());
    }
    let most = (old.len() + new.len()).min(DIFF_EDITS_MAX);
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for steps in 0..=most {
        let mut reached = vec![0; 2 * steps + 1];
        for index in (0..=2 * steps).step_by(2) {
            let (mut x, _) = begin(&rounds, steps, index);
            // The diagonal is `index - steps`, and `y = x - diagonal`.
            let y_of = |x: usize| (x + steps).checked_sub(index);
            while let Some(y) = y_of(x)
                && let (Some(one), Some(other)) = (old.get(x), new.get(y))
                && one == other
            {
                x += 1;
            }
            if let Some(place) = reached.get_mut(index) {
                *place = x;
            }
            if x >= old.len() && y_of(x).is_some_and(|y| y >= new.len()) {
                rounds.push(reached);
                return Some(back(&rounds, steps, index, old, new));
            }
        }
        rounds.push(reached);
    }
    None
}

/// Returns where a diagonal begins in a round, and whether a line of `new` came to get there (otherwise one of `old`
/// went). Diagonals of the round before have an index that is one less.
fn begin(rounds: &[Vec<usize>], steps: usize, index: usize) -> (usize, bool) {
    let Some(last) = steps.checked_sub(1).and_then(|last| rounds.get(last)) else { return (0, false) };
    // From the diagonal above (a line comes) and from the one below (a line goes).
    let above = last.get(index).copied();
    let below = index.checked_sub(2).and_then(|below| last.get(below)).map(|x| x + 1);
    match (above, below) {
        (Some(above), Some(below)) if above >= below => (above, true),
        (Some(above), None) => (above, true),
        (_, Some(below)) => (below, false),
        (None, None) => (0, false),
    }
}

fn back<'t>(
    rounds: &[Vec<usize>],
    steps: usize,
    index: usize,
    old: &[&'t str],
    new: &[&'t str],
) -> Vec<(LineKind, &'t str)> {
    let mut script = Vec::new();
    let (mut x, mut y) = (old.len(), new.len());
    let (mut steps, mut index) = (steps, index);
    loop {
        let (from, comes) = begin(rounds, steps, index);
        while x > from {
            x -= 1;
            y = y.saturating_sub(1);
            script.extend(old.get(x).map(|line| (LineKind::Both, *line)));
        }
        if steps == 0 {
            break;
        }
        if comes {
            y = y.saturating_sub(1);
            script.extend(new.get(y).map(|line| (LineKind::After, *line)));
        } else {
            x -= 1;
            script.extend(old.get(x).map(|line| (LineKind::Before, *line)));
            index -= 2;
        }
        steps -= 1;
    }
    script.reverse();
    script
}
