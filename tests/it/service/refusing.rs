//! What is refused, with which words and codes.

use super::{FILES, ROOT, SERVICE, Scene, fine, gives};
use expect_test::expect;

#[test]
fn a_command_line_says_one_thing() {
    let scene = Scene::of(FILES);
    let deploy = |more: &[&str]| scene.punix(["service", "deploy", "Web"].iter().chain(more));
    gives(
        &deploy(&[]),
        &expect![[r#"
        exit 2
        stderr:
        error: --file is required (a PCL file or directory)
        help: for example: punix service deploy Web --file web.pcl
    "#]],
    );
    gives(
        &deploy(&["--file", "p.pcl", "--target", "ssh://h", "--transport-root", "host"]),
        &expect![[r#"
        exit 2
        stderr:
        error: --target and --transport-root are mutually exclusive (remote vs. local filesystem)
        help: give one of them
    "#]],
    );
    gives(
        &deploy(&["--file", "p.pcl", "--target", "http://h"]),
        &expect![[r#"
        exit 2
        stderr:
        error: --target must be ssh://user@host[:port], got `http://h`
        help: for example: --target ssh://deploy@web1.example.org
    "#]],
    );
    gives(
        &deploy(&["--file", "p.pcl", "--target", "ssh://"]),
        &expect![[r#"
        exit 2
        stderr:
        error: --target missing host: `ssh://`
        help: write ssh://user@host[:port]
    "#]],
    );
    gives(
        &deploy(&["--file", "p.pcl", "--target", "ssh://u@h:22"]),
        &expect![[r#"
            exit 3
            stderr:
            error: [E31] there is no way to `ssh://u@h:22`: the host name of `u@h:22` cannot be resolved (`ssh` says: ssh: Could not resolve hostname h: Name or service not known)
            note: nothing was changed
            help: check the name of the host
        "#]],
    );
    gives(
        &deploy(&["--file", "nope.pcl", "--transport-root", "host"]),
        &expect![[r#"
        exit 2
        stderr:
        error: cannot read `nope.pcl`: there is no such file or directory
    "#]],
    );
    gives(
        &deploy(&["--file", "p.pcl", "--key", "k"]),
        &expect![[r#"
        exit 2
        stderr:
        error: `--key` is for another machine
        help: name it with `--target`
    "#]],
    );
    gives(
        &deploy(&["--file", "p.pcl", "--dry-run", "--transport-root", "/"]),
        &expect![[r#"
        exit 2
        stderr:
        error: a dry run writes, and `/` is no place to rehearse in
        help: name another directory, or leave `--transport-root` out
    "#]],
    );
    gives(
        &scene.punix(["service", "set-current", "Web", "one"].iter().chain(&ROOT)),
        &expect![[r#"
        exit 2
        stderr:
        error: `one` is no number of a generation
        help: `punix service history STACK` lists them
    "#]],
    );
    gives(
        &scene.punix(["service", "diff", "Web", "1"].iter().chain(&ROOT)),
        &expect![[r#"
        exit 2
        stderr:
        error: TO is missing
        help: write `punix service diff Web 2 3`
    "#]],
    );
}

#[test]
fn switches_can_be_taken_back_and_words_named() {
    let scene = Scene::of(FILES);
    let words = [
        "service",
        "deploy",
        "--stack",
        "Web",
        "--file=p.pcl",
        "--dry-run",
        "--no-dry-run",
        "--activate",
        "--no-activate",
    ];
    let deployed = fine(scene.punix(words.iter().chain(&ROOT)));
    assert!(deployed.stdout.starts_with("deployed: stack Web → gen-001"), "{deployed:?}");
    let words = ["service", "why", "--path", "/etc/web/mode", "Web"];
    fine(scene.punix(words.iter().chain(&ROOT)));
}

#[test]
fn secrets_that_are_missing_are_named_together() {
    let program = SERVICE.replace(
        "environment = { LEVEL = level  ",
        "environment = { V = { from_vault = \"kv/v\" }  F = { from_file = \"no\" }  ",
    );
    let scene = Scene::of(&program);
    gives(
        &scene.with(["service", "deploy", "Web", "--file", "p.pcl"].iter().chain(&ROOT), &[]),
        &expect![[r#"
            exit 1
            stderr:
            error: [E11] secret(s) not set: from_env:TOKEN, from_file:no, from_vault:kv/v
            p.pcl:13:56: note: `from_file:no` is needed here
            p.pcl:13:86: note: `from_env:TOKEN` is needed here
            p.pcl:13:27: note: `from_vault:kv/v` is needed here
            help: give `--vault-secrets FILE` for what is in a vault, or the server's address as VAULT_ADDR
        "#]],
    );
    assert!(!scene.path("store").exists() && !scene.path("host/deploy").exists(), "nothing else happened");
    scene.write("v.json", "{\"kv/v\": 1}");
    gives(
        &scene.deploy(&["--vault-secrets", "v.json"]),
        &expect![[r#"
            exit 1
            stderr:
            warning: `v.json` holds secrets and can be read by others: chmod 600 v.json
            error: [E34] --vault-secrets: `v.json` must be a flat JSON object of string→string
        "#]],
    );
    scene.write("v.json", "{");
    gives(
        &scene.deploy(&["--vault-secrets", "v.json"]),
        &expect![[r#"
            exit 1
            stderr:
            warning: `v.json` holds secrets and can be read by others: chmod 600 v.json
            error: [E34] --vault-secrets: `v.json` is not valid JSON: line 1 column 1
        "#]],
    );
}

#[test]
fn a_program_is_refused_at_its_places_and_nothing_is_written() {
    let refused = |rest: &str| {
        let scene = Scene::of(&format!("module Web {{\n  backend = \"systemd\"\n  {rest}\n}}\n"));
        let outcome = scene.deploy(&[]);
        assert!(!scene.path("host/etc").exists() && !scene.path("host/deploy").exists(), "{rest}");
        outcome
    };
    gives(
        &refused("configFiles = [{ path = \"/etc/sudoers.d/x\"  content = \"\" }]"),
        &expect![[r#"
        exit 1
        stderr:
        p.pcl:3:27: error: [E30] `/etc/sudoers.d/x` may not be written: it is in `/etc/sudoers.d`, which gives privileges
        help: no stack writes there; do it by hand, if at all
    "#]],
    );
    gives(
        &refused("configFiles = [{ path = \"/etc/../x\"  content = \"\" }]"),
        &expect![[r#"
        exit 1
        stderr:
        p.pcl:3:27: error: [E30] `Web.configFiles[0].path` is "/etc/../x", which is not a plain absolute path: it has a part `..`
        help: write it from the root on: `/etc/…`
    "#]],
    );
    gives(
        &refused("redirects = [{ serverName = \"a.b\"  to = \"https://c\" }]"),
        &expect![[r#"
        exit 1
        stderr:
        p.pcl:3:15: error: [E2] `Web.redirects` needs a generator plugin, and there is none for it
        help: write the files that are needed with `configFiles` or `dataFiles`
    "#]],
    );
    let scene = Scene::of(FILES);
    gives(
        &scene.punix(["service", "deploy", "Wbe", "--file", "p.pcl"].iter().chain(&ROOT)),
        &expect![[r#"
        exit 1
        stderr:
        error: [E2] there is no stack `Wbe`
        help: did you mean `Web`?
    "#]],
    );
    scene.write("pins.toml", "[recipes.\"third.party\"]\npath = \"x\"\nsha256 = \"0\"\n");
    gives(
        &scene.deploy(&["--recipe-pins", "pins.toml"]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E26] `pins.toml` pins `third.party`, which this program does not run
        help: `punix plugin add` chooses plugins, and pins them in punix.lock
    "#]],
    );
    scene.write("pins.toml", "[recipes]\n[recipe]\n");
    gives(
        &scene.deploy(&["--recipe-pins", "pins.toml"]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E26] pins.toml:2:2: a file of pins has no `recipe`, there is `recipes` alone
    "#]],
    );
}

/// Nothing is deployed where nothing is, and looking there makes nothing.
#[test]
fn a_root_that_is_not_there_has_no_stacks() {
    let scene = Scene::of(FILES);
    let none = expect![[r#"
        exit 1
        stderr:
        error: [E12] no current generation for stack 'Web'
        note: there is no directory `host`
        help: `punix service list` names the stacks that are deployed there
    "#]];
    let asked: [(&str, &[&str]); 9] = [
        ("verify", &[]),
        ("why", &["/etc/web/mode"]),
        ("history", &[]),
        ("status", &[]),
        ("repair", &[]),
        ("trim", &[]),
        ("remove", &[]),
        ("restart", &[]),
        ("logs", &[]),
    ];
    for (verb, more) in asked {
        gives(&scene.web(verb, more), &none);
    }
    gives(
        &scene.web("rollback", &[]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E12] stack 'Web': no previous generation (current = None); nothing to roll back to.
        note: there is no directory `host`
    "#]],
    );
    let by_program = ["--target-bin", "/nowhere"];
    assert_eq!(scene.web("verify", &by_program), scene.web("verify", &[]));
    for words in [["service", "list"], ["service", "audit"]] {
        let outcome = fine(scene.punix(words.iter().chain(&ROOT)));
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
    }
    assert!(!scene.path("host").exists());
}

#[test]
fn a_build_that_fails_is_the_worlds_failure() {
    let scene = Scene::of(&SERVICE.replace("mkdir -p $OUTPUT/bin", "exit 7"));
    let outcome = scene.deploy(&[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(3), ""));
    assert!(outcome.stderr.contains("[E8] `Tool`: the build ended with exit code 7"), "{outcome:?}");
    assert!(!scene.path("host/deploy").exists());
}

#[test]
fn a_root_that_others_could_have_written_is_not_used() {
    let scene = Scene::of(FILES);
    fine(scene.deploy(&[]));
    let set_mode = |mode| {
        std::fs::set_permissions(scene.path("host"), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    set_mode(0o777);
    let list = || scene.punix(["service", "list"].iter().chain(&ROOT));
    for outcome in [list(), scene.web("verify", &[]), scene.web("rollback", &[]), scene.deploy(&[])] {
        gives(
            &outcome,
            &expect![[r#"
                exit 1
                stderr:
                error: [E30] the deployments root `/deploy` is not used: anybody may move what is in `/`
                help: `chmod o-w /`, or keep deployments somewhere else
            "#]],
        );
    }
    set_mode(0o1777);
    fine(list());
}

/// Who reads it has to mend the program, and need not know what a plugin is.
#[test]
fn what_a_backend_does_not_take_is_an_error_of_the_program() {
    let refused = |more: &str, users: &str, expected: &str| {
        let tool = "module Tool { recipe = \"std.shell\"  pname = \"tool\"  version = \"1\"  recipeArgs = { command = \"true\" } }";
        let service = format!("{{ name = \"web\"  package = \"Tool\"  binary = \"tool\" {more} }}");
        let web = format!("module Web {{\n  backend = \"systemd\"\n  {users}\n  services = [ {service} ]\n}}\n");
        let outcome = Scene::of(&format!("{tool}\n{web}")).deploy(&[]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
        let (place, told) = outcome.stderr.split_once(": error: ").expect("it is an error at a place");
        assert!(place.starts_with("p.pcl:"), "{outcome:?}");
        let note = "note: the plugin `punix.systemd 0.1.0` says so, and calls it `systemd.config`\n";
        assert_eq!(told, format!("[E29] {expected}\n{note}"));
    };
    refused(
        "serviceConfig = { ExecStart = \"/x\" }",
        "",
        "service `web`: serviceConfig key `ExecStart` is reserved: set it with `binary` and `args`",
    );
    refused(
        "serviceConfig = { Slice = \"a\\nb\" }",
        "",
        "`services.web.serviceConfig.Slice`: the value of `Slice` holds a line break, which would begin another directive",
    );
    refused(
        "",
        "systemUsers = [ { name = \"B\" } ]",
        "`systemUsers.0.name`: `B` is not a valid name of a user: it must match [a-z_][a-z0-9_-]* and have at most 32 \
         characters",
    );
}
