use super::*;
use crate::certificate::tests::{ASSOCIATION, CERTIFICATE, FILE_DIGEST};
use expect_test::expect;
use punix_diag::{Detail, Look, SourceMap, render};

fn links(kinds: &[(&str, Production)]) -> Links {
    let produced = |(name, kind): &(&str, Production)| Produced {
        name: (*name).to_owned(),
        kind: kind.clone(),
        at: Span::default(),
    };
    Links { produces: kinds.iter().map(produced).collect(), consumes: Vec::new() }
}

fn told(errors: &[Diagnostic]) -> String {
    render(errors, &SourceMap::default(), Look { color: false, detail: Detail::Lines })
}

fn domain() -> String {
    "a.example.org".to_owned()
}

#[test]
fn an_association_is_of_the_public_key_and_a_digest_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join(domain())).unwrap();
    std::fs::write(directory.path().join(domain()).join("fullchain.pem"), CERTIFICATE).unwrap();
    let links = links(&[
        ("text", Production::Literal("as it is\n".to_owned())),
        ("tlsa", Production::Tlsa { domain: domain() }),
        ("file", Production::Sha256File { domain: domain() }),
    ]);
    let values = artifact_values(&links, Some(directory.path())).unwrap();
    let found = |name: &str| values.get(name).map(|artifact| (artifact.kind.as_str(), artifact.text.as_str())).unwrap();
    assert_eq!(found("text"), ("literal", "as it is\n"));
    assert_eq!(found("tlsa"), ("tlsa", ASSOCIATION));
    assert_eq!(found("file"), ("sha256-file", FILE_DIGEST));
}

#[test]
fn all_that_cannot_be_told_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join(domain())).unwrap();
    std::fs::write(directory.path().join(domain()).join("fullchain.pem"), "CERT-ONE\n").unwrap();
    let links = links(&[
        ("tlsa", Production::Tlsa { domain: domain() }),
        ("fine", Production::Literal(String::new())),
        ("gone", Production::Sha256File { domain: "b.example.org".to_owned() }),
    ]);
    let shown = |certificates: Option<&Path>| {
        let errors = told(&artifact_values(&links, certificates).unwrap_err());
        errors.replace(&directory.path().display().to_string(), "DIR")
    };
    expect![[r#"
        :1:1: error: [E9] the tlsa artifact `tlsa` needs the certificate of `a.example.org`, and none is at hand
        help: name the directory with `--tls-certs DIR`: the certificate is read on the machine that runs punix
        :1:1: error: [E9] the sha256-file artifact `gone` needs the certificate of `b.example.org`, and none is at hand
        help: name the directory with `--tls-certs DIR`: the certificate is read on the machine that runs punix
    "#]]
    .assert_eq(&shown(None));
    expect![[r#"
        :1:1: error: [E9] the tlsa artifact `tlsa`: `DIR/a.example.org/fullchain.pem` holds no certificate in PEM
        help: put certificates in PEM there, the domain's own first: each begins with `-----BEGIN CERTIFICATE-----`
        :1:1: error: [E9] the sha256-file artifact `gone`: cannot read `DIR/b.example.org/fullchain.pem`: No such file or directory (os error 2)
    "#]]
    .assert_eq(&shown(Some(directory.path())));
}
