use super::*;
use crate::ability::secrets::Made;
use crate::runtime::bindings::cap::punix::base::types::ErrorClass;
use crate::runtime::bindings::cap::punix::cap::blobs::HostSink;
use crate::runtime::testing::{Desk, refusal};
use crate::word::Pointer;
use std::collections::BTreeSet;

const DOCUMENT: &str = r#"{"data":{"password":"hunter2","port":5432},"lease_duration":3600}"#;

fn pushed(state: &mut State, text: &str, public: &[&str]) -> u32 {
    let public = public.iter().map(|text| Pointer::parse(text).unwrap()).collect();
    let blob = Blob {
        bytes: Zeroizing::new(text.as_bytes().to_vec()),
        read: 0,
        sealed: true,
        made: Made::Whole,
        origin: Origin::Host("vault:8200".to_owned()),
        public,
    };
    state.push_blob(blob).unwrap().rep()
}

fn blob(rep: u32) -> Resource<Blob> {
    Resource::new_own(rep)
}

fn held(state: &State, handle: &Resource<HeldSecret>) -> (String, String) {
    let held = state.table.get(handle).unwrap();
    (String::from_utf8(held.value.expose().to_vec()).unwrap(), held.label.clone())
}

#[test]
fn a_value_is_taken_out_without_being_seen() {
    let mut state = Desk::new().state();
    let document = pushed(&mut state, DOCUMENT, &[]);
    let handle = state.extract_json(blob(document), "/data/password".to_owned()).unwrap().unwrap();
    assert_eq!(held(&state, &handle), ("hunter2".to_owned(), "http:vault:8200#/data/password".to_owned()));
    assert_eq!(state.table.get(&handle).unwrap().origin, Origin::Host("vault:8200".to_owned()));
    let port = state.extract_json(blob(document), "/data/port".to_owned()).unwrap().unwrap();
    assert_eq!(held(&state, &port).0, "5432");
    assert_eq!(refusal(state.extract_json(blob(document), "/data".to_owned())).code, "secret.shape");
    assert_eq!(refusal(state.extract_json(blob(document), "/nothing".to_owned())).class, ErrorClass::NotFound);
    assert!(state.redactor().finds_in(b"the password is hunter2"));
}

#[test]
fn no_error_says_what_is_in_a_document() {
    let mut state = Desk::new().state();
    let document = pushed(&mut state, r#"{"hunter2":{"hunter2":"hunter2"#, &["/a"]);
    for error in [
        refusal(state.extract_json(blob(document), "/a".to_owned())),
        refusal(state.public_json(blob(document), "/a".to_owned())),
    ] {
        assert_eq!(error.code, "secret.not-json");
        assert!(!error.message.contains("hunter2"), "{}", error.message);
    }
}

#[test]
fn only_members_that_are_public_are_read() {
    let mut state = Desk::new().state();
    let document = pushed(&mut state, DOCUMENT, &["/lease_duration", "/absent"]);
    let mut read = |pointer: &str| state.public_json(blob(document), pointer.to_owned()).unwrap();
    assert_eq!(read("/lease_duration").unwrap().as_deref(), Some("3600"));
    assert_eq!(read("/absent").unwrap(), None);
    for pointer in ["/data/password", "/data", "", "/hunter2"] {
        assert_eq!(read(pointer).unwrap_err().class, ErrorClass::Denied, "{pointer}");
    }
}

#[test]
fn revealing_is_granted_apart() {
    let mut state = Desk::new().flag(Kind::Seal).state();
    let handle = state.seal("x".to_owned(), b"hunter2".to_vec()).unwrap().unwrap();
    let again = || Resource::new_own(handle.rep());
    let error = refusal(state.reveal(again()));
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Denied, "secret.not-granted"));
    assert_eq!(state.denied.get(&Kind::Reveal), Some(&1));
    let mut state = Desk::new().flag(Kind::Reveal).variable("A", b"hunter2").env("A", crate::Form::Secret).state();
    let get = crate::runtime::bindings::cap::punix::cap::env::Host::get_secret(&mut state, "A".to_owned());
    let handle = get.unwrap().unwrap().unwrap();
    assert_eq!(state.reveal(handle).unwrap().unwrap(), b"hunter2");
    assert_eq!(state.uses.get(&Kind::Reveal), Some(&1));
}

#[test]
fn sealing_is_granted_apart() {
    let mut state = Desk::new().flag(Kind::Reveal).state();
    assert_eq!(refusal(state.seal("x".to_owned(), b"a".to_vec())).class, ErrorClass::Denied);
    assert_eq!((state.denied.get(&Kind::Seal), state.uses.get(&Kind::Seal)), (Some(&1), None));
    let mut state = Desk::new().flag(Kind::Seal).state();
    let handle = state.seal("env:DB\n".to_owned(), b"hunter2".to_vec()).unwrap().unwrap();
    assert_eq!(held(&state, &handle), ("hunter2".to_owned(), "sealed:env:DB_".to_owned()));
    assert_eq!(state.label(handle).unwrap(), "sealed:env:DB_");
}

