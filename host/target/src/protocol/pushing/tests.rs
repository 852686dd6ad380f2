//! Both sides of a push, each against one that is hostile, and against each other where one of them goes away.

use super::*;
use crate::fuzzing::fuzz;
use crate::protocol::client::{Client, Opening};
use crate::protocol::door::Door;
use crate::protocol::frame::{FrameError, receive, send};
use crate::protocol::message::{PROTOCOL, Told};
use crate::protocol::server::serve;
use crate::push::tests::Both;
use proptest::prelude::*;
use punix_diag::{Code, Diagnostic};
use punix_store::{Digest, Entry, Manifest, Node};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

type Said = (Request, Vec<Piece>);

fn opening(root: &Path) -> Opening<'_> {
    Opening { root, deployments: Some(Path::new("/d")), command: "punix test", wait: Duration::from_secs(60) }
}

/// Somebody who serves in another thread.
fn served(both: &Both) -> (Client, JoinHandle<Result<(), FrameError>>) {
    let (mut requests, requests_to) = std::io::pipe().unwrap();
    let (answers, mut answers_to) = std::io::pipe().unwrap();
    let server = std::thread::spawn(move || serve(&mut requests, &mut answers_to));
    let root = both.folder.path().join("host");
    (Client::over(requests_to, answers, &opening(&root)).unwrap(), server)
}

/// What is said before anything is pushed.
fn greetings(both: &Both) -> Vec<Said> {
    let root = both.folder.path().join("host").to_str().unwrap().to_owned();
    let hello = Request::Hello { protocol: PROTOCOL, version: "0".to_owned() };
    let open = Request::Open { root, deployments: Some("/d".to_owned()), command: "t".to_owned(), wait_seconds: 60 };
    vec![(hello, vec![]), (open, vec![])]
}

fn lack(both: &Both) -> Said {
    let pushing = both.pushing();
    let names = pushing.names.iter().map(ToString::to_string).collect();
    (Request::Lack { to: pushing.to, names, again: BTreeSet::new() }, vec![])
}

fn listed(both: &Both, name: &StoreName) -> [Piece; 2] {
    let derivation = both.from.derivation(name).unwrap().to_json().as_bytes().to_vec();
    [Piece::Plain(derivation), Piece::Plain(both.from.manifest(name).unwrap().to_json())]
}

fn batch(both: &Both, names: &[&StoreName]) -> Said {
    let pieces = names.iter().flat_map(|name| listed(both, name)).collect();
    (Request::Batch { names: names.iter().map(ToString::to_string).collect() }, pieces)
}

fn content(bytes: &[u8]) -> Said {
    (Request::Content { bytes: bytes.len() as u64, packed: false }, vec![Piece::Plain(bytes.to_vec())])
}

fn end() -> Said {
    (Request::EndPush, vec![])
}

/// The bytes of all files of an entry.
fn bytes_of(both: &Both, name: &StoreName) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in both.from.manifest(name).unwrap().entries() {
        if let Node::File { .. } = entry.node {
            bytes.extend(fs::read(both.from.path(name).join(&entry.path)).unwrap());
        }
    }
    bytes
}

/// Names in the order in which they go.
fn in_order(both: &Both) -> Vec<StoreName> {
    both.pushing().names.into_iter().collect()
}

/// Says all that, and returns what was answered after the greetings, and how it ended.
fn answered(both: &Both, said: &[Said]) -> (Vec<Answer>, Result<(), FrameError>) {
    let mut input = Vec::new();
    for (request, pieces) in greetings(both).iter().chain(said) {
        send(&mut input, request, pieces).unwrap();
    }
    answered_bytes(&input)
}

fn answered_bytes(input: &[u8]) -> (Vec<Answer>, Result<(), FrameError>) {
    let mut output = Vec::new();
    let ended = serve(&mut &input[..], &mut output);
    let mut from = output.as_slice();
    let mut answers = Vec::new();
    while let Ok((answer, _)) = receive::<Answer>(&mut from) {
        answers.push(answer);
    }
    (answers.split_off(2.min(answers.len())), ended)
}

/// Asserts that nothing is in the store there but these entries, which are whole, and nothing beside the store.
fn assert_there(both: &Both, names: &[&StoreName]) {
    let there = both.there();
    let wanted: BTreeSet<StoreName> = names.iter().map(|name| (*name).clone()).collect();
    assert_eq!(there.list().unwrap().into_iter().collect::<BTreeSet<_>>(), wanted);
    for name in names {
        assert!(there.verify(name).unwrap().is_empty());
    }
    let left = fs::read_dir(there.root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.starts_with(".tmp")).collect::<Vec<_>>(), Vec::<String>::new());
    let host = fs::read_dir(both.folder.path().join("host")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(host.into_iter().all(|name| ["srv", "d", "var", "etc"].iter().any(|ours| name == *ours)));
}

