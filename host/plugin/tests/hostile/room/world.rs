//! A world for plugins: a few variables, folders of a test's own, a server on the loopback interface, and programs that
//! say back what they are told. Whatever else a plugin reaches for is not there.

use punix_model::{Ended, Pipe, PipeEnd};
use punix_plugin::VariableName;
use punix_plugin::outside::{
    Clock, Doing, Files, Here, LocalFiles, Names, NamesError, Outside, Patience, ProgramStart, Programs, SecureShell,
    SecureShellConnection, SecureShellError, SecureShellWay, SshUser, StartError, ThisMachinesWeb, Variables, Web,
    WebAnswer, WebError, WebRequest,
};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// What there is.
pub(crate) struct World {
    pub(crate) variables: BTreeMap<&'static str, String>,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) web: Arc<dyn Web>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) echo: Echo,
}

impl Default for World {
    fn default() -> World {
        let variables = [
            ("GRANTED", super::SECRET),
            ("PLAIN", "a plain text"),
            ("NOT_GRANTED", "nobody may know"),
            ("ONE", "the secret of one"),
            ("TWO", "the secret of two"),
        ];
        World {
            variables: variables.map(|(name, value)| (name, value.to_owned())).into(),
            files: Arc::new(LocalFiles::default()),
            web: Arc::new(ThisMachinesWeb::new(BTreeMap::new()).with_names(Arc::new(NameTable::default()))),
            clock: Arc::new(StillClock),
            echo: Echo::default(),
        }
    }
}

impl World {
    /// Has names mean these addresses.
    pub(crate) fn with_names(table: NameTable) -> (World, Arc<NameTable>) {
        let table = Arc::new(table);
        let web = ThisMachinesWeb::new(BTreeMap::new()).with_names(table.clone());
        (World { web: Arc::new(web), ..World::default() }, table)
    }

    pub(crate) fn outside(&self) -> Outside {
        Outside {
            variables: Arc::new(Table(self.variables.clone())),
            files: self.files.clone(),
            web: self.web.clone(),
            clock: self.clock.clone(),
            programs: Arc::new(self.echo.clone()),
            secure_shell: Arc::new(self.echo.clone()),
            here: Some(Arc::new(self.echo.clone())),
        }
    }
}

