//! The plugins that a deploy runs: the backend, and who finds secrets; those that are part of punix, and resolvers that a
//! project has chosen. They come in through one door, under the site's policy; what the stack refers to is computed.
//!
//! The project is the directory of the program if it has any of the project's files, else where somebody is.

use super::Stopped;
use super::settings::{Login, OfResolver, SETTINGS, Settings};
use super::vault::FROM_VAULT;
use crate::cmd::plugin::kept;
use crate::cmd::plugin::project::{LOCK, POLICY};
use crate::cmd::plugin::used::Used;
use crate::drill::setup;
use crate::places;
use crate::ui::Ui;
use crate::ui::hidden::hide;
use punix_bundle::Bundled;
use punix_diag::{Code, Diagnostic};
use punix_model::{Credential, Request, Resolver, Secret};
use punix_pcl::World;
use punix_plugin::outside::{Authority, Outside, ThisMachinesWeb};
use punix_plugin::runtime::{
    BackendPlugin, Cache, Level, Line, Listener, Loaded, ResolverPlugin, Runtime, Surroundings, TransportPlugin, Usage,
};
use punix_plugin::{
    AuthorityName, CEILINGS, Ceiling, Component, Lock, Manifest, Policy, Row, Rules, World as PluginWorld, admit,
    admit_bundled, built_in, ceilings, inspect, lock, policy, with_config, with_references,
};
use punix_target::PluginRow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Who may write ceilings.
const ROOT: u32 = 0;
const FROM_FILE: &str = "from_file";
/// Kinds whose references mean the same wherever the program is.
const ANYWHERE_KINDS: [&str; 2] = ["from_env", FROM_VAULT];

/// What plugins are run with.
pub(super) struct Plugins {
    ui: Ui,
    runtime: &'static Runtime,
    policy: Policy,
    lock: Lock,
    ceilings: Vec<Ceiling>,
    around: Surroundings,
    settings: Settings,
    used: Arc<Used>,
    /// Where the project's files are.
    project: PathBuf,
}

/// A resolver that can be asked, and what it is asked with.
pub(super) struct Asked {
    pub(super) resolver: ResolverPlugin,
    pub(super) row: PluginRow,
    pub(super) config: String,
    pub(super) credentials: Vec<Credential>,
}

/// What an answer depends on beside the reference. Where two are equal, so are the answers, whichever stack asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Setting {
    kind: String,
    /// Where the project's files are, which set the resolver up.
    project: PathBuf,
    /// Where what is relative begins, if it can be.
    base: Option<PathBuf>,
}

/// A resolver that the project has chosen.
struct Chosen {
    component: Component,
    manifest: Manifest,
}

/// Says what plugins say, as far as anybody has to know, and notes what those of others use.
struct Ear {
    ui: Ui,
    used: Arc<Used>,
}

impl Listener for Ear {
    fn hear(&self, id: &str, line: &Line) {
        match line.level {
            Level::Debug | Level::Info => {}
            Level::Warn | Level::Error => self.ui.say(&format!("{id}: {}", line.text)),
        }
    }

    fn learn(&self, secret: &Secret) {
        hide([secret]);
    }

    fn count(&self, id: &str, usage: &Usage) {
        self.used.note(id, usage.uses.keys().copied());
    }
}

impl Setting {
    pub(super) fn kind(&self) -> &str {
        &self.kind
    }
}

impl Plugins {
    /// Reads what the site and the project say of plugins. `base` is the directory of the program; `project` is where the
    /// project's files are if they are not there.
    pub(super) fn read(ui: &Ui, project: &Path, base: &Path) -> Result<Plugins, Stopped> {
        let project = project_of(project, base).to_owned();
        let base: PathBuf = match base == Path::new("") {
            true => std::env::current_dir().unwrap_or_default(),
            false => std::path::absolute(base).unwrap_or_else(|_| base.to_owned()),
        };
        let settings = Settings::read(&project)?;
        let used = Arc::new(Used::default());
        Ok(Plugins {
            ui: ui.clone(),
            runtime: runtime(),
            policy: policy(&project.join(POLICY))?,
            lock: lock(&project.join(LOCK))?,
            ceilings: ceilings(Path::new(CEILINGS), ROOT)?,
            around: Surroundings {
                outside: Outside::this_machine(settings.authorities.clone(), None),
                listener: Arc::new(Ear { ui: ui.clone(), used: Arc::clone(&used) }),
                base,
            },
            settings,
            used,
            project,
        })
    }

    pub(super) fn say(&self, text: &str) {
        self.ui.say(text);
    }

