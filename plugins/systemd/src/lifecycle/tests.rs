use super::*;
use crate::reading::Random;
use crate::sample::{facts, service, stack};
use punix_sdk::backend::{Action, Scope};

const ACTIONS: [Action; 9] = [
    Action::Start,
    Action::Stop,
    Action::Restart,
    Action::Reload,
    Action::Enable,
    Action::Disable,
    Action::Remove,
    Action::Status,
    Action::Logs,
];

fn wishes(list: &[(&str, Action)]) -> Vec<Wish> {
    list.iter().map(|(unit, action)| Wish { unit: (*unit).to_owned(), action: *action }).collect()
}

fn begin(stack: &Stack, list: &[(&str, Action)]) -> Lifecycle {
    Lifecycle::new(stack, &wishes(list), &facts())
}

/// A target that answers each command with a code, what it prints and what it complains about.
fn answer_all(step: &Step, answer: &mut dyn FnMut(&str) -> (i32, String, String)) -> Vec<Observation> {
    let commands = match step {
        Step::Run(commands) | Step::Ask(commands) => commands.as_slice(),
        Step::WaitMs(_) | Step::Done(_) | Step::Fail(_) => &[],
    };
    (0..)
        .zip(commands)
        .map(|(command, asked)| {
            let (code, stdout, stderr) = answer(&asked.argv.join(" "));
            Observation { command, code, stdout, stderr }
        })
        .collect()
}

/// Goes on to the end, and returns every line of commands and the end.
fn walk(mut session: Lifecycle, answer: &mut dyn FnMut(&str) -> (i32, String, String)) -> (Vec<String>, Step) {
    let mut seen = Vec::new();
    let mut lines = Vec::new();
    for _ in 0..40 {
        let step = session.next(std::mem::take(&mut seen));
        match &step {
            Step::Run(commands) | Step::Ask(commands) => {
                assert!(!commands.is_empty() && commands.iter().all(|command| command.timeout_ms > 0));
                lines.extend(commands.iter().map(|command| command.argv.join(" ")));
            }
            Step::WaitMs(_) => lines.push("wait".to_owned()),
            Step::Done(_) | Step::Fail(_) => return (lines, step),
        }
        seen = answer_all(&step, answer);
    }
    panic!("it does not end: {lines:?}");
}

#[track_caller]
fn done(step: Step) -> Vec<(String, RunState, String)> {
    match step {
        Step::Done(list) => list.into_iter().map(|status| (status.unit, status.state, status.detail)).collect(),
        other => panic!("{other:?}"),
    }
}

/// Answers a look with the same state for every unit.
fn show(line: &str, state: &str) -> Option<(i32, String, String)> {
    let (_, units) = line.split_once(" show ")?.1.split_once("-- ")?;
    let block = |unit: &str| format!("{}\nId={unit}\n\n", state.replace(' ', "\n"));
    Some((0, units.split(' ').map(block).collect(), String::new()))
}

const RUNNING: &str = "LoadState=loaded ActiveState=active SubState=running Result=success";
const GONE: &str = "LoadState=not-found ActiveState=inactive SubState=dead";

fn well(line: &str) -> (i32, String, String) {
    show(line, RUNNING).unwrap_or_default()
}

#[test]
fn no_wish_is_no_command() {
    let (lines, end) = walk(begin(&stack("Web", vec![]), &[]), &mut well);
    assert_eq!((lines, end), (vec![], Step::Done(vec![])));
}

