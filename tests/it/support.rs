//! What the tests share: programs checked in-process, the binary run like a user would run it, folders that go away.
//! Must never depend on the machine's environment, nor leave anything behind.

use crate::exact::Json;
use punix_diag::{Detail, Look, render};
use punix_pcl::limits::DOCUMENT_BYTES_MAX;
use punix_pcl::{Checked, Evaluator, MemberKind, ScenarioId, Source, World, check, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Returns the checkout's top folder.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Checks one file called `test.pcl`.
pub(crate) fn check_text(text: impl Into<Vec<u8>>) -> Checked {
    check(vec![Source { name: "test.pcl".to_owned(), bytes: text.into() }], &World::default())
}

/// Checks several files, in this order.
pub(crate) fn check_files(files: &[(&str, &str)]) -> Checked {
    let source = |&(name, text): &(&str, &str)| Source { name: name.to_owned(), bytes: text.into() };
    check(files.iter().map(source).collect(), &World::default())
}

/// Returns everything that was found, a line for each error, note and help.
pub(crate) fn lines(checked: &Checked) -> String {
    let look = Look { detail: Detail::Lines, color: false };
    render(&checked.diagnostics, &checked.program.ast.sources, look)
}

/// Returns everything that was found, with the source drawn.
pub(crate) fn excerpts(checked: &Checked) -> String {
    let look = Look { detail: Detail::Excerpt, color: false };
    render(&checked.diagnostics, &checked.program.ast.sources, look)
}

/// Returns all values, module by module, as `punix eval` prints them; `out` is left out, as there.
pub(crate) fn values(checked: &Checked, scenario: Option<ScenarioId>) -> Result<Json, String> {
    let mut evaluator = Evaluator::under(&checked.program, scenario);
    evaluator.evaluate_all();
    let errors = evaluator.errors();
    if !errors.is_empty() {
        let look = Look { detail: Detail::Lines, color: false };
        return Err(render(&errors, &checked.program.ast.sources, look));
    }
    let mut modules = BTreeMap::new();
    for (id, module) in checked.program.modules() {
        let mut members = BTreeMap::new();
        for (member, found) in checked.program.members_of(id) {
            if found.kind == MemberKind::Out {
                continue;
            }
            let mut text = "{\"$unbound\": true}".to_owned();
            if let Some(value) = evaluator.value(member) {
                text.clear();
                json(&evaluator.values, value, DOCUMENT_BYTES_MAX, &mut text).map_err(|_| "too long")?;
            }
            members.insert(checked.program.ast.text(found.name).to_owned(), Json::parse(&text)?);
        }
        modules.insert(checked.program.ast.text(module.name).to_owned(), Json::Object(members));
    }
    Ok(Json::Object(modules))
}

/// A folder of one test; it goes away with its owner.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("punix-it-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Folder(path)
    }

    /// Returns a folder with these files in it.
    pub(crate) fn with(files: &[(&str, &str)]) -> Folder {
        let folder = Folder::new();
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and the folders that it needs; returns its path.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
        }
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Runs `punix` here.
    pub(crate) fn punix<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        let mut command = punix();
        command.args(arguments).current_dir(&self.0);
        run(command)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a command came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Returns the result as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        Json::parse(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Starts a `punix` that sees nothing of this machine's environment.
pub(crate) fn punix() -> Command {
    scrubbed(env!("CARGO_BIN_EXE_punix"))
}

/// Starts a command with an empty environment and no input.
pub(crate) fn scrubbed(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    command
}

/// Runs a command to its end, which has to come within a minute.
#[track_caller]
pub(crate) fn run(command: Command) -> Outcome {
    run_with_input(command, None)
}

/// Runs a command that compiles, which takes its time on a busy machine.
#[track_caller]
pub(crate) fn run_compiling(command: Command) -> Outcome {
    run_within(command, None, Duration::from_secs(300))
}

/// Runs a command with something to read.
#[track_caller]
pub(crate) fn run_with_input(command: Command, input: Option<&[u8]>) -> Outcome {
    run_within(command, input, Duration::from_secs(60))
}

#[track_caller]
fn run_within(mut command: Command, input: Option<&[u8]>, deadline: Duration) -> Outcome {
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        let _ = stdin.write_all(input);
    }
    let mut end = |stream: mpsc::Receiver<Vec<u8>>| match stream.recv_timeout(deadline) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => {
            stop(&mut child);
            panic!("{command:?} did not end in time");
        }
    };
    let (stdout, stderr) = (end(stdout), end(stderr));
    let status = child.wait().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Outcome { code: status.code(), stdout, stderr }
}

fn stop(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads a stream to its end on a thread of its own.
fn collect(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// Counts a test that cannot run here.
pub(crate) fn skip(reason: &str) {
    if let Some(log) = std::env::var_os("PUNIX_SKIP_LOG")
        && let Ok(mut log) = fs::OpenOptions::new().append(true).create(true).open(log)
    {
        let _ = writeln!(log, "SKIP: {reason}");
    }
}