/// Overwrites a file in the store here.
fn spoil(both: &Both, name: &StoreName, path: &str, content: &[u8]) {
    let place = both.from.path(name).join(path);
    fs::set_permissions(&place, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&place, content).unwrap();
}

#[test]
fn packed_or_not_the_same_arrives() {
    let both = Both::new();
    let (client, server) = served(&both);
    push(&client.wire, &both.from, &both.pushing(), Packing::Always, &mut |_| {}).unwrap();
    assert_there(&both, &both.names.each_ref());
    drop(client);
    server.join().unwrap().unwrap();
}

#[test]
fn messages_are_cut_anywhere() {
    let both = Both::new();
    let names = in_order(&both);
    let all: Vec<u8> = names.iter().flat_map(|name| bytes_of(&both, name)).collect();
    let cuts = [0, 1, 5, 300_000, 300_001, 300_020, all.len() - 1];
    let mut said = vec![lack(&both), batch(&both, &names.iter().collect::<Vec<_>>())];
    for (at, cut) in cuts.iter().enumerate() {
        let until = cuts.get(at + 1).copied().unwrap_or(all.len());
        said.push(content(&all[*cut..until]));
    }
    said.push(end());
    let (answers, ended) = answered(&both, &said);
    assert!(ended.is_ok() && answers.len() == said.len(), "{answers:?} {ended:?}");
    assert!(matches!(&answers[..2], [Answer::Lacking(lacking), Answer::Taken { .. }] if lacking.len() == 2));
    assert!(matches!(answers.last(), Some(Answer::Done)));
    assert_there(&both, &both.names.each_ref());
}

/// Whoever sends goes away after the first of two entries.
#[test]
fn what_arrived_whole_stays_and_the_rest_is_asked_for_again() {
    let both = Both::new();
    let names = in_order(&both);
    let (first, second) = (bytes_of(&both, &names[0]), bytes_of(&both, &names[1]));
    let some = [first.as_slice(), &second[..second.len() / 2]].concat();
    let said = [lack(&both), batch(&both, &[&names[0], &names[1]]), content(&some)];
    let (answers, ended) = answered(&both, &said);
    assert!(matches!(ended, Err(FrameError::Closed)) && answers.len() == 3, "{answers:?} {ended:?}");
    assert_there(&both, &[&names[0]]);
    // He ends it before everything came.
    let said = [lack(&both), batch(&both, &[&names[1]]), content(&second[..9]), end(), (Request::Stacks, vec![])];
    let (answers, ended) = answered(&both, &said);
    assert!(ended.is_ok(), "{answers:?}");
    assert!(matches!(&answers[0], Answer::Lacking(lacking) if *lacking == [names[1].to_string()]));
    assert!(matches!(&answers[3..], [Answer::Done, Answer::Stacks(_)]), "{answers:?}");
    assert_there(&both, &[&names[0]]);
    let (client, server) = served(&both);
    let brought = client.push(&both.from, &both.pushing(), &mut |_| {}).unwrap();
    assert_eq!(brought, Brought { pushed: 1, cached: 1 });
    assert_there(&both, &both.names.each_ref());
    drop(client);
    server.join().unwrap().unwrap();
}

#[test]
fn what_is_damaged_here_is_said_and_the_way_stays_usable() {
    for (content, found_there) in [(vec![8; 300_000], true), (vec![7; 10], false), (vec![7; 300_001], false)] {
        let both = Both::new();
        let names = in_order(&both);
        spoil(&both, &names[1], "data", &content);
        let (client, server) = served(&both);
        let error = client.push(&both.from, &both.pushing(), &mut |_| {}).unwrap_err();
        assert!(
            matches!(&error, PushError::Damaged { path, .. } if path == Path::new("data")),
            "{found_there} {error}"
        );
        let diagnostic = Diagnostic::from(error);
        assert_eq!(diagnostic.code, Some(Code::E21));
        assert_eq!(diagnostic.message, format!("`data` in `{}` is damaged here", names[1]));
        assert_there(&both, &[&names[0]]);
        // The same pipe can be asked on.
        assert!(client.stacks().is_ok());
        spoil(&both, &names[1], "data", &[7; 300_000]);
        assert_eq!(client.push(&both.from, &both.pushing(), &mut |_| {}).unwrap(), Brought { pushed: 1, cached: 1 });
        assert_there(&both, &both.names.each_ref());
        drop(client);
        server.join().unwrap().unwrap();
    }
}

