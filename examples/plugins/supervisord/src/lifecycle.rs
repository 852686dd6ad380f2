//! What has to be done for wishes with `supervisorctl`. It runs nothing: it names commands and is told what they did.
//!
//! `update` starts what is new and restarts what is configured anew, so a restart follows only where it did neither.

use punix_sdk::Error;
use punix_sdk::backend::{Action, Command, Observation, RunState, Session, Status, Step, Wish};

/// How long a program that is starting is waited for: this often, so long each time.
const LOOKS_MAX: u32 = 20;
const PAUSE_MS: u32 = 250;
const TIMEOUT_MS: u32 = 120_000;

/// The work on one set of wishes.
#[derive(Debug)]
pub struct Lifecycle {
    state: State,
    units: Vec<Wished>,
    looks: u32,
}

/// What is wished of one program, and what was heard of it.
#[derive(Debug)]
struct Wished {
    unit: String,
    actions: Vec<Action>,
    /// It was started with what is configured now.
    fresh: bool,
    failure: Option<String>,
}

/// What the answers that come next are about; numbers are places of units.
#[derive(Debug)]
enum State {
    Fresh,
    Reading,
    Updating(Vec<usize>),
    Acting(Vec<usize>),
    Looking,
    Waiting,
    Ended,
}

impl Lifecycle {
    pub(crate) fn new(wishes: &[Wish]) -> Lifecycle {
        let mut units: Vec<Wished> = Vec::new();
        for Wish { unit, action } in wishes {
            match units.iter_mut().find(|wished| wished.unit == *unit) {
                Some(wished) => wished.actions.push(*action),
                None => units.push(Wished { unit: unit.clone(), actions: vec![*action], fresh: false, failure: None }),
            }
        }
        Lifecycle { state: State::Fresh, units, looks: 0 }
    }

    fn begin(&mut self) -> Step {
        let odd = |unit: &str| {
            unit.is_empty()
                || unit.starts_with('-')
                || !unit.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        };
        if self.units.iter().any(|wished| odd(&wished.unit)) {
            return Step::Fail(
                Error::invalid("supervisord.unit", "there is a wish for what is not a program").at("wishes"),
            );
        }
        if self.units.iter().any(Wished::needs_update) {
            self.state = State::Reading;
            return Step::Run(vec![changing(&["reread"])]);
        }
        self.act()
    }

    fn read(&mut self, seen: &[Observation]) -> Step {
        let why = failure(seen.first());
        let mut places = Vec::new();
        for (place, wished) in self.units.iter_mut().enumerate().filter(|(_, wished)| wished.needs_update()) {
            match &why {
                Some(why) => wished.failure = Some(format!("supervisord does not read its configuration: {why}")),
                None => places.push(place),
            }
        }
        if places.is_empty() {
            return self.act();
        }
        let commands = self.commands(&places, |unit| changing(&["update", unit]));
        self.state = State::Updating(places);
        Step::Ask(commands)
    }

    fn updated(&mut self, places: &[usize], seen: &[Observation]) -> Step {
        for (place, answer) in pairs(places, seen) {
            let Some(wished) = self.units.get_mut(place) else { continue };
            let said = answer.map_or("", |answer| answer.stdout.as_str());
            let news =
                [format!("{}: added process group", wished.unit), format!("{}: updated process group", wished.unit)];
            wished.fresh = said.lines().any(|line| news.iter().any(|news| line.trim() == news));
        }
        self.act()
    }

    fn act(&mut self) -> Step {
        let mut places = Vec::new();
        let mut commands = Vec::new();
        for (place, wished) in self.units.iter().enumerate() {
            let unit = wished.unit.as_str();
            for action in wished.actions.iter().filter(|_| wished.failure.is_none()) {
                let command = match action {
                    Action::Start if !wished.fresh => changing(&["start", unit]),
                    Action::Restart if !wished.fresh => changing(&["restart", unit]),
                    Action::Stop => changing(&["stop", unit]),
                    Action::Reload => changing(&["signal", "HUP", unit]),
                    Action::Logs => looking(&["tail", "-16000", unit]),
                    // What is configured starts with supervisord; what is no longer configured was stopped by `update`.
                    Action::Start
                    | Action::Restart
                    | Action::Enable
                    | Action::Disable
                    | Action::Remove
                    | Action::Status => continue,
                };
                places.push(place);
                commands.push(command);
            }
        }
        if commands.is_empty() {
            return self.look();
        }
        self.state = State::Acting(places);
        Step::Ask(commands)
    }

