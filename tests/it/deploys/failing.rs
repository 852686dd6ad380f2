//! A system call that fails: what had begun is undone before that is said, and nothing of it is left.

use super::operation::{End, next_command, operations};
use super::site::Site;
use crate::kill::times;
use crate::kill::tracer::{Step, can_trace, choice, failing_at};
use crate::support::run;

const ERRORS: [&str; 3] = ["EIO", "ENOSPC", "EACCES"];
/// How many failures there is time for, of each kind and operation.
const FAILURES: usize = 5;

#[test]
fn whatever_fails_the_host_is_at_one_generation() {
    if !can_trace() {
        return;
    }
    let site = Site::new();
    for operation in operations() {
        let all: Vec<Step> = operation.steps(&site).into_iter().filter(is_of_a_disk).collect();
        let mut refused = 0;
        for (at, error) in ERRORS.iter().enumerate() {
            // Each error meets other steps.
            let some = all.iter().skip(at).step_by(times(ERRORS.len(), 1)).cloned().collect();
            for step in choice(some, FAILURES) {
                site.copy("before", "host");
                let outcome = run(failing_at(&step, error, site.command("host", &operation.words)));
                let about = format!("{}, {error} at {step:?}: {outcome:#?}", operation.name);
                let code = outcome.code.unwrap_or_else(|| panic!("{about}"));
                // It is done, and nobody could be told: neither done nor refused.
                let unheard = outcome.stderr.contains("cannot write the result");
                assert!(matches!(code, 0 | 1 | 3) || unheard, "{about}");
                // Said so: not all could be undone, or it is live and not all could be cleared away.
                let says = |text| outcome.stderr.contains(text);
                if says("could not be undone") || says("could not be cleared away") {
                    next_command(&site, "host", &about);
                }
                let end = operation.end(&site, &site.path("host"), &about);
                // What has no journal stands where it stopped, and goes on from there.
                if operation.is_commit() || code == 0 {
                    assert_eq!(end, if code == 0 || unheard { End::New } else { End::Old }, "{about}");
                }
                operation.settles(&site, &about);
                refused += usize::from(code != 0);
            }
        }
        println!("{}: {refused} refused", operation.name);
        assert!(refused > 0, "{}", operation.name);
    }
}

/// Leaves out what starts and awaits processes and threads: a machine that cannot do that cannot run a program, either.
fn is_of_a_disk(step: &Step) -> bool {
    !["clone", "clone3", "fork", "vfork", "poll", "ppoll", "wait4"].iter().any(|call| step.is(call))
}
