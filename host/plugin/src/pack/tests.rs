//! Modules are written as text here; what compilers make of projects is tested with the verbs.

use super::*;
use crate::testing::{self, BAO};
use crate::{Kind, Requests};
use expect_test::{Expect, expect};

const MANIFEST: &str = r#"
id = "org.example.bao"
version = "0.3.1"
world = "punix:resolver/secret-resolver@0.1.0"
handles = ["from_bao"]

[[requests.http]]
host = "{config.address}"
methods = ["get", "post"]
paths = ["/v1/*"]
public = ["/lease_duration"]
why = "read KV"

[[requests.env]]
name = "BAO_TOKEN"
secret = true
why = "login"

[requests.clock]
why = "leases end"

[limits]
memory_mib = 32
timeout_ms = 5000
"#;

fn manifest() -> Manifest {
    manifest_from_toml("punix-plugin.toml", MANIFEST).unwrap()
}

/// Makes a module with the exports of a resolver.
fn module(imports: &str, more: &str) -> Vec<u8> {
    let text = format!(
        r#"(module {imports}
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 64)
            (func (export "punix:base/meta@0.1.0#describe") (result i32) i32.const 128)
            (func (export "punix:base/meta@0.1.0#check-config") (param i32 i32) (result i32) i32.const 128)
            (func (export "punix:resolver/api@0.1.0#resolve-all") (param i32 i32) (result i32) i32.const 128)
            (func (export "punix:resolver/api@0.1.0#parse") (param i32 i32) (result i32) i32.const 128)
            {more})"#
    );
    wat::parse_str(&text).unwrap()
}

fn check_err(bytes: &[u8], expected: Expect) {
    expected.assert_eq(&pack(bytes, &manifest()).unwrap_err().to_string());
}

fn check_text_err(text: &str, expected: Expect) {
    expected.assert_eq(&manifest_from_toml("punix-plugin.toml", text).unwrap_err().to_string());
}

#[test]
fn the_text_of_an_author_and_the_section_say_the_same() {
    assert_eq!(manifest().to_json(), BAO);
}

#[test]
fn a_module_becomes_a_plugin_with_the_imports_that_it_uses_and_no_others() {
    let log = r#"(import "punix:cap/log@0.1.0" "emit" (func (param i32 i32 i32 i32 i32)))"#;
    let plugin = pack(&module(log, ""), &manifest()).unwrap();
    let inspected = inspect(&plugin).unwrap();
    assert_eq!(inspected.manifest, manifest());
    let imports: Vec<String> = inspected.imports.iter().map(ToString::to_string).collect();
    // Types of what is exported are imported, too.
    assert_eq!(imports, ["punix:cap/log@0.1.0", "punix:base/types@0.1.0", "punix:cap/secrets@0.1.0"]);
    assert!(inspected.unused().contains(&Kind::Http));
}

#[test]
fn equal_modules_and_manifests_give_equal_bytes() {
    let module = module("", "");
    assert_eq!(pack(&module, &manifest()).unwrap(), pack(&module, &manifest()).unwrap());
}

#[test]
fn a_component_only_gets_its_manifest() {
    let component = testing::component(&["punix:cap/log@0.1.0"], "", "punix:resolver/api@0.1.0", &[]);
    let plugin = pack(&component, &manifest()).unwrap();
    assert!(plugin.starts_with(&component));
    assert_eq!(inspect(&plugin).unwrap().manifest, manifest());
}

#[test]
fn nothing_is_packed_twice() {
    let plugin = pack(&module("", ""), &manifest()).unwrap();
    check_err(&plugin, expect!["it has a manifest already"]);
    let mut other = manifest();
    other.requests = Requests::default();
    assert!(matches!(pack(&plugin, &other), Err(PackError::HasManifest)));
}

#[test]
fn what_is_no_module_of_the_world_is_refused_with_the_reason() {
    check_err(b"#!/bin/sh", expect!["it is not WebAssembly"]);
    check_err(
        &module(r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#, ""),
        expect!["it imports `wasi_snapshot_preview1.fd_write`, a part of WASI"],
    );
    check_err(
        &module(r#"(import "env" "puts" (func (param i32)))"#, ""),
        expect![
            "it is no resolver: failed to resolve import `env::puts`: module requires an import interface named `env`"
        ],
    );
    let empty = wat::parse_str(r#"(module (memory (export "memory") 1))"#).unwrap();
    check_err(
        &empty,
        expect!["it is no resolver: failed to find export of interface `punix:base/meta@0.1.0` function `describe`"],
    );
    let wide = wat::parse_str(r#"(module (memory i64 1))"#).unwrap();
    check_err(
        &wide,
        expect![
            "it is not sound WebAssembly of the kind that plugins may be: memory64 must be enabled for 64-bit memories, at byte 11"
        ],
    );
    let cut = module("", "");
    check_err(
        &cut[..cut.len() - 3],
        expect!["it is not sound WebAssembly of the kind that plugins may be: unexpected end-of-file, at byte 240"],
    );
}

#[test]
fn a_component_of_another_world_is_refused() {
    let component = testing::component(&[], "", "punix:backend/api@0.1.0", &[]);
    check_err(&component, expect!["its manifest says that it is a resolver, and it exports the `api` of a backend"]);
    let http = testing::component(&["punix:cap/http@0.1.0"], "", "punix:backend/api@0.1.0", &[]);
    check_err(&http, expect!["it imports `punix:cap/http@0.1.0`, which a backend is not given"]);
}

#[test]
fn a_manifest_at_fault_is_shown_where_it_is() {
    check_text_err(
        "id = \"org.example.bao\"\nversion = \"1\"\n",
        expect!["punix-plugin.toml:2:11: `1` is not a version such as `1.2.3` or `1.2.3-rc.1`"],
    );
    check_text_err(
        &MANIFEST.replace("from_bao", "bao"),
        expect!["punix-plugin.toml: `bao` is no key of a secret reference: these begin with `from_`"],
    );
    check_text_err(&MANIFEST.replace("why = \"login\"\n", ""), expect!["punix-plugin.toml:14:1: missing field `why`"]);
    check_text_err(
        &MANIFEST.replace("[limits]", "[limit]"),
        expect![
            "punix-plugin.toml:22:2: unknown field `limit`, expected one of `id`, `version`, `world`, `handles`, `requests`, `limits`, `determinism`"
        ],
    );
    check_text_err(
        &MANIFEST.replace("[requests.clock]", "[requests.ssh]"),
        expect!["punix-plugin.toml: it asks for `ssh`, and a resolver is never given that"],
    );
    check_text_err("id = ", expect!["punix-plugin.toml:1:6: string values must be quoted, expected literal string"]);
}

#[test]
fn damaged_modules_are_refused_or_packed_and_never_panic() {
    let whole = module("", "(data (i32.const 8) \"text\")");
    for at in 0..whole.len() {
        for bit in [0, 3, 7] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            let _ = pack(&damaged, &manifest());
        }
    }
}