    /// Returns how resolvers are set up.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns what the answers of a resolver depend on here.
    pub(super) fn setting(&self, kind: &str) -> Setting {
        let is_anywhere = ANYWHERE_KINDS.contains(&kind);
        Setting {
            kind: kind.to_owned(),
            project: std::path::absolute(&self.project).unwrap_or_else(|_| self.project.clone()),
            base: (!is_anywhere).then(|| self.around.base.clone()),
        }
    }

    /// Returns the file that a reference means.
    pub(super) fn path(&self, reference: &str) -> PathBuf {
        self.around.base.join(reference)
    }

    /// Returns the backend of a stack, and how it is recorded.
    pub(super) fn backend(&self, name: &str) -> Result<(BackendPlugin, PluginRow), Stopped> {
        let (loaded, row) = self.load(name)?;
        match BackendPlugin::new(loaded, self.around.clone()) {
            Some(backend) => Ok((backend, row)),
            None => Err(no_such("backend", name)),
        }
    }

    /// Returns who finds secrets of a kind, such as `from_env`. It may read what the references name; whatever else is
    /// said of it in the policy. `authority` is one that is set up for this run only.
    pub(super) fn resolver(
        &self,
        kind: &str,
        references: &[String],
        of: OfResolver,
        authority: Option<(AuthorityName, Authority)>,
    ) -> Result<Asked, Stopped> {
        let config = serde_json::Value::Object(of.config).to_string();
        let name = kind.replace('_', "-");
        let chosen = self.chosen(kind)?;
        let (loaded, row) = match (bundled(&name), chosen) {
            (Some(bundled), None) => self.load_bundled(bundled, references, &config)?,
            (None, Some(chosen)) => self.load_chosen(chosen, references)?,
            (Some(_), Some(chosen)) => {
                let id = &chosen.manifest.id;
                let message = format!("`{id}` answers `{kind}`, which is answered by punix itself");
                let help = format!("use one of the two: `punix plugin remove {id}`");
                return Err(Diagnostic::error(Code::E27, message).help(help).into());
            }
            (None, None) => return Err(no_such("resolver", kind)),
        };
        let mut around = self.around.clone();
        if let Some((name, authority)) = authority {
            let mut authorities = self.settings.authorities.clone();
            authorities.insert(name, authority);
            around.outside.web = Arc::new(ThisMachinesWeb::new(authorities));
        }
        let resolver = ResolverPlugin::new(loaded, around).ok_or_else(|| no_such("resolver", kind))?;
        let credentials = of.credentials.iter().map(|login| self.credential(kind, login)).collect::<Result<_, _>>()?;
        Ok(Asked { resolver, row, config, credentials })
    }

    /// Finds what a resolver logs in with, by one that needs no login. Relative files begin at the project.
    fn credential(&self, kind: &str, login: &Login) -> Result<Credential, Stopped> {
        let wrong = |why: String| {
            let message = format!("what `{kind}` logs in with cannot be read: `{}`: {why}", login.name);
            let help = format!("`[resolver.{kind}.credentials]` in `{SETTINGS}` says where it is");
            Stopped::from(Diagnostic::error(Code::E34, message).help(help))
        };
        let project = std::path::absolute(&self.project).unwrap_or_else(|_| self.project.clone());
        let reference = match login.kind == FROM_FILE {
            true => project.join(&login.reference).to_string_lossy().into_owned(),
            false => login.reference.clone(),
        };
        let asked = self.resolver(&login.kind, std::slice::from_ref(&reference), OfResolver::default(), None)?;
        let request = Request { reference, config: asked.config, credentials: Vec::new() };
        match asked.resolver.resolve_all(&[request])?.pop() {
            Some(Ok(found)) => Ok(Credential { name: login.name.clone(), value: found.value }),
            Some(Err(error)) => Err(wrong(error.to_string())),
            None => Err(wrong("there is no answer".to_owned())),
        }
    }

    /// Returns who reaches targets.
    pub(super) fn transport(&self, name: &str) -> Result<TransportPlugin, Stopped> {
        let (loaded, _) = self.load(name)?;
        TransportPlugin::new(loaded, self.around.clone()).ok_or_else(|| no_such("transport", name))
    }

    fn load(&self, name: &str) -> Result<(Loaded, PluginRow), Stopped> {
        self.load_bundled(bundled(name).ok_or_else(|| no_such("plugin", name))?, &[], "{}")
    }

    fn load_bundled(
        &self,
        bundled: &Bundled,
        references: &[String],
        config: &str,
    ) -> Result<(Loaded, PluginRow), Stopped> {
        let examined = bundled.examined();
        let manifest = examined.manifest();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let table = built_in(&manifest.id, home.as_deref()).ok_or_else(|| no_such("plugin", bundled.name))?;
        let table = with_config(&table, manifest, config);
        let table = with_references(&table, manifest, references, &self.around.base);
        let row = row(manifest, examined.component());
        let admitted = admit_bundled(examined, &table, self.rules(&self.policy))?;
        Ok((self.runtime.load(admitted, Some(bundled.ready))?, row))
    }

