//! A resolver as somebody built it on the day when the interfaces were published: its bindings are made from the frozen copy
//! of them, without the SDK. It calls every function of every interface that a resolver can import, and tells what came of
//! it. It must never be changed to follow the interfaces: that it still runs is what it is for.

wit_bindgen::generate!({
    path: ["../../frozen/wit-0.1.0/base", "../../frozen/wit-0.1.0/cap", "../../frozen/wit-0.1.0/resolver"],
    world: "punix:resolver/secret-resolver@0.1.0",
    generate_all,
});

use exports::punix::base::meta;
use exports::punix::resolver::api;
use punix::base::types::{Diagnostic, Error, ErrorClass, Severity};
use punix::cap::blobs::{Blob, Sink};
use punix::cap::secrets::{self, Secret};
use punix::cap::{clock, env, files, http, log};

struct Frozen;

impl meta::Guest for Frozen {
    fn describe() -> meta::Info {
        meta::Info {
            id: "org.example.frozen-resolver".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Was here before.".to_owned(),
            license: "Apache-2.0".to_owned(),
            config_schema: String::new(),
            attributes: Vec::new(),
        }
    }

    fn check_config(config: String) -> Vec<Diagnostic> {
        vec![Diagnostic { severity: Severity::Warning, error: error(&config) }]
    }
}

impl api::Guest for Frozen {
    fn resolve_all(reqs: Vec<api::Request>) -> Vec<Result<api::Resolved, Error>> {
        reqs.into_iter().map(answer).collect()
    }

    fn parse(reference: String) -> Result<String, Error> {
        match reference.strip_prefix("odd") {
            Some(_) => Err(error("it is odd")),
            None => Ok(reference.to_lowercase()),
        }
    }
}

fn answer(request: api::Request) -> Result<api::Resolved, Error> {
    let found =
        |value| api::Resolved { value, version: Some("7".to_owned()), ttl_ms: Some(3_600_000), renewable: true };
    match request.reference.as_str() {
        "credential" => match request.credentials.into_iter().next() {
            Some((name, value)) => Err(error(&format!("{name} is `{}`, and is no answer", value.label()))),
            None => Err(error("there is none")),
        },
        "env" => match (env::get("PLAIN")?, env::get_secret("GRANTED")?) {
            (Some(plain), Some(secret)) => {
                log::emit(log::Level::Warn, &plain, &[]);
                Ok(found(secret))
            }
            _ => Err(error("they are not set")),
        },
        "files" => in_files().map(found),
        "http" => over_http(&request.config).map(found),
        "blobs" => in_memory().map(found),
        "clock" => {
            clock::sleep_ms(1);
            log::emit(log::Level::Debug, &format!("{} {}", clock::now_unix_ms(), clock::monotonic_ns()), &[]);
            secrets::seal("now", b"sealed by the clock").map(found)
        }
        _ => Err(error(&request.config)),
    }
}

/// Reads, looks, lists and writes.
fn in_files() -> Result<Secret, Error> {
    let stat = files::stat_file("given", "secret")?;
    let names = files::list_dir("given", "")?;
    log::emit(log::Level::Info, &format!("{:o} {} {names:?}", stat.mode, stat.is_dir), &[]);
    let blob = files::open("given", "secret")?;
    files::replace("drafts", "copy", 0o600, &blob)?;
    secrets::from_blob(&files::open("given", "secret")?, true)
}

/// Asks with everything that a request can hold. The configuration is `{"address":"…"}`.
fn over_http(config: &str) -> Result<Secret, Error> {
    let address = config.split('"').nth(3).ok_or_else(|| error("there is no address"))?;
    let token = env::get_secret("GRANTED")?.ok_or_else(|| error("it is not set"))?;
    let body = written(b"{\"known\": 1}")?;
    let request = http::Request {
        method: http::Method::Post,
        url: format!("{address}/v1/login"),
        headers: vec![
            ("x-plain".to_owned(), http::Value::Plain("text".to_owned())),
            ("authorization".to_owned(), http::Value::Sealed(("Bearer ".to_owned(), &token))),
        ],
        body: Some(&body),
        fill: vec![("/password".to_owned(), &token)],
        timeout_ms: 0,
    };
    let response = http::send(&request)?;
    let lease = secrets::public_json(&response.body, "/lease_duration")?;
    log::emit(log::Level::Info, &format!("{} {lease:?}", response.status), &[]);
    secrets::extract_json(&response.body, "/data/password")
}

/// Puts bytes together that nobody keeps secret, and makes a secret of them.
fn in_memory() -> Result<Secret, Error> {
    let first = written(b"one ")?;
    let sink = Sink::new();
    let appended = sink.append(&first)?;
    sink.write(b"two")?;
    let blob = Sink::finish(sink)?;
    let (length, digest, bytes) = (blob.length()?, blob.sha256()?, blob.read(100)?);
    let text = String::from_utf8_lossy(&bytes);
    log::emit(log::Level::Info, &format!("{appended} {length:?} {} {text}", digest.len()), &[]);
    let secret = secrets::seal("made", &bytes)?;
    match secret.reveal()? == bytes {
        true => Ok(secret),
        false => Err(error("it is another one")),
    }
}

fn written(bytes: &[u8]) -> Result<Blob, Error> {
    let sink = Sink::new();
    sink.write(bytes)?;
    Sink::finish(sink)
}

fn error(message: &str) -> Error {
    let class = ErrorClass::NotFound;
    Error { class, code: "frozen.code".to_owned(), message: message.to_owned(), at: None, retry_after_ms: None }
}

export!(Frozen);
