//! The binary as a user meets it: exit codes, streams, files that cannot be read, and JSON.
//!
//! Over 500 lines: most of them are the expected texts.

use crate::support::{Folder, Outcome, punix, run, scrubbed, skip};
use expect_test::{Expect, expect};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

const WEB: &str = "module Web {\n  option port : Int = 8080\n  url = f\"http://localhost:{port}/\"\n}\n\
                   module Site { Web.port = 9090 }\nmodule Twin { Web.port = 9090 }\n\
                   module Distribution { Web.port = default 80 }\nscenario test { Web.port = force 1 }\n";

/// Shows all that a run gave.
#[track_caller]
fn gives(outcome: &Outcome, expected: &Expect) {
    let code = outcome.code.map_or("killed".to_owned(), |code| code.to_string());
    let stream = |name: &str, text: &str| if text.is_empty() { String::new() } else { format!("{name}:\n{text}") };
    let shown = format!("exit {code}\n{}{}", stream("stdout", &outcome.stdout), stream("stderr", &outcome.stderr));
    expected.assert_eq(&shown);
}

#[test]
fn check_says_ok_or_what_is_wrong() {
    let folder = Folder::with(&[("web.pcl", WEB), ("bad.pcl", "module A { x = nope }\n"), ("empty.pcl", "")]);
    gives(
        &folder.punix(["check", "web.pcl"]),
        &expect![[r#"
        exit 0
        stdout:
        ok
    "#]],
    );
    gives(
        &folder.punix(["check", "empty.pcl"]),
        &expect![[r#"
        exit 0
        stdout:
        ok
    "#]],
    );
    gives(
        &folder.punix(["check", "bad.pcl"]),
        &expect![[r#"
        exit 1
        stderr:
        bad.pcl:1:16: error: [E2] the module `A` has no member `nope`
    "#]],
    );
    gives(
        &folder.punix(["check", "--explain", "bad.pcl"]),
        &expect![[r#"
        exit 1
        stderr:
        bad.pcl:1:16: error: [E2] the module `A` has no member `nope`
          |
        1 | module A { x = nope }
          |                ^^^^
    "#]],
    );
    gives(
        &folder.punix(["check", "web.pcl", "--scenario", "tset"]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E2] there is no scenario `tset`
        help: did you mean `test`?
    "#]],
    );
}

#[test]
fn a_directory_is_one_program() {
    let folder = Folder::with(&[
        ("p/a.pcl", "module A { option x : Int }"),
        ("p/deep/b.pcl", "module B { A.x = C.y }"),
        ("p/.hidden.pcl", "module C { y = 1 }"),
        ("p/notes.txt", "not PCL"),
    ]);
    gives(
        &folder.punix(["check", "p"]),
        &expect![[r#"
        exit 0
        stdout:
        ok
    "#]],
    );
    gives(
        &folder.punix(["eval", "./p//", "A.x"]),
        &expect![[r#"
        exit 0
        stdout:
        1
    "#]],
    );
    folder.write("p/deep/c.pcl", "module B { z = nope }");
    gives(
        &folder.punix(["check", "p"]),
        &expect![[r#"
        exit 1
        stderr:
        p/deep/c.pcl:1:16: error: [E2] the module `B` has no member `nope`
    "#]],
    );
    gives(
        &folder.punix(["check", "./p/deep/../deep"]),
        &expect![[r#"
        exit 1
        stderr:
        p/deep/../deep/b.pcl:1:12: error: [E2] there is no module `A`
        p/deep/../deep/b.pcl:1:18: error: [E2] there is no module `C`
        p/deep/../deep/c.pcl:1:16: error: [E2] the module `B` has no member `nope`
        3 errors
    "#]],
    );
    std::fs::create_dir(folder.path().join("void")).expect("a folder can be made");
    gives(
        &folder.punix(["check", "void"]),
        &expect![[r#"
        exit 0
        stdout:
        ok
    "#]],
    );
}

#[test]
fn what_cannot_be_read_is_told_in_one_line() {
    let folder = Folder::with(&[("web.pcl", WEB), ("tree/a.pcl", "")]);
    std::fs::create_dir(folder.path().join("tree/x.pcl")).expect("a folder can be made");
    symlink("loop.pcl", folder.path().join("loop.pcl")).expect("a link can be made");
    std::fs::create_dir(folder.path().join("dangling")).expect("a folder can be made");
    symlink("nowhere", folder.path().join("dangling/x.pcl")).expect("a link can be made");
    gives(
        &folder.punix(["check", "nope.pcl"]),
        &expect![[r#"
            exit 2
            stderr:
            error: cannot read `nope.pcl`: there is no such file or directory
        "#]],
    );
    gives(
        &folder.punix(["check", "tree"]),
        &expect![[r#"
            exit 2
            stderr:
            error: cannot read `tree/x.pcl`: it is a directory
        "#]],
    );
    gives(
        &folder.punix(["check", "loop.pcl"]),
        &expect![[r#"
            exit 2
            stderr:
            error: cannot read `loop.pcl`: its links go in a circle
        "#]],
    );
    gives(
        &folder.punix(["check", "dangling"]),
        &expect![[r#"
            exit 2
            stderr:
            error: cannot read `dangling/x.pcl`: there is no such file or directory
        "#]],
    );
    gives(
        &folder.punix(["check", "web.pcl/below"]),
        &expect![[r#"
            exit 2
            stderr:
            error: cannot read `web.pcl/below`: a part of the path is not a directory
        "#]],
    );
    gives(
        &folder.punix(["check", "/dev/null/x"]),
        &expect![[r#"
            exit 2
            stderr:
            error: cannot read `/dev/null/x`: a part of the path is not a directory
        "#]],
    );
    for verb in ["eval", "why"] {
        let target = if verb == "why" { &["A.x"][..] } else { &[] };
        let outcome = folder.punix([verb, "nope.pcl"].iter().chain(target));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    }
    let json = folder.punix(["check", "--json", "nope.pcl"]);
    assert_eq!(json.code, Some(2));
    assert_eq!(json.json()["diagnostics"].list().len(), 1);
}

#[test]
fn links_are_followed_to_files_and_never_round_in_circles() {
    let folder = Folder::with(&[("real/web.pcl", WEB)]);
    symlink("real", folder.path().join("linked")).expect("a link can be made");
    symlink("..", folder.path().join("real/up")).expect("a link can be made");
    symlink("web.pcl", folder.path().join("real/same.txt")).expect("a link can be made");
    gives(
        &folder.punix(["check", "linked"]),
        &expect![[r#"
        exit 0
        stdout:
        ok
    "#]],
    );
    gives(
        &folder.punix(["check", "linked/same.txt"]),
        &expect![[r#"
        exit 0
        stdout:
        ok
    "#]],
    );
}

/// Root may read everything, so the command runs as nobody.
#[test]
fn permission_denied_is_told() {
    if is_root() && !std::path::Path::new("/usr/bin/setpriv").exists() {
        return skip("permission_denied_is_told: root without setpriv");
    }
    let folder = Folder::with(&[("web.pcl", WEB), ("closed/web.pcl", WEB)]);
    let set = |name: &str, mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(folder.path().join(name), permissions).expect("the owner may");
    };
    set("", 0o755);
    set("web.pcl", 0o000);
    set("closed", 0o000);
    let binary = folder.path().join("punix");
    std::fs::copy(env!("CARGO_BIN_EXE_punix"), &binary).expect("the binary can be copied");
    set("punix", 0o755);
    let as_nobody = |path: &str| {
        let mut command = if is_root() {
            let mut command = scrubbed("setpriv");
            command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "./punix"]);
            command
        } else {
            scrubbed("./punix")
        };
        command.args(["check", path]).current_dir(folder.path());
        run(command)
    };
    gives(
        &as_nobody("web.pcl"),
        &expect![[r#"
            exit 2
            stderr:
            error: cannot read `web.pcl`: permission denied
        "#]],
    );
    gives(
        &as_nobody("closed"),
        &expect![[r#"
            exit 2
            stderr:
            error: cannot read `closed`: permission denied
        "#]],
    );
    gives(
        &as_nobody("closed/web.pcl"),
        &expect![[r#"
            exit 2
            stderr:
            error: cannot read `closed/web.pcl`: permission denied
        "#]],
    );
    set("closed", 0o755);
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("`id` is there");
    id.stdout == b"0\n"
}

#[test]
fn eval_prints_a_program_a_module_or_a_member() {
    let folder =
        Folder::with(&[("web.pcl", WEB), ("open.pcl", "module A { option x : Int y = x }\nscenario s { A.x = 1 }")]);
    gives(
        &folder.punix(["eval", "web.pcl"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "Web": {
            "port": 9090,
            "url": "http://localhost:9090/"
          },
          "Site": {},
          "Twin": {},
          "Distribution": {}
        }
    "#]],
    );
    gives(
        &folder.punix(["eval", "web.pcl", "Web", "--scenario", "test"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "port": 1,
          "url": "http://localhost:1/"
        }
    "#]],
    );
    gives(
        &folder.punix(["eval", "web.pcl", "Web.url"]),
        &expect![[r#"
        exit 0
        stdout:
        "http://localhost:9090/"
    "#]],
    );
    gives(
        &folder.punix(["eval", "web.pcl", "Wbe"]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E2] there is no module `Wbe` in this program
        help: did you mean `Web`?
    "#]],
    );
    gives(
        &folder.punix(["eval", "web.pcl", "Web.prot"]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E2] the module `Web` has no member `prot`
        help: did you mean `port`?
    "#]],
    );
    gives(
        &folder.punix(["eval", "web.pcl", "--scenario", "none"]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E2] there is no scenario `none`
        help: the program has: `test`
    "#]],
    );
    gives(
        &folder.punix(["check", "open.pcl"]),
        &expect![[r#"
        exit 0
        stdout:
        ok
        stderr:
        open.pcl:1:31: warning: the option `A.x` is needed here and nothing fills it
        open.pcl:1:19: note: the option is declared here
        help: give it a default, or evaluate with `--scenario`
    "#]],
    );
    gives(
        &folder.punix(["eval", "open.pcl"]),
        &expect![[r#"
        exit 1
        stderr:
        open.pcl:1:31: error: [E3] the option `A.x` is needed here and nothing fills it
        open.pcl:1:19: note: the option is declared here
        help: give it a default, or choose a scenario that fills it
    "#]],
    );
    gives(
        &folder.punix(["eval", "open.pcl", "A.x"]),
        &expect![[r#"
        exit 1
        stderr:
        open.pcl:1:19: error: [E3] nothing fills the option `A.x` here
        help: choose a scenario that fills it with `--scenario`, or give it a default
    "#]],
    );
    gives(
        &folder.punix(["eval", "open.pcl", "--scenario", "s", "A"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "x": 1,
          "y": 1
        }
    "#]],
    );
}

#[test]
fn why_names_the_winner_its_equals_and_those_it_beats() {
    let folder =
        Folder::with(&[("web.pcl", WEB), ("p.pcl", "module P { recipe = \"std.make\" x = \"\u{1b}[2J\u{202e}\" }")]);
    gives(
        &folder.punix(["why", "web.pcl", "Web.port"]),
        &expect![[r#"
        exit 0
        stdout:
        Web.port = 9090
          winner: web.pcl:5:15 [plain] (Site)
          co-winner: web.pcl:6:15 [plain] (Twin) = 9090
          overridden: web.pcl:7:23 [default] (Distribution) = 80
          overridden: web.pcl:2:10 [optionDefault] (Web) = 8080
    "#]],
    );
    gives(
        &folder.punix(["why", "web.pcl", "Web.port", "--scenario", "test"]),
        &expect![[r#"
        exit 0
        stdout:
        Web.port = 1
          winner: web.pcl:8:17 [force] (test)
          overridden: web.pcl:5:15 [plain] (Site) = 9090
          overridden: web.pcl:6:15 [plain] (Twin) = 9090
          overridden: web.pcl:7:23 [default] (Distribution) = 80
          overridden: web.pcl:2:10 [optionDefault] (Web) = 8080
    "#]],
    );
    gives(
        &folder.punix(["why", "web.pcl", "Web"]),
        &expect![[r#"
        exit 2
        stderr:
        error: `Web` is not a member
        help: write `Module.member`
    "#]],
    );
    gives(
        &folder.punix(["why", "p.pcl", "P.pname"]),
        &expect![[r#"
        exit 0
        stdout:
        P.pname = "P"
          implied: every package has it
    "#]],
    );
    gives(
        &folder.punix(["why", "p.pcl", "P.x"]),
        &expect![[r#"
        exit 0
        stdout:
        P.x = "\u{1b}[2J\u{202e}"
          winner: p.pcl:1:32 [plain] (P)
    "#]],
    );
    let document = folder.punix(["why", "web.pcl", "Web.port", "--json"]).json();
    assert_eq!(document["winner"]["line"].number(), Some(5));
    assert_eq!(document["co_winners"].list().len(), 1);
    assert_eq!(document["overridden"].list().len(), 2);
    assert_eq!(document["value"].number(), Some(9090));
}

#[test]
fn explain_prints_pages() {
    let folder = Folder::new();
    let page = folder.punix(["explain", "E4"]);
    assert_eq!(page.code, Some(0));
    assert!(page.stdout.starts_with("# E4"), "{}", page.stdout);
    assert_eq!(folder.punix(["explain", "[e4]"]).stdout, page.stdout);
    assert_eq!(folder.punix(["explain"]).stdout.lines().count(), punix_diag::Code::ALL.len());
    gives(
        &folder.punix(["explain", "E99"]),
        &expect![[r#"
        exit 2
        stderr:
        error: there is no error code `E99`
        help: did you mean `E9`?
    "#]],
    );
}

#[test]
fn the_command_line_has_its_own_errors() {
    let folder = Folder::with(&[("a.pcl", ""), ("b.pcl", "")]);
    for arguments in [
        &["check"][..],
        &["check", "a.pcl", "b.pcl"],
        &["chekc"],
        &["why", "a.pcl"],
        &["check", "--nope", "a.pcl"],
        &[],
    ] {
        let outcome = folder.punix(arguments);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!outcome.stderr.is_empty(), "{arguments:?}");
    }
    let version = folder.punix(["--version"]);
    assert_eq!((version.code, version.stderr.as_str()), (Some(0), ""));
    assert_eq!(version.stdout, format!("punix {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn colours_are_drawn_when_asked_for() {
    let folder = Folder::with(&[("bad.pcl", "module A { x = nope }\n")]);
    let drawn = folder.punix(["check", "bad.pcl", "--color", "always"]);
    assert!(drawn.stderr.contains("\u{1b}["), "{}", drawn.stderr);
    let plain = folder.punix(["check", "bad.pcl", "--color", "never", "--explain"]);
    assert!(!plain.stderr.contains('\u{1b}') && plain.stderr.contains("^^^^"), "{}", plain.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let folder = Folder::with(&[("list.pcl", &format!("module A {{ x = [{}] }}", "1,".repeat(200_000)))]);
    let mut shell = scrubbed("sh");
    shell.arg("-c").arg("\"$0\" eval list.pcl | head -c 10 > /dev/null").arg(punix().get_program());
    shell.env("PATH", "/usr/bin:/bin").current_dir(folder.path());
    let outcome = run(shell);
    assert_eq!(outcome.stderr, "");
}
