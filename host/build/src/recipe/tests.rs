//! Tests of the recipes that run nothing.

use super::check::Problem;
use super::*;
use expect_test::{expect, expect_file};
use punix_store::{Integer, Piece, StoreName};
use std::path::{Path, PathBuf};

const ENTRY: &str = "0123456789abcdef0123456789abcdef-other-1";

fn record(fields: &[(&str, Value)]) -> Record {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|text| Value::text(*text)).collect())
}

fn secret() -> Value {
    Value::Secret { kind: "from_env".to_owned(), name: "TOKEN".to_owned() }
}

fn entry() -> Value {
    Value::weave([Piece::Path(StoreName::parse(ENTRY).unwrap())])
}

fn build(recipe: &str, arguments: &Record, root: &str) -> Result<String, ScriptError> {
    let dependencies = [("zlib", "a"), ("python", "b")]
        .map(|(name, path)| Dependency { name: name.to_owned(), path: Path::new(root).join(path) });
    let closure = dependencies.each_ref().map(|dependency| dependency.path.clone());
    find(recipe).unwrap().script(&Context {
        package: "it's",
        version: "1",
        arguments,
        dependencies: &dependencies,
        closure: &closure,
        entry_path: &|name| Path::new(root).join(name),
        patches: &[PatchFile { path: PathBuf::from("/build/p 1"), strip: 2 }],
    })
}

fn shown(issues: &[Issue]) -> String {
    let line = |issue: &Issue| match issue.help() {
        Some(help) => format!("{issue}\n    {help}\n"),
        None => format!("{issue}\n"),
    };
    issues.iter().map(line).collect()
}

/// Returns what lies between the prelude and the recipe.
fn bindings(script: &str) -> &str {
    let from = script.rfind("\npunix_patches=(").unwrap() + 1;
    let end = script.rfind("\npunix_begin").unwrap();
    &script[from..=end]
}

#[test]
fn all_recipes_can_be_read() {
    let names: Vec<&str> = all().iter().map(|recipe| recipe.name).collect();
    assert!(names.is_sorted());
    expect!["std.autotools std.binary std.cargo std.cmake std.copy_tree std.go std.make std.meson std.npm std.python_venv std.python_wheel std.shell"].assert_eq(&names.join(" "));
    assert!(find("std.make").is_some());
    for name in ["make", "std/make", ".std.make", "std.Make", "std.prelude", ""] {
        assert!(find(name).is_none(), "{name}");
    }
}

#[test]
fn every_argument_is_used_and_every_used_one_declared() {
    for recipe in all() {
        for argument in &recipe.arguments {
            let used = argument.name == "env" || recipe.body.contains(&format!("arg_{}", argument.name));
            assert!(used, "{} {}", recipe.name, argument.name);
        }
        for use_of in recipe.body.split("arg_").skip(1) {
            let name: String = use_of.chars().take_while(|next| next.is_ascii_lowercase() || *next == '_').collect();
            let known = recipe.arguments.iter().any(|argument| name.starts_with(argument.name));
            assert!(known, "{} uses {name}", recipe.name);
        }
        let framed = recipe.body.contains("punix_begin") && recipe.body.ends_with("\npunix_end\n");
        assert!(framed, "{} has to begin with `punix_begin` and to end with `punix_end`", recipe.name);
    }
}

#[test]
fn the_reference_is_what_the_recipes_say() {
    expect_file!["../../../../docs/reference/recipes.md"].assert_eq(&reference());
}

