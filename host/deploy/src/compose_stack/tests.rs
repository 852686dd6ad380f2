use super::*;
use crate::artifacts::Artifacts;
use crate::design::{DesignFile, FileBody};
use expect_test::{Expect, expect};
use punix_diag::{Detail, Look, render};
use punix_model::Chunk;
use punix_pcl::{Source, check as check_program};
use std::fmt::Write;

mod artifacts;
mod hostile;
mod odd;
mod random;

const API: &str =
    "module Api { recipe = \"std.shell\" pname = \"api\" version = \"2.1\" recipeArgs = { command = \"x\" } }\n";

/// Composes the stack `S` of a program that begins with the package `Api`.
fn compose_text(text: &str) -> Result<(Design, String), String> {
    compose_under(&[("dir/test.pcl", &format!("{API}{text}"))], None)
}

fn compose_under(files: &[(&str, &str)], scenario: Option<&str>) -> Result<(Design, String), String> {
    let world = World::default();
    let files = files.iter().map(|(name, text)| Source { name: (*name).to_owned(), bytes: text.as_bytes().into() });
    let checked = check_program(files.collect(), &world);
    let show =
        |list: &[Diagnostic]| render(list, &checked.program.ast.sources, Look { color: false, detail: Detail::Lines });
    let scenario = scenario.map(|name| checked.scenario(name).unwrap());
    let entry = |module: ModuleId| {
        let name = checked.program.ast.text(checked.program.module(module).name);
        (name != "Lost").then(|| format!("/store/{}", name.to_lowercase()))
    };
    let none = Artifacts::default();
    let choice = StackChoice {
        checked: &checked,
        world: &world,
        scenario,
        stack: "S",
        home: Some("/home/ann"),
        artifacts: Filling::Texts(&none),
        entry: &entry,
    };
    let (design, warnings) = compose_stack(choice).map_err(|errors| show(&errors))?;
    Ok((design, show(&warnings)))
}

/// Checks the errors of a stack; the program begins on line 2.
#[track_caller]
fn check_errors(text: &str, expected: Expect) {
    expected.assert_eq(&match compose_text(text) {
        Ok((design, _)) => format!("composed\n{}", summary(&design)),
        Err(errors) => errors,
    });
}

/// Checks what a stack is composed into.
#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&match compose_text(text) {
        Ok((design, warnings)) => format!("{}{warnings}", summary(&design)),
        Err(errors) => format!("refused\n{errors}"),
    });
}

fn stack(fields: &str) -> String {
    format!("module S {{ backend = \"systemd\"\n{fields}\n}}\n")
}

fn service(fields: &str) -> String {
    stack(&format!("services = [ {{ name = \"a\" package = \"Api\" binary = \"api\"\n{fields} }} ]"))
}

/// Writes all of a design but its places.
fn summary(design: &Design) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{} {} {:?}", design.name, design.backend, design.scope);
    for service in &design.services {
        let _ =
            write!(out, "service {} {} {}/bin/{}", service.name, service.package, service.package_path, service.binary);
        let _ = writeln!(
            out,
            " {:?} after {:?} {} {}",
            service.args, service.depends_on, service.secret_delivery, service.config
        );
        if service.runs_as_other {
            let _ = writeln!(out, "  as another user");
        }
        for variable in &service.environment {
            let _ = writeln!(out, "  {} = {}", variable.name, shown(&variable.value));
        }
    }
    for file in &design.files {
        let _ = writeln!(out, "{}", file_line(file));
    }
    for slot in &design.slots {
        let _ = writeln!(out, "slot {} {} {:?}", slot.id, slot.name, slot.shape);
    }
    if design.config != "{}" {
        let _ = writeln!(out, "config {}", design.config);
    }
    if let Some(tls) = &design.tls {
        let _ = writeln!(out, "tls {:?} acme {} {:?}", tls.domains, tls.acme, tls.email);
    }
    for (what, list) in [("pins", &design.store_modules), ("store", &design.store_paths), ("state", &design.state_dirs)]
    {
        if !list.is_empty() {
            let _ = writeln!(out, "{what} {}", list.join(" "));
        }
    }
    out
}

