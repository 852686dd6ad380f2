//! The port of a backend, for a plugin behind it. Everything that it answers is checked before anybody uses it.

use crate::runtime::Surroundings;
use crate::runtime::bindings::backend::exports::punix::backend::api;
use crate::runtime::call::Cell;
use crate::runtime::check;
use crate::runtime::convert;
use crate::runtime::load::{Loaded, Tied};
use crate::runtime::state::{State, Subject};
use punix_model::{
    Action, Backend, CallFault, Cause, Chunk, Command, Encoding, Facts, Observation, PlannedFile, Rendering, RunState,
    Scope, Session, Shape, Stack, Status, Step, Unit, Wish,
};
use std::time::Duration;
use wasmtime::Store;
use wasmtime::component::ResourceAny;

/// A backend that is a plugin.
pub struct BackendPlugin {
    plugin: Loaded,
    around: Surroundings,
}

/// One session of it: a cell that lives for all of its steps.
struct Running {
    cell: Cell,
    bound: crate::runtime::bindings::backend::Backend,
    session: ResourceAny,
    wished: Vec<String>,
    /// How often it may still be asked; then it goes in circles.
    steps_left: u32,
    /// When it began, on the clock of whoever waits.
    began_ns: u64,
}

impl BackendPlugin {
    /// Takes a plugin, if it is a backend.
    pub fn new(plugin: Loaded, around: Surroundings) -> Option<BackendPlugin> {
        matches!(plugin.tied(), Tied::Backend(_)).then_some(BackendPlugin { plugin, around })
    }

    fn bind(&self, store: &mut Store<State>) -> wasmtime::Result<crate::runtime::bindings::backend::Backend> {
        match self.plugin.tied() {
            Tied::Backend(pre) => pre.instantiate(store),
            Tied::Resolver(_) | Tied::Transport(_) => wasmtime::bail!("it is no backend"),
        }
    }
}

impl Backend for BackendPlugin {
    fn render(&self, stack: &Stack, facts: &Facts) -> Result<Rendering, CallFault> {
        const CALL: &str = "render";
        let mut cell = Cell::new(&self.plugin, &self.around, Subject::default());
        let (given, told) = (stack_of(stack), facts_of(facts));
        let answer = cell.run(CALL, |store| {
            let bound = self.bind(store)?;
            bound.punix_backend_api().call_render(&mut *store, &given, &told)
        })?;
        let redactor = cell.store.data().redactor();
        match answer {
            Ok(rendering) => {
                let rendering = rendering_of(rendering);
                check::rendering(&rendering, stack, &cell.limits()).map_err(|fault| fault.of(&cell, CALL))?;
                Ok(rendering)
            }
            Err(error) => Err(CallFault {
                plugin: cell.name(),
                call: CALL.to_owned(),
                cause: Cause::Refused(convert::error(error, &redactor)),
            }),
        }
    }

    fn session(&self, stack: &Stack, wishes: &[Wish], facts: &Facts) -> Result<Box<dyn Session>, CallFault> {
        let mut cell = Cell::new(&self.plugin, &self.around, Subject::default());
        let began_ns = self.around.outside.clock.monotonic_ns();
        let (given, told) = (stack_of(stack), facts_of(facts));
        let asked: Vec<api::Wish> = wishes.iter().map(wish_of).collect();
        let (bound, session) = cell.run("session", |store| {
            let bound = self.bind(store)?;
            let session = bound.punix_backend_api().session().call_constructor(&mut *store, &given, &asked, &told)?;
            Ok((bound, session))
        })?;
        let wished = wishes.iter().map(|wish| wish.unit.clone()).collect();
        let steps_left = cell.limits().steps;
        Ok(Box::new(Running { cell, bound, session, wished, steps_left, began_ns }))
    }
}

impl Running {
    /// Tells whether the session would take too long with so much more.
    fn is_late_after(&self, more: Duration) -> bool {
        let now_ns = self.cell.store.data().outside.clock.monotonic_ns();
        let taken = Duration::from_nanos(now_ns.saturating_sub(self.began_ns));
        taken.saturating_add(more) > Duration::from_secs(self.cell.limits().session_s.into())
    }
}

impl Session for Running {
    fn next(&mut self, seen: &[Observation]) -> Result<Step, CallFault> {
        const CALL: &str = "session.next";
        let Some(left) = self.steps_left.checked_sub(1) else {
            return Err(self.cell.over(CALL, "steps"));
        };
        self.steps_left = left;
        if self.is_late_after(Duration::ZERO) {
            return Err(self.cell.over(CALL, "session_s"));
        }
        let seen: Vec<api::Observation> = seen.iter().map(observation_of).collect();
        let (bound, session) = (&self.bound, self.session);
        let answer =
            self.cell.run(CALL, |store| bound.punix_backend_api().session().call_next(&mut *store, session, &seen))?;
        let redactor = self.cell.store.data().redactor();
        let step = match answer {
            api::Step::Run(commands) => Step::Run(commands.into_iter().map(command_of).collect()),
            api::Step::Ask(commands) => Step::Ask(commands.into_iter().map(command_of).collect()),
            api::Step::WaitMs(time) => Step::WaitMs(time),
            api::Step::Done(found) => Step::Done(found.into_iter().map(status_of).collect()),
            api::Step::Fail(error) => Step::Fail(convert::error(error, &redactor)),
        };
        check::step(&step, &self.wished, &self.cell.limits()).map_err(|fault| fault.of(&self.cell, CALL))?;
        // Nobody waits for what would be too late anyway.
        match &step {
            Step::WaitMs(time) if self.is_late_after(Duration::from_millis((*time).into())) => {
                Err(self.cell.over(CALL, "session_s"))
            }
            Step::WaitMs(_) | Step::Run(_) | Step::Ask(_) | Step::Done(_) | Step::Fail(_) => Ok(step),
        }
    }
}

