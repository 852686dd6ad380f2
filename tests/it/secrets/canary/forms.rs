//! What a secret can look like. Written again here, so that a form that punix forgets is not forgotten by its test.

use punix_store::Digest;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

/// A secret of 24 characters that nothing else looks like.
#[derive(Clone)]
pub(super) struct Canary(String);

impl Canary {
    /// Makes one that has a letter, a quote, a backslash, a dollar sign and a percent sign in it, whatever else.
    pub(super) fn random() -> Canary {
        let mut bytes = [0; 24];
        File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).expect("there is randomness");
        let mut text: Vec<u8> = bytes.iter().map(|byte| b'!' + byte % 94).collect();
        for (place, byte) in [(3, b'"'), (7, b'\\'), (11, b'$'), (13, b'%'), (17, b'\'')] {
            text[place] = byte;
        }
        // A line that begins like a comment, or ends like an escape, is refused in some places.
        text[0] = b'K';
        text[23] = b'z';
        Canary(String::from_utf8(text).expect("it is ASCII"))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// Looks for secrets in every form, in one go.
pub(super) struct Search {
    /// Kind of the secret, name of the form, and how it looks.
    forms: Vec<(String, String, Vec<u8>)>,
    /// What a panic is made to say.
    words: Vec<u8>,
    /// Says of each pair of bytes whether a form begins with it; and which.
    begins: Vec<bool>,
    which: HashMap<usize, Vec<usize>>,
}

impl Search {
    pub(super) fn of<'c>(canaries: impl IntoIterator<Item = (&'c str, &'c Canary)>) -> Search {
        let mut search =
            Search { forms: Vec::new(), words: Vec::new(), begins: vec![false; 1 << 16], which: HashMap::new() };
        for (kind, canary) in canaries {
            search.words.extend(words(canary));
            for (name, form) in forms(canary) {
                let pair = usize::from(form[0]) << 8 | usize::from(form[1]);
                search.begins[pair] = true;
                search.which.entry(pair).or_default().push(search.forms.len());
                search.forms.push((kind.to_owned(), name, form));
            }
        }
        search
    }

    /// Returns which secret is in some bytes, and in which form.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<(&str, &str)> {
        bytes.windows(2).enumerate().find_map(|(at, pair)| {
            let pair = usize::from(pair[0]) << 8 | usize::from(pair[1]);
            if !self.begins[pair] {
                return None;
            }
            let forms = self.which[&pair].iter().map(|form| &self.forms[*form]);
            let mut found = forms.filter(|(_, _, form)| bytes[at..].starts_with(form));
            found.next().map(|(kind, name, _)| (kind.as_str(), name.as_str()))
        })
    }

    /// Returns what a panic is made to say.
    pub(super) fn words(&self) -> &[u8] {
        &self.words
    }
}

