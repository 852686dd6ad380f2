use super::*;
use crate::reading::Random;

fn said(problems: Vec<Error>) -> Vec<String> {
    problems.into_iter().map(|error| format!("{}: {}", error.at.unwrap_or_default(), error.message)).collect()
}

#[test]
fn fields_are_read_into_text() {
    let json = r#"{"serviceConfig":{"B":true,"A":-5,"C":false,"D":18446744073709551615,"E":""},
        "timer":{},"tmpfiles":["d /run/x"],"environmentFile":true,"enable":true,"reloads":true,"health":{"http":"x"}}"#;
    let config = service("web", json).unwrap();
    let directives: Vec<String> = config.directives.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(directives, ["A=-5", "B=yes", "C=no", "D=18446744073709551615", "E="]);
    assert_eq!((config.timer, config.tmpfiles), (None, vec!["d /run/x".to_owned()]));
    assert!(config.environment_file && config.reloads);
    assert_eq!(service("web", ""), Ok(ServiceConfig::default()));
    assert_eq!(stack("{}"), Ok(StackConfig::default()));
}

#[test]
fn every_problem_is_found_and_placed() {
    let json = r#"{"serviceConfig":{"ExecStart":"x","Environment":"A=1","A=B":"1","Nice":1.5,"User":["a"],"Bad":"a\nb"},
        "timer":{"Unit":"x","OnCalendar":null},"tmpfiles":["d /a","",7],"environmentFile":"yes","colour":1,"health":true}"#;
    assert_eq!(
        said(service("web", json).unwrap_err()),
        [
            "colour: `colour` is no field of a service that systemd has",
            "serviceConfig.A=B: this cannot be the name of a directive: letters, digits and `-` are",
            "serviceConfig.Bad: the value of `Bad` holds a line break, which would begin another directive",
            "serviceConfig.Environment: service `web`: serviceConfig key `Environment` is reserved: set it with `environment`",
            "serviceConfig.ExecStart: service `web`: serviceConfig key `ExecStart` is reserved: set it with `binary` and `args`",
            "serviceConfig.Nice: `Nice` is a text, a boolean or a whole number, and here is a number that is not whole, or too large",
            "serviceConfig.User: `User` is a text, a boolean or a whole number, and here is a list",
            "timer.OnCalendar: `OnCalendar` is a text, a boolean or a whole number, and here is nothing",
            "timer.Unit: service `web`: timer key `Unit` is reserved: a timer starts the service of its own name",
            "tmpfiles.2: this is a text, and here is a number",
            "tmpfiles.1: the rule is empty",
            "health: `health` is a record, and here is a boolean",
            "environmentFile: `environmentFile` is a boolean, and here is a text",
        ]
    );
}

#[test]
fn accounts_are_read_and_must_not_differ() {
    let json = r#"{"systemUsers":[{"name":"a","home":"/x"},{"name":"a","home":"/x"},{"name":"b","group":""}],"systemGroups":["g","g"]}"#;
    let config = stack(json).unwrap();
    assert_eq!(config.users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let json = r#"{"systemUsers":[{"name":"a"},{"name":"a","home":"/x"},{"name":"B"},{"group":"g"},{"name":"c","shell":"x"},
        {"name":"d","home":"x"},7,{"name":5}],"systemGroups":["G\n"],"scope":1}"#;
    assert_eq!(
        said(stack(json).unwrap_err()),
        [
            "scope: `scope` is no field of a stack that systemd has",
            "systemGroups.0: `G` is not a valid name of a group: it must match [a-z_][a-z0-9_-]* and have at most 32 characters",
            "systemUsers.1: there are two users `a`, and they differ",
            "systemUsers.2.name: `B` is not a valid name of a user: it must match [a-z_][a-z0-9_-]* and have at most 32 characters",
            "systemUsers.3.name: `` is not a valid name of a user: it must match [a-z_][a-z0-9_-]* and have at most 32 characters",
            "systemUsers.4.shell: `shell` is no field of a user",
            "systemUsers.5.home: the home of the user `d` cannot be written: it must be an absolute path without `..`, white space, quotes, backslashes and colons",
            "systemUsers.6: a user is a record, and here is a number",
            "systemUsers.7.name: `name` is a text, and here is a number",
        ]
    );
}

#[test]
fn whatever_the_text_is_it_is_answered() {
    for json in [
        "[]",
        "null",
        "1",
        "{",
        "\"x\"",
        "{\"a\":1}",
        "\u{0}",
        &"[".repeat(100_000),
        &"{\"serviceConfig\":".repeat(2_000),
    ] {
        assert!(!any(json).is_empty(), "{}", json.chars().take(20).collect::<String>());
    }
    assert_eq!(any(r#"{"systemGroups":[],"tmpfiles":[]}"#), []);
    let mut random = Random::new(3);
    let words = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"serviceConfig\"",
        "\"timer\"",
        "\"Unit\"",
        "1",
        "true",
        "null",
        "\"\\u0000\"",
        "-",
        "1e999",
    ];
    for _ in 0..5_000 {
        let json: String = (0..random.below(24)).map(|_| words[random.below(words.len())]).collect();
        any(&json);
    }
    let many = format!("{{{}}}", (0..500).map(|n| format!("\"f{n}\":1")).collect::<Vec<_>>().join(","));
    assert_eq!(any(&many).len(), PROBLEMS_MAX);
}
