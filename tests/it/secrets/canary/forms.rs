//! What a secret can look like. Written again here, so that a form that punix forgets is not forgotten by its test.

use punix_store::Digest;
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

/// Returns in which form a secret is in some bytes, if it is.
pub(super) fn finds(canary: &Canary, bytes: &[u8]) -> Option<String> {
    let text = canary.text();
    let raw = text.as_bytes();
    let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    // Most files have none of it. Pieces of it tell that, however the rest is written.
    let mut forms: Vec<(String, Vec<u8>)> = vec![("it is".to_owned(), raw.to_vec())];
    for (place, piece) in raw.chunks(12).enumerate() {
        forms.push((format!("piece {place}"), piece.to_vec()));
    }
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    forms.push(("hex".to_owned(), hex.clone().into_bytes()));
    forms.push(("HEX".to_owned(), hex.to_uppercase().into_bytes()));
    forms.push(("its sum".to_owned(), Digest::of(raw).to_string().into_bytes()));
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
    forms.push((
        "url".to_owned(),
        escaped(raw, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte), |byte| format!("%{byte:02x}")),
    ));
    let quoted = serde_json::Value::from(text).to_string();
    forms.push(("JSON".to_owned(), quoted.trim_matches('"').as_bytes().to_vec()));
    forms.push(("JSON in JSON".to_owned(), {
        let twice = serde_json::Value::from(quoted.as_str()).to_string();
        twice.trim_matches('"').trim_start_matches("\\\"").trim_end_matches("\\\"").as_bytes().to_vec()
    }));
    forms.push(("shell".to_owned(), text.replace('\'', r"'\''").into_bytes()));
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
    forms.push(("Rust".to_owned(), text.escape_debug().to_string().into_bytes()));
    forms.into_iter().find(|(_, form)| has(form)).map(|(name, _)| name)
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
    let text = canary.text();
    let json = serde_json::json!({ "a": text }).to_string();
    for found in [
        format!("x{text}y"),
        json.clone(),
        serde_json::Value::from(json).to_string(),
        text.replace('\'', r"'\''"),
        text[12..].to_owned(),
    ] {
        assert!(finds(&canary, found.as_bytes()).is_some(), "{found}");
    }
    for other in ["", "something else", Canary::random().text()] {
        assert_eq!(finds(&canary, other.as_bytes()), None, "{other}");
    }
}
