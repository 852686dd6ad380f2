//! `punix store why-alive`

use super::{Stopped, entry, find_with_places, share};
use crate::args::store::WhyAlive;
use crate::exit::Exit;
use crate::ui::{Ui, shown};
use punix_store::VerifyError;
use serde_json::json;
use std::path::Path;

pub(crate) fn run(ui: &Ui, args: &WhyAlive) -> Result<Exit, Stopped> {
    let (store, places) = find_with_places(&args.root, &args.keepers)?;
    let _shared = share(ui, &store, "punix store why-alive")?;
    let name = entry(&store, &args.path)?;
    let roots = store.roots(&places, &[])?;
    let plan = store.plan_collection(&roots.roots)?;
    let path = store.path(&name);
    let way = plan.why_alive(&name);
    if way.is_none() && !plan.dead().iter().any(|dead| dead.name == name) {
        return Err(VerifyError::Absent { name }.into());
    }
    let exit = if way.is_some() { Exit::Done } else { Exit::Failed };
    if ui.json {
        let (root, chain) = way.unzip();
        let chain = chain.unwrap_or_default();
        let document = json!({
            "name": name.as_str(),
            "path": path.to_string_lossy(),
            "alive": root.is_some(),
            "root": root,
            "chain": chain.iter().map(|name| store.path(name).to_string_lossy().into_owned()).collect::<Vec<_>>(),
        });
        return Ok(ui.result(&format!("{document:#}\n"), exit));
    }
    let text = match way {
        Some((root, chain)) => {
            let steps = chain.iter().map(|name| format!("→ {}\n", shown(&store.path(name))));
            format!("{}\n{}", shown(Path::new(root)), steps.collect::<String>())
        }
        None => format!("nothing keeps {}\n", shown(&path)),
    };
    Ok(ui.result(&text, exit))
}
