//! What is on a target, as far as it is compared: every file and link that is not punix's own, and every record.

use super::record::record;
use punix_plugin::Digest;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Parts of paths below which punix keeps what is its own.
const OURS: [&str; 7] = ["dep", "deploy", "deployments", "store", ".punix", ".cache", "log"];
/// Contents that are recorded whole; of others only a digest is, unless it is a record.
const CONTENT_BYTES_MAX: usize = 8192;

/// What was found, or recorded. Names of store entries are masked, and so is the directory of the case.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Type, mode, target and content, by path.
    files: BTreeMap<String, Entry>,
    /// Records and the links to them.
    records: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    kind: String,
    mode: Option<String>,
    target: Option<String>,
    /// Its digest, where it is too long or no text.
    content: Option<String>,
}

impl Snapshot {
    /// Reads what was recorded.
    pub(super) fn recorded(tree: &Value) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (path, entry) in tree.as_object().into_iter().flatten() {
            let text = |name: &str| entry[name].as_str().map(str::to_owned);
            let entry = Entry {
                kind: text("type").unwrap_or_default(),
                mode: text("mode"),
                target: text("target"),
                content: text("content").or_else(|| text("sha256")),
            };
            snapshot.add(path.clone(), entry);
        }
        snapshot
    }

    /// Looks at the directories of a case.
    pub(super) fn take(here: &Path, roots: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        roots.iter().for_each(|root| snapshot.walk(here, &here.join(root)));
        snapshot
    }

    fn walk(&mut self, here: &Path, directory: &Path) {
        let Ok(entries) = fs::read_dir(directory) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let metadata = path.symlink_metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let relative = path.strip_prefix(here).expect("it is below").to_string_lossy().into_owned();
            let key = masked(&relative.replace(here.to_string_lossy().trim_start_matches('/'), "{W}"));
            if metadata.is_dir() {
                self.add(key, Entry { kind: "dir".to_owned(), ..Entry::default() });
                self.walk(here, &path);
            } else if metadata.is_symlink() {
                let target = fs::read_link(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let target = Some(shown(&target.to_string_lossy(), here));
                self.add(key, Entry { kind: "symlink".to_owned(), target, ..Entry::default() });
            } else {
                let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let content = match String::from_utf8(bytes) {
                    Ok(text) => {
                        Some(shown(&text, here)).map(|text| match text.len() > CONTENT_BYTES_MAX && !is_record(&key) {
                            true => Digest::of(text.as_bytes()).to_string(),
                            false => text,
                        })
                    }
                    Err(error) => Some(Digest::of(error.as_bytes()).to_string()),
                };
                let mode = Some(format!("{:04o}", metadata.permissions().mode() & 0o7777));
                self.add(key, Entry { kind: "file".to_owned(), mode, target: None, content });
            }
        }
    }

    fn add(&mut self, path: String, entry: Entry) {
        if is_record(&path) {
            let value = match &entry.target {
                Some(target) => Value::from(target.as_str()),
                None => record(entry.content.as_deref().unwrap_or_default()),
            };
            self.records.insert(path, value);
        } else if entry.kind != "dir" && !path.split('/').any(|part| OURS.contains(&part)) {
            self.files.insert(path, entry);
        }
    }

    /// Says what is not as it was recorded.
    pub(super) fn difference(&self, wanted: &Snapshot) -> Option<String> {
        let files = first_difference(&self.files, &wanted.files);
        files.or_else(|| first_difference(&self.records, &wanted.records))
    }
}

fn first_difference<V: PartialEq + std::fmt::Debug>(
    found: &BTreeMap<String, V>,
    wanted: &BTreeMap<String, V>,
) -> Option<String> {
    let paths: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
    let path = paths.into_iter().find(|path| found.get(*path) != wanted.get(*path))?;
    Some(format!("{path}:\n    got {:?}\n wanted {:?}", found.get(path), wanted.get(path)))
}

/// Tells whether a path is that of a record or of the link to one.
fn is_record(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let (name, above) = (parts.next().unwrap_or_default(), parts.next());
    let number = name.strip_prefix("gen-").and_then(|rest| rest.strip_suffix(".json"));
    let numbered = number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    above.is_some() && (numbered || name == "current")
}

fn shown(text: &str, here: &Path) -> String {
    masked(&text.replace(&*here.to_string_lossy(), "{W}"))
}

/// Masks the hashes in names of store entries: what a package is built from is not the reference's affair.
fn masked(text: &str) -> String {
    const DIGITS: usize = 32;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let bytes = text.as_bytes();
    let (mut out, mut kept, mut at) = (String::new(), 0, 0);
    while let Some(window) = bytes.get(at..at + DIGITS + 2) {
        let before = at.checked_sub(1).and_then(|place| bytes.get(place));
        let begins = before.is_none_or(|byte| !is_word(*byte));
        let is_hash = window.iter().take(DIGITS).all(is_digit) && window[DIGITS] == b'-' && is_word(window[DIGITS + 1]);
        if begins && is_hash {
            out.push_str(&text[kept..at]);
            out.push_str("{H}-");
            at += DIGITS + 1;
            kept = at;
        } else {
            at += 1;
        }
    }
    out + &text[kept..]
}

#[test]
fn hashes_of_store_entries_are_masked() {
    let hash = "0123456789abcdef0123456789abcdef";
    assert_eq!(masked(&format!("/s/{hash}-tool-1.0/é {hash}-x")), "/s/{H}-tool-1.0/é {H}-x");
    for same in [format!("a{hash}-x"), format!("{hash}-"), format!("{hash}0-x"), hash.to_owned()] {
        assert_eq!(masked(&same), same);
    }
}
