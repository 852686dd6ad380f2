//! What a package is built from, and the name that follows from it. Nothing here touches the world: the name of what
//! will be built is known before anything is.
//!
//! Not part of a derivation, so never of a name: the store's root, the values of secrets, how a fetch authenticates
//! itself, where a local source lies.

use crate::canonical::{ReadError, Reader, Record, Value, write_record};
use crate::digest::Digest;
use crate::limits::{DERIVATION_BYTES_MAX, VALUE_DEPTH_MAX};
use crate::name::{NameError, PackageName, StoreName, Version};
use std::collections::BTreeSet;

/// The only way in which packages are built. The reference had four; their names gave different paths.
const BOOTSTRAP_MODE: &str = "seeded";
const SYSTEM_BYTES_MAX: usize = 64;

/// Why something is not a derivation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DerivationError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("`{key}` is nested too deeply")]
    TooDeep { key: &'static str },
    #[error("it takes {bytes} bytes, {DERIVATION_BYTES_MAX} are allowed")]
    TooLarge { bytes: u64 },
    #[error("`{text}` is not the name of a system, such as `x86_64-linux`")]
    System { text: String },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("`{key}` is not what it must be")]
    Field { key: &'static str },
    #[error("there is a key `{key}`, which no derivation has")]
    Unknown { key: String },
}

/// What a derivation is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    pub package: PackageName,
    pub version: Version,
    pub recipe: String,
    /// Identifies the recipe's definition, so that another definition gives another name.
    pub recipe_digest: Digest,
    pub args: Record,
    /// What [`source_identity`] made of the source.
    pub source: Record,
    pub system: String,
    pub inputs: BTreeSet<StoreName>,
}

/// What a package is built from, exactly. Invariant: its JSON is within the limits and names every entry whose path
/// occurs in it among its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derivation {
    parts: Parts,
    json: String,
    name: StoreName,
}

impl Derivation {
    /// Makes a derivation. Entries whose paths occur in the arguments or the source become inputs.
    pub fn new(mut parts: Parts) -> Result<Derivation, DerivationError> {
        for (key, record) in [("recipeArgs", &parts.args), ("source", &parts.source)] {
            if record.values().any(|value| value.depth(VALUE_DEPTH_MAX) > VALUE_DEPTH_MAX - 2) {
                return Err(DerivationError::TooDeep { key });
            }
            let inputs = &mut parts.inputs;
            record.values().for_each(|value| {
                value.each_entry(&mut |name| {
                    inputs.insert(name.clone());
                });
            });
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !(1..=SYSTEM_BYTES_MAX).contains(&parts.system.len()) || !parts.system.bytes().all(fits) {
            return Err(DerivationError::System { text: parts.system });
        }
        let json = write(&parts);
        if json.len() as u64 > DERIVATION_BYTES_MAX {
            return Err(DerivationError::TooLarge { bytes: json.len() as u64 });
        }
        let digest = Digest::of(json.as_bytes());
        let name = StoreName::new(&digest, &parts.package, &parts.version)?;
        Ok(Derivation { parts, json, name })
    }

    /// Reads what [`Derivation::to_json`] gave, and nothing else.
    pub fn from_json(bytes: &[u8]) -> Result<Derivation, DerivationError> {
        if bytes.len() as u64 > DERIVATION_BYTES_MAX {
            return Err(DerivationError::TooLarge { bytes: bytes.len() as u64 });
        }
        let mut reader = Reader::new(bytes);
        let Value::Record(mut record) = reader.value(VALUE_DEPTH_MAX)? else {
            return Err(ReadError::Expected { expected: "an object", at: 0 }.into());
        };
        reader.end()?;
        if take_text(&mut record, "bootstrapMode")? != BOOTSTRAP_MODE {
            return Err(DerivationError::Field { key: "bootstrapMode" });
        }
        let parts = Parts {
            inputs: take_inputs(&mut record)?,
            package: PackageName::parse(&take_text(&mut record, "pname")?)?,
            recipe: take_text(&mut record, "recipe")?,
            args: take_record(&mut record, "recipeArgs")?,
            recipe_digest: Digest::parse(&take_text(&mut record, "recipeCodeHash")?)
                .ok_or(DerivationError::Field { key: "recipeCodeHash" })?,
            source: take_record(&mut record, "source")?,
            system: take_text(&mut record, "system")?,
            version: Version::parse(&take_text(&mut record, "version")?)?,
        };
        if let Some(key) = record.into_keys().next() {
            return Err(DerivationError::Unknown { key });
        }
        let derivation = Derivation::new(parts)?;
        match derivation.json.as_bytes() == bytes {
            true => Ok(derivation),
            false => Err(DerivationError::Field { key: "inputs" }),
        }
    }

    /// Returns the canonical bytes, which are ASCII.
    pub fn to_json(&self) -> &str {
        &self.json
    }

    /// Returns the name of the entry that this is built into.
    pub fn name(&self) -> &StoreName {
        &self.name
    }

    /// Returns what it is made of.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }
}

/// A part of a source that can be a file or directory of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourcePart {
    /// The source itself.
    Whole,
    /// The patch at this place.
    Patch(usize),
}

