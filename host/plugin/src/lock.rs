//! `punix.lock`: exactly which components are used. It is written by `punix` and read by people in reviews, so it has one
//! form, in which what does not change stays on its line.

use crate::digest::Digest;
use crate::file::Component;
use crate::grant::{PolicyError, read};
use crate::inspect::Inspected;
use crate::limits::{PLUGINS_MAX, WORD_BYTES_MAX};
use crate::word::{Id, Version, cut};
use crate::world::World;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The components that are used, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    rows: BTreeMap<Id, Row>,
}

/// One component that is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub id: Id,
    pub version: Version,
    pub world: World,
    pub sha256: Digest,
    pub size: u64,
    /// Of what it asks for: an update that asks for the same has the same.
    pub requests: Digest,
    pub source: Source,
}

/// Where a component came from; nothing is decided by it. Invariant: one line, not empty, not long.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Source(String);

/// Why a text is not a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a source: a path or an address on one line")]
pub struct SourceError {
    text: String,
}

/// Why a component is not the one that is locked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    #[error("`{id}` is not in the lock")]
    Absent { id: Id },
    #[error("`{id}` is not the component that was locked: its digest is {found}, and {locked} is locked")]
    Digest { id: Id, found: Digest, locked: Digest },
    /// The lock contradicts itself, since the digest is right.
    #[error("the lock's row of `{id}` does not agree with the component in {field}")]
    Row { id: Id, field: &'static str },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockFile {
    version: u32,
    #[serde(default)]
    plugin: Vec<Row>,
}

const LOCK_VERSION: u32 = 1;
const HEADER: &str = "# The plugins that are used. Written by `punix plugin`; commit it.\n";

impl Lock {
    /// Reads a lock. `file` names it in messages.
    pub fn parse(file: &str, text: &str) -> Result<Lock, PolicyError> {
        let found: LockFile = read(file, text)?;
        let refused = |said: String| PolicyError::Read { file: file.to_owned(), line: 1, column: 1, said };
        if found.version != LOCK_VERSION {
            let said = format!("it has version {}, and this version of punix knows {LOCK_VERSION}", found.version);
            return Err(refused(said));
        }
        if found.plugin.len() > PLUGINS_MAX {
            return Err(PolicyError::TooMany { file: file.to_owned(), what: "plugins", max: PLUGINS_MAX });
        }
        let mut lock = Lock::default();
        for row in found.plugin {
            let id = row.id.clone();
            if lock.rows.insert(id.clone(), row).is_some() {
                return Err(refused(format!("it has two rows for `{id}`")));
            }
        }
        Ok(lock)
    }

    /// Writes the one form.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}version = {LOCK_VERSION}\n");
        for row in self.rows.values() {
            let Row { id, version, world, sha256, size, requests, source } = row;
            // Of these words only the source could need more than quotes.
            let source = quoted(&source.0);
            let _ = write!(
                text,
                "\n[[plugin]]\nid = \"{id}\"\nversion = \"{version}\"\nworld = \"{world}\"\nsha256 = \"{sha256}\"\n\
                 size = {size}\nrequests = \"{requests}\"\nsource = {source}\n"
            );
        }
        text
    }

    /// Returns the rows by id.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Returns the row of a plugin.
    pub fn row(&self, id: &Id) -> Option<&Row> {
        self.rows.get(id)
    }

    /// Puts a row in place of the one of the same plugin, which it returns.
    pub fn insert(&mut self, row: Row) -> Option<Row> {
        self.rows.insert(row.id.clone(), row)
    }

    /// Takes a row out.
    pub fn remove(&mut self, id: &Id) -> Option<Row> {
        self.rows.remove(id)
    }

    /// Tells whether a component is the one that is locked.
    pub fn check(&self, component: &Component, inspected: &Inspected) -> Result<(), LockError> {
        let id = &inspected.manifest.id;
        let locked = self.row(id).ok_or_else(|| LockError::Absent { id: id.clone() })?;
        if locked.sha256 != component.digest() {
            let (found, locked) = (component.digest(), locked.sha256);
            return Err(LockError::Digest { id: id.clone(), found, locked });
        }
        let found = Row::of(component, inspected, locked.source.clone());
        let fields = [
            ("version", found.version == locked.version),
            ("world", found.world == locked.world),
            ("size", found.size == locked.size),
            ("requests", found.requests == locked.requests),
        ];
        match fields.into_iter().find(|(_, same)| !same) {
            Some((field, _)) => Err(LockError::Row { id: id.clone(), field }),
            None => Ok(()),
        }
    }
}

impl Row {
    /// Makes the row of a component.
    pub fn of(component: &Component, inspected: &Inspected, source: Source) -> Row {
        let manifest = &inspected.manifest;
        Row {
            id: manifest.id.clone(),
            version: manifest.version.clone(),
            world: manifest.world,
            sha256: component.digest(),
            size: component.size(),
            requests: manifest.request_digest(),
            source,
        }
    }
}

