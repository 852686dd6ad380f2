use super::*;
use crate::word::RootName;

fn absolute(text: &str) -> AbsolutePath {
    AbsolutePath::parse(text).unwrap()
}

fn access(root: &str, path: &str, within: &str, write: bool) -> FilesAccess {
    FilesAccess { root: RootName::parse(root).unwrap(), path: absolute(path), within: absolute(within), write }
}

fn code(found: Result<Granted, FilesError>) -> Result<String, &'static str> {
    let shown = |granted: Granted| match granted.place {
        FilePlace::Below { root, path, .. } => path.joined(&root),
        FilePlace::Referred(path) => format!("-> {path}"),
    };
    found.map(shown).map_err(|error| error.class_and_code().1)
}

fn try_place(granted: &[FilesAccess], root: &str, path: &str, wish: Wish) -> Result<String, &'static str> {
    let references = References { all: &BTreeSet::new(), base: Path::new("/base") };
    code(place(granted, references, (root, path), wish))
}

#[test]
fn only_granted_roots_and_sound_paths() {
    let all = [access("keys", "/etc/keys", "/etc/keys", false), access("all", "/", "/", false)];
    for (root, path, found) in [
        ("keys", "a/b", Ok("/etc/keys/a/b")),
        ("keys", "", Ok("/etc/keys")),
        ("all", "etc/x", Ok("/etc/x")),
        ("all", "", Ok("/")),
        ("key", "a", Err("files.not-granted")),
        ("", "a", Err("files.not-granted")),
        ("keys", "../shadow", Err("files.path")),
        ("keys", "a/../../shadow", Err("files.path")),
        ("keys", "/etc/shadow", Err("files.path")),
        ("keys", "./a", Err("files.path")),
        ("keys", "a/", Err("files.path")),
        ("keys", "a//b", Err("files.path")),
        ("keys", "a\0", Err("files.path")),
        ("keys", "a\nb", Err("files.path")),
    ] {
        assert_eq!(try_place(&all, root, path, Wish::Open).as_deref(), found.as_ref().copied(), "{root} {path}");
    }
    assert_eq!(try_place(&all, "keys", &"a/".repeat(PATH_BYTES_MAX), Wish::Open), Err("files.path"));
}

#[test]
fn what_was_narrowed_ends_where_it_says() {
    let all = [access("etc", "/etc", "/etc/keys", false), access("etc", "/etc", "/etc/token", false)];
    for (path, found) in [
        ("keys/a", Ok("/etc/keys/a")),
        ("keys", Ok("/etc/keys")),
        ("token", Ok("/etc/token")),
        ("keysx", Err("files.outside")),
        ("token2", Err("files.outside")),
        ("", Err("files.outside")),
        ("shadow", Err("files.outside")),
    ] {
        assert_eq!(try_place(&all, "etc", path, Wish::List).as_deref(), found.as_ref().copied(), "{path}");
    }
}

#[test]
fn writing_is_granted_apart() {
    let all = [access("etc", "/etc", "/etc/a", true), access("etc", "/etc", "/etc", false)];
    assert_eq!(try_place(&all, "etc", "a/x", Wish::Replace).as_deref(), Ok("/etc/a/x"));
    assert_eq!(try_place(&all, "etc", "b/x", Wish::Replace), Err("files.read-only"));
    assert_eq!(try_place(&all, "etc", "b/x", Wish::Open).as_deref(), Ok("/etc/b/x"));
    let references = References { all: &BTreeSet::new(), base: Path::new("/") };
    let write = |path: &str| place(&all, references, ("etc", path), Wish::Open).unwrap().write;
    assert_eq!((write("a/x"), write("b/x")), (true, false));
}

#[test]
fn modes_that_others_could_write_by_are_refused() {
    for sound in [0o600, 0o644, 0o755, 0o400, 0] {
        assert_eq!(mode(sound), Ok(sound));
    }
    for wrong in [0o666, 0o620, 0o602, 0o4755, 0o2755, 0o1644, 0o100_644, u32::MAX] {
        assert_eq!(mode(wrong), Err(FilesError::Mode { mode: wrong }));
    }
}

