//! For tests: what is rendered, given to a real systemd. Texts that are likely to be read wrongly have to reach a
//! program byte for byte, by every way; and wishes have to be fulfilled by the commands of the lifecycle.

mod machine;

use self::machine::{Machine, new_folder, skip};
use crate::reading::Random;
use crate::render::render;
use crate::sample::{facts, service, slot, stack, with_env};
use crate::{Lifecycle, sample};
use punix_sdk::backend::{
    Action, Chunk, Observation, Rendering, RunState, Scope, Service, Session, Shape, Stack, Status, Step, Wish,
};
use std::fs;
use std::process::Command;

/// A program that keeps what it was given: words, variables, credentials.
const KEEP: &str = "#!/bin/sh\nout=/tmp/kept-$1\ncp /proc/$$/cmdline $out.words\ncp /proc/$$/environ $out.variables\n\
                    [ -z \"$CREDENTIALS_DIRECTORY\" ] || cp -r \"$CREDENTIALS_DIRECTORY\" $out.credentials\n";
const KEEPER: &str = "/opt/k e%p/keep";

/// Returns texts of which each has been a trouble to somebody, and some more.
fn torture() -> Vec<String> {
    let known = [
        "",
        " ",
        "two words",
        " leading",
        "trailing ",
        "tab\there",
        "a\nb",
        "\n",
        "cr\r",
        "50%",
        "%h",
        "%z",
        "%%",
        "$HOME",
        "${HOME}",
        "$$",
        "$",
        "a$b",
        "$${HOME}",
        "\\",
        "C:\\",
        "C:\\dir\\",
        "\\n",
        "\\x41",
        "\"",
        "'",
        "\"q\"",
        "it's",
        "a\"b'c",
        ";",
        "a;b",
        "; b",
        "#",
        "# x",
        "=",
        "a=b",
        "-x",
        "--",
        "@x",
        "!",
        "+",
        ":",
        "~",
        "*",
        "[S]",
        "{}",
        "`x`",
        "é",
        "😀",
        "\u{a0}",
        "\u{85}",
        "\u{2028}",
        "\u{1}",
        "\u{7f}",
        "\u{1b}[1m",
        "\u{feff}x",
        "x\\\ny",
        "\\\n",
        "$\n",
        "%\n",
    ];
    let mut random = Random::new(17);
    known.into_iter().map(str::to_owned).chain((0..150).map(|_| random.text())).collect()
}

/// Writes a secret as the host does.
fn spliced(encoding: &str, secret: &str) -> String {
    if encoding == "raw" {
        return secret.to_owned();
    }
    let mut out = String::from("\"");
    for c in secret.chars() {
        match (encoding, c) {
            (_, '"' | '\\') => out.extend(['\\', c]),
            ("systemd.environment", '%') => out.push_str("%%"),
            ("systemd.environment", c) if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            ("systemd.environment" | "systemd.environment-file", c) => out.push(c),
            (other, _) => panic!("{other}"),
        }
    }
    out + "\""
}

fn write_all(machine: &Machine, rendering: &Rendering, secrets: &[String]) {
    for file in &rendering.files {
        let text: String = file
            .body
            .iter()
            .map(|chunk| match chunk {
                Chunk::Text(text) => text.clone(),
                Chunk::Secret((slot, encoding)) => spliced(encoding, &secrets[usize::try_from(*slot).unwrap()]),
            })
            .collect();
        machine.write(&file.path, file.mode, text.as_bytes());
    }
}

