use super::*;
use crate::door::{Admitted, Rules, admit_bundled};
use crate::examined::Examined;
use crate::fault::Fault;
use crate::grant::{Ceiling, Policy};
use crate::lock::Lock;
use crate::policy::Cause;
use crate::testing::component;
use crate::{Component, World, manifest_from_toml};

const FROM_ENV: &str = include_str!("../../../../plugins/from-env/punix-plugin.toml");
const FROM_FILE: &str = include_str!("../../../../plugins/from-file/punix-plugin.toml");
const FROM_VAULT: &str = include_str!("../../../../plugins/from-vault/punix-plugin.toml");
const LOCAL: &str = include_str!("../../../../plugins/local/punix-plugin.toml");
const SSH: &str = include_str!("../../../../plugins/ssh/punix-plugin.toml");
const SYSTEMD: &str = include_str!("../../../../plugins/systemd/punix-plugin.toml");

/// What is said of one run, besides the manifest.
#[derive(Default)]
struct Run<'a> {
    references: &'a [&'a str],
    config: &'a str,
    policy: &'a str,
    site: &'a str,
}

fn manifest(text: &str) -> Manifest {
    manifest_from_toml("punix-plugin.toml", text).unwrap()
}

/// Takes a plugin through the door as a deploy does.
fn admit(text: &str, run: &Run<'_>) -> Result<Admitted, Fault> {
    let manifest = manifest(text);
    let table = built_in(&manifest.id, Some(Path::new("/home/deploy"))).unwrap();
    let references: Vec<String> = run.references.iter().map(|reference| (*reference).to_owned()).collect();
    let table = with_references(&table, &manifest, &references, Path::new("/srv/stacks"));
    let table = with_config(&table, &manifest, run.config);
    let api = match manifest.world {
        World::Backend => "punix:backend/api@0.1.0",
        World::SecretResolver => "punix:resolver/api@0.1.0",
        World::Transport => "punix:transport/api@0.1.0",
    };
    let component = Component::new(component(&[], "", api, &[&manifest.to_json()]));
    let (lock, policy) = (Lock::default(), Policy::parse("punix.plugins.toml", run.policy).unwrap());
    let ceilings = [Ceiling::parse("10-site.toml", run.site).unwrap()];
    admit_bundled(
        Examined::look(component).unwrap(),
        &table,
        Rules { lock: &lock, policy: &policy, ceilings: &ceilings },
    )
}

fn variables(text: &str, run: &Run<'_>) -> Vec<String> {
    let admitted = admit(text, run).unwrap();
    admitted.effective().env.iter().map(|access| format!("{} {:?}", access.name, access.form)).collect()
}

fn paths(text: &str, run: &Run<'_>) -> Vec<String> {
    let admitted = admit(text, run).unwrap();
    admitted.effective().files.iter().map(|access| format!("{} {}", access.root, access.within)).collect()
}

/// Returns what was denied, and by whom.
fn denied(result: Result<Admitted, Fault>) -> Vec<String> {
    let Err(Fault::Denied { denials, .. }) = result else { panic!("{result:?}") };
    let by = |cause: &Cause| match cause {
        Cause::Undecided { .. } => "nobody".to_owned(),
        Cause::Site { source, .. } => source.clone(),
    };
    denials.iter().map(|denial| format!("{} {}", denial.key, by(&denial.cause))).collect()
}

