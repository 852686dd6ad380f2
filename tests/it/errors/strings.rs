//! E0: characters, numbers, strings and f-strings.

use super::{drawn, told};
use crate::support::{check_text, lines};
use expect_test::expect;

#[test]
fn characters_that_begin_no_token() {
    told(
        "module A { x = 1 @ y = 2 }",
        expect![[r#"
        test.pcl:1:18: error: [E0] unexpected character `@`
    "#]],
    );
    told(
        "module A { x = 1 + 2 }",
        expect![[r#"
        test.pcl:1:18: error: [E0] unexpected character `+`
        help: PCL has no operators; text is composed with `f"…{name}…"`
    "#]],
    );
    told(
        "module A { x = -1 }",
        expect![[r#"
        test.pcl:1:16: error: [E0] unexpected character `-`
        help: PCL has no operators; text is composed with `f"…{name}…"`
    "#]],
    );
    told(
        "module A { x = a && b }",
        expect![[r#"
        test.pcl:1:18: error: [E0] unexpected character `&`
        help: PCL has no operators; text is composed with `f"…{name}…"`
    "#]],
    );
    told(
        "module A { é = 1 }",
        expect![[r#"
        test.pcl:1:12: error: [E0] unexpected character `é`
    "#]],
    );
    told(
        "module A { x = 1.5 }",
        expect![[r#"
        test.pcl:1:17: error: [E0] expected an option, a member or a contribution, found `.`
        help: numbers are whole; write `"…"` for any other
    "#]],
    );
    told(
        "module A { x = ٣ }",
        expect![[r#"
        test.pcl:1:16: error: [E0] unexpected character `٣`
        help: integers are written with the digits 0 to 9
    "#]],
    );
    told(
        "module A { x = ² }",
        expect![[r#"
        test.pcl:1:16: error: [E0] unexpected character `²`
        help: integers are written with the digits 0 to 9
    "#]],
    );
    told(
        r"module A { x = 1 } \",
        expect![[r#"
        test.pcl:1:20: error: [E0] unexpected character `\`
    "#]],
    );
}

#[test]
fn invisible_characters_are_named() {
    told(
        "\u{feff}module A { x = 1 }",
        expect![[r#"
        test.pcl:1:1: error: [E0] unexpected character `\u{feff}`
        help: save the file as UTF-8 without a byte-order mark
    "#]],
    );
    told(
        "module A {\u{a0}x = 1 }",
        expect![[r#"
        test.pcl:1:11: error: [E0] unexpected character `\u{a0}`
        help: only space, tab and line end separate tokens
    "#]],
    );
    told(
        "module A { x = 1 }\0\0",
        expect![[r#"
        test.pcl:1:19: error: [E0] unexpected character `\u{0}`
        help: this does not look like text
    "#]],
    );
    told(
        "module A { x = 1 }\x0c",
        expect![[r#"
        test.pcl:1:19: error: [E0] unexpected character `\u{c}`
        help: only space, tab and line end separate tokens
    "#]],
    );
    told(
        "module A { x = \x07 }",
        expect![[r#"
        test.pcl:1:16: error: [E0] unexpected character `\u{7}`
    "#]],
    );
    told(
        "module A { x = \u{202e}1 }",
        expect![[r#"
        test.pcl:1:16: error: [E0] unexpected character `\u{202e}`
    "#]],
    );
}

#[test]
fn line_ends_count_however_they_are_written() {
    told(
        "module A {\r\n  x = nope\r\n}\r\n",
        expect![[r#"
            test.pcl:2:7: error: [E2] the module `A` has no member `nope`
        "#]],
    );
    told(
        "module A {\r  x = nope\r}\r",
        expect![[r#"
        test.pcl:2:7: error: [E2] the module `A` has no member `nope`
    "#]],
    );
}

#[test]
fn strings_stand_in_double_quotes() {
    told(
        "module A { x = 'hello' y = 2 }",
        expect![[r#"
        test.pcl:1:16: error: [E0] a string stands in double quotes
        help: write `"…"`
    "#]],
    );
    told(
        r"module A {
  x = 'hello
  y = 2
}",
        expect![[r#"
            test.pcl:2:7: error: [E0] a string stands in double quotes
            help: write `"…"`
        "#]],
    );
}

#[test]
fn booleans_are_lower_case() {
    told(
        "module A { x = True  y = False }",
        expect![[r#"
        test.pcl:1:16: error: [E0] `True` is not a boolean
        help: write `true`
    "#]],
    );
    told(
        "module True { }",
        expect![[r#"
        test.pcl:1:8: error: [E0] expected the name of the module, found `True`
    "#]],
    );
}

#[test]
fn a_string_ends_on_its_line() {
    told(
        r#"module A {
  x = "abc
  y = 2
}
"#,
        expect![[r#"
            test.pcl:2:7: error: [E0] this string is not closed on its line
            help: end it with `"`, or use `"""` for text of several lines
        "#]],
    );
    told(
        r#"module A { x = "abc"#,
        expect![[r#"
        test.pcl:1:16: error: [E0] this string is not closed on its line
        help: end it with `"`, or use `"""` for text of several lines
    "#]],
    );
    told(
        r#"module A { x = "abc\"#,
        expect![[r#"
        test.pcl:1:16: error: [E0] this string is not closed on its line
        help: end it with `"`, or use `"""` for text of several lines
    "#]],
    );
}

#[test]
fn escapes_are_four() {
    told(
        r#"module A { x = "a\qb" }"#,
        expect![[r#"
        test.pcl:1:19: error: [E0] `\q` is not an escape
        help: the escapes are `\\`, `\"`, `\n` and `\t`; a `"""` string takes everything as it is
    "#]],
    );
    told(
        r#"module A { x = "\u00e9" }"#,
        expect![[r#"
        test.pcl:1:18: error: [E0] `\u` is not an escape
        help: the escapes are `\\`, `\"`, `\n` and `\t`; a `"""` string takes everything as it is
    "#]],
    );
    told(
        r#"module A { x = "it\'s" }"#,
        expect![[r#"
        test.pcl:1:20: error: [E0] `\'` is not an escape
        help: the escapes are `\\`, `\"`, `\n` and `\t`; a `"""` string takes everything as it is
    "#]],
    );
    told(
        r#"module A { x = "a\
" }"#,
        expect![[r#"
            test.pcl:1:16: error: [E0] this string is not closed on its line
            help: end it with `"`, or use `"""` for text of several lines
        "#]],
    );
    told(
        r#"module A { x = "\$HOME" }"#,
        expect![[r#"
        test.pcl:1:18: error: [E0] `\$` is not an escape
        help: the escapes are `\\`, `\"`, `\n` and `\t`; a `"""` string takes everything as it is
    "#]],
    );
}

#[test]
fn a_triple_quoted_string_ends() {
    told(
        r#"module A {
  x = """
    text
}
"#,
        expect![[r#"
            test.pcl:2:7: error: [E0] this `"""` string is not closed
            help: end it with `"""`
        "#]],
    );
    told(
        r#"module A { x = """a"""" }"#,
        expect![[r#"
        test.pcl:1:23: error: [E0] this string is not closed on its line
        help: end it with `"`, or use `"""` for text of several lines
    "#]],
    );
}

#[test]
fn a_hole_holds_a_reference() {
    told(
        r#"module A { a = 1 x = f"{}" }"#,
        expect![[r#"
        test.pcl:1:24: error: [E0] a hole holds one reference
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
    told(
        r#"module A { a = 1 x = f"{a + 1}" }"#,
        expect![[r#"
        test.pcl:1:24: error: [E0] a hole holds one reference
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
    told(
        r#"module A { a = 1 x = f"{ a }" }"#,
        expect![[r#"
        test.pcl:1:24: error: [E0] a hole holds one reference
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
    told(
        r#"module A { a = 1 x = f"{a.b.c}" }"#,
        expect![[r#"
        test.pcl:1:24: error: [E0] a hole holds one reference
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
    told(
        r#"module A { a = 1 x = f"{A.}" }"#,
        expect![[r#"
        test.pcl:1:24: error: [E0] a hole holds one reference
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
    told(
        r#"module A { x = f"{1}" }"#,
        expect![[r#"
        test.pcl:1:18: error: [E0] a hole holds one reference
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
}

#[test]
fn a_hole_is_closed() {
    told(
        r#"module A { a = 1 x = f"{a" }"#,
        expect![[r#"
        test.pcl:1:24: error: [E0] this hole is not closed by `}`
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
    told(
        r#"module A { a = 1 x = f"{a b" }"#,
        expect![[r#"
        test.pcl:1:24: error: [E0] this hole is not closed by `}`
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
}

#[test]
fn a_shell_substitution_is_recognised() {
    told(
        r#"module A { x = f"echo ${HOME:-/tmp}" }"#,
        expect![[r#"
        test.pcl:1:24: error: [E0] a hole holds one reference
        note: `${…}` of a shell belongs into a plain string `"…"`, where `$` means nothing
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
    told(
        r#"module A { x = f"${1}" }"#,
        expect![[r#"
        test.pcl:1:19: error: [E0] a hole holds one reference
        note: `${…}` of a shell belongs into a plain string `"…"`, where `$` means nothing
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
    told(
        r#"module A { x = f"${" }"#,
        expect![[r#"
        test.pcl:1:19: error: [E0] this hole is not closed by `}`
        note: `${…}` of a shell belongs into a plain string `"…"`, where `$` means nothing
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
}

#[test]
fn an_f_string_has_one_line() {
    told(
        r#"module A { x = f"""a""" }"#,
        expect![[r#"
        test.pcl:1:16: error: [E0] an f-string cannot be triple-quoted
        help: write `f"…"` on one line, or pass the values through `recipeArgs`
    "#]],
    );
    told(
        r#"module A {
  x = f"""
    a
  """
  y = 2
}"#,
        expect![[r#"
            test.pcl:2:7: error: [E0] an f-string cannot be triple-quoted
            help: write `f"…"` on one line, or pass the values through `recipeArgs`
        "#]],
    );
    told(
        r#"module A { x = f"a
" }"#,
        expect![[r#"
            test.pcl:1:16: error: [E0] this string is not closed on its line
            help: end it with `"`, or use `"""` for text of several lines
        "#]],
    );
}

#[test]
fn an_excerpt_shows_the_place() {
    drawn(
        r#"module A { greeting = f"hello {user name}" }"#,
        expect![[r#"
        test.pcl:1:31: error: [E0] a hole holds one reference
          |
        1 | module A { greeting = f"hello {user name}" }
          |                               ^^^^^^^^^^^
        help: write `{name}` or `{Module.member}`; `{{` is a brace
    "#]],
    );
    drawn(
        "module A { x = 'hello' }",
        expect![[r#"
        test.pcl:1:16: error: [E0] a string stands in double quotes
          |
        1 | module A { x = 'hello' }
          |                ^^^^^^^
        help: write `"…"`
    "#]],
    );
}

#[test]
fn a_file_is_utf8() {
    let wanted = expect![[r#"
        test.pcl:2:11: error: [E0] this byte is not UTF-8
        help: save the file as UTF-8
    "#]];
    wanted.assert_eq(&lines(&check_text(b"module A {\n  x = \"caf\xe9\"\n  y = nope\n}\n")));
    let wanted = expect![[r#"
        test.pcl:1:16: error: [E2] the module `A` has no member `nope`
        test.pcl:2:14: error: [E0] this byte is not UTF-8
        help: save the file as UTF-8
    "#]];
    wanted.assert_eq(&lines(&check_text(b"module A { x = nope }\nmodule B { # \xff\xfe")));
}
