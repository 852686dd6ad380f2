//! Sources: local ones, downloads, commits, what a command makes, and patches. All servers are on the loopback.

use super::offer::{Item, Server, gzip, tar, zip};
use super::{Home, copy, has, isolation, link, list, make_directory, mode, only, paths, set_mode, shell, text, unlock};
use crate::support::{Outcome, run, scrubbed, skip};
use punix_store::Digest;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) fn url(url: &str, bytes: &[u8], more: &str) -> String {
    copy("P", &format!("type = \"url\"  url = \"{url}\"  hash = \"{}\"  {more}", Digest::of(bytes)), "")
}

fn file(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Builds into a store of its own, with the cache that is there.
fn build_anew(home: &Home, store: &str) -> Outcome {
    home.punix([&["build", "p.pcl", "--store-root", store], isolation()].concat())
}

#[test]
fn a_local_source_is_a_directory_a_file_or_a_link_to_one() {
    let home = Home::new();
    set_mode(&home.write("src/deep/run", "#!/bin/sh\n"), 0o700);
    set_mode(&home.write("src/plain", "plain"), 0o600);
    home.write("src/.gitignore", "plain\n");
    home.write("src/.hidden/file", "hidden");
    make_directory(&home.path("src/empty"));
    fs::write(home.path("src").join(OsStr::from_bytes(b"\xff\n")), "odd").expect("any name can be written");
    link("deep/run", &home.path("src/link"));
    link("/nowhere/at/all", &home.path("src/gone"));
    link("src", &home.path("way"));
    let whole = |source: &str| shell("P", "cp -RP $SOURCE/. $OUTPUT", &format!("source = {{ path = \"{source}\" }}"));
    home.write("p.pcl", whole("src"));
    let entry = home.entry();
    let names = [".gitignore", ".hidden", "built", "deep", "derivation.json", "empty", "gone", "link", "manifest.json"];
    assert_eq!(list(&entry)[..9], names, "{:?}", list(&entry));
    assert_eq!((text(&entry.join("plain")).as_str(), mode(&entry.join("plain"))), ("plain", 0o444));
    assert_eq!(mode(&entry.join("deep/run")), 0o555);
    assert_eq!(text(&entry.join(OsStr::from_bytes(b"\xff\n"))), "odd");
    let target = |name: &str| fs::read_link(entry.join(name)).expect("it is a link");
    assert_eq!(
        (target("link").as_path(), target("gone").as_path()),
        (Path::new("deep/run"), Path::new("/nowhere/at/all"))
    );
    for same in ["./src/", "way", "src/../src", home.path("src").to_str().expect("it is text")] {
        home.write("p.pcl", whole(same));
        assert_eq!(home.entry(), entry, "{same}");
    }
    home.write("p.pcl", whole("src/deep/run"));
    let single = home.entry();
    assert_eq!((text(&single.join("run")).as_str(), mode(&single.join("run"))), ("#!/bin/sh\n", 0o555));
    // A fifo cannot be copied, a directory that is no source is told.
    let made = Command::new("/usr/bin/mkfifo").arg(home.path("src/pipe")).status();
    if made.is_ok_and(|status| status.success()) {
        let outcome = home.refuses(&whole("src"), "6:", "E9");
        has(&outcome.stderr, "pipe");
    }
}

/// D27: a directory beside files is no directory to enter; one by itself is.
#[test]
fn only_a_directory_by_itself_is_entered() {
    let home = Home::of(&copy("P", "path = \"src\"", ""));
    home.write("src/deep/inner", "inner");
    assert_eq!(text(&home.entry().join("inner")), "inner");
    home.write("src/file", "beside");
    let entry = home.entry();
    assert_eq!((text(&entry.join("file")), text(&entry.join("deep/inner"))), ("beside".into(), "inner".into()));
}

/// D32: large trees are no problem. The store is in memory where it can be: disks make files at their own pace.
#[test]
fn ten_thousand_files_are_copied() {
    let home = Home::of(&copy("P", "path = \"src\"", ""));
    let file = home.write("file", "content");
    for directory in 0..100 {
        let directory = home.path(&format!("src/directory-{directory}"));
        make_directory(&directory);
        (0..99).for_each(|number| fs::hard_link(&file, directory.join(format!("file-{number}"))).expect("a link"));
        fs::write(directory.join("own"), directory.as_os_str().as_bytes()).expect("a file can be written");
    }
    let memory = Memory::new(&home);
    let store = memory.0.to_str().expect("it is text");
    // Below `/dev` nothing can be built in a sandbox.
    let entry = only(paths(&home.punix(["build", "p.pcl", "--store-root", store, "--no-sandbox"])));
    assert_eq!(text(&entry.join("directory-98/file-97")), "content");
    assert!(text(&entry.join("directory-97/own")).ends_with("/src/directory-97"));
    assert_eq!((list(&entry).len(), list(&entry.join("directory-50")).len()), (103, 100));
}

/// A store in memory, or in a folder where there is no such place.
struct Memory(PathBuf);

impl Memory {
    fn new(home: &Home) -> Memory {
        let name = format!("/dev/shm/{}", home.path("").file_name().expect("a name").to_string_lossy());
        match fs::create_dir(&name) {
            Ok(()) => Memory(name.into()),
            Err(_) => Memory(home.store()),
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        unlock(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn items() -> [Item<'static>; 5] {
    [
        Item::Directory("a-1/"),
        Item::File("a-1/bin/run", 0o755, b"#!/bin/sh\n"),
        Item::File("a-1/plain", 0o600, b"plain"),
        Item::Link("a-1/link", "bin/run"),
        Item::File("a-1/empty", 0o644, b""),
    ]
}

#[test]
fn archives_are_unpacked_and_other_files_are_put_there() {
    for (name, bytes) in [
        ("a.tar.gz", gzip(&tar(&items()))),
        ("a.tgz", gzip(&tar(&items()))),
        ("a.crate", gzip(&tar(&items()))),
        ("A.TAR", tar(&items())),
        ("a.zip", zip(&items())),
    ] {
        let home = Home::new();
        let source = home.write(&format!("offer/{name}"), &bytes);
        home.write("p.pcl", url(&file(&source), &bytes, ""));
        let entry = home.entry();
        assert_eq!(
            list(&entry),
            ["bin", "built", "derivation.json", "empty", "link", "manifest.json", "plain"],
            "{name}"
        );
        assert_eq!((mode(&entry.join("plain")), text(&entry.join("plain")).as_str()), (0o444, "plain"), "{name}");
        assert_eq!(mode(&entry.join("bin/run")), 0o555);
        assert_eq!(fs::read_link(entry.join("link")).expect("it is a link"), Path::new("bin/run"), "{name}");
    }
    // D22: what is no archive is readable for all, too.
    let home = Home::new();
    let source = home.write("tool v1.gz", "not unpacked");
    set_mode(&source, 0o700);
    home.write("p.pcl", url(&file(&source).replace(' ', "%20"), b"not unpacked", ""));
    let entry = home.entry();
    assert_eq!((mode(&entry.join("tool v1.gz")), text(&entry.join("tool v1.gz")).as_str()), (0o444, "not unpacked"));
}

/// D14: an archive that would write elsewhere is refused whole.
#[test]
fn archives_stay_in_their_directory() {
    let outside = [
        vec![Item::File("a/x", 0o644, b"x"), Item::File("../../evil", 0o644, b"evil")],
        vec![Item::File("/tmp/punix-evil", 0o644, b"evil")],
        vec![Item::Link("a", "/tmp"), Item::File("a/punix-evil", 0o644, b"evil")],
        vec![Item::Link("a", "../.."), Item::File("a/evil", 0o644, b"evil")],
    ];
    for (items, name) in outside.iter().flat_map(|items| [(items, "a.tar"), (items, "a.zip")]) {
        let home = Home::new();
        let bytes = if name == "a.tar" { tar(items) } else { zip(items) };
        let source = home.write(name, &bytes);
        home.write("p.pcl", url(&file(&source), &bytes, ""));
        let outcome = home.fails(&[]);
        has(&outcome.stderr, ": error: [E");
        has(&outcome.stderr, "p.pcl:1:");
        assert!(home.entries().is_empty() && home.leftovers().is_empty(), "{items_len}", items_len = items.len());
        assert!(
            !Path::new("/tmp/punix-evil").exists() && !home.path("store/evil").exists() && !home.path("evil").exists()
        );
    }
}

#[test]
fn a_download_is_fetched_once_and_then_had_without_a_network() {
    let bytes = gzip(&tar(&items()));
    let server = Server::of("/dir/a.tar.gz?v=1", bytes.clone());
    let home = Home::of(&url(&server.url("/dir/a.tar.gz?v=1"), &bytes, ""));
    assert_eq!(text(&home.entry().join("plain")), "plain");
    assert_eq!(server.heads().len(), 1);
    drop(server);
    assert_eq!(text(&only(paths(&build_anew(&home, "other"))).join("plain")), "plain");
    // The cache is where somebody says, by an option or a variable.
    fs::rename(home.path("home/.punix/cache"), home.path("kept")).expect("it can be moved");
    for (number, (option, variable)) in [(Some("kept"), "nowhere"), (None, "kept")].into_iter().enumerate() {
        let mut command = home.command([&["build", "p.pcl"], isolation()].concat());
        command.args(option.map(|path| format!("--cache-dir={path}")));
        command.env("PUNIX_CACHE_DIR", variable).env("PUNIX_STORE_DIR", home.path(&format!("store-{number}")));
        assert_eq!(paths(&run(command)).len(), 1);
    }
    assert!(!home.path("home/.punix/cache").exists() && !home.path("nowhere").exists());
}

/// Everything that is tried before and the digest's other algorithm.
#[test]
fn mirrors_are_tried_and_both_algorithms_are_taken() {
    let home = Home::new();
    let source = home.write("there", "abc");
    let sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                  2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    let absent = file(&home.path("absent/named"));
    let wrong = file(&home.write("wrong", "other"));
    let mirrors = format!("mirrors = [\"{wrong}\", \"{}\"]", file(&source));
    home.write(
        "p.pcl",
        copy(
            "P",
            &format!("type = \"url\" url = \"{absent}\" hashType = \"sha512\" hash = \"{sha512}\" {mirrors}"),
            "",
        ),
    );
    // It is called as the first address says.
    assert_eq!(text(&home.entry().join("named")), "abc");
}

#[test]
fn a_wrong_digest_is_told_and_nothing_is_kept() {
    let server = Server::of("/a", b"what is served".to_vec());
    let home = Home::of(&url(&server.url("/a"), b"what was wanted", ""));
    let outcome = home.fails(&[]);
    has(&outcome.stderr, "p.pcl:1:");
    has(&outcome.stderr, ": error: [E10] `P`: ");
    has(&outcome.stderr, &Digest::of(b"what was wanted").to_string());
    has(&outcome.stderr, &Digest::of(b"what is served").to_string());
    assert!(home.entries().is_empty() && home.leftovers().is_empty());
    assert!(!cached(&home).iter().any(|name| name.starts_with("sha256-")), "{:?}", cached(&home));
    home.write("p.pcl", url(&server.url("/a"), b"what is served", ""));
    assert_eq!(text(&home.entry().join("a")), "what is served");
    home.write("p.pcl", url(&server.url("/a"), b"what is served", "maxBytes = 3"));
    let outcome = build_anew(&home, "other");
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    has(&outcome.stderr, "[E20]");
    home.write("p.pcl", url(&server.url("/absent"), b"x", ""));
    has(&home.fails(&[]).stderr, ": error: [E9] `P`: ");
}

fn cached(home: &Home) -> Vec<String> {
    list(&home.path("home/.punix/cache"))
}

/// D15: a file of the cache is what its digest says, not what its name says.
#[test]
fn the_cache_is_not_believed() {
    let server = Server::of("/a", b"content".to_vec());
    let home = Home::of(&url(&server.url("/a"), b"content", ""));
    home.entry();
    let file = home.path("home/.punix/cache").join(format!("sha256-{}", Digest::of(b"content")));
    for spoilt in ["kontent", "", "content and more"] {
        let _ = fs::remove_file(&file);
        fs::write(&file, spoilt).expect("it can be written");
        let store = format!("store-{}", spoilt.len());
        assert_eq!(text(&only(paths(&build_anew(&home, &store))).join("a")), "content", "{spoilt}");
        assert_eq!(text(&file), "content");
    }
    // With nobody to fetch it from anew it is no source at all.
    let source = home.write("local", "content");
    home.write("p.pcl", url(&self::file(&source), b"content", ""));
    fs::remove_file(&source).expect("it is there");
    let _ = fs::remove_file(&file);
    fs::write(&file, "kontent").expect("it can be written");
    let outcome = build_anew(&home, "last");
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    assert!(!list(&home.path("last")).iter().any(|name| name.ends_with("-P-0")));
}

#[test]
fn the_download_of_this_system_is_taken() {
    let home = Home::new();
    let ours = format!("{}-linux", std::env::consts::ARCH);
    let [here, there] = ["here", "there"].map(|name| (file(&home.write(name, name)), Digest::of(name.as_bytes())));
    let program = |system: &str| {
        let row = |system: &str, (url, hash): &(String, Digest)| {
            format!("{{ system = \"{system}\" url = \"{url}\" hash = \"{hash}\" }}")
        };
        let rows = [row("riscv64-linux", &there), row(system, &here)].join(", ");
        copy("P", &format!("type = \"url_per_arch\"  perArch = [{rows}]"), "")
    };
    home.write("p.pcl", program(&ours));
    assert_eq!(text(&home.entry().join("here")), "here");
    let home = Home::new();
    let outcome = home.refuses(&program("s390x-linux"), "1:", "E14");
    has(&outcome.stderr, &format!("`{ours}`"));
    has(&outcome.stderr, "`riscv64-linux`, `s390x-linux`");
}

/// Runs `git` in a folder, as nobody in particular; `None` if there is none.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let program = ["/usr/bin/git", "/usr/local/bin/git"].into_iter().find(|path| Path::new(path).exists())?;
    let mut command = scrubbed(program);
    let identity = ["-c", "user.name=N", "-c", "user.email=n@example.org", "-c", "init.defaultBranch=main"];
    command.args(identity).args(arguments).current_dir(folder).env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1");
    let outcome = run(command);
    assert_eq!(outcome.code, Some(0), "{arguments:?} {outcome:#?}");
    Some(outcome.stdout.trim().to_owned())
}

/// D13: a commit is a commit, its links are links, and names that can change are refused.
#[test]
fn a_commit_is_had_by_its_full_name() {
    let home = Home::new();
    set_mode(&home.write("repository/run", "#!/bin/sh\n"), 0o755);
    home.write("repository/deep/file", "file\r\n");
    home.write("repository/.gitattributes", "* text=auto eol=lf\nrun export-ignore\n");
    link("deep/file", &home.path("repository/link"));
    let repository = home.path("repository");
    let Some(_) = git(&repository, &["init", "-q"]) else { return skip("no git") };
    git(&repository, &["add", "run", "deep", "link"]);
    git(&repository, &["add", ".gitattributes"]);
    git(&repository, &["commit", "-q", "-m", "one"]);
    let commit = git(&repository, &["rev-parse", "HEAD"]).expect("there is git");
    home.write("repository/later", "later");
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "-q", "-m", "two"]);
    let program = |hash: &str| {
        let source = format!("source = {{ type = \"git\"  url = \"{}\"  hash = \"{hash}\" }}", file(&repository));
        shell("P", "cp -RP $SOURCE/. $OUTPUT", &source)
    };
    home.write("p.pcl", program(&commit));
    let entry = home.entry();
    assert_eq!(list(&entry), [".gitattributes", "built", "deep", "derivation.json", "link", "manifest.json", "run"]);
    assert_eq!((mode(&entry.join("run")), mode(&entry.join("deep/file"))), (0o555, 0o444));
    assert_eq!(fs::read_link(entry.join("link")).expect("it is a link"), Path::new("deep/file"));
    for hash in ["main", "HEAD", &commit[..12], &commit.to_uppercase(), "refs/heads/main", ""] {
        let home = Home::new();
        home.refuses(&program(hash), "6:", "E1");
    }
    home.write("p.pcl", program(&"1".repeat(40)));
    has(&home.fails(&[]).stderr, ": error: [E9] `P`: ");
}

#[test]
fn what_a_command_makes_has_to_have_its_digest() {
    let program = |hash: &str, command: &str| {
        copy("P", &format!("type = \"fixed_output\"  command = \"{command}\"  hash = \"{hash}\""), "")
    };
    let home = Home::of(&program(&"1".repeat(64), "mkdir a; echo x > a/x; chmod 755 a/x"));
    let outcome = home.fails(&[]);
    has(&outcome.stderr, "p.pcl:1:");
    has(&outcome.stderr, ": error: [E13] `P`: ");
    has(&outcome.stderr, &"1".repeat(64));
    let found = outcome.stderr.split("got ").nth(1).and_then(|rest| rest.get(..64)).expect("it says which one");
    home.write("p.pcl", program(found, "mkdir a; echo x > a/x; chmod 755 a/x"));
    let entry = home.entry();
    assert_eq!((text(&entry.join("x")).as_str(), mode(&entry.join("x"))), ("x\n", 0o555));
    // Another way to the same is another name, and as good; another result is not.
    home.write("p.pcl", program(found, "install -D /dev/null a/x; chmod 700 a/x; umask 077; echo x > a/x"));
    assert_ne!(home.entry(), entry);
    home.write("p.pcl", program(found, "mkdir a; echo x > a/x"));
    has(&home.fails(&[]).stderr, "[E13]");
    home.write("p.pcl", program(found, "echo no; exit 4"));
    let failed = home.fails(&[]);
    has(&failed.stderr, "[E8] `P`: ");
    has(&failed.stderr, "exit code 4");
}

const PATCH: &str = "--- a/old/file\n+++ b/new/file\n@@ -1,1 +1,1 @@\n-one\n+two\n";

#[test]
fn patches_are_applied_in_order() {
    let server = Server::of(
        "/fix.patch",
        PATCH.replace("one", "TWO").replace("two", "three").replace("TWO", "two").into_bytes(),
    );
    let home = Home::new();
    home.write("dir/src/top/file", "one\n");
    home.write("dir/src/top/other", "other\n");
    home.write("dir/first.patch", PATCH);
    let fetched = PATCH.replace("one", "TWO").replace("two", "three").replace("TWO", "two");
    let hash = Digest::of(fetched.as_bytes());
    let second = format!("{{ type = \"url\" url = \"{}\" hash = \"{hash}\" strip = 2 }}", server.url("/fix.patch"));
    let first = "{ path = \"first.patch\" strip = 2 }";
    let program = |patches: &str| copy("P", &format!("path = \"src\"  patches = [{patches}]"), "");
    let build = |patches: &str| {
        home.write("dir/p.pcl", program(patches));
        home.build(["dir/p.pcl"])
    };
    let one = only(paths(&build(first)));
    let both = only(paths(&build(&format!("{first}, {second}"))));
    assert_eq!((text(&one.join("file")), text(&both.join("file"))), ("two\n".into(), "three\n".into()));
    assert_eq!(text(&both.join("other")), "other\n");
    assert!(list(&both).iter().all(|name| !name.ends_with(".orig") && !name.ends_with(".rej")));
    // What a patch says is in the name; where it lies is not.
    home.write("dir/deep/first.patch", PATCH);
    assert_eq!(only(paths(&build("{ path = \"deep/first.patch\" strip = 2 }"))), one);
    home.write("dir/first.patch", format!("{PATCH} "));
    assert_ne!(home.build(["dir/p.pcl", "--dry-run"]).stdout, build(first).stdout);
    home.write("dir/first.patch", PATCH);
    for (patches, code) in [(format!("{second}, {first}"), "E8"), ("{ path = \"first.patch\" }".to_owned(), "E8")] {
        let outcome = build(&patches);
        assert_eq!(outcome.code, Some(3), "{outcome:#?}");
        has(&outcome.stderr, &format!("[{code}] `P`: "));
        has(&outcome.stderr, "patch");
    }
}
