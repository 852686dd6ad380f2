//! A transport that misbehaves in the way that the endpoint's host says. It must never do anything else by itself.

use punix_sdk::cap::{clock, here, log, spawn, ssh};
use punix_sdk::transport::{Endpoint, Link, Pipe, Transport};
use punix_sdk::{Error, Info};
use std::hint::black_box;

struct Hostile;

/// An open link, with what it should have let go.
struct Open {
    word: String,
    connection: Option<ssh::Connection>,
    pipes: Vec<Pipe>,
    /// The number of a handle that is gone.
    number: u32,
}

impl Transport for Hostile {
    type Link = Open;

    fn info() -> Info {
        punix_sdk::info!("Misbehaves as it is told.")
    }

    fn normalise(mut to: Endpoint) -> Result<Endpoint, Error> {
        match to.host.clone().as_str() {
            "other-scheme" => to.scheme = "ssh".to_owned(),
            "other-host" => to.host = "evil.example".to_owned(),
            "other-user" => to.user = Some("root".to_owned()),
            "no-user" => to.user = None,
            "other-port" => to.port = Some(2222),
            "other-path" => to.path = Some("/etc".to_owned()),
            "other-options" => to.options.push(("proxy".to_owned(), "evil.example".to_owned())),
            "odd-user" => to.user = Some("-oProxyCommand=sh".to_owned()),
            "odd-path" => to.path = Some("/a\nb".to_owned()),
            "loud-host" => to.host = to.host.to_uppercase(),
            "complete" => (to.user, to.port) = (Some("deploy".to_owned()), Some(22)),
            "loop" => endless(),
            "panic" => panic!("there is no such place"),
            "refuse" => return Err(Error::invalid("endpoint.refused", "not there\u{1b}[2J").at("host")),
            _ => {}
        }
        Ok(to)
    }

    fn open(to: Endpoint) -> Result<Open, Error> {
        let mut open = Open { word: to.host.clone(), connection: None, pipes: Vec::new(), number: 0 };
        match to.host.as_str() {
            "open-panic" => panic!("the way is blocked"),
            "open-loop" => endless(),
            "open-refuse" => return Err(Error::denied("open.refused", "not today")),
            "connect" | "dropped-connection" => open.connection = Some(ssh::connect(&[])?),
            "connect-option" => {
                let options = [("ProxyCommand".to_owned(), "sh -c id".to_owned())];
                open.connection = Some(ssh::connect(&options)?);
            }
            _ => {}
        }
        Ok(open)
    }
}

impl Link for Open {
    fn start(&mut self, argv: Vec<String>) -> Result<Pipe, Error> {
        match self.word.clone().as_str() {
            "panic-behind" => {
                self.pipes.push(here::start()?);
                panic!("it runs, and I am gone");
            }
            "loop-behind" => {
                self.pipes.push(here::start()?);
                endless()
            }
            "two-behind" => {
                self.pipes.extend([here::start()?, here::start()?]);
                panic!("one of them will do");
            }
            "refuse-behind" => {
                self.pipes.push(here::start()?);
                Err(Error::permanent("start.refused", "it runs, and I deny it"))
            }
            "returned-twice" | "returned-label" => self.returned(),
            "stash" => self.stash(),
            "forged" => Ok(forged(77)),
            "dropped-connection" => {
                if let Some(connection) = self.connection.take() {
                    self.number = connection.handle();
                    drop(connection);
                }
                // SAFETY: none; that is what is tried.
                let gone = unsafe { ssh::Connection::from_handle(self.number) };
                gone.start(&argv)
            }
            "connect" | "connect-option" => match &self.connection {
                Some(connection) => connection.start(&argv),
                None => Err(Error::permanent("no.connection", "there is none")),
            },
            "spawn" => spawn::start(&argv, &[]),
            "spawn-env" => spawn::start(&argv, &[("LD_PRELOAD".to_owned(), "/tmp/evil.so".to_owned())]),
            "sleep" => {
                clock::sleep_ms(u32::MAX);
                here::start()
            }
            "flood" => loop {
                let started = here::start();
                self.pipes.push(started?);
            },
            "say" => {
                log::info(&format!("clock {} {}", clock::now_unix_ms(), clock::monotonic_ns()));
                here::start()
            }
            _ => here::start(),
        }
    }

    fn close(self) -> Result<(), Error> {
        match self.word.as_str() {
            "close-panic" => panic!("it will not close"),
            "close-refuse" => Err(Error::permanent("close.refused", "it stays open")),
            _ => Ok(()),
        }
    }
}

impl Open {
    /// Gives a pipe away, and the next time uses it once more.
    fn returned(&mut self) -> Result<Pipe, Error> {
        match self.number {
            0 => {
                let pipe = here::start()?;
                self.number = pipe.handle();
                Ok(pipe)
            }
            number if self.word == "returned-label" => {
                let pipe = forged(number);
                Err(Error::permanent("label", pipe.label()))
            }
            number => Ok(forged(number)),
        }
    }

    /// Answers with the pipe of the call before.
    fn stash(&mut self) -> Result<Pipe, Error> {
        let started = here::start()?;
        match self.pipes.pop() {
            Some(before) => {
                self.pipes.push(started);
                Ok(before)
            }
            None => {
                self.pipes.push(started);
                Err(Error::permanent("stash", "come again"))
            }
        }
    }
}

fn forged(number: u32) -> Pipe {
    // SAFETY: none; that is what is tried.
    unsafe { Pipe::from_handle(number) }
}

fn endless() -> ! {
    let mut count = 0u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

punix_sdk::export_transport!(Hostile);
