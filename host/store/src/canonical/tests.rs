use super::*;
use crate::fuzzing::fuzz;
use crate::limits::VALUE_DEPTH_MAX;
use proptest::prelude::*;

const A: &str = "0123456789abcdef0123456789abcdef-a-1";

fn written(value: &Value) -> String {
    let mut out = String::new();
    value.write(&mut out);
    out
}

fn read(text: &str) -> Result<Value, ReadError> {
    let mut reader = Reader::new(text.as_bytes());
    let value = reader.value(VALUE_DEPTH_MAX)?;
    reader.end().map(|()| value)
}

fn record(fields: &[(&str, Value)]) -> Value {
    Value::Record(fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn path() -> Piece {
    Piece::Path(StoreName::parse(A).unwrap())
}

#[test]
fn every_kind_has_its_form() {
    let value = record(&[
        ("b", Value::List(vec![Value::Bool(true), Value::Integer(Integer::from(-7i64))])),
        ("a", Value::text("é\n\u{7f}😀/")),
        ("Z", Value::Record(Record::new())),
        ("secret", Value::Secret { kind: "from_env".into(), name: "X".into() }),
        ("artifact", Value::Artifact { host: "h".into(), name: "n".into() }),
        ("woven", Value::weave([Piece::Text("--with=".into()), path()])),
    ]);
    let text = written(&value);
    assert_eq!(
        text,
        r#"{"Z":{},"a":"\u00e9\n\u007f\ud83d\ude00/","artifact":{"$artifact":["h","n"]},"b":[true,-7],"secret":{"$secret":["from_env","X"]},"woven":{"$text":["--with=",{"$store":"0123456789abcdef0123456789abcdef-a-1"}]}}"#
    );
    assert_eq!(read(&text), Ok(value));
}

#[test]
fn what_the_reference_confuses_differs() {
    let secret = Value::Secret { kind: "from_env".into(), name: "X".into() };
    let lookalikes = [
        secret.clone(),
        Value::text("from_env:X"),
        Value::text(written(&secret)),
        record(&[("$secret", Value::List(vec![Value::text("from_env"), Value::text("X")]))]),
        record(&[("$$secret", Value::List(vec![Value::text("from_env"), Value::text("X")]))]),
        Value::Artifact { host: "from_env".into(), name: "X".into() },
        Value::weave([path()]),
        Value::text(A),
        record(&[("$store", Value::text(A))]),
        Value::Integer(Integer::from(1u64)),
        Value::text("1"),
        Value::Bool(true),
        Value::text("true"),
        Value::List(vec![]),
        Value::Record(Record::new()),
    ];
    for (index, one) in lookalikes.iter().enumerate() {
        for other in &lookalikes[index + 1..] {
            assert_ne!(written(one), written(other));
        }
        assert_eq!(read(&written(one)).as_ref(), Ok(one));
    }
}

#[test]
fn a_text_woven_in_other_pieces_is_the_same() {
    let text = |text: &str| Piece::Text(text.to_owned());
    let one = Value::weave([text("a"), text("b"), path(), text("")]);
    assert_eq!(one, Value::weave([text("ab"), path()]));
    assert_eq!(Value::weave([text("a"), text(""), text("b")]), Value::text("ab"));
    assert_eq!(Value::weave([]), Value::text(""));
}

#[test]
fn integers_have_one_spelling_and_any_size() {
    for good in ["0", "7", "-7", "123456789012345678901234567890", &"9".repeat(INTEGER_DIGITS_MAX)] {
        assert_eq!(read(good).map(|value| written(&value)).as_deref(), Ok(good));
    }
    for bad in ["-0", "007", "-", "1-2", "+1", "1.0", "1e3", "", &"9".repeat(INTEGER_DIGITS_MAX + 1)] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn other_forms_are_refused() {
    let bad = [
        "null",
        " 1",
        "1 ",
        "[1, 2]",
        "[1,]",
        "[",
        "{\"a\":1,}",
        "{\"b\":1,\"a\":2}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"a\":1}",
        "\"\\u0041\"",
        "\"\\u00E9\"",
        "\"\\/\"",
        "\"\u{e9}\"",
        "\"\n\"",
        "\"",
        "\"\\ud800\"",
        "\"\\ud83dx\"",
        "\"\\udc00\"",
        "\"\\u+041\"",
        "{\"$other\":1}",
        "{\"$secret\":[\"a\"]}",
        "{\"$secret\":[\"a\",\"b\"],\"c\":1}",
        "{\"a\":1,\"$secret\":[\"a\",\"b\"]}",
        "{\"$text\":[]}",
        "{\"$text\":[\"a\"]}",
        "{\"$text\":[\"a\",\"b\",{\"$store\":\"0123456789abcdef0123456789abcdef-a-1\"}]}",
        "{\"$text\":[{\"$store\":\"../x\"}]}",
        "truefalse",
        "tru",
        "{a:1}",
        "[1][2]",
    ];
    for text in bad {
        assert!(read(text).is_err(), "{text}");
    }
    let not_text = b"\"\xff\"";
    assert!(Reader::new(not_text).value(9).is_err());
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read(&nested(VALUE_DEPTH_MAX)).is_ok());
    assert!(matches!(read(&nested(VALUE_DEPTH_MAX + 1)), Err(ReadError::TooDeep { .. })));
    assert!(matches!(read(&nested(1_000_000)), Err(ReadError::TooDeep { .. })));
    let value = read(&nested(10)).unwrap();
    assert_eq!(value.depth(100), 10);
    assert!(value.depth(5) > 5);
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| Value::Integer(Integer::from(number))),
        any::<String>().prop_map(Value::Text),
        ("[$]{0,2}[a-z]{0,3}", any::<String>()).prop_map(|(kind, name)| Value::Secret { kind, name }),
        (any::<String>(), any::<String>()).prop_map(|(host, name)| Value::Artifact { host, name }),
        any::<String>().prop_map(|text| Value::weave([path(), Piece::Text(text)])),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            prop::collection::btree_map("[$]{0,2}.{0,3}", inner, 0..5).prop_map(Value::Record),
        ]
    })
}

fuzz! {
    256;

    #[test]
    fn what_is_written_is_read_back(value in any_value()) {
        let text = written(&value);
        prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(read(&text), Ok(value));
    }

    #[test]
    fn reading_never_panics_and_is_exact(text in r#"[\[\]{}":,$0-9a-f\\tu -]{0,40}"#) {
        if let Ok(value) = read(&text) {
            prop_assert_eq!(written(&value), text);
        }
    }
}
