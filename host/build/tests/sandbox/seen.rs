//! What a command sees of the machine, and what it does not.

use crate::world::{World, long_time, namespaces, printed};
use punix_build::sandbox::{Ending, Network};
use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::Command;

#[test]
fn nothing_but_what_is_declared() {
    let mut world = World::new();
    let input = world.tree("input", &["bin/tool"]);
    world.show(&input, "/store/input");
    let outcome = world.sh("cd /; echo *; echo store/*; cat store/input/bin/tool; echo; ls -A /tmp");
    let top = outcome.printed.lines().next().unwrap_or_default();
    for name in ["home", "root", "var", "etc", "sys", "old_root"] {
        assert!(!top.split(' ').any(|seen| seen == name), "{top}");
    }
    assert!(outcome.printed.ends_with("\nstore/input\nbin/tool\n"), "{outcome:?}");
}

#[test]
fn the_old_root_is_nowhere() {
    let mut world = World::new();
    world.job.binds.retain(|bind| !bind.inside.starts_with("/sbin"));
    let outcome = world.sh("cd /../..; pwd; while read -r _ _ _ _ point _; do echo $point; done </proc/self/mountinfo");
    let points: Vec<&str> = outcome.printed.lines().skip(1).collect();
    for point in &points {
        let known = ["/", "/proc", "/tmp"].contains(point)
            || ["/dev/", "/usr", "/bin", "/lib"].iter().any(|start| point.starts_with(start));
        assert!(known, "{points:?}");
    }
    assert_eq!(points.iter().filter(|point| **point == "/").count(), 1, "{points:?}");
}

#[test]
fn what_is_read_only_stays_as_it_is() {
    let mut world = World::new();
    let input = world.tree("input", &["file", "directory/file"]);
    world.show(&input, "/store/input");
    world.show(input.join("file"), "/etc/passwd");
    let outcome =
        world.sh("for path in /x /etc/x /etc/passwd /usr/x /store/x /store/input/x /store/input/file /dev/x /proc/x \
         /proc/sys/kernel/hostname /proc/sys/vm/drop_caches /proc/sysrq-trigger /proc/1/oom_score_adj; do
             if (echo changed >$path) 2>/dev/null; then echo $path; fi
         done
         chmod 600 /dev/null 2>/dev/null && echo mode
         rm -rf /store/input/directory 2>/dev/null && echo removed
         mount -o remount,bind,rw /store/input 2>/dev/null && echo remounted
         umount /store/input 2>/dev/null && echo unmounted
         unshare -r true 2>/dev/null && echo root again
         echo done");
    assert_eq!(outcome, printed("done\n"));
    assert_eq!(fs::read_to_string(input.join("file")).unwrap(), "file");
}

#[test]
fn what_is_writable_is_written_as_the_caller() {
    let mut world = World::new();
    let work = world.tree("work", &["source/file"]);
    world.show_writable(&work, "/build");
    world.job.directory = "/build/source".into();
    let outcome = world.sh("pwd; echo new >made; echo t >/tmp/t; echo s >/dev/shm/s; stat -c '%u %g %a' made; umask");
    assert_eq!(outcome, printed("/build/source\n1000 100 644\n0022\n"));
    let made = fs::metadata(work.join("source/made")).unwrap();
    let own = fs::metadata(&work).unwrap();
    assert_eq!((made.uid(), made.gid()), (own.uid(), own.gid()));
    assert_eq!(fs::read_to_string(world.path("tmp/t")).unwrap(), "t\n");
}

#[test]
fn the_environment_is_exactly_what_is_given() {
    let mut world = World::new();
    world.job.environment.insert("ODD KEY".into(), "two\nlines = 1".into());
    world.job.argv = vec!["/usr/bin/env".into(), "-0".into()];
    let outcome = world.go(&namespaces()).unwrap();
    assert_eq!(outcome, printed("ODD KEY=two\nlines = 1\0PATH=/usr/bin:/bin\0"));
}

#[test]
fn no_open_file_of_the_caller_is_there() {
    let mut world = World::new();
    let open = fs::File::open(world.tree("secret", &["file"]).join("file")).unwrap();
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    // The last one is that by which the list is read.
    let outcome =
        world.sh("ls /proc/self/fd; readlink /proc/self/fd/0; cat; [ /dev/stdout -ef /dev/stderr ] && echo one");
    assert_eq!(outcome, printed("0\n1\n2\n3\n/dev/null\none\n"));
}

#[test]
fn it_is_nobody_in_particular_and_has_no_terminal() {
    let mut world = World::new();
    let outcome = world.sh("hostname; id -u; id -g; echo $$ $PPID
         read -r _ _ _ _ group session terminal _ </proc/self/stat; echo $group $session $terminal
         grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|SigBlk)' /proc/self/status | tr -d '\\t\\n'");
    let none = "0000000000000000";
    let status = format!("SigBlk:{none}CapInh:{none}CapPrm:{none}CapEff:{none}CapBnd:{none}CapAmb:{none}NoNewPrivs:1");
    assert_eq!(outcome, printed(&format!("punix\n1000\n100\n2 1\n2 1 0\n{status}")));
}

#[test]
fn other_processes_are_neither_seen_nor_reached() {
    let mut world = World::new();
    let time = long_time();
    let mut other = Command::new("sleep").arg(&time).spawn().unwrap();
    let outcome = world.sh("cd /proc; echo [0-9]*
         readlink 1/fd/* 1/root 1/exe; cat 1/environ 2>/dev/null; (echo >1/fd/2) 2>/dev/null && echo forged
         kill -9 1; kill -SEGV 1; kill -SEGV 1; kill -STOP 1; kill -TERM 1; trap '' TERM; kill -TERM 0; echo alive");
    let ended = other.try_wait().unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!((outcome, ended), (printed("1 2\nalive\n"), None));
}

#[test]
fn the_network_is_its_own_unless_it_is_given() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("punix-{}", long_time());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _socket = UnixListener::bind_addr(&address).unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>&1 && echo connected; grep -c {name} /proc/net/unix
         grep -c : /proc/net/dev; echo end"
    );
    let outcome = world.sh(&script);
    // Refused, not unreachable: there is a loopback.
    assert!(outcome.printed.contains("Connection refused"), "{outcome:?}");
    assert!(outcome.printed.ends_with("\n0\n1\nend\n"), "{outcome:?}");
    world.job.network = Network::Host;
    let outcome = world.sh(&script);
    assert!(outcome.printed.starts_with("connected\n1\n"), "{outcome:?}");
    assert_eq!(outcome.ending, Ending::Success);
}

/// Asks the kernel which keyring is the session's; the call has another number on each architecture.
const ASK_FOR_SESSION: &str = "import ctypes, platform
number = {'x86_64': 250, 'aarch64': 219}[platform.machine()]
print(ctypes.CDLL(None).syscall(number, 0, -3, 0))";

#[test]
fn the_keys_of_the_session_are_not_there() {
    if !Path::new("/usr/bin/python3").exists() {
        return crate::world::skip("there is no python3 to ask for keyrings with");
    }
    let outside = Command::new("/usr/bin/python3").args(["-c", ASK_FOR_SESSION]).output().unwrap();
    let outside = String::from_utf8(outside.stdout).unwrap();
    let mut world = World::new();
    let inside = world.sh(&format!("python3 -c \"{ASK_FOR_SESSION}\""));
    assert_eq!(inside.ending, Ending::Success);
    // -1 says that there is none.
    assert!(outside.trim() == "-1" || inside.printed != outside, "{outside} {inside:?}");
}
