//! What a backend is asked and what it answers. It computes; whoever asks it does. No value of a secret comes near it.

use crate::fault::{CallFault, PluginError};

/// How services are run, by whoever stands behind this port.
pub trait Backend {
    /// Renders a stack. Equal arguments give equal answers.
    fn render(&self, stack: &Stack, facts: &Facts) -> Result<Rendering, CallFault>;

    /// Begins with what has to be done for wishes.
    fn session(&self, stack: &Stack, wishes: &[Wish], facts: &Facts) -> Result<Box<dyn Session>, CallFault>;
}

/// What has to be done, step by step.
pub trait Session {
    /// Says what is next; `seen` is what the commands of the step before did.
    fn next(&mut self, seen: &[Observation]) -> Result<Step, CallFault>;
}

/// How a secret is written at its place, such as `systemd.environment-file`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Encoding(pub String);

/// What a secret may look like, as the stack declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    SingleLine,
    Text,
    Binary,
}

/// A secret that the stack refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub id: u32,
    /// What can be shown: `from_env:DB_PASSWORD`.
    pub name: String,
    pub shape: Shape,
}

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    Text(String),
    /// The secret of a slot.
    Secret(u32, Encoding),
}

/// A service, as far as a backend may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    pub argv: Vec<String>,
    pub env: Vec<(String, Vec<Chunk>)>,
    pub depends_on: Vec<String>,
    pub secret_delivery: String,
    /// A JSON object of the fields that belong to the backend.
    pub config: String,
}

/// Whose services they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    System,
    User,
}

/// A stack, as far as a backend may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub name: String,
    pub scope: Scope,
    pub services: Vec<Service>,
    pub slots: Vec<Slot>,
    /// A JSON object of the fields that belong to the backend.
    pub config: String,
    pub unit_dir: Option<String>,
}

/// What is known of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub os: String,
    pub arch: String,
    pub init_version: String,
    pub home: Option<String>,
    pub attributes: Vec<(String, String)>,
}

/// A file that a backend wants to be written. Invariant, kept by whoever asks the backend: the path is absolute, without
/// `..`, empty parts or control characters; the mode lets nobody else write, and nobody else read where there is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile {
    pub path: String,
    pub mode: u32,
    pub body: Vec<Chunk>,
    pub restarts: Vec<String>,
    pub reloads: Vec<String>,
}

/// Something that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    pub name: String,
    /// Empty for one of the whole stack.
    pub service: String,
    pub starts_at_boot: bool,
}

/// All that a stack is on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendering {
    pub files: Vec<PlannedFile>,
    pub units: Vec<Unit>,
    pub notes: Vec<String>,
}

/// What can be done with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Start,
    Stop,
    Restart,
    Reload,
    Enable,
    Disable,
    Remove,
    Status,
    Logs,
}

/// What is wanted of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub unit: String,
    pub action: Action,
}

/// A command for the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub argv: Vec<String>,
    pub stdin: String,
    pub timeout_ms: u32,
    pub mutates: bool,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Which of the step's commands.
    pub command: u32,
    /// -1 where there was none.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// How a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunState {
    Running,
    Starting,
    Stopped,
    Failed,
    Missing,
    Unknown,
}

/// How a unit was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub unit: String,
    pub state: RunState,
    pub enabled: Option<bool>,
    pub since_unix_ms: Option<u64>,
    pub detail: String,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// In order, up to the first that fails.
    Run(Vec<Command>),
    /// All; whatever they say is an answer.
    Ask(Vec<Command>),
    WaitMs(u32),
    Done(Vec<Status>),
    Fail(PluginError),
}
