//! Hostile bytes at either end, and answers that do not fit.

use super::acting::{self, WrittenRunning};
use super::client::{Client, Opening};
use super::door::Door;
use super::frame::{FrameError, Piece, receive, send};
use super::message::{Answer, PROTOCOL, Request, Told, Written};
use super::server::serve;
use crate::failure::TargetError;
use crate::fuzzing::fuzz;
use crate::generation::{Generation, Mark, Withheld};
use crate::hands::Running;
use crate::path::TargetPath;
use crate::planted;
use proptest::prelude::*;
use punix_diag::{Code, Diagnostic};
use punix_model::{Command, Secret};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

fn hello() -> Request {
    Request::Hello { protocol: PROTOCOL, version: "0".to_owned() }
}

fn open(root: &Path) -> Request {
    Request::Open {
        root: root.to_str().unwrap().to_owned(),
        deployments: Some("/d".to_owned()),
        command: "punix test".to_owned(),
        wait_seconds: u64::MAX,
    }
}

fn bytes(requests: &[(Request, Vec<Piece>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (request, pieces) in requests {
        send(&mut bytes, request, pieces).unwrap();
    }
    bytes
}

/// Returns all answers to some bytes, and how the session ended.
fn served(input: &[u8]) -> (Vec<Answer>, Result<(), FrameError>) {
    let mut output = Vec::new();
    let end = serve(&mut &input[..], &mut output);
    let mut from = output.as_slice();
    let mut answers = Vec::new();
    while let Ok((answer, _)) = receive::<Answer>(&mut from) {
        answers.push(answer);
    }
    assert!(from.is_empty());
    (answers, end)
}

#[test]
fn a_session_ends_with_its_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let asked = bytes(&[(hello(), vec![]), (open(folder.path()), vec![]), (Request::Stacks, vec![])]);
    let (answers, end) = served(&asked);
    assert!(matches!(
        &answers[..],
        [Answer::Hello { .. }, Answer::Opened { .. }, Answer::Stacks(_) | Answer::Refused(_)]
    ));
    assert!(end.is_ok());
    assert!(served(b"").1.is_ok());
}

#[test]
fn what_is_no_request_ends_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let plain = || vec![Piece::Plain(b"x".to_vec())];
    let refused = [
        (Request::Tag, plain()),
        (Request::Tag, vec![]),
        (Request::Share, plain()),
        (hello(), vec![]),
        (open(folder.path()), vec![]),
        (Request::Blob(Mark::HmacSha256(punix_store::Digest::of(b""))), vec![]),
    ];
    for request in refused {
        let name = format!("{request:?}");
        let asked = bytes(&[(hello(), vec![]), (open(folder.path()), vec![]), request, (Request::Stacks, vec![])]);
        let (answers, end) = served(&asked);
        assert!(answers.len() == 2 && matches!(end, Err(FrameError::Alien)), "{name}: {answers:?}, {end:?}");
    }
    // Nobody is served who did not say who he is, or speaks another protocol.
    assert!(
        matches!(served(&bytes(&[(open(folder.path()), vec![])])), (answers, Err(FrameError::Alien)) if answers.is_empty())
    );
    let newer = Request::Hello { protocol: PROTOCOL + 1, version: "9".to_owned() };
    let (answers, end) = served(&bytes(&[(newer, vec![]), (open(folder.path()), vec![])]));
    assert!(answers.len() == 1 && end.is_ok());
}

#[test]
fn no_secret_is_in_a_head() {
    let folder = tempfile::tempdir().unwrap();
    let secret = || vec![Piece::Secret(Secret::new(b"hunter2".to_vec()))];
    let asked = [(hello(), vec![]), (open(folder.path()), vec![]), (Request::Tag, secret()), (Request::Peek, secret())];
    assert_eq!(bytes(&asked).windows(7).filter(|window| window == b"hunter2").count(), 2);
    for (request, _) in asked {
        assert!(!serde_json::to_string(&request).unwrap().contains("hunter2"));
    }
}

#[test]
fn a_record_of_the_old_form_arrives_whole() {
    let mut old = planted::row("/etc/app/old", b"kept inside");
    old.inline = Some(b"kept inside".to_vec());
    let mut secret = planted::row("/etc/app/secret", b"not kept");
    secret.withheld = Some(Withheld::Secret);
    let generation = planted::generation(7, vec![planted::row("/etc/app/a", b"a"), old, secret]);
    let sent = serde_json::to_string(&Written::of(&generation)).unwrap();
    let found: Generation = serde_json::from_str::<Written>(&sent).unwrap().read().unwrap();
    assert_eq!(found, generation);
    let other = sent.replace("[107,101,112,116", "[107,101,112,117");
    assert!(other != sent && serde_json::from_str::<Written>(&other).unwrap().read().is_err());
}

