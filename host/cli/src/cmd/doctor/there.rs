//! Another machine: whether there is a way to it, and what a deploy would need there.

use super::here::{RECOVERY, lost_recovery, units};
use super::{Finding, State};
use crate::args::doctor::Doctor;
use crate::cmd::service::Stopped;
use crate::places;
use crate::ui::Ui;
use crate::way::{self, Remote, WayOptions};
use punix_model::Command;
use punix_target::{Door, Machine, Opening, Running};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long others are waited for, and one command there.
const WAIT: Duration = Duration::from_secs(10);
const COMMAND_MS: u32 = 10_000;
/// Seconds by which clocks may differ.
const SKEW_MAX: u64 = 60;
const ROOT: u32 = 0;
/// Whether a directory can be written to, or made: what is there of the way to it is asked.
const CAN_WRITE: &str =
    "d=$1; while [ ! -e \"$d\" ]; do d=${d%/*}; [ -n \"$d\" ] || d=/; done; [ -d \"$d\" ] && [ -w \"$d\" ]";

pub(super) fn look(ui: &Ui, args: &Doctor, target: &str) -> Vec<Finding> {
    match examine(ui, args, target) {
        Ok(findings) => findings,
        // A file that the command line names; it has no code.
        Err(Stopped::Usage { message, help }) => {
            vec![Finding { what: "way", state: State::Lack, says: message, fix: help.into_iter().collect() }]
        }
        Err(stopped) => {
            let errors = stopped.into_diagnostics().into_iter();
            errors.map(|error| Finding::from_error("way", error)).collect()
        }
    }
}

fn examine(ui: &Ui, args: &Doctor, target: &str) -> Result<Vec<Finding>, Stopped> {
    let remote = Remote::parse(target)?;
    let options = WayOptions {
        key: args.way.key.clone(),
        known_hosts: args.way.known_hosts.clone(),
        target_bin: args.way.target_bin.clone(),
        becomes: args.way.becomes,
    };
    let deployments = places::named_deployments_root(args.deployments_root.as_deref());
    let opening =
        Opening { root: Path::new("/"), deployments: deployments.as_deref(), command: "punix doctor", wait: WAIT };
    let way = way::open(ui, &remote, &options, &opening)?;
    let door = way.door();
    let machine = door.machine()?;
    let mut findings = vec![
        Finding::well("way", format!("`{}` on `{}`, over one connection", machine.user, machine.hostname)),
        system(&machine),
    ];
    findings.extend(store(door, args)?);
    findings.push(deployments_on(door)?);
    findings.extend(units(&machine));
    findings.extend(recovery(door, &machine)?);
    findings.push(clock(&machine));
    Ok(findings)
}

fn system(machine: &Machine) -> Finding {
    let ours = crate::machine::system();
    match machine.system == ours {
        true => Finding::well("system", machine.system.clone()),
        false => Finding::lack(
            "system",
            format!("{}, and packages are built for {ours} here", machine.system),
            "deploy from a machine of its kind; stacks without packages can be deployed from here",
        ),
    }
}

/// Asks a question that is answered by how a program ends.
fn ask(door: &dyn Door, argv: &[&str]) -> Result<bool, Stopped> {
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    let command = Command { argv, stdin: String::new(), timeout_ms: COMMAND_MS, mutates: false };
    let answers = door.run(&Running { commands: vec![command], stops: true, systemctl: None })?;
    Ok(answers.first().is_some_and(|answer| answer.code == 0))
}

fn can_write(door: &dyn Door, place: &str) -> Result<bool, Stopped> {
    ask(door, &["sh", "-c", CAN_WRITE, "sh", place])
}

/// Packages go to the place that they have here.
fn store(door: &dyn Door, args: &Doctor) -> Result<Option<Finding>, Stopped> {
    let Ok(root) = places::store(args.root.store_root.as_deref()) else { return Ok(None) };
    let root = std::path::absolute(&root).unwrap_or(root);
    let place = root.to_string_lossy().into_owned();
    let found = match can_write(door, &place)? {
        true => Finding::well("store", format!("packages can be put into `{place}`, as here")),
        false => Finding::lack(
            "store",
            format!("packages cannot be put into `{place}`, where they are here"),
            "work there as somebody who may (`--become sudo`), or keep the store here where both may: `--store-root`",
        ),
    };
    Ok(Some(found))
}

fn deployments_on(door: &dyn Door) -> Result<Finding, Stopped> {
    let root = door.layout().root().to_string();
    Ok(match can_write(door, &root)? {
        true => Finding::well("deployments", format!("`{root}` can be written to")),
        false => Finding::lack(
            "deployments",
            format!("`{root}` cannot be written to"),
            "become root there with `--become sudo`, or name another place with `--deployments-root`",
        ),
    })
}

fn recovery(door: &dyn Door, machine: &Machine) -> Result<Option<Finding>, Stopped> {
    if machine.init_version.is_none() || machine.uid != ROOT {
        return Ok(None);
    }
    let stacks = door.stacks()?.len();
    let is_there = ask(door, &["test", "-L", RECOVERY])?;
    Ok(Some(match (stacks, is_there) {
        (_, true) => {
            Finding::well("recovery", format!("{stacks} stack(s); what a power cut interrupts is mended at boot"))
        }
        (0, false) => Finding::well("recovery", "nothing is deployed; what mends at boot comes with the first stack"),
        (_, false) => lost_recovery(),
    }))
}

fn clock(machine: &Machine) -> Finding {
    let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match here.abs_diff(machine.clock) {
        0..=SKEW_MAX => Finding::well("clock", "it goes with that of this machine"),
        seconds => Finding::note(
            "clock",
            format!("it differs by {seconds} seconds from that of this machine"),
            "set both by NTP: times in records, certificates and credentials depend on it",
        ),
    }
}
