//! Logging in: whichever way, a token comes out of it as a handle. Once for all references of one configuration.

use crate::ability::Abilities;
use crate::config::Auth;
use crate::server::{Outcome, Server};
use punix_sdk::Error;
use punix_sdk::serde_json::json;

/// Returns the token to ask with. `credentials` are what the operator configured, by name; they go before what lies around.
pub(crate) fn log_in<A: Abilities>(
    server: &Server<'_, A>,
    credentials: Vec<(String, A::Secret)>,
) -> Result<A::Secret, Error> {
    let mut sources = Sources { abilities: server.abilities, credentials };
    match &server.config.auth {
        Auth::Token {} => token(&mut sources),
        Auth::AppRole { role_id, .. } => app_role(server, &mut sources, role_id.as_deref()),
        Auth::Kubernetes { role, .. } => kubernetes(server, &mut sources, role),
    }
}

/// Where what one logs in with may be found.
struct Sources<'a, A: Abilities> {
    abilities: &'a A,
    credentials: Vec<(String, A::Secret)>,
}

impl<A: Abilities> Sources<'_, A> {
    fn configured(&mut self, name: &str) -> Option<A::Secret> {
        let at = self.credentials.iter().position(|(known, _)| known == name)?;
        Some(self.credentials.swap_remove(at).1)
    }

    /// Takes what is configured under a name, or else the first of these variables that is set.
    fn find(&mut self, name: &str, variables: &[&str]) -> Result<Option<A::Secret>, Error> {
        if let Some(secret) = self.configured(name) {
            return Ok(Some(secret));
        }
        for variable in variables {
            if let Some(secret) = self.abilities.variable(variable)? {
                return Ok(Some(secret));
            }
        }
        Ok(None)
    }
}

fn token<A: Abilities>(sources: &mut Sources<'_, A>) -> Result<A::Secret, Error> {
    if let Some(secret) = sources.find("token", &["VAULT_TOKEN", "BAO_TOKEN"])? {
        return Ok(secret);
    }
    // A root that is one file: there is nothing below it.
    match sources.abilities.file("vault-token", "")? {
        Some(secret) => Ok(secret),
        None => Err(absent("there is no token to log in with: set VAULT_TOKEN, or run `vault login`")),
    }
}

fn app_role<A: Abilities>(
    server: &Server<'_, A>,
    sources: &mut Sources<'_, A>,
    role_id: Option<&str>,
) -> Result<A::Secret, Error> {
    let found = match role_id {
        Some(_) => None,
        None => sources.find("role_id", &["VAULT_ROLE_ID"])?,
    };
    if role_id.is_none() && found.is_none() {
        return Err(absent("there is no role to log in with: set `role_id` in the configuration, or VAULT_ROLE_ID"));
    }
    let secret_id = sources.find("secret_id", &["VAULT_SECRET_ID"])?;
    let mut body = json!({ "role_id": role_id.unwrap_or("") });
    let mut fill = Vec::new();
    fill.extend(found.as_ref().map(|secret| ("/role_id", secret)));
    // A role can be such that its name is enough.
    if let Some(secret) = &secret_id {
        body["secret_id"] = "".into();
        fill.push(("/secret_id", secret));
    }
    enter(server, body.to_string(), fill)
}

fn kubernetes<A: Abilities>(
    server: &Server<'_, A>,
    sources: &mut Sources<'_, A>,
    role: &str,
) -> Result<A::Secret, Error> {
    let found = match sources.configured("jwt") {
        Some(secret) => Some(secret),
        None => sources.abilities.file("kubernetes-token", "token")?,
    };
    let Some(jwt) = found else {
        return Err(absent("there is no service account to log in with: this does not run in a pod of Kubernetes"));
    };
    enter(server, json!({ "role": role, "jwt": "" }).to_string(), vec![("/jwt", &jwt)])
}

