//! Components of which everything is known: their digest, and what looking at them found. It is found here, from the bytes,
//! or was found when this binary was built, for what is part of it.
//!
//! Nobody's word is taken for bytes that come from outside: a [`Part`] consists of constants, which are settled before any
//! file can be read. What it says is compared with what is found here by the tests of `punix-bundle`.

use crate::digest::Digest;
use crate::file::Component;
use crate::inspect::{InspectError, Inspected, inspect};
use crate::manifest::Manifest;
use crate::world::InterfaceName;

/// A component that is part of this binary, with what its build found out about it. The build script of `punix-bundle`
/// writes these, and nobody else.
pub trait Part {
    const COMPONENT: &'static [u8];
    /// The digest of the component.
    const SHA256: [u8; 32];
    /// Its manifest, as it stands in it.
    const MANIFEST: &'static str;
    /// The interfaces that it imports and exports, in its order.
    const IMPORTS: &'static [&'static str];
    const EXPORTS: &'static [&'static str];
    /// The component as machine code. Empty where this binary is for another processor than the one that built it.
    const CODE: &'static [u8];
    /// What compiled it, as [`punix_engine::compatibility`] tells.
    const COMPATIBILITY: &'static str;
}

/// A component that was looked at. Invariant: digest and findings are those of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    component: Component,
    inspected: Inspected,
}

impl Examined {
    /// Looks at a component.
    pub fn look(component: Component) -> Result<Examined, InspectError> {
        let inspected = inspect(component.bytes())?;
        Ok(Examined { component, inspected })
    }

    /// Takes a component that is part of this binary, which says what was found when it was built.
    pub fn part<P: Part>() -> Examined {
        const BUILT: &str = "what the build wrote is what it read";
        let interfaces = |names: &[&str]| -> Vec<InterfaceName> {
            names.iter().map(|name| InterfaceName::parse(name).expect(BUILT)).collect()
        };
        let manifest: Manifest = serde_json::from_str(P::MANIFEST).expect(BUILT);
        let inspected = Inspected { manifest, imports: interfaces(P::IMPORTS), exports: interfaces(P::EXPORTS) };
        Examined { component: Component::part(P::COMPONENT, Digest::from_hash(P::SHA256)), inspected }
    }

    /// Returns the component.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Returns what is known of it.
    pub fn inspected(&self) -> &Inspected {
        &self.inspected
    }

    /// Returns its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.inspected.manifest
    }
}
