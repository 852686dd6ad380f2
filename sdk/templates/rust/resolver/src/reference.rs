//! References to secrets: what stands behind the key in a stack, `{ from_template = "team/db#password" }`. Pure, so that
//! `cargo test` can try everything.

use punix_sdk::{Error, bail_at};

/// A reference. Invariant: the path has no empty part, no `.` and no `..`, and holds what needs no escapes in an address;
/// the field is not empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub path: String,
    pub field: String,
}

impl Reference {
    /// Reads `PATH#FIELD`.
    pub fn parse(text: &str) -> Result<Reference, Error> {
        let Some((path, field)) = text.split_once('#') else {
            bail_at!("reference", code = "punix-template.reference", "`{text}` has no field: write `PATH#FIELD`");
        };
        let is_part = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if !path.split('/').all(is_part) {
            bail_at!("reference", code = "punix-template.reference", "`{path}` is not the path of a secret");
        }
        if field.is_empty() {
            bail_at!("reference", code = "punix-template.reference", "`{text}` names no field");
        }
        Ok(Reference { path: path.to_owned(), field: field.to_owned() })
    }

    /// Returns where the field is in the answer, as a JSON pointer.
    pub fn pointer(&self) -> String {
        format!("/{}", self.field.replace('~', "~0").replace('/', "~1"))
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.path, self.field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_and_shown_in_one_form() {
        let reference = Reference::parse("team/db#pass/word").unwrap();
        assert_eq!((reference.path.as_str(), reference.pointer().as_str()), ("team/db", "/pass~1word"));
        assert_eq!(reference.to_string(), "team/db#pass/word");
    }

    #[test]
    fn what_is_none_is_refused_where_it_stands() {
        for text in ["", "team/db", "#password", "team/db#", "team//db#a", "../db#a", "team/db?x#a", "a b#c"] {
            let error = Reference::parse(text).unwrap_err();
            assert_eq!(
                (error.at.as_deref(), error.code.as_str()),
                (Some("reference"), "punix-template.reference"),
                "{text}"
            );
        }
    }
}
