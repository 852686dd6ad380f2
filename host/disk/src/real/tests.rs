use super::file::WritingFile;
use super::resolve::Kernel;
use super::*;
use crate::scenarios::{Scratch, fails, get, p, put};
use rustix::fs::CWD;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Returns a disk that asks for nothing that an old kernel or a poor file system lacks.
pub(crate) fn poor(root: &Path) -> RealDisk {
    let kernel = Kernel { openat2: false, rename_flags: false, proc: true };
    RealDisk { kernel, ..RealDisk::open(root).unwrap() }
}

fn without_proc(root: &Path) -> RealDisk {
    let kernel = Kernel { proc: false, ..Kernel::default() };
    RealDisk { kernel, ..RealDisk::open(root).unwrap() }
}

fn both(scratch: &Scratch) -> [RealDisk; 2] {
    [RealDisk::open(scratch.path()).unwrap(), poor(scratch.path())]
}

#[test]
fn a_root_must_be_a_directory() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path().join("f"), "").unwrap();
    fails(RealDisk::open(&scratch.path().join("f")), ErrorKind::NotADirectory);
    fails(RealDisk::open(&scratch.path().join("none")), ErrorKind::NotFound);
    // The operator may name it through a link.
    symlink(scratch.path(), scratch.path().join("self")).unwrap();
    put(&RealDisk::open(&scratch.path().join("self")).unwrap(), "g", b"x");
    assert_eq!(std::fs::read(scratch.path().join("g")).unwrap(), b"x");
}

#[test]
fn links_that_lead_out_lead_nowhere() {
    let (outside, scratch) = (Scratch::new(), Scratch::new());
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o640)).unwrap();
    let before = std::fs::metadata(&secret).unwrap();
    std::fs::create_dir(scratch.path().join("d")).unwrap();
    symlink(outside.path(), scratch.path().join("d/out")).unwrap();
    symlink(&secret, scratch.path().join("d/secret")).unwrap();
    symlink("/proc/self/root", scratch.path().join("d/magic")).unwrap();
    for disk in both(&scratch) {
        let not = ErrorKind::NotADirectory;
        fails(disk.read(p("d/out/secret"), 99), not);
        fails(disk.create(p("d/out/new"), 0o600), not);
        fails(disk.remove(p("d/out/secret")), not);
        fails(disk.set_mode(p("d/out/secret"), 0o777), not);
        fails(disk.list(p("d/magic")), not);
        fails(disk.metadata(p("d/magic/etc")), not);
        fails(disk.replace(p("d/secret"), p("d/out/secret")), not);
        fails(disk.set_mode(p("d/secret"), 0o777), ErrorKind::InvalidInput);
        fails(disk.open(p("d/secret")), ErrorKind::InvalidInput);
        disk.set_modified(p("d/secret"), 1).unwrap();
    }
    let after = std::fs::metadata(&secret).unwrap();
    assert_eq!((after.mode(), after.mtime()), (before.mode(), before.mtime()));
    assert_eq!(outside.path().read_dir().unwrap().count(), 1);
}

#[test]
fn pipes_and_sockets_are_not_waited_for() {
    let scratch = Scratch::new();
    let pipe = scratch.path().join("pipe");
    fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(scratch.path().join("socket")).unwrap();
    for disk in both(&scratch) {
        for path in ["pipe", "socket"].map(p) {
            assert_eq!(disk.metadata(path).unwrap().unwrap().kind, Kind::Other);
            fails(disk.open(path), ErrorKind::InvalidInput);
            fails(disk.read(path, 9), ErrorKind::InvalidInput);
            fails(disk.sync_file(path), ErrorKind::InvalidInput);
        }
    }
    let disk = RealDisk::open(scratch.path()).unwrap();
    disk.set_mode(p("pipe"), 0o600).unwrap();
    assert_eq!(disk.metadata(p("pipe")).unwrap().unwrap().mode, 0o600);
    fails(without_proc(scratch.path()).set_mode(p("pipe"), 0o644), ErrorKind::Unsupported);
    disk.rename_new(p("pipe"), p("moved")).unwrap();
    disk.remove(p("moved")).unwrap();
}

#[test]
fn modes_of_what_can_be_read_need_no_proc() {
    let scratch = Scratch::new();
    let disk = without_proc(scratch.path());
    disk.create_directory(p("d"), 0o777).unwrap();
    put(&disk, "f", b"");
    for (path, mode) in [("d", 0o700), ("d", 0o2755), ("f", 0o600), ("f", 0o4755), ("f", 0)] {
        disk.set_mode(p(path), mode).unwrap();
        assert_eq!(disk.metadata(p(path)).unwrap().unwrap().mode, mode);
    }
}

