//! The secrets of many stacks, looked for together: each resolver is asked once for all that any of them refers to, as long as
//! it is set up alike for them. What is missing for one stack is that stack's own failure.

use super::{Answer, Origin, Outcome, Vault, ask, complaints};
use crate::cmd::service::Stopped;
use crate::cmd::service::plugins::{Plugins, Setting};
use crate::cmd::service::prepare::Program;
use crate::ui::Ui;
use crate::ui::hidden::hide;
use punix_diag::{Diagnostic, Span};
use punix_model::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// What was looked for so far in this run, by who was asked and how he was set up, and by reference.
pub(in crate::cmd::service) type Known = BTreeMap<(Setting, String), Answer>;

/// What the secrets of one stack are, and what they are looked up with.
pub(in crate::cmd::service) struct Needs {
    pub(super) plugins: Plugins,
    pub(super) slots: Vec<Slot>,
    /// Where each is first referred to.
    pub(super) places: Vec<Span>,
}

impl Needs {
    /// Finds out what a stack refers to. No target is asked, and nobody for a secret.
    pub(in crate::cmd::service) fn of(ui: &Ui, program: &Program, stack: &str) -> Result<Needs, Stopped> {
        let (slots, places) = program.slots(stack)?;
        Ok(Needs { plugins: program.plugins(ui)?, slots, places })
    }
}

/// What became of looking for the secrets of one stack: an answer for each, and what is wrong with them.
pub(in crate::cmd::service) struct Looked {
    pub(in crate::cmd::service) answers: Vec<Answer>,
    pub(in crate::cmd::service) errors: Vec<Diagnostic>,
}

/// Looks for the secrets of many stacks before the first of them is deployed, and says of each what is wrong with its own.
/// Whoever resolves them afterwards in the same run finds them known: nobody is asked twice.
pub(in crate::cmd::service) fn find_all(vault: Option<&Vault>, stacks: &[&Needs]) -> Vec<Result<(), Stopped>> {
    let done = |looked: Looked| if looked.errors.is_empty() { Ok(()) } else { Err(Stopped::By(looked.errors)) };
    look_all(vault, stacks).into_iter().map(done).collect()
}

/// The same, for whoever wants to know more than what is wrong.
pub(in crate::cmd::service) fn look_all(vault: Option<&Vault>, stacks: &[&Needs]) -> Vec<Looked> {
    let asking: Vec<(&Plugins, &[Slot])> =
        stacks.iter().map(|needs| (&needs.plugins, needs.slots.as_slice())).collect();
    let answers = look_up(vault, &asking);
    let one = |(needs, answers): (&&Needs, Vec<Answer>)| {
        let errors = complaints(&answers, &needs.slots, &needs.places, vault, &needs.plugins);
        Looked { answers, errors }
    };
    stacks.iter().zip(answers).map(one).collect()
}

/// Looks for the secrets of slots, each with the plugins of its stack; an answer for each.
pub(super) fn look_up(vault: Option<&Vault>, stacks: &[(&Plugins, &[Slot])]) -> Vec<Vec<Answer>> {
    if stacks.iter().any(|(_, slots)| !slots.is_empty()) {
        // It takes two milliseconds, which whoever has no secrets does not wait for.
        punix_target::stay_in_memory();
    }
    // Held from the first look to the last answer: whoever comes meanwhile waits, and finds them.
    let mut alone = Known::new();
    let mut held = vault.map(Vault::found);
    let known = held.as_deref_mut().unwrap_or(&mut alone);
    let mut wanted: BTreeMap<Setting, (&Plugins, BTreeSet<&str>)> = BTreeMap::new();
    for (plugins, slots) in stacks {
        for slot in *slots {
            let (kind, reference) = parts(&slot.name);
            let setting = plugins.setting(kind);
            if !known.contains_key(&(setting.clone(), reference.to_owned())) {
                wanted.entry(setting).or_insert_with(|| (plugins, BTreeSet::new())).1.insert(reference);
            }
        }
    }
    for (setting, (plugins, references)) in wanted {
        let references: Vec<String> = references.into_iter().map(str::to_owned).collect();
        let answers = ask(plugins, vault, setting.kind(), &references);
        hide(answers.iter().filter_map(|answer| match &answer.outcome {
            Outcome::Found(resolved) => Some(&resolved.value),
            Outcome::Missing(_) | Outcome::Failed(_) | Outcome::Unasked(_) => None,
        }));
        known.extend(references.into_iter().map(|reference| (setting.clone(), reference)).zip(answers));
    }
    let nothing = || Answer { outcome: Outcome::Missing(None), origin: Origin::Nowhere, by: None };
    let answer = |plugins: &Plugins, slot: &Slot| {
        let (kind, reference) = parts(&slot.name);
        known.get(&(plugins.setting(kind), reference.to_owned())).cloned().unwrap_or_else(nothing)
    };
    stacks.iter().map(|(plugins, slots)| slots.iter().map(|slot| answer(plugins, slot)).collect()).collect()
}

/// Returns the kind of a secret, and what its resolver is asked for.
fn parts(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}
