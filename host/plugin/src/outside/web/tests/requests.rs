//! What is sent, byte by byte.

use super::*;
use expect_test::{Expect, expect};

fn check(request: &WebRequest<'_>, expected: Expect) {
    let head = ask::head(request).unwrap();
    expected.assert_eq(
        &String::from_utf8_lossy(head.bytes()).replace("\r\n", "\n").replace(env!("CARGO_PKG_VERSION"), "VERSION"),
    );
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

#[test]
fn what_a_request_looks_like() {
    let address = url("https://Vault.internal:8200/v1/kv/db?version=2");
    let headers = vec![("x-vault-token".to_owned(), secret("t")), ("accept".to_owned(), secret("application/json"))];
    check(
        &WebRequest { headers, ..get(&address) },
        expect![[r#"
            GET /v1/kv/db?version=2 HTTP/1.1
            host: vault.internal:8200
            user-agent: punix/VERSION
            accept-encoding: identity
            connection: close
            x-vault-token: t
            accept: application/json

        "#]],
    );
    let address = url("http://[::1]");
    check(
        &WebRequest { method: Method::Put, ..get(&address) },
        expect![[r#"
            PUT / HTTP/1.1
            host: [::1]
            user-agent: punix/VERSION
            accept-encoding: identity
            connection: close
            content-length: 0

        "#]],
    );
    check(
        &WebRequest { method: Method::Post, body: Some(b"{}"), ..get(&address) },
        expect![[r#"
            POST / HTTP/1.1
            host: [::1]
            user-agent: punix/VERSION
            accept-encoding: identity
            connection: close
            content-length: 2

        "#]],
    );
}

#[test]
fn every_method_has_its_word() {
    let address = url("http://a");
    let word = |method: &Method| {
        let head = ask::head(&WebRequest { method: *method, ..get(&address) }).unwrap();
        String::from_utf8_lossy(head.bytes()).split(' ').next().unwrap().to_owned()
    };
    let words: Vec<String> = Method::ALL.iter().map(word).collect();
    assert_eq!(words, ["GET", "HEAD", "POST", "PUT", "DELETE", "LIST"]);
}

#[test]
fn nothing_ends_a_line_early() {
    let address = url("http://a");
    for (name, value) in [
        ("a", "x\r\nhost: b"),
        ("a", "x\ny"),
        ("a", "x\ry"),
        ("a", "x\0"),
        ("a", "é"),
        ("a\r\nb", "x"),
        ("a: b", "x"),
        ("a b", "x"),
        ("", "x"),
        ("é", "x"),
    ] {
        let headers = vec![(name.to_owned(), secret(value))];
        let refused = ask::head(&WebRequest { headers, ..get(&address) });
        assert!(matches!(refused.err(), Some(WebError::Header { .. })), "{name:?} {value:?}");
    }
    let headers = vec![("a".to_owned(), secret(&"x".repeat(crate::limits::REQUEST_HEAD_BYTES_MAX)))];
    assert!(ask::head(&WebRequest { headers, ..get(&address) }).is_err());
}
