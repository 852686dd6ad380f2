//! One try to get a file from a server: the request, the redirects, and what the answer means. It decides who is told
//! a secret: the origin of the url that the source lists, and nobody else.

use super::failure::{self, Failure};
use super::forward;
use super::network::{Agents, Ready};
use super::url::{UrlError, Web};
use super::{Header, Limits};
use crate::limits::{REDIRECTS_MAX, RETRY_AFTER_MS_MAX};
use crate::secret::Secret;
use std::time::{Duration, Instant};
use ureq::Body;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED, LOCATION, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Response};

/// Headers that belong to the request itself; a source that sets them would break it.
const RESERVED: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "if-range",
    "proxy-authorization",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// What the server offers.
pub(super) enum Answer {
    /// The file from its beginning.
    Whole(Offer),
    /// The file from where the download broke off.
    Rest(Offer),
    /// Nothing that continues the download where it broke off.
    NoRest,
}

pub(super) struct Offer {
    pub(super) body: Body,
    /// Bytes of the whole file, if the server says.
    pub(super) total: Option<u64>,
    /// What identifies this version of the file at this url.
    pub(super) version: Option<Version>,
}

/// Identifies the version of a file, so that a rest is only taken of the same one.
#[derive(Clone)]
pub(super) struct Version(HeaderValue);

/// A failure, and how long the server asks to be left alone.
pub(super) struct Refused {
    pub(super) failure: Failure,
    pub(super) after: Option<Duration>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused { failure, after: None }
    }
}

/// What to ask for.
pub(super) struct Request<'a> {
    pub(super) web: &'a Web,
    pub(super) headers: &'a [Header],
    /// Bytes that are there already.
    pub(super) have: u64,
    pub(super) version: Option<&'a Version>,
    pub(super) deadline: Instant,
}

/// Tells why a header cannot be sent.
pub(super) fn check_header(header: &Header) -> Result<(), &'static str> {
    let Ok(name) = HeaderName::from_bytes(header.name.as_bytes()) else {
        return Err("its name has characters that no header has");
    };
    if RESERVED.contains(&name.as_str()) {
        return Err("it belongs to the request itself");
    }
    if HeaderValue::from_str(header.value.expose()).is_err() {
        return Err("its value has characters that no header can hold");
    }
    Ok(())
}

/// Asks a server, and follows where it redirects to.
pub(super) fn ask(ready: &Ready, agents: &Agents, limits: &Limits, request: &Request<'_>) -> Result<Answer, Refused> {
    let mut here: Option<Web> = None;
    let mut trusted = true;
    for _ in 0..=REDIRECTS_MAX {
        let web = here.as_ref().unwrap_or(request.web);
        trusted &= web.origin() == request.web.origin();
        let response = send(ready, agents, limits, web, trusted, request)?;
        let status = response.status().as_u16();
        match status {
            301 | 302 | 303 | 307 | 308 => here = Some(follow(web, response.headers())?),
            200 => return Ok(Answer::Whole(whole(response))),
            206 if request.have > 0 => return Ok(rest(response, request.have)),
            416 if request.have > 0 => return Ok(Answer::NoRest),
            _ => return Err(Refused { failure: Failure::Status { status }, after: retry_after(response.headers()) }),
        }
    }
    Err(Failure::TooManyRedirects.into())
}

fn send(
    ready: &Ready,
    agents: &Agents,
    limits: &Limits,
    web: &Web,
    trusted: bool,
    request: &Request<'_>,
) -> Result<Response<Body>, Failure> {
    let origin = web.origin();
    if origin.secure && !ready.trusts_somebody() {
        return Err(Failure::NoAuthorities);
    }
    let left = request.deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Failure::TimedOut { what: "the download" });
    }
    let proxy = ready.proxy(origin);
    let mut builder = match proxy.as_ref().filter(|_| !origin.secure) {
        Some(proxy) => {
            let builder = agents.forward.get(forward::request(proxy, web)).header("host", origin.authority());
            match forward::authorization(proxy) {
                Some(secret) => builder.header("proxy-authorization", sensitive(&secret)?),
                None => builder,
            }
        }
        None => agents.direct.get(web.request()).config().proxy(proxy).build(),
    };
    builder = builder.config().timeout_global(Some(left)).build();
    if request.have > 0 {
        builder = builder.header("range", format!("bytes={}-", request.have));
        if let Some(Version(version)) = request.version {
            builder = builder.header("if-range", version);
        }
    }
    if trusted {
        let has_own = request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("authorization"));
        if let Some(credentials) = request.web.credentials.as_ref().filter(|_| !has_own) {
            builder = builder.header("authorization", sensitive(&basic(credentials))?);
        }
        for header in request.headers {
            builder = builder.header(&header.name, sensitive(&header.value)?);
        }
    }
    builder.call().map_err(|error| failure::from_http(error, limits.stall))
}