/// Returns all forms of a secret, by name.
fn forms(canary: &Canary) -> Vec<(String, Vec<u8>)> {
    let text = canary.text();
    let raw = text.as_bytes();
    let mut forms: Vec<(String, Vec<u8>)> = vec![("it is".to_owned(), raw.to_vec())];
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    forms.push(("hex".to_owned(), hex.clone().into_bytes()));
    forms.push(("HEX".to_owned(), hex.to_uppercase().into_bytes()));
    forms.push(("it is, reversed".to_owned(), raw.iter().rev().copied().collect()));
    for skip in 0..3 {
        // Whole triples: what stands around it does not matter for these.
        let whole = &raw[skip..skip + (raw.len() - skip) / 3 * 3];
        for (name, digits) in [("base64", STANDARD), ("base64url", FOR_URLS)] {
            forms.push((format!("{name} from {skip}"), base64(whole, digits)));
        }
    }
    forms.push((
        "URL".to_owned(),
        escaped(raw, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte), |byte| format!("%{byte:02X}")),
    ));
    let quoted = serde_json::Value::from(text).to_string();
    forms.push(("JSON".to_owned(), quoted.trim_matches('"').as_bytes().to_vec()));
    forms.push(("shell".to_owned(), text.replace('\'', r"'\''").into_bytes()));
    forms.push(("Rust".to_owned(), text.escape_debug().to_string().into_bytes()));
    // Pieces of it tell more, however the rest is written.
    forms.extend(raw.chunks(12).enumerate().map(|(place, piece)| (format!("piece {place}"), piece.to_vec())));
    forms.push(("its sum".to_owned(), Digest::of(raw).to_string().into_bytes()));
    forms.push((
        "url".to_owned(),
        escaped(raw, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte), |byte| format!("%{byte:02x}")),
    ));
    forms.push(("JSON in JSON".to_owned(), {
        let twice = serde_json::Value::from(quoted.as_str()).to_string();
        twice.trim_matches('"').trim_start_matches("\\\"").trim_end_matches("\\\"").as_bytes().to_vec()
    }));
    forms.push((
        "shell".to_owned(),
        escaped(raw, |byte| !b"\"\\$`".contains(&byte), |byte| format!("\\{}", char::from(byte))),
    ));
    let unit = |doubled: &[u8]| {
        escaped(
            raw,
            |byte| !b"\"\\".contains(&byte) && !doubled.contains(&byte),
            |byte| match byte {
                b'"' | b'\\' => format!("\\{}", char::from(byte)),
                byte => format!("{0}{0}", char::from(byte)),
            },
        )
    };
    forms.push(("systemd".to_owned(), unit(b"%")));
    forms.push(("systemd".to_owned(), unit(b"%$")));
    forms.push(("a file for systemd".to_owned(), unit(b"")));
    forms
}

/// Returns lines in which a secret stands in the ways in which somebody may write it who does not know what it is: those
/// that punix looks for in all that it says.
fn words(canary: &Canary) -> Vec<u8> {
    let text = canary.text();
    let raw = text.as_bytes();
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut lines = vec![
        raw.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        raw.iter().rev().copied().collect(),
        escaped(raw, is_plain, |byte| format!("%{byte:02X}")),
        serde_json::json!({ "password": text }).to_string().into_bytes(),
        text.replace('\'', r"'\''").into_bytes(),
        format!("{text:?}").into_bytes(),
    ];
    for (before, behind) in [("", ""), ("x", "yz"), ("xy", "z")] {
        let whole = format!("{before}{text}{behind}");
        lines.extend([STANDARD, FOR_URLS].map(|digits| base64(whole.as_bytes(), digits)));
    }
    lines.iter().flat_map(|line| [b"it said ".as_slice(), line, b" here\n"].concat()).collect()
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FOR_URLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(bytes: &[u8], digits: &[u8; 64]) -> Vec<u8> {
    let triple = |three: &[u8]| {
        let bits = three.iter().fold(0, |bits: u32, byte| bits << 8 | u32::from(*byte));
        [18, 12, 6, 0].map(|shift| digits[(bits >> shift & 63) as usize])
    };
    bytes.chunks_exact(3).flat_map(triple).collect()
}

fn escaped(bytes: &[u8], is_plain: impl Fn(u8) -> bool, escape: impl Fn(u8) -> String) -> Vec<u8> {
    bytes.iter().flat_map(|byte| if is_plain(*byte) { vec![*byte] } else { escape(*byte).into_bytes() }).collect()
}

#[test]
fn a_form_is_found_wherever_it_stands() {
    let canary = Canary::random();
    let search = Search::of([("this", &canary)]);
    let text = canary.text();
    let json = serde_json::json!({ "a": text }).to_string();
    for found in [
        format!("x{text}y"),
        json.clone(),
        serde_json::Value::from(json).to_string(),
        text.replace('\'', r"'\''"),
        text[12..].to_owned(),
        format!("a\0{}\n", &text[..12]),
    ] {
        assert!(search.find(found.as_bytes()).is_some(), "{found}");
    }
    assert_eq!(search.find(text.as_bytes()), Some(("this", "it is")));
    for other in ["", "K", "something else", Canary::random().text()] {
        assert_eq!(search.find(other.as_bytes()), None, "{other}");
    }
}
