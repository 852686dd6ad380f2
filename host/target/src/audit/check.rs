//! Whether what was done is still told as it was: line by line, and by what is live.

use super::line::{AuditLine, last_line, whole_lines};
use super::{Files, read};
use crate::failure::{TargetError, shown};
use crate::live::live;
use crate::records::stacks;
use crate::target::Target;
use punix_store::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is wrong. Lines are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum AuditFault {
    #[error("the last line is torn; the next command cuts it off")]
    Torn,
    #[error("line {line} cannot be understood")]
    Unreadable { line: usize },
    #[error("line {line} does not follow the one before it: one was changed, put in or taken out")]
    Broken { line: usize },
    #[error("the first line follows another one, which is not there")]
    Beginning,
    #[error("the last line about the stack `{stack}` leaves {} live, and it is {}", shown(*.said), shown(*.found))]
    Behind { stack: String, said: Option<u32>, found: Option<u32> },
    #[error("no line speaks of the stack `{stack}`, of which {} is live", shown(Some(*.found)))]
    Untold { stack: String, found: u32 },
}

/// Checks all that is told of a target. Nothing is wrong if it returns nothing.
pub fn verify_audit(target: &Target<'_>) -> Result<Vec<AuditFault>, TargetError> {
    let files = Files::of(&target.layout);
    let old = read(target.disk, &files.old)?;
    let now = read(target.disk, &files.now)?.unwrap_or_default();
    let mut found = BTreeMap::new();
    for stack in stacks(target)? {
        let number = live(target, &stack)?.number;
        found.insert(stack, number);
    }
    Ok(check(old.as_deref(), &now, &found))
}

/// Checks what is told against what is live.
pub(super) fn check(old: Option<&[u8]>, now: &[u8], found: &BTreeMap<String, Option<u32>>) -> Vec<AuditFault> {
    let mut faults = Vec::new();
    let mut said: BTreeMap<String, Option<u32>> = BTreeMap::new();
    // The old one is as it was when it was full; that it is whole is said by the first line of the new one.
    let (old, _) = whole_lines(old.unwrap_or_default());
    for line in old.split(|byte| *byte == b'\n').filter_map(AuditLine::parse) {
        said.insert(line.stack.clone(), line.live());
    }
    let (whole, torn) = whole_lines(now);
    let mut previous = last_line(old).map(Digest::of);
    let mut from_the_start = true;
    let lines = whole.strip_suffix(b"\n").unwrap_or_default().split(|byte| *byte == b'\n');
    for (number, bytes) in (1..).zip(lines.filter(|_| !whole.is_empty())) {
        match AuditLine::parse(bytes) {
            None => faults.push(AuditFault::Unreadable { line: number }),
            Some(line) => {
                let follows = line.previous == previous.map(|digest| digest.to_string());
                if !follows && number == 1 && previous.is_none() {
                    from_the_start = false;
                    faults.push(AuditFault::Beginning);
                } else if !follows {
                    faults.push(AuditFault::Broken { line: number });
                }
                said.insert(line.stack.clone(), line.live());
            }
        }
        previous = Some(Digest::of(bytes));
    }
    if torn {
        faults.push(AuditFault::Torn);
    }
    for (stack, &found) in found {
        match (said.get(stack), found) {
            (Some(&said), found) if said == found => {}
            (Some(&said), found) => faults.push(AuditFault::Behind { stack: stack.clone(), said, found }),
            (None, Some(found)) if from_the_start => {
                faults.push(AuditFault::Untold { stack: stack.clone(), found });
            }
            (None, _) => {}
        }
    }
    // A stack that is said to be live and is nowhere.
    for (stack, said) in said {
        if said.is_some() && !found.contains_key(&stack) {
            faults.push(AuditFault::Behind { stack, said, found: None });
        }
    }
    faults
}
