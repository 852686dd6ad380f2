//! One command, run apart from everything else.
//!
//! With namespaces, the command sees the files that its job names, its own processes and nothing of the network. Three
//! processes do that, of which the first two are a helper that calls [`enter_if_asked`] before anything else:
//!
//! 1. the outer one makes the namespaces and waits (`outer.rs`);
//! 2. the inner one is process 1 of the new process namespace: it builds the new root, gives up every privilege,
//!    starts the command and reaps (`inner.rs`). When it ends, the kernel kills all that is left;
//! 3. the command.
//!
//! A pipe leads from the host to both helpers. It carries the job's description; its closing, for whatever reason, is
//! the order to end. What a build prints and how it ended go through two other pipes, of which the command has only the
//! first.
//!
//! This room knows nothing of packages, and it must never run anything as another user than the caller.

mod answer;
mod bare;
mod border;
mod control_group;
mod decode;
mod inner;
mod limit;
mod mounts;
mod order;
mod outer;
mod plan;
mod printed;
mod probe;
mod supervise;
mod watch;

pub use answer::Action;
pub use border::SandboxError;
pub use plan::PlanError;
pub use probe::{Reason, Unavailable};

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How a command is kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Isolation {
    /// In namespaces of its own. The helper is a program that calls [`enter_if_asked`] first, normally
    /// `/proc/self/exe`.
    Namespaces { helper: PathBuf },
    /// Not at all: a process group of its own, nothing else. What is in [`Job`] about files and the network is ignored,
    /// and the limits hold for each process, not for all of them.
    None,
}

/// What to run, and what it may see.
#[derive(Debug, Clone)]
pub struct Job {
    /// The program, as an absolute path inside, and its arguments.
    pub argv: Vec<OsString>,
    /// Exactly this is the command's environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// Where the command starts, inside.
    pub directory: PathBuf,
    /// What is to be seen. A place below that of another one that is read-only hides the rest of the directory that it
    /// is in: this is how few entries of a store are seen though the store is below `/usr`.
    pub binds: Vec<Bind>,
    /// A directory outside that becomes `/tmp`.
    pub temporary: PathBuf,
    pub network: Network,
    pub limits: Limits,
}

/// One file or directory that is seen inside. A link that leads to something that is seen too is the same link inside;
/// of any other link, what it leads to is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    pub outside: PathBuf,
    pub inside: PathBuf,
    pub access: Access,
}

/// What may be done with something that is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// What a command can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Itself only, by a loopback of its own.
    None,
    /// All that the host reaches, and the host's abstract sockets.
    Host,
}

/// How much a command may use, with all that it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take.
    pub wall: Duration,
    pub memory_bytes: u64,
    pub processes: u32,
    /// Open files of one process.
    pub open_files: u64,
    /// Bytes of one file.
    pub file_bytes: u64,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Success,
    Failed {
        code: i32,
    },
    Killed {
        signal: i32,
    },
    /// It took longer than it may.
    TimedOut,
    /// Somebody set `stop`.
    Stopped,
    /// It had more memory than it may. Not every such end is noticed: a program that is refused memory fails in its own
    /// way.
    OutOfMemory,
    /// It had more processes than it may, and the kernel did not refuse them.
    TooManyProcesses,
    /// It printed more than [`crate::limits::PRINTED_BYTES_MAX`].
    PrintedTooMuch,
}

/// Runs a command to its end, and with it all that it started. What it prints is given to `output` in pieces, as it
/// comes.
pub fn run(
    isolation: &Isolation,
    job: &Job,
    output: &mut dyn FnMut(&[u8]),
    stop: &AtomicBool,
) -> Result<Ending, SandboxError> {
    match isolation {
        Isolation::Namespaces { helper } => {
            let order = order::Order::new(job)?;
            supervise::run(helper, &order, output, stop)
        }
        Isolation::None => bare::run(job, output, stop),
    }
}

/// Finds out whether namespaces can be used here, by setting up a sandbox in which nothing runs.
pub fn probe(helper: &Path) -> Result<(), Unavailable> {
    probe::probe(helper)
}

/// Sets up a sandbox if that is what this process was started for. Must be the first thing that the helper's `main`
/// does: there may be no other thread yet.
pub fn enter_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    if arguments.next()? != order::HELPER_NAME {
        return None;
    }
    Some(match arguments.next() {
        None => outer::enter(),
        Some(_) => inner::enter(),
    })
}
