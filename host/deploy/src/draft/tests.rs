use super::*;
use crate::testing::{design, file, path, rendered};

pub(crate) fn circumstances() -> Circumstances {
    Circumstances {
        source_hash: source_hash(ProgramBytes::File(b"module Web { }")),
        system: "x86_64-linux".to_owned(),
        scenario: None,
        store_paths: vec!["/store/lib".to_owned(), "/store/api".to_owned(), "/store/lib".to_owned()],
        plugins: Vec::new(),
        deployed_at: timestamp(1_779_373_414),
        deployed_by: String::new(),
    }
}

/// Returns marks as a target would make them, of the texts alone.
pub(crate) fn marks(rendered: &Rendered, value: &str) -> BTreeMap<TargetPath, Mark> {
    let mark = |file: &RenderedFile| {
        let value = if file.secret { value } else { "" };
        let digest = Digest::of(format!("{:?} {value}", file.chunks).as_bytes());
        (file.path.clone(), if file.secret { Mark::HmacSha256(digest) } else { Mark::Sha256(digest) })
    };
    rendered.files.iter().map(mark).collect()
}

fn drafted(design: &Design, value: &str) -> Generation {
    let rendered = rendered(design);
    draft(design, &rendered, &marks(&rendered, value), circumstances())
}

#[test]
fn a_draft_says_all_and_no_value() {
    let mut design = design();
    design.state_dirs = vec!["/var/lib/api".to_owned()];
    let generation = drafted(&design, "hunter2");
    assert_eq!((generation.number, generation.previous, generation.stateful), (0, None, true));
    assert_eq!(generation.store_paths, ["/store/api", "/store/lib"]);
    let service = &generation.services[0];
    assert_eq!(service.exec_path, "/store/api/bin/api");
    let rows: Vec<String> = service.environment.iter().map(|row| format!("{row:?}")).collect();
    assert_eq!(
        rows,
        [
            r#"{"key": "LEVEL", "kind": "literal", "value": "info"}"#,
            r#"{"key": "TOKEN", "kind": "from_env", "name": "TOKEN"}"#
        ]
    );
    let row = |place: &str| generation.files.iter().find(|row| row.path == path(place)).unwrap();
    assert_eq!(row("/etc/app/a.conf").chunks, None);
    let chunks = row("/etc/punix/env/Web/api.env").chunks.clone().unwrap();
    let secret = RecordedChunk::Secret {
        reference: "from_env:TOKEN".to_owned(),
        encoding: "systemd.environment-file".to_owned(),
    };
    assert!(chunks.contains(&secret));
    assert!(!format!("{generation:?}").contains("hunter2"));
    assert!(!String::from_utf8(generation.to_bytes()).unwrap().contains("hunter2"));
}

#[test]
fn a_text_that_is_a_secret_itself_is_not_recorded() {
    let mut design = design();
    design.files[0] = crate::design::DesignFile { secret: true, ..file("/etc/app/a.conf", "swordfish") };
    let generation = drafted(&design, "x");
    assert!(generation.files[0].is_secret() && generation.files[0].chunks.is_none());
    assert!(!String::from_utf8(generation.to_bytes()).unwrap().contains("swordfish"));
}

#[test]
fn the_hash_of_a_rendering_is_of_what_it_is_on_a_target() {
    let hash = |change: fn(&mut Design), value| {
        let mut design = design();
        change(&mut design);
        drafted(&design, value).render_hash
    };
    let plain = hash(|_| {}, "one");
    assert_eq!(plain, hash(|_| {}, "two"), "values are no part of it");
    let changes: [fn(&mut Design); 6] = [
        |design| design.files[0] = file("/etc/app/a.conf", "b\n"),
        |design| design.files[0].mode = Some(0o600),
        |design| design.files[0].owner = Some("api".to_owned()),
        |design| design.files[0].reloads = Some(vec!["api".to_owned()]),
        |design| design.services[0].args.clear(),
        |design| design.state_dirs.push("/var/lib/api".to_owned()),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        assert_ne!(plain, hash(change, "one"), "{index}");
    }
}

