//! PAX headers: lines `<length> <key>=<value>` that say of the next entry, or of all, what does not fit into a header.

use super::sparse::Piece;
use crate::limits::SPARSE_PIECES_MAX;
use crate::unpack::Fault;

/// What PAX headers and long names say. Keys that are not here say nothing that is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) modified: Option<i64>,
    pub(super) sparse: Sparse,
}

/// What they say of a sparse file, in any of the three forms that GNU tar has written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sparse {
    pub(super) name: Option<Vec<u8>>,
    pub(super) real_size: Option<u64>,
    major: Option<u64>,
    numbers: Option<Vec<u64>>,
}

impl Sparse {
    /// Returns whether the list of pieces stands before the content.
    pub(super) fn is_in_content(&self) -> bool {
        self.major.is_some_and(|major| major > 0)
    }

    /// Returns the list of pieces, if the file is sparse. One that is nothing but a hole has none.
    pub(super) fn pieces(&self) -> Option<Vec<Piece>> {
        let numbers = match &self.numbers {
            None => return self.real_size.map(|_| Vec::new()),
            Some(numbers) => numbers,
        };
        let pairs = numbers.chunks(2);
        Some(pairs.map(|pair| Piece { offset: pair[0], size: pair.get(1).copied().unwrap_or(u64::MAX) }).collect())
    }
}

impl Extended {
    /// Adds what lines say. An empty value takes back what was said before.
    pub(super) fn add(&mut self, mut lines: &[u8]) -> Result<(), Fault> {
        while !lines.is_empty() {
            let (line, rest) = line(lines)?;
            self.set(line.key, line.value)?;
            lines = rest;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let text = (!value.is_empty()).then(|| value.to_vec());
        let sparse = &mut self.sparse;
        match key {
            b"path" => self.path = text,
            b"linkpath" => self.link = text,
            b"size" => self.size = if value.is_empty() { None } else { Some(number(value)?) },
            b"mtime" => self.modified = if value.is_empty() { None } else { Some(seconds(value)?) },
            b"GNU.sparse.name" => sparse.name = text,
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => sparse.real_size = Some(number(value)?),
            b"GNU.sparse.major" => sparse.major = Some(number(value)?),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                let numbers = sparse.numbers.get_or_insert_default();
                // They must take turns, or a size would be taken for an offset.
                if (key == b"GNU.sparse.offset") != numbers.len().is_multiple_of(2) {
                    return Err(Fault::Sparse);
                }
                push(numbers, number(value)?)?;
            }
            b"GNU.sparse.map" => {
                let numbers = sparse.numbers.insert(Vec::new());
                for value in value.split(|byte| *byte == b',').filter(|value| !value.is_empty()) {
                    push(numbers, number(value)?)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn push(numbers: &mut Vec<u64>, number: u64) -> Result<(), Fault> {
    if numbers.len() >= 2 * SPARSE_PIECES_MAX {
        return Err(Fault::Pieces);
    }
    numbers.push(number);
    Ok(())
}

struct Line<'a> {
    key: &'a [u8],
    value: &'a [u8],
}

/// Cuts off the first line. Its length is in bytes, counts itself and the line's end, and rules: a value may have line
/// ends in it.
fn line(lines: &[u8]) -> Result<(Line<'_>, &[u8]), Fault> {
    let cut = || {
        let blank = lines.iter().position(|byte| *byte == b' ')?;
        let length = usize::try_from(number(&lines[..blank]).ok()?).ok()?;
        let (line, rest) = lines.split_at_checked(length)?;
        let line = line.get(blank + 1..)?.strip_suffix(b"\n")?;
        let equals = line.iter().position(|byte| *byte == b'=')?;
        Some((Line { key: &line[..equals], value: &line[equals + 1..] }, rest))
    };
    cut().ok_or(Fault::Unreadable("a line is not what it must be"))
}

/// Reads a decimal number.
pub(super) fn number(digits: &[u8]) -> Result<u64, Fault> {
    let number = digits.iter().try_fold(0u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    });
    number.filter(|_| !digits.is_empty()).ok_or(Fault::Unreadable("what should be a number is none"))
}

/// Reads a time, and leaves out parts of a second. Times before the epoch are all alike.
fn seconds(value: &[u8]) -> Result<i64, Fault> {
    if value.starts_with(b"-") {
        return Ok(0);
    }
    let whole = value.split(|byte| *byte == b'.').next().unwrap_or_default();
    Ok(i64::try_from(number(whole)?).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[u8]) -> Result<Extended, Fault> {
        let mut extended = Extended::default();
        extended.add(lines).map(|()| extended)
    }

    #[test]
    fn lines_say_what_headers_cannot() {
        let lines = b"12 path=a\nb\n20 linkpath=\xff=1 2 3\n24 mtime=1234567890.987\n13 size=1234\n7 x=\0\0\n";
        let wanted = Extended {
            path: Some(b"a\nb".into()),
            link: Some(b"\xff=1 2 3".into()),
            size: Some(1234),
            modified: Some(1_234_567_890),
            sparse: Sparse::default(),
        };
        assert_eq!(read(lines), Ok(wanted));
        assert_eq!(read(b"9 path=a\n8 path=\n").unwrap().path, None);
        assert_eq!(read(b"14 mtime=-1.5\n").unwrap().modified, Some(0));
    }

    #[test]
    fn lines_that_are_none_are_refused() {
        let bad = [
            &b"x"[..],
            b"9 path=a",
            b"11 path=a\n",
            b"8 path=a\n",
            b"0 a=b\n",
            b"2 a=b\n",
            b"-6 a=b\n",
            b"99999999999999999999 a=b\n",
            b"6 abc\n",
            b"11 size=1x\n",
            b"28 size=18446744073709551616\n",
            b" 6 a=b\n",
        ];
        for lines in bad {
            assert!(read(lines).is_err(), "{:?}", String::from_utf8_lossy(lines));
        }
    }

    #[test]
    fn pieces_are_read_in_both_forms() {
        let wanted = Some(vec![Piece { offset: 1, size: 2 }, Piece { offset: 10, size: 3 }]);
        let map = read(b"27 GNU.sparse.map=1,2,10,3\n").unwrap();
        assert_eq!(map.sparse.pieces(), wanted);
        let single =
            b"23 GNU.sparse.offset=1\n25 GNU.sparse.numbytes=2\n24 GNU.sparse.offset=10\n25 GNU.sparse.numbytes=3\n";
        assert_eq!(read(single).unwrap().sparse.pieces(), wanted);
        assert_eq!(read(b"25 GNU.sparse.numbytes=2\n"), Err(Fault::Sparse));
    }
}
