//! The record of a generation before it has a number: what a deploy would do, as a target keeps it. Pure; the time is
//! given, and no value of a secret gets here.

#[cfg(test)]
pub(crate) mod tests;

use crate::artifacts::{Artifacts, Hole, artifact_token, holes};
use crate::design::{Design, Service, Variable};
use crate::render::{Rendered, RenderedFile, program};
use crate::tls;
use punix_model::{Chunk, Scope, Slot};
use punix_store::{Digest, Hasher};
use punix_target::{ArtifactRow, FileRow, Generation, Mark, PluginRow, RecordedChunk, ServiceRow, TargetPath, UnitRow};
use std::collections::{BTreeMap, BTreeSet};

/// What is recorded besides what was rendered.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// As [`source_hash`] has it.
    pub source_hash: String,
    /// What it is for: `x86_64-linux`.
    pub system: String,
    pub scenario: Option<String>,
    /// Paths of all store entries that it needs, with all that these need.
    pub store_paths: Vec<String>,
    pub plugins: Vec<PluginRow>,
    /// As [`timestamp`] has it.
    pub deployed_at: String,
    /// `user@machine`, or empty.
    pub deployed_by: String,
}

/// A stack with references where artifacts of other hosts stand. That is what its record says: what an artifact is may
/// change without anything of the stack.
#[derive(Debug, Clone, Copy)]
pub struct ByReference<'r> {
    pub design: &'r Design,
    pub rendered: &'r Rendered,
    /// What the references stand for.
    pub artifacts: &'r Artifacts,
}

/// Writes the record of a generation of a stack that takes nothing from others. A file without a mark is left out: there is none if it was spliced. Its number and
/// what it follows are what the plan says.
pub fn draft(
    design: &Design,
    rendered: &Rendered,
    marks: &BTreeMap<TargetPath, Mark>,
    circumstances: Circumstances,
) -> Generation {
    let artifacts = &Artifacts::default();
    draft_by_reference(ByReference { design, rendered, artifacts }, rendered, marks, circumstances)
}

/// The same of a stack that takes artifacts; `filled` is what is written, with the marks of that.
pub fn draft_by_reference(
    by_reference: ByReference<'_>,
    filled: &Rendered,
    marks: &BTreeMap<TargetPath, Mark>,
    circumstances: Circumstances,
) -> Generation {
    punix_diag::drill("draft");
    let ByReference { design, rendered, artifacts } = by_reference;
    let Circumstances { source_hash, system, scenario, mut store_paths, plugins, deployed_at, deployed_by } =
        circumstances;
    store_paths.sort();
    store_paths.dedup();
    let files = rendered.files.iter().zip(&filled.files);
    let rows = files.filter_map(|(file, filled)| Some(row((design, artifacts), file, filled, *marks.get(&file.path)?)));
    let unit = |unit: &punix_model::Unit| UnitRow {
        name: unit.name.clone(),
        service: unit.service.clone(),
        starts_at_boot: unit.starts_at_boot,
    };
    let mut generation = Generation {
        number: 0,
        stack: design.name.clone(),
        deployed_at,
        deployed_by,
        source_hash,
        backend: design.backend.clone(),
        scope: scope(design.scope).to_owned(),
        system,
        scenario,
        store_paths,
        services: design.services.iter().map(|service| service_row(service, &design.slots)).collect(),
        files: rows.collect(),
        units: rendered.units.iter().map(unit).collect(),
        state_dirs: design.state_dirs.clone(),
        stateful: !design.state_dirs.is_empty(),
        previous: None,
        plugins,
        artifacts: artifact_rows(design, rendered, filled, artifacts),
        render_hash: String::new(),
    };
    generation.render_hash = render_hash(&generation, rendered);
    generation
}

