//! What `punix plugin grant` can grant. These are the commands that a refusal prints, so what can be asked for can be said
//! here, in the same words.

use clap::{Args, Subcommand, ValueEnum};
use punix_plugin::{
    AbsolutePath, AuthorityName, Digest, HostWanted, Method, NotADigest, PathPattern, Pointer, ProgramWanted, Referred,
    RootName, VariableName, WordError,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Granted {
    Http(Http),
    Env(Env),
    Files(Files),
    Spawn(Spawn),
    /// Let it reach targets by the host's SSH
    Ssh,
    /// Let it deploy to this machine
    Here,
    /// Let it read the clock
    Clock,
    /// Let it make secrets of bytes that it computed
    Seal,
    /// Let it read secrets
    Reveal,
    Limits(Limits),
}

/// Let it ask a host
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    punix plugin grant org.example.bao http vault.internal:8200 --methods get --paths '/v1/*'")]
pub(crate) struct Http {
    /// The host and its port, or `*.DOMAIN:PORT`; 443 if no port is said
    #[arg(value_name = "HOST:PORT", value_parser = word::<HostWanted>)]
    pub(crate) host: HostWanted,

    /// Which methods: get, head, post, put, delete, vault-list; else those that it asks for
    #[arg(long, value_delimiter = ',', value_name = "METHODS", value_parser = method)]
    pub(crate) methods: Vec<Method>,

    /// Which paths, in which a `*` is one part, or at the end all that follows, and `,,` before a `/` is a comma that
    /// belongs to it; else those that it asks for
    #[arg(long, value_name = "PATHS", value_parser = list::<PathPattern>)]
    pub(crate) paths: Vec<Several<PathPattern>>,

    /// Which members of answers it may read although they are sealed, such as /lease_duration; else none
    #[arg(long, value_name = "POINTERS", value_parser = list::<Pointer>)]
    pub(crate) public: Vec<Several<Pointer>>,

    /// Without TLS too
    #[arg(long)]
    pub(crate) plain_http: bool,

    /// Also where it has an address of this machine or of a private network
    #[arg(long)]
    pub(crate) private: bool,

    /// The only certificate authority that counts; else those of this machine
    #[arg(long, value_name = "NAME", value_parser = AuthorityName::parse)]
    pub(crate) ca: Option<AuthorityName>,
}

/// Let it read a variable of the environment
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix plugin grant org.example.bao env BAO_TOKEN --as secret")]
pub(crate) struct Env {
    /// The variable
    #[arg(value_parser = word::<Referred<VariableName>>)]
    pub(crate) name: Referred<VariableName>,

    /// As a handle that it cannot look into, or as text
    #[arg(long = "as", value_enum, value_name = "FORM", default_value_t = Form::Secret)]
    pub(crate) form: Form,
}

/// How a variable is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Secret,
    Plain,
}

/// Let it read files of a directory, or a file
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix plugin grant org.example.age files keys /etc/age")]
pub(crate) struct Files {
    /// The name by which it asks for them
    #[arg(value_parser = word::<Referred<RootName>>)]
    pub(crate) root: Referred<RootName>,

    /// Where that is
    #[arg(value_parser = AbsolutePath::parse)]
    pub(crate) path: Option<AbsolutePath>,

    /// Let it write too
    #[arg(long)]
    pub(crate) write: bool,
}

/// Let it have a program started
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix plugin grant org.example.docker spawn /usr/bin/docker -- exec -i '*' '...'")]
pub(crate) struct Spawn {
    /// The program
    #[arg(value_parser = word::<ProgramWanted>)]
    pub(crate) program: ProgramWanted,

    /// Only as long as its file has this digest
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub(crate) sha256: Option<Digest>,

    /// With which arguments: `*` is one, `...` at the end any number; else those that it asks for
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub(crate) args: Vec<String>,
}

/// Give it more, or less, than is usual
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix plugin grant org.example.bao limits memory_mib=128 timeout_ms=20000")]
pub(crate) struct Limits {
    /// Names of limits and how much
    #[arg(required = true, value_name = "NAME=NUMBER", value_parser = limit)]
    pub(crate) limits: Vec<(String, u32)>,
}

/// What one word of the command line lists.
#[derive(Debug, Clone)]
pub(crate) struct Several<T>(pub(crate) Vec<T>);

fn word<T: TryFrom<String, Error = WordError>>(text: &str) -> Result<T, WordError> {
    T::try_from(text.to_owned())
}

fn method(text: &str) -> Result<Method, String> {
    let found = Method::ALL.iter().copied().find(|method| method.as_str() == text);
    found.ok_or_else(|| "it is not a method of HTTP in lower case".to_owned())
}

fn digest(text: &str) -> Result<Digest, NotADigest> {
    Digest::parse(text).ok_or(NotADigest)
}

fn limit(text: &str) -> Result<(String, u32), String> {
    let split = || {
        let (name, number) = text.split_once('=')?;
        Some((name.to_owned(), number.parse().ok().filter(|number| *number > 0)?))
    };
    split().ok_or_else(|| "it is not a name, `=` and a number above 0".to_owned())
}

/// Reads what commas join. All of them begin with a slash: a comma before one begins the next, and two are one comma that
/// belongs to what it stands in. Commas anywhere else are what they are.
fn list<T: TryFrom<String, Error = WordError>>(text: &str) -> Result<Several<T>, WordError> {
    let mut all = vec![String::new()];
    for (index, piece) in text.split('/').enumerate() {
        if index > 0 {
            let last = all.last_mut().map_or(0, |last| {
                let commas = last.len() - last.trim_end_matches(',').len();
                last.truncate(last.len() - commas.div_ceil(2));
                commas
            });
            if last % 2 == 1 {
                all.push(String::new());
            }
        }
        if let Some(last) = all.last_mut() {
            last.push_str(if index > 0 { "/" } else { "" });
            last.push_str(piece);
        }
    }
    all.into_iter().map(T::try_from).collect::<Result<_, _>>().map(Several)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_where_a_path_begins() {
        let cut = |text: &str| list::<PathPattern>(text).unwrap().0.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(cut("/v1/*"), ["/v1/*"]);
        assert_eq!(cut("/a,b,/c/d,/*"), ["/a,b", "/c/d", "/*"]);
        assert_eq!(cut("/a,,/b"), ["/a,/b"]);
        assert_eq!(cut("/a,,,/b,,"), ["/a,", "/b,,"]);
        assert_eq!(cut("/a,,,,/b"), ["/a,,/b"]);
        assert!(list::<PathPattern>("/a,").is_ok_and(|found| found.0.len() == 1));
        assert!(list::<PathPattern>("a,/b").is_err());
        assert!(list::<PathPattern>("").is_err());
    }

    #[test]
    fn limits_are_a_name_and_a_number() {
        assert_eq!(limit("memory_mib=128").unwrap(), ("memory_mib".to_owned(), 128));
        for wrong in ["memory_mib", "memory_mib=", "memory_mib=0", "memory_mib=-1", "memory_mib=4294967296", "=1=1"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
