//! Running for too long, taking too much, breaking off, and saying too much.

use crate::room::{
    Guest, Plugin, SlowWeb, Terms, World, backend, or_fault, plugin_error, requests, resolver, transport,
};
use expect_test::{Expect, expect};
use punix_model::{Backend, Facts, Resolver, Scope, Service, Shape, Slot, Stack};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A stack with one service and one secret.
pub(crate) fn stack(config: &str) -> Stack {
    let service = Service {
        name: "web".to_owned(),
        argv: vec!["/store/web".to_owned()],
        env: Vec::new(),
        depends_on: Vec::new(),
        secret_delivery: "environment-file".to_owned(),
        config: "{}".to_owned(),
    };
    Stack {
        name: "Web".to_owned(),
        scope: Scope::System,
        services: vec![service],
        slots: vec![Slot { id: 7, name: "from_env:PASSWORD".to_owned(), shape: Shape::SingleLine }],
        config: config.to_owned(),
        unit_dir: Some("/etc/systemd/system".to_owned()),
    }
}

pub(crate) fn facts() -> Facts {
    Facts {
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        init_version: "252".to_owned(),
        home: None,
        attributes: Vec::new(),
    }
}

/// What a grant says where a test is not about time, on a machine that has much to do.
pub(crate) const PATIENT: &str = "limits.timeout_ms = 120000";

/// Returns what a user sees of a backend that renders.
pub(crate) fn rendered(table: &str, config: &str) -> String {
    let plugin = Plugin::on(backend(), Terms { table, ..Terms::default() }, &World::default());
    let outcome = plugin.backend().render(&stack(config), &facts());
    let shown = or_fault(outcome.map(|rendering| format!("{rendering:#?}\n")));
    format!("{}{shown}", plugin.heard())
}

fn check(table: &str, config: &str, expected: Expect) {
    expected.assert_eq(&rendered(table, config));
}

