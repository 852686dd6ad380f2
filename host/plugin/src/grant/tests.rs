use super::*;
use expect_test::{Expect, expect};

const FILE: &str = "punix.plugins.toml";

fn check_err<T: std::fmt::Debug>(found: Result<T, PolicyError>, expected: Expect) {
    expected.assert_eq(&found.unwrap_err().to_string());
}

fn policy_err(text: &str, expected: Expect) {
    check_err(Policy::parse(FILE, text), expected);
}

fn grant_err(grant: &str, expected: Expect) {
    policy_err(&format!("[plugin.\"org.example.bao\".grant]\n{grant}\n"), expected);
}

#[test]
fn a_policy_is_read_whole() {
    let policy = Policy::parse(
        FILE,
        r#"
[plugin."org.example.bao"]
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
source = "oci://registry.example/plugins/bao:0.3.1"
deny = ["env:HOME", "reveal"]
[plugin."org.example.bao".grant]
http = [{ host = "vault.internal:8200", methods = ["get","post"], paths = ["/v1/kv/*"], ca = "internal-ca" }]
env  = [{ name = "BAO_TOKEN", as = "secret" }]
files = [{ root = "etc-secrets", path = "/etc/secrets" }]
secrets = { seal = true }
clock = true
[plugin."org.example.bao".limits]
timeout_ms = 3000
memory_mib = 24
"#,
    )
    .unwrap();
    let table = policy.plugin.values().next().unwrap();
    assert_eq!(table.sha256, Some(Digest::of(b"")));
    assert_eq!((table.limits.timeout_ms, table.limits.memory_mib), (Some(3000), Some(24)));
    let keys: Vec<String> = table.grant.keys().iter().map(ToString::to_string).collect();
    assert_eq!(keys, ["http:vault.internal:8200", "env:BAO_TOKEN", "files:etc-secrets", "clock", "seal"]);
    assert_eq!(Policy::parse(FILE, "").unwrap(), Policy::default());
}

