//! From a record to a [`Source`].

use super::fields::{Fields, kind};
use super::{
    FixedOutput, HeaderField, Issue, Local, Origin, Patch, PatchFrom, Reference, Remote, Repository, Source, Word,
};
use crate::fetch::{Expected, Url};
use crate::git::{Commit, GitUrl};
use crate::limits::{PATCH_STRIP_MAX, PATCHES_MAX};
use punix_diag::{Code, closest};
use punix_store::{Digest, Record, Value};
use std::path::{Path, PathBuf};

const TYPES: [&str; 5] = ["local", "url", "git", "fixed_output", "url_per_arch"];

/// Finds a local path that stands in a field. The first argument is the way to the field.
pub type Locate<'a> = &'a dyn Fn(&[String], &Path) -> PathBuf;

/// Reads a source for a system. Returns it, or all that is wrong with it.
pub fn parse(record: &Record, system: &str, locate: Locate<'_>) -> Result<Source, Vec<Issue>> {
    if record.is_empty() {
        return Ok(Source { origin: Origin::Nothing, patches: Vec::new() });
    }
    let mut fields = Fields::new(record, &[]);
    let kind = fields.text("type").unwrap_or("local");
    let what = format!("a source of type `{kind}`");
    let origin = match kind {
        "local" => local(&mut fields, "path", locate).map(Origin::Local),
        "url" => {
            let urls = urls(&mut fields);
            remote(&mut fields, urls, locate).map(Origin::Url)
        }
        "url_per_arch" => per_system(&mut fields, system, locate).map(Origin::Url),
        "git" => repository(&mut fields, locate).map(Origin::Git),
        "fixed_output" => fixed_output(&mut fields).map(Origin::FixedOutput),
        other => {
            let help = match closest(other, TYPES) {
                Some((near, _)) => format!("did you mean `{near}`?"),
                None => format!("the types are {}", TYPES.map(|name| format!("`{name}`")).join(", ")),
            };
            fields.report(Some("type"), Code::E1, format!("there is no type of source `{other}`"), Some(help));
            return Err(fields.issues);
        }
    };
    let patches = patches(&mut fields, locate);
    let issues = fields.finish(&what);
    match (origin, issues.is_empty()) {
        (Some(origin), true) => Ok(Source { origin, patches }),
        (Some(_) | None, _) => Err(issues),
    }
}

fn local(fields: &mut Fields<'_>, key: &'static str, locate: Locate<'_>) -> Option<Local> {
    // Older programs gave local sources a hash, too. What is used is always the content itself.
    fields.value("hash");
    fields.value("hashType");
    let other = if key == "path" { fields.text("url") } else { None };
    if fields.value("content").is_some() {
        return Some(Local::Unknown);
    }
    let (key, text) = match fields.text(key) {
        Some(text) => (key, text),
        None => ("url", other.or_else(|| missing_path(fields))?),
    };
    if text.is_empty() || text.contains('\0') {
        fields.wrong(key, format!("`{key}` must be the path of a file or directory"));
        return None;
    }
    Some(Local::At(locate(&fields.path_to(key), Path::new(text))))
}

fn missing_path<'r>(fields: &mut Fields<'r>) -> Option<&'r str> {
    if fields.issues.is_empty() {
        fields.missing("path", "name a file or directory, from where this file is: `path = \"src\"`");
    }
    None
}

/// Returns `url` and what `mirrors` lists besides.
fn urls(fields: &mut Fields<'_>) -> Vec<Url> {
    let mut urls = Vec::new();
    match fields.value("url") {
        None => fields.missing("url", "give the address: `url = \"https://…\"`"),
        Some(Value::Text(text)) => add_url(fields, "url", text, &mut urls),
        Some(other) => fields.wrong("url", format!("`url` must be a text, and is {}", kind(other))),
    }
    for mirror in fields.list("mirrors") {
        match mirror {
            Value::Text(text) => add_url(fields, "mirrors", text, &mut urls),
            other => fields.wrong("mirrors", format!("a mirror must be a text, and is {}", kind(other))),
        }
    }
    urls
}

fn add_url(fields: &mut Fields<'_>, key: &str, text: &str, urls: &mut Vec<Url>) {
    match Url::parse(text) {
        Ok(url) => {
            // It says what the file is called, so it must be known before anything is fetched.
            if let (true, Err(error)) = (urls.is_empty(), url.file_name()) {
                fields.wrong(key, error.to_string());
            }
            urls.push(url);
        }
        Err(error) => fields.wrong(key, error.to_string()),
    }
}

