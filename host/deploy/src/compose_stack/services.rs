//! The services of a stack: records, or modules whose members are the fields.

use super::data::{Data, Secrets};
use super::formats::json;
use super::names::{self, SERVICE_RULE, is_binary, is_service, is_variable};
use super::reader::{Fields, Reader, Spot, listed, quoted};
use crate::design::{ArtifactName, Service, Variable};
use punix_diag::{Code, Diagnostic};
use punix_model::{Chunk, Encoding, Shape};
use punix_pcl::{ModuleId, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Fields that every backend has.
const FIELDS: &[&str] = &[
    "name",
    "package",
    "binary",
    "args",
    "dependsOn",
    "environment",
    "secretDelivery",
    "enable",
    "environmentFile",
    "health",
    "reloads",
    "serviceConfig",
    "timer",
    "tmpfiles",
];
const DELIVERIES: &[&str] = &["environment-file", "credential", "inline"];

/// The services that were found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) services: Vec<Service>,
    /// What each depends on, by its name, or by its place if it has none that can be used.
    pub(super) needs: Vec<(String, Vec<(String, Spot)>)>,
    pub(super) names: ServiceNames,
    pub(super) state_dirs: BTreeSet<String>,
}

/// What the host has to know of a service's directives, which are the backend's.
#[derive(Debug, Default)]
struct Directives {
    runs_as_other: bool,
    /// The directories of its data.
    state_dirs: Vec<String>,
}

/// What services are called.
#[derive(Debug, Default)]
pub(super) struct ServiceNames {
    pub(super) enabled: BTreeSet<String>,
    /// Those with `enable = false`.
    pub(super) disabled: BTreeSet<String>,
}

