//! Puts secrets where chunks refer to them: the only room of a deploy in which values and texts meet. What comes out is
//! the bytes of each file, as a secret where there is one in it. No message ever shows a value.

mod encoding;
mod leak;
#[cfg(test)]
mod tests;

use crate::artifacts::Artifacts;
use crate::design::Design;
use crate::limits::FILE_BYTES_MAX;
use crate::render::Rendered;
use encoding::Unfit;
use punix_diag::{Code, Diagnostic, Span};
use punix_model::{Chunk, Secret, SecretBuffer, Shape, Slot};
use punix_target::{ArtifactRow, Body, Generation, Mark, Payload, RecordedChunk, TargetPath};
use std::collections::{BTreeMap, BTreeSet};

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Content {
    Plain(Body),
    Secret(Secret),
}

/// What the files of a stack hold, by path.
#[derive(Debug, Clone, Default)]
pub struct Contents(pub BTreeMap<TargetPath, Content>);

impl Contents {
    /// Returns by what each file is recognised. `tag` is the target's: it knows the key under which secrets are marked.
    pub fn marks<E>(&self, mut tag: impl FnMut(&Secret) -> Result<Mark, E>) -> Result<BTreeMap<TargetPath, Mark>, E> {
        let mark = |(path, content): (&TargetPath, &Content)| {
            Ok((
                path.clone(),
                match content {
                    Content::Plain(body) => Mark::Sha256(body.digest()),
                    Content::Secret(secret) => tag(secret)?,
                },
            ))
        };
        self.0.iter().map(mark).collect()
    }

    /// Returns the contents that are secret, in the order in which they are marked.
    pub fn secrets(&self) -> Vec<&Secret> {
        let secret = |content| match content {
            &Content::Plain(_) => None,
            Content::Secret(secret) => Some(secret),
        };
        self.0.values().filter_map(secret).collect()
    }

    /// Returns the bytes as they go to a target.
    pub fn into_payload(self) -> Payload {
        let mut payload = Payload::default();
        for (path, content) in self.0 {
            match content {
                Content::Plain(body) => {
                    payload.blobs.insert(body.digest(), body);
                }
                Content::Secret(secret) => {
                    payload.secrets.insert(path, secret);
                }
            }
        }
        payload
    }
}

/// Splices all files of a stack. `values` are those of its slots, in their order.
pub fn splice(design: &Design, rendered: &Rendered, values: &[Secret]) -> Result<Contents, Vec<Diagnostic>> {
    let slot = |slot: u32| -> Option<(&Slot, &Secret)> {
        let place = usize::try_from(slot).ok()?;
        Some((design.slots.get(place)?, values.get(place)?))
    };
    let place = |slot: u32| usize::try_from(slot).ok().and_then(|slot| design.slot_places.get(slot)).copied();
    let mut errors = Vec::new();
    let mut contents = Contents::default();
    for file in &rendered.files {
        if let Some(body) = &file.large {
            contents.0.insert(file.path.clone(), Content::Plain(body.clone()));
            continue;
        }
        let pieces: Vec<Piece<'_>> = file
            .chunks
            .iter()
            .map(|chunk| match chunk {
                Chunk::Text(text) => Piece::Text(text),
                Chunk::Secret(id, encoding) => match slot(*id) {
                    Some((slot, value)) => Piece::Secret(Place {
                        name: &slot.name,
                        shape: slot.shape,
                        encoding: &encoding.0,
                        value,
                        at: place(*id).or(file.at),
                    }),
                    None => Piece::Missing(*id),
                },
            })
            .collect();
        match whole(&file.path, &pieces) {
            Ok(bytes) if file.secret => {
                contents.0.insert(file.path.clone(), Content::Secret(bytes.into_secret()));
            }
            // Nothing of it is a secret, or it would be marked as one.
            Ok(bytes) => {
                contents.0.insert(file.path.clone(), Content::Plain(bytes.bytes().to_vec().into()));
            }
            Err(found) => errors.extend(found.into_iter().map(|error| match error.span.or(file.at) {
                Some(span) => error.at(span),
                None => error.at(design.backend_at),
            })),
        }
    }
    errors.extend(leak::scan(design, rendered, values));
    errors.dedup();
    if errors.is_empty() { Ok(contents) } else { Err(errors) }
}

/// Returns the references to secrets in a generation, which have to be resolved to make its files again.
pub fn references(generation: &Generation) -> BTreeSet<String> {
    let chunks = generation.files.iter().flat_map(|row| row.chunks.iter().flatten());
    let named = chunks.filter_map(|chunk| match chunk {
        RecordedChunk::Secret { reference, .. } => Some(reference.clone()),
        RecordedChunk::Text(_) | RecordedChunk::Artifact(_) => None,
    });
    named.collect()
}

