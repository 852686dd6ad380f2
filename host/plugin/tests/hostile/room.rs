//! What these tests share: guests that are built once, a door that they come through with what is granted to them, and a
//! world in which nothing is real. Must never leave anything behind but what cargo and the cache keep in the target folder.

mod build;
mod world;

pub(crate) use build::{Guest, backend, frozen, packed, resolver, transport};
pub(crate) use world::{Folder, NameTable, Server, SetClock, SlowWeb, World};

use punix_diag::{Detail, Diagnostic, Look, SourceMap, render};
use punix_model::{CallFault, Credential, PluginError, Request, Resolved, Resolver, Secret};
use punix_plugin::runtime::{
    BackendPlugin, Cache, Level, Line, Listener, Loaded, Meta, ResolverPlugin, Runtime, Setup, Surroundings,
    TransportPlugin,
};
use punix_plugin::{
    Admitted, Component, Fault, Lock, Policy, Row, Rules, Source, admit, effective, inspect, with_references,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What a variable holds that resolvers are given. It is long enough to be looked for in everything that they say.
pub(crate) const SECRET: &str = "tr\"oub4dor & 3 'horses'";

/// One without a character that anything would have to escape.
pub(crate) const PLAIN_SECRET: &str = "horse-battery-staple";

/// A plugin that can be called, and what it said so far.
pub(crate) struct Plugin {
    pub(crate) loaded: Loaded,
    pub(crate) around: Surroundings,
    heard: Arc<Heard>,
}

/// Looks at memory.
pub(crate) type Watcher = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// How a plugin is let in.
#[derive(Default)]
pub(crate) struct Terms<'a> {
    /// The plugin's table in a policy: lines, and tables below `grant` and `limits`. What it asks for and this does not
    /// mention is denied.
    pub(crate) table: &'a str,
    /// What the stack refers to.
    pub(crate) references: &'a [&'a str],
    /// Where relative references begin.
    pub(crate) base: Option<&'a Path>,
    /// Looks at memory when it goes.
    pub(crate) watcher: Option<Watcher>,
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Listener for Heard {
    fn hear(&self, _id: &str, line: &Line) {
        let level = match line.level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{level}: {}\n", line.text));
    }
}

impl Plugin {
    /// Lets a guest in with nothing granted, into a world with nothing in it.
    pub(crate) fn new(guest: &Guest) -> Plugin {
        Plugin::on(guest, Terms::default(), &World::default())
    }

    /// Lets a guest in on these terms.
    pub(crate) fn on(guest: &Guest, terms: Terms<'_>, world: &World) -> Plugin {
        let cache = build::cache_places().and_then(|(directory, key)| Cache::open(&directory, &key));
        Plugin::with_cache(guest, terms, world, cache)
    }

    /// Lets a guest in whose code is kept elsewhere.
    pub(crate) fn with_cache(guest: &Guest, terms: Terms<'_>, world: &World, cache: Option<Cache>) -> Plugin {
        let base = terms.base.map_or_else(|| PathBuf::from("/"), Path::to_owned);
        let admitted = admitted(guest, &terms).unwrap_or_else(|fault| panic!("{}", drawn(fault.into_diagnostics())));
        let runtime = Runtime::new(Setup { cache, watcher: terms.watcher });
        let loaded = runtime.load(admitted, None).unwrap_or_else(|fault| panic!("{fault}"));
        let heard = Arc::new(Heard::default());
        let listener: Arc<dyn Listener> = heard.clone();
        Plugin { loaded, around: Surroundings { outside: world.outside(), listener, base }, heard }
    }

    /// Surrounds a plugin that was loaded in another way; nobody hears it.
    pub(crate) fn surroundings(world: &World) -> Surroundings {
        Surroundings { outside: world.outside(), listener: Arc::new(Heard::default()), base: PathBuf::from("/") }
    }

    pub(crate) fn backend(&self) -> BackendPlugin {
        BackendPlugin::new(self.loaded.clone(), self.around.clone()).expect("it is a backend")
    }

    pub(crate) fn resolver(&self) -> ResolverPlugin {
        ResolverPlugin::new(self.loaded.clone(), self.around.clone()).expect("it is a resolver")
    }

