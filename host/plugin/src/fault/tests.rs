use super::*;
use crate::grant::PolicyError;
use crate::testing::{BAO, manifest};
use expect_test::{Expect, expect};
use punix_diag::{Detail, Look, SourceMap, render};

fn check(fault: impl Into<Fault>, expected: Expect) {
    let look = Look { color: false, detail: Detail::Lines };
    expected.assert_eq(&render(&fault.into().into_diagnostics(), &SourceMap::default(), look));
}

fn inspected(error: InspectError) -> Fault {
    Fault::Inspect { name: "bao.wasm".into(), error }
}

#[test]
fn what_cannot_be_used() {
    check(
        FileError::Link { path: "bao.wasm".into() },
        expect![[r#"
        error: [E24] `bao.wasm` is a link, and links to plugins are not followed
        help: name the file that it leads to
    "#]],
    );
    check(
        FileError::TooLarge { path: "bao.wasm".into() },
        expect![[r#"
        error: [E24] `bao.wasm` is larger than 64 MiB
    "#]],
    );
    check(
        FileError::Io { path: "bao.wasm".into(), error: ErrorKind::NotFound.into() },
        expect![[r#"
            error: [E24] `bao.wasm` cannot be read: entity not found
            help: name the file of a component that you may read
        "#]],
    );
    check(
        FileError::Io { path: "bao.wasm".into(), error: ErrorKind::PermissionDenied.into() },
        expect![[r#"
            error: [E24] `bao.wasm` cannot be read: permission denied
            help: name the file of a component that you may read
        "#]],
    );
    check(
        inspected(InspectError::Wasi { name: "wasi:cli/stdout@0.2.6".into() }),
        expect![[r#"
        error: [E24] `bao.wasm` is not a plugin that can be used: it imports `wasi:cli/stdout@0.2.6`, a part of WASI
        note: plugins have no WASI: no files, clocks, environment or output but what is requested and granted
        help: build it without WASI, for `wasm32-unknown-unknown`; print by way of `punix:cap/log`
    "#]],
    );
    check(
        inspected(InspectError::NoManifest { inside: true }),
        expect![[r#"
        error: [E24] `bao.wasm` is not a plugin that can be used: it has no manifest
        note: a module in it has a section `punix:manifest`, where it is not looked for
        help: `punix plugin pack` writes it
    "#]],
    );
    check(
        inspected(InspectError::CoreModule),
        expect![[r#"
        error: [E24] `bao.wasm` is not a plugin that can be used: it is a core module, not a component
        help: `punix plugin build` makes a component of it
    "#]],
    );
}

#[test]
fn what_is_not_allowed() {
    let bao = manifest(BAO);
    let denials = crate::effective(&bao, None, &[]).unwrap_err();
    check(
        Fault::Denied { id: bao.id.clone(), version: bao.version.clone(), denials },
        expect![[r#"
        error: [E25] the plugin `org.example.bao` 0.3.1 asks for `http:{config.address}`, and nobody decided about that
        note: it says what for: read KV
        note: to go on without: punix plugin revoke org.example.bao http '{config.address}'
        help: to allow it: punix plugin grant org.example.bao http HOST:PORT --methods get,post --paths '/v1/*' --public /lease_duration
        error: [E25] the plugin `org.example.bao` 0.3.1 asks for `env:BAO_TOKEN`, and nobody decided about that
        note: it says what for: login
        note: to go on without: punix plugin revoke org.example.bao env BAO_TOKEN
        help: to allow it: punix plugin grant org.example.bao env BAO_TOKEN --as secret
        error: [E25] the plugin `org.example.bao` 0.3.1 asks for `clock`, and nobody decided about that
        note: it says what for: leases end
        note: to go on without: punix plugin revoke org.example.bao clock
        help: to allow it: punix plugin grant org.example.bao clock
    "#]],
    );
    let key = crate::Key::parse("clock").unwrap();
    let cause = Cause::Site { source: "/etc/punix/plugins.d/10.toml".into(), revoke: "punix plugin revoke …".into() };
    let denials = vec![Denial { key, why: crate::Why::parse("leases end").unwrap(), cause }];
    check(
        Fault::Denied { id: bao.id, version: bao.version, denials },
        expect![[r#"
        error: [E25] the plugin `org.example.bao` 0.3.1 asks for `clock`, which `/etc/punix/plugins.d/10.toml` does not allow
        note: it says what for: leases end
        help: to go on without: punix plugin revoke …
    "#]],
    );
}

#[test]
fn what_cannot_be_read() {
    let (file, said) = ("punix.plugins.toml".to_owned(), "unknown field `htpp`".to_owned());
    check(
        SiteError::Policy(PolicyError::Read { file, line: 2, column: 1, said }),
        expect![[r#"
        error: [E26] punix.plugins.toml:2:1: unknown field `htpp`
        note: nothing is granted as long as it is so
    "#]],
    );
    check(
        SiteError::Writable { path: "/etc/punix/plugins.d/10.toml".into() },
        expect![[r#"
        error: [E26] `/etc/punix/plugins.d/10.toml` could be changed by others than root
        note: nothing is granted as long as it is so
        help: `chown root /etc/punix/plugins.d/10.toml` and `chmod go-w /etc/punix/plugins.d/10.toml`, once you know who wrote it
    "#]],
    );
}

#[test]
fn what_is_another() {
    let id = Id::parse("org.example.bao").unwrap();
    let (found, locked) = (Digest::of(b"new"), Digest::of(b"old"));
    check(
        LockError::Absent { id: id.clone() },
        expect![[r#"
        error: [E27] `org.example.bao` is not in the lock
        help: `punix plugin add` inspects it, asks what to grant, and locks it
    "#]],
    );
    check(
        LockError::Digest { id: id.clone(), found, locked },
        expect![[r#"
        error: [E27] `org.example.bao` is not the component that was locked: its digest is 11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437, and cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4 is locked
        help: if it was updated, `punix plugin diff org.example.bao FILE` shows what it asks for now, and `punix plugin add` locks it
    "#]],
    );
    check(
        Fault::OtherComponent { id, found, granted: Some(locked) },
        expect![[r#"
        error: [E27] what is granted to `org.example.bao` is not for this component: its digest is 11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437
        note: it is granted to the component with the digest cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4
        help: `punix plugin inspect org.example.bao` shows it; `punix plugin add` asks what to grant
    "#]],
    );
}