struct Table(BTreeMap<&'static str, String>);

impl Variables for Table {
    fn variable(&self, name: &VariableName) -> Option<Zeroizing<Vec<u8>>> {
        self.0.get(name.as_str()).map(|value| Zeroizing::new(value.as_bytes().to_vec()))
    }
}

/// A clock that stands still, and on which nobody has to wait.
struct StillClock;

impl Clock for StillClock {
    fn unix_ms(&self) -> u64 {
        1_700_000_000_000
    }

    fn monotonic_ns(&self) -> u64 {
        1
    }

    fn sleep(&self, _how_long: Duration) {}
}

/// A clock on which time passes when a test says so.
#[derive(Default)]
pub(crate) struct SetClock(pub(crate) AtomicU64);

impl Clock for SetClock {
    fn unix_ms(&self) -> u64 {
        0
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn sleep(&self, _how_long: Duration) {}
}

/// What names mean, and how often somebody asked.
#[derive(Default)]
pub(crate) struct NameTable {
    /// One after the other for whoever asks again; the last stays.
    pub(crate) answers: Vec<Vec<IpAddr>>,
    pub(crate) asked: AtomicUsize,
}

impl Names for NameTable {
    fn addresses(&self, _host: &str, _deadline: Instant) -> Result<Vec<IpAddr>, NamesError> {
        let count = self.asked.fetch_add(1, Ordering::SeqCst);
        self.answers.get(count).or(self.answers.last()).cloned().ok_or(NamesError::Unknown)
    }
}

/// Programs, machines and an engine that say back what they are told.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    running: Arc<AtomicUsize>,
    pub(crate) started: Arc<AtomicUsize>,
}

impl Echo {
    /// Waits until so many are still running, and tells whether that came true.
    pub(crate) fn comes_to(&self, running: usize) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.running.load(Ordering::SeqCst) != running {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    fn pipe(&self, label: &str) -> std::io::Result<Pipe> {
        let (ours, theirs) = UnixStream::pair()?;
        self.running.fetch_add(1, Ordering::SeqCst);
        self.started.fetch_add(1, Ordering::SeqCst);
        let running = Arc::clone(&self.running);
        let thread = std::thread::spawn(move || {
            let copied = std::io::copy(&mut &theirs, &mut &theirs);
            running.fetch_sub(1, Ordering::SeqCst);
            drop(copied);
        });
        let input = ours.try_clone()?;
        let end = EchoEnd { stream: ours.try_clone()?, thread: Some(thread) };
        Ok(Pipe { label: label.to_owned(), input: Box::new(input), output: Box::new(ours), end: Box::new(end) })
    }
}

struct EchoEnd {
    stream: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl PipeEnd for EchoEnd {
    fn finish(&mut self, _patience: Duration) -> Ended {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        let ended = self.thread.take().is_some_and(|thread| thread.join().is_ok());
        Ended { code: ended.then_some(0), complaint: String::new() }
    }
}

impl Here for Echo {
    fn start(&self) -> std::io::Result<Pipe> {
        self.pipe("here")
    }
}

impl Programs for Echo {
    fn start(&self, start: &ProgramStart<'_>) -> Result<Pipe, StartError> {
        let label = format!("{} {:?}", start.program, start.arguments);
        self.pipe(&label).map_err(|error| StartError::Io { program: start.program.clone(), error })
    }
}

impl SecureShell for Echo {
    fn connect(
        &self,
        _way: &SecureShellWay,
        _patience: &Patience,
        _deadline: Instant,
    ) -> Result<Box<dyn SecureShellConnection>, SecureShellError> {
        Ok(Box::new(self.clone()))
    }

    fn user(&self, way: &SecureShellWay, _deadline: Instant) -> Result<Option<SshUser>, SecureShellError> {
        match way.host.as_str() {
            "no-ssh" => Err(SecureShellError::NoProgram { program: "ssh".into() }),
            _ => Ok(SshUser::parse("operator").ok()),
        }
    }
}

impl SecureShellConnection for Echo {
    fn start(&mut self, _argv: &[String], _deadline: Instant) -> Result<Pipe, SecureShellError> {
        Ok(self.pipe("ssh").expect("a pair of sockets can be had"))
    }
}

/// A web in which every answer comes at the last moment, or not at all.
pub(crate) struct SlowWeb;

impl Web for SlowWeb {
    fn exchange(&self, ask: &WebRequest<'_>) -> Result<WebAnswer, WebError> {
        std::thread::sleep(ask.deadline.saturating_duration_since(Instant::now()));
        Err(WebError::Late { host: ask.url.host().to_owned(), doing: Doing::Asking })
    }
}

/// A server that answers everybody the same, and keeps what it was asked.
pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts one. The answer is written as it is.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback interface is there");
        let address = listener.local_addr().expect("it is bound");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (answer, kept) = (answer.into(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(&stream);
                let mut head = String::new();
                while reader.read_line(&mut head).is_ok_and(|count| count > 2) {}
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(head);
                let _ = (&stream).write_all(&answer);
                let _ = stream.shutdown(std::net::Shutdown::Write);
                // What is still on its way would otherwise have the answer thrown away.
                let _ = (&stream).take(1 << 20).read_to_end(&mut Vec::new());
            }
        });
        Server { address, asked }
    }

    /// Starts one that answers with JSON.
    pub(crate) fn json(text: &str) -> Server {
        let length = text.len();
        Server::answering(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{text}"
        ))
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the heads of the requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A folder of one test; it goes away with its owner.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("punix-hostile-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Folder(path.canonicalize().unwrap_or(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and the folders that it needs; returns its path.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
        }
        std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
