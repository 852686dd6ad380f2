//! `{ from_age = "secrets/db.age" }`: secrets that lie encrypted beside the stack. The host reads the files; this decrypts
//! them, which nobody can do without seeing what is in them. What is seen goes to `secrets::seal` and nowhere else: not into
//! a message, not into the log.

mod armor;
mod base64;
mod bech32;
mod decrypt;
#[cfg(test)]
mod encryptor;
mod fault;
mod header;
mod identity;
#[cfg(test)]
mod real;

use identity::Identity;
use punix_sdk::cap::{files, secrets};
use punix_sdk::resolver::{Request, Resolved, Resolver};
use punix_sdk::{Diagnostic, Error, ErrorClass, Info, bail_at};
use zeroize::Zeroizing;

/// The root below which a path is a reference as the stack has it.
const REFERENCES: &str = "reference";
/// The root in which the identities are: a directory, and every file in it has some.
const IDENTITIES: &str = "identity";

/// The plugin.
pub struct FromAge;

impl Resolver for FromAge {
    fn info() -> Info {
        punix_sdk::info!("Decrypts secrets in age files.")
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        let nothing = matches!(config.split_whitespace().collect::<String>().as_str(), "" | "{}");
        let error = || Error::invalid("age.config", "this resolver has nothing to configure");
        if nothing { Vec::new() } else { vec![Diagnostic::error(error())] }
    }

    fn resolve_all(requests: Vec<Request>) -> Vec<Result<Resolved, Error>> {
        let identities = identities();
        requests.iter().map(|request| resolve(&request.reference, &identities)).collect()
    }

    fn parse(reference: &str) -> Result<String, Error> {
        one_form(reference)
    }
}

fn resolve(reference: &str, identities: &Result<Vec<Identity>, Error>) -> Result<Resolved, Error> {
    one_form(reference)?;
    let file = read(REFERENCES, reference).map_err(|error| of_file(reference, error))?;
    let identities = identities.as_ref().map_err(Clone::clone)?;
    let plain = decrypt::decrypt(&file, identities).map_err(|fault| fault.of(reference))?;
    Ok(secrets::seal(&format!("age:{reference}"), without_newline(&plain))?.into())
}

/// Reads a file of a root. Files are sealed, whatever is in them, so this is what `reveal` is asked for.
fn read(root: &str, path: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let file = files::open(root, path)?;
    Ok(Zeroizing::new(secrets::from_blob(&file, false)?.reveal()?))
}

/// Reads every identity that was granted. Names that begin with a dot are passed over: it is by these that agents change
/// all files of a directory at once.
fn identities() -> Result<Vec<Identity>, Error> {
    let mut identities = Vec::new();
    let names = files::list_dir(IDENTITIES, "").map_err(of_identity)?;
    for name in names.iter().filter(|name| !name.starts_with('.')) {
        let file = read(IDENTITIES, name).map_err(of_identity)?;
        identities.extend(identity::read(&format!("{IDENTITIES}/{name}"), &file)?);
    }
    match identities.is_empty() {
        false => Ok(identities),
        true => Err(Error::permanent("age.no-identity", format!("there is no identity in the root `{IDENTITIES}`"))),
    }
}

/// Names the file in what the host says about it.
fn of_file(reference: &str, error: Error) -> Error {
    match error.class == ErrorClass::NotFound {
        true => Error::not_found("age.absent", format!("there is no file `{reference}`")),
        false => error,
    }
}

/// That there is no identity must not look as if there was no secret.
fn of_identity(error: Error) -> Error {
    match error.class == ErrorClass::NotFound {
        true => Error::permanent("age.no-identity", error.message),
        false => error,
    }
}

/// Returns the content without the newline that editors leave at the end, one of them.
fn without_newline(plain: &[u8]) -> &[u8] {
    plain.strip_suffix(b"\n").unwrap_or(plain)
}

/// Returns a path without what makes no difference: `./`, doubled slashes. `..` stays, since behind a link it does make one.
fn one_form(reference: &str) -> Result<String, Error> {
    let is_file = !matches!(reference.rsplit('/').next(), None | Some("" | "." | ".."));
    if !is_file || reference.contains(char::is_control) {
        bail_at!("reference", code = "age.path", "`{reference}` is not the path of a file");
    }
    let parts: Vec<&str> = reference.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let start = if reference.starts_with('/') { "/" } else { "" };
    Ok(format!("{start}{}", parts.join("/")))
}

punix_sdk::export_resolver!(FromAge);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        for (path, expected) in [
            ("db.age", "db.age"),
            ("./db.age", "db.age"),
            ("secrets//./db.age", "secrets/db.age"),
            ("../shared/db.age", "../shared/db.age"),
            ("//srv/./db.age", "/srv/db.age"),
        ] {
            assert_eq!(FromAge::parse(path).as_deref(), Ok(expected));
        }
        for wrong in ["", "/", ".", "..", "a/", "a/.", "a/..", "a\0b", "a\nb"] {
            let error = FromAge::parse(wrong).unwrap_err();
            assert_eq!((error.class, error.code.as_str()), (ErrorClass::InvalidInput, "age.path"), "{wrong}");
        }
    }

    #[test]
    fn one_newline_is_dropped() {
        for (plain, expected) in [("a", "a"), ("a\n", "a"), ("a\n\n", "a\n"), ("\n", ""), ("", ""), ("a\r\n", "a\r")] {
            assert_eq!(without_newline(plain.as_bytes()), expected.as_bytes());
        }
    }

    #[test]
    fn no_identity_is_not_no_secret() {
        let absent = of_identity(Error::not_found("files.absent", "`identity/` is not there"));
        assert_eq!((absent.class, absent.code.as_str()), (ErrorClass::Permanent, "age.no-identity"));
        let denied = Error::denied("files.not-granted", "the root `identity` is not granted");
        assert_eq!(of_identity(denied.clone()), denied);
        assert_eq!(of_file("db.age", denied.clone()), denied);
        let absent = of_file("db.age", Error::not_found("files.absent", "`db.age` is not there"));
        assert_eq!((absent.class, absent.code.as_str()), (ErrorClass::NotFound, "age.absent"));
        assert_eq!(absent.message, "there is no file `db.age`");
    }

    #[test]
    fn there_is_nothing_to_configure() {
        for nothing in ["", "{}", " {\n} "] {
            assert_eq!(FromAge::check_config(nothing), []);
        }
        for something in [r#"{"a":1}"#, "[]", "null", "{", "}", "{}}"] {
            assert_eq!(FromAge::check_config(something).len(), 1, "{something}");
        }
    }

    #[test]
    fn it_says_who_it_is() {
        let info = FromAge::info();
        assert_eq!((info.id.as_str(), info.version.as_str()), ("org.example.from-age", env!("CARGO_PKG_VERSION")));
    }
}
