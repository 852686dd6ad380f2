//! The four kinds of access that are more than yes or no. Each begins as what is granted, and can only be narrowed.

use crate::digest::Digest;
use crate::grant::{
    Bounds, EnvBound, EnvGrant, FilesBound, FilesGrant, Form, Grant, HttpBound, HttpGrant, ProgramBound, ProgramGrant,
};
use crate::pattern::{ArgumentsPattern, HostPattern, PathPattern};
use crate::request::{HostWanted, HttpRequest, Method, ProgramWanted, Referred};
use crate::word::{AbsolutePath, AuthorityName, Handle, Pointer, RootName, VariableName};
use crate::world::Kind;
use std::collections::BTreeSet;

/// Something that can be narrowed, and never widened.
pub(super) trait Access: Ord + Sized {
    type Limit;

    /// Returns what of it is within a limit, if anything is.
    fn narrowed(&self, limit: &Self::Limit) -> Option<Self>;
}

/// Hosts that a plugin may ask, and what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpAccess {
    pub host: HostPattern,
    /// Only if it is the host that this field of the plugin's configuration names.
    pub configured: Option<Handle>,
    pub methods: BTreeSet<Method>,
    pub paths: BTreeSet<PathPattern>,
    pub public: BTreeSet<Pointer>,
    pub plain_http: bool,
    /// Also at addresses of this machine and of private networks.
    pub private: bool,
    pub ca: Option<AuthorityName>,
}

/// A variable that a plugin may read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnvAccess {
    pub name: VariableName,
    pub form: Form,
}

/// Files that a plugin may open. Names are taken from `path`, and nothing outside of `within` is opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilesAccess {
    pub root: RootName,
    pub path: AbsolutePath,
    /// Invariant: `path`, or below it.
    pub within: AbsolutePath,
    pub write: bool,
}

/// A program that a plugin may have started.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProgramAccess {
    pub program: AbsolutePath,
    pub args: ArgumentsPattern,
    pub sha256: Option<Digest>,
}

/// What a program must be within.
#[derive(Debug, Clone)]
pub(super) struct ProgramLimit {
    pub(super) program: Option<AbsolutePath>,
    pub(super) args: ArgumentsPattern,
    pub(super) sha256: Option<Digest>,
}

impl Access for HttpAccess {
    type Limit = HttpBound;

    fn narrowed(&self, limit: &HttpBound) -> Option<HttpAccess> {
        let host = match &limit.host {
            Some(host) => self.host.common(host)?,
            None => self.host.clone(),
        };
        let methods: BTreeSet<Method> = match &limit.methods {
            Some(methods) => self.methods.intersection(methods).copied().collect(),
            None => self.methods.clone(),
        };
        let paths: BTreeSet<PathPattern> = match &limit.paths {
            Some(paths) => self.paths.iter().flat_map(|a| paths.iter().filter_map(|b| a.common(b))).collect(),
            None => self.paths.clone(),
        };
        let public = match &limit.public {
            Some(public) => self.public.intersection(public).cloned().collect(),
            None => self.public.clone(),
        };
        let something = !methods.is_empty() && !paths.is_empty();
        something.then(|| HttpAccess {
            host,
            configured: self.configured.clone(),
            methods,
            paths,
            public,
            plain_http: self.plain_http && limit.plain_http,
            private: self.private && limit.private,
            ca: self.ca.clone(),
        })
    }
}

impl Access for EnvAccess {
    type Limit = EnvBound;

    fn narrowed(&self, limit: &EnvBound) -> Option<EnvAccess> {
        let form = self.form.min(limit.form);
        limit.name.matches(&self.name).then(|| EnvAccess { name: self.name.clone(), form })
    }
}

impl Access for FilesAccess {
    type Limit = FilesBound;

    fn narrowed(&self, limit: &FilesBound) -> Option<FilesAccess> {
        let within = match () {
            () if self.within.is_within(&limit.path) => self.within.clone(),
            () if limit.path.is_within(&self.within) => limit.path.clone(),
            () => return None,
        };
        let write = self.write && limit.write;
        Some(FilesAccess { root: self.root.clone(), path: self.path.clone(), within, write })
    }
}

impl Access for ProgramAccess {
    type Limit = ProgramLimit;

    fn narrowed(&self, limit: &ProgramLimit) -> Option<ProgramAccess> {
        let same_file = match (self.sha256, limit.sha256) {
            (Some(granted), Some(allowed)) => granted == allowed,
            (None, _) | (_, None) => true,
        };
        let same_place = limit.program.as_ref().is_none_or(|program| *program == self.program);
        let args = self.args.common(&limit.args)?;
        let sha256 = self.sha256.or(limit.sha256);
        (same_file && same_place).then(|| ProgramAccess { program: self.program.clone(), args, sha256 })
    }
}

