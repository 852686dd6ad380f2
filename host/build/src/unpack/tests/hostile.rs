//! Archives that are made to do harm. Each is refused, and says which entry is to blame.

use super::archives::{Header, Tar, gzip};
use super::plain::old_sparse;
use super::*;

fn check(archive: Tar, wanted: &str) {
    assert_eq!(refused(PLAIN, &archive.end()), format!("the archive is not accepted: {wanted}"));
}

#[test]
fn names_that_lead_out_of_the_tree() {
    check(Tar::new().file("../beside/kept", b"x"), "`../beside/kept` has a part `..`");
    check(Tar::new().file("a/../../beside/kept", b"x"), "`a/../../beside/kept` has a part `..`");
    check(Tar::new().directory(".."), "`..` has a part `..`");
    check(Tar::new().file("/tmp/punix-x", b"x"), "`/tmp/punix-x` is an absolute name");
    check(Tar::new().file("", b"x"), "`` is no name");
    check(Tar::new().file(".", b"x"), "`.` is no name");
    check(Tar::new().link("./", "x"), "`./` is no name");
    check(Tar::new().pax(b'x', &[("path", b"a\0b")]).file("a", b""), "`a\\u{0}b` has a NUL in its name");
    check(Tar::new().pax(b'x', &[("path", b"../a")]).file("a", b""), "`../a` has a part `..`");
    check(Tar::new().pax(b'g', &[("path", b"/a")]).file("a", b""), "`/a` is an absolute name");
    check(Tar::new().file("sound", b"").file("../x", b""), "`../x` has a part `..`");
    let long = "n".repeat(256);
    check(
        Tar::new().pax(b'x', &[("path", long.as_bytes())]).file("a", b""),
        &format!("`{long}` has a part of more than 255 bytes"),
    );
}

#[test]
fn names_that_are_too_deep_or_too_long() {
    let deep = vec!["d"; 300].join("/");
    let archive = Tar::new().pax(b'x', &[("path", deep.as_bytes())]).file("a", b"").end();
    assert!(refused(PLAIN, &archive).ends_with("/d` is more than 256 directories deep"));
    let long = vec!["d".repeat(200); 16].join("/");
    let archive = Tar::new().pax(b'x', &[("path", long.as_bytes())]).file("a", b"").end();
    assert!(refused(PLAIN, &archive).ends_with("` is a path of more than 3000 bytes"));
}

#[test]
fn links_that_lead_out_of_the_tree() {
    check(Tar::new().link("l", "/etc"), "`l` is a link to `/etc`, which is absolute");
    check(Tar::new().link("l", "../beside"), "`l` is a link to `../beside`, which is outside of the archive");
    check(Tar::new().link("a/l", "../../x"), "`a/l` is a link to `../../x`, which is outside of the archive");
    check(Tar::new().link("l", ""), "`l` is a link to nothing");
    check(Tar::new().pax(b'x', &[("linkpath", &[b'x'; 5_000])]).link("l", ""), "`l` is a link to more than 4095 bytes");
}

#[test]
fn links_that_lead_out_of_the_tree_together() {
    let archive = Tar::new().file("a/b/c/f", b"").link("a/b/c/top", "../../..").link("l", "a/b/c/top/../beside");
    check(archive, "`l` is a link to `a/b/c/top/../beside`, which is outside of the archive");
    // Also if what it winds through becomes a link only later.
    let archive = Tar::new().link("l", "a/../f").file("d/f", b"").link("a", "d");
    check(archive, "`l` is a link to `a/../f`, which is outside of the archive");
    let archive = Tar::new().link("a", "d").link("l", "a/x/../../../f").file("d/f", b"");
    check(archive, "`l` is a link to `a/x/../../../f`, which is outside of the archive");
    let archive = Tar::new().link("a", "d").link("x/l", "../a/y/../f").file("d/y/f", b"");
    check(archive, "`x/l` is a link to `../a/y/../f`, which is outside of the archive");
    let found = accepted(PLAIN, &Tar::new().link("x/l", "../a/y/../f").file("a/y/f", b"").end());
    assert_eq!(found[&b"x/l"[..]], Found::Link("../a/y/../f".into()));
}

