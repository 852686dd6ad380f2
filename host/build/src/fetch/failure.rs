//! Why one url did not give the file, and whether it is worth another try.

use super::url::UrlError;
use crate::limits::{REDIRECTS_MAX, RESPONSE_HEAD_BYTES_MAX};
use std::io;
use std::time::Duration;

/// Why one url did not give the file.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the server answered {status}{}", status_words(*.status))]
    Status { status: u16 },
    #[error("the host is not known")]
    HostNotFound,
    #[error("{what} took too long")]
    TimedOut { what: &'static str },
    #[error("no byte came for {} seconds", .after.as_secs_f32())]
    Stalled { after: Duration },
    #[error("the connection failed: {reason}")]
    Connection { reason: String },
    #[error("the proxy refused: {reason}")]
    Proxy { reason: String },
    #[error("the connection is not secure: {reason}")]
    Certificate { reason: String },
    #[error("no certificate authorities are installed, so nobody can be trusted")]
    NoAuthorities,
    #[error("the answer is not HTTP: {reason}")]
    Protocol { reason: String },
    #[error("the head of the answer is larger than {RESPONSE_HEAD_BYTES_MAX} bytes")]
    HeadTooLarge,
    #[error("it is larger than the {bytes_max} bytes that are allowed")]
    TooLarge { bytes_max: u64 },
    #[error("the server redirects, but does not say where to")]
    RedirectNowhere,
    #[error("the server redirects to what cannot be followed: {error}")]
    RedirectRefused { error: UrlError },
    #[error("the server redirects from `https` to `{to}`, which nobody protects")]
    RedirectDown { to: String },
    #[error("there were more than {REDIRECTS_MAX} redirects")]
    TooManyRedirects,
    #[error("it cannot be read: {0}")]
    File(#[source] io::Error),
    #[error("it is not a regular file")]
    NotAFile,
    #[error("its hash is `{found}`")]
    Hash { found: String },
}

impl Failure {
    /// Tells whether the same request may work a little later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Failure::Status { status } => matches!(status, 408 | 425 | 429 | 500..=599),
            Failure::HostNotFound
            | Failure::TimedOut { .. }
            | Failure::Stalled { .. }
            | Failure::Connection { .. }
            | Failure::Proxy { .. }
            | Failure::Protocol { .. } => true,
            Failure::Certificate { .. }
            | Failure::NoAuthorities
            | Failure::HeadTooLarge
            | Failure::TooLarge { .. }
            | Failure::RedirectNowhere
            | Failure::RedirectRefused { .. }
            | Failure::RedirectDown { .. }
            | Failure::TooManyRedirects
            | Failure::File(_)
            | Failure::NotAFile
            | Failure::Hash { .. } => false,
        }
    }
}

fn status_words(status: u16) -> &'static str {
    match status {
        401 => " (it asks for a token or a password)",
        403 => " (forbidden)",
        404 => " (not found)",
        407 => " (the proxy asks for a password)",
        410 => " (gone)",
        429 => " (too many requests)",
        500 => " (an error of its own)",
        502..=504 => " (not available now)",
        _ => "",
    }
}

/// Makes a failure of an error of the HTTP library. Its own words are not taken where they can hold a url.
pub(crate) fn from_http(error: ureq::Error, stall: Duration) -> Failure {
    use ureq::{Error, Timeout};
    match error {
        Error::StatusCode(status) => Failure::Status { status },
        Error::HostNotFound => Failure::HostNotFound,
        Error::Timeout(Timeout::PerRead | Timeout::PerWrite) => Failure::Stalled { after: stall },
        Error::Timeout(Timeout::Resolve) => Failure::TimedOut { what: "finding the host" },
        Error::Timeout(Timeout::Connect) => Failure::TimedOut { what: "connecting" },
        Error::Timeout(_) => Failure::TimedOut { what: "the download" },
        Error::LargeResponseHeader(..) => Failure::HeadTooLarge,
        Error::ConnectProxyFailed(reason) => Failure::Proxy { reason },
        Error::Rustls(error) => Failure::Certificate { reason: error.to_string() },
        Error::Tls(reason) => Failure::Certificate { reason: reason.to_owned() },
        Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => Failure::Certificate { reason: error.to_string() },
            None => Failure::Connection { reason: error.to_string() },
        },
        Error::Protocol(error) => Failure::Protocol { reason: error.to_string() },
        Error::ConnectionFailed => Failure::Connection { reason: "nobody answered".to_owned() },
        _ => Failure::Protocol { reason: "it breaks off or makes no sense".to_owned() },
    }
}
