//! For tests: what is rendered, given to a real supervisord: texts that are likely to be read wrongly have to reach the
//! program byte for byte, and wishes have to be fulfilled.

use crate::Supervisord;
use punix_sdk::backend::{
    Action, Backend, Chunk, Facts, Observation, RunState, Scope, Service, Session, Shape, Slot, Stack, Status, Step,
    Wish,
};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Keeps what it was given, and stays.
const KEEP: &str = "#!/bin/sh\ncp /proc/$$/cmdline \"$1.words.new\"; mv \"$1.words.new\" \"$1.words\"\n\
                    cp /proc/$$/environ \"$1.variables.new\"; mv \"$1.variables.new\" \"$1.variables\"\nexec sleep 1000\n";

const TORTURE: &[&str] = &[
    "",
    " ",
    "two words",
    "a ;b",
    "a #b",
    "50%",
    "%(here)s",
    "%%",
    "$HOME",
    "${HOME}",
    "`id`",
    "$(id)",
    "\\",
    "C:\\dir\\",
    "\"",
    "'",
    "it's",
    "a\"b'c",
    "'x'",
    "\"x\"",
    "a,b=\"c\"",
    "a\nb",
    "\n",
    "tab\t",
    "cr\r",
    "é",
    "😀",
    "\u{1}",
    "[program:x]",
    "-x",
    "!",
    "~",
    "*",
    "{a,b}",
];

/// A supervisord of one test; it goes away with its owner.
struct Running {
    child: Child,
    folder: PathBuf,
}

