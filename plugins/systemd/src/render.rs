//! All that a stack is on a target: its files in their order, its units, and what people should know.

use crate::design::{Design, Service, place};
use crate::environment::{Environment, distribute};
use crate::names::UnitKind;
use crate::{service, sysusers, timer, tmpfiles};
use punix_sdk::Error;
use punix_sdk::backend::{Body, Facts, File, Rendering, Scope, Stack, Unit};

const PLAIN_MODE: u32 = 0o644;
/// A unit with secrets in it is read by root alone, who is the one that reads it.
const SECRET_MODE: u32 = 0o600;

/// Renders a stack.
pub(crate) fn render(stack: &Stack, facts: &Facts) -> Result<Rendering, Error> {
    let design = Design::of(stack, facts)?;
    let environments: Vec<Environment<'_>> =
        design.services.iter().map(|service| distribute(&design, service)).collect();
    let each = || design.services.iter().zip(&environments);
    let mut files = Vec::new();
    files.extend(accounts(&design));
    files.extend(temporary(&design));
    for (service, environment) in each() {
        files.extend(environment.files(service).map_err(|error| error.below(&place(service.name)))?);
    }
    for (service, environment) in each() {
        let units = units_of(&design, service, environment).map_err(|error| error.below(&place(service.name)))?;
        files.extend(units);
    }
    let mut notes: Vec<String> = Vec::new();
    notes.extend(design.layout.unusual_units().map(|dir| {
        format!("units are written to `{dir}`, where systemd looks only if its `SYSTEMD_UNIT_PATH` says so")
    }));
    for (service, environment) in each() {
        notes.extend(notes_on(&design, service, environment));
    }
    bound(&mut notes);
    let units = design.order.iter().filter_map(|&at| design.services.get(at)).map(|service| Unit {
        name: service.started_unit(),
        service: service.name.to_owned(),
        starts_at_boot: true,
    });
    let units = units.collect();
    Ok(Rendering { files, units, notes })
}

/// Returns the file of accounts. When it changes alone, those services need a restart that run as one of them.
fn accounts(design: &Design<'_>) -> Option<File> {
    let text = sysusers::file(&design.config.users, &design.config.groups)?;
    let declared = |name: &str| {
        let users = &design.config.users;
        users.iter().any(|user| user.name == name) || design.config.groups.iter().any(|group| group == name)
    };
    let named = |service: &Service<'_>| {
        let of = |key: &str| service.config.directives.get(key).unwrap_or_default();
        ["User", "Group", "SupplementaryGroups"].iter().flat_map(|key| of(key).split(' ')).any(declared)
    };
    Some(plain(design.layout.sysusers(), text, design.services.iter().filter(|service| named(service))))
}

/// Returns the file of temporary files. When it changes alone, those services need a restart that have rules in it.
fn temporary(design: &Design<'_>) -> Option<File> {
    let text = tmpfiles::file(design.services.iter().flat_map(|service| &service.config.tmpfiles))?;
    let with_rules = design.services.iter().filter(|service| !service.config.tmpfiles.is_empty());
    Some(plain(design.layout.tmpfiles(), text, with_rules))
}

fn plain<'a>(path: &str, text: String, services: impl Iterator<Item = &'a Service<'a>>) -> File {
    File {
        path: path.to_owned(),
        mode: PLAIN_MODE,
        body: Body::from(text.as_str()).finish(),
        restarts: services.map(Service::started_unit).collect(),
        reloads: Vec::new(),
    }
}

/// Returns the unit files of a service. Where there is a timer it is the timer that is restarted: the service itself
/// runs when it is due, with what is then written.
fn units_of(design: &Design<'_>, service: &Service<'_>, environment: &Environment<'_>) -> Result<Vec<File>, Error> {
    let file = |kind: UnitKind, body: Body| File {
        path: design.layout.unit(&kind.of(service.name)),
        mode: if body.has_secret() { SECRET_MODE } else { PLAIN_MODE },
        body: body.finish(),
        restarts: vec![service.started_unit()],
        reloads: Vec::new(),
    };
    let mut files = vec![file(UnitKind::Service, service::unit(design, service, environment)?)];
    if let Some(directives) = &service.config.timer {
        files.push(file(UnitKind::Timer, timer::unit(design.stack, service.name, directives)?));
    }
    Ok(files)
}

fn notes_on(design: &Design<'_>, service: &Service<'_>, environment: &Environment<'_>) -> Vec<String> {
    let name = service.name;
    let quoted = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut notes = Vec::new();
    let shown = environment.secrets_in_unit();
    if !shown.is_empty() {
        notes.push(format!(
            "service `{name}`: {} stand in the unit, and `systemctl show` tells them to everyone on the machine; \
             `secretDelivery = \"environment-file\"` keeps them to root",
            quoted(shown)
        ));
    }
    let credentials = environment.credentials();
    if !credentials.is_empty() {
        notes.push(format!(
            "service `{name}`: {} are no variables but files of that name in `$CREDENTIALS_DIRECTORY`",
            quoted(credentials)
        ));
    }
    if service.config.reloads && !reloads_by_itself(service) {
        notes.push(format!("service `{name}`: it is to be reloaded and has no `ExecReload`, so it is restarted"));
    }
    if design.scope == Scope::User && service.config.directives.get("User").is_some() {
        notes.push(format!("service `{name}`: one user's services cannot run as another: `User` makes it fail"));
    }
    let doubts = service.config.doubts.iter();
    notes.extend(doubts.map(|(at, doubt)| format!("service `{name}`: {at}: {doubt}")));
    notes
}

/// Keeps as many notes, and as much of each, as somebody reads.
fn bound(notes: &mut Vec<String>) {
    const NOTES_MAX: usize = 50;
    const CHARACTERS_MAX: usize = 800;
    let more = notes.len().saturating_sub(NOTES_MAX);
    notes.truncate(NOTES_MAX);
    if more > 0 {
        notes.push(format!("and {more} more of this kind"));
    }
    for note in notes.iter_mut() {
        if let Some((end, _)) = note.char_indices().nth(CHARACTERS_MAX) {
            note.truncate(end);
            note.push_str(" …");
        }
    }
}

fn reloads_by_itself(service: &Service<'_>) -> bool {
    let of = |key: &str| service.config.directives.get(key).unwrap_or_default();
    !of("ExecReload").is_empty() || of("Type") == "notify-reload"
}

#[cfg(test)]
mod tests;
