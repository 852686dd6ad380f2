//! Commands and what came of them, as they go over the pipe. What was said is in pieces, for it may be much.

use super::frame::{FrameError, Piece};
use crate::confirm::Confirm;
use crate::hands::Running;
use crate::limits::{OUTPUT_BYTES_MAX, STREAMS_WAIT_MS};
use punix_model::{Command, Observation};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a kept stream can have grown to where it is no text: each byte is shown by three.
pub(super) const SAID_BYTES_MAX: usize = 3 * OUTPUT_BYTES_MAX + (1 << 20);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenRunning {
    commands: Vec<WrittenCommand>,
    stops: bool,
    systemctl: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCommand {
    argv: Vec<String>,
    stdin: String,
    timeout_ms: u32,
    mutates: bool,
}

/// One that was run: its number and its code. What it said is in two pieces.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenObservation {
    command: u32,
    code: i32,
}

/// A change that is armed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenConfirm {
    stack: String,
    back_to: Option<u32>,
    child: u32,
    seconds: u32,
    after: WrittenRunning,
}

impl WrittenConfirm {
    pub(super) fn of(confirm: &Confirm) -> WrittenConfirm {
        let Confirm { stack, back_to, child, seconds, after } = confirm;
        let (back_to, child, seconds) = (*back_to, *child, *seconds);
        WrittenConfirm { stack: stack.clone(), back_to, child, seconds, after: WrittenRunning::of(after) }
    }

    pub(super) fn read(self) -> Confirm {
        let WrittenConfirm { stack, back_to, child, seconds, after } = self;
        Confirm { stack, back_to, child, seconds, after: after.read() }
    }
}

impl WrittenCommand {
    fn of(command: &Command) -> WrittenCommand {
        let Command { argv, stdin, timeout_ms, mutates } = command.clone();
        WrittenCommand { argv, stdin, timeout_ms, mutates }
    }

    fn read(self) -> Command {
        let WrittenCommand { argv, stdin, timeout_ms, mutates } = self;
        Command { argv, stdin, timeout_ms, mutates }
    }
}

impl WrittenRunning {
    pub(crate) fn of(running: &Running) -> WrittenRunning {
        let commands = running.commands.iter().map(WrittenCommand::of).collect();
        WrittenRunning { commands, stops: running.stops, systemctl: running.systemctl.clone() }
    }

    pub(crate) fn read(self) -> Running {
        let commands = self.commands.into_iter().map(WrittenCommand::read).collect();
        Running { commands, stops: self.stops, systemctl: self.systemctl }
    }
}

/// Returns how long some commands can take, if all take as long as they may.
pub(super) fn longest(running: &Running) -> Duration {
    let of_one = |command: &Command| {
        // Being stopped takes time too.
        Duration::from_millis(command.timeout_ms.into()) + Duration::from_millis(3 * STREAMS_WAIT_MS)
    };
    running.commands.iter().map(of_one).fold(Duration::ZERO, Duration::saturating_add)
}

pub(super) fn written(seen: Vec<Observation>) -> (Vec<WrittenObservation>, Vec<Piece>) {
    let mut pieces = Vec::new();
    let mut rows = Vec::new();
    for Observation { command, code, stdout, stderr } in seen {
        rows.push(WrittenObservation { command, code });
        pieces.extend([stdout, stderr].map(|text| Piece::Plain(text.into_bytes())));
    }
    (rows, pieces)
}

/// Reads what came of some commands: of all of them or, if the first failure stops, of the first ones.
pub(super) fn read(
    rows: Vec<WrittenObservation>,
    pieces: Vec<Piece>,
    running: &Running,
) -> Result<Vec<Observation>, FrameError> {
    let asked = running.commands.len();
    let is_whole =
        rows.len() == asked || (running.stops && rows.len() < asked && rows.last().is_some_and(|last| last.code != 0));
    if !is_whole || pieces.len() != 2 * rows.len() {
        return Err(FrameError::Alien);
    }
    let mut pieces = pieces.into_iter();
    let mut said = || match pieces.next() {
        Some(Piece::Plain(bytes)) if bytes.len() <= SAID_BYTES_MAX => {
            String::from_utf8(bytes).map_err(|_| FrameError::Alien)
        }
        _ => Err(FrameError::Alien),
    };
    let mut seen = Vec::new();
    for (number, WrittenObservation { command, code }) in (0..).zip(rows) {
        if command != number {
            return Err(FrameError::Alien);
        }
        seen.push(Observation { command, code, stdout: said()?, stderr: said()? });
    }
    Ok(seen)
}
