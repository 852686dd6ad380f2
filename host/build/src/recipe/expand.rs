//! Texts of a package as words of a shell. All of it reaches the script byte for byte, but for what is named here:
//!
//! - in flags `$NAME` and `${NAME}`, for the names in [`VARIABLES`] and `DEP_0`, `DEP_0_NAME` and so on;
//! - in flags and shell text `${DEP:name}`, the path of a direct dependency;
//! - in flags `\$`, which is a plain `$`.
//!
//! Shell text is shell text: variables in it are bash's business.

use super::Dependency;
use super::check::Problem;
use punix_diag::closest;

/// Variables that flags may use.
pub(super) const VARIABLES: [&str; 14] = [
    "OUTPUT",
    "FINAL_STORE_PATH",
    "SOURCE",
    "TMPDIR",
    "HOME",
    "PATH",
    "PUNIX_ARCH",
    "NIX_BUILD_CORES",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "PKG_CONFIG_PATH",
    "CMAKE_PREFIX_PATH",
];

/// Appends a text as a word that stands for exactly this text.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('\'');
    let mut parts = text.split('\'');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push_str("'\\''");
        out.push_str(part);
    }
    out.push('\'');
}

/// Appends a flag, or part of one, as a word.
pub(super) fn flag(text: &str, dependencies: &[Dependency], out: &mut String) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        let (name, braced, length) = name_after(from);
        if let Some(before) = before.strip_suffix('\\') {
            plain.push_str(before);
            plain.push('$');
            rest = &from[1..];
            continue;
        }
        plain.push_str(before);
        rest = &from[length..];
        let dependency = name.strip_prefix("DEP:").filter(|_| braced);
        if let Some(name) = dependency {
            match find(name, dependencies) {
                Ok(path) => plain.push_str(path),
                Err(problem) => problems.push(problem),
            }
        } else if VARIABLES.contains(&name) || is_numbered(name) {
            if is_numbered(name) && !exists(name, dependencies.len()) {
                problems.push(Problem::NoSuchNumber { variable: name.to_owned() });
            }
            quote(&plain, out);
            plain.clear();
            out.push_str("\"${");
            out.push_str(name);
            out.push_str("-}\"");
        } else {
            plain.push_str(&from[..length]);
        }
    }
    plain.push_str(rest);
    quote(&plain, out);
    problems
}

/// Appends shell text with the paths of dependencies in it.
pub(super) fn script(text: &str, dependencies: &[Dependency], out: &mut String) -> Vec<Problem> {
    const MARK: &str = "${DEP:";
    let mut problems = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let Some((name, after)) = from[MARK.len()..].split_once('}') else {
            rest = from;
            break;
        };
        match find(name, dependencies) {
            Ok(path) if is_plain(path) => out.push_str(path),
            Ok(path) => problems.push(Problem::Unquotable { store_path: path.to_owned() }),
            Err(problem) => problems.push(problem),
        }
        rest = after;
    }
    out.push_str(rest);
    problems
}

/// Tells whether a path means itself in shell text, whether it stands in quotes there or not.
pub(super) fn is_plain(path: &str) -> bool {
    path.chars().all(|letter| letter.is_alphanumeric() || "/._+-~@%:,".contains(letter))
}

/// Returns the path of the direct dependency of this name.
pub(super) fn find<'a>(name: &str, dependencies: &'a [Dependency]) -> Result<&'a str, Problem> {
    if let Some(found) = dependencies.iter().find(|dependency| dependency.name == name) {
        // Paths that are no text were refused before.
        return Ok(found.path.to_str().unwrap_or_default());
    }
    let names = dependencies.iter().map(|dependency| dependency.name.as_str());
    let closest = closest(name, names).map(|(near, _)| near.to_owned());
    Err(Problem::NoDependency { name: name.to_owned(), closest })
}

/// Returns the name behind a `$`, whether it is in braces, and how many bytes it takes with the `$`; if there is none,
/// the `$` stands alone.
fn name_after(from: &str) -> (&str, bool, usize) {
    let after = &from[1..];
    if let Some(inner) = after.strip_prefix('{') {
        return match inner.find('}') {
            Some(end) => (&inner[..end], true, end + 3),
            None => ("", false, 1),
        };
    }
    let end = after.find(|next: char| !next.is_ascii_alphanumeric() && next != '_').unwrap_or(after.len());
    (&after[..end], false, end + 1)
}

fn is_numbered(name: &str) -> bool {
    name.strip_prefix("DEP_").is_some_and(|rest| {
        let digits = rest.strip_suffix("_NAME").unwrap_or(rest);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn exists(name: &str, count: usize) -> bool {
    let digits = name.trim_start_matches("DEP_").trim_end_matches("_NAME");
    let known = digits.parse::<usize>().is_ok_and(|number| number < count);
    // The build knows no `DEP_00`.
    known && (digits == "0" || !digits.starts_with('0'))
}
