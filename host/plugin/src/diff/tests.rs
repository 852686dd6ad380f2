use super::*;
use crate::testing::{BAO, manifest};
use expect_test::{Expect, expect};

fn check(from: &str, to: &str, expected: Expect) {
    let changes = diff(&manifest(BAO), &manifest(&BAO.replace(from, to)));
    let mut shown = format!("widens: {}\n", changes.widens());
    for RequestChange { key, change, why } in &changes.requests {
        shown.push_str(&format!("{change:?} {key}: {why}\n"));
    }
    for (name, old, new) in &changes.wishes {
        shown.push_str(&format!("{name}: {old:?} {new:?}\n"));
    }
    expected.assert_eq(&shown);
}

#[test]
fn the_same_and_a_new_version_widen_nothing() {
    let old = manifest(BAO);
    assert!(!diff(&old, &old).widens());
    let new = diff(&old, &manifest(&BAO.replace("0.3.1", "0.4.0")));
    assert!(!new.widens() && new.version.is_some());
}

#[test]
fn what_an_update_adds_stands_out() {
    check(
        r#"[{"name":"BAO_TOKEN","#,
        r#"[{"name":"HOME","why":"x"},{"name":"BAO_TOKEN","#,
        expect![[r#"
        widens: true
        Added env:HOME: x
    "#]],
    );
    check(
        r#"["get","post"]"#,
        r#"["get","post","delete"]"#,
        expect![[r#"
        widens: true
        Widened http:{config.address}: read KV
    "#]],
    );
    check(
        r#"["/v1/*"]"#,
        r#"["/*"]"#,
        expect![[r#"
        widens: true
        Widened http:{config.address}: read KV
    "#]],
    );
    check(
        r#"["/v1/*"]"#,
        r#"["/v1/kv/*"]"#,
        expect![[r#"
        widens: false
        Narrowed http:{config.address}: read KV
    "#]],
    );
    check(
        r#"["/lease_duration"]"#,
        r#"["/data/password","/lease_duration"]"#,
        expect![[r#"
        widens: true
        Widened http:{config.address}: read KV
    "#]],
    );
    check(
        r#""secret":true,"#,
        "",
        expect![[r#"
        widens: true
        Widened env:BAO_TOKEN: login
    "#]],
    );
    check(
        "login",
        "log in",
        expect![[r#"
        widens: false
        Reworded env:BAO_TOKEN: log in
    "#]],
    );
    check(
        r#""memory_mib":32"#,
        r#""memory_mib":16"#,
        expect![[r#"
        widens: false
        memory_mib: Some(32) Some(16)
    "#]],
    );
    check(
        r#","timeout_ms":5000"#,
        "",
        expect![[r#"
        widens: true
        timeout_ms: Some(5000) None
    "#]],
    );
    check(
        r#""memory_mib":32"#,
        r#""memory_mib":64"#,
        expect![[r#"
        widens: true
        memory_mib: Some(32) Some(64)
    "#]],
    );
    check(
        r#""clock":{"why":"leases end"},"#,
        "",
        expect![[r#"
        widens: false
        Removed clock: leases end
    "#]],
    );
    check(
        r#"["from_bao"]"#,
        r#"["from_bao","from_vault"]"#,
        expect![[r#"
        widens: true
    "#]],
    );
}
