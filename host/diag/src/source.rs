//! Where text came from. All files of a run share one line of offsets, so that a place is eight bytes.

use std::sync::OnceLock;

/// A stretch of the concatenated sources, in bytes: `start` inclusive, `end` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Returns the span from `start` to `end`.
    pub fn new(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    /// Returns the smallest span that covers both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A place as people write it: 1-based, the column counted in code points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location<'a> {
    pub file: &'a str,
    pub line: u32,
    pub column: u32,
}

impl std::fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

#[derive(Debug)]
struct File {
    name: String,
    text: String,
    start: u32,
    line_starts: OnceLock<Vec<u32>>,
    /// How many characters stand before each stretch of [`STRETCH`] bytes, so that a line of megabytes is not
    /// counted through for every place on it.
    characters: OnceLock<Vec<u32>>,
}

const STRETCH: usize = 4096;

/// Holds the sources of one run and answers where a span is.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<File>,
}

impl SourceMap {
    /// Adds a file and returns the offset of its first byte. One offset is kept free behind every file,
    /// so that "end of input" of one file is not the start of the next.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> u32 {
        let start = self.end();
        self.files.push(File {
            name: name.into(),
            text: text.into(),
            start,
            line_starts: OnceLock::new(),
            characters: OnceLock::new(),
        });
        start
    }

    /// Gives the last file its text. A file is added empty, so that its offsets are known while it is read.
    pub fn set_last_text(&mut self, text: String) {
        if let Some(file) = self.files.last_mut() {
            file.text = text;
            file.line_starts = OnceLock::new();
            file.characters = OnceLock::new();
        }
    }

    /// Returns how many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Tells whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns the name, the first offset and the text of a file.
    pub fn file(&self, index: usize) -> (&str, u32, &str) {
        let file = &self.files[index];
        (&file.name, file.start, &file.text)
    }

    /// Returns the text that a span covers; empty if it reaches out of its file.
    pub fn text(&self, span: Span) -> &str {
        let Some(file) = self.file_at(span.start) else { return "" };
        let range = (span.start - file.start) as usize..(span.end.max(span.start) - file.start) as usize;
        file.text.get(range).unwrap_or("")
    }

    /// Returns file, line and column of an offset. End of input counts as the line of the last character's
    /// position, as an editor shows it: behind a final newline it is the next line.
    pub fn locate(&self, offset: u32) -> Location<'_> {
        let Some(file) = self.file_at(offset) else { return Location { file: "", line: 1, column: 1 } };
        let inside = ((offset - file.start) as usize).min(file.text.len());
        let starts = file.line_starts();
        let line = starts.partition_point(|&start| start as usize <= inside);
        let line_start = starts[line - 1] as usize;
        let column = match inside - line_start {
            // Most lines are short.
            0..STRETCH => characters(&file.text.as_bytes()[line_start..inside]),
            _ => file.characters_before(inside) - file.characters_before(line_start),
        };
        Location { file: &file.name, line: line as u32, column: column as u32 + 1 }
    }

    /// Returns the line of an offset in its file.
    pub fn line(&self, offset: u32) -> u32 {
        let Some(file) = self.file_at(offset) else { return 1 };
        file.line_starts().partition_point(|&start| start <= offset - file.start) as u32
    }

    /// Returns the lines that a span touches with `around` more on either side: text, number of its first
    /// line, and the span's range inside it. Long spans are cut to their first lines.
    pub fn excerpt(&self, span: Span, around: usize) -> Option<Excerpt<'_>> {
        const LINES_MAX: usize = 6;
        let file = self.file_at(span.start)?;
        let starts = file.line_starts();
        let from = (span.start - file.start) as usize;
        let until = ((span.end.max(span.start) - file.start) as usize).min(file.text.len());
        let first = starts.partition_point(|&start| start as usize <= from) - 1;
        let last = starts.partition_point(|&start| (start as usize) < until.max(from + 1)) - 1;
        let last_shown = last.min(first + LINES_MAX - 1);
        let top = first.saturating_sub(around);
        let bottom = (last_shown + around).min(starts.len() - 1);
        let begin = starts[top] as usize;
        let finish = starts.get(bottom + 1).map_or(file.text.len(), |&start| start as usize);
        let until = starts.get(last_shown + 1).map_or(until, |&start| until.min(start as usize - 1));
        let text = file.text.get(begin..finish)?;
        let mut range = from.min(file.text.len()) - begin..until.max(from).min(finish) - begin;
        if !text.is_char_boundary(range.start) || !text.is_char_boundary(range.end) {
            range = 0..0;
        }
        Some(Excerpt { file: &file.name, text, first_line: top + 1, range })
    }

    fn end(&self) -> u32 {
        self.files.last().map_or(0, |file| file.start + file.text.len() as u32 + 1)
    }

    fn file_at(&self, offset: u32) -> Option<&File> {
        let index = self.files.partition_point(|file| file.start <= offset);
        index.checked_sub(1).map(|index| &self.files[index])
    }
}

/// A few lines around a span, as [`SourceMap::excerpt`] cuts them.
#[derive(Debug)]
pub struct Excerpt<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub first_line: usize,
    pub range: std::ops::Range<usize>,
}

/// Counts characters: bytes that do not go on with one.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

impl File {
    fn characters_before(&self, inside: usize) -> usize {
        let bytes = self.text.as_bytes();
        let stretches = self.characters.get_or_init(|| {
            let before = |total: &mut usize, chunk: &[u8]| {
                let here = *total;
                *total += characters(chunk);
                Some(here as u32)
            };
            bytes.chunks(STRETCH).scan(0, before).collect()
        });
        let stretch = inside / STRETCH;
        match stretches.get(stretch) {
            Some(&before) => before as usize + characters(&bytes[stretch * STRETCH..inside]),
            None => stretches.last().map_or(0, |&last| {
                let start = (stretches.len() - 1) * STRETCH;
                last as usize + characters(&bytes[start..inside])
            }),
        }
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
            std::iter::once(0).chain(breaks.map(|(index, _)| index as u32 + 1)).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_code_points_and_files_do_not_touch() {
        let mut sources = SourceMap::default();
        let a = sources.add("a.pcl", "é = 1\nx");
        let b = sources.add("b.pcl", "y");
        assert_eq!(sources.locate(a + 2).to_string(), "a.pcl:1:2");
        assert_eq!(sources.locate(a + 7).to_string(), "a.pcl:2:1");
        assert_eq!(sources.locate(a + 8).to_string(), "a.pcl:2:2", "end of input");
        assert_eq!(sources.locate(b).to_string(), "b.pcl:1:1");
        assert_eq!(sources.text(Span::new(b, b + 1)), "y");
    }

    #[test]
    fn an_excerpt_is_cut_and_keeps_its_range() {
        let mut sources = SourceMap::default();
        let start = sources.add("a.pcl", "one\ntwo\nthree\n");
        let excerpt = sources.excerpt(Span::new(start + 4, start + 7), 0).expect("inside the file");
        assert_eq!((excerpt.text, excerpt.first_line, excerpt.range), ("two\n", 2, 0..3));
        let end = sources.excerpt(Span::new(start + 14, start + 14), 1).expect("end of input");
        assert_eq!((end.text, end.first_line), ("three\n", 3));
    }
}
