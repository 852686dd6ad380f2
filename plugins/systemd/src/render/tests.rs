use super::*;
use crate::sample::*;
use punix_sdk::backend::{Chunk, Shape};

const API: &str = "/punix/store/0123456789abcdef0123456789abcdef-api-2.1/bin/api";

#[track_caller]
fn render_ok(stack: &Stack) -> Rendering {
    render(stack, &facts()).unwrap_or_else(|error| panic!("{error:?}"))
}

#[track_caller]
fn refused(stack: &Stack) -> (String, String) {
    let error = render(stack, &facts()).map(|_| ()).unwrap_err();
    (error.at.unwrap_or_default(), error.message)
}

#[track_caller]
fn check_file(rendering: &Rendering, path: &str, mode: u32, restarts: &[&str], expected: &str) {
    let file = file(rendering, path);
    assert_eq!(text(file), expected, "{path}");
    assert_eq!((file.mode, file.restarts.as_slice(), file.reloads.len()), (mode, &owned(restarts)[..], 0), "{path}");
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn paths(rendering: &Rendering) -> Vec<&str> {
    rendering.files.iter().map(|file| file.path.as_str()).collect()
}

/// Where values need no quoting, units are those of the reference, byte for byte.
#[test]
fn a_small_service_is_the_reference_unit() {
    let rendering = render_ok(&stack("Web", vec![service("api", &[API], "{}")]));
    let expected = format!(
        "[Unit]\nDescription=Punix stack Web: api\n\n[Service]\nExecStart={API}\nType=simple\nRestart=on-failure\n\n\
         [Install]\nWantedBy=multi-user.target\n"
    );
    check_file(&rendering, "/etc/systemd/system/api.service", 0o644, &["api.service"], &expected);
    let unit = Unit { name: "api.service".to_owned(), service: "api".to_owned(), starts_at_boot: true };
    assert_eq!((rendering.files.len(), rendering.units, rendering.notes), (1, vec![unit], vec![]));
}

#[test]
fn one_secret_moves_all_variables_to_a_file_for_root() {
    let mut stack =
        stack("Web", vec![with_secret(with_env(service("api", &[API], ""), &[("LEVEL", "in\"f\\o")]), "TOKEN", 7)]);
    stack.slots.push(slot(7, Shape::SingleLine));
    let rendering = render_ok(&stack);
    let expected = format!(
        "[Unit]\nDescription=Punix stack Web: api\n\n[Service]\nExecStart={API}\nType=simple\nRestart=on-failure\n\
         EnvironmentFile=/etc/punix/env/Web/api.env\n\n[Install]\nWantedBy=multi-user.target\n"
    );
    assert_eq!(paths(&rendering), ["/etc/punix/env/Web/api.env", "/etc/systemd/system/api.service"]);
    check_file(&rendering, "/etc/systemd/system/api.service", 0o644, &["api.service"], &expected);
    let expected = "LEVEL=\"in\\\"f\\\\o\"\nTOKEN=<7 systemd.environment-file>\n";
    check_file(&rendering, "/etc/punix/env/Web/api.env", 0o600, &["api.service"], expected);
}

#[test]
fn dependencies_are_written_as_declared_and_units_start_in_their_order() {
    let rendering = render_ok(&stack(
        "Web",
        vec![
            depending(service("api", &[API], ""), &["db", "cache"]),
            depending(service("cache", &[API], ""), &["db"]),
            service("db", &[API], ""),
        ],
    ));
    let expected = format!(
        "[Unit]\nDescription=Punix stack Web: api\nAfter=db.service cache.service\nRequires=db.service cache.service\n\n\
         [Service]\nExecStart={API}\nType=simple\nRestart=on-failure\n\n[Install]\nWantedBy=multi-user.target\n"
    );
    check_file(&rendering, "/etc/systemd/system/api.service", 0o644, &["api.service"], &expected);
    let units: Vec<&str> = rendering.units.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(units, ["db.service", "cache.service", "api.service"]);
}

#[test]
fn what_runs_once_is_not_restarted_unless_it_says_so() {
    let once = |config| {
        let rendering = render_ok(&stack("Web", vec![service("once", &[API], config)]));
        text(file(&rendering, "/etc/systemd/system/once.service"))
    };
    let unit = |lines: &str| {
        format!(
            "[Unit]\nDescription=Punix stack Web: once\n\n[Service]\nExecStart={API}\nType=oneshot\n{lines}\n\n[Install]\n\
             WantedBy=multi-user.target\n"
        )
    };
    assert_eq!(once(r#"{"serviceConfig":{"Type":"oneshot","RemainAfterExit":true}}"#), unit("RemainAfterExit=yes"));
    assert_eq!(once(r#"{"serviceConfig":{"Type":"oneshot","Restart":"on-abort"}}"#), unit("Restart=on-abort"));
}

#[test]
fn directives_are_sorted_behind_type_and_restart() {
    let config = r#"{"serviceConfig":{"User":"api","NoNewPrivileges":true,"PrivateTmp":false,"LimitNOFILE":65536,
        "Restart":"always","RestartSec":"5s","AmbientCapabilities":"CAP_NET_BIND_SERVICE","WorkingDirectory":"/var/lib/api"}}"#;
    let rendering = render_ok(&stack("Web", vec![with_env(service("api", &[API], config), &[("A", "1")])]));
    let expected = format!(
        "[Unit]\nDescription=Punix stack Web: api\n\n[Service]\nExecStart={API}\nType=simple\nRestart=always\n\
         AmbientCapabilities=CAP_NET_BIND_SERVICE\nLimitNOFILE=65536\nNoNewPrivileges=yes\nPrivateTmp=no\nRestartSec=5s\n\
         User=api\nWorkingDirectory=/var/lib/api\nEnvironment=A=1\n\n[Install]\nWantedBy=multi-user.target\n"
    );
    assert_eq!(text(file(&rendering, "/etc/systemd/system/api.service")), expected);
    let config = r#"{"serviceConfig":{"StateDirectory":"one two"}}"#;
    let rendering = render_ok(&stack("S", vec![service("a", &[API], config)]));
    assert!(
        text(file(&rendering, "/etc/systemd/system/a.service"))
            .contains("Restart=on-failure\nStateDirectory=one two\n\n")
    );
}

#[test]
fn a_timer_is_what_is_started_and_restarted() {
    let config = r#"{"serviceConfig":{"Type":"oneshot"},
        "timer":{"OnCalendar":"daily","Persistent":true,"RandomizedDelaySec":300},"environmentFile":true}"#;
    let rendering = render_ok(&stack("Web", vec![with_env(service("backup", &[API, "run"], config), &[("A", "")])]));
    let expected = "[Unit]\nDescription=Punix stack Web: backup timer\n\n[Timer]\nOnCalendar=daily\nPersistent=yes\n\
                    RandomizedDelaySec=300\n\n[Install]\nWantedBy=timers.target\n";
    check_file(&rendering, "/etc/systemd/system/backup.timer", 0o644, &["backup.timer"], expected);
    let expected = format!(
        "[Unit]\nDescription=Punix stack Web: backup\n\n[Service]\nExecStart={API} run\nType=oneshot\n\
         EnvironmentFile=/etc/punix/env/Web/backup.env\n"
    );
    check_file(&rendering, "/etc/systemd/system/backup.service", 0o644, &["backup.timer"], &expected);
    check_file(&rendering, "/etc/punix/env/Web/backup.env", 0o600, &[], "A=\"\"\n");
    let unit = Unit { name: "backup.timer".to_owned(), service: "backup".to_owned(), starts_at_boot: true };
    assert_eq!(rendering.units, [unit]);
    assert_eq!(paths(&rendering)[1..], ["/etc/systemd/system/backup.service", "/etc/systemd/system/backup.timer"]);
}

#[test]
fn accounts_and_temporary_files_restart_those_that_use_them() {
    let mut stack = stack(
        "Web",
        vec![
            service(
                "api",
                &[API],
                r#"{"serviceConfig":{"User":"api"},"tmpfiles":["d /run/web 0755","d /run/b 0700 api"]}"#,
            ),
            service("other", &[API], r#"{"tmpfiles":[]}"#),
            service("job", &[API], r#"{"timer":{"OnCalendar":"daily"},"tmpfiles":["d /run/web 0755"]}"#),
        ],
    );
    stack.config = r#"{"systemUsers":[{"name":"api","group":"www"}],"systemGroups":["log"]}"#.to_owned();
    let rendering = render_ok(&stack);
    let expected = "g log -\ng www -\nu api -:www - -\n";
    check_file(&rendering, "/etc/sysusers.d/punix-Web.conf", 0o644, &["api.service"], expected);
    let expected = "d /run/b 0700 api\nd /run/web 0755\n";
    check_file(&rendering, "/etc/tmpfiles.d/punix-Web.conf", 0o644, &["api.service", "job.timer"], expected);
    assert_eq!(paths(&rendering)[..2], ["/etc/sysusers.d/punix-Web.conf", "/etc/tmpfiles.d/punix-Web.conf"]);
}

#[test]
fn a_users_services_live_below_the_home_and_start_with_the_session() {
    let config = r#"{"environmentFile":true,"tmpfiles":["d %t/web"]}"#;
    let mut stack = stack("Mine", vec![with_env(service("api", &[API], config), &[("A", "1")])]);
    stack.scope = Scope::User;
    let rendering = render_ok(&stack);
    assert_eq!(
        paths(&rendering),
        [
            "/home/ann/.config/user-tmpfiles.d/punix-Mine.conf",
            "/home/ann/.config/punix/env/Mine/api.env",
            "/home/ann/.config/systemd/user/api.service",
        ]
    );
    let unit = text(file(&rendering, "/home/ann/.config/systemd/user/api.service"));
    assert!(unit.contains("\nEnvironmentFile=/home/ann/.config/punix/env/Mine/api.env\n"), "{unit}");
    assert!(unit.ends_with("\n[Install]\nWantedBy=default.target\n"), "{unit}");

    let nobody = Facts { home: None, ..facts() };
    assert_eq!(render(&stack, &nobody).unwrap_err().code, "systemd.home");
    let mut odd = Facts { home: Some("/home/50%".to_owned()), ..facts() };
    let unit = render(&stack, &odd).map(|rendering| text(rendering.files.last().unwrap())).unwrap();
    assert!(unit.contains("EnvironmentFile=/home/50%%/.config/punix/env/Mine/api.env\n"), "{unit}");
    odd.home = Some("/home/[ann]".to_owned());
    assert_eq!(render(&stack, &odd).unwrap_err().at.as_deref(), Some("services.api.env"));
    odd.home = Some("/home/../etc".to_owned());
    assert_eq!(render(&stack, &odd).unwrap_err().at.as_deref(), Some("scope"));
    stack.config = r#"{"systemUsers":[{"name":"api"}]}"#.to_owned();
    assert_eq!(refused(&stack).0, "systemUsers");
}

#[test]
fn units_go_where_they_are_sent() {
    let mut stack = stack("Web", vec![service("api", &[API], "")]);
    stack.unit_dir = Some("/opt/units".to_owned());
    let rendering = render_ok(&stack);
    assert_eq!(paths(&rendering), ["/opt/units/api.service"]);
    assert!(rendering.notes[0].contains("`SYSTEMD_UNIT_PATH`"), "{:?}", rendering.notes);
    stack.unit_dir = Some("/usr/local/lib/systemd/system".to_owned());
    assert_eq!(render_ok(&stack).notes, Vec::<String>::new());
    for dir in ["units", "/a/../b", "/", "/a/"] {
        stack.unit_dir = Some(dir.to_owned());
        assert_eq!(refused(&stack).0, "unit-dir", "{dir}");
    }
}

#[test]
fn secrets_in_the_unit_are_told_and_keep_it_to_root() {
    let mut service = with_secret(with_env(service("api", &[API], ""), &[("A", "a b")]), "TOKEN", 1);
    service.env[1].1 =
        vec![Chunk::Text("Bearer ".to_owned()), Chunk::Secret((1, "raw".to_owned())), Chunk::Text("!".to_owned())];
    service.secret_delivery = "inline".to_owned();
    let mut stack = stack("Web", vec![service]);
    stack.slots.push(slot(1, Shape::Text));
    let rendering = render_ok(&stack);
    let unit = file(&rendering, "/etc/systemd/system/api.service");
    assert!(text(unit).contains("\nEnvironment=\"A=a b\"\nEnvironment=TOKEN=\"Bearer \"<1 systemd.environment>!\n\n"));
    assert_eq!((unit.mode, rendering.files.len()), (0o600, 1));
    assert!(rendering.notes[0].contains("`TOKEN` stand in the unit"), "{:?}", rendering.notes);
}

#[test]
fn credentials_are_files_of_their_own_and_the_rest_stays() {
    let mut service = with_secret(with_env(service("api", &[API], ""), &[("A", "1")]), "TOKEN", 1);
    service.secret_delivery = "credential".to_owned();
    let mut stack = stack("Web", vec![service]);
    stack.slots.push(slot(1, Shape::Binary));
    let rendering = render_ok(&stack);
    let path = "/etc/punix/env/Web/api.credentials/TOKEN";
    check_file(&rendering, path, 0o600, &["api.service"], "<1 raw>");
    let unit = file(&rendering, "/etc/systemd/system/api.service");
    assert!(text(unit).contains(&format!("\nEnvironment=A=1\nLoadCredential=TOKEN:{path}\n")), "{}", text(unit));
    assert!(rendering.notes[0].contains("`TOKEN` are no variables but files"), "{:?}", rendering.notes);

    let old = Facts { init_version: "241-rc1".to_owned(), ..facts() };
    assert_eq!(render(&stack, &old).unwrap_err().code, "systemd.version");
    stack.services[0].secret_delivery = "environment-file".to_owned();
    assert_eq!(refused(&stack).0, "services.api.env.TOKEN");
}

#[test]
fn what_looks_like_a_slip_is_noted() {
    let config = r#"{"serviceConfig":{"user":"web","After":"x.service"},"reloads":true}"#;
    let rendering = render_ok(&stack("Web", vec![service("api", &[API], config)]));
    let notes = rendering.notes.join("\n");
    assert!(notes.contains("service `api`: serviceConfig.user: systemd knows `User` and not `user`"), "{notes}");
    assert!(notes.contains("serviceConfig.After: `After` belongs to another section"), "{notes}");
    assert!(notes.contains("it is to be reloaded and has no `ExecReload`"), "{notes}");
    let config = r#"{"serviceConfig":{"ExecReload":"/bin/kill -HUP $MAINPID"},"reloads":true}"#;
    assert_eq!(render_ok(&stack("Web", vec![service("api", &[API], config)])).notes, Vec::<String>::new());
}

#[test]
fn nobody_is_told_more_than_can_be_read() {
    let config = format!(r#"{{"serviceConfig":{{{}}},"reloads":true}}"#, r#""user":"web""#);
    let services = (0..200).map(|n| service(&format!("api{n}"), &[API], &config)).collect();
    let notes = render_ok(&stack("Web", services)).notes;
    assert_eq!((notes.len(), notes[50].as_str()), (51, "and 350 more of this kind"));
    let mut many = service("api", &[API], "");
    many.secret_delivery = "inline".to_owned();
    for n in 0..1_000 {
        many = with_secret(many, &format!("SECRET_NUMBER_{n}"), 1);
    }
    let notes = render_ok(&Stack { slots: vec![slot(1, Shape::Text)], ..stack("Web", vec![many]) }).notes;
    assert!(notes[0].ends_with(" …") && notes[0].len() < 1_000, "{notes:?}");
}

#[test]
fn an_empty_stack_is_nothing() {
    let rendering = render_ok(&stack("Web", vec![]));
    assert_eq!((rendering.files, rendering.units, rendering.notes), (vec![], vec![], vec![]));
}

#[test]
fn refusals_are_placed() {
    let api = || service("api", &[API], "");
    let check = |stack: Stack, at: &str, said: &str| {
        let (place, message) = refused(&stack);
        assert_eq!(place, at, "{message}");
        assert!(message.contains(said), "{message}");
    };
    let one = |service| stack("Web", vec![service]);
    check(stack("We b", vec![]), "name", "name of a stack");
    check(one(service("a@b", &[API], "")), "services", "`a@b` cannot be the name of a service");
    check(stack("Web", vec![api(), api()]), "services.api", "two services are called `api`");
    check(stack("Web", vec![api(), service("Api", &[API], "")]), "services.Api", "only case tells apart");
    check(one(depending(api(), &["db"])), "services.api.dependsOn", "depends on `db`, which is not in this stack");
    check(one(depending(api(), &["api"])), "services.api.dependsOn", "`api` needs `api`");
    let circle = vec![depending(service("a", &[API], ""), &["b"]), depending(service("b", &[API], ""), &["a"])];
    check(stack("Web", circle), "services.a.dependsOn", "`a` needs `b` needs `a`");
    check(one(with_env(api(), &[("lower-case", "1")])), "services.api.env.lower-case", "systemd drops a variable");
    check(one(with_env(api(), &[("1A", "1")])), "services.api.env.1A", "systemd drops a variable");
    check(one(with_env(api(), &[("A", "1"), ("A", "2")])), "services.api.env.A", "twice");
    check(one(with_env(api(), &[("A", "1\0")])), "services.api.env.A", "NUL");
    check(one(with_env(api(), &[("A", &"x".repeat(131_070))])), "services.api.env.A", "131071 bytes");
    check(one(with_secret(api(), "A", 3)), "services.api.env.A", "slot 3");
    check(one(service("api", &[], "")), "services.api.argv", "no program");
    for program in ["../../../bin/sh", "/store/x/bin/../../../bin/sh", "-/bin/x", "@/bin/x", "", "/bin/", "/a//b"] {
        check(one(service("api", &[program], "")), "services.api.argv.0", "plain absolute path");
    }
    let many = vec!["x".repeat(100_000); 11];
    let words: Vec<&str> = [API].into_iter().chain(many.iter().map(String::as_str)).collect();
    check(one(service("api", &words, "")), "services.api.unit", "the line of `ExecStart` is longer");
    check(one(service("api", &[API, &"x".repeat(131_072)], "")), "services.api.argv.1", "131071 bytes");
    check(one(service("api", &["/bin/x$y"], "")), "services.api.argv.0", "`$`");
    check(one(service("api", &[API, "ok", "a\0"], "")), "services.api.argv.2", "NUL");
    let config = r#"{"serviceConfig":{"Nice":"1\\"}}"#;
    check(one(service("api", &[API], config)), "services.api.serviceConfig.Nice", "backslash");
    let inline = r#"{"environmentFile":true}"#;
    let mut both = with_secret(service("api", &[API], inline), "A", 1);
    both.secret_delivery = "inline".to_owned();
    let with_slot = |service| Stack { slots: vec![slot(1, Shape::SingleLine)], ..one(service) };
    check(with_slot(both.clone()), "services.api.secretDelivery", "contradicts");
    both.secret_delivery = "post".to_owned();
    check(with_slot(both), "services.api.secretDelivery", "`environment-file`, `credential` or `inline`");
    let elsewhere = Facts { os: "freebsd".to_owned(), ..facts() };
    assert_eq!(render(&one(api()), &elsewhere).unwrap_err().code, "systemd.system");
}

#[test]
fn no_message_repeats_a_value() {
    let canary = "c4nary";
    let config = format!(r#"{{"serviceConfig":{{"Nice":"{canary}\n"}}}}"#);
    for stack in [
        stack("Web", vec![with_env(service("api", &[API], ""), &[("A", &format!("{canary}\0"))])]),
        stack("Web", vec![service("api", &[API, &format!("{canary}\0")], "")]),
        stack("Web", vec![service("api", &[API], &config)]),
    ] {
        assert!(!format!("{:?}", refused(&stack)).contains(canary));
    }
}

#[test]
fn equal_questions_have_equal_answers_whatever_the_order_of_slots_and_variables() {
    let service = || with_secret(with_secret(with_env(service("api", &[API], ""), &[("M", "1")]), "Z", 1), "B", 2);
    let mut one = stack("Web", vec![service()]);
    one.slots = vec![slot(1, Shape::SingleLine), slot(2, Shape::Text)];
    let mut other = stack("Web", vec![service()]);
    other.slots = vec![slot(2, Shape::Text), slot(1, Shape::SingleLine)];
    other.services[0].env.reverse();
    assert_eq!(render_ok(&one), render_ok(&other));
}
