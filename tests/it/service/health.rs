//! Health gates: what was started has to work, or the generation before comes back.

use super::{Scene, fine, gives, units};
use crate::support::Outcome;
use expect_test::expect;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

/// Answers so many requests, each with this status.
fn server(status: &'static str, requests: usize) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers = std::thread::spawn(move || {
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes());
        }
    });
    (port, answers)
}

/// One service, with this in its environment and these gates.
fn program(level: &str, health: &str) -> String {
    let rest = format!("environment = {{ LEVEL = \"{level}\" }} health = {health} }} ] }}");
    let head = super::SERVICE.split("module Web").next().unwrap_or_default();
    format!(
        "{head}module Web {{ backend = \"systemd\" services = [ {{ name = \"web\" package = \"Tool\" binary = \"tool\" {rest}\n"
    )
}

fn activate(scene: &Scene, more: &[&str]) -> Outcome {
    let words = ["--activate", "--systemctl", "./systemctl"];
    scene.deploy(&words.iter().chain(more).copied().collect::<Vec<_>>())
}

#[test]
fn a_gate_that_passes_is_all_that_is_said_of_it() {
    let (port, answers) = server("204 No Content", 1);
    let scene = units::scene_of(&program(
        "a",
        &format!("{{ http = \"http://127.0.0.1:{port}/health\" unit = true stable = 0 }}"),
    ));
    gives(
        &activate(&scene, &[]),
        &expect![[r#"
        exit 0
        stdout:
        deployed: stack Web → gen-001 (1 config file(s), 1 store path(s) pinned, 1 pushed/0 cached)
          ✓ (re)started web.service (not enabled for boot)
        stderr:
        [1/1] building tool-1.0 (Tool)
    "#]],
    );
    answers.join().unwrap();
}

#[test]
fn a_gate_that_does_not_pass_is_an_error_and_stays_deployed() {
    let (port, answers) = server("503 Service Unavailable", 1);
    let scene = units::scene_of(&program("a", &format!("{{ http = \"http://127.0.0.1:{port}/\" deadline = 0 }}")));
    let outcome = activate(&scene, &[]);
    answers.join().unwrap();
    assert_eq!(outcome.code, Some(1));
    let gate = format!(
        "error: stack Web is deployed (current → gen-001) but 1 health gate(s) did not pass: web (http://127.0.0.1:{port}/) — \
         the last try of the first said: status 503; this was NOT rolled back"
    );
    assert!(outcome.stderr.contains(&gate), "{}", outcome.stderr);
    assert!(scene.web("history", &[]).stdout.contains("gen-001"));
}

#[test]
fn with_rollback_on_failure_the_generation_before_is_back() {
    let scene = units::scene_of(&program("a", "{}"));
    fine(activate(&scene, &[]));
    let unit = scene.read("host/etc/systemd/system/web.service");
    let (port, answers) = server("500 Oops", 1);
    scene.write("p.pcl", &program("b", &format!("{{ http = \"http://127.0.0.1:{port}/\" deadline = 0 }}")));
    units::calls(&scene);
    let outcome = activate(&scene, &["--rollback-on-failure"]);
    answers.join().unwrap();
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    let line =
        "error: stack Web gen-002 was rolled back to gen-001: 1 health gate(s) did not pass: web (http://127.0.0.1:";
    assert!(outcome.stderr.contains(line), "{}", outcome.stderr);
    assert_eq!(scene.read("host/etc/systemd/system/web.service"), unit);
    expect![[r#"
        daemon-reload
        restart -- web.service
        daemon-reload
        restart -- web.service
    "#]]
    .assert_eq(&units::calls(&scene));
    // Where there is nothing to go back to, that is said as without the flag.
    let (port, answers) = server("500 Oops", 1);
    let scene = units::scene_of(&program("b", &format!("{{ http = \"http://127.0.0.1:{port}/\" deadline = 0 }}")));
    let outcome = activate(&scene, &["--rollback-on-failure"]);
    answers.join().unwrap();
    assert!(outcome.code == Some(1) && outcome.stderr.contains("this was NOT rolled back"), "{}", outcome.stderr);
}

#[test]
fn what_is_no_gate_is_refused_where_it_stands() {
    let health = "{ http = \"https://127.0.0.1/\" command = \"test\" deadline = \"1\" tries = 3 }";
    let scene = units::scene_of(&program("a", health));
    gives(
        &activate(&scene, &[]),
        &expect![[r#"
        exit 1
        stderr:
        p.pcl:8:143: error: [E1] `Web.services[0].health.http` is "https://127.0.0.1/", which is no address to try
        help: write http://host[:port][/path]; it is asked on the target, without TLS
        p.pcl:8:174: error: [E1] `Web.services[0].health.command` names no program by its whole path
        help: for example: command = ["/usr/bin/test", "-S", "/run/web.sock"]
        p.pcl:8:192: error: [E1] `Web.services[0].health.deadline` is "1", it takes seconds, as a number
        3 errors
    "#]],
    );
}
