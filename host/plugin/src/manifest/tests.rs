use super::*;
use crate::fuzzing::fuzz;
use crate::testing::{BAO, manifest};
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn check_err(text: &str, expected: Expect) {
    expected.assert_eq(&Manifest::from_json(text.as_bytes()).unwrap_err().to_string());
}

fn with(part: &str) -> String {
    format!(
        r#"{{"handles":["from_bao"],"id":"org.example.bao",{part}"version":"0.3.1","world":"punix:resolver/secret-resolver@0.1.0"}}"#
    )
}

#[test]
fn a_manifest_comes_back_as_it_was_written() {
    let bao = manifest(BAO);
    assert_eq!(bao.to_json(), BAO);
    assert_eq!(bao.id.as_str(), "org.example.bao");
    assert_eq!(bao.limits.memory_mib, Some(32));
    let keys: Vec<String> = bao.requests.each().into_iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(keys, ["http:{config.address}", "env:BAO_TOKEN", "clock"]);
}

#[test]
fn only_the_one_form_is_accepted() {
    check_err(
        &with("").replace("\":", "\": "),
        expect!["it is not written in the one form that manifests have, from byte 11 on"],
    );
    check_err(
        &with(r#""requests":{},"#),
        expect!["it is not written in the one form that manifests have, from byte 48 on"],
    );
    check_err(
        &with(r#""determinism":{"pure":false},"#),
        expect!["it is not written in the one form that manifests have, from byte 48 on"],
    );
    check_err(
        &format!("{}\n", with("")),
        expect!["it is not written in the one form that manifests have, from byte 112 on"],
    );
    assert!(Manifest::from_json(with("").as_bytes()).is_ok());
}

#[test]
fn what_is_not_known_or_twice_is_refused() {
    check_err(
        &with(r#""network":true,"#),
        expect![
            "at byte 55: unknown field `network`, expected one of `id`, `version`, `world`, `handles`, `requests`, `limits`, `determinism`"
        ],
    );
    check_err(
        &with(r#""requests":{"gpu":[]},"#),
        expect![
            "at byte 63: unknown field `gpu`, expected one of `http`, `env`, `files`, `process`, `spawn`, `ssh`, `here`, `clock`, `secrets`"
        ],
    );
    check_err(&with(r#""id":"org.example.bao","#), expect!["at byte 50: duplicate field `id`"]);
    check_err(
        &with(r#""requests":{"env":[{"name":"A","why":"x"},{"name":"A","why":"y"}]},"#),
        expect!["it asks twice for `env:A`"],
    );
    check_err(&with(r#""requests":{"clock":{}},"#), expect!["at byte 68: missing field `why`"]);
}

#[test]
fn what_a_world_does_not_offer_is_refused() {
    check_err(
        &with(r#""requests":{"ssh":{"why":"x"}},"#),
        expect!["it asks for `ssh`, and a resolver is never given that"],
    );
    let backend = with(r#""requests":{"clock":{"why":"x"}},"#)
        .replace("resolver/secret-resolver", "backend/backend")
        .replace("from_bao", "runit");
    check_err(&backend, expect!["it asks for `clock`, and a backend is never given that"]);
}

#[test]
fn shapes_are_checked() {
    check_err(
        &with("").replace("from_bao", "bao"),
        expect!["`bao` is no key of a secret reference: these begin with `from_`"],
    );
    check_err(&with("").replace(r#""from_bao""#, ""), expect!["it names nothing that it handles"]);
    check_err(
        &with("").replace("org.example.bao", "bao"),
        expect!["at byte 33: `bao` is not the id of a plugin: a domain name turned round, such as `org.example.bao`"],
    );
    check_err(&with(r#""limits":{"memory_mib":0},"#), expect!["its wish `memory_mib = 0` leaves it nothing"]);
    check_err(
        &with(r#""requests":{"http":[{"host":"a.b","methods":[],"paths":["/"],"why":"x"}]},"#),
        expect!["it asks for `http:a.b:443` without saying for what"],
    );
    check_err(&with(r#""requests":{"secrets":{"why":"x"}},"#), expect!["it asks for `seal` without saying for what"]);
}

#[test]
fn size_and_depth_are_bounded() {
    check_err(&" ".repeat(MANIFEST_BYTES_MAX + 1), expect!["it has 65537 bytes, and 65536 are allowed"]);
    let deep = format!("{}{}", r#"{"requests":"#, "[".repeat(60_000));
    assert!(matches!(Manifest::from_json(deep.as_bytes()), Err(ManifestError::Read { .. })));
    let many: Vec<String> = (0..=LIST_MAX).map(|n| format!(r#"{{"name":"A{n}","why":"x"}}"#)).collect();
    check_err(
        &with(&format!(r#""requests":{{"env":[{}]}},"#, many.join(","))),
        expect!["it has more than 64 variables"],
    );
}

#[test]
fn control_characters_do_not_reach_the_message() {
    check_err(
        &with("\"a\\u001b[2J\":1,"),
        expect![[
            r#"at byte 58: unknown field `a\u{1b}[2J`, expected one of `id`, `version`, `world`, `handles`, `requests`, `limits`, `determinism`"#
        ]],
    );
}

#[test]
fn the_request_digest_follows_what_is_asked_for() {
    let (plain, bao) = (manifest(&with("")), manifest(BAO));
    assert_ne!(plain.request_digest(), bao.request_digest());
    let newer = manifest(&BAO.replace("0.3.1", "0.4.0"));
    assert_eq!(newer.request_digest(), bao.request_digest());
}

fuzz! {
    256;

    #[test]
    fn damage_is_an_error_or_another_manifest_in_its_one_form(at in 0..BAO.len(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = BAO.as_bytes().to_vec();
        bytes[at] = byte;
        bytes.truncate(if cut { at } else { bytes.len() });
        if let Ok(manifest) = Manifest::from_json(&bytes) {
            prop_assert_eq!(manifest.to_json().into_bytes(), bytes);
        }
    }
}
