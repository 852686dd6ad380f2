//! What can go wrong with a request of HTTP: facts, and what kind of failure each is. Nothing of a request's headers or
//! bodies gets in here, nor of the answer's.

use super::address::Reach;
use super::names::NamesError;
use crate::word::AuthorityName;
use punix_model::Class;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::IpAddr;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    #[error("`{host}` {}", name_words(*cause))]
    Name { host: String, cause: NamesError },
    /// One address is enough: whoever owns the name chooses which one is taken.
    #[error("`{host}` is not asked: `{address}` is {reach}{}", allow_words(*reach))]
    Address { host: String, address: IpAddr, reach: Reach },
    #[error("nobody takes connections at port {port} of `{host}`: {}", said(*kind))]
    Connect { host: String, port: u16, kind: ErrorKind },
    #[error("`{host}` took too long: time was up {doing}")]
    Late { host: String, doing: Doing },
    #[error("the connection to `{host}` broke {doing}: {}", said(*kind))]
    Broken { host: String, doing: Doing, kind: ErrorKind },
    #[error("`{host}` closed the connection {doing}")]
    Closed { host: String, doing: Doing },
    #[error("the connection to `{host}` is not secure: {fault}")]
    Secure { host: String, fault: TlsFault },
    #[error("{}", authority_words(name.as_ref(), *fault))]
    Authority { name: Option<AuthorityName>, fault: AuthorityFault },
    #[error("the answer of `{host}` is not as HTTP has it: {fault}")]
    Protocol { host: String, fault: ProtocolFault },
    #[error("the answer of `{host}` is larger than {most} bytes")]
    TooLarge { host: String, most: usize },
    #[error("the header `{name}` cannot be sent as it is")]
    Header { name: String },
}

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    Connecting,
    Securing,
    Asking,
    Waiting,
    Reading,
}

/// Why a connection by TLS does not come about or cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    #[error("its certificate was issued by nobody who is believed")]
    UnknownIssuer,
    #[error("its certificate is for another name")]
    OtherName,
    #[error("its certificate is no longer valid")]
    Expired,
    #[error("its certificate is not valid yet")]
    NotYet,
    #[error("its certificate cannot be used")]
    Certificate,
    #[error("it refused the connection")]
    Refused,
    #[error("it has none of the versions and methods that are used here")]
    Incompatible,
    #[error("what it sends is not TLS")]
    NotTls,
    #[error("what it sends is wrong")]
    Wrong,
}

/// Why nobody can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorityFault {
    /// It was not set up.
    Unknown,
    /// Its file cannot be read.
    Unreadable(ErrorKind),
    /// There is no certificate in it.
    Empty,
    /// What is in it cannot be understood.
    Broken,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolFault {
    #[error("it does not begin with a status of HTTP/1.1 or HTTP/1.0")]
    Status,
    #[error("a line does not end as it has to, or has control characters")]
    Line,
    #[error("a line is too long")]
    LongLine,
    #[error("a header has no name, or one with other characters than names have")]
    Header,
    #[error("there are too many headers, or they are too long")]
    TooMuch,
    #[error("it says more than once, or in two ways, how long it is")]
    Lengths,
    #[error("how long it is, is no number")]
    Length,
    #[error("it is encoded in a way that was not asked for")]
    Encoding,
    #[error("its chunks are not as they have to be")]
    Chunk,
    #[error("it has more around its chunks than in them")]
    Frames,
    #[error("it goes over to another protocol")]
    Switch,
    #[error("it says too often that it is not done yet")]
    Interim,
}

impl WebError {
    /// Returns what kind of failure this is.
    pub fn class(&self) -> Class {
        match self {
            WebError::Name { cause, .. } => match cause {
                NamesError::Unknown | NamesError::TooMany => Class::Permanent,
                NamesError::Unanswered | NamesError::Late => Class::Transient,
            },
            WebError::Address { .. } => Class::Denied,
            WebError::Connect { .. } | WebError::Late { .. } | WebError::Broken { .. } | WebError::Closed { .. } => {
                Class::Transient
            }
            WebError::Secure { .. }
            | WebError::Authority { .. }
            | WebError::Protocol { .. }
            | WebError::TooLarge { .. } => Class::Permanent,
            WebError::Header { .. } => Class::InvalidInput,
        }
    }

