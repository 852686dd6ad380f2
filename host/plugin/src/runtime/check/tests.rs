use super::*;
use crate::world::World;
use expect_test::{Expect, expect};
use punix_model::{Command, Encoding, RunState, Scope, Service, Shape, Slot, Status, Unit};

fn stack() -> Stack {
    let service = Service {
        name: "web".to_owned(),
        argv: vec!["/store/web".to_owned()],
        env: Vec::new(),
        depends_on: Vec::new(),
        secret_delivery: "environment-file".to_owned(),
        config: "{}".to_owned(),
    };
    let slot = Slot { id: 7, name: "from_env:PASSWORD".to_owned(), shape: Shape::SingleLine };
    Stack {
        name: "Web".to_owned(),
        scope: Scope::System,
        services: vec![service],
        slots: vec![slot],
        config: "{}".to_owned(),
        unit_dir: Some("/etc/systemd/system".to_owned()),
    }
}

fn plain(path: &str, mode: u32) -> PlannedFile {
    let body = vec![Chunk::Text("x".to_owned())];
    PlannedFile { path: path.to_owned(), mode, body, restarts: Vec::new(), reloads: Vec::new() }
}

fn holding(slot: u32, encoding: &str, mode: u32) -> PlannedFile {
    PlannedFile { body: vec![Chunk::Secret(slot, Encoding(encoding.to_owned()))], ..plain("/etc/a", mode) }
}

fn look(files: Vec<PlannedFile>, units: &[(&str, &str)]) -> Result<(), Flaw> {
    let unit = |(name, service): &(&str, &str)| Unit {
        name: (*name).to_owned(),
        service: (*service).to_owned(),
        starts_at_boot: true,
    };
    let units = units.iter().map(unit).collect();
    rendering(&Rendering { files, units, notes: Vec::new() }, &stack(), &Limits::of(World::Backend))
}

