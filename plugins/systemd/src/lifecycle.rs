//! What has to be done for wishes, step by step. It runs nothing: it names commands and is told what they did. Whatever
//! it is told, it comes to an end after few steps, and never panics.
//!
//! The order is: stop what has to go while systemd still knows how, reload once, make accounts and temporary files,
//! then act unit by unit as wished, and look once at all units.

mod plan;
mod show;

use self::plan::{Deed, LOOKED_AT_ONCE, Plan, Task};
use self::show::{Found, Wished};
use punix_sdk::Error;
use punix_sdk::backend::{Command, Facts, Observation, RunState, Session, Stack, Status, Step, Wish};

/// How long a unit that is on its way is waited for: this often, so long each time.
const LOOKS_MAX: u32 = 10;
const PAUSE_MS: u32 = 200;

/// The work on one set of wishes.
#[derive(Debug)]
pub struct Lifecycle {
    state: State,
    plan: Plan,
    /// What was heard of each unit of the plan.
    told: Vec<Told>,
    /// What went wrong for no unit in particular, and may be why one fails.
    asides: Vec<String>,
    looks: u32,
}

/// What the answers that come next are about.
#[derive(Debug)]
enum State {
    Fresh,
    Refused(Error),
    Stopping(Vec<Task>),
    Reloading,
    Acting(Vec<Task>),
    Looking,
    Waiting,
    Ended,
}

/// What was heard about a unit.
#[derive(Debug, Default)]
struct Told {
    /// The command that brings it up went well.
    started: bool,
    failure: Option<String>,
    /// What a command said that was to stop it. It matters if it did not stop.
    hindrance: Option<String>,
}

impl Lifecycle {
    pub(crate) fn new(stack: &Stack, wishes: &[Wish], facts: &Facts) -> Lifecycle {
        let (state, plan) = match Plan::of(stack, wishes, facts) {
            Ok(plan) => (State::Fresh, plan),
            Err(error) => (State::Refused(error), Plan::default()),
        };
        let told = plan.units.iter().map(|_| Told::default()).collect();
        Lifecycle { state, plan, told, asides: Vec::new(), looks: 0 }
    }

    fn stop(&mut self) -> Step {
        let tasks = std::mem::take(&mut self.plan.stops);
        if tasks.is_empty() {
            return self.reload();
        }
        let commands = commands(&tasks);
        self.state = State::Stopping(tasks);
        Step::Ask(commands)
    }

    fn reload(&mut self) -> Step {
        match self.plan.reload.take() {
            Some(command) => {
                self.state = State::Reloading;
                Step::Run(vec![command])
            }
            None => self.act(),
        }
    }

    fn act(&mut self) -> Step {
        let tasks = std::mem::take(&mut self.plan.acts);
        if tasks.is_empty() {
            return self.look();
        }
        let commands = commands(&tasks);
        self.state = State::Acting(tasks);
        Step::Ask(commands)
    }

    fn look(&mut self) -> Step {
        self.looks += 1;
        self.state = State::Looking;
        Step::Ask(self.plan.show())
    }

    /// Takes what the reload came to. Without it nothing may be started: it would be what was there before.
    fn reloaded(&mut self, seen: &[Observation]) -> Step {
        if let Some(why) = failure(answers(seen, 1).first().copied().flatten()) {
            for task in std::mem::take(&mut self.plan.acts) {
                match task.unit.and_then(|unit| self.told.get_mut(unit)) {
                    Some(told) if task.deed.needs_reload() => told.fail(format!("daemon-reload failed: {why}")),
                    Some(_) | None => self.plan.acts.push(task),
                }
            }
        }
        self.act()
    }

    fn heard(&mut self, tasks: &[Task], seen: &[Observation]) {
        for (task, answer) in tasks.iter().zip(answers(seen, tasks.len())) {
            let why = failure(answer);
            let Some(told) = task.unit.and_then(|unit| self.told.get_mut(unit)) else {
                self.asides.extend(why.map(|why| task.deed.failed(&why, false)));
                continue;
            };
            match (task.deed, why) {
                (Deed::Start | Deed::Restart | Deed::Reload, None) => told.started = true,
                // Whether it is gone is seen in the end, and only that counts.
                (Deed::Stop | Deed::Forget, Some(why)) => {
                    told.hindrance.get_or_insert(why);
                }
                (_, None) => {}
                (deed, Some(why)) => told.fail(deed.failed(&why, told.started)),
            }
        }
    }

