//! What is asked for and not done here, and would be missed if it were passed over: `--recipe-pins`, for programs of the
//! reference that rendered configuration. Here plugins do that, and these are chosen otherwise.

use super::Stopped;
use super::settings::place;
use crate::args::service::Making;
use crate::ui::shown;
use punix_diag::{Code, Diagnostic, visible};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use toml_edit::{Document, Key, TomlError};

/// Bytes of such a file.
const PINS_BYTES_MAX: u64 = 1 << 20;

/// What such a file is made of.
const RECIPES: &str = "recipes";

/// Refuses what is not done. A file of pins that pins nothing asks for nothing.
pub(super) fn check(making: &Making) -> Result<(), Stopped> {
    let Some(path) = &making.recipe_pins else { return Ok(()) };
    let name = shown(path);
    let cannot = |error: std::io::Error| wrong(format!("`{name}` cannot be read: {error}"));
    let mut text = String::new();
    File::open(path).map_err(cannot)?.take(PINS_BYTES_MAX).read_to_string(&mut text).map_err(cannot)?;
    let names: Vec<String> = pinned(&name, &text)?.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return Ok(());
    }
    let message = format!("`{name}` pins {}, which this program does not run", names.join(", "));
    Err(Diagnostic::error(Code::E26, message)
        .help("`punix plugin add` chooses plugins, and pins them in punix.lock")
        .into())
}

/// Reads what is pinned. Whatever else there is would be believed to do something.
fn pinned(name: &str, text: &str) -> Result<Vec<String>, Stopped> {
    let refused = |span: Option<Range<usize>>, what: String| {
        let (line, column) = place(text, span.map_or(0, |span| span.start));
        let mut message = format!("{name}:{line}:{column}: ");
        visible(&what, &mut message);
        wrong(message)
    };
    let read: Result<Document<&str>, TomlError> = Document::parse(text);
    let document = read.map_err(|error| refused(error.span(), format!("it is no TOML: {}", error.message())))?;
    let mut names = Vec::new();
    for (key, item) in document.iter() {
        let span = document.key(key).and_then(Key::span);
        if key != RECIPES {
            return Err(refused(span, format!("a file of pins has no `{key}`, there is `{RECIPES}` alone")));
        }
        let table = item.as_table_like().ok_or_else(|| refused(span, format!("`{RECIPES}` is not a table")))?;
        names.extend(table.iter().map(|(name, _)| name.to_owned()));
    }
    Ok(names)
}

fn wrong(message: String) -> Stopped {
    Diagnostic::error(Code::E26, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_pins_has_pins_alone() {
        let names = |text: &str| pinned("pins.toml", text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!((names(""), names("# none\n[recipes]\n")), (Vec::new(), Vec::new()));
        assert_eq!(names("[recipes.\"site.x\"]\npath = \"r\"\n[recipes.b]\n"), ["site.x", "b"]);
        for (text, expected) in [
            ("[recipes]\n\n  other = 1\n", None),
            ("[recipes]\n[other]\n", Some("pins.toml:2:2: a file of pins has no `other`, there is `recipes` alone")),
            ("\nrecipe = {}\n", Some("pins.toml:2:1: a file of pins has no `recipe`, there is `recipes` alone")),
            ("recipes = 1\n", Some("pins.toml:1:1: `recipes` is not a table")),
        ] {
            let found = pinned("pins.toml", text).err().map(|stopped| stopped.into_diagnostics());
            assert_eq!(found.as_ref().map(|found| found[0].message.as_str()), expected, "{text}");
        }
        let found = pinned("pins.toml", "a = [\n").err().unwrap().into_diagnostics();
        assert!(found[0].message.starts_with("pins.toml:1:6: it is no TOML: "), "{}", found[0].message);
    }
}