    /// Returns the word for it that plugins can look for.
    pub fn code(&self) -> &'static str {
        match self {
            WebError::Name { .. } => "http.name",
            WebError::Address { .. } => "http.address-not-granted",
            WebError::Connect { .. } => "http.connect",
            WebError::Late { .. } => "http.timeout",
            WebError::Broken { .. } | WebError::Closed { .. } => "http.connection",
            WebError::Secure { .. } => "http.tls",
            WebError::Authority { .. } => "http.authority",
            WebError::Protocol { .. } => "http.protocol",
            WebError::TooLarge { .. } => "http.too-large",
            WebError::Header { .. } => "http.header",
        }
    }

    /// Makes an error of what a connection reports.
    pub(super) fn of(host: &str, doing: Doing, error: &io::Error) -> WebError {
        let host = host.to_owned();
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return WebError::Secure { host, fault: TlsFault::of(tls) };
        }
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => WebError::Late { host, doing },
            ErrorKind::UnexpectedEof => WebError::Closed { host, doing },
            kind => WebError::Broken { host, doing, kind },
        }
    }
}

impl TlsFault {
    pub(super) fn of(error: &rustls::Error) -> TlsFault {
        use rustls::{CertificateError as Bad, Error};
        match error {
            Error::InvalidCertificate(bad) => match bad {
                Bad::UnknownIssuer => TlsFault::UnknownIssuer,
                Bad::NotValidForName | Bad::NotValidForNameContext { .. } => TlsFault::OtherName,
                Bad::Expired | Bad::ExpiredContext { .. } => TlsFault::Expired,
                Bad::NotValidYet | Bad::NotValidYetContext { .. } => TlsFault::NotYet,
                _ => TlsFault::Certificate,
            },
            Error::NoCertificatesPresented => TlsFault::Certificate,
            Error::AlertReceived(_) => TlsFault::Refused,
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => TlsFault::Incompatible,
            Error::InvalidMessage(_) => TlsFault::NotTls,
            _ => TlsFault::Wrong,
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Doing::Connecting => "while it was called",
            Doing::Securing => "while the connection was made secure",
            Doing::Asking => "while the request was sent",
            Doing::Waiting => "before the answer began",
            Doing::Reading => "in the middle of the answer",
        })
    }
}

fn name_words(cause: NamesError) -> &'static str {
    match cause {
        NamesError::Unknown => "has no address",
        NamesError::Unanswered => "was not found: nobody who knows names could be asked",
        NamesError::Late => "was not found in time",
        NamesError::TooMany => "has more addresses than anybody needs",
    }
}

fn allow_words(reach: Reach) -> &'static str {
    match reach {
        Reach::Private(_) => ", which takes `private = true` in the grant",
        Reach::Public | Reach::Reserved | Reach::Never(_) => "",
    }
}

fn authority_words(name: Option<&AuthorityName>, fault: AuthorityFault) -> String {
    let who = match name {
        Some(name) => format!("the certificate authority `{name}`"),
        None => "the collection of certificate authorities of this machine".to_owned(),
    };
    match fault {
        AuthorityFault::Unknown => format!("{who} is not set up"),
        AuthorityFault::Unreadable(kind) => format!("{who} cannot be read: {}", said(kind)),
        AuthorityFault::Empty => format!("{who} has no certificate in it"),
        AuthorityFault::Broken => format!("{who} has a certificate in it that cannot be understood"),
    }
}

/// Says what the system said, in its words.
fn said(kind: ErrorKind) -> String {
    io::Error::from(kind).to_string()
}
