//! What it renders: files and units exactly as they were dictated, or more of them than anybody wants.

use punix_sdk::Error;
use punix_sdk::backend::{Chunk, File, Rendering, Unit};

/// Renders what was dictated. Parts stand between `|`: `f:MODE:PATH` is a file, `s:MODE:SLOT:ENCODING:PATH` one with a
/// secret, `r:UNIT` and `l:UNIT` what the file before it restarts and reloads, `u:NAME:SERVICE` a unit, `n:TEXT` a note.
pub(crate) fn rendering(word: &str, with: &str) -> Result<Rendering, Error> {
    let mut rendering = Rendering { files: Vec::new(), units: Vec::new(), notes: Vec::new() };
    match word {
        "one-large-file" => rendering.files.push(sized(0, 2 << 20)),
        "large-files" => rendering.files.extend((0..19).map(|number| sized(number, 900 << 10))),
        "many-files" => rendering.files.extend((0..10_001).map(|number| sized(number, 1))),
        "many-chunks" => {
            let body = vec![Chunk::Text(String::new()); 900_000];
            rendering.files.push(File { body, ..sized(0, 0) });
        }
        "many-notes" => rendering.notes = vec!["look".to_owned(); 101],
        "long-note" => rendering.notes.push("look ".repeat(1_000)),
        "draw" => {
            for part in with.split('|') {
                draw(part, &mut rendering)?;
            }
        }
        _ => {}
    }
    Ok(rendering)
}

fn draw(part: &str, rendering: &mut Rendering) -> Result<(), Error> {
    let odd = || Error::invalid("dictation", format!("`{part}` is not understood"));
    let (kind, rest) = part.split_once(':').ok_or_else(odd)?;
    match kind {
        "f" => {
            let (mode, path) = rest.split_once(':').ok_or_else(odd)?;
            rendering.files.push(file(mode, path, Chunk::Text("text".to_owned())).ok_or_else(odd)?);
        }
        "s" => {
            let mut words = rest.splitn(4, ':');
            let mut word = || words.next().ok_or_else(odd);
            let (mode, slot, encoding, path) = (word()?, word()?, word()?, word()?);
            let slot = slot.parse().map_err(|_| odd())?;
            rendering.files.push(file(mode, path, Chunk::Secret((slot, encoding.to_owned()))).ok_or_else(odd)?);
        }
        "r" => rendering.files.last_mut().ok_or_else(odd)?.restarts.push(rest.to_owned()),
        "l" => rendering.files.last_mut().ok_or_else(odd)?.reloads.push(rest.to_owned()),
        "u" => {
            let (name, service) = rest.split_once(':').ok_or_else(odd)?;
            rendering.units.push(Unit { name: name.to_owned(), service: service.to_owned(), starts_at_boot: true });
        }
        "n" => rendering.notes.push(rest.to_owned()),
        _ => return Err(odd()),
    }
    Ok(())
}

fn file(mode: &str, path: &str, chunk: Chunk) -> Option<File> {
    let mode = u32::from_str_radix(mode, 8).ok()?;
    Some(File { path: path.to_owned(), mode, body: vec![chunk], restarts: Vec::new(), reloads: Vec::new() })
}

fn sized(number: u32, bytes: usize) -> File {
    File {
        path: format!("/etc/example/{number}"),
        mode: 0o644,
        body: vec![Chunk::Text("x".repeat(bytes))],
        restarts: Vec::new(),
        reloads: Vec::new(),
    }
}
