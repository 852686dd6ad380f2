//! Making a plugin: a core module becomes a component, the manifest goes into it, and the result is inspected like
//! anybody's. Nothing is compiled or run, and equal arguments give equal bytes.

use crate::fault;
use crate::grant::{PolicyError, read};
use crate::inspect::{FEATURES, InspectError, attach, inspect, invalid};
use crate::manifest::{Manifest, ManifestError};
use crate::wit::resolved;
use crate::word::{cut, cut_to};
use crate::world::World;
use punix_diag::{Code, Diagnostic};
use wasmparser::{Parser, Payload, Validator};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

/// Why nothing was packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("{0}")]
    Inspect(#[from] InspectError),
    #[error("it is no {}: {said}", world.noun())]
    Encode { world: World, said: String },
    #[error("it has a manifest already")]
    HasManifest,
}

/// Why a text is not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestTextError {
    #[error(transparent)]
    Read(#[from] PolicyError),
    #[error("{file}: {error}")]
    Sense { file: String, error: ManifestError },
}

/// Reads a manifest that an author wrote, `punix-plugin.toml`. `file` names it in messages.
pub fn manifest_from_toml(file: &str, text: &str) -> Result<Manifest, ManifestTextError> {
    let manifest: Manifest = read(file, text)?;
    match manifest.check() {
        Ok(()) => Ok(manifest),
        Err(error) => Err(ManifestTextError::Sense { file: file.to_owned(), error }),
    }
}

/// Makes a plugin of a core module or of a component that has no manifest. A module that does not describe its interfaces,
/// as compilers of C leave it, is taken to have those of the world that the manifest names.
pub fn pack(bytes: &[u8], manifest: &Manifest) -> Result<Vec<u8>, PackError> {
    let encoded;
    let component = match bytes {
        bytes if Parser::is_component(bytes) => bytes,
        bytes if Parser::is_core_wasm(bytes) => {
            encoded = encode(bytes, manifest.world)?;
            &encoded
        }
        _ => return Err(InspectError::NotWasm.into()),
    };
    match inspect(component) {
        Err(InspectError::NoManifest { .. }) => {}
        Ok(_) | Err(InspectError::Manifest(_) | InspectError::OtherWorld { .. } | InspectError::TwoManifests) => {
            return Err(PackError::HasManifest);
        }
        Err(error) => return Err(error.into()),
    }
    let plugin = attach(component, manifest);
    inspect(&plugin)?;
    Ok(plugin)
}

/// Makes a component of a core module.
fn encode(module: &[u8], world: World) -> Result<Vec<u8>, PackError> {
    // What comes first says only that something is wrong.
    const SURROUNDING: [&str; 2] = ["failed to decode world from module", "module was not valid"];
    let refused = |causes: Vec<String>| {
        let told = causes.iter().skip_while(|cause| SURROUNDING.contains(&cause.as_str()));
        let told: Vec<&str> = told.map(String::as_str).collect();
        PackError::Encode { world, said: said(&told.join(": ")) }
    };
    let about = survey(module)?;
    if let Some(name) = about.wasi {
        return Err(InspectError::Wasi { name }.into());
    }
    let mut module = module.to_vec();
    if !about.described {
        let (resolve, packages) = resolved();
        let id = resolve.select_world(&packages, Some(world.as_str())).expect("the interfaces have every world");
        embed_component_metadata(&mut module, &resolve, id, StringEncoding::UTF8)
            .map_err(|error| refused(error.chain().map(ToString::to_string).collect()))?;
    }
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| refused(error.chain().map(ToString::to_string).collect()))
}

impl PackError {
    /// Returns what to tell; `name` says what was to be packed.
    pub fn into_diagnostic(self, name: &str) -> Diagnostic {
        let message = format!("`{name}` is not a plugin that can be used: {self}");
        match self {
            PackError::Inspect(error) => fault::inspect(message, &error),
            PackError::Encode { world, .. } => Diagnostic::error(Code::E24, message).help(format!(
                "export `punix:base/meta` and the `api` of a {}, or change `world` in the manifest",
                world.noun()
            )),
            PackError::HasManifest => {
                Diagnostic::error(Code::E24, message).help("pack what the compiler made, before it was packed")
            }
        }
    }
}

impl ManifestTextError {
    /// Returns what to tell.
    pub fn into_diagnostic(self) -> Diagnostic {
        Diagnostic::error(Code::E24, self.to_string())
    }
}

/// What has to be known of a module before it is encoded.
#[derive(Default)]
struct Survey {
    /// It says which interfaces it has.
    described: bool,
    /// An import that no plugin is given.
    wasi: Option<String>,
}

fn survey(module: &[u8]) -> Result<Survey, InspectError> {
    Validator::new_with_features(FEATURES).validate_all(module).map_err(invalid)?;
    let mut found = Survey::default();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(invalid)? {
            Payload::CustomSection(section) if section.name().starts_with("component-type") => found.described = true,
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(invalid)?;
                    if found.wasi.is_none() && is_wasi(import.module) {
                        found.wasi = Some(cut(&format!("{}.{}", import.module, import.name)));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

fn is_wasi(module: &str) -> bool {
    module.starts_with("wasi:") || module.starts_with("wasi_")
}

/// Returns what somebody else's code says as one line.
fn said(error: &dyn std::fmt::Display) -> String {
    const SAID_CHARACTERS_MAX: usize = 400;
    let mut line = String::new();
    punix_diag::visible(&error.to_string().split_whitespace().collect::<Vec<_>>().join(" "), &mut line);
    cut_to(&line, SAID_CHARACTERS_MAX)
}

#[cfg(test)]
mod tests;
