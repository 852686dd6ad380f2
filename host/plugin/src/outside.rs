//! What abilities reach the world through. An ability decides whether something may be done; what is here does it, and
//! decides nothing. Each part is a trait with one real implementation beside it, so that a test host can put another in
//! its place, behind the same decisions.

mod child;
mod clock;
mod complaint;
mod files;
mod programs;
mod secure_shell;
mod variables;
mod web;

pub use clock::{Clock, SystemClock};
pub use files::{BelowPath, FileFault, FileLook, FilePlace, Files, LocalFiles};
pub use programs::{LocalPrograms, ProgramStart, Programs, StartError};
pub use secure_shell::{
    OpenSsh, Patience, SecureShell, SecureShellConnection, SecureShellError, SecureShellWay, SshHop, SshHost, SshPath,
    SshUser, WayError,
};
pub use variables::{ProcessVariables, Variables};
pub use web::{
    Authority, AuthorityFault, Doing, Names, NamesError, Place, ProtocolFault, Reach, SystemNames, ThisMachinesWeb,
    TlsFault, Trap, UrlError, Web, WebAnswer, WebError, WebRequest, WebUrl,
};
pub(crate) use web::{KEPT, is_field_value, is_token};

use crate::word::AuthorityName;
use punix_model::Pipe;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The world, in parts.
#[derive(Clone)]
pub struct Outside {
    pub variables: Arc<dyn Variables>,
    pub files: Arc<dyn Files>,
    pub web: Arc<dyn Web>,
    pub clock: Arc<dyn Clock>,
    pub programs: Arc<dyn Programs>,
    pub secure_shell: Arc<dyn SecureShell>,
    /// The target engine in this process, where there is one.
    pub here: Option<Arc<dyn Here>>,
}

/// The target engine of this machine.
pub trait Here: Send + Sync {
    /// Starts it, below the root that it was made with.
    fn start(&self) -> std::io::Result<Pipe>;
}

impl Outside {
    /// Returns this machine and what it reaches; requests of HTTP believe the machine's authorities, or one of these.
    pub fn this_machine(authorities: BTreeMap<AuthorityName, Authority>, here: Option<Arc<dyn Here>>) -> Outside {
        Outside {
            variables: Arc::new(ProcessVariables),
            files: Arc::new(LocalFiles::default()),
            web: Arc::new(ThisMachinesWeb::new(authorities)),
            clock: Arc::new(SystemClock::default()),
            programs: Arc::new(LocalPrograms),
            secure_shell: Arc::new(OpenSsh::of_this_machine()),
            here,
        }
    }
}
