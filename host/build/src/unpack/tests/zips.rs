//! Zip archives, sound and hostile.

use super::archives::{Zipped, crc, zip};
use super::*;

fn check(entries: &[Zipped], wanted: &str) {
    assert_eq!(refused(Format::Zip, &zip(entries)), format!("the archive is not accepted: {wanted}"));
}

#[test]
fn a_tree_with_one_of_everything() {
    let archive = zip(&[
        Zipped::moded("d/", 0o040_700, b""),
        Zipped::stored("d/stored", b"stored"),
        Zipped::deflated("d/deflated", b"deflated deflated deflated"),
        Zipped::moded("tool", 0o104_711, b"#!"),
        Zipped::moded("none", 0, b"no mode"),
        Zipped::moded("e", 0o040_000, b""),
        Zipped::moded("link", 0o120_777, b"d/../tool"),
        Zipped::stored("back\\slash", b""),
        Zipped { name: b"\xff\xfe\n".into(), ..Zipped::stored("x", b"bytes") },
        Zipped::stored("deep/er/f", b"old"),
        Zipped::stored("deep/er/f", b"new"),
    ]);
    let found = accepted(Format::Zip, &archive);
    let wanted = [
        "back\\slash: ",
        "d/",
        "d/deflated: deflated deflated deflated",
        "d/stored: stored",
        "deep/",
        "deep/er/",
        "deep/er/f: new",
        "e/",
        "link -> d/../tool",
        "none: no mode",
        "tool: #!",
        "\u{fffd}\u{fffd}\n: bytes",
    ];
    assert_eq!(listed(&found), wanted);
    // 2024-01-01 00:00 as DOS has it.
    let modified = 1_704_067_200;
    assert_eq!(found[&b"tool"[..]], Found::File { content: b"#!".into(), mode: 0o755, modified });
    assert_eq!(found[&b"none"[..]], Found::File { content: b"no mode".into(), mode: 0o644, modified });
}

#[test]
fn times_in_utc_come_before_those_of_dos() {
    let extra = [&b"UT\x05\0\x01"[..], &77u32.to_le_bytes()].concat();
    let found = accepted(Format::Zip, &zip(&[Zipped { extra, ..Zipped::stored("a", b"") }]));
    assert!(matches!(found[&b"a"[..]], Found::File { modified: 77, .. }));
}

#[test]
fn names_and_links_that_lead_out_of_the_tree() {
    check(&[Zipped::stored("../x", b"")], "`../x` has a part `..`");
    check(&[Zipped::stored("a/../../x", b"")], "`a/../../x` has a part `..`");
    check(&[Zipped::stored("/x", b"")], "`/x` is an absolute name");
    check(&[Zipped::stored("", b"")], "`` is no name");
    check(&[Zipped::stored("a\0b", b"")], "`a\\u{0}b` has a NUL in its name");
    let link = |target: &[u8]| Zipped::moded("l", 0o120_777, target);
    check(&[link(b"/etc")], "`l` is a link to `/etc`, which is absolute");
    check(&[link(b"../x")], "`l` is a link to `../x`, which is outside of the archive");
    check(&[link(&[b'x'; 5_000])], "`l` is a link to more than 4095 bytes");
    check(&[link(b"")], "`l` is a link to nothing");
    let through = [Zipped::stored("d/f", b""), link(b"d"), Zipped::stored("l/f", b"x")];
    check(&through, "`l/f` lies beneath something that is no directory");
    let over = [Zipped::stored("f", b""), link(b"f"), Zipped::stored("l", b"x")];
    check(&over, "`l` is a file, but an earlier entry made a link of it");
}

#[test]
fn kinds_and_methods_that_are_not_unpacked() {
    check(&[Zipped::moded("x", 0o020_644, b"")], "`x` is a device");
    check(&[Zipped::moded("x", 0o060_644, b"")], "`x` is a device");
    check(&[Zipped::moded("x", 0o010_644, b"")], "`x` is a pipe");
    check(&[Zipped::moded("x", 0o140_644, b"")], "`x` is a socket");
    check(&[Zipped::moded("x", 0o150_644, b"")], "`x` is neither file nor link nor directory");
    check(&[Zipped { flags: 1, ..Zipped::stored("x", b"") }], "`x` is encrypted");
    check(&[Zipped { method: 99, ..Zipped::stored("x", b"") }], "`x` is packed by method 99, which is not supported");
}

#[test]
fn contents_that_are_not_what_the_list_says() {
    let damaged =
        |entry: Zipped, why: &str| check(&[Zipped::stored("a", b"a"), entry], &format!("`x` is damaged: {why}"));
    let whole = || Zipped::deflated("x", &[b'x'; 10_000]);
    damaged(Zipped { checksum: 7, ..whole() }, "its checksum is wrong");
    damaged(Zipped { size: 9_999, ..whole() }, "its size is not what the list of entries says");
    damaged(Zipped { size: 10_001, ..whole() }, "its size is not what the list of entries says");
    damaged(Zipped { size: 0, ..whole() }, "its size is not what the list of entries says");
    let overlapping = zip(&[Zipped::stored("a", b"a"), Zipped { offset: Some(5), ..whole() }]);
    let wanted = "the archive is not accepted: `a` is damaged: its content overlaps another one";
    assert_eq!(refused(Format::Zip, &overlapping), wanted);
    damaged(Zipped { offset: Some(31), ..whole() }, "its content is not where it should be");
    damaged(Zipped { offset: Some(u32::MAX - 1), ..whole() }, "its content overlaps another one");
    let cut = Zipped { packed: whole().packed[..10].into(), ..whole() };
    assert!(refused(Format::Zip, &zip(&[cut])).starts_with("the archive is not accepted: `x` is damaged: "));
    let wild = Zipped { packed: b"\xff\xff\xff".into(), ..whole() };
    assert!(refused(Format::Zip, &zip(&[wild])).starts_with("the archive is not accepted: `x` is damaged: "));
}

