//! Where a download lies. Nothing here touches the network; what is refused is refused before anybody is asked.
//!
//! A url can hold a password or a token: it is shown without them, also in errors, which therefore never quote it.

use super::mirrors;
use crate::limits::URL_BYTES_MAX;
use crate::secret::Secret;
use std::ffi::OsString;
use std::fmt;
use std::net::Ipv6Addr;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Why a text is not a url that can be fetched from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("a url has at most {URL_BYTES_MAX} bytes, not {bytes}")]
    Long { bytes: usize },
    #[error("a url cannot hold `{}`; percent-encode it", .character.escape_default())]
    Character { character: char },
    #[error("a url begins with `https://`, `http://`, `file:///` or `mirror://`")]
    NoScheme,
    #[error("nothing is fetched by `{scheme}`; `https`, `http`, `file` and `mirror` are what is accepted")]
    Scheme { scheme: String },
    #[error("`mirror://{site}` is not known; the sites are {}", sites())]
    Site { site: String },
    #[error("a `mirror` url goes on with the path of a file after the site")]
    NoRest,
    #[error("the url names no host that can be asked")]
    Host,
    #[error("the port of the url is not a number from 1 to 65535")]
    Port,
    #[error("a `file` url names an absolute path on this machine, such as `file:///srv/hello.tar.gz`")]
    NotLocal,
    #[error("a `%` in the url is not followed by two hexadecimal digits, or stands for a byte that it cannot hold")]
    Encoding,
    #[error("the url does not end with the name of a file")]
    NoFileName,
}

fn sites() -> String {
    let names: Vec<String> = mirrors::SITES.iter().map(|site| format!("`{}`", site.name)).collect();
    names.join(", ")
}

/// A url that can be fetched from. Invariant: printable ASCII, of one of the accepted schemes.
#[derive(Clone)]
pub struct Url {
    shown: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Web(Web),
    File(PathBuf),
    /// The same file at several places, none of which is a mirror again.
    Mirror(Vec<Url>),
}

