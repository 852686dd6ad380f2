//! Plugins that were built against the interfaces as they were published, by somebody who has never seen any others: they
//! run, every function that they export is called, and what they call answers. If one of these tests fails, so does every
//! plugin that is out there; the way on is a new version of the package beside the old one.

use crate::room::{Folder, NameTable, Plugin, SECRET, Server, Terms, World, frozen, or_fault, plugin_error, requests};
use crate::running::{PATIENT, facts, stack};
use expect_test::{Expect, expect};
use punix_model::{Action, Backend, Endpoint, Observation, Pipe, Resolver, Step, Transport, Wish};
use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn backend() -> Plugin {
    Plugin::on(&frozen("backend"), Terms { table: PATIENT, ..Terms::default() }, &World::default())
}

#[test]
fn a_backend_says_what_it_is() {
    let plugin = backend();
    let info = plugin.meta().describe().unwrap_or_else(|fault| panic!("{fault}"));
    expect![[r#"
        Info {
            id: "org.example.frozen-backend",
            version: "0.1.0",
            summary: "Was here before.",
            license: "Apache-2.0",
            config_schema: "{}",
            attributes: [
                (
                    "built",
                    "then",
                ),
            ],
        }"#]]
    .assert_eq(&format!("{info:#?}"));
    let advice = plugin.meta().check_config("as it is").unwrap_or_else(|fault| panic!("{fault}"));
    let lines: String =
        advice.iter().map(|advice| format!("{:?} {}", advice.severity, plugin_error(&advice.error))).collect();
    expect![[r#"
        Note InvalidInput frozen.code at `a.b`: as it is
        Warning NotFound frozen.code at `a.b`: as it is
        Error Denied frozen.code at `a.b`: as it is
        Note Transient frozen.code at `a.b` after 250 ms: as it is
        Warning Permanent frozen.code at `a.b`: as it is
        Error Unsupported frozen.code at `a.b`: as it is
    "#]]
    .assert_eq(&lines);
}

#[test]
fn a_backend_renders() {
    let plugin = backend();
    let rendering = plugin.backend().render(&stack("{}"), &facts());
    expect![[r#"
        debug: rendering stack=Web
        info: rendering stack=Web
        warn: rendering stack=Web
        error: rendering stack=Web
        Rendering {
            files: [
                PlannedFile {
                    path: "/etc/frozen/told",
                    mode: 420,
                    body: [
                        Text(
                            "Stack {\n    name: \"Web\",\n    scope: Scope::System,\n    services: [\n        Service {\n            name: \"web\",\n            argv: [\n                \"/store/web\",\n            ],\n            env: [],\n            depends-on: [],\n            secret-delivery: \"environment-file\",\n            config: \"{}\",\n        },\n    ],\n    slots: [\n        Slot {\n            id: 7,\n            name: \"from_env:PASSWORD\",\n            shape: Shape::SingleLine,\n        },\n    ],\n    config: \"{}\",\n    unit-dir: Some(\n        \"/etc/systemd/system\",\n    ),\n}\nFacts {\n    os: \"linux\",\n    arch: \"x86_64\",\n    init-version: \"252\",\n    home: None,\n    attributes: [],\n}\n",
                        ),
                    ],
                    restarts: [
                        "web.service",
                    ],
                    reloads: [],
                },
                PlannedFile {
                    path: "/etc/frozen/kept",
                    mode: 384,
                    body: [
                        Text(
                            "secrets: ",
                        ),
                        Secret(
                            7,
                            Encoding(
                                "shell.single",
                            ),
                        ),
                    ],
                    restarts: [],
                    reloads: [
                        "web.service",
                    ],
                },
            ],
            units: [
                Unit {
                    name: "web.service",
                    service: "web",
                    starts_at_boot: true,
                },
            ],
            notes: [
                "it still runs",
            ],
        }
    "#]].assert_eq(&format!("{}{}", plugin.heard(), or_fault(rendering.map(|found| format!("{found:#?}\n")))));
    let refused = plugin.backend().render(&stack("refuse"), &facts());
    expect![[r#"
        error: [E29] the plugin `org.example.frozen-backend 0.1.0` failed in `render`: refused as it was wished
        note: it is about `a.b`
        note: its code for that is `frozen.code`
        help: it may work if it is tried again
    "#]]
    .assert_eq(&or_fault(refused.map(|found| format!("{found:#?}\n"))));
}

#[test]
fn a_backend_leads_through_a_session() {
    let plugin = backend();
    let all = [
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
    let wishes = all.map(|action| Wish { unit: format!("{action:?}.service"), action });
    let mut session =
        plugin.backend().session(&stack("{}"), &wishes, &facts()).unwrap_or_else(|fault| panic!("{fault}"));
    let seen = Observation { command: 0, code: -1, stdout: "out".to_owned(), stderr: "err".to_owned() };
    let mut said = String::new();
    for seen in [vec![], vec![seen.clone()], vec![seen], vec![], vec![]] {
        let step = session.next(&seen).map(|step| match step {
            Step::Fail(error) => plugin_error(&error),
            other => format!("{other:#?}\n"),
        });
        said.push_str(&format!("{}{}", plugin.heard(), or_fault(step)));
    }
    expect![[r#"
        info: Web on x86_64: [Wish { unit: "Start.service", action: Action::Start }, Wish { unit: "Stop.service", action: Action::Stop }, Wish { unit: "Restart.service", action: Action::Restart }, Wish { unit: "Reload.service", action: Action::Reload }, Wish { unit: "Enable.service", action: Action::Enable }, Wish { unit: "Disable.service", action: Action::Disable }, Wish { unit: "Remove.service", action: Action::Remove }, Wish { unit: "Status.service", action: Action::Status }, Wish { unit: "Logs.service", action: Action::Logs }]
        info: []
        Run(
            [
                Command {
                    argv: [
                        "/bin/echo",
                        "a b",
                    ],
                    stdin: "read",
                    timeout_ms: 1500,
                    mutates: true,
                },
            ],
        )
        info: [Observation { command: 0, code: -1, stdout: "out", stderr: "err" }]
        Ask(
            [
                Command {
                    argv: [
                        "/bin/echo",
                        "a b",
                    ],
                    stdin: "read",
                    timeout_ms: 1500,
                    mutates: false,
                },
            ],
        )
        info: [Observation { command: 0, code: -1, stdout: "out", stderr: "err" }]
        WaitMs(
            25,
        )
        info: []
        Done(
            [
                Status {
                    unit: "Start.service",
                    state: Running,
                    enabled: Some(
                        true,
                    ),
                    since_unix_ms: Some(
                        1700000000000,
                    ),
                    detail: "as ever",
                },
                Status {
                    unit: "Stop.service",
                    state: Starting,
                    enabled: Some(
                        true,
                    ),
                    since_unix_ms: Some(
                        1700000000000,
                    ),
                    detail: "as ever",
                },
                Status {
                    unit: "Restart.service",
                    state: Stopped,
                    enabled: Some(
                        true,
                    ),
                    since_unix_ms: Some(
                        1700000000000,
                    ),
                    detail: "as ever",
                },
                Status {
                    unit: "Reload.service",
                    state: Failed,
                    enabled: Some(
                        true,
                    ),
                    since_unix_ms: Some(
                        1700000000000,
                    ),
                    detail: "as ever",
                },
                Status {
                    unit: "Enable.service",
                    state: Missing,
                    enabled: Some(
                        true,
                    ),
                    since_unix_ms: Some(
                        1700000000000,
                    ),
                    detail: "as ever",
                },
                Status {
                    unit: "Disable.service",
                    state: Unknown,
                    enabled: Some(
                        true,
                    ),
                    since_unix_ms: Some(
                        1700000000000,
                    ),
                    detail: "as ever",
                },
                Status {
                    unit: "Remove.service",
                    state: Running,
                    enabled: Some(
                        true,
                    ),
                    since_unix_ms: Some(
                        1700000000000,
                    ),
                    detail: "as ever",
                },
                Status {
                    unit: "Status.service",
                    state: Starting,
                    enabled: Some(
                        true,
                    ),
                    since_unix_ms: Some(
                        1700000000000,
                    ),
                    detail: "as ever",
                },
                Status {
                    unit: "Logs.service",
                    state: Stopped,
                    enabled: Some(
                        true,
                    ),
                    since_unix_ms: Some(
                        1700000000000,
                    ),
                    detail: "as ever",
                },
            ],
        )
        info: []
        Permanent frozen.code at `a.b`: there is no more
    "#]].assert_eq(&said);
}

/// A resolver in a world where all is there that it asks for.
fn resolver(folder: &Folder, server: &Server) -> Plugin {
    let secret = folder.write("given/secret", "from a file\n");
    std::fs::set_permissions(secret, Permissions::from_mode(0o640)).expect("it is ours");
    folder.write("drafts/.keep", "");
    let answers = vec![vec![Ipv4Addr::LOCALHOST.into()]];
    let (world, _) = World::with_names(NameTable { answers, ..NameTable::default() });
    let (path, port) = (folder.path().display(), server.port());
    let table = format!(
        "{PATIENT}\n\
         grant.clock = true\n\
         grant.secrets = {{ seal = true, reveal = true }}\n\
         grant.env = [{{ name = \"GRANTED\", as = \"secret\" }}, {{ name = \"PLAIN\", as = \"plain\" }}]\n\
         grant.files = [{{ root = \"given\", path = \"{path}/given\" }}, \
         {{ root = \"drafts\", path = \"{path}/drafts\", write = true }}]\n\
         grant.http = [{{ host = \"vault.example:{port}\", methods = [\"get\", \"post\"], paths = [\"/v1/*\"], \
         public = [\"/lease_duration\"], plain_http = true, private = true }}]\n"
    );
    Plugin::on(&frozen("resolver"), Terms { table: &table, ..Terms::default() }, &world)
}

#[test]
fn a_resolver_finds_secrets_in_every_way_that_there_is() {
    let folder = Folder::new();
    let server = Server::json(r#"{"lease_duration":7,"data":{"password":"from a server"}}"#);
    let plugin = resolver(&folder, &server);
    let address = format!("http://vault.example:{}", server.port());
    let asked = requests(&address, "", "", &["credential", "env", "files", "http", "blobs", "clock", "other"]);
    let answers = plugin.resolver().resolve_all(&asked).unwrap_or_else(|fault| panic!("{fault}"));
    let mut said = plugin.heard();
    for answer in answers {
        said.push_str(&match answer {
            Ok(found) => format!(
                "{} {:?} {:?} {}\n",
                String::from_utf8_lossy(found.value.expose()),
                found.version,
                found.ttl_ms,
                found.renewable
            ),
            Err(error) => plugin_error(&error).replace(&server.port().to_string(), "PORT"),
        });
    }
    expect![[r#"
        warn: a plain text
        info: 640 false ["secret"]
        info: 200 Some("7")
        info: 4 Some(7) 32 [secret]
        debug: 1700000000000 1
        NotFound frozen.code: token is `credential:token`, and is no answer
        tr"oub4dor & 3 'horses' Some("7") Some(3600000) true
        from a file Some("7") Some(3600000) true
        from a server Some("7") Some(3600000) true
        one two Some("7") Some(3600000) true
        sealed by the clock Some("7") Some(3600000) true
        NotFound frozen.code: {"address":"http://vault.example:PORT","do":"","with":""}
    "#]]
    .assert_eq(&said);
    assert_eq!(std::fs::read_to_string(folder.path().join("drafts/copy")).unwrap(), "from a file\n");
    let heads = server.asked().concat();
    assert!(heads.contains(&format!("authorization: Bearer {SECRET}")), "{heads}");
    assert!(heads.starts_with("POST /v1/login HTTP/1.1") && heads.contains("x-plain: text"), "{heads}");
}

#[test]
fn a_resolver_reads_references_and_says_what_it_is() {
    let (folder, server) = (Folder::new(), Server::json("{}"));
    let plugin = resolver(&folder, &server);
    assert_eq!(plugin.resolver().parse("KV/db#Password").unwrap(), Ok("kv/db#password".to_owned()));
    let odd = plugin.resolver().parse("odd one").unwrap().unwrap_err();
    expect![[r#"
        NotFound frozen.code: it is odd
    "#]]
    .assert_eq(&plugin_error(&odd));
    let info = plugin.meta().describe().unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!((info.id.as_str(), info.version.as_str()), ("org.example.frozen-resolver", "0.1.0"));
    let advice = plugin.meta().check_config("{}").unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(advice.len(), 1);
}

fn endpoint(host: &str) -> Endpoint {
    let (user, port, path) = (None, None, None);
    Endpoint { scheme: "frozen".to_owned(), user, host: host.to_owned(), port, path, options: Vec::new() }
}

fn transport() -> Plugin {
    let table = format!(
        "{PATIENT}\n\
         grant.here = true\n\
         grant.ssh = true\n\
         grant.clock = true\n\
         grant.spawn = [{{ program = \"/bin/echo\", args = [\"*\"] }}]"
    );
    Plugin::on(&frozen("transport"), Terms { table: &table, ..Terms::default() }, &World::default())
}

fn said_back(mut pipe: Pipe) -> String {
    pipe.input.write_all(b"hello").expect("it listens");
    let mut answer = [0; 5];
    pipe.output.read_exact(&mut answer).expect("it answers");
    let ended = pipe.end.finish(Duration::from_secs(20));
    format!("{} {:?}", String::from_utf8_lossy(&answer), ended.code)
}

#[track_caller]
fn check_target(host: &str, expected: Expect) {
    let plugin = transport();
    let mut said = match plugin.transport().normalise(&endpoint(host)).unwrap_or_else(|fault| panic!("{fault}")) {
        Ok(target) => format!("{target:?}\n"),
        Err(error) => plugin_error(&error),
    };
    match plugin.transport().open(&endpoint(host)).unwrap_or_else(|fault| panic!("{fault}")) {
        Ok(mut link) => {
            let argv = ["/bin/echo", "hello"].map(str::to_owned);
            let started = link.start(&argv).unwrap_or_else(|fault| panic!("{fault}"));
            let pipe = started.unwrap_or_else(|error| panic!("{}", plugin_error(&error)));
            said.push_str(&format!("{}: {}\n", pipe.label.clone(), said_back(pipe)));
            let closed = link.close().unwrap_or_else(|fault| panic!("{fault}"));
            closed.unwrap_or_else(|error| panic!("{}", plugin_error(&error)));
        }
        Err(error) => said.push_str(&plugin_error(&error)),
    }
    expected.assert_eq(&format!("{said}{}", plugin.heard()));
}

#[test]
fn a_transport_starts_programs_in_every_way_that_there_is() {
    check_target(
        "here",
        expect![[r#"
        Endpoint { scheme: "frozen", user: Some("deploy"), host: "here", port: Some(22), path: Some("/srv"), options: [] }
        here: hello Some(0)
        info: Endpoint { scheme: "frozen", user: None, host: "here", port: None, path: None, options: [] }
        debug: 1700000000000 1
        info: here
    "#]],
    );
    check_target(
        "spawn",
        expect![[r#"
        Endpoint { scheme: "frozen", user: Some("deploy"), host: "spawn", port: Some(22), path: Some("/srv"), options: [] }
        /bin/echo ["hello"]: hello Some(0)
        info: Endpoint { scheme: "frozen", user: None, host: "spawn", port: None, path: None, options: [] }
        debug: 1700000000000 1
        info: /bin/echo ["hello"]
    "#]],
    );
    check_target(
        "ssh",
        expect![[r#"
        Endpoint { scheme: "frozen", user: Some("deploy"), host: "ssh", port: Some(22), path: Some("/srv"), options: [] }
        ssh: hello Some(0)
        info: Endpoint { scheme: "frozen", user: None, host: "ssh", port: None, path: None, options: [] }
        debug: 1700000000000 1
        info: ssh
    "#]],
    );
    check_target(
        "nowhere",
        expect![[r#"
        Denied frozen.code: there is no such place
        Denied frozen.code: there is no such place
        info: Endpoint { scheme: "frozen", user: None, host: "nowhere", port: None, path: None, options: [] }
    "#]],
    );
}

#[test]
fn a_transport_refuses_and_says_what_it_is() {
    let plugin = transport();
    let info = plugin.meta().describe().unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!((info.id.as_str(), info.version.as_str()), ("org.example.frozen-transport", "0.1.0"));
    assert_eq!(plugin.meta().check_config("").unwrap_or_else(|fault| panic!("{fault}")).len(), 0);
    let kept = Endpoint { options: vec![("key".to_owned(), "/x".to_owned())], ..endpoint("here") };
    let link = plugin.transport().open(&kept).unwrap_or_else(|fault| panic!("{fault}"));
    let link = link.unwrap_or_else(|error| panic!("{}", plugin_error(&error)));
    let closed = link.close().unwrap_or_else(|fault| panic!("{fault}"));
    expect![[r#"
        Denied frozen.code: it stays open
    "#]]
    .assert_eq(&closed.map_or_else(|error| plugin_error(&error), |()| "closed".to_owned()));
}
