use super::*;
use crate::testing::{design, file, lines, path, rendered};
use expect_test::{Expect, expect};
use punix_model::Encoding;
use punix_store::Digest;
use std::io::Write;

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn text(content: &Content) -> String {
    match content {
        Content::Plain(body) => format!("plain: {}", String::from_utf8_lossy(&body.bytes().unwrap())),
        Content::Secret(secret) => format!("secret: {}", String::from_utf8_lossy(secret.expose())),
    }
}

/// A stack with a file that holds the secret in an encoding.
fn with_file(encoding: &str, shape: Shape) -> Design {
    let mut design = design();
    let chunks = vec![
        Chunk::Text("before ".to_owned()),
        Chunk::Secret(0, Encoding(encoding.to_owned())),
        Chunk::Text(" behind\n".to_owned()),
    ];
    let body = crate::design::FileBody::Chunks(chunks);
    design.files.push(crate::design::DesignFile { secret: true, body, ..file("/etc/app/s", "") });
    design.slots[0].shape = shape;
    design
}

#[track_caller]
fn check_err(encoding: &str, shape: Shape, value: &str, expected: Expect) {
    let design = with_file(encoding, shape);
    let errors = splice(&design, &rendered(&design), &[secret(value)]).unwrap_err();
    let shown = lines(&errors);
    assert!(value.len() < 3 || !shown.contains(value), "{shown}");
    expected.assert_eq(&shown);
}

