//! Verbs that only look.

use super::{FILES, ROOT, SERVICE, Scene, fine, gives};
use crate::support::Outcome;
use expect_test::expect;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// How wide columns are hangs on the name of the machine.
fn squeezed(outcome: Outcome) -> Outcome {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    Outcome { stdout: outcome.stdout.lines().map(line).collect(), ..outcome }
}

#[test]
fn verify_names_everything_and_counts_what_differs() {
    let scene = Scene::of(FILES);
    fine(scene.deploy(&[]));
    gives(
        &scene.web("verify", &[]),
        &expect![[r#"
        exit 0
        stdout:
        ok	/etc/web/greeting
        ok	/etc/web/mode
        Web gen-001: 2 checked, 2 clean
    "#]],
    );
    scene.write("host/etc/web/greeting", "by hand\n");
    fs::set_permissions(scene.path("host/etc/web/mode"), fs::Permissions::from_mode(0o644)).unwrap();
    scene.write("host/etc/web/stray", "");
    gives(
        &scene.web("verify", &[]),
        &expect![[r#"
        exit 1
        stdout:
        MODIFIED	/etc/web/greeting  (recorded 5891b5b522d5… now ccc6730b7fa7…)
        MODIFIED	/etc/web/mode  (its mode is 0644 instead of 0640)
        stray	/etc/web/stray  (it does not belong there)
        Web gen-001: 3 checked, 0 clean, 2 MODIFIED, 1 stray
    "#]],
    );
    let top = scene.punix(["verify", "--stack", "Web"].iter().chain(&ROOT));
    assert_eq!(top, scene.web("verify", &[]));
    gives(
        &scene.punix(["verify", "Nope"].iter().chain(&ROOT)),
        &expect![[r#"
        exit 1
        stderr:
        error: [E12] no current generation for stack 'Nope'
        help: `punix service list` names the stacks that are deployed there
    "#]],
    );
}

#[test]
fn stacks_and_their_generations_are_listed() {
    let scene = Scene::of(FILES);
    fine(scene.deploy(&[]));
    fine(scene.deploy(&["--scenario", "loud"]));
    gives(
        &squeezed(scene.punix(["service", "list"].iter().chain(&ROOT))),
        &expect![[r#"
            exit 0
            stdout:
            STACK LIVE DEPLOYED BY BACKEND
            Web gen-002 {TIME} op@{HOST} systemd
        "#]],
    );
    gives(
        &squeezed(scene.web("history", &[])),
        &expect![[r#"
            exit 0
            stdout:
            GENERATION AFTER DEPLOYED BY SCENARIO FILES PACKAGES PROGRAM
            * gen-002 gen-001 {TIME} op@{HOST} loud 2 0 330d8764cb18
            gen-001 - {TIME} op@{HOST} - 2 0 330d8764cb18
        "#]],
    );
    gives(
        &scene.web("diff", &["1", "2"]),
        &expect![[r#"
        exit 0
        stdout:
        Web: gen-001 → gen-002
        ~ /etc/web/greeting (changed)
            @@ -1,1 +1,1 @@
            -hello
            +HELLO
    "#]],
    );
    gives(
        &scene.web("diff", &["2", "2"]),
        &expect![[r#"
        exit 0
        stdout:
        Web: gen-002 → gen-002
        nothing differs
    "#]],
    );
    gives(
        &scene.web("why", &["/etc/web/mode"]),
        &expect![[r#"
        exit 0
        stdout:
        /etc/web/mode: written verbatim from PCL `configFiles` (no recipe)
        /etc/web/mode: mode 0640
        /etc/web/mode: no cross-host artifacts (stack Web, gen-002)
    "#]],
    );
    // The program may have said it so.
    assert_eq!(scene.web("why", &["//etc/./web/mode/"]), scene.web("why", &["/etc/web/mode"]));
    gives(
        &scene.web("why", &["/etc/web/mod"]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E2] `/etc/web/mod` is not a config file in Web gen-002
        help: did you mean `/etc/web/mode`?
    "#]],
    );
}

#[test]
fn a_status_is_on_one_screen() {
    let scene = Scene::of(SERVICE);
    fine(scene.deploy(&[]));
    gives(
        &scene.web("status", &[]),
        &expect![[r#"
        exit 0
        stdout:
        Web gen-001, deployed {TIME} by op@{HOST}
        backend systemd (system), scenario none, before it none
        units:
          web.service   not asked
          side.service  not asked
        pinned: {W}/store/{H}-tool-1.0
        4 file(s), all as deployed
    "#]],
    );
    gives(
        &scene.web("why", &["/etc/punix/env/Web/web.env"]),
        &expect![[r#"
        exit 0
        stdout:
        /etc/punix/env/Web/web.env: produced by punix.systemd 0.1.0 @ {SHA256}
        /etc/punix/env/Web/web.env: mode 0600
        /etc/punix/env/Web/web.env: holds from_env:TOKEN
        /etc/punix/env/Web/web.env: when it changes, restarts web.service
        /etc/punix/env/Web/web.env: no cross-host artifacts (stack Web, gen-001)
    "#]],
    );
    fs::remove_file(scene.path("host/etc/web/a.conf")).unwrap();
    gives(
        &scene.web("status", &[]),
        &expect![[r#"
        exit 1
        stdout:
        Web gen-001, deployed {TIME} by op@{HOST}
        backend systemd (system), scenario none, before it none
        units:
          web.service   not asked
          side.service  not asked
        pinned: {W}/store/{H}-tool-1.0
        missing	/etc/web/a.conf  (declared, not on the target)
    "#]],
    );
}

#[test]
fn service_alone_shows_its_verbs() {
    let scene = Scene::of(FILES);
    let help = scene.punix(["service"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for verb in [
        "deploy",
        "plan",
        "apply",
        "rollback",
        "set-current",
        "list",
        "history",
        "status",
        "diff",
        "why",
        "verify",
        "repair",
        "trim",
        "remove",
    ] {
        assert!(help.stdout.contains(&format!("\n  {verb} ")), "{verb} is not among\n{}", help.stdout);
    }
}

#[test]
fn what_was_done_is_told_and_cannot_be_told_differently() {
    let scene = Scene::of(FILES);
    let audit = |words: &[&str]| scene.punix(["service", "audit"].iter().chain(words).chain(&ROOT));
    fine(scene.deploy(&[]));
    fine(scene.deploy(&["--scenario", "loud"]));
    fine(scene.deploy(&["--scenario", "loud"]));
    fine(scene.web("rollback", &[]));
    let told = fine(audit(&[]));
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{told:?}");
    for (line, change) in lines.iter().skip(1).zip(["none → gen-001", "gen-001 → gen-002", "gen-002 → gen-001"]) {
        assert!(line.contains(change) && line.ends_with("done"), "{line}");
    }
    assert!(lines[3].contains("punix service rollback"), "{}", lines[3]);
    let sound = expect![[r#"
        exit 0
        stdout:
        audit: 3 line(s), 0 wrong
    "#]];
    gives(&audit(&["verify"]), &sound);
    let held = scene.read("host/deploy/.audit");
    scene.write("host/deploy/.audit", &held.replacen("service deploy", "service remove", 1));
    gives(
        &audit(&["verify"]),
        &expect![[r#"
        exit 1
        stdout:
        WRONG	line 2 does not follow the one before it: one was changed, put in or taken out
        audit: 3 line(s), 1 wrong
    "#]],
    );
    let without_last: String = held.split_inclusive('\n').take(2).collect();
    scene.write("host/deploy/.audit", &without_last);
    gives(
        &audit(&["verify"]),
        &expect![[r#"
        exit 1
        stdout:
        WRONG	the last line about the stack `Web` leaves gen-002 live, and it is gen-001
        audit: 2 line(s), 1 wrong
    "#]],
    );
}
