//! Transports that lead elsewhere, or let go. A pipe that was started is the host's, whatever becomes of the plugin.

use crate::room::{Plugin, Terms, World, or_fault, plugin_error, transport};
use expect_test::{Expect, expect};
use punix_model::{CallFault, Endpoint, Link, Pipe, PluginError, Transport};
use std::io::{Read, Write};
use std::time::Duration;

const GRANTED: &str = "limits.timeout_ms = 120000\n\
                       grant.here = true\n\
                       grant.ssh = true\n\
                       grant.spawn = [{ program = \"/bin/echo\", args = [\"say\", \"*\"] }]";

fn endpoint(host: &str) -> Endpoint {
    Endpoint {
        scheme: "hostile".to_owned(),
        user: Some("deploy".to_owned()),
        host: host.to_owned(),
        port: Some(22),
        path: Some("/srv".to_owned()),
        options: Vec::new(),
    }
}

fn plugin_in(world: &World) -> Plugin {
    Plugin::on(transport(), Terms { table: GRANTED, ..Terms::default() }, world)
}

/// Opens a link that behaves as a word says.
pub(crate) fn open(plugin: &Plugin, word: &str) -> Result<Box<dyn Link>, String> {
    match plugin.transport().open(&endpoint(word)) {
        Ok(Ok(link)) => Ok(link),
        Ok(Err(error)) => Err(plugin_error(&error)),
        Err(fault) => Err(or_fault(Err(fault))),
    }
}

/// Shows what starting something came to; a pipe that works says so.
fn shown(started: Result<Result<Pipe, PluginError>, CallFault>) -> String {
    match started {
        Ok(Ok(pipe)) => {
            let label = pipe.label.clone();
            format!("{label}: {}\n", said_back(pipe))
        }
        Ok(Err(error)) => plugin_error(&error),
        Err(fault) => or_fault(Err(fault)),
    }
}

fn said_back(mut pipe: Pipe) -> String {
    pipe.input.write_all(b"hello").expect("it listens");
    let mut answer = [0; 5];
    pipe.output.read_exact(&mut answer).expect("it answers");
    let ended = pipe.end.finish(Duration::from_secs(20));
    format!("{} {:?}", String::from_utf8_lossy(&answer), ended.code)
}

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Starts so often what a link of this kind starts, and lists what that came to.
#[track_caller]
fn check(word: &str, words: &[&str], times: usize, expected: Expect) {
    let world = World::default();
    let plugin = plugin_in(&world);
    let text = match open(&plugin, word) {
        Ok(mut link) => (0..times).map(|_| shown(link.start(&argv(words)))).collect(),
        Err(refused) => refused,
    };
    expected.assert_eq(&format!("{}{text}", plugin.heard()));
    drop(plugin);
    assert!(world.echo.comes_to(0), "nothing goes on that nobody holds");
}

