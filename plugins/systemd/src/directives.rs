//! Which directives systemd 252 knows, to find slips of the pen: it ignores what it does not know, so a `user` where
//! `User` was meant runs a service as root. What is unknown and looks like nothing known is left alone: it may be
//! newer.

use crate::config::Section;

const SERVICE: &str = include_str!("directives/service");
const TIMER: &str = include_str!("directives/timer");
/// Those of the sections that describe units of every kind.
const UNIT: &str = include_str!("directives/unit");

/// How many letters may differ from what was meant.
const SLIPS_MAX: usize = 2;
/// Names of fewer letters are too near to each other.
const LETTERS_MIN: usize = 4;
/// No directive is nearly as long.
const LETTERS_MAX: usize = 64;

/// Returns a sentence about a directive that is likely not what was meant.
pub(crate) fn doubt(section: Section, key: &str) -> Option<String> {
    let known = match section {
        Section::Service => SERVICE,
        Section::Timer => TIMER,
    };
    if key.starts_with("X-") || known.lines().any(|name| name == key) || key.len() > LETTERS_MAX {
        return None;
    }
    if UNIT.lines().any(|name| name == key) {
        return Some(format!("`{key}` belongs to another section, and systemd ignores it here"));
    }
    let near = known.lines().map(|name| (slips(key, name), name)).min()?;
    match near {
        (0, name) => Some(format!("systemd knows `{name}` and not `{key}`, which it ignores")),
        (count, name) if count <= SLIPS_MAX && key.len() >= LETTERS_MIN => {
            Some(format!("systemd 252 does not know `{key}` and ignores it: is `{name}` meant?"))
        }
        _ => None,
    }
}

/// Counts the letters that have to change to make one name of the other, not counting their case.
fn slips(one: &str, other: &str) -> usize {
    let other: Vec<u8> = other.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, byte) in one.bytes().map(|byte| byte.to_ascii_lowercase()).enumerate() {
        let mut left = line + 1;
        let mut next = vec![left];
        for (pair, letter) in row.windows(2).zip(&other) {
            let [above_left, above] = pair else { continue };
            left = (above_left + usize::from(byte != *letter)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_pen_are_found_and_news_is_let_be() {
        let doubt = |key| doubt(Section::Service, key);
        assert_eq!(doubt("User"), None);
        assert_eq!(doubt("user").as_deref(), Some("systemd knows `User` and not `user`, which it ignores"));
        let near = "systemd 252 does not know `NoNewPrivilege` and ignores it: is `NoNewPrivileges` meant?";
        assert_eq!(doubt("NoNewPrivilege").as_deref(), Some(near));
        let elsewhere = "`StartLimitIntervalSec` belongs to another section, and systemd ignores it here";
        assert_eq!(doubt("StartLimitIntervalSec").as_deref(), Some(elsewhere));
        assert_eq!((doubt("X-Anything"), doubt("SurviveFinalKillSignal"), doubt("Us")), (None, None, None));
        assert!(super::doubt(Section::Timer, "OnCalender").is_some_and(|said| said.contains("`OnCalendar`")));
    }

    #[test]
    fn the_lists_are_sorted_and_hold_names() {
        for list in [SERVICE, TIMER, UNIT] {
            assert!(list.lines().all(crate::names::is_directive));
            assert!(list.lines().is_sorted());
        }
    }
}