#[test]
fn a_program_is_its_bytes() {
    // The digests of these bytes as `sha256sum` has them.
    assert_eq!(
        source_hash(ProgramBytes::File(b"abc")),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    let one = ("b.pcl".to_owned(), b"1".to_vec());
    let two = ("a/c.pcl".to_owned(), b"2".to_vec());
    let hash = |files: &[(String, Vec<u8>)]| source_hash(ProgramBytes::Directory(files));
    assert_eq!(hash(&[one.clone(), two.clone()]), hash(&[two, one]));
    assert_eq!(hash(&[("a".to_owned(), b"b".to_vec())]), Digest::of(b"a\0b\0").to_string());
}

#[test]
fn a_time_is_written_as_in_records() {
    for (seconds, expected) in [
        (0, "1970-01-01T00:00:00+00:00"),
        (951_782_400, "2000-02-29T00:00:00+00:00"),
        (951_868_799, "2000-02-29T23:59:59+00:00"),
        (1_779_373_414, "2026-05-21T14:23:34+00:00"),
        (4_107_542_399, "2100-02-28T23:59:59+00:00"),
        (4_107_542_400, "2100-03-01T00:00:00+00:00"),
        (253_402_300_799, "9999-12-31T23:59:59+00:00"),
    ] {
        assert_eq!(timestamp(seconds), expected);
    }
}

/// A stack that takes an artifact, into a file with a secret and into one without; what the artifact is stands in `text`.
fn taking(text: &str) -> Design {
    use crate::artifacts::{Consumed, Links};
    let mut design = design();
    let artifact = crate::ArtifactName { machine: "mx".to_owned(), name: "tlsa".to_owned() };
    let at = punix_diag::Span::default();
    let value = vec![Chunk::Text(text.to_owned())];
    design.services[0].environment.push(Variable { name: "TLSA".to_owned(), at, value, artifact: Some(artifact) });
    design.files.push(file("/etc/app/tlsa.json", &format!("\"{text}\"\n")));
    let consumed = Consumed { machine: "mx".to_owned(), name: "tlsa".to_owned(), at };
    design.links = Links { produces: Vec::new(), consumes: vec![consumed] };
    design
}

pub(crate) fn drafted_with(text: &str) -> Generation {
    use crate::artifacts::{Artifact, Artifacts};
    let (reference, filled) = (taking("{artifact:mx/tlsa}"), taking(text));
    let mut artifacts = Artifacts::default();
    let domain = Some("mx.example.org".to_owned());
    let artifact = Artifact { kind: "tlsa".to_owned(), domain, text: text.to_owned() };
    artifacts.add("mx", BTreeMap::from([("tlsa".to_owned(), artifact)]));
    let (by_reference, filled) = (rendered(&reference), rendered(&filled));
    assert_eq!(crate::same_forms(&reference, &by_reference, &filled), []);
    let by_reference = ByReference { design: &reference, rendered: &by_reference, artifacts: &artifacts };
    draft_by_reference(by_reference, &filled, &marks(&filled, text), circumstances())
}

#[test]
fn an_artifact_is_recorded_by_reference_alone() {
    let generation = Generation { number: 1, ..drafted_with("f215d5da") };
    let record = String::from_utf8(generation.to_bytes()).unwrap();
    assert!(!record.contains("f215d5da"), "{record}");
    let rows: Vec<String> =
        generation.artifacts.iter().map(|row| format!("{} {} {}", row.path, row.token(), row.kind)).collect();
    assert_eq!(
        rows,
        ["/etc/app/tlsa.json {artifact:mx/tlsa} tlsa", "/etc/punix/env/Web/api.env {artifact:mx/tlsa} tlsa"]
    );
    let row = &generation.services[0].environment[2];
    assert_eq!(format!("{row:?}"), r#"{"host": "mx", "key": "TLSA", "kind": "artifact", "name": "tlsa"}"#);
    let mixed = generation.files.iter().find(|row| row.chunks.is_some()).and_then(|row| row.chunks.clone()).unwrap();
    let artifact = RecordedChunk::Artifact("\nTLSA=\"{artifact:mx/tlsa}\"\n".to_owned());
    assert!(mixed.contains(&artifact), "{mixed:?}");
    assert_eq!(
        Generation::from_bytes(&generation.to_bytes(), "Web", 1).map(|read| read.artifacts),
        Ok(generation.artifacts)
    );
}

/// A digest is a piece of its own among secrets, and has its place in the record otherwise.
#[test]
fn it_is_recorded_where_a_digest_stands() {
    let digest = Digest::of(b"key").to_string();
    let generation = Generation { number: 1, ..drafted_with(&digest) };
    assert!(!String::from_utf8(generation.to_bytes()).unwrap().contains(&digest));
    let rows = generation.artifacts.iter().map(|row| (row.path.as_str(), row.domain.as_deref(), row.at.as_slice()));
    let domain = Some("mx.example.org");
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [("/etc/app/tlsa.json", domain, &[1][..]), ("/etc/punix/env/Web/api.env", domain, &[])]
    );
    let mixed = generation.files.iter().find_map(|row| row.chunks.clone()).unwrap();
    let texts = [RecordedChunk::Text("\nTLSA=\"".to_owned()), RecordedChunk::Text("\"\n".to_owned())];
    let [before, after] = texts;
    let run = [before, RecordedChunk::Artifact("{artifact:mx/tlsa}".to_owned()), after];
    assert!(mixed.windows(3).any(|window| window == run), "{mixed:?}");
    assert_eq!(Generation::from_bytes(&generation.to_bytes(), "Web", 1).as_ref(), Ok(&generation));
    // Whether it is one or not is nothing that a stack is.
    assert_eq!(generation.render_hash, drafted_with("no digest").render_hash);
}

/// What an artifact is changes files, and nothing else.
#[test]
fn a_renewal_changes_no_identity() {
    let (one, other) = (drafted_with("one"), drafted_with("an\"other"));
    assert_eq!(
        (&one.source_hash, &one.render_hash, &one.services, &one.store_paths, &one.artifacts),
        (&other.source_hash, &other.render_hash, &other.services, &other.store_paths, &other.artifacts)
    );
    let differ = |path: &str| {
        let mark =
            |generation: &Generation| generation.files.iter().find(|row| row.path.as_str() == path).unwrap().mark;
        mark(&one) != mark(&other)
    };
    assert!(differ("/etc/app/tlsa.json") && differ("/etc/punix/env/Web/api.env") && !differ("/etc/app/a.conf"));
    let elsewhere = {
        let mut design = taking("{artifact:mx/tlsa}");
        design.files.pop();
        drafted(&design, "")
    };
    assert_ne!(elsewhere.render_hash, one.render_hash);
}
