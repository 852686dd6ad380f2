//! Sessions that end badly, or not at all.

use crate::endless;
use punix_sdk::Error;
use punix_sdk::backend::{Command, Observation, RunState, Session, Status, Step, Wish};

/// A session that does what one word says.
pub(crate) struct Steps {
    word: String,
    wishes: Vec<Wish>,
    taken: u32,
}

impl Steps {
    pub(crate) fn new(word: &str, wishes: Vec<Wish>) -> Steps {
        Steps { word: word.to_owned(), wishes, taken: 0 }
    }
}

impl Session for Steps {
    fn next(&mut self, seen: Vec<Observation>) -> Step {
        self.taken += 1;
        match self.word.as_str() {
            "wait-on" => Step::WaitMs(1),
            "wait-long" => Step::WaitMs(u32::MAX),
            "wait-59999" => Step::WaitMs(59_999),
            "wait-60001" => Step::WaitMs(60_001),
            "run-long" => Step::Run(vec![Command { timeout_ms: u32::MAX, ..command(&["/bin/true"]) }]),
            "ask-on" => Step::Ask(vec![command(&["/bin/true"])]),
            "run-nothing" => Step::Run(Vec::new()),
            "run-wordless" => Step::Run(vec![command(&["/bin/true"]), command(&[])]),
            "run-nameless" => Step::Ask(vec![command(&[""])]),
            "run-nul" => Step::Run(vec![command(&["/bin/echo", "a\0b"])]),
            "run-wordy" => Step::Run(vec![command(&["x"; 5_000])]),
            "run-many" => Step::Run(vec![command(&["/bin/true"]); 10_001]),
            "run-large" => Step::Run(vec![Command { stdin: "x".repeat(17 << 20), ..command(&["/bin/cat"]) }]),
            "tell-foreign" => Step::Done(vec![status("sshd.service", "")]),
            "tell-control" => Step::Done(self.wishes.iter().map(|wish| status(&wish.unit, "a\u{1b}[2J\nb")).collect()),
            "fail-control" => Step::Fail(Error::transient("a\u{1b}b", "\rit failed\n")),
            "trap-later" if self.taken == 2 => panic!("the second step is where it ends"),
            "loop-later" if self.taken == 2 => endless(),
            "echo" if self.taken == 2 => Step::Fail(Error::permanent("echo", format!("{seen:?}"))),
            _ => Step::Ask(vec![command(&["/bin/true"])]),
        }
    }
}

fn command(words: &[&str]) -> Command {
    let argv = words.iter().map(|word| (*word).to_owned()).collect();
    Command { argv, stdin: String::new(), timeout_ms: 1_000, mutates: false }
}

fn status(unit: &str, detail: &str) -> Status {
    Status {
        unit: unit.to_owned(),
        state: RunState::Running,
        enabled: None,
        since_unix_ms: None,
        detail: detail.to_owned(),
    }
}
