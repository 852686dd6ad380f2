use super::*;
use expect_test::{Expect, expect};
use punix_diag::{Detail, Look, render};
use punix_pcl::{Source as Text, World, check};

/// Composes a program in which the files of every local source hold their own path.
fn compose(text: &str, scenario: Option<&str>, system: &str) -> Result<Composed, String> {
    compose_files(&[("dir/test.pcl", text)], scenario, system)
}

fn compose_files(files: &[(&str, &str)], scenario: Option<&str>, system: &str) -> Result<Composed, String> {
    let text = |&(name, text): &(&str, &str)| Text { name: name.to_owned(), bytes: text.into() };
    let checked = check(files.iter().map(text).collect(), &World::default());
    let show = |errors: &[Diagnostic]| {
        render(errors, &checked.program.ast.sources, Look { color: false, detail: Detail::Lines })
    };
    assert!(!checked.has_errors(), "{}", show(&checked.diagnostics));
    let scenario = scenario.map(|name| checked.scenario(name).unwrap());
    let choice = Choice { checked: &checked, scenario, system, only: None };
    let mut local = |path: &Path| match path.ends_with("absent") {
        true => Err(format!("there is no `{}`", path.display())),
        false => Ok(Digest::of(path.to_string_lossy().as_bytes())),
    };
    compose_packages(choice, &mut local).map_err(|errors| show(&errors))
}

fn names(text: &str) -> Vec<String> {
    names_under(text, None)
}

fn names_under(text: &str, scenario: Option<&str>) -> Vec<String> {
    let composed = compose(text, scenario, "x86_64-linux").unwrap();
    let name = |place: &usize| composed.packages.get(*place).name().as_str().to_owned();
    composed.wanted.iter().map(|(module, place)| format!("{module} {}", name(place))).collect()
}

fn inputs(text: &str, scenario: Option<&str>) -> Vec<String> {
    let composed = compose(text, scenario, "x86_64-linux").unwrap();
    let label = |place: usize| composed.packages.get(place).label.clone();
    let row = |(module, place): &(String, usize)| {
        let needs: Vec<String> = composed.packages.inputs(*place).iter().map(|&input| label(input)).collect();
        format!("{module}: {}", needs.join(" "))
    };
    composed.wanted.iter().map(row).collect()
}

fn check_errors(text: &str, expected: Expect) {
    expected.assert_eq(&compose(text, None, "x86_64-linux").map(|_| String::new()).unwrap_or_else(|errors| errors));
}

const LIB: &str =
    "module Lib { recipe = \"std.shell\" pname = \"lib\" version = \"2\" recipeArgs = { command = \"x\" } }\n";

fn with_lib(text: &str) -> String {
    format!("{LIB}{text}")
}

fn shell(name: &str, more: &str) -> String {
    format!("module {name} {{ recipe = \"std.shell\" recipeArgs = {{ command = \"x\" }} {more} }}\n")
}

