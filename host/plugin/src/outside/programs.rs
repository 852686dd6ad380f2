//! Starting programs of this machine, with their input and output as a pipe. Whether one may be started was decided
//! before (`ability/spawn.rs`); here it is done: without a shell, with nothing of our environment, in a process group that
//! ends when the pipe does.

use super::child::Group;
use super::complaint::Complaint;
use crate::digest::Digest;
use crate::limits::PROGRAM_BYTES_MAX;
use crate::word::AbsolutePath;
use punix_model::{Ended, Pipe, PipeEnd};
use rustix::fs::OFlags;
use rustix::process::{Resource, Rlimit, prlimit};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Starts programs of a machine.
pub trait Programs: Send + Sync {
    /// Starts one. The pipe is its input and output.
    fn start(&self, program: &ProgramStart<'_>) -> Result<Pipe, StartError>;
}

/// What to start.
#[derive(Debug, Clone, Copy)]
pub struct ProgramStart<'a> {
    pub program: &'a AbsolutePath,
    /// Without the program itself.
    pub arguments: &'a [String],
    /// All of the environment.
    pub environment: &'a [(String, String)],
    /// The program has to be one of these files; if there are none, any.
    pub digests: &'a [Digest],
    /// When it has to run.
    pub deadline: Instant,
}

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("there is no program `{program}`")]
    Absent { program: AbsolutePath },
    #[error("`{program}` is no program that can be started")]
    Kind { program: AbsolutePath },
    #[error("`{program}` is not the file that was granted: its SHA-256 is {found}")]
    Other { program: AbsolutePath, found: Digest },
    #[error("`{program}` is a script: its digest says nothing about what would run")]
    Script { program: AbsolutePath },
    #[error("`{program}` is larger than {} MiB, too large to take its digest", PROGRAM_BYTES_MAX >> 20)]
    TooLarge { program: AbsolutePath },
    #[error("`{program}` was not started in time")]
    Late { program: AbsolutePath },
    #[error("`{program}` cannot be started: {error}")]
    Io { program: AbsolutePath, error: io::Error },
}

/// The programs of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalPrograms;

impl Programs for LocalPrograms {
    fn start(&self, start: &ProgramStart<'_>) -> Result<Pipe, StartError> {
        let program = start.program;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => StartError::Absent { program: program.clone() },
            io::ErrorKind::PermissionDenied => StartError::Kind { program: program.clone() },
            _ => StartError::Io { program: program.clone(), error },
        };
        let metadata = std::fs::metadata(program.as_str()).map_err(failed)?;
        if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
            return Err(StartError::Kind { program: program.clone() });
        }
        let checked = match start.digests {
            [] => None,
            digests => Some(checked(program, digests, start.deadline)?),
        };
        let mut command = match &checked {
            // The very file whose bytes were looked at, whatever its name stands for by now.
            Some(file) => Command::new(format!("/proc/self/fd/{}", file.as_raw_fd())),
            None => Command::new(program.as_str()),
        };
        command
            .arg0(program.as_str())
            .args(start.arguments)
            .env_clear()
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut group = Group::start(&mut command).map_err(failed)?;
        restrict(&group);
        let child = group.child();
        let ends = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = ends else {
            return Err(failed(io::Error::other("its input and output are missing")));
        };
        let complaint = Complaint::listen(errors).map_err(failed)?;
        Ok(Pipe {
            label: program.file_name().to_owned(),
            input: Box::new(input),
            output: Box::new(output),
            end: Box::new(LocalEnd { group, complaint }),
        })
    }
}

/// A program of this machine at the end of a pipe. It ends with this at the latest.
struct LocalEnd {
    group: Group,
    complaint: Complaint,
}

impl PipeEnd for LocalEnd {
    fn finish(&mut self, patience: Duration) -> Ended {
        /// The last words of a program that has ended are on their way already.
        const LAST_WORDS: Duration = Duration::from_millis(500);
        self.group.ended_by(Instant::now() + patience);
        let status = self.group.end();
        self.complaint.wait(Instant::now() + LAST_WORDS);
        Ended { code: status.and_then(|status| status.code()), complaint: self.complaint.text() }
    }
}

/// Opens a program, and makes sure that it is one of those that were granted.
fn checked(program: &AbsolutePath, digests: &[Digest], deadline: Instant) -> Result<File, StartError> {
    let failed = |error| StartError::Io { program: program.clone(), error };
    // A pipe in its place would otherwise be waited for.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = File::options().read(true).custom_flags(flags).open(program.as_str()).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(StartError::Kind { program: program.clone() });
    }
    let mut beginning = [0; 2];
    if file.read(&mut beginning).map_err(failed)? == 2 && beginning == *b"#!" {
        return Err(StartError::Script { program: program.clone() });
    }
    file.rewind().map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 256 << 10];
    let mut size: u64 = 0;
    loop {
        if Instant::now() >= deadline {
            return Err(StartError::Late { program: program.clone() });
        }
        let count = file.read(&mut piece).map_err(failed)?;
        if count == 0 {
            break;
        }
        size += count as u64;
        if size > PROGRAM_BYTES_MAX {
            return Err(StartError::TooLarge { program: program.clone() });
        }
        hasher.update(piece.get(..count).unwrap_or_default());
    }
    let found = Digest::from_hash(hasher.finalize().into());
    match digests.contains(&found) {
        true => Ok(file),
        false => Err(StartError::Other { program: program.clone(), found }),
    }
}

/// Takes from a program what it does not need. It may have ended already, which is its own business.
fn restrict(group: &Group) {
    const FILES_MAX: u64 = 4_096;
    // What goes through the pipe may hold secrets, and would be written out with the rest of its memory.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = prlimit(Some(group.pid()), Resource::Core, none);
    let files = Rlimit { current: Some(FILES_MAX), maximum: Some(FILES_MAX) };
    let _ = prlimit(Some(group.pid()), Resource::Nofile, files);
}

#[cfg(test)]
mod tests;
