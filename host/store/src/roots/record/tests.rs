use super::*;
use crate::limits::NAME_BYTES_MAX;
use expect_test::{Expect, expect};

const A: &str = "0123456789abcdef0123456789abcdef-a-1";
const B: &str = "fedcba9876543210fedcba9876543210-b-2";

#[track_caller]
fn keeps(json: &str, expected: &[&str]) {
    let names = entries(json.as_bytes()).unwrap();
    assert_eq!(names.iter().map(StoreName::as_str).collect::<Vec<_>>(), expected, "{json}");
}

#[track_caller]
fn refuses(json: impl AsRef<[u8]>, expected: &Expect) {
    expected.assert_eq(&entries(json.as_ref()).unwrap_err().to_string());
}

/// However a path is written, and whatever store it names.
#[test]
fn a_path_keeps_the_entry_of_its_name() {
    for path in
        ["/s/{}", "/elsewhere/s/{}", "s/{}", "{}", "../s/{}", "/s/{}/", "/s/{}/bin/tool", "//s/./{}", "/s/./{}/."]
    {
        keeps(&format!("{{\"store_paths\": [\"{}\"]}}", path.replace("{}", A)), &[A]);
    }
}

/// An entry may hold a name like that of an entry. Better keep too much.
#[test]
fn every_name_on_a_path_is_kept() {
    keeps(&format!("{{\"store_paths\": [\"/s/{A}/share/{B}\"]}}"), &[B, A]);
}

#[test]
fn what_is_in_no_store_keeps_nothing() {
    keeps(r#"{"store_paths": []}"#, &[]);
    let long = "x".repeat(NAME_BYTES_MAX);
    for path in ["", "/", "/srv/www", "..", "/s/0123456789abcdef0123456789abcdef", "a\\u0000b", &long, "\\u00e9"] {
        keeps(&format!("{{\"store_paths\": [\"{path}\", \"/s/{B}\"]}}"), &[B]);
    }
}

/// A record of the reference has many more fields and no `schema`.
#[test]
fn other_fields_may_hold_anything() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    keeps(&format!("{{\"services\": {deep}, \"store_paths\": [\"/s/{A}\"], \"x\": 1e999, \"x\": null}}\n"), &[A]);
    keeps(&format!("{{\"schema\": 1, \"store_paths\": [\"/s/{A}\", \"/s/{B}\", \"/s/{A}\"]}}"), &[A, B, A]);
}

#[test]
fn what_is_not_understood_is_refused() {
    refuses("", &expect!["it is not JSON: EOF while parsing a value at line 1 column 0"]);
    refuses("{\"store_paths\": [", &expect!["it is not JSON: EOF while parsing a list at line 1 column 17"]);
    refuses(b"{\"a\": \"\xff\"}", &expect!["it is not UTF-8"]);
    refuses("{\"store_paths\": []} x", &expect!["it is not JSON: trailing characters at line 1 column 21"]);
    refuses("\0\0\0\0", &expect!["it is not JSON: expected value at line 1 column 1"]);
    for json in ["[]", "null", "1", "\"store_paths\""] {
        refuses(json, &expect!["it is not a JSON object"]);
    }
    refuses("{}", &expect!["it has no `store_paths`"]);
    refuses(r#"{"Store_paths": []}"#, &expect!["it has no `store_paths`"]);
    for paths in ["null", "\"/s/x\"", "{}", "[1]", "[[]]", "[\"/s/x\", null]"] {
        refuses(format!("{{\"store_paths\": {paths}}}"), &expect!["its `store_paths` is not a list of texts"]);
    }
}

/// Which of two counts, no reader can know.
#[test]
fn a_key_that_stands_there_twice_is_refused() {
    refuses(r#"{"store_paths": [], "store_paths": []}"#, &expect!["its `store_paths` stands there twice"]);
    refuses(r#"{"schema": 1, "store_paths": [], "schema": 1}"#, &expect!["its `schema` stands there twice"]);
}

#[test]
fn a_newer_record_is_refused() {
    let newer = expect!["it has schema 2, and this version of punix knows none above 1"];
    refuses(r#"{"schema": 2, "store_paths": []}"#, &newer);
    refuses(r#"{"schema": 2}"#, &newer);
    for schema in ["0", "-1", "1.0", "1e3", "\"1\"", "null", "[]", "99999999999999999999"] {
        let json = format!("{{\"schema\": {schema}, \"store_paths\": []}}");
        refuses(json, &expect!["its `schema` is not a number that counts from 1"]);
    }
}
