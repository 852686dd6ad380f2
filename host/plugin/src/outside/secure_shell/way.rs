//! Where SSH connects to, as narrow types: what gets into an argument or a configuration of `ssh` is looked at here, once.
//! All of it is the operator's; nothing of a plugin is in it but [`Patience`], which can only shorten things.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::Path;
use std::time::Duration;

/// A destination with all that the operator said about how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecureShellWay {
    /// Without one, that of `ssh`'s configuration, or whoever runs this.
    pub user: Option<SshUser>,
    pub host: SshHost,
    /// Without one, that of `ssh`'s configuration, or 22.
    pub port: Option<u16>,
    /// The only key that is tried, besides those that the configurations name.
    pub key: Option<SshPath>,
    /// The only file of known hosts; without one, those of `ssh`'s configuration.
    pub known_hosts: Option<SshPath>,
    /// Hosts on the way, in their order.
    pub jump: Vec<SshHop>,
    /// Configurations that count where ours says nothing; the first that says something wins. Usually that of the user and
    /// that of the system. What is not there is not missed.
    pub configs: Vec<SshPath>,
}

/// A host on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshHop {
    pub user: Option<SshUser>,
    pub host: SshHost,
    pub port: Option<u16>,
}

/// The name of a user on a target. Invariant: `ssh` and the shells of its helpers take it for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshUser(String);

/// A host name, a name of `ssh`'s configuration, or an address; IPv6 without brackets. Invariant: as for [`SshUser`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshHost(String);

/// A path that can be written into a configuration of `ssh`. Invariant: absolute; no character that means something there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshPath(String);

/// Why something cannot be a part of a way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct WayError {
    pub text: String,
    pub what: &'static str,
}

/// How long is waited for the other side, and what else a plugin may make stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the connection to come about.
    pub connect: Duration,
    /// How long nothing may be heard before it is asked for a sign of life, and how many of these it may owe.
    pub alive_every: Duration,
    pub alive_count: u8,
    /// Without this, as the configurations have it.
    pub compression: Option<bool>,
    /// Only keys that were named, none that an agent happens to have.
    pub named_keys_only: bool,
}

impl Patience {
    /// What counts unless less is asked for.
    pub const MOST: Patience = Patience {
        connect: Duration::from_secs(20),
        alive_every: Duration::from_secs(15),
        alive_count: 3,
        compression: None,
        named_keys_only: false,
    };
}

impl Default for Patience {
    fn default() -> Patience {
        Patience::MOST
    }
}

