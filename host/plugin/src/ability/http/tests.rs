use super::*;
use crate::outside::WebError;
use crate::pattern::{HostPattern, PathPattern};
use crate::word::{AuthorityName, Handle};
use crate::world::World;
use expect_test::{Expect, expect};
use std::sync::Mutex;

/// Answers everything, and keeps what it was asked.
#[derive(Default)]
struct Answering {
    headers: Vec<(String, String)>,
    error: Option<WebError>,
    asked: Mutex<Vec<String>>,
    private: Mutex<Vec<bool>>,
}

impl Web for Answering {
    fn exchange(&self, ask: &WebRequest<'_>) -> Result<WebAnswer, WebError> {
        let mut said = format!("{} {}", ask.method.as_str(), ask.url);
        for (name, value) in &ask.headers {
            said.push_str(&format!(" {name}={}", String::from_utf8_lossy(value.expose())));
        }
        if let Some(body) = ask.body {
            said.push_str(&format!(" [{}]", String::from_utf8_lossy(body)));
        }
        if let Some(authority) = ask.authority {
            said.push_str(&format!(" by {authority}"));
        }
        said.push_str(&format!(" {}", ask.body_bytes_max));
        self.asked.lock().unwrap().push(said);
        self.private.lock().unwrap().push(ask.private);
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(WebAnswer { status: 200, headers: self.headers.clone(), body: b"{}".to_vec().into() }),
        }
    }
}

fn access(host: &str) -> HttpAccess {
    HttpAccess {
        host: HostPattern::parse(host).unwrap(),
        configured: None,
        methods: BTreeSet::from([Method::Get, Method::Post]),
        paths: BTreeSet::from([PathPattern::parse("/v1/*").unwrap()]),
        public: BTreeSet::new(),
        plain_http: false,
        private: false,
        ca: None,
    }
}

fn asked(method: Method, url: &str) -> Asked<'_> {
    Asked { method, url, headers: Vec::new(), body: None, fill: Vec::new(), timeout_ms: 0 }
}

fn send_to(web: &Answering, effective: &[HttpAccess], config: &str, ask: &Asked<'_>) -> Result<Answered, PluginError> {
    let deadline = Instant::now() + Duration::from_secs(5);
    send(effective, config, web, ask, deadline, &Limits::of(World::SecretResolver))
}

/// Sends a request, and returns what arrived or why nothing did.
fn outcome(effective: &[HttpAccess], config: &str, ask: &Asked<'_>) -> String {
    let web = Answering::default();
    match send_to(&web, effective, config, ask) {
        Ok(_) => web.asked.lock().unwrap().join("\n"),
        Err(error) => {
            assert!(web.asked.lock().unwrap().is_empty(), "it was refused and sent");
            format!("{:?} {} at {:?}: {}", error.class, error.code, error.at.unwrap_or_default(), error.message)
        }
    }
}

