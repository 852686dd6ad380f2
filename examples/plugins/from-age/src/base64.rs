//! Base64 of RFC 4648, section 4, in its one spelling: bits that mean nothing are zero, or it is refused. Only what anybody
//! may read is written in it, so it need not take the same time for every text.

/// Reads base64 without `=` at its end.
pub(crate) fn bare(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let mut held: u32 = 0;
    let mut held_bits = 0;
    for character in text {
        held = held << 6 | u32::from(value(*character)?);
        held_bits += 6;
        if held_bits >= 8 {
            held_bits -= 8;
            bytes.extend((held >> held_bits).to_be_bytes().last());
            held &= (1 << held_bits) - 1;
        }
    }
    // Six bits are left of a single character that begins a group, which is none.
    (held == 0 && held_bits < 6).then_some(bytes)
}

/// Reads base64 that is filled up with `=` to whole groups of four.
pub(crate) fn filled(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let bare_text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    bare(bare_text)
}

fn value(character: u8) -> Option<u8> {
    Some(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_are_read() {
        for (text, expected) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(filled(text.as_bytes()).as_deref(), Some(expected.as_bytes()), "{text}");
            let without = text.trim_end_matches('=');
            assert_eq!(bare(without.as_bytes()).as_deref(), Some(expected.as_bytes()), "{without}");
        }
        assert_eq!(bare(b"+/+/").as_deref(), Some(&[0xfb, 0xff, 0xbf][..]));
    }

    #[test]
    fn other_spellings_are_refused() {
        for wrong in ["Z", "Zg==", "Zm9vY", "Zh", "Zm9", "Zm 9v", "Zm9v\n", "Zm-v", "Zm_v", "=", "Zm9é"] {
            assert_eq!(bare(wrong.as_bytes()), None, "{wrong}");
        }
        for wrong in ["Zg", "Zg=", "Zh==", "Zm9=", "Zg===", "=", "==", "====", "Z===", "Zm9v====", "Zg==Zg==", "Zm=8"] {
            assert_eq!(filled(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
