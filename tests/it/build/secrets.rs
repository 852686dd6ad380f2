//! Tokens that downloads need: where they go, and that they are nowhere else.

use super::offer::Server;
use super::sources::url;
use super::{Home, each, has, only, paths, sandboxed, shell, text};
use crate::support::{Outcome, run};
use punix_store::Digest;
use std::fs;

const TOKEN: &str = "t0ken-Zq7/+x=9";

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| char::from(DIGITS[(bits & 63) as usize]);
    let triple = |chunk: &[u8]| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        let digits = [18, 12, 6, 0].map(|shift| digit(bits >> shift));
        digits[..=chunk.len()].iter().collect::<String>()
    };
    bytes.chunks(3).map(triple).collect()
}

/// Asserts that a secret is nowhere: in no file below the folder, and in nothing that was said.
#[track_caller]
fn nowhere(home: &Home, said: &[&Outcome]) {
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    let digest = Digest::of(TOKEN.as_bytes()).to_string();
    // However it is aligned, the middle of its base64 is one of these.
    let parts = (0..3).map(|skip| base64(&TOKEN.as_bytes()[skip..skip + 9])).collect::<Vec<_>>();
    let escaped = TOKEN.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D");
    let needles = [vec![TOKEN.to_owned(), hex, digest, escaped], parts].concat();
    let check = |place: &str, bytes: &[u8]| {
        for needle in &needles {
            let found = bytes.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle.as_bytes()));
            assert!(!found, "`{needle}` is in {place}");
        }
    };
    each(&home.path(""), &mut |path, metadata| {
        if metadata.is_file() {
            check(&path.display().to_string(), &fs::read(path).expect("it can be read"));
        }
    });
    for outcome in said {
        check("stdout", outcome.stdout.as_bytes());
        check("stderr", outcome.stderr.as_bytes());
    }
}

fn with_token(home: &Home, options: &[&str]) -> Outcome {
    let mut command = home.building([&["p.pcl", "--keep-failed"], options].concat());
    command.env("PUNIX_TEST_TOKEN", TOKEN);
    run(command)
}

const FROM_ENV: &str = "token = { from_env = \"PUNIX_TEST_TOKEN\" }";

/// A token goes to the server that the source names, and to nobody else.
#[test]
fn a_token_is_sent_and_is_nowhere_else() {
    let guarded = |head: &str| match head.contains(&format!("\r\nAuthorization: Bearer {TOKEN}\r\n"))
        || head.contains(&format!("\r\nauthorization: Bearer {TOKEN}\r\n"))
    {
        true if head.contains("/bad") => ("200 OK", String::new(), b"bad".to_vec()),
        true => ("200 OK", String::new(), b"private".to_vec()),
        false => ("401 Unauthorized", String::new(), Vec::new()),
    };
    let server = Server::new(guarded);
    let home = Home::of(&url(&server.url("/a"), b"private", FROM_ENV));
    let events = with_token(&home, &["--events"]);
    assert_eq!(events.code, Some(0), "{events:#?}");
    assert_eq!(server.heads().len(), 1);
    let hit = with_token(&home, &["--json"]);
    // A wrong file, a server that wants another token, and a build that looks for it in its environment.
    home.write("p.pcl", url(&server.url("/bad"), b"good", FROM_ENV));
    let wrong = with_token(&home, &[]);
    has(&wrong.stderr, "[E10]");
    let refusing = Server::new(|_| ("403 Forbidden", String::new(), Vec::new()));
    home.write("p.pcl", url(&refusing.url("/c"), b"good", FROM_ENV));
    let refused = with_token(&home, &["--json"]);
    has(&refused.stdout, "403");
    nowhere(&home, &[&events, &hit, &wrong, &refused]);
    // Nor does a build find it, neither in its environment nor in that of a process that it can see.
    if sandboxed() {
        home.write("p.pcl", shell("P", "env; cat /proc/*/environ || true; exit 1", ""));
        let looked = with_token(&home, &[]);
        assert_eq!(looked.code, Some(3));
        nowhere(&home, &[&looked]);
    }
}

