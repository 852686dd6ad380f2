//! The bundled resolvers, as they are part of the binary, in the real host: through the door with the policy that is built
//! in, on the machine code that comes with them, against files, variables and a server of the test. After each call the
//! plugin's memory is searched for what it must not have seen.

pub(crate) mod vault;

use crate::support::Folder;
use punix_bundle::Bundled;
use punix_model::{CallFault, Class, Credential, PluginError, Request, Resolver, Secret};
use punix_plugin::outside::{Clock, Outside, Variables};
use punix_plugin::runtime::{CacheState, Line, Listener, ResolverPlugin, Runtime, Setup, Surroundings};
use punix_plugin::{Lock, Policy, Rules, VariableName, admit_bundled, built_in, with_config, with_references};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vault::Vault;
use zeroize::Zeroizing;

/// What no plugin may see. It is part of every secret here.
const CANARY: &str = "canary-2b7e";

/// What a test gives a plugin.
#[derive(Default)]
struct Given<'a> {
    variables: &'a [(&'a str, &'a str)],
    /// Where references to files begin, and where the token of the user's home lies.
    folder: Option<&'a Path>,
    config: &'a str,
    /// What is granted by the configuration, if that is another one.
    granted_config: Option<&'a str>,
    credentials: &'a [(&'a str, &'a str)],
}

/// What came of it.
struct Found {
    answers: Vec<Result<String, PluginError>>,
    versions: Vec<Option<String>>,
    lives_ms: Vec<Option<u64>>,
    slept_ms: u64,
    said: Vec<Line>,
}

struct Environment(BTreeMap<String, Vec<u8>>);

impl Variables for Environment {
    fn variable(&self, name: &VariableName) -> Option<Zeroizing<Vec<u8>>> {
        self.0.get(name.as_str()).cloned().map(Zeroizing::new)
    }
}

/// A clock on which time passes only when somebody waits.
#[derive(Default)]
struct Hurried(AtomicU64);

impl Clock for Hurried {
    fn unix_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.unix_ms() * 1_000_000
    }

    fn sleep(&self, how_long: Duration) {
        self.0.fetch_add(u64::try_from(how_long.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Ear(Mutex<Vec<Line>>);

impl Listener for Ear {
    fn hear(&self, _: &str, line: &Line) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
    }
}

fn bundled(name: &str) -> &'static Bundled {
    punix_bundle::plugins().iter().find(|plugin| plugin.name == name).unwrap_or_else(|| panic!("{name} is not bundled"))
}

/// Takes a plugin through the door and asks it, as a deploy does.
fn resolve(name: &str, references: &[&str], given: &Given<'_>) -> Result<Found, CallFault> {
    let plugin = bundled(name);
    let manifest = plugin.examined().manifest().clone();
    let nowhere = Folder::new();
    let base = given.folder.unwrap_or(nowhere.path());
    let texts: Vec<String> = references.iter().map(|reference| (*reference).to_owned()).collect();
    let table = built_in(&manifest.id, Some(base)).unwrap();
    let table = with_references(&table, &manifest, &texts, base);
    let table = with_config(&table, &manifest, given.granted_config.unwrap_or(given.config));
    let rules = Rules { lock: &Lock::default(), policy: &Policy::default(), ceilings: &[] };
    let admitted = admit_bundled(plugin.examined(), &table, rules).unwrap();

    let memories: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let seen = Arc::clone(&memories);
    let watcher = Arc::new(move |memory: &[u8]| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(memory.to_vec());
    });
    let runtime = Runtime::new(Setup { cache: None, watcher: Some(watcher) });
    let loaded = runtime.load(admitted, Some(plugin.ready))?;
    assert_eq!(
        loaded.cache_state(),
        CacheState::Bundled,
        "the code that comes with the plugin is not the one that ran"
    );

    let (clock, ear) = (Arc::new(Hurried::default()), Arc::new(Ear::default()));
    let variables =
        given.variables.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    let outside = Outside {
        variables: Arc::new(Environment(variables)),
        clock: clock.clone(),
        ..Outside::this_machine(BTreeMap::new(), None)
    };
    let around = Surroundings { outside, listener: ear.clone(), base: base.to_owned() };
    let resolver = ResolverPlugin::new(loaded, around).expect("it is a resolver");
    let credentials = given.credentials.iter();
    let credential = |(name, value): &(&str, &str)| Credential {
        name: (*name).to_owned(),
        value: Secret::new(value.as_bytes().to_vec()),
    };
    let credentials: Vec<Credential> = credentials.map(credential).collect();
    let request = |reference: &String| Request {
        reference: reference.clone(),
        config: given.config.to_owned(),
        credentials: credentials.clone(),
    };
    let found = resolver.resolve_all(&texts.iter().map(request).collect::<Vec<_>>())?;

    let memories = memories.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(!memories.is_empty(), "nobody looked at the plugin's memory");
    for memory in memories.iter() {
        let has_canary = memory.windows(CANARY.len()).any(|bytes| bytes == CANARY.as_bytes());
        assert!(!has_canary, "{name} has seen a secret");
    }
    let said = ear.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(!format!("{said:?}").contains(CANARY));
    let mut result =
        Found { answers: Vec::new(), versions: Vec::new(), lives_ms: Vec::new(), slept_ms: clock.unix_ms(), said };
    for answer in found {
        result.versions.push(answer.as_ref().ok().and_then(|answer| answer.version.clone()));
        result.lives_ms.push(answer.as_ref().ok().and_then(|answer| answer.ttl_ms));
        result.answers.push(answer.map(|answer| String::from_utf8_lossy(answer.value.expose()).into_owned()));
    }
    Ok(result)
}

