//! Random programs through the whole language: read, check, evaluate, explain, print, lay out. A seed makes a program,
//! so a failure is found again by its number.

mod writer;

use crate::fuzzing::seeds;
use crate::language::programs;
use crate::support::{check_text, excerpts, lines, values};
use punix_pcl::{Checked, Evaluator, ScenarioId, Source, format, pcl};
use writer::Writer;

const SEEDS: u64 = 1_500;

#[test]
fn random_programs_are_digested() {
    let (mut tried, mut sound) = (0, 0);
    for seed in seeds(SEEDS) {
        let mut writer = Writer::new(seed);
        writer.program();
        if seed % 4 == 0 {
            writer.damage();
        }
        tried += 1;
        sound += u64::from(digest(seed, &writer.text));
    }
    assert!(sound > 0 || tried < 100, "no program was sound: the generator has nothing to say");
}

#[test]
fn damaged_programs_of_the_tables_are_digested() {
    let originals = programs();
    assert!(originals.len() > 400, "{}", originals.len());
    let (mut tried, mut sound) = (0, 0);
    for seed in seeds(SEEDS) {
        let mut numbers = Numbers::new(seed);
        let mut text = originals[numbers.below(originals.len())].clone();
        if numbers.below(3) == 0 {
            text.push_str(&originals[numbers.below(originals.len())].replace("module A", "module B"));
        }
        let text = mutant(&text, &mut numbers);
        tried += 1;
        sound += u64::from(digest(seed, &text));
    }
    assert!(sound > 0 || tried < 100, "no mutant was sound: the damage is too great");
}

/// Takes a program through everything; tells whether it was sound.
fn digest(seed: u64, text: &str) -> bool {
    let checked = check_text(text);
    let shown = lines(&checked);
    assert_eq!(shown, lines(&check_text(text)), "seed {seed}: not the same twice\n{text}");
    well_told(seed, text, &checked);
    let laid_out = format(Source { name: "test.pcl".to_owned(), bytes: text.into() });
    if checked.has_errors() {
        return false;
    }
    let laid_out = laid_out.unwrap_or_else(|_| panic!("seed {seed}: checks, but is not laid out\n{text}"));
    let again = check_text(laid_out.as_str());
    let base = values(&checked, None);
    assert_eq!(
        base.as_ref().ok(),
        values(&again, None).as_ref().ok(),
        "seed {seed}: the layout changes the values\n{text}"
    );
    let waits = shown.contains("nothing fills it");
    assert!(base.is_ok() || waits, "seed {seed}: checks, but does not evaluate: {base:?}\n{text}");
    explain(seed, text, &checked, None);
    for (id, scenario) in checked.program.scenarios() {
        let name = checked.program.ast.text(scenario.name);
        let value = values(&checked, Some(id));
        assert!(value.is_ok() || waits, "seed {seed}: checks, but not under {name:?}: {value:?}\n{text}");
        explain(seed, text, &checked, Some(id));
    }
    true
}

/// Whatever was found: it has a place, comes in order, is told once and on one line, as text and as data.
fn well_told(seed: u64, text: &str, checked: &Checked) {
    let sources = &checked.program.ast.sources;
    let places: Vec<_> = checked.diagnostics.iter().map(|found| found.span).collect();
    assert!(places.is_sorted(), "seed {seed}: out of order\n{text}");
    for (index, found) in checked.diagnostics.iter().enumerate() {
        let span = found.span.unwrap_or_else(|| panic!("seed {seed}: `{}` has no place\n{text}", found.message));
        let place = sources.locate(span.start);
        assert_eq!(place.file, "test.pcl", "seed {seed}: {}\n{text}", found.message);
        let line = format!("test.pcl:{}:{}: ", place.line, place.column);
        assert!(lines(checked).lines().any(|shown| shown.starts_with(&line)), "seed {seed}: no {line}\n{text}");
        let twice = checked.diagnostics[..index]
            .iter()
            .any(|other| (other.span, &other.message) == (found.span, &found.message));
        assert!(!twice, "seed {seed}: `{}` is told twice\n{text}", found.message);
        let data = punix_diag::json(found, sources);
        assert_eq!(data["line"].as_u64(), Some(u64::from(place.line)), "seed {seed}\n{text}");
    }
    excerpts(checked);
}

