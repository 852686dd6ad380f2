//! E1 and E5: values of the wrong type, conditionals and comprehensions that do not fit together.

use super::{drawn, told};
use expect_test::expect;

#[test]
fn a_default_has_the_declared_type() {
    told(
        r#"module A { option port : Int = "80" }"#,
        expect![[r#"
        test.pcl:1:32: error: [E1] the default of `A.port` is `Str`, declared is `Int`
        test.pcl:1:19: note: the option is declared here
    "#]],
    );
    told(
        "module A { option name : Str = 1 }",
        expect![[r#"
        test.pcl:1:32: error: [E1] the default of `A.name` is `Int`, declared is `Str`
        test.pcl:1:19: note: the option is declared here
    "#]],
    );
    told(
        r#"module A { option l : List[Int] = ["a"] }"#,
        expect![[r#"
        test.pcl:1:35: error: [E1] the default of `A.l` is `List[Str]`, declared is `List[Int]`
        test.pcl:1:19: note: the option is declared here
    "#]],
    );
    told(
        "module A { option r : { a:Int b:Str } = { a = 1 } }",
        expect![[r#"
        test.pcl:1:41: error: [E1] the default of `A.r` is `{a:Int}`, declared is `{a:Int,b:Str}`
        test.pcl:1:19: note: the option is declared here
    "#]],
    );
    told(
        "module A { option p : Path = 1 }",
        expect![[r#"
        test.pcl:1:30: error: [E1] the default of `A.p` is `Int`, declared is `Path`
        test.pcl:1:19: note: the option is declared here
    "#]],
    );
    told(
        r#"module A { n = "x"  option p : Path = n }"#,
        expect![[r#"
        test.pcl:1:39: error: [E1] the default of `A.p` is `Str`, declared is `Path`
        test.pcl:1:28: note: the option is declared here
    "#]],
    );
    told(
        "module A { option b : Bool = 0 }",
        expect![[r#"
        test.pcl:1:30: error: [E1] the default of `A.b` is `Int`, declared is `Bool`
        test.pcl:1:19: note: the option is declared here
    "#]],
    );
}

#[test]
fn a_contribution_has_the_declared_type() {
    told(
        r#"module A { option port : Int = 80 }
module B {
  A.port = force "81"
}"#,
        expect![[r#"
            test.pcl:3:18: error: [E1] this contribution to `A.port` is `Str`, declared is `Int`
            test.pcl:1:19: note: the option is declared here
        "#]],
    );
    told(
        r"module A { option port : Int = 80 }
scenario s { A.port = true }",
        expect![[r#"
            test.pcl:2:23: error: [E1] this contribution to `A.port` is `Bool`, declared is `Int`
            test.pcl:1:19: note: the option is declared here
        "#]],
    );
}

#[test]
fn types_are_shown_short() {
    told(
        r#"module A { x = { a = [1] b = { c = "x" d = true } }  option o : Int = x }"#,
        expect![[r#"
        test.pcl:1:71: error: [E1] the default of `A.o` is `{a:List[Int],b:{c:Str,d:Bool}}`, declared is `Int`
        test.pcl:1:61: note: the option is declared here
    "#]],
    );
    told(
        r"module A {
  option o : Int = { aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = 1 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb = 1 cccccccccccccccccccccccccccccccccccc = 1 dddddddddddddddddddddddddddddddddddd = 1 eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee = 1 ffffffffffffffffffffffffffffffffffff = 1 gggggggggggggggggggggggggggggggggggg = 1 hhhhhhhhhhhhhhhhhhhhhhhhhhhh = 1 iiiiiiiiiiiiiiiiiiiiiiiiii = 1 }
}",
        expect![[r#"
            test.pcl:2:20: error: [E1] the default of `A.o` is `{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:Int,bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb:Int,cccccccccccccccccccccccccccccccccccc:Int,dddddddddddddddddddddddddddddddddddd:Int,eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee:Int,ffffffffffffffffffffffffffffffffffff:Int,gggggggggggggggggggggggggggggggggggg:Int,hhhhhhhhhhhhhhhhh…`, declared is `Int`
            test.pcl:2:10: note: the option is declared here
        "#]],
    );
}

#[test]
fn elements_have_one_type() {
    told(
        r#"module A { x = [1, "a", true] }"#,
        expect![[r#"
        test.pcl:1:20: error: [E1] this element is `Str`, those before it are `Int`
        help: all elements of a list have one type
    "#]],
    );
    told(
        r#"module A { x = [[1], ["a"]] }"#,
        expect![[r#"
        test.pcl:1:22: error: [E1] this element is `List[Str]`, those before it are `List[Int]`
        help: all elements of a list have one type
    "#]],
    );
    told(
        r#"module A { x = [{ a = 1 }, { a = "x" }] }"#,
        expect![[r#"
        test.pcl:1:28: error: [E1] this element is `{a:Str}`, those before it are `{a:Int}`
        help: all elements of a list have one type
    "#]],
    );
}

#[test]
fn declared_records_are_whole() {
    told(
        r"module A {
  option l : List[{ a:Int b:Int }] = [
    { a = 1 b = 2 }
    { a = 3 }
  ]
}",
        expect![[r#"
            test.pcl:4:5: error: [E1] this element has other fields than the first one, `A.l` takes `List[{a:Int,b:Int}]`
            test.pcl:2:10: note: the option is declared here
        "#]],
    );
    told(
        "module A { l = [{ a = 1 }, { b = 2 }]  option m : List[{ a:Int }] = l }",
        expect![[r#"
        test.pcl:1:69: error: [E1] the default of `A.m` is `List[{a?:Int,b?:Int}]`, declared is `List[{a:Int}]`
        test.pcl:1:47: note: the option is declared here
    "#]],
    );
}

#[test]
fn a_hole_takes_plain_values() {
    told(
        r#"module A { l = [1]  x = f"{l}" }"#,
        expect![[r#"
        test.pcl:1:27: error: [E1] this hole is `List[Int]`; text takes Str, Int, Bool and Path
    "#]],
    );
    told(
        r#"module A { r = { a = 1 }  x = f"a{A.r}b" }"#,
        expect![[r#"
        test.pcl:1:34: error: [E1] this hole is `{a:Int}`; text takes Str, Int, Bool and Path
    "#]],
    );
    told(
        r#"module A { e = []  x = f"{e}" }"#,
        expect![[r#"
        test.pcl:1:26: error: [E1] this hole is `List[*]`; text takes Str, Int, Bool and Path
    "#]],
    );
}

#[test]
fn a_secret_is_no_part_of_text() {
    told(
        r#"module A { s = { from_env = "T" }  x = f"token={s}" }"#,
        expect![[r#"
        test.pcl:1:48: error: [E1] a secret (`from_env:T`) cannot be part of text
        help: give the secret a place of its own, such as an `environment` entry
    "#]],
    );
    told(
        r#"module A { l = [{ s = { from_file = "/k" } }]  x = for i in l yield f"{i.s}" }"#,
        expect![[r#"
        test.pcl:1:71: error: [E1] a secret (`from_file:/k`) cannot be part of text
        help: give the secret a place of its own, such as an `environment` entry
    "#]],
    );
    told(
        r#"module A { s = { artifact = { host = "h" name = "n" } }  x = f"{s}" }"#,
        expect![[r#"
        test.pcl:1:64: error: [E1] an artifact reference cannot be part of text
        help: it is known only when its host has been deployed
    "#]],
    );
}

#[test]
fn a_condition_is_a_bool() {
    told(
        "module A { x = if 1 then 2 else 3 }",
        expect![[r#"
        test.pcl:1:19: error: [E5] this condition is `Int`, not `Bool`
    "#]],
    );
    told(
        r#"module A { n = "true"  x = if n then 2 else 3 }"#,
        expect![[r#"
        test.pcl:1:31: error: [E5] this condition is `Str`, not `Bool`
    "#]],
    );
}

#[test]
fn branches_have_one_type() {
    told(
        r#"module A { x = if true then 1 else "a" }"#,
        expect![[r#"
        test.pcl:1:16: error: [E5] the branches differ: `Int` and `Str`
        test.pcl:1:29: note: this is `Int`
        test.pcl:1:36: note: this is `Str`
    "#]],
    );
    told(
        r"module A {
  x = if true
    then { a = 1 }
    else { b = 1 }
}",
        expect![[r#"
            test.pcl:2:7: error: [E5] the branches differ: `{a:Int}` and `{b:Int}`
            test.pcl:3:10: note: this is `{a:Int}`
            test.pcl:4:10: note: this is `{b:Int}`
        "#]],
    );
    told(
        r#"module A { x = if true then [1] else if false then [] else ["a"] }"#,
        expect![[r#"
        test.pcl:1:16: error: [E5] the branches differ: `List[Int]` and `List[Str]`
        test.pcl:1:29: note: this is `List[Int]`
        test.pcl:1:38: note: this is `List[Str]`
    "#]],
    );
}

#[test]
fn a_comprehension_goes_over_flat_records() {
    told(
        "module A { x = for i in [1, 2] yield 1 }",
        expect![[r#"
        test.pcl:1:25: error: [E5] a comprehension goes over a list of records, this is `List[Int]`
    "#]],
    );
    told(
        "module A { x = for i in [] yield 1 }",
        expect![[r#"
        test.pcl:1:25: error: [E5] a comprehension goes over a list of records, this is `List[*]`
        help: say what its elements would be: `option l : List[{name:type …}] = []`, and go over that
    "#]],
    );
    told(
        "module A { x = for i in { a = 1 } yield 1 }",
        expect![[r#"
        test.pcl:1:25: error: [E5] a comprehension goes over a list of records, this is `{a:Int}`
    "#]],
    );
    told(
        "module A { x = for i in [{ a = [1] }] yield 1 }",
        expect![[r#"
        test.pcl:1:25: error: [E5] a comprehension goes over records of plain values, the field `a` is `List[Int]`
    "#]],
    );
    told(
        "module A { x = for i in [{ b = 1 a = { c = 1 } }] yield 1 }",
        expect![[r#"
        test.pcl:1:25: error: [E5] a comprehension goes over records of plain values, the field `a` is `{c:Int}`
    "#]],
    );
}

#[test]
fn a_guard_compares_a_field_with_a_literal() {
    told(
        "module A { l = [{ a = 1 }]  x = for i in l where 1 = i.a yield 1 }",
        expect![[r#"
        test.pcl:1:50: error: [E5] the left side of a guard is a field of the element: `i.field`
    "#]],
    );
    told(
        "module A { l = [{ a = 1 }]  n = 1  x = for i in l where i.a = n yield 1 }",
        expect![[r#"
        test.pcl:1:63: error: [E5] the right side of a guard is a literal: text, a number, `true` or `false`
        help: a value from elsewhere could be overridden later, and the selection with it
    "#]],
    );
    told(
        r#"module A { l = [{ a = "x" }]  x = for i in l where i.a = f"x" yield 1 }"#,
        expect![[r#"
        test.pcl:1:58: error: [E5] the right side of a guard is a literal: text, a number, `true` or `false`
        help: a value from elsewhere could be overridden later, and the selection with it
    "#]],
    );
    told(
        r#"module A { l = [{ a = 1 }]  x = for i in l where i.a = "1" yield 1 }"#,
        expect![[r#"
        test.pcl:1:54: error: [E5] this guard compares `Int` with `Str`
    "#]],
    );
    told(
        "module A { l = [{ a = 1 }]  x = for i in l yield for j in l where i.a = 1 yield 1 }",
        expect![[r#"
        test.pcl:1:67: error: [E5] the left side of a guard is a field of the element: `j.field`
    "#]],
    );
    told(
        "module A { l = [{ a = 1 }]  x = for i in l where a = 1 yield 1 }",
        expect![[r#"
        test.pcl:1:50: error: [E5] the left side of a guard is a field of the element: `i.field`
    "#]],
    );
}

#[test]
fn an_absent_field_is_an_error_where_it_is_used() {
    told(
        r#"module A {
  l = [
    { n = "a" port = 1 }
    { n = "b" }
  ]
  x = for i in l yield i.port
}"#,
        expect![[r#"
            test.pcl:6:24: error: [E3] an element has no field `port`
            test.pcl:4:5: note: this element leaves it out
            help: give every element a `port`, or select those that have one by another field
        "#]],
    );
    told(
        r#"module A { l = [{ n = "a" port = 1 }, { n = "b" }]  x = for i in l where i.port = 1 yield i.n }"#,
        expect![[r#"
        test.pcl:1:74: error: [E3] an element has no field `port`
        test.pcl:1:39: note: this element leaves it out
        help: give every element a `port`, or select those that have one by another field
    "#]],
    );
}

#[test]
fn a_data_file_has_texts_and_data() {
    told(
        r#"module F { path = 1  format = "ini"  data = { a = 1 } }"#,
        expect![[r#"
        test.pcl:1:12: error: [E1] `F.path` of a data file is `Int`, not `Str`
    "#]],
    );
    told(
        r#"module F { path = "p"  format = true  data = { a = 1 } }"#,
        expect![[r#"
        test.pcl:1:24: error: [E1] `F.format` of a data file is `Bool`, not `Str`
    "#]],
    );
    told(
        r#"module F { path = "p"  format = "ini" }"#,
        expect![[r#"
        test.pcl:1:24: error: [E3] the data file `F` has no `data`
        help: a module with `path` and `format` is a data file; give it `data = { … }`, or rename one of the two
    "#]],
    );
}

#[test]
fn an_excerpt_shows_both_places() {
    drawn(
        r#"module A {
  option port : Int = "80"
}"#,
        expect![[r#"
            test.pcl:2:23: error: [E1] the default of `A.port` is `Str`, declared is `Int`
              |
            2 |   option port : Int = "80"
              |          ----         ^^^^
              |          |
              |          the option is declared here
            test.pcl:2:10: note: the option is declared here
        "#]],
    );
    drawn(
        r#"module A { x = if true then 1 else "a" }"#,
        expect![[r#"
        test.pcl:1:16: error: [E5] the branches differ: `Int` and `Str`
          |
        1 | module A { x = if true then 1 else "a" }
          |                ^^           -      --- this is `Str`
          |                             |
          |                             this is `Int`
        test.pcl:1:29: note: this is `Int`
        test.pcl:1:36: note: this is `Str`
    "#]],
    );
}
