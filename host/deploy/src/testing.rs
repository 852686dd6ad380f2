//! For tests: stacks, a backend and targets that are made up.

use crate::design::{Design, DesignFile, FileBody, Service, Variable};
use crate::places::Places;
use crate::render::{Rendered, Renderer, render};
use crate::sources::Sources;
use punix_diag::{Diagnostic, Span};
use punix_model::{
    Backend, CallFault, Chunk, Encoding, Facts, PlannedFile, Rendering, Scope, Session, Shape, Slot, Stack, Unit, Wish,
};
use punix_target::TargetPath;

/// A span that is recognised.
pub(crate) fn span(number: u32) -> Span {
    Span::new(number, number + 1)
}

pub(crate) fn path(text: &str) -> TargetPath {
    TargetPath::parse(text).unwrap()
}

/// A stack `Web` with a service `api`, which has a plain variable, and a secret one with the slot 0.
pub(crate) fn design() -> Design {
    let mut places = Places::default();
    places.add("services.api".to_owned(), span(20));
    places.add("services.api.env.TOKEN".to_owned(), span(21));
    Design {
        name: "Web".to_owned(),
        at: span(1),
        backend: "systemd".to_owned(),
        backend_at: span(2),
        scope: Scope::System,
        services: vec![service("api")],
        store_modules: Vec::new(),
        store_paths: vec!["/store/api".to_owned()],
        files: vec![file("/etc/app/a.conf", "a\n")],
        slots: vec![Slot { id: 0, name: "from_env:TOKEN".to_owned(), shape: Shape::Text }],
        slot_places: vec![span(21)],
        config: "{}".to_owned(),
        tls: None,
        links: crate::Links::default(),
        state_dirs: Vec::new(),
        places,
    }
}

pub(crate) fn service(name: &str) -> Service {
    let variable =
        |name: &str, chunk| Variable { name: name.to_owned(), at: span(21), value: vec![chunk], artifact: None };
    Service {
        name: name.to_owned(),
        at: span(20),
        package: "Api".to_owned(),
        package_path: "/store/api".to_owned(),
        binary: "api".to_owned(),
        args: vec!["--port".to_owned(), "80".to_owned()],
        depends_on: Vec::new(),
        environment: vec![
            variable("LEVEL", Chunk::Text("info".to_owned())),
            variable("TOKEN", Chunk::Secret(0, Encoding("raw".to_owned()))),
        ],
        secret_delivery: "environment-file".to_owned(),
        runs_as_other: false,
        health: Vec::new(),
        config: "{}".to_owned(),
    }
}

pub(crate) fn file(path: &str, text: &str) -> DesignFile {
    DesignFile {
        path: path.to_owned(),
        at: span(10),
        body: FileBody::Chunks(vec![Chunk::Text(text.to_owned())]),
        secret: false,
        mode: None,
        owner: None,
        group: None,
        restarts: None,
        reloads: None,
        made_by: "raw",
    }
}

pub(crate) fn source(path: &str, source: &str, exclude: &[&str]) -> DesignFile {
    let exclude = exclude.iter().map(|&pattern| pattern.to_owned()).collect();
    let body = FileBody::Source { path: source.to_owned(), path_at: span(11), exclude };
    DesignFile { body, ..file(path, "") }
}

/// A backend that writes a unit for each service, and a file with its variables.
pub(crate) struct Units;

impl Backend for Units {
    fn render(&self, stack: &Stack, _: &Facts) -> Result<Rendering, CallFault> {
        let mut files = Vec::new();
        let dir = stack.unit_dir.as_deref().unwrap_or("/etc/systemd/system");
        for service in &stack.services {
            let unit = format!("{}.service", service.name);
            let file = |path: String, mode, body| PlannedFile {
                path,
                mode,
                body,
                restarts: vec![unit.clone()],
                reloads: Vec::new(),
            };
            let mut body = Vec::new();
            for (name, value) in &service.env {
                body.push(Chunk::Text(format!("{name}=")));
                body.extend(value.iter().map(|chunk| match chunk {
                    Chunk::Text(text) => Chunk::Text(format!("\"{text}\"")),
                    Chunk::Secret(slot, _) => Chunk::Secret(*slot, Encoding("systemd.environment-file".to_owned())),
                }));
                body.push(Chunk::Text("\n".to_owned()));
            }
            files.push(file(format!("/etc/punix/env/{}/{}.env", stack.name, service.name), 0o600, body));
            let text = format!("ExecStart={}\n{}\n", service.argv.join(" "), service.config);
            files.push(file(format!("{dir}/{unit}"), 0o644, vec![Chunk::Text(text)]));
        }
        let unit = |service: &punix_model::Service| Unit {
            name: format!("{}.service", service.name),
            service: service.name.clone(),
            starts_at_boot: true,
        };
        Ok(Rendering { files, units: stack.services.iter().map(unit).collect(), notes: vec!["a note".to_owned()] })
    }

    fn session(&self, _: &Stack, _: &[Wish], _: &Facts) -> Result<Box<dyn Session>, CallFault> {
        panic!("no test begins a session");
    }
}

pub(crate) fn facts() -> Facts {
    Facts {
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        init_version: String::new(),
        home: None,
        attributes: Vec::new(),
    }
}

pub(crate) fn rendered(design: &Design) -> Rendered {
    render_with(design, Sources::default(), &Units).unwrap()
}

pub(crate) fn render_with(
    design: &Design,
    sources: Sources,
    backend: &dyn Backend,
) -> Result<Rendered, Vec<Diagnostic>> {
    render(design, sources, Renderer { backend, id: "punix.systemd", facts: &facts(), unit_dir: None })
}

/// Returns the lines that people see of some diagnostics, without their files.
pub(crate) fn lines(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let code = diagnostic.code.map(|code| format!("[{code}] ")).unwrap_or_default();
        let at = diagnostic.span.map(|span| format!("{}: ", span.start)).unwrap_or_default();
        out.push_str(&format!("{at}{code}{}\n", diagnostic.message));
        for note in &diagnostic.notes {
            let at = note.span.map(|span| format!("{}: ", span.start)).unwrap_or_default();
            out.push_str(&format!("  {at}note: {}\n", note.message));
        }
        out.extend(diagnostic.help.iter().map(|help| format!("  help: {help}\n")));
    }
    out
}
