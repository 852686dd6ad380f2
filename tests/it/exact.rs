//! JSON as it is written: integers of any length keep their digits, and nesting has no bound but the stack's.
//! For comparing values; everything else can use serde_json.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;

/// A JSON value. Objects are equal whatever the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// The digits as they stand.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads a document; tells where it ends to be one.
    pub(crate) fn parse(text: &str) -> Result<Json, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        reader.blanks();
        if reader.at == text.len() { Ok(value) } else { Err(reader.error("more text behind the value")) }
    }

    pub(crate) fn text(&self) -> &str {
        if let Json::Text(text) = self { text } else { "" }
    }

    pub(crate) fn list(&self) -> &[Json] {
        if let Json::List(items) = self { items } else { &[] }
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&String, &Json)> {
        let fields = if let Json::Object(fields) = self { Some(fields) } else { None };
        fields.into_iter().flatten()
    }

    /// Returns the integer, if it is a small one.
    pub(crate) fn number(&self) -> Option<i64> {
        if let Json::Number(digits) = self { digits.parse().ok() } else { None }
    }
}

/// Writes JSON on one line, keys in their order.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(digits) => f.write_str(digits),
            Json::Text(text) => write!(f, "{}", serde_json::json!(text)),
            Json::List(items) => {
                let items: Vec<String> = items.iter().map(Json::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Json::Object(fields) => {
                let field = |(key, value): (&String, &Json)| format!("{}: {value}", serde_json::json!(key));
                let fields: Vec<String> = fields.iter().map(field).collect();
                write!(f, "{{{}}}", fields.join(", "))
            }
        }
    }
}

/// What is not there is `Null`.
impl Index<&str> for Json {
    type Output = Json;

    fn index(&self, key: &str) -> &Json {
        if let Json::Object(fields) = self { fields.get(key).unwrap_or(&Json::Null) } else { &Json::Null }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn error(&self, what: &str) -> String {
        format!("JSON, byte {}: {what}", self.at)
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(self.error(&format!("`{token}` is missing"))) }
    }

    fn value(&mut self) -> Result<Json, String> {
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if self.take(word) {
                return Ok(value);
            }
        }
        if self.take("[") {
            return self.items();
        }
        if self.take("{") {
            return self.object();
        }
        if self.rest().starts_with('"') {
            return self.string().map(Json::Text);
        }
        let end = self.rest().find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c)));
        let number = self.rest()[..end.unwrap_or(self.rest().len())].to_owned();
        if number.is_empty() {
            return Err(self.error("a value is missing"));
        }
        self.at += number.len();
        Ok(Json::Number(number))
    }

    fn items(&mut self) -> Result<Json, String> {
        let mut items = Vec::new();
        while !self.take("]") {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(self.value()?);
        }
        Ok(Json::List(items))
    }

    fn object(&mut self) -> Result<Json, String> {
        let mut fields = BTreeMap::new();
        while !self.take("}") {
            if !fields.is_empty() {
                self.expect(",")?;
            }
            self.blanks();
            let key = self.string()?;
            self.expect(":")?;
            if fields.insert(key, self.value()?).is_some() {
                return Err(self.error("a key stands twice"));
            }
        }
        Ok(Json::Object(fields))
    }

    /// Reads a string; serde_json knows the escapes.
    fn string(&mut self) -> Result<String, String> {
        let mut escaped = false;
        for (at, byte) in self.rest().bytes().enumerate().skip(1) {
            match byte {
                b'"' if !escaped => {
                    let token = &self.rest()[..=at];
                    let text = serde_json::from_str(token).map_err(|error| self.error(&error.to_string()))?;
                    self.at += at + 1;
                    return Ok(text);
                }
                b'\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        Err(self.error("a string does not end"))
    }
}

#[test]
fn integers_keep_their_digits_and_objects_have_no_order() {
    let parse = |text: &str| Json::parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(parse("123456789012345678901234567890"), Json::Number("123456789012345678901234567890".to_owned()));
    assert_eq!(parse(r#"{"a": [1, "x\"\u00e9"], "b": {}}"#), parse(r#" {"b":{},"a":[1,"x\"é"]} "#));
    assert_ne!(parse("1"), parse("\"1\""));
    assert!(Json::parse("[1, 2").is_err() && Json::parse("1 2").is_err() && Json::parse(r#"{"a":1,"a":1}"#).is_err());
}
