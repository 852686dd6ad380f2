//! Keeps the house in order: what ARCHITECTURE.md and STYLE.md promise, and a text search or cargo
//! can check. Each message says what to do.
//!
//! Reads the checkout and changes nothing. `unwrap`, printing, and IO in the pure crates are left
//! to clippy; this only checks that every crate listens to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Lists every crate with what it may depend on. The same table is drawn in ARCHITECTURE.md.
const EDGES: &[(&str, &[&str])] = &[
    ("punix-diag", &[]),
    ("punix-pcl", &["punix-diag"]),
    ("punix-model", &["punix-diag"]),
    ("punix-disk", &[]),
    ("punix-store", &["punix-disk", "punix-model", "punix-diag"]),
    ("punix-target", &["punix-disk", "punix-store", "punix-model", "punix-diag"]),
    ("punix-build", &["punix-disk", "punix-store", "punix-diag"]),
    ("punix-deploy", &["punix-pcl", "punix-store", "punix-build", "punix-target", "punix-model", "punix-diag"]),
    ("punix-engine", &[]),
    ("punix-plugin", &["punix-engine", "punix-model", "punix-diag"]),
    // Its build script compiles, packs and inspects with the very code that loads, and says what it found in its types.
    ("punix-bundle", &["punix-engine", "punix-plugin"]),
    // What plugins are tried with: the real host, with other things outside.
    ("punix-sdk-test", &["punix-plugin", "punix-model", "punix-diag"]),
    (
        "punix",
        &[
            "punix-diag",
            "punix-pcl",
            "punix-model",
            "punix-disk",
            "punix-store",
            "punix-build",
            "punix-target",
            "punix-deploy",
            "punix-engine",
            "punix-plugin",
            "punix-bundle",
            "punix-sdk-test",
        ],
    ),
    // Measures programs from outside, and what the store does by itself.
    ("punix-benches", &["punix-disk", "punix-store", "punix-bundle", "punix-plugin", "punix-model"]),
];

/// Lists the crates that do no IO; a `clippy.toml` of their own says so to clippy.
const PURE: &[&str] = &["punix-diag", "punix-pcl", "punix-model"];

/// Lists where the bytes of secrets are looked at, and how often in each file. Whoever adds a place says here why.
const SEES_SECRETS: &[(&str, usize)] = &[
    // Tokens of fetches: they go into a header, a variable of git, or an address of a proxy.
    ("host/build/src/fetch/fetcher.rs", 1),
    ("host/build/src/fetch/network.rs", 3),
    ("host/build/src/fetch/web.rs", 3),
    ("host/build/src/git/program.rs", 2),
    ("host/build/src/git/repository.rs", 5),
    // The same, as those have it who find secrets.
    ("host/cli/src/cmd/service/secrets/fetching.rs", 1),
    // A file is put together, and files that are not meant for a secret are searched for it.
    ("host/deploy/src/splice.rs", 1),
    ("host/deploy/src/splice/leak.rs", 1),
    // The filter of all that is said.
    ("host/model/src/redact.rs", 1),
    // What plugins have sent: in a request, in another secret, or to one that was granted `reveal`.
    ("host/plugin/src/ability/http.rs", 1),
    ("host/plugin/src/ability/http/fill.rs", 1),
    ("host/plugin/src/outside/web/ask.rs", 2),
    ("host/plugin/src/runtime/host/secrets.rs", 1),
    // A file with secrets is marked under the target's key, compared, and written; on the way there it is a frame.
    ("host/target/src/admit.rs", 1),
    ("host/target/src/admit/held.rs", 2),
    // What a change that may be taken back would need is kept in a file of its own.
    ("host/target/src/confirm/file.rs", 1),
    ("host/target/src/key.rs", 2),
    ("host/target/src/protocol/frame.rs", 1),
];

const LINES_MAX: usize = 500;
const REASON_WITHIN_LINES: usize = 12;

/// The codes that came from the reference end here; all of them keep a page.
const INHERITED_CODE_MAX: u32 = 16;

#[test]
fn crates_depend_only_on_what_the_map_allows() {
    let table: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let mut problems = Vec::new();
    for package in workspace_packages() {
        let name = text(&package, "name");
        let Some(allowed) = table.get(name) else {
            problems.push(format!("`{name}` is not on the map: add it and its edges here and to ARCHITECTURE.md"));
            continue;
        };
        for dependency in list(&package, "dependencies") {
            let other = text(dependency, "name");
            let ours = table.contains_key(other) || other.starts_with("punix-");
            // Tests may look where the code may not.
            let only_tests = dependency["kind"] == "dev";
            if ours && !only_tests && !allowed.contains(&other) {
                problems.push(format!(
                    "`{name}` depends on `{other}`: move the code to where it may, or move the \
                     wall here and in ARCHITECTURE.md"
                ));
            }
        }
    }
    report(&problems);
}

