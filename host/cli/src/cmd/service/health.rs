//! Watching what was started, by the health gates of its services, until all have passed or one has failed.

use super::Stopped;
use super::activate::{self, Units};
use super::commit::Teller;
use super::hands::Hands;
use super::site::Site;
use super::words::seen;
use punix_deploy::{Gate, GateProbe, Next, Watch};
use punix_model::{Command, RunState, Unit};
use punix_target::{Asked, Door, Running};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long one try may take.
const TRY_MS: u32 = 10_000;
/// How much of what a try said is shown.
const SAID_CHARACTERS_MAX: usize = 400;

/// A gate that did not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) service: String,
    pub(crate) gate: String,
    /// What the last try said.
    pub(crate) said: String,
}

impl Closed {
    pub(super) fn name(&self) -> String {
        format!("{} ({})", self.service, self.gate)
    }

    pub(super) fn json(&self) -> Value {
        json!({ "service": self.service, "gate": self.gate, "said": self.said })
    }
}

/// Watches. Returns the gates that did not open, after all have been decided.
pub(super) fn watch(
    teller: Teller<'_>,
    site: &Site<'_>,
    hands: &Hands<'_>,
    units: &Units<'_>,
    rows: &[Unit],
    gates: &[Gate],
) -> Result<Vec<Closed>, Stopped> {
    let begun = Instant::now();
    let now = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut watches: Vec<(&Gate, Watch)> = gates.iter().map(|gate| (gate, Watch::new(gate.timing))).collect();
    loop {
        let due = watches.iter_mut().filter_map(|(gate, watch)| match watch.next() {
            Next::TryAt(at) => Some((*at, *gate, watch)),
            Next::Passed | Next::Failed(_) => None,
        });
        let Some((at, gate, watch)) = due.min_by_key(|(at, ..)| *at) else { break };
        std::thread::sleep(Duration::from_millis(at.saturating_sub(now())));
        let (is_good, said) = attempt(site.door, hands, units, rows, gate)?;
        watch.hear(now(), is_good, &said);
    }
    let mut closed = Vec::new();
    for (gate, watch) in watches {
        let (service, name) = (gate.service.clone(), gate.probe.name());
        let failed = match watch.next() {
            Next::Failed(said) => Some(said.clone()),
            Next::Passed | Next::TryAt(_) => None,
        };
        teller.event(&json!({ "event": "health", "service": service, "gate": name, "ok": failed.is_none() }));
        if let Some(said) = failed {
            let said = units.redactor.clean(&said).into_owned();
            closed.push(Closed { service, gate: name, said: cut(&seen(&said)) });
        }
    }
    Ok(closed)
}

/// Tries a gate once.
fn attempt(
    door: &dyn Door,
    hands: &Hands<'_>,
    units: &Units<'_>,
    rows: &[Unit],
    gate: &Gate,
) -> Result<(bool, String), Stopped> {
    match &gate.probe {
        GateProbe::Http { host, port, path } => {
            let asked = Asked { host: host.clone(), port: *port, path: path.clone(), patience_ms: TRY_MS };
            let answered = door.probe(&asked)?;
            Ok((answered.is_good, answered.said))
        }
        GateProbe::Command(words) => {
            let command = Command { argv: words.clone(), stdin: String::new(), timeout_ms: TRY_MS, mutates: false };
            let ran = door.run(&Running { commands: vec![command], stops: false, systemctl: None })?;
            let Some(ran) = ran.into_iter().next() else { return Ok((false, "it was not run".to_owned())) };
            let words = if ran.stderr.trim().is_empty() { ran.stdout } else { ran.stderr };
            Ok((ran.code == 0, format!("exit code {}: {}", ran.code, words.trim())))
        }
        GateProbe::Unit => {
            let of_service = rows.iter().filter(|unit| unit.service == gate.service && unit.name.ends_with(".service"));
            let names: Vec<String> = of_service.map(|unit| unit.name.clone()).collect();
            let found = activate::statuses(units, hands, names.into_iter())?;
            let bad = found.iter().find(|status| status.state != RunState::Running);
            Ok(match bad {
                Some(status) => {
                    (false, format!("{} is {}: {}", status.unit, super::words::state(status.state), status.detail))
                }
                None => (true, "it runs".to_owned()),
            })
        }
    }
}

fn cut(said: &str) -> String {
    match said.char_indices().nth(SAID_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}…", said.get(..at).unwrap_or_default()),
        None => said.to_owned(),
    }
}
