//! Why there is no plain text. What is said names a place in the format, and never repeats a byte of the file.

use punix_sdk::Error;

/// What is wrong with an encrypted file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not begin as one does.
    NotAge,
    /// It is of another version of the format.
    Version,
    /// A passphrase opens it, and no identity does.
    Passphrase,
    /// It is meant for others.
    NoIdentity { tried: usize },
    /// It began well.
    Damaged { part: Part },
}

/// A part of an encrypted file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Armor,
    Header,
    /// What says for whom the file is.
    Recipient,
    /// What seals the header.
    Seal,
    Payload,
}

impl Fault {
    /// Says it of a file.
    pub(crate) fn of(self, file: &str) -> Error {
        match self {
            Fault::NotAge => Error::permanent("age.not-age", format!("`{file}` is not an age file")),
            Fault::Version => {
                Error::unsupported("age.version", format!("`{file}` is in a version of the age format other than 1"))
            }
            Fault::Passphrase => {
                let message = format!("`{file}` is encrypted with a passphrase, and only identities are known here");
                Error::unsupported("age.passphrase", message)
            }
            Fault::NoIdentity { tried } => {
                let message = format!("`{file}` is not encrypted for any identity that was granted ({tried} tried)");
                Error::permanent("age.no-identity", message)
            }
            Fault::Damaged { part } => {
                Error::permanent("age.damaged", format!("`{file}` is damaged: its {} is wrong", part.name()))
            }
        }
    }
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Armor => "armor",
            Part::Header => "header",
            Part::Recipient => "recipient",
            Part::Seal => "seal of the header",
            Part::Payload => "content",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use punix_sdk::ErrorClass;

    #[test]
    fn each_has_a_class_a_code_and_a_sentence() {
        for (fault, class, code, message) in [
            (Fault::NotAge, ErrorClass::Permanent, "age.not-age", "`a` is not an age file"),
            (
                Fault::Version,
                ErrorClass::Unsupported,
                "age.version",
                "`a` is in a version of the age format other than 1",
            ),
            (
                Fault::Passphrase,
                ErrorClass::Unsupported,
                "age.passphrase",
                "`a` is encrypted with a passphrase, and only identities are known here",
            ),
            (
                Fault::NoIdentity { tried: 2 },
                ErrorClass::Permanent,
                "age.no-identity",
                "`a` is not encrypted for any identity that was granted (2 tried)",
            ),
            (
                Fault::Damaged { part: Part::Payload },
                ErrorClass::Permanent,
                "age.damaged",
                "`a` is damaged: its content is wrong",
            ),
        ] {
            let error = fault.of("a");
            assert_eq!((error.class, error.code.as_str(), error.message.as_str()), (class, code, message));
        }
    }
}
