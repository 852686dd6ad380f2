//! The store: entries that are built once, named by what they are built from, and never changed.
//!
//! An entry is a directory `<32 hexadecimal digits>-<name>-<version>`. In it, beside the tree that was built, are
//! `derivation.json` (what it was built from; the name is its digest), `manifest.json` (every path, with digests) and
//! `built` (the digest of all that, written last). An entry without `built` is not there.
//!
//! All that must survive a crash is written through `punix_disk::Disk`.

mod border;
mod canonical;
mod derivation;
mod digest;
mod filling;
#[cfg(test)]
#[path = "../../../tests/fuzzing.rs"]
mod fuzzing;
mod gc;
pub mod limits;
mod lock;
mod manifest;
mod marker;
mod name;
mod object;
mod parallel;
mod remove;
mod roots;
mod store;
#[cfg(test)]
mod testing;
mod tree;
mod verify;

pub use border::damaged;
pub use canonical::{Integer, Piece, ReadError, Record, Value, Woven};
pub use derivation::{Derivation, DerivationError, Parts, SourcePart, source_identity};
pub use digest::{Digest, Hasher};
pub use filling::{FillError, Filled, Filling};
pub use gc::{Collected, Collection, Dead, Failed, Missing, NotRemoved, Root, Unreadable, Why, plan};
pub use lock::{Asking, ExclusiveLock, Holder, LockError, PathLock, SharedLock};
pub use manifest::{Entry, Manifest, ManifestError, Node};
pub use name::{NameError, PackageName, Purpose, StoreName, TemporaryName, Version};
pub use object::{AddError, Added, Outcome, is_sealed};
pub use roots::record::RECORD_SCHEMA_MAX;
pub use roots::registry::{Keeper, Registration};
pub use roots::{Issue, Origin, Place, Roots, RootsError};
pub use store::{CollectError, Size, Staged, Store, StoreError, Swept, Work};
pub use tree::{TreeError, content_digest, walk};
pub use verify::{Damage, DerivationIssue, ManifestIssue, VerifyError};
