//! Archives packed by the programs that everybody uses: in parts, with large windows, larger than allowed.

use super::archives::{Tar, gzip};
use super::*;
use crate::testing::skip;
use std::io::Write;
use std::process::{Command, Stdio};

/// Packs bytes with a program of the system; `None` if it is not there.
pub(super) fn packed(program: &str, arguments: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        skip(&format!("`{program}` is not installed"));
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(bytes).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{program}");
    Some(output.stdout)
}

/// Bytes that are partly alike, in every program's blocks.
fn varied(count: usize) -> Vec<u8> {
    let mut state = 7u32;
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match state >> 30 {
            0 => bytes.resize(bytes.len() + (state >> 20 & 0x1ff) as usize, (state >> 8) as u8),
            1 => bytes.extend_from_within(bytes.len() / 2..bytes.len() / 2 + (bytes.len() / 4).min(100)),
            _ => bytes.extend_from_slice(&state.to_be_bytes()),
        }
    }
    bytes.truncate(count);
    bytes
}

type Packer = (&'static str, &'static [&'static str], Compression);

/// One of each that is quick.
const PACKERS: [Packer; 4] = [
    ("gzip", &["-1c"], Compression::Gzip),
    ("bzip2", &["-1c"], Compression::Bzip2),
    ("xz", &["-0c"], Compression::Xz),
    ("zstd", &["-q1c"], Compression::Zstd),
];

/// What else the programs can do.
const MORE_PACKERS: [Packer; 8] = [
    ("gzip", &["-9c"], Compression::Gzip),
    ("bzip2", &["-9c"], Compression::Bzip2),
    ("xz", &["-9ec", "--check=sha256"], Compression::Xz),
    ("xz", &["-1c", "--threads=2", "--block-size=65536", "--check=crc32"], Compression::Xz),
    ("xz", &["-c", "--x86", "--delta=dist=4", "--lzma2=preset=1", "--check=none"], Compression::Xz),
    ("zstd", &["-qc", "--ultra", "-22", "--long=27"], Compression::Zstd),
    ("zstd", &["-q9c", "--no-check"], Compression::Zstd),
    ("zstd", &["-q3c", "--threads=2"], Compression::Zstd),
];

#[test]
fn every_packing_gives_back_what_was_packed() {
    let content = varied(1_200_000);
    let archive = Tar::new().file("a", &content).file("empty", b"").end();
    for (program, arguments, compression) in PACKERS.into_iter().chain(MORE_PACKERS) {
        let Some(whole) = packed(program, arguments, &archive) else { continue };
        let found = accepted(Format::Tar(compression), &whole);
        assert!(content_of(&found, "a") == content, "{program} {arguments:?}");
        assert_eq!(found.len(), 2);
    }
}

#[test]
fn parts_that_were_packed_by_themselves_are_one_archive() {
    let content = varied(300_000);
    let archive = Tar::new().file("a", &content).end();
    for (program, arguments, compression) in PACKERS {
        let parts = [&archive[..1], &archive[1..70_000], &[], &archive[70_000..]];
        let parts: Option<Vec<_>> = parts.iter().map(|part| packed(program, arguments, part)).collect();
        let Some(parts) = parts else { continue };
        let mut whole = parts.concat();
        match compression {
            // Zeros up to the end of a tape's block, and as many as xz allows.
            Compression::Gzip | Compression::Bzip2 => whole.resize(whole.len() + 1_001, 0),
            Compression::Xz => whole.resize(whole.len() + 1_000, 0),
            // A frame that is skipped.
            Compression::Zstd => whole.extend_from_slice(b"\x51\x2a\x4d\x18\x03\0\0\0abc"),
            Compression::None => {}
        }
        let found = accepted(Format::Tar(compression), &whole);
        assert!(content_of(&found, "a") == content, "{program} {arguments:?}");
        whole.extend_from_slice(b"rest");
        let error = refused(Format::Tar(compression), &whole);
        assert!(error.starts_with("the archive is damaged: "), "{program}: {error}");
    }
}

#[test]
fn what_is_packed_is_not_cut_or_changed_unnoticed() {
    let archive = Tar::new().file("a", &varied(3_000)).end();
    for (program, arguments, compression) in PACKERS {
        let Some(whole) = packed(program, arguments, &archive) else { continue };
        let format = Format::Tar(compression);
        for end in (8..whole.len() - 1).step_by(37) {
            assert!(Place::new().unpack(format, &whole[..end], &Limits::default()).is_err(), "{program} {end}");
        }
        let wanted = found_in(format, &whole);
        for at in (10..whole.len()).step_by(41) {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            // The bits may be in a field that says nothing of the content.
            let found = found_in(format, &changed);
            assert!(found.is_none() || found == wanted, "{program} {arguments:?} {at}");
        }
    }
}

fn found_in(format: Format, archive: &[u8]) -> Option<BTreeMap<Vec<u8>, Found>> {
    let place = Place::new();
    place.unpack(format, archive, &Limits::default()).ok().map(|_| found(&place.top()))
}

#[test]
fn what_unpacks_to_too_much_is_stopped() {
    let limits = Limits { bytes: 1 << 20, entries: 10, ..Limits::default() };
    let bomb = Tar::new().file("a", &vec![0; 24 << 20]).end();
    let endless = Tar::new().directory("d").open().into_iter().chain(vec![0; 24 << 20]).collect::<Vec<_>>();
    let wanted = "the archive unpacks to more than 1048576 bytes";
    for bomb in [&bomb, &endless] {
        assert_eq!(refused_within(Format::Tar(Compression::Gzip), &gzip(bomb), &limits), wanted);
        for (program, arguments, compression) in &PACKERS[1..] {
            let Some(whole) = packed(program, arguments, bomb) else { continue };
            assert_eq!(refused_within(Format::Tar(*compression), &whole, &limits), wanted, "{program}");
        }
    }
}

#[test]
fn windows_that_are_too_large_are_refused() {
    let archive = Tar::new().file("a", b"a").end();
    let wanted = "the archive wants more than 128 MiB of memory to be unpacked";
    let large = ["-c", "--lzma2=preset=0,dict=192MiB"];
    if let Some(whole) = packed("xz", &large, &archive) {
        assert_eq!(refused(Format::Tar(Compression::Xz), &whole), wanted);
    }
    let largest = ["-c", "--lzma2=preset=0,dict=128MiB"];
    if let Some(whole) = packed("xz", &largest, &archive) {
        assert_eq!(accepted(Format::Tar(Compression::Xz), &whole).len(), 1);
    }
    // A frame with a window of 256 MiB, and a block that is one byte, many times.
    let frame = |window: u8| [b"\x28\xb5\x2f\xfd\0", &[window][..], b"\x03\0\0a"].concat();
    assert_eq!(refused(Format::Tar(Compression::Zstd), &frame(18 << 3)), wanted);
    assert_eq!(refused(Format::Tar(Compression::Zstd), &frame(17 << 3)), "the archive holds nothing");
}
