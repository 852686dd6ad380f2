//! Requests that the host makes, written in one chain:
//! `http::get(url).secret_header("authorization", "Bearer ", token).send()?.success()?`.

use crate::Error;
use crate::cap::blobs::Blob;
use crate::cap::secrets::Secret;

pub use crate::abi::abilities::punix::cap::http::{Method, Request, Response, Value, send};

/// A request that is being put together.
pub struct Asking<'a>(Request<'a>);

/// Begins a request.
pub fn ask<'a>(method: Method, url: impl Into<String>) -> Asking<'a> {
    let url = url.into();
    Asking(Request { method, url, headers: Vec::new(), body: None, fill: Vec::new(), timeout_ms: 0 })
}

/// Begins a request for what is at an address.
pub fn get<'a>(url: impl Into<String>) -> Asking<'a> {
    ask(Method::Get, url)
}

/// Begins a request that sends something.
pub fn post<'a>(url: impl Into<String>) -> Asking<'a> {
    ask(Method::Post, url)
}

impl<'a> Asking<'a> {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Asking<'a> {
        self.0.headers.push((name.into(), Value::Plain(value.into())));
        self
    }

    /// Adds a header whose value ends with a secret.
    #[must_use]
    pub fn secret_header(
        mut self,
        name: impl Into<String>,
        before: impl Into<String>,
        secret: &'a Secret,
    ) -> Asking<'a> {
        self.0.headers.push((name.into(), Value::Sealed((before.into(), secret))));
        self
    }

    /// Sends a body.
    #[must_use]
    pub fn body(mut self, body: &'a Blob) -> Asking<'a> {
        self.0.body = Some(body);
        self
    }

    /// Has the host put a secret into the body, which is JSON, at a JSON pointer.
    #[must_use]
    pub fn fill(mut self, pointer: impl Into<String>, secret: &'a Secret) -> Asking<'a> {
        self.0.fill.push((pointer.into(), secret));
        self
    }

    /// Gives up sooner than the host would.
    #[must_use]
    pub fn timeout_ms(mut self, milliseconds: u32) -> Asking<'a> {
        self.0.timeout_ms = milliseconds;
        self
    }

    /// Asks.
    pub fn send(self) -> Result<Response, Error> {
        send(&self.0)
    }
}

impl Response {
    /// Returns a header that the host shows.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body of an answer with a status from 200 to 299; every other status is a failure of its class.
    pub fn success(self) -> Result<Blob, Error> {
        match fault_of(self.status, self.header("retry-after")) {
            None => Ok(self.body),
            Some(fault) => Err(fault),
        }
    }
}

/// Returns what a status means that is not one of success.
fn fault_of(status: u16, retry_after: Option<&str>) -> Option<Error> {
    let code = format!("http.status-{status}");
    Some(match status {
        200..=299 => return None,
        401 | 403 => Error::denied(code, format!("it is not allowed there (status {status})")),
        404 | 410 => Error::not_found(code, format!("it is not there (status {status})")),
        408 | 425 | 429 | 500..=599 => {
            let fault = Error::transient(code, format!("it cannot answer now (status {status})"));
            match retry_after.and_then(|seconds| seconds.trim().parse::<u32>().ok()) {
                Some(seconds) => fault.retry_after_ms(seconds.saturating_mul(1000)),
                None => fault,
            }
        }
        _ => Error::permanent(code, format!("it was answered with status {status}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorClass;

    #[test]
    fn every_status_has_a_class() {
        let class = |status| fault_of(status, None).map(|fault| fault.class);
        assert_eq!((class(200), class(204), class(299)), (None, None, None));
        for (status, expected) in [
            (199, ErrorClass::Permanent),
            (301, ErrorClass::Permanent),
            (400, ErrorClass::Permanent),
            (401, ErrorClass::Denied),
            (403, ErrorClass::Denied),
            (404, ErrorClass::NotFound),
            (429, ErrorClass::Transient),
            (503, ErrorClass::Transient),
        ] {
            assert_eq!(class(status), Some(expected), "{status}");
        }
    }

    #[test]
    fn retry_after_is_taken_in_seconds_and_never_overflows() {
        let after = |text| fault_of(429, Some(text)).unwrap().retry_after_ms;
        assert_eq!(after("2"), Some(2_000));
        assert_eq!(after("4294967295"), Some(u32::MAX));
        assert_eq!(after("Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }
}
