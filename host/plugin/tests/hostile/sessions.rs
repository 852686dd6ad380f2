//! Sessions that do not end, end badly, or want what nobody can do.

use crate::room::{Plugin, SetClock, Terms, World, backend, or_fault, plugin_error};
use crate::running::{PATIENT, facts, stack};
use expect_test::{Expect, expect};
use punix_model::{Action, Backend, CallFault, Observation, Session, Step, Wish};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn plugin(table: &str) -> Plugin {
    Plugin::on(backend(), Terms { table, ..Terms::default() }, &World::default())
}

fn session(plugin: &Plugin, word: &str) -> Result<Box<dyn Session>, CallFault> {
    let wish = Wish { unit: "web.service".to_owned(), action: Action::Restart };
    plugin.backend().session(&stack(word), &[wish], &facts())
}

fn shown(step: Result<Step, CallFault>) -> String {
    or_fault(step.map(|step| match step {
        Step::Fail(error) => plugin_error(&error),
        other => format!("{other:?}\n"),
    }))
}

/// The first step.
#[track_caller]
fn check(word: &str, expected: Expect) {
    let plugin = plugin(PATIENT);
    let step = session(&plugin, word).and_then(|mut session| session.next(&[]));
    expected.assert_eq(&format!("{}{}", plugin.heard(), shown(step)));
}

#[test]
fn a_session_that_never_ends_is_asked_so_often_and_no_more() {
    let mut said = String::new();
    for word in ["wait-on", "ask-on"] {
        let plugin = plugin("limits.steps = 20\nlimits.timeout_ms = 120000");
        let mut session = session(&plugin, word).unwrap();
        for _ in 0..20 {
            assert!(matches!(session.next(&[]), Ok(Step::WaitMs(1) | Step::Ask(_))));
        }
        let last: Vec<String> = (0..2).map(|_| shown(session.next(&[]))).collect();
        assert_eq!(last[0], last[1]);
        said.push_str(&last[0]);
    }
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `session.next`: `steps` is 20
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits steps=40
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `session.next`: `steps` is 20
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits steps=40
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_session_that_takes_too_long_in_all_is_ended() {
    const SECOND_NS: u64 = 1_000_000_000;
    let clock = Arc::new(SetClock::default());
    let world = World { clock: clock.clone(), ..World::default() };
    let table = "limits.session_s = 60\nlimits.timeout_ms = 120000";
    let plugin = Plugin::on(backend(), Terms { table, ..Terms::default() }, &world);
    let wait = |word: &str| shown(session(&plugin, word).unwrap().next(&[]));
    expect!["WaitMs(59999)\n"].assert_eq(&wait("wait-59999"));
    // What would end too late is not begun.
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `session.next`: `session_s` is 60 s
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits session_s=120
    "#]].assert_eq(&wait("wait-60001"));
    let mut session = session(&plugin, "ask-on").unwrap();
    clock.0.store(60 * SECOND_NS, Ordering::SeqCst);
    assert!(matches!(session.next(&[]), Ok(Step::Ask(_))));
    clock.0.store(60 * SECOND_NS + 1, Ordering::SeqCst);
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `session.next`: `session_s` is 60 s
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits session_s=120
    "#]].assert_eq(&shown(session.next(&[])));
    check(
        "run-long",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `session.next`: `session_s` is 1800 s
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits session_s=3600
    "#]],
    );
}

#[test]
fn steps_that_nobody_can_take() {
    check(
        "run-nothing",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` gave an answer that cannot be used in `session.next`: it wants to run nothing
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]],
    );
    check(
        "run-wordless",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` gave an answer that cannot be used in `session.next`: it wants to run a command without words
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]],
    );
    check(
        "run-nameless",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` gave an answer that cannot be used in `session.next`: it wants to run `` with words that no command can have
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]],
    );
    check(
        "run-nul",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` gave an answer that cannot be used in `session.next`: it wants to run `/bin/echo` with words that no command can have
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]],
    );
    check(
        "run-wordy",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` gave an answer that cannot be used in `session.next`: it wants to run `x` with words that no command can have
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]],
    );
    check(
        "run-many",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `session.next`: `artefacts` is 10000
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits artefacts=20000
    "#]],
    );
    check(
        "run-large",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `session.next`: `output_mib` is 16 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits output_mib=32
    "#]],
    );
    check(
        "wait-long",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` gave an answer that cannot be used in `session.next`: it wants to wait for 4294967295 ms
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn what_it_found_is_what_was_asked_about() {
    check(
        "tell-foreign",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` gave an answer that cannot be used in `session.next`: it tells of the unit `sshd.service`, which nobody asked about
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]],
    );
    check(
        "tell-control",
        expect![[r#"
        Done([Status { unit: "web.service", state: Running, enabled: None, since_unix_ms: None, detail: "a\\u{1b}[2J\\nb" }])
    "#]],
    );
    check(
        "fail-control",
        expect![[r#"
        Transient a\u{1b}b: \rit failed\n
    "#]],
    );
}

#[test]
fn a_session_that_broke_off_stays_so() {
    check(
        "trap-at-once",
        expect![[r#"
        error: panicked at backend/src/lib.rs:39: no session today
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` broke off in `session`: wasm `unreachable` instruction executed
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]],
    );
    let plugin = plugin(PATIENT);
    let mut session = session(&plugin, "trap-later").unwrap();
    assert!(matches!(session.next(&[]), Ok(Step::Ask(_))));
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` broke off in `session.next`: wasm `unreachable` instruction executed
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]].assert_eq(&shown(session.next(&[])));
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` broke off in `session.next`: cannot enter component instance
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]].assert_eq(&shown(session.next(&[])));
}

#[test]
fn each_step_has_its_own_time() {
    let plugin = plugin("limits.timeout_ms = 100");
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` was stopped in `session` after 100 ms
        help: if it needs longer: punix plugin grant org.example.hostile-backend limits timeout_ms=200
    "#]]
    .assert_eq(&or_fault(session(&plugin, "loop-at-once").map(|_| String::new())));
    let mut session = session(&plugin, "loop-later").unwrap();
    assert!(matches!(session.next(&[]), Ok(Step::Ask(_))));
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` was stopped in `session.next` after 100 ms
        help: if it needs longer: punix plugin grant org.example.hostile-backend limits timeout_ms=200
    "#]]
    .assert_eq(&shown(session.next(&[])));
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` broke off in `session.next`: cannot enter component instance
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]].assert_eq(&shown(session.next(&[])));
}

#[test]
fn what_commands_print_is_not_taken_for_anything_else() {
    let plugin = plugin(PATIENT);
    let mut session = session(&plugin, "echo").unwrap();
    assert!(session.next(&[]).is_ok());
    let seen = Observation {
        command: 0,
        code: -1,
        stdout: "\u{1b}]0;x\u{7}".to_owned(),
        stderr: "a\nerror: [E1] b".to_owned(),
    };
    expect![[r#"
        Permanent echo: [Observation { command: 0, code: -1, stdout: "\u{1b}]0;x\u{7}", stderr: "a\nerror: [E1] b" }]
    "#]]
    .assert_eq(&shown(session.next(&[seen])));
}
