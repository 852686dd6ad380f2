//! E7: values that need themselves, packages that need each other.

use super::{drawn, told};
use expect_test::expect;

#[test]
fn an_option_that_needs_itself() {
    told(
        "module A { option x : Int = x }",
        expect![[r#"
        test.pcl:1:29: error: [E7] a circle of references: `A.x → A.x`
        test.pcl:1:19: note: `A.x` is declared here
        help: let one of them have a value of its own
    "#]],
    );
    told(
        r"module A {
  option x : Int = y
  option y : Int = x
}",
        expect![[r#"
            test.pcl:3:20: error: [E7] a circle of references: `A.x → A.y → A.x`
            test.pcl:2:10: note: `A.x` is declared here
            test.pcl:3:10: note: `A.y` is declared here
            help: let one of them have a value of its own
        "#]],
    );
    told(
        r"module A { option x : Int = B.y }
module B { option y : Int = A.x }",
        expect![[r#"
            test.pcl:2:29: error: [E7] a circle of references: `A.x → B.y → A.x`
            test.pcl:1:19: note: `A.x` is declared here
            test.pcl:2:19: note: `B.y` is declared here
            help: let one of them have a value of its own
        "#]],
    );
}

#[test]
fn a_losing_contribution_counts_too() {
    told(
        r"module A {
  option x : Int = 0
  A.x = force 1
  A.x = default y
  y = x
}",
        expect![[r#"
            test.pcl:5:7: error: [E7] a circle of references: `A.x → A.y → A.x`
            test.pcl:2:10: note: `A.x` is declared here
            test.pcl:5:3: note: `A.y` is declared here
            help: let one of them have a value of its own
        "#]],
    );
}

#[test]
fn a_long_circle_is_cut() {
    told(
        r"module A {
  option x0 : Int = x1
  option x1 : Int = x2
  option x2 : Int = x3
  option x3 : Int = x4
  option x4 : Int = x5
  option x5 : Int = x6
  option x6 : Int = x7
  option x7 : Int = x8
  option x8 : Int = x9
  option x9 : Int = x10
  option x10 : Int = x11
  option x11 : Int = x12
  option x12 : Int = x13
  option x13 : Int = x14
  option x14 : Int = x15
  option x15 : Int = x16
  option x16 : Int = x17
  option x17 : Int = x18
  option x18 : Int = x19
  option x19 : Int = x0
}",
        expect![[r#"
            test.pcl:21:22: error: [E7] a circle of references: `A.x0 → A.x1 → A.x2 → A.x3 → A.x4 → A.x5 → A.x6 → A.x7 → … 12 more … → A.x0`
            test.pcl:2:10: note: `A.x0` is declared here
            test.pcl:3:10: note: `A.x1` is declared here
            test.pcl:4:10: note: `A.x2` is declared here
            test.pcl:5:10: note: `A.x3` is declared here
            test.pcl:6:10: note: `A.x4` is declared here
            test.pcl:7:10: note: `A.x5` is declared here
            test.pcl:8:10: note: `A.x6` is declared here
            test.pcl:9:10: note: `A.x7` is declared here
            help: let one of them have a value of its own
        "#]],
    );
}

#[test]
fn packages_that_need_each_other() {
    told(
        r#"module a { recipe = "r"  deps = [b.pname] }
module b { recipe = "r"  deps = [a.pname] }"#,
        expect![[r#"
            test.pcl:2:34: error: [E7] packages that need each other to be built: `a → b → a`
            help: a package can only use what is built before it; drop this reference, or split one of the packages
        "#]],
    );
    told(
        r#"module a { recipe = "r"  deps = [b.pname] }
module b { recipe = "r"  deps = [c.pname] }
module c { recipe = "r"  recipeArgs = { flags = f"--with={a.out}" } }"#,
        expect![[r#"
            test.pcl:3:58: error: [E7] packages that need each other to be built: `a → b → c → a`
            help: a package can only use what is built before it; drop this reference, or split one of the packages
        "#]],
    );
    told(
        r#"module a { recipe = "r"  option deps : List[Str] = []  a.deps = [b.pname] }
module b { recipe = "r"  deps = [a.pname] }"#,
        expect![[r#"
            test.pcl:2:34: error: [E7] packages that need each other to be built: `a → b → a`
            help: a package can only use what is built before it; drop this reference, or split one of the packages
        "#]],
    );
}

#[test]
fn a_long_build_cycle_is_cut() {
    told(
        r#"module p0 { recipe = "r"  deps = [p1.pname] }
module p1 { recipe = "r"  deps = [p2.pname] }
module p2 { recipe = "r"  deps = [p3.pname] }
module p3 { recipe = "r"  deps = [p4.pname] }
module p4 { recipe = "r"  deps = [p5.pname] }
module p5 { recipe = "r"  deps = [p6.pname] }
module p6 { recipe = "r"  deps = [p7.pname] }
module p7 { recipe = "r"  deps = [p8.pname] }
module p8 { recipe = "r"  deps = [p9.pname] }
module p9 { recipe = "r"  deps = [p10.pname] }
module p10 { recipe = "r"  deps = [p11.pname] }
module p11 { recipe = "r"  deps = [p12.pname] }
module p12 { recipe = "r"  deps = [p13.pname] }
module p13 { recipe = "r"  deps = [p14.pname] }
module p14 { recipe = "r"  deps = [p0.pname] }
"#,
        expect![[r#"
            test.pcl:15:36: error: [E7] packages that need each other to be built: `p0 → p1 → p2 → p3 → p4 → p5 → p6 → p7 → p8 → p9 → p10 → p11 → … → p0`
            help: a package can only use what is built before it; drop this reference, or split one of the packages
        "#]],
    );
}

#[test]
fn an_excerpt_shows_the_reference() {
    drawn(
        r"module A {
  option x : Int = y
  option y : Int = x
}",
        expect![[r#"
            test.pcl:3:20: error: [E7] a circle of references: `A.x → A.y → A.x`
              |
            3 |   option y : Int = x
              |          -         ^
              |          |
              |          `A.y` is declared here
            test.pcl:2:10: note: `A.x` is declared here
            test.pcl:3:10: note: `A.y` is declared here
            help: let one of them have a value of its own
        "#]],
    );
}
