//! Everything that is bounded: what is read before a plugin runs, and what a plugin may use when it runs.
//!
//! What it may use is a table of [`Limits`]. A grant that says nothing gets the default of the plugin's world; a plugin
//! can wish for less, a site can force less, and nobody can get more than the last column.

use crate::world::World;
use serde::{Deserialize, Serialize};

/// The largest component that is read.
pub const COMPONENT_BYTES_MAX: u64 = 64 << 20;
/// The largest manifest section.
pub const MANIFEST_BYTES_MAX: usize = 64 << 10;
/// The largest policy or lock file.
pub const POLICY_BYTES_MAX: u64 = 1 << 20;
/// How many files a site's policy may have.
pub const CEILING_FILES_MAX: usize = 256;
/// How many plugins a policy or a lock may name.
pub const PLUGINS_MAX: usize = 1_000;
/// How many requests or rules of one kind there may be, and how many entries in each.
pub const LIST_MAX: usize = 64;
/// Names, hosts, paths.
pub const WORD_BYTES_MAX: usize = 256;
/// A reason for a request.
pub const WHY_CHARACTERS_MAX: usize = 200;
/// How many modules and components may be inside a component, and how deep.
pub const NESTED_MAX: usize = 256;
pub const NESTED_DEPTH_MAX: usize = 8;
/// How long compiling one component may take.
#[cfg(feature = "compiler")]
pub const COMPILE_TIMEOUT_MS: u64 = 120_000;
/// How many imports and exports a component may have.
pub const EXTERNS_MAX: usize = 64;

/// What a request of HTTP may be.
pub const URL_BYTES_MAX: usize = 8 << 10;
pub const REQUEST_HEADERS_MAX: usize = 64;
pub const REQUEST_HEAD_BYTES_MAX: usize = 64 << 10;
pub const FILLED_MEMBERS_MAX: usize = 64;
/// What an answer may be, besides its body: everything before it together with what follows its last chunk.
pub const ANSWER_HEAD_BYTES_MAX: usize = 64 << 10;
pub const ANSWER_LINE_BYTES_MAX: usize = 16 << 10;
pub const ANSWER_HEADERS_MAX: usize = 128;
/// How often a server may say that it is not done yet.
pub const INTERIM_ANSWERS_MAX: usize = 8;
/// What may stand between the chunks of a body, beside one byte for every eight of the body.
pub const CHUNK_FRAME_BYTES_MAX: usize = 64 << 10;
/// How many addresses a name may have, and how many names may be looked up at one time.
pub const ADDRESSES_MAX: usize = 64;
pub const LOOKUPS_MAX: usize = 32;
/// A file of certificate authorities.
pub const AUTHORITIES_BYTES_MAX: u64 = 16 << 20;

/// What is kept of what a program that was started complains about.
pub const COMPLAINT_BYTES_MAX: usize = 8 << 10;
/// The words of a program that is started here or on a target: how many, and how large in all.
pub const ARGUMENTS_MAX: usize = 1_024;
pub const ARGUMENTS_BYTES_MAX: usize = 64 << 10;
/// The largest program of which a digest is taken.
pub const PROGRAM_BYTES_MAX: u64 = 512 << 20;

