//! Machine code that is taken as what it claims to be. Loading it is `unsafe`, since whoever can choose its bytes can do
//! anything in this process; so it is loaded only if it is part of this binary, or if it carries a tag that only this
//! user's key can have made over exactly these bytes.
#![allow(unsafe_code, reason = "loading machine code needs it, and the type below is the proof that it may be loaded")]

use hmac::{Hmac, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;
use zeroize::Zeroizing;

/// How long a tag is.
pub const TAG_BYTES: usize = 32;

/// What tags are made with. Whoever can read it can have anything run; it is kept like an SSH key.
pub struct Key(Zeroizing<[u8; 32]>);

/// Machine code that may be loaded. Invariant: made by [`crate::compile`] for this machine's user, or by the build of this
/// binary; there is no other way to make one.
pub struct Trusted<'b>(&'b [u8]);

impl Key {
    /// Takes the bytes of a key.
    pub fn new(bytes: [u8; 32]) -> Key {
        Key(Zeroizing::new(bytes))
    }
}

/// Makes the tag of some code under a name. The name says what it was compiled from and how, so that one entry cannot
/// stand in for another.
pub fn tag(key: &Key, name: &str, code: &[u8]) -> [u8; TAG_BYTES] {
    begun(key, name, code).finalize().into_bytes().into()
}

impl Trusted<'_> {
    /// Takes code that is part of this binary, which vouches for it.
    pub fn of_this_binary(code: &'static [u8]) -> Trusted<'static> {
        Trusted(code)
    }

    /// Takes code that was compiled in this process.
    #[cfg(feature = "compiler")]
    pub(crate) fn compiled(compiled: &crate::Compiled) -> Trusted<'_> {
        Trusted(compiled.code())
    }

    /// Takes code whose tag is right.
    pub fn tagged<'b>(key: &Key, name: &str, code: &'b [u8], tag: &[u8]) -> Option<Trusted<'b>> {
        begun(key, name, code).verify_slice(tag).is_ok().then_some(Trusted(code))
    }

    /// Loads it. It is refused if another version or configuration compiled it, or if this processor lacks something.
    pub fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes come from our own compiler, unchanged: they are part of this binary, or their tag was checked
        // over these very bytes, which nobody else can write while they are borrowed here.
        unsafe { Component::deserialize(engine, self.0) }
    }
}

fn begun(key: &Key, name: &str, code: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.0.as_slice()).expect("a key of any length will do");
    mac.update(&(name.len() as u64).to_le_bytes());
    mac.update(name.as_bytes());
    mac.update(code);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_for_one_key_name_and_code() {
        let key = Key::new([7; 32]);
        let right = tag(&key, "a", b"code");
        let accepted = |key: &Key, name, code, tag: &[u8]| Trusted::tagged(key, name, code, tag).is_some();
        assert!(accepted(&key, "a", b"code", &right));
        assert!(!accepted(&key, "b", b"code", &right));
        assert!(!accepted(&key, "a", b"Code", &right));
        assert!(!accepted(&key, "", b"acode", &right));
        assert!(!accepted(&Key::new([8; 32]), "a", b"code", &right));
        assert!(!accepted(&key, "a", b"code", &right[..31]));
        assert!(!accepted(&key, "a", b"code", &[]));
    }
}
