//! A backend as somebody built it on the day when the interfaces were published: its bindings are made from the frozen copy
//! of them, without the SDK. It shows in its answers everything that it is given, and answers with every case that there
//! is. It must never be changed to follow the interfaces: that it still runs is what it is for.

wit_bindgen::generate!({
    path: ["../../frozen/wit-0.1.0/base", "../../frozen/wit-0.1.0/cap", "../../frozen/wit-0.1.0/backend"],
    world: "punix:backend/backend@0.1.0",
    generate_all,
});

use exports::punix::backend::api;
use exports::punix::base::meta;
use punix::base::types::{Diagnostic, Error, ErrorClass, Severity};
use punix::cap::log;
use std::cell::Cell;

struct Frozen;

struct Session {
    wishes: Vec<api::Wish>,
    steps: Cell<u32>,
}

const CLASSES: [ErrorClass; 6] = [
    ErrorClass::InvalidInput,
    ErrorClass::NotFound,
    ErrorClass::Denied,
    ErrorClass::Transient,
    ErrorClass::Permanent,
    ErrorClass::Unsupported,
];
const STATES: [api::RunState; 6] = [
    api::RunState::Running,
    api::RunState::Starting,
    api::RunState::Stopped,
    api::RunState::Failed,
    api::RunState::Missing,
    api::RunState::Unknown,
];

impl meta::Guest for Frozen {
    fn describe() -> meta::Info {
        meta::Info {
            id: "org.example.frozen-backend".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Was here before.".to_owned(),
            license: "Apache-2.0".to_owned(),
            config_schema: "{}".to_owned(),
            attributes: vec![("built".to_owned(), "then".to_owned())],
        }
    }

    fn check_config(config: String) -> Vec<Diagnostic> {
        let severities = [Severity::Note, Severity::Warning, Severity::Error];
        let each = CLASSES.into_iter().zip(severities.into_iter().cycle());
        each.map(|(class, severity)| Diagnostic { severity, error: error(class, &config) }).collect()
    }
}

impl api::Guest for Frozen {
    type Session = Session;

    fn render(st: api::Stack, facts: api::Facts) -> Result<api::Rendering, Error> {
        for level in [log::Level::Debug, log::Level::Info, log::Level::Warn, log::Level::Error] {
            log::emit(level, "rendering", &[("stack".to_owned(), st.name.clone())]);
        }
        if st.config == "refuse" {
            return Err(error(ErrorClass::Transient, "refused as it was wished"));
        }
        let text = |text: &str| api::Chunk::Text(text.to_owned());
        let secret = |slot: &api::Slot| api::Chunk::Secret((slot.id, "shell.single".to_owned()));
        let name = "web.service".to_owned();
        let told = api::File {
            path: "/etc/frozen/told".to_owned(),
            mode: 0o644,
            body: vec![text(&format!("{st:#?}\n{facts:#?}\n"))],
            restarts: vec![name.clone()],
            reloads: Vec::new(),
        };
        let kept = api::File {
            path: "/etc/frozen/kept".to_owned(),
            mode: 0o600,
            body: [text("secrets: ")].into_iter().chain(st.slots.iter().map(secret)).collect(),
            restarts: Vec::new(),
            reloads: vec![name.clone()],
        };
        let service = st.services.first().map(|service| service.name.clone()).unwrap_or_default();
        Ok(api::Rendering {
            files: vec![told, kept],
            units: vec![api::Unit { name, service, starts_at_boot: true }],
            notes: vec!["it still runs".to_owned()],
        })
    }
}

impl api::GuestSession for Session {
    fn new(st: api::Stack, wishes: Vec<api::Wish>, facts: api::Facts) -> Session {
        log::emit(log::Level::Info, &format!("{} on {}: {wishes:?}", st.name, facts.arch), &[]);
        Session { wishes, steps: Cell::new(0) }
    }

    fn next(&self, seen: Vec<api::Observation>) -> api::Step {
        let step = self.steps.get();
        self.steps.set(step + 1);
        log::emit(log::Level::Info, &format!("{seen:?}"), &[]);
        let command = |mutates| api::Command {
            argv: vec!["/bin/echo".to_owned(), "a b".to_owned()],
            stdin: "read".to_owned(),
            timeout_ms: 1_500,
            mutates,
        };
        match step {
            0 => api::Step::Run(vec![command(true)]),
            1 => api::Step::Ask(vec![command(false)]),
            2 => api::Step::WaitMs(25),
            3 => {
                let status = |(wish, state): (&api::Wish, api::RunState)| api::Status {
                    unit: wish.unit.clone(),
                    state,
                    enabled: Some(true),
                    since_unix_ms: Some(1_700_000_000_000),
                    detail: "as ever".to_owned(),
                };
                api::Step::Done(self.wishes.iter().zip(STATES.into_iter().cycle()).map(status).collect())
            }
            _ => api::Step::Fail(error(ErrorClass::Permanent, "there is no more")),
        }
    }
}

fn error(class: ErrorClass, message: &str) -> Error {
    let retry_after_ms = (class == ErrorClass::Transient).then_some(250);
    Error {
        class,
        code: "frozen.code".to_owned(),
        message: message.to_owned(),
        at: Some("a.b".to_owned()),
        retry_after_ms,
    }
}

export!(Frozen);