#[test]
fn many_entries_with_one_content_are_refused() {
    // A list that names one content many times is how small archives become large.
    let first = Zipped::deflated("a", &[0; 100_000]);
    let again =
        |name: &str| Zipped { offset: Some(0), packed: first.packed.clone(), ..Zipped::deflated(name, &[0; 100_000]) };
    let error = refused(Format::Zip, &zip(&[first.clone(), again("b"), again("c")]));
    assert!(error.ends_with(" is damaged: its content overlaps another one"), "{error}");
}

#[test]
fn more_than_allowed() {
    let limits = Limits { bytes: 1_000, entries: 3, ..Limits::default() };
    let wanted = "the archive unpacks to more than 1000 bytes";
    let zeros = |name: &str, count: usize| Zipped::deflated(name, &vec![0; count]);
    assert_eq!(refused_within(Format::Zip, &zip(&[zeros("a", 1_001)]), &limits), wanted);
    assert_eq!(refused_within(Format::Zip, &zip(&[zeros("a", 600), zeros("a", 600)]), &limits), wanted);
    // One that hides its size is stopped where it says that it ends.
    let hiding = Zipped { size: 900, ..zeros("a", 1 << 20) };
    let place = Place::new();
    assert!(place.unpack(Format::Zip, &zip(&[hiding]), &limits).is_err());
    assert!(fs::metadata(place.top().join("a")).unwrap().len() <= 900);
    let wanted = "the archive has more than 3 entries";
    let four: Vec<_> = (0..4).map(|at| Zipped::stored(&at.to_string(), b"")).collect();
    assert_eq!(refused_within(Format::Zip, &zip(&four), &limits), wanted);
    assert_eq!(refused_within(Format::Zip, &zip(&[Zipped::stored("a/b/c/d", b"")]), &limits), wanted);
}

#[test]
fn large_archives_have_a_second_list_end() {
    let extra = [&b"\x01\0\x10\0"[..], &5u64.to_le_bytes(), &5u64.to_le_bytes()].concat();
    let mut large = Zipped { extra, size: u32::MAX, ..Zipped::stored("a", b"large") };
    large.checksum = crc(b"large");
    let mut archive = zip(&[large]);
    // Sizes that are elsewhere: all of them but the offset.
    let list = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    archive[list + 20..list + 24].fill(0xff);
    let end = archive.split_off(archive.len() - 22);
    let (start, bytes) = (list as u64, (archive.len() - list) as u64);
    let at = archive.len() as u64;
    archive.extend_from_slice(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
    archive.extend([1, 1, bytes, start].into_iter().flat_map(u64::to_le_bytes));
    archive.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    archive.extend(at.to_le_bytes());
    archive.extend(1u32.to_le_bytes());
    let mut end = end;
    end[8..20].fill(0xff);
    let whole = [archive, end].concat();
    assert_eq!(listed(&accepted(Format::Zip, &whole)), ["a: large"]);
    // The same behind something else, as in archives that unpack themselves.
    assert_eq!(listed(&accepted(Format::Zip, &[b"#!/bin/sh\n", &whole[..]].concat())), ["a: large"]);
}

#[test]
fn ends_that_are_damaged() {
    let archive = zip(&[Zipped::stored("a", b"a"), Zipped::stored("b", b"b")]);
    let end = archive.len() - 22;
    let with = |at: usize, bytes: &[u8]| {
        let mut archive = archive.clone();
        archive[at..at + bytes.len()].copy_from_slice(bytes);
        refused(Format::Zip, &archive)
    };
    let damaged = |why: &str| format!("the archive is damaged: {why}");
    assert_eq!(with(end + 8, &[3, 0, 3, 0]), damaged("its list of entries is not as long as it says"));
    assert_eq!(with(end + 8, &[3, 0, 2, 0]), damaged("it is a part of an archive in several files"));
    assert_eq!(with(end + 12, &[0xff; 4]), damaged("its list of entries is not where it should be"));
    assert_eq!(with(end + 16, &[0xff; 4]), damaged("its list of entries is not where it should be"));
    assert_eq!(with(end + 12, &[9, 0, 0, 0]), damaged("its list of entries cannot be read"));
    assert_eq!(with(end, b"XX"), damaged("it has no list of entries at its end"));
    assert_eq!(refused(Format::Zip, &archive[..archive.len() - 1]), damaged("it has no list of entries at its end"));
    assert_eq!(refused(Format::Zip, &zip(&[])), "the archive holds nothing");
    let comment = [&archive[..archive.len() - 2], b"\x05\0PK\x05\x06!"].concat();
    assert_eq!(listed(&accepted(Format::Zip, &comment)), ["a: a", "b: b"]);
}
