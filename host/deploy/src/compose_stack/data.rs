//! Values that somebody else knows the meaning of: the fields of a backend, and what stands in a data file. They are
//! taken over whole, with store paths filled in and secrets as slots.

use super::reader::{Reader, Spot};
use crate::value::place;
use punix_diag::{Code, Diagnostic, Span};
use punix_model::Shape;
use punix_pcl::{Value, ValueId};

/// A value without its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Data {
    Bool(bool),
    /// Decimal digits, perhaps with a sign before.
    Int(String),
    Text(String),
    /// The secret of a slot.
    Secret(u32),
    List(Vec<Data>),
    /// In the order in which the fields are written.
    Record(Vec<(String, Data)>),
}

/// Whether there may be secrets, and artifacts of other hosts, in a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Secrets {
    /// They may, and look like this.
    Of(Shape),
    Refused,
}

impl Data {
    pub(super) fn holds_secret(&self) -> bool {
        match self {
            Data::Secret(_) => true,
            Data::Bool(_) | Data::Int(_) | Data::Text(_) => false,
            Data::List(items) => items.iter().any(Data::holds_secret),
            Data::Record(fields) => fields.iter().any(|(_, value)| value.holds_secret()),
        }
    }
}

impl Reader<'_> {
    /// Takes over a value, if all of it can be; what is wrong in it is reported.
    pub(super) fn data(&mut self, spot: &Spot, secrets: Secrets) -> Option<Data> {
        self.part(spot, spot.id, &mut Vec::new(), secrets)
    }

    /// Takes over a part of a value. The language bounds how deep it can be.
    fn part(&mut self, whole: &Spot, id: ValueId, way: &mut Vec<String>, secrets: Secrets) -> Option<Data> {
        // A file has an indent before it.
        if !self.spend(whole, 2 * way.len()) {
            return None;
        }
        match self.evaluator.values.get(id) {
            Value::Failed => None,
            Value::Bool(value) => Some(Data::Bool(value)),
            Value::Int(digits) => Some(Data::Int(self.evaluator.values.text(digits).to_owned())),
            Value::Text(_) | Value::Out(_) | Value::Woven(_) => self.woven(whole, id).map(Data::Text),
            Value::Secret { kind, name } => {
                let values = &self.evaluator.values;
                let (kind, name) = (values.text(kind).to_owned(), values.text(name).to_owned());
                let part = self.spot_of(whole, way);
                match secrets {
                    Secrets::Of(shape) => self.slot(&part, part.at, &kind, &name, shape).map(Data::Secret),
                    Secrets::Refused => {
                        let message = format!("`{}` is a secret reference, and none may stand here", part.shown);
                        let help = "secrets belong into `environment` or into the `data` of a data file";
                        self.error(Code::E1, part.at, message, help);
                        None
                    }
                }
            }
            Value::Artifact { host, name } => {
                let values = &self.evaluator.values;
                let (host, name) = (values.text(host).to_owned(), values.text(name).to_owned());
                let part = self.spot_of(whole, way);
                match secrets {
                    Secrets::Of(_) => self.artifact(&part.shown, part.at, &host, &name).map(Data::Text),
                    Secrets::Refused => {
                        let message =
                            format!("`{}` is an artifact of another host, and none may stand here", part.shown);
                        let help = "artifacts belong into `environment` or into the `data` of a data file";
                        self.error(Code::E1, part.at, message, help);
                        None
                    }
                }
            }
            Value::List(items) => {
                let items = self.evaluator.values.items(items).to_vec();
                let parts: Vec<Option<Data>> = items
                    .into_iter()
                    .enumerate()
                    .map(|(index, id)| self.step(whole, id, way, index.to_string(), secrets))
                    .collect();
                parts.into_iter().collect::<Option<Vec<Data>>>().map(Data::List)
            }
            Value::Record(items) => {
                let fields: Vec<(String, ValueId)> = {
                    let values = &self.evaluator.values;
                    values.fields(items).iter().map(|&(name, id)| (values.text(name).to_owned(), id)).collect()
                };
                let mut parts = Vec::with_capacity(fields.len());
                let mut whole_record = true;
                for (name, id) in fields {
                    match self.step(whole, id, way, name.clone(), secrets) {
                        Some(part) => parts.push((name, part)),
                        None => whole_record = false,
                    }
                }
                whole_record.then_some(Data::Record(parts))
            }
        }
    }

    fn step(
        &mut self,
        whole: &Spot,
        id: ValueId,
        way: &mut Vec<String>,
        step: String,
        secrets: Secrets,
    ) -> Option<Data> {
        way.push(step);
        let part = self.part(whole, id, way, secrets);
        way.pop();
        part
    }

    /// Returns the place and the name of a part.
    pub(super) fn spot_of(&self, whole: &Spot, way: &[String]) -> Spot {
        let at = place(&self.evaluator.values, whole.id, way).unwrap_or(whole.at);
        let mut shown = whole.shown.clone();
        for step in way {
            match step.bytes().all(|b| b.is_ascii_digit()) {
                true => shown.push_str(&format!("[{step}]")),
                false => shown.push_str(&format!(".{step}")),
            }
        }
        whole.part(at, shown)
    }

    /// Reports a part of a value.
    pub(super) fn refuse_part(&mut self, whole: &Spot, way: &[String], why: &str, help: &str) {
        let part = self.spot_of(whole, way);
        let error = Diagnostic::error(Code::E1, format!("`{}` {why}", part.shown)).at(part.at);
        self.push(error.help(help.to_owned()));
    }
}

/// Returns where a span begins, for something that is missing there.
pub(super) fn beginning(span: Span) -> Span {
    Span::new(span.start, span.start.saturating_add(1))
}
