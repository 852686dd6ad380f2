//! `local://`: this machine, or a directory that stands for one. There is nobody to be somebody else for, and nothing on the
//! way; what the host starts is its own target engine.

use punix_sdk::cap::here;
use punix_sdk::transport::{Endpoint, Link, Pipe, Transport};
use punix_sdk::{Diagnostic, Error, Info, bail_at};

struct Local;

struct Here;

impl Transport for Local {
    type Link = Here;

    fn info() -> Info {
        punix_sdk::info!("Reaches this machine.")
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        match is_nothing(config) {
            true => Vec::new(),
            false => vec![Diagnostic::error(Error::invalid("local.config", "this transport has nothing to configure"))],
        }
    }

    fn normalise(to: Endpoint) -> Result<Endpoint, Error> {
        if !to.host.is_empty() && !to.host.eq_ignore_ascii_case("localhost") {
            bail_at!("host", code = "local.host", "`{}` is another machine: `local` is this one", to.host);
        }
        if let Some(user) = &to.user {
            bail_at!("user", code = "local.user", "this machine is changed as who runs `punix`, not as `{user}`");
        }
        if let Some(port) = to.port {
            bail_at!("port", code = "local.port", "this machine has no port {port} to be reached by");
        }
        match to.path.as_deref() {
            None | Some("" | "/") => {}
            Some(path) => bail_at!("path", code = "local.path", "`{path}` says nothing here: a root is given apart"),
        }
        if let Some((name, _)) = to.options.first() {
            bail_at!(format!("options.{name}"), code = "local.option", "`{name}` says nothing about this machine");
        }
        Ok(Endpoint { host: "localhost".to_owned(), path: None, ..to })
    }

    fn open(to: Endpoint) -> Result<Here, Error> {
        Local::normalise(to).map(|_| Here)
    }
}

impl Link for Here {
    fn start(&mut self, argv: Vec<String>) -> Result<Pipe, Error> {
        // The words are those of the engine's binary on a target; here it is a part of the host, which knows how to start it.
        let _ = argv;
        here::start()
    }

    fn close(self) -> Result<(), Error> {
        Ok(())
    }
}

/// Tells whether a text is an empty JSON object, or empty.
fn is_nothing(config: &str) -> bool {
    let inside = config.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inside.unwrap_or(config).trim().is_empty()
}

punix_sdk::export_transport!(Local);

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(host: &str) -> Endpoint {
        let (user, port, path) = (None, None, None);
        Endpoint { scheme: "local".to_owned(), user, host: host.to_owned(), port, path, options: Vec::new() }
    }

    #[test]
    fn every_name_of_this_machine_is_one() {
        let expected = plain("localhost");
        for host in ["", "localhost", "LocalHost"] {
            for path in [None, Some(""), Some("/")] {
                let named = Endpoint { path: path.map(str::to_owned), ..plain(host) };
                assert_eq!(Local::normalise(named), Ok(expected.clone()));
            }
        }
        assert_eq!(Local::normalise(expected.clone()), Ok(expected));
    }

    #[test]
    fn what_means_nothing_here_is_refused_where_it_stands() {
        let place = |to: Endpoint| Local::normalise(to).unwrap_err().at.unwrap_or_default();
        assert_eq!(place(plain("web")), "host");
        assert_eq!(place(plain("127.0.0.1")), "host");
        assert_eq!(place(Endpoint { user: Some("root".to_owned()), ..plain("") }), "user");
        assert_eq!(place(Endpoint { port: Some(22), ..plain("") }), "port");
        assert_eq!(place(Endpoint { path: Some("/srv".to_owned()), ..plain("") }), "path");
        let options = vec![("key".to_owned(), "/k".to_owned())];
        assert_eq!(place(Endpoint { options, ..plain("") }), "options.key");
    }

    #[test]
    fn there_is_nothing_to_configure() {
        assert_eq!((Local::check_config(" {} "), Local::check_config(r#"{"a":1}"#).len()), (Vec::new(), 1));
    }

    #[test]
    fn it_says_who_it_is() {
        let info = Local::info();
        assert_eq!((info.id.as_str(), info.version.as_str()), ("punix.local", env!("CARGO_PKG_VERSION")));
    }
}
