//! A stack as narrow types: what a program says of it, checked, with the place where each thing is written. What comes
//! after this room does not know the language any more.

use crate::artifacts::Links;
use crate::health::Gate;
use crate::places::Places;
use punix_diag::Span;
use punix_model::{Chunk, Scope, Slot};

/// A stack. Invariant: names of services are valid and unique, what they depend on is there and without a circle, paths
/// are where a stack may write as far as the program alone can tell, and each slot is referred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Design {
    pub name: String,
    pub at: Span,
    pub backend: String,
    pub backend_at: Span,
    pub scope: Scope,
    /// Those that are enabled, in the order of the program.
    pub services: Vec<Service>,
    /// Modules of packages that are pinned besides those of services, in the order of the program.
    pub store_modules: Vec<String>,
    /// Paths of the entries of all packages that it refers to: those of services, those that are pinned besides, and
    /// those whose path stands in a text. Sorted, each once.
    pub store_paths: Vec<String>,
    pub files: Vec<DesignFile>,
    /// The secrets that chunks of services and files refer to; a slot's id is its place here.
    pub slots: Vec<Slot>,
    /// Where each slot is first referred to.
    pub slot_places: Vec<Span>,
    /// A JSON object of the fields that belong to the backend: `systemUsers`, `systemGroups`.
    pub config: String,
    pub tls: Option<Tls>,
    /// What it gives to other hosts of a fleet, and takes from them.
    pub links: Links,
    /// Sorted.
    pub state_dirs: Vec<String>,
    pub places: Places,
}

impl Design {
    /// Returns where something is written that a backend names by its way: `services.web.serviceConfig.User`. A service
    /// may be named by its place in the stack too.
    pub fn place(&self, way: &str) -> Option<Span> {
        let by_index = || {
            let rest = way.strip_prefix("services.")?;
            let (index, rest) = rest.split_once('.').map_or((rest, ""), |(index, rest)| (index, rest));
            let service = self.services.get(index.parse::<usize>().ok()?)?;
            self.services.iter().all(|service| service.name != index).then_some(())?;
            self.places.find(&format!("services.{}.{rest}", service.name))
        };
        by_index().or_else(|| self.places.find(way))
    }
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    pub at: Span,
    /// The module of its package.
    pub package: String,
    /// The path of its package's store entry.
    pub package_path: String,
    pub binary: String,
    pub args: Vec<String>,
    pub depends_on: Vec<String>,
    /// By name, in the order of bytes.
    pub environment: Vec<Variable>,
    pub secret_delivery: String,
    /// A JSON object of the fields that belong to the backend: `serviceConfig`, `timer`, `tmpfiles`, `environmentFile`,
    /// `health`.
    pub config: String,
    /// Whether it is run as another user than root.
    pub runs_as_other: bool,
    /// What has to be seen of it once it was started.
    pub health: Vec<Gate>,
}

/// A variable of a service's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub at: Span,
    /// One text, or one secret in the encoding `raw`: the backend chooses its own.
    pub value: Vec<Chunk>,
    /// The artifact that the text is, or whose reference it is.
    pub artifact: Option<ArtifactName>,
}

/// An artifact, by the machine that gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactName {
    pub machine: String,
    pub name: String,
}

/// A file that the stack brings itself. All that a backend renders comes besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesignFile {
    /// Absolute and plain: no empty part, `.` or `..`, and nothing in what was written but letters, digits and `._-/`. In
    /// user scope with the home before it if it was relative.
    pub path: String,
    pub at: Span,
    pub body: FileBody,
    /// Whether it is to be kept from others: declared, or there are secrets in it.
    pub secret: bool,
    /// As declared.
    pub mode: Option<u32>,
    pub owner: Option<String>,
    pub group: Option<String>,
    /// Names of services. Nothing means every service of the stack; where only `reloads` was given it is none.
    pub restarts: Option<Vec<String>>,
    pub reloads: Option<Vec<String>>,
    /// `raw`, `std.datafile` or `std.tls`.
    pub made_by: &'static str,
}

/// Where the bytes of a file come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileBody {
    /// They stand in the program, or were made from what stands there.
    Chunks(Vec<Chunk>),
    /// A file, or all files of a directory, beside the program.
    Source { path: String, path_at: Span, exclude: Vec<String> },
}

/// Certificates that the stack needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub domains: Vec<String>,
    /// Where each domain is written.
    pub places: Vec<Span>,
    /// Names of services, as files have them.
    pub restarts: Option<Vec<String>>,
    pub reloads: Option<Vec<String>>,
    pub acme: bool,
    pub email: String,
    pub at: Span,
}