    pub(crate) fn transport(&self) -> TransportPlugin {
        TransportPlugin::new(self.loaded.clone(), self.around.clone()).expect("it is a transport")
    }

    pub(crate) fn meta(&self) -> Meta {
        Meta::new(self.loaded.clone(), self.around.clone())
    }

    /// Returns what it said since somebody asked, a line for each.
    pub(crate) fn heard(&self) -> String {
        std::mem::take(&mut *self.heard.0.lock().unwrap_or_else(PoisonError::into_inner)).concat()
    }

    /// Resolves references with a configuration, and returns what it said and answered, as people see it.
    pub(crate) fn resolved(&self, word: &str, with: &str, references: &[&str]) -> String {
        self.resolved_at("", word, with, references)
    }

    /// The same, with an address in the configuration.
    pub(crate) fn resolved_at(&self, address: &str, word: &str, with: &str, references: &[&str]) -> String {
        let answers = self.resolver().resolve_all(&requests(address, word, with, references));
        let answers = answers.map(|answers| answers.into_iter().map(answer).collect::<String>());
        format!("{}{}", self.heard(), or_fault(answers))
    }
}

/// Makes the requests of a call.
pub(crate) fn requests(address: &str, word: &str, with: &str, references: &[&str]) -> Vec<Request> {
    let config = format!(r#"{{"address":"{address}","do":"{word}","with":"{with}"}}"#);
    let request = |reference: &&str| Request {
        reference: (*reference).to_owned(),
        config: config.clone(),
        credentials: vec![Credential { name: "token".to_owned(), value: Secret::new(b"own-credential".to_vec()) }],
    };
    references.iter().map(request).collect()
}

/// Takes a guest through the door.
pub(crate) fn admitted(guest: &Guest, terms: &Terms<'_>) -> Result<Admitted, Fault> {
    let component = Component::new(guest.bytes.clone());
    let inspected = inspect(component.bytes()).expect("a guest of these tests is sound");
    let id = inspected.manifest.id.clone();
    let (digest, table) = (component.digest(), terms.table);
    let text = format!("[plugin.\"{id}\"]\nsha256 = \"{digest}\"\n{table}");
    let mut policy = Policy::parse("punix.plugins.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let table = policy.plugin.get_mut(&id).expect("it was just written");
    if let Err(denials) = effective(&inspected.manifest, Some(table), &[]) {
        table.deny.extend(denials.into_iter().map(|denial| denial.key));
    }
    let references: Vec<String> = terms.references.iter().map(|reference| (*reference).to_owned()).collect();
    *table = with_references(table, &inspected.manifest, &references, terms.base.unwrap_or(Path::new("/")));
    let mut lock = Lock::default();
    lock.insert(Row::of(&component, &inspected, Source::parse("guest.wasm").expect("a path is a source")));
    admit("guest.wasm", component, Rules { lock: &lock, policy: &policy, ceilings: &[] })
}

/// Draws what went wrong as a user sees it; whatever went well is shown as it is.
pub(crate) fn or_fault(outcome: Result<String, CallFault>) -> String {
    outcome.unwrap_or_else(|fault| drawn(vec![fault.into()]))
}

/// Draws diagnostics.
pub(crate) fn drawn(diagnostics: Vec<Diagnostic>) -> String {
    render(&diagnostics, &SourceMap::default(), Look { detail: Detail::Lines, color: false })
}

/// Shows an error that a plugin answered with.
pub(crate) fn plugin_error(error: &PluginError) -> String {
    let PluginError { class, code, message, at, retry_after_ms } = error;
    let at = at.as_ref().map(|at| format!(" at `{at}`")).unwrap_or_default();
    let after = retry_after_ms.map(|after| format!(" after {after} ms")).unwrap_or_default();
    format!("{class:?} {code}{at}{after}: {message}\n")
}

fn answer(answer: Result<Resolved, PluginError>) -> String {
    match answer {
        Ok(found) => {
            let version = found.version.map(|version| format!(", version {version}")).unwrap_or_default();
            format!("found: {}{version}\n", String::from_utf8_lossy(found.value.expose()))
        }
        Err(error) => match error.code.as_str() {
            "told" => format!("{}\n", error.message.replace("\\n", "\n").replace("\\u{a}", "\n")),
            _ => plugin_error(&error),
        },
    }
}
