//! `docker-exec://[user@]container`: containers of this machine, by `docker exec`. The whole plugin is which words that
//! program is given; it is the host that starts it, if it was granted with such words.

use punix_sdk::cap::spawn;
use punix_sdk::transport::{Endpoint, Link, Pipe, Transport};
use punix_sdk::{Diagnostic, Error, Info, bail_at};

/// Where docker is, unless the option `program` says otherwise.
const DOCKER: &str = "/usr/bin/docker";

struct ContainerExec;

/// A container, and how it is reached.
#[derive(Debug)]
struct Container {
    program: String,
    user: String,
    name: String,
}

impl Transport for ContainerExec {
    type Link = Container;

    fn info() -> Info {
        punix_sdk::info!("Reaches containers by docker exec.")
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        let nothing = matches!(config.split_whitespace().collect::<String>().as_str(), "" | "{}");
        let error = || Error::invalid("container.config", "this transport has nothing to configure");
        if nothing { Vec::new() } else { vec![Diagnostic::error(error())] }
    }

    fn normalise(to: Endpoint) -> Result<Endpoint, Error> {
        if !is_container(&to.host) {
            bail_at!("host", code = "container.name", "`{}` is not the name of a container", to.host);
        }
        if let Some(user) = to.user.as_deref().filter(|user| !is_user(user)) {
            bail_at!("user", code = "container.user", "`{user}` is not the name of a user");
        }
        if to.port.is_some() {
            bail_at!("port", code = "container.port", "a container is reached without a port");
        }
        match to.path.as_deref() {
            None | Some("" | "/") => {}
            Some(path) => bail_at!("path", code = "container.path", "`{path}` says nothing about a container"),
        }
        for (name, value) in &to.options {
            let place = format!("options.{name}");
            match name.as_str() {
                "program" if value.starts_with('/') => {}
                "program" => bail_at!(place, code = "container.option", "`{value}` is not the full path of a program"),
                _ => bail_at!(place, code = "container.option", "`{name}` says nothing about a container"),
            }
        }
        Ok(Endpoint { path: None, ..to })
    }

    fn open(to: Endpoint) -> Result<Container, Error> {
        let to = ContainerExec::normalise(to)?;
        let program = to.option("program").unwrap_or(DOCKER).to_owned();
        Ok(Container { program, user: to.user.unwrap_or_default(), name: to.host })
    }
}

impl Container {
    /// Returns the words that start a program in it. They always have one form, which is what can be granted.
    fn words(&self, argv: Vec<String>) -> Vec<String> {
        let before = [&self.program, "exec", "--interactive", "--user", &self.user, "--", &self.name];
        before.into_iter().map(str::to_owned).chain(argv).collect()
    }
}

impl Link for Container {
    fn start(&mut self, argv: Vec<String>) -> Result<Pipe, Error> {
        spawn::start(&self.words(argv), &[])
    }

    fn close(self) -> Result<(), Error> {
        Ok(())
    }
}

/// Tells whether docker would name a container like this.
fn is_container(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(plain)
}

/// Tells whether a text is a user, by name or by number.
fn is_user(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_') && text.bytes().all(plain)
}

punix_sdk::export_transport!(ContainerExec);

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(host: &str) -> Endpoint {
        let (user, port, path) = (None, None, None);
        Endpoint { scheme: "docker-exec".to_owned(), user, host: host.to_owned(), port, path, options: Vec::new() }
    }

    fn with_option(name: &str, value: &str) -> Endpoint {
        Endpoint { options: vec![(name.to_owned(), value.to_owned())], ..plain("web") }
    }

    fn place(to: Endpoint) -> String {
        ContainerExec::normalise(to).unwrap_err().at.unwrap_or_default()
    }

    fn started(to: Endpoint, argv: &[&str]) -> String {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        ContainerExec::open(to).unwrap().words(argv).join("|")
    }

    #[test]
    fn a_program_starts_in_the_container_that_was_named() {
        let expected = "/usr/bin/docker|exec|--interactive|--user||--|web|/opt/punix-target|a b";
        assert_eq!(started(plain("web"), &["/opt/punix-target", "a b"]), expected);
        let named = Endpoint { user: Some("root".to_owned()), ..with_option("program", "/opt/podman") };
        assert_eq!(started(named, &["-x"]), "/opt/podman|exec|--interactive|--user|root|--|web|-x");
    }

    #[test]
    fn names_of_containers_keep_their_case() {
        // For docker `Web` and `web` are two.
        assert_eq!(ContainerExec::normalise(plain("Web")).unwrap().host, "Web");
        let slash = Endpoint { path: Some("/".to_owned()), ..plain("Web") };
        assert_eq!(ContainerExec::normalise(slash), ContainerExec::normalise(plain("Web")));
    }

    #[test]
    fn what_is_no_container_is_refused_where_it_stands() {
        for host in ["", "--privileged", "a b", "a/b", "a:b", ".a", "ä"] {
            assert_eq!(place(plain(host)), "host", "{host}");
        }
        for user in ["", "--privileged", "a b", "a:b"] {
            assert_eq!(place(Endpoint { user: Some(user.to_owned()), ..plain("web") }), "user", "{user}");
        }
        assert_eq!(place(Endpoint { port: Some(22), ..plain("web") }), "port");
        assert_eq!(place(Endpoint { path: Some("/srv".to_owned()), ..plain("web") }), "path");
        assert_eq!(place(with_option("program", "docker")), "options.program");
        assert_eq!(place(with_option("privileged", "yes")), "options.privileged");
    }

    #[test]
    fn there_is_nothing_to_configure() {
        assert_eq!(ContainerExec::check_config(" { } "), []);
        assert_eq!(ContainerExec::check_config(r#"{"a": 1}"#).len(), 1);
    }

    #[test]
    fn it_says_who_it_is() {
        let info = ContainerExec::info();
        assert_eq!(info.id, "org.example.container-exec");
        assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    }
}
