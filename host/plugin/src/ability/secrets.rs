//! What may become a secret, and what of a sealed document may be read. There must be no way to compare two secrets, or
//! one with a guess.
//!
//! That is why documents are looked into only as they came from outside. A plugin that could put a secret between two
//! pieces of its own, and then ask whether there is a member of that name, or whether it is JSON at all, would have such a
//! way. And bytes that a plugin has chosen become a secret only where `seal` is granted, whichever way they go.

use super::document::{self, DocumentError, Scalar};
use crate::limits::{LABEL_CHARACTERS_MAX, PUBLIC_BYTES_MAX};
use crate::word::{Pointer, cut};
use crate::world::Kind;
use punix_model::{Class, PluginError, Secret};
use std::collections::BTreeSet;

/// How bytes came together. Of two pieces, the whole is the later of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Made {
    /// They came from outside as they are.
    Whole,
    /// They were put together here of such.
    Joined,
    /// The plugin wrote some of them, or could have.
    Written,
}

/// A document, and what is known of it.
#[derive(Clone, Copy)]
pub(crate) struct Document<'d> {
    pub(crate) bytes: &'d [u8],
    pub(crate) sealed: bool,
    pub(crate) made: Made,
    pub(crate) public: &'d BTreeSet<Pointer>,
}

/// Why something does not become a secret, or is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("`{kind}` is not granted")]
    NotGranted { kind: Kind },
    #[error("there are bytes in it that the plugin wrote or could have written, and `seal` is not granted")]
    Written,
    #[error("it was put together here: only documents that come as they are from outside are looked into")]
    Joined,
    #[error("`{pointer}` is not granted to be read")]
    NotPublic { pointer: String },
    #[error("what stands at `{pointer}` is a list, an object, or larger than {PUBLIC_BYTES_MAX} bytes")]
    Unfit { pointer: String },
    #[error("`{pointer}`: {cause}")]
    Document { pointer: String, cause: DocumentError },
}

/// Takes the value at a pointer out of a document.
pub(crate) fn extract(document: Document<'_>, pointer: &str, may_seal: bool) -> Result<Secret, SecretError> {
    require_whole(document, may_seal)?;
    let found = document::scalar(document.bytes, pointer).and_then(Scalar::secret);
    found.map_err(|cause| SecretError::Document { pointer: cut(pointer), cause })
}

/// Returns the value at a pointer as JSON, if there is one and it may be read.
pub(crate) fn public(document: Document<'_>, pointer: &str) -> Result<Option<String>, SecretError> {
    let granted = Pointer::parse(pointer).is_ok_and(|pointer| document.public.contains(&pointer));
    if !granted {
        return Err(SecretError::NotPublic { pointer: cut(pointer) });
    }
    require_whole(document, false)?;
    match document::scalar(document.bytes, pointer).and_then(Scalar::json) {
        Ok(json) if json.len() <= PUBLIC_BYTES_MAX => Ok(Some(json)),
        Ok(_) | Err(DocumentError::Shape) => Err(SecretError::Unfit { pointer: cut(pointer) }),
        Err(DocumentError::Absent) => Ok(None),
        Err(cause) => Err(SecretError::Document { pointer: cut(pointer), cause }),
    }
}

/// Takes all of a document as a secret.
pub(crate) fn whole(document: Document<'_>, trim_newline: bool, may_seal: bool) -> Result<Secret, SecretError> {
    if document.made == Made::Written && !may_seal {
        return Err(SecretError::Written);
    }
    let trimmed = document.bytes.strip_suffix(b"\n").filter(|_| trim_newline);
    Ok(Secret::new(trimmed.unwrap_or(document.bytes).to_vec()))
}

/// Returns a name for a secret that the plugin has computed, from its own hint.
pub(crate) fn label(hint: &str) -> String {
    let clean = |character: char| match character {
        'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_' | '.' | ':' | '/' | '@' | '+' => character,
        _ => '_',
    };
    let hint: String = hint.chars().take(LABEL_CHARACTERS_MAX).map(clean).collect();
    format!("sealed:{hint}")
}

fn require_whole(document: Document<'_>, may_seal: bool) -> Result<(), SecretError> {
    match (document.made, document.sealed) {
        (Made::Whole, _) => Ok(()),
        (Made::Joined | Made::Written, true) => Err(SecretError::Joined),
        // The plugin knows what is in it.
        (Made::Joined | Made::Written, false) if may_seal => Ok(()),
        (Made::Joined | Made::Written, false) => Err(SecretError::Written),
    }
}

impl SecretError {
    fn class_and_code(&self) -> (Class, &'static str) {
        match self {
            SecretError::NotGranted { .. } => (Class::Denied, "secret.not-granted"),
            SecretError::Written => (Class::Denied, "secret.written"),
            SecretError::Joined => (Class::Denied, "secret.joined"),
            SecretError::NotPublic { .. } | SecretError::Unfit { .. } => (Class::Denied, "secret.not-public"),
            SecretError::Document { cause, .. } => match cause {
                DocumentError::Pointer | DocumentError::Deep => (Class::InvalidInput, "secret.pointer"),
                DocumentError::NotJson => (Class::InvalidInput, "secret.not-json"),
                DocumentError::Absent => (Class::NotFound, "secret.absent"),
                DocumentError::Twice => (Class::InvalidInput, "secret.twice"),
                DocumentError::Shape | DocumentError::Half => (Class::InvalidInput, "secret.shape"),
            },
        }
    }

