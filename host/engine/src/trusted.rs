//! Machine code that is taken as what it claims to be. Loading it is `unsafe`, since whoever can choose its bytes can do
//! anything in this process; so it is loaded only if it is part of this binary, or if it carries a tag that only this
//! user's key can have made over exactly these bytes.
#![allow(unsafe_code, reason = "loading machine code needs it, and the type below is the proof that it may be loaded")]

use crate::in_place;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::collections::BTreeSet;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};
use wasmtime::Engine;
use wasmtime::component::Component;
use zeroize::Zeroizing;

/// How long a tag is.
pub const TAG_BYTES: usize = 32;

/// What tags are made with. Whoever can read it can have anything run; it is kept like an SSH key.
pub struct Key(Zeroizing<[u8; 32]>);

/// Machine code that may be loaded. Invariant: made by [`crate::compile`] for this machine's user, or by the build of this
/// binary; there is no other way to make one.
pub struct Trusted<'b>(Code<'b>);

#[derive(Clone, Copy)]
enum Code<'b> {
    /// It is where it is for as long as this process runs.
    Embedded(&'static [u8]),
    Lent(&'b [u8]),
}

/// Where code lies that is part of this binary and was loaded without copying it. It can be loaded so once.
static IN_PLACE: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

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
        Trusted(Code::Embedded(code))
    }

    /// Takes code that was compiled in this process.
    #[cfg(feature = "compiler")]
    pub(crate) fn compiled(compiled: &crate::Compiled) -> Trusted<'_> {
        Trusted(Code::Lent(compiled.code()))
    }

    /// Takes code whose tag is right.
    pub fn tagged<'b>(key: &Key, name: &str, code: &'b [u8], tag: &[u8]) -> Option<Trusted<'b>> {
        begun(key, name, code).verify_slice(tag).is_ok().then_some(Trusted(Code::Lent(code)))
    }

    /// Loads it. It is refused if another version or configuration compiled it, or if this processor lacks something.
    pub fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        match self.0 {
            Code::Embedded(code) if can_stay(code) => {
                // SAFETY: the bytes come from our own compiler, as part of this binary, where nobody changes them and where
                // they are until the process ends.
                unsafe { Component::deserialize_raw(engine, NonNull::from(code)) }
            }
            Code::Embedded(code) | Code::Lent(code) => {
                // SAFETY: the bytes come from our own compiler, unchanged: they are part of this binary, or their tag was
                // checked over these very bytes, which nobody else can write while they are borrowed here.
                unsafe { Component::deserialize(engine, code) }
            }
        }
    }
}

/// Says whether code can be run where it lies, which is the first time that it is loaded. Else it is copied, which costs
/// more than all the rest of loading.
fn can_stay(code: &'static [u8]) -> bool {
    let address = code.as_ptr().addr();
    let aligned = in_place::is_possible() && !code.is_empty() && address.is_multiple_of(in_place::ALIGNMENT);
    aligned && IN_PLACE.lock().unwrap_or_else(PoisonError::into_inner).insert(address)
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
