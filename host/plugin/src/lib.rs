//! Plugins. A file is read once, inspected, and what it asks for is compared with what the operator granted and the site
//! allows; only then is it compiled, or found compiled, and called ([`runtime`]). What it may do it does by way of
//! abilities, each of which decides first and then has it done by what is [`outside`].
//!
//! Nothing of a plugin runs before all that it asks for is decided, and there is no ability that nobody granted.

mod ability;
mod builtin;
mod diff;
mod digest;
mod door;
mod examined;
mod fault;
mod file;
#[cfg(test)]
#[path = "../../../tests/fuzzing.rs"]
mod fuzzing;
mod grant;
mod inspect;
pub mod limits;
mod lock;
mod manifest;
pub mod outside;
mod pack;
mod pattern;
mod policy;
mod request;
pub mod runtime;
mod site;
#[cfg(test)]
mod testing;
mod wit;
mod word;
mod world;

pub use ability::ssh::is_unreachable;
pub use builtin::{built_in, with_config, with_references};
pub use diff::{Change, Changes, RequestChange, diff};
pub use digest::{Digest, NotADigest};
pub use door::{Admitted, Rules, admit, admit_bundled};
pub use examined::{Examined, Part};
pub use fault::Fault;
pub use file::{Component, FileError, read};
pub use grant::{
    Bounds, Ceiling, EnvBound, EnvGrant, FilesBound, FilesGrant, Form, Grant, HttpBound, HttpGrant, NamePattern,
    Policy, PolicyError, ProgramBound, ProgramGrant, Secrets, Table,
};
pub use inspect::{FEATURES, InspectError, Inspected, MANIFEST_SECTION, attach, inspect};
pub use lock::{Lock, LockError, Row, Source, SourceError};
pub use manifest::{Determinism, Manifest, ManifestError};
pub use pack::{ManifestTextError, PackError, manifest_from_toml, pack};
pub use pattern::{ArgumentsPattern, HostPattern, PathPattern};
pub use policy::{
    Bound, Cause, Denial, Effective, EnvAccess, FilesAccess, HttpAccess, ProgramAccess, Shortfall, effective,
};
pub use request::{
    Ask, EnvRequest, FilesRequest, HostWanted, HttpRequest, Key, Method, ProgramRequest, ProgramWanted, Referred,
    Requests, SecretsRequest,
};
pub use site::{CEILINGS, SiteError, ceilings, lock, policy};
pub use wit::{WIT, WitFile};
pub use word::{
    AbsolutePath, AuthorityName, Handle, Id, Pointer, ProgramName, RootName, VariableName, Version, Why, WordError,
};
pub use world::{InterfaceName, Kind, NotAWorld, World};
