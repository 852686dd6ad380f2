//! What the name of an entry follows from, and what not; that it is known before anything is built.

use super::{
    Home, copy, each, footprint, has, isolation, link, make_directory, namespaces, only, paths, set_mode, shell,
    tamper, text, tree, under_umask,
};
use crate::support::{root, run, run_with_input};
use punix_store::Digest;
use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A library, a program that needs it, and something that has nothing to do with them: module, then fields.
fn three() -> Vec<Vec<String>> {
    let package = |module: &str, command: &str, fields: &[&str]| {
        let command = format!("recipeArgs = {{ command = \"mkdir $OUTPUT/bin; {command} > $OUTPUT/bin/x\" }}");
        let all = [&[module, "recipe = \"std.shell\"", &command], fields].concat();
        all.into_iter().map(str::to_owned).collect()
    };
    vec![
        package("Lib", "cat x", &["source = { path = \"lib\" }", "version = \"1\""]),
        package("App", "env", &["deps = [Lib.pname, Also.pname]", "pname = \"app\""]),
        package("Also", "echo also", &["deps = [\"Lib\"]", "meta = { about = \"it\" }"]),
        package("Other", "echo", &["source = { path = \"lib\" }", "version = \"2\""]),
    ]
}

fn written(packages: &[Vec<String>]) -> String {
    packages.iter().map(|package| format!("module {} {{\n{}\n}}\n", package[0], package[1..].join("\n"))).collect()
}

/// Returns what a program would build, by module: only the last part of each path.
#[track_caller]
fn names(home: &Home, program: &str) -> BTreeMap<String, String> {
    let outcome = home.build(["--dry-run", program]);
    let name = |path: PathBuf| path.file_name().expect("it has a name").to_string_lossy().into_owned();
    paths(&outcome).into_iter().map(|(module, path)| (module, name(path))).collect()
}

/// Numbers that look like chance and are the same in every run.
fn number(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).expect("it is short") % below
}

fn shuffle<T>(items: &mut [T], state: &mut u64) {
    for last in (1..items.len()).rev() {
        items.swap(last, number(state, last + 1));
    }
}

/// Promise 22.
#[test]
fn a_second_build_is_a_hit_and_touches_nothing() {
    let home = Home::of(&written(&three()));
    home.write("lib/x", "echo x");
    let first = home.built(["p.pcl"]);
    let before = footprint(&home.store());
    let again = home.build(["p.pcl"]);
    assert_eq!(paths(&again), first);
    has(&again.stdout, "4 packages: 4 ok, 0 failed\nbuild wall time: 0.");
    has(&again.stdout, "s (all cached)\n");
    assert!(!again.stderr.contains("] building"), "{again:#?}");
    assert_eq!(footprint(&home.store()), before);
}

/// Promise 23.
#[test]
fn the_order_of_modules_fields_and_files_does_not_matter() {
    let mut packages = three();
    let home = Home::of(&written(&packages));
    home.write("lib/x", "x");
    let expected = names(&home, "p.pcl");
    let mut state = 7;
    for round in 0..20 {
        shuffle(&mut packages, &mut state);
        packages.iter_mut().for_each(|package| shuffle(&mut package[1..], &mut state));
        let folder = home.path(&format!("round-{round}"));
        make_directory(&folder);
        link(home.path("lib"), &folder.join("lib"));
        for (index, package) in packages.iter().enumerate() {
            // In none, some or all cases a file of its own; a file may hold several modules.
            let file = folder.join(format!("{}.pcl", number(&mut state, 1 + index)));
            let before = fs::read_to_string(&file).unwrap_or_default();
            fs::write(&file, before + &written(std::slice::from_ref(package))).expect("a file can be written");
        }
        assert_eq!(names(&home, &format!("round-{round}")), expected, "round {round}");
    }
}