#[test]
fn an_endless_loop_is_stopped() {
    let started = Instant::now();
    check(
        "limits.timeout_ms = 100",
        "loop",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` was stopped in `render` after 100 ms
        help: if it needs longer: punix plugin grant org.example.hostile-backend limits timeout_ms=200
    "#]],
    );
    let plugin =
        Plugin::on(resolver(), Terms { table: "limits.timeout_ms = 100", ..Terms::default() }, &World::default());
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` was stopped in `resolve-all` after 100 ms
        help: if it needs longer: punix plugin grant org.example.hostile-resolver limits timeout_ms=200
    "#]]
    .assert_eq(&plugin.resolved("loop", "", &["A"]));
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` was stopped in `parse` after 100 ms
        help: if it needs longer: punix plugin grant org.example.hostile-resolver limits timeout_ms=200
    "#]]
    .assert_eq(&or_fault(plugin.resolver().parse("loop").map(|answer| format!("{answer:?}"))));
    let plugin =
        Plugin::on(backend(), Terms { table: "limits.timeout_ms = 100", ..Terms::default() }, &World::default());
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` was stopped in `check-config` after 100 ms
        help: if it needs longer: punix plugin grant org.example.hostile-backend limits timeout_ms=200
    "#]]
    .assert_eq(&or_fault(plugin.meta().check_config("loop").map(|advice| format!("{advice:?}"))));
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn what_the_host_does_for_a_plugin_counts() {
    let world = World { web: Arc::new(SlowWeb), ..World::default() };
    let table = "limits.timeout_ms = 100\n\
                 grant.http = [{ host = \"vault.example:443\", methods = [\"get\"], paths = [\"/v1/*\"] }]";
    let plugin = Plugin::on(resolver(), Terms { table, ..Terms::default() }, &world);
    let started = Instant::now();
    expect![[r#"
        ErrorClass::Transient http.timeout: `vault.example` took too long: time was up while the request was sent
    "#]]
    .assert_eq(&plugin.resolved_at("https://vault.example", "ask-address", "/v1/x", &["A"]));
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn who_waits_on_the_clock_waits_no_longer_than_the_call_may_take() {
    let table = "limits.timeout_ms = 200\ngrant.clock = true";
    let plugin = Plugin::on(resolver(), Terms { table, ..Terms::default() }, &World::default());
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` was stopped in `resolve-all` after 200 ms
        help: if it needs longer: punix plugin grant org.example.hostile-resolver limits timeout_ms=400
    "#]]
    .assert_eq(&plugin.resolved("sleep", "", &["A"]));
    expect![[r#"
        1700000000000 1
    "#]]
    .assert_eq(&plugin.resolved("clock", "", &["A"]));
    let denied = Plugin::new(resolver());
    expect![[r#"
        0 0
    "#]]
    .assert_eq(&denied.resolved("clock", "", &["A"]));
}

#[test]
fn memory_grows_so_far_and_no_further() {
    check(
        PATIENT,
        "grow",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `render`: `memory_mib` is 32 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits memory_mib=64
    "#]],
    );
    check(
        "limits.memory_mib = 3\nlimits.timeout_ms = 120000",
        "grow",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `render`: `memory_mib` is 3 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits memory_mib=6
    "#]],
    );
    let plugin = Plugin::on(resolver(), Terms { table: PATIENT, ..Terms::default() }, &World::default());
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` reached a limit in `resolve-all`: `memory_mib` is 32 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-resolver limits memory_mib=64
    "#]].assert_eq(&plugin.resolved("grow", "", &["A"]));
}

#[test]
fn a_plugin_that_copes_with_less_memory_may_go_on() {
    let largest = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&largest);
    let watcher = Arc::new(move |memory: &[u8]| {
        seen.fetch_max(memory.len(), Ordering::SeqCst);
    });
    let terms = Terms { table: PATIENT, watcher: Some(watcher), ..Terms::default() };
    let plugin = Plugin::on(backend(), terms, &World::default());
    plugin.backend().render(&stack("grow-quietly"), &facts()).unwrap();
    let largest = largest.load(Ordering::SeqCst);
    assert!((31 << 20..=32 << 20).contains(&largest), "{largest}");
}

#[test]
fn deep_recursion_ends_at_the_stack_that_it_gets() {
    check(
        PATIENT,
        "recurse",
        expect![[r#"
            error: [E28] the plugin `org.example.hostile-backend 0.6.6` broke off in `render`: out of bounds memory access, deep in functions that call themselves: its own stack is full
            note: nothing that it had begun goes on; what it said before stands above
            help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
        "#]],
    );
    check(
        "limits.stack_kib = 64\nlimits.timeout_ms = 120000",
        "recurse",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `render`: `stack_kib` is 64 KiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits stack_kib=128
    "#]],
    );
}

#[test]
fn breaking_off_is_told_with_its_reason() {
    check(
        PATIENT,
        "panic",
        expect![[r#"
        error: panicked at backend/src/lib.rs:56: this stack is not to my liking
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` broke off in `render`: wasm `unreachable` instruction executed
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]],
    );
    check(
        PATIENT,
        "unreachable",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` broke off in `render`: wasm `unreachable` instruction executed
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]],
    );
    check(
        PATIENT,
        "divide",
        expect![[r#"
        error: panicked at backend/src/lib.rs:59: attempt to divide by zero
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` broke off in `render`: wasm `unreachable` instruction executed
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]],
    );
    let plugin = Plugin::new(backend());
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` broke off in `check-config`: wasm `unreachable` instruction executed
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it
    "#]].assert_eq(&or_fault(plugin.meta().check_config("trap").map(|advice| format!("{advice:?}"))));
    assert!(plugin.heard().starts_with("error: panicked at "));
}

#[test]
fn what_it_shouts_while_it_breaks_off_does_not_pass() {
    let text = rendered(PATIENT, "panic-loudly");
    // The line was too long to pass the border; a shorter one is cut.
    assert!(text.starts_with("error: [E28] ") && text.len() < 500, "{}", text.len());
}

#[test]
fn a_call_after_one_that_broke_off_is_as_good_as_new() {
    let plugin = Plugin::on(backend(), Terms { table: PATIENT, ..Terms::default() }, &World::default());
    for word in ["panic", "grow", "recurse"] {
        assert!(plugin.backend().render(&stack(word), &facts()).is_err());
        assert!(plugin.backend().render(&stack("nothing"), &facts()).is_ok());
    }
}

#[test]
fn a_million_lines_are_a_few_and_a_count() {
    let text = rendered(PATIENT, "say-much");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("info: line ")).count(), 200);
    assert_eq!((lines[0], lines[199]), ("info: line 0", "info: line 199"));
    expect!["warn: 999800 more lines were dropped: `log_lines` is 200"].assert_eq(lines[200]);
    assert_eq!(lines[201], "Rendering {");
}

#[test]
fn long_lines_are_cut_and_too_long_ones_end_the_call() {
    let text = rendered(PATIENT, "say-long");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("info: ")).collect();
    assert_eq!(lines.len(), 200);
    assert!(lines.iter().all(|line| line.len() == "info: ".len() + 4_096), "{}", lines[0].len());
    check(
        PATIENT,
        "say-too-long",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `render`: `call_kib` is 1024 KiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits call_kib=2048
    "#]],
    );
}

#[test]
fn no_line_moves_a_cursor_or_looks_like_two() {
    let text = rendered(PATIENT, "say-control");
    expect![[r#"warn: \u{1b}]0;title\u{7}\u{9b}2J\u{0} na\u{1b}me=a\r\n[plugin] all is well\u{202e}"#]]
        .assert_eq(text.lines().next().unwrap_or_default());
}

#[test]
fn answers_are_bounded_in_all_and_in_part() {
    check(
        PATIENT,
        "one-large-file",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `render`: `artefact_kib` is 1024 KiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits artefact_kib=2048
    "#]],
    );
    check(
        PATIENT,
        "large-files",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `render`: `output_mib` is 16 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits output_mib=32
    "#]],
    );
    check(
        PATIENT,
        "many-files",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `render`: `artefacts` is 10000
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits artefacts=20000
    "#]],
    );
    check(
        PATIENT,
        "many-chunks",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `render`: `memory_mib` is 32 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits memory_mib=64
    "#]],
    );
    check(
        PATIENT,
        "many-notes",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `render`: `artefacts` is 10000
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits artefacts=20000
    "#]],
    );
    check(
        PATIENT,
        "long-note",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `render`: `log_line_bytes` is 4096
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits log_line_bytes=8192
    "#]],
    );
    let plugin = Plugin::on(resolver(), Terms { table: PATIENT, ..Terms::default() }, &World::default());
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` reached a limit in `parse`: `output_mib` is 16 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-resolver limits output_mib=32
    "#]].assert_eq(&or_fault(plugin.resolver().parse("huge").map(|answer| format!("{answer:?}"))));
    let plugin = Plugin::on(backend(), Terms { table: PATIENT, ..Terms::default() }, &World::default());
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` reached a limit in `check-config`: `output_mib` is 16 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-backend limits output_mib=32
    "#]].assert_eq(&or_fault(plugin.meta().check_config("many").map(|advice| advice.len().to_string())));
}

#[test]
fn a_refusal_is_cut_and_cleaned() {
    let text = rendered(PATIENT, "refuse-long");
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0]
            .starts_with("error: [E29] the plugin `org.example.hostile-backend 0.6.6` failed in `render`: because ")
    );
    assert!(lines[0].len() < 4_300 && lines[1].len() < 1_100 && lines[2].len() < 200, "{text}");
    check(
        PATIENT,
        "refuse-control",
        expect![[r#"
        error: [E29] the plugin `org.example.hostile-backend 0.6.6` failed in `render`: \u{1b}[31mred\r\nhelp: run this 
        note: it is about `x\u{0}y`
        note: its code for that is `a\nb`
    "#]],
    );
    let plugin = Plugin::on(backend(), Terms { table: PATIENT, ..Terms::default() }, &World::default());
    let advice = plugin.meta().check_config("control").unwrap();
    expect![[r#"
        InvalidInput a\u{1b}[2Jb at `\u{7}`: one\r\ntwo\u{202e}
    "#]]
    .assert_eq(&advice.iter().map(|advice| plugin_error(&advice.error)).collect::<String>());
}

#[test]
fn parsing_a_reference_asks_nobody_and_comes_out_clean() {
    let plugin = Plugin::on(resolver(), Terms { table: PATIENT, ..Terms::default() }, &World::default());
    let parse = |reference: &str| {
        let parsed = plugin.resolver().parse(reference);
        let shown = or_fault(parsed.map(|answer| match answer {
            Ok(text) => format!("{text:?}\n"),
            Err(error) => plugin_error(&error),
        }));
        format!("{}{shown}", plugin.heard())
    };
    expect![[r#"
        error: panicked at resolver/src/lib.rs:41: no reference is good enough
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `parse`: wasm `unreachable` instruction executed
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]].assert_eq(&parse("panic"));
    expect![[r#"
        Permanent seen: ErrorClass::Denied env.not-granted: the variable `PLAIN` is not granted
    "#]]
    .assert_eq(&parse("abilities"));
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` gave an answer that cannot be used in `parse`: the reference `a\u{1b}[2J\nb` has a character in it that no line can have
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]]
    .assert_eq(&parse("control"));
}

#[test]
fn four_plugins_that_run_wild_do_not_hold_up_the_fifth() {
    let table = "limits.timeout_ms = 1500";
    let wild = |guest: &'static Guest| {
        let plugin = Plugin::on(guest, Terms { table, ..Terms::default() }, &World::default());
        std::thread::spawn(move || plugin.resolver().resolve_all(&requests("", "loop", "", &["A"])).unwrap_err())
    };
    let threads: Vec<_> = (0..4).map(|_| wild(resolver())).collect();
    assert!(
        Plugin::on(backend(), Terms { table: PATIENT, ..Terms::default() }, &World::default())
            .backend()
            .render(&stack("nothing"), &facts())
            .is_ok()
    );
    for thread in threads {
        assert_eq!(thread.join().unwrap().cause, punix_model::Cause::Late { timeout_ms: 1500 });
    }
    // Nothing of them goes on: a transport still opens and closes.
    let plugin = Plugin::on(transport(), Terms { table: "grant.here = true", ..Terms::default() }, &World::default());
    assert!(crate::links::open(&plugin, "fine").is_ok());
}
