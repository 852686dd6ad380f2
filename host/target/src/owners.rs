//! Users and groups of a target, by its own `/etc/passwd` and `/etc/group`: a name means there what it means there, not
//! here.

use crate::path::TargetPath;
use crate::resolve::Resolver;
use punix_disk::Disk;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
/// Bytes of such a file.
const BYTES_MAX: u64 = 64 << 20;
/// What no user and no group can have: it means "leave it" where owners are set.
const NOBODY_AT_ALL: u32 = u32::MAX;

/// Returns the number of a user.
pub(crate) fn user(disk: &dyn Disk, name: &str) -> io::Result<Option<u32>> {
    find(disk, PASSWD, name)
}

/// Returns the number of a group.
pub(crate) fn group(disk: &dyn Disk, name: &str) -> io::Result<Option<u32>> {
    find(disk, GROUP, name)
}

/// Returns those of some users that are known, with their numbers.
pub(crate) fn users<'n>(
    disk: &dyn Disk,
    names: impl IntoIterator<Item = &'n String>,
) -> io::Result<BTreeMap<String, u32>> {
    find_all(disk, PASSWD, names)
}

/// Returns those of some groups that are known, with their numbers.
pub(crate) fn groups<'n>(
    disk: &dyn Disk,
    names: impl IntoIterator<Item = &'n String>,
) -> io::Result<BTreeMap<String, u32>> {
    find_all(disk, GROUP, names)
}

fn find(disk: &dyn Disk, file: &str, name: &str) -> io::Result<Option<u32>> {
    match number(name) {
        Some(number) => Ok(Some(number)),
        None => Ok(among(&read(disk, file)?, name)),
    }
}

fn find_all<'n>(
    disk: &dyn Disk,
    file: &str,
    names: impl IntoIterator<Item = &'n String>,
) -> io::Result<BTreeMap<String, u32>> {
    let mut text: Option<Vec<u8>> = None;
    let mut found = BTreeMap::new();
    for name in names {
        let id = match (number(name), &text) {
            (Some(number), _) => Some(number),
            (None, Some(text)) => among(text, name),
            (None, None) => among(text.insert(read(disk, file)?), name),
        };
        found.extend(id.map(|id| (name.clone(), id)));
    }
    Ok(found)
}

/// Reads a number that stands where a name could.
fn number(name: &str) -> Option<u32> {
    let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    name.parse().ok().filter(|number| digits && *number != NOBODY_AT_ALL)
}

/// Finds `name:…:number:…`.
fn among(text: &[u8], name: &str) -> Option<u32> {
    let line = text.split(|byte| *byte == b'\n').find(|line| {
        line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b":")) && !name.contains(':')
    })?;
    number(str::from_utf8(line.split(|byte| *byte == b':').nth(2)?).ok()?)
}

/// Reads such a file; where there is none, nobody is known.
fn read(disk: &dyn Disk, file: &str) -> io::Result<Vec<u8>> {
    let path = TargetPath::parse(file).map_err(io::Error::other)?;
    let Ok(real) = Resolver::new(disk).real(&path) else { return Ok(Vec::new()) };
    match disk.read(real.on_disk(), BYTES_MAX) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use punix_disk::SimulatedDisk;
    use std::path::Path;

    #[test]
    fn names_are_looked_up_where_the_files_will_be() {
        let disk = SimulatedDisk::new();
        assert_eq!(user(&disk, "app").unwrap(), None);
        disk.create_directory(Path::new("etc"), 0o755).unwrap();
        let write = |path: &str, text: &[u8]| {
            disk.create(Path::new(path), 0o644).unwrap().write_all(text).unwrap();
        };
        write(
            "etc/passwd",
            b"root:x:0:0::/root:/bin/sh\n\xff\napp2:x:7:7::/:/\napp:x:104:105:App:/srv:/bin/false\nodd:x\n",
        );
        write("etc/group", b"root:x:0:\napp:x:105:a,b");
        assert_eq!((user(&disk, "app").unwrap(), group(&disk, "app").unwrap()), (Some(104), Some(105)));
        assert_eq!((user(&disk, "root").unwrap(), user(&disk, "1000").unwrap()), (Some(0), Some(1000)));
        for unknown in ["nobody", "ap", "", "odd", "app:x", "4294967295", "99999999999", "+1"] {
            assert_eq!(user(&disk, unknown).unwrap(), None, "{unknown}");
        }
        let asked = ["app", "gone", "12"].map(str::to_owned);
        let found = BTreeMap::from([("12".to_owned(), 12), ("app".to_owned(), 104)]);
        assert_eq!(users(&disk, &asked).unwrap(), found);
        assert_eq!(groups(&disk, &asked).unwrap().len(), 2);
    }
}
