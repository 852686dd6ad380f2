//! The script that becomes a service: it sets the variables, and then is the program. All texts are in single quotes,
//! in which the shell changes nothing.

use punix_sdk::backend::{Body, Chunk, Service, Shape, Stack};
use punix_sdk::{Error, bail_at, quote};

/// Variables that a shell keeps for itself.
const OF_THE_SHELL: &[&str] = &["BASHOPTS", "EUID", "OPTIND", "PPID", "SHELLOPTS", "UID"];

/// Writes the script of a service. What it refuses is placed below the service.
pub(crate) fn script(stack: &Stack, service: &Service, user: Option<&str>) -> Result<Body, Error> {
    let mut body = Body::from("#!/bin/sh\n# Written by punix; it is read again at the next start.\n");
    for (name, value) in &service.env {
        let at = || format!("env.{name}");
        check_name(name).map_err(|error| error.at(at()))?;
        check_secrets(stack, value).map_err(|error| error.at(at()))?;
        body.text(format!("export {name}="));
        body.shell_word(value).map_err(|error| error.at(at()))?.text("\n");
    }
    body.text("exec ");
    if let Some(user) = user {
        let group = format!("\"$(/usr/bin/id -g {user})\"");
        body.text(format!("/usr/bin/setpriv --reuid={user} --regid={group} --init-groups -- "));
    }
    let absolute = service.argv.first().and_then(|program| program.strip_prefix('/'));
    if !absolute.is_some_and(|parts| parts.split('/').all(|part| !matches!(part, "" | "." | ".."))) {
        bail_at!("argv.0", code = "supervisord.argv", "the program is not a plain absolute path");
    }
    for (index, word) in service.argv.iter().enumerate() {
        let word = quote::shell::single(word).map_err(|error| error.at(format!("argv.{index}")))?;
        body.text(if index > 0 { " " } else { "" }).text(word);
    }
    body.text("\n");
    Ok(body)
}

fn check_name(name: &str) -> Result<(), Error> {
    const CODE: &str = "supervisord.environment";
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !name.starts_with(first) || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(Error::invalid(CODE, "a shell cannot set a variable of this name"));
    }
    if OF_THE_SHELL.contains(&name) {
        return Err(Error::invalid(CODE, format!("a shell keeps the variable `{name}` for itself")));
    }
    Ok(())
}

fn check_secrets(stack: &Stack, value: &[Chunk]) -> Result<(), Error> {
    for chunk in value {
        let Chunk::Secret((id, _)) = chunk else { continue };
        match stack.slot(*id).map(|slot| slot.shape) {
            Some(Shape::SingleLine | Shape::Text) => {}
            Some(Shape::Binary) => {
                return Err(Error::invalid("supervisord.environment", "a variable cannot hold any bytes"));
            }
            None => return Err(Error::invalid("supervisord.slot", format!("the stack has no slot {id}"))),
        }
    }
    Ok(())
}
