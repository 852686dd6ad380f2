//! What the tests of recipes share: places to build in, and what to look at afterwards.

mod apart;

pub(crate) use apart::run;

use punix_build::recipe::{Context, Dependency, Issue, PatchFile, ScriptError, find};
use punix_store::{Record, StoreName, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The system's own tools, as a build finds them.
pub(crate) const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Two places with stores at different paths, for users with different habits. Removed with all that is in them.
pub(crate) struct Places {
    top: PathBuf,
    pub(crate) places: [Place; 2],
}

/// A store and a directory to work in.
pub(crate) struct Place {
    pub(crate) store: PathBuf,
    pub(crate) work: PathBuf,
    pub(crate) umask: &'static str,
    pub(crate) cores: &'static str,
}

/// Something to build.
pub(crate) struct Job<'a> {
    pub(crate) recipe: &'a str,
    pub(crate) name: &'a str,
    pub(crate) arguments: Record,
    /// Paths and contents; what begins with `#!` can be run.
    pub(crate) source: &'a [(&'a str, &'a str)],
    pub(crate) patches: &'a [(&'a str, u32)],
    pub(crate) dependencies: &'a [&'a str],
    /// Prepares the source further, for what is not text.
    pub(crate) prepare: Option<&'a str>,
}

impl<'a> Job<'a> {
    pub(crate) fn new(recipe: &'a str, arguments: &[(&str, Value)], source: &'a [(&'a str, &'a str)]) -> Job<'a> {
        let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Job { recipe, name: "sample", arguments, source, patches: &[], dependencies: &[], prepare: None }
    }
}

impl Places {
    pub(crate) fn new() -> Places {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary = fs::canonicalize(std::env::temp_dir()).unwrap();
        let top = temporary.join(format!("punix-recipes-{}-{number}", std::process::id()));
        let place = |name: &str, umask, cores| {
            let place = Place { store: top.join(name).join("store"), work: top.join(name).join("work"), umask, cores };
            fs::create_dir_all(&place.store).unwrap();
            fs::create_dir_all(&place.work).unwrap();
            place
        };
        let places = [place("a", "022", "2"), place("another/and-longer", "077", "1")];
        Places { top, places }
    }

    /// Builds in both places and sees to it that the same comes out.
    pub(crate) fn build(&self, job: &Job<'_>) -> PathBuf {
        let [first, second] = self.places.each_ref().map(|place| match place.build(job) {
            Ok(output) => output,
            Err(log) => panic!("{} for {}: {log}", job.recipe, job.name),
        });
        let (one, other) = (tree(&first), tree(&second));
        let names: BTreeSet<&PathBuf> = one.keys().chain(other.keys()).collect();
        let differing: Vec<_> = names.into_iter().filter(|name| one.get(*name) != other.get(*name)).collect();
        assert!(differing.is_empty(), "{} for {} makes {differing:?} differently", job.recipe, job.name);
        first
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        // Go makes its module directories read-only.
        let _ = Command::new("chmod").arg("-R").arg("u+w").arg(&self.top).output();
        let _ = fs::remove_dir_all(&self.top);
    }
}

impl Place {
    pub(crate) fn entry(&self, name: &str) -> PathBuf {
        let digits = name.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        self.store.join(format!("{digits:0<32.32}-{name}-1.0"))
    }

    /// Writes a script, and says what is wrong with the job if there cannot be one.
    pub(crate) fn script(&self, job: &Job<'_>, patches: &[PatchFile]) -> Result<String, Vec<Issue>> {
        let dependencies: Vec<Dependency> = job
            .dependencies
            .iter()
            .map(|name| Dependency { name: (*name).to_owned(), path: self.entry(name) })
            .collect();
        let closure: Vec<PathBuf> = dependencies.iter().map(|dependency| dependency.path.clone()).collect();
        let context = Context {
            package: job.name,
            version: "1.0",
            arguments: &job.arguments,
            dependencies: &dependencies,
            closure: &closure,
            entry_path: &|name: &StoreName| self.store.join(name),
            patches,
        };
        match find(job.recipe).unwrap().script(&context) {
            Ok(script) => Ok(script),
            Err(ScriptError::Arguments { issues }) => Err(issues),
            Err(error) => panic!("{error}"),
        }
    }

    /// Builds, and returns the output or the log.
    pub(crate) fn build(&self, job: &Job<'_>) -> Result<PathBuf, String> {
        let (work, output) = (self.work.join(job.name), self.entry(job.name));
        for directory in [&work, &work.join("source"), &work.join("tmp"), &work.join("home"), &output] {
            fs::create_dir(directory).unwrap();
        }
        for (path, content) in job.source {
            plant(&work.join("source").join(path), content);
        }
        if let Some(command) = job.prepare {
            let done = Command::new("sh").args(["-euc", command]).current_dir(work.join("source")).output().unwrap();
            assert!(done.status.success(), "{command}: {done:?}");
        }
        let patches = job.patches.iter().enumerate().map(|(index, (content, strip))| {
            let path = work.join(format!("{index}.patch"));
            plant(&path, content);
            PatchFile { path, strip: *strip }
        });
        let patches: Vec<PatchFile> = patches.collect();
        let script = self.script(job, &patches).unwrap_or_else(|issues| panic!("{issues:?}"));
        run(self, job, &work, &output, &script).map(|()| output)
    }
}

pub(crate) fn plant(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    if content.starts_with("#!") {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// What is below a path: modes as the store keeps them, and contents.
pub(crate) fn tree(top: &Path) -> BTreeMap<PathBuf, (&'static str, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(top).unwrap().to_owned();
            let data = fs::symlink_metadata(&path).unwrap();
            if data.is_dir() {
                found.insert(name, ("directory", Vec::new()));
                open.push(path);
            } else if data.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                assert!(target.is_relative(), "{} leads to {}", name.display(), target.display());
                found.insert(name, ("link", target.into_os_string().into_encoded_bytes()));
            } else {
                let kind = if data.permissions().mode() & 0o100 == 0 { "file" } else { "program" };
                found.insert(name, (kind, fs::read(&path).unwrap()));
            }
        }
    }
    found
}

/// Runs what was built, in an empty environment, and returns what it says.
pub(crate) fn say(program: &Path, arguments: &[&str]) -> String {
    let done = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", SYSTEM_PATH)
        .current_dir("/")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(done.status.success(), "{}: {done:?}", program.display());
    String::from_utf8(done.stdout).unwrap()
}

/// Says whether the tools are there; if not, notes that a test is left out.
pub(crate) fn have(tools: &[&str]) -> bool {
    let there = |tool: &str| SYSTEM_PATH.split(':').any(|directory| Path::new(directory).join(tool).exists());
    let missing: Vec<&str> = tools.iter().copied().filter(|tool| !there(tool)).collect();
    if missing.is_empty() {
        return true;
    }
    if let Some(log) = std::env::var_os("PUNIX_SKIP_LOG") {
        let mut log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        writeln!(log, "SKIP: a recipe needs {}", missing.join(" and ")).unwrap();
    }
    false
}

pub(crate) fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|text| Value::text(*text)).collect())
}

pub(crate) fn record(fields: &[(&str, &str)]) -> Value {
    Value::Record(fields.iter().map(|(name, text)| ((*name).to_owned(), Value::text(*text))).collect())
}
