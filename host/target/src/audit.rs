//! What was done to a target: `.audit`, one line of JSON for each command that changed it. A line holds the digest of the
//! line before it, so that none can be changed, put in or taken out unseen, unless all behind it are written anew; that
//! the last ones are there is seen by what is live.
//!
//! Lines are added under the lock, and durable before the journal of what they speak of goes. A line that was torn by a
//! power cut is cut by the next one, which says so. No secret is in it.

mod check;
mod line;

pub use check::{AuditFault, verify_audit};
pub use line::{AuditLine, AuditResult, Origin};

use crate::failure::TargetError;
use crate::generation::Generation;
use crate::journal::Intent;
use crate::layout::{Layout, own};
use crate::limits::{AUDIT_BYTES_MAX, AUDIT_LINES_MAX, AUDIT_TURN_BYTES};
use crate::machine;
use crate::path::TargetPath;
use crate::plan::{Goal, Plan};
use crate::target::{Target, gone_is_fine};
use line::{Entry, last_line, whole_lines};
use punix_disk::{Disk, NewFile};
use punix_store::Digest;
use std::io::{self, ErrorKind};

/// Whoever reads it learns who came from where.
const MODE: u32 = 0o600;

/// The files of one deployments root.
struct Files {
    now: TargetPath,
    /// What was `now` before it had become too large.
    old: TargetPath,
    /// Nobody takes it for one of them; what a crash leaves of it is written over.
    draft: TargetPath,
}

impl Files {
    fn of(layout: &Layout) -> Files {
        let file = |name| own(layout.root(), name);
        Files { now: file(".audit"), old: file(".audit.old"), draft: file(".audit.new") }
    }
}

/// Says who carries out a plan, and which one.
pub(crate) fn origin(target: &Target<'_>, plan: Option<(&Plan, Digest)>) -> Origin {
    let operator = |generation: &Generation| Some(generation.deployed_by.clone()).filter(|by| !by.is_empty());
    let operator = match plan.map(|(plan, _)| &plan.goal) {
        Some(Goal::New(generation)) => operator(generation),
        Some(Goal::Kept(_) | Goal::Gone) | None => None,
    };
    let plan = plan.map(|(_, digest)| digest.to_string());
    let Some(place) = &target.place else { return Origin { operator, plan, ..Origin::default() } };
    let actor = machine::actor();
    Origin {
        user: actor.user,
        login: actor.login,
        from: actor.from,
        operator,
        command: place.asking.command.to_owned(),
        plan,
    }
}

/// Fails where no line could be added, before there is anything to be said.
pub(crate) fn prepare(target: &Target<'_>) -> Result<(), TargetError> {
    match target.disk.open(Files::of(&target.layout).now.on_disk()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        opened => Ok(opened.map(drop)?),
    }
}

/// Says what became of a change, durably, unless that is said already.
pub(crate) fn tell(target: &Target<'_>, intent: &Intent, result: AuditResult) -> Result<(), TargetError> {
    let entry = Entry {
        id: intent.id.clone(),
        // A journal of an older version says nothing of it.
        origin: intent.origin.clone().unwrap_or_else(|| origin(target, None)),
        stack: intent.stack.clone(),
        parent: intent.from,
        child: intent.to,
        trimmed: intent.trimmed.clone(),
        result,
    };
    Ok(add(target, entry)?)
}

/// Says that generations are removed which are not live.
pub(crate) fn tell_trimmed(
    target: &Target<'_>,
    stack: &str,
    live: Option<u32>,
    trimmed: &[u32],
) -> Result<(), TargetError> {
    let entry = Entry {
        id: Intent::new_id(),
        origin: origin(target, None),
        stack: stack.to_owned(),
        parent: live,
        child: live,
        trimmed: trimmed.to_vec(),
        result: AuditResult::Done,
    };
    Ok(add(target, entry)?)
}

/// Says that a pointer which said nothing is made to say this again.
pub(crate) fn tell_pointed(target: &Target<'_>, stack: &str, live: u32) -> Result<(), TargetError> {
    let entry = Entry {
        id: Intent::new_id(),
        origin: origin(target, None),
        stack: stack.to_owned(),
        parent: None,
        child: Some(live),
        trimmed: Vec::new(),
        result: AuditResult::Done,
    };
    Ok(add(target, entry)?)
}

fn add(target: &Target<'_>, entry: Entry) -> io::Result<()> {
    let disk = target.disk;
    let files = Files::of(&target.layout);
    let found = read(disk, &files.now)?;
    let held = found.as_deref().unwrap_or_default();
    let (whole, torn) = whole_lines(held);
    let last = last_line(whole);
    if last.is_some_and(|last| entry.is_said_by(last)) {
        // Whoever said it may not have lived to make it durable.
        disk.sync_file(files.now.on_disk())?;
        return disk.sync_directory(target.layout.root().on_disk());
    }
    let previous = match last {
        Some(last) => Some(Digest::of(last)),
        None => read(disk, &files.old)?.as_deref().and_then(|old| last_line(whole_lines(old).0).map(Digest::of)),
    };
    let time = if target.place.is_some() { machine::clock() } else { 0 };
    let line = entry.line(time, previous, torn)?;
    if found.is_some() && !torn && held.len() < AUDIT_TURN_BYTES {
        let mut file = disk.append(files.now.on_disk())?;
        return write(&mut *file, &[&line]);
    }
    gone_is_fine(disk.remove(files.draft.on_disk()))?;
    let mut file = disk.create(files.draft.on_disk(), MODE)?;
    if torn {
        write(&mut *file, &[whole, &line])?;
    } else {
        write(&mut *file, &[&line])?;
        if found.is_some() {
            // Until the next step the old one is the only one, and whoever comes then goes on behind it.
            disk.replace(files.now.on_disk(), files.old.on_disk())?;
        }
    }
    disk.replace(files.draft.on_disk(), files.now.on_disk())?;
    disk.sync_directory(target.layout.root().on_disk())
}

fn write(file: &mut dyn NewFile, parts: &[&[u8]]) -> io::Result<()> {
    // In one go as far as may be: half a line is one that was torn.
    file.write_all(&parts.concat())?;
    file.sync()
}

/// Reads one of the files; nothing if it is not there.
fn read(disk: &dyn Disk, path: &TargetPath) -> io::Result<Option<Vec<u8>>> {
    match disk.read(path.on_disk(), AUDIT_BYTES_MAX) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Returns the lines that can be understood, oldest first: the newest ones, if there are very many.
pub fn audit(target: &Target<'_>) -> Result<Vec<AuditLine>, TargetError> {
    let files = Files::of(&target.layout);
    let mut lines = Vec::new();
    for path in [&files.old, &files.now] {
        let held = read(target.disk, path)?.unwrap_or_default();
        lines.extend(whole_lines(&held).0.split(|byte| *byte == b'\n').filter_map(AuditLine::parse));
    }
    let excess = lines.len().saturating_sub(AUDIT_LINES_MAX);
    lines.drain(..excess);
    Ok(lines)
}

#[cfg(test)]
mod tests;
