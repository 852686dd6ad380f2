//! `punix plugin revoke`

use super::Stopped;
use super::given::Given;
use super::grant::limit;
use super::known::{Known, Origin, known};
use super::outcome::finish;
use super::project::{Hold, Project};
use super::requests::{Request, gives, requests};
use super::shipped::shipped;
use super::steps::{Step, to_take};
use super::words::seen;
use crate::args::plugin::{LIMITS, Revoke};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_plugin::{Key, Manifest, Table};

pub(super) fn run(ui: &Ui, args: &Revoke) -> Result<Exit, Stopped> {
    let subject = args.subject.as_deref();
    let wanted = if args.what == LIMITS { Wanted::Limit(limit_of(subject)?) } else { key_of(&args.what, subject)? };
    let _hold = Hold::take(ui, &args.places.project)?;
    let (mut project, shipped) = (Project::read(&args.places)?, shipped());
    let known = known(&project, &shipped, &args.id)?;
    let table = project.table(&args.id).cloned().unwrap_or_default();
    let mut steps = match wanted {
        Wanted::Limit(name) => {
            let is_set = table.limits.each().into_iter().any(|(other, value)| other == name && value.is_some());
            if is_set { vec![Step::Limit(name, None)] } else { Vec::new() }
        }
        Wanted::Key(key) => to_refuse(&known, &table, &key)?,
    };
    if !steps.is_empty()
        && project.table(&args.id).is_none()
        && let Origin::Locked(row) = &known.origin
    {
        steps.insert(0, Step::Chosen { sha256: row.sha256, source: row.source.as_str().to_owned() });
    }
    finish(ui, &mut project, &shipped, &args.id, &steps)
}

/// What is to be taken back.
enum Wanted {
    Key(Key),
    Limit(&'static str),
}

fn limit_of(subject: Option<&str>) -> Result<&'static str, Stopped> {
    match subject {
        Some(name) => limit(name).map(|(name, _)| name),
        None => Err(Stopped::usage("it is not said which limit", "name it: `limits memory_mib`")),
    }
}

fn key_of(kind: &str, subject: Option<&str>) -> Result<Wanted, Stopped> {
    let text = subject.map_or_else(|| kind.to_owned(), |subject| format!("{kind}:{subject}"));
    match Key::parse(&text) {
        Ok(key) => Ok(Wanted::Key(key)),
        Err(error) => Err(Stopped::usage(seen(&error.to_string()), "say it as `punix plugin audit` does")),
    }
}

/// Takes away what gives it, and refuses it if it is asked for. Of what is shared with another request, that is left.
fn to_refuse(known: &Known, table: &Table, key: &Key) -> Result<Vec<Step>, Stopped> {
    let manifest = known.component.as_ref().map(|about| &about.inspected.manifest);
    let asked = manifest.map(requests).unwrap_or_default();
    let request = asked.iter().find(|request| request.key == *key);
    let others: Vec<&Request> =
        asked.iter().filter(|other| other.key != *key && !table.deny.contains(&other.key)).collect();
    let serves_only_this = |entry: &Given, manifest: &Manifest, request: &Request| {
        let grant = entry.grant();
        gives(manifest, request, &grant) && !others.iter().any(|other| gives(manifest, other, &grant))
    };
    let outdated = |entry: &Given| {
        let only = manifest.zip(request).is_some_and(|(manifest, request)| serves_only_this(entry, manifest, request));
        entry.key() == *key || only
    };
    let mut steps = to_take(table, outdated);
    // Where nobody can look, what might be asked for is refused.
    if (request.is_some() || manifest.is_none()) && !table.deny.contains(key) {
        steps.push(Step::Refuse(key.clone()));
    }
    if steps.is_empty() && !table.deny.contains(key) {
        let message = format!("`{}` is not granted `{}`, and does not ask for it", known.id, seen(&key.to_string()));
        return Err(Stopped::usage(message, format!("`punix plugin inspect {}` shows what it asks for", known.id)));
    }
    Ok(steps)
}