impl From<&ProgramBound> for ProgramLimit {
    fn from(bound: &ProgramBound) -> ProgramLimit {
        ProgramLimit { program: Some(bound.program.clone()), args: bound.args.clone(), sha256: bound.sha256 }
    }
}

/// Returns a request as a limit of what is given for it.
pub(super) fn http_wanted(request: &HttpRequest) -> HttpBound {
    HttpBound {
        host: match &request.host {
            HostWanted::Known(host) => Some(host.clone()),
            HostWanted::Configured(_) => None,
        },
        methods: Some(request.methods.clone()),
        paths: Some(request.paths.clone()),
        public: Some(request.public.clone()),
        plain_http: request.plain_http,
        // Where a host is, a plugin's author cannot know; so it is not asked for.
        private: true,
    }
}

pub(super) fn http_bound(grant: &HttpGrant) -> HttpBound {
    HttpBound {
        host: Some(grant.host.clone()),
        methods: Some(grant.methods.clone()),
        paths: Some(grant.paths.clone()),
        public: Some(grant.public.clone()),
        plain_http: grant.plain_http,
        private: grant.private,
    }
}

pub(super) fn program_bound(grant: &ProgramGrant) -> ProgramBound {
    ProgramBound { program: grant.program.clone(), args: grant.args.clone(), sha256: grant.sha256 }
}

/// Returns what is granted, for a request of some host.
pub(super) fn granted_http(grants: Option<&[HttpGrant]>, host: &HostWanted) -> Vec<HttpAccess> {
    let configured = match host {
        HostWanted::Configured(field) => Some(field.clone()),
        HostWanted::Known(_) => None,
    };
    let start = |grant: &HttpGrant| HttpAccess {
        host: grant.host.clone(),
        configured: configured.clone(),
        methods: grant.methods.clone(),
        paths: grant.paths.clone(),
        public: grant.public.clone(),
        plain_http: grant.plain_http,
        private: grant.private,
        ca: grant.ca.clone(),
    };
    grants.unwrap_or_default().iter().map(start).collect()
}

pub(super) fn granted_env(grants: Option<&[EnvGrant]>) -> Vec<EnvAccess> {
    let start = |grant: &EnvGrant| EnvAccess { name: grant.name.clone(), form: grant.form };
    grants.unwrap_or_default().iter().map(start).collect()
}

pub(super) fn granted_files(grants: Option<&[FilesGrant]>, root: &Referred<RootName>) -> Vec<FilesAccess> {
    let meant = |grant: &&FilesGrant| match root {
        Referred::Named(root) => grant.root == *root,
        Referred::Reference => true,
    };
    let start = |grant: &FilesGrant| FilesAccess {
        root: grant.root.clone(),
        path: grant.path.clone(),
        within: grant.path.clone(),
        write: grant.write,
    };
    grants.unwrap_or_default().iter().filter(meant).map(start).collect()
}

pub(super) fn granted_programs(grants: Option<&[ProgramGrant]>, program: &ProgramWanted) -> Vec<ProgramAccess> {
    let meant = |grant: &&ProgramGrant| program.is(&grant.program);
    let start = |grant: &ProgramGrant| ProgramAccess {
        program: grant.program.clone(),
        args: grant.args.clone(),
        sha256: grant.sha256,
    };
    grants.unwrap_or_default().iter().filter(meant).map(start).collect()
}

/// Returns what a grant says of what is either given or not.
pub(super) fn granted_flag(grant: &Grant, kind: Kind) -> Option<bool> {
    match kind {
        Kind::Ssh => grant.ssh,
        Kind::Here => grant.here,
        Kind::Clock => grant.clock,
        Kind::Seal => grant.secrets.seal,
        Kind::Reveal => grant.secrets.reveal,
        Kind::Http | Kind::Env | Kind::Files | Kind::Process | Kind::Spawn => None,
    }
}

/// Returns what bounds say of what is either given or not.
pub(super) fn flag_bound(bounds: &Bounds, kind: Kind) -> Option<bool> {
    match kind {
        Kind::Ssh => bounds.ssh,
        Kind::Here => bounds.here,
        Kind::Clock => bounds.clock,
        Kind::Seal => bounds.seal,
        Kind::Reveal => bounds.plaintext,
        Kind::Http | Kind::Env | Kind::Files | Kind::Process | Kind::Spawn => None,
    }
}
