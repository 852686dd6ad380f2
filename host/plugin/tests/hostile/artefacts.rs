//! A backend that wants files, secrets and units where and how they must not be.

use crate::running::{PATIENT, rendered};
use expect_test::{Expect, expect};

/// The sentence of the error; what stands around it is the same for all.
#[track_caller]
fn check(dictated: &str, expected: Expect) {
    let text = rendered(PATIENT, &format!("draw|{dictated}"));
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let said = first
        .strip_prefix("error: [E28] the plugin `org.example.hostile-backend 0.6.6` gave an answer that cannot be used in `render`: ")
        .unwrap_or_else(|| panic!("{text}"));
    assert_eq!(rest, "help: this is a fault of `org.example.hostile-backend`: report it to whoever makes it\n");
    expected.assert_eq(said);
}

#[track_caller]
fn check_fine(dictated: &str) {
    let text = rendered(PATIENT, &format!("draw|{dictated}"));
    assert!(text.starts_with("Rendering {"), "{text}");
}

#[test]
fn a_sound_rendering_passes() {
    check_fine(
        "u:web.service:web|f:644:/etc/systemd/system/web.service|r:web.service|s:600:7:raw:/etc/web/key|n:all is well",
    );
    // Odd, and nobody's harm: names with spaces, several languages, a mode without bits.
    check_fine("f:0:/etc/a b/\u{e4}\u{4e16}|f:555:/etc/run");
}

#[test]
fn paths_that_lead_elsewhere() {
    check(
        "f:644:/etc/../root/.ssh/authorized_keys",
        expect!["`/etc/../root/.ssh/authorized_keys` is not a plain absolute path"],
    );
    check("f:644:/..", expect!["`/..` is not a plain absolute path"]);
    check("f:644:/etc/./a", expect!["`/etc/./a` is not a plain absolute path"]);
    check("f:644:etc/a", expect!["`etc/a` is not a plain absolute path"]);
    check("f:644:../a", expect!["`../a` is not a plain absolute path"]);
    check("f:644:~/a", expect!["`~/a` is not a plain absolute path"]);
    check("f:644:", expect!["`` is not a plain absolute path"]);
    check("f:644:/", expect!["`/` is not a plain absolute path"]);
    check("f:644:/etc/a/", expect!["`/etc/a/` is not a plain absolute path"]);
}

#[test]
fn paths_with_two_spellings() {
    check("f:644:/etc//a", expect!["`/etc//a` is not a plain absolute path"]);
    check("f:644://etc/a", expect!["`//etc/a` is not a plain absolute path"]);
    check("f:644:/etc/a|f:600:/etc/a", expect!["it writes `/etc/a` twice"]);
    check("f:644:/etc/a|f:644:/etc/a/b", expect!["`/etc/a` is a file and the directory of `/etc/a/b`"]);
}

