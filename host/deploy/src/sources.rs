//! Reading the files that a stack takes from beside its program. Beside certificates, which `tls` and `artifacts` read,
//! nothing else is read in these rooms: what a relative `source` names has to be below the directory of the stack, links
//! followed.

mod pattern;
#[cfg(test)]
mod tests;

use crate::design::{Design, DesignFile, FileBody};
use crate::limits::{
    PATTERN_BYTES_MAX, PATTERNS_MAX, SOURCE_BYTES_MAX, SOURCE_DEPTH_MAX, SOURCE_ENTRIES_MAX, SOURCE_HELD_BYTES_MAX,
    SOURCES_BYTES_MAX,
};
use pattern::Pattern;
use punix_diag::{Code, Diagnostic};
use punix_target::Body;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What the files of a stack hold that come from beside its program: for each of its files, in their order, what was
/// read for it. There is nothing for those that stand in the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources(pub Vec<Vec<SourceFile>>);

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it goes below the declared path; `None` if the path is its own.
    pub below: Option<String>,
    pub held: SourceHeld,
    /// Whether anybody may execute it.
    pub executable: bool,
}

/// What a file holds that was read. It is text in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceHeld {
    Text(String),
    /// Too much to be kept in memory: it was looked through, and is read where it is needed.
    Large(Body),
}

/// Reads all sources of a stack. `base` is the directory of the file that the stack stands in, or the directory of the
/// program if it is one.
pub fn read_sources(design: &Design, base: &Path) -> Result<Sources, Vec<Diagnostic>> {
    punix_diag::drill("sources");
    let mut errors = Vec::new();
    let mut reader = Reader { base: Err(String::new()), left: SOURCES_BYTES_MAX, keeps_all: false };
    // Programs without sources may come from where there is no directory.
    if design.files.iter().any(|file| matches!(file.body, FileBody::Source { .. })) {
        let base = if base.as_os_str().is_empty() { Path::new(".") } else { base };
        reader.base = fs::canonicalize(base)
            .map_err(|error| format!("cannot read the directory of the stack, `{}`: {error}", base.display()));
    }
    let mut read = Vec::with_capacity(design.files.len());
    for file in &design.files {
        match &file.body {
            FileBody::Chunks(_) => read.push(Vec::new()),
            FileBody::Source { path, path_at, exclude } => match reader.source(path, exclude, file.secret) {
                Ok(files) => read.push(files),
                Err(issue) => {
                    read.push(Vec::new());
                    errors.push(issue.explain(file).at(*path_at));
                }
            },
        }
    }
    if errors.is_empty() { Ok(Sources(read)) } else { Err(errors) }
}

/// Why a source cannot be had.
#[derive(Debug)]
struct Issue {
    message: String,
    help: Option<&'static str>,
}

impl Issue {
    fn explain(self, file: &DesignFile) -> Diagnostic {
        let error = Diagnostic::error(Code::E9, format!("config file `{}`: {}", file.path, self.message));
        match self.help {
            Some(help) => error.help(help),
            None => error,
        }
    }
}

impl From<String> for Issue {
    fn from(message: String) -> Issue {
        Issue { message, help: None }
    }
}

fn issue<T>(message: String, help: &'static str) -> Result<T, Issue> {
    Err(Issue { message, help: Some(help) })
}

struct Reader {
    base: Result<PathBuf, String>,
    /// How many bytes may still be read.
    left: u64,
    /// Whether what is read is a secret, which is kept in memory whatever its size.
    keeps_all: bool,
}

