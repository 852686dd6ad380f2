use super::*;
use crate::fuzzing::{damaged, damages, fuzz};
use crate::grant::Policy;
use crate::testing::{BAO, manifest};
use expect_test::{Expect, expect};
use proptest::prelude::*;

mod properties;

const GRANTED: &str = r#"
http = [{ host = "vault.internal:8200", methods = ["get"], paths = ["/v1/kv/*"], ca = "internal-ca" }]
env = [{ name = "BAO_TOKEN", as = "plain" }]
clock = true
"#;

fn table(grant: &str, more: &str) -> Table {
    let text = format!("[plugin.\"org.example.bao\"]\n{more}\n[plugin.\"org.example.bao\".grant]\n{grant}");
    Policy::parse("p.toml", &text).unwrap().plugin.into_values().next().unwrap()
}

fn ceiling(text: &str) -> Ceiling {
    Ceiling::parse("/etc/punix/plugins.d/10-site.toml", text).unwrap()
}

fn decide(json: &str, table: Option<&Table>, site: &str) -> Result<Effective, Vec<Denial>> {
    let (manifest, ceiling) = (manifest(json), ceiling(site));
    effective(&manifest, table, &ceiling.bounds_of(&manifest.id))
}

fn check_denied(json: &str, grant: &str, site: &str, expected: Expect) {
    let denials = decide(json, Some(&table(grant, "")), site).unwrap_err();
    let mut shown = String::new();
    for Denial { key, why, cause } in denials {
        shown.push_str(&match cause {
            Cause::Undecided { grant, revoke } => format!("{key} ({why})\n  {grant}\n  {revoke}\n"),
            Cause::Site { source, revoke } => format!("{key} ({why}) not by {source}\n  {revoke}\n"),
        });
    }
    expected.assert_eq(&shown);
}

fn asking(requests: &str) -> String {
    format!(
        r#"{{"handles":["from_x"],"id":"org.example.bao","requests":{{{requests}}},"version":"1.0.0","world":"punix:resolver/secret-resolver@0.1.0"}}"#
    )
}

