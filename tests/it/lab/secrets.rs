//! Secrets inside of services that a real systemd started: whatever is in a value, the service has exactly that.

use super::{Host, good, host, write_program};
use crate::support::{Outcome, run};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Each is a variable and a file, whose value it is.
fn values() -> BTreeMap<&'static str, String> {
    let all = |text: &str, length: usize| text.chars().cycle().take(length).collect::<String>();
    BTreeMap::from([
        ("QUOTES", "a \"double\", a 'single', a `back`, \"'".to_owned()),
        ("SPACES", "  before, be tween,\tand behind \t ".to_owned()),
        ("PERCENT", "100% %n %% %{x} %".to_owned()),
        ("DOLLAR", "$HOME ${PATH} $$ $(id) $".to_owned()),
        ("BACKSLASHES", r"\ \\ \n \x41 \101 \u0041 C:\ ends with \".to_owned()),
        ("LINES", "one\ntwo\n\n  four\\\nfive\n".to_owned()),
        ("COMMENT", "# no comment ; nor this = x\n#either".to_owned()),
        ("UNICODE", "ünï 漢字 🎉 e\u{301} \u{feff}".to_owned()),
        ("CONTROL", "bell \u{7}, escape \u{1b}[31m, delete \u{7f}, \u{1}\r\n.".to_owned()),
        ("EMPTY", String::new()),
        ("PLAIN", "nothing-special".to_owned()),
        ("LONG", all("0123456789abcdef \"\\$%'\n", 64 << 10)),
    ])
}

/// Returns a program with a service for each way in which secrets are delivered, all of which have all values.
fn program(values: &BTreeMap<&str, String>) -> String {
    let variables: Vec<String> =
        values.keys().map(|name| format!("      {name} = {{ from_file = \"values/{name}\" }}\n")).collect();
    let service = |name: &str| {
        format!(
            "    {{ name = \"{name}\"  package = \"Tool\"  binary = \"tool\"  args = [\"{name}\"]\n      secretDelivery = \
             \"{name}\"  environment = {{\n{}    }} }}\n",
            variables.concat()
        )
    };
    let services: Vec<String> = WAYS.iter().map(|way| service(way)).collect();
    format!(
        "module Tool {{\n  recipe = \"std.shell\"\n  pname = \"tool\"\n  version = \"1.0\"\n  source = {{ type = \"local\"  path = \
         \"src\" }}\n  recipeArgs = {{ command = \"mkdir -p $OUTPUT/bin && cp tool $OUTPUT/bin/tool && chmod 755 \
         $OUTPUT/bin/tool\" }}\n}}\nmodule Web {{\n  backend = \"systemd\"\n  services = [\n{}  ]\n}}\n",
        services.concat()
    )
}

const WAYS: [&str; 3] = ["environment-file", "credential", "inline"];

/// Keeps what it was started with, as the kernel has it.
fn tool(host: &Host) -> String {
    let got = host.shared("got");
    format!(
        "#!/bin/sh\nmkdir -p {0}/$1.part && cat /proc/$$/environ > {0}/$1.part/.environ\nif [ -n \"$CREDENTIALS_DIRECTORY\" ]; \
         then cp \"$CREDENTIALS_DIRECTORY\"/* {0}/$1.part/; fi\nmv {0}/$1.part {0}/$1\nexec sleep 1000000\n",
        got.display()
    )
}

fn site() -> Option<Host> {
    let host = host()?;
    let values = values();
    fs::write(host.shared("p.pcl"), program(&values)).unwrap();
    write_program(&host.shared("src/tool"), &tool(&host));
    fs::create_dir(host.shared("values")).unwrap();
    for (name, value) in values {
        give(&host, name, &value);
    }
    Some(host)
}

