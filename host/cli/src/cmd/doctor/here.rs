//! This machine.

use super::Finding;
use crate::args::doctor::Doctor;
use crate::cmd::plugin::project::{LOCK, POLICY};
use crate::places::{self, Homeless};
use crate::ui::shown;
use punix_build::sandbox::probe;
use punix_disk::{Disk, RealDisk};
use punix_plugin::{CEILINGS, Fault, SiteError, ceilings, lock, policy};
use punix_target::{Machine, machine};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const ROOT: u32 = 0;
/// What other machines are reached with, and where fetching commits looks for its program.
const SSH: &str = "ssh";
const GIT: [&str; 3] = ["/usr/local/bin/git", "/usr/bin/git", "/bin/git"];
/// Where deployments of the whole machine are registered, and what mends them at boot.
const REGISTERED: &str = "/var/lib/punix/claims/deployments";
pub(super) const RECOVERY: &str = "/etc/systemd/system/sysinit.target.wants/punix-recover.service";
/// Turns off what mends.
const NO_GUARD: &str = "PUNIX_NO_GUARD";

pub(super) fn look(args: &Doctor) -> Vec<Finding> {
    let machine = machine();
    let mut findings = vec![system(&machine), sandbox()];
    findings.push(store(args, &machine));
    findings.push(deployments(args));
    findings.extend(units(&machine));
    findings.extend(recovery(&machine));
    findings.push(clock(&machine));
    findings.push(policies());
    findings.push(ssh(args));
    findings.push(git());
    findings
}

fn system(machine: &Machine) -> Finding {
    Finding::well("system", format!("{}, as `{}`", machine.system, machine.user))
}

fn sandbox() -> Finding {
    match probe(Path::new("/proc/self/exe")) {
        Ok(()) => Finding::well("sandbox", "builds are kept apart in namespaces"),
        Err(error) => Finding::from_error("sandbox", error.into()),
    }
}

fn store(args: &Doctor, machine: &Machine) -> Finding {
    const WHAT: &str = "store";
    let root = match places::store(args.root.store_root.as_deref()) {
        Ok(root) => root,
        Err(homeless) => return homeless_at(WHAT, &homeless),
    };
    let place = shown(&root);
    if let Err(error) = try_to_write(&root) {
        let fix = "name a place that can be written to with `--store-root` or PUNIX_STORE_DIR";
        return Finding::lack(WHAT, format!("`{place}` cannot be written to: {error}"), fix);
    }
    if is_without_programs(&root) {
        let says = format!("`{place}` is on a file system that is mounted with `noexec`");
        return Finding::lack(WHAT, says, "what is built there cannot be run: name another place with `--store-root`");
    }
    // Whoever else cannot start units of other users.
    let starts_all = machine.init_version.is_some() && machine.uid == ROOT;
    match closed(&root).filter(|_| starts_all) {
        Some(directory) => {
            let says =
                format!("`{place}` can be written to, and others than root may not pass `{}`", shown(&directory));
            let fix = "units that run as another user need another place, for all commands: PUNIX_STORE_DIR or `--store-root`, \
                       such as `/var/lib/punix/store`";
            Finding::note(WHAT, says, fix)
        }
        None => Finding::well(WHAT, format!("`{place}` can be written to")),
    }
}

fn deployments(args: &Doctor) -> Finding {
    const WHAT: &str = "deployments";
    // That of another machine is looked at there.
    let named = args.deployments_root.as_deref().filter(|_| args.target.is_none());
    let root = match places::deployments_root(named) {
        Ok(root) => root,
        Err(homeless) => return homeless_at(WHAT, &homeless),
    };
    match try_to_write(&root) {
        Ok(()) => Finding::well(WHAT, format!("`{}` can be written to", shown(&root))),
        Err(error) => {
            let fix = "name a place with `--deployments-root` or PUNIX_DEPLOYMENTS_DIR, or become root";
            Finding::lack(WHAT, format!("`{}` cannot be written to: {error}", shown(&root)), fix)
        }
    }
}

