//! What holds for every program: order means nothing, the same text gives the same bytes, and what checks evaluates.

use crate::exact::Json;
use crate::language::programs;
use crate::support::{check_files, check_text, lines, root, values};
use proptest::prelude::*;
use punix_diag::Code;
use punix_pcl::{Checked, Evaluator, json, pcl};
use std::fs;

/// Returns the programs of the conformance cases that are one file and check clean.
fn sound_programs() -> Vec<(String, String)> {
    let folder = root().join("tests/conformance/pcl/cases");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the cases are there") {
        let path = entry.expect("a folder can be read").path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if path.extension().is_some_and(|extension| extension == "pcl") && !check_text(text.as_str()).has_errors() {
            found.push((path.display().to_string(), text));
        }
    }
    found.sort();
    assert!(found.len() > 100, "{}", found.len());
    found
}

/// Returns the text of each block of a program, and of each declaration in it.
fn blocks(checked: &Checked) -> Vec<(String, Vec<String>)> {
    let ast = &checked.program.ast;
    let block = |block: &punix_pcl::Block| {
        let decls = &ast.decls[block.decls.start as usize..block.decls.end as usize];
        let word = match block.kind {
            punix_pcl::BlockKind::Module => "module",
            punix_pcl::BlockKind::Scenario => "scenario",
        };
        let head = format!("{word} {}", ast.text(block.name));
        (head, decls.iter().map(|decl| ast.sources.text(decl.span).to_owned()).collect())
    };
    ast.blocks.iter().map(block).collect()
}

/// A small generator of numbers, so that a shuffle is known by its seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

/// Writes the declarations of a program in another order, over several files, each in a block of its own.
fn shuffled(checked: &Checked, seed: u64) -> Vec<String> {
    let mut numbers = Numbers(seed);
    let mut single: Vec<String> = blocks(checked)
        .into_iter()
        .flat_map(|(head, decls)| {
            let empty = decls.is_empty().then(|| format!("{head} {{ }}"));
            decls
                .into_iter()
                .map(move |decl| (head.clone(), decl))
                .map(|(head, decl)| format!("{head} {{\n{decl}\n}}"))
                .chain(empty)
        })
        .collect();
    numbers.shuffle(&mut single);
    let mut files = vec![String::new(); 1 + numbers.below(3)];
    for block in single {
        let file = numbers.below(files.len());
        files[file].push_str(&block);
        files[file].push('\n');
    }
    files
}

#[test]
fn the_order_of_everything_means_nothing() {
    for (name, text) in sound_programs() {
        let checked = check_text(text.as_str());
        for seed in 0..3 {
            let files = shuffled(&checked, seed);
            let named: Vec<(String, &str)> =
                files.iter().enumerate().map(|(index, text)| (format!("{index}.pcl"), text.as_str())).collect();
            let files: Vec<(&str, &str)> = named.iter().map(|(name, text)| (name.as_str(), *text)).collect();
            let again = check_files(&files);
            assert!(!again.has_errors(), "{name}, seed {seed}: {}", lines(&again));
            assert_eq!(values(&checked, None).ok(), values(&again, None).ok(), "{name}, seed {seed}");
            for (id, scenario) in checked.program.scenarios() {
                let same = again.program.scenario_named(checked.program.ast.text(scenario.name));
                assert_eq!(values(&checked, Some(id)), values(&again, same), "{name}, seed {seed}");
            }
        }
    }
}

#[test]
fn what_checks_evaluates_and_the_same_text_gives_the_same_bytes() {
    for (name, text) in sound_programs() {
        let (first, second) = (check_text(text.as_str()), check_text(text.as_str()));
        assert_eq!(lines(&first), lines(&second), "{name}");
        // An option that only a scenario fills is a warning; its readers then have no value without it.
        let waits = first.diagnostics.iter().any(|found| found.message.contains("nothing fills it"));
        if !waits {
            let value = values(&first, None).unwrap_or_else(|errors| panic!("{name}: {errors}"));
            assert_eq!(value.to_string(), values(&second, None).expect("as before").to_string(), "{name}");
        }
        for (id, _) in first.program.scenarios() {
            values(&first, Some(id)).unwrap_or_else(|errors| panic!("{name}: {errors}"));
        }
    }
}

