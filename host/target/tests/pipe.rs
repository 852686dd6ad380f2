//! A target in this process and the same one behind a pipe: what is asked of both leaves the same behind. The program
//! `punix-target` is at the other end, and is killed there.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use punix_disk::RealDisk;
use punix_model::Secret;
use punix_store::{Asking, Digest};
use punix_target::{
    After, Boundary, Change, Client, Confirm, Depth, Door, FileRow, Generation, Goal, Inside, Layout, Mark, Opening,
    Payload, Place, Plan, Progress, Question, Recovered, Running, Target, TargetError, TargetPath, serve,
};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const STACK: &str = "Web";
const PROGRAM: &str = env!("CARGO_BIN_EXE_punix-target");
const SECRET: &str = "/etc/app/secret";

/// Contents, by path.
type Files = BTreeMap<TargetPath, Vec<u8>>;

fn path(text: &str) -> TargetPath {
    TargetPath::parse(text).unwrap()
}

fn files<const N: usize>(files: [(&str, &str); N]) -> Files {
    files.into_iter().map(|(at, content)| (path(at), content.as_bytes().to_vec())).collect()
}

/// A root with a known key, so that two of them can be compared.
fn scratch() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for directory in ["etc", "var", "var/lib", "d"] {
        std::fs::create_dir(folder.path().join(directory)).unwrap();
    }
    let mut options = std::fs::OpenOptions::new();
    let mut key = options.write(true).create_new(true).mode(0o600).open(folder.path().join("d/.key")).unwrap();
    std::io::Write::write_all(&mut key, &[7; 32]).unwrap();
    folder
}

fn opening(root: &Path) -> Opening<'_> {
    Opening { root, deployments: Some(Path::new("/d")), command: "punix test", wait: Duration::from_secs(60) }
}

/// Works on a target in this process.
fn inside<T>(root: &Path, work: impl FnOnce(&dyn Door) -> T) -> T {
    let disk = RealDisk::open(root).unwrap();
    let asking = Asking { command: "punix test", wait: Duration::from_secs(60), tell: &|_| {} };
    let place = Place { root: root.to_owned(), asking, guard: None };
    let target = Target::at(&disk, &Layout::new(Path::new("/d")).unwrap(), place).unwrap();
    work(&Inside::new(target))
}

fn started(root: &Path) -> Client {
    Client::start(Path::new(PROGRAM), &opening(root)).unwrap()
}

fn mark(door: &dyn Door, at: &TargetPath, content: &[u8]) -> Mark {
    match at.as_str() {
        SECRET => door.tag(&Secret::new(content.to_vec())).unwrap(),
        _ => Mark::Sha256(Digest::of(content)),
    }
}

fn generation(number: u32, previous: Option<u32>, door: &dyn Door, files: &Files) -> Generation {
    let row = |(at, content): (&TargetPath, &Vec<u8>)| FileRow {
        path: at.clone(),
        mark: mark(door, at, content),
        chunks: None,
        inline: None,
        withheld: None,
        mode: 0o640,
        owner: None,
        group: None,
        made_by: "raw".to_owned(),
        restarts: Vec::new(),
        reloads: Vec::new(),
    };
    Generation {
        number,
        stack: STACK.to_owned(),
        deployed_at: "2026-05-21T14:23:34+00:00".to_owned(),
        deployed_by: String::new(),
        source_hash: Digest::of(b"source").to_string(),
        backend: "systemd".to_owned(),
        scope: "system".to_owned(),
        system: "x86_64-linux".to_owned(),
        scenario: None,
        store_paths: Vec::new(),
        services: Vec::new(),
        files: files.iter().map(row).collect(),
        units: Vec::new(),
        state_dirs: Vec::new(),
        stateful: false,
        previous,
        plugins: Vec::new(),
        artifacts: Vec::new(),
        render_hash: Digest::of(b"rendered").to_string(),
    }
}

