//! `remove`, and what becomes of the component.

use super::{BAO, RESOLVER, Shop};
use expect_test::expect;
use std::fs::{self, File};

impl Shop {
    /// Adds the resolver to a project beside the usual one.
    fn add_to(&self, project: &str) {
        fs::create_dir_all(self.path(project)).expect("a folder can be made");
        self.done(["add", "bao.wasm", "--yes", "--project", &self.path(project).display().to_string()]);
    }

    fn remove_from(&self, project: &str) -> bool {
        let project = self.path(project).display().to_string();
        let outcome = self.done(["remove", "org.example.bao", "--json", "--project", &project]);
        outcome.json()["component_removed"].to_string() == "true"
    }
}

#[test]
fn a_component_that_nobody_locks_goes() {
    let shop = Shop::with_bao();
    shop.done(["add", "bao.wasm", "--yes"]);
    assert_eq!(shop.kept().len(), 1);
    shop.check(
        ["remove", "org.example.bao"],
        expect![[r#"
        exit 0
        stdout:
        removed: org.example.bao
    "#]],
    );
    assert!(shop.kept().is_empty(), "{:?}", shop.kept());
    // It comes back as it came.
    shop.done(["add", "bao.wasm", "--yes"]);
    assert_eq!((shop.kept().len(), shop.state().as_str()), (1, "ok"));
}

#[test]
fn one_that_another_project_locks_stays() {
    let shop = Shop::with_bao();
    ["project", "other", "third"].iter().for_each(|project| shop.add_to(project));
    assert!(!shop.remove_from("project"));
    assert!(!shop.remove_from("third"));
    assert_eq!(shop.kept().len(), 1);
    assert!(shop.remove_from("other"));
    assert_eq!(shop.kept().len(), 0);
}

#[test]
fn an_older_version_that_another_project_locks_stays() {
    let shop = Shop::with_bao();
    ["project", "other"].iter().for_each(|project| shop.add_to(project));
    shop.component("new.wasm", RESOLVER, &BAO.replace("0.3.1", "0.4.0"));
    shop.done(["add", "new.wasm"]);
    assert_eq!(shop.kept().len(), 2);
    assert!(shop.remove_from("project"), "the new one");
    assert_eq!(shop.kept().len(), 1);
    assert_eq!(
        shop.done(["list", "--json", "--project", "../other"]).json()["plugins"]
            .list()
            .last()
            .map(|plugin| plugin["state"].text().to_owned()),
        Some("ok".to_owned())
    );
}

#[test]
fn a_project_that_is_gone_keeps_nothing() {
    let shop = Shop::with_bao();
    ["project", "other"].iter().for_each(|project| shop.add_to(project));
    fs::remove_dir_all(shop.path("other")).expect("it is ours");
    assert!(shop.remove_from("project"));
}

#[test]
fn what_cannot_be_known_is_no_reason_to_remove() {
    for break_it in [
        (|shop: &Shop| fs::write(shop.path("other/punix.lock"), "<<<<<<< HEAD\n").expect("it is ours")) as fn(&Shop),
        |shop| fs::write(shop.path("other/punix.lock"), [0xff, 0xfe]).expect("it is ours"),
        |shop| {
            fs::remove_file(shop.path("other/punix.lock")).expect("it is ours");
            fs::create_dir(shop.path("other/punix.lock")).expect("a folder can be made");
        },
    ] {
        let shop = Shop::with_bao();
        ["project", "other"].iter().for_each(|project| shop.add_to(project));
        break_it(&shop);
        assert!(!shop.remove_from("project"));
        assert_eq!(shop.kept().len(), 1);
    }
}

/// Somebody who has just found the component to be there, and is about to lock it.
#[test]
fn a_project_that_is_just_changed_keeps_what_it_may_need() {
    let shop = Shop::with_bao();
    ["project", "other"].iter().for_each(|project| shop.add_to(project));
    fs::remove_file(shop.path("other/punix.lock")).expect("it is ours");
    let held = File::open(shop.path("other")).expect("it is there");
    held.lock().expect("nobody else has it");
    assert!(!shop.remove_from("project"));
    drop(held);
    assert_eq!(shop.kept().len(), 1);
    shop.add_to("project");
    assert!(shop.remove_from("project"));
}
