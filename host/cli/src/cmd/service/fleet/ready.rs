//! The programs of a fleet's hosts, read and understood before any host is looked at: nothing is built, and nobody is asked for
//! anything. A host whose program is wrong has failed by that, and the others go on.

use super::super::Stopped;
use super::super::prepare::{Named, Packages, Program, Reading, Unsound, base_of, understand};
use super::crew::Crew;
use super::failure::Failure;
use super::running::each;
use super::scenario;
use crate::cmd::build::local_digests;
use crate::load::load;
use crate::machine::processors;
use crate::ui::{Said, Ui};
use punix_deploy::{ProgramBytes, source_hash};
use punix_pcl::Source as Text;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What ends the program's own bytes where a fleet adds some.
const FLEET_MARK: &[u8] = b"\0fleet\0";

/// How programs are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct How<'h> {
    pub(super) scenario: Option<&'h str>,
    pub(super) store_root: Option<&'h Path>,
    pub(super) is_rehearsal: bool,
}

/// The programs of hosts by their places in the file, or why they have none. One is used by one thread at a time.
pub(super) struct Programs(Vec<Mutex<Result<Program, Failure>>>);

impl Programs {
    /// Uses the program of a host, which nobody else does then.
    pub(super) fn with<R>(&self, place: usize, work: impl FnOnce(&Program) -> R) -> Result<R, Failure> {
        let slot = self.0.get(place).ok_or_else(Failure::bug)?.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Ok(program) => Ok(work(program)),
            Err(failure) => Err(failure.clone()),
        }
    }

    /// Takes a program away from a host, if there is a reason.
    pub(super) fn fail(&mut self, place: usize, reason: impl FnOnce(&Program) -> Option<Failure>) {
        let Some(slot) = self.0.get_mut(place) else { return };
        let slot = slot.get_mut().unwrap_or_else(PoisonError::into_inner);
        let failure = slot.as_ref().ok().and_then(reason);
        if let Some(failure) = failure {
            *slot = Err(failure);
        }
    }
}

/// Reads the programs of all hosts.
pub(super) fn programs(ui: &Ui, crew: &Crew, how: How<'_>) -> Result<Programs, Stopped> {
    how.scenario.map_or(Ok(()), |name| scenario::is_somebodys(crew, name))?;
    let digests = Mutex::new(local_digests());
    let digest = |path: &Path| (digests.lock().unwrap_or_else(PoisonError::into_inner))(path);
    let places: Vec<usize> = (0..crew.len()).collect();
    let read = each(&places, processors(), |&place| {
        let (kept_ui, kept) = ui.keeping();
        let program = program(&kept_ui.into_data(), crew, place, how, &mut |path| digest(path));
        (program, kept.take())
    });
    let mut heard = BTreeSet::new();
    let told = |(program, said): (Result<Program, Failure>, Said)| {
        // What one file has wrong is said once, however many hosts have it.
        for line in said.conversation.lines().filter(|line| !line.is_empty()) {
            if heard.insert(line.to_owned()) && !ui.json {
                ui.say(line);
            }
        }
        program
    };
    Ok(Programs(read.into_iter().map(told).map(Mutex::new).collect()))
}

fn program(
    ui: &Ui,
    crew: &Crew,
    place: usize,
    how: How<'_>,
    digests: &mut dyn FnMut(&Path) -> Result<punix_store::Digest, String>,
) -> Result<Program, Failure> {
    let host = crew.host(place);
    let of = |stopped: Stopped| Failure::of(ui, stopped, crew.sources());
    let mut paths: Vec<PathBuf> = Vec::new();
    for file in &host.files {
        if Path::new(file).is_absolute() {
            let file = super::super::words::seen(file);
            let message = format!("host file '{file}' must be relative to the fleet file");
            return Err(of(Stopped::usage(message, "write where it is from there; `..` may begin it")));
        }
        paths.push(crew.base.join(file));
    }
    let mut texts = Vec::new();
    for path in &paths {
        let read = load(path);
        texts.extend(read.map_err(|error| of(Stopped::Usage { message: error.to_string(), help: None }))?);
    }
    let facts = crew.fleet.facts_for(host.machine.as_deref());
    let source_hash = hash(&texts, facts.as_ref());
    texts.extend(facts);
    let base = paths.first().map_or(crew.base.as_path(), |path| base_of(path));
    let project = if crew.base.as_os_str().is_empty() { Path::new(".") } else { crew.base.as_path() };
    let reading = Reading {
        texts,
        source_hash,
        stack: &host.stack,
        scenario: how.scenario.map(Named::Wanted),
        base,
        project,
        store_root: how.store_root,
        is_rehearsal: how.is_rehearsal,
        packages: Packages::Ours,
    };
    understand(ui, reading, digests).map_err(|unsound| match unsound {
        Unsound::Program { diagnostics, dropped, sources } => {
            Failure::from_diagnostics(ui, &diagnostics, dropped, &sources)
        }
        Unsound::Else(stopped) => of(stopped),
    })
}

/// Returns the digest of a host's program: of its one file, or of all with their names; what the fleet says is a part of it.
fn hash(texts: &[Text], facts: Option<&Text>) -> String {
    let mut bytes = Vec::new();
    match texts {
        [only] => bytes.extend_from_slice(&only.bytes),
        several => {
            let name = |text: &Text| {
                let name = Path::new(&text.name).file_name();
                name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            };
            let mut named: Vec<(String, &Text)> = several.iter().map(|text| (name(text), text)).collect();
            named.sort_by(|one, other| one.0.cmp(&other.0));
            for (name, text) in named {
                bytes.extend_from_slice(name.as_bytes());
                bytes.push(0);
                bytes.extend_from_slice(&text.bytes);
                bytes.push(0);
            }
        }
    }
    if let Some(facts) = facts.filter(|facts| !facts.bytes.is_empty()) {
        bytes.extend_from_slice(FLEET_MARK);
        bytes.extend_from_slice(&facts.bytes);
    }
    source_hash(ProgramBytes::File(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, bytes: &str) -> Text {
        Text { name: name.to_owned(), bytes: bytes.into() }
    }

    #[test]
    fn a_programs_digest_has_what_the_fleet_says_in_it() {
        let alone = hash(&[text("hosts/web.pcl", "module A {}\n")], None);
        assert_eq!(alone, source_hash(ProgramBytes::File(b"module A {}\n")));
        assert_eq!(hash(&[text("web.pcl", "module A {}\n")], Some(&text("<fleet-data>", ""))), alone);
        let facts = text("<fleet-data>", "module Fleet {}\n");
        let with = hash(&[text("web.pcl", "module A {}\n")], Some(&facts));
        assert_eq!(with, source_hash(ProgramBytes::File(b"module A {}\n\0fleet\0module Fleet {}\n")));
    }

    #[test]
    fn several_files_are_hashed_in_the_order_of_their_names() {
        let (one, other) = (text("z/a.pcl", "1"), text("b.pcl", "2"));
        let both = hash(&[other.clone(), one.clone()], None);
        assert_eq!(both, hash(&[one, other], None));
        assert_eq!(both, source_hash(ProgramBytes::File(b"a.pcl\x001\x00b.pcl\x002\x00")));
    }
}