impl Running {
    fn start() -> Option<Running> {
        let found = Command::new("supervisord").arg("--version").stdin(Stdio::null()).output().is_ok();
        if !found || !Path::new("/proc/self/environ").exists() {
            skip("no supervisord");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("punix-supervisord-{}", std::process::id()));
        fs::create_dir_all(folder.join("conf.d")).unwrap();
        let shown = folder.display();
        let main = format!(
            "[unix_http_server]\nfile={shown}/s\n[supervisord]\nnodaemon=true\nlogfile={shown}/log\npidfile={shown}/pid\n\
             childlogdir={shown}\n[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = \
             supervisor.rpcinterface:make_main_rpcinterface\n[supervisorctl]\nserverurl=unix://{shown}/s\n[include]\nfiles={shown}/conf.d/*.conf\n"
        );
        fs::write(folder.join("main.conf"), main).unwrap();
        let mut command = Command::new("supervisord");
        command.arg("-c").arg(folder.join("main.conf")).env_clear().env("PATH", "/usr/bin:/bin");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut running = Running { child, folder };
        for _ in 0..500 {
            if running.folder.join("s").exists() && running.control(&["pid"]).0 == 0 {
                return Some(running);
            }
            if running.child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("supervisord does not come up: {:?}", fs::read_to_string(running.folder.join("log")));
    }

    fn control(&self, words: &[&str]) -> (i32, String, String) {
        let mut command = Command::new("supervisorctl");
        command.arg("-c").arg(self.folder.join("main.conf")).args(words).stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// Fulfils wishes as the host does.
    fn fulfil(&self, stack: &Stack, wishes: &[(&str, Action)]) -> Vec<Status> {
        let wishes = wishes.iter().map(|&(unit, action)| Wish { unit: unit.to_owned(), action }).collect();
        let mut session = Supervisord::session(stack.clone(), wishes, facts(&self.folder));
        let mut seen = Vec::new();
        for _ in 0..60 {
            let commands = match session.next(std::mem::take(&mut seen)) {
                Step::Run(commands) | Step::Ask(commands) => commands,
                Step::WaitMs(pause) => {
                    std::thread::sleep(Duration::from_millis(pause.into()));
                    continue;
                }
                Step::Done(statuses) => return statuses,
                Step::Fail(error) => panic!("{error:?}"),
            };
            for (command, asked) in (0..).zip(commands) {
                assert_eq!(asked.argv[0], "supervisorctl");
                let words: Vec<&str> = asked.argv[1..].iter().map(String::as_str).collect();
                let (code, stdout, stderr) = self.control(&words);
                seen.push(Observation { command, code, stdout, stderr });
            }
        }
        panic!("it does not end");
    }

    fn write(&self, stack: &Stack) -> Vec<String> {
        let rendering = Supervisord::render(stack.clone(), facts(&self.folder)).unwrap();
        for file in &rendering.files {
            let path = Path::new(&file.path);
            assert!(path.starts_with(&self.folder), "{}", file.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let chunk = |chunk: &Chunk| match chunk {
                Chunk::Text(text) => text.clone(),
                Chunk::Secret((slot, encoding)) => {
                    assert_eq!(encoding, "shell.single");
                    format!("'{}'", TORTURE[usize::try_from(*slot).unwrap()].replace('\'', "'\\''"))
                }
            };
            fs::write(path, file.body.iter().map(chunk).collect::<String>()).unwrap();
        }
        rendering.files.iter().map(|file| file.path.clone()).collect()
    }

    fn kept(&self, what: &str) -> Vec<String> {
        let text = String::from_utf8(fs::read(self.folder.join(what)).unwrap()).unwrap();
        text.strip_suffix('\0').unwrap().split('\0').map(str::to_owned).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It stops its programs before it ends.
        let _ = self.control(&["shutdown"]);
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn facts(home: &Path) -> Facts {
    let home = Some(home.to_str().unwrap().to_owned());
    Facts { os: "linux".to_owned(), arch: String::new(), init_version: String::new(), home, attributes: Vec::new() }
}

fn stack(folder: &Path) -> Stack {
    let keep = folder.join("keep").to_str().unwrap().to_owned();
    let mut argv = vec![keep, folder.join("kept").to_str().unwrap().to_owned()];
    argv.extend(TORTURE.iter().map(|&text| text.to_owned()));
    let mut env = Vec::new();
    for (n, text) in TORTURE.iter().enumerate() {
        let secret = Chunk::Secret((u32::try_from(n).unwrap(), "raw".to_owned()));
        let plain = Chunk::Text((*text).to_owned());
        env.push((format!("M{n}"), vec![plain.clone(), secret.clone(), plain.clone()]));
        env.push((format!("S{n}"), vec![secret]));
        env.push((format!("T{n}"), vec![plain]));
    }
    let service = |name: &str, argv: Vec<String>, config: &str| Service {
        name: name.to_owned(),
        argv,
        env: Vec::new(),
        depends_on: Vec::new(),
        secret_delivery: "environment-file".to_owned(),
        config: config.to_owned(),
    };
    let bad = service("bad", vec!["/nowhere".to_owned()], r#"{"serviceConfig":{"startretries":0}}"#);
    let api = Service { env, ..service("api", argv, r#"{"serviceConfig":{"stopsignal":"KILL"}}"#) };
    let slots = (0..u32::try_from(TORTURE.len()).unwrap()).map(|id| Slot {
        id,
        name: format!("from_env:S{id}"),
        shape: Shape::Text,
    });
    Stack {
        name: "Web".to_owned(),
        scope: Scope::User,
        services: vec![api, bad],
        slots: slots.collect(),
        config: String::new(),
        unit_dir: Some(folder.join("conf.d").to_str().unwrap().to_owned()),
    }
}

fn states(statuses: &[Status]) -> Vec<(&str, RunState)> {
    statuses.iter().map(|status| (status.unit.as_str(), status.state)).collect()
}

#[test]
fn a_real_supervisord_runs_what_is_rendered() {
    let Some(running) = Running::start() else { return };
    let keep = running.folder.join("keep");
    fs::write(&keep, KEEP).unwrap();
    let mode = Command::new("chmod").arg("755").arg(&keep).status().unwrap();
    assert!(mode.success());
    let stack = stack(&running.folder);
    let mut files = running.write(&stack);

    let statuses = running.fulfil(&stack, &[("Web.api", Action::Restart), ("Web.bad", Action::Restart)]);
    assert_eq!(states(&statuses), [("Web.api", RunState::Running), ("Web.bad", RunState::Failed)], "{statuses:#?}");
    let words = running.kept("kept.words");
    assert_eq!(words[3..], TORTURE[..], "words");
    let variables = running.kept("kept.variables");
    for (n, text) in TORTURE.iter().enumerate() {
        for expected in [format!("T{n}={text}"), format!("S{n}={text}"), format!("M{n}={text}{text}{text}")] {
            assert!(variables.contains(&expected), "{expected:?}");
        }
    }

    // A script that changed is read at a restart, though the configuration is the same.
    let mut other = stack.clone();
    other.services[0].env = vec![("T0".to_owned(), vec![Chunk::Text("changed".to_owned())])];
    running.write(&other);
    let statuses = running.fulfil(&other, &[("Web.api", Action::Restart)]);
    assert_eq!(states(&statuses), [("Web.api", RunState::Running)], "{statuses:#?}");
    assert!(running.kept("kept.variables").contains(&"T0=changed".to_owned()));

    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        files.extend(drops_privileges(&running));
    }

    let statuses = running.fulfil(&other, &[("Web.api", Action::Stop), ("Web.nobody", Action::Status)]);
    assert_eq!(states(&statuses), [("Web.api", RunState::Stopped), ("Web.nobody", RunState::Missing)], "{statuses:#?}");
    for file in files {
        fs::remove_file(file).unwrap();
    }
    for _ in 0..2 {
        let units = ["Web.api", "Web.bad", "Web.sleeper"];
        let statuses = running.fulfil(&other, &units.map(|unit| (unit, Action::Remove)));
        assert_eq!(states(&statuses), units.map(|unit| (unit, RunState::Missing)), "{statuses:#?}");
    }
}

/// Has a service run as somebody else, and returns its files.
fn drops_privileges(running: &Running) -> Vec<String> {
    let mut stack = stack(&running.folder);
    stack.services.truncate(1);
    let service = &mut stack.services[0];
    service.name = "sleeper".to_owned();
    service.argv = ["/bin/sleep", "1000"].map(str::to_owned).to_vec();
    service.config = r#"{"serviceConfig":{"user":"nobody"}}"#.to_owned();
    let files = running.write(&stack);
    let statuses = running.fulfil(&stack, &[("Web.sleeper", Action::Start)]);
    assert_eq!(states(&statuses), [("Web.sleeper", RunState::Running)], "{statuses:#?}");
    let process = running.control(&["pid", "Web.sleeper"]).1;
    let owner = fs::metadata(format!("/proc/{}", process.trim())).unwrap().uid();
    let nobody = Command::new("id").args(["-u", "nobody"]).output().unwrap();
    assert_eq!(owner.to_string(), String::from_utf8(nobody.stdout).unwrap().trim());
    files
}

/// Counts a test that cannot run here.
fn skip(reason: &str) {
    if let Some(log) = std::env::var_os("PUNIX_SKIP_LOG")
        && let Ok(mut log) = fs::OpenOptions::new().append(true).create(true).open(log)
    {
        let _ = writeln!(log, "SKIP: {reason}");
    }
}
