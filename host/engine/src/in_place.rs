//! Making code executable. Wasmtime does that by itself for memory that it mapped; for code that is part of this binary, and
//! is run where it lies, it asks.
#![allow(unsafe_code, reason = "only raw pointers lead to the pages that become executable")]

use rustix::mm::{MprotectFlags, mprotect};
use wasmtime::{Config, CustomCodeMemory};

/// What code that is run where it lies is aligned to.
pub(crate) const ALIGNMENT: usize = 4096;

/// Says whether it can be done here: other processors have to be told of new code, and have larger pages.
pub(crate) fn is_possible() -> bool {
    cfg!(target_arch = "x86_64") && rustix::param::page_size() == ALIGNMENT
}

/// Has an engine ask us.
pub(crate) fn configure(config: &mut Config) {
    if is_possible() {
        config.with_custom_code_memory(Some(std::sync::Arc::new(Executable)));
    }
}

struct Executable;

impl CustomCodeMemory for Executable {
    fn required_alignment(&self) -> usize {
        ALIGNMENT
    }

    fn publish_executable(&self, start: *const u8, length: usize) -> wasmtime::Result<()> {
        // SAFETY: whole pages of code and nothing else, as the engine promises. Nobody writes to them any more; that they can be
        // read and run, and not be written, is what is asked for.
        unsafe { mprotect(start.cast_mut().cast(), length, MprotectFlags::READ | MprotectFlags::EXEC) }
            .map_err(|error| wasmtime::format_err!("code cannot be made executable: {error}"))
    }

    fn unpublish_executable(&self, _: *const u8, _: usize) -> wasmtime::Result<()> {
        // What was mapped is unmapped next. What is part of this binary stays as it is: it can be loaded again.
        Ok(())
    }
}
