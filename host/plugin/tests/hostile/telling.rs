//! A resolver that may read secrets and cannot keep one to itself: it comes out nowhere, in no form.

use crate::room::{Plugin, SECRET, Terms, World, requests, resolver};
use expect_test::{Expect, expect};
use punix_model::{Redactor, Resolver, Secret};

const READS: &str = "limits.timeout_ms = 120000\n\
                     grant.env = [{ name = \"GRANTED\", as = \"secret\" }]\n\
                     grant.secrets = { seal = true, reveal = true }\n\
                     grant.files = [{ root = \"given\", path = \"/nowhere\" }]";

fn plugin() -> Plugin {
    Plugin::on(resolver(), Terms { table: READS, ..Terms::default() }, &World::default())
}

fn told(word: &str, with: &str) -> String {
    let text = plugin().resolved(word, with, &["ONE"]);
    // What was found is the answer, and where it belongs.
    let text = text.replace(&format!("found: {SECRET}"), "found: it");
    let secret = Secret::new(SECRET.as_bytes().to_vec());
    assert!(!Redactor::new([&secret]).finds_in(text.as_bytes()), "{word}: {text}");
    text
}

#[track_caller]
fn check(word: &str, expected: Expect) {
    expected.assert_eq(&told(word, ""));
}

#[test]
fn without_the_grant_there_is_nothing_to_tell() {
    let table = READS.replace(", reveal = true", "");
    let plugin = Plugin::on(resolver(), Terms { table: &table, ..Terms::default() }, &World::default());
    expect![[r#"
        ErrorClass::Denied secret.not-granted: `reveal` is not granted
    "#]]
    .assert_eq(&plugin.resolved("tell-log", "", &["ONE"]));
}

#[test]
fn in_lines() {
    check(
        "tell-nobody",
        expect![[r#"
        found: it
    "#]],
    );
    check(
        "tell-log",
        expect![[r#"
        info: plain [secret]
        info: debug "[secret]"
        info: hex [secret]
        info: HEX [secret]
        info: base64 [secret]c=
        info: base64 within dXNlcjp[secret]zp4
        info: url [secret]
        info: json [secret]
        info: backwards [secret]
        found: it
    "#]],
    );
    check(
        "tell-name",
        expect![[r#"
        warn:  [secret]=value name=[secret]
        found: it
    "#]],
    );
    let text = told("tell-dropped", "");
    let rest = text.strip_prefix(&"info: nothing\n".repeat(200)).unwrap_or_else(|| panic!("{text}"));
    expect![[r#"
        warn: 101 more lines were dropped: `log_lines` is 200
        found: it
    "#]]
    .assert_eq(rest);
}

#[test]
fn while_it_breaks_off() {
    check(
        "tell-panic",
        expect![[r#"
            error: panicked at resolver/src/tell.rs:33: the password is [secret]
            error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: wasm `unreachable` instruction executed
            note: nothing that it had begun goes on; what it said before stands above
            help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
        "#]],
    );
}

#[test]
fn in_an_error() {
    check(
        "tell-error",
        expect![[r#"
        Permanent [secret] at `[secret]`: plain [secret] debug "[secret]" hex [secret] HEX [secret] base64 [secret]c= base64 within dXNlcjp[secret]zp4 url [secret] json [secret] backwards [secret]
    "#]],
    );
}

#[test]
fn beside_an_answer() {
    check(
        "tell-version",
        expect![[r#"
        found: it, version [secret]
    "#]],
    );
    check(
        "tell-label",
        expect![[r#"
        sealed:tr_oub4dor___3__horses_
    "#]],
    );
    check(
        "tell-count",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` gave an answer that cannot be used in `resolve-all`: 2 answers to 1 requests
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn by_asking_the_host_for_something_of_that_name() {
    check(
        "tell-variable",
        expect![[r#"
        ErrorClass::InvalidInput env.name: `[secret]` is not the name of a variable
    "#]],
    );
    check(
        "tell-file",
        expect![[r#"
        ErrorClass::NotFound files.absent: `given/[secret]` is not there
    "#]],
    );
    check(
        "tell-host",
        expect![[r#"
        ErrorClass::InvalidInput http.url: a url is of graphic ASCII characters without quotes, brackets and backslashes, and has no `#`
    "#]],
    );
}

/// Where a text is cut, no half of a secret stays that would tell its beginning.
#[test]
fn where_a_text_is_cut() {
    let beginning = &SECRET[..6];
    for word in ["tell-cut", "tell-cut-error"] {
        for before in (4_096 - SECRET.len() - 2)..4_096 {
            let text = told(word, &before.to_string());
            assert!(!text.contains(beginning), "{word} {before}: {}", &text[text.len().saturating_sub(200)..]);
        }
    }
}

/// Lines and errors of a call know all secrets that the call came across, not only the one that it answers with.
#[test]
fn also_what_belongs_to_others() {
    let table = format!("{READS}\n");
    let terms = Terms { table: &table, references: &["ONE", "TWO"], ..Terms::default() };
    let plugin = Plugin::on(resolver(), terms, &World::default());
    let answers = plugin.resolver().resolve_all(&requests("", "say", "own-credential of mine", &["ONE"])).unwrap();
    assert_eq!(answers.len(), 1);
    expect![[r#"
        info: [secret] of mine
    "#]]
    .assert_eq(&plugin.heard());
}