/// What shall be live.
enum Wish<'w> {
    New(&'w Files),
    Back(u32, &'w Files),
    Gone,
}

/// Looks, plans without judgement, and commits.
fn commit(
    door: &dyn Door,
    had: &Files,
    wish: &Wish<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, TargetError> {
    let (plan, payload) = planned(door, had, wish)?;
    door.commit(&plan, payload, progress).map(|done| format!("{done:?}"))
}

fn planned(door: &dyn Door, had: &Files, wish: &Wish<'_>) -> Result<(Plan, Payload), TargetError> {
    let nothing = Files::new();
    let wanted = match wish {
        Wish::New(files) | Wish::Back(_, files) => *files,
        Wish::Gone => &nothing,
    };
    let all: BTreeSet<&TargetPath> = had.keys().chain(wanted.keys()).collect();
    let paths = all.iter().map(|&at| (at.clone(), at.as_str() == SECRET)).collect();
    let seen = door.look(&Question { stack: STACK.to_owned(), paths, ..Question::default() })?;
    let parent = seen.current.as_ref().map(|current| current.number);
    let change = |at: &&TargetPath| {
        let after = wanted.get(*at).map_or(After::Nothing, |content| After::File {
            mark: mark(door, at, content),
            mode: 0o640,
            owner: None,
            group: None,
        });
        let seen = &seen.paths[*at];
        Change { path: (*at).clone(), real: seen.real.clone(), before: seen.there.clone(), after }
    };
    let goal = match wish {
        Wish::New(files) => Goal::New(Box::new(generation(seen.next, parent, door, files))),
        Wish::Back(number, _) => Goal::Kept(*number),
        Wish::Gone => Goal::Gone,
    };
    let plan = Plan { stack: STACK.to_owned(), parent, goal, changes: all.iter().map(change).collect(), keep: 10 };
    let mut payload = Payload::default();
    for (at, content) in wanted {
        match at.as_str() {
            SECRET => drop(payload.secrets.insert(at.clone(), Secret::new(content.clone()))),
            _ => drop(payload.blobs.insert(Digest::of(content), content.clone().into())),
        }
    }
    Ok((plan, payload))
}

/// Everything below a root: kind, mode and content of each path. What a lock says of its last holder is left out.
fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut tree = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let at = entry.unwrap().path();
            let found = at.symlink_metadata().unwrap();
            let mode = found.permissions().mode();
            let content = if found.is_dir() {
                left.push(at.clone());
                "directory".to_owned()
            } else if found.is_symlink() {
                at.read_link().unwrap().to_string_lossy().into_owned()
            } else if at.ends_with(".audit") {
                // What happened when is told differently; how much, is not.
                format!("{} lines", std::fs::read_to_string(&at).unwrap().lines().count())
            } else {
                std::fs::read(&at).unwrap().escape_ascii().to_string()
            };
            tree.insert(at.strip_prefix(root).unwrap().to_owned(), format!("{mode:o} {content}"));
        }
    }
    tree
}

