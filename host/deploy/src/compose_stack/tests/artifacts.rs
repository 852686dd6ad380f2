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
        let artifact = Artifact { kind: "literal".to_owned(), domain: None, text: (*text).to_owned() };
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
    expect![[r#"
        t.pcl:4:21: error: [E2] cross-host artifact(s) not available: artifact:db:key, artifact:mx:tlsa
        t.pcl:8:7: note: `artifact:db:key` is needed here
        t.pcl:4:21: note: `artifact:mx:tlsa` is needed here
        help: other hosts of a fleet give them: deploy the stack with `punix fleet apply`
    "#]]
    .assert_eq(&errors);
    let one = texts(&[("mx", "tlsa", "x"), ("mx", "key", "x")]);
    let errors = filled(&stack(TAKES), Filling::Texts(&one)).unwrap_err();
    expect![[r#"
        t.pcl:8:7: error: [E2] cross-host artifact(s) not available: artifact:db:key
        help: other hosts of a fleet give them: deploy the stack with `punix fleet apply`
    "#]]
    .assert_eq(&errors);
}

#[test]
fn texts_are_written_as_their_places_need_them() {
    let artifacts = texts(&[("mx", "tlsa", "a \"b\""), ("db", "key", "")]);
    let design = filled(&stack(TAKES), Filling::Texts(&artifacts)).unwrap();
    let artifact = &design.services[0].environment[1];
    assert_eq!(artifact.value, [Chunk::Text("a \"b\"".to_owned())]);
    assert_eq!(artifact.artifact.as_ref().map(|it| (it.machine.as_str(), it.name.as_str())), Some(("mx", "tlsa")));
    assert_eq!(design.services[0].environment[0].artifact, None);
    expect![[r#""{\n  \"a\": \"a \\\"b\\\"\",\n  \"b\": [\n    \"\"\n  ]\n}\n""#]].assert_eq(&body(&design));
    let design = filled(&stack(TAKES), Filling::References).unwrap();
    expect![[r#""{\n  \"a\": \"{artifact:mx/tlsa}\",\n  \"b\": [\n    \"{artifact:db/key}\"\n  ]\n}\n""#]]
        .assert_eq(&body(&design));
    let links: Vec<(&str, &str)> =
        design.links.consumes.iter().map(|link| (link.machine.as_str(), link.name.as_str())).collect();
    assert_eq!(links, [("db", "key"), ("mx", "tlsa")]);
}

#[test]
fn what_a_stack_gives_is_known_without_anybody() {
    let design = filled(
        &stack(
            "producesArtifacts = [ { name = \"a.b-1\" kind = \"literal\" value = \"x y\" }, { name = \"t\" kind = \"tlsa\" fromCert = \"mx.example.org\" }
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
]
services = [ { name = \"a\" package = \"Api\" binary = \"api\"
environment = { T = { artifact = { host = \"m x\" name = \"\" } } }
health = { http = [{ artifact = { host = \"mx\" name = \"x\" } }] } } ]",
    );
    expect![[r#"
        t.pcl:4:10: error: [E1] `S.producesArtifacts[0].name` is "a/b", which cannot be the name of an artifact
        help: it is made of letters, digits, `.`, `_` and `-`: it becomes a part of a reference
        t.pcl:5:21: error: [E2] `S.producesArtifacts[1].kind` is "tls", which is no kind of artifact
        help: did you mean `tlsa`?
        t.pcl:6:1: error: [E3] `S.producesArtifacts[2]` lacks the required field `value`
        help: add `value = …` (the text itself)
        t.pcl:7:1: error: [E3] `S.producesArtifacts[3]` lacks the required field `fromCert`
        help: add `fromCert = …` (the domain whose certificate it is made of)
        t.pcl:7:36: error: [E2] `S.producesArtifacts[3].value` means nothing here: a tlsa artifact has no `value`
        help: remove it
        t.pcl:8:39: error: [E1] `S.producesArtifacts[4].fromCert` is "../../x", which is not a valid hostname
        help: a hostname is made of letters, digits and `-`, with dots between
        t.pcl:9:62: error: [E2] `S.producesArtifacts[5].value` means nothing here: a sha256-file artifact has no `value`
        help: remove it
        t.pcl:10:54: error: [E2] `S.producesArtifacts[6].fromCert` means nothing here: a literal artifact has no `fromCert`
        help: remove it
        t.pcl:11:10: error: [E6] the artifact `f` is there twice, and others could not tell which is meant
        t.pcl:10:1: note: the other one is here
        help: give one of them another name
        t.pcl:14:21: error: [E1] `S.services[0].environment.T` refers to an artifact by the host "m x", which cannot be one
        help: it is made of letters, digits, `.`, `_` and `-`: it becomes a part of a reference
        t.pcl:15:19: error: [E1] `S.services[0].health.http` is a list, it takes a string
        t.pcl:15:20: error: [E1] `S.services[0].health.http[0]` is an artifact of another host, and none may stand here
        help: artifacts belong into `environment` or into the `data` of a data file
    "#]].assert_eq(&filled(&program, Filling::References).unwrap_err());
}
