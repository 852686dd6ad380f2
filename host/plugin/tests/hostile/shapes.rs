//! What is no plugin at all, or one of another world, another time or another standard.

use crate::room::{Folder, Guest, Terms, World, backend, drawn, or_fault};
use expect_test::{Expect, expect};
use punix_model::Backend;
use punix_plugin::runtime::{BackendPlugin, Runtime, Setup};
use punix_plugin::{Component, Lock, Policy, Rules, admit, attach, inspect, read};

/// What a user sees of bytes that come to the door.
fn seen(bytes: &[u8]) -> String {
    let (lock, policy) = (Lock::default(), Policy::default());
    let rules = Rules { lock: &lock, policy: &policy, ceilings: &[] };
    match admit("odd.wasm", Component::new(bytes.to_vec()), rules) {
        Ok(admitted) => format!("admitted: {:?}", admitted.inspected().manifest.id),
        Err(fault) => drawn(fault.into_diagnostics()),
    }
}

#[track_caller]
fn check(bytes: &[u8], expected: Expect) {
    expected.assert_eq(&seen(bytes));
}

/// A component that imports and exports instances without anything in them.
fn component(imports: &str, exports: &[&str]) -> Vec<u8> {
    let exports: String = exports.iter().map(|name| format!("(export \"{name}\" (instance $empty))")).collect();
    let text = format!("(component {imports} (instance $empty) {exports})");
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
}

const META: &str = "punix:base/meta@0.1.0";
const BACKEND: &str = "punix:backend/api@0.1.0";

#[test]
fn bytes_that_are_no_component() {
    check(
        b"",
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it is not WebAssembly
    "#]],
    );
    check(
        b"#!/bin/sh\nid\n",
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it is not WebAssembly
    "#]],
    );
    check(
        b"\x7fELF\x02\x01\x01\0\0\0\0\0",
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it is not WebAssembly
    "#]],
    );
    check(
        b"\0asm",
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it is not WebAssembly
    "#]],
    );
    check(
        b"\0asm\x0d\0\x01\0",
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it exports no `api` of a backend, resolver or transport
    "#]],
    );
    check(
        &wat::parse_str("(module (func (export \"render\")))").unwrap(),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it is a core module, not a component
        help: `punix plugin build` makes a component of it
    "#]],
    );
    // Where exactly depends on who built it.
    let whole = &backend().bytes;
    let cut = |length: usize| {
        let text = seen(&whole[..length]);
        text.rsplit_once(" at byte ").map(|(said, _)| format!("{said}\n")).unwrap_or(text)
    };
    expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it is not sound WebAssembly of the kind that plugins may be: unexpected end-of-file,
    "#]].assert_eq(&cut(whole.len() / 2));
    expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it is not sound WebAssembly of the kind that plugins may be: unexpected end-of-file,
    "#]].assert_eq(&cut(whole.len() - 1));
}

#[test]
fn wasi_in_every_generation() {
    let mut text = String::new();
    for name in ["wasi:cli/environment@0.2.0", "wasi:filesystem/types@0.3.0", "wasi:http/handler@0.2.3"] {
        text.push_str(&seen(&component(&format!("(import \"{name}\" (instance))"), &[META, BACKEND])));
    }
    expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it imports `wasi:cli/environment@0.2.0`, a part of WASI
        note: plugins have no WASI: no files, clocks, environment or output but what is requested and granted
        help: build it without WASI, for `wasm32-unknown-unknown`; print by way of `punix:cap/log`
        error: [E24] `odd.wasm` is not a plugin that can be used: it imports `wasi:filesystem/types@0.3.0`, a part of WASI
        note: plugins have no WASI: no files, clocks, environment or output but what is requested and granted
        help: build it without WASI, for `wasm32-unknown-unknown`; print by way of `punix:cap/log`
        error: [E24] `odd.wasm` is not a plugin that can be used: it imports `wasi:http/handler@0.2.3`, a part of WASI
        note: plugins have no WASI: no files, clocks, environment or output but what is requested and granted
        help: build it without WASI, for `wasm32-unknown-unknown`; print by way of `punix:cap/log`
    "#]].assert_eq(&text);
}

