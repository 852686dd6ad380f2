//! The bundled plugins, as this binary carries them. They are components like anyone's and come in through the same door;
//! here they only lie, with what was found out about them. Beside them lie the programs that do the work on other machines,
//! for each kind of them. What made all of it is the build script (`build.rs`).

use lzma_rust2::XzReader;
use punix_plugin::runtime::Ready;
use punix_plugin::{Examined, Part};
use std::io::Read;

/// A program for one kind of machine. It needs nothing there but the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The kind of machine: `x86_64-linux`.
    pub system: &'static str,
    /// The digest of its bytes, in hexadecimal.
    pub sha256: &'static str,
    /// How many bytes it has.
    pub size: u64,
    packed: &'static [u8],
}

/// A plugin that is part of this binary.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    /// The name of its folder in `plugins`: `from-env`. Its id stands in its manifest.
    pub name: &'static str,
    /// The component, with its manifest.
    pub component: &'static [u8],
    /// The same as machine code, for whoever loads it.
    pub ready: Ready,
    examined: fn() -> Examined,
}

/// Code is run where it lies, for which it has to begin where a page does.
#[repr(align(4096))]
struct Aligned<const BYTES: usize>([u8; BYTES]);

include!(concat!(env!("OUT_DIR"), "/plugins.rs"));
include!(concat!(env!("OUT_DIR"), "/programs.rs"));

/// Returns the bundled plugins in the order of their names.
pub fn plugins() -> &'static [Bundled] {
    PLUGINS
}

/// Returns `punix-target`, which does the work on other machines, for each kind of them, in the order of their names.
pub fn targets() -> &'static [Program] {
    TARGETS
}

/// Returns `punix-build`, which builds on other machines, for each kind of them, in the order of their names.
pub fn builders() -> &'static [Program] {
    BUILDERS
}

impl Program {
    /// Returns its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = XzReader::new(self.packed, false).read_to_end(&mut bytes);
        read.expect("the build packed it, and it is a part of this binary");
        bytes
    }
}

impl Bundled {
    const fn of<P: Part>(name: &'static str) -> Bundled {
        Bundled { name, component: P::COMPONENT, ready: Ready::part::<P>(), examined: Examined::part::<P> }
    }

    /// Returns the component with what the build found out about it: nothing is hashed or parsed again.
    pub fn examined(&self) -> Examined {
        (self.examined)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use punix_plugin::Component;

    #[test]
    fn the_programs_for_other_machines_are_what_they_are_said_to_be() {
        use sha2::{Digest, Sha256};
        for programs in [targets(), builders()] {
            let systems: Vec<&str> = programs.iter().map(|program| program.system).collect();
            assert_eq!(systems, ["aarch64-linux", "x86_64-linux"]);
            for program in programs {
                let bytes = program.bytes();
                let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!((digest.as_str(), bytes.len() as u64), (program.sha256, program.size), "{}", program.system);
            }
        }
    }

    #[test]
    fn all_are_there() {
        let names: Vec<&str> = plugins().iter().map(|plugin| plugin.name).collect();
        assert_eq!(names, ["from-env", "from-file", "from-vault", "local", "ssh", "systemd"]);
    }

    /// The door takes the build's word for these, so it is checked where nobody waits.
    #[test]
    fn what_the_build_found_out_is_what_is_found_in_the_bytes() {
        for plugin in plugins() {
            let found = Examined::look(Component::new(plugin.component.to_vec())).unwrap();
            assert_eq!(plugin.examined(), found, "{}", plugin.name);
            assert_eq!(plugin.examined().component().digest(), found.component().digest(), "{}", plugin.name);
        }
    }

    #[test]
    fn where_there_is_code_it_is_for_this_engine() {
        for plugin in plugins() {
            assert_eq!(plugin.ready.is_for_this_engine(), !plugin.ready.is_empty(), "{}", plugin.name);
        }
    }
}
