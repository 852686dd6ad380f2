//! What must not be seen: tokens and the values of headers. A secret has no `Display`, so that it cannot get into a
//! sentence; the places that call `expose` are those that send it.

use std::fmt;
use zeroize::Zeroizing;

/// Words shorter than this are not looked for in a text: they would hide half of it, and are no secrets.
const HIDDEN_BYTES_MIN: usize = 8;

/// Bytes that must not be seen. They are overwritten when the secret goes.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text as a secret.
    pub fn new(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }

    /// Returns the text, to be sent to whom it is for.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Makes a foreign text safe to show: a server can send back what was sent to it.
    pub(crate) fn hide_in(&self, text: String) -> String {
        let words = self.0.split(|character: char| character.is_whitespace() || character == ':');
        let words = words.filter(|word| word.len() >= HIDDEN_BYTES_MIN);
        words.fold(text, |text, word| text.replace(word, ".."))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new("Bearer 0123456789".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.hide_in("no Bearer 0123456789x here".to_owned()), "no Bearer ..x here");
        assert_eq!(secret.expose(), "Bearer 0123456789");
        let password = Secret::new("me:0123456789".to_owned());
        assert_eq!(password.hide_in("0123456789 for me".to_owned()), ".. for me");
    }

    #[test]
    fn nothing_is_hidden_for_an_empty_secret() {
        assert_eq!(Secret::new(String::new()).hide_in("text".to_owned()), "text");
    }
}
