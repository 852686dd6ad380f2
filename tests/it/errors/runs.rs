//! Several errors in one run: all of them, in order, and none that only echoes another.

use super::{told, told_of};
use expect_test::expect;

#[test]
fn errors_come_in_the_order_of_the_text() {
    told(
        r#"module A {
  a = nope
  option b : Int = "x"
  c = [1, true]
  c = 2
}
module B { A.z = 1 }
scenario s { C.x = 1 }"#,
        expect![[r#"
            test.pcl:2:7: error: [E2] the module `A` has no member `nope`
            test.pcl:3:20: error: [E1] the default of `A.b` is `Str`, declared is `Int`
            test.pcl:3:10: note: the option is declared here
            test.pcl:4:11: error: [E1] this element is `Bool`, those before it are `Int`
            help: all elements of a list have one type
            test.pcl:5:3: error: [E6] `A.c` is defined twice
            test.pcl:4:3: note: first defined here
            test.pcl:7:12: error: [E2] the module `A` has no member `z`
            test.pcl:8:14: error: [E2] there is no module `C`
        "#]],
    );
}

#[test]
fn errors_of_several_files_come_in_their_order() {
    told_of(
        &[
            ("a.pcl", "module A { x = B.nope }"),
            ("b.pcl", "module B { y = 1 y = 2 }"),
            ("sub/c.pcl", "module C { z = ' }"),
        ],
        expect![[r#"
            a.pcl:1:16: error: [E2] the module `B` has no member `nope`
            b.pcl:1:18: error: [E6] `B.y` is defined twice
            b.pcl:1:12: note: first defined here
            sub/c.pcl:1:16: error: [E0] a string stands in double quotes
            help: write `"…"`
        "#]],
    );
}

#[test]
fn a_broken_member_says_nothing_about_others() {
    told(
        r#"module A {
  a = [1, 2
  b = a
  c = if b then 1 else 2
  d = f"{a}"
}
module B { x = A.a  y = A.gone  A.e = 1 }"#,
        expect![[r#"
            test.pcl:3:5: error: [E0] expected `]`, or `,` or a new line before the next element, found `=`
        "#]],
    );
    told(
        r"module A {
  option x : Intt = 5
  y = x
}
module B { A.x = 6 }",
        expect![[r#"
            test.pcl:2:14: error: [E0] `Intt` is not a type
            help: did you mean `Int`? the types are `Bool`, `Int`, `Str`, `Path`, `List[…]` and `{name:type …}`
        "#]],
    );
    told(
        r"module A {
  x 5
  y = x
  z = nope
}
module B { w = A.x }",
        expect![[r#"
            test.pcl:2:3: error: [E0] expected `=` or `.` after `x`, found `5`
        "#]],
    );
}

#[test]
fn a_broken_block_says_nothing_about_others() {
    told(
        r"module A
  x = 1
}
module B { y = A.x  z = A.q }",
        expect![[r#"
            test.pcl:2:3: error: [E0] expected `{`, found `x`
        "#]],
    );
    told(
        r"modul A { x = 1 }
module B { y = A.x }",
        expect![[r#"
            test.pcl:1:1: error: [E0] expected `module` or `scenario`, found `modul`
            help: did you mean `module`?
        "#]],
    );
}

#[test]
fn an_unknown_name_is_told_once_for_each_use() {
    told(
        r#"module A {
  a = nope
  b = a
  c = [a, b]
  option d : Int = a
  e = f"{a}{b}"
  g = for i in a where i.x = 1 yield i.y
  h = if a then b else c
}"#,
        expect![[r#"
            test.pcl:2:7: error: [E2] the module `A` has no member `nope`
        "#]],
    );
}

#[test]
fn a_wrong_type_is_silent_further_on() {
    told(
        r#"module A {
  x = if 1 then 2 else "a"
  option y : Str = x
  z = [x, "a", true]
}"#,
        expect![[r#"
            test.pcl:2:7: error: [E5] the branches differ: `Int` and `Str`
            test.pcl:2:17: note: this is `Int`
            test.pcl:2:24: note: this is `Str`
            test.pcl:2:10: error: [E5] this condition is `Int`, not `Bool`
            test.pcl:4:16: error: [E1] this element is `Bool`, those before it are `Str`
            help: all elements of a list have one type
        "#]],
    );
}

#[test]
fn a_failed_value_is_silent_in_schemas() {
    told(
        r#"module web { recipe = "r"  version = nope  deps = [nope2] }"#,
        expect![[r#"
        test.pcl:1:38: error: [E2] the module `web` has no member `nope`
        test.pcl:1:52: error: [E2] the module `web` has no member `nope2`
    "#]],
    );
}

#[test]
fn a_missing_brace_costs_one_error() {
    told(
        r#"module A {
  services = [
    { name = "a" port = 1
    { name = "b" port = 2 }
  ]
}
module B { x = 1 }
"#,
        expect![[r#"
            test.pcl:4:5: error: [E0] expected a field's name or `}`, found `{`
        "#]],
    );
}

#[test]
fn one_syntax_error_for_a_line() {
    told(
        "module A { x = @ ' ? y = }",
        expect![[r#"
        test.pcl:1:16: error: [E0] unexpected character `@`
    "#]],
    );
}

#[test]
fn warnings_stand_among_errors() {
    told(
        r#"module web { recipe = "r"  flags = []  verison = "1" }"#,
        expect![[r#"
        test.pcl:1:28: warning: nothing reads `web.flags`, and it is not a field of a package
        help: the fields of a package are `recipe`, `pname`, `version`, `source`, `recipeArgs`, `deps`, `meta`
        test.pcl:1:40: error: [E2] `web.verison` is not a field of a package
        help: did you mean `version`?
    "#]],
    );
}

#[test]
fn what_is_no_token_is_told_even_where_nothing_is_read() {
    told(
        "module A { x.y.z = 1\n  a = f\"{A.}\" }\nmodul B {\n  b = f\"${1}\"  c = 'single'\n}\n",
        expect![[r#"
        test.pcl:1:15: error: [E0] expected `=`, found `.`
        test.pcl:2:9: error: [E0] a hole holds one reference
        help: write `{name}` or `{Module.member}`; `{{` is a brace
        test.pcl:3:1: error: [E0] expected `module` or `scenario`, found `modul`
        help: did you mean `module`?
        test.pcl:4:10: error: [E0] a hole holds one reference
        note: `${…}` of a shell belongs into a plain string `"…"`, where `$` means nothing
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
}

#[test]
fn an_error_in_a_comprehension_is_told_once_for_all_elements() {
    told(
        r#"module A {
  l = [{ n = "a" p = 1 }, { n = "b" }, { n = "c" }, { n = "d" }]
  x = for i in l yield f"{i.n}:{i.p}"
  s = [{ t = { from_env = "A" } }, { t = { from_env = "B" } }]
  y = for i in s yield f"{i.t}"
}"#,
        expect![[r#"
            test.pcl:3:32: error: [E3] an element has no field `p`
            test.pcl:2:27: note: this element leaves it out
            help: give every element a `p`, or select those that have one by another field
            test.pcl:5:26: error: [E1] a secret (`from_env:A`) cannot be part of text
            help: give the secret a place of its own, such as an `environment` entry
        "#]],
    );
}

#[test]
fn a_misspelt_field_is_not_missing_too() {
    told(
        r#"module S { backend = "systemd"  services = [{ name = "web" packge = "p" binary = "b" }] }"#,
        expect![[r#"
        test.pcl:1:60: error: [E2] `S.services[0]` has no field `packge`
        help: did you mean `package`?
    "#]],
    );
}