/// Makes the files of a generation again that have secrets in them, from what its record says, values that were resolved
/// anew, and artifacts of which it is known what they are by now.
pub fn splice_record(
    generation: &Generation,
    values: &BTreeMap<String, Secret>,
    artifacts: &Artifacts,
) -> Result<BTreeMap<TargetPath, Secret>, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut made = BTreeMap::new();
    for row in &generation.files {
        let chunks = row.chunks.iter().flatten();
        let pieces: Option<Vec<Piece<'_>>> = chunks
            .map(|chunk| match chunk {
                RecordedChunk::Text(text) => Some(Piece::Text(text)),
                // What it is only the host knows that gives it.
                RecordedChunk::Artifact(text) => {
                    let is_it = |artifact: &&ArtifactRow| artifact.path == row.path && artifact.token() == *text;
                    let artifact = generation.artifacts.iter().find(is_it)?;
                    // Only a digest is sure to stand there as it is.
                    artifact.domain.as_ref()?;
                    artifacts.find(&artifact.host, &artifact.name).map(|artifact| Piece::Text(&artifact.text))
                }
                RecordedChunk::Secret { reference, encoding } => Some(Piece::Secret(Place {
                    name: reference,
                    // A record does not say more; what the value has to be at its place is still checked.
                    shape: Shape::Binary,
                    encoding,
                    value: values.get(reference)?,
                    at: None,
                })),
            })
            .collect();
        match pieces {
            Some(pieces) if !pieces.is_empty() => match whole(&row.path, &pieces) {
                Ok(bytes) => {
                    made.insert(row.path.clone(), bytes.into_secret());
                }
                Err(found) => errors.extend(found),
            },
            Some(_) | None => {}
        }
    }
    if errors.is_empty() { Ok(made) } else { Err(errors) }
}

enum Piece<'p> {
    Text(&'p str),
    Secret(Place<'p>),
    /// A chunk refers to a slot without a value.
    Missing(u32),
}

/// A secret at its place.
struct Place<'p> {
    name: &'p str,
    shape: Shape,
    encoding: &'p str,
    value: &'p Secret,
    at: Option<Span>,
}

/// Puts a file together, or says all that does not fit.
fn whole(path: &TargetPath, pieces: &[Piece<'_>]) -> Result<SecretBuffer, Vec<Diagnostic>> {
    let sizes = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.len(),
        Piece::Secret(place) => encoding::room(place.value.length()),
        Piece::Missing(_) => 0,
    });
    let size = sizes.fold(0, usize::saturating_add);
    if size > FILE_BYTES_MAX {
        let message = format!("`{path}` is too large: a file can have {} MiB", FILE_BYTES_MAX >> 20);
        return Err(vec![Diagnostic::error(Code::E20, message)]);
    }
    let mut out = SecretBuffer::with_room(size);
    let mut errors = Vec::new();
    let mut line_bytes_max = usize::MAX;
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                let fits = out.push(text.as_bytes());
                debug_assert!(fits, "room was made for all texts");
            }
            Piece::Secret(place) => {
                line_bytes_max = line_bytes_max.min(encoding::line_bytes_max(place.encoding).unwrap_or(usize::MAX));
                let bytes = place.value.expose();
                let written = fits(place.shape, bytes).and_then(|()| encoding::write(place.encoding, bytes, &mut out));
                errors.extend(written.err().map(|why| refusal(path, place, why)));
                // Here a value is at hand, and copied.
                punix_diag::drill("splice");
            }
            Piece::Missing(slot) => {
                let message = format!("`{path}` refers to secret {slot}, and there is no value for it");
                errors.push(Diagnostic::error(Code::E11, message));
            }
        }
    }
    if errors.is_empty() && out.bytes().split(|&byte| byte == b'\n').any(|line| line.len() > line_bytes_max) {
        let secrets = pieces.iter().filter_map(|piece| match piece {
            Piece::Secret(place) => Some(refusal(path, place, Unfit::Long)),
            Piece::Text(_) | Piece::Missing(_) => None,
        });
        errors.extend(secrets.take(1));
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

fn fits(shape: Shape, value: &[u8]) -> Result<(), Unfit> {
    let is_text = || std::str::from_utf8(value).map_err(|_| Unfit::NotText);
    match shape {
        Shape::Binary => Ok(()),
        Shape::Text => is_text().map(|_| ()),
        Shape::SingleLine if value.contains(&b'\n') || value.contains(&b'\r') => Err(Unfit::LineBreak),
        Shape::SingleLine => is_text().map(|_| ()),
    }
}

fn refusal(path: &TargetPath, place: &Place<'_>, why: Unfit) -> Diagnostic {
    let message = format!("the secret `{}` {}, and cannot be written to `{path}`", place.name, why.words());
    let error = Diagnostic::error(Code::E33, message)
        .note(format!("it would stand there as `{}`", place.encoding))
        .help("store the value where it comes from as base64 or the like, and have the service decode it");
    match place.at {
        Some(at) => error.at(at),
        None => error,
    }
}
