//! What must be refused, each at its place, all in one run.

use super::*;

#[test]
fn names_of_services_are_held_against_their_rule() {
    for name in ["a/b", "-a", "a@b", "", "a\\n", "é", &"n".repeat(65)] {
        let text = stack(&format!("services = [ {{ name = \"{name}\" package = \"Api\" binary = \"api\" }} ]"));
        let errors = compose_text(&text).unwrap_err();
        assert!(errors.contains("dir/test.pcl:3:23: error: [E1] `S.services[0].name` is"), "{errors}");
    }
    check_errors(
        &stack("services = [ { name = \"a/b\" package = \"Api\" binary = \"api\" } ]"),
        expect![[r#"
        dir/test.pcl:3:23: error: [E1] `S.services[0].name` is "a/b", which cannot be the name of a service
        help: it begins with a letter or a digit, goes on with letters, digits, `_`, `.` and `-`, and has at most 64 characters: it becomes the name of a unit
    "#]],
    );
}

#[test]
fn names_are_unique_and_not_by_case_alone() {
    let row = |name: &str| format!("{{ name = \"{name}\" package = \"Api\" binary = \"api\" enable = true }}");
    check_errors(
        &stack(&format!("services = [\n{},\n{},\n{} ]", row("a"), row("A"), row("a"))),
        expect![[r#"
            dir/test.pcl:5:10: error: [E6] the services `a` and `A` have names that only case tells apart
            dir/test.pcl:4:10: note: `S.services[0].name` is the other one
            help: give one of them another name
            dir/test.pcl:6:10: error: [E6] two services are called `a`
            dir/test.pcl:4:10: note: `S.services[0].name` is the other one
            help: give one of them another name
        "#]],
    );
    // Who is disabled is not there.
    check(
        &stack(&format!("services = [\n{},\n{} ]", row("a"), row("a").replace("true", "false"))),
        expect![[r#"
            S systemd System
            service a Api /store/api/bin/api [] after [] environment-file {}
            store /store/api
        "#]],
    );
}

#[test]
fn dependencies_end_somewhere() {
    let row = |name: &str, more: &str| format!("{{ name = \"{name}\" package = \"Api\" binary = \"api\" {more} }}");
    let rows = [
        row("web", "dependsOn = [\"databse\", \"off\", \"web\", \"zebra\"]"),
        row("database", "dependsOn = [\"cache\"]"),
        row("cache", "dependsOn = [\"queue\"]"),
        row("queue", "dependsOn = [\"database\"]"),
        row("off", "enable = false"),
    ];
    check_errors(
        &stack(&format!("services = [\n{} ]", rows.join(",\n"))),
        expect![[r#"
            dir/test.pcl:4:60: error: [E2] service `web` depends on "databse", which is not a service of this stack
            help: did you mean `database`?
            dir/test.pcl:4:71: error: [E2] service `web` depends on `off`, which is disabled (`enable = false`)
            help: enable it, or do not depend on it
            dir/test.pcl:4:78: error: [E7] service `web` depends on itself
            help: remove it from its own `dependsOn`
            dir/test.pcl:4:85: error: [E2] service `web` depends on "zebra", which is not a service of this stack
            help: the services of the stack are `cache`, `database`, `queue`, `web`
            dir/test.pcl:7:62: error: [E7] services wait for each other: `database` → `cache` → `queue` → `database`
            help: remove one of these from a `dependsOn`
        "#]],
    );
}

#[test]
fn circles_that_meet_are_told_once() {
    let mut rows = Vec::new();
    for index in 0..60 {
        let needs: Vec<String> = (0..60).filter(|other| *other != index).map(|other| format!("\"s{other}\"")).collect();
        rows.push(format!(
            "{{ name = \"s{index}\" package = \"Api\" binary = \"api\" dependsOn = [{}] }}",
            needs.join(", ")
        ));
    }
    let errors = compose_text(&stack(&format!("services = [\n{} ]", rows.join(",\n")))).unwrap_err();
    assert!(errors.matches("[E7]").count() <= 60, "{}", errors.len());
}

#[test]
fn programs_and_variables_are_plain_names() {
    for binary in ["../../../bin/sh", "a/b", "", ".", "..", "b\\nUser=root"] {
        let text = stack(&format!("services = [ {{ name = \"a\" package = \"Api\" binary = \"{binary}\" }} ]"));
        let errors = compose_text(&text).unwrap_err();
        assert!(errors.contains("[E1] `S.services[0].binary` is"), "{errors}");
    }
    check_errors(
        &stack(
            "services = [ { name = \"a\" package = \"Api\"\n binary = \"../sh -c id\"\n environment = { lower-case = \"x\"\n lower = \"y\" _ = \"z\" } } ]",
        ),
        expect![[r#"
            dir/test.pcl:4:11: error: [E1] `S.services[0].binary` is "../sh -c id", which is no name of a program in `bin`
            help: name a file in the package's `bin` directory, without `/`; what it is given goes into `args`
            dir/test.pcl:5:31: error: [E1] `S.services[0].environment.lower-case` cannot be a variable: systemd drops the name "lower-case"
            help: it begins with a letter or `_` and goes on with letters, digits and `_`
        "#]],
    );
}

#[test]
fn packages_are_packages_of_the_program() {
    check_errors(
        &(stack(
            "storeModules = [\"S\", \"Apj\", \"Lost\"]\nservices = [ { name = \"a\" package = \"S\" binary = \"b\" },\n{ name = \"b\" package = \"Ali\" binary = \"b\" } ]",
        ) + "module Lost { recipe = \"std.shell\" recipeArgs = { command = \"x\" } }"),
        expect![[r#"
            dir/test.pcl:3:17: error: [E2] `S.storeModules[0]` is "S", which is no package of this program
            help: the packages of the program are `Api`, `Lost`
            dir/test.pcl:3:22: error: [E2] `S.storeModules[1]` is "Apj", which is no package of this program
            help: did you mean `Api`?
            dir/test.pcl:3:29: error: [E8] `S.storeModules[2]` needs the package `Lost`, and it has no path in the store
            help: build it by itself to see why: punix build FILE Lost
            dir/test.pcl:4:37: error: [E2] `S.services[0].package` is "S", which is no package of this program
            help: the packages of the program are `Api`, `Lost`
            dir/test.pcl:5:24: error: [E2] `S.services[1].package` is "Ali", which is no package of this program
            help: did you mean `Api`?
        "#]],
    );
}

#[test]
fn modules_of_services_are_read_as_strictly_as_records() {
    check_errors(
        &(stack("services = [\"Nope\",\n\"One\", \"Two\",\n\"Three\"]")
            + "module One { binary = 7 args = \"x\" enviroment = { A = \"x\" } secretDelivery = \"post\" }
module Two { package = \"Api\" binary = \"x\" enable = \"yes\" environment = { A = 1 } serviceConfig = { A = { from_env = \"A\" } } }
module Three { name = [\"x\"] package = { a = 1 } binary = \"x\" dependsOn = \"One\" args = [1] tmpfiles = { from_env = \"X\" } }"),
        expect![[r#"
            dir/test.pcl:3:13: error: [E2] `S.services[0]` is "Nope", which is no module of this program
            help: the modules of the program are `Api`, `S`, `One`, `Two`, `Three`
            dir/test.pcl:7:8: error: [E3] `One` lacks the required field `package`
            help: add `package = …` (the name of a package module)
            dir/test.pcl:7:23: error: [E1] `One.binary` is a number, it takes a string
            dir/test.pcl:7:32: error: [E1] `One.args` is "x", it takes a list of strings
            dir/test.pcl:7:36: error: [E2] `One.enviroment` is not a field of a service
            help: did you mean `environment`? if it is meant for other members to use, give it another name
            dir/test.pcl:7:78: error: [E1] `One.secretDelivery` is "post": secrets are delivered as one of `environment-file`, `credential`, `inline`
            help: leave it out for `environment-file`
            dir/test.pcl:8:52: error: [E1] `Two.enable` is "yes", it takes true or false
            dir/test.pcl:8:78: error: [E1] `Two.environment.A` is a number, it takes a string, a secret reference or an artifact of another host
            dir/test.pcl:8:104: error: [E1] `Two.serviceConfig.A` is a secret reference, and none may stand here
            help: secrets belong into `environment` or into the `data` of a data file
            dir/test.pcl:9:23: error: [E1] `Three.name` is a list, it takes a string
            dir/test.pcl:9:39: error: [E1] `Three.package` is a record, it takes a string
            dir/test.pcl:9:74: error: [E1] `Three.dependsOn` is "One", it takes a list of strings
            dir/test.pcl:9:88: error: [E1] `Three.args[0]` is a number, it takes a string
            dir/test.pcl:9:102: error: [E1] `Three.tmpfiles` is a secret reference, and none may stand here
            help: secrets belong into `environment` or into the `data` of a data file
        "#]],
    );
}

#[test]
fn secrets_and_artifacts_stand_where_they_may() {
    check_errors(
        &(stack("services = [\"One\"]")
            + "module One { package = \"Api\" binary = \"x\"
environment = { T = { artifact = { host = \"mx\" name = \"tlsa\" } }
 U = { from_valt = \"kv/x#y\" } }
 health = { http = { from_env = \"URL\" }
 a = [{ b = { artifact = { host = \"mx\" name = \"x\" } } }] } }"),
        expect![[r#"
            dir/test.pcl:6:21: error: [E2] cross-host artifact(s) not available: artifact:mx:tlsa
            help: other hosts of a fleet give them: deploy the stack with `punix fleet apply`
            dir/test.pcl:7:6: error: [E2] `One.environment.U` refers to a secret, and no installed resolver answers `from_valt`
            help: did you mean `from_vault`?
            dir/test.pcl:8:20: error: [E1] `One.health.http` is a secret reference, it takes a string
            dir/test.pcl:8:20: error: [E1] `One.health.http` is a secret reference, and none may stand here
            help: secrets belong into `environment` or into the `data` of a data file
            dir/test.pcl:9:13: error: [E1] `One.health.a[0].b` is an artifact of another host, and none may stand here
            help: artifacts belong into `environment` or into the `data` of a data file
        "#]],
    );
}

#[test]
fn files_have_one_source_and_a_plain_path() {
    check_errors(
        &stack(
            "configFiles = [
  { path = \"relative\" content = \"x\" },
  { path = \"/etc/../etc/shadow\" content = \"x\" },
  { path = \"/etc/a b\" content = \"x\" },
  { path = \"/etc/a/\" content = \"x\" },
  { path = \"/\" content = \"x\" },
  { path = \"/etc/b\" content = \"x\" source = \"y\" },
  { path = \"/etc/c\" },
  { path = \"/etc/d\" content = \"x\" exclude = [\"*\"] },
  { path = \"/etc/e\" source = \"\" exclude = [\"\"] },
  { path = \"/etc/f\" content = \"x\" mode = \"0664\" },
  { path = \"/etc/g\" content = \"x\" mode = \"0640\" secret = true },
  { path = \"/etc/h\" content = \"x\" mode = \"rw\" owner = \"a b\" group = \"-x\" },
  { path = \"/etc/i\" content = \"x\" mode = \"4755\" restarts = [\"nope\"] reloads = [\"a\"] }
]
services = [ { name = \"a\" package = \"Api\" binary = \"api\" } ]",
        ),
        expect![[r#"
            dir/test.pcl:4:12: error: [E30] `S.configFiles[0].path` is "relative", which is not a plain absolute path: it does not start with `/`
            help: write it from the root on: `/etc/…`
            dir/test.pcl:5:12: error: [E30] `S.configFiles[1].path` is "/etc/../etc/shadow", which is not a plain absolute path: it has a part `..`
            help: write it from the root on: `/etc/…`
            dir/test.pcl:6:12: error: [E30] `S.configFiles[2].path` is "/etc/a b", which is not a plain absolute path: it may hold letters, digits, `.`, `_`, `-` and `/` only
            help: write it from the root on: `/etc/…`
            dir/test.pcl:8:12: error: [E30] `S.configFiles[4].path` is "/", which is not a plain absolute path: it is the root itself
            help: write it from the root on: `/etc/…`
            dir/test.pcl:9:44: error: [E6] `S.configFiles[5]` has both `content` and `source`
            help: the bytes of a file come from one place: remove one of them
            dir/test.pcl:10:3: error: [E3] `S.configFiles[6]` needs `content` or `source`
            help: add `content = "…"`, or `source = "…"` with a file or directory beside the program
            dir/test.pcl:11:45: error: [E2] `S.configFiles[7].exclude` leaves out files of a `source`, and here is `content`
            help: remove it
            dir/test.pcl:12:30: error: [E1] `S.configFiles[8].source` is "", which is no path
            help: name a file or a directory beside the program
            dir/test.pcl:12:44: error: [E1] `S.configFiles[8].exclude[0]` is empty, and a pattern has to match something
            help: remove it, or write a pattern such as `*.bak`
            dir/test.pcl:13:42: error: [E30] `S.configFiles[9].mode` is "0664", by which others than the owner can write
            help: take the write bits of group and others away, such as "0644"
            dir/test.pcl:14:42: error: [E30] `S.configFiles[10].mode` is "0640", by which others can read a secret
            help: a file with a secret is for its owner alone, such as "0600"
            dir/test.pcl:15:42: error: [E1] `S.configFiles[11].mode` is "rw", which is no mode of a file
            help: write it with octal digits, such as "0640"
            dir/test.pcl:15:55: error: [E1] `S.configFiles[11].owner` is "a b", which cannot be the name of a user
            help: name a user that the target knows; its number will do too
            dir/test.pcl:15:69: error: [E1] `S.configFiles[11].group` is "-x", which cannot be the name of a group
            help: name a group that the target knows; its number will do too
            dir/test.pcl:16:42: error: [E1] `S.configFiles[12].mode` is "4755", which is no mode of a file
            help: write it with octal digits, such as "0640"
            dir/test.pcl:16:61: error: [E2] `S.configFiles[12].restarts[0]` is "nope", which is not a service of this stack
            help: the services of the stack are `a`
        "#]],
    );
}

/// What leads nowhere in a path is left out, also at its end, whether the bytes come from the program or not.
#[test]
fn a_path_is_taken_for_where_it_leads() {
    check(
        &(stack(
            "dataFiles = [\"D\"]\nconfigFiles = [ { path = \"/etc/a/\" content = \"x\" }, { path = \"//etc/./b\" content = \"x\" } ]",
        ) + "module D { path = \"/etc/d//\" format = \"json\" data = { a = 1 } }\n"),
        expect![[r#"
            S systemd System
            file /etc/a raw "x"
            file /etc/b raw "x"
            file /etc/d std.datafile "{\n  \"a\": 1\n}\n"
        "#]],
    );
}

#[test]
fn a_users_files_are_below_the_home() {
    check(
        &stack(
            "scope = \"user\"\nconfigFiles = [ { path = \".config/x\" content = \"x\" }, { path = \"/home/ann/y\" content = \"\" } ]",
        ),
        expect![[r#"
            S systemd User
            file /home/ann/.config/x raw "x"
            file /home/ann/y raw 
        "#]],
    );
    check_errors(
        &stack("scope = \"user\"\nconfigFiles = [ { path = \"../bob/x\" content = \"x\" } ]"),
        expect![[r#"
        dir/test.pcl:4:26: error: [E30] `S.configFiles[0].path` is "../bob/x", which is not a plain absolute path: it has a part `..`
        help: write it from the root on, or from the home on: `.config/…`
    "#]],
    );
}

#[test]
fn data_files_are_held_against_their_formats() {
    check_errors(
        &(stack("dataFiles = [\"Nope\", \"A\", \"B\", \"C\",\n\"D\", \"E\", \"F\", \"G\"]")
            + "module A { path = \"/etc/a\" format = \"jsn\" data = { a = 1 } }
module B { path = \"etc/b\" format = \"yaml\" data = [\"a\"] }
module C { format = \"json\" data = { a = 1 } }
module D { path = \"/etc/d\" format = \"toml\" data = { a = { b = [{ c = 99999999999999999999 }] } } }
module E { path = \"/etc/e\" format = \"ini\" data = { a = { b = { c = 1 } } s = { x = \"two\\nlines\" y = \" z\" } } }
module F { path = \"/etc/f\" format = \"json\" data = { a = { artifact = { host = \"h\" name = \"n\" } } } mode = \"0644\" mod = 1 }
module G { path = \"/etc/g\" format = \"json\" data = { a = { from_env = \"A\" } } mode = \"0644\" restart = [\"a\"] }"),
        expect![[r#"
            dir/test.pcl:3:14: error: [E2] `S.dataFiles[0]` is "Nope", which is no module of this program
            help: the modules of the program are `Api`, `S`, `A`, `B`, `C`, `D`, `E`, `F`, `G`
            dir/test.pcl:6:37: error: [E2] `A.format` is "jsn", which is no format of a data file
            help: did you mean `json`?
            dir/test.pcl:7:19: error: [E30] `B.path` is "etc/b", which is not a plain absolute path: it does not start with `/`
            help: write it from the root on: `/etc/…`
            dir/test.pcl:7:50: error: [E1] `B.data` is no record, and the top level of a YAML file is one
            help: put it into a field: `data = { … }`
            dir/test.pcl:8:8: error: [E3] `C` lacks the required field `path`
            help: add `path = …` (where it is written)
            dir/test.pcl:9:70: error: [E1] `D.data.a.b[0].c` is larger than the integers of TOML are
            help: write it as a string
            dir/test.pcl:10:62: error: [E1] `E.data.a.b` is nested deeper than an INI file is
            help: a section of an INI file holds strings, numbers, `true` and `false`, and lists of these
            dir/test.pcl:10:84: error: [E1] `E.data.s.x` holds a line break or another control character, and a value of an INI file cannot
            help: INI has no quotes that all of its readers know: choose another format, or another value
            dir/test.pcl:10:101: error: [E1] `E.data.s.y` holds a blank at its beginning or end, and a value of an INI file cannot
            help: INI has no quotes that all of its readers know: choose another format, or another value
            dir/test.pcl:11:57: error: [E2] cross-host artifact(s) not available: artifact:h:n
            help: other hosts of a fleet give them: deploy the stack with `punix fleet apply`
            dir/test.pcl:12:85: error: [E30] `G.mode` is "0644", by which others can read a secret
            help: a file with a secret is for its owner alone, such as "0600"
            dir/test.pcl:12:92: error: [E2] `G.restart` is not a field of a data file
            help: did you mean `restarts`? if it is meant for other members to use, give it another name
        "#]],
    );
}

#[test]
fn certificates_are_for_hosts() {
    check_errors(
        &stack("tls = { acme = true domains = [\"../x\", \"a.org\", \"A.org\"] }"),
        expect![[r#"
            dir/test.pcl:3:7: error: [E3] `S.tls` lacks the required field `email`
            help: add `email = …` (required when `acme` is true)
            dir/test.pcl:3:32: error: [E1] `S.tls.domains[0]` is "../x", which is not a valid hostname
            help: a hostname is made of letters, digits and `-`, with dots between
            dir/test.pcl:3:49: error: [E6] the domain `A.org` is there twice, and a certificate is for each once
            help: remove one of them
        "#]],
    );
    check_errors(
        &stack("tls = { domains = [] }"),
        expect![[r#"
        dir/test.pcl:3:19: error: [E3] `S.tls.domains` must be a list with at least one name
        help: name the domains, or remove `tls`
    "#]],
    );
}

#[test]
fn what_a_generator_would_render_is_refused() {
    check_errors(
        &stack(
            "staticSites = [ { serverName = \"a.b\" root = \"Api\" } ]
reverseProxies = []
wireguard = { address = \"10.0.0.1/24\" privateKey = { from_env = \"K\" } }
configModules = []
producesArtifacts = [ { name = \"a\" kind = \"literal\" value = \"x\" } ]",
        ),
        expect![[r#"
            dir/test.pcl:3:15: error: [E2] `S.staticSites` needs a generator plugin, and there is none for it
            help: write the files that are needed with `configFiles` or `dataFiles`
            dir/test.pcl:5:13: error: [E2] `S.wireguard` needs a generator plugin, and there is none for it
            help: write the files that are needed with `configFiles` or `dataFiles`
        "#]],
    );
}

#[test]
fn nothing_is_composed_of_a_program_with_errors() {
    check_errors(
        &stack(
            "services = [ { name = 1 package = [\"x\"] binary = true },\n7 ]\nscope = \"root\"\nstoreModules = \"Api\"\nconfigFiles = [\"x\"]\ntls = \"x\"\ndataFiles = [1]\nsystemUsers = { from_env = \"X\" }",
        ),
        expect![[r#"
            dir/test.pcl:4:1: error: [E1] this element is `Int`, those before it are `{binary:Bool,name:Int,package:List[Str]}`
            help: all elements of a list have one type
            dir/test.pcl:5:1: error: [E1] `S.scope` is "root", it takes "system" or "user"
            dir/test.pcl:6:1: error: [E1] `S.storeModules` is "Api", it takes a list of strings
            dir/test.pcl:7:16: error: [E1] `S.configFiles[0]` is "x", it takes a record
            dir/test.pcl:8:1: error: [E1] `S.tls` is "x", it takes a record
            dir/test.pcl:9:14: error: [E1] `S.dataFiles[0]` is a number, it takes a string
            dir/test.pcl:10:1: error: [E1] `S.systemUsers` is a secret reference, it takes a list of records
        "#]],
    );
    check_errors(
        "module S { backend = 3 }",
        expect![[r#"
        dir/test.pcl:2:12: error: [E1] `S.backend` is a number, it takes a string
    "#]],
    );
    check_errors(
        "module S { backend = { from_env = \"X\" } services = nope }",
        expect![[r#"
        dir/test.pcl:2:12: error: [E1] `S.backend` is a secret reference, it takes a string
        dir/test.pcl:2:52: error: [E2] the module `S` has no member `nope`
    "#]],
    );
    check_errors(
        "module S { option backend : Str option services : List[Str] }",
        expect![[r#"
        dir/test.pcl:2:19: error: [E3] nothing fills the required option `S.backend`
        help: give it a default, or write `S.backend = …` in some module
        dir/test.pcl:2:40: error: [E3] nothing fills the required option `S.services`
        help: give it a default, or write `S.services = …` in some module
    "#]],
    );
}

#[test]
fn more_text_than_fits_anywhere_is_refused() {
    let mut text = "module S { backend = \"systemd\" dataFiles = [\"D\"] }\nmodule D { path = \"/etc/d\" format = \"json\" data = { a = a0 }\n".to_owned();
    for level in 0..60 {
        let _ = writeln!(text, "a{level} = [a{next}, a{next}]", next = level + 1);
    }
    text.push_str("a60 = [\"x\"]\n}");
    check_errors(
        &text,
        expect![[r#"
        dir/test.pcl:3:51: error: [E20] with `D.data` the stack holds more than 256 MiB of text
        help: bring large files by `source`, which is copied and not read into memory
    "#]],
    );
}

#[test]
fn values_from_elsewhere_are_shown_where_they_are_used_and_written() {
    check_errors(
        &(service("").replace("name = \"a\"", "name = Names.bad\n dependsOn = Names.all").as_str().to_owned()
            + "module Names { bad = \"a/b\"\n all = [\"x\"] }"),
        expect![[r#"
            dir/test.pcl:3:16: error: [E1] `S.services[0].name` is "a/b", which cannot be the name of a service
            dir/test.pcl:7:22: note: the value comes from here
            help: it begins with a letter or a digit, goes on with letters, digits, `_`, `.` and `-`, and has at most 64 characters: it becomes the name of a unit
            dir/test.pcl:8:9: error: [E2] service `S.services[0]` depends on "x", which is not a service of this stack
            help: the stack has no services
        "#]],
    );
}

#[test]
fn of_very_many_errors_some_are_told() {
    let rows: Vec<String> =
        (0..3_000).map(|index| format!("{{ name = \"-{index}\" package = \"Nope\" binary = \"b\" }}")).collect();
    let errors = compose_text(&stack(&format!("services = [\n{} ]", rows.join(",\n")))).unwrap_err();
    assert_eq!(errors.lines().filter(|line| line.contains(": error: ")).count(), 1_000);
    assert!(errors.contains("note: and 5000 more errors"), "{}", errors.lines().last().unwrap());
}

#[test]
fn deep_data_is_taken_over() {
    let mut text = "module S { backend = \"systemd\" dataFiles = [\"D\"] }\nmodule D { path = \"/etc/d\" format = \"json\" data = { a = a0 }\n".to_owned();
    for level in 0..990 {
        let _ = writeln!(text, "a{level} = [a{}]", level + 1);
    }
    text.push_str("a990 = 1\n}");
    assert!(compose_text(&text).is_ok());
}
