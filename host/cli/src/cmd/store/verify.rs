//! `punix store verify`

use super::{Stopped, chosen, find, share};
use crate::args::store::Verify;
use crate::cmd::check::diagnostics_json;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::{Diagnostic, SourceMap};
use punix_store::{Damage, damaged};
use serde_json::{Value, json};

pub(crate) fn run(ui: &Ui, args: &Verify) -> Result<Exit, Stopped> {
    let store = find(&args.root)?;
    let _shared = share(ui, &store, "punix store verify")?;
    let names = chosen(&store, &args.path)?;
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let mut broken: Vec<Value> = Vec::new();
    for (name, found) in names.iter().zip(store.verify_all(&names)) {
        match found {
            Ok(damages) => {
                if let Some(diagnostic) = damaged(name, &damages) {
                    diagnostics.push(diagnostic);
                    let damages: Vec<String> = damages.iter().map(Damage::to_string).collect();
                    let path = store.path(name);
                    broken.push(json!({ "name": name.as_str(), "path": path.to_string_lossy(), "damages": damages }));
                }
            }
            Err(error) => diagnostics.push(error.into()),
        }
    }
    let sound = names.len() - diagnostics.len();
    // Damage is the answer, whatever could not be read beside it.
    let exit = if broken.is_empty() { Exit::of(&diagnostics) } else { Exit::Failed };
    let sources = SourceMap::default();
    if ui.json {
        let document = json!({
            "ok": diagnostics.is_empty(),
            "store": store.root().to_string_lossy(),
            "sound": sound,
            "damaged": broken,
            "diagnostics": diagnostics_json(&diagnostics, &sources),
        });
        return Ok(ui.result(&format!("{document:#}\n"), exit));
    }
    ui.show(&diagnostics, 0, &sources);
    let rest = match names.len() - sound {
        0 => String::new(),
        rest => format!(", {rest} not"),
    };
    Ok(ui.result(&format!("{sound} ok{rest}\n"), exit))
}
