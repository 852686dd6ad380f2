//! Where a program may lie, and what is relative in it.

use super::{ROOT, SERVICE, Scene, fine};
use crate::support::skip;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory in memory; it goes away with its owner.
struct Memory(PathBuf);

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Of `/dev`, only what is a stream has nothing beside it.
#[test]
fn a_program_below_dev_shm_finds_what_lies_beside_it() {
    let memory = Memory(Path::new("/dev/shm").join(format!("punix-it-{}", std::process::id())));
    if fs::create_dir(&memory.0).is_err() {
        return skip("no `/dev/shm` to write to");
    }
    let beside = "{ path = \"/etc/web/b.conf\"  source = \"beside.conf\" }";
    let program = SERVICE.replace("configFiles = [", &format!("configFiles = [ {beside},"));
    assert_ne!(program, SERVICE);
    for (name, text) in [("p.pcl", program.as_str()), ("beside.conf", "beside\n"), ("src/tool", "#!/bin/sh\n")] {
        let path = memory.0.join(name);
        fs::create_dir_all(path.parent().expect("it has one")).unwrap();
        fs::write(path, text).unwrap();
    }
    let scene = Scene::of("module Other { }\n");
    let file = memory.0.join("p.pcl").display().to_string();
    let words = ["service", "deploy", "Web", "--dry-run", "--file", file.as_str()];
    // A rehearsal says which sources of packages it misses.
    let outcome = fine(scene.punix(words.iter().chain(&ROOT)));
    assert_eq!(outcome.stderr, "", "{outcome:?}");
    assert_eq!(scene.read("host/etc/web/b.conf"), "beside\n");
}
