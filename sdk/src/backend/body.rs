//! Putting the content of a file together from texts and secrets. Neither ever becomes the other: a text that looks like a
//! secret stays one, and a secret has no text here.

use crate::backend::Chunk;
use crate::{Error, quote};

impl Chunk {
    /// Makes a piece of text.
    pub fn text(text: impl Into<String>) -> Chunk {
        Chunk::Text(text.into())
    }

    /// Makes the place of a secret; the encodings are in [`quote::encoding`].
    pub fn secret(slot: u32, encoding: impl Into<String>) -> Chunk {
        Chunk::Secret((slot, encoding.into()))
    }
}

/// The content of a file while it is put together. Texts that follow each other become one, so that equal contents are
/// equal lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body(Vec<Chunk>);

impl Body {
    /// Begins with nothing.
    pub fn new() -> Body {
        Body::default()
    }

    /// Appends a text.
    pub fn text(&mut self, text: impl AsRef<str>) -> &mut Body {
        match self.0.last_mut() {
            _ if text.as_ref().is_empty() => {}
            Some(Chunk::Text(last)) => last.push_str(text.as_ref()),
            Some(Chunk::Secret(_)) | None => self.0.push(Chunk::text(text.as_ref())),
        }
        self
    }

    /// Appends a text and ends the line.
    pub fn line(&mut self, text: impl AsRef<str>) -> &mut Body {
        self.text(text).text("\n")
    }

    /// Appends a secret.
    pub fn secret(&mut self, slot: u32, encoding: impl Into<String>) -> &mut Body {
        self.0.push(Chunk::secret(slot, encoding));
        self
    }

    /// Appends chunks as they are.
    pub fn chunks<'a>(&mut self, chunks: impl IntoIterator<Item = &'a Chunk>) -> &mut Body {
        for chunk in chunks {
            match chunk {
                Chunk::Text(text) => self.text(text),
                Chunk::Secret((slot, encoding)) => self.secret(*slot, encoding.as_str()),
            };
        }
        self
    }

    /// Appends the value of a variable, quoted: each text by a function, each secret by the encoding that does the same.
    /// This fits where quoted pieces that follow each other are one word, as in a shell.
    pub fn quoted<'a>(
        &mut self,
        value: impl IntoIterator<Item = &'a Chunk>,
        encoding: &str,
        quote: impl Fn(&str) -> Result<String, Error>,
    ) -> Result<&mut Body, Error> {
        let mut empty = true;
        for chunk in value {
            empty = false;
            match chunk {
                Chunk::Text(text) => self.text(quote(text)?),
                Chunk::Secret((slot, _)) => self.secret(*slot, encoding),
            };
        }
        if empty {
            self.text(quote("")?);
        }
        Ok(self)
    }

    /// Appends the value of a variable as one word of a POSIX shell.
    pub fn shell_word<'a>(&mut self, value: impl IntoIterator<Item = &'a Chunk>) -> Result<&mut Body, Error> {
        self.quoted(value, quote::encoding::SHELL_SINGLE, quote::shell::single)
    }

    /// Tells whether there is a secret in it: such a file has the mode 0600.
    pub fn has_secret(&self) -> bool {
        self.0.iter().any(|chunk| matches!(chunk, Chunk::Secret(_)))
    }

    /// Ends.
    pub fn finish(self) -> Vec<Chunk> {
        self.0
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Body {
        let mut body = Body::new();
        body.text(text);
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_follow_each_other_are_one() {
        let mut body = Body::from("a");
        body.text("").text("b").line("c").secret(1, "raw").text("").secret(2, "hex").text("d");
        assert!(body.has_secret());
        assert_eq!(
            body.finish(),
            [Chunk::text("abc\n"), Chunk::secret(1, "raw"), Chunk::secret(2, "hex"), Chunk::text("d")]
        );
        assert_eq!(Body::new().finish(), []);
        assert!(!Body::from("secret").has_secret());
    }

    #[test]
    fn a_value_becomes_one_word_of_a_shell() {
        let value = [Chunk::text("it's "), Chunk::secret(3, "raw"), Chunk::text("!")];
        let mut body = Body::from("export A=");
        body.shell_word(&value).unwrap().text("\n");
        assert_eq!(
            body.finish(),
            [Chunk::text(r"export A='it'\''s '"), Chunk::secret(3, "shell.single"), Chunk::text("'!'\n")]
        );
        let mut empty = Body::new();
        empty.shell_word(&[]).unwrap();
        assert_eq!(empty.finish(), [Chunk::text("''")]);
        assert!(Body::new().shell_word(&[Chunk::text("\0")]).is_err());
    }

    #[test]
    fn chunks_are_taken_over_as_they_are() {
        let chunks = [Chunk::text("a"), Chunk::secret(1, "raw")];
        let mut body = Body::from("x");
        body.chunks(&chunks).chunks(&chunks);
        let expected = [Chunk::text("xa"), Chunk::secret(1, "raw"), Chunk::text("a"), Chunk::secret(1, "raw")];
        assert_eq!(body.finish(), expected);
    }
}
