//! A folder with a home, a store and a program, and what the tests here ask of it. Nothing of it, and nobody who works in
//! it, may outlive its test.

use crate::support::{Folder, Outcome, punix, run, skip};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Everything that is waited for has to come within this time, on a busy machine too.
const DEADLINE: Duration = Duration::from_secs(40);
pub(super) const PAUSE: Duration = Duration::from_millis(5);

/// What a build runs that is to go on until [`Place::go`] or a signal: it says that it began, and it wants no end.
pub(super) const WAIT: &str = "trap '' TERM INT HUP; touch $TMPDIR/begun; until [ -e $TMPDIR/go ]; do sleep 0.02; done";

/// Two packages of which one needs the other.
pub(super) const CHAIN: [(&str, &str, &str); 2] = [
    ("Base", "", "mkdir -p $OUTPUT/bin; echo base > $OUTPUT/base; ln -s ../base $OUTPUT/bin/base"),
    ("Top", "Base", "cat $DEP_0/base > $OUTPUT/top; echo made"),
];

/// The folder of one test.
pub(super) struct Place {
    folder: Folder,
}

impl Place {
    /// Returns a place with `p.pcl`, a program of these packages: module, what it needs, command.
    pub(super) fn with(packages: &[(&str, &str, &str)]) -> Place {
        let place = Place { folder: Folder::new() };
        place.write("p.pcl", program(packages));
        fs::create_dir(place.path("home")).expect("the folder is new");
        place
    }

    pub(super) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        self.folder.write(name, text);
    }

    /// Returns a path in the folder, without links on the way.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("the folder is there").join(name)
    }

    /// Prepares `punix` here.
    pub(super) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = punix();
        command.args(arguments).current_dir(self.path("")).env("HOME", self.path("home"));
        command
    }

    /// Prepares `punix build p.pcl`.
    pub(super) fn building(&self, options: &[&str]) -> Command {
        self.command([&["build", "p.pcl", "--store-root", "store"], options].concat())
    }

    /// Prepares a verb of `punix store`.
    pub(super) fn tending(&self, verb: &str) -> Command {
        self.command(["store", verb, "--store-root", "store"])
    }

    /// Builds what has to be built without an error. Returns the paths, in the order of the modules.
    #[track_caller]
    pub(super) fn built(&self, options: &[&str]) -> Vec<PathBuf> {
        paths(&run(self.building(options)))
    }

    /// Collects, which has to end well.
    #[track_caller]
    pub(super) fn collect(&self) -> Outcome {
        let outcome = run(self.tending("gc"));
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        outcome
    }

    /// Reads the whole store, which has to be sound and to hold this many entries.
    #[track_caller]
    pub(super) fn is_sound(&self, entries: usize) {
        let outcome = run(self.tending("verify"));
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (Some(0), format!("{entries} ok\n").as_str()),
            "{outcome:#?}"
        );
    }

    /// Returns the names in a directory of the folder, in order; none if it is not there.
    pub(super) fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(directory)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Returns the names of the entries.
    pub(super) fn entries(&self) -> Vec<String> {
        self.names("store").into_iter().filter(|name| !name.starts_with('.')).collect()
    }

    /// Returns what builds, collections and markings have under way, or left behind.
    pub(super) fn temporary(&self) -> Vec<String> {
        let is_temporary =
            |name: &String| [".tmp-", ".gc-", ".punix-store."].iter().any(|start| name.starts_with(start));
        self.names("store").into_iter().filter(is_temporary).collect()
    }

    /// Asserts that the store is what it is after a collection: these entries, and nothing that only work under way has.
    #[track_caller]
    pub(super) fn is_tidy(&self, entries: &[&PathBuf]) {
        let name = |path: &&PathBuf| path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        let mut expected: Vec<String> = entries.iter().map(name).collect();
        expected.sort();
        assert_eq!(self.entries(), expected);
        let own = [".etc-1", ".locks", ".logs", ".punix-store", ".roots"];
        let others = self.names("store").into_iter().filter(|name| name.starts_with('.'));
        let strange: Vec<String> = others.filter(|name| !own.contains(&name.as_str())).collect();
        assert!(strange.is_empty(), "{strange:?}");
        assert_eq!(self.names("store/.locks"), ["gate", "store"]);
    }

    /// Removes a directory of the folder, read-only ones in it too.
    #[track_caller]
    pub(super) fn remove(&self, name: &str) {
        let path = self.path(name);
        unlock(&path);
        match fs::remove_dir_all(&path) {
            Err(error) if path.exists() => panic!("{}: {error}", path.display()),
            _ => {}
        }
    }

    /// Waits until a build that runs [`WAIT`] began. Returns its work directory.
    #[track_caller]
    pub(super) fn begun(&self) -> PathBuf {
        let work = || {
            let work = self.temporary().into_iter().map(|name| self.path("store").join(name));
            work.into_iter().find(|work| work.join("tmp/begun").exists())
        };
        wait_for("a build that begins", work)
    }

    /// Lets the build that works in this directory go on.
    #[track_caller]
    pub(super) fn go(&self, work: &Path) {
        fs::write(work.join("tmp/go"), "").unwrap_or_else(|error| panic!("{}: {error}", work.display()));
    }

    /// Waits until no process works here any more; the kernel takes a moment to end those of a sandbox.
    #[track_caller]
    pub(super) fn is_deserted(&self) {
        wait_for("the end of all processes", || if self.processes().is_empty() { Some(()) } else { None });
    }

    /// Returns the numbers of the processes that have to do with this folder: by their arguments, their environment, the
    /// directory they are in or what is mounted for them.
    pub(super) fn processes(&self) -> Vec<u32> {
        let path = self.path("");
        let name = path.file_name().expect("the folder has a name").to_string_lossy().into_owned();
        let numbers = fs::read_dir("/proc").expect("there is a /proc").flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        numbers.filter(|number| is_about(&Path::new("/proc").join(number.to_string()), &name)).collect()
    }
}

