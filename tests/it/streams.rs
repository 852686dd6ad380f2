//! The binary's streams: JSON that says what the text says, results that nobody reads, files with odd names.

use crate::exact::Json;
use crate::support::{Folder, Outcome, lines, punix, run, run_with_input, scrubbed};
use punix_pcl::{Source, World, check};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

const WRONG: &str = "module A {\n  option port : Int = \"80\"\n  x = nope\n  y = [1, true]\n}\n\
                     module B { A.port = 1 A.z = 2 }\nmodule S { backend = \"systemd\" extra = 1 servces = [] }\n";

/// Returns what a diagnostic of a JSON document says, as the text says it.
fn as_text(found: &Json) -> String {
    let code = match found["code"].text() {
        "" => String::new(),
        code => format!("[{code}] "),
    };
    let place = |of: &Json| match of["file"].text() {
        "" => String::new(),
        file => format!("{file}:{}:{}: ", of["line"], of["column"]),
    };
    let mut text = format!("{}{}: {code}{}\n", place(found), found["severity"].text(), found["message"].text());
    for note in found["notes"].list() {
        text.push_str(&format!("{}note: {}\n", place(note), note["message"].text()));
    }
    if found["help"] != Json::Null {
        text.push_str(&format!("help: {}\n", found["help"].text()));
    }
    text
}

#[test]
fn json_and_text_hold_the_same_facts() {
    let folder = Folder::with(&[("wrong.pcl", WRONG), ("warned.pcl", "module S { backend = \"b\" extra = 1 }")]);
    for (file, code) in [("wrong.pcl", 1), ("warned.pcl", 0)] {
        let text = folder.punix(["check", file]);
        let data = folder.punix(["check", file, "--json"]);
        assert_eq!((text.code, data.code, data.stderr.as_str()), (Some(code), Some(code), ""), "{data:?}");
        let document = data.json();
        assert_eq!(document["ok"], Json::Bool(code == 0));
        assert_eq!(document["dropped"].number(), Some(0));
        let told: String = document["diagnostics"].list().iter().map(as_text).collect();
        assert!(text.stderr.starts_with(&told), "text\n{}\njson\n{told}", text.stderr);
        assert!(document["diagnostics"].list().len() >= code as usize);
    }
}

#[test]
fn json_counts_what_it_leaves_out() {
    let many: String = (0..1_100).map(|n| format!("x{n} = nope{n}\n")).collect();
    let folder = Folder::with(&[("many.pcl", &format!("module A {{\n{many}}}"))]);
    let document = folder.punix(["check", "many.pcl", "--json"]).json();
    assert_eq!(document["diagnostics"].list().len(), 1_000);
    assert_eq!(document["dropped"].number(), Some(100));
    let text = folder.punix(["check", "many.pcl"]);
    assert!(text.stderr.contains("\n… and 100 more\n"), "{}", text.stderr.lines().last().unwrap_or(""));
}

#[test]
fn every_verb_fails_in_json_too() {
    let folder = Folder::with(&[("wrong.pcl", WRONG), ("right.pcl", "module A { x = 1 }")]);
    for (arguments, code, wanted) in [
        (&["eval", "wrong.pcl"][..], 1, "E1"),
        (&["why", "wrong.pcl", "A.x"], 1, "E1"),
        (&["eval", "right.pcl", "A.y"], 1, "E2"),
        (&["eval", "right.pcl", "B"], 1, "E2"),
        (&["why", "right.pcl", "A.y"], 1, "E2"),
        (&["eval", "right.pcl", "--scenario", "s"], 1, "E2"),
        (&["why", "right.pcl", "A.x", "--scenario", "s"], 1, "E2"),
    ] {
        let outcome = folder.punix(arguments.iter().chain(&["--json"]));
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(code), ""), "{arguments:?}: {outcome:?}");
        let document = outcome.json();
        let first = document["diagnostics"].list().first().map_or("", |found| found["code"].text()).to_owned();
        assert_eq!(first, wanted, "{arguments:?}");
        let text = folder.punix(arguments);
        assert_eq!((text.code, text.stdout.as_str()), (Some(code), ""), "{arguments:?}");
        assert!(text.stderr.contains(&format!("error: [{wanted}]")), "{arguments:?}: {}", text.stderr);
    }
}

#[test]
fn eval_prints_the_same_with_and_without_json() {
    let text =
        "module A { n = 123456789012345678901234567890 s = { from_env = \"K\" } t = \"é\\n\" l = [true] r = {} }";
    let folder = Folder::with(&[("a.pcl", text)]);
    let plain = folder.punix(["eval", "a.pcl"]);
    assert_eq!(plain.json(), folder.punix(["eval", "a.pcl", "--json"]).json());
    assert!(plain.stdout.is_ascii() && plain.stdout.ends_with("}\n"), "{}", plain.stdout);
    let n = folder.punix(["eval", "a.pcl", "A.n"]);
    assert_eq!(n.stdout, "123456789012345678901234567890\n");
    let secret = folder.punix(["eval", "a.pcl", "A.s"]);
    assert_eq!(secret.stdout, "{\"$secret\": [\"from_env\", \"K\"]}\n");
}

/// A secret's value is never asked for, whatever the environment holds.
#[test]
fn secrets_stay_where_they_are() {
    let text = "module A { s = { from_env = \"TOKEN\" } f = { from_file = \"token.txt\" } }";
    let folder = Folder::with(&[("a.pcl", text), ("token.txt", "hunter2")]);
    for arguments in [&["check", "a.pcl"][..], &["eval", "a.pcl"], &["why", "a.pcl", "A.s"], &["why", "a.pcl", "A.f"]] {
        let mut command = punix();
        command.args(arguments).current_dir(folder.path()).env("TOKEN", "hunter2");
        let outcome = run(command);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(!outcome.stdout.contains("hunter2") && !outcome.stderr.contains("hunter2"), "{outcome:?}");
    }
}

