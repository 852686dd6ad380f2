//! What names may be: pure rules, one for each kind of name, all held against the whole text.

use punix_diag::closest;
use punix_target::{PathIssue, TargetPath};

/// With an ending it is the name of a unit, which may have 255 bytes.
const SERVICE_NAME_BYTES_MAX: usize = 64;
const ACCOUNT_NAME_BYTES_MAX: usize = 32;
const FILE_NAME_BYTES_MAX: usize = 255;
const HOSTNAME_BYTES_MAX: usize = 253;
const HOSTNAME_LABEL_BYTES_MAX: usize = 63;

pub(super) const SERVICE_RULE: &str = "it begins with a letter or a digit, goes on with letters, digits, `_`, `.` and `-`, and \
                                       has at most 64 characters: it becomes the name of a unit";

pub(super) fn is_service(name: &str) -> bool {
    name.len() <= SERVICE_NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Tells whether programs can be given a variable of this name, and systemd keeps it.
pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Tells whether this is the name of a file in `bin`, and not a way to elsewhere.
pub(super) fn is_binary(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= FILE_NAME_BYTES_MAX
        && !name.contains('/')
        && !name.chars().any(char::is_control)
}

/// Tells whether this can be the name of a user or a group that is there already, or its number.
pub(super) fn is_account(name: &str) -> bool {
    let number = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) && name.parse::<u32>().is_ok();
    number
        || (name.len() <= ACCOUNT_NAME_BYTES_MAX
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)))
}

pub(super) fn is_hostname(name: &str) -> bool {
    let label = |label: &str| {
        (1..=HOSTNAME_LABEL_BYTES_MAX).contains(&label.len())
            && !label.starts_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= HOSTNAME_BYTES_MAX && name.split('.').all(label)
}

/// Reads the permission bits of a file: three octal digits, with any number of zeros before.
pub(super) fn mode(text: &str) -> Option<u32> {
    const BITS: u32 = 0o777;
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let fits = (3..=5).contains(&digits.len()) && digits.bytes().all(|b| (b'0'..=b'7').contains(&b));
    u32::from_str_radix(digits, 8).ok().filter(|mode| fits && *mode <= BITS)
}

/// Returns the field that a name is a slip of: one wrong letter in five, two in eight.
pub(super) fn slip<'f>(name: &str, fields: impl Iterator<Item = &'f str>) -> Option<&'f str> {
    let (near, distance) = closest(name, fields)?;
    let allowed = match name.chars().count() {
        0..=4 => 0,
        5..=7 => 1,
        _ => 2,
    };
    (distance <= allowed).then_some(near)
}

/// Makes a path plain: below a home if it is relative and there is one. Says what is wrong as the end of a sentence.
pub(super) fn plain_path(written: &str, home: Option<&str>) -> Result<String, String> {
    if !written.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-".contains(&b)) {
        return Err("it may hold letters, digits, `.`, `_`, `-` and `/` only".to_owned());
    }
    let below = match (written.starts_with('/'), home) {
        (true, _) => "",
        (false, Some(home)) if !written.is_empty() => home.trim_end_matches('/'),
        (false, _) => return Err("it does not start with `/`".to_owned()),
    };
    if written.split('/').any(|part| part == "..") {
        return Err("it has a part `..`".to_owned());
    }
    let mut plain = below.to_owned();
    for part in written.split('/').filter(|part| !matches!(*part, "" | ".")) {
        plain.push('/');
        plain.push_str(part);
    }
    match TargetPath::parse(&plain) {
        Ok(path) => Ok(path.as_str().to_owned()),
        Err(PathIssue::Relative) if plain.is_empty() => Err("it is the root itself".to_owned()),
        Err(issue) => Err(issue.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_against_the_whole_text() {
        for good in ["web", "Web-1.2_x", "0", &"a".repeat(64)] {
            assert!(is_service(good), "{good}");
        }
        for bad in ["", ".", "-a", "_a", "a b", "a@b", "a/b", "a\n", "é", "a%", &"a".repeat(65)] {
            assert!(!is_service(bad), "{bad:?}");
        }
        assert!(is_variable("a_1") && is_variable("_") && !is_variable("lower-case") && !is_variable("1A"));
        assert!(!is_variable("") && !is_variable("É") && !is_variable("A\n") && !is_variable("A=B"));
        assert!(is_binary("node") && is_binary("a b") && is_binary("é") && is_binary("-x"));
        for bad in ["", ".", "..", "a/b", "../sh", "a\nb", "a\0", &"x".repeat(256)] {
            assert!(!is_binary(bad), "{bad:?}");
        }
        assert!(is_account("www-data") && is_account("Web.1") && is_account("0") && is_account("4294967295"));
        for bad in ["", "-a", "a b", "a\n", "1a", "4294967296", "a:b", &"a".repeat(33)] {
            assert!(!is_account(bad), "{bad:?}");
        }
        assert!(is_hostname("a.b-c.example") && is_hostname("a-") && is_hostname("1"));
        for bad in ["", ".", "a.", "-a", "a..b", "../x", "a_b", "é.org", "a\n", &"a".repeat(64), &"aa.".repeat(90)] {
            assert!(!is_hostname(bad), "{bad:?}");
        }
    }

    #[test]
    fn modes_are_octal_and_no_more_than_permissions() {
        assert_eq!(
            (mode("0640"), mode("640"), mode("0o600"), mode("00755")),
            (Some(0o640), Some(0o640), Some(0o600), Some(0o755))
        );
        for bad in
            ["", "0", "64", "0888", "4755", "01755", "-640", "+640", "rw-r--r--", "0x1ff", "0640\n", "٠٦٤٠", "000640"]
        {
            assert_eq!(mode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_path_is_made_plain_or_refused() {
        let plain = |path: &str| plain_path(path, None);
        for (path, expected) in
            [("/etc/a", "/etc/a"), ("//etc/./a", "/etc/a"), ("/etc/a/", "/etc/a"), ("/a...b/-", "/a...b/-")]
        {
            assert_eq!(plain(path).as_deref(), Ok(expected));
        }
        for path in ["", "a", "./a", "/", "//./", "/etc/../a", "/..", "/a b", "/a:b", "/é", "/a\n", "/a\0", "/@", "~/a"]
        {
            assert!(plain(path).is_err(), "{path:?}");
        }
        assert!(plain(&"/xx".repeat(1400)).is_err() && plain(&format!("/{}", "x".repeat(256))).is_err());
        let home = |path: &str| plain_path(path, Some("/home/ann b/"));
        assert_eq!(home(".config/./a").as_deref(), Ok("/home/ann b/.config/a"));
        assert_eq!(home("/etc/a").as_deref(), Ok("/etc/a"));
        assert!(home("").is_err() && home("../x").is_err() && plain_path("x", Some("relative")).is_err());
        assert_eq!(plain_path(".", Some("/home/ann")).as_deref(), Ok("/home/ann"));
    }
}
