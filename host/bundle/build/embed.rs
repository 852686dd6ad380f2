//! From components to what the crate includes. A plugin that would be refused when it is loaded is refused here, and what
//! is found out about one is written down, so that nobody has to find it out again.

use crate::member::Member;
use punix_engine::{Memory, STACK_BYTES_MAX, Setup, compatibility, compile, engine};
use punix_plugin::{Component, Examined, InterfaceName, Lock, Policy, Rules, admit_bundled, built_in, with_config};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A plugin that would be let in.
pub(crate) struct Plugin {
    name: String,
    examined: Examined,
}

/// Takes a component through the door, with what it is granted by being bundled.
pub(crate) fn look(member: &Member, component: Vec<u8>) -> Result<Plugin, Box<dyn Error>> {
    let name = &member.name;
    let examined =
        Examined::look(Component::new(component)).map_err(|error| format!("`{name}` would be refused: {error}"))?;
    if *examined.manifest() != member.manifest {
        return Err(format!(
            "the manifest of `{name}` is not the one in `plugins/{name}`: it was built from other sources"
        )
        .into());
    }
    let id = &member.manifest.id;
    let table = built_in(id, None).ok_or_else(|| format!("`{name}`: nothing says what `{id}` is granted"))?;
    let table = with_config(&table, &member.manifest, "");
    let rules = Rules { lock: &Lock::default(), policy: &Policy::default(), ceilings: &[] };
    admit_bundled(examined.clone(), &table, rules).map_err(|fault| format!("`{name}` would be refused: {fault:?}"))?;
    Ok(Plugin { name: name.clone(), examined })
}

/// Compiles plugins, and writes all that is included.
pub(crate) fn write(out: &Path, plugins: &[Plugin]) -> Result<(), Box<dyn Error>> {
    // Code for the machine that builds is of no use on another.
    let same = std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == std::env::consts::ARCH);
    let engine = engine(Setup { memory: Memory::Plain, stack_bytes: STACK_BYTES_MAX })?;
    let said = if same { compatibility() } else { String::new() };
    let mut text = String::new();
    for (index, plugin) in plugins.iter().enumerate() {
        let name = &plugin.name;
        let component = plugin.examined.component().bytes();
        let (wasm, aot) = (out.join(format!("{name}.wasm")), out.join(format!("{name}.aot")));
        fs::write(&wasm, component)?;
        match same {
            true => fs::write(&aot, compile(&engine, component)?.code())?,
            false => fs::write(&aot, [])?,
        }
        part(&mut text, index, plugin, [&wasm, &aot], &said)?;
    }
    text.push_str("\nconst PLUGINS: &[Bundled] = &[\n");
    for (index, Plugin { name, .. }) in plugins.iter().enumerate() {
        writeln!(text, "    Bundled::of::<Part{index}>({name:?}),")?;
    }
    text.push_str("];\n");
    Ok(fs::write(out.join("plugins.rs"), text)?)
}

/// Writes one as constants. The bytes are statics, so that they are there once however often they are named.
fn part(
    text: &mut String,
    index: usize,
    plugin: &Plugin,
    [wasm, aot]: [&Path; 2],
    said: &str,
) -> Result<(), Box<dyn Error>> {
    let (component, inspected) = (plugin.examined.component(), plugin.examined.inspected());
    let names = |list: &[InterfaceName]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (digest, manifest) = (component.digest(), inspected.manifest.to_json());
    let code_length = fs::metadata(aot)?.len();
    writeln!(text, "\nstatic COMPONENT_{index}: [u8; {}] = *include_bytes!({wasm:?});", component.size())?;
    writeln!(text, "static CODE_{index}: Aligned<{code_length}> = Aligned(*include_bytes!({aot:?}));")?;
    writeln!(text, "struct Part{index};")?;
    writeln!(text, "impl Part for Part{index} {{")?;
    writeln!(text, "    const COMPONENT: &'static [u8] = &COMPONENT_{index};")?;
    writeln!(text, "    const SHA256: [u8; 32] = {:?};", digest.as_bytes())?;
    writeln!(text, "    const MANIFEST: &'static str = {manifest:?};")?;
    writeln!(text, "    const IMPORTS: &'static [&'static str] = &{:?};", names(&inspected.imports))?;
    writeln!(text, "    const EXPORTS: &'static [&'static str] = &{:?};", names(&inspected.exports))?;
    writeln!(text, "    const CODE: &'static [u8] = &CODE_{index}.0;")?;
    writeln!(text, "    const COMPATIBILITY: &'static str = {said:?};")?;
    Ok(writeln!(text, "}}")?)
}
