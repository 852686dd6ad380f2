//! Finding the secrets of a stack, all of them before anything is changed. Those that are missing are named together, so
//! that nobody has to come back for each; who could not be asked, or did not answer, is told behind them. No message has a
//! value in it.

pub(super) mod check;
mod fetching;
mod many;

pub(crate) use fetching::{Sourcing, resolve_sources};
pub(super) use many::{Known, Looked, Needs, find_all, look_all};

use super::Stopped;
use super::plugins::{Asked, Plugins};
pub(super) use super::vault::Vault;
use super::vault::{FROM_VAULT, Server, is_open};
use crate::ui::shown;
use punix_diag::{Code, Diagnostic, Span, visible};
use punix_model::{Class, PluginError, Request, Resolved, Resolver, Secret, Slot};
use punix_target::PluginRow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What was found.
pub(super) struct Found {
    /// By slot.
    pub(super) values: Vec<Secret>,
    /// Who found something.
    pub(super) plugins: Vec<PluginRow>,
}

/// What became of looking for one secret.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) origin: Origin,
    /// The plugin that was asked, if one was.
    pub(super) by: Option<PluginRow>,
}

#[derive(Clone)]
pub(super) enum Outcome {
    Found(Resolved),
    /// It is not there. Where more is known than that, it is said.
    Missing(Option<String>),
    Failed(PluginError),
    /// Nobody could be asked.
    Unasked(Vec<Diagnostic>),
}

/// Where a secret is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Environment,
    File(PathBuf),
    /// The file of `--vault-secrets`.
    Export(String),
    /// A server, by its address.
    Server(String),
    Plugin(String),
    Nowhere,
}

/// Finds the secrets of slots. `places` says where each is first referred to.
pub(super) fn resolve(
    plugins: &Plugins,
    vault: Option<&Vault>,
    slots: &[Slot],
    places: &[Span],
) -> Result<Found, Stopped> {
    let answers = look_up(plugins, vault, slots);
    let errors = complaints(&answers, slots, places, vault, plugins);
    if !errors.is_empty() {
        return Err(Stopped::By(errors));
    }
    let (mut values, mut rows) = (Vec::new(), BTreeMap::new());
    for (answer, slot) in answers.into_iter().zip(slots) {
        if let Outcome::Found(resolved) = answer.outcome {
            if let Some(ttl_ms) = resolved.ttl_ms.filter(|ttl_ms| *ttl_ms > 0) {
                let (name, life) = (seen(&slot.name), seconds(ttl_ms));
                plugins.say(&format!(
                    "warning: the secret `{name}` ends in {life}, and nobody renews it: deploy again before"
                ));
            }
            values.push(resolved.value);
        }
        rows.extend(answer.by.map(|row| (row.id.clone(), row)));
    }
    Ok(Found { values, plugins: rows.into_values().collect() })
}

/// Looks for the secrets of slots, whatever comes of it; an answer for each, in their order. Nobody is asked again for what
/// he was asked for already in this run.
pub(super) fn look_up(plugins: &Plugins, vault: Option<&Vault>, slots: &[Slot]) -> Vec<Answer> {
    many::look_up(vault, &[(plugins, slots)]).pop().unwrap_or_default()
}

