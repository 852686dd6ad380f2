//! Asking what is in a sealed blob, in every way that there is, and in some that one has to put together first.

use crate::{Answers, outcome, told};
use punix_sdk::Error;
use punix_sdk::cap::blobs::{self, Blob, Sink};
use punix_sdk::cap::http::{self, Response};
use punix_sdk::cap::{env, files, secrets};

pub(crate) fn answers(word: &str, with: &str, address: &str) -> Option<Answers> {
    let text = match word {
        "questions" => sealed().map(|blob| questions(&blob)),
        "questions-own" => blobs::of(br#"{"lease_duration":7,"data":{"password":"own"}}"#).map(|blob| questions(&blob)),
        "questions-appended" => wrapped("", "").map(|blob| questions(&blob)),
        "sink-after-sealed" => sealed().map(|blob| {
            let sink = Sink::new();
            let appended = outcome(sink.append(&blob));
            let written = outcome(sink.write(b"more"));
            format!("append: {appended}\nwrite: {written}")
        }),
        // A text around the secret that makes it a member which may be read.
        "launder-public" => wrapped(r#"{"lease_duration":""#, r#""}"#).map(|blob| questions(&blob)),
        // The same by way of a file: what comes from there is as it came.
        "launder-file" => by_file(r#"{"lease_duration":""#, r#""}"#).map(|blob| questions(&blob)),
        "guess-file" => by_file("{\"", "\":1}").map(|blob| {
            let found = secrets::extract_json(&blob, &format!("/{with}"));
            format!("extract-json: {}", outcome(found.map(|secret| secret.label())))
        }),
        "questions-answer" => answered(address).map(|blob| questions(&blob)),
        // A text around the secret that makes its value the name of a member: is there one with the guessed name?
        "guess-member" => wrapped("{\"", "\":1}").map(|blob| {
            let found = secrets::extract_json(&blob, &format!("/{with}"));
            format!("extract-json: {}", outcome(found.map(|secret| secret.label())))
        }),
        // Twice the same name is no JSON that is taken: is the guess the same name?
        "guess-twice" => wrapped("{\"", &format!("\":1,\"{with}\":2,\"z\":3}}")).map(|blob| {
            let found = secrets::extract_json(&blob, "/z");
            format!("extract-json: {}", outcome(found.map(|secret| secret.label())))
        }),
        "guess" => guess(with),
        "sealed-fill" => sealed().and_then(|blob| {
            let secret = secrets::seal("guess", with.as_bytes())?;
            let ask = http::post("https://vault.example/v1/login").body(&blob).fill("/password", &secret);
            Ok(outcome(ask.send().map(|answer| answer.status)))
        }),
        _ => return None,
    };
    Some(vec![told(&text.unwrap_or_else(|error| crate::said(&error)))])
}

/// Returns a blob that holds a secret.
fn sealed() -> Result<Blob, Error> {
    files::open("given", "secret")
}

/// Returns the secret with something around it.
fn wrapped(before: &str, behind: &str) -> Result<Blob, Error> {
    let sink = Sink::new();
    sink.write(before.as_bytes())?;
    sink.append(&sealed()?)?;
    sink.write(behind.as_bytes())?;
    Sink::finish(sink)
}

/// Writes it to a file, and opens that.
fn by_file(before: &str, behind: &str) -> Result<Blob, Error> {
    files::replace("drafts", "draft", 0o600, &wrapped(before, behind)?)?;
    files::open("drafts", "draft")
}

fn answered(address: &str) -> Result<Blob, Error> {
    http::get(format!("{address}/v1/secret")).send().and_then(Response::success)
}

fn questions(blob: &Blob) -> String {
    let bytes = outcome(blob.read(100).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
    let more = outcome(blob.read(0));
    let digest = outcome(blob.sha256().map(|digest| digest.len()));
    let length = outcome(blob.length());
    let public = |pointer: &str| outcome(secrets::public_json(blob, pointer));
    let (granted, other, whole, odd) =
        (public("/lease_duration"), public("/data/password"), public(""), public("no pointer"));
    format!(
        "read: {bytes}\nread 0: {more}\nsha256: {digest}\nlength: {length}\npublic-json granted: {granted}\n\
         public-json other: {other}\npublic-json whole: {whole}\npublic-json odd: {odd}"
    )
}

/// Does everything that can be done with a secret and a guess, and says what each of it came to.
fn guess(guess: &str) -> Result<String, Error> {
    let held = env::get_secret("GRANTED")?.ok_or_else(|| Error::not_found("absent", "it is not set"))?;
    let guessed = secrets::seal("guess", guess.as_bytes())?;
    let mut lines = vec![
        format!("labels: {} {}", held.label(), guessed.label()),
        format!("reveal held: {}", outcome(held.reveal())),
        format!("again: {}", outcome(env::get_secret("GRANTED").map(|found| found.map(|secret| secret.label())))),
    ];
    let ask = http::post("https://elsewhere.example/")
        .secret_header("a", "", &held)
        .secret_header("b", "", &guessed)
        .fill("/a", &held)
        .fill("/b", &guessed);
    lines.push(format!("both in a request: {}", outcome(ask.send().map(|answer| answer.status))));
    let file = sealed()?;
    let own = blobs::of(guess.as_bytes())?;
    for (name, blob) in [("file", &file), ("own", &own)] {
        let found = secrets::from_blob(blob, true);
        lines.push(format!("secret of {name}: {}", outcome(found.map(|secret| secret.label()))));
        let found = secrets::extract_json(blob, "");
        lines.push(format!("json of {name}: {}", outcome(found.map(|secret| secret.label()))));
    }
    let sink = Sink::new();
    lines.push(format!("append own: {}", outcome(sink.append(&own))));
    lines.push(format!("append file: {}", outcome(sink.append(&file))));
    lines.push(format!("finish: {}", outcome(Sink::finish(sink).map(|_| "a blob"))));
    lines.push(format!("replace: {}", outcome(files::replace("drafts", "both", 0o600, &file))));
    Ok(lines.join("\n"))
}