#[test]
fn a_target_where_nothing_can_be_written_says_so() {
    let both = Both::new();
    fs::create_dir(both.folder.path().join("host/srv")).unwrap();
    fs::write(both.folder.path().join("host/srv/store"), "a file").unwrap();
    let (client, server) = served(&both);
    let error = client.push(&both.from, &both.pushing(), &mut |_| {}).unwrap_err();
    assert!(matches!(&error, PushError::Target(TargetError::Told(_))), "{error:?}");
    assert!(client.stacks().is_ok());
    drop(client);
    server.join().unwrap().unwrap();
}

#[test]
fn what_is_no_push_ends_the_session() {
    let names = in_order(&Both::new());
    let secret = || Piece::Secret(punix_model::Secret::new(b"x".to_vec()));
    let plain = |bytes: &[u8]| Piece::Plain(bytes.to_vec());
    type Says<'s> = (&'s str, &'s dyn Fn(&Both) -> Vec<Said>);
    let cases: [Says<'_>; 15] = [
        ("no push", &|both| vec![batch(both, &[&names[0]])]),
        ("no batch", &|both| vec![lack(both), content(b"x")]),
        ("another request", &|both| vec![lack(both), (Request::Stacks, vec![])]),
        ("in a batch", &|both| vec![lack(both), batch(both, &[&names[0]]), (Request::Stacks, vec![])]),
        ("twice", &|both| vec![lack(both), lack(both)]),
        ("no name", &|both| {
            let (_, pieces) = batch(both, &[&names[0]]);
            vec![lack(both), (Request::Batch { names: vec!["../../etc/passwd".to_owned()] }, pieces)]
        }),
        ("not lacking", &|both| {
            let (Request::Lack { to, again, .. }, _) = lack(both) else { unreachable!() };
            let names_wanted = BTreeSet::from([names[1].to_string()]);
            vec![(Request::Lack { to, names: names_wanted, again }, vec![]), batch(both, &[&names[0]])]
        }),
        ("the wrong order", &|both| vec![lack(both), batch(both, &[&names[1], &names[0]])]),
        ("the same twice", &|both| vec![lack(both), batch(both, &[&names[0], &names[0]])]),
        ("another's derivation", &|both| {
            let (_, pieces) = batch(both, &[&names[1]]);
            vec![lack(both), (Request::Batch { names: vec![names[0].to_string()] }, pieces)]
        }),
        ("no list", &|both| {
            let [derivation, _] = listed(both, &names[0]);
            let request = Request::Batch { names: vec![names[0].to_string()] };
            vec![lack(both), (request, vec![derivation, plain(b"{}")])]
        }),
        ("no pieces", &|both| vec![lack(both), (Request::Batch { names: vec![names[0].to_string()] }, vec![])]),
        ("a secret", &|both| {
            let request = Request::Content { bytes: 1, packed: false };
            vec![lack(both), batch(both, &[&names[0]]), (request, vec![secret()])]
        }),
        ("another length", &|both| {
            let request = Request::Content { bytes: 2, packed: false };
            vec![lack(both), batch(both, &[&names[0]]), (request, vec![plain(b"x")])]
        }),
        ("not packed", &|both| {
            let request = Request::Content { bytes: 2, packed: true };
            vec![lack(both), batch(both, &[&names[0]]), (request, vec![plain(b"not packed")])]
        }),
    ];
    for (name, said) in cases {
        let both = Both::new();
        let said = said(&both);
        let (answers, ended) = answered(&both, &said);
        assert!(matches!(ended, Err(FrameError::Alien)), "{name}: {ended:?}");
        assert!(answers.len() < said.len(), "{name}: {answers:?}");
        assert!(!both.folder.path().join("host/srv/store").exists() || both.there().list().unwrap().is_empty());
    }
}

