//! The way from all references of a run to their secrets: for each configuration one login, for each path one read.

use crate::ability::Abilities;
use crate::config::Config;
use crate::login::log_in;
use crate::mount::Mounts;
use crate::read::{Reading, Value, read};
use crate::reference::Reference;
use crate::server::Server;
use punix_sdk::{Error, ErrorClass};
use std::collections::BTreeMap;

/// A secret that is wanted.
pub(crate) struct Want<S> {
    pub(crate) reference: String,
    pub(crate) config: String,
    pub(crate) credentials: Vec<(String, S)>,
}

/// What came of a want.
pub(crate) type Found<S> = Result<Value<S>, Error>;

/// Returns an answer for each want, in their order.
pub(crate) fn find_all<A: Abilities>(abilities: &A, wants: Vec<Want<A::Secret>>) -> Vec<Found<A::Secret>> {
    let mut groups: BTreeMap<String, Group<A::Secret>> = BTreeMap::new();
    let count = wants.len();
    for (index, want) in wants.into_iter().enumerate() {
        let group = groups.entry(want.config).or_insert_with(|| Group { references: Vec::new(), credentials: None });
        group.references.push((index, Reference::parse(&want.reference)));
        // Those of one configuration are the same ones; nothing is lost with the others.
        group.credentials.get_or_insert(want.credentials);
    }
    let mut found: Vec<(usize, Found<A::Secret>)> = Vec::with_capacity(count);
    for (config, group) in groups {
        found.extend(group.find(abilities, &config));
    }
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, answer)| answer).collect()
}

/// What is wanted of one server.
struct Group<S> {
    /// With the places that the answers have.
    references: Vec<(usize, Result<Reference, Error>)>,
    credentials: Option<Vec<(String, S)>>,
}

impl<S> Group<S> {
    fn find<A: Abilities<Secret = S>>(self, abilities: &A, config: &str) -> Vec<(usize, Found<S>)> {
        let Group { references, credentials } = self;
        let refuse_all = |references: Vec<(usize, Result<Reference, Error>)>, error: &Error| {
            let refuse = |(index, reference): (usize, Result<Reference, Error>)| {
                (index, Err(reference.err().unwrap_or_else(|| error.clone())))
            };
            references.into_iter().map(refuse).collect()
        };
        let config = match Config::parse(config) {
            Ok(config) => config,
            Err(error) => return refuse_all(references, &error),
        };
        if references.iter().all(|(_, reference)| reference.is_err()) {
            let nothing = Error::invalid("vault.reference", "there is no sound reference");
            return refuse_all(references, &nothing);
        }
        let server = Server::new(abilities, &config);
        let token = match log_in(&server, credentials.unwrap_or_default()) {
            Ok(token) => token,
            Err(error) => return refuse_all(references, &error),
        };
        let mut shelf = Shelf { server: &server, token, mounts: Mounts::default(), read: BTreeMap::new(), down: None };
        references
            .into_iter()
            .map(|(index, reference)| (index, reference.and_then(|reference| shelf.take(&reference))))
            .collect()
    }
}

/// What was read so far.
struct Shelf<'a, A: Abilities> {
    server: &'a Server<'a, A>,
    token: A::Secret,
    mounts: Mounts,
    read: BTreeMap<String, Result<Reading<A::Body>, Error>>,
    /// The server does not answer; nothing more is asked.
    down: Option<Error>,
}

