//! Addresses of HTTP, read so strictly that there is one way to read them. What a grant is compared with is exactly what
//! is asked for: nothing is decoded, resolved or completed on the way but the port and an empty path.

use crate::limits::URL_BYTES_MAX;
use crate::pattern::{is_address, is_domain, is_plain_path};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// What to ask for. Invariant: the host is a domain name in lower case or an address in its usual spelling; the path is
/// one that a pattern can match; all of it is graphic ASCII without a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl {
    secure: bool,
    /// An address of IPv6 is in brackets.
    host: String,
    port: u16,
    path: String,
    /// What follows the `?`.
    query: Option<String>,
}

/// Why a text is no address that can be asked for. The text is not quoted: its query is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("a url has at most {URL_BYTES_MAX} bytes")]
    Long,
    #[error("a url begins with `https://` or `http://`")]
    Scheme,
    #[error("a url is of graphic ASCII characters without quotes, brackets and backslashes, and has no `#`")]
    Character,
    #[error("a url has no user; what logs in is a header")]
    User,
    #[error("a url names a host: a domain name, or an address in its usual spelling")]
    Host,
    #[error("the port of a url is a number from 1 to 65535")]
    Port,
    #[error("a path in a url has no `%`, `*` or `;`, no `.` or `..` as a part, and no doubled slashes")]
    Path,
    #[error("a `%` in a query is followed by two hexadecimal digits")]
    Query,
}

impl WebUrl {
    /// Reads one.
    pub fn parse(text: &str) -> Result<WebUrl, UrlError> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlError::Long);
        }
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(UrlError::Scheme),
        };
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlError::User);
        }
        if !target.chars().all(is_plain) {
            return Err(UrlError::Character);
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let (host, port) = host_and_port(authority)?;
        let path = if path.is_empty() { "/" } else { path };
        if !is_plain_path(path) {
            return Err(UrlError::Path);
        }
        if query.is_some_and(|query| !is_escaped(query)) {
            return Err(UrlError::Query);
        }
        Ok(WebUrl {
            secure,
            host,
            port: port.unwrap_or(usual_port(secure)),
            path: path.to_owned(),
            query: query.map(str::to_owned),
        })
    }

    /// Tells whether it is asked for by TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the host; an address of IPv6 is in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path, which begins with a slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the address that stands in it, if it is no name.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let inside = self.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inside.unwrap_or(&self.host).parse().ok()
    }

    /// Returns what the header `host` says.
    pub(super) fn authority(&self) -> String {
        match self.port == usual_port(self.secure) {
            true => self.host.clone(),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Returns what the first line of a request asks for.
    pub(super) fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

/// Shows it without its query, which may hold anything.
impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// Reads `host` or `host:port`; the host comes out in lower case, an address in its usual spelling.
fn host_and_port(text: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0') => {
            Some(digits.parse().map_err(|_| UrlError::Port)?)
        }
        Some(_) => return Err(UrlError::Port),
        None => None,
    };
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = match inside.map(str::parse::<Ipv6Addr>) {
        Some(Ok(address)) => format!("[{address}]"),
        Some(Err(_)) => return Err(UrlError::Host),
        None => host.to_ascii_lowercase(),
    };
    if is_address(&host) || is_domain(&host) { Ok((host, port)) } else { Err(UrlError::Host) }
}

fn usual_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_graphic() && !"\"#<>\\^`{|}".contains(character)
}

