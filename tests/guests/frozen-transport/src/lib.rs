//! A transport as somebody built it on the day when the interfaces were published: its bindings are made from the frozen copy
//! of them, without the SDK. It starts programs in each way that there is. It must never be changed to follow the
//! interfaces: that it still runs is what it is for.

wit_bindgen::generate!({
    path: ["../../frozen/wit-0.1.0/base", "../../frozen/wit-0.1.0/cap", "../../frozen/wit-0.1.0/transport"],
    world: "punix:transport/transport@0.1.0",
    generate_all,
});

use exports::punix::base::meta;
use exports::punix::transport::api;
use punix::base::types::{Diagnostic, Error, ErrorClass};
use punix::cap::pipes::Pipe;
use punix::cap::{clock, here, log, spawn, ssh};

struct Frozen;

struct Link {
    to: api::Endpoint,
    connection: Option<ssh::Connection>,
}

impl meta::Guest for Frozen {
    fn describe() -> meta::Info {
        meta::Info {
            id: "org.example.frozen-transport".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Was here before.".to_owned(),
            license: "Apache-2.0".to_owned(),
            config_schema: String::new(),
            attributes: Vec::new(),
        }
    }

    fn check_config(_config: String) -> Vec<Diagnostic> {
        Vec::new()
    }
}

impl api::Guest for Frozen {
    type Link = Link;

    fn normalise(to: api::Endpoint) -> Result<api::Endpoint, Error> {
        log::emit(log::Level::Info, &format!("{to:?}"), &[]);
        match to.host.as_str() {
            "nowhere" => Err(error("there is no such place")),
            _ => Ok(api::Endpoint {
                user: to.user.or(Some("deploy".to_owned())),
                port: to.port.or(Some(22)),
                path: to.path.or(Some("/srv".to_owned())),
                ..to
            }),
        }
    }
}

impl api::GuestLink for Link {
    fn open(to: api::Endpoint) -> Result<api::Link, Error> {
        let connection = match to.host.as_str() {
            "nowhere" => return Err(error("there is no such place")),
            "ssh" => Some(ssh::connect(&[("ConnectTimeout".to_owned(), "5".to_owned())])?),
            _ => None,
        };
        clock::sleep_ms(1);
        log::emit(log::Level::Debug, &format!("{} {}", clock::now_unix_ms(), clock::monotonic_ns()), &[]);
        Ok(api::Link::new(Link { to, connection }))
    }

    fn start(&self, argv: Vec<String>) -> Result<Pipe, Error> {
        let pipe = match (&self.connection, self.to.host.as_str()) {
            (Some(connection), _) => connection.start(&argv)?,
            (None, "spawn") => spawn::start(&argv, &[])?,
            (None, _) => here::start()?,
        };
        log::emit(log::Level::Info, &pipe.label(), &[]);
        Ok(pipe)
    }

    fn close(this: api::Link) -> Result<(), Error> {
        match this.into_inner::<Link>().to.options.is_empty() {
            true => Ok(()),
            false => Err(error("it stays open")),
        }
    }
}

fn error(message: &str) -> Error {
    let class = ErrorClass::Denied;
    Error { class, code: "frozen.code".to_owned(), message: message.to_owned(), at: None, retry_after_ms: None }
}

export!(Frozen);
