//! What it takes to find that nothing is to be done: one connection, few round trips, no byte written on the machine, and
//! systemd is not asked for anything. And when whoever asks is killed, no connection stays.

#![allow(clippy::print_stdout, reason = "what was measured is for whoever reads the run")]

use super::moments::{is_alive, kill};
use super::slow::{DELAY, Slow};
use super::{Host, PATH, good, host, write_program};
use crate::support::{run, scrubbed, skip};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const FILES: usize = 20;
/// Round trips of a command beside those of `ssh HOST true`.
const TRIPS_MAX: u32 = 3;

/// A stack with a package, services, files and a secret.
fn program() -> String {
    let file = |at: usize| format!("    {{ path = \"/etc/web/{at:02}\"  content = \"text\\n\" }}\n");
    let files: String = (0..FILES).map(file).collect();
    let service = |at: usize| {
        format!(
            "    {{ name = \"web{at}\"  package = \"Tool\"  binary = \"tool\"  environment = {{ TOKEN = {{ from_env = \
             \"TOKEN\" }} }} }}\n"
        )
    };
    let services: String = (0..5).map(service).collect();
    format!(
        "module Tool {{\n  recipe = \"std.shell\"\n  pname = \"tool\"\n  version = \"1.0\"\n  source = {{ type = \"local\"  \
         path = \"src\" }}\n  recipeArgs = {{ command = \"mkdir -p $OUTPUT/bin && cp tool $OUTPUT/bin/tool && chmod 755 \
         $OUTPUT/bin/tool\" }}\n}}\nmodule Web {{\n  backend = \"systemd\"\n  services = [\n{services}  ]\n  configFiles = \
         [\n{files}  ]\n}}\n"
    )
}

/// Boots a machine on which the stack runs.
fn site() -> Option<Host> {
    let host = host()?;
    fs::write(host.shared("p.pcl"), program()).unwrap();
    write_program(&host.shared("src/tool"), "#!/bin/sh\nexec sleep 1000000\n");
    good(run(deploy(host.service("root", WORDS))));
    Some(host)
}

const WORDS: [&str; 6] = ["deploy", "Web", "--file", "p.pcl", "--activate", "--enable"];

fn deploy(mut command: Command) -> Command {
    command.args(crate::service::sandbox()).env("TOKEN", "a-secret");
    command
}

#[test]
fn nothing_to_do_takes_few_round_trips() {
    let Some(host) = site() else { return };
    let slow = Slow::to(&format!("{}:22", host.address()));
    let known = fs::read_to_string(host.known_hosts()).unwrap();
    let port = slow.address.port();
    fs::write(host.known_hosts(), format!("{known}[127.0.0.1]:{port} {}", known.split_once(' ').unwrap().1)).unwrap();
    let handshake = || {
        let mut command = scrubbed("ssh");
        command.env("PATH", PATH).env("HOME", host.shared("")).args(["-F", "none", "-o", "BatchMode=yes", "-o"]);
        command.arg(format!("UserKnownHostsFile={}", host.known_hosts().display()));
        command.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(host.key());
        command.args(["-p", &port.to_string(), "root@127.0.0.1", "true"]);
        command
    };
    let nothing = || deploy(host.service_of(&format!("ssh://root@127.0.0.1:{port}"), WORDS));
    // The best of a few: other tests run at the same time.
    let best = |command: &dyn Fn() -> Command| {
        let once = || {
            let began = Instant::now();
            let outcome = good(run(command()));
            let (connections, turns) = slow.counted();
            assert_eq!(connections, 1, "{outcome:?}");
            (began.elapsed(), turns, outcome)
        };
        (0..3).map(|_| once()).min_by_key(|(time, turns, _)| (*turns, *time)).unwrap()
    };
    let (alone, turns_alone, _) = best(&handshake);
    let (whole, turns, outcome) = best(&nothing);
    assert!(outcome.stdout.starts_with("unchanged: stack Web at gen-001"), "{outcome:?}");
    let trips = whole.saturating_sub(alone).as_secs_f64() / (2 * DELAY).as_secs_f64();
    println!(
        "`ssh HOST true` takes {alone:.2?} and {turns_alone} turns, nothing to do {whole:.2?} and {turns}: {trips:.1} more \
         round trips"
    );
    assert!(turns <= turns_alone + TRIPS_MAX as usize, "{turns} turns instead of {turns_alone}");
    // Work takes its time besides, on a busy machine most of it.
    assert!(whole < alone + 2 * DELAY * TRIPS_MAX + Duration::from_secs(1), "{whole:?} instead of {alone:?}");
}