    fn looked(&mut self, seen: &[Observation]) -> Step {
        let parts = self.plan.units.chunks(LOOKED_AT_ONCE);
        let mut found = Vec::with_capacity(self.plan.units.len());
        let mut blind = None;
        for (units, shown) in parts.clone().zip(answers(seen, parts.len())) {
            let why = failure(shown);
            let said = shown.filter(|_| why.is_none()).map_or("", |shown| shown.stdout.as_str());
            found.extend(show::read(units, said));
            blind = blind.or(why);
        }
        let found = |unit: usize| found.get(unit).and_then(Option::as_ref);
        let on_its_way = |(unit, told): (usize, &Told)| {
            told.started && found(unit).is_some_and(|found| found.state == RunState::Starting)
        };
        if self.looks < LOOKS_MAX && self.told.iter().enumerate().any(on_its_way) {
            self.state = State::Waiting;
            return Step::WaitMs(PAUSE_MS);
        }
        let blind = match blind {
            Some(why) => format!("systemctl show failed: {why}"),
            None => "systemctl show says nothing of it".to_owned(),
        };
        let each = self.plan.units.iter().zip(&self.told).enumerate();
        Step::Done(each.map(|(at, (unit, told))| self.status(at, unit, told, found(at), &blind)).collect())
    }

    /// Puts together what was heard of a unit and how it was found.
    fn status(&self, at: usize, unit: &str, told: &Told, found: Option<&Found>, blind: &str) -> Status {
        let halted = self.plan.halted.contains(&at);
        let wished = match (told.started, halted) {
            (true, _) => Wished::Up,
            (false, true) => Wished::Down,
            (false, false) => Wished::Neither,
        };
        let mut status = match found {
            Some(found) => found.status(unit, wished),
            None => Status {
                unit: unit.to_owned(),
                // It was started without complaint, and nobody says otherwise.
                state: if told.started { RunState::Running } else { RunState::Unknown },
                enabled: None,
                since_unix_ms: None,
                detail: blind.to_owned(),
            },
        };
        if halted && matches!(status.state, RunState::Running | RunState::Starting) {
            let why = told.hindrance.as_deref().unwrap_or(&status.detail);
            status.detail = format!("it did not stop: {why}");
            status.state = RunState::Failed;
        }
        if let Some(why) = &told.failure {
            status.state = RunState::Failed;
            status.detail = why.clone();
        }
        if status.state == RunState::Failed {
            for aside in &self.asides {
                status.detail = format!("{}; {aside}", status.detail);
            }
        }
        status.detail = one_line(&status.detail);
        status
    }
}

impl Session for Lifecycle {
    fn next(&mut self, seen: Vec<Observation>) -> Step {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Fresh if self.plan.units.is_empty() => Step::Done(Vec::new()),
            State::Fresh => self.stop(),
            State::Refused(error) => Step::Fail(error),
            State::Stopping(tasks) => {
                self.heard(&tasks, &seen);
                self.reload()
            }
            State::Reloading => self.reloaded(&seen),
            State::Acting(tasks) => {
                self.heard(&tasks, &seen);
                self.look()
            }
            State::Looking => self.looked(&seen),
            State::Waiting => self.look(),
            State::Ended => Step::Fail(Error::invalid("systemd.ended", "there is nothing more to do for these wishes")),
        }
    }
}

impl Told {
    /// Keeps the first failure: the others follow from it.
    fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }
}

fn commands(tasks: &[Task]) -> Vec<Command> {
    tasks.iter().map(|task| task.command.clone()).collect()
}

/// Puts the answers in the order of the commands of the step before. What answers no command is left out.
fn answers(seen: &[Observation], commands: usize) -> Vec<Option<&Observation>> {
    let mut answers = vec![None; commands];
    for observation in seen {
        let place = usize::try_from(observation.command).ok().and_then(|command| answers.get_mut(command));
        if let Some(place) = place {
            *place = Some(observation);
        }
    }
    answers
}

/// Returns why a command failed, if it did: in the words of the target, or else in ours.
fn failure(answer: Option<&Observation>) -> Option<String> {
    let Some(answer) = answer else { return Some("it was not run".to_owned()) };
    if answer.code == 0 {
        return None;
    }
    let said = one_line(&answer.stderr);
    Some(if !said.is_empty() {
        said
    } else if answer.code < 0 {
        "it did not end by itself".to_owned()
    } else {
        format!("exit {}", answer.code)
    })
}

/// Puts lines one behind the other, and bounds them.
fn one_line(text: &str) -> String {
    const BYTES_MAX: usize = 600;
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if line.len() + word.len() > BYTES_MAX {
            line.push_str(" …");
            break;
        }
        line.push_str(if line.is_empty() { "" } else { " " });
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests;
