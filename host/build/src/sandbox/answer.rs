//! What the helper says: which step of its work failed, or how the command ended. One answer for each job, through a
//! pipe that the command does not have.

use super::Ending;
use super::border::SandboxError;
use super::decode::{Reader, Writer};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Tells an answer from what a program prints that panics.
const MARK: &[u8] = b"\0punix-sandbox\0";

/// A step of setting up a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Receive,
    CloseFiles,
    FollowCaller,
    LeaveSession,
    MakeNamespaces,
    MapUser,
    KeepPrivileges,
    StartInner,
    DetachMounts,
    MakePlace,
    MakeLink,
    MountMemory,
    MountProcesses,
    Show,
    ProtectFromWriting,
    RaiseLoopback,
    NameHost,
    EnterRoot,
    DropPrivileges,
    Limit,
    EnterDirectory,
    StartCommand,
    Wait,
}

impl Action {
    const ALL: [Action; 23] = [
        Action::Receive,
        Action::CloseFiles,
        Action::FollowCaller,
        Action::LeaveSession,
        Action::MakeNamespaces,
        Action::MapUser,
        Action::KeepPrivileges,
        Action::StartInner,
        Action::DetachMounts,
        Action::MakePlace,
        Action::MakeLink,
        Action::MountMemory,
        Action::MountProcesses,
        Action::Show,
        Action::ProtectFromWriting,
        Action::RaiseLoopback,
        Action::NameHost,
        Action::EnterRoot,
        Action::DropPrivileges,
        Action::Limit,
        Action::EnterDirectory,
        Action::StartCommand,
        Action::Wait,
    ];

    /// Returns the step in words that follow "cannot".
    pub fn words(self) -> &'static str {
        match self {
            Action::Receive => "learn what to do",
            Action::CloseFiles => "close the files of the caller",
            Action::FollowCaller => "make sure to end with the caller",
            Action::LeaveSession => "leave the caller's session",
            Action::MakeNamespaces => "make namespaces",
            Action::MapUser => "map the user",
            Action::KeepPrivileges => "keep the privileges that mounting needs",
            Action::StartInner => "start the first process",
            Action::DetachMounts => "keep mounts to ourselves",
            Action::MakePlace => "make the place",
            Action::MakeLink => "make the link",
            Action::MountMemory => "mount a file system in memory at",
            Action::MountProcesses => "mount the processes' file system at",
            Action::Show => "show",
            Action::ProtectFromWriting => "make read-only",
            Action::RaiseLoopback => "start the loopback",
            Action::NameHost => "name the host",
            Action::EnterRoot => "enter the new root",
            Action::DropPrivileges => "give up privileges",
            Action::Limit => "set a limit",
            Action::EnterDirectory => "enter the directory",
            Action::StartCommand => "start",
            Action::Wait => "wait for the command",
        }
    }
}

/// A step that failed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) action: Action,
    pub(super) path: Option<PathBuf>,
    pub(super) error: io::Error,
}

/// Says which step failed.
pub(super) fn fault<E: Into<io::Error>>(action: Action) -> impl FnOnce(E) -> Fault {
    move |error| Fault { action, path: None, error: error.into() }
}

/// Says which step failed, and at what.
pub(super) fn fault_at<E: Into<io::Error>>(action: Action, path: &Path) -> impl FnOnce(E) -> Fault {
    move |error| Fault { action, path: Some(path.to_owned()), error: error.into() }
}

/// Sends the one answer. If it cannot be sent, nobody is there to hear it.
pub(super) fn send(result: &Result<Ending, Fault>) {
    let mut writer = Writer::default();
    match result {
        Ok(ending) => {
            let (kind, value) = match *ending {
                Ending::Success => (0, 0),
                Ending::Failed { code } => (1, code),
                Ending::Killed { signal } => (2, signal),
                Ending::OutOfMemory => (3, 0),
                Ending::TooManyProcesses => (4, 0),
                Ending::TimedOut => (5, 0),
                Ending::Stopped => (6, 0),
                Ending::PrintedTooMuch => (7, 0),
            };
            writer.kind(kind);
            writer.number(u64::from(value.cast_unsigned()));
        }
        Err(fault) => {
            writer.kind(100);
            writer.kind(Action::ALL.iter().position(|action| *action == fault.action).map_or(0, |at| at as u8));
            writer.number(u64::from(fault.error.raw_os_error().unwrap_or(0).cast_unsigned()));
            writer.bytes(fault.error.to_string().as_bytes());
            writer.bytes(fault.path.as_deref().map_or(&[][..], |path| path.as_os_str().as_bytes()));
        }
    }
    let mut all = MARK.to_vec();
    all.extend_from_slice(&writer.finish());
    let _ = io::stderr().lock().write_all(&all);
}

/// Reads the answer. Whatever else was said is what the helper printed when it went wrong.
pub(super) fn read(said: &[u8]) -> Result<Ending, SandboxError> {
    let lost = || SandboxError::Lost { said: String::from_utf8_lossy(said).trim().to_owned() };
    let Some(body) = said.strip_prefix(MARK) else {
        return Err(lost());
    };
    match decode(&mut Reader::new(body)) {
        Ok(Ok(ending)) => Ok(ending),
        Ok(Err(fault)) => Err(SandboxError::Setup { action: fault.action, path: fault.path, error: fault.error }),
        Err(_) => Err(lost()),
    }
}

fn decode(reader: &mut Reader<'_>) -> io::Result<Result<Ending, Fault>> {
    let kind = reader.kind()?;
    if kind == 100 {
        let action = Action::ALL.get(usize::from(reader.kind()?)).copied().ok_or_else(unknown)?;
        let (code, text) = (signed(reader.number()?)?, reader.bytes()?);
        let path = reader.path()?;
        let error = match code {
            0 => io::Error::other(String::from_utf8_lossy(text)),
            code => io::Error::from_raw_os_error(code),
        };
        return Ok(Err(Fault { action, path: Some(path).filter(|path| !path.as_os_str().is_empty()), error }));
    }
    let value = signed(reader.number()?)?;
    Ok(Ok(match kind {
        0 => Ending::Success,
        1 => Ending::Failed { code: value },
        2 => Ending::Killed { signal: value },
        3 => Ending::OutOfMemory,
        4 => Ending::TooManyProcesses,
        5 => Ending::TimedOut,
        6 => Ending::Stopped,
        7 => Ending::PrintedTooMuch,
        _ => return Err(unknown()),
    }))
}

fn signed(number: u64) -> io::Result<i32> {
    u32::try_from(number).map(u32::cast_signed).map_err(|_| unknown())
}

fn unknown() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is not a sandbox's answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_no_answer_is_what_was_said() {
        for said in [&b""[..], b"thread panicked\n", MARK, b"\0punix-sandbox\0\x63", b"\0punix-sandbox\0\x64\xff"] {
            assert!(matches!(read(said), Err(SandboxError::Lost { .. })), "{said:?}");
        }
    }

    #[test]
    fn every_step_has_its_number() {
        for action in Action::ALL {
            assert_eq!(Action::ALL.iter().filter(|other| **other == action).count(), 1, "{action:?}");
        }
    }
}