/// Promises 24 and 25.
#[test]
fn what_matters_changes_a_name_and_those_that_need_it() {
    let home = Home::of(&written(&three()));
    home.write("lib/x", "x");
    let base = names(&home, "p.pcl");
    let check = |what: &str, changed: &[&str]| {
        let now = names(&home, "p.pcl");
        let differ: Vec<&str> = base.keys().filter(|key| base[*key] != now[*key]).map(String::as_str).collect();
        assert_eq!(differ, changed, "{what}");
    };
    for (from, to, changed) in [
        ("cat x", "cat  x", &["Also", "App", "Lib"][..]),
        ("version = \"1\"", "version = \"1.1\"", &["Also", "App", "Lib"]),
        ("\"app\"", "\"app2\"", &["App"]),
        ("echo also", "echo Also", &["Also", "App"]),
        ("deps = [Lib.pname, Also.pname]", "deps = [Also.pname]", &["App"]),
        ("version = \"2\"", "version = \"3\"", &["Other"]),
        ("about = \"it\"", "about = \"them\"", &[]),
        ("deps = [\"Lib\"]", "deps = [Lib.pname, \"Lib\"]", &[]),
    ] {
        let program = written(&three());
        assert!(program.contains(from), "{from}");
        home.write("p.pcl", program.replacen(from, to, 1));
        check(from, changed);
    }
    home.write("p.pcl", written(&three()));
    check("nothing", &[]);
    let all = ["Also", "App", "Lib", "Other"];
    for (what, bytes, mode) in [("a byte", "y", 0o644), ("a mode", "x", 0o755)] {
        let file = home.write("lib/x", bytes);
        set_mode(&file, mode);
        check(what, &all);
    }
    for mode in [0o600, 0o666] {
        // Who may read or write it is nobody's business.
        set_mode(&home.write("lib/x", "x"), mode);
        check("another mode", &[]);
    }
    make_directory(&home.path("lib/empty"));
    check("a directory", &all);
    fs::remove_dir(home.path("lib/empty")).expect("it is there");
    link("x", &home.path("lib/link"));
    check("a link", &all);
}

