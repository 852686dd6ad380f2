//! Writes random programs from a grammar. It knows the types, so that most of them are sound.

/// Writes programs that are mostly right, so that all rooms get something to do.
pub(super) struct Writer {
    state: u64,
    pub(super) text: String,
    depth: usize,
}

const NAMES: &[&str] = &["a", "b", "c", "d"];
const MODULES: &[&str] = &["M", "N", "P"];
const FIELDS: &[&str] = &["x", "y", "z"];

impl Writer {
    pub(super) fn new(seed: u64) -> Writer {
        Writer { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, text: String::new(), depth: 0 }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.state >> 33) % bound as u64) as usize
    }

    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn put_one_of(&mut self, words: &[&'static str]) {
        let word = self.one_of(words);
        self.put(word);
    }

    pub(super) fn program(&mut self) {
        for module in MODULES {
            self.put(&format!("module {module} {{\n"));
            if *module == "P" && self.below(3) == 0 {
                self.put("  recipe = \"std.make\"\n");
            }
            for name in NAMES {
                self.member(name);
            }
            self.put("}\n");
        }
        for scenario in 0..self.below(3) {
            self.put(&format!("scenario s{scenario} {{ M.a = "));
            self.value(self.kind_of("a"));
            self.put(" }\n");
        }
    }

    /// Names have fixed kinds, so that references fit.
    fn kind_of(&self, name: &str) -> usize {
        NAMES.iter().position(|known| *known == name).unwrap_or(0)
    }

    fn member(&mut self, name: &'static str) {
        let kind = self.kind_of(name);
        if name == "a" || self.below(3) == 0 {
            let ty = ["Int", "Str", "Bool", "List[{x : Int y : Str}]"][kind];
            self.put(&format!("  option {name} : {ty} = "));
        } else {
            self.put(&format!("  {name} = "));
        }
        self.value(kind);
        self.put_one_of(&["\n", ",\n", " ;\n", " # c\n"]);
        if name == "a" && self.below(2) == 0 {
            self.put_one_of(&["  M.a = ", "  N.a = force ", "  P.a = default "]);
            self.value(kind);
            self.put("\n");
        }
    }

    fn value(&mut self, kind: usize) {
        self.depth += 1;
        let deep = self.depth > 4;
        match self.below(if deep { 1 } else { 8 }) {
            1 => {
                self.put("(");
                self.value(kind);
                self.put(")");
            }
            2 => {
                self.put("if ");
                self.value(2);
                self.put(" then ");
                self.value(kind);
                self.put(" else ");
                self.value(kind);
            }
            3 => {
                let module = self.one_of(MODULES);
                self.put(&format!("{module}.{}", NAMES[kind]));
            }
            4 if kind == 3 => {
                self.put("for e in ");
                self.value(3);
                self.put_one_of(&["", " where e.x = 1", " where e.y = \"s\" and e.x = 2"]);
                self.put_one_of(&[" yield { x = e.x y = f\"{e.y}!\" }", " yield distinct { y = e.y x = 7 }"]);
            }
            _ => self.literal(kind),
        }
        self.depth -= 1;
    }

    fn literal(&mut self, kind: usize) {
        match kind {
            0 => self.put_one_of(&["0", "1", "42", "007", "99999999999999999999"]),
            1 => self.put_one_of(&[
                "\"s\"",
                "\"\"",
                "\"é\\n\"",
                "\"\"\"\n  t\n  \"\"\"",
                "f\"{M.a}-{N.c}\"",
                "f\"{{x}}\"",
                "\"{a}\"",
            ]),
            2 => self.put_one_of(&["true", "false"]),
            _ => {
                self.put("[");
                for _ in 0..self.below(4) {
                    let (x, y) = (self.one_of(&["1", "2", "M.a"]), self.one_of(&["\"s\"", "\"t\"", "N.b"]));
                    self.put(&format!("{{ x = {x} y = {y} }}"));
                    self.put_one_of(&[",", ",\n", "\n"]);
                }
                self.put("]");
            }
        }
    }

    /// Changes a few places, as an editor's slip would.
    pub(super) fn damage(&mut self) {
        for _ in 0..=self.below(3) {
            let at = self.below(self.text.len().max(1));
            if !self.text.is_char_boundary(at) {
                continue;
            }
            match self.below(4) {
                0 => self.text.truncate(at),
                1 => self.text.insert_str(at, ["{", "}", "\"", "=", "for ", "\u{feff}", "1", "\n"][self.at_most(8)]),
                2 if at < self.text.len() => {
                    self.text.remove(at);
                }
                _ => self.text.insert_str(at, FIELDS[self.at_most(3)]),
            }
        }
    }

    fn at_most(&self, bound: usize) -> usize {
        (self.state >> 40) as usize % bound
    }
}
