//! A fleet that was read, which of its hosts are meant, and where each of them is.

use super::super::place::{self, Place};
use super::super::plugins;
use super::super::prepare::base_of;
use super::super::{Stopped, words::seen};
use crate::args::fleet::{Choosing, FleetReach};
use crate::cmd::check::fail;
use crate::load::load;
use crate::ui::Ui;
use punix_deploy::{Fleet, FleetHost, Model, fleet_collision, fleet_directory, read_fleet, read_hosts};
use punix_diag::{Code, Diagnostic, SourceMap};
use punix_pcl::check;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a fleet is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Programs are made with what the fleet says of its machines.
    Deploys,
    /// Only where hosts are has to be known: whoever goes back is not stopped by the model of today.
    Asks,
}

/// A fleet, and what is known of it before any host is looked at.
pub(super) struct Crew {
    pub(super) fleet: Fleet,
    sources: SourceMap,
    /// Where what is relative in it begins.
    pub(super) base: PathBuf,
    /// The scenarios that the fleet's own file declares.
    pub(super) scenarios: Vec<String>,
    /// Which hosts are meant, by their places in the file.
    chosen: Vec<bool>,
}

impl Crew {
    /// Reads a fleet.
    pub(super) fn read(ui: &Ui, path: &Path, choosing: &Choosing, purpose: Purpose) -> Result<Crew, Stopped> {
        let texts = load(path).map_err(|error| Stopped::Usage { message: error.to_string(), help: None })?;
        let base = base_of(path);
        let world = plugins::world(ui, Path::new("."), base)?;
        let checked = check(texts, &world);
        let sources = &checked.program.ast.sources;
        if checked.has_errors() {
            return Err(Stopped::Told(fail(ui, &checked.diagnostics, checked.dropped, sources)));
        }
        if !ui.json {
            ui.show(&checked.diagnostics, checked.dropped, sources);
        }
        let fleet = match purpose {
            Purpose::Deploys => read_fleet(&checked),
            Purpose::Asks => read_hosts(&checked).map(|hosts| Fleet { hosts, model: Model::default() }),
        };
        let fleet = fleet.map_err(|errors| Stopped::Told(fail(ui, &errors, 0, sources)))?;
        if let Some(error) = twice(&fleet.hosts) {
            return Err(Stopped::Told(fail(ui, &[error], 0, sources)));
        }
        let chosen = chosen(&fleet.hosts, &choosing.only)?;
        let scenarios =
            checked.program.scenarios().map(|(_, it)| checked.program.ast.text(it.name).to_owned()).collect();
        let sources = checked.program.ast.sources;
        Ok(Crew { fleet, base: base.to_owned(), sources, scenarios, chosen })
    }

    pub(super) fn sources(&self) -> &SourceMap {
        &self.sources
    }

    pub(super) fn len(&self) -> usize {
        self.fleet.hosts.len()
    }

    /// Returns a host by its place in the file.
    pub(super) fn host(&self, place: usize) -> &FleetHost {
        &self.fleet.hosts[place]
    }

    /// Returns those of a sequence that are meant: no more than somebody wants.
    pub(super) fn meant(&self, sequence: impl Iterator<Item = usize>, limit: Option<u32>) -> Vec<usize> {
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        sequence.filter(|place| self.chosen.get(*place) == Some(&true)).take(limit).collect()
    }

    pub(super) fn has_stack(&self, stack: &str) -> bool {
        self.fleet.hosts.iter().any(|host| host.stack == stack)
    }

    /// Leaves out hosts besides.
    pub(super) fn keep(&mut self, is_meant: impl Fn(&FleetHost) -> bool) {
        for (chosen, host) in self.chosen.iter_mut().zip(&self.fleet.hosts) {
            *chosen = *chosen && is_meant(host);
        }
    }

    /// Refuses a fleet of which two hosts would be one below a root.
    pub(super) fn can_be_below(&self, ui: &Ui, reach: &FleetReach) -> Result<(), Stopped> {
        if reach.transport_root.is_none() {
            return Ok(());
        }
        if let Some(option) = reach.idle() {
            ui.say(&format!("note: with --transport-root nobody is reached over ssh, so `{option}` is not used"));
        }
        let targets = self.fleet.hosts.iter().map(|host| host.target.as_str());
        match fleet_collision(targets) {
            None => Ok(()),
            Some((one, other, directory)) => {
                let (one, other, directory) = (seen(&one), seen(&other), seen(&directory));
                let message = format!("fleet targets '{one}' and '{other}' both map to transport subdir '{directory}'");
                Err(Stopped::usage(message, "rename one of them, or deploy them below different roots with `--only`"))
            }
        }
    }

    /// Returns where a host is.
    pub(super) fn place(&self, host: usize, reach: &FleetReach, is_rehearsal: bool) -> Result<Place, Stopped> {
        let target = self.host(host).target.as_str();
        match &reach.transport_root {
            Some(root) => {
                let directory = root.join(fleet_directory(target));
                place::place(&reach.reach(None, Some(directory)), is_rehearsal)
            }
            None => place::place(&reach.reach(Some(target), None), is_rehearsal),
        }
    }
}

/// Says that one stack is on one target twice: each of the two would undo what the other did.
fn twice(hosts: &[FleetHost]) -> Option<Diagnostic> {
    let mut known: BTreeMap<(&str, &str), &FleetHost> = BTreeMap::new();
    for host in hosts {
        let Some(first) = known.insert((&host.target, &host.stack), host) else { continue };
        let (stack, target) = (seen(&host.stack), seen(&host.target));
        let message = format!("the stack `{stack}` is on the target `{target}` twice");
        let error = Diagnostic::error(Code::E6, message).at(host.at).note_at(first.at, "it is here first");
        return Some(error.help("take one of the two out"));
    }
    None
}

/// Returns which hosts are meant by words; each word has to mean one at least.
fn chosen(hosts: &[FleetHost], only: &[String]) -> Result<Vec<bool>, Stopped> {
    if only.is_empty() {
        return Ok(vec![true; hosts.len()]);
    }
    if let Some(word) = only.iter().find(|word| !hosts.iter().any(|host| is_meant(host, word))) {
        let message = format!("`--only {}` means no host of this fleet", seen(word));
        return Err(Stopped::usage(message, "name a stack, a machine, a target or its host"));
    }
    Ok(hosts.iter().map(|host| only.iter().any(|word| is_meant(host, word))).collect())
}

fn is_meant(host: &FleetHost, word: &str) -> bool {
    let target = host.target.as_str();
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let name = place.rsplit_once(':').map_or(place, |(name, _)| name);
    host.stack == word || host.machine.as_deref() == Some(word) || [target, rest, place, name].contains(&word)
}
