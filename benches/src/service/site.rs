//! What deploys are measured with: programs of one stack, hosts to deploy to, and records that need many packages.
//!
//! Everything is streamed to the disk and never held; measure.rs says why.

use crate::measure;
use std::fs::{self, File, FileTimes};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The stack of all programs.
pub(crate) const STACK: &str = "App";
/// Where deployments are recorded on every host.
pub(crate) const DEPLOYMENTS: &str = "/deployments";
const SERVICES: u64 = 5;
const SOURCE: &str = "tool-source";
/// The file that a program takes from beside itself.
const LARGE: &str = "large";
const LINE: &str = "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 012\n";

/// Writes a program of five services with one package, and of so many files. Two versions have nothing in common but
/// their paths and the package.
pub(crate) fn program(directory: &Path, files: u64, version: u32) -> io::Result<PathBuf> {
    let source = directory.join(SOURCE);
    fs::create_dir_all(&source)?;
    fs::write(source.join("tool"), "#!/bin/sh\necho tool\n")?;
    let path = directory.join(format!("files-{files}-{version}.pcl"));
    let mut out = BufWriter::new(File::create(&path)?);
    writeln!(out, "module Tool {{\n  recipe = \"std.shell\"\n  pname = \"tool\"\n  version = \"1.0\"")?;
    writeln!(out, "  source = {{ type = \"local\"  path = \"{}\" }}", source.display())?;
    writeln!(out, "  recipeArgs = {{ command = \"mkdir -p $OUTPUT/bin && cp tool $OUTPUT/bin/tool\" }}\n}}")?;
    writeln!(out, "module {STACK} {{\n  backend = \"systemd\"\n  services = [")?;
    for i in 0..SERVICES {
        let environment = format!("{{ LEVEL = \"{version}\"  NAME = \"service {i}\" }}");
        writeln!(out, "    {{ name = \"s{i}\"  package = \"Tool\"  binary = \"tool\"  environment = {environment} }}")?;
    }
    writeln!(out, "  ]\n  configFiles = [")?;
    for i in 0..files {
        let content = format!("version = {version}\\nfile = {i}\\n");
        writeln!(out, "    {{ path = \"/etc/app/{}/{i}.conf\"  content = \"{content}\" }}", i % 10)?;
    }
    writeln!(out, "  ]\n}}")?;
    out.flush()?;
    Ok(path)
}

/// Writes the same program with one file that is another.
pub(crate) fn changed(program: &Path) -> io::Result<PathBuf> {
    const FILE: &str = "file = 3\\n";
    let path = program.with_extension("changed.pcl");
    let text = fs::read_to_string(program)?;
    fs::write(&path, text.replacen(FILE, "file = 3, changed\\n", 1))?;
    Ok(path)
}

/// Writes a program whose package has so many bytes, in so many files, and nothing that can be made smaller.
pub(crate) fn package(directory: &Path, bytes: u64, files: u64) -> io::Result<PathBuf> {
    let own = directory.join(format!("package-{files}"));
    let source = own.join("source");
    fs::create_dir_all(&source)?;
    let mut random = BufReader::new(File::open("/dev/urandom")?);
    for file in 0..files {
        // Not all in one directory.
        let place = source.join(format!("{:03}", file / 100));
        fs::create_dir_all(&place)?;
        io::copy(&mut (&mut random).take(bytes / files), &mut File::create(place.join(file.to_string()))?)?;
    }
    let path = own.join("p.pcl");
    let make = "mkdir -p $OUTPUT/bin && cp -r . $OUTPUT/content && cp /bin/true $OUTPUT/bin/tool";
    let package = format!(
        "module Content {{\n  recipe = \"std.shell\"\n  pname = \"content-{files}\"\n  version = \"1.0\"\n  \
         source = {{ type = \"local\"  path = \"{}\" }}\n  recipeArgs = {{ command = \"{make}\" }}\n}}\n",
        source.display()
    );
    let service = "{ name = \"s0\"  package = \"Content\"  binary = \"tool\" }";
    fs::write(&path, format!("{package}module {STACK} {{\n  backend = \"systemd\"\n  services = [ {service} ]\n}}\n"))?;
    Ok(path)
}

/// Returns the entry of a store whose name holds this.
pub(crate) fn entry(store: &Path, name: &str) -> io::Result<PathBuf> {
    let mut found = fs::read_dir(store)?.flatten().map(|entry| entry.path());
    let holds =
        |path: &PathBuf| path.is_dir() && path.file_name().is_some_and(|own| own.to_string_lossy().contains(name));
    found.find(holds).ok_or_else(|| io::Error::other(format!("{} has no `{name}`", store.display())))
}

/// Writes a program of one file of so many bytes, which lies beside it.
pub(crate) fn large_program(directory: &Path, bytes: u64) -> io::Result<PathBuf> {
    let own = directory.join("large-program");
    fs::create_dir_all(&own)?;
    let mut out = BufWriter::new(File::create(own.join(LARGE))?);
    for _ in 0..bytes / LINE.len() as u64 {
        out.write_all(LINE.as_bytes())?;
    }
    out.flush()?;
    let path = own.join("p.pcl");
    let file = format!("{{ path = \"/etc/app/large\"  source = \"{LARGE}\" }}");
    fs::write(&path, format!("module {STACK} {{\n  backend = \"systemd\"\n  configFiles = [ {file} ]\n}}\n"))?;
    Ok(path)
}

/// Makes two generations need so many packages more, and puts these into the store of the host. Real ones would have to
/// be built; what a rollback sees of a package is its directory, and the mark of what was built whole in it.
pub(crate) fn plant(host: &Path, store: &Path, packages: u64) -> io::Result<()> {
    let there = host.join(store.strip_prefix("/").map_err(io::Error::other)?);
    // So entries of a store are: nothing in them was touched since they were made.
    let made = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    for i in 0..packages {
        let entry = there.join(name(i));
        fs::create_dir(&entry)?;
        fs::write(entry.join("built"), format!("{i:064x}\n"))?;
        fs::set_permissions(&entry, fs::Permissions::from_mode(0o555))?;
        File::open(&entry)?.set_times(made)?;
    }
    let directory = host.join(&DEPLOYMENTS[1..]).join(STACK);
    for record in ["gen-001.json", "gen-002.json"] {
        need(&directory.join(record), store, packages)?;
    }
    Ok(())
}

/// Packages that are planted come before built ones.
fn name(package: u64) -> String {
    format!("{package:032x}-planted-1")
}

/// Writes a record anew, line by line, with more packages.
fn need(record: &Path, store: &Path, packages: u64) -> io::Result<()> {
    let former = record.with_extension("former");
    fs::rename(record, &former)?;
    let mut out = BufWriter::new(File::create(record)?);
    let mut planted = false;
    for line in BufReader::new(File::open(&former)?).split(b'\n') {
        let line = line?;
        if planted || !line.starts_with(b"  \"store_paths\": [") {
            out.write_all(&line)?;
            // No end of line after the last brace.
            out.write_all(if line == b"}" { b"" } else { b"\n" })?;
            continue;
        }
        planted = true;
        out.write_all(&line)?;
        out.write_all(b"\n")?;
        for i in 0..packages {
            writeln!(out, "    \"{}/{}\",", store.display(), name(i))?;
        }
    }
    out.flush()?;
    fs::remove_file(&former)?;
    if planted { Ok(()) } else { Err(io::Error::other(format!("{} names no packages", record.display()))) }
}

/// Makes a host on which nothing is.
pub(crate) fn empty(host: &Path) -> io::Result<()> {
    measure::remove(host)?;
    fs::create_dir_all(host)
}