    /// Returns which grant would have helped.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self {
            SecretError::NotGranted { kind } => Some(*kind),
            SecretError::Written => Some(Kind::Seal),
            SecretError::Joined
            | SecretError::NotPublic { .. }
            | SecretError::Unfit { .. }
            | SecretError::Document { .. } => None,
        }
    }
}

impl From<SecretError> for PluginError {
    fn from(error: SecretError) -> PluginError {
        let (class, code) = error.class_and_code();
        super::told(class, code, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document<'d>(bytes: &'d [u8], sealed: bool, made: Made, public: &'d BTreeSet<Pointer>) -> Document<'d> {
        Document { bytes, sealed, made, public }
    }

    fn pointers(texts: &[&str]) -> BTreeSet<Pointer> {
        texts.iter().map(|text| Pointer::parse(text).unwrap()).collect()
    }

    fn bytes(secret: Result<Secret, SecretError>) -> Result<Vec<u8>, &'static str> {
        secret.map(|secret| secret.expose().to_vec()).map_err(|error| error.class_and_code().1)
    }

    #[test]
    fn documents_are_looked_into_only_as_they_came() {
        let none = BTreeSet::new();
        let json = br#"{"hunter2":"x"}"#;
        let both = |sealed, made, may_seal| {
            let found = bytes(extract(document(json, sealed, made, &none), "/hunter2", may_seal));
            let guess = bytes(extract(document(json, sealed, made, &none), "/guess", may_seal));
            (found, guess)
        };
        assert_eq!(both(true, Made::Whole, false), (Ok(b"x".to_vec()), Err("secret.absent")));
        for (made, may_seal) in [(Made::Joined, false), (Made::Joined, true), (Made::Written, true)] {
            assert_eq!(both(true, made, may_seal), (Err("secret.joined"), Err("secret.joined")), "{made:?}");
        }
        assert_eq!(both(false, Made::Written, false), (Err("secret.written"), Err("secret.written")));
        assert_eq!(both(false, Made::Written, true).0, Ok(b"x".to_vec()));
    }

    #[test]
    fn what_the_plugin_wrote_is_a_secret_only_where_seal_is_granted() {
        let none = BTreeSet::new();
        let taken = |sealed, made, may_seal| bytes(whole(document(b"a\n\n", sealed, made, &none), true, may_seal));
        assert_eq!(taken(true, Made::Whole, false), Ok(b"a\n".to_vec()));
        assert_eq!(taken(true, Made::Joined, false), Ok(b"a\n".to_vec()));
        assert_eq!(taken(true, Made::Written, false), Err("secret.written"));
        assert_eq!(taken(false, Made::Written, false), Err("secret.written"));
        assert_eq!(taken(false, Made::Written, true), Ok(b"a\n".to_vec()));
    }

    #[test]
    fn exactly_one_newline_is_trimmed_on_demand() {
        let none = BTreeSet::new();
        let taken = |text: &'static [u8], trim| bytes(whole(document(text, true, Made::Whole, &none), trim, false));
        for (text, trimmed) in [(&b"a\n"[..], &b"a"[..]), (b"a\r\n", b"a\r"), (b"a", b"a"), (b"\n", b""), (b"", b"")] {
            assert_eq!(taken(text, true).as_deref(), Ok(trimmed));
            assert_eq!(taken(text, false).as_deref(), Ok(text));
        }
    }

    #[test]
    fn only_granted_members_are_read() {
        let granted = pointers(&["/lease", "/list", "/long", "/absent", "/null"]);
        let long =
            format!(r#"{{"lease":3600,"key":"x","list":[1],"null":null,"long":"{}"}}"#, "a".repeat(PUBLIC_BYTES_MAX));
        let read = |pointer: &str| {
            let found = public(document(long.as_bytes(), true, Made::Whole, &granted), pointer);
            found.map_err(|error| error.class_and_code().1)
        };
        assert_eq!(read("/lease"), Ok(Some("3600".to_owned())));
        assert_eq!(read("/null"), Ok(Some("null".to_owned())));
        assert_eq!(read("/absent"), Ok(None));
        for (pointer, code) in [
            ("/key", "secret.not-public"),
            ("/nothing", "secret.not-public"),
            ("", "secret.not-public"),
            ("/lease/", "secret.not-public"),
            ("lease", "secret.not-public"),
            ("/long", "secret.not-public"),
            ("/list", "secret.not-public"),
        ] {
            assert_eq!(read(pointer), Err(code), "{pointer}");
        }
        let joined = public(document(br#"{"lease":1}"#, true, Made::Joined, &granted), "/lease");
        assert_eq!(joined, Err(SecretError::Joined));
    }

    #[test]
    fn a_hint_cannot_look_like_another_label() {
        assert_eq!(label("age:db"), "sealed:age:db");
        assert_eq!(label("a\n`b`\u{1b}[0m ä"), "sealed:a__b___0m__");
        assert_eq!(label(""), "sealed:");
        assert_eq!(label(&"a".repeat(10_000)).len(), "sealed:".len() + LABEL_CHARACTERS_MAX);
    }
}
