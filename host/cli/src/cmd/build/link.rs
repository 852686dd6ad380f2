//! `punix build --link`: a link to what was built, which keeps it from being collected.

use punix_diag::{Code, Diagnostic};
use punix_disk::{Disk, Kind, RealDisk};
use punix_store::{Keeper, Registration, SharedLock, Store, StoreName};
use std::io;
use std::path::Path;

/// Makes a link at `link`, in place of an older one, and registers it.
pub(super) fn make(store: &Store, shared: &SharedLock, link: &Path, entry: &Path) -> Result<(), Diagnostic> {
    let failed =
        |error: io::Error| Diagnostic::error(Code::E23, format!("cannot make the link `{}`: {error}", link.display()));
    // Before the link, so that there is never one that keeps nothing.
    let registration = Registration::new(Keeper::Link, link).map_err(failed)?;
    store.register(shared, &registration).map_err(failed)?;
    let (Some(parent), Some(name)) = (registration.path().parent(), registration.path().file_name()) else {
        return Ok(());
    };
    let disk = RealDisk::open(parent).map_err(failed)?;
    let name = Path::new(name);
    match disk.metadata(name).map_err(failed)?.map(|metadata| metadata.kind) {
        None => disk.create_link(name, entry).map_err(failed)?,
        Some(Kind::Link) if !is_ours(&disk.read_link(name).map_err(failed)?) => {
            let message = format!("`{}` is a link to something that is no artifact", link.display());
            return Err(Diagnostic::error(Code::E23, message).help("choose another place, or remove it"));
        }
        Some(Kind::Link) => {
            let mut draft = name.as_os_str().to_owned();
            draft.push(format!(".punix-{}", std::process::id()));
            disk.create_link(Path::new(&draft), entry).map_err(failed)?;
            disk.replace(Path::new(&draft), name).map_err(failed)?;
        }
        Some(Kind::File | Kind::Directory | Kind::Other) => {
            let message = format!("`{}` is there and is no link", link.display());
            return Err(Diagnostic::error(Code::E23, message).help("choose another place, or move it away"));
        }
    }
    disk.sync_directory(Path::new("")).map_err(failed)
}

/// Tells whether a link leads to an entry of a store, which need not be there any more, nor be this store.
fn is_ours(target: &Path) -> bool {
    let name = target.file_name().and_then(|name| name.to_str());
    target.is_absolute() && name.is_some_and(|name| StoreName::parse(name).is_ok())
}
