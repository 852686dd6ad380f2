use super::*;
use crate::digest::Digest;
use crate::manifest::Entry;
use crate::object::{is_valid, name_in};
use crate::store::sweep;
use crate::testing::{add_sample, derivation, staging};
use crate::verify::{manifest, verify};
use punix_disk::{SimulatedDisk, every_crash};
use std::path::PathBuf;

const NAMES: [&str; 2] = ["one", "two"];

/// What is listed of a sample, and the bytes of all its files.
fn listed() -> (Manifest, Vec<u8>) {
    let disk = SimulatedDisk::new();
    let derivation = derivation("one", &[]);
    add_sample(&disk, &derivation);
    let manifest = manifest(&disk, derivation.name()).unwrap();
    let mut content = Vec::new();
    for entry in manifest.entries() {
        if matches!(entry.node, Node::File { .. }) {
            let place = Path::new(derivation.name().as_str()).join(&entry.path);
            content.extend(disk.read(&place, u64::MAX).unwrap());
        }
    }
    (manifest, content)
}

fn fill<'d>(
    disk: &'d SimulatedDisk,
    package: &str,
    manifest: &Manifest,
    pieces: &[&[u8]],
) -> Result<Filling<'d>, FillError> {
    let derivation = derivation(package, &[]);
    let staged = staging(&derivation);
    disk.create_directory(staged.as_ref(), 0o700)?;
    let mut filling = Filling::new(disk, staged, derivation, manifest.clone())?;
    for piece in pieces {
        assert!(filling.take(piece)?.is_empty());
    }
    Ok(filling)
}

/// Fills all, and makes entries of them.
fn fill_all(disk: &SimulatedDisk) -> Result<(), AddError> {
    let (manifest, content) = listed();
    let filled = NAMES.map(|package| match fill(disk, package, &manifest, &[&content]) {
        Ok(filling) => Ok(filling.end().unwrap()),
        Err(FillError::Disk(error)) => Err(error),
        Err(error) => panic!("{error}"),
    });
    add(disk, filled.into_iter().collect::<Result<Vec<_>, _>>()?)
}

#[test]
fn what_is_filled_is_what_would_have_been_added() {
    let (manifest, content) = listed();
    for cut in 0..=content.len() {
        let disk = SimulatedDisk::new();
        let (first, second) = content.split_at(cut);
        let filling = fill(&disk, "one", &manifest, &[first, &[], second]).unwrap();
        assert!(filling.is_whole());
        add(&disk, vec![filling.end().unwrap()]).unwrap();
        let wanted = SimulatedDisk::new();
        add_sample(&wanted, &derivation("one", &[]));
        assert_eq!(disk.snapshot(), wanted.snapshot());
    }
}

#[test]
fn what_is_behind_an_entry_is_given_back() {
    let (manifest, mut content) = listed();
    content.extend(b"of the next");
    let disk = SimulatedDisk::new();
    let mut filling = fill(&disk, "one", &manifest, &[]).unwrap();
    assert_eq!(filling.take(&content).unwrap(), b"of the next");
    assert_eq!(filling.take(b"more").unwrap(), b"more");
}

#[test]
fn what_is_not_whole_is_no_entry_and_goes() {
    let (manifest, content) = listed();
    let disk = SimulatedDisk::new();
    let filling = fill(&disk, "one", &manifest, &[&content[..content.len() - 1]]).unwrap();
    assert!(!filling.is_whole() && !disk.snapshot().is_empty());
    assert!(filling.end().is_none());
    let whole = fill(&disk, "two", &manifest, &[&content]).unwrap();
    drop(whole.end());
    assert!(disk.snapshot().is_empty());
}

