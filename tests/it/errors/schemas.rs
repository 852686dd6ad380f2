//! E1, E2 and E3 for the fields of packages, stacks and fleets, and warnings for members that nothing reads.

use super::{drawn, told};
use expect_test::expect;

#[test]
fn a_package_field_of_the_wrong_type() {
    told(
        r#"module web { recipe = "std.make"  version = 3 }"#,
        expect![[r#"
        test.pcl:1:35: error: [E1] `web.version` is a number, it takes a string
    "#]],
    );
    told(
        r#"module web { recipe = "std.make"  deps = "zlib" }"#,
        expect![[r#"
        test.pcl:1:35: error: [E1] `web.deps` is "zlib", it takes a list of strings
    "#]],
    );
    told(
        r#"module web { recipe = "std.make"  source = "u" }"#,
        expect![[r#"
        test.pcl:1:35: error: [E1] `web.source` is "u", it takes a record
    "#]],
    );
    told(
        r#"module web { recipe = "std.make"  pname = { from_env = "N" } }"#,
        expect![[r#"
        test.pcl:1:35: error: [E1] `web.pname` is a secret reference, it takes a string
    "#]],
    );
    told(
        "module web { recipe = true }",
        expect![[r#"
        test.pcl:1:14: error: [E1] `web.recipe` is a boolean, it takes a string
    "#]],
    );
    told(
        r#"module web { option recipe : Str = "r"  option version : Int = 1 }
module o { web.version = 2 }"#,
        expect![[r#"
            test.pcl:2:12: error: [E1] `web.version` is a number, it takes a string
        "#]],
    );
}

#[test]
fn a_package_field_that_is_misspelt() {
    told(
        r#"module web { recipe = "std.make"  verison = "1" }"#,
        expect![[r#"
        test.pcl:1:35: error: [E2] `web.verison` is not a field of a package
        help: did you mean `version`?
    "#]],
    );
    told(
        r#"module web { recipe = "std.make"  dep = [] }"#,
        expect![[r#"
        test.pcl:1:35: warning: nothing reads `web.dep`, and it is not a field of a package
        help: did you mean `deps`?
    "#]],
    );
    told(
        r#"module web { recipe = "std.make"  recipeArg = { a = 1 } }"#,
        expect![[r#"
        test.pcl:1:35: error: [E2] `web.recipeArg` is not a field of a package
        help: did you mean `recipeArgs`?
    "#]],
    );
    told(
        r#"module web { recpie = "std.make"  version = "1"  source = { url = "u" } }"#,
        expect![[r#"
        test.pcl:1:14: error: [E2] `web.recpie` is not a field of a package
        help: did you mean `recipe`? without it the module is no package
    "#]],
    );
}

#[test]
fn a_helper_that_something_reads_is_no_error() {
    told(r#"module web { recipe = "std.make"  verison = "1"  version = verison }"#, expect![[""]]);
    told(r#"module web { recipe = "std.make"  flags = ["-O2"]  recipeArgs = { flags = flags } }"#, expect![[""]]);
}

#[test]
fn a_helper_that_nothing_reads_is_a_warning() {
    told(
        r#"module web { recipe = "std.make"  flags = ["-O2"] }"#,
        expect![[r#"
        test.pcl:1:35: warning: nothing reads `web.flags`, and it is not a field of a package
        help: the fields of a package are `recipe`, `pname`, `version`, `source`, `recipeArgs`, `deps`, `meta`
    "#]],
    );
    told(
        r#"module S { backend = "systemd"  port = 80 }"#,
        expect![[r#"
        test.pcl:1:33: warning: nothing reads `S.port`, and it is not a field of a stack
        help: the fields of a stack are `backend`, `scope`, `storeModules`, `configFiles`, `dataFiles`, `configModules`, `systemUsers`, `systemGroups`, `tls`, `producesArtifacts`, `staticSites`, `reverseProxies`, and 8 more
    "#]],
    );
}

#[test]
fn a_stack_field_of_the_wrong_type() {
    told(
        "module S { backend = 1 }",
        expect![[r#"
        test.pcl:1:12: error: [E1] `S.backend` is a number, it takes a string
    "#]],
    );
    told(
        r#"module S { backend = "systemd"  scope = "host" }"#,
        expect![[r#"
        test.pcl:1:33: error: [E1] `S.scope` is "host", it takes "system" or "user"
    "#]],
    );
    told(
        r#"module S { backend = "systemd"  storeModules = ["a", "b"]  services = "web" }"#,
        expect![[r#"
        test.pcl:1:60: error: [E1] `S.services` is "web", it takes a list of strings or records
    "#]],
    );
    told(
        r#"module S {
  backend = "systemd"
  services = [{ name = "web" package = "p" binary = "b" args = "-v" enable = "yes" }]
}"#,
        expect![[r#"
            test.pcl:3:57: error: [E1] `S.services[0].args` is "-v", it takes a list of strings
            test.pcl:3:69: error: [E1] `S.services[0].enable` is "yes", it takes true or false
        "#]],
    );
}

#[test]
fn a_stack_field_that_is_misspelt() {
    told(
        r#"module S { backend = "systemd"  service = [] }"#,
        expect![[r#"
        test.pcl:1:33: error: [E2] `S.service` is not a field of a stack
        help: did you mean `services`?
    "#]],
    );
    told(
        r#"module S {
  backend = "systemd"
  services = [{ name = "web" package = "p" binary = "b" enviroment = { A = "b" } }]
}"#,
        expect![[r#"
            test.pcl:3:57: error: [E2] `S.services[0]` has no field `enviroment`
            help: did you mean `environment`?
        "#]],
    );
    told(
        r#"module S { backend = "systemd"  configFiles = [{ path = "/etc/x" content = "c" colour = "red" }] }"#,
        expect![[r#"
        test.pcl:1:80: error: [E2] `S.configFiles[0]` has no field `colour`
        help: its fields are `path`, `content`, `source`, `exclude`, `secret`, `mode`, `owner`, `group`, `restarts`, `reloads`
    "#]],
    );
    told(
        r#"module S { bakend = "systemd"  services = []  scope = "user" }"#,
        expect![[r#"
        test.pcl:1:12: error: [E2] `S.bakend` is not a field of a stack
        help: did you mean `backend`? without it the module is no stack
    "#]],
    );
}

#[test]
fn a_required_field_is_missing() {
    told(
        r#"module S {
  backend = "systemd"
  services = [{ name = "web" }]
}"#,
        expect![[r#"
            test.pcl:3:15: error: [E3] `S.services[0]` lacks the required field `package`
            help: add `package = …` (a string)
            test.pcl:3:15: error: [E3] `S.services[0]` lacks the required field `binary`
            help: add `binary = …` (a string)
        "#]],
    );
    told(
        r#"module Fleet { hosts = [{ file = "a.pcl" stack = "S" }] }"#,
        expect![[r#"
        test.pcl:1:25: error: [E3] `Fleet.hosts[0]` lacks the required field `target`
        help: add `target = …` (a string)
    "#]],
    );
}

#[test]
fn values_are_found_where_they_are_written() {
    told(
        r#"module S {
  backend = "systemd"
  one = { name = "web" package = "p" binary = 5 }
  services = [one]
}"#,
        expect![[r#"
            test.pcl:3:38: error: [E1] `S.services[0].binary` is a number, it takes a string
        "#]],
    );
    told(
        r#"module S {
  backend = "systemd"
  environment = { PORT = 80 }
  services = [{ name = "web" package = "p" binary = "b" environment = environment }]
}"#,
        expect![[r#"
            test.pcl:3:19: error: [E1] `S.services[0].environment.PORT` is a number, it takes a string or a secret reference
        "#]],
    );
}

#[test]
fn a_fleet_field_of_the_wrong_type() {
    told(
        r#"module Fleet { hosts = [{ file = "a.pcl" stack = "S" target = 1 }] }"#,
        expect![[r#"
        test.pcl:1:54: error: [E1] `Fleet.hosts[0].target` is a number, it takes a string
    "#]],
    );
    told(
        r#"module Fleet { hosts = [{ file = "a.pcl" stack = "S" target = "local:" mashine = "m" }]  machines = { a = 1 } }"#,
        expect![[r#"
        test.pcl:1:72: error: [E2] `Fleet.hosts[0]` has no field `mashine`
        help: did you mean `machine`?
        test.pcl:1:103: error: [E1] `Fleet.machines.a` is a number, it takes a record
    "#]],
    );
}

#[test]
fn a_secret_of_an_unknown_kind_is_a_warning() {
    told(
        r#"module A { x = { from_evn = "K" } }"#,
        expect![[r#"
        test.pcl:1:16: warning: no installed resolver answers `from_evn`
        help: did you mean `from_env`?
    "#]],
    );
    told(
        r#"module A { x = { from_keyring = "K" } }"#,
        expect![[r#"
        test.pcl:1:16: warning: no installed resolver answers `from_keyring`
        help: `{ from_keyring = "…" }` is a secret reference; rename the field if it is no secret
    "#]],
    );
}

#[test]
fn an_excerpt_shows_the_field() {
    drawn(
        r#"module S {
  backend = "systemd"
  services = [{ name = "web" package = "p" binary = "b" enviroment = { A = "b" } }]
}"#,
        expect![[r#"
            test.pcl:3:57: error: [E2] `S.services[0]` has no field `enviroment`
              |
            3 |   services = [{ name = "web" package = "p" binary = "b" enviroment = { A = "b" } }]
              |                                                         ^^^^^^^^^^
            help: did you mean `environment`?
        "#]],
    );
}