#[test]
fn a_header_says_what_is_wrong_with_it() {
    let cases = [
        "",
        "#: A.\n#:\n#: a : Str — b\n",
        "#: A.\n#:\n#:\n#: x\n",
        "#:A.\n#:\n#: a : Str — b\n#:\n#: x\n",
        "#: A. \n#:\n#: a : Str — b\n#:\n#: x\n",
        "#: A.\n#:\n#: a : Str\n#:\n#: x\n",
        "#: A.\n#:\n#: a — b\n#:\n#: x\n",
        "#: A.\n#:\n#: A : Str — b\n#:\n#: x\n",
        "#: A.\n#:\n#: a (b : Str — b\n#:\n#: x\n",
        "#: A.\n#:\n#: a : Text — b\n#:\n#: x\n",
        "#: A.\n#:\n#: a : Bool = no — b\n#:\n#: x\n",
        "#: A.\n#:\n#: a : List[Str] = [\"x] — b\n#:\n#: x\n",
        "#: A.\n#:\n#: a : Str — b\n#: c (a) : Str — d\n#:\n#: x\n",
    ];
    let errors = cases.map(|case| format!("{}\n", header::parse("std.x", case).unwrap_err()));
    expect![[r#"
        std.x, line 0: there have to be three parts, with empty lines between them
        std.x, line 3: there have to be three parts, with empty lines between them
        std.x, line 4: an argument or the example is missing
        std.x, line 1: a blank has to follow `#:`, and none may be at the end
        std.x, line 1: a blank has to follow `#:`, and none may be at the end
        std.x, line 3: ` — ` and the meaning are missing
        std.x, line 3: ` : ` and the type are missing
        std.x, line 3: a name is made of small letters and `_`
        std.x, line 3: `)` is missing
        std.x, line 3: there is no such type
        std.x, line 3: the default is not of the type
        std.x, line 3: the default is not of the type
        std.x, line 4: two arguments have one name
    "#]]
    .assert_eq(&errors.concat());
}

#[test]
fn a_header_is_read_whole() {
    let text = "#: Does.\n#: Needs a\n#: and b.\n#:\n#: n : Int = -3 — number\n#:     of things\n#: m (o) : Map[Flag] = {} — map\n\
                #: r : List[{x y}] = [] — records\n#: l : List[Dep] = [\"a\", \"b c\"] — list\n#: s : Script — text\n#:\n#: module A {\n#:   b = 1\n#: }\npunix_begin\n";
    let recipe = header::parse("std.x", text).unwrap();
    assert_eq!((recipe.summary, recipe.needs.as_str(), recipe.body), ("Does.", "Needs a\nand b.", "punix_begin\n"));
    assert_eq!(recipe.example, "module A {\n  b = 1\n}");
    assert_eq!(recipe.arguments[3].preset.as_ref().unwrap().value, texts(&["a", "b c"]));
    expect![[r#"
        | argument | type | default | |
        |---|---|---|---|
        | `n` | `Int` | `-3` | number of things |
        | `m`, `o` | `Map[Flag]` | `{}` | map |
        | `r` | `List[{x y}]` | `[]` | records |
        | `l` | `List[Dep]` | `["a", "b c"]` | list |
        | `s` | `Script` | required | text |
    "#]]
    .assert_eq(&table(&recipe));
}

#[test]
fn wrong_arguments_are_named_all_at_once() {
    let artifact = Value::Artifact { host: "h".to_owned(), name: "n".to_owned() };
    let env = record(&[
        ("PATH", Value::text("/x")),
        ("A-B", Value::text("")),
        ("1A", Value::text("")),
        ("", Value::text("")),
        ("OUTPUT", Value::text("")),
        ("arg_env", Value::text("")),
        ("TOKEN", secret()),
        ("N", Value::Integer(Integer::from(1_u64))),
        ("NUL", Value::text("a\0")),
    ]);
    let arguments = record(&[
        ("make_flgas", texts(&["x"])),
        ("zzz", Value::Bool(true)),
        ("make_flags", Value::List(vec![Value::text("a"), artifact, secret(), entry(), Value::List(Vec::new())])),
        ("make_target", Value::Bool(true)),
        ("skip_install", Value::text("no")),
        ("src_dir", Value::text("a/../../b")),
        ("install_flags", Value::text("-j")),
        ("pre_build", Value::Record(Record::new())),
        ("post_install", Value::List(vec![Value::text("true"), entry()])),
        ("env", Value::Record(env)),
    ]);
    expect![[r#"
        `env.` is not the name of a variable: letters, digits and `_`
        `env.1A` is not the name of a variable: letters, digits and `_`
        `env.A-B` is not the name of a variable: letters, digits and `_`
        `env.N` has to be a text, and is an Int
            put it in quotes
        `env.NUL` holds a NUL, which cannot be given to any program
        `env.OUTPUT` is a variable that the build sets itself
        `env.TOKEN` is a secret, and would end up in the store for everybody to read
            give it to the service that needs it, when it is deployed
        `env.arg_env` is a variable that the build sets itself
        `install_flags` has to be a list of texts, and is a text
        `make_flags.1` is an artifact, which is not there yet when packages are built
        `make_flags.2` is a secret, and would end up in the store for everybody to read
            give it to the service that needs it, when it is deployed
        `make_flags.4` has to be a text, and is a list
        the recipe has no argument `make_flgas`
            did you mean `make_flags`?
        `make_target` has to be a text, and is a Bool
            put it in quotes
        `pre_build` has to be a text or a list of texts, and is a record
        `skip_install` has to be a Bool, and is a text
        `src_dir` leads out of its directory by `..`
        the recipe has no argument `zzz`
    "#]]
    .assert_eq(&shown(&find("std.make").unwrap().check(&arguments)));
}

#[test]
fn what_is_required_must_be_there() {
    let check = |recipe: &str, fields: &[(&str, Value)]| shown(&find(recipe).unwrap().check(&record(fields)));
    let empty = [
        check("std.shell", &[]),
        check("std.shell", &[("command", Value::text(" \n"))]),
        check("std.shell", &[("command", texts(&["", " "]))]),
        check("std.shell", &[("command", secret())]),
        check("std.shell", &[("command", Value::text("true")), ("env", Value::Record(Record::new()))]),
        check("std.python_venv", &[("packages", Value::List(Vec::new()))]),
        check("std.autotools", &[("post_configure", texts(&["a"])), ("post_configure_commands", texts(&["a"]))]),
        check("std.cmake", &[("src_dir", entry())]),
        check("std.python_wheel", &[("pth_files", Value::List(vec![Value::Record(record(&[("nam", texts(&[]))]))]))]),
        check("std.python_wheel", &[("pth_files", texts(&["x"]))]),
        check("std.cargo", &[("extra_cargo_args", texts(&[&"x".repeat(crate::limits::WORD_BYTES_MAX + 1)]))]),
    ];
    expect![[r#"
        the recipe needs an argument `command`
        `command` must not be empty
        `command` must not be empty
        `command` is a secret, and would end up in the store for everybody to read
            give it to the service that needs it, when it is deployed
        the recipe has no argument `env`
        `packages` must not be empty
        `post_configure_commands` is another name for `post_configure`, which is given too
        `src_dir` has to be a text that names a relative path, and is a text with a store path in it
        the recipe has no argument `pth_files.0.nam`
            did you mean `name`?
        the recipe needs an argument `pth_files.0.name`
        the recipe needs an argument `pth_files.0.content`
        `pth_files.0` has to be a record of texts, and is a text
        `extra_cargo_args.0` takes 131073 bytes, 131072 can be given to a program
            put it into a file of the source
    "#]]
    .assert_eq(&empty.concat());
}

#[test]
fn everything_good_is_accepted() {
    for recipe in all() {
        let mut least = Record::new();
        for argument in recipe.arguments.iter().filter(|argument| argument.preset.is_none()) {
            let value = if matches!(argument.kind, Kind::List(_)) { texts(&["x"]) } else { Value::text("x") };
            least.insert(argument.name.to_owned(), value);
        }
        assert_eq!(recipe.check(&least), []);
        let presets = recipe.arguments.iter().filter_map(|argument| {
            let value = argument.preset.as_ref()?.value.clone();
            Some((argument.name.to_owned(), value))
        });
        assert_eq!(recipe.check(&least.clone().into_iter().chain(presets).collect()), [], "{}", recipe.name);
        assert!(build(recipe.name, &least, "/store").is_ok());
    }
}

#[test]
fn values_become_words() {
    let arguments = record(&[
        ("make_target", Value::text("it's")),
        (
            "make_flags",
            texts(&["A=$OUTPUT/x ${SOURCE}", "\\$OUTPUT $ORIGIN ${HOME", "-L${DEP:zlib}/lib$DEP_1", "$OUTPUTS$"]),
        ),
        (
            "make_args",
            Value::List(vec![
                entry(),
                Value::weave([Piece::Text("$HOME:".to_owned()), Piece::Path(StoreName::parse(ENTRY).unwrap())]),
            ]),
        ),
        ("src_dir", Value::text("//a/$OUTPUT")),
        ("pre_build", Value::text("cd ${DEP:python}/$OUTPUT || echo 'no'")),
        ("post_install", Value::List(vec![Value::text("one"), entry()])),
        ("env", Value::Record(record(&[("CFLAGS", Value::text("$CFLAGS -Dx='y'"))]))),
    ]);
    expect![[r#"
        punix_patches=(
            '/build/p 1')
        punix_strips=(
            '2')
        punix_dependencies=(
            '/store/a'
            '/store/b')
        punix_closure=(
            '/store/a'
            '/store/b')
        punix_set_environment() {
        :
        export CFLAGS=''"${CFLAGS-}"' -Dx='\''y'\'''
        }
        punix_bind_arguments() {
        :
        arg_src_dir='a/$OUTPUT'
        arg_make_target='it'\''s'
        arg_make_flags=(
            'A='"${OUTPUT-}"'/x '"${SOURCE-}"''
            '$OUTPUT $ORIGIN ${HOME'
            '-L/store/a/lib'"${DEP_1-}"''
            '$OUTPUTS$')
        arg_make_args=(
            '/store/0123456789abcdef0123456789abcdef-other-1'
            ''"${HOME-}"':''/store/0123456789abcdef0123456789abcdef-other-1')
        arg_install_target='install'
        arg_install_flags=()
        arg_skip_install=false
        arg_pre_build='cd /store/b/$OUTPUT || echo '\''no'\'''
        arg_post_install='one'$'\n''/store/0123456789abcdef0123456789abcdef-other-1'$'\n'
        }
    "#]]
    .assert_eq(bindings(&build("std.make", &arguments, "/store").unwrap()));
    let names = record(&[
        ("console_scripts", Value::Record(record(&[("a b", Value::text("m:f"))]))),
        (
            "pth_files",
            Value::List(vec![Value::Record(record(&[("name", Value::text("n")), ("content", Value::text("c"))]))]),
        ),
        ("python_deps", texts(&["python"])),
    ]);
    expect![[r#"
        punix_patches=(
            '/build/p 1')
        punix_strips=(
            '2')
        punix_dependencies=(
            '/store/a'
            '/store/b')
        punix_closure=(
            '/store/a'
            '/store/b')
        punix_set_environment() {
        :
        }
        punix_bind_arguments() {
        :
        arg_python_deps=(
            '/store/b')
        arg_packages=(
            'it'\''s')
        arg_src_dir=''
        arg_console_scripts_keys=(
            'a b')
        arg_console_scripts_values=(
            'm:f')
        arg_pth_files_name=(
            'n')
        arg_pth_files_content=(
            'c')
        arg_pre_build=''
        arg_post_install=''
        }
    "#]]
    .assert_eq(bindings(&build("std.python_wheel", &names, "/store").unwrap()));
}

#[test]
fn unknown_dependencies_are_found_before_bash_sees_them() {
    let arguments = record(&[
        ("make_flags", texts(&["${DEP:zlib}", "${DEP:zlip}", "$DEP_2 ${DEP_1_NAME} $DEP_00"])),
        ("pre_build", Value::List(vec![Value::text("true"), Value::text("${DEP:}/x ${DEP:far away}")])),
        ("env", Value::Record(record(&[("X", Value::text("${DEP:pyhton}"))]))),
    ]);
    let Err(ScriptError::Arguments { issues }) = build("std.make", &arguments, "/store") else { panic!("it is wrong") };
    expect![[r#"
        `env.X` names `pyhton`, which is not in `deps`
            did you mean `python`?
        `make_flags.1` names `zlip`, which is not in `deps`
            did you mean `zlib`?
        `make_flags.2` uses `$DEP_2`; there are fewer in `deps`
        `make_flags.2` uses `$DEP_00`; there are fewer in `deps`
        `pre_build.1` names ``, which is not in `deps`
            add it to `deps`
        `pre_build.1` names `far away`, which is not in `deps`
            add it to `deps`
    "#]]
    .assert_eq(&shown(&issues));
    let venv = record(&[("packages", texts(&["x"])), ("python_dep", Value::text("pythn"))]);
    let Err(ScriptError::Arguments { issues }) = build("std.python_venv", &venv, "/store") else {
        panic!("it is wrong")
    };
    assert_eq!(issues[0].path, ["python_dep"]);
    assert!(matches!(&issues[0].problem, Problem::NoDependency { closest: Some(near), .. } if near == "python"));
}

#[test]
fn only_shell_text_minds_what_paths_are_made_of() {
    let flags = record(&[("make_flags", Value::List(vec![Value::text("${DEP:zlib}"), entry()]))]);
    assert!(build("std.make", &flags, "/a 'store'").unwrap().contains(r"'/a '\''store'\''/a'"));
    let hooks = record(&[("pre_build", texts(&["${DEP:zlib}"])), ("post_install", entry())]);
    let Err(ScriptError::Arguments { issues }) = build("std.make", &hooks, "/a b") else { panic!("it is wrong") };
    expect![[r#"
        `pre_build.0` is shell text, which cannot hold the path `/a b/a` as it is
            keep the store where no path has blanks or quotes in it
        `post_install` is shell text, which cannot hold the path `/a b/0123456789abcdef0123456789abcdef-other-1` as it is
            keep the store where no path has blanks or quotes in it
    "#]].assert_eq(&shown(&issues));
    assert!(build("std.make", &hooks, "/josé/店").is_ok());
    assert!(matches!(build("std.make", &flags, "/a:b"), Err(ScriptError::Colon { .. })));
}

#[test]
fn a_digest_covers_what_is_run_and_not_what_is_said() {
    let digests: std::collections::BTreeSet<_> = all().iter().map(Recipe::digest).collect();
    assert_eq!(digests.len(), all().len());
    let digest = |text| header::parse("std.x", text).unwrap().digest();
    let plain = digest("#: A.\n#:\n#: a : Str = \"\" — b\n#:\n#: x\npunix_begin\n");
    assert_eq!(plain, digest("#: Other.\n#: More.\n#:\n#: a : Str = \"\" — c\n#:\n#: y\npunix_begin\n"));
    for other in [
        "#: A.\n#:\n#: a : Str = \"x\" — b\n#:\n#: x\npunix_begin\n",
        "#: A.\n#:\n#: a : Flag = \"\" — b\n#:\n#: x\npunix_begin\n",
        "#: A.\n#:\n#: b : Str = \"\" — b\n#:\n#: x\npunix_begin\n",
        "#: A.\n#:\n#: a : Str = \"\" — b\n#:\n#: x\npunix_begin -O2\n",
    ] {
        assert_ne!(plain, digest(other), "{other}");
    }
}
