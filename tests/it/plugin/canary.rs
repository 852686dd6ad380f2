//! A secret that nothing else looks like is in the environment and in the files of whoever looks after plugins, and goes
//! through two of them. It comes out of no verb, in no form, and nothing that is kept has it.

use super::{BAO, RESOLVER, Shop};
use crate::support::run;
use punix_model::{Redactor, Request, Resolver, Secret};
use punix_plugin::outside::{Outside, Variables};
use punix_plugin::runtime::{Cache, CacheState, Line, Listener, ResolverPlugin, Runtime, Setup, Surroundings};
use punix_plugin::{Lock, Policy, Rules, VariableName, admit_bundled, built_in, with_references};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

const CANARY: &str = "can/ary \"4f1d\" & 'tw33t' + 100%";

struct Environment;

impl Variables for Environment {
    fn variable(&self, _: &VariableName) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(CANARY.as_bytes().to_vec()))
    }
}

#[derive(Default)]
struct Ear(Mutex<String>);

impl Listener for Ear {
    fn hear(&self, _: &str, line: &Line) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line.text);
    }
}

/// Has a bundled plugin find the canary; its code goes through the cache of the shop. Returns all that was said.
fn resolve(shop: &Shop, name: &str, references: &[&str]) -> String {
    let plugin = punix_bundle::plugins().iter().find(|plugin| plugin.name == name).expect("it is bundled");
    let manifest = plugin.examined().manifest().clone();
    let base = shop.path("home");
    let texts: Vec<String> = references.iter().map(|reference| (*reference).to_owned()).collect();
    let granted = built_in(&manifest.id, Some(&base)).expect("it is granted something");
    let table = with_references(&granted, &manifest, &texts, &base);
    let rules = Rules { lock: &Lock::default(), policy: &Policy::default(), ceilings: &[] };
    let admitted = admit_bundled(plugin.examined(), &table, rules).unwrap_or_else(|fault| panic!("{fault}"));
    let (code, key) = (shop.path("home/.punix/compiled"), shop.path("home/.local/state/punix/cache.key"));
    let cache = Cache::open(&code, &key);
    assert!(cache.is_some(), "the cache of the verbs is used");
    let loaded = Runtime::new(Setup { cache, watcher: None }).load(admitted, None).expect("it can be compiled");
    assert_eq!(loaded.cache_state(), CacheState::Compiled);
    let ear = Arc::new(Ear::default());
    let outside = Outside { variables: Arc::new(Environment), ..Outside::this_machine(BTreeMap::new(), None) };
    let around = Surroundings { outside, listener: ear.clone(), base };
    let request =
        |reference: &String| Request { reference: reference.clone(), config: "{}".to_owned(), credentials: Vec::new() };
    let resolver = ResolverPlugin::new(loaded, around).expect("it is a resolver");
    let found = resolver.resolve_all(&texts.iter().map(request).collect::<Vec<_>>()).expect("it answers");
    assert!(found.iter().any(|answer| answer.as_ref().is_ok_and(|found| found.value.expose() == CANARY.as_bytes())));
    format!("{found:?}{}", ear.0.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Looks through all files below a directory, and returns how many there were.
fn search(redactor: &Redactor, directory: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            count += search(redactor, &path);
        } else if path.file_name().is_none_or(|name| name != ".vault-token") {
            count += 1;
            assert!(!redactor.finds_in(&fs::read(&path).expect("it is ours")), "it is in {}", path.display());
        }
    }
    count
}

#[test]
fn no_verb_says_it_and_nothing_keeps_it() {
    let shop = Shop::with_bao();
    let update =
        BAO.replace("0.3.1", "0.4.0").replace(r#""why":"login"}]"#, r#""why":"login"},{"name":"MORE","why":"x"}]"#);
    shop.component("new.wasm", RESOLVER, &update);
    shop.folder.write("home/.vault-token", CANARY);
    let redactor = Redactor::new([&Secret::new(CANARY.as_bytes().to_vec())]);
    let mut said = String::new();
    let mut verb = |arguments: &[&str]| {
        let mut command = shop.command(arguments);
        for name in ["BAO_TOKEN", "VAULT_TOKEN", "VAULT_ROLE_ID", "VAULT_SECRET_ID", "MORE", "DB_PASSWORD"] {
            command.env(name, CANARY);
        }
        let outcome = run(command);
        assert!(matches!(outcome.code, Some(0 | 1)), "{outcome:#?}");
        said.push_str(&outcome.stdout);
        said.push_str(&outcome.stderr);
    };
    verb(&["add", "bao.wasm", "--yes"]);
    let answers = [resolve(&shop, "from-env", &["DB_PASSWORD"]), resolve(&shop, "from-file", &[".vault-token"])];
    for arguments in [
        &["audit", "--json"][..],
        &["audit"],
        &["list", "--json"],
        &["inspect", "punix.from-vault", "--json"],
        &["inspect", "org.example.bao"],
        &["diff", "org.example.bao", "new.wasm", "--json"],
        // What is not decided, and refused.
        &["add", "new.wasm"],
        &["add", "new.wasm", "--later", "--json"],
        &["audit", "--json"],
        &["grant", "org.example.bao", "env", "MORE"],
        &["audit", "--json"],
        &["revoke", "org.example.bao", "env", "BAO_TOKEN", "--json"],
        &["audit", "--json"],
    ] {
        verb(arguments);
    }
    assert!(said.contains("BAO_TOKEN") && said.contains("\"code\": \"kept\""), "{said}");
    for text in answers.iter().chain([&said]) {
        assert!(!redactor.finds_in(text.as_bytes()), "{text}");
    }
    // Policy, lock, components, their list, code and its key.
    assert!(search(&redactor, &shop.path("")) >= 10);
    // The search finds what is there.
    assert!(redactor.finds_in(&fs::read(shop.path("home/.vault-token")).expect("it was written")));
}