/// Returns what was answered: the secret, or class and sentence.
fn answers(found: &Found) -> Vec<Result<&str, (Class, &str)>> {
    fn told(error: &PluginError) -> (Class, &str) {
        (error.class, error.message.as_str())
    }
    found.answers.iter().map(|answer| answer.as_deref().map_err(told)).collect()
}

#[test]
fn variables_come_as_they_are() {
    let value = format!("{CANARY} \"%$\\\n");
    let variables = [("DB_PASSWORD", value.as_str()), ("EMPTY", "")];
    let given = Given { variables: &variables, ..Given::default() };
    let found = resolve("from-env", &["DB_PASSWORD", "EMPTY", "UNSET", "DB_PASSWORD"], &given).unwrap();
    let unset = Err((Class::NotFound, "the variable `UNSET` is not set"));
    assert_eq!(answers(&found), [Ok(value.as_str()), Ok(""), unset, Ok(value.as_str())]);
    assert_eq!(found.said, []);
}

#[test]
fn what_is_no_variable_is_said_with_its_reason() {
    let found = resolve("from-env", &["A-B"], &Given::default()).unwrap();
    assert_eq!(answers(&found), [Err((Class::InvalidInput, "`A-B` is not the name of a variable"))]);
}

#[test]
fn files_lose_one_newline_and_links_are_followed() {
    let folder = Folder::new();
    folder.write("stack/db", format!("{CANARY}\n\n"));
    folder.write("stack/raw", [0, 255, 10]);
    folder.write("elsewhere/key", format!("{CANARY}-key"));
    symlink("../elsewhere/key", folder.path().join("stack/link")).unwrap();
    fs::create_dir(folder.path().join("stack/directory")).unwrap();
    let absolute = folder.path().join("elsewhere/key");
    let references =
        ["db", "./db", "link", "../elsewhere/key", absolute.to_str().unwrap(), "absent", "directory", "raw"];
    let base = folder.path().join("stack");
    let found = resolve("from-file", &references, &Given { folder: Some(&base), ..Given::default() }).unwrap();
    let (db, key) = (format!("{CANARY}\n"), format!("{CANARY}-key"));
    let answers = answers(&found);
    assert_eq!(answers[..5], [Ok(db.as_str()), Ok(&db), Ok(&key), Ok(&key), Ok(&key)]);
    assert_eq!(answers[5], Err((Class::NotFound, "there is no file `absent`")));
    assert_eq!(answers[6].unwrap_err().0, Class::InvalidInput);
    assert_eq!(answers[7], Ok("\0\u{fffd}"));
}

