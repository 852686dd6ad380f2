use super::*;
use crate::testing::{design, file, lines, path, rendered, span};
use expect_test::{Expect, expect};
use punix_target::Boundary;

fn boundary() -> Boundary {
    Boundary::system("Web", None).unwrap()
}

/// Checks a stack whose one declared file lies there; what the backend writes is sound.
#[track_caller]
fn check(place: &str, change: impl FnOnce(&mut Rendered), expected: Expect) {
    let mut design = design();
    design.files = vec![file(place, "text")];
    let mut rendered = rendered(&design);
    change(&mut rendered);
    expected.assert_eq(&lines(&check_boundary(&design, &rendered, &boundary())));
}

#[test]
fn what_a_stack_usually_writes_is_let_through() {
    check("/etc/app/a.conf", |_| {}, expect![""]);
    check("/srv/www/index.html", |_| {}, expect![""]);
}

#[test]
fn what_may_not_be_written_is_told_where_it_is_declared() {
    check(
        "/home/u/x",
        |_| {},
        expect![[r#"
            10: [E30] `/home/u/x` may not be written: it is outside of `/etc`, `/srv`, `/var`, `/opt`
              help: put the file below one of these
        "#]],
    );
    check(
        "/etc/sudoers.d/x",
        |_| {},
        expect![[r#"
            10: [E30] `/etc/sudoers.d/x` may not be written: it is in `/etc/sudoers.d`, which gives privileges
              help: no stack writes there; do it by hand, if at all
        "#]],
    );
    check(
        "/etc/systemd/system/evil.service",
        |_| {},
        expect![[r#"
            10: [E30] `/etc/systemd/system/evil.service` may not be written: it is in `/etc/systemd/system`, where only a backend writes
              help: describe the unit in `services`; what a service needs besides goes into `serviceConfig`
        "#]],
    );
}

#[test]
fn a_backend_is_not_let_through_either() {
    let moved = |place: &'static str| move |rendered: &mut Rendered| rendered.files[1].path = path(place);
    check(
        "/etc/app/a",
        moved("/etc/ld.so.preload"),
        expect![[r#"
            2: [E30] `/etc/ld.so.preload` may not be written: it is a place that gives privileges
              note: `punix.systemd` wants to write it
              help: no stack writes there; do it by hand, if at all
        "#]],
    );
    check(
        "/etc/app/a",
        moved("/etc/other/secrets.conf"),
        expect![[r#"
            2: [E30] `/etc/other/secrets.conf` may not be written: it is not called after the stack
              note: `punix.systemd` wants to write it
              help: a backend writes units, environment files, and files called `punix-STACK` or `punix-STACK.…`; this is a fault of the plugin
        "#]],
    );
    check("/etc/app/a", moved("/etc/supervisor/conf.d/punix-Web.api.conf"), expect![""]);
    check("/etc/app/a", moved("/etc/sysusers.d/punix-Web.conf"), expect![""]);
    assert!(!is_called_after(&design(), &path("/etc/supervisor/conf.d/punix-Website.conf")));
}

#[test]
fn modes_let_nobody_else_write_or_read_secrets() {
    check(
        "/etc/app/a",
        |rendered| rendered.files[0].mode = 0o666,
        expect![[r#"
            10: [E30] `/etc/app/a` may not be written: with the mode 0666 others could write to it
              help: take the write bits of group and others away
        "#]],
    );
    check(
        "/etc/app/a",
        |rendered| rendered.files[0].mode = 0o4755,
        expect![[r#"
            10: [E30] `/etc/app/a` may not be written: the mode 4755 has special bits, which give whoever executes it the rights of its owner
              help: use the nine permission bits alone
        "#]],
    );
    check(
        "/etc/app/a",
        |rendered| (rendered.files[0].secret, rendered.files[0].mode) = (true, 0o640),
        expect![[r#"
            10: [E30] `/etc/app/a` may not be written: there are secrets in it, and with the mode 0640 others could read it
              help: a file with secrets is its owner's alone: `0600`, or leave `mode` out
        "#]],
    );
}

#[test]
fn a_path_holds_one_file() {
    let twice = |at| {
        move |rendered: &mut Rendered| {
            let mut other = rendered.files[0].clone();
            other.at = at;
            if at.is_none() {
                other.made_by = "punix.systemd".to_owned();
                other.path = path("/etc/punix/env/Web/api.env");
            }
            rendered.files.push(other);
        }
    };
    check(
        "/etc/app/a",
        twice(Some(span(12))),
        expect![[r#"
            12: [E6] two files would be written to `/etc/app/a`
              10: note: first declared here
              help: a path holds one file: leave one of them out
        "#]],
    );
    check(
        "/etc/app/a",
        twice(None),
        expect![[r#"
            2: [E30] two files would be written to `/etc/punix/env/Web/api.env`
              note: `punix.systemd` writes it, and `punix.systemd` writes it
              help: a path holds one file: leave one of them out
        "#]],
    );
    check(
        "/etc/app",
        |rendered| {
            let mut other = rendered.files[0].clone();
            (other.path, other.at) = (path("/etc/app/sub/x"), Some(span(13)));
            rendered.files.push(other);
        },
        expect![[r#"
            13: [E30] `/etc/app` would be a file, and the directory of `/etc/app/sub/x`
              10: note: the file is declared here
        "#]],
    );
}
