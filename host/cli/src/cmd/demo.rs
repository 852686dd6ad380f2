//! `punix demo`: what punix does, shown by doing it. It runs this binary with the words that a user would type, below a
//! scratch directory and with nothing of the user's environment, and shows each command with all that it says.
//!
//! It never touches anything outside of that directory.

mod scratch;
mod script;

use crate::args::start::Demo;
use crate::cmd::service::Stopped;
use crate::exit::Exit;
use crate::ui::{Ui, shown};
use punix_build::sandbox::probe;
use punix_diag::{Code, Diagnostic, SourceMap};
use scratch::Scratch;
use script::{Step, steps};
use serde_json::{Value, json};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The word that stands for the scratch directory in what is shown.
const WORD: &str = "SCRATCH";
/// What of the environment commands get: how programs are found, and where temporary files are.
const PASSED_ON: [&str; 2] = ["PATH", "TMPDIR"];
const LAST_WORDS: &str = "
What was done: a package was built, a stack was deployed as generation 1 and, changed, as generation 2; a change by hand
was found; and generation 1 is live again, byte for byte.

Where to go: `punix init` begins a project like this one, `punix help` explains the concepts, and
`punix help service` lists the verbs. On this machine or another one it is the same commands, with
`--target ssh://user@host` or nothing in place of `--transport-root try`.
";

/// What a command said, and how it ended.
struct Ran {
    code: Option<i32>,
    said: String,
}

pub(crate) fn run(ui: &Ui, args: &Demo) -> Exit {
    show(ui, args).unwrap_or_else(|stopped| stopped.tell(ui, &SourceMap::default()))
}

fn show(ui: &Ui, args: &Demo) -> Result<Exit, Stopped> {
    let start = Instant::now();
    let stop = crate::cmd::build::stop_on_signals();
    let scratch = Scratch::new(args.keep.as_deref())?;
    let place = shown(scratch.path());
    if !ui.json {
        let what = match args.keep {
            Some(_) => format!("{place}, which stays"),
            None => "a new directory, which goes away in the end".to_owned(),
        };
        ui.say(&format!("{WORD} is {what}; nothing outside of it is touched"));
    }
    let is_apart = probe(Path::new("/proc/self/exe")).is_ok();
    if !is_apart && !ui.json {
        ui.say("warning: builds cannot be kept apart here, so they run without a sandbox; `punix doctor` says why");
    }
    let (mut documents, mut commands) = (Vec::new(), 0);
    for step in steps(is_apart) {
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Ok(Exit::Interrupted);
        }
        match step {
            Step::Say(text) if ui.json => documents.push(json!({ "says": text })),
            Step::Say(text) => ui.print(&format!("\n# {text}\n")).map_err(unheard)?,
            Step::Change { file, from, to } => change(&scratch.path().join(file), from, to)?,
            Step::Run { words, wanted } => {
                commands += 1;
                if !ui.json {
                    ui.print(&format!("$ punix {}\n", words.join(" "))).map_err(unheard)?;
                }
                let ran = command(scratch.path(), &words)?;
                if !ui.json {
                    ui.print(&ran.said).map_err(unheard)?;
                }
                documents.push(document(&words, &ran));
                if ran.code != Some(wanted) {
                    return Ok(went_wrong(ui, &words, &ran, wanted, documents));
                }
            }
        }
    }
    let kept = args.keep.as_ref().map(|_| place.clone());
    if ui.json {
        let document = json!({ "ok": true, "kept": kept, "steps": documents });
        return Ok(ui.result(&format!("{document:#}\n"), Exit::Done));
    }
    ui.print(&format!("{LAST_WORDS}\n{commands} commands in {:.1} s\n", start.elapsed().as_secs_f32()))
        .map_err(unheard)?;
    if let Some(kept) = kept {
        let variables = scratch::variables(scratch.path());
        let words: Vec<String> =
            variables.iter().map(|(name, value)| format!("{name}={}", shown(Path::new(value)))).collect();
        ui.say(&format!("kept: {kept}; to go on there: cd {kept} && export {}", words.join(" ")));
    }
    Ok(Exit::Done)
}

/// Nobody reads any more what is shown.
fn unheard(error: io::Error) -> Stopped {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Stopped::Told(Exit::Unheard),
        _ => disk(&error),
    }
}

fn disk(error: &io::Error) -> Stopped {
    Stopped::World(vec![Diagnostic::error(Code::E23, error.to_string())])
}

/// Runs this binary as a user would.
fn command(scratch: &Path, words: &[&str]) -> Result<Ran, Stopped> {
    let kept = PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let output = Command::new("/proc/self/exe")
        .args(words)
        .args(["--color", "never"])
        .current_dir(scratch)
        .env_clear()
        .envs(kept)
        .envs(scratch::variables(scratch))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| disk(&error))?;
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said).replace(&*scratch.to_string_lossy(), WORD);
    Ok(Ran { code: output.status.code(), said })
}

fn document(words: &[&str], ran: &Ran) -> Value {
    json!({ "command": format!("punix {}", words.join(" ")), "exit": ran.code, "said": ran.said })
}

fn went_wrong(ui: &Ui, words: &[&str], ran: &Ran, wanted: i32, documents: Vec<Value>) -> Exit {
    let verb = words.first().copied().unwrap_or_default();
    let code = ran.code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
    let message = format!("the demo stops here: `punix {verb} …` ended with {code}, and {wanted} was expected");
    if ui.json {
        let document = json!({ "ok": false, "kept": null, "steps": documents });
        return ui.result(&format!("{document:#}\n"), Exit::Failed);
    }
    ui.say(&format!("error: {message}"));
    ui.say("help: `punix doctor` says what this machine lacks; else please report it, with what stands above");
    Exit::Failed
}

/// Changes one file as somebody would in an editor.
fn change(path: &Path, from: &str, to: &str) -> Result<(), Stopped> {
    let changed = std::fs::read_to_string(path).and_then(|text| std::fs::write(path, text.replacen(from, to, 1)));
    changed.map_err(|error| disk(&error))
}
