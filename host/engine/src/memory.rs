//! Memory for guests. Of guests that see secrets it is overwritten when it goes, and kept from the disk where the system
//! allows that; it is never used twice. Of the others it is emptied and kept for the next, since mapping and unmapping took
//! longer than a call.
#![allow(unsafe_code, reason = "memory is lent to compiled code, which only raw pointers can do")]

use crate::mapping::{Mapping, Pages, round_up};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

/// Looks at a guest's memory when it goes.
pub type Watcher = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// Makes the maker of memory that is overwritten.
pub(crate) fn wiping(watcher: Option<Watcher>) -> Arc<dyn MemoryCreator> {
    Arc::new(Maker(End::Wipe(watcher)))
}

/// Makes the maker of memory that is used again.
pub(crate) fn reusing() -> Arc<dyn MemoryCreator> {
    Arc::new(Maker(End::Reuse(Arc::default())))
}

/// What becomes of memory.
#[derive(Clone)]
enum End {
    Wipe(Option<Watcher>),
    Reuse(Arc<Spares>),
}

struct Maker(End);

/// One memory. Invariants: the first `size` bytes of the mapping are accessible and, up to whole pages, no others; at least
/// `guard` bytes of it never are.
struct Lent {
    /// There until the end.
    mapping: Option<Mapping>,
    size: usize,
    guard: usize,
    end: End,
}

/// What a memory that has to move gets more than it needs, so that it does not move at every step.
const SPACE_TO_GROW: usize = 16 << 20;

// SAFETY: the memory is zero at first, accessible up to its size, and is followed by at least the guard that was asked for,
// which nobody can read or write. It stays where it is unless it grows beyond what was reserved.
unsafe impl MemoryCreator for Maker {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        _: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let reserved = reserved.unwrap_or(0).max(minimum);
        let mut memory = Lent { mapping: None, size: 0, guard, end: self.0.clone() };
        memory.mapping = Some(memory.fresh(reserved)?);
        memory.grow_to(minimum).map_err(|error| error.to_string())?;
        Ok(Box::new(memory))
    }
}

impl Lent {
    /// Returns a mapping for so many bytes and the guard. It is empty, and any part of it may be accessible.
    fn fresh(&self, bytes: usize) -> Result<Mapping, String> {
        const TOO_LARGE: &str = "it is too large";
        let guard = round_up(self.guard).ok_or(TOO_LARGE)?;
        let length = round_up(bytes).and_then(|bytes| bytes.checked_add(guard)).ok_or(TOO_LARGE)?;
        match &self.end {
            End::Reuse(spares) => spares.take(length).map_or_else(|| Mapping::new(length), Ok),
            End::Wipe(_) => {
                let mapping = Mapping::new(length)?;
                mapping.hide();
                Ok(mapping)
            }
        }
    }

    fn mapping(&mut self) -> &mut Mapping {
        self.mapping.as_mut().expect("it is there until the end")
    }

    /// Moves to a larger mapping, for at least so many bytes.
    fn move_for(&mut self, bytes: usize) -> wasmtime::Result<()> {
        let mut larger = self
            .fresh(bytes.saturating_add(SPACE_TO_GROW))
            .or_else(|_| self.fresh(bytes))
            .map_err(wasmtime::Error::msg)?;
        larger.set_accessible(self.size)?;
        let size = self.size;
        if let (Some(new), Some(old)) = (larger.bytes().get_mut(..size), self.mapping().bytes().get(..size)) {
            new.copy_from_slice(old);
        }
        let old = self.mapping.replace(larger);
        self.end.done(old, size);
        Ok(())
    }
}

impl End {
    /// Ends what becomes of a mapping of which so many bytes were used.
    fn done(&self, mapping: Option<Mapping>, size: usize) {
        let Some(mut mapping) = mapping else { return };
        match self {
            End::Wipe(_) => zeroize::Zeroize::zeroize(mapping.bytes().get_mut(..size).unwrap_or_default()),
            End::Reuse(spares) => spares.put(mapping),
        }
    }
}

// SAFETY: see the creator; `as_ptr` changes only in `grow_to`, and only beyond the capacity.
unsafe impl LinearMemory for Lent {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        let length = self.mapping.as_ref().map_or(0, Mapping::length);
        length.saturating_sub(round_up(self.guard).unwrap_or(usize::MAX))
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        if new_size > self.byte_capacity() {
            self.move_for(new_size)?;
        }
        self.mapping().set_accessible(new_size)?;
        if let End::Wipe(_) = self.end {
            self.mapping().lock();
        }
        self.size = new_size;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.mapping.as_ref().map_or(std::ptr::null_mut(), Mapping::start)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let size = self.size;
        if let End::Wipe(Some(watcher)) = &self.end {
            let watcher = Arc::clone(watcher);
            watcher(self.mapping().bytes().get(..size).unwrap_or_default());
        }
        let mapping = self.mapping.take();
        self.end.done(mapping, size);
    }
}