#[test]
fn secrets_stand_in_their_files_and_nowhere_else() {
    let design = with_file("json.string", Shape::Text);
    let contents = splice(&design, &rendered(&design), &[secret("a\"b\nc")]).unwrap();
    let shown: Vec<String> = contents.0.iter().map(|(path, content)| format!("{path} {}", text(content))).collect();
    expect![[r#"
        /etc/app/a.conf plain: a

        /etc/app/s secret: before "a\"b\nc" behind

        /etc/punix/env/Web/api.env secret: LEVEL="info"
        TOKEN="a\"b
        c"

        /etc/systemd/system/api.service plain: ExecStart=/store/api/bin/api --port 80
        {}
    "#]]
    .assert_eq(&shown.join("\n"));
    let marks = contents.marks(|secret| Ok::<_, ()>(Mark::HmacSha256(Digest::of(&[secret.length() as u8])))).unwrap();
    assert_eq!(marks[&path("/etc/app/a.conf")], Mark::Sha256(Digest::of(b"a\n")));
    assert!(matches!(marks[&path("/etc/app/s")], Mark::HmacSha256(_)));
    let payload = contents.into_payload();
    assert_eq!((payload.blobs.len(), payload.secrets.len()), (2, 2));
}

#[test]
fn a_text_that_is_declared_a_secret_is_one() {
    let mut design = design();
    design.files[0].secret = true;
    let contents = splice(&design, &rendered(&design), &[secret("x")]).unwrap();
    assert_eq!(text(&contents.0[&path("/etc/app/a.conf")]), "secret: a\n");
}

#[test]
fn a_value_that_does_not_fit_is_refused_and_not_shown() {
    check_err(
        "raw",
        Shape::SingleLine,
        "swordfish\nUser=root",
        expect![[r#"
            21: [E33] the secret `from_env:TOKEN` holds a line break, and cannot be written to `/etc/app/s`
              note: it would stand there as `raw`
              help: store the value where it comes from as base64 or the like, and have the service decode it
            21: [E33] the secret `from_env:TOKEN` holds a line break, and cannot be written to `/etc/punix/env/Web/api.env`
              note: it would stand there as `systemd.environment-file`
              help: store the value where it comes from as base64 or the like, and have the service decode it
        "#]],
    );
    check_err(
        "raw",
        Shape::Binary,
        "sword\0fish",
        expect![[r#"
            21: [E33] the secret `from_env:TOKEN` holds a NUL character, and cannot be written to `/etc/punix/env/Web/api.env`
              note: it would stand there as `systemd.environment-file`
              help: store the value where it comes from as base64 or the like, and have the service decode it
        "#]],
    );
    check_err(
        "xml",
        Shape::Text,
        "swordfish",
        expect![[r#"
            21: [E33] the secret `from_env:TOKEN` is wanted in an encoding that is not known, and cannot be written to `/etc/app/s`
              note: it would stand there as `xml`
              help: store the value where it comes from as base64 or the like, and have the service decode it
        "#]],
    );
    let design = with_file("systemd.exec", Shape::Text);
    let long = "\u{1}".repeat(100_000);
    let mut rendered = rendered(&design);
    let many = vec![Chunk::Secret(0, Encoding("systemd.exec".to_owned())); 3];
    rendered.files[1].chunks = many;
    let errors = splice(&design, &rendered, &[secret(&long)]).unwrap_err();
    assert!(lines(&errors).contains("is longer than what is read there, and cannot be written to `/etc/app/s`"));
}

#[test]
fn a_secret_without_a_value_stops_it() {
    let design = design();
    let errors = splice(&design, &rendered(&design), &[]).unwrap_err();
    assert!(lines(&errors).contains("[E11] `/etc/punix/env/Web/api.env` refers to secret 0"), "{}", lines(&errors));
}

#[test]
fn a_value_in_a_file_that_is_not_meant_for_it_stops_it() {
    let mut design = design();
    design.files = vec![file("/etc/app/leak", "password = correct horse\nagain correct horse\n")];
    let leak = |value: &str| {
        splice(&design, &rendered(&design), &[secret(value)]).map(|_| ()).map_err(|errors| lines(&errors))
    };
    expect![[r#"
        10: [E33] the value of the secret `from_env:TOKEN` stands in `/etc/app/leak`, which anybody may read
          help: refer to the secret in place of its value, or mark the file with `secret = true`; if it is mere chance, the secret is easily guessed
    "#]]
    .assert_eq(&leak("correct horse").unwrap_err());
    assert_eq!((leak("correct"), leak("correct house"), leak("")), (Ok(()), Ok(()), Ok(())));
    // What a backend wrote, and what is long.
    assert!(leak("/store/api/bin").is_err());
    let mut long = design.clone();
    let key: String = (0..2_000u32).map(|n| char::from(b'a' + u8::try_from(n * 7 % 26).unwrap())).collect();
    long.files = vec![file("/etc/app/leak", &format!("x{key}x")), file("/etc/app/near", &key[..1_999])];
    let errors = splice(&long, &rendered(&long), &[secret(&key)]).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].message.contains("/etc/app/leak"));
}

/// A file of which no more is in memory than a piece.
fn large(text: &str) -> (Body, tempfile::NamedTempFile) {
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(text.as_bytes()).unwrap();
    let most = u64::try_from(text.len()).unwrap();
    let body = Body::file(written.reopen().unwrap(), "large".to_owned(), most, |_| Ok(())).unwrap();
    (body, written)
}

#[test]
fn a_value_is_found_wherever_it_stands_in_a_large_file() {
    let design = design();
    let mut rendered = rendered(&design);
    let at = rendered.files.iter().position(|file| !file.secret).unwrap();
    rendered.files[at].chunks.clear();
    let value: String = (0..700u32).map(|n| char::from(b'a' + u8::try_from(n * 7 % 26).unwrap())).collect();
    let splice = |rendered: &Rendered| splice(&design, rendered, &[secret(&value)]);
    // Pieces have 128 KiB.
    for before in [0, 131_072 - 700, 131_072 - 699, 131_072 - 300, 131_072 - 1, 131_072, 2 * 131_072 - 350, 300_000] {
        let (body, _file) = large(&format!("{}{value}{}", ".".repeat(before), ".".repeat(500)));
        rendered.files[at].large = Some(body);
        let errors = splice(&rendered).unwrap_err();
        assert!(errors.len() == 1 && errors[0].message.contains("stands in"), "{before}: {errors:?}");
    }
    let (body, file) = large(&format!("{}{}", ".".repeat(200_000), &value[1..]));
    rendered.files[at].large = Some(body.clone());
    let contents = splice(&rendered).unwrap();
    let path = &rendered.files[at].path;
    assert!(matches!(&contents.0[path], Content::Plain(found) if *found == body));
    let marks = contents.marks(|_| Err("there is none")).unwrap_err();
    assert_eq!(marks, "there is none");
    assert!(contents.into_payload().blobs.contains_key(&body.digest()));
    // By now it is another one.
    std::fs::write(file.path(), "other").unwrap();
    let error = &splice(&rendered).unwrap_err()[0];
    assert!(error.message.ends_with("cannot read its source: `large` was changed after it was read"), "{error:?}");
}

#[test]
fn a_record_is_enough_to_make_its_files_again() {
    let design = with_file("shell.single", Shape::Text);
    let rendered = rendered(&design);
    let values = [secret("it's")];
    let contents = splice(&design, &rendered, &values).unwrap();
    let marks = contents.marks(|secret| Ok::<_, ()>(Mark::HmacSha256(Digest::of(secret.expose())))).unwrap();
    let generation = crate::draft::draft(&design, &rendered, &marks, crate::draft::tests::circumstances());
    assert_eq!(references(&generation).into_iter().collect::<Vec<_>>(), ["from_env:TOKEN"]);
    let made = splice_record(
        &generation,
        &BTreeMap::from([("from_env:TOKEN".to_owned(), secret("it's"))]),
        &Artifacts::default(),
    )
    .unwrap();
    for (path, made) in &made {
        assert_eq!(text(&Content::Secret(made.clone())), text(&contents.0[path]), "{path}");
    }
    assert_eq!(made.len(), 2);
    let other = splice_record(
        &generation,
        &BTreeMap::from([("from_env:TOKEN".to_owned(), secret("a\0"))]),
        &Artifacts::default(),
    );
    assert!(lines(&other.unwrap_err()).contains("holds a NUL character"));
    assert!(splice_record(&generation, &BTreeMap::new(), &Artifacts::default()).unwrap().is_empty());
}

#[test]
fn a_digest_of_another_host_is_put_in_with_the_secrets() {
    let now = Digest::of(b"now").to_string();
    let values = BTreeMap::from([("from_env:TOKEN".to_owned(), secret("t")), ("from_env:DB".to_owned(), secret("d"))]);
    let mut artifacts = Artifacts::default();
    let artifact = crate::Artifact { kind: "tlsa".to_owned(), domain: None, text: now.clone() };
    artifacts.add("mx", BTreeMap::from([("tlsa".to_owned(), artifact)]));
    let generation = crate::draft::tests::drafted_with(&Digest::of(b"then").to_string());
    let values: BTreeMap<String, Secret> =
        references(&generation).into_iter().map(|name| (name, secret("v"))).chain(values).collect();
    let made = splice_record(&generation, &values, &artifacts).unwrap();
    let env = path("/etc/punix/env/Web/api.env");
    let written = text(&Content::Secret(made[&env].clone()));
    assert!(written.contains(&format!("TLSA=\"{now}\"\n")), "{written}");
    assert!(
        !splice_record(&generation, &values, &Artifacts::default()).unwrap().contains_key(&env),
        "nobody was asked"
    );
    // What is no digest may have been quoted.
    let literal = crate::draft::tests::drafted_with("two words");
    assert!(!splice_record(&literal, &values, &artifacts).unwrap().contains_key(&env));
}
