//! A stretch of address space that guests get their memory in. Only as much of it as they have can be reached; an access
//! behind that is a fault, which compiled code relies on.
#![allow(unsafe_code, reason = "memory is mapped and lent to compiled code, which only raw pointers can do")]

use rustix::io::Result;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mlock, mmap_anonymous, mprotect, munmap};
use std::ffi::c_void;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::ptr::{NonNull, null_mut};

/// What accessible stretches are multiples of: a page of WebAssembly, and one of every system.
pub(crate) const PAGE: usize = 64 << 10;

/// Zero bytes at first. Invariants: `start` is the first of `mapped` bytes that this maps and nobody else unmaps; exactly
/// the first `accessible` of them can be read and written, and `accessible <= mapped`.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    mapped: usize,
    accessible: usize,
}

// SAFETY: the mapping belongs to this value alone, and is only reached through it or by whoever was lent its memory.
unsafe impl Send for Mapping {}
// SAFETY: as above; by reference only its numbers are read.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps bytes, none of them accessible.
    pub(crate) fn new(bytes: usize) -> std::result::Result<Mapping, String> {
        let mapped = round_up(bytes).ok_or("it is too large")?.max(PAGE);
        // SAFETY: a new mapping at an address that the system chooses concerns nobody.
        let start =
            unsafe { mmap_anonymous(null_mut(), mapped, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE) }
                .map_err(|error| format!("no memory of {mapped} bytes: {error}"))?;
        let start = NonNull::new(start.cast::<u8>()).ok_or("the system mapped nothing")?;
        Ok(Mapping { start, mapped, accessible: 0 })
    }

    /// Returns where it begins.
    pub(crate) fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Returns how many bytes there are, accessible or not.
    pub(crate) fn length(&self) -> usize {
        self.mapped
    }

    /// Makes the first bytes accessible, rounded up to whole pages, and no others.
    pub(crate) fn set_accessible(&mut self, bytes: usize) -> Result<()> {
        let wanted = round_up(bytes).filter(|wanted| *wanted <= self.mapped).ok_or(rustix::io::Errno::NOMEM)?;
        let (low, high) = (wanted.min(self.accessible), wanted.max(self.accessible));
        if low < high {
            let flags =
                if wanted == high { MprotectFlags::READ | MprotectFlags::WRITE } else { MprotectFlags::empty() };
            // SAFETY: bytes of our own mapping, which at this time nobody is lent (they are above what is accessible, or are
            // about to be).
            unsafe { mprotect(self.at(low), high - low, flags) }?;
            self.accessible = wanted;
        }
        Ok(())
    }

    /// Returns the accessible bytes.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: they can be read and written, and are borrowed with the mapping.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.accessible) }
    }

    /// Keeps it out of core dumps. A system that cannot do this does without.
    pub(crate) fn hide(&self) {
        // SAFETY: exactly what is mapped; it changes nothing about the bytes.
        let _ = unsafe { madvise(self.at(0), self.mapped, Advice::LinuxDontDump) };
    }

    /// Keeps what is accessible from being written to a disk. It is a wish: most users may lock little.
    pub(crate) fn lock(&self) {
        // SAFETY: accessible bytes of our mapping; it changes nothing about them.
        let _ = unsafe { mlock(self.at(0), self.accessible) };
    }

    /// Gives all pages back: the next access finds zeros.
    pub(crate) fn give_back(&mut self) -> Result<()> {
        // SAFETY: bytes of our own private mapping without a file behind it, borrowed with it.
        unsafe { madvise(self.at(0), self.accessible, Advice::LinuxDontNeed) }
    }

    fn at(&self, offset: usize) -> *mut c_void {
        self.start.as_ptr().wrapping_add(offset).cast()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the whole of our mapping, which nobody uses any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.mapped) };
    }
}

/// Tells which pages were used since they were mapped.
pub(crate) struct Pages {
    file: File,
    page_bytes: usize,
}

/// The bits of an entry that say that a page is in memory, or was moved out of it.
const USED: u64 = 0b11 << 62;
const ENTRY_BYTES: usize = 8;
/// As many as are looked at; who has more is not worth it.
const ENTRIES_MAX: usize = 1024;

impl Pages {
    /// Finds out whether this system tells, and tells the truth.
    pub(crate) fn open() -> Option<Pages> {
        let pages = Pages { file: File::open("/proc/self/pagemap").ok()?, page_bytes: rustix::param::page_size() };
        let mut probe = Mapping::new(PAGE).ok()?;
        probe.set_accessible(PAGE).ok()?;
        if PAGE <= pages.page_bytes {
            return None;
        }
        *probe.bytes().get_mut(pages.page_bytes)? = 1;
        (pages.used(&probe)? == [1]).then_some(pages)
    }

    /// Returns the pages of what is accessible that were used, by number; nothing, where there are too many to look at.
    pub(crate) fn used(&self, mapping: &Mapping) -> Option<Vec<usize>> {
        let mut buffer = [0; ENTRIES_MAX * ENTRY_BYTES];
        let count = mapping.accessible / self.page_bytes;
        let entries = buffer.get_mut(..count * ENTRY_BYTES)?;
        let first = mapping.start.as_ptr().addr() / self.page_bytes;
        self.file.read_exact_at(entries, (first * ENTRY_BYTES) as u64).ok()?;
        let is_used = |entry: &[u8; ENTRY_BYTES]| u64::from_ne_bytes(*entry) & USED != 0;
        let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
        Some(entries.iter().enumerate().filter(|(_, entry)| is_used(entry)).map(|(number, _)| number).collect())
    }

    /// Returns how large they are.
    pub(crate) fn page_bytes(&self) -> usize {
        self.page_bytes
    }
}

/// Rounds up to whole pages.
pub(crate) fn round_up(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_told_and_nothing_else() {
        let Some(pages) = Pages::open() else { return };
        let mut mapping = Mapping::new(4 * PAGE).unwrap();
        mapping.set_accessible(2 * PAGE).unwrap();
        assert_eq!(pages.used(&mapping), Some(vec![]));
        mapping.bytes()[3 * pages.page_bytes() + 7] = 1;
        mapping.bytes()[PAGE] = 0;
        assert_eq!(pages.used(&mapping), Some(vec![3, PAGE / pages.page_bytes()]));
        mapping.give_back().unwrap();
        assert_eq!(pages.used(&mapping), Some(vec![]));
    }

    #[test]
    fn who_has_too_many_pages_is_not_looked_at() {
        let Some(pages) = Pages::open() else { return };
        let bytes = ENTRIES_MAX * pages.page_bytes();
        let mut mapping = Mapping::new(bytes + PAGE).unwrap();
        mapping.set_accessible(bytes).unwrap();
        assert_eq!(pages.used(&mapping), Some(vec![]));
        mapping.set_accessible(bytes + PAGE).unwrap();
        assert_eq!(pages.used(&mapping), None);
    }

    #[test]
    fn no_more_is_accessible_than_is_mapped() {
        let mut mapping = Mapping::new(PAGE).unwrap();
        assert!(mapping.set_accessible(PAGE + 1).is_err());
        mapping.set_accessible(1).unwrap();
        assert_eq!(mapping.bytes().len(), PAGE);
        mapping.set_accessible(0).unwrap();
        assert_eq!(mapping.bytes().len(), 0);
    }
}
