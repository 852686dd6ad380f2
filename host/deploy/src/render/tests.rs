use super::*;
use crate::design::Variable;
use crate::testing::{self, Units, design, file, lines, path, render_with, rendered, source, span};
use expect_test::expect;
use punix_model::{Class, Encoding, PluginError, PluginName, Rendering, Session, Wish};

fn paths(rendered: &Rendered) -> Vec<&str> {
    rendered.files.iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn own_files_come_first_then_the_backend_then_data() {
    let mut design = design();
    let data = DesignFile { made_by: "std.datafile", ..file("/etc/app/data.json", "{}") };
    design.files = vec![data, file("/etc/app/z", "z"), source("/etc/app/t", "files", &[]), file("/etc/app/a", "a")];
    let read = |below: &str, executable| SourceFile {
        below: Some(below.to_owned()),
        held: SourceHeld::Text(String::new()),
        executable,
    };
    let sources = Sources(vec![vec![], vec![], vec![read("one", false), read("sub/run", true)], vec![]]);
    let rendered = render_with(&design, sources, &Units).unwrap();
    assert_eq!(
        paths(&rendered),
        [
            "/etc/app/z",
            "/etc/app/t/one",
            "/etc/app/t/sub/run",
            "/etc/app/a",
            "/etc/punix/env/Web/api.env",
            "/etc/systemd/system/api.service",
            "/etc/app/data.json"
        ]
    );
    let made_by: Vec<&str> = rendered.files.iter().map(|file| file.made_by.as_str()).collect();
    assert_eq!(made_by[3..], ["raw", "punix.systemd", "punix.systemd", "std.datafile"]);
    assert_eq!((rendered.units.len(), rendered.notes.len()), (1, 1));
    let secret: Vec<bool> = rendered.files.iter().map(|file| file.secret).collect();
    assert_eq!(secret, [false, false, false, false, true, false, false]);
}

#[test]
fn a_mode_is_what_is_declared_or_what_is_safe() {
    let mut design = design();
    let secret = |file: DesignFile| DesignFile { secret: true, ..file };
    let moded = DesignFile { mode: Some(0o640), ..file("/etc/app/m", "") };
    let directory = || source("/etc/app/t", "files", &[]);
    design.files =
        vec![file("/etc/app/a", ""), secret(file("/etc/app/s", "")), moded, directory(), secret(directory())];
    let run =
        || vec![SourceFile { below: Some("run".to_owned()), held: SourceHeld::Text(String::new()), executable: true }];
    let rendered = render_with(&design, Sources(vec![vec![], vec![], vec![], run(), run()]), &Units).unwrap();
    let modes: Vec<u32> = rendered.files.iter().take(5).map(|file| file.mode).collect();
    assert_eq!(modes, [0o644, 0o600, 0o640, 0o755, 0o700]);
}

#[test]
fn a_file_restarts_every_service_unless_it_says_which() {
    let mut design = design();
    design.services.push(testing::service("db"));
    let names = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
    let with = |restarts, reloads| DesignFile { restarts, reloads, ..file("/etc/app/a", "") };
    design.files =
        vec![with(None, None), with(names(&["db"]), None), with(names(&[]), names(&["api"])), with(names(&[]), None)];
    let rendered = rendered(&design);
    let told: Vec<(&[String], &[String])> =
        rendered.files.iter().take(4).map(|file| (file.restarts.as_slice(), file.reloads.as_slice())).collect();
    let (api, db) = ("api.service".to_owned(), "db.service".to_owned());
    assert_eq!(
        told,
        [(&[api.clone(), db.clone()][..], &[][..]), (&[db][..], &[][..]), (&[][..], &[api][..]), (&[][..], &[][..])]
    );
}

#[test]
fn a_backend_knows_the_program_and_no_value() {
    let mut design = design();
    design.services[0].environment.push(Variable {
        name: "MORE".to_owned(),
        at: span(3),
        value: vec![Chunk::Secret(0, Encoding("raw".to_owned()))],
        artifact: None,
    });
    let stack = stack_of(&design, Some(&path("/etc/units")));
    assert_eq!(stack.services[0].argv, ["/store/api/bin/api", "--port", "80"]);
    assert_eq!((stack.services[0].env.len(), stack.unit_dir.as_deref()), (3, Some("/etc/units")));
}

/// A backend that says no.
struct Refusing(&'static str, Class);

impl Backend for Refusing {
    fn render(&self, _: &Stack, _: &Facts) -> Result<Rendering, CallFault> {
        let error = PluginError {
            class: self.1,
            code: "systemd.environment".to_owned(),
            message: "the value of `TOKEN` holds a NUL character".to_owned(),
            at: (!self.0.is_empty()).then(|| self.0.to_owned()),
            retry_after_ms: None,
        };
        let plugin = PluginName { id: "punix.systemd".to_owned(), version: "0.1.0".to_owned() };
        Err(CallFault { plugin, call: "render".to_owned(), cause: Cause::Refused(error) })
    }

    fn session(&self, _: &Stack, _: &[Wish], _: &Facts) -> Result<Box<dyn Session>, CallFault> {
        panic!("no test begins a session");
    }
}

#[test]
fn what_a_backend_refuses_is_shown_where_it_is_written() {
    let refused =
        |at| lines(&render_with(&design(), Sources::default(), &Refusing(at, Class::InvalidInput)).unwrap_err());
    expect![[r#"
        21: [E29] `services.api.env.TOKEN`: the value of `TOKEN` holds a NUL character
          note: the plugin `punix.systemd 0.1.0` says so, and calls it `systemd.environment`
    "#]]
    .assert_eq(&refused("services.api.env.TOKEN"));
    assert!(refused("services.api.timer").starts_with("20: "));
    assert!(refused("").starts_with("2: [E29] the value of `TOKEN` holds"));
    // A message that names what it is about says it once.
    assert!(refused("env.TOKEN").contains("[E29] `env.TOKEN`: "));
    assert!(refused("services.TOKEN").contains("[E29] the value of `TOKEN` holds"));
    // What is not about the program is the plugin's.
    let other = Refusing("services.api", Class::Unsupported);
    expect![[r#"
        20: [E29] the plugin `punix.systemd 0.1.0` failed in `render`: the value of `TOKEN` holds a NUL character
          note: it is about `services.api`
          note: its code for that is `systemd.environment`
    "#]]
    .assert_eq(&lines(&render_with(&design(), Sources::default(), &other).unwrap_err()));
}
