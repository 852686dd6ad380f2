//! Packages that are built on the machine for which they are, of sources that were had here.

use super::{Host, good, host, write_program};
use crate::service::sandbox;
use crate::support::run;
use std::fs;

/// A package that a second one needs, with a patch, and a service of the second.
const PROGRAM: &str = r#"module Words {
  recipe = "std.shell"
  pname = "words"
  version = "1.0"
  source = { type = "local"  path = "words"  patches = [ { path = "words.patch" } ] }
  recipeArgs = { command = "mkdir -p $OUTPUT/share && cp words $OUTPUT/share/words" }
}
module Tool {
  recipe = "std.shell"
  pname = "tool"
  version = "1.0"
  source = { type = "local"  path = "src" }
  deps = ["words"]
  recipeArgs = { command = "mkdir -p $OUTPUT/bin && sed \"s,WORDS,$DEP_0/share/words,\" tool > $OUTPUT/bin/tool" }
}
module Web {
  backend = "systemd"
  services = [ { name = "web"  package = "Tool"  binary = "tool" } ]
}
"#;

const TOOL: &str = "#!/bin/sh\ncp WORDS /run/said\nexec sleep 1000000\n";
const PATCH: &str = "--- a/words\n+++ b/words\n@@ -1 +1 @@\n-hello\n+good day\n";

fn site() -> Option<Host> {
    let host = host()?;
    fs::write(host.shared("p.pcl"), PROGRAM).unwrap();
    fs::write(host.shared("words.patch"), PATCH).unwrap();
    fs::create_dir(host.shared("words")).unwrap();
    fs::write(host.shared("words/words"), "hello\n").unwrap();
    write_program(&host.shared("src/tool"), TOOL);
    Some(host)
}

fn deploy(host: &Host, more: &[&str]) -> crate::support::Outcome {
    let words = [&["deploy", "Web", "--file", "p.pcl", "--build-on-target"], sandbox(), more].concat();
    run(host.service("root", words))
}

/// Returns what the store of this machine has: the names without digests.
fn entries_here(host: &Host) -> Vec<String> {
    let names = fs::read_dir(host.store()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter_map(|name| Some(name.split_once('-')?.1.to_owned())).collect();
    names.retain(|name| name.ends_with("-1.0"));
    names.sort();
    names
}

#[test]
fn packages_are_built_where_they_are_for() {
    let Some(host) = site() else { return };
    let logins = host.logins();
    let first = good(deploy(&host, &["--activate"]));
    assert!(first.stdout.starts_with("deployed: stack Web → gen-001"), "{first:?}");
    assert!(first.stderr.contains("gets `punix-build` for "), "{first:?}");
    assert!(first.stderr.contains("building tool-1.0"), "{first:?}");
    assert_eq!(host.logins(), logins + 1, "both programs share a connection");
    assert_eq!(host.shell("until test -e /run/said; do sleep 0.1; done; cat /run/said"), "good day");
    // Here are sources, and there is what was made of them.
    assert_eq!(entries_here(&host), ["source-1.0", "source-1.0"]);
    let there = host.shell(&format!("ls {} | grep -cE -- '-(tool|words)-1.0$'", host.store().display()));
    assert_eq!(there, "2");
    good(run(host.service("root", ["verify", "Web"])));
    // What is there is neither built nor brought again.
    let again = good(deploy(&host, &[]));
    assert!(again.stdout.starts_with("unchanged: stack Web at gen-001"), "{again:?}");
    assert!(!again.stderr.contains("building"), "{again:?}");
    // One source changes, and what does not need it stays.
    write_program(&host.shared("src/tool"), &TOOL.replace("exec", "echo more >> /run/said\nexec"));
    let second = good(deploy(&host, &["--activate"]));
    assert!(second.stderr.contains("building tool-1.0") && !second.stderr.contains("building words"), "{second:?}");
    assert_eq!(entries_here(&host).len(), 3);
}

#[test]
fn a_build_that_fails_there_leaves_what_is_live() {
    let Some(host) = site() else { return };
    good(deploy(&host, &[]));
    fs::write(host.shared("p.pcl"), PROGRAM.replace("mkdir -p $OUTPUT/bin", "echo so it was; exit 7")).unwrap();
    let failed = deploy(&host, &[]);
    assert_eq!(failed.code, Some(3), "{failed:?}");
    for words in ["the build ended with exit code 7", "| so it was", "this was built on the target"] {
        assert!(failed.stderr.contains(words), "`{words}`: {failed:?}");
    }
    assert_eq!(host.shell("ls ~root/.punix/deployments/Web/*.json | wc -l"), "1");
}
