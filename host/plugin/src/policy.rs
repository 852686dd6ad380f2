//! What a plugin may do: what it asks for, as far as the operator granted it and the site allows it. One pure function
//! decides this, for bundled plugins and anyone's alike. It decides before anything of the plugin runs, and there is
//! nothing else that gives: what is not in [`Effective`] is denied.

mod access;

pub use access::{EnvAccess, FilesAccess, HttpAccess, ProgramAccess};

use crate::grant::{Bounds, Ceiling, EnvBound, FilesBound, Form, Grant, NamePattern, Table};
use crate::limits::{Limits, Wishes};
use crate::manifest::Manifest;
use crate::request::{HttpRequest, Key, Method, ProgramRequest, Referred};
use crate::word::{Id, Why};
use crate::world::Kind;
use access::{Access, ProgramLimit};
use std::collections::BTreeSet;

/// What bounds a plugin besides its grant, and where that is written.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    pub source: &'a str,
    pub bounds: &'a Bounds,
}

/// All that one plugin may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    pub http: Vec<HttpAccess>,
    pub env: Vec<EnvAccess>,
    pub files: Vec<FilesAccess>,
    pub process: Vec<ProgramAccess>,
    pub spawn: Vec<ProgramAccess>,
    /// Of what is either given or not, what is given.
    pub flags: BTreeSet<Kind>,
    pub limits: Limits,
    /// What it asks for and deliberately does not get.
    pub refused: Vec<Key>,
    /// Wishes that are not met.
    pub short: Vec<Shortfall>,
}

/// A request that nobody decided about, or that the site forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub key: Key,
    /// In the plugin's words.
    pub why: Why,
    pub cause: Cause,
}

/// Why a request is denied, and the command that settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Nothing that was granted has anything in common with it.
    Undecided { grant: String, revoke: String },
    /// It is granted, and the site does not allow it.
    Site { source: String, revoke: String },
}

/// A wish for more than the plugin gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    pub limit: &'static str,
    pub wished: u32,
    pub given: u32,
    /// What would give it, where a grant is what lacks.
    pub command: String,
}

/// Returns what a plugin may do, or every request that stands in the way. A plugin that no table is about has nothing
/// granted.
pub fn effective(manifest: &Manifest, table: Option<&Table>, bounds: &[Bound<'_>]) -> Result<Effective, Vec<Denial>> {
    let (effective, denials) = settle(manifest, table, bounds);
    if denials.is_empty() { Ok(effective) } else { Err(denials) }
}

impl Ceiling {
    /// Returns what this site's file says of a plugin.
    pub fn bounds_of(&self, id: &Id) -> Vec<Bound<'_>> {
        let source = self.source.as_str();
        let of_one = self.bounds.plugin.get(id);
        [Some(&self.bounds.all), of_one].into_iter().flatten().map(|bounds| Bound { source, bounds }).collect()
    }
}

impl Table {
    /// Returns a table as bounds: a bundled plugin's grant is part of the binary, and a table of its operator narrows it.
    /// What the table does not mention stays.
    pub fn as_bounds(&self) -> Bounds {
        let program =
            |list: &Option<Vec<_>>| list.as_ref().map(|list| list.iter().map(access::program_bound).collect());
        let Grant { http, env, files, process, spawn, ssh, here, clock, secrets } = &self.grant;
        Bounds {
            http: http.as_ref().map(|list| list.iter().map(access::http_bound).collect()),
            env: env.as_ref().map(|list| {
                list.iter().map(|grant| EnvBound { name: NamePattern::from(&grant.name), form: grant.form }).collect()
            }),
            files: files.as_ref().map(|list| {
                list.iter().map(|grant| FilesBound { path: grant.path.clone(), write: grant.write }).collect()
            }),
            process: program(process),
            spawn: program(spawn),
            ssh: *ssh,
            here: *here,
            clock: *clock,
            seal: secrets.seal,
            plaintext: secrets.reveal,
            limits: self.limits,
        }
    }
}

