//! `punix plugin remove`: a plugin is no longer used here. Its component goes last, and only if no other project uses it.

use super::amend;
use super::kept::release;
use super::project::{Hold, Project};
use super::shipped::shipped;
use super::{Stopped, known};
use crate::args::plugin::Remove;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_plugin::LockError;
use serde_json::json;

pub(super) fn run(ui: &Ui, args: &Remove) -> Result<Exit, Stopped> {
    let _hold = Hold::take(ui, &args.places.project)?;
    let mut project = Project::read(&args.places)?;
    let id = &args.id;
    if known::find(&project, &shipped(), id).is_some_and(|known| known.is_built_in()) {
        let help = format!("`punix plugin revoke {id}` takes from what it may do");
        return Err(Stopped::usage(format!("`{id}` is part of punix and cannot be removed"), help));
    }
    let (is_locked, is_granted) = (project.lock.row(id).is_some(), project.table(id).is_some());
    if !is_locked && !is_granted {
        return Err(LockError::Absent { id: id.clone() }.into());
    }
    // The lock first: what is not in it is not let in, whatever is still granted.
    let mut lock = project.lock.clone();
    let row = lock.remove(id);
    if row.is_some() {
        project.write_lock(lock)?;
    }
    if is_granted {
        let text = amend::without(&project.policy_name(), project.policy_text(), id)?;
        project.write_policy(text)?;
    }
    let is_gone = row.is_some_and(|row| release(ui, &project, row.sha256));
    if ui.json {
        let document = json!({ "ok": true, "id": id.as_str(), "was_locked": is_locked, "was_granted": is_granted, "component_removed": is_gone });
        return Ok(ui.result(&format!("{document:#}\n"), Exit::Done));
    }
    Ok(ui.result(&format!("removed: {id}\n"), Exit::Done))
}
