//! Ways to other machines: which one is meant, and how a program is started there that does the work.

mod remote;

pub(crate) use remote::Remote;

use crate::args::service::reach::Become;
use std::path::PathBuf;

/// What the command line says of a way.
#[derive(Debug, Clone)]
pub(crate) struct WayOptions {
    pub(crate) key: Option<PathBuf>,
    /// The only file of known hosts that is used.
    pub(crate) known_hosts: Option<PathBuf>,
    /// The program there, if it is not ours.
    pub(crate) target_bin: Option<PathBuf>,
    pub(crate) becomes: Option<Become>,
}
