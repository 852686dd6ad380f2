use super::*;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

mod answers;
mod certificates;
mod connections;
mod requests;
mod server;

use server::Server;

/// What ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is enough for whoever does nothing wrong, as far as it has to run out in a test.
const SHORT: Duration = Duration::from_millis(200);

/// Knows names as it is told.
#[derive(Default)]
struct Told {
    names: Vec<(&'static str, Vec<IpAddr>)>,
    /// What is said instead from the second time on.
    later: Vec<IpAddr>,
    asked: AtomicUsize,
}

impl Names for Told {
    fn addresses(&self, host: &str, _: Instant) -> Result<Vec<IpAddr>, NamesError> {
        if self.asked.fetch_add(1, Ordering::Relaxed) > 0 && !self.later.is_empty() {
            return Ok(self.later.clone());
        }
        let found = self.names.iter().find(|(name, _)| *name == host);
        found.map(|(_, addresses)| addresses.clone()).ok_or(NamesError::Unknown)
    }
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Makes a client for which `web.test` is this machine.
fn client() -> ThisMachinesWeb {
    with_names(Told { names: vec![("web.test", addresses(&["127.0.0.1"]))], ..Told::default() })
}

fn with_names(names: Told) -> ThisMachinesWeb {
    ThisMachinesWeb::new(BTreeMap::new()).with_names(Arc::new(names))
}

fn url(text: &str) -> WebUrl {
    WebUrl::parse(text).unwrap()
}

/// Makes a request of a url, as it is granted to a plugin that may ask private networks.
fn get(url: &WebUrl) -> WebRequest<'_> {
    WebRequest {
        method: Method::Get,
        url,
        headers: Vec::new(),
        body: None,
        authority: None,
        private: true,
        deadline: Instant::now() + PATIENCE,
        body_bytes_max: 1 << 20,
    }
}

/// Asks a server on this machine something, and returns its answer in short.
fn ask(server: &Server, deadline: Duration) -> String {
    let url = url(&format!("http://web.test:{}/a", server.port));
    let request = WebRequest { deadline: Instant::now() + deadline, body_bytes_max: 100_000, ..get(&url) };
    short(client().exchange(&request))
}

fn short(answer: Result<WebAnswer, WebError>) -> String {
    match answer {
        Ok(answer) => format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)),
        Err(error) => error.to_string(),
    }
}
