//! The port of a resolver, for a plugin behind it. What it answers with are handles; the secrets behind them have never
//! been anywhere but here.

use crate::request::Referred;
use crate::runtime::Surroundings;
use crate::runtime::bindings::resolver::exports::punix::resolver::api;
use crate::runtime::call::Cell;
use crate::runtime::check;
use crate::runtime::convert::{self, cut};
use crate::runtime::load::{Loaded, Tied};
use crate::runtime::log::shown;
use crate::runtime::resource::{HeldSecret, Origin};
use crate::runtime::state::{State, Subject};
use crate::world::Kind;
use punix_model::{CallFault, PluginError, Redactor, Request, Resolved, Resolver};
use std::collections::BTreeSet;
use std::sync::Arc;
use wasmtime::Store;

/// A resolver that is a plugin.
pub struct ResolverPlugin {
    plugin: Loaded,
    around: Surroundings,
}

const VERSION_BYTES_MAX: usize = 128;

impl ResolverPlugin {
    /// Takes a plugin, if it is a resolver.
    pub fn new(plugin: Loaded, around: Surroundings) -> Option<ResolverPlugin> {
        matches!(plugin.tied(), Tied::Resolver(_)).then_some(ResolverPlugin { plugin, around })
    }

    fn bind(&self, store: &mut Store<State>) -> wasmtime::Result<crate::runtime::bindings::resolver::SecretResolver> {
        match self.plugin.tied() {
            Tied::Resolver(pre) => pre.instantiate(store),
            Tied::Backend(_) | Tied::Transport(_) => wasmtime::bail!("it is no resolver"),
        }
    }

    fn subject(&self, requests: &[Request]) -> Subject {
        let asked = &self.plugin.admitted().inspected().manifest.requests;
        let mut referred = BTreeSet::new();
        if asked.env.iter().any(|request| request.name == Referred::Reference) {
            referred.insert(Kind::Env);
        }
        if asked.files.iter().any(|request| request.root == Referred::Reference) {
            referred.insert(Kind::Files);
        }
        Subject {
            config: requests.first().map_or_else(String::new, |request| request.config.clone()),
            references: requests.iter().map(|request| request.reference.clone()).collect(),
            base: self.around.base.clone(),
            referred,
            ..Subject::default()
        }
    }
}

impl Resolver for ResolverPlugin {
    fn resolve_all(&self, requests: &[Request]) -> Result<Vec<Result<Resolved, PluginError>>, CallFault> {
        const CALL: &str = "resolve-all";
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let mut cell = Cell::new(&self.plugin, &self.around, self.subject(requests));
        let answers = cell.run(CALL, |store| {
            let bound = self.bind(store)?;
            let asked = requests.iter().map(|request| ask(store.data_mut(), request)).collect::<Result<Vec<_>, _>>()?;
            bound.punix_resolver_api().call_resolve_all(&mut *store, &asked)
        })?;
        punix_diag::drill("resolve");
        if answers.len() != requests.len() {
            let said = format!("{} answers to {} requests", answers.len(), requests.len());
            return Err(cell.unusable(CALL, said));
        }
        let redactor = cell.store.data().redactor();
        let mut found = Vec::with_capacity(answers.len());
        for (request, answer) in requests.iter().zip(answers) {
            found.push(match answer {
                Ok(resolved) => Ok(take(&mut cell, CALL, request, resolved, &redactor)?),
                Err(error) => Err(convert::error(error, &redactor)),
            });
        }
        Ok(found)
    }

    fn parse(&self, reference: &str) -> Result<Result<String, PluginError>, CallFault> {
        const CALL: &str = "parse";
        let mut cell = Cell::new(&self.plugin, &self.around, Subject::default());
        let answer = cell.run(CALL, |store| {
            let bound = self.bind(store)?;
            bound.punix_resolver_api().call_parse(&mut *store, reference)
        })?;
        let redactor = cell.store.data().redactor();
        match answer {
            Ok(form) => {
                check::reference(&form).map_err(|flaw| flaw.of(&cell, CALL))?;
                Ok(Ok(form))
            }
            Err(error) => Ok(Err(convert::error(error, &redactor))),
        }
    }
}

/// Writes a request with handles of the plugin's own credentials.
fn ask(state: &mut State, request: &Request) -> wasmtime::Result<api::Request> {
    let mut credentials = Vec::with_capacity(request.credentials.len());
    for credential in &request.credentials {
        let label = format!("credential:{}", credential.name);
        // It answers nothing that the stack refers to.
        let handle = state.hold(credential.value.clone(), label.clone(), Origin::Reference(label))?;
        credentials.push((credential.name.clone(), handle));
    }
    Ok(api::Request { reference: request.reference.clone(), config: request.config.clone(), credentials })
}

/// Takes the secret behind an answer out of the call.
fn take(
    cell: &mut Cell,
    call: &str,
    request: &Request,
    answer: api::Resolved,
    redactor: &Redactor,
) -> Result<Resolved, CallFault> {
    let held: HeldSecret = match cell.store.data_mut().table.delete(answer.value) {
        Ok(held) => held,
        Err(_) => return Err(cell.unusable(call, "a handle that holds nothing")),
    };
    // What could be read because one reference was there is the answer to that reference, and to no other.
    if let Origin::Reference(other) = &held.origin
        && *other != request.reference
    {
        let said = format!("it answered `{}` with the secret of `{other}`", request.reference);
        return Err(cell.unusable(call, said));
    }
    let version = answer.version.map(|version| shown(&cut(&redactor.clean(&version), VERSION_BYTES_MAX)));
    let value = Arc::unwrap_or_clone(held.value);
    Ok(Resolved { value, version, ttl_ms: answer.ttl_ms, renewable: answer.renewable })
}
