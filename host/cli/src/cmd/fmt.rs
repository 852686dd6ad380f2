//! `punix fmt`: the only verb of the language that writes files, and each of them in one step.

use super::check::diagnostics_json;
use crate::args::Fmt;
use crate::exit::Exit;
use crate::load;
use crate::ui::Ui;
use punix_pcl::limits::PROGRAM_BYTES_MAX;
use punix_pcl::{Source, Unformattable, format};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// What happened to the files so far.
#[derive(Default)]
struct Report {
    changed: Vec<String>,
    unchanged: usize,
    /// Files with errors, and files that could not be read or written.
    failed: Vec<String>,
    diagnostics: Vec<Value>,
    /// Whether a file could not be read or written.
    unreachable: bool,
}

pub(crate) fn run(ui: &Ui, args: &Fmt) -> Exit {
    if args.paths.iter().any(|path| path == Path::new("-")) {
        return match args.paths.len() {
            1 => stdin(ui, args.check),
            _ => ui.refuse("`-` stands alone", Some("format stdin and files one after the other")),
        };
    }
    let files = match files(&args.paths) {
        Ok(files) => files,
        Err(error) => return ui.refuse(&error.to_string(), None),
    };
    let mut report = Report::default();
    for path in &files {
        one(ui, path, args.check, &mut report);
    }
    let names = if args.check { report.changed.as_slice() } else { &[] };
    let text: String = names.iter().map(|name| format!("{name}\n")).collect();
    let exit = report.exit(args.check);
    if ui.json { report.document(ui, None, exit) } else { ui.result(&text, exit) }
}

impl Report {
    fn exit(&self, check: bool) -> Exit {
        if self.unreachable {
            Exit::Usage
        } else if !self.failed.is_empty() || check && !self.changed.is_empty() {
            Exit::Failed
        } else {
            Exit::Done
        }
    }

    /// Notes and shows what is wrong with a file.
    fn refuse(&mut self, ui: &Ui, name: String, refused: &Unformattable) {
        if ui.json {
            self.diagnostics.extend(diagnostics_json(&refused.diagnostics, &refused.sources));
        } else {
            ui.show(&refused.diagnostics, 0, &refused.sources);
        }
        self.failed.push(name);
    }

    /// Notes and tells that a file cannot be read or written; the others are still done.
    fn unreachable(&mut self, ui: &Ui, name: String, message: &str) {
        if ui.json {
            let refusal = json!({ "severity": "error", "code": null, "message": message, "notes": [], "help": null });
            self.diagnostics.push(refusal);
        } else {
            ui.refuse(message, None);
        }
        self.failed.push(name);
        self.unreachable = true;
    }

    fn document(self, ui: &Ui, text: Option<String>, exit: Exit) -> Exit {
        let mut document = json!({
            "changed": self.changed,
            "unchanged": self.unchanged,
            "failed": self.failed,
            "diagnostics": self.diagnostics,
        });
        if let Some(text) = text {
            document["text"] = text.into();
        }
        ui.result(&format!("{document:#}\n"), exit)
    }
}

/// Lists all files, each once, before the first of them is touched.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, load::Unreadable> {
    let mut files = Vec::new();
    for path in paths {
        files.append(&mut load::files(path)?);
    }
    let mut seen = BTreeSet::new();
    // Two names, or a link, may lead to one file. What leads nowhere is found out when it is read.
    files.retain(|path| fs::canonicalize(path).map_or(true, |target| seen.insert(target)));
    Ok(files)
}

fn one(ui: &Ui, path: &Path, check: bool, report: &mut Report) {
    let name = path.to_string_lossy().into_owned();
    let source = match load::read(path) {
        Ok(source) => source,
        Err(error) => {
            return report.unreachable(ui, name, &error.to_string());
        }
    };
    let before = source.bytes.clone();
    match format(source) {
        Err(refused) => report.refuse(ui, name, &refused),
        Ok(text) if text.as_bytes() == before => report.unchanged += 1,
        Ok(_) if check => report.changed.push(name),
        Ok(text) => match replace(path, &text) {
            Ok(()) => {
                if !ui.json {
                    ui.say(&format!("formatted: {name}"));
                }
                report.changed.push(name);
            }
            Err(error) => {
                let message = format!("cannot write `{name}`: {error}");
                report.unreachable(ui, name, &message);
            }
        },
    }
}

fn stdin(ui: &Ui, check: bool) -> Exit {
    let mut before = Vec::new();
    if let Err(error) = io::stdin().lock().take(PROGRAM_BYTES_MAX as u64 + 1).read_to_end(&mut before) {
        return ui.refuse(&format!("cannot read stdin: {error}"), None);
    }
    let name = "<stdin>".to_owned();
    let mut report = Report::default();
    let text = match format(Source { name: name.clone(), bytes: before.clone() }) {
        Ok(text) => Some(text),
        Err(refused) => {
            report.refuse(ui, name.clone(), &refused);
            None
        }
    };
    match &text {
        Some(text) if text.as_bytes() == before => report.unchanged = 1,
        Some(_) => report.changed.push(name),
        None => {}
    }
    let exit = report.exit(check);
    if ui.json {
        return report.document(ui, text.filter(|_| !check), exit);
    }
    let names: String = report.changed.iter().map(|name| format!("{name}\n")).collect();
    ui.result(&if check { names } else { text.unwrap_or_default() }, exit)
}

/// Puts a text in a file's place in one step: who reads the file sees the old text or the new, also after a power
/// cut. A link stays one; what it leads to is replaced.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let target = fs::canonicalize(path)?;
    // A rename asks the directory alone; a file that may not be written shall not be replaced either.
    let old = OpenOptions::new().write(true).open(&target)?.metadata()?;
    let directory = target.parent().unwrap_or(Path::new("/"));
    let (temporary, file) = create_beside(directory)?;
    let written = fill(file, text, &old).and_then(|()| fs::rename(&temporary, &target));
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary); // what went wrong first is what is told
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

/// Creates a file of a new name, without the ending by which programs are found.
fn create_beside(directory: &Path) -> io::Result<(PathBuf, File)> {
    const TRIES: u32 = 100;
    let mut tries = 0;
    loop {
        let path = directory.join(format!(".punix-fmt-{}-{tries}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => tries += 1,
            opened => return Ok((path, opened?)),
        }
    }
}

/// Writes a text durably, under the owner and the mode of the file that it replaces.
fn fill(mut file: File, text: &str, old: &fs::Metadata) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        fchown(&file, Some(old.uid()), Some(old.gid()))
            .map_err(|error| io::Error::other(format!("its owner cannot be kept: {error}")))?;
    }
    file.set_permissions(old.permissions())?; // after the owner, whose change would drop some bits
    file.sync_all()
}
