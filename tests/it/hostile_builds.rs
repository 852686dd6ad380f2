//! Packages that nobody writes and somebody sends, and stores that somebody was at: what is made of links, pipes and
//! odd names where a build, a source or an entry should be. Nothing outside of the store is ever touched for them.

use crate::build::unlock;
use crate::support::{Folder, Outcome, punix, run, scrubbed, skip};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of a test, with a store in it.
struct Place(Folder);

impl Place {
    fn new() -> Place {
        Place(Folder::new())
    }

    /// Returns a path in the folder, without links on the way.
    fn path(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.0.path()).expect("the folder is there").join(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = punix();
        command.args(arguments).current_dir(self.0.path()).env("HOME", self.0.path());
        command.env("PUNIX_STORE_DIR", self.path("store"));
        command
    }

    fn punix(&self, arguments: &[&str]) -> Outcome {
        run(self.command(arguments))
    }

    #[track_caller]
    fn ends(&self, code: i32, arguments: &[&str]) -> Outcome {
        let outcome = self.punix(arguments);
        assert_eq!(outcome.code, Some(code), "{arguments:?} {outcome:#?}");
        outcome
    }

    /// Builds a program of one package and returns its entry.
    #[track_caller]
    fn entry(&self, program: &str) -> PathBuf {
        self.0.write("p.pcl", program);
        let outcome = self.ends(0, &["build", "p.pcl"]);
        let path = outcome.stdout.lines().find_map(|line| line.strip_prefix("ok\tP\t"));
        PathBuf::from(path.unwrap_or_else(|| panic!("{outcome:#?}")))
    }

    /// Tells whether builds can be kept apart here, and counts the test as skipped if not.
    fn has_sandbox(&self) -> bool {
        self.0.write("probe.pcl", shell("Probe", "touch $OUTPUT/x", ""));
        let outcome = self.punix(&["build", "probe.pcl", "--only", "Probe"]);
        let has = !outcome.stderr.contains("builds cannot be kept apart here");
        if !has {
            skip("no user namespaces for builds");
        }
        has
    }
}

impl Drop for Place {
    /// Only root can remove what lies in read-only directories.
    fn drop(&mut self) {
        unlock(self.0.path());
    }
}

fn shell(module: &str, command: &str, more: &str) -> String {
    format!(
        "module {module} {{ recipe = \"std.shell\" recipeArgs = {{ command = \"\"\"\n{command}\n\"\"\" }} {more} }}\n"
    )
}

/// Writes a package whose source a command makes.
fn made(command: &str, hash: &str) -> String {
    let source = format!("source = {{ type = \"fixed_output\" hash = \"{hash}\" command = Command.text }}");
    shell("P", "cp * $OUTPUT/; ls -A /tmp /build/home > $OUTPUT/seen", &source)
        + &format!("module Command {{ text = \"\"\"\n{command}\n\"\"\" }}\n")
}

/// Builds a package twice: to learn the digest of what a command makes, and with it.
fn build_made(place: &Place, command: &str) -> Outcome {
    place.0.write("p.pcl", made(command, &"1".repeat(64)));
    let first = place.ends(3, &["build", "p.pcl"]);
    let Some(hash) = first.stderr.split("got ").nth(1).and_then(|rest| rest.get(..64)) else { return first };
    place.0.write("p.pcl", made(command, hash));
    place.punix(&["build", "p.pcl"])
}

