//! Nothing to do: nothing is written, and no disk is waited for.

use super::{ROOT, SERVICE, Scene, fine, sandbox};
use crate::kill::tracer::{can_trace, steps};

#[test]
fn a_deploy_of_what_is_there_waits_for_no_disk() {
    if !can_trace() {
        return;
    }
    let scene = Scene::of(SERVICE);
    fine(scene.deploy(&[]));
    let words = ["service", "deploy", "Web", "--file", "p.pcl"];
    let command = scene.command(words.iter().chain(&ROOT).chain(sandbox()), &[("TOKEN", "hunter2-hunter2")]);
    let steps = steps(command, &scene.path("trace"));
    let calls = ["fsync", "fdatasync", "syncfs", "rename", "renameat", "renameat2", "link", "linkat", "symlinkat"];
    let found: Vec<_> = steps.iter().filter(|step| calls.iter().any(|call| step.is(call))).collect();
    assert!(found.is_empty(), "{found:?}");
}