fn check(effective: &[HttpAccess], config: &str, asks: &[(Method, &str)], expected: Expect) {
    let lines = asks.iter().map(|(method, url)| format!("{}\n", outcome(effective, config, &asked(*method, url))));
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn what_is_granted_is_asked_and_nothing_else() {
    check(
        &[access("vault.internal:8200")],
        "{}",
        &[
            (Method::Get, "https://vault.internal:8200/v1/kv/db?version=2"),
            (Method::Post, "https://VAULT.internal:8200/v1/"),
            (Method::Put, "https://vault.internal:8200/v1/kv"),
            (Method::Get, "https://vault.internal/v1/kv"),
            (Method::Get, "https://other.internal:8200/v1/kv"),
            (Method::Get, "https://vault.internal:8200/v2/kv"),
            (Method::Get, "http://vault.internal:8200/v1/kv"),
            (Method::Get, "https://vault.internal:8200/v1/../sys"),
            (Method::Get, "https://vault.internal:8200/v1/%2e%2e/sys"),
            (Method::Get, "https://vault.internal:8200/v1/a%2fb"),
            (Method::Get, "https://vault.internal:8200//v1/kv"),
            (Method::Get, "https://vault.internal:8200@evil.test/v1/kv"),
            (Method::Get, "file:///etc/passwd"),
        ],
        expect![[r#"
            get https://vault.internal:8200/v1/kv/db 1048576
            post https://vault.internal:8200/v1/ 1048576
            Denied http.not-granted at "url": `put` of `https://vault.internal:8200/v1/kv` is not granted
            Denied http.not-granted at "url": `get` of `https://vault.internal/v1/kv` is not granted
            Denied http.not-granted at "url": `get` of `https://other.internal:8200/v1/kv` is not granted
            Denied http.not-granted at "url": `get` of `https://vault.internal:8200/v2/kv` is not granted
            Denied http.not-granted at "url": `get` of `http://vault.internal:8200/v1/kv` is not granted: it is by `https` only
            InvalidInput http.url at "url": a path in a url has no `%`, `*` or `;`, no `.` or `..` as a part, and no doubled slashes
            InvalidInput http.url at "url": a path in a url has no `%`, `*` or `;`, no `.` or `..` as a part, and no doubled slashes
            InvalidInput http.url at "url": a path in a url has no `%`, `*` or `;`, no `.` or `..` as a part, and no doubled slashes
            InvalidInput http.url at "url": a path in a url has no `%`, `*` or `;`, no `.` or `..` as a part, and no doubled slashes
            InvalidInput http.url at "url": a url has no user; what logs in is a header
            InvalidInput http.url at "url": a url begins with `https://` or `http://`
        "#]],
    );
}

#[test]
fn a_host_that_the_configuration_names() {
    let configured = HttpAccess { configured: Some(Handle::parse("address").unwrap()), ..access("*.internal:8200") };
    let effective = [configured];
    let url = "https://vault.internal:8200/v1/kv";
    let granted = |config: &str| !outcome(&effective, config, &asked(Method::Get, url)).contains("not-granted");
    for config in [
        r#"{"address":"https://vault.internal:8200"}"#,
        r#"{"address":"https://Vault.Internal:8200/"}"#,
        r#"{"address":"https://vault.internal:8200/v1"}"#,
        r#"{"other":1,"address":"vault.internal:8200"}"#,
    ] {
        assert!(granted(config), "{config}");
    }
    for config in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"address":1}"#,
        r#"{"address":["vault.internal:8200"]}"#,
        r#"{"address":""}"#,
        r#"{"address":"vault.internal"}"#,
        r#"{"address":"*.internal:8200"}"#,
        r#"{"address":"http://vault.internal:8200"}"#,
        r#"{"address":"https://other.internal:8200"}"#,
        r#"{"address":"https://vault.internal:8200@evil.test"}"#,
        r#"{"address":"https://evil.test/vault.internal:8200"}"#,
        r#"{"addresses":"vault.internal:8200"}"#,
    ] {
        assert!(!granted(config), "{config}");
    }
    let of_another = r#"{"address":"other.internal:8200"}"#;
    check(
        &effective,
        of_another,
        &[(Method::Get, url), (Method::Get, "https://other.internal:8200/v1/kv")],
        expect![[r#"
            Denied http.not-granted at "url": `get` of `https://vault.internal:8200/v1/kv` is not granted: it is only if `address` in the configuration names that host
            get https://other.internal:8200/v1/kv 1048576
        "#]],
    );
    let literal = [HttpAccess { configured: Some(Handle::parse("address").unwrap()), ..access("[::1]:8200") }];
    let said = outcome(&literal, r#"{"address":"[::1]:8200"}"#, &asked(Method::Get, "https://[0::1]:8200/v1/kv"));
    assert_eq!(said, "get https://[::1]:8200/v1/kv 1048576");
}

#[test]
fn plain_http_is_granted_apart() {
    let plain = HttpAccess { plain_http: true, ..access("vault.internal:80") };
    let ask = asked(Method::Get, "http://vault.internal/v1/kv");
    assert_eq!(outcome(&[plain], "{}", &ask), "get http://vault.internal/v1/kv 1048576");
}

#[test]
fn grants_of_one_host_are_taken_together() {
    let pointer = |text| BTreeSet::from([Pointer::parse(text).unwrap()]);
    let ca = Some(AuthorityName::parse("internal-ca").unwrap());
    let effective = [
        HttpAccess { public: pointer("/a"), ..access("vault.internal:8200") },
        HttpAccess { public: pointer("/b"), private: true, ..access("*.internal:8200") },
        HttpAccess { public: pointer("/c"), private: true, ca, ..access("vault.internal:8200") },
        HttpAccess { public: pointer("/d"), ..access("vault.internal:8201") },
    ];
    let web = Answering::default();
    let answered = send_to(&web, &effective, "{}", &asked(Method::Get, "https://vault.internal:8200/v1/kv")).unwrap();
    let public: Vec<&str> = answered.public.iter().map(Pointer::as_str).collect();
    assert_eq!((answered.host.as_str(), public), ("vault.internal:8200", vec!["/a", "/b", "/c"]));
    assert_eq!(*web.asked.lock().unwrap(), ["get https://vault.internal:8200/v1/kv by internal-ca 1048576"]);
    assert_eq!(*web.private.lock().unwrap(), [true]);
    // Of two that differ, the one that leads further.
    let [_, _, further, _] = effective;
    let further = HttpAccess { ca: None, ..further };
    let one = AuthorityName::parse("one").unwrap();
    let effective = [HttpAccess { ca: Some(one), ..access("vault.internal:8200") }, further];
    let url = WebUrl::parse("https://vault.internal:8200/v1/kv").unwrap();
    assert!(decide(&effective, "{}", Method::Get, &url).unwrap().access.private);
}

#[test]
fn secrets_go_where_they_belong() {
    let (token, binary, lines) =
        (Secret::new(b"s3cr3t".to_vec()), Secret::new(vec![0xff]), Secret::new(b"a\r\nhost: b".to_vec()));
    let effective = [access("a:443")];
    let with = |headers: Vec<(&'static str, Value<'_>)>| {
        outcome(&effective, "{}", &Asked { headers, ..asked(Method::Post, "https://a/v1/x") })
    };
    let mut said = String::new();
    for headers in [
        vec![("Authorization", Value::Sealed("Bearer ", &token)), ("X-Vault-Namespace", Value::Plain("ns1"))],
        vec![("x-token", Value::Sealed("", &binary))],
        vec![("x-token", Value::Sealed("", &lines))],
        vec![("x-token", Value::Sealed("a\n", &token))],
        vec![("x-token", Value::Plain("a\r\nb: c"))],
        vec![("x-token", Value::Plain("a")), ("X-Token", Value::Plain("b"))],
        vec![("x token", Value::Plain("a"))],
        vec![("", Value::Plain("a"))],
    ] {
        said.push_str(&with(headers));
        said.push('\n');
    }
    expect![[r#"
        post https://a/v1/x authorization=Bearer s3cr3t x-vault-namespace=ns1 1048576
        InvalidInput http.header at "headers.x-token": the header `x-token` can hold one line of printable ASCII, and this is something else
        InvalidInput http.header at "headers.x-token": the header `x-token` can hold one line of printable ASCII, and this is something else
        InvalidInput http.header at "headers.x-token": the header `x-token` can hold one line of printable ASCII, and this is something else
        InvalidInput http.header at "headers.x-token": the header `x-token` can hold one line of printable ASCII, and this is something else
        InvalidInput http.header at "headers.x-token": the header `x-token` is there twice
        InvalidInput http.header at "headers.x token": the header `x token` has characters that no name of a header has
        InvalidInput http.header at "headers.": the header `` has characters that no name of a header has
    "#]]
    .assert_eq(&said);
    assert!(!said.contains("host: b"));
    let many = vec![("x", Value::Plain("a")); REQUEST_HEADERS_MAX + 1];
    assert!(with(many).contains("at most 64 headers"));
}

#[test]
fn what_belongs_to_the_host_is_not_set() {
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "connection",
        "keep-alive",
        "Expect",
        "te",
        "trailer",
        "upgrade",
        "Proxy-Authorization",
        "proxy-connection",
        "accept-encoding",
        "user-agent",
        "http2-settings",
        "via",
        "Forwarded",
        "X-Forwarded-For",
        "x-real-ip",
        "X-HTTP-Method-Override",
        "x-http-method",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
    ] {
        let headers = vec![(name, Value::Plain("a"))];
        let said = outcome(&[access("a:443")], "{}", &Asked { headers, ..asked(Method::Get, "https://a/v1/x") });
        let name = name.to_ascii_lowercase();
        let expected =
            format!("InvalidInput http.header at \"headers.{name}\": the header `{name}` is not a plugin's to set");
        assert_eq!(said, expected);
    }
}

#[test]
fn what_a_body_can_be() {
    let secret = Secret::new(b"it's \"x\"".to_vec());
    let written = |text: &'static str, sealed| Some(Written { bytes: text.as_bytes(), sealed });
    let with = |method, body, fill| {
        outcome(&[access("a:443")], "{}", &Asked { body, fill, ..asked(method, "https://a/v1/x") })
    };
    let said = [
        with(Method::Post, written("anything", true), vec![]),
        with(Method::Post, written(r#"{"role_id":"r"}"#, false), vec![("/secret_id", &secret)]),
        with(Method::Post, None, vec![("/secret_id", &secret)]),
        with(Method::Post, None, vec![]),
        with(Method::Post, written(r#"{"role_id":"r"}"#, true), vec![("/secret_id", &secret)]),
        with(Method::Post, written("role_id=r", false), vec![("/secret_id", &secret)]),
        with(Method::Get, written("{}", false), vec![]),
        with(Method::Get, None, vec![("/secret_id", &secret)]),
    ];
    expect![[r#"
        post https://a/v1/x [anything] 1048576
        post https://a/v1/x [{"role_id":"r","secret_id":"it's \"x\""}] 1048576
        post https://a/v1/x [{"secret_id":"it's \"x\""}] 1048576
        post https://a/v1/x 1048576
        Denied http.sealed-body at "fill": a sealed body is sent as it is; what is filled is a body that the plugin wrote
        InvalidInput http.fill at "fill": the body that is to be filled is not JSON
        InvalidInput http.body at "body": a request by `get` has no body
        InvalidInput http.body at "body": a request by `get` has no body
    "#]]
    .assert_eq(&format!("{}\n", said.join("\n")));
}

#[test]
fn no_header_of_an_answer_holds_a_secret() {
    let (token, member) = (Secret::new(b"s3cr3t".to_vec()), Secret::new(b"hunter2".to_vec()));
    let long = "x".repeat(KEPT_BYTES_MAX + 1);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![
        header("content-type", "application/json"),
        header("set-cookie", "a=b"),
        header("date", "it is s3cr3t"),
        header("retry-after", "hunter2"),
        header("content-length", "2"),
        header("content-type", &long),
    ];
    let web = Answering { headers, ..Answering::default() };
    let ask = Asked {
        headers: vec![("x-token", Value::Sealed("", &token))],
        fill: vec![("/a", &member)],
        ..asked(Method::Post, "https://a/v1/x")
    };
    let answered = send_to(&web, &[access("a:443")], "{}", &ask).unwrap();
    assert_eq!(answered.headers, [header("content-type", "application/json"), header("content-length", "2")]);
    assert_eq!((answered.status, answered.body.as_slice()), (200, &b"{}"[..]));
}

#[test]
fn failures_keep_their_kind() {
    let error = WebError::TooLarge { host: "a".to_owned(), most: 3 };
    let web = Answering { error: Some(error), ..Answering::default() };
    let error = send_to(&web, &[access("a:443")], "{}", &asked(Method::Get, "https://a/v1/x")).unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Permanent, "http.too-large"));
    assert_eq!(error.message, "the answer of `a` is larger than 3 bytes");
}

#[test]
fn a_plugin_can_want_less_time_and_not_more() {
    struct Deadline(Mutex<Option<Instant>>);
    impl Web for Deadline {
        fn exchange(&self, ask: &WebRequest<'_>) -> Result<WebAnswer, WebError> {
            *self.0.lock().unwrap() = Some(ask.deadline);
            Ok(WebAnswer { status: 204, headers: Vec::new(), body: Zeroizing::default() })
        }
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    let got = |timeout_ms| {
        let web = Deadline(Mutex::new(None));
        let ask = Asked { timeout_ms, ..asked(Method::Get, "https://a/v1/x") };
        send(&[access("a:443")], "{}", &web, &ask, deadline, &Limits::of(World::SecretResolver)).unwrap();
        web.0.into_inner().unwrap().unwrap()
    };
    assert_eq!((got(0), got(u32::MAX)), (deadline, deadline));
    assert!(got(1) < deadline);
}
