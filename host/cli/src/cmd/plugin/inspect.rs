//! `punix plugin inspect`: what a component is and asks for, from its bytes alone.

use super::Stopped;
use super::known::{Known, Seen, decision_json, known, look};
use super::project::Project;
use super::requests::{Decision, Request, requests};
use super::shipped::{Shipped, shipped};
use super::words::{asked, effective, limits_json, seen, wrapped};
use crate::args::plugin::Inspect;
use crate::cmd::check::diagnostics_json;
use crate::exit::Exit;
use crate::ui::{Ui, size};
use punix_diag::SourceMap;
use punix_plugin::limits::Limits;
use punix_plugin::{Component, Effective, Id, InterfaceName, Kind, read};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// What somebody named: a plugin that is known here, or a file.
#[derive(Debug)]
pub(super) enum Named {
    Known(Box<Known>),
    File(Box<Seen>),
}

pub(super) fn run(ui: &Ui, args: &Inspect) -> Result<Exit, Stopped> {
    let (project, shipped) = (Project::read(&args.places)?, shipped());
    let named = named(&project, &shipped, &args.plugin)?;
    let lock = lock_words(&project, named.seen());
    let decisions = match &named {
        Named::Known(known) => known.decisions(&project),
        Named::File(_) => Vec::new(),
    };
    if ui.json {
        let document = document(&named, lock, &decisions);
        return Ok(ui.result(&format!("{document:#}\n"), Exit::Done));
    }
    let text = text(&named, lock, &decisions);
    if let Named::Known(known) = &named {
        ui.show(known.complaints(), 0, &SourceMap::default());
    }
    Ok(ui.result(&text, Exit::Done))
}

/// Finds what somebody means: a plugin that is known, else a file.
pub(super) fn named(project: &Project, shipped: &[Shipped], given: &Path) -> Result<Named, Stopped> {
    let id = given.to_str().and_then(|text| Id::parse(text).ok());
    if let Some(id) = id.filter(|id| is_known(project, shipped, id) || !given.exists()) {
        let found = known(project, shipped, &id)?;
        return match found.component.is_some() {
            true => Ok(Named::Known(Box::new(found))),
            false => Err(Stopped::By(found.complaints().to_vec())),
        };
    }
    let (_, seen) = component(given)?;
    Ok(Named::File(Box::new(seen)))
}

/// Reads a component and looks at it.
pub(super) fn component(file: &Path) -> Result<(Component, Seen), Stopped> {
    let component = read(file)?;
    let seen = look(&file.display().to_string(), &component)?;
    Ok((component, seen))
}

fn is_known(project: &Project, shipped: &[Shipped], id: &Id) -> bool {
    super::known::find(project, shipped, id).is_some()
}

impl Named {
    /// Returns what is known of its component.
    pub(super) fn seen(&self) -> Option<&Seen> {
        match self {
            Named::Known(known) => known.component.as_ref(),
            Named::File(seen) => Some(seen),
        }
    }
}

/// Says how a component and the lock stand to each other.
fn lock_words(project: &Project, seen: Option<&Seen>) -> &'static str {
    let row = seen.and_then(|seen| project.lock.row(&seen.inspected.manifest.id));
    match (row, seen) {
        (Some(row), Some(seen)) if row.sha256 == seen.digest => "this",
        (Some(_), _) => "another",
        (None, _) => "none",
    }
}

fn text(named: &Named, lock: &str, decisions: &[(Request, Decision)]) -> String {
    let Some(about) = named.seen() else { return String::new() };
    let built_in = matches!(named, Named::Known(known) if known.is_built_in());
    let mut text = head(about);
    let lock = match lock {
        _ if built_in => "it is part of punix and needs no row",
        "this" => "this component",
        "another" => "another component of that name",
        _ => "not in it",
    };
    text.push_str(&format!("in lock    {lock}\n"));
    if let Named::Known(known) = named
        && let Some(source) = known.source()
    {
        text.push_str(&format!("source     {}\n", seen(source)));
    }
    text.push_str("signature  none is looked for; the digest in the lock is what counts\n");
    text.push_str(&asks(about, decisions));
    text
}

/// Says what a component is.
pub(super) fn head(about: &Seen) -> String {
    let Seen { digest, size: bytes, inspected } = about;
    let manifest = &inspected.manifest;
    let handles: Vec<String> = manifest.handles.iter().map(ToString::to_string).collect();
    let names = |names: &[InterfaceName]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let none = |text: String| if text.is_empty() { "nothing".to_owned() } else { text };
    let pure = if manifest.determinism.pure { "yes, it says" } else { "it does not say so" };
    let mut text = format!("{} {}\n", manifest.id, manifest.version);
    for (word, value) in [
        ("world", manifest.world.to_string()),
        ("handles", wrapped(&handles, 11)),
        ("sha256", digest.to_string()),
        ("size", format!("{}, of it {} manifest", size(*bytes), size(manifest.to_json().len() as u64))),
        ("imports", none(wrapped(&names(&inspected.imports), 11))),
        ("exports", wrapped(&names(&inspected.exports), 11)),
        ("pure", pure.to_owned()),
    ] {
        text.push_str(&format!("{word:<9}  {value}\n"));
    }
    text
}

