//! What is left to do when another generation is live: what was displaced goes, then directories in which nothing is
//! any more, then generations that are no longer kept, and contents that nobody needs. It can be stopped anywhere and
//! begun again.

use crate::audit::{self, AuditResult};
use crate::boot;
use crate::durable::sync_those_that_are;
use crate::failure::TargetError;
use crate::guard::Nameless;
use crate::journal::Intent;
use crate::ledger::Ledger;
use crate::path::TargetPath;
use crate::target::{Target, above, gone_is_fine};
use crate::{claims, trim};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

/// Says whether contents are looked through that nobody may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collect {
    /// If a record went, so may contents.
    IfTrimmed,
    /// A record may have gone before this was stopped.
    Always,
}

/// Finishes everything but the journal.
pub(crate) fn finish(
    target: &Target<'_>,
    intent: &Intent,
    collect: Collect,
    result: AuditResult,
    nameless: &mut Nameless,
) -> Result<(), TargetError> {
    punix_diag::drill("finish");
    let disk = target.disk;
    let mut touched = BTreeSet::new();
    let mut remove = |path: &TargetPath| -> io::Result<bool> {
        // If it is gone already, that may still have to be made durable.
        touched.insert(above(path));
        match disk.remove(path.on_disk()) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            removed => removed.map(|()| true),
        }
    };
    for item in intent.items.iter().filter(|item| item.before.is_some()) {
        // It waits at one of both.
        for path in [&item.staged, &item.displaced].into_iter().flatten() {
            nameless.hold(disk, path);
            if remove(path)? {
                break;
            }
        }
    }
    for &number in &intent.trimmed {
        remove(&target.layout.record(&intent.stack, number)?)?;
    }
    if intent.to.is_none() {
        remove(&intent.flip)?;
    }
    let stack = target.layout.stack(&intent.stack)?;
    let gone = intent.to.is_none().then_some(&stack);
    for directory in intent.emptied.iter().chain(gone) {
        match disk.remove_directory(directory.on_disk()) {
            // Somebody put something there, or mounted something.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory | ErrorKind::ResourceBusy
                ) => {}
            removed => gone_is_fine(removed)?,
        }
        touched.insert(above(directory));
    }
    // Before the others are: what a file system has to make durable for one of them it need not for the next.
    match audit::tell(target, intent, result) {
        Err(TargetError::Disk(error)) if result == AuditResult::Finished && is_full(&error) => {
            // What was interrupted is mended on a full disk too.
        }
        told => told?,
    }
    sync_those_that_are(disk, &touched)?;
    if collect == Collect::Always || !intent.trimmed.is_empty() {
        trim::collect(target)?;
    }
    if intent.to.is_none() && Ledger::read(target)?.claims_nothing() {
        claims::unregister(target)?;
    }
    if intent.to.is_none() {
        boot::remove_if_last(target)?;
    }
    Ok(())
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
