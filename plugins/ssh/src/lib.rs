//! `ssh://[user@]host[:port]`: machines that let somebody in by SSH. The host connects, with its own `ssh`; what is here
//! says which targets there are, and that two texts for one target are one.

use punix_sdk::cap::ssh::{self, Connection};
use punix_sdk::transport::{Endpoint, Link, Pipe, Transport};
use punix_sdk::{Diagnostic, Error, Info, bail_at};

/// The port of SSH.
const PORT: u16 = 22;
/// What an operator can say besides about a target; the host reads the values.
const OPTIONS: &[&str] = &["config", "jump", "key", "known-hosts"];

struct Ssh;

struct Open(Connection);

impl Transport for Ssh {
    type Link = Open;

    fn info() -> Info {
        punix_sdk::info!("Reaches machines by SSH.")
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        match is_nothing(config) {
            true => Vec::new(),
            false => vec![Diagnostic::error(Error::invalid("ssh.config", "this transport has nothing to configure"))],
        }
    }

    fn normalise(to: Endpoint) -> Result<Endpoint, Error> {
        if !is_host(&to.host) {
            bail_at!("host", code = "ssh.host", "`{}` is not a host: a name, or an address", to.host);
        }
        if let Some(user) = to.user.as_deref().filter(|user| !is_user(user)) {
            bail_at!("user", code = "ssh.user", "`{user}` is not the name of a user");
        }
        if to.port == Some(0) {
            bail_at!("port", code = "ssh.port", "port 0 is nobody's");
        }
        match to.path.as_deref() {
            None | Some("" | "/") => {}
            Some(path) => {
                bail_at!("path", code = "ssh.path", "`{path}` says nothing here: a target is a whole machine")
            }
        }
        if let Some((name, _)) = to.options.iter().find(|(name, _)| !OPTIONS.contains(&name.as_str())) {
            let known = OPTIONS.join(", ");
            let place = format!("options.{name}");
            bail_at!(place, code = "ssh.option", "`{name}` says nothing about a target of SSH: these do: {known}");
        }
        // The user stays open: who that is without being named, the host knows.
        Ok(Endpoint { host: to.host.to_ascii_lowercase(), port: Some(to.port.unwrap_or(PORT)), path: None, ..to })
    }

    fn open(to: Endpoint) -> Result<Open, Error> {
        Ssh::normalise(to)?;
        // Where to, the host has heard from the operator.
        ssh::connect(&[]).map(Open)
    }
}

impl Link for Open {
    fn start(&mut self, argv: Vec<String>) -> Result<Pipe, Error> {
        self.0.start(&argv)
    }

    fn close(self) -> Result<(), Error> {
        Ok(())
    }
}

/// Tells whether a text is a name, or an address; one of IPv6 has no brackets any more.
fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let name = text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(plain);
    name || text.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Tells whether a text is a name that no command takes for something else.
fn is_user(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_') && text.bytes().all(plain)
}

/// Tells whether a text is an empty JSON object, or empty.
fn is_nothing(config: &str) -> bool {
    let inside = config.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inside.unwrap_or(config).trim().is_empty()
}

punix_sdk::export_transport!(Ssh);

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(host: &str) -> Endpoint {
        let (user, port, path) = (None, None, None);
        Endpoint { scheme: "ssh".to_owned(), user, host: host.to_owned(), port, path, options: Vec::new() }
    }

    fn place(to: Endpoint) -> String {
        Ssh::normalise(to).unwrap_err().at.unwrap_or_default()
    }

    #[test]
    fn two_texts_for_one_target_are_one() {
        let expected = Endpoint { port: Some(22), ..plain("web.example.com") };
        let path = |path: &str| Some(path.to_owned());
        for named in [
            plain("web.example.com"),
            plain("Web.Example.COM"),
            Endpoint { port: Some(22), ..plain("web.example.com") },
            Endpoint { path: path("/"), ..plain("web.example.com") },
            Endpoint { path: path(""), ..plain("web.example.com") },
            expected.clone(),
        ] {
            assert_eq!(Ssh::normalise(named), Ok(expected.clone()));
        }
    }

    #[test]
    fn what_was_said_stays() {
        let options = OPTIONS.iter().map(|name| ((*name).to_owned(), "/x".to_owned())).collect();
        let named = Endpoint { user: Some("deploy".to_owned()), port: Some(2222), options, ..plain("2001:db8::1") };
        assert_eq!(Ssh::normalise(named.clone()), Ok(named));
    }

    #[test]
    fn what_is_no_target_is_refused_where_it_stands() {
        for host in ["", "-oProxyCommand=id", "a b", "a;b", "[::1]", "a@b", "a:b", "ü", "$(id)"] {
            assert_eq!(place(plain(host)), "host", "{host}");
        }
        for user in ["", "-l", "a b", "$(id)", "a'b"] {
            assert_eq!(place(Endpoint { user: Some(user.to_owned()), ..plain("web") }), "user", "{user}");
        }
        assert_eq!(place(Endpoint { port: Some(0), ..plain("web") }), "port");
        assert_eq!(place(Endpoint { path: Some("/srv".to_owned()), ..plain("web") }), "path");
        let options = vec![("ProxyCommand".to_owned(), "id".to_owned())];
        assert_eq!(place(Endpoint { options, ..plain("web") }), "options.ProxyCommand");
    }

    #[test]
    fn there_is_nothing_to_configure() {
        assert_eq!((Ssh::check_config(" {} "), Ssh::check_config(r#"{"a":1}"#).len()), (Vec::new(), 1));
    }

    #[test]
    fn it_says_who_it_is() {
        let info = Ssh::info();
        assert_eq!((info.id.as_str(), info.version.as_str()), ("punix.ssh", env!("CARGO_PKG_VERSION")));
    }
}
