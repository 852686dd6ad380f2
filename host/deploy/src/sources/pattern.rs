//! Patterns of names to leave out: they match from the right, part by part. `*` is any run of characters and `?` any one,
//! neither of them a `/`; `[a-z]` and `[!a-z]` are one of a set, and one that is not.

/// A pattern. Invariant: it has a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Vec<Piece>>,
    /// It begins at the root, so no path below a directory fits.
    absolute: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Run,
    Any,
    One(char),
    Set { of: Vec<(char, char)>, inverted: bool },
}

impl Pattern {
    /// Reads a pattern. One without a name in it is none.
    pub(super) fn parse(text: &str) -> Option<Pattern> {
        let parts: Vec<Vec<Piece>> = text.split('/').filter(|part| !matches!(*part, "" | ".")).map(pieces).collect();
        (!parts.is_empty()).then(|| Pattern { parts, absolute: text.starts_with('/') })
    }

    /// Tells whether the last parts of a path fit.
    pub(super) fn fits(&self, path: &[String]) -> bool {
        if self.absolute || path.len() < self.parts.len() {
            return false;
        }
        path.iter().rev().zip(self.parts.iter().rev()).all(|(name, pieces)| fits(name, pieces))
    }
}

fn pieces(part: &str) -> Vec<Piece> {
    let characters: Vec<char> = part.chars().collect();
    let mut rest = characters.as_slice();
    let mut pieces = Vec::new();
    while let [first, behind @ ..] = rest {
        rest = behind;
        pieces.push(match first {
            '*' => Piece::Run,
            '?' => Piece::Any,
            '[' => match set(behind) {
                Some((piece, behind)) => {
                    rest = behind;
                    piece
                }
                // A bracket that is not closed is itself.
                None => Piece::One('['),
            },
            other => Piece::One(*other),
        });
    }
    pieces.dedup_by(|one, before| *one == Piece::Run && *before == Piece::Run);
    pieces
}

/// Reads a set behind its bracket. A `]` that comes first is a member.
fn set(text: &[char]) -> Option<(Piece, &[char])> {
    let (inverted, text) = match text {
        ['!', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let end = text.iter().skip(1).position(|&c| c == ']')? + 1;
    let (mut members, rest) = text.split_at_checked(end)?;
    let mut of = Vec::new();
    loop {
        match members {
            [low, '-', high, more @ ..] => {
                of.push((*low, *high));
                members = more;
            }
            [one, more @ ..] => {
                of.push((*one, *one));
                members = more;
            }
            [] => break,
        }
    }
    Some((Piece::Set { of, inverted }, rest.get(1..)?))
}

/// Matches a name. After a run has begun, only the last one is ever taken back, so this is at most quadratic.
fn fits(name: &str, pieces: &[Piece]) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut piece) = (0, 0);
    let mut run: Option<(usize, usize)> = None;
    while let Some(&character) = name.get(at) {
        let fitting = match pieces.get(piece) {
            Some(Piece::Run) => {
                run = Some((piece, at));
                piece += 1;
                continue;
            }
            Some(Piece::Any) => true,
            Some(Piece::One(one)) => *one == character,
            Some(Piece::Set { of, inverted }) => {
                of.iter().any(|(low, high)| (low..=high).contains(&&character)) != *inverted
            }
            None => false,
        };
        if fitting {
            (at, piece) = (at + 1, piece + 1);
        } else {
            let Some((begun, taken)) = run else { return false };
            run = Some((begun, taken + 1));
            (at, piece) = (taken + 1, begun + 1);
        }
    }
    pieces.get(piece..).is_some_and(|rest| rest.iter().all(|piece| *piece == Piece::Run))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        Pattern::parse(pattern).unwrap().fits(&parts)
    }

    #[test]
    fn a_pattern_matches_from_the_right() {
        for (pattern, path) in [
            ("*.bak", "a.bak"),
            ("*.bak", "sub/deep/a.bak"),
            ("sub/*", "sub/a"),
            ("sub/*", "x/sub/a"),
            ("*", ".hidden"),
            ("./a", "a"),
            ("sub//a", "sub/a"),
            ("a?c", "abc"),
            ("[ab]*", "b.conf"),
            ("[!ab]*", "c"),
            ("[a-c]x", "bx"),
            ("[]]", "]"),
            ("[x", "[x"),
            ("**", "a/b"),
            ("a*b*c", "aXbYbc"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*.bak", "a.bak/b"),
            ("sub/*", "sub"),
            ("sub/*", "sub/deep/a"),
            ("/a", "a"),
            ("a?c", "ac"),
            ("[!ab]*", "a"),
            ("A", "a"),
            ("a*b", "abc"),
            ("..", "a"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
        assert_eq!((Pattern::parse(""), Pattern::parse("./"), Pattern::parse("/")), (None, None, None));
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        assert!(!matches(&"*a".repeat(1_000), &"a".repeat(999)));
        assert!(!matches(&format!("{}b", "*a".repeat(100)), &"a".repeat(5_000)));
    }
}