#[test]
fn exchange_swaps_whatever_stands_there() {
    let scratch = Scratch::new();
    let disk = RealDisk::open(scratch.path()).unwrap();
    exchange(&disk);
    let disk = poor(scratch.path());
    fails(disk.exchange(p("d"), p("f")), ErrorKind::Unsupported);
    fails(disk.exchange(p("f"), p("f/g")), ErrorKind::NotADirectory);
    fails(disk.exchange(p("d"), p("d/g")), ErrorKind::InvalidInput);
    exchange(&crate::SimulatedDisk::new());
}

fn exchange(disk: &dyn Disk) {
    disk.create_directory(p("d"), 0o755).unwrap();
    put(disk, "d/g", b"g");
    put(disk, "f", b"f");
    disk.exchange(p("d/g"), p("f")).unwrap();
    assert_eq!((get(disk, "d/g"), get(disk, "f")), (b"f".to_vec(), b"g".to_vec()));
    disk.exchange(p("d"), p("f")).unwrap();
    assert_eq!((get(disk, "f/g"), get(disk, "d")), (b"f".to_vec(), b"g".to_vec()));
    disk.exchange(p("d"), p("f")).unwrap();
    disk.exchange(p("d"), p("d")).unwrap();
    fails(disk.exchange(p("f"), p("none")), ErrorKind::NotFound);
    fails(disk.exchange(p("none"), p("f")), ErrorKind::NotFound);
    fails(disk.exchange(p("d"), p("d/g")), ErrorKind::InvalidInput);
    fails(disk.exchange(p("d/g"), p("d")), ErrorKind::InvalidInput);
}

#[test]
fn a_failed_write_is_not_forgotten() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut file = WritingFile::new(full(), "x".into());
    file.write_all(b"small").unwrap();
    fails(file.flush(), ErrorKind::StorageFull);
    fails(file.write_all(b"more"), ErrorKind::StorageFull);
    fails(file.sync(), ErrorKind::StorageFull);
    let mut file = WritingFile::new(full(), "x".into());
    fails(file.write_all(&[0; 100_000]), ErrorKind::StorageFull);
    let error = file.sync().unwrap_err().to_string();
    assert_eq!(error, "cannot write `x`: an earlier write failed");
}

#[test]
fn errors_name_the_whole_path() {
    let scratch = Scratch::new();
    let disk = RealDisk::open(scratch.path()).unwrap();
    let error = disk.read(p("a/b"), 1).unwrap_err().to_string();
    let wanted = format!("cannot read `{}/a/b`: No such file", scratch.path().display());
    assert!(error.starts_with(&wanted), "{error}");
    let error = disk.read(p("/etc/passwd"), 1).unwrap_err().to_string();
    assert_eq!(error, "cannot read `/etc/passwd`: the path is absolute");
}

#[test]
fn what_is_larger_than_allowed_is_not_read() {
    let scratch = Scratch::new();
    let file = File::create(scratch.path().join("huge")).unwrap();
    file.set_len(1 << 33).unwrap();
    let disk = RealDisk::open(scratch.path()).unwrap();
    fails(disk.read(p("huge"), 1 << 20), ErrorKind::FileTooLarge);
    let found = disk.metadata(p("huge")).unwrap().unwrap();
    assert!(found.size == 1 << 33 && found.stored < 1 << 20);
    // This one does not say how large it is.
    fails(RealDisk::open(p("/proc/self")).unwrap().read(p("status"), 9), ErrorKind::FileTooLarge);
}

const ROOT_OF_NOBODY: &str = "PUNIX_TEST_ROOT_OF_NOBODY";

