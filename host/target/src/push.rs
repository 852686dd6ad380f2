//! Bringing entries of the store here to the store there. An entry is written beside its place, compared with what is
//! listed of it as it comes, made durable, and only then given its name: what has its name is whole, whoever was killed
//! when. So what is there already can be taken as it is.
//!
//! Entries go in batches: making many durable costs hardly more than making one. What leaves here is in `leaving`, what
//! arrives there in `arriving`; between them there may be a pipe.

mod arriving;
mod leaving;

pub(crate) use arriving::{Arrival, Arriving, There};
pub(crate) use leaving::{Departure, Leaving};

use crate::failure::TargetError;
use crate::path::TargetPath;
use crate::resolve::ResolveIssue;
use crate::target::Target;
use punix_diag::{Code, Diagnostic};
use punix_store::{
    AddError, DerivationIssue, FillError, LockError, ManifestIssue, SharedLock, Store, StoreError, StoreName, TreeError,
};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

/// What is to be brought, and where.
#[derive(Debug, Clone)]
pub struct Pushing {
    /// The store on the target.
    pub to: TargetPath,
    /// The entries that must be there, with all that they depend on.
    pub names: BTreeSet<StoreName>,
    /// Of these, the ones that are brought again although they look whole: they are damaged.
    pub again: BTreeSet<StoreName>,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushStep {
    /// So many entries are missing, and have so many bytes.
    Begin {
        entries: usize,
        bytes: u64,
    },
    Entry {
        name: StoreName,
        bytes: u64,
    },
    /// More bytes of it were copied.
    Bytes {
        more: u64,
    },
    Done {
        name: StoreName,
    },
}

/// What is on the target now. While this is held, no entry goes away there: hold it until a record names them.
#[derive(Debug)]
pub struct Pushed {
    pub pushed: usize,
    pub cached: usize,
    _lock: SharedLock,
}

/// Why entries could not be brought. What was brought before stays, whole.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("there is no directory for the store `{to}` on the target: {issue}")]
    Place { to: TargetPath, issue: ResolveIssue },
    #[error("the target is only simulated, and has no store")]
    Simulated,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("`{name}` is neither in the store here nor on the target")]
    Absent { name: StoreName },
    #[error("what `{name}` was built from cannot be read here: {issue}")]
    Derivation { name: StoreName, issue: DerivationIssue },
    #[error("what is in `{name}` cannot be read here: {issue}")]
    Manifest { name: StoreName, issue: ManifestIssue },
    /// The entry here is not what it was when it was built.
    #[error("`{}` in `{name}` is damaged here", .path.display())]
    Damaged { name: StoreName, path: PathBuf },
    #[error("`{name}` cannot be read here: {error}")]
    Read { name: StoreName, error: io::Error },
    /// What is listed at this place came with another content; whoever sent it knows more.
    #[error("line {number} of what is listed in `{name}` arrived with another content")]
    Content { name: StoreName, number: usize },
    /// It is what it should be here.
    #[error("`{}` in `{name}` arrived with another content than it has here", .path.display())]
    Differs { name: StoreName, path: PathBuf },
    #[error("`{name}` cannot be an entry of the store on the target: {error}")]
    Unfit { name: StoreName, error: FillError },
    #[error("packages cannot be added to the store on the target: {error}")]
    Add { error: AddError },
    #[error("`{name}` cannot be written on the target: {error}")]
    Disk { name: StoreName, error: io::Error },
    /// The pipe broke, or the other side did.
    #[error(transparent)]
    Lost(Box<Lost>),
}

/// How far it was when the way to the target failed.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Lost {
    /// So many are there, of so many that were missing.
    pub pushed: usize,
    pub missing: usize,
    pub error: TargetError,
}

impl PushError {
    /// Tells whether the world failed, not what was asked for.
    pub fn is_the_worlds(&self) -> bool {
        match self {
            PushError::Target(error) => error.is_the_worlds(),
            PushError::Lost(lost) => lost.error.is_the_worlds(),
            PushError::Lock(_)
            | PushError::Read { .. }
            | PushError::Store(StoreError::Io { .. })
            | PushError::Add { error: AddError::Tree(TreeError::Disk(_)) }
            | PushError::Disk { .. } => true,
            PushError::Place { .. }
            | PushError::Simulated
            | PushError::Store(_)
            | PushError::Absent { .. }
            | PushError::Derivation { .. }
            | PushError::Manifest { .. }
            | PushError::Damaged { .. }
            | PushError::Content { .. }
            | PushError::Differs { .. }
            | PushError::Unfit { .. }
            | PushError::Add { .. } => false,
        }
    }
}

