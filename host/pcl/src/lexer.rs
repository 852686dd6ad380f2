//! Text to tokens. Total: every input gives tokens up to `End`, and a list of what was wrong on the way.

use crate::limits;
use crate::symbol::{Interner, Symbol, known};
use punix_diag::{Code, Diagnostic, Span};

/// A token's kind. What a string holds is decoded by [`crate::text`] when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ident(Symbol),
    Bool(bool),
    Int(Symbol),
    /// `"…"`; `escaped` when a backslash occurs in it.
    Plain {
        escaped: bool,
    },
    /// `"""…"""`
    Triple,
    /// `f"…"`
    Woven,
    /// A literal that was reported already.
    Broken,
    Open(Bracket),
    Close(Bracket),
    Colon,
    Equal,
    Dot,
    Comma,
    Semicolon,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bracket {
    Brace,
    Square,
    Round,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// Whether a line ended between this token and the one before.
    pub(crate) on_new_line: bool,
}

/// Goes on in an identifier.
const WORD: u8 = 1;
/// Stands for itself in a one-line string.
const PLAIN: u8 = 2;
/// Space and tab.
const BLANK: u8 = 4;

/// The classes of each byte. Most of a program is identifiers, strings and blanks, and most time is spent here.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let character = byte as u8;
        if character.is_ascii_alphanumeric() || character == b'_' || character == b'-' {
            classes[byte] |= WORD;
        }
        if character != b'"' && character != b'\\' && character != b'\n' {
            classes[byte] |= PLAIN;
        }
        if character == b' ' || character == b'\t' {
            classes[byte] |= BLANK;
        }
        byte += 1;
    }
    classes
};

