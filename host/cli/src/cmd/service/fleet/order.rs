//! In which order hosts go: from what they give each other, which is found out by composing their stacks alone. What they give
//! is known with it, before the first host is looked at.

use super::super::Stopped;
use super::crew::Crew;
use super::failure::Failure;
use super::ready::Programs;
use crate::cmd::check::fail;
use crate::ui::Ui;
use punix_deploy::{Artifacts, HostLinks, Links, Order, Upstream, artifact_values, fleet_order};
use std::path::Path;

/// The order of a fleet's hosts, and what they give each other.
pub(super) struct Ordered {
    order: Order,
    pub(super) artifacts: Artifacts,
}

impl Ordered {
    /// Returns the places of hosts in the file, in the order in which they go.
    pub(super) fn sequence(&self) -> impl Iterator<Item = usize> {
        self.order.sequence.iter().copied()
    }

    /// Returns whom a host takes something from.
    pub(super) fn upstream(&self, place: usize) -> &[Upstream] {
        self.order.upstream(place)
    }

    /// Returns the order of some hosts alone, in which they are called by their places in this list.
    pub(super) fn only(&self, places: &[usize]) -> Order {
        self.order.only(places)
    }
}

/// Finds the order of all hosts. Whoever cannot give what the program says has failed by that.
pub(super) fn of(ui: &Ui, crew: &Crew, programs: &mut Programs, certs: Option<&Path>) -> Result<Ordered, Stopped> {
    // Who cannot be composed gives and takes nothing; why not is told when its turn comes.
    let links: Vec<Option<Links>> = (0..crew.len()).map(|place| links(crew, programs, place)).collect();
    let given = links.iter().enumerate().map(|(place, links)| HostLinks {
        machine: crew.host(place).machine.as_deref(),
        links: links.as_ref(),
        at: crew.host(place).at,
    });
    let order = fleet_order(&given.collect::<Vec<_>>());
    let order = order.map_err(|errors| Stopped::Told(fail(ui, &errors, 0, crew.sources())))?;
    let mut artifacts = Artifacts::default();
    for (place, links) in links.iter().enumerate() {
        let (Some(links), Some(machine)) = (links, &crew.host(place).machine) else { continue };
        match artifact_values(links, certs) {
            Ok(values) => artifacts.add(machine, values),
            Err(errors) => {
                programs.fail(place, |program| Some(Failure::from_diagnostics(ui, &errors, 0, program.sources())))
            }
        }
    }
    Ok(Ordered { order, artifacts })
}

fn links(crew: &Crew, programs: &Programs, place: usize) -> Option<Links> {
    let stack = crew.host(place).stack.as_str();
    programs.with(place, |program| program.links(stack)).ok()?.ok()
}