#[test]
fn nothing_is_written_through_a_link() {
    let inside = "`l/f` lies beneath something that is no directory";
    check(Tar::new().directory("d").link("l", "d").file("l/f", b"x"), inside);
    check(Tar::new().link("l", "l").file("l/f", b"x"), inside);
    check(Tar::new().link("l", "absent").file("l/f", b"x"), inside);
    check(Tar::new().link("l", "d").directory("l/d"), "`l/d` lies beneath something that is no directory");
    let wanted = "`l/a/f` lies beneath something that is no directory";
    check(Tar::new().directory("d/a").link("l", "d").file("l/a/f", b"x"), wanted);
    let wanted = "`l` is a file, but an earlier entry made a link of it";
    check(Tar::new().file("f", b"").link("l", "f").file("l", b"x"), wanted);
    check(Tar::new().file("f", b"").link("l", "f").hard_link("l", "f"), wanted);
}

#[test]
fn what_is_there_does_not_become_something_else() {
    check(Tar::new().directory("d").link("d", "e"), "`d` is a link, but an earlier entry made a directory of it");
    check(Tar::new().directory("d").file("d", b""), "`d` is a file, but an earlier entry made a directory of it");
    check(Tar::new().file("f", b"").directory("f"), "`f` is a directory, but an earlier entry made a file of it");
    check(Tar::new().link("l", "d").directory("l"), "`l` is a directory, but an earlier entry made a link of it");
    check(Tar::new().file("f", b"").file("f/x", b""), "`f/x` lies beneath something that is no directory");
    // A directory that is used, is taken away, and comes back as a link.
    let archive = Tar::new().file("d/f", b"").link("d", "e").file("d/f", b"");
    check(archive, "`d` is a link, but an earlier entry made a directory of it");
}

#[test]
fn hard_links_to_what_is_no_file_of_the_archive() {
    for target in ["/etc/passwd", "../beside/kept", "absent", "h", "", ".", "a/../f"] {
        let wanted = format!("`h` is another name of `{target}`, which is no file that was unpacked before");
        check(Tar::new().file("f", b"").hard_link("h", target), &wanted);
    }
    let wanted = "`h` is another name of `l`, which is no file that was unpacked before";
    check(Tar::new().file("f", b"").link("l", "f").hard_link("h", "l"), wanted);
    check(Tar::new().directory("l").hard_link("h", "l"), wanted);
    let wanted = "`h` is another name of `l/f`, which is no file that was unpacked before";
    check(Tar::new().file("d/f", b"").link("l", "d").hard_link("h", "l/f"), wanted);
    check(Tar::new().file("l", b"").hard_link("h", "l/f"), wanted);
}

#[test]
fn kinds_that_are_no_files() {
    for (kind, wanted) in [
        (b'3', "is a device"),
        (b'4', "is a device"),
        (b'6', "is a pipe"),
        (b'M', "is a part of a file that began in another archive"),
        (b's', "is of an unknown kind, `s`"),
        (0x1b, "is of an unknown kind, `\\u{1b}`"),
    ] {
        check(Tar::new().file("a", b"").kind(kind, "x", ""), &format!("`x` {wanted}"));
    }
}

#[test]
fn more_entries_than_allowed() {
    let limits = Limits { entries: 10, ..Limits::default() };
    let files = |count: usize| (0..count).fold(Tar::new(), |tar, at| tar.file(&at.to_string(), b"")).end();
    let wanted = "the archive has more than 10 entries";
    assert!(Place::new().unpack(PLAIN, &files(10), &limits).is_ok());
    assert_eq!(refused_within(PLAIN, &files(11), &limits), wanted);
    // Directories that only a name tells of count too, and so do entries that come again and again.
    assert_eq!(refused_within(PLAIN, &Tar::new().file("1/2/3/4/5/6/7/8/9/10/f", b"").end(), &limits), wanted);
    let same = (0..11).fold(Tar::new(), |tar, _| tar.directory("d")).end();
    assert_eq!(refused_within(PLAIN, &same, &limits), wanted);
}

