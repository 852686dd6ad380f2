//! The programs that do the work on another machine, for each kind of machine: compiled or taken as they are, looked at, and
//! packed. They run wherever the kernel does, so they must need nothing of the machine.

use crate::cargo::{self, Linked};
use crate::toolchain;
use lzma_rust2::{XzOptions, XzWriter};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// What goes into them.
pub(crate) const SOURCES: [&str; 16] = [
    "Cargo.toml",
    "Cargo.lock",
    "host/target/Cargo.toml",
    "host/target/src",
    "host/build/Cargo.toml",
    "host/build/build.rs",
    "host/build/recipes",
    "host/build/src",
    "host/disk/Cargo.toml",
    "host/disk/src",
    "host/store/Cargo.toml",
    "host/store/src",
    "host/model/Cargo.toml",
    "host/model/src",
    "host/diag/Cargo.toml",
    "host/diag/src",
];

/// What they are called, each as its package is, and what lists them.
const PROGRAMS: [(&str, &str); 2] = [("punix-target", "TARGETS"), ("punix-build", "BUILDERS")];
/// Each goes over the line to every new machine, and lies in the binary.
const BYTES_MAX: usize = 3_000_000;
/// Tight; and one that is there sooner, for whoever changes something every minute.
const PROFILES: [&str; 2] = ["target-program", "target-program-quick"];

/// A kind of machine.
struct Kind {
    /// As this binary calls it.
    system: &'static str,
    /// As the compiler calls it.
    target: &'static str,
    /// As the head of a program calls it.
    machine: u16,
}

const KINDS: [Kind; 2] = [
    Kind { system: "aarch64-linux", target: "aarch64-unknown-linux-musl", machine: 183 },
    Kind { system: "x86_64-linux", target: "x86_64-unknown-linux-musl", machine: 62 },
];

/// A program for one kind of machine.
pub(crate) struct Program {
    name: &'static str,
    system: &'static str,
    bytes: Vec<u8>,
}

/// Takes programs from where somebody put them.
pub(crate) fn ready(folder: &Path) -> Result<Vec<Program>, Box<dyn Error>> {
    let take = |(name, kind): (&'static str, &Kind)| {
        let path = folder.join(format!("{name}-{}", kind.system));
        println!("cargo:rerun-if-changed={}", path.display());
        read(name, kind, &path)
    };
    each().map(take).collect()
}

/// Compiles the programs.
pub(crate) fn compiled(top: &Path, folder: &Path) -> Result<Vec<Program>, Box<dyn Error>> {
    for kind in &KINDS {
        toolchain::require_target(kind.target)?;
    }
    let [tight, quick] = PROFILES;
    let profile = if is_release() { tight } else { quick };
    let targets = KINDS.each_ref().map(|kind| kind.target);
    // One after the other: together they would share what crates are compiled with.
    for (package, _) in PROGRAMS {
        cargo::link(top, folder, &Linked { package, profile, targets: &targets })?;
    }
    let take =
        |(name, kind): (&'static str, &Kind)| read(name, kind, &folder.join(kind.target).join(profile).join(name));
    let programs: Vec<Program> = each().map(take).collect::<Result<_, _>>()?;
    match programs.iter().find(|program| profile == tight && program.bytes.len() > BYTES_MAX) {
        Some(Program { name, system, bytes }) => {
            Err(format!("`{name}` for {system} has {} bytes, more than {BYTES_MAX}", bytes.len()).into())
        }
        None => Ok(programs),
    }
}

fn each() -> impl Iterator<Item = (&'static str, &'static Kind)> {
    PROGRAMS.iter().flat_map(|(name, _)| KINDS.iter().map(move |kind| (*name, kind)))
}

/// Packs programs, and writes what is included.
pub(crate) fn write(out: &Path, programs: &[Program]) -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    for (wanted, list) in PROGRAMS {
        writeln!(text, "static {list}: &[Program] = &[")?;
        for Program { name, system, bytes } in programs.iter().filter(|program| program.name == wanted) {
            let path = out.join(format!("{name}-{system}.xz"));
            fs::write(&path, packed(bytes)?)?;
            let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            let size = bytes.len();
            writeln!(
                text,
                "    Program {{ system: {system:?}, sha256: {sha256:?}, size: {size}, packed: include_bytes!({path:?}) }},"
            )?;
        }
        text.push_str("];\n");
    }
    Ok(fs::write(out.join("programs.rs"), text)?)
}

fn read(name: &'static str, kind: &Kind, path: &Path) -> Result<Program, Box<dyn Error>> {
    let bytes = fs::read(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    match flaw(&bytes, kind.machine) {
        Some(flaw) => Err(format!("`{}` is no program for every {}: {flaw}", path.display(), kind.system).into()),
        None => Ok(Program { name, system: kind.system, bytes }),
    }
}

/// Returns why a file is not a program that runs on every machine of a kind.
fn flaw(bytes: &[u8], machine: u16) -> Option<&'static str> {
    /// ELF, 64 bits, little end first.
    const HEAD: &[u8] = b"\x7fELF\x02\x01";
    const INTERPRETER: u32 = 3;
    let two = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes));
    let four = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let eight = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let table = || Some((usize::try_from(eight(32)?).ok()?, usize::from(two(54)?), usize::from(two(56)?)));
    let Some((table, size, count)) = table().filter(|_| bytes.starts_with(HEAD)) else {
        return Some("it is no program");
    };
    if two(18) != Some(machine) {
        return Some("it is for another kind of machine");
    }
    let interpreted = (0..count).any(|row| four(table.saturating_add(row * size)) == Some(INTERPRETER));
    interpreted.then_some("it needs libraries of the machine")
}

fn packed(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    /// Beyond the first of these whoever unpacks needs a lot of memory for nothing.
    const LEVELS: [u32; 2] = [6, 1];
    let [tight, quick] = LEVELS;
    let level = if is_release() { tight } else { quick };
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(level))?;
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}

fn is_release() -> bool {
    std::env::var("PROFILE").is_ok_and(|profile| profile == "release")
}
