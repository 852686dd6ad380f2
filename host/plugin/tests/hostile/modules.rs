//! Plugins below any SDK: core modules that are written by hand, with tables, starts and replies that no compiler makes.

use crate::room::{Guest, Plugin, Terms, World, or_fault, packed};
use crate::running::{PATIENT, facts, stack};
use expect_test::{Expect, expect};
use punix_model::Backend;
use wasmparser::{Parser, Payload};

const MANIFEST: &str = "id = \"org.example.module\"\n\
                        version = \"0.6.6\"\n\
                        world = \"punix:backend/backend@0.1.0\"\n\
                        handles = [\"module\"]\n";

/// What one module does that is not sound.
#[derive(Default)]
pub(crate) struct Module<'a> {
    /// Imports, before anything else.
    pub(crate) imports: &'a str,
    /// Whatever stands beside the functions.
    pub(crate) more: &'a str,
    /// The body of `describe`; it returns where the reply is.
    pub(crate) describe: &'a str,
    /// The body of the constructor of a session.
    pub(crate) session: &'a str,
    /// The body of `session.next`.
    pub(crate) next: &'a str,
}

impl Module<'_> {
    /// Makes a backend of it. An empty reply lies at 1024; what the host hands over goes to 60000 and is overwritten.
    pub(crate) fn guest(&self) -> Guest {
        let body = |text: &str| if text.is_empty() { "unreachable".to_owned() } else { text.to_owned() };
        let (describe, session, next) = (body(self.describe), body(self.session), body(self.next));
        let Module { imports, more, .. } = self;
        let text = format!(
            r#"(module
                {imports}
                (memory (export "memory") 32)
                {more}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 60000))
                (func $describe (export "punix:base/meta@0.1.0#describe") (result i32) {describe})
                (func (export "punix:base/meta@0.1.0#check-config") (param i32 i32) (result i32) unreachable)
                (func (export "punix:backend/api@0.1.0#render") (param i32) (result i32) unreachable)
                (func (export "punix:backend/api@0.1.0#[constructor]session") (param i32) (result i32) {session})
                (func (export "punix:backend/api@0.1.0#[method]session.next") (param i32 i32 i32) (result i32) {next}))"#
        );
        packed(&wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}")), MANIFEST)
    }
}

/// Describes itself on these terms.
fn described(guest: &Guest, table: &str) -> String {
    let plugin = Plugin::on(guest, Terms { table, ..Terms::default() }, &World::default());
    let outcome = plugin.meta().describe();
    let shown = or_fault(outcome.map(|info| format!("{} attributes\n", info.attributes.len())));
    format!("{}{shown}", plugin.heard())
}

#[track_caller]
fn check(module: Module<'_>, expected: Expect) {
    expected.assert_eq(&described(&module.guest(), PATIENT));
}