/// Wrong programs, too: each declaration is as wrong wherever it stands. Which of two competitors counts as the second
/// depends on the order, the codes do not. What has no type because it needs itself is left out: the types around it
/// depend on where the circle is entered.
#[test]
fn the_same_codes_come_in_any_order() {
    let codes = |checked: &Checked| {
        let mut codes: Vec<_> = checked.diagnostics.iter().map(|found| found.code).collect();
        codes.sort();
        codes
    };
    let mut wrong = 0;
    for text in programs() {
        let checked = check_text(text.as_str());
        let expected = codes(&checked);
        let unreadable = expected.contains(&Some(Code::E0));
        if expected.is_empty() || unreadable || lines(&checked).contains("refers to itself") {
            continue;
        }
        wrong += 1;
        for seed in 0..4 {
            let files = shuffled(&checked, seed);
            let named: Vec<(String, &str)> =
                files.iter().enumerate().map(|(index, text)| (format!("{index}.pcl"), text.as_str())).collect();
            let files: Vec<(&str, &str)> = named.iter().map(|(name, text)| (name.as_str(), *text)).collect();
            let again = check_files(&files);
            assert_eq!(codes(&again), expected, "seed {seed}\n{text}\n{}{}", lines(&checked), lines(&again));
        }
    }
    assert!(wrong > 100, "{wrong}");
}

/// What `why` shows can be pasted into a program again.
#[test]
fn a_value_that_is_printed_reads_back_as_itself() {
    let mut read = 0;
    for text in programs() {
        let checked = check_text(text.as_str());
        if checked.has_errors() {
            continue;
        }
        let mut evaluator = Evaluator::new(&checked.program);
        evaluator.evaluate_all();
        for (module, _) in checked.program.modules() {
            for (member, _) in checked.program.members_of(module) {
                let Some(value) = evaluator.value(member) else { continue };
                let (mut shown, mut data) = (String::new(), String::new());
                pcl(&evaluator.values, value, usize::MAX, &mut shown);
                json(&evaluator.values, value, usize::MAX, &mut data).expect("it is short");
                if data.contains("$out") {
                    continue; // means something in its own program only
                }
                let again = check_text(format!("module M {{ x = {shown} }}"));
                let values = values(&again, None).unwrap_or_else(|errors| panic!("{shown}\n{errors}"));
                assert_eq!(values["M"]["x"], Json::parse(&data).expect("it is JSON"), "{shown}");
                read += 1;
            }
        }
    }
    assert!(read > 300, "{read}");
}

#[test]
fn errors_are_the_same_in_any_order_of_modules() {
    let text = "module A { option x : Int = \"1\" }\nmodule B { y = A.z }\nmodule C { A.x = true }\n\
                module D { option q : Int }\nmodule E { D.q = 1 }\nmodule F { D.q = 2 }\n";
    let codes = |checked: &Checked| {
        let mut codes: Vec<String> =
            checked.diagnostics.iter().map(|found| format!("{:?} {}", found.code, found.message)).collect();
        codes.sort();
        codes
    };
    let straight = check_text(text);
    let mut modules: Vec<&str> = text.lines().collect();
    let expected = codes(&straight);
    assert!(expected.len() >= 4, "{expected:?}");
    for seed in 0..20 {
        Numbers(seed).shuffle(&mut modules);
        assert_eq!(codes(&check_text(modules.join("\n"))), expected, "{modules:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        lines(&check_text(text));
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        lines(&check_text(bytes));
    }

    #[test]
    fn any_words_are_read(words in proptest::collection::vec(0..WORDS.len(), 0..80)) {
        let text: Vec<&str> = words.into_iter().map(|word| WORDS[word]).collect();
        let text = text.join(" ");
        lines(&check_text(format!("module A {{ {text} }}")));
        lines(&check_text(text));
    }

    #[test]
    fn parentheses_change_nothing(depth in 1usize..20, which in 0..VALUES.len()) {
        let value = VALUES[which];
        let wrapped = format!("{}{value}{}", "(".repeat(depth), ")".repeat(depth));
        let plain = check_text(format!("module A {{ y = 1 l = [{{ a = 1 }}] x = {value} }}"));
        let other = check_text(format!("module A {{ y = 1 l = [{{ a = 1 }}] x = {wrapped} }}"));
        prop_assert_eq!(values(&plain, None), values(&other, None));
    }
}

const WORDS: &[&str] = &[
    "module",
    "scenario",
    "option",
    "A",
    "B",
    "x",
    "y",
    "x.a",
    "A.x",
    ":",
    "=",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ";",
    ".",
    "if",
    "then",
    "else",
    "for",
    "in",
    "where",
    "and",
    "yield",
    "distinct",
    "force",
    "default",
    "true",
    "1",
    "\"s\"",
    "f\"{x}\"",
    "f\"{",
    "\"\"\"t\"\"\"",
    "Int",
    "Str",
    "List[",
    "\n",
    "# c\n",
    "{ from_env = \"X\" }",
    "'",
    "\"",
];

const VALUES: &[&str] =
    &["1", "y", "A.y", "\"s\"", "[y, 2]", "{ a = y }", "if true then 1 else y", "for e in l yield e.a", "f\"{y}\""];
