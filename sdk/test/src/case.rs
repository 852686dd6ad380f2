//! Cases: files in `tests/cases` of a plugin's project that say what goes in, and beside each a file `.expected` with what
//! has to come out. They need no language but the plugin's own.
//!
//! ```toml
//! [resolve]                              # or [render], or [open]
//! references = ["kv/db#password"]
//! config = '{"address":"https://vault.test"}'
//!
//! [variables]
//! TOKEN = "t"
//!
//! [[http]]
//! method = "get"
//! url = "https://vault.test/v1/kv/db"
//! status = 200
//! body = '{"data":{"password":"p"}}'
//! ```

use crate::fakes::Fault;
use crate::host::{TestHost, TestHostError};
use crate::stack::stack_from_json;
use punix_model::{
    Backend, CallFault, Cause, Chunk, Endpoint, PluginError, Rendering, Request, Resolved, Resolver, Transport,
};
use punix_plugin::Method;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub path: PathBuf,
    pub expected: Option<String>,
    pub found: String,
}

/// Why a case cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error("`{}` cannot be read: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("`{}` is no case: {said}", path.display())]
    Form { path: PathBuf, said: String },
    #[error(transparent)]
    Host(#[from] TestHostError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    resolve: Option<Resolve>,
    render: Option<Render>,
    open: Option<Open>,
    /// Everything that the plugin asks for is refused.
    #[serde(default)]
    denied: bool,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    http: Vec<Answer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolve {
    references: Vec<String>,
    #[serde(default = "nothing")]
    config: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Render {
    /// A stack in JSON.
    stack: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    scheme: String,
    #[serde(default)]
    host: String,
    user: Option<String>,
    port: Option<u16>,
    path: Option<String>,
    #[serde(default)]
    options: BTreeMap<String, String>,
    #[serde(default)]
    argv: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    method: Method,
    url: String,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    body: String,
    fault: Option<FaultWord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FaultWord {
    Timeout,
    Refused,
    Truncated,
}

fn nothing() -> String {
    "{}".to_owned()
}

impl Outcome {
    /// Tells whether what came out is what was expected.
    pub fn is_as_expected(&self) -> bool {
        self.expected.as_ref() == Some(&self.found)
    }

    /// Returns where the expectation stands.
    pub fn expected_path(&self) -> PathBuf {
        self.path.with_extension("expected")
    }
}

/// Tries every case of a directory, in the order of their names. Files that references lead to lie in the directory; the
/// roots of a plugin are directories in `roots` there.
pub fn cases(component: &[u8], directory: &Path) -> Result<Vec<Outcome>, CaseError> {
    let failed = |error| CaseError::Read { path: directory.to_owned(), error };
    let listed = match fs::read_dir(directory) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    // Places that are granted are written in one way.
    let directory = &fs::canonicalize(directory).map_err(failed)?;
    let mut paths = Vec::new();
    for entry in listed {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let host = TestHost::new(component.to_vec())?;
    paths.into_iter().map(|path| one(&host, path, directory)).collect()
}

fn one(host: &TestHost, path: PathBuf, directory: &Path) -> Result<Outcome, CaseError> {
    let form = |said: String| CaseError::Form { path: path.clone(), said };
    let text = fs::read_to_string(&path).map_err(|error| CaseError::Read { path: path.clone(), error })?;
    let case: Case = toml::from_str(&text).map_err(|error| form(error.to_string().trim().to_owned()))?;
    let mut host = host.anew().roots(&directory.join("roots"));
    if case.denied {
        host = host.denying();
    }
    host.fakes.variables = case.variables.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    for answer in case.http {
        let outcome = match answer.fault {
            None => Ok((answer.status, answer.body)),
            Some(FaultWord::Timeout) => Err(Fault::Timeout),
            Some(FaultWord::Refused) => Err(Fault::Refused),
            Some(FaultWord::Truncated) => Err(Fault::Truncated),
        };
        host.fakes.answers.insert((answer.method, answer.url), outcome);
    }
    let asked = std::sync::Arc::clone(&host.fakes.asked);
    let mut found = match (case.resolve, case.render, case.open) {
        (Some(resolve), None, None) => resolved(host, &resolve, directory)?,
        (None, Some(render), None) => rendered(&host, &render, &form)?,
        (None, None, Some(open)) => opened(&host, open)?,
        _ => return Err(form("it needs exactly one of `[resolve]`, `[render]` and `[open]`".to_owned())),
    };
    let asked = asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for line in asked.iter() {
        let _ = writeln!(found, "asked: {line}");
    }
    let expected = fs::read_to_string(path.with_extension("expected")).ok();
    Ok(Outcome { path, expected, found })
}

fn resolved(host: TestHost, case: &Resolve, directory: &Path) -> Result<String, CaseError> {
    let references: Vec<&str> = case.references.iter().map(String::as_str).collect();
    let host = host.config(&case.config).references(directory, &references);
    let Some(resolver) = host.resolver()? else { return Ok("it is no resolver\n".to_owned()) };
    let request = |reference: &String| Request {
        reference: reference.clone(),
        config: case.config.clone(),
        credentials: Vec::new(),
    };
    let requests: Vec<Request> = case.references.iter().map(request).collect();
    let mut text = String::new();
    match resolver.resolve_all(&requests) {
        Ok(answers) => {
            for (reference, answer) in case.references.iter().zip(answers) {
                let _ = match answer {
                    Ok(answer) => writeln!(text, "{reference}: {}", value(&answer)),
                    Err(error) => writeln!(text, "{reference}: {}", said(&error)),
                };
            }
        }
        Err(fault) => text.push_str(&broken(&fault)),
    }
    Ok(text)
}

/// What was resolved is made up by the case, so it can be shown.
fn value(answer: &Resolved) -> String {
    let Resolved { value, version, ttl_ms, renewable } = answer;
    let mut text = format!("\"{}\"", String::from_utf8_lossy(value.expose()).escape_debug());
    if let Some(version) = version {
        let _ = write!(text, ", version {version}");
    }
    if let Some(ttl_ms) = ttl_ms {
        let _ = write!(text, ", for {ttl_ms} ms");
    }
    if *renewable {
        text.push_str(", renewable");
    }
    text
}

fn rendered(host: &TestHost, case: &Render, form: &impl Fn(String) -> CaseError) -> Result<String, CaseError> {
    let (stack, facts) = stack_from_json(&case.stack).map_err(|error| form(error.to_string()))?;
    let Some(backend) = host.backend()? else { return Ok("it is no backend\n".to_owned()) };
    Ok(match backend.render(&stack, &facts) {
        Ok(rendering) => files(&rendering),
        Err(fault) => broken(&fault),
    })
}

fn files(rendering: &Rendering) -> String {
    let mut text = String::new();
    for file in &rendering.files {
        let _ = write!(text, "== {} {:04o}", file.path, file.mode);
        for (word, units) in [("restarts", &file.restarts), ("reloads", &file.reloads)] {
            if !units.is_empty() {
                let _ = write!(text, " {word} {}", units.join(" "));
            }
        }
        text.push('\n');
        for chunk in &file.body {
            match chunk {
                Chunk::Text(piece) => text.push_str(piece),
                Chunk::Secret(slot, encoding) => {
                    let _ = write!(text, "⟨secret {slot} as {}⟩", encoding.0);
                }
            }
        }
        if !text.ends_with('\n') {
            text.push_str("\n(no newline at the end)\n");
        }
    }
    for unit in &rendering.units {
        let boot = if unit.starts_at_boot { " starts at boot" } else { "" };
        let _ = writeln!(text, "unit {} of `{}`{boot}", unit.name, unit.service);
    }
    for note in &rendering.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

fn opened(host: &TestHost, case: Open) -> Result<String, CaseError> {
    let Some(transport) = host.transport()? else { return Ok("it is no transport\n".to_owned()) };
    let endpoint = Endpoint {
        scheme: case.scheme,
        user: case.user,
        host: case.host,
        port: case.port,
        path: case.path,
        options: case.options.into_iter().collect(),
    };
    Ok(open(&transport, &endpoint, &case.argv).unwrap_or_else(|fault| broken(&fault)))
}

fn open(transport: &dyn Transport, endpoint: &Endpoint, argv: &[String]) -> Result<String, CallFault> {
    let form = match transport.normalise(endpoint)? {
        Ok(form) => form,
        Err(error) => return Ok(format!("refused: {}\n", said(&error))),
    };
    let Endpoint { scheme, user, host, port, path, .. } = &form;
    let user = user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let mut text = format!("target: {scheme}://{user}{host}{port}{}\n", path.as_deref().unwrap_or_default());
    if argv.is_empty() {
        return Ok(text);
    }
    let mut link = match transport.open(&form)? {
        Ok(link) => link,
        Err(error) => return Ok(text + &format!("not opened: {}\n", said(&error))),
    };
    let _ = match link.start(argv)? {
        Ok(pipe) => writeln!(text, "pipe: {}", pipe.label),
        Err(error) => writeln!(text, "not started: {}", said(&error)),
    };
    Ok(text)
}

fn said(error: &PluginError) -> String {
    let at = error.at.as_ref().map_or_else(String::new, |at| format!(" at `{at}`"));
    format!("{:?} {}{at}: {}", error.class, error.code, error.message)
}

fn broken(fault: &CallFault) -> String {
    match &fault.cause {
        Cause::Refused(error) => format!("refused: {}\n", said(error)),
        _ => format!("fault: {fault}\n"),
    }
}