    fn load_chosen(&self, chosen: Chosen, references: &[String]) -> Result<(Loaded, PluginRow), Stopped> {
        let Chosen { component, manifest } = chosen;
        let mut policy = self.policy.clone();
        if let Some(table) = policy.plugin.get_mut(&manifest.id) {
            *table = with_references(table, &manifest, references, &self.around.base);
        }
        let row = row(&manifest, &component);
        let admitted = admit(manifest.id.as_str(), component, self.rules(&policy))?;
        self.used.watch(manifest.id.as_str(), admitted.digest());
        // A runtime of its own: plugins of punix need no cache, so none is made for them.
        let cache = places::compiled().and_then(|(code, key)| Cache::open(&code, &key));
        Ok((Runtime::new(setup(cache)).load(admitted, None)?, row))
    }

    fn rules<'p>(&'p self, policy: &'p Policy) -> Rules<'p> {
        Rules { lock: &self.lock, policy, ceilings: &self.ceilings }
    }

    /// Finds the resolver that the project has chosen for a kind.
    fn chosen(&self, kind: &str) -> Result<Option<Chosen>, Stopped> {
        let (mut found, mut lacking) = (Vec::new(), Vec::new());
        for row in resolvers(&self.lock) {
            match chosen(row) {
                Ok(chosen) if chosen.answers(kind) => found.push(chosen),
                Ok(_) => {}
                Err(stopped) => lacking.push(stopped),
            }
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(one), Some(other)) => {
                let (one, other) = (one.manifest.id, other.manifest.id);
                let message = format!("both `{one}` and `{other}` answer `{kind}`");
                let help = format!("use one of the two: `punix plugin remove {other}`");
                Err(Diagnostic::error(Code::E27, message).help(help).into())
            }
            (Some(one), None) => Ok(Some(one)),
            // It may be the one that is not there.
            (None, _) if bundled(&kind.replace('_', "-")).is_none() => lacking.into_iter().next().map_or(Ok(None), Err),
            (None, _) => Ok(None),
        }
    }
}

impl Chosen {
    fn answers(&self, kind: &str) -> bool {
        self.manifest.handles.iter().any(|handle| handle.as_str() == kind)
    }
}

/// Returns what programs of a directory may refer to: the resolvers of punix, and those that the project has chosen.
pub(super) fn world(ui: &Ui, project: &Path, base: &Path) -> Result<World, Stopped> {
    let mut world = World::default();
    let lock = lock(&project_of(project, base).join(LOCK))?;
    for row in resolvers(&lock) {
        match chosen(row) {
            Ok(chosen) => {
                let kinds = chosen.manifest.handles.iter().map(|handle| handle.as_str().to_owned());
                world.resolvers.extend(kinds);
            }
            // Only those who need it are stopped by that.
            Err(stopped) => {
                for diagnostic in stopped.into_diagnostics() {
                    ui.say(&format!("warning: {}", diagnostic.message));
                }
            }
        }
    }
    world.resolvers.sort();
    world.resolvers.dedup();
    Ok(world)
}

/// Returns where the project's files are.
pub(super) fn project_of<'p>(project: &'p Path, base: &'p Path) -> &'p Path {
    let has_any = [SETTINGS, POLICY, LOCK].iter().any(|name| base.join(name).symlink_metadata().is_ok());
    if base != Path::new("") && has_any { base } else { project }
}

fn resolvers(lock: &Lock) -> impl Iterator<Item = &Row> {
    lock.rows().filter(|row| row.world == PluginWorld::SecretResolver)
}

/// Reads the component that a row of the lock means.
fn chosen(row: &Row) -> Result<Chosen, Stopped> {
    let directory = places::plugins(None)?;
    let component = kept::kept(&directory, row).map_err(|error| Stopped::By(error.into_diagnostics()))?;
    let inspected = inspect(component.bytes());
    let inspected = inspected.map_err(|error| punix_plugin::Fault::Inspect { name: row.id.to_string(), error })?;
    Ok(Chosen { component, manifest: inspected.manifest })
}

/// Returns what plugins of punix run in: one for all hosts of a fleet, which have the same code then.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new(setup(None)))
}

fn bundled(name: &str) -> Option<&'static Bundled> {
    punix_bundle::plugins().iter().find(|plugin| plugin.name == name)
}

fn row(manifest: &Manifest, component: &Component) -> PluginRow {
    PluginRow {
        id: manifest.id.to_string(),
        version: manifest.version.to_string(),
        sha256: component.digest().to_string(),
    }
}

fn no_such(what: &str, name: &str) -> Stopped {
    Stopped::By(vec![Diagnostic::error(Code::E2, format!("there is no {what} `{name}` here"))])
}
