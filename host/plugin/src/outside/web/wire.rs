//! A connection under one deadline. Every wait takes what is left of it, so that a server which sends a byte now and then
//! gets no more time than one that sends nothing.

use super::error::{Doing, WebError};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A connection of TCP.
pub(super) struct Wire {
    stream: TcpStream,
    deadline: Instant,
}

/// Connects to the first of some addresses that answers. None of the first takes all the time there is.
pub(super) fn connect(host: &str, addresses: &[IpAddr], port: u16, deadline: Instant) -> Result<Wire, WebError> {
    let mut last = WebError::Connect { host: host.to_owned(), port, kind: ErrorKind::AddrNotAvailable };
    for (tried, address) in addresses.iter().enumerate() {
        let to_try = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let Some(left) = left(deadline) else { break };
        let patience = (left / to_try).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&SocketAddr::new(*address, port), patience) {
            Ok(stream) => {
                // A request is written as a whole; waiting for more of it is of no use.
                let _ = stream.set_nodelay(true);
                return Ok(Wire { stream, deadline });
            }
            Err(error) => last = failed(host, port, &error),
        }
    }
    match left(deadline) {
        Some(_) => Err(last),
        None => Err(WebError::Late { host: host.to_owned(), doing: Doing::Connecting }),
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.set_read_timeout(Some(self.patience()?))?;
            match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.stream.set_write_timeout(Some(self.patience()?))?;
            match self.stream.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Wire {
    fn patience(&self) -> io::Result<Duration> {
        left(self.deadline).ok_or_else(|| ErrorKind::TimedOut.into())
    }
}

fn left(deadline: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}

fn failed(host: &str, port: u16, error: &io::Error) -> WebError {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            WebError::Late { host: host.to_owned(), doing: Doing::Connecting }
        }
        kind => WebError::Connect { host: host.to_owned(), port, kind },
    }
}
