//! A fleet of real machines, of which one is down, one has no room, one starts nothing and one gives what others need and
//! fails: the others live, and what is told is what the pages say. And a controller that is killed between them.

#![allow(clippy::print_stdout, reason = "how often each end was met is for whoever reads the run")]

use super::{Host, PATH, good, host, write_program};
use crate::kill::times;
use crate::support::{Folder, Outcome, punix, run};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

/// A fleet, and the directory of whoever works on it. Every machine lets the same key in.
struct Fleet {
    folder: Folder,
    /// By name, in the order of the file.
    hosts: Vec<(&'static str, Host)>,
}

impl Fleet {
    /// Boots a machine for each name; nothing where that cannot be done, which is counted.
    fn of(names: &[&'static str]) -> Option<Fleet> {
        let hosts: Option<Vec<_>> = names.iter().map(|name| Some((*name, host()?))).collect();
        let (folder, hosts) = (Folder::new(), hosts?);
        let key = hosts.first().expect("a fleet has hosts").1.key();
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        let mut known = String::new();
        for (_, host) in &hosts {
            host.shell(&format!("echo '{}' >> ~root/.ssh/authorized_keys", public.trim()));
            known += &fs::read_to_string(host.known_hosts()).unwrap();
        }
        folder.write("known_hosts", known);
        folder.write("home/.keep", "");
        let fleet = Fleet { folder, hosts };
        let row = |(name, host): &(&str, Host)| {
            let target = host.target("root");
            format!(
                "    {{ file = \"{name}.pcl\" stack = \"{}\" target = \"{target}\" machine = \"{name}\" }}\n",
                stack(name)
            )
        };
        let rows: String = fleet.hosts.iter().map(row).collect();
        fleet.folder.write("fleet.pcl", format!("module Fleet {{\n  hosts = [\n{rows}  ]\n}}\n"));
        Some(fleet)
    }

    fn host(&self, name: &str) -> &Host {
        &self.hosts.iter().find(|(known, _)| *known == name).expect("it is one of them").1
    }

    fn write(&self, name: &str, program: &str) {
        self.folder.write(&format!("{name}.pcl"), program);
    }

    fn command(&self, verb: &str, more: &[&str]) -> Command {
        let path = self.folder.path();
        let mut command = punix();
        command.args(["fleet", verb, "fleet.pcl"]).args(more).arg("--key").arg(self.hosts[0].1.key());
        command.arg("--known-hosts").arg(path.join("known_hosts")).current_dir(path).env("HOME", path.join("home"));
        command.env("USER", "op").env("PATH", PATH).env("PUNIX_STORE_DIR", path.join("store"));
        command
    }

    /// Runs a verb. Machines are called by their names in what it says.
    fn fleet(&self, verb: &str, more: &[&str]) -> Outcome {
        let mut outcome = run(self.command(verb, more));
        for (name, host) in &self.hosts {
            for text in [&mut outcome.stdout, &mut outcome.stderr] {
                *text = text.replace(&host.target("root"), &format!("ssh://{name}"));
            }
        }
        outcome
    }
}

impl Drop for Fleet {
    /// Entries of a store are read-only.
    fn drop(&mut self) {
        let mut command = crate::support::scrubbed("chmod");
        let _ = run({
            command.env("PATH", PATH).args(["-R", "u+rwX"]).arg(self.folder.path());
            command
        });
    }
}

/// Returns the name of a host's stack: `Web`.
fn stack(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

fn plain(name: &str, rest: &str) -> String {
    format!(
        "module {} {{\n  backend = \"systemd\"\n  configFiles = [ {{ path = \"/etc/{name}.conf\"  content = \"{name}\\n\" }} ]\n{rest}}}\n",
        stack(name)
    )
}

/// Returns a program with one service. It starts only if `--fail` is not what it is called with.
fn serving(name: &str, word: &str, rest: &str) -> String {
    format!(
        "module Tool {{\n  recipe = \"std.shell\"\n  pname = \"tool\"\n  version = \"1.0\"\n  source = {{ type = \"local\"  path = \
         \"src\" }}\n  recipeArgs = {{ command = \"mkdir -p $OUTPUT/bin && cp tool $OUTPUT/bin/tool && chmod 755 \
         $OUTPUT/bin/tool\" }}\n}}\nmodule {} {{\n  backend = \"systemd\"\n  services = [ {{ name = \"{name}\"  package = \"Tool\"  \
         binary = \"tool\"  args = [\"{word}\"]\n      {rest} }} ]\n}}\n",
        stack(name)
    )
}

const TOOL: &str = "#!/bin/sh\n[ \"$1\" = --fail ] && exit 7\nprintf %s \"$GIVEN\" > /run/given\nexec sleep 1000000\n";

#[test]
fn machines_that_fail_in_four_ways_keep_the_others_from_nothing() {
    let Some(fleet) = Fleet::of(&["dns", "web", "down", "full", "unit", "db"]) else { return };
    write_program(&fleet.folder.path().join("src/tool"), TOOL);
    let given = "environment = { GIVEN = { artifact = { host = \"full\"  name = \"word\" } } }";
    fleet.write("dns", &serving("dns", "serve", given));
    fleet.write("web", &serving("web", "serve", ""));
    fleet.write("down", &plain("down", ""));
    fleet.write(
        "full",
        &plain("full", "  producesArtifacts = [ { name = \"word\"  kind = \"literal\"  value = \"given\" } ]\n"),
    );
    fleet.write("unit", &serving("unit", "--fail", "serviceConfig = { Type = \"oneshot\" }"));
    fleet.write("db", &plain("db", ""));
    fleet.host("down").kill();
    fleet.host("full").shell(
        "cd ~root && mkdir -p .punix/deployments && mount -t tmpfs -o size=16k small .punix/deployments \
         && head -c 12k /dev/zero > .punix/deployments/full",
    );
    let words = [&["--activate", "--enable"], crate::service::sandbox()].concat();
    let outcome = fleet.fleet("apply", &words);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let stdout = "  ✓ Web → ssh://web\n  ✓ Unit → ssh://unit\n  ✓ Db → ssh://db\nfleet: 3/6 host(s) deployed\n";
    assert_eq!(outcome.stdout, stdout, "{outcome:?}");
    // What is built is said before any machine is touched.
    let lines: Vec<&str> = outcome.stderr.lines().filter(|line| !line.starts_with('[')).collect();
    let [down, full, dns, unit] = lines.as_slice() else { panic!("{}", outcome.stderr) };
    assert!(down.starts_with("  ✗ Down → ssh://down: [E31] there is no way to `ssh://down`"), "{down}");
    assert!(full.starts_with("  ✗ Full → ssh://full: [E31] ") && full.contains("room"), "{full}");
    assert_eq!(*dns, "  ⊘ Dns → ssh://dns: blocked — upstream full:word unavailable");
    assert!(unit.starts_with("    ⚠ ssh://unit: unit.service did not (re)start: "), "{unit}");
    // Those that are told of as deployed live, and nobody else was touched.
    assert_eq!(
        fleet.host("web").shell("systemctl is-active web.service; systemctl is-enabled web.service"),
        "active\nenabled"
    );
    assert_eq!(fleet.host("db").shell("cat /etc/db.conf"), "db");
    let state =
        fleet.host("unit").shell("systemctl is-active unit.service; readlink ~root/.punix/deployments/Unit/current");
    assert_eq!(state, "failed\ngen-001.json");
    fleet.host("dns").shell("! test -e /etc/systemd/system/dns.service && ! test -e ~root/.punix/deployments/Dns");
    fleet.host("full").shell("! test -e /etc/full.conf && ! test -e ~root/.punix/deployments/Full");
    let status = fleet.fleet("status", &[]);
    assert_eq!(status.code, Some(1), "{status:?}");
    assert!(status.stdout.contains("unit.service"), "{}", status.stdout);
    // With everything mended the next run brings the rest. A unit whose definition is the same is left as it is.
    fleet.host("down").boot();
    fleet.host("full").shell("cd ~root && umount .punix/deployments");
    let outcome = fleet.fleet("apply", &words);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
    assert!(outcome.stdout.ends_with("fleet: 6/6 host(s) deployed\n"), "{outcome:?}");
    let wait = "for i in $(seq 100); do [ -s /run/given ] && break; sleep 0.1; done; cat /run/given";
    assert_eq!(fleet.host("dns").shell(wait), "given");
}

#[test]
fn one_machine_that_cannot_be_made_ready_keeps_all_others_as_they_are() {
    let Some(fleet) = Fleet::of(&["web", "db"]) else { return };
    fleet.write("web", &plain("web", ""));
    fleet.write("db", &plain("db", ""));
    fleet.host("db").shell("mkdir /etc/db.conf");
    let outcome = fleet.fleet("apply", &["--stage-first"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), "fleet: 0/2 host(s) deployed\n"), "{outcome:?}");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let [web, db] = lines.as_slice() else { panic!("{}", outcome.stderr) };
    assert_eq!(*web, "  ⊘ Web → ssh://web: not attempted (a host could not be made ready)");
    assert!(db.starts_with("  ✗ Db → ssh://db: "), "{db}");
    fleet.host("web").shell("! ls /etc/web.conf /etc/.punix-* 2>/dev/null");
    fleet.host("db").shell("rmdir /etc/db.conf");
    // A rehearsal shows what would be done there, and does nothing of it.
    let rehearsed = good(fleet.fleet("apply", &["--stage-first", "--dry-run"]));
    assert!(rehearsed.stdout.starts_with("  ± Web → ssh://web\n"), "{rehearsed:?}");
    fleet.host("web").shell("! test -e /etc/web.conf && ! test -e ~root/.punix/deployments/Web");
    good(fleet.fleet("apply", &["--stage-first"]));
    assert_eq!(fleet.host("web").shell("cat /etc/web.conf") + &fleet.host("db").shell("cat /etc/db.conf"), "webdb");
}

/// Returns which generation is live on a machine, as it is seen from here: so soon nobody there could tell.
fn current(host: &Host, stack: &str) -> Option<String> {
    let inner = fs::read_to_string(host.folder.path().join("inner")).ok()?;
    let link = format!("/proc/{}/root/root/.punix/deployments/{stack}/current", inner.trim());
    fs::read_link(link).ok()?.into_os_string().into_string().ok()
}

const FILES: usize = 10;

fn numbered(name: &str, number: usize) -> String {
    let file = |at: usize| format!("    {{ path = \"/etc/{name}/{at:02}\"  content = \"{number}\\n\" }}\n");
    let files: String = (0..FILES).map(file).collect();
    format!("module {} {{\n  backend = \"systemd\"\n  configFiles = [\n{files}  ]\n}}\n", stack(name))
}

/// Killed anywhere, with all that it started: one more deploy brings all machines to the new generation, and a rollback
/// all of them to the old one.
#[test]
fn a_controller_that_is_killed_leaves_nothing_that_the_next_command_does_not_settle() {
    let Some(fleet) = Fleet::of(&["web", "db"]) else { return };
    let write = |number: usize| {
        for name in ["web", "db"] {
            fleet.write(name, &numbered(name, number));
        }
    };
    let standing = || -> Vec<usize> {
        let of = |(name, host): &(&str, Host)| {
            let found = host.shell(&format!("sort -u /etc/{name}/*"));
            found.parse().unwrap_or_else(|_| panic!("files of several generations: {found:?}"))
        };
        fleet.hosts.iter().map(of).collect()
    };
    write(0);
    good(fleet.fleet("apply", &["--stage-first"]));
    write(1);
    let begun = Instant::now();
    good(fleet.fleet("apply", &["--stage-first"]));
    let whole = begun.elapsed();
    good(fleet.fleet("rollback", &[]));
    let rounds = times(4, 30);
    let (mut old, mut new, mut mixed) = (0, 0, 0);
    for round in 0..rounds {
        let number = round + 2;
        write(number);
        let mut command = fleet.command("apply", &["--stage-first", "--jobs", "1"]);
        command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        if round % 3 == 1 {
            // When the first one is live, and the second one is not yet.
            while current(fleet.host("web"), "Web").as_deref() == Some("gen-001.json")
                && child.try_wait().unwrap().is_none()
            {
                std::hint::spin_loop();
            }
            // Starting a program that kills would take longer than there is time.
            let _ = child.kill();
        } else {
            // All over its time, most of them where hosts go live.
            std::thread::sleep(whole.mul_f64(0.4 + 0.6 * (round * 7 % 11) as f64 / 11.0));
        }
        let mut kill = crate::support::scrubbed("kill");
        kill.env("PATH", PATH).args(["-9", "--", &format!("-{}", child.id())]);
        let _ = run(kill);
        let _ = child.wait();
        // Whoever looks mends what was left over, and waits for who is at it.
        let _ = fleet.fleet("status", &[]);
        let found = standing();
        match (found.contains(&0), found.contains(&number)) {
            (true, false) => old += 1,
            (false, true) => new += 1,
            _ => mixed += 1,
        }
        assert!(found.iter().all(|found| [0, number].contains(found)), "{found:?}");
        if round % 2 == 0 {
            good(fleet.fleet("apply", &["--stage-first"]));
            assert_eq!(standing(), [number, number]);
            good(fleet.fleet("verify", &[]));
            good(fleet.fleet("set-current", &["--to", "1"]));
        } else {
            // A machine that is where it was has nothing to go back to, and says so.
            let outcome = fleet.fleet("rollback", &[]);
            let refused = outcome.stderr.lines().filter(|line| line.contains("[E12]")).count();
            assert_eq!(refused, found.iter().filter(|found| **found == 0).count(), "{outcome:?}");
        }
        assert_eq!(standing(), [0, 0]);
    }
    println!("killed {rounds} times between two machines: {old} old, {new} new, {mixed} one of each");
    for (_, host) in &fleet.hosts {
        assert_eq!(host.shell("find /etc -xdev -name '.punix-*' | head"), "");
    }
}
