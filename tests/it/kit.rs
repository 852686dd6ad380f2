//! Every plugin that is here passes the kit and its own cases: the bundled ones as they are bundled, and those of the examples
//! as their authors would have it, built from their sources.

use crate::sdk::{rust_is_here, with_compilers};
use crate::support::{punix, root, run_compiling, skip};
use punix_sdk_test::{TestHost, cases, kit};
use std::path::Path;
use std::time::Instant;

/// How many cases the bundled plugins have; most have their tests in Rust.
const CASES_OF_BUNDLED: usize = 7;

#[test]
fn what_is_bundled_passes_the_kit_and_its_cases() {
    let mut tried = 0;
    for plugin in punix_bundle::plugins() {
        let findings = kit::run(plugin.component).unwrap();
        assert!(findings.passed(), "{}: {:#?}", plugin.name, findings.checks);
        let outcomes = cases(plugin.component, &root().join("plugins").join(plugin.name).join("tests/cases")).unwrap();
        for outcome in &outcomes {
            assert_eq!(outcome.expected.as_deref(), Some(&*outcome.found), "{}", outcome.path.display());
        }
        tried += outcomes.len();
    }
    assert_eq!(tried, CASES_OF_BUNDLED);
}

#[test]
fn a_plugin_is_compiled_once_for_all_that_is_tried_with_it() {
    let plugin = punix_bundle::plugins().iter().find(|plugin| plugin.name == "systemd").unwrap();
    let host = TestHost::new(plugin.component.to_vec()).unwrap();
    let takes = || {
        let began = Instant::now();
        host.meta().unwrap();
        began.elapsed()
    };
    // To compile it takes some hundred times as long as to find that this was done. Others keep the processors busy, so the
    // quickest of several later looks counts.
    let first = takes();
    let later = (0..5).map(|_| takes()).min().unwrap();
    assert!(later < first / 4, "{first:?}, then {later:?}");
}

#[test]
fn the_examples_pass_the_kit_and_their_cases() {
    let names = ["supervisord", "from-age", "container-exec"];
    names.iter().for_each(|name| tried(&root().join("examples/plugins").join(name)));
}

#[track_caller]
fn tried(project: &Path) {
    if !rust_is_here() {
        return;
    }
    let mut fetch = with_compilers(crate::support::scrubbed("cargo"));
    fetch.args(["fetch", "--offline", "--locked", "--manifest-path"]).arg(project.join("Cargo.toml"));
    if !fetch.output().is_ok_and(|output| output.status.success()) {
        return skip("the crates that a plugin needs are not on this machine");
    }
    let mut test = with_compilers(punix());
    test.args(["plugin", "test"]).arg(project);
    let outcome = run_compiling(test);
    assert_eq!(outcome.code, Some(0), "{}: {}{}", project.display(), outcome.stdout, outcome.stderr);
}
