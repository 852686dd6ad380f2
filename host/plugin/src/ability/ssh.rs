//! Where a plugin may have the host connect to by SSH, and how: only to the target of its call, as the operator named it,
//! with the files that the operator named. What the plugin adds are options that make it stricter or give up sooner; what
//! is done with all that is in `outside/secure_shell.rs`.

use crate::ability::spawn::{SpawnRefusal, check_size};
use crate::ability::told;
use crate::outside::{
    Patience, SecureShellConnection, SecureShellError, SecureShellWay, SshHop, SshHost, SshPath, SshUser, WayError,
};
use crate::word::cut;
use punix_model::{Class, Endpoint, Pipe, PluginError};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many hosts may be on the way, and how many configurations there may be.
const SEVERAL_MAX: usize = 8;

/// Why there is no way to a target, or an option is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SshRefusal {
    #[error("{0}")]
    Way(#[from] WayError),
    #[error("port 0 is nobody's")]
    Port,
    #[error("the target has the option `{name}` twice")]
    TwiceNamed { name: String },
    #[error("the target has more than {SEVERAL_MAX} options `{name}`")]
    TooMany { name: &'static str },
    #[error("the option `{name}` is not the plugin's to set: these are {}", OPTIONS.join(", "))]
    Option { name: String },
    #[error("the option `{name}` is given twice")]
    Twice { name: &'static str },
    #[error("the option `{name}` cannot be `{value}`, but {wanted}")]
    Value { name: &'static str, value: String, wanted: String },
}

/// What a plugin may set.
const OPTIONS: &[&str] =
    &["ConnectTimeout", "ServerAliveInterval", "ServerAliveCountMax", "Compression", "IdentitiesOnly"];

/// Returns the way to a target. Options that are not about SSH are somebody else's.
pub(crate) fn way(target: &Endpoint) -> Result<SecureShellWay, SshRefusal> {
    let mut way = SecureShellWay {
        user: target.user.as_deref().map(SshUser::parse).transpose()?,
        port: target.port,
        ..SecureShellWay::to(SshHost::parse(&target.host)?)
    };
    if way.port == Some(0) {
        return Err(SshRefusal::Port);
    }
    for (name, value) in &target.options {
        let path = || SshPath::new(Path::new(value));
        let twice = match name.as_str() {
            SecureShellWay::KEY => way.key.replace(path()?).is_some(),
            SecureShellWay::KNOWN_HOSTS => way.known_hosts.replace(path()?).is_some(),
            SecureShellWay::JUMP => {
                let known = !way.jump.is_empty();
                way.jump = value.split(',').map(hop).collect::<Result<Vec<SshHop>, SshRefusal>>()?;
                known
            }
            SecureShellWay::CONFIG => {
                way.configs.push(path()?);
                false
            }
            _ => false,
        };
        if twice {
            return Err(SshRefusal::TwiceNamed { name: name.clone() });
        }
    }
    match (way.jump.len(), way.configs.len()) {
        (hops, _) if hops > SEVERAL_MAX => Err(SshRefusal::TooMany { name: SecureShellWay::JUMP }),
        (_, configs) if configs > SEVERAL_MAX => Err(SshRefusal::TooMany { name: SecureShellWay::CONFIG }),
        _ => Ok(way),
    }
}

/// Returns how patient a connection is, given the options of a plugin. No option makes it more patient than it is without.
pub(crate) fn patience(options: &[(String, String)]) -> Result<Patience, SshRefusal> {
    let mut patience = Patience::MOST;
    let mut seen = BTreeSet::new();
    for (name, value) in options {
        // `ssh` does not distinguish them by case either.
        let known = OPTIONS.iter().copied().find(|known| known.eq_ignore_ascii_case(name));
        let name = known.ok_or_else(|| SshRefusal::Option { name: cut(name) })?;
        if !seen.insert(name) {
            return Err(SshRefusal::Twice { name });
        }
        let seconds = |most: Duration| {
            let most = most.as_secs();
            number(value, most).ok_or_else(|| wrong(name, value, format!("a number of seconds from 1 to {most}")))
        };
        match name {
            "ConnectTimeout" => patience.connect = Duration::from_secs(seconds(Patience::MOST.connect)?),
            "ServerAliveInterval" => patience.alive_every = Duration::from_secs(seconds(Patience::MOST.alive_every)?),
            "ServerAliveCountMax" => {
                let most = Patience::MOST.alive_count;
                let count = number(value, most.into()).and_then(|count| u8::try_from(count).ok());
                patience.alive_count = count.ok_or_else(|| wrong(name, value, format!("a number from 1 to {most}")))?;
            }
            "Compression" => patience.compression = Some(yes_or_no(name, value)?),
            "IdentitiesOnly" => match value.as_str() {
                "yes" => patience.named_keys_only = true,
                _ => return Err(wrong(name, value, "`yes`".to_owned())),
            },
            _ => return Err(SshRefusal::Option { name: name.to_owned() }),
        }
    }
    Ok(patience)
}

/// Starts a program over a connection.
pub(crate) fn start(
    connection: &mut dyn SecureShellConnection,
    argv: &[String],
    deadline: Instant,
) -> Result<Pipe, PluginError> {
    if argv.is_empty() {
        return Err(SpawnRefusal::NoProgram.into());
    }
    check_size(argv.iter())?;
    connection.start(argv, deadline).map_err(answer)
}

/// How it is said that a target was not reached: no name, no way, no answer. Whoever has another key, lets nobody in or
/// speaks another language was reached.
const UNREACHABLE: [&str; 5] = ["ssh.unresolved", "ssh.refused", "ssh.unreachable", "ssh.late", "ssh.on-the-way"];

/// Tells whether a failure to connect says that the target was not reached. Its class does not say that: what may work if
/// it is tried again may as well be a server that has enough to do.
pub fn is_unreachable(error: &PluginError) -> bool {
    UNREACHABLE.contains(&error.code.as_str())
}

/// Returns what a plugin is told about a failure, and through it the operator: what is wrong, what `ssh` said, what to do.
pub(crate) fn answer(error: SecureShellError) -> PluginError {
    let (class, code) = match &error {
        SecureShellError::NoProgram { .. } => (Class::Unsupported, "ssh.no-program"),
        SecureShellError::Program { .. } => (Class::Permanent, "ssh.program"),
        SecureShellError::Room { .. } => (Class::Permanent, "ssh.room"),
        SecureShellError::File { .. } => (Class::InvalidInput, "ssh.file"),
        SecureShellError::UnknownHostKey { .. } => (Class::Denied, "ssh.unknown-host-key"),
        SecureShellError::ChangedHostKey { .. } => (Class::Denied, "ssh.changed-host-key"),
        SecureShellError::RevokedHostKey { .. } => (Class::Denied, "ssh.revoked-host-key"),
        SecureShellError::Authentication { .. } => (Class::Denied, "ssh.authentication"),
        SecureShellError::Unresolved { .. } => (Class::NotFound, "ssh.unresolved"),
        SecureShellError::Refused { .. } => (Class::Transient, "ssh.refused"),
        SecureShellError::Unreachable { .. } => (Class::Transient, "ssh.unreachable"),
        SecureShellError::Late { .. } => (Class::Transient, "ssh.late"),
        SecureShellError::Negotiation { .. } => (Class::Permanent, "ssh.negotiation"),
        SecureShellError::OnTheWay { .. } => (Class::Transient, "ssh.on-the-way"),
        SecureShellError::Configuration { .. } => (Class::InvalidInput, "ssh.configuration"),
        SecureShellError::Failed { .. } => (Class::Transient, "ssh.failed"),
        SecureShellError::Gone { .. } => (Class::Transient, "ssh.gone"),
        SecureShellError::Session { .. } => (Class::Transient, "ssh.session"),
    };
    let said = match error.said() {
        "" => String::new(),
        said => format!(" (`ssh` says: {said})"),
    };
    told(class, code, &format_args!("{error}{said}; {}", error.help()))
}

impl From<SshRefusal> for PluginError {
    fn from(refusal: SshRefusal) -> PluginError {
        let (class, code) = match &refusal {
            SshRefusal::Option { .. } => (Class::Denied, "ssh.option"),
            SshRefusal::Twice { .. } | SshRefusal::Value { .. } => (Class::InvalidInput, "ssh.option"),
            SshRefusal::Way(_) | SshRefusal::Port | SshRefusal::TwiceNamed { .. } | SshRefusal::TooMany { .. } => {
                (Class::InvalidInput, "ssh.target")
            }
        };
        told(class, code, &refusal)
    }
}

/// Reads `[user@]host[:port]`, an address of IPv6 in brackets.
fn hop(text: &str) -> Result<SshHop, SshRefusal> {
    let (user, place) = match text.rsplit_once('@') {
        Some((user, place)) => (Some(SshUser::parse(user)?), place),
        None => (None, text),
    };
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').or(if rest.is_empty() { None } else { Some("") })),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let number = |port: &str| number(port, u16::MAX.into()).and_then(|port| u16::try_from(port).ok());
    let port = port.map(|port| number(port).ok_or(SshRefusal::Port)).transpose()?;
    Ok(SshHop { user, host: SshHost::parse(host)?, port })
}

/// Reads a number from 1 to the most there may be.
fn number(text: &str, most: u64) -> Option<u64> {
    let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && (1..=most).contains(number))
}

fn yes_or_no(name: &'static str, value: &str) -> Result<bool, SshRefusal> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(wrong(name, value, "`yes` or `no`".to_owned())),
    }
}

fn wrong(name: &'static str, value: &str, wanted: String) -> SshRefusal {
    SshRefusal::Value { name, value: cut(value), wanted }
}

#[cfg(test)]
mod tests;