impl Source {
    /// Reads a source.
    pub fn parse(text: &str) -> Result<Source, SourceError> {
        const SOURCE_BYTES_MAX: usize = 4 * WORD_BYTES_MAX;
        let fits = !text.is_empty() && text.len() <= SOURCE_BYTES_MAX && !text.chars().any(char::is_control);
        if fits { Ok(Source(text.to_owned())) } else { Err(SourceError { text: cut(text) }) }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Source {
    type Error = SourceError;

    fn try_from(text: String) -> Result<Source, SourceError> {
        Source::parse(&text)
    }
}

/// Writes a text of one line as TOML does.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::{damaged, damages, fuzz};
    use crate::inspect::inspect;
    use crate::testing::resolver;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn locked() -> (Lock, Component, Inspected) {
        let component = Component::new(resolver());
        let inspected = inspect(component.bytes()).unwrap();
        let mut lock = Lock::default();
        lock.insert(Row::of(&component, &inspected, Source::parse(r#"plugins\bao "one".wasm"#).unwrap()));
        (lock, component, inspected)
    }

    fn check_err(text: &str, expected: Expect) {
        expected.assert_eq(&Lock::parse("punix.lock", text).unwrap_err().to_string());
    }

    #[test]
    fn a_lock_has_one_form_and_comes_back_from_it() {
        let (mut lock, ..) = locked();
        let other = Row { id: Id::parse("a.first").unwrap(), ..lock.rows().next().unwrap().clone() };
        lock.insert(other);
        let text = lock.to_text();
        assert_eq!(Lock::parse("punix.lock", &text).unwrap(), lock);
        assert!(text.find("a.first") < text.find("org.example.bao"));
        lock.remove(&Id::parse("a.first").unwrap());
        let one_line = |line: &str| line.split(" = ").next().unwrap().to_owned();
        let keys: Vec<String> = lock.to_text().lines().skip(1).map(one_line).collect();
        assert_eq!(keys.join(" "), "version  [[plugin]] id version world sha256 size requests source");
    }

    #[test]
    fn only_the_locked_component_passes() {
        let (lock, component, inspected) = locked();
        assert_eq!(lock.check(&component, &inspected), Ok(()));
        let mut swapped = component.bytes().to_vec();
        swapped.push(0);
        let swapped = Component::new(swapped);
        assert!(matches!(lock.check(&swapped, &inspected), Err(LockError::Digest { .. })));
        assert!(matches!(Lock::default().check(&component, &inspected), Err(LockError::Absent { .. })));
        let mut edited = lock.clone();
        let row = lock.rows().next().unwrap();
        edited.insert(Row { requests: Digest::of(b""), ..row.clone() });
        let wrong = edited.check(&component, &inspected).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "the lock's row of `org.example.bao` does not agree with the component in requests"
        );
    }

    #[test]
    fn a_lock_is_read_strictly() {
        let (lock, ..) = locked();
        let text = lock.to_text();
        let row = text.split_once("[[plugin]]").map(|(_, row)| format!("[[plugin]]{row}")).unwrap();
        check_err("", expect!["punix.lock:1:1: missing field `version`"]);
        check_err("version = 2", expect!["punix.lock:1:1: it has version 2, and this version of punix knows 1"]);
        check_err(
            &format!("{text}signed = true\n"),
            expect![
                "punix.lock:12:1: unknown field `signed`, expected one of `id`, `version`, `world`, `sha256`, `size`, `requests`, `source`"
            ],
        );
        check_err(&format!("{text}{row}"), expect!["punix.lock:1:1: it has two rows for `org.example.bao`"]);
        check_err(
            &text.replace("sha256 = \"", "sha256 = \"x"),
            expect!["punix.lock:8:10: a digest is written with 64 of the digits 0-9 and a-f"],
        );
        check_err(
            &text.replace("0.3.1", "0.3"),
            expect!["punix.lock:6:11: `0.3` is not a version such as `1.2.3` or `1.2.3-rc.1`"],
        );
        check_err(
            &text.replace("source = \"", "source = \"\\n"),
            expect![[
                r#"punix.lock:11:10: `, plugins\bao "one".wasm` is not a source: a path or an address on one line"#
            ]],
        );
    }

    fuzz! {
        256;

        /// A lock that was damaged is refused, or it is another one that is read as it is written.
        #[test]
        fn damage_does_no_harm(damages in damages()) {
            let bytes = damaged(locked().0.to_text().as_bytes(), &damages);
            if let Ok(lock) = Lock::parse("punix.lock", &String::from_utf8_lossy(&bytes)) {
                prop_assert_eq!(Lock::parse("punix.lock", &lock.to_text()), Ok(lock));
            }
        }
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        let text = locked().0.to_text();
        for at in 0..text.len() {
            let _ = Lock::parse("punix.lock", &text[..at]);
            let damaged = format!("{}{}{}", &text[..at], '\u{0}', &text[at..]);
            assert!(Lock::parse("punix.lock", &damaged).is_err(), "at {at}");
        }
    }
}
