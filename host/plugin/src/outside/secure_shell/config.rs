//! What `ssh` is told: a configuration of our own, in which what stands first counts, so that nothing that is included
//! after it can loosen it; and the words that are for the one connection only, and not for hosts on the way.

use super::way::{Patience, SecureShellWay};
use std::path::Path;
use std::time::Duration;

/// How long a connection goes on that nobody uses and nobody ended, because whoever held it was killed.
pub(super) const PERSIST: Duration = Duration::from_secs(5);

/// What counts for the destination and for every host on the way, whatever configurations say that follow.
const ALWAYS: &[&str] = &[
    // Nobody is asked anything.
    "BatchMode yes",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    // A host is who it was, or there is no connection; and the files of known hosts stay as they are. The last one would
    // add the address of a known host.
    "StrictHostKeyChecking yes",
    "NoHostAuthenticationForLocalhost no",
    "VerifyHostKeyDNS no",
    "UpdateHostKeys no",
    "CheckHostIP no",
    // Nothing of this machine is lent to the other side.
    "ForwardAgent no",
    "ForwardX11 no",
    "ClearAllForwardings yes",
    "Tunnel no",
    "PermitLocalCommand no",
    "AddKeysToAgent no",
    // A pipe carries bytes.
    "RequestTTY no",
    "RemoteCommand none",
    "EscapeChar none",
    // One connection for a link. Those that a user shares are not used, and none is left behind on the way.
    "ControlMaster no",
    "ControlPath none",
    "ConnectionAttempts 1",
    // Some reasons are told at this level only. It is heard until the connection stands.
    "LogLevel INFO",
];

/// Returns the configuration.
pub(super) fn text(way: &SecureShellWay, patience: &Patience) -> String {
    let mut text = String::from("# Made by punix for one connection. What stands first counts.\nHost *\n");
    let mut line = |words: &str| {
        text.push_str("  ");
        text.push_str(words);
        text.push('\n');
    };
    ALWAYS.iter().for_each(|words| line(words));
    line(&format!("ConnectTimeout {}", whole_seconds(patience.connect)));
    line(&format!("ServerAliveInterval {}", whole_seconds(patience.alive_every)));
    line(&format!("ServerAliveCountMax {}", patience.alive_count));
    if let Some(compression) = patience.compression {
        line(if compression { "Compression yes" } else { "Compression no" });
    }
    if let Some(known_hosts) = &way.known_hosts {
        line(&format!("UserKnownHostsFile {}", known_hosts.quoted_for_percent()));
        line("GlobalKnownHostsFile /dev/null");
        // Otherwise a command could know more hosts.
        line("KnownHostsCommand none");
    }
    for config in &way.configs {
        // Whatever the one before ended with, this one is not a part of it.
        text.push_str("Host *\nInclude ");
        text.push_str(&config.quoted());
        text.push('\n');
    }
    text
}

/// Returns the words with which `ssh` becomes the master of a connection, and goes into the background once it stands.
pub(super) fn words(way: &SecureShellWay, patience: &Patience, config: &Path, socket: &Path) -> Vec<String> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut words: Vec<String> =
        ["-F", &path(config), "-S", &path(socket), "-M", "-f", "-N", "-T"].map(str::to_owned).into();
    words.extend(["-o".to_owned(), format!("ControlPersist={}", PERSIST.as_secs())]);
    words.extend(destination(way, patience));
    words
}

/// Returns the words with which `ssh` says what it would do for a connection, and does not connect.
pub(super) fn asking(way: &SecureShellWay, config: &Path) -> Vec<String> {
    let mut words = vec!["-G".to_owned(), "-F".to_owned(), config.to_string_lossy().into_owned()];
    words.extend(destination(way, &Patience::MOST));
    words
}

