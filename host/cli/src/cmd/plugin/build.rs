//! `punix plugin build`: the compiler of the author's machine makes a core module; the rest happens here: the component,
//! its manifest, and the same look at it that every plugin gets before it is let in.

mod c;
mod rust;

use super::inspect::{asks, head};
use super::known::{Seen, look};
use super::project::put;
use super::{Stopped, by, disk};
use crate::args::plugin::make::Build;
use crate::exit::Exit;
use crate::ui::{Ui, shown};
use punix_diag::{Code, Diagnostic};
use punix_disk::RealDisk;
use punix_plugin::{Component, Id, Manifest, ManifestTextError, manifest_from_toml, pack};
use serde_json::json;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What the manifest is called in a project.
const MANIFEST: &str = "punix-plugin.toml";
const PLUGIN_MODE: u32 = 0o644;

pub(super) fn run(ui: &Ui, args: &Build) -> Result<Exit, Stopped> {
    let (manifest, plugin) = made(ui, &args.dir)?;
    let output = args.output.clone().unwrap_or_else(|| args.dir.join(file_name(&manifest.id)));
    write(ui, "built", &output, plugin)
}

/// Makes a plugin of a project, and leaves it in memory.
pub(super) fn made(ui: &Ui, directory: &Path) -> Result<(Manifest, Vec<u8>), Stopped> {
    let manifest = manifest(&directory.join(MANIFEST))?;
    let module = if directory.join("Cargo.toml").is_file() {
        rust::compile(ui, directory)?
    } else if directory.join("src").join("plugin.c").is_file() {
        c::compile(directory, &manifest)?
    } else {
        let message = format!("`{}` is no project of a plugin that can be built", shown(directory));
        let help = "it has a `Cargo.toml`, or `src/plugin.c`; what other compilers make, `punix plugin pack` packs";
        return Err(Stopped::usage(message, help));
    };
    let plugin = pack(&module, &manifest).map_err(|error| by(error.into_diagnostic(manifest.id.as_str())))?;
    Ok((manifest, plugin))
}

/// Returns what the file of a plugin is called: the last part of its id.
pub(super) fn file_name(id: &Id) -> String {
    format!("{}.wasm", id.as_str().rsplit('.').next().unwrap_or_default())
}

/// Reads the manifest of an author.
pub(super) fn manifest(path: &Path) -> Result<Manifest, Stopped> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("`{}` cannot be read: {error}", shown(path));
        let help = match error.kind() {
            ErrorKind::NotFound => "a plugin says there what it is and what it asks for; `punix plugin new` makes one",
            _ => "it is a text in UTF-8 that you may read",
        };
        by(Diagnostic::error(Code::E24, message).help(help))
    })?;
    manifest_from_toml(&shown(path), &text).map_err(|error: ManifestTextError| by(error.into_diagnostic()))
}

/// Writes a plugin, and tells what it is.
pub(super) fn write(ui: &Ui, verb: &str, output: &Path, plugin: Vec<u8>) -> Result<Exit, Stopped> {
    let component = Component::new(plugin);
    let place = shown(output);
    let seen = look(&place, &component)?;
    let failed = |error: io::Error| disk(io::Error::other(format!("`{place}` cannot be written: {error}")));
    let name = output
        .file_name()
        .ok_or_else(|| Stopped::usage(format!("`{place}` is not the name of a file"), "name one with `--output`"))?;
    let parent = match output.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    let real = RealDisk::open(&parent).map_err(failed)?;
    put(&real, Path::new(name), component.bytes(), PLUGIN_MODE).map_err(failed)?;
    if ui.json {
        return Ok(ui.result(&format!("{:#}\n", document(output, &seen)), Exit::Done));
    }
    let text = format!("{verb} {place}\n{}{}", head(&seen), asks(&seen, &[]));
    Ok(ui.result(&text, Exit::Done))
}

fn document(output: &Path, seen: &Seen) -> serde_json::Value {
    let manifest = &seen.inspected.manifest;
    let imports: Vec<String> = seen.inspected.imports.iter().map(ToString::to_string).collect();
    json!({
        "ok": true,
        "file": output.to_string_lossy(),
        "id": manifest.id.as_str(),
        "version": manifest.version.as_str(),
        "world": manifest.world.as_str(),
        "sha256": seen.digest.to_string(),
        "bytes": seen.size,
        "imports": imports,
    })
}

/// A program of the author's machine that is needed and not there.
fn missing(program: &str, error: &io::Error, help: &str) -> Stopped {
    let message = match error.kind() {
        ErrorKind::NotFound => format!("`{program}` is needed to build this, and is not there"),
        _ => format!("`{program}` cannot be started: {error}"),
    };
    by(Diagnostic::error(Code::E8, message).help(help))
}
