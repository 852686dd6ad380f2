//! Doing what a backend says: commands on this machine, within their time, and what they said, cut and without secrets.
//!
//! Below another root nothing is run that was not named on the command line: programs that act on the machine know
//! nothing of roots.

use punix_model::{CallFault, Cause, Command, Observation, PluginName, Redactor, Session, Status, Step};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// How much of each stream is kept.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// How long the streams of a program that ended are waited for: one that it left behind may hold them.
const STREAMS_WAIT: Duration = Duration::from_secs(1);
/// The pauses between looks at a program that runs.
const LOOK_FIRST: Duration = Duration::from_micros(200);
const LOOK_LAST: Duration = Duration::from_millis(20);
/// The program that is asked for units.
const SYSTEMCTL: &str = "systemctl";

/// What runs commands.
pub(super) struct Hands<'h> {
    /// Stands for `systemctl`, if it was named.
    pub(super) systemctl: Option<&'h Path>,
    /// Whether the target is this machine.
    pub(super) is_here: bool,
    pub(super) redactor: &'h Redactor,
}

impl Hands<'_> {
    /// Tells whether units are touched at all.
    pub(super) fn can_act(&self) -> bool {
        self.is_here || self.systemctl.is_some()
    }

    /// Does all that a session wants, and returns how units are then.
    pub(super) fn fulfil(&self, mut session: Box<dyn Session>) -> Result<Vec<Status>, CallFault> {
        let mut seen = Vec::new();
        loop {
            match session.next(&seen)? {
                Step::Run(commands) => seen = self.run(&commands, true),
                Step::Ask(commands) => seen = self.run(&commands, false),
                Step::WaitMs(pause) => {
                    std::thread::sleep(Duration::from_millis(pause.into()));
                    seen.clear();
                }
                Step::Done(found) => return Ok(found),
                Step::Fail(error) => {
                    let plugin = PluginName { id: "the backend".to_owned(), version: String::new() };
                    return Err(CallFault { plugin, call: "session".to_owned(), cause: Cause::Refused(error) });
                }
            }
        }
    }

    fn run(&self, commands: &[Command], stops: bool) -> Vec<Observation> {
        let mut seen = Vec::new();
        for (number, command) in (0..).zip(commands) {
            let observation = self.one(number, command);
            let failed = observation.code != 0;
            seen.push(observation);
            if stops && failed {
                break;
            }
        }
        seen
    }

    fn one(&self, command: u32, asked: &Command) -> Observation {
        let said = |code, stdout: &str, stderr: &str| Observation {
            command,
            code,
            stdout: self.redactor.clean(stdout).into_owned(),
            stderr: self.redactor.clean(stderr).into_owned(),
        };
        let Some((program, words)) = asked.argv.split_first() else { return said(-1, "", "there is no command") };
        let is_systemctl = Path::new(program).file_name().is_some_and(|name| name == SYSTEMCTL);
        let program = match (is_systemctl, self.systemctl) {
            (true, Some(named)) => named.to_owned(),
            // It would act on this machine, which is not the target.
            (false, _) if !self.is_here => return said(0, "", ""),
            (true, None) | (false, _) => PathBuf::from(program),
        };
        match start(&program, words).and_then(|child| finish(child, asked)) {
            Ok(Ended { status: Some(status), stdout, stderr }) => said(status.code().unwrap_or(-1), &stdout, &stderr),
            Ok(Ended { status: None, stdout, .. }) => {
                said(-1, &stdout, &format!("it did not end within {} ms and was stopped", asked.timeout_ms))
            }
            Err(error) => said(-1, "", &format!("`{}` cannot be run: {error}", program.display())),
        }
    }
}

/// What became of a program; no status where it had to be stopped.
struct Ended {
    status: Option<ExitStatus>,
    stdout: String,
    stderr: String,
}

fn start(program: &Path, words: &[String]) -> io::Result<Child> {
    let mut command = std::process::Command::new(program);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn()
}

fn finish(mut child: Child, asked: &Command) -> io::Result<Ended> {
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    if let Some(mut stdin) = child.stdin.take() {
        let text = asked.stdin.clone();
        // A program that does not read must not keep us.
        std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    }
    let deadline = Instant::now() + Duration::from_millis(asked.timeout_ms.into());
    let mut pause = LOOK_FIRST;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LOOK_LAST);
    };
    let text = |stream: Receiver<Vec<u8>>| {
        let bytes = stream.recv_timeout(STREAMS_WAIT).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok(Ended { status, stdout: text(stdout), stderr: text(stderr) })
}

/// Reads a stream on a thread of its own: what is kept of it, and then on to its end, so that nobody has to wait.
fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = (&mut stream).take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes);
            let _ = io::copy(&mut stream, &mut io::sink());
        }
        let _ = sender.send(bytes);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str], timeout_ms: u32) -> Command {
        let argv = words.iter().map(|word| (*word).to_owned()).collect();
        Command { argv, stdin: "in\n".to_owned(), timeout_ms, mutates: false }
    }

    fn hands(redactor: &Redactor, is_here: bool) -> Hands<'_> {
        Hands { systemctl: None, is_here, redactor }
    }

    #[test]
    fn a_command_is_run_and_heard() {
        let redactor = Redactor::new([&punix_model::Secret::new(b"hunter22".to_vec())]);
        let script = "cat; echo hunter22 >&2; exit 3";
        let seen = hands(&redactor, true).one(7, &command(&["/bin/sh", "-c", script], 10_000));
        assert_eq!((seen.command, seen.code, seen.stdout.as_str()), (7, 3, "in\n"));
        assert_eq!(seen.stderr, "[secret]\n");
    }

    #[test]
    fn the_first_failure_stops_what_is_run_and_not_what_is_asked() {
        let redactor = Redactor::default();
        let commands = [command(&["/bin/false"], 10_000), command(&["/bin/true"], 10_000)];
        let codes = |stops| -> Vec<i32> {
            hands(&redactor, true).run(&commands, stops).into_iter().map(|seen| seen.code).collect()
        };
        assert_eq!((codes(true), codes(false)), (vec![1], vec![1, 0]));
    }

    #[test]
    fn who_does_not_end_is_stopped_and_who_is_not_there_is_named() {
        let redactor = Redactor::default();
        let late = hands(&redactor, true).one(0, &command(&["/bin/sh", "-c", "while :; do :; done"], 50));
        assert_eq!((late.code, late.stderr.as_str()), (-1, "it did not end within 50 ms and was stopped"));
        let absent = hands(&redactor, true).one(0, &command(&["/nowhere/program"], 50));
        assert!(absent.code == -1 && absent.stderr.starts_with("`/nowhere/program` cannot be run"), "{absent:?}");
    }

    #[test]
    fn below_another_root_nothing_acts_on_this_machine() {
        let redactor = Redactor::default();
        let seen = hands(&redactor, false).one(0, &command(&["/bin/sh", "-c", "echo ran"], 10_000));
        assert_eq!((seen.code, seen.stdout.as_str()), (0, ""));
    }
}