/// What a command with the network leaves beside its source could lead `punix` itself out of the sandbox.
#[test]
fn what_makes_a_source_leaves_nothing_but_the_source() {
    let place = Place::new();
    if !place.has_sandbox() {
        return;
    }
    let mine = place.0.write("mine/file", "mine");
    let outside = place.path("mine").display().to_string();
    let command = format!(
        "echo made > made\nrm -f /build/script.sh\nln -s {outside}/file /build/script.sh\nmv /build/tmp /build/old\n\
         ln -s {outside} /build/tmp\necho left > /build/home/left\necho left > /tmp/left\n\
         echo left > $FINAL_STORE_PATH/left || true\n"
    );
    let outcome = build_made(&place, &command);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(fs::read_to_string(mine).expect("it is there"), "mine");
    assert_eq!(fs::read_dir(place.path("mine")).expect("it is there").count(), 1);
    let entry = PathBuf::from(outcome.stdout.lines().find_map(|line| line.strip_prefix("ok\tP\t")).expect("a path"));
    assert_eq!(fs::read_to_string(entry.join("made")).expect("it was made"), "made\n");
    let seen = fs::read_to_string(entry.join("seen")).expect("it was made");
    assert!(!entry.join("left").exists() && !seen.lines().any(|name| name == "left"), "{seen}");
}

#[test]
fn a_source_that_was_replaced_by_a_link_is_refused() {
    let place = Place::new();
    if !place.has_sandbox() {
        return;
    }
    let mine = place.0.write("mine/file", "mine");
    let before = fs::metadata(&mine).expect("it is there").modified().expect("it has a time");
    let outside = place.path("mine").display().to_string();
    let outcome = build_made(&place, &format!("cd /\nrm -rf /build/source\nln -s {outside} /build/source"));
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    assert!(!outcome.stderr.contains("got "), "{outcome:#?}");
    assert_eq!(fs::metadata(&mine).expect("it is there").modified().expect("it has a time"), before);
}

/// An entry is a directory. What else has its name is damage, which `verify` says and `repair` mends.
#[test]
fn what_is_no_directory_is_no_entry() {
    let place = Place::new();
    if !place.has_sandbox() {
        return;
    }
    let mine = place.0.write("mine/file", "mine");
    let entry = place.entry(&shell("P", "echo x > $OUTPUT/x", ""));
    for make in
        [&(|at: &Path| symlink(mine.parent().expect("it has one"), at).expect("a link")) as &dyn Fn(&Path), &|at| {
            fs::write(at, "x").expect("a file");
        }]
    {
        unlock(&entry);
        fs::remove_dir_all(&entry).expect("it is there");
        make(&entry);
        let outcome = place.ends(1, &["store", "verify"]);
        assert!(outcome.stderr.contains("it is not a directory"), "{outcome:#?}");
        assert!(place.ends(0, &["store", "list"]).stdout.contains("damaged"));
        place.ends(1, &["store", "repair"]);
        place.ends(0, &["store", "repair", "--from", "p.pcl"]);
        place.ends(0, &["store", "verify"]);
        assert_eq!(fs::read_to_string(entry.join("x")).expect("it was made anew"), "x\n");
    }
    assert_eq!(fs::read_to_string(&mine).expect("it is there"), "mine");
}

#[test]
fn a_link_to_something_else_is_not_replaced() {
    let place = Place::new();
    if !place.has_sandbox() {
        return;
    }
    place.0.write("mine/file", "mine");
    place.0.write("p.pcl", shell("P", "echo x > $OUTPUT/x", ""));
    for target in ["mine", "nowhere", "/etc"] {
        symlink(target, place.path("result")).expect("a link");
        let outcome = place.ends(3, &["build", "p.pcl", "--link", "result"]);
        assert!(outcome.stderr.contains("[E23] `result` is a link to something that is no artifact"), "{outcome:#?}");
        assert_eq!(fs::read_link(place.path("result")).expect("a link"), Path::new(target));
        fs::remove_file(place.path("result")).expect("it is there");
    }
    place.ends(0, &["build", "p.pcl", "--link", "result"]);
    place.ends(0, &["build", "p.pcl", "--link", "result"]);
}

