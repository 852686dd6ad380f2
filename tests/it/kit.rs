//! Every plugin that is here passes the kit and its own cases: the bundled ones, and those of the examples. They are
//! built from their sources, as their authors would.

use crate::sdk::{rust_is_here, with_compilers};
use crate::support::{punix, root, run_compiling, skip};
use punix_sdk_test::kit;
use std::path::Path;

#[test]
fn what_is_bundled_passes_the_kit() {
    for plugin in punix_bundle::plugins() {
        let findings = kit::run(plugin.component).unwrap();
        assert!(findings.passed(), "{}: {:#?}", plugin.name, findings.checks);
    }
}

#[test]
fn the_cases_of_the_bundled_plugins() {
    let names = ["from-env", "from-file", "from-vault", "local", "ssh", "systemd"];
    names.iter().for_each(|name| tried(&root().join("plugins").join(name)));
}

#[test]
fn the_cases_of_the_examples() {
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