fn is_escaped(query: &str) -> bool {
    let is_hex = |rest: &[u8]| rest.len() >= 2 && rest.iter().take(2).all(u8::is_ascii_hexdigit);
    query.split('%').skip(1).all(|rest| is_hex(rest.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read() {
        let cases = [
            ("https://vault.internal:8200/v1/kv/db", "https vault.internal 8200 /v1/kv/db"),
            ("https://Vault.Internal", "https vault.internal 443 /"),
            ("http://a?x=1", "http a 80 /?x=1"),
            ("https://a:443/b?", "https a 443 /b?"),
            ("https://a/b?x=%2F..%2f//&y=a/../b?", "https a 443 /b?x=%2F..%2f//&y=a/../b?"),
            ("https://10.0.0.1:1/", "https 10.0.0.1 1 /"),
            ("https://[0:0::0:1]:8200/v1/", "https [::1] 8200 /v1/"),
            ("https://[::FFFF:127.0.0.1]", "https [::ffff:127.0.0.1] 443 /"),
        ];
        for (text, expected) in cases {
            let url = WebUrl::parse(text).unwrap();
            let scheme = if url.is_secure() { "https" } else { "http" };
            assert_eq!(format!("{scheme} {} {} {}", url.host(), url.port(), url.target()), expected);
        }
    }

    #[test]
    fn what_is_refused() {
        let long = format!("https://a/{}", "a".repeat(URL_BYTES_MAX));
        let cases = [
            (long.as_str(), UrlError::Long),
            ("", UrlError::Scheme),
            ("HTTPS://a/", UrlError::Scheme),
            ("ftp://a/", UrlError::Scheme),
            ("https:/a", UrlError::Scheme),
            ("//a/", UrlError::Scheme),
            (" https://a/", UrlError::Scheme),
            ("https://a/b c", UrlError::Character),
            ("https://a/b\r\nhost: c", UrlError::Character),
            ("https://a/b#c", UrlError::Character),
            ("https://a/b\\c", UrlError::Character),
            ("https://a/?é", UrlError::Character),
            ("https://u@a/", UrlError::User),
            ("https://u:p@a/", UrlError::User),
            ("https:///", UrlError::Host),
            ("https://a b/", UrlError::Host),
            ("https://a\\b/", UrlError::Host),
            ("https://a#b", UrlError::Host),
            ("https://-a/", UrlError::Host),
            ("https://a./", UrlError::Host),
            ("https://a..b/", UrlError::Host),
            ("https://127.1/", UrlError::Host),
            ("https://0x7f000001/", UrlError::Host),
            ("https://2130706433/", UrlError::Host),
            ("https://0177.0.0.1/", UrlError::Host),
            ("https://[::1%25eth0]/", UrlError::Host),
            ("https://[::1/", UrlError::Host),
            ("https://[127.0.0.1]/", UrlError::Host),
            ("https://::1/", UrlError::Host),
            ("https://é/", UrlError::Host),
            ("https://a:0/", UrlError::Port),
            ("https://a:/", UrlError::Port),
            ("https://a:080/", UrlError::Port),
            ("https://a:65536/", UrlError::Port),
            ("https://a:+1/", UrlError::Port),
            ("https://a:1:2/", UrlError::Host),
            ("https://a/..", UrlError::Path),
            ("https://a/b/./c", UrlError::Path),
            ("https://a//b", UrlError::Path),
            ("https://a/b//", UrlError::Path),
            ("https://a/%2e%2e/b", UrlError::Path),
            ("https://a/b%2fc", UrlError::Path),
            ("https://a/b%20c", UrlError::Path),
            ("https://a/b;c", UrlError::Path),
            ("https://a/b*", UrlError::Path),
            ("https://a/?%", UrlError::Query),
            ("https://a/?%2", UrlError::Query),
            ("https://a/?%2g", UrlError::Query),
        ];
        for (text, expected) in cases {
            assert_eq!(WebUrl::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn what_is_shown_has_no_query() {
        let show = |text: &str| WebUrl::parse(text).unwrap().to_string();
        assert_eq!(show("https://a:443/b?token=x"), "https://a/b");
        assert_eq!(show("http://a:443?x"), "http://a:443/");
    }

    #[test]
    fn an_address_is_told_from_a_name() {
        let address = |text: &str| WebUrl::parse(text).unwrap().address().map(|address| address.to_string());
        assert_eq!(address("https://[::1]:1/").as_deref(), Some("::1"));
        assert_eq!(address("https://10.0.0.1/").as_deref(), Some("10.0.0.1"));
        assert_eq!(address("https://localhost/"), None);
    }
}
