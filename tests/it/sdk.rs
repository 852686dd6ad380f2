//! The author's side of plugins: the SDK's own tests, projects that `punix plugin new` makes, what is built of them, and
//! what is said when something for that is missing. Projects are built below the target directory, where what they need
//! is compiled once.
//!
//! Over 500 lines: the texts that people see are long, and stand whole beside what shows them.

use crate::support::{Folder, punix, root, run, scrubbed, skip};
use expect_test::{Expect, expect};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WASM: &str = "wasm32-unknown-unknown";
/// What compilers need of the environment of whoever runs the tests.
const KEPT: [&str; 6] = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR"];

/// Lets a command see the machine's compilers, and no network.
pub(crate) fn with_compilers(mut command: Command) -> Command {
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("CARGO_TARGET_DIR", scratch("target")).env("CARGO_NET_OFFLINE", "true");
    command
}

pub(crate) fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk").join(name)
}

#[track_caller]
pub(crate) fn ends_well(mut command: Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", shown(&output.stdout), shown(&output.stderr));
    output
}

/// Tells whether Rust projects can be built here, and says it if not.
pub(crate) fn rust_is_here() -> bool {
    let mut rustc = with_compilers(scrubbed("rustc"));
    let library = rustc.args(["--print", "target-libdir", "--target", WASM]).output();
    let library = library.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    if !library.is_ok_and(|path| path.is_dir()) {
        skip("this Rust has no library for wasm32-unknown-unknown");
        return false;
    }
    let mut fetch = with_compilers(scrubbed("cargo"));
    fetch.args(["fetch", "--offline", "--locked", "--manifest-path"]).arg(root().join("sdk/Cargo.toml"));
    let there = fetch.output().is_ok_and(|output| output.status.success());
    if !there {
        skip("the crates that the SDK needs are not on this machine");
    }
    there
}

/// Tells whether C projects can be built here, and says it if not.
fn c_is_here() -> bool {
    let answers = |program: &str| {
        let mut command = with_compilers(scrubbed(program));
        command.arg("--version").output().is_ok_and(|output| output.status.success())
    };
    let there = ["clang", "wasm-ld", "make", "cc"].into_iter().all(answers);
    if !there {
        skip("clang, lld and make are not all on this machine");
    }
    there
}

/// Makes a project at a place that is empty.
fn project(kind: &str, language: &str, directory: &Path) {
    let mut new = punix();
    new.args([
        "plugin",
        "new",
        "my-thing",
        "--kind",
        kind,
        "--lang",
        language,
        "--id",
        "com.example.my-thing",
        "--dir",
    ]);
    new.arg(directory);
    ends_well(new);
}

