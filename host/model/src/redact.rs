//! One filter for every text that leaves: where a secret stands in it, as it is or in a usual encoding, a mark stands
//! instead. What it looks for is as secret as what it was made of, and is overwritten when it goes.

use crate::secret::Secret;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// What stands in place of a secret.
pub const HIDDEN: &str = "[secret]";

/// Shorter values are not looked for: they would hide half of every text.
const HIDDEN_BYTES_MIN: usize = 4;
/// In base64, what surrounds a value reaches into its first and last letters; so many are left aside, and a value of
/// which less remains is not looked for in that form.
const BASE64_LETTERS_MIN: usize = 6;

/// Longer values are looked for by pieces: comparing with all of a key or certificate at every letter would take long.
const WHOLE_BYTES_MAX: usize = 256;
/// How long a piece is. Whatever shows twice as much of a long value in one stretch is noticed.
const PIECE_BYTES: usize = 16;

/// Looks for a set of secrets.
#[derive(Clone, Default)]
pub struct Redactor {
    forms: Forms,
    /// Sums of pieces of the long ones.
    pieces: Sums,
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
        let mut long: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for secret in secrets {
            let bytes = secret.expose();
            if bytes.len() > WHOLE_BYTES_MAX {
                long.extend(forms_of(bytes));
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
        Redactor { forms: Forms::of(forms), pieces: Sums::of(&long) }
    }

    /// Returns a text without them. Of a text in which a piece of a long one stands, nothing is left: where it begins and
    /// ends is not known.
    pub fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.has_piece(text.as_bytes()) {
            return Cow::Borrowed(HIDDEN);
        }
        let mut rest = text.as_bytes();
        let Some(mut found) = self.forms.first_in(rest) else { return Cow::Borrowed(text) };
        let mut clean = Vec::with_capacity(text.len());
        loop {
            let (before, behind) = rest.split_at(found.0);
            clean.extend_from_slice(before);
            clean.extend_from_slice(HIDDEN.as_bytes());
            rest = behind.get(found.1..).unwrap_or_default();
            match self.forms.first_in(rest) {
                Some(next) => found = next,
                None => break,
            }
        }
        clean.extend_from_slice(rest);
        Cow::Owned(String::from_utf8_lossy(&clean).into_owned())
    }

    /// Tells whether one of them stands in some bytes.
    pub fn finds_in(&self, bytes: &[u8]) -> bool {
        self.has_piece(bytes) || self.forms.first_in(bytes).is_some()
    }

    /// Tells whether a piece of a long one stands in some bytes, wherever it begins.
    fn has_piece(&self, bytes: &[u8]) -> bool {
        if self.pieces.is_empty() {
            return false;
        }
        let Some(first) = bytes.get(..PIECE_BYTES) else { return false };
        let mut rolling = sum(first);
        if self.pieces.has(rolling) {
            return true;
        }
        bytes.iter().zip(bytes.iter().skip(PIECE_BYTES)).any(|(gone, come)| {
            rolling = rolling.wrapping_sub(u64::from(*gone).wrapping_add(1).wrapping_mul(WEIGHT_OF_FIRST));
            rolling = rolling.wrapping_mul(WEIGHT).wrapping_add(u64::from(*come).wrapping_add(1));
            self.pieces.has(rolling)
        })
    }
}

/// What is looked for as a whole. An automaton would be as fast, and could not be overwritten.
#[derive(Clone, Default)]
struct Forms {
    /// Sorted by their first two bytes, of which there are always more; among those that have the same, longer ones first.
    forms: Vec<Zeroizing<Vec<u8>>>,
    /// A bit for each pair of bytes: whether one of them begins with it. Empty if there is none.
    begins: Zeroizing<Vec<u64>>,
}

impl Forms {
    fn of(mut forms: Vec<Zeroizing<Vec<u8>>>) -> Forms {
        forms.retain(|form| form.len() >= HIDDEN_BYTES_MIN);
        let key = |form: &Zeroizing<Vec<u8>>| pair(form, 0);
        forms.sort_by(|one, other| {
            key(one).cmp(&key(other)).then(other.len().cmp(&one.len())).then_with(|| one.cmp(other))
        });
        forms.dedup();
        let mut begins = Zeroizing::new(Vec::new());
        if !forms.is_empty() {
            begins.resize((1 << 16) / 64, 0_u64);
        }
        for pair in forms.iter().filter_map(key) {
            if let Some(word) = begins.get_mut(usize::from(pair) / 64) {
                *word |= 1 << (pair % 64);
            }
        }
        Forms { forms, begins }
    }

    /// Returns where the first one stands, and how long it is: the longest of those that begin there.
    fn first_in(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        if self.forms.is_empty() {
            return None;
        }
        (0..bytes.len()).find_map(|at| {
            let pair = pair(bytes, at)?;
            let word = self.begins.get(usize::from(pair) / 64)?;
            if word >> (pair % 64) & 1 == 0 {
                return None;
            }
            let rest = bytes.get(at..)?;
            let from = self.forms.partition_point(|form| self::pair(form, 0) < Some(pair));
            let same = self.forms.iter().skip(from).take_while(|form| self::pair(form, 0) == Some(pair));
            let found = same.into_iter().find(|form| rest.starts_with(form))?;
            Some((at, found.len()))
        })
    }
}

