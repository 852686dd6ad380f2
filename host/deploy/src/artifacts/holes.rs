//! Where artifacts stand in a text as it is written. Only digests are looked for: they are all as long, and no format and
//! no backend writes one of them in another way than the next, so a file can be made with another one in its place.

use super::{Artifacts, Consumed, artifact_token};

/// A place of an artifact in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hole<'h> {
    pub(crate) consumed: &'h Consumed,
    /// The byte at which it begins.
    pub(crate) at: usize,
}

/// Returns where the digests stand in a text that other hosts gave, ascending. `reference` is the same text with references;
/// if what is between them leaves a doubt about which digest stands where, there are none.
pub(crate) fn holes<'h>(
    reference: &str,
    filled: &str,
    consumes: &'h [Consumed],
    artifacts: &Artifacts,
) -> Vec<Hole<'h>> {
    let mut order: Vec<(usize, &Consumed, &str)> = Vec::new();
    for consumed in consumes {
        let Some(artifact) = artifacts.find(&consumed.machine, &consumed.name) else { continue };
        if artifact.domain.is_some() && is_digest(&artifact.text) {
            let token = artifact_token(&consumed.machine, &consumed.name);
            order.extend(reference.match_indices(&token).map(|(at, _)| (at, consumed, artifact.text.as_str())));
        }
    }
    order.sort_by_key(|(at, ..)| *at);
    let mut holes = Vec::with_capacity(order.len());
    let mut from = 0;
    for (_, consumed, digest) in &order {
        let Some(found) = filled.get(from..).and_then(|rest| rest.find(digest)) else { return Vec::new() };
        holes.push(Hole { consumed, at: from + found });
        from += found + digest.len();
    }
    // Where the same digest stands in its own right, it would be taken for one that was given.
    let stands = |digest: &str| filled.matches(digest).count();
    let given = |digest: &str| order.iter().filter(|(_, _, other)| *other == digest).count();
    if order.iter().any(|(_, _, digest)| stands(digest) != given(digest)) {
        return Vec::new();
    }
    holes
}

/// Tells whether a text is a digest as artifacts have it.
pub(super) fn is_digest(text: &str) -> bool {
    const DIGITS: usize = 64;
    text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
