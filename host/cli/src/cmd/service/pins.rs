//! What is asked for and not done here, and would be missed if it were passed over: `--recipe-pins`, for programs of the
//! reference that rendered configuration. Here plugins do that, and these are chosen otherwise.

use super::Stopped;
use crate::args::service::Making;
use crate::ui::shown;
use punix_diag::{Code, Diagnostic};
use std::fs::File;
use std::io::Read;

/// Bytes of such a file.
const PINS_BYTES_MAX: u64 = 1 << 20;

/// Refuses what is not done. A file of pins that pins nothing asks for nothing.
pub(super) fn check(making: &Making) -> Result<(), Stopped> {
    let Some(path) = &making.recipe_pins else { return Ok(()) };
    let name = shown(path);
    let wrong = |message: String| Stopped::from(Diagnostic::error(Code::E26, message));
    let cannot = |error: std::io::Error| wrong(format!("`{name}` cannot be read: {error}"));
    let mut text = String::new();
    File::open(path).map_err(cannot)?.take(PINS_BYTES_MAX).read_to_string(&mut text).map_err(cannot)?;
    let table: toml_edit::DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| wrong(format!("`{name}` is no TOML: {}", error.message())))?;
    let pinned = table.get("recipes").and_then(|recipes| recipes.as_table_like());
    let names: Vec<String> =
        pinned.iter().flat_map(|table| table.iter()).map(|(name, _)| format!("`{name}`")).collect();
    if names.is_empty() {
        return Ok(());
    }
    let message = format!("`{name}` pins {}, which this program does not run", names.join(", "));
    Err(Diagnostic::error(Code::E26, message)
        .help("`punix plugin add` chooses plugins, and pins them in punix.lock")
        .into())
}
