//! Plain `http` through a proxy. Such a request is not tunnelled, which proxies refuse for anything but `https`, but
//! handed to the proxy with the whole url in its first line. The HTTP library only tunnels; so it is told to ask the
//! proxy as if that was the server, and the first line is completed here, on its way out.

use super::url::Web;
use super::web::basic;
use crate::secret::Secret;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};
use ureq::{Agent, Error, Proxy};

const METHOD: &[u8] = b"GET ";

/// Makes an agent whose requests go to proxies.
pub(super) fn agent(config: ureq::config::Config) -> Agent {
    Agent::with_parts(config, DefaultConnector::new().chain(Completing), DefaultResolver::default())
}

/// Returns the url at which the proxy is asked for a file.
pub(super) fn request(proxy: &Proxy, web: &Web) -> String {
    let scheme = match proxy.protocol() {
        ureq::ProxyProtocol::Https => "https",
        _ => "http",
    };
    format!("{scheme}://{}:{}{}", proxy.host(), proxy.port(), web.target())
}

/// Returns the header that shows the proxy who we are.
pub(super) fn authorization(proxy: &Proxy) -> Option<Secret> {
    let user = proxy.username()?;
    Some(basic(&Secret::new(format!("{user}:{}", proxy.password().unwrap_or_default()))))
}

#[derive(Debug)]
struct Completing;

impl<In: Transport> Connector<In> for Completing {
    type Out = Completed<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Completed<In>>, Error> {
        Ok(chained.map(|inner| Completed { inner, begun: false }))
    }
}

/// A connection whose first line of a request becomes one for a proxy.
#[derive(Debug)]
struct Completed<In> {
    inner: In,
    begun: bool,
}

impl<In: Transport> Transport for Completed<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let mut amount = amount;
        if !self.begun {
            self.begun = true;
            amount = complete(self.inner.buffers().output(), amount)
                .ok_or_else(|| Error::Io(std::io::Error::other("the request is too long for a proxy")))?;
        }
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    /// One connection, one request: only the first has its line completed.
    fn is_open(&mut self) -> bool {
        false
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Puts `http://` and the host before the path in the head of a request. Returns how long the head is now.
fn complete(output: &mut [u8], amount: usize) -> Option<usize> {
    let head = std::str::from_utf8(output.get(..amount)?).ok()?;
    let mut lines = head.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
    let (_, host) = lines.find(|(name, _)| name.eq_ignore_ascii_case("host"))?;
    let inserted = format!("http://{}", host.trim());
    if !head.as_bytes().starts_with(METHOD) || output.len() < amount + inserted.len() {
        return None;
    }
    output.copy_within(METHOD.len()..amount, METHOD.len() + inserted.len());
    output[METHOD.len()..METHOD.len() + inserted.len()].copy_from_slice(inserted.as_bytes());
    Some(amount + inserted.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_completed() {
        let head = b"GET /a HTTP/1.1\r\nhost: example.org:8080\r\n\r\n";
        let mut output = [0; 200];
        output[..head.len()].copy_from_slice(head);
        let amount = complete(&mut output, head.len()).unwrap();
        let expected = b"GET http://example.org:8080/a HTTP/1.1\r\nhost: example.org:8080\r\n\r\n";
        assert_eq!(&output[..amount], expected);
        let mut narrow = *head;
        assert_eq!(complete(&mut narrow, head.len()), None);
        assert_eq!(complete(&mut [b'x'; 50], 30), None);
    }
}
