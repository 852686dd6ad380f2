//! Secrets in files that a serializer writes. The serializer is given a marker in place of each secret, and what it wrote
//! is split again at the markers. Markers are made of the numbers of slots and of a beginning that occurs in none of the
//! stack's texts, so no text can be taken for one.

use crate::Error;
use crate::backend::{Body, Chunk, Stack};
use crate::quote::encoding;

/// The markers of a stack.
#[derive(Debug, Clone)]
pub struct Markers {
    beginning: String,
}

/// How a serializer writes a text that needs no escapes, and which encoding does the same to a secret.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    before: &'static str,
    after: &'static str,
    encoding: &'static str,
}

impl Written {
    pub const RAW: Written = Written { before: "", after: "", encoding: encoding::RAW };
    pub const JSON: Written = Written { before: "\"", after: "\"", encoding: encoding::JSON_STRING };
    pub const YAML: Written = Written { before: "\"", after: "\"", encoding: encoding::YAML_STRING };
    pub const TOML: Written = Written { before: "\"", after: "\"", encoding: encoding::TOML_STRING };
    pub const INI: Written = Written { before: "", after: "", encoding: encoding::INI_VALUE };
}

impl Markers {
    /// Makes markers that no text of a stack holds.
    pub fn of(stack: &Stack) -> Markers {
        let mut texts = vec![stack.name.clone(), unescaped(&stack.config)];
        for service in &stack.services {
            texts.extend([service.name.clone(), unescaped(&service.config)]);
            texts.extend(service.argv.iter().cloned());
            for (name, value) in &service.env {
                // Texts that follow each other are one text.
                let between_secrets = |chunk: &Chunk| match chunk {
                    Chunk::Text(text) => text.clone(),
                    Chunk::Secret(_) => "\n".to_owned(),
                };
                texts.extend([name.clone(), value.iter().map(between_secrets).collect()]);
            }
        }
        Markers::avoiding(texts.iter().map(String::as_str))
    }

    /// Makes markers that none of these texts holds.
    pub fn avoiding<'a>(texts: impl IntoIterator<Item = &'a str>) -> Markers {
        const WORD: &str = "PunixSlot";
        // The smallest number that nobody has written behind the word. Texts of one stack are few.
        let mut taken: Vec<u32> = Vec::new();
        for text in texts {
            for (at, _) in text.match_indices(WORD) {
                let digits = text[at + WORD.len()..].chars().take_while(char::is_ascii_digit);
                taken.extend(digits.collect::<String>().parse::<u32>());
            }
        }
        let free = (0..).find(|number| !taken.contains(number)).unwrap_or_default();
        Markers { beginning: format!("{WORD}{free}x") }
    }

    /// Returns the marker of a slot: letters and digits, so that serializers write it as it is.
    pub fn marker(&self, slot: u32) -> String {
        format!("{}{slot}Z", self.beginning)
    }

    /// Returns the text of a value with markers in place of its secrets.
    pub fn marked<'a>(&self, value: impl IntoIterator<Item = &'a Chunk>) -> String {
        let text = |chunk: &Chunk| match chunk {
            Chunk::Text(text) => text.clone(),
            Chunk::Secret((slot, _)) => self.marker(*slot),
        };
        value.into_iter().map(text).collect()
    }

    /// Splits what a serializer wrote. In formats with quotes a secret has to be the whole of a text: what is beside it in
    /// the same quotes could not be told from it when it is escaped, and is refused.
    pub fn split(&self, written: &str, how: Written) -> Result<Vec<Chunk>, Error> {
        let mut body = Body::new();
        let mut rest = written;
        while let Some(at) = rest.find(&self.beginning) {
            let (before, marked) = rest.split_at(at);
            let number = &marked[self.beginning.len()..];
            let damaged = || Error::permanent("markers.damaged", "a serializer changed the place of a secret");
            let (digits, behind) = number.split_once('Z').ok_or_else(damaged)?;
            let slot: u32 = digits.parse().map_err(|_| damaged())?;
            let (Some(before), Some(behind)) = (before.strip_suffix(how.before), behind.strip_prefix(how.after)) else {
                return Err(Error::unsupported(
                    "markers.part",
                    "in this format a secret has to be a whole text, and this one has more beside it",
                ));
            };
            body.text(before).secret(slot, how.encoding);
            rest = behind;
        }
        body.text(rest);
        Ok(body.finish())
    }
}

