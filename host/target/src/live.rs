//! Which generation is live, and which are kept: what the names in a stack's directory say.

use crate::failure::TargetError;
use crate::layout::{claimed_number, record_name, record_number};
use crate::target::Target;
use punix_disk::{Kind, Metadata};
use std::ffi::OsString;
use std::io::ErrorKind;

/// What `current` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Live {
    pub(crate) number: Option<u32>,
    pub(crate) link: Option<Metadata>,
}

/// Reads which generation of a stack is live.
pub(crate) fn live(target: &Target<'_>, stack: &str) -> Result<Live, TargetError> {
    let path = target.layout.current(stack)?;
    let damaged = |why: String| TargetError::Damaged { path: path.clone(), why };
    let Some(found) = target.disk.metadata(path.on_disk())? else { return Ok(Live::default()) };
    if found.kind != Kind::Link {
        return Err(damaged("it is no link".to_owned()));
    }
    let text = target.disk.read_link(path.on_disk())?;
    let number = text.to_str().and_then(record_number);
    let number = number.ok_or_else(|| {
        damaged(format!("it points at `{}`, which is no record", text.display().to_string().escape_debug()))
    })?;
    Ok(Live { number: Some(number), link: Some(found) })
}

/// Returns the numbers of all generations that are kept, ascending.
pub(crate) fn numbers(target: &Target<'_>, stack: &str) -> Result<Vec<u32>, TargetError> {
    let names = names(target, stack)?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| record_number(name.to_str()?)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Returns the highest number that anything in a stack's directory claims to have, be it a record of ours or not.
pub(crate) fn highest(target: &Target<'_>, stack: &str) -> Result<Option<u32>, TargetError> {
    Ok(names(target, stack)?.iter().filter_map(|name| claimed_number(name.to_str()?)).max())
}

fn names(target: &Target<'_>, stack: &str) -> Result<Vec<OsString>, TargetError> {
    match target.disk.list(target.layout.stack(stack)?.on_disk()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        names => Ok(names?),
    }
}

/// Returns what a link to a generation says.
pub(crate) fn link_text(number: u32) -> String {
    record_name(number)
}
