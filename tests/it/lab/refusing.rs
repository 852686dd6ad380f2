//! Why a machine cannot be deployed to, each by its name and with a way out.

use super::{Host, host};
use crate::support::{Outcome, run};

const PROGRAM: &str =
    "module Web { backend = \"systemd\" configFiles = [ { path = \"/etc/web/a\" content = \"a\\n\" } ] }\n";

fn site() -> Option<Host> {
    let host = host()?;
    std::fs::write(host.shared("p.pcl"), PROGRAM).unwrap();
    Some(host)
}

fn deploy(host: &Host, user: &str) -> Outcome {
    run(host.service(user, ["deploy", "Web", "--file", "p.pcl"]))
}

#[track_caller]
fn refused(outcome: &Outcome, code: i32, words: &str) {
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
    assert!(outcome.stderr.contains(words), "{} instead of {words}", outcome.stderr);
    assert!(outcome.stdout.is_empty());
}

#[test]
fn every_refusal_has_its_name() {
    let Some(host) = site() else { return };
    let known = std::fs::read_to_string(host.known_hosts()).unwrap();
    std::fs::write(host.known_hosts(), "").unwrap();
    refused(&deploy(&host, "root"), 3, "is not known");
    let other = std::fs::read_to_string(host.key().with_extension("pub")).unwrap();
    let other: Vec<&str> = other.split(' ').take(2).collect();
    std::fs::write(host.known_hosts(), format!("{} {}\n", host.address(), other.join(" "))).unwrap();
    refused(&deploy(&host, "root"), 3, "is another than the known one");
    std::fs::write(host.known_hosts(), known).unwrap();
    refused(&deploy(&host, "nobody"), 3, "lets nobody in with the keys that there are");
    // A home where no program may be, and no other place.
    host.shell("mkdir -p /var/cache/punix && mount -t tmpfs -o noexec,mode=700 small /var/cache/punix");
    host.shell(
        "mount -t tmpfs -o noexec small /var/tmp && mount -t tmpfs -o noexec small /run/user 2>/dev/null || true",
    );
    refused(&deploy(&host, "root"), 3, "noexec");
    host.shell("umount /var/cache/punix /var/tmp; umount /run/user || true");
    // Another kind of machine: the shell says so, whatever it is.
    host.shell("mv /bin/uname /bin/uname.real; printf '#!/bin/sh\\n[ \"$1\" = -m ] && echo riscv64 || echo Linux\\n' > /bin/uname; chmod 755 /bin/uname");
    refused(&deploy(&host, "root"), 1, "[E17]");
    host.shell("mv /bin/uname.real /bin/uname");
    // No room where the deployments are.
    host.shell("cd ~root && mkdir -p .punix/deployments && mount -t tmpfs -o size=16k small .punix/deployments && head -c 12k /dev/zero > .punix/deployments/full");
    refused(&deploy(&host, "root"), 3, "[E31]");
    host.shell("cd ~root && umount .punix/deployments");
    // Somewhere that nobody may write to.
    host.shell("mkdir -p /etc/web && mount --bind /etc/web /etc/web && mount -o remount,bind,ro /etc/web");
    refused(&deploy(&host, "root"), 3, "ead-only");
    host.shell("umount /etc/web");
    host.cut();
    refused(&deploy(&host, "root"), 3, "there is no way to `ssh://root@");
    host.heal();
    assert_eq!(deploy(&host, "root").code, Some(0));
}
