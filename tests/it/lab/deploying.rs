//! A stack on another machine: brought, started, changed, taken back, and there again after a boot.

use super::{Host, good, host, write_program};
use crate::support::{Outcome, run, skip};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Three services: one from a package, one by a timer, one with a secret.
const PROGRAM: &str = r#"module Tool {
  recipe = "std.shell"
  pname = "tool"
  version = "1.0"
  source = { type = "local"  path = "src" }
  recipeArgs = { command = "mkdir -p $OUTPUT/bin && cp tool $OUTPUT/bin/tool && chmod 755 $OUTPUT/bin/tool" }
}
module Web {
  backend = "systemd"
  option greeting : Str = "hello"
  services = [
    { name = "web"  package = "Tool"  binary = "tool"  args = ["serve"]
      health = { http = "http://127.0.0.1:8099/"  deadline = 20 } }
    { name = "tick"  package = "Tool"  binary = "tool"  args = ["tick"]  timer = { OnCalendar = "daily" } }
    { name = "safe"  package = "Tool"  binary = "tool"  args = ["keep"]
      environment = { TOKEN = { from_env = "TOKEN" } } }
  ]
  configFiles = [ { path = "/etc/web/greeting"  content = f"{greeting}\n"  restarts = ["web"] } ]
}
scenario loud { Web.greeting = "HELLO" }
"#;

const TOOL: &str = r#"#!/bin/sh
case "$1" in
  serve) echo serving; exec /usr/bin/perl -MIO::Socket::INET -e '
    my $listener = IO::Socket::INET->new(LocalPort => 8099, Listen => 5, ReuseAddr => 1) or die;
    open my $file, "<", "/etc/web/greeting" or die; my $text = <$file>;
    while (my $peer = $listener->accept) {
      while (my $line = <$peer>) { last if $line =~ /^\r?$/; }
      print $peer "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n$text"; close $peer;
    }' ;;
  tick) : > /run/ticked ;;
  keep) printf %s "$TOKEN" > /run/token; exec sleep 1000000 ;;
esac
"#;

/// With everything in it that a shell or systemd might take for something else.
const TOKEN: &str = "a \"quoted\" 'word' 100% $HOME \\n ünï";

fn site() -> Option<Host> {
    let host = host()?;
    std::fs::write(host.shared("p.pcl"), PROGRAM).unwrap();
    write_program(&host.shared("src/tool"), TOOL);
    Some(host)
}

fn service(host: &Host, words: &[&str]) -> Outcome {
    let mut command = host.service("root", words);
    command.env("TOKEN", TOKEN);
    run(command)
}

fn deploy(host: &Host, more: &[&str]) -> Outcome {
    service(host, &[&["deploy", "Web", "--file", "p.pcl"], crate::service::sandbox(), more].concat())
}

