//! The bundled plugins that a deploy runs: the backend, and who finds secrets. They come in through the door of all
//! plugins, under the site's policy; what they may do is computed from the stack.

use super::Stopped;
use crate::cmd::plugin::project::{LOCK, POLICY};
use crate::ui::Ui;
use punix_bundle::Bundled;
use punix_diag::{Code, Diagnostic};
use punix_plugin::outside::Outside;
use punix_plugin::runtime::{
    BackendPlugin, Level, Line, Listener, Loaded, ResolverPlugin, Runtime, Setup, Surroundings,
};
use punix_plugin::{
    CEILINGS, Ceiling, Lock, Policy, Rules, admit_bundled, built_in, ceilings, lock, policy, with_config,
    with_references,
};
use punix_target::PluginRow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who may write ceilings.
const ROOT: u32 = 0;

/// What plugins are run with.
pub(super) struct Plugins {
    runtime: Runtime,
    policy: Policy,
    lock: Lock,
    ceilings: Vec<Ceiling>,
    around: Surroundings,
}

/// Says what plugins say, as far as anybody has to know.
struct Ear {
    ui: Ui,
}

impl Listener for Ear {
    fn hear(&self, id: &str, line: &Line) {
        match line.level {
            Level::Debug | Level::Info => {}
            Level::Warn | Level::Error => self.ui.say(&format!("{id}: {}", line.text)),
        }
    }
}

impl Plugins {
    /// Reads what the site and the project say of plugins. `base` is the directory of the program.
    pub(super) fn read(ui: &Ui, project: &Path, base: &Path) -> Result<Plugins, Stopped> {
        let base: PathBuf = std::path::absolute(base).unwrap_or_else(|_| base.to_owned());
        Ok(Plugins {
            runtime: Runtime::new(Setup::default()),
            policy: policy(&project.join(POLICY))?,
            lock: lock(&project.join(LOCK))?,
            ceilings: ceilings(Path::new(CEILINGS), ROOT)?,
            around: Surroundings {
                outside: Outside::this_machine(BTreeMap::new(), None),
                listener: Arc::new(Ear { ui: ui.clone() }),
                base,
            },
        })
    }

    /// Returns the backend of a stack, and how it is recorded.
    pub(super) fn backend(&self, name: &str) -> Result<(BackendPlugin, PluginRow), Stopped> {
        let (loaded, row) = self.load(name, &[])?;
        match BackendPlugin::new(loaded, self.around.clone()) {
            Some(backend) => Ok((backend, row)),
            None => Err(no_such("backend", name)),
        }
    }

    /// Returns who finds secrets of a kind, such as `from_env`. It may read what the references name, and nothing else.
    pub(super) fn resolver(&self, kind: &str, references: &[String]) -> Result<(ResolverPlugin, PluginRow), Stopped> {
        let (loaded, row) = self.load(&kind.replace('_', "-"), references)?;
        match ResolverPlugin::new(loaded, self.around.clone()) {
            Some(resolver) => Ok((resolver, row)),
            None => Err(no_such("resolver", kind)),
        }
    }

    fn load(&self, name: &str, references: &[String]) -> Result<(Loaded, PluginRow), Stopped> {
        let is_it = |plugin: &&Bundled| plugin.name == name;
        let bundled = punix_bundle::plugins().iter().find(is_it).ok_or_else(|| no_such("plugin", name))?;
        let examined = bundled.examined();
        let manifest = examined.manifest();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let table = built_in(&manifest.id, home.as_deref()).ok_or_else(|| no_such("plugin", name))?;
        let table = with_config(&table, manifest, "{}");
        let table = with_references(&table, manifest, references, &self.around.base);
        let row = PluginRow {
            id: manifest.id.to_string(),
            version: manifest.version.to_string(),
            sha256: examined.component().digest().to_string(),
        };
        let rules = Rules { lock: &self.lock, policy: &self.policy, ceilings: &self.ceilings };
        let admitted = admit_bundled(examined, &table, rules)?;
        Ok((self.runtime.load(admitted, Some(bundled.ready))?, row))
    }
}

fn no_such(what: &str, name: &str) -> Stopped {
    Stopped::By(vec![Diagnostic::error(Code::E2, format!("there is no {what} `{name}` here"))])
}