#[test]
fn interfaces_that_nobody_gives() {
    let with = |import: &str| component(import, &[META, BACKEND]);
    check(
        &with("(import \"punix:cap/http@0.1.0\" (instance))"),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it imports `punix:cap/http@0.1.0`, which a backend is not given
    "#]],
    );
    check(
        &with("(import \"punix:cap/secrets@0.1.0\" (instance))"),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it imports `punix:cap/secrets@0.1.0`, which a backend is not given
    "#]],
    );
    check(
        &with("(import \"punix:cap/log@0.2.0\" (instance))"),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it imports `punix:cap/log@0.2.0`, and this version has another generation of that interface: 0.1
        help: use a version of the plugin, or of `punix`, that fits
    "#]],
    );
    check(
        &with("(import \"punix:cap/log@1.0.0\" (instance))"),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it imports `punix:cap/log@1.0.0`, and this version has another generation of that interface: 0.1
        help: use a version of the plugin, or of `punix`, that fits
    "#]],
    );
    check(
        &with("(import \"punix:cap/root@0.1.0\" (instance))"),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it imports `punix:cap/root@0.1.0`, which is no interface for plugins
    "#]],
    );
    check(
        &with("(import \"evil:corp/tools@1.0.0\" (instance))"),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it imports `evil:corp/tools@1.0.0`, which is no interface for plugins
    "#]],
    );
    check(
        &with("(import \"run\" (func))"),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it imports `run` as a function; only interfaces are given to plugins
    "#]],
    );
    check(
        &with("(import \"punix:cap/log@0.1.0\" (func))"),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it imports `punix:cap/log@0.1.0` as a function; only interfaces are given to plugins
    "#]],
    );
}

#[test]
fn exports_that_are_of_no_world_or_of_two() {
    check(
        &component("", &[]),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it exports no `api` of a backend, resolver or transport
    "#]],
    );
    check(
        &component("", &[META]),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it exports no `api` of a backend, resolver or transport
    "#]],
    );
    check(
        &component("", &[BACKEND]),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it does not export `punix:base/meta`
    "#]],
    );
    check(
        &component("", &[META, BACKEND, "punix:transport/api@0.1.0"]),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it exports the `api` of a backend and of a transport
    "#]],
    );
    check(
        &component("", &[META, "punix:backend/api@0.2.0"]),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it exports `punix:backend/api@0.2.0`, and this version has another generation of that interface: 0.1
        help: use a version of the plugin, or of `punix`, that fits
    "#]],
    );
    check(
        &component("", &[META, BACKEND]),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it has no manifest
        help: `punix plugin pack` writes it
    "#]],
    );
}

