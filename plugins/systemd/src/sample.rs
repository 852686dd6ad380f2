//! For tests: stacks, as the host gives them.

use punix_sdk::backend::{Chunk, Facts, File, Rendering, Scope, Service, Shape, Slot, Stack};

pub(crate) fn facts() -> Facts {
    Facts {
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        init_version: "252".to_owned(),
        home: Some("/home/ann".to_owned()),
        attributes: Vec::new(),
    }
}

pub(crate) fn stack(name: &str, services: Vec<Service>) -> Stack {
    Stack {
        name: name.to_owned(),
        scope: Scope::System,
        services,
        slots: Vec::new(),
        config: "{}".to_owned(),
        unit_dir: None,
    }
}

/// Returns a service whose fields are in JSON.
pub(crate) fn service(name: &str, argv: &[&str], config: &str) -> Service {
    Service {
        name: name.to_owned(),
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        env: Vec::new(),
        depends_on: Vec::new(),
        secret_delivery: "environment-file".to_owned(),
        config: config.to_owned(),
    }
}

pub(crate) fn with_env(mut service: Service, env: &[(&str, &str)]) -> Service {
    let plain = |&(name, value): &(&str, &str)| (name.to_owned(), vec![Chunk::Text(value.to_owned())]);
    service.env.extend(env.iter().map(plain));
    service
}

pub(crate) fn with_secret(mut service: Service, name: &str, slot: u32) -> Service {
    service.env.push((name.to_owned(), vec![Chunk::Secret((slot, "raw".to_owned()))]));
    service
}

pub(crate) fn depending(mut service: Service, others: &[&str]) -> Service {
    service.depends_on = others.iter().map(|&other| other.to_owned()).collect();
    service
}

pub(crate) fn slot(id: u32, shape: Shape) -> Slot {
    Slot { id, name: format!("from_env:S{id}"), shape }
}

/// Returns a file's text, with secrets as `<slot encoding>`.
pub(crate) fn text(file: &File) -> String {
    let chunk = |chunk: &Chunk| match chunk {
        Chunk::Text(text) => text.clone(),
        Chunk::Secret((slot, encoding)) => format!("<{slot} {encoding}>"),
    };
    file.body.iter().map(chunk).collect()
}

#[track_caller]
pub(crate) fn file<'a>(rendering: &'a Rendering, path: &str) -> &'a File {
    let paths = || rendering.files.iter().map(|file| &file.path).collect::<Vec<_>>();
    rendering.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is not in {:?}", paths()))
}
