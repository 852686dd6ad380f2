//! Whoever owns a directory in which something is written gives the names there to other files, at the worst moments: what
//! he may not have does not become his, and is not published.

use super::*;
use punix_disk::{Metadata, NewFile};
use std::ffi::OsString;
use std::io::{self, Read};

const THEIRS: &str = "srv/app";
const KEY: &str = "srv/app/root.key";
const AWAY: &str = "srv/app/away";

/// A disk on which, right after a file was made in a directory of somebody, he puts root's key in its place.
struct Meddled<'d>(&'d SimulatedDisk);

/// Gives the name of what waits to the key.
fn supplant(disk: &SimulatedDisk, waiting: &Path) {
    disk.rename_new(waiting, Path::new(AWAY)).unwrap();
    disk.rename_new(Path::new(KEY), waiting).unwrap();
}

impl Disk for Meddled<'_> {
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile + '_>> {
        let file = self.0.create(path, mode)?;
        if path.starts_with(THEIRS) {
            supplant(self.0, path);
        }
        Ok(file)
    }

    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>> {
        self.0.metadata(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send + '_>> {
        self.0.open(path)
    }
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.0.read(path, limit)
    }
    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.read_link(path)
    }
    fn look_at_link(&self, path: &Path) -> io::Result<(PathBuf, Metadata)> {
        self.0.look_at_link(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.0.list(path)
    }
    fn list_directories(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.0.list_directories(path)
    }
    fn append(&self, path: &Path) -> io::Result<Box<dyn NewFile + '_>> {
        self.0.append(path)
    }
    fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.0.create_directory(path, mode)
    }
    fn create_link(&self, path: &Path, target: &Path) -> io::Result<()> {
        self.0.create_link(path, target)
    }
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.hard_link(from, to)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename_new(from, to)
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.replace(from, to)
    }
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        self.0.exchange(one, other)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        self.0.remove_directory(path)
    }
    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.0.set_mode(path, mode)
    }
    fn set_owner(&self, path: &Path, owner: u32, group: u32) -> io::Result<()> {
        self.0.set_owner(path, owner, group)
    }
    fn set_modified(&self, path: &Path, seconds: i64) -> io::Result<()> {
        self.0.set_modified(path, seconds)
    }
    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.0.sync_file(path)
    }
    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.0.sync_directory(path)
    }
    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

/// A directory of user 7 in which root keeps a key.
fn start(poor: bool) -> SimulatedDisk {
    let disk = machine();
    for directory in ["srv", THEIRS] {
        disk.create_directory(Path::new(directory), 0o755).unwrap();
    }
    disk.set_owner(Path::new(THEIRS), 7, 7).unwrap();
    disk.create(Path::new(KEY), 0o600).unwrap().write_all(b"key of root").unwrap();
    if poor { disk.without_rename_flags() } else { disk }
}

fn given() -> Wants {
    wants([("/srv/app/web.conf", Want { owner: Some("7".to_owned()), ..want("for 7", 0o640) })])
}

/// Returns where a file is by now, by its inode.
fn place_of(disk: &SimulatedDisk, inode: u64) -> (PathBuf, Metadata) {
    let all = disk.snapshot();
    let found = all.keys().map(|path| (path.clone(), disk.metadata(path).unwrap().unwrap()));
    found.into_iter().find(|(_, found)| found.inode == inode).unwrap()
}

#[track_caller]
fn assert_untouched(disk: &SimulatedDisk, before: &Metadata) {
    let (place, after) = place_of(disk, before.inode);
    assert_eq!(Metadata { modified: before.modified, ..after }, *before);
    assert_eq!(disk.read(&place, 99).unwrap(), b"key of root");
    assert!(place.file_name().unwrap().to_str().unwrap().starts_with(".punix-"), "{}", place.display());
}

#[test]
fn a_file_is_given_away_and_not_what_has_its_name() {
    let disk = start(false);
    let key = disk.metadata(Path::new(KEY)).unwrap().unwrap();
    let new = Goal::New(Box::new(generation(1, None, &given())));
    let plan = plan(&disk, None, new, &Wants::new(), &given());
    let error = commit(&target(&Meddled(&disk)), &plan, payload(&given()), &mut |_| {}).unwrap_err();
    assert!(matches!(error, TargetError::Supplanted { .. }), "{error}");
    assert_untouched(&disk, &key);
    let away = disk.metadata(Path::new(AWAY)).unwrap().unwrap();
    assert_eq!((away.owner, away.mode, away.size), (7, 0o640, 5));
    assert_eq!(disk.list(Path::new("d/.journal")).unwrap(), Vec::<OsString>::new());
    assert_eq!(disk.metadata(Path::new("srv/app/web.conf")).unwrap(), None);
}

/// What waited was exchanged: for a file that is new, and for one that replaces another.
#[test]
fn what_takes_the_place_of_what_waits_is_not_published() {
    for (poor, version) in [(false, 1), (true, 1), (false, 2), (true, 2)] {
        let disk = start(poor);
        let (older, newer) = (given(), wants([("/srv/app/web.conf", want("newer", 0o644))]));
        let (had, wanted) = if version == 1 { (Wants::new(), older) } else { (older, newer) };
        if version == 2 {
            deploy(&disk, 1, &Wants::new(), &had).unwrap();
        }
        let key = disk.metadata(Path::new(KEY)).unwrap().unwrap();
        let parent = (version > 1).then_some(1);
        let new = Goal::New(Box::new(generation(version, parent, &wanted)));
        let plan = plan(&disk, parent, new, &had, &wanted);
        let mut at = PathBuf::new();
        let error = commit(&target(&disk), &plan, payload(&wanted), &mut |progress| {
            if matches!(progress, Progress::Staging { done, of } if done == of) {
                let names = disk.list(Path::new(THEIRS)).unwrap();
                let name = names.iter().find(|name| name.to_str().unwrap().starts_with(".punix-")).unwrap();
                at = Path::new(THEIRS).join(name);
                supplant(&disk, &at);
            }
        })
        .unwrap_err();
        let when = (poor, version);
        assert_eq!(error.code(), punix_diag::Code::E19, "{when:?}");
        let said = format!("what waited at `/{}` to become `/srv/app/web.conf` is not there any more", at.display());
        assert_eq!(error.to_string(), format!("{said}, or something else is"), "{when:?}");
        assert_untouched(&disk, &key);
        let conf = disk.read(Path::new("srv/app/web.conf"), 99).ok();
        assert_eq!(conf.as_deref(), (version > 1).then_some(&b"for 7"[..]), "{when:?}");
    }
}
