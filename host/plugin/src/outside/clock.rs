//! Time, as plugins may learn it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock.
pub trait Clock: Send + Sync {
    /// Returns milliseconds since 1970.
    fn unix_ms(&self) -> u64;

    /// Returns nanoseconds since some moment.
    fn monotonic_ns(&self) -> u64;

    /// Waits.
    fn sleep(&self, how_long: Duration);
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn sleep(&self, how_long: Duration) {
        std::thread::sleep(how_long);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on() {
        const YEAR_2020_MS: u64 = 1_577_836_800_000;
        let clock = SystemClock::default();
        let before = clock.monotonic_ns();
        clock.sleep(Duration::from_millis(1));
        assert!(clock.monotonic_ns() >= before + 1_000_000);
        assert!(clock.unix_ms() > YEAR_2020_MS);
    }
}
