//! Builds a small project by each recipe, with the real tools, in two places; runs what came out.

#![allow(clippy::unwrap_used)]

mod support;

use expect_test::{Expect, expect};
use punix_build::recipe::all;
use punix_store::Value;
use std::fs;
use std::path::Path;
use support::{Job, Place, Places, have, record, say, texts, tree};

/// A library that other packages are built with.
const NUMBER: &[(&str, &str)] = &[
    ("number-1.0/number.c", "#include <number.h>\nint number(void) { return 41; }\n"),
    ("number-1.0/number.h", "int number(void);\n"),
    (
        "number-1.0/number.pc",
        "prefix=@PREFIX@\nName: number\nDescription: n\nVersion: 1\nLibs: -L${prefix}/lib -lnumber\nCflags: -I@PREFIX@/include\n",
    ),
    (
        "number-1.0/Makefile",
        "libnumber.so: number.c\n\
         \t$(CC) $(CPPFLAGS) $(CFLAGS) -I. -shared -fPIC -o $@ number.c -Wl,-soname,$@ $(LDFLAGS)\n\
         install: libnumber.so\n\
         \tinstall -D -m 644 number.h $(PREFIX)/include/number.h\n\
         \tinstall -D -m 755 libnumber.so $(PREFIX)/lib/libnumber.so\n\
         \tmkdir -p $(PREFIX)/lib/pkgconfig\n\
         \tsed 's|@PREFIX@|$(PREFIX)|g' number.pc > $(PREFIX)/lib/pkgconfig/number.pc\n",
    ),
];

/// A program that needs the library.
const MAIN: &str = "#include <number.h>\n#include <stdio.h>\n\
                    int main(void) { printf(\"%d %s\\n\", number() + 1, __FILE__); return 0; }\n";

