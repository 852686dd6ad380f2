//! Resolvers whose answers are none: too few, too many, or somebody else's.

use crate::room::{Plugin, Terms, World, or_fault, plugin_error, resolver};
use expect_test::{Expect, expect};
use punix_model::Resolver;

#[track_caller]
fn check(word: &str, references: &[&str], expected: Expect) {
    let table = "limits.timeout_ms = 120000\ngrant.env = [{ name = \"GRANTED\", as = \"secret\" }]";
    let plugin =
        Plugin::on(resolver(), Terms { table, references: &["ONE", "TWO"], ..Terms::default() }, &World::default());
    expected.assert_eq(&plugin.resolved(word, "", references));
}

#[test]
fn an_honest_one_for_comparison() {
    check(
        "honest",
        &["ONE", "TWO"],
        expect![[r#"
        found: the secret of one
        found: the secret of two
    "#]],
    );
    check(
        "honest",
        &["ONE", "ONE"],
        expect![[r#"
        found: the secret of one
        found: the secret of one
    "#]],
    );
}

#[test]
fn one_answer_for_each_request() {
    check(
        "too-few",
        &["ONE", "TWO"],
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` gave an answer that cannot be used in `resolve-all`: 1 answers to 2 requests
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "none",
        &["ONE"],
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` gave an answer that cannot be used in `resolve-all`: 0 answers to 1 requests
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "too-many",
        &["ONE"],
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` gave an answer that cannot be used in `resolve-all`: 3 answers to 1 requests
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn the_secret_of_another_slot() {
    check(
        "swap",
        &["ONE", "TWO"],
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` gave an answer that cannot be used in `resolve-all`: it answered `ONE` with the secret of `TWO`
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "all-the-first",
        &["ONE", "TWO"],
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` gave an answer that cannot be used in `resolve-all`: it answered `TWO` with the secret of `ONE`
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn what_the_stack_does_not_refer_to() {
    check(
        "honest",
        &["TWO", "NOT_GRANTED"],
        expect![[r#"
        found: the secret of two
        Denied env.not-granted: the variable `NOT_GRANTED` is not granted
    "#]],
    );
}

#[test]
fn what_it_logs_in_with_is_no_answer() {
    check(
        "credential",
        &["ONE"],
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` gave an answer that cannot be used in `resolve-all`: it answered `ONE` with the secret of `credential:token`
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn a_version_is_one_short_line() {
    check(
        "version",
        &["ONE"],
        expect![[r#"
        found: the secret of one, version \u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[2J1\n2\u{1b}[
    "#]],
    );
}

/// The one form of a reference stands in plans and records.
#[test]
fn a_reference_is_one_line() {
    let parsed = |reference: &str| {
        let table = "limits.timeout_ms = 120000";
        let plugin = Plugin::on(resolver(), Terms { table, ..Terms::default() }, &World::default());
        let found = plugin.resolver().parse(reference);
        or_fault(found.map(|form| form.map_or_else(|error| plugin_error(&error), |form| format!("{form}\n"))))
    };
    expect!["kv/db#password\n"].assert_eq(&parsed("kv/db#password"));
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` gave an answer that cannot be used in `parse`: the reference `a\u{1b}[2J\nb` has a character in it that no line can have
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]].assert_eq(&parsed("control"));
}