#[test]
fn another_content_is_found_where_it_ends() {
    let (manifest, content) = listed();
    for at in 0..content.len() {
        let mut other = content.clone();
        other[at] ^= 1;
        let disk = SimulatedDisk::new();
        let Err(FillError::Content { number }) = fill(&disk, "one", &manifest, &[&other]) else { panic!("{at}") };
        let before = manifest.entries()[..number].iter().map(|entry| match entry.node {
            Node::File { size, .. } => size,
            Node::Link { .. } | Node::Directory => 0,
        });
        assert!(before.sum::<u64>() <= at as u64);
        assert!(disk.snapshot().is_empty());
    }
}

#[test]
fn a_list_that_leads_elsewhere_is_refused_before_anything_is_made() {
    let file = || Node::File { executable: false, size: 0, sha256: Digest::of(b"") };
    let link = |target: &str| Node::Link { target: PathBuf::from(target) };
    let entry = |path: &str, node| Entry { path: PathBuf::from(path), node };
    let deep = |depth: usize| -> Vec<Entry> {
        (1..=depth).map(|depth| entry(&vec!["d"; depth].join("/"), Node::Directory)).collect()
    };
    let long = "n".repeat(PATH_BYTES_MAX + 1);
    let unfit = [
        (0, vec![entry("a/b", file())]),
        (1, vec![entry("a", file()), entry("a/b", file())]),
        (1, vec![entry("a", link("/etc")), entry("a/passwd", file())]),
        (0, vec![entry("built", file())]),
        (1, vec![entry("a", file()), entry("manifest.json", Node::Directory)]),
        (0, vec![entry("derivation.json", link("x"))]),
        (0, vec![entry("a", link(""))]),
        (0, vec![entry(&long, file())]),
        (TREE_DEPTH_MAX + 1, deep(TREE_DEPTH_MAX + 2)),
    ];
    for (wanted, entries) in unfit {
        let disk = SimulatedDisk::new();
        let found = fill(&disk, "one", &Manifest::new(entries), &[]);
        assert!(matches!(found, Err(FillError::Unfit { number }) if number == wanted), "{wanted}");
        assert!(disk.snapshot().is_empty());
    }
    let disk = SimulatedDisk::new();
    assert!(matches!(fill(&disk, "one", &Manifest::default(), &[]), Err(FillError::Empty)));
    assert!(
        fill(&disk, "one", &Manifest::new(vec![entry("a", Node::Directory), entry("a/built", file())]), &[]).is_ok()
    );
    let json = |path: &str| {
        format!(
            r#"{{"entries":[{{"executable":false,"kind":"file","path":"{path}","sha256":"{:064}","size":0}}],"version":1}}"#,
            0
        )
    };
    assert!(Manifest::from_json(json("a").as_bytes()).is_ok());
    for path in ["/a", "../a", "a/../b", "a//b", ".", "", "a\\u0000"] {
        assert!(Manifest::from_json(json(path).as_bytes()).is_err(), "{path}");
    }
}

/// Each entry is there whole or not at all, whether there was a damaged one in its place or none; and what was said to be
/// there is.
#[test]
fn a_crash_leaves_each_whole_or_absent() {
    let begin = || {
        let disk = SimulatedDisk::new();
        let damaged = derivation("two", &[]);
        add_sample(&disk, &damaged);
        disk.remove(&name_in(damaged.name(), "built")).unwrap();
        disk.sync_all().unwrap();
        disk
    };
    let whole = begin();
    fill_all(&whole).unwrap();
    let whole = whole.snapshot();
    let operations = every_crash(begin, fill_all, 20, |disk, result, end| {
        sweep(disk).unwrap();
        for package in NAMES {
            let derivation = derivation(package, &[]);
            if is_valid(disk, derivation.name()).unwrap() {
                assert!(verify(disk, derivation.name(), 1).unwrap().is_empty(), "{end:?}");
            } else {
                assert!(result.is_err(), "it was said to be there, {end:?}");
            }
        }
        if result.is_ok() {
            assert_eq!(disk.snapshot(), whole, "{end:?}");
        }
        fill_all(disk).unwrap();
        assert_eq!(disk.snapshot(), whole, "{end:?}");
    });
    assert!(operations > 40, "{operations}");
}