/// Decides about every request; what is denied is in the list, and not in what is effective.
fn settle(manifest: &Manifest, table: Option<&Table>, bounds: &[Bound<'_>]) -> (Effective, Vec<Denial>) {
    let nothing = Table::default();
    let table = table.unwrap_or(&nothing);
    let (limits, short) = limits(manifest, &table.limits, bounds);
    let mut effective = Effective {
        http: Vec::new(),
        env: Vec::new(),
        files: Vec::new(),
        process: Vec::new(),
        spawn: Vec::new(),
        flags: BTreeSet::new(),
        limits,
        refused: Vec::new(),
        short,
    };
    let mut desk = Desk { id: &manifest.id, table, bounds, refused: Vec::new(), denials: Vec::new() };
    let (asked, grant) = (&manifest.requests, &table.grant);
    for request in &asked.http {
        let ask = desk.ask(request.key(), &request.why, http_words(request), false);
        let granted = access::granted_http(grant.http.as_deref(), &request.host);
        let wanted = access::http_wanted(request);
        effective.http.extend(desk.decide(ask, granted, &wanted, |bounds| bounds.http.as_deref()));
    }
    for request in &asked.env {
        let words = format!(" --as {}", if request.secret { "secret" } else { "plain" });
        let for_reference = request.name == Referred::Reference && grant.env.is_some();
        let ask = desk.ask(request.key(), &request.why, words, for_reference);
        let wanted = EnvBound {
            name: match &request.name {
                Referred::Named(name) => NamePattern::from(name),
                Referred::Reference => NamePattern::every(),
            },
            form: if request.secret { Form::Secret } else { Form::Plain },
        };
        let granted = access::granted_env(grant.env.as_deref());
        effective.env.extend(desk.decide(ask, granted, &wanted, |bounds| bounds.env.as_deref()));
    }
    for request in &asked.files {
        let path = request.path.as_ref().map_or_else(|| "PATH".to_owned(), |path| quoted(path.as_str()));
        let words = format!(" {path}{}", if request.write { " --write" } else { "" });
        let for_reference = request.root == Referred::Reference && grant.files.is_some();
        let ask = desk.ask(request.key(), &request.why, words, for_reference);
        let granted = access::granted_files(grant.files.as_deref(), &request.root);
        let root = crate::word::AbsolutePath::parse("/").expect("the root is an absolute path");
        let wanted = FilesBound { path: request.path.clone().unwrap_or(root), write: request.write };
        effective.files.extend(desk.decide(ask, granted, &wanted, |bounds| bounds.files.as_deref()));
    }
    effective.process = programs(&mut desk, &asked.process, Kind::Process);
    effective.spawn = programs(&mut desk, &asked.spawn, Kind::Spawn);
    for (kind, why) in asked.flags() {
        effective.flags.extend(desk.decide_flag(kind, why));
    }
    effective.refused = desk.refused;
    (effective, desk.denials)
}

fn programs(desk: &mut Desk<'_>, requests: &[ProgramRequest], kind: Kind) -> Vec<ProgramAccess> {
    let grant = &desk.table.grant;
    let granted = if kind == Kind::Spawn { &grant.spawn } else { &grant.process };
    let mut found = Vec::new();
    for request in requests {
        let arguments = request.args.words().iter().map(|word| format!(" {}", quoted(word))).collect::<String>();
        let words = if request.args.is_every() { String::new() } else { format!(" --{arguments}") };
        let ask = desk.ask(request.key(kind), &request.why, words, false);
        let granted = access::granted_programs(granted.as_deref(), &request.program);
        let wanted = ProgramLimit { program: None, args: request.args.clone(), sha256: None };
        let limits = |bounds: &Bounds| {
            let list = if kind == Kind::Spawn { &bounds.spawn } else { &bounds.process };
            list.as_ref().map(|list| list.iter().map(ProgramLimit::from).collect::<Vec<_>>())
        };
        found.extend(desk.decide_with(ask, granted, &wanted, limits));
    }
    found
}

/// What is decided about one plugin.
struct Desk<'a> {
    id: &'a Id,
    table: &'a Table,
    bounds: &'a [Bound<'a>],
    refused: Vec<Key>,
    denials: Vec<Denial>,
}

/// One request on the desk.
struct Asked {
    key: Key,
    why: Why,
    /// What a command says besides the key.
    words: String,
    /// Nothing is an answer too: the stack refers to nothing.
    may_be_nothing: bool,
}

