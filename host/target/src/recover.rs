//! What is done about a commit that was interrupted: it is undone, or finished if the new generation is live already. All
//! that is needed for that is in its journal. It can be stopped anywhere and begun again.

use crate::audit::{self, AuditResult};
use crate::confirm;
use crate::failure::TargetError;
use crate::finish::{Collect, finish};
use crate::flip;
use crate::guard::Nameless;
use crate::journal::{self, Intent, Journal};
use crate::path::TargetPath;
use crate::target::Target;
use crate::undo::undo;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;

/// What was done about what was interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovered {
    /// Nothing was.
    Nothing,
    /// The old generation is live, with its files.
    Undone {
        stack: String,
        from: Option<u32>,
        to: Option<u32>,
        /// Paths at which something stands that somebody else put there meanwhile.
        left: Vec<TargetPath>,
    },
    /// The new generation is live, with its files.
    Finished { stack: String, from: Option<u32>, to: Option<u32> },
}

/// Mends what was interrupted.
pub fn recover(target: &Target<'_>) -> Result<Recovered, TargetError> {
    confirm::settle_if_free(target);
    match target.disk.metadata(target.layout.journal().on_disk()) {
        // Nothing was ever deployed here.
        Ok(None) => return Ok(Recovered::Nothing),
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(Recovered::Nothing),
        Ok(Some(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let _lock = target.exclude()?;
    recover_locked(target)
}

/// Mends what was interrupted, for whoever has the lock.
pub(crate) fn recover_locked(target: &Target<'_>) -> Result<Recovered, TargetError> {
    journal::sweep(target)?;
    let mut recovered = Recovered::Nothing;
    for path in journal::found(target.disk, &target.layout)? {
        recovered = mend(target, journal::read(target.disk, &path)?)?;
    }
    Ok(recovered)
}

fn mend(target: &Target<'_>, journal: Journal) -> Result<Recovered, TargetError> {
    let flipped = flip::settle(target, &journal)?;
    let left = if flipped {
        finish(target, &journal.intent, Collect::Always, AuditResult::Finished, &mut Nameless::default())?;
        Vec::new()
    } else {
        let left = undo(target, &journal)?;
        if journal.staged.is_some() {
            // It is no reason not to mend that this cannot be said.
            let _ = audit::tell(target, &journal.intent, AuditResult::Undone);
        }
        left
    };
    journal::end(target, &journal.intent.id)?;
    let Intent { stack, from, to, .. } = journal.intent;
    Ok(match flipped {
        true => Recovered::Finished { stack, from, to },
        false => Recovered::Undone { stack, from, to, left },
    })
}
