//! `{ from_file = "secrets/db" }`: secrets in files of the machine that runs `punix`. The host knows which file a reference
//! means and opens it; here it is passed on, without the newline that editors leave at the end, and never seen.

use punix_sdk::cap::{files, secrets};
use punix_sdk::resolver::{Request, Resolved, Resolver};
use punix_sdk::{Diagnostic, Error, ErrorClass, Info, bail_at};

/// The root below which a path is a reference as the stack has it.
const REFERENCES: &str = "reference";

struct FromFile;

impl Resolver for FromFile {
    fn info() -> Info {
        punix_sdk::info!("Finds secrets in files.")
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        match is_nothing(config) {
            true => Vec::new(),
            false => vec![Diagnostic::error(Error::invalid("file.config", "this resolver has nothing to configure"))],
        }
    }

    fn resolve_all(requests: Vec<Request>) -> Vec<Result<Resolved, Error>> {
        requests.iter().map(|request| resolve(&request.reference)).collect()
    }

    fn parse(reference: &str) -> Result<String, Error> {
        one_form(reference)
    }
}

fn resolve(reference: &str) -> Result<Resolved, Error> {
    one_form(reference)?;
    let file = files::open(REFERENCES, reference).map_err(|error| explain(reference, error))?;
    Ok(secrets::from_blob(&file, true)?.into())
}

/// Names the file in what the host says about it.
fn explain(reference: &str, error: Error) -> Error {
    match error.class {
        ErrorClass::NotFound => Error::not_found("file.absent", format!("there is no file `{reference}`")),
        ErrorClass::InvalidInput
        | ErrorClass::Denied
        | ErrorClass::Transient
        | ErrorClass::Permanent
        | ErrorClass::Unsupported => error,
    }
}

/// Returns a path without what makes no difference: `./`, doubled slashes. `..` stays, since behind a link it does make one.
fn one_form(reference: &str) -> Result<String, Error> {
    let is_file = !matches!(reference.rsplit('/').next(), None | Some("" | "." | ".."));
    if !is_file || reference.contains(char::is_control) {
        bail_at!("reference", code = "file.path", "`{reference}` is not the path of a file");
    }
    let parts: Vec<&str> = reference.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let start = if reference.starts_with('/') { "/" } else { "" };
    Ok(format!("{start}{}", parts.join("/")))
}

/// Tells whether a text is an empty JSON object, or empty.
fn is_nothing(config: &str) -> bool {
    let inside = config.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inside.unwrap_or(config).trim().is_empty()
}

punix_sdk::export_resolver!(FromFile);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        for (path, expected) in [
            ("db", "db"),
            ("./db", "db"),
            ("secrets//./db", "secrets/db"),
            ("../shared/db", "../shared/db"),
            ("/run/secrets/db", "/run/secrets/db"),
            ("//run/./db", "/run/db"),
            ("with space/ü", "with space/ü"),
            (".hidden", ".hidden"),
        ] {
            assert_eq!(FromFile::parse(path).as_deref(), Ok(expected));
        }
        for wrong in ["", "/", ".", "..", "a/", "a/.", "a/..", "a\0b", "a\nb"] {
            let error = FromFile::parse(wrong).unwrap_err();
            assert_eq!((error.class, error.code.as_str()), (ErrorClass::InvalidInput, "file.path"), "{wrong}");
        }
    }

    #[test]
    fn an_absent_file_is_named_and_other_failures_stay() {
        let absent = explain("db", Error::not_found("host.file", "no such file"));
        assert_eq!((absent.class, absent.message.as_str()), (ErrorClass::NotFound, "there is no file `db`"));
        let denied = Error::denied("host.denied", "not granted");
        assert_eq!(explain("db", denied.clone()), denied);
    }

    #[test]
    fn there_is_nothing_to_configure() {
        for nothing in ["", "{}", " {\n} "] {
            assert_eq!(FromFile::check_config(nothing), []);
        }
        for something in [r#"{"a":1}"#, "[]", "null", "{", "}", "{}}"] {
            assert_eq!(FromFile::check_config(something).len(), 1, "{something}");
        }
    }

    #[test]
    fn it_says_who_it_is() {
        let info = FromFile::info();
        assert_eq!((info.id.as_str(), info.version.as_str()), ("punix.from-file", env!("CARGO_PKG_VERSION")));
    }
}