/// Memory that waits for the next guest. Invariant: what waits holds zeros only.
#[derive(Default)]
struct Spares {
    waiting: Mutex<Vec<Mapping>>,
    pages: OnceLock<Option<Pages>>,
}

const SPARES_MAX: usize = 4;
/// Overwriting more pages than this takes longer than new ones do.
const PAGES_MAX: usize = 64;

impl Spares {
    /// Takes one of exactly this length.
    fn take(&self, length: usize) -> Option<Mapping> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let found = waiting.iter().rposition(|mapping| mapping.length() == length)?;
        Some(waiting.swap_remove(found))
    }

    /// Empties one and keeps it. What cannot be emptied, or is one too many, is unmapped.
    fn put(&self, mut mapping: Mapping) {
        if self.empty(&mut mapping).is_none() {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < SPARES_MAX {
            waiting.push(mapping);
        }
    }

    /// Overwrites the pages that were used, if they are known and few; else all are given back to the system.
    fn empty(&self, mapping: &mut Mapping) -> Option<()> {
        let pages = self.pages.get_or_init(Pages::open).as_ref();
        let known = pages.and_then(|pages| Some((pages.page_bytes(), pages.used(mapping)?)));
        match known {
            Some((page_bytes, used)) if used.len() <= PAGES_MAX => {
                let bytes = mapping.bytes();
                for number in used {
                    let start = number.checked_mul(page_bytes)?;
                    bytes.get_mut(start..start.checked_add(page_bytes)?)?.fill(0);
                }
                Some(())
            }
            Some(_) | None => mapping.give_back().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::PAGE;

    fn lent(end: &End, reserved: usize) -> Lent {
        let mut memory = Lent { mapping: None, size: 0, guard: PAGE, end: end.clone() };
        memory.mapping = Some(memory.fresh(reserved).unwrap());
        memory
    }

    #[test]
    fn what_is_used_again_holds_nothing_of_the_one_before() {
        let end = End::Reuse(Arc::default());
        let mut starts = Vec::new();
        // Few pages, all pages, and more than are looked at; each twice, and after each other.
        for size in [PAGE, 2 * PAGE, 8 * PAGE, 8 * PAGE, 100 * PAGE, 100 * PAGE, PAGE, PAGE] {
            let mut memory = lent(&end, 128 * PAGE);
            memory.grow_to(size).unwrap();
            assert_eq!(memory.mapping().bytes().len(), size, "more can be reached than there is");
            assert!(memory.mapping().bytes().iter().all(|byte| *byte == 0), "{size}");
            starts.push(memory.as_ptr());
            memory.mapping().bytes().fill(0xa5);
        }
        assert!(starts.windows(2).all(|pair| pair[0] == pair[1]), "it was not used again");
    }

    #[test]
    fn only_so_many_wait_and_only_for_the_same_length() {
        let end = End::Reuse(Arc::default());
        let many: Vec<Lent> = (0..SPARES_MAX + 2).map(|_| lent(&end, PAGE)).collect();
        drop(many);
        let End::Reuse(spares) = &end else { unreachable!("it was made one line above") };
        assert_eq!(spares.waiting.lock().unwrap().len(), SPARES_MAX);
        assert!(spares.take(3 * PAGE).is_none());
        assert!(spares.take(2 * PAGE).is_some());
    }

    #[test]
    fn memory_moves_when_it_has_to_and_keeps_what_is_in_it() {
        for end in [End::Reuse(Arc::default()), End::Wipe(None)] {
            let mut memory = lent(&end, 2 * PAGE);
            memory.grow_to(2 * PAGE).unwrap();
            memory.mapping().bytes().fill(7);
            memory.grow_to(5 * PAGE).unwrap();
            let bytes = memory.mapping().bytes();
            assert_eq!(bytes.len(), 5 * PAGE);
            assert!(bytes[..2 * PAGE].iter().all(|byte| *byte == 7));
            assert!(bytes[2 * PAGE..].iter().all(|byte| *byte == 0));
            assert!(memory.byte_capacity() >= 5 * PAGE);
        }
    }

    #[test]
    fn who_looks_sees_what_was_there_at_the_end() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&seen);
        let watcher: Watcher = Arc::new(move |bytes: &[u8]| own.lock().unwrap().extend_from_slice(bytes));
        let mut memory = lent(&End::Wipe(Some(watcher)), PAGE);
        memory.grow_to(PAGE).unwrap();
        memory.mapping().bytes()[9] = 9;
        drop(memory);
        let seen = seen.lock().unwrap();
        assert_eq!((seen.len(), seen[9]), (PAGE, 9));
    }
}