/// Wasmtime takes minutes to compile, and is needed twice: by the build script of `punix-bundle`, and by what it is for.
/// Cargo compiles a package once for both if it has the same features in both.
#[test]
fn what_the_bundle_is_built_with_is_compiled_once() {
    // Beside all others, so that what the bundle itself links has the features that it has there.
    let script = features(&["--workspace", "--edges", "normal,build"]);
    let binary = features(&["--workspace", "--exclude", "punix-bundle", "--edges", "normal"]);
    assert!(script.keys().any(|package| package.starts_with("wasmtime v")), "{script:?}");
    let mut problems = Vec::new();
    for (package, ours) in &script {
        let Some(theirs) = binary.get(package).filter(|theirs| !ours.is_subset(theirs)) else { continue };
        problems.push(format!(
            "`{package}` is compiled with {ours:?} for the build script of punix-bundle and with {theirs:?} otherwise: \
             ask for what lacks in host/engine/Cargo.toml if wasmtime depends on it, else in the build-dependencies of \
             host/bundle/Cargo.toml"
        ));
    }
    report(&problems);
}

/// Returns every package that is compiled, with each set of features that it is compiled with.
fn features(selected: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--prefix", "none", "--format", "{p}|{f}", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .args(selected)
        .output()
        .expect("the cargo that built this test can be started");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // An empty line stands between the trees; what was shown before ends with a star.
    for line in String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.is_empty()) {
        let line = line.trim_end_matches(" (*)");
        let Some((package, features)) = line.split_once('|') else { panic!("cargo tree: {line}") };
        found.entry(package.to_owned()).or_default().insert(features.to_owned());
    }
    found
}

#[test]
fn every_crate_listens_to_clippy() {
    let mut problems = Vec::new();
    for package in workspace_packages() {
        let name = text(&package, "name");
        let manifest = Path::new(text(&package, "manifest_path"));
        // It has the only `unsafe` there is, so it repeats the workspace's rules with that one loosened.
        let own = name == "punix-engine" && read(manifest).contains("unsafe_code = \"deny\"");
        if !own && !read(manifest).contains("[lints]\nworkspace = true") {
            problems.push(format!("{name}: add `[lints]` with `workspace = true` to its Cargo.toml"));
        }
        let rules = manifest.with_file_name("clippy.toml");
        if PURE.contains(&name) && !(rules.is_file() && read(&rules).contains("disallowed-methods")) {
            problems.push(format!("{name} is pure: give it a clippy.toml like the one of host/pcl"));
        }
    }
    report(&problems);
}

#[test]
fn long_files_say_why() {
    let mut problems = Vec::new();
    for file in rust_files() {
        let content = read(&file);
        let lines = content.lines().count();
        let reasoned = content.lines().take(REASON_WITHIN_LINES).any(|line| line.contains("Over 500 lines:"));
        if lines > LINES_MAX && !reasoned {
            problems.push(format!(
                "{} has {lines} lines: put a wall through it, or write `Over 500 lines: reason` \
                 in its first {REASON_WITHIN_LINES} lines",
                shown(&file)
            ));
        }
    }
    report(&problems);
}

