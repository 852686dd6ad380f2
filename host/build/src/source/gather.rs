//! Having a source from where it is: copied, fetched, unpacked, checked out.

use super::copy::{copy, settle, settle_file};
use super::prepare::{PrepareError, make_directory};
use super::{HeaderField, Local, Origin, Patch, PatchFrom, Remote, Repository, Word};
use crate::build::Fetching;
use crate::fetch::{self, Download, Header};
use crate::git::{Checkout, checkout_over};
use crate::limits::PATCH_BYTES_MAX;
use crate::package::Package;
use crate::recipe::PatchFile;
use crate::secret::Secret;
use crate::unpack::{format_of, unpack};
use punix_disk::RealDisk;
use punix_store::{Digest, Record, Value, content_digest};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// What it is gathered with.
#[derive(Clone, Copy)]
pub(super) struct Means<'m> {
    pub(super) fetching: Fetching<'m>,
    pub(super) stop: &'m AtomicBool,
    pub(super) told: &'m (dyn Fn(&str) + Sync),
}

/// Fills `source` below the work directory, and puts patches beside it. Returns these.
pub(super) fn gather(package: &Package, work: &Path, means: Means<'_>) -> Result<Vec<PatchFile>, PrepareError> {
    let identity = &package.derivation.parts().source;
    let into = work.join("source");
    match &package.source.origin {
        Origin::Nothing | Origin::FixedOutput(_) => {}
        Origin::Local(local) => local_tree(local, identity.get("content"), &into)?,
        Origin::Url(remote) => download(remote, &into, means)?,
        Origin::Git(repository) => clone(repository, work, &into, means)?,
    }
    patches(&package.source.patches, identity, work, means)
}

fn local_tree(local: &Local, content: Option<&Value>, into: &Path) -> Result<(), PrepareError> {
    let Local::At(path) = local else { return Err(PrepareError::Unknown) };
    copy(path, into)?;
    let disk = RealDisk::open(into).map_err(|error| PrepareError::Work { path: into.to_owned(), error })?;
    // What was copied, not what is there now, must be what the entry is named by.
    check(content, content_digest(&disk, Path::new(""), threads())?, path)
}

fn check(content: Option<&Value>, found: Digest, path: &Path) -> Result<(), PrepareError> {
    match content {
        Some(Value::Text(text)) if *text == found.to_string() => Ok(()),
        Some(_) | None => Err(PrepareError::Changed { path: path.to_owned() }),
    }
}

fn download(remote: &Remote, into: &Path, means: Means<'_>) -> Result<(), PrepareError> {
    let file = fetch(remote, means)?;
    let Some(url) = remote.urls.first() else { return Ok(()) };
    let name = url.file_name()?;
    match format_of(&name) {
        None => place(file, &into.join(&name)).map(|_| ()),
        Some(format) => {
            (means.told)(&format!("unpacking {name}"));
            unpack(format, file, into, &Default::default(), means.stop)
                .map(|_| ())
                .map_err(|error| PrepareError::Unpack { name, url: url.to_string(), error })
        }
    }
}

/// Writes a file that is no archive, in the mode that every source file has.
fn place(mut file: impl Read, path: &Path) -> Result<u64, PrepareError> {
    let mut write = || {
        let mut new = File::create_new(path)?;
        let count = io::copy(&mut file, &mut new)?;
        settle_file(path, 0o644)?;
        Ok(count)
    };
    write().map_err(|error| PrepareError::Work { path: path.to_owned(), error })
}

fn fetch(remote: &Remote, means: Means<'_>) -> Result<File, PrepareError> {
    let mut headers = Vec::new();
    for field in &remote.headers {
        headers.push(match field {
            HeaderField::Token(word) => Header::bearer(&reveal(word, means)?),
            HeaderField::Named { name, value } => Header { name: name.clone(), value: reveal(value, means)? },
        });
    }
    let download =
        Download { urls: remote.urls.clone(), expected: remote.expected.clone(), headers, bytes_max: remote.bytes_max };
    let told = |event: fetch::Event<'_>| match event {
        fetch::Event::Trying { url } => (means.told)(&format!("fetching {url}")),
        fetch::Event::Retrying { url, why, after } => {
            (means.told)(&format!("fetching {url}: {why}; again in {} s", after.as_secs()));
        }
        fetch::Event::Progress { done, total: Some(total) } if total > 0 => {
            (means.told)(&format!("fetching: {} of {} MB", done >> 20, total >> 20));
        }
        fetch::Event::Progress { done, .. } => (means.told)(&format!("fetching: {} MB", done >> 20)),
        fetch::Event::Cached => {}
    };
    Ok(means.fetching.fetcher.fetch(&download, &told, means.stop)?)
}

fn reveal(word: &Word, means: Means<'_>) -> Result<Secret, PrepareError> {
    match word {
        Word::Text(text) => Ok(Secret::new(text.clone())),
        Word::Secret(reference) => match means.fetching.secrets.get(reference) {
            Some(secret) => Ok(secret.clone()),
            None => Err(PrepareError::Secret { reference: reference.clone() }),
        },
    }
}

fn clone(repository: &Repository, work: &Path, into: &Path, means: Means<'_>) -> Result<(), PrepareError> {
    let token = repository.token.as_ref().map(|word| reveal(word, means)).transpose()?;
    let what = Checkout {
        url: repository.url.clone(),
        commit: repository.commit.clone(),
        submodules: repository.submodules,
        token,
    };
    let scratch = work.join("git");
    make_directory(&scratch)?;
    checkout_over(means.fetching.network, &what, into, &scratch, &|line: String| (means.told)(&line), means.stop)?;
    settle(into)?;
    Ok(())
}

fn patches(
    patches: &[Patch],
    identity: &Record,
    work: &Path,
    means: Means<'_>,
) -> Result<Vec<PatchFile>, PrepareError> {
    let mut prepared = Vec::new();
    for (index, patch) in patches.iter().enumerate() {
        let directory = Path::new("patches").join(format!("{index:04}"));
        let into = work.join(&directory);
        if index == 0 {
            make_directory(&work.join("patches"))?;
        }
        make_directory(&into)?;
        let name = match &patch.from {
            PatchFrom::Local(local) => {
                local_tree(local, patch_content(identity, index), &into)?;
                let Local::At(path) = local else { return Err(PrepareError::Unknown) };
                path.file_name().unwrap_or_default().to_owned()
            }
            PatchFrom::Url(remote) => {
                let Some(url) = remote.urls.first() else { continue };
                let name = url.file_name()?;
                let file = fetch(remote, means)?.take(PATCH_BYTES_MAX + 1);
                if place(file, &into.join(&name))? > PATCH_BYTES_MAX {
                    return Err(PrepareError::PatchTooLarge { name });
                }
                name.into()
            }
        };
        prepared.push(PatchFile { path: directory.join(name), strip: patch.strip });
    }
    Ok(prepared)
}

fn patch_content(identity: &Record, index: usize) -> Option<&Value> {
    let Some(Value::List(patches)) = identity.get("patches") else { return None };
    let Some(Value::Record(patch)) = patches.get(index) else { return None };
    patch.get("content")
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