/// Where people's names have letters that ASCII does not have, so do the paths of their stores.
#[test]
fn a_store_may_lie_where_paths_have_any_letters() {
    let place = Place::new();
    if !place.has_sandbox() {
        return;
    }
    let lib = shell("Lib", "mkdir $OUTPUT/bin; echo 'echo lib' > $OUTPUT/bin/lib", "");
    let app = "module App { recipe = \"std.shell\" \
               recipeArgs = { command = f\"sh {Lib.out}/bin/lib > $OUTPUT/said\" } }\n";
    place.0.write("p.pcl", lib + app);
    let outcome = place.ends(0, &["build", "p.pcl", "--store-root", "josé/店/store"]);
    let app = outcome.stdout.lines().find_map(|line| line.strip_prefix("ok\tApp\t")).expect("a path");
    assert_eq!(fs::read_to_string(Path::new(app).join("said")).expect("it was made"), "lib\n");
}

#[test]
fn nothing_that_a_build_sees_follows_from_the_umask() {
    let place = Place::new();
    if !place.has_sandbox() {
        return;
    }
    place.0.write("source/file", "x");
    let program = shell(
        "P",
        "find /build -path /build/tmp -prune -o -printf '%m %p\\n' | LC_ALL=C sort > $OUTPUT/modes; umask >> $OUTPUT/modes",
        "source = { path = \"./source\" }",
    );
    place.0.write("p.pcl", program);
    let mut seen = Vec::new();
    for umask in ["000", "027", "077"] {
        let store = place.path(&format!("store-{umask}"));
        let mut command = scrubbed("sh");
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        command.args(["-c", &script]).arg(punix().get_program()).args(["build", "p.pcl", "--store-root"]).arg(&store);
        command.current_dir(place.0.path()).env("HOME", place.0.path());
        let outcome = run(command);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        let entry = outcome.stdout.lines().find_map(|line| line.strip_prefix("ok\tP\t")).expect("a path");
        seen.push(fs::read_to_string(Path::new(entry).join("modes")).expect("it was made"));
    }
    assert!(seen[0].contains("/build/source/file") && seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
}

/// Memory is another file system than everything else, and inside a sandbox there is one at the same place.
#[test]
fn a_store_may_lie_in_memory() {
    let place = Place::new();
    let store = Path::new("/dev/shm").join(place.0.path().file_name().expect("it has a name"));
    if !place.has_sandbox() || fs::create_dir(&store).is_err() {
        return;
    }
    let lib = shell("Lib", "echo lib > $OUTPUT/lib", "");
    let app = "module App { recipe = \"std.shell\" \
               recipeArgs = { command = f\"cp {Lib.out}/lib $OUTPUT/; : > /dev/shm/x\" } }\n";
    place.0.write("p.pcl", lib + app);
    let outcome = place.punix(&["build", "p.pcl", "--store-root", &store.display().to_string()]);
    let verified = place.punix(&["store", "verify", "--store-root", &store.display().to_string()]);
    unlock(&store);
    fs::remove_dir_all(&store).expect("it is there");
    assert_eq!((outcome.code, verified.code), (Some(0), Some(0)), "{outcome:#?} {verified:#?}");
}

/// JSON holds texts only, so what is no text is shown as near as it can be; it is no reason to fall over.
#[test]
fn documents_tell_of_stores_whose_path_is_no_text() {
    let place = Place::new();
    if !place.has_sandbox() {
        return;
    }
    place.0.write("p.pcl", shell("P", "echo x > $OUTPUT/x", ""));
    let store = place.path("").join(OsStr::from_bytes(b"no\xfftext"));
    let documents: [&[&str]; 6] = [
        &["build", "p.pcl", "--dry-run"],
        &["build", "p.pcl"],
        &["store", "path", "p.pcl", "P"],
        &["store", "list"],
        &["store", "repair"],
        &["store", "gc"],
    ];
    for arguments in documents {
        let mut command = place.command(arguments);
        command.arg("--json").env("PUNIX_STORE_DIR", &store);
        let outcome = run(command);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        assert!(outcome.json().to_string().contains("no\u{fffd}text"), "{outcome:#?}");
    }
    let mut command = place.command(&["build", "p.pcl", "--events"]);
    command.env("PUNIX_STORE_DIR", &store);
    let outcome = run(command);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}
