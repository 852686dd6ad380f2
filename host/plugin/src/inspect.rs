//! Looking at a component: what it is, what it imports and exports, and what its manifest says. All of it is parsed and
//! validated with exactly the features that plugins may use, and nothing of it is compiled or run.

use crate::limits::{EXTERNS_MAX, MANIFEST_BYTES_MAX, NESTED_DEPTH_MAX, NESTED_MAX};
use crate::manifest::{Manifest, ManifestError};
use crate::word::cut;
use crate::world::{InterfaceName, Kind, Known, World};
use std::collections::BTreeSet;
use wasmparser::{
    BinaryReaderError, ComponentExternalKind, ComponentTypeRef, FuncValidatorAllocations, Parser, Payload,
    ValidPayload, Validator, WasmFeatures,
};

/// The name of the section that holds the manifest.
pub const MANIFEST_SECTION: &str = "punix:manifest";

/// What plugins may use: WebAssembly 2.0, tail calls, several memories and constant expressions, in components. Not
/// there, and so refused: 64-bit memories, threads, exceptions, garbage collection, relaxed SIMD, async, and whatever
/// comes after.
pub const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::COMPONENT_MODEL);

/// What is known of a component that nothing is wrong with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    pub manifest: Manifest,
    /// In the order of the component.
    pub imports: Vec<InterfaceName>,
    pub exports: Vec<InterfaceName>,
}

/// Why a component is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    #[error("it is not WebAssembly")]
    NotWasm,
    #[error("it is a core module, not a component")]
    CoreModule,
    #[error("it is not sound WebAssembly of the kind that plugins may be: {said}, at byte {at}")]
    Invalid { said: String, at: usize },
    #[error(
        "it has more than {NESTED_MAX} modules and components in it, or more than {NESTED_DEPTH_MAX} inside each other"
    )]
    Nested,
    #[error("it has more than {EXTERNS_MAX} imports or exports")]
    TooManyExterns,
    #[error("it imports `{name}`, a part of WASI")]
    Wasi { name: String },
    #[error("it imports `{name}`, and this version has another generation of that interface: 0.1")]
    Generation { name: InterfaceName },
    #[error("it imports `{name}`, which is no interface for plugins")]
    Unknown { name: String },
    #[error("it imports `{name}`, which a {} is not given", world.noun())]
    NotInWorld { name: InterfaceName, world: World },
    #[error("it imports `{name}` as a {kind}; only interfaces are given to plugins")]
    Shape { name: String, kind: &'static str },
    #[error("it exports no `api` of a backend, resolver or transport")]
    NoWorld,
    #[error("it exports the `api` of a {} and of a {}", first.noun(), second.noun())]
    TwoWorlds { first: World, second: World },
    #[error("it exports `{name}`, and this version has another generation of that interface: 0.1")]
    ExportGeneration { name: InterfaceName },
    #[error("it does not export `punix:base/meta`")]
    NoMeta,
    #[error("it has no manifest")]
    NoManifest {
        /// A module in it has one, where nobody looks.
        inside: bool,
    },
    #[error("it has two manifests")]
    TwoManifests,
    #[error("its manifest is not one: {0}")]
    Manifest(#[from] ManifestError),
    #[error("its manifest says that it is a {}, and it exports the `api` of a {}", said.noun(), found.noun())]
    OtherWorld { said: World, found: World },
}

/// Looks at a component. Never panics, whatever the bytes are.
pub fn inspect(bytes: &[u8]) -> Result<Inspected, InspectError> {
    if Parser::is_core_wasm(bytes) {
        return Err(InspectError::CoreModule);
    }
    if !Parser::is_component(bytes) {
        return Err(InspectError::NotWasm);
    }
    let found = survey(bytes)?;
    let (imports, exports) = (interfaces(&found.imports)?, exported(&found.exports));
    let world = world_of(&exports)?;
    if let Some(name) = imports.iter().find(|name| !world.imports(name)) {
        return Err(InspectError::NotInWorld { name: name.clone(), world });
    }
    let manifest = match found.manifests.as_slice() {
        [] => return Err(InspectError::NoManifest { inside: found.manifest_inside }),
        [section] => Manifest::from_json(section)?,
        _ => return Err(InspectError::TwoManifests),
    };
    if manifest.world != world {
        return Err(InspectError::OtherWorld { said: manifest.world, found: world });
    }
    Ok(Inspected { manifest, imports, exports })
}

impl Inspected {
    /// Returns what it imports and does not ask for. It is given these with nothing behind them: every call is denied.
    pub fn unrequested(&self) -> BTreeSet<Kind> {
        let asked = self.asked();
        let kinds = Kind::ALL.iter().filter(|kind| !matches!(kind, Kind::Seal | Kind::Reveal));
        kinds.copied().filter(|kind| self.imports(*kind) && !asked.contains(kind)).collect()
    }

    /// Returns what it asks for and cannot use, since it does not import it.
    pub fn unused(&self) -> BTreeSet<Kind> {
        self.asked().into_iter().filter(|kind| !self.imports(*kind)).collect()
    }

    fn asked(&self) -> BTreeSet<Kind> {
        self.manifest.requests.each().into_iter().map(|(key, _)| key.kind).collect()
    }

    fn imports(&self, kind: Kind) -> bool {
        self.imports.iter().any(|name| name.package() == "punix:cap" && name.name() == kind.interface())
    }
}

/// Adds a manifest to a component that has none, at its end. The result is not inspected.
pub fn attach(component: &[u8], manifest: &Manifest) -> Vec<u8> {
    let (name, json) = (MANIFEST_SECTION.as_bytes(), manifest.to_json());
    let mut section = Vec::new();
    write_length(name.len(), &mut section);
    section.extend_from_slice(name);
    section.extend_from_slice(json.as_bytes());
    let mut bytes = component.to_vec();
    const CUSTOM: u8 = 0;
    bytes.push(CUSTOM);
    write_length(section.len(), &mut bytes);
    bytes.extend_from_slice(&section);
    bytes
}

/// What stands at the top of a component.
#[derive(Default)]
struct Survey<'a> {
    imports: Vec<(&'a str, ComponentTypeRef)>,
    exports: Vec<(&'a str, ComponentExternalKind)>,
    manifests: Vec<&'a [u8]>,
    manifest_inside: bool,
}

/// Validates everything, and notes what stands at the top.
fn survey(bytes: &[u8]) -> Result<Survey<'_>, InspectError> {
    let mut validator = Validator::new_with_features(FEATURES);
    let mut allocations = FuncValidatorAllocations::default();
    let mut found = Survey::default();
    let (mut depth, mut nested) = (0usize, 0usize);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(invalid)?;
        // Before the validator, which holds a state for each.
        if let Payload::ModuleSection { .. } | Payload::ComponentSection { .. } = &payload {
            (depth, nested) = (depth + 1, nested + 1);
            if nested > NESTED_MAX || depth > NESTED_DEPTH_MAX {
                return Err(InspectError::Nested);
            }
        }
        if let ValidPayload::Func(function, body) = validator.payload(&payload).map_err(invalid)? {
            let mut function = function.into_validator(allocations);
            function.validate(&body).map_err(invalid)?;
            allocations = function.into_allocations();
        }
        match payload {
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => match depth {
                0 if section.data().len() > MANIFEST_BYTES_MAX => {
                    return Err(ManifestError::TooLarge { size: section.data().len() }.into());
                }
                0 => found.manifests.push(section.data()),
                _ => found.manifest_inside = true,
            },
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(invalid)?;
                    found.imports.push((import.name.name, import.ty));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(invalid)?;
                    found.exports.push((export.name.name, export.kind));
                }
            }
            _ => {}
        }
        if found.imports.len() > EXTERNS_MAX || found.exports.len() > EXTERNS_MAX {
            return Err(InspectError::TooManyExterns);
        }
    }
    Ok(found)
}

