//! What the tests of fetching share: directories that go away, and servers on the loopback that say what they are told.

// Each test program uses a part of it.
#![allow(dead_code)]

pub(crate) mod fetch;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A test that hangs ends by this.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory that is removed with all that is in it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("punix-fetching-{}-{number}", std::process::id());
        let path = fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Lists the names in a directory.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.join(directory)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a server does with one request.
pub(crate) struct Reply {
    pub(crate) status: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
    /// What the head says, if not the length of the body.
    pub(crate) length: Option<String>,
    /// Keeps the connection until the client goes.
    pub(crate) hang: bool,
}

impl Reply {
    pub(crate) fn new(status: &str, body: &[u8]) -> Reply {
        Reply { status: status.to_owned(), headers: vec![], body: body.to_owned(), length: None, hang: false }
    }

    pub(crate) fn ok(body: &[u8]) -> Reply {
        Reply::new("200 OK", body)
    }

    pub(crate) fn redirect(to: &str) -> Reply {
        Reply::new("302 Found", b"").with(&format!("Location: {to}"))
    }

    /// The rest of a file from a byte on.
    pub(crate) fn rest(whole: &[u8], from: usize) -> Reply {
        let range = format!("Content-Range: bytes {from}-{}/{}", whole.len() - 1, whole.len());
        Reply::new("206 Partial Content", &whole[from..]).with(&range)
    }

    pub(crate) fn with(mut self, header: &str) -> Reply {
        self.headers.push(header.to_owned());
        self
    }

    /// Announces the whole body, but sends only its beginning.
    pub(crate) fn cut(mut self, after: usize) -> Reply {
        self.length = Some(format!("Content-Length: {}", self.body.len()));
        self.body.truncate(after);
        self
    }

    pub(crate) fn hanging(mut self) -> Reply {
        self.hang = true;
        self
    }

    /// Says nothing about its length.
    pub(crate) fn endless(mut self) -> Reply {
        self.length = Some("X-Length: none".to_owned());
        self
    }

    pub(crate) fn write(&self, stream: &mut impl Write) -> std::io::Result<()> {
        let length = self.length.clone().unwrap_or_else(|| format!("Content-Length: {}", self.body.len()));
        let headers: String = self.headers.iter().map(|header| format!("{header}\r\n")).collect();
        let head = format!("HTTP/1.1 {}\r\nConnection: close\r\n{length}\r\n{headers}\r\n", self.status);
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        stream.flush()
    }
}

/// A server on the loopback. It remembers the head of each request.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server that answers what `reply` makes of the head of a request and its number.
    pub(crate) fn start(reply: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Server {
        Server::serving(move |mut stream, seen| {
            let head = read_head(&mut stream);
            let number = {
                let mut seen = seen.lock().unwrap();
                seen.push(head.clone());
                seen.len()
            };
            let reply = reply(&head, number);
            if reply.write(&mut stream).is_ok() && reply.hang {
                let _ = stream.read(&mut [0]);
            }
        })
    }

    /// Starts a server that does what it likes with each connection.
    pub(crate) fn serving(serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, over) = (Arc::default(), Arc::<AtomicBool>::default());
        let (their_seen, their_over) = (Arc::<Mutex<Vec<String>>>::clone(&seen), over.clone());
        let thread = std::thread::spawn(move || {
            std::thread::scope(|scope| {
                for stream in listener.incoming() {
                    if their_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    stream.set_write_timeout(Some(PATIENCE)).unwrap();
                    let (serve, seen) = (&serve, &*their_seen);
                    scope.spawn(move || serve(stream, seen));
                }
            });
        });
        Server { port, seen, over, thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Returns the heads of the requests so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Reads the head of a request.
pub(crate) fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Returns the value of a header in the head of a request.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
