//! Back, forward, repaired, trimmed, removed.

use super::{FILES, SERVICE, Scene, fine, gives};
use expect_test::expect;
use std::fs;

#[test]
fn a_rollback_goes_to_what_was_live_before() {
    let scene = Scene::of(FILES);
    fine(scene.deploy(&[]));
    gives(
        &scene.web("rollback", &[]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E12] stack 'Web': no previous generation (current = 1); nothing to roll back to.
    "#]],
    );
    fine(scene.deploy(&["--scenario", "loud"]));
    fs::remove_file(scene.path("p.pcl")).unwrap();
    gives(
        &scene.web("rollback", &[]),
        &expect![[r#"
        exit 0
        stdout:
        rolled back: stack Web → gen-001 (was gen-002) [2 config file(s) byte-restored, 0 removed]
    "#]],
    );
    assert_eq!(scene.read("host/etc/web/greeting"), "hello\n");
    gives(
        &scene.web("rollback", &[]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E12] stack 'Web': no previous generation (current = 1); nothing to roll back to.
    "#]],
    );
    gives(
        &scene.web("set-current", &["gen-002"]),
        &expect![[r#"
        exit 0
        stdout:
        set current: stack Web → gen-002 (was gen-001) [2 config file(s) byte-restored, 0 removed]
    "#]],
    );
    assert_eq!(scene.read("host/etc/web/greeting"), "HELLO\n");
    gives(
        &scene.web("set-current", &["7"]),
        &expect![[r#"
            exit 1
            stderr:
            error: [E12] stack 'Web': gen-007 is not kept
            note: these are kept: gen-001, gen-002
            help: `punix service set-current Web N` goes to one of them
        "#]],
    );
}

#[test]
fn the_pointer_alone_can_be_moved() {
    let scene = Scene::of(FILES);
    fine(scene.deploy(&[]));
    fine(scene.deploy(&["--scenario", "loud"]));
    gives(
        &scene.web("rollback", &["--no-rewrite-config-files"]),
        &expect![[r#"
        exit 0
        stdout:
        rolled back: stack Web → gen-001 (was gen-002) [0 config file(s) byte-restored, 0 removed]
        stderr:
        warning: no file was touched: until the next deploy, files are not what gen-001 says
    "#]],
    );
    assert_eq!(scene.read("host/etc/web/greeting"), "HELLO\n");
}

#[test]
fn a_rollback_leaves_secrets_unless_they_are_looked_up_again() {
    let scene = Scene::of(SERVICE);
    fine(scene.deploy(&[]));
    fine(scene.deploy(&["--scenario", "loud"]));
    gives(
        &scene.web("rollback", &[]),
        &expect![[r#"
        exit 0
        stdout:
        rolled back: stack Web → gen-001 (was gen-002) [3 config file(s) byte-restored, 0 removed, 1 secret-skipped]
        stderr:
        warning: secret-skipped: 1 file(s) with secrets stay as they are and are not what gen-001 had; `--resolve-secrets` makes them again
    "#]],
    );
    assert_eq!(scene.read("host/etc/punix/env/Web/web.env"), "LEVEL=\"debug\"\nTOKEN=\"hunter2-hunter2\"\n");
    fine(scene.web("set-current", &["2"]));
    gives(
        &scene.web("rollback", &["--resolve-secrets"]),
        &expect![[r#"
        exit 0
        stdout:
        rolled back: stack Web → gen-001 (was gen-002) [4 config file(s) byte-restored, 0 removed]
    "#]],
    );
    assert_eq!(scene.read("host/etc/punix/env/Web/web.env"), "LEVEL=\"info\"\nTOKEN=\"hunter2-hunter2\"\n");
}

#[test]
fn packages_that_are_missing_are_listed() {
    let scene = Scene::of(SERVICE);
    fine(scene.deploy(&[]));
    fine(scene.deploy(&["--scenario", "loud"]));
    let store = format!("host{}", scene.path("store").display());
    for entry in fs::read_dir(scene.path(&store)).unwrap().flatten() {
        if entry.file_name().to_string_lossy().ends_with("-tool-1.0") {
            let mut command = crate::support::scrubbed("rm");
            command.env("PATH", "/usr/bin:/bin").arg("-rf").arg(entry.path());
            drop(crate::support::run({
                let mut chmod = crate::support::scrubbed("chmod");
                chmod.env("PATH", "/usr/bin:/bin").args(["-R", "u+rwX"]).arg(entry.path());
                chmod
            }));
            assert_eq!(crate::support::run(command).code, Some(0));
        }
    }
    gives(
        &scene.web("rollback", &[]),
        &expect![[r#"
            exit 1
            stderr:
            error: [E12] stack 'Web' gen-001: pinned store path missing:
              {W}/store/{H}-tool-1.0
            help: build the same program again: the same inputs give the same paths
        "#]],
    );
    gives(
        &scene.web("repair", &[]),
        &expect![[r#"
        exit 0
        stdout:
        repaired: stack Web at gen-002
    "#]],
    );
    gives(
        &scene.web("rollback", &[]),
        &expect![[r#"
        exit 0
        stdout:
        rolled back: stack Web → gen-001 (was gen-002) [3 config file(s) byte-restored, 0 removed, 1 secret-skipped]
        stderr:
        warning: secret-skipped: 1 file(s) with secrets stay as they are and are not what gen-001 had; `--resolve-secrets` makes them again
    "#]],
    );
}

#[test]
fn a_repair_restores_what_differs() {
    let scene = Scene::of(FILES);
    fine(scene.deploy(&[]));
    gives(
        &scene.web("repair", &[]),
        &expect![[r#"
        exit 0
        stdout:
        unchanged: stack Web at gen-001
    "#]],
    );
    scene.write("host/etc/web/greeting", "by hand\n");
    fs::remove_file(scene.path("host/etc/web/mode")).unwrap();
    gives(
        &scene.web("repair", &[]),
        &expect![[r#"
        exit 0
        stdout:
        repaired: stack Web at gen-001 [2 config file(s) restored, 0 package(s) brought]
        stderr:
        warning: `/etc/web/greeting` was changed since it was written (its content is another); it is overwritten
        warning: `/etc/web/mode` was changed since it was written (it is gone); it is overwritten
        2 warnings
    "#]],
    );
    assert_eq!(scene.read("host/etc/web/greeting"), "hello\n");
    fine(scene.web("verify", &[]));
}

#[test]
fn old_generations_go_and_so_does_a_stack() {
    let scene = Scene::of(FILES);
    for _ in 0..4 {
        fine(scene.deploy(&["--force-generation"]));
    }
    gives(
        &scene.web("trim", &["--keep", "1"]),
        &expect![[r#"
        exit 0
        stdout:
        trimmed: stack Web, 2 generation(s) removed: gen-001, gen-002
    "#]],
    );
    gives(
        &scene.web("trim", &["--keep", "1"]),
        &expect![[r#"
        exit 0
        stdout:
        trimmed: stack Web, nothing to remove
    "#]],
    );
    gives(
        &scene.web("remove", &[]),
        &expect![[r#"
        exit 0
        stdout:
        removed: stack Web (was gen-004) [2 config file(s) removed]
    "#]],
    );
    assert!(!scene.path("host/etc/web/greeting").exists());
    assert!(!scene.path("host/deploy/Web").exists());
    gives(
        &scene.web("remove", &[]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E12] no current generation for stack 'Web'
        help: `punix service list` names the stacks that are deployed there
    "#]],
    );
    gives(
        &scene.deploy(&[]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-005 (2 config file(s), 0 store path(s) pinned)
    "#]],
    );
}
