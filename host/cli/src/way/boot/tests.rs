//! The scripts, run by the shells of this machine, with a small program in place of the real one. No other machine and no
//! real cache is touched: the places in the script are moved into the folder of the test.

use super::*;
use punix_store::Digest;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Says that it runs, and gives back what it reads.
const PROGRAM: &str = "#!/bin/sh\nif [ \"$1\" = digest ]; then set -- $(/usr/bin/sha256sum \"$0\"); echo \"$1\"; exit; fi\n\
                       echo \"runs: $1 $(umask)\"\nexec cat\n";
const GREETING: &[u8] = b"good day\n";
/// Tools that the script may use.
const TOOLS: [&str; 13] =
    ["cat", "chmod", "env", "find", "head", "id", "ls", "mkdir", "mv", "rm", "sha256sum", "touch", "uname"];

/// A machine, as far as the script sees it.
struct There {
    folder: TempDir,
    shell: Vec<String>,
    /// What stands before the script, such as what a login prints.
    before: String,
    tools: Vec<&'static str>,
}

/// What came of it.
struct Came {
    outcome: Result<String, BootError>,
    was_sent: bool,
    complaint: String,
}

impl There {
    fn new() -> There {
        There {
            folder: TempDir::new().unwrap(),
            shell: vec!["sh".to_owned()],
            before: String::new(),
            tools: TOOLS.into(),
        }
    }