/// Deploys, deploys again, goes back, trims and removes. Returns what was answered and what was there after each step.
fn walk(root: &Path, door: &dyn Door) -> Vec<(String, BTreeMap<PathBuf, String>)> {
    let first = files([("/etc/app/a", "one"), ("/etc/app/gone", "soon"), (SECRET, "hunter22")]);
    let second = files([("/etc/app/a", "two"), ("/etc/app/deep/new", "more"), (SECRET, "hunter33")]);
    let nothing = Files::new();
    let mut steps = Vec::new();
    let mut step = |answer: String| {
        let said = (door.stacks(), door.records(STACK), door.current(STACK), door.kept_bytes(STACK));
        let verified = door.current_record(STACK).map(|live| live.map(|live| door.verify(&live, Depth::Content)));
        let blobs = [b"one", b"two"].map(|content| door.blob(&Digest::of(content)));
        let told =
            door.audit().unwrap().into_iter().map(|line| (line.parent, line.child, line.by.command, line.result));
        let told = (told.collect::<Vec<_>>(), door.verify_audit().unwrap());
        assert!(told.1.is_empty(), "{told:?}");
        steps.push((format!("{answer}\n{told:?}\n{said:?}\n{verified:?}\n{blobs:?}"), tree(root)));
    };
    door.within(&Boundary::system(STACK, None).unwrap()).unwrap();
    door.share().unwrap();
    step(format!("{:?} {:?}", door.peek(&Secret::new(b"hunter22".to_vec())), door.record(STACK, 1).map_err(code)));
    door.release().unwrap();
    let mut all = Vec::new();
    for (had, wish) in [
        (&nothing, Wish::New(&first)),
        (&first, Wish::New(&second)),
        (&second, Wish::Back(1, &first)),
        (&first, Wish::Gone),
    ] {
        if matches!(wish, Wish::Back(..)) {
            // Somebody changed a file, and its bytes are kept.
            std::fs::write(root.join("etc/app/a"), "by hand").unwrap();
        }
        let mut told = Vec::new();
        let done = commit(door, had, &wish, &mut |progress| told.push(progress)).unwrap();
        step(format!("{done} {told:?}"));
        all.push(told);
    }
    assert!(all.iter().all(|told| told.contains(&Progress::Live)));
    let outside = files([("/etc/shadow", "root::")]);
    step(format!("{:?}", commit(door, &nothing, &Wish::New(&outside), &mut |_| {}).map_err(code)));
    step(format!("{:?} {:?}", door.recover(), door.trim(STACK, 1)));
    step(format!("{:?}", door.run(&running(&["echo out; echo err >&2", "exit 3", "echo never"]))));
    let machine = door.machine().unwrap();
    step(format!("{} {} {} {}", machine.system, machine.uid, machine.user, machine.hostname));
    steps
}

/// Commands for a program that stands for `systemctl`.
fn running(scripts: &[&str]) -> Running {
    let command = |script: &&str| punix_model::Command {
        argv: ["/usr/bin/systemctl", "-c", script].map(str::to_owned).to_vec(),
        stdin: String::new(),
        timeout_ms: 60_000,
        mutates: true,
    };
    let commands = scripts.iter().map(command).collect();
    Running { commands, stops: true, systemctl: Some("/bin/sh".to_owned()) }
}

/// An error as whoever reads it sees it.
fn code(error: TargetError) -> (bool, punix_diag::Diagnostic) {
    (error.is_the_worlds(), error.into())
}

#[track_caller]
fn assert_same(found: &[(String, BTreeMap<PathBuf, String>)], wanted: &[(String, BTreeMap<PathBuf, String>)]) {
    assert_eq!(found.len(), wanted.len());
    for ((answer, tree), (wanted_answer, wanted_tree)) in found.iter().zip(wanted) {
        // Which file it is differs, and nothing else does.
        assert_eq!(answer, wanted_answer);
        assert_eq!(tree, wanted_tree);
    }
}

#[test]
fn what_is_done_over_a_pipe_leaves_the_same_behind() {
    let (here, there, started_there) = (scratch(), scratch(), scratch());
    let wanted = inside(here.path(), |door| walk(here.path(), door));

    // The other side is a thread of this process.
    let (mut requests, requests_to) = std::io::pipe().unwrap();
    let (answers, mut answers_to) = std::io::pipe().unwrap();
    let server = std::thread::spawn(move || serve(&mut requests, &mut answers_to));
    let client = Client::over(requests_to, answers, &opening(there.path())).unwrap();
    assert_same(&walk(there.path(), &client), &wanted);
    drop(client);
    server.join().unwrap().unwrap();

    // It is a process.
    let client = started(started_there.path());
    assert_same(&walk(started_there.path(), &client), &wanted);
}

