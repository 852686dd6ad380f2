//! Tar archives as honest programs make them, in every form of name, number and hole.

use super::archives::{Header, Tar, sum};
use super::*;

fn tar(archive: Tar) -> BTreeMap<Vec<u8>, Found> {
    accepted(PLAIN, &archive.end())
}

#[test]
fn a_tree_with_one_of_everything() {
    let archive = Tar::new()
        .directory("./")
        .directory("./bin/")
        .put(&Header { name: b"./bin/tool", mode: 0o4711, modified: 77, ..Header::default() }, b"#!")
        .file("bin/plain", b"plain")
        .link("lib", "bin/../bin")
        .hard_link("bin/second", "./bin/tool")
        .file("deep/er/file", b"");
    let found = tar(archive);
    let wanted = [
        "bin/",
        "bin/plain: plain",
        "bin/second: #!",
        "bin/tool: #!",
        "deep/",
        "deep/er/",
        "deep/er/file: ",
        "lib -> bin/../bin",
    ];
    assert_eq!(listed(&found), wanted);
    assert_eq!(found[&b"bin/tool"[..]], Found::File { content: b"#!".into(), mode: 0o755, modified: 77 });
    assert_eq!(found[&b"bin/second"[..]], found[&b"bin/tool"[..]]);
    assert_eq!(found[&b"bin/plain"[..]], Found::File { content: b"plain".into(), mode: 0o644, modified: 1_000 });
    assert_eq!(found[&b"deep"[..]], Found::Directory { mode: 0o755 });
}

#[test]
fn modes_of_every_kind_are_two() {
    for (mode, wanted) in [(0, 0o644), (0o7666, 0o644), (0o001, 0o755), (0o6750, 0o755), (0o1777, 0o755)] {
        let archive = Tar::new().put(&Header { name: b"a", mode, ..Header::default() }, b"");
        let found = tar(archive);
        assert!(matches!(found[&b"a"[..]], Found::File { mode, .. } if mode == wanted), "{mode:o}");
    }
    let archive = Tar::new().put(&Header { kind: b'5', name: b"d", mode: 0o7000, ..Header::default() }, b"");
    assert_eq!(tar(archive)[&b"d"[..]], Found::Directory { mode: 0o755 });
}

#[test]
fn times_are_never_zero_nor_in_the_future() {
    let file = |name, modified| Header { name, modified, ..Header::default() };
    let archive = Tar::new()
        .put(&file(b"zero", 0), b"")
        .put(&file(b"far", 0o77_777_777_777), b"")
        .pax(b'x', &[("mtime", b"-7.5")])
        .put(&file(b"before", 9), b"")
        .pax(b'x', &[("mtime", b"123.999999999")])
        .put(&file(b"parts", 9), b"");
    let found = tar(archive);
    let modified = |name: &str| match &found[name.as_bytes()] {
        Found::File { modified, .. } => *modified,
        other => panic!("{other:?}"),
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    assert!((1_700_000_000..=now).contains(&modified("far")));
    assert_eq!((modified("zero"), modified("before"), modified("parts")), (1, 1, 123));
}

#[test]
fn directories_keep_their_times() {
    let place = Place::new();
    let archive = Tar::new().directory("d").file("d/e/f", b"").end();
    place.unpack(PLAIN, &archive, &Limits::default()).unwrap();
    let modified = |path: &str| fs::metadata(place.top().join(path)).unwrap().mtime();
    assert_eq!((modified("d"), modified("d/e"), modified("d/e/f")), (1_000, 1, 1_000));
}

#[test]
fn long_names_in_every_form() {
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(250));
    let posix = "p".repeat(150);
    let mut block = Header { name: b"short", ..Header::default() }.block(1);
    block[345..345 + posix.len()].copy_from_slice(posix.as_bytes());
    sum(&mut block);
    let nul_ended = format!("{long}-gnu\0");
    let archive = Tar::new()
        .put(
            &Header { kind: b'L', name: b"././@LongLink", ..Header::default() },
            nul_ended.replace("f-", "-").as_bytes(),
        )
        .file("cut", b"1")
        .pax(b'x', &[("path", long.as_bytes())])
        .file("cut", b"2")
        .block(&block)
        .content(b"3")
        .put(
            &Header { kind: b'K', name: b"././@LongLink", ..Header::default() },
            [long.as_bytes(), b"\0"].concat().as_slice(),
        )
        .link("link", "cut")
        .pax(b'x', &[("linkpath", long.as_bytes())])
        .hard_link("hard", "cut");
    let found = tar(archive);
    assert_eq!(content_of(&found, &long), b"2");
    assert_eq!(content_of(&found, &format!("{posix}/short")), b"3");
    assert_eq!(found[&b"link"[..]], Found::Link(long.clone().into()));
    assert_eq!(content_of(&found, "hard"), b"2");
    assert!(found.keys().any(|path| path.ends_with(b"fff-gnu")));
}

#[test]
fn names_are_bytes() {
    let names: [&[u8]; 6] = [b"\xff\xfe", b"new\nline", b" blank ", b"back\\slash", "ü".as_bytes(), b"-rf *"];
    let archive = names.iter().fold(Tar::new(), |tar, name| tar.put(&Header { name, ..Header::default() }, name));
    let archive = archive.pax(b'x', &[("path", b"pax\n\xff=1")]).file("cut", b"");
    let found = tar(archive);
    assert_eq!(found.len(), 7);
    assert!(names.iter().all(|name| matches!(&found[*name], Found::File { content, .. } if content == name)));
    assert!(found.contains_key(&b"pax\n\xff=1"[..]));
}

