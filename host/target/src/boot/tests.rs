//! The unit comes, is left alone, changes with its program, and goes.

use super::*;
use crate::planted::path;
use expect_test::expect;
use punix_disk::{SimulatedDisk, every_crash};
use std::cell::Cell;

fn machine() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    for directory in ["etc", "etc/systemd", "etc/systemd/system", "var", "var/lib"] {
        disk.create_directory(Path::new(directory), 0o755).unwrap();
    }
    disk.sync_all().unwrap();
    disk
}

fn unit_of(roots: &[&str]) -> Unit {
    Unit::of_machine(roots.iter().map(|root| path(root)).collect())
}

fn program<'p>(identity: &str, bytes: &'p dyn Fn() -> io::Result<Vec<u8>>) -> Program<'p> {
    Program { identity: identity.to_owned(), bytes }
}

fn ours(disk: &SimulatedDisk) -> Vec<String> {
    let is_ours = |path: &String| path.contains("recover") || path.contains("punix/bin/");
    disk.snapshot().into_keys().map(|path| path.to_string_lossy().into_owned()).filter(is_ours).collect()
}

#[test]
fn it_says_what_is_run_before_what() {
    let digest = Digest::of(b"program");
    let text = unit_of(&["/srv/punix/deployments", "/srv/odd $ 100% \"x\""]).text("sha256 x", &digest);
    expect![[r#"
        # sha256 x
        [Unit]
        Description=Mend what punix was changing when the machine stopped
        DefaultDependencies=no
        RefuseManualStart=yes
        RequiresMountsFor="/var/lib/punix/bin" "/srv/punix/deployments" "/srv/odd $ 100%% \"x\""
        After=local-fs.target
        Before=sysinit.target shutdown.target
        Conflicts=shutdown.target

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        TimeoutStartSec=300
        ExecStart=@"/var/lib/punix/bin/1310ca2c8932dbd118668bd97442558a3e1f546b5e15c69699dfbd6024f548d8" punix-recover

        [Install]
        WantedBy=sysinit.target
    "#]]
    .assert_eq(&text);
    assert_eq!(Unit::program_of(&text), Some(digest));
    let of_user = Unit::of_user("/home/u", &path("/home/u/.punix/deployments")).unwrap();
    let text = of_user.text("sha256 x", &digest);
    assert!(text.contains("Before=basic.target") && text.contains("punix-recover \"/home/u/.punix/deployments\"\n"));
    assert_eq!(Unit::program_of(&text), Some(digest));
    assert!(Unit::program_of("[Unit]\n").is_none());
}

#[test]
fn it_comes_once_and_goes() {
    let disk = machine();
    let (reads, first) = (Cell::new(0), || Ok(b"first".to_vec()));
    let counted = || {
        reads.set(reads.get() + 1);
        first()
    };
    let unit = unit_of(&["/d"]);
    for _ in 0..3 {
        ensure(&disk, &unit, &program("one", &counted)).unwrap();
    }
    assert_eq!(reads.get(), 1);
    let digest = Digest::of(b"first");
    assert_eq!(disk.metadata(unit.program(&digest).on_disk()).unwrap().unwrap().mode, 0o755);
    assert_eq!(disk.read_link(unit.wanted().on_disk()).unwrap(), Path::new("../punix-recover.service"));
    // Another program, another root.
    ensure(&disk, &unit_of(&["/d", "/e"]), &program("two", &|| Ok(b"second".to_vec()))).unwrap();
    assert!(disk.metadata(unit.program(&digest).on_disk()).unwrap().is_none());
    let text = read(&disk, &unit.path()).unwrap().unwrap();
    assert!(text.contains("\"/e\"") && text.starts_with("# two\n"), "{text}");
    // Somebody took a part of it away.
    disk.remove(unit.wanted().on_disk()).unwrap();
    ensure(&disk, &unit_of(&["/d", "/e"]), &program("two", &|| Ok(b"second".to_vec()))).unwrap();
    assert!(disk.metadata(unit.wanted().on_disk()).unwrap().is_some());
    remove(&disk, &unit).unwrap();
    assert_eq!(ours(&disk), [""; 0]);
    remove(&disk, &unit).unwrap();
}

#[test]
fn a_unit_that_is_wanted_has_its_program() {
    let unit = unit_of(&["/d"]);
    let make = |disk: &SimulatedDisk| ensure(disk, &unit, &program("one", &|| Ok(b"first".to_vec())));
    every_crash(machine, make, 3, |found, done, end| {
        let wanted = found.metadata(unit.wanted().on_disk()).unwrap_or(None).is_some();
        assert!(wanted || done.is_err(), "{end:?}");
        if wanted {
            let text = read(found, &unit.path()).unwrap().unwrap();
            let digest = Unit::program_of(&text).unwrap();
            assert_eq!(found.read(unit.program(&digest).on_disk(), 100).unwrap(), b"first", "{end:?}");
        }
        make(found).unwrap();
        remove(found, &unit).unwrap();
        assert_eq!(ours(found), [""; 0], "{end:?}");
    });
}

#[test]
fn no_other_root_is_touched() {
    let disk = machine();
    let target = Target::alone(&disk, Layout::new(Path::new("/d")).unwrap());
    assert!(unit(&target, true).unwrap().is_none() && unit(&target, false).unwrap().is_none());
    install(&target, true).unwrap();
    remove_if_last(&target).unwrap();
    assert_eq!(ours(&disk), [""; 0]);
}
