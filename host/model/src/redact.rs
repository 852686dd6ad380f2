//! One filter for every text that leaves: where a secret stands in it, as it is or in a usual encoding, a mark stands
//! instead.

use crate::secret::Secret;
use aho_corasick::{AhoCorasick, MatchKind};
use std::borrow::Cow;
use std::collections::HashSet;
use zeroize::Zeroizing;

/// What stands in place of a secret.
pub const HIDDEN: &str = "[secret]";

/// Shorter values are not looked for: they would hide half of every text.
const HIDDEN_BYTES_MIN: usize = 4;
/// In base64, what surrounds a value reaches into its first and last letters; so many are left aside, and a value of
/// which less remains is not looked for in that form.
const BASE64_LETTERS_MIN: usize = 6;

/// Longer values are looked for by pieces: an automaton for all of a key or certificate would take megabytes to make.
const WHOLE_BYTES_MAX: usize = 256;
/// How long a piece is. Whatever shows twice as much of a long value in one stretch is noticed.
const PIECE_BYTES: usize = 16;

/// Looks for a set of secrets.
#[derive(Clone, Default)]
pub struct Redactor {
    patterns: Option<AhoCorasick>,
    /// Sums of pieces of the long ones.
    pieces: HashSet<u64>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(..)")
    }
}

impl Redactor {
    /// Makes a filter for some secrets.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Redactor {
        let mut forms: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        let mut pieces = HashSet::new();
        for secret in secrets {
            let bytes = secret.expose();
            if bytes.len() > WHOLE_BYTES_MAX {
                forms_of(bytes).iter().for_each(|form| pieces.extend(form.chunks_exact(PIECE_BYTES).map(sum)));
                continue;
            }
            if bytes.len() >= HIDDEN_BYTES_MIN {
                forms.extend(forms_of(bytes));
            }
            // A text of several lines is often shown line by line.
            let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let several = lines.clone().nth(1).is_some();
            forms.extend(
                lines
                    .filter(|line| several && line.len() >= 2 * HIDDEN_BYTES_MIN)
                    .map(|line| Zeroizing::new(line.to_vec())),
            );
        }
        if forms.is_empty() {
            return Redactor { patterns: None, pieces };
        }
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(forms.iter().map(|form| form.as_slice()))
            .expect("the secrets of a run are far from four gigabytes");
        Redactor { patterns: Some(built), pieces }
    }

    /// Returns a text without them. Of a text in which a piece of a long one stands, nothing is left: where it begins and
    /// ends is not known.
    pub fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.has_piece(text.as_bytes()) {
            return Cow::Borrowed(HIDDEN);
        }
        let Some(patterns) = &self.patterns else { return Cow::Borrowed(text) };
        if !patterns.is_match(text) {
            return Cow::Borrowed(text);
        }
        let mut clean = Vec::with_capacity(text.len());
        patterns.replace_all_with_bytes(text.as_bytes(), &mut clean, |_, _, out| {
            out.extend_from_slice(HIDDEN.as_bytes());
            true
        });
        Cow::Owned(String::from_utf8_lossy(&clean).into_owned())
    }

    /// Tells whether one of them stands in some bytes.
    pub fn finds_in(&self, bytes: &[u8]) -> bool {
        self.has_piece(bytes) || self.patterns.as_ref().is_some_and(|patterns| patterns.is_match(bytes))
    }

    /// Tells whether a piece of a long one stands in some bytes, wherever it begins.
    fn has_piece(&self, bytes: &[u8]) -> bool {
        if self.pieces.is_empty() {
            return false;
        }
        let Some(first) = bytes.get(..PIECE_BYTES) else { return false };
        let mut rolling = sum(first);
        if self.pieces.contains(&rolling) {
            return true;
        }
        bytes.iter().zip(bytes.iter().skip(PIECE_BYTES)).any(|(gone, come)| {
            rolling = rolling.wrapping_sub(u64::from(*gone).wrapping_add(1).wrapping_mul(WEIGHT_OF_FIRST));
            rolling = rolling.wrapping_mul(WEIGHT).wrapping_add(u64::from(*come).wrapping_add(1));
            self.pieces.contains(&rolling)
        })
    }
}

/// What each byte of a sum weighs more than the next; any large odd number will do.
const WEIGHT: u64 = 0x9e37_79b9_7f4a_7c15;
const WEIGHT_OF_FIRST: u64 = weight(PIECE_BYTES - 1);

const fn weight(times: usize) -> u64 {
    let (mut weight, mut done) = (1_u64, 0);
    while done < times {
        weight = weight.wrapping_mul(WEIGHT);
        done += 1;
    }
    weight
}

/// Adds up a piece, so that the sum of the next one follows from two bytes.
fn sum(piece: &[u8]) -> u64 {
    piece.iter().fold(0, |sum: u64, byte| sum.wrapping_mul(WEIGHT).wrapping_add(u64::from(*byte).wrapping_add(1)))
}

