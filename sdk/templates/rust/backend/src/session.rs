//! What has to be done for wishes: the commands that change something in one step, a look at every unit in the next. The
//! host runs the commands; here they are only named, and what they did is read.

use punix_sdk::Error;
use punix_sdk::backend::{Action, Command, Observation, RunState, Session, Status, Step, Wish};

/// One run, from the wishes to what was found in the end.
pub struct Run {
    wishes: Vec<Wish>,
    stage: Stage,
}

/// What the next observations answer.
enum Stage {
    Begin,
    Changed,
    Looked,
}

impl Run {
    /// Begins.
    pub fn new(wishes: Vec<Wish>) -> Run {
        Run { wishes, stage: Stage::Begin }
    }

    fn look(&mut self) -> Step {
        if self.wishes.is_empty() {
            return Step::Done(Vec::new());
        }
        self.stage = Stage::Looked;
        Step::Ask(self.wishes.iter().map(|wish| Command::looking(["sv", "status", &wish.unit])).collect())
    }
}

impl Session for Run {
    fn next(&mut self, seen: Vec<Observation>) -> Step {
        match self.stage {
            Stage::Begin => {
                let commands: Vec<Command> = self.wishes.iter().filter_map(command).collect();
                self.stage = Stage::Changed;
                if commands.is_empty() { self.look() } else { Step::Run(commands) }
            }
            Stage::Changed => match seen.iter().find(|seen| !seen.is_success()) {
                Some(failed) => Step::Fail(Error::permanent("punix-template.command", detail(failed))),
                None => self.look(),
            },
            Stage::Looked => {
                let found = self.wishes.iter().enumerate().map(|(index, wish)| {
                    match seen.iter().find(|seen| usize::try_from(seen.command) == Ok(index)) {
                        Some(answer) => status(&wish.unit, answer),
                        None => Status::new(&wish.unit, RunState::Unknown),
                    }
                });
                Step::Done(found.collect())
            }
        }
    }
}

/// Returns the command that fulfils a wish, if it takes one besides the look at the end.
fn command(wish: &Wish) -> Option<Command> {
    let unit = wish.unit.as_str();
    let (described, running) = (format!("/etc/sv/{unit}"), format!("/etc/service/{unit}"));
    Some(match wish.action {
        Action::Start => Command::changing(["sv", "start", unit]),
        Action::Stop => Command::changing(["sv", "stop", unit]),
        Action::Restart => Command::changing(["sv", "restart", unit]),
        Action::Reload => Command::changing(["sv", "hup", unit]),
        Action::Enable => Command::changing(["ln", "-sfn", &described, &running]),
        Action::Disable | Action::Remove => Command::changing(["rm", "-f", &running]),
        Action::Status | Action::Logs => return None,
    })
}

/// Reads what `sv status` says: `run: web: (pid 12) 34s`, `down: web: 5s`, `fail: web: …`.
fn status(unit: &str, answer: &Observation) -> Status {
    let state = match answer.answer().split(':').next() {
        Some("run") => RunState::Running,
        Some("down") => RunState::Stopped,
        Some("fail" | "warning") => RunState::Missing,
        Some(_) | None => RunState::Unknown,
    };
    Status::new(unit, state).detail(answer.answer())
}

fn detail(failed: &Observation) -> String {
    let said = if failed.stderr.trim().is_empty() { &failed.stdout } else { &failed.stderr };
    format!("a command ended with {}: {}", failed.code, said.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(unit: &str, action: Action) -> Wish {
        Wish { unit: unit.to_owned(), action }
    }

    fn seen(command: u32, code: i32, stdout: &str) -> Observation {
        Observation { command, code, stdout: stdout.to_owned(), stderr: String::new() }
    }

    #[test]
    fn changes_come_first_and_a_look_at_all_in_the_end() {
        let mut run = Run::new(vec![wish("a", Action::Restart), wish("b", Action::Status)]);
        let Step::Run(commands) = run.next(Vec::new()) else { panic!("nothing was changed") };
        assert_eq!(commands, [Command::changing(["sv", "restart", "a"])]);
        let Step::Ask(commands) = run.next(vec![seen(0, 0, "")]) else { panic!("nobody looked") };
        assert_eq!(commands.len(), 2);
        assert!(commands.iter().all(|command| !command.mutates));
        let answers = vec![seen(0, 0, "run: a: (pid 7) 2s\n"), seen(1, 0, "down: b: 5s")];
        let Step::Done(found) = run.next(answers) else { panic!("it was not done") };
        assert_eq!(found.iter().map(|status| status.state).collect::<Vec<_>>(), [RunState::Running, RunState::Stopped]);
        assert_eq!(found[0].detail, "run: a: (pid 7) 2s");
    }

    #[test]
    fn who_wishes_nothing_is_done() {
        assert_eq!(Run::new(Vec::new()).next(Vec::new()), Step::Done(Vec::new()));
    }

    #[test]
    fn a_look_changes_nothing() {
        let mut run = Run::new(vec![wish("a", Action::Status)]);
        assert!(matches!(run.next(Vec::new()), Step::Ask(_)));
    }

    #[test]
    fn a_command_that_fails_ends_it() {
        let mut run = Run::new(vec![wish("a", Action::Start)]);
        run.next(Vec::new());
        let Step::Fail(error) = run.next(vec![seen(0, 1, "fail: a: no such thing")]) else { panic!("it went on") };
        assert_eq!(error.message, "a command ended with 1: fail: a: no such thing");
    }

    #[test]
    fn what_was_not_answered_is_unknown() {
        let mut run = Run::new(vec![wish("a", Action::Status), wish("b", Action::Status)]);
        run.next(Vec::new());
        let Step::Done(found) = run.next(vec![seen(1, 1, "what?")]) else { panic!("it was not done") };
        assert!(found.iter().all(|status| status.state == RunState::Unknown));
    }
}
