//! Base64 in its one form: the usual alphabet, filled up with `=`, no bits left over. Only records of the old form have
//! any.

/// Reads a text; `None` if it is not exactly what an encoder writes.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let (quads, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(quads.len() * 3);
    for (index, quad) in quads.iter().enumerate() {
        let is_last = index + 1 == quads.len();
        let filled = quad.iter().rev().take_while(|digit| **digit == b'=').count();
        if filled > 2 || (filled > 0 && !is_last) {
            return None;
        }
        let mut bits: u32 = 0;
        for digit in quad.iter().take(4 - filled) {
            bits = bits << 6 | u32::from(value(*digit)?);
        }
        bits <<= 6 * filled;
        let [_, three @ ..] = bits.to_be_bytes();
        let (kept, over) = three.split_at(3 - filled);
        if over.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(kept);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_encoder_writes_is_read() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYg==", b"foob"),
            ("+/+/", b"\xfb\xff\xbf"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in
            ["Z", "Zg", "Zg=", "Zg==\n", "!!Zg==", "Zh==", "Zm9=", "====", "Z===", "Zg==Zg==", "Zm-_", "Zm8=Zm9v"]
        {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