fn sensitive(secret: &Secret) -> Result<HeaderValue, Failure> {
    let value = HeaderValue::from_str(secret.expose());
    let mut value = value.map_err(|_| Failure::Protocol { reason: "a header cannot be sent".to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

fn follow(web: &Web, headers: &HeaderMap) -> Result<Web, Failure> {
    let location = headers.get(LOCATION).ok_or(Failure::RedirectNowhere)?;
    let next = web.join(location.as_bytes()).map_err(|error: UrlError| Failure::RedirectRefused { error })?;
    if web.origin().secure && !next.origin().secure {
        return Err(Failure::RedirectDown { to: next.origin().to_string() });
    }
    Ok(next)
}

fn whole(response: Response<Body>) -> Offer {
    let total = number(response.headers().get(CONTENT_LENGTH));
    Offer { total, version: version(response.headers()), body: response.into_body() }
}

/// Takes an answer only if it goes on exactly where the download broke off.
fn rest(response: Response<Body>, have: u64) -> Answer {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let Some((_, total)) = range.and_then(parse_range).filter(|(start, _)| *start == have) else {
        return Answer::NoRest;
    };
    let length = number(response.headers().get(CONTENT_LENGTH));
    let total = total.or_else(|| length.and_then(|length| length.checked_add(have)));
    Answer::Rest(Offer { total, version: version(response.headers()), body: response.into_body() })
}

/// Reads `bytes 10-99/100` as where it begins and how many bytes there are in all.
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.trim().split_once('-')?;
    let (start, end) = (start.parse().ok()?, end.parse::<u64>().ok()?);
    let total = match total.trim() {
        "*" => None,
        digits => Some(digits.parse().ok()?),
    };
    (start <= end && total.is_none_or(|total: u64| end < total)).then_some((start, total))
}

fn number(value: Option<&HeaderValue>) -> Option<u64> {
    value?.to_str().ok()?.trim().parse().ok()
}

/// Returns what `If-Range` can be asked with: a strong tag, else the time of the last change.
fn version(headers: &HeaderMap) -> Option<Version> {
    let strong = headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
    strong.or_else(|| headers.get(LAST_MODIFIED)).cloned().map(Version)
}

/// Returns how long the server asks to wait, within a bound. A date is not understood: it would need the right time.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = number(headers.get(RETRY_AFTER))?;
    Some(Duration::from_secs(seconds).min(Duration::from_millis(RETRY_AFTER_MS_MAX)))
}

/// Returns `user:password` as the value of an `Authorization` header.
pub(crate) fn basic(credentials: &Secret) -> Secret {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = credentials.expose().as_bytes();
    let mut text = String::with_capacity(10 + bytes.len() * 4 / 3);
    text.push_str("Basic ");
    for group in bytes.chunks(3) {
        let padded = [group[0], group.get(1).copied().unwrap_or(0), group.get(2).copied().unwrap_or(0)];
        let [first, second, third] = padded.map(usize::from);
        let digits = [first >> 2, (first & 3) << 4 | second >> 4, (second & 15) << 2 | third >> 6, third & 63];
        for (number, digit) in digits.into_iter().enumerate() {
            text.push(if number > group.len() { '=' } else { char::from(DIGITS[digit]) });
        }
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::url::{Reach, Url};

    #[test]
    fn ranges() {
        assert_eq!(parse_range("bytes 10-99/100"), Some((10, Some(100))));
        assert_eq!(parse_range("bytes 0-0/*"), Some((0, None)));
        for text in ["", "bytes */100", "bytes 9-8/100", "bytes 0-100/100", "bytes 1-/2", "lines 0-1/2", "bytes 0-1"] {
            assert_eq!(parse_range(text), None, "{text}");
        }
    }

    /// What is accepted here must be the same place for the library.
    #[test]
    fn the_library_reads_urls_as_we_do() {
        let plain: String = (' '..='~').filter(|character| !"#?% \"<>\\^`{|}".contains(*character)).collect();
        let hosts = ["a", "A.b-c_d.", "127.0.0.1", "[::1]", "[::1]:8080", "a:1", "1e3"];
        for host in hosts {
            let url = Url::parse(&format!("http://{host}/{plain}%20?{plain}?")).unwrap();
            let Some((_, Reach::Web(web))) = url.reaches().pop() else { panic!() };
            let uri: ureq::http::Uri = web.request().parse().unwrap();
            assert_eq!(uri.host(), Some(&*web.origin().host));
            assert_eq!(uri.port_u16().unwrap_or(80), web.origin().port);
            assert_eq!(uri.path_and_query().unwrap().as_str(), format!("/{plain}%20?{plain}?"));
        }
    }

    #[test]
    fn a_password_as_a_header() {
        for (text, header) in [("u:p", "Basic dTpw"), ("u:", "Basic dTo="), (":", "Basic Og=="), ("", "Basic ")] {
            assert_eq!(basic(&Secret::new(text.to_owned())).expose(), header);
        }
    }

    #[test]
    fn headers_that_cannot_be_sent() {
        let check = |name: &str, value: &str| {
            check_header(&Header { name: name.to_owned(), value: Secret::new(value.to_owned()) })
        };
        assert_eq!(check("X-Token", "abc"), Ok(()));
        assert!(check("x token", "abc").is_err());
        assert!(check("", "abc").is_err());
        assert!(check("Range", "bytes=0-").is_err());
        assert!(check("X-Token", "a\r\nHost: b").is_err());
    }
}
