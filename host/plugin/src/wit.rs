//! The interfaces as text, as they stand in `wit/`: what modules without descriptions of their interfaces are packed with,
//! and what new projects are given.

use wit_parser::{PackageId, Resolve, SourceMap};

/// A file of the interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WitFile {
    /// Its directory below `wit/`, one for each package.
    pub package: &'static str,
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! wit {
    ($($package:literal $name:literal;)*) => {
        /// Every file, packages before those that use them.
        pub const WIT: &[WitFile] = &[$(WitFile {
            package: $package,
            name: $name,
            text: include_str!(concat!("../../../wit/", $package, "/", $name)),
        }),*];
    };
}

wit! {
    "base" "meta.wit";
    "base" "types.wit";
    "cap" "blobs.wit";
    "cap" "clock.wit";
    "cap" "env.wit";
    "cap" "files.wit";
    "cap" "here.wit";
    "cap" "http.wit";
    "cap" "log.wit";
    "cap" "pipes.wit";
    "cap" "secrets.wit";
    "cap" "spawn.wit";
    "cap" "ssh.wit";
    "backend" "backend.wit";
    "resolver" "resolver.wit";
    "transport" "transport.wit";
}

/// Reads all of it.
pub(crate) fn resolved() -> (Resolve, Vec<PackageId>) {
    let mut resolve = Resolve::default();
    let mut packages = Vec::new();
    for files in WIT.chunk_by(|a, b| a.package == b.package) {
        let mut sources = SourceMap::default();
        for file in files {
            sources.push_str(&format!("{}/{}", file.package, file.name), file.text);
        }
        let group = sources.parse().map_err(|(_, error)| error).expect("a test reads every file of the interfaces");
        packages.push(resolve.push_group(group).expect("packages stand before those that use them"));
    }
    (resolve, packages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::World;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_file_of_the_interfaces_is_listed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let mut found = BTreeSet::new();
        for package in fs::read_dir(root).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
            for file in fs::read_dir(package.path()).unwrap().map(Result::unwrap) {
                let text = |name: std::ffi::OsString| name.into_string().unwrap();
                if file.path().extension().is_some_and(|end| end == "wit") {
                    found.insert((text(package.file_name()), text(file.file_name())));
                }
            }
        }
        let listed: BTreeSet<_> = WIT.iter().map(|file| (file.package.to_owned(), file.name.to_owned())).collect();
        assert_eq!(listed, found, "the list in wit.rs and the directory wit/ differ");
    }

    #[test]
    fn the_text_has_every_world() {
        let (resolve, packages) = resolved();
        for world in World::ALL {
            resolve.select_world(&packages, Some(world.as_str())).unwrap();
        }
    }
}