/// Lists that would lead elsewhere, for an entry of which the name is right.
#[test]
fn no_list_leads_out_of_an_entry() {
    let file = |path: &str| Entry {
        path: PathBuf::from(path),
        node: Node::File { executable: false, size: 1, sha256: Digest::of(b"x") },
    };
    let link = |path: &str, target: &str| Entry { path: path.into(), node: Node::Link { target: target.into() } };
    let manifests = [
        vec![link("out", "/tmp"), file("out/x")],
        vec![link("out", ".."), file("out/x")],
        vec![file("built")],
        vec![file("no/parent")],
    ];
    for entries in manifests {
        let both = Both::new();
        let names = in_order(&both);
        let [derivation, _] = listed(&both, &names[0]);
        let request = Request::Batch { names: vec![names[0].to_string()] };
        let manifest = Piece::Plain(Manifest::new(entries).to_json());
        let said = [lack(&both), (request, vec![derivation, manifest]), content(b"x"), end()];
        let (answers, ended) = answered(&both, &said);
        let unfit = |answer: &Answer| matches!(answer, Answer::Refused(told) if told.code() == Code::E21);
        assert!(ended.is_ok() && answers.len() == 4, "{answers:?} {ended:?}");
        assert!(unfit(&answers[1]) && unfit(&answers[2]) && matches!(answers[3], Answer::Done), "{answers:?}");
        assert_there(&both, &[]);
    }
}

#[test]
fn another_content_is_named_and_nothing_more_is_taken() {
    let both = Both::new();
    let names = in_order(&both);
    let mut bytes = bytes_of(&both, &names[0]);
    bytes[3] ^= 1;
    let said = [
        lack(&both),
        batch(&both, &[&names[0]]),
        content(&bytes[..5_000]),
        content(&bytes[5_000..]),
        batch(&both, &[&names[1]]),
        end(),
    ];
    let (answers, ended) = answered(&both, &said);
    assert!(ended.is_ok() && answers.len() == 6, "{answers:?} {ended:?}");
    assert!(
        matches!(&answers[2], Answer::Otherwise { name, number: 1 } if *name == names[0].to_string()),
        "{answers:?}"
    );
    assert!(answers[3..5].iter().all(|answer| matches!(answer, Answer::Refused(_))));
    assert_there(&both, &[]);
}

/// Returns what a push becomes if this is answered, whatever is asked.
fn pushed(both: &Both, says: &[Answer], then: &[u8]) -> PushError {
    let mut bytes = Vec::new();
    let greeting = [
        Answer::Hello { protocol: PROTOCOL, version: "0".to_owned() },
        Answer::Opened { deployments: crate::path::TargetPath::parse("/d").unwrap() },
        Answer::Machine(crate::machine::machine()),
    ];
    for answer in greeting.iter().chain(says) {
        send(&mut bytes, answer, &[]).unwrap();
    }
    bytes.extend(then);
    let (from, mut to) = std::io::pipe().unwrap();
    to.write_all(&bytes).unwrap();
    drop(to);
    let client = Client::over(std::io::sink(), from, &opening(Path::new("/"))).unwrap();
    let error = client.push(&both.from, &both.pushing(), &mut |_| {}).unwrap_err();
    let told = matches!(error, PushError::Target(TargetError::Told(_)) | PushError::Damaged { .. });
    assert!(told || client.stacks().is_err(), "{error:?}");
    error
}

#[test]
fn an_answer_that_does_not_fit_is_refused() {
    let both = Both::new();
    let names = in_order(&both);
    let lacking = || Answer::Lacking(names.iter().map(ToString::to_string).collect());
    let taken = || Answer::Taken { waits: false };
    let otherwise = |name: &str, number| Answer::Otherwise { name: name.to_owned(), number };
    let name = names[0].as_str();
    let other = name.replace(|letter: char| letter.is_ascii_digit(), "0");
    let cases = [
        vec![Answer::Done],
        vec![taken()],
        vec![Answer::Lacking(vec![other])],
        vec![Answer::Lacking(vec!["..".to_owned()])],
        vec![Answer::Lacking(vec![name.to_owned(), name.to_owned()])],
        vec![lacking(), Answer::Done],
        vec![lacking(), lacking()],
        vec![lacking(), otherwise("..", 0)],
        vec![lacking(), otherwise(&name.replace('1', "2"), 0)],
        vec![lacking(), otherwise(name, usize::MAX)],
        // That is no file.
        vec![lacking(), otherwise(name, 0)],
    ];
    for says in cases {
        let error = pushed(&both, &says, b"");
        let is_way = |error: &TargetError| error.to_string().contains("something else than what it was asked for");
        let fits = match &error {
            PushError::Target(error) => is_way(error),
            PushError::Lost(lost) => is_way(&lost.error),
            _ => false,
        };
        assert!(fits && error.is_the_worlds(), "{says:?}: {error:?}");
    }
    // It goes away, with the first batch taken: neither is there for sure.
    let error = pushed(&both, &[lacking(), taken()], b"");
    assert!(matches!(&error, PushError::Lost(lost) if (lost.pushed, lost.missing) == (0, 2)), "{error:?}");
    let diagnostic = Diagnostic::from(error);
    let notes: Vec<_> = diagnostic.notes.iter().map(|note| note.message.as_str()).collect();
    assert!(notes.contains(&"0 of 2 missing packages are there, and stay"), "{notes:?}");
    assert_eq!(diagnostic.code, Some(Code::E31));
}

