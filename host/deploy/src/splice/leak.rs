//! Looks for secrets in files that are not meant for them: whoever copied a value into a program sees it here, before
//! everybody on the target can.

use crate::design::Design;
use crate::limits::LEAK_BYTES_MIN;
use crate::render::{Rendered, RenderedFile};
use aho_corasick::AhoCorasick;
use punix_diag::{Code, Diagnostic};
use punix_model::{Chunk, Secret};

/// Longer values are looked for by their beginning, and then compared: an automaton for all of a key is large.
const BEGINNING_BYTES: usize = 256;

/// Returns an error for each file that anybody may read and each secret that stands in it as it is.
pub(super) fn scan(design: &Design, rendered: &Rendered, values: &[Secret]) -> Vec<Diagnostic> {
    let looked_for: Vec<(&str, &[u8])> = design
        .slots
        .iter()
        .zip(values)
        .map(|(slot, value)| (slot.name.as_str(), value.expose()))
        .filter(|(_, bytes)| bytes.len() >= LEAK_BYTES_MIN)
        .collect();
    if looked_for.is_empty() {
        return Vec::new();
    }
    let beginnings = looked_for.iter().map(|(_, bytes)| bytes.get(..BEGINNING_BYTES).unwrap_or(bytes));
    let automaton = AhoCorasick::new(beginnings).expect("the secrets of a stack are far from four gigabytes");
    let mut found = Vec::new();
    for file in rendered.files.iter().filter(|file| !file.secret) {
        let text: String = text_of(file);
        let mut names: Vec<&str> = Vec::new();
        for hit in automaton.find_overlapping_iter(&text) {
            let Some(&(name, bytes)) = looked_for.get(hit.pattern().as_usize()) else { continue };
            let stands = text.as_bytes().get(hit.start()..).is_some_and(|rest| rest.starts_with(bytes));
            if stands && !names.contains(&name) {
                names.push(name);
            }
        }
        found.extend(names.into_iter().map(|name| explain(design, file, name)));
    }
    found
}

fn text_of(file: &RenderedFile) -> String {
    let texts = file.chunks.iter().map(|chunk| match chunk {
        Chunk::Text(text) => text.as_str(),
        // A file with one of these is meant for secrets.
        Chunk::Secret(..) => "",
    });
    texts.collect()
}

fn explain(design: &Design, file: &RenderedFile, name: &str) -> Diagnostic {
    let message = format!("the value of the secret `{name}` stands in `{}`, which anybody may read", file.path);
    Diagnostic::error(Code::E33, message)
        .at(file.at.unwrap_or(design.backend_at))
        .help("refer to the secret in place of its value, or mark the file with `secret = true`; if it is mere chance, the secret is easily guessed")
}