#[test]
fn a_sound_one_for_comparison() {
    check(
        Module { describe: "i32.const 1024", ..Module::default() },
        expect![[r#"
        0 attributes
    "#]],
    );
}

#[test]
fn a_trap_in_describe() {
    check(
        Module::default(),
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `describe`: wasm `unreachable` instruction executed (in describe)
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]],
    );
    check(
        Module {
            more: "(func $deeper (result i32) unreachable) (func $deep (result i32) (call $deeper))",
            describe: "(call $deep)",
            ..Module::default()
        },
        expect![[r#"
            error: [E28] the plugin `org.example.module 0.6.6` broke off in `describe`: wasm `unreachable` instruction executed (in deeper < deep < describe)
            note: nothing that it had begun goes on; what it said before stands above
            help: this is a fault of `org.example.module`: report it to whoever makes it
        "#]],
    );
    check(
        Module { describe: "(i32.load (i32.const -4))", ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `describe`: out of bounds memory access (in describe)
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]],
    );
    check(
        Module {
            more: "(table 1 funcref)",
            describe: "(call_indirect (result i32) (i32.const 0))",
            ..Module::default()
        },
        expect![[r#"
            error: [E28] the plugin `org.example.module 0.6.6` broke off in `describe`: uninitialized element (in describe)
            note: nothing that it had begun goes on; what it said before stands above
            help: this is a fault of `org.example.module`: report it to whoever makes it
        "#]],
    );
}

#[test]
fn names_of_functions_are_a_plugins_words() {
    let name = "\\1b[2J \\e2\\80\\ae plugin `punix.ssh` ".repeat(20);
    let more = format!("(func $\"{name}\" (export \"x\") (result i32) unreachable)");
    let describe = format!("(call $\"{name}\")");
    check(
        Module { more: &more, describe: &describe, ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `describe`: wasm `unreachable` instruction executed (in \u{1b}[2J \u{202e} plugin `punix.ssh` \u{1b}[2J \u{202e} plugin `punix.ssh` \u{1b}[2J \u{202e} plugin `punix.ssh` \u{1b}[ < describe)
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn a_start_that_traps_or_does_not_end() {
    check(
        Module { more: "(func $start unreachable) (start $start)", ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `describe`: wasm `unreachable` instruction executed (in start)
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]],
    );
    let endless = Module { more: "(func $start (loop (br 0))) (start $start)", ..Module::default() };
    expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` was stopped in `describe` after 100 ms
        help: if it needs longer: punix plugin grant org.example.module limits timeout_ms=200
    "#]]
    .assert_eq(&described(&endless.guest(), "limits.timeout_ms = 100"));
    let tail = Module { more: "(func $start (return_call $start)) (start $start)", ..Module::default() };
    expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` was stopped in `describe` after 100 ms
        help: if it needs longer: punix plugin grant org.example.module limits timeout_ms=200
    "#]]
    .assert_eq(&described(&tail.guest(), "limits.timeout_ms = 100"));
}

/// What a compiler makes has a second stack, in its memory, which may end first.
#[test]
fn recursion_ends_at_the_stack_that_it_gets() {
    let deep = Module {
        more: "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))",
        describe: "(call $deep)",
        ..Module::default()
    };
    check(
        deep,
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `stack_kib` is 512 KiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.module limits stack_kib=1024
    "#]],
    );
}

#[test]
fn tables_grow_so_far_and_no_further() {
    let growing =
        "(loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable";
    check(
        Module { more: "(table $t 1 funcref)", describe: growing, ..Module::default() },
        expect![[r#"
            error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `table_elements` is 10000
            help: if it needs more, and the site allows it: punix plugin grant org.example.module limits table_elements=20000
        "#]],
    );
    check(
        Module { more: "(table $t 20000 funcref)", describe: "i32.const 1024", ..Module::default() },
        expect![[r#"
            error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `table_elements` is 10000
            help: if it needs more, and the site allows it: punix plugin grant org.example.module limits table_elements=20000
        "#]],
    );
    // Each is small, all together are not.
    let several = "(table 4000 funcref) (table 4000 funcref) (table 4000 funcref)";
    check(
        Module { more: several, describe: "i32.const 1024", ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `table_elements` is 10000
        help: if it needs more, and the site allows it: punix plugin grant org.example.module limits table_elements=20000
    "#]],
    );
    let many = "(table 1 funcref) ".repeat(9);
    check(
        Module { more: &many, describe: "i32.const 1024", ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `tables` is 8
        help: if it needs more, and the site allows it: punix plugin grant org.example.module limits tables=16
    "#]],
    );
}

#[test]
fn memories_are_few_and_small() {
    let many = "(memory 1) ".repeat(4);
    check(
        Module { more: &many, describe: "i32.const 1024", ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `memories` is 4
        help: if it needs more, and the site allows it: punix plugin grant org.example.module limits memories=8
    "#]],
    );
    check(
        Module { more: "(memory 1000)", describe: "i32.const 1024", ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `memory_mib` is 32 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.module limits memory_mib=64
    "#]],
    );
    // What two have together counts.
    check(
        Module { more: "(memory 490)", describe: "i32.const 1024", ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `memory_mib` is 32 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.module limits memory_mib=64
    "#]],
    );
    let growing = "(drop (memory.grow $other (i32.const 400))) (drop (memory.grow $other (i32.const 200))) unreachable";
    check(
        Module { more: "(memory $other 1)", describe: growing, ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `memory_mib` is 32 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.module limits memory_mib=64
    "#]],
    );
}

#[test]
fn instances_are_few() {
    let sound = Module { describe: "i32.const 1024", ..Module::default() }.guest();
    let with = |count| Guest { bytes: with_instances(&sound.bytes, count) };
    expect![[r#"
        0 attributes
    "#]]
    .assert_eq(&described(&with(5), PATIENT));
    expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `instances` is 32
        help: if it needs more, and the site allows it: punix plugin grant org.example.module limits instances=64
    "#]]
    .assert_eq(&described(&with(100), PATIENT));
}

/// Appends an empty core module, and so many instances of it.
fn with_instances(component: &[u8], count: u8) -> Vec<u8> {
    let modules =
        Parser::new(0).parse_all(component).filter(|payload| matches!(payload, Ok(Payload::ModuleSection { .. })));
    let index = u8::try_from(modules.count()).expect("there are a few");
    let mut bytes = component.to_vec();
    bytes.extend_from_slice(b"\x01\x08\0asm\x01\0\0\0");
    let instances: Vec<u8> = (0..count).flat_map(|_| [0, index, 0]).collect();
    let length = u16::try_from(instances.len() + 1).expect("it is short");
    bytes.extend([2, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8, count]);
    bytes.extend(instances);
    bytes
}

/// A reply of which the parts lie on top of each other: a gigabyte in two megabytes.
fn reply(texts: u32, bytes: u32) -> String {
    format!(
        "(local $at i32) (local.set $at (i32.const 65536))
        (i32.store (i32.const 1064) (i32.const 65536)) (i32.store (i32.const 1068) (i32.const {texts}))
        (loop
            (i32.store (local.get $at) (i32.const 1048576))
            (i32.store offset=4 (local.get $at) (i32.const {bytes}))
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (br_if 0 (i32.lt_u (local.get $at) (i32.const {end}))))
        (i32.const 1024)",
        end = 65536 + texts * 16
    )
}

#[test]
fn replies_of_a_gigabyte() {
    let one = "(i32.store (i32.const 1024) (i32.const 0)) (i32.store (i32.const 1028) (i32.const 0x40000000)) (i32.const 1024)";
    check(
        Module { describe: one, ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `describe`: string pointer/length out of bounds of memory
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]],
    );
    check(
        Module { describe: &reply(1000, 1 << 20), ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `output_mib` is 16 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.module limits output_mib=32
    "#]],
    );
    check(
        Module { describe: &reply(60_000, 1000), ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `describe`: `output_mib` is 16 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.module limits output_mib=32
    "#]],
    );
    check(
        Module { describe: &reply(10, 1000), ..Module::default() },
        expect![[r#"
        10 attributes
    "#]],
    );
    // More elements than there are bytes.
    let long = "(i32.store (i32.const 1068) (i32.const 0x7fffffff)) (i32.const 1024)";
    check(
        Module { describe: long, ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `describe`: list pointer/length out of bounds of memory
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn replies_that_are_no_text_or_nowhere() {
    let text = "(i32.store8 (i32.const 3000) (i32.const 0xff)) (i32.store (i32.const 1024) (i32.const 3000))
        (i32.store (i32.const 1028) (i32.const 1)) (i32.const 1024)";
    check(
        Module { describe: text, ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `describe`: invalid utf-8 sequence of 1 bytes from index 0
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]],
    );
    check(
        Module { describe: "i32.const 1025", ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `describe`: return pointer not aligned
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]],
    );
    check(
        Module { describe: "i32.const 0x7ffffffc", ..Module::default() },
        expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `describe`: pointer out of bounds of memory
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]],
    );
}

const NEW: &str = r#"(import "[export]punix:backend/api@0.1.0" "[resource-new]session" (func $new (param i32) (result i32)))
    (import "[export]punix:backend/api@0.1.0" "[resource-rep]session" (func $rep (param i32) (result i32)))
    (import "[export]punix:backend/api@0.1.0" "[resource-drop]session" (func $drop (param i32)))"#;

/// Begins a session and asks it once.
fn begun(module: Module<'_>) -> String {
    let plugin = Plugin::on(&module.guest(), Terms { table: PATIENT, ..Terms::default() }, &World::default());
    let outcome = plugin.backend().session(&stack(""), &[], &facts()).and_then(|mut session| session.next(&[]));
    or_fault(outcome.map(|step| format!("{step:?}\n")))
}

#[test]
fn handles_that_a_plugin_makes_itself() {
    let flood = Module {
        imports: NEW,
        session: "(loop (drop (call $new (i32.const 1))) (br 0)) unreachable",
        ..Module::default()
    };
    expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` reached a limit in `session`: `handles` is 1000
        help: if it needs more, and the site allows it: punix plugin grant org.example.module limits handles=2000
    "#]]
    .assert_eq(&begun(flood));
    let forged = Module { imports: NEW, session: "i32.const 99", ..Module::default() };
    expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `session`: unknown handle index 99
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]]
    .assert_eq(&begun(forged));
    let gone = Module {
        imports: NEW,
        session: "(local i32) (local.set 1 (call $new (i32.const 1))) (call $drop (local.get 1)) (local.get 1)",
        ..Module::default()
    };
    expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `session`: unknown handle index 1
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]]
    .assert_eq(&begun(gone));
    // It takes the session away while it is asked.
    let used = Module {
        imports: NEW,
        more: "(global $session (mut i32) (i32.const 0))",
        session: "(global.set $session (call $new (i32.const 1))) (global.get $session)",
        next: "(call $drop (global.get $session)) unreachable",
        ..Module::default()
    };
    expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `session.next`: unknown handle index 1
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]]
    .assert_eq(&begun(used));
    let representation = Module {
        imports: NEW,
        session: "(call $new (i32.const 1))",
        next: "(drop (call $rep (i32.const 55))) unreachable",
        ..Module::default()
    };
    expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `session.next`: unknown handle index 55
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]]
    .assert_eq(&begun(representation));
}

#[test]
fn an_answer_that_is_no_case_of_its_type() {
    let step = Module {
        imports: NEW,
        session: "(call $new (i32.const 1))",
        next: "(i32.store8 (i32.const 1024) (i32.const 77)) (i32.const 1024)",
        ..Module::default()
    };
    expect![[r#"
        error: [E28] the plugin `org.example.module 0.6.6` broke off in `session.next`: unexpected discriminant: 77
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.module`: report it to whoever makes it
    "#]]
    .assert_eq(&begun(step));
}
