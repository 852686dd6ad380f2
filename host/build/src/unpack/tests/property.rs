//! Whatever is in an archive: unpacking ends, does not panic, and writes nowhere else.

use super::archives::{Tar, Zipped, gzip, sum, zip};
use super::packed::packed;
use super::plain::old_sparse;
use super::*;
use crate::fuzzing::fuzz;
use proptest::prelude::*;
use std::sync::OnceLock;

fn tar() -> Vec<u8> {
    Tar::new()
        .directory("d")
        .file("d/file", &[b'f'; 1_500])
        .link("d/link", "../d/file")
        .link("l", "d")
        .hard_link("hard", "d/file")
        .pax(b'x', &[("path", b"pax/name"), ("mtime", b"12.5"), ("size", b"4")])
        .file("cut", b"abcd")
        .pax(b'x', &[("GNU.sparse.major", b"1"), ("GNU.sparse.realsize", b"4000"), ("GNU.sparse.name", b"s")])
        .file("x", &[b"1\n10\n4\n".to_vec(), vec![0; 505], b"abcd".to_vec()].concat())
        .block(&old_sparse("old", &[(7, 3)], 100, 3))
        .content(b"abc")
        .file("last", b"last")
        .end()
}

fn samples() -> &'static [(Format, Vec<u8>)] {
    static SAMPLES: OnceLock<Vec<(Format, Vec<u8>)>> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let link = Zipped::moded("l", 0o120_777, b"d/a");
        let entries = [Zipped::deflated("d/a", &[b'a'; 900]), link, Zipped::stored("b", b"b")];
        let mut samples = vec![(PLAIN, tar()), (PLAIN, tar()), (PLAIN, tar()), (Format::Zip, zip(&entries))];
        samples.push((Format::Tar(Compression::Gzip), gzip(&tar())));
        for (program, compression) in
            [("bzip2", Compression::Bzip2), ("xz", Compression::Xz), ("zstd", Compression::Zstd)]
        {
            samples.extend(packed(program, &["-c"], &tar()).map(|archive| (Format::Tar(compression), archive)));
        }
        samples
    })
}

/// A change: at which part of the archive, and what it becomes.
#[derive(Debug, Clone)]
enum Change {
    Byte(usize, u8),
    Text(usize, &'static [u8]),
    Cut(usize),
    Move(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let texts: &[&[u8]] =
        &[b"../", b"/etc", b"d/link", b"l", b"..", b"\x80\xff\xff\xff", b"77777777777", b"\0", b"99999"];
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        3 => (any::<usize>(), prop::sample::select(texts)).prop_map(|(at, text)| Change::Text(at, text)),
        1 => any::<usize>().prop_map(Change::Cut),
        1 => (any::<usize>(), any::<usize>(), 0usize..1_024).prop_map(|(from, to, size)| Change::Move(from, to, size)),
    ]
}

fn changed(mut archive: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let size = archive.len();
        match *change {
            Change::Byte(at, byte) => archive[at % size] = byte,
            Change::Text(at, text) => {
                // Where a name or a number begins, more often than not.
                let field = [0, 124, 157, 345, 386][at % 5];
                let at = (at % size / 512 * 512 + field).min(size - text.len());
                archive[at..at + text.len()].copy_from_slice(text);
            }
            Change::Cut(at) => archive.truncate((at % size).max(32)),
            Change::Move(from, to, count) => {
                let (from, to) = (from % size, to % size);
                archive.copy_within(from..from + count.min(size - from.max(to)), to);
            }
        }
    }
    archive
}

/// Makes the checksums of all headers right, so that what is changed in them is looked at.
fn summed(archive: &mut [u8]) {
    for block in archive.as_chunks_mut::<512>().0 {
        if &block[257..262] == b"ustar" {
            sum(block);
        }
    }
}

fuzz! {
    256;

    #[test]
    fn archives_that_were_changed_do_no_harm(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..6),
        right in any::<bool>(),
    ) {
        let (format, archive) = which.get(samples());
        let mut archive = changed(archive.clone(), &changes);
        if right {
            summed(&mut archive);
        }
        let limits = Limits { bytes: 1 << 20, entries: 100, ..Limits::default() };
        let place = Place::new();
        // What is beside the place is looked at in there.
        let unpacked = place.unpack(*format, &archive, &limits);
        let found = found(&place.top());
        let bytes: usize = found.values().map(|found| match found {
            Found::File { content, .. } => content.len(),
            Found::Directory { .. } | Found::Link(_) => 0,
        }).sum();
        // Each of up to 100 names may be one of the same file.
        prop_assert!(bytes <= 100 << 20);
        prop_assert!(found.len() <= 100);
        prop_assert!(unpacked.is_err() || !found.is_empty());
    }
}
