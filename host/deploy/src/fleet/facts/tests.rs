use super::*;
use crate::fleet::read_fleet;
use expect_test::expect;
use punix_pcl::{Checked, Evaluator, World, check};

fn fleet(rest: &str) -> Fleet {
    let text =
        format!("module Fleet {{\n  hosts = [ {{ file = \"f\"  stack = \"S\"  target = \"t\" }} ]\n  {rest}\n}}\n");
    read_fleet(&checked(vec![Source { name: "fleet.pcl".to_owned(), bytes: text.into_bytes() }])).unwrap()
}

fn checked(sources: Vec<Source>) -> Checked {
    let checked = check(sources, &World::default());
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
    checked
}

fn text(fleet: &Fleet, machine: Option<&str>) -> String {
    fleet.facts_for(machine).map_or_else(String::new, |source| String::from_utf8(source.bytes).unwrap())
}

const MESH: &str = "machines = { b = { port = 2  ip = \"10.0.0.2\" }  a = { ip = \"10.0.0.1\"  port = 1 } }
  globals = { zone = \"example.org\"  ttl = 60 }";

#[test]
fn every_host_is_told_of_all_and_which_one_it_is() {
    expect![[r#"
        module Fleet_a {
          ip = "10.0.0.1"
          port = 1
        }
        module Fleet_b {
          ip = "10.0.0.2"
          port = 2
        }
        module Fleet {
          machines = [
            { name = "a"  isSelf = 0  ip = "10.0.0.1"  port = 1 },
            { name = "b"  isSelf = 1  ip = "10.0.0.2"  port = 2 }
          ]
          ttl = 60
          zone = "example.org"
        }
    "#]]
    .assert_eq(&text(&fleet(MESH), Some("b")));
}

#[test]
fn whoever_is_no_machine_is_not_told_who_it_is() {
    let text = text(&fleet(MESH), None);
    assert!(text.contains("{ name = \"a\"  ip = \"10.0.0.1\"  port = 1 }") && !text.contains("isSelf"), "{text}");
}

#[test]
fn machines_with_other_fields_are_in_no_list() {
    let text = text(&fleet("machines = { a = { x = 1 }  b = { y = 1 }  c = {} }"), Some("a"));
    assert_eq!(text, "module Fleet_a {\n  x = 1\n}\nmodule Fleet_b {\n  y = 1\n}\n");
    assert!(fleet("globals = {}").facts_for(Some("a")).is_none());
}

#[test]
fn a_text_arrives_as_it_was_written() {
    let fleet = fleet("globals = { odd = \"a \\\"b\\\" {c} \\\\ \\t ü # x\" }");
    let checked = checked(vec![fleet.facts_for(None).unwrap()]);
    let program = &checked.program;
    let member = program.member_named(program.module_named("Fleet").unwrap(), "odd").unwrap();
    let mut evaluator = Evaluator::new(program);
    evaluator.evaluate(member);
    let value = evaluator.value(member).unwrap();
    assert_eq!(evaluator.text_of(value), Some("a \"b\" {c} \\ \t ü # x"));
}

#[test]
fn a_mesh_is_a_comprehension() {
    let own = "module Mesh {\n  peers = for peer in Fleet.machines where peer.isSelf = 0 yield peer.ip\n  me = Fleet_b.ip\n}\n";
    let sources = vec![
        Source { name: "host.pcl".to_owned(), bytes: own.as_bytes().to_vec() },
        fleet(MESH).facts_for(Some("b")).unwrap(),
    ];
    let checked = checked(sources);
    let program = &checked.program;
    let member = program.member_named(program.module_named("Mesh").unwrap(), "peers").unwrap();
    let mut evaluator = Evaluator::new(program);
    evaluator.evaluate(member);
    let mut json = String::new();
    punix_pcl::json(&evaluator.values, evaluator.value(member).unwrap(), 1 << 10, &mut json).unwrap();
    assert_eq!(json, "[\"10.0.0.1\"]");
}
