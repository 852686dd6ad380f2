//! Where the files of a stack go. Every path has the stack's name in it, but for those of units, which systemd finds by
//! their names alone.

use crate::fault::refuse;
use crate::names::is_plain_path;
use punix_sdk::Error;
use punix_sdk::backend::{Facts, Scope, Stack};

/// The places of one stack. Invariant: absolute paths without `..`, and without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    units: String,
    environment: String,
    sysusers: String,
    tmpfiles: String,
    /// Whether systemd finds units there without being told to.
    found: bool,
}

/// Where systemd looks for units, besides in a user's home.
const SYSTEM_DIRECTORIES: &[&str] =
    &["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];
const USER_DIRECTORIES: &[&str] =
    &["/etc/systemd/user", "/run/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"];

impl Layout {
    /// Finds the places of a stack whose name has been checked.
    pub(crate) fn of(stack: &Stack, facts: &Facts) -> Result<Layout, Error> {
        let name = &stack.name;
        let usual = match stack.scope {
            Scope::System => Layout {
                units: "/etc/systemd/system".to_owned(),
                environment: format!("/etc/punix/env/{name}"),
                sysusers: format!("/etc/sysusers.d/punix-{name}.conf"),
                tmpfiles: format!("/etc/tmpfiles.d/punix-{name}.conf"),
                found: true,
            },
            Scope::User => {
                let config = format!("{}/.config", home(facts)?);
                Layout {
                    units: format!("{config}/systemd/user"),
                    environment: format!("{config}/punix/env/{name}"),
                    // There are none for one user; nothing is ever written there.
                    sysusers: String::new(),
                    tmpfiles: format!("{config}/user-tmpfiles.d/punix-{name}.conf"),
                    found: true,
                }
            }
        };
        match &stack.unit_dir {
            None => Ok(usual),
            Some(dir) if is_plain_path(dir) => {
                let known = match stack.scope {
                    Scope::System => SYSTEM_DIRECTORIES,
                    Scope::User => USER_DIRECTORIES,
                };
                let found = *dir == usual.units || known.contains(&dir.as_str());
                Ok(Layout { units: dir.clone(), found, ..usual })
            }
            Some(_) => Err(refuse("unit-dir", "systemd.path", "the directory of units is not a plain absolute path")),
        }
    }

    pub(crate) fn unit(&self, name: &str) -> String {
        format!("{}/{name}", self.units)
    }

    /// Returns the directory of units, if systemd does not look there by itself.
    pub(crate) fn unusual_units(&self) -> Option<&str> {
        (!self.found).then_some(&self.units)
    }

    pub(crate) fn environment_file(&self, service: &str) -> String {
        format!("{}/{service}.env", self.environment)
    }

    /// Returns where a credential is kept. No service's environment file can be there: names of those end with `.env`.
    pub(crate) fn credential(&self, service: &str, name: &str) -> String {
        format!("{}/{service}.credentials/{name}", self.environment)
    }

    pub(crate) fn sysusers(&self) -> &str {
        &self.sysusers
    }

    pub(crate) fn tmpfiles(&self) -> &str {
        &self.tmpfiles
    }
}

fn home(facts: &Facts) -> Result<&str, Error> {
    let Some(home) = facts.home.as_deref() else {
        return Err(Error::not_found("systemd.home", "the services are one user's, and that user's home is not known")
            .at("scope"));
    };
    let home = home.strip_suffix('/').unwrap_or(home);
    if is_plain_path(home) && !home.chars().any(char::is_control) {
        return Ok(home);
    }
    Err(refuse("scope", "systemd.path", "the user's home is not a plain absolute path"))
}