#[test]
fn what_is_said_of_all_holds_until_it_is_said_of_one() {
    let archive = Tar::new()
        .pax(b'g', &[("comment", b"0123"), ("mtime", b"55")])
        .file("all", b"")
        .pax(b'x', &[("mtime", b"66")])
        .file("one", b"")
        .file("all again", b"");
    let found = tar(archive);
    let times: Vec<_> = found.values().map(|found| matches!(found, Found::File { modified: 55, .. })).collect();
    assert_eq!(times, [true, true, false]);
}

#[test]
fn a_size_in_a_pax_header_holds() {
    let header = Header { name: b"a", size: Some(0), ..Header::default() };
    let archive = Tar::new().pax(b'x', &[("size", b"600")]).put(&header, &[b'x'; 600]).file("b", b"b");
    let found = tar(archive);
    assert_eq!((content_of(&found, "a").len(), content_of(&found, "b")), (600, &b"b"[..]));
}

#[test]
fn later_files_and_links_replace_earlier_ones() {
    let archive = Tar::new()
        .file("a", b"first")
        .hard_link("other", "a")
        .file("a", b"second")
        .link("l", "a")
        .link("l", "other")
        .directory("d")
        .file("d/x", b"x")
        .directory("d")
        .hard_link("a", "a")
        .file("h", b"h")
        .hard_link("h", "d/x");
    let wanted = ["a: second", "d/", "d/x: x", "h: x", "l -> other", "other: first"];
    assert_eq!(listed(&tar(archive)), wanted);
}

#[test]
fn old_archives_know_directories_by_their_names() {
    let archive = Tar::new().put(&Header { kind: 0, name: b"d/", ..Header::default() }, b"").kind(b'7', "f", "");
    assert_eq!(listed(&tar(archive)), ["d/", "f: "]);
}

#[test]
fn ten_thousand_files() {
    const COUNT: usize = 10_000;
    let name = |number: usize| format!("top/{}/{number}", number % 100);
    let add = |tar: Tar, number: usize| tar.file(&name(number), number.to_string().as_bytes());
    let place = Place::new();
    let archive = (0..COUNT).fold(Tar::new(), add).end();
    let unpacked = place.unpack(PLAIN, &archive, &Limits::default()).unwrap();
    assert_eq!(unpacked, Unpacked { entries: COUNT as u64 + 101, bytes: 38_890 });
    let found = found(&place.top());
    assert_eq!(found.len(), COUNT + 101);
    assert!((0..COUNT).all(|number| content_of(&found, &name(number)) == number.to_string().as_bytes()));
}

#[test]
fn sparse_files_of_every_kind_have_their_holes() {
    let mut content = vec![0; 5_000];
    content[1_000..1_003].copy_from_slice(b"abc");
    content[4_000..4_002].copy_from_slice(b"de");
    let sparse: [(&str, &[u8]); 2] = [("GNU.sparse.realsize", b"5000"), ("GNU.sparse.size", b"5000")];
    let first = [
        sparse[1],
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.offset", b"1000"),
        ("GNU.sparse.numbytes", b"3"),
        ("GNU.sparse.offset", b"4000"),
        ("GNU.sparse.numbytes", b"2"),
    ];
    let second = [sparse[1], ("GNU.sparse.name", b"second"), ("GNU.sparse.map", b"1000,3,4000,2")];
    let third: [(&str, &[u8]); 4] =
        [("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.name", b"third"), sparse[0]];
    let mut map = b"2\n1000\n3\n4000\n2\n".to_vec();
    map.resize(512, 0);
    map.extend_from_slice(b"abcde");
    let archive = Tar::new()
        .block(&old_sparse("old", &[(1_000, 3), (4_000, 2)], 5_000, 5))
        .content(b"abcde")
        .pax(b'x', &first)
        .file("first", b"abcde")
        .pax(b'x', &second)
        .file("cut/second", b"abcde")
        .pax(b'x', &third)
        .file("GNUSparseFile.0/third", &map)
        .file("after", b"after");
    let found = tar(archive);
    for name in ["old", "first", "second", "third"] {
        assert!(content_of(&found, name) == content, "{name}");
    }
    assert_eq!((found.len(), content_of(&found, "after")), (5, &b"after"[..]));
}

/// Makes the header of a sparse file of the old kind.
pub(super) fn old_sparse(name: &str, pieces: &[(u64, u64)], size: u64, stored: u64) -> [u8; 512] {
    let mut block = Header { kind: b'S', name: name.as_bytes(), ..Header::default() }.block(stored);
    let number = |value: u64| [&[0x80, 0, 0, 0][..], &value.to_be_bytes()].concat();
    block[257..265].copy_from_slice(b"ustar  \0");
    for (at, (offset, size)) in pieces.iter().enumerate() {
        let at = 386 + at * 24;
        block[at..at + 12].copy_from_slice(&number(*offset));
        block[at + 12..at + 24].copy_from_slice(&number(*size));
    }
    block[483..495].copy_from_slice(&number(size));
    sum(&mut block);
    block
}
