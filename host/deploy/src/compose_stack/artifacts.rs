//! The artifacts that a stack gives to other hosts, and those that it takes from them.

use super::names::is_hostname;
use super::reader::{Fields, Reader, Spot, quoted};
use crate::artifacts::{Consumed, Filling, Links, Produced, Production, artifact_token, is_artifact_name};
use punix_diag::{Code, Diagnostic, Span};
use std::collections::{BTreeMap, BTreeSet};

const NAME_RULE: &str = "it is made of letters, digits, `.`, `_` and `-`: it becomes a part of a reference";

/// What was referred to so far.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Where each is first referred to, by machine and name.
    places: BTreeMap<(String, String), Span>,
    missing: BTreeSet<(String, String)>,
}

impl Reader<'_> {
    /// Returns what stands where an artifact is referred to.
    pub(super) fn artifact(&mut self, shown: &str, at: Span, machine: &str, name: &str) -> Option<String> {
        for (what, text) in [("host", machine), ("name", name)] {
            if !is_artifact_name(text) {
                let message =
                    format!("`{shown}` refers to an artifact by the {what} {}, which cannot be one", quoted(text));
                self.error(Code::E1, at, message, NAME_RULE);
                return None;
            }
        }
        let key = (machine.to_owned(), name.to_owned());
        let first = self.taken.places.entry(key.clone()).or_insert(at);
        *first = (*first).min(at);
        match self.choice.artifacts {
            Filling::References => Some(artifact_token(machine, name)),
            Filling::Texts(artifacts) => match artifacts.find(machine, name) {
                Some(artifact) => Some(artifact.text.clone()),
                None => {
                    self.taken.missing.insert(key);
                    // What else is wrong with the text around it is told all the same.
                    Some(artifact_token(machine, name))
                }
            },
        }
    }

    /// Reads what the stack gives, and ends with what it takes. What is missing is told together.
    pub(super) fn links(&mut self, produces: Option<Spot>) -> Links {
        let produces = produces.map(|spot| self.produced(&spot)).unwrap_or_default();
        let missing: Vec<(String, String)> = self.taken.missing.iter().cloned().collect();
        if let Some(error) = self.unavailable(&missing) {
            self.push(error);
        }
        let consumes = self.taken.places.iter();
        let consumes =
            consumes.map(|((machine, name), &at)| Consumed { machine: machine.clone(), name: name.clone(), at });
        Links { produces, consumes: consumes.collect() }
    }

    fn unavailable(&self, missing: &[(String, String)]) -> Option<Diagnostic> {
        let place = |key: &(String, String)| self.taken.places.get(key).copied().unwrap_or_default();
        let first = missing.iter().map(place).min()?;
        let names: Vec<String> = missing.iter().map(|(machine, name)| format!("artifact:{machine}:{name}")).collect();
        let message = format!("cross-host artifact(s) not available: {}", names.join(", "));
        let mut error = Diagnostic::error(Code::E2, message).at(first);
        for (key, name) in missing.iter().zip(&names).filter(|_| missing.len() > 1) {
            error = error.note_at(place(key), format!("`{name}` is needed here"));
        }
        Some(error.help("other hosts of a fleet give them: deploy the stack with `punix fleet apply`"))
    }

    fn produced(&mut self, spot: &Spot) -> Vec<Produced> {
        let mut produced: Vec<Produced> = Vec::new();
        for element in self.elements(spot, "records").unwrap_or_default() {
            let Some(mut fields) = self.fields(&element) else { continue };
            let name = self.artifact_name(&mut fields);
            let kind = self.production(&mut fields);
            let Some((name, name_spot)) = name else { continue };
            if let Some(other) = produced.iter().find(|other| other.name == name) {
                let message = format!("the artifact `{name}` is there twice, and others could not tell which is meant");
                let error = Diagnostic::error(Code::E6, message).at(name_spot.at);
                let error = error.note_at(other.at, "the other one is here");
                self.push(error.help("give one of them another name"));
                continue;
            }
            if let Some(kind) = kind {
                produced.push(Produced { name, kind, at: element.at });
            }
        }
        produced
    }

    fn artifact_name(&mut self, fields: &mut Fields) -> Option<(String, Spot)> {
        let (name, spot) = self.required_text(fields, "name", "what other hosts call it")?;
        if is_artifact_name(&name) {
            return Some((name, spot));
        }
        let message = format!("`{}` is {}, which cannot be the name of an artifact", spot.shown, quoted(&name));
        self.refuse(Code::E1, &spot, message, NAME_RULE);
        None
    }

    fn production(&mut self, fields: &mut Fields) -> Option<Production> {
        let kind = self.required_text(fields, "kind", "literal, tlsa or sha256-file");
        let (value, from) = (fields.take("value"), fields.take("fromCert"));
        let (kind, spot) = kind?;
        if !Production::KINDS.contains(&kind.as_str()) {
            let help = self.meant(&kind, "the kinds are", Production::KINDS);
            let message = format!("`{}` is {}, which is no kind of artifact", spot.shown, quoted(&kind));
            self.refuse(Code::E2, &spot, message, help);
            return None;
        }
        let is_literal = kind == "literal";
        let (needed, other, wanted) = match is_literal {
            true => ((value, "value"), (from, "fromCert"), "the text itself"),
            false => ((from, "fromCert"), (value, "value"), "the domain whose certificate it is made of"),
        };
        if let (Some(other), name) = other {
            let message = format!("`{}` means nothing here: a {kind} artifact has no `{name}`", other.shown);
            self.refuse(Code::E2, &other, message, "remove it");
        }
        let (Some(needed), _) = needed else {
            self.missing(fields, needed.1, wanted);
            return None;
        };
        let text = self.text(&needed)?;
        if is_literal {
            if text.contains('\0') {
                let message = format!("`{}` holds a NUL, and no file of text can have one", needed.shown);
                self.refuse(Code::E1, &needed, message, "give it in an encoding, such as base64");
            }
            return Some(Production::Literal(text));
        }
        if !is_hostname(&text) {
            let message = format!("`{}` is {}, which is not a valid hostname", needed.shown, quoted(&text));
            self.refuse(Code::E1, &needed, message, super::tls::HOSTNAME_RULE);
            return None;
        }
        Some(match kind.as_str() {
            "tlsa" => Production::Tlsa { domain: text },
            _ => Production::Sha256File { domain: text },
        })
    }
}