#[test]
fn an_error_is_the_same_here_as_there() {
    let errors = || {
        [
            TargetError::NotKept { stack: "Web".to_owned(), number: 3 },
            TargetError::Stale { stack: "Web".to_owned(), planned: None, found: Some(2) },
            TargetError::Disk(std::io::Error::other("it burns")),
            TargetError::Interrupted { stack: None },
            TargetError::Busy {
                path: "/d/.lock".into(),
                waited: Duration::from_secs(3),
                holders: vec![punix_store::Holder { process: 7, command: "punix".to_owned(), since: 1 }],
            },
        ]
    };
    for (there, here) in errors().into_iter().zip(errors()) {
        let sent = serde_json::to_string(&Told::from(there)).unwrap();
        let told = TargetError::Told(Box::new(serde_json::from_str(&sent).unwrap()));
        assert_eq!((told.is_the_worlds(), told.code()), (here.is_the_worlds(), here.code()));
        assert_eq!(Diagnostic::from(told), Diagnostic::from(here));
    }
}

/// Takes so many messages, and then nothing any more.
struct Deaf {
    left: usize,
}

impl Write for Deaf {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.left > 0 { Ok(bytes.len()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.left -= 1;
        Ok(())
    }
}

fn running(scripts: &[&str]) -> Running {
    let command = |script: &&str| Command {
        argv: ["systemctl", "-c", script].map(str::to_owned).to_vec(),
        stdin: String::new(),
        timeout_ms: 60_000,
        mutates: true,
    };
    let commands = scripts.iter().map(command).collect();
    Running { commands, stops: true, systemctl: Some("/bin/sh".to_owned()) }
}

#[test]
fn commands_that_were_begun_are_carried_through_though_nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let mark = |name: &str| folder.path().join(name);
    let script = |name: &str| format!("echo > {}", mark(name).display());
    let commands = running(&[&script("one"), &script("two")]);
    let asked = bytes(&[
        (hello(), vec![]),
        (open(folder.path()), vec![]),
        (Request::Run(WrittenRunning::of(&commands)), vec![]),
    ]);
    let end = serve(&mut asked.as_slice(), &mut Deaf { left: 2 });
    assert!(matches!(end, Err(FrameError::Closed)), "{end:?}");
    assert!(mark("one").exists() && mark("two").exists());
}

#[test]
fn what_comes_of_commands_fits_what_was_asked() {
    let ran = |rows: serde_json::Value| serde_json::from_value(rows).unwrap();
    let pieces = |count: usize| vec![Piece::Plain(b"said".to_vec()); count];
    let row = |command: u32, code: i32| serde_json::json!({"command": command, "code": code});
    let asked = running(&["true", "true"]);
    let read = |rows: Vec<serde_json::Value>, pieces| acting::read(ran(rows.into()), pieces, &asked);
    assert_eq!(read(vec![row(0, 0), row(1, 3)], pieces(4)).unwrap().len(), 2);
    let first = &read(vec![row(0, 1)], pieces(2)).unwrap()[0];
    assert_eq!((first.code, first.stdout.as_str(), first.stderr.as_str()), (1, "said", "said"));
    let secret = vec![Piece::Secret(Secret::new(b"x".to_vec())), Piece::Plain(vec![])];
    let alien = [
        // The first did not fail, so there must be a second.
        (vec![row(0, 0)], pieces(2)),
        (vec![], pieces(0)),
        (vec![row(1, 0), row(0, 0)], pieces(4)),
        (vec![row(0, 0), row(1, 0)], pieces(3)),
        (vec![row(0, 0), row(1, 0), row(2, 0)], pieces(6)),
        (vec![row(0, 1)], secret),
        (vec![row(0, 1)], vec![Piece::Plain(vec![0xff]); 2]),
    ];
    for (rows, pieces) in alien {
        assert!(read(rows.clone(), pieces).is_err(), "{rows:?}");
    }
}

type Said = (Answer, Vec<Piece>);

/// Returns what somebody hears who asks for the stacks, from somebody who says these things whatever he is asked.
fn heard(says: &[Said], then: &[u8]) -> TargetError {
    let mut bytes = Vec::new();
    for (answer, pieces) in says {
        send(&mut bytes, answer, pieces).unwrap();
    }
    bytes.extend(then);
    let (from, mut to) = std::io::pipe().unwrap();
    to.write_all(&bytes).unwrap();
    drop(to);
    let opening = Opening {
        root: Path::new("/"),
        deployments: Some(Path::new("/d")),
        command: "punix test",
        wait: Duration::ZERO,
    };
    match Client::over(std::io::sink(), from, &opening) {
        Err(error) => error,
        Ok(client) => {
            let error = client.record("Web", 1).unwrap_err();
            // Nothing more is asked after that.
            let again = client.stacks().unwrap_err();
            assert!(matches!(error, TargetError::Told(_)) || again.to_string().contains("is gone"), "{again}");
            error
        }
    }
}

