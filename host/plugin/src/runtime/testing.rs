//! What tests of abilities need: a call's state on a desk, and a small world around it that can be looked at afterwards.

use crate::grant::Form;
use crate::limits::Limits;
use crate::outside::{
    Clock, FileFault, FileLook, FilePlace, Files, Here, Outside, Patience, ProgramStart, Programs, SecureShell,
    SecureShellConnection, SecureShellError, SecureShellWay, StartError, Variables, Web, WebAnswer, WebError,
    WebRequest,
};
use crate::policy::{Effective, EnvAccess, FilesAccess, HttpAccess, ProgramAccess};
use crate::runtime::bindings::cap::punix::base::types::Error;
use crate::runtime::log::LogBook;
use crate::runtime::meter::Meter;
use crate::runtime::state::{State, Subject};
use crate::word::{AbsolutePath, RootName, VariableName};
use crate::world::{Kind, World as PluginWorld};
use punix_model::{Ended, Pipe, PipeEnd};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wasmtime::component::ResourceTable;
use zeroize::Zeroizing;

/// What a call may do, and where.
pub(crate) struct Desk {
    pub(crate) world: Arc<World>,
    effective: Effective,
    subject: Subject,
}

/// A world that holds what a test puts into it, and keeps what was done to it.
#[derive(Default)]
pub(crate) struct World {
    variables: Mutex<BTreeMap<String, Vec<u8>>>,
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    slept: Mutex<Duration>,
    /// What is answered next by HTTP, and what was asked: the method, the address, the headers and the body.
    pub(crate) answers: Mutex<Vec<WebAnswer>>,
    pub(crate) asked: Mutex<Vec<String>>,
    /// Programs that were started, here or elsewhere.
    pub(crate) started: Arc<Mutex<Vec<String>>>,
}

impl Desk {
    /// Makes one on which nothing is granted.
    pub(crate) fn new() -> Desk {
        let effective = Effective {
            http: Vec::new(),
            env: Vec::new(),
            files: Vec::new(),
            process: Vec::new(),
            spawn: Vec::new(),
            flags: BTreeSet::new(),
            limits: Limits::of(PluginWorld::SecretResolver),
            refused: Vec::new(),
            short: Vec::new(),
        };
        let subject = Subject { base: PathBuf::from("/stack"), ..Subject::default() };
        Desk { world: Arc::new(World::default()), effective, subject }
    }

    pub(crate) fn flag(mut self, kind: Kind) -> Desk {
        self.effective.flags.insert(kind);
        self
    }

    pub(crate) fn env(mut self, name: &str, form: Form) -> Desk {
        let name = VariableName::parse(name).expect("a name of a test is sound");
        self.effective.env.push(EnvAccess { name, form });
        self
    }

    /// Grants all of a directory under a name.
    pub(crate) fn root(mut self, root: &str, path: &str, write: bool) -> Desk {
        let path = AbsolutePath::parse(path).expect("a path of a test is sound");
        let root = RootName::parse(root).expect("a root of a test is sound");
        self.effective.files.push(FilesAccess { root, within: path.clone(), path, write });
        self
    }

    pub(crate) fn http(mut self, access: HttpAccess) -> Desk {
        self.effective.http.push(access);
        self
    }

    pub(crate) fn program(mut self, access: ProgramAccess) -> Desk {
        self.effective.spawn.push(access);
        self
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Desk {
        change(&mut self.effective.limits);
        self
    }

    pub(crate) fn subject(mut self, change: impl FnOnce(&mut Subject)) -> Desk {
        change(&mut self.subject);
        self
    }

    pub(crate) fn reference(self, text: &str) -> Desk {
        self.subject(|subject| subject.references.extend([text.to_owned()]))
    }

    pub(crate) fn referred(self, kind: Kind) -> Desk {
        self.subject(|subject| subject.referred.extend([kind]))
    }

    pub(crate) fn variable(self, name: &str, value: &[u8]) -> Desk {
        hold(&self.world.variables).insert(name.to_owned(), value.to_vec());
        self
    }

    pub(crate) fn file(self, path: &str, bytes: &[u8]) -> Desk {
        hold(&self.world.files).insert(path.to_owned(), bytes.to_vec());
        self
    }

    pub(crate) fn answer(self, answer: WebAnswer) -> Desk {
        hold(&self.world.answers).push(answer);
        self
    }

    /// Returns the state of a call that begins now.
    pub(crate) fn state(&self) -> State {
        let world = || Arc::clone(&self.world);
        let limits = self.effective.limits;
        let now = Instant::now();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        State {
            table,
            effective: Arc::new(self.effective.clone()),
            limits,
            meter: Meter::new(limits),
            outside: Outside {
                variables: world(),
                files: world(),
                web: world(),
                clock: world(),
                programs: world(),
                secure_shell: world(),
                here: Some(world()),
            },
            said: LogBook::new(&limits),
            subject: self.subject.clone(),
            began: now,
            deadline: now + Duration::from_millis(u64::from(limits.timeout_ms)),
            seen: Vec::new(),
            listener: None,
            uses: BTreeMap::new(),
            denied: BTreeMap::new(),
        }
    }
}

impl World {
    pub(crate) fn slept(&self) -> Duration {
        *hold(&self.slept)
    }

