//! The one configuration of wasmtime. Whoever compiles a component and whoever loads what was compiled use the same, so
//! that what the build script compiles is what the binary runs.
//!
//! This is also the only crate with `unsafe` in it: machine code is taken as what it claims to be (`trusted.rs`) and made
//! executable (`in_place.rs`), memory is mapped (`mapping.rs`) and given to guests (`memory.rs`). Nothing here knows what a plugin is.

#[cfg(feature = "compiler")]
mod compile;
mod in_place;
mod mapping;
mod memory;
mod trusted;

#[cfg(feature = "compiler")]
pub use compile::{Compiled, compile};
pub use memory::Watcher;
pub use trusted::{Key, TAG_BYTES, Trusted, tag};

use wasmtime::{Config, Engine};

/// The version of wasmtime.
pub const WASMTIME: &str = "48.0.8";

/// Counts changes of the configuration: what was compiled under another number is not looked at.
pub const CONFIGURATION: u32 = 1;

/// What plugins are compiled for: the first processors of their kind, so that what was compiled on one machine runs on
/// every other of that kind.
#[cfg(target_arch = "x86_64")]
pub const TARGET: &str = "x86_64-unknown-linux-gnu";
#[cfg(target_arch = "aarch64")]
pub const TARGET: &str = "aarch64-unknown-linux-gnu";

/// How often the clock of an engine has to tick: deadlines are counted in ticks.
pub const TICK_MS: u64 = 10;

/// The stack of a guest; the host needs some of its own above that.
pub const STACK_BYTES_MAX: usize = 4 << 20;

/// What becomes of a guest's memory when it goes.
#[derive(Clone)]
pub enum Memory {
    /// It is emptied, and given to the next guest.
    Plain,
    /// It is overwritten first; locked and kept out of core dumps where the system allows that.
    Wiped,
    /// The same, and somebody looks at it before. Tests do.
    Watched(Watcher),
}

/// How an engine is set up.
#[derive(Clone)]
pub struct Setup {
    pub memory: Memory,
    /// The stack of a guest, at most [`STACK_BYTES_MAX`].
    pub stack_bytes: usize,
}

/// Makes an engine. Everything that code can depend on is the same for all of them.
pub fn engine(setup: Setup) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    features(&mut config);
    config
        .epoch_interruption(true)
        // Nothing here is asynchronous, but wasmtime compares the two.
        .async_stack_size(STACK_BYTES_MAX)
        .max_wasm_stack(setup.stack_bytes.min(STACK_BYTES_MAX))
        .memory_reservation(64 << 20)
        .memory_guard_size(64 << 10)
        .memory_reservation_for_growth(16 << 20)
        .memory_may_move(true)
        // Images of memory are for wasmtime's own memory; with ours it panics on one.
        .memory_init_cow(false)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16))
        .relaxed_simd_deterministic(true);
    in_place::configure(&mut config);
    #[cfg(feature = "compiler")]
    config
        .target(TARGET)?
        .parallel_compilation(true)
        .cranelift_nan_canonicalization(true)
        .generate_address_map(false)
        .native_unwind_info(false);
    let _ = match setup.memory {
        Memory::Plain => config.with_host_memory(memory::reusing()),
        Memory::Wiped => config.with_host_memory(memory::wiping(None)),
        Memory::Watched(watcher) => config.with_host_memory(memory::wiping(Some(watcher))),
    };
    Engine::new(&config)
}

/// What guests may use; inspection validates with the same. What is not compiled in cannot be switched on.
fn features(config: &mut Config) {
    config
        .wasm_component_model(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true)
        .wasm_multi_memory(true)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .shared_memory(false);
}

/// Says what code has to come from to be loaded by our engines; what says another thing does not even have to be tried.
/// Wasmtime besides checks every setting that code depends on.
pub fn compatibility() -> String {
    format!("wasmtime {WASMTIME} {TARGET} {CONFIGURATION}")
}

/// Loads what was compiled just now, in this process.
#[cfg(feature = "compiler")]
pub fn load_compiled(engine: &Engine, compiled: Compiled) -> wasmtime::Result<wasmtime::component::Component> {
    Trusted::compiled(&compiled).load(engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stack_that_can_be_granted_can_be_had() {
        for stack_bytes in [64 << 10, STACK_BYTES_MAX, usize::MAX] {
            assert!(engine(Setup { memory: Memory::Plain, stack_bytes }).is_ok(), "{stack_bytes}");
        }
    }

    #[test]
    fn the_version_is_the_one_that_is_used() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{WASMTIME}\"")));
    }
}
