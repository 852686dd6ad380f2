//! Which abilities plugins of others ever used here, so that an audit can tell what was granted in vain. For each plugin
//! there is one small file beside its compiled code: the component, and a word for each kind. It is written only when a
//! plugin does something for the first time, and its loss costs nothing but the memory.

use super::ahead::cache;
use crate::places;
use punix_plugin::{Digest, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const FILE_BYTES_MAX: u64 = 4 << 10;

/// What plugins used up to now, while some of them run.
#[derive(Debug, Default)]
pub(crate) struct Used {
    watched: Mutex<BTreeMap<String, Plugin>>,
}

#[derive(Debug)]
struct Plugin {
    digest: Digest,
    kinds: BTreeSet<String>,
    /// Whether all of this stands in its file.
    noted: bool,
}

impl Used {
    /// Lets a plugin be watched from now on.
    pub(crate) fn watch(&self, id: &str, digest: Digest) {
        let known = of(id, digest);
        let plugin = Plugin { digest, noted: known.is_some(), kinds: known.unwrap_or_default() };
        self.watched().insert(id.to_owned(), plugin);
    }

    /// Notes what a call used, if its plugin is watched.
    pub(crate) fn note(&self, id: &str, kinds: impl Iterator<Item = Kind>) {
        let mut watched = self.watched();
        let Some(plugin) = watched.get_mut(id) else { return };
        let before = plugin.kinds.len();
        plugin.kinds.extend(kinds.map(|kind| kind.as_str().to_owned()));
        // That it was called at all is worth a file too.
        let is_new = plugin.kinds.len() > before || !plugin.noted;
        plugin.noted = true;
        if is_new && let Some(path) = place(id) {
            write(&path, plugin);
        }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Plugin>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the kinds of abilities that a component used up to now; nothing if it was never called here.
pub(super) fn of(id: &str, digest: Digest) -> Option<BTreeSet<String>> {
    let mut text = String::new();
    std::fs::File::open(place(id)?).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    // Another component of the same name has not used anything yet.
    (lines.next() == Some(digest.to_string().as_str())).then(|| lines.map(str::to_owned).collect())
}

/// Returns where it is noted. Without a home, or where others could write, nothing is: then no code is kept there either.
fn place(id: &str) -> Option<PathBuf> {
    let (code, _) = places::compiled()?;
    cache()?;
    Some(code.join(format!("{id}.used")))
}

/// Writes in one step. What cannot be noted is only not known later.
fn write(path: &Path, plugin: &Plugin) {
    let mut text = format!("{}\n", plugin.digest);
    for kind in &plugin.kinds {
        text.push_str(kind);
        text.push('\n');
    }
    let draft = path.with_extension(format!("used-{}", std::process::id()));
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
}
