//! The secrets of all hosts, looked up before the first of them is touched: whoever is asked is asked once. A host that lacks
//! some has failed by that, and the others go on.

use super::super::secrets::{Needs, Vault, find_all};
use super::crew::Crew;
use super::failure::Failure;
use super::ready::Programs;
use crate::ui::Ui;
use std::collections::BTreeSet;

/// Looks up the secrets of some hosts. What is found is kept with the vault; whoever lacks any is no longer ready.
pub(super) fn find(ui: &Ui, crew: &Crew, vault: Option<&Vault>, places: &[usize], programs: &mut Programs) {
    let (kept_ui, kept) = ui.keeping();
    let kept_ui = kept_ui.into_data();
    let mut needs: Vec<(usize, Needs)> = Vec::new();
    for &place in places {
        // What is wrong with the stack itself is told when its turn comes.
        if let Ok(Ok(of)) = programs.with(place, |program| Needs::of(&kept_ui, program, &crew.host(place).stack)) {
            needs.push((place, of));
        }
    }
    let asked: Vec<&Needs> = needs.iter().map(|(_, needs)| needs).collect();
    let found = find_all(vault, &asked);
    for ((place, _), found) in needs.iter().zip(found) {
        if let Err(stopped) = found {
            programs.fail(*place, |program| Some(Failure::of(ui, stopped, program.sources())));
        }
    }
    let said = kept.take();
    let mut heard = BTreeSet::new();
    for line in said.conversation.lines().filter(|line| !line.is_empty()) {
        if heard.insert(line) && !ui.json {
            ui.say(line);
        }
    }
}
