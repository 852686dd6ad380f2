//! Bytes as base64, as kept plans and some files have them: with `=` at the end, and one writing for each value.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns the four letters of at most three bytes.
pub(crate) fn quad(bytes: &[u8]) -> [u8; 4] {
    let byte = |index: usize| u32::from(bytes.get(index).copied().unwrap_or(0));
    let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    let letter = |shift: u32| LETTERS.get((bits >> shift & 63) as usize).copied().unwrap_or(b'=');
    let filled = |index: usize, shift: u32| if bytes.len() > index { letter(shift) } else { b'=' };
    [letter(18), letter(12), filled(1, 6), filled(2, 0)]
}

/// Writes bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.chunks(3).flat_map(quad).map(char::from).collect()
}

/// Reads what [`encode`] writes, and nothing else.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let letters = text.as_bytes();
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3);
    if !letters.len().is_multiple_of(4) {
        return None;
    }
    let mut fours = letters.chunks(4).peekable();
    while let Some(four) = fours.next() {
        let filling = four.iter().rev().take_while(|&&letter| letter == b'=').count();
        if filling > 2 || (filling > 0 && fours.peek().is_some()) {
            return None;
        }
        let mut bits = 0u32;
        for letter in four.iter().take(4 - filling) {
            bits = bits << 6 | value(*letter)?;
        }
        bits <<= 6 * filling;
        let three = bits.to_be_bytes();
        let whole = three.get(1..4 - filling)?;
        // What is left over would be a second writing of the same bytes.
        if three.get(4 - filling..)?.iter().any(|&byte| byte != 0) {
            return None;
        }
        bytes.extend_from_slice(whole);
    }
    Some(bytes)
}

fn value(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
    }

    #[test]
    fn there_is_one_writing() {
        for text in ["Z", "Zg=", "Zg==Zg==", "Zh==", "Zm9=", "Z===", "====", "Zg ==", "Zm9v\n", "Zm-_"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
