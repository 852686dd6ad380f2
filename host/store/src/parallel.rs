//! Work on many items by a few threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Makes something of each item, on at most `threads` threads; each thread has a state of its own. The results are in
/// the order of the items. After an error no further item is begun, and the first in order of those that were met is
/// returned. One thread is this one, and takes the items in order.
pub(crate) fn map<I: Sync, S, T: Send, E: Send>(
    items: &[I],
    threads: usize,
    state: impl Fn() -> S + Sync,
    make: impl Fn(&mut S, &I) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let threads = threads.min(items.len());
    if threads <= 1 {
        let mut state = state();
        return items.iter().map(|item| make(&mut state, item)).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || -> Vec<(usize, Result<T, E>)> {
        let mut state = state();
        let mut made = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return made };
            let result = make(&mut state, item);
            let failed = result.is_err();
            made.push((index, result));
            if failed {
                next.store(items.len(), Ordering::Relaxed);
                return made;
            }
        }
    };
    let mut made: Vec<(usize, Result<T, E>)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut made = work();
        for other in others {
            match other.join() {
                Ok(more) => made.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    });
    made.sort_unstable_by_key(|(index, _)| *index);
    made.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_whatever_the_number_of_threads() {
        let items: Vec<u32> = (0..1000).collect();
        for threads in [0, 1, 2, 7, 2000] {
            let made = map(&items, threads, || (), |(), item| Ok::<_, ()>(item * 2)).unwrap();
            assert!(made.iter().zip(&items).all(|(made, item)| *made == item * 2));
            assert_eq!(made.len(), items.len());
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        let items: Vec<u32> = (0..1000).collect();
        for threads in [1, 4] {
            let made = map(&items, threads, || (), |(), item| if *item == 500 { Err(*item) } else { Ok(()) });
            assert_eq!(made, Err(500));
        }
    }
}
