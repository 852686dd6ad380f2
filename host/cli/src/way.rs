//! Ways to other machines: which one is meant, and how the program is started there that does the work. One connection, one
//! program, and a second one where something is built; everything else is said over their pipes.

mod boot;
mod failure;
mod remote;

pub(crate) use remote::Remote;

use crate::args::service::reach::Become;
use crate::cmd::service::{Stopped, transport};
use crate::ui::{Ui, size};
use boot::{Booted, Program, Which, boot, words};
use punix_build::pipe::{self, There};
use punix_diag::Diagnostic;
use punix_model::{Endpoint, Link, Pipe, PipeEnd, Transport};
use punix_target::{Client, Door, Opening};
use std::cell::RefCell;
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
    link: RefCell<Box<dyn Link>>,
    remote: Remote,
    options: WayOptions,
}

/// The program that builds, on the same machine.
pub(crate) struct Builder {
    there: There,
    _end: Box<dyn PipeEnd>,
}

impl Builder {
    pub(crate) fn there(&self) -> &There {
        &self.there
    }
}

impl Way {
    pub(crate) fn door(&self) -> &dyn Door {
        &self.client
    }

    /// Starts the program that builds, over the same connection.
    pub(crate) fn builder(&self, ui: &Ui, opening: &pipe::Opening<'_>) -> Result<Builder, Stopped> {
        let greeting = pipe::greeting(opening).map_err(|error| Stopped::World(vec![Diagnostic::from(error)]))?;
        let mut link = self.link.borrow_mut();
        let Started { booted: Booted { input, output }, mut end } =
            start(ui, &mut **link, Which::Builder, None, (&self.remote, &self.options), &greeting)?;
        match There::greeted(input, output, opening.wait) {
            Ok(there) => Ok(Builder { there, _end: end }),
            Err(error) => Err(failure::ungreeted(&self.remote, error, &mut *end)),
        }
    }
}

/// Opens a way to a machine, and a target on it.
pub(crate) fn open(ui: &Ui, remote: &Remote, options: &WayOptions, opening: &Opening<'_>) -> Result<Way, Stopped> {
    let transport = transport(ui, "ssh")?;
    let named = endpoint(remote, options)?;
    let completed = transport.normalise(&named)?.map_err(|error| failure::refused(remote, &error))?;
    // A port that nobody named is for the configuration of `ssh` to say.
    let endpoint = Endpoint { port: named.port, ..completed };
    let mut link = transport.open(&endpoint)?.map_err(|error| failure::unconnected(remote, &error))?;

    let greeting = punix_target::greeting(opening)?;
    let named = options.target_bin.as_deref();
    let Started { booted: Booted { input, output }, mut end } =
        start(ui, &mut *link, Which::Target, named, (remote, options), &greeting)?;
    match Client::greeted(input, output, opening) {
        Ok(client) => {
            let (link, remote, options) = (RefCell::new(link), remote.clone(), options.clone());
            Ok(Way { client, _end: end, link, remote, options })
        }
        Err(error) => Err(failure::unopened(remote, options, error, &mut *end)),
    }
}

/// A program that runs on another machine.
struct Started {
    booted: Booted,
    end: Box<dyn PipeEnd>,
}

/// Starts one of our programs, or one that is there already.
fn start(
    ui: &Ui,
    link: &mut dyn Link,
    which: Which,
    named: Option<&Path>,
    (remote, options): (&Remote, &WayOptions),
    greeting: &[u8],
) -> Result<Started, Stopped> {
    let bundled = match which {
        Which::Target => punix_bundle::targets(),
        Which::Builder => punix_bundle::builders(),
    };
    let programs: Vec<Program<'_>> = bundled.iter().map(|program| Program::of(which, program)).collect();
    let argv = words(which, &programs, named, options.becomes, greeting);
    let Pipe { input, output, mut end, .. } = link.start(&argv)?.map_err(|error| failure::refused(remote, &error))?;
    let tell = |program: &Program<'_>| {
        ui.doing(match which {
            Which::Target => "sending punix-target",
            Which::Builder => "sending punix-build",
        });
        ui.say_alone(&format!("{remote} gets `{which}` for {}, {}, once", program.system, size(program.size)));
    };
    match boot(input, output, (which, &programs), greeting, &tell) {
        Ok(booted) => Ok(Started { booted, end }),
        Err(error) => Err(failure::unstarted(remote, options, &error, &mut *end)),
    }
}

impl Program<'static> {
    fn of(which: Which, program: &'static punix_bundle::Program) -> Program<'static> {
        let bytes: fn(&str) -> Option<Vec<u8>> = match which {
            Which::Target => |system| bytes(punix_bundle::targets(), system),
            Which::Builder => |system| bytes(punix_bundle::builders(), system),
        };
        Program { system: program.system, sha256: program.sha256, size: program.size, bytes }
    }
}

fn bytes(programs: &[punix_bundle::Program], system: &str) -> Option<Vec<u8>> {
    Some(programs.iter().find(|program| program.system == system)?.bytes())
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
