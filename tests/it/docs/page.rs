//! Runs the blocks of one page through the binary, in a folder of the page's own. What the fences mean is said in
//! the header of the file above.

use super::markdown::{Block, blocks};
use super::{read, shown};
use crate::build::{namespaces, unlock};
use crate::support::{Folder, Outcome, punix, run, skip};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A page that is being run through.
pub(super) struct Page {
    file: PathBuf,
    text: String,
    folder: Folder,
    /// The program of the last `pcl` block, and what its fence says.
    program: Option<(String, Claim)>,
    /// Whether the block before was that program.
    right_behind: bool,
    unanswered: Option<usize>,
    updates: Vec<(std::ops::Range<usize>, String)>,
    pub(super) problems: Vec<String>,
}

/// What a fence says of a program.
#[derive(Clone)]
enum Claim {
    Errors(Vec<(String, u64)>),
    Warnings(Vec<u64>),
    Values,
    Nothing,
}

impl Page {
    pub(super) fn open(file: &Path) -> Page {
        Page {
            file: file.to_owned(),
            text: read(file),
            folder: Folder::new(),
            program: None,
            right_behind: false,
            unanswered: None,
            updates: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn run(&mut self) {
        for block in blocks(&self.text) {
            let was_program = block.language() == "pcl";
            match block.language() {
                "pcl" => self.program(&block),
                "json" => self.json(&block),
                "console" => self.console(&block),
                "text" if self.right_behind => self.message(&block),
                "text" | "ebnf" | "sh" | "rust" | "toml" | "" => {}
                other => self.problem(block.line, format!("no test knows a `{other}` block")),
            }
            self.right_behind = was_program;
        }
        self.answered();
        self.write_updates();
    }

    fn problem(&mut self, line: usize, problem: impl std::fmt::Display) {
        self.problems.push(format!("{}:{line}: {problem}", shown(&self.file)));
    }

    /// Complains of an `eval` block that nothing was compared with.
    fn answered(&mut self) {
        if let Some(line) = self.unanswered.take() {
            self.problem(line, "a `json` block has to say what comes out");
        }
    }

    fn program(&mut self, block: &Block) {
        self.answered();
        let claim = match claim(block) {
            Ok(claim) => claim,
            Err(problem) => return self.problem(block.line, problem),
        };
        let name = block.value("file").unwrap_or("example.pcl").to_owned();
        self.folder.write(&name, &block.body);
        self.program = Some((name.clone(), claim.clone()));
        let ran = || self.folder.punix(["check", "--json", &name]).stdout;
        let wrong = match claim {
            Claim::Nothing => None,
            Claim::Values => {
                self.unanswered = Some(block.line);
                let found = errors_of(&ran());
                (!found.is_empty()).then(|| format!("it has errors: {found:?}"))
            }
            Claim::Errors(wanted) => {
                let found = errors_of(&ran());
                (found != wanted).then(|| format!("its errors are {found:?}"))
            }
            Claim::Warnings(wanted) => {
                let json = ran();
                let (errors, found) = (errors_of(&json), warnings_of(&json));
                let right = errors.is_empty() && found == wanted;
                (!right).then(|| format!("its errors are {errors:?}, its warnings {found:?}"))
            }
        };
        if let Some(wrong) = wrong {
            let printed = said(&self.folder.punix(["check", &name]));
            self.problem(block.line, format!("{wrong}\n{printed}"));
        }
    }

    fn json(&mut self, block: &Block) {
        let wanted: Value = match serde_json::from_str(&block.body) {
            Ok(value) => value,
            Err(error) => return self.problem(block.line, format!("this is no JSON: {error}")),
        };
        let Some((name, Claim::Values)) = &self.program else {
            return self.problem(block.line, "no `pcl eval` block stands before it");
        };
        self.unanswered = None;
        let mut arguments = vec!["eval", name];
        arguments.extend(block.value("target"));
        if let Some(scenario) = block.value("scenario") {
            arguments.extend(["--scenario", scenario]);
        }
        let ran = self.folder.punix(&arguments);
        let found = serde_json::from_str(&ran.stdout).unwrap_or(Value::Null);
        if found != wanted {
            self.problem(block.line, format!("comes out otherwise:\n{}", said(&ran)));
        }
    }

    /// Compares what `punix check` prints of the program before.
    fn message(&mut self, block: &Block) {
        let Some((name, Claim::Errors(_) | Claim::Warnings(_))) = &self.program else { return };
        let printed = said(&self.folder.punix(["check", name]));
        self.compare(block, printed);
    }

    fn console(&mut self, block: &Block) {
        self.answered();
        let mut printed = String::new();
        let mut exit = 0;
        let builds = block.info.iter().any(|word| word == "builds");
        if builds && !namespaces() {
            return skip("no user namespaces for builds");
        }
        // What a command prints may look like commands.
        let is_one = block.info.iter().any(|word| word == "one");
        let commands = block.body.lines().filter_map(|line| line.strip_prefix("$ "));
        for command in commands.take(if is_one { 1 } else { usize::MAX }) {
            printed.push_str(&format!("$ {command}\n"));
            let words: Vec<&str> = command.split_whitespace().collect();
            match words.as_slice() {
                ["punix", arguments @ ..] => {
                    let ran = if builds { self.at_home(arguments) } else { self.folder.punix(arguments) };
                    exit = ran.code.unwrap_or(-1);
                    printed.push_str(&said(&ran));
                }
                ["echo", "$?"] => printed.push_str(&format!("{exit}\n")),
                ["cat", file] => printed.push_str(&read(&self.folder.path().join(file))),
                _ => self.problem(block.line, format!("no test knows the command `{command}`")),
            }
        }
        self.compare(block, printed);
    }

    /// Runs a command of somebody who has a home, which is `~` in what is said.
    fn at_home(&self, arguments: &[&str]) -> Outcome {
        let folder = fs::canonicalize(self.folder.path()).expect("the folder is there");
        let home = folder.join("home");
        fs::create_dir_all(&home).expect("a home can be made");
        let mut command = punix();
        command.args(arguments).current_dir(&folder).env("HOME", &home).env("PATH", "/usr/bin:/bin");
        let ran = run(command);
        let shown = |text: &str| text.replace(&*home.to_string_lossy(), "~");
        Outcome { code: ran.code, stdout: shown(&ran.stdout), stderr: shown(&ran.stderr) }
    }

    fn compare(&mut self, block: &Block, printed: String) {
        let trimmed = |text: &str| -> Vec<String> { text.lines().map(|line| line.trim_end().to_owned()).collect() };
        let timeless = |text: &str| -> Vec<String> { trimmed(text).iter().map(|line| without_time(line)).collect() };
        if timeless(&block.body) == timeless(&printed) {
            return;
        }
        if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
            self.updates.push((block.lines.clone(), trimmed(&printed).join("\n")));
        } else {
            let help = "UPDATE_EXPECT=1 takes it over";
            self.problem(block.line, format!("prints otherwise ({help}):\n{printed}"));
        }
    }

    fn write_updates(&mut self) {
        if self.updates.is_empty() {
            return;
        }
        let mut lines: Vec<&str> = self.text.lines().collect();
        for (place, text) in self.updates.iter().rev() {
            lines.splice(place.clone(), [text.as_str()]);
        }
        let text = lines.join("\n") + "\n";
        fs::write(&self.file, text).expect("the page can be written to");
    }
}

impl Drop for Page {
    /// Entries of a store are read-only.
    fn drop(&mut self) {
        unlock(self.folder.path());
    }
}

/// Takes out of a line how long something took.
fn without_time(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let number = word.trim_end_matches('s');
        let is_time = number.contains('.') && number.split('.').count() == 2 && number.parse::<f32>().is_ok();
        if is_time && (line.starts_with("build wall time:") || line.contains(" commands in ")) { "TIME" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Reads what a `pcl` fence says.
fn claim(block: &Block) -> Result<Claim, String> {
    let words = block.info[1..].iter().map(String::as_str);
    let words: Vec<&str> = words.filter(|word| !word.starts_with("file=")).collect();
    let number = |word: &str| word.parse().map_err(|_| format!("`{word}` is no line number"));
    match words.as_slice() {
        [] => Ok(Claim::Warnings(Vec::new())),
        ["eval"] => Ok(Claim::Values),
        ["fragment"] => Ok(Claim::Nothing),
        ["warning", lines @ ..] if !lines.is_empty() => {
            lines.iter().map(|line| number(line)).collect::<Result<_, _>>().map(Claim::Warnings)
        }
        ["error", pairs @ ..] if !pairs.is_empty() && pairs.len() % 2 == 0 => {
            let pair = |pair: &[&str]| Ok((pair[0].to_owned(), number(pair[1])?));
            pairs.chunks(2).map(pair).collect::<Result<_, _>>().map(Claim::Errors)
        }
        _ => Err(format!("no test knows the fence `{}`", block.info.join(" "))),
    }
}

pub(super) fn errors_of(document: &str) -> Vec<(String, u64)> {
    let is_error = |found: &&Value| found["severity"] == "error";
    let found = diagnostics(document);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = found.iter().filter(is_error);
    errors.map(|e| (text(&e["code"]), e["line"].as_u64().unwrap_or(0))).collect()
}

fn warnings_of(document: &str) -> Vec<u64> {
    let found = diagnostics(document);
    let warnings = found.iter().filter(|found| found["severity"] == "warning");
    warnings.map(|warning| warning["line"].as_u64().unwrap_or(0)).collect()
}

fn diagnostics(document: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(document).expect("`--json` prints a document");
    document["diagnostics"].as_array().cloned().unwrap_or_default()
}

/// Returns what a terminal would have shown: the conversation, then the result.
pub(super) fn said(ran: &Outcome) -> String {
    format!("{}{}", ran.stderr, ran.stdout)
}
