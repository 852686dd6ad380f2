//! One connection: an `ssh` in the background that starts programs over it. It stands when this is made, and it is gone
//! when this is dropped, or soon after we are killed.

use super::config;
use super::error::SecureShellError;
use super::guard::Guard;
use super::hanging_up;
use super::room::Room;
use super::way::{Patience, SecureShellWay, SshPath};
use crate::outside::child::Group;
use crate::outside::complaint::Complaint;
use openssh::Session;
use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An open connection. The order of the fields is that in which they go: first the connection itself, with its directory;
/// then whoever would have ended it in our place.
pub(super) struct Master {
    /// Held so that the connection does not end for want of use.
    _keeper: UnixStream,
    session: Arc<Session>,
    _guard: Guard,
    pub(super) place: String,
}

impl Master {
    /// Connects, by a deadline.
    pub(super) fn connect(
        ssh: &Path,
        places: &[PathBuf],
        way: &SecureShellWay,
        patience: &Patience,
        deadline: Instant,
    ) -> Result<Master, SecureShellError> {
        let began = Instant::now();
        let place = way.to_string();
        readable("key", way.key.as_ref())?;
        readable("file of known hosts", way.known_hosts.as_ref())?;
        let room = Room::make(places)?;
        let left = deadline.saturating_duration_since(began);
        let patience = Patience { connect: patience.connect.min(left), ..*patience };
        room.configure(&config::text(way, &patience)).map_err(|error| room.failed(error))?;

        let mut ssh_runs = start(ssh, &config::words(way, &patience, &room.config(), &room.socket()), Stdio::null())?;
        let program = |error| SecureShellError::Program { program: ssh.to_owned(), error };
        let errors = ssh_runs.child().stderr.take().ok_or_else(|| program(io::ErrorKind::BrokenPipe.into()))?;
        let complaint = Complaint::listen(errors).map_err(program)?;
        let number = ssh_runs.child().id();
        let mut guard = Guard::start(ssh, room.path(), number).map_err(program)?;

        if !ssh_runs.ended_by(deadline) {
            let status = ssh_runs.end();
            if status.is_some_and(|status| status.success()) {
                // It went into the background just as time was up.
                drop(Session::new_native_mux(room.into_directory()));
            }
            return Err(SecureShellError::Late { place, after: began.elapsed() });
        }
        if ssh_runs.code() != Some(0) {
            ssh_runs.end();
            complaint.wait(Instant::now() + LAST_WORDS);
            return Err(SecureShellError::read(place, &complaint.text(), began.elapsed()));
        }
        // What helps it to connect is of its group, and stays.
        ssh_runs.reap();
        let socket = room.socket();
        let session = Arc::new(Session::new_native_mux(room.into_directory()));
        guard.connected().map_err(program)?;
        let keeper = UnixStream::connect(socket).map_err(|_| SecureShellError::Gone { place: place.clone() })?;
        Ok(Master { _keeper: keeper, session, _guard: guard, place })
    }

    /// Returns what starts programs. Whoever keeps it keeps the connection.
    pub(super) fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session)
    }
}

/// What a program complained about before it ended is on its way already.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(500);

/// Starts `ssh` with some words; where it prints to is another matter.
pub(super) fn start(ssh: &Path, words: &[String], prints: Stdio) -> Result<Group, SecureShellError> {
    let mut command = hanging_up::program(ssh);
    command.args(words).stdin(Stdio::null()).stdout(prints).stderr(Stdio::piped());
    // Its environment is that of the operator, whose agent and helpers it uses; but nobody is asked anything.
    command.env_remove("SSH_ASKPASS").env("SSH_ASKPASS_REQUIRE", "never");
    Group::start(&mut command).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SecureShellError::NoProgram { program: ssh.to_owned() },
        _ => SecureShellError::Program { program: ssh.to_owned(), error },
    })
}

/// Makes sure that a file is there that the operator named: `ssh` would go on without it, and say something else.
fn readable(what: &'static str, path: Option<&SshPath>) -> Result<(), SecureShellError> {
    let Some(path) = path else { return Ok(()) };
    let failed = |error| SecureShellError::File { what, path: path.as_str().to_owned(), error };
    let file = File::open(path.as_str()).map_err(failed)?;
    match file.metadata().map_err(failed)?.is_dir() {
        true => Err(failed(io::ErrorKind::IsADirectory.into())),
        false => Ok(()),
    }
}