/// What a plugin may read of a blob at one time, and of a sealed one where it may read at all.
pub const READ_BYTES_MAX: u32 = 256 << 10;
pub const PUBLIC_BYTES_MAX: usize = 4 << 10;
/// A pointer into a document.
pub const POINTER_BYTES_MAX: usize = 1 << 10;
pub const POINTER_PARTS_MAX: usize = 32;
/// What a plugin calls a secret that it has computed.
pub const LABEL_CHARACTERS_MAX: usize = 64;
/// What is counted for a secret besides its bytes.
pub const SECRET_BYTES_MIN: usize = 64;
/// The largest variable; what Linux hands to a program is not larger.
pub const VARIABLE_BYTES_MAX: usize = 128 << 10;
/// A path that a plugin names; what the kernel takes is not longer.
pub const PATH_BYTES_MAX: usize = 4_095;
/// How many names are listed of one directory.
pub const FILE_NAMES_MAX: usize = 10_000;

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $backend:literal, $resolver:literal, $transport:literal, at most $max:literal;)*) => {
        /// What a plugin may use in one call; in a session or a link, in each call of it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Limits { $($(#[$doc])* pub $name: u32),* }

        /// The same, each perhaps unsaid: what a plugin wishes, what a grant gives, what a site allows.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Wishes {
            $(#[serde(default, skip_serializing_if = "Option::is_none")] pub $name: Option<u32>),*
        }

        impl Limits {
            /// Returns what a plugin of this world gets of which nothing else is said.
            pub fn of(world: World) -> Limits {
                match world {
                    World::Backend => Limits { $($name: $backend),* },
                    World::SecretResolver => Limits { $($name: $resolver),* },
                    World::Transport => Limits { $($name: $transport),* },
                }
            }

            /// Returns what nobody can get more of.
            pub const MAX: Limits = Limits { $($name: $max),* };

            /// Returns these, each brought down to a wish, where there is one.
            #[must_use]
            pub fn at_most(self, wishes: &Wishes) -> Limits {
                Limits { $($name: self.$name.min(wishes.$name.unwrap_or(u32::MAX))),* }
            }

            /// Returns these, each replaced by what a grant says; never more than [`Limits::MAX`].
            #[must_use]
            pub fn granted(self, grant: &Wishes) -> Limits {
                Limits { $($name: grant.$name.unwrap_or(self.$name).min(Limits::MAX.$name)),* }
            }

            /// Lists all by name.
            pub fn each(&self) -> Vec<(&'static str, u32)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }

        impl Wishes {
            /// Lists all by name.
            pub fn each(&self) -> Vec<(&'static str, Option<u32>)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }
    };
}

limits! {
    /// Wall time of a call; what the host does for the plugin counts. Sixty seconds for a transport, which may have to
    /// wait for a machine.
    timeout_ms: 1_000, 10_000, 60_000, at most 600_000;
    /// Linear memory in all.
    memory_mib: 32, 32, 32, at most 1_024;
    memories: 4, 4, 4, at most 64;
    /// Core instances in one component.
    instances: 32, 32, 32, at most 256;
    tables: 8, 8, 8, at most 64;
    table_elements: 10_000, 10_000, 10_000, at most 1_000_000;
    /// Resources that the plugin holds at one time.
    handles: 1_000, 1_000, 1_000, at most 100_000;
    /// What passes the border in one call of the host.
    call_kib: 1_024, 1_024, 1_024, at most 16_384;
    /// What a call may answer in all, in how many parts, and how large one is.
    output_mib: 16, 16, 16, at most 256;
    artefacts: 10_000, 10_000, 10_000, at most 100_000;
    artefact_kib: 1_024, 1_024, 1_024, at most 16_384;
    log_lines: 200, 200, 200, at most 10_000;
    log_line_bytes: 4_096, 4_096, 4_096, at most 65_536;
    /// How often a session is asked for its next step.
    steps: 1_000, 1_000, 1_000, at most 100_000;
    /// How long a session may take in all, with its waits and with the commands that are run for it.
    session_s: 1_800, 1_800, 1_800, at most 86_400;
    stack_kib: 512, 512, 512, at most 4_096;
    /// The body of one answer that the host fetches for it.
    response_kib: 1_024, 1_024, 1_024, at most 65_536;
}

impl Wishes {
    /// Tells whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Wishes::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_default_is_above_what_nobody_can_get() {
        for world in World::ALL {
            for ((name, preset), (_, max)) in Limits::of(*world).each().into_iter().zip(Limits::MAX.each()) {
                assert!(0 < preset && preset <= max, "{name} of {world}: {preset} > {max}");
            }
        }
    }

    #[test]
    fn a_grant_raises_and_a_wish_only_lowers() {
        let (more, less) = (Some(128), Some(8));
        let start = Limits::of(World::Backend);
        assert_eq!(start.granted(&Wishes { memory_mib: more, ..Wishes::default() }).memory_mib, 128);
        assert_eq!(start.at_most(&Wishes { memory_mib: more, ..Wishes::default() }).memory_mib, 32);
        assert_eq!(start.at_most(&Wishes { memory_mib: less, ..Wishes::default() }).memory_mib, 8);
        let absurd = Wishes { memory_mib: Some(u32::MAX), ..Wishes::default() };
        assert_eq!(start.granted(&absurd).memory_mib, Limits::MAX.memory_mib);
    }
}
