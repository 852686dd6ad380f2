//! Contents of files, each under its digest. What is read is what its name says, or it is not read.

use crate::failure::TargetError;
use crate::limits::FILE_BYTES_MAX;
use crate::target::Target;
use punix_store::Digest;
use std::io::{self, ErrorKind, Read};

const BUFFER_BYTES_MAX: usize = 128 << 10;

/// Returns a content, if it is kept.
pub fn blob(target: &Target<'_>, digest: &Digest) -> Result<Option<Vec<u8>>, TargetError> {
    let path = target.layout.blob(digest);
    let bytes = match target.disk.read(path.on_disk(), FILE_BYTES_MAX) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    match Digest::of(&bytes) {
        found if found == *digest => Ok(Some(bytes)),
        found => Err(TargetError::WrongBlob { path, found }),
    }
}

/// Reads to the end, and hands over each piece. Returns how many bytes there were; more than `most` are an error. How
/// many there are likely is for the buffer, which does not keep what was in it.
pub(crate) fn each_piece(
    from: &mut dyn Read,
    likely: u64,
    most: u64,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<u64> {
    let mut buffer = zeroize::Zeroizing::new(vec![0; buffer_bytes(likely)]);
    let mut size: u64 = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(size),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        size = size.saturating_add(count as u64);
        if size > most {
            return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
        }
        take(buffer.get(..count).unwrap_or_default())?;
    }
}

/// One byte more than there is shows that it was all.
fn buffer_bytes(likely: u64) -> usize {
    usize::try_from(likely.saturating_add(1)).unwrap_or(BUFFER_BYTES_MAX).min(BUFFER_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use punix_disk::{Disk, SimulatedDisk};
    use std::io::Write;
    use std::path::Path;

    #[test]
    fn what_is_read_is_what_its_name_says() {
        let disk = SimulatedDisk::new();
        let target = Target::alone(&disk, Layout::new(Path::new("/d")).unwrap());
        for directory in ["d", "d/.blobs"] {
            disk.create_directory(Path::new(directory), 0o700).unwrap();
        }
        let put = |digest: &Digest, content: &[u8]| {
            disk.create(target.layout.blob(digest).on_disk(), 0o600).unwrap().write_all(content).unwrap();
        };
        let [good, bad, gone] = [b"good", b"bad!", b"gone"].map(|content| Digest::of(content));
        put(&good, b"good");
        put(&bad, b"worse");
        assert_eq!(blob(&target, &good).unwrap().as_deref(), Some(&b"good"[..]));
        assert_eq!(blob(&target, &gone).unwrap(), None);
        let error = blob(&target, &bad).unwrap_err();
        assert!(matches!(error, TargetError::WrongBlob { found, .. } if found == Digest::of(b"worse")), "{error}");
    }

    #[test]
    fn reading_has_an_end() {
        let error = each_piece(&mut io::repeat(1), 0, 1 << 20, |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        for likely in [0, 7, 300_000, u64::MAX] {
            assert_eq!(each_piece(&mut &[0; 300_000][..], likely, 300_000, |_| Ok(())).unwrap(), 300_000);
        }
    }
}