/// Reads what is imported: our interfaces, and nothing else.
fn interfaces(imports: &[(&str, ComponentTypeRef)]) -> Result<Vec<InterfaceName>, InspectError> {
    let read = |(text, kind): &(&str, ComponentTypeRef)| {
        if text.starts_with("wasi:") || text.starts_with("wasi_") {
            return Err(InspectError::Wasi { name: cut(text) });
        }
        if let Some(kind) = other_than_instance(kind) {
            return Err(InspectError::Shape { name: cut(text), kind });
        }
        let unknown = || InspectError::Unknown { name: cut(text) };
        let name = InterfaceName::parse(text).ok_or_else(unknown)?;
        match name.known() {
            Known::Yes => Ok(name),
            Known::OtherVersion => Err(InspectError::Generation { name }),
            Known::No => Err(unknown()),
        }
    };
    imports.iter().map(read).collect()
}

/// Returns the interfaces that are exported. What else is exported is of no use, and does no harm.
fn exported(exports: &[(&str, ComponentExternalKind)]) -> Vec<InterfaceName> {
    let instances = exports.iter().filter(|(_, kind)| *kind == ComponentExternalKind::Instance);
    instances.filter_map(|(name, _)| InterfaceName::parse(name)).collect()
}

/// Recognises the world by the `api` that is exported.
fn world_of(exports: &[InterfaceName]) -> Result<World, InspectError> {
    let mut worlds: Vec<World> = Vec::new();
    let mut meta = false;
    for name in exports {
        let api = World::ALL.iter().find(|world| name.package() == world.package() && name.name() == "api");
        let is_meta = name.package() == "punix:base" && name.name() == "meta";
        if (api.is_some() || is_meta) && name.known() != Known::Yes {
            return Err(InspectError::ExportGeneration { name: name.clone() });
        }
        worlds.extend(api);
        meta |= is_meta;
    }
    match worlds.as_slice() {
        [] => Err(InspectError::NoWorld),
        [_] if !meta => Err(InspectError::NoMeta),
        [world] => Ok(*world),
        [first, second, ..] => Err(InspectError::TwoWorlds { first: *first, second: *second }),
    }
}

fn other_than_instance(kind: &ComponentTypeRef) -> Option<&'static str> {
    match kind {
        ComponentTypeRef::Instance(_) => None,
        ComponentTypeRef::Module(_) => Some("core module"),
        ComponentTypeRef::Func(_) => Some("function"),
        ComponentTypeRef::Value(_) => Some("value"),
        ComponentTypeRef::Type(_) => Some("type"),
        ComponentTypeRef::Component(_) => Some("component"),
    }
}

pub(crate) fn invalid(error: BinaryReaderError) -> InspectError {
    let mut said = String::new();
    punix_diag::visible(error.message(), &mut said);
    InspectError::Invalid { said: cut(&said), at: error.offset() }
}

/// Appends a length as WebAssembly writes numbers.
fn write_length(length: usize, out: &mut Vec<u8>) {
    let mut rest = length;
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        out.push(if rest == 0 { low } else { low | 0x80 });
        if rest == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