impl SshUser {
    /// Reads the name of a user.
    pub fn parse(text: &str) -> Result<SshUser, WayError> {
        const LENGTH_MAX: usize = 128;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte);
        let starts = text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_');
        match starts && text.len() <= LENGTH_MAX && text.bytes().all(plain) {
            true => Ok(SshUser(text.to_owned())),
            false => Err(WayError::new(text, "the name of a user: letters, digits and `._-+@`")),
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SshHost {
    /// Reads a host; a name is brought to lower case, an address to its one spelling.
    pub fn parse(text: &str) -> Result<SshHost, WayError> {
        const LENGTH_MAX: usize = 253;
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(SshHost(address.to_string()));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let starts = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        match starts && text.len() <= LENGTH_MAX && text.bytes().all(plain) {
            true => Ok(SshHost(text.to_ascii_lowercase())),
            false => Err(WayError::new(text, "a host: a name, or an address without brackets")),
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns it as it stands before a port.
    fn bracketed(&self) -> String {
        if self.0.contains(':') { format!("[{}]", self.0) } else { self.0.clone() }
    }
}

impl SshPath {
    /// Takes a path.
    pub fn new(path: &Path) -> Result<SshPath, WayError> {
        // Quotes and escapes end or change a word, `$` and `~` are replaced, and the rest stands for several files.
        const LENGTH_MAX: usize = 1_024;
        let odd = |character: char| character.is_control() || "\"'\\$*?[]{}".contains(character);
        let wrong = || {
            let what = "a path that `ssh` can be given: absolute, at most 1024 bytes, without quotes and `\\$*?[]{}`";
            WayError::new(&path.to_string_lossy(), what)
        };
        let text = path.to_str().ok_or_else(wrong)?;
        match text.starts_with('/') && text.len() <= LENGTH_MAX && !text.contains(odd) {
            true => Ok(SshPath(text.to_owned())),
            false => Err(wrong()),
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns it as a word of a configuration.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }

    /// Returns it as a word of an option in which `%` has a meaning.
    pub(super) fn quoted_for_percent(&self) -> String {
        format!("\"{}\"", self.0.replace('%', "%%"))
    }
}

impl WayError {
    fn new(text: &str, what: &'static str) -> WayError {
        WayError { text: crate::word::cut(text), what }
    }
}

impl SecureShellWay {
    /// The options of an endpoint that say how it is reached by SSH. Each is a path but the hosts on the way, which are
    /// written as `user@host:port`, with commas between them. There may be several configurations.
    pub const KEY: &str = "key";
    pub const KNOWN_HOSTS: &str = "known-hosts";
    pub const JUMP: &str = "jump";
    pub const CONFIG: &str = "config";

    /// Returns a way of which nothing else was said.
    pub fn to(host: SshHost) -> SecureShellWay {
        SecureShellWay {
            user: None,
            host,
            port: None,
            key: None,
            known_hosts: None,
            jump: Vec::new(),
            configs: Vec::new(),
        }
    }
}

impl fmt::Display for SecureShellWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_place(f, self.user.as_ref(), &self.host, self.port)
    }
}

impl fmt::Display for SshHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_place(f, self.user.as_ref(), &self.host, self.port)
    }
}

fn write_place(f: &mut fmt::Formatter<'_>, user: Option<&SshUser>, host: &SshHost, port: Option<u16>) -> fmt::Result {
    if let Some(user) = user {
        write!(f, "{}@", user.as_str())?;
    }
    match port {
        Some(port) => write!(f, "{}:{port}", host.bracketed()),
        // `ssh` reads a jump host like this too.
        None => f.write_str(&host.bracketed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_hosts_are_never_options() {
        for text in ["deploy", "_apt", "a.b-c+d@example.com", "0day"] {
            assert_eq!(SshUser::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "-oProxyCommand=x", "a b", "a;b", "$(id)", "a\\b", "a'b", "ü", "a%h", "a\nb", ".a"] {
            SshUser::parse(text).unwrap_err();
        }
        for text in ["web", "web.example.com", "10.0.0.1", "a_b", "::1", "2001:db8::7"] {
            assert_eq!(SshHost::parse(text).unwrap().as_str(), text);
        }
        for text in
            ["", "-oProxyCommand=x", "a b", "a;b", "$(id)", "[::1]", "fe80::1%eth0", "a@b", "a:1", "a/b", ".a", "ü"]
        {
            SshHost::parse(text).unwrap_err();
        }
    }

    #[test]
    fn a_host_has_one_spelling() {
        assert_eq!(SshHost::parse("Web.Example.COM").unwrap().as_str(), "web.example.com");
        assert_eq!(SshHost::parse("2001:DB8:0::7").unwrap().as_str(), "2001:db8::7");
    }

    #[test]
    fn paths_mean_themselves() {
        let path = |text: &str| SshPath::new(Path::new(text));
        assert_eq!(path("/home/a b/100%").unwrap().quoted(), r#""/home/a b/100%""#);
        assert_eq!(path("/home/a b/100%").unwrap().quoted_for_percent(), r#""/home/a b/100%%""#);
        for text in ["", "key", "~/key", "/a\"b", "/a\\b", "/${HOME}/b", "/a*", "/a\nProxyCommand x", "/a?b"] {
            path(text).unwrap_err();
        }
    }

    #[test]
    fn a_place_is_shown_as_people_write_it() {
        let mut way = SecureShellWay::to(SshHost::parse("::1").unwrap());
        assert_eq!(way.to_string(), "[::1]");
        way.user = Some(SshUser::parse("deploy").unwrap());
        way.port = Some(2222);
        assert_eq!(way.to_string(), "deploy@[::1]:2222");
    }
}