impl Drop for Place {
    /// Only root can remove what lies in read-only directories.
    fn drop(&mut self) {
        unlock(self.folder.path());
    }
}

/// A process that is killed if the test fails before it ends.
pub(super) struct Running {
    child: Option<Child>,
}

impl Running {
    /// Starts a command. What it says can be read once it ended.
    #[track_caller]
    pub(super) fn start(mut command: Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running { child: Some(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))) }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.as_ref().expect("it was not ended yet").id()
    }

    /// Waits for the end, which has to come soon. Few bytes are said here: they fit into a pipe.
    #[track_caller]
    pub(super) fn end(mut self) -> Outcome {
        let child = self.child.as_mut().expect("it was not ended yet");
        wait_for("the end of a command", || child.try_wait().expect("it can be asked"));
        let output = self.child.take().expect("it is there").wait_with_output().expect("it can be read");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until something is there.
#[track_caller]
pub(super) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Returns the paths that a run tells of, which has to have ended well.
#[track_caller]
pub(super) fn paths(outcome: &Outcome) -> Vec<PathBuf> {
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let rows = outcome.stdout.lines().filter_map(|line| line.strip_prefix("ok\t")?.split_once('\t'));
    rows.map(|(_, path)| PathBuf::from(path)).collect()
}

/// Writes a program of packages: module, what it needs (names of modules with blanks between), command.
pub(super) fn program(packages: &[(&str, &str, &str)]) -> String {
    let package = |(module, needs, command): &(&str, &str, &str)| {
        let needs: Vec<String> = needs.split_whitespace().map(|other| format!("{other}.pname")).collect();
        let needs = needs.join(", ");
        let arguments = format!("recipeArgs = {{ command = \"\"\"\n{command}\n\"\"\" }}");
        format!(
            "module {module} {{\n  recipe = \"std.shell\"\n  version = \"1\"\n  deps = [{needs}]\n  {arguments}\n}}\n"
        )
    };
    packages.iter().map(package).collect()
}

/// Tells whether builds can be kept apart here, and counts the test as skipped if not: without that, a build outlives
/// who was killed while building.
pub(super) fn sandboxed() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = *FOUND.get_or_init(|| {
        let place = Place::with(&[("P", "", "touch $OUTPUT/x")]);
        !run(place.building(&[])).stderr.contains("builds cannot be kept apart here")
    });
    if !found {
        skip("no user namespaces for builds that are killed");
    }
    found
}

fn unlock(directory: &Path) {
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}

fn is_about(process: &Path, name: &str) -> bool {
    let is_in = |bytes: &[u8]| bytes.windows(name.len()).any(|part| part == name.as_bytes());
    let told = ["cmdline", "environ", "mountinfo"].map(|file| fs::read(process.join(file)).unwrap_or_default());
    let at = fs::read_link(process.join("cwd")).unwrap_or_default();
    told.iter().any(|bytes| is_in(bytes)) || is_in(at.as_os_str().as_encoded_bytes())
}