/// Asks whoever answers a kind; an answer for each reference.
fn ask(plugins: &Plugins, vault: Option<&Vault>, kind: &str, references: &[String]) -> Vec<Answer> {
    let (of, authority, origin) = match kind {
        FROM_VAULT => {
            if let Some(export) = vault.and_then(Vault::export) {
                return exported(&export.name, &export.values, references);
            }
            let Some(server) = Server::of(vault, plugins.settings()) else {
                let answer = Answer { outcome: Outcome::Missing(None), origin: Origin::Nowhere, by: None };
                return vec![answer; references.len()];
            };
            let address = server.address().to_owned();
            if is_open(&address) {
                plugins
                    .say(&format!("warning: what is sent to `{}` can be read on the way: use https", seen(&address)));
            }
            (server.of, server.authority, Origin::Server(address))
        }
        _ => (plugins.settings().of(kind), None, Origin::Nowhere),
    };
    let unasked = |stopped: Stopped| {
        let diagnostics = stopped.into_diagnostics();
        let answer = Answer { outcome: Outcome::Unasked(diagnostics), origin: origin.clone(), by: None };
        vec![answer; references.len()]
    };
    let Asked { resolver, row, config, credentials } = match plugins.resolver(kind, references, of, authority) {
        Ok(asked) => asked,
        Err(stopped) => return unasked(stopped),
    };
    let request = |reference: &String| Request {
        reference: reference.clone(),
        config: config.clone(),
        credentials: credentials.clone(),
    };
    let requests: Vec<Request> = references.iter().map(request).collect();
    let answers = match resolver.resolve_all(&requests) {
        Ok(answers) => answers,
        Err(fault) => return unasked(fault.into()),
    };
    let one = |(reference, answer): (&String, Result<Resolved, PluginError>)| {
        let outcome = match answer {
            Ok(resolved) => Outcome::Found(resolved),
            Err(error) if error.class == Class::NotFound => Outcome::Missing(Some(seen(&error.message))),
            Err(error) => Outcome::Failed(error),
        };
        let origin = match (kind, &origin) {
            ("from_env", _) => Origin::Environment,
            ("from_file", _) => Origin::File(plugins.path(reference)),
            (_, Origin::Nowhere) => Origin::Plugin(row.id.clone()),
            (_, origin) => origin.clone(),
        };
        Answer { outcome, origin, by: Some(row.clone()) }
    };
    references.iter().zip(answers).map(one).collect()
}

fn exported(name: &str, values: &BTreeMap<String, Secret>, references: &[String]) -> Vec<Answer> {
    let one = |reference: &String| {
        let outcome = match values.get(reference) {
            Some(value) => {
                Outcome::Found(Resolved { value: value.clone(), version: None, ttl_ms: None, renewable: false })
            }
            None => Outcome::Missing(Some(format!("it is not in `{name}`"))),
        };
        Answer { outcome, origin: Origin::Export(name.to_owned()), by: None }
    };
    references.iter().map(one).collect()
}

/// Says what is wrong with answers: first, in one line, what is missing.
pub(super) fn complaints(
    answers: &[Answer],
    slots: &[Slot],
    places: &[Span],
    vault: Option<&Vault>,
    plugins: &Plugins,
) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    let missing: Vec<usize> = (0..answers.len())
        .filter(|&place| matches!(answers.get(place), Some(Answer { outcome: Outcome::Missing(_), .. })))
        .collect();
    if !missing.is_empty() {
        let needs_server = vault.and_then(Vault::export).is_none() && Server::of(vault, plugins.settings()).is_none();
        errors.push(unset(answers, slots, places, &missing, needs_server));
    }
    // What one server says of all that it was asked for is said once.
    let mut failed: Vec<(&PluginError, &Answer, Vec<usize>)> = Vec::new();
    let mut unasked: Vec<&Diagnostic> = Vec::new();
    for (place, answer) in answers.iter().enumerate() {
        match &answer.outcome {
            Outcome::Failed(error) => match failed.iter_mut().find(|(known, ..)| *known == error) {
                Some((_, _, all)) => all.push(place),
                None => failed.push((error, answer, vec![place])),
            },
            Outcome::Unasked(diagnostics) => unasked.extend(diagnostics),
            Outcome::Found(_) | Outcome::Missing(_) => {}
        }
    }
    errors.extend(failed.into_iter().map(|(error, answer, all)| unreadable(error, answer, slots, places, &all)));
    for diagnostic in unasked {
        if !errors.contains(diagnostic) {
            errors.push(diagnostic.clone());
        }
    }
    errors
}