/// What is behind a url that is no mirror.
#[derive(Clone, Copy)]
pub(crate) enum Reach<'a> {
    Web(&'a Web),
    File(&'a Path),
}

/// A file on a server.
#[derive(Clone)]
pub(crate) struct Web {
    origin: Origin,
    /// The path, which begins with a slash.
    path: String,
    /// What follows the path, with the question mark.
    query: String,
    /// `user:password`, decoded.
    pub(crate) credentials: Option<Secret>,
}

/// Whom a request goes to. What is secret is for one origin only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) secure: bool,
    /// In lower case; an IPv6 address is in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Url {
    /// Reads a url: `https`, `http`, `file`, or `mirror`, which stands for several others.
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        check_text(text)?;
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::NoScheme)?;
        let scheme = scheme.to_ascii_lowercase();
        let after = rest.strip_prefix("//");
        match (scheme.as_str(), after) {
            ("https", Some(after)) => Url::web(true, after),
            ("http", Some(after)) => Url::web(false, after),
            ("mirror", Some(after)) => Url::mirror(after),
            ("file", _) => Url::file(after, rest),
            ("https" | "http" | "mirror", None) => Err(UrlError::NoScheme),
            _ if is_scheme(&scheme) => Err(UrlError::Scheme { scheme }),
            _ => Err(UrlError::NoScheme),
        }
    }

    fn web(secure: bool, after: &str) -> Result<Url, UrlError> {
        let end = after.find(['/', '?']).unwrap_or(after.len());
        let (authority, target) = after.split_at(end);
        let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, _)) if user.contains('@') => return Err(UrlError::Host),
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let credentials = match user {
            Some(user) => {
                let decoded = String::from_utf8(decode(user)?).map_err(|_| UrlError::Encoding)?;
                Some(Secret::new(decoded))
            }
            None => None,
        };
        let path = if path.is_empty() { "/" } else { path }.to_owned();
        let web = Web { origin: Origin::parse(secure, host)?, path, query: query.to_owned(), credentials };
        Ok(Url { shown: web.shown(), kind: Kind::Web(web) })
    }

    fn file(after: Option<&str>, rest: &str) -> Result<Url, UrlError> {
        let path = match after {
            Some(after) => after.strip_prefix("localhost").unwrap_or(after),
            None => rest,
        };
        let decoded = decode(path)?;
        if !decoded.starts_with(b"/") || decoded.starts_with(b"//") {
            return Err(UrlError::NotLocal);
        }
        if decoded.contains(&0) {
            return Err(UrlError::Encoding);
        }
        let path_on_disk = PathBuf::from(OsString::from_vec(decoded));
        Ok(Url { shown: format!("file://{path}"), kind: Kind::File(path_on_disk) })
    }

    fn mirror(after: &str) -> Result<Url, UrlError> {
        let (name, rest) = after.split_once('/').unwrap_or((after, ""));
        let site = mirrors::find(name).ok_or_else(|| UrlError::Site { site: name.to_owned() })?;
        if rest.is_empty() || rest.starts_with(['/', '?']) {
            return Err(UrlError::NoRest);
        }
        let all = site.bases.iter().map(|base| Url::parse(&format!("{base}{rest}")));
        let shown = format!("mirror://{name}/{}", hide_values(rest));
        Ok(Url { shown, kind: Kind::Mirror(all.collect::<Result<_, _>>()?) })
    }

    /// Returns the last part of the path, decoded: the name of the file.
    pub fn file_name(&self) -> Result<String, UrlError> {
        let bytes = match &self.kind {
            Kind::Web(web) => decode(web.path.rsplit('/').next().unwrap_or_default())?,
            Kind::File(path) => {
                let text = path.as_os_str().as_encoded_bytes();
                text.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_owned()
            }
            Kind::Mirror(all) => return all.first().ok_or(UrlError::NoFileName)?.file_name(),
        };
        let name = String::from_utf8(bytes).map_err(|_| UrlError::NoFileName)?;
        match name.as_str() {
            "" | "." | ".." => Err(UrlError::NoFileName),
            text if text.contains(|character: char| character == '/' || character.is_control()) => {
                Err(UrlError::NoFileName)
            }
            _ => Ok(name),
        }
    }

    /// Returns what is to be asked in turn, each with its own url.
    pub(crate) fn reaches(&self) -> Vec<(&Url, Reach<'_>)> {
        match &self.kind {
            Kind::Web(web) => vec![(self, Reach::Web(web))],
            Kind::File(path) => vec![(self, Reach::File(path))],
            Kind::Mirror(all) => all.iter().flat_map(Url::reaches).collect(),
        }
    }

    /// Returns the file on a server that this is, if it is one.
    pub(crate) fn into_web(self) -> Option<Web> {
        match self.kind {
            Kind::Web(web) => Some(web),
            Kind::File(_) | Kind::Mirror(_) => None,
        }
    }

    /// Tells whether this stands for several other urls.
    pub(crate) fn is_mirror(&self) -> bool {
        matches!(self.kind, Kind::Mirror(_))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({})", self.shown)
    }
}

impl Web {
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Takes it apart: the server, the path, the query, and `user:password`.
    pub(crate) fn into_parts(self) -> (Origin, String, String, Option<Secret>) {
        (self.origin, self.path, self.query, self.credentials)
    }

    /// Returns the url to ask for: without fragment and without password.
    pub(crate) fn request(&self) -> String {
        format!("{}{}{}", self.origin, self.path, self.query)
    }

    /// Returns the path and the query.
    pub(crate) fn target(&self) -> String {
        format!("{}{}", self.path, self.query)
    }

    /// Returns the url as it may be shown.
    pub(crate) fn shown(&self) -> String {
        let user = if self.credentials.is_some() { "..@" } else { "" };
        let Origin { host, .. } = &self.origin;
        let (scheme, port) = (self.origin.scheme(), self.origin.port_text());
        format!("{scheme}://{user}{host}{port}{}{}", self.path, hide_values(&self.query))
    }

