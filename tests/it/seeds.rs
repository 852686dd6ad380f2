//! The texts from which the project was asked for, each completed to a program: they check clean as they stand.

use crate::support::{check_text, lines};

#[track_caller]
fn is_clean(text: &str) {
    assert_eq!(lines(&check_text(text)), "", "{text}");
}

#[test]
fn the_fleet_whose_hosts_stand_on_lines_of_their_own() {
    is_clean(
        r#"# fleet.pcl
module Fleet {
hosts = [
{ file = "hosts/web.pcl" stack = "WebStack" target = "ssh://deploy@web.example.com" machine = "web" }
{ file = "hosts/db.pcl" stack = "DbStack" target = "ssh://deploy@db.example.com" machine = "db" }
]
}
"#,
    );
}

#[test]
fn a_fleet_in_which_only_some_hosts_are_machines() {
    is_clean(
        r#"module Fleet {
  hosts = [
    { file = "hosts/web.pcl" stack = "WebStack" target = "ssh://deploy@web.example.com" machine = "web" }
    { file = "hosts/db.pcl" stack = "DbStack" target = "ssh://deploy@db.example.com:2222" }
  ]
  machines = { web = { address = "10.0.0.1"  port = 80 } }
  globals = { domain = "example.com" }
  uniqueFields = ["address"]
}
"#,
    );
}

#[test]
fn a_source_with_a_token() {
    is_clean(
        r#"module Private {
  recipe = "std.make"
  source = { url = "https://example.com/private-1.0.tar.gz", token = { from_env = "FETCH_TOKEN" } }
}
"#,
    );
}

#[test]
fn a_stack_that_names_its_package_and_its_secrets() {
    is_clean(
        r#"module Caddy { recipe = "std.binary"  version = "2.9" }
module MyStack {
  backend = "systemd"
  services = [
    {
      name = "caddy"
      package = "Caddy"
      binary = "caddy"
      environment = { LOG_LEVEL = "info"  DB_PW = { from_vault = "db_pw" } }
    }
  ]
  configFiles = [{ path = "/etc/caddy/Caddyfile"  content = f"root {Caddy.out}/share\n" }]
}
module ConfigOnly { backend = "systemd"  services = [] }
"#,
    );
}
