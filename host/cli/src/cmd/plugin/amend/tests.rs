use super::super::given::{Given, all};
use super::super::steps::{to_grant, to_take};
use super::*;
use expect_test::{Expect, expect};
use punix_plugin::{Digest, Grant, Key, Kind, Table};

const ID: &str = "org.example.bao";

fn id() -> Id {
    Id::parse(ID).unwrap()
}

/// Reads an entry as it stands in a policy.
fn given(text: &str) -> Given {
    let text = format!("[plugin.\"a.b\".grant]\n{text}");
    let policy = Policy::parse("p.toml", &text).unwrap();
    let grant: &Grant = &policy.plugin.values().next().unwrap().grant;
    all(grant).into_iter().next().unwrap().1
}

fn table(text: &str) -> Table {
    Policy::parse("p.toml", text).unwrap().plugin.remove(&id()).unwrap_or_default()
}

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

/// Shows a policy after some steps.
#[track_caller]
fn check(text: &str, steps: &[Step], expected: Expect) {
    expected.assert_eq(&amended("p.toml", text, &id(), steps).unwrap_or_else(|error| format!("{error:?}")));
}

#[track_caller]
fn check_grant(text: &str, entry: &str, expected: Expect) {
    check(text, &to_grant(&table(text), &given(entry)), expected);
}

#[track_caller]
fn check_take(text: &str, taken: &str, expected: Expect) {
    let taken = key(taken);
    check(text, &to_take(&table(text), |entry| entry.key() == taken), expected);
}