/// Promise 26.
#[test]
fn the_path_is_known_before_and_asking_writes_nothing() {
    let home = Home::of(&written(&three()));
    home.write("lib/x", "echo x");
    let before = footprint(&home.path(""));
    let outcome = home.punix(["store", "path", "p.pcl", "App", "--store-root", "store"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:#?}");
    let usual = home.punix(["store", "path", "p.pcl", "App"]).stdout;
    let dry = home.build(["p.pcl", "--dry-run"]);
    assert_eq!(footprint(&home.path("")), before);
    let built = home.built(["p.pcl"]);
    assert_eq!(outcome.stdout, format!("{}\n", built["App"].display()));
    assert_eq!(paths(&dry), built);
    assert_eq!(Path::new(usual.trim_end()).parent(), Some(home.path("home/.punix/store").as_path()));
    let document = home.punix(["store", "path", "p.pcl", "App", "--json"]).json();
    assert_eq!(document["name"].text(), built["App"].file_name().expect("it has a name").to_string_lossy());
    // As the reference says: these keys, without blanks, and the name is their digest.
    let derivation = text(&built["App"].join("derivation.json"));
    assert_eq!(document["name"].text()[..32], Digest::of(derivation.as_bytes()).to_string()[..32]);
    let keys = "bootstrapMode inputs pname recipe recipeArgs recipeCodeHash source system version".split(' ');
    assert!(document["derivation"].fields().map(|(key, _)| key.as_str()).eq(keys.clone()), "{document}");
    let places: Vec<Option<usize>> = keys.map(|key| derivation.find(&format!("\"{key}\":"))).collect();
    assert!(places.is_sorted() && places[0] == Some(1), "{derivation}");
    has(&derivation, "{\"bootstrapMode\":\"seeded\",\"inputs\":[\"");
    assert_eq!(document["derivation"]["inputs"].list().len(), 2);
    assert_eq!(document["derivation"]["recipeCodeHash"].text().len(), 64);
}

/// Promise 27.
#[test]
fn an_entry_without_its_mark_is_built_again() {
    let home = Home::of(&written(&three()));
    home.write("lib/x", "echo x");
    let first = home.built(["p.pcl"]);
    let before = tree(&first["Lib"]);
    tamper(&first["Lib"].join("built"), |built| fs::remove_file(built).expect("it is there"));
    let again = home.build(["p.pcl"]);
    assert_eq!(paths(&again), first);
    assert_eq!(again.stderr.matches("] building").count(), 1, "{again:#?}");
    has(&again.stderr, "[1/1] building Lib-1 (Lib)");
    assert_eq!(tree(&first["Lib"]), before);
}

/// D4, D10, D28, D34: one store has one name, and its place is in no name.
#[test]
fn the_place_of_the_store_is_not_in_the_names() {
    let home = Home::of(&written(&three()));
    home.write("lib/x", "echo x");
    let last = |paths: BTreeMap<String, PathBuf>| -> Vec<_> {
        paths.values().map(|path| path.file_name().map(std::ffi::OsStr::to_owned)).collect()
    };
    let first = home.built(["p.pcl"]);
    assert!(first.values().all(|path| path.parent() == Some(&home.store())), "{first:?}");
    link("store", &home.path("link"));
    make_directory(&home.path("a/b"));
    let build = |directory: &str, arguments: &[&str], variable: Option<&Path>| {
        let mut command = home.command([&["build"], isolation(), arguments].concat());
        command.current_dir(home.path(directory));
        if let Some(value) = variable {
            command.env("PUNIX_STORE_DIR", value);
        }
        run(command)
    };
    // The same store by other names: everything is there.
    let absolute = home.path("link");
    for (directory, arguments, variable) in [
        ("a/b", &["../../p.pcl", "--store-root", "../../store"][..], None),
        ("a", &["../p.pcl", "--store-root", "../link/."], None),
        ("a", &["../p.pcl"], Some(absolute.as_path())),
        ("", &["p.pcl", "--store-root", "store"], Some(Path::new("/nonexistent"))),
    ] {
        let outcome = build(directory, arguments, variable);
        assert_eq!(paths(&outcome), first, "{directory} {arguments:?}");
        has(&outcome.stdout, "(all cached)");
    }
    // Other stores: the same names, and dependents find what they need.
    for (directory, arguments, variable, at) in [
        ("a", &["../p.pcl", "--store-root", "./deep/er/."][..], None, "a/deep/er"),
        ("", &["p.pcl"], Some(Path::new("other")), "other"),
        ("a/b", &["../../p.pcl"], None, "home/.punix/store"),
    ] {
        let outcome = build(directory, arguments, variable);
        let found = paths(&outcome);
        assert!(found.values().all(|path| path.parent() == Some(&home.path(at))), "{found:?}");
        assert_eq!(last(found), last(first.clone()));
    }
}

/// D8.
#[test]
fn a_local_source_is_what_it_holds_and_lies_beside_its_file() {
    let program = copy("Tree", "path = \"src/tree\"", "");
    let home = Home::new();
    for (place, content) in [("one/", "x"), ("two/", "x"), ("three/", "y"), ("", "decoy")] {
        home.write(&format!("{place}p.pcl"), &program);
        home.write(&format!("{place}src/tree/file"), content);
    }
    let built = |from: &str, program: &str| {
        let mut command = home.command([&["build"], isolation(), &[program]].concat());
        command.current_dir(home.path(from)).env("PUNIX_STORE_DIR", home.store());
        only(paths(&run(command)))
    };
    let one = built("", "one/p.pcl");
    assert_eq!(text(&one.join("file")), "x");
    assert_eq!(built("one", "p.pcl"), one);
    assert_eq!(built("three", "../one/p.pcl"), one);
    assert_eq!(built("", &home.path("one/p.pcl").display().to_string()), one);
    assert_eq!(built("", "one"), one);
    // What comes through a pipe is where somebody is.
    let mut piped = home.command([&["build", "/dev/stdin"], isolation()].concat());
    piped.current_dir(home.path("two")).env("PUNIX_STORE_DIR", home.store());
    assert_eq!(only(paths(&run_with_input(piped, Some(program.as_bytes())))), one);
    // Where it lies does not matter, what it holds does.
    assert_eq!(built("three", "../two/p.pcl"), one);
    let three = built("", "three/p.pcl");
    assert_ne!(three, one);
    assert_eq!(text(&three.join("file")), "y");
    // Changed content is a new name, and the old content the old one.
    home.write("one/src/tree/file", "y");
    assert_eq!(built("", "one/p.pcl"), three);
    home.write("one/src/tree/file", "x");
    assert_eq!(built("", "one/p.pcl"), one);
}

/// D9.
#[test]
fn without_a_source_a_build_starts_in_an_empty_directory() {
    let home = Home::new();
    let said = home.says(&shell("P", "find . | sort > $OUTPUT/said; ls -A $SOURCE >> $OUTPUT/said", ""));
    assert_eq!(said, ".\n");
}

/// D11: what reads alike is not the same.
#[test]
fn names_that_read_alike_are_two_entries() {
    let package = |module: &str, name: &str, version: &str| {
        shell(module, "echo $OUTPUT > $OUTPUT/said", &format!("pname = \"{name}\" version = \"{version}\""))
    };
    let home = Home::of(&(package("A", "a-b", "1") + &package("B", "a", "b-1")));
    let built = home.built(["p.pcl"]);
    assert_ne!(built["A"], built["B"]);
    assert!(built.values().all(|path| path.display().to_string().ends_with("-a-b-1")), "{built:?}");
    let listed = home.punix(["store", "path", "p.pcl", "B", "--json"]).json();
    assert_eq!((listed["package"].text(), listed["version"].text()), ("a", "b-1"));
}

/// D12: whatever way a package is needed, it is an input, and is there.
#[test]
fn what_is_needed_in_any_way_is_an_input() {
    let lib = shell("Lib", "mkdir $OUTPUT/bin; echo 'echo lib' > $OUTPUT/bin/lib", "");
    let app = |fields: &str| format!("module App {{ recipe = \"std.shell\"  {fields} }}\n");
    let command = "recipeArgs = { command = \"lib > $OUTPUT/said\" }";
    let programs = [
        app(&format!("deps = [\"Lib\"]  {command}")),
        app(&format!("deps = [Lib.pname]  {command}")),
        app(&format!("option deps : List[Str]  {command}")) + "module Site { App.deps = [Lib.pname] }\n",
        app(&format!("option deps : List[Str]  {command}")) + "module Site { App.deps = [\"Lib\"] }\n",
        app("recipeArgs = { command = f\"sh {Lib.out}/bin/lib > $OUTPUT/said\" }"),
        app("option run : Str = \"\"  recipeArgs = { command = run }")
            + "module Site { App.run = f\"sh {Lib.out}/bin/lib > $OUTPUT/said\" }\n",
        app("recipeArgs = { command = Text.run }") + "module Text { run = f\"sh {Lib.out}/bin/lib > $OUTPUT/said\" }\n",
    ];
    let home = Home::new();
    for program in programs {
        home.write("p.pcl", format!("{lib}{program}"));
        let built = home.built(["p.pcl", "--only", "App"]);
        assert_eq!(text(&built["App"].join("said")), "lib\n", "{program}");
        let lib = &home.built(["p.pcl"])["Lib"];
        has(&text(&built["App"].join("derivation.json")), &lib.file_name().expect("a name").to_string_lossy());
    }
    let none = home.refuses(&app(&format!("deps = [\"lbi\"]  {command}")), "1:44", "E2");
    has(&none.stderr, "`lbi`");
    let circle = "module A { recipe = \"std.shell\"  recipeArgs = { command = H.b } }\n\
                  module B { recipe = \"std.shell\"  recipeArgs = { command = H.a } }\n\
                  module H { a = f\"{A.out}\"  b = f\"{B.out}\" }\n";
    home.write("p.pcl", circle);
    let outcome = home.build(["p.pcl"]);
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    has(&outcome.stderr, "[E7]");
}

/// Builds all examples as somebody else would: elsewhere, on another day, with another home, umask and environment.
fn examples(umask: &str, day: u64, variables: &[(&str, &str)], from: &str) -> (Home, Vec<Vec<String>>) {
    let home = Home::new();
    let target = home.path("examples");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400);
    each(&root().join("examples"), &mut |path, metadata| {
        let to = target.join(path.strip_prefix(root().join("examples")).expect("it is below"));
        if metadata.is_dir() {
            make_directory(&to);
        } else {
            fs::copy(path, &to).expect("an example can be copied");
            let file = File::options().append(true).open(&to).expect("a copy can be opened");
            file.set_times(FileTimes::new().set_modified(time)).expect("a time can be set");
        }
    });
    link("hello.sh", &target.join("hello/link"));
    if namespaces() {
        home.write("examples/more.pcl", shell("More", MORE, "source = { path = \"hello\" }"));
    }
    let mut programs = Vec::new();
    each(&target, &mut |path, _| {
        // What is for the hosts of a fleet does not stand alone.
        let is_shared = path.ancestors().any(|above| above.join("fleet.pcl").exists());
        if path.extension().is_some_and(|end| end == "pcl") && !is_shared && text(path).contains("recipe =") {
            programs.push(path.to_owned());
        }
    });
    programs.sort();
    assert!(programs.len() >= 3, "{programs:?}");
    let mut trees = Vec::new();
    for program in programs {
        let mut command = home.building([&program]);
        command.current_dir(home.path(from)).env("PUNIX_STORE_DIR", "no").envs(variables.iter().copied());
        command.env("HOME", home.path(&format!("home{day}")));
        let built = paths(&run(under_umask(command, umask)));
        trees.extend(built.values().map(|path| tree(path)));
    }
    (home, trees)
}

/// Writes down all that could differ. Without a sandbox some of it does: the places.
const MORE: &str = "find . -printf '%p %m %s %T@ %U\\n' | sort > $OUTPUT/source; tar c . > $OUTPUT/source.tar
    { umask; ulimit -c; id; pwd; locale 2>/dev/null || true; date -d @0; } > $OUTPUT/here
    { env | grep -v \"$OUTPUT\"; ls -A / $HOME; cat /etc/passwd /etc/group; hostname || true; } > $OUTPUT/more";

#[test]
fn the_examples_come_out_the_same_wherever_they_are_built() {
    let flags = [("CFLAGS", "-O0 -g"), ("PATH", "/nonexistent"), ("LANG", "de_DE.UTF-8"), ("TZ", "Asia/Tokyo")];
    let more = [("MAKEFLAGS", "-k"), ("SOURCE_DATE_EPOCH", "7"), ("BASH_ENV", "/etc/profile"), ("OUTPUT", "/tmp")];
    let (_one, first) = examples("022", 20_000, &[], "");
    let (_other, second) = examples("077", 4_000, &[flags, more].concat(), "home");
    assert!(!first.is_empty() && first.iter().all(|tree| tree.iter().any(|line| line.starts_with("built "))));
    assert_eq!(first, second);
}

/// Stands in for a store that a thousand builds went into: what is there is there, until somebody verifies it.
#[test]
fn a_thousand_packages_that_are_there_are_seen_at_once() {
    let count = 1_000;
    let program: String = (0..count).map(|number| shell(&format!("P{number:04}"), "true", "")).collect();
    let home = Home::of(&program);
    for path in paths(&home.build(["p.pcl", "--dry-run"])).values() {
        let path = home.path("").join(path);
        make_directory(&path);
        fs::write(path.join("built"), format!("{}\n", "0".repeat(64))).expect("a file can be written");
    }
    let outcome = home.build(["p.pcl"]);
    assert_eq!(paths(&outcome).len(), count);
    let modules = outcome.stdout.lines().filter_map(|line| line.strip_prefix("ok\tP")?.get(..4)?.parse::<usize>().ok());
    assert!(modules.eq(0..count), "{}", outcome.stdout);
    has(&outcome.stdout, "(all cached)");
    assert_eq!(home.leftovers(), [""; 0]);
}