#[test]
fn what_is_not_known_is_refused_at_its_place() {
    policy_err(
        "[plugin.\"a.b\"]\nsha265 = \"\"",
        expect![
            "punix.plugins.toml:2:1: unknown field `sha265`, expected one of `sha256`, `source`, `grant`, `limits`, `deny`"
        ],
    );
    policy_err("[plugins.\"a.b\"]", expect!["punix.plugins.toml:1:2: unknown field `plugins`, expected `plugin`"]);
    grant_err(
        "htpp = []",
        expect![
            "punix.plugins.toml:2:1: unknown field `htpp`, expected one of `http`, `env`, `files`, `process`, `spawn`, `ssh`, `here`, `clock`, `secrets`"
        ],
    );
    grant_err(
        r#"env = [{ name = "A", secret = true }]"#,
        expect!["punix.plugins.toml:2:22: unknown field `secret`, expected `name` or `as`"],
    );
    grant_err("ssh = \"yes\"", expect![[r#"punix.plugins.toml:2:7: invalid type: string "yes", expected a boolean"#]]);
    grant_err("clock = true\nclock = true", expect!["punix.plugins.toml:3:1: duplicate key"]);
    policy_err(
        "[plugin.\"a.b\".limits]\nmemory_mb = 1",
        expect![
            "punix.plugins.toml:2:1: unknown field `memory_mb`, expected one of `timeout_ms`, `memory_mib`, `memories`, `instances`, `tables`, `table_elements`, `handles`, `call_kib`, `output_mib`, `artefacts`, `artefact_kib`, `log_lines`, `log_line_bytes`, `steps`, `session_s…"
        ],
    );
    policy_err(
        "[plugin.\"a.b\".limits]\nmemory_mib = -1",
        expect!["punix.plugins.toml:2:14: invalid value: integer `-1`, expected u32"],
    );
    policy_err(
        "[plugin.bao]",
        expect![
            "punix.plugins.toml:1:9: `bao` is not the id of a plugin: a domain name turned round, such as `org.example.bao`"
        ],
    );
    policy_err("[plugin", expect!["punix.plugins.toml:1:8: unclosed table, expected `]`"]);
}

#[test]
fn what_has_not_the_right_shape_is_refused_at_its_place() {
    grant_err(
        r#"http = [{ host = "vault.internal:8200" }]"#,
        expect!["punix.plugins.toml:2:9: missing field `methods`"],
    );
    grant_err(
        r#"http = [{ host = "*", methods = ["get"], paths = ["/"] }]"#,
        expect![
            "punix.plugins.toml:2:18: `*` is not a host with a port, such as `vault.internal:8200` or `*.internal:8200`"
        ],
    );
    grant_err(
        r#"http = [{ host = "a.b", methods = ["GET"], paths = ["/"] }]"#,
        expect![
            "punix.plugins.toml:2:36: unknown variant `GET`, expected one of `get`, `head`, `post`, `put`, `delete`, `vault-list`"
        ],
    );
    grant_err(
        r#"http = [{ host = "a.b", methods = ["get"], paths = ["/../x"] }]"#,
        expect![
            "punix.plugins.toml:2:52: `/../x` is not a pattern of paths such as `/v1/*`, in which `*` stands for whole parts"
        ],
    );
    grant_err(
        r#"env = [{ name = "BAO_*" }]"#,
        expect!["punix.plugins.toml:2:17: `BAO_*` is not the name of a variable"],
    );
    grant_err(
        r#"files = [{ root = "etc", path = "etc" }]"#,
        expect!["punix.plugins.toml:2:33: `etc` is not an absolute path without `.`, `..` and doubled slashes"],
    );
    grant_err(
        "spawn = [\n  { program = \"docker\" },\n]",
        expect!["punix.plugins.toml:3:15: `docker` is not an absolute path without `.`, `..` and doubled slashes"],
    );
    policy_err(
        "[plugin.\"a.b\"]\ndeny = [\"HOME\"]",
        expect!["punix.plugins.toml:2:8: `HOME` is not a request, such as `env:HOME`, `spawn:docker` or `ssh`"],
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    policy_err(
        "[plugin.\"a.b\"]\ndeny = [\"ssh\"]\ngrant.ssh = true",
        expect!["punix.plugins.toml grants `ssh` to `a.b` and denies it"],
    );
    grant_err(
        r#"files = [{ root = "a", path = "/a" }, { root = "a", path = "/b" }]"#,
        expect!["punix.plugins.toml names the root `a` of `org.example.bao` twice"],
    );
    let many: Vec<String> = (0..=LIST_MAX).map(|n| format!("{{ name = \"A{n}\" }}")).collect();
    grant_err(
        &format!("env = [{}]", many.join(",")),
        expect!["punix.plugins.toml has more than 64 entries of one kind"],
    );
    policy_err(&"#".repeat(POLICY_BYTES_MAX as usize + 1), expect!["punix.plugins.toml is larger than 1 MiB"]);
}

#[test]
fn a_ceiling_is_read_whole_and_strictly() {
    let text = "[all]\nplaintext = false\nhttp = [{ host = \"*.internal:8200\" }]\nenv = [{ name = \"BAO_*\" }]\n\
                [plugin.\"org.example.bao\"]\nlimits.memory_mib = 16\n";
    let ceiling = Ceiling::parse("10-site.toml", text).unwrap();
    assert_eq!(ceiling.bounds.all.plaintext, Some(false));
    check_err(
        Ceiling::parse("10-site.toml", "plaintext = false"),
        expect!["10-site.toml:1:1: unknown field `plaintext`, expected `all` or `plugin`"],
    );
    check_err(
        Ceiling::parse("10-site.toml", "[all]\nplain_text = false"),
        expect![
            "10-site.toml:2:1: unknown field `plain_text`, expected one of `http`, `env`, `files`, `process`, `spawn`, `ssh`, `here`, `clock`, `seal`, `plaintext`, `limits`"
        ],
    );
    check_err(
        Ceiling::parse("10-site.toml", "[all]\nenv = [{ name = \"*_TOKEN\" }]"),
        expect!["10-site.toml:2:17: `*_TOKEN` is not the name of a variable, or its beginning and `*`"],
    );
}

#[test]
fn a_name_or_its_beginning() {
    let matches = |pattern: &str, name| {
        NamePattern::try_from(pattern.to_owned()).unwrap().matches(&VariableName::parse(name).unwrap())
    };
    assert!(matches("BAO_*", "BAO_TOKEN") && matches("*", "X") && matches("HOME", "HOME"));
    assert!(!matches("BAO_*", "BAO") && !matches("HOME", "HOMES"));
}
