//! Looks for secrets in files that are not meant for them: whoever copied a value into a program sees it here, before
//! everybody on the target can.

use crate::design::Design;
use crate::limits::LEAK_BYTES_MIN;
use crate::render::{Rendered, RenderedFile};
use aho_corasick::AhoCorasick;
use punix_diag::{Code, Diagnostic};
use punix_model::{Chunk, Secret};
use punix_target::Body;
use std::borrow::Cow;
use std::io;

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
    let longest = looked_for.iter().map(|(_, bytes)| bytes.len()).max().unwrap_or(0);
    let mut found = Vec::new();
    for file in rendered.files.iter().filter(|file| !file.secret) {
        let mut looking = Looking { automaton: &automaton, looked_for: &looked_for, longest, names: Vec::new() };
        match &file.large {
            None => looking.through(text_of(file).as_bytes()),
            Some(body) => {
                if let Err(error) = looking.through_large(body) {
                    found.push(unreadable(design, file, &error));
                }
            }
        }
        found.extend(looking.names.into_iter().map(|name| explain(design, file, name)));
    }
    found
}

/// One file that is looked through.
struct Looking<'l> {
    automaton: &'l AhoCorasick,
    /// Names and values, in the order of the automaton.
    looked_for: &'l [(&'l str, &'l [u8])],
    longest: usize,
    /// Of the secrets that were found.
    names: Vec<&'l str>,
}

impl Looking<'_> {
    fn through(&mut self, text: &[u8]) {
        for hit in self.automaton.find_overlapping_iter(text) {
            let Some(&(name, bytes)) = self.looked_for.get(hit.pattern().as_usize()) else { continue };
            let stands = text.get(hit.start()..).is_some_and(|rest| rest.starts_with(bytes));
            if stands && !self.names.contains(&name) {
                self.names.push(name);
            }
        }
    }

    /// Looks through what is not in memory: each piece with the end of the one before it, in which a value may begin.
    fn through_large(&mut self, body: &Body) -> io::Result<()> {
        let mut text: Vec<u8> = Vec::new();
        body.each_piece(|piece| {
            text.extend_from_slice(piece);
            self.through(&text);
            text.drain(..text.len().saturating_sub(self.longest.saturating_sub(1)));
            Ok(())
        })
    }
}

fn text_of(file: &RenderedFile) -> Cow<'_, str> {
    match file.chunks.as_slice() {
        [Chunk::Text(only)] => Cow::Borrowed(only),
        chunks => chunks.iter().map(text_of_chunk).collect(),
    }
}

fn text_of_chunk(chunk: &Chunk) -> &str {
    match chunk {
        Chunk::Text(text) => text,
        // A file with one of these is meant for secrets.
        Chunk::Secret(..) => "",
    }
}

fn unreadable(design: &Design, file: &RenderedFile, error: &io::Error) -> Diagnostic {
    Diagnostic::error(Code::E9, format!("config file `{}`: cannot read its source: {error}", file.path))
        .at(file.at.unwrap_or(design.backend_at))
}

fn explain(design: &Design, file: &RenderedFile, name: &str) -> Diagnostic {
    let message = format!("the value of the secret `{name}` stands in `{}`, which anybody may read", file.path);
    Diagnostic::error(Code::E33, message)
        .at(file.at.unwrap_or(design.backend_at))
        .help("refer to the secret in place of its value, or mark the file with `secret = true`; if it is mere chance, the secret is easily guessed")
}