/// Fulfils wishes as the host does.
fn fulfil(machine: &Machine, stack: &Stack, wishes: &[(&str, Action)]) -> Vec<Status> {
    let wishes: Vec<Wish> = wishes.iter().map(|&(unit, action)| Wish { unit: unit.to_owned(), action }).collect();
    let mut session = Lifecycle::new(stack, &wishes, &facts());
    let mut seen = Vec::new();
    for _ in 0..50 {
        let commands = match session.next(std::mem::take(&mut seen)) {
            Step::Run(commands) | Step::Ask(commands) => commands,
            Step::WaitMs(pause) => {
                std::thread::sleep(std::time::Duration::from_millis(pause.into()));
                continue;
            }
            Step::Done(statuses) => return statuses,
            Step::Fail(error) => panic!("{error:?}"),
        };
        for (command, asked) in (0..).zip(commands) {
            let argv: Vec<&str> = asked.argv.iter().map(String::as_str).collect();
            let output = machine.run(&argv);
            seen.push(Observation {
                command,
                code: output.status.code().unwrap_or(-1),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
    }
    panic!("it does not end");
}

#[track_caller]
fn check_states(statuses: &[Status], expected: &[(&str, RunState)]) {
    let found: Vec<(&str, RunState)> = statuses.iter().map(|status| (status.unit.as_str(), status.state)).collect();
    assert_eq!(found, expected, "{statuses:#?}");
}

/// Returns the services of the torture: one for each way in which a text reaches a program.
fn keepers(texts: &[String]) -> Stack {
    let once = r#"{"serviceConfig":{"Type":"oneshot"}}"#;
    let filed = r#"{"serviceConfig":{"Type":"oneshot"},"environmentFile":true}"#;
    let names: Vec<String> = (0..texts.len()).map(|n| format!("T{n}")).collect();
    let values: Vec<(&str, &str)> =
        names.iter().zip(texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let words: Vec<&str> = [KEEPER, "words"].into_iter().chain(texts.iter().map(String::as_str)).collect();
    let mixed = |name: &str, delivery: &str, count: usize| {
        let mut service = Service { secret_delivery: delivery.to_owned(), ..service(name, &[KEEPER, name], once) };
        for (slot, text) in texts.iter().enumerate().take(count) {
            let secret = Chunk::Secret((u32::try_from(slot).unwrap(), "raw".to_owned()));
            let other = texts[(slot + 7) % texts.len()].clone();
            let value = vec![Chunk::Text(other), secret.clone(), Chunk::Text(text.clone())];
            service.env.push((format!("M{slot}"), value));
            service.env.push((format!("S{slot}"), vec![secret]));
        }
        service
    };
    let services = vec![
        service("words", &words, once),
        with_env(service("unit", &[KEEPER, "unit"], once), &values),
        with_env(service("file", &[KEEPER, "file"], filed), &values),
        mixed("mixed-file", "environment-file", texts.len()),
        mixed("mixed-unit", "inline", texts.len()),
        // Each is a file of its own, as it is.
        mixed("credentials", "credential", 20),
    ];
    let slots = (0..texts.len()).map(|id| slot(u32::try_from(id).unwrap(), Shape::Text)).collect();
    Stack { slots, ..stack("Torture", services) }
}

#[test]
fn every_text_reaches_the_program_byte_for_byte() {
    let Some(machine) = Machine::boot() else { return };
    let texts = torture();
    let stack = keepers(&texts);
    machine.write(KEEPER, 0o755, KEEP.as_bytes());
    write_all(&machine, &render(&stack, &facts()).unwrap(), &texts);
    let units: Vec<String> = stack.services.iter().map(|service| format!("{}.service", service.name)).collect();
    let wishes: Vec<(&str, Action)> = units.iter().map(|unit| (unit.as_str(), Action::Restart)).collect();
    let statuses = fulfil(&machine, &stack, &wishes);
    assert!(statuses.iter().all(|status| status.state == RunState::Running), "{statuses:#?}\n{}", machine.console());

    let split = |bytes: Vec<u8>| -> Vec<String> {
        let text = String::from_utf8(bytes).unwrap();
        text.strip_suffix('\0').unwrap().split('\0').map(str::to_owned).collect()
    };
    let words = split(machine.read("/tmp/kept-words.words"));
    assert_eq!(words[1..3], [KEEPER, "words"]);
    assert_eq!(words[3..], texts, "words");
    let variables = |name: &str| split(machine.read(&format!("/tmp/kept-{name}.variables")));
    for way in ["unit", "file"] {
        let found = variables(way);
        for (n, text) in texts.iter().enumerate() {
            assert!(found.contains(&format!("T{n}={text}")), "{way}: T{n}={text:?}");
        }
    }
    for way in ["mixed-file", "mixed-unit"] {
        let found = variables(way);
        for (n, text) in texts.iter().enumerate() {
            let other = &texts[(n + 7) % texts.len()];
            assert!(found.contains(&format!("S{n}={text}")), "{way}: S{n}={text:?}");
            assert!(found.contains(&format!("M{n}={other}{text}{text}")), "{way}: M{n} of {other:?} and {text:?}");
        }
    }
    for (n, text) in texts.iter().enumerate().take(20) {
        let kept = machine.read(&format!("/tmp/kept-credentials.credentials/S{n}"));
        assert_eq!(String::from_utf8(kept).as_ref(), Ok(text), "credentials: S{n}");
    }
    assert!(!machine.console().contains("Invalid"), "{}", machine.console());
}

#[test]
fn wishes_are_fulfilled_by_a_real_systemd() {
    let Some(machine) = Machine::boot() else { return };
    let sleeper = ["/bin/sleep", "1000"];
    let own_stop = r#"{"serviceConfig":{"ExecStop":"/bin/touch /tmp/stopped-by-its-own-rule"}}"#;
    let accounts = r#"{"serviceConfig":{"User":"punix-it-web","ExecReload":"/bin/touch /run/punix-it/reloaded"},
        "tmpfiles":["d /run/punix-it 0755 punix-it-web"]}"#;
    let mut stack = stack(
        "Web",
        vec![
            service("db", &sleeper, own_stop),
            sample::depending(service("web", &sleeper, accounts), &["db"]),
            service("once", &["/bin/true"], r#"{"serviceConfig":{"Type":"oneshot"}}"#),
            // Of type `exec`: that its program is not there is known when its start returns.
            service("bad", &["/nowhere"], r#"{"serviceConfig":{"Type":"exec","Restart":"no"}}"#),
            service("job", &["/bin/true"], r#"{"timer":{"OnCalendar":"yearly"}}"#),
        ],
    );
    stack.config = r#"{"systemUsers":[{"name":"punix-it-web"}]}"#.to_owned();
    let rendering = render(&stack, &facts()).unwrap();
    write_all(&machine, &rendering, &[]);
    let units: Vec<&str> = rendering.units.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(units, ["db.service", "web.service", "once.service", "bad.service", "job.timer"]);
    let wishes: Vec<(&str, Action)> =
        units.iter().flat_map(|&unit| [(unit, Action::Restart), (unit, Action::Enable)]).collect();

    let running = RunState::Running;
    let statuses = fulfil(&machine, &stack, &wishes);
    let [db, web, once, bad, job] = ["db.service", "web.service", "once.service", "bad.service", "job.timer"];
    check_states(&statuses, &[(db, running), (web, running), (once, running), (bad, RunState::Failed), (job, running)]);
    assert!(statuses[3].detail.starts_with("Job for bad.service failed"), "{}", statuses[3].detail);
    assert!(statuses.iter().all(|status| status.enabled == Some(true)), "{statuses:#?}");
    assert!(statuses[0].since_unix_ms.is_some_and(|since| since > 1_600_000_000_000), "{statuses:#?}");

    let asked = [db, bad, "nobody.service"].map(|unit| (unit, Action::Status));
    let again = fulfil(&machine, &stack, &[&[(web, Action::Reload)], &asked[..]].concat());
    let missing = ("nobody.service", RunState::Missing);
    check_states(&again, &[(web, running), (db, running), (bad, RunState::Failed), missing]);
    assert!(again[2].detail.starts_with("failed (failed, exit-code, status 203"), "{}", again[2].detail);
    assert!(machine.run(&["test", "-f", "/run/punix-it/reloaded"]).status.success());

    for file in &rendering.files {
        assert!(machine.run(&["rm", &file.path]).status.success());
    }
    let wishes: Vec<(&str, Action)> = units.iter().map(|&unit| (unit, Action::Remove)).collect();
    for _ in 0..2 {
        let gone = fulfil(&machine, &stack, &wishes);
        check_states(&gone, &units.iter().map(|&unit| (unit, RunState::Missing)).collect::<Vec<_>>());
    }
    assert!(machine.run(&["test", "-f", "/tmp/stopped-by-its-own-rule"]).status.success());
    let links = machine.run(&["sh", "-c", "ls /etc/systemd/system/*.wants 2>/dev/null"]);
    assert_eq!(String::from_utf8_lossy(&links.stdout).matches(".service").count(), 0);
}

/// systemd's own reader has nothing to say about what is rendered, for the system and for a user.
#[test]
fn the_reader_of_systemd_has_no_complaint() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skip("systemd-analyze is not there");
    }
    for scope in [Scope::System, Scope::User] {
        let folder = new_folder();
        let texts = torture();
        let values: Vec<(String, &String)> =
            texts.iter().enumerate().map(|(n, text)| (format!("T{n}"), text)).collect();
        let values: Vec<(&str, &str)> = values.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let words: Vec<&str> = ["/bin/true"].into_iter().chain(texts.iter().map(String::as_str)).collect();
        let timed = r#"{"serviceConfig":{"Type":"oneshot","Nice":5},"timer":{"OnCalendar":"daily","Persistent":true}}"#;
        let mut stack = stack(
            "Web",
            vec![
                with_env(service("web", &words, r#"{"serviceConfig":{"NoNewPrivileges":true}}"#), &values),
                sample::depending(with_env(service("api", &words, r#"{"environmentFile":true}"#), &values), &["web"]),
                service("job", &["/bin/true"], timed),
            ],
        );
        stack.scope = scope;
        stack.unit_dir = Some(folder.join("units").to_str().unwrap().to_owned());
        let mut verify = Command::new("systemd-analyze");
        fs::create_dir_all(folder.join("units")).unwrap();
        fs::create_dir_all(folder.join("run/systemd")).unwrap();
        let usual = match scope {
            Scope::System => "/lib/systemd/system",
            Scope::User => {
                verify.arg("--user");
                "/usr/lib/systemd/user"
            }
        };
        verify.args(["verify", "--man=no"]).env("XDG_RUNTIME_DIR", folder.join("run"));
        verify.env("SYSTEMD_UNIT_PATH", format!("{}:{usual}", folder.join("units").display()));
        let rendering = render(&stack, &facts()).unwrap();
        for file in rendering.files.iter().filter(|file| file.path.starts_with(folder.to_str().unwrap())) {
            fs::write(&file.path, sample::text(file)).unwrap();
            verify.arg(&file.path);
        }
        let output = verify.output().unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{scope:?}");
        assert!(output.status.success(), "{scope:?}");
    }
}
