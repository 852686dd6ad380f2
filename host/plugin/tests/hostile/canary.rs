//! A secret that nothing else looks like goes through resolvers, backends and transports. What they had for memory is
//! looked through when it goes, in every form that a secret may have: it was never there.

use crate::links;
use crate::room::{
    Folder, Guest, NameTable, Plugin, Server, Terms, Watcher, World, backend, or_fault, requests, resolver, transport,
};
use crate::running::{facts, stack};
use punix_model::{Action, Backend, Chunk, Endpoint, Redactor, Resolver, Secret, Transport, Wish};
use punix_plugin::runtime::Cache;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A secret, and what looks for it.
struct Canary {
    text: String,
    redactor: Redactor,
    looked_at: AtomicUsize,
    found: AtomicUsize,
    /// Where the memories were in which it was.
    places: Mutex<Vec<(usize, usize)>>,
}

impl Canary {
    fn new() -> Arc<Canary> {
        // Letters that every form has to write in its own way are among them.
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz012345 /+&%'";
        let mut bytes = [0; 24];
        let mut chance = std::fs::File::open("/dev/urandom").expect("every system has it");
        chance.read_exact(&mut bytes).expect("it does not end");
        let text: String = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 63)])).collect();
        let redactor = Redactor::new([&Secret::new(text.clone().into_bytes())]);
        Arc::new(Canary {
            text,
            redactor,
            looked_at: AtomicUsize::new(0),
            found: AtomicUsize::new(0),
            places: Mutex::default(),
        })
    }

    fn watcher(self: &Arc<Canary>) -> Watcher {
        let canary = Arc::clone(self);
        Arc::new(move |memory| {
            canary.looked_at.fetch_add(1, Ordering::SeqCst);
            if canary.redactor.finds_in(memory) {
                canary.found.fetch_add(1, Ordering::SeqCst);
                canary.places.lock().expect("nobody panics with it").push((memory.as_ptr().addr(), memory.len()));
            }
        })
    }

    fn plugin(self: &Arc<Canary>, guest: &Guest, table: &str, references: &[&str], world: &World) -> Plugin {
        Plugin::on(guest, Terms { table, references, base: None, watcher: Some(self.watcher()) }, world)
    }

    /// Tells whether it is in a text.
    fn is_in(&self, text: &str) -> bool {
        self.redactor.finds_in(text.as_bytes())
    }
}

/// A world in which the canary is everywhere: in a variable, in a file, behind a server.
struct Aviary {
    folder: Folder,
    world: World,
    server: Server,
    table: String,
}

