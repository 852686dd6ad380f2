use super::*;
use crate::testing::Folder;
use rustix::fs::Mode;
use std::fs as std_fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The kernel as it is, and one that does not know `openat2`.
const BOTH: [LocalFiles; 2] =
    [LocalFiles { kernel: Kernel { openat2: true } }, LocalFiles { kernel: Kernel { openat2: false } }];

const BYTES_MAX: usize = 64 << 10;

fn absolute(path: &Path) -> AbsolutePath {
    AbsolutePath::parse(path.to_str().unwrap()).unwrap()
}

fn below(root: &Path, path: &str) -> FilePlace {
    narrowed(root, root, path)
}

fn narrowed(root: &Path, within: &Path, path: &str) -> FilePlace {
    FilePlace::Below { root: absolute(root), within: absolute(within), path: BelowPath::parse(path).unwrap() }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn read(files: LocalFiles, place: &FilePlace) -> Result<String, FileFault> {
    files.read(place, BYTES_MAX, soon()).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

fn write(path: &Path, text: &str) {
    std_fs::create_dir_all(path.parent().unwrap()).unwrap();
    std_fs::write(path, text).unwrap();
}

/// A root with files, links of all sorts, and a secret beside it.
fn tree(name: &str) -> Folder {
    let folder = Folder::new(&format!("files-{name}"));
    let at = |path: &str| folder.path().join(path);
    write(&at("secret"), "hunter2");
    write(&at("root/a/file"), "inside");
    write(&at("root/b/other"), "other");
    for (target, link) in [
        ("file", "root/a/link"),
        ("../b/other", "root/a/across"),
        ("link", "root/a/chain"),
        ("a", "root/directory"),
        ("a/../a/./file", "root/winding"),
        ("../secret", "root/out"),
        ("../../secret", "root/a/out"),
        ("../root/a/file", "root/out-and-in"),
        ("loop", "root/loop"),
        ("nowhere", "root/dangling"),
        ("..", "root/up"),
        ("a/file/", "root/as-directory"),
    ] {
        symlink(target, at(link)).unwrap();
    }
    symlink(at("root/a/file"), at("root/absolute")).unwrap();
    symlink("/proc/self/environ", at("root/environ")).unwrap();
    symlink("/proc/self/cwd", at("root/cwd")).unwrap();
    folder
}

#[test]
fn links_are_followed_as_long_as_they_stay_below() {
    let folder = tree("links");
    let root = folder.path().join("root");
    for files in BOTH {
        for (path, found) in [
            ("a/file", Ok("inside")),
            ("a/link", Ok("inside")),
            ("a/chain", Ok("inside")),
            ("a/across", Ok("other")),
            ("directory/file", Ok("inside")),
            ("directory/across", Ok("other")),
            ("winding", Ok("inside")),
            ("out", Err(FileFault::Outside)),
            ("a/out", Err(FileFault::Outside)),
            ("out-and-in", Err(FileFault::Outside)),
            ("absolute", Err(FileFault::Outside)),
            ("environ", Err(FileFault::Outside)),
            ("cwd/x", Err(FileFault::Outside)),
            ("up/secret", Err(FileFault::Outside)),
            ("loop", Err(FileFault::Loop)),
            ("dangling", Err(FileFault::Absent)),
            ("a/nothing", Err(FileFault::Absent)),
            ("a/file/x", Err(FileFault::NotDirectory)),
            ("a", Err(FileFault::Directory)),
            ("", Err(FileFault::Directory)),
        ] {
            let expected = found.map(str::to_owned);
            assert_eq!(read(files, &below(&root, path)), expected, "{path} {files:?}");
        }
    }
}

#[test]
fn what_is_narrowed_is_left_by_no_link() {
    let folder = tree("narrowed");
    let root = folder.path().join("root");
    symlink("b", root.join("moved")).unwrap();
    symlink("other", root.join("b/same")).unwrap();
    for files in BOTH {
        let open = |within: &str, path: &str| read(files, &narrowed(&root, &root.join(within), path));
        assert_eq!(open("a", "a/file").as_deref(), Ok("inside"));
        assert_eq!(open("a", "a/link").as_deref(), Ok("inside"));
        assert_eq!(open("a", "a/across"), Err(FileFault::Outside));
        assert_eq!(open("a", "b/other"), Err(FileFault::Outside));
        assert_eq!(open("a/file", "a/file").as_deref(), Ok("inside"));
        assert_eq!(open("a/link", "a/link"), Err(FileFault::Outside));
        assert_eq!(open("moved", "moved/other"), Err(FileFault::Outside));
        assert_eq!(open("b", "b/same").as_deref(), Ok("other"));
    }
}

#[test]
fn a_single_file_can_be_a_root() {
    let folder = tree("single");
    let link = folder.path().join("root/a/link");
    for files in BOTH {
        assert_eq!(read(files, &below(&link, "")).as_deref(), Ok("inside"));
        assert_eq!(read(files, &below(&link, "x")), Err(FileFault::NotDirectory));
    }
}

#[test]
fn only_regular_files_are_read() {
    let folder = tree("kinds");
    let root = folder.path().join("root");
    let _listener = UnixListener::bind(root.join("socket")).unwrap();
    let mode = Mode::RUSR | Mode::WUSR;
    fs::mknodat(fs::CWD, root.join("fifo"), FileType::Fifo, mode, 0).unwrap();
    for files in BOTH {
        assert_eq!(read(files, &below(&root, "socket")), Err(FileFault::Socket));
        assert_eq!(read(files, &below(&root, "fifo")), Err(FileFault::Fifo));
        assert_eq!(read(files, &FilePlace::Referred(absolute(Path::new("/dev/null")))), Err(FileFault::Device));
        assert_eq!(read(files, &FilePlace::Referred(absolute(&root))), Err(FileFault::Directory));
    }
}

#[test]
fn files_in_which_the_system_shows_itself_are_not_read() {
    let folder = tree("system");
    let root = folder.path().join("root");
    for files in BOTH {
        for place in [
            FilePlace::Referred(absolute(Path::new("/proc/self/environ"))),
            FilePlace::Referred(absolute(Path::new("/proc/version"))),
            FilePlace::Referred(absolute(&root.join("environ"))),
            below(Path::new("/"), "proc/self/environ"),
            below(Path::new("/proc"), "version"),
        ] {
            // By a link of the system itself, a walk that stays below is refused earlier.
            let fault = read(files, &place).unwrap_err();
            assert!(matches!(fault, FileFault::System | FileFault::Outside), "{place:?}: {fault:?}");
            assert!(files.look(&place).is_err(), "{place:?}");
        }
        assert_eq!(files.list(&below(Path::new("/proc"), ""), 10_000), Err(FileFault::System));
        assert_eq!(files.list(&below(Path::new("/"), "dev"), 10_000), Err(FileFault::System));
    }
    let sys = Path::new("/sys/kernel/notes");
    if sys.exists() {
        assert_eq!(read(BOTH[0], &FilePlace::Referred(absolute(sys))), Err(FileFault::System));
    }
}

#[test]
fn a_reference_is_followed_wherever_it_leads() {
    let folder = tree("reference");
    let at = |path: &str| FilePlace::Referred(absolute(&folder.path().join(path)));
    let files = LocalFiles::default();
    assert_eq!(read(files, &at("root/out")).as_deref(), Ok("hunter2"));
    assert_eq!(read(files, &at("root/absolute")).as_deref(), Ok("inside"));
    assert_eq!(read(files, &at("root/dangling")), Err(FileFault::Absent));
    assert_eq!(read(files, &at("root/loop")), Err(FileFault::Loop));
    let place = at("root/new");
    assert_eq!(files.replace(&place, 0o600, b"x"), Err(FileFault::Outside));
}

#[test]
fn too_much_is_refused_at_exactly_one_byte_too_many() {
    let folder = tree("large");
    let place = below(folder.path(), "large");
    std_fs::write(folder.path().join("large"), vec![7; 1_000]).unwrap();
    let files = LocalFiles::default();
    assert_eq!(files.read(&place, 1_000, soon()).map(|bytes| bytes.len()), Ok(1_000));
    assert_eq!(files.read(&place, 999, soon()).unwrap_err(), FileFault::TooLarge { bytes_max: 999 });
    std_fs::write(folder.path().join("large"), b"").unwrap();
    assert_eq!(files.read(&place, 0, soon()).map(|bytes| bytes.len()), Ok(0));
    assert_eq!(files.read(&place, 0, Instant::now()).unwrap_err(), FileFault::Late);
}

#[test]
fn what_others_may_not_read_is_told_as_such() {
    let folder = tree("permission");
    let path = folder.path().join("secret");
    std_fs::set_permissions(&path, std_fs::Permissions::from_mode(0o000)).unwrap();
    // Who may read everything, may read this.
    let all = std_fs::File::open(&path).is_ok();
    let found = read(LocalFiles::default(), &below(folder.path(), "secret"));
    assert_eq!(found.is_ok(), all);
    assert!(all || found == Err(FileFault::Permission));
}

#[test]
fn a_writer_that_replaces_gives_the_old_or_the_new() {
    let folder = tree("hammer");
    let path = folder.path().join("root/token");
    let stop = AtomicBool::new(false);
    let text = |number: u64| format!("{number}").repeat(4_000);
    std_fs::write(&path, text(0)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number = (number + 1) % 10;
                let files = LocalFiles::default();
                files.replace(&below(&folder.path().join("root"), "token"), 0o600, text(number).as_bytes()).unwrap();
            }
        });
        for round in 0..400 {
            let found = read(BOTH[round % 2], &FilePlace::Referred(absolute(&path)));
            match found {
                Ok(found) => {
                    let first = found.chars().next().unwrap();
                    assert!(found.len() == 4_000 && found.chars().all(|digit| digit == first));
                }
                Err(fault) => assert_eq!(fault, FileFault::Changing),
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let left = LocalFiles::default().list(&below(folder.path(), "root"), 100).unwrap();
    assert!(!left.iter().any(|name| name.starts_with(".punix")), "{left:?}");
}

#[test]
fn a_link_that_is_swapped_never_leads_out() {
    let folder = tree("swap");
    let link = folder.path().join("root/swapped");
    let stop = AtomicBool::new(false);
    symlink("a/file", &link).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let next = folder.path().join("root/next");
            for target in ["../secret", "a/file"].into_iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let _ = std_fs::remove_file(&next);
                symlink(target, &next).unwrap();
                std_fs::rename(&next, &link).unwrap();
            }
        });
        for round in 0..400 {
            match read(BOTH[round % 2], &below(&folder.path().join("root"), "swapped")) {
                Ok(text) => assert_eq!(text, "inside"),
                Err(fault) => assert!(matches!(fault, FileFault::Outside | FileFault::Io { .. }), "{fault:?}"),
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_is_there_is_listed_in_order() {
    let folder = tree("list");
    for name in ["c", "a", "B"] {
        write(&folder.path().join("names").join(name), "");
    }
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    std_fs::write(folder.path().join("names").join(odd), "").unwrap();
    for files in BOTH {
        assert_eq!(files.list(&below(folder.path(), "names"), 3).unwrap(), ["B", "a", "c"]);
        let few = files.list(&below(folder.path(), "names"), 2);
        assert_eq!(few, Err(FileFault::TooMany { names_max: 2 }));
        assert_eq!(files.list(&below(folder.path(), "secret"), 2), Err(FileFault::NotDirectory));
        let narrow = narrowed(folder.path(), &folder.path().join("names"), "names");
        assert_eq!(files.list(&narrow, 3).map(|names| names.len()), Ok(3));
    }
}

#[test]
fn a_file_is_looked_at() {
    let folder = tree("look");
    let path = folder.path().join("secret");
    std_fs::set_permissions(&path, std_fs::Permissions::from_mode(0o640)).unwrap();
    let metadata = std_fs::metadata(&path).unwrap();
    for files in BOTH {
        let look = files.look(&below(folder.path(), "secret")).unwrap();
        let expected = FileLook { mode: 0o640, uid: metadata.uid(), gid: metadata.gid(), directory: false };
        assert_eq!(look, expected);
        assert!(files.look(&below(folder.path(), "root")).unwrap().directory);
        assert_eq!(files.look(&below(&folder.path().join("root"), "out")), Err(FileFault::Outside));
        assert_eq!(files.look(&below(folder.path(), "x")), Err(FileFault::Absent));
    }
}

#[test]
fn a_file_is_replaced_with_its_mode() {
    let folder = tree("replace");
    let root = folder.path().join("root");
    for files in BOTH {
        for (place, path) in [
            (below(&root, "a/new"), "root/a/new"),
            (below(&root, "directory/new"), "root/a/new"),
            (below(&root, "b/other"), "root/b/other"),
            (narrowed(&root, &root.join("a"), "a/new"), "root/a/new"),
            (narrowed(&root, &root.join("a/new"), "a/new"), "root/a/new"),
            (below(&root.join("a/new"), ""), "root/a/new"),
        ] {
            files.replace(&place, 0o640, b"first").unwrap();
            files.replace(&place, 0o600, b"second").unwrap();
            let path = folder.path().join(path);
            assert_eq!(std_fs::read(&path).unwrap(), b"second");
            assert_eq!(std_fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
            std_fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn nothing_is_written_elsewhere() {
    let folder = tree("elsewhere");
    let root = folder.path().join("root");
    for files in BOTH {
        for (place, fault) in [
            (below(&root, "up/secret"), FileFault::Outside),
            (below(&root, "nothing/x"), FileFault::Absent),
            (below(&root, "a/file/x"), FileFault::NotDirectory),
            (below(&root, "a"), FileFault::Directory),
            (narrowed(&root, &root.join("a"), "b/other"), FileFault::Outside),
            (below(Path::new("/"), ""), FileFault::Directory),
        ] {
            assert_eq!(files.replace(&place, 0o600, b"evil"), Err(fault), "{place:?}");
        }
        // A link is replaced, and not what it leads to.
        files.replace(&below(&root, "out"), 0o600, b"new").unwrap();
        assert!(!root.join("out").is_symlink());
        std_fs::remove_file(root.join("out")).unwrap();
        symlink("../secret", root.join("out")).unwrap();
        assert_eq!(std_fs::read(folder.path().join("secret")).unwrap(), b"hunter2");
    }
    let names = LocalFiles::default().list(&below(&root, ""), 100).unwrap();
    assert!(!names.iter().any(|name| name.starts_with(".punix")), "{names:?}");
}