fn file_line(file: &DesignFile) -> String {
    let body = match &file.body {
        FileBody::Chunks(chunks) => shown(chunks),
        FileBody::Source { path, exclude, .. } => format!("from {path} without {exclude:?}"),
    };
    let mut line = format!("file {} {} {body}", file.path, file.made_by);
    let mut add = |name: &str, value: String| line.push_str(&format!(" {name}={value}"));
    if file.secret {
        add("secret", "yes".to_owned());
    }
    if let Some(mode) = file.mode {
        add("mode", format!("{mode:o}"));
    }
    for (name, value) in [("owner", &file.owner), ("group", &file.group)] {
        value.iter().for_each(|value| add(name, value.clone()));
    }
    for (name, value) in [("restarts", &file.restarts), ("reloads", &file.reloads)] {
        value.iter().for_each(|value| add(name, format!("{value:?}")));
    }
    line
}

fn shown(chunks: &[Chunk]) -> String {
    let chunk = |chunk: &Chunk| match chunk {
        Chunk::Text(text) => format!("{text:?}"),
        Chunk::Secret(slot, encoding) => format!("<{slot} {}>", encoding.0),
    };
    chunks.iter().map(chunk).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_stack_becomes_a_design() {
    let text = "module Lib { recipe = \"std.shell\" recipeArgs = { command = \"x\" } }
module Lib2 { recipe = \"std.shell\" recipeArgs = { command = \"x\" } }
module S {
  backend = \"systemd\"
  storeModules = [\"Lib\", \"Lib\"]
  systemUsers = [ { name = \"web\" home = \"/srv/web\" } ]
  systemGroups = [\"log\"]
  services = [
    { name = \"db\" package = \"Api\" binary = \"db\" serviceConfig = { StateDirectory = \"db  wal\" Type = \"notify\" Nice = \"-5\" LimitNOFILE = 1024 } },
    { name = \"web\" package = \"Api\" binary = \"api\" args = [\"--port\", f\"{Port.number}\", f\"--lib={Lib2.out}/lib\"] dependsOn = [\"db\"]
      environment = { TOKEN = { from_env = \"TOKEN\" } HOME = Api.out LEVEL = \"info\" AGAIN = { from_env = \"TOKEN\" } F = { from_file = \"f.txt\" } }
      environmentFile = true timer = { OnCalendar = \"daily\" } tmpfiles = [\"d /run/web\"] reloads = true
      serviceConfig = { StateDirectory = \"web\" DynamicUser = \"YES\" } health = { http = \"http://localhost\" tries = 3 } secretDelivery = \"credential\" },
    { name = \"off\" package = \"Nothing\" binary = \"../x\" enable = false }
  ]
  configFiles = [
    { path = \"/etc/./web//a.conf\" content = f\"root {Api.out}\\n\" mode = \"0640\" owner = \"root\" group = \"web\" restarts = [\"web\", \"web\", \"off\"] },
    { path = \"/etc/web/b\" source = \"files/\" exclude = [\"*.bak\"] reloads = [\"web\"] },
    { path = \"/etc/web/c\" content = \"\" secret = true }
  ]
  tls = { domains = [\"example.org\"] acme = true email = \"a@example.org\" }
}
module Port { number = 8080 }
";
    check(
        text,
        expect![[r#"
            S systemd System
            service db Api /store/api/bin/db [] after [] environment-file {"serviceConfig":{"LimitNOFILE":1024,"Nice":"-5","StateDirectory":"db  wal","Type":"notify"}}
            service web Api /store/api/bin/api ["--port", "8080", "--lib=/store/lib2/lib"] after ["db"] credential {"environmentFile":true,"health":{"http":"http://localhost","tries":3},"reloads":true,"serviceConfig":{"DynamicUser":"YES","StateDirectory":"web"},"timer":{"OnCalendar":"daily"},"tmpfiles":["d /run/web"]}
              as another user
              AGAIN = <0 raw>
              F = <1 raw>
              HOME = "/store/api"
              LEVEL = "info"
              TOKEN = <0 raw>
            file /etc/web/a.conf raw "root /store/api\n" mode=640 owner=root group=web restarts=["web"]
            file /etc/web/b raw from files/ without ["*.bak"] restarts=[] reloads=["web"]
            file /etc/web/c raw  secret=yes
            slot 0 from_env:TOKEN Text
            slot 1 from_file:f.txt Text
            config {"systemGroups":["log"],"systemUsers":[{"home":"/srv/web","name":"web"}]}
            tls ["example.org"] acme true "a@example.org"
            pins Lib
            store /store/api /store/lib /store/lib2
            state /var/lib/db /var/lib/private/web /var/lib/wal
            dir/test.pcl:14:115: warning: `S.services[1].health.tries` is no part of a health gate
            help: known are `http`, `command`, `unit`, `deadline`, `grace`, `interval`, `stable`
            dir/test.pcl:22:44: warning: `acme` does nothing yet: no certificate is fetched
            help: bring certificates with `--tls-certs`
        "#]],
    );
}

#[test]
fn modules_can_be_services() {
    check(
        &format!(
            "{}module Once {{ package = \"Api\" binary = \"api\" port = 80 args = [f\"{{port}}\"] serviceConfig = {{ Type = \"oneshot\" }} }}
module Named {{ name = \"other\" package = \"Api\" binary = \"api\" option level : Str = \"info\" environment = {{ L = level }} }}\n",
            stack("services = [\"Once\", \"Named\"]")
        ),
        expect![[r#"
            S systemd System
            service Once Api /store/api/bin/api ["80"] after [] environment-file {"serviceConfig":{"Type":"oneshot"}}
            service other Api /store/api/bin/api [] after [] environment-file {}
              L = "info"
            store /store/api
        "#]],
    );
}

#[test]
fn a_scenario_is_looked_through() {
    let text = format!("{API}module S {{ backend = \"systemd\" option debug : Bool = false
services = [ {{ name = \"a\" package = \"Api\" binary = \"api\" enable = debug }} ] }}\nscenario dev {{ S.debug = true }}\n");
    let count = |scenario| compose_under(&[("dir/test.pcl", &text)], scenario).unwrap().0.services.len();
    assert_eq!((count(None), count(Some("dev"))), (0, 1));
}

#[test]
fn what_is_no_stack_is_told() {
    let name = |text: &str| {
        let world = World::default();
        let checked = check_program(vec![Source { name: "t.pcl".to_owned(), bytes: text.into() }], &world);
        let choice = StackChoice {
            checked: &checked,
            world: &world,
            scenario: None,
            stack: "Web",
            home: None,
            artifacts: Filling::References,
            entry: &|_| None,
        };
        let errors = compose_stack(choice).unwrap_err();
        render(&errors, &checked.program.ast.sources, Look { color: false, detail: Detail::Lines })
    };
    let all = [
        name("module Web { services = [] }"),
        name("module Web { recipe = \"std.shell\" }\nmodule Site { backend = \"systemd\" }"),
        name("module Wed { backend = \"systemd\" }"),
        name(""),
    ];
    expect![[r#"
        t.pcl:1:8: error: [E3] `Web` is not a stack module: it has no `backend`
        help: a stack is a module with a `backend`, such as `backend = "systemd"`
        t.pcl:1:8: error: [E3] `Web` is not a stack module: it has no `backend`
        help: the stacks of this program are `Site`
        error: [E2] there is no stack `Web`
        help: did you mean `Wed`?
        error: [E2] there is no stack `Web`
        help: a stack is a module with a `backend`, such as `backend = "systemd"`
    "#]]
    .assert_eq(&all.concat());
}

#[test]
fn packages_are_those_that_are_referred_to() {
    let package =
        |name: &str| format!("module {name} {{ recipe = \"std.shell\" recipeArgs = {{ command = \"x\" }} }}\n");
    let text = ["A", "B", "C", "D", "E", "F", "G"].map(package).concat()
        + "module S { backend = \"systemd\" storeModules = [\"B\"] dataFiles = [\"File\"]
           services = [\"One\", \"Off\"]
           configFiles = [ { path = \"/etc/x\" content = f\"{C.out}\" } ] helper = f\"{G.out}\" }
           module One { package = \"A\" binary = \"x\" serviceConfig = { ExecStartPre = f\"{D.out}/bin/d\" } }
           module Off { package = \"F\" binary = \"x\" enable = false }
           module File { path = \"/etc/y\" format = \"json\" data = { a = [{ b = E.out }] } }";
    let world = World::default();
    let checked = check_program(vec![Source { name: "t.pcl".to_owned(), bytes: text.as_str().into() }], &world);
    let packages = packages_of(&checked, &world, None, "S");
    let names: Vec<&str> =
        packages.iter().map(|&id| checked.program.ast.text(checked.program.module(id).name)).collect();
    assert_eq!(names, ["A", "B", "C", "D", "E"]);
    assert_eq!(packages_of(&checked, &world, None, "Nope"), []);
}

#[test]
fn services_of_other_users_are_known() {
    for (directives, other) in [
        ("{ Nice = 1 }", false),
        ("{ DynamicUser = true }", true),
        ("{ DynamicUser = false }", false),
        ("{ DynamicUser = \"yes\" }", true),
        ("{ User = \"web\" }", true),
        ("{ User = \"1000\" }", true),
        ("{ User = \"root\" }", false),
        ("{ User = \"0\" }", false),
    ] {
        let (design, _) = compose_text(&service(&format!("serviceConfig = {directives}"))).unwrap();
        assert_eq!(design.services[0].runs_as_other, other, "{directives}");
    }
}

#[test]
fn a_backend_finds_the_places_of_what_it_names() {
    let text = service(
        "environment = { A = \"x\" }\n serviceConfig = {\n User = \"web\"\n }\n tmpfiles = [\n \"d /a\",\n \"bad\"]\n args = [\n \"x\"]",
    ) + "module T { x = 1 }";
    let text = text.replace(
        "backend = \"systemd\"",
        "backend = \"systemd\"\n systemUsers = [\n { name = \"u\"\n home = \"x\" } ]",
    );
    let (design, _) = compose_text(&text).unwrap();
    let program = format!("{API}{text}");
    let line =
        |way: &str| design.place(way).map(|at| program.get(..at.start as usize).unwrap().matches('\n').count() + 1);
    let all: Vec<String> = [
        "name",
        "backend",
        "services",
        "services.a",
        "services.0",
        "services.a.env.A",
        "services.a.environment.A",
        "services.a.serviceConfig",
        "services.a.serviceConfig.User",
        "services.a.serviceConfig.Group",
        "services.a.tmpfiles.1",
        "services.0.tmpfiles.1",
        "services.a.argv.0",
        "services.nope.x",
        "systemUsers.0.home",
        "systemUsers.0",
        "tls",
        "",
    ]
    .iter()
    .map(|way| format!("{way} {:?}", line(way)))
    .collect();
    expect![[r#"
        name Some(2)
        backend Some(2)
        services Some(6)
        services.a Some(6)
        services.0 Some(6)
        services.a.env.A Some(7)
        services.a.environment.A Some(7)
        services.a.serviceConfig Some(8)
        services.a.serviceConfig.User Some(9)
        services.a.serviceConfig.Group Some(8)
        services.a.tmpfiles.1 Some(13)
        services.0.tmpfiles.1 Some(13)
        services.a.argv.0 Some(15)
        services.nope.x Some(6)
        systemUsers.0.home Some(5)
        systemUsers.0 Some(4)
        tls None
         None"#]]
    .assert_eq(&all.join("\n"));
}

#[test]
fn a_thousand_services_are_composed_quickly() {
    let mut text = "module S { backend = \"systemd\" services = [".to_owned();
    for index in 0..1_000 {
        let before = if index == 0 { String::new() } else { format!("\"s{}\"", index - 1) };
        let _ = writeln!(
            text,
            "{{ name = \"s{index}\" package = \"Api\" binary = \"api\" dependsOn = [{before}] environment = {{ A = \"1\" B = {{ from_env = \"B\" }} }} }},"
        );
    }
    text.push_str("] }");
    let (design, _) = compose_text(&text).unwrap();
    assert_eq!((design.services.len(), design.slots.len()), (1_000, 1));
}
