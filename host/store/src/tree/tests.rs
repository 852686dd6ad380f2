use super::*;
use crate::testing::{Plant, Scratch, plant, raw, sample};
use punix_disk::{RealDisk, SimulatedDisk};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

fn walk_real(path: &Path) -> Result<Manifest, TreeError> {
    walk(&RealDisk::open(path).unwrap(), Path::new(""), 2)
}

#[test]
fn all_disks_and_numbers_of_threads_agree() {
    let scratch = Scratch::new();
    let real = RealDisk::open(scratch.path()).unwrap();
    let simulated = SimulatedDisk::new();
    sample(&real, Path::new("t"));
    sample(&simulated, Path::new("t"));
    let expected = walk(&simulated, Path::new("t"), 1).unwrap();
    assert_eq!(expected.entries().len(), 7);
    for threads in [1, 2, 9] {
        assert_eq!(walk(&real, Path::new("t"), threads).unwrap(), expected);
    }
    assert_eq!(walk_real(&scratch.join("t")).unwrap(), expected, "as a root of its own");
}

#[test]
fn time_owner_and_umask_do_not_matter_but_the_executable_bit_does() {
    let scratch = Scratch::new();
    let disk = RealDisk::open(scratch.path()).unwrap();
    let file = |mode| Plant::File(b"x", mode);
    plant(&disk, Path::new("a"), &[("d", Plant::Directory(0o755)), ("d/f", file(0o755))]);
    plant(&disk, Path::new("b"), &[("d", Plant::Directory(0o700)), ("d/f", file(0o4710))]);
    plant(&disk, Path::new("c"), &[("d", Plant::Directory(0o755)), ("d/f", file(0o644))]);
    disk.set_modified(Path::new("b/d/f"), 12_345).unwrap();
    // Only root may; for anybody else the owner stays equal.
    let _ = std::os::unix::fs::chown(scratch.join("b/d/f"), Some(4321), Some(4321));
    let hash = |top| walk(&disk, Path::new(top), 1).unwrap().tree_hash();
    assert_eq!(hash("a"), hash("b"));
    assert_ne!(hash("a"), hash("c"));
}

#[test]
fn odd_names_and_targets_are_kept_as_they_are() {
    let scratch = Scratch::new();
    let odd: [&[u8]; 5] = [b"a\nb", b" ", b"\xff\xfe", b"-rf", "\u{e9}\u{202e}".as_bytes()];
    for name in odd {
        fs::write(scratch.path().join(raw(name)), name).unwrap();
    }
    symlink(raw(b"\xff/../\n"), scratch.join("link")).unwrap();
    let manifest = walk_real(scratch.path()).unwrap();
    let mut expected: Vec<&Path> = odd.iter().map(|name| raw(name)).collect();
    expected.push(Path::new("link"));
    expected.sort_by_key(|path| bytes(path));
    let paths: Vec<&Path> = manifest.entries().iter().map(|entry| entry.path.as_path()).collect();
    assert_eq!(paths, expected);
    let mut json = Vec::new();
    manifest.write_json(&mut json).unwrap();
    assert_eq!(Manifest::from_json(&json), Ok(manifest));
}

#[test]
fn links_are_never_followed() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("t")).unwrap();
    fs::write(scratch.join("outside"), "secret").unwrap();
    symlink(scratch.path(), scratch.join("t/loop")).unwrap();
    symlink("../outside", scratch.join("t/out")).unwrap();
    symlink("nowhere", scratch.join("t/dangling")).unwrap();
    let manifest = walk_real(&scratch.join("t")).unwrap();
    assert!(manifest.entries().iter().all(|entry| matches!(entry.node, Node::Link { .. })));
    assert_eq!(manifest.entries().len(), 3);
}

#[test]
fn other_kinds_are_refused_by_name() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("d")).unwrap();
    let _socket = UnixListener::bind(scratch.join("d/socket")).unwrap();
    let error = walk_real(scratch.path()).unwrap_err();
    assert_eq!(error.to_string(), "`d/socket` is neither file nor link nor directory");
}

#[test]
fn depth_and_length_are_bounded() {
    let disk = SimulatedDisk::new();
    let mut path = PathBuf::from("t");
    disk.create_directory(&path, 0o755).unwrap();
    for _ in 0..TREE_DEPTH_MAX {
        path.push("d");
        disk.create_directory(&path, 0o755).unwrap();
    }
    assert!(walk(&disk, Path::new("t"), 1).is_ok());
    disk.create_directory(&path.join("d"), 0o755).unwrap();
    assert!(matches!(walk(&disk, Path::new("t"), 1), Err(TreeError::TooDeep { .. })));

    let disk = SimulatedDisk::new();
    let mut path = PathBuf::from("t");
    disk.create_directory(&path, 0o755).unwrap();
    while path.as_os_str().len() <= PATH_BYTES_MAX + 2 {
        path.push("d".repeat(200));
        disk.create_directory(&path, 0o755).unwrap();
    }
    assert!(matches!(walk(&disk, Path::new("t"), 1), Err(TreeError::PathTooLong { .. })));
}

#[test]
fn a_file_is_a_source_by_its_name_and_content() {
    let scratch = Scratch::new();
    fs::write(scratch.join("a"), "x").unwrap();
    fs::write(scratch.join("b"), "x").unwrap();
    fs::create_dir(scratch.join("d")).unwrap();
    fs::write(scratch.join("d/a"), "x").unwrap();
    let disk = RealDisk::open(scratch.path()).unwrap();
    let digest = |path| content_digest(&disk, Path::new(path), 1).unwrap();
    assert_ne!(digest("a"), digest("b"));
    assert_eq!(digest("a"), digest("d"));
    assert_eq!(digest("a"), digest("d/a"));
    fs::set_permissions(scratch.join("d/a"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_ne!(digest("a"), digest("d/a"));
    assert!(content_digest(&disk, Path::new("nothing"), 1).is_err());
}

/// How large is a question of patience only: sizes have 64 bits.
#[test]
fn holes_are_read_as_zeros() {
    const SIZE: u64 = 256 << 20;
    let scratch = Scratch::new();
    fs::File::create(scratch.join("sparse")).unwrap().set_len(SIZE).unwrap();
    let manifest = walk_real(scratch.path()).unwrap();
    let [Entry { node: Node::File { size, sha256, .. }, .. }] = manifest.entries() else {
        panic!("{manifest:?}");
    };
    assert_eq!(*size, SIZE);
    assert_eq!(sha256.to_string(), "a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484");
}
