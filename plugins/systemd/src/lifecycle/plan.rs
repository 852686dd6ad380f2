//! The commands for wishes, all decided at once.

use super::show::{PROPERTIES, SINCE};
use crate::design::init_version;
use crate::fault::refuse;
use crate::index::Index;
use crate::layout::Layout;
use crate::{config, names};
use punix_sdk::Error;
use punix_sdk::backend::{Action, Command, Facts, Scope, Stack, Wish};

/// What will be done, in its order: stops, the reload, acts, and then a look at the units.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) stops: Vec<Task>,
    pub(super) reload: Option<Command>,
    pub(super) acts: Vec<Task>,
    /// Units of which something was wished, each once, in the order of the wishes.
    pub(super) units: Vec<String>,
    /// The places of those that are to stop, and not to come back.
    pub(super) halted: Vec<usize>,
    user: bool,
    unix_times: bool,
}

/// A command, and what its answer is about.
#[derive(Debug)]
pub(super) struct Task {
    /// The place of the unit, if it is about one.
    pub(super) unit: Option<usize>,
    pub(super) deed: Deed,
    pub(super) command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Accounts and temporary files, by the program that makes them; of no unit in particular.
    Prepare(&'static str),
    Start,
    Restart,
    Reload,
    Stop,
    Enable,
    Disable,
    /// A part of making a unit go away. It fails where that part was done before.
    Forget,
    Logs,
}

/// How long commands may take. Starting and stopping have limits of their own in systemd: 90 seconds each if nothing
/// else is said.
const UNIT_TIMEOUT_MS: u32 = 300_000;
const RELOAD_TIMEOUT_MS: u32 = 120_000;
const LOOK_TIMEOUT_MS: u32 = 30_000;
/// How many units one command looks at.
pub(super) const LOOKED_AT_ONCE: usize = 1_000;
/// How many lines of a log are shown.
const LOG_LINES: &str = "--lines=200";
/// The first version that can give times as numbers.
const UNIX_TIMES_SINCE: u32 = 251;

impl Plan {
    pub(super) fn of(stack: &Stack, wishes: &[Wish], facts: &Facts) -> Result<Plan, Error> {
        let user = stack.scope == Scope::User;
        let unix_times = init_version(facts).is_some_and(|version| version >= UNIX_TIMES_SINCE);
        let mut plan = Plan { user, unix_times, ..Plan::default() };
        let actions = plan.sort(wishes)?;
        let any = |of: fn(Action) -> bool| wishes.iter().any(|wish| of(wish.action));
        // Those that need others go before them.
        for (at, actions) in actions.iter().enumerate().rev() {
            actions.iter().for_each(|&action| plan.stop(at, action));
            if actions.iter().any(|&action| stops(action)) && !actions.iter().any(|&action| brings_up(action)) {
                plan.halted.push(at);
            }
        }
        // Only now: systemd reads its files again when links to them change, and then it would no longer know how to
        // stop what it has none of.
        for (at, actions) in actions.iter().enumerate() {
            if actions.contains(&Action::Remove) {
                let task = plan.task(at, Deed::Forget, &["disable", "--no-reload"]);
                plan.stops.push(task);
            }
        }
        if any(needs_reload) {
            plan.reload = Some(plan.systemctl(&["daemon-reload"], RELOAD_TIMEOUT_MS));
        }
        if any(brings_up) {
            plan.prepare(stack, facts)?;
        }
        for (at, actions) in actions.iter().enumerate() {
            actions.iter().for_each(|&action| plan.act(at, action));
        }
        Ok(plan)
    }

    /// Finds the units, and what is wished of each.
    fn sort(&mut self, wishes: &[Wish]) -> Result<Vec<Vec<Action>>, Error> {
        let mut actions: Vec<Vec<Action>> = Vec::new();
        let mut index = Index::new();
        for Wish { unit, action } in wishes {
            if !names::is_unit(unit) {
                return Err(refuse("wishes", "systemd.unit", "there is a wish for what is not the name of a unit"));
            }
            let next = actions.len();
            let at = *index.entry(unit.as_str()).or_insert(next);
            if at == next {
                self.units.push(unit.clone());
                actions.push(Vec::new());
            }
            match actions.get_mut(at) {
                Some(of_unit) if !of_unit.contains(action) => of_unit.push(*action),
                Some(_) | None => {}
            }
        }
        Ok(actions)
    }

    /// Returns the commands that look at all units: one, unless there are more than one command can have words.
    pub(super) fn show(&self) -> Vec<Command> {
        self.units.chunks(LOOKED_AT_ONCE).map(|units| self.look(units)).collect()
    }

    fn look(&self, units: &[String]) -> Command {
        let mut properties = format!("--property={}", PROPERTIES.join(","));
        let mut words = vec!["show"];
        if self.unix_times {
            words.push("--timestamp=unix");
            properties.push_str(&format!(",{SINCE}"));
        }
        words.extend([properties.as_str(), "--"]);
        words.extend(units.iter().map(String::as_str));
        Command { mutates: false, ..self.systemctl(&words, LOOK_TIMEOUT_MS) }
    }

