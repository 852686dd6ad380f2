//! The plugins that are known here: those that are part of punix, and those in the lock, each with what is known of its
//! component and whether it would be let in. Whoever loads plugins goes through the same door; here is only said what comes
//! of it.

use super::Stopped;
use super::kept::{self, KeptError};
use super::project::{POLICY, Project};
use super::requests::{Decision, Request, Terms, decide, requests};
use super::shipped::Shipped;
use punix_diag::Diagnostic;
use punix_plugin::{
    Cause, Component, Digest, Effective, Fault, Id, Inspected, Key, Row, Table, World, admit, admit_bundled, inspect,
};
use serde_json::{Value, json};

/// A plugin that is known.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: Id,
    pub(crate) origin: Origin,
    /// Of the component that is there, as far as it could be looked at.
    pub(crate) component: Option<Seen>,
    pub(crate) standing: Standing,
}

/// Where a plugin comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// It is part of punix, which grants it this.
    BuiltIn(Box<Table>),
    Locked(Box<Row>),
}

/// What is known of a component.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) inspected: Inspected,
}

/// Whether a plugin would be let in.
#[derive(Debug)]
pub(crate) enum Standing {
    Ready(Box<Effective>),
    Stopped { state: State, diagnostics: Vec<Diagnostic> },
}

/// What keeps a plugin outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Its component is not kept here.
    Missing,
    /// What is kept is not what was locked.
    Changed,
    /// It is no plugin that can be used.
    Unusable,
    /// The lock or the grant is for another component.
    NotChosen,
    /// Nobody decided about a request.
    Undecided,
    /// The site does not allow what was granted.
    Forbidden,
}

/// Lists all that are known: those of punix first, then by id.
pub(crate) fn survey(project: &Project, shipped: &[Shipped]) -> Vec<Known> {
    let built_in = shipped.iter().map(|shipped| of_shipped(project, shipped));
    built_in.chain(project.lock.rows().map(|row| of_row(project, row))).collect()
}

/// Returns the one with an id.
pub(crate) fn find(project: &Project, shipped: &[Shipped], id: &Id) -> Option<Known> {
    let built_in = shipped.iter().map(|shipped| of_shipped(project, shipped)).find(|known| known.id == *id);
    built_in.or_else(|| project.lock.row(id).map(|row| of_row(project, row)))
}

/// Looks at a component.
pub(super) fn look(name: &str, component: &Component) -> Result<Seen, Fault> {
    let inspected = inspect(component.bytes()).map_err(|error| Fault::Inspect { name: name.to_owned(), error })?;
    Ok(Seen { digest: component.digest(), size: component.size(), inspected })
}

fn of_shipped(project: &Project, shipped: &Shipped) -> Known {
    let (component, inspected) = (shipped.examined.component(), shipped.examined.inspected().clone());
    let seen = Seen { digest: component.digest(), size: component.size(), inspected };
    let standing = match admit_bundled(shipped.examined.clone(), &shipped.table, project.rules()) {
        Ok(admitted) => Standing::Ready(Box::new(admitted.effective().clone())),
        Err(fault) => Standing::of(fault),
    };
    let id = seen.inspected.manifest.id.clone();
    Known { id, origin: Origin::BuiltIn(Box::new(shipped.table.clone())), component: Some(seen), standing }
}

fn of_row(project: &Project, row: &Row) -> Known {
    let start = |component, standing| Known {
        id: row.id.clone(),
        origin: Origin::Locked(Box::new(row.clone())),
        component,
        standing,
    };
    let component = match kept::kept(&project.components, row) {
        Ok(component) => component,
        Err(error) => {
            let state = match &error {
                KeptError::Missing { .. } => State::Missing,
                KeptError::Changed { .. } | KeptError::File(_) => State::Changed,
            };
            return start(None, Standing::Stopped { state, diagnostics: error.into_diagnostics() });
        }
    };
    let seen = match look(row.id.as_str(), &component) {
        Ok(seen) => seen,
        Err(fault) => return start(None, Standing::of(fault)),
    };
    let standing = match admit(row.id.as_str(), component, project.rules()) {
        Ok(admitted) => Standing::Ready(Box::new(admitted.effective().clone())),
        Err(fault) => Standing::of(fault),
    };
    start(Some(seen), standing)
}