#[test]
fn a_manifest_of_another_world() {
    let manifest = inspect(&backend().bytes).unwrap().manifest;
    check(
        &attach(&component("", &[META, "punix:transport/api@0.1.0"]), &manifest),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: its manifest says that it is a backend, and it exports the `api` of a transport
    "#]],
    );
    check(
        &attach(&backend().bytes, &manifest),
        expect![[r#"
        error: [E24] `odd.wasm` is not a plugin that can be used: it has two manifests
    "#]],
    );
}

/// The names are right, and nothing behind them is: that shows when it is tied to the host, and nothing of it has run.
#[test]
fn interfaces_of_the_right_name_and_another_shape() {
    let manifest = inspect(&backend().bytes).unwrap().manifest;
    let load = |bytes: Vec<u8>| {
        let guest = Guest { bytes: attach(&bytes, &manifest) };
        let admitted = crate::room::admitted(&guest, &Terms::default()).unwrap_or_else(|fault| panic!("{fault}"));
        or_fault(Runtime::new(Setup::default()).load(admitted, None).map(|loaded| format!("{loaded:?}\n")))
    };
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` cannot be loaded for what it does in `load`: instance export `punix:base/meta@0.1.0` does not have export `describe`
        help: use a version of `org.example.hostile-backend`, or of `punix`, that fits
    "#]].assert_eq(&load(component("", &[META, BACKEND])));
    let emit = r#"(import "punix:cap/log@0.1.0" (instance (export "emit" (func (param "message" string)))))"#;
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` cannot be loaded for what it does in `load`: expected 3-tuple, found 1-tuple
        help: use a version of `org.example.hostile-backend`, or of `punix`, that fits
    "#]].assert_eq(&load(component(emit, &[META, BACKEND])));
    let more = r#"(import "punix:cap/log@0.1.0" (instance (export "read-back" (func (result string)))))"#;
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-backend 0.6.6` cannot be loaded for what it does in `load`: function implementation is missing
        help: use a version of `org.example.hostile-backend`, or of `punix`, that fits
    "#]].assert_eq(&load(component(more, &[META, BACKEND])));
}

/// What was read is what is hashed, admitted, compiled and run; the file behind the name does not matter any more.
#[test]
fn a_file_that_is_swapped_after_it_was_read() {
    let folder = Folder::new();
    let path = folder.write("plugin.wasm", &backend().bytes);
    let component = read(&path).unwrap();
    let digest = component.digest();
    // In place, so that whoever has it open or mapped would see it.
    folder.write("plugin.wasm", &crate::room::transport().bytes);
    let guest = Guest { bytes: component.bytes().to_vec() };
    let admitted = crate::room::admitted(&guest, &Terms::default()).unwrap_or_else(|fault| panic!("{fault}"));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(admitted.digest(), digest);
    let loaded = Runtime::new(Setup::default()).load(admitted, None).unwrap();
    let around = crate::room::Plugin::on(&guest, Terms::default(), &World::default()).around;
    let plugin = BackendPlugin::new(loaded, around).unwrap();
    assert!(plugin.render(&crate::running::stack(""), &crate::running::facts()).is_ok());
}

/// One that was swapped before it was read is another one, and that shows.
#[test]
fn a_file_that_is_swapped_before_it_is_read() {
    let guest = backend();
    let good = Component::new(guest.bytes.clone());
    let inspected = inspect(good.bytes()).unwrap();
    let id = inspected.manifest.id.clone();
    let mut lock = Lock::default();
    lock.insert(punix_plugin::Row::of(&good, &inspected, punix_plugin::Source::parse("plugin.wasm").unwrap()));
    // A custom section more changes nothing of what it does, and its digest.
    let mut bytes = guest.bytes.clone();
    bytes.extend_from_slice(b"\0\x02\x01x");
    let evil = Component::new(bytes);
    let text = |policy: &str| {
        let policy = Policy::parse("punix.plugins.toml", policy).unwrap();
        let fault =
            admit("plugin.wasm", evil.clone(), Rules { lock: &lock, policy: &policy, ceilings: &[] }).unwrap_err();
        let shown = drawn(fault.into_diagnostics());
        shown.replace(&evil.digest().to_string(), "FOUND").replace(&good.digest().to_string(), "LOCKED")
    };
    expect![[r#"
        error: [E27] `org.example.hostile-backend` is not the component that was locked: its digest is FOUND, and LOCKED is locked
        help: if it was updated, `punix plugin diff org.example.hostile-backend FILE` shows what it asks for now, and `punix plugin add` locks it
    "#]].assert_eq(&text(""));
    lock.insert(punix_plugin::Row::of(
        &evil,
        &inspect(evil.bytes()).unwrap(),
        punix_plugin::Source::parse("p").unwrap(),
    ));
    let text = |policy: &str| {
        let policy = Policy::parse("punix.plugins.toml", policy).unwrap();
        let fault =
            admit("plugin.wasm", evil.clone(), Rules { lock: &lock, policy: &policy, ceilings: &[] }).unwrap_err();
        let shown = drawn(fault.into_diagnostics());
        shown.replace(&evil.digest().to_string(), "FOUND").replace(&good.digest().to_string(), "LOCKED")
    };
    expect![[r#"
        error: [E27] what is granted to `org.example.hostile-backend` is not for this component: its digest is FOUND
        note: it is granted to the component with the digest LOCKED
        help: `punix plugin inspect org.example.hostile-backend` shows it; `punix plugin add` asks what to grant
    "#]]
    .assert_eq(&text(&format!("[plugin.\"{id}\"]\nsha256 = \"{}\"", good.digest())));
}
