//! Verbs for another machine, over a real SSH server. What is there is this machine, in a view of its own: what is kept on a
//! target lies in the folder of the test.

use super::server::Server;
use crate::support::{Folder, Outcome, punix, run, skip};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Where programs are kept on a target: each is a place of the test.
const PLACES: [&str; 3] = ["/var/cache", "/var/tmp", "/run"];

/// What a login of that machine does.
const LOGIN: &str = "#!/bin/sh\nexec unshare -rm sh -c 'MOUNTS exec sh -c \"$SSH_ORIGINAL_COMMAND\"'\n";

/// Another machine.
struct There {
    server: Server,
}

impl There {
    /// Starts one on which places for programs are mounted so, and whose login says something first. `None` where that is
    /// not allowed.
    fn start(mounts: [&str; 3], first: &str) -> Option<There> {
        let tried = Command::new("unshare").args(["-rm", "true"]).stderr(Stdio::null()).status();
        if !tried.is_ok_and(|status| status.success()) {
            skip("no other view of this machine can be made");
            return None;
        }
        let server = Server::start_with("ForceCommand /bin/sh FOLDER/login\n")?;
        let folder = server.folder().path();
        for place in ["bin", "run", "home"] {
            fs::create_dir(folder.join(place)).unwrap();
        }
        fs::set_permissions(folder.join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        let mut all = String::new();
        for (place, mount) in PLACES.iter().zip(mounts) {
            let own = folder.join("there").join(place.trim_start_matches('/'));
            fs::create_dir_all(&own).unwrap();
            let own = own.display();
            all.push_str(&match mount {
                "" => format!("mount --bind {own} {place} && "),
                options => format!("mount -t tmpfs -o {options} none {place} && "),
            });
        }
        let before = format!("{first} PATH={}:$PATH; export PATH; ", folder.join("bin").display());
        let login = LOGIN.replace("MOUNTS ", &format!("{all}{before}"));
        server.folder().write("login", login.replace("FOLDER", &folder.display().to_string()));
        Some(There { server })
    }

    fn plain() -> Option<There> {
        There::start([""; 3], "")
    }

    fn folder(&self) -> &Folder {
        self.server.folder()
    }

    fn at(&self, name: &str) -> String {
        self.folder().path().join(name).display().to_string()
    }

    /// Makes a program that is found before others there.
    fn install(&self, name: &str, text: &str) -> String {
        let plain = self.folder().write(&format!("plain-{name}"), text);
        let program = self.at(&format!("bin/{name}"));
        // Not written by us: a program that another test starts meanwhile could hold it open for writing.
        assert!(Command::new("install").args(["-m", "755"]).arg(plain).arg(&program).status().unwrap().success());
        program
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = punix();
        command.env("PATH", "/usr/bin:/bin").env("HOME", self.at("home")).env("XDG_RUNTIME_DIR", self.at("run"));
        command.args(["service", "list", "--target", &self.server.url(), "--deployments-root", &self.at("deploy")]);
        if !more.contains(&"--key") {
            command.args(["--key", &self.at("user")]);
        }
        command.args(["--known-hosts", &self.at("known")]).args(more);
        command
    }

    fn list(&self, more: &[&str]) -> Outcome {
        let mut outcome = run(self.command(more));
        let user = self.server.url();
        let place = user.trim_start_matches("ssh://");
        let folder = self.folder().path().display().to_string();
        for text in [&mut outcome.stdout, &mut outcome.stderr] {
            *text = text.replace(place, "THERE").replace(&folder, "{W}");
        }
        outcome
    }

    /// Refuses, and says so in these words.
    #[track_caller]
    fn refuses(&self, more: &[&str], code: i32, words: &[&str]) {
        let outcome = self.list(more);
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(code), ""), "{}", outcome.stderr);
        for word in words {
            assert!(lines.iter().any(|line| line.contains(word)), "`{word}` is not said:\n{}", outcome.stderr);
        }
        assert!(lines.iter().any(|line| line.starts_with("help: ")), "{}", outcome.stderr);
        self.leaves_nothing();
    }

    /// Checks that no connection is left behind.
    #[track_caller]
    fn leaves_nothing(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let rooms = || fs::read_dir(self.at("run")).unwrap().count();
        while !running(&self.at("run")).is_empty() || rooms() > 0 {
            assert!(Instant::now() < deadline, "{:?}", running(&self.at("run")));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Returns what processes there are whose words name a path.
fn running(path: &str) -> Vec<String> {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    let words = processes.map(|words| String::from_utf8_lossy(&words).replace('\0', " "));
    words.filter(|words| words.contains(path)).collect()
}

#[test]
fn another_machine_gets_the_program_once_over_one_connection() {
    let Some(there) = There::start([""; 3], "echo Welcome to this machine; echo -n \"and \"; ") else { return };
    let first = there.list(&[]);
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), ""), "{}", first.stderr);
    let said: Vec<&str> = first.stderr.lines().collect();
    let wanted = format!("ssh://THERE gets `punix-target` for {}-linux, ", std::env::consts::ARCH);
    assert!(
        said.len() == 1 && said.iter().all(|line| line.starts_with(&wanted) && line.ends_with(" MiB, once")),
        "{said:?}"
    );
    assert_eq!(there.server.connections(), 1);
    let kept: Vec<_> = fs::read_dir(there.at("there/var/cache/punix")).unwrap().collect();
    assert_eq!(kept.len(), 1);
    for _ in 0..2 {
        let again = there.list(&[]);
        assert_eq!((again.code, again.stdout.as_str(), again.stderr.as_str()), (Some(0), "", ""));
    }
    assert_eq!(there.server.connections(), 3);
    there.leaves_nothing();
}

