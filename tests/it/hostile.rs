//! Programs that nobody writes and somebody sends: huge, deep, circular, broken. Each has to end by itself, soon and
//! on a small stack, with a result or with errors that say where.

use crate::support::{Folder, check_text, lines, punix, run, scrubbed};
use punix_pcl::limits::NESTING_MAX;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// A debug build on a busy machine; a square of the size would take hours.
const DEADLINE: Duration = Duration::from_secs(20);
const STACK_BYTES: usize = 2 << 20;

/// Checks a program on a small stack and returns what was found, or `ok`.
#[track_caller]
fn ends(name: &str, text: impl Into<Vec<u8>>) -> String {
    let text = text.into();
    let started = Instant::now();
    let work = move || {
        let checked = check_text(text);
        let shown = lines(&checked);
        if checked.has_errors() { shown } else { "ok".to_owned() }
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).expect("a thread can be started");
    let shown = thread.join().unwrap_or_else(|_| panic!("{name}: a panic"));
    assert!(started.elapsed() < DEADLINE, "{name}: took {:?}", started.elapsed());
    shown
}

#[track_caller]
fn is_ok(name: &str, text: impl Into<Vec<u8>>) {
    let shown = ends(name, text);
    assert_eq!(shown, "ok", "{name}: {}", shown.chars().take(400).collect::<String>());
}

/// Expects that the first error has this code.
#[track_caller]
fn fails(name: &str, code: &str, text: impl Into<Vec<u8>>) {
    let shown = ends(name, text);
    let first = shown.lines().next().unwrap_or("");
    assert!(first.contains(&format!("error: [{code}]")), "{name}: {first}");
}

/// Expects some error.
#[track_caller]
fn is_wrong(name: &str, text: impl Into<Vec<u8>>) {
    let shown = ends(name, text);
    assert!(shown.contains(": error: [E"), "{name}: {}", shown.lines().next().unwrap_or(""));
}

/// Returns a module with one line for each number below `count`.
fn module(count: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = String::from("module A {\n");
    for index in 0..count {
        let _ = writeln!(text, "{}", line(index));
    }
    text.push_str("}\n");
    text
}

const MANY: usize = 100_000;

#[test]
fn nesting_of_every_kind() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{r = ", "}"), ("if (", ") then 1 else 2")] {
        fails(open, "E20", format!("module A {{ x = {}true{} }}", open.repeat(MANY), close.repeat(MANY)));
        fails(open, "E20", format!("module A {{ x = {}", open.repeat(MANY)));
    }
    let list = format!("module A {{ option x : {}Int{} }}", "List[".repeat(MANY), "]".repeat(MANY));
    fails("List[", "E20", list);
    fails("for", "E20", format!("module A {{ x = {}", "for a in ".repeat(MANY)));
    is_ok("else if", format!("module A {{ x = {}0 }}", "if false then 1 else ".repeat(MANY)));
}

