//! Plugins, as far as they go before anything of them runs: a file is read once, inspected, and what it asks for is
//! compared with what the operator granted and the site allows.
//!
//! Nothing here compiles or runs a component, and nothing here writes.

mod diff;
mod digest;
mod door;
mod fault;
mod file;
mod grant;
mod inspect;
pub mod limits;
mod lock;
mod manifest;
mod pattern;
mod policy;
mod request;
mod site;
#[cfg(test)]
mod testing;
mod word;
mod world;

pub use diff::{Change, Changes, RequestChange, diff};
pub use digest::{Digest, NotADigest};
pub use door::{Admitted, Rules, admit, admit_bundled};
pub use fault::Fault;
pub use file::{Component, FileError, read};
pub use grant::{
    Bounds, Ceiling, EnvBound, EnvGrant, FilesBound, FilesGrant, Form, Grant, HttpBound, HttpGrant, NamePattern,
    Policy, PolicyError, ProgramBound, ProgramGrant, Secrets, Table,
};
pub use inspect::{FEATURES, InspectError, Inspected, MANIFEST_SECTION, attach, inspect};
pub use lock::{Lock, LockError, Row, Source, SourceError};
pub use manifest::{Determinism, Manifest, ManifestError};
pub use pattern::{ArgumentsPattern, HostPattern, PathPattern};
pub use policy::{
    Bound, Cause, Denial, Effective, EnvAccess, FilesAccess, HttpAccess, ProgramAccess, Shortfall, effective,
};
pub use request::{
    Ask, EnvRequest, FilesRequest, HostWanted, HttpRequest, Key, Method, ProgramRequest, ProgramWanted, Referred,
    Requests, SecretsRequest,
};
pub use site::{CEILINGS, SiteError, ceilings, lock, policy};
pub use word::{
    AbsolutePath, AuthorityName, Handle, Id, Pointer, ProgramName, RootName, VariableName, Version, Why, WordError,
};
pub use world::{InterfaceName, Kind, NotAWorld, World};
