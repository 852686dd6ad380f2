//! What plugins had for memory in real runs, each dumped whole when it went: no secret was ever in one of them.

use super::super::{ROOT, fine};
use super::Cage;
use crate::support::run;
use std::fs;

#[test]
fn no_plugin_has_one_in_its_memory() {
    let mut cage = Cage::new();
    let memories = cage.place.path("memories");
    fs::create_dir(&memories).expect("it can be made");
    cage.place = cage.place.set("PUNIX_DRILL_MEMORIES", &memories.to_string_lossy());
    let systemctl = cage.place.write("systemctl", "#!/bin/sh\nexit 0\n");
    fs::set_permissions(&systemctl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    cage.place.write(
        "web/fleet.pcl",
        "module Fleet { hosts = [ { file = \"p.pcl\"  stack = \"Web\"  target = \"ssh://op@one.example\" } ] }\n",
    );
    let sandbox = super::super::rotated::sandbox();
    let looked = |command: std::process::Command, at_least: usize, has: &[&str]| {
        let outcome = run(command);
        cage.silent(&outcome);
        assert!(matches!(outcome.code, Some(0 | 1)), "{outcome:#?}");
        let mut found: Vec<Vec<u8>> = Vec::new();
        for entry in fs::read_dir(&memories).expect("it is there") {
            let path = entry.expect("it can be read").path();
            found.push(fs::read(&path).expect("it was written"));
            fs::remove_file(path).expect("it is ours");
        }
        assert!(found.len() >= at_least, "only {} memories: {outcome:#?}", found.len());
        for memory in &found {
            cage.absent("the memory of a plugin", memory);
        }
        for text in has {
            let is_there = found.iter().any(|memory| memory.windows(text.len()).any(|piece| piece == text.as_bytes()));
            assert!(is_there, "`{text}` is in no memory, so these are not those that were meant");
        }
    };
    // Three resolvers and a backend, which knows what the secrets are called.
    let told = ["vault.no-credentials", "from_vault:kv/web#pass", "cred.service"];
    looked(cage.place.command(cage.deploy(&["--json"])), 4, &told);
    let activated = ["--force-generation", "--restart", "all", "--activate", "--systemctl", "./systemctl"];
    looked(cage.place.command(cage.deploy(&activated)), 5, &["unit.service"]);
    let plan = ["service", "plan", "Web", "--file", "web/p.pcl"];
    looked(cage.place.command(plan.iter().chain(&ROOT).chain(sandbox)), 4, &told);
    let back = ["service", "rollback", "Web", "--resolve-secrets"];
    looked(cage.place.command(back.iter().chain(&ROOT)), 3, &["vault.no-credentials"]);
    let apply = ["fleet", "apply", "web/fleet.pcl", "--transport-root", "hosts"];
    looked(cage.place.command(apply.iter().chain(sandbox)), 4, &told);
    let check = ["secrets", "check", "Web", "--file", "web/p.pcl"];
    looked(cage.place.command(check), 3, &["vault.no-credentials"]);
    // Those that fail keep nothing back, either.
    let mut wrong = cage.place.command(cage.deploy(&["--force-generation"]));
    wrong.env("VAULT_TOKEN", &cage.text("fetch")[..20]);
    looked(wrong, 3, &["vault.no-credentials"]);
    fine(run(cage.place.command(cage.deploy(&["--force-generation"]))));
    fs::remove_dir_all(&memories).expect("it is there");
    assert_eq!(cage.kept("looked at"), 10);
}
