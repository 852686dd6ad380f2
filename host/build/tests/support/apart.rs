//! Runs a script as a build does: in the sandbox, with the environment of a build. Only the paths are those of outside, so
//! that two places differ in them, too.

use super::{Job, Place, SYSTEM_PATH};
use punix_build::sandbox::{self, Access, Bind, Ending, Isolation, Limits, Network};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What of the machine recipes need.
const SYSTEM: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache"];

/// Runs a script in `work` that fills `output`; returns the log if it fails.
pub(crate) fn run(place: &Place, job: &Job<'_>, work: &Path, output: &Path, script: &str) -> Result<(), String> {
    let path = work.join("script.sh");
    fs::write(&path, format!("umask {}\n{script}", place.umask)).unwrap();
    let bind = |path: &Path, access| Bind { outside: path.to_owned(), inside: path.to_owned(), access };
    let system = SYSTEM.iter().map(Path::new).filter(|path| path.exists());
    let mut binds: Vec<Bind> = system.map(|path| bind(path, Access::Read)).collect();
    binds.extend([bind(work, Access::Write), bind(output, Access::Write)]);
    binds.extend(job.dependencies.iter().map(|name| bind(&place.entry(name), Access::Read)));
    let job = sandbox::Job {
        argv: vec!["/bin/bash".into(), path.into()],
        environment: environment(place, job, work, output),
        directory: work.join("source"),
        binds,
        temporary: work.join("tmp"),
        network: Network::None,
        limits: Limits {
            wall: Duration::from_secs(300),
            memory_bytes: 8 << 30,
            processes: 1_000,
            open_files: 10_000,
            file_bytes: 1 << 30,
        },
    };
    let isolation = Isolation::Namespaces { helper: PathBuf::from(env!("CARGO_BIN_EXE_punix-build")) };
    let mut log = Vec::new();
    let ending = sandbox::run(&isolation, &job, &mut |bytes| log.extend_from_slice(bytes), &AtomicBool::new(false));
    match ending.unwrap() {
        Ending::Success => Ok(()),
        _ => Err(String::from_utf8_lossy(&log).into_owned()),
    }
}

fn environment(place: &Place, job: &Job<'_>, work: &Path, output: &Path) -> BTreeMap<OsString, OsString> {
    let mut environment: BTreeMap<OsString, OsString> = BTreeMap::new();
    let mut set = |name: &str, value: &Path| drop(environment.insert(name.into(), value.into()));
    let mut search: Vec<String> = Vec::new();
    for (index, name) in job.dependencies.iter().enumerate() {
        let entry = place.entry(name);
        search.push(entry.join("bin").display().to_string());
        set(&format!("DEP_{index}"), &entry);
        set(&format!("DEP_{index}_NAME"), Path::new(name));
    }
    search.push(SYSTEM_PATH.to_owned());
    set("PATH", Path::new(&search.join(":")));
    for name in ["TMPDIR", "TMP", "TEMP"] {
        set(name, &work.join("tmp"));
    }
    for (name, path) in [("HOME", work.join("home")), ("SOURCE", work.join("source"))] {
        set(name, &path);
    }
    for name in ["OUTPUT", "FINAL_STORE_PATH"] {
        set(name, output);
    }
    let plain = [
        ("PUNIX_ARCH", "x86_64-linux"),
        ("NIX_BUILD_CORES", place.cores),
        ("MAKEFLAGS", if place.cores == "1" { "-j1" } else { "-j2" }),
        ("USER", "builder"),
        ("LOGNAME", "builder"),
        ("SHELL", "/bin/bash"),
        ("TERM", "dumb"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("SOURCE_DATE_EPOCH", "315532800"),
    ];
    plain.into_iter().for_each(|(name, value)| set(name, Path::new(value)));
    environment
}
