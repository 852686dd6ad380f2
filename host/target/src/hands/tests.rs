//! Programs that talk, listen, linger, or never end.

use super::*;

fn command(words: &[&str], timeout_ms: u32) -> Command {
    let argv = words.iter().map(|word| (*word).to_owned()).collect();
    Command { argv, stdin: "in\n".to_owned(), timeout_ms, mutates: false }
}

fn shell(script: &str, timeout_ms: u32) -> Command {
    command(&["/bin/sh", "-c", script], timeout_ms)
}

/// Works with hands of a target that is this machine, or of another.
fn with<T>(systemctl: Option<&str>, is_here: bool, work: impl FnOnce(&mut Hands<'_>) -> T) -> T {
    work(&mut Hands { systemctl, is_here, tick: Duration::from_secs(60), alive: &mut || {} })
}

fn here(asked: &Command) -> Observation {
    with(None, true, |hands| hands.one(7, asked))
}

#[test]
fn a_command_is_run_and_heard() {
    let seen = here(&shell("cat; echo out >&2; exit 3", 10_000));
    assert_eq!((seen.command, seen.code, seen.stdout.as_str(), seen.stderr.as_str()), (7, 3, "in\n", "out\n"));
    let killed = here(&shell("kill -9 $$", 10_000));
    assert_eq!((killed.code, killed.stderr.as_str()), (-1, ""));
}

#[test]
fn the_first_failure_stops_what_is_run_and_not_what_is_asked() {
    let commands = vec![command(&["/bin/false"], 10_000), command(&["/bin/true"], 10_000)];
    let codes = |stops| -> Vec<i32> {
        let running = Running { commands: commands.clone(), stops, systemctl: None };
        with(None, true, |hands| hands.run(&running)).into_iter().map(|seen| seen.code).collect()
    };
    assert_eq!((codes(true), codes(false)), (vec![1], vec![1, 0]));
}

#[test]
fn who_does_not_end_is_stopped_and_who_is_not_there_is_named() {
    let late = here(&shell("while :; do :; done", 50));
    assert_eq!((late.code, late.stderr.as_str()), (-1, "it did not end within 50 ms and was stopped"));
    let said = here(&shell("echo why >&2; while :; do :; done", 300));
    assert_eq!(said.stderr, "it did not end within 300 ms and was stopped\nwhy\n");
    let absent = here(&command(&["/nowhere/program"], 50));
    assert!(absent.code == -1 && absent.stderr.starts_with("`/nowhere/program` cannot be run"), "{absent:?}");
    assert_eq!(here(&command(&[], 50)).stderr, "there is no command");
}

#[test]
fn who_is_stopped_is_stopped_with_all_that_he_started() {
    let began = Instant::now();
    let late = here(&shell("/bin/sleep 1000 & echo $!; wait", 200));
    assert_eq!(late.code, -1);
    // It held the pipe, and was not waited for: it is gone.
    assert!(began.elapsed() < Duration::from_secs(60));
    let process = late.stdout.trim();
    assert!(!process.is_empty());
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Whoever inherits it may not have buried it yet.
    assert!(state.is_empty() || state.contains(") Z ") || state.contains(") X "), "{state}");
}

#[test]
fn who_leaves_somebody_behind_is_not_waited_for() {
    let seen = here(&shell("/bin/sleep 5 & echo here", 10_000));
    assert_eq!((seen.code, seen.stdout.as_str()), (0, "here\n"));
}

#[test]
fn what_is_said_is_cut_and_what_is_not_read_does_no_harm() {
    let loud = here(&shell("exec head -c 3000000 /dev/zero", 60_000));
    assert_eq!((loud.code, loud.stdout.len()), (0, OUTPUT_BYTES_MAX));
    let mut deaf = command(&["/bin/true"], 60_000);
    deaf.stdin = "x".repeat(4 << 20);
    assert_eq!(here(&deaf).code, 0);
    // Both directions are full at once.
    let mut echo = command(&["/bin/cat"], 60_000);
    echo.stdin = "y".repeat(700_000);
    assert_eq!(here(&echo).stdout.len(), 700_000);
}

#[test]
fn below_another_root_nothing_acts_on_this_machine_but_who_was_named() {
    let there = |asked: &Command, systemctl| with(systemctl, false, |hands| hands.one(0, asked));
    let seen = there(&shell("echo ran", 10_000), None);
    assert_eq!((seen.code, seen.stdout.as_str()), (0, ""));
    let systemctl = command(&["/usr/bin/systemctl", "ran"], 10_000);
    assert_eq!(there(&systemctl, None).stdout, "");
    assert_eq!(there(&systemctl, Some("/bin/echo")).stdout, "ran\n");
    assert_eq!(there(&shell("echo ran", 10_000), Some("/bin/echo")).stdout, "");
}

#[test]
fn whoever_waits_hears_that_it_still_runs() {
    let mut heard = 0;
    let mut alive = || heard += 1;
    let mut hands = Hands { systemctl: None, is_here: true, tick: Duration::from_millis(1), alive: &mut alive };
    assert_eq!(hands.one(0, &shell("sleep 0.3", 60_000)).code, 0);
    assert!(heard > 3, "{heard}");
}
