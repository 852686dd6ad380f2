//! Where a repository lies. Whatever could be taken for an option, a command or a helper program is refused before
//! `git` sees it.

use crate::fetch::{Origin, Url, UrlError, hide_values, is_scheme};
use crate::limits::URL_BYTES_MAX;
use crate::secret::Secret;
use std::fmt;

/// Why a text is not a url that a repository is fetched from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitUrlError {
    #[error("the url of a repository has at most {URL_BYTES_MAX} bytes, not {bytes}")]
    Long { bytes: usize },
    #[error("the url of a repository cannot hold `{}`", .character.escape_default())]
    Character { character: char },
    #[error("the url of a repository cannot begin with `-`")]
    Option,
    #[error("the helper program `{name}` is not started for a repository")]
    Helper { name: String },
    #[error("no repository is fetched by `{scheme}`; {ACCEPTED}")]
    Scheme { scheme: String },
    #[error("this is not the url of a repository; {ACCEPTED}")]
    Shape,
    #[error("a password cannot be given to `ssh` in a url")]
    Password,
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error("`{}` leads out of the server that it begins at", .relative.escape_debug())]
    Outside { relative: String },
    #[error("what comes from the network cannot name a repository of this machine")]
    Local,
}

const ACCEPTED: &str =
    "`https`, `http`, `ssh`, `git`, `file`, an absolute path and `user@host:path` are what is accepted";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Https,
    Http,
    Ssh,
    Git,
    Local,
}

/// Where a repository lies. Invariant: without control characters, of one of the accepted forms, absolute.
#[derive(Clone)]
pub struct GitUrl {
    kind: Kind,
    /// All that comes before the path.
    before: String,
    path: String,
    /// What follows the path, with the question mark.
    query: String,
    origin: Option<Origin>,
    pub(super) credentials: Option<Secret>,
}

impl GitUrl {
    /// Reads where a repository lies.
    pub fn parse(text: &str) -> Result<GitUrl, GitUrlError> {
        if text.len() > URL_BYTES_MAX {
            return Err(GitUrlError::Long { bytes: text.len() });
        }
        if let Some(character) = text.chars().find(|character| character.is_control()) {
            return Err(GitUrlError::Character { character });
        }
        if text.starts_with('-') {
            return Err(GitUrlError::Option);
        }
        if let Some((name, _)) = text.split_once("::").filter(|(name, _)| is_scheme(name)) {
            return Err(GitUrlError::Helper { name: name.to_owned() });
        }
        if text.starts_with('/') {
            return Ok(GitUrl::plain(Kind::Local, "", text));
        }
        let Some((scheme, rest)) = text.split_once("://") else { return scp(text) };
        match &*scheme.to_ascii_lowercase() {
            "https" => web(Kind::Https, text),
            "http" => web(Kind::Http, text),
            "ssh" => server(Kind::Ssh, "ssh://", rest),
            "git" => server(Kind::Git, "git://", rest),
            "file" => {
                let shown = Url::parse(text)?.to_string();
                Ok(GitUrl::plain(Kind::Local, "file://", shown.strip_prefix("file://").unwrap_or_default()))
            }
            scheme if is_scheme(scheme) => Err(GitUrlError::Scheme { scheme: scheme.to_owned() }),
            _ => Err(GitUrlError::Shape),
        }
    }

    fn plain(kind: Kind, before: &str, path: &str) -> GitUrl {
        let (before, path) = (before.to_owned(), path.to_owned());
        GitUrl { kind, before, path, query: String::new(), origin: None, credentials: None }
    }

    /// Returns what `git` is told. No password is in it.
    pub(super) fn request(&self) -> String {
        format!("{}{}{}", self.before, self.path, self.query)
    }