/// Asks for a token.
fn enter<A: Abilities>(
    server: &Server<'_, A>,
    body: String,
    fill: Vec<(&'static str, &A::Secret)>,
) -> Result<A::Secret, Error> {
    let auth = &server.config.auth;
    let (method, path) = (auth.method(), format!("auth/{}/login", auth.mount()));
    match server.post(&path, body, fill)? {
        Outcome::Found(answer) => server.abilities.secret_at(&answer, "/auth/client_token").map_err(|error| {
            Error::permanent("vault.login", format!("the login at `{path}` gave no token: {}", error.message))
        }),
        Outcome::Refused(status) => Err(Error::denied(
            "vault.login",
            format!(
                "the server refused the login with `{method}` (status {status}): check the role, and what proves it"
            ),
        )),
        Outcome::Absent => Err(Error::denied(
            "vault.login",
            format!("the server has no login with `{method}` at `auth/{}`", auth.mount()),
        )),
    }
}

fn absent(message: &str) -> Error {
    Error::denied("vault.no-credentials", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, config};
    use punix_sdk::ErrorClass;

    fn enter_with(fake: &Fake, more: &str, credentials: &[(&str, &str)]) -> Result<String, Error> {
        let owned = credentials.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        log_in(&Server::new(fake, &config(more)), owned)
    }

    #[test]
    fn a_token_is_taken_from_where_it_was_put_most_deliberately() {
        let everywhere = || {
            let fake = Fake::new().variable("VAULT_TOKEN", "of-vault").variable("BAO_TOKEN", "of-bao");
            fake.file("vault-token", "", "of-file")
        };
        let found = |fake: Fake, credentials: &[(&str, &str)]| enter_with(&fake, "", credentials).unwrap();
        assert_eq!(found(everywhere(), &[("other", "x"), ("token", "configured")]), "configured");
        assert_eq!(found(everywhere(), &[]), "of-vault");
        assert_eq!(found(Fake::new().variable("BAO_TOKEN", "of-bao"), &[]), "of-bao");
        assert_eq!(found(Fake::new().file("vault-token", "", "of-file"), &[]), "of-file");
        let error = enter_with(&Fake::new(), "", &[]).unwrap_err();
        assert_eq!(error.message, "there is no token to log in with: set VAULT_TOKEN, or run `vault login`");
        assert_eq!(error.class, ErrorClass::Denied);
    }

    const LOGGED_IN: &str = r#"{"auth":{"client_token":"s.new","lease_duration":60}}"#;

    #[test]
    fn a_role_logs_in_with_what_proves_it() {
        let approle = r#","auth":{"method":"approle","role_id":"r1"}"#;
        let fake = Fake::new().variable("VAULT_SECRET_ID", "sid").answer("POST auth/approle/login", 200, LOGGED_IN);
        assert_eq!(enter_with(&fake, approle, &[]).as_deref(), Ok("s.new"));
        let asked = r#"POST auth/approle/login [x-vault-request: true] {"role_id":"r1","secret_id":"<sid>"}"#;
        assert_eq!(fake.asked(), [asked]);

        let elsewhere = r#","auth":{"method":"approle","mount":"ci/approle"}"#;
        let fake = Fake::new().variable("VAULT_ROLE_ID", "rid").answer("POST auth/ci/approle/login", 200, LOGGED_IN);
        assert_eq!(enter_with(&fake, elsewhere, &[("secret_id", "given")]).as_deref(), Ok("s.new"));
        let asked = r#"POST auth/ci/approle/login [x-vault-request: true] {"role_id":"<rid>","secret_id":"<given>"}"#;
        assert_eq!(fake.asked(), [asked]);

        let error = enter_with(&Fake::new(), elsewhere, &[]).unwrap_err();
        assert_eq!(
            error.message,
            "there is no role to log in with: set `role_id` in the configuration, or VAULT_ROLE_ID"
        );
    }

    #[test]
    fn a_pod_logs_in_with_its_service_account() {
        let kubernetes = r#","auth":{"method":"kubernetes","role":"deploy"}"#;
        let fake = Fake::new().file("kubernetes-token", "token", "j.w.t");
        let fake = fake.answer("POST auth/kubernetes/login", 200, LOGGED_IN);
        assert_eq!(enter_with(&fake, kubernetes, &[]).as_deref(), Ok("s.new"));
        let asked = r#"POST auth/kubernetes/login [x-vault-request: true] {"jwt":"<j.w.t>","role":"deploy"}"#;
        assert_eq!(fake.asked(), [asked]);
        let error = enter_with(&Fake::new(), kubernetes, &[]).unwrap_err();
        assert!(error.message.contains("this does not run in a pod"), "{error:?}");
    }

    #[test]
    fn a_refused_login_says_what_to_check_and_nothing_secret() {
        let approle = r#","auth":{"method":"approle","role_id":"r1"}"#;
        let said = |status, body: &str| {
            let fake =
                Fake::new().variable("VAULT_SECRET_ID", "hunter2").answer("POST auth/approle/login", status, body);
            let error = enter_with(&fake, approle, &[]).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"));
            (error.class, error.message)
        };
        let refused = "the server refused the login with `approle` (status 400): check the role, and what proves it";
        assert_eq!(said(400, "{}"), (ErrorClass::Denied, refused.to_owned()));
        let none = "the server has no login with `approle` at `auth/approle`";
        assert_eq!(said(404, "{}"), (ErrorClass::Denied, none.to_owned()));
        assert_eq!(said(200, r#"{"auth":null}"#).0, ErrorClass::Permanent);
    }
}
