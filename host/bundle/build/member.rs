//! Which plugins there are: the folders of `plugins` that have a manifest.

use punix_plugin::{Manifest, manifest_from_toml};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// One of them.
pub(crate) struct Member {
    pub(crate) folder: PathBuf,
    /// The folder's name.
    pub(crate) name: String,
    /// The package's name.
    pub(crate) package: String,
    /// What cargo calls what it makes.
    pub(crate) library: String,
    pub(crate) manifest: Manifest,
}

/// Returns all of them in the order of their names.
pub(crate) fn all(plugins: &Path) -> Result<Vec<Member>, Box<dyn Error>> {
    let mut members = Vec::new();
    for entry in fs::read_dir(plugins).map_err(|error| format!("`{}`: {error}", plugins.display()))? {
        let folder = entry?.path();
        if folder.join(MANIFEST).is_file() {
            members.push(member(folder)?);
        }
    }
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

const MANIFEST: &str = "punix-plugin.toml";

fn member(folder: PathBuf) -> Result<Member, Box<dyn Error>> {
    let read = |file: &str| {
        let path = folder.join(file);
        fs::read_to_string(&path).map_err(|error| format!("`{}`: {error}", path.display()))
    };
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let manifest = manifest_from_toml(&format!("plugins/{name}/{MANIFEST}"), &read(MANIFEST)?)?;
    let cargo = read("Cargo.toml")?;
    let package = package(&cargo).ok_or_else(|| format!("`plugins/{name}/Cargo.toml` does not name a package"))?;
    let library = package.replace('-', "_");
    Ok(Member { folder, name, package: package.to_owned(), library, manifest })
}

/// Returns the name of the package that a `Cargo.toml` describes. Ours say it in one way.
fn package(cargo: &str) -> Option<&str> {
    let mut lines = cargo.lines().map(str::trim).skip_while(|line| *line != "[package]").skip(1);
    let mut own = lines.by_ref().take_while(|line| !line.starts_with('['));
    own.find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
}
