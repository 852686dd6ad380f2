//! Decides what stands on one line, and writes it. One pass over the words; sums from the front tell at once how
//! wide a group would be on one line and whether something in it ends a line.

use super::shape::{Form, Gap, Group, Line, Shape};
use super::tokens::{Comment, Word, columns, slice};
use crate::canon::TooLong;
use crate::limits;

/// Columns of a line.
const WIDTH: u32 = 100;
const INDENT: u32 = 2;

/// How a group is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// On one line with all that is in it.
    Flat,
    /// A comprehension on one line up to its body's bracket, which is broken.
    Hanging,
    Broken,
}

/// A group that is being written.
struct Frame {
    first: usize,
    last: usize,
    mode: Mode,
    /// The indentation of the line on which it begins.
    base: u32,
}

/// What all words up to one sum up to.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    /// Columns on one line.
    width: u32,
    /// Gaps with comments.
    comments: u32,
    /// Strings of several lines, and groups that the user broke.
    broken: u32,
}

struct Layout<'a> {
    text: &'a str,
    words: &'a [Word],
    comments: &'a [Comment],
    shape: &'a Shape,
    sums: Vec<Sum>,
    /// Columns from the end of a word to the next place where a line may end.
    rest: Vec<u32>,
    frames: Vec<Frame>,
    out: String,
    column: u32,
    /// Of the current line.
    indent: u32,
}

/// Writes the words in their layout.
pub(super) fn write(text: &str, words: &[Word], comments: &[Comment], shape: &Shape) -> Result<String, TooLong> {
    let mut layout = Layout {
        text,
        words,
        comments,
        shape,
        sums: sums(words, shape),
        rest: rest(words, &shape.gaps),
        frames: Vec::new(),
        out: String::with_capacity(text.len() + text.len() / 8),
        column: 0,
        indent: 0,
    };
    let mut groups = shape.groups.iter().peekable();
    for index in 0..words.len() {
        while layout.frames.last().is_some_and(|frame| frame.last < index) {
            layout.frames.pop();
        }
        layout.gap(index);
        if let Some(group) = groups.next_if(|group| *group.words.start() == index) {
            layout.enter(group);
        }
        layout.word(index);
        if layout.out.len() >= limits::PROGRAM_BYTES_MAX {
            return Err(TooLong);
        }
    }
    if !layout.out.is_empty() {
        layout.out.push('\n');
    }
    Ok(layout.out)
}

fn sums(words: &[Word], shape: &Shape) -> Vec<Sum> {
    let mut groups = shape.groups.iter().peekable();
    let mut sum = Sum::default();
    let sums = words.iter().enumerate().map(|(index, word)| {
        let broken = groups.next_if(|group| *group.words.start() == index).is_some_and(|group| group.broken);
        sum.width += shape.gaps[index].flat.len() as u32 + word.width;
        sum.comments += u32::from(shape.commented[index]);
        sum.broken += u32::from(word.multiline) + u32::from(broken);
        sum
    });
    sums.collect()
}

fn rest(words: &[Word], gaps: &[Gap]) -> Vec<u32> {
    let mut rest = vec![0; words.len()];
    for index in (1..words.len()).rev() {
        let gap = gaps[index];
        rest[index - 1] = if gap.line != Line::Never {
            gap.flat.trim_end().len() as u32
        } else if words[index].multiline {
            gap.flat.len() as u32 + words[index].width
        } else {
            gap.flat.len() as u32 + words[index].width + rest[index]
        };
    }
    rest
}

impl Layout<'_> {
    /// Returns the columns from the beginning of one word to the end of another on one line.
    fn width(&self, first: usize, last: usize) -> u32 {
        self.sums[last].width - self.sums[first].width + self.words[first].width
    }

    /// Tells whether something ends a line from the beginning of one word to the end of another.
    fn is_broken(&self, first: usize, last: usize) -> bool {
        let before = first.checked_sub(1).map_or(0, |before| self.sums[before].broken);
        self.sums[last].broken > before || self.sums[last].comments > self.sums[first].comments
    }

    /// Decides how a group is printed whose first word comes next.
    fn enter(&mut self, group: &Group) {
        let (first, last) = (*group.words.start(), *group.words.end());
        let around = self.frames.last().map_or(Mode::Broken, |frame| frame.mode);
        let mode = match around {
            Mode::Flat => Mode::Flat,
            Mode::Hanging | Mode::Broken => self.mode(group.form, first, last),
        };
        self.frames.push(Frame { first, last, mode, base: self.indent });
    }

    fn mode(&self, form: Form, first: usize, last: usize) -> Mode {
        let fits = |column: u32, first: usize| {
            !self.is_broken(first, last) && column + self.width(first, last) + self.rest[last] <= WIDTH
        };
        if fits(self.column, first) {
            return Mode::Flat;
        }
        let Form::Each { result, body: Some(body) } = form else { return Mode::Broken };
        // A bracket is kept on one line where that is possible on a line of its own, so that it is not seen as broken
        // by the user when this is formatted again.
        let own_line = fits(self.indent + INDENT, result);
        let head = !self.is_broken(first, body - 1) && !self.shape.commented[body];
        let hangs = head && !own_line && self.column + self.width(first, body) <= WIDTH;
        if hangs { Mode::Hanging } else { Mode::Broken }
    }

    /// Writes what stands before a word, comments too.
    fn gap(&mut self, index: usize) {
        let gap = self.shape.gaps[index];
        let (mode, base, edge) = match self.frames.last() {
            Some(frame) => (frame.mode, frame.base, frame.first + 1 == index),
            None => (Mode::Broken, 0, false),
        };
        let (inside, outside) = match gap.line {
            Line::Always => (0, 0),
            Line::Part | Line::Clause if mode == Mode::Broken => (base + INDENT, base + INDENT),
            Line::Close if mode == Mode::Broken => (base + INDENT, base),
            Line::Never | Line::Part | Line::Clause | Line::Close => {
                self.out.push_str(gap.flat);
                self.column += gap.flat.len() as u32;
                return;
            }
        };
        self.out.push_str(gap.flat.trim_end());
        // Empty lines part groups of members, fields and elements; beside a bracket they say nothing.
        let mut parts = gap.line != Line::Clause && !edge;
        while let Some((comment, left)) = self.comments.split_first().filter(|(comment, _)| comment.before == index) {
            self.comments = left;
            if comment.trailing {
                self.out.push(' ');
            } else {
                self.line(inside, comment.after_blank && parts);
                parts = gap.line != Line::Clause;
            }
            self.out.push_str(slice(self.text, comment.span).trim_end());
        }
        if index + 1 < self.words.len() {
            self.line(outside, self.words[index].after_blank && parts && gap.line != Line::Close);
        }
    }

    /// Begins a line.
    fn line(&mut self, indent: u32, after_blank: bool) {
        if !self.out.is_empty() {
            self.out.push_str(if after_blank { "\n\n" } else { "\n" });
        }
        self.out.extend(std::iter::repeat_n(' ', indent as usize));
        (self.column, self.indent) = (indent, indent);
    }

    fn word(&mut self, index: usize) {
        let word = self.words[index];
        let shown = slice(self.text, word.span);
        self.out.push_str(shown);
        self.column =
            if word.multiline { shown.rsplit('\n').next().map_or(0, columns) } else { self.column + word.width };
    }
}
