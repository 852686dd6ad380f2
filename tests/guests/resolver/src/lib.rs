//! A resolver that misbehaves in the way that its configuration says: `{"do":"WORD","with":"TEXT"}`. What it found out, it
//! tells in the message of an error, so that a test can compare it. It must never do anything else by itself.

mod answers;
mod handles;
mod reach;
mod sealed;
mod tell;

use punix_sdk::cap::{clock, env, log};
use punix_sdk::resolver::{Request, Resolved, Resolver};
use punix_sdk::{Diagnostic, Error, Info};
use std::hint::black_box;

pub(crate) type Answers = Vec<Result<Resolved, Error>>;

struct Hostile;

impl Resolver for Hostile {
    fn info() -> Info {
        punix_sdk::info!("Misbehaves as it is told.")
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        vec![Diagnostic::note(Error::invalid("config.heard", config))]
    }

    fn resolve_all(requests: Vec<Request>) -> Answers {
        let config = requests.first().map_or_else(String::new, |request| request.config.clone());
        let (word, with) = (field(&config, "do"), field(&config, "with"));
        let found = misbehave(word, with)
            .or_else(|| reach::answers(word, with, &config, &requests))
            .or_else(|| sealed::answers(word, with, field(&config, "address")))
            .or_else(|| handles::answers(word, with, &requests))
            .or_else(|| tell::answers(word, with, &requests));
        found.unwrap_or_else(|| answers::answers(word, requests))
    }

    fn parse(reference: &str) -> Result<String, Error> {
        match reference {
            "panic" => panic!("no reference is good enough"),
            "loop" => endless(),
            "huge" => Ok("x".repeat(20 << 20)),
            "control" => Ok("a\u{1b}[2J\nb".to_owned()),
            "abilities" => {
                let variable = env::get("PLAIN").map_err(|error| Error::permanent("seen", said(&error)))?;
                Ok(variable.unwrap_or_default())
            }
            other => Ok(other.to_owned()),
        }
    }
}

/// Does what needs nobody.
fn misbehave(word: &str, with: &str) -> Option<Answers> {
    match word {
        "loop" => endless(),
        "panic" => panic!("{with}"),
        "grow" => {
            let mut kept: Vec<Vec<u8>> = Vec::new();
            loop {
                kept.push(black_box(vec![1; 1 << 20]));
            }
        }
        "sleep" => {
            clock::sleep_ms(u32::MAX);
            endless()
        }
        "clock" => {
            clock::sleep_ms(10_000);
            Some(vec![told(&format!("{} {}", clock::now_unix_ms(), clock::monotonic_ns()))])
        }
        "say" => {
            log::info(with);
            None
        }
        _ => None,
    }
}

/// Returns a text of the configuration, in which nothing is escaped.
fn field<'c>(config: &'c str, name: &str) -> &'c str {
    let after = config.split_once(&format!("\"{name}\":\"")).map_or("", |(_, after)| after);
    after.split_once('"').map_or("", |(text, _)| text)
}

/// Answers with something that was found out.
pub(crate) fn told(text: &str) -> Result<Resolved, Error> {
    Err(Error::permanent("told", text))
}

/// Returns an error of the host in one line, as far as it says something.
pub(crate) fn said(error: &Error) -> String {
    format!("{:?} {}: {}", error.class, error.code, error.message)
}

/// Returns what a call came to in one line.
pub(crate) fn outcome<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => said(&error),
    }
}

pub(crate) fn endless() -> ! {
    let mut count = 0u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

punix_sdk::export_resolver!(Hostile);
