//! Asking the operator about requests, one after the other. The questions go to the conversation, the answers are lines.
//! Without a terminal nobody is asked.

use super::given::{Given, as_requested};
use super::inspect::line;
use super::requests::Request;
use punix_plugin::{
    AbsolutePath, EnvGrant, FilesGrant, Form, HostPattern, HostWanted, HttpGrant, ProgramGrant, ProgramWanted,
    Referred, Requests, RootName, VariableName,
};
use std::io::{self, BufRead, Write};

/// What somebody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Grant(Box<Given>),
    Refuse,
    /// To be decided by `grant` or `revoke`.
    Later,
}

/// How often somebody may answer what is no answer.
const TRIES: usize = 10;
/// An answer that is longer is none.
const ANSWER_BYTES_MAX: u64 = 4 << 10;

/// Asks about one request. Who ends the input, or answers nothing sensible for long, stops everything: `None`.
pub(super) fn ask(
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    request: &Request,
    mark: &str,
) -> io::Result<Option<Answer>> {
    write!(output, "{mark}{}", line(request))?;
    for _ in 0..TRIES {
        write!(output, "  allow it? [y]es, [n]o, [l]ater: ")?;
        output.flush()?;
        let Some(answer) = read_line(input)? else { return Ok(None) };
        match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" => return allowed(input, output, &request.alone),
            "n" | "no" => return Ok(Some(Answer::Refuse)),
            "l" | "later" => return Ok(Some(Answer::Later)),
            _ => writeln!(output, "  answer with y, n or l")?,
        }
    }
    Ok(None)
}

/// Grants what is asked for, and asks for what the request leaves open.
fn allowed(input: &mut dyn BufRead, output: &mut dyn Write, request: &Requests) -> io::Result<Option<Answer>> {
    if let Some(given) = as_requested(request) {
        return Ok(Some(Answer::Grant(Box::new(given))));
    }
    for _ in 0..TRIES {
        write!(output, "  {}: ", missing(request))?;
        output.flush()?;
        let Some(answer) = read_line(input)? else { return Ok(None) };
        if answer.is_empty() {
            return Ok(Some(Answer::Later));
        }
        match complete(request, &answer) {
            Ok(given) => return Ok(Some(Answer::Grant(Box::new(given)))),
            Err(why) => writeln!(output, "  {}", super::words::seen(&why))?,
        }
    }
    Ok(None)
}

/// Says what a request leaves open.
fn missing(request: &Requests) -> &'static str {
    let open_root = request.files.first().is_some_and(|files| files.root == Referred::Reference);
    match () {
        () if !request.http.is_empty() => "which host, with its port (nothing: later)",
        () if !request.env.is_empty() => "which variable (nothing: later)",
        () if open_root => "which root, a blank, and its path (nothing: later)",
        () if !request.files.is_empty() => "where is that, as an absolute path (nothing: later)",
        () => "where is the program, as an absolute path (nothing: later)",
    }
}

/// Makes a grant of a request, and of the word that it leaves open.
fn complete(request: &Requests, word: &str) -> Result<Given, String> {
    let said = |error: punix_plugin::WordError| error.to_string();
    if let Some(http) = request.http.first() {
        let host = match &http.host {
            HostWanted::Known(host) => host.clone(),
            HostWanted::Configured(_) => HostPattern::parse(word).map_err(said)?,
        };
        let (methods, paths, public) = (http.methods.clone(), http.paths.clone(), http.public.clone());
        let (plain_http, private) = (http.plain_http, false);
        return Ok(Given::Http(HttpGrant { host, methods, paths, public, plain_http, private, ca: None }));
    }
    if let Some(env) = request.env.first() {
        let form = if env.secret { Form::Secret } else { Form::Plain };
        return Ok(Given::Env(EnvGrant { name: VariableName::parse(word).map_err(said)?, form }));
    }
    if let Some(files) = request.files.first() {
        let (root, path) = match &files.root {
            Referred::Named(root) => (root.clone(), word),
            Referred::Reference => {
                let (root, path) = word.split_once(' ').ok_or("a root, a blank and a path are needed")?;
                (RootName::parse(root).map_err(said)?, path.trim_start())
            }
        };
        return Ok(Given::Files(FilesGrant {
            root,
            path: AbsolutePath::parse(path).map_err(said)?,
            write: files.write,
        }));
    }
    let Some(program) = request.spawn.first().or(request.process.first()) else {
        return Err("there is nothing to say about it".to_owned());
    };
    let path = AbsolutePath::parse(word).map_err(said)?;
    if let ProgramWanted::Named(name) = &program.program
        && path.file_name() != name.as_str()
    {
        return Err(format!("it asks for a program called `{name}`"));
    }
    let grant = ProgramGrant { program: path, args: program.args.clone(), sha256: None };
    Ok(if request.spawn.is_empty() { Given::Process(grant) } else { Given::Spawn(grant) })
}

/// Reads one line, without what surrounds it; `None` at the end.
fn read_line(input: &mut dyn BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let read = io::Read::take(input, ANSWER_BYTES_MAX).read_until(b'\n', &mut bytes)?;
    if read == 0 || (!bytes.ends_with(b"\n") && bytes.len() as u64 == ANSWER_BYTES_MAX) {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
}
