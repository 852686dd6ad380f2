//! Why a machine cannot be deployed to, each by its name and with a way out.

use super::{Host, good, host, write_program};
use crate::support::{Folder, Outcome, run};

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
    // A home where no program may be, and no other place. Logins make none either.
    host.shell("systemctl mask --runtime --now --quiet user@0.service user-runtime-dir@0.service");
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

/// Stands between, and changes what the program says of itself and of its machine.
const BETWEEN: &str = r#"#!/usr/bin/perl
my ($program) = glob "/var/cache/punix/punix-target-*";
open my $said, "-|", $program, @ARGV or die;
while (sysread $said, my $bytes, 65536) { CHANGES; syswrite STDOUT, $bytes }
"#;

#[test]
fn a_program_of_another_version_and_a_clock_that_is_far_off_are_refused() {
    let Some(host) = site() else { return };
    good(deploy(&host, "root"));
    let between = |changes: &str| {
        let path = host.shared("between");
        write_program(&path, &BETWEEN.replace("CHANGES", changes));
        let command = |verb: &[&str]| {
            let mut command = host.service("root", verb);
            command.arg("--target-bin").arg(&path);
            run(command)
        };
        (command(&["deploy", "Web", "--file", "p.pcl"]), command(&["list"]))
    };
    let before = host.shell("ls -lR --full-time ~root/.punix /etc/web");
    let (deployed, listed) = between(r#"$bytes =~ s/"protocol":\d,"version":"\d/"protocol":1,"version":"9/"#);
    for outcome in [&deployed, &listed] {
        refused(outcome, 3, "is of another version");
        assert!(
            outcome.stderr.contains("it is of 9.") && outcome.stderr.contains("nothing was changed"),
            "{outcome:?}"
        );
    }
    for (hours, told) in [(3, "3 hours ahead of the one here"), (-49, "2 days behind the one here")] {
        let (deployed, listed) =
            between(&format!(r#"$bytes =~ s/("clock":)(\d+)/$1 . ($2 + {})/e"#, hours * 3_600 + 5));
        refused(&deployed, 3, told);
        assert!(deployed.stderr.contains("nothing was changed"), "{deployed:?}");
        // Whoever only looks is not kept from it.
        good(listed);
    }
    assert_eq!(host.shell("ls -lR --full-time ~root/.punix /etc/web"), before);
    let (deployed, _) = between(r#"$bytes =~ s/("clock":)(\d+)/$1 . ($2 + 60)/e"#);
    good(deployed);
}

#[test]
fn services_are_not_started_where_nobody_starts_them() {
    let Some(host) = site() else { return };
    host.boot_without_systemd();
    let program = PROGRAM
        .replace("configFiles", "services = [ { name = \"web\"  package = \"Tool\"  binary = \"tool\" } ] configFiles");
    let package = "module Tool { recipe = \"std.shell\" pname = \"tool\" version = \"1.0\" source = { type = \"local\" path = \
                   \"src\" } recipeArgs = { command = \"mkdir -p $OUTPUT/bin && cp tool $OUTPUT/bin/tool\" } }\n";
    std::fs::write(host.shared("p.pcl"), format!("{package}{program}")).unwrap();
    write_program(&host.shared("src/tool"), "#!/bin/sh\n");
    let deploy = |more: &[&str]| {
        let words = [&["deploy", "Web", "--file", "p.pcl"], crate::service::sandbox(), more].concat();
        run(host.service("root", words))
    };
    for more in [["--activate"], ["--enable"]] {
        let outcome = deploy(&more);
        refused(&outcome, 1, "[E17]");
        assert!(outcome.stderr.contains("was not started by systemd"), "{outcome:?}");
        assert!(!outcome.stderr.contains("building"), "{outcome:?}");
        assert_eq!(host.shell("ls /etc/web ~root/.punix/deployments/Web 2>/dev/null; true"), "");
    }
    good(deploy(&[]));
    assert_eq!(host.shell("cat /etc/web/a"), "a");
    // Nobody writes there by himself, so all of it can be made read-only.
    host.shell("mount -o remount,bind,ro /");
    let changed = std::fs::read_to_string(host.shared("p.pcl")).unwrap().replace("a\\n", "b\\n");
    std::fs::write(host.shared("p.pcl"), changed).unwrap();
    refused(&deploy(&[]), 3, "ead-only");
    host.shell("mount -o remount,bind,rw /");
    assert_eq!(host.shell("cat /etc/web/a"), "a");
}

#[test]
fn what_another_program_could_misunderstand_is_no_target() {
    let folder = Folder::with(&[("p.pcl", PROGRAM)]);
    for text in [
        "-oProxyCommand=touch x",
        "ssh://-oProxyCommand=touch x",
        "ssh://-oProxyCommand=touch x@h",
        "ssh://root@-oProxyCommand=touch x",
        "ssh://root@h;touch x",
        "ssh://root@h -oProxyCommand=touch x",
        "ssh://$(touch x)@h",
        "ssh://root@`touch x`",
        "ssh://root@h\n",
        "ssh://root@h%n",
        "ssh://root@[::1%lo]",
        "ssh://root@h:22 -v",
        "ssh://root:word@h",
        "ssh://\u{202e}root@h",
        "root@h",
    ] {
        let outcome = folder.punix(["service", "deploy", "Web", "--file", "p.pcl", &format!("--target={text}")]);
        refused(&outcome, 2, "--target must be ssh://user@host[:port]");
        assert!(!outcome.stderr.contains('\u{202e}'), "{outcome:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{text}: something was run");
    }
}
