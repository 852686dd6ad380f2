//! Messages that are nearly right: any part of a head is something else, on either side. And whoever sends without end.

use super::client::{Client, Opening};
use super::door::Door;
use super::frame::{FrameError, Piece, begin, send};
use super::message::{Answer, PROTOCOL, Request, Written, WrittenPlan};
use super::server::serve;
use crate::failure::TargetError;
use crate::fuzzing::fuzz;
use crate::generation::Mark;
use crate::ledger::Note;
use crate::path::TargetPath;
use crate::plan::{After, Change, Goal, Payload, Plan};
use crate::planted;
use crate::recover::Recovered;
use crate::seen::{Closed, PathSeen, Question, Seen, There};
use crate::verify::Depth;
use proptest::prelude::*;
use punix_model::Secret;
use punix_store::Digest;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// What stands in place of a part of a head.
fn others() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        Just(json!(1e300)),
        any::<bool>().prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[[[[[]]]]]])),
        Just(json!({"a": {"b": []}})),
        Just(json!("")),
        Just(json!("/")),
        Just(json!("../../../etc/passwd")),
        Just(json!("/a\u{0}b")),
        Just(json!("a".repeat(5_000))),
        "\\PC{0,20}".prop_map(Value::from),
    ]
}

/// A change of a head: the place by a number, and what comes there; nothing lets it go.
type Mutation = (prop::sample::Index, Option<Value>);

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    proptest::collection::vec((any::<prop::sample::Index>(), proptest::option::of(others())), 1..4)
}

