//! What plugins hold handles of. All of it lives in the host; a plugin has a number, which means something in this one
//! call only.
#![allow(unreachable_pub, reason = "the generated bindings name these publicly; nothing outside can reach them")]

use crate::ability::secrets::Made;
use crate::word::{Pointer, RootName};
use punix_model::{Pipe, Secret};
use std::collections::BTreeSet;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes behind a handle.
pub struct Blob {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// How many were read so far.
    pub(crate) read: usize,
    /// Nobody may ask what is in it.
    pub(crate) sealed: bool,
    pub(crate) made: Made,
    pub(crate) origin: Origin,
    /// The pointers at which it may be read all the same.
    pub(crate) public: BTreeSet<Pointer>,
}

/// Bytes that are being put together.
pub struct Sink {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) sealed: bool,
    pub(crate) made: Made,
    pub(crate) origin: Origin,
}

/// A secret behind a handle.
#[derive(Clone)]
pub struct HeldSecret {
    pub(crate) value: Arc<Secret>,
    pub(crate) label: String,
    pub(crate) origin: Origin,
}

/// Where bytes came from, as far as it matters for what may be done with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The plugin made them.
    Plugin,
    /// The answer to a request that this reference made possible; it may answer that reference only.
    Reference(String),
    /// A variable that was granted by name.
    Variable(String),
    /// A file below a root that was granted.
    File(RootName, String),
    /// A host that was asked.
    Host(String),
    /// Several of these.
    Several,
}

impl Sink {
    /// Appends bytes. Room is made by moving to a larger place, so that what was there is overwritten.
    pub(crate) fn append(&mut self, more: &[u8]) {
        let wanted = self.bytes.len().saturating_add(more.len());
        if wanted > self.bytes.capacity() {
            let mut larger = Vec::with_capacity(wanted.max(self.bytes.capacity().saturating_mul(2)));
            larger.extend_from_slice(&self.bytes);
            self.bytes = Zeroizing::new(larger);
        }
        self.bytes.extend_from_slice(more);
    }
}

impl Origin {
    /// Returns where bytes came from that are put together of bytes from here and there. Two references do not go
    /// together: that would answer neither.
    pub(crate) fn with(&self, other: &Origin) -> Option<Origin> {
        match (self, other) {
            (one, another) if one == another => Some(one.clone()),
            (Origin::Reference(_), Origin::Reference(_)) => None,
            (Origin::Plugin, one) | (one, Origin::Plugin) => Some(one.clone()),
            (Origin::Reference(text), _) | (_, Origin::Reference(text)) => Some(Origin::Reference(text.clone())),
            (
                Origin::Variable(_) | Origin::File(..) | Origin::Host(_) | Origin::Several,
                Origin::Variable(_) | Origin::File(..) | Origin::Host(_) | Origin::Several,
            ) => Some(Origin::Several),
        }
    }

    /// Returns what secrets from there are called.
    pub(crate) fn label(&self) -> String {
        match self {
            Origin::Plugin => "written".to_owned(),
            Origin::Reference(text) => format!("reference:{text}"),
            Origin::Variable(name) => format!("env:{name}"),
            Origin::File(root, path) => format!("file:{root}/{path}"),
            Origin::Host(host) => format!("http:{host}"),
            Origin::Several => "several".to_owned(),
        }
    }
}

/// A pipe behind a handle.
pub struct HeldPipe {
    /// Gone, once it was taken out of the plugin's reach.
    pub(crate) pipe: Option<Pipe>,
}

/// A connection behind a handle.
pub struct Connection {
    pub(crate) way: Box<dyn crate::outside::SecureShellConnection>,
}
