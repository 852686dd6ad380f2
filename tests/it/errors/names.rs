//! E2: names that nothing has, and what they might have meant.

use super::{drawn, told};
use expect_test::expect;

#[test]
fn an_unknown_name_points_at_its_use() {
    told(
        "module web { port = prot }",
        expect![[r#"
        test.pcl:1:21: error: [E2] the module `web` has no member `prot`
        help: did you mean `port`?
    "#]],
    );
    told(
        r#"module web {
  option port : Int = 80
  url = f"http://localhost:{prot}/"
}"#,
        expect![[r#"
            test.pcl:3:28: error: [E2] the module `web` has no member `prot`
            help: did you mean `port`?
        "#]],
    );
    told(
        "module web { x = [nope, { a = nope2 }] }",
        expect![[r#"
        test.pcl:1:19: error: [E2] the module `web` has no member `nope`
        test.pcl:1:31: error: [E2] the module `web` has no member `nope2`
    "#]],
    );
}

#[test]
fn near_names_are_suggested() {
    told(
        "module web { port = 80  x = Port }",
        expect![[r#"
        test.pcl:1:29: error: [E2] the module `web` has no member `Port`
        help: did you mean `port`?
    "#]],
    );
    told(
        r#"module web { host-name = "a"  x = host_name }"#,
        expect![[r#"
        test.pcl:1:35: error: [E2] the module `web` has no member `host_name`
        help: did you mean `host-name`?
    "#]],
    );
    told(
        r#"module web { version = "1"  x = verison }"#,
        expect![[r#"
        test.pcl:1:33: error: [E2] the module `web` has no member `verison`
        help: did you mean `version`?
    "#]],
    );
    told(
        "module web { a = 1  x = b }",
        expect![[r#"
        test.pcl:1:25: error: [E2] the module `web` has no member `b`
    "#]],
    );
}

#[test]
fn a_module_is_no_value() {
    told(
        r"module A { x = B }
module B { y = 1 }",
        expect![[r#"
            test.pcl:1:16: error: [E2] the module `A` has no member `B`
            help: `B` is a module; refer to one of its members as `B.member`
        "#]],
    );
    told(
        "module A { x = [A] }",
        expect![[r#"
        test.pcl:1:17: error: [E2] the module `A` has no member `A`
    "#]],
    );
}

#[test]
fn an_unknown_module() {
    told(
        r"module A { x = Databse.port }
module Database { port = 1 }",
        expect![[r#"
            test.pcl:1:16: error: [E2] there is no module `Databse`
            help: did you mean `Database`?
        "#]],
    );
    told(
        "module A { x = Nowhere.port }",
        expect![[r#"
        test.pcl:1:16: error: [E2] there is no module `Nowhere`
    "#]],
    );
    told(
        "module A { r = { port = 1 }  x = r.port }",
        expect![[r#"
        test.pcl:1:34: error: [E2] there is no module `r`
        help: `r` is a member; the fields of a record cannot be reached with `.`
    "#]],
    );
}

#[test]
fn an_unknown_member() {
    told(
        r"module A { x = B.prot }
module B { port = 1 }",
        expect![[r#"
            test.pcl:1:16: error: [E2] the module `B` has no member `prot`
            help: did you mean `port`?
        "#]],
    );
    told(
        r"module A { x = B.nope }
module B { }",
        expect![[r#"
            test.pcl:1:16: error: [E2] the module `B` has no member `nope`
        "#]],
    );
    told(
        r"module A { x = s.y }
scenario s { }",
        expect![[r#"
            test.pcl:1:16: error: [E2] there is no module `s`
        "#]],
    );
}

#[test]
fn a_contribution_needs_an_option() {
    told(
        r"module A { option port : Int = 1 }
module B { A.prot = 2 }",
        expect![[r#"
            test.pcl:2:12: error: [E2] the module `A` has no member `prot`
            help: did you mean `port`?
        "#]],
    );
    told(
        r"module B { Aa.port = 2 }
module A { option port : Int = 1 }",
        expect![[r#"
            test.pcl:1:12: error: [E2] there is no module `Aa`
            help: did you mean `A`?
        "#]],
    );
    told(
        "module B { C.port = 2 }",
        expect![[r#"
        test.pcl:1:12: error: [E2] there is no module `C`
    "#]],
    );
    told(
        r#"module p { recipe = "r" }
module B { p.pname = "q" }"#,
        expect![[r#"
            test.pcl:2:12: error: [E2] `p.pname` is not an option
            help: declare `option pname : Str` in the package to let others set it
        "#]],
    );
    told(
        r#"module p { recipe = "r" }
module B { p.out = "q" }"#,
        expect![[r#"
            test.pcl:2:12: error: [E2] `p.out` is not an option: it is the package's path in the store
        "#]],
    );
}

#[test]
fn a_hole_names_something() {
    told(
        r#"module A { x = f"{nope}" }"#,
        expect![[r#"
        test.pcl:1:18: error: [E2] the module `A` has no member `nope`
    "#]],
    );
    told(
        r#"module A { x = f"{B.y}" }"#,
        expect![[r#"
        test.pcl:1:18: error: [E2] there is no module `B`
    "#]],
    );
    told(
        r#"module A { if = 1 x = f"{if}{iff}" }"#,
        expect![[r#"
        test.pcl:1:29: error: [E2] the module `A` has no member `iff`
        help: did you mean `if`?
    "#]],
    );
}

#[test]
fn a_binder_has_the_fields_of_its_records() {
    told(
        r#"module A { l = [{ name = "a" port = 1 }]  x = for i in l yield i.prot }"#,
        expect![[r#"
        test.pcl:1:64: error: [E2] the elements that `i` stands for have no field `prot`
        help: did you mean `port`?
    "#]],
    );
    told(
        r#"module A { l = [{ name = "a" port = 1 }]  x = for i in l where i.nme = "a" yield 1 }"#,
        expect![[r#"
        test.pcl:1:64: error: [E2] the elements that `i` stands for have no field `nme`
        help: did you mean `name`?
    "#]],
    );
    told(
        r#"module A { l = [{ name = "a" port = 1 }]  x = for i in l yield f"{i.zzz}" }"#,
        expect![[r#"
        test.pcl:1:66: error: [E2] the elements that `i` stands for have no field `zzz`
        help: they have `name`, `port`
    "#]],
    );
    told(
        "module A { x = for i in [{}] yield i.a }",
        expect![[r#"
        test.pcl:1:36: error: [E2] the elements that `i` stands for have no field `a`
    "#]],
    );
}

#[test]
fn a_binder_is_no_value() {
    told(
        "module A { l = [{ a = 1 }]  x = for i in l yield i }",
        expect![[r#"
        test.pcl:1:50: error: [E2] the module `A` has no member `i`
        help: `i` stands for an element; write `i.field`
    "#]],
    );
    told(
        "module A { l = [{ a = 1 }]  x = for i in l yield for j in l yield i.a }",
        expect![[r#"
        test.pcl:1:67: error: [E2] there is no module `i`
        help: `i` belongs to a comprehension further out; only the innermost one's element can be used
    "#]],
    );
}

#[test]
fn a_member_that_needs_itself_has_no_type() {
    told(
        "module A { x = x }",
        expect![[r#"
        test.pcl:1:12: error: [E2] `A.x` refers to itself, so it has no type
        test.pcl:1:16: note: the circle closes here
        help: declare one of the members on the way as an option with a type, or break the circle
    "#]],
    );
    told(
        r#"module A {
  x = y
  y = z
  z = f"{x}"
}"#,
        expect![[r#"
            test.pcl:2:3: error: [E2] `A.x` refers to itself, so it has no type
            test.pcl:4:9: note: the circle closes here
            help: declare one of the members on the way as an option with a type, or break the circle
        "#]],
    );
    told(
        r"module A { x = if true then 1 else B.y }
module B { y = A.x }",
        expect![[r#"
            test.pcl:1:12: error: [E2] `A.x` refers to itself, so it has no type
            test.pcl:2:16: note: the circle closes here
            help: declare one of the members on the way as an option with a type, or break the circle
        "#]],
    );
}

#[test]
fn a_config_recipe_is_registered() {
    told(
        r#"module C { configRecipe = "nginx" }"#,
        expect![[r#"
        test.pcl:1:12: error: [E2] there is no config recipe `nginx`
        help: no config recipe is registered
    "#]],
    );
}

#[test]
fn an_excerpt_shows_use_and_declaration() {
    drawn(
        r"module web { x = y
  y = x }",
        expect![[r#"
            test.pcl:1:14: error: [E2] `web.x` refers to itself, so it has no type
              |
            1 | module web { x = y
              |              ^
            test.pcl:2:7: note: the circle closes here
            help: declare one of the members on the way as an option with a type, or break the circle
        "#]],
    );
    drawn(
        r#"module web {
  option port : Int = 80
  url = f"http://localhost:{prot}/"
}"#,
        expect![[r#"
            test.pcl:3:28: error: [E2] the module `web` has no member `prot`
              |
            3 |   url = f"http://localhost:{prot}/"
              |                            ^^^^^^
            help: did you mean `port`?
        "#]],
    );
}
