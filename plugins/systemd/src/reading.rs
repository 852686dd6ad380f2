//! For tests: reads units and environment files by the rules that systemd 252 has, written down apart from the code
//! that writes them. `tests/real.rs` asks systemd itself, more slowly.

/// A source of texts that are likely to be read wrongly. Equal seeds give equal texts.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn text(&mut self) -> String {
        const PIECES: &[&str] = &[
            "a", "b", "%", "%h", "%%", "$", "$$", "$HOME", "${HOME}", "\\", "\\n", "\\x41", "\"", "'", " ", "\t", "\n",
            "\r", ";", "#", "=", "\u{1}", "\u{7f}", "\u{1b}", "é", "\u{a0}", "`", "0", "[S]", "-", "@", "😀",
        ];
        (0..self.below(7)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }
}

/// Reads the words of a command as the program is given them, with an empty environment.
pub(crate) fn exec(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some((word, raw, after)) = word(rest)? {
        if raw == ";" {
            return None;
        }
        let word = specifiers(&word)?;
        if words.is_empty() {
            words.push(word);
        } else {
            words.extend(variables(&word));
        }
        rest = after;
    }
    Some(words)
}

/// Reads the assignments of `Environment=`.
pub(crate) fn environment(line: &str) -> Option<Vec<(String, String)>> {
    let mut assignments = Vec::new();
    let mut rest = line;
    while let Some((word, _, after)) = word(rest)? {
        let (name, value) =
            specifiers(&word)?.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))?;
        assignments.push((name, value));
        rest = after;
    }
    Some(assignments)
}

/// Reads a file of `EnvironmentFile=`, as far as values are in double quotes.
pub(crate) fn environment_file(text: &str) -> Vec<(String, String)> {
    let mut assignments = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let mut value = String::new();
        let mut quoted = false;
        let mut chars = after.char_indices().peekable();
        let mut end = after.len();
        while let Some((at, c)) = chars.next() {
            match (quoted, c) {
                (_, '"') => quoted = !quoted,
                (true, '\\') => match chars.next() {
                    Some((_, next)) if "\"\\`$".contains(next) => value.push(next),
                    Some((_, '\n')) | None => {}
                    Some((_, next)) => value.extend(['\\', next]),
                },
                (false, '\n') => {
                    end = at + 1;
                    break;
                }
                (false, ' ' | '\t') => {}
                (_, c) => value.push(c),
            }
        }
        assignments.push((name.to_owned(), value));
        rest = &after[end..];
    }
    assignments
}

/// Takes the next word, also as it is written, and what stands behind it. `None` if the line is wrong.
#[allow(clippy::type_complexity)]
fn word(line: &str) -> Option<Option<(String, &str, &str)>> {
    let line = line.trim_start_matches([' ', '\t', '\n', '\r']);
    if line.is_empty() {
        return Some(None);
    }
    let mut word = String::new();
    let mut quote = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (_, '\\') => word.push(escape(&mut chars)?),
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ' ' | '\t' | '\n' | '\r') => return Some(Some((word, &line[..at], &line[at..]))),
            (_, c) => word.push(c),
        }
    }
    if quote.is_some() { None } else { Some(Some((word, line, ""))) }
}

fn escape(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    let (_, c) = chars.next()?;
    match c {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        's' => Some(' '),
        '"' | '\'' | '\\' => Some(c),
        'x' => {
            let digits: String = chars.by_ref().take(2).map(|(_, digit)| digit).collect();
            char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
        }
        _ => None,
    }
}

/// Replaces specifiers; those with a value of their own are not meant to be there.
fn specifiers(word: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' if chars.next() == Some('%') => out.push('%'),
            '%' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

/// Replaces variables, of which none is set.
fn variables(word: &str) -> Vec<String> {
    if word.starts_with('$') && !word.starts_with("$$") && !word.starts_with("${") {
        return Vec::new();
    }
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(end) = after.strip_prefix('{').and_then(|_| after.find('}')) {
            rest = &after[end + 1..];
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    vec![out]
}