fn mutate(head: &mut Value, changes: &[Mutation]) {
    for (at, with) in changes {
        let count = count(head);
        // The outermost one says what kind of message it is, and stays.
        let mut at = 1 + at.index(count.saturating_sub(1).max(1));
        put(head, &mut at, with.as_ref());
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(parts) => parts.iter().map(count).sum(),
        Value::Object(parts) => parts.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces the part with that number, counted from the outermost one. Returns whether it is to go.
fn put(value: &mut Value, at: &mut usize, with: Option<&Value>) -> bool {
    if *at == 0 {
        *at = usize::MAX;
        if let Some(with) = with {
            *value = with.clone();
        }
        return with.is_none();
    }
    *at -= 1;
    match value {
        Value::Array(parts) => {
            let gone = parts.iter_mut().position(|part| *at != usize::MAX && put(part, at, with));
            gone.map(|gone| parts.remove(gone));
        }
        Value::Object(parts) => {
            let gone = parts
                .iter_mut()
                .find_map(|(name, part)| (*at != usize::MAX && put(part, at, with)).then(|| name.clone()));
            gone.map(|gone| parts.remove(&gone));
        }
        _ => {}
    }
    false
}

fn path(text: &str) -> TargetPath {
    TargetPath::parse(text).unwrap()
}

fn plan() -> Plan {
    let row = planted::row("/etc/app/a", b"a");
    let change = Change {
        path: row.path.clone(),
        real: row.path.clone(),
        before: There::Nothing,
        after: After::File { mark: row.mark, mode: 0o644, owner: Some("root".to_owned()), group: None },
    };
    let generation = planted::generation(1, vec![row]);
    let stack = generation.stack.clone();
    Plan { stack, parent: None, goal: Goal::New(Box::new(generation)), changes: vec![change], keep: 3 }
}

/// Whatever can be asked that runs nothing.
fn requests() -> Vec<(Request, Vec<Piece>)> {
    let stack = || "Web".to_owned();
    let bytes = b"a";
    let load = || (WrittenPlan::of(&plan()), vec![Mark::Sha256(Digest::of(bytes))], vec![path("/etc/app/s")]);
    let pieces = || vec![Piece::Plain(bytes.to_vec()), Piece::Secret(Secret::new(b"secret".to_vec()))];
    let (commit, stage) = (load(), load());
    let names = || [format!("{}-hello-1.0", "a".repeat(32))].into();
    vec![
        (
            Request::Look(Question {
                stack: stack(),
                paths: [(path("/etc/app/a"), true)].into(),
                ..Question::default()
            }),
            vec![],
        ),
        (Request::Commit { plan: commit.0, blobs: commit.1, secrets: commit.2 }, pieces()),
        (Request::Stage { plan: stage.0, blobs: stage.1, secrets: stage.2 }, pieces()),
        (Request::Records { stack: stack() }, vec![]),
        (Request::Record { stack: stack(), number: 1 }, vec![]),
        (Request::Current { stack: stack() }, vec![]),
        (
            Request::Verify {
                generation: Written::of(&planted::generation(1, vec![planted::row("/etc/app/a", b"a")])),
                depth: Depth::Content,
            },
            vec![],
        ),
        (Request::Blob(Mark::Sha256(Digest::of(bytes))), vec![]),
        (Request::KeptBytes { stack: stack() }, vec![]),
        (Request::Trim { stack: stack(), keep: 1 }, vec![]),
        (Request::Lack { to: path("/store"), names: names(), again: names() }, vec![]),
        (Request::Rearm { id: "0123456789abcdef".to_owned(), seconds: 3 }, vec![]),
        (Request::Confirm { id: "0123456789abcdef".to_owned() }, vec![]),
        (Request::Mend { stack: stack() }, vec![]),
    ]
}

fn answers() -> Vec<Answer> {
    let seen = Seen {
        current: Some(planted::generation(1, vec![planted::row("/etc/app/a", b"a")])),
        orphans: vec![planted::row("/etc/app/b", b"b")],
        numbers: vec![1],
        next: 2,
        paths: [(path("/a"), PathSeen { there: There::Nothing, real: path("/a"), claimed_by: None, behind: None })]
            .into(),
        missing: ["x".to_owned()].into(),
        closed: Some(Closed { directory: path("/root"), mode: 0o700 }),
        acting: (0, 0),
        deployed_as: None,
        users: [("root".to_owned(), 0)].into(),
        groups: [].into(),
    };
    let written = || Written::of(&planted::generation(1, vec![planted::row("/etc/app/a", b"a")]));
    let note = Note {
        stack: "S".to_owned(),
        path: path("/a"),
        generation: 1,
        blob: Digest::of(b""),
        mode: 0o644,
        secret: false,
        removed: false,
    };
    let told = || TargetError::NotKept { stack: "Web".to_owned(), number: 3 }.into();
    vec![
        Answer::Seen(Box::new(super::message::WrittenSeen::of(seen))),
        Answer::Mark(Some(Mark::Sha256(Digest::of(b"")))),
        Answer::Committed {
            stack: "S".to_owned(),
            from: None,
            to: Some(1),
            trimmed: vec![1],
            kept: vec![note.clone()],
            unfinished: Some(told()),
        },
        Answer::Refused(told()),
        Answer::Recovered(Recovered::Finished { stack: "S".to_owned(), from: None, to: None }),
        Answer::Stacks(vec!["S".to_owned()]),
        Answer::Records(vec![(1, Ok(written())), (2, Err("why".to_owned()))]),
        Answer::Record(written()),
        Answer::Number(Some(1)),
        Answer::Blob { is_kept: false },
        Answer::Notes(vec![note]),
        Answer::Trimmed(vec![1]),
        Answer::Lacking(vec!["x".to_owned()]),
        Answer::Armed("0123456789abcdef".to_owned()),
    ]
}

fn frame(head: &Value, pieces: &[Piece]) -> Vec<u8> {
    let mut bytes = Vec::new();
    send(&mut bytes, head, pieces).unwrap();
    bytes
}

fn opening() -> Opening<'static> {
    Opening { root: Path::new("/"), deployments: Some(Path::new("/d")), command: "punix test", wait: Duration::ZERO }
}

fn greeting() -> Vec<u8> {
    let mut bytes = Vec::new();
    send(&mut bytes, &Answer::Hello { protocol: PROTOCOL, version: "0".to_owned() }, &[]).unwrap();
    send(&mut bytes, &Answer::Opened { deployments: path("/d") }, &[]).unwrap();
    send(&mut bytes, &Answer::Machine(crate::machine::machine()), &[]).unwrap();
    bytes
}

/// Asks something that such an answer could be of. It is an error, or it is not.
fn ask(door: &dyn Door, which: usize) {
    let plan = plan();
    let generation = planted::generation(1, vec![]);
    let quiet = &mut |_| {};
    let _: Result<(), TargetError> = match which % 14 {
        0 => door.look(&Question::default()).map(drop),
        1 => door.tag(&Secret::new(vec![])).map(drop),
        2 => door.commit(&plan, Payload::default(), quiet).map(drop),
        3 => door.stage(&plan, Payload::default(), quiet),
        4 => door.recover().map(drop),
        5 => door.stacks().map(drop),
        6 => door.records("S").map(drop),
        7 => door.record("S", 1).map(drop),
        8 => door.current("S").map(drop),
        9 => door.blob(&Digest::of(b"")).map(drop),
        10 => door.kept_bytes("S").map(drop),
        11 => door.trim("S", 1).map(drop),
        12 => door.verify(&generation, Depth::Content).map(drop),
        _ => door.audit().map(drop),
    };
}

fuzz! {
    400;

    /// Nothing that is nearly a request does harm; nothing but what is meant by it is done.
    #[test]
    fn no_request_makes_a_server_panic(
        which in proptest::collection::vec((any::<prop::sample::Index>(), mutations()), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut asked = Vec::new();
        send(&mut asked, &Request::Hello { protocol: PROTOCOL, version: "0".to_owned() }, &[]).unwrap();
        let open = Request::Open {
            root: folder.path().to_str().unwrap().to_owned(),
            deployments: Some("/d".to_owned()),
            command: "punix test".to_owned(),
            wait_seconds: 0,
        };
        send(&mut asked, &open, &[]).unwrap();
        for (which, changes) in &which {
            let mut all = requests();
            let (request, pieces) = all.swap_remove(which.index(all.len()));
            let mut head = serde_json::to_value(&request).unwrap();
            mutate(&mut head, changes);
            asked.extend(frame(&head, &pieces));
        }
        let mut answered = Vec::new();
        let _ = serve(&mut asked.as_slice(), &mut answered);
        // Each answer is one.
        let mut from = answered.as_slice();
        while !from.is_empty() {
            let (_, sizes) = begin::<Answer>(&mut from).unwrap();
            prop_assert!(sizes.len() <= 1);
            super::frame::pieces(&mut from, sizes).unwrap();
        }
    }

    #[test]
    fn no_answer_makes_a_client_panic(
        which in any::<prop::sample::Index>(),
        asked in any::<prop::sample::Index>(),
        fits in any::<bool>(),
        changes in mutations(),
    ) {
        let mut all = answers();
        let at = which.index(all.len());
        let mut head = serde_json::to_value(all.swap_remove(at)).unwrap();
        mutate(&mut head, &changes);
        let mut said = greeting();
        said.extend(frame(&head, &[]));
        let client = Client::over(std::io::sink(), std::io::Cursor::new(said), &opening()).unwrap();
        ask(&client, if fits { at } else { asked.index(14) });
    }
}

/// Numbers that promise more than comes cost nothing.
#[test]
fn what_is_announced_and_does_not_come_takes_no_room() {
    let head = b"\"share\"";
    for kind in [0_u8, 1] {
        let mut bytes = b"PXT1".to_vec();
        bytes.extend((head.len() as u32).to_le_bytes());
        bytes.extend(60_u32.to_le_bytes());
        for _ in 0..60 {
            bytes.push(kind);
            bytes.extend((64_u64 << 20).to_le_bytes());
        }
        bytes.extend(head);
        let before = resident();
        let torn = super::frame::receive::<Request>(&mut bytes.as_slice());
        assert!(matches!(torn, Err(FrameError::Torn)), "{torn:?}");
        // Other tests run beside this one, and use some.
        assert!(resident().saturating_sub(before) < 512 << 20);
    }
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Whoever sends without being asked fills the pipe and a little more, and not the memory of whoever reads.
#[test]
fn what_nobody_asked_for_is_not_gathered() {
    const ALL: u64 = 256 << 20;
    let (from, mut to) = std::io::pipe().unwrap();
    let sender = std::thread::spawn(move || {
        to.write_all(&greeting()).unwrap();
        let message = frame(&serde_json::to_value(Answer::Stacks(vec!["a".repeat(100); 500])).unwrap(), &[]);
        let mut sent = 0;
        while sent < ALL && to.write_all(&message).is_ok() {
            sent += message.len() as u64;
        }
        sent
    });
    let client = Client::over(std::io::sink(), from, &opening()).unwrap();
    assert_eq!(client.stacks().unwrap().len(), 500);
    drop(client);
    let sent = sender.join().unwrap();
    assert!(sent < 4 << 20, "{sent}");
}

/// Only an answer that brings contents may bring some, and so many.
#[test]
fn what_comes_beside_an_answer_is_what_it_can_bring() {
    let large = |head: &Answer, size: u64| {
        let head = serde_json::to_vec(head).unwrap();
        let mut bytes = b"PXT1".to_vec();
        bytes.extend((head.len() as u32).to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.push(0);
        bytes.extend(size.to_le_bytes());
        bytes.extend(head);
        bytes
    };
    for (answer, size) in [(Answer::Done, 1), (Answer::Stacks(vec![]), 1 << 30), (Answer::Ran(vec![]), 1 << 20)] {
        let mut said = greeting();
        said.extend(large(&answer, size));
        let client = Client::over(std::io::sink(), std::io::Cursor::new(said), &opening()).unwrap();
        let error = client.stacks().unwrap_err();
        assert!(error.to_string().contains("larger than this protocol allows"), "{error}");
    }
}
