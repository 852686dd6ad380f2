use super::*;
use crate::reading::Random;

fn units(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn block(id: &str, rest: &str) -> String {
    format!("Id={id}\n{}\n\n", rest.replace(' ', "\n"))
}

#[track_caller]
fn check(rest: &str, wished: Wished, state: RunState, detail: &str) {
    let found = read(&units(&["a.service"]), &block("a.service", rest));
    let status = found[0].as_ref().unwrap().status("a.service", wished);
    assert_eq!((status.state, status.detail.as_str()), (state, detail), "{rest}");
}

#[test]
fn states_are_those_of_systemd() {
    let any = Wished::Neither;
    check(
        "LoadState=loaded ActiveState=active SubState=running Result=success",
        any,
        RunState::Running,
        "active (running)",
    );
    check("LoadState=loaded ActiveState=reloading SubState=reload", any, RunState::Running, "reloading (reload)");
    let loop_ =
        "LoadState=loaded ActiveState=activating SubState=auto-restart Result=exit-code ExecMainStatus=203 NRestarts=3";
    check(loop_, any, RunState::Starting, "activating (auto-restart, exit-code, status 203, 3 restarts)");
    let failed = "LoadState=loaded ActiveState=failed SubState=failed Result=exit-code ExecMainStatus=1";
    check(failed, any, RunState::Failed, "failed (failed, exit-code, status 1)");
    check(failed, Wished::Down, RunState::Stopped, "failed (failed, exit-code, status 1)");
    check(
        "LoadState=loaded ActiveState=inactive SubState=dead Result=success",
        any,
        RunState::Stopped,
        "inactive (dead)",
    );
    check("LoadState=not-found ActiveState=inactive SubState=dead", any, RunState::Missing, "not found");
    check("LoadState=not-found ActiveState=active SubState=running", any, RunState::Running, "active (running)");
    check("LoadState=masked ActiveState=inactive", any, RunState::Stopped, "masked");
    check("LoadState=bad-setting ActiveState=inactive", any, RunState::Failed, "its files are wrong: bad-setting");
    check("LoadState=loaded ActiveState=dozing SubState=x", any, RunState::Unknown, "dozing (x)");
    check("LoadState=loaded", any, RunState::Unknown, "unknown");
}

#[test]
fn what_runs_once_has_run_when_that_went_well() {
    let dead = "LoadState=loaded ActiveState=inactive SubState=dead Type=oneshot Result=success";
    let done = format!("{dead} ExecMainExitTimestampMonotonic=17");
    let forgotten = format!("{dead} ExecMainExitTimestampMonotonic=0");
    check(&done, Wished::Neither, RunState::Running, "inactive (dead)");
    check(&done, Wished::Down, RunState::Stopped, "inactive (dead)");
    check(&forgotten, Wished::Neither, RunState::Stopped, "inactive (dead)");
    check(&forgotten, Wished::Up, RunState::Running, "inactive (dead)");
    check(&done.replace("oneshot", "simple"), Wished::Up, RunState::Stopped, "inactive (dead)");
}

#[test]
fn blocks_belong_to_units_by_name_or_else_by_place() {
    let asked = units(&["a.service", "b.timer", "c.service"]);
    let shown = block("b.timer", "ActiveState=active UnitFileState=enabled StateChangeTimestamp=@1700000000")
        + &block("a.service", "ActiveState=failed UnitFileState=disabled StateChangeTimestamp=");
    let found = read(&asked, &shown);
    assert_eq!((found.len(), &found[2]), (3, &None));
    let timer = found[1].as_ref().unwrap().status("b.timer", Wished::Neither);
    assert_eq!(
        (timer.state, timer.enabled, timer.since_unix_ms),
        (RunState::Running, Some(true), Some(1_700_000_000_000))
    );
    let other = found[0].as_ref().unwrap().status("a.service", Wished::Neither);
    assert_eq!((other.state, other.enabled, other.since_unix_ms), (RunState::Failed, Some(false), None));
    // An alias answers with the name that it stands for.
    let found = read(&units(&["alias.service"]), &block("real.service", "ActiveState=active"));
    assert_eq!(found[0].as_ref().unwrap().state, RunState::Running);
    assert_eq!(read(&asked, &block("real.service", "ActiveState=active")), [None, None, None]);
    assert_eq!(since("@99999999999999999999"), None);
    assert_eq!(since("@18446744073709551615"), None);
}

#[test]
fn anything_can_be_said() {
    let mut random = Random::new(11);
    let words = [
        "Id=",
        "a.service",
        "\n",
        "\n\n",
        "=",
        "ActiveState=",
        "active",
        "@",
        "StateChangeTimestamp=@",
        "9",
        "é",
        "\0",
        "LoadState=not-found\n",
    ];
    for _ in 0..20_000 {
        let shown: String = (0..random.below(16)).map(|_| words[random.below(words.len())]).collect();
        read(&units(&["a.service", "b.service"]), &shown);
    }
}
