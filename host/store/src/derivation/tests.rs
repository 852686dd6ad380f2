use super::*;
use crate::canonical::{Integer, Piece};
use expect_test::expect;
use std::convert::Infallible;

fn parts(package: &str, version: &str) -> Parts {
    Parts {
        package: PackageName::parse(package).unwrap(),
        version: Version::parse(version).unwrap(),
        recipe: "std.shell".to_owned(),
        recipe_digest: Digest::of(b"recipe"),
        args: Record::from([("command".to_owned(), Value::text("true"))]),
        source: Record::new(),
        system: "x86_64-linux".to_owned(),
        inputs: BTreeSet::new(),
    }
}

fn name(parts: Parts) -> StoreName {
    Derivation::new(parts).unwrap().name().clone()
}

#[test]
fn the_nine_keys_and_the_name_that_follows() {
    let derivation = Derivation::new(parts("hello", "1.0")).unwrap();
    expect![[r#"{"bootstrapMode":"seeded","inputs":[],"pname":"hello","recipe":"std.shell","recipeArgs":{"command":"true"},"recipeCodeHash":"e1d8e552330911f9f779f85b6f2c00a15e790dcc3fbb3b28f5da1d660a30c5b8","source":{},"system":"x86_64-linux","version":"1.0"}"#]]
        .assert_eq(derivation.to_json());
    let digest = Digest::of(derivation.to_json().as_bytes()).to_string();
    assert_eq!(derivation.name().as_str(), format!("{}-hello-1.0", &digest[..32]));
}

/// The worked example of the reference: its JSON, digested, gives its path.
#[test]
fn the_form_is_that_of_the_reference() {
    let mut parts = parts("hello", "1.0");
    let digest = "6f0a3216b9e064a13331df4b79d783773e26f30a6ffbf6081ba1e598a1c10250";
    parts.recipe_digest = Digest::parse(digest).unwrap();
    parts.source =
        Record::from([("path", "src"), ("type", "local")].map(|(key, text)| (key.to_owned(), Value::text(text))));
    assert_eq!(name(parts).as_str(), "5a9d0aae9eb10cb496024a1f52a67bd0-hello-1.0");
}

#[test]
fn a_derivation_is_read_as_it_is_written() {
    let input = name(parts("lib", "2~rc1"));
    let mut parts = parts("app", "1");
    parts.args.insert(
        "env".to_owned(),
        Value::Record(Record::from([
            ("TOKEN".to_owned(), Value::Secret { kind: "from_env".into(), name: "T".into() }),
            ("N".to_owned(), Value::Integer(Integer::parse(&"9".repeat(400)).unwrap())),
            ("L".to_owned(), Value::weave([Piece::Path(input.clone()), Piece::Text("/lib".into())])),
        ])),
    );
    let derivation = Derivation::new(parts).unwrap();
    assert!(derivation.parts().inputs.contains(&input), "a path that is used is an input");
    let again = Derivation::from_json(derivation.to_json().as_bytes()).unwrap();
    assert_eq!(again, derivation);
}

#[test]
fn only_a_derivation_is_read() {
    let good = Derivation::new(parts("hello", "1.0")).unwrap().to_json().to_owned();
    let edits: &[(&str, &str)] = &[
        ("seeded", "fast"),
        ("\"inputs\":[],", ""),
        ("\"inputs\":[]", "\"inputs\":[1]"),
        ("\"inputs\":[]", "\"inputs\":[\"../../etc\"]"),
        ("\"inputs\":[]", "\"inputs\":[\"/s/0123456789abcdef0123456789abcdef-a-1\"]"),
        ("\"hello\"", "\"../hello\""),
        ("\"1.0\"", "1"),
        ("\"source\":{}", "\"source\":[]"),
        ("\"version\":\"1.0\"", "\"version\":\"1.0\",\"x\":1"),
        ("x86_64-linux", "x86 64"),
        ("{\"bootstrap", "{ \"bootstrap"),
        ("\"1.0\"}", "\"1.0\"}\n"),
        ("\"1.0\"}", "\"1.0\""),
        ("\"command\":\"true\"", "\"command\":{\"$text\":[{\"$store\":\"0123456789abcdef0123456789abcdef-a-1\"}]}"),
    ];
    for (from, to) in edits {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert!(Derivation::from_json(bad.as_bytes()).is_err(), "{bad}");
    }
    let names = ["b", "a"].map(|package| format!("\"{}\"", name(parts(package, "1"))));
    let mut sorted = names.clone();
    sorted.sort();
    let with = |names: [String; 2]| good.replacen("[]", &format!("[{}]", names.join(",")), 1);
    assert!(Derivation::from_json(with(sorted.clone()).as_bytes()).is_ok());
    let [first, second] = sorted;
    assert!(Derivation::from_json(with([second, first.clone()]).as_bytes()).is_err());
    assert!(Derivation::from_json(with([first.clone(), first]).as_bytes()).is_err());
}

#[test]
fn whatever_is_changed_changes_the_name() {
    let base = || parts("a", "b-1");
    type Edit = fn(&mut Parts);
    let edits: Vec<(&str, Edit)> = vec![
        ("package and version", |p| *p = parts("a-b", "1")),
        ("version", |p| p.version = Version::parse("2").unwrap()),
        ("recipe", |p| p.recipe = "std.make".to_owned()),
        ("recipe code", |p| p.recipe_digest = Digest::of(b"other")),
        ("arguments", |p| {
            p.args.insert("x".to_owned(), Value::Bool(true));
        }),
        ("source", |p| {
            p.source.insert("content".to_owned(), Value::text("0"));
        }),
        ("system", |p| p.system = "aarch64-linux".to_owned()),
        ("inputs", |p| {
            p.inputs.insert(name(parts("lib", "1")));
        }),
    ];
    let mut digests = BTreeSet::from([name(base()).as_str()[..32].to_owned()]);
    for (what, edit) in &edits {
        let mut parts = base();
        edit(&mut parts);
        assert!(digests.insert(name(parts).as_str()[..32].to_owned()), "{what}");
    }
    assert_eq!(name(parts("a-b", "1")).as_str()[32..], name(parts("a", "b-1")).as_str()[32..]);
}

#[test]
fn limits_are_errors() {
    let mut deep = Value::Bool(true);
    for _ in 0..VALUE_DEPTH_MAX {
        deep = Value::List(vec![deep]);
    }
    let mut nested = parts("a", "1");
    nested.args.insert("deep".to_owned(), deep);
    assert_eq!(Derivation::new(nested), Err(DerivationError::TooDeep { key: "recipeArgs" }));

    let mut large = parts("a", "1");
    large.args.insert("large".to_owned(), Value::text("x".repeat(DERIVATION_BYTES_MAX as usize)));
    assert!(matches!(Derivation::new(large), Err(DerivationError::TooLarge { .. })));

    let long = parts(&"a".repeat(250), "1");
    assert!(matches!(Derivation::new(long), Err(DerivationError::Name(NameError::TooLong { .. }))));
}

#[test]
fn the_deepest_value_is_read_back() {
    let mut deep = Value::weave([Piece::Path(name(parts("lib", "1")))]);
    for _ in 0..VALUE_DEPTH_MAX - 3 {
        deep = Value::List(vec![deep]);
    }
    let mut nested = parts("a", "1");
    nested.args.insert("deep".to_owned(), deep);
    let derivation = Derivation::new(nested).unwrap();
    assert_eq!(Derivation::from_json(derivation.to_json().as_bytes()), Ok(derivation));
}

#[test]
fn a_source_is_what_it_holds_and_not_how_it_is_had() {
    let text = |text: &str| Value::text(text);
    let record = |fields: &[(&str, Value)]| -> Record {
        fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    };
    let token = Value::Secret { kind: "from_env".into(), name: "TOKEN".into() };
    let patch = record(&[("path", text("fix.patch")), ("strip", Value::Integer(Integer::from(1u64)))]);
    let source = record(&[
        ("type", text("url")),
        ("url", text("https://example.org/a.tgz")),
        ("token", token.clone()),
        ("headers", Value::Record(record(&[("X-Key", token.clone())]))),
        ("patches", Value::List(vec![Value::Record(patch)])),
        ("perArch", Value::List(vec![Value::Record(record(&[("hash", text("ab")), ("token", token)]))])),
    ]);
    let content = |part| -> Result<_, Infallible> { Ok((part == SourcePart::Patch(0)).then(|| Digest::of(b"fix"))) };
    let identity = source_identity(&source, content).unwrap();
    let mut out = String::new();
    write_record(&identity, &mut out);
    let digest = Digest::of(b"fix");
    assert_eq!(
        out,
        format!(
            r#"{{"patches":[{{"content":"{digest}","strip":1}}],"perArch":[{{"hash":"ab"}}],"type":"url","url":"https://example.org/a.tgz"}}"#
        )
    );
}
