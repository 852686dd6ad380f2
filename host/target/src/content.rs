//! What stands at a path: kind, mode, owner, and by what its bytes are recognised. A file is read once, piece by piece,
//! whatever its size.

use crate::blobs::each_piece;
use crate::generation::Mark;
use crate::key::Key;
use crate::limits::FILE_BYTES_MAX;
use crate::path::TargetPath;
use crate::seen::{FileSeen, There};
use punix_disk::{Disk, Kind, Metadata};
use punix_store::Hasher;
use std::io;

/// How often a file is read that changes while it is read.
const TRIES_MAX: u32 = 3;

/// Which marks of a file are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) plain: bool,
    /// Under the key. Where there is no key, a plain one is taken in its place: nothing can be a secret that we put there.
    pub(crate) secret: bool,
}

impl Wanted {
    pub(crate) fn of(mark: &Mark) -> Wanted {
        match mark {
            Mark::Sha256(_) => Wanted { plain: true, secret: false },
            Mark::HmacSha256(_) => Wanted { plain: false, secret: true },
        }
    }

    pub(crate) fn and(self, other: Wanted) -> Wanted {
        Wanted { plain: self.plain || other.plain, secret: self.secret || other.secret }
    }
}

/// Looks at a path; the directories above it are no links.
pub(crate) fn look_at(disk: &dyn Disk, real: &TargetPath, wanted: Wanted, key: Option<&Key>) -> There {
    let unreachable = |error: io::Error| There::Unreachable { why: error.to_string() };
    for _ in 0..TRIES_MAX {
        let before = match disk.metadata(real.on_disk()) {
            Ok(None) => return There::Nothing,
            Ok(Some(found)) => found,
            Err(error) => return unreachable(error),
        };
        match before.kind {
            Kind::Directory => return There::Directory,
            Kind::Other => return There::Other,
            Kind::Link => match disk.read_link(real.on_disk()) {
                Ok(to) => return There::Link { to: to.to_string_lossy().into_owned() },
                Err(error) if is_gone(disk, real) => drop(error),
                Err(error) => return unreachable(error),
            },
            Kind::File => {
                let read = marks(disk, real, before.size, wanted, key);
                let after = disk.metadata(real.on_disk());
                match (read, after) {
                    (Ok(marks), Ok(Some(after))) if is_same(&before, &after) => {
                        return There::File(seen(&after, marks));
                    }
                    (Err(error), Ok(Some(after))) if is_same(&before, &after) => return unreachable(error),
                    (_, Err(error)) => return unreachable(error),
                    // It became another one while it was read.
                    (_, Ok(_)) => {}
                }
            }
        }
    }
    There::Unreachable { why: format!("`{real}` changes while it is read") }
}

fn is_gone(disk: &dyn Disk, real: &TargetPath) -> bool {
    disk.metadata(real.on_disk()).is_ok_and(|found| found.is_none_or(|found| found.kind != Kind::Link))
}

fn is_same(before: &Metadata, after: &Metadata) -> bool {
    let facts = |it: &Metadata| (it.kind, it.device, it.inode, it.size, it.modified);
    facts(before) == facts(after)
}

fn seen(found: &Metadata, marks: Vec<Mark>) -> FileSeen {
    FileSeen {
        mode: found.mode,
        owner: found.owner,
        group: found.group,
        size: found.size,
        identity: (found.device, found.inode),
        marks,
    }
}

fn marks(disk: &dyn Disk, real: &TargetPath, size: u64, wanted: Wanted, key: Option<&Key>) -> io::Result<Vec<Mark>> {
    let mut tagging = key.filter(|_| wanted.secret).map(Key::start);
    let mut hasher = (wanted.plain || tagging.is_none()).then(Hasher::new);
    let mut file = disk.open(real.on_disk())?;
    each_piece(&mut *file, size, FILE_BYTES_MAX, |piece| {
        if let Some(hasher) = &mut hasher {
            hasher.add(piece);
        }
        if let Some(tagging) = &mut tagging {
            tagging.add(piece);
        }
        Ok(())
    })?;
    let plain = hasher.map(|hasher| Mark::Sha256(hasher.finish()));
    Ok(plain.into_iter().chain(tagging.map(|tagging| tagging.finish())).collect())
}
