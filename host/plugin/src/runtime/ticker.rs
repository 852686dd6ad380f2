//! The clock of deadlines: it moves the epoch of every engine forward as long as a plugin runs, in a thread of its own that
//! nothing else can hold up. While none runs it sleeps.

use punix_engine::TICK_MS;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;
use wasmtime::{Engine, EngineWeak};

static TICKER: OnceLock<Ticker> = OnceLock::new();

struct Ticker {
    engines: Mutex<Vec<EngineWeak>>,
    /// How many calls are under way.
    running: AtomicUsize,
    thread: OnceLock<Thread>,
}

/// A call that is under way. While there is one, time passes.
pub(crate) struct Running(&'static Ticker);

/// Makes time pass for an engine. Without a thread for that nothing may run.
pub(crate) fn register(engine: &Engine) -> io::Result<()> {
    let ticker = TICKER.get_or_init(|| Ticker {
        engines: Mutex::new(Vec::new()),
        running: AtomicUsize::new(0),
        thread: OnceLock::new(),
    });
    let mut engines = ticker.engines.lock().unwrap_or_else(PoisonError::into_inner);
    // Whoever comes first starts it, and holds the lock meanwhile.
    if ticker.thread.get().is_none() {
        let started = thread::Builder::new().name("punix-ticker".to_owned()).spawn(move || tick(ticker))?;
        ticker.thread.get_or_init(|| started.thread().clone());
    }
    engines.retain(|engine| engine.upgrade().is_some());
    engines.push(engine.weak());
    Ok(())
}

/// Begins a call.
pub(crate) fn begin() -> Running {
    let ticker = TICKER.get().expect("whoever has a plugin has registered an engine");
    if ticker.running.fetch_add(1, Ordering::SeqCst) == 0 {
        ticker.thread.get().expect("an engine is registered with it").unpark();
    }
    Running(ticker)
}

/// Returns how many ticks a time is, rounded up, and the one that is under way.
pub(crate) fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).div_ceil(TICK_MS).saturating_add(1)
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn tick(ticker: &'static Ticker) {
    loop {
        while ticker.running.load(Ordering::SeqCst) == 0 {
            thread::park();
        }
        thread::sleep(Duration::from_millis(TICK_MS));
        let engines = ticker.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines.iter().filter_map(EngineWeak::upgrade).for_each(|engine| engine.increment_epoch());
    }
}
