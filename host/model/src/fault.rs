//! What can go wrong when a plugin is called: it says no, or it breaks off. Both name the plugin and what it was asked.

use punix_diag::{Code, Diagnostic, visible};
use std::fmt;

/// What kind of failure a plugin tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    InvalidInput,
    NotFound,
    Denied,
    Transient,
    Permanent,
    Unsupported,
}

/// A failure in a plugin's words. Whoever made this took secrets out of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginError {
    pub class: Class,
    pub code: String,
    pub message: String,
    /// Where in what was given.
    pub at: Option<String>,
    pub retry_after_ms: Option<u32>,
}

/// Which plugin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PluginName {
    pub id: String,
    pub version: String,
}

/// A call of a plugin that gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plugin `{plugin}` {} in `{call}`{}", cause.verb(), cause.rest())]
pub struct CallFault {
    pub plugin: PluginName,
    /// What it was asked, as its interface names it: `render`.
    pub call: String,
    pub cause: Cause,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It answered that it cannot.
    Refused(PluginError),
    /// It broke off by itself.
    Trapped { said: String },
    /// It took too long.
    Late { timeout_ms: u32 },
    /// It wanted more than it gets of something.
    Limit { limit: &'static str, most: u32, unit: &'static str, command: Option<String> },
    /// Its answer is none that can be used.
    Unusable { said: String },
    /// It cannot be loaded as it is.
    Unloadable { said: String },
}

impl Cause {
    fn verb(&self) -> &'static str {
        match self {
            Cause::Refused(_) => "failed",
            Cause::Trapped { .. } => "broke off",
            Cause::Late { .. } => "was stopped",
            Cause::Limit { .. } => "reached a limit",
            Cause::Unusable { .. } => "gave an answer that cannot be used",
            Cause::Unloadable { .. } => "cannot be loaded for what it does",
        }
    }

    fn rest(&self) -> String {
        match self {
            Cause::Refused(error) => format!(": {}", error.message),
            Cause::Trapped { said } | Cause::Unusable { said } | Cause::Unloadable { said } => format!(": {said}"),
            Cause::Late { timeout_ms } => format!(" after {timeout_ms} ms"),
            Cause::Limit { limit, most, unit, .. } => format!(": `{limit}` is {most}{unit}"),
        }
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.version)
    }
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        visible(&self.message, &mut text);
        f.write_str(&text)
    }
}

impl From<CallFault> for Diagnostic {
    fn from(fault: CallFault) -> Diagnostic {
        let mut message = String::new();
        visible(&fault.to_string(), &mut message);
        let id = &fault.plugin.id;
        match &fault.cause {
            Cause::Refused(error) => {
                let start = Diagnostic::error(Code::E29, message);
                let start = match &error.at {
                    Some(at) => start.note(format!("it is about `{}`", shown(at))),
                    None => start,
                };
                let start = start.note(format!("its code for that is `{}`", shown(&error.code)));
                match error.class {
                    Class::Transient => start.help("it may work if it is tried again"),
                    Class::Denied => start.help(format!("`punix plugin audit` shows what `{id}` may do")),
                    Class::InvalidInput | Class::NotFound | Class::Permanent | Class::Unsupported => start,
                }
            }
            Cause::Trapped { .. } => Diagnostic::error(Code::E28, message)
                .note("nothing that it had begun goes on; what it said before stands above")
                .help(format!("this is a fault of `{id}`: report it to whoever makes it")),
            Cause::Late { timeout_ms } => Diagnostic::error(Code::E28, message).help(format!(
                "if it needs longer: punix plugin grant {id} limits timeout_ms={}",
                timeout_ms.saturating_mul(2)
            )),
            Cause::Limit { command, .. } => {
                let start = Diagnostic::error(Code::E28, message);
                match command {
                    Some(command) => start.help(format!("if it needs more, and the site allows it: {command}")),
                    None => start.help(format!("this is a fault of `{id}`: report it to whoever makes it")),
                }
            }
            Cause::Unusable { .. } => Diagnostic::error(Code::E28, message)
                .help(format!("this is a fault of `{id}`: report it to whoever makes it")),
            Cause::Unloadable { .. } => {
                Diagnostic::error(Code::E28, message).help(format!("use a version of `{id}`, or of `punix`, that fits"))
            }
        }
    }
}

fn shown(text: &str) -> String {
    let mut out = String::new();
    visible(text, &mut out);
    out
}