    pub(crate) fn content(&self, path: &str) -> Option<Vec<u8>> {
        hold(&self.files).get(path).cloned()
    }

    fn path(place: &FilePlace) -> String {
        match place {
            FilePlace::Below { root, path, .. } => path.joined(root),
            FilePlace::Referred(path) => path.as_str().to_owned(),
        }
    }
}

/// Returns what a plugin was told in place of what it wanted.
pub(crate) fn refusal<T>(answer: wasmtime::Result<Result<T, Error>>) -> Error {
    match answer.expect("the call goes on") {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error,
    }
}

/// Makes a pipe to nothing.
pub(crate) fn pipe(label: &str) -> Pipe {
    Pipe {
        label: label.to_owned(),
        input: Box::new(std::io::sink()),
        output: Box::new(std::io::empty()),
        end: Box::new(Nothing),
    }
}

struct Nothing;

impl PipeEnd for Nothing {
    fn finish(&mut self, _: Duration) -> Ended {
        Ended { code: Some(0), complaint: String::new() }
    }
}

fn hold<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no test panics with it in hand")
}

impl Variables for World {
    fn variable(&self, name: &VariableName) -> Option<Zeroizing<Vec<u8>>> {
        hold(&self.variables).get(name.as_str()).cloned().map(Zeroizing::new)
    }
}

impl Files for World {
    fn read(&self, place: &FilePlace, bytes_max: usize, _: Instant) -> Result<Zeroizing<Vec<u8>>, FileFault> {
        match self.content(&World::path(place)) {
            None => Err(FileFault::Absent),
            Some(bytes) if bytes.len() > bytes_max => Err(FileFault::TooLarge { bytes_max }),
            Some(bytes) => Ok(Zeroizing::new(bytes)),
        }
    }

    fn look(&self, place: &FilePlace) -> Result<FileLook, FileFault> {
        let look = FileLook { mode: 0o600, uid: 1, gid: 2, directory: false };
        self.content(&World::path(place)).map(|_| look).ok_or(FileFault::Absent)
    }

    fn list(&self, place: &FilePlace, names_max: usize) -> Result<Vec<String>, FileFault> {
        let directory = format!("{}/", World::path(place));
        let files = hold(&self.files);
        let names: Vec<String> =
            files.keys().filter_map(|path| path.strip_prefix(&directory)).map(str::to_owned).collect();
        if names.len() > names_max { Err(FileFault::TooMany { names_max }) } else { Ok(names) }
    }

    fn replace(&self, place: &FilePlace, mode: u32, body: &[u8]) -> Result<(), FileFault> {
        assert_eq!(mode & !0o755, 0, "a mode that was to be refused");
        hold(&self.files).insert(World::path(place), body.to_vec());
        Ok(())
    }
}

impl Clock for World {
    fn unix_ms(&self) -> u64 {
        1_000_000 + u64::try_from(self.slept().as_millis()).expect("no test sleeps that long")
    }

    fn monotonic_ns(&self) -> u64 {
        1 + u64::try_from(self.slept().as_nanos()).expect("no test sleeps that long")
    }

    fn sleep(&self, how_long: Duration) {
        *hold(&self.slept) += how_long;
    }
}

impl Web for World {
    fn exchange(&self, ask: &WebRequest<'_>) -> Result<WebAnswer, WebError> {
        let headers: String = ask
            .headers
            .iter()
            .map(|(name, value)| format!(" {name}={}", String::from_utf8_lossy(value.expose())))
            .collect();
        let body = String::from_utf8_lossy(ask.body.unwrap_or_default());
        hold(&self.asked).push(format!("{} {}{headers} {body}", ask.method.as_str(), ask.url));
        let mut answers = hold(&self.answers);
        match answers.is_empty() {
            true => Err(WebError::Header { name: "nobody-answers".to_owned() }),
            false => Ok(answers.remove(0)),
        }
    }
}

impl Programs for World {
    fn start(&self, program: &ProgramStart<'_>) -> Result<Pipe, StartError> {
        let words = format!("{} {}", program.program, program.arguments.join(" "));
        hold(&self.started).push(words.clone());
        Ok(pipe(&words))
    }
}

impl SecureShell for World {
    fn connect(
        &self,
        way: &SecureShellWay,
        _: &Patience,
        _: Instant,
    ) -> Result<Box<dyn SecureShellConnection>, SecureShellError> {
        hold(&self.started).push(format!("ssh {}", way.host.as_str()));
        Ok(Box::new(Reached { started: Arc::clone(&self.started) }))
    }
}

struct Reached {
    started: Arc<Mutex<Vec<String>>>,
}

impl SecureShellConnection for Reached {
    fn start(&mut self, argv: &[String], _: Instant) -> Result<Pipe, SecureShellError> {
        hold(&self.started).push(argv.join(" "));
        Ok(pipe("ssh"))
    }
}

impl Here for World {
    fn start(&self) -> std::io::Result<Pipe> {
        hold(&self.started).push("here".to_owned());
        Ok(pipe("here"))
    }
}
