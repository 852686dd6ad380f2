use super::*;
use crate::runtime::bindings::cap::punix::base::types::ErrorClass;
use crate::runtime::bindings::cap::punix::cap::blobs::{HostBlob, HostSink};
use crate::runtime::bindings::cap::punix::cap::secrets::Host as SecretsHost;
use crate::runtime::testing::{Desk, refusal};

fn desk() -> Desk {
    Desk::new()
        .root("keys", "/etc/keys", false)
        .root("cache", "/var/cache", true)
        .file("/etc/keys/a", b"hunter2\n")
        .file("/etc/shadow", b"nobody's")
        .file("/var/cache/token.json", br#"{"token":"x"}"#)
}

fn open(state: &mut State, root: &str, path: &str) -> Answer<Resource<Blob>> {
    state.open(root.to_owned(), path.to_owned())
}

fn written(state: &mut State, bytes: &[u8]) -> Resource<Blob> {
    let sink = state.new().unwrap().rep();
    state.write(Resource::new_own(sink), bytes.to_vec()).unwrap().unwrap();
    state.finish(Resource::new_own(sink)).unwrap().unwrap()
}

#[test]
fn a_granted_file_is_opened_sealed() {
    let mut state = desk().state();
    let blob = open(&mut state, "keys", "a").unwrap().unwrap();
    let again = || Resource::new_own(blob.rep());
    let found = state.table.get(&blob).unwrap();
    assert_eq!((&**found.bytes, found.sealed, found.made), (&b"hunter2\n"[..], true, Made::Whole));
    assert_eq!(refusal(state.read(again(), 10)).class, ErrorClass::Denied);
    let secret = state.from_blob(again(), true).unwrap().unwrap();
    assert_eq!(state.table.get(&secret).unwrap().value.expose(), b"hunter2");
    assert_eq!(state.table.get(&secret).unwrap().label, "file:keys/a");
    assert_eq!(state.uses.get(&Kind::Files), Some(&1));
}

#[test]
fn what_is_not_granted_is_denied_whether_it_is_there_or_not() {
    let mut state = desk().state();
    for (root, path) in [("etc", "shadow"), ("etc", "nothing"), ("reference", "/etc/keys/a"), ("", "")] {
        assert_eq!(refusal(open(&mut state, root, path)).class, ErrorClass::Denied, "{root} {path}");
    }
    for path in ["../shadow", "/etc/shadow", "a/../../shadow", "a\0"] {
        assert_eq!(refusal(open(&mut state, "keys", path)).code, "files.path", "{path}");
    }
    assert_eq!(refusal(open(&mut state, "keys", "nothing")).class, ErrorClass::NotFound);
    assert_eq!(state.denied.get(&Kind::Files), Some(&4));
}

#[test]
fn a_reference_is_opened_and_answers_only_itself() {
    let desk = desk()
        .reference("key")
        .reference("/run/token")
        .reference("no-grant")
        .root("reference", "/stack/key", false)
        .root("reference", "/run/token", false)
        .file("/stack/key", b"one")
        .file("/run/token", b"two")
        .file("/stack/no-grant", b"three");
    let mut state = desk.state();
    for (path, bytes) in [("key", &b"one"[..]), ("/run/token", b"two")] {
        let blob = open(&mut state, "reference", path).unwrap().unwrap();
        let found = state.table.get(&blob).unwrap();
        assert_eq!((&**found.bytes, found.origin.clone()), (bytes, Origin::Reference(path.to_owned())));
        let secret = state.from_blob(blob, false).unwrap().unwrap();
        assert_eq!(state.table.get(&secret).unwrap().origin, Origin::Reference(path.to_owned()));
    }
    for path in ["no-grant", "/stack/key", "./key", "/etc/shadow", "../etc/shadow", "/proc/self/environ"] {
        assert_eq!(refusal(open(&mut state, "reference", path)).class, ErrorClass::Denied, "{path}");
    }
}

#[test]
fn a_file_is_looked_at_and_listed() {
    let mut state = desk().file("/etc/keys/b", b"").state();
    let stat = state.stat_file("keys".to_owned(), "a".to_owned()).unwrap().unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid, stat.is_dir), (0o600, 1, 2, false));
    assert_eq!(state.list_dir("keys".to_owned(), String::new()).unwrap().unwrap(), ["a", "b"]);
    assert_eq!(refusal(state.list_dir("etc".to_owned(), String::new())).class, ErrorClass::Denied);
    assert_eq!(refusal(state.stat_file("etc".to_owned(), "shadow".to_owned())).class, ErrorClass::Denied);
}

