//! A resolver that may read secrets, and cannot keep one to itself.

use crate::{Answers, told};
use punix_sdk::cap::{env, log, secrets};
use punix_sdk::resolver::{Request, Resolved};
use punix_sdk::{Error, ErrorClass};
use std::fmt::Write;

pub(crate) fn answers(word: &str, with: &str, requests: &[Request]) -> Option<Answers> {
    if !word.starts_with("tell-") {
        return None;
    }
    let secret = env::get_secret("GRANTED").ok().flatten()?;
    let bytes = match secret.reveal() {
        Ok(bytes) => bytes,
        Err(error) => return Some(vec![told(&crate::said(&error))]),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match word {
        // It stays where it is: what is let go may be overwritten in part.
        "tell-nobody" => std::mem::forget(text),
        "tell-log" => forms(&text).iter().for_each(|form| log::info(form)),
        "tell-name" => log::say(log::Level::Warn, "", &[(text.clone(), "value".to_owned()), ("name".to_owned(), text)]),
        // It ends where a line is cut.
        "tell-cut" => {
            let before: usize = with.parse().ok()?;
            log::info(&format!("{}{text}", "-".repeat(before)));
        }
        "tell-dropped" => {
            (0..300).for_each(|_| log::info("nothing"));
            log::info(&text);
        }
        "tell-panic" => panic!("the password is {text}"),
        "tell-error" => {
            return Some(vec![Err(Error::new(ErrorClass::Permanent, text.clone(), forms(&text).join(" ")).at(text))]);
        }
        "tell-cut-error" => {
            let before: usize = with.parse().ok()?;
            return Some(vec![Err(Error::permanent("cut", format!("{}{text}", "-".repeat(before))))]);
        }
        "tell-version" => {
            let answer = Resolved { value: secret, version: Some(text), ttl_ms: None, renewable: false };
            return Some(vec![Ok(answer)]);
        }
        "tell-label" => {
            let copy = secrets::seal(&text, &bytes).ok()?;
            return Some(vec![told(&copy.label())]);
        }
        "tell-variable" => return Some(vec![told(&crate::outcome(env::get(&text)))]),
        "tell-file" => {
            let found = punix_sdk::cap::files::stat_file("given", &text).map(|stat| stat.is_dir);
            return Some(vec![told(&crate::outcome(found))]);
        }
        "tell-host" => {
            let found = punix_sdk::cap::http::get(format!("https://{text}.example/{text}")).send();
            return Some(vec![told(&crate::outcome(found.map(|answer| answer.status)))]);
        }
        "tell-count" => return Some(requests.iter().flat_map(|_| [told(&text), told(&text)]).collect()),
        _ => return None,
    }
    Some(vec![Ok(secret.into())])
}

/// Writes a text in every way that a plugin might.
fn forms(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    vec![
        format!("plain {text}"),
        format!("debug {text:?}"),
        format!("hex {}", hex(bytes, false)),
        format!("HEX {}", hex(bytes, true)),
        format!("base64 {}", base64(bytes)),
        format!("base64 within {}", base64(format!("user:{text}:x").as_bytes())),
        format!("url {}", url(bytes)),
        format!("json {}", json(text)),
        format!("backwards {}", text.chars().rev().collect::<String>()),
    ]
}

fn hex(bytes: &[u8], upper: bool) -> String {
    let mut out = String::new();
    for byte in bytes {
        let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let letter = LETTERS[(bits >> shift & 63) as usize];
            out.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

fn url(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn json(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
