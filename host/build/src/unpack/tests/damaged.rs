//! Archives that are not what they should be: cut, changed, empty, of another format.

use super::archives::{Header, Tar, Zipped, gzip, zip};
use super::packed::packed;
use super::*;

const GZIP: Format = Format::Tar(Compression::Gzip);

fn sample() -> Vec<u8> {
    Tar::new().directory("d").file("d/a", &[b'a'; 700]).file("b", b"b").end()
}

#[test]
fn an_archive_that_is_cut_off() {
    let archive = sample();
    // Anywhere, also between two entries: but one of the two blocks at the end may be missing.
    for end in (1..archive.len() - 1_024).step_by(64) {
        let error = refused(PLAIN, &archive[..end]);
        let wanted = ["the archive is", "`d/a` is", "`b` is"].map(|what| format!("{what} damaged: it ends too early"));
        assert!(wanted.iter().any(|wanted| error.ends_with(wanted)), "{end}: {error}");
    }
    assert_eq!(accepted(PLAIN, &archive[..archive.len() - 512]).len(), 3);
    let packed = gzip(&archive);
    for end in 3..packed.len() {
        let error = refused(GZIP, &packed[..end]);
        assert!(error.ends_with("it ends too early"), "{end}: {error}");
    }
}

#[test]
fn an_archive_without_an_end_is_whole_if_its_packing_is() {
    let open = Tar::new().file("a", b"a").open();
    assert_eq!(refused(PLAIN, &open), "the archive is damaged: it ends too early");
    assert_eq!(listed(&accepted(GZIP, &gzip(&open))), ["a: a"]);
}

#[test]
fn what_follows_the_end_is_not_looked_at() {
    let archive = [sample(), vec![0; 9_000], sample(), b"rest".to_vec()].concat();
    assert_eq!(accepted(PLAIN, &archive).len(), 3);
}

#[test]
fn an_archive_that_was_changed() {
    let mut archive = sample();
    archive[600] ^= 1;
    assert_eq!(refused(PLAIN, &archive), "the archive is damaged: the checksum of a header is wrong");
    let mut archive = sample();
    archive[3] ^= 1;
    assert_eq!(refused(PLAIN, &archive), "the file is not a tar archive, as its name says");
    let mut packed = gzip(&sample());
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    assert!(refused(GZIP, &packed).starts_with("the archive is damaged: "));
    // A link has no content, whatever its header says.
    let link = Header { kind: b'2', name: b"l", link: b"a", size: Some(3), ..Header::default() };
    let archive = Tar::new().put(&link, b"abc").end();
    assert!(refused(PLAIN, &archive).starts_with("the archive is damaged: "));
}

#[test]
fn an_archive_that_holds_nothing() {
    let nothing = "the archive holds nothing";
    for format in [PLAIN, GZIP, Format::Tar(Compression::Xz), Format::Zip] {
        assert_eq!(refused(format, b""), nothing);
    }
    assert_eq!(refused(PLAIN, &[0; 10_240]), nothing);
    assert_eq!(refused(GZIP, &gzip(&[0; 10_240])), nothing);
    assert_eq!(refused(GZIP, &gzip(b"")), nothing);
    assert_eq!(refused(PLAIN, &Tar::new().pax(b'g', &[("comment", b"x")]).end()), nothing);
}

#[test]
fn an_archive_may_begin_with_any_name() {
    for name in ["PK\x03\x04/a", "BZh9/a", "\x1f\u{8b}", "PKzip/a"] {
        assert_eq!(accepted(PLAIN, &Tar::new().file(name, b"").end()).values().last().map(is_file), Some(true));
    }
}

fn is_file(found: &Found) -> bool {
    matches!(found, Found::File { .. })
}

#[test]
fn a_file_whose_name_says_something_else() {
    let formats = [
        PLAIN,
        GZIP,
        Format::Tar(Compression::Bzip2),
        Format::Tar(Compression::Xz),
        Format::Tar(Compression::Zstd),
        Format::Zip,
    ];
    let sample = sample();
    let archives = [
        Some(sample.clone()),
        Some(gzip(&sample)),
        packed("bzip2", &["-c"], &sample),
        packed("xz", &["-c"], &sample),
        packed("zstd", &["-c"], &sample),
        Some(zip(&[Zipped::stored("a", b"")])),
    ];
    for (is, archive) in formats.iter().zip(&archives) {
        for said in formats.iter().filter(|said| *said != is) {
            let Some(archive) = archive else { continue };
            let error = Place::new().unpack(*said, archive, &Limits::default()).unwrap_err();
            // A short one is not even as long as a header.
            let told = matches!(&error, UnpackError::Other { wanted, found } if wanted == said && *found == Some(*is));
            assert!(told || (*said == PLAIN && archive.len() < 512), "{is:?} {said:?} {error}");
        }
    }
    for said in formats {
        let error = Place::new().unpack(said, b"<html>not found</html>", &Limits::default()).unwrap_err();
        let wanted = match said {
            PLAIN => "the archive is damaged: it ends too early".to_owned(),
            said => format!("the file is not {}, as its name says", said.described()),
        };
        assert_eq!(error.to_string(), wanted);
    }
    let page = [b"<html>".as_slice(), &[b'x'; 2_000]].concat();
    assert_eq!(refused(PLAIN, &page), "the file is not a tar archive, as its name says");
    // Packed, but no archive.
    assert_eq!(refused(GZIP, &gzip(&page)), "the file is not a tar archive, as its name says");
}
