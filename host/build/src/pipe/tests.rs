//! Other sides that do not say what they should. That the true one builds is shown with the program itself, in
//! `tests/elsewhere.rs`.

use super::client::{PipeError, There};
use super::frame::{ANSWER_BYTES_MAX, FrameError, REQUEST_BYTES_MAX, pack, receive};
use super::message::{Answer, Fated, PROTOCOL, Request};
use super::serve;
use crate::fuzzing::fuzz;
use crate::package::{Package, Packages};
use crate::recipe::find;
use crate::schedule::{Fate, Plan};
use crate::source::{Origin, Source};
use crate::testing::Scratch;
use crate::told::Told;
use proptest::prelude::*;
use punix_diag::{Code, Diagnostic};
use punix_store::{Derivation, PackageName, Parts, Record, Version};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Write, pipe};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

fn packages(names: &[&str]) -> Packages {
    let mut packages = Packages::default();
    for name in names {
        let recipe = find("std.shell").unwrap();
        let parts = Parts {
            package: PackageName::parse(name).unwrap(),
            version: Version::parse("1").unwrap(),
            recipe: recipe.name.to_owned(),
            recipe_digest: recipe.digest(),
            args: Record::new(),
            source: Record::new(),
            system: "x86_64-linux".to_owned(),
            inputs: BTreeSet::new(),
        };
        let derivation = Derivation::new(parts).unwrap();
        let source = Source { origin: Origin::Nothing, patches: Vec::new() };
        packages.add(Package { label: (*name).to_owned(), derivation, recipe, source }).unwrap();
    }
    packages
}

fn hello() -> Answer {
    Answer::Hello { protocol: PROTOCOL, version: "1".to_owned(), system: "x86_64-linux".to_owned() }
}

fn ended(place: u32, fate: Fated) -> Answer {
    Answer::Ended { place, fate }
}

fn built(place: u32) -> Answer {
    ended(place, Fated::Built { ms: 1 })
}

fn done(places: &[u32]) -> Answer {
    Answer::Done { trees: places.iter().map(|&place| (place, "0".repeat(64))).collect() }
}

/// Builds two packages at a side that says all this at once, whatever it is asked. Returns the fates in words.
fn heard(answers: &[Answer]) -> Result<Vec<String>, PipeError> {
    let (ours, mut theirs) = pipe().unwrap();
    let (asked, asks) = pipe().unwrap();
    for answer in answers {
        theirs.write_all(&pack(answer).unwrap()).unwrap();
    }
    drop(theirs);
    let there = There::greeted(asks, ours, Duration::ZERO)?;
    let (packages, again) = (packages(&["one", "two"]), BTreeSet::new());
    let plan = Plan { packages: &packages, wanted: &[0, 1], again: &again, jobs: 1, command: "test" };
    let seen = there.look(plan)?;
    let outcome = there.realise(plan, seen, &BTreeMap::new(), &|_| {}, &AtomicBool::new(false))?;
    drop(asked);
    let word = |fate: &Option<Fate>| match fate {
        Some(Fate::Failed { error, .. }) => format!("{error}"),
        fate => format!("{fate:?}"),
    };
    Ok(outcome.fates.iter().map(word).collect())
}

fn seen(missing: &[u32]) -> [Answer; 3] {
    [hello(), Answer::Opened, Answer::Seen { missing: missing.to_vec() }]
}

fn heard_after(missing: &[u32], more: Vec<Answer>) -> Result<Vec<String>, PipeError> {
    heard(&seen(missing).into_iter().chain(more).collect::<Vec<_>>())
}

#[test]
fn what_answers_is_taken() {
    let started = |place| Answer::Started { place };
    let fates = heard_after(&[1], vec![Answer::Alive, started(1), built(1), done(&[1])]).unwrap();
    assert_eq!(fates, ["Some(Cached)", "Some(Built { took: 1ms })"]);
    let told = Told::of_machine(Diagnostic::error(Code::E8, "the compiler\x1b[2J said no"));
    let failed = ended(0, Fated::Failed { message: "no".to_owned(), is_stop: false, ms: 1 });
    let failure = Answer::Failure { place: 0, told };
    let fates = heard_after(&[0, 1], vec![failed, built(1), failure, done(&[1])]).unwrap();
    assert!(fates[0].starts_with("the compiler") && !fates[0].contains('\x1b'), "{fates:?}");
}

#[test]
fn what_answers_nothing_ends_it() {
    let unasked = |missing: &[u32], more| {
        let heard = heard_after(missing, more);
        assert!(matches!(heard, Err(PipeError::Unasked)), "{heard:?}");
    };
    // A package that nobody sent, one that was there, one that ended, and one that fails behind all.
    unasked(&[7], vec![]);
    unasked(&[1], vec![Answer::Started { place: 7 }]);
    unasked(&[1], vec![built(0)]);
    unasked(&[0, 1], vec![built(1), built(1)]);
    unasked(&[1], vec![built(1), Answer::Failure { place: 1, told: Told::sentence("no", false) }]);
    unasked(&[1], vec![ended(1, Fated::Blocked { by: 9 })]);
    // What was not built, not all that was, and an end before the end.
    unasked(&[1], vec![ended(1, Fated::Cached), done(&[1])]);
    unasked(&[0, 1], vec![built(0), built(1), done(&[0])]);
    unasked(&[0, 1], vec![built(0), done(&[0])]);
    unasked(&[1], vec![built(1), Answer::Done { trees: vec![(1, "no digest".to_owned())] }]);
    unasked(&[1], vec![Answer::Opened]);
    let (first, second) = (heard(&[Answer::Opened]), heard(&[hello(), Answer::Alive]));
    assert!(matches!((first, second), (Err(PipeError::Unasked), Err(PipeError::Unasked))));
}

