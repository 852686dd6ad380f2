//! Counts what a plugin takes, and says no where that ends. What was refused is remembered: a plugin that breaks off for
//! it looks as if it broke off by itself.

use crate::limits::Limits;
use wasmtime::ResourceLimiter;

/// The count of one call.
pub(crate) struct Meter {
    limits: Limits,
    /// Bytes of all memories, and elements of all tables.
    memory: usize,
    elements: usize,
    /// Bytes that the host keeps for the plugin: blobs, sinks, secrets.
    kept: usize,
    reached: Option<&'static str>,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Meter {
        Meter { limits, memory: 0, elements: 0, kept: 0, reached: None }
    }

    /// Notes which limit was reached; the first is the one that counts.
    pub(crate) fn reached(&mut self, limit: &'static str) {
        self.reached.get_or_insert(limit);
    }

    /// Returns which limit was reached.
    pub(crate) fn first_reached(&self) -> Option<&'static str> {
        self.reached
    }

    /// Counts bytes that the host keeps for the plugin; says no where they are too many.
    pub(crate) fn keep(&mut self, bytes: usize) -> bool {
        let total = self.kept.saturating_add(bytes);
        let allowed = total as u64 <= u64::from(self.limits.output_mib) << 20;
        if allowed {
            self.kept = total;
        } else {
            self.reached("output_mib");
        }
        allowed
    }

    /// Counts bytes that are gone.
    pub(crate) fn let_go(&mut self, bytes: usize) {
        self.kept = self.kept.saturating_sub(bytes);
    }

    /// Returns how much memory there is.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        let allowed = total as u64 <= u64::from(self.limits.memory_mib) << 20;
        if allowed {
            self.memory = total;
        } else {
            self.reached("memory_mib");
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.elements.saturating_sub(current).saturating_add(desired);
        let allowed = total as u64 <= u64::from(self.limits.table_elements);
        if allowed {
            self.elements = total;
        } else {
            self.reached("table_elements");
        }
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        self.limits.instances as usize
    }

    fn tables(&self) -> usize {
        self.limits.tables as usize
    }

    fn memories(&self) -> usize {
        self.limits.memories as usize
    }
}
