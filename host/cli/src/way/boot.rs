//! Starting the program on the other side: what a shell there is asked to do, and what it says meanwhile. Nothing is sent
//! but the greeting, and the program when it is lacking. Every wait has an end.
//!
//! The greeting goes before anything is heard, so that a program that is there answers at once. Where it is not, the shell
//! forgets the greeting, and it is sent again behind the program.

use crate::args::service::reach::Become;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// See there.
const SCRIPT: &str = include_str!("boot.sh");
/// The same for a program that is there already.
const NAMED: &str = include_str!("boot_named.sh");
/// And for whoever becomes somebody else first.
const SUDO: &str = include_str!("boot_sudo.sh");
const MARK: &str = "punix-boot ";
const READY: &str = "ready";
/// What a login may print before the first line of ours, and how long a line may be.
const NOISE_BYTES_MAX: usize = 256 << 10;
const LINE_BYTES_MAX: usize = 4 << 10;
/// How many lines of ours there may be.
const LINES_MAX: usize = 32;
/// How long a login may take, and how long the program may be on its way. A dead line is noticed sooner.
const LOGIN_PATIENCE: Duration = Duration::from_secs(60);
const SENDING_PATIENCE: Duration = Duration::from_secs(900);

/// Which program is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The one that does the work.
    Target,
    /// The one that builds.
    Builder,
}

/// A program for one kind of machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program<'p> {
    pub(super) system: &'p str,
    pub(super) sha256: &'p str,
    pub(super) size: u64,
    /// Makes its bytes.
    pub(super) bytes: fn(&str) -> Option<Vec<u8>>,
}

/// What is left of starting a program: its two streams, behind what was said.
pub(super) struct Booted {
    pub(super) input: Box<dyn Write + Send>,
    pub(super) output: Box<dyn Read + Send>,
}

/// A place where the program cannot be kept, as the shell says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passed {
    why: Why,
    folder: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Noexec,
    Closed,
    Others,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub(super) enum BootError {
    #[error("what the shell there says is not understood: `{line}`")]
    Alien { line: String },
    #[error("it prints more than {} KiB before anything is started", NOISE_BYTES_MAX >> 10)]
    Noise,
    #[error("the login ended before anything was started")]
    Gone { printed: String },
    #[error("nothing was started within {} seconds", .0.as_secs())]
    Late(Duration),
    #[error("the way to it broke: {0}")]
    Pipe(io::Error),
    #[error("it is `{system}`, and there is no `{which}` for that")]
    System { which: Which, system: String },
    #[error("there is no place to keep `{which}` in{}", list(.passed))]
    Places { which: Which, passed: Vec<Passed> },
    #[error("there is no room for `{which}`: {how}")]
    Room { which: Which, how: String },
    #[error("`{which}` cannot be kept there: {how}")]
    Unwritten { which: Which, how: String },
    #[error("there is no program `{tool}`, which it takes to start ours")]
    Tools { tool: String },
    #[error("`{which}` did not arrive as it was sent: {how}")]
    Torn { which: Which, how: String },
    #[error("{how}")]
    Named { how: String },
}

impl BootError {
    /// Returns what to do.
    pub(super) fn help(&self) -> &'static str {
        match self {
            BootError::Alien { .. } | BootError::Noise => {
                "see what `ssh HOST true` prints: a login without a terminal should print nothing"
            }
            BootError::Gone { .. } => "see what `ssh HOST true` does: it takes a login that runs commands in a shell",
            BootError::Late(_) | BootError::Pipe(_) | BootError::Torn { .. } => "run the command again",
            BootError::System { which: Which::Builder, .. }
            | BootError::Places { which: Which::Builder, .. }
            | BootError::Unwritten { which: Which::Builder, .. } => {
                "mend that, or deploy from a machine of the same kind and leave out `--build-on-target`"
            }
            BootError::System { which: Which::Target, .. } => {
                "there are programs for Linux on x86_64 and aarch64; build `punix-target` for others, and name it with \
                 `--target-bin`"
            }
            BootError::Places { which: Which::Target, .. } => {
                "put `punix-target` in a place from which programs may be run, and name it with `--target-bin`"
            }
            BootError::Room { .. } => "make room there: it takes 4 MiB",
            BootError::Unwritten { which: Which::Target, .. } => {
                "mend that, or put `punix-target` there, and name it with `--target-bin`"
            }
            BootError::Tools { .. } => "install it there, or log in as somebody who does not need it",
            BootError::Named { .. } => "name another one with `--target-bin`, or leave that out: then ours is sent",
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Which::Target => "punix-target",
            Which::Builder => "punix-build",
        })
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Noexec => "programs may not be run (it is mounted with noexec)",
            Why::Closed => "nothing can be written",
            Why::Others => "others can write, or it belongs to somebody else",
        };
        write!(f, "in `{}` {why}", self.folder)
    }
}