#[test]
fn who_goes_away_or_refuses_is_named() {
    assert!(matches!(heard(&[]), Err(PipeError::Frame(FrameError::Closed))));
    assert!(matches!(heard_after(&[1], vec![built(1)]), Err(PipeError::Frame(FrameError::Closed))));
    let other = Answer::Hello { protocol: 9, version: "2".to_owned(), system: String::new() };
    assert!(matches!(heard(&[other]), Err(PipeError::Protocol { theirs: 9, .. })));
    let refused = Answer::Refused(Told::of_machine(Diagnostic::error(Code::E17, "not here").help("elsewhere")));
    let Err(error) = heard(&[hello(), refused]) else { panic!() };
    let diagnostic = Diagnostic::from(error);
    assert_eq!((diagnostic.code, diagnostic.help.as_deref()), (Some(Code::E17), Some("elsewhere")));
}

/// Asks the side that builds all this, and returns how the session ended.
fn asked(requests: &[Request]) -> Result<(), FrameError> {
    let bytes: Vec<u8> = requests.iter().flat_map(|request| pack(request).unwrap()).collect();
    served(bytes)
}

fn served(bytes: Vec<u8>) -> Result<(), FrameError> {
    serve(std::io::Cursor::new(bytes), &mut std::io::sink(), Path::new("/nowhere"))
}

fn greeted() -> Request {
    Request::Hello { protocol: PROTOCOL, version: "1".to_owned() }
}

fn open(store: &Path) -> Request {
    Request::Open(super::message::Open {
        store: store.display().to_string(),
        command: "test".to_owned(),
        wait_seconds: 0,
        jobs: None,
        cores: None,
        wall_seconds: 1,
        is_apart: false,
        keep_failed: false,
        lines: false,
    })
}

#[test]
fn who_asks_for_something_else_is_not_served() {
    let scratch = Scratch::new();
    let store = scratch.join("store");
    let look = |wanted: &[u32]| Request::Look { wanted: wanted.to_vec() };
    let build = || Request::Build { sources: vec![(0, "x".to_owned())] };
    for requests in [
        vec![look(&[])],
        vec![greeted(), look(&[])],
        vec![greeted(), open(&store), look(&[0])],
        vec![greeted(), open(&store), build()],
        vec![greeted(), open(&store), look(&[]), greeted()],
        vec![greeted(), open(&store), look(&[]), build()],
    ] {
        let ended = asked(&requests);
        assert!(matches!(ended, Err(FrameError::Alien)), "{requests:?}: {ended:?}");
    }
    // Said so, and ended well.
    assert!(asked(&[greeted(), open(Path::new("relative"))]).is_ok());
    assert!(asked(&[greeted(), open(&store), Request::Package("{}".to_owned())]).is_ok());
    assert!(asked(&[greeted(), open(&store), look(&[])]).is_ok());
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    for most in [REQUEST_BYTES_MAX, ANSWER_BYTES_MAX] {
        let mut bytes = b"PXB1".to_vec();
        bytes.extend((most + 1).to_le_bytes());
        assert!(matches!(receive::<Answer>(&mut bytes.as_slice(), most), Err(FrameError::Large)));
    }
    let bytes = pack(&hello()).unwrap();
    for end in 1..bytes.len() {
        assert!(matches!(receive::<Answer>(&mut &bytes[..end], ANSWER_BYTES_MAX), Err(FrameError::Torn)), "{end}");
    }
}

fuzz! {
    256;

    #[test]
    fn no_bytes_do_harm(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), ours in any::<bool>()) {
        if ours {
            bytes.splice(0..4.min(bytes.len()), *b"PXB1");
        }
        let _ = receive::<Answer>(&mut bytes.as_slice(), ANSWER_BYTES_MAX);
        let _ = served(bytes);
    }

    /// What is nearly a request or an answer does no harm either. The store that is named stays the one of the test.
    #[test]
    fn nothing_that_is_nearly_right_does_harm(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let damaged = |mut bytes: Vec<u8>| {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len() + 1)));
            bytes
        };
        let scratch = Scratch::new();
        let mut bytes = [pack(&greeted()), pack(&open(&scratch.join("store")))].map(Result::unwrap).concat();
        let package = Request::Package("{\"package\": \"a\", \"version\": \"1\"}".to_owned());
        bytes.extend(damaged([pack(&package), pack(&Request::Look { wanted: vec![0, 7] })].map(Result::unwrap).concat()));
        let _ = served(bytes);
        let answer = damaged(pack(&hello()).unwrap());
        let _ = receive::<Answer>(&mut answer.as_slice(), ANSWER_BYTES_MAX);
    }
}
