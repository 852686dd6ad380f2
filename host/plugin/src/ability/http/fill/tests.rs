use super::*;
use proptest::prelude::*;
use serde_json::Value;

/// Pointers, and what is put there.
type Members = &'static [(&'static str, &'static str)];

fn filled(document: &str, members: &[(&str, &str)]) -> Result<String, FillError> {
    let secrets: Vec<Secret> = members.iter().map(|(_, text)| Secret::new(text.as_bytes().to_vec())).collect();
    let members: Vec<(&str, &Secret)> = members.iter().map(|(pointer, _)| *pointer).zip(&secrets).collect();
    fill(document.as_bytes(), &members).map(|filled| String::from_utf8(filled.bytes().to_vec()).unwrap())
}

#[test]
fn what_is_filled() {
    let cases: &[(&str, Members, &str)] = &[
        ("{}", &[("/a", "x")], r#"{"a":"x"}"#),
        ("{}", &[("/b", "x"), ("/a", "y"), ("/c", "z")], r#"{"b":"x","a":"y","c":"z"}"#),
        (r#"{"k":1}"#, &[("/a", "x"), ("/b", "y")], r#"{"k":1,"a":"x","b":"y"}"#),
        (r#" { "k" : null } "#, &[("/k", "x")], r#" { "k" : "x" } "#),
        (r#"{"k":{"deep":[1,{"a":"}"}]},"l":2}"#, &[("/k", "x")], r#"{"k":"x","l":2}"#),
        (r#"{"k":{"deep":[1,{"a":"}"}]}}"#, &[("/k/deep/1/a", "x")], r#"{"k":{"deep":[1,{"a":"x"}]}}"#),
        (r#"{"k":{"deep":[1,{"a":"}"}]}}"#, &[("/k/deep/0", "x")], r#"{"k":{"deep":["x",{"a":"}"}]}}"#),
        (r#"{"k":{},"l":[]}"#, &[("/k/a", "x"), ("/l2", "y")], r#"{"k":{"a":"x"},"l":[],"l2":"y"}"#),
        (r#"{"a":{"b":1},"a/b":2,"a~b":3}"#, &[("/a~1b", "x"), ("/a~0b", "y")], r#"{"a":{"b":1},"a/b":"x","a~b":"y"}"#),
        (r#"{"\u0061":"\"}"}"#, &[("/a", "x")], r#"{"\u0061":"x"}"#),
        ("[true ,-1.5e3]", &[("/1", "x")], r#"[true ,"x"]"#),
        ("{}", &[("/a", "\"},\\\n\u{1}\u{7f}é€")], "{\"a\":\"\\\"},\\\\\\u000a\\u0001\\u007fé€\"}"),
        ("{}", &[("/\"a", "x"), ("/", "y")], r#"{"\"a":"x","":"y"}"#),
    ];
    for (document, members, expected) in cases {
        assert_eq!(filled(document, members).unwrap(), *expected, "{document}");
    }
}

#[test]
fn what_is_refused() {
    let fault = |document: &str, members: &[(&str, &str)]| filled(document, members).unwrap_err().to_string();
    let nowhere = "there is no object or list that could hold it";
    for not_json in ["", "{", "{}x", "{'a':1}", "{\"a\":1,}", "\u{feff}{}", "NaN"] {
        assert_eq!(fault(not_json, &[("/a", "x")]), "the body that is to be filled is not JSON", "{not_json}");
    }
    assert_eq!(fill(b"{\"a\":\"\xff\"}", &[]).err(), Some(FillError::NotJson));
    for wrong in ["", "a", "/~", "/~2"] {
        assert_eq!(fault("{}", &[(wrong, "x")]), format!("`{wrong}` is not a JSON pointer to a member"));
    }
    for (document, pointer) in [
        ("{}", "/a/b"),
        (r#"{"a":1}"#, "/a/b"),
        (r#"{"a":"text"}"#, "/a/0"),
        ("[1]", "/1"),
        ("[1]", "/-"),
        ("[1]", "/00"),
        ("[1]", "/a"),
        ("[1]", "/99999999999999999999999"),
        ("null", "/a"),
    ] {
        assert_eq!(fault(document, &[(pointer, "x")]), format!("`{pointer}` leads nowhere: {nowhere}"));
    }
    let twice = r#"{"a":{"b":1},"\u0061":{"b":2}}"#;
    for pointer in ["/a", "/a/b"] {
        assert_eq!(fault(twice, &[(pointer, "x")]), format!("a member on the way to `{pointer}` is there twice"));
    }
    for (first, second) in [("/a", "/a"), ("/a", "/a/b"), ("/a/b", "/a"), ("/a~0", "/a~0")] {
        let words = format!("`{second}` is, or is inside of, another member that is filled");
        assert_eq!(fault(r#"{"a":{"b":1}}"#, &[(first, "x"), (second, "y")]), words);
    }
    let bytes = Secret::new(b"\xff".to_vec());
    assert_eq!(fill(b"{}", &[("/a", &bytes)]).err().unwrap().to_string(), "the secret for `/a` is not text");
    let many: Vec<String> = (0..=FILLED_MEMBERS_MAX).map(|number| format!("/{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|pointer| (pointer.as_str(), "x")).collect();
    assert_eq!(fault("{}", &many), format!("at most {FILLED_MEMBERS_MAX} members can be filled"));
}

#[test]
fn what_is_nested_deeply_is_no_trouble() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let document = format!(r#"{{"deep":{deep}}}"#);
    assert_eq!(filled(&document, &[("/a", "x")]).unwrap(), format!(r#"{{"deep":{deep},"a":"x"}}"#));
}

fn some_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c\"\\\\{}\\[\\],: é\n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c~/\"]{0,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Lists the pointers to all members, and to some that are not there.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let there = format!("{here}/{}", escaped(key));
                pointers(member, &there, found);
                found.push(there);
            }
            found.push(format!("{here}/new"));
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                let there = format!("{here}/{index}");
                pointers(element, &there, found);
                found.push(there);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    /// Filling a document is what setting members of a value would be.
    #[test]
    fn it_is_as_if_the_member_was_set(value in some_json(), secret in "\\PC{0,8}|[\"\\\\\n]{0,4}", pretty: bool, which: prop::sample::Index) {
        let mut there = Vec::new();
        pointers(&value, "", &mut there);
        if there.is_empty() {
            return Ok(());
        }
        let pointer = which.get(&there);
        let document = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let filled = filled(&document.unwrap(), &[(pointer, &secret)]).unwrap();
        let mut expected = value.clone();
        match expected.pointer_mut(pointer) {
            Some(member) => *member = Value::from(secret),
            None => {
                let parent = pointer.strip_suffix("/new").unwrap();
                expected.pointer_mut(parent).unwrap()["new"] = Value::from(secret);
            }
        }
        prop_assert_eq!(serde_json::from_str::<Value>(&filled).unwrap(), expected);
    }

    #[test]
    fn no_bytes_break_it(document in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ a1n\xc3\xa9".to_vec()), 0..24), pointer in "(/[a0~]{0,2}){0,3}") {
        let secret = Secret::new(b"x".to_vec());
        let _ = fill(&document, &[(&pointer, &secret)]);
    }
}