impl Reader {
    fn source(&mut self, written: &str, exclude: &[String], is_secret: bool) -> Result<Vec<SourceFile>, Issue> {
        self.keeps_all = is_secret;
        let base = self.base.clone()?;
        let patterns = patterns(exclude)?;
        let full = base.join(written);
        let cannot = |error: &io::Error| Issue::from(format!("cannot read the source `{}`: {error}", full.display()));
        let real = fs::canonicalize(&full).map_err(|error| cannot(&error))?;
        if Path::new(written).is_relative() && !real.starts_with(&base) {
            return issue(
                format!("the source `{written}` leads out of the directory of the stack, `{}`", base.display()),
                "a relative source stays below the directory of the stack's file; an absolute path to a file may be \
                 anywhere",
            );
        }
        let kind = fs::metadata(&real).map_err(|error| cannot(&error))?;
        if !kind.is_dir() {
            if !patterns.is_empty() {
                return issue(
                    format!("the source `{}` is a file, and `exclude` is for what is in a directory", full.display()),
                    "leave `exclude` out",
                );
            }
            return Ok(vec![self.file(&real, &full, None)?]);
        }
        self.directory(&base, &real, &full, &patterns, exclude)
    }

    fn directory(
        &mut self,
        base: &Path,
        real: &Path,
        shown: &Path,
        patterns: &[Pattern],
        exclude: &[String],
    ) -> Result<Vec<SourceFile>, Issue> {
        let found = walk(real, shown)?;
        if found.is_empty() {
            return Err(format!("the source directory `{}` holds no files", shown.display()).into());
        }
        let count = found.len();
        let kept: Vec<Vec<String>> =
            found.into_iter().filter(|parts| !patterns.iter().any(|pattern| pattern.fits(parts))).collect();
        if kept.is_empty() {
            return issue(
                format!(
                    "`exclude` leaves out all {count} files of `{}` ({})",
                    shown.display(),
                    exclude.iter().map(|pattern| format!("`{pattern}`")).collect::<Vec<_>>().join(", ")
                ),
                "a stack that wants none of these files does not name the directory: look for a slip in a pattern",
            );
        }
        let mut files = Vec::with_capacity(kept.len());
        for parts in kept {
            let below = parts.join("/");
            let full = real.join(&below);
            let cannot = |error| format!("cannot read the source `{}`: {error}", shown.join(&below).display());
            let target = fs::canonicalize(&full).map_err(cannot)?;
            if !target.starts_with(base) {
                return issue(
                    format!(
                        "`{below}` leads to `{}`, which is outside of the directory of the stack, `{}`",
                        target.display(),
                        base.display()
                    ),
                    "a link in a source directory stays below the directory of the stack: copy the file, or leave it \
                     out with `exclude`",
                );
            }
            files.push(self.file(&target, &shown.join(&below), Some(below))?);
        }
        Ok(files)
    }

    /// Reads one file, whose place has been found to be allowed.
    fn file(&mut self, real: &Path, shown: &Path, below: Option<String>) -> Result<SourceFile, Issue> {
        let cannot = |error: io::Error| Issue::from(format!("cannot read the source `{}`: {error}", shown.display()));
        // A pipe would have us wait for whoever writes to it.
        if !fs::metadata(real).map_err(cannot)?.is_file() {
            return Err(format!("the source `{}` is neither a file nor a directory", shown.display()).into());
        }
        let file = fs::File::open(real).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        let most = SOURCE_BYTES_MAX.min(self.left);
        let is_large = metadata.len() > SOURCE_HELD_BYTES_MAX && !self.keeps_all;
        let read = if is_large { look_through(file, shown, most) } else { keep(&file, most) };
        let (held, size) = match read {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(too_large(shown)),
            read => read.map_err(cannot)?,
        };
        self.left -= size;
        match held {
            Some(held) => Ok(SourceFile { below, held, executable: metadata.permissions().mode() & 0o111 != 0 }),
            None => issue(
                format!("the source `{}` is not valid UTF-8", shown.display()),
                "config files are text; bring other files in a package",
            ),
        }
    }
}

fn too_large(shown: &Path) -> Issue {
    let message = format!(
        "the source `{}` is too large: a file can have {} MiB, all of a stack together {} MiB",
        shown.display(),
        SOURCE_BYTES_MAX >> 20,
        SOURCES_BYTES_MAX >> 20
    );
    message.into()
}

