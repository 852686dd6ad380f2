//! What stays with the very file or link that was meant, whatever its name leads to by now.

use super::{fails, p, put};
use crate::Disk;
use std::io::ErrorKind;

/// Whoever owns the directory gives the name of a file that is being written to another one.
pub(super) fn what_is_set_on_an_open_file_is_its_own(disk: &dyn Disk) {
    put(disk, "key", b"not for others");
    disk.set_mode(p("key"), 0o600).unwrap();
    let key = disk.metadata(p("key")).unwrap().unwrap();
    let other = if key.owner == 0 { (1234, 4321) } else { (key.owner, key.group) };
    let mut file = disk.create(p("new"), 0o600).unwrap();
    file.write_all(b"content").unwrap();
    disk.rename_new(p("new"), p("away")).unwrap();
    disk.rename_new(p("key"), p("new")).unwrap();
    file.set_owner(other.0, other.1).unwrap();
    file.set_mode(0o4755).unwrap();
    assert_eq!(file.metadata().unwrap(), disk.metadata(p("away")).unwrap().unwrap());
    let set = file.metadata().unwrap();
    assert_eq!((set.mode, (set.owner, set.group), set.size), (0o4755, other, 7));
    file.set_owner(other.0, other.1).unwrap();
    assert_eq!(file.metadata().unwrap().mode, 0o755);
    fails(file.set_mode(0o10_000), ErrorKind::InvalidInput);
    fails(file.set_owner(u32::MAX, 0), ErrorKind::InvalidInput);
    file.sync().unwrap();
    let found = disk.metadata(p("new")).unwrap().unwrap();
    assert_eq!((found.inode, found.mode, found.owner, found.group), (key.inode, 0o600, key.owner, key.group));
}

pub(super) fn what_a_link_says_and_whose_it_is(disk: &dyn Disk) {
    put(disk, "f", b"");
    disk.create_link(p("l"), p("../somewhere")).unwrap();
    let (to, found) = disk.look_at_link(p("l")).unwrap();
    assert_eq!((to.as_path(), Some(found)), (p("../somewhere"), disk.metadata(p("l")).unwrap()));
    fails(disk.look_at_link(p("f")), ErrorKind::InvalidInput);
    fails(disk.look_at_link(p("none")), ErrorKind::NotFound);
    fails(disk.look_at_link(p("l/x")), ErrorKind::NotADirectory);
}
