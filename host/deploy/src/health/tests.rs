use super::*;

const TIMING: Timing = Timing { grace: 500, interval: 100, stable: 250, deadline: 1_000 };

/// Runs a watch whose tries take no time; `good` says what each is like.
fn watched(timing: Timing, good: impl Fn(u64) -> bool) -> (u64, Vec<u64>, Next) {
    let mut watch = Watch::new(timing);
    let mut tries = Vec::new();
    loop {
        match watch.next().clone() {
            Next::TryAt(at) => {
                tries.push(at);
                assert!(tries.len() < 10_000, "it never ends");
                watch.hear(at, good(at), if good(at) { "fine" } else { "status 503" });
            }
            end => return (tries.last().copied().unwrap_or(0), tries, end),
        }
    }
}

#[test]
fn it_has_to_be_good_for_some_time() {
    let (ended, tries, end) = watched(TIMING, |_| true);
    assert_eq!((ended, tries.first(), end), (800, Some(&500), Next::Passed));
    let (ended, _, end) = watched(Timing { stable: 0, ..TIMING }, |at| at >= 700);
    assert_eq!((ended, end), (700, Next::Passed));
}

#[test]
fn one_bad_try_begins_again() {
    let (ended, _, end) = watched(TIMING, |at| at != 600);
    assert_eq!((ended, end), (1_000, Next::Passed));
}

#[test]
fn what_is_never_good_ends_at_the_deadline_with_what_was_said() {
    let (ended, _, end) = watched(TIMING, |_| false);
    assert_eq!((ended, end), (1_000, Next::Failed("status 503".to_owned())));
}

#[test]
fn what_flaps_ends_too() {
    let (ended, _, end) = watched(TIMING, |at| (at / 100) % 2 == 0);
    assert!(ended <= 1_300, "{ended}");
    assert!(matches!(end, Next::Failed(_)));
}

#[test]
fn what_turns_good_at_the_deadline_is_given_its_time() {
    let (ended, _, end) = watched(TIMING, |at| at >= 1_000);
    assert_eq!((ended, end), (1_300, Next::Passed));
}

#[test]
fn nothing_is_heard_after_the_end() {
    let mut watch = Watch::new(Timing { stable: 0, ..TIMING });
    watch.hear(500, true, "");
    watch.hear(600, false, "");
    assert_eq!(watch.next(), &Next::Passed);
}