/// Says what can be done with units.
pub(super) fn units(machine: &Machine) -> Vec<Finding> {
    const WHAT: &str = "systemd";
    let Some(version) = &machine.init_version else {
        let says = "it did not start this machine: files are deployed, and no unit can be started";
        return vec![Finding::note(WHAT, says, "deploy without `--activate`, or to a machine that systemd starts")];
    };
    let mut found = vec![Finding::well(WHAT, format!("version {version}"))];
    if machine.uid != ROOT {
        let says = "units of the whole machine need root";
        found.push(Finding::note("user", says, "deploy as root (`--become sudo`), or stacks with `scope = \"user\"`"));
        if !machine.lingers {
            let fix = format!("`loginctl enable-linger {}` keeps them", machine.user);
            found.push(Finding::note("linger", "units of this user end when he logs out", fix));
        }
    }
    found
}

/// Says whether an interrupted deploy would be mended.
fn recovery(machine: &Machine) -> Option<Finding> {
    const WHAT: &str = "recovery";
    if std::env::var_os(NO_GUARD).is_some_and(|value| value == "1") {
        let says = format!("{NO_GUARD}=1: an interrupted deploy is mended by the next command alone");
        return Some(Finding::note(WHAT, says, format!("unset {NO_GUARD}")));
    }
    if machine.init_version.is_none() || machine.uid != ROOT {
        return None;
    }
    let is_used = std::fs::read_dir(REGISTERED).is_ok_and(|mut entries| entries.next().is_some());
    Some(match (is_used, Path::new(RECOVERY).symlink_metadata().is_ok()) {
        (_, true) => Finding::well(WHAT, "what a power cut interrupts is mended at boot"),
        (false, false) => Finding::well(WHAT, "nothing is deployed; what mends at boot comes with the first stack"),
        (true, false) => lost_recovery(),
    })
}

pub(super) fn lost_recovery() -> Finding {
    let says = "stacks are deployed, and `punix-recover.service` is not there to mend them at boot";
    Finding::lack("recovery", says, "the next deploy that changes something brings it back")
}

/// Says whether the time can be right: it is later than that of this program.
fn clock(machine: &Machine) -> Finding {
    let made = std::fs::metadata("/proc/self/exe").map(|found| found.mtime()).unwrap_or_default();
    match i64::try_from(machine.clock).is_ok_and(|now| now >= made) {
        true => Finding::well("clock", "it is later than the program's own time"),
        false => {
            let says = "it stands before the time at which this program was made";
            Finding::lack("clock", says, "set it: certificates and records need the time")
        }
    }
}

/// Reads what says what plugins may do, as every verb does that uses one.
fn policies() -> Finding {
    const WHAT: &str = "policies";
    let read = || -> Result<(usize, bool), SiteError> {
        let ceilings = ceilings(Path::new(CEILINGS), ROOT)?;
        policy(Path::new(POLICY))?;
        lock(Path::new(LOCK))?;
        Ok((ceilings.len(), Path::new(POLICY).exists()))
    };
    let fault = match read() {
        Ok((ceilings, policy)) => {
            let own = if policy { format!(", and `{POLICY}` here") } else { String::new() };
            return Finding::well(WHAT, format!("{ceilings} of the site in `{CEILINGS}`{own}"));
        }
        Err(error) => Fault::from(error),
    };
    match fault.into_diagnostics().into_iter().next() {
        Some(error) => Finding::from_error(WHAT, error),
        None => Finding::lack(WHAT, "they cannot be read", "look at them with `punix plugin audit`"),
    }
}

/// Says whether other machines can be reached.
fn ssh(args: &Doctor) -> Finding {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join(SSH)).find(|path| path.is_file());
    let fix = "install an SSH client (`apt install openssh-client`), or add its directory to PATH";
    let says = "there is no `ssh` in PATH, so no other machine can be reached";
    match (found, args.target.is_some()) {
        (Some(path), _) => {
            let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
            let usual = [home.join(".ssh/known_hosts"), PathBuf::from("/etc/ssh/ssh_known_hosts")];
            match args.way.known_hosts.iter().chain(&usual).any(|path| path.is_file()) {
                true => Finding::well(SSH, format!("`{}`, and hosts are known", shown(&path))),
                false => Finding::note(
                    SSH,
                    format!("`{}`, and no host is known", shown(&path)),
                    "log in once by hand and compare the fingerprint, or give `--known-hosts FILE`",
                ),
            }
        }
        (None, true) => Finding::lack(SSH, says, fix),
        (None, false) => Finding::note(SSH, says, fix),
    }
}