impl<A: Abilities> Shelf<'_, A> {
    fn take(&mut self, reference: &Reference) -> Found<A::Secret> {
        let path = reference.path();
        if !self.read.contains_key(path) {
            let reading = self.fetch(path);
            self.read.insert(path.to_owned(), reading);
        }
        match self.read.get(path) {
            Some(Ok(reading)) => reading.field(self.server, reference),
            Some(Err(error)) => Err(error.clone()),
            None => Err(Error::permanent("vault.unread", format!("`{path}` was not read"))),
        }
    }

    fn fetch(&mut self, path: &str) -> Result<Reading<A::Body>, Error> {
        if let Some(error) = &self.down {
            return Err(error.clone());
        }
        let mount = self.mounts.of(self.server, &self.token, path);
        let reading = mount.and_then(|mount| read(self.server, &self.token, &mount, path));
        if let Err(error) = &reading
            && error.class == ErrorClass::Transient
        {
            self.down = Some(error.clone());
        }
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    const CONFIG: &str = r#"{"address":"https://vault.internal"}"#;
    const TOLD: &str = r#"{"data":{"path":"kv/","type":"kv","options":{"version":"2"}}}"#;
    const DB: &str = r#"{"data":{"data":{"user":"web","password":"hunter2"},"metadata":{"version":3}}}"#;

    fn find(fake: &Fake, references: &[&str], config: &str) -> Vec<Result<String, String>> {
        let want = |reference: &&str| Want {
            reference: (*reference).to_owned(),
            config: config.to_owned(),
            credentials: vec![("token".to_owned(), "s.1".to_owned())],
        };
        let found = find_all(fake, references.iter().map(want).collect());
        found.into_iter().map(|found| found.map(|value| value.secret).map_err(|error| error.message)).collect()
    }

    fn server() -> Fake {
        Fake::new().answer("GET sys/internal/ui/mounts/kv/db", 200, TOLD).answer("GET kv/data/db", 200, DB)
    }

    #[test]
    fn a_path_is_read_once_however_many_fields_are_wanted() {
        let fake = server();
        let found = find(&fake, &["kv/db#password", "kv/db#user", "kv/db#absent", "kv/db#password"], CONFIG);
        let absent = Err("`kv/db` has no field `absent`".to_owned());
        assert_eq!(found, [Ok("hunter2".to_owned()), Ok("web".to_owned()), absent, Ok("hunter2".to_owned())]);
        let asked = [
            "GET sys/internal/ui/mounts/kv/db [token s.1] [x-vault-request: true]",
            "GET kv/data/db [token s.1] [x-vault-request: true]",
        ];
        assert_eq!(fake.asked(), asked);
    }

    #[test]
    fn one_login_serves_all_references() {
        let config = r#"{"address":"https://vault.internal","auth":{"method":"approle","role_id":"r"}}"#;
        let fake = server().answer("POST auth/approle/login", 200, r#"{"auth":{"client_token":"s.2"}}"#);
        let fake = fake.answer("GET kv/data/other", 200, DB);
        let found = find(&fake, &["kv/db#user", "kv/other#user"], config);
        assert_eq!(found, [Ok("web".to_owned()), Ok("web".to_owned())]);
        assert_eq!(fake.asked().iter().filter(|asked| asked.starts_with("POST")).count(), 1);
        assert_eq!(fake.asked().iter().filter(|asked| asked.contains("[token s.2]")).count(), 3);
    }

    #[test]
    fn what_cannot_be_understood_is_told_beside_what_is_found() {
        let found = find(&server(), &["db", "kv/db#user"], CONFIG);
        assert_eq!(found, [Err("`db` names no field: write `mount/path#field`".to_owned()), Ok("web".to_owned())]);
        let fake = Fake::new();
        let found = find(&fake, &["db"], CONFIG);
        assert_eq!(found, [Err("`db` names no field: write `mount/path#field`".to_owned())]);
        assert_eq!(fake.asked().len(), 0, "nobody logs in for nothing");
        assert!(find(&fake, &["kv/db#user"], "{}")[0].as_ref().unwrap_err().contains("address"));
    }

    #[test]
    fn a_server_that_is_down_is_not_asked_for_everything() {
        let fake = Fake::new().answer("GET sys/internal/ui/mounts/kv/db", 503, "");
        let found = find(&fake, &["kv/db#user", "kv/other#user", "elsewhere/x#user"], CONFIG);
        let down = Err("the server is sealed, or down for maintenance (status 503)".to_owned());
        assert_eq!(found, [down.clone(), down.clone(), down]);
        assert_eq!(fake.asked().len(), 5);
    }

    #[test]
    fn two_configurations_are_two_servers() {
        let fake = server();
        let want = |config: &str| Want {
            reference: "kv/db#user".to_owned(),
            config: config.to_owned(),
            credentials: vec![("token".to_owned(), config.len().to_string())],
        };
        let other = r#"{"address":"https://other.internal"}"#;
        let found = find_all(&fake, vec![want(other), want(CONFIG), want(other)]);
        assert!(found.iter().all(Result::is_ok));
        assert_eq!(fake.asked().len(), 4);
    }
}
