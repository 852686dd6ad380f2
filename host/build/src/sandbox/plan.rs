//! From what a job wants to be seen to the steps that show it. Everything is decided here, outside, with a look at the
//! disk; the helper only obeys.

use super::decode::{Reader, Writer};
use super::{Access, Job, Limits};
use crate::limits::SHARED_MEMORY_BYTES_MAX;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The devices that are seen inside: those that hold nothing and lead nowhere.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// The memory that processes share by name.
const MEMORY: &str = "/dev/shm";
const LINKS: [(&str, &str); 4] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];

/// Why a job is not one.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("a job has no program, or not by an absolute path")]
    Program,
    #[error("`{}` cannot be a place inside: it is not absolute, or not plain, or taken", .inside.display())]
    Inside { inside: PathBuf },
    #[error("two things are to be seen at `{}`", .inside.display())]
    Twice { inside: PathBuf },
    #[error("nothing can be shown at `{}`: `{}` is a link", .inside.display(), .link.display())]
    BelowLink { inside: PathBuf, link: PathBuf },
    #[error(
        "nothing can be shown at `{}`: there is no such place in `{}`, which is read-only",
        .inside.display(), .within.display()
    )]
    NoPlace { inside: PathBuf, within: PathBuf },
    #[error("`{}` cannot be shown: {error}", .outside.display())]
    Outside { outside: PathBuf, error: io::Error },
}

/// One thing that the helper does, in the order of the plan. Paths are as they will be inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Makes a directory, unless it is there.
    Directory {
        inside: PathBuf,
    },
    /// Makes an empty file, unless it is there.
    File {
        inside: PathBuf,
    },
    Link {
        inside: PathBuf,
        target: PathBuf,
    },
    /// Mounts an empty file system in memory. It can be written to until it is sealed.
    Memory {
        inside: PathBuf,
        mode: u32,
        bytes: u64,
    },
    Seal {
        inside: PathBuf,
    },
    /// Mounts the file system of the own processes, read-only.
    Processes {
        inside: PathBuf,
    },
    Show {
        outside: PathBuf,
        inside: PathBuf,
        access: Access,
    },
    /// Shows a device of the host: it can be read from and written to, but not changed itself.
    Device {
        outside: PathBuf,
        inside: PathBuf,
    },
}

