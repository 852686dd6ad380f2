use super::*;
use expect_test::{Expect, expect};

fn text(text: &str) -> Data {
    Data::Text(text.to_owned())
}

fn int(number: i64) -> Data {
    Data::Int(number.to_string())
}

fn record(fields: &[(&str, Data)]) -> Data {
    Data::Record(fields.iter().map(|(name, data)| ((*name).to_owned(), data.clone())).collect())
}

fn list(items: &[Data]) -> Data {
    Data::List(items.to_vec())
}

fn written(format: Format, data: &Data) -> Result<String, Vec<String>> {
    let chunk = |chunk: Chunk| match chunk {
        Chunk::Text(text) => text,
        Chunk::Secret(slot, encoding) => format!("<{slot} {}>", encoding.0),
    };
    let refused = |refusal: &Refusal| format!("{} {}", refusal.way.join("."), refusal.why);
    match format.write(data) {
        Ok(chunks) => Ok(chunks.into_iter().map(chunk).collect()),
        Err(refusals) => Err(refusals.iter().map(refused).collect()),
    }
}

#[track_caller]
fn check(format: Format, data: &Data, expected: Expect) {
    expected.assert_eq(&written(format, data).unwrap_or_else(|refusals| refusals.join("\n")));
}

/// The data of the reference's example.
fn sample() -> Data {
    record(&[
        ("name", text("yes")),
        ("port", int(8080)),
        ("on", Data::Bool(true)),
        ("off", Data::Bool(false)),
        ("empty", list(&[])),
        ("emptyRec", record(&[])),
        ("list", list(&[text("a"), text("1.0"), text("uni é \" \\ \n")])),
        ("recs", list(&[record(&[("a", text("1")), ("b", record(&[("c", int(2))]))])])),
        ("nested", record(&[("deep", record(&[("x", text("y"))]))])),
    ])
}

/// Every kind of value in every kind of place, with secrets.
fn everything() -> Data {
    record(&[
        ("lists", list(&[list(&[int(1), int(2)]), list(&[]), list(&[int(3)])])),
        ("secret", Data::Secret(0)),
        ("inner", record(&[("key", Data::Secret(1)), ("more", list(&[Data::Secret(0), text("x")]))])),
        (
            "tables",
            list(&[record(&[("k", Data::Secret(2)), ("sub", record(&[("a", int(1))]))]), record(&[("k", text(""))])]),
        ),
        ("last", int(-5)),
    ])
}

