//! Conditionals and comprehensions, and what is left as it was written.

use super::check;
use expect_test::expect;

#[test]
fn conditionals_break_at_their_words() {
    check(
        r#"module A {
  a = if x
    then 1
    else 2
  b = if first then "the first of three words" else if second then "the second of three" else "the third"
  c = if x then if y then "a string that is long enough to break" else "another string that breaks" else "z"
  d = [if x then "a string that is long enough to break" else "another string that breaks", if y then 1 else "z"]
  e = if x then { a = 1 } else if y then {
    a = 2
  } else { a = 3 }
  f = (if x then "a string that is long enough to break" else "another string that breaks it all")
  g = (
    if x then 1 else 2)
  h = { a = if x then "a string that is long enough to break" else "another string that breaks it" }
}
"#,
        expect![[r#"
            module A {
              a = if x then 1 else 2
              b = if first
                then "the first of three words"
                else if second
                then "the second of three"
                else "the third"
              c = if x
                then if y then "a string that is long enough to break" else "another string that breaks"
                else "z"
              d = [
                if x then "a string that is long enough to break" else "another string that breaks",
                if y then 1 else "z"
              ]
              e = if x
                then { a = 1 }
                else if y
                then {
                  a = 2
                }
                else { a = 3 }
              f = (if x then "a string that is long enough to break" else "another string that breaks it all")
              g = (if x then 1 else 2)
              h = { a = if x then "a string that is long enough to break" else "another string that breaks it" }
            }
        "#]],
    );
}

#[test]
fn comprehensions_break_at_their_words_or_inside_their_body() {
    check(
        r#"module A {
  a = for x
    in xs
    yield distinct x.a
  b = for service in services where service.enabled = true and service.role = "web" yield f"{service.name}.{domain}"
  c = for x in xs yield {
    a = x.a }
  d = for service in services where service.enabled = true yield { name = service.name port = service.port }
  e = for service in services where service.enabled = true yield { name = service.name port = service.port role = "a role" x = 1 }
  f = for x in xs # why
    yield [
      x ]
  g = for x in [{ a = 1 }, { a = 2 }] yield for y in ys yield [
    x.a ]
}
"#,
        expect![[r#"
            module A {
              a = for x in xs yield distinct x.a
              b = for service in services
                where service.enabled = true and service.role = "web"
                yield f"{service.name}.{domain}"
              c = for x in xs yield {
                a = x.a
              }
              d = for service in services
                where service.enabled = true
                yield { name = service.name  port = service.port }
              e = for service in services
                where service.enabled = true
                yield { name = service.name  port = service.port  role = "a role"  x = 1 }
              f = for x in xs # why
                yield [
                  x
                ]
              g = for x in [{ a = 1 }, { a = 2 }]
                yield for y in ys yield [
                  x.a
                ]
            }
        "#]],
    );
}

#[test]
fn strings_are_left_alone() {
    check(
        r##"module A {
    a = "\t # no comment é"
    b   =   f"{{{x}}}"}"##,
        expect![[r#"
            module A {
              a = "\t # no comment é"
              b = f"{{{x}}}"
            }
        "#]],
    );
    check(
        &[
            "module A {",
            "    a = \"\"\"",
            "        one \t ",
            "",
            "",
            "          # two",
            "        \"\"\" # text",
            "  b = { x = \"\"\"one",
            "two\"\"\" y = \"\"\"three\"\"\" }",
            "  c = [\"\"\"a",
            "b\"\"\", if a then \"\"\"",
            "\"\"\" else b]}",
        ]
        .join("\n"),
        expect![[r#"
            module A {
              a = """
                    one 	 


                      # two
                    """ # text
              b = {
                x = """one
            two"""
                y = """three"""
              }
              c = [
                """a
            b""",
                if a
                  then """
            """
                  else b
              ]
            }
        "#]],
    );
}

#[test]
fn names_that_are_words_elsewhere_stay_names() {
    check(
        "module module { then = else yield = { if = where for = in } x = for x in where where x = and and y = yield yield yield option option : Int = option }",
        expect![[r#"
            module module {
              then = else
              yield = { if = where  for = in }
              x = for x in where where x = and and y = yield yield yield
              option option : Int = option
            }
        "#]],
    );
    check(
        "scenario option { option.option = force force.force module.module = (default) }",
        expect![[r#"
            scenario option { option.option = force force.force  module.module = (default) }
        "#]],
    );
}
