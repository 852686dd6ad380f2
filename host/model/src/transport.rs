//! What a transport is asked and what it answers: a pipe to a program on a target, and nothing more.

use crate::fault::{CallFault, PluginError};
use std::fmt;
use std::io::{Read, Write};
use std::time::Duration;

/// How targets are reached, by whoever stands behind this port.
pub trait Transport {
    /// Refuses or completes an endpoint; two texts for one target come out equal.
    fn normalise(&self, endpoint: &Endpoint) -> Result<Result<Endpoint, PluginError>, CallFault>;

    /// Opens a way to a target.
    fn open(&self, endpoint: &Endpoint) -> Result<Result<Box<dyn Link>, PluginError>, CallFault>;
}

/// An open way to a target.
pub trait Link {
    /// Starts a program there. The pipe outlives the link.
    fn start(&mut self, argv: &[String]) -> Result<Result<Pipe, PluginError>, CallFault>;

    /// Closes it.
    fn close(self: Box<Self>) -> Result<Result<(), PluginError>, CallFault>;
}

/// What `scheme://[user@]host[:port][/path]` says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    pub scheme: String,
    pub user: Option<String>,
    /// An address of IPv6 without brackets.
    pub host: String,
    pub port: Option<u16>,
    pub path: Option<String>,
    /// The flags that belong to transports.
    pub options: Vec<(String, String)>,
}

/// A stream in both directions to a running program. It is the host's: no plugin sees its bytes, or can close it.
pub struct Pipe {
    /// What it is called in messages.
    pub label: String,
    /// What the program reads.
    pub input: Box<dyn Write + Send>,
    /// What the program writes.
    pub output: Box<dyn Read + Send>,
    /// What is left of it when both are done.
    pub end: Box<dyn PipeEnd>,
}

/// The program at the other end of a pipe.
pub trait PipeEnd: Send {
    /// Waits for it to end, at most so long; what still runs then is ended, where that is in our hands.
    fn finish(&mut self, patience: Duration) -> Ended;
}

/// How a program at the other end of a pipe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, if it had one.
    pub code: Option<i32>,
    /// The end of what it complained about.
    pub complaint: String,
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipe({})", self.label)
    }
}