/// A secret with two fields, in version 2.
fn db() -> String {
    format!(
        r#"{{"request_id":"1","lease_duration":0,"renewable":false,"data":{{"data":{{"user":"web","password":"{CANARY}"}},"metadata":{{"version":4,"destroyed":false}}}}}}"#
    )
}

const TOKEN: &str = "s.canary-2b7e";

fn config(vault: &Vault, more: &str) -> String {
    format!(r#"{{"address":"{}"{more}}}"#, vault.address)
}

fn two(vault: Vault) -> Vault {
    vault.mount("secret/team/db", "secret", "kv", r#"{"version":"2"}"#).answer("GET secret/data/team/db", 200, &db())
}

#[test]
fn a_versioned_secret_is_read_once_for_all_its_fields() {
    let vault = two(Vault::new(TOKEN));
    let variables = [("VAULT_TOKEN", TOKEN)];
    let given = Given { variables: &variables, config: &config(&vault, ""), ..Given::default() };
    let found = resolve("from-vault", &["secret/team/db#password", "secret/team/db#user", "secret/team/db#x"], &given);
    let found = found.unwrap();
    let absent = Err((Class::NotFound, "`secret/team/db` has no field `x`"));
    assert_eq!(answers(&found), [Ok(CANARY), Ok("web"), absent]);
    assert_eq!(found.versions[0].as_deref(), Some("4"));
    assert_eq!(vault.asked(), ["GET sys/internal/ui/mounts/secret/team/db", "GET secret/data/team/db"]);
}

#[test]
fn the_first_version_and_other_engines_are_read_in_place() {
    let made = format!(
        r#"{{"lease_id":"db/creds/app/1","lease_duration":3600,"renewable":true,"data":{{"password":"{CANARY}"}}}}"#
    );
    let kept = format!(r#"{{"lease_duration":2764800,"data":{{"a/b":"{CANARY}","port":5432}}}}"#);
    let vault = Vault::new(TOKEN)
        .mount("team/old/x", "team/old", "kv", "null")
        .answer("GET team/old/x", 200, &kept)
        .mount("db/creds/app", "db", "database", "null")
        .answer("GET db/creds/app", 200, &made);
    let credentials = [("token", TOKEN)];
    let given = Given { credentials: &credentials, config: &config(&vault, ""), ..Given::default() };
    let found = resolve("from-vault", &["team/old/x#a/b", "team/old/x#port", "db/creds/app#password"], &given).unwrap();
    assert_eq!(answers(&found), [Ok(CANARY), Ok("5432"), Ok(CANARY)]);
    assert_eq!(found.lives_ms, [None, None, Some(3_600_000)]);
}

#[test]
fn a_role_logs_in_and_its_token_reads_in_a_namespace() {
    let login = format!(r#"{{"auth":{{"client_token":"{TOKEN}","lease_duration":600,"renewable":true}}}}"#);
    let vault = two(Vault::new(TOKEN)).answer("POST auth/approle/login", 200, &login);
    let config = config(&vault, r#","namespace":"team/a","auth":{"method":"approle","role_id":"r1"}"#);
    let secret_id = format!("{CANARY}-sid");
    let variables = [("VAULT_SECRET_ID", secret_id.as_str())];
    let given = Given { variables: &variables, config: &config, ..Given::default() };
    let found = resolve("from-vault", &["secret/team/db#password", "secret/team/db#user"], &given).unwrap();
    assert_eq!(answers(&found), [Ok(CANARY), Ok("web")]);
    let space = "[x-vault-namespace: team/a]";
    let asked = [
        format!(r#"POST auth/approle/login {space} {{"role_id":"r1","secret_id":"{secret_id}"}}"#),
        format!("GET sys/internal/ui/mounts/secret/team/db {space}"),
        format!("GET secret/data/team/db {space}"),
    ];
    assert_eq!(vault.asked(), asked);
}

#[test]
fn the_token_that_vault_login_leaves_is_found() {
    let folder = Folder::new();
    folder.write(".vault-token", format!("{TOKEN}\n"));
    let vault = two(Vault::new(TOKEN));
    let given = Given { folder: Some(folder.path()), config: &config(&vault, ""), ..Given::default() };
    let found = resolve("from-vault", &["secret/team/db#password"], &given).unwrap();
    assert_eq!(answers(&found), [Ok(CANARY)]);
}

#[test]
fn a_busy_server_is_asked_again_and_one_that_stays_busy_is_named() {
    let variables = [("VAULT_TOKEN", TOKEN)];
    let sealed = r#"{"errors":["Vault is sealed"]}"#;
    let vault = Vault::new(TOKEN).answer("GET sys/internal/ui/mounts/secret/team/db", 503, sealed);
    let vault = two(vault.answer("GET sys/internal/ui/mounts/secret/team/db", 429, "{}"));
    let given = Given { variables: &variables, config: &config(&vault, ""), ..Given::default() };
    let found = resolve("from-vault", &["secret/team/db#password"], &given).unwrap();
    assert_eq!((answers(&found), found.slept_ms), (vec![Ok(CANARY)], 600));

    let vault = Vault::new(TOKEN).answer("GET sys/internal/ui/mounts/secret/team/db", 503, sealed);
    let given = Given { variables: &variables, config: &config(&vault, ""), ..Given::default() };
    let found = resolve("from-vault", &["secret/team/db#password", "secret/other#x"], &given).unwrap();
    let down = Err((Class::Transient, "the server is sealed, or down for maintenance (status 503)"));
    assert_eq!((answers(&found), vault.asked().len()), (vec![down; 2], 5));
}

#[test]
fn a_server_that_refuses_is_told_from_one_that_has_nothing() {
    let vault = two(Vault::new("another token"));
    let variables = [("VAULT_TOKEN", TOKEN)];
    let given = Given { variables: &variables, config: &config(&vault, r#","kv":2"#), ..Given::default() };
    let found = resolve("from-vault", &["secret/team/db#password"], &given).unwrap();
    let [Err((Class::Denied, message))] = answers(&found)[..] else { panic!("{:?}", answers(&found)) };
    assert!(
        message.starts_with("the server refused to read `secret/data/team/db` (status 403): check that"),
        "{message}"
    );

    let vault = two(Vault::new(TOKEN));
    let given = Given { variables: &variables, config: &config(&vault, r#","kv":2"#), ..Given::default() };
    let found = resolve("from-vault", &["secret/gone#password"], &given).unwrap();
    assert_eq!(answers(&found), [Err((Class::NotFound, "there is nothing at `secret/gone`"))]);
}

#[test]
fn only_the_configured_server_is_asked() {
    let vault = two(Vault::new(TOKEN));
    let variables = [("VAULT_TOKEN", TOKEN)];
    let elsewhere = r#"{"address":"https://vault.example"}"#;
    let config = config(&vault, "");
    let given = Given { variables: &variables, config: &config, granted_config: Some(elsewhere), ..Given::default() };
    let found = resolve("from-vault", &["secret/team/db#password"], &given).unwrap();
    assert!(matches!(answers(&found)[..], [Err((Class::Denied, _))]), "{:?}", answers(&found));
    assert_eq!(vault.asked().len(), 0);
}

#[test]
fn references_have_one_form_before_anybody_is_asked() {
    let parse = |name: &str, reference: &str| {
        let plugin = bundled(name);
        let manifest = plugin.examined().manifest().clone();
        let table = with_config(&built_in(&manifest.id, None).unwrap(), &manifest, "");
        let rules = Rules { lock: &Lock::default(), policy: &Policy::default(), ceilings: &[] };
        let admitted = admit_bundled(plugin.examined(), &table, rules).unwrap();
        let loaded = Runtime::new(Setup::default()).load(admitted, Some(plugin.ready)).unwrap();
        let outside = Outside::this_machine(BTreeMap::new(), None);
        let around = Surroundings { outside, listener: Arc::new(Ear::default()), base: "/".into() };
        ResolverPlugin::new(loaded, around).unwrap().parse(reference).unwrap().map_err(|error| error.message)
    };
    assert_eq!(parse("from-env", "A").as_deref(), Ok("A"));
    assert_eq!(parse("from-file", "./a//b").as_deref(), Ok("a/b"));
    assert_eq!(parse("from-vault", "/kv/db#x").as_deref(), Ok("kv/db#x"));
    assert_eq!(parse("from-vault", "db_pw"), Err("`db_pw` names no field: write `mount/path#field`".to_owned()));
}
