//! What a plugin may ask by HTTP. It says what it wants; whether it may, and what of the answer it gets to see, is
//! decided here, and everything else is done by the host. No secret comes out: the body is sealed.

mod fill;
#[cfg(test)]
mod tests;

use super::told;
use crate::limits::{Limits, REQUEST_HEADERS_MAX};
use crate::outside::{KEPT, Web, WebAnswer, WebRequest, WebUrl, is_field_value, is_token};
use crate::policy::HttpAccess;
use crate::request::Method;
use crate::word::{Pointer, cut};
use punix_model::{Class, PluginError, Redactor, Secret, SecretBuffer};
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// What a plugin wants to ask.
pub(crate) struct Asked<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(&'a str, Value<'a>)>,
    pub(crate) body: Option<Written<'a>>,
    /// Members of the body, by JSON pointer, that hold secrets.
    pub(crate) fill: Vec<(&'a str, &'a Secret)>,
    /// 0 means as long as there is time.
    pub(crate) timeout_ms: u32,
}

/// What a header says.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Plain(&'a str),
    /// A text, and a secret behind it.
    Sealed(&'a str, &'a Secret),
}

/// What a plugin wants to send.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) sealed: bool,
}

/// What was answered.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// To be sealed.
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// Where it may be read all the same.
    pub(crate) public: BTreeSet<Pointer>,
    /// Who answered: the host with its port.
    pub(crate) host: String,
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answered({}, ..)", self.status)
    }
}

/// What is granted for one request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decision<'e> {
    pub(crate) access: &'e HttpAccess,
    /// Of all that grant it.
    pub(crate) public: BTreeSet<Pointer>,
}

/// Headers that the host sets, and those by which some servers are told another method, path or client than the ones
/// that were decided about.
const OWNED: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];
const OWNED_BEGINNINGS: &[&str] = &["proxy-", "x-forwarded-"];

/// Longer headers of an answer are left out.
const KEPT_BYTES_MAX: usize = 256;

/// Makes a request, if it may be made.
pub(crate) fn send(
    effective: &[HttpAccess],
    config: &str,
    web: &dyn Web,
    ask: &Asked<'_>,
    deadline: Instant,
    limits: &Limits,
) -> Result<Answered, PluginError> {
    let url = WebUrl::parse(ask.url).map_err(|error| invalid("http.url", "url", error.to_string()))?;
    let Decision { access, public } = decide(effective, config, ask.method, &url)?;
    let headers = headers(&ask.headers)?;
    let filled = body(ask)?;
    let body = filled.as_ref().map(SecretBuffer::bytes).or(ask.body.map(|body| body.bytes));
    let wanted = match ask.timeout_ms {
        0 => None,
        timeout_ms => Instant::now().checked_add(Duration::from_millis(u64::from(timeout_ms))),
    };
    // A token is at hand here.
    punix_diag::drill("send");
    let request = WebRequest {
        method: ask.method,
        url: &url,
        headers,
        body,
        authority: access.ca.as_ref(),
        private: access.private,
        deadline: wanted.map_or(deadline, |wanted| wanted.min(deadline)),
        body_bytes_max: usize::try_from(limits.response_kib).unwrap_or(usize::MAX).saturating_mul(1 << 10),
    };
    let answer = web.exchange(&request).map_err(|error| told(error.class(), error.code(), &error))?;
    let WebAnswer { status, headers, body } = answer;
    let headers = seen(headers, ask);
    Ok(Answered { status, headers, body, public, host: format!("{}:{}", url.host(), url.port()) })
}

/// Returns what grants a request, or why nothing does.
pub(crate) fn decide<'e>(
    effective: &'e [HttpAccess],
    config: &str,
    method: Method,
    url: &WebUrl,
) -> Result<Decision<'e>, PluginError> {
    let meant = |access: &&HttpAccess| {
        access.host.matches(url.host(), url.port())
            && access.methods.contains(&method)
            && access.paths.iter().any(|pattern| pattern.matches(url.path()))
    };
    let named =
        |access: &&HttpAccess| access.configured.as_ref().is_none_or(|field| is_named(config, field.as_str(), url));
    let secured = |access: &&HttpAccess| url.is_secure() || access.plain_http;
    let granting: Vec<&HttpAccess> =
        effective.iter().filter(|access| meant(access) && named(access) && secured(access)).collect();
    // Each of them is enough; where they differ, one that leads further, and one that says whom to believe.
    let best = granting.iter().rev().max_by_key(|access| (access.private, access.ca.is_some()));
    if let Some(access) = best {
        let public = granting.iter().flat_map(|access| access.public.iter().cloned()).collect();
        return Ok(Decision { access, public });
    }
    let nearly: Vec<&HttpAccess> = effective.iter().filter(meant).collect();
    let why = match nearly.iter().find(|access| !named(access)).and_then(|access| access.configured.as_ref()) {
        Some(field) => format!(": it is only if `{field}` in the configuration names that host"),
        None if !nearly.is_empty() => ": it is by `https` only".to_owned(),
        None => String::new(),
    };
    Err(denied("http.not-granted", "url", format!("`{}` of `{url}` is not granted{why}", method.as_str())))
}

