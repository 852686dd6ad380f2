//! Reaching for variables and files that were not granted, by their names and by all the ways around.

use crate::room::{Folder, Plugin, Terms, World, resolver};
use crate::running::PATIENT;
use expect_test::expect;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

#[test]
fn variables() {
    let table = format!(
        "{PATIENT}\ngrant.env = [{{ name = \"GRANTED\", as = \"secret\" }}, {{ name = \"PLAIN\", as = \"plain\" }}]"
    );
    let plugin = Plugin::on(resolver(), Terms { table: &table, ..Terms::default() }, &World::default());
    let mut text = String::new();
    for name in ["PLAIN", "GRANTED", "NOT_GRANTED", "ABSENT", "ONE", "HOME", "granted", "GRANTED=", "*", "", "A B"] {
        text.push_str(&format!("{name}\n{}", plugin.resolved("variable", name, &["GRANTED"])));
    }
    expect![[r#"
        PLAIN
        get: Some("[secret]")
        get-secret: Some("env:PLAIN")
        GRANTED
        get: ErrorClass::Denied env.secret-only: the variable `GRANTED` is granted as a secret: ask for it by `get-secret`
        get-secret: Some("env:GRANTED")
        NOT_GRANTED
        get: ErrorClass::Denied env.not-granted: the variable `NOT_GRANTED` is not granted
        get-secret: ErrorClass::Denied env.not-granted: the variable `NOT_GRANTED` is not granted
        ABSENT
        get: ErrorClass::Denied env.not-granted: the variable `ABSENT` is not granted
        get-secret: ErrorClass::Denied env.not-granted: the variable `ABSENT` is not granted
        ONE
        get: ErrorClass::Denied env.not-granted: the variable `ONE` is not granted
        get-secret: ErrorClass::Denied env.not-granted: the variable `ONE` is not granted
        HOME
        get: ErrorClass::Denied env.not-granted: the variable `HOME` is not granted
        get-secret: ErrorClass::Denied env.not-granted: the variable `HOME` is not granted
        granted
        get: ErrorClass::Denied env.not-granted: the variable `granted` is not granted
        get-secret: ErrorClass::Denied env.not-granted: the variable `granted` is not granted
        GRANTED=
        get: ErrorClass::InvalidInput env.name: `GRANTED=` is not the name of a variable
        get-secret: ErrorClass::InvalidInput env.name: `GRANTED=` is not the name of a variable
        *
        get: ErrorClass::InvalidInput env.name: `*` is not the name of a variable
        get-secret: ErrorClass::InvalidInput env.name: `*` is not the name of a variable

        get: ErrorClass::InvalidInput env.name: `` is not the name of a variable
        get-secret: ErrorClass::InvalidInput env.name: `` is not the name of a variable
        A B
        get: ErrorClass::InvalidInput env.name: `A B` is not the name of a variable
        get-secret: ErrorClass::InvalidInput env.name: `A B` is not the name of a variable
    "#]].assert_eq(&text);
    let plugin = Plugin::on(resolver(), Terms { table: &table, ..Terms::default() }, &World::default());
    expect![[r#"
        error: [E28] the plugin `org.example.hostile-resolver 0.6.6` reached a limit in `resolve-all`: `call_kib` is 1024 KiB
        help: if it needs more, and the site allows it: punix plugin grant org.example.hostile-resolver limits call_kib=2048
    "#]].assert_eq(&plugin.resolved("long-name", "", &["GRANTED"]));
}

/// A root with everything in it that could lead elsewhere, and a secret beside it.
fn tree() -> (Folder, UnixListener) {
    let folder = Folder::new();
    folder.write("outside/secret", "kept from it");
    folder.write("given/secret", "given to it");
    folder.write("given/sub/deep", "further down");
    let at = |name: &str| folder.path().join("given").join(name);
    let link =
        |to: &str, from: PathBuf| symlink(to, &from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    link("secret", at("link-inside"));
    link("../outside/secret", at("link-out"));
    link(&folder.path().join("outside/secret").display().to_string(), at("link-absolute"));
    link("..", at("link-up"));
    link("/proc/self/environ", at("link-environ"));
    link("/proc/self/root", at("link-root"));
    link("loop-b", at("loop-a"));
    link("loop-a", at("loop-b"));
    link("/dev/zero", at("link-zero"));
    let listener = UnixListener::bind(at("socket")).expect("a socket can be made");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a pipe can be made");
    std::fs::File::create(at("huge")).and_then(|file| file.set_len(2 << 20)).expect("a hole can be made");
    (folder, listener)
}

fn files_table(given: &Path, drafts: &Path) -> String {
    format!(
        "{PATIENT}\ngrant.files = [{{ root = \"given\", path = \"{}\" }}, \
         {{ root = \"drafts\", path = \"{}\", write = true }}]",
        given.display(),
        drafts.display()
    )
}

#[test]
fn files() {
    let (folder, _listener) = tree();
    let table = files_table(&folder.path().join("given"), &folder.path().join("drafts"));
    let plugin = Plugin::on(resolver(), Terms { table: &table, ..Terms::default() }, &World::default());
    let mut text = String::new();
    for path in [
        "secret",
        "link-inside",
        "sub",
        "sub/deep",
        "sub/../secret",
        "../outside/secret",
        "link-out",
        "link-absolute",
        "link-up/outside/secret",
        "link-environ",
        "link-root/etc/passwd",
        "loop-a",
        "link-zero",
        "socket",
        "pipe",
        "huge",
        "/etc/passwd",
        "",
        ".",
        "./secret",
        "sub//deep",
        "secret/",
        "absent",
    ] {
        text.push_str(&format!("{path}\n{}", plugin.resolved("file", &format!("given:{path}"), &["A"])));
    }
    for root in ["other", "reference", "given/", ""] {
        text.push_str(&format!("root {root}\n{}", plugin.resolved("file", &format!("{root}:secret"), &["A"])));
    }
    expect![[r#"
        secret
        open: "file:given/secret"
        stat: false
        list: ErrorClass::InvalidInput files.not-directory: `given/secret` is not a directory
        link-inside
        open: "file:given/link-inside"
        stat: false
        list: ErrorClass::InvalidInput files.not-directory: `given/link-inside` is not a directory
        sub
        open: ErrorClass::InvalidInput files.directory: `given/sub` is a directory
        stat: true
        list: ["deep"]
        sub/deep
        open: "file:given/sub/deep"
        stat: false
        list: ErrorClass::InvalidInput files.not-directory: `given/sub/deep` is not a directory
        sub/../secret
        open: ErrorClass::InvalidInput files.path: `sub/../secret` is not a path below a root: names with `/` between them, and no `.` or `..`
        stat: ErrorClass::InvalidInput files.path: `sub/../secret` is not a path below a root: names with `/` between them, and no `.` or `..`
        list: ErrorClass::InvalidInput files.path: `sub/../secret` is not a path below a root: names with `/` between them, and no `.` or `..`
        ../outside/secret
        open: ErrorClass::InvalidInput files.path: `../outside/secret` is not a path below a root: names with `/` between them, and no `.` or `..`
        stat: ErrorClass::InvalidInput files.path: `../outside/secret` is not a path below a root: names with `/` between them, and no `.` or `..`
        list: ErrorClass::InvalidInput files.path: `../outside/secret` is not a path below a root: names with `/` between them, and no `.` or `..`
        link-out
        open: ErrorClass::Denied files.outside: `given/link-out` leads outside of what is granted
        stat: ErrorClass::Denied files.outside: `given/link-out` leads outside of what is granted
        list: ErrorClass::Denied files.outside: `given/link-out` leads outside of what is granted
        link-absolute
        open: ErrorClass::Denied files.outside: `given/link-absolute` leads outside of what is granted
        stat: ErrorClass::Denied files.outside: `given/link-absolute` leads outside of what is granted
        list: ErrorClass::Denied files.outside: `given/link-absolute` leads outside of what is granted
        link-up/outside/secret
        open: ErrorClass::Denied files.outside: `given/link-up/outside/secret` leads outside of what is granted
        stat: ErrorClass::Denied files.outside: `given/link-up/outside/secret` leads outside of what is granted
        list: ErrorClass::Denied files.outside: `given/link-up/outside/secret` leads outside of what is granted
        link-environ
        open: ErrorClass::Denied files.outside: `given/link-environ` leads outside of what is granted
        stat: ErrorClass::Denied files.outside: `given/link-environ` leads outside of what is granted
        list: ErrorClass::Denied files.outside: `given/link-environ` leads outside of what is granted
        link-root/etc/passwd
        open: ErrorClass::Denied files.outside: `given/link-root/etc/passwd` leads outside of what is granted
        stat: ErrorClass::Denied files.outside: `given/link-root/etc/passwd` leads outside of what is granted
        list: ErrorClass::Denied files.outside: `given/link-root/etc/passwd` leads outside of what is granted
        loop-a
        open: ErrorClass::InvalidInput files.loop: `given/loop-a` leads through too many links
        stat: ErrorClass::InvalidInput files.loop: `given/loop-a` leads through too many links
        list: ErrorClass::InvalidInput files.loop: `given/loop-a` leads through too many links
        link-zero
        open: ErrorClass::Denied files.outside: `given/link-zero` leads outside of what is granted
        stat: ErrorClass::Denied files.outside: `given/link-zero` leads outside of what is granted
        list: ErrorClass::Denied files.outside: `given/link-zero` leads outside of what is granted
        socket
        open: ErrorClass::InvalidInput files.socket: `given/socket` is a socket
        stat: false
        list: ErrorClass::InvalidInput files.not-directory: `given/socket` is not a directory
        pipe
        open: ErrorClass::InvalidInput files.fifo: `given/pipe` is a pipe
        stat: false
        list: ErrorClass::InvalidInput files.not-directory: `given/pipe` is not a directory
        huge
        open: ErrorClass::Permanent files.too-large: `given/huge` is larger than 1024 KiB
        stat: false
        list: ErrorClass::InvalidInput files.not-directory: `given/huge` is not a directory
        /etc/passwd
        open: ErrorClass::InvalidInput files.path: `/etc/passwd` is not a path below a root: names with `/` between them, and no `.` or `..`
        stat: ErrorClass::InvalidInput files.path: `/etc/passwd` is not a path below a root: names with `/` between them, and no `.` or `..`
        list: ErrorClass::InvalidInput files.path: `/etc/passwd` is not a path below a root: names with `/` between them, and no `.` or `..`

        open: ErrorClass::InvalidInput files.directory: `given/` is a directory
        stat: true
        list: ["huge", "link-absolute", "link-environ", "link-inside", "link-out", "link-root", "link-up", "link-zero", "loop-a", "loop-b", "pipe", "secret", "socket", "sub"]
        .
        open: ErrorClass::InvalidInput files.path: `.` is not a path below a root: names with `/` between them, and no `.` or `..`
        stat: ErrorClass::InvalidInput files.path: `.` is not a path below a root: names with `/` between them, and no `.` or `..`
        list: ErrorClass::InvalidInput files.path: `.` is not a path below a root: names with `/` between them, and no `.` or `..`
        ./secret
        open: ErrorClass::InvalidInput files.path: `./secret` is not a path below a root: names with `/` between them, and no `.` or `..`
        stat: ErrorClass::InvalidInput files.path: `./secret` is not a path below a root: names with `/` between them, and no `.` or `..`
        list: ErrorClass::InvalidInput files.path: `./secret` is not a path below a root: names with `/` between them, and no `.` or `..`
        sub//deep
        open: ErrorClass::InvalidInput files.path: `sub//deep` is not a path below a root: names with `/` between them, and no `.` or `..`
        stat: ErrorClass::InvalidInput files.path: `sub//deep` is not a path below a root: names with `/` between them, and no `.` or `..`
        list: ErrorClass::InvalidInput files.path: `sub//deep` is not a path below a root: names with `/` between them, and no `.` or `..`
        secret/
        open: ErrorClass::InvalidInput files.path: `secret/` is not a path below a root: names with `/` between them, and no `.` or `..`
        stat: ErrorClass::InvalidInput files.path: `secret/` is not a path below a root: names with `/` between them, and no `.` or `..`
        list: ErrorClass::InvalidInput files.path: `secret/` is not a path below a root: names with `/` between them, and no `.` or `..`
        absent
        open: ErrorClass::NotFound files.absent: `given/absent` is not there
        stat: ErrorClass::NotFound files.absent: `given/absent` is not there
        list: ErrorClass::NotFound files.absent: `given/absent` is not there
        root other
        open: ErrorClass::Denied files.not-granted: the root `other` is not granted
        stat: ErrorClass::Denied files.not-granted: the root `other` is not granted
        list: ErrorClass::Denied files.not-granted: the root `other` is not granted
        root reference
        open: ErrorClass::Denied files.reference: `secret` is no reference of this call to a file that is granted
        stat: ErrorClass::Denied files.reference: `secret` is no reference of this call to a file that is granted
        list: ErrorClass::Denied files.reference: references are opened and looked at, and nothing else
        root given/
        open: ErrorClass::Denied files.not-granted: the root `given/` is not granted
        stat: ErrorClass::Denied files.not-granted: the root `given/` is not granted
        list: ErrorClass::Denied files.not-granted: the root `given/` is not granted
        root 
        open: ErrorClass::Denied files.not-granted: the root `` is not granted
        stat: ErrorClass::Denied files.not-granted: the root `` is not granted
        list: ErrorClass::Denied files.not-granted: the root `` is not granted
    "#]].assert_eq(&text.replace(&folder.path().display().to_string(), "FOLDER"));
}

/// Also where an operator granted more than was wise.
#[test]
fn files_in_which_the_system_shows_itself() {
    let table = files_table(Path::new("/"), Path::new("/nowhere"));
    let plugin = Plugin::on(resolver(), Terms { table: &table, ..Terms::default() }, &World::default());
    let mut text = String::new();
    for path in
        ["proc/self/environ", "proc/self/root/etc/passwd", "proc/self/mem", "sys/kernel/uevent_seqnum", "dev/null"]
    {
        text.push_str(&format!("{path}\n{}", plugin.resolved("file", &format!("given:{path}"), &["A"])));
    }
    expect![[r#"
        proc/self/environ
        open: ErrorClass::Denied files.system: `given/proc/self/environ` is one of the files in which the system shows itself or its devices
        stat: ErrorClass::Denied files.system: `given/proc/self/environ` is one of the files in which the system shows itself or its devices
        list: ErrorClass::InvalidInput files.not-directory: `given/proc/self/environ` is not a directory
        proc/self/root/etc/passwd
        open: ErrorClass::InvalidInput files.loop: `given/proc/self/root/etc/passwd` leads through too many links
        stat: ErrorClass::InvalidInput files.loop: `given/proc/self/root/etc/passwd` leads through too many links
        list: ErrorClass::InvalidInput files.loop: `given/proc/self/root/etc/passwd` leads through too many links
        proc/self/mem
        open: ErrorClass::Denied files.system: `given/proc/self/mem` is one of the files in which the system shows itself or its devices
        stat: ErrorClass::Denied files.system: `given/proc/self/mem` is one of the files in which the system shows itself or its devices
        list: ErrorClass::InvalidInput files.not-directory: `given/proc/self/mem` is not a directory
        sys/kernel/uevent_seqnum
        open: ErrorClass::Denied files.system: `given/sys/kernel/uevent_seqnum` is one of the files in which the system shows itself or its devices
        stat: ErrorClass::Denied files.system: `given/sys/kernel/uevent_seqnum` is one of the files in which the system shows itself or its devices
        list: ErrorClass::InvalidInput files.not-directory: `given/sys/kernel/uevent_seqnum` is not a directory
        dev/null
        open: ErrorClass::InvalidInput files.device: `given/dev/null` is a device
        stat: ErrorClass::Denied files.system: `given/dev/null` is one of the files in which the system shows itself or its devices
        list: ErrorClass::InvalidInput files.not-directory: `given/dev/null` is not a directory
    "#]].assert_eq(&text);
}

#[test]
fn files_that_the_stack_does_not_refer_to() {
    let (folder, _listener) = tree();
    let secret = folder.path().join("outside/secret").display().to_string();
    let references = ["given/secret", "link/environ", secret.as_str(), "/proc/self/environ"];
    let table = format!("{PATIENT}\ngrant.files = []");
    let terms = || Terms { table: &table, references: &references, base: Some(folder.path()), ..Terms::default() };
    let plugin = Plugin::on(resolver(), terms(), &World::default());
    let asked =
        ["given/secret", &secret, "outside/secret", "given/../outside/secret", "/etc/passwd", "/proc/self/environ"];
    let text = plugin.resolved("give-file", "", &asked);
    expect![[r#"
        found: given to it
        found: kept from it
        found: kept from it
        found: kept from it
        Denied files.reference: `/etc/passwd` is no reference of this call to a file that is granted
        Denied files.system: `/proc/self/environ` is one of the files in which the system shows itself or its devices
    "#]]
    .assert_eq(&text.replace(&folder.path().display().to_string(), "FOLDER"));
    // Of what the stack refers to, a call sees only what it is asked for.
    let text = plugin.resolved("file", &format!("reference:{secret}"), &["given/secret"]);
    expect![[r#"
        open: ErrorClass::Denied files.reference: `FOLDER/outside/secret` is no reference of this call to a file that is granted
        stat: ErrorClass::Denied files.reference: `FOLDER/outside/secret` is no reference of this call to a file that is granted
        list: ErrorClass::Denied files.reference: references are opened and looked at, and nothing else
    "#]].assert_eq(&text.replace(&folder.path().display().to_string(), "FOLDER"));
}

#[test]
fn files_that_are_written() {
    let (folder, _listener) = tree();
    std::fs::create_dir(folder.path().join("drafts")).unwrap();
    symlink("../outside", folder.path().join("drafts/link-out")).unwrap();
    symlink("../outside/secret", folder.path().join("drafts/link-file")).unwrap();
    let table = files_table(&folder.path().join("given"), &folder.path().join("drafts"));
    let plugin = Plugin::on(resolver(), Terms { table: &table, ..Terms::default() }, &World::default());
    let mut text = String::new();
    for with in [
        "drafts:600:new",
        "drafts:644:sub/new",
        "drafts:666:new",
        "drafts:4700:new",
        "drafts:600:../given/secret",
        "drafts:600:link-out/secret",
        "drafts:600:link-file",
        "drafts:600:",
        "given:600:secret",
        "reference:600:secret",
        "/:600:etc/passwd",
    ] {
        text.push_str(&format!("{with}\n{}", plugin.resolved("replace", with, &["A"])));
    }
    expect![[r#"
        drafts:600:new
        ()
        drafts:644:sub/new
        ErrorClass::NotFound files.absent: `drafts/sub/new` is not there
        drafts:666:new
        ErrorClass::InvalidInput files.mode: the mode 666 is refused: it has to be below 1000, and nobody but the owner writes
        drafts:4700:new
        ErrorClass::InvalidInput files.mode: the mode 4700 is refused: it has to be below 1000, and nobody but the owner writes
        drafts:600:../given/secret
        ErrorClass::InvalidInput files.path: `../given/secret` is not a path below a root: names with `/` between them, and no `.` or `..`
        drafts:600:link-out/secret
        ErrorClass::Denied files.outside: `drafts/link-out/secret` leads outside of what is granted
        drafts:600:link-file
        ()
        drafts:600:
        ErrorClass::InvalidInput files.directory: `drafts/` is a directory
        given:600:secret
        ErrorClass::Denied files.read-only: the root `given` is not granted for writing
        reference:600:secret
        ErrorClass::Denied files.reference: references are opened and looked at, and nothing else
        /:600:etc/passwd
        ErrorClass::Denied files.not-granted: the root `/` is not granted
    "#]].assert_eq(&text.replace(&folder.path().display().to_string(), "FOLDER"));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!((read("outside/secret"), read("given/secret")), ("kept from it".to_owned(), "given to it".to_owned()));
    assert_eq!(read("drafts/new"), "written by a plugin");
}
