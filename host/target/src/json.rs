//! JSON as our own files have it: read strictly, so that no two readers can understand one file differently, and written
//! in one form, so that equal values are equal bytes.

use punix_diag::json_string;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// A JSON value. No file of ours has other numbers than natural ones; what is none is known to be a number, no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Option<u64>),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldIssue {
    #[error("it has no `{at}`")]
    Missing { at: String },
    #[error("its `{at}` is not {wanted}")]
    Wrong { at: String, wanted: &'static str },
    #[error("it has a field `{at}`, which is not known here")]
    Unknown { at: String },
}

impl Json {
    /// Reads a value. Nothing may follow it, no object may have a key twice, and values may not be too deep inside each
    /// other. The error says where.
    pub(crate) fn parse(text: &str) -> Result<Json, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Returns a text.
    pub(crate) fn text(text: impl Into<String>) -> Json {
        Json::Text(text.into())
    }

    /// Returns a text, or null.
    pub(crate) fn optional(text: Option<&String>) -> Json {
        text.map_or(Json::Null, Json::text)
    }

    /// Returns a number.
    pub(crate) fn number(number: impl Into<u64>) -> Json {
        Json::Number(Some(number.into()))
    }

    /// Returns a list of texts.
    pub(crate) fn texts<T: ToString>(texts: impl IntoIterator<Item = T>) -> Json {
        Json::List(texts.into_iter().map(|text| Json::Text(text.to_string())).collect())
    }

