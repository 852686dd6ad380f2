//! How variables come to a service: in its unit, in a file that only root reads, or as credentials. A secret is a place
//! in a text here, and its encoding is the one of that place.

use crate::design::{Delivery, Design, Service, Variable};
use crate::fault::{refuse, unfit};
use crate::names::UnitKind;
use crate::quote::{self, Unfit};
use crate::unit::UnitFile;
use punix_sdk::Error;
use punix_sdk::backend::{Body, Chunk, File};
use punix_sdk::quote::encoding;

/// How the host writes a secret in each place. Where quotes belong to it, they come with it.
const IN_UNIT: &str = encoding::SYSTEMD_ENVIRONMENT;
const IN_FILE: &str = encoding::SYSTEMD_ENVIRONMENT_FILE;
const AS_CREDENTIAL: &str = encoding::RAW;

/// Only the owner, which is root, reads what may hold secrets.
const SECRET_MODE: u32 = 0o600;
/// The longest assignment that the kernel passes on, without the NUL at its end.
const ASSIGNMENT_BYTES_MAX: usize = (128 << 10) - 1;

/// Where each variable of a service goes.
#[derive(Debug)]
pub(crate) struct Environment<'a> {
    /// Variables that are written into the unit.
    inline: Vec<Variable<'a>>,
    /// The path of the file with others.
    path: String,
    /// Those that are in the file; without one there is no file.
    kept: Vec<Variable<'a>>,
    /// Paths of credentials, and what is in each.
    credentials: Vec<(String, Variable<'a>)>,
}

/// Decides where each variable goes.
pub(crate) fn distribute<'a>(design: &Design<'_>, service: &Service<'a>) -> Environment<'a> {
    let all = service.environment.clone();
    let credential = |variable: &Variable<'_>| variable.secret && service.delivery == Delivery::Credential;
    let (secrets, others): (Vec<_>, Vec<_>) = all.into_iter().partition(credential);
    // One secret moves all variables: what is visible of a service does not depend on which of them are secrets.
    let in_file = service.config.environment_file
        || (service.delivery == Delivery::EnvironmentFile && others.iter().any(|variable| variable.secret));
    let (kept, inline) = if in_file { (others, Vec::new()) } else { (Vec::new(), others) };
    let path = |variable: Variable<'a>| (design.layout.credential(service.name, variable.name), variable);
    let credentials = secrets.into_iter().map(path).collect();
    Environment { inline, path: design.layout.environment_file(service.name), kept, credentials }
}

impl Environment<'_> {
    /// Writes the directives of the unit.
    pub(crate) fn write(&self, unit: &mut UnitFile) -> Result<(), Error> {
        for variable in &self.inline {
            match plain(variable)? {
                Some(value) => {
                    let assignment = quote::environment(variable.name, &value);
                    unit.set("Environment", &assignment.map_err(|why| refused(variable, why))?);
                }
                None => {
                    let mut value = Body::from(variable.name);
                    value.text("=");
                    parts(&mut value, variable, IN_UNIT, quote::environment_part)?;
                    unit.set_body("Environment", value);
                }
            }
        }
        let misplaced = |why: Unfit| unfit("env", "systemd.path", "the path of the file with them", why);
        if !self.kept.is_empty() {
            unit.set("EnvironmentFile", &quote::pattern_path(&self.path).map_err(misplaced)?);
        }
        for (path, variable) in &self.credentials {
            let path = quote::credential_path(path).map_err(misplaced)?;
            unit.set("LoadCredential", &format!("{}:{path}", variable.name));
        }
        Ok(())
    }

    /// Writes the files beside the unit. A service that a timer starts reads them when it is started next.
    pub(crate) fn files(&self, service: &Service<'_>) -> Result<Vec<File>, Error> {
        let restarts = match service.config.timer {
            Some(_) => Vec::new(),
            None => vec![UnitKind::Service.of(service.name)],
        };
        let file = |path: &str, body: Body| File {
            path: path.to_owned(),
            mode: SECRET_MODE,
            body: body.finish(),
            restarts: restarts.clone(),
            reloads: Vec::new(),
        };
        let mut files = Vec::new();
        if !self.kept.is_empty() {
            let mut body = Body::new();
            for variable in &self.kept {
                body.text(variable.name).text("=");
                match plain(variable)? {
                    Some(value) => {
                        body.text(quote::environment_file(&value).map_err(|why| refused(variable, why))?);
                    }
                    None => parts(&mut body, variable, IN_FILE, quote::environment_file)?,
                }
                body.text("\n");
            }
            files.push(file(&self.path, body));
        }
        for (path, variable) in &self.credentials {
            let mut body = Body::new();
            parts(&mut body, variable, AS_CREDENTIAL, |text| Ok(text.to_owned()))?;
            files.push(file(path, body));
        }
        Ok(files)
    }

    /// Lists the variables that come as credentials.
    pub(crate) fn credentials(&self) -> Vec<&str> {
        self.credentials.iter().map(|(_, variable)| variable.name).collect()
    }

    /// Lists the variables in the unit that hold secrets.
    pub(crate) fn secrets_in_unit(&self) -> Vec<&str> {
        self.inline.iter().filter(|variable| variable.secret).map(|variable| variable.name).collect()
    }
}

/// Returns the whole value, if there is no secret in it and a program can be given it.
fn plain(variable: &Variable<'_>) -> Result<Option<String>, Error> {
    let mut value = String::new();
    for chunk in variable.value {
        match chunk {
            Chunk::Text(text) => value.push_str(text),
            Chunk::Secret(_) => return Ok(None),
        }
    }
    let name = variable.name;
    if name.len() + 1 + value.len() > ASSIGNMENT_BYTES_MAX {
        let most = format!("{ASSIGNMENT_BYTES_MAX} bytes with its name");
        let message = format!("the variable `{name}` is longer than a program can be given: {most}");
        return Err(refuse(&format!("env.{name}"), "systemd.environment", &message));
    }
    Ok(Some(value))
}

/// Writes texts and secrets one beside the other, each with quotes of its own where there have to be some.
fn parts(
    body: &mut Body,
    variable: &Variable<'_>,
    encoding: &str,
    written: fn(&str) -> Result<String, Unfit>,
) -> Result<(), Error> {
    for chunk in variable.value {
        match chunk {
            Chunk::Text(text) if text.is_empty() => {}
            Chunk::Text(text) => {
                body.text(written(text).map_err(|why| refused(variable, why))?);
            }
            Chunk::Secret((slot, _)) => {
                body.secret(*slot, encoding);
            }
        }
    }
    Ok(())
}

fn refused(variable: &Variable<'_>, why: Unfit) -> Error {
    let name = variable.name;
    unfit(&format!("env.{name}"), "systemd.environment", &format!("the value of `{name}`"), why)
}