#[test]
fn more_bytes_than_allowed() {
    let limits = Limits { bytes: 1_000, entries: 10, ..Limits::default() };
    let wanted = "the archive unpacks to more than 1000 bytes";
    let archive = Tar::new().file("a", &[0; 1_000]).end();
    assert_eq!(Place::new().unpack(PLAIN, &archive, &limits).unwrap(), Unpacked { entries: 1, bytes: 1_000 });
    assert_eq!(refused_within(PLAIN, &Tar::new().file("a", &[0; 600]).file("a", &[0; 600]).end(), &limits), wanted);
    // The size alone is enough.
    let huge = Header { name: b"a", size: Some(1 << 62), ..Header::default() };
    assert_eq!(refused_within(PLAIN, &Tar::new().put(&huge, b"").end(), &limits), wanted);
    // What is never written counts as well, wherever it stands.
    let more = vec![0; 4 << 20];
    let zeros = [Tar::new().file("a", b"").end(), more.clone()].concat();
    assert_eq!(refused_within(Format::Tar(Compression::Gzip), &gzip(&zeros), &limits), wanted);
    let directory = Header { kind: b'5', name: b"d", ..Header::default() };
    assert_eq!(refused_within(PLAIN, &Tar::new().put(&directory, &more).end(), &limits), wanted);
    let headers = (0..4_000).fold(Tar::new(), |tar, _| tar.pax(b'g', &[("comment", &[b'x'; 900])])).end();
    assert_eq!(refused_within(PLAIN, &headers, &limits), wanted);
}

#[test]
fn holes_count() {
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    let wanted = "the archive unpacks to more than 1048576 bytes";
    for size in [(1 << 20) + 1, 1 << 40, i64::MAX as u64] {
        let old = Tar::new().block(&old_sparse("old", &[(0, 1)], size, 1)).content(b"x").end();
        assert_eq!(refused_within(PLAIN, &old, &limits), wanted);
        let size = size.to_string();
        let pax = [("GNU.sparse.size", size.as_bytes()), ("GNU.sparse.map", b"0,1")];
        assert_eq!(refused_within(PLAIN, &Tar::new().pax(b'x', &pax).file("a", b"x").end(), &limits), wanted);
    }
}

#[test]
fn pieces_that_do_not_fit() {
    let wanted = "`a` is a file in pieces that do not fit together";
    for map in [&b"0,2"[..], b"5,1,0,0", b"0", b"9,1,9,1", b"10,1", b"18446744073709551615,1"] {
        let pax = [("GNU.sparse.size", &b"10"[..]), ("GNU.sparse.map", map)];
        check(Tar::new().pax(b'x', &pax).file("a", b"x"), wanted);
    }
    check(Tar::new().block(&old_sparse("a", &[(0, 1 << 62), (1 << 62, 1 << 62)], 9, 1)).content(b"x"), wanted);
    for map in ["99999999999999999999999\n", "1\n0\n", "1\n0\n2\n", ""] {
        let pax: [(&str, &[u8]); 2] = [("GNU.sparse.major", b"1"), ("GNU.sparse.realsize", b"10")];
        let mut content = map.as_bytes().to_vec();
        content.resize(513, b'\n');
        let error = refused(PLAIN, &Tar::new().pax(b'x', &pax).file("a", &content).end());
        assert!(error.contains("`a` "), "{error}");
    }
}

#[test]
fn headers_that_are_too_large() {
    let header = Header { kind: b'L', name: b"long", size: Some(1 << 32), ..Header::default() };
    check(Tar::new().put(&header, b""), "`long` has headers of more than 1048576 bytes");
    let header = Header { kind: b'x', ..header };
    check(Tar::new().put(&header, b""), "`long` has headers of more than 1048576 bytes");
}