/// Says which files hold which artifacts.
fn artifact_rows(design: &Design, rendered: &Rendered, filled: &Rendered, artifacts: &Artifacts) -> Vec<ArtifactRow> {
    let consumes = &design.links.consumes;
    let mut rows = BTreeSet::new();
    for (file, filled) in rendered.files.iter().zip(&filled.files) {
        let held: Vec<(usize, String)> = consumes
            .iter()
            .map(|consumed| artifact_token(&consumed.machine, &consumed.name))
            .enumerate()
            .filter(|(_, token)| holds(file, token))
            .collect();
        if held.is_empty() {
            continue;
        }
        // Of a file with secrets the chunks say where they stand.
        let places = match file.secret || file.has_secret() {
            true => Vec::new(),
            false => {
                let [reference, filled] = [&file.chunks, &filled.chunks].map(|chunks| texts_between(chunks).concat());
                holes(&reference, &filled, consumes, artifacts)
            }
        };
        for consumed in held.iter().filter_map(|(place, _)| consumes.get(*place)) {
            let (host, name) = (&consumed.machine, &consumed.name);
            let artifact = artifacts.find(host, name);
            let at = places.iter().filter(|hole| hole.consumed == consumed);
            rows.insert(ArtifactRow {
                path: file.path.clone(),
                host: host.clone(),
                name: name.clone(),
                kind: artifact.map_or_else(String::new, |artifact| artifact.kind.clone()),
                domain: artifact.and_then(|artifact| artifact.domain.clone()),
                at: at.filter_map(|hole| u64::try_from(hole.at).ok()).collect(),
            });
        }
    }
    rows.into_iter().collect()
}

fn holds(file: &RenderedFile, token: &str) -> bool {
    file.chunks.iter().any(|chunk| matches!(chunk, Chunk::Text(text) if text.contains(token)))
}

/// Returns the word of a scope, as records have it.
pub(crate) fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::System => "system",
        Scope::User => "user",
    }
}

fn row((design, artifacts): (&Design, &Artifacts), file: &RenderedFile, filled: &RenderedFile, mark: Mark) -> FileRow {
    // A text that is declared to be a secret itself is not kept: there is no reference by which it could be had again.
    let chunks = file.has_secret().then(|| match file.chunks == filled.chunks {
        true => file.chunks.iter().map(|chunk| recorded(chunk, &design.slots)).collect(),
        false => recorded_with_artifacts((design, artifacts), file, filled),
    });
    FileRow {
        path: file.path.clone(),
        mark,
        chunks,
        inline: None,
        withheld: None,
        mode: file.mode,
        owner: file.owner.clone(),
        group: file.group.clone(),
        made_by: file.made_by.clone(),
        restarts: file.restarts.clone(),
        reloads: file.reloads.clone(),
    }
}

/// Returns what a file holds that has secrets and artifacts in it. A text with an artifact that is no digest is known by its
/// reference alone, so it cannot be written again from here; a digest is a reference for itself, between what is around it.
fn recorded_with_artifacts(
    (design, artifacts): (&Design, &Artifacts),
    file: &RenderedFile,
    filled: &RenderedFile,
) -> Vec<RecordedChunk> {
    let mut written = texts_between(&filled.chunks).into_iter();
    let mut secrets = file.chunks.iter().filter(|chunk| matches!(chunk, Chunk::Secret(..)));
    let mut chunks = Vec::new();
    for text in texts_between(&file.chunks) {
        let written = written.next().unwrap_or_default();
        match text == written {
            true if text.is_empty() => {}
            true => chunks.push(RecordedChunk::Text(text)),
            false => {
                let holes = holes(&text, &written, &design.links.consumes, artifacts);
                let consumes = design.links.consumes.iter();
                let tokens = consumes.map(|it| text.matches(&artifact_token(&it.machine, &it.name)).count());
                match holes.len() == tokens.sum::<usize>() {
                    true => chunks.extend(between(&written, &holes, artifacts)),
                    false => chunks.push(RecordedChunk::Artifact(text)),
                }
            }
        }
        chunks.extend(secrets.next().map(|secret| recorded(secret, &design.slots)));
    }
    chunks
}

