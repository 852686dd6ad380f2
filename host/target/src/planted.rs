//! For tests: a target as a deploy leaves it, put there without one.

use crate::generation::{FileRow, Generation, Mark};
use crate::key::{self, Key};
use crate::layout::Layout;
use crate::path::TargetPath;
use crate::target::Target;
use punix_disk::{Disk, SimulatedDisk};
use punix_store::Digest;
use std::path::Path;

pub(crate) fn path(text: &str) -> TargetPath {
    TargetPath::parse(text).unwrap()
}

/// A disk with `/d` as its deployments root.
pub(crate) fn disk() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    for directory in ["d", "d/S", "d/.blobs", "etc", "etc/app"] {
        disk.create_directory(Path::new(directory), 0o755).unwrap();
    }
    disk
}

pub(crate) fn target(disk: &SimulatedDisk) -> Target<'_> {
    Target::alone(disk, Layout::new(Path::new("/d")).unwrap())
}

pub(crate) fn write(disk: &dyn Disk, path: &str, mode: u32, bytes: &[u8]) {
    let mut file = disk.create(Path::new(path.trim_start_matches('/')), mode).unwrap();
    file.write_all(bytes).unwrap();
    file.flush().unwrap();
}

/// The key that these tests have.
pub(crate) fn key(target: &Target<'_>) -> Key {
    key::make(target, &[7; 32]).unwrap()
}

pub(crate) fn row(at: &str, content: &[u8]) -> FileRow {
    FileRow {
        path: path(at),
        mark: Mark::Sha256(Digest::of(content)),
        chunks: None,
        inline: None,
        mode: 0o644,
        owner: None,
        group: None,
        made_by: "raw".to_owned(),
        restarts: Vec::new(),
        reloads: Vec::new(),
        withheld: None,
    }
}

pub(crate) fn generation(number: u32, files: Vec<FileRow>) -> Generation {
    Generation {
        number,
        stack: "S".to_owned(),
        deployed_at: "2026-05-21T14:23:34+00:00".to_owned(),
        deployed_by: String::new(),
        source_hash: Digest::of(b"source").to_string(),
        backend: "systemd".to_owned(),
        scope: "system".to_owned(),
        system: "x86_64-linux".to_owned(),
        scenario: None,
        store_paths: Vec::new(),
        services: Vec::new(),
        files,
        units: Vec::new(),
        state_dirs: Vec::new(),
        stateful: false,
        previous: None,
        plugins: Vec::new(),
        artifacts: Vec::new(),
        render_hash: String::new(),
    }
}

/// Writes a record, and makes it the live one.
pub(crate) fn record(target: &Target<'_>, generation: &Generation) {
    let disk = target.disk;
    let record = target.layout.record("S", generation.number).unwrap();
    write(disk, record.as_str(), 0o644, &generation.to_bytes());
    let current = target.layout.current("S").unwrap();
    let _ = disk.remove(current.on_disk());
    disk.create_link(current.on_disk(), Path::new(record.name())).unwrap();
}

/// Says what a deploy writes down of who has what.
pub(crate) fn ledger(target: &Target<'_>, paths: &[&str], directories: &[&str]) {
    let rows = paths.iter().map(|path| ((*path).to_owned(), serde_json::json!({"stack": "S", "mark": null})));
    let ledger = serde_json::json!({
        "schema": 1,
        "paths": rows.collect::<serde_json::Map<_, _>>(),
        "directories": directories,
        "numbers": {"S": 7},
        "system": {"S": true},
        "notes": [],
    });
    write(target.disk, target.layout.ledger().as_str(), 0o644, ledger.to_string().as_bytes());
}
