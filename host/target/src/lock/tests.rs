use super::*;
use crate::layout::Layout;
use punix_disk::RealDisk;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory for one test, which goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("punix-target-lock-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn with_target<T>(
    scratch: &Scratch,
    wait: u64,
    tell: &(dyn Fn(&[Holder]) + Sync),
    run: impl FnOnce(&Target<'_>) -> T,
) -> T {
    let disk = RealDisk::open(&scratch.0).unwrap();
    let asking = Asking { command: "punix service deploy", wait: Duration::from_millis(wait), tell };
    let place = Place { root: scratch.0.clone(), asking, guard: None };
    let layout = Layout::new(Path::new("deploy")).unwrap();
    run(&Target::at(&disk, &layout, place).unwrap())
}

fn silent(_: &[Holder]) {}

/// A process that is started just then has all files open until its program runs.
#[test]
fn what_was_let_go_is_free_whoever_has_its_file_open() {
    let scratch = Scratch::new();
    with_target(&scratch, 0, &silent, |target| {
        let alone = target.exclude().unwrap();
        let _open = alone.file.as_ref().map(|file| file.try_clone().unwrap());
        drop(alone);
        let shared = target.share().unwrap();
        let _open = shared.file.as_ref().map(|file| file.try_clone().unwrap());
        drop(shared);
        target.exclude().unwrap();
    });
}

#[test]
fn who_writes_is_alone_and_says_who_he_is() {
    let scratch = Scratch::new();
    with_target(&scratch, 0, &silent, |target| {
        let held = target.exclude().unwrap();
        for refused in [target.share().map(drop), target.exclude().map(drop)] {
            let TargetError::Busy { holders, path, .. } = refused.unwrap_err() else { panic!("it is busy") };
            assert_eq!(path, scratch.0.join("deploy/.lock"));
            let holder = holders.first().unwrap();
            assert_eq!((holder.process, holder.command.as_str()), (std::process::id(), "punix service deploy"));
        }
        drop(held);
        assert_eq!(std::fs::read(scratch.0.join("deploy/.lock")).unwrap(), b"");
        let (one, other) = (target.share().unwrap(), target.share().unwrap());
        assert!(matches!(target.exclude(), Err(TargetError::Busy { holders, .. }) if holders.is_empty()));
        drop((one, other));
        target.exclude().unwrap();
    });
}

#[test]
fn where_nothing_was_deployed_there_is_nothing_to_lock() {
    let scratch = Scratch::new();
    with_target(&scratch, 0, &silent, |target| target.share().map(drop).unwrap());
    assert_eq!(scratch.0.read_dir().unwrap().count(), 0);
}

#[test]
fn who_waits_is_told_once_who_is_in_the_way() {
    let scratch = Scratch::new();
    let told = Mutex::new(Vec::new());
    let tell = |holders: &[Holder]| told.lock().unwrap().push(holders.len());
    let held = with_target(&scratch, 0, &silent, |target| target.exclude().unwrap());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| with_target(&scratch, 60_000, &tell, |target| target.exclude().map(drop)));
        while told.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        drop(held);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(*told.lock().unwrap(), [1]);
}

/// A program that is started does not keep the lock of who started it.
#[test]
fn it_is_not_inherited() {
    let scratch = Scratch::new();
    with_target(&scratch, 0, &silent, |target| {
        let held = target.exclude().unwrap();
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        drop(held);
        // Other tests start programs too, which have it until they are others.
        with_target(&scratch, 60_000, &silent, |target| target.exclude().map(drop)).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
    });
}

#[test]
fn a_link_is_no_lock() {
    let scratch = Scratch::new();
    with_target(&scratch, 0, &silent, |target| {
        target.exclude().map(drop).unwrap();
        std::fs::remove_file(scratch.0.join("deploy/.lock")).unwrap();
        std::os::unix::fs::symlink(scratch.0.join("elsewhere"), scratch.0.join("deploy/.lock")).unwrap();
        assert!(matches!(target.exclude(), Err(TargetError::Disk(_))));
        assert!(!scratch.0.join("elsewhere").exists());
    });
}

/// Whoever has a lock file open can hold it.
#[test]
fn nobody_else_opens_it() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    with_target(&scratch, 0, &silent, |target| {
        target.exclude().map(drop).unwrap();
        let mode = std::fs::metadata(scratch.0.join("deploy/.lock")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    });
}
