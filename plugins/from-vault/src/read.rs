//! Reading what is at a path, and taking fields out of the answer, which nobody here sees.

use crate::ability::Abilities;
use crate::mount::{Kind, Mount};
use crate::reference::Reference;
use crate::server::{Outcome, Server};
use punix_sdk::{Error, ErrorClass};

/// What was read at a path.
pub(crate) struct Reading<B> {
    body: B,
    /// The JSON pointer of what has the fields.
    fields: &'static str,
    version: Option<String>,
    ttl_ms: Option<u64>,
    renewable: bool,
}

/// A field of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value<S> {
    pub(crate) secret: S,
    pub(crate) version: Option<String>,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) renewable: bool,
}

/// Reads a path, once.
pub(crate) fn read<A: Abilities>(
    server: &Server<'_, A>,
    token: &A::Secret,
    mount: &Mount,
    path: &str,
) -> Result<Reading<A::Body>, Error> {
    let Some(rest) = mount.rest(path) else {
        let message = format!("`{path}` is a mount, and what is wanted is something below it");
        return Err(Error::invalid("vault.reference", message).at("reference"));
    };
    let versioned = format!("{}/data/{rest}", mount.path);
    match mount.kind {
        Kind::One => match server.get(path, token)? {
            Outcome::Found(body) => Ok(one(body)),
            Outcome::Absent => Err(absent(path)),
            Outcome::Refused(status) => Err(refused(path, status)),
        },
        Kind::Two => match server.get(&versioned, token)? {
            Outcome::Found(body) => two(server, body),
            Outcome::Absent => Err(absent(path)),
            Outcome::Refused(status) => Err(refused(&versioned, status)),
        },
        Kind::Other => match server.get(path, token)? {
            Outcome::Found(body) => other(server, body),
            Outcome::Absent => Err(absent(path)),
            Outcome::Refused(status) => Err(refused(path, status)),
        },
        Kind::Untold => try_both(server, token, &versioned, path),
    }
}

impl<B> Reading<B> {
    /// Takes a field as a secret.
    pub(crate) fn field<A: Abilities<Body = B>>(
        &self,
        server: &Server<'_, A>,
        reference: &Reference,
    ) -> Result<Value<A::Secret>, Error> {
        let (path, field) = (reference.path(), reference.field());
        let taken = server.abilities.secret_at(&self.body, &reference.pointer(self.fields));
        let secret = taken.map_err(|error| match error.class {
            ErrorClass::NotFound => Error::not_found("vault.no-field", format!("`{path}` has no field `{field}`")),
            ErrorClass::InvalidInput => {
                let said = error.message;
                Error::invalid("vault.field", format!("the field `{field}` of `{path}` cannot be taken: {said}"))
            }
            ErrorClass::Denied | ErrorClass::Transient | ErrorClass::Permanent | ErrorClass::Unsupported => error,
        })?;
        Ok(Value { secret, version: self.version.clone(), ttl_ms: self.ttl_ms, renewable: self.renewable })
    }
}

/// Reads as version 2, and if that is not what it is, as version 1.
fn try_both<A: Abilities>(
    server: &Server<'_, A>,
    token: &A::Secret,
    versioned: &str,
    path: &str,
) -> Result<Reading<A::Body>, Error> {
    let first = server.get(versioned, token)?;
    if let Outcome::Found(body) = first {
        let reading = two(server, body)?;
        // Without a version it is something of version 1 that happens to be below `data`.
        if reading.version.is_some() {
            return Ok(reading);
        }
        return as_one(server, token, path, None);
    }
    let status = match first {
        Outcome::Refused(status) => Some((versioned, status)),
        Outcome::Found(_) | Outcome::Absent => None,
    };
    as_one(server, token, path, status)
}

fn as_one<A: Abilities>(
    server: &Server<'_, A>,
    token: &A::Secret,
    path: &str,
    refused_before: Option<(&str, u16)>,
) -> Result<Reading<A::Body>, Error> {
    match (server.get(path, token)?, refused_before) {
        (Outcome::Found(body), _) => Ok(one(body)),
        (Outcome::Absent | Outcome::Refused(_), Some((versioned, status))) => Err(refused(versioned, status)),
        (Outcome::Refused(status), None) => Err(refused(path, status)),
        (Outcome::Absent, None) => Err(absent(path)),
    }
}

fn one<B>(body: B) -> Reading<B> {
    // The lease time of version 1 says how often to look again; nothing ends then.
    Reading { body, fields: "/data", version: None, ttl_ms: None, renewable: false }
}

fn two<A: Abilities>(server: &Server<'_, A>, body: A::Body) -> Result<Reading<A::Body>, Error> {
    let version = server.number_at(&body, "/data/metadata/version")?.map(|number| number.to_string());
    Ok(Reading { body, fields: "/data/data", version, ttl_ms: None, renewable: false })
}

