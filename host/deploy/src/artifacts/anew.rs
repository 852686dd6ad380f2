//! Files of a generation that is kept, with what other hosts give by now: its record says where that stands.

use super::holes::is_digest;
use super::{Artifact, Artifacts, association};
use punix_store::Digest;
use punix_target::{ArtifactRow, Generation, RecordedChunk, TargetPath};

/// What it is made of if it is the public key.
const TLSA: &str = "tlsa";

/// Returns what has to be asked for to make the files of a generation anew: what is made of a certificate, and stands where
/// the record says. What a program says is not asked for: it goes back with the program.
pub fn asked_of(generation: &Generation) -> Vec<&ArtifactRow> {
    let rows = generation.artifacts.iter();
    rows.filter(|row| row.domain.is_some() && can_be_made(generation, row)).collect()
}

/// Tells whether the record says where an artifact stands in its file.
fn can_be_made(generation: &Generation, row: &ArtifactRow) -> bool {
    let token = row.token();
    let is_it = |chunk: &RecordedChunk| matches!(chunk, RecordedChunk::Artifact(text) if *text == token);
    let of_file = generation.files.iter().filter(|file| file.path == row.path);
    !row.at.is_empty() || of_file.flat_map(|file| file.chunks.iter().flatten()).any(is_it)
}

/// Returns what an artifact is by now that is made of a certificate; nothing if it is not known how, or there is no certificate.
/// `digest` is that of the file, which may be all that is known.
pub fn present(kind: &str, domain: &str, digest: Digest, chain: Option<&[u8]>) -> Option<Artifact> {
    let text = match kind {
        TLSA => association(chain?).ok()?,
        "sha256-file" => digest.to_string(),
        _ => return None,
    };
    Some(Artifact { kind: kind.to_owned(), domain: Some(domain.to_owned()), text })
}

/// Makes a file anew of what it was, with artifacts that are at hand; what is not at hand stays. Nothing if none of them is.
pub fn made_anew(generation: &Generation, path: &TargetPath, was: &[u8], artifacts: &Artifacts) -> Option<Vec<u8>> {
    let mut bytes = was.to_vec();
    let mut any = false;
    for row in generation.artifacts.iter().filter(|row| row.path == *path && !row.at.is_empty()) {
        let Some(artifact) = artifacts.find(&row.host, &row.name).filter(|it| is_digest(&it.text)) else { continue };
        for &at in &row.at {
            let from = usize::try_from(at).ok()?;
            let there = bytes.get_mut(from..from.checked_add(artifact.text.len())?)?;
            // A record may say anything.
            if !std::str::from_utf8(there).is_ok_and(is_digest) {
                return None;
            }
            there.copy_from_slice(artifact.text.as_bytes());
            any = true;
        }
    }
    any.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::{Consumed, holes};
    use crate::certificate::tests::{ASSOCIATION, CERTIFICATE, FILE_DIGEST};
    use crate::draft::tests::drafted_with;
    use punix_diag::Span;
    use std::collections::BTreeMap;

    fn digest(of: &str) -> String {
        Digest::of(of.as_bytes()).to_string()
    }

    fn artifacts(given: &[(&str, &str)]) -> Artifacts {
        let mut artifacts = Artifacts::default();
        for (name, text) in given {
            let domain = (*name != "motto").then(|| "mx.example.org".to_owned());
            let artifact = Artifact { kind: TLSA.to_owned(), domain, text: (*text).to_owned() };
            artifacts.add("mx", BTreeMap::from([((*name).to_owned(), artifact)]));
        }
        artifacts
    }

    fn places(reference: &str, filled: &str, given: &[(&str, &str)]) -> Vec<(String, usize)> {
        let consumed = |(name, _): &(&str, &str)| Consumed {
            machine: "mx".to_owned(),
            name: (*name).to_owned(),
            at: Span::default(),
        };
        let consumes: Vec<Consumed> = given.iter().map(consumed).collect();
        let found = holes(reference, filled, &consumes, &artifacts(given));
        found.into_iter().map(|hole| (hole.consumed.name.clone(), hole.at)).collect()
    }

    #[test]
    fn a_digest_is_found_where_its_reference_is_however_it_is_quoted() {
        let (one, other) = (digest("one"), digest("other"));
        let given = [("a", one.as_str()), ("b", other.as_str()), ("motto", "two words")];
        let reference = "x: '{artifact:mx/b}'\ny: {artifact:mx/a} {artifact:mx/motto}\nz: {artifact:mx/b}\n";
        let filled = format!("x: {other}\ny: {one} two words\nz: {other}\n");
        let z = 3 + 64 + 4 + 64 + 10 + 4;
        assert_eq!(
            places(reference, &filled, &given),
            [("b".to_owned(), 3), ("a".to_owned(), 71), ("b".to_owned(), z)]
        );
        // Two names for the same digest are told apart by their order.
        let same = [("a", one.as_str()), ("b", one.as_str())];
        let found = places("{artifact:mx/b},{artifact:mx/a}", &format!("{one},{one}"), &same);
        assert_eq!(found, [("b".to_owned(), 0), ("a".to_owned(), 65)]);
    }

    #[test]
    fn where_there_is_a_doubt_nothing_is_found() {
        let one = digest("one");
        let given = [("a", one.as_str())];
        assert_eq!(places("{artifact:mx/a} PIN", &format!("{one} {one}"), &given), []);
        assert_eq!(places("{artifact:mx/a}", &one.to_uppercase(), &given), []);
        assert_eq!(places("{artifact:mx/a}", "short", &[("a", "short")]), [], "not a digest");
    }

    #[test]
    fn a_file_is_made_anew_with_what_is_known() {
        let was = digest("then");
        let generation = drafted_with(&was);
        let path = generation.artifacts[0].path.clone();
        let then = format!("\"{was}\"\n");
        let asked = asked_of(&generation);
        assert_eq!(
            asked.iter().map(|row| row.token()).collect::<Vec<_>>(),
            ["{artifact:mx/tlsa}", "{artifact:mx/tlsa}"]
        );
        assert_eq!(asked_of(&drafted_with("two words")), Vec::<&ArtifactRow>::new(), "it stands nowhere as it is");
        let now = digest("now");
        let made = |artifacts: &Artifacts, was: &str| made_anew(&generation, &path, was.as_bytes(), artifacts);
        assert_eq!(made(&artifacts(&[("tlsa", &now)]), &then), Some(format!("\"{now}\"\n").into_bytes()));
        for nothing in [artifacts(&[("other", &now)]), artifacts(&[("tlsa", "no digest")])] {
            assert_eq!(made(&nothing, &then), None);
        }
        // Other bytes than those of the record, or less of them.
        let fresh = artifacts(&[("tlsa", &now)]);
        assert_eq!((made(&fresh, &then[..40]), made(&fresh, &then.to_uppercase())), (None, None));
    }

    #[test]
    fn what_an_artifact_is_by_now_is_that_of_a_deploy() {
        let digest = Digest::of(CERTIFICATE.as_bytes());
        let text = |kind, chain| present(kind, "a.example.org", digest, chain).map(|artifact| artifact.text);
        assert_eq!(text("tlsa", Some(CERTIFICATE.as_bytes())).as_deref(), Some(ASSOCIATION));
        assert_eq!(text("sha256-file", None).as_deref(), Some(FILE_DIGEST));
        for (kind, chain) in [("tlsa", None), ("tlsa", Some(&b"CERT"[..])), ("literal", Some(CERTIFICATE.as_bytes()))] {
            assert_eq!(text(kind, chain), None, "{kind}");
        }
    }
}
