//! Where comments go.

use super::check;
use expect_test::expect;

#[test]
fn comments_stay_where_they_stand() {
    check(
        r#"
  # the file

# a module
module A {   # opens

# first
    x = 1   # one
    # last of a group

    # next
    y = [ # a list
      1 # one
      , # and its comma
      2, # two

      # alone

    ] # closed
    r = { a = 1 # a
      b = 2 }
    c = if a # condition
      # then
      then b # b
      else c # c
    f = for x in xs # source
      where x.a = 1 # guard

      # body
      yield x
    # end of A
} # closes
# end
"#,
        expect![[r#"
            # the file

            # a module
            module A { # opens
              # first
              x = 1 # one
              # last of a group

              # next
              y = [ # a list
                1, # one
                # and its comma
                2 # two

                # alone
              ] # closed
              r = {
                a = 1 # a
                b = 2
              }
              c = if a # condition
                # then
                then b # b
                else c # c
              f = for x in xs # source
                where x.a = 1 # guard
                # body
                yield x
              # end of A
            } # closes
            # end
        "#]],
    );
}

#[test]
fn comments_in_odd_places_move_to_the_line_before() {
    check(
        r#"module # 1
A # 2
{
  x # 3
    = # 4

    # 5
    5
  option y # 6
    : { a : # 7
        Int # 8
        b : Str } # 9
    = # 10
    { a = # 11
      1 b = "x" }

  A # 12
  . # 13
  y = # 14
    force # 15
    ( # 16
      z # 17
      . # 18
      z ) # 19
  c = if # 20
    a then # 21
    b else # 22
    if b then c else d
  e = for # 23
    x in # 24
    xs where # 25
    x.a = # 26
    1 yield # 27
    distinct # 28
    [ # 29
    ]
}
"#,
        expect![[r##"
            # 1
            # 2
            module A {
              # 3
              # 4
              # 5
              x = 5
              # 6
              option y : {
                # 7
                a : Int # 8
                # 9
                # 10
                b : Str
              } = {
                # 11
                a = 1
                b = "x"
              }

              # 12
              # 13
              # 14
              # 15
              A.y = force ( # 16
                # 17
                # 18
                z.z
              ) # 19
              # 20
              c = if a
                # 21
                then b
                # 22
                else if b
                then c
                else d
              # 23
              # 24
              e = for x in xs
                # 25
                # 26
                where x.a = 1
                # 27
                # 28
                yield distinct [ # 29
                ]
            }
        "##]],
    );
}

#[test]
fn nothing_but_comments_stays_so() {
    check("", expect![""]);
    check(" \n\t\r\n ", expect![""]);
    check(
        "\n\n # one  \n\n\n#two",
        expect![[r#"
        # one

        #two
    "#]],
    );
}
