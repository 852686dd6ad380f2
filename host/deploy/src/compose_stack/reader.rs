//! Reads values of the language, each with the place where it is written and with what it is called in a sentence. What
//! is wrong is kept and reading goes on, so that one run tells everything.

use super::StackChoice;
use super::artifacts::Taken;
use super::data::beginning;
use super::slots::Slots;
use crate::places::Places;
use punix_diag::{Code, Diagnostic, Span, closest};
use punix_pcl::{Evaluator, ModuleId, Program, Value, ValueId};
use std::collections::BTreeSet;

/// Bytes of all texts of one stack together. Values share what they are made of, so that a small program can describe
/// more than fits into any memory.
const TEXT_BYTES_MAX: usize = 256 << 20;
/// What every value counts besides its text.
const VALUE_BYTES: usize = 64;
/// Errors that are kept; the rest is counted.
const ERRORS_MAX: usize = 1_000;
/// Errors for which a similar name is looked for.
const SUGGESTIONS_MAX: usize = 50;
/// Characters of a value in a message.
const QUOTED_CHARACTERS_MAX: usize = 80;

/// A value in its place.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) id: ValueId,
    /// Where the value is written; its label, if it comes from elsewhere.
    pub(super) at: Span,
    /// Where it comes from, if that is elsewhere.
    elsewhere: Option<Span>,
    /// What it is called: `Web.services[0].name`.
    pub(super) shown: String,
}

impl Spot {
    /// Returns the place of a part.
    pub(super) fn part(&self, at: Span, shown: String) -> Spot {
        Spot { at, shown, elsewhere: None, ..*self }
    }
}

/// The fields of a record, or the members of a module that are fields, as long as nobody took them.
#[derive(Debug)]
pub(super) struct Fields {
    /// The record's own place and name.
    pub(super) at: Span,
    pub(super) shown: String,
    entries: Vec<(String, Spot)>,
}

impl Fields {
    pub(super) fn take(&mut self, name: &str) -> Option<Spot> {
        let index = self.entries.iter().position(|entry| entry.0 == name)?;
        Some(self.entries.remove(index).1)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Spot> {
        self.entries.iter().find(|entry| entry.0 == name).map(|entry| &entry.1)
    }

    /// Lists the names of those that nobody took.
    pub(super) fn names(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.0.clone()).collect()
    }

    /// Returns what nobody took, in the order in which it is written.
    pub(super) fn rest(self) -> Vec<(String, Spot)> {
        self.entries
    }
}

pub(super) struct Reader<'c> {
    pub(super) choice: StackChoice<'c>,
    pub(super) evaluator: Evaluator<'c>,
    pub(super) errors: Vec<Diagnostic>,
    /// How many more there were.
    pub(super) dropped: usize,
    pub(super) warnings: Vec<Diagnostic>,
    pub(super) slots: Slots,
    /// Artifacts of other hosts.
    pub(super) taken: Taken,
    pub(super) places: Places,
    /// Packages that the stack refers to.
    pub(super) packages: BTreeSet<ModuleId>,
    bytes_left: usize,
}

impl<'c> Reader<'c> {
    pub(super) fn new(choice: StackChoice<'c>) -> Reader<'c> {
        Reader {
            choice,
            evaluator: Evaluator::under(&choice.checked.program, choice.scenario),
            errors: Vec::new(),
            dropped: 0,
            warnings: Vec::new(),
            slots: Slots::default(),
            taken: Taken::default(),
            places: Places::default(),
            packages: BTreeSet::new(),
            bytes_left: TEXT_BYTES_MAX,
        }
    }

    pub(super) fn program(&self) -> &'c Program {
        &self.choice.checked.program
    }

