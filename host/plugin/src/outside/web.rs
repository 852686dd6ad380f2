//! Requests of HTTP as the host makes them: one connection, one request, one answer, under one deadline. Redirects are
//! answers, there is no proxy, nothing is kept for the next request.
//!
//! Who may be asked what was decided before. What is decided here is whether the addresses of a host may be: they are
//! looked up once, all of them are judged, and only those that were judged are connected to.

mod address;
mod answer;
mod ask;
mod body;
mod error;
mod incoming;
mod names;
mod trust;
mod url;
mod wire;

pub use address::{Place, Reach, Trap};
pub(crate) use answer::KEPT;
pub(crate) use ask::{is_field_value, is_token};
pub use error::{AuthorityFault, Doing, ProtocolFault, TlsFault, WebError};
pub use names::{Names, NamesError, SystemNames};
pub use trust::Authority;
pub use url::{UrlError, WebUrl};

use crate::request::Method;
use crate::word::AuthorityName;
use address::Allowed;
use punix_model::Secret;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use trust::Trust;
use zeroize::Zeroizing;

/// Whoever can be asked by HTTP.
pub trait Web: Send + Sync {
    /// Sends a request and returns the answer to it, by the deadline.
    fn exchange(&self, ask: &WebRequest<'_>) -> Result<WebAnswer, WebError>;
}

/// A request that may be made.
pub struct WebRequest<'a> {
    pub method: Method,
    pub url: &'a WebUrl,
    /// Beside those that the host itself sets.
    pub headers: Vec<(String, Secret)>,
    pub body: Option<&'a [u8]>,
    /// The only authority whose certificates count; else those of this machine.
    pub authority: Option<&'a AuthorityName>,
    /// Also at addresses of this machine and of private networks.
    pub private: bool,
    pub deadline: Instant,
    /// The largest body that is taken.
    pub body_bytes_max: usize,
}

/// An answer.
pub struct WebAnswer {
    pub status: u16,
    /// Only those that cannot hold a secret; names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for WebAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebAnswer({}, ..)", self.status)
    }
}

/// The network as this machine sees it.
pub struct ThisMachinesWeb {
    names: Arc<dyn Names>,
    trust: Trust,
}

impl ThisMachinesWeb {
    /// Makes a client that knows these authorities beside those of the machine.
    pub fn new(authorities: BTreeMap<AuthorityName, Authority>) -> ThisMachinesWeb {
        ThisMachinesWeb { names: Arc::new(SystemNames::default()), trust: Trust::new(authorities) }
    }

    /// Finds addresses of names elsewhere.
    #[must_use]
    pub fn with_names(self, names: Arc<dyn Names>) -> ThisMachinesWeb {
        ThisMachinesWeb { names, ..self }
    }

    /// Returns every address of the host that is asked, if all of them may be.
    fn addresses(&self, ask: &WebRequest<'_>) -> Result<Vec<IpAddr>, WebError> {
        let host = ask.url.host();
        let (found, allowed) = match ask.url.address() {
            // No pattern of hosts holds an address that it does not name.
            Some(address) => (vec![address], Allowed::Literal),
            None => {
                let found = self.names.addresses(host, ask.deadline);
                let found = found.map_err(|cause| WebError::Name { host: host.to_owned(), cause })?;
                (found, if ask.private { Allowed::Private } else { Allowed::Public })
            }
        };
        for address in &found {
            address::check(*address, allowed).map_err(|reach| WebError::Address {
                host: host.to_owned(),
                address: *address,
                reach,
            })?;
        }
        match found.is_empty() {
            true => Err(WebError::Name { host: host.to_owned(), cause: NamesError::Unknown }),
            false => Ok(found),
        }
    }
}

impl Web for ThisMachinesWeb {
    fn exchange(&self, ask: &WebRequest<'_>) -> Result<WebAnswer, WebError> {
        let addresses = self.addresses(ask)?;
        let connect = || wire::connect(ask.url.host(), &addresses, ask.url.port(), ask.deadline);
        if !ask.url.is_secure() {
            return talk(&mut connect()?, ask);
        }
        let config = self.trust.config(ask.authority)?;
        let mut secure = trust::secure(config, ask.url, connect()?)?;
        let answer = talk(&mut secure, ask)?;
        // Politeness; the answer is here.
        secure.conn.send_close_notify();
        let _ = secure.flush();
        Ok(answer)
    }
}

/// Sends the request and reads the answer.
fn talk<S: Read + Write>(stream: &mut S, ask: &WebRequest<'_>) -> Result<WebAnswer, WebError> {
    let host = ask.url.host();
    let head = ask::head(ask)?;
    let sent = send(stream, head.bytes(), ask.body.unwrap_or_default());
    let failed = match sent.map_err(|error| WebError::of(host, Doing::Asking, &error)) {
        Ok(()) => None,
        // A server that has read enough answers and closes; what it says is worth more than that it closed.
        Err(error @ (WebError::Broken { .. } | WebError::Closed { .. })) => Some(error),
        Err(error) => return Err(error),
    };
    let answer = answer::read(host, stream, ask.method, ask.body_bytes_max);
    answer.map_err(|error| failed.unwrap_or(error))
}

fn send(stream: &mut impl Write, head: &[u8], body: &[u8]) -> io::Result<()> {
    stream.write_all(head)?;
    stream.write_all(body)?;
    stream.flush()
}

#[cfg(test)]
mod tests;
