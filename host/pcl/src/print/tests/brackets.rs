//! Modules, records, lists and types: what stays on one line, and what goes on lines of its own.

use super::{check, sound};
use expect_test::expect;

#[test]
fn one_member_stands_on_a_line_and_separators_go() {
    check(
        "module   A{x=1;option  y:Int=5,B . z=force y}\r\n\r\n\r\n\r\nscenario\nS{A.y = default 6 A.q=(default)}   ",
        expect![[r#"
            module A { x = 1  option y : Int = 5  B.z = force y }

            scenario S { A.y = default 6  A.q = (default) }
        "#]],
    );
}

#[test]
fn blocks_stay_on_their_line_if_they_were_written_so() {
    check(
        r#"module A {}
module A {

}
module A { # why
}
module A { x = 1 }
module A { x = 1
}
module A { x = "a string that makes the line long"  y = "another string that makes the line much longer" }
module A { x = [
  1] }
"#,
        expect![[r#"
            module A {}
            module A {}
            module A { # why
            }
            module A { x = 1 }
            module A {
              x = 1
            }
            module A {
              x = "a string that makes the line long"
              y = "another string that makes the line much longer"
            }
            module A {
              x = [
                1
              ]
            }
        "#]],
    );
}

#[test]
fn brackets_stay_flat_if_they_were_written_so_and_fit() {
    check(
        r#"module A {
  a = [1,2
    ,3,]
  b = [
    1
      2,3]
  c = {x=1,y={ z = [ ] };w={
  }}
  d = {
    x = 1 y = 2 }
  e = [{ name = "a" }
       { name = "b"
         port = 1 }]
  f = [{ name = "a" }, {
         name = "b" port = 1 }]
  g = [{ name = "the first of them"  port = 1 }, { name = "the second of them"  port = 2 }, { name = "" }]
  h = [{ name = "the first of them"  port = 1 }, { name = "the second of them"  port = 2 }, { name = "c" }]
}
"#,
        expect![[r#"
            module A {
              a = [1, 2, 3]
              b = [
                1,
                2,
                3
              ]
              c = { x = 1  y = { z = [] }  w = {} }
              d = {
                x = 1
                y = 2
              }
              e = [{ name = "a" }, { name = "b"  port = 1 }]
              f = [
                { name = "a" },
                {
                  name = "b"
                  port = 1
                }
              ]
              g = [
                { name = "the first of them"  port = 1 },
                { name = "the second of them"  port = 2 },
                { name = "" }
              ]
              h = [
                { name = "the first of them"  port = 1 },
                { name = "the second of them"  port = 2 },
                { name = "c" }
              ]
            }
        "#]],
    );
}

#[test]
fn lists_of_lines_get_commas() {
    check(
        "module A { x = [\n  a\n  b.c\n\n  if a then b else c\n  [d\n  e]\n] }",
        expect![[r#"
        module A {
          x = [
            a,
            b.c,

            if a then b else c,
            [d, e]
          ]
        }
    "#]],
    );
}

#[test]
fn types_are_laid_out_like_records() {
    check(
        r#"module A {
  option a:List[ { a:Int,b : Str;c:List[Path] } ]
  option b : List[{
    a : Int b : { } }] = [ ]
  option c : { name : Str  port : Int  environment : List[{ name : Str  value : Str }]  enabled : Bool } = d
}
"#,
        expect![[r#"
            module A {
              option a : List[{ a : Int  b : Str  c : List[Path] }]
              option b : List[{
                a : Int
                b : {}
              }] = []
              option c : {
                name : Str
                port : Int
                environment : List[{ name : Str  value : Str }]
                enabled : Bool
              } = d
            }
        "#]],
    );
}

#[test]
fn references_to_secrets_and_artifacts_are_records() {
    check(
        r#"module A { a = {from_env = ("E")} b = {
  from_vault = "kv#x" } c = {artifact={name="a" host="b"}} }"#,
        expect![[r#"
            module A {
              a = { from_env = ("E") }
              b = {
                from_vault = "kv#x"
              }
              c = { artifact = { name = "a"  host = "b" } }
            }
        "#]],
    );
}

#[test]
fn columns_count_code_points() {
    let line = |width: usize| format!("module A {{ x = [\"{}\"] }}", "é".repeat(width - 21));
    assert_eq!(sound(&line(100)), line(100) + "\n");
    assert!(sound(&line(101)).starts_with("module A {\n  x = [\"éé"));
}

#[test]
fn empty_lines_part_groups() {
    check(
        "\n\nmodule A {\n\n  x = 1\n  \n\n  y = 2\n  z = [\n\n    1,\n\n\n    2\n\n    ,\n    3\n\n  ]\n\n}\nmodule B {}\n\n\nmodule C {}\n\n",
        expect![[r#"
            module A {
              x = 1

              y = 2
              z = [
                1,

                2,

                3
              ]
            }
            module B {}

            module C {}
        "#]],
    );
}
