//! Reading canonical JSON back. Everything that is not exactly what [`Value::write`] writes is refused: blanks, other
//! orders, other escapes, floats, null. So what was read can be written again, byte for byte.

use super::{Integer, Piece, Record, Value, Woven};
use crate::name::StoreName;

/// Why bytes are not a canonical value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("{expected} expected at byte {at}")]
    Expected { expected: &'static str, at: usize },
    #[error("values are nested too deeply at byte {at}")]
    TooDeep { at: usize },
    #[error("it is written in another form than ours, before byte {at}")]
    NotCanonical { at: usize },
}

/// Reads one value after the other from bytes.
pub(crate) struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Reader<'b> {
        Reader { bytes, at: 0 }
    }

    /// Returns the next byte, which stays.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Takes these bytes and no others.
    pub(crate) fn take(&mut self, text: &'static str) -> Result<(), ReadError> {
        match self.try_take(text) {
            true => Ok(()),
            false => self.expected(text),
        }
    }

    /// Takes these bytes if they are next.
    pub(crate) fn try_take(&mut self, text: &str) -> bool {
        let found = self.bytes[self.at..].starts_with(text.as_bytes());
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// Makes sure that nothing follows.
    pub(crate) fn end(&self) -> Result<(), ReadError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.expected("the end"),
        }
    }

    /// Reads a value with at most `depth` values inside each other, and makes sure that it was in canonical form.
    pub(crate) fn value(&mut self, depth: usize) -> Result<Value, ReadError> {
        let start = self.at;
        let value = self.any(depth)?;
        let mut again = String::new();
        value.write(&mut again);
        match self.bytes[start..self.at] == *again.as_bytes() {
            true => Ok(value),
            false => Err(ReadError::NotCanonical { at: self.at }),
        }
    }

    fn any(&mut self, depth: usize) -> Result<Value, ReadError> {
        let Some(below) = depth.checked_sub(1) else {
            return Err(ReadError::TooDeep { at: self.at });
        };
        match self.peek() {
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'[') => Ok(Value::List(self.list(|reader| reader.any(below))?)),
            Some(b'{') => self.object(below),
            Some(b't') => self.take("true").map(|()| Value::Bool(true)),
            Some(b'f') => self.take("false").map(|()| Value::Bool(false)),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            Some(_) | None => self.expected("a value"),
        }
    }

    fn integer(&mut self) -> Result<Value, ReadError> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|byte| matches!(byte, b'-' | b'0'..=b'9')).count();
        let text = str::from_utf8(&rest[..length]).ok();
        match text.and_then(Integer::parse) {
            Some(integer) => {
                self.at += length;
                Ok(Value::Integer(integer))
            }
            None => self.expected("an integer"),
        }
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, ReadError>) -> Result<Vec<T>, ReadError> {
        self.take("[")?;
        let mut items = Vec::new();
        if self.try_take("]") {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.try_take("]") {
                return Ok(items);
            }
            self.take(",")?;
        }
    }

    /// Reads a record, or one of the things that have a tag.
    fn object(&mut self, depth: usize) -> Result<Value, ReadError> {
        self.take("{")?;
        let mut record = Record::new();
        if self.try_take("}") {
            return Ok(Value::Record(record));
        }
        loop {
            let start = self.at;
            let mut key = self.string()?;
            self.take(":")?;
            if key.starts_with('$') {
                if !key.starts_with("$$") {
                    return self.tagged(&key, start);
                }
                key.remove(0);
            }
            // A key that comes twice leaves a shorter record, which is not written as it was read.
            let value = self.any(depth)?;
            record.insert(key, value);
            if self.try_take("}") {
                return Ok(Value::Record(record));
            }
            self.take(",")?;
        }
    }

    fn tagged(&mut self, tag: &str, start: usize) -> Result<Value, ReadError> {
        let value = match tag {
            "$secret" => {
                let [kind, name] = self.pair()?;
                Value::Secret { kind, name }
            }
            "$artifact" => {
                let [host, name] = self.pair()?;
                Value::Artifact { host, name }
            }
            "$text" => Value::Woven(Woven(self.list(Reader::piece)?)),
            _ => return Err(ReadError::Expected { expected: "a known tag", at: start }),
        };
        self.take("}")?;
        match value {
            Value::Woven(woven) => match Value::weave(woven.0) {
                value @ Value::Woven(_) => Ok(value),
                _ => Err(ReadError::Expected { expected: "a text with a store path", at: start }),
            },
            value => Ok(value),
        }
    }

    fn pair(&mut self) -> Result<[String; 2], ReadError> {
        let start = self.at;
        let parts = self.list(Reader::string)?;
        parts.try_into().map_err(|_| ReadError::Expected { expected: "two texts", at: start })
    }

    fn piece(&mut self) -> Result<Piece, ReadError> {
        if self.peek() == Some(b'"') {
            return Ok(Piece::Text(self.string()?));
        }
        self.take("{\"$store\":")?;
        let start = self.at;
        let text = self.string()?;
        self.take("}")?;
        match StoreName::parse(&text) {
            Ok(name) => Ok(Piece::Path(name)),
            Err(_) => Err(ReadError::Expected { expected: "the name of a store entry", at: start }),
        }
    }

    fn string(&mut self) -> Result<String, ReadError> {
        self.take("\"")?;
        let mut text = String::new();
        loop {
            let plain = self.bytes[self.at..].iter().take_while(|byte| is_plain(**byte)).count();
            let plain = &self.bytes[self.at..self.at + plain];
            text.extend(plain.iter().map(|&byte| char::from(byte)));
            self.at += plain.len();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) | None => return self.expected("printable ASCII"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ReadError> {
        self.take("\\")?;
        let short = match self.peek() {
            Some(byte @ (b'"' | b'\\')) => char::from(byte),
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'f') => '\u{c}',
            Some(b'b') => '\u{8}',
            Some(_) | None => return self.code_point(),
        };
        self.at += 1;
        Ok(short)
    }

    fn code_point(&mut self) -> Result<char, ReadError> {
        let start = self.at;
        let unit = self.unit()?;
        let mut units = vec![unit];
        if (0xd800..0xdc00).contains(&unit) {
            self.take("\\")?;
            units.push(self.unit()?);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => Ok(character),
            Some(Err(_)) | None => Err(ReadError::Expected { expected: "a character", at: start }),
        }
    }

    fn unit(&mut self) -> Result<u16, ReadError> {
        self.take("u")?;
        let digits = self.bytes.get(self.at..self.at + 4).and_then(|d| str::from_utf8(d).ok());
        // A sign, which would be read too, is not canonical.
        match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => self.expected("four hexadecimal digits"),
        }
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, ReadError> {
        Err(ReadError::Expected { expected, at: self.at })
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}
