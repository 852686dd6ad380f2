use super::*;
use crate::boundary::{Boundary, Maker};
use expect_test::{Expect, expect};
use punix_diag::{Detail, Look, SourceMap, render};

#[track_caller]
fn check(error: TargetError, exits_with_three: bool, expected: Expect) {
    assert_eq!(error.is_the_worlds(), exits_with_three);
    expected.assert_eq(&render(&[error.into()], &SourceMap::default(), Look { detail: Detail::Lines, color: false }));
}

fn path(text: &str) -> TargetPath {
    TargetPath::parse(text).unwrap()
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "cannot create `/etc/app/.punix-5f0c9b8de1a4c7d2-0`: the disk is full")
}

#[test]
fn the_target_is_another_kind_of_machine() {
    let error = TargetError::OtherMachine { wanted: "x86_64-linux".to_owned(), found: "aarch64-linux".to_owned() };
    check(
        error,
        false,
        expect![[r#"
        error: [E17] the target is `aarch64-linux`, and the stack is for `x86_64-linux`
        help: choose another target, or build for this one
    "#]],
    );
}

#[test]
fn a_path_belongs_to_somebody_else() {
    let owner = "the stack `Web`".to_owned();
    check(
        TargetError::Owned { path: path("/etc/app/app.conf"), owner },
        false,
        expect![[r#"
        error: [E18] `/etc/app/app.conf` belongs to the stack `Web`
        help: let one of them have the path; `service remove` frees what a stack has
    "#]],
    );
    let found = "it is a directory".to_owned();
    check(
        TargetError::Occupied { path: path("/etc/app/app.conf"), found },
        false,
        expect![[r#"
        error: [E18] `/etc/app/app.conf` cannot be a file: it is a directory
        help: move it away, or choose another path
    "#]],
    );
}

#[test]
fn the_plan_is_old() {
    let error = TargetError::Stale { stack: "Web".to_owned(), planned: Some(3), found: Some(4) };
    check(
        error,
        false,
        expect![[r#"
        error: [E19] the plan for the stack `Web` was made for gen-003, and current is gen-004
        help: make a new plan, and look at it
    "#]],
    );
    let found = "it holds something else".to_owned();
    check(
        TargetError::Moved { path: path("/etc/app/app.conf"), found },
        false,
        expect![[r#"
        error: [E19] `/etc/app/app.conf` is not what it was when the plan was made: it holds something else
        help: make a new plan, and look at it
    "#]],
    );
    check(
        TargetError::NotArmed { id: "5f0c9b8de1a4c7d2".to_owned() },
        false,
        expect![[r#"
        error: [E19] nothing waits to be confirmed as `5f0c9b8de1a4c7d2`
        help: `service history` shows what is live; it may have been taken back by now
    "#]],
    );
}

#[test]
fn a_path_may_not_be_written() {
    let at = path("/etc/sudoers.d/app");
    let crossing = Boundary::system("Web", None).unwrap().check(&at, &at, Maker::Stack).unwrap_err();
    check(
        crossing.into(),
        false,
        expect![[r#"
        error: [E30] `/etc/sudoers.d/app` may not be written: it is in `/etc/sudoers.d`, which gives privileges
        help: choose a path that is allowed; docs/errors/E30.md lists them
    "#]],
    );
    check(
        TargetError::NoSuchOwner { path: path("/etc/app/app.conf"), name: "web".to_owned() },
        false,
        expect![[r#"
        error: [E30] there is no user or group `web` on the target, as `/etc/app/app.conf` needs it
        help: make the user or group first, or name another
    "#]],
    );
}

#[test]
fn the_targets_disk_or_the_way_to_it_failed() {
    check(
        full().into(),
        true,
        expect![[r#"
        error: [E31] cannot create `/etc/app/.punix-5f0c9b8de1a4c7d2-0`: the disk is full
        note: nothing was changed
        help: make room there, and try again
    "#]],
    );
    let holders = vec![Holder { process: 4711, command: "punix service deploy".to_owned(), since: 0 }];
    let waited = Duration::from_secs(10);
    check(
        TargetError::Busy { path: PathBuf::from("/srv/deploy/.lock"), waited, holders },
        true,
        expect![[r#"
        error: [E31] the lock `/srv/deploy/.lock` was not free within 10 seconds
        note: process 4711 holds it: `punix service deploy`
        note: nothing was changed
        help: wait for it to end, or let `--wait` do it
    "#]],
    );
    check(
        TargetError::Interrupted { stack: Some("Web".to_owned()) },
        false,
        expect![[r#"
        error: [E31] a change of the stack `Web` is being made, or was interrupted and is not yet mended
        help: try again; if it stays, run a command as a user who may write there, which recovers first
    "#]],
    );
    let place = "/srv".to_owned();
    check(
        TargetError::NoRoom { place, what: "bytes", needs: 4096, has: 512 },
        true,
        expect![[r#"
        error: [E31] `/srv` has room for 512 more bytes, and 4096 are needed
        note: nothing was changed
        help: make room there, and try again
    "#]],
    );
    let undo = Box::new(io::Error::other("cannot remove `/etc/app/x`: it is broken").into());
    check(
        TargetError::Unfinished { error: Box::new(full().into()), undo },
        true,
        expect![[r#"
        error: [E31] cannot create `/etc/app/.punix-5f0c9b8de1a4c7d2-0`: the disk is full; and what was begun could not be undone: cannot remove `/etc/app/x`: it is broken
        help: mend what the second error names; the next command for this target undoes the rest
    "#]],
    );
}

#[test]
fn a_record_or_a_journal_cannot_be_understood() {
    let ledger = path("/srv/deploy/ledger.json");
    check(
        TargetError::Newer { path: ledger.clone(), schema: 2, known: 1 },
        false,
        expect![[r#"
        error: [E32] `/srv/deploy/ledger.json` was written by a newer version: its form is 2, and this one reads 1
        help: use the version of `punix` that wrote it
    "#]],
    );
    check(
        TargetError::Damaged { path: ledger, why: "its digest is another".to_owned() },
        false,
        expect![[r#"
        error: [E32] `/srv/deploy/ledger.json` cannot be understood: its digest is another
        help: restore it from a backup, or remove it if nothing needs it
    "#]],
    );
    let error = TargetError::Astray {
        path: path("/srv/deploy/Web/current"),
        found: "gen-009".to_owned(),
        one: "gen-003".to_owned(),
        other: "gen-004".to_owned(),
    };
    check(
        error,
        false,
        expect![[r#"
        error: [E32] `/srv/deploy/Web/current` is gen-009, and an interrupted change wants it to be gen-003 or gen-004
        help: make `/srv/deploy/Web/current` a link to one of them again (gen-003 or gen-004); it recovers then
    "#]],
    );
}

#[test]
fn there_is_nothing_to_go_back_to() {
    check(
        TargetError::NotKept { stack: "Web".to_owned(), number: 7 },
        false,
        expect![[r#"
        error: [E12] gen-007 of the stack `Web` is not kept
        help: `service history` shows the ones that are kept
    "#]],
    );
    check(
        TargetError::NoBytes { path: path("/etc/app/app.conf") },
        false,
        expect![[r#"
        error: [E12] the bytes of `/etc/app/app.conf` are not there to be written
        help: deploy the wanted version again; its bytes are made anew
    "#]],
    );
    check(
        TargetError::StackName { name: "../x".to_owned() },
        false,
        expect![[r#"
        error: [E2] `../x` is no name of a stack
        help: name a stack as the program does: letters, digits and `_`
    "#]],
    );
}
