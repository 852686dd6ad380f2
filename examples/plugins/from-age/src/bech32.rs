//! Bech32 of BIP 173, without its limit of length: how identities are written.

use zeroize::Zeroizing;

/// The characters by their values.
const CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM_CHARACTERS: usize = 6;

/// Reads a text, and returns the lower case of what stands before the last `1`, and the bytes behind it.
pub(crate) fn decode(text: &str) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    if has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) {
        return None;
    }
    let (prefix, data) = text.rsplit_once('1')?;
    if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let prefix = prefix.to_ascii_lowercase();
    let mut values = Zeroizing::new(Vec::with_capacity(data.len()));
    for character in data.bytes() {
        let value = CHARACTERS.iter().position(|known| *known == character.to_ascii_lowercase())?;
        values.push(u8::try_from(value).ok()?);
    }
    if checksum(&prefix, &values) != 1 {
        return None;
    }
    let (data, _) = values.split_at_checked(values.len().checked_sub(CHECKSUM_CHARACTERS)?)?;
    Some((prefix, bytes(data)?))
}

/// Joins groups of five bits. Less than one group may be left over, and only zeros.
fn bytes(values: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(values.len() * 5 / 8));
    let mut held: u32 = 0;
    let mut held_bits = 0;
    for value in values {
        held = held << 5 | u32::from(*value);
        held_bits += 5;
        if held_bits >= 8 {
            held_bits -= 8;
            bytes.extend((held >> held_bits).to_be_bytes().last());
            held &= (1 << held_bits) - 1;
        }
    }
    (held == 0 && held_bits < 5).then_some(bytes)
}

/// Returns the remainder of the text as a polynomial, which is 1 where its checksum is right.
fn checksum(prefix: &str, values: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    let all = high.chain([0]).chain(low).chain(values.iter().copied());
    all.fold(1, |before, value| {
        let top = before >> 25;
        let shifted = (before & 0x01ff_ffff) << 5 ^ u32::from(value);
        let taken = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        taken.fold(shifted, |sum, (_, generator)| sum ^ generator)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_are_read() {
        for (text, prefix, length) in [
            ("A12UEL5L", "a", 0),
            ("a12uel5l", "a", 0),
            (
                "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
                "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio",
                0,
            ),
            ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", 20),
            ("?1ezyfcl", "?", 0),
        ] {
            let (found, bytes) = decode(text).unwrap();
            assert_eq!((found.as_str(), bytes.len()), (prefix, length), "{text}");
        }
        let (_, bytes) = decode("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw").unwrap();
        assert_eq!(bytes[..6], [0x00, 0x44, 0x32, 0x14, 0xc7, 0x42]);
    }

    #[test]
    fn everything_else_is_refused() {
        for wrong in [
            "",
            "1",
            "a1",
            "pzry9x0s0muk",
            "1pzry9x0s0muk",
            "x1b4n0q5v",
            "li1dgmt3",
            "A1G7SGD8",
            "10a06t8",
            "1qzzfhee",
            "A12UeL5L",
            "a12uel5m",
            "a12uel5",
            "é12uel5l",
            "a 12uel5l",
            "\u{7f}1axkwrx",
        ] {
            assert!(decode(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn one_wrong_character_is_found() {
        let text = "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw";
        for at in 0..text.len() {
            for other in ["q", "p", "7"].into_iter().filter(|other| text[at..=at] != **other) {
                let mut wrong = text.to_owned();
                wrong.replace_range(at..=at, other);
                assert!(decode(&wrong).is_none(), "{wrong}");
            }
        }
    }
}