fn number(places: &Places) {
    let job = Job::new("std.make", &[("make_target", Value::text(""))], NUMBER);
    places.build(&Job { name: "number", ..job });
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn fails(place: &Place, job: &Job<'_>, expected: Expect) {
    let log = place.build(job).expect_err("it cannot be built");
    let last = log.lines().rfind(|line| line.starts_with("error: "));
    expected.assert_eq(last.unwrap_or(&log));
}

#[test]
fn shell_runs_a_command() {
    let places = Places::new();
    let command = "cp \"$SOURCE/in file\" \"$OUTPUT/out\"\nenv | sort > /dev/null\nexit 0";
    let job = Job::new("std.shell", &[("command", Value::text(command))], &[("in file", "one\n"), ("dir/x", "")]);
    let output = places.build(&job);
    assert_eq!(text(&output.join("out")), "one\n");
}

#[test]
fn commands_may_use_dependencies() {
    let places = Places::new();
    let make = Job::new("std.shell", &[("command", Value::text("echo data > $OUTPUT/file"))], &[]);
    places.build(&Job { name: "first", ..make });
    let command = "cat ${DEP:first}/file \"$DEP_0/file\" > \"$OUTPUT/both\"; echo \"$DEP_0_NAME\" >> $OUTPUT/both";
    let job = Job::new("std.shell", &[("command", Value::text(command))], &[]);
    let output = places.build(&Job { dependencies: &["first"], ..job });
    assert_eq!(text(&output.join("both")), "data\ndata\nfirst\n");
}

#[test]
fn failures_say_what_is_wrong() {
    let places = Places::new();
    let [place, _] = &places.places;
    let none: &[(&str, &str)] = &[];
    let named = |name, job: Job<'static>| Job { name, ..job };
    let shell = |command| Job::new("std.shell", &[("command", Value::text(command))], none);
    fails(place, &named("nothing", shell("true")), expect!["error: the build put nothing into $OUTPUT"]);
    let log = place.build(&named("false", shell("echo a\nfalse\necho b"))).unwrap_err();
    expect![[r#"
        ==> command
        ++ echo a
        a
        ++ false
    "#]]
    .assert_eq(&log);
    let job = Job::new("std.make", &[("src_dir", Value::text("a/b"))], none);
    fails(place, &named("directory", job), expect!["error: the source has no directory `a/b`"]);
    let job = Job::new("std.copy_tree", &[("patterns", texts(&["*.x"]))], &[("a.y", "")]);
    fails(place, &named("pattern", job), expect!["error: nothing in the source matches `*.x`"]);
    let job = Job::new("std.copy_tree", &[("patterns", texts(&["absent"]))], &[("a.y", "")]);
    fails(place, &named("plain", job), expect!["error: nothing in the source matches `absent`"]);
    let job = Job::new("std.autotools", &[], none);
    fails(place, &named("configure", job), expect!["error: the source has no `configure` and nothing that makes one"]);
    let job = Job::new("std.binary", &[("binaries", texts(&["x"]))], none);
    fails(place, &named("program", job), expect!["error: the source has no program `x`"]);
}

const PATCH: &str = "--- a/file\n+++ b/file\n@@ -1 +1 @@\n-old\n+new\n";

#[test]
fn patches_are_applied_where_the_recipe_goes() {
    let places = Places::new();
    let job = Job::new("std.copy_tree", &[("src_dir", Value::text("top"))], &[("top/file", "old\n")]);
    let output = places.build(&Job { patches: &[(PATCH, 1)], ..job });
    assert_eq!(text(&output.join("file")), "new\n");
    assert_eq!(tree(&output).len(), 1);
    let job = Job::new("std.copy_tree", &[], &[("file", "other\n"), ("top/file", "old\n")]);
    let job = Job { patches: &[(PATCH, 1)], name: "other", ..job };
    fails(&places.places[0], &job, expect!["error: patch 1 of 1 does not apply: 0.patch"]);
}

#[test]
fn copy_tree_copies() {
    let places = Places::new();
    let arguments = [
        ("patterns", texts(&["a file", "*.t?t", "dir*"])),
        ("dest", Value::text("/share/it's here")),
        ("pre_build", Value::text("echo made > made.txt")),
        ("post_install", texts(&["cd \"$OUTPUT\"", "ln -s share/*here/made.txt link"])),
    ];
    let source =
        [("a file", "1"), ("b c.txt", "2"), ("dir 1/sub/x", "3"), ("dir 1/.hidden", "4"), (".no", ""), ("x", "")];
    let output = places.build(&Job::new("std.copy_tree", &arguments, &source));
    let here = "share/it's here";
    let names: Vec<String> =
        tree(&output).into_keys().map(|path| path.display().to_string().replace(here, "…")).collect();
    let expected = ["link", "share", "…", "…/a file", "…/b c.txt", "…/dir 1", "…/dir 1/.hidden", "…/dir 1/sub"];
    assert_eq!(names[..8], expected);
    assert_eq!(text(&output.join("link")), "made\n");
}

#[test]
fn values_arrive_byte_for_byte() {
    let places = Places::new();
    let nasty = "it's \"quoted\" `cmd` $(cmd) $other \\n \\\n\t*? é ${x:-y} $ $1 !";
    let arguments = [
        ("env", record(&[("NASTY", nasty), ("OUT", "$OUTPUT|${OUTPUT}|\\$OUTPUT|$OUTPUTX|${DEP:dep}|$DEP_0")])),
        ("post_install", Value::text("printf %s \"$NASTY\" > \"$OUTPUT/nasty\"; printf %s \"$OUT\" > \"$OUTPUT/out\"")),
    ];
    let [place, _] = &places.places;
    fs::create_dir(place.entry("dep")).unwrap();
    let job = Job::new("std.copy_tree", &arguments, &[("x", "")]);
    let output = place.build(&Job { dependencies: &["dep"], ..job }).unwrap();
    assert_eq!(text(&output.join("nasty")), nasty);
    let (out, dep) = (output.display(), place.entry("dep").display().to_string());
    assert_eq!(text(&output.join("out")), format!("{out}|{out}|$OUTPUT|$OUTPUTX|{dep}|{dep}"));
}

#[test]
fn binary_installs_what_is_there() {
    let places = Places::new();
    let source = [("tool-1/tool", "echo tool\n"), ("tool-1/README", "read\n")];
    let arguments = [("extract_to", Value::text("tool-1")), ("binaries", texts(&["tool"]))];
    let output = places.build(&Job::new("std.binary", &arguments, &source));
    assert_eq!(tree(&output).len(), 2);
    assert_eq!(tree(&output)[Path::new("bin/tool")], ("program", b"echo tool\n".to_vec()));

    let job = Job::new("std.binary", &[("src_dir", Value::text("tool-1"))], &source);
    let output = places.build(&Job { name: "all", ..job });
    assert_eq!(tree(&output).into_keys().collect::<Vec<_>>(), [Path::new("README"), Path::new("tool")]);

    let job = Job::new("std.binary", &[("install_command", Value::text("cp tool-1/README $OUTPUT"))], &source);
    let output = places.build(&Job { name: "command", ..job });
    assert_eq!(text(&output.join("README")), "read\n");
}

#[test]
fn make_builds_and_finds_libraries() {
    if !have(&["make", "cc"]) {
        return;
    }
    let places = Places::new();
    number(&places);
    let makefile = "all:\n\
                    \t$(CC) $(CFLAGS) '-DTEXT=\"$(TEXT)\"' -o main src/main.c -lnumber $(LDFLAGS)\n\
                    \t$(CC) -o plain src/main.c -lnumber\n\
                    \tgzip -k man.1\n\
                    \t$(CC) -c src/main.c && $(AR) $(ARFLAGS) libmain.a main.o\n\
                    put:\n\
                    \tmkdir -p $(PREFIX)/bin $(PREFIX)/lib $(PREFIX)/share/man\n\
                    \tcp main plain $(PREFIX)/bin; cp man.1.gz $(PREFIX)/share/man; cp libmain.a $(PREFIX)/lib\n";
    let source = [("main-1/Makefile", makefile), ("main-1/src/main.c", MAIN), ("main-1/man.1", "manual\n")];
    let arguments = [("install_target", Value::text("put")), ("make_args", texts(&["TEXT=a b 'c' $$ORIGIN"]))];
    let job = Job::new("std.make", &arguments, &source);
    let output = places.build(&Job { dependencies: &["number"], ..job });
    assert_eq!(say(&output.join("bin/main"), &[]), "42 src/main.c\n");
    assert_eq!(say(&output.join("bin/plain"), &[]), "42 src/main.c\n");
}

#[test]
fn autotools_builds_libraries_and_programs() {
    if !have(&["make", "cc", "autoreconf", "automake", "libtoolize"]) {
        return;
    }
    let places = Places::new();
    number(&places);
    let configure = "AC_INIT([twice],[1.0])\nAM_INIT_AUTOMAKE([foreign])\nAC_PROG_CC\nAM_PROG_AR\nLT_INIT\n\
                     AC_CHECK_LIB([number],[number])\nAC_CONFIG_FILES([Makefile twice.pc])\nAC_OUTPUT\n";
    let makefile = "lib_LTLIBRARIES = libtwice.la\nlibtwice_la_SOURCES = twice.c\nbin_PROGRAMS = twice\n\
                    twice_SOURCES = main.c\ntwice_LDADD = libtwice.la\npkgconfigdir = $(libdir)/pkgconfig\n\
                    pkgconfig_DATA = twice.pc\n";
    let source = [
        ("twice/configure.ac", configure),
        ("twice/Makefile.am", makefile),
        (
            "twice/twice.pc.in",
            "prefix=@prefix@\nlibdir=@libdir@\nName: twice\nDescription: d\nVersion: 1\nLibs: -L${libdir} -ltwice\n",
        ),
        ("twice/twice.c", "#include <number.h>\nint twice(void) { return 2 * number(); }\n"),
        ("twice/main.c", "#include <stdio.h>\nint twice(void);\nint main(void) { printf(\"%d\\n\", twice()); }\n"),
    ];
    let job = Job::new("std.autotools", &[("configure_flags", texts(&["--enable-dependency-tracking"]))], &source);
    let output = places.build(&Job { dependencies: &["number"], ..job });
    assert_eq!(say(&output.join("bin/twice"), &[]), "82\n");
    assert!(!output.join("lib/libtwice.la").exists() && output.join("lib/libtwice.a").exists());
}

#[test]
fn autotools_runs_what_it_is_told() {
    if !have(&["make"]) {
        return;
    }
    let places = Places::new();
    let configure = "#!/bin/sh\nfor word; do echo \"$word\"; done > words\nprintf 'all:\\n\\ttouch done\\ninstall:\\n\\tcp words done hook %s\\n' \
                     \"${1#--prefix=}\" > Makefile\n";
    let source = [("my configure", configure)];
    let arguments = [
        ("configure_command", Value::text("sh './my configure'")),
        ("configure_flags", texts(&["--with-x=a  b", "--out=${SOURCE}", "'"])),
        ("post_configure_commands", texts(&["here=$PWD", "echo \"${here##*/}\" > hook"])),
        ("final_prefix", Value::Bool(true)),
    ];
    let [place, _] = &places.places;
    let output = place.build(&Job::new("std.autotools", &arguments, &source)).unwrap();
    let (out, source) = (output.display(), place.work.join("sample/source"));
    assert_eq!(text(&output.join("words")), format!("--prefix={out}\n--with-x=a  b\n--out={}\n'\n", source.display()));
    assert_eq!(text(&output.join("hook")), "source\n");
}

#[test]
fn cmake_builds_libraries_and_programs() {
    if !have(&["cmake", "make", "cc"]) {
        return;
    }
    let places = Places::new();
    number(&places);
    let lists = "cmake_minimum_required(VERSION 3.10)\nproject(twice C)\ninclude(GNUInstallDirs)\n\
                 find_library(NUMBER number REQUIRED)\nadd_library(twice SHARED twice.c)\n\
                 target_link_libraries(twice ${NUMBER})\nadd_executable(main main.c)\n\
                 target_link_libraries(main twice)\ntarget_compile_definitions(main PRIVATE \"TEXT=${TEXT}\")\n\
                 install(TARGETS twice main)\n";
    let source = [
        ("CMakeLists.txt", lists),
        ("twice.c", "#include <number.h>\nint twice(void) { return 2 * number(); }\n"),
        ("main.c", "#include <stdio.h>\nint twice(void);\nint main(void) { printf(\"%d %s\\n\", twice(), TEXT); }\n"),
    ];
    let job = Job::new("std.cmake", &[("cmake_flags", texts(&["-DTEXT=\"a b\""]))], &source);
    let output = places.build(&Job { dependencies: &["number"], ..job });
    assert_eq!(say(&output.join("bin/main"), &[]), "82 a b\n");
}

#[test]
fn meson_builds_libraries_and_programs() {
    if !have(&["meson", "ninja", "cc", "pkg-config"]) {
        return;
    }
    let places = Places::new();
    number(&places);
    let build = "project('twice', 'c')\nnumber = dependency('number')\n\
                 twice = shared_library('twice', 'twice.c', dependencies: number, install: true)\n\
                 executable('main', 'main.c', link_with: twice, install: true, c_args: '-DTEXT=' + get_option('text'))\n";
    let source = [
        ("twice-1/meson.build", build),
        ("twice-1/meson_options.txt", "option('text', type: 'string')\n"),
        ("twice-1/twice.c", "#include <number.h>\nint twice(void) { return 2 * number(); }\n"),
        (
            "twice-1/main.c",
            "#include <stdio.h>\nint twice(void);\nint main(void) { printf(\"%d %s\\n\", twice(), TEXT); }\n",
        ),
    ];
    let job = Job::new("std.meson", &[("meson_flags", texts(&["-Dtext=\"a b\""]))], &source);
    let output = places.build(&Job { dependencies: &["number"], ..job });
    assert_eq!(say(&output.join("bin/main"), &[]), "82 a b\n");
}

#[test]
fn cargo_builds_with_vendored_crates() {
    if !have(&["cargo", "rustc", "cc"]) {
        return;
    }
    let places = Places::new();
    let sum = "0".repeat(64);
    let lock = format!(
        "version = 3\n\n[[package]]\nname = \"hello\"\nversion = \"1.0.0\"\ndependencies = [\n \"words\",\n]\n\n\
         [[package]]\nname = \"words\"\nversion = \"0.1.0\"\n\
         source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{sum}\"\n"
    );
    let checksum = format!("{{\"files\":{{}},\"package\":\"{sum}\"}}");
    let source = [
        (
            "hello-1/Cargo.toml",
            "[package]\nname = \"hello\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[dependencies]\nwords = \"0.1\"\n\
             [features]\nloud = []\nother = []\n",
        ),
        ("hello-1/Cargo.lock", lock.as_str()),
        (
            "hello-1/src/main.rs",
            "fn main() { println!(\"{} {} {}\", words::word(), cfg!(feature = \"loud\"), file!()); }\n",
        ),
        ("hello-1/vendor/words/Cargo.toml", "[package]\nname = \"words\"\nversion = \"0.1.0\"\n"),
        ("hello-1/vendor/words/src/lib.rs", "pub fn word() -> String { format!(\"hello from {}\", file!()) }\n"),
        ("hello-1/vendor/words/.cargo-checksum.json", checksum.as_str()),
    ];
    let arguments = [("features", texts(&["loud", "other"])), ("binary_renames", record(&[("hello", "hi")]))];
    let output = places.build(&Job::new("std.cargo", &arguments, &source));
    let said = say(&output.join("bin/hi"), &[]);
    assert_eq!(said, "hello from ./hello-1/vendor/words/src/lib.rs true src/main.rs\n");
}

#[test]
fn go_builds_with_vendored_modules() {
    if !have(&["go"]) {
        return;
    }
    let places = Places::new();
    let source = [
        ("go.mod", "module example.org/hello\n\ngo 1.18\n\nrequire example.org/words v0.1.0\n"),
        (
            "cmd/hello/main.go",
            "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.org/words\"\n)\n\nvar version = \"none\"\n\n\
             func main() { fmt.Println(words.Word(), version) }\n",
        ),
        ("vendor/modules.txt", "# example.org/words v0.1.0\n## explicit\nexample.org/words\n"),
        ("vendor/example.org/words/words.go", "package words\n\nfunc Word() string { return \"hello\" }\n"),
    ];
    let arguments = [
        ("package", Value::text("./cmd/hello")),
        ("install_name", Value::text("hi")),
        ("ldflags", Value::text("-s -w -X main.version=1.0")),
        ("tags", texts(&["one", "two"])),
    ];
    let output = places.build(&Job::new("std.go", &arguments, &source));
    assert_eq!(say(&output.join("bin/hi"), &[]), "hello 1.0\n");
}

const CLI: &str = "#!/usr/bin/env node\nconsole.log(require('words').word, process.argv[2], process.env.BY);\n";
const WORDS: (&str, &str) = ("{\"name\": \"words\", \"version\": \"1.0.0\"}\n", "exports.word = 'hello';\n");

#[test]
fn npm_installs_bundled_dependencies() {
    if !have(&["node", "npm"]) {
        return;
    }
    let places = Places::new();
    let source = [
        (
            "package.json",
            "{\"name\": \"@scope/hello\", \"version\": \"1.0.0\", \"bin\": \"cli.js\", \"files\": [\"cli.js\"]}\n",
        ),
        ("cli.js", CLI),
        ("notes.txt", "not published\n"),
        ("node_modules/words/package.json", WORDS.0),
        ("node_modules/words/index.js", WORDS.1),
    ];
    let output = places.build(&Job::new("std.npm", &[], &source));
    assert_eq!(say(&output.join("bin/hello"), &["you"]), "hello you undefined\n");
    assert!(!output.join("libexec/@scope/hello/notes.txt").exists());
}

#[test]
fn npm_installs_what_the_lock_names() {
    if !have(&["node", "npm", "tar"]) {
        return;
    }
    let places = Places::new();
    let lock = "{\"name\": \"hello\", \"version\": \"1.0.0\", \"lockfileVersion\": 3, \"requires\": true, \"packages\": {\n\
                \"\": {\"name\": \"hello\", \"version\": \"1.0.0\", \"dependencies\": {\"words\": \"file:words.tgz\"}},\n\
                \"node_modules/words\": {\"version\": \"1.0.0\", \"resolved\": \"file:words.tgz\"}}}\n";
    let source = [
        (
            "hello/package.json",
            "{\"name\": \"hello\", \"version\": \"1.0.0\", \"bin\": {\"hi\": \"./bin/cli.js\"},\n\
             \"scripts\": {\"build\": \"mkdir bin && cp cli.js bin\"}, \"dependencies\": {\"words\": \"file:words.tgz\"}}\n",
        ),
        ("hello/package-lock.json", lock),
        ("hello/cli.js", CLI),
        ("hello/package/package.json", WORDS.0),
        ("hello/package/index.js", WORDS.1),
    ];
    // A node of a dependency is the one that runs the programs.
    let command = "mkdir $OUTPUT/bin; printf '#!/bin/sh\\nBY=store exec /usr/bin/node \"$@\"\\n' > $OUTPUT/bin/node; chmod +x $OUTPUT/bin/node";
    let node = Job::new("std.shell", &[("command", Value::text(command))], &[]);
    places.build(&Job { name: "node", ..node });
    let job = Job::new("std.npm", &[("build_script", Value::text("build"))], &source);
    let prepare = Some(
        "cd hello; tar cf - --sort=name --mtime=@0 --owner=0 --group=0 package | gzip -n > words.tgz; rm -r package",
    );
    let output = places.build(&Job { prepare, dependencies: &["node"], ..job });
    assert_eq!(say(&output.join("bin/hi"), &["you"]), "hello you store\n");
    assert!(text(&output.join("bin/hi")).contains("/bin/node"));
}

#[test]
fn python_venv_installs_with_pip() {
    if !have(&["python3", "pip3"]) {
        return;
    }
    let places = Places::new();
    let source = [
        (
            "setup.py",
            "from setuptools import setup\nsetup(name='hello', version='1.0', py_modules=['hello'], install_requires=['words'],\n\
             \x20     scripts=['old'], entry_points={'console_scripts': ['hello = hello:main']})\n",
        ),
        ("hello.py", "import sys\nimport words\n\n\ndef main():\n    print(words.WORD, *sys.argv[1:])\n"),
        ("old", "#!/usr/bin/python3\nimport hello\nhello.main()\n"),
        ("wheel/words.py", "WORD = 'hello'\n"),
        ("wheel/words-2.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: words\nVersion: 2.0\n"),
        (
            "wheel/words-2.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        ),
        (
            "wheel/words-2.0.dist-info/RECORD",
            "words.py,,\nwords-2.0.dist-info/METADATA,,\nwords-2.0.dist-info/WHEEL,,\nwords-2.0.dist-info/RECORD,,\n",
        ),
    ];
    let prepare = Some(
        "cd wheel; python3=/usr/bin/python3; \
         $python3 -m zipfile -c ../words-2.0-py3-none-any.whl words.py words-2.0.dist-info; cd ..; rm -r wheel",
    );
    let job = Job::new("std.python_venv", &[("packages", texts(&["."]))], &source);
    let output = places.build(&Job { prepare, ..job });
    assert_eq!(say(&output.join("bin/hello"), &["you", "a b"]), "hello you a b\n");
    assert_eq!(say(&output.join("bin/old"), &[]), "hello\n");
}

#[test]
fn python_wheel_copies_packages() {
    if !have(&["python3"]) {
        return;
    }
    let places = Places::new();
    let source = [
        ("src/hello/__init__.py", "COLORS = {'red', 'green', 'blue'}\n"),
        (
            "src/hello/cli.py",
            "import sys\n\n\ndef main():\n    import extra\n    print('hello', extra.X, *sys.argv[1:])\n",
        ),
        ("more/extra.py", "X = 'extra'\n"),
        ("README", ""),
    ];
    let pth = Value::List(vec![record(&[("name", "more"), ("content", "more")])]);
    let arguments = [
        ("packages", texts(&["hello", "more"])),
        ("console_scripts", record(&[("hi", "hello.cli:main")])),
        ("pth_files", pth),
    ];
    let output = places.build(&Job::new("std.python_wheel", &arguments, &source));
    assert_eq!(say(&output.join("bin/hi"), &["you"]), "hello extra you\n");
    // What was compiled is used, although the store has other times.
    assert!(tree(&output).keys().any(|path| path.extension().is_some_and(|end| end == "pyc")));
}

#[test]
fn every_recipe_is_here() {
    let tests = include_str!("recipes.rs");
    for recipe in all() {
        assert!(tests.contains(&format!("Job::new(\"{}\"", recipe.name)), "build something by {}", recipe.name);
    }
}
