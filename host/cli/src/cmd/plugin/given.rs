//! One thing that is granted, as it stands in a policy.

use punix_plugin::{
    ArgumentsPattern, EnvGrant, FilesGrant, Form, Grant, HostWanted, HttpGrant, Key, Kind, Method, PathPattern,
    ProgramGrant, ProgramWanted, Referred, Requests, Secrets,
};
use toml_edit::{Array, InlineTable, Value};

/// One entry of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    Http(HttpGrant),
    Env(EnvGrant),
    Files(FilesGrant),
    Process(ProgramGrant),
    Spawn(ProgramGrant),
    /// What is either given or not.
    Flag(Kind),
}

/// Lists all that is granted, each with its place among those of its kind.
pub(super) fn all(grant: &Grant) -> Vec<(usize, Given)> {
    fn each<T: Clone>(list: &Option<Vec<T>>, make: fn(T) -> Given) -> Vec<(usize, Given)> {
        list.iter().flatten().cloned().map(make).enumerate().collect()
    }
    let mut found = each(&grant.http, Given::Http);
    found.extend(each(&grant.env, Given::Env));
    found.extend(each(&grant.files, Given::Files));
    found.extend(each(&grant.process, Given::Process));
    found.extend(each(&grant.spawn, Given::Spawn));
    let flags = [
        (Kind::Ssh, grant.ssh),
        (Kind::Here, grant.here),
        (Kind::Clock, grant.clock),
        (Kind::Seal, grant.secrets.seal),
        (Kind::Reveal, grant.secrets.reveal),
    ];
    found.extend(flags.into_iter().filter(|(_, given)| *given == Some(true)).map(|(kind, _)| (0, Given::Flag(kind))));
    found
}

/// Returns the grant of exactly what is asked for, where the request alone says that.
pub(super) fn as_requested(request: &Requests) -> Option<Given> {
    if let Some(http) = request.http.first() {
        let HostWanted::Known(host) = &http.host else { return None };
        return Some(Given::Http(HttpGrant {
            host: host.clone(),
            methods: http.methods.clone(),
            paths: http.paths.clone(),
            public: http.public.clone(),
            plain_http: http.plain_http,
            private: false,
            ca: None,
        }));
    }
    if let Some(env) = request.env.first() {
        let Referred::Named(name) = &env.name else { return None };
        let form = if env.secret { Form::Secret } else { Form::Plain };
        return Some(Given::Env(EnvGrant { name: name.clone(), form }));
    }
    if let Some(files) = request.files.first() {
        let Referred::Named(root) = &files.root else { return None };
        let path = files.path.clone()?;
        return Some(Given::Files(FilesGrant { root: root.clone(), path, write: files.write }));
    }
    if let Some(program) = request.spawn.first().or(request.process.first()) {
        let ProgramWanted::At(path) = &program.program else { return None };
        let grant = ProgramGrant { program: path.clone(), args: program.args.clone(), sha256: None };
        return Some(if request.spawn.is_empty() { Given::Process(grant) } else { Given::Spawn(grant) });
    }
    let (key, _) = request.each().into_iter().next()?;
    Some(Given::Flag(key.kind))
}

impl Given {
    /// Returns the key that a request of the same has.
    pub(super) fn key(&self) -> Key {
        let with = |subject: &str| Key { kind: self.kind(), subject: subject.to_owned() };
        match self {
            Given::Http(grant) => with(&grant.host.to_string()),
            Given::Env(grant) => with(grant.name.as_str()),
            Given::Files(grant) => with(grant.root.as_str()),
            Given::Process(grant) | Given::Spawn(grant) => with(grant.program.as_str()),
            Given::Flag(_) => with(""),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Given::Http(_) => Kind::Http,
            Given::Env(_) => Kind::Env,
            Given::Files(_) => Kind::Files,
            Given::Process(_) => Kind::Process,
            Given::Spawn(_) => Kind::Spawn,
            Given::Flag(kind) => *kind,
        }
    }

    /// Returns a grant of this, and of nothing else.
    pub(super) fn grant(&self) -> Grant {
        let mut grant = Grant::default();
        self.clone().put(&mut grant);
        grant
    }

    /// Puts this behind what is granted.
    pub(super) fn put(self, grant: &mut Grant) {
        match self {
            Given::Http(given) => grant.http.get_or_insert_default().push(given),
            Given::Env(given) => grant.env.get_or_insert_default().push(given),
            Given::Files(given) => grant.files.get_or_insert_default().push(given),
            Given::Process(given) => grant.process.get_or_insert_default().push(given),
            Given::Spawn(given) => grant.spawn.get_or_insert_default().push(given),
            Given::Flag(kind) => set_flag(grant, kind, true),
        }
    }

