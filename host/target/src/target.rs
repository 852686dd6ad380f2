//! A target: a disk, where our own files are on it, and how it is locked.

use crate::boundary::Boundary;
use crate::confirm::{self, Pledge};
use crate::failure::TargetError;
use crate::guard::Guarding;
use crate::journal;
use crate::layout::Layout;
use crate::lock::{self, Exclusive, Shared};
use crate::path::TargetPath;
use crate::records::Known;
use crate::recover::recover;
use crate::resolve::Resolver;
use crate::trust;
use punix_disk::{Disk, Kind};
use punix_store::Asking;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What everything that is done on a target needs.
#[derive(Clone)]
pub struct Target<'d> {
    pub(crate) disk: &'d dyn Disk,
    pub(crate) layout: Layout,
    /// Nothing for a disk that is only simulated.
    pub(crate) place: Option<Place<'d>>,
    /// Where files may lie. Without one, whoever makes plans is trusted.
    pub(crate) boundary: Option<Boundary>,
    /// What whoever has it is about.
    pub(crate) pledge: Pledge,
    /// Records that were read, to be understood once.
    pub(crate) known: Known,
}

/// Where a disk really is.
#[derive(Clone)]
pub struct Place<'d> {
    /// The disk's root.
    pub root: PathBuf,
    /// Who asks for locks, and how long he waits.
    pub asking: Asking<'d>,
    /// The command that starts this program again as a guard, if there shall be one.
    pub guard: Option<Guarding>,
}

impl<'d> Target<'d> {
    /// Makes a target of a disk that only this process has: nothing is locked.
    pub fn alone(disk: &'d dyn Disk, layout: Layout) -> Target<'d> {
        Target { disk, layout, place: None, boundary: None, pledge: Pledge::Nothing, known: Known::default() }
    }

    /// Makes a target of a disk of this machine. Links on the way to the deployments root are followed, once. It is refused
    /// where somebody else could write what is obeyed.
    pub fn at(disk: &'d dyn Disk, layout: &Layout, place: Place<'d>) -> Result<Target<'d>, TargetError> {
        let followed = Resolver::new(disk).followed(layout.root());
        let layout = match followed {
            Ok(root) => Layout::at(root),
            Err(issue) => return Err(TargetError::Nowhere { path: layout.root().clone(), issue }),
        };
        if let Some(stranger) = trust::stranger(disk, &layout) {
            return Err(TargetError::Stranger { path: layout.root().clone(), stranger });
        }
        Ok(Target {
            disk,
            layout,
            place: Some(place),
            boundary: None,
            pledge: Pledge::Nothing,
            known: Known::default(),
        })
    }

    /// Lets files lie within a boundary only.
    #[must_use]
    pub fn within(self, boundary: Boundary) -> Target<'d> {
        Target { boundary: Some(boundary), ..self }
    }

    /// Lets the next change be one that was armed: it is refused if it is not any more.
    #[must_use]
    pub(crate) fn pledged(self, pledge: Pledge) -> Target<'d> {
        Target { pledge, ..self }
    }

    /// Tells whether it is this machine itself, and not a directory of it.
    pub(crate) fn is_here(&self) -> bool {
        self.place.as_ref().is_some_and(|place| place.root == Path::new("/"))
    }

    /// Returns where our own files are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the disk.
    pub fn disk(&self) -> &'d dyn Disk {
        self.disk
    }

    /// Waits until nobody writes, and keeps writers away. What was interrupted is mended first.
    pub fn share(&self) -> Result<Shared, TargetError> {
        confirm::settle_if_free(self);
        let lock = lock::share(self)?;
        let Some(interrupted) = journal::interrupted(self)? else { return Ok(lock) };
        drop(lock);
        match recover(self) {
            Ok(_) => {}
            Err(TargetError::Disk(error)) if is_refused(&error) => {
                return Err(TargetError::Interrupted { stack: interrupted.stack });
            }
            Err(error) => return Err(error),
        }
        lock::share(self)
    }

    /// Waits until nobody reads or writes, and keeps everybody away. The deployments root is made if there is none.
    pub fn exclude(&self) -> Result<Exclusive, TargetError> {
        make_directories(self.disk, self.layout.root(), ROOT_MODE)?;
        lock::exclude(self)
    }
}

/// Of directories that others may look into.
pub(crate) const ROOT_MODE: u32 = 0o755;
/// Of directories that hold what may not be seen.
pub(crate) const PRIVATE_MODE: u32 = 0o700;

fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// Makes a directory and those above it, if they are not there, durably.
pub(crate) fn make_directories(disk: &dyn Disk, path: &TargetPath, mode: u32) -> io::Result<()> {
    if disk.metadata(path.on_disk()).is_ok_and(|found| found.is_some_and(|found| found.kind == Kind::Directory)) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_directories(disk, &parent, ROOT_MODE)?;
    }
    match disk.create_directory(path.on_disk(), mode) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // A link is no directory here, and whoever comes first says so.
            disk.list(path.on_disk())?;
        }
        made => made?,
    }
    disk.sync_directory(path.on_disk())?;
    disk.sync_directory(above(path).as_ref())
}

/// Returns the directory that a path is in, as the disk takes it.
pub(crate) fn above(path: &TargetPath) -> PathBuf {
    path.on_disk().parent().unwrap_or(Path::new("")).to_owned()
}

/// Returns `Ok` if something is gone already.
pub(crate) fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
