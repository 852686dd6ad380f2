//! Changes of what a policy says of one plugin, as small steps: they are decided here, on what the policy means, and done
//! twice, on the meaning and on the text. `amend.rs` compares the two.

use super::given::{Given, all, set_flag};
use punix_plugin::limits::Wishes;
use punix_plugin::{Digest, Grant, Key, Kind, Table};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// For which component all the rest is.
    Chosen {
        sha256: Digest,
        source: String,
    },
    /// Behind what is granted of its kind; once, if it is either given or not.
    Grant(Given),
    /// By its place among those of its kind, which move up.
    Take(Kind, usize),
    /// Of what is either given or not.
    TakeFlag(Kind),
    Refuse(Key),
    /// A refusal no longer counts.
    Lift(Key),
    /// `None` for what is usual.
    Limit(&'static str, Option<u32>),
}

/// Returns what it takes to grant something: nothing if it is granted already.
pub(super) fn to_grant(table: &Table, given: &Given) -> Vec<Step> {
    let mut steps: Vec<Step> = table.deny.get(&given.key()).cloned().map(Step::Lift).into_iter().collect();
    let present = all(&table.grant);
    if present.iter().any(|(_, entry)| entry == given || (entry.covers(given) && !given.replaces(entry))) {
        return steps;
    }
    let outdated = |entry: &Given| given.covers(entry) || given.replaces(entry);
    steps.extend(take(present.iter().filter(|(_, entry)| outdated(entry))));
    steps.push(Step::Grant(given.clone()));
    steps
}

/// Returns what it takes to have these entries granted no more.
pub(super) fn to_take(table: &Table, outdated: impl Fn(&Given) -> bool) -> Vec<Step> {
    take(all(&table.grant).iter().filter(|(_, entry)| outdated(entry)))
}

/// The last go first, so that places stay right.
fn take<'a>(entries: impl DoubleEndedIterator<Item = &'a (usize, Given)>) -> Vec<Step> {
    let step = |(index, entry): &(usize, Given)| match entry {
        Given::Flag(kind) => Step::TakeFlag(*kind),
        Given::Http(_) | Given::Env(_) | Given::Files(_) | Given::Process(_) | Given::Spawn(_) => {
            Step::Take(entry.kind(), *index)
        }
    };
    entries.rev().map(step).collect()
}

/// Does a step on what a policy means.
pub(super) fn apply(table: &mut Table, step: &Step) {
    match step {
        Step::Chosen { sha256, source } => {
            table.sha256 = Some(*sha256);
            table.source = Some(source.clone());
        }
        Step::Grant(given) => given.clone().put(&mut table.grant),
        Step::Take(kind, index) => remove(&mut table.grant, *kind, *index),
        Step::TakeFlag(kind) => set_flag(&mut table.grant, *kind, false),
        Step::Refuse(key) => drop(table.deny.insert(key.clone())),
        Step::Lift(key) => drop(table.deny.remove(key)),
        Step::Limit(name, value) => table.limits = with_limit(&table.limits, name, *value),
    }
}

fn remove(grant: &mut Grant, kind: Kind, index: usize) {
    fn at<T>(list: &mut Option<Vec<T>>, index: usize) {
        if let Some(list) = list.as_mut().filter(|list| index < list.len()) {
            list.remove(index);
        }
    }
    match kind {
        Kind::Http => at(&mut grant.http, index),
        Kind::Env => at(&mut grant.env, index),
        Kind::Files => at(&mut grant.files, index),
        Kind::Process => at(&mut grant.process, index),
        Kind::Spawn => at(&mut grant.spawn, index),
        Kind::Ssh | Kind::Here | Kind::Clock | Kind::Seal | Kind::Reveal => {}
    }
}

/// The fields are made by a macro, so they are reached by the names that they have in files.
fn with_limit(wishes: &Wishes, name: &str, value: Option<u32>) -> Wishes {
    let mut fields = serde_json::to_value(wishes).unwrap_or_default();
    if let Some(fields) = fields.as_object_mut() {
        fields.remove(name);
        fields.extend(value.map(|value| (name.to_owned(), value.into())));
    }
    serde_json::from_value(fields).unwrap_or(*wishes)
}

#[cfg(test)]
mod tests;