    /// Tells whether this gives all that another does.
    pub(super) fn covers(&self, other: &Given) -> bool {
        match (self, other) {
            (Given::Http(wide), Given::Http(narrow)) => covers_http(wide, narrow),
            (Given::Env(wide), Given::Env(narrow)) => wide.name == narrow.name && wide.form >= narrow.form,
            (Given::Files(wide), Given::Files(narrow)) => {
                (&wide.root, &wide.path) == (&narrow.root, &narrow.path) && (wide.write || !narrow.write)
            }
            (Given::Process(wide), Given::Process(narrow)) | (Given::Spawn(wide), Given::Spawn(narrow)) => {
                wide.program == narrow.program
                    && wide.args.common(&narrow.args).as_ref() == Some(&narrow.args)
                    && (wide.sha256.is_none() || wide.sha256 == narrow.sha256)
            }
            (Given::Flag(kind), Given::Flag(other)) => kind == other,
            _ => false,
        }
    }

    /// Tells whether only one of both can stand in a policy, so that the later one says what is meant.
    pub(super) fn replaces(&self, other: &Given) -> bool {
        match (self, other) {
            (Given::Env(_), Given::Env(_)) | (Given::Files(_), Given::Files(_)) => self.key() == other.key(),
            _ => false,
        }
    }

    /// Writes an entry of a list; what is either given or not is none.
    pub(super) fn to_toml(&self) -> Option<InlineTable> {
        let mut table = InlineTable::new();
        match self {
            Given::Http(grant) => {
                put(&mut table, "host", grant.host.to_string());
                put(&mut table, "methods", array(grant.methods.iter().map(|method| method.as_str().to_owned())));
                put(&mut table, "paths", array(grant.paths.iter().map(PathPattern::to_string)));
                if !grant.public.is_empty() {
                    put(&mut table, "public", array(grant.public.iter().map(ToString::to_string)));
                }
                if grant.plain_http {
                    put(&mut table, "plain_http", true);
                }
                if grant.private {
                    put(&mut table, "private", true);
                }
                if let Some(authority) = &grant.ca {
                    put(&mut table, "ca", authority.as_str());
                }
            }
            Given::Env(grant) => {
                put(&mut table, "name", grant.name.as_str());
                put(&mut table, "as", form(grant.form));
            }
            Given::Files(grant) => {
                put(&mut table, "root", grant.root.as_str());
                put(&mut table, "path", grant.path.as_str());
                if grant.write {
                    put(&mut table, "write", true);
                }
            }
            Given::Process(grant) | Given::Spawn(grant) => {
                put(&mut table, "program", grant.program.as_str());
                if grant.args != ArgumentsPattern::every() {
                    put(&mut table, "args", array(grant.args.words().into_iter()));
                }
                if let Some(digest) = &grant.sha256 {
                    put(&mut table, "sha256", digest.to_string());
                }
            }
            Given::Flag(_) => return None,
        }
        Some(table)
    }
}

/// Gives or takes what is either given or not.
pub(super) fn set_flag(grant: &mut Grant, kind: Kind, given: bool) {
    let Secrets { seal, reveal } = &mut grant.secrets;
    let place = match kind {
        Kind::Ssh => &mut grant.ssh,
        Kind::Here => &mut grant.here,
        Kind::Clock => &mut grant.clock,
        Kind::Seal => seal,
        Kind::Reveal => reveal,
        Kind::Http | Kind::Env | Kind::Files | Kind::Process | Kind::Spawn => return,
    };
    *place = Some(given);
}

/// Returns the word of a form.
pub(super) fn form(form: Form) -> &'static str {
    match form {
        Form::Secret => "secret",
        Form::Plain => "plain",
    }
}

/// Returns methods as they are listed.
pub(super) fn methods<'a>(methods: impl IntoIterator<Item = &'a Method>) -> Vec<&'static str> {
    methods.into_iter().map(|method| method.as_str()).collect()
}

fn covers_http(wide: &HttpGrant, narrow: &HttpGrant) -> bool {
    let path = |path: &PathPattern| wide.paths.iter().any(|wide| wide.common(path).as_ref() == Some(path));
    wide.host.common(&narrow.host).as_ref() == Some(&narrow.host)
        && narrow.methods.is_subset(&wide.methods)
        && narrow.paths.iter().all(path)
        && narrow.public.is_subset(&wide.public)
        && (wide.plain_http || !narrow.plain_http)
        && (wide.private || !narrow.private)
        && wide.ca == narrow.ca
}

fn put(table: &mut InlineTable, key: &str, value: impl Into<Value>) {
    table.insert(key, value.into());
}

fn array(words: impl Iterator<Item = String>) -> Value {
    Value::Array(words.collect::<Array>())
}
