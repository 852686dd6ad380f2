//! Generations: of the stacks below a deployments root, and of a profile. Every one of them keeps what it needs, not
//! only the one that is live: going back to it is a switch, not a build.

use super::{Issue, Pins, RootsError, is_no_stack, metadata, names, record};
use std::cmp::Reverse;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const PREFIX: &str = "gen-";
const PROFILES: &str = "profiles";

/// What is in a directory that should hold generations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Something, be it no generation.
    Something,
    /// No name at all.
    Empty,
    /// Not even what they would be in.
    Nothing { missing: PathBuf },
}

/// Reads `<root>/<stack>/gen-<number>.json` of all stacks. What else lies in the root is passed over.
pub(super) fn deployments(root: &Path, pins: &mut Pins) -> Result<Found, RootsError> {
    let all = names(root)?;
    for stack in all.iter().filter(|name| !is_no_stack(name)) {
        let directory = root.join(stack);
        let read = match metadata(&directory) {
            Ok(found) if found.is_dir() => {
                let of = format!("{} in {}", Path::new(stack).display(), root.display());
                names(&directory).and_then(|all| read_all(&directory, &all, &RECORD, &of, pins))
            }
            Ok(_) => Ok(()),
            Err(issue) => Err(RootsError::Unreadable { path: directory.clone(), issue }),
        };
        match read {
            // Whoever removes a stack or a generation does not need the store's lock: nothing is kept for what is gone.
            Err(_) if is_gone(&directory) => {}
            read => read?,
        }
    }
    Ok(found(&all))
}

/// Reads `<directory>/profiles/gen-<number>/profile.json`.
pub(super) fn profile(directory: &Path, pins: &mut Pins) -> Result<Found, RootsError> {
    let profiles = directory.join(PROFILES);
    match metadata(&profiles) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(RootsError::Unreadable { path: profiles, issue: Issue::NotADirectory }),
        Err(Issue::Missing) => return Ok(Found::Nothing { missing: profiles }),
        Err(issue) => return Err(RootsError::Unreadable { path: profiles, issue }),
    }
    let all = names(&profiles)?;
    read_all(&profiles, &all, &PROFILE, &format!("the profile in {}", directory.display()), pins)?;
    Ok(found(&all))
}

/// How a generation is written down: what stands behind its number, and the file in it if it is a directory.
struct Form {
    suffix: &'static str,
    inside: Option<&'static str>,
}

const RECORD: Form = Form { suffix: ".json", inside: None };
const PROFILE: Form = Form { suffix: "", inside: Some("profile.json") };

/// Reads the records of one stack or profile, the newest first.
fn read_all(directory: &Path, all: &[OsString], form: &Form, of: &str, pins: &mut Pins) -> Result<(), RootsError> {
    let mut generations: Vec<_> = all.iter().filter_map(|name| generation(name, form.suffix)).collect();
    generations.sort_unstable_by_key(|found| Reverse(*found));
    let read = |(_, name): (Number<'_>, &str)| {
        let path = directory.join(name);
        let file = form.inside.map_or_else(|| path.clone(), |inside| path.join(inside));
        match record::read(&file) {
            Ok(entries) => Some(Ok((format!("{} of {of}", name.strip_suffix(form.suffix).unwrap_or(name)), entries))),
            Err(_) if is_gone(&path) => None,
            Err(issue) => Some(Err(RootsError::Unreadable { path: file, issue })),
        }
    };
    pins.add_newest(generations.into_iter().filter_map(read))
}

/// The number of a generation, of any length: how many digits it has without zeros before it, and these. So the order is
/// that of numbers.
type Number<'n> = (usize, &'n str);

fn generation<'n>(name: &'n OsStr, suffix: &str) -> Option<(Number<'n>, &'n str)> {
    let name = name.to_str()?;
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(suffix)?;
    let significant = digits.trim_start_matches('0');
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(((significant.len(), significant), name))
}

/// Returns whether a path that was listed is no longer there; a link that leads nowhere is.
fn is_gone(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn found(names: &[OsString]) -> Found {
    match names.iter().all(|name| name == super::NOBODYS) {
        true => Found::Empty,
        false => Found::Something,
    }
}
