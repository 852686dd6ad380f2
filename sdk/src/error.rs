//! Failures, as a plugin tells them to the host: made in one line, placed, and passed on with `?`.

use crate::{Diagnostic, Error, ErrorClass, Severity};
use std::fmt::Display;

impl Error {
    /// Makes a failure of a class.
    ///
    /// `code` is a dotted word that never changes its meaning, such as `bao.lease-expired`; `message` is for people: lower
    /// case, without a full stop, and never with a secret in it.
    pub fn new(class: ErrorClass, code: impl Into<String>, message: impl Into<String>) -> Error {
        Error { class, code: code.into(), message: message.into(), at: None, retry_after_ms: None }
    }

    /// What was given cannot be understood, or is refused.
    pub fn invalid(code: impl Into<String>, message: impl Into<String>) -> Error {
        Error::new(ErrorClass::InvalidInput, code, message)
    }

    /// What was asked for is not there.
    pub fn not_found(code: impl Into<String>, message: impl Into<String>) -> Error {
        Error::new(ErrorClass::NotFound, code, message)
    }

    /// The other side does not allow it.
    pub fn denied(code: impl Into<String>, message: impl Into<String>) -> Error {
        Error::new(ErrorClass::Denied, code, message)
    }

    /// It may work if it is tried again.
    pub fn transient(code: impl Into<String>, message: impl Into<String>) -> Error {
        Error::new(ErrorClass::Transient, code, message)
    }

    /// It will not work, however often it is tried.
    pub fn permanent(code: impl Into<String>, message: impl Into<String>) -> Error {
        Error::new(ErrorClass::Permanent, code, message)
    }

    /// This plugin cannot do that.
    pub fn unsupported(code: impl Into<String>, message: impl Into<String>) -> Error {
        Error::new(ErrorClass::Unsupported, code, message)
    }

    /// Says where in what was given: `services.web.env.PORT`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Error {
        self.at = Some(place.into());
        self
    }

    /// Puts the place below another one: what is at `env.PORT` of a service is at `services.web.env.PORT` of the stack.
    #[must_use]
    pub fn below(mut self, place: &str) -> Error {
        self.at = Some(match self.at {
            Some(inner) => format!("{place}.{inner}"),
            None => place.to_owned(),
        });
        self
    }

    /// Makes it one that may work after a while.
    #[must_use]
    pub fn retry_after_ms(mut self, milliseconds: u32) -> Error {
        self.class = ErrorClass::Transient;
        self.retry_after_ms = Some(milliseconds);
        self
    }
}

/// Turns other failures into ours.
pub trait Explain<T> {
    /// Takes the failure for a fault of what was given.
    fn or_invalid(self, code: &str) -> Result<T, Error>;
    /// Takes the failure for a final one.
    fn or_permanent(self, code: &str) -> Result<T, Error>;
}

impl<T, E: Display> Explain<T> for Result<T, E> {
    fn or_invalid(self, code: &str) -> Result<T, Error> {
        self.map_err(|error| Error::invalid(code, error.to_string()))
    }

    fn or_permanent(self, code: &str) -> Result<T, Error> {
        self.map_err(|error| Error::permanent(code, error.to_string()))
    }
}

impl Diagnostic {
    /// Says that it cannot go on.
    pub fn error(error: Error) -> Diagnostic {
        Diagnostic { severity: Severity::Error, error }
    }

    /// Says that somebody should look.
    pub fn warning(error: Error) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, error }
    }

    /// Says something that is good to know.
    pub fn note(error: Error) -> Diagnostic {
        Diagnostic { severity: Severity::Note, error }
    }
}

/// Returns from the function: what was given is refused, and this is where and why.
///
/// ```ignore
/// bail_at!("env.PORT", "`{port}` is not a port");
/// bail_at!("env.PORT", code = "web.port", "`{port}` is not a port");
/// ```
#[macro_export]
macro_rules! bail_at {
    ($at:expr, code = $code:expr, $($message:tt)+) => {
        return ::core::result::Result::Err($crate::Error::invalid($code, ::std::format!($($message)+)).at($at).into())
    };
    ($at:expr, $($message:tt)+) => {
        $crate::bail_at!($at, code = "input.refused", $($message)+)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(text: &str) -> Result<u16, Error> {
        let port: u16 = text.parse().or_invalid("web.port")?;
        if port == 0 {
            bail_at!("env.PORT", "`{text}` is not a port");
        }
        if port < 1024 {
            bail_at!(format!("env.{}", "PORT"), code = "web.low-port", "`{port}` is for root");
        }
        Ok(port)
    }

    #[test]
    fn faults_have_a_class_a_code_a_sentence_and_a_place() {
        assert_eq!(port("8080"), Ok(8080));
        assert_eq!(port("0"), Err(Error::invalid("input.refused", "`0` is not a port").at("env.PORT")));
        let low = port("80").unwrap_err();
        assert_eq!((low.code.as_str(), low.message.as_str()), ("web.low-port", "`80` is for root"));
        assert_eq!(low.below("services.web").at.as_deref(), Some("services.web.env.PORT"));
        let other = port("x").unwrap_err();
        assert_eq!((other.class, other.code.as_str()), (ErrorClass::InvalidInput, "web.port"));
        assert_eq!(other.below("services.web").at.as_deref(), Some("services.web"));
    }

    #[test]
    fn what_may_be_tried_again_says_when() {
        let later = Error::permanent("bao.busy", "it is busy").retry_after_ms(250);
        assert_eq!((later.class, later.retry_after_ms), (ErrorClass::Transient, Some(250)));
    }
}