impl Reader<'_> {
    /// Reads the services of a stack.
    pub(super) fn services(&mut self, spot: &Spot, backend: &str) -> Found {
        let mut found = Found::default();
        let mut first: BTreeMap<String, (String, Spot)> = BTreeMap::new();
        for element in self.elements(spot, "records, or names of modules").unwrap_or_default() {
            let Some((mut fields, module)) = self.service_fields(&element, backend) else { continue };
            let enabled = fields.take("enable").and_then(|enable| self.flag(&enable)).unwrap_or(true);
            let named = self.service_name(&mut fields, module, &element);
            let name = named.as_ref().map(|(name, _)| name.clone());
            match named {
                Some((name, _)) if !enabled => {
                    found.names.disabled.insert(name);
                }
                Some((name, spot)) => match first.get(&name.to_ascii_lowercase()) {
                    Some((other, other_spot)) => self.two_of_a_name((other, other_spot), (&name, &spot)),
                    None => {
                        found.names.enabled.insert(name.clone());
                        first.insert(name.to_ascii_lowercase(), (name, spot));
                    }
                },
                None => {}
            }
            if enabled {
                self.service(name.as_deref(), &element, fields, &mut found);
            }
        }
        let Found { names, .. } = &mut found;
        names.disabled.retain(|name| !names.enabled.contains(name));
        found
    }

    fn two_of_a_name(&mut self, (other, other_spot): (&str, &Spot), (name, spot): (&str, &Spot)) {
        let message = match other == name {
            true => format!("two services are called `{name}`"),
            false => format!("the services `{other}` and `{name}` have names that only case tells apart"),
        };
        let error = Diagnostic::error(Code::E6, message).at(spot.at);
        let note = format!("`{}` is the other one", other_spot.shown);
        self.push(error.note_at(other_spot.at, note).help("give one of them another name"));
    }

    /// Returns the fields of a service, and the module if they are members of one.
    fn service_fields(&mut self, element: &Spot, backend: &str) -> Option<(Fields, Option<ModuleId>)> {
        match self.evaluator.values.get(element.id) {
            Value::Record(_) => Some((self.fields(element)?, None)),
            Value::Text(_) => {
                let name = self.text(element)?;
                let module = self.module(element, &name)?;
                let backends = &self.choice.world.backends;
                let own = backends.iter().filter(|other| other.backend == backend).flat_map(|other| &other.service);
                let names: Vec<&str> = FIELDS.iter().copied().chain(own.map(|field| field.name.as_str())).collect();
                self.slips(module, &names, "service");
                let fields = self.members(module, names);
                Some((fields, Some(module)))
            }
            _ => {
                self.wrong(element, "a record, or the name of a module");
                None
            }
        }
    }

    fn service_name(
        &mut self,
        fields: &mut Fields,
        module: Option<ModuleId>,
        element: &Spot,
    ) -> Option<(String, Spot)> {
        let (name, spot) = match (fields.take("name"), module) {
            (Some(spot), _) => (self.text(&spot)?, spot),
            (None, Some(module)) => (self.name(module), element.clone()),
            (None, None) => {
                self.missing(fields, "name", "the service's name");
                return None;
            }
        };
        if !is_service(&name) {
            let message = format!("`{}` is {}, which cannot be the name of a service", spot.shown, quoted(&name));
            self.refuse(Code::E1, &spot, message, SERVICE_RULE);
            return None;
        }
        Some((name, spot))
    }

    /// Reads a service. Without a name there is none; all else that is wrong with it is told.
    fn service(&mut self, name: Option<&str>, element: &Spot, mut fields: Fields, found: &mut Found) {
        let way = format!("services.{}", name.unwrap_or_default());
        self.places.add(way.clone(), element.at);
        for field in fields.names() {
            if let Some(spot) = fields.get(&field).cloned() {
                self.remember(&format!("{way}.{field}"), &spot);
                match field.as_str() {
                    "environment" => self.remember(&format!("{way}.env"), &spot),
                    "args" => self.remember(&format!("{way}.argv"), &spot),
                    _ => {}
                }
            }
        }
        let package = self.required_text(&mut fields, "package", "the name of a package module");
        let package = package.and_then(|(package, spot)| self.package(&package, &spot));
        let binary = self.binary(&mut fields);
        let args = fields.take("args").map(|spot| self.texts(&spot)).unwrap_or_default();
        for (arg, spot) in &args {
            self.refuse_nul(arg, spot);
        }
        let needs = fields.take("dependsOn").map(|spot| self.texts(&spot)).unwrap_or_default();
        let depends_on = needs.iter().map(|(need, _)| need.clone()).collect();
        found.needs.push((name.map_or_else(|| element.shown.clone(), str::to_owned), needs));
        let environment = fields.take("environment").map(|spot| self.environment(&spot)).unwrap_or_default();
        let secret_delivery = self.delivery(&mut fields);
        let directives = self.directives(&fields);
        found.state_dirs.extend(directives.state_dirs);
        let health = self.health(name.unwrap_or_default(), &fields);
        let config = self.backend_fields(fields);
        let (Some(name), Some((package, package_path)), Some(binary)) = (name, package, binary) else { return };
        found.services.push(Service {
            name: name.to_owned(),
            at: element.at,
            package,
            package_path,
            binary,
            args: args.into_iter().map(|(arg, _)| arg).collect(),
            depends_on,
            environment,
            secret_delivery,
            config,
            runs_as_other: directives.runs_as_other,
            health,
        });
    }

    /// Returns the name of a package's module, and the path of its entry.
    pub(super) fn package(&mut self, name: &str, spot: &Spot) -> Option<(String, String)> {
        let program = self.program();
        match program.module_named(name).filter(|&module| program.is_package(module)) {
            Some(module) => Some((name.to_owned(), self.entry(module, spot)?)),
            None => {
                let packages = program.modules().filter(|(id, _)| program.is_package(*id));
                let names: Vec<&str> = packages.map(|(_, module)| program.ast.text(module.name)).collect();
                let help = match names.is_empty() {
                    true => "a package is a module with a `recipe`; the program has none".to_owned(),
                    false => self.meant(name, "the packages of the program are", &names),
                };
                let message = format!("`{}` is {}, which is no package of this program", spot.shown, quoted(name));
                self.refuse(Code::E2, spot, message, help);
                None
            }
        }
    }

    fn binary(&mut self, fields: &mut Fields) -> Option<String> {
        let (binary, spot) = self.required_text(fields, "binary", "the name of a program in the package's `bin`")?;
        if is_binary(&binary) {
            return Some(binary);
        }
        let message = format!("`{}` is {}, which is no name of a program in `bin`", spot.shown, quoted(&binary));
        let help = "name a file in the package's `bin` directory, without `/`; what it is given goes into `args`";
        self.refuse(Code::E1, &spot, message, help);
        None
    }

    /// Reads variables, in the order of their names.
    fn environment(&mut self, spot: &Spot) -> Vec<Variable> {
        let mut entries = self.fields(spot).map(Fields::rest).unwrap_or_default();
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        let mut variables = Vec::with_capacity(entries.len());
        for (name, spot) in entries {
            let Some((chunk, artifact)) = self.variable(&spot) else { continue };
            if !is_variable(&name) {
                let message =
                    format!("`{}` cannot be a variable: systemd drops the name {}", spot.shown, quoted(&name));
                self.error(
                    Code::E1,
                    spot.at,
                    message,
                    "it begins with a letter or `_` and goes on with letters, digits and `_`",
                );
            }
            variables.push(Variable { name, at: spot.at, value: vec![chunk], artifact });
        }
        variables
    }

    fn variable(&mut self, spot: &Spot) -> Option<(Chunk, Option<ArtifactName>)> {
        let values = &self.evaluator.values;
        match values.get(spot.id) {
            Value::Text(_) | Value::Woven(_) | Value::Out(_) => {
                let text = self.text(spot)?;
                self.refuse_nul(&text, spot);
                Some((Chunk::Text(text), None))
            }
            Value::Secret { kind, name } => {
                let (kind, name) = (values.text(kind).to_owned(), values.text(name).to_owned());
                let slot = self.slot(spot, spot.at, &kind, &name, Shape::Text)?;
                Some((Chunk::Secret(slot, Encoding("raw".to_owned())), None))
            }
            Value::Artifact { host, name } => {
                let (machine, name) = (values.text(host).to_owned(), values.text(name).to_owned());
                let text = self.artifact(&spot.shown, spot.at, &machine, &name)?;
                Some((Chunk::Text(text), Some(ArtifactName { machine, name })))
            }
            Value::Failed | Value::Bool(_) | Value::Int(_) | Value::List(_) | Value::Record(_) => {
                self.wrong(spot, "a string, a secret reference or an artifact of another host");
                None
            }
        }
    }

    /// Refuses what no program can be given, whatever starts it.
    fn refuse_nul(&mut self, text: &str, spot: &Spot) {
        if text.contains('\0') {
            let message = format!("`{}` holds a NUL, and no program can be given one", spot.shown);
            self.refuse(Code::E1, spot, message, "give it in an encoding, such as base64, that the program reads");
        }
    }

    fn delivery(&mut self, fields: &mut Fields) -> String {
        const DEFAULT: &str = "environment-file";
        let Some((delivery, spot)) = self.optional_text(fields, "secretDelivery") else { return DEFAULT.to_owned() };
        if !DELIVERIES.contains(&delivery.as_str()) {
            let ways = listed(DELIVERIES.iter().copied());
            let message = format!("`{}` is {}: secrets are delivered as one of {ways}", spot.shown, quoted(&delivery));
            self.refuse(Code::E1, &spot, message, format!("leave it out for `{DEFAULT}`"));
        }
        delivery
    }

    /// Reads what the host has to know of the backend's directives.
    fn directives(&mut self, fields: &Fields) -> Directives {
        let Some(spot) = fields.get("serviceConfig") else { return Directives::default() };
        let values = &self.evaluator.values;
        let Value::Record(items) = values.get(spot.id) else { return Directives::default() };
        let value =
            |name: &str| values.fields(items).iter().find(|field| values.text(field.0) == name).map(|field| field.1);
        let text = |name: &str| match values.get(value(name)?) {
            Value::Text(text) => Some(values.text(text)),
            _ => None,
        };
        let is_dynamic = value("DynamicUser").is_some_and(|id| match values.get(id) {
            Value::Bool(value) => value,
            Value::Text(text) => {
                ["yes", "true", "1", "on"].iter().any(|yes| values.text(text).eq_ignore_ascii_case(yes))
            }
            _ => false,
        });
        let root = if is_dynamic { "/var/lib/private" } else { "/var/lib" };
        let names = text("StateDirectory").unwrap_or_default().split_whitespace();
        Directives {
            runs_as_other: is_dynamic || text("User").is_some_and(|user| !["", "root", "0"].contains(&user)),
            state_dirs: names.map(|name| format!("{root}/{name}")).collect(),
        }
    }

    /// Writes what the backend has to say about: all fields that nobody took.
    pub(super) fn backend_fields(&mut self, fields: Fields) -> String {
        let mut record = Vec::new();
        for (name, spot) in fields.rest() {
            if let Some(data) = self.data(&spot, Secrets::Refused) {
                record.push((name, data));
            }
        }
        json::compact(&Data::Record(record))
    }

    /// Returns a module by the name that stands somewhere.
    pub(super) fn module(&mut self, spot: &Spot, name: &str) -> Option<ModuleId> {
        let program = self.program();
        let found = program.module_named(name);
        if found.is_none() {
            let names: Vec<&str> = program.modules().map(|(_, module)| program.ast.text(module.name)).collect();
            let help = self.meant(name, "the modules of the program are", &names);
            let message = format!("`{}` is {}, which is no module of this program", spot.shown, quoted(name));
            self.refuse(Code::E2, spot, message, help);
        }
        found
    }

    /// Reports members of a module that are no fields, but nearly: what is misspelt would be left out without a word.
    pub(super) fn slips(&mut self, module: ModuleId, fields: &[&str], what: &str) {
        let program = self.program();
        for (id, member) in program.members_of(module) {
            let name = program.ast.text(member.name);
            if fields.contains(&name) || member.kind == punix_pcl::MemberKind::Out {
                continue;
            }
            let free = fields.iter().copied().filter(|field| program.member_named(module, field).is_none());
            if let Some(near) = names::slip(name, free) {
                let message = format!("`{}` is not a field of a {what}", program.show(id));
                let help =
                    format!("did you mean `{near}`? if it is meant for other members to use, give it another name");
                self.error(Code::E2, program.place(id), message, help);
            }
        }
    }
}
