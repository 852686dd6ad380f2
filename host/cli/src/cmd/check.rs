//! `punix check`

use crate::args::Check;
use crate::exit::Exit;
use crate::load::load;
use crate::ui::Ui;
use punix_diag::{Diagnostic, SourceMap, json};
use punix_pcl::{Checked, check};
use std::path::Path;

pub(crate) fn run(ui: &Ui, args: &Check) -> Exit {
    let ui = ui.explaining(args.explain);
    let mut checked = match checked(&ui, &args.path) {
        Ok(checked) => checked,
        Err(exit) => return exit,
    };
    if let Some(name) = &args.scenario
        && let Err(error) = checked.scenario(name)
    {
        checked.diagnostics.push(error);
    }
    let ok = !checked.has_errors();
    let exit = if ok { Exit::Done } else { Exit::Failed };
    if ui.json {
        let document = serde_json::json!({
            "ok": ok,
            "diagnostics": diagnostics_json(&checked.diagnostics, &checked.program.ast.sources),
            "dropped": checked.dropped,
        });
        return ui.result(&format!("{document:#}\n"), exit);
    }
    ui.show(&checked.diagnostics, checked.dropped, &checked.program.ast.sources);
    std::mem::forget(checked); // the process ends here; giving back every page first would take as long as a tenth of it
    if ok { ui.result("ok\n", exit) } else { exit }
}

/// Reads and checks the program at `path`; an unreadable one ends the command.
pub(crate) fn checked(ui: &Ui, path: &Path) -> Result<Checked, Exit> {
    match load(path) {
        Ok(sources) => Ok(check(sources, &crate::cmd::service::world_of(ui, path))),
        Err(error) => Err(ui.refuse(&error.to_string(), None)),
    }
}

/// Returns diagnostics as the `diagnostics` field of every JSON document.
pub(crate) fn diagnostics_json(diagnostics: &[Diagnostic], sources: &SourceMap) -> Vec<serde_json::Value> {
    diagnostics.iter().map(|diagnostic| json(diagnostic, sources)).collect()
}

/// Shows what stops a command, as text or as a document.
pub(crate) fn fail(ui: &Ui, diagnostics: &[Diagnostic], dropped: usize, sources: &SourceMap) -> Exit {
    let exit = Exit::of(diagnostics);
    if ui.json {
        let shown = diagnostics_json(diagnostics, sources);
        let document = serde_json::json!({ "ok": false, "diagnostics": shown, "dropped": dropped });
        return ui.result(&format!("{document:#}\n"), exit);
    }
    ui.show(diagnostics, dropped, sources);
    exit
}