#[test]
fn a_package_needs_what_its_expressions_refer_to() {
    let uses = [
        "module App { recipe = \"std.shell\" deps = [Lib.pname] recipeArgs = { command = \"x\" } }",
        "module App { recipe = \"std.shell\" deps = [\"lib\"] recipeArgs = { command = \"x\" } }",
        "module App { recipe = \"std.shell\" recipeArgs = { command = f\"cp {Lib.out}/x .\" } }",
        "module App { recipe = \"std.shell\" recipeArgs = { command = f\"echo {Lib.version}\" } }",
        "module App { recipe = \"std.shell\" recipeArgs = { command = \"x\" } note = for i in [{ n = 1 }] yield f\"{i.n}{Lib.version}\" }",
        "module App { recipe = \"std.shell\" option command : Str = \"x\" recipeArgs = { command = command } }
         module Other { App.command = f\"{Lib.out}\" }",
        "module App { recipe = \"std.shell\" recipeArgs = { command = Helper.text } }
         module Helper { text = Deeper.text }
         module Deeper { text = f\"in {Lib.out}/bin\" }",
    ];
    for text in uses {
        assert_eq!(inputs(&with_lib(text), None), ["App: Lib", "Lib: "], "{text}");
    }
}

#[test]
fn a_scenario_can_bring_inputs() {
    let text = with_lib(
        "module App { recipe = \"std.shell\" option command : Str = \"x\" recipeArgs = { command = command } }
         scenario s { App.command = f\"{Lib.out}/bin/x\" }",
    );
    assert_eq!(inputs(&text, None), ["App: ", "Lib: "]);
    assert_eq!(inputs(&text, Some("s")), ["App: Lib", "Lib: "]);
    assert_ne!(names(&text)[0], names_under(&text, Some("s"))[0]);
}

#[test]
fn the_order_of_inputs_follows_from_their_names() {
    let text = shell("Zebra", "pname = \"aa\"")
        + &shell("Ape", "pname = \"zz\"")
        + &shell("App", "deps = [Ape.pname, Zebra.pname]");
    assert_eq!(inputs(&text, None)[1], "App: Zebra Ape");
}

#[test]
fn what_does_not_matter_does_not_change_a_name() {
    let app = |args: &str, more: &str| {
        names(&with_lib(&format!(
            "module App {{ {more} deps = [Lib.pname] recipe = \"std.make\" version = \"1\" recipeArgs = {args} }}"
        )))
    };
    let plain = app("{ make_target = \"all\" src_dir = \".\" }", "");
    for (args, more) in [
        ("{ src_dir = \".\" make_target = \"all\" }", ""),
        ("{ src_dir = f\"{dot}\" make_target = \"all\" }", "dot = \".\""),
        ("{ src_dir = \".\" make_target = \"all\" }", "meta = { description = \"other\" }"),
    ] {
        assert_eq!(app(args, more), plain, "{args} {more}");
    }
    // Nor do the order of modules, or files.
    let (lib, app) = (
        LIB,
        "module App { deps = [Lib.pname] recipe = \"std.make\" version = \"1\" recipeArgs = { make_target = \"all\" src_dir = \".\" } }",
    );
    for files in [[("dir/a.pcl", lib), ("dir/b.pcl", app)], [("dir/a.pcl", app), ("dir/b.pcl", lib)]] {
        let composed = compose_files(&files, None, "x86_64-linux").unwrap();
        let name = composed.packages.get(composed.wanted[0].1).name().as_str();
        assert_eq!(format!("App {name}"), plain[0]);
    }
}

#[test]
fn what_matters_changes_a_name_and_those_that_need_it() {
    let three = |command: &str| {
        names(
            &(format!("module A {{ recipe = \"std.shell\" recipeArgs = {{ command = \"{command}\" }} }}\n")
                + &shell("B", "deps = [A.pname]")
                + &shell("C", "")),
        )
    };
    let (one, other) = (three("x"), three("y"));
    assert_ne!(one[0], other[0]);
    assert_ne!(one[1], other[1]);
    assert_eq!(one[2], other[2]);
    let of = |more: &str| names(&shell("A", more))[0].clone();
    let variants =
        ["", "version = \"1\"", "pname = \"b\"", "source = { path = \"src\" }", "source = { path = \"other\" }"];
    let mut seen: Vec<String> = variants.into_iter().map(of).collect();
    let arm = compose(&shell("A", ""), None, "aarch64-linux").unwrap();
    seen.push(format!("A {}", arm.packages.get(0).name()));
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[test]
fn secrets_and_mirrors_of_a_source_are_not_in_the_name() {
    let of = |more: &str| {
        let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        names(&shell(
            "A",
            &format!("source = {{ type = \"url\" url = \"https://example.org/a.tar\" hash = \"{hash}\" {more} }}"),
        ))
    };
    let plain = of("");
    for more in [
        "token = { from_env = \"A\" }",
        "token = { from_file = \"B\" }",
        "headers = { PRIVATE = { from_env = \"A\" } }",
        "mirrors = [\"https://example.net/a.tar\"]",
        "maxBytes = 10",
    ] {
        assert_eq!(of(more), plain, "{more}");
    }
}

#[test]
fn a_secret_is_not_the_text_that_looks_like_it() {
    let of = |value: &str| {
        let source =
            "type = \"fixed_output\" hash = \"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"";
        names(&shell("A", &format!("source = {{ {source} command = {value} }}")))
    };
    assert_ne!(of("\"from_env:X\""), of("\"{\\\"$secret\\\":[\\\"from_env\\\",\\\"X\\\"]}\""));
}

#[test]
fn a_local_path_is_taken_from_the_file_it_is_written_in() {
    let composed = compose_files(
        &[("one/a.pcl", &shell("A", "source = { path = Paths.src }")), ("two/b.pcl", "module Paths { src = \"src\" }")],
        None,
        "x86_64-linux",
    );
    let composed = composed.unwrap();
    let source = &composed.packages.get(0).source.origin;
    assert!(matches!(source, Origin::Local(LocalSource::At(path)) if path == Path::new("two/src")), "{source:?}");
}

#[test]
fn a_long_chain_is_no_problem() {
    let count = 5_000;
    let mut text: String = (1..count).map(|i| shell(&format!("P{i}"), &format!("deps = [P{}.pname]", i - 1))).collect();
    text.push_str(&shell("P0", ""));
    assert_eq!(compose(&text, None, "x86_64-linux").unwrap().packages.len(), count);
}

#[test]
fn errors_are_where_they_are_written() {
    check_errors(
        "module A {
  recipe = \"std.shel\"
  version = \"../1\"
  source = { type = \"url\" url = \"gopher://x/y\" hashh = \"1\" }
}
module B { recipe = \"std.shell\" pname = \"-x\" recipeArgs = { command = \"x\" comand = \"y\" } }
module C { recipe = \"std.shell\" recipeArgs = { command = \"\" } source = { path = \"absent\" } }
module D { recipe = \"std.make\" recipeArgs = { make_flags = \"-x\" env = { T = { from_env = \"T\" } } } deps = [\"lbi\"] }
module Lib { recipe = \"std.make\" pname = \"lib\" }
",
        expect![[r#"
            dir/test.pcl:2:3: error: [E2] there is no recipe `std.shel`
            help: did you mean `std.shell`?
            dir/test.pcl:3:13: error: [E1] a version begins with a letter or digit and goes on with these or `.`, `_`, `+`, `-`, `~`: `../1`
            dir/test.pcl:4:12: error: [E3] the source has no `hash`
            help: give the file's digest, as `sha256sum` prints it: `hash = "…"`
            dir/test.pcl:4:33: error: [E1] nothing is fetched by `gopher`; `https`, `http`, `file` and `mirror` are what is accepted
            dir/test.pcl:4:56: error: [E2] a source of type `url` has no field `hashh`
            help: did you mean `hash`?
            dir/test.pcl:6:41: error: [E1] a package name begins with a letter or digit and goes on with these or `.`, `_`, `+`, `-`: `-x`
            dir/test.pcl:6:84: error: [E2] the recipe has no argument `comand`
            help: did you mean `command`?
            dir/test.pcl:7:58: error: [E1] `command` must not be empty
            dir/test.pcl:7:81: error: [E9] there is no `dir/absent`
            help: the path is taken from the directory of the file that it is written in
            dir/test.pcl:8:60: error: [E1] `make_flags` has to be a list of texts, and is a text
            dir/test.pcl:8:77: error: [E1] `env.T` is a secret, and would end up in the store for everybody to read
            help: give it to the service that needs it, when it is deployed
            dir/test.pcl:8:108: error: [E2] no package of this program is called `lbi`
            help: did you mean `lib`?
        "#]],
    );
}

#[test]
fn a_circle_that_only_values_show_is_found() {
    check_errors(
        "module A { recipe = \"std.shell\" recipeArgs = { command = H.b } }
module B { recipe = \"std.shell\" recipeArgs = { command = H.a } }
module H { a = f\"{A.out}\" b = f\"{B.out}\" }
",
        expect![[r#"
            dir/test.pcl:1:8: error: [E7] packages need each other: A → B → A
            help: remove one of these references
        "#]],
    );
}

#[test]
fn sources_are_checked() {
    check_errors(
        "module A { recipe = \"std.make\" source = { type = \"git\" url = \"https://example.org/a\" hash = \"main\" } }
module B { recipe = \"std.make\" source = { type = \"url_per_arch\" perArch = [{ system = \"aarch64-linux\" url = \"https://example.org/a\" hash = \"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\" }] } }
module C { recipe = \"std.make\" source = { type = \"tar\" } }
module D { recipe = \"std.make\" source = { type = \"url\" url = \"https://example.org/a\" hash = \"AB\" mirrors = [\"x\"] } }
module E { recipe = \"std.make\" source = { type = \"fixed_output\" command = \" \" } }
module F { recipe = \"std.make\" source = { type = \"local\" } }
module G { recipe = \"std.make\" source = { path = \"src\" patches = [{ path = \"a.patch\" strp = 1 }, { type = \"url\" }] } }
",
        expect![[r#"
            dir/test.pcl:1:93: error: [E1] `main` is not the id of a commit, but perhaps a branch or a tag, which can mean other files tomorrow
            dir/test.pcl:2:75: error: [E14] there is no source for the system `x86_64-linux`: there is one for `aarch64-linux`
            help: add `{ system = "x86_64-linux" url = "…" hash = "…" }` to `perArch`
            dir/test.pcl:3:50: error: [E1] there is no type of source `tar`
            help: the types are `local`, `url`, `git`, `fixed_output`, `url_per_arch`
            dir/test.pcl:4:93: error: [E1] a hash is made of the digits `0` to `9` and `a` to `f` only, not `A`
            dir/test.pcl:4:108: error: [E1] a url begins with `https://`, `http://`, `file:///` or `mirror://`
            dir/test.pcl:5:41: error: [E3] the source has no `hash`
            help: give the digest of the result; a build with a wrong one prints the right one
            dir/test.pcl:5:75: error: [E1] `command` is empty
            dir/test.pcl:6:41: error: [E3] the source has no `path`
            help: name a file or directory, from where this file is: `path = "src"`
            dir/test.pcl:7:93: error: [E2] a patch has no field `strp`
            help: did you mean `strip`?
            dir/test.pcl:7:98: error: [E3] the source has no `url`
            help: give the address: `url = "https://…"`
            dir/test.pcl:7:98: error: [E3] the source has no `hash`
            help: give the file's digest, as `sha256sum` prints it: `hash = "…"`
        "#]],
    );
}