fn git() -> Finding {
    match GIT.iter().find(|path| Path::new(path).is_file()) {
        Some(path) => Finding::well("git", format!("`{path}`")),
        None => Finding::note("git", "sources of the type `git` cannot be fetched", "install git (`apt install git`)"),
    }
}

fn homeless_at(what: &'static str, homeless: &Homeless) -> Finding {
    Finding::lack(what, homeless.message(), homeless.help())
}

/// Finds out whether something can be written at a place that may not be there yet: a file comes and goes in what is there
/// of the way to it.
fn try_to_write(place: &Path) -> io::Result<()> {
    let place = std::path::absolute(place)?;
    let there = place.ancestors().find(|part| part.exists()).unwrap_or(Path::new("/"));
    if !there.is_dir() {
        return Err(io::Error::new(ErrorKind::NotADirectory, format!("`{}` is no directory", shown(there))));
    }
    let disk = RealDisk::open(there)?;
    let name = PathBuf::from(format!(".punix-doctor-{}", std::process::id()));
    drop(disk.create(&name, 0o600)?);
    disk.remove(&name)
}

/// Returns the first directory on the way to a place that keeps others out.
fn closed(place: &Path) -> Option<PathBuf> {
    const PASSED_BY_OTHERS: u32 = 0o001;
    let place = std::path::absolute(place).ok()?;
    let place = place.ancestors().find_map(|part| part.canonicalize().ok())?;
    let mut way: Vec<&Path> = place.ancestors().collect();
    way.reverse();
    let is_closed = |part: &Path| part.metadata().is_ok_and(|found| found.mode() & PASSED_BY_OTHERS == 0);
    way.into_iter().find(|part| is_closed(part)).map(Path::to_owned)
}

/// Tells whether programs at a place may not be run.
fn is_without_programs(place: &Path) -> bool {
    let Ok(place) = std::path::absolute(place) else { return false };
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounted(&mounts, &place).is_some_and(|options| options.split(',').any(|option| option == "noexec"))
}

/// Returns the options of the file system that a place is on: of the last one that is mounted nearest to it.
fn mounted<'m>(mounts: &'m str, place: &Path) -> Option<&'m str> {
    let rows = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.nth(1)?))
    });
    let above = rows.filter(|(at, _)| place.starts_with(at));
    above.max_by_key(|(at, _)| at.len()).map(|(_, options)| options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_counts() {
        let mounts =
            "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw,noexec 0 0\nx /tmp/in y rw 0 0\nz /tmp z rw,nosuid 0 0\n";
        let options = |place: &str| mounted(mounts, Path::new(place));
        assert_eq!(options("/home/a"), Some("rw"));
        assert_eq!(options("/tmp/a"), Some("rw,nosuid"), "the last one hides the others");
        assert_eq!(options("/tmp/in/a"), Some("rw"));
        assert_eq!(options("/tmpfile"), Some("rw"));
    }

    #[test]
    fn what_keeps_others_out_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let shut = directory.path().join("shut");
        std::fs::create_dir(&shut).unwrap();
        let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
        // The one above is made for whoever tests alone.
        std::fs::set_permissions(directory.path(), mode(0o755)).unwrap();
        assert_eq!(closed(&shut.join("store")), None);
        std::fs::set_permissions(&shut, mode(0o750)).unwrap();
        assert_eq!(closed(&shut.join("store/deeper")), Some(shut.canonicalize().unwrap()));
        assert_eq!(closed(&shut), Some(shut.canonicalize().unwrap()));
    }

    #[test]
    fn a_place_is_tried_where_it_would_begin() {
        let directory = std::env::temp_dir();
        try_to_write(&directory.join("punix-not-there/deeper")).unwrap();
        assert!(try_to_write(Path::new("/proc/punix/store")).is_err());
        assert!(try_to_write(Path::new("/etc/passwd/store")).is_err());
    }
}
