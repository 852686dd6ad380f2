//! The files and directories that services need, as a file of tmpfiles.d. Rules are written in systemd's own language
//! and are passed on; only what cannot be one rule is refused.

use crate::index::sorted;
use crate::quote;

/// Passes a rule, or says what is wrong with it as the end of a sentence.
pub(crate) fn rule(text: &str) -> Result<&str, String> {
    let line = quote::tmpfiles_line(text).map_err(|unfit| match unfit {
        quote::Unfit::LineBreak => "holds a line break: write one rule per entry".to_owned(),
        other => other.words().to_owned(),
    })?;
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    match (words.next(), words.next()) {
        (None, _) => Err("is empty".to_owned()),
        (Some(kind), Some(_)) if kind.starts_with(|c: char| c.is_ascii_alphabetic()) => Ok(line),
        (Some(_), _) => Err("has no type and path: it must look like `d /run/web 0755 web web`".to_owned()),
    }
}

/// Writes the file, each rule once, if there are any.
pub(crate) fn file<'a>(rules: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let mut text = String::new();
    for rule in sorted(rules.into_iter().map(String::as_str)).into_keys() {
        text.push_str(rule);
        text.push('\n');
    }
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_there_once_and_they_are_sorted() {
        let rules = ["d /run/web 0755", "L /run/a - - - - /b", "d /run/web 0755"].map(str::to_owned);
        assert_eq!(file(&rules).as_deref(), Some("L /run/a - - - - /b\nd /run/web 0755\n"));
        assert_eq!(file(&[]), None);
    }

    #[test]
    fn what_is_not_one_rule_is_refused() {
        assert_eq!(rule("d! /run/x\\x20y 1777 - - 10d"), Ok("d! /run/x\\x20y 1777 - - 10d"));
        for text in ["", "  ", "d", "# /x", "/run/x d", "d /a\nr /b", "d /a\r", "d /a\0"] {
            assert!(rule(text).is_err(), "{text:?}");
        }
    }
}