fn unset(answers: &[Answer], slots: &[Slot], places: &[Span], missing: &[usize], needs_server: bool) -> Diagnostic {
    let name = |place: usize| slots.get(place).map_or_else(String::new, |slot| seen(&slot.name));
    let names: BTreeSet<String> = missing.iter().map(|&place| name(place)).collect();
    let list: Vec<String> = names.iter().cloned().collect();
    let mut error = Diagnostic::error(Code::E11, format!("secret(s) not set: {}", list.join(", ")));
    for &place in missing {
        let why = match answers.get(place) {
            // Of a variable and a file, that it is not there says all.
            Some(Answer { outcome: Outcome::Missing(Some(why)), origin, .. }) if !origin.is_plain() => {
                format!(": {why}")
            }
            Some(_) | None => String::new(),
        };
        if let Some(span) = places.get(place) {
            error = error.note_at(*span, format!("`{}` is needed here{why}", name(place)));
        } else if !why.is_empty() {
            error = error.note(format!("`{}`{why}", name(place)));
        }
    }
    match needs_server && names.iter().any(|name| name.starts_with(FROM_VAULT)) {
        true => error.help("give `--vault-secrets FILE` for what is in a vault, or the server's address as VAULT_ADDR"),
        false => error,
    }
}

fn unreadable(error: &PluginError, answer: &Answer, slots: &[Slot], places: &[Span], all: &[usize]) -> Diagnostic {
    let names: Vec<String> =
        all.iter().filter_map(|&place| slots.get(place)).map(|slot| format!("`{}`", seen(&slot.name))).collect();
    let what = match names.as_slice() {
        [one] => format!("the secret {one} cannot be read"),
        several => format!("{} secrets cannot be read ({})", several.len(), several.join(", ")),
    };
    let told = Diagnostic::error(Code::E34, format!("{what}: {error}"));
    let told = match all.first().and_then(|&place| places.get(place)) {
        Some(span) => told.at(*span),
        None => told,
    };
    let told = match &answer.origin {
        Origin::Server(address) => told.note(format!("the server is `{}`", seen(address))),
        Origin::Environment | Origin::File(_) | Origin::Export(_) | Origin::Plugin(_) | Origin::Nowhere => told,
    };
    told.help(advice(error, answer))
}

/// Says what to do about a failure, as far as its kind tells.
fn advice(error: &PluginError, answer: &Answer) -> String {
    let is_server = matches!(answer.origin, Origin::Server(_));
    let id = answer.by.as_ref().map_or("", |row| row.id.as_str());
    let of_config = error.at.as_deref().is_some_and(|at| at.starts_with("config"));
    match error.class {
        Class::InvalidInput if of_config && is_server => {
            "it is set by `--vault-address` and its like, VAULT_ADDR and its like, or `[resolver.from_vault]` in \
             `punix.toml`"
                .to_owned()
        }
        Class::InvalidInput if of_config => "it is set in `punix.toml`".to_owned(),
        Class::Transient if is_server => {
            "try it again; if it stays so, look whether the server is there, unsealed, and reached from here".to_owned()
        }
        Class::Transient => "it may work if it is tried again".to_owned(),
        Class::Denied if error.code.starts_with("vault.") => {
            "nothing was changed; log in anew, or ask whoever runs the \
                                                              server"
                .to_owned()
        }
        Class::Denied if !id.is_empty() => {
            format!("whoever runs `punix` has to be allowed to read it; `punix plugin audit` shows what `{id}` may do")
        }
        Class::InvalidInput | Class::NotFound | Class::Denied | Class::Permanent | Class::Unsupported => {
            "`punix explain E34` says what to look at".to_owned()
        }
    }
}

impl Origin {
    /// Returns what people are told.
    fn words(&self) -> String {
        match self {
            Origin::Environment => "the environment".to_owned(),
            Origin::File(path) => shown(path),
            Origin::Export(name) => format!("{name} (--vault-secrets)"),
            Origin::Server(address) => seen(address),
            Origin::Plugin(id) => seen(id),
            Origin::Nowhere => "nowhere to look".to_owned(),
        }
    }

    /// Says whether everybody knows what it means that something is not there.
    fn is_plain(&self) -> bool {
        match self {
            Origin::Environment | Origin::File(_) | Origin::Nowhere => true,
            Origin::Export(_) | Origin::Server(_) | Origin::Plugin(_) => false,
        }
    }
}

/// Returns a time as people say it.
fn seconds(ms: u64) -> String {
    match ms / 1_000 {
        short @ 0..=119 => format!("{short} s"),
        long @ 120..=7_199 => format!("{} min", long / 60),
        longer => format!("{} h", longer / 3_600),
    }
}

pub(super) fn seen(text: &str) -> String {
    let mut out = String::new();
    visible(text, &mut out);
    out
}
