//! Reading and recovering, shown as what was read.

use super::{Source, parse};
use crate::ast::{Ast, DeclKind};
use expect_test::{Expect, expect};
use punix_diag::{Detail, Look, render};

fn read(text: &str) -> (Ast, String) {
    let (ast, diagnostics) = parse(vec![Source { name: "t".to_owned(), bytes: text.as_bytes().to_vec() }]);
    let shown = render(&diagnostics, &ast.sources, Look { detail: Detail::Lines, color: false });
    (ast, shown)
}

/// Shows the declarations that were read, then what was reported.
fn check(text: &str, expected: &Expect) {
    let (ast, shown) = read(text);
    let mut out = String::new();
    for block in &ast.blocks {
        out.push_str(&format!("{}{}:", ast.text(block.name), if block.damaged { " (damaged)" } else { "" }));
        for decl in &ast.decls[block.decls.start as usize..block.decls.end as usize] {
            let kind = match decl.kind {
                DeclKind::Option { .. } => "option ",
                DeclKind::Derived => "",
                DeclKind::Contribution { .. } => ".",
            };
            out.push_str(&format!(" {kind}{}[{}]", ast.text(decl.name), decl.code.len()));
        }
        out.push('\n');
    }
    expected.assert_eq(&(out + &shown));
}

#[test]
fn every_declaration_is_read_with_its_nodes() {
    check(
        "module A { option x : Int = 1; y = [x, x], B.z = force { a = 1 } }\nscenario s { A.x = 2 }",
        &expect![[r#"
            A: option x[1] y[3] .z[2]
            s: .x[1]
        "#]],
    );
}

#[test]
fn after_an_error_the_next_declaration_is_read() {
    check(
        "module A {\n  x = [1 2]\n  y = }\n  z = 3\n}\nmodule B { w = 4 }",
        &expect![[r#"
            A (damaged): x[1] y[1] z[1]
            B: w[1]
            t:2:10: error: [E0] expected `]`, or `,` or a new line before the next element, found `2`
            t:3:7: error: [E0] expected an expression, found `}`
        "#]],
    );
}

#[test]
fn an_unclosed_block_ends_where_the_next_begins() {
    check(
        "module A {\n  x = { a = 1\nmodule B { y = 2 }",
        &expect![[r#"
            A (damaged): x[1]
            B: y[1]
            t:3:1: error: [E0] expected `}` to close this record, found `module`
        "#]],
    );
}

#[test]
fn parentheses_leave_no_trace() {
    let (wrapped, shown) = read("module A { x = ((1)) y = (if true then [2] else []) }");
    assert_eq!(shown, "");
    let (plain, _) = read("module A { x = 1 y = if true then [2] else [] }");
    assert_eq!(wrapped.nodes, plain.nodes);
}

#[test]
fn returns_are_folded_and_bad_bytes_are_placed() {
    let file = |bytes: &[u8]| vec![Source { name: "t".to_owned(), bytes: bytes.to_vec() }];
    let (ast, found) = parse(file(b"module A {\r\n  x = 1\r  y = 2\r\n}"));
    assert!(found.is_empty());
    assert_eq!(ast.sources.locate(ast.decls[1].at.start).to_string(), "t:3:3");
    let (ast, found) = parse(file(b"module A {\n  x = \"\xff\" }"));
    assert_eq!(found.len(), 1);
    assert_eq!(ast.sources.locate(found[0].span.map_or(0, |span| span.start)).to_string(), "t:2:8");
}

#[test]
fn what_is_no_token_spoils_its_declaration_only() {
    check(
        "module A {\n  x = $HOME\n  y = 'single'\n  z = for e in l yeld e.n\n  w = 1\n}",
        &expect![[r#"
            A (damaged): x[1] y[1] z[1] w[1]
            t:2:7: error: [E0] unexpected character `$`
            t:3:7: error: [E0] a string stands in double quotes
            help: write `"…"`
            t:4:18: error: [E0] expected `yield`, found `yeld`
        "#]],
    );
}
