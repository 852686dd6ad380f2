//! What hosts of a fleet give by now: each is asked once which certificates it has, when another one goes back that takes
//! something made of them. Nothing is changed there, and a host that cannot be asked stops nobody.

use super::super::site::{self, Rootless, Visit};
use super::super::words::seen;
use super::crew::Crew;
use super::failure::Failure;
use crate::args::fleet::FleetReach;
use crate::ui::Ui;
use punix_deploy::{Artifact, Artifacts, asked_of, certificates_of, present};
use punix_diag::SourceMap;
use punix_store::Digest;
use punix_target::{ArtifactRow, Generation, Mark, Question, There};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Asks hosts, and knows what those said that were asked.
pub(super) struct Asking<'a> {
    crew: &'a Crew,
    reach: &'a FleetReach,
    command: &'a str,
    /// By place in the file.
    known: Mutex<BTreeMap<usize, Result<Certificates, String>>>,
}

/// The certificates that a host has, by domain.
type Certificates = BTreeMap<String, Certificate>;

/// A file with certificates, as it is there.
#[derive(Debug, Clone)]
struct Certificate {
    digest: Digest,
    /// Nothing if it is kept nowhere: somebody else put it there.
    chain: Option<Vec<u8>>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(crew: &'a Crew, reach: &'a FleetReach, command: &'a str) -> Asking<'a> {
        Asking { crew, reach, command, known: Mutex::default() }
    }

    /// Returns what other hosts give by now of what a generation takes, and says whom nobody could ask.
    pub(super) fn present(&self, ui: &Ui, generation: &Generation) -> Artifacts {
        let (mut artifacts, mut notes) = (Artifacts::default(), BTreeSet::new());
        for row in asked_of(generation) {
            match self.one(ui, row) {
                Ok(artifact) => artifacts.add(&row.host, BTreeMap::from([(row.name.clone(), artifact)])),
                Err(why) => {
                    let (host, name) = (seen(&row.host), seen(&row.name));
                    notes.insert(format!("note: `{host}` cannot be asked what `{name}` is by now: {why}"));
                }
            }
        }
        notes.iter().for_each(|note| ui.say(note));
        artifacts
    }

    /// Asks for one artifact. A machine can be several hosts, each with a stack of its own.
    fn one(&self, ui: &Ui, row: &ArtifactRow) -> Result<Artifact, String> {
        let domain = row.domain.as_deref().unwrap_or_default();
        let is_it = |place: &usize| self.crew.host(*place).machine.as_deref() == Some(&row.host);
        let mut why = "no host of this fleet is that machine".to_owned();
        for place in (0..self.crew.len()).filter(is_it) {
            why = match self.certificates(ui, place) {
                Err(why) => why,
                Ok(certificates) => match certificates.get(domain) {
                    None => format!("it has no certificate of `{}` that was deployed", seen(domain)),
                    Some(Certificate { digest, chain }) => {
                        match present(&row.kind, domain, *digest, chain.as_deref()) {
                            Some(artifact) => return Ok(artifact),
                            None => format!("its certificate of `{}` is not the one that was deployed", seen(domain)),
                        }
                    }
                },
            };
        }
        Err(why)
    }

    fn certificates(&self, ui: &Ui, place: usize) -> Result<Certificates, String> {
        // Whoever needs the same host waits, and does not ask again.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(place).or_insert_with(|| self.ask(ui, place)).clone()
    }

    fn ask(&self, ui: &Ui, place: usize) -> Result<Certificates, String> {
        let visit = Visit { command: self.command, wait: self.reach.wait, without: Rootless::Refused };
        let stack = self.crew.host(place).stack.clone();
        let asked = self.crew.place(place, self.reach, false).and_then(|at| {
            site::at(ui, &at, visit, |site| {
                let look = site.door.look(&Question { stack, ..Question::default() })?;
                let mut certificates = Certificates::new();
                for (domain, row) in look.current.iter().flat_map(certificates_of) {
                    let Some(There::File(file)) = look.paths.get(&row.path).map(|place| &place.there) else { continue };
                    for mark in &file.marks {
                        // What is there counts, not what the record says: certificates do not go back.
                        if let Mark::Sha256(digest) = *mark {
                            let chain = site.door.blob(&digest)?;
                            certificates.insert(domain.clone(), Certificate { digest, chain });
                        }
                    }
                }
                Ok(certificates)
            })
        });
        asked.map_err(|stopped| Failure::of(ui, stopped, &SourceMap::default()).headline)
    }
}