fn described() -> Said {
    (Answer::Machine(crate::machine::machine()), vec![])
}

fn opened() -> Said {
    (Answer::Opened { deployments: TargetPath::parse("/d").unwrap() }, vec![])
}

fn greeting() -> Said {
    (Answer::Hello { protocol: PROTOCOL, version: "0".to_owned() }, vec![])
}

#[test]
fn an_alien_answer_is_refused() {
    let done = || (Answer::Done, vec![]);
    let other = || Answer::Record(Written::of(&planted::generation(1, vec![])));
    let cases: [(&[Said], &[u8], &str); 9] = [
        (&[], b"", "the other side is gone"),
        (&[], b"Welcome to this machine!\n", "what comes is not of this protocol"),
        (&[], b"PXT1", "the other side went away in the middle of a message"),
        (&[], b"PXT1\xff\xff\xff\xff\0\0\0\0", "a message is larger than this protocol allows"),
        (&[done()], b"", "the other side answers something else than what it was asked for"),
        (&[greeting(), opened(), described()], b"PXT1\x02\0\0\0\0\0\0\0{}", "a message cannot be understood"),
        (&[greeting(), opened(), described(), done()], b"", "something else than what it was asked for"),
        // It is of the stack `S`.
        (&[greeting(), opened(), described(), (other(), vec![])], b"", "something else than what it was asked for"),
        (&[greeting(), opened(), described(), (other(), vec![Piece::Plain(vec![])])], b"", "something else"),
    ];
    for (says, then, wanted) in cases {
        let error = heard(says, then);
        assert!(error.to_string().contains(wanted), "{error} instead of {wanted}");
        assert!(error.code() == Code::E31 && error.is_the_worlds(), "{error:?}");
    }
    let newer = Answer::Hello { protocol: PROTOCOL + 1, version: "9\u{1b}[31m".to_owned() };
    let error = heard(&[(newer, vec![])], b"");
    let told = format!("speaks protocol {} (it is of version 9\\u{{1b}}[31m)", PROTOCOL + 1);
    assert!(error.to_string().contains(&told), "{error}");
}

#[test]
fn whoever_says_nothing_is_not_waited_for_for_ever() {
    let (from, mut to) = std::io::pipe().unwrap();
    for (answer, pieces) in [greeting(), opened(), described()] {
        send(&mut to, &answer, &pieces).unwrap();
    }
    let opening = Opening {
        root: Path::new("/"),
        deployments: Some(Path::new("/d")),
        command: "punix test",
        wait: Duration::ZERO,
    };
    let mut client = Client::over(std::io::sink(), from, &opening).unwrap();
    client.wire.silence = Duration::from_millis(10);
    let error = client.stacks().unwrap_err();
    assert!(error.to_string().starts_with("the other side said nothing for"), "{error}");
    drop(to);
}

fuzz! {
    200;

    /// A session that is broken somewhere does no harm: it ends, or goes on, and nobody panics.
    #[test]
    fn no_bytes_make_a_server_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        noise in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut asked = bytes(&[(hello(), vec![]), (open(folder.path()), vec![])]);
        let mut rest = bytes(&[
            (Request::Share, vec![]),
            (Request::Look(crate::seen::Question { stack: "Web".to_owned(), ..Default::default() }), vec![]),
            (Request::Tag, vec![Piece::Secret(Secret::new(b"secret".to_vec()))]),
            (Request::Release, vec![]),
            (Request::Record { stack: "Web".to_owned(), number: 1 }, vec![]),
            (Request::Records { stack: "Web".to_owned() }, vec![]),
            (Request::Trim { stack: "Web".to_owned(), keep: 1 }, vec![]),
            (Request::Verify {
                generation: Written::of(&planted::generation(1, vec![planted::row("/etc/app/a", b"a")])),
                depth: crate::verify::Depth::Content,
            }, vec![]),
            (Request::Machine, vec![]),
            (Request::Run(WrittenRunning::of(&Running { systemctl: None, ..running(&["true"]) })), vec![]),
            (Request::Recover, vec![]),
        ]);
        for (at, byte) in changes {
            let at = at.index(rest.len());
            rest[at] = byte;
        }
        rest.truncate(cut.index(rest.len() + 1));
        asked.extend(rest);
        asked.extend(noise);
        let (answers, _) = served(&asked);
        prop_assert!(answers.len() >= 2);
    }

    #[test]
    fn no_bytes_make_a_client_panic(noise in proptest::collection::vec(any::<u8>(), 0..80), greeted in any::<bool>()) {
        let error = match greeted {
            true => heard(&[greeting(), opened(), described()], &noise),
            false => heard(&[], &noise),
        };
        prop_assert!(error.is_the_worlds());
    }
}