impl Desk<'_> {
    fn ask(&self, key: Key, why: &Why, words: String, may_be_nothing: bool) -> Asked {
        Asked { key, why: why.clone(), words, may_be_nothing }
    }

    fn decide<A: Access>(
        &mut self,
        ask: Asked,
        granted: Vec<A>,
        wanted: &A::Limit,
        limits: impl Fn(&Bounds) -> Option<&[A::Limit]>,
    ) -> Vec<A>
    where
        A::Limit: Clone,
    {
        self.decide_with(ask, granted, wanted, |bounds| limits(bounds).map(<[A::Limit]>::to_vec))
    }

    /// Narrows what is granted by what is wanted, and then by every bound.
    fn decide_with<A: Access>(
        &mut self,
        ask: Asked,
        granted: Vec<A>,
        wanted: &A::Limit,
        limits: impl Fn(&Bounds) -> Option<Vec<A::Limit>>,
    ) -> Vec<A> {
        if self.table.deny.contains(&ask.key) {
            self.refused.push(ask.key);
            return Vec::new();
        }
        let mut left: BTreeSet<A> = granted.iter().filter_map(|access| access.narrowed(wanted)).collect();
        if left.is_empty() {
            if !ask.may_be_nothing {
                self.undecided(&ask.key, &ask.why, &ask.words);
            }
            return Vec::new();
        }
        for bound in self.bounds {
            let Some(limits) = limits(bound.bounds) else { continue };
            left = left.iter().flat_map(|access| limits.iter().filter_map(|limit| access.narrowed(limit))).collect();
            if left.is_empty() {
                self.forbidden(ask.key, &ask.why, bound.source);
                return Vec::new();
            }
        }
        left.into_iter().collect()
    }

    fn decide_flag(&mut self, kind: Kind, why: &Why) -> Option<Kind> {
        let key = Key::of(kind);
        if self.table.deny.contains(&key) {
            self.refused.push(key);
            return None;
        }
        if access::granted_flag(&self.table.grant, kind) != Some(true) {
            self.undecided(&key, why, "");
            return None;
        }
        match self.bounds.iter().find(|bound| access::flag_bound(bound.bounds, kind) == Some(false)) {
            Some(bound) => {
                self.forbidden(key, why, bound.source);
                None
            }
            None => Some(kind),
        }
    }

    fn undecided(&mut self, key: &Key, why: &Why, words: &str) {
        let subject = subject(key);
        let cause = Cause::Undecided {
            grant: format!("punix plugin grant {} {}{subject}{words}", self.id, key.kind),
            revoke: self.revoke(key),
        };
        self.denials.push(Denial { key: key.clone(), why: why.clone(), cause });
    }

    fn forbidden(&mut self, key: Key, why: &Why, source: &str) {
        let cause = Cause::Site { source: source.to_owned(), revoke: self.revoke(&key) };
        self.denials.push(Denial { key, why: why.clone(), cause });
    }

    fn revoke(&self, key: &Key) -> String {
        let subject = match key.subject.as_str() {
            "" => String::new(),
            subject => format!(" {}", quoted(subject)),
        };
        format!("punix plugin revoke {} {}{subject}", self.id, key.kind)
    }
}

/// Returns what a command grants by a key. What the plugin cannot know, the operator has to put in.
fn subject(key: &Key) -> String {
    match (key.kind, key.subject.as_str()) {
        (_, "") => String::new(),
        (Kind::Http, subject) if subject.starts_with('{') => " HOST:PORT".to_owned(),
        (Kind::Env, subject) if subject.starts_with('{') => " NAME".to_owned(),
        (Kind::Files, subject) if subject.starts_with('{') => " ROOT".to_owned(),
        (Kind::Spawn | Kind::Process, subject) if !subject.starts_with('/') => format!(" /PATH/TO/{}", quoted(subject)),
        (_, subject) => format!(" {}", quoted(subject)),
    }
}

fn http_words(request: &HttpRequest) -> String {
    let methods: Vec<&str> = request.methods.iter().map(|method| Method::as_str(*method)).collect();
    let (methods, paths) = (quoted(&methods.join(",")), quoted(&list(&request.paths)));
    let mut words = format!(" --methods {methods} --paths {paths}");
    if !request.public.is_empty() {
        words.push_str(&format!(" --public {}", quoted(&list(&request.public))));
    }
    if request.plain_http {
        words.push_str(" --plain-http");
    }
    words
}

/// Lists paths as the command line reads them: a comma before a slash begins the next one, two are one that belongs to it.
fn list<T: ToString>(paths: &BTreeSet<T>) -> String {
    let double_end = |text: &mut String| {
        let commas = text.len() - text.trim_end_matches(',').len();
        text.push_str(&",".repeat(commas));
    };
    let mut text = String::new();
    for path in paths {
        if !text.is_empty() {
            double_end(&mut text);
            text.push(',');
        }
        for (index, part) in path.to_string().split('/').enumerate() {
            // Before the first slash stands nothing of this path.
            if index > 1 {
                double_end(&mut text);
            }
            if index > 0 {
                text.push('/');
            }
            text.push_str(part);
        }
    }
    text
}

/// Brings the default of the world, or what is granted instead, down to every wish and bound.
fn limits(manifest: &Manifest, granted: &Wishes, bounds: &[Bound<'_>]) -> (Limits, Vec<Shortfall>) {
    let start = Limits::of(manifest.world).granted(granted);
    let allowed = bounds.iter().fold(start, |limits, bound| limits.at_most(&bound.bounds.limits));
    let limits = allowed.at_most(&manifest.limits);
    let wishes = manifest.limits.each().into_iter().zip(limits.each());
    let short = wishes.filter_map(|((limit, wish), (_, given))| {
        let wished = wish.filter(|wish| *wish > given)?;
        let command = format!("punix plugin grant {} limits {limit}={wished}", manifest.id);
        Some(Shortfall { limit, wished, given, command })
    });
    (limits, short.collect())
}

/// Quotes a word for a shell, where that is needed.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,@%+=".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests;
