//! The unit file of a service.

use crate::config::Directives;
use crate::design::{Design, Service};
use crate::environment::Environment;
use crate::fault::{refuse, unfit};
use crate::names::{UnitKind, is_plain_path};
use crate::quote;
use crate::unit::UnitFile;
use punix_sdk::Error;
use punix_sdk::backend::{Body, Scope};

/// The longest argument that the kernel passes on, without the NUL at its end.
const ARGUMENT_BYTES_MAX: usize = (128 << 10) - 1;

/// Writes the unit file. What it refuses is placed below the service.
pub(crate) fn unit(design: &Design<'_>, service: &Service<'_>, environment: &Environment<'_>) -> Result<Body, Error> {
    let mut unit = UnitFile::default();
    unit.section("Unit");
    unit.set("Description", &format!("Punix stack {}: {}", design.stack, service.name));
    if !service.depends_on.is_empty() {
        let needed: Vec<String> = service.depends_on.iter().map(|other| UnitKind::Service.of(other)).collect();
        let needed = needed.join(" ");
        unit.set("After", &needed);
        unit.set("Requires", &needed);
    }
    unit.section("Service");
    unit.set("ExecStart", &command(service.argv)?);
    directives(&mut unit, &service.config.directives);
    environment.write(&mut unit)?;
    if service.config.timer.is_none() {
        unit.section("Install");
        unit.set(
            "WantedBy",
            match design.scope {
                Scope::System => "multi-user.target",
                Scope::User => "default.target",
            },
        );
    }
    unit.finish()
}

fn directives(unit: &mut UnitFile, given: &Directives) {
    let kind = given.get("Type").unwrap_or("simple");
    unit.set("Type", kind);
    // What runs once and ends well has not failed; systemd refuses the usual `Restart=` for it.
    let usual = if kind == "oneshot" { None } else { Some("on-failure") };
    if let Some(restart) = given.get("Restart").or(usual) {
        unit.set("Restart", restart);
    }
    for (key, value) in given.iter().filter(|(key, _)| !matches!(*key, "Type" | "Restart")) {
        unit.set(key, value);
    }
}

/// Writes a command so that the program is given exactly these words.
fn command(argv: &[String]) -> Result<String, Error> {
    const CODE: &str = "systemd.argv";
    let Some((program, arguments)) = argv.split_first() else {
        return Err(refuse("argv", CODE, "there is no program to run"));
    };
    if !is_plain_path(program) {
        let message = "the program is not a plain absolute path: no `..`, no empty part";
        return Err(refuse("argv.0", CODE, message));
    }
    let mut line = quote::exec_path(program).map_err(|why| unfit("argv.0", CODE, "the program", why))?;
    for (index, argument) in (1..).zip(arguments) {
        let at = || format!("argv.{index}");
        if argument.len() > ARGUMENT_BYTES_MAX {
            let message = format!("the argument is longer than a program can be given: {ARGUMENT_BYTES_MAX} bytes");
            return Err(refuse(&at(), CODE, &message));
        }
        let word = quote::exec_word(argument).map_err(|why| unfit(&at(), CODE, "the argument", why))?;
        line.push(' ');
        line.push_str(&word);
    }
    Ok(line)
}
