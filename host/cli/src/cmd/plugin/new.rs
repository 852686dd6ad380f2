//! `punix plugin new`: a project that builds, with tests of its own. All of it is part of punix, the SDK too, so a plugin
//! can be begun without a network; nothing of it is written over what is there.

mod files;

use super::{Stopped, disk};
use crate::args::plugin::make::{Language, New, PluginKind};
use crate::exit::Exit;
use crate::ui::{Ui, shown};
use files::{Embedded, sdk, template};
use punix_disk::{Disk, RealDisk};
use punix_plugin::{Id, WIT};
use serde_json::json;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;
const NAME_BYTES_MAX: usize = 64;

/// What templates are called until they have a name.
const PLACEHOLDER_ID: &str = "org.example.punix-template";
const PLACEHOLDER_FILE: &str = "punix-template.wasm";
const PLACEHOLDER_NAME: &str = "punix-template";
const PLACEHOLDER_KEY: &str = "from_template";

/// Names that a crate cannot have, or that would hide another one.
const TAKEN: &str = "abstract alloc as async await become box break const continue core crate do dyn else enum \
                     extern false final fn for gen if impl in let loop macro match mod move mut override priv \
                     proc-macro pub punix-sdk ref return self serde serde-json static std struct super test trait \
                     true try type typeof unsafe unsized use virtual where while wit-bindgen yield";

/// What a new plugin is called. Invariant: lower-case letters, digits and `-`, the first a letter, the last no `-`; a name
/// that a crate can have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name(String);

/// A file of the new project.
struct Page {
    path: PathBuf,
    text: String,
}

pub(super) fn run(ui: &Ui, args: &New) -> Result<Exit, Stopped> {
    let name = Name::parse(&args.name).ok_or_else(|| {
        let message = format!("`{}` cannot be the name of a plugin", args.name);
        Stopped::usage(message, "take lower-case letters, digits and `-`, and no word of Rust: `from-bao`")
    })?;
    let id = match &args.id {
        Some(id) => id.clone(),
        None => Id::parse(&format!("org.example.{}", name.0))
            .map_err(|error| Stopped::usage(error.to_string(), "give one with `--id`"))?,
    };
    let directory = args.dir.clone().unwrap_or_else(|| PathBuf::from(&name.0));
    let pages = pages(args.kind, args.lang, &name, &id);
    make(&directory, &pages)?;
    let (kind, language) = (kind_word(args.kind), language_word(args.lang));
    if ui.json {
        let document = json!({
            "ok": true,
            "directory": directory.to_string_lossy(),
            "id": id.as_str(),
            "kind": kind,
            "language": args.lang.key(),
            "files": pages.iter().map(|page| page.path.to_string_lossy()).collect::<Vec<_>>(),
        });
        return Ok(ui.result(&format!("{document:#}\n"), Exit::Done));
    }
    let (place, test) = (shown(&directory), args.lang.test());
    let text = format!(
        "made `{place}`: {id}, a {kind} in {language}\n\
         next:\n  cd {place}\n  {test}\n  punix plugin build\n"
    );
    Ok(ui.result(&text, Exit::Done))
}

impl Name {
    fn parse(text: &str) -> Option<Name> {
        let sound = text.len() <= NAME_BYTES_MAX
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !TAKEN.split(' ').any(|taken| taken == text);
        sound.then(|| Name(text.to_owned()))
    }

    /// Returns the key of references to it.
    fn key(&self) -> String {
        let word = self.0.strip_prefix("from-").unwrap_or(&self.0);
        format!("from_{}", word.replace('-', "_"))
    }
}

impl Language {
    fn key(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::C => "c",
        }
    }

    fn test(self) -> &'static str {
        match self {
            Language::Rust => "cargo test",
            Language::C => "make test",
        }
    }
}

fn language_word(language: Language) -> &'static str {
    match language {
        Language::Rust => "Rust",
        Language::C => "C",
    }
}

fn kind_word(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Backend => "backend",
        PluginKind::Resolver => "resolver",
        PluginKind::Transport => "transport",
    }
}

/// Puts the project together.
fn pages(kind: PluginKind, language: Language, name: &Name, id: &Id) -> Vec<Page> {
    let own = |file: &Embedded| Page {
        // One that is called so in our own tree would count there.
        path: PathBuf::from(if file.path == "gitignore" { ".gitignore" } else { file.path }),
        text: file
            .text
            .replace(PLACEHOLDER_ID, id.as_str())
            .replace(PLACEHOLDER_FILE, &super::build::file_name(id))
            .replace(PLACEHOLDER_NAME, &name.0)
            .replace(PLACEHOLDER_KEY, &name.key()),
    };
    let vendored =
        |file: &Embedded| Page { path: Path::new("vendor/punix-sdk").join(file.path), text: file.text.to_owned() };
    let mut pages: Vec<Page> = template(kind, language).iter().map(own).collect();
    pages.extend(sdk(language).iter().filter(|file| file.path != LOCK).map(vendored));
    match language {
        Language::C => {}
        Language::Rust => {
            pages.extend(WIT.iter().map(|file| Page {
                path: Path::new("vendor/wit").join(file.package).join(file.name),
                text: file.text.to_owned(),
            }));
            let locked = sdk(language).iter().find(|file| file.path == LOCK);
            pages.extend(locked.map(|file| Page { path: PathBuf::from(LOCK), text: lock(file.text, name) }));
        }
    }
    pages.sort_by(|a, b| a.path.cmp(&b.path));
    pages
}