    fn stop(&mut self, at: usize, action: Action) {
        let deed = match action {
            Action::Stop => Deed::Stop,
            Action::Remove => Deed::Forget,
            Action::Start
            | Action::Restart
            | Action::Reload
            | Action::Enable
            | Action::Disable
            | Action::Status
            | Action::Logs => return,
        };
        let task = self.task(at, deed, &["stop"]);
        self.stops.push(task);
        let timed = self.units.get(at).and_then(|unit| unit.strip_suffix(".timer"));
        if let (Deed::Forget, Some(service)) = (deed, timed) {
            // What the timer started goes with it: its files are gone as well.
            let words = ["stop", "--", &names::UnitKind::Service.of(service)].map(str::to_owned);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let command = self.systemctl(&words, UNIT_TIMEOUT_MS);
            self.stops.push(Task { unit: Some(at), deed, command });
        }
    }

    /// Makes accounts and temporary files, of this stack alone, where it has any.
    fn prepare(&mut self, stack: &Stack, facts: &Facts) -> Result<(), Error> {
        let unreadable =
            |problems: Vec<Error>| problems.into_iter().next().unwrap_or_else(|| Error::invalid("systemd.config", ""));
        let accounts = config::stack(&stack.config).map_err(unreadable)?;
        let accounts = !accounts.users.is_empty() || !accounts.groups.is_empty();
        let temporary = stack.services.iter().any(|service| {
            config::service(&service.name, &service.config).is_ok_and(|config| !config.tmpfiles.is_empty())
        });
        if !accounts && !temporary {
            return Ok(());
        }
        let layout = Layout::of(stack, facts)?;
        if accounts && !self.user {
            self.acts.push(prepare("systemd-sysusers", vec![layout.sysusers().to_owned()]));
        }
        if temporary {
            let mut words = vec!["--create".to_owned()];
            if self.user {
                words.insert(0, "--user".to_owned());
            }
            words.push(layout.tmpfiles().to_owned());
            self.acts.push(prepare("systemd-tmpfiles", words));
        }
        Ok(())
    }

    fn act(&mut self, at: usize, action: Action) {
        let (deed, verb) = match action {
            Action::Start => (Deed::Start, "start"),
            Action::Restart => (Deed::Restart, "restart"),
            // What cannot reload has to know of its new configuration all the same.
            Action::Reload => (Deed::Reload, "reload-or-restart"),
            Action::Enable => (Deed::Enable, "enable"),
            Action::Disable => (Deed::Disable, "disable"),
            // A failed unit is remembered, its files gone or not.
            Action::Remove => (Deed::Forget, "reset-failed"),
            Action::Logs => return self.logs(at),
            Action::Stop | Action::Status => return,
        };
        let task = self.task(at, deed, &[verb]);
        self.acts.push(task);
    }

    fn logs(&mut self, at: usize) {
        let unit = self.units.get(at).map_or("", String::as_str);
        let which = if self.user { format!("--user-unit={unit}") } else { format!("--unit={unit}") };
        let words = ["journalctl", "--no-pager", "--output=short-iso", LOG_LINES, &which];
        let command = command(&words, LOOK_TIMEOUT_MS, false);
        self.acts.push(Task { unit: Some(at), deed: Deed::Logs, command });
    }

    /// Names a command on a unit.
    fn task(&self, at: usize, deed: Deed, verb: &[&str]) -> Task {
        let mut words = verb.to_vec();
        words.push("--");
        words.extend(self.units.get(at).map(String::as_str));
        Task { unit: Some(at), deed, command: self.systemctl(&words, UNIT_TIMEOUT_MS) }
    }

    fn systemctl(&self, words: &[&str], timeout_ms: u32) -> Command {
        let mut all = vec!["systemctl"];
        if self.user {
            all.push("--user");
        }
        all.extend(words);
        command(&all, timeout_ms, true)
    }
}

impl Deed {
    /// Tells whether this would be done with what was there before, if systemd did not read its files again.
    pub(super) fn needs_reload(self) -> bool {
        match self {
            Deed::Start | Deed::Restart | Deed::Enable | Deed::Forget => true,
            Deed::Prepare(_) | Deed::Reload | Deed::Stop | Deed::Disable | Deed::Logs => false,
        }
    }

    /// Says that it failed.
    pub(super) fn failed(self, why: &str, started: bool) -> String {
        match self {
            Deed::Enable if started => format!("restarted but enable failed: {why}"),
            Deed::Enable => format!("enable failed: {why}"),
            Deed::Disable => format!("disable failed: {why}"),
            Deed::Logs => format!("its log cannot be read: {why}"),
            Deed::Prepare(program) => format!("{program} failed: {why}"),
            Deed::Start | Deed::Restart | Deed::Reload | Deed::Stop | Deed::Forget => why.to_owned(),
        }
    }
}

/// Tells whether a wish is about files that may have changed.
fn needs_reload(action: Action) -> bool {
    match action {
        Action::Start | Action::Restart | Action::Enable | Action::Remove => true,
        Action::Stop | Action::Reload | Action::Disable | Action::Status | Action::Logs => false,
    }
}

fn stops(action: Action) -> bool {
    matches!(action, Action::Stop | Action::Remove)
}

/// Tells whether a unit is to run afterwards.
fn brings_up(action: Action) -> bool {
    matches!(action, Action::Start | Action::Restart | Action::Reload)
}

fn prepare(program: &'static str, words: Vec<String>) -> Task {
    let all: Vec<&str> = [program].into_iter().chain(words.iter().map(String::as_str)).collect();
    Task { unit: None, deed: Deed::Prepare(program), command: command(&all, RELOAD_TIMEOUT_MS, true) }
}

fn command(words: &[&str], timeout_ms: u32, mutates: bool) -> Command {
    Command { argv: words.iter().map(|&word| word.to_owned()).collect(), stdin: String::new(), timeout_ms, mutates }
}