fn stack_of(stack: &Stack) -> api::Stack {
    api::Stack {
        name: stack.name.clone(),
        scope: match stack.scope {
            Scope::System => api::Scope::System,
            Scope::User => api::Scope::User,
        },
        services: stack.services.iter().map(service_of).collect(),
        slots: stack.slots.iter().map(slot_of).collect(),
        config: stack.config.clone(),
        unit_dir: stack.unit_dir.clone(),
    }
}

fn service_of(service: &punix_model::Service) -> api::Service {
    let entry = |(name, value): &(String, Vec<Chunk>)| (name.clone(), value.iter().map(chunk_to).collect());
    api::Service {
        name: service.name.clone(),
        argv: service.argv.clone(),
        env: service.env.iter().map(entry).collect(),
        depends_on: service.depends_on.clone(),
        secret_delivery: service.secret_delivery.clone(),
        config: service.config.clone(),
    }
}

fn slot_of(slot: &punix_model::Slot) -> api::Slot {
    api::Slot {
        id: slot.id,
        name: slot.name.clone(),
        shape: match slot.shape {
            Shape::SingleLine => api::Shape::SingleLine,
            Shape::Text => api::Shape::Text,
            Shape::Binary => api::Shape::Binary,
        },
    }
}

fn chunk_to(chunk: &Chunk) -> api::Chunk {
    match chunk {
        Chunk::Text(text) => api::Chunk::Text(text.clone()),
        Chunk::Secret(slot, encoding) => api::Chunk::Secret((*slot, encoding.0.clone())),
    }
}

fn facts_of(facts: &Facts) -> api::Facts {
    api::Facts {
        os: facts.os.clone(),
        arch: facts.arch.clone(),
        init_version: facts.init_version.clone(),
        home: facts.home.clone(),
        attributes: facts.attributes.clone(),
    }
}

fn wish_of(wish: &Wish) -> api::Wish {
    let action = match wish.action {
        Action::Start => api::Action::Start,
        Action::Stop => api::Action::Stop,
        Action::Restart => api::Action::Restart,
        Action::Reload => api::Action::Reload,
        Action::Enable => api::Action::Enable,
        Action::Disable => api::Action::Disable,
        Action::Remove => api::Action::Remove,
        Action::Status => api::Action::Status,
        Action::Logs => api::Action::Logs,
    };
    api::Wish { unit: wish.unit.clone(), action }
}

fn observation_of(seen: &Observation) -> api::Observation {
    let Observation { command, code, stdout, stderr } = seen;
    api::Observation { command: *command, code: *code, stdout: stdout.clone(), stderr: stderr.clone() }
}

fn rendering_of(answer: api::Rendering) -> Rendering {
    let chunk = |chunk| match chunk {
        api::Chunk::Text(text) => Chunk::Text(text),
        api::Chunk::Secret((slot, encoding)) => Chunk::Secret(slot, Encoding(encoding)),
    };
    let file = |file: api::File| PlannedFile {
        path: file.path,
        mode: file.mode,
        body: file.body.into_iter().map(chunk).collect(),
        restarts: file.restarts,
        reloads: file.reloads,
    };
    let unit = |unit: api::Unit| Unit { name: unit.name, service: unit.service, starts_at_boot: unit.starts_at_boot };
    Rendering {
        files: answer.files.into_iter().map(file).collect(),
        units: answer.units.into_iter().map(unit).collect(),
        notes: answer.notes,
    }
}

fn command_of(command: api::Command) -> Command {
    let api::Command { argv, stdin, timeout_ms, mutates } = command;
    Command { argv, stdin, timeout_ms, mutates }
}

fn status_of(status: api::Status) -> Status {
    let state = match status.state {
        api::RunState::Running => RunState::Running,
        api::RunState::Starting => RunState::Starting,
        api::RunState::Stopped => RunState::Stopped,
        api::RunState::Failed => RunState::Failed,
        api::RunState::Missing => RunState::Missing,
        api::RunState::Unknown => RunState::Unknown,
    };
    let detail = crate::runtime::log::shown(&status.detail);
    Status { unit: status.unit, state, enabled: status.enabled, since_unix_ms: status.since_unix_ms, detail }
}