#[test]
fn what_is_asked_for_granted_and_allowed() {
    let site = "[all]\nhttp = [{ host = \"*.internal:8200\" }]\n[all.limits]\nmemory_mib = 16\n";
    let found = decide(BAO, Some(&table(GRANTED, "limits.timeout_ms = 3000")), site).unwrap();
    let [http] = found.http.as_slice() else { panic!("{found:?}") };
    assert_eq!(http.host.to_string(), "vault.internal:8200");
    assert_eq!(http.configured.as_ref().map(|field| field.as_str()), Some("address"));
    assert_eq!((http.methods.clone(), http.public.len()), (BTreeSet::from([Method::Get]), 0));
    assert_eq!(http.paths.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/v1/kv/*"]);
    assert_eq!(http.ca.as_ref().map(|ca| ca.as_str()), Some("internal-ca"));
    assert_eq!(found.env.len(), 1);
    assert_eq!(found.env[0].form, Form::Secret, "asked for as a secret");
    assert_eq!(found.flags, BTreeSet::from([Kind::Clock]));
    assert_eq!((found.limits.memory_mib, found.limits.timeout_ms), (16, 3000));
    let short: Vec<&str> = found.short.iter().map(|short| short.command.as_str()).collect();
    assert_eq!(
        short,
        [
            "punix plugin grant org.example.bao limits timeout_ms=5000",
            "punix plugin grant org.example.bao limits memory_mib=32"
        ]
    );
}

#[test]
fn without_a_table_nothing_is_granted_and_every_command_is_said() {
    let denials = decide(BAO, None, "").unwrap_err();
    assert_eq!(denials.len(), 3);
    check_denied(
        BAO,
        "",
        "",
        expect![[r#"
        http:{config.address} (read KV)
          punix plugin grant org.example.bao http HOST:PORT --methods get,post --paths '/v1/*' --public /lease_duration
          punix plugin revoke org.example.bao http '{config.address}'
        env:BAO_TOKEN (login)
          punix plugin grant org.example.bao env BAO_TOKEN --as secret
          punix plugin revoke org.example.bao env BAO_TOKEN
        clock (leases end)
          punix plugin grant org.example.bao clock
          punix plugin revoke org.example.bao clock
    "#]],
    );
    check_denied(
        BAO,
        "http = []\nenv = []\nclock = false",
        "",
        expect![[r#"
        http:{config.address} (read KV)
          punix plugin grant org.example.bao http HOST:PORT --methods get,post --paths '/v1/*' --public /lease_duration
          punix plugin revoke org.example.bao http '{config.address}'
        env:BAO_TOKEN (login)
          punix plugin grant org.example.bao env BAO_TOKEN --as secret
          punix plugin revoke org.example.bao env BAO_TOKEN
        clock (leases end)
          punix plugin grant org.example.bao clock
          punix plugin revoke org.example.bao clock
    "#]],
    );
}

#[test]
fn commands_can_be_pasted_into_a_shell() {
    let requests = r#""env":[{"name":"HOME","why":"x"},{"name":"{reference}","why":"x"}],"files":[{"path":"/etc/it's here","root":"etc","why":"x","write":true},{"root":"other","why":"x"}],"http":[{"host":"*.internal:8200","methods":["get"],"paths":["/v1/*"],"plain_http":true,"public":["/a"],"why":"x"}],"secrets":{"reveal":true,"seal":true,"why":"decrypt"}"#;
    check_denied(
        &asking(requests),
        "",
        "",
        expect![[r#"
        http:*.internal:8200 (x)
          punix plugin grant org.example.bao http '*.internal:8200' --methods get --paths '/v1/*' --public /a --plain-http
          punix plugin revoke org.example.bao http '*.internal:8200'
        env:HOME (x)
          punix plugin grant org.example.bao env HOME --as plain
          punix plugin revoke org.example.bao env HOME
        env:{reference} (x)
          punix plugin grant org.example.bao env NAME --as plain
          punix plugin revoke org.example.bao env '{reference}'
        files:etc (x)
          punix plugin grant org.example.bao files etc '/etc/it'\''s here' --write
          punix plugin revoke org.example.bao files etc
        files:other (x)
          punix plugin grant org.example.bao files other PATH
          punix plugin revoke org.example.bao files other
        seal (decrypt)
          punix plugin grant org.example.bao seal
          punix plugin revoke org.example.bao seal
        reveal (decrypt)
          punix plugin grant org.example.bao reveal
          punix plugin revoke org.example.bao reveal
    "#]],
    );
    let transport = asking(r#""spawn":[{"args":["exec","*","..."],"program":"docker","why":"x"},{"program":"/usr/bin/kubectl","why":"x"}],"ssh":{"why":"x"}"#)
        .replace("resolver/secret-resolver", "transport/transport");
    check_denied(
        &transport,
        "",
        "",
        expect![[r#"
        spawn:docker (x)
          punix plugin grant org.example.bao spawn /PATH/TO/docker -- exec '*' ...
          punix plugin revoke org.example.bao spawn docker
        spawn:/usr/bin/kubectl (x)
          punix plugin grant org.example.bao spawn /usr/bin/kubectl
          punix plugin revoke org.example.bao spawn /usr/bin/kubectl
        ssh (x)
          punix plugin grant org.example.bao ssh
          punix plugin revoke org.example.bao ssh
    "#]],
    );
}

#[test]
fn a_conscious_no_is_no_error() {
    let deny = r#"deny = ["http:{config.address}", "env:BAO_TOKEN", "clock"]"#;
    let found = decide(BAO, Some(&table("", deny)), "").unwrap();
    assert_eq!((found.http.len(), found.env.len(), found.flags.len()), (0, 0, 0));
    assert_eq!(found.refused.len(), 3);
}

#[test]
fn what_the_site_forbids_cannot_be_granted() {
    check_denied(
        BAO,
        GRANTED,
        "[all]\nclock = false\nenv = []\nhttp = [{ methods = [\"head\"] }]",
        expect![[r#"
        http:{config.address} (read KV) not by /etc/punix/plugins.d/10-site.toml
          punix plugin revoke org.example.bao http '{config.address}'
        env:BAO_TOKEN (login) not by /etc/punix/plugins.d/10-site.toml
          punix plugin revoke org.example.bao env BAO_TOKEN
        clock (leases end) not by /etc/punix/plugins.d/10-site.toml
          punix plugin revoke org.example.bao clock
    "#]],
    );
    let seal = asking(r#""secrets":{"reveal":true,"seal":true,"why":"decrypt"}"#);
    check_denied(
        &seal,
        "secrets = { seal = true, reveal = true }",
        "[all]\nplaintext = false",
        expect![[r#"
        reveal (decrypt) not by /etc/punix/plugins.d/10-site.toml
          punix plugin revoke org.example.bao reveal
    "#]],
    );
    let one = "[plugin.\"org.example.bao\"]\nclock = false\n[plugin.\"org.other\"]\nenv = []";
    check_denied(
        BAO,
        GRANTED,
        one,
        expect![[r#"
        clock (leases end) not by /etc/punix/plugins.d/10-site.toml
          punix plugin revoke org.example.bao clock
    "#]],
    );
}

#[test]
fn a_private_network_needs_the_grant_and_the_site() {
    let grant = GRANTED.replace("ca = ", "private = true, ca = ");
    let private = |grant: &str, site: &str| decide(BAO, Some(&table(grant, "")), site).unwrap().http[0].private;
    let of_host = |more: &str| format!("[all]\nhttp = [{{ host = \"*.internal:8200\"{more} }}]");
    assert!(private(&grant, "") && private(&grant, &of_host(", private = true")));
    assert!(!private(GRANTED, "") && !private(&grant, &of_host("")));
}

#[test]
fn files_are_narrowed_without_moving_their_names() {
    let json = asking(r#""files":[{"root":"etc","why":"x","write":true}]"#);
    let grant = r#"files = [{ root = "etc", path = "/etc", write = true }, { root = "other", path = "/" }]"#;
    let found = decide(&json, Some(&table(grant, "")), "[all]\nfiles = [{ path = \"/etc/secrets\" }]").unwrap();
    let [files] = found.files.as_slice() else { panic!("{found:?}") };
    assert_eq!((files.path.as_str(), files.within.as_str(), files.write), ("/etc", "/etc/secrets", false));
    let elsewhere = decide(&json, Some(&table(grant, "")), "[all]\nfiles = [{ path = \"/srv\" }]");
    assert!(elsewhere.is_err());
}

#[test]
fn a_program_is_the_one_that_was_placed() {
    let json = asking(r#""spawn":[{"args":["exec","*","..."],"program":"docker","why":"x"}]"#)
        .replace("resolver/secret-resolver", "transport/transport");
    let grant = r#"spawn = [{ program = "/usr/bin/docker", args = ["*", "web", "..."] }, { program = "/tmp/other" }]"#;
    let found = decide(&json, Some(&table(grant, "")), "").unwrap();
    let [program] = found.spawn.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (program.program.as_str(), program.args.words()),
        ("/usr/bin/docker", ["exec", "web", "..."].map(String::from).to_vec())
    );
    let digest = crate::Digest::of(b"docker");
    let site = format!("[all]\nspawn = [{{ program = \"/usr/bin/docker\", sha256 = \"{digest}\" }}]");
    assert_eq!(decide(&json, Some(&table(grant, "")), &site).unwrap().spawn[0].sha256, Some(digest));
    let of = |bytes: &[u8]| {
        let digest = crate::Digest::of(bytes);
        table(&format!("spawn = [{{ program = \"/usr/bin/docker\", sha256 = \"{digest}\" }}]"), "")
    };
    assert_eq!(decide(&json, Some(&of(b"docker")), &site).unwrap().spawn[0].sha256, Some(digest));
    assert!(decide(&json, Some(&of(b"another")), &site).is_err(), "the site allows another file");
}

#[test]
fn what_the_stack_refers_to_is_granted_as_it_is_computed() {
    let json = asking(r#""env":[{"name":"{reference}","secret":true,"why":"x"}]"#);
    let named = decide(&json, Some(&table(r#"env = [{ name = "A" }, { name = "B" }]"#, "")), "").unwrap();
    assert_eq!(named.env.len(), 2);
    let none = decide(&json, Some(&table("env = []", "")), "").unwrap();
    assert!(none.env.is_empty(), "the stack refers to nothing");
    assert!(decide(&json, Some(&table("", "")), "").is_err(), "nobody computed anything");
}

#[test]
fn a_table_narrows_what_a_bundled_plugin_has() {
    let json = asking(r#""clock":{"why":"x"},"env":[{"name":"{reference}","why":"x"}]"#);
    let built_in =
        table("clock = true\nenv = [{ name = \"A\", as = \"plain\" }, { name = \"B\", as = \"plain\" }]", "");
    let narrower = table(r#"env = [{ name = "A" }, { name = "C" }]"#, "").as_bounds();
    let bound = Bound { source: "punix.plugins.toml", bounds: &narrower };
    let found = effective(&manifest(&json), Some(&built_in), &[bound]).unwrap();
    assert_eq!(found.env, [EnvAccess { name: crate::VariableName::parse("A").unwrap(), form: Form::Secret }]);
    assert!(found.flags.contains(&Kind::Clock), "not mentioned, so not narrowed");
}

/// Whatever it has of each kind, a table of an operator can leave it less and give it nothing.
#[test]
fn a_table_narrows_servers_files_and_programs() {
    let narrowed = |json: &str, built_in: &str, narrower: &str| {
        let narrower = table(narrower, "").as_bounds();
        let bound = Bound { source: "punix.plugins.toml", bounds: &narrower };
        effective(&manifest(json), Some(&table(built_in, "")), &[bound])
    };
    let host = "host = \"vault.internal:8200\"";
    let json = asking(r#""http":[{"host":"vault.internal:8200","methods":["get","put"],"paths":["/v1/*"],"why":"x"}]"#);
    let built_in = format!("http = [{{ {host}, methods = [\"get\", \"put\"], paths = [\"/v1/*\"] }}]");
    let narrower = format!("http = [{{ {host}, methods = [\"get\"], paths = [\"/v1/kv/*\"] }}]");
    let found = narrowed(&json, &built_in, &narrower).unwrap().http;
    assert_eq!(found[0].methods, BTreeSet::from([Method::Get]));
    assert_eq!(found[0].paths.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/v1/kv/*"]);
    assert!(narrowed(&json, &built_in, &narrower.replace("vault", "other")).is_err());

    let json = asking(r#""files":[{"root":"etc","why":"x","write":true}]"#);
    let built_in = r#"files = [{ root = "etc", path = "/etc", write = true }]"#;
    let found = narrowed(&json, built_in, r#"files = [{ root = "etc", path = "/etc/web" }]"#).unwrap().files;
    assert_eq!((found[0].within.as_str(), found[0].write), ("/etc/web", false));
    assert!(narrowed(&json, built_in, r#"files = [{ root = "etc", path = "/srv" }]"#).is_err());

    let json = asking(r#""spawn":[{"args":["exec","..."],"program":"docker","why":"x"}]"#)
        .replace("resolver/secret-resolver", "transport/transport");
    let built_in = r#"spawn = [{ program = "/usr/bin/docker", args = ["..."] }]"#;
    let narrower = r#"spawn = [{ program = "/usr/bin/docker", args = ["exec", "web"] }]"#;
    let found = narrowed(&json, built_in, narrower).unwrap().spawn;
    assert_eq!(found[0].args.words(), ["exec", "web"].map(String::from));
    assert!(narrowed(&json, built_in, r#"spawn = [{ program = "/usr/bin/podman", args = ["..."] }]"#).is_err());
}

/// The command that is printed means the paths that were asked for, also where commas stand in them.
#[test]
fn commas_in_paths_are_not_those_between_them() {
    let listed = |paths: &[&str]| list(&paths.iter().map(|path| (*path).to_owned()).collect::<BTreeSet<String>>());
    assert_eq!(listed(&["/v1/*"]), "/v1/*");
    assert_eq!(listed(&["/a,b", "/c/d"]), "/a,b,/c/d");
    assert_eq!(listed(&["/a,/b"]), "/a,,/b");
    assert_eq!(listed(&["/a,", "/b,,"]), "/a,,,/b,,");
    assert_eq!(listed(&["/,", "/a/b,/c"]), "/,,,/a/b,,/c");
}

fuzz! {
    256;

    /// Whatever stands in a policy, a ceiling or a lock: it is read, or refused with a place.
    #[test]
    fn damage_does_no_harm(damages in damages()) {
        let policy = format!("[plugin.\"org.example.bao\"]\n[plugin.\"org.example.bao\".grant]{GRANTED}");
        let text = String::from_utf8_lossy(&damaged(policy.as_bytes(), &damages)).into_owned();
        if let Ok(policy) = Policy::parse("p.toml", &text) {
            for table in policy.plugin.values() {
                let _ = effective(&manifest(BAO), Some(table), &[]);
            }
        }
        let ceiling = "[all]\nhttp = [{ host = \"*.internal:8200\" }]\n[all.limits]\nmemory_mib = 16\n";
        let _ = Ceiling::parse("10-site.toml", &String::from_utf8_lossy(&damaged(ceiling.as_bytes(), &damages)));
    }
}
