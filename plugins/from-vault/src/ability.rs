//! What this resolver needs of its host, as one trait: so that its whole way can be tested where there is no host. Nothing
//! is decided here.

use punix_sdk::cap::http::{Asking, ask};
use punix_sdk::cap::{blobs, clock, env, files, secrets};
use punix_sdk::resolver::Secret;
use punix_sdk::{Error, ErrorClass};

pub(crate) use punix_sdk::cap::http::Method;

/// The host's side.
pub(crate) trait Abilities {
    /// A handle of a secret.
    type Secret;
    /// A handle of an answer's body.
    type Body;

    /// Asks the server once.
    fn send(&self, question: &Question<'_, Self::Secret>) -> Result<Answer<Self::Body>, Error>;
    /// Takes what stands at a JSON pointer as a secret.
    fn secret_at(&self, body: &Self::Body, pointer: &str) -> Result<Self::Secret, Error>;
    /// Reads what stands at a JSON pointer that is public, as JSON.
    fn public_at(&self, body: &Self::Body, pointer: &str) -> Result<Option<String>, Error>;
    /// Takes a variable, if it is set and may be had.
    fn variable(&self, name: &str) -> Result<Option<Self::Secret>, Error>;
    /// Takes a file without its last newline, if it is there and may be had.
    fn file(&self, root: &str, path: &str) -> Result<Option<Self::Secret>, Error>;
    /// Returns milliseconds since some moment.
    fn now_ms(&self) -> u64;
    /// Waits.
    fn sleep_ms(&self, milliseconds: u32);
}

/// What is asked.
pub(crate) struct Question<'a, S> {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Who asks.
    pub(crate) token: Option<&'a S>,
    /// A JSON object.
    pub(crate) body: Option<String>,
    /// Secrets that the host puts into the body, by JSON pointer.
    pub(crate) fill: Vec<(&'static str, &'a S)>,
}

/// What is answered.
pub(crate) struct Answer<B> {
    pub(crate) status: u16,
    /// The header `retry-after`.
    pub(crate) retry_after: Option<String>,
    pub(crate) body: B,
}

/// The host that runs this component.
pub(crate) struct Host;

impl Abilities for Host {
    type Secret = Secret;
    type Body = blobs::Blob;

    fn send(&self, question: &Question<'_, Secret>) -> Result<Answer<blobs::Blob>, Error> {
        let body = question.body.as_ref().map(|text| blobs::of(text.as_bytes())).transpose()?;
        let mut asking: Asking<'_> = ask(question.method, question.url.as_str());
        for (name, value) in &question.headers {
            asking = asking.header(*name, value.as_str());
        }
        if let Some(token) = question.token {
            asking = asking.secret_header("x-vault-token", "", token);
        }
        if let Some(body) = &body {
            asking = asking.header("content-type", "application/json").body(body);
        }
        for (pointer, secret) in &question.fill {
            asking = asking.fill(*pointer, secret);
        }
        let response = asking.send()?;
        let retry_after = response.header("retry-after").map(str::to_owned);
        Ok(Answer { status: response.status, retry_after, body: response.body })
    }

    fn secret_at(&self, body: &blobs::Blob, pointer: &str) -> Result<Secret, Error> {
        secrets::extract_json(body, pointer)
    }

    fn public_at(&self, body: &blobs::Blob, pointer: &str) -> Result<Option<String>, Error> {
        secrets::public_json(body, pointer)
    }

    fn variable(&self, name: &str) -> Result<Option<Secret>, Error> {
        match env::get_secret(name) {
            Err(error) if error.class == ErrorClass::Denied => Ok(None),
            found => found,
        }
    }

    fn file(&self, root: &str, path: &str) -> Result<Option<Secret>, Error> {
        match files::open(root, path) {
            Ok(file) => secrets::from_blob(&file, true).map(Some),
            Err(error) if matches!(error.class, ErrorClass::NotFound | ErrorClass::Denied) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn now_ms(&self) -> u64 {
        const NANOSECONDS_PER_MS: u64 = 1_000_000;
        clock::monotonic_ns() / NANOSECONDS_PER_MS
    }

    fn sleep_ms(&self, milliseconds: u32) {
        clock::sleep_ms(milliseconds);
    }
}