/// Returns two bytes as a number.
fn pair(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// A set of sums, in one stretch of memory.
#[derive(Clone, Default)]
struct Sums {
    /// At least half of the places are free, which is said by a zero. Their number is a power of two.
    places: Zeroizing<Vec<u64>>,
}

impl Sums {
    /// Adds up the pieces of all that is looked for piece by piece.
    fn of(long: &[Zeroizing<Vec<u8>>]) -> Sums {
        let count: usize = long.iter().map(|form| form.len() / PIECE_BYTES).sum();
        let mut sums = Sums::default();
        if count > 0 {
            sums.places.resize((2 * count).next_power_of_two(), 0);
        }
        for piece in long.iter().flat_map(|form| form.chunks_exact(PIECE_BYTES)) {
            let sum = sum(piece).max(1);
            if let Some(place) = sums.place(sum).and_then(|place| sums.places.get_mut(place)) {
                *place = sum;
            }
        }
        sums
    }

    fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn has(&self, sum: u64) -> bool {
        let sum = sum.max(1);
        self.place(sum).and_then(|place| self.places.get(place)).is_some_and(|found| *found == sum)
    }

    /// Returns where a sum is, or would be.
    fn place(&self, sum: u64) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        // What is added up ends in what the last byte was; the upper half is more mixed.
        let start = (sum.wrapping_mul(WEIGHT) >> 32) as usize;
        (0..=mask)
            .map(|step| start.wrapping_add(step) & mask)
            .find(|place| self.places.get(*place).is_some_and(|found| *found == 0 || *found == sum))
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

/// Returns a value as it is and as others write it. Each has its room from the start, so that it never moves and leaves
/// copies behind.
fn forms_of(bytes: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut forms = vec![
        Zeroizing::new(bytes.to_vec()),
        hex(bytes, b"0123456789abcdef"),
        hex(bytes, b"0123456789ABCDEF"),
        url(bytes, false),
        url(bytes, true),
        shell(bytes),
        written(bytes.len(), bytes.iter().rev().copied()),
    ];
    for alphabet in [BASE64, BASE64_URL] {
        forms.extend((0..3).filter_map(|before| base64_within(bytes, before, alphabet)));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let mut quoted = Zeroizing::new(String::with_capacity(JSON_BYTES_MAX * text.len() + 2));
        punix_diag::json_string(text, &mut quoted);
        let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        forms.extend(inside.map(|inside| Zeroizing::new(inside.as_bytes().to_vec())));
        forms.push(json_unicode(text));
        forms.push(written(RUST_BYTES_MAX * text.len(), utf8(text.escape_debug())));
    }
    forms
}

/// How many bytes one can become in JSON, `\u0000`, and as Rust shows it, `\u{10ffff}`.
const JSON_BYTES_MAX: usize = 6;
const RUST_BYTES_MAX: usize = 10;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Writes bytes to where there is room for all of them.
fn written(room: usize, bytes: impl Iterator<Item = u8>) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(room));
    out.extend(bytes.take(room));
    out
}

/// Returns the bytes of characters.
fn utf8(text: impl Iterator<Item = char>) -> impl Iterator<Item = u8> {
    text.flat_map(|character| {
        let mut bytes = [0; 4];
        let length = character.encode_utf8(&mut bytes).len();
        bytes.into_iter().take(length)
    })
}

fn hex(bytes: &[u8], digits: &'static [u8; 16]) -> Zeroizing<Vec<u8>> {
    let two = |byte: &u8| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]];
    written(2 * bytes.len(), bytes.iter().flat_map(two))
}

/// Returns the letters that a value has in base64 wherever so many bytes (modulo three) stand before it.
fn base64_within(bytes: &[u8], before: usize, alphabet: &[u8; 64]) -> Option<Zeroizing<Vec<u8>>> {
    let length = before + bytes.len();
    let at =
        |place: usize| u32::from(place.checked_sub(before).and_then(|place| bytes.get(place)).copied().unwrap_or(0));
    // Letters that also depend on what stands before or behind are left out.
    let first = [0, 2, 3][before];
    let whole_bits = length * 8 / 6;
    let letter = |place: usize| {
        let chunk = place / 4 * 3;
        let bits = at(chunk) << 16 | at(chunk + 1) << 8 | at(chunk + 2);
        alphabet[(bits >> (18 - 6 * (place % 4)) & 63) as usize]
    };
    let room = whole_bits.checked_sub(first).filter(|room| *room >= BASE64_LETTERS_MIN)?;
    Some(written(room, (first..whole_bits).map(letter)))
}

fn url(bytes: &[u8], plus: bool) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(3 * bytes.len()));
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            b' ' if plus => out.push(b'+'),
            _ => {
                out.push(b'%');
                out.extend_from_slice(&hex(&[*byte], b"0123456789ABCDEF"));
            }
        }
    }
    out
}

/// Returns a text as JSON has it that keeps what is not ASCII.
fn json_unicode(text: &str) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(String::with_capacity(JSON_BYTES_MAX * text.len()));
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
    Zeroizing::new(out.as_bytes().to_vec())
}

fn shell(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let piece = |byte: &u8| match byte {
        b'\'' => *br"'\''",
        other => [*other, 0, 0, 0],
    };
    let length = |byte: &u8| if *byte == b'\'' { 4 } else { 1 };
    written(4 * bytes.len(), bytes.iter().flat_map(|byte| piece(byte).into_iter().take(length(byte))))
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
            String::from_utf8(letters.to_vec()).unwrap()
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
        let encoded = String::from_utf8(base64_within(key.as_bytes(), 0, BASE64).unwrap().to_vec()).unwrap();
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