    fn acted(&mut self, places: &[usize], seen: &[Observation]) -> Step {
        for (place, answer) in pairs(places, seen) {
            let Some(wished) = self.units.get_mut(place) else { continue };
            // That it was stopped or started before is what was wished; anything else is seen when it is looked at.
            let already = answer.is_some_and(|answer| {
                ["already started", "not running"].iter().any(|said| answer.stdout.contains(said))
            });
            if let Some(why) = failure(answer).filter(|_| !already) {
                wished.failure.get_or_insert(why);
            }
        }
        self.look()
    }

    fn look(&mut self) -> Step {
        self.looks += 1;
        self.state = State::Looking;
        let mut words = vec!["status"];
        words.extend(self.units.iter().map(|wished| wished.unit.as_str()));
        Step::Ask(vec![looking(&words)])
    }

    fn looked(&mut self, seen: &[Observation]) -> Step {
        let said = seen.first().map_or("", |answer| answer.stdout.as_str());
        let statuses: Vec<Status> = self.units.iter().map(|wished| wished.status(said)).collect();
        let waiting = self.units.iter().zip(&statuses).any(|(wished, status)| {
            wished.actions.iter().any(|action| matches!(action, Action::Start | Action::Restart))
                && status.state == RunState::Starting
        });
        if waiting && self.looks < LOOKS_MAX {
            self.state = State::Waiting;
            return Step::WaitMs(PAUSE_MS);
        }
        Step::Done(statuses)
    }

    fn commands(&self, places: &[usize], command: impl Fn(&str) -> Command) -> Vec<Command> {
        places.iter().filter_map(|&place| self.units.get(place)).map(|wished| command(&wished.unit)).collect()
    }
}

impl Session for Lifecycle {
    fn next(&mut self, seen: Vec<Observation>) -> Step {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Fresh if self.units.is_empty() => Step::Done(Vec::new()),
            State::Fresh => self.begin(),
            State::Reading => self.read(&seen),
            State::Updating(places) => self.updated(&places, &seen),
            State::Acting(places) => self.acted(&places, &seen),
            State::Looking => self.looked(&seen),
            State::Waiting => self.look(),
            State::Ended => {
                Step::Fail(Error::invalid("supervisord.ended", "there is nothing more to do for these wishes"))
            }
        }
    }
}

impl Wished {
    fn needs_update(&self) -> bool {
        self.actions.iter().any(|action| matches!(action, Action::Start | Action::Restart | Action::Remove))
    }

    /// Finds its line among what `status` says: `Web.api    RUNNING   pid 7, uptime 0:00:01`.
    fn status(&self, said: &str) -> Status {
        let own = |line: &&str| {
            let name = line.split_whitespace().next().unwrap_or_default();
            name.strip_suffix(':').unwrap_or(name) == self.unit
        };
        let line = said.lines().find(own).unwrap_or_default();
        let rest: Vec<&str> = line.split_whitespace().skip(1).collect();
        let state = match rest.first().copied().unwrap_or_default() {
            "RUNNING" => RunState::Running,
            "STARTING" | "BACKOFF" | "STOPPING" => RunState::Starting,
            "STOPPED" | "EXITED" => RunState::Stopped,
            "FATAL" => RunState::Failed,
            "ERROR" => RunState::Missing,
            _ => RunState::Unknown,
        };
        let detail = match rest.as_slice() {
            [] => "supervisorctl says nothing of it".to_owned(),
            words => one_line(&words.join(" ")),
        };
        match &self.failure {
            Some(why) => Status::new(&self.unit, RunState::Failed).detail(why),
            None => Status::new(&self.unit, state).detail(&detail),
        }
    }
}

fn changing(words: &[&str]) -> Command {
    Command::changing([&["supervisorctl"], words].concat()).timeout_ms(TIMEOUT_MS)
}

fn looking(words: &[&str]) -> Command {
    Command::looking([&["supervisorctl"], words].concat())
}

/// Puts the answers beside the units whose commands they answer.
fn pairs<'a>(places: &[usize], seen: &'a [Observation]) -> Vec<(usize, Option<&'a Observation>)> {
    let answer = |index: usize| seen.iter().find(|answer| usize::try_from(answer.command) == Ok(index));
    places.iter().enumerate().map(|(index, &place)| (place, answer(index))).collect()
}

