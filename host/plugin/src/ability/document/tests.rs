use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn text(document: &str, pointer: &str) -> Result<String, DocumentError> {
    let secret = scalar(document.as_bytes(), pointer)?.secret()?;
    Ok(String::from_utf8(secret.expose().to_vec()).unwrap())
}

#[test]
fn a_value_is_found_by_its_pointer() {
    let document = r#" {"a": {"b/c": [1, 2.50e1, {"~": "x\n\u00e4\ud83d\ude00\\\"\/"}], "": true}, "0": "zero"} "#;
    for (pointer, found) in
        [("/a/b~1c/0", "1"), ("/a/b~1c/1", "2.50e1"), ("/a/b~1c/2/~0", "x\nä😀\\\"/"), ("/a/", "true"), ("/0", "zero")]
    {
        assert_eq!(text(document, pointer).as_deref(), Ok(found), "{pointer}");
    }
    assert_eq!(text(r#""alone""#, "").as_deref(), Ok("alone"));
    assert_eq!(text("-0.0", "").as_deref(), Ok("-0.0"));
    assert_eq!(text(r#"{"\u0061":1}"#, "/a").as_deref(), Ok("1"));
    assert_eq!(text(r#""\\\\n\\u0041""#, "").as_deref(), Ok("\\\\n\\u0041"));
}

#[test]
fn what_is_not_there_or_no_value_is_told_apart() {
    use DocumentError::{Absent, Deep, Half, NotJson, Pointer, Shape, Twice};
    let document = r#"{"a": {"b": null, "c": [], "d": {}, "a~1b": 1}, "l": [7]}"#;
    for (pointer, wrong) in [
        ("/x", Absent),
        ("/a/x", Absent),
        ("/l/1", Absent),
        ("/l/-", Absent),
        ("/l/00", Absent),
        ("/l/+0", Absent),
        ("/l/99999999999999999999", Absent),
        ("/l/0/0", Absent),
        ("/a/b", Shape),
        ("/a/c", Shape),
        ("/a/d", Shape),
        ("", Shape),
        ("a", Pointer),
        ("/~", Pointer),
        ("/a~2", Pointer),
    ] {
        assert_eq!(text(document, pointer), Err(wrong), "{pointer}");
    }
    assert_eq!(text(document, &"/a".repeat(POINTER_PARTS_MAX + 1)), Err(Deep));
    assert_eq!(text(document, &format!("/{}", "a".repeat(POINTER_BYTES_MAX))), Err(Deep));
    for broken in ["", "{", "{\"a\":1,}", "[1 2]", "{\"a\":1} x", "\u{feff}1", "'a'", "{\"a\":tru}", "\"\u{1}\"", "01"]
    {
        assert_eq!(text(broken, ""), Err(NotJson), "{broken}");
    }
    assert!(matches!(scalar(b"\"\xff\"", ""), Err(NotJson)));
    for half in
        [r#""\ud800""#, r#""\ud800x""#, r#""\ud800\n""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\ud800x\udc00""#]
    {
        assert_eq!(text(half, ""), Err(Half), "{half}");
    }
    for (twice, pointer) in [(r#"{"a":1,"a":1}"#, "/a"), (r#"{"a":{"b":1},"\u0061":2}"#, "/a/b")] {
        assert_eq!(text(twice, pointer), Err(Twice), "{twice}");
    }
    // Beside the way it is nobody's business.
    assert_eq!(text(r#"{"x":1,"x":1,"a":2}"#, "/a").as_deref(), Ok("2"));
}

#[test]
fn no_nesting_overflows() {
    let deep = 200_000;
    let document = format!("{{\"deep\":{}{},\"a\":\"b\"}}", "[".repeat(deep), "]".repeat(deep));
    assert_eq!(text(&document, "/a").as_deref(), Ok("b"));
    assert_eq!(text(&document, "/deep/0/0"), Err(DocumentError::Shape));
}

#[test]
fn an_error_says_nothing_of_the_document() {
    let document = r#"{"hunter2": {"hunter2": [hunter2"#;
    let error = scalar(document.as_bytes(), "/a").map(|_| ()).unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn public_values_come_as_json() {
    let json = |document: &str| scalar(document.as_bytes(), "/a").and_then(Scalar::json);
    for (document, found) in [
        (r#"{"a": 3600 }"#, "3600"),
        (r#"{"a": "x\n" }"#, r#""x\n""#),
        (r#"{"a":null}"#, "null"),
        (r#"{"a":false}"#, "false"),
    ] {
        assert_eq!(json(document).as_deref(), Ok(found), "{document}");
    }
    assert_eq!(json(r#"{"a":"\ud800"}"#), Err(DocumentError::Half));
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a~/\"\\\\\u{0}-\u{1f}ä😀]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a~/0-1\"]{0,2}", inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Writes every character of a text as an escape that it can have.
fn escaped(json: &str) -> String {
    let escape = |character: char| {
        let plain = character.is_ascii();
        let units: String = character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
        if plain { character.to_string() } else { units }
    };
    json.chars().map(escape).collect()
}

fn check_against(document: &Value, json: &str, pointer: &str) {
    let found = text(json, pointer);
    match document.pointer(pointer) {
        None => assert_eq!(found, Err(DocumentError::Absent)),
        Some(Value::String(expected)) => assert_eq!(found.as_ref(), Ok(expected)),
        Some(expected @ (Value::Bool(_) | Value::Number(_))) => assert_eq!(found, Ok(expected.to_string())),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) => assert_eq!(found, Err(DocumentError::Shape)),
    }
}

/// Lists the pointer of every value in a document.
fn pointers(document: &Value, before: &str, all: &mut Vec<String>) {
    all.push(before.to_owned());
    match document {
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| pointers(value, &format!("{before}/{at}"), all));
        }
        Value::Object(map) => map.iter().for_each(|(name, value)| {
            pointers(value, &format!("{before}/{}", name.replace('~', "~0").replace('/', "~1")), all);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    #[test]
    fn every_value_is_what_serde_finds(document in documents(), guess in "(/(~0|~1|a|0|1|\")?){0,4}") {
        let mut all = vec![guess];
        pointers(&document, "", &mut all);
        for json in [document.to_string(), escaped(&document.to_string()), format!("{document:#}")] {
            all.iter().for_each(|pointer| check_against(&document, &json, pointer));
        }
    }

    #[test]
    fn no_bytes_make_it_stumble(bytes in prop::collection::vec(any::<u8>(), 0..64), pointer in ".{0,8}") {
        let _ = scalar(&bytes, &pointer).map(|found| (found.secret().is_ok(), found.json().is_ok()));
    }

    #[test]
    fn a_damaged_text_is_read_as_serde_reads_it(raw in r#"(\\(u[0d][0-9a-f]{3}|["\\/nrtbfu])|[a\\"]){0,8}"#) {
        let json = format!("\"{raw}\"");
        let expected: Option<String> = serde_json::from_str(&json).ok();
        prop_assert_eq!(text(&json, "").ok(), expected);
    }
}
