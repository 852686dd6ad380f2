//! Values of every awkward kind: what is passed on is passed on exactly.

use super::*;

/// Texts as they stand in a program, and as they are.
const TEXTS: &[(&str, &str)] = &[
    ("", ""),
    (" ", " "),
    ("two words", "two words"),
    ("\\t", "\t"),
    ("a\\nb", "a\nb"),
    ("\\n", "\n"),
    ("\\\"quoted\\\"", "\"quoted\""),
    ("it's", "it's"),
    ("C:\\\\", "C:\\"),
    ("\\\\n", "\\n"),
    ("%h %% 50%z", "%h %% 50%z"),
    ("$HOME ${X} $$", "$HOME ${X} $$"),
    ("; # & | `id` $(id)", "; # & | `id` $(id)"),
    ("--flag=x", "--flag=x"),
    ("-", "-"),
    ("@x +x !x", "@x +x !x"),
    ("é ü 漢 🦀", "é ü 漢 🦀"),
    ("\u{1}\u{7f}\u{85}\u{2028}\u{feff}\u{202e}", "\u{1}\u{7f}\u{85}\u{2028}\u{feff}\u{202e}"),
    ("{ x }", "{ x }"),
    ("null", "null"),
    ("0x10", "0x10"),
];

#[test]
fn texts_of_every_awkward_kind_are_passed_on_exactly() {
    let list: Vec<String> = TEXTS.iter().map(|(written, _)| format!("\"{written}\"")).collect();
    let fields = |prefix: &str| -> String {
        list.iter().enumerate().map(|(index, text)| format!("{prefix}{index} = {text}\n")).collect()
    };
    let text = service(&format!(
        "args = [{}]\nenvironment = {{ {} }}\nserviceConfig = {{ {} }}",
        list.join(", "),
        fields("E"),
        fields("K")
    ));
    let (design, _) = compose_text(&text).unwrap();
    let service = &design.services[0];
    let config: serde_json::Value = serde_json::from_str(&service.config).unwrap();
    for (index, (_, expected)) in TEXTS.iter().enumerate() {
        assert_eq!(service.args[index], *expected);
        let variable = service.environment.iter().find(|variable| variable.name == format!("E{index}")).unwrap();
        assert_eq!(variable.value, [Chunk::Text((*expected).to_owned())]);
        assert_eq!(config["serviceConfig"][format!("K{index}")], *expected);
    }
    let contents: Vec<String> = list
        .iter()
        .enumerate()
        .map(|(index, text)| format!("{{ path = \"/etc/x/{index}\" content = {text} }}"))
        .collect();
    let (design, _) = compose_text(&stack(&format!("configFiles = [{}]", contents.join(", ")))).unwrap();
    for (file, (_, expected)) in design.files.iter().zip(TEXTS) {
        let chunks = if expected.is_empty() { vec![] } else { vec![Chunk::Text((*expected).to_owned())] };
        assert_eq!(file.body, FileBody::Chunks(chunks));
    }
}

