//! Why a file cannot be had, and how that is told.

use super::expected::{Expected, ExpectedError};
use super::failure::Failure;
use super::url::UrlError;
use punix_diag::{Code, Diagnostic};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// One url that did not give the file.
#[derive(Debug)]
pub struct Failed {
    /// The url as it may be shown.
    pub url: String,
    pub failure: Failure,
}

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("there is no url to fetch from")]
    NoUrl,
    #[error("there are too many urls to fetch one file from")]
    TooManyUrls,
    #[error("the header `{name}` cannot be sent: {reason}")]
    Header { name: String, reason: &'static str },
    #[error("{}", cannot(.failed))]
    Unreachable { failed: Vec<Failed> },
    #[error("what `{url}` gives is not what its hash says")]
    Mismatch { url: String, expected: Expected, found: String, others: Vec<Failed> },
    #[error("a download has {bytes} bytes, {bytes_max} are allowed")]
    TooLarge { bytes: u64, bytes_max: u64 },
    #[error("the download `{}` is held by another process", .path.display())]
    Busy { path: PathBuf },
    #[error("cannot use `{}`: {error}", .path.display())]
    Cache { path: PathBuf, error: io::Error },
    #[error("cannot read the certificate authorities in `{}`: {error}", .path.display())]
    Authorities { path: PathBuf, error: io::Error },
    #[error("the proxy for `{scheme}` is not one that can be used")]
    Proxy { scheme: &'static str },
    #[error("the download was stopped")]
    Stopped,
}

fn cannot(failed: &[Failed]) -> String {
    match failed {
        [Failed { url, failure }] => format!("cannot fetch `{url}`: {failure}"),
        failed => format!("none of {} urls gives the file", failed.len()),
    }
}

impl From<UrlError> for Diagnostic {
    fn from(error: UrlError) -> Diagnostic {
        Diagnostic::error(Code::E1, error.to_string())
    }
}

impl From<ExpectedError> for Diagnostic {
    fn from(error: ExpectedError) -> Diagnostic {
        let diagnostic = Diagnostic::error(Code::E1, error.to_string());
        match error {
            ExpectedError::Zeros => diagnostic.help("write down the hash that who publishes the file gives for it"),
            ExpectedError::Algorithm { .. } | ExpectedError::Length { .. } | ExpectedError::Digit { .. } => diagnostic,
        }
    }
}

impl From<FetchError> for Diagnostic {
    fn from(error: FetchError) -> Diagnostic {
        let message = error.to_string();
        match error {
            FetchError::NoUrl => Diagnostic::error(Code::E3, message).help("give the source a `url`"),
            FetchError::Header { .. } => Diagnostic::error(Code::E1, message),
            FetchError::TooManyUrls => Diagnostic::error(Code::E20, message),
            FetchError::TooLarge { .. } => {
                Diagnostic::error(Code::E20, message).help("allow more bytes, or fetch something smaller")
            }
            FetchError::Unreachable { failed } => unreachable(message, &failed),
            FetchError::Mismatch { expected, found, others, .. } => {
                let start = Diagnostic::error(Code::E10, message)
                    .note(format!("expected {}: `{}`", expected.algorithm(), expected.hex()))
                    .note(format!("found {}: `{found}`", expected.algorithm()));
                others
                    .iter()
                    .fold(start, |diagnostic, other| diagnostic.note(format!("`{}`: {}", other.url, other.failure)))
                    .help(
                        "find out why the file changed; only if the new one is what you want, write its hash into \
                         the source",
                    )
            }
            FetchError::Busy { .. } => Diagnostic::error(Code::E23, message).help("wait for it to end, and try again"),
            FetchError::Cache { error, .. } => {
                let diagnostic = Diagnostic::error(Code::E23, message);
                match error.kind() {
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                        diagnostic.help("make room on the disk that the cache is on")
                    }
                    _ => diagnostic,
                }
            }
            FetchError::Authorities { .. } => {
                Diagnostic::error(Code::E9, message).help("name a file of certificates in the PEM format")
            }
            FetchError::Proxy { scheme } => Diagnostic::error(Code::E9, message)
                .help(format!("set `{scheme}_proxy` to an `http://` or `https://` url with a host and a port")),
            FetchError::Stopped => Diagnostic::error(Code::E9, message),
        }
    }
}

fn unreachable(message: String, failed: &[Failed]) -> Diagnostic {
    let start = Diagnostic::error(Code::E9, message);
    let diagnostic = match failed {
        [_] => start,
        failed => {
            failed.iter().fold(start, |diagnostic, one| diagnostic.note(format!("`{}`: {}", one.url, one.failure)))
        }
    };
    let any = |is: fn(&Failure) -> bool| failed.iter().any(|one| is(&one.failure));
    let help = if any(|failure| matches!(failure, Failure::Status { status: 401 | 403 })) {
        "give the source the `token` or the `headers` that the server asks for"
    } else if any(|failure| matches!(failure, Failure::NoAuthorities | Failure::Certificate { .. })) {
        "install the certificate authorities of the system (`ca-certificates`), or name your own"
    } else if any(|failure| matches!(failure, Failure::TooLarge { .. })) {
        "allow more bytes, or fetch something smaller"
    } else if any(Failure::may_pass) {
        "check the network and try again; what was fetched so far is kept"
    } else {
        "check the url, or add another one"
    };
    diagnostic.help(help)
}
