//! Several that change one project at one time, and one that is killed in between.

use super::{BAO, RESOLVER, Shop};
use crate::kill::tracer::{can_trace, choice, killed_at, steps};
use crate::support::run;
use std::fs;
use std::thread;

const COUNT: usize = 12;

fn asking() -> String {
    let env: Vec<String> = (0..COUNT).map(|n| format!(r#"{{"name":"V{n}","why":"a"}}"#)).collect();
    format!(
        r#"{{"handles":["from_x"],"id":"org.example.x","requests":{{"env":[{}]}},"version":"1.0.0","world":"punix:resolver/secret-resolver@0.1.0"}}"#,
        env.join(",")
    )
}

#[test]
fn no_change_is_lost() {
    let shop = Shop::new();
    shop.component("x.wasm", RESOLVER, &asking());
    shop.done(["add", "x.wasm", "--later"]);
    thread::scope(|scope| {
        for n in 0..COUNT {
            let verb = if n % 2 == 0 { "grant" } else { "revoke" };
            let command = shop.command([verb, "org.example.x", "env", &format!("V{n}")]);
            scope.spawn(move || {
                let outcome = run(command);
                assert_eq!(outcome.code, Some(0), "{outcome:#?}");
            });
        }
    });
    assert_eq!(shop.state(), "ok", "{}", shop.policy());
    let left: Vec<_> = fs::read_dir(shop.path("project")).expect("it is there").flatten().collect();
    assert_eq!(left.len(), 3, "the policy, the lock, the component: {left:?}");
}

#[test]
fn several_can_be_added_at_one_time() {
    let shop = Shop::new();
    for n in 0..6 {
        let manifest =
            asking().replace("org.example.x", &format!("org.example.x{n}")).replace("from_x", &format!("from_x{n}"));
        shop.component(&format!("x{n}.wasm"), RESOLVER, &manifest);
    }
    // Whoever was overtaken while it looked says so, and can try again.
    thread::scope(|scope| {
        for n in 0..6 {
            let shop = &shop;
            scope.spawn(move || {
                let file = format!("x{n}.wasm");
                for _ in 0..100 {
                    let outcome = shop.punix(["add", &file, "--yes"]);
                    if outcome.code == Some(0) {
                        return;
                    }
                    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
                    assert!(outcome.stderr.contains("was changed meanwhile"), "{outcome:#?}");
                }
                panic!("{file} was overtaken too often");
            });
        }
    });
    assert_eq!(shop.foreign("audit").len(), 6);
}

/// What a killed process left is swept by the next, and is never read.
#[test]
fn a_draft_that_was_left_is_no_policy() {
    let shop = Shop::with_bao();
    shop.write(".punix.lock.draft", "half a lo");
    shop.write(".punix.plugins.toml.draft", "half a po");
    shop.folder.write("plugins/.0a.wasm.draft", "half a component");
    shop.done(["add", "bao.wasm", "--yes"]);
    assert_eq!(shop.state(), "ok");
    let names = ["project/.punix.lock.draft", "project/.punix.plugins.toml.draft", "plugins/.0a.wasm.draft"];
    assert!(names.iter().all(|name| !shop.path(name).exists()));
}

/// Wherever `add` is killed, nobody may do more than before, and the next `add` makes good.
#[test]
fn an_update_that_is_killed_anywhere_gives_nothing_and_is_made_good() {
    const KILLS: usize = 24;
    if !can_trace() {
        return;
    }
    let shop = Shop::with_bao();
    let new = BAO.replace(r#""why":"login"}]"#, r#""why":"login"},{"name":"HOME","why":"a cache"}]"#);
    shop.component("new.wasm", RESOLVER, &new);
    let start = || {
        for file in ["project/punix.lock", "project/punix.plugins.toml", "plugins"] {
            let _ = fs::remove_file(shop.path(file));
            let _ = fs::remove_dir_all(shop.path(file));
        }
        shop.done(["add", "bao.wasm", "--yes"]);
    };
    start();
    let all = steps(shop.command(["add", "new.wasm", "--yes"]), &shop.path("trace"));
    let mut killed = 0;
    let mut states = std::collections::BTreeSet::new();
    for step in choice(all, KILLS) {
        start();
        let before = shop.read("punix.lock");
        let outcome = run(killed_at(&step, shop.command(["add", "new.wasm", "--yes"])));
        killed += usize::from(outcome.code.is_none());
        let state = shop.state();
        match (before == shop.read("punix.lock"), state.as_str()) {
            // The old one, with what it had; or with the grant of the new one already, which is none for it.
            (true, "ok" | "not-chosen") | (false, "ok") => {}
            other => panic!("{step:?}: {other:?}, {}", shop.policy()),
        }
        if before == shop.read("punix.lock") && state == "ok" {
            assert!(!shop.policy().contains("HOME"), "{step:?}");
        }
        states.insert(state);
        shop.done(["add", "new.wasm", "--yes"]);
        assert_eq!(shop.state(), "ok", "{step:?}");
        assert_eq!(shop.punix(["audit"]).code, Some(0), "{step:?}");
        let left: Vec<_> = fs::read_dir(shop.path("project")).expect("it is there").flatten().collect();
        assert_eq!(left.len(), 4, "{step:?}: {left:?}");
        let kept = fs::read_dir(shop.path("plugins")).expect("it is there").count();
        assert_eq!(kept, 3, "{step:?}: two components, and the list of projects");
    }
    assert!(killed >= KILLS / 2, "only {killed} runs were killed");
    assert!(states.contains("ok"), "{states:?}");
}