/// Who is meant where nobody is named, only the host knows; else one machine would be two targets.
#[test]
fn a_target_without_a_user_is_that_with_the_one_who_is_meant() {
    let world = World::default();
    let bare = Endpoint { user: None, ..endpoint("web") };
    let named = Endpoint { user: Some("operator".to_owned()), ..bare.clone() };
    let plugin = plugin_in(&world);
    let normalised = |target: &Endpoint| plugin.transport().normalise(target).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(normalised(&bare), Ok(named.clone()));
    assert_eq!(normalised(&named), Ok(named));
    let refused = normalised(&Endpoint { user: None, ..endpoint("no-ssh") }).unwrap_err();
    expect![[r#"
        Unsupported ssh.no-program: there is no program `ssh`; install the client of OpenSSH
    "#]]
    .assert_eq(&plugin_error(&refused));
    // Who does not use SSH has no such user.
    let table = "limits.timeout_ms = 120000\ngrant.here = true";
    let plugin = Plugin::on(transport(), Terms { table, ..Terms::default() }, &world);
    assert_eq!(plugin.transport().normalise(&bare).unwrap_or_else(|fault| panic!("{fault}")), Ok(bare));
}

#[test]
fn a_target_is_completed_and_not_exchanged() {
    let plugin = plugin_in(&World::default());
    let normalised = |endpoint: &Endpoint| {
        let text = or_fault(plugin.transport().normalise(endpoint).map(|answer| match answer {
            Ok(found) => format!("{found:?}\n"),
            Err(error) => plugin_error(&error),
        }));
        format!("{}{text}", plugin.heard())
    };
    let mut text = String::new();
    for word in [
        "other-scheme",
        "other-host",
        "other-user",
        "no-user",
        "other-port",
        "other-path",
        "other-options",
        "odd-user",
        "odd-path",
        "loud-host",
        "complete",
        "refuse",
        "panic",
    ] {
        text.push_str(&format!("{word}: {}", normalised(&endpoint(word))));
    }
    let bare = |word: &str| Endpoint { user: None, port: None, path: None, ..endpoint(word) };
    for word in ["complete", "odd-user", "odd-path", "other-path"] {
        text.push_str(&format!("bare {word}: {}", normalised(&bare(word))));
    }
    expect![[r#"
        other-scheme: error: [E28] the plugin `org.example.hostile-transport 0.6.6` gave an answer that cannot be used in `normalise`: it made another target of the one that was named
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        other-host: error: [E28] the plugin `org.example.hostile-transport 0.6.6` gave an answer that cannot be used in `normalise`: it made another target of the one that was named
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        other-user: error: [E28] the plugin `org.example.hostile-transport 0.6.6` gave an answer that cannot be used in `normalise`: it made another target of the one that was named
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        no-user: error: [E28] the plugin `org.example.hostile-transport 0.6.6` gave an answer that cannot be used in `normalise`: it made another target of the one that was named
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        other-port: error: [E28] the plugin `org.example.hostile-transport 0.6.6` gave an answer that cannot be used in `normalise`: it made another target of the one that was named
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        other-path: error: [E28] the plugin `org.example.hostile-transport 0.6.6` gave an answer that cannot be used in `normalise`: it made another target of the one that was named
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        other-options: error: [E28] the plugin `org.example.hostile-transport 0.6.6` gave an answer that cannot be used in `normalise`: it made another target of the one that was named
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        odd-user: error: [E28] the plugin `org.example.hostile-transport 0.6.6` gave an answer that cannot be used in `normalise`: it made another target of the one that was named
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        odd-path: error: [E28] the plugin `org.example.hostile-transport 0.6.6` gave an answer that cannot be used in `normalise`: it made another target of the one that was named
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        loud-host: Endpoint { scheme: "hostile", user: Some("deploy"), host: "LOUD-HOST", port: Some(22), path: Some("/srv"), options: [] }
        complete: Endpoint { scheme: "hostile", user: Some("deploy"), host: "complete", port: Some(22), path: Some("/srv"), options: [] }
        refuse: InvalidInput endpoint.refused at `host`: not there\u{1b}[2J
        panic: error: panicked at transport/src/lib.rs:40: there is no such place
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` broke off in `normalise`: wasm `unreachable` instruction executed
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        bare complete: Endpoint { scheme: "hostile", user: Some("deploy"), host: "complete", port: Some(22), path: None, options: [] }
        bare odd-user: error: [E28] the plugin `org.example.hostile-transport 0.6.6` gave an answer that cannot be used in `normalise`: it completed the target with `-oProxyCommand=sh`
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        bare odd-path: error: [E28] the plugin `org.example.hostile-transport 0.6.6` gave an answer that cannot be used in `normalise`: it completed the target with `/a\nb`
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        bare other-path: Endpoint { scheme: "hostile", user: Some("operator"), host: "other-path", port: None, path: Some("/etc"), options: [] }
    "#]].assert_eq(&text);
}

#[test]
fn a_way_that_is_not_opened() {
    check(
        "open-panic",
        &[],
        1,
        expect![[r#"
        error: panicked at transport/src/lib.rs:50: the way is blocked
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` broke off in `link.open`: wasm `unreachable` instruction executed
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
    "#]],
    );
    check(
        "open-refuse",
        &[],
        1,
        expect![[r#"
        Denied open.refused: not today
    "#]],
    );
    let quick = Terms { table: "limits.timeout_ms = 100", ..Terms::default() };
    let plugin = Plugin::on(transport(), quick, &World::default());
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` was stopped in `link.open` after 100 ms
        help: if it needs longer: punix plugin grant org.example.hostile-transport limits timeout_ms=200
    "#]]
    .assert_eq(&open(&plugin, "open-loop").err().unwrap_or_default());
}

#[test]
fn a_pipe_outlives_a_plugin_that_breaks_off_behind_it() {
    check(
        "panic-behind",
        &[],
        1,
        expect![[r#"
        error: panicked at transport/src/lib.rs:69: it runs, and I am gone
        warn: the plugin `org.example.hostile-transport 0.6.6` broke off in `link.start`: wasm `unreachable` instruction executed; the program that it had started goes on
        here: hello Some(0)
    "#]],
    );
    let world = World::default();
    let quick = Terms { table: "limits.timeout_ms = 200\ngrant.here = true", ..Terms::default() };
    let plugin = Plugin::on(transport(), quick, &world);
    let text = shown(open(&plugin, "loop-behind").unwrap().start(&[]));
    expect![[r#"
        warn: the plugin `org.example.hostile-transport 0.6.6` was stopped in `link.start` after 200 ms; the program that it had started goes on
        here: hello Some(0)
    "#]].assert_eq(&format!("{}{text}", plugin.heard()));
    assert!(world.echo.comes_to(0));
}

#[test]
fn a_pipe_outlives_its_link_and_its_plugin() {
    let world = World::default();
    let plugin = plugin_in(&world);
    let mut link = open(&plugin, "fine").unwrap();
    let pipe = link.start(&[]).unwrap().unwrap();
    assert_eq!(link.close(), Ok(Ok(())));
    drop(plugin);
    assert!(world.echo.comes_to(1));
    assert_eq!(said_back(pipe), "hello Some(0)");
}

#[test]
fn which_of_two_pipes_was_meant_nobody_knows() {
    check(
        "two-behind",
        &[],
        1,
        expect![[r#"
        error: panicked at transport/src/lib.rs:77: one of them will do
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` broke off in `link.start`: wasm `unreachable` instruction executed
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn what_it_does_not_hand_over_goes_with_it() {
    check(
        "refuse-behind",
        &[],
        2,
        expect![[r#"
        Permanent start.refused: it runs, and I deny it
        Permanent start.refused: it runs, and I deny it
    "#]],
    );
    check(
        "stash",
        &[],
        2,
        expect![[r#"
        Permanent stash: come again
        here: hello Some(0)
    "#]],
    );
}

#[test]
fn pipes_that_are_not_its_own() {
    check(
        "forged",
        &[],
        1,
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` broke off in `link.start`: unknown handle index 77
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
    "#]],
    );
    check(
        "returned-twice",
        &[],
        2,
        expect![[r#"
        here: hello Some(0)
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` broke off in `link.start`: unknown handle index 1
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
    "#]],
    );
    check(
        "returned-label",
        &[],
        2,
        expect![[r#"
        here: hello Some(0)
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` broke off in `link.start`: unknown handle index 1
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn a_connection_after_it_was_closed() {
    check(
        "connect",
        &["true"],
        1,
        expect![[r#"
        ssh: hello Some(0)
    "#]],
    );
    check(
        "dropped-connection",
        &["true"],
        1,
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` broke off in `link.start`: unknown handle index 1
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
    "#]],
    );
}

#[test]
fn options_that_would_lead_elsewhere() {
    check(
        "connect-option",
        &["true"],
        1,
        expect![[r#"
        Denied ssh.option: the option `ProxyCommand` is not the plugin's to set: these are ConnectTimeout, ServerAliveInterval, ServerAliveCountMax, Compression, IdentitiesOnly
    "#]],
    );
}

#[test]
fn programs_that_were_not_granted() {
    check(
        "spawn",
        &["/bin/echo", "say", "hello"],
        1,
        expect![[r#"
        /bin/echo ["say", "hello"]: hello Some(0)
    "#]],
    );
    check(
        "spawn",
        &["/bin/echo", "say", "hello", "more"],
        1,
        expect![[r#"
        Denied spawn.not-granted: `/bin/echo` is granted to this plugin, but not with these arguments: say hello more
    "#]],
    );
    check(
        "spawn",
        &["/bin/echo", "cry", "hello"],
        1,
        expect![[r#"
        Denied spawn.not-granted: `/bin/echo` is granted to this plugin, but not with these arguments: cry hello
    "#]],
    );
    check(
        "spawn",
        &["/bin/sh", "-c", "id"],
        1,
        expect![[r#"
        Denied spawn.not-granted: `/bin/sh` is not granted to this plugin
    "#]],
    );
    check(
        "spawn",
        &["/bin/../bin/echo", "say", "hello"],
        1,
        expect![[r#"
        Denied spawn.not-granted: `/bin/../bin/echo` is not granted to this plugin
    "#]],
    );
    check(
        "spawn",
        &["echo", "say", "hello"],
        1,
        expect![[r#"
        Denied spawn.not-granted: `echo` is not granted to this plugin
    "#]],
    );
    check(
        "spawn",
        &["/bin/echo", "say", "a\0b"],
        1,
        expect![[r#"
        InvalidInput spawn.words: a word with a zero byte in it cannot be passed on
    "#]],
    );
    check(
        "spawn",
        &[],
        1,
        expect![[r#"
        InvalidInput spawn.words: no program is named: the first word has to be its full path
    "#]],
    );
    check(
        "spawn-env",
        &["/bin/echo", "say", "hello"],
        1,
        expect![[r#"
        Denied spawn.not-granted: the variable `LD_PRELOAD` is not passed on: give the program an argument, which can be granted
    "#]],
    );
}

#[test]
fn nothing_is_started_where_nothing_is_granted() {
    let world = World::default();
    let plugin = Plugin::on(transport(), Terms::default(), &world);
    let mut text = open(&plugin, "connect").err().unwrap_or_default();
    for (word, words) in [("fine", vec![]), ("spawn", argv(&["/bin/echo"]))] {
        text.push_str(&shown(open(&plugin, word).unwrap().start(&words)));
    }
    expect![[r#"
        Denied ssh.not-granted: `ssh` is not granted
        Denied here.not-granted: `here` is not granted
        Denied spawn.not-granted: `/bin/echo` is not granted to this plugin
    "#]]
    .assert_eq(&text);
    assert_eq!(world.echo.started.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[test]
fn a_thousand_programs_are_too_many() {
    let world = World::default();
    let table = "limits.timeout_ms = 120000\nlimits.handles = 20\ngrant.here = true";
    let plugin = Plugin::on(transport(), Terms { table, ..Terms::default() }, &world);
    let mut link = open(&plugin, "flood").unwrap();
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` reached a limit in `link.start`: `handles` is 20
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-transport limits handles=40
    "#]].assert_eq(&shown(link.start(&[])));
    drop(link);
    assert!(world.echo.comes_to(0));
    assert!(world.echo.started.load(std::sync::atomic::Ordering::SeqCst) <= 21);
}

#[test]
fn time_is_granted_apart() {
    check(
        "say",
        &[],
        1,
        expect![[r#"
        info: clock 0 0
        here: hello Some(0)
    "#]],
    );
}

#[test]
fn a_link_that_does_not_close() {
    let plugin = plugin_in(&World::default());
    let close = |word: &str| {
        let closed = open(&plugin, word).unwrap().close();
        let text = or_fault(closed.map(|answer| match answer {
            Ok(()) => "closed\n".to_owned(),
            Err(error) => plugin_error(&error),
        }));
        format!("{}{text}", plugin.heard())
    };
    expect![[r#"
        error: panicked at transport/src/lib.rs:119: it will not close
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` broke off in `link.close`: wasm `unreachable` instruction executed
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
    "#]].assert_eq(&close("close-panic"));
    expect![[r#"
        Permanent close.refused: it stays open
    "#]]
    .assert_eq(&close("close-refuse"));
}

#[test]
fn a_link_after_it_broke_off() {
    check(
        "forged",
        &[],
        2,
        expect![[r#"
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` broke off in `link.start`: unknown handle index 77
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
        error: [E28] the plugin `org.example.hostile-transport 0.6.6` broke off in `link.start`: unknown handle index 77
        note: nothing that it had begun goes on; what it said before stands above
        help: this is a fault of `org.example.hostile-transport`: report it to whoever makes it
    "#]],
    );
}