    fn before(text: &str) -> There {
        There { before: text.to_owned(), ..There::new() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the program is kept, usually.
    fn kept(&self) -> PathBuf {
        self.at("punix").join(format!("punix-target-{}", digest()))
    }

    /// Puts the program where it is kept.
    fn keep(&self, text: &str) {
        fs::create_dir(self.at("punix")).unwrap();
        let plain = self.at("plain");
        fs::write(&plain, text).unwrap();
        // Not written by us: a program that another test starts meanwhile could hold it open for writing.
        let copied = Command::new("install").args(["-m", "700"]).args([&plain, &self.kept()]).status();
        assert!(copied.unwrap().success());
    }

    fn moved(&self, script: &str) -> String {
        let at = |name: &str| self.at(name).display().to_string();
        let script = script.replace("/var/cache/punix", &at("punix"));
        let script = script.replace("/var/tmp/punix-$uid", &at("second")).replace("/run/user/$uid/punix", &at("third"));
        format!("{}{script}", self.before)
    }

    fn command(&self, words: &[String]) -> Command {
        let bin = self.at("bin");
        if !bin.is_dir() {
            fs::create_dir(&bin).unwrap();
            for tool in &self.tools {
                let paths = ["/usr/bin", "/bin"].map(|directory| Path::new(directory).join(tool));
                std::os::unix::fs::symlink(paths.iter().find(|path| path.exists()).unwrap(), bin.join(tool)).unwrap();
            }
        }
        let mut command = Command::new(self.shell.first().map(|shell| which(shell)).unwrap());
        command.args(self.shell.get(1..).unwrap()).args(words).current_dir(self.folder.path());
        command.env_clear().env("PATH", bin).env("XDG_CACHE_HOME", self.folder.path()).env("SSH_CONNECTION", "a b");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the words that are made for this machine, without their shell.
    fn start(&self, programs: &[Program<'_>], named: Option<&Path>, becomes: Option<Become>) -> Child {
        let words = words(Which::Target, programs, named, becomes, GREETING);
        let mut words: Vec<String> = words.into_iter().skip(1).collect();
        for script in words.iter_mut().filter(|word| word.contains("punix-boot ")) {
            *script = self.moved(script);
        }
        self.command(&words).spawn().unwrap()
    }

    fn come_of(&self, mut child: Child, programs: &[Program<'_>]) -> Came {
        let (input, output) = (Box::new(child.stdin.take().unwrap()), Box::new(child.stdout.take().unwrap()));
        let sent = std::cell::Cell::new(false);
        let outcome = boot(input, output, (Which::Target, programs), GREETING, &|_| sent.set(true)).map(
            |Booted { input, mut output }| {
                drop(input);
                let mut text = String::new();
                output.read_to_string(&mut text).unwrap();
                text
            },
        );
        let complaint = child.wait_with_output().unwrap().stderr;
        Came { outcome, was_sent: sent.get(), complaint: String::from_utf8(complaint).unwrap() }
    }

    fn boot(&self) -> Came {
        let programs = programs(PROGRAM, &DIGEST_OF_PROGRAM, |_| Some(PROGRAM.into()));
        self.come_of(self.start(&programs, None, None), &programs)
    }

    /// What lies where the program is kept.
    fn left(&self, place: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.at(place)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn runs(&self, came: Came, was_sent: bool) {
        let mask = format!("{:04o}", umask());
        assert_eq!(came.outcome.unwrap(), format!("runs: serve {mask}\ngood day\n"));
        assert_eq!((came.was_sent, came.complaint.as_str()), (was_sent, ""));
    }
}

static DIGEST_OF_PROGRAM: std::sync::LazyLock<String> = std::sync::LazyLock::new(digest);

fn digest() -> String {
    Digest::of(PROGRAM.as_bytes()).to_string()
}

fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    u32::from_str_radix(mask.trim(), 8).unwrap()
}

fn which(program: &str) -> PathBuf {
    let paths = ["/usr/bin", "/bin"].map(|directory| Path::new(directory).join(program));
    paths.into_iter().find(|path| path.exists()).unwrap_or_else(|| panic!("there is no {program}"))
}

/// One for this machine, and one that is never wanted.
fn programs<'p>(text: &str, sha256: &'p str, bytes: fn(&str) -> Option<Vec<u8>>) -> [Program<'p>; 2] {
    let system = if cfg!(target_arch = "x86_64") { "x86_64-linux" } else { "aarch64-linux" };
    let other = if system == "x86_64-linux" { "aarch64-linux" } else { "x86_64-linux" };
    let size = text.len() as u64;
    [Program { system: other, sha256: "0", size: 1, bytes: |_| None }, Program { system, sha256, size, bytes }]
}

/// The shells that there are.
fn shells() -> Vec<Vec<String>> {
    let all: [&[&str]; 5] = [&["sh"], &["dash"], &["bash"], &["bash", "--posix"], &["busybox", "sh"]];
    let there = |shell: &&[&str]| shell.first().is_some_and(|name| Path::new("/usr/bin").join(name).exists());
    all.into_iter().filter(there).map(|shell| shell.iter().map(|word| (*word).to_owned()).collect()).collect()
}

#[test]
fn the_scripts_are_one_line_for_every_login_shell() {
    for script in [SCRIPT, NAMED, SUDO] {
        let line = one_line(script);
        assert!(line.len() < 6_000 && !line.contains(['\'', '\\', '!', '\n', '\t']), "{line}");
    }
}

#[test]
fn what_is_not_there_is_sent_once() {
    for shell in shells() {
        let there = There { shell, ..There::new() };
        there.runs(there.boot(), true);
        assert_eq!(there.left("punix"), [format!("punix-target-{}", digest())], "{:?}", there.shell);
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(there.at("punix")), mode(there.kept())), (0o700, 0o700), "{:?}", there.shell);
        there.runs(there.boot(), false);
        assert_eq!((there.left("second"), there.left("third")), (Vec::new(), Vec::new()));
    }
}

#[test]
fn without_a_tool_for_digests_the_program_says_its_own() {
    let tools = TOOLS.into_iter().filter(|tool| *tool != "sha256sum").collect();
    let there = There { tools, ..There::new() };
    there.runs(there.boot(), true);
    there.runs(there.boot(), false);
}

#[test]
fn what_is_kept_is_run_only_if_it_is_the_right_one_and_ours_alone() {
    // As long as the right one, but another.
    let there = There::new();
    there.keep(&PROGRAM.replace("runs", "ruin"));
    there.runs(there.boot(), true);
    assert_eq!(fs::read_to_string(there.kept()).unwrap(), PROGRAM);
    // Torn by a power cut.
    let there = There::new();
    there.keep("");
    there.runs(there.boot(), true);
    // Others could change it, or put another in its place.
    for (path, mode, wanted) in [("", 0o720, true), ("", 0o702, true), ("punix", 0o777, true), ("punix", 0o755, false)]
    {
        let there = There::new();
        there.keep(PROGRAM);
        let path = if path.is_empty() { there.kept() } else { there.at(path) };
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        there.runs(there.boot(), wanted);
        assert_eq!(there.left("second").len(), usize::from(mode == 0o777), "{mode:o}");
    }
    // A link leads to where somebody else decides.
    let there = There::new();
    there.keep(PROGRAM);
    fs::rename(there.at("punix"), there.at("elsewhere")).unwrap();
    std::os::unix::fs::symlink(there.at("elsewhere"), there.at("punix")).unwrap();
    there.runs(there.boot(), true);
    assert_eq!(there.left("second").len(), 1);
}

#[test]
fn what_nobody_has_used_for_a_month_goes() {
    let there = There::new();
    fs::create_dir(there.at("punix")).unwrap();
    fs::set_permissions(there.at("punix"), Permissions::from_mode(0o700)).unwrap();
    for (name, age) in [
        ("punix-target-old", "40 days ago"),
        ("punix-target-recent", "20 days ago"),
        (".new.1", "3 days ago"),
        (".new.2", "1 hour ago"),
        ("other", "400 days ago"),
    ] {
        fs::write(there.at("punix").join(name), "x").unwrap();
        let touched = Command::new("touch").args(["-d", age]).arg(there.at("punix").join(name)).status();
        assert!(touched.unwrap().success());
    }
    there.runs(there.boot(), true);
    let ours = format!("punix-target-{}", digest());
    let mut wanted = [".new.2", "other", &ours, "punix-target-recent"];
    wanted.sort_unstable();
    assert_eq!(there.left("punix"), wanted);
}

#[test]
fn what_a_login_prints_is_passed_over() {
    let there =
        There::before("echo Welcome; echo \"warning: 1\" >&2; head -c 9000 /dev/zero; echo; echo -n \"Good day. \"; ");
    let came = there.boot();
    assert!(came.was_sent && came.complaint == "warning: 1\n");
    assert!(came.outcome.unwrap().ends_with("good day\n"));
    let there = There::before("head -c 300000 /dev/zero; ");
    assert!(matches!(there.boot().outcome, Err(BootError::Noise)));
    let there = There::before("echo No logins today.; exit 1; ");
    let Err(BootError::Gone { printed }) = there.boot().outcome else { panic!("something was started") };
    assert_eq!(printed, "No logins today.");
}

#[test]
fn a_foreign_machine_is_named() {
    for said in ["Linux riscv64", "Darwin arm64", "FreeBSD amd64"] {
        let there = There::before(&format!("uname() {{ echo {said}; }}; "));
        let Err(BootError::System { system, .. }) = there.boot().outcome else { panic!("{said}") };
        assert_eq!((system.as_str(), there.left("punix")), (said, Vec::new()));
    }
    for said in ["Linux amd64", "Linux arm64", "Linux aarch64", "Linux x86_64"] {
        let there = There::before(&format!("uname() {{ echo {said}; }}; "));
        // For one of the two there is nothing.
        assert!(matches!(there.boot().outcome, Ok(_) | Err(BootError::System { .. })), "{said}");
    }
}

#[test]
fn a_tool_that_is_not_there_is_named() {
    for tool in ["id", "uname", "head"] {
        let there = There { tools: TOOLS.into_iter().filter(|other| *other != tool).collect(), ..There::new() };
        let Err(BootError::Tools { tool: named }) = there.boot().outcome else { panic!("{tool}") };
        assert_eq!(named, tool);
    }
}

#[test]
fn where_nothing_can_be_kept_every_place_is_named() {
    let there = There::new();
    fs::write(there.at("punix"), "").unwrap();
    fs::create_dir(there.at("second")).unwrap();
    fs::set_permissions(there.at("second"), Permissions::from_mode(0o777)).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", there.at("third")).unwrap();
    let error = there.boot().outcome.unwrap_err();
    let at = |name: &str| there.at(name).display().to_string();
    let wanted = format!(
        "there is no place to keep `punix-target` in; in `{}` others can write, or it belongs to somebody else; in `{}` \
         others can write, or it belongs to somebody else; in `{}` nothing can be written",
        at("punix"),
        at("second"),
        at("third"),
    );
    assert_eq!(error.to_string(), wanted);
}

/// Runs the script where some places are file systems of their own. `None` where that is not allowed.
fn mounted(there: &There, mounts: &[(&str, &str)], program: [Program<'_>; 2]) -> Option<Came> {
    let tried = Command::new("unshare").args(["-rm", "true"]).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        if let Some(log) = std::env::var_os("PUNIX_SKIP_LOG") {
            let log = fs::OpenOptions::new().append(true).create(true).open(log);
            log.and_then(|mut log| log.write_all(b"SKIP: no file system can be mounted\n")).unwrap();
        }
        return None;
    }
    let mut script = String::new();
    for (place, options) in mounts {
        fs::create_dir_all(there.at(place)).unwrap();
        script.push_str(&format!("mount -t tmpfs -o mode=700,{options} none {} && ", there.at(place).display()));
    }
    let words = words(Which::Target, &program, None, None, GREETING);
    let mut command = there.command(&[]);
    let path = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| Some(value?.to_owned()));
    let mut outer = Command::new(which("unshare"));
    outer.args(["-rm", "/bin/sh", "-c"]).arg(format!("{script} export PATH=\"$1\" && shift && exec /bin/sh \"$@\""));
    outer.arg("outer").arg(path.unwrap());
    outer.args(words.into_iter().skip(1).map(|word| match word.contains("punix-boot ") {
        true => there.moved(&word),
        false => word,
    }));
    command = outer;
    command.env("XDG_CACHE_HOME", there.folder.path()).current_dir(there.folder.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(there.come_of(command.spawn().unwrap(), &program))
}

#[test]
fn where_programs_may_not_be_run_the_next_place_is_taken() {
    let there = There::new();
    let program = || programs(PROGRAM, &DIGEST_OF_PROGRAM, |_| Some(PROGRAM.into()));
    let Some(came) = mounted(&there, &[("punix", "noexec")], program()) else { return };
    assert!(came.outcome.unwrap().ends_with("good day\n"));
    assert_eq!(there.left("second"), [format!("punix-target-{}", digest())]);

    let there = There::new();
    let all = [("punix", "noexec"), ("second", "noexec"), ("third", "ro")];
    let error = mounted(&there, &all, program()).unwrap().outcome.unwrap_err().to_string();
    let at = |name: &str| there.at(name).display().to_string();
    let noexec = |name: &str| format!("; in `{}` programs may not be run (it is mounted with noexec)", at(name));
    let wanted = format!(
        "there is no place to keep `punix-target` in{}{}; in `{}` nothing can be written",
        noexec("punix"),
        noexec("second"),
        at("third")
    );
    assert_eq!(error, wanted);
}

fn large(_: &str) -> Option<Vec<u8>> {
    Some(format!("{PROGRAM}exit\n{}", "x".repeat(2 << 20)).into())
}

#[test]
fn a_full_disk_is_named() {
    let there = There::new();
    let bytes = large("").unwrap();
    let digest = Digest::of(&bytes).to_string();
    let text = String::from_utf8(bytes).unwrap();
    let Some(came) = mounted(&there, &[("punix", "size=64k")], programs(&text, &digest, large)) else { return };
    let error = came.outcome.unwrap_err();
    assert!(matches!(error, BootError::Room { .. }), "{error}");
    assert!(error.to_string().contains(&there.at("punix").display().to_string()), "{error}");
}

#[test]
fn what_did_not_arrive_whole_is_never_kept() {
    let other = |_: &str| Some(PROGRAM.replace("runs", "ruin").into());
    let programs = programs(PROGRAM, &DIGEST_OF_PROGRAM, other);
    let there = There::new();
    let came = there.come_of(there.start(&programs, None, None), &programs);
    assert_eq!(
        came.outcome.unwrap_err().to_string(),
        "`punix-target` did not arrive as it was sent: it has another digest"
    );
    assert!(there.left("punix").is_empty());

    // Whoever sends goes away in the middle.
    let mut child = there.start(&programs, None, None);
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    input.write_all(GREETING).unwrap();
    assert_eq!(said(&mut output).unwrap().split_once(' ').unwrap().0, "lacks");
    input.write_all(&PROGRAM.as_bytes()[..20]).unwrap();
    drop(input);
    assert_eq!(said(&mut output).unwrap(), "fails torn it has another size");
    child.wait().unwrap();
    assert!(there.left("punix").is_empty());
}

#[test]
fn a_program_that_is_named_is_started_and_none_other() {
    let there = There::new();
    there.keep(PROGRAM);
    let start = |path: &Path| there.come_of(there.start(&[], Some(path), None), &[]);
    there.runs(start(&there.kept()), false);
    let words = |came: Came| came.outcome.unwrap_err().to_string();
    let plain = there.at("plain");
    assert_eq!(words(start(&plain)), format!("{} may not be run", plain.display()));
    assert_eq!(words(start(Path::new("/nowhere/it is"))), "/nowhere/it is is not there");
    assert_eq!(words(start(Path::new("absent"))), "absent is not there");
    // A name alone is looked for as every command is.
    std::os::unix::fs::symlink(there.kept(), there.at("bin/ours")).unwrap();
    there.runs(start(Path::new("ours")), false);
}

#[test]
fn root_does_it_without_being_asked_for_a_password() {
    let sudo = |text: &str| {
        let there = There::before("id() { if [ \"$1\" = -u ]; then echo 1000; fi; }; ");
        fs::write(there.at("plain-sudo"), text).unwrap();
        drop(there.command(&[]));
        let copied =
            Command::new("install").args(["-m", "755"]).args([there.at("plain-sudo"), there.at("bin/sudo")]).status();
        assert!(copied.unwrap().success());
        std::os::unix::fs::symlink("/bin/sh", there.at("bin/sh")).unwrap();
        there
    };
    // The script behind it sees who he really is.
    let there =
        sudo("#!/bin/sh\n[ \"$1 $2 $3 $4\" = '-n -H env SSH_CONNECTION=a b' ] || exit 9\nshift 2\nexec \"$@\"\n");
    let programs = programs(PROGRAM, &DIGEST_OF_PROGRAM, |_| Some(PROGRAM.into()));
    let there = There { before: String::new(), ..there };
    let start = |there: &There| {
        let words = words(Which::Target, &programs, None, Some(Become::Sudo), GREETING);
        let mut words: Vec<String> = words.into_iter().skip(1).collect();
        if let Some(outer) = words.get_mut(1) {
            *outer = format!("id() {{ echo 1000; }}; {outer}");
        }
        if let Some(script) = words.get_mut(2) {
            *script = there.moved(script);
        }
        there.come_of(there.command(&words).spawn().unwrap(), &programs)
    };
    there.runs(start(&there), true);
    let there = There { before: String::new(), ..sudo("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n") };
    let came = start(&there);
    assert!(matches!(came.outcome, Err(BootError::Gone { .. })));
    assert_eq!(came.complaint, "sudo: a password is required\n");
    let there = There::new();
    assert_eq!(
        start(&there).outcome.unwrap_err().to_string(),
        "there is no program `sudo`, which it takes to start ours"
    );
}