fn remote(fields: &mut Fields<'_>, urls: Vec<Url>, locate: Locate<'_>) -> Option<Remote> {
    let expected = expected(fields);
    let bytes_max = fields.number("maxBytes", u64::MAX);
    let headers = headers(fields, locate);
    let expected = expected?;
    (!urls.is_empty()).then_some(Remote { urls, expected, bytes_max, headers })
}

fn expected(fields: &mut Fields<'_>) -> Option<Expected> {
    let algorithm = fields.text("hashType").unwrap_or("sha256");
    let Some(hex) = fields.text("hash") else {
        if fields.value("hash").is_none() {
            fields.missing("hash", "give the file's digest, as `sha256sum` prints it: `hash = \"…\"`");
        }
        return None;
    };
    match Expected::parse(algorithm, hex) {
        Ok(expected) => Some(expected),
        Err(error) => {
            fields.wrong("hash", error.to_string());
            None
        }
    }
}

fn headers(fields: &mut Fields<'_>, locate: Locate<'_>) -> Vec<HeaderField> {
    let mut headers = Vec::new();
    if let Some(value) = word(fields, "token", locate) {
        headers.push(HeaderField::Token(value));
    }
    match fields.value("headers") {
        None => {}
        Some(Value::Record(record)) => {
            for (name, value) in record {
                if !is_header_name(name) {
                    fields.wrong("headers", format!("`{name}` cannot be the name of a header"));
                }
                let value = match value {
                    Value::Text(text) => Word::Text(text.clone()),
                    Value::Secret { kind, name } => secret(fields, "headers", kind, name, locate),
                    other => {
                        fields.wrong("headers", format!("a header must be a text, and is {}", kind(other)));
                        continue;
                    }
                };
                headers.push(HeaderField::Named { name: name.clone(), value });
            }
        }
        Some(other) => fields.wrong("headers", format!("`headers` must be a record, and is {}", kind(other))),
    }
    headers
}

fn is_header_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}

fn word(fields: &mut Fields<'_>, key: &'static str, locate: Locate<'_>) -> Option<Word> {
    match fields.value(key)? {
        Value::Text(text) => Some(Word::Text(text.clone())),
        Value::Secret { kind, name } => Some(secret(fields, key, kind, name, locate)),
        other => {
            fields.wrong(
                key,
                format!("`{key}` must be a secret such as `{{ from_env = \"…\" }}`, and is {}", kind(other)),
            );
            None
        }
    }
}

/// Returns a secret. Like every local path, that of a file is taken from where it is written.
fn secret(fields: &Fields<'_>, key: &'static str, kind: &str, name: &str, locate: Locate<'_>) -> Word {
    let file = || locate(&fields.path_to(key), Path::new(name)).into_os_string().into_string().ok();
    let found = if kind == "from_file" { file() } else { None };
    Word::Secret(Reference { kind: kind.to_owned(), name: found.unwrap_or_else(|| name.to_owned()) })
}

/// Chooses the download for a system.
fn per_system(fields: &mut Fields<'_>, system: &str, locate: Locate<'_>) -> Option<Remote> {
    let algorithm = fields.value("hashType").cloned();
    let shared = ["token", "headers", "maxBytes"].map(|key| (key, fields.value(key).cloned()));
    let mut systems = Vec::new();
    let mut chosen = None;
    for (index, variant) in fields.list("perArch").iter().enumerate() {
        let mut path = fields.path_to("perArch");
        path.push(index.to_string());
        let Value::Record(variant) = variant else {
            fields.wrong("perArch", format!("an entry must be a record, and is {}", kind(variant)));
            continue;
        };
        // What holds for all of them is given to each.
        let mut record = variant.clone();
        if let Some(algorithm) = &algorithm {
            record.entry("hashType".to_owned()).or_insert_with(|| algorithm.clone());
        }
        for (key, value) in &shared {
            if let Some(value) = value {
                record.entry((*key).to_owned()).or_insert_with(|| value.clone());
            }
        }
        let mut inner = Fields::new(&record, &path);
        let for_system = inner.text("system").map(str::to_owned);
        let urls = urls(&mut inner);
        let remote = remote(&mut inner, urls, locate);
        let issues = inner.finish("an entry of `perArch`");
        let sound = issues.is_empty();
        fields.issues.extend(issues);
        match for_system {
            None if sound => fields.wrong("perArch", format!("entry {index} has no `system`")),
            None => {}
            Some(name) => {
                if name == system && chosen.is_none() {
                    chosen = remote;
                }
                systems.push(name);
            }
        }
    }
    if chosen.is_none() && fields.issues.is_empty() {
        let there = match systems.as_slice() {
            [] => "the list is empty".to_owned(),
            systems => format!(
                "there is one for {}",
                systems.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ),
        };
        let message = format!("there is no source for the system `{system}`: {there}");
        let help = format!("add `{{ system = \"{system}\" url = \"…\" hash = \"…\" }}` to `perArch`");
        fields.report(Some("perArch"), Code::E14, message, Some(help));
    }
    chosen
}