#[test]
fn references_are_those_of_the_call_and_granted() {
    let all: BTreeSet<String> = ["key", "../up", "/run/token", "granted-not", "a/./b//c"].map(String::from).into();
    let references = References { all: &all, base: Path::new("/srv/stack") };
    let granted = [
        access("reference", "/srv/stack/key", "/srv/stack/key", false),
        access("reference", "/srv/up", "/srv/up", false),
        access("reference", "/run/token", "/run/token", false),
        access("reference", "/srv/stack/a/b/c", "/srv/stack/a/b/c", false),
        access("reference", "/srv/stack/other", "/srv/stack/other", false),
        access("elsewhere", "/srv/stack/granted-not", "/srv/stack/granted-not", false),
    ];
    let open = |path: &str, wish| code(place(&granted, references, ("reference", path), wish));
    for (path, found) in [
        ("key", Ok("-> /srv/stack/key")),
        ("../up", Ok("-> /srv/up")),
        ("/run/token", Ok("-> /run/token")),
        ("a/./b//c", Ok("-> /srv/stack/a/b/c")),
        // The same file, but not what the stack says.
        ("./key", Err("files.reference")),
        ("/srv/stack/key", Err("files.reference")),
        ("other", Err("files.reference")),
        ("granted-not", Err("files.reference")),
        ("", Err("files.reference")),
    ] {
        assert_eq!(open(path, Wish::Open).as_deref(), found.as_ref().copied(), "{path}");
        assert_eq!(open(path, Wish::Look).is_ok(), found.is_ok());
        assert_eq!(open(path, Wish::Replace), Err("files.reference"));
        assert_eq!(open(path, Wish::List), Err("files.reference"));
    }
}

#[test]
fn a_ceiling_below_a_reference_leaves_nothing_of_it() {
    let all: BTreeSet<String> = ["/run/a".to_owned()].into();
    let granted = [access("reference", "/run/a", "/run/a/below", false)];
    let references = References { all: &all, base: Path::new("/") };
    assert_eq!(code(place(&granted, references, ("reference", "/run/a"), Wish::Open)), Err("files.reference"));
}

#[test]
fn references_are_normalised_by_name() {
    for (base, reference, found) in [
        ("/a/b", "c", Some("/a/b/c")),
        ("/a/b", "../../../../c", Some("/c")),
        ("/a/b", "./c/", Some("/a/b/c")),
        ("/a/b", "/x/../y", Some("/y")),
        ("/a/b", "..", Some("/a")),
        ("/a/b", "", None),
        ("a", "b", None),
        ("/a", "b\nc", None),
        ("/a", "b\0", None),
    ] {
        assert_eq!(
            referred(Path::new(base), reference).as_ref().map(AbsolutePath::as_str),
            found,
            "{base} {reference}"
        );
    }
}

#[test]
fn faults_have_codes_of_their_own() {
    let faults = [
        FileFault::Absent,
        FileFault::Permission,
        FileFault::System,
        FileFault::Loop,
        FileFault::Directory,
        FileFault::NotDirectory,
        FileFault::Fifo,
        FileFault::Socket,
        FileFault::Device,
        FileFault::TooLarge { bytes_max: 1 },
        FileFault::TooMany { names_max: 1 },
        FileFault::Changing,
        FileFault::Late,
        FileFault::Io { said: String::new() },
    ];
    let codes: BTreeSet<String> = faults.iter().map(|fault| failed("a", "b", fault).code).collect();
    assert_eq!(codes.len(), faults.len());
    assert_eq!(failed("keys", "a", &FileFault::Absent).message, "`keys/a` is not there");
    assert_eq!(failed("reference", "../a", &FileFault::Fifo).message, "`../a` is a pipe");
}