fn check_err(files: Vec<PlannedFile>, units: &[(&str, &str)], expected: Expect) {
    match look(files, units) {
        Err(Flaw::Said(said)) => expected.assert_eq(&said),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sound_rendering_passes() {
    let unit =
        PlannedFile { restarts: vec!["web.service".to_owned()], ..plain("/etc/systemd/system/web.service", 0o644) };
    assert_eq!(look(vec![unit, holding(7, "raw", 0o600)], &[("web.service", "web")]), Ok(()));
}

#[test]
fn a_path_is_absolute_and_plain() {
    for path in ["etc/a", "", "/", "/etc/../a", "/etc/./a", "/etc//a", "/etc/a/", "//etc/a"] {
        assert!(matches!(look(vec![plain(path, 0o644)], &[]), Err(Flaw::Said(_))), "{path}");
    }
    check_err(vec![plain("/etc/../a", 0o644)], &[], expect!["`/etc/../a` is not a plain absolute path"]);
    for path in ["/etc/a\nb", "/etc/a\0b", "/etc/a\u{1b}[2J"] {
        assert!(matches!(look(vec![plain(path, 0o644)], &[]), Err(Flaw::Said(_))), "{path:?}");
    }
    check_err(vec![plain("/a", 0o644), plain("/a", 0o600)], &[], expect!["it writes `/a` twice"]);
    check_err(
        vec![plain("/a/b/c", 0o644), plain("/a", 0o600)],
        &[],
        expect!["`/a` is a file and the directory of `/a/b/c`"],
    );
}

#[test]
fn nobody_else_writes_and_nobody_else_reads_a_secret() {
    check_err(vec![plain("/a", 0o666)], &[], expect!["the mode 0666 of `/a` lets others write to it, or is none"]);
    check_err(vec![plain("/a", 0o4755)], &[], expect!["the mode 4755 of `/a` lets others write to it, or is none"]);
    check_err(
        vec![holding(7, "raw", 0o644)],
        &[],
        expect!["`/etc/a` holds a secret, and the mode 0644 lets others read it"],
    );
    check_err(
        vec![holding(8, "raw", 0o600)],
        &[],
        expect!["`/etc/a` holds the secret 8, which the stack does not have"],
    );
    check_err(
        vec![holding(7, "rot13", 0o600)],
        &[],
        expect!["`/etc/a` holds a secret in the encoding `rot13`, which is not known"],
    );
}

#[test]
fn units_are_of_this_stack_and_lie_where_units_lie() {
    check_err(vec![], &[("a", ""), ("a", "web")], expect!["it has the unit `a` twice"]);
    check_err(vec![], &[("a", "other")], expect!["the unit `a` is for `other`, which is no service"]);
    check_err(vec![], &[("../a", "")], expect!["`../a` cannot be the name of a unit"]);
    check_err(vec![], &[("-a", "")], expect!["`-a` cannot be the name of a unit"]);
    check_err(
        vec![plain("/etc/cron.d/a.service", 0o644)],
        &[("a.service", "")],
        expect!["the unit file `/etc/cron.d/a.service` is not in `/etc/systemd/system`, where units go"],
    );
    let foreign = PlannedFile { restarts: vec!["sshd.service".to_owned()], ..plain("/a", 0o644) };
    check_err(vec![foreign], &[], expect!["`/a` concerns the unit `sshd.service`, which it does not have"]);
}

#[test]
fn what_is_too_much_is_a_limit() {
    let limits = Limits { artefacts: 2, artefact_kib: 1, output_mib: 1, ..Limits::of(World::Backend) };
    let look = |files| rendering(&Rendering { files, units: Vec::new(), notes: Vec::new() }, &stack(), &limits);
    let sized = |path: &str, size| PlannedFile { body: vec![Chunk::Text("x".repeat(size))], ..plain(path, 0o600) };
    assert_eq!(look(vec![plain("/a", 0o600), plain("/b", 0o600), plain("/c", 0o600)]), Err(Flaw::Over("artefacts")));
    assert_eq!(look(vec![sized("/a", 1_024)]), Ok(()));
    assert_eq!(look(vec![sized("/a", 1_025)]), Err(Flaw::Over("artefact_kib")));
}

#[test]
fn a_step_has_words_and_tells_of_what_was_asked() {
    let look = |step| self::step(&step, &["web.service".to_owned()], &Limits::of(World::Backend));
    let command = |words: &[&str]| Command {
        argv: words.iter().map(|word| (*word).to_owned()).collect(),
        stdin: String::new(),
        timeout_ms: 1,
        mutates: false,
    };
    assert_eq!(look(Step::Run(vec![command(&["systemctl", "daemon-reload"])])), Ok(()));
    for wrong in [vec![], vec![command(&[])], vec![command(&[""])], vec![command(&["a", "b\0c"])]] {
        assert!(look(Step::Ask(wrong.clone())).is_err(), "{wrong:?}");
    }
    let status = |unit: &str| Status {
        unit: unit.to_owned(),
        state: RunState::Running,
        enabled: None,
        since_unix_ms: None,
        detail: String::new(),
    };
    assert_eq!(look(Step::Done(vec![status("web.service")])), Ok(()));
    assert!(look(Step::Done(vec![status("sshd.service")])).is_err());
    assert!(look(Step::WaitMs(u32::MAX)).is_err());
}

#[test]
fn a_target_is_completed_and_not_changed() {
    let given = Endpoint {
        scheme: "ssh".to_owned(),
        user: None,
        host: "Web.example.com".to_owned(),
        port: None,
        path: None,
        options: Vec::new(),
    };
    let answer =
        Endpoint { user: Some("root".to_owned()), port: Some(22), host: "web.example.com".to_owned(), ..given.clone() };
    assert_eq!(completed(&given, &answer), Ok(()));
    let named = Endpoint { user: Some("me".to_owned()), port: Some(2_222), ..given.clone() };
    assert!(completed(&named, &answer).is_err());
    // `local://` names no host, and is the same as `local://localhost`.
    assert_eq!(completed(&Endpoint { host: String::new(), ..given.clone() }, &answer), Ok(()));
    for wrong in [
        Endpoint { host: "evil.example.com".to_owned(), ..answer.clone() },
        Endpoint { scheme: "local".to_owned(), ..answer.clone() },
        Endpoint { user: Some("-oProxyCommand=x".to_owned()), ..answer.clone() },
        Endpoint { user: Some(String::new()), ..answer.clone() },
        Endpoint { options: vec![("StrictHostKeyChecking".to_owned(), "no".to_owned())], ..answer.clone() },
    ] {
        assert!(completed(&given, &wrong).is_err(), "{wrong:?}");
    }
}
