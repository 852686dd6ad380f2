//! Looks for secrets in files that are not meant for them: whoever copied a value into a program sees it here, before
//! everybody on the target can.

use crate::design::Design;
use crate::limits::LEAK_BYTES_MIN;
use crate::render::{Rendered, RenderedFile};
use punix_diag::{Code, Diagnostic};
use punix_model::{Chunk, Secret};
use punix_target::Body;
use std::borrow::Cow;
use std::io;
use zeroize::Zeroizing;

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
    let begins = begins(&looked_for);
    let longest = looked_for.iter().map(|(_, bytes)| bytes.len()).max().unwrap_or(0);
    let mut found = Vec::new();
    for file in rendered.files.iter().filter(|file| !file.secret) {
        let mut looking = Looking { begins: &begins, looked_for: &looked_for, longest, names: Vec::new() };
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
    /// Says of each pair of bytes whether a value begins with it.
    begins: &'l [bool],
    /// Names and values.
    looked_for: &'l [(&'l str, &'l [u8])],
    longest: usize,
    /// Of the secrets that were found.
    names: Vec<&'l str>,
}

impl Looking<'_> {
    fn through(&mut self, text: &[u8]) {
        let starts = (0..text.len()).filter(|at| pair(text, *at).and_then(|pair| self.begins.get(pair)) == Some(&true));
        for rest in starts.filter_map(|at| text.get(at..)) {
            for (name, bytes) in self.looked_for {
                if rest.starts_with(bytes) && !self.names.contains(name) {
                    self.names.push(name);
                }
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

/// Returns what values begin with. An automaton would be no faster, and would leave copies of them behind.
fn begins(values: &[(&str, &[u8])]) -> Zeroizing<Vec<bool>> {
    let mut begins = Zeroizing::new(vec![false; 1 << 16]);
    for pair in values.iter().filter_map(|(_, bytes)| pair(bytes, 0)) {
        if let Some(begins) = begins.get_mut(pair) {
            *begins = true;
        }
    }
    begins
}

/// Returns two bytes as a number.
fn pair(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(*bytes.get(at)?) << 8 | usize::from(*bytes.get(at + 1)?))
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
