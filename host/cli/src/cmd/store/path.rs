//! `punix store path`

use super::{Stopped, homeless};
use crate::args::store::StorePath;
use crate::cmd::build::compose;
use crate::exit::Exit;
use crate::places;
use crate::ui::Ui;
use punix_store::Store;

pub(super) fn run(ui: &Ui, args: &StorePath) -> Result<Exit, Stopped> {
    let wanted = std::slice::from_ref(&args.module);
    let program = compose(ui, &args.path, args.scenario.as_deref(), wanted).map_err(Stopped::Told)?;
    let root = places::store(args.root.store_root.as_deref()).map_err(homeless)?;
    let Some((module, place)) = program.composed.wanted.first() else { return Ok(Exit::Bug) };
    let package = program.composed.packages.get(*place);
    let path = Store::locate(&root)?.join(package.name().as_str());
    if !ui.json {
        return Ok(ui.result(&format!("{}\n", path.display()), Exit::Done));
    }
    let parts = package.derivation.parts();
    let document = serde_json::json!({
        "ok": true,
        "module": module,
        "package": parts.package.as_str(),
        "version": parts.version.as_str(),
        "path": path.to_string_lossy(),
        "name": package.name().as_str(),
        "derivation": serde_json::from_str::<serde_json::Value>(package.derivation.to_json()).ok(),
    });
    Ok(ui.result(&format!("{document:#}\n"), Exit::Done))
}