impl From<PushError> for Diagnostic {
    fn from(error: PushError) -> Diagnostic {
        let message = error.to_string();
        match error {
            PushError::Store(error) => error.into(),
            PushError::Lock(error) => error.into(),
            PushError::Target(error) => error.into(),
            PushError::Place { .. } | PushError::Simulated => Diagnostic::error(Code::E31, message)
                .help("make what leads there a directory, or name another store with `--store-root`"),
            PushError::Lost(lost) => {
                let there = format!("{} of {} missing packages are there, and stay", lost.pushed, lost.missing);
                let diagnostic: Diagnostic = lost.error.into();
                diagnostic.note(there).help("run the command again; what is there is not sent again")
            }
            PushError::Disk { .. } | PushError::Add { .. } => Diagnostic::error(Code::E31, message)
                .note("what is live was not changed, and packages that were brought before stay"),
            PushError::Read { .. } => Diagnostic::error(Code::E31, message).note("what is live was not changed"),
            PushError::Absent { .. } => Diagnostic::error(Code::E21, message).help("build it first"),
            PushError::Derivation { .. }
            | PushError::Manifest { .. }
            | PushError::Damaged { .. }
            | PushError::Content { .. }
            | PushError::Differs { .. }
            | PushError::Unfit { .. } => {
                Diagnostic::error(Code::E21, message).help("`punix store repair` makes it anew")
            }
        }
    }
}

/// Sees to it that entries are on a target, from a store of the same machine.
pub fn push(
    target: &Target<'_>,
    from: &Store,
    pushing: &Pushing,
    progress: &mut dyn FnMut(PushStep),
) -> Result<Pushed, PushError> {
    let there = There::open(target, &pushing.to)?;
    let _here = from.share(there.asking)?;
    let is_same = from.root() == there.store.root();
    let again = if is_same { BTreeSet::new() } else { pushing.again.clone() };
    let lacking = there.lacking(&pushing.names, &again)?;
    if let (true, Some(name)) = (is_same, lacking.first()) {
        return Err(PushError::Absent { name: name.clone() });
    }
    let leaving = Leaving::of(from, &lacking)?;
    leaving.begin(progress);
    for batch in leaving.batches() {
        let arrivals = batch.iter().map(|entry| entry.arrival(from)).collect::<Result<_, _>>()?;
        there.receive(arrivals, &again, &mut |arriving| copy(from, batch, arriving, progress))?;
        batch.iter().for_each(|entry| progress(PushStep::Done { name: entry.name.clone() }));
    }
    there.end(lacking.len(), pushing.names.len())
}

/// Copies what is in entries.
fn copy(
    from: &Store,
    batch: &[Departure],
    arriving: &mut Arriving<'_>,
    progress: &mut dyn FnMut(PushStep),
) -> Result<(), PushError> {
    for entry in batch {
        progress(PushStep::Entry { name: entry.name.clone(), bytes: entry.manifest.size() });
        entry.read(from, &mut |piece| {
            progress(PushStep::Bytes { more: piece.len() as u64 });
            arriving.take(piece).map(drop).map_err(|error| match error {
                // It was read from there just now.
                PushError::Content { number, .. } => entry.damaged(number),
                error => error,
            })
        })?;
    }
    Ok(())
}

/// Returns some entries and all that they depend on, as the store here knows it.
pub fn closure(store: &Store, names: &BTreeSet<StoreName>) -> Result<BTreeSet<StoreName>, PushError> {
    let mut all = names.clone();
    let mut open: Vec<StoreName> = names.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let derivation = store.derivation(&name).map_err(|issue| absent_or(&name, store, issue))?;
        for input in &derivation.parts().inputs {
            if all.insert(input.clone()) {
                open.push(input.clone());
            }
        }
    }
    Ok(all)
}

fn absent_or(name: &StoreName, store: &Store, issue: DerivationIssue) -> PushError {
    match store.is_valid(name) {
        Ok(false) => PushError::Absent { name: name.clone() },
        Ok(true) | Err(_) => PushError::Derivation { name: name.clone(), issue },
    }
}

#[cfg(test)]
pub(crate) mod tests;
