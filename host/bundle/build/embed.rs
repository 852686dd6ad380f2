//! From components to what the crate includes. A plugin that would be refused when it is loaded is refused here.

use crate::member::Member;
use punix_engine::{Memory, STACK_BYTES_MAX, Setup, compatibility, compile, engine};
use punix_plugin::{Component, Lock, Policy, Rules, admit_bundled, built_in, with_config};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A plugin that would be let in.
pub(crate) struct Plugin {
    name: String,
    component: Vec<u8>,
}

/// Takes a component through the door, with what it is granted by being bundled.
pub(crate) fn look(member: &Member, component: Vec<u8>) -> Result<Plugin, Box<dyn Error>> {
    let name = &member.name;
    let inspected = punix_plugin::inspect(&component).map_err(|error| format!("`{name}` would be refused: {error}"))?;
    if inspected.manifest != member.manifest {
        return Err(format!(
            "the manifest of `{name}` is not the one in `plugins/{name}`: it was built from other sources"
        )
        .into());
    }
    let id = &member.manifest.id;
    let table = built_in(id, None).ok_or_else(|| format!("`{name}`: nothing says what `{id}` is granted"))?;
    let table = with_config(&table, &member.manifest, "");
    let rules = Rules { lock: &Lock::default(), policy: &Policy::default(), ceilings: &[] };
    let admitted = admit_bundled(Component::new(component), &table, rules)
        .map_err(|fault| format!("`{name}` would be refused: {fault:?}"))?;
    Ok(Plugin { name: name.clone(), component: admitted.component().bytes().to_vec() })
}

/// Compiles plugins, and writes all that is included.
pub(crate) fn write(out: &Path, plugins: &[Plugin]) -> Result<(), Box<dyn Error>> {
    // Code for the machine that builds is of no use on another.
    let same = std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == std::env::consts::ARCH);
    let engine = engine(Setup { memory: Memory::Plain, stack_bytes: STACK_BYTES_MAX })?;
    let said = if same { compatibility() } else { String::new() };
    let mut text = String::from("const PLUGINS: &[Bundled] = &[\n");
    for Plugin { name, component } in plugins {
        let (wasm, aot) = (out.join(format!("{name}.wasm")), out.join(format!("{name}.aot")));
        fs::write(&wasm, component)?;
        match same {
            true => fs::write(&aot, compile(&engine, component)?.code())?,
            false => fs::write(&aot, [])?,
        }
        writeln!(
            text,
            "    Bundled {{ name: {name:?}, component: include_bytes!({wasm:?}), code: include_bytes!({aot:?}), compatibility: {said:?} }},"
        )?;
    }
    text.push_str("];\n");
    Ok(fs::write(out.join("plugins.rs"), text)?)
}