#[test]
fn colours_are_never_drawn_where_nobody_asked() {
    let folder = Folder::with(&[("wrong.pcl", WRONG)]);
    for (variables, flags) in
        [(&[][..], &[][..]), (&[("NO_COLOR", "1")], &[]), (&[("TERM", "xterm-256color")], &["--explain"])]
    {
        let mut command = punix();
        command.args(["check", "wrong.pcl"]).args(flags).current_dir(folder.path());
        command.envs(variables.iter().copied());
        let outcome = run(command);
        assert!(!outcome.stderr.contains('\u{1b}'), "{variables:?} {flags:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("wrong.pcl:2:23: error: [E1]"), "{}", outcome.stderr);
    }
}

/// The result is lost, not the mind: no panic, no backtrace, an exit code that is not success.
#[test]
fn a_closed_pipe_ends_the_command_quietly() {
    let folder = Folder::with(&[("list.pcl", &format!("module A {{ x = [{}] }}", "1,".repeat(200_000)))]);
    let mut command = punix();
    command.args(["eval", "list.pcl"]).current_dir(folder.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    drop(child.stdout.take()); // the document is longer than a pipe holds
    let outcome = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&outcome.stderr), "");
    assert_eq!(outcome.status.code(), Some(141));
}

#[test]
fn a_full_disk_is_told() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return crate::support::skip("a_full_disk_is_told: there is no /dev/full");
    };
    let folder = Folder::with(&[("a.pcl", "module A { x = 1 }")]);
    let mut command = punix();
    command.args(["eval", "a.pcl"]).current_dir(folder.path());
    command.stdout(full).stderr(Stdio::piped());
    let outcome = command.spawn().and_then(|child| child.wait_with_output()).expect("it ends");
    let told = String::from_utf8_lossy(&outcome.stderr);
    assert!(told.starts_with("error: cannot write the result: "), "{told}");
    assert!(!outcome.status.success());
}

#[test]
fn a_program_can_come_from_a_stream() {
    let folder = Folder::new();
    let mut command = punix();
    command.args(["check", "/dev/stdin"]).current_dir(folder.path());
    let outcome = run_with_input(command, Some(b"module A { x = nope }"));
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.starts_with("/dev/stdin:1:16: error: [E2]"), "{}", outcome.stderr);
}

/// A FIFO that nobody writes to would be waited for without end.
#[test]
fn what_is_no_file_is_refused() {
    let folder = Folder::new();
    let mut make = scrubbed("mkfifo");
    make.arg("pipe.pcl").current_dir(folder.path()).env("PATH", "/usr/bin:/bin");
    assert_eq!(run(make).code, Some(0));
    for path in ["pipe.pcl", ".", "/dev/null"] {
        let outcome = folder.punix(["check", path]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{path}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert!(outcome.stderr.starts_with("error: cannot read "), "{}", outcome.stderr);
    }
}

#[test]
fn names_are_shown_as_they_were_given() {
    let folder = Folder::with(&[("a b/ü.pcl", "module A { x = nope }"), ("a b/.pcl", "module B { x = nope }")]);
    let first = |outcome: &Outcome| outcome.stderr.lines().next().unwrap_or("").to_owned();
    let outcome = folder.punix(["check", "./a b//ü.pcl"]);
    assert_eq!(first(&outcome), "a b/ü.pcl:1:16: error: [E2] the module `A` has no member `nope`");
    let outcome = folder.punix(["check", "a b"]);
    assert!(first(&outcome).starts_with("a b/.pcl:1:16: "), "hidden files count: {}", outcome.stderr);
    let mut here = punix();
    here.args(["check", "."]).current_dir(folder.path().join("a b"));
    assert!(first(&run(here)).starts_with(".pcl:1:16: "), "no `./` before the name");
    let odd = folder.path().join(OsStr::from_bytes(b"\xff.pcl"));
    std::fs::write(&odd, "module A { x = nope }").expect("a file can have any name");
    let outcome = folder.punix([OsStr::new("check"), odd.as_os_str()]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(first(&outcome).contains("\u{fffd}.pcl:1:16: error: [E2]"), "{}", outcome.stderr);
}

/// What `check` prints of a folder is what the library says of its files in their order.
#[test]
fn a_folder_is_read_in_the_order_of_its_paths() {
    let texts = [
        ("a/z.pcl", "module A { x = 1 }"),
        ("a-b/y.pcl", "module A { x = 2 }"),
        ("a.pcl", "module A { x = 3 }"),
        ("Z.pcl", "module A { x = 4 }"),
    ];
    let folder = Folder::new();
    for (name, text) in texts {
        folder.write(&format!("p/{name}"), text);
    }
    let sorted = ["p/Z.pcl", "p/a/z.pcl", "p/a-b/y.pcl", "p/a.pcl"];
    let source = |name: &str| {
        let text = texts.iter().find(|(known, _)| name.ends_with(&format!("/{known}"))).map_or("", |(_, text)| text);
        Source { name: name.to_owned(), bytes: text.into() }
    };
    let checked = check(sorted.map(source).into(), &World::default());
    let outcome = folder.punix(["check", "p"]);
    assert!(outcome.stderr.starts_with(&lines(&checked)), "{}\n{}", outcome.stderr, lines(&checked));
}