/// It accuses us, and we look ourselves.
#[test]
fn who_says_that_it_got_something_else_is_not_just_believed() {
    let both = Both::new();
    let names = in_order(&both);
    let says = |both: &Both| {
        let lacking = Answer::Lacking(names.iter().map(ToString::to_string).collect());
        let manifest = both.from.manifest(&names[0]).unwrap();
        let number = manifest.entries().iter().position(|entry| entry.path == Path::new("data")).unwrap();
        let otherwise = Answer::Otherwise { name: names[0].to_string(), number };
        let refused = || Answer::Refused(Told::from(PushError::Simulated));
        vec![lacking, otherwise, refused(), refused(), refused(), refused(), Answer::Done]
    };
    let error = pushed_until_done(&both, &says(&both));
    assert!(matches!(&error, PushError::Differs { path, .. } if path == Path::new("data")), "{error:?}");
    spoil(&both, &names[0], "data", &[8; 300_000]);
    let error = pushed_until_done(&both, &says(&both));
    assert!(matches!(&error, PushError::Damaged { path, .. } if path == Path::new("data")), "{error:?}");
}

/// The same as [`pushed`], without the question whether anything is asked afterwards.
fn pushed_until_done(both: &Both, says: &[Answer]) -> PushError {
    let (from, mut to) = std::io::pipe().unwrap();
    let greeting = [
        Answer::Hello { protocol: PROTOCOL, version: "0".to_owned() },
        Answer::Opened { deployments: crate::path::TargetPath::parse("/d").unwrap() },
        Answer::Machine(crate::machine::machine()),
    ];
    for answer in greeting.iter().chain(says) {
        send(&mut to, answer, &[]).unwrap();
    }
    let client = Client::over(std::io::sink(), from, &opening(Path::new("/"))).unwrap();
    client.push(&both.from, &both.pushing(), &mut |_| {}).unwrap_err()
}

fuzz! {
    60;

    /// A push that is broken somewhere does no harm: what is there afterwards is whole, and nothing is anywhere else.
    #[test]
    fn no_bytes_make_who_receives_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let both = Both::new();
        let names = in_order(&both);
        let mut input = Vec::new();
        for (request, pieces) in &greetings(&both) {
            send(&mut input, request, pieces).unwrap();
        }
        let mut rest = Vec::new();
        for name in &names {
            let bytes = bytes_of(&both, name);
            let packed = Packer::new().pack(bytes[..100_000].to_vec()).unwrap();
            for (request, pieces) in [
                batch(&both, &[name]),
                (Request::Content { bytes: 100_000, packed: true }, vec![Piece::Plain(packed)]),
                // So that most of what can be changed is not content.
                content(&bytes[100_000..]),
            ] {
                send(&mut rest, &request, &pieces).unwrap();
            }
        }
        send(&mut rest, &Request::EndPush, &[]).unwrap();
        for (at, byte) in changes {
            let at = at.index(rest.len());
            rest[at] = byte;
        }
        if is_cut {
            rest.truncate(cut.index(rest.len() + 1));
        }
        send(&mut input, &lack(&both).0, &[]).unwrap();
        input.extend(rest);
        let (answers, _) = answered_bytes(&input);
        prop_assert!(!answers.is_empty());
        let there: Vec<StoreName> = both.there().list().unwrap();
        assert_there(&both, &there.iter().collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_make_who_sends_panic(noise in proptest::collection::vec(any::<u8>(), 0..80), taken in 0_usize..4) {
        let both = Both::new();
        let mut says = vec![Answer::Lacking(in_order(&both).iter().map(ToString::to_string).collect())];
        says.extend((0..taken).map(|_| Answer::Taken { waits: true }));
        let error = pushed(&both, &says, &noise);
        prop_assert!(error.is_the_worlds());
    }
}
