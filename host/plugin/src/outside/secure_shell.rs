//! SSH as the host does it: one connection for a link, by the `ssh` of this machine, so that the keys, agents and
//! configuration of the operator work as they do by hand. Host keys are checked always, known hosts are never added to,
//! nobody is asked for anything, every wait has a deadline, and no connection outlives us.
//!
//! What connects is not decided here: a way is made of what the operator named (`ability/ssh.rs`).

mod config;
mod error;
mod guard;
mod hanging_up;
mod link;
mod master;
mod pipe;
mod quote;
mod room;
mod user;
mod way;

pub use error::SecureShellError;
pub use way::{Patience, SecureShellWay, SshHop, SshHost, SshPath, SshUser, WayError};

use link::Link;
use master::Master;
use punix_model::Pipe;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

/// Whatever can connect by SSH.
pub trait SecureShell: Send + Sync {
    /// Connects, by a deadline.
    fn connect(
        &self,
        way: &SecureShellWay,
        patience: &Patience,
        deadline: Instant,
    ) -> Result<Box<dyn SecureShellConnection>, SecureShellError>;

    /// Returns as whom it connects where nobody is named, without connecting: as the configurations say, else as whoever
    /// runs this. Who does not know leaves it open.
    fn user(&self, _way: &SecureShellWay, _deadline: Instant) -> Result<Option<SshUser>, SecureShellError> {
        Ok(None)
    }
}

/// An open connection. Dropping it closes it; pipes that were started stay open.
pub trait SecureShellConnection: Send {
    /// Starts a program on the other side. The words hold no zero byte.
    fn start(&mut self, argv: &[String], deadline: Instant) -> Result<Pipe, SecureShellError>;
}

/// The `ssh` of this machine.
#[derive(Debug, Clone)]
pub struct OpenSsh {
    program: PathBuf,
    /// Where a directory for a connection can be made; the first that is fit is taken.
    places: Vec<PathBuf>,
}

impl OpenSsh {
    /// Takes a program, and places for the directories of connections.
    pub fn new(program: PathBuf, places: Vec<PathBuf>) -> OpenSsh {
        OpenSsh { program, places }
    }

    /// Takes the first `ssh` of the search path, and the runtime directory of whoever runs this.
    pub fn of_this_machine() -> OpenSsh {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|directory| directory.join("ssh")).find(|path| path.is_file());
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        OpenSsh {
            program: found.unwrap_or_else(|| PathBuf::from("ssh")),
            places: runtime.into_iter().chain([PathBuf::from("/tmp")]).collect(),
        }
    }
}

impl SecureShell for OpenSsh {
    fn connect(
        &self,
        way: &SecureShellWay,
        patience: &Patience,
        deadline: Instant,
    ) -> Result<Box<dyn SecureShellConnection>, SecureShellError> {
        let master = Master::connect(&self.program, &self.places, way, patience, deadline)?;
        let failed = |error: io::Error| SecureShellError::Program { program: self.program.clone(), error };
        Ok(Box::new(Link::open(master).map_err(failed)?))
    }

    fn user(&self, way: &SecureShellWay, deadline: Instant) -> Result<Option<SshUser>, SecureShellError> {
        user::ask(&self.program, &self.places, way, deadline)
    }
}

#[cfg(test)]
mod tests;