/// Returns a value as it is and as others write it.
fn forms_of(bytes: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut forms = vec![bytes.to_vec(), hex(bytes, b"0123456789abcdef"), hex(bytes, b"0123456789ABCDEF")];
    for alphabet in [BASE64, BASE64_URL] {
        forms.extend((0..3).filter_map(|before| base64_within(bytes, before, alphabet)));
    }
    forms.extend([url(bytes, false), url(bytes, true), shell(bytes)]);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let mut quoted = String::new();
        punix_diag::json_string(text, &mut quoted);
        let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        forms.extend(inside.map(|inside| inside.as_bytes().to_vec()));
        forms.push(json_unicode(text).into_bytes());
        forms.push(text.escape_debug().to_string().into_bytes());
    }
    forms.push(bytes.iter().rev().copied().collect());
    forms.sort();
    forms.dedup();
    forms.into_iter().map(Zeroizing::new).collect()
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn hex(bytes: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]).collect()
}

/// Returns the letters that a value has in base64 wherever so many bytes (modulo three) stand before it.
fn base64_within(bytes: &[u8], before: usize, alphabet: &[u8; 64]) -> Option<Vec<u8>> {
    let shifted: Vec<u8> = std::iter::repeat_n(0, before).chain(bytes.iter().copied()).collect();
    let letters: Vec<u8> = shifted
        .chunks(3)
        .flat_map(|chunk| {
            let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
            let bits = at(0) << 16 | at(1) << 8 | at(2);
            [18, 12, 6, 0].map(|shift| alphabet[(bits >> shift & 63) as usize])
        })
        .collect();
    // Letters that also depend on what stands before or behind are left out.
    let first = [0, 2, 3][before];
    let whole_bits = shifted.len() * 8 / 6;
    let middle = letters.get(first..whole_bits)?;
    (middle.len() >= BASE64_LETTERS_MIN).then(|| middle.to_vec())
}

fn url(bytes: &[u8], plus: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            b' ' if plus => out.push(b'+'),
            _ => {
                out.push(b'%');
                out.extend(hex(&[*byte], b"0123456789ABCDEF"));
            }
        }
    }
    out
}

/// Returns a text as JSON has it that keeps what is not ASCII.
fn json_unicode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if other.is_ascii_control() => out.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => out.push(other),
        }
    }
    out
}

fn shell(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| if *byte == b'\'' { br"'\''".to_vec() } else { vec![*byte] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(secret: &str, text: &str) -> String {
        Redactor::new([&Secret::new(secret.as_bytes().to_vec())]).clean(text).into_owned()
    }

    #[test]
    fn a_secret_is_found_in_every_usual_form() {
        let secret = "p\"ä ss'w%rd\\1";
        for (form, text) in [
            ("plain", secret.to_owned()),
            ("hex", "7022c3a420737327772572645c31".to_owned()),
            ("HEX", "7022C3A420737327772572645C31".to_owned()),
            ("url", "p%22%C3%A4%20ss%27w%25rd%5C1".to_owned()),
            ("form", "p%22%C3%A4+ss%27w%25rd%5C1".to_owned()),
            ("json", "p\\\"\u{e4} ss'w%rd\\\\1".to_owned()),
            ("shell", r#"p"ä ss'\''w%rd\1"#.to_owned()),
        ] {
            assert_eq!(clean(secret, &format!("a {text} b")), "a [secret] b", "{form}");
        }
        assert_eq!(clean("swordfish", "hsifdrows"), "[secret]");
    }

    #[test]
    fn base64_is_found_wherever_the_value_begins() {
        let encode = |text: &str| {
            let letters = base64_within(text.as_bytes(), 0, BASE64).unwrap_or_default();
            String::from_utf8(letters).unwrap()
        };
        for before in ["", "x", "xy", "xyz"] {
            let text = encode(&format!("{before}correct horse{before}"));
            assert!(clean("correct horse", &text).contains(HIDDEN), "{text}");
        }
        assert_eq!(clean("correct horse", "Y29ycmVjdCBob3JzZQ=="), "[secret]Q==");
    }

    #[test]
    fn a_long_secret_is_noticed_by_any_stretch_of_it() {
        let key: String =
            (0..4_000_u32).map(|n| char::from(b'!' + (n.wrapping_mul(2_654_435_761) >> 13) as u8 % 90)).collect();
        let secret = Secret::new(key.clone().into_bytes());
        let redactor = Redactor::new([&secret]);
        for start in [0, 1, 7, 1_000, 3_969] {
            let text = format!("it said {}!", &key[start..start + 31]);
            assert_eq!(redactor.clean(&text), HIDDEN, "{start}");
        }
        let encoded = String::from_utf8(base64_within(key.as_bytes(), 0, BASE64).unwrap()).unwrap();
        assert!(redactor.finds_in(&encoded.as_bytes()[500..540]));
        assert_eq!(
            redactor.clean("an innocent text that is long enough to have pieces"),
            "an innocent text that is long enough to have pieces"
        );
        assert_eq!(redactor.clean("short"), "short");
    }

    #[test]
    fn what_is_short_or_nothing_stays() {
        assert_eq!(clean("abc", "abc abc"), "abc abc");
        assert_eq!(clean("", "text"), "text");
    }

    #[test]
    fn a_text_of_several_lines_is_found_line_by_line() {
        assert_eq!(clean("first line 1\nsecond line\n", "it said: second line!"), "it said: [secret]!");
    }
}