fn list(places: &[Passed]) -> String {
    places.iter().map(|passed| format!("; {passed}")).collect()
}

/// Returns the words that are started on the other side. The greeting that is sent behind them has so many bytes.
pub(super) fn words(
    which: Which,
    programs: &[Program<'_>],
    named: Option<&Path>,
    becomes: Option<Become>,
    greeting: &[u8],
) -> Vec<String> {
    let mut words = vec!["sh".to_owned(), "-c".to_owned()];
    match becomes {
        Some(Become::Sudo) => words.push(one_line(SUDO)),
        None => {}
    }
    match named {
        Some(path) => words.extend([one_line(NAMED), path.to_string_lossy().into_owned()]),
        None => {
            words.extend([one_line(SCRIPT), "punix-boot".to_owned(), greeting.len().to_string(), which.to_string()]);
            for program in programs {
                words.extend([program.system.to_owned(), program.sha256.to_owned(), program.size.to_string()]);
            }
        }
    }
    words
}

/// Makes one line of a script: without comments, since for some login shells a line ends a quoted word.
fn one_line(script: &str) -> String {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.collect::<Vec<_>>().join(" ")
}

/// Sends the greeting, hears what the shell says until the program runs, and sends that if it is lacking. Tells before it does.
pub(super) fn boot(
    mut input: Box<dyn Write + Send>,
    output: Box<dyn Read + Send>,
    (which, programs): (Which, &[Program<'_>]),
    greeting: &[u8],
    tell: &dyn Fn(&Program<'_>),
) -> Result<Booted, BootError> {
    // Whoever does not read it says why.
    let _ = input.write_all(greeting).and_then(|()| input.flush());
    let lines = listen(output)?;
    let mut passed = Vec::new();
    let mut sending = None;
    for _ in 0..LINES_MAX {
        let patience = if sending.is_some() { SENDING_PATIENCE } else { LOGIN_PATIENCE };
        let Heard { line, output } = match lines.recv_timeout(patience) {
            Ok(heard) => heard?,
            Err(RecvTimeoutError::Timeout) => return Err(BootError::Late(patience)),
            Err(RecvTimeoutError::Disconnected) => return Err(BootError::Gone { printed: String::new() }),
        };
        if let Some(output) = output {
            let input = match sending {
                // It has read all of it, so it was sent.
                Some(sent) => again(&sent, greeting)?,
                None => input,
            };
            return Ok(Booted { input, output });
        }
        let (what, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match what {
            "lacks" if sending.is_none() => {
                let program = programs.iter().find(|program| program.system == rest);
                let bytes = program.and_then(|program| Some((program, (program.bytes)(program.system)?)));
                let (program, bytes) = bytes.ok_or_else(|| BootError::System { which, system: rest.to_owned() })?;
                tell(program);
                sending = Some(send(input, bytes)?);
                // Not ours any more: it comes back when all is sent.
                input = Box::new(io::sink());
            }
            "passes" => passed.extend(pass(rest)),
            "fails" => return Err(failure(which, rest, passed)),
            _ => return Err(BootError::Alien { line }),
        }
    }
    Err(BootError::Noise)
}

type Sent = Receiver<io::Result<Box<dyn Write + Send>>>;

/// Sends bytes while something else is heard, and gives the way back.
fn send(mut input: Box<dyn Write + Send>, bytes: Vec<u8>) -> Result<Sent, BootError> {
    let (done, sent) = channel();
    let work = move || {
        let outcome = input.write_all(&bytes).and_then(|()| input.flush());
        let _ = done.send(outcome.map(|()| input));
    };
    thread::Builder::new().name("boot-send".to_owned()).spawn(work).map_err(BootError::Pipe)?;
    Ok(sent)
}

/// Takes the way back, and sends the greeting anew.
fn again(sent: &Sent, greeting: &[u8]) -> Result<Box<dyn Write + Send>, BootError> {
    let mut input = match sent.recv_timeout(LOGIN_PATIENCE) {
        Ok(input) => input.map_err(BootError::Pipe)?,
        Err(_) => return Err(BootError::Late(LOGIN_PATIENCE)),
    };
    input.write_all(greeting).and_then(|()| input.flush()).map_err(BootError::Pipe)?;
    Ok(input)
}

fn failure(which: Which, rest: &str, passed: Vec<Passed>) -> BootError {
    let (why, words) = rest.split_once(' ').unwrap_or((rest, ""));
    let words = words.to_owned();
    match why {
        "system" => BootError::System { which, system: words },
        "place" => BootError::Places { which, passed },
        "write" if words.contains("No space left") || words.contains("quota exceeded") => {
            BootError::Room { which, how: words }
        }
        "write" => BootError::Unwritten { which, how: words },
        "tools" => BootError::Tools { tool: words },
        "torn" => BootError::Torn { which, how: words },
        "named" => BootError::Named { how: words },
        _ => BootError::Alien { line: rest.to_owned() },
    }
}

fn pass(rest: &str) -> Option<Passed> {
    let (why, folder) = rest.split_once(' ')?;
    let why = match why {
        "noexec" => Why::Noexec,
        "others" => Why::Others,
        _ => Why::Closed,
    };
    Some(Passed { why, folder: folder.to_owned() })
}

/// A line of ours. With the last one comes the stream: what follows is the program's.
struct Heard {
    line: String,
    output: Option<Box<dyn Read + Send>>,
}

/// Listens in a thread of its own, since nobody can say when something comes.
fn listen(mut output: Box<dyn Read + Send>) -> Result<Receiver<Result<Heard, BootError>>, BootError> {
    let (hear, lines) = channel();
    let work = move || {
        loop {
            let heard = match said(&mut output) {
                Ok(line) if line == READY => {
                    let _ = hear.send(Ok(Heard { line, output: Some(output) }));
                    return;
                }
                Ok(line) => Ok(Heard { line, output: None }),
                Err(error) => Err(error),
            };
            let is_last = heard.is_err();
            if hear.send(heard).is_err() || is_last {
                return;
            }
        }
    };
    thread::Builder::new().name("boot-listen".to_owned()).spawn(work).map_err(BootError::Pipe)?;
    Ok(lines)
}

/// Returns the next line of ours, without its mark. It is read byte by byte: what follows the last of them is the program's.
fn said(output: &mut dyn Read) -> Result<String, BootError> {
    let mut heard = 0;
    let (mut line, mut printed) = (Vec::new(), String::new());
    loop {
        let mut byte = [0];
        match output.read(&mut byte) {
            Ok(0) => {
                let rest = visible(&String::from_utf8_lossy(&line));
                return Err(BootError::Gone { printed: if rest.is_empty() { printed } else { rest } });
            }
            Ok(_) => heard += 1,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(BootError::Pipe(error)),
        }
        if heard > NOISE_BYTES_MAX {
            return Err(BootError::Noise);
        }
        if byte != *b"\n" {
            // Of a line that is longer nothing is ours.
            if line.len() < LINE_BYTES_MAX {
                line.extend(byte);
            }
            continue;
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        // A prompt or a text without an end may stand before it.
        if let Some((_, ours)) = text.rsplit_once(MARK) {
            return Ok(visible(ours));
        }
        let text = visible(&text);
        if !text.is_empty() {
            printed = text;
        }
        line.clear();
    }
}

/// Returns a text as it can be shown.
fn visible(text: &str) -> String {
    let mut clean = String::new();
    punix_diag::visible(text.trim(), &mut clean);
    clean
}

#[cfg(test)]
mod tests;
