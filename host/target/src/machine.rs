//! The machine that a target is on, as whoever acts there finds it. Nothing is changed by looking, and no program is run
//! where a file says the same.

use crate::hands;
use crate::limits::{BYTES_OF_PASSWD_MAX, LOOK_AT_INIT_MS};
use punix_model::Command;
use rustix::process::geteuid;
use rustix::system::uname;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const PASSWD: &str = "/etc/passwd";
/// It is there where systemd has started the machine, and nowhere else.
const BOOTED_BY_SYSTEMD: &str = "/run/systemd/system";
/// One file for each user whose units run while he is not there.
const LINGERING: &str = "/var/lib/systemd/linger";
/// Where systemd's own library is, which has the version in its name; below it and below what is named by the kind of machine.
const LIBRARIES: [&str; 3] = ["/usr/lib", "/usr/lib64", "/lib"];
const LIBRARY: &str = "libsystemd-shared-";
/// Where programs are looked for if nobody said.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is known of a machine, and of whoever acts there. Whoever hears this over a pipe believes none of the texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// `x86_64-linux`.
    pub system: String,
    pub hostname: String,
    pub user: String,
    pub uid: u32,
    pub home: Option<String>,
    /// The number of systemd, `252`; nothing where it did not start the machine.
    pub init_version: Option<String>,
    /// Whether the user's units run while he is not there.
    pub lingers: bool,
    /// Seconds since the epoch.
    pub clock: u64,
}

/// Looks at this machine.
pub fn machine() -> Machine {
    let kernel = uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let kind = text(kernel.machine());
    let uid = geteuid().as_raw();
    let name = user(&passwd(), uid).map(|user| user.name).or_else(|| variable("USER"));
    let user = name.unwrap_or_else(|| uid.to_string());
    Machine {
        system: format!("{kind}-{}", text(kernel.sysname()).to_lowercase()),
        hostname: text(kernel.nodename()),
        // A name is one part of a path, or it is nobody's.
        lingers: !user.contains('/') && Path::new(LINGERING).join(&user).exists(),
        user,
        uid,
        home: home(),
        init_version: Path::new(BOOTED_BY_SYSTEMD).is_dir().then(|| init_version(&kind)).flatten(),
        clock: clock(),
    }
}

/// Returns the home of whoever acts here: as he was told, or as the machine has it.
pub(crate) fn home() -> Option<String> {
    let known = || user(&passwd(), geteuid().as_raw()).map(|user| user.home);
    variable("HOME").or_else(known).filter(|home| home.starts_with('/'))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns what a program needs of its surroundings that nobody gave us: whoever was started over a pipe has nothing.
pub(crate) fn surroundings() -> Vec<(&'static str, String)> {
    let lacks = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
    let mut found = Vec::new();
    if lacks("PATH") {
        found.push(("PATH", PATH.to_owned()));
    }
    let uid = geteuid().as_raw();
    if lacks("HOME") {
        found.extend(home().map(|home| ("HOME", home)));
    }
    // The units of a user are asked for there.
    let runtime = format!("/run/user/{uid}");
    if lacks("XDG_RUNTIME_DIR") && Path::new(&runtime).is_dir() {
        found.push(("XDG_RUNTIME_DIR", runtime));
    }
    found
}

/// Returns the time of this machine, in seconds since the epoch.
pub(crate) fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Returns which start of this machine this is, and for how many seconds it has been running. Where the kernel does not say
/// it, the clock has to do.
pub(crate) fn running() -> (String, u64) {
    let text = |path: &str| std::fs::read_to_string(path).ok();
    let boot = text("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let uptime = text("/proc/uptime").and_then(|text| text.split(['.', ' ']).next()?.parse().ok());
    (boot.trim().to_owned(), uptime.unwrap_or_else(clock))
}

/// Who acts here, and how he came.
pub(crate) struct Actor {
    pub(crate) user: String,
    /// As whom he came in, if he then became that user.
    pub(crate) login: Option<String>,
    /// The address from where.
    pub(crate) from: Option<String>,
}

/// Returns who acts here, as far as his surroundings say it.
pub(crate) fn actor() -> Actor {
    let uid = geteuid().as_raw();
    let user = user(&passwd(), uid).map_or_else(|| uid.to_string(), |user| user.name);
    let login = variable("SUDO_USER").filter(|login| *login != user);
    let from = variable("SSH_CONNECTION").and_then(|way| way.split(' ').next().map(str::to_owned));
    Actor { user, login, from }
}

struct User {
    name: String,
    home: String,
}

fn passwd() -> String {
    let mut bytes = Vec::new();
    // Without one nobody is known.
    let _ = File::open(PASSWD).and_then(|file| file.take(BYTES_OF_PASSWD_MAX).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Finds `name:…:number:…:…:home:…`.
fn user(passwd: &str, uid: u32) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        let home = fields.nth(2)?;
        (number == uid).then(|| User { name: name.to_owned(), home: home.to_owned() })
    })
}

/// Returns the number of systemd: by the name of its library, or else by what it says of itself.
fn init_version(kind: &str) -> Option<String> {
    let named = |library: &&str| {
        [format!("{library}/systemd"), format!("{library}/{kind}-linux-gnu/systemd")].iter().find_map(|directory| {
            let names = std::fs::read_dir(directory).ok()?;
            names.flatten().find_map(|entry| number(entry.file_name().to_str()?.strip_prefix(LIBRARY)?))
        })
    };
    LIBRARIES.iter().find_map(named).or_else(|| {
        let argv = vec!["systemctl".to_owned(), "--version".to_owned()];
        let asked = Command { argv, stdin: String::new(), timeout_ms: LOOK_AT_INIT_MS, mutates: false };
        number(hands::ask(&asked).stdout.strip_prefix("systemd ")?)
    })
}

/// Returns the digits that a text begins with.
fn number(text: &str) -> Option<String> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_his_number() {
        let text =
            "root:x:0:0:root:/root:/bin/bash\n:x:7::::\nbroken:7\nann:x:70:70::/home/ann:/bin/sh\nann2:x:7:7::/srv/a:";
        let found = |uid| user(text, uid).map(|user| (user.name, user.home));
        let pair = |name: &str, home: &str| Some((name.to_owned(), home.to_owned()));
        assert_eq!(found(0), pair("root", "/root"));
        assert_eq!(found(7), pair("ann2", "/srv/a"));
        assert_eq!(found(70), pair("ann", "/home/ann"));
        assert_eq!((found(8), user("", 0).is_none()), (None, true));
    }

    #[test]
    fn a_number_is_what_a_name_begins_with() {
        let cases =
            [("252.so", Some("252")), ("256.5-1.fc41.so", Some("256")), ("256~rc1 (x)", Some("256")), ("x", None)];
        for (text, wanted) in cases {
            assert_eq!(number(text).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn this_machine_is_one() {
        let found = machine();
        assert_eq!(found.system, format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS));
        assert_eq!(found.uid, geteuid().as_raw());
        assert!(!found.hostname.is_empty() && !found.user.is_empty() && found.clock > 1_700_000_000, "{found:?}");
        assert_eq!(found.init_version.is_some(), Path::new(BOOTED_BY_SYSTEMD).is_dir(), "{found:?}");
    }
}