/// Where a login itself is written down, whatever it is for.
const LOGGED: [&str; 2] = ["var/log", "var/lib/systemd"];

#[test]
fn nothing_to_do_writes_nothing_and_asks_systemd_for_nothing() {
    let Some(host) = site() else { return };
    if !Path::new("/usr/bin/strace").exists() {
        return skip("there is no strace");
    }
    // What the first boot still had to do is done.
    host.shell("systemctl is-system-running --wait || true");
    let before = everything(&host.on_disk(""));
    assert!(before.len() > FILES);
    let trace = host.shared("trace");
    let mut strace = traced(&host, &trace);
    let outcome = good(run(deploy(host.service("root", WORDS))));
    assert!(outcome.stdout.starts_with("unchanged: stack Web at gen-001"), "{outcome:?}");
    kill_process(pid(&strace), Signal::INT).unwrap();
    strace.wait().unwrap();
    let after = everything(&host.on_disk(""));
    let changed: Vec<&String> =
        before.keys().chain(after.keys()).filter(|at| before.get(*at) != after.get(*at)).collect();
    assert!(changed.is_empty(), "{changed:?}");
    let text = String::from_utf8_lossy(&fs::read(&trace).unwrap()).into_owned();
    let calls = calls_of_ours(&text);
    let programs = calls.iter().filter(|call| call.starts_with("execve(") && call.ends_with("= 0")).count();
    assert!(programs >= 2, "a shell starts what does the work: {calls:#?}");
    let wrong: Vec<&String> = calls.iter().filter(|call| writes(call) || asks_systemd(call)).collect();
    println!("nothing to do: {} calls that could have changed something, {programs} programs", calls.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Follows whatever the server for logins starts from now on.
fn traced(host: &Host, trace: &Path) -> Child {
    let listener = host.processes(|words| words[0].starts_with("sshd: /usr/sbin/sshd"));
    let [listener] = listener[..] else { panic!("there should be one: {listener:?}") };
    let mut command = scrubbed("strace");
    command.env("PATH", PATH).args(["-f", "-q", "-y", "-s", "65536", "-o"]).arg(trace).args(["-e", TRACED, "-p"]);
    command.arg(listener.as_raw_nonzero().to_string()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", listener.as_raw_nonzero());
    let until = Instant::now() + Duration::from_secs(10);
    while fs::read_to_string(&status).unwrap().contains("TracerPid:\t0\n") {
        assert!(Instant::now() < until, "strace does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

const TRACED: &str = "trace=execve,execveat,clone,clone3,fork,vfork,open,openat,openat2,creat,rename,renameat,renameat2,\
    unlink,unlinkat,rmdir,mkdir,mkdirat,mknod,mknodat,link,linkat,symlink,symlinkat,chmod,fchmod,fchmodat,chown,fchown,\
    lchown,fchownat,truncate,ftruncate,fallocate,utimensat,setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,\
    fremovexattr,fsync,fdatasync,sync,syncfs,write,writev,pwrite64,pwritev,sendfile,copy_file_range,connect,mount";

/// Returns the calls of the shell that was asked to start our program, and of all that came of it.
fn calls_of_ours(text: &str) -> Vec<String> {
    let mut begun: HashMap<&str, &str> = HashMap::new();
    let mut ours = BTreeSet::new();
    let mut calls: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        let Some((process, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        // Signals, and ends of processes.
        if call.starts_with(['-', '+']) {
            continue;
        }
        if let Some(start) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(process, start);
            continue;
        }
        let whole = match call.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            Some((_, rest)) => format!("{}{rest}", begun.remove(process).unwrap_or_default()),
            None => call.to_owned(),
        };
        calls.push((process, whole));
    }
    // A child may be seen before its parent hears of it.
    let mut children: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (process, call) in &calls {
        if let Some((_, child)) =
            call.rsplit_once(" = ").filter(|_| call.starts_with("clone") || call.contains("fork("))
        {
            children.entry(process).or_default().push(child.to_owned());
        }
        if call.starts_with("execve(") && call.contains("punix-boot") {
            ours.insert((*process).to_owned());
        }
    }
    let mut left: Vec<String> = ours.iter().cloned().collect();
    while let Some(process) = left.pop() {
        for child in children.get(process.as_str()).into_iter().flatten() {
            if ours.insert(child.clone()) {
                left.push(child.clone());
            }
        }
    }
    // What the server did in the same process before it became the shell is not ours.
    let mut is_begun = BTreeSet::new();
    let mut kept = Vec::new();
    for (process, call) in calls {
        if call.starts_with("execve(") {
            is_begun.insert(process.to_owned());
        }
        let has_parent =
            children.iter().any(|(parent, born)| ours.contains(*parent) && born.iter().any(|it| it == process));
        if ours.contains(process) && (has_parent || is_begun.contains(process)) {
            kept.push(call);
        }
    }
    kept
}

/// Tells whether a call changes a file, or gets one only to do so.
fn writes(call: &str) -> bool {
    let (name, rest) = call.split_once('(').unwrap_or((call, ""));
    let failed = call.rsplit_once(" = ").is_some_and(|(_, end)| end.starts_with('-'));
    match name {
        "execve" | "execveat" | "clone" | "clone3" | "fork" | "vfork" | "connect" => false,
        "open" | "openat" | "openat2" => {
            // It is there, and nothing is written to it: whoever has it open can lock it.
            let is_lock = rest.contains("/.lock\"");
            let asks = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"].iter().any(|flag| rest.contains(flag));
            asks && !is_lock && !rest.contains("/dev/null") && !failed
        }
        "write" | "writev" | "pwrite64" | "pwritev" | "sendfile" | "copy_file_range" => {
            // Pipes and sockets have no path.
            rest.split_once('<').is_some_and(|(_, to)| to.starts_with('/') && !to.starts_with("/dev/null"))
        }
        _ => !failed,
    }
}

/// Tells whether somebody asks systemd, by its program or by itself.
fn asks_systemd(call: &str) -> bool {
    let (name, rest) = call.split_once('(').unwrap_or((call, ""));
    match name {
        "execve" | "execveat" => rest.split(',').next().is_some_and(|program| program.contains("systemctl")),
        "connect" => rest.contains("/run/systemd") || rest.contains("dbus"),
        _ => false,
    }
}

/// Returns all that is on a disk, and when which of it was changed.
fn everything(disk: &Path) -> BTreeMap<String, (u64, i64, i64, i64, i64, u64)> {
    let mut found = BTreeMap::new();
    let mut left = vec![disk.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(disk).unwrap().to_string_lossy().into_owned();
            if LOGGED.contains(&name.as_str()) {
                continue;
            }
            let of = fs::symlink_metadata(&path).unwrap();
            found.insert(name, (of.ino(), of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec(), of.size()));
            if of.is_dir() {
                left.push(path);
            }
        }
    }
    found
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed()).unwrap()
}

#[test]
fn whoever_is_killed_leaves_no_connection() {
    let Some(host) = site() else { return };
    // The ends of the connection are there before anything is said, in the midst, and when all is nearly over.
    for pause in [0, 60, 120] {
        fs::write(host.shared("p.pcl"), program().replace("text", &format!("text {pause}"))).unwrap();
        let mut command = deploy(host.service("root", WORDS));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while host.connections().is_empty() {
            assert!(is_alive(&mut child), "it never connected");
        }
        std::thread::sleep(Duration::from_millis(pause));
        assert!(is_alive(&mut child) && kill(&[pid(&child)]), "it was over before it was killed");
        child.wait().unwrap();
        let began = Instant::now();
        let serves = |words: &[&str]| words[0].contains("/punix-target-") && words.get(1) == Some(&"serve");
        while !host.connections().is_empty() || !host.processes(serves).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(8), "a connection stays: {:?}", host.connections());
            std::thread::sleep(Duration::from_millis(20));
        }
        println!("killed {pause} ms after it connected: the connection is gone after {:.1?}", began.elapsed());
    }
    let left = host.shell("systemctl is-active web0.service");
    assert_eq!(left, "active");
}
