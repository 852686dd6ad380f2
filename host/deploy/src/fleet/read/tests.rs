use super::*;
use expect_test::expect;
use punix_diag::{Detail, Look, render};
use punix_pcl::{Source, World, check};

fn checked(text: &str) -> Checked {
    check(vec![Source { name: "fleet.pcl".to_owned(), bytes: text.as_bytes().to_vec() }], &World::default())
}

/// Returns what is told of a fleet that is refused: by the language, or here.
fn told(text: &str) -> String {
    let checked = checked(text);
    let errors = if checked.has_errors() { checked.diagnostics.clone() } else { read_fleet(&checked).unwrap_err() };
    render(&errors, &checked.program.ast.sources, Look { color: false, detail: Detail::Lines })
}

fn with(rest: &str) -> String {
    format!("module Fleet {{\n  hosts = [ {{ file = \"f\"  stack = \"S\"  target = \"t\" }} ]\n  {rest}\n}}\n")
}

#[test]
fn a_fleet_is_its_hosts_in_the_order_of_the_file() {
    let checked = checked(
        r#"module Fleet {
  hosts = [
    { file = ["hosts/web.pcl"]  stack = "Web"  target = "ssh://u@web"  machine = "web" }
    { file = ["db.pcl", "common.pcl"]  stack = "Db"  target = "ssh://u@db:2222" }
  ]
}
"#,
    );
    let fleet = read_fleet(&checked).unwrap();
    let [web, db] = fleet.hosts.as_slice() else { panic!("{fleet:?}") };
    assert_eq!((web.files.as_slice(), web.stack.as_str()), (["hosts/web.pcl".to_owned()].as_slice(), "Web"));
    assert_eq!((web.machine.as_deref(), db.machine.as_deref()), (Some("web"), None));
    assert_eq!((db.files.len(), db.target.as_str()), (2, "ssh://u@db:2222"));
    assert_eq!(checked.program.ast.sources.locate(db.at.start).line, 4);
    assert_eq!(read_hosts(&checked).unwrap(), fleet.hosts);
}

#[test]
fn hosts_can_be_made_by_the_program() {
    let checked = checked(
        r#"module Sites { all = [{ name = "a" }, { name = "b" }] }
module Fleet { hosts = for site in Sites.all yield { file = f"{site.name}.pcl"  stack = "S"  target = f"ssh://{site.name}" } }
"#,
    );
    let fleet = read_fleet(&checked).unwrap();
    let targets: Vec<&str> = fleet.hosts.iter().map(|host| host.target.as_str()).collect();
    assert_eq!(targets, ["ssh://a", "ssh://b"]);
}

#[test]
fn what_is_no_fleet_is_told_where_it_stands() {
    for (text, line) in [
        ("module Other { x = 1 }", "there is no fleet here"),
        ("module Fleet { x = 1 }", "there is no fleet here"),
        ("module Fleet { hosts = [] }", "`Fleet.hosts` is empty"),
        ("module Fleet { hosts = \"x\" }", "`Fleet.hosts` is a string, it takes a list of records"),
        ("module Fleet { hosts = [\"x\"] }", "`Fleet.hosts[0]` is a string"),
        (
            "module Fleet { hosts = [ { file = [] stack = \"S\" target = \"t\" } ] }",
            "`Fleet.hosts[0].file` is an empty list",
        ),
        ("module Fleet { hosts = [ { file = \"\" stack = \"S\" target = \"t\" } ] }", "`Fleet.hosts[0].file` is empty"),
        (
            "module Fleet { hosts = [ { file = \"f\" stack = \"\" target = \"t\" } ] }",
            "`Fleet.hosts[0].stack` is empty",
        ),
    ] {
        let told = told(text);
        assert!(told.contains(line), "{text}: {told}");
        let located = told.contains("fleet.pcl:") || text.starts_with("module Other");
        assert!(located, "{text}: {told}");
    }
    // The language says these.
    for text in [
        "module Fleet { hosts = [ { stack = \"S\" target = \"t\" } ] }",
        "module Fleet { hosts = [ { file = 1 stack = \"S\" target = \"t\" } ] }",
        "module Fleet { hosts = [ { file = [1] stack = \"S\" target = \"t\" } ] }",
        "module Fleet { hosts = [ { file = \"f\" stack = \"S\" target = \"t\" machine = 1 } ] }",
        "module Fleet {",
    ] {
        assert!(told(text).contains("fleet.pcl:"), "{text}");
    }
}

