//! The accounts that a stack needs, as a file of sysusers.d. An account is a narrow type: what is in one can be
//! written.

use crate::index::sorted;
use crate::names::{is_account, is_plain_path};
use crate::quote;

/// A user that has to be there. Invariant: names as sysusers.d allows them; a home that is a plain absolute path and
/// has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    group: Option<String>,
    home: Option<String>,
}

impl Account {
    /// Makes a user; an empty group or home means the usual. What is wrong is said with its field.
    pub(crate) fn new(name: &str, group: &str, home: &str) -> Result<Account, (&'static str, String)> {
        if !is_account(name) {
            return Err(("name", not_a_name("user", name)));
        }
        if !group.is_empty() && !is_account(group) {
            return Err(("group", not_a_name("group", group)));
        }
        let home = match quote::sysusers_word(home) {
            Ok(_) if home.is_empty() => None,
            // A colon ends the field in the file of all users.
            Ok(written) if is_plain_path(home) && !home.contains(':') => Some(written),
            Ok(_) | Err(_) => {
                let why = "it must be an absolute path without `..`, white space, quotes, backslashes and colons";
                return Err(("home", format!("the home of the user `{name}` cannot be written: {why}")));
            }
        };
        Ok(Account { name: name.to_owned(), group: Some(group.to_owned()).filter(|group| !group.is_empty()), home })
    }
}

/// Returns the sentence about a name that no account can have.
pub(crate) fn not_a_name(what: &str, name: &str) -> String {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    format!("`{shown}` is not a valid name of a {what}: it must match [a-z_][a-z0-9_-]* and have at most 32 characters")
}

/// Writes the file, if there is anything to write. No two users have one name.
pub(crate) fn file(users: &[Account], groups: &[String]) -> Option<String> {
    let of_users = users.iter().filter_map(|user| user.group.as_deref());
    let mut text = String::new();
    for group in sorted(groups.iter().map(String::as_str).chain(of_users)).into_keys() {
        text.push_str(&format!("g {group} -\n"));
    }
    for position in sorted(users.iter().map(|user| user.name.as_str())).into_values() {
        let Some(user) = users.get(position) else { continue };
        let id = user.group.as_ref().map_or("-".to_owned(), |group| format!("-:{group}"));
        text.push_str(&format!("u {} {id} - {}\n", user.name, user.home.as_deref().unwrap_or("-")));
    }
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(list: &[(&str, &str, &str)]) -> Vec<Account> {
        list.iter().map(|(name, group, home)| Account::new(name, group, home).unwrap()).collect()
    }

    #[test]
    fn groups_come_first_and_everything_is_sorted() {
        let users = accounts(&[("web", "www", "/srv/web"), ("db", "", ""), ("cache", "www", "/var/100%")]);
        let groups = ["zoo", "adm", "zoo"].map(str::to_owned);
        let expected = "g adm -\ng www -\ng zoo -\nu cache -:www - /var/100%%\nu db - - -\nu web -:www - /srv/web\n";
        assert_eq!(file(&users, &groups).as_deref(), Some(expected));
        assert_eq!(file(&[], &[]), None);
    }

    #[test]
    fn what_would_be_read_otherwise_is_refused() {
        for home in ["srv", "/a b", "/a\"b", "/a\\b", "/a:b", "/a/../b", "/a\nu root 0 - /", "/a\u{a0}b"] {
            assert_eq!(Account::new("web", "", home).unwrap_err().0, "home", "{home:?}");
        }
        assert_eq!(Account::new("web\n", "", "").unwrap_err().0, "name");
        assert_eq!(Account::new("", "", "").unwrap_err().0, "name");
        assert_eq!(Account::new("web", "w w", "").unwrap_err().0, "group");
    }
}
