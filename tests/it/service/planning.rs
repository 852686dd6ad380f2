//! Plans: shown, kept, and carried out as they are.

use super::{FILES, ROOT, SERVICE, Scene, fine, gives, sandbox};
use crate::support::Outcome;
use expect_test::expect;

fn plan(scene: &Scene, more: &[&str]) -> Outcome {
    scene.punix(["service", "plan", "Web", "--file", "p.pcl"].iter().chain(&ROOT).chain(sandbox()).chain(more))
}

#[test]
fn a_plan_shows_what_changes_and_changes_nothing() {
    let scene = Scene::of(SERVICE);
    gives(
        &plan(&scene, &[]),
        &expect![[r#"
            exit 0
            stdout:
            plan: stack Web nothing → gen-001
            + /etc/web/a.conf (new)
                @@ -0,0 +1,1 @@
                +a
            + /etc/punix/env/Web/web.env (new)
                + secret from_env:TOKEN
            + /etc/systemd/system/web.service (new)
                @@ -0,0 +1,11 @@
                +[Unit]
                +Description=Punix stack Web: web
                +
                +[Service]
                +ExecStart={W}/store/{H}-tool-1.0/bin/tool
                +Type=simple
                +Restart=on-failure
                +EnvironmentFile=/etc/punix/env/Web/web.env
                +
                +[Install]
                +WantedBy=multi-user.target
            + /etc/systemd/system/side.service (new)
                @@ -0,0 +1,10 @@
                +[Unit]
                +Description=Punix stack Web: side
                +
                +[Service]
                +ExecStart={W}/store/{H}-tool-1.0/bin/tool
                +Type=simple
                +Restart=on-failure
                +
                +[Install]
                +WantedBy=multi-user.target
            units, with --activate:
              start web.service (new)
              start side.service (new)
            packages to bring:
              + {W}/store/{H}-tool-1.0
            4 file(s) to write, 0 to remove, 0 as they are
        "#]],
    );
    assert!(!scene.path("host/etc").exists() && !scene.path("host/deploy").exists());
    fine(scene.deploy(&[]));
    gives(
        &plan(&scene, &[]),
        &expect![[r#"
        exit 0
        stdout:
        unchanged: stack Web at gen-001
    "#]],
    );
    gives(
        &plan(&scene, &["--scenario", "loud"]),
        &expect![[r#"
        exit 0
        stdout:
        plan: stack Web gen-001 → gen-002
        ~ /etc/punix/env/Web/web.env (changed)
            secret from_env:TOKEN: unchanged, or changed with the rest
            the text around the secrets changed
        units, with --activate:
          restart web.service (environment changed)
        1 file(s) to write, 0 to remove, 3 as they are
    "#]],
    );
}

#[test]
fn colours_only_repeat_what_signs_say() {
    let scene = Scene::of(FILES);
    fine(scene.deploy(&[]));
    let plain = plan(&scene, &["--scenario", "loud"]).stdout;
    let colored = plan(&scene, &["--scenario", "loud", "--color", "always"]).stdout;
    assert!(colored.contains("\u{1b}[32m+HELLO\u{1b}[0m"), "{colored}");
    let mut stripped = colored;
    for code in ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[36m", "\u{1b}[0m"] {
        stripped = stripped.replace(code, "");
    }
    assert_eq!(stripped, plain);
}

#[test]
fn a_plan_that_is_kept_is_done_exactly() {
    let scene = Scene::of(SERVICE);
    fine(scene.deploy(&[]));
    fine(plan(&scene, &["--scenario", "loud", "--out", "web.plan"]));
    assert!(!scene.read("web.plan").contains("hunter2"), "a plan holds no secret");
    let apply = |variables: &[(&str, &str)]| scene.with(["service", "apply", "web.plan"], variables);
    gives(
        &apply(&[]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E11] secret(s) not set: from_env:TOKEN
    "#]],
    );
    gives(
        &apply(&[("TOKEN", "another-secret")]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E19] a secret in `/etc/punix/env/Web/web.env` has another value than when the plan was made
        help: make the plan again
    "#]],
    );
    gives(
        &apply(&[("TOKEN", "hunter2-hunter2")]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-002 (4 config file(s), 1 store path(s) pinned, 0 pushed/1 cached)
    "#]],
    );
    gives(
        &apply(&[("TOKEN", "hunter2-hunter2")]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E19] the plan for the stack `Web` was made for gen-001, and current is gen-002
        help: make a new plan, and look at it
    "#]],
    );
    scene.write("web.plan", "{}");
    gives(
        &apply(&[]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E32] this plan: it is no plan: missing field `schema` at line 1 column 2
        help: make the plan again: `punix service plan -o FILE`
    "#]],
    );
}

#[test]
fn a_plan_is_refused_when_its_files_are_not_as_it_saw_them() {
    let scene = Scene::of(FILES);
    fine(scene.deploy(&[]));
    fine(plan(&scene, &["--scenario", "loud", "-o", "web.plan"]));
    scene.write("host/etc/web/greeting", "by hand\n");
    gives(
        &scene.punix(["service", "apply", "web.plan"]),
        &expect![[r#"
        exit 1
        stderr:
        error: [E19] `/etc/web/greeting` is not what it was when the plan was made: another file is there, or it was changed
        help: make a new plan, and look at it
    "#]],
    );
    assert_eq!(scene.read("host/etc/web/greeting"), "by hand\n");
}
