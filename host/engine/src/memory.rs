//! Memory for guests that see secrets: it is overwritten when it goes, and kept from the disk where the system allows
//! that. Wasmtime's own memory is given back as it is.
#![allow(unsafe_code, reason = "memory is mapped and lent to compiled code, which only raw pointers can do")]

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mlock, mmap_anonymous, mprotect, munmap};
use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

/// Looks at a guest's memory when it goes.
pub type Watcher = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// Makes the maker of such memory.
pub(crate) fn creator(watcher: Option<Watcher>) -> Arc<dyn MemoryCreator> {
    Arc::new(Wiping { watcher })
}

struct Wiping {
    watcher: Option<Watcher>,
}

/// One memory. Invariants: `start` is the first of `mapped` bytes that this maps and nobody else unmaps; the first
/// `capacity` of them can be made accessible, the first `size` are; `size <= capacity <= mapped`.
struct Wiped {
    start: NonNull<u8>,
    mapped: usize,
    capacity: usize,
    size: usize,
    watcher: Option<Watcher>,
}

// SAFETY: the mapping belongs to this value alone, and is only reached through wasmtime, which sees to who does so when.
unsafe impl Send for Wiped {}
// SAFETY: as above; by reference only its numbers are read.
unsafe impl Sync for Wiped {}

// SAFETY: the memory stays where it is for as long as the value lives, is zero at first, accessible up to its size, and is
// followed by the guard that was asked for, which nobody can read or write.
unsafe impl MemoryCreator for Wiping {
    fn new_memory(
        &self,
        ty: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        // What is not reserved cannot be grown into later: this memory never moves.
        let most = maximum.unwrap_or(usize::MAX).min(UNRESERVED_BYTES_MAX).max(minimum);
        let capacity = round_up(reserved.unwrap_or(most).max(minimum)).ok_or("it is too large")?;
        let mapped = capacity.checked_add(round_up(guard).ok_or("its guard is too large")?).ok_or("it is too large")?;
        let mapped = mapped.max(PAGE);
        // SAFETY: a new mapping at an address that the system chooses concerns nobody.
        let start =
            unsafe { mmap_anonymous(null_mut(), mapped, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE) }
                .map_err(|error| format!("no memory of {mapped} bytes: {error}"))?;
        let start = NonNull::new(start.cast::<u8>()).ok_or("the system mapped nothing")?;
        let mut memory = Wiped { start, mapped, capacity, size: 0, watcher: self.watcher.clone() };
        // SAFETY: exactly what was just mapped. A system that cannot do this does without.
        let _ = unsafe { madvise(start.as_ptr().cast(), mapped, Advice::LinuxDontDump) };
        let _ = ty;
        memory.grow_to(minimum).map_err(|error| error.to_string())?;
        Ok(Box::new(memory))
    }
}

/// Where nobody says how much to reserve, so much can be grown into.
const UNRESERVED_BYTES_MAX: usize = 1 << 30;
const PAGE: usize = 64 << 10;

// SAFETY: see the creator; `as_ptr` never changes.
unsafe impl LinearMemory for Wiped {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        if new_size > self.capacity {
            wasmtime::bail!("{new_size} bytes are more than the {} that are reserved", self.capacity);
        }
        if new_size > self.size {
            let accessible = round_up(new_size).unwrap_or(self.capacity).min(self.mapped);
            let place = self.start.as_ptr().cast::<c_void>();
            // SAFETY: the first bytes of our own mapping; what was accessible stays so.
            unsafe { mprotect(place, accessible, MprotectFlags::READ | MprotectFlags::WRITE) }
                .map_err(|error| wasmtime::format_err!("no more memory: {error}"))?;
            // SAFETY: the same bytes. Locking is a wish: most users may lock little.
            let _ = unsafe { mlock(place, accessible) };
            self.size = new_size;
        }
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        // SAFETY: `size` bytes of our mapping are accessible, and the guest that used them is gone.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.size) };
        if let Some(watcher) = &self.watcher {
            watcher(bytes);
        }
        zeroize::Zeroize::zeroize(bytes);
        // SAFETY: the whole of our mapping, which nobody uses any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.mapped) };
    }
}

fn round_up(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(PAGE)
}
