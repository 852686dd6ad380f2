//! What the store is measured with: programs of packages, the same scripts without a store, trees of files.
//!
//! Everything is streamed to the disk and never held; measure.rs says why.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Directories over which the files of a tree are spread.
const DIRECTORIES: u64 = 100;
/// The source of all packages, beside their program.
const SOURCE: &str = "empty";
const BLOCK_BYTES: usize = 64 << 10;

/// A program of packages, and how to run what they run without a store.
pub(super) struct Packages {
    pub(super) program: PathBuf,
    pub(super) count: u64,
}

/// Writes a program whose packages write a file each and need two others, in a tree: what a package needs in all is few.
pub(super) fn small_packages(directory: &Path, count: u64) -> io::Result<Packages> {
    let program = program_path(directory, "small")?;
    // The two programs look from different places for a relative one.
    let source = program.with_file_name(SOURCE);
    let mut out = BufWriter::new(File::create(&program)?);
    for i in 0..count {
        let needs = match i {
            0 => String::new(),
            1 | 2 => "p0.pname".to_owned(),
            _ => format!("p{}.pname, p{}.pname", i / 2, i / 3),
        };
        let command = format!("mkdir $OUTPUT/bin; echo {i} > $OUTPUT/bin/p{i}; echo about > $OUTPUT/about");
        write_package(&mut out, i, &source, &needs, &command)?;
    }
    out.flush()?;
    Ok(Packages { program, count })
}

/// Writes a program of packages that need nothing and do a little, and their scripts into `scripts`.
pub(super) fn busy_packages(directory: &Path, scripts: &Path, count: u64) -> io::Result<Packages> {
    let program = program_path(directory, "busy")?;
    // The two programs look from different places for a relative one.
    let source = program.with_file_name(SOURCE);
    let mut out = BufWriter::new(File::create(&program)?);
    for i in 0..count {
        let script = busy_script(i);
        write_package(&mut out, i, &source, "", &script)?;
        fs::write(script_path(scripts, i), format!("set -eu\n{script}\n"))?;
    }
    out.flush()?;
    Ok(Packages { program, count })
}

/// Makes a directory for a program and for the source of its packages, which is empty. Without a source, the reference
/// would copy all that is where it was started, for each package.
fn program_path(directory: &Path, name: &str) -> io::Result<PathBuf> {
    let own = directory.join(name);
    fs::create_dir_all(own.join(SOURCE))?;
    Ok(own.join("p.pcl"))
}

/// Returns where the script of a busy package is.
pub(super) fn script_path(directory: &Path, i: u64) -> PathBuf {
    directory.join(format!("{i}.sh"))
}

fn write_package(out: &mut impl Write, i: u64, source: &Path, needs: &str, command: &str) -> io::Result<()> {
    writeln!(out, "module p{i} {{\n  recipe = \"std.shell\"\n  version = \"1.{i}\"\n  deps = [{needs}]")?;
    writeln!(out, "  source = {{ type = \"local\"  path = \"{}\" }}", source.display())?;
    writeln!(out, "  recipeArgs = {{ command = \"\"\"\n{command}\n\"\"\" }}\n}}")
}

fn busy_script(i: u64) -> String {
    format!(
        "mkdir -p $OUTPUT/bin $OUTPUT/share\n\
         printf 'line %s of {i}\\n' {{1..300}} > $OUTPUT/share/lines\n\
         sort -r $OUTPUT/share/lines > $OUTPUT/share/sorted\n\
         sha256sum < $OUTPUT/share/sorted > $OUTPUT/share/digest\n\
         cp $OUTPUT/share/digest $OUTPUT/bin/tool"
    )
}

/// Writes a tree of files, of which no two are the same.
pub(super) fn tree(top: &Path, files: u64, bytes_each: u64) -> io::Result<()> {
    let mut seed = 1;
    let mut block = vec![0; BLOCK_BYTES];
    for directory in 0..DIRECTORIES.min(files) {
        fs::create_dir_all(top.join(directory.to_string()))?;
    }
    for file in 0..files {
        let path = top.join((file % DIRECTORIES).to_string()).join(format!("file-{file}"));
        let mut out = File::create(path)?;
        // Sizes differ: from half of the mean to half more.
        let mut left = bytes_each / 2 + scattered(&mut seed) % (bytes_each + 1);
        while left > 0 {
            let size = left.min(BLOCK_BYTES as u64);
            let part = &mut block[..usize::try_from(size).map_err(io::Error::other)?];
            part.chunks_mut(8).for_each(|chunk| {
                let word = scattered(&mut seed).to_le_bytes();
                chunk.copy_from_slice(&word[..chunk.len()]);
            });
            out.write_all(part)?;
            left -= size;
        }
    }
    Ok(())
}

/// Returns the next number of a sequence that looks random and is the same every time (xorshift).
fn scattered(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
