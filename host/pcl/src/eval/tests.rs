//! Values, shown in PCL, and what a scenario leaves behind: nothing.

use super::Evaluator;
use crate::canon::pcl;
use crate::check::{Checked, World, check};
use crate::parser::Source;
use expect_test::{Expect, expect};

fn checked(text: &str) -> Checked {
    let checked = check(vec![Source { name: "t".to_owned(), bytes: text.as_bytes().to_vec() }], &World::default());
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
    checked
}

fn shown(checked: &Checked, evaluator: &Evaluator<'_>) -> String {
    let mut out = String::new();
    for (module, _) in checked.program.modules() {
        for (member, _) in checked.program.members_of(module) {
            out.push_str(&format!("{} = ", checked.program.show(member)));
            match evaluator.value(member) {
                Some(value) => pcl(&evaluator.values, value, 1_000, &mut out),
                None => out.push('-'),
            }
            out.push('\n');
        }
    }
    out
}

fn check_values(text: &str, expected: &Expect) {
    let checked = checked(text);
    let mut evaluator = Evaluator::new(&checked.program);
    evaluator.evaluate_all();
    expected.assert_eq(&shown(&checked, &evaluator));
}

#[test]
fn comprehensions_sort_by_text_and_drop_equals() {
    check_values(
        "module A {\n  l = [{ n = 10 t = \"b\" }, { n = 2 t = \"a\" }, { n = 10 t = \"a\" }]\n  x = for e in l yield e.n\n  \
         y = for e in l yield distinct e.n\n  z = for e in l where e.n = 10 and e.t = \"a\" yield f\"{e.t}{e.n}\"\n}",
        &expect![[r#"
            A.l = [{ n = 10  t = "b" }, { n = 2  t = "a" }, { n = 10  t = "a" }]
            A.x = [10, 10, 2]
            A.y = [10, 2]
            A.z = ["a10"]
        "#]],
    );
}

#[test]
fn store_paths_stay_symbols_inside_text() {
    check_values(
        "module P { recipe = \"std.make\" }\nmodule A { bin = f\"{P.out}/bin\" path = f\"{bin}:/usr/{P.pname}\" }",
        &expect![[r#"
            P.recipe = "std.make"
            P.pname = "P"
            P.out = P.out
            A.bin = f"{P.out}/bin"
            A.path = f"{P.out}/bin:/usr/P"
        "#]],
    );
}

#[test]
fn a_scenario_changes_what_it_reaches_and_nothing_stays_of_it() {
    let checked =
        checked("module A { option x : Int = 1 y = f\"{x}\" z = B.w }\nmodule B { w = 5 }\nscenario s { A.x = 2 }");
    let mut evaluator = Evaluator::new(&checked.program);
    evaluator.evaluate_all();
    let before = shown(&checked, &evaluator);
    evaluator.know_dependents();
    let id = checked.program.scenario_named("s").expect("it is declared");
    let affected = evaluator.enter_scenario(id);
    let names: Vec<String> = affected.iter().map(|&member| checked.program.show(member)).collect();
    assert_eq!(names, ["A.x", "A.y"]);
    evaluator.evaluate_members(&affected);
    expect![[r#"
        A.x = 2
        A.y = "2"
        A.z = 5
        B.w = 5
    "#]]
    .assert_eq(&shown(&checked, &evaluator));
    evaluator.leave_scenario();
    assert_eq!(shown(&checked, &evaluator), before);
}

#[test]
fn provenance_names_all_candidates_in_order() {
    let checked = checked(
        "module A { option x : Int = 0 }\nmodule B { A.x = 5 }\nmodule C { A.x = 5 }\nmodule D { A.x = default 9 }",
    );
    let member = checked.program.module_named("A").and_then(|a| checked.program.member_named(a, "x"));
    let member = member.expect("it is declared");
    let mut evaluator = Evaluator::new(&checked.program);
    evaluator.evaluate(member);
    let found = evaluator.provenance(member).expect("it has a value");
    let line = |site: &super::Site| checked.program.ast.sources.locate(site.at.start).line;
    assert_eq!(found.winner.as_ref().map(line), Some(2));
    assert_eq!(found.co_winners.iter().map(line).collect::<Vec<_>>(), [3]);
    assert_eq!(found.overridden.iter().map(line).collect::<Vec<_>>(), [4, 1]);
}

#[test]
fn equality_sees_through_sharing_and_order() {
    let checked = checked(
        "module A {\n  a = { x = 1 y = [\"s\"] }\n  b = { y = [\"s\"] x = 1 }\n  c = { y = [\"t\"] x = 1 }\n  \
         d = { l = a r = a }\n  e = { l = b r = a }\n}",
    );
    let mut evaluator = Evaluator::new(&checked.program);
    evaluator.evaluate_all();
    let module = checked.program.module_named("A").expect("it is declared");
    let value = |name| checked.program.member_named(module, name).and_then(|member| evaluator.value(member));
    let equal = |a, b| match (value(a), value(b)) {
        (Some(a), Some(b)) => evaluator.values.equal(a, b),
        _ => panic!("both have values"),
    };
    assert!(equal("a", "b") && equal("d", "e"));
    assert!(!equal("a", "c"));
}
