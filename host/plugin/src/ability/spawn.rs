//! Which program a plugin may have started, with which words and which environment. Everything is decided here and from
//! what was granted; what is done with it is in `outside/programs.rs`.
//!
//! The environment is a short list on purpose. A grant says which program runs with which arguments, and a variable such
//! as `LD_PRELOAD`, `NODE_OPTIONS`, `DOCKER_HOST` or `KUBECONFIG` would make another program of it, or have it talk to
//! somebody else. There is no list of all such variables, but there is one of those that only say how something looks; what
//! a program has to be told besides can be told by arguments, which are granted.

use crate::ability::told;
use crate::digest::Digest;
use crate::limits::{ARGUMENTS_BYTES_MAX, ARGUMENTS_MAX};
use crate::outside::{ProgramStart, Programs, StartError};
use crate::policy::ProgramAccess;
use crate::word::{AbsolutePath, VariableName, cut};
use punix_model::{Class, Pipe, PluginError};
use std::time::Instant;

/// The directories in which a system has its programs.
const PATH: &[&str] = &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// What may be started. Made by [`allowed`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowed<'a> {
    program: &'a AbsolutePath,
    arguments: &'a [String],
    environment: &'a [(String, String)],
    /// One of these, or any if there are none.
    digests: Vec<Digest>,
}

/// Why something is not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SpawnRefusal {
    #[error("no program is named: the first word has to be its full path")]
    NoProgram,
    #[error("`{program}` is not granted to this plugin")]
    Program { program: String },
    #[error("`{program}` is granted to this plugin, but not with these arguments: {arguments}")]
    Arguments { program: AbsolutePath, arguments: String },
    #[error("more than {ARGUMENTS_MAX} words, or more than {} KiB, are not passed on", ARGUMENTS_BYTES_MAX >> 10)]
    TooMuch,
    #[error("a word with a zero byte in it cannot be passed on")]
    Zero,
    #[error("`{name}` is not the name of a variable")]
    Name { name: String },
    #[error("the variable `{name}` is not passed on: give the program an argument, which can be granted")]
    Variable { name: VariableName },
    #[error("the variable `{name}` cannot be `{value}`")]
    Value { name: VariableName, value: String },
    #[error("the variable `{name}` is given twice")]
    Twice { name: VariableName },
}

/// Decides whether a program may be started like that.
pub(crate) fn allowed<'a>(
    granted: &'a [ProgramAccess],
    argv: &'a [String],
    environment: &'a [(String, String)],
) -> Result<Allowed<'a>, SpawnRefusal> {
    let (program, arguments) = argv.split_first().ok_or(SpawnRefusal::NoProgram)?;
    check_size(argv.iter().chain(environment.iter().flat_map(|(name, value)| [name, value])))?;
    let of_program: Vec<&ProgramAccess> = granted.iter().filter(|access| access.program.as_str() == program).collect();
    let Some(first) = of_program.first() else {
        return Err(SpawnRefusal::Program { program: cut(program) });
    };
    let fits = |access: &&&ProgramAccess| access.args.matches(arguments.iter().map(String::as_str));
    let fitting: Vec<&ProgramAccess> = of_program.iter().filter(fits).copied().collect();
    if fitting.is_empty() {
        let arguments = if arguments.is_empty() { "none".to_owned() } else { cut(&arguments.join(" ")) };
        return Err(SpawnRefusal::Arguments { program: first.program.clone(), arguments });
    }
    check_environment(environment)?;
    // If one of them is for any file, the others take nothing away.
    let digests = fitting.iter().map(|access| access.sha256).collect::<Option<Vec<Digest>>>().unwrap_or_default();
    Ok(Allowed { program: &first.program, arguments, environment, digests })
}

/// Starts what may be started.
pub(crate) fn start(programs: &dyn Programs, allowed: &Allowed<'_>, deadline: Instant) -> Result<Pipe, PluginError> {
    let Allowed { program, arguments, environment, digests } = allowed;
    let start = ProgramStart { program, arguments, environment, digests, deadline };
    programs.start(&start).map_err(|error| {
        let (class, code) = match &error {
            StartError::Absent { .. } => (Class::NotFound, "spawn.absent"),
            StartError::Kind { .. } => (Class::Permanent, "spawn.kind"),
            StartError::Other { .. } => (Class::Denied, "spawn.digest"),
            StartError::Script { .. } | StartError::TooLarge { .. } => (Class::Denied, "spawn.no-digest"),
            StartError::Late { .. } => (Class::Transient, "spawn.late"),
            StartError::Io { .. } => (Class::Transient, "spawn.failed"),
        };
        told(class, code, &error)
    })
}

impl SpawnRefusal {
    /// Tells whether policy is the reason, rather than something that no policy could allow.
    pub(crate) fn is_denial(&self) -> bool {
        match self {
            SpawnRefusal::Program { .. } | SpawnRefusal::Arguments { .. } | SpawnRefusal::Variable { .. } => true,
            SpawnRefusal::NoProgram
            | SpawnRefusal::TooMuch
            | SpawnRefusal::Zero
            | SpawnRefusal::Name { .. }
            | SpawnRefusal::Value { .. }
            | SpawnRefusal::Twice { .. } => false,
        }
    }
}

impl From<SpawnRefusal> for PluginError {
    fn from(refusal: SpawnRefusal) -> PluginError {
        let (class, code) = match refusal.is_denial() {
            true => (Class::Denied, "spawn.not-granted"),
            false => (Class::InvalidInput, "spawn.words"),
        };
        told(class, code, &refusal)
    }
}

/// Checks the words of a program, whose arguments they are.
pub(crate) fn check_size<'a>(words: impl Iterator<Item = &'a String>) -> Result<(), SpawnRefusal> {
    let (mut count, mut size) = (0_usize, 0_usize);
    for word in words {
        (count, size) = (count + 1, size + word.len());
        if count > ARGUMENTS_MAX || size > ARGUMENTS_BYTES_MAX {
            return Err(SpawnRefusal::TooMuch);
        }
        if word.contains('\0') {
            return Err(SpawnRefusal::Zero);
        }
    }
    Ok(())
}

fn check_environment(environment: &[(String, String)]) -> Result<(), SpawnRefusal> {
    let mut seen = std::collections::BTreeSet::new();
    for (name, value) in environment {
        let name = VariableName::parse(name).map_err(|_| SpawnRefusal::Name { name: cut(name) })?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@+".contains(&byte);
        let fits = match name.as_str() {
            "PATH" => !value.is_empty() && value.split(':').all(|part| PATH.contains(&part)),
            "LANG" | "LANGUAGE" | "TERM" | "NO_COLOR" => value.bytes().all(plain),
            other if other.starts_with("LC_") => value.bytes().all(plain),
            _ => return Err(SpawnRefusal::Variable { name }),
        };
        if !fits {
            return Err(SpawnRefusal::Value { name, value: cut(value) });
        }
        if !seen.insert(name.clone()) {
            return Err(SpawnRefusal::Twice { name });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