#[test]
fn a_model_holds_lines_and_numbers() {
    for (rest, line) in [
        ("machines = [\"x\"]", "Fleet.machines"),
        ("machines = { a = { x = true } }", "Fleet.machines.a.x"),
        ("machines = { a = { x = [\"y\"] } }", "Fleet.machines.a.x"),
        ("machines = { a = { x = \"a\\nb\" } }", "`Fleet.machines.a.x` has a line break in it"),
        ("globals = [\"x\"]", "Fleet.globals"),
        ("globals = { x = \"a\\nb\" }", "`Fleet.globals.x` has a line break in it"),
        ("uniqueFields = \"ip\"", "Fleet.uniqueFields"),
        ("machines = { a = { name = \"x\" } }", "the machine `a` has the field `name`"),
        ("machines = { a = { isSelf = 1 } }", "the machine `a` has the field `isSelf`"),
        ("machines = { a = { x = 1 } }\n  globals = { machines = \"x\" }", "the name of the list of all machines"),
    ] {
        let told = told(&with(rest));
        assert!(told.contains(line) && told.contains("fleet.pcl:3") | told.contains("fleet.pcl:4"), "{rest}: {told}");
    }
    // Machines that have not all the same fields are in no list, and may use the names.
    assert!(read_fleet(&checked(&with("machines = { a = { name = \"x\" }  b = { y = 1 } }"))).is_ok());
}

#[test]
fn what_has_to_be_unique_is() {
    let text = with(
        "machines = { a = { ip = \"1\"  port = 1 }  b = { ip = \"1\"  port = 2 }  c = { ip = \"1\"  port = 1 } }\n  uniqueFields = [\"ip\", \"port\"]",
    );
    expect![[r#"
        fleet.pcl:3:55: error: [E4] the machines `a` and `b` both have `ip = "1"`
        fleet.pcl:3:27: note: the other one is here
        fleet.pcl:4:19: note: `uniqueFields` wants it to be there once
        help: give `b` another `ip`
        fleet.pcl:3:83: error: [E4] the machines `a` and `c` both have `ip = "1"`
        fleet.pcl:3:27: note: the other one is here
        fleet.pcl:4:19: note: `uniqueFields` wants it to be there once
        help: give `c` another `ip`
        fleet.pcl:3:95: error: [E4] the machines `a` and `c` both have `port = 1`
        fleet.pcl:3:39: note: the other one is here
        fleet.pcl:4:25: note: `uniqueFields` wants it to be there once
        help: give `c` another `port`
    "#]]
    .assert_eq(&told(&text));
    // A number is not the text of its digits.
    let text = with("machines = { a = { id = \"1\" }  b = { id = 1  x = 1 } }\n  uniqueFields = [\"id\"]");
    assert!(read_fleet(&checked(&text)).is_ok());
}

/// The hosts would find it, each for itself, in a text that nobody wrote.
#[test]
fn a_field_has_one_type_in_all_machines_of_the_list() {
    let text = with(
        "machines = {\n    a = { ip = \"1\"  port = 1 }\n    b = { ip = 1  port = 2 }\n    c = { ip = 2  port = \"3\" }\n  }",
    );
    expect![[r#"
        fleet.pcl:5:16: error: [E1] `Fleet.machines.b.ip` is a number, and that of `a` is a string
        fleet.pcl:4:16: note: the other one is here
        help: hosts see all machines as one list, so a field is of one type in all of them
        fleet.pcl:6:26: error: [E1] `Fleet.machines.c.port` is a string, and that of `a` is a number
        fleet.pcl:4:28: note: the other one is here
        help: hosts see all machines as one list, so a field is of one type in all of them
    "#]]
    .assert_eq(&told(&text));
    // Machines with different fields are in no list.
    let text = with("machines = { a = { ip = \"1\" }  b = { ip = 1  port = 2 } }");
    assert!(read_fleet(&checked(&text)).is_ok());
}

#[test]
fn a_host_is_a_machine_of_the_list() {
    let text = r#"module Fleet {
  hosts = [ { file = "f"  stack = "S"  target = "t"  machine = "webb" } ]
  machines = { web = { ip = "1" } }
}
"#;
    expect![[r#"
        fleet.pcl:2:13: error: [E2] the host of `S` is the machine `webb`, which is not in `Fleet.machines`
        help: did you mean `web`?
    "#]]
    .assert_eq(&told(text));
}

#[test]
fn who_goes_back_needs_the_hosts_alone() {
    let checked = checked(&with("machines = { a = { ip = \"1\" }  b = { ip = \"1\" } }\n  uniqueFields = [\"ip\"]"));
    assert!(read_fleet(&checked).is_err());
    assert_eq!(read_hosts(&checked).unwrap().len(), 1);
}
