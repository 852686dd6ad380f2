//! From a checked program to a fleet. The schema of the language has looked at the types of a module that is plainly a
//! fleet; here nothing is taken for granted, and everything that is wrong is told.

#[cfg(test)]
mod tests;

use super::facts::{Fact, Model};
use super::{Fleet, FleetHost};
use punix_diag::{Code, Diagnostic, Span};
use punix_pcl::{Checked, Evaluator, MemberKind, Value, ValueId};
use std::collections::BTreeMap;

/// What a model's records are made of, by name.
type Facts = BTreeMap<String, Fact>;

/// Reads a fleet.
pub fn read_fleet(checked: &Checked) -> Result<Fleet, Vec<Diagnostic>> {
    let mut reader = Reader::begin(checked)?;
    let hosts = reader.hosts();
    let model = reader.model(&hosts);
    if reader.errors.is_empty() { Ok(Fleet { hosts, model }) } else { Err(reader.errors) }
}

/// Reads the hosts of a fleet, whatever its model is: whoever goes back needs no more.
pub fn read_hosts(checked: &Checked) -> Result<Vec<FleetHost>, Vec<Diagnostic>> {
    let mut reader = Reader::begin(checked)?;
    let hosts = reader.hosts();
    if reader.errors.is_empty() { Ok(hosts) } else { Err(reader.errors) }
}

/// A value, where it is written, and what it is called.
#[derive(Debug, Clone)]
struct Spot {
    id: ValueId,
    at: Span,
    shown: String,
}

struct Reader<'c> {
    evaluator: Evaluator<'c>,
    members: BTreeMap<String, Spot>,
    errors: Vec<Diagnostic>,
}