#[test]
fn paths_that_no_line_can_hold() {
    check(
        "f:644:/etc/a\0b",
        expect![[r#"the path `/etc/a\u{0}b` is too long, or has a character in it that paths must not have"#]],
    );
    check(
        "f:644:/etc/a\nb",
        expect![[r#"the path `/etc/a\nb` is too long, or has a character in it that paths must not have"#]],
    );
    check(
        "f:644:/etc/a\u{1b}[2Jb",
        expect![[r#"the path `/etc/a\u{1b}[2Jb` is too long, or has a character in it that paths must not have"#]],
    );
    check(
        "f:644:/etc/a\u{85}b",
        expect![[r#"the path `/etc/a\u{85}b` is too long, or has a character in it that paths must not have"#]],
    );
}

#[test]
fn what_is_said_of_a_long_path_is_short() {
    let long = format!("/{}", "a/".repeat(100_000));
    let text = rendered(PATIENT, &format!("draw|f:644:{long}a"));
    assert!(text.starts_with("error: [E28] ") && text.len() < 10_000, "{} bytes", text.len());
    let text = rendered(PATIENT, &format!("draw|u:{}:web", "a".repeat(200_000)));
    assert!(text.starts_with("error: [E28] ") && text.len() < 10_000, "{} bytes", text.len());
}

#[test]
fn modes_that_let_others_in() {
    check("f:666:/etc/a", expect!["the mode 0666 of `/etc/a` lets others write to it, or is none"]);
    check("f:4755:/usr/bin/a", expect!["the mode 4755 of `/usr/bin/a` lets others write to it, or is none"]);
    check("f:2755:/usr/bin/a", expect!["the mode 2755 of `/usr/bin/a` lets others write to it, or is none"]);
    check("f:1777:/etc/a", expect!["the mode 1777 of `/etc/a` lets others write to it, or is none"]);
    check("f:620:/etc/a", expect!["the mode 0620 of `/etc/a` lets others write to it, or is none"]);
    check("f:100644:/etc/a", expect!["the mode 100644 of `/etc/a` lets others write to it, or is none"]);
    check("f:37777777777:/etc/a", expect!["the mode 37777777777 of `/etc/a` lets others write to it, or is none"]);
}

#[test]
fn secrets_where_they_must_not_be() {
    check("s:644:7:raw:/etc/a", expect!["`/etc/a` holds a secret, and the mode 0644 lets others read it"]);
    check("s:640:7:raw:/etc/a", expect!["`/etc/a` holds a secret, and the mode 0640 lets others read it"]);
    check("s:601:7:raw:/etc/a", expect!["`/etc/a` holds a secret, and the mode 0601 lets others read it"]);
    check("s:600:8:raw:/etc/a", expect!["`/etc/a` holds the secret 8, which the stack does not have"]);
    check(
        "s:600:4294967295:raw:/etc/a",
        expect!["`/etc/a` holds the secret 4294967295, which the stack does not have"],
    );
    check("s:600:7:RAW:/etc/a", expect!["`/etc/a` holds a secret in the encoding `RAW`, which is not known"]);
    check("s:600:7::/etc/a", expect!["`/etc/a` holds a secret in the encoding ``, which is not known"]);
    check(
        "s:600:7:shell.double\n:/etc/a",
        expect![[r#"`/etc/a` holds a secret in the encoding `shell.double\n`, which is not known"#]],
    );
}

#[test]
fn units_that_are_none() {
    check("u::web", expect!["`` cannot be the name of a unit"]);
    check("u:../web.service:web", expect!["`../web.service` cannot be the name of a unit"]);
    check("u:a/b.service:web", expect!["`a/b.service` cannot be the name of a unit"]);
    check("u:a\nb.service:web", expect![[r#"`a\nb.service` cannot be the name of a unit"#]]);
    check("u:a\0b.service:web", expect![[r#"`a\u{0}b.service` cannot be the name of a unit"#]]);
    check("u:a b.service:web", expect!["`a b.service` cannot be the name of a unit"]);
    check("u:--now:web", expect!["`--now` cannot be the name of a unit"]);
    check("u:web.service:web|u:web.service:web", expect!["it has the unit `web.service` twice"]);
    check("u:sshd.service:sshd", expect!["the unit `sshd.service` is for `sshd`, which is no service"]);
}

#[test]
fn units_of_others() {
    check("f:644:/etc/a|r:sshd.service", expect!["`/etc/a` concerns the unit `sshd.service`, which it does not have"]);
    check(
        "u:web.service:web|f:644:/etc/a|l:sshd.service",
        expect!["`/etc/a` concerns the unit `sshd.service`, which it does not have"],
    );
}

#[test]
fn unit_files_outside_of_where_units_go() {
    check(
        "u:web.service:web|f:644:/etc/other/web.service",
        expect!["the unit file `/etc/other/web.service` is not in `/etc/systemd/system`, where units go"],
    );
    check(
        "u:web.service:web|f:644:/etc/systemd/system/sub/web.service",
        expect!["the unit file `/etc/systemd/system/sub/web.service` is not in `/etc/systemd/system`, where units go"],
    );
    check(
        "u:web.service:web|u:a.timer:|f:644:/etc/systemd/system/web.service|f:644:/run/systemd/system/a.timer",
        expect!["the unit file `/run/systemd/system/a.timer` is not in `/etc/systemd/system`, where units go"],
    );
}