    /// Keeps an error, as long as anybody reads them.
    pub(super) fn push(&mut self, error: Diagnostic) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn error(&mut self, code: Code, at: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Diagnostic::error(code, message).at(at).help(help));
    }

    /// Returns what to do about a name that is none of some. Looking through many is worth it for the first errors only.
    pub(super) fn meant(&self, name: &str, these_are: &str, names: &[&str]) -> String {
        let near = if self.errors.len() < SUGGESTIONS_MAX { closest(name, names.iter().copied()) } else { None };
        match near {
            Some((near, _)) => format!("did you mean `{near}`?"),
            None => format!("{these_are} {}", listed(names.iter().copied())),
        }
    }

    /// Reports a value, and where it comes from if that is elsewhere.
    pub(super) fn refuse(&mut self, code: Code, spot: &Spot, message: impl Into<String>, help: impl Into<String>) {
        self.push(self.located(code, spot, message).help(help));
    }

    fn located(&self, code: Code, spot: &Spot, message: impl Into<String>) -> Diagnostic {
        let error = Diagnostic::error(code, message).at(spot.at);
        match spot.elsewhere {
            Some(elsewhere) => error.note_at(elsewhere, "the value comes from here"),
            None => error,
        }
    }

    /// Returns a member of a module, if it has a value.
    pub(super) fn member(&mut self, module: ModuleId, name: &str) -> Option<Spot> {
        let program = self.program();
        let member = program.member_named(module, name)?;
        self.evaluator.evaluate(member);
        if self.evaluator.is_unfilled(member) {
            let message = format!("nothing fills the option `{}` here", program.show(member));
            let help = "choose a scenario that fills it with `--scenario`, or give it a default";
            self.error(Code::E3, program.place(member), message, help);
            return None;
        }
        let id = self.evaluator.value(member)?;
        let winner = self.evaluator.provenance(member).and_then(|provenance| provenance.winner);
        let label = winner.map_or_else(|| program.place(member), |site| site.at);
        Some(self.spot(id, Some(label), program.show(member)))
    }

    /// Returns those of a module's members that have one of some names.
    pub(super) fn members<'n>(&mut self, module: ModuleId, names: impl IntoIterator<Item = &'n str>) -> Fields {
        let found = self.program().module(module);
        let mut entries = Vec::new();
        for name in names {
            if let Some(spot) = self.member(module, name) {
                entries.push((name.to_owned(), spot));
            }
        }
        Fields { at: found.at, shown: self.program().ast.text(found.name).to_owned(), entries }
    }

    /// Returns the fields of a record.
    pub(super) fn fields(&mut self, spot: &Spot) -> Option<Fields> {
        let Value::Record(items) = self.evaluator.values.get(spot.id) else {
            self.wrong(spot, "a record");
            return None;
        };
        if !self.spend(spot, 0) {
            return None;
        }
        let values = &self.evaluator.values;
        let labels = values.labels(spot.id);
        let fields = values.fields(items).iter().enumerate();
        let entries = fields.map(|(index, &(name, id))| {
            let name = values.text(name);
            let shown = format!("{}.{name}", spot.shown);
            // Labels and fields are in one order.
            let label = labels.get(index).map_or(spot.at, |label| label.span);
            (name.to_owned(), self.spot(id, Some(label), shown))
        });
        Some(Fields { at: spot.at, shown: spot.shown.clone(), entries: entries.collect() })
    }

    /// Returns the elements of a list.
    pub(super) fn elements(&mut self, spot: &Spot, of: &str) -> Option<Vec<Spot>> {
        let Value::List(items) = self.evaluator.values.get(spot.id) else {
            self.wrong(spot, &format!("a list of {of}"));
            return None;
        };
        let items = self.evaluator.values.items(items);
        let elements = items.iter().enumerate().map(|(index, &id)| {
            let shown = format!("{}[{index}]", spot.shown);
            let label = if self.evaluator.values.origin(id).is_some() { None } else { Some(spot.at) };
            self.spot(id, label, shown)
        });
        let elements: Vec<Spot> = elements.collect();
        self.spend(spot, elements.len() * VALUE_BYTES).then_some(elements)
    }

    /// Returns the texts of a list; those that are none are reported and left out.
    pub(super) fn texts(&mut self, spot: &Spot) -> Vec<(String, Spot)> {
        let elements = self.elements(spot, "strings").unwrap_or_default();
        elements.into_iter().filter_map(|element| Some((self.text(&element)?, element))).collect()
    }

    /// Returns a text. Store paths in it are filled in.
    pub(super) fn text(&mut self, spot: &Spot) -> Option<String> {
        match self.evaluator.values.get(spot.id) {
            Value::Text(_) | Value::Out(_) | Value::Woven(_) => self.woven(spot, spot.id),
            Value::Failed => None,
            Value::Bool(_)
            | Value::Int(_)
            | Value::Secret { .. }
            | Value::Artifact { .. }
            | Value::List(_)
            | Value::Record(_) => {
                self.wrong(spot, "a string");
                None
            }
        }
    }

    /// Writes a text, or what stands in one.
    pub(super) fn woven(&mut self, spot: &Spot, id: ValueId) -> Option<String> {
        let values = &self.evaluator.values;
        let piece = match values.get(id) {
            Value::Text(text) | Value::Int(text) => values.text(text).to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Out(module) => self.entry(module, spot)?,
            Value::Woven(items) => {
                let pieces = values.items(items).to_vec();
                // Pieces are no texts with pieces in them.
                let mut text = String::new();
                for piece in pieces {
                    text.push_str(&self.woven(spot, piece)?);
                }
                return Some(text);
            }
            // A text holds none of these: the language refuses them.
            Value::Failed | Value::Secret { .. } | Value::Artifact { .. } | Value::List(_) | Value::Record(_) => {
                return None;
            }
        };
        self.spend(spot, piece.len()).then_some(piece)
    }

    /// Returns the path of a package's entry, and remembers that it is needed.
    pub(super) fn entry(&mut self, module: ModuleId, spot: &Spot) -> Option<String> {
        self.packages.insert(module);
        let entry = (self.choice.entry)(module);
        if entry.is_none() {
            let name = self.name(module);
            let message = format!("`{}` needs the package `{name}`, and it has no path in the store", spot.shown);
            self.refuse(Code::E8, spot, message, format!("build it by itself to see why: punix build FILE {name}"));
        }
        entry
    }

    pub(super) fn name(&self, module: ModuleId) -> String {
        self.program().ast.text(self.program().module(module).name).to_owned()
    }

    pub(super) fn flag(&mut self, spot: &Spot) -> Option<bool> {
        match self.evaluator.values.get(spot.id) {
            Value::Bool(value) => Some(value),
            _ => {
                self.wrong(spot, "true or false");
                None
            }
        }
    }

    /// Returns a field that has to be there, or reports that it is not.
    pub(super) fn required(&mut self, fields: &mut Fields, name: &str, wanted: &str) -> Option<Spot> {
        let found = fields.take(name);
        if found.is_none() {
            self.missing(fields, name, wanted);
        }
        found
    }

    pub(super) fn missing(&mut self, fields: &Fields, name: &str, wanted: &str) {
        let message = format!("`{}` lacks the required field `{name}`", fields.shown);
        self.error(Code::E3, beginning(fields.at), message, format!("add `{name} = …` ({wanted})"));
    }

    /// Returns a text field that has to be there.
    pub(super) fn required_text(&mut self, fields: &mut Fields, name: &str, wanted: &str) -> Option<(String, Spot)> {
        let spot = self.required(fields, name, wanted)?;
        Some((self.text(&spot)?, spot))
    }

    /// Returns a text field, if it is there.
    pub(super) fn optional_text(&mut self, fields: &mut Fields, name: &str) -> Option<(String, Spot)> {
        let spot = fields.take(name)?;
        Some((self.text(&spot)?, spot))
    }

    /// Returns a field that is true or false, and false without it.
    pub(super) fn optional_flag(&mut self, fields: &mut Fields, name: &str) -> bool {
        fields.take(name).and_then(|spot| self.flag(&spot)).unwrap_or(false)
    }

    /// Says that a value is of another type. What failed was reported before.
    pub(super) fn wrong(&mut self, spot: &Spot, wanted: &str) {
        let found = match self.evaluator.values.get(spot.id) {
            Value::Failed => return,
            Value::Bool(_) => "a boolean".to_owned(),
            Value::Int(_) => "a number".to_owned(),
            Value::Text(text) => quoted(self.evaluator.values.text(text)),
            Value::Woven(_) | Value::Out(_) => "a string".to_owned(),
            Value::Secret { .. } => "a secret reference".to_owned(),
            Value::Artifact { .. } => "an artifact reference".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Record(_) => "a record".to_owned(),
        };
        let message = format!("`{}` is {found}, it takes {wanted}", spot.shown);
        self.push(self.located(Code::E1, spot, message));
    }

    /// Counts what is taken over. When it is too much, that is said once, and nothing more is read.
    pub(super) fn spend(&mut self, spot: &Spot, bytes: usize) -> bool {
        if self.bytes_left == 0 {
            return false;
        }
        self.bytes_left = self.bytes_left.saturating_sub(bytes.saturating_add(VALUE_BYTES));
        if self.bytes_left == 0 {
            let message =
                format!("with `{}` the stack holds more than {} MiB of text", spot.shown, TEXT_BYTES_MAX >> 20);
            self.refuse(
                Code::E20,
                spot,
                message,
                "bring large files by `source`, which is copied and not read into memory",
            );
        }
        self.bytes_left > 0
    }

    fn spot(&self, id: ValueId, label: Option<Span>, shown: String) -> Spot {
        let origin = self.evaluator.values.origin(id);
        let (at, elsewhere) = match (label, origin) {
            (Some(label), Some(origin)) if self.on_one_line(label, origin) => (origin, None),
            (Some(label), origin) => (label, origin),
            (None, origin) => (origin.unwrap_or_default(), None),
        };
        Spot { id, at, elsewhere, shown }
    }

    /// Tells whether two places are on one line, where pointing at both says nothing more.
    fn on_one_line(&self, one: Span, other: Span) -> bool {
        let sources = &self.program().ast.sources;
        let (one, other) = (sources.locate(one.start), sources.locate(other.start));
        one.file == other.file && one.line == other.line
    }
}

/// Returns a text for a message, cut if it is long.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(QUOTED_CHARACTERS_MAX).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("\"{short}{more}\"")
}

/// Joins names for a sentence.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    const NAMES_MAX: usize = 12;
    let mut names = names.into_iter().map(|name| format!("`{name}`"));
    let mut out: Vec<String> = names.by_ref().take(NAMES_MAX).collect();
    match names.count() {
        0 => {}
        more => out.push(format!("and {more} more")),
    }
    out.join(", ")
}
