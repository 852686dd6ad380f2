//! Handles that are made up, kept too long, used as something else, or hoarded. A number means something only in the call
//! that gave it, to the one who was given it.

use crate::room::{Folder, Plugin, Terms, World, resolver};
use crate::running::PATIENT;
use expect_test::{Expect, expect};

const GRANTED: &str = "limits.timeout_ms = 120000\n\
                       grant.env = [{ name = \"GRANTED\", as = \"secret\" }]\n\
                       grant.secrets = { seal = true }";

fn plugin(table: &str) -> Plugin {
    Plugin::on(resolver(), Terms { table, references: &["ONE", "TWO"], ..Terms::default() }, &World::default())
}

#[track_caller]
fn check(word: &str, with: &str, expected: Expect) {
    expected.assert_eq(&plugin(GRANTED).resolved(word, with, &["ONE"]));
}

#[test]
fn made_up_handles() {
    check(
        "answer-forged",
        "0",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 0
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "answer-forged",
        "1",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 1
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "answer-forged",
        "1000",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 1000
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "answer-forged",
        "4294967295",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 4294967295
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "label-forged",
        "7",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 7
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "read-forged",
        "7",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 7
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "fill-forged",
        "7",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 7
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "drop-forged",
        "7",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 7
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn no_number_of_many_is_a_handle_of_somebody_elses() {
    // The credential of the request is the one handle that there is; dropping it first leaves none.
    let plugin = plugin(GRANTED);
    let found = |number: u32| plugin.resolved("label-forged", &number.to_string(), &["ONE"]);
    let labels: Vec<String> = (0..64).map(found).filter(|said| !said.starts_with("error: [E28]")).collect();
    assert_eq!(labels, ["credential:token\n"]);
}

#[test]
fn handles_that_are_gone() {
    check(
        "after-drop",
        "",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 2
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "drop-twice",
        "",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 2
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "sink-after-finish",
        "",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: handle index 2 used with the wrong type, expected guest-defined resource but found a different guest-defined resource
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn a_handle_of_another_call() {
    let plugin = plugin(GRANTED);
    let number = plugin.resolved("tell-number", "", &["ONE"]);
    let number: u32 = number.trim().parse().unwrap();
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 2
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]]
    .assert_eq(&plugin.resolved("answer-forged", &number.to_string(), &["ONE"]));
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 2
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]]
    .assert_eq(&plugin.resolved("label-forged", &number.to_string(), &["ONE"]));
}

#[test]
fn a_handle_of_something_else() {
    check(
        "secret-as-blob",
        "",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: handle index 2 used with the wrong type, expected guest-defined resource but found a different guest-defined resource
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
    check(
        "blob-as-secret",
        "",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: handle index 2 used with the wrong type, expected guest-defined resource but found a different guest-defined resource
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn one_handle_for_two_answers() {
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` broke off in `resolve-all`: unknown handle index 3
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-resolver`: report it to whoever makes it
    "#]]
    .assert_eq(&plugin(GRANTED).resolved("same-twice", "", &["ONE", "TWO"]));
}

#[test]
fn too_many_handles() {
    check(
        "many-secrets",
        "",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` reached a limit in `resolve-all`: `handles` is 1000
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-resolver limits handles=2000
    "#]],
    );
    check(
        "many-sinks",
        "",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` reached a limit in `resolve-all`: `handles` is 1000
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-resolver limits handles=2000
    "#]],
    );
    check(
        "many-blobs",
        "",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` reached a limit in `resolve-all`: `handles` is 1000
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-resolver limits handles=2000
    "#]],
    );
    let folder = Folder::new();
    folder.write("secret", "x");
    let files = format!("grant.files = [{{ root = \"given\", path = \"{}\" }}]", folder.path().display());
    let few = format!("limits.handles = 10\n{PATIENT}\n{files}");
    let plugin = Plugin::on(resolver(), Terms { table: &few, ..Terms::default() }, &World::default());
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` reached a limit in `resolve-all`: `handles` is 10
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-resolver limits handles=20
    "#]].assert_eq(&plugin.resolved("many-files", "", &["ONE"]));
}

/// What a call says is cleaned of every secret that it came across, also of those that it let go.
#[test]
fn many_secrets_one_after_the_other_are_too_many() {
    check(
        "many-sealed",
        "",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` reached a limit in `resolve-all`: `handles` is 1000
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-resolver limits handles=2000
    "#]],
    );
}

#[test]
fn few_handles_with_much_behind_them() {
    check(
        "large-sinks",
        "",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` reached a limit in `resolve-all`: `output_mib` is 16 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-resolver limits output_mib=32
    "#]],
    );
    check(
        "doubling",
        "",
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` reached a limit in `resolve-all`: `output_mib` is 16 MiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-resolver limits output_mib=32
    "#]],
    );
}

#[test]
fn many_handles_one_after_the_other_are_fine() {
    check(
        "fine-churn",
        "",
        expect![[r#"
        many handles, and never more than one at a time
    "#]],
    );
}
