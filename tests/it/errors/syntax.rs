//! E0: what is no PCL, in blocks, declarations, expressions and types.
//!
//! Over 500 lines: one table of slips and what is said of them; most lines are the expected texts.

use super::{drawn, told};
use expect_test::expect;

#[test]
fn a_program_is_modules_and_scenarios() {
    told(
        r"x = 1
module A { y = 2 }
",
        expect![[r#"
            test.pcl:1:1: error: [E0] expected `module` or `scenario`, found `x`
        "#]],
    );
    told(
        r#"import "other.pcl"
module A { }"#,
        expect![[r#"
            test.pcl:1:1: error: [E0] expected `module` or `scenario`, found `import`
            help: all files of a folder are one program; name the folder
        "#]],
    );
    told(
        "module A { } }",
        expect![[r#"
        test.pcl:1:14: error: [E0] expected `module` or `scenario`, found `}`
    "#]],
    );
    told(
        r"module A { x = 1 }
modul B { y = 2 }",
        expect![[r#"
            test.pcl:2:1: error: [E0] expected `module` or `scenario`, found `modul`
            help: did you mean `module`?
        "#]],
    );
}

#[test]
fn a_block_has_a_name_and_braces() {
    told(
        "module { x = 1 }",
        expect![[r#"
        test.pcl:1:8: error: [E0] expected the name of the module, found `{`
    "#]],
    );
    told(
        r#"module "a" { x = 1 }"#,
        expect![[r#"
        test.pcl:1:8: error: [E0] expected the name of the module, found a string
    "#]],
    );
    told(
        "module a.b { x = 1 }",
        expect![[r#"
        test.pcl:1:9: error: [E0] expected `{`, found `.`
    "#]],
    );
    told(
        "scenario { A.x = 1 }",
        expect![[r#"
        test.pcl:1:10: error: [E0] expected the name of the scenario, found `{`
    "#]],
    );
    told(
        "module A = { x = 1 }",
        expect![[r#"
        test.pcl:1:10: error: [E0] expected `{`, found `=`
    "#]],
    );
    told(
        "module",
        expect![[r#"
        test.pcl:1:7: error: [E0] expected the name of the module, found the end of the file
    "#]],
    );
}

#[test]
fn a_block_that_is_not_closed() {
    told(
        r"module A {
  x = 1
",
        expect![[r#"
            test.pcl:3:1: error: [E0] expected `}` to close this module, found the end of the file
            test.pcl:1:8: note: the module `A` begins here
        "#]],
    );
    told(
        r"module A {
  x = 1

module B {
  y = 2
}
",
        expect![[r#"
            test.pcl:4:1: error: [E0] expected `}` to close this module, found `module`
            test.pcl:1:8: note: the module `A` begins here
        "#]],
    );
    told(
        r"module A { option x : Int = 1 }
scenario s {
  A.x = 2
",
        expect![[r#"
            test.pcl:4:1: error: [E0] expected `}` to close this scenario, found the end of the file
            test.pcl:2:10: note: the scenario `s` begins here
        "#]],
    );
}

#[test]
fn a_module_holds_options_members_and_contributions() {
    told(
        "module A { 5 }",
        expect![[r#"
        test.pcl:1:12: error: [E0] expected an option, a member or a contribution, found `5`
    "#]],
    );
    told(
        r"module A {
  port 80
}",
        expect![[r#"
            test.pcl:2:3: error: [E0] expected `=` or `.` after `port`, found `80`
        "#]],
    );
    told(
        r"module A {
  port : Int = 80
}",
        expect![[r#"
            test.pcl:2:3: error: [E0] expected `=` or `.` after `port`, found `:`
            help: an option is declared as `option port : …`
        "#]],
    );
    told(
        "module A { x == 1 }",
        expect![[r#"
        test.pcl:1:15: error: [E0] expected an expression, found `=`
    "#]],
    );
    told(
        r"module A {
  x
  y = 1
}",
        expect![[r#"
            test.pcl:2:3: error: [E0] expected `=` or `.` after `x`, found `y`
        "#]],
    );
    told(
        r#"module A { "x" = 1 }"#,
        expect![[r#"
        test.pcl:1:12: error: [E0] expected an option, a member or a contribution, found a string
    "#]],
    );
}

#[test]
fn a_scenario_holds_contributions() {
    told(
        r"module A { option x : Int = 1 }
scenario s { x = 2 }",
        expect![[r#"
            test.pcl:2:16: error: [E0] expected `.` (a scenario holds contributions: `Module.option = …`), found `=`
        "#]],
    );
    told(
        "scenario s { option x : Int }",
        expect![[r#"
        test.pcl:1:21: error: [E0] expected `.` (a scenario holds contributions: `Module.option = …`), found `x`
    "#]],
    );
    told(
        "scenario s { A.x 2 }",
        expect![[r#"
        test.pcl:1:18: error: [E0] expected `=`, found `2`
    "#]],
    );
    told(
        "scenario s { 5 }",
        expect![[r#"
        test.pcl:1:14: error: [E0] expected a contribution (`Module.option = …`), found `5`
    "#]],
    );
}

#[test]
fn an_option_has_a_name_and_a_type() {
    told(
        "module A { option }",
        expect![[r#"
        test.pcl:1:19: error: [E0] expected the name of the option, found `}`
    "#]],
    );
    told(
        "module A { option x }",
        expect![[r#"
        test.pcl:1:21: error: [E0] expected `:` and the option's type, found `}`
    "#]],
    );
    told(
        "module A { option x = 1 }",
        expect![[r#"
        test.pcl:1:21: error: [E0] expected `:` and the option's type, found `=`
    "#]],
    );
    told(
        "module A { option x : = 1 }",
        expect![[r#"
        test.pcl:1:23: error: [E0] expected a type, found `=`
    "#]],
    );
    told(
        "module A { option A.x : Int }",
        expect![[r#"
        test.pcl:1:20: error: [E0] expected `:` and the option's type, found `.`
    "#]],
    );
    told(
        "module A { option = 1 }",
        expect![[r#"
        test.pcl:1:19: error: [E0] expected the name of the option, found `=`
        help: `option` begins an option; a member cannot be called so
    "#]],
    );
}

#[test]
fn a_contribution_names_an_option_and_a_value() {
    told(
        "module A { A.x }",
        expect![[r#"
        test.pcl:1:16: error: [E0] expected `=`, found `}`
    "#]],
    );
    told(
        "module A { A. = 1 }",
        expect![[r#"
        test.pcl:1:15: error: [E0] expected the name of an option, found `=`
    "#]],
    );
    told(
        "module A { A.x.y = 1 }",
        expect![[r#"
        test.pcl:1:15: error: [E0] expected `=`, found `.`
    "#]],
    );
    told(
        "module A { A.x = }",
        expect![[r#"
        test.pcl:1:18: error: [E0] expected an expression, found `}`
    "#]],
    );
    told(
        "module A { A.x = force }",
        expect![[r#"
        test.pcl:1:24: error: [E0] expected an expression, found `}`
    "#]],
    );
}

#[test]
fn an_expression_is_missing() {
    told(
        "module A { x = }",
        expect![[r#"
        test.pcl:1:16: error: [E0] expected an expression, found `}`
    "#]],
    );
    told(
        "module A { x = ] }",
        expect![[r#"
        test.pcl:1:16: error: [E0] expected an expression, found `]`
    "#]],
    );
    told(
        r"module A {
  x =
  y = 2
}",
        expect![[r#"
            test.pcl:3:5: error: [E0] expected an option, a member or a contribution, found `=`
            help: `y` was read as the value of `x`, which has none of its own
        "#]],
    );
    told(
        "module A { x = then }",
        expect![[r#"
        test.pcl:1:16: error: [E2] the module `A` has no member `then`
    "#]],
    );
    told(
        "module A { x = (  ) }",
        expect![[r#"
        test.pcl:1:19: error: [E0] expected an expression, found `)`
    "#]],
    );
}

#[test]
fn brackets_are_closed() {
    told(
        "module A { x = (1 }",
        expect![[r#"
        test.pcl:1:19: error: [E0] expected `)`, found `}`
    "#]],
    );
    told(
        "module A { x = [1, 2 }",
        expect![[r#"
        test.pcl:1:22: error: [E0] expected `]`, or `,` or a new line before the next element, found `}`
    "#]],
    );
    told(
        "module A { x = { a = 1 ",
        expect![[r#"
        test.pcl:1:24: error: [E0] expected a field's name or `}`, found the end of the file
    "#]],
    );
    told(
        "module A { x = [1, 2",
        expect![[r#"
        test.pcl:1:21: error: [E0] expected `]`, or `,` or a new line before the next element, found the end of the file
    "#]],
    );
    told(
        r"module A {
  x = [
    1
    2
  y = 3
}
",
        expect![[r#"
            test.pcl:5:5: error: [E0] expected `]`, or `,` or a new line before the next element, found `=`
        "#]],
    );
}

#[test]
fn elements_are_separated() {
    told(
        "module A { x = [1 2] }",
        expect![[r#"
        test.pcl:1:19: error: [E0] expected `]`, or `,` or a new line before the next element, found `2`
    "#]],
    );
    told(
        "module A { x = [1,,2] }",
        expect![[r#"
        test.pcl:1:19: error: [E0] expected an expression, found `,`
    "#]],
    );
    told(
        "module A { x = [,] }",
        expect![[r#"
        test.pcl:1:17: error: [E0] expected an expression, found `,`
    "#]],
    );
    told(
        "module A { x = (1, 2) }",
        expect![[r#"
        test.pcl:1:18: error: [E0] expected `)`, found `,`
    "#]],
    );
}

#[test]
fn records_have_labels() {
    told(
        r#"module A { x = { "a" = 1 } }"#,
        expect![[r#"
        test.pcl:1:18: error: [E0] expected a field's name or `}`, found a string
    "#]],
    );
    told(
        "module A { x = { a : 1 } }",
        expect![[r#"
        test.pcl:1:20: error: [E0] expected `=`, found `:`
    "#]],
    );
    told(
        "module A { x = { a } }",
        expect![[r#"
        test.pcl:1:20: error: [E0] expected `=`, found `}`
    "#]],
    );
    told(
        "module A { x = { a.b = 1 } }",
        expect![[r#"
        test.pcl:1:19: error: [E0] expected `=`, found `.`
    "#]],
    );
    told(
        "module A { x = { 1 = 2 } }",
        expect![[r#"
        test.pcl:1:18: error: [E0] expected a field's name or `}`, found `1`
    "#]],
    );
}

#[test]
fn a_label_is_given_once() {
    told(
        "module A { x = { a = 1 b = 2 a = 3 } }",
        expect![[r#"
        test.pcl:1:30: error: [E0] the field `a` is given twice
    "#]],
    );
    told(
        "module A { option x : { a:Int b:Int a:Str } }",
        expect![[r#"
        test.pcl:1:37: error: [E0] the field `a` is given twice
    "#]],
    );
    // Whatever is wrong behind it, in this record or in one that it is in.
    told(
        "module A { x = { a = 1\n a = 2\n b } }",
        expect![[r#"
            test.pcl:2:2: error: [E0] the field `a` is given twice
            test.pcl:3:4: error: [E0] expected `=`, found `}`
        "#]],
    );
    told(
        "module A { x = { a = { c = 1\n c = 2 }\n a = [ { d = 1\n d = 2\n 3 } ] } }",
        expect![[r#"
            test.pcl:2:2: error: [E0] the field `c` is given twice
            test.pcl:3:2: error: [E0] the field `a` is given twice
            test.pcl:4:2: error: [E0] the field `d` is given twice
            test.pcl:5:2: error: [E0] expected a field's name or `}`, found `3`
        "#]],
    );
}

#[test]
fn conditionals_are_complete() {
    told(
        "module A { x = if true 1 else 2 }",
        expect![[r#"
        test.pcl:1:24: error: [E0] expected `then`, found `1`
    "#]],
    );
    told(
        "module A { x = if true then 1 }",
        expect![[r#"
        test.pcl:1:31: error: [E0] expected `else`, found `}`
    "#]],
    );
    told(
        "module A { x = if then 1 else 2 }",
        expect![[r#"
        test.pcl:1:24: error: [E0] expected `then`, found `1`
    "#]],
    );
    told(
        r"module A {
  x = if true then 1
  y = 2
}",
        expect![[r#"
            test.pcl:3:3: error: [E0] expected `else`, found `y`
        "#]],
    );
}

#[test]
fn comprehensions_are_complete() {
    told(
        "module A { x = for in l yield 1 }",
        expect![[r#"
        test.pcl:1:23: error: [E0] expected `in`, found `l`
    "#]],
    );
    told(
        "module A { x = for i of l yield 1 }",
        expect![[r#"
        test.pcl:1:22: error: [E0] expected `in`, found `of`
    "#]],
    );
    told(
        "module A { x = for i in l }",
        expect![[r#"
        test.pcl:1:27: error: [E0] expected `yield`, found `}`
    "#]],
    );
    told(
        "module A { x = for i in l where yield 1 }",
        expect![[r#"
        test.pcl:1:39: error: [E0] expected `=` (a guard compares a field with a literal), found `1`
    "#]],
    );
    told(
        "module A { x = for i in l where i.a yield 1 }",
        expect![[r#"
        test.pcl:1:37: error: [E0] expected `=` (a guard compares a field with a literal), found `yield`
    "#]],
    );
    told(
        "module A { x = for i in l where i.a == 1 yield 1 }",
        expect![[r#"
        test.pcl:1:38: error: [E0] expected an expression, found `=`
    "#]],
    );
    told(
        "module A { x = for i in l where i.a = 1 or i.b = 2 yield 1 }",
        expect![[r#"
        test.pcl:1:41: error: [E0] expected `yield`, found `or`
    "#]],
    );
    told(
        "module A { x = for i in l yield }",
        expect![[r#"
        test.pcl:1:33: error: [E0] expected an expression, found `}`
    "#]],
    );
}

#[test]
fn references_have_two_parts_at_most() {
    told(
        "module A { x = B. }",
        expect![[r#"
        test.pcl:1:19: error: [E0] expected a member's name after `.`, found `}`
    "#]],
    );
    told(
        "module A { x = B.c.d }",
        expect![[r#"
        test.pcl:1:16: error: [E2] there is no module `B`
        test.pcl:1:19: error: [E0] expected an option, a member or a contribution, found `.`
        help: a reference is `name` or `Module.member`; it cannot reach into a record
    "#]],
    );
    told(
        "module A { x = B.1 }",
        expect![[r#"
        test.pcl:1:18: error: [E0] expected a member's name after `.`, found `1`
    "#]],
    );
}

#[test]
fn words_that_begin_a_form_are_no_names_here() {
    told(
        "module A { if = 1  x = if }",
        expect![[r#"
        test.pcl:1:27: error: [E0] expected an expression, found `}`
    "#]],
    );
    told(
        "module A { for = 1  x = [for] }",
        expect![[r#"
        test.pcl:1:29: error: [E0] expected a name for the element, found `]`
    "#]],
    );
    told(
        "module A { option = 1 }",
        expect![[r#"
        test.pcl:1:19: error: [E0] expected the name of the option, found `=`
        help: `option` begins an option; a member cannot be called so
    "#]],
    );
}

#[test]
fn types_are_few() {
    told(
        "module A { option x : int }",
        expect![[r#"
        test.pcl:1:23: error: [E0] `int` is not a type
        help: did you mean `Int`? the types are `Bool`, `Int`, `Str`, `Path`, `List[…]` and `{name:type …}`
    "#]],
    );
    told(
        "module A { option x : String }",
        expect![[r#"
        test.pcl:1:23: error: [E0] `String` is not a type
        help: the types are `Bool`, `Int`, `Str`, `Path`, `List[…]` and `{name:type …}`
    "#]],
    );
    told(
        "module A { option x : Float = 1 }",
        expect![[r#"
        test.pcl:1:23: error: [E0] `Float` is not a type
        help: the types are `Bool`, `Int`, `Str`, `Path`, `List[…]` and `{name:type …}`
    "#]],
    );
    told(
        "module A { option x : List }",
        expect![[r#"
        test.pcl:1:28: error: [E0] expected `[` and the type of the elements, found `}`
    "#]],
    );
    told(
        "module A { option x : List<Int> }",
        expect![[r#"
        test.pcl:1:27: error: [E0] unexpected character `<`
        help: PCL has no operators; text is composed with `f"…{name}…"`
    "#]],
    );
    told(
        "module A { option x : List[] }",
        expect![[r#"
        test.pcl:1:28: error: [E0] expected a type, found `]`
    "#]],
    );
    told(
        "module A { option x : List[Int }",
        expect![[r#"
        test.pcl:1:32: error: [E0] expected `]`, found `}`
    "#]],
    );
    told(
        "module A { option x : { a Int } }",
        expect![[r#"
        test.pcl:1:27: error: [E0] expected `:` and the field's type, found `Int`
    "#]],
    );
    told(
        "module A { option x : { a : } }",
        expect![[r#"
        test.pcl:1:29: error: [E0] expected a type, found `}`
    "#]],
    );
    told(
        "module A { option x : { a : Int",
        expect![[r#"
        test.pcl:1:32: error: [E0] expected a field's name or `}`, found the end of the file
    "#]],
    );
    told(
        "module A { option x : (Int) }",
        expect![[r#"
        test.pcl:1:23: error: [E0] expected a type, found `(`
    "#]],
    );
    told(
        "module A { option x : Int? = 1 }",
        expect![[r#"
        test.pcl:1:26: error: [E0] unexpected character `?`
    "#]],
    );
}

#[test]
fn secrets_are_exact() {
    told(
        r#"module A { x = { from_env = "A" b = 1 } }"#,
        expect![[r#"
        test.pcl:1:16: error: [E0] a secret reference has one field and no other
    "#]],
    );
    told(
        "module A { x = { from_env = name } }",
        expect![[r#"
        test.pcl:1:29: error: [E0] `from_env` takes a string literal
        help: write `{ from_env = "…" }`: a secret is named literally
    "#]],
    );
    told(
        r#"module A { x = { from_file = f"/etc/{a}" } }"#,
        expect![[r#"
        test.pcl:1:30: error: [E0] `from_file` takes a string literal
        help: write `{ from_file = "…" }`: a secret is named literally
    "#]],
    );
    told(
        "module A { x = { from_vault = 1 } }",
        expect![[r#"
        test.pcl:1:31: error: [E0] `from_vault` takes a string literal
        help: write `{ from_vault = "…" }`: a secret is named literally
    "#]],
    );
    told(
        r#"module A { x = { from_env = "A" from_file = "b" } }"#,
        expect![[r#"
        test.pcl:1:16: error: [E0] a secret reference has one field and no other
    "#]],
    );
}

#[test]
fn artifacts_are_exact() {
    told(
        r#"module A { x = { artifact = "web" } }"#,
        expect![[r#"
        test.pcl:1:29: error: [E0] `artifact` takes a record `{ host = "…"  name = "…" }`
    "#]],
    );
    told(
        r#"module A { x = { artifact = { host = "h" } } }"#,
        expect![[r#"
        test.pcl:1:29: error: [E0] `artifact` has exactly the fields `host` and `name`
    "#]],
    );
    told(
        r#"module A { x = { artifact = { host = "h" name = "n" kind = "k" } } }"#,
        expect![[r#"
        test.pcl:1:29: error: [E0] `artifact` has exactly the fields `host` and `name`
    "#]],
    );
    told(
        r#"module A { x = { artifact = { host = "h" name = "n" } b = 1 } }"#,
        expect![[r#"
        test.pcl:1:16: error: [E0] an artifact reference has the field `artifact` and no other
    "#]],
    );
    told(
        r#"module A { x = { artifact = { host = h  name = "n" } } }"#,
        expect![[r#"
        test.pcl:1:38: error: [E0] an artifact's `host` is a string literal
    "#]],
    );
    told(
        r#"module A { x = { artifact = { host = "h"  name = [1] } } }"#,
        expect![[r#"
        test.pcl:1:50: error: [E0] an artifact's `name` is a string literal
    "#]],
    );
}

#[test]
fn an_excerpt_shows_the_place() {
    drawn(
        r"module A {
  port = 80
  name 5
}
",
        expect![[r#"
            test.pcl:3:3: error: [E0] expected `=` or `.` after `name`, found `5`
              |
            3 |   name 5
              |   ^^^^
        "#]],
    );
    drawn(
        r"module A {
  x = [1, 2
",
        expect![[r#"
            test.pcl:3:1: error: [E0] expected `]`, or `,` or a new line before the next element, found the end of the file
              |
            3 |
              | ^
        "#]],
    );
    drawn(
        "module A { option x : int }",
        expect![[r#"
        test.pcl:1:23: error: [E0] `int` is not a type
          |
        1 | module A { option x : int }
          |                       ^^^
        help: did you mean `Int`? the types are `Bool`, `Int`, `Str`, `Path`, `List[…]` and `{name:type …}`
    "#]],
    );
}