/// Says what a component asks for.
pub(super) fn asks(about: &Seen, decisions: &[(Request, Decision)]) -> String {
    let manifest = &about.inspected.manifest;
    let list = requests(manifest);
    let mut text = if list.is_empty() { "asks for nothing\n".to_owned() } else { "asks for\n".to_owned() };
    for request in &list {
        text.push_str(&line(request));
        let decision = decisions.iter().find(|(other, _)| other.key == request.key);
        if let Some((_, decision)) = decision {
            text.push_str(&format!("    {}\n", decided(request, decision)));
        }
    }
    let wishes: Vec<String> =
        manifest.limits.each().into_iter().filter_map(|(name, wish)| Some(format!("{name} = {}", wish?))).collect();
    if !wishes.is_empty() {
        text.push_str(&format!("wishes     {}\n", wrapped(&wishes, 11)));
    }
    let kinds = |kinds: BTreeSet<Kind>| kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let unrequested = kinds(about.inspected.unrequested());
    if !unrequested.is_empty() {
        text.push_str(&format!("note: it imports and does not ask for: {unrequested}; every call will be denied\n"));
    }
    let unused = kinds(about.inspected.unused());
    if !unused.is_empty() {
        text.push_str(&format!("warning: it asks for what it cannot use, since it does not import it: {unused}\n"));
    }
    text
}

/// Says one request, with the reason that it gives.
pub(super) fn line(request: &Request) -> String {
    let key = seen(&request.key.to_string());
    let words = asked(&request.alone);
    let gap = if words.is_empty() { "" } else { " " };
    format!("  {key}{gap}{words}\n    it says what for: {}\n", seen(request.why.as_str()))
}

fn decided(request: &Request, decision: &Decision) -> String {
    match decision {
        Decision::Granted(given) => format!("granted: {}", wrapped(&gives(request, given), 13)),
        Decision::Computed => format!("granted: {}", request.computed().unwrap_or_default()),
        Decision::Refused => "refused".to_owned(),
        Decision::Undecided { grant, revoke } => format!("undecided: {grant}\n    or: {revoke}"),
        Decision::Forbidden { source, revoke } => format!("not allowed by {source}\n    {revoke}"),
    }
}

/// Says all that a request gives, an item each.
pub(super) fn gives(request: &Request, given: &Effective) -> Vec<String> {
    let computed = request.computed().filter(|_| request.key.subject == "{reference}");
    let computed = computed.map(|what| format!("{} for {what}", request.key.kind));
    effective(given).into_iter().chain(computed).collect()
}

fn document(named: &Named, lock: &str, decisions: &[(Request, Decision)]) -> Value {
    let Some(about) = named.seen() else { return Value::Null };
    let Seen { digest, size, inspected } = about;
    let manifest = &inspected.manifest;
    let names = |names: &[InterfaceName]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let kinds = |kinds: BTreeSet<Kind>| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>();
    let mut document = json!({
        "id": manifest.id.as_str(),
        "version": manifest.version.as_str(),
        "world": manifest.world.as_str(),
        "handles": manifest.handles.iter().map(|handle| handle.as_str()).collect::<Vec<_>>(),
        "sha256": digest.to_string(),
        "bytes": size,
        "manifest_bytes": manifest.to_json().len(),
        "pure": manifest.determinism.pure,
        "imports": names(&inspected.imports),
        "exports": names(&inspected.exports),
        "unrequested": kinds(inspected.unrequested()),
        "unused": kinds(inspected.unused()),
        "requests": requests(manifest).iter().map(|request| request_json(request, decisions)).collect::<Vec<_>>(),
        "wishes": wishes(about),
        "signature": null,
        "locked": lock,
        "state": null,
        "source": null,
        "diagnostics": [],
    });
    if let Named::Known(known) = named {
        document["state"] = known.state().into();
        document["source"] = known.source().into();
        document["diagnostics"] = diagnostics_json(known.complaints(), &SourceMap::default()).into();
        if let super::known::Standing::Ready(effective) = &known.standing {
            document["limits"] = limits_json(&effective.limits);
        }
    } else {
        document["limits"] = limits_json(&Limits::of(manifest.world).at_most(&manifest.limits));
    }
    document
}

fn request_json(request: &Request, decisions: &[(Request, Decision)]) -> Value {
    match decisions.iter().find(|(other, _)| other.key == request.key) {
        Some((_, decision)) => decision_json(request, decision),
        None => json!({
            "key": request.key.to_string(),
            "asks": asked(&request.alone),
            "why": request.why.as_str(),
            "decision": null,
        }),
    }
}

fn wishes(about: &Seen) -> Value {
    let each = about.inspected.manifest.limits.each().into_iter();
    Value::Object(each.filter_map(|(name, wish)| Some((name.to_owned(), wish?.into()))).collect())
}
