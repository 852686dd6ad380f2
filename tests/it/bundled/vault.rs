//! A server on this machine's loopback that answers in the shapes of Vault's public API, as a test tells it to. It notes what
//! it is asked.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The server. It ends with its owner.
pub(crate) struct Vault {
    pub(crate) address: String,
    told: Arc<Mutex<Told>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What it was told, and what it was asked.
#[derive(Default)]
struct Told {
    /// By method and path: each answer once, the last for ever.
    answers: BTreeMap<String, VecDeque<(u16, String)>>,
    /// Who may read.
    token: String,
    asked: Vec<String>,
}

const DEADLINE: Duration = Duration::from_secs(20);
const BODY_BYTES_MAX: usize = 64 << 10;

impl Vault {
    /// Starts one that answers those who show this token.
    pub(crate) fn new(token: &str) -> Vault {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let told = Arc::new(Mutex::new(Told { token: token.to_owned(), ..Told::default() }));
        let over = Arc::new(AtomicBool::new(false));
        let (theirs, end) = (Arc::clone(&told), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                // A question that breaks off is the other side's business, and its test says so.
                let _ = serve(&stream, &theirs);
            }
        });
        Vault { address: format!("http://{address}"), told, over, thread: Some(thread) }
    }

    /// Answers `GET secret/data/db` and the like so; told several times, one after the other.
    pub(crate) fn answer(self, question: &str, status: u16, body: &str) -> Vault {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.answers.entry(question.to_owned()).or_default().push_back((status, body.to_owned()));
        drop(told);
        self
    }

    /// Says of a path that it belongs to a mount, as servers do to whoever may read there.
    pub(crate) fn mount(self, path: &str, mount: &str, engine: &str, options: &str) -> Vault {
        let body = format!(
            r#"{{"request_id":"1","lease_duration":0,"data":{{"accessor":"{engine}_1","options":{options},"path":"{mount}/","type":"{engine}"}}}}"#
        );
        self.answer(&format!("GET sys/internal/ui/mounts/{path}"), 200, &body)
    }

    /// Returns what it was asked: method and path, and where they are there the namespace and the body.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(address) = self.address.strip_prefix("http://") {
            let _ = TcpStream::connect(address);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: &TcpStream, told: &Mutex<Told>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; BODY_BYTES_MAX.min(length)];
    reader.read_exact(&mut body)?;
    let (status, answer) = decide(&first, &headers, &String::from_utf8_lossy(&body), told);
    write!(
        stream,
        "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    )?;
    stream.flush()
}

fn decide(first: &str, headers: &BTreeMap<String, String>, body: &str, told: &Mutex<Told>) -> (u16, String) {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let question = format!("{method} {}", target.strip_prefix("/v1/").unwrap_or(target));
    let mut line = question.clone();
    if let Some(namespace) = headers.get("x-vault-namespace") {
        line.push_str(&format!(" [x-vault-namespace: {namespace}]"));
    }
    if !body.is_empty() {
        line.push_str(&format!(" {body}"));
    }
    told.asked.push(line);
    let is_login = question.starts_with("POST auth/");
    if headers.get("x-vault-request").is_none_or(|value| value != "true") {
        return (412, r#"{"errors":["missing required Vault header"]}"#.to_owned());
    }
    if !is_login && headers.get("x-vault-token") != Some(&told.token) {
        return (403, r#"{"errors":["permission denied"]}"#.to_owned());
    }
    match told.answers.get_mut(&question) {
        Some(answers) if answers.len() > 1 => answers.pop_front().unwrap_or_default(),
        Some(answers) => answers.front().cloned().unwrap_or_default(),
        None => (404, r#"{"errors":[]}"#.to_owned()),
    }
}
