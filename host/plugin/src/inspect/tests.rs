use super::*;
use crate::fuzzing::{damaged, damages, fuzz, seeds};
use crate::testing::{BAO, compiled, component, manifest, resolver};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

fn check_err(bytes: &[u8], expected: Expect) {
    expected.assert_eq(&inspect(bytes).unwrap_err().to_string());
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text of a test is sound")
}

#[test]
fn a_sound_component_is_known_whole() {
    let found = inspect(&resolver()).unwrap();
    assert_eq!(found.manifest, manifest(BAO));
    let names = |names: &[InterfaceName]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(
        names(&found.imports),
        "punix:cap/log@0.1.0 punix:cap/http@0.1.0 punix:cap/env@0.1.0 punix:cap/files@0.1.3"
    );
    assert_eq!(names(&found.exports), "punix:base/meta@0.1.0 punix:resolver/api@0.1.0");
    assert_eq!(found.unrequested(), BTreeSet::from([Kind::Files]));
    assert_eq!(found.unused(), BTreeSet::from([Kind::Clock]));
}

#[test]
fn what_a_compiler_makes_is_accepted() {
    let found = inspect(&compiled()).unwrap();
    let names: Vec<String> = found.imports.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["punix:base/types@0.1.0", "punix:cap/http@0.1.0"]);
    assert_eq!(found.unused(), BTreeSet::from([Kind::Env, Kind::Clock]));
}

#[test]
fn what_is_no_component() {
    check_err(b"", expect!["it is not WebAssembly"]);
    check_err(b"#!/bin/sh", expect!["it is not WebAssembly"]);
    check_err(&wat("(module)"), expect!["it is a core module, not a component"]);
    let whole = resolver();
    check_err(
        &whole[..whole.len() / 2],
        expect!["it is not sound WebAssembly of the kind that plugins may be: unexpected end-of-file, at byte 269"],
    );
}

#[test]
fn features_that_plugins_may_not_use() {
    let inner = |module: &str| wat(&format!("(component (core module {module}))"));
    let refused = [
        "(memory i64 1)",
        "(memory 1 1 shared)",
        "(type (struct (field i32)))",
        "(type (array i8))",
        "(tag (param i32))",
        "(table 1 externref)",
        "(func (param v128) (result v128) local.get 0 i32x4.relaxed_trunc_f32x4_s)",
        "(func (param i32) (result i32) local.get 0 i32.const 0 i32.atomic.rmw.add) (memory 1)",
        "(type $f (func)) (func (param (ref $f)))",
    ];
    for module in refused {
        let error = inspect(&inner(module)).unwrap_err();
        assert!(matches!(error, InspectError::Invalid { .. }), "{module}: {error}");
    }
    let allowed = [
        "(memory 1) (memory 1)",
        "(table 1 funcref)",
        "(func (param v128) (result v128) local.get 0)",
        "(func return_call 0)",
        "(func (param i32) (result i32 i32) local.get 0 i32.extend8_s i32.const 1)",
    ];
    for module in allowed {
        assert_eq!(inspect(&inner(module)), Err(InspectError::NoWorld), "{module}");
    }
}

#[test]
fn async_is_refused() {
    let text = r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (func (export "f") async (canon lift (core func $i "f") async)))"#;
    if let Ok(bytes) = wat::parse_str(text) {
        assert!(matches!(inspect(&bytes), Err(InspectError::Invalid { .. })));
    }
}