    /// Returns an object.
    pub(crate) fn object<const N: usize>(fields: [(&str, Json); N]) -> Json {
        Json::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Writes it: ASCII, keys sorted, two blanks for each level, no end of line behind it.
    pub(crate) fn write(&self) -> String {
        let mut out = String::new();
        self.write_at(0, &mut out);
        out
    }

    fn write_at(&self, level: usize, out: &mut String) {
        match self {
            Json::Null | Json::Number(None) => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Number(Some(number)) => out.push_str(&number.to_string()),
            Json::Text(text) => json_string(text, out),
            Json::List(values) => {
                enclosed(['[', ']'], level, values.iter(), out, |value, out| value.write_at(level + 1, out));
            }
            Json::Object(fields) => enclosed(['{', '}'], level, fields.iter(), out, |(key, value), out| {
                json_string(key, out);
                out.push_str(": ");
                value.write_at(level + 1, out);
            }),
        }
    }
}

fn enclosed<T>(
    [open, close]: [char; 2],
    level: usize,
    items: impl Iterator<Item = T>,
    out: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    const BLANKS: &str = "  ";
    out.push(open);
    let mut any = false;
    for item in items {
        out.push_str(if any { ",\n" } else { "\n" });
        out.extend(std::iter::repeat_n(BLANKS, level + 1));
        write(item, out);
        any = true;
    }
    if any {
        out.push('\n');
        out.extend(std::iter::repeat_n(BLANKS, level));
    }
    out.push(close);
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(Some(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(u64::try_from(number).ok()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::text(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if fields.contains_key(&key) {
                let why = format!("the key `{}` stands there twice", key.escape_debug());
                return Err(serde::de::Error::custom(why));
            }
            fields.insert(key, map.next_value()?);
        }
        Ok(Json::Object(fields))
    }
}

/// Tells whether a text can be shown as it is.
fn is_line(text: &str) -> bool {
    // Records have very many, and nearly all of them are ASCII.
    match text.is_ascii() {
        true => !text.bytes().any(|byte| byte.is_ascii_control()),
        false => !text.chars().any(char::is_control),
    }
}

/// An object that is taken apart, field by field.
#[derive(Debug)]
pub(crate) struct Fields {
    /// Where it is, with a dot behind it; empty for the whole.
    at: String,
    rest: BTreeMap<String, Json>,
}

impl Fields {
    /// Begins with a value that must be an object; `at` is where it stands, empty for the whole.
    pub(crate) fn of(value: Json, at: &str) -> Result<Fields, FieldIssue> {
        match value {
            Json::Object(rest) if at.is_empty() => Ok(Fields { at: String::new(), rest }),
            Json::Object(rest) => Ok(Fields { at: format!("{at}."), rest }),
            _ => Err(FieldIssue::Wrong { at: at.to_owned(), wanted: "an object" }),
        }
    }

    /// Returns where a field is.
    pub(crate) fn at(&self, key: &str) -> String {
        format!("{}{}", self.at, key.escape_debug())
    }

    /// Says that a field is not what it has to be.
    pub(crate) fn wrong(&self, key: &str, wanted: &'static str) -> FieldIssue {
        FieldIssue::Wrong { at: self.at(key), wanted }
    }

    /// Takes a field, if it is there.
    pub(crate) fn take(&mut self, key: &str) -> Option<Json> {
        self.rest.remove(key)
    }

    /// Tells whether a field is there, and was not taken.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.rest.contains_key(key)
    }

    /// Takes a field that must be there.
    pub(crate) fn need(&mut self, key: &str) -> Result<Json, FieldIssue> {
        self.take(key).ok_or_else(|| FieldIssue::Missing { at: self.at(key) })
    }

    /// Takes a text.
    pub(crate) fn text(&mut self, key: &str) -> Result<String, FieldIssue> {
        match self.need(key)? {
            Json::Text(text) => Ok(text),
            _ => Err(self.wrong(key, "a text")),
        }
    }

    /// Takes a text that can be shown as it is.
    pub(crate) fn line(&mut self, key: &str) -> Result<String, FieldIssue> {
        let text = self.text(key)?;
        if !is_line(&text) {
            return Err(self.wrong(key, "a text without control characters"));
        }
        Ok(text)
    }

    /// Takes such a text, or null.
    pub(crate) fn line_or_null(&mut self, key: &str) -> Result<Option<String>, FieldIssue> {
        match self.rest.get(key) {
            Some(Json::Null) => Ok(self.take(key).and(None)),
            Some(_) | None => self.line(key).map(Some),
        }
    }

    /// Takes a natural number.
    pub(crate) fn number(&mut self, key: &str) -> Result<u64, FieldIssue> {
        match self.need(key)? {
            Json::Number(Some(number)) => Ok(number),
            _ => Err(self.wrong(key, "a natural number")),
        }
    }

    /// Takes a yes or no.
    pub(crate) fn flag(&mut self, key: &str) -> Result<bool, FieldIssue> {
        match self.need(key)? {
            Json::Bool(flag) => Ok(flag),
            _ => Err(self.wrong(key, "`true` or `false`")),
        }
    }

    /// Takes a list; each item is read with where it is.
    pub(crate) fn list<T, E: From<FieldIssue>>(
        &mut self,
        key: &str,
        read: impl Fn(Json, &str) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let Json::List(values) = self.need(key)? else { return Err(self.wrong(key, "a list").into()) };
        let at = |index: usize| format!("{}[{index}]", self.at(key));
        values.into_iter().enumerate().map(|(index, value)| read(value, &at(index))).collect()
    }

    /// Takes a list of texts.
    pub(crate) fn texts(&mut self, key: &str) -> Result<Vec<String>, FieldIssue> {
        let Json::List(values) = self.need(key)? else { return Err(self.wrong(key, "a list")) };
        let text = |value| match value {
            Json::Text(text) => Ok(text),
            _ => Err(self.wrong(key, "a list of texts")),
        };
        values.into_iter().map(text).collect()
    }

    /// Takes a list of texts that can be shown as they are.
    pub(crate) fn lines(&mut self, key: &str) -> Result<Vec<String>, FieldIssue> {
        let texts = self.texts(key)?;
        if !texts.iter().all(|text| is_line(text)) {
            return Err(self.wrong(key, "a list of texts without control characters"));
        }
        Ok(texts)
    }

    /// Ends: nothing may be left.
    pub(crate) fn end(self) -> Result<(), FieldIssue> {
        match self.rest.keys().next() {
            None => Ok(()),
            Some(key) => Err(FieldIssue::Unknown { at: self.at(key) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_form() {
        let value = Json::parse(r#"{"b": [], "a": {"z": {}, "é": [1, null, {"k": true}]}}"#).unwrap();
        let text = value.write();
        assert_eq!(
            text,
            "{\n  \"a\": {\n    \"z\": {},\n    \"\\u00e9\": [\n      1,\n      null,\n      {\n        \"k\": true\n      \
             }\n    ]\n  },\n  \"b\": []\n}"
        );
        assert_eq!(Json::parse(&text), Ok(value));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let issue = |text: &str| Json::parse(text).unwrap_err();
        assert_eq!(issue(r#"{"a": 1, "b": {"a": 1, "a": 1}}"#), "the key `a` stands there twice at line 1 column 26");
        assert_eq!(issue("{} {}"), "trailing characters at line 1 column 4");
        assert!(issue(&"[".repeat(10_000)).contains("recursion limit"));
        assert_eq!(Json::parse("[-1, 1.5, 18446744073709551616]").unwrap(), Json::List(vec![Json::Number(None); 3]));
    }

    #[test]
    fn a_line_has_no_control_characters() {
        assert!(["", "a ~", "é\u{a0}"].into_iter().all(is_line));
        assert!(!["a\nb", "\u{7f}", "\u{1b}[0m", "é\0", "\u{85}"].into_iter().any(is_line));
    }

    #[test]
    fn a_field_that_does_not_fit_is_named() {
        let mut fields =
            Fields::of(Json::parse(r#"{"a": 1, "b": "x\ny", "c": ["x", 1], "d": null}"#).unwrap(), "top").unwrap();
        let shown = |issue: FieldIssue| issue.to_string();
        assert_eq!(shown(fields.text("a").unwrap_err()), "its `top.a` is not a text");
        assert_eq!(shown(fields.line("b").unwrap_err()), "its `top.b` is not a text without control characters");
        assert_eq!(shown(fields.texts("c").unwrap_err()), "its `top.c` is not a list of texts");
        assert_eq!(shown(fields.number("e").unwrap_err()), "it has no `top.e`");
        assert_eq!(shown(fields.end().unwrap_err()), "it has a field `top.d`, which is not known here");
    }
}