/// Returns the words that say where to.
fn destination(way: &SecureShellWay, patience: &Patience) -> Vec<String> {
    let mut words = Vec::new();
    let mut option = |text: String| words.extend(["-o".to_owned(), text]);
    if let Some(key) = &way.key {
        option(format!("IdentityFile={}", key.quoted_for_percent()));
    }
    if way.key.is_some() || patience.named_keys_only {
        option("IdentitiesOnly=yes".to_owned());
    }
    if !way.jump.is_empty() {
        let hops: Vec<String> = way.jump.iter().map(ToString::to_string).collect();
        option(format!("ProxyJump={}", hops.join(",")));
    }
    if let Some(user) = &way.user {
        words.extend(["-l".to_owned(), user.as_str().to_owned()]);
    }
    if let Some(port) = way.port {
        words.extend(["-p".to_owned(), port.to_string()]);
    }
    words.extend(["--".to_owned(), way.host.as_str().to_owned()]);
    words
}

/// Returns seconds, never none: that would be without end.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0 || time.is_zero())
}

#[cfg(test)]
mod tests {
    use super::super::way::{SshHop, SshHost, SshPath, SshUser};
    use super::*;

    fn path(text: &str) -> SshPath {
        SshPath::new(Path::new(text)).unwrap()
    }

    fn full() -> SecureShellWay {
        let host = |text| SshHost::parse(text).unwrap();
        SecureShellWay {
            user: Some(SshUser::parse("deploy").unwrap()),
            host: host("::1"),
            port: Some(2222),
            key: Some(path("/keys/a b%")),
            known_hosts: Some(path("/etc/known%")),
            jump: vec![
                SshHop { user: Some(SshUser::parse("j").unwrap()), host: host("2001:db8::1"), port: Some(22) },
                SshHop { user: None, host: host("two"), port: None },
            ],
            configs: vec![path("/home/u/.ssh/config"), path("/etc/ssh/ssh_config")],
        }
    }

    #[test]
    fn ours_stands_before_what_is_included() {
        let connect = Duration::from_millis(1_500);
        let text = text(&full(), &Patience { connect, compression: Some(true), ..Patience::MOST });
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let at = |line: &str| lines.iter().position(|other| *other == line).unwrap_or_else(|| panic!("{line}: {text}"));
        let included = at("Include \"/home/u/.ssh/config\"");
        for line in ALWAYS.iter().chain(&[
            "ConnectTimeout 2",
            "ServerAliveInterval 15",
            "Compression yes",
            "UserKnownHostsFile \"/etc/known%%\"",
            "GlobalKnownHostsFile /dev/null",
            "KnownHostsCommand none",
        ]) {
            assert!(at(line) < included);
        }
        assert_eq!(&lines[included + 1..], ["Host *", "Include \"/etc/ssh/ssh_config\""]);
    }

    #[test]
    fn without_files_of_its_own_the_known_hosts_are_those_of_ssh() {
        let text = text(&SecureShellWay::to(SshHost::parse("web").unwrap()), &Patience::MOST);
        assert!(["KnownHosts", "Include", "Compression"].iter().all(|word| !text.contains(word)), "{text}");
    }

    #[test]
    fn what_is_for_the_destination_stands_before_it() {
        let words = words(&full(), &Patience::MOST, Path::new("/r/config"), Path::new("/r/master"));
        let expected = [
            "-F",
            "/r/config",
            "-S",
            "/r/master",
            "-M",
            "-f",
            "-N",
            "-T",
            "-o",
            "ControlPersist=5",
            "-o",
            "IdentityFile=\"/keys/a b%%\"",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "ProxyJump=j@[2001:db8::1]:22,two",
            "-l",
            "deploy",
            "-p",
            "2222",
            "--",
            "::1",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn no_time_at_all_is_a_second() {
        let seconds = |millis| whole_seconds(Duration::from_millis(millis));
        assert_eq!((seconds(0), seconds(1), seconds(1_000), seconds(1_001)), (1, 1, 1, 2));
    }
}
