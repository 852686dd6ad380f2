//! The plugins that are part of this binary, and what they are granted by it. They come in through the same door as
//! anyone's; only their bytes need no lock.

use punix_plugin::{Examined, Table, built_in, with_config};
use std::path::Path;

/// A plugin that is part of this binary.
#[derive(Debug)]
pub(crate) struct Shipped {
    pub(crate) examined: Examined,
    /// What it is granted; a table of the policy can only narrow it. What the stack refers to and what a configuration
    /// names is computed for each deploy, and is not in it.
    pub(crate) table: Table,
}

/// Returns all of them.
pub(crate) fn shipped() -> Vec<Shipped> {
    let home = std::env::var_os("HOME");
    let home = home.as_deref().map(Path::new);
    punix_bundle::plugins().iter().filter_map(|plugin| of(plugin.examined(), home)).collect()
}

/// Finds what one of them is granted. For any other component there is nothing.
pub(super) fn of(examined: Examined, home: Option<&Path>) -> Option<Shipped> {
    let manifest = examined.manifest();
    let table = with_config(&built_in(&manifest.id, home)?, manifest, "{}");
    Some(Shipped { examined, table })
}