fn other<A: Abilities>(server: &Server<'_, A>, body: A::Body) -> Result<Reading<A::Body>, Error> {
    let seconds = server.number_at(&body, "/lease_duration")?.filter(|seconds| *seconds > 0);
    let renewable = server.abilities.public_at(&body, "/renewable")?.as_deref() == Some("true");
    let ttl_ms = seconds.map(|seconds| seconds.saturating_mul(1_000));
    Ok(Reading { body, fields: "/data", version: None, ttl_ms, renewable })
}

fn absent(path: &str) -> Error {
    Error::not_found("vault.absent", format!("there is nothing at `{path}`"))
}

fn refused(path: &str, status: u16) -> Error {
    Error::denied(
        "vault.refused",
        format!(
            "the server refused to read `{path}` (status {status}): check that the token is valid, and that a policy of \
             it allows `read` there"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, config};

    const TWO: &str = r#"{"data":{"data":{"password":"hunter2","port":5432,"deep":{}},"metadata":{"version":7}}}"#;
    const ONE: &str = r#"{"lease_duration":2764800,"data":{"password":"hunter1"}}"#;

    fn get(fake: &Fake, kind: Kind, reference: &str) -> Result<Value<String>, Error> {
        let (config, reference) = (config(""), Reference::parse(reference).unwrap());
        let server = Server::new(fake, &config);
        let mount = Mount { path: "kv".to_owned(), kind };
        read(&server, &"t".to_owned(), &mount, reference.path())?.field(&server, &reference)
    }

    fn value(secret: &str, version: Option<&str>) -> Value<String> {
        Value { secret: secret.to_owned(), version: version.map(str::to_owned), ttl_ms: None, renewable: false }
    }

    #[test]
    fn both_versions_are_read_where_they_keep_things() {
        let fake = Fake::new().answer("GET kv/data/team/db", 200, TWO).answer("GET kv/team/db", 200, ONE);
        assert_eq!(get(&fake, Kind::Two, "kv/team/db#password"), Ok(value("hunter2", Some("7"))));
        assert_eq!(get(&fake, Kind::Two, "kv/team/db#port"), Ok(value("5432", Some("7"))));
        assert_eq!(get(&fake, Kind::One, "kv/team/db#password"), Ok(value("hunter1", None)));
    }

    #[test]
    fn what_an_engine_makes_has_an_end() {
        let body = r#"{"lease_duration":3600,"renewable":true,"data":{"password":"made"}}"#;
        let made =
            get(&Fake::new().answer("GET kv/creds/app", 200, body), Kind::Other, "kv/creds/app#password").unwrap();
        assert_eq!((made.secret.as_str(), made.ttl_ms, made.renewable), ("made", Some(3_600_000), true));
    }

    #[test]
    fn where_the_version_is_untold_both_are_tried() {
        let both = |two: u16, body: &str, one: u16| {
            let fake = Fake::new().answer("GET kv/data/db", two, body).answer("GET kv/db", one, ONE);
            get(&fake, Kind::Untold, "kv/db#password").map(|value| value.secret).map_err(|error| error.message)
        };
        let refused = |path: &str| {
            Err(format!(
                "the server refused to read `{path}` (status 403): check that the token is valid, and that a policy of it \
                 allows `read` there"
            ))
        };
        assert_eq!(both(200, TWO, 404), Ok("hunter2".to_owned()));
        assert_eq!(both(404, "{}", 200), Ok("hunter1".to_owned()));
        assert_eq!(both(403, "{}", 200), Ok("hunter1".to_owned()));
        assert_eq!(both(200, r#"{"data":{"password":"another"}}"#, 200), Ok("hunter1".to_owned()));
        assert_eq!(both(403, "{}", 404), refused("kv/data/db"));
        assert_eq!(both(404, "{}", 403), refused("kv/db"));
        assert_eq!(both(404, "{}", 404), Err("there is nothing at `kv/db`".to_owned()));
    }

    #[test]
    fn what_is_missing_is_named_by_path_and_field_and_never_by_value() {
        let fake = Fake::new().answer("GET kv/data/db", 200, TWO);
        let said = |reference: &str| {
            let error = get(&fake, Kind::Two, reference).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter"));
            (error.class, error.message)
        };
        let class = ErrorClass::NotFound;
        assert_eq!(said("kv/db#user"), (class, "`kv/db` has no field `user`".to_owned()));
        assert_eq!(said("kv/other#user"), (class, "there is nothing at `kv/other`".to_owned()));
        let no_text = "the field `deep` of `kv/db` cannot be taken: it is not a text";
        assert_eq!(said("kv/db#deep"), (ErrorClass::InvalidInput, no_text.to_owned()));
    }

    #[test]
    fn a_mount_itself_is_no_secret() {
        let config = config("");
        let (fake, mount) = (Fake::new(), Mount { path: "team/kv".to_owned(), kind: Kind::Two });
        let error = read(&Server::new(&fake, &config), &"t".to_owned(), &mount, "team/kv").err().unwrap();
        assert_eq!((error.class, error.at.as_deref()), (ErrorClass::InvalidInput, Some("reference")));
        assert_eq!(fake.asked().len(), 0);
    }
}
