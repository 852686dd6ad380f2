//! The port of a transport, for a plugin behind it. A pipe that was started is taken out of the plugin's reach at once:
//! nothing that the plugin does afterwards closes it.

use crate::ability::ssh;
use crate::runtime::Surroundings;
use crate::runtime::bindings::transport::exports::punix::transport::api;
use crate::runtime::call::Cell;
use crate::runtime::check;
use crate::runtime::convert;
use crate::runtime::load::{Loaded, Tied};
use crate::runtime::log::{Level, Line};
use crate::runtime::resource::HeldPipe;
use crate::runtime::state::{State, Subject};
use crate::world::Kind;
use punix_model::{CallFault, Endpoint, Link, Pipe, PluginError, Transport};
use wasmtime::Store;
use wasmtime::component::ResourceAny;

/// A transport that is a plugin.
pub struct TransportPlugin {
    plugin: Loaded,
    around: Surroundings,
}

/// An open link of it: a cell that lives as long as the link.
struct Open {
    cell: Cell,
    bound: crate::runtime::bindings::transport::Transport,
    link: ResourceAny,
    around: Surroundings,
}

impl TransportPlugin {
    /// Takes a plugin, if it is a transport.
    pub fn new(plugin: Loaded, around: Surroundings) -> Option<TransportPlugin> {
        matches!(plugin.tied(), Tied::Transport(_)).then_some(TransportPlugin { plugin, around })
    }

    fn bind(&self, store: &mut Store<State>) -> wasmtime::Result<crate::runtime::bindings::transport::Transport> {
        match self.plugin.tied() {
            Tied::Transport(pre) => pre.instantiate(store),
            Tied::Backend(_) | Tied::Resolver(_) => wasmtime::bail!("it is no transport"),
        }
    }
}

impl Transport for TransportPlugin {
    fn normalise(&self, endpoint: &Endpoint) -> Result<Result<Endpoint, PluginError>, CallFault> {
        const CALL: &str = "normalise";
        let mut cell = Cell::new(&self.plugin, &self.around, Subject::default());
        let given = endpoint_to(endpoint);
        let answer = cell.run(CALL, |store| {
            let bound = self.bind(store)?;
            bound.punix_transport_api().call_normalise(&mut *store, &given)
        })?;
        let redactor = cell.store.data().redactor();
        match answer {
            Ok(answer) => {
                let answer = endpoint_of(answer);
                check::completed(endpoint, &answer).map_err(|flaw| flaw.of(&cell, CALL))?;
                Ok(with_user(&cell, answer))
            }
            Err(error) => Ok(Err(convert::error(error, &redactor))),
        }
    }

    fn open(&self, endpoint: &Endpoint) -> Result<Result<Box<dyn Link>, PluginError>, CallFault> {
        let subject = Subject { endpoint: Some(endpoint.clone()), ..Subject::default() };
        let mut cell = Cell::new(&self.plugin, &self.around, subject);
        let given = endpoint_to(endpoint);
        let (bound, answer) = cell.run("link.open", |store| {
            let bound = self.bind(store)?;
            punix_diag::drill("open");
            let answer = bound.punix_transport_api().link().call_open(&mut *store, &given)?;
            Ok((bound, answer))
        })?;
        let redactor = cell.store.data().redactor();
        match answer {
            Ok(link) => Ok(Ok(Box::new(Open { cell, bound, link, around: self.around.clone() }))),
            Err(error) => Ok(Err(convert::error(error, &redactor))),
        }
    }
}

impl Link for Open {
    fn start(&mut self, argv: &[String]) -> Result<Result<Pipe, PluginError>, CallFault> {
        const CALL: &str = "link.start";
        let (bound, link) = (&self.bound, self.link);
        let outcome =
            self.cell.run(CALL, |store| bound.punix_transport_api().link().call_start(&mut *store, link, argv));
        match outcome {
            Ok(Ok(handle)) => match self.cell.store.data_mut().table.delete(handle) {
                Ok(HeldPipe { pipe: Some(pipe) }) => Ok(Ok(pipe)),
                Ok(HeldPipe { pipe: None }) | Err(_) => Err(self.cell.unusable(CALL, "a handle that holds no pipe")),
            },
            Ok(Err(error)) => {
                let redactor = self.cell.store.data().redactor();
                Ok(Err(convert::error(error, &redactor)))
            }
            Err(fault) => match started(&mut self.cell) {
                // It runs over there, and it is ours: that the plugin broke off behind it is no reason to cut it.
                Some(pipe) => {
                    let text = format!("{fault}; the program that it had started goes on");
                    self.around.listener.hear(&fault.plugin.id, &Line { level: Level::Warn, text });
                    Ok(Ok(pipe))
                }
                None => Err(fault),
            },
        }
    }

    fn close(mut self: Box<Self>) -> Result<Result<(), PluginError>, CallFault> {
        let (bound, link) = (&self.bound, self.link);
        let answer =
            self.cell.run("link.close", |store| bound.punix_transport_api().link().call_close(&mut *store, link))?;
        let redactor = self.cell.store.data().redactor();
        Ok(answer.map_err(|error| convert::error(error, &redactor)))
    }
}

/// Names the user of a target that is reached by SSH, if nobody else did: by whom it is reached without being named, only
/// the host can know, and `ssh://web` and `ssh://deploy@web` can be one target.
fn with_user(cell: &Cell, target: Endpoint) -> Result<Endpoint, PluginError> {
    let state = cell.store.data();
    if target.user.is_some() || !state.effective.flags.contains(&Kind::Ssh) {
        return Ok(target);
    }
    let way = ssh::way(&target)?;
    let user = state.outside.secure_shell.user(&way, state.deadline).map_err(ssh::answer)?;
    Ok(Endpoint { user: user.map(|user| user.as_str().to_owned()), ..target })
}

/// Returns the pipe that a call started before it broke off, if it is the only one.
fn started(cell: &mut Cell) -> Option<Pipe> {
    let held = cell.store.data_mut().table.iter_mut().filter_map(|entry| entry.downcast_mut::<HeldPipe>());
    let mut pipes = held.filter_map(|held| held.pipe.take());
    let first = pipes.next();
    if pipes.next().is_none() { first } else { None }
}

fn endpoint_to(endpoint: &Endpoint) -> api::Endpoint {
    let Endpoint { scheme, user, host, port, path, options } = endpoint.clone();
    api::Endpoint { scheme, user, host, port, path, options }
}

fn endpoint_of(answer: api::Endpoint) -> Endpoint {
    let api::Endpoint { scheme, user, host, port, path, options } = answer;
    Endpoint { scheme, user, host, port, path, options }
}