/// What was read, if it is text, and how much that was.
type Found = io::Result<(Option<SourceHeld>, u64)>;

/// Reads a file into memory.
fn keep(file: &fs::File, most: u64) -> Found {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok((String::from_utf8(bytes).ok().map(SourceHeld::Text), size))
}

/// Reads a file and keeps none of it.
fn look_through(file: fs::File, shown: &Path, most: u64) -> Found {
    let mut text = Text::default();
    let body = Body::file(file, shown.display().to_string(), most, |piece| {
        text.add(piece);
        Ok(())
    })?;
    let size = body.size();
    Ok((text.is_whole().then_some(SourceHeld::Large(body)), size))
}

/// Tells of pieces whether all together are UTF-8.
#[derive(Default)]
struct Text {
    is_other: bool,
    /// A character of which the rest comes with the next piece.
    begun: Vec<u8>,
}

impl Text {
    fn add(&mut self, mut piece: &[u8]) {
        while let (false, false, Some((&byte, rest))) = (self.is_other, self.begun.is_empty(), piece.split_first()) {
            self.begun.push(byte);
            piece = rest;
            self.look_at_begun();
        }
        if self.is_other || piece.is_empty() {
            return;
        }
        if let Err(error) = str::from_utf8(piece) {
            self.begun = piece.get(error.valid_up_to()..).unwrap_or_default().to_vec();
            self.is_other = error.error_len().is_some();
        }
    }

    fn look_at_begun(&mut self) {
        match str::from_utf8(&self.begun) {
            Ok(_) => self.begun.clear(),
            Err(error) => self.is_other = error.error_len().is_some(),
        }
    }

    fn is_whole(&self) -> bool {
        !self.is_other && self.begun.is_empty()
    }
}

fn patterns(exclude: &[String]) -> Result<Vec<Pattern>, Issue> {
    if exclude.len() > PATTERNS_MAX {
        return Err(format!("`exclude` has more than {PATTERNS_MAX} patterns").into());
    }
    let read = |text: &String| match Pattern::parse(text) {
        Some(pattern) if text.len() <= PATTERN_BYTES_MAX => Ok(pattern),
        Some(_) => Err(format!("a pattern of `exclude` is longer than {PATTERN_BYTES_MAX} bytes").into()),
        None => issue(format!("`{text}` in `exclude` matches nothing"), "write a name, such as `*.bak` or `sub/*`"),
    };
    exclude.iter().map(read).collect()
}

/// Finds everything below a directory that is no directory itself, each as the parts of its path, in the order of these.
/// Links to directories are left out.
fn walk(real: &Path, shown: &Path) -> Result<Vec<Vec<String>>, Issue> {
    let mut found = Vec::new();
    let mut waiting: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = 0;
    while let Some(parts) = waiting.pop() {
        let at = shown.join(parts.join("/"));
        let cannot = |error: io::Error| Issue::from(format!("cannot read the source `{}`: {error}", at.display()));
        for entry in fs::read_dir(real.join(parts.join("/"))).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            seen += 1;
            if seen > SOURCE_ENTRIES_MAX {
                return Err(format!(
                    "the source directory `{}` has more than {SOURCE_ENTRIES_MAX} entries",
                    shown.display()
                )
                .into());
            }
            let Ok(name) = entry.file_name().into_string() else {
                return Err(format!(
                    "`{}` in the source directory has a name that is not valid UTF-8",
                    at.join(entry.file_name()).display()
                )
                .into());
            };
            let kind = entry.file_type().map_err(cannot)?;
            let below: Vec<String> = parts.iter().cloned().chain([name]).collect();
            if kind.is_dir() {
                if below.len() >= SOURCE_DEPTH_MAX {
                    return Err(format!("`{}` is more than {SOURCE_DEPTH_MAX} directories deep", at.display()).into());
                }
                waiting.push(below);
            } else if !(kind.is_symlink() && entry.path().is_dir()) {
                found.push(below);
            }
        }
    }
    found.sort();
    Ok(found)
}