#[test]
fn a_host_whose_key_is_not_the_known_one_is_refused() {
    let Some(there) = There::plain() else { return };
    let known = fs::read_to_string(there.at("known")).unwrap();
    let (place, _) = known.split_once(' ').unwrap();
    let other = fs::read_to_string(there.at("user.pub")).unwrap();
    there.folder().write("known", format!("{place} {other}"));
    let changed =
        "error: [E31] there is no way to `ssh://THERE`: the key of the host `THERE` is another than the known one";
    there.refuses(
        &[],
        3,
        &[changed, "Offending ED25519 key", "nothing was changed", "help: somebody may be in between"],
    );
    there.server.forget();
    let unknown = "error: [E31] there is no way to `ssh://THERE`: the key of the host `THERE` is not known";
    there.refuses(&[], 3, &[unknown, "help: compare its fingerprint"]);
    assert_eq!(fs::read_to_string(there.at("known")).unwrap(), "");
}

#[test]
fn a_fleet_passes_over_nobody_who_was_reached() {
    let Some(there) = There::plain() else { return };
    let host = format!("{{ file = \"a.pcl\" stack = \"A\" target = \"{}\" }}", there.server.url());
    there.folder().write("fleet.pcl", format!("module Fleet {{ hosts = [{host}] }}\n"));
    there.folder().write("a.pcl", "module A { backend = \"systemd\" }\n");
    let apply = |key: &str, more: &[&str], expected: &str| {
        let mut command = punix();
        command.env("PATH", "/usr/bin:/bin").env("HOME", there.at("home")).env("XDG_RUNTIME_DIR", there.at("run"));
        command.args(["fleet", "apply", &there.at("fleet.pcl"), "--skip-unreachable"]).args(["--key", &there.at(key)]);
        command.args(["--deployments-root", &there.at("deploy"), "--known-hosts", &there.at("known")]);
        command.args(["--store-root", &there.at("store")]).args(more);
        let outcome = run(command);
        let told = (outcome.code, outcome.stdout.as_str());
        assert_eq!(told, (Some(1), "fleet: 0/1 host(s) deployed\n"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("✗ A → ssh://") && outcome.stderr.contains(expected), "{}", outcome.stderr);
        there.leaves_nothing();
    };
    apply("host", &[], "lets nobody in with the keys that there are");
    apply("user", &["--target-bin", "/bin/true"], "ended with code 0 before it had answered");
    let known = fs::read_to_string(there.at("known")).unwrap();
    let (place, _) = known.split_once(' ').unwrap();
    there.folder().write("known", format!("{place} {}", fs::read_to_string(there.at("user.pub")).unwrap()));
    apply("user", &[], "is another than the known one");
}

#[test]
fn who_is_not_let_in_hears_so() {
    let Some(there) = There::plain() else { return };
    let key = there.at("host");
    there.refuses(&["--key", &key], 3, &["`THERE` lets nobody in with the keys that there are", "Permission denied"]);
    let key = there.at("absent");
    there.refuses(&["--key", &key], 2, &["error: the key `{W}/absent` cannot be read"]);
}

#[test]
fn where_nobody_answers_that_is_told_from_a_refusal() {
    let Some(there) = There::plain() else { return };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = punix();
    command.env("PATH", "/usr/bin:/bin").env("HOME", there.at("home")).env("XDG_RUNTIME_DIR", there.at("run"));
    command.args(["service", "list", "--target", &format!("ssh://127.0.0.1:{closed}")]);
    let outcome = run(command);
    assert_eq!(outcome.code, Some(3));
    assert!(outcome.stderr.contains("` refuses the connection (`ssh` says: "), "{}", outcome.stderr);
    there.leaves_nothing();
}

#[test]
fn a_foreign_machine_is_refused() {
    let Some(there) = There::plain() else { return };
    there.install("uname", "#!/bin/sh\necho Linux riscv64\n");
    let foreign = "error: [E17] `ssh://THERE`: it is `Linux riscv64`, and there is no `punix-target` for that";
    there.refuses(&[], 1, &[foreign, "with `--target-bin`"]);
}

#[test]
fn where_programs_may_not_be_run_that_is_said() {
    let Some(there) = There::start(["noexec"; 3], "") else { return };
    let wanted =
        ["error: [E31] `ssh://THERE`: there is no place to keep `punix-target` in", "noexec", "`--target-bin`"];
    there.refuses(&[], 3, &wanted);
}

#[test]
fn where_there_is_no_room_that_is_said() {
    let Some(there) = There::start(["size=64k"; 3], "") else { return };
    there.refuses(
        &[],
        3,
        &["error: [E31] `ssh://THERE`: there is no room for `punix-target`", "help: make room there"],
    );
}

#[test]
fn a_login_that_runs_nothing_is_told_by_what_it_prints() {
    let Some(there) = There::start([""; 3], "echo This account is closed.; exit 1; ") else { return };
    there.refuses(&[], 3, &["the login ended before anything was started", "it said: This account is closed."]);
}

#[test]
fn a_program_that_is_there_already_is_used_if_it_is_named() {
    let Some(there) = There::plain() else { return };
    assert_eq!(there.list(&[]).code, Some(0));
    let kept = fs::read_dir(there.at("there/var/cache/punix")).unwrap().next().unwrap().unwrap().path();
    let program = there.at("bin/ours");
    assert!(Command::new("install").args(["-m", "755"]).arg(kept).arg(&program).status().unwrap().success());
    for named in [program.as_str(), "ours"] {
        let outcome = there.list(&["--target-bin", named]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{named}");
    }
    there.refuses(&["--target-bin", "/nowhere"], 3, &["`ssh://THERE`: /nowhere is not there"]);
    let other = there.install("other", "#!/bin/sh\necho I am something else\nexit 4\n");
    there.refuses(&["--target-bin", &other], 3, &["`{W}/bin/other`"]);
}

#[test]
fn an_older_program_is_named_with_its_version() {
    let Some(there) = There::plain() else { return };
    let head = r#"{"hello":{"protocol":1,"version":"0.0.9"}}"#;
    let mut frame = b"PXT1".to_vec();
    frame.extend(u32::try_from(head.len()).unwrap().to_le_bytes());
    frame.extend(0_u32.to_le_bytes());
    frame.extend(head.as_bytes());
    there.folder().write("frame", frame);
    let older = there.install("older", &format!("#!/bin/sh\ncat {}\n", there.at("frame")));
    there.refuses(
        &["--target-bin", &older],
        3,
        &["`{W}/bin/older` is of another version", "speaks protocol 1 (it is of version 0.0.9)"],
    );
}

#[test]
fn nothing_is_left_of_a_command_that_is_killed() {
    let Some(there) = There::start([""; 3], "while [ -d FOLDER/home ]; do sleep 0.1; done; ") else { return };
    let mut child = there.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let hangs = || running(&format!("-d {}", there.at("home"))).iter().any(|words| words.contains("sleep"));
    while !hangs() {
        assert!(Instant::now() < deadline, "it does not connect");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    there.leaves_nothing();
}

#[test]
fn the_doctor_looks_at_another_machine() {
    let Some(there) = There::plain() else { return };
    let mut command = punix();
    command.env("PATH", "/usr/bin:/bin").env("HOME", there.at("home")).env("XDG_RUNTIME_DIR", there.at("run"));
    command.args(["doctor", "--target", &there.server.url(), "--deployments-root", &there.at("deploy")]);
    command.args(["--key", &there.at("user"), "--known-hosts", &there.at("known"), "--store-root", &there.at("store")]);
    let said = run(command).stdout;
    let (_, found) = said.split_once(&format!("\n{}\n", there.server.url())).expect("a section of its own");
    for row in ["way", "system", "store", "deployments", "clock"] {
        assert!(found.lines().any(|line| line.starts_with(&format!("  ok     {row} "))), "{row}: {said}");
    }
    assert!(!fs::exists(there.at("deploy")).unwrap() && !fs::exists(there.at("store")).unwrap(), "nothing was made");
    there.leaves_nothing();
}
