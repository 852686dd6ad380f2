//! `--target`: another machine, as it is named on the command line. It is read strictly, since parts of it become words of
//! other programs.

use crate::cmd::service::Stopped;
use punix_model::Endpoint;
use std::fmt;

/// Another machine. Invariant: user and host hold nothing but letters, digits and `._-`, and do not begin with `-`; a host
/// may be an address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl Remote {
    /// Reads `ssh://user@host:port`.
    pub(crate) fn parse(text: &str) -> Result<Remote, Stopped> {
        let form = || {
            let message = format!("--target must be ssh://user@host[:port], got `{}`", visible(text));
            Stopped::usage(message, "for example: --target ssh://deploy@web1.example.org")
        };
        let rest = text.strip_prefix("ssh://").ok_or_else(form)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        if place.is_empty() {
            return Err(Stopped::usage(
                format!("--target missing host: `{}`", visible(text)),
                "write ssh://user@host[:port]",
            ));
        }
        let (host, port) = split(place).ok_or_else(form)?;
        let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_host = match address {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_plain(host),
        };
        if !is_host || user.is_some_and(|user| !is_plain(user)) {
            return Err(form());
        }
        let port = match port {
            Some(digits) => Some(number(digits).ok_or_else(form)?),
            None => None,
        };
        Ok(Remote { user: user.map(str::to_owned), host: host.to_owned(), port })
    }
}

impl Remote {
    /// Returns it as transports take it, with what the command line says besides.
    pub(crate) fn endpoint(&self, options: Vec<(String, String)>) -> Endpoint {
        let host = self.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Endpoint { scheme: "ssh".to_owned(), user: self.user.clone(), host, port: self.port, path: None, options }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(&self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Returns a text that anybody may have written, as it can be shown.
fn visible(text: &str) -> String {
    let mut clean = String::new();
    punix_diag::visible(text, &mut clean);
    clean
}

/// Takes a port off its host.
fn split(place: &str) -> Option<(&str, Option<&str>)> {
    match place.rfind(']') {
        Some(end) => {
            let (host, rest) = place.split_at_checked(end + 1)?;
            match rest.strip_prefix(':') {
                Some(port) => Some((host, Some(port))),
                None => rest.is_empty().then_some((host, None)),
            }
        }
        None => match place.split_once(':') {
            Some((host, port)) => Some((host, Some(port))),
            None => Some((place, None)),
        },
    }
}

fn number(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| plain && *port > 0)
}

/// Tells whether a text can be a word of another program and mean nothing else.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_user_a_host_and_a_port() {
        for text in ["ssh://h", "ssh://u@h", "ssh://u@h:22", "ssh://a.b-c_d@10.0.0.1:65535", "ssh://u@[::1]:2222"] {
            assert_eq!(Remote::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Remote::parse("ssh://h/").unwrap().to_string(), "ssh://h");
    }

    #[test]
    fn transports_take_addresses_without_brackets() {
        let endpoint = Remote::parse("ssh://u@[::1]:2222").unwrap().endpoint(Vec::new());
        assert_eq!((endpoint.host.as_str(), endpoint.port, endpoint.user.as_deref()), ("::1", Some(2222), Some("u")));
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in [
            "",
            "h",
            "http://h",
            "ssh://",
            "ssh://u@",
            "ssh://h:",
            "ssh://h:0",
            "ssh://h:x",
            "ssh://h:65536",
            "ssh://h:+1",
            "ssh://-oProxyCommand=x@h",
            "ssh://-h",
            "ssh://@h",
            "ssh://a b@h",
            "ssh://h/path",
            "ssh://h?x",
            "ssh://[::1",
            "ssh://[x]",
            "ssh://[::1]x",
            "ssh://a@b@c",
        ] {
            assert!(Remote::parse(text).is_err(), "{text}");
        }
    }
}