#[test]
fn what_no_program_can_be_given_is_refused() {
    check_errors(
        &service("args = [\"a\0b\"]\nenvironment = { A = \"a\0b\" }"),
        expect![[r#"
        dir/test.pcl:4:9: error: [E1] `S.services[0].args[0]` holds a NUL, and no program can be given one
        help: give it in an encoding, such as base64, that the program reads
        dir/test.pcl:5:21: error: [E1] `S.services[0].environment.A` holds a NUL, and no program can be given one
        help: give it in an encoding, such as base64, that the program reads
    "#]],
    );
}

#[test]
fn other_values_become_json() {
    check(
        &service(
            "serviceConfig = { A = true B = 0 C = 12345678901234567890123 D = \"\" }\ntimer = {} tmpfiles = []\nhealth = { z = [[1], []] a = { b = {} } }",
        ),
        expect![[r#"
            S systemd System
            service a Api /store/api/bin/api [] after [] environment-file {"health":{"a":{"b":{}},"z":[[1],[]]},"serviceConfig":{"A":true,"B":0,"C":12345678901234567890123,"D":""},"timer":{},"tmpfiles":[]}
            store /store/api
            dir/test.pcl:6:16: warning: `S.services[0].health.z` is no part of a health gate
            help: known are `http`, `command`, `unit`, `deadline`, `grace`, `interval`, `stable`
            dir/test.pcl:6:30: warning: `S.services[0].health.a` is no part of a health gate
            help: known are `http`, `command`, `unit`, `deadline`, `grace`, `interval`, `stable`
        "#]],
    );
}

#[test]
fn fields_may_be_empty_or_absent() {
    check(
        "module S { backend = \"systemd\" }",
        expect![[r#"
        S systemd System
    "#]],
    );
    check(
        &stack("services = [] configFiles = [] storeModules = [] dataFiles = [] systemUsers = [] systemGroups = []"),
        expect![[r#"
            S systemd System
            config {"systemGroups":[],"systemUsers":[]}
        "#]],
    );
    check(
        &stack(
            "services = [ { name = \"a\" package = \"Api\" binary = \"x\" args = [\"1\"] }, { name = \"b\" package = \"Api\" binary = \"x\" environment = {} } ]",
        ),
        expect![[r#"
            S systemd System
            service a Api /store/api/bin/x ["1"] after [] environment-file {}
            service b Api /store/api/bin/x [] after [] environment-file {}
            store /store/api
        "#]],
    );
}

#[test]
fn the_order_of_fields_makes_no_difference() {
    let one = service(
        "environment = { A = { from_env = \"X\" } B = { from_env = \"Y\" } } serviceConfig = { A = 1 B = 2 } timer = { X = 1 }",
    );
    let other = service(
        "timer = { X = 1 } serviceConfig = { B = 2 A = 1 } environment = { B = { from_env = \"Y\" } A = { from_env = \"X\" } }",
    );
    let composed = |text: &str| summary(&compose_text(text).unwrap().0);
    assert_eq!(composed(&one), composed(&other));
}

#[test]
fn data_files_are_files() {
    check(
        &(service("")
            .replace("backend =", "dataFiles = [\"J\", \"Y\", \"T\", \"I\"] backend =")
            + "module J { path = \"/etc/j.json\" format = \"json\" data = { b = 1 a = [\"é\", f\"{Api.out}\"] k = { from_env = \"K\" } } restarts = [\"a\"] owner = \"web\" }
module Y { path = \"/etc/y.yaml\" format = \"yaml\" data = { on = \"off\" } mode = \"0644\" }
module T { path = \"/etc/t.toml\" format = \"toml\" data = { t = { k = { from_file = \"k\" } } a = 1 } mode = \"0400\" reloads = [\"a\"] }
module I { path = \"/etc/i.ini\" format = \"ini\" data = { Peer = [{ Key = { from_env = \"K\" } }, { Key = \"x\" }] } secret = true }"),
        expect![[r#"
            S systemd System
            service a Api /store/api/bin/api [] after [] environment-file {}
            file /etc/j.json std.datafile "{\n  \"b\": 1,\n  \"a\": [\n    \"é\",\n    \"/store/api\"\n  ],\n  \"k\": " <0 json.string> "\n}\n" secret=yes owner=web restarts=["a"]
            file /etc/y.yaml std.datafile "\"on\": \"off\"\n" mode=644
            file /etc/t.toml std.datafile "a = 1\n\n[t]\nk = " <1 toml.string> "\n" secret=yes mode=400 restarts=[] reloads=["a"]
            file /etc/i.ini std.datafile "[Peer]\nKey = " <0 ini.value> "\n\n[Peer]\nKey = x\n" secret=yes
            slot 0 from_env:K SingleLine
            slot 1 from_file:k Text
            store /store/api
        "#]],
    );
}

/// The reference's own example; two keys are quoted besides, which readers of YAML 1.1 would change.
#[test]
fn data_files_are_those_of_the_reference_byte_for_byte() {
    let text = "module S { backend = \"systemd\" dataFiles = [\"Yam\", \"Jso\"] }
module Yam { path = \"/etc/app/conf.yaml\" format = \"yaml\"
  data = { name = \"yes\" port = 8080 on = true off = false empty = [] emptyRec = {}
    list = [\"a\", \"1.0\", \"uni é \\\" \\\\ \\n\"] recs = [ { a = \"1\" b = { c = 2 } } ] nested = { deep = { x = \"y\" } } } }
module Jso { path = \"/etc/app/conf.json\" format = \"json\" data = { b = 1 a = [\"x\", \"é\"] n = { t = true } e = [] } }";
    let (design, _) = compose_text(text).unwrap();
    let body = |index: usize| match &design.files[index].body {
        FileBody::Chunks(chunks) => match chunks.as_slice() {
            [Chunk::Text(text)] => text.clone(),
            other => panic!("{other:?}"),
        },
        FileBody::Source { path, .. } => panic!("{path}"),
    };
    let yaml = "name: \"yes\"\nport: 8080\n\"on\": true\n\"off\": false\nempty: []\nemptyRec: {}\nlist:\n  - \"a\"\n  - \"1.0\"\n  - \"uni é \\\" \\\\ \\n\"\nrecs:\n  - a: \"1\"\n    b:\n      c: 2\nnested:\n  deep:\n    x: \"y\"\n";
    let json =
        "{\n  \"b\": 1,\n  \"a\": [\n    \"x\",\n    \"é\"\n  ],\n  \"n\": {\n    \"t\": true\n  },\n  \"e\": []\n}\n";
    assert_eq!((body(0).as_str(), body(1).as_str()), (yaml, json));
}
