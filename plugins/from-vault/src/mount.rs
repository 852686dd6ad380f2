//! Which part of a path is the mount, and how what is in it is read. The server tells everyone who may read anything there;
//! that needs no right of its own. Where it does not tell, both ways of reading are tried.

use crate::ability::Abilities;
use crate::config::Kv;
use crate::server::{Outcome, Server};
use punix_sdk::Error;

/// A mount. Invariant: `path` has no slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) path: String,
    pub(crate) kind: Kind,
}

/// How a mount is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// KV version 1.
    One,
    /// KV version 2.
    Two,
    /// Another engine, which makes what is read.
    Other,
    /// KV of a version that the server does not tell.
    Untold,
}

/// What is known of mounts so far.
#[derive(Debug, Default)]
pub(crate) struct Mounts(Vec<Mount>);

impl Mounts {
    /// Returns the mount of a path.
    pub(crate) fn of<A: Abilities>(
        &mut self,
        server: &Server<'_, A>,
        token: &A::Secret,
        path: &str,
    ) -> Result<Mount, Error> {
        let assumed = |kind| Mount { path: assumed(server.config.mount.as_deref(), path).to_owned(), kind };
        match server.config.kv {
            Kv::One => return Ok(assumed(Kind::One)),
            Kv::Two => return Ok(assumed(Kind::Two)),
            Kv::Auto => {}
        }
        if let Some(known) = self.0.iter().find(|mount| below(&mount.path, path).is_some()) {
            return Ok(known.clone());
        }
        let mount = match server.get(&format!("sys/internal/ui/mounts/{path}"), token)? {
            Outcome::Found(answer) => {
                let kind = kind(server, &answer)?;
                let told = server.text_at(&answer, "/data/path")?.unwrap_or_default();
                match told.trim_end_matches('/') {
                    told if below(told, path).is_some() => Mount { path: told.to_owned(), kind },
                    _ => assumed(kind),
                }
            }
            Outcome::Absent | Outcome::Refused(_) => assumed(Kind::Untold),
        };
        self.0.push(mount.clone());
        Ok(mount)
    }
}

impl Mount {
    /// Returns what stands behind the mount in a path; nothing if that is the mount itself.
    pub(crate) fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        below(&self.path, path).filter(|rest| !rest.is_empty())
    }
}

fn kind<A: Abilities>(server: &Server<'_, A>, answer: &A::Body) -> Result<Kind, Error> {
    let engine = server.text_at(answer, "/data/type")?;
    let version = server.text_at(answer, "/data/options/version")?;
    Ok(match (engine.as_deref(), version.as_deref()) {
        (None | Some("kv" | "generic"), Some("2")) => Kind::Two,
        (Some("kv" | "generic"), _) => Kind::One,
        (None, Some(_)) => Kind::One,
        (None, None) => Kind::Untold,
        (Some(_), _) => Kind::Other,
    })
}

/// Returns the mount that the operator named, or else the first part.
fn assumed<'a>(named: Option<&'a str>, path: &'a str) -> &'a str {
    match named {
        Some(named) if below(named, path).is_some() => named,
        _ => path.split('/').next().unwrap_or(path),
    }
}

/// Returns what stands in a path behind a beginning of whole parts.
fn below<'p>(beginning: &str, path: &'p str) -> Option<&'p str> {
    match path.strip_prefix(beginning) {
        Some("") if !beginning.is_empty() => Some(""),
        Some(rest) if !beginning.is_empty() => rest.strip_prefix('/'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, config};

    fn of(fake: &Fake, more: &str, path: &str) -> (String, Kind) {
        let config = config(more);
        let found = Mounts::default().of(&Server::new(fake, &config), &"t".to_owned(), path).unwrap();
        (found.path, found.kind)
    }

    fn told(path: &str, engine: &str, options: &str) -> Fake {
        let body = format!(r#"{{"data":{{"path":"{path}","type":"{engine}","options":{options}}}}}"#);
        Fake::new().answer("GET sys/internal/ui/mounts/team/kv/db", 200, &body)
    }

    #[test]
    fn the_server_tells_mount_and_version() {
        let path = "team/kv/db";
        assert_eq!(of(&told("team/kv/", "kv", r#"{"version":"2"}"#), "", path), ("team/kv".to_owned(), Kind::Two));
        assert_eq!(of(&told("team/kv", "kv", r#"{"version":2}"#), "", path), ("team/kv".to_owned(), Kind::Two));
        assert_eq!(of(&told("team/", "kv", r#"{"version":"1"}"#), "", path), ("team".to_owned(), Kind::One));
        assert_eq!(of(&told("team/", "generic", "null"), "", path), ("team".to_owned(), Kind::One));
        assert_eq!(of(&told("team/", "database", "null"), "", path), ("team".to_owned(), Kind::Other));
        assert_eq!(of(&told("te/", "kv", r#"{"version":"2"}"#), "", path), ("team".to_owned(), Kind::Two));
    }

    #[test]
    fn where_it_does_not_tell_the_first_part_is_the_mount_or_what_the_operator_says() {
        for status in [403, 404] {
            let fake = Fake::new().answer("GET sys/internal/ui/mounts/team/kv/db", status, "{}");
            assert_eq!(of(&fake, "", "team/kv/db"), ("team".to_owned(), Kind::Untold));
            assert_eq!(of(&fake, r#","mount":"team/kv""#, "team/kv/db"), ("team/kv".to_owned(), Kind::Untold));
        }
    }

    #[test]
    fn a_version_that_is_configured_asks_nobody() {
        let fake = Fake::new();
        assert_eq!(of(&fake, r#","kv":2"#, "team/kv/db"), ("team".to_owned(), Kind::Two));
        assert_eq!(of(&fake, r#","kv":1,"mount":"team/kv""#, "team/kv/db"), ("team/kv".to_owned(), Kind::One));
        assert_eq!(of(&fake, r#","kv":1,"mount":"team/kv""#, "other/db"), ("other".to_owned(), Kind::One));
        assert_eq!(fake.asked().len(), 0);
    }

    #[test]
    fn a_mount_is_asked_for_once() {
        let fake = told("team/kv/", "kv", r#"{"version":"2"}"#);
        let (config, token) = (config(""), "t".to_owned());
        let server = Server::new(&fake, &config);
        let mut mounts = Mounts::default();
        for path in ["team/kv/db", "team/kv/db", "team/kv/a/b"] {
            assert_eq!(mounts.of(&server, &token, path).unwrap().path, "team/kv");
        }
        assert_eq!(fake.asked().len(), 1);
    }

    #[test]
    fn parts_of_a_path_are_whole() {
        assert_eq!((below("kv", "kv/db"), below("kv", "kv2/db"), below("kv", "kv")), (Some("db"), None, Some("")));
        assert_eq!((below("", "kv/db"), below("kv/db/x", "kv/db")), (None, None));
    }
}