#[test]
fn every_bundled_plugin_is_granted_all_that_it_asks_for() {
    for text in [SYSTEMD, FROM_ENV, FROM_FILE, FROM_VAULT, LOCAL, SSH] {
        let admitted = admit(text, &Run { config: r#"{"address":"https://vault"}"#, ..Run::default() });
        let admitted = admitted.unwrap_or_else(|fault| panic!("{fault:?}"));
        assert!(admitted.effective().refused.is_empty() && admitted.effective().short.is_empty());
    }
    assert_eq!(built_in(&Id::parse("org.example.bao").unwrap(), None), None);
}

#[test]
fn exactly_the_variables_that_the_stack_refers_to() {
    let references = &["B", "A", "B", "not a name", "A=1"];
    assert_eq!(variables(FROM_ENV, &Run { references, ..Run::default() }), ["A Secret", "B Secret"]);
    assert_eq!(variables(FROM_ENV, &Run::default()), [""; 0]);
    assert_eq!(paths(FROM_ENV, &Run { references, ..Run::default() }), [""; 0]);
}

#[test]
fn exactly_the_files_that_the_stack_refers_to() {
    let references = &["db", "./db", "../shared/key", "/run/secrets/x", ""];
    let expected = ["reference /run/secrets/x", "reference /srv/shared/key", "reference /srv/stacks/db"];
    assert_eq!(paths(FROM_FILE, &Run { references, ..Run::default() }), expected);
    assert_eq!(paths(FROM_FILE, &Run::default()), [""; 0]);
}

#[test]
fn a_table_and_a_site_narrow_what_is_computed() {
    let references = &["DB_PASSWORD", "APP_KEY"];
    let policy = "[plugin.\"punix.from-env\"]\ngrant.env = [{ name = \"APP_KEY\" }]";
    assert_eq!(variables(FROM_ENV, &Run { references, policy, ..Run::default() }), ["APP_KEY Secret"]);
    let site = "[all]\nenv = [{ name = \"DB_*\" }]";
    assert_eq!(variables(FROM_ENV, &Run { references, site, ..Run::default() }), ["DB_PASSWORD Secret"]);
    let nothing = admit(FROM_ENV, &Run { references: &["HOME"], site, ..Run::default() });
    assert_eq!(denied(nothing), ["env:{reference} 10-site.toml"]);

    let references = &["db", "/etc/shadow"];
    let site = "[all]\nfiles = [{ path = \"/srv\" }]";
    assert_eq!(paths(FROM_FILE, &Run { references, site, ..Run::default() }), ["reference /srv/stacks/db"]);
    let nothing = admit(FROM_FILE, &Run { references: &["/etc/shadow"], site, ..Run::default() });
    assert_eq!(denied(nothing), ["files:{reference} 10-site.toml"]);
    let policy = "[plugin.\"punix.from-file\"]\ndeny = [\"files:{reference}\"]";
    assert_eq!(paths(FROM_FILE, &Run { references, policy, ..Run::default() }), [""; 0]);
}

#[test]
fn references_add_to_a_list_and_decide_nothing() {
    let manifest = manifest(FROM_ENV);
    let references = ["A".to_owned()];
    let add = |table: &Table| with_references(table, &manifest, &references, Path::new("/"));
    assert_eq!(add(&Table::default()), Table::default(), "nobody decided");
    let empty = Table { grant: Grant { env: Some(Vec::new()), ..Grant::default() }, ..Table::default() };
    assert_eq!(add(&empty).grant.env.unwrap().len(), 1);
    // One who does not ask for what the stack refers to is not given it.
    let vault = self::manifest(FROM_VAULT);
    assert_eq!(with_references(&empty, &vault, &references, Path::new("/")), empty);
}

#[test]
fn vault_is_reached_where_the_configuration_says_and_nowhere_else() {
    let asked = |config: &str| {
        let admitted = admit(FROM_VAULT, &Run { config, ..Run::default() }).unwrap();
        let effective = admitted.effective();
        assert_eq!(effective.refused.len(), usize::from(effective.http.is_empty()));
        let show = |access: &crate::HttpAccess| {
            let flags = (access.plain_http, access.private, access.ca.as_ref().map(AuthorityName::as_str));
            let field = access.configured.as_ref().map(|field| field.as_str());
            assert_eq!(field, Some("address"));
            format!("{} {flags:?}", access.host)
        };
        effective.http.iter().map(show).collect::<Vec<_>>()
    };
    assert_eq!(asked(r#"{"address":"https://vault"}"#), ["vault:443 (false, true, None)"]);
    assert_eq!(asked(r#"{"address":"vault.internal:8200"}"#), ["vault.internal:8200 (false, true, None)"]);
    assert_eq!(asked(r#"{"address":"http://127.0.0.1:8200/"}"#), ["127.0.0.1:8200 (true, true, None)"]);
    let ca = r#"{"address":"https://[::1]:8200","ca":"internal"}"#;
    assert_eq!(asked(ca), [r#"[::1]:8200 (false, true, Some("internal"))"#]);
    for nothing in
        ["", "{}", "[]", r#"{"address":1}"#, r#"{"address":"https://a b"}"#, r#"{"address":"https://a","ca":""}"#]
    {
        assert_eq!(asked(nothing), [""; 0], "{nothing}");
    }
    let site = "[all]\nhttp = [{ host = \"vault.internal\" }]";
    let elsewhere = admit(FROM_VAULT, &Run { config: r#"{"address":"https://other"}"#, site, ..Run::default() });
    assert_eq!(denied(elsewhere), ["http:{config.address} 10-site.toml"]);
}

#[test]
fn vault_logs_in_with_what_lies_where_it_usually_does() {
    let all = ["BAO_TOKEN", "VAULT_ROLE_ID", "VAULT_SECRET_ID", "VAULT_TOKEN"].map(|name| format!("{name} Secret"));
    let mut found = variables(FROM_VAULT, &Run::default());
    found.sort();
    assert_eq!(found, all);
    let mut found = paths(FROM_VAULT, &Run::default());
    found.sort();
    assert_eq!(
        found,
        [format!("kubernetes-token {SERVICE_ACCOUNT}"), "vault-token /home/deploy/.vault-token".to_owned()]
    );
}

#[test]
fn without_a_home_there_is_no_token_in_it() {
    let manifest = manifest(FROM_VAULT);
    let table = with_config(&built_in(&manifest.id, None).unwrap(), &manifest, "");
    let effective = crate::effective(&manifest, Some(&table), &[]).unwrap();
    let refused: Vec<String> = effective.refused.iter().map(ToString::to_string).collect();
    assert_eq!(refused, ["http:{config.address}", "files:vault-token"]);
    assert_eq!(effective.files.len(), 1);
}