    /// Returns the protocols that `git` may speak for this.
    pub(super) fn protocols(&self) -> &'static str {
        match self.kind {
            Kind::Https => "https",
            Kind::Http => "http:https",
            Kind::Ssh => "ssh",
            Kind::Git => "git",
            Kind::Local => "file",
        }
    }

    /// Returns the server, if it speaks HTTP.
    pub(super) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Tells whether this is a server that can be shown a token.
    pub(super) fn is_web(&self) -> bool {
        self.origin.is_some()
    }

    /// Returns where a submodule lies. One that begins with `./` or `../` lies beside this repository.
    pub(super) fn submodule(&self, text: &str) -> Result<GitUrl, GitUrlError> {
        let outside = || GitUrlError::Outside { relative: text.to_owned() };
        if !text.starts_with("./") && !text.starts_with("../") {
            let url = GitUrl::parse(text)?;
            return match (self.kind, url.kind) {
                (Kind::Local, Kind::Local) => Ok(url),
                (Kind::Https | Kind::Http | Kind::Ssh | Kind::Git, Kind::Local) => Err(GitUrlError::Local),
                (_, Kind::Https | Kind::Http | Kind::Ssh | Kind::Git) => Ok(url),
            };
        }
        let (mut base, mut rest) = (self.path.trim_end_matches('/'), text);
        loop {
            if let Some(after) = rest.strip_prefix("./") {
                rest = after;
            } else if let Some(after) = rest.strip_prefix("../") {
                base = match base.rsplit_once('/') {
                    Some((above, _)) => above,
                    None if !base.is_empty() => "",
                    None => return Err(outside()),
                };
                rest = after;
            } else {
                break;
            }
        }
        if rest.is_empty() || rest.split('/').any(|part| part == "..") {
            return Err(outside());
        }
        let separator = if base.is_empty() && self.is_scp() { "" } else { "/" };
        GitUrl::parse(&format!("{}{base}{separator}{rest}", self.before))
    }

    fn is_scp(&self) -> bool {
        self.kind == Kind::Ssh && !self.before.contains("://")
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.credentials, self.before.split_once("://")) {
            (Some(_), Some((scheme, host))) => write!(f, "{scheme}://..@{host}")?,
            (Some(_) | None, _) => f.write_str(&self.before)?,
        }
        write!(f, "{}{}", self.path, hide_values(&self.query))
    }
}

impl fmt::Debug for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitUrl({self})")
    }
}

fn web(kind: Kind, text: &str) -> Result<GitUrl, GitUrlError> {
    let url = Url::parse(text)?;
    let web = match url.into_web() {
        Some(web) => web,
        None => return Err(GitUrlError::Shape),
    };
    let (origin, path, query, credentials) = web.into_parts();
    Ok(GitUrl { kind, before: origin.to_string(), path, query, origin: Some(origin), credentials })
}

/// Reads what follows `ssh://` or `git://`.
fn server(kind: Kind, before: &str, rest: &str) -> Result<GitUrl, GitUrlError> {
    let (authority, path) = rest.split_at(rest.find('/').ok_or(GitUrlError::Shape)?);
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    match user {
        Some(_) if kind == Kind::Git => return Err(GitUrlError::Shape),
        Some(user) if user.contains(':') => return Err(GitUrlError::Password),
        Some(user) if !is_user(user) => return Err(GitUrlError::Shape),
        Some(_) | None => {}
    }
    Origin::parse(true, host)?;
    if path.len() < 2 || !path.chars().all(|character| character.is_ascii_graphic()) {
        return Err(GitUrlError::Shape);
    }
    Ok(GitUrl::plain(kind, &format!("{before}{authority}"), path))
}

/// Reads `user@host:path`.
fn scp(text: &str) -> Result<GitUrl, GitUrlError> {
    let (user, rest) = text.split_once('@').ok_or(GitUrlError::Shape)?;
    let end = if rest.starts_with('[') { rest.find(']').ok_or(GitUrlError::Shape)? } else { 0 };
    let colon = rest[end..].find(':').ok_or(GitUrlError::Shape)? + end;
    let (host, path) = (&rest[..colon], &rest[colon + 1..]);
    if !is_user(user) || path.is_empty() || path.starts_with('-') {
        return Err(GitUrlError::Shape);
    }
    Origin::parse(true, host)?;
    Ok(GitUrl::plain(Kind::Ssh, &format!("{user}@{host}:"), path))
}

fn is_user(user: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    !user.is_empty() && !user.starts_with('-') && user.bytes().all(fits)
}

#[cfg(test)]
mod tests;
