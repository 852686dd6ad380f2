//! Finding the secrets of a stack, all of them before anything is changed. Those that are missing are named together, so
//! that nobody has to come back for each.

use super::Stopped;
use super::plugins::Plugins;
use crate::args::service::Secrets;
use crate::ui::{Ui, shown};
use punix_diag::{Code, Diagnostic, Span, visible};
use punix_model::{Request, Resolved, Resolver, Secret, Slot};
use punix_target::PluginRow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Bytes of the file that `--vault-secrets` names.
const VAULT_BYTES_MAX: u64 = 16 << 20;
/// Anything that others than the owner may do.
const OTHERS: u32 = 0o077;
/// The kind that is looked up there.
const FROM_VAULT: &str = "from_vault";

/// What was found.
pub(super) struct Found {
    /// By slot.
    pub(super) values: Vec<Secret>,
    /// Who found something.
    pub(super) plugins: Vec<PluginRow>,
}

/// What `--vault-secrets` holds.
pub(super) struct Vault(BTreeMap<String, Secret>);

impl Vault {
    /// Reads the file, if one is named.
    pub(super) fn read(ui: &Ui, args: &Secrets) -> Result<Option<Vault>, Stopped> {
        match &args.vault_secrets {
            Some(path) => Vault::of(ui, path).map(Some),
            None => Ok(None),
        }
    }

    fn of(ui: &Ui, path: &Path) -> Result<Vault, Stopped> {
        let name = shown(path);
        let wrong = |message: String| Stopped::By(vec![Diagnostic::error(Code::E11, message)]);
        let cannot = |error: std::io::Error| wrong(format!("--vault-secrets: `{name}` cannot be read: {error}"));
        let file = File::open(path).map_err(cannot)?;
        if file.metadata().map_err(cannot)?.permissions().mode() & OTHERS != 0 {
            ui.say(&format!("warning: `{name}` holds secrets and can be read by others: chmod 600 {name}"));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(VAULT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > VAULT_BYTES_MAX {
            return Err(wrong(format!("--vault-secrets: `{name}` is larger than {} MiB", VAULT_BYTES_MAX >> 20)));
        }
        // What serde says of a wrong value would show it.
        let flat: BTreeMap<String, Zeroizing<String>> = match serde_json::from_slice::<BTreeMap<String, String>>(&bytes)
        {
            Ok(flat) => flat.into_iter().map(|(name, value)| (name, Zeroizing::new(value))).collect(),
            Err(error) if error.is_data() => {
                return Err(wrong(format!("--vault-secrets: `{name}` must be a flat JSON object of string→string")));
            }
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                return Err(wrong(format!("--vault-secrets: `{name}` is not valid JSON: line {line} column {column}")));
            }
        };
        let secret = |value: Zeroizing<String>| Secret::new(value.as_bytes().to_vec());
        Ok(Vault(flat.into_iter().map(|(name, value)| (name, secret(value))).collect()))
    }
}

/// Finds the secrets of slots. `places` says where each is first referred to.
pub(super) fn resolve(
    plugins: &Plugins,
    vault: Option<&Vault>,
    slots: &[Slot],
    places: &[Span],
) -> Result<Found, Stopped> {
    let mut kinds: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (place, slot) in slots.iter().enumerate() {
        let (kind, reference) = slot.name.split_once(':').unwrap_or(("", &slot.name));
        kinds.entry(kind).or_default().push((place, reference));
    }
    let mut values: BTreeMap<usize, Secret> = BTreeMap::new();
    let (mut rows, mut missing, mut errors) = (Vec::new(), BTreeSet::new(), Vec::new());
    for (kind, wanted) in kinds {
        if kind == FROM_VAULT {
            for (place, reference) in wanted {
                match vault.and_then(|vault| vault.0.get(reference)) {
                    Some(value) => drop(values.insert(place, value.clone())),
                    None => drop(missing.insert(place)),
                }
            }
            continue;
        }
        let references: Vec<String> = wanted.iter().map(|(_, reference)| (*reference).to_owned()).collect();
        let (resolver, row) = plugins.resolver(kind, &references)?;
        let request = |reference: String| Request { reference, config: "{}".to_owned(), credentials: Vec::new() };
        let requests: Vec<Request> = references.into_iter().map(request).collect();
        for ((place, _), answer) in wanted.into_iter().zip(resolver.resolve_all(&requests)?) {
            match answer {
                Ok(Resolved { value, .. }) => drop(values.insert(place, value)),
                Err(error) if error.class == punix_model::Class::NotFound => drop(missing.insert(place)),
                Err(error) => errors.push(unreadable(slots, places, place, &error.to_string())),
            }
        }
        rows.push(row);
    }
    if !missing.is_empty() {
        errors.insert(0, unset(slots, places, &missing, vault.is_some()));
    }
    if !errors.is_empty() {
        return Err(Stopped::By(errors));
    }
    Ok(Found { values: values.into_values().collect(), plugins: rows })
}

fn unset(slots: &[Slot], places: &[Span], missing: &BTreeSet<usize>, has_vault: bool) -> Diagnostic {
    let names: BTreeSet<String> = missing.iter().filter_map(|&place| Some(seen(&slots.get(place)?.name))).collect();
    let list: Vec<String> = names.iter().cloned().collect();
    let error = Diagnostic::error(Code::E11, format!("secret(s) not set: {}", list.join(", ")));
    let error = missing.iter().fold(error, |error, &place| match (slots.get(place), places.get(place)) {
        (Some(slot), Some(span)) => error.note_at(*span, format!("`{}` is needed here", seen(&slot.name))),
        (_, _) => error,
    });
    match !has_vault && names.iter().any(|name| name.starts_with(FROM_VAULT)) {
        true => error.help("give `--vault-secrets FILE` for what is in a vault"),
        false => error,
    }
}

fn unreadable(slots: &[Slot], places: &[Span], place: usize, why: &str) -> Diagnostic {
    let name = slots.get(place).map_or_else(String::new, |slot| seen(&slot.name));
    let error = Diagnostic::error(Code::E11, format!("the secret `{name}` cannot be read: {why}"));
    match places.get(place) {
        Some(span) => error.at(*span),
        None => error,
    }
}

fn seen(text: &str) -> String {
    let mut out = String::new();
    visible(text, &mut out);
    out
}
