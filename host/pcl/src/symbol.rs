//! Interned text. Names, labels and string literals share one table, so that equality is one comparison.

/// Stands for a piece of text in an [`Interner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub(crate) u32);

/// Holds every distinct text once. Lookup is an open-addressing table over the texts' hashes.
#[derive(Debug, Clone)]
pub struct Interner {
    text: String,
    ends: Vec<u32>,
    /// Hash and symbol side by side, so that a look costs one cache line until it hits.
    table: Vec<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    symbol: u32,
}

const EMPTY: Slot = Slot { hash: 0, symbol: u32::MAX };

macro_rules! known {
    ($($name:ident $text:literal),* $(,)?) => {
        /// Names that the language knows, interned first so that their symbols are constants.
        pub(crate) mod known {
            use super::Symbol;
            known!(@constants 0u32; $($name)*);
            pub(crate) const TEXTS: &[&str] = &[$($text),*];
        }
    };
    (@constants $index:expr; $head:ident $($tail:ident)*) => {
        pub(crate) const $head: Symbol = Symbol($index);
        known!(@constants $index + 1; $($tail)*);
    };
    (@constants $index:expr;) => {};
}

known! {
    MODULE "module", SCENARIO "scenario", OPTION "option", FORCE "force", DEFAULT "default",
    FOR "for", IN "in", WHERE "where", YIELD "yield", DISTINCT "distinct", AND "and",
    IF "if", THEN "then", ELSE "else", TRUE "true", FALSE "false", BAD_TRUE "True", BAD_FALSE "False",
    BOOL "Bool", INT "Int", STR "Str", PATH "Path", LIST "List",
    FROM_ENV "from_env", FROM_FILE "from_file", FROM_VAULT "from_vault", ARTIFACT "artifact",
    HOST "host", NAME "name", RECIPE "recipe", PNAME "pname", OUT "out", VERSION "version", SOURCE "source",
    CONFIG_RECIPE "configRecipe", FORMAT "format", DATA "data", DATA_PATH "path", BACKEND "backend",
    FLEET "Fleet", HOSTS "hosts", FILE "file", STACK "stack", TARGET "target",
}

impl Default for Interner {
    fn default() -> Interner {
        let mut interner = Interner { text: String::new(), ends: Vec::new(), table: vec![EMPTY; 1024] };
        for text in known::TEXTS {
            interner.intern(text);
        }
        interner
    }
}

impl Interner {
    /// Returns a table without the known names, for texts that are added on top of another table.
    pub(crate) fn bare() -> Interner {
        Interner { text: String::new(), ends: Vec::new(), table: vec![EMPTY; 64] }
    }

    /// Makes room for texts of so many bytes.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.text.reserve(bytes);
        self.ends.reserve(bytes / 8);
    }

    /// Returns the symbol of a text, new or old.
    pub fn intern(&mut self, text: &str) -> Symbol {
        self.intern_hashed(text, hash(text.as_bytes()))
    }

    /// Returns the symbol of a text that is already here.
    pub fn get(&self, text: &str) -> Option<Symbol> {
        self.find(text, hash(text.as_bytes())).ok()
    }

    /// Returns the symbol of a text in `self`, or `None` and its symbol in `other`: one hash serves both.
    pub(crate) fn get_or_intern_in(&self, other: &mut Interner, text: &str) -> (Option<Symbol>, Symbol) {
        let hash = hash(text.as_bytes());
        match self.find(text, hash) {
            Ok(symbol) => (Some(symbol), symbol),
            Err(_) => (None, other.intern_hashed(text, hash)),
        }
    }

    fn intern_hashed(&mut self, text: &str, hash: u32) -> Symbol {
        let slot = match self.find(text, hash) {
            Ok(symbol) => return symbol,
            Err(slot) => slot,
        };
        let symbol = self.ends.len() as u32;
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32);
        self.table[slot] = Slot { hash, symbol };
        if self.ends.len() * 2 > self.table.len() {
            self.grow();
        }
        Symbol(symbol)
    }

    /// Returns the text of a symbol.
    pub fn text(&self, symbol: Symbol) -> &str {
        let index = symbol.0 as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[start..self.ends[index] as usize]
    }

    /// Returns how many texts there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns how many bytes all texts have together.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    fn find(&self, text: &str, hash: u32) -> Result<Symbol, usize> {
        let mask = self.table.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let Slot { hash: found, symbol } = self.table[slot];
            if symbol == EMPTY.symbol {
                return Err(slot);
            }
            if found == hash && self.text(Symbol(symbol)) == text {
                return Ok(Symbol(symbol));
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.table);
        let mask = old.len() * 2 - 1;
        self.table = vec![EMPTY; mask + 1];
        for entry in old.into_iter().filter(|entry| entry.symbol != EMPTY.symbol) {
            let mut slot = entry.hash as usize & mask;
            while self.table[slot].symbol != EMPTY.symbol {
                slot = (slot + 1) & mask;
            }
            self.table[slot] = entry;
        }
    }
}

/// Mixes eight bytes at a time. Order never depends on it: tables are looked up, never walked.
fn hash(bytes: &[u8]) -> u32 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = mix(state, u64::from_le_bytes(word));
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        state = mix(state, u64::from_le_bytes(word));
    }
    (state ^ (state >> 32)) as u32
}

fn mix(state: u64, word: u64) -> u64 {
    let wide = u128::from(state ^ word) * 0xe703_7ed1_a0b4_28db;
    (wide as u64) ^ ((wide >> 64) as u64).rotate_left(23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_held_once_and_known_names_are_constants() {
        let mut interner = Interner::default();
        assert_eq!(interner.intern("module"), known::MODULE);
        assert_eq!(interner.text(known::TARGET), "target");
        let many: Vec<Symbol> = (0..5_000).map(|n| interner.intern(&format!("name{n}"))).collect();
        for (n, symbol) in many.iter().enumerate() {
            assert_eq!(interner.get(&format!("name{n}")), Some(*symbol));
            assert_eq!(interner.text(*symbol), format!("name{n}"));
        }
        assert_eq!(interner.get("other"), None);
    }
}