impl Aviary {
    fn of(canary: &Canary) -> Aviary {
        let folder = Folder::new();
        folder.write("given/secret", &canary.text);
        folder.write("drafts/.keep", "");
        let server =
            Server::json(&format!(r#"{{"lease_duration":7,"data":{{"password":"{0}"}},"{0}":"{0}"}}"#, canary.text));
        let answers = vec![vec![Ipv4Addr::LOCALHOST.into()]];
        let (mut world, _) = World::with_names(NameTable { answers, ..NameTable::default() });
        for name in ["GRANTED", "ONE", "TWO", "NOT_GRANTED"] {
            world.variables.insert(name, canary.text.clone());
        }
        let (path, port) = (folder.path().display(), server.port());
        let table = format!(
            "limits.timeout_ms = 120000\n\
             grant.env = [{{ name = \"GRANTED\", as = \"secret\" }}]\n\
             grant.files = [{{ root = \"given\", path = \"{path}/given\" }}, \
             {{ root = \"drafts\", path = \"{path}/drafts\", write = true }}]\n\
             grant.http = [{{ host = \"vault.example:{port}\", methods = [\"get\", \"post\"], paths = [\"/v1/*\"], \
             public = [\"/lease_duration\"], plain_http = true, private = true }}]\n"
        );
        Aviary { folder, world, server, table }
    }

    fn address(&self) -> String {
        format!("http://vault.example:{}", self.server.port())
    }
}

#[test]
fn a_resolver_without_reveal_never_has_it() {
    let canary = Canary::new();
    let aviary = Aviary::of(&canary);
    let seals = format!("{}grant.secrets = {{ seal = true }}", aviary.table);
    let plugin = canary.plugin(resolver(), &seals, &["ONE", "TWO"], &aviary.world);
    let mut said = String::new();
    for (word, with) in [
        ("honest", ""),
        ("swap", ""),
        ("too-few", ""),
        ("version", ""),
        ("extract", "/data/password"),
        ("extract", "/none"),
        ("login", "/v1/secret"),
        ("questions", ""),
        ("questions-answer", ""),
        ("questions-appended", ""),
        ("sink-after-sealed", ""),
        ("launder-public", ""),
        ("launder-file", ""),
        ("guess", "guess"),
        ("guess-member", "guess"),
        ("guess-file", "guess"),
        ("after-drop", ""),
        ("answer-forged", "1"),
        ("many-secrets", ""),
        ("file", "given:secret"),
        ("variable", "GRANTED"),
        ("variable", "NOT_GRANTED"),
        ("tell-log", ""),
        ("panic", "x"),
        ("credential", ""),
    ] {
        let mut asked = requests(&aviary.address(), word, with, &["ONE", "TWO"]);
        asked.iter_mut().flat_map(|request| &mut request.credentials).for_each(|credential| {
            credential.value = Secret::new(canary.text.clone().into_bytes());
        });
        match plugin.resolver().resolve_all(&asked) {
            // What was found is where it belongs: in the host.
            Ok(answers) => said.extend(answers.into_iter().map(|answer| format!("{answer:?}\n"))),
            Err(fault) => said.push_str(&or_fault(Err(fault))),
        }
        said.push_str(&plugin.heard());
    }
    assert!(canary.looked_at.load(Ordering::SeqCst) >= 25);
    assert_eq!(canary.found.load(Ordering::SeqCst), 0);
    assert!(!canary.is_in(&said), "{said}");
    // The server was told what it is told, so it did go through.
    assert!(aviary.server.asked().iter().any(|head| head.contains(&canary.text)));
    assert!(aviary.folder.path().exists());
}

#[test]
fn what_was_resolved_is_not_in_backends_and_transports() {
    let canary = Canary::new();
    let aviary = Aviary::of(&canary);
    let found = canary.plugin(resolver(), &aviary.table, &["ONE"], &aviary.world).resolver().resolve_all(&requests(
        "",
        "honest",
        "",
        &["ONE"],
    ));
    let secret = found.unwrap().remove(0).unwrap().value;
    let quiet = "limits.timeout_ms = 120000\ngrant.here = true";
    let plugin = canary.plugin(backend(), quiet, &[], &aviary.world);
    let drawn = plugin.backend().render(&stack("draw|s:600:7:raw:/etc/web/key"), &facts()).unwrap();
    // The host puts it where it belongs, behind the back of the backend.
    let spliced: Vec<u8> = drawn.files[0]
        .body
        .iter()
        .flat_map(|chunk| match chunk {
            Chunk::Text(text) => text.as_bytes().to_vec(),
            Chunk::Secret(..) => secret.expose().to_vec(),
        })
        .collect();
    assert_eq!(spliced, canary.text.as_bytes());
    let mut said = String::new();
    for word in ["panic", "say-much", "refuse-long", "grow"] {
        said.push_str(&or_fault(plugin.backend().render(&stack(word), &facts()).map(|drawn| format!("{drawn:?}"))));
    }
    let wish = Wish { unit: "web.service".to_owned(), action: Action::Restart };
    let mut session = plugin.backend().session(&stack("ask-on"), &[wish], &facts()).unwrap();
    said.push_str(&format!("{:?}", session.next(&[])));
    drop(session);
    said.push_str(&plugin.heard());

    let plugin = canary.plugin(transport(), quiet, &[], &aviary.world);
    let endpoint = Endpoint {
        scheme: "hostile".to_owned(),
        user: None,
        host: "panic-behind".to_owned(),
        port: None,
        path: None,
        options: Vec::new(),
    };
    said.push_str(&format!("{:?}", plugin.transport().normalise(&endpoint)));
    for word in ["panic-behind", "fine"] {
        let mut link = links::open(&plugin, word).unwrap();
        let mut pipe = link.start(&["true".to_owned()]).unwrap().unwrap();
        pipe.input.write_all(&spliced).unwrap();
        let mut back = vec![0; spliced.len()];
        pipe.output.read_exact(&mut back).unwrap();
        assert_eq!(back, spliced);
        drop(link);
    }
    said.push_str(&plugin.heard());
    assert!(canary.looked_at.load(Ordering::SeqCst) >= 9);
    assert_eq!(canary.found.load(Ordering::SeqCst), 0);
    assert!(!canary.is_in(&said), "{said}");
}

/// The search finds what is there: a resolver that may read does have it, and loses it with its memory.
#[test]
fn a_resolver_with_reveal_has_it_and_loses_it() {
    let canary = Canary::new();
    let aviary = Aviary::of(&canary);
    let reads = format!("{}grant.secrets = {{ seal = true, reveal = true }}", aviary.table);
    let plugin = canary.plugin(resolver(), &reads, &["ONE"], &aviary.world);
    let mut said = String::new();
    for word in ["tell-nobody", "tell-log", "tell-panic", "tell-error"] {
        let before = canary.found.load(Ordering::SeqCst);
        let outcome = plugin.resolver().resolve_all(&requests("", word, "", &["ONE"]));
        said.push_str(&format!("{outcome:?}\n{}", plugin.heard()));
        assert!(canary.found.load(Ordering::SeqCst) > before, "{word}");
    }
    assert!(!canary.is_in(&said), "{said}");
    let places = canary.places.lock().unwrap().clone();
    assert!(places.into_iter().all(|(start, length)| !is_at(&canary, start, length)));
}

/// Looks at memory of this process, as far as it is there.
fn is_at(canary: &Canary, start: usize, length: usize) -> bool {
    const PIECE: usize = 64 << 10;
    let mut memory = std::fs::File::open("/proc/self/mem").expect("every process has it");
    let mut piece = vec![0; PIECE];
    (start..start + length).step_by(PIECE).any(|at| {
        let there = memory.seek(SeekFrom::Start(at as u64)).and_then(|_| memory.read(&mut piece));
        there.is_ok_and(|count| canary.redactor.finds_in(&piece[..count]))
    })
}

#[test]
fn it_is_not_in_compiled_code() {
    let canary = Canary::new();
    let aviary = Aviary::of(&canary);
    let folder = Folder::new();
    let (code, key) = (folder.path().join("cache/code"), folder.path().join("state/key"));
    let cache = Cache::open(&code, &key).expect("a folder of our own is safe");
    let reads = format!("{}grant.secrets = {{ reveal = true }}", aviary.table);
    let terms = Terms { table: &reads, references: &["ONE"], base: None, watcher: Some(canary.watcher()) };
    let plugin = Plugin::with_cache(resolver(), terms, &aviary.world, Some(cache));
    assert!(plugin.resolver().resolve_all(&requests("", "tell-nobody", "", &["ONE"])).unwrap()[0].is_ok());
    assert!(canary.found.load(Ordering::SeqCst) > 0);
    let mut entries = 0;
    for path in [code, key.parent().unwrap().to_owned()] {
        for entry in std::fs::read_dir(path).unwrap() {
            entries += 1;
            assert!(!canary.redactor.finds_in(&std::fs::read(entry.unwrap().path()).unwrap()));
        }
    }
    assert_eq!(entries, 2);
}