#[test]
fn a_deploy_reloads_once_then_acts_unit_by_unit_and_looks_once() {
    let mut stack = stack("Web", vec![service("api", &["/bin/x"], r#"{"tmpfiles":["d /run/web"]}"#)]);
    stack.config = r#"{"systemGroups":["web"]}"#.to_owned();
    let list = [("db.service", Action::Restart), ("api.service", Action::Restart), ("db.service", Action::Enable)];
    let (lines, end) = walk(begin(&stack, &list), &mut well);
    assert_eq!(
        lines,
        [
            "systemctl daemon-reload",
            "systemd-sysusers /etc/sysusers.d/punix-Web.conf",
            "systemd-tmpfiles --create /etc/tmpfiles.d/punix-Web.conf",
            "systemctl restart -- db.service",
            "systemctl enable -- db.service",
            "systemctl restart -- api.service",
            "systemctl show --timestamp=unix --property=Id,LoadState,ActiveState,SubState,UnitFileState,Result,Type,\
         ExecMainExitTimestampMonotonic,ExecMainStatus,NRestarts,StateChangeTimestamp -- db.service api.service",
        ]
    );
    let running = |unit: &str| (unit.to_owned(), RunState::Running, "active (running)".to_owned());
    assert_eq!(done(end), [running("db.service"), running("api.service")]);
}

#[test]
fn what_goes_is_stopped_before_the_reload_and_dependents_first() {
    let list = [("db.service", Action::Remove), ("job.timer", Action::Remove), ("web.service", Action::Restart)];
    let answer = |line: &str| {
        show(line, GONE).unwrap_or_else(|| match line {
            "systemctl restart -- web.service" => (0, String::new(), String::new()),
            _ => (5, String::new(), "Unit not loaded.".to_owned()),
        })
    };
    let (lines, end) = walk(begin(&stack("Web", vec![]), &list), &mut |line| match line {
        "systemctl daemon-reload" => (0, String::new(), String::new()),
        line => answer(line),
    });
    assert_eq!(
        lines[..lines.len() - 1],
        [
            "systemctl stop -- job.timer",
            "systemctl stop -- job.service",
            "systemctl stop -- db.service",
            "systemctl disable --no-reload -- db.service",
            "systemctl disable --no-reload -- job.timer",
            "systemctl daemon-reload",
            "systemctl reset-failed -- db.service",
            "systemctl reset-failed -- job.timer",
            "systemctl restart -- web.service",
        ]
    );
    // That these were gone already is what was wished.
    let states: Vec<RunState> = done(end).into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(states, [RunState::Missing, RunState::Missing, RunState::Missing]);
}

#[test]
fn what_does_not_stop_has_failed_in_the_words_of_the_target() {
    let list = [("a.service", Action::Stop), ("b.service", Action::Remove)];
    let (lines, end) = walk(begin(&stack("Web", vec![]), &list), &mut |line| {
        show(line, RUNNING).unwrap_or_else(|| match line {
            "systemctl stop -- a.service" => (1, String::new(), "Refused:\n  masked.\n".to_owned()),
            _ => (0, String::new(), String::new()),
        })
    });
    assert_eq!(lines.iter().filter(|line| line.ends_with("daemon-reload")).count(), 1);
    assert_eq!(
        done(end),
        [
            ("a.service".to_owned(), RunState::Failed, "it did not stop: Refused: masked.".to_owned()),
            ("b.service".to_owned(), RunState::Failed, "it did not stop: active (running)".to_owned()),
        ]
    );
}

#[test]
fn failures_are_told_per_unit() {
    let list = [
        ("good.service", Action::Restart),
        ("bad.service", Action::Restart),
        ("stuck.service", Action::Restart),
        ("stuck.service", Action::Enable),
        ("silent.service", Action::Start),
    ];
    let mut stack = stack("Web", vec![]);
    stack.config = r#"{"systemGroups":["web"]}"#.to_owned();
    let (_, end) = walk(begin(&stack, &list), &mut |line| {
        show(line, RUNNING).unwrap_or_else(|| match line {
            "systemctl restart -- bad.service" => {
                (1, String::new(), "Job for bad.service failed.\nSee the log.\n".to_owned())
            }
            "systemctl enable -- stuck.service" => (3, String::new(), String::new()),
            "systemctl start -- silent.service" => (-1, String::new(), String::new()),
            line if line.starts_with("systemd-sysusers") => (1, String::new(), "no /etc".to_owned()),
            _ => (0, String::new(), String::new()),
        })
    });
    let failed =
        |unit: &str, why: &str| (unit.to_owned(), RunState::Failed, format!("{why}; systemd-sysusers failed: no /etc"));
    assert_eq!(
        done(end),
        [
            ("good.service".to_owned(), RunState::Running, "active (running)".to_owned()),
            failed("bad.service", "Job for bad.service failed. See the log."),
            failed("stuck.service", "restarted but enable failed: exit 3"),
            failed("silent.service", "it did not end by itself"),
        ]
    );
}

#[test]
fn without_the_reload_nothing_is_started() {
    let list = [("a.service", Action::Restart), ("b.service", Action::Disable), ("c.service", Action::Stop)];
    let (lines, end) = walk(begin(&stack("Web", vec![]), &list), &mut |line| {
        show(line, RUNNING).unwrap_or_else(|| match line {
            "systemctl daemon-reload" => (1, String::new(), "no bus\n".to_owned()),
            _ => (0, String::new(), String::new()),
        })
    });
    assert_eq!(
        lines[..3],
        ["systemctl stop -- c.service", "systemctl daemon-reload", "systemctl disable -- b.service"]
    );
    assert_eq!(done(end)[0], ("a.service".to_owned(), RunState::Failed, "daemon-reload failed: no bus".to_owned()));
}

#[test]
fn a_question_changes_nothing_and_is_asked_once() {
    let list = [("a.service", Action::Status), ("b.service", Action::Logs)];
    let starting = "LoadState=loaded ActiveState=activating SubState=start";
    let mut session = begin(&stack("Web", vec![]), &list);
    let mut seen = Vec::new();
    let mut lines = Vec::new();
    let end = loop {
        let step = session.next(std::mem::take(&mut seen));
        let Step::Ask(commands) = &step else { break step };
        assert!(commands.iter().all(|command| !command.mutates));
        lines.extend(commands.iter().map(|command| command.argv.join(" ")));
        seen = answer_all(&step, &mut |line| show(line, starting).unwrap_or_default());
    };
    assert_eq!(lines[0], "journalctl --no-pager --output=short-iso --lines=200 --unit=b.service");
    assert_eq!((lines.len(), done(end)[0].1), (2, RunState::Starting));
}

#[test]
fn what_is_on_its_way_is_waited_for() {
    let mut looks = 0;
    let (lines, end) = walk(begin(&stack("Web", vec![]), &[("a.service", Action::Restart)]), &mut |line| {
        if !line.contains(" show ") {
            return (0, String::new(), String::new());
        }
        looks += 1;
        let state = if looks < 3 {
            "ActiveState=activating SubState=auto-restart"
        } else {
            "ActiveState=failed SubState=failed"
        };
        show(line, state).unwrap()
    });
    assert_eq!(lines.iter().filter(|line| *line == "wait").count(), 2);
    assert_eq!(done(end)[0].1, RunState::Failed);
    let (lines, end) = walk(begin(&stack("Web", vec![]), &[("a.service", Action::Restart)]), &mut |line| {
        show(line, "ActiveState=activating SubState=start").unwrap_or_default()
    });
    assert_eq!(lines.iter().filter(|line| *line == "wait").count(), 9);
    assert_eq!(done(end)[0].1, RunState::Starting);
}

#[test]
fn a_user_is_asked_through_the_users_manager() {
    let mut stack = stack("Mine", vec![service("api", &["/bin/x"], r#"{"tmpfiles":["d %t/web"]}"#)]);
    stack.scope = Scope::User;
    let list = [("api.service", Action::Restart), ("old.service", Action::Remove), ("api.service", Action::Logs)];
    let old = Facts { init_version: "247".to_owned(), ..facts() };
    let (lines, _) = walk(Lifecycle::new(&stack, &wishes(&list), &old), &mut well);
    assert_eq!(
        lines[..7],
        [
            "systemctl --user stop -- old.service",
            "systemctl --user disable --no-reload -- old.service",
            "systemctl --user daemon-reload",
            "systemd-tmpfiles --user --create /home/ann/.config/user-tmpfiles.d/punix-Mine.conf",
            "systemctl --user restart -- api.service",
            "journalctl --no-pager --output=short-iso --lines=200 --user-unit=api.service",
            "systemctl --user reset-failed -- old.service",
        ]
    );
    assert!(lines[7].starts_with("systemctl --user show --property="), "{}", lines[7]);
}

#[test]
fn silence_after_a_good_start_is_no_failure() {
    let (_, end) = walk(
        begin(&stack("Web", vec![]), &[("a.service", Action::Restart), ("b.service", Action::Status)]),
        &mut |_| (0, String::new(), String::new()),
    );
    let states: Vec<RunState> = done(end).into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(states, [RunState::Running, RunState::Unknown]);
}

#[test]
fn what_is_no_unit_is_refused_before_any_command() {
    for unit in ["--now", "a b.service", "", "a.service\n", "$(x).service"] {
        let mut session = begin(&stack("Web", vec![]), &[(unit, Action::Restart)]);
        assert!(matches!(session.next(Vec::new()), Step::Fail(error) if error.code == "systemd.unit"), "{unit:?}");
        assert!(matches!(session.next(Vec::new()), Step::Fail(error) if error.code == "systemd.ended"));
    }
    let mut broken = stack("Web", vec![]);
    broken.config = "[".to_owned();
    let mut session = begin(&broken, &[("a.service", Action::Restart)]);
    assert!(matches!(session.next(Vec::new()), Step::Fail(error) if error.code == "systemd.config"));
    // It does not matter to what merely stops.
    let (_, end) =
        walk(begin(&broken, &[("a.service", Action::Remove)]), &mut |line| show(line, GONE).unwrap_or_default());
    assert_eq!(done(end)[0].1, RunState::Missing);
}

/// Whatever is wished and whatever is answered, it ends, says one thing of each unit, and reloads at most once.
#[test]
fn every_walk_ends() {
    let names = ["a.service", "b.service", "c.timer", "d@x.service"];
    let mut random = Random::new(5);
    for round in 0..3_000 {
        let list: Vec<(&str, Action)> = (0..random.below(8))
            .map(|_| (names[random.below(names.len())], ACTIONS[random.below(ACTIONS.len())]))
            .collect();
        let stack = stack("Web", vec![service("a", &["/bin/x"], r#"{"tmpfiles":["d /run/web"]}"#)]);
        let mut count = 0;
        let (lines, end) = walk(begin(&stack, &list), &mut |line| {
            count += 1;
            let code = match round % 4 {
                0 => 0,
                1 => 1,
                2 => count % 2,
                _ => i32::try_from(random.below(5)).unwrap() - 2,
            };
            let state = [RUNNING, GONE, "ActiveState=activating", "x", ""][random.below(5)];
            let stdout = show(line, state).map(|(_, stdout, _)| stdout).unwrap_or_else(|| random.text());
            (code, stdout, random.text())
        });
        assert!(lines.iter().filter(|line| line.ends_with("daemon-reload")).count() <= 1, "{lines:?}");
        let mut units: Vec<&str> = Vec::new();
        list.iter().for_each(|(unit, _)| {
            if !units.contains(unit) {
                units.push(unit)
            }
        });
        let done = done(end);
        assert_eq!(done.iter().map(|(unit, _, _)| unit.as_str()).collect::<Vec<_>>(), units);
        assert!(done.iter().all(|(_, _, detail)| !detail.contains(char::is_control)));
    }
}

/// Answers that are no answers: none, too many, to other commands.
#[test]
fn observations_of_any_shape_are_taken() {
    let mut random = Random::new(6);
    for _ in 0..3_000 {
        let list: Vec<(&str, Action)> =
            (0..random.below(6)).map(|_| ("a.service", ACTIONS[random.below(ACTIONS.len())])).collect();
        let mut session = begin(&stack("Web", vec![]), &list);
        let mut steps = 0;
        loop {
            let seen = (0..random.below(6)).map(|_| Observation {
                command: [0, 1, 2, 3, u32::MAX][random.below(5)],
                code: [0, 0, 1, -1, i32::MIN][random.below(5)],
                stdout: random.text(),
                stderr: random.text(),
            });
            steps += 1;
            assert!(steps < 40);
            if matches!(session.next(seen.collect()), Step::Done(_) | Step::Fail(_)) {
                break;
            }
        }
    }
}

#[test]
fn many_units_take_few_looks() {
    let names: Vec<String> = (0..5_000).map(|n| format!("u{n}.service")).collect();
    let list: Vec<(&str, Action)> = names.iter().map(|name| (name.as_str(), Action::Restart)).collect();
    let (lines, end) = walk(begin(&stack("Web", vec![]), &list), &mut well);
    let looks = lines.iter().filter(|line| line.contains(" show ")).count();
    assert_eq!((lines.len(), looks), (5_006, 5));
    assert!(done(end).iter().all(|(_, state, _)| *state == RunState::Running));
}
