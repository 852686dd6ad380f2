//! A transport that reaches containers: it starts `docker exec` and passes on the pipe to it. What goes over the pipe never
//! comes in here.

mod words;

use punix_sdk::cap::spawn;
use punix_sdk::transport::{Endpoint, Link, Pipe, Transport};
use punix_sdk::{Error, Info};

struct Plugin;

/// A container that programs can be started in. Nothing has to be kept open for that.
struct Container {
    to: Endpoint,
}

impl Transport for Plugin {
    type Link = Container;

    fn info() -> Info {
        punix_sdk::info!("Reaches containers with docker exec.")
    }

    fn normalise(to: Endpoint) -> Result<Endpoint, Error> {
        words::normalise(to)
    }

    fn open(to: Endpoint) -> Result<Container, Error> {
        Ok(Container { to: words::normalise(to)? })
    }
}

impl Link for Container {
    fn start(&mut self, argv: Vec<String>) -> Result<Pipe, Error> {
        spawn::start(&words::words(&self.to, &argv), &[])
    }

    fn close(self) -> Result<(), Error> {
        Ok(())
    }
}

punix_sdk::export_transport!(Plugin);
