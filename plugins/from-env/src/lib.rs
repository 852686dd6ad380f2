//! `{ from_env = "DB_PASSWORD" }`: secrets in variables of the environment of whoever runs `punix`. It passes handles on and
//! never sees a value; an empty variable is a set one.

use punix_sdk::cap::env;
use punix_sdk::resolver::{Request, Resolved, Resolver};
use punix_sdk::{Diagnostic, Error, Info, bail_at};

struct FromEnv;

impl Resolver for FromEnv {
    fn info() -> Info {
        punix_sdk::info!("Finds secrets in variables of the environment.")
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        match is_nothing(config) {
            true => Vec::new(),
            false => vec![Diagnostic::error(Error::invalid("env.config", "this resolver has nothing to configure"))],
        }
    }

    fn resolve_all(requests: Vec<Request>) -> Vec<Result<Resolved, Error>> {
        requests.iter().map(|request| resolve(&request.reference)).collect()
    }

    fn parse(reference: &str) -> Result<String, Error> {
        let first = |first: char| first.is_ascii_alphabetic() || first == '_';
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !reference.starts_with(first) || !reference.bytes().all(plain) {
            bail_at!("reference", code = "env.name", "`{reference}` is not the name of a variable");
        }
        Ok(reference.to_owned())
    }
}

fn resolve(reference: &str) -> Result<Resolved, Error> {
    let name = FromEnv::parse(reference)?;
    match env::get_secret(&name)? {
        Some(secret) => Ok(secret.into()),
        None => Err(Error::not_found("env.unset", format!("the variable `{name}` is not set"))),
    }
}

/// Tells whether a text is an empty JSON object, or empty.
fn is_nothing(config: &str) -> bool {
    let inside = config.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inside.unwrap_or(config).trim().is_empty()
}

punix_sdk::export_resolver!(FromEnv);

#[cfg(test)]
mod tests {
    use super::*;
    use punix_sdk::ErrorClass;

    #[test]
    fn references_are_names_of_variables() {
        for name in ["A", "_x", "DB_PASSWORD_2"] {
            assert_eq!(FromEnv::parse(name).as_deref(), Ok(name));
        }
        for wrong in ["", "2A", "A-B", "A=B", "A B", "Ä", "A\0", "$A"] {
            let error = FromEnv::parse(wrong).unwrap_err();
            assert_eq!((error.class, error.at.as_deref()), (ErrorClass::InvalidInput, Some("reference")), "{wrong}");
        }
    }

    #[test]
    fn there_is_nothing_to_configure() {
        for nothing in ["", "{}", " {\n} "] {
            assert_eq!(FromEnv::check_config(nothing), []);
        }
        for something in [r#"{"a":1}"#, "[]", "null", "{", "}", "{}}"] {
            assert_eq!(FromEnv::check_config(something).len(), 1, "{something}");
        }
    }

    #[test]
    fn it_says_who_it_is() {
        let info = FromEnv::info();
        assert_eq!((info.id.as_str(), info.version.as_str()), ("punix.from-env", env!("CARGO_PKG_VERSION")));
    }
}
