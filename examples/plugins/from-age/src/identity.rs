//! Identities, which open what was encrypted for them: those of the X25519 kind, one a line, as `age-keygen` writes them.

use crate::{armor, bech32, header};
use punix_sdk::Error;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// What is written before the key itself.
const PREFIX: &str = "age-secret-key-";
/// How lines of other kinds begin. They are of no use here, and no fault.
const OTHER_KINDS: [&str; 2] = ["AGE-PLUGIN-", "AGE-SECRET-KEY-PQ-"];

/// A secret key, and the public one that belongs to it.
pub(crate) struct Identity {
    pub(crate) secret: StaticSecret,
    pub(crate) public: PublicKey,
}

/// Reads the identities of a file. `name` is for messages.
pub(crate) fn read(name: &str, file: &[u8]) -> Result<Vec<Identity>, Error> {
    if header::is_header(file) || armor::is_armored(file) {
        return Err(refused(format!("`{name}` is itself encrypted, and there is nobody here to ask for a passphrase")));
    }
    let text = std::str::from_utf8(file).map_err(|_| refused(format!("`{name}` is no file of identities")))?;
    let mut identities = Vec::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let is_passed_over = line.is_empty() || line.starts_with('#');
        if is_passed_over || OTHER_KINDS.iter().any(|kind| line.starts_with(kind)) {
            continue;
        }
        let wrong = || refused(format!("line {number} of `{name}` is not an identity of the kind X25519"));
        identities.push(Identity::parse(line).ok_or_else(wrong)?);
    }
    Ok(identities)
}

fn refused(message: String) -> Error {
    Error::permanent("age.identity", message)
}

impl Identity {
    /// Reads a line.
    fn parse(line: &str) -> Option<Identity> {
        if line.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        let (prefix, bytes) = bech32::decode(line)?;
        let key = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?);
        (prefix == PREFIX).then(|| Identity::new(&key))
    }

    /// Makes one of its bytes.
    pub(crate) fn new(key: &[u8; 32]) -> Identity {
        let secret = StaticSecret::from(*key);
        let public = PublicKey::from(&secret);
        Identity { secret, public }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification: 32 times the same byte.
    const EXAMPLE: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    const EXAMPLE_RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

    #[test]
    fn the_example_of_the_specification_is_read() {
        let identity = Identity::parse(EXAMPLE).unwrap();
        assert_eq!(identity.secret.as_bytes(), &[0x42; 32]);
        let (prefix, recipient) = bech32::decode(EXAMPLE_RECIPIENT).unwrap();
        assert_eq!((prefix.as_str(), recipient.as_slice()), ("age", &identity.public.as_bytes()[..]));
    }

    #[test]
    fn a_file_has_comments_and_other_kinds() {
        let count = |text: &str| read("keys", text.as_bytes()).map(|found| found.len());
        let other = "AGE-PLUGIN-YUBIKEY-1XYZ\nAGE-SECRET-KEY-PQ-1XYZ\n";
        assert_eq!(count(""), Ok(0));
        assert_eq!(count("# created: today\n\n"), Ok(0));
        assert_eq!(count(&format!("# a\r\n{EXAMPLE}\r\n\n{other}{EXAMPLE}")), Ok(2));
    }

    #[test]
    fn anything_else_is_refused_and_not_repeated() {
        let lower = EXAMPLE.to_lowercase();
        let damaged = EXAMPLE.replace("EGAEX", "EGAEQ");
        for (line, number) in [
            (lower.as_str(), 2),
            (damaged.as_str(), 2),
            (EXAMPLE_RECIPIENT, 2),
            (" ", 2),
            ("AGE-SECRET-KEY-", 2),
            ("-----BEGIN OPENSSH PRIVATE KEY-----", 2),
        ] {
            let error = read("keys", format!("# one\n{line}\n{EXAMPLE}\n").as_bytes()).err().unwrap();
            let expected = format!("line {number} of `keys` is not an identity of the kind X25519");
            assert_eq!((error.code.as_str(), error.message), ("age.identity", expected));
        }
        let error = |file: &[u8]| read("keys", file).err().unwrap().message;
        assert_eq!(error(b"\xff"), "`keys` is no file of identities");
        assert!(error(b"age-encryption.org/v1\n").starts_with("`keys` is itself encrypted"));
        assert!(error(b"-----BEGIN AGE ENCRYPTED FILE-----\n").starts_with("`keys` is itself encrypted"));
    }
}
