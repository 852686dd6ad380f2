//! E3, E4 and E6: members that compete, and options that nobody fills.

use super::{drawn, told};
use expect_test::expect;

#[test]
fn an_option_is_declared_once() {
    told(
        r#"module A { option x : Int = 1
  option x : Str = "a" }"#,
        expect![[r#"
            test.pcl:2:10: error: [E4] the option `A.x` is declared twice
            test.pcl:1:19: note: first declared here
        "#]],
    );
}

#[test]
fn a_member_is_defined_once() {
    told(
        r"module A { x = 1
  x = 1 }",
        expect![[r#"
            test.pcl:2:3: error: [E6] `A.x` is defined twice
            test.pcl:1:12: note: first defined here
        "#]],
    );
    told(
        "module A { x = 1 x = 2 x = 3 }",
        expect![[r#"
        test.pcl:1:18: error: [E6] `A.x` is defined twice
        test.pcl:1:12: note: first defined here
        test.pcl:1:24: error: [E6] `A.x` is defined twice
        test.pcl:1:12: note: first defined here
    "#]],
    );
}

#[test]
fn a_name_is_an_option_or_derived() {
    told(
        r"module A { x = 1
  option x : Int = 2 }",
        expect![[r#"
            test.pcl:1:12: error: [E4] `A.x` is both an option and a derived member
            test.pcl:2:10: note: the option is declared here
            help: drop one of them; to give the option a value, write `A.x = …` or a default
        "#]],
    );
    told(
        r"module A { option x : Int = 2 }
module B { y = A.x }
module A { x = 1 }",
        expect![[r#"
            test.pcl:3:12: error: [E4] `A.x` is both an option and a derived member
            test.pcl:1:19: note: the option is declared here
            help: drop one of them; to give the option a value, write `A.x = …` or a default
        "#]],
    );
}

#[test]
fn a_derived_member_takes_no_contribution() {
    told(
        r"module A { x = 1 }
module B { A.x = 2 }",
        expect![[r#"
            test.pcl:2:12: error: [E4] `A.x` is a derived member and takes no contribution
            test.pcl:1:12: note: derived here
            help: declare it as `option x : …` to let others set it
        "#]],
    );
    told(
        r"module A { x = 1 }
scenario s { A.x = force 2 }",
        expect![[r#"
            test.pcl:2:14: error: [E4] `A.x` is a derived member and takes no contribution
            test.pcl:1:12: note: derived here
            help: declare it as `option x : …` to let others set it
        "#]],
    );
}

#[test]
fn a_package_owns_its_out() {
    told(
        r#"module p { recipe = "r"  out = "/x" }"#,
        expect![[r#"
        test.pcl:1:26: error: [E4] `p.out` cannot be declared: it is the package's path in the store
        help: choose another name
    "#]],
    );
    told(
        r#"module p { recipe = "r"  option out : Str = "/x" }"#,
        expect![[r#"
        test.pcl:1:33: error: [E4] `p.out` cannot be declared: it is the package's path in the store
        help: choose another name
    "#]],
    );
}

#[test]
fn equal_strength_has_to_agree() {
    told(
        r"module A { option port : Int = 80 }
module B { A.port = 81 }
module C { A.port = 82 }",
        expect![[r#"
            test.pcl:2:12: error: [E4] contributions to `A.port` of equal strength disagree
            test.pcl:2:12: note: this says `81`
            test.pcl:3:12: note: and this says `82`
            help: remove all but one, or mark the one that counts with `force`
        "#]],
    );
    told(
        r"module A { option port : Int = 80 }
module B { A.port = default 81 }
module C { A.port = default 82 }",
        expect![[r#"
            test.pcl:2:12: error: [E4] contributions to `A.port` of equal strength disagree
            test.pcl:2:12: note: this says `81`
            test.pcl:3:12: note: and this says `82`
            help: remove all but one, or mark the one that counts with `force`
        "#]],
    );
    told(
        r"module A { option port : Int
  A.port = force 1
  A.port = force 1
  A.port = force 2
}",
        expect![[r#"
            test.pcl:2:3: error: [E4] contributions to `A.port` of equal strength disagree
            test.pcl:2:3: note: this says `1`
            test.pcl:3:3: note: and this says `1`
            test.pcl:4:3: note: and this says `2`
            help: remove all but one, or mark the one that counts with `force`
        "#]],
    );
    told(
        r#"module A { option l : List[Str]
  A.l = ["a", "b"]
  A.l = ["b", "a"]
}"#,
        expect![[r#"
            test.pcl:2:3: error: [E4] contributions to `A.l` of equal strength disagree
            test.pcl:2:3: note: this says `["a", "b"]`
            test.pcl:3:3: note: and this says `["b", "a"]`
            help: remove all but one, or mark the one that counts with `force`
        "#]],
    );
    told(
        r#"module A { option s : Str
  A.s = { from_env = "K" }
  A.s = "from_env:K"
}"#,
        expect![[r#"
            test.pcl:2:3: error: [E4] contributions to `A.s` of equal strength disagree
            test.pcl:2:3: note: this says `{ from_env = "K" }`
            test.pcl:3:3: note: and this says `"from_env:K"`
            help: remove all but one, or mark the one that counts with `force`
        "#]],
    );
}

#[test]
fn many_that_disagree_are_counted() {
    told(
        r"module A { option x : Int }
module B0 { A.x = 0 }
module B1 { A.x = 1 }
module B2 { A.x = 2 }
module B3 { A.x = 3 }
module B4 { A.x = 4 }
module B5 { A.x = 5 }
module B6 { A.x = 6 }
module B7 { A.x = 7 }
module B8 { A.x = 8 }
module B9 { A.x = 9 }
module B10 { A.x = 10 }
module B11 { A.x = 11 }
module B12 { A.x = 12 }
module B13 { A.x = 13 }
",
        expect![[r#"
            test.pcl:2:13: error: [E4] contributions to `A.x` of equal strength disagree
            test.pcl:2:13: note: this says `0`
            test.pcl:3:13: note: and this says `1`
            test.pcl:4:13: note: and this says `2`
            test.pcl:5:13: note: and this says `3`
            test.pcl:6:13: note: and this says `4`
            test.pcl:7:13: note: and this says `5`
            test.pcl:8:13: note: and this says `6`
            test.pcl:9:13: note: and this says `7`
            test.pcl:10:13: note: and this says `8`
            test.pcl:11:13: note: and this says `9`
            test.pcl:12:14: note: and this says `10`
            note: and 3 more
            help: remove all but one, or mark the one that counts with `force`
        "#]],
    );
}

#[test]
fn what_uses_a_conflict_says_nothing_more() {
    told(
        r"module A { option x : Int = 0
  A.x = 1
  A.x = 2
  y = x
  z = [y, y]
}",
        expect![[r#"
            test.pcl:2:3: error: [E4] contributions to `A.x` of equal strength disagree
            test.pcl:2:3: note: this says `1`
            test.pcl:3:3: note: and this says `2`
            help: remove all but one, or mark the one that counts with `force`
        "#]],
    );
}

#[test]
fn a_required_option_is_filled() {
    told(
        "module A { option x : Int }",
        expect![[r#"
        test.pcl:1:19: error: [E3] nothing fills the required option `A.x`
        help: give it a default, or write `A.x = …` in some module
    "#]],
    );
    told(
        "module A { option x : Int  y = x }",
        expect![[r#"
        test.pcl:1:19: error: [E3] nothing fills the required option `A.x`
        help: give it a default, or write `A.x = …` in some module
    "#]],
    );
}

#[test]
fn an_excerpt_shows_who_competes() {
    drawn(
        r"module A { option port : Int = 80 }
module B { A.port = 81 }
module C { A.port = 82 }",
        expect![[r#"
            test.pcl:2:12: error: [E4] contributions to `A.port` of equal strength disagree
              |
            2 | module B { A.port = 81 }
              |            ^
            test.pcl:2:12: note: this says `81`
            test.pcl:3:12: note: and this says `82`
            help: remove all but one, or mark the one that counts with `force`
        "#]],
    );
    drawn(
        r"module A { x = 1
  x = 2 }",
        expect![[r#"
            test.pcl:2:3: error: [E6] `A.x` is defined twice
              |
            2 |   x = 2 }
              |   ^
            test.pcl:1:12: note: first defined here
        "#]],
    );
}
