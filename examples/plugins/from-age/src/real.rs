//! For tests: the program `age` of others. What it encrypts is decrypted here, and what our tests encrypt it decrypts. What
//! it encrypted once lies in `tests/cases`.

use crate::decrypt::{CHUNK_BYTES, decrypt};
use crate::encryptor;
use crate::fault::{Fault, Part};
use crate::identity::{self, Identity};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A directory of one test; it goes away with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("punix-from-age-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_files_of_the_cases_are_what_they_say() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let identities = identities(&cases.join("roots/identity/keys.txt"));
    let open = |name: &str| {
        let file = fs::read(cases.join("secrets").join(name)).unwrap();
        decrypt(&file, &identities).map(|plain| String::from_utf8(plain.to_vec()).unwrap())
    };
    assert_eq!(open("db.age").as_deref(), Ok("a made-up password\n"));
    assert_eq!(open("lines.age").as_deref(), Ok("two\nlines\n\n"));
    assert_eq!(open("others.age"), Err(Fault::NoIdentity { tried: 1 }));
    assert_eq!(open("cut.age"), Err(Fault::Damaged { part: Part::Payload }));
    assert_eq!(open("plain.age"), Err(Fault::NotAge));
}

#[test]
fn what_age_encrypts_is_decrypted() {
    if !is_there() {
        return;
    }
    let folder = Folder::new("theirs");
    let recipients = ["one", "two", "three"].map(|name| keygen(&folder.path(name)));
    let file = folder.path("file.age");
    for count in [0, 1, 40, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 200_000] {
        let plain: Vec<u8> = (0..count).map(|at| u8::try_from(at % 253).unwrap()).collect();
        for armor in [&[][..], &["--armor"]] {
            let words = ["--encrypt", "-r", recipients[0].as_str(), "-r", recipients[1].as_str(), "-o"];
            run(Command::new("age").args(armor).args(words).arg(&file), &plain);
            let encrypted = fs::read(&file).unwrap();
            for (name, fits) in [("one", true), ("two", true), ("three", false)] {
                let opened = decrypt(&encrypted, &identities(&folder.path(name))).map(|plain| plain.to_vec());
                let expected = if fits { Ok(plain.clone()) } else { Err(Fault::NoIdentity { tried: 1 }) };
                assert!(opened == expected, "{count} {armor:?} {name}");
            }
        }
    }
}

#[test]
fn what_the_tests_encrypt_age_decrypts() {
    if !is_there() {
        return;
    }
    let folder = Folder::new("ours");
    keygen(&folder.path("key"));
    let identity = identities(&folder.path("key")).remove(0);
    for count in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1] {
        let plain = vec![b'x'; count];
        let file = encryptor::encrypt(&plain, &identity.public);
        for file in [file.clone(), encryptor::armored(&file).into_bytes()] {
            let found = run(Command::new("age").arg("--decrypt").arg("-i").arg(folder.path("key")), &file);
            assert!(found == plain, "{count}");
        }
    }
}

fn is_there() -> bool {
    let found = ["age", "age-keygen"].map(|program| Command::new(program).arg("--version").output().is_ok());
    let is_there = found == [true, true];
    if !is_there {
        skip("no age");
    }
    is_there
}

/// Makes an identity, and returns its recipient.
fn keygen(path: &Path) -> String {
    run(Command::new("age-keygen").arg("-o").arg(path), b"");
    String::from_utf8(run(Command::new("age-keygen").arg("-y").arg(path), b"")).unwrap().trim().to_owned()
}

fn identities(path: &Path) -> Vec<Identity> {
    identity::read("key", &fs::read(path).unwrap()).unwrap()
}

fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A program that reads nothing may be gone before.
        scope.spawn(move || drop(pipe.write_all(input)));
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn skip(reason: &str) {
    if let Some(log) = std::env::var_os("PUNIX_SKIP_LOG")
        && let Ok(mut log) = fs::OpenOptions::new().append(true).create(true).open(log)
    {
        let _ = writeln!(log, "SKIP: {reason}");
    }
}
