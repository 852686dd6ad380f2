//! `punix store info`

use super::{Stopped, disk, find, share};
use crate::args::store::Info;
use crate::exit::Exit;
use crate::ui::{Ui, shown, size};
use punix_store::Registration;
use serde_json::json;

pub(crate) fn run(ui: &Ui, args: &Info) -> Result<Exit, Stopped> {
    let store = find(&args.root)?;
    let _shared = share(ui, &store, "punix store info")?;
    let held = store.size().map_err(disk)?;
    let registered = store.registrations()?;
    if ui.json {
        let one = |registration: &Registration| json!({ "keeper": registration.keeper().as_str(), "path": registration.path().to_string_lossy() });
        let document = json!({
            "store": store.root().to_string_lossy(),
            "artifacts": held.entries,
            "damaged": held.damaged,
            "bytes": held.bytes,
            "registered": registered.iter().map(one).collect::<Vec<_>>(),
        });
        return Ok(ui.result(&format!("{document:#}\n"), Exit::Done));
    }
    let damaged = match held.damaged {
        0 => String::new(),
        damaged => format!(" ({damaged} damaged)"),
    };
    let mut text =
        format!("store: {}\nartifacts: {}{damaged}\nsize: {}\n", shown(store.root()), held.entries, size(held.bytes));
    for registration in &registered {
        text.push_str(&format!("registered: {} {}\n", registration.keeper().as_str(), shown(registration.path())));
    }
    Ok(ui.result(&text, Exit::Done))
}