#[test]
fn a_new_policy_says_what_it_is() {
    let chosen = Step::Chosen { sha256: Digest::of(b""), source: "plugins/bao \"1\".wasm".to_owned() };
    let steps = [
        chosen,
        Step::Grant(given(
            r#"http = [{ host = "vault.internal:8200", methods = ["get", "post"], paths = ["/v1/*"], public = ["/a"], plain_http = true, private = true, ca = "ours" }]"#,
        )),
        Step::Grant(given(r#"env = [{ name = "BAO_TOKEN" }]"#)),
        Step::Grant(given("clock = true")),
        Step::Grant(given("secrets = { reveal = true }")),
        Step::Refuse(key("env:HOME")),
        Step::Limit("memory_mib", Some(128)),
    ];
    check(
        "",
        &steps,
        expect![[r#"
            # What plugins may do. Edit it, or have `punix plugin grant` and `revoke` do so; commit it.

            [plugin."org.example.bao"]
            sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            source = 'plugins/bao "1".wasm'
            deny = ["env:HOME"]

            [plugin."org.example.bao".grant]
            http = [{ host = "vault.internal:8200", methods = ["get", "post"], paths = ["/v1/*"], public = ["/a"], plain_http = true, private = true, ca = "ours" }]
            env = [{ name = "BAO_TOKEN", as = "secret" }]
            clock = true
            secrets = { reveal = true }

            [plugin."org.example.bao".limits]
            memory_mib = 128
        "#]],
    );
}

const KEPT: &str = r#"# Plugins of the shop. Reviewed by ops.

# The vault.
[plugin."org.example.bao"] # since March
source = "bao.wasm" # from Ann
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"   # old
deny = ["env:HOME",  # no!
  "clock"]

[plugin."org.example.bao".grant]
env = [
  # to log in
  { name = "A" },  # first
  { name = "B", as = "plain" },  # second
  # and the last
  { name = "C" } # third
]

# Another one.
[plugin."org.example.age"]
grant.secrets.seal = true
# The end.
"#;

#[test]
fn what_was_written_stays() {
    check_grant(
        KEPT,
        r#"env = [{ name = "D" }]"#,
        expect![[r#"
            # Plugins of the shop. Reviewed by ops.

            # The vault.
            [plugin."org.example.bao"] # since March
            source = "bao.wasm" # from Ann
            sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"   # old
            deny = ["env:HOME",  # no!
              "clock"]

            [plugin."org.example.bao".grant]
            env = [
              # to log in
              { name = "A" },  # first
              { name = "B", as = "plain" },  # second
              # and the last
              { name = "C" }, # third
              { name = "D", as = "secret" },
            ]

            # Another one.
            [plugin."org.example.age"]
            grant.secrets.seal = true
            # The end.
        "#]],
    );
    check_take(
        KEPT,
        "env:B",
        expect![[r#"
            # Plugins of the shop. Reviewed by ops.

            # The vault.
            [plugin."org.example.bao"] # since March
            source = "bao.wasm" # from Ann
            sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"   # old
            deny = ["env:HOME",  # no!
              "clock"]

            [plugin."org.example.bao".grant]
            env = [
              # to log in
              { name = "A" },  # first
              # and the last
              { name = "C" } # third
            ]

            # Another one.
            [plugin."org.example.age"]
            grant.secrets.seal = true
            # The end.
        "#]],
    );
    let chosen = Step::Chosen { sha256: Digest::of(b"new"), source: "other.wasm".to_owned() };
    check(
        KEPT,
        &[chosen, Step::Lift(key("env:HOME")), Step::Refuse(key("env:E"))],
        expect![[r#"
            # Plugins of the shop. Reviewed by ops.

            # The vault.
            [plugin."org.example.bao"] # since March
            source = "other.wasm" # from Ann
            sha256 = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437"   # old
            deny = [
              "clock",
              "env:E",
            ]

            [plugin."org.example.bao".grant]
            env = [
              # to log in
              { name = "A" },  # first
              { name = "B", as = "plain" },  # second
              # and the last
              { name = "C" } # third
            ]

            # Another one.
            [plugin."org.example.age"]
            grant.secrets.seal = true
            # The end.
        "#]],
    );
}

#[test]
fn a_new_plugin_stands_at_the_end_and_a_removed_one_takes_its_own_comment_along() {
    let other = Id::parse("org.example.third").unwrap();
    let text = amended("p.toml", KEPT, &other, &[Step::Grant(given("clock = true"))]).unwrap();
    let (_, end) = text.split_once("seal = true\n").unwrap();
    expect![[r##"
        # The end.

        [plugin."org.example.third"]

        [plugin."org.example.third".grant]
        clock = true
    "##]]
    .assert_eq(end);
    expect![[r#"
        # Plugins of the shop. Reviewed by ops.

        # Another one.
        [plugin."org.example.age"]
        grant.secrets.seal = true
        # The end.
    "#]]
    .assert_eq(&without("p.toml", KEPT, &id()).unwrap());
    let rest = without("p.toml", KEPT, &Id::parse("org.example.age").unwrap()).unwrap();
    assert!(rest.ends_with("# third\n]\n# The end.\n"), "{rest}");
    let nothing = without("p.toml", &rest, &id()).unwrap();
    assert_eq!(nothing, "# Plugins of the shop. Reviewed by ops.\n# The end.\n");
    assert_eq!(without("p.toml", KEPT, &other).unwrap(), KEPT);
}

#[test]
fn every_way_to_write_a_table_can_be_edited() {
    let inline = "plugin.\"org.example.bao\" = { grant = { env = [{ name = \"A\" }] } }\n";
    let whole = "plugin = { \"org.example.bao\" = { deny = [\"clock\"] } }\n";
    let dotted = "[plugin]\n\"org.example.bao\".grant.env = [{ name = \"A\" }] # x\n";
    let tables = "[[plugin.\"org.example.bao\".grant.env]]\n# y\nname = \"A\"\n";
    let headed = "[plugin.\"org.example.bao\".grant]\nenv = [{ name = \"A\" }, { name = \"X\" }]\n";
    for text in [inline, whole, dotted, tables, headed] {
        let mut steps = to_grant(&table(text), &given(r#"env = [{ name = "B", as = "plain" }]"#));
        let flag = given("secrets = { seal = true }");
        steps.extend(to_grant(&table(text), &flag));
        steps.push(Step::Limit("memory_mib", Some(64)));
        steps.push(Step::Refuse(key("env:C")));
        let text = amended("p.toml", text, &id(), &steps).unwrap();
        let mut steps = to_take(&table(&text), |entry| matches!(entry, Given::Env(_)));
        steps.extend([Step::TakeFlag(Kind::Seal), Step::Limit("memory_mib", None), Step::Lift(key("env:C"))]);
        let text = amended("p.toml", &text, &id(), &steps).unwrap();
        assert_eq!(table(&text).grant.env, Some(Vec::new()), "{text}");
        assert!(!text.contains("# x") || text.matches("# x").count() == 1, "{text}");
        let gone = without("p.toml", &text, &id()).unwrap();
        assert!(Policy::parse("p.toml", &gone).unwrap().plugin.is_empty(), "{gone}");
    }
}

#[test]
fn lists_keep_their_layout() {
    let start = |list: &str| format!("[plugin.\"org.example.bao\".grant]\nenv = {list}\n");
    let show = |list: &str, entry: &str| {
        let text = start(list);
        let steps = to_grant(&table(&text), &given(&format!("env = [{entry}]")));
        amended("p.toml", &text, &id(), &steps).unwrap().split_once("env = ").unwrap().1.to_owned()
    };
    let two = "[\n    { name = \"A\" },\n    { name = \"B\", as = \"secret\" },\n]\n";
    assert_eq!(show("[{ name = \"A\" }]", "{ name = \"B\" }"), two);
    assert_eq!(show("[ { name = \"A\" }, ]", "{ name = \"B\" }"), two);
    assert_eq!(show("[]", "{ name = \"B\" }"), "[{ name = \"B\", as = \"secret\" }]\n");
    assert_eq!(
        show("[\n  # none yet\n]", "{ name = \"B\" }"),
        "[\n  # none yet\n    { name = \"B\", as = \"secret\" },\n]\n"
    );
    // The same again changes nothing, and another form takes the place of the old one.
    assert_eq!(show("[{ name = \"A\" }] # c", "{ name = \"A\" }"), "[{ name = \"A\" }] # c\n");
    assert_eq!(
        show("[{ name = \"A\" }] # c", "{ name = \"A\", as = \"plain\" }"),
        "[{ name = \"A\", as = \"plain\" }] # c\n"
    );
}

#[test]
fn what_would_not_be_a_policy_is_not_written() {
    let both = [Step::Refuse(key("env:A"))];
    let text = "[plugin.\"org.example.bao\".grant]\nenv = [{ name = \"A\" }]\n";
    let error = amended("p.toml", text, &id(), &both).unwrap_err();
    assert_eq!(error.to_string(), "p.toml grants `env:A` to `org.example.bao` and denies it");
    let many: Vec<Step> = (0..65).map(|n| Step::Grant(given(&format!("env = [{{ name = \"V{n}\" }}]")))).collect();
    assert!(matches!(amended("p.toml", "", &id(), &many), Err(AmendError::Policy(PolicyError::TooMany { .. }))));
    assert!(matches!(amended("p.toml", "[plug]", &id(), &both), Err(AmendError::Policy(PolicyError::Read { .. }))));
    // Nothing to do is nothing done, whatever stands there.
    assert_eq!(amended("p.toml", "not TOML", &id(), &[]).unwrap(), "not TOML");
}