const LOCK: &str = "Cargo.lock";

/// Makes the lock of a project of the SDK's own: the project needs the SDK, and nothing else.
fn lock(of_sdk: &str, name: &Name) -> String {
    const PACKAGE: &str = "[[package]]\n";
    let mut blocks: Vec<String> = of_sdk.split(PACKAGE).map(|block| format!("{}\n", block.trim_end())).collect();
    let head = blocks.remove(0);
    blocks.push(format!("name = \"{}\"\nversion = \"0.1.0\"\ndependencies = [\n \"punix-sdk\",\n]\n", name.0));
    blocks.sort_by_key(|block| {
        let value = |key: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_default().trim_matches('"').to_owned()
        };
        (value("name = "), value("version = "))
    });
    let blocks: Vec<String> = blocks.iter().map(|block| format!("{PACKAGE}{block}")).collect();
    format!("{head}\n{}", blocks.join("\n"))
}

/// Writes the project beside its place, and moves it there when it is whole.
fn make(directory: &Path, pages: &[Page]) -> Result<(), Stopped> {
    let place = shown(directory);
    let name = directory.file_name().ok_or_else(|| {
        Stopped::usage(format!("`{place}` is not the name of a directory"), "name one that can be made")
    })?;
    let parent = match directory.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    };
    let occupied = || Stopped::usage(format!("`{place}` is there already"), "name another directory with `--dir`");
    match directory.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&place, &error)),
        Ok(_) => match std::fs::read_dir(directory).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(occupied()),
        },
    }
    let real = RealDisk::open(parent).map_err(|error| failed(&place, &error))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".draft-{}", std::process::id()));
    let draft = Path::new(&hidden);
    let written = write(&real, draft, pages).and_then(|()| real.replace(draft, Path::new(name)));
    written.map_err(|error| {
        let _ = std::fs::remove_dir_all(parent.join(draft)); // what went wrong first is what is told
        match error.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => occupied(),
            _ => failed(&place, &error),
        }
    })
}

fn write(disk: &dyn Disk, draft: &Path, pages: &[Page]) -> io::Result<()> {
    let mut made = BTreeSet::from([PathBuf::new()]);
    disk.create_directory(draft, DIRECTORY_MODE)?;
    for page in pages {
        let mut above: Vec<&Path> = page.path.ancestors().skip(1).collect();
        above.reverse();
        for directory in above {
            if made.insert(directory.to_owned()) {
                disk.create_directory(&draft.join(directory), DIRECTORY_MODE)?;
            }
        }
        disk.create(&draft.join(&page.path), FILE_MODE)?.write_all(page.text.as_bytes())?;
    }
    Ok(())
}

fn failed(place: &str, error: &io::Error) -> Stopped {
    disk(io::Error::other(format!("`{place}` cannot be made: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_a_crate_can_have() {
        for text in ["a", "from-bao", "k8s"] {
            assert!(Name::parse(text).is_some(), "{text}");
        }
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        for text in ["", "-a", "a-", "A", "1a", "a_b", "a/b", "..", "match", "std", "punix-sdk", "é", &long] {
            assert!(Name::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn references_to_it_begin_with_from() {
        let key = |text: &str| Name::parse(text).unwrap().key();
        assert_eq!((key("from-bao").as_str(), key("bao-two").as_str()), ("from_bao", "from_bao_two"));
    }

    #[test]
    fn nothing_is_left_of_the_placeholders() {
        let (name, id) = (Name::parse("from-bao").unwrap(), Id::parse("com.example.bao").unwrap());
        for kind in [PluginKind::Backend, PluginKind::Resolver, PluginKind::Transport] {
            for language in [Language::Rust, Language::C] {
                for page in pages(kind, language, &name, &id) {
                    if !page.path.starts_with("vendor") {
                        let left = ["template", "gitignore"].iter().find(|word| page.text.contains(*word));
                        assert_eq!(left, None, "{}", page.path.display());
                    }
                }
            }
        }
    }

    #[test]
    fn a_project_stands_in_its_lock_at_its_place() {
        let of_sdk = "# head\nversion = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n\
                      [[package]]\nname = \"punix-sdk\"\nversion = \"0.1.0\"\n";
        let expected = "# head\nversion = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n\
                        [[package]]\nname = \"bao\"\nversion = \"0.1.0\"\ndependencies = [\n \"punix-sdk\",\n]\n\n\
                        [[package]]\nname = \"punix-sdk\"\nversion = \"0.1.0\"\n";
        assert_eq!(lock(of_sdk, &Name::parse("bao").unwrap()), expected);
    }
}