/// Builds a project, and returns the lines that tell what it is.
#[track_caller]
fn built(directory: &Path) -> Vec<String> {
    let mut build = with_compilers(punix());
    build.args(["plugin", "build"]).current_dir(directory);
    let output = ends_well(build);
    assert!(directory.join("my-thing.wasm").is_file());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Makes a project at a place that stays, tests it, builds it and tries it. All kinds of a language have one place, so that
/// what they need is compiled once; so they come one after the other.
#[track_caller]
fn check_project(kind: &str, language: &str, expected: &Expect) {
    let directory = scratch(language);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(scratch("")).unwrap();
    project(kind, language, &directory);
    let mut test = match language {
        "rust" => scrubbed("cargo"),
        _ => scrubbed("make"),
    };
    test.arg("test").current_dir(&directory);
    if language == "rust" {
        test.arg("--locked");
    }
    ends_well(with_compilers(test));
    let told: Vec<String> = built(&directory);
    let mut test = with_compilers(punix());
    test.args(["plugin", "test"]).current_dir(&directory);
    ends_well(test);
    let kept = |line: &&String| !line.starts_with("sha256") && !line.starts_with("size");
    expected.assert_eq(&told.iter().filter(kept).map(|line| format!("{line}\n")).collect::<String>());
}

#[test]
fn the_sdk_passes_its_own_tests() {
    if !rust_is_here() {
        return;
    }
    let mut test = with_compilers(scrubbed("cargo"));
    test.args(["test", "--offline", "--locked", "--manifest-path"]).arg(root().join("sdk/Cargo.toml"));
    ends_well(test);
}

#[test]
fn new_projects_in_rust_are_built_and_tested() {
    if !rust_is_here() {
        return;
    }
    check_project(
        "backend",
        "rust",
        &expect![[r#"
        built ./my-thing.wasm
        com.example.my-thing 0.1.0
        world      punix:backend/backend@0.1.0
        handles    my-thing
        imports    punix:cap/log@0.1.0; punix:base/types@0.1.0
        exports    punix:backend/api@0.1.0; punix:base/meta@0.1.0
        pure       yes, it says
        asks for nothing
    "#]],
    );
    check_project(
        "resolver",
        "rust",
        &expect![[r#"
        built ./my-thing.wasm
        com.example.my-thing 0.1.0
        world      punix:resolver/secret-resolver@0.1.0
        handles    from_my_thing
        imports    punix:base/types@0.1.0; punix:cap/blobs@0.1.0;
                   punix:cap/secrets@0.1.0; punix:cap/log@0.1.0; punix:cap/http@0.1.0
        exports    punix:resolver/api@0.1.0; punix:base/meta@0.1.0
        pure       it does not say so
        asks for
          http:{config.address} get /v1/*
            it says what for: to read the secrets that the stack refers to
    "#]],
    );
    check_project(
        "transport",
        "rust",
        &expect![[r#"
        built ./my-thing.wasm
        com.example.my-thing 0.1.0
        world      punix:transport/transport@0.1.0
        handles    my-thing
        imports    punix:base/types@0.1.0; punix:cap/pipes@0.1.0; punix:cap/log@0.1.0;
                   punix:cap/spawn@0.1.0
        exports    punix:base/meta@0.1.0; punix:transport/api@0.1.0
        pure       it does not say so
        asks for
          spawn:docker with exec -i ...
            it says what for: to start programs in containers
    "#]],
    );
    check_equal_bytes("transport", "rust");
}

#[test]
fn new_projects_in_c_are_built_and_tested() {
    if !c_is_here() {
        return;
    }
    check_project(
        "backend",
        "c",
        &expect![[r#"
        built ./my-thing.wasm
        com.example.my-thing 0.1.0
        world      punix:backend/backend@0.1.0
        handles    my-thing
        imports    punix:base/types@0.1.0
        exports    punix:base/meta@0.1.0; punix:backend/api@0.1.0
        pure       yes, it says
        asks for nothing
    "#]],
    );
    check_project(
        "resolver",
        "c",
        &expect![[r#"
        built ./my-thing.wasm
        com.example.my-thing 0.1.0
        world      punix:resolver/secret-resolver@0.1.0
        handles    from_my_thing
        imports    punix:base/types@0.1.0; punix:cap/secrets@0.1.0; punix:cap/env@0.1.0
        exports    punix:base/meta@0.1.0; punix:resolver/api@0.1.0
        pure       it does not say so
        asks for
          env:{reference} as a secret
            it says what for: to take the secrets that the stack refers to out of the environment
    "#]],
    );
    check_project(
        "transport",
        "c",
        &expect![[r#"
        built ./my-thing.wasm
        com.example.my-thing 0.1.0
        world      punix:transport/transport@0.1.0
        handles    my-thing
        imports    punix:cap/pipes@0.1.0; punix:base/types@0.1.0; punix:cap/spawn@0.1.0
        exports    punix:base/meta@0.1.0; punix:transport/api@0.1.0
        pure       it does not say so
        asks for
          spawn:docker with exec -i ...
            it says what for: to start programs in containers
    "#]],
    );
    check_equal_bytes("transport", "c");
}

/// Builds the project that was built last once more, somewhere else, and compares.
#[track_caller]
fn check_equal_bytes(kind: &str, language: &str) {
    let folder = Folder::new();
    let elsewhere = folder.path().join("elsewhere");
    project(kind, language, &elsewhere);
    built(&elsewhere);
    let module = |directory: &Path| fs::read(directory.join("my-thing.wasm")).unwrap();
    assert!(module(&scratch(language)) == module(&elsewhere), "the plugin knows where it was built");
}

#[test]
fn what_another_compiler_made_is_packed() {
    if !c_is_here() {
        return;
    }
    let folder = Folder::new();
    let at = |arguments: &[&str]| {
        let mut command = with_compilers(punix());
        command.args(arguments).current_dir(folder.path());
        run(command)
    };
    assert_eq!(at(&["plugin", "new", "my-thing", "--kind", "resolver", "--lang", "c"]).code, Some(0));
    assert_eq!(at(&["plugin", "build", "my-thing"]).code, Some(0));
    let pack =
        ["plugin", "pack", "my-thing/build/module.wasm", "--manifest", "my-thing/punix-plugin.toml", "-o", "p.wasm"];
    assert_eq!(at(&pack).code, Some(0));
    let packed = fs::read(folder.path().join("p.wasm")).unwrap();
    assert_eq!(packed, fs::read(folder.path().join("my-thing/my-thing.wasm")).unwrap());
    let again = at(&["plugin", "pack", "p.wasm", "--manifest", "my-thing/punix-plugin.toml"]);
    check(
        &again.stderr,
        &expect![[r#"
        error: [E24] `p.wasm` is not a plugin that can be used: it has a manifest already
        help: pack what the compiler made, before it was packed
    "#]],
    );
    assert_eq!(fs::read(folder.path().join("p.wasm")).unwrap(), packed);
}

#[track_caller]
fn check(found: &str, expected: &Expect) {
    expected.assert_eq(found);
}

/// Runs `punix` in a folder, and shows how it ended and what it said.
#[track_caller]
fn says(folder: &Folder, arguments: &[&str], expected: &Expect) {
    let outcome = folder.punix(arguments);
    let code = outcome.code.map_or("killed".to_owned(), |code| code.to_string());
    check(&format!("exit {code}\n{}{}", outcome.stdout, outcome.stderr), expected);
}

#[test]
fn a_new_project_says_what_it_is_and_what_to_do_next() {
    let folder = Folder::new();
    says(
        &folder,
        &["plugin", "new", "from-bao", "--kind", "resolver"],
        &expect![[r#"
        exit 0
        made `from-bao`: org.example.from-bao, a resolver in Rust
        next:
          cd from-bao
          cargo test
          punix plugin build
    "#]],
    );
    let manifest = fs::read_to_string(folder.path().join("from-bao/punix-plugin.toml")).unwrap();
    assert!(manifest.contains("id = \"org.example.from-bao\"\n"), "{manifest}");
    assert!(manifest.contains("handles = [\"from_bao\"]\n"), "{manifest}");
    let cargo = fs::read_to_string(folder.path().join("from-bao/Cargo.toml")).unwrap();
    assert!(cargo.contains("name = \"from-bao\"\n"), "{cargo}");
    assert!(folder.path().join("from-bao/.gitignore").is_file());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["from-bao"]);
}

#[test]
fn nothing_is_written_over_what_is_there() {
    let folder = Folder::with(&[("from-bao/notes.txt", "mine"), ("file", "")]);
    says(
        &folder,
        &["plugin", "new", "from-bao", "--kind", "resolver"],
        &expect![[r#"
        exit 2
        error: `from-bao` is there already
        help: name another directory with `--dir`
    "#]],
    );
    says(
        &folder,
        &["plugin", "new", "x", "--kind", "backend", "--lang", "c", "--dir", "file"],
        &expect![[r#"
        exit 2
        error: `file` is there already
        help: name another directory with `--dir`
    "#]],
    );
    fs::create_dir(folder.path().join("empty")).unwrap();
    says(
        &folder,
        &["plugin", "new", "x", "--kind", "backend", "--lang", "c", "--dir", "empty"],
        &expect![[r#"
        exit 0
        made `empty`: org.example.x, a backend in C
        next:
          cd empty
          make test
          punix plugin build
    "#]],
    );
    says(
        &folder,
        &["plugin", "new", "x", "--kind", "backend", "--dir", "no/such/place"],
        &expect![[r#"
        exit 3
        error: [E23] `no/such/place` cannot be made: cannot open `no/such`: No such file or directory (os error 2)
    "#]],
    );
    assert_eq!(fs::read_to_string(folder.path().join("from-bao/notes.txt")).unwrap(), "mine");
}

#[test]
fn a_name_that_no_plugin_can_have_is_refused() {
    let folder = Folder::new();
    for name in ["Bao", "match", "../x"] {
        let outcome = folder.punix(["plugin", "new", name, "--kind", "resolver"]);
        assert_eq!(outcome.code, Some(2), "{name}");
    }
    says(
        &folder,
        &["plugin", "new", "a_b", "--kind", "resolver"],
        &expect![[r#"
        exit 2
        error: `a_b` cannot be the name of a plugin
        help: take lower-case letters, digits and `-`, and no word of Rust: `from-bao`
    "#]],
    );
}

#[test]
fn a_manifest_at_fault_is_shown_with_its_place() {
    let folder = Folder::with(&[("a/Cargo.toml", ""), ("a/punix-plugin.toml", "id = \"org.example.a\"\nworld = 1\n")]);
    says(
        &folder,
        &["plugin", "build", "a"],
        &expect![[r#"
        exit 1
        error: [E24] a/punix-plugin.toml:2:9: invalid type: integer `1`, expected a string
    "#]],
    );
    says(
        &folder,
        &["plugin", "build", "."],
        &expect![[r#"
        exit 1
        error: [E24] `./punix-plugin.toml` cannot be read: No such file or directory (os error 2)
        help: a plugin says there what it is and what it asks for; `punix plugin new` makes one
    "#]],
    );
}

const MANIFEST: &str = "id = \"org.example.a\"\nversion = \"0.1.0\"\n\
                        world = \"punix:backend/backend@0.1.0\"\nhandles = [\"a\"]\n";

#[test]
fn what_is_no_project_and_no_module_is_refused() {
    let folder = Folder::with(&[("a/punix-plugin.toml", MANIFEST), ("text", "#!/bin/sh")]);
    says(
        &folder,
        &["plugin", "build", "a"],
        &expect![[r#"
        exit 2
        error: `a` is no project of a plugin that can be built
        help: it has a `Cargo.toml`, or `src/plugin.c`; what other compilers make, `punix plugin pack` packs
    "#]],
    );
    says(
        &folder,
        &["plugin", "pack", "text", "--manifest", "a/punix-plugin.toml"],
        &expect![[r#"
        exit 1
        error: [E24] `text` is not a plugin that can be used: it is not WebAssembly
    "#]],
    );
}

/// Writes a program that does what a script says.
fn program(folder: &Folder, name: &str, script: &str) {
    let path = folder.write(name, format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[track_caller]
fn says_with_path(folder: &Folder, path: &str, expected: &Expect) {
    let mut command = punix();
    command.args(["plugin", "build", "a"]).current_dir(folder.path()).env("PATH", folder.path().join(path));
    let outcome = run(command);
    let code = outcome.code.map_or("killed".to_owned(), |code| code.to_string());
    check(&format!("exit {code}\n{}{}", outcome.stdout, outcome.stderr), expected);
}

#[test]
fn a_missing_rust_is_named_with_what_brings_it() {
    let folder = Folder::with(&[("a/punix-plugin.toml", MANIFEST), ("a/Cargo.toml", ""), ("none/x", "")]);
    says_with_path(
        &folder,
        "none",
        &expect![[r#"
        exit 1
        error: [E8] `rustc` is needed to build this, and is not there
        help: install Rust with rustup
    "#]],
    );
    program(&folder, "no-target/rustc", "echo /no/such/library");
    says_with_path(
        &folder,
        "no-target",
        &expect![[r#"
        exit 1
        error: [E8] this Rust cannot compile for `wasm32-unknown-unknown`
        help: rustup target add wasm32-unknown-unknown
    "#]],
    );
    program(&folder, "no-cargo/rustc", "echo /");
    says_with_path(
        &folder,
        "no-cargo",
        &expect![[r#"
        exit 1
        error: [E8] `cargo` is needed to build this, and is not there
        help: install Rust with rustup
    "#]],
    );
    program(&folder, "failing/rustc", "echo /");
    program(&folder, "failing/cargo", "echo 'error: it does not compile' >&2; exit 101");
    says_with_path(
        &folder,
        "failing",
        &expect![[r#"
        exit 1
        error: it does not compile
        error: [E8] `cargo build` in `a` ended with exit code 101
    "#]],
    );
    program(&folder, "nothing/rustc", "echo /");
    program(&folder, "nothing/cargo", "exit 0");
    says_with_path(
        &folder,
        "nothing",
        &expect![[r#"
        exit 1
        error: [E8] `a/Cargo.toml` makes no module of WebAssembly
        help: write `crate-type = ["cdylib", "rlib"]` under `[lib]`
    "#]],
    );
}

#[test]
fn a_missing_clang_is_named_with_what_brings_it() {
    let files = [("a/punix-plugin.toml", MANIFEST), ("a/src/plugin.c", ""), ("none/x", "")];
    let folder = Folder::with(&files);
    says_with_path(
        &folder,
        "none",
        &expect![[r#"
        exit 1
        error: [E8] `a` has no SDK in `vendor/punix-sdk/c`
        help: copy `vendor` from a project that `punix plugin new --lang c` makes
    "#]],
    );
    folder.write("a/vendor/punix-sdk/c/include/string.h", "");
    says_with_path(
        &folder,
        "none",
        &expect![[r#"
        exit 1
        error: [E8] `clang` is needed to build this, and is not there
        help: install clang and lld (Debian: `apt-get install clang lld`), or name one in `CLANG`
    "#]],
    );
    program(&folder, "no-linker/clang", "echo wasm-ld");
    says_with_path(
        &folder,
        "no-linker",
        &expect![[r#"
        exit 1
        error: [E8] `wasm-ld` is needed to build this, and is not there
        help: install clang and lld (Debian: `apt-get install clang lld`), or name one in `CLANG`
    "#]],
    );
    program(&folder, "failing/clang", "case \"$*\" in *-print-prog-name*) echo /bin/wasm-ld;; *) exit 1;; esac");
    says_with_path(
        &folder,
        "failing",
        &expect![[r#"
        exit 1
        error: [E8] `clang` in `a` ended with exit code 1
    "#]],
    );
}
