//! E20: limits, each with the place where it is reached.

use super::told;
use expect_test::expect;

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("module A {{\n  x =\n    {}1{}\n  y = 2\n}}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn nesting_has_a_bound() {
    told(
        &nested("(", ")", 501),
        expect![[r#"
        test.pcl:3:506: error: [E20] nested more than 500 deep
    "#]],
    );
    told(
        &nested("[", "]", 501),
        expect![[r#"
        test.pcl:3:506: error: [E20] nested more than 500 deep
    "#]],
    );
    told(
        &nested("{a = ", "}", 501),
        expect![[r#"
        test.pcl:3:2510: error: [E20] nested more than 500 deep
    "#]],
    );
    told(
        &nested("if true then (", ") else 1", 400),
        expect![[r#"
        test.pcl:3:3508: error: [E20] nested more than 500 deep
    "#]],
    );
    let list = format!("module A {{ option x : {}Int{} }}", "List[".repeat(502), "]".repeat(502));
    told(
        &list,
        expect![[r#"
        test.pcl:1:2528: error: [E20] nested more than 500 deep
    "#]],
    );
}

#[test]
fn nesting_below_the_bound_is_no_error() {
    told(&nested("(", ")", 500), expect![[""]]);
    told(&nested("[", "]", 500), expect![[""]]);
    told(&nested("", "", 0), expect![[""]]);
    let links: String = (0..5_000).map(|n| format!("if false then {n} else ")).collect();
    told(&format!("module A {{ x = {links} 0 }}"), expect![[""]]);
}

#[test]
fn integers_have_a_bound() {
    told(&format!("module A {{ x = {} }}", "7".repeat(4_300)), expect![[""]]);
    told(
        &format!("module A {{ x = {} }}", "7".repeat(4_301)),
        expect![[r#"
        test.pcl:1:16: error: [E20] an integer may have 4300 digits, this one has 4301
    "#]],
    );
}

#[test]
fn types_and_values_have_a_depth() {
    let chain: String = (0..600).map(|n| format!("  a{} = {{ l = a{n} }}\n", n + 1)).collect();
    told(
        &format!("module A {{\n  a0 = 1\n{chain}}}"),
        expect![[r#"
        test.pcl:503:10: error: [E20] this type is more than 500 deep
    "#]],
    );
}

#[test]
fn texts_have_a_length() {
    let doubled: String = (0..64).map(|n| format!("  a{} = f\"{{a{n}}}{{a{n}}}\"\n", n + 1)).collect();
    told(
        &format!("module A {{\n  a0 = \"x\"\n{doubled}}}"),
        expect![[r#"
        test.pcl:27:9: error: [E20] this text is longer than 16 MiB
    "#]],
    );
}

#[test]
fn evaluation_has_a_bound() {
    let list: String = (0..2_000).map(|n| format!("{{ a = {n} }}, ")).collect();
    let text = format!(
        "module A {{\n  l = [{list}]\n  x = for i in l yield\n    for j in l yield\n      for k in l yield 1\n  y = 1\n}}"
    );
    told(
        &text,
        expect![[r#"
        test.pcl:5:7: error: [E20] evaluation makes more than 16000000 values
    "#]],
    );
}
