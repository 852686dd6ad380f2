//! Names, and what is allowed in them: of stacks, services, variables, directives, units and accounts. A name that
//! passes here can stand in paths, in unit files and in commands as it is.

/// The longest name of a service: with an ending it is a unit's, which may have 255 bytes.
const SERVICE_NAME_BYTES_MAX: usize = 64;
const UNIT_NAME_BYTES_MAX: usize = 255;
const ACCOUNT_NAME_BYTES_MAX: usize = 32;

/// What a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitKind {
    Service,
    Timer,
}

impl UnitKind {
    /// Returns the name of a service's unit.
    pub(crate) fn of(self, service: &str) -> String {
        match self {
            UnitKind::Service => format!("{service}.service"),
            UnitKind::Timer => format!("{service}.timer"),
        }
    }
}

/// Tells whether this is the name of a stack: an identifier of the language.
pub(crate) fn is_stack(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

pub(crate) fn is_service(name: &str) -> bool {
    name.len() <= SERVICE_NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Tells whether systemd keeps a variable of this name.
pub(crate) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Tells whether a directive can have this name; those for other programs begin with `X-`.
pub(crate) fn is_directive(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Tells whether this is the name of a unit, also of one that is not ours.
pub(crate) fn is_unit(name: &str) -> bool {
    let known = |ending: &str| matches!(ending, "service" | "timer" | "socket" | "path" | "mount" | "target" | "slice");
    name.len() <= UNIT_NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b":_.\\@-".contains(&b))
        && name.rsplit_once('.').is_some_and(|(_, ending)| known(ending))
}

/// Tells whether sysusers.d makes a user or a group of this name.
pub(crate) fn is_account(name: &str) -> bool {
    name.len() <= ACCOUNT_NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
}

/// Tells whether a path is absolute, names a file, and has no part that leads elsewhere.
pub(crate) fn is_plain_path(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|parts| parts.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_where_they_could_mean_something_else() {
        for good in ["web", "Web-1.2_x", "0", &"a".repeat(64)] {
            assert!(is_service(good), "{good}");
        }
        for bad in ["", ".", "-a", "_a", "a b", "a@b", "a/b", "a\n", "é", "a%", &"a".repeat(65)] {
            assert!(!is_service(bad), "{bad}");
        }
        assert!(is_stack("_Web-") && !is_stack("a.b") && !is_stack("") && !is_stack("../x") && !is_stack("1a"));
        assert!(is_variable("a_1") && is_variable("_") && !is_variable("lower-case") && !is_variable("1A"));
        assert!(!is_variable("") && !is_variable("É") && !is_variable("A\n") && !is_variable("A=B"));
        assert!(
            is_directive("Nice")
                && is_directive("X-Note")
                && !is_directive("A=B")
                && !is_directive("")
                && !is_directive("[S]")
        );
        assert!(
            is_unit("a.service")
                && is_unit("a@b.timer")
                && !is_unit("--now")
                && !is_unit("a")
                && !is_unit("a b.service")
        );
        assert!(!is_unit("-a.service") && !is_unit("a.conf") && !is_unit(".service\n"));
        assert!(is_account("www-data") && is_account("_x") && !is_account("Web") && !is_account("web\n"));
        assert!(!is_account(&"a".repeat(33)));
        for (path, plain) in
            [("/a/b", true), ("/", false), ("a", false), ("/a/", false), ("/a//b", false), ("/../a", false)]
        {
            assert_eq!(is_plain_path(path), plain, "{path}");
        }
    }
}
