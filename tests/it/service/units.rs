//! Units: listed where nothing may be started, and handled by a `systemctl` that the test made up.

use super::{SERVICE, Scene, fine, gives};
use expect_test::expect;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Notes its words, fails for `restart` of a unit that the test names, and knows all units.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >> calls
case "$1" in
  show)
    for word in "$@"; do case "$word" in *.service)
      state=active; sub=running
      [ -e "stopped-$word" ] && state=inactive sub=dead
      printf 'Id=%s\nLoadState=loaded\nActiveState=%s\nSubState=%s\nUnitFileState=disabled\n\n' "$word" $state $sub ;;
    esac; done ;;
  stop) touch "stopped-$3" ;;
  start|restart) case "$*" in *"${BAD:-none}"*) echo "Job for $BAD failed." >&2; exit 1 ;; esac ;;
esac
"#;

fn scene() -> Scene {
    scene_of(SERVICE)
}

/// Returns a scene with the made-up `systemctl` in it.
pub(super) fn scene_of(program: &str) -> Scene {
    let scene = Scene::of(program);
    scene.write("systemctl", SYSTEMCTL);
    fs::set_permissions(scene.path("systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
    scene
}

pub(super) fn calls(scene: &Scene) -> String {
    let calls = fs::read_to_string(scene.path("calls")).unwrap_or_default();
    let _ = fs::remove_file(scene.path("calls"));
    calls.lines().filter(|line| !line.starts_with("show")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn below_another_root_units_are_listed() {
    let scene = scene();
    gives(
        &scene.deploy(&["--activate", "--enable"]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-001 (4 config file(s), 1 store path(s) pinned, 1 pushed/0 cached)
          units are not touched below another root; on the machine itself this would be done:
          – start web.service (new)
          – enable web.service
          – start side.service (new)
          – enable side.service
        stderr:
        [1/1] building tool-1.0 (Tool)
    "#]],
    );
    assert_eq!(calls(&scene), "");
}

#[test]
fn exactly_what_changed_is_restarted() {
    let scene = scene();
    let systemctl = ["--systemctl", "./systemctl"];
    fine(scene.deploy(&systemctl));
    assert_eq!(calls(&scene), "", "nothing is activated unless it is asked for");
    gives(
        &scene.deploy(&["--scenario", "loud", "--activate", systemctl[0], systemctl[1]]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-002 (4 config file(s), 1 store path(s) pinned, 0 pushed/1 cached)
          ✓ (re)started web.service (not enabled for boot)
    "#]],
    );
    expect![[r#"
        daemon-reload
        restart -- web.service
    "#]]
    .assert_eq(&calls(&scene));
    gives(
        &scene.web("rollback", &["--activate", systemctl[0], systemctl[1]]),
        &expect![[r#"
        exit 0
        stdout:
        rolled back: stack Web → gen-001 (was gen-002) [3 config file(s) byte-restored, 0 removed, 1 secret-skipped]
        stderr:
        warning: secret-skipped: 1 file(s) with secrets stay as they are and are not what gen-001 had; `--resolve-secrets` makes them again
    "#]],
    );
    expect![[""]].assert_eq(&calls(&scene));
    gives(
        &scene.deploy(&["--scenario", "loud", "--enable", systemctl[0], systemctl[1]]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-003 (4 config file(s), 1 store path(s) pinned, 0 pushed/1 cached)
          ✓ web.service is enabled for boot
          ✓ side.service is enabled for boot
    "#]],
    );
    expect![[r#"
        daemon-reload
        enable -- web.service
        enable -- side.service
    "#]]
    .assert_eq(&calls(&scene));
    gives(
        &scene.deploy(&["--force-generation", "--activate", "--restart", "all", systemctl[0], systemctl[1]]),
        &expect![[r#"
            exit 0
            stdout:
            deployed: stack Web → gen-004 (4 config file(s), 1 store path(s) pinned, 0 pushed/1 cached)
              ✓ (re)started web.service (not enabled for boot)
              ✓ (re)started side.service (not enabled for boot)
        "#]],
    );
    expect![[r#"
        daemon-reload
        restart -- web.service
        restart -- side.service
    "#]]
    .assert_eq(&calls(&scene));
    gives(
        &scene.web("remove", &["--activate", systemctl[0], systemctl[1]]),
        &expect![[r#"
            exit 0
            stdout:
            removed: stack Web (was gen-004) [4 config file(s) removed]
              ✓ stopped side.service
              ✓ stopped web.service
        "#]],
    );
    expect![[r#"
        stop -- web.service
        stop -- side.service
        disable --no-reload -- side.service
        disable --no-reload -- web.service
        daemon-reload
        reset-failed -- side.service
        reset-failed -- web.service
    "#]]
    .assert_eq(&calls(&scene));
}

#[test]
fn a_unit_that_fails_is_told_and_nothing_is_rolled_back() {
    let scene = scene();
    let words = [
        "service",
        "deploy",
        "Web",
        "--file",
        "p.pcl",
        "--transport-root",
        "host",
        "--activate",
        "--systemctl",
        "./systemctl",
    ];
    let words = words.iter().chain(super::sandbox());
    let outcome = scene.with(words, &[("TOKEN", "hunter2-hunter2"), ("BAD", "side.service")]);
    gives(
        &outcome,
        &expect![[r#"
        exit 1
        stdout:
        deployed: stack Web → gen-001 (4 config file(s), 1 store path(s) pinned, 1 pushed/0 cached)
          ✓ (re)started web.service (not enabled for boot)
        stderr:
        [1/1] building tool-1.0 (Tool)
          ⚠ side.service did not (re)start: Job for side.service failed.
        error: stack Web is deployed (current → gen-001) but 1 unit(s) did not (re)start: side.service — investigate and re-activate; this was NOT rolled back
    "#]],
    );
    assert_eq!(fs::read_link(scene.path("host/deploy/Web/current")).unwrap().to_str(), Some("gen-001.json"));
    let status = scene.web("status", &["--systemctl", "./systemctl"]);
    gives(
        &status,
        &expect![[r#"
        exit 0
        stdout:
        Web gen-001, deployed {TIME} by op@{HOST}
        backend systemd (system), scenario none, before it none
        units:
          web.service   running  not enabled  active (running)
          side.service  running  not enabled  active (running)
        pinned: {W}/store/{H}-tool-1.0
        4 file(s), all as deployed
    "#]],
    );
}

#[test]
fn a_restart_is_of_what_is_live() {
    let scene = scene();
    let systemctl = ["--systemctl", "./systemctl"];
    fine(scene.deploy(&systemctl));
    let restart = |words: &[&str]| scene.punix(["service", "restart"].iter().chain(words).chain(&super::ROOT));
    gives(
        &restart(&["Web", "side", systemctl[0], systemctl[1]]),
        &expect![[r#"
        exit 0
        stdout:
          ✓ (re)started side.service (not enabled for boot)
    "#]],
    );
    gives(
        &restart(&["Web", systemctl[0], systemctl[1]]),
        &expect![[r#"
        exit 0
        stdout:
          ✓ (re)started web.service (not enabled for boot)
          ✓ (re)started side.service (not enabled for boot)
    "#]],
    );
    expect![[r#"
        daemon-reload
        restart -- side.service
        daemon-reload
        restart -- web.service
        restart -- side.service
    "#]]
    .assert_eq(&calls(&scene));
    gives(
        &restart(&["Web", "sid", systemctl[0], systemctl[1]]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E2] the stack `Web` has no service `sid` with units
        help: its services are: web, side
    "#]],
    );
    gives(
        &restart(&["Web", "side", "more"]),
        &expect![[r#"
        exit 2
        stderr:
        error: unexpected value 'more' for '[STACK SERVICE]...' found; no more were expected

        Usage: punix service restart [OPTIONS] <STACK> [SERVICE]

        For more information, try '--help'.
    "#]],
    );
    gives(
        &restart(&["Web"]),
        &expect![[r#"
        exit 0
        stdout:
          units are not touched below another root; on the machine itself this would be done:
          – restart web.service
          – restart side.service
    "#]],
    );
    gives(
        &scene.punix(["service", "logs", "Web"].iter().chain(&super::ROOT)),
        &expect![[r#"
        exit 2
        stderr:
        error: below another root no unit says anything
        help: ask the machine itself
    "#]],
    );
}