#[test]
fn json_is_indented_and_keeps_its_order() {
    check(
        Format::Json,
        &sample(),
        expect![[r#"
        {
          "name": "yes",
          "port": 8080,
          "on": true,
          "off": false,
          "empty": [],
          "emptyRec": {},
          "list": [
            "a",
            "1.0",
            "uni é \" \\ \n"
          ],
          "recs": [
            {
              "a": "1",
              "b": {
                "c": 2
              }
            }
          ],
          "nested": {
            "deep": {
              "x": "y"
            }
          }
        }
    "#]],
    );
}

#[test]
fn json_has_secrets_as_chunks() {
    check(
        Format::Json,
        &everything(),
        expect![[r#"
        {
          "lists": [
            [
              1,
              2
            ],
            [],
            [
              3
            ]
          ],
          "secret": <0 json.string>,
          "inner": {
            "key": <1 json.string>,
            "more": [
              <0 json.string>,
              "x"
            ]
          },
          "tables": [
            {
              "k": <2 json.string>,
              "sub": {
                "a": 1
              }
            },
            {
              "k": ""
            }
          ],
          "last": -5
        }
    "#]],
    );
    check(
        Format::Json,
        &list(&[]),
        expect![[r#"
        []
    "#]],
    );
    check(
        Format::Json,
        &text("x"),
        expect![[r#"
        "x"
    "#]],
    );
}

#[test]
fn yaml_is_read_alike_by_all_its_readers() {
    check(
        Format::Yaml,
        &sample(),
        expect![[r#"
        name: "yes"
        port: 8080
        "on": true
        "off": false
        empty: []
        emptyRec: {}
        list:
          - "a"
          - "1.0"
          - "uni é \" \\ \n"
        recs:
          - a: "1"
            b:
              c: 2
        nested:
          deep:
            x: "y"
    "#]],
    );
}

#[test]
fn yaml_quotes_what_readers_take_for_something_else() {
    check(
        Format::Yaml,
        &everything(),
        expect![[r#"
        lists:
          - - 1
            - 2
          - []
          - - 3
        secret: <0 yaml.string>
        inner:
          key: <1 yaml.string>
          more:
            - <0 yaml.string>
            - "x"
        tables:
          - k: <2 yaml.string>
            sub:
              a: 1
          - k: ""
        last: -5
    "#]],
    );
    check(
        Format::Yaml,
        &record(&[]),
        expect![[r#"
        {}
    "#]],
    );
    check(Format::Yaml, &list(&[text("a")]), expect![" is no record, and the top level of a YAML file is one"]);
    check(
        Format::Yaml,
        &record(&[
            ("Yes", text("~")),
            ("y", text("\u{7f}\u{85}\u{2028}\u{feff}\u{1}\t")),
            ("NULL", text("- a: b # c")),
            ("yesterday", list(&[list(&[list(&[record(&[("n", list(&[int(1)]))])])])])),
        ]),
        expect![[r#"
            "Yes": "~"
            "y": "\u007f\u0085\u2028\ufeff\u0001\t"
            "NULL": "- a: b # c"
            yesterday:
              - - - "n":
                      - 1
        "#]],
    );
}

#[test]
fn toml_has_its_values_before_its_tables() {
    check(
        Format::Toml,
        &sample(),
        expect![[r#"
        name = "yes"
        port = 8080
        on = true
        off = false
        empty = []
        list = ["a", "1.0", '''
        uni é " \ 
        ''']

        [emptyRec]

        [[recs]]
        a = "1"

        [recs.b]
        c = 2

        [nested]

        [nested.deep]
        x = "y"
    "#]],
    );
    check(
        Format::Toml,
        &everything(),
        expect![[r#"
        lists = [[1, 2], [], [3]]
        secret = <0 toml.string>
        last = -5

        [inner]
        key = <1 toml.string>
        more = [<0 toml.string>, "x"]

        [[tables]]
        k = <2 toml.string>

        [tables.sub]
        a = 1

        [[tables]]
        k = ""
    "#]],
    );
    check(Format::Toml, &record(&[]), expect![[""]]);
    check(Format::Toml, &list(&[]), expect![" is no record, and the top level of a TOML file is one"]);
}

#[test]
fn toml_reads_back_as_what_was_meant() {
    let odd = ["", "'", "\"", "'''", "\"\"\"", "a\nb", "\r\n", "\\", "\u{1}\u{7f}", "é", "punix-secret-0\"", "x = 1"];
    let data = record(&[("a", list(&odd.map(text))), ("k", Data::Secret(7))]);
    let file = written(Format::Toml, &data).unwrap().replace("<7 toml.string>", "'secret'");
    let read: toml_edit::DocumentMut = file.parse().unwrap();
    let texts: Vec<&str> = read["a"].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
    assert_eq!((texts.as_slice(), read["k"].as_str()), (odd.as_slice(), Some("secret")));
}

#[test]
fn ini_repeats_sections_and_names() {
    check(
        Format::Ini,
        &record(&[
            (
                "Interface",
                record(&[("Key", Data::Secret(0)), ("Port", int(51820)), ("Up", list(&[text("a"), text("b")]))]),
            ),
            ("top", Data::Bool(true)),
            ("Peer", list(&[record(&[("Key", text("x=")), ("Note", text(""))]), record(&[])])),
            ("none", list(&[])),
        ]),
        expect![[r#"
            top = true

            [Interface]
            Key = <0 ini.value>
            Port = 51820
            Up = a
            Up = b

            [Peer]
            Key = x=
            Note =

            [Peer]
        "#]],
    );
    check(
        Format::Ini,
        &everything(),
        expect![[r#"
        lists.0 is nested deeper than an INI file is
        lists.1 is nested deeper than an INI file is
        lists.2 is nested deeper than an INI file is
        tables.0.sub is nested deeper than an INI file is"#]],
    );
    let odd = ["a\nb", " a", "a ", "a ;b", "# a", "a\0", "\u{85}"];
    let refusals = written(Format::Ini, &record(&[("s", list(&odd.map(text)))])).unwrap_err();
    assert_eq!(refusals.len(), odd.len());
    check(Format::Ini, &text("x"), expect![" is no record, and the top level of an INI file is one"]);
}

#[test]
fn deep_data_is_written_or_refused() {
    let mut deep = int(1);
    for level in 0..990 {
        deep = if level % 2 == 0 { list(&[deep]) } else { record(&[("a", deep)]) };
    }
    for format in [Format::Json, Format::Yaml] {
        assert!(written(format, &record(&[("a", deep.clone())])).is_ok());
    }
    assert!(written(Format::Toml, &record(&[("a", deep.clone())])).is_err());
    assert!(written(Format::Ini, &record(&[("a", deep)])).is_err());
}
