//! What verbs share that work from records, without a program: where the stack may write, who handles its units, and its
//! files with secrets, made anew.

use super::Stopped;
use super::activate::Units;
use super::certificates;
use super::plugins::Plugins;
use super::secrets::{Vault, resolve};
use super::site::Site;
use crate::args::service::reach::Units as UnitArguments;
use crate::ui::Ui;
use punix_deploy::{
    Anew, Artifacts, Pair, certificate_of, domain_of, key_reference, made_anew, references, splice_record,
    stack_for_units, stack_to_bring_up,
};
use punix_model::{Facts, Redactor, Scope, Secret, Shape, Slot};
use punix_plugin::runtime::BackendPlugin;
use punix_store::{Digest, Store};
use punix_target::{Body, Boundary, Door, Generation, Mark, TargetPath};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The word for a user's stack in records.
const USER: &str = "user";

/// What a stack is beside its records.
pub(super) struct Around {
    pub(super) boundary: Boundary,
    pub(super) backend: Option<BackendPlugin>,
    pub(super) facts: Facts,
    pub(super) redactor: Redactor,
}

/// Files with secrets that were made anew.
#[derive(Default)]
pub(super) struct Remade {
    pub(super) files: BTreeMap<TargetPath, Secret>,
    pub(super) marks: BTreeMap<TargetPath, Mark>,
    /// Certificates, which go with their keys.
    pub(super) blobs: BTreeMap<Digest, Body>,
    pub(super) redactor: Redactor,
}

/// Finds what surrounds a generation. A backend that is not there is missed where units are to be handled, not here.
pub(super) fn around(
    ui: &Ui,
    site: &Site<'_>,
    generation: &Generation,
    units: &UnitArguments,
    needs_backend: bool,
) -> Result<Around, Stopped> {
    let unit_dir = site.home.unit_dir(units)?;
    let scope = if generation.scope == USER { Scope::User } else { Scope::System };
    let boundary = site.home.boundary(scope, &generation.stack, unit_dir.as_ref())?;
    let boundary = site.without_ours(boundary, None);
    let backend = match needs_backend {
        true => Some(Plugins::read(ui, Path::new("."), Path::new(""))?.backend(&generation.backend)?.0),
        false => None,
    };
    Ok(Around { boundary, backend, facts: site.facts(), redactor: Redactor::default() })
}

impl Around {
    /// Returns who handles the units of a generation.
    pub(super) fn units(&self, generation: &Generation) -> Option<Units<'_>> {
        let backend = self.backend.as_ref()?;
        let stack = stack_for_units(generation);
        Some(Units { backend, stack, facts: &self.facts, redactor: &self.redactor })
    }
}

impl Around {
    /// Returns who brings up the units of a generation, with what has to be there before they are.
    pub(super) fn units_to_bring_up(&self, door: &dyn Door, generation: &Generation) -> Option<Units<'_>> {
        let units = self.units(generation)?;
        // Whatever cannot be read was there before, or systemd says what is missing.
        let content = |digest: &Digest| door.blob(digest).ok().flatten();
        Some(Units { stack: stack_to_bring_up(generation, &content), ..units })
    }
}

/// Makes the files of a generation anew that have secrets in them. Keys and their certificates are read from a directory, if
/// one is named; `artifacts` are those of which it is known what they are by now.
pub(super) fn remake(
    ui: &Ui,
    door: &dyn Door,
    generation: &Generation,
    (vault, tls_certs): (Option<&Vault>, Option<&Path>),
    artifacts: &Artifacts,
) -> Result<Remade, Stopped> {
    let (keys, names): (BTreeSet<String>, BTreeSet<String>) =
        references(generation).into_iter().partition(|name| domain_of(name).is_some());
    let slot = |(id, name): (u32, &String)| Slot { id, name: name.clone(), shape: Shape::Binary };
    let slots: Vec<Slot> = (0..).zip(&names).map(slot).collect();
    let plugins = Plugins::read(ui, Path::new("."), Path::new(""))?;
    let found = resolve(&plugins, vault, &slots, &[])?;
    let mut values: BTreeMap<String, Secret> = names.into_iter().zip(found.values).collect();
    let (mut marks, mut blobs) = (BTreeMap::new(), BTreeMap::new());
    let domains = keys.iter().filter_map(|key| domain_of(key)).map(str::to_owned).collect();
    for Pair { domain, chain, key, .. } in certificates::read_again(ui, domains, tls_certs)? {
        values.insert(key_reference(&domain), key);
        if let Some(row) = certificate_of(generation, &domain) {
            let digest = Digest::of(chain.as_bytes());
            marks.insert(row.path.clone(), Mark::Sha256(digest));
            blobs.insert(digest, chain.into_bytes().into());
        }
    }
    let redactor = Redactor::new(&values.values().cloned().collect::<Vec<Secret>>());
    let files = splice_record(generation, &values, artifacts)?;
    let secrets: Vec<&Secret> = files.values().collect();
    marks.extend(files.keys().cloned().zip(door.tag_all(&secrets)?));
    Ok(Remade { files, marks, blobs, redactor })
}

/// Makes the files of a generation anew that have no secrets in them, with what other hosts give by now.
pub(super) fn anew(
    door: &dyn Door,
    generation: &Generation,
    artifacts: Artifacts,
) -> Result<(Anew, BTreeMap<Digest, Body>), Stopped> {
    let (mut marks, mut blobs) = (BTreeMap::new(), BTreeMap::new());
    let known = generation.artifacts.iter().filter(|row| artifacts.find(&row.host, &row.name).is_some());
    let paths: BTreeSet<&TargetPath> = known.filter(|row| !row.at.is_empty()).map(|row| &row.path).collect();
    for row in generation.files.iter().filter(|row| paths.contains(&row.path)) {
        let Mark::Sha256(digest) = row.mark else { continue };
        let Some(was) = door.blob(&digest)? else { continue };
        if let Some(bytes) = made_anew(generation, &row.path, &was, &artifacts) {
            let body = Body::from(bytes);
            marks.insert(row.path.clone(), Mark::Sha256(body.digest()));
            blobs.insert(body.digest(), body);
        }
    }
    Ok((Anew { marks, artifacts }, blobs))
}

/// Opens the store of this machine, if there is one.
pub(super) fn store(root: &crate::args::store::Root) -> Option<Store> {
    let root = crate::places::store(root.store_root.as_deref()).ok()?;
    Store::find(&root).ok()
}
