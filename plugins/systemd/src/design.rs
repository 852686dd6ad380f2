//! A stack as it comes from the host, made of narrow types: names that can stand in paths and commands, fields that
//! were read, dependencies that end somewhere. What is rendered later can no longer be refused for any of that.

use crate::config::{self, ServiceConfig, StackConfig};
use crate::fault::refuse;
use crate::index::{Index, sorted};
use crate::layout::Layout;
use crate::names::{self, UnitKind};
use crate::order::{Circle, order};
use punix_sdk::Error;
use punix_sdk::backend::{Chunk, Facts, Scope, Shape, Slot, Stack};

/// A stack that can be rendered, as far as its parts go.
#[derive(Debug)]
pub(crate) struct Design<'a> {
    pub(crate) stack: &'a str,
    pub(crate) scope: Scope,
    /// In the order of the stack.
    pub(crate) services: Vec<Service<'a>>,
    /// The positions of the services in the order in which they start.
    pub(crate) order: Vec<usize>,
    pub(crate) config: StackConfig,
    pub(crate) layout: Layout,
}

/// A service. Invariant: its name and those that it depends on are valid, and it does not depend on itself.
#[derive(Debug)]
pub(crate) struct Service<'a> {
    pub(crate) name: &'a str,
    pub(crate) argv: &'a [String],
    pub(crate) depends_on: &'a [String],
    /// In the order of their names.
    pub(crate) environment: Vec<Variable<'a>>,
    pub(crate) delivery: Delivery,
    pub(crate) config: ServiceConfig,
}

/// A variable of a service. Invariant: systemd accepts the name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variable<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a [Chunk],
    /// Whether there is a secret in it.
    pub(crate) secret: bool,
}

/// How secrets come to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    EnvironmentFile,
    Credential,
    Inline,
}

/// The first version that has `LoadCredential=`.
const CREDENTIALS_SINCE: u32 = 247;

impl<'a> Design<'a> {
    pub(crate) fn of(stack: &'a Stack, facts: &Facts) -> Result<Design<'a>, Error> {
        if !matches!(facts.os.as_str(), "linux" | "") {
            return Err(Error::unsupported("systemd.system", format!("systemd is not for the system `{}`", facts.os)));
        }
        if !names::is_stack(&stack.name) {
            let rule = "a letter, then letters, digits, `_` and `-` are";
            return Err(refuse("name", "systemd.name", &format!("this cannot be the name of a stack: {rule}")));
        }
        let layout = Layout::of(stack, facts)?;
        let config = config::stack(&stack.config).map_err(first)?;
        if stack.scope == Scope::User && (!config.users.is_empty() || !config.groups.is_empty()) {
            let field = if config.users.is_empty() { "systemGroups" } else { "systemUsers" };
            let message = "one user's stack cannot make users and groups: that takes `scope = \"system\"`";
            return Err(refuse(field, "systemd.scope", message));
        }
        let mut services = Vec::with_capacity(stack.services.len());
        for service in &stack.services {
            if !names::is_service(&service.name) {
                let rule = "a letter or a digit, then letters, digits, `_`, `.` and `-` are, at most 64 in all";
                let message = format!("`{}` cannot be the name of a service: {rule}", visible(&service.name));
                return Err(refuse("services", "systemd.name", &message));
            }
            let read = Service::of(service, &stack.slots, facts).map_err(|error| error.below(&place(&service.name)))?;
            services.push(read);
        }
        check_names(&services)?;
        let order = started(&services)?;
        Ok(Design { stack: &stack.name, scope: stack.scope, services, order, config, layout })
    }
}

impl<'a> Service<'a> {
    fn of(service: &'a punix_sdk::backend::Service, slots: &[Slot], facts: &Facts) -> Result<Service<'a>, Error> {
        let config = config::service(&service.name, &service.config).map_err(first)?;
        let delivery = match service.secret_delivery.as_str() {
            "environment-file" | "" => Delivery::EnvironmentFile,
            "credential" => Delivery::Credential,
            "inline" => Delivery::Inline,
            _ => {
                let message = "secrets are delivered as `environment-file`, `credential` or `inline`";
                return Err(refuse("secretDelivery", "systemd.config", message));
            }
        };
        let environment = variables(&service.env, slots, delivery)?;
        let secret = environment.iter().any(|variable| variable.secret);
        if secret && delivery == Delivery::Inline && config.environment_file {
            let message = "`inline` contradicts `environmentFile`: a variable is in the unit or in the file";
            return Err(refuse("secretDelivery", "systemd.config", message));
        }
        let old = || init_version(facts).is_some_and(|version| version < CREDENTIALS_SINCE);
        if secret && delivery == Delivery::Credential && old() {
            let target = &facts.init_version;
            let message = format!("credentials need systemd {CREDENTIALS_SINCE}, and the target has {target}");
            return Err(Error::unsupported("systemd.version", message).at("secretDelivery"));
        }
        let depends_on = &service.depends_on;
        Ok(Service { name: &service.name, argv: &service.argv, depends_on, environment, delivery, config })
    }

    /// Returns the unit that is started for it.
    pub(crate) fn started_unit(&self) -> String {
        let kind = if self.config.timer.is_some() { UnitKind::Timer } else { UnitKind::Service };
        kind.of(self.name)
    }
}

/// Reads the variables of a service, in the order of their names.
fn variables<'a>(
    env: &'a [(String, Vec<Chunk>)],
    slots: &[Slot],
    delivery: Delivery,
) -> Result<Vec<Variable<'a>>, Error> {
    let mut index = Index::new();
    for (position, (name, _)) in env.iter().enumerate() {
        if !names::is_variable(name) {
            let rule = "a letter or `_`, then letters, digits and `_`";
            let message = format!("systemd drops a variable that is called `{}`: it must be {rule}", visible(name));
            return Err(refuse(&format!("env.{}", visible(name)), "systemd.environment", &message));
        }
        if index.insert(name, position).is_some() {
            let message = format!("the variable `{name}` is there twice");
            return Err(refuse(&format!("env.{name}"), "systemd.environment", &message));
        }
    }
    let mut variables = Vec::with_capacity(env.len());
    for position in index.into_values() {
        let Some((name, value)) = env.get(position) else { continue };
        let secret = holds_secret(name, value, slots, delivery)?;
        variables.push(Variable { name, value, secret });
    }
    Ok(variables)
}

