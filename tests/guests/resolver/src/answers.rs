//! Answers that are none: too few, too many, somebody else's.

use crate::Answers;
use punix_sdk::Error;
use punix_sdk::cap::env;
use punix_sdk::resolver::{Request, Resolved, Secret};

/// Answers each request with the variable that it names, and then spoils that.
pub(crate) fn answers(word: &str, requests: Vec<Request>) -> Answers {
    let mut found: Answers = requests.iter().map(|request| variable(&request.reference)).collect();
    match word {
        "too-few" => drop(found.pop()),
        "none" => found.clear(),
        "too-many" => found.extend((0..2).map(|_| variable("GRANTED"))),
        "swap" => found.reverse(),
        "all-the-first" => {
            let reference = requests.first().map_or("", |request| request.reference.as_str());
            found = requests.iter().map(|_| variable(reference)).collect();
        }
        "same-twice" => {
            let number = match &found[0] {
                Ok(first) => first.value.handle(),
                Err(_) => 0,
            };
            // SAFETY: none; that is what is tried.
            found[1] = Ok(unsafe { Secret::from_handle(number) }.into());
        }
        "credential" => {
            let own = requests.into_iter().flat_map(|request| request.credentials);
            found = own.map(|(_, secret)| Ok(secret.into())).collect();
        }
        "version" => {
            let odd = |resolved: Resolved| Resolved { version: Some("\u{1b}[2J1\n2".repeat(100)), ..resolved };
            found = found.into_iter().map(|answer| answer.map(odd)).collect();
        }
        _ => {}
    }
    found
}

fn variable(name: &str) -> Result<Resolved, Error> {
    match env::get_secret(name)? {
        Some(secret) => Ok(secret.into()),
        None => Err(Error::not_found("absent", format!("`{name}` is not set"))),
    }
}