/// Reads one file. `start` is the offset of its first byte in the source map.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    start: u32,
    /// Where comments stand, if the caller wants to know.
    pub(crate) comments: Option<Vec<Span>>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether the string before this place was not closed: the next such quote is probably its end.
    dangling: bool,
    /// Whether a `"""` that is not closed took the rest of the file.
    pub(crate) swallowed: bool,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str, start: u32) -> Lexer<'a> {
        Lexer {
            text,
            bytes: text.as_bytes(),
            position: 0,
            start,
            comments: None,
            diagnostics: Vec::new(),
            dangling: false,
            swallowed: false,
        }
    }

    /// Moves to a byte of the text, which must begin a token or a blank.
    pub(crate) fn seek(&mut self, position: usize) {
        self.position = position;
    }

    /// Returns the next token; at the end of input `End`, again and again.
    pub(crate) fn next(&mut self, symbols: &mut Interner) -> Token {
        let on_new_line = self.skip_blanks();
        loop {
            let from = self.position;
            let kind = match self.bytes.get(from) {
                None => Some(Kind::End),
                Some(byte) => self.token(*byte, symbols),
            };
            if let Some(kind) = kind {
                return Token { kind, span: self.span(from, self.position), on_new_line };
            }
            self.skip_blanks();
        }
    }

    /// Moves over bytes of a class, at least the current one.
    fn skip_while(&mut self, class: u8) {
        let mut position = self.position + 1;
        while self.bytes.get(position).is_some_and(|&byte| CLASSES[byte as usize] & class != 0) {
            position += 1;
        }
        self.position = position;
    }

    /// Moves over what stands for itself in a one-line string, eight bytes at a time: a zero byte in `word ^ pattern`
    /// is a byte of the pattern, and borrows only ever reach bytes above it.
    fn skip_plain(&mut self) {
        const ONES: u64 = u64::MAX / 0xff;
        const HIGHS: u64 = ONES << 7;
        let holds = |word: u64, byte: u8| {
            let zero = word ^ (ONES * u64::from(byte));
            zero.wrapping_sub(ONES) & !zero & HIGHS
        };
        while let Some(&chunk) = self.bytes[self.position..].first_chunk::<8>() {
            let word = u64::from_le_bytes(chunk);
            let hit = holds(word, b'"') | holds(word, b'\\') | holds(word, b'\n');
            if hit != 0 {
                self.position += (hit.trailing_zeros() / 8) as usize;
                return;
            }
            self.position += 8;
        }
        while self.bytes.get(self.position).is_some_and(|&byte| CLASSES[byte as usize] & PLAIN != 0) {
            self.position += 1;
        }
    }

    fn span(&self, from: usize, until: usize) -> Span {
        Span::new(self.start + from as u32, self.start + until as u32)
    }

    fn error(&mut self, from: usize, until: usize, message: impl Into<String>) -> &mut Diagnostic {
        let diagnostic = Diagnostic::error(Code::E0, message).at(self.span(from, until));
        if self.diagnostics.len() > limits::DIAGNOSTICS_MAX {
            self.diagnostics.pop();
            self.position = self.bytes.len(); // whatever this is, it is not PCL
        }
        self.diagnostics.push(diagnostic);
        self.diagnostics.last_mut().expect("one was just pushed")
    }

    /// Skips white space and comments; tells whether a line ended. Most tokens follow the one before, or one space.
    fn skip_blanks(&mut self) -> bool {
        let from = self.position + usize::from(self.bytes.get(self.position) == Some(&b' '));
        match self.bytes.get(from) {
            Some(b'"' | b'$'..) => {
                self.position = from;
                false
            }
            _ => self.skip_more_blanks(),
        }
    }

    fn skip_more_blanks(&mut self) -> bool {
        let mut new_line = false;
        while let Some(byte) = self.bytes.get(self.position) {
            match byte {
                b' ' | b'\t' => self.skip_while(BLANK),
                b'\n' => {
                    new_line = true;
                    self.position += 1;
                }
                b'#' => {
                    let from = self.position;
                    let rest = &self.bytes[from..];
                    let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
                    self.position += length;
                    let span = self.span(from, self.position);
                    if let Some(comments) = &mut self.comments {
                        comments.push(span);
                    }
                }
                _ => break,
            }
        }
        new_line
    }

    /// Reads the token that begins with `byte`; `None` if it was no token and has been reported.
    fn token(&mut self, byte: u8, symbols: &mut Interner) -> Option<Kind> {
        let single = match byte {
            b'{' => Kind::Open(Bracket::Brace),
            b'}' => Kind::Close(Bracket::Brace),
            b'[' => Kind::Open(Bracket::Square),
            b']' => Kind::Close(Bracket::Square),
            b'(' => Kind::Open(Bracket::Round),
            b')' => Kind::Close(Bracket::Round),
            b':' => Kind::Colon,
            b'=' => Kind::Equal,
            b'.' => Kind::Dot,
            b',' => Kind::Comma,
            b';' => Kind::Semicolon,
            b'f' if self.bytes.get(self.position + 1) == Some(&b'"') => return Some(self.woven()),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => return Some(self.identifier(symbols)),
            b'0'..=b'9' => return Some(self.integer(symbols)),
            b'"' if self.bytes[self.position..].starts_with(b"\"\"\"") => return Some(self.triple()),
            b'"' => return Some(self.plain()),
            b'\'' => return Some(self.single_quoted()),
            _ => {
                self.stranger();
                return None;
            }
        };
        self.position += 1;
        Some(single)
    }

    fn identifier(&mut self, symbols: &mut Interner) -> Kind {
        let from = self.position;
        self.skip_while(WORD);
        match symbols.intern(&self.text[from..self.position]) {
            known::TRUE => Kind::Bool(true),
            known::FALSE => Kind::Bool(false),
            wrong @ (known::BAD_TRUE | known::BAD_FALSE) => {
                let right = wrong == known::BAD_TRUE;
                self.error(
                    from,
                    self.position,
                    format!("`{}` is not a boolean", if right { "True" } else { "False" }),
                )
                .help = Some(format!("write `{right}`"));
                Kind::Bool(right)
            }
            symbol => Kind::Ident(symbol),
        }
    }

    fn integer(&mut self, symbols: &mut Interner) -> Kind {
        let from = self.position;
        let rest = &self.bytes[from..];
        let length = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.position += length;
        if length > limits::INTEGER_DIGITS_MAX {
            let message = format!("an integer may have {} digits, this one has {length}", limits::INTEGER_DIGITS_MAX);
            self.error(from, self.position, message).code = Some(Code::E20);
            return Kind::Broken;
        }
        let digits = self.text[from..self.position].trim_start_matches('0');
        Kind::Int(symbols.intern(if digits.is_empty() { "0" } else { digits }))
    }

    fn plain(&mut self) -> Kind {
        let from = self.position;
        self.position += 1;
        let (closed, escaped) = self.one_line(from);
        if closed { Kind::Plain { escaped } } else { Kind::Broken }
    }

    /// An f-string: its holes are read by [`crate::text::weave`].
    fn woven(&mut self) -> Kind {
        let from = self.position;
        if self.bytes[from + 1..].starts_with(b"\"\"\"") {
            self.position += 1;
            let kind = self.triple();
            self.error(from, from + 4, "an f-string cannot be triple-quoted").help =
                Some("write `f\"…\"` on one line, or pass the values through `recipeArgs`".to_owned());
            return if kind == Kind::Triple { Kind::Broken } else { kind };
        }
        self.position += 2;
        let (closed, _) = self.one_line(from);
        if closed { Kind::Woven } else { Kind::Broken }
    }

    /// Reads on to the closing quote of a one-line string; tells whether it is there, and sound, and whether a
    /// backslash occurred.
    fn one_line(&mut self, from: usize) -> (bool, bool) {
        let mut escaped = false;
        let mut sound = true;
        loop {
            match self.bytes.get(self.position) {
                Some(b'"') => {
                    self.position += 1;
                    self.dangling = false;
                    return (sound, escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.position += 1;
                    match self.bytes.get(self.position) {
                        Some(b'\\' | b'"' | b'n' | b't') => self.position += 1,
                        None => {}
                        Some(_) => {
                            sound = false;
                            self.bad_escape();
                        }
                    }
                }
                Some(b'\n') | None if std::mem::take(&mut self.dangling) => {
                    self.position = from + 1; // this quote ended the string before
                    return (false, escaped);
                }
                Some(b'\n') | None => {
                    self.dangling = true;
                    self.error(from, self.position, "this string is not closed on its line").help =
                        Some("end it with `\"`, or use `\"\"\"` for text of several lines".to_owned());
                    return (false, escaped);
                }
                Some(_) => self.skip_plain(),
            }
        }
    }

    fn bad_escape(&mut self) {
        let from = self.position;
        let character = self.text[from..].chars().next().unwrap_or('\n');
        let shown = if character == '\n' { "a line end".to_owned() } else { format!("`\\{character}`") };
        let until = from + character.len_utf8();
        self.error(from, until, format!("{shown} is not an escape")).help = Some(
            "the escapes are `\\\\`, `\\\"`, `\\n` and `\\t`; a `\"\"\"` string takes everything as it is".to_owned(),
        );
        if character != '\n' && self.position == from {
            self.position = until;
        }
    }

    fn triple(&mut self) -> Kind {
        let from = self.position;
        let body = from + 3;
        let end = self.text.get(body..).and_then(|rest| rest.find("\"\"\""));
        let Some(length) = end else {
            self.position = self.bytes.len();
            self.swallowed = true;
            self.error(from, body, "this `\"\"\"` string is not closed").help = Some("end it with `\"\"\"`".to_owned());
            return Kind::Broken;
        };
        self.position = body + length + 3;
        Kind::Triple
    }

    /// Text in single quotes is no string, but it is clear where it ends.
    fn single_quoted(&mut self) -> Kind {
        let from = self.position;
        let line = self.text[from + 1..].lines().next().unwrap_or("");
        self.position = from + 1 + line.find('\'').map_or(0, |length| length + 1);
        self.error(from, self.position, "a string stands in double quotes").help = Some("write `\"…\"`".to_owned());
        Kind::Broken
    }

    /// Reports a character that begins no token, once for a run of them.
    fn stranger(&mut self) {
        let from = self.position;
        let character = self.text[from..].chars().next().unwrap_or(' ');
        let until = from + character.len_utf8();
        self.position = until;
        let shown: String = if character.is_control() || character == '\u{feff}' || character.is_whitespace() {
            character.escape_unicode().collect()
        } else {
            character.to_string()
        };
        let help = match character {
            '\u{feff}' => Some("save the file as UTF-8 without a byte-order mark".to_owned()),
            '\0' => Some("this does not look like text".to_owned()),
            other if other.is_numeric() => Some("integers are written with the digits 0 to 9".to_owned()),
            other if other.is_whitespace() => Some("only space, tab and line end separate tokens".to_owned()),
            '-' | '+' | '*' | '/' | '<' | '>' | '!' | '&' | '|' | '%' => {
                Some("PCL has no operators; text is composed with `f\"…{name}…\"`".to_owned())
            }
            _ => None,
        };
        self.error(from, until, format!("unexpected character `{shown}`")).help = help;
        while let Some(next) = self.text.get(self.position..).and_then(|rest| rest.chars().next())
            && next == character
        {
            self.position += next.len_utf8();
        }
    }
}