/// Every member says where its value comes from, and the value can be printed for people.
fn explain(seed: u64, text: &str, checked: &Checked, scenario: Option<ScenarioId>) {
    let mut evaluator = Evaluator::under(&checked.program, scenario);
    evaluator.evaluate_all();
    for (module, _) in checked.program.modules() {
        for (member, _) in checked.program.members_of(module) {
            let Some(provenance) = evaluator.provenance(member) else { continue };
            let mut shown = String::new();
            pcl(&evaluator.values, provenance.value, 200, &mut shown);
            assert!(!shown.is_empty(), "seed {seed}\n{text}");
            let Some(winner) = provenance.winner else { continue };
            let weaker = |site: &punix_pcl::Site| site.priority < winner.priority;
            assert!(
                provenance.overridden.iter().all(weaker),
                "seed {seed}: a winner that is not the strongest\n{text}"
            );
            let same = |site: &punix_pcl::Site| evaluator.values.equal(site.value, provenance.value);
            assert!(provenance.co_winners.iter().all(same), "seed {seed}: co-winners disagree\n{text}");
        }
    }
}

/// Changes a few tokens of a program.
fn mutant(text: &str, numbers: &mut Numbers) -> String {
    let mut tokens = tokens(text);
    for _ in 0..=numbers.below(3) {
        if tokens.is_empty() {
            break;
        }
        let at = numbers.below(tokens.len());
        let other = tokens[numbers.below(tokens.len())].clone();
        let word = WORDS[numbers.below(WORDS.len())].to_owned();
        match numbers.below(8) {
            0 | 1 => drop(tokens.remove(at)),
            2 => tokens.insert(at, other),
            3 => tokens[at] = other,
            4 | 5 => tokens[at] = word,
            6 => tokens.insert(at, word),
            _ => {
                let cut = tokens[at].chars().count().saturating_sub(1);
                tokens[at] = tokens[at].chars().take(cut).collect();
            }
        }
    }
    tokens.concat()
}

/// Cuts a program into words, strings, blanks and single characters.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut quoted = false;
    let mut before = ' ';
    for character in text.chars() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let joins = quoted || (word(character) && word(before));
        match tokens.last_mut() {
            Some(last) if joins => last.push(character),
            _ => tokens.push(character.to_string()),
        }
        quoted ^= character == '"' && before != '\\';
        before = character;
    }
    tokens
}

/// A small generator of numbers, so that a program is known by its seed.
struct Numbers(u64);

impl Numbers {
    fn new(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound as u64) as usize
    }
}

const WORDS: &[&str] = &[
    "module ",
    "scenario ",
    "option ",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ":",
    "=",
    ".",
    ",",
    ";",
    "\n",
    "\n\n",
    "\r",
    "#",
    "if ",
    "then ",
    "else ",
    "for ",
    "in ",
    "where ",
    "and ",
    "yield ",
    "distinct ",
    "force ",
    "default ",
    "true",
    "1",
    "x",
    "y",
    "A",
    "B",
    "p",
    "s",
    "Int",
    "Str",
    "List[",
    "nope",
    "\"s\"",
    "f\"{x}\"",
    "f\"{",
    "\"\"\"",
    "\"",
    "'",
    "\\",
    "@",
    "True",
    "from_env",
    "artifact",
    "recipe",
    "pname",
    "version",
    "source",
    "deps",
    "backend",
    "services",
    "path",
    "format",
    "data",
    "out",
    "\u{feff}",
    "\0",
    "é",
];
