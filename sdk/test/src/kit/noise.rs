//! Texts without sense, the same in every run.

/// A source of them.
pub(super) struct Noise(u64);

/// Texts that are often taken for something else.
const ODD: &[&str] = &[
    "", " ", "\0", "\n", "\"", "'", "\\", "%", "$", "{}", "[]", "null", "-1", "1e999", "..", "/", "ä", "\u{202e}", "#",
    "=", ";",
];

pub(super) fn configurations() -> &'static [&'static str] {
    &["", "{}", "[]", "null", "0", "\"\"", "{", "{\"\":{}}", "{\"a\":1,\"a\":2}", "\u{feff}{}", "{\"address\":7}"]
}

impl Noise {
    pub(super) fn new(seed: u64) -> Noise {
        Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (end.max(1) as u64)).unwrap_or(0)
    }

    /// Returns a text of a few pieces.
    pub(super) fn text(&mut self, pieces_max: usize) -> String {
        let mut out = String::new();
        for _ in 0..self.below(pieces_max + 1) {
            match self.below(3) {
                0 => out.push_str(ODD.get(self.below(ODD.len())).copied().unwrap_or_default()),
                1 => out.extend(char::from_u32(u32::try_from(self.below(0x3000)).unwrap_or(0))),
                _ => out.push(char::from(b'a' + u8::try_from(self.below(26)).unwrap_or(0))),
            }
        }
        out
    }

    /// Returns a JSON text.
    pub(super) fn json(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => "null".to_owned(),
            1 => (self.below(1 << 40) as i64 - (1 << 39)).to_string(),
            2 => "true".to_owned(),
            3 => serde_json::Value::String(self.text(8)).to_string(),
            4 => {
                let items: Vec<String> = (0..self.below(4)).map(|_| self.json(depth - 1)).collect();
                format!("[{}]", items.join(","))
            }
            _ => {
                let keys = ["address", "auth", "method", "role", "mount", "kv", "namespace", "token"];
                let items: Vec<String> = (0..self.below(4))
                    .map(|_| {
                        let key =
                            keys.get(self.below(keys.len() * 2)).map_or_else(|| self.text(4), |key| (*key).to_owned());
                        format!("{}:{}", serde_json::Value::String(key), self.json(depth - 1))
                    })
                    .collect();
                format!("{{{}}}", items.join(","))
            }
        }
    }
}