/// Tells whether a field of the configuration is a text that names the host of a url: `https://host:port` or `host:port`.
fn is_named(config: &str, field: &str, url: &WebUrl) -> bool {
    let config: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(config).ok();
    let Some(text) = config.as_ref().and_then(|config| config.get(field)?.as_str()) else { return false };
    let has_scheme = text.contains("://");
    let named = if has_scheme { WebUrl::parse(text) } else { WebUrl::parse(&format!("https://{text}")) };
    named.is_ok_and(|named| {
        named.host() == url.host()
            && named.port() == url.port()
            && (!has_scheme || named.is_secure() == url.is_secure())
    })
}

fn headers(asked: &[(&str, Value<'_>)]) -> Result<Vec<(String, Secret)>, PluginError> {
    if asked.len() > REQUEST_HEADERS_MAX {
        let message = format!("a request has at most {REQUEST_HEADERS_MAX} headers");
        return Err(invalid("http.header", "headers", message));
    }
    let mut headers: Vec<(String, Secret)> = Vec::with_capacity(asked.len());
    for (name, value) in asked {
        let name = name.to_ascii_lowercase();
        let refused = |why: &str| {
            let name = cut(&name);
            invalid("http.header", &format!("headers.{name}"), format!("the header `{name}` {why}"))
        };
        if !is_token(&name) {
            return Err(refused("has characters that no name of a header has"));
        }
        if OWNED.contains(&&*name) || OWNED_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
            return Err(refused("is not a plugin's to set"));
        }
        if headers.iter().any(|(other, _)| *other == name) {
            return Err(refused("is there twice"));
        }
        let (before, secret) = match value {
            Value::Plain(text) => (*text, &[][..]),
            Value::Sealed(before, secret) => (*before, secret.expose()),
        };
        let mut room = SecretBuffer::with_room(before.len() + secret.len());
        if !(is_field_value(before.as_bytes())
            && is_field_value(secret)
            && room.push(before.as_bytes())
            && room.push(secret))
        {
            return Err(refused("can hold one line of printable ASCII, and this is something else"));
        }
        headers.push((name, room.into_secret()));
    }
    Ok(headers)
}

/// Returns the body with its secrets, if there are any to put into it.
fn body(ask: &Asked<'_>) -> Result<Option<SecretBuffer>, PluginError> {
    let has_body = match ask.method {
        Method::Post | Method::Put | Method::Delete => true,
        Method::Get | Method::Head | Method::VaultList => false,
    };
    if !has_body && (ask.body.is_some() || !ask.fill.is_empty()) {
        let message = format!("a request by `{}` has no body", ask.method.as_str());
        return Err(invalid("http.body", "body", message));
    }
    if ask.fill.is_empty() {
        return Ok(None);
    }
    let start = match ask.body {
        // What fails would tell what is in it.
        Some(Written { sealed: true, .. }) => {
            let message = "a sealed body is sent as it is; what is filled is a body that the plugin wrote";
            return Err(denied("http.sealed-body", "fill", message.to_owned()));
        }
        Some(Written { bytes, sealed: false }) => bytes,
        None => b"{}",
    };
    fill::fill(start, &ask.fill).map(Some).map_err(|error| invalid("http.fill", "fill", error.to_string()))
}

/// Returns the headers of an answer that a plugin sees: none of them holds what was sent in secret.
fn seen(headers: Vec<(String, String)>, ask: &Asked<'_>) -> Vec<(String, String)> {
    let in_headers = ask.headers.iter().filter_map(|(_, value)| match value {
        Value::Sealed(_, secret) => Some(*secret),
        Value::Plain(_) => None,
    });
    let secrets = Redactor::new(in_headers.chain(ask.fill.iter().map(|(_, secret)| *secret)));
    let fine = |(name, value): &(String, String)| {
        KEPT.contains(&&**name) && value.len() <= KEPT_BYTES_MAX && !secrets.finds_in(value.as_bytes())
    };
    headers.into_iter().filter(fine).collect()
}

fn invalid(code: &str, at: &str, message: String) -> PluginError {
    PluginError { at: Some(at.to_owned()), ..told(Class::InvalidInput, code, &message) }
}

fn denied(code: &str, at: &str, message: String) -> PluginError {
    PluginError { at: Some(at.to_owned()), ..told(Class::Denied, code, &message) }
}