/// Returns why a command failed, if it did. `supervisorctl` complains on its output.
fn failure(answer: Option<&Observation>) -> Option<String> {
    let Some(answer) = answer else { return Some("it was not run".to_owned()) };
    if answer.is_success() {
        return None;
    }
    let said = one_line(&format!("{} {}", answer.stdout, answer.stderr));
    Some(if said.is_empty() { format!("exit {}", answer.code) } else { said })
}

fn one_line(text: &str) -> String {
    const CHARACTERS_MAX: usize = 400;
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(wishes: &[(&str, Action)], answer: &mut dyn FnMut(&str) -> (i32, String)) -> (Vec<String>, Step) {
        let wishes: Vec<Wish> = wishes.iter().map(|&(unit, action)| Wish { unit: unit.to_owned(), action }).collect();
        let mut session = Lifecycle::new(&wishes);
        let (mut seen, mut lines) = (Vec::new(), Vec::new());
        for _ in 0..60 {
            let commands = match session.next(std::mem::take(&mut seen)) {
                Step::Run(commands) | Step::Ask(commands) => commands,
                Step::WaitMs(_) => continue,
                end => return (lines, end),
            };
            for (command, asked) in (0..).zip(commands) {
                let line = asked.argv.join(" ");
                let (code, stdout) = answer(&line);
                seen.push(Observation { command, code, stdout, stderr: String::new() });
                lines.push(line);
            }
        }
        panic!("it does not end: {lines:?}");
    }

    fn states(end: Step) -> Vec<(RunState, String)> {
        let Step::Done(statuses) = end else { panic!("{end:?}") };
        statuses.into_iter().map(|status| (status.state, status.detail)).collect()
    }

    #[test]
    fn what_update_started_is_not_restarted() {
        let (lines, end) = walk(
            &[("W.new", Action::Restart), ("W.old", Action::Restart), ("W.gone", Action::Remove)],
            &mut |line| match line {
                "supervisorctl update W.new" => (0, "W.new: added process group\n".to_owned()),
                "supervisorctl status W.new W.old W.gone" => {
                    let said = "W.new   RUNNING   pid 7, uptime 0:00:01\nW.old  FATAL  Exited too quickly\nW.gone: ERROR (no such group)\n";
                    (4, said.to_owned())
                }
                _ => (0, String::new()),
            },
        );
        assert_eq!(
            lines,
            [
                "supervisorctl reread",
                "supervisorctl update W.new",
                "supervisorctl update W.old",
                "supervisorctl update W.gone",
                "supervisorctl restart W.old",
                "supervisorctl status W.new W.old W.gone",
            ]
        );
        assert_eq!(
            states(end),
            [
                (RunState::Running, "RUNNING pid 7, uptime 0:00:01".to_owned()),
                (RunState::Failed, "FATAL Exited too quickly".to_owned()),
                (RunState::Missing, "ERROR (no such group)".to_owned()),
            ]
        );
    }

    #[test]
    fn nothing_is_started_from_a_configuration_that_cannot_be_read() {
        let (lines, end) = walk(&[("W.a", Action::Restart), ("W.b", Action::Stop)], &mut |line| match line {
            "supervisorctl reread" => (1, "ERROR: CANT_REREAD\n".to_owned()),
            _ => (0, String::new()),
        });
        assert_eq!(lines, ["supervisorctl reread", "supervisorctl stop W.b", "supervisorctl status W.a W.b"]);
        assert_eq!(states(end)[0].1, "supervisord does not read its configuration: ERROR: CANT_REREAD");
    }

    #[test]
    fn every_walk_ends() {
        const ACTIONS: [Action; 9] = [
            Action::Start,
            Action::Stop,
            Action::Restart,
            Action::Reload,
            Action::Enable,
            Action::Disable,
            Action::Remove,
            Action::Status,
            Action::Logs,
        ];
        assert_eq!(walk(&[], &mut |_| (0, String::new())), (Vec::new(), Step::Done(Vec::new())));
        assert!(matches!(walk(&[("--help", Action::Stop)], &mut |_| (0, String::new())).1, Step::Fail(_)));
        for one in ACTIONS {
            for other in ACTIONS {
                for code in [0, 1, -1] {
                    let mut count = 0;
                    let (_, end) = walk(&[("a", one), ("b", other), ("a", other)], &mut |_| {
                        count += 1;
                        (
                            if count % 3 == 0 { 0 } else { code },
                            ["a STARTING\nb RUNNING", "", "a\0b"][count % 3].to_owned(),
                        )
                    });
                    assert_eq!(states(end).len(), 2);
                }
            }
        }
    }
}