fn repository(fields: &mut Fields<'_>, locate: Locate<'_>) -> Option<Repository> {
    if let Some(word) = fields.text("hashType")
        && word != "git"
    {
        fields.wrong("hashType", format!("the `hashType` of a git source is `git`, not `{word}`"));
    }
    let url = match fields.text("url") {
        Some(text) => GitUrl::parse(text).map_err(|error| fields.wrong("url", error.to_string())).ok(),
        None => {
            if fields.value("url").is_none() {
                fields.missing("url", "give the repository: `url = \"https://…\"`");
            }
            None
        }
    };
    let commit = match fields.text("hash") {
        Some(text) => Commit::parse(text).map_err(|error| fields.wrong("hash", error.to_string())).ok(),
        None => {
            if fields.value("hash").is_none() {
                fields.missing("hash", "give the full commit, as `git rev-parse HEAD` prints it: `hash = \"…\"`");
            }
            None
        }
    };
    let submodules = fields.boolean("submodules").unwrap_or(false);
    let token = word(fields, "token", locate);
    Some(Repository { url: url?, commit: commit?, submodules, token })
}

fn fixed_output(fields: &mut Fields<'_>) -> Option<FixedOutput> {
    if let Some(word) = fields.text("hashType")
        && word != "sha256"
    {
        fields.wrong("hashType", format!("the `hashType` of a fixed output is `sha256`, not `{word}`"));
    }
    let command = match fields.value("command") {
        Some(value @ Value::Text(text)) if !text.trim().is_empty() => Some(value.clone()),
        Some(value @ Value::Woven(_)) => Some(value.clone()),
        Some(Value::Text(_)) => {
            fields.wrong("command", "`command` is empty".to_owned());
            None
        }
        Some(other) => {
            fields.wrong("command", format!("`command` must be a text, and is {}", kind(other)));
            None
        }
        None => {
            fields.missing("command", "give the shell command that makes the source: `command = \"…\"`");
            None
        }
    };
    let expected = match fields.text("hash") {
        None => {
            if fields.value("hash").is_none() {
                fields.missing("hash", "give the digest of the result; a build with a wrong one prints the right one");
            }
            None
        }
        Some(text) => Digest::parse(text).or_else(|| {
            fields.wrong("hash", format!("`{text}` is no digest: 64 digits from `0123456789abcdef`"));
            None
        }),
    };
    Some(FixedOutput { command: command?, expected: expected? })
}

fn patches(fields: &mut Fields<'_>, locate: Locate<'_>) -> Vec<Patch> {
    let values = fields.list("patches");
    if values.len() > PATCHES_MAX {
        fields.report(Some("patches"), Code::E20, format!("there are more than {PATCHES_MAX} patches"), None);
        return Vec::new();
    }
    let mut patches = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let mut path = fields.path_to("patches");
        path.push(index.to_string());
        let Value::Record(record) = value else {
            fields.wrong("patches", format!("a patch must be a record, and is {}", kind(value)));
            continue;
        };
        let mut inner = Fields::new(record, &path);
        let from = match inner.text("type").unwrap_or("local") {
            "local" => local(&mut inner, "path", locate).map(PatchFrom::Local),
            "url" => {
                // The older name of the address of a patch is `path`.
                let renamed = record.get("path").filter(|_| !record.contains_key("url")).cloned();
                let urls = match renamed {
                    Some(Value::Text(text)) => {
                        inner.value("path");
                        let mut urls = Vec::new();
                        add_url(&mut inner, "path", &text, &mut urls);
                        urls
                    }
                    Some(_) | None => urls(&mut inner),
                };
                remote(&mut inner, urls, locate).map(PatchFrom::Url)
            }
            other => {
                inner.wrong("type", format!("a patch is `local` or `url`, not `{other}`"));
                None
            }
        };
        let strip = inner.number("strip", PATCH_STRIP_MAX).unwrap_or(1);
        fields.issues.extend(inner.finish("a patch"));
        if let Some(from) = from {
            patches.push(Patch { from, strip: u32::try_from(strip).unwrap_or(1) });
        }
    }
    patches
}