/// As deep as allowed, so that everything that recurses over types or values does so as deep as it ever will.
#[test]
fn nesting_just_allowed() {
    let deep = |open: &str, inner: &str, close: &str| {
        let depth = NESTING_MAX - 1;
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let (record, other) = (deep("{a=", "1", "}"), deep("{a=", "\"s\"", "}"));
    let (ty, list) = (deep("{a:", "Int", "}"), deep("[", "1", "]"));
    is_ok("fits", format!("module A {{ x = {record} option y : {ty} = x z = if true then x else y l = {list} }}"));
    is_ok("agree", format!("module A {{ option y : {ty} A.y = {record} A.y = {record} }}"));
    fails(
        "conflict",
        "E4",
        format!("module A {{ option y : {ty} A.y = {record} A.y = {} }}", record.replace('1', "2")),
    );
    fails("a type", "E1", format!("module A {{ option y : {ty} = {other} }}"));
    fails("branches", "E5", format!("module A {{ x = if true then {record} else {other} }}"));
    fails("elements", "E1", format!("module A {{ x = {record} y = {other} z = [x, y] }}"));
    fails("a hole", "E1", format!("module A {{ x = {record} y = f\"{{x}}\" }}"));
    fails("a source", "E5", format!("module A {{ x = {record} y = for i in x yield 1 }}"));
    fails("a field", "E1", format!("module A {{ recipe = \"r\" deps = {list} }}"));
    is_ok(
        "sorted",
        format!(
            "module A {{ x = {} l = [{{ a = 1 }}] y = for i in l yield x }}",
            deep("[", "1", "]").replacen('[', "", 1).replacen(']', "", 1)
        ),
    );
    is_ok("conditions", format!("module A {{ x = {} }}", deep("if ", "true", " then true else false")));
    is_ok("branches", format!("module A {{ x = {} }}", deep("if true then ", "1", " else 2")));
    is_ok("loops", format!("module A {{ l = [{{ a = 1 }}] x = {} }}", deep("for i in l yield ", "1", "")));
}

#[test]
fn chains_in_both_directions() {
    is_ok("forward", module(MANY, |n| format!("x{n} = x{}", n + 1)) + &format!("module A {{ x{MANY} = 1 }}"));
    is_ok("backward", module(MANY, |n| if n == 0 { "x0 = 1".to_owned() } else { format!("x{n} = x{}", n - 1) }));
    let modules: String = (0..MANY).map(|n| format!("module M{n} {{ x = M{}.x }}\n", n + 1)).collect();
    is_ok("modules", modules + &format!("module M{MANY} {{ x = 1 }}"));
    let options = module(MANY, |n| format!("option x{n} : Int = x{}", n + 1));
    is_ok("options", options + &format!("module A {{ option x{MANY} : Int = 1 }}"));
    fails("derived circle", "E2", module(MANY, |n| format!("x{n} = x{}", (n + 1) % MANY)));
    fails("option circle", "E7", module(MANY, |n| format!("option x{n} : Int = x{}", (n + 1) % MANY)));
    let packages: String = (0..MANY / 4)
        .map(|n| format!("module p{n} {{ recipe = \"std.make\" deps = [p{}.pname] }}\n", (n + 1) % (MANY / 4)))
        .collect();
    fails("package circle", "E7", packages);
}

#[test]
fn what_doubles_on_every_line() {
    let types = module(64, |n| {
        if n == 0 { "a0 = { v = 1 }".to_owned() } else { format!("a{n} = {{ l = a{m} r = a{m} }}", m = n - 1) }
    });
    is_ok("types", types.replace("\n}", "\nz = if true then a63 else a63\n}"));
    let conflict = format!("{types}module B {{ option x : Int = 0 }}\nmodule C {{ B.x = 1 }}");
    is_ok("values", conflict);
    let texts =
        module(
            64,
            |n| if n == 0 { "a0 = \"x\"".to_owned() } else { format!("a{n} = f\"{{a{m}}}{{a{m}}}\"", m = n - 1) },
        );
    fails("texts", "E20", texts);
    let deep =
        module(MANY, |n| if n == 0 { "a0 = { v = 1 }".to_owned() } else { format!("a{n} = {{ l = a{} }}", n - 1) });
    let shown = ends("deep", deep);
    assert_eq!(shown.matches("[E20]").count(), 1, "told once: {}", shown.lines().count());
    let sorted = module(40, |n| match n {
        0 => "a0 = { v = 1 }".to_owned(),
        39 => "l = [{ k = 1 }]\nx = for e in l yield a38".to_owned(),
        _ => format!("a{n} = {{ l = a{m} r = a{m} }}", m = n - 1),
    });
    fails("sort keys", "E20", sorted);
}

#[test]
fn wide_programs() {
    is_ok("members", module(1_000_000, |n| format!("x{n} = {n}")));
    is_ok("list", format!("module A {{ x = [{}] }}", "1,".repeat(1_000_000)));
    is_ok("record", format!("module A {{ x = {{{}}} }}", (0..MANY).map(|n| format!("a{n}=1 ")).collect::<String>()));
    let shapes: String = (0..MANY).map(|n| format!("{{ a{n} = 1 }}\n")).collect();
    is_ok("shapes", format!("module A {{ x = [\n{shapes}] }}"));
    let inner: String = (0..MANY).map(|n| format!("{{ r = {{ a{n} = 1 }} }}\n")).collect();
    is_ok("inner shapes", format!("module A {{ x = [\n{inner}] }}"));
    fails("shapes and a number", "E1", format!("module A {{ x = [\n{shapes} 1\n] }}"));
    is_ok("holes", format!("module A {{ a = 1 x = f\"{}\" }}", "{a}".repeat(MANY)));
    is_ok("blocks", (0..MANY).map(|n| format!("module A {{ x{n} = 1 }}\n")).collect::<String>());
    is_ok("colliding names", module(MANY, |n| format!("x{:032b} = 1", n)));
}

#[test]
fn many_scenarios_and_contributions() {
    let scenarios: String = (0..20_000).map(|n| format!("scenario s{n} {{ A.x = {n} }}\n")).collect();
    is_ok("scenarios", format!("module A {{ option x : Int = 0 y = x }}\n{scenarios}"));
    let rungs: String = (0..MANY).map(|n| format!("module b{n} {{ A.x = 5 }}\n")).collect();
    is_ok("contributions", format!("module A {{ option x : Int = 0 }}\n{rungs}"));
    let both: String =
        (0..5_000).map(|n| format!("module b{n} {{ A.x = 5 }}\nscenario s{n} {{ A.x = 5 }}\n")).collect();
    ends("contributions times scenarios", format!("module A {{ option x : Int = 0 }}\n{both}"));
    let open = module(MANY, |n| format!("option x{n} : Int"));
    let filled: String = (0..MANY).map(|n| format!("A.x{n} = 1\n")).collect();
    is_ok("filled by a scenario", format!("{open}scenario s {{\n{filled}}}"));
}

#[test]
fn loops_inside_loops() {
    let list: String = (0..10_000).map(|n| format!("{{ a = {n} }},")).collect();
    let loops = "for e in l yield ".repeat(3);
    fails("nested loops", "E20", format!("module A {{ l = [{list}] x = {loops} 1 }}"));
    let fields: String = (0..20_000).map(|n| format!("a{n}=1 ")).collect();
    let again = "r,".repeat(20_000);
    ends("wide elements", format!("module A {{ r = {{{fields}}} l = [{again}] x = for e in l yield e.a19999 }}"));
}

#[test]
fn programs_full_of_errors() {
    let count = |shown: &str| shown.matches(": error: ").count();
    let unknown = ends("unknown names", module(MANY, |n| format!("x{n} = nope{n}")));
    assert_eq!(count(&unknown), 1_000, "more are only counted");
    ends("one line", module(MANY, |n| format!("x{n} = nope{n}")).replace('\n', " "));
    ends("syntax", module(MANY, |n| format!("x{n} = ((1) ] )")));
    ends("modules", (0..MANY).map(|n| format!("module M{n} {{ x = N{n}.y }}\n")).collect::<String>());
    let conflicts = module(MANY, |n| format!("option x{n} : Int\nA.x{n} = 1\nA.x{n} = 2"));
    ends("conflicts", conflicts);
    ends("long names", module(1_000, |n| format!("x{n} = {}{n}", "n".repeat(10_000))));
    ends("quotes", "\"".repeat(MANY));
    ends("open strings", module(MANY, |n| format!("x{n} = \"abc")));
    ends("open triples", "module A { x = \"\"\"\n".repeat(MANY / 10));
    ends("braces", "{".repeat(MANY) + &"}".repeat(MANY));
    ends("holes", format!("module A {{ x = f\"{}\" }}", "{".repeat(MANY + 1)));
    ends("misspelt fields", module(MANY, |n| format!("servicess{n} = 1")) + "module A { backend = \"systemd\" }");
}

#[test]
fn bytes_that_are_no_text() {
    fails("no UTF-8", "E0", b"module A {\n  x = \"\xff\xfe\" }".to_vec());
    fails("mark", "E0", "\u{feff}module A { }");
    fails("NUL", "E0", "module A { x = \0 }");
    is_ok("lone returns", "module A {\r  x = 1\r  y = x\r}\r");
    fails("only NUL", "E0", vec![0; 1 << 20]);
    fails("only 0xff", "E0", vec![0xff; 1 << 20]);
    is_ok("nothing", "");
    is_ok("a comment", format!("#{}", "x".repeat(1 << 20)));
    fails("64 MB", "E20", vec![b' '; 64 << 20]);
}

/// What holds the whole text once more for every line, or every declaration, takes hours here.
#[test]
fn one_long_line() {
    let joined = |part: &str, count: usize| part.repeat(count);
    is_ok("members", format!("module A {{ {} }}", (0..MANY).map(|n| format!("x{n} = 1 ")).collect::<String>()));
    fails("unknown names", "E2", format!("module A {{ x = [{}] }}", joined("nope,", MANY)));
    fails("syntax", "E0", format!("module A {{ {} }}", joined("x = ] ", MANY)));
    fails("no tokens", "E0", format!("module A {{ {} }}", joined("@ 1 ", MANY)));
    fails("single quotes", "E0", format!("module A {{ {} }}", joined("x = ' ", MANY)));
    fails("escapes", "E0", format!("module A {{ x = \"{}\" }}", joined("\\q", MANY)));
    fails("bad holes", "E0", format!("module A {{ x = f\"{}\" }}", joined("{1}", MANY)));
    fails("open holes", "E0", format!("module A {{ x = f\"{}\" }}", joined("{a ", MANY)));
    fails("f-strings nobody reads", "E0", format!("module A {{ x ) {} }}", joined("f\"{}\" ", MANY)));
    is_wrong("dots", format!("module A {{ x = {} }}", joined("a.", MANY)));
    fails("words", "E0", joined("module ", MANY));
    fails("a name", "E2", format!("module A {{ x = {} }}", joined("a", 4_000_000)));
    fails("a number", "E20", format!("module A {{ x = {} }}", joined("1", 1_000_000)));
    is_ok("a string", format!("module A {{ x = \"{}\" y = f\"{{x}}{{x}}\" }}", joined("\\n", 2_000_000)));
    is_ok("a text", format!("module A {{ x = \"\"\"{}\"\"\" }}", joined(" \n", 1_000_000)));
}

#[test]
fn what_never_ends() {
    for open in ["module A {\n", "module A { x = [\n", "module A { x = {\n", "x = [ y = {\n", "[{((", "}", "if "] {
        is_wrong(open, open.repeat(MANY / 2));
        is_wrong(open, format!("module A {{\n{}", open.repeat(MANY / 2)));
    }
    for tail in
        ["\"", "'", "f\"", "f\"{", "\"\"\"", "f\"\"\"", "{ from_env = ", "{ artifact = {", "for i in", "if", "A."]
    {
        fails(tail, "E0", format!("module A {{ x = {tail}"));
        is_wrong(tail, format!("module A {{ x = {tail}\n}}\n").repeat(MANY / 10));
    }
}

#[test]
fn wide_types_and_records() {
    let list = |item: &dyn Fn(usize) -> String| (0..MANY).map(item).collect::<String>();
    let (types, fields) = (list(&|n| format!("f{n}:Int ")), list(&|n| format!("f{n} = {n} ")));
    let backwards = list(&|n| format!("f{m} = {m} ", m = MANY - 1 - n));
    is_ok("agree", format!("module A {{ option x : {{{types}}} A.x = {{{fields}}} A.x = {{{backwards}}} }}"));
    fails("a type", "E1", format!("module A {{ option x : {{{types}}} = {{}} }}"));
    fails("one label", "E0", format!("module A {{ x = {{{}}} }}", "a = 1 ".repeat(MANY)));
    fails("one field", "E0", format!("module A {{ option x : {{{}}} }}", "a:Int ".repeat(MANY)));
    let wide: String = (0..20_000).map(|n| format!("f{n} = {n} ")).collect();
    let all: String = (0..20_000).map(|n| format!("i.f{n},")).collect();
    is_ok("every field", format!("module A {{ l = [{{{wide}}}] x = for i in l yield [{all}] }}"));
    let guards = " and i.a = 1".repeat(MANY);
    is_ok("guards", format!("module A {{ l = [{{ a = 1 }}] x = for i in l where i.a = 1{guards} yield 1 }}"));
    let secrets: String = (0..20_000)
        .map(|n| if n % 2 == 0 { "{ a = \"from_env:X\" }," } else { "{ a = { from_env = \"X\" } }," })
        .collect();
    is_ok("equal keys", format!("module A {{ l = [{secrets}] x = for i in l yield distinct i.a }}"));
    let chain = module(200, |n| match n {
        0 => format!("l0 = [{}]", "{ a = 1 },".repeat(2_000)),
        _ => format!("l{n} = for i in l{} yield {{ a = i.a }}", n - 1),
    });
    is_ok("comprehensions of comprehensions", chain);
}

#[test]
fn packages_stacks_and_versions() {
    let few = 20_000;
    let same: String = (0..few).map(|n| format!("module p{n} {{ recipe = \"r\" pname = \"x\" }}\n")).collect();
    fails("one name", "E15", same);
    let head = "module p { option version : Str = \"1\" p.version = \"2\"";
    let chain: String = (0..few).map(|n| format!("x{n} = x{}\n", n + 1)).collect();
    fails("a source far away", "E16", format!("{head} source = {{ u = x0 }}\n{chain}x{few} = \"q\" }}"));
    let options: String = (0..few).map(|n| format!("option x{n} : Str = \"a\"\n")).collect();
    let read: String = (0..few).map(|n| format!("x{n},")).collect();
    fails("a source of many options", "E16", format!("{head} source = {{ u = [{read}] }}\n{options} }}"));
    let services = "{ name = 1 packag = \"p\" }\n".repeat(few);
    is_wrong("services", format!("module S {{ backend = \"systemd\" services = [{services}] }}"));
    let complete: String = (0..200)
        .map(|n| {
            let deps: String = (0..200).map(|n| format!("p{n}.pname,")).collect();
            format!("module p{n} {{ recipe = \"r\" deps = [{deps}] }}\n")
        })
        .collect();
    fails("all need all", "E7", complete);
}

/// A thousand warnings must not crowd out the one error.
#[test]
fn errors_are_not_lost_among_warnings() {
    let secrets: String = (0..1_500).map(|n| format!("module W{n} {{ x = {{ from_k{n} = \"a\" }} }}\n")).collect();
    let unfilled = module(1_500, |n| format!("option a{n} : Int b{n} = a{n}")).replace("module A", "module U");
    let filled: String = (0..1_500).map(|n| format!("U.a{n} = 1\n")).collect();
    let unfilled = format!("{unfilled}scenario s {{\n{filled}}}\n");
    let helpers = module(1_500, |n| format!("h{n} = 1")).replace("module A {", "module H { recipe = \"r\"");
    for warnings in [secrets, unfilled, helpers] {
        for (code, wrong) in [
            ("E4", "module A { option x : Int A.x = 1 A.x = 2 }"),
            ("E7", "module A { option x : Int = x }"),
            ("E2", "module p { recipe = \"r\" verison = \"1\" }"),
            ("E1", "module p { recipe = \"r\" version = 3 }"),
            ("E15", "module a { recipe = \"r\" pname = \"x\" } module b { recipe = \"r\" pname = \"x\" }"),
            ("E16", "module a { option version : Str = \"1\" source = \"u\" a.version = \"2\" }"),
        ] {
            let shown = ends(code, format!("{warnings}{wrong}"));
            assert!(shown.contains(&format!("error: [{code}]")), "{code} is lost");
        }
    }
}

/// The binary, too, ends within its limits of memory, and says so in words.
#[test]
fn memory_has_a_bound() {
    const KIB_MAX: usize = 2 << 20;
    let folder = Folder::new();
    let doubled =
        |line: &dyn Fn(usize) -> String| module(64, |n| if n == 0 { "a0 = [\"x\"]".to_owned() } else { line(n - 1) });
    folder.write("lists.pcl", doubled(&|n| format!("a{} = [a{n}, a{n}]", n + 1)));
    folder.write("texts.pcl", doubled(&|n| format!("a{} = f\"{{a{n}}}{{a{n}}}\"", n + 1)).replace("[\"x\"]", "\"x\""));
    let list: String = (0..10_000).map(|n| format!("{{ a = {n} }},")).collect();
    folder.write("loops.pcl", format!("module A {{ l = [{list}] x = for i in l yield for j in l yield j.a }}"));
    folder.write("members.pcl", module(200_000, |n| format!("x{n} = {n}")));
    std::fs::File::create(folder.path().join("zeros.pcl"))
        .and_then(|file| file.set_len(64 << 20))
        .expect("a sparse file");
    for arguments in [
        &["check", "lists.pcl"][..],
        &["eval", "lists.pcl"],
        &["why", "lists.pcl", "A.a63"],
        &["why", "lists.pcl", "A.a63", "--json"],
        &["check", "texts.pcl"],
        &["check", "loops.pcl", "--json"],
        &["eval", "members.pcl"],
        &["check", "zeros.pcl"],
    ] {
        let mut shell = scrubbed("sh");
        shell.arg("-c").arg(format!("ulimit -v {KIB_MAX}; exec \"$0\" \"$@\""));
        shell.arg(punix().get_program()).args(arguments).current_dir(folder.path()).env("PATH", "/usr/bin:/bin");
        let outcome = run(shell);
        let said = outcome.stderr.lines().next().unwrap_or("").to_owned();
        assert!(matches!(outcome.code, Some(0 | 1)), "{arguments:?}: {:?}, {said}", outcome.code);
        assert!(
            outcome.code == Some(0) || said.contains("[E20]") || outcome.stdout.contains("E20"),
            "{arguments:?}: {said}"
        );
    }
}

/// Every example, cut off behind every character.
#[test]
fn programs_cut_short() {
    let folder = crate::support::root().join("examples");
    for name in ["hello.pcl", "fleet/fleet.pcl", "fleet/hosts/web.pcl"] {
        let text = std::fs::read_to_string(folder.join(name)).expect("the example is there");
        for (at, _) in text.char_indices() {
            let checked = check_text(&text[..at]);
            lines(&checked);
        }
    }
}
