//! What stands before the content: for whom the file is. It is read strictly, so that a header has one spelling.
//!
//! ```text
//! age-encryption.org/v1
//! -> X25519 <share>
//! <the wrapped file key>
//! --- <seal>
//! ```

use crate::base64;
use crate::fault::{Fault, Part};

const MAGIC: &[u8] = b"age-encryption.org/";
const LINE_CHARACTERS: usize = 64;

/// A header that was read. Whether anybody changed it is not known before its seal is checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header<'f> {
    pub(crate) stanzas: Vec<Stanza<'f>>,
    /// What the seal is of.
    pub(crate) sealed: &'f [u8],
    pub(crate) seal: [u8; 32],
    /// What follows.
    pub(crate) payload: &'f [u8],
}

/// The file key, wrapped for one recipient.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stanza<'f> {
    pub(crate) kind: &'f [u8],
    pub(crate) arguments: Vec<&'f [u8]>,
    pub(crate) body: Vec<u8>,
}

/// Tells whether bytes begin as a header does.
pub(crate) fn is_header(file: &[u8]) -> bool {
    file.starts_with(MAGIC)
}

/// Reads the header of a file.
pub(crate) fn read(file: &[u8]) -> Result<Header<'_>, Fault> {
    let rest = file.strip_prefix(MAGIC).ok_or(Fault::NotAge)?;
    let (version, rest) = line(rest).ok_or(DAMAGED)?;
    if version != b"v1" {
        return Err(Fault::Version);
    }
    let mut stanzas = Vec::new();
    let mut left = rest;
    while let Some(arguments) = left.strip_prefix(b"-> ") {
        let (stanza, rest) = stanza(arguments).ok_or(DAMAGED)?;
        stanzas.push(stanza);
        left = rest;
    }
    let after_mark = left.strip_prefix(b"---").ok_or(DAMAGED)?;
    let (seal, payload) = line(after_mark).ok_or(DAMAGED)?;
    let seal = seal.strip_prefix(b" ").and_then(base64::bare).and_then(|seal| seal.try_into().ok()).ok_or(DAMAGED)?;
    let sealed = file.strip_suffix(after_mark).ok_or(DAMAGED)?;
    match stanzas.is_empty() {
        false => Ok(Header { stanzas, sealed, seal, payload }),
        true => Err(DAMAGED),
    }
}

const DAMAGED: Fault = Fault::Damaged { part: Part::Header };

fn stanza(text: &[u8]) -> Option<(Stanza<'_>, &[u8])> {
    let (arguments, mut left) = line(text)?;
    let mut arguments = arguments.split(|byte| *byte == b' ');
    let kind = arguments.next()?;
    let arguments: Vec<&[u8]> = arguments.collect();
    let is_word = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_graphic);
    if !is_word(kind) || !arguments.iter().all(|word| is_word(word)) {
        return None;
    }
    let mut body = Vec::new();
    loop {
        let (piece, rest) = line(left)?;
        left = rest;
        if piece.len() > LINE_CHARACTERS {
            return None;
        }
        body.extend(base64::bare(piece)?);
        if piece.len() < LINE_CHARACTERS {
            return Some((Stanza { kind, arguments, body }, left));
        }
    }
}

/// Splits behind the first line, which has to end.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = text.split_at_checked(end)?;
    Some((line, rest.strip_prefix(b"\n")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAL: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn its_parts_are_found() {
        let full = "QUJD".repeat(16);
        let text = format!("age-encryption.org/v1\n-> a ! ~\n{full}\nZg\n-> b\n\n-> c x\n{full}\n\n--- {SEAL}\nrest\n");
        let header = read(text.as_bytes()).unwrap();
        let found: Vec<_> =
            header.stanzas.iter().map(|stanza| (stanza.kind, stanza.arguments.len(), stanza.body.len())).collect();
        assert_eq!(found, [(&b"a"[..], 2, 49), (&b"b"[..], 0, 0), (&b"c"[..], 1, 48)]);
        assert_eq!((header.seal, header.payload), ([0; 32], &b"rest\n"[..]));
        assert!(header.sealed.ends_with(b"\n\n---"));
    }

    #[test]
    fn other_spellings_are_refused() {
        let good = format!("age-encryption.org/v1\n-> a b\nZg\n--- {SEAL}\n");
        read(good.as_bytes()).unwrap();
        for (from, to) in [
            ("-> a", "->  a"),
            ("-> a", "->a"),
            ("-> a", "->\ta"),
            ("a b", "a  b"),
            ("a b", "a b "),
            ("a b", "a é"),
            ("a b", ""),
            ("a b", "a\tb"),
            ("\n", "\r\n"),
            ("Zg\n", "Zg\r\n"),
            ("Zg\n", "Zg==\n"),
            ("Zg\n", "Zh\n"),
            ("Zg\n", "Z g\n"),
            ("Zg\n", ""),
            ("Zg\n", "Zg\n\n"),
            ("Zg\n", "Zg\n "),
            ("-> a b\nZg\n", ""),
            ("---", "--"),
            ("--- ", "---"),
            ("--- ", "---  "),
            ("AAA\n", "AAA"),
            ("AAA\n", "AAA=\n"),
            ("AAA\n", "AAB\n"),
            ("AAA\n", "AAAA\n"),
            ("AAA\n", "AA\n"),
        ] {
            let wrong = good.replacen(from, to, 1);
            assert_ne!(wrong, good);
            let fault = read(wrong.as_bytes()).unwrap_err();
            assert!(matches!(fault, Fault::Damaged { part: Part::Header } | Fault::Version), "{wrong}: {fault:?}");
        }
        for short in 0..good.len() {
            assert!(read(&good.as_bytes()[..short]).is_err(), "{short}");
        }
        for (other, fault) in [
            ("", Fault::NotAge),
            ("age-encryption.org", Fault::NotAge),
            (" age-encryption.org/v1\n", Fault::NotAge),
            ("age-encryption.org/v2\n", Fault::Version),
            ("age-encryption.org/v1", DAMAGED),
        ] {
            assert_eq!(read(other.as_bytes()), Err(fault), "{other}");
        }
    }
}
