//! What is wrong only under a scenario says which.

use super::told;
use expect_test::expect;

#[test]
fn a_conflict_under_a_scenario() {
    told(
        r"module A { option x : Int = 0  A.x = 1 }
scenario staging { A.x = 2 }",
        expect![[r#"
            test.pcl:1:32: error: [E4] contributions to `A.x` of equal strength disagree
            test.pcl:1:32: note: this says `1`
            test.pcl:2:20: note: and this says `2`
            note: under the scenario `staging`
            help: remove all but one, or mark the one that counts with `force`
        "#]],
    );
}

#[test]
fn a_circle_under_a_scenario() {
    told(
        r"module A { option x : Int = 0  y = x }
scenario staging { A.x = y }",
        expect![[r#"
            test.pcl:1:36: error: [E7] a circle of references: `A.x → A.y → A.x`
            test.pcl:1:19: note: `A.x` is declared here
            test.pcl:1:32: note: `A.y` is declared here
            note: under the scenario `staging`
            help: let one of them have a value of its own
        "#]],
    );
}

#[test]
fn a_shared_name_under_a_scenario() {
    told(
        r#"module a { recipe = "r"  option pname : Str = "x" }
module b { recipe = "r" }
scenario s { a.pname = "b" }"#,
        expect![[r#"
            test.pcl:3:14: error: [E15] 2 packages have the name `b`
            note: one of them is `a`
            test.pcl:2:12: note: another is `b`
            note: under the scenario `s`
            help: give each package a `pname` of its own
        "#]],
    );
}

#[test]
fn a_stale_source_under_a_scenario() {
    told(
        r#"module p {
  option version : Str = "1"
  source = { url = "u" }
}
scenario s { p.version = "2" }"#,
        expect![[r#"
            test.pcl:5:14: error: [E16] `p.version` is overridden but its source is not
            test.pcl:3:3: note: the source stands here and does not read `version`
            note: under the scenario `s`
            help: set the source too, or let the source follow with f"…{version}…"
        "#]],
    );
}

#[test]
fn a_build_cycle_under_a_scenario() {
    told(
        r#"module a { recipe = "r"  option deps : List[Str] = [] }
module b { recipe = "r"  deps = [a.pname] }
scenario s { a.deps = [b.pname] }"#,
        expect![[r#"
            test.pcl:2:34: error: [E7] packages that need each other to be built: `a → b → a`
            note: under the scenario `s`
            help: a package can only use what is built before it; drop this reference, or split one of the packages
        "#]],
    );
}

#[test]
fn a_wrong_field_under_a_scenario() {
    told(
        r#"module S { backend = "systemd"  option scope : Str = "system" }
scenario s { S.scope = "usr" }"#,
        expect![[r#"
            test.pcl:2:14: error: [E1] `S.scope` is "usr", it takes "system" or "user"
            note: under the scenario `s`
        "#]],
    );
}

#[test]
fn an_option_that_only_a_scenario_fills_is_a_warning() {
    told(
        r"module A { option x : Int  y = x  z = [x] }
scenario s { A.x = 1 }",
        expect![[r#"
            test.pcl:1:32: warning: the option `A.x` is needed here and nothing fills it
            test.pcl:1:19: note: the option is declared here
            help: give it a default, or evaluate with `--scenario`
        "#]],
    );
    told(
        r"module A { option x : Int }
scenario s { A.x = 1 }",
        expect![[""]],
    );
    told(
        r"module A { option x : Int  y = if false then x else 0 }
scenario s { A.x = 1 }",
        expect![[""]],
    );
}

#[test]
fn a_scenario_that_fills_nothing_does_not_help() {
    told(
        r"module A { option x : Int }
scenario s { }",
        expect![[r#"
            test.pcl:1:19: error: [E3] nothing fills the required option `A.x`
            help: give it a default, or write `A.x = …` in some module
        "#]],
    );
}

#[test]
fn what_the_base_program_has_is_told_once() {
    told(
        r"module A { option x : Int = 0  A.x = 1  A.x = 2 }
scenario s { A.x = 3 }
scenario t { A.x = 4 }",
        expect![[r#"
            test.pcl:1:32: error: [E4] contributions to `A.x` of equal strength disagree
            test.pcl:1:32: note: this says `1`
            test.pcl:1:41: note: and this says `2`
            help: remove all but one, or mark the one that counts with `force`
        "#]],
    );
}

#[test]
fn names_in_a_scenario_are_those_of_the_target() {
    told(
        r"module A { option x : Int = 0  a = 1 }
module B { option x : Int = 0 }
scenario s { B.x = a }",
        expect![[r#"
            test.pcl:3:20: error: [E2] the module `B` has no member `a`
        "#]],
    );
}
