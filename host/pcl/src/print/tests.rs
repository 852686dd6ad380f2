//! Source and layout side by side. Every source also goes through [`sound`].

mod brackets;
mod clauses;
mod comments;
mod random;

use super::tokens::{Comment, Word, slice, split};
use super::{Unformattable, format};
use crate::ast::{Ast, DeclKind};
use crate::limits;
use crate::parser::{Source, parse};
use crate::symbol::{Interner, Symbol};
use expect_test::{Expect, expect};
use punix_diag::{Detail, Look, render};

fn source(text: &str) -> Source {
    Source { name: "test.pcl".to_owned(), bytes: text.as_bytes().to_vec() }
}

fn formatted(text: &str) -> String {
    format(source(text)).unwrap_or_else(|refused| panic!("{}\n{text}", shown(&refused)))
}

fn shown(refused: &Unformattable) -> String {
    render(&refused.diagnostics, &refused.sources, Look { detail: Detail::Lines, color: false })
}

fn check(text: &str, want: Expect) {
    want.assert_eq(&sound(text));
}

/// Formats a text, and makes sure that nothing was lost, changed or left to do.
fn sound(text: &str) -> String {
    let out = formatted(text);
    let (before, after) = (Parts::of(text), Parts::of(&out));
    assert_eq!(before.words, after.words, "\n{text}\n{out}");
    assert_eq!(before.comments, after.comments, "\n{text}\n{out}");
    assert_eq!(meaning(text), meaning(&out), "\n{text}\n{out}");
    assert_eq!(formatted(&out), out, "once more, from\n{text}");
    for gap in &after.gaps {
        let neat = !gap.contains(" \n") && !gap.contains('\t') && !gap.contains("\n\n\n");
        assert!(neat, "{gap:?} in\n{out}");
    }
    assert!(out.is_empty() || out.ends_with('\n') && !out.ends_with("\n\n") && !out.starts_with('\n'), "{out:?}");
    out
}

/// A text taken apart.
struct Parts {
    words: Vec<String>,
    comments: Vec<String>,
    /// The white space in between.
    gaps: Vec<String>,
}

impl Parts {
    fn of(text: &str) -> Parts {
        let text = text.replace("\r\n", "\n");
        let (words, comments) = split(&text, &mut Interner::default());
        let own = |word: &Word| slice(&text, word.span).to_owned();
        let trimmed = |comment: &Comment| slice(&text, comment.span).trim_end().to_owned();
        let mut spans: Vec<_> = words.iter().map(|word| word.span).chain(comments.iter().map(|c| c.span)).collect();
        spans.sort();
        let between = |pair: &[punix_diag::Span]| text[pair[0].end as usize..pair[1].start as usize].to_owned();
        Parts {
            words: words.iter().map(own).collect(),
            comments: comments.iter().map(trimmed).collect(),
            gaps: spans.windows(2).map(between).collect(),
        }
    }
}

/// Returns all of a program but its places.
fn meaning(text: &str) -> Vec<String> {
    let (ast, diagnostics) = parse(vec![source(text)]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    let blocks = ast.blocks.iter().map(|block| format!("{:?} {:?} {:?}", block.kind, block.name, block.decls));
    let declarations = ast.decls.iter().map(|decl| {
        let kind = match decl.kind {
            DeclKind::Option { ty } => ast.types.show(ty, &ast.symbols),
            DeclKind::Derived => "derived".to_owned(),
            DeclKind::Contribution { target, priority } => format!("{target:?} {priority:?}"),
        };
        format!("{kind} {:?} {:?} {}", decl.name, decl.code, decl.block)
    });
    let nodes = ast.nodes.iter().map(|node| format!("{node:?}"));
    let labels = ast.labels.iter().map(|label| format!("{:?}", label.name));
    blocks.chain(declarations).chain(nodes).chain(labels).chain(symbols(&ast)).collect()
}

fn symbols(ast: &Ast) -> impl Iterator<Item = String> {
    (0..ast.symbols.len() as u32).map(|index| ast.text(Symbol(index)).to_owned())
}

#[test]
fn what_is_not_pcl_is_refused() {
    let refused = format(source("module A { x = }\nmodule B { x = [ }\n")).expect_err("it is no program");
    expect![[r#"
        test.pcl:1:16: error: [E0] expected an expression, found `}`
        test.pcl:2:18: error: [E0] expected an expression, found `}`
    "#]]
    .assert_eq(&shown(&refused));
    let refused = format(Source { name: "b.pcl".to_owned(), bytes: b"module \xff".to_vec() }).expect_err("no UTF-8");
    expect![[r#"
        b.pcl:1:8: error: [E0] this byte is not UTF-8
        help: save the file as UTF-8
    "#]]
    .assert_eq(&shown(&refused));
}

#[test]
fn a_chain_of_a_hundred_thousand_links_is_one_group() {
    const LINKS: usize = 100_000;
    let chain: String = (0..LINKS).map(|n| format!("if c then {n} else ")).collect();
    let out = formatted(&format!("module A {{ x = {chain}0 }}"));
    assert_eq!(out.lines().count(), 2 + 2 * LINKS + 1);
    assert!(out.contains("\n    else if c\n    then 99999\n    else 0\n}\n"), "flat to its end");
    assert_eq!(formatted(&out), out);
}

#[test]
fn nesting_may_be_as_deep_as_the_language_allows() {
    let depth = limits::NESTING_MAX - 1;
    for (open, close) in
        [("{ a = ", " }"), ("[", "]"), ("(", ")"), ("if c then ", " else 0"), ("for x in xs yield ", "")]
    {
        sound(&format!("module A {{ x = {}1{} }}", open.repeat(depth), close.repeat(depth)));
    }
    sound(&format!("module A {{ option x : {}Int{} }}", "{ a : List[".repeat(240), "] }".repeat(240)));
}

#[test]
fn a_result_that_is_too_long_is_refused() {
    let deep = format!("{}1{}\n", "[\n".repeat(490), "]".repeat(490));
    let text = format!("module A {{ x = [\n{}] }}", deep.repeat(limits::PROGRAM_BYTES_MAX / 490 / 490));
    let refused = format(source(&text)).expect_err("indentation makes it long");
    expect![[r#"
        test.pcl:1:1: error: [E20] the formatted text would be longer than 32 MiB
        help: split the file
    "#]]
    .assert_eq(&shown(&refused));
}