#[test]
fn no_test_file_is_forgotten() {
    let folder = root().join("tests/it");
    let main = read(&folder.join("main.rs"));
    let declared: BTreeSet<&str> =
        main.lines().filter_map(|line| line.trim().strip_prefix("mod ")?.strip_suffix(';')).collect();
    let mut problems = Vec::new();
    for file in files_below(&folder) {
        if file.extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let beside_main = file.parent() == Some(folder.as_path());
        let is_folder_module = file.file_name().is_some_and(|name| name == "mod.rs");
        let module = match (beside_main, is_folder_module) {
            (true, _) => file.file_stem(),
            (false, true) => file.parent().and_then(Path::file_name),
            (false, false) => continue,
        };
        let module = module.and_then(|name| name.to_str()).unwrap_or_default();
        if module != "main" && !declared.contains(module) {
            problems.push(format!("{}: write `mod {module};` in tests/it/main.rs", shown(&file)));
        }
    }
    report(&problems);
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let mut codes: BTreeSet<u32> = (0..=INHERITED_CODE_MAX).collect();
    let source = read(&root().join("host/diag/src/code.rs"));
    codes.extend(source.split('"').skip(1).step_by(2).filter_map(code_number));
    let pages: BTreeSet<u32> = files_below(&root().join("docs/errors"))
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "md"))
        .filter_map(|file| code_number(file.file_stem()?.to_str()?))
        .collect();
    let without_page = codes
        .difference(&pages)
        .map(|n| format!("E{n} has no page: write docs/errors/E{n}.md (what it means, an example, what to do)"));
    let without_code = pages
        .difference(&codes)
        .map(|n| format!("docs/errors/E{n}.md has no code: add a row to host/diag/src/code.rs or remove it"));
    report(&without_page.chain(without_code).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_over() {
    // Put together here, so that this file does not find itself.
    let needles = [["to", "do!("], ["unimple", "mented!("], ["db", "g!("], ["#[ig", "nore"]].map(|n| n.concat());
    let mut problems = Vec::new();
    for file in rust_files() {
        for (number, line) in read(&file).lines().enumerate() {
            if let Some(needle) = needles.iter().find(|needle| line.contains(needle.as_str())) {
                problems.push(format!("{}:{}: finish or remove `{needle}`", shown(&file), number + 1));
            }
        }
    }
    report(&problems);
}

#[test]
fn the_places_that_see_secrets_are_counted() {
    let call = [".exp", "ose()"].concat();
    let table: BTreeMap<&str, usize> = SEES_SECRETS.iter().copied().collect();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for file in files_below(&root().join("host")) {
        let name = shown(&file).replace('\\', "/");
        let is_test = ["/tests.rs", "/testing.rs"].iter().any(|end| name.ends_with(end)) || name.contains("/tests/");
        if is_test || !name.ends_with(".rs") {
            continue;
        }
        let content = read(&file);
        let code = content.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let count = code.matches(&call).count();
        if count > 0 {
            found.insert(name, count);
        }
    }
    let mut problems = Vec::new();
    for (name, count) in &found {
        let known = table.get(name.as_str()).copied().unwrap_or(0);
        if *count != known {
            problems.push(format!(
                "{name} looks at secrets {count} times and {known} are known: do without, or say why in SEES_SECRETS"
            ));
        }
    }
    let gone = table.keys().filter(|name| !found.contains_key(**name));
    problems.extend(gone.map(|name| format!("{name} looks at no secret any more: take it out of SEES_SECRETS")));
    report(&problems);
}

#[test]
fn no_path_of_one_machine_is_kept() {
    let needles = ["work", "root"].map(|folder| format!("/{folder}/"));
    let mut problems = Vec::new();
    for file in files_below(root()) {
        for (number, line) in read(&file).lines().enumerate() {
            if let Some(needle) = needles.iter().find(|needle| begins_a_path(line, needle)) {
                problems.push(format!(
                    "{}:{}: a path below `{needle}` exists on one machine only; make it relative",
                    shown(&file),
                    number + 1
                ));
            }
        }
    }
    report(&problems);
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let page = read(&root().join("docs/threat-model.md"));
    let mut problems = Vec::new();
    let mut named = 0;
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let Some((_, tests)) = line.trim_end_matches(" |").rsplit_once(" | ") else { continue };
        // `file.rs`: `test`, `test`; `file.rs`: `test`
        let mut file = PathBuf::new();
        for word in tests.split('`').skip(1).step_by(2) {
            if word.ends_with(".rs") {
                let hostile = root().join("host/plugin/tests/hostile").join(word);
                file = if word.contains('/') { root().join(word) } else { hostile };
            } else if !read(&file).contains(&format!("fn {word}()")) {
                problems.push(format!("{} has no test `{word}`", shown(&file)));
            }
            named += 1;
        }
    }
    assert!(named > 60, "the tables of docs/threat-model.md are no longer understood: {named} words");
    report(&problems);
}

/// Returns whether `needle` begins a path in `line`, and is not the middle of a longer one.
fn begins_a_path(line: &str, needle: &str) -> bool {
    line.match_indices(needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~*$}>)".contains(c))
    })
}

/// Returns the number of a code such as `E4`, written exactly so.
fn code_number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('E')?;
    digits.parse().ok().filter(|n: &u32| n.to_string() == digits)
}

fn workspace_packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("the cargo that built this test can be started");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    list(&metadata, "packages").to_vec()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("cargo metadata has no text `{key}` in {value}"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("cargo metadata has no list `{key}` in {value}"))
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn rust_files() -> Vec<PathBuf> {
    let folders = ["host", "tests", "benches"].map(|folder| root().join(folder));
    let files = folders.iter().flat_map(|folder| files_below(folder));
    files.filter(|file| file.extension().is_some_and(|end| end == "rs")).collect()
}

/// Returns every regular file below `folder` in a fixed order, none if it is absent. Leaves out
/// build output, git's own files and links.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let outside = entry.file_name() == "target" && !entry.path().join("Cargo.toml").exists();
            let skipped = outside || entry.file_name() == ".git";
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !skipped => waiting.push(entry.path()),
                Ok(kind) if kind.is_file() && !skipped => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> String {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", shown(file)));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

#[track_caller]
fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
