//! Programs that nobody would write, in a layout that nobody would choose.

use super::{formatted, sound};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_program_nothing_is_lost(choices in proptest::collection::vec(any::<u8>(), 0..600)) {
        let text = program(&choices);
        let out = sound(&text);
        prop_assert_eq!(formatted(&text.replace('\n', "\r\n")), out);
    }
}

fn program(choices: &[u8]) -> String {
    let mut writer = Writer { choices: choices.iter(), text: String::new(), names: 0, comments: 0 };
    for _ in 0..=writer.pick(3) {
        writer.block();
    }
    writer.space();
    writer.text
}

/// Writes a program that its choices determine; when they run out, it comes to an end.
struct Writer<'a> {
    choices: std::slice::Iter<'a, u8>,
    text: String,
    names: usize,
    comments: usize,
}

/// Names that mean something in other places. Behind `=` and `yield`, some would mean it there.
const NAMES: [&str; 12] = ["a", "f", "then", "else", "where", "yield", "and", "in", "module", "option", "x-", "Int"];
const DEEP: usize = 5;

impl Writer<'_> {
    fn pick(&mut self, count: u8) -> u8 {
        self.choices.next().map_or(0, |choice| choice % count)
    }

    /// Writes white space, and comments too.
    fn space(&mut self) {
        let text = match self.pick(16) {
            0..=5 => " ",
            6..=9 => "",
            10 => "\n",
            11 => "\n \n\t\n",
            12 => "\t  ",
            choice => {
                self.comments += 1;
                self.text.push_str(if choice == 13 { "\n\n  " } else { " " });
                self.text.push_str(&format!("# \"{}\u{e9}\" \n", self.comments));
                if choice == 15 { "\n" } else { "" }
            }
        };
        self.text.push_str(text);
    }

    fn word(&mut self, word: &str) {
        self.space();
        let glues = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '"');
        if self.text.ends_with(glues) && word.starts_with(glues) {
            self.text.push(' ');
        }
        self.text.push_str(word);
    }

    fn words(&mut self, words: &[&str]) {
        for word in words {
            self.word(word);
        }
    }

    fn fresh(&mut self) -> String {
        self.names += 1;
        format!("n{}", self.names)
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.pick(NAMES.len() as u8) as usize]
    }

    /// Writes one separator, or none.
    fn separator(&mut self) {
        match self.pick(6) {
            0 => self.word(","),
            1 => self.word(";"),
            _ => {}
        }
    }

    fn block(&mut self) {
        let module = self.pick(4) != 3;
        let name = self.fresh();
        self.words(&[if module { "module" } else { "scenario" }, &name, "{"]);
        for _ in 0..self.pick(5) {
            let name = self.fresh();
            match self.pick(4) {
                0 | 1 if module => {
                    self.words(&[&name, "="]);
                    self.expression(0);
                }
                2 if module => {
                    self.words(&["option", &name, ":"]);
                    self.ty(0);
                    if self.pick(2) == 0 {
                        self.word("=");
                        self.expression(0);
                    }
                }
                _ => {
                    self.words(&["A", ".", &name, "="]);
                    match self.pick(3) {
                        0 => {}
                        1 => self.word("force"),
                        _ => self.word("default"),
                    }
                    self.expression(0);
                }
            }
            self.separator();
        }
        self.word("}");
    }

    fn ty(&mut self, depth: usize) {
        match self.pick(if depth < DEEP { 6 } else { 4 }) {
            choice @ 0..4 => self.word(["Bool", "Int", "Str", "Path"][choice as usize]),
            4 => {
                self.words(&["List", "["]);
                self.ty(depth + 1);
                self.word("]");
            }
            _ => {
                self.word("{");
                for _ in 0..self.pick(4) {
                    let name = self.fresh();
                    self.words(&[&name, ":"]);
                    self.ty(depth + 1);
                    self.separator();
                }
                self.word("}");
            }
        }
    }

    fn expression(&mut self, depth: usize) {
        if depth >= DEEP {
            return self.atom(depth);
        }
        match self.pick(5) {
            0..=2 => self.atom(depth),
            3 => {
                self.word("if");
                self.expression(depth + 1);
                self.word("then");
                self.expression(depth + 1);
                self.word("else");
                self.expression(depth + 1);
            }
            _ => self.comprehension(depth),
        }
    }

    fn comprehension(&mut self, depth: usize) {
        let name = self.name();
        self.words(&["for", name, "in"]);
        self.expression(depth + 1);
        for guard in 0..self.pick(3) {
            self.word(if guard == 0 { "where" } else { "and" });
            self.atom(depth + 1);
            self.word("=");
            self.atom(depth + 1);
        }
        self.word("yield");
        if self.pick(3) == 0 {
            self.word("distinct");
        }
        self.expression(depth + 1);
    }

    fn atom(&mut self, depth: usize) {
        match self.pick(if depth < DEEP { 14 } else { 7 }) {
            0 => self.word("007"),
            1 => {
                let name = self.name();
                self.words(&[name]);
            }
            2 => {
                let (first, second) = (self.name(), self.name());
                self.words(&[first, ".", second]);
            }
            3 => self.text(),
            4 => self.word("f\"{a}{{#{m.x}\""),
            5 => self.word("\"\"\" # no comment \n\t\n   }\n  \"\"\""),
            6 => self.words(&["{", "from_x", "=", "\"y\"", "}"]),
            7 => self.words(&["(", ["default", "distinct", "force"][self.names % 3], ")"]),
            8 => {
                self.word("(");
                self.expression(depth + 1);
                self.word(")");
            }
            9 | 10 => self.list(depth),
            _ => {
                self.word("{");
                for _ in 0..self.pick(4) {
                    let name = self.fresh();
                    self.words(&[&name, "="]);
                    self.expression(depth + 1);
                    self.separator();
                }
                self.word("}");
            }
        }
    }

    /// Writes a string of any width, so that some lines are just too long.
    fn text(&mut self) {
        let length = usize::from(self.pick(90));
        self.word(&format!("\"{}\\\"\"", "e\u{301}".repeat(length / 2)));
    }

    fn list(&mut self, depth: usize) {
        self.word("[");
        let count = self.pick(4);
        for index in 1..=count {
            self.expression(depth + 1);
            match self.pick(4) {
                0 if index < count => self.text.push('\n'),
                1 if index == count => {}
                _ => self.word(","),
            }
        }
        self.word("]");
    }
}
