//! The bytes of a request. What could end a line early is refused here once more, whoever made the request.

use super::WebRequest;
use super::error::WebError;
use crate::limits::REQUEST_HEAD_BYTES_MAX;
use crate::request::Method;
use punix_model::SecretBuffer;

/// The name that servers see.
const USER_AGENT: &str = concat!("punix/", env!("CARGO_PKG_VERSION"));

/// Returns what stands before the body. It may hold secrets.
pub(super) fn head(ask: &WebRequest<'_>) -> Result<SecretBuffer, WebError> {
    let mut buffer = SecretBuffer::with_room(REQUEST_HEAD_BYTES_MAX);
    let length = match (ask.body, ask.method) {
        (Some(body), _) => format!("content-length: {}\r\n", body.len()),
        (None, Method::Post | Method::Put) => "content-length: 0\r\n".to_owned(),
        (None, Method::Get | Method::Head | Method::Delete | Method::VaultList) => String::new(),
    };
    let first = format!(
        "{} {} HTTP/1.1\r\nhost: {}\r\nuser-agent: {USER_AGENT}\r\naccept-encoding: identity\r\nconnection: close\r\n{length}",
        word(ask.method),
        ask.url.target(),
        ask.url.authority(),
    );
    let mut fits = buffer.push(first.as_bytes());
    for (name, value) in &ask.headers {
        let refused = || WebError::Header { name: name.escape_debug().to_string() };
        if !is_token(name) || !is_field_value(value.expose()) {
            return Err(refused());
        }
        fits &=
            buffer.push(name.as_bytes()) && buffer.push(b": ") && buffer.push(value.expose()) && buffer.push(b"\r\n");
        if !fits {
            return Err(refused());
        }
    }
    match fits && buffer.push(b"\r\n") {
        true => Ok(buffer),
        false => Err(WebError::Header { name: "host".to_owned() }),
    }
}

/// Tells whether a text can be the name of a header.
pub(crate) fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

/// Tells whether bytes can be the value of a header: printable ASCII, so that it is one line and read in one way.
pub(crate) fn is_field_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
}

fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::VaultList => "LIST",
    }
}