/// Returns a text with references in place of the digests in it.
fn between(text: &str, holes: &[Hole<'_>], artifacts: &Artifacts) -> Vec<RecordedChunk> {
    let mut chunks = Vec::new();
    let mut from = 0;
    let push = |from: usize, to: usize, chunks: &mut Vec<RecordedChunk>| {
        let text = text.get(from..to).unwrap_or_default();
        chunks.extend((!text.is_empty()).then(|| RecordedChunk::Text(text.to_owned())));
    };
    for hole in holes {
        let (machine, name) = (&hole.consumed.machine, &hole.consumed.name);
        push(from, hole.at, &mut chunks);
        chunks.push(RecordedChunk::Artifact(artifact_token(machine, name)));
        from = hole.at + artifacts.find(machine, name).map_or(0, |artifact| artifact.text.len());
    }
    push(from, text.len(), &mut chunks);
    chunks
}

/// Returns chunks as they are whatever artifacts there are: a text between secrets is one piece.
fn by_reference(chunks: &[RecordedChunk]) -> Vec<RecordedChunk> {
    let mut whole: Vec<RecordedChunk> = Vec::new();
    for chunk in chunks {
        let joined = match (whole.last(), chunk) {
            (None | Some(RecordedChunk::Secret { .. }), _) | (_, RecordedChunk::Secret { .. }) => None,
            (Some(RecordedChunk::Text(one)), RecordedChunk::Text(other)) => {
                Some(RecordedChunk::Text(format!("{one}{other}")))
            }
            (
                Some(RecordedChunk::Text(one) | RecordedChunk::Artifact(one)),
                RecordedChunk::Text(other) | RecordedChunk::Artifact(other),
            ) => Some(RecordedChunk::Artifact(format!("{one}{other}"))),
        };
        match joined {
            Some(joined) => {
                whole.pop();
                whole.push(joined);
            }
            None => whole.push(chunk.clone()),
        }
    }
    whole
}

/// Returns the texts before, between and after secrets.
pub(crate) fn texts_between(chunks: &[Chunk]) -> Vec<String> {
    let mut texts = vec![String::new()];
    for chunk in chunks {
        match (chunk, texts.last_mut()) {
            (Chunk::Text(text), Some(last)) => last.push_str(text),
            (Chunk::Text(_), None) | (Chunk::Secret(..), _) => texts.push(String::new()),
        }
    }
    texts
}

fn recorded(chunk: &Chunk, slots: &[Slot]) -> RecordedChunk {
    match chunk {
        Chunk::Text(text) => RecordedChunk::Text(text.clone()),
        Chunk::Secret(slot, encoding) => {
            RecordedChunk::Secret { reference: reference(*slot, slots).to_owned(), encoding: encoding.0.clone() }
        }
    }
}

fn reference(slot: u32, slots: &[Slot]) -> &str {
    usize::try_from(slot).ok().and_then(|slot| slots.get(slot)).map_or("", |slot| slot.name.as_str())
}

fn service_row(service: &Service, slots: &[Slot]) -> ServiceRow {
    ServiceRow {
        name: service.name.clone(),
        package: service.package.clone(),
        package_path: service.package_path.clone(),
        binary: service.binary.clone(),
        exec_path: program(service),
        args: service.args.clone(),
        depends_on: service.depends_on.clone(),
        environment: service.environment.iter().map(|variable| variable_row(variable, slots)).collect(),
    }
}

fn variable_row(variable: &Variable, slots: &[Slot]) -> BTreeMap<String, String> {
    let secret = variable.value.iter().find_map(|chunk| match chunk {
        Chunk::Secret(slot, _) => Some(reference(*slot, slots)),
        Chunk::Text(_) => None,
    });
    let text = || {
        let texts = variable.value.iter().map(|chunk| match chunk {
            Chunk::Text(text) => text.as_str(),
            Chunk::Secret(..) => "",
        });
        texts.collect::<String>()
    };
    if let Some(artifact) = &variable.artifact {
        let fields = [("key", &variable.name), ("host", &artifact.machine), ("name", &artifact.name)];
        let fields = fields.map(|(key, value)| (key.to_owned(), value.clone()));
        return fields.into_iter().chain([("kind".to_owned(), "artifact".to_owned())]).collect();
    }
    let rest = match secret.map(|name| name.split_once(':').unwrap_or((name, ""))) {
        Some((kind, name)) => [("kind", kind.to_owned()), ("name", name.to_owned())],
        None => [("kind", "literal".to_owned()), ("value", text())],
    };
    [("key", variable.name.clone())].into_iter().chain(rest).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Returns the digest of all that was rendered, without what secrets, artifacts and certificates are. Each part is counted,
/// so that none runs into the next.
fn render_hash(generation: &Generation, rendered: &Rendered) -> String {
    let mut hasher = Hasher::new();
    let mut add = |text: &str| {
        hasher.add(format!("{}:", text.len()).as_bytes());
        hasher.add(text.as_bytes());
    };
    for text in [&generation.stack, &generation.backend, &generation.scope] {
        add(text);
    }
    // Rows are serialised with their keys in one order, and lists as they are.
    add(&serde_json::to_string(&(&generation.services, &generation.units)).unwrap_or_default());
    add(&serde_json::to_string(&(&generation.store_paths, &generation.state_dirs)).unwrap_or_default());
    let texts: BTreeMap<&TargetPath, &RenderedFile> = rendered.files.iter().map(|file| (&file.path, file)).collect();
    for row in generation.files.iter().filter(|row| row.made_by != tls::MADE_BY) {
        add(row.path.as_str());
        add(&format!("{:o} {:?} {:?} {:?}", row.mode, row.owner, row.group, row.is_secret()));
        add(&format!("{} {:?} {:?}", row.made_by, row.restarts, row.reloads));
        match (&row.chunks, row.mark) {
            (Some(chunks), _) => add(&serde_json::to_string(&by_reference(chunks)).unwrap_or_default()),
            (None, Mark::Sha256(_)) if generation.artifacts.iter().any(|artifact| artifact.path == row.path) => {
                let text: String =
                    texts.get(&row.path).map_or_else(Vec::new, |file| texts_between(&file.chunks)).concat();
                add(&Digest::of(text.as_bytes()).to_string());
            }
            (None, Mark::Sha256(digest)) => add(&digest.to_string()),
            (None, Mark::HmacSha256(_)) => add("kept nowhere"),
        }
    }
    hasher.finish().to_string()
}

/// The bytes of a program.
#[derive(Debug, Clone, Copy)]
pub enum ProgramBytes<'p> {
    File(&'p [u8]),
    /// Paths below the directory, with what is there.
    Directory(&'p [(String, Vec<u8>)]),
}

/// Returns the digest of a program, which says whether two generations come from the same one.
pub fn source_hash(program: ProgramBytes<'_>) -> String {
    match program {
        ProgramBytes::File(bytes) => Digest::of(bytes).to_string(),
        ProgramBytes::Directory(files) => {
            let mut sorted: Vec<&(String, Vec<u8>)> = files.iter().collect();
            sorted.sort_by(|one, other| one.0.split('/').cmp(other.0.split('/')));
            let mut hasher = Hasher::new();
            for (path, bytes) in sorted {
                hasher.add(path.as_bytes());
                hasher.add(b"\0");
                hasher.add(bytes);
                hasher.add(b"\0");
            }
            hasher.finish().to_string()
        }
    }
}

/// Returns the day of a time in seconds since 1970: `2026-05-21`.
pub(crate) fn day(seconds: i64) -> String {
    timestamp(u64::try_from(seconds).unwrap_or(0)).chars().take(10).collect()
}

/// Returns a time as records have it: `2026-05-21T14:23:34+00:00`. It is given in seconds since 1970.
pub fn timestamp(seconds: u64) -> String {
    const DAY: u64 = 86_400;
    let (mut days, second) = (seconds / DAY, seconds % DAY);
    let mut year = 1970u64;
    let is_leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    // Four hundred years always have as many days.
    const CYCLE: u64 = 146_097;
    year += days / CYCLE * 400;
    days %= CYCLE;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{:02}+00:00", days + 1, second % 60)
}
