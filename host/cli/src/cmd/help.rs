//! `punix help`: pages on concepts, which are those of the book, and the help of verbs. Beside it what else is made of the
//! command line: completions and the manual.

use crate::args::help::{Completions, Help, Man};
use crate::cmd::service::Stopped;
use crate::exit::Exit;
use crate::ui::{Ui, shown};
use punix_diag::{Code, Diagnostic, SourceMap, closest};
use serde_json::{Value, json};
use std::io;

const NAME: &str = "punix";

/// A concept.
struct Topic {
    name: &'static str,
    page: &'static str,
    /// The verbs that are about it.
    verbs: &'static [&'static str],
}

macro_rules! topics {
    ($($name:literal: $($verb:literal)*;)*) => {
        &[$(Topic {
            name: $name,
            page: include_str!(concat!("../../../../docs/concepts/", $name, ".md")),
            verbs: &[$($verb),*],
        }),*]
    };
}

const TOPICS: &[Topic] = topics! {
    "language": "check" "eval" "why" "fmt";
    "store": "build" "store";
    "generations": "service" "verify";
    "targets": "service" "doctor";
    "fleets": "fleet";
    "secrets": "secrets";
    "plugins": "plugin";
};

impl Topic {
    /// Returns its heading.
    fn title(&self) -> &'static str {
        self.page.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// Returns the first sentence.
    fn summary(&self) -> String {
        let first = self.page.split("\n\n").nth(1).unwrap_or_default().replace('\n', " ");
        let end = first.find(". ").map_or(first.len(), |end| end + 1);
        first.get(..end).unwrap_or(&first).trim_end_matches('.').to_owned()
    }

    /// Tells whether a word means it; people say one or many.
    fn is_meant(&self, word: &str) -> bool {
        let one = |text: &str| text.trim_end_matches('s').to_lowercase();
        one(word) == one(self.name)
    }
}

/// Shows a page, the help of a verb, or what there is.
pub(crate) fn run(ui: &Ui, args: &Help) -> Exit {
    let words: Vec<&str> = args.topic.iter().map(String::as_str).collect();
    let [first, rest @ ..] = words.as_slice() else { return list(ui) };
    if rest.is_empty()
        && let Some(topic) = TOPICS.iter().find(|topic| topic.is_meant(first))
    {
        return page(ui, topic);
    }
    match verb(&words) {
        Some(text) if ui.json => {
            ui.result(&format!("{:#}\n", json!({ "topic": words.join(" "), "page": text })), Exit::Done)
        }
        Some(text) => ui.result(&text, Exit::Done),
        None => unknown(ui, &words),
    }
}

fn page(ui: &Ui, topic: &Topic) -> Exit {
    if ui.json {
        let document = json!({ "topic": topic.name, "title": topic.title(), "verbs": topic.verbs, "page": topic.page });
        return ui.result(&format!("{document:#}\n"), Exit::Done);
    }
    let verbs: Vec<String> = topic.verbs.iter().map(|verb| format!("`punix {verb} --help`")).collect();
    ui.result(&format!("{}\nVerbs: {}\n", topic.page, verbs.join(", ")), Exit::Done)
}

fn list(ui: &Ui) -> Exit {
    if ui.json {
        let row = |topic: &Topic| json!({ "topic": topic.name, "title": topic.title(), "summary": topic.summary() });
        let rows: Vec<Value> = TOPICS.iter().map(row).collect();
        return ui.result(&format!("{:#}\n", json!(rows)), Exit::Done);
    }
    let width = TOPICS.iter().map(|topic| topic.name.len()).max().unwrap_or_default();
    let mut text = "Concepts, for `punix help TOPIC`:\n".to_owned();
    for topic in TOPICS {
        text.push_str(&format!("  {:width$}  {}\n", topic.name, topic.summary()));
    }
    text.push_str(
        "\n`punix --help` lists the verbs, `punix help VERB` has the options of one; `punix explain E4` is about an error,\n\
         and `punix demo` shows in some seconds what it is all for.\n",
    );
    ui.result(&text, Exit::Done)
}

/// Returns the help of a verb.
fn verb(words: &[&str]) -> Option<String> {
    let mut command = crate::args::command();
    command.build();
    let mut found = &mut command;
    for word in words {
        found = found.find_subcommand_mut(word)?;
    }
    Some(found.render_long_help().to_string())
}

fn unknown(ui: &Ui, words: &[&str]) -> Exit {
    let mut command = crate::args::command();
    command.build();
    let first = words.first().copied().unwrap_or_default();
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let names = TOPICS.iter().map(|topic| topic.name).chain(verbs.iter().map(String::as_str));
    let near = closest(first, names).filter(|(near, _)| *near != first);
    let help = match near {
        Some((near, _)) => format!("did you mean `{near}`?"),
        None => "`punix help` lists the concepts, `punix --help` the verbs".to_owned(),
    };
    ui.refuse(&format!("there is no topic and no verb `{}`", words.join(" ")), Some(&help))
}

/// Prints what a shell completes with.
pub(crate) fn completions(ui: &Ui, args: &Completions) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::args::command(), NAME, &mut script);
    let script = String::from_utf8_lossy(&script);
    if ui.json {
        let document = json!({ "shell": args.shell.to_string(), "script": script });
        return ui.result(&format!("{document:#}\n"), Exit::Done);
    }
    ui.result(&script, Exit::Done)
}

/// Writes the manual.
pub(crate) fn man(ui: &Ui, args: &Man) -> Exit {
    let failed = |error: io::Error| {
        let message = format!("the manual cannot be written to `{}`: {error}", shown(&args.dir));
        Stopped::World(vec![Diagnostic::error(Code::E23, message)]).tell(ui, &SourceMap::default())
    };
    let written =
        std::fs::create_dir_all(&args.dir).and_then(|()| clap_mangen::generate_to(crate::args::command(), &args.dir));
    match written {
        Err(error) => failed(error),
        Ok(()) if ui.json => {
            let document = json!({ "ok": true, "directory": args.dir.to_string_lossy() });
            ui.result(&format!("{document:#}\n"), Exit::Done)
        }
        Ok(()) => ui.result(&format!("wrote the manual to {}; `man {NAME}` begins it\n", shown(&args.dir)), Exit::Done),
    }
}