impl Known {
    /// Returns what is said about it, for one request after the other.
    pub(super) fn terms<'a>(&self, project: &'a Project) -> Terms<'a> {
        let table = project.table(&self.id);
        let ceilings = &project.ceilings;
        match &self.origin {
            Origin::Locked(_) => Terms { table: table.cloned(), narrower: None, ceilings },
            Origin::BuiltIn(granted) => {
                let denied = table.map(|table| &table.deny | &granted.deny);
                let granted = Table { deny: denied.unwrap_or_else(|| granted.deny.clone()), ..(**granted).clone() };
                Terms { table: Some(granted), narrower: table.map(Table::as_bounds), ceilings }
            }
        }
    }

    /// Returns every request with what is decided about it; nothing, where it cannot be looked at.
    pub(super) fn decisions(&self, project: &Project) -> Vec<(Request, Decision)> {
        let Some(seen) = &self.component else { return Vec::new() };
        let terms = self.terms(project);
        let manifest = &seen.inspected.manifest;
        let refused = |key: &Key| project.table(&self.id).is_some_and(|table| table.deny.contains(key));
        let one = |request: Request| {
            let decision = match decide(manifest, &request, &terms) {
                // Without a configuration there is none; with one it is what that names.
                Decision::Refused if self.is_built_in() && request.computed().is_some() && !refused(&request.key) => {
                    Decision::Computed
                }
                decision => decision,
            };
            (request, decision)
        };
        requests(manifest).into_iter().map(one).collect()
    }

    pub(super) fn version(&self) -> String {
        match (&self.component, &self.origin) {
            (Some(seen), _) => seen.inspected.manifest.version.to_string(),
            (None, Origin::Locked(row)) => row.version.to_string(),
            (None, Origin::BuiltIn(_)) => String::new(),
        }
    }

    pub(super) fn world(&self) -> Option<World> {
        match (&self.component, &self.origin) {
            (Some(seen), _) => Some(seen.inspected.manifest.world),
            (None, Origin::Locked(row)) => Some(row.world),
            (None, Origin::BuiltIn(_)) => None,
        }
    }

    /// Returns the digest of the component that is meant, whether it is there or not.
    pub(super) fn digest(&self) -> Option<Digest> {
        match &self.origin {
            Origin::Locked(row) => Some(row.sha256),
            Origin::BuiltIn(_) => self.component.as_ref().map(|seen| seen.digest),
        }
    }

    pub(super) fn is_built_in(&self) -> bool {
        matches!(self.origin, Origin::BuiltIn(_))
    }

    /// Returns where it is said what it may do.
    pub(super) fn granted_in(&self, project: &Project) -> Vec<String> {
        let table = project.table(&self.id).map(|_| POLICY.to_owned());
        let built_in = self.is_built_in().then(|| "punix".to_owned());
        built_in.into_iter().chain(table).collect()
    }

    pub(super) fn source(&self) -> Option<&str> {
        match &self.origin {
            Origin::Locked(row) => Some(row.source.as_str()),
            Origin::BuiltIn(_) => None,
        }
    }

    /// Returns its word for where it stands.
    pub(super) fn state(&self) -> &'static str {
        match &self.standing {
            Standing::Ready(_) => "ok",
            Standing::Stopped { state, .. } => state.as_str(),
        }
    }

    /// Returns what keeps it outside.
    pub(super) fn complaints(&self) -> &[Diagnostic] {
        match &self.standing {
            Standing::Ready(_) => &[],
            Standing::Stopped { diagnostics, .. } => diagnostics,
        }
    }

    /// Returns it as documents begin with it.
    pub(super) fn json(&self) -> Value {
        let manifest = self.component.as_ref().map(|seen| &seen.inspected.manifest);
        let handles =
            manifest.map(|manifest| manifest.handles.iter().map(|handle| handle.as_str()).collect::<Vec<_>>());
        let size = self.component.as_ref().map(|seen| seen.size);
        json!({
            "id": self.id.as_str(),
            "version": self.version(),
            "world": self.world().map(World::as_str),
            "handles": handles,
            "sha256": self.digest().map(|digest| digest.to_string()),
            "bytes": size,
            "built_in": self.is_built_in(),
            "source": self.source(),
            "state": self.state(),
        })
    }
}

impl Standing {
    fn of(fault: Fault) -> Standing {
        let state = match &fault {
            Fault::File(_) | Fault::Site(_) => State::Changed,
            Fault::Inspect { .. } => State::Unusable,
            Fault::Lock(_) | Fault::OtherComponent { .. } => State::NotChosen,
            Fault::Denied { denials, .. } => {
                let site = denials.iter().any(|denial| matches!(denial.cause, Cause::Site { .. }));
                if site { State::Forbidden } else { State::Undecided }
            }
        };
        Standing::Stopped { state, diagnostics: fault.into_diagnostics() }
    }
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Missing => "missing",
            State::Changed => "changed",
            State::Unusable => "unusable",
            State::NotChosen => "not-chosen",
            State::Undecided => "undecided",
            State::Forbidden => "forbidden",
        }
    }
}

/// Returns a plugin that is known, or says that it is not.
pub(super) fn known(project: &Project, shipped: &[Shipped], id: &Id) -> Result<Known, Stopped> {
    let absent = || punix_plugin::LockError::Absent { id: id.clone() };
    find(project, shipped, id).ok_or_else(|| absent().into())
}

/// Returns the key of a request and what is decided about it, as documents list them.
pub(super) fn decision_json(request: &Request, decision: &Decision) -> Value {
    let key: &Key = &request.key;
    let mut value = json!({
        "key": key.to_string(),
        "asks": super::words::asked(&request.alone),
        "why": request.why.as_str(),
        "decision": decision.as_str(),
    });
    match decision {
        Decision::Granted(effective) => {
            value["gives"] = super::words::effective_json(effective).into();
            value["computed"] = (request.key.subject == "{reference}").into();
        }
        Decision::Computed => {
            value["gives"] = json!([]);
            value["computed"] = true.into();
        }
        Decision::Refused => {}
        Decision::Undecided { grant, revoke } => {
            value["grant"] = grant.as_str().into();
            value["revoke"] = revoke.as_str().into();
        }
        Decision::Forbidden { source, revoke } => {
            value["by"] = source.as_str().into();
            value["revoke"] = revoke.as_str().into();
        }
    }
    value
}

#[cfg(test)]
mod tests;
