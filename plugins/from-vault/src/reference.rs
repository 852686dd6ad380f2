//! What a reference says: `mount/path#field`. Which part is the mount, only the server knows; so it stays one path here.

use punix_sdk::{Error, bail_at};

/// Where a secret is. Invariant: a path of at least two parts that can be read in one way only, and a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    path: String,
    field: String,
}

impl Reference {
    /// Reads a reference. The first `#` ends the path, since no path may have one.
    pub(crate) fn parse(text: &str) -> Result<Reference, Error> {
        let Some((path, field)) = text.split_once('#') else {
            bail_at!("reference", code = "vault.reference", "`{text}` names no field: write `mount/path#field`");
        };
        let path = path.strip_prefix('/').unwrap_or(path);
        if !path.contains('/') {
            bail_at!(
                "reference",
                code = "vault.reference",
                "`{text}` has no path below a mount: write `mount/path#field`"
            );
        }
        if let Some(part) = path.split('/').find(|part| !is_part(part)) {
            let what = if part.is_empty() { "an empty part" } else { "a part that addresses cannot have" };
            bail_at!("reference", code = "vault.reference", "the path of `{text}` has {what}: `{part}`");
        }
        if field.is_empty() || field.contains(char::is_control) {
            bail_at!("reference", code = "vault.reference", "`{text}` names no field: write `mount/path#field`");
        }
        Ok(Reference { path: path.to_owned(), field: field.to_owned() })
    }

    /// Returns the path with its mount: `kv/team/db`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the field's name.
    pub(crate) fn field(&self) -> &str {
        &self.field
    }

    /// Returns the JSON pointer of the field below another pointer.
    pub(crate) fn pointer(&self, below: &str) -> String {
        format!("{below}/{}", self.field.replace('~', "~0").replace('/', "~1"))
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.path, self.field)
    }
}

/// Tells whether a text is a part of a path for which nothing has to be escaped: the host asks for no other.
pub(crate) fn is_part(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,=:@".contains(&byte);
    !matches!(text, "" | "." | "..") && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_path_and_a_field() {
        for (text, path, field) in [
            ("kv/db#password", "kv/db", "password"),
            ("/kv/db#password", "kv/db", "password"),
            ("team/kv/a/b#x", "team/kv/a/b", "x"),
            ("kv/db#a#b", "kv/db", "a#b"),
            ("kv/user@example.com#a b", "kv/user@example.com", "a b"),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!((reference.path(), reference.field()), (path, field), "{text}");
            assert_eq!(Reference::parse(&reference.to_string()), Ok(reference), "{text}");
        }
    }

    #[test]
    fn what_is_no_reference_says_what_to_write() {
        for (text, message) in [
            ("db_pw", "`db_pw` names no field: write `mount/path#field`"),
            ("kv/db", "`kv/db` names no field: write `mount/path#field`"),
            ("kv/db#", "`kv/db#` names no field: write `mount/path#field`"),
            ("kv#a", "`kv#a` has no path below a mount: write `mount/path#field`"),
            ("#a", "`#a` has no path below a mount: write `mount/path#field`"),
            ("kv//db#a", "the path of `kv//db#a` has an empty part: ``"),
            ("kv/#a", "the path of `kv/#a` has an empty part: ``"),
            ("kv/../sys/seal#a", "the path of `kv/../sys/seal#a` has a part that addresses cannot have: `..`"),
            ("kv/a?b=c#a", "the path of `kv/a?b=c#a` has a part that addresses cannot have: `a?b=c`"),
            ("kv/a%2fb#a", "the path of `kv/a%2fb#a` has a part that addresses cannot have: `a%2fb`"),
        ] {
            let error = Reference::parse(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.code.as_str()), (message, "vault.reference"));
        }
    }

    #[test]
    fn a_field_is_one_member_whatever_is_in_its_name() {
        let pointer = |text| Reference::parse(text).unwrap().pointer("/data/data");
        assert_eq!(pointer("kv/db#password"), "/data/data/password");
        assert_eq!(pointer("kv/db#a/b~c"), "/data/data/a~1b~0c");
    }
}
