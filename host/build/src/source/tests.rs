use super::copy::{CopyError, copy};
use super::*;
use crate::testing::Scratch;
use punix_store::{Record, Value};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

fn record(fields: &[(&str, Value)]) -> Record {
    fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

fn parsed(fields: &[(&str, Value)]) -> Result<Source, Vec<Issue>> {
    parse(&record(fields), "x86_64-linux", &|_, path| Path::new("/base").join(path))
}

fn problems(fields: &[(&str, Value)]) -> Vec<String> {
    let issues = parsed(fields).unwrap_err();
    issues.iter().map(|issue| format!("{} {}: {}", issue.code, issue.path.join("."), issue.message)).collect()
}

fn tree(top: &Path) {
    fs::create_dir_all(top.join("a b/deep")).unwrap();
    fs::write(top.join("plain"), "one").unwrap();
    fs::write(top.join("a b/program"), "two").unwrap();
    fs::set_permissions(top.join("a b/program"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::set_permissions(top.join("plain"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("/nowhere/else", top.join("link")).unwrap();
    fs::write(top.join(".gitignore"), "*\n").unwrap();
}

#[test]
fn a_copy_has_the_digest_of_what_was_copied() {
    let scratch = Scratch::new();
    let (from, to) = (scratch.join("from"), scratch.join("to"));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    tree(&from);
    copy(&from, &to).unwrap();
    assert_eq!(local_digest(&from, 2).unwrap(), local_digest(&to, 1).unwrap());
    let modes = [("plain", 0o644), ("a b/program", 0o755), ("a b", 0o755), ("a b/deep", 0o755), (".gitignore", 0o644)];
    for (name, mode) in modes {
        let metadata = fs::metadata(to.join(name)).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (mode, 315_532_800), "{name}");
    }
    assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("/nowhere/else"));
}

#[test]
fn a_file_is_known_by_the_name_it_is_called() {
    let scratch = Scratch::new();
    let (from, to) = (scratch.join("from"), scratch.join("to"));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    fs::write(from.join("real"), "text").unwrap();
    symlink("real", from.join("called")).unwrap();
    copy(&from.join("called"), &to).unwrap();
    assert_eq!(fs::read(to.join("called")).unwrap(), b"text");
    assert_eq!(local_digest(&from.join("called"), 1).unwrap(), local_digest(&to, 1).unwrap());
    assert_ne!(local_digest(&from.join("called"), 1).unwrap(), local_digest(&from.join("real"), 1).unwrap());
}

#[test]
fn what_is_no_file_is_refused() {
    let scratch = Scratch::new();
    let to = scratch.join("to");
    fs::create_dir(&to).unwrap();
    let absent = scratch.join("absent");
    assert!(matches!(copy(&absent, &to), Err(CopyError::Absent { .. })));
    assert!(matches!(local_digest(&absent, 1), Err(LocalError::Absent { .. })));
    let from = scratch.join("from");
    fs::create_dir(&from).unwrap();
    fs::create_dir(from.join("into")).unwrap();
    assert!(matches!(copy(&from, &from.join("into")), Err(CopyError::Itself { .. })));
    let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();
    assert!(matches!(copy(&from, &to), Err(CopyError::Kind { .. })));
    assert!(matches!(local_digest(&from, 1), Err(LocalError::Tree { .. })));
    assert!(matches!(local_digest(&from.join("socket"), 1), Err(LocalError::Kind { .. })));
}

#[test]
fn no_source_is_nothing() {
    assert!(matches!(parsed(&[]).unwrap().origin, Origin::Nothing));
}

#[test]
fn a_local_source_is_where_the_program_says() {
    let source = parsed(&[("path", Value::text("src"))]).unwrap();
    assert!(matches!(source.origin, Origin::Local(Local::At(path)) if path == Path::new("/base/src")));
    assert_eq!(problems(&[("type", Value::text("local"))]), ["E3 : the source has no `path`"]);
    assert_eq!(problems(&[("path", Value::List(Vec::new()))]), ["E1 path: `path` must be a text, and is a list"]);
}

#[test]
fn secrets_are_what_fetches_need() {
    let hash = Value::text("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    let secret = |name: &str| Value::Secret { kind: "from_env".to_owned(), name: name.to_owned() };
    let headers = Value::Record(record(&[("X-Plain", Value::text("1")), ("X-Key", secret("KEY"))]));
    let patch = Value::Record(record(&[
        ("type", Value::text("url")),
        ("url", Value::text("https://example.org/a.patch")),
        ("hash", hash.clone()),
        ("token", secret("PATCH")),
    ]));
    let source = parsed(&[
        ("type", Value::text("url")),
        ("url", Value::text("https://example.org/a.tar")),
        ("hash", hash),
        ("token", secret("TOKEN")),
        ("headers", headers),
        ("patches", Value::List(vec![patch])),
    ]);
    let source = source.unwrap();
    let names: Vec<String> = source.secrets().into_iter().map(Reference::to_string).collect();
    assert_eq!(names, ["from_env:TOKEN", "from_env:KEY", "from_env:PATCH"]);
}

#[test]
fn an_unknown_type_or_field_is_named() {
    assert_eq!(problems(&[("type", Value::text("gti"))]), ["E1 type: there is no type of source `gti`"]);
    assert_eq!(
        problems(&[("path", Value::text("x")), ("pathc", Value::text("y"))]),
        ["E2 pathc: a source of type `local` has no field `pathc`"]
    );
}

#[test]
fn a_system_without_a_source_is_an_error_of_its_own() {
    let variant = Value::Record(record(&[
        ("system", Value::text("aarch64-linux")),
        ("url", Value::text("https://example.org/a.tar")),
        ("hash", Value::text("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")),
    ]));
    let fields = [("type", Value::text("url_per_arch")), ("perArch", Value::List(vec![variant]))];
    assert_eq!(
        problems(&fields),
        ["E14 perArch: there is no source for the system `x86_64-linux`: there is one for `aarch64-linux`"]
    );
    let found = parse(&record(&fields), "aarch64-linux", &|_, path| path.to_owned());
    assert!(matches!(found.unwrap().origin, Origin::Url(_)));
}