/// Root may do everything; so this test runs itself again as somebody else, and with a umask that takes everything.
#[test]
fn an_owner_can_set_and_sync_what_he_cannot_read() {
    if let Some(root) = std::env::var_os(ROOT_OF_NOBODY) {
        return as_owner(Path::new(&root));
    }
    let scratch = Scratch::new();
    if std::fs::metadata(scratch.path()).unwrap().uid() != 0 {
        return as_owner(scratch.path());
    }
    let (root, program) = (scratch.path().join("root"), scratch.path().join("program"));
    std::fs::create_dir(&root).unwrap();
    std::os::unix::fs::chown(&root, Some(65_534), Some(65_534)).unwrap();
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let ran = Command::new("/bin/sh")
        .args(["-c", "umask 777; exec \"$0\" \"$@\""])
        .arg(program)
        .args(["--exact", "real::tests::an_owner_can_set_and_sync_what_he_cannot_read"])
        .env(ROOT_OF_NOBODY, &root)
        .current_dir("/")
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

fn as_owner(root: &Path) {
    let disk = RealDisk::open(root).unwrap();
    for (at, mode) in [0o000, 0o200, 0o111, 0o400].into_iter().enumerate() {
        let (file, directory) = (format!("f{at}"), format!("d{at}"));
        let mut writing = disk.create(p(&file), mode).unwrap();
        writing.write_all(b"content").unwrap();
        writing.sync().unwrap();
        disk.create_directory(p(&directory), mode).unwrap();
        disk.set_modified(p(&file), 1).unwrap();
        disk.sync_file(p(&file)).unwrap();
        disk.sync_directory(p(&directory)).unwrap();
        disk.set_mode(p(&file), 0o640).unwrap();
        disk.set_mode(p(&directory), 0o750).unwrap();
        assert_eq!(get(&disk, &file), b"content");
        disk.set_mode(p(&file), mode).unwrap();
        disk.set_mode(p(&directory), mode).unwrap();
        let found = |path: &str| disk.metadata(p(path)).unwrap().unwrap().mode;
        assert_eq!((found(&file), found(&directory)), (mode, mode));
    }
    fails(disk.read(p("f0"), 9), ErrorKind::PermissionDenied);
    fails(disk.list(p("d0")), ErrorKind::PermissionDenied);
    fails(disk.sync_file(p("d0")), ErrorKind::IsADirectory);
    fails(disk.sync_directory(p("f0")), ErrorKind::NotADirectory);
}

#[test]
fn what_is_held_keeps_its_room_without_a_name() {
    let scratch = Scratch::new();
    for disk in both(&scratch) {
        put(&disk, "f", b"x");
        let held = disk.hold(p("f")).unwrap().unwrap();
        disk.remove(p("f")).unwrap();
        let found = fs::fstat(&held).unwrap();
        assert_eq!((found.st_nlink, found.st_size), (0, 1));
        fails(disk.hold(p("f")), ErrorKind::NotFound);
        // It points at a link, and not through it.
        symlink("/etc/hostname", scratch.path().join("l")).unwrap();
        let held = disk.hold(p("l")).unwrap().unwrap();
        assert_eq!(kind(&fs::fstat(&held).unwrap()), Kind::Link);
        disk.remove(p("l")).unwrap();
    }
}

/// Whoever owns the directory above puts another one there, between making and opening it.
#[test]
fn a_directory_that_came_in_between_keeps_its_mode() {
    let scratch = Scratch::new();
    for (number, disk) in [RealDisk::open(scratch.path()).unwrap(), without_proc(scratch.path())].iter().enumerate() {
        let name = |text: &str| format!("{text}{number}");
        let (made, theirs) = (name("made"), name("theirs"));
        let finish = |mode| disk.finish_directory(&disk.entry(p(&made)).unwrap(), mode);
        disk.create_directory(p(&theirs), 0o711).unwrap();
        put(disk, &format!("{theirs}/private"), b"x");
        std::fs::create_dir(scratch.path().join(&made)).unwrap();
        disk.exchange(p(&made), p(&theirs)).unwrap();
        let error = finish(0o755).unwrap_err();
        assert_eq!(error.to_string(), "somebody put another directory in its place just now");
        assert_eq!(disk.metadata(p(&made)).unwrap().unwrap().mode, 0o711);
        // Nor one that has nothing in it.
        disk.remove(p(&format!("{made}/private"))).unwrap();
        disk.set_mode(p(&made), 0o1711).unwrap();
        finish(0o755).unwrap_err();
        assert_eq!(disk.metadata(p(&made)).unwrap().unwrap().mode, 0o1711);
        if std::fs::metadata(scratch.path()).unwrap().uid() == 0 {
            disk.set_mode(p(&made), 0o755).unwrap();
            disk.set_owner(p(&made), 65_534, 65_534).unwrap();
            finish(0o777).unwrap_err();
            assert_eq!(disk.metadata(p(&made)).unwrap().unwrap().mode, 0o755);
        }
        // A link is not followed.
        disk.rename_new(p(&made), p(&name("moved"))).unwrap();
        disk.create_link(p(&made), p(&theirs)).unwrap();
        fails(finish(0o700), ErrorKind::NotADirectory);
        disk.remove(p(&made)).unwrap();
        // The one that was made gets its mode.
        disk.rename_new(p(&theirs), p(&made)).unwrap();
        finish(0o1777).unwrap();
        assert_eq!(disk.metadata(p(&made)).unwrap().unwrap().mode, 0o1777);
    }
}
