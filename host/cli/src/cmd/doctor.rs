//! `punix doctor`: what a machine lacks, and what to do about it. It looks as the verbs look that would stumble over it, and
//! changes nothing.

mod here;
mod there;

use crate::args::doctor::Doctor;
use crate::exit::Exit;
use crate::ui::Ui;
use crate::way::Remote;
use punix_diag::{Diagnostic, SourceMap, visible};
use serde_json::{Value, json};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Well,
    /// Something cannot be used without it, and all else can.
    Note,
    /// Nothing is built or deployed without it.
    Lack,
}

/// What was looked at, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    what: &'static str,
    state: State,
    says: String,
    /// What to do.
    fix: Vec<String>,
}

impl Finding {
    fn well(what: &'static str, says: impl Into<String>) -> Finding {
        Finding { what, state: State::Well, says: says.into(), fix: Vec::new() }
    }

    fn note(what: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { what, state: State::Note, says: says.into(), fix: vec![fix.into()] }
    }

    fn lack(what: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { what, state: State::Lack, says: says.into(), fix: vec![fix.into()] }
    }

    /// Takes what a verb would say.
    fn from_error(what: &'static str, error: Diagnostic) -> Finding {
        let code = error.code.map(|code| format!("[{code}] ")).unwrap_or_default();
        let notes = error.notes.into_iter().map(|note| note.message);
        let fix = notes.chain(error.help).collect();
        Finding { what, state: State::Lack, says: format!("{code}{}", error.message), fix }
    }

    fn word(&self) -> &'static str {
        match self.state {
            State::Well => "ok",
            State::Note => "note",
            State::Lack => "lacks",
        }
    }

    fn document(&self) -> Value {
        json!({ "check": self.what, "state": self.word(), "says": self.says, "fix": self.fix })
    }
}

/// What was found on one machine.
struct Examined {
    machine: String,
    findings: Vec<Finding>,
}

impl Examined {
    fn lines(&self) -> String {
        let width = self.findings.iter().map(|finding| finding.what.len()).max().unwrap_or_default();
        let mut text = format!("{}\n", clean(&self.machine));
        for finding in &self.findings {
            let row = format!("  {:<5}  {:width$}  {}", finding.word(), finding.what, clean(&finding.says));
            text.push_str(&format!("{row}\n"));
            let margin = " ".repeat("  lacks  ".len() + width + 2);
            finding.fix.iter().for_each(|fix| text.push_str(&format!("{margin}{}\n", clean(fix))));
        }
        text
    }
}

pub(crate) fn run(ui: &Ui, args: &Doctor) -> Exit {
    if let Some(Err(stopped)) = args.target.as_deref().map(Remote::parse) {
        return stopped.tell(ui, &SourceMap::default());
    }
    let mut examined = vec![Examined { machine: "this machine".to_owned(), findings: here::look(args) }];
    if let Some(target) = &args.target {
        examined.push(Examined { machine: target.clone(), findings: there::look(ui, args, target) });
    }
    let all = || examined.iter().flat_map(|one| &one.findings);
    let lacks = all().filter(|finding| finding.state == State::Lack).count();
    let notes = all().filter(|finding| finding.state == State::Note).count();
    let exit = if lacks == 0 { Exit::Done } else { Exit::Failed };
    if ui.json {
        let one = |one: &Examined| {
            let findings: Vec<Value> = one.findings.iter().map(Finding::document).collect();
            json!({ "machine": one.machine, "findings": findings })
        };
        let machines: Vec<Value> = examined.iter().map(one).collect();
        let document = json!({ "ok": lacks == 0, "lacks": lacks, "notes": notes, "machines": machines });
        return ui.result(&format!("{document:#}\n"), exit);
    }
    let mut text: String = examined.iter().map(Examined::lines).collect();
    let summary = match lacks {
        0 => "nothing is missing".to_owned(),
        1 => "1 thing is missing".to_owned(),
        lacks => format!("{lacks} things are missing"),
    };
    let noted = match notes {
        0 => String::new(),
        1 => ", 1 to know of".to_owned(),
        notes => format!(", {notes} to know of"),
    };
    text.push_str(&format!("{summary}{noted}\n"));
    ui.result(&text, exit)
}

/// Makes a text safe to show that another machine may have said.
fn clean(text: &str) -> String {
    let mut shown = String::new();
    visible(text, &mut shown);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use punix_diag::Code;

    #[test]
    fn what_a_verb_would_say_is_a_finding() {
        let error = Diagnostic::error(Code::E8, "no").note("one").help("two");
        let found = Finding::from_error("sandbox", error);
        assert_eq!((found.says.as_str(), found.fix.join(" ").as_str(), found.word()), ("[E8] no", "one two", "lacks"));
    }

    #[test]
    fn rows_stand_below_each_other() {
        let findings = vec![Finding::well("a", "x"), Finding::note("long", "y\u{1b}", "z")];
        let text = Examined { machine: "m".to_owned(), findings }.lines();
        assert_eq!(text, "m\n  ok     a     x\n  note   long  y\\u{1b}\n               z\n");
    }
}
