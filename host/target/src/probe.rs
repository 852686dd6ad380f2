//! Asking an address on the target whether it answers: one request, one status line. It is asked from there, since many
//! services can be reached from nowhere else.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Bytes of an answer that are looked at.
const ANSWER_BYTES_MAX: usize = 4 << 10;
/// The longest that is waited, whatever was asked for.
const PATIENCE_MAX: Duration = Duration::from_secs(60);

/// An address that is asked. Invariant, kept by whoever makes it: host and path are single words without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub host: String,
    pub port: u16,
    pub path: String,
    pub patience_ms: u32,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    pub is_good: bool,
    /// `status 503`, or what went wrong.
    pub said: String,
}

/// Asks. Every status of 2xx and 3xx is good.
pub(crate) fn probe(asked: &Asked) -> Answered {
    let patience = Duration::from_millis(asked.patience_ms.into()).min(PATIENCE_MAX);
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_word(&asked.host) || !is_word(&asked.path) {
        return Answered { is_good: false, said: "it is no address".to_owned() };
    }
    match status(asked, Instant::now() + patience) {
        Ok(status) => Answered { is_good: (200..400).contains(&status), said: format!("status {status}") },
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Answered { is_good: false, said: format!("no answer within {} ms", patience.as_millis()) }
        }
        Err(error) => Answered { is_good: false, said: error.to_string() },
    }
}

fn status(asked: &Asked, deadline: Instant) -> io::Result<u16> {
    let left = || match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::Error::from(ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let addresses: Vec<SocketAddr> = (asked.host.as_str(), asked.port).to_socket_addrs()?.collect();
    let mut stream = connect(&addresses, &left)?;
    let host = if asked.host.contains(':') { format!("[{}]", asked.host) } else { asked.host.clone() };
    let (path, port) = (&asked.path, asked.port);
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: punix\r\nConnection: close\r\n\r\n");
    stream.set_write_timeout(Some(left()?))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < ANSWER_BYTES_MAX {
        stream.set_read_timeout(Some(left()?))?;
        let mut part = [0; 512];
        match stream.read(&mut part)? {
            0 => break,
            read => answer.extend(part.iter().take(read)),
        }
    }
    let line = String::from_utf8_lossy(&answer);
    let line = line.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let speaks = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    let status = words.next().and_then(|digits| digits.parse().ok());
    status.filter(|_| speaks).ok_or_else(|| io::Error::other("what answers does not speak HTTP"))
}

/// Connects to the first address that takes it.
fn connect(addresses: &[SocketAddr], left: &dyn Fn() -> io::Result<Duration>) -> io::Result<TcpStream> {
    let mut refused = io::Error::other("the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(address, left()?) {
            Ok(stream) => return Ok(stream),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Asks a server that answers once with some bytes; nothing means that it never answers.
    fn asked(answer: Option<&'static str>) -> Answered {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            match answer {
                Some(answer) => drop(stream.write_all(answer.as_bytes())),
                // Until the other side has had enough.
                None => drop(stream.read(&mut [0; 1])),
            }
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let patience_ms = if answer.is_some() { 10_000 } else { 50 };
        let answered = probe(&Asked { host: "127.0.0.1".to_owned(), port, path: "/a?b".to_owned(), patience_ms });
        let request = server.join().unwrap();
        assert!(request.starts_with(&format!("GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n")), "{request}");
        answered
    }

    #[test]
    fn the_status_decides() {
        for (answer, is_good, said) in [
            ("HTTP/1.1 200 OK\r\n\r\n", true, "status 200"),
            ("HTTP/1.0 302 Found\r\n\r\n", true, "status 302"),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", false, "status 503"),
            ("SSH-2.0-x\r\n", false, "what answers does not speak HTTP"),
            ("", false, "what answers does not speak HTTP"),
        ] {
            assert_eq!(asked(Some(answer)), Answered { is_good, said: said.to_owned() });
        }
        assert_eq!(asked(None).said, "no answer within 50 ms");
    }

    #[test]
    fn what_is_no_word_is_not_asked() {
        let path = "/\r\nX: y".to_owned();
        let answered = probe(&Asked { host: "127.0.0.1".to_owned(), port: 1, path, patience_ms: 50 });
        assert_eq!(answered, Answered { is_good: false, said: "it is no address".to_owned() });
    }
}