#[test]
fn whoever_is_killed_in_the_middle_is_an_error_here_and_mended_by_the_next() {
    const FILES: usize = 400;
    let folder = scratch();
    let root = folder.path();
    let many = |content: &str| -> Files {
        (0..FILES).map(|at| (path(&format!("/etc/app/{at}")), format!("{at} {content}").into_bytes())).collect()
    };
    let (first, second) = (many("old"), many("new"));
    let client = started(root);
    commit(&client, &Files::new(), &Wish::New(&first), &mut |_| {}).unwrap();
    let before: Vec<_> = tree(&root.join("etc")).into_iter().collect();

    let process = client.process().unwrap();
    let mut killed = false;
    let error = commit(&client, &first, &Wish::New(&second), &mut |_| {
        if !killed {
            killed = Command::new("/bin/kill").arg("-9").arg(process.to_string()).status().unwrap().success();
        }
    })
    .unwrap_err();
    assert!(killed && matches!(error, TargetError::Way(_)), "{error:?}");
    let (is_the_worlds, diagnostic) = code(error);
    assert!(is_the_worlds && diagnostic.code == Some(punix_diag::Code::E31), "{diagnostic:?}");
    assert!(diagnostic.notes.iter().all(|note| note.message != "nothing was changed"), "{diagnostic:?}");
    // Nothing is asked of it any more.
    assert!(matches!(client.stacks(), Err(TargetError::Way(_))));
    drop(client);

    let client = started(root);
    assert!(matches!(client.recover().unwrap(), Recovered::Undone { .. } | Recovered::Nothing));
    assert_eq!(client.current(STACK).unwrap(), Some(1));
    assert_eq!(tree(&root.join("etc")).into_iter().collect::<Vec<_>>(), before);
    commit(&client, &first, &Wish::New(&second), &mut |_| {}).unwrap();
    assert_eq!(client.current(STACK).unwrap(), Some(2));
}

#[test]
fn a_program_that_does_not_serve_is_an_error_of_the_way() {
    let folder = scratch();
    for (program, wanted) in [
        ("/nowhere/punix-target", "`/nowhere/punix-target` cannot be run"),
        ("/bin/true", "the other side is gone"),
        ("/bin/echo", "what comes is not of this protocol"),
    ] {
        let error = Client::start(Path::new(program), &opening(folder.path())).unwrap_err();
        assert!(matches!(error, TargetError::Way(_)) && error.to_string().contains(wanted), "{error}");
    }
    let missing = folder.path().join("nothing");
    let error = Client::start(Path::new(PROGRAM), &opening(&missing)).unwrap_err();
    assert!(matches!(error, TargetError::Told(_)) && error.is_the_worlds(), "{error:?}");
    for words in [&[][..], &["deploy"], &["serve", "more"]] {
        assert_eq!(Command::new(PROGRAM).args(words).status().unwrap().code(), Some(2), "{words:?}");
    }
}

