//! `punix why`

use super::check::{checked, fail};
use super::eval::{find_member, unfilled};
use crate::args::Why;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::{Code, Diagnostic, visible};
use punix_pcl::limits::DOCUMENT_BYTES_MAX;
use punix_pcl::{BlockKind, Checked, Evaluator, Provenance, Site, json, pcl};
use serde_json::{Value, json as object};

/// Bytes of a value in the text form.
const SHOWN_BYTES_MAX: usize = 4_000;

pub(crate) fn run(ui: &Ui, args: &Why) -> Exit {
    let Some((module, name)) = args.target.split_once('.') else {
        let message = format!("`{}` is not a member", args.target);
        return ui.refuse(&message, Some("write `Module.member`"));
    };
    let checked = match checked(ui, &args.path) {
        Ok(checked) => checked,
        Err(exit) => return exit,
    };
    let sources = &checked.program.ast.sources;
    if checked.has_errors() {
        return fail(ui, &checked.diagnostics, checked.dropped, sources);
    }
    let found = find_member(&checked, module, name).and_then(|member| {
        let scenario = args.scenario.as_deref().map(|name| checked.scenario(name)).transpose()?;
        Ok((member, scenario))
    });
    let (member, scenario) = match found {
        Ok(found) => found,
        Err(error) => return fail(ui, &[error], 0, sources),
    };
    let mut evaluator = Evaluator::under(&checked.program, scenario);
    evaluator.evaluate(member);
    let errors = evaluator.errors();
    if !errors.is_empty() {
        return fail(ui, &errors, 0, sources);
    }
    let Some(provenance) = evaluator.provenance(member) else {
        return fail(ui, &[unfilled(&checked, member)], 0, sources);
    };
    if ui.json {
        return document(ui, &checked, &evaluator, &args.target, &provenance);
    }
    ui.result(&text(&checked, &evaluator, &args.target, &provenance), Exit::Done)
}

fn text(checked: &Checked, evaluator: &Evaluator<'_>, target: &str, provenance: &Provenance) -> String {
    let shown = |id| {
        let mut out = String::new();
        pcl(&evaluator.values, id, SHOWN_BYTES_MAX, &mut out);
        let mut safe = String::with_capacity(out.len());
        visible(&out, &mut safe);
        safe
    };
    let mut out = format!("{target} = {}\n", shown(provenance.value));
    match &provenance.winner {
        Some(winner) => out.push_str(&format!("  winner: {}\n", place(checked, winner))),
        None => out.push_str("  implied: every package has it\n"),
    }
    for site in &provenance.co_winners {
        out.push_str(&format!("  co-winner: {} = {}\n", place(checked, site), shown(site.value)));
    }
    for site in &provenance.overridden {
        out.push_str(&format!("  overridden: {} = {}\n", place(checked, site), shown(site.value)));
    }
    out
}

fn place(checked: &Checked, site: &Site) -> String {
    let program = &checked.program;
    let (_, origin) = origin(checked, site);
    format!("{} [{}] ({origin})", program.ast.sources.locate(site.at.start), site.priority.as_str())
}

fn origin<'a>(checked: &'a Checked, site: &Site) -> (&'static str, &'a str) {
    let block = checked.program.ast.block_of(site.decl);
    let kind = match block.kind {
        BlockKind::Module => "module",
        BlockKind::Scenario => "scenario",
    };
    (kind, checked.program.ast.text(block.name))
}

fn document(ui: &Ui, checked: &Checked, evaluator: &Evaluator<'_>, target: &str, provenance: &Provenance) -> Exit {
    let value = |id| {
        let mut out = String::new();
        json(&evaluator.values, id, DOCUMENT_BYTES_MAX, &mut out).ok()?;
        serde_json::from_str::<Box<serde_json::value::RawValue>>(&out).ok()
    };
    let site = |site: &Site| {
        let place = checked.program.ast.sources.locate(site.at.start);
        let (kind, origin) = origin(checked, site);
        object!({
            "file": place.file,
            "line": place.line,
            "column": place.column,
            "priority": site.priority.as_str(),
            "from": { "kind": kind, "name": origin },
            "value": value(site.value),
        })
    };
    let all = |sites: &[Site]| sites.iter().map(site).collect::<Vec<Value>>();
    if value(provenance.value).is_none() {
        let message = format!("the value is longer than {} MiB when written out", DOCUMENT_BYTES_MAX >> 20);
        return fail(ui, &[Diagnostic::error(Code::E20, message)], 0, &checked.program.ast.sources);
    }
    let document = object!({
        "target": target,
        "value": value(provenance.value),
        "winner": provenance.winner.as_ref().map(site),
        "co_winners": all(&provenance.co_winners),
        "overridden": all(&provenance.overridden),
    });
    ui.result(&format!("{document:#}\n"), Exit::Done)
}
