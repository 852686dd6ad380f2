//! Reads of a Markdown page what the tests look at: fenced blocks, headings and links. Not a Markdown parser; it
//! knows the forms that our pages use.

use std::ops::Range;

/// A fenced block.
#[derive(Debug)]
pub(super) struct Block {
    /// The line of the opening fence, counted from 1.
    pub(super) line: usize,
    /// The words behind the opening fence.
    pub(super) info: Vec<String>,
    pub(super) body: String,
    /// The lines of the body, counted from 0.
    pub(super) lines: Range<usize>,
}

impl Block {
    /// Returns the first word, which names the language; empty for a bare fence.
    pub(super) fn language(&self) -> &str {
        self.info.first().map_or("", String::as_str)
    }

    /// Returns the value of a word `key=value`.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.info.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
}

/// Lists the fenced blocks of a page. An unclosed one reaches to the end.
pub(super) fn blocks(page: &str) -> Vec<Block> {
    let lines: Vec<&str> = page.lines().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if let Some(info) = lines[at].strip_prefix("```") {
            let first = at + 1;
            let end = lines[first..].iter().position(|line| *line == "```");
            let last = end.map_or(lines.len(), |length| first + length);
            found.push(Block {
                line: at + 1,
                info: info.split_whitespace().map(str::to_owned).collect(),
                body: lines[first..last].iter().map(|line| format!("{line}\n")).collect(),
                lines: first..last,
            });
            at = last;
        }
        at += 1;
    }
    found
}

/// Lists the lines outside of fenced blocks with their numbers, counted from 1.
pub(super) fn prose(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    page.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.starts_with("```");
        inside ^= fence;
        (!inside && !fence).then_some((index + 1, line))
    })
}

/// Lists where the links of a page lead, with the lines they stand on. Code is passed over.
pub(super) fn links(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(page) {
        let without_code: String = line.split('`').step_by(2).collect();
        for rest in without_code.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// Lists the anchors of a page's headings, as GitHub makes them.
pub(super) fn anchors(page: &str) -> Vec<String> {
    let headings = prose(page).filter(|(_, line)| line.starts_with('#'));
    let slug = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(|(_, line)| slug(line)).collect()
}
