//! Every program that is started while secrets are about: neither its words nor its environment have one. Each start is
//! traced, and what runs is looked at over and over.

use super::super::{ROOT, fine};
use super::Cage;
use crate::kill::tracer::can_trace;
use crate::support::{run, scrubbed};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// Writes a fleet of two hosts that have the stack.
fn fleet(cage: &Cage) -> Vec<OsString> {
    let host = |name: &str| format!("{{ file = \"p.pcl\"  stack = \"Web\"  target = \"ssh://op@{name}.example\" }}");
    let hosts = format!("module Fleet {{ hosts = [ {}, {} ] }}\n", host("one"), host("two"));
    cage.place.write("web/fleet.pcl", hosts);
    let apply = ["fleet", "apply", "web/fleet.pcl", "--transport-root", "hosts"];
    words(&[&apply, super::super::rotated::sandbox()].concat())
}

/// No program is started with one among its words or variables, and none of them lets others look into it while it has one.
#[test]
fn no_program_is_started_with_one() {
    if !can_trace() {
        return;
    }
    let cage = Cage::new();
    let log = cage.place.path("trace");
    let traced = |words: Vec<OsString>| {
        let mut command = scrubbed("strace");
        command.args(["-f", "-v", "-qq", "-s", "65536", "-e", "trace=execve,execveat,prlimit64,prctl", "-o"]).arg(&log);
        let inner = cage.place.command(words);
        command.arg(inner.get_program()).args(inner.get_args());
        command.current_dir(cage.place.path(""));
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let outcome = fine(run(command));
        cage.silent(&outcome);
        let text = fs::read_to_string(&log).expect("a trace was written");
        fs::remove_file(&log).expect("it is there");
        // The first is `punix` itself, whose own variables some of them are; its words are not.
        let (first, others) = text.split_once('\n').expect("it has lines");
        let (itself, variables) = first.split_once("], [").expect("words, and behind them variables");
        assert!(itself.contains("execve(") && cage.search().find(variables.as_bytes()).is_some(), "{first}");
        cage.absent("the words of `punix`", itself.as_bytes());
        cage.absent("what programs are started with", others.as_bytes());
        text
    };
    let first = traced(cage.deploy(&[]));
    assert!(first.matches("execve(").count() > 2, "a build is more than one program: {first}");
    assert!(first.contains("PR_SET_DUMPABLE, SUID_DUMP_DISABLE"), "{first}");
    assert!(first.contains("RLIMIT_CORE, {rlim_cur=0"), "{first}");
    // Its guard sees to the same for itself, since what it mends has secrets in it.
    assert!(first.contains("\"punix-guard\""), "{first}");
    assert!(first.matches("PR_SET_DUMPABLE, SUID_DUMP_DISABLE").count() >= 2, "{first}");
    traced(fleet(&cage));
    fine(run(cage.place.command(cage.deploy(&["--force-generation"]))));
    traced(words(&[&["service", "rollback", "Web", "--resolve-secrets"], &ROOT[..]].concat()));
    traced(words(&[&["service", "verify", "Web"], &ROOT[..]].concat()));
}

/// What was seen of processes while something ran.
#[derive(Default)]
struct Seen {
    /// All words of all processes of the machine.
    words: BTreeSet<Vec<u8>>,
    /// Variables of what a process has started, and of what that has. Not those of the process.
    variables: BTreeSet<Vec<u8>>,
    rounds: usize,
}

impl Seen {
    /// Looks at every process once.
    fn look(&mut self, of: u32) {
        self.rounds += 1;
        let itself = fs::read(format!("/proc/{of}/cmdline")).unwrap_or_default();
        let mut parents = BTreeMap::new();
        let processes = fs::read_dir("/proc").expect("there are processes");
        for number in processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok()) {
            // It may be over by now.
            let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
            parents.insert(number, parent.unwrap_or_default());
            let Ok(words) = fs::read(format!("/proc/{number}/cmdline")) else { continue };
            // Who was split off and has not started its program yet is still its parent, variables and all.
            let is_started = !words.is_empty() && words != itself;
            self.words.insert(words);
            let above = std::iter::successors(parents.get(&number), |parent| parents.get(parent));
            if is_started && above.take(64).any(|parent| *parent == of) {
                self.variables.extend(fs::read(format!("/proc/{number}/environ")));
            }
        }
    }
}

/// Looks at what runs as long as a command does.
fn watched(cage: &Cage, words: Vec<OsString>, seen: &Mutex<Seen>) {
    let mut command: Command = cage.place.command(words);
    let directory = cage.place.path("");
    let output = |name: &str| fs::File::create(directory.join(name)).expect("it can be made");
    command.stdout(output("said")).stderr(output("whispered"));
    let mut child = command.spawn().expect("it can be started");
    let over = AtomicBool::new(false);
    let number = child.id();
    let status = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                seen.lock().expect("nobody panics with it").look(number);
            }
        });
        let status = child.wait();
        over.store(true, Ordering::SeqCst);
        status
    });
    assert!(status.expect("it was started").success(), "{}", cage.place.read("whispered"));
    cage.kept("watched");
}

#[test]
fn no_process_has_one_where_others_see_it() {
    let cage = Cage::new();
    let seen = Mutex::new(Seen::default());
    watched(&cage, cage.deploy(&[]), &seen);
    watched(&cage, cage.deploy(&["--force-generation", "--json"]), &seen);
    watched(&cage, fleet(&cage), &seen);
    watched(&cage, words(&[&["service", "rollback", "Web", "--resolve-secrets"], &ROOT[..]].concat()), &seen);
    let seen = seen.into_inner().expect("nobody panicked with it");
    assert!(seen.rounds > 20, "only {} rounds", seen.rounds);
    let has = |word: &[u8]| seen.words.iter().any(|words| words.windows(word.len()).any(|piece| piece == word));
    assert!(has(b"deploy\0Web\0--file\0web/p.pcl"), "the process itself was never seen");
    for words in &seen.words {
        cage.absent("the words of a process", words);
    }
    assert!(!seen.variables.is_empty(), "nothing that was started was seen");
    for variables in &seen.variables {
        cage.absent("the variables of a started program", variables);
    }
}