/// Returns what of a source identifies it: how a fetch authenticates itself and where else it looks are left out, and
/// what is local is named by the digest of its content in place of where it lies. `content` gives that digest, and `None`
/// for what is not local.
pub fn source_identity<E>(
    source: &Record,
    mut content: impl FnMut(SourcePart) -> Result<Option<Digest>, E>,
) -> Result<Record, E> {
    let mut identity = identify(source, content(SourcePart::Whole)?);
    for (key, variants) in &mut identity {
        let Value::List(variants) = variants else { continue };
        for (place, variant) in variants.iter_mut().enumerate() {
            let Value::Record(record) = variant else { continue };
            let digest = if key == "patches" { content(SourcePart::Patch(place))? } else { None };
            *record = identify(record, digest);
        }
    }
    Ok(identity)
}

fn identify(source: &Record, content: Option<Digest>) -> Record {
    let mut identity = source.clone();
    for key in ["token", "headers", "mirrors", "maxBytes"] {
        identity.remove(key);
    }
    if let Some(digest) = content {
        for key in ["path", "url", "hash", "hashType"] {
            identity.remove(key);
        }
        identity.insert("content".to_owned(), Value::Text(digest.to_string()));
    }
    identity
}

fn write(parts: &Parts) -> String {
    let Parts { package, version, recipe, recipe_digest, args, source, system, inputs } = parts;
    let inputs = inputs.iter().map(|name| Value::text(name.as_str())).collect();
    let fields = [
        ("bootstrapMode", Value::text(BOOTSTRAP_MODE)),
        ("inputs", Value::List(inputs)),
        ("pname", Value::text(package.as_str())),
        ("recipe", Value::text(recipe)),
        ("recipeArgs", Value::Record(args.clone())),
        ("recipeCodeHash", Value::text(recipe_digest.to_string())),
        ("source", Value::Record(source.clone())),
        ("system", Value::text(system)),
        ("version", Value::text(version.as_str())),
    ];
    let mut out = String::new();
    write_record(&fields.map(|(key, value)| (key.to_owned(), value)).into(), &mut out);
    out
}

fn take_text(record: &mut Record, key: &'static str) -> Result<String, DerivationError> {
    match record.remove(key) {
        Some(Value::Text(text)) => Ok(text),
        Some(_) | None => Err(DerivationError::Field { key }),
    }
}

fn take_record(record: &mut Record, key: &'static str) -> Result<Record, DerivationError> {
    match record.remove(key) {
        Some(Value::Record(record)) => Ok(record),
        Some(_) | None => Err(DerivationError::Field { key }),
    }
}

fn take_inputs(record: &mut Record) -> Result<BTreeSet<StoreName>, DerivationError> {
    const FIELD: DerivationError = DerivationError::Field { key: "inputs" };
    let Some(Value::List(values)) = record.remove("inputs") else { return Err(FIELD) };
    let names = values.iter().map(|value| match value {
        Value::Text(text) => Ok(StoreName::parse(text)?),
        _ => Err(FIELD),
    });
    names.collect()
}

#[cfg(test)]
mod tests;