/// Writes a value as editors do: with a newline behind it, which is not part of it. The longest has no room for one.
fn give(host: &Host, name: &str, value: &str) {
    let path = host.shared(&format!("values/{name}"));
    let end = if value.len() < 64 << 10 { "\n" } else { "" };
    fs::write(&path, format!("{value}{end}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn service(host: &Host, words: &[&str]) -> Outcome {
    run(host.service("root", words))
}

fn deploy(host: &Host, more: &[&str]) -> Outcome {
    service(host, &[&["deploy", "Web", "--file", "p.pcl", "--activate"], crate::service::sandbox(), more].concat())
}

/// Waits for a service to have kept what it has; returns its variables, or its credentials.
fn got(host: &Host, way: &str) -> BTreeMap<String, Vec<u8>> {
    let directory = host.shared("got").join(way);
    host.shell(&format!(
        "for i in $(seq 200); do [ -e {0}/.environ ] && exit; sleep 0.1; done; exit 1",
        directory.display()
    ));
    let environ = fs::read(directory.join(".environ")).unwrap();
    let variable = |pair: &[u8]| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        Some((String::from_utf8_lossy(&pair[..at]).into_owned(), pair[at + 1..].to_vec()))
    };
    let mut found: BTreeMap<String, Vec<u8>> = environ.split(|byte| *byte == 0).filter_map(variable).collect();
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name != ".environ" {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}

fn unit(way: &str) -> String {
    format!("{way}.service")
}

#[test]
fn a_started_service_has_each_value_byte_for_byte() {
    let Some(host) = site() else { return };
    good(deploy(&host, &[]));
    let values = values();
    for way in WAYS {
        let found = got(&host, way);
        for (name, value) in &values {
            let have = found.get(*name).map(Vec::as_slice);
            let shown = have.map(|have| String::from_utf8_lossy(&have[..have.len().min(80)]).into_owned());
            assert!(have == Some(value.as_bytes()), "{way}: {name} should be {value:.80?}, and is {shown:?}");
        }
    }
    // They are where they belong, and nobody else reads them there.
    let modes = host.shell("stat -c '%a %U' /etc/punix/env/Web/*.env /etc/punix/env/Web/*.credentials/* | sort -u");
    assert_eq!(modes, "600 root");
    for way in WAYS {
        let shown = host.shell(&format!("systemctl cat {}", unit(way)));
        assert_eq!(shown.contains("nothing-special"), way == "inline", "{way}: {shown:.400}");
    }
    assert_eq!(host.shell(&format!("stat -c %a /etc/systemd/system/{}", unit("inline"))), "600");
    // One that changes restarts who reads it. All of them do, and each has the new value.
    give(&host, "PLAIN", "something-else");
    fs::remove_dir_all(host.shared("got")).unwrap();
    good(deploy(&host, &[]));
    for way in WAYS {
        let plain = got(&host, way).remove("PLAIN");
        assert_eq!(plain.as_deref(), Some(&b"something-else"[..]), "{way}");
    }
    good(service(&host, &["verify", "Web"]));
    // Nothing of it is in what the machine keeps of its own accord.
    let kept = host.shell("journalctl --no-pager -o cat | grep -c -e nothing-special -e something-else || true");
    assert_eq!(kept, "0");
}

/// All that goes over SSH goes through pipes: no process has any of it among its words, neither here nor there. Processes of
/// the other machine are seen from here.
#[test]
fn no_process_has_a_value_among_its_words() {
    let Some(host) = site() else { return };
    let over = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::SeqCst) {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    seen.extend(fs::read(entry.path().join("cmdline")));
                }
            }
            seen
        });
        let deployed = [deploy(&host, &[]), deploy(&host, &["--force-generation", "--restart", "all"])];
        over.store(true, Ordering::SeqCst);
        deployed.into_iter().for_each(|outcome| drop(good(outcome)));
        watching.join().unwrap()
    });
    let has = |words: &Vec<u8>, text: &[u8]| words.windows(text.len()).any(|piece| piece == text);
    for program in [host.address(), "punix-target".to_owned(), "\0serve".to_owned()] {
        assert!(seen.iter().any(|words| has(words, program.as_bytes())), "`{program}` was never seen");
    }
    // The plain one is looked for in a journal by the test above, with a program that has it among its words.
    for (name, value) in values().into_iter().filter(|(name, value)| *name != "PLAIN" && value.len() >= 8) {
        let value = &value.as_bytes()[..value.len().min(40)];
        assert!(!seen.iter().any(|words| has(words, value)), "{name} is among the words of a process");
    }
}

#[test]
fn a_value_that_cannot_be_passed_on_is_refused_before_anything_is_touched() {
    let Some(host) = site() else { return };
    give(&host, "PLAIN", "a NUL \0 in it");
    let refused = deploy(&host, &[]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("error: [E33] the secret `from_file:values/PLAIN`"), "{refused:?}");
    assert!(refused.stderr.contains("NUL") && !refused.stderr.contains("in it"), "{refused:?}");
    assert_eq!(host.shell("ls /etc/punix/env 2>/dev/null | wc -l"), "0");
}
