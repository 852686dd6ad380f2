//! One record of a generation: which entries it needs. Everything else in it is somebody else's business and may be
//! anything that is JSON.

use super::Issue;
use crate::limits::RECORD_BYTES_MAX;
use crate::name::StoreName;
use punix_disk::{Disk, RealDisk};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;
use std::fmt;
use std::path::Path;

/// The newest `schema` of a record that is understood here. Records without one are older than the numbers.
pub const RECORD_SCHEMA_MAX: u64 = 1;

const PATHS: &str = "store_paths";
const SCHEMA: &str = "schema";

/// Reads a record, which links may lead to. Returns the entries that it needs.
pub(super) fn read(path: &Path) -> Result<Vec<StoreName>, Issue> {
    super::metadata(path)?;
    let real = std::fs::canonicalize(path)?;
    let (Some(parent), Some(name)) = (real.parent(), real.file_name()) else { return Err(Issue::Directory) };
    let bytes = RealDisk::open(parent)?.read(Path::new(name), RECORD_BYTES_MAX)?;
    entries(&bytes)
}

/// Returns the entries that a record needs.
pub(super) fn entries(json: &[u8]) -> Result<Vec<StoreName>, Issue> {
    let text = str::from_utf8(json).map_err(|_| Issue::NotText)?;
    let Fields { paths, schemas } = serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => Issue::NotAnObject,
        Category::Io | Category::Syntax | Category::Eof => Issue::NotJson(error),
    })?;
    if let Some(schema) = one(schemas, SCHEMA)? {
        match schema.as_u64() {
            Some(1..=RECORD_SCHEMA_MAX) => {}
            Some(0) | None => return Err(Issue::Schema),
            Some(_) => return Err(Issue::Newer { schema: schema.to_string(), known: RECORD_SCHEMA_MAX }),
        }
    }
    let Value::Array(paths) = one(paths, PATHS)?.ok_or(Issue::NoPaths)? else { return Err(Issue::Paths) };
    let mut names = Vec::new();
    for path in paths {
        let Value::String(path) = path else { return Err(Issue::Paths) };
        names.extend(entries_in(Path::new(&path)).map(|(_, name)| name));
    }
    Ok(names)
}

/// Returns the entries that a path may lead to or into, with where each is, whatever store that is. Paths that are in no
/// store occur too, such as the root of a static site. They keep nothing, and lose nothing: what has no entry's name is
/// never removed.
pub(super) fn entries_in(path: &Path) -> impl Iterator<Item = (&Path, StoreName)> {
    path.ancestors().filter_map(|path| {
        let name = StoreName::parse(path.file_name()?.to_str()?).ok()?;
        Some((path.parent()?, name))
    })
}

fn one(mut values: Vec<Value>, key: &'static str) -> Result<Option<Value>, Issue> {
    match values.len() {
        0 | 1 => Ok(values.pop()),
        _ => Err(Issue::Twice { key }),
    }
}

/// The fields that we read, as often as they stand there: a reader that takes the last of two could be told apart from
/// one that takes the first.
#[derive(Default)]
struct Fields {
    paths: Vec<Value>,
    schemas: Vec<Value>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                PATHS => fields.paths.push(map.next_value()?),
                SCHEMA => fields.schemas.push(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests;
