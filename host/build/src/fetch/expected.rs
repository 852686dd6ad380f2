//! What a download must be: an algorithm and the digits of a hash. And the computation that tells what it is.

use sha2::{Digest, Sha256, Sha512};
use std::fmt;

/// How a download is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    /// Returns the name, as it is written in a source.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// Returns how many hexadecimal digits a hash has.
    pub fn digits(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpectedError {
    #[error("`{text}` is not a way to hash a download: `sha256` and `sha512` are")]
    Algorithm { text: String },
    #[error("a {algorithm} hash has {} hexadecimal digits, not {found}", .algorithm.digits())]
    Length { algorithm: Algorithm, found: usize },
    #[error("a hash is made of the digits `0` to `9` and `a` to `f` only, not `{digit}`")]
    Digit { digit: char },
    #[error("the hash is not known yet: all its digits are `0`")]
    Zeros,
}

/// The hash that a download must have. Invariant: lower-case hexadecimal digits, as many as the algorithm gives, not
/// all of them zeros.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Expected {
    algorithm: Algorithm,
    hex: String,
}

impl Expected {
    /// Reads the name of an algorithm and the digits of a hash.
    pub fn parse(algorithm: &str, hex: &str) -> Result<Expected, ExpectedError> {
        let algorithm = match algorithm {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            text => return Err(ExpectedError::Algorithm { text: text.to_owned() }),
        };
        if let Some(digit) = hex.chars().find(|digit| !matches!(digit, '0'..='9' | 'a'..='f')) {
            return Err(ExpectedError::Digit { digit });
        }
        if hex.len() != algorithm.digits() {
            return Err(ExpectedError::Length { algorithm, found: hex.len() });
        }
        if hex.bytes().all(|digit| digit == b'0') {
            return Err(ExpectedError::Zeros);
        }
        Ok(Expected { algorithm, hex: hex.to_owned() })
    }

    /// Returns how the download is hashed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the digits.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// Returns the name of the file in the cache.
    pub(crate) fn file_name(&self) -> String {
        format!("{}-{}", self.algorithm, self.hex)
    }

    /// Starts the computation that must end in this hash.
    pub(crate) fn running(&self) -> Running {
        match self.algorithm {
            Algorithm::Sha256 => Running::Sha256(Sha256::new()),
            Algorithm::Sha512 => Running::Sha512(Sha512::new()),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex)
    }
}

/// A hash that is being computed.
#[derive(Clone)]
pub(crate) enum Running {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Running {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        match self {
            Running::Sha256(running) => running.update(bytes),
            Running::Sha512(running) => running.update(bytes),
        }
    }

    /// Returns the digits for what was added so far.
    pub(crate) fn hex(&self) -> String {
        match self.clone() {
            Running::Sha256(running) => hex(&running.finalize()),
            Running::Sha512(running) => hex(&running.finalize()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|&byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_hash_is_what_the_computation_gives() {
        let expected = Expected::parse("sha256", EMPTY).unwrap();
        assert_eq!(expected.running().hex(), EMPTY);
        assert_eq!(expected.file_name(), format!("sha256-{EMPTY}"));
        let long = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                    2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        let mut running = Expected::parse("sha512", long).unwrap().running();
        running.add(b"a");
        running.add(b"bc");
        assert_eq!(running.hex(), long);
    }

    #[test]
    fn other_texts_are_refused() {
        let check = |algorithm: &str, hex: &str| Expected::parse(algorithm, hex).unwrap_err().to_string();
        assert_eq!(check("md5", EMPTY), "`md5` is not a way to hash a download: `sha256` and `sha512` are");
        assert_eq!(check("sha512", EMPTY), "a sha512 hash has 128 hexadecimal digits, not 64");
        assert_eq!(check("sha256", ""), "a sha256 hash has 64 hexadecimal digits, not 0");
        let capital = EMPTY.to_uppercase();
        assert_eq!(check("sha256", &capital), "a hash is made of the digits `0` to `9` and `a` to `f` only, not `E`");
        assert_eq!(check("sha256", &"0".repeat(64)), "the hash is not known yet: all its digits are `0`");
    }
}