/// Waits until something is so.
#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "it never was");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_nobody_confirms_is_taken_back_though_the_way_is_gone() {
    let folder = scratch();
    let root = folder.path();
    let first = files([("/etc/app/a", "one"), (SECRET, "hunter22")]);
    let second = files([("/etc/app/a", "two"), ("/etc/app/b", "more"), (SECRET, "hunter33")]);
    let marker = root.join("ran");
    let confirm = |back_to, child, seconds| Confirm {
        stack: STACK.to_owned(),
        back_to,
        child,
        seconds,
        after: running(&[&format!("echo ran > {}", marker.display())]),
    };
    let client = started(root);
    commit(&client, &Files::new(), &Wish::New(&first), &mut |_| {}).unwrap();
    let before = tree(&root.join("etc"));
    client.arm(&confirm(Some(1), 2, 2)).unwrap();
    assert_eq!(client.armed().unwrap().len(), 1);
    commit(&client, &first, &Wish::New(&second), &mut |_| {}).unwrap();
    let process = client.process().unwrap();
    Command::new("/bin/kill").arg("-9").arg(process.to_string()).status().unwrap();
    drop(client);
    assert_eq!(std::fs::read(root.join("etc/app/a")).unwrap(), b"two");
    // Nobody of us does it: only the process that waits.
    wait_until(|| marker.exists());
    assert_eq!(tree(&root.join("etc")), before);

    // Another way confirms it.
    let client = started(root);
    assert_eq!(client.current(STACK).unwrap(), Some(1));
    let id = client.arm(&confirm(Some(1), 3, 30)).unwrap();
    commit(&client, &first, &Wish::New(&second), &mut |_| {}).unwrap();
    drop(client);
    let other = started(root);
    other.rearm(&id, 60).unwrap();
    other.confirm(&id).unwrap();
    assert!(matches!(other.confirm(&id), Err(TargetError::Told(_))));
    assert_eq!((other.current(STACK).unwrap(), other.armed().unwrap().len()), (Some(3), 0));
    assert!(other.verify_audit().unwrap().is_empty());
}

/// A generation is staged and waits, and then its way ends in some manner.
#[test]
fn what_is_staged_goes_live_when_it_is_told_to_or_was_never_there() {
    let first = files([("/etc/app/a", "one"), ("/etc/app/gone", "soon"), (SECRET, "hunter22")]);
    let second = files([("/etc/app/a", "two"), ("/etc/app/deep/new", "more"), (SECRET, "hunter33")]);
    for end in ["publish", "let go", "close", "kill"] {
        let folder = scratch();
        let root = folder.path();
        let client = started(root);
        commit(&client, &Files::new(), &Wish::New(&first), &mut |_| {}).unwrap();
        let before = tree(root);
        let (plan, payload) = planned(&client, &first, &Wish::New(&second)).unwrap();
        let mut told = Vec::new();
        client.stage(&plan, payload, &mut |progress| told.push(progress)).unwrap();
        assert!(told.iter().all(|progress| matches!(progress, Progress::Staging { .. })) && !told.is_empty());
        // What can be asked without waiting is answered, and nothing of it is to be seen.
        assert_eq!(client.current(STACK).unwrap(), Some(1));
        assert_eq!(std::fs::read(root.join("etc/app/a")).unwrap(), b"one");
        let (refused, _) = code(client.share().unwrap_err());
        assert!(!refused);
        match end {
            "publish" => {
                let done = client.publish(&mut |progress| told.push(progress)).unwrap();
                assert_eq!((done.from, done.to), (Some(1), Some(2)));
                assert_eq!(told[told.len() - 2..], [Progress::Published, Progress::Live]);
                assert_eq!(std::fs::read(root.join("etc/app/a")).unwrap(), b"two");
                assert!(matches!(client.publish(&mut |_| {}), Err(TargetError::Told(_))));
                continue;
            }
            "let go" => client.let_go().unwrap(),
            "kill" => {
                let process = client.process().unwrap().to_string();
                assert!(Command::new("/bin/kill").arg("-9").arg(process).status().unwrap().success());
                assert!(matches!(client.publish(&mut |_| {}), Err(TargetError::Way(_))));
            }
            _ => {}
        }
        drop(client);
        // Whoever was killed is mended by its guard, or by whoever comes next.
        let client = started(root);
        client.recover().unwrap();
        // One line more is told, and whoever was killed did not take his name from the locks.
        let is_state = |path: &Path| !path.ends_with(".audit") && !path.ends_with(".lock");
        let state = |tree: BTreeMap<PathBuf, String>| -> Vec<_> {
            tree.into_iter().filter(|(path, _)| is_state(path)).collect()
        };
        assert_eq!(state(tree(root)), state(before), "{end}");
        commit(&client, &first, &Wish::New(&second), &mut |_| {}).unwrap();
        assert_eq!(client.current(STACK).unwrap(), Some(2));
    }
}