#[test]
fn there_is_no_way_round_seal() {
    let mut state = Desk::new().state();
    let sink = state.new().unwrap().rep();
    state.write(Resource::new_own(sink), br#"{"a":"b"}"#.to_vec()).unwrap().unwrap();
    let made = state.finish(Resource::new_own(sink)).unwrap().unwrap().rep();
    assert_eq!(refusal(state.from_blob(blob(made), false)).code, "secret.written");
    assert_eq!(refusal(state.extract_json(blob(made), "/a".to_owned())).code, "secret.written");
    assert_eq!(state.denied.get(&Kind::Seal), Some(&2));
    // Also not with something sealed, and empty, in between.
    let empty = pushed(&mut state, "", &[]);
    let sink = state.new().unwrap().rep();
    state.append(Resource::new_own(sink), blob(empty)).unwrap().unwrap();
    state.append(Resource::new_own(sink), blob(made)).unwrap().unwrap();
    let made = state.finish(Resource::new_own(sink)).unwrap().unwrap().rep();
    assert_eq!(refusal(state.from_blob(blob(made), false)).code, "secret.written");
}

/// A plugin that may put a secret between two pieces of its own must not learn what they make together.
#[test]
fn a_guess_cannot_be_compared() {
    let guesses: [(&str, &str, &str); 5] = [
        (r#"{""#, r#"":1}"#, "/hunter2"),
        (r#"{""#, r#"":1}"#, "/wrong"),
        (r#"{""#, r#"":1,"hunter2":2}"#, "/hunter2"),
        ("[", "]", "/0"),
        ("", "", ""),
    ];
    for flags in [vec![], vec![Kind::Seal], vec![Kind::Clock]] {
        let mut told = BTreeSet::new();
        for (before, after, pointer) in guesses {
            let desk = flags.iter().fold(Desk::new(), |desk, kind| desk.flag(*kind));
            let mut state = desk.state();
            let secret = pushed(&mut state, "hunter2", &["/hunter2", "/wrong", "/0"]);
            let sink = state.new().unwrap().rep();
            state.write(Resource::new_own(sink), before.as_bytes().to_vec()).unwrap().unwrap();
            let length = state.append(Resource::new_own(sink), blob(secret)).unwrap().unwrap();
            state.write(Resource::new_own(sink), after.as_bytes().to_vec()).unwrap().unwrap();
            let made = state.finish(Resource::new_own(sink)).unwrap().unwrap().rep();
            let extracted = refusal(state.extract_json(blob(made), pointer.to_owned()));
            let read = refusal(state.public_json(blob(made), "/hunter2".to_owned()));
            told.insert((length, extracted.code, extracted.message, read.code));
        }
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

#[test]
fn a_whole_answer_is_taken_as_a_secret() {
    let mut state = Desk::new().state();
    let document = pushed(&mut state, "hunter2\n\n", &[]);
    let trimmed = state.from_blob(blob(document), true).unwrap().unwrap();
    assert_eq!(held(&state, &trimmed), ("hunter2\n".to_owned(), "http:vault:8200".to_owned()));
    let whole = state.from_blob(blob(document), false).unwrap().unwrap();
    assert_eq!(held(&state, &whole).0, "hunter2\n\n");
}

#[test]
fn secrets_are_counted_to_the_end_of_the_call() {
    let mut state = Desk::new().limits(|limits| limits.output_mib = 1).state();
    let document = pushed(&mut state, &"x".repeat(100 << 10), &[]);
    for _ in 0..9 {
        let handle = state.from_blob(blob(document), false).unwrap().unwrap();
        HostSecret::drop(&mut state, handle).unwrap();
    }
    assert!(state.from_blob(blob(document), false).is_err());
    assert_eq!(state.meter.first_reached(), Some("output_mib"));
}

#[test]
fn a_handle_that_is_gone_ends_the_call() {
    let mut state = Desk::new().flag(Kind::Seal).flag(Kind::Reveal).state();
    let handle = state.seal("x".to_owned(), b"a".to_vec()).unwrap().unwrap();
    let again = || Resource::new_own(handle.rep());
    HostSecret::drop(&mut state, again()).unwrap();
    assert!(state.reveal(again()).is_err());
    assert!(state.label(again()).is_err());
    assert!(state.reveal(Resource::new_own(1_000)).is_err());
}
