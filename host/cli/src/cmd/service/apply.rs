//! `punix service apply`: a plan that was kept, carried out as it is, or not at all.

use super::Stopped;
use super::activate;
use super::commit::{self, Teller};
use super::kept::{self, Remade};
use super::place;
use super::secrets::Vault;
use super::site::{self, Rootless, Site, Visit};
use super::words::{self, counted, generation};
use crate::args::service::Apply;
use crate::args::service::reach::Units;
use crate::exit::Exit;
use crate::ui::{Ui, shown};
use punix_deploy::{Artifacts, KeptPlan, read_plan, same_secrets, stack_for_units};
use punix_diag::{Code, Diagnostic};
use punix_model::Redactor;
use punix_target::{Brought, Door, Generation, Goal, Payload};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Bytes of a plan that is kept.
const PLAN_BYTES_MAX: u64 = 1 << 30;

pub(super) fn run(ui: &Ui, args: &Apply) -> Result<Exit, Stopped> {
    // One of the two is there, or the command line was refused.
    let path = args.plan.as_deref().or(args.file.as_deref()).unwrap_or(Path::new(""));
    let kept = read(path)?;
    let vault = Vault::read(ui, &args.secrets)?;
    let place = place::of_plan(&kept.target, &kept.deployments, &args.way)?;
    let visit = Visit { command: "punix service apply", wait: args.wait, without: Rootless::Refused };
    let teller = Teller { ui, events: args.telling.events };
    site::at(ui, &place, visit, |site| apply(teller, args, site, kept, vault.as_ref()))
}

fn read(path: &Path) -> Result<KeptPlan, Stopped> {
    use std::io::Read;
    let unreadable = |error: std::io::Error| Stopped::Usage {
        message: format!("cannot read `{}`: {error}", shown(path)),
        help: Some("`punix service plan --out FILE` writes one".to_owned()),
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(PLAN_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(read_plan(&bytes).map_err(|issue| Diagnostic::from(&issue))?)
}

fn apply(
    teller: Teller<'_>,
    args: &Apply,
    site: &Site<'_>,
    kept: KeptPlan,
    vault: Option<&Vault>,
) -> Result<Exit, Stopped> {
    let KeptPlan { plan, blobs, push, units: steps, .. } = kept;
    let Goal::New(generation_new) = &plan.goal else {
        let error = Diagnostic::error(Code::E32, "this plan makes no generation");
        return Err(error.help("`punix service plan --out FILE` writes one that does").into());
    };
    let new: &Generation = generation_new;
    let remade = match new.files.iter().any(|row| row.chunks.is_some()) {
        true => {
            let from = (vault, args.tls_certs.as_deref());
            kept::remake(teller.ui, site.door, new, from, &Artifacts::default())?
        }
        false => Remade::default(),
    };
    same_secrets(&plan, &remade.marks).map_err(|error| error.explain(&|_| None))?;
    // The plan may have been made for another directory of units than the usual one.
    let units = Units { unit_dir: stack_for_units(new).unit_dir };
    let around = kept::around(teller.ui, site, new, &units, activate::is_wanted(&args.activating))?;
    let pushed = match push.is_empty() {
        true => 0,
        false => bring(teller, args, site.door, new)?.pushed,
    };
    let wanted: BTreeSet<_> = plan.changes.iter().map(|change| change.path.clone()).collect();
    let secrets = remade.files.into_iter().filter(|(path, _)| wanted.contains(path)).collect();
    let blobs = blobs.into_iter().map(|(digest, bytes)| (digest, bytes.into())).collect();
    commit::commit(teller, site.door, &around.boundary, &plan, Payload { blobs, secrets })?;
    if pushed > 0 {
        site.door.release()?;
    }
    let (stack, number) = (&plan.stack, new.number);
    let counts = counted(new.files.len(), new.store_paths.len(), Some(pushed));
    let text = format!("deployed: stack {stack} → {} {counts}\n", generation(number));
    let redactor: &Redactor = &remade.redactor;
    let units = around.units_to_bring_up(site.door, new).map(|units| activate::Units { redactor, ..units });
    let activated =
        activate::activate(teller, site, &args.activating, units, &steps).inspect_err(|_| teller.say_done(&text))?;
    let error = activated.error(stack, Some(number));
    let document = json!({
        "ok": error.is_none(), "stack": stack, "outcome": "deployed", "generation": number,
        "previous": new.previous, "config_files": new.files.len(), "store_paths": new.store_paths.len(),
        "pushed": pushed, "root": site.place.root.to_string_lossy(),
        "changes": plan.changes.iter().map(words::change_json).collect::<Vec<Value>>(),
        "units": steps.iter().map(words::step_json).collect::<Vec<Value>>(),
        "activation": activated.json(), "diagnostics": [], "dropped": 0,
    });
    Ok(teller.end(&(text + &activated.text), &document, error.as_deref()))
}

/// Brings the packages of a plan, which were built when it was made.
fn bring(teller: Teller<'_>, args: &Apply, door: &dyn Door, new: &Generation) -> Result<Brought, Stopped> {
    let store = kept::store(&args.store).ok_or_else(|| {
        let error = Diagnostic::error(Code::E21, "the packages of this plan are not here: there is no store");
        Stopped::from(error.help("apply it where it was made, or make it again"))
    })?;
    commit::push(teller, door, &store, &new.store_paths, &BTreeSet::new())
}
