//! E20: limits, each with the place where it is reached.

use super::told;
use expect_test::expect;
use punix_pcl::limits::NESTING_MAX;

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("module A {{\n  x =\n    {}1{}\n  y = 2\n}}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn nesting_has_a_bound() {
    told(
        &nested("(", ")", NESTING_MAX + 1),
        expect![[r#"
            test.pcl:3:1005: error: [E20] nested more than 999 deep
        "#]],
    );
    told(
        &nested("[", "]", NESTING_MAX + 1),
        expect![[r#"
            test.pcl:3:1005: error: [E20] nested more than 999 deep
        "#]],
    );
    told(
        &nested("{a = ", "}", NESTING_MAX + 1),
        expect![[r#"
            test.pcl:3:5005: error: [E20] nested more than 999 deep
        "#]],
    );
    told(
        &nested("if true then (", ") else 1", NESTING_MAX / 2 + 1),
        expect![[r#"
            test.pcl:3:7005: error: [E20] nested more than 999 deep
        "#]],
    );
    let list =
        format!("module A {{ option x : {}Int{} }}", "List[".repeat(NESTING_MAX + 2), "]".repeat(NESTING_MAX + 2));
    told(
        &list,
        expect![[r#"
            test.pcl:1:5023: error: [E20] nested more than 999 deep
        "#]],
    );
}

#[test]
fn nesting_below_the_bound_is_no_error() {
    told(&nested("(", ")", NESTING_MAX), expect![[""]]);
    told(&nested("[", "]", NESTING_MAX), expect![[""]]);
    told(&nested("{a = ", "}", NESTING_MAX), expect![[""]]);
    told(&nested("if true then ", " else 2", NESTING_MAX), expect![[""]]);
    let list = format!("module A {{ option x : {}Int{} = [] }}", "List[".repeat(NESTING_MAX), "]".repeat(NESTING_MAX));
    told(&list, expect![[""]]);
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
    let chain: String = (0..1_100).map(|n| format!("  a{} = {{ l = a{n} }}\n", n + 1)).collect();
    told(
        &format!("module A {{\n  a0 = 1\n{chain}}}"),
        expect![[r#"
            test.pcl:1002:11: error: [E20] this type is more than 999 deep
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
