//! Ways to other machines: which one is meant, and how the program is started there that does the work. One connection, one
//! program; everything else is said over its pipe.

mod boot;
mod failure;
mod remote;

pub(crate) use remote::Remote;

use crate::args::service::reach::Become;
use crate::cmd::service::{Stopped, transport};
use crate::ui::{Ui, size};
use boot::{Booted, Program, boot, words};
use punix_model::{Endpoint, Link, Pipe, PipeEnd, Transport};
use punix_target::{Client, Door, Opening};
use std::path::{Path, PathBuf};

/// What the command line says of a way.
#[derive(Debug, Clone)]
pub(crate) struct WayOptions {
    pub(crate) key: Option<PathBuf>,
    /// The only file of known hosts that is used.
    pub(crate) known_hosts: Option<PathBuf>,
    /// The program there, if it is not ours.
    pub(crate) target_bin: Option<PathBuf>,
    pub(crate) becomes: Option<Become>,
}

/// An open way to a machine. What stands first goes first: the program ends before its connection does.
pub(crate) struct Way {
    client: Client,
    _end: Box<dyn PipeEnd>,
    _link: Box<dyn Link>,
}

impl Way {
    pub(crate) fn door(&self) -> &dyn Door {
        &self.client
    }
}

/// Opens a way to a machine, and a target on it.
pub(crate) fn open(ui: &Ui, remote: &Remote, options: &WayOptions, opening: &Opening<'_>) -> Result<Way, Stopped> {
    let transport = transport(ui, "ssh")?;
    let named = endpoint(remote, options)?;
    let refused = |error| failure::refused(remote, &error);
    let completed = transport.normalise(&named)?.map_err(refused)?;
    // A port that nobody named is for the configuration of `ssh` to say.
    let endpoint = Endpoint { port: named.port, ..completed };
    let mut link = transport.open(&endpoint)?.map_err(refused)?;

    let programs: Vec<Program<'_>> = punix_bundle::targets().iter().map(program).collect();
    let greeting = punix_target::greeting(opening)?;
    let argv = words(&programs, options.target_bin.as_deref(), options.becomes, &greeting);
    let Pipe { input, output, mut end, .. } = link.start(&argv)?.map_err(refused)?;
    let tell = |program: &Program<'_>| {
        ui.say(&format!("{remote} gets `punix-target` for {}, {}, once", program.system, size(program.size)));
    };
    let booted = boot(input, output, &programs, &greeting, &tell);
    let Booted { input, output } = booted.map_err(|error| failure::unstarted(remote, options, &error, &mut *end))?;
    match Client::greeted(input, output, opening) {
        Ok(client) => Ok(Way { client, _end: end, _link: link }),
        Err(error) => Err(failure::unopened(remote, options, error, &mut *end)),
    }
}

fn program(target: &'static punix_bundle::TargetProgram) -> Program<'static> {
    let bytes = |system: &str| {
        let found = punix_bundle::targets().iter().find(|target| target.system == system)?;
        Some(found.bytes())
    };
    Program { system: target.system, sha256: target.sha256, size: target.size, bytes }
}

/// Returns a machine as transports take it, with the files that say how it is reached.
fn endpoint(remote: &Remote, options: &WayOptions) -> Result<Endpoint, Stopped> {
    let mut named = Vec::new();
    for (name, flag, path) in [("key", "--key", &options.key), ("known-hosts", "--known-hosts", &options.known_hosts)] {
        let Some(path) = path else { continue };
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        match path.to_str() {
            Some(path) => named.push((name.to_owned(), path.to_owned())),
            None => return Err(Stopped::usage(format!("`{flag}` is no text"), "name a file in UTF-8")),
        }
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let own = home.filter(|home| home.is_absolute()).map(|home| home.join(".ssh/config"));
    let configs = own.iter().map(PathBuf::as_path).chain([Path::new("/etc/ssh/ssh_config")]);
    let configs = configs.filter(|path| path.is_file()).filter_map(Path::to_str);
    named.extend(configs.map(|path| ("config".to_owned(), path.to_owned())));
    Ok(remote.endpoint(named))
}
