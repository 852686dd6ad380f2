//! E15 and E16: packages that share a name, versions whose source stays behind.

use super::{drawn, told};
use expect_test::expect;

#[test]
fn a_package_name_is_taken_once() {
    told(
        r#"module a { recipe = "r"  pname = "x" }
module b { recipe = "r"  pname = "x" }"#,
        expect![[r#"
            test.pcl:1:26: error: [E15] 2 packages have the name `x`
            note: one of them is `a`
            test.pcl:2:26: note: another is `b`
            help: give each package a `pname` of its own
        "#]],
    );
    told(
        r#"module a { recipe = "r" }
module b { recipe = "r"  pname = "a" }"#,
        expect![[r#"
            test.pcl:1:12: error: [E15] 2 packages have the name `a`
            note: one of them is `a`
            test.pcl:2:26: note: another is `b`
            help: give each package a `pname` of its own
        "#]],
    );
    told(
        r#"module a { recipe = "r"  pname = "x" }
module b { recipe = "r"  n = "x"  pname = n }
module c { recipe = "r"  option pname : Str = "y"  c.pname = "x" }"#,
        expect![[r#"
            test.pcl:1:26: error: [E15] 3 packages have the name `x`
            note: one of them is `a`
            test.pcl:2:35: note: another is `b`
            test.pcl:3:52: note: another is `c`
            help: give each package a `pname` of its own
        "#]],
    );
}

#[test]
fn a_version_takes_its_source_along() {
    told(
        r#"module p {
  option version : Str = "1"
  source = { url = "https://example.org/p-1.tar.gz" }
}
module o { p.version = "2" }"#,
        expect![[r#"
            test.pcl:5:12: error: [E16] `p.version` is overridden but its source is not
            test.pcl:3:3: note: the source stands here and does not read `version`
            help: set the source too, or let the source follow with f"…{version}…"
        "#]],
    );
    told(
        r#"module p {
  option version : Str = "1"
  option url : Str = "https://example.org/p-1.tar.gz"
  option hash : Str = "abc"
  source = { url = url  hash = hash }
}
module o { p.version = "2" }"#,
        expect![[r#"
            test.pcl:7:12: error: [E16] `p.version` is overridden but its source is not
            test.pcl:5:3: note: the source stands here and does not read `version`
            help: set `p.hash`, `p.url` too, or let the source follow with f"…{version}…"
        "#]],
    );
}

#[test]
fn an_excerpt_shows_both() {
    drawn(
        r#"module a { recipe = "r"  pname = "x" }
module b { recipe = "r"  pname = "x" }"#,
        expect![[r#"
            test.pcl:1:26: error: [E15] 2 packages have the name `x`
              |
            1 | module a { recipe = "r"  pname = "x" }
              |                          ^^^^^
            note: one of them is `a`
            test.pcl:2:26: note: another is `b`
            help: give each package a `pname` of its own
        "#]],
    );
}
