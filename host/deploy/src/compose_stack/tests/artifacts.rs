//! What stacks give each other: read, checked, and filled in.

use super::*;
use crate::artifacts::{Artifact, Production};

const TAKES: &str = "services = [ { name = \"a\" package = \"Api\" binary = \"api\"
environment = { T = { artifact = { host = \"mx\" name = \"tlsa\" } }  PLAIN = \"p\" } } ]
dataFiles = [\"F\"]
}
module F { path = \"/etc/f.json\" format = \"json\" data = { a = { artifact = { host = \"mx\" name = \"tlsa\" } }
 b = [{ artifact = { host = \"db\" name = \"key\" } }] }";

fn filled(text: &str, filling: Filling<'_>) -> Result<Design, String> {
    let world = World::default();
    let text = format!("{API}{text}");
    let checked = check_program(vec![Source { name: "t.pcl".to_owned(), bytes: text.into() }], &world);
    let choice = StackChoice {
        checked: &checked,
        world: &world,
        scenario: None,
        stack: "S",
        home: None,
        artifacts: filling,
        entry: &|_| Some("/store/api".to_owned()),
    };
    let look = Look { color: false, detail: Detail::Lines };
    compose_stack(choice)
        .map(|(design, _)| design)
        .map_err(|errors| render(&errors, &checked.program.ast.sources, look))
}

fn texts(all: &[(&str, &str, &str)]) -> Artifacts {
    let mut artifacts = Artifacts::default();
    for (machine, name, text) in all {
        let artifact = Artifact { kind: "literal".to_owned(), text: (*text).to_owned() };
        artifacts.add(machine, std::collections::BTreeMap::from([((*name).to_owned(), artifact)]));
    }
    artifacts
}

fn body(design: &Design) -> String {
    let FileBody::Chunks(chunks) = &design.files[0].body else { panic!("it is made of data") };
    shown(chunks)
}

#[test]
fn what_is_missing_is_named_at_once() {
    let none = Artifacts::default();
    let errors = filled(&stack(TAKES), Filling::Texts(&none)).unwrap_err();
    expect![[""]].assert_eq(&errors);
    let one = texts(&[("mx", "tlsa", "x"), ("mx", "key", "x")]);
    let errors = filled(&stack(TAKES), Filling::Texts(&one)).unwrap_err();
    expect![[""]].assert_eq(&errors);
}

#[test]
fn texts_are_written_as_their_places_need_them() {
    let artifacts = texts(&[("mx", "tlsa", "a \"b\""), ("db", "key", "")]);
    let design = filled(&stack(TAKES), Filling::Texts(&artifacts)).unwrap();
    let artifact = &design.services[0].environment[1];
    assert_eq!(artifact.value, [Chunk::Text("a \"b\"".to_owned())]);
    assert_eq!(artifact.artifact.as_ref().map(|it| (it.machine.as_str(), it.name.as_str())), Some(("mx", "tlsa")));
    assert_eq!(design.services[0].environment[0].artifact, None);
    expect![[""]].assert_eq(&body(&design));
    let design = filled(&stack(TAKES), Filling::References).unwrap();
    expect![[""]].assert_eq(&body(&design));
    let links: Vec<(&str, &str)> =
        design.links.consumes.iter().map(|link| (link.machine.as_str(), link.name.as_str())).collect();
    assert_eq!(links, [("db", "key"), ("mx", "tlsa")]);
}

#[test]
fn what_a_stack_gives_is_known_without_anybody() {
    let design = filled(
        &stack(
            "producesArtifacts = [ { name = \"a.b-1\" kind = \"literal\" value = \"x y\" } { name = \"t\" kind = \"tlsa\" fromCert = \"mx.example.org\" }
{ name = \"f\" kind = \"sha256-file\" fromCert = \"mx.example.org\" } ]",
        ),
        Filling::References,
    );
    let domain = || "mx.example.org".to_owned();
    let kinds: Vec<(String, Production)> =
        design.unwrap().links.produces.into_iter().map(|produced| (produced.name, produced.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("a.b-1".to_owned(), Production::Literal("x y".to_owned())),
            ("t".to_owned(), Production::Tlsa { domain: domain() }),
            ("f".to_owned(), Production::Sha256File { domain: domain() }),
        ]
    );
}

#[test]
fn everything_that_is_wrong_with_artifacts_is_told() {
    let program = stack(
        "producesArtifacts = [
{ name = \"a/b\" kind = \"literal\" value = \"x\" }
{ name = \"a\" kind = \"tls\" fromCert = \"x.org\" }
{ name = \"b\" kind = \"literal\" }
{ name = \"c\" kind = \"tlsa\" value = \"x\" }
{ name = \"d\" kind = \"tlsa\" fromCert = \"../../x\" }
{ name = \"e\" kind = \"sha256-file\" fromCert = \"x.org\" value = \"y\" }
{ name = \"f\" kind = \"literal\" value = \"x\" fromCert = \"x.org\" }
{ name = \"f\" kind = \"literal\" value = \"y\" }
{ kind = \"literal\" value = \"y\" }
]
services = [ { name = \"a\" package = \"Api\" binary = \"api\"
environment = { T = { artifact = { host = \"m x\" name = \"\" } } }
timer = { OnCalendar = { artifact = { host = \"mx\" name = \"x\" } } } } ]",
    );
    expect![[""]].assert_eq(&filled(&program, Filling::References).unwrap_err());
}