impl<'c> Reader<'c> {
    fn begin(checked: &'c Checked) -> Result<Reader<'c>, Vec<Diagnostic>> {
        let program = &checked.program;
        let none = || {
            let error = Diagnostic::error(Code::E3, "there is no fleet here: no module `Fleet` with the field `hosts`");
            vec![error.help("a fleet is `module Fleet { hosts = [ { file = …  stack = …  target = … } ] }`")]
        };
        let module = program.module_named("Fleet").ok_or_else(none)?;
        let mut evaluator = Evaluator::under(program, None);
        let mut members = BTreeMap::new();
        for (member, about) in program.members_of(module) {
            if about.kind == MemberKind::Out {
                continue;
            }
            evaluator.evaluate(member);
            if let Some(id) = evaluator.value(member) {
                let name = program.ast.text(about.name).to_owned();
                let shown = format!("Fleet.{name}");
                let at = evaluator.values.origin(id).unwrap_or_else(|| program.place(member));
                members.insert(name, Spot { id, at, shown });
            }
        }
        let errors = evaluator.errors();
        if !errors.is_empty() {
            return Err(errors);
        }
        let at = members.values().map(|spot| spot.at).min().unwrap_or_default();
        if !members.contains_key("hosts") {
            return Err(none().into_iter().map(|error| error.at(at)).collect());
        }
        Ok(Reader { evaluator, members, errors: Vec::new() })
    }

    fn error(&mut self, code: Code, at: Span, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(Diagnostic::error(code, message).at(at).help(help));
    }

    /// Says that a value is of another type.
    fn wrong(&mut self, spot: &Spot, wanted: &str) {
        let found = match self.evaluator.values.get(spot.id) {
            Value::Failed => return,
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "a number",
            Value::Text(_) | Value::Woven(_) | Value::Out(_) => "a string",
            Value::Secret { .. } => "a secret reference",
            Value::Artifact { .. } => "an artifact reference",
            Value::List(_) => "a list",
            Value::Record(_) => "a record",
        };
        self.error(
            Code::E1,
            spot.at,
            format!("`{}` is {found}, it takes {wanted}", spot.shown),
            format!("write {wanted}"),
        );
    }

    fn elements(&mut self, spot: &Spot, of: &str) -> Vec<Spot> {
        let Value::List(items) = self.evaluator.values.get(spot.id) else {
            self.wrong(spot, &format!("a list of {of}"));
            return Vec::new();
        };
        let values = &self.evaluator.values;
        let elements = values.items(items).iter().enumerate();
        let spot_of = |(index, &id): (usize, &ValueId)| {
            let at = values.origin(id).unwrap_or(spot.at);
            Spot { id, at, shown: format!("{}[{index}]", spot.shown) }
        };
        elements.map(spot_of).collect()
    }

    /// Returns the fields of a record by their names, which are in the order of bytes then.
    fn fields(&mut self, spot: &Spot, wanted: &str) -> Option<BTreeMap<String, Spot>> {
        let Value::Record(items) = self.evaluator.values.get(spot.id) else {
            self.wrong(spot, wanted);
            return None;
        };
        let values = &self.evaluator.values;
        let labels = values.labels(spot.id);
        let spot_of = |(index, &(name, id)): (usize, &(_, ValueId))| {
            let name = values.text(name).to_owned();
            let label = labels.get(index).map(|label| label.span);
            let at = values.origin(id).or(label).unwrap_or(spot.at);
            let shown = format!("{}.{name}", spot.shown);
            (name, Spot { id, at, shown })
        };
        Some(values.fields(items).iter().enumerate().map(spot_of).collect())
    }

    fn text(&mut self, spot: &Spot, wanted: &str) -> Option<String> {
        match self.evaluator.values.get(spot.id) {
            Value::Text(text) => Some(self.evaluator.values.text(text).to_owned()),
            _ => {
                self.wrong(spot, wanted);
                None
            }
        }
    }

    fn hosts(&mut self) -> Vec<FleetHost> {
        let Some(spot) = self.members.get("hosts").cloned() else { return Vec::new() };
        let before = self.errors.len();
        let elements = self.elements(&spot, "records");
        if elements.is_empty() && self.errors.len() == before {
            self.error(
                Code::E3,
                spot.at,
                "`Fleet.hosts` is empty",
                "name a host: `{ file = …  stack = …  target = … }`",
            );
        }
        elements.iter().filter_map(|element| self.host(element)).collect()
    }

    fn host(&mut self, spot: &Spot) -> Option<FleetHost> {
        let mut fields = self.fields(spot, "a record with `file`, `stack` and `target`")?;
        let files = self.required(&mut fields, spot, "file").and_then(|file| self.files(&file));
        let [stack, target] = ["stack", "target"].map(|name| {
            let field = self.required(&mut fields, spot, name)?;
            self.name(&field)
        });
        let machine = fields.remove("machine").map(|field| self.name(&field));
        for (name, other) in fields {
            let message = format!("`{}` is not a field of a host", other.shown);
            let fields = "the fields are `file`, `stack`, `target` and `machine`";
            let near = punix_diag::closest(&name, ["file", "stack", "target", "machine"]);
            self.error(
                Code::E2,
                other.at,
                message,
                near.map_or(fields.to_owned(), |(near, _)| format!("did you mean `{near}`?")),
            );
        }
        let machine = machine.map_or(Some(None), |name| name.map(Some));
        Some(FleetHost { files: files?, stack: stack?, target: target?, machine: machine?, at: spot.at })
    }

    fn required(&mut self, fields: &mut BTreeMap<String, Spot>, of: &Spot, name: &str) -> Option<Spot> {
        let found = fields.remove(name);
        if found.is_none() {
            let message = format!("`{}` lacks the required field `{name}`", of.shown);
            self.error(Code::E3, of.at, message, format!("add `{name} = …`"));
        }
        found
    }

    /// Reads a text that says something.
    fn name(&mut self, spot: &Spot) -> Option<String> {
        let text = self.text(spot, "a string")?;
        if text.is_empty() {
            self.error(
                Code::E1,
                spot.at,
                format!("`{}` is empty", spot.shown),
                "write what is meant, or leave the host out",
            );
            return None;
        }
        Some(text)
    }

    fn files(&mut self, spot: &Spot) -> Option<Vec<String>> {
        let wanted = "a string or a list of strings";
        if let Value::List(_) = self.evaluator.values.get(spot.id) {
            let elements = self.elements(spot, "strings");
            if elements.is_empty() {
                self.error(Code::E3, spot.at, format!("`{}` is an empty list", spot.shown), "name the host's program");
                return None;
            }
            let before = self.errors.len();
            let files: Vec<String> = elements.iter().filter_map(|element| self.name(element)).collect();
            return (self.errors.len() == before).then_some(files);
        }
        let text = self.text(spot, wanted)?;
        if text.is_empty() {
            self.error(Code::E1, spot.at, format!("`{}` is empty", spot.shown), "name the host's program");
            return None;
        }
        Some(vec![text])
    }

    fn model(&mut self, hosts: &[FleetHost]) -> Model {
        let machines = self.machines();
        let globals = match self.members.get("globals").cloned() {
            Some(spot) => self.facts(&spot),
            None => BTreeMap::new(),
        };
        let unique = self.unique();
        self.are_unique(&machines, &unique);
        let facts = machines.iter().map(|(name, machine)| (name.clone(), machine.facts.clone())).collect();
        let model = Model::new(facts, globals.iter().map(|(name, (fact, _))| (name.clone(), fact.clone())).collect());
        if model.is_a_table() {
            self.are_free(&machines, &globals);
            self.are_alike(&machines);
            self.are_known(hosts, &model);
        }
        model
    }

    fn machines(&mut self) -> BTreeMap<String, Machine> {
        let Some(spot) = self.members.get("machines").cloned() else { return BTreeMap::new() };
        let Some(records) = self.fields(&spot, "a record of records") else { return BTreeMap::new() };
        let mut machines = BTreeMap::new();
        for (name, record) in records {
            let (facts, places) = split(self.facts(&record));
            machines.insert(name, Machine { facts, places, at: record.at });
        }
        machines
    }

    /// Refuses fields whose names the list of machines needs itself.
    fn are_free(&mut self, machines: &BTreeMap<String, Machine>, globals: &BTreeMap<String, (Fact, Span)>) {
        for (name, machine) in machines {
            for field in Model::RESERVED {
                let Some(&at) = machine.places.get(*field) else { continue };
                let message = format!(
                    "the machine `{name}` has the field `{field}`, and `Fleet.machines` says this of each itself"
                );
                self.error(Code::E6, at, message, "call it something else");
            }
        }
        if let Some((_, at)) = globals.get("machines") {
            let message = "`Fleet.globals.machines` has the name of the list of all machines";
            self.error(Code::E6, *at, message, "call it something else");
        }
    }

    /// Refuses a field that is a text of one machine and a number of another: a list of them has one type. Each field is
    /// told once, wherever it is another one first.
    fn are_alike(&mut self, machines: &BTreeMap<String, Machine>) {
        let Some((first, model)) = machines.first_key_value() else { return };
        for (field, wanted) in &model.facts {
            let differs = |(_, machine): &(&String, &Machine)| {
                machine.facts.get(field).is_some_and(|fact| fact.kind() != wanted.kind())
            };
            let Some((name, other)) = machines.iter().find(differs) else { continue };
            let [at, there] = [other, model].map(|of| of.places.get(field).copied().unwrap_or(of.at));
            let (found, wanted) = (other.facts.get(field).map_or("", Fact::kind), wanted.kind());
            let message = format!("`Fleet.machines.{name}.{field}` is {found}, and that of `{first}` is {wanted}");
            let error = Diagnostic::error(Code::E1, message).at(at).note_at(there, "the other one is here");
            let help = "hosts see all machines as one list, so a field is of one type in all of them";
            self.errors.push(error.help(help));
        }
    }

    fn facts(&mut self, spot: &Spot) -> BTreeMap<String, (Fact, Span)> {
        let mut facts = BTreeMap::new();
        for (name, field) in self.fields(spot, "a record of strings and numbers").unwrap_or_default() {
            let values = &self.evaluator.values;
            let fact = match values.get(field.id) {
                Value::Text(text) => Fact::Text(values.text(text).to_owned()),
                Value::Int(digits) => Fact::Number(values.text(digits).to_owned()),
                _ => {
                    self.wrong(&field, "a string or a number");
                    continue;
                }
            };
            if let Fact::Text(text) = &fact
                && text.contains(['\n', '\r'])
            {
                let message = format!("`{}` has a line break in it, and a fact is one line", field.shown);
                self.error(Code::E1, field.at, message, "put the lines into the files that need them");
                continue;
            }
            facts.insert(name, (fact, field.at));
        }
        facts
    }

    fn unique(&mut self) -> Vec<(String, Span)> {
        let Some(spot) = self.members.get("uniqueFields").cloned() else { return Vec::new() };
        let elements = self.elements(&spot, "strings");
        elements.iter().filter_map(|element| Some((self.text(element, "a string")?, element.at))).collect()
    }

    fn are_unique(&mut self, machines: &BTreeMap<String, Machine>, unique: &[(String, Span)]) {
        for (field, asked) in unique {
            let mut seen: BTreeMap<&Fact, (&str, Span)> = BTreeMap::new();
            let mut clashes = Vec::new();
            for (name, machine) in machines {
                let Some(fact) = machine.facts.get(field) else { continue };
                let at = machine.places.get(field).copied().unwrap_or(machine.at);
                match seen.get(fact) {
                    Some(&(first, there)) => {
                        let message =
                            format!("the machines `{first}` and `{name}` both have `{field} = {}`", fact.shown());
                        let error = Diagnostic::error(Code::E4, message).at(at).note_at(there, "the other one is here");
                        let error = error.note_at(*asked, "`uniqueFields` wants it to be there once");
                        clashes.push(error.help(format!("give `{name}` another `{field}`")));
                    }
                    None => drop(seen.insert(fact, (name, at))),
                }
            }
            self.errors.append(&mut clashes);
        }
    }

    fn are_known(&mut self, hosts: &[FleetHost], model: &Model) {
        for host in hosts {
            let Some(machine) = host.machine.as_deref().filter(|machine| !model.has(machine)) else { continue };
            let near = punix_diag::closest(machine, model.names());
            let help = match near {
                Some((near, _)) => format!("did you mean `{near}`?"),
                None => "add it to `Fleet.machines`, or leave `machine` out".to_owned(),
            };
            let message =
                format!("the host of `{}` is the machine `{machine}`, which is not in `Fleet.machines`", host.stack);
            self.error(Code::E2, host.at, message, help);
        }
    }
}

/// What a machine is said to be, with the places.
struct Machine {
    facts: Facts,
    places: BTreeMap<String, Span>,
    at: Span,
}

fn split(facts: BTreeMap<String, (Fact, Span)>) -> (Facts, BTreeMap<String, Span>) {
    let places = facts.iter().map(|(name, (_, at))| (name.clone(), *at)).collect();
    (facts.into_iter().map(|(name, (fact, _))| (name, fact)).collect(), places)
}
