//! Handles that are made up, used after they are gone, used for something else, or far too many.

use crate::{Answers, outcome, told};
use punix_sdk::cap::blobs::{self, Blob, Sink};
use punix_sdk::cap::{env, files, secrets};
use punix_sdk::resolver::{Request, Secret};
use std::mem::forget;

pub(crate) fn answers(word: &str, with: &str, requests: &[Request]) -> Option<Answers> {
    let number: u32 = with.parse().unwrap_or(0);
    let given = || env::get_secret("GRANTED").ok().flatten();
    match word {
        "answer-forged" => Some(requests.iter().map(|_| Ok(secret(number).into())).collect()),
        "label-forged" => {
            let forged = secret(number);
            let label = forged.label();
            // Whoever it belongs to will let it go.
            forget(forged);
            Some(vec![told(&label)])
        }
        "read-forged" => Some(vec![told(&outcome(blob(number).read(1)))]),
        "fill-forged" => Some(vec![told(&outcome(secrets::from_blob(&blob(number), false).map(|_| "a secret")))]),
        "drop-forged" => {
            drop(secret(number));
            None
        }
        // A number that was good in the call before, which told it.
        "tell-number" => {
            let held = given()?;
            let told = told(&held.handle().to_string());
            forget(held);
            Some(vec![told])
        }
        "after-drop" => {
            let held = given()?;
            let number = held.handle();
            drop(held);
            Some(vec![told(&secret(number).label())])
        }
        "drop-twice" => {
            let held = given()?;
            drop(secret(held.handle()));
            drop(held);
            None
        }
        "secret-as-blob" => {
            let held = given()?;
            Some(vec![told(&outcome(blob(held.handle()).read(100)))])
        }
        "blob-as-secret" => {
            let made = blobs::of(b"a blob").ok()?;
            Some(vec![Ok(secret(made.take_handle()).into())])
        }
        "sink-after-finish" => {
            let sink = Sink::new();
            let number = sink.handle();
            let finished = Sink::finish(sink);
            // SAFETY: none; that is what is tried.
            let gone = unsafe { Sink::from_handle(number) };
            Some(vec![told(&format!("{:?} {}", finished.is_ok(), outcome(gone.write(b"more"))))])
        }
        "many-secrets" => loop {
            forget(env::get_secret("GRANTED").ok().flatten());
        },
        // Each is another one, and none is held for longer than it takes.
        "many-sealed" => {
            let mut number = 0u64;
            loop {
                drop(secrets::seal("number", format!("a secret with the number {number:016}").as_bytes()).ok()?);
                number += 1;
            }
        }
        "many-sinks" => loop {
            forget(Sink::new());
        },
        "many-blobs" => loop {
            forget(Sink::finish(Sink::new()));
        },
        "many-files" => loop {
            forget(files::open("given", "secret"));
        },
        // Few handles, and much behind each.
        "large-sinks" => {
            let piece = vec![1; 256 << 10];
            let sinks: Vec<Sink> = (0..8).map(|_| Sink::new()).collect();
            loop {
                for sink in &sinks {
                    sink.write(&piece).ok()?;
                }
            }
        }
        // Each is what the one before was, twice.
        "doubling" => {
            let mut last = blobs::of(&[1; 1024]).ok()?;
            loop {
                let sink = Sink::new();
                sink.append(&last).ok()?;
                sink.append(&last).ok()?;
                last = Sink::finish(sink).ok()?;
            }
        }
        "fine-churn" => {
            for _ in 0..5_000 {
                drop(blobs::of(b"0123456789abcdef"));
            }
            for _ in 0..500 {
                drop(env::get_secret("GRANTED"));
            }
            Some(vec![told("many handles, and never more than one at a time")])
        }
        _ => None,
    }
}

fn secret(number: u32) -> Secret {
    // SAFETY: none; that is what is tried.
    unsafe { Secret::from_handle(number) }
}

fn blob(number: u32) -> Blob {
    // SAFETY: none; that is what is tried.
    unsafe { Blob::from_handle(number) }
}
