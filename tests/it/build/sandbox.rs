//! What a build sees and can do, and that nothing else finds its way into what it makes.

use super::offer::Server;
use super::{Home, about, copy, has, isolation, list, mode, only, paths, sandboxed, shell, text, tree, under_umask};
use crate::support::{Outcome, run, run_with_input};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Far less than what builds below try to wait, and far more than they take.
const SOON: Duration = Duration::from_secs(40);

/// Reads an environment as the kernel shows it.
fn environment(path: &Path) -> BTreeMap<String, String> {
    let bytes = fs::read(path).expect("a build wrote it");
    let text = String::from_utf8(bytes).expect("it is text");
    let pairs = text.lines().map(|pair| pair.split_once('=').expect("a name and a value"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Runs a build as somebody whose environment is full.
fn build_amid(home: &Home, options: &[&str]) -> BTreeMap<String, PathBuf> {
    let mut command = home.command(["build", "--store-root", "store", "p.pcl", "--cores", "3"]);
    command.args(options).envs([("CFLAGS", "-O0"), ("SECRET", "x"), ("LD_LIBRARY_PATH", "/tmp"), ("LC_ALL", "C")]);
    command.envs([
        ("ENV", "/tmp/x"),
        ("BASH_FUNC_ls%%", "() { false; }"),
        ("TMPDIR", "/tmp"),
        ("PATH", "/bin:/usr/bin"),
    ]);
    paths(&run_with_input(command, Some(b"what the caller says")))
}

fn environment_program() -> String {
    // Not in the order of their modules.
    let libraries = [("A", "zeta"), ("Z", "alpha")];
    let libraries = libraries.map(|(module, name)| shell(module, "mkdir $OUTPUT/bin", &format!("pname = \"{name}\"")));
    let command = "tr '\\0' '\\n' < /proc/$$/environ > $OUTPUT/env; cat > $OUTPUT/stdin; ls -A $HOME > $OUTPUT/home";
    libraries.concat() + &shell("P", command, "deps = [A.pname, Z.pname]  pname = \"p\"  version = \"1\"")
}

/// D16: the environment is exactly this, and the input is empty.
#[test]
fn nothing_of_the_callers_environment_is_seen() {
    if !sandboxed() {
        return;
    }
    let home = Home::of(&environment_program());
    let built = build_amid(&home, &[]);
    let [first, second] = ["Z", "A"].map(|module| built[module].display().to_string());
    let entry = built["P"].display().to_string();
    let path = format!("{first}/bin:{second}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let shell = if Path::new("/bin/bash").exists() { "/bin/bash" } else { "/usr/bin/bash" };
    let expected = [
        ("DEP_0", first.as_str()),
        ("DEP_0_NAME", "alpha"),
        ("DEP_1", &second),
        ("DEP_1_NAME", "zeta"),
        ("FINAL_STORE_PATH", &entry),
        ("HOME", "/build/home"),
        ("LC_ALL", "C.UTF-8"),
        ("LOGNAME", "builder"),
        ("MAKEFLAGS", "-j3"),
        ("NIX_BUILD_CORES", "3"),
        ("OUTPUT", &entry),
        ("PATH", &path),
        ("PUNIX_ARCH", &format!("{}-linux", std::env::consts::ARCH)),
        ("SHELL", shell),
        ("SOURCE", "/build/source"),
        ("SOURCE_DATE_EPOCH", "315532800"),
        ("TEMP", "/build/tmp"),
        ("TERM", "dumb"),
        ("TMP", "/build/tmp"),
        ("TMPDIR", "/build/tmp"),
        ("TZ", "UTC"),
        ("USER", "builder"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(environment(&built["P"].join("env")), BTreeMap::from(expected));
    assert_eq!(text(&built["P"].join("stdin")), "");
    assert_eq!(text(&built["P"].join("home")), "");
}

/// Without a sandbox the environment is as clean, only the places are other ones.
#[test]
fn without_a_sandbox_the_environment_is_still_clean() {
    let home = Home::of(&environment_program());
    let built = build_amid(&home, &["--no-sandbox"]);
    let found = environment(&built["P"].join("env"));
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    let expected = "DEP_0 DEP_0_NAME DEP_1 DEP_1_NAME FINAL_STORE_PATH HOME LC_ALL LOGNAME MAKEFLAGS NIX_BUILD_CORES OUTPUT \
                    PATH PUNIX_ARCH SHELL SOURCE SOURCE_DATE_EPOCH TEMP TERM TMP TMPDIR TZ USER";
    assert_eq!(names.join(" "), expected);
    assert_eq!(found["LC_ALL"], "C.UTF-8");
    assert_eq!(Path::new(&found["FINAL_STORE_PATH"]), built["P"]);
    assert!(!Path::new(&found["HOME"]).starts_with(home.path("home")) && !found["PATH"].starts_with("/bin:"));
    assert_eq!(text(&built["P"].join("stdin")), "");
}

/// D16: of the caller's files, of other entries and of the system's users there is nothing.
#[test]
fn nothing_but_the_inputs_is_seen() {
    if !sandboxed() {
        return;
    }
    let home = Home::new();
    home.write("home/.ssh/id", "private");
    let look = format!(
        "exec > $OUTPUT/said
        for path in {0}/p.pcl {0}/home {0}/home/.ssh/id /home /root /etc/shadow /etc/hostname /var /srv /sys /run \
            /dev/sda /dev/kmsg /dev/mem /dev/tty; do
            if test -r $path && test -n \"$(ls -A $path 2>/dev/null)\"; then echo \"seen: $path\"; fi
        done
        echo \"folder: $(ls -A {0})\"
        echo \"store: $(ls -A $(dirname $OUTPUT) | cut -c 34- | sort | tr '\\n' ' ')\"
        echo \"processes: $(ls /proc | grep -c '^[0-9]')\"
        echo \"user: $(id -u):$(id -g)\"
        grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs)' /proc/self/status
        pwd; umask; ls -A $OUTPUT",
        home.path("").display().to_string().trim_end_matches('/')
    );
    let program = shell("Deep", "touch $OUTPUT/x", "pname = \"deep\"")
        + &shell("Lib", "touch $OUTPUT/x", "pname = \"lib\" deps = [Deep.pname]")
        + &shell("Stranger", "touch $OUTPUT/x", "")
        + &shell("P", &look, "deps = [Lib.pname]  pname = \"p\"");
    home.write("p.pcl", program);
    home.built(["p.pcl", "--only", "Stranger"]);
    let said = text(&home.built(["p.pcl"])["P"].join("said"));
    let mut lines: Vec<&str> = said.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("processes: ")).expect("it says so");
    let processes: u32 = lines.remove(at)["processes: ".len()..].parse().expect("a number");
    // Process 1, the shell, a subshell, `ls` and `grep`; of the system there are more.
    assert!(processes <= 6, "{said}");
    let none = "0000000000000000";
    let expected = [
        "folder: store".to_owned(),
        "store: deep-0 lib-0 p-0 ".to_owned(),
        "user: 1000:100".to_owned(),
        format!("CapInh:\t{none}"),
        format!("CapPrm:\t{none}"),
        format!("CapEff:\t{none}"),
        format!("CapBnd:\t{none}"),
        format!("CapAmb:\t{none}"),
        "NoNewPrivs:\t1".to_owned(),
        "/build/source".to_owned(),
        "0022".to_owned(),
        "said".to_owned(),
    ];
    assert_eq!(lines, expected);
}

/// D16: what a build needs, it cannot change, nor anything of the system.
#[test]
fn inputs_and_the_system_cannot_be_changed() {
    if !sandboxed() {
        return;
    }
    let home = Home::of(
        &(shell("Lib", "mkdir $OUTPUT/bin; echo lib > $OUTPUT/bin/lib", "")
            + &shell(
                "P",
                "exec 2> $OUTPUT/said
                for path in $DEP_0/bin/lib $DEP_0/new $DEP_0/bin $(dirname $DEP_0)/new /usr/bin/new /usr/new /etc/passwd \
                    /etc/new /new /proc/sys/kernel/hostname /dev/new; do
                    if (echo x > $path) || chmod 777 $path || mv $path $path.old || rm -rf $path; then
                        echo \"changed: $path\" >&2
                    fi
                done
                if mount -t tmpfs x /build/tmp || unshare -Ur true; then echo 'a mount' >&2; fi
                echo x > /tmp/x; echo x > $HOME/x; echo x > $TMPDIR/y; echo x > $SOURCE/x",
                "deps = [Lib.pname]",
            )),
    );
    let lib = home.built(["p.pcl", "--only", "Lib"])["Lib"].clone();
    let before = tree(&lib);
    let built = home.built(["p.pcl"]);
    let said = text(&built["P"].join("said"));
    // Making what is not there executable, moving or removing it fails as well; only `rm -f` of nothing is no failure.
    let changed: Vec<&str> =
        said.lines().filter(|line| line.starts_with("changed: ") && !line.contains("new")).collect();
    assert_eq!(changed, [""; 0], "{said}");
    assert!(!said.contains("a mount"), "{said}");
    assert_eq!(tree(&lib), before);
    assert!(!Path::new("/usr/bin/new").exists() && !Path::new("/etc/new").exists() && !Path::new("/new").exists());
}

/// D16: there is no network, not even this machine's own; a source whose digest is known has it.
#[test]
fn only_a_fixed_output_has_a_network() {
    if !sandboxed() {
        return;
    }
    let server = Server::of("/", b"hello".to_vec());
    let port = server.port();
    let ask =
        format!("exec 3<>/dev/tcp/127.0.0.1/{port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3 | tail -c 5");
    let home = Home::new();
    assert_eq!(home.says(&shell("P", &format!("({ask}) > $OUTPUT/said || echo none >> $OUTPUT/said"), "")), "none\n");
    assert!(server.heads().is_empty());
    let hash = "1".repeat(64);
    let program = |hash: &str| {
        let source = format!("type = \"fixed_output\"  hash = \"{hash}\"  command = COMMAND.text");
        copy("P", &source, "") + &format!("module COMMAND {{ text = \"\"\"\n({ask}) > said\n\"\"\" }}\n")
    };
    home.write("p.pcl", program(&hash));
    let outcome = home.fails(&[]);
    let found = found_digest(&outcome);
    assert_eq!(home.says(&program(&found)), "hello");
    assert_eq!(server.heads().len(), 2);
}

/// Returns the digest that an E13 says was found.
fn found_digest(outcome: &Outcome) -> String {
    has(&outcome.stderr, "[E13]");
    outcome.stderr.split("got ").nth(1).and_then(|rest| rest.get(..64)).expect("it says which one").to_owned()
}

/// Returns whether a process has this among its arguments.
fn runs(argument: &str) -> bool {
    list(Path::new("/proc")).iter().any(|process| {
        let arguments = fs::read(Path::new("/proc").join(process).join("cmdline")).unwrap_or_default();
        arguments.split(|&byte| byte == 0).any(|part| part == argument.as_bytes())
    })
}

/// D29: what a build leaves running delays nobody, and ends with it.
#[test]
fn what_a_build_leaves_running_ends_with_it() {
    if !sandboxed() {
        return;
    }
    let long = format!("90.{}", std::process::id());
    let start = Instant::now();
    let home = Home::new();
    let said = home.says(&shell("P", &format!("sleep {long} & setsid sleep {long} & echo done > $OUTPUT/said"), ""));
    assert_eq!(said, "done\n");
    assert!(start.elapsed() < SOON && !runs(&long));
}

/// D29: a build that takes too long is killed with all that it started, also what hides in a session of its own.
#[test]
fn a_timeout_kills_everything() {
    let long = format!("91.{}", std::process::id());
    let start = Instant::now();
    let home =
        Home::of(&shell("P", &format!("echo begun; sleep {long} & (sleep {long}; true) & sleep {long}; true"), ""));
    let outcome = home.fails(&["--timeout", "1"]);
    assert!(start.elapsed() < SOON && !runs(&long));
    has(&outcome.stderr, "FAIL\tP\tthe build took longer than 1 seconds\n");
    has(&outcome.stderr, "p.pcl:3:");
    has(&outcome.stderr, "error: [E8] `P`: the build took longer than 1 seconds\n");
    has(&outcome.stderr, "begun\n");
    has(&outcome.stderr, "help: give it more time with `--timeout SECONDS`\n");
    assert!(home.entries().is_empty() && home.leftovers().is_empty());
}

/// D22: modes, times and privileges are those of the store, whatever umask somebody has.
#[test]
fn modes_and_times_are_normal_whatever_was_built() {
    let program = shell(
        "P",
        "umask 077; cd $OUTPUT; mkdir -p bin deep/libexec private; touch private/file plain deep/libexec/run bin/run
        echo '#!/bin/sh' > tool; chmod 4755 tool; chmod 0600 plain; chmod 0000 private/file; chmod 2770 private
        touch -d 2001-02-03 plain tool deep; ln -s plain link; ln plain same; cp -R $SOURCE/. .",
        "source = { path = \"src\" }",
    );
    let home = Home::of(&program);
    home.write("src/new", "x");
    let build = |umask: &str, root: &str| {
        let mut command = home.command([&["build", "p.pcl", "--store-root", root], isolation()].concat());
        command.env("HOME", home.path(root).join("home"));
        only(paths(&run(under_umask(command, umask))))
    };
    let one = build("000", "a");
    let expected = [
        ("", 0o555),
        ("bin", 0o555),
        ("bin/run", 0o555),
        ("deep/libexec/run", 0o555),
        ("private", 0o555),
        ("private/file", 0o444),
        ("plain", 0o444),
        ("same", 0o444),
        ("new", 0o444),
        ("tool", 0o555),
        ("built", 0o444),
        ("derivation.json", 0o444),
        ("manifest.json", 0o444),
    ];
    for (path, wanted) in expected {
        let path = one.join(path);
        assert_eq!(mode(&path), wanted, "{}", path.display());
        assert_eq!((about(&path).mtime(), about(&path).mtime_nsec()), (1, 0), "{}", path.display());
    }
    assert_eq!(about(&one.join("link")).mtime(), 1);
    let other = build("077", "b");
    assert_eq!(tree(&one), tree(&other));
}

/// D23: any name that a file can have, and whatever holds the path of the output.
fn odd_names(binary: bool) -> String {
    let binary = if binary { "printf '\\0%s\\0' \"$OUTPUT\" > binary" } else { "true" };
    let command = format!(
        "cd $OUTPUT; mkdir 'a directory'
        printf '%s/bin x\\n' \"$OUTPUT\" > 'a directory/a file'
        printf x > $'two\\nlines'; printf x > $'\\xff\\xfe'; printf x > '-rf'; printf x > '*'; printf x > \"it's \\\"q\\\" \\\\\"
        ln -s \"$OUTPUT/a directory/a file\" absolute; ln -s 'a directory' relative; ln -s \"$OUTPUT\" top; ln -s nowhere gone
        {binary}"
    );
    shell("P", &command, "")
}

#[test]
fn odd_names_and_the_outputs_own_path_stay_as_they_are() {
    if !sandboxed() {
        return;
    }
    let home = Home::of(&odd_names(true));
    let entry = home.entry();
    check_odd_names(&entry);
    let binary = fs::read(entry.join("binary")).expect("it is there");
    assert_eq!(binary, [b"\0", entry.as_os_str().as_bytes(), b"\0"].concat());
    let checked = home.punix(["store", "verify", "--store-root", "store"]);
    assert_eq!(checked.code, Some(0), "{checked:#?}");
}

#[test]
fn without_a_sandbox_texts_and_links_are_adapted_and_binaries_refused() {
    let home = Home::of(&odd_names(false));
    let entry = only(paths(&home.punix(["build", "--store-root", "store", "--no-sandbox", "p.pcl"])));
    check_odd_names(&entry);
    home.write("p.pcl", odd_names(true));
    let outcome = home.punix(["build", "--store-root", "store", "--no-sandbox", "p.pcl"]);
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    has(&outcome.stderr, "[E8] `P`: `");
    has(&outcome.stderr, "leave out `--no-sandbox`");
    has(&outcome.stderr, "warning: builds run without a sandbox");
    assert_eq!(home.entries().len(), 1);
}

fn check_odd_names(entry: &Path) {
    assert_eq!(text(&entry.join("a directory/a file")), format!("{}/bin x\n", entry.display()));
    for name in [&b"two\nlines"[..], b"\xff\xfe", b"-rf", b"*", b"it's \"q\" \\"] {
        assert_eq!(text(&entry.join(OsStr::from_bytes(name))), "x", "{}", name.escape_ascii());
    }
    let target = |link: &str| fs::read_link(entry.join(link)).expect("it is a link");
    assert_eq!(target("absolute"), entry.join("a directory/a file"));
    assert_eq!(target("top"), entry);
    assert_eq!(target("relative"), Path::new("a directory"));
    assert_eq!(target("gone"), Path::new("nowhere"));
}
