//! A guard on a real disk: this program is the guard, the committer that dies, and the test that looks at what is left.
//! It has a `main` of its own, because a guard is its own program started again.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use punix_disk::{Disk, RealDisk};
use punix_store::{Asking, Digest};
use punix_target::{
    After, Change, Door, FileRow, Generation, Goal, Guarding, Inside, Layout, Mark, Payload, Place, Plan, Progress,
    Question, Target, TargetPath, commit, enter_guard_if_asked, look,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const FILES: usize = 20;
/// What a committer is called.
const COMMITTER: &str = "punix-test-committer";
const DEADLINE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    if let Some(code) = enter_guard_if_asked() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [COMMITTER, root, number, end] => {
            commit_and_die(Path::new(root), number.parse().unwrap(), end);
            ExitCode::SUCCESS
        }
        _ => {
            a_committer_that_dies_is_mended_at_once();
            a_commit_without_a_guard_is_mended_by_whoever_looks();
            a_mix_is_seen_for_less_than_a_tenth_of_a_second();
            ExitCode::SUCCESS
        }
    }
}

/// A directory for one test, which goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("punix-guard-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        for directory in ["etc", "var", "var/lib"] {
            std::fs::create_dir(path.join(directory)).unwrap();
        }
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn with_target<T>(root: &Path, guard: Option<Guarding>, run: impl FnOnce(&Target<'_>) -> T) -> T {
    let disk = RealDisk::open(root).unwrap();
    let asking = Asking { command: COMMITTER, wait: DEADLINE, tell: &|_| {} };
    let place = Place { root: root.to_owned(), asking, guard };
    run(&Target::at(&disk, &Layout::new(Path::new("/srv/deploy")).unwrap(), place).unwrap())
}

fn path(at: usize) -> TargetPath {
    TargetPath::parse(&format!("/etc/app/{}/{at}.conf", at % 3)).unwrap()
}

fn content(number: u32, at: usize) -> Vec<u8> {
    format!("{at} of generation {number}\n").repeat(50).into_bytes()
}

fn generation(number: u32) -> Generation {
    let row = |at| FileRow {
        path: path(at),
        mark: Mark::Sha256(Digest::of(&content(number, at))),
        chunks: None,
        inline: None,
        withheld: None,
        mode: 0o644,
        owner: None,
        group: None,
        made_by: "raw".to_owned(),
        restarts: Vec::new(),
        reloads: Vec::new(),
    };
    Generation {
        number,
        stack: "Web".to_owned(),
        deployed_at: "2026-05-21T14:23:34+00:00".to_owned(),
        deployed_by: String::new(),
        source_hash: Digest::of(b"source").to_string(),
        backend: "systemd".to_owned(),
        scope: "system".to_owned(),
        system: "x86_64-linux".to_owned(),
        scenario: None,
        store_paths: Vec::new(),
        services: Vec::new(),
        files: (0..FILES).map(row).collect(),
        units: Vec::new(),
        state_dirs: Vec::new(),
        stateful: false,
        previous: (number > 1).then(|| number - 1),
        plugins: Vec::new(),
        artifacts: Vec::new(),
        render_hash: Digest::of(b"rendered").to_string(),
    }
}

/// Plans a generation whose files all differ from the one before.
fn planned(target: &Target<'_>, number: u32) -> (Plan, Payload) {
    let paths = (0..FILES).map(|at| (path(at), false)).collect();
    let seen = look(target, &Question { stack: "Web".to_owned(), paths, ..Question::default() }).unwrap();
    let change = |at: usize| {
        let seen = &seen.paths[&path(at)];
        let mark = Mark::Sha256(Digest::of(&content(number, at)));
        let after = After::File { mark, mode: 0o644, owner: None, group: None };
        Change { path: path(at), real: seen.real.clone(), before: seen.there.clone(), after }
    };
    let plan = Plan {
        stack: "Web".to_owned(),
        parent: seen.current.as_ref().map(|current| current.number),
        goal: Goal::New(Box::new(generation(number))),
        changes: (0..FILES).map(change).collect(),
        keep: 10,
    };
    let blobs = (0..FILES).map(|at| content(number, at)).map(|bytes| (Digest::of(&bytes), bytes.into())).collect();
    (plan, Payload { blobs, secrets: BTreeMap::new() })
}

fn deploy(target: &Target<'_>, number: u32, progress: &mut dyn FnMut(Progress)) -> Duration {
    let (plan, payload) = planned(target, number);
    let start = Instant::now();
    let done = commit(target, &plan, payload, progress).unwrap();
    let took = start.elapsed();
    assert!(done.unfinished.is_none(), "{:?}", done.unfinished);
    took
}

/// Commits, and dies at some point as if it were killed: nothing of it runs on.
fn commit_and_die(root: &Path, number: u32, end: &str) {
    with_target(root, Guarding::myself(), |target| {
        if end == "waits" {
            let (plan, payload) = planned(target, number);
            let door = Inside::new(target.clone());
            door.stage(&plan, payload, &mut |_| {}).unwrap();
            std::process::abort();
        }
        let took = deploy(target, number, &mut |progress| {
            let point = match progress {
                Progress::Staging { done, of } if done == of => "staged",
                Progress::Staging { .. } => "staging",
                Progress::Published => "published",
                Progress::Live => "live",
            };
            if point == end {
                std::process::abort();
            }
        });
        if end == "time" {
            std::fs::write(root.join("took"), took.as_micros().to_string()).unwrap();
        }
    });
}

fn committer(root: &Path, number: u32, end: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg(COMMITTER).arg(root).arg(number.to_string()).arg(end).stderr(Stdio::null());
    command
}

fn journals(root: &Path) -> usize {
    std::fs::read_dir(root.join("srv/deploy/.journal")).unwrap().count()
}

/// Checks that all files are of one generation, and nothing else is there.
fn assert_is(root: &Path, number: u32) {
    let current = std::fs::read_link(root.join("srv/deploy/Web/current")).unwrap();
    assert_eq!(current, PathBuf::from(format!("gen-{number:03}.json")));
    for at in 0..FILES {
        let found = std::fs::read(root.join(path(at).on_disk())).unwrap();
        assert!(found == content(number, at), "{at} is not of generation {number}");
    }
    let disk = RealDisk::open(root).unwrap();
    for at in 0..3 {
        let names = disk.list(Path::new(&format!("etc/app/{at}"))).unwrap();
        assert!(names.iter().all(|name| name.to_str().unwrap().ends_with(".conf")), "{names:?}");
    }
}

fn a_committer_that_dies_is_mended_at_once() {
    for (end, wanted, is_guarded) in [
        ("staging", 1, false),
        ("staged", 1, false),
        ("waits", 1, true),
        ("published", 1, true),
        ("live", 2, true),
        ("never", 2, true),
    ] {
        let scratch = Scratch::new(end);
        let root = &scratch.0;
        assert!(committer(root, 1, "never").status().unwrap().success());
        assert_is(root, 1);
        let died = !committer(root, 2, end).status().unwrap().success();
        assert_eq!(died, end != "never", "{end}");
        if is_guarded {
            let start = Instant::now();
            while journals(root) > 0 {
                assert!(start.elapsed() < DEADLINE, "the guard did nothing about a committer that died {end}");
                std::thread::sleep(Duration::from_millis(2));
            }
        } else {
            // Nothing can be seen yet, so there is no guard yet; whoever looks mends it.
            assert_eq!(journals(root), 1, "{end}");
            with_target(root, None, |target| target.share().map(drop)).unwrap();
        }
        assert_is(root, wanted);
        // The guard may still hold the lock for a moment; whoever comes next waits for that.
        with_target(root, None, |target| target.exclude().map(drop)).unwrap();
        assert_eq!(journals(root), 0);
    }
}

fn a_commit_without_a_guard_is_mended_by_whoever_looks() {
    let scratch = Scratch::new("alone");
    let root = &scratch.0;
    assert!(committer(root, 1, "never").status().unwrap().success());
    for (end, wanted) in [("published", 1), ("live", 2)] {
        assert!(!committer(root, 2, end).env("PUNIX_NO_GUARD", "1").status().unwrap().success());
        assert_eq!(journals(root), 1, "{end}");
        with_target(root, None, |target| {
            let question = Question { stack: "Web".to_owned(), ..Question::default() };
            assert_eq!(look(target, &question).unwrap().current.unwrap().number, wanted);
        });
        assert_is(root, wanted);
    }
}

/// From the death of who published until everything is as it was. Other work may hold up a guard, but not each time.
fn a_mix_is_seen_for_less_than_a_tenth_of_a_second() {
    const MOST: Duration = Duration::from_millis(100);
    const TRIES: usize = 20;
    let scratch = Scratch::new("fast");
    let root = &scratch.0;
    assert!(committer(root, 1, "never").status().unwrap().success());
    let mut seen = Vec::new();
    while seen.len() < TRIES && seen.iter().min().is_none_or(|least| *least >= MOST) {
        assert!(!committer(root, 2, "published").status().unwrap().success());
        let start = Instant::now();
        while (0..FILES).any(|at| std::fs::read(root.join(path(at).on_disk())).unwrap() != content(1, at)) {
            assert!(start.elapsed() < DEADLINE);
            std::thread::sleep(Duration::from_micros(200));
        }
        seen.push(start.elapsed());
        with_target(root, None, |target| target.share().map(drop)).unwrap();
        assert_is(root, 1);
    }
    assert!(seen.iter().any(|took| *took < MOST), "{seen:?}");
}
