//! The form of an encrypted file that is text: strict PEM of RFC 7468, in its one spelling. Around it may be white space,
//! and lines end either all with LF or all with CRLF.

use crate::base64;
use crate::fault::{Fault, Part};
use std::borrow::Cow;

const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";
const LINE_CHARACTERS: usize = 64;

/// Tells whether bytes are in armor.
pub(crate) fn is_armored(file: &[u8]) -> bool {
    file.trim_ascii_start().starts_with(BEGIN)
}

/// Returns what is in the armor, or the file itself if it wears none.
pub(crate) fn take_off(file: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    match is_armored(file) {
        true => inside(file.trim_ascii()).map(Cow::Owned).ok_or(Fault::Damaged { part: Part::Armor }),
        false => Ok(Cow::Borrowed(file)),
    }
}

fn inside(text: &[u8]) -> Option<Vec<u8>> {
    let rest = text.strip_prefix(BEGIN)?;
    let line_end: &[u8] = if rest.starts_with(b"\r\n") { b"\r\n" } else { b"\n" };
    let body = rest.strip_prefix(line_end)?.strip_suffix(END)?.strip_suffix(line_end)?;
    let mut joined = Vec::with_capacity(body.len());
    let mut lines = body.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        // What is behind the last one is already gone.
        let line = if is_last || line_end.len() == 1 { line } else { line.strip_suffix(b"\r")? };
        let is_long_enough = if is_last { !line.is_empty() } else { line.len() == LINE_CHARACTERS };
        if !is_long_enough || line.len() > LINE_CHARACTERS {
            return None;
        }
        joined.extend_from_slice(line);
    }
    base64::filled(&joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wear(body: &str) -> String {
        format!("-----BEGIN AGE ENCRYPTED FILE-----\n{body}-----END AGE ENCRYPTED FILE-----\n")
    }

    #[test]
    fn what_is_inside_is_found() {
        let full = "QUJD".repeat(16);
        for (body, expected) in [
            ("Zm9v\n".to_owned(), "foo".to_owned()),
            ("Zg==\n".to_owned(), "f".to_owned()),
            (format!("{full}\n"), "ABC".repeat(16)),
            (format!("{full}\n{full}\nZm8=\n"), "ABC".repeat(32) + "fo"),
        ] {
            let text = wear(&body);
            for text in
                [text.clone(), text.trim().to_owned(), format!(" \r\n\t{text}\n \n"), text.replace('\n', "\r\n")]
            {
                assert_eq!(take_off(text.as_bytes()).as_deref(), Ok(expected.as_bytes()), "{text}");
            }
        }
        assert_eq!(take_off(b" no armor ").as_deref(), Ok(&b" no armor "[..]));
    }

    #[test]
    fn other_spellings_are_refused() {
        let full = "QUJD".repeat(16);
        for body in [
            String::new(),
            "\n".to_owned(),
            "Zm9v".to_owned(),
            "Zm9v\n\n".to_owned(),
            "\nZm9v\n".to_owned(),
            "Zm9v \n".to_owned(),
            " Zm9v\n".to_owned(),
            "Zm8\n".to_owned(),
            "Zh==\n".to_owned(),
            "Zm9v\nZm9v\n".to_owned(),
            "Zg==\nZm9v\n".to_owned(),
            "Zm9v\r\n".to_owned(),
            format!("{full}\n\n"),
            format!("{full}QUJD\n"),
            format!("{full}\r\nZm9v\n"),
            "Version: 1\n\nZm9v\n".to_owned(),
        ] {
            assert_eq!(take_off(wear(&body).as_bytes()), Err(Fault::Damaged { part: Part::Armor }), "{body}");
        }
        let text = wear("Zm9v\n");
        for wrong in [
            format!("{text}more"),
            text.replace("END AGE", "END age"),
            text.replace("-----END", "----END"),
            text.replace("FILE-----\nZ", "FILE----- \nZ"),
            text.replace("FILE-----\nZ", "FILE-----\r\nZ"),
            text.replace("\n-----END", "\r\n-----END"),
            text.repeat(2),
        ] {
            assert_eq!(take_off(wrong.as_bytes()), Err(Fault::Damaged { part: Part::Armor }), "{wrong}");
        }
    }
}
