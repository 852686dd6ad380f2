//! "did you mean": the nearest of some names, if one is near enough to be a slip of the hand.

/// Returns the candidate nearest to `name` and its distance, if it is within a third of the name's length
/// (at least one change, at most three). Changing case alone counts as half a change. Ties go to the first.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<(&'a str, usize)> {
    const NAME_CHARS_MAX: usize = 64;
    if name.len() > NAME_CHARS_MAX {
        return None;
    }
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    let folded: Vec<char> = name.to_lowercase().chars().collect();
    let mut best: Option<(&str, usize)> = None;
    for candidate in candidates {
        if candidate == name || candidate.len() > NAME_CHARS_MAX {
            continue;
        }
        let other: Vec<char> = candidate.to_lowercase().chars().collect();
        if folded.len().abs_diff(other.len()) > allowed {
            continue;
        }
        let distance = distance(&folded, &other);
        if distance <= allowed && distance < folded.len() && best.is_none_or(|(_, nearest)| distance < nearest) {
            best = Some((candidate, distance));
        }
    }
    best
}

/// Counts insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut row = above.clone();
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        std::mem::swap(&mut before, &mut above);
        std::mem::swap(&mut above, &mut row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let fields = ["version", "recipe", "source", "deps"];
        assert_eq!(closest("verison", fields), Some(("version", 1)));
        assert_eq!(closest("recpie", fields), Some(("recipe", 1)));
        assert_eq!(closest("Source", fields), Some(("source", 0)));
        assert_eq!(closest("dep", fields), Some(("deps", 1)));
        assert_eq!(closest("x", fields), None);
        assert_eq!(closest("homepage", fields), None);
    }
}