impl Step {
    pub(super) fn encode(&self, writer: &mut Writer) {
        let path = |writer: &mut Writer, path: &Path| writer.bytes(path.as_os_str().as_bytes());
        let (kind, first) = match self {
            Step::Directory { inside } => (0, inside),
            Step::File { inside } => (1, inside),
            Step::Link { inside, .. } => (2, inside),
            Step::Memory { inside, .. } => (3, inside),
            Step::Seal { inside } => (4, inside),
            Step::Processes { inside } => (5, inside),
            Step::Show { inside, .. } => (6, inside),
            Step::Device { inside, .. } => (7, inside),
        };
        writer.kind(kind);
        path(writer, first);
        match self {
            Step::Directory { .. } | Step::File { .. } | Step::Seal { .. } | Step::Processes { .. } => {}
            Step::Link { target, .. } => path(writer, target),
            Step::Memory { mode, bytes, .. } => {
                writer.number(u64::from(*mode));
                writer.number(*bytes);
            }
            Step::Show { outside, access, .. } => {
                path(writer, outside);
                writer.flag(*access == Access::Write);
            }
            Step::Device { outside, .. } => path(writer, outside),
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> io::Result<Step> {
        let (kind, inside) = (reader.kind()?, reader.path()?);
        Ok(match kind {
            0 => Step::Directory { inside },
            1 => Step::File { inside },
            2 => Step::Link { inside, target: reader.path()? },
            3 => Step::Memory {
                inside,
                mode: u32::try_from(reader.number()?).unwrap_or_default(),
                bytes: reader.number()?,
            },
            4 => Step::Seal { inside },
            5 => Step::Processes { inside },
            6 => {
                let outside = reader.path()?;
                Step::Show { outside, inside, access: if reader.flag()? { Access::Write } else { Access::Read } }
            }
            7 => Step::Device { outside: reader.path()?, inside },
            _ => return Err(io::Error::new(ErrorKind::InvalidData, "a sandbox's order holds an unknown step")),
        })
    }
}

/// Decides how all that a job wants to be seen is shown.
pub(super) fn plan(job: &Job) -> Result<Vec<Step>, PlanError> {
    if !job.argv.first().is_some_and(|program| Path::new(program).is_absolute()) {
        return Err(PlanError::Program);
    }
    if !is_plain(&job.directory) {
        return Err(PlanError::Inside { inside: job.directory.clone() });
    }
    let mut shown = shown(job)?;
    for cover in covers(&shown)? {
        // What covers something is a place of its own from now on, so that what is below it finds it first.
        shown.insert(cover, Shown::Cover);
    }
    let mut made = HashSet::new();
    let mut steps = start(job.limits);
    for (inside, what) in &shown {
        show(inside, what, &shown, &mut made, &mut steps)?;
    }
    let sealed = shown.iter().filter(|(_, what)| matches!(what, Shown::Cover));
    steps.extend(sealed.map(|(inside, _)| Step::Seal { inside: inside.clone() }));
    steps.push(Step::Seal { inside: PathBuf::from("/") });
    Ok(steps)
}

/// Returns the steps to a root in which there is nothing.
pub(super) fn bare_root(limits: Limits) -> Vec<Step> {
    let mut steps = start(limits);
    steps.push(Step::Seal { inside: PathBuf::from("/") });
    steps
}

/// What is at one place inside.
#[derive(Debug)]
enum Shown {
    Bind {
        outside: PathBuf,
        access: Access,
        directory: bool,
    },
    Link {
        target: PathBuf,
    },
    /// A file system in memory that hides the rest of a directory.
    Cover,
}

type Places = BTreeMap<PathBuf, Shown>;

/// Returns what every root has. The processes' file system comes first: later steps need to read in it.
fn start(limits: Limits) -> Vec<Step> {
    let directory = |inside: &str| Step::Directory { inside: inside.into() };
    let mut steps = vec![
        Step::Memory { inside: "/".into(), mode: 0o755, bytes: 0 },
        directory("/proc"),
        Step::Processes { inside: "/proc".into() },
        directory("/dev"),
        directory(MEMORY),
        Step::Memory { inside: MEMORY.into(), mode: 0o1777, bytes: limits.memory_bytes.min(SHARED_MEMORY_BYTES_MAX) },
    ];
    for name in DEVICES {
        let path = Path::new("/dev").join(name);
        steps.push(Step::File { inside: path.clone() });
        steps.push(Step::Device { outside: path.clone(), inside: path });
    }
    let links = LINKS.iter().map(|(inside, target)| Step::Link { inside: inside.into(), target: target.into() });
    steps.extend(links);
    steps
}

/// Looks at everything that is to be seen.
fn shown(job: &Job) -> Result<Places, PlanError> {
    let temporary = (Path::new("/tmp"), job.temporary.as_path(), Access::Write);
    let binds = job.binds.iter().map(|bind| (bind.inside.as_path(), bind.outside.as_path(), bind.access));
    let wanted: Vec<_> = binds.chain([temporary]).collect();
    let insides: HashSet<&Path> = wanted.iter().map(|(inside, ..)| *inside).collect();
    let mut places = Places::new();
    for (inside, outside, access) in wanted {
        if is_taken(inside) || !is_plain(inside) {
            return Err(PlanError::Inside { inside: inside.to_owned() });
        }
        let what = look(inside, outside, access, &insides)?;
        if places.insert(inside.to_owned(), what).is_some() {
            return Err(PlanError::Twice { inside: inside.to_owned() });
        }
    }
    Ok(places)
}

fn look(inside: &Path, outside: &Path, access: Access, insides: &HashSet<&Path>) -> Result<Shown, PlanError> {
    let failed = |error| PlanError::Outside { outside: outside.to_owned(), error };
    let metadata = fs::symlink_metadata(outside).map_err(failed)?;
    if metadata.is_symlink() {
        let target = fs::read_link(outside).map_err(failed)?;
        let leads_to = normal(&inside.parent().unwrap_or(inside).join(&target));
        if leads_to != inside && leads_to.ancestors().any(|place| insides.contains(place)) {
            return Ok(Shown::Link { target });
        }
    }
    let directory = if metadata.is_symlink() { fs::metadata(outside).map_err(failed)? } else { metadata }.is_dir();
    Ok(Shown::Bind { outside: outside.to_owned(), access, directory })
}

/// Finds the directories of shown trees in which something of its own is to be seen: of a read-only tree the one that is
/// there, of another one that which would have to be made. Places in memory cost nothing, and what is hidden by them is
/// nobody's. One below another is left out.
fn covers(shown: &Places) -> Result<Vec<PathBuf>, PlanError> {
    let mut covers: Vec<PathBuf> = Vec::new();
    for inside in shown.keys() {
        if covers.last().is_some_and(|cover| inside.starts_with(cover)) {
            continue;
        }
        let Some((top, Shown::Bind { outside, access, .. })) = enclosing(inside, shown) else {
            continue;
        };
        let way = walk(inside, outside, inside.strip_prefix(top).unwrap_or(inside))?;
        let found = match access {
            // Directly in the tree there is none. To hide all the rest of it cannot be meant.
            Access::Read => way.deepest,
            Access::Write => way.missing.into_iter().next(),
        };
        let Some(found) = found else { continue };
        let cover = top.join(found);
        // In the order of the paths, what is below this one can have come first.
        covers.retain(|other| !other.starts_with(&cover));
        covers.push(cover);
    }
    Ok(covers)
}

/// What is on the way to a place in a tree outside.
struct Way {
    /// The deepest directory that exists above the place and below the top, relative to the top.
    deepest: Option<PathBuf>,
    /// The directories that do not exist, relative to the top.
    missing: Vec<PathBuf>,
    /// Whether there is something at the place itself.
    exists: bool,
}

/// Follows a path in a tree. A link on the way would lead the helper to another place than it leads to inside.
fn walk(inside: &Path, outside: &Path, relative: &Path) -> Result<Way, PlanError> {
    let mut way = Way { deepest: None, missing: Vec::new(), exists: false };
    let mut so_far = PathBuf::new();
    let mut parts = relative.components().peekable();
    while let Some(part) = parts.next() {
        so_far.push(part);
        let is_last = parts.peek().is_none();
        let place = outside.join(&so_far);
        match fs::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_symlink() => {
                return Err(PlanError::BelowLink { inside: inside.to_owned(), link: place });
            }
            Ok(_) if is_last => way.exists = true,
            Ok(_) => way.deepest = Some(so_far.clone()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if !is_last {
                    way.missing.push(so_far.clone());
                }
            }
            Err(error) => return Err(PlanError::Outside { outside: place, error }),
        }
    }
    Ok(way)
}

/// Adds the steps that show one thing.
fn show(
    inside: &Path,
    what: &Shown,
    shown: &Places,
    made: &mut HashSet<PathBuf>,
    steps: &mut Vec<Step>,
) -> Result<(), PlanError> {
    let place = match what {
        Shown::Bind { directory: false, .. } => Some(Step::File { inside: inside.to_owned() }),
        Shown::Bind { directory: true, .. } | Shown::Cover => Some(Step::Directory { inside: inside.to_owned() }),
        Shown::Link { .. } => None,
    };
    match enclosing(inside, shown) {
        None | Some((_, Shown::Cover)) => {
            let parents: Vec<&Path> =
                inside.ancestors().skip(1).take_while(|place| made.insert(place.to_path_buf())).collect();
            steps.extend(parents.iter().rev().map(|place| Step::Directory { inside: place.to_path_buf() }));
            steps.extend(place);
        }
        Some((top, Shown::Link { .. })) => {
            return Err(PlanError::BelowLink { inside: inside.to_owned(), link: top.to_owned() });
        }
        Some((top, Shown::Bind { outside, access, .. })) => {
            let way = walk(inside, outside, inside.strip_prefix(top).unwrap_or(inside))?;
            match access {
                Access::Read if !way.exists => {
                    return Err(PlanError::NoPlace { inside: inside.to_owned(), within: top.to_owned() });
                }
                Access::Read => {}
                Access::Write => {
                    steps.extend(way.missing.iter().map(|place| Step::Directory { inside: top.join(place) }));
                    steps.extend(place);
                }
            }
        }
    }
    match what {
        Shown::Bind { outside, access, .. } => {
            steps.push(Step::Show { outside: outside.clone(), inside: inside.to_owned(), access: *access });
        }
        Shown::Link { target } => steps.push(Step::Link { inside: inside.to_owned(), target: target.clone() }),
        Shown::Cover => {
            made.insert(inside.to_owned());
            steps.push(Step::Memory { inside: inside.to_owned(), mode: 0o755, bytes: 0 });
        }
    }
    Ok(())
}

/// Finds what a place is in, if it is in something that is shown.
fn enclosing<'s>(inside: &Path, shown: &'s Places) -> Option<(&'s Path, &'s Shown)> {
    inside.ancestors().skip(1).find_map(|place| shown.get_key_value(place)).map(|(place, what)| (place.as_path(), what))
}

/// Tells whether there is something else at a place in every root. What a store in memory holds lies where the memory
/// inside is, too.
fn is_taken(inside: &Path) -> bool {
    let is_in_memory = inside.starts_with(MEMORY) && inside != Path::new(MEMORY);
    inside == Path::new("/") || inside.starts_with("/proc") || (inside.starts_with("/dev") && !is_in_memory)
}

/// Tells whether a path is absolute and written in the one way in which it is compared.
fn is_plain(path: &Path) -> bool {
    path.is_absolute() && normal(path).as_os_str() == path.as_os_str()
}

/// Takes `.` and `..` out of an absolute path, without looking at the disk.
fn normal(path: &Path) -> PathBuf {
    let mut parts: Vec<OsString> = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_owned()),
            Component::ParentDir => {
                parts.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Path::new("/").join(parts.iter().collect::<PathBuf>())
}

#[cfg(test)]
mod tests;
