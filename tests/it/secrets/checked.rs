//! `punix secrets check`.

use super::{Place, gives, program};
use expect_test::expect;

#[test]
fn it_says_what_is_found_and_where_and_shows_no_value() {
    let place = Place::of(&program(&[
        ("from_env", "A"),
        ("from_env", "EMPTY"),
        ("from_file", "secret"),
        ("from_file", "../shared/no"),
        ("from_vault", "kv/web#a"),
    ]));
    place.write("web/secret", "value-of-the-file\n");
    let place = place.set("A", "value-of-the-variable").set("EMPTY", "");
    gives(&place.check(&[]), &expect![[""]]);
    place.hide("v.json", r#"{"kv/web#a": "value-of-the-vault"}"#);
    place.write("shared/no", "value-too");
    let found = place.check(&["--vault-secrets", "v.json"]);
    gives(&found, &expect![[""]]);
    let json = place.check(&["--vault-secrets", "v.json", "--json"]);
    assert_eq!(json.code, Some(0), "{json:?}");
    let document = json.json();
    let secret = &document["secrets"].list()[0];
    assert_eq!(secret["reference"].text(), "from_env:A");
    assert_eq!(secret["plugin"].text(), "punix.from-env");
    for outcome in [&found, &json] {
        assert!(!outcome.stdout.contains("value") && !outcome.stderr.contains("value"), "{outcome:?}");
    }
    assert!(!place.path("host").exists() && !place.path("store").exists(), "nothing is written");
}

#[test]
fn a_failure_is_a_row_and_an_error() {
    let place = Place::of(&program(&[("from_file", "dir/"), ("from_env", "not a name")]));
    gives(&place.check(&[]), &expect![[""]]);
    gives(&place.check(&["--json"]), &expect![[""]]);
}

#[test]
fn what_is_wrong_with_the_program_is_told_first() {
    let place = Place::of("module Web {\n  backend = \"systemd\"\n}\n");
    gives(&place.check(&[]), &expect![[""]]);
    gives(&place.punix(["secrets", "check", "Wep", "--file", "web/p.pcl"]), &expect![[""]]);
    gives(&place.punix(["secrets", "check", "Web"]), &expect![[""]]);
    place.write("web/p.pcl", "module Web {\n  backend = 1\n}\n");
    let wrong = place.check(&[]);
    assert!(wrong.code == Some(1) && wrong.stderr.contains("error: [E1]"), "{wrong:?}");
}
