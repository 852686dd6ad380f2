//! Whether anybody in a fleet declares the scenario that was named. A host whose program does not is evaluated without one, so
//! a name that nobody declares has to be found here: no host would miss it.

use super::super::Stopped;
use super::super::words::seen;
use super::crew::Crew;
use super::running::each;
use crate::load::load;
use crate::machine::processors;
use punix_diag::{Code, Diagnostic, closest};
use punix_pcl::{BlockKind, parse};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How many names are told.
const NAMES_MAX: usize = 12;

/// The scenarios of a fleet.
#[derive(Debug, Default)]
struct Declared {
    names: BTreeSet<String>,
    /// Files of which a part is not known, so that they may declare more.
    unread: Vec<String>,
}

/// Refuses a scenario that neither the fleet nor the program of a host declares, be the host meant or not.
pub(super) fn is_somebodys(crew: &Crew, name: &str) -> Result<(), Stopped> {
    let declared = declared(crew);
    match declared.names.contains(name) {
        true => Ok(()),
        false => Err(unknown(name, &declared).into()),
    }
}

fn declared(crew: &Crew) -> Declared {
    let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
    for place in 0..crew.len() {
        // A path that is absolute fails its host.
        let files = crew.host(place).files.iter().filter(|file| !Path::new(file).is_absolute());
        paths.extend(files.map(|file| crew.base.join(file)));
    }
    let paths: Vec<PathBuf> = paths.into_iter().collect();
    let mut all = Declared { names: crew.scenarios.iter().cloned().collect(), unread: Vec::new() };
    for one in each(&paths, processors(), |path| of(path)) {
        all.names.extend(one.names);
        all.unread.extend(one.unread);
    }
    all
}

fn of(path: &Path) -> Declared {
    let unread = || vec![seen(&path.to_string_lossy())];
    let Ok(texts) = load(path) else { return Declared { names: BTreeSet::new(), unread: unread() } };
    let (ast, _) = parse(texts);
    let blocks = ast.blocks.iter().filter(|block| block.kind == BlockKind::Scenario);
    let names = blocks.map(|block| ast.text(block.name).to_owned()).collect();
    Declared { names, unread: if ast.damaged { unread() } else { Vec::new() } }
}

fn unknown(name: &str, declared: &Declared) -> Diagnostic {
    let message = format!("there is no scenario `{}`: no program of the fleet declares it", seen(name));
    let mut error = Diagnostic::error(Code::E2, message);
    for path in declared.unread.iter().take(NAMES_MAX) {
        error = error.note(format!("`{path}` cannot be read whole, and may declare more"));
    }
    let names: Vec<&str> = declared.names.iter().map(String::as_str).collect();
    if names.is_empty() {
        return error.help("no program of the fleet declares a scenario: leave `--scenario` out");
    }
    let error = error.note(format!("the fleet has: {}", listed(&names)));
    match closest(name, names.iter().copied()) {
        Some((near, _)) => error.help(format!("did you mean `{near}`?")),
        None => error.help("name one of these, or leave `--scenario` out"),
    }
}

fn listed(names: &[&str]) -> String {
    let mut told: Vec<String> = names.iter().take(NAMES_MAX).map(|name| format!("`{name}`")).collect();
    if names.len() > NAMES_MAX {
        told.push(format!("and {} more", names.len() - NAMES_MAX));
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(names: &[&str], unread: &[&str]) -> (Vec<String>, Option<String>) {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
        let declared = Declared { names: owned(names).into_iter().collect(), unread: owned(unread) };
        let error = unknown("prod", &declared);
        (error.notes.into_iter().map(|note| note.message).collect(), error.help)
    }

    #[test]
    fn who_names_none_hears_which_there_are() {
        let help = |text: &str| Some(text.to_owned());
        let has = |text: &str| vec![text.to_owned()];
        assert_eq!(
            told(&["staging", "prd"], &[]),
            (has("the fleet has: `prd`, `staging`"), help("did you mean `prd`?"))
        );
        let others = help("name one of these, or leave `--scenario` out");
        assert_eq!(told(&["laptop"], &[]), (has("the fleet has: `laptop`"), others));
        let none = help("no program of the fleet declares a scenario: leave `--scenario` out");
        assert_eq!(told(&[], &["a.pcl"]), (has("`a.pcl` cannot be read whole, and may declare more"), none));
        let many: Vec<String> = (10..30).map(|number| format!("s{number}")).collect();
        let (notes, _) = told(&many.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        assert!(notes.concat().ends_with("`s21`, and 8 more"), "{notes:?}");
    }
}
