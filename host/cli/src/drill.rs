//! What builds for tests can do that no other can: have the memories of plugins looked at when they go.

use punix_plugin::runtime::{Cache, Setup};

/// Returns what plugins are loaded with. Where a test names a directory, what each of them had for memory is put there.
pub(crate) fn setup(cache: Option<Cache>) -> Setup {
    #[cfg(debug_assertions)]
    if let Some(directory) = std::env::var_os("PUNIX_DRILL_MEMORIES") {
        return Setup {
            cache,
            watcher: Some(std::sync::Arc::new(move |memory: &[u8]| keep(directory.as_ref(), memory))),
        };
    }
    Setup { cache, watcher: None }
}

/// Writes a memory down, without the nothing that most of them end in.
#[cfg(debug_assertions)]
fn keep(directory: &std::path::Path, memory: &[u8]) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let used = memory.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    // A test that finds none of them fails.
    let _ = std::fs::write(directory.join(name), memory.get(..used).unwrap_or_default());
}