    /// Returns where a redirect leads. A password in it is dropped: it is not ours to send.
    pub(crate) fn join(&self, location: &[u8]) -> Result<Web, UrlError> {
        let location = encode_strays(location);
        let location = location.split_once('#').map_or(&*location, |(before, _)| before);
        let scheme = location.split_once(':').map(|(scheme, _)| scheme);
        let joined = if scheme.is_some_and(is_scheme) {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{}:{location}", self.origin.scheme())
        } else {
            let (path, query) = location.split_at(location.find('?').unwrap_or(location.len()));
            let (path, query) = match path {
                "" if query.is_empty() => (self.path.clone(), self.query.as_str()),
                "" => (self.path.clone(), query),
                path if path.starts_with('/') => (without_dots(path), query),
                path => {
                    let (directory, _) = self.path.rsplit_once('/').unwrap_or_default();
                    (without_dots(&format!("{directory}/{path}")), query)
                }
            };
            format!("{}{path}{query}", self.origin)
        };
        let url = Url::parse(&joined)?;
        match url.kind {
            Kind::Web(web) => Ok(Web { credentials: None, ..web }),
            Kind::File(_) => Err(UrlError::Scheme { scheme: "file".to_owned() }),
            Kind::Mirror(_) => Err(UrlError::Scheme { scheme: "mirror".to_owned() }),
        }
    }
}

impl Origin {
    /// Reads `host` or `host:port`.
    pub(crate) fn parse(secure: bool, text: &str) -> Result<Origin, UrlError> {
        let end = if text.starts_with('[') { text.find(']').map_or(text.len(), |at| at + 1) } else { 0 };
        let (host, port) = match text.get(end..).and_then(|rest| rest.find(':')) {
            Some(colon) => (&text[..end + colon], &text[end + colon + 1..]),
            None => (text, ""),
        };
        let is_name = |host: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            !host.is_empty() && host.bytes().all(fits) && !host.starts_with(['-', '.'])
        };
        let is_address = |host: &str| {
            let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            inside.is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok())
        };
        if !is_name(host) && !is_address(host) {
            return Err(UrlError::Host);
        }
        let port = match port {
            "" => Origin::usual_port(secure),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port > 0).ok_or(UrlError::Port)?
            }
            _ => return Err(UrlError::Port),
        };
        Ok(Origin { secure, host: host.to_ascii_lowercase(), port })
    }

    fn usual_port(secure: bool) -> u16 {
        if secure { 443 } else { 80 }
    }

    /// Returns the host, and the port if it is not the usual one.
    pub(crate) fn authority(&self) -> String {
        format!("{}{}", self.host, self.port_text())
    }

    fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    fn port_text(&self) -> String {
        if self.port == Origin::usual_port(self.secure) { String::new() } else { format!(":{}", self.port) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

fn check_text(text: &str) -> Result<(), UrlError> {
    if text.len() > URL_BYTES_MAX {
        return Err(UrlError::Long { bytes: text.len() });
    }
    match text.chars().find(|character| !is_plain(*character)) {
        Some(character) => Err(UrlError::Character { character }),
        None => Ok(()),
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_graphic() && !"\"<>\\^`{|}".contains(character)
}

/// Encodes what a server should have encoded in the place that it redirects to.
fn encode_strays(bytes: &[u8]) -> String {
    let each = bytes.iter().map(|&byte| match char::from(byte) {
        character if is_plain(character) => character.to_string(),
        _ => format!("%{byte:02X}"),
    });
    each.collect()
}

pub(crate) fn is_scheme(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(fits)
}

/// Hides the values in the query of a url, which can be tokens. The names stay.
pub(crate) fn hide_values(text: &str) -> String {
    let Some((path, query)) = text.split_once('?') else { return text.to_owned() };
    let fields = query.split('&').map(|field| match field.split_once('=') {
        Some((name, _)) => format!("{name}=.."),
        None if field.is_empty() => String::new(),
        None => "..".to_owned(),
    });
    format!("{path}?{}", fields.collect::<Vec<_>>().join("&"))
}

/// Replaces `%20` and its like by the bytes they stand for.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(UrlError::Encoding);
        };
        bytes.push(u8::try_from(high << 4 | low).map_err(|_| UrlError::Encoding)?);
    }
    Ok(bytes)
}

/// Resolves `.` and `..` in an absolute path; what leads above the top stays at the top.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    for (number, part) in parts.iter().enumerate() {
        let is_last = number + 1 == parts.len();
        match *part {
            "." | ".." => {
                if *part == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            part => kept.push(part),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests;
