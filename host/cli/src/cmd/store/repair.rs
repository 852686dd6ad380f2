//! `punix store repair`

use super::{Stopped, chosen, find};
use crate::args::store::Repair as Arguments;
use crate::cmd::build::{Realised, Run, compose};
use crate::cmd::service::{Sourcing, base_of};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_deploy::{Composed, add_entry};
use punix_diag::{Code, Diagnostic, SourceMap};
use punix_store::{Damage, Store, StoreName, VerifyError, damaged};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn run(ui: &Ui, args: &Arguments) -> Result<Exit, Stopped> {
    let store = find(&args.building.root)?;
    let names = chosen(&store, &args.paths)?;
    let (program, sources) = match &args.from {
        None => (Composed::default(), SourceMap::default()),
        Some(path) => {
            let program = compose(ui, path, args.scenario.as_deref(), &[]).map_err(Stopped::Told)?;
            (program.composed, program.checked.program.ast.sources)
        }
    };
    let mut repair = Repair { store: &store, composed: program, found: BTreeMap::new(), lost: Vec::new() };
    let verified = names.iter().cloned().zip(store.verify_all(&names)).collect();
    repair.look(&names, verified);
    let again = repair.again();
    let Repair { composed, lost, .. } = repair;
    if again.is_empty() && lost.is_empty() && !ui.json {
        return Ok(ui.result(&format!("{} ok, none to repair\n", names.len()), Exit::Done));
    }
    let wanted: Vec<usize> = again.iter().copied().collect();
    let building = &args.building;
    let run = Run {
        ui,
        building,
        composed: &composed,
        sources: &sources,
        store: &store,
        command: "punix store repair",
        sourcing: Sourcing { base: args.from.as_deref().map(base_of), vault: None },
        is_part: false,
    };
    let Realised { mut report, exit, .. } = run.realise(&wanted, &again).map_err(Stopped::Told)?;
    let exit = if exit == Exit::Done { Exit::of(&lost) } else { exit };
    report.add(lost);
    Ok(report.show(ui, &sources, exit, building.events))
}

struct Repair<'s> {
    store: &'s Store,
    composed: Composed,
    found: BTreeMap<StoreName, Found>,
    lost: Vec<Diagnostic>,
}

type Verified = Result<Vec<Damage>, VerifyError>;

/// What is to be done about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Sound,
    /// It is made anew; this is its place among the packages.
    Again(usize),
    Lost,
}

impl Repair<'_> {
    /// Decides about entries. What a damaged one is made of comes first, whether it was named or not: made of something
    /// damaged it would be damaged as well, and nobody could tell any more.
    fn look(&mut self, names: &[StoreName], mut verified: BTreeMap<StoreName, Verified>) {
        for name in names {
            let mut todo = vec![name.clone()];
            while let Some(next) = todo.pop() {
                if self.found.contains_key(&next) {
                    continue;
                }
                let result = verified.remove(&next).unwrap_or_else(|| self.store.verify(&next));
                let inputs = match &result {
                    Ok(damages) if damages.is_empty() => Vec::new(),
                    Ok(_) | Err(_) => self.inputs(&next),
                };
                let waits: Vec<StoreName> =
                    inputs.iter().filter(|input| !self.found.contains_key(*input)).cloned().collect();
                if waits.is_empty() {
                    let found = self.plan(&next, result, &inputs);
                    self.found.insert(next, found);
                } else {
                    verified.insert(next.clone(), result);
                    todo.push(next);
                    todo.extend(waits);
                }
            }
        }
    }

    /// Returns the places of what is made anew.
    fn again(&self) -> BTreeSet<usize> {
        let places = self.found.values().filter_map(|found| match found {
            Found::Again(place) => Some(*place),
            Found::Sound | Found::Lost => None,
        });
        places.collect()
    }

    fn inputs(&self, name: &StoreName) -> Vec<StoreName> {
        match self.composed.packages.place(name) {
            Some(place) => {
                let inputs = self.composed.packages.inputs(place).iter();
                inputs.map(|&input| self.composed.packages.get(input).name().clone()).collect()
            }
            // Where that cannot be read, nothing is made of it either.
            None => {
                self.store.derivation(name).map_or(Vec::new(), |found| found.parts().inputs.iter().cloned().collect())
            }
        }
    }

    /// Decides how a damaged entry is made anew: as its program says, else as the entry itself does.
    fn plan(&mut self, name: &StoreName, verified: Verified, inputs: &[StoreName]) -> Found {
        let start = match verified {
            Ok(damages) if damages.is_empty() => return Found::Sound,
            Ok(damages) => {
                damaged(name, &damages).unwrap_or_else(|| Diagnostic::error(Code::E21, format!("`{name}` is damaged")))
            }
            Err(error) => error.into(),
        };
        if let Some(input) = inputs.iter().find(|input| self.found.get(*input) == Some(&Found::Lost)) {
            self.lost.push(start.note(format!("it cannot be made anew before `{input}` is, which it needs")));
            return Found::Lost;
        }
        let place = match self.composed.packages.place(name) {
            Some(place) => Ok(place),
            None => add_entry(self.store, name, &mut self.composed),
        };
        match place {
            Ok(place) => Found::Again(place),
            Err(why) => {
                let help = "name the program that it is built from: `punix store repair --from FILE`";
                self.lost
                    .push(start.note(format!("it cannot be made anew from what it says of itself: {why}")).help(help));
                Found::Lost
            }
        }
    }
}
