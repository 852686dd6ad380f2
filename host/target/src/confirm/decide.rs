//! What is to be done about a change that waits to be confirmed. Pure: the time and what is live are given.

use super::Asked;
use super::file::Armed;
use crate::machine;
use serde::{Deserialize, Serialize};

/// A moment on one machine. Its clock may be set; how long it runs cannot be, and begins anew with each start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moment {
    /// Which start of the machine it is.
    boot: String,
    /// Seconds since then.
    uptime: u64,
}

impl Moment {
    #[cfg(test)]
    pub(crate) fn of(boot: &str, uptime: u64) -> Moment {
        Moment { boot: boot.to_owned(), uptime }
    }

    pub(crate) fn now() -> Moment {
        let (boot, uptime) = machine::running();
        Moment { boot, uptime }
    }

    pub(crate) fn after(self, seconds: u64) -> Moment {
        Moment { uptime: self.uptime.saturating_add(seconds), ..self }
    }

    /// Returns how many seconds are left until then; nothing if it is over, which it is after another start.
    pub(crate) fn left(&self, now: &Moment) -> Option<u64> {
        let left = self.uptime.checked_sub(now.uptime).filter(|left| *left > 0);
        left.filter(|_| self.boot == now.boot)
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing for so many seconds.
    Wait(u64),
    Back,
    /// It is back, and what is run then may not have been.
    Finish,
    /// There is nothing to be taken back: it never came, or something else came after it.
    Drop,
}

pub(super) fn decide(armed: &Armed, now: &Moment, live: Option<u32>, asked: Asked) -> Decision {
    let left = armed.until.left(now).filter(|_| asked == Asked::ByCommand);
    let (is_there, is_back) = (live == Some(armed.child), live == armed.back_to);
    match (armed.firing, left) {
        (true, _) if is_there => Decision::Back,
        (true, _) if is_back => Decision::Finish,
        (true, _) => Decision::Drop,
        (false, Some(left)) if is_there || is_back => Decision::Wait(left),
        (false, None) if is_there => Decision::Back,
        (false, _) => Decision::Drop,
    }
}
