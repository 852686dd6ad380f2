//! Reading an answer: what it says of itself, and then its body. A server is outside data, and some sit behind others
//! that read more loosely; so whatever could be read in two ways is refused, and everything has an end.

use super::WebAnswer;
use super::body::{Framing, body};
use super::error::{Doing, ProtocolFault, WebError};
use super::incoming::Incoming;
use crate::limits::{ANSWER_HEAD_BYTES_MAX, ANSWER_HEADERS_MAX, INTERIM_ANSWERS_MAX};
use crate::request::Method;
use std::io::Read;

/// The headers that come out. No other can be told from one that holds a secret, such as `set-cookie`.
pub(crate) const KEPT: &[&str] = &["content-type", "content-length", "date", "retry-after"];

/// What an answer says before its body.
struct Head {
    /// Of the protocol: 1.0 or 1.1.
    is_old: bool,
    status: u16,
    kept: Vec<(String, String)>,
    length: Option<usize>,
    chunked: bool,
}

/// Reads an answer to the end.
pub(super) fn read(host: &str, from: &mut dyn Read, method: Method, most: usize) -> Result<WebAnswer, WebError> {
    let mut incoming = Incoming::new(host, from);
    let mut budget = ANSWER_HEAD_BYTES_MAX;
    let mut interim = 0;
    let head = loop {
        let head = head(&mut incoming, &mut budget)?;
        match head.status {
            101 => return Err(incoming.wrong(ProtocolFault::Switch)),
            100..=199 if interim == INTERIM_ANSWERS_MAX => return Err(incoming.wrong(ProtocolFault::Interim)),
            100..=199 => interim += 1,
            _ => break head,
        }
    };
    let framing = match (method, head.status) {
        (Method::Head, _) | (_, 204 | 304) => Framing::Nothing,
        _ if head.chunked => Framing::Chunked,
        _ => head.length.map_or(Framing::ToTheEnd, Framing::Length),
    };
    let body = body(&mut incoming, framing, &mut budget, most)?;
    Ok(WebAnswer { status: head.status, headers: head.kept, body })
}

fn head(incoming: &mut Incoming<'_>, budget: &mut usize) -> Result<Head, WebError> {
    let (host, doing) = (incoming.host(), Doing::Waiting);
    let wrong = |fault| WebError::Protocol { host: host.to_owned(), fault };
    let (is_old, status) = status(incoming.line(doing, budget)?).ok_or_else(|| wrong(ProtocolFault::Status))?;
    let mut head = Head { is_old, status, kept: Vec::new(), length: None, chunked: false };
    for _ in 0..=ANSWER_HEADERS_MAX {
        let line = incoming.line(Doing::Reading, budget)?;
        if line.is_empty() {
            return match head.chunked && (head.length.is_some() || head.is_old) {
                true => Err(wrong(ProtocolFault::Lengths)),
                false => Ok(head),
            };
        }
        let (name, value) = field(line).ok_or_else(|| wrong(ProtocolFault::Header))?;
        head.take(&name, value).map_err(wrong)?;
    }
    Err(wrong(ProtocolFault::TooMuch))
}

impl Head {
    fn take(&mut self, name: &str, value: &[u8]) -> Result<(), ProtocolFault> {
        match name {
            "content-length" => {
                let length = number(value).ok_or(ProtocolFault::Length)?;
                if self.length.replace(length).is_some() {
                    return Err(ProtocolFault::Lengths);
                }
            }
            "transfer-encoding" => {
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(ProtocolFault::Encoding);
                }
                if std::mem::replace(&mut self.chunked, true) {
                    return Err(ProtocolFault::Lengths);
                }
            }
            "content-encoding" if !value.eq_ignore_ascii_case(b"identity") => return Err(ProtocolFault::Encoding),
            _ => {}
        }
        let value = std::str::from_utf8(value).ok().filter(|value| value.is_ascii());
        if let Some(value) = value.filter(|_| KEPT.contains(&name)) {
            self.kept.push((name.to_owned(), value.to_owned()));
        }
        Ok(())
    }
}

/// Reads `HTTP/1.1 200 OK` as whether it is HTTP/1.0, and the status.
fn status(line: &[u8]) -> Option<(bool, u16)> {
    let (is_old, rest) = match (line.strip_prefix(b"HTTP/1.1 "), line.strip_prefix(b"HTTP/1.0 ")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return None,
    };
    let (digits, rest) = rest.split_at_checked(3)?;
    let status = u16::try_from(number(digits)?).ok()?;
    let ends = rest.is_empty() || rest.starts_with(b" ");
    (ends && (100..=599).contains(&status)).then_some((is_old, status))
}

/// Reads `name: value`; the name comes out in lower case.
pub(super) fn field(line: &[u8]) -> Option<(String, &[u8])> {
    let at = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(at)?;
    let name = std::str::from_utf8(name).ok().filter(|name| super::ask::is_token(name))?;
    Some((name.to_ascii_lowercase(), value.get(1..)?.trim_ascii()))
}

/// Reads a number of decimal digits and nothing else.
fn number(text: &[u8]) -> Option<usize> {
    const DIGITS_MAX: usize = 18;
    let digits = !text.is_empty() && text.len() <= DIGITS_MAX && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}