/// Tells whether there is a secret in a value, if all of them can be where they will be.
fn holds_secret(name: &str, value: &[Chunk], slots: &[Slot], delivery: Delivery) -> Result<bool, Error> {
    let at = || format!("env.{name}");
    let mut secret = false;
    for chunk in value {
        let Chunk::Secret((id, _)) = chunk else { continue };
        secret = true;
        match (shape(slots, *id), delivery) {
            (Some(Shape::SingleLine | Shape::Text), _) | (Some(Shape::Binary), Delivery::Credential) => {}
            (Some(Shape::Binary), Delivery::EnvironmentFile | Delivery::Inline) => {
                let remedy = "use `secretDelivery = \"credential\"`";
                let message = format!("a variable cannot hold any bytes, as this secret may: {remedy}");
                return Err(refuse(&at(), "systemd.environment", &message));
            }
            (None, _) => {
                let message = format!("it refers to slot {id}, which the stack does not have");
                return Err(refuse(&at(), "systemd.slot", &message));
            }
        }
    }
    Ok(secret)
}

/// Finds a slot: where it stands if they are numbered by their places, or anywhere.
fn shape(slots: &[Slot], id: u32) -> Option<Shape> {
    let by_place = usize::try_from(id).ok().and_then(|place| slots.get(place)).filter(|slot| slot.id == id);
    by_place.or_else(|| slots.iter().find(|slot| slot.id == id)).map(|slot| slot.shape)
}

/// Returns where a service is in what was given.
pub(crate) fn place(service: &str) -> String {
    format!("services.{service}")
}

/// Returns the leading number of the version of systemd, if it is known.
pub(crate) fn init_version(facts: &Facts) -> Option<u32> {
    let digits = facts.init_version.bytes().take_while(u8::is_ascii_digit).count();
    facts.init_version.get(..digits)?.parse().ok()
}

/// Returns a name that is not valid, for a sentence.
fn visible(name: &str) -> String {
    const SHOWN_MAX: usize = 80;
    name.chars().map(|c| if c.is_control() { '?' } else { c }).take(SHOWN_MAX).collect()
}

fn first(problems: Vec<Error>) -> Error {
    let unsaid = || Error::invalid("systemd.config", "the fields cannot be read");
    problems.into_iter().next().unwrap_or_else(unsaid)
}

/// Refuses names that are equal, and those that only case tells apart: nobody sees which unit is meant.
fn check_names(services: &[Service<'_>]) -> Result<(), Error> {
    let lower: Vec<String> = services.iter().map(|service| service.name.to_ascii_lowercase()).collect();
    let mut seen = Index::new();
    for (position, service) in services.iter().enumerate() {
        let other = lower.get(position).and_then(|lower| seen.insert(lower, position));
        let Some(other) = other.and_then(|other| services.get(other)) else { continue };
        let message = if other.name == service.name {
            format!("two services are called `{}`", service.name)
        } else {
            format!("the services `{}` and `{}` have names that only case tells apart", other.name, service.name)
        };
        return Err(refuse(&place(service.name), "systemd.name", &message));
    }
    Ok(())
}

/// Returns the order in which the services start.
fn started(services: &[Service<'_>]) -> Result<Vec<usize>, Error> {
    let positions = sorted(services.iter().map(|service| service.name));
    let at = |service: &str| format!("{}.dependsOn", place(service));
    let mut needs = Vec::with_capacity(services.len());
    for service in services {
        let mut needed = Vec::with_capacity(service.depends_on.len());
        for other in service.depends_on {
            let Some(&position) = positions.get(other.as_str()) else {
                let other = visible(other);
                let message = format!("service `{}` depends on `{other}`, which is not in this stack", service.name);
                return Err(refuse(&at(service.name), "systemd.depends-on", &message));
            };
            needed.push(position);
        }
        needs.push(needed);
    }
    order(&needs).map_err(|Circle(circle)| {
        let mut chain = String::new();
        let mut first = "";
        for service in circle.iter().rev().filter_map(|&at| services.get(at)) {
            chain = format!("`{}` needs {chain}", service.name);
            first = service.name;
        }
        let message = format!("services wait for each other: {chain}`{first}`");
        refuse(&at(first), "systemd.depends-on", &message)
    })
}