#[test]
fn files_are_written_where_that_is_granted() {
    let desk = desk();
    let mut state = desk.state();
    let body = written(&mut state, b"new").rep();
    let mut replace = |root: &str, path: &str, mode| {
        state.replace(root.to_owned(), path.to_owned(), mode, Resource::new_own(body)).unwrap()
    };
    replace("cache", "token.json", 0o600).unwrap();
    assert_eq!(desk.world.content("/var/cache/token.json").as_deref(), Some(&b"new"[..]));
    assert_eq!(replace("keys", "a", 0o600).unwrap_err().code, "files.read-only");
    assert_eq!(replace("etc", "shadow", 0o600).unwrap_err().code, "files.not-granted");
    assert_eq!(replace("cache", "../x", 0o600).unwrap_err().code, "files.path");
    for mode in [0o666, 0o4755, 0o622] {
        assert_eq!(replace("cache", "new", mode).unwrap_err().code, "files.mode", "{mode:o}");
    }
    assert_eq!(desk.world.content("/etc/keys/a").as_deref(), Some(&b"hunter2\n"[..]));
    assert_eq!(desk.world.content("/var/cache/new"), None);
}

/// What a plugin could write, it would otherwise look into: a secret between two pieces of its own.
#[test]
fn a_file_that_can_be_written_is_not_looked_into() {
    let mut state = desk().state();
    let blob = open(&mut state, "cache", "token.json").unwrap().unwrap();
    let again = || Resource::new_own(blob.rep());
    assert_eq!(refusal(state.extract_json(again(), "/token".to_owned())).code, "secret.joined");
    assert_eq!(refusal(state.from_blob(again(), false)).code, "secret.written");
    let mut state = desk().flag(Kind::Seal).state();
    let blob = open(&mut state, "cache", "token.json").unwrap().unwrap();
    assert!(state.from_blob(Resource::new_own(blob.rep()), false).unwrap().is_ok());
    assert_eq!(refusal(state.extract_json(blob, "/token".to_owned())).code, "secret.joined");
}

#[test]
fn too_large_a_file_is_told_but_not_how_large_something_sealed_is() {
    let desk = desk().limits(|limits| limits.response_kib = 1).file("/etc/keys/large", &[0; 1_025]);
    let mut state = desk.state();
    assert_eq!(refusal(open(&mut state, "keys", "large")).code, "files.too-large");
    let body = written(&mut state, &[0; 1_025]);
    assert!(state.replace("cache".to_owned(), "x".to_owned(), 0o600, body).is_err());
    assert_eq!(state.meter.first_reached(), Some("response_kib"));
}

#[test]
fn files_count_as_what_the_host_keeps() {
    let desk = desk().limits(|limits| limits.output_mib = 1).file("/etc/keys/large", &vec![0; 600 << 10]);
    let mut state = desk.state();
    let first = open(&mut state, "keys", "large").unwrap().unwrap();
    HostBlob::drop(&mut state, first).unwrap();
    open(&mut state, "keys", "large").unwrap().unwrap();
    assert!(open(&mut state, "keys", "large").is_err());
    assert_eq!(state.meter.first_reached(), Some("output_mib"));
}