/// Returns JSON with its escaped characters as they are read, as far as they could be part of a marker.
fn unescaped(json: &str) -> String {
    let mut parts = json.split("\\u");
    let mut out = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let character = part.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        match character {
            Some(character) => out.extend([character].into_iter().chain(part.chars().skip(4))),
            None => out.push_str(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Scope, Service};

    #[test]
    fn what_was_written_is_split_at_the_secrets() {
        let markers = Markers::avoiding(["plain"]);
        let written = format!("{{\"a\":\"{}\",\"b\":[\"{}\",1]}}", markers.marker(7), markers.marker(12));
        let expected = [
            Chunk::text("{\"a\":"),
            Chunk::secret(7, "json.string"),
            Chunk::text(",\"b\":["),
            Chunk::secret(12, "json.string"),
            Chunk::text(",1]}"),
        ];
        assert_eq!(markers.split(&written, Written::JSON).unwrap(), expected);
        let ini = markers.split(&format!("a = {}\n", markers.marker(7)), Written::INI).unwrap();
        assert_eq!(ini, [Chunk::text("a = "), Chunk::secret(7, "ini.value"), Chunk::text("\n")]);
    }

    #[test]
    fn no_text_is_taken_for_a_marker() {
        let hostile = ["PunixSlot0x7Z", "PunixSlot1x", "PunixSlot", "PunixSlot99999999999x"];
        let markers = Markers::avoiding(hostile);
        assert_eq!(markers.marker(7), "PunixSlot2x7Z");
        for text in hostile {
            assert_eq!(markers.split(text, Written::RAW).unwrap(), [Chunk::text(text)]);
        }
    }

    #[test]
    fn a_stack_is_searched_in_every_place_and_spelling() {
        let empty = || Service {
            name: "web".to_owned(),
            argv: Vec::new(),
            env: Vec::new(),
            depends_on: Vec::new(),
            secret_delivery: "environment-file".to_owned(),
            config: "{}".to_owned(),
        };
        let split = vec![Chunk::text("Punix"), Chunk::text("Slot1x"), Chunk::secret(1, "raw")];
        let stack = Stack {
            name: "PunixSlot0x".to_owned(),
            scope: Scope::System,
            services: vec![
                Service { env: vec![("A".to_owned(), split)], ..empty() },
                Service { config: r#"{"a":"\u0050unixSlot\u0032x"}"#.to_owned(), ..empty() },
                Service { argv: vec!["PunixSlot3x".to_owned()], ..empty() },
                Service { env: vec![("PunixSlot4x".to_owned(), Vec::new())], ..empty() },
            ],
            slots: Vec::new(),
            config: "PunixSlot5x".to_owned(),
            unit_dir: None,
        };
        assert_eq!(Markers::of(&stack).marker(1), "PunixSlot6x1Z");
    }

    #[test]
    fn numbers_of_slots_are_told_apart() {
        let markers = Markers::avoiding([]);
        let written = format!("{}{}", markers.marker(1), markers.marker(11));
        assert_eq!(markers.split(&written, Written::RAW).unwrap(), [Chunk::secret(1, "raw"), Chunk::secret(11, "raw")]);
    }

    #[test]
    fn a_secret_with_something_beside_it_is_refused_where_quotes_would_be_wrong() {
        let markers = Markers::avoiding([]);
        let value = [Chunk::text("Bearer "), Chunk::secret(1, "raw")];
        let written = format!("\"{}\"", markers.marked(&value));
        assert_eq!(markers.split(&written, Written::JSON).unwrap_err().code, "markers.part");
        let expected = [Chunk::text("\"Bearer "), Chunk::secret(1, "raw"), Chunk::text("\"")];
        assert_eq!(markers.split(&written, Written::RAW).unwrap(), expected);
    }

    #[test]
    fn a_marker_that_was_cut_is_no_secret() {
        let markers = Markers::avoiding([]);
        let cut = &markers.marker(12)[..markers.marker(12).len() - 1];
        assert_eq!(markers.split(cut, Written::RAW).unwrap_err().code, "markers.damaged");
    }
}