#[test]
fn a_redirect_does_not_take_the_token_with_it() {
    let other = Server::of("/b", b"content".to_vec());
    let to = other.url("/b");
    let first = Server::new(move |_| ("302 Found", format!("Location: {to}\r\n"), Vec::new()));
    let header = "headers = { PRIVATE = { from_env = \"PUNIX_TEST_TOKEN\" } }";
    let home = Home::of(&url(&first.url("/a"), b"content", &format!("{FROM_ENV} {header}")));
    let outcome = with_token(&home, &[]);
    assert_eq!(text(&only(paths(&outcome)).join("a")), "content");
    has(&first.heads()[0].to_lowercase(), &format!("private: {}", TOKEN.to_lowercase()));
    assert!(other.heads().len() == 1 && !other.heads()[0].contains(TOKEN), "{:?}", other.heads());
    nowhere(&home, &[&outcome]);
}

#[test]
fn a_secret_that_is_not_set_stops_before_anything_is_built() {
    let server = Server::of("/a", b"content".to_vec());
    let second = "module Q { recipe = \"std.copy_tree\" source = { type = \"url\" url = \"http://127.0.0.1:1/q\" hash = \"HASH\" \
                  token = { from_file = \"absent\" } } }\n";
    let second = second.replace("HASH", &Digest::of(b"q").to_string());
    let plain = shell("R", "touch $OUTPUT/x", "");
    let home = Home::of(&(url(&server.url("/a"), b"content", FROM_ENV) + &second + &plain));
    let outcome = home.build(["p.pcl"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:#?}");
    has(&outcome.stderr, "error: [E11] secret(s) not set: from_env:PUNIX_TEST_TOKEN, from_file:absent\n");
    assert!(home.entries().is_empty() && server.heads().is_empty());
    // What needs none is built, and what is there needs none.
    assert_eq!(home.built(["p.pcl", "--only", "R"]).len(), 1);
    let mut command = home.building(["p.pcl", "--only", "P"]);
    command.env("PUNIX_TEST_TOKEN", TOKEN);
    let built = paths(&run(command));
    assert_eq!(home.built(["p.pcl", "--only", "P,R"])["P"], built["P"]);
}

/// A file with a secret lies beside the program, wherever somebody is.
#[test]
fn a_secret_from_a_file_is_found_from_anywhere() {
    let server = Server::of("/a", b"content".to_vec());
    let home = Home::new();
    home.write("program/p.pcl", url(&server.url("/a"), b"content", "token = { from_file = \"secrets/key\" }"));
    home.write("program/secrets/key", format!("{TOKEN}\n"));
    let outcome = home.build(["program/p.pcl"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    has(&server.heads()[0].to_lowercase(), &format!("authorization: bearer {}\r\n", TOKEN.to_lowercase()));
}

/// What a token is changes neither the name of an entry, nor what is known of it, nor where the download is kept.
#[test]
fn two_tokens_are_one_entry_and_one_download() {
    let server = Server::of("/a", b"content".to_vec());
    let home = Home::of(&url(&server.url("/a"), b"content", FROM_ENV));
    let built = |token: &str, store: &str| {
        let mut command = home.command(["build", "p.pcl", "--store-root", store]);
        command.args(super::isolation()).env("PUNIX_TEST_TOKEN", token);
        let outcome = run(command);
        let entry = only(paths(&outcome));
        let derivation = text(&entry.join("derivation.json"));
        (entry.file_name().map(|name| name.to_owned()), derivation, outcome)
    };
    let (first, second) = (built(TOKEN, "store"), built("another-t0ken/8d2", "store"));
    assert_eq!((&first.0, &first.1), (&second.0, &second.1));
    assert_eq!(home.entries().len(), 1);
    // In a store of its own, the download of the first is there already.
    let third = built("a-third-t0ken/77c", "other");
    assert_eq!((&first.0, &first.1), (&third.0, &third.1));
    assert_eq!(server.heads().len(), 1, "{:?}", server.heads());
    nowhere(&home, &[&first.2, &second.2, &third.2]);
}

/// The flags that say where a deploy finds what is in a vault say it of a build.
#[test]
fn a_vault_can_be_named_on_the_command_line() {
    let vault = crate::bundled::vault::Vault::new("s.t").answer(
        "GET team/kv/fetch",
        200,
        &format!(r#"{{"lease_duration":0,"data":{{"token":"{TOKEN}"}}}}"#),
    );
    let server = Server::of("/a", b"content".to_vec());
    let home = Home::of(&url(&server.url("/a"), b"content", "token = { from_vault = \"team/kv/fetch#token\" }"));
    home.write("punix.toml", "[resolver.from_vault]\nkv = 1\nmount = \"team/kv\"\naddress = \"http://127.0.0.1:1\"\n");
    let with = |store: &str, more: &[&str]| {
        let mut command = home.command(["build", "p.pcl", "--store-root", store]);
        command.args(super::isolation()).args(more).env("VAULT_TOKEN", "s.t");
        run(command)
    };
    let nobody = with("store", &[]);
    assert_eq!(nobody.code, Some(1), "{nobody:#?}");
    has(&nobody.stderr, "note: the server is `http://127.0.0.1:1`");
    let built = with("store", &["--vault-address", &vault.address, "--vault-namespace", "of/flag"]);
    assert_eq!(built.code, Some(0), "{built:#?}");
    assert_eq!(vault.asked(), ["GET team/kv/fetch [x-vault-namespace: of/flag]"]);
    has(&server.heads()[0].to_lowercase(), &format!("authorization: bearer {}\r\n", TOKEN.to_lowercase()));
    nowhere(&home, &[&nobody, &built]);
    // A file instead of a server, with a token that is wrong there: it is the file's that is sent.
    home.write("p.pcl", url(&server.url("/a"), b"content", "token = { from_vault = \"any text\" }"));
    let export = home.path("export.json");
    fs::write(&export, r#"{"any text": "t0ken-of-a-file"}"#).expect("it can be written");
    fs::set_permissions(&export, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("it is ours");
    let again = ["--vault-secrets", "export.json", "--cache-dir", "other-downloads"];
    let refused = with("other", &[&again[..], &["--strict"]].concat());
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    has(&refused.stderr, "error: [E34] `export.json` holds secrets and can be read by others");
    let warned = with("other", &again);
    assert_eq!(warned.code, Some(0), "{warned:#?}");
    has(&warned.stderr, "warning: `export.json` holds secrets and can be read by others");
    has(&server.heads()[1].to_lowercase(), "authorization: bearer t0ken-of-a-file\r\n");
}

/// A token is found by whoever finds secrets for a stack, as the project says.
#[test]
fn a_token_can_be_kept_in_a_vault() {
    let vault = crate::bundled::vault::Vault::new("s.t").answer(
        "GET kv/fetch",
        200,
        &format!(r#"{{"lease_duration":0,"data":{{"token":"{TOKEN}"}}}}"#),
    );
    let server = Server::of("/a", b"content".to_vec());
    let home = Home::of(&url(&server.url("/a"), b"content", "token = { from_vault = \"kv/fetch#token\" }"));
    home.write("punix.toml", "[resolver.from_vault]\nkv = 1\n");
    let with = |token: &str| {
        let mut command = home.building(["p.pcl"]);
        command.env("VAULT_ADDR", &vault.address).env("VAULT_TOKEN", token);
        run(command)
    };
    let refused = with("s.wrong");
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:#?}");
    has(
        &refused.stderr,
        "error: [E34] the secret `from_vault:kv/fetch#token` cannot be read: the server refused to read",
    );
    assert!(server.heads().is_empty() && home.entries().is_empty());
    let built = with("s.t");
    assert_eq!(built.code, Some(0), "{built:#?}");
    has(&server.heads()[0].to_lowercase(), &format!("authorization: bearer {}\r\n", TOKEN.to_lowercase()));
    nowhere(&home, &[&refused, &built]);
    // What is there needs no secret, so nobody is asked.
    let before = vault.asked().len();
    assert_eq!(with("s.wrong").code, Some(0));
    assert_eq!(vault.asked().len(), before);
}