#[test]
fn imports_that_are_not_ours() {
    let with = |import: &str| component(&["punix:cap/log@0.1.0"], import, "punix:resolver/api@0.1.0", &[BAO]);
    let instance = |name: &str| with(&format!(r#"(import "{name}" (instance))"#));
    check_err(&instance("wasi:cli/stdout@0.2.6"), expect!["it imports `wasi:cli/stdout@0.2.6`, a part of WASI"]);
    check_err(
        &instance("punix:cap/http@0.2.0"),
        expect!["it imports `punix:cap/http@0.2.0`, and this version has another generation of that interface: 0.1"],
    );
    check_err(
        &instance("punix:cap/kernel@0.1.0"),
        expect!["it imports `punix:cap/kernel@0.1.0`, which is no interface for plugins"],
    );
    check_err(&instance("env"), expect!["it imports `env`, which is no interface for plugins"]);
    check_err(
        &instance("punix:cap/ssh@0.1.0"),
        expect!["it imports `punix:cap/ssh@0.1.0`, which a resolver is not given"],
    );
    check_err(
        &instance("punix:cap/process@0.1.0"),
        expect!["it imports `punix:cap/process@0.1.0`, which a resolver is not given"],
    );
    check_err(
        &instance("punix:resolver/api@0.1.0"),
        expect!["it imports `punix:resolver/api@0.1.0`, which a resolver is not given"],
    );
}

#[test]
fn imports_that_are_not_interfaces() {
    let with = |import: &str| component(&[], import, "punix:resolver/api@0.1.0", &[BAO]);
    check_err(
        &with(r#"(import "f" (func))"#),
        expect!["it imports `f` as a function; only interfaces are given to plugins"],
    );
    check_err(
        &with(r#"(import "m" (core module))"#),
        expect!["it imports `m` as a core module; only interfaces are given to plugins"],
    );
    check_err(
        &with(r#"(import "c" (component))"#),
        expect!["it imports `c` as a component; only interfaces are given to plugins"],
    );
    check_err(
        &with(r#"(import "t" (type (sub resource)))"#),
        expect!["it imports `t` as a type; only interfaces are given to plugins"],
    );
    let inside = with(r#"(component (import "wasi:cli/stdout@0.2.0" (instance)))"#);
    assert!(inspect(&inside).is_ok(), "nobody instantiates it, so nothing is given to it");
}

#[test]
fn the_world_is_what_it_exports() {
    let exporting = |api: &str| component(&[], "", api, &[BAO]);
    check_err(
        &exporting("punix:backend/api@0.1.0"),
        expect!["its manifest says that it is a resolver, and it exports the `api` of a backend"],
    );
    check_err(
        &exporting("example:other/api@0.1.0"),
        expect!["it exports no `api` of a backend, resolver or transport"],
    );
    check_err(
        &exporting("punix:resolver/api@0.2.0"),
        expect![
            "it exports `punix:resolver/api@0.2.0`, and this version has another generation of that interface: 0.1"
        ],
    );
    let two = r#"(instance $e) (export "punix:transport/api@0.1.0" (instance $e))"#;
    check_err(
        &component(&[], two, "punix:resolver/api@0.1.0", &[BAO]),
        expect!["it exports the `api` of a transport and of a resolver"],
    );
    check_err(
        &wat(r#"(component (instance $e) (export "punix:resolver/api@0.1.0" (instance $e)))"#),
        expect!["it does not export `punix:base/meta`"],
    );
}

#[test]
fn the_manifest_is_there_once_and_at_the_top() {
    let with = |manifests: &[&str], more: &str| component(&[], more, "punix:resolver/api@0.1.0", manifests);
    check_err(&with(&[], ""), expect!["it has no manifest"]);
    let inside = with(&[], r#"(core module (@custom "punix:manifest" "{}"))"#);
    assert_eq!(inspect(&inside), Err(InspectError::NoManifest { inside: true }));
    check_err(&with(&[BAO, BAO], ""), expect!["it has two manifests"]);
    check_err(&with(&["{}"], ""), expect!["its manifest is not one: at byte 1: missing field `id`"]);
    check_err(
        &with(&[&" ".repeat(MANIFEST_BYTES_MAX + 1)], ""),
        expect!["its manifest is not one: it has 65537 bytes, and 65536 are allowed"],
    );
}

#[test]
fn nesting_is_bounded_in_depth_and_number() {
    let deep = |depth| wat(&format!("{}{}", "(component ".repeat(depth + 1), ")".repeat(depth + 1)));
    assert_eq!(inspect(&deep(NESTED_DEPTH_MAX)), Err(InspectError::NoWorld));
    assert_eq!(inspect(&deep(NESTED_DEPTH_MAX + 1)), Err(InspectError::Nested));
    let wide = |count| wat(&format!("(component {})", "(core module)".repeat(count)));
    assert_eq!(inspect(&wide(NESTED_MAX)), Err(InspectError::NoWorld));
    assert_eq!(inspect(&wide(NESTED_MAX + 1)), Err(InspectError::Nested));
    let imports: String = (0..=EXTERNS_MAX).map(|n| format!(r#"(import "a{n}" (func))"#)).collect();
    assert_eq!(inspect(&wat(&format!("(component {imports})"))), Err(InspectError::TooManyExterns));
}

#[test]
fn a_length_of_several_bytes_is_written_right() {
    let long = manifest(&BAO.replace("read KV", &"x".repeat(190)));
    let plain = component(&[], "", "punix:resolver/api@0.1.0", &[]);
    assert_eq!(inspect(&attach(&plain, &long)).unwrap().manifest, long);
}

/// A failure names its seed.
#[test]
fn damage_never_panics_and_never_adds_anything() {
    let sound = [resolver(), compiled()];
    for seed in seeds(10) {
        for whole in &sound {
            check_damaged(whole, seed);
        }
    }
}

fn check_damaged(whole: &[u8], seed: u64) {
    let world = inspect(whole).unwrap().manifest.world;
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &bytes);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(ProptestConfig::default(), rng);
    for number in 0..1_000 {
        let damages = damages().new_tree(&mut runner).expect("nothing is filtered").current();
        let bytes = damaged(whole, &damages);
        let found = std::panic::catch_unwind(|| inspect(&bytes));
        // What is still accepted is given nothing that is not in the table.
        if let Ok(found) = found.unwrap_or_else(|_| panic!("PUNIX_FUZZ_FROM={seed}: damage {number} panics")) {
            let given = found.manifest.world;
            let about = format!("PUNIX_FUZZ_FROM={seed}: damage {number}");
            assert!(found.imports.iter().all(|name| given.imports(name)), "{about}");
            assert_eq!(given, world, "{about}");
        }
    }
}

fuzz! {
    256;

    #[test]
    fn bytes_from_nowhere_are_an_error(mut bytes in any::<Vec<u8>>(), kind in 0u8..3) {
        let header: &[u8] = match kind { 0 => b"", 1 => b"\0asm\x0d\0\x01\0", _ => b"\0asm\x01\0\0\0" };
        bytes.splice(0..0, header.iter().copied());
        prop_assert!(inspect(&bytes).is_err());
    }
}
