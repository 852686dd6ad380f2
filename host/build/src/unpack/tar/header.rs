//! One header of a tar archive: a block of 512 bytes with fields of text, numbers among them.

pub(super) const BLOCK_BYTES: usize = 512;

pub(super) type Block = [u8; BLOCK_BYTES];

/// A header whose checksum is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) mode: u64,
    /// Bytes of content that follow; not yet those that PAX headers may tell of.
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) kind: u8,
    /// The size of a sparse file of the old kind with its holes.
    pub(super) real_size: Option<u64>,
}

const CHECKSUM: std::ops::Range<usize> = 148..156;

impl Header {
    pub(super) fn parse(block: &Block) -> Result<Header, &'static str> {
        check(block)?;
        let kind = block[156];
        let size = number(&block[124..136]).and_then(|size| u64::try_from(size).ok());
        let real_size = match kind {
            b'S' => number(&block[483..495]).and_then(|size| u64::try_from(size).ok()),
            _ => None,
        };
        if kind == b'S' && real_size.is_none() {
            return Err("a header has a size that is no number");
        }
        Ok(Header {
            name: name(block),
            link: until_nul(&block[157..257]).to_vec(),
            mode: number(&block[100..108]).and_then(|mode| u64::try_from(mode).ok()).unwrap_or(0),
            size: size.ok_or("a header has a size that is no number")?,
            modified: number(&block[136..148]).unwrap_or(0),
            kind,
            real_size,
        })
    }
}

/// Returns a field up to the NUL that ends it, if one does.
pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Reads a number: octal digits, or if the first bit is set, two's complement in the bits that follow. An empty field
/// is zero; `None` if it is no number or does not fit.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    match field.first()? {
        first if first & 0x80 != 0 => {
            // The sign is the second bit; the first one only tells that this is no text.
            let first = i128::from(((first << 1) as i8) >> 1);
            let mut value = first;
            for byte in &field[1..] {
                value = value.checked_mul(256)? + i128::from(*byte);
            }
            i64::try_from(value).ok()
        }
        _ => {
            let text = until_nul(field).trim_ascii();
            text.iter().try_fold(0i64, |value, digit| match digit {
                b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
                _ => None,
            })
        }
    }
}

fn check(block: &Block) -> Result<(), &'static str> {
    let sums = |of: fn(u8) -> i64| {
        let bytes = block.iter().enumerate();
        bytes.map(|(at, byte)| if CHECKSUM.contains(&at) { of(b' ') } else { of(*byte) }).sum::<i64>()
    };
    let wanted = number(&block[CHECKSUM]).ok_or("the checksum of a header is no number")?;
    // Some old programs added the bytes up as signed numbers.
    if wanted == sums(i64::from) || wanted == sums(|byte| i64::from(byte as i8)) {
        return Ok(());
    }
    Err("the checksum of a header is wrong")
}

/// Puts the two parts of a name together. Only POSIX headers have two; those of `star` have times in the second one.
fn name(block: &Block) -> Vec<u8> {
    let name = until_nul(&block[..100]);
    let is_posix = &block[257..263] == b"ustar\0";
    let is_star = &block[508..512] == b"tar\0";
    let prefix = until_nul(&block[345..if is_star { 476 } else { 500 }]);
    if is_posix && !prefix.is_empty() { [prefix, name].join(&b'/') } else { name.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_kinds() {
        let cases: [(&[u8], Option<i64>); 11] = [
            (b"0000644\0", Some(0o644)),
            (b"  644 \0\0", Some(0o644)),
            (b"77777777777\0", Some(0o77_777_777_777)),
            (b"777777777777", Some(0o777_777_777_777)),
            (b"\0\0\0\0", Some(0)),
            (b"    ", Some(0)),
            (b"12x\0", None),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Some(0x2_0000_0000)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x80\x01\0\0\0\0\0\0\0\0\0\0", None),
            (b"-1\0", None),
        ];
        for (field, wanted) in cases {
            assert_eq!(number(field), wanted, "{field:?}");
        }
    }
}