/// Asks the service through the bridge.
fn greeting(host: &Host) -> String {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let mut answer = String::new();
        let asked = TcpStream::connect((host.address(), 8099)).and_then(|mut stream| {
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            stream.read_to_string(&mut answer)
        });
        match asked {
            Ok(_) => return answer.rsplit("\r\n").next().unwrap_or_default().trim().to_owned(),
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn invocations(host: &Host) -> String {
    host.shell("systemctl show -P InvocationID web.service safe.service tick.timer | grep .")
}

#[test]
fn a_stack_lives_on_another_machine() {
    let Some(host) = site() else { return };
    let first = good(deploy(&host, &["--activate", "--enable"]));
    assert!(
        first.stdout.starts_with(
            "deployed: stack Web → gen-001 (6 config file(s), 1 store path(s) pinned, 1 pushed/0 cached)\n"
        ),
        "{first:?}"
    );
    assert_eq!(greeting(&host), "hello");
    assert_eq!(host.shell("cat /run/token"), TOKEN);
    assert_eq!(host.shell("systemctl is-enabled web.service tick.timer safe.service"), "enabled\nenabled\nenabled");
    let before = invocations(&host);
    let logins = host.logins();
    // Nothing is different: nothing is done.
    let again = good(deploy(&host, &["--activate"]));
    assert!(again.stdout.starts_with("unchanged: stack Web at gen-001"), "{again:?}");
    assert_eq!((invocations(&host), host.logins()), (before.clone(), logins + 1), "one connection a command");
    // One file: one unit.
    good(deploy(&host, &["--scenario", "loud", "--activate"]));
    assert_eq!(greeting(&host), "HELLO");
    let after = invocations(&host);
    let same: Vec<bool> = before.lines().zip(after.lines()).map(|(before, after)| before == after).collect();
    assert_eq!(same, [false, true, true], "{before} {after}");
    let back = good(service(&host, &["rollback", "Web", "--activate"]));
    assert!(back.stdout.starts_with("rolled back: stack Web → gen-001 (was gen-002)"), "{back:?}");
    assert_eq!(greeting(&host), "hello");
    good(service(&host, &["verify", "Web"]));
    let logs = good(service(&host, &["logs", "Web", "web"]));
    assert!(logs.stdout.contains("serving"), "{logs:?}");
    let before = invocations(&host);
    good(service(&host, &["restart", "Web", "safe"]));
    let after = invocations(&host);
    let same: Vec<bool> = before.lines().zip(after.lines()).map(|(before, after)| before == after).collect();
    assert_eq!(same, [true, false, true]);
    // What is enabled is there again after a boot.
    host.kill();
    host.boot();
    assert_eq!(greeting(&host), "hello");
    assert_eq!(host.shell("systemctl is-active tick.timer safe.service"), "active\nactive");
    let status = good(service(&host, &["status", "Web"]));
    assert!(status.stdout.contains("web.service") && status.stdout.contains("running"), "{status:?}");
    good(service(&host, &["remove", "Web", "--activate"]));
    assert_eq!(
        host.shell("ls /etc/web /etc/systemd/system/web.service 2>/dev/null; systemctl is-active web.service || true"),
        "inactive"
    );
}

#[test]
fn a_machine_is_reached_by_its_address_of_ipv6() {
    let Some(host) = site() else { return };
    // Nothing that was made for a bridge is looked at: the kernel has IPv6, or it does not.
    if std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default().is_empty() {
        skip("this kernel has no IPv6");
        return;
    }
    let target = format!("ssh://root@[{}]", host.address_6());
    let service = |words: &[&str]| {
        let mut command = host.service_of(&target, words);
        command.env("TOKEN", TOKEN);
        good(run(command))
    };
    service(&[&["deploy", "Web", "--file", "p.pcl", "--activate"], crate::service::sandbox()].concat());
    assert_eq!(greeting(&host), "hello");
    let list = service(&["list"]);
    assert!(list.stdout.contains("Web"), "{list:?}");
    let from = host.shell("journalctl -u ssh.service --no-pager -o cat; true");
    let logins = from.lines().filter(|line| line.starts_with("Accepted publickey for root from fd13:9::1 "));
    assert_eq!(logins.count(), 2, "{from}");
}

#[test]
fn a_user_has_services_of_his_own_there() {
    let Some(host) = site() else { return };
    host.add_user("deploy");
    let program = PROGRAM
        .replace("backend = \"systemd\"", "backend = \"systemd\"  scope = \"user\"")
        .replace("/etc/web/greeting", "web/greeting");
    std::fs::write(host.shared("p.pcl"), program).unwrap();
    write_program(
        &host.shared("src/tool"),
        &TOOL.replace("/etc/web/greeting", "/home/deploy/web/greeting").replace("/run/token", "/home/deploy/token"),
    );
    // Packages lie at the same path there as here, so it has to be his.
    host.shell(&format!("install -d -o deploy -g deploy {}", host.store().display()));
    let service = |words: &[&str]| {
        let mut command = host.service("deploy", words);
        command.env("TOKEN", TOKEN);
        run(command)
    };
    let outcome =
        service(&[&["deploy", "Web", "--file", "p.pcl", "--activate", "--enable"], crate::service::sandbox()].concat());
    good(outcome);
    assert_eq!(greeting(&host), "hello");
    assert_eq!(host.shell("cat /home/deploy/token; stat -c %U /home/deploy/web/greeting"), format!("{TOKEN}deploy"));
    host.kill();
    host.boot();
    assert_eq!(greeting(&host), "hello");
}

/// As it is where root deploys from his home: nobody else may pass it, and units of others cannot start what is below it.
#[test]
fn a_store_to_which_a_service_cannot_get_is_told() {
    let Some(host) = site() else { return };
    let program = PROGRAM.split("module Web").next().unwrap().to_owned()
        + "module Other {\n  backend = \"systemd\"\n  services = [ { name = \"other\"  package = \"Tool\"  binary = \"tool\"  \
           serviceConfig = { User = \"daemon\" } } ]\n}\n";
    std::fs::write(host.shared("p.pcl"), program).unwrap();
    write_program(&host.shared("src/tool"), "#!/bin/sh\nexec sleep 1000000\n");
    let store = host.store();
    let above = store.parent().unwrap().display();
    host.shell(&format!("mkdir -p {above} && chmod 700 {above}"));
    let words = ["Other", "--file", "p.pcl"];
    let told = format!("other will not start: others than root may not pass `{above}` (its mode is 0700)");
    let planned = good(service(&host, &[&["plan"], &words[..], crate::service::sandbox()].concat()));
    assert!(said(&planned).contains(&told), "{planned:?}");
    let words = [&["deploy"], &words[..], crate::service::sandbox(), &["--activate"]].concat();
    let deployed = service(&host, &words);
    assert!(said(&deployed).contains(&told), "{deployed:?}");
    // It was started, which says nothing of whether it can be run; and it is tried again and again.
    let is_refused = "[ $(systemctl show -P ExecMainStatus other.service) = 203 ]";
    let seen = host.shell(&format!("for each in $(seq 200); do {is_refused} && echo yes && break; sleep 0.05; done"));
    assert_eq!(seen, "yes");
    host.shell(&format!("chmod o+x {above}"));
    good(service(&host, &["restart", "Other"]));
    assert_eq!(host.shell("systemctl is-active other.service"), "active");
    let again = good(service(&host, &[&words[..], &["--force-generation"]].concat()));
    assert!(!said(&again).contains("will not start"), "{again:?}");
}

/// All that was said, in one line.
fn said(outcome: &Outcome) -> String {
    let all = format!("{} {}", outcome.stdout, outcome.stderr);
    all.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_deploy_that_nobody_confirms_is_taken_back() {
    let Some(host) = site() else { return };
    good(deploy(&host, &["--activate"]));
    let confirmed = good(deploy(&host, &["--scenario", "loud", "--activate", "--confirm", "20"]));
    assert!(confirmed.stdout.contains("gen-002"));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(greeting(&host), "HELLO");
    // The third cuts its own way: nobody is let in any more, though whoever is in stays.
    let broken = PROGRAM.replace("args = [\"serve\"]", "args = [\"serve\", \"more\"]").replace(
        "http = \"http://127.0.0.1:8099/\"",
        "command = [\"/bin/sh\", \"-c\", \"systemctl stop ssh.service; true\"]",
    );
    std::fs::write(host.shared("p.pcl"), broken).unwrap();
    let outcome = deploy(&host, &["--scenario", "loud", "--activate", "--confirm", "4"]);
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let live = host.shell("readlink $(find / -xdev -path '*deployments/Web/current' 2>/dev/null | head -n 1)");
        if live == "gen-002.json" {
            break;
        }
        assert!(Instant::now() < until, "{live} is still live");
        std::thread::sleep(Duration::from_millis(200));
    }
    host.shell("systemctl start ssh.service");
    assert_eq!(greeting(&host), "HELLO");
    good(service(&host, &["verify", "Web"]));
}

#[test]
fn a_first_deploy_that_nobody_confirms_leaves_nothing() {
    let Some(host) = site() else { return };
    let broken = PROGRAM.replace(
        "http = \"http://127.0.0.1:8099/\"",
        "command = [\"/bin/sh\", \"-c\", \"systemctl stop ssh.service; true\"]",
    );
    std::fs::write(host.shared("p.pcl"), broken).unwrap();
    let outcome = deploy(&host, &["--activate", "--enable", "--confirm", "3"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("gen-001 is not confirmed, so the target goes back to"), "{outcome:?}");
    assert!(!outcome.stderr.contains("nothing was changed"), "{outcome:?}");
    let until = Instant::now() + Duration::from_secs(30);
    let left =
        "systemctl is-active web.service; ls /etc/systemd/system/web.service /etc/web/greeting 2>/dev/null; true";
    while host.shell(left) != "inactive" {
        assert!(Instant::now() < until, "{}", host.shell(left));
        std::thread::sleep(Duration::from_millis(200));
    }
}
