//! What string tokens hold: escapes undone, triple-quoted text dedented, f-strings taken apart.

use std::borrow::Cow;

/// Undoes the four escapes of a one-line string. `body` stands between the quotes and was accepted by the lexer.
pub(crate) fn unescape(body: &str) -> Cow<'_, str> {
    if !body.contains('\\') {
        return Cow::Borrowed(body);
    }
    let mut out = String::with_capacity(body.len());
    let mut characters = body.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            out.push(match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            });
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Returns the text of a `"""` string: its first line end dropped, the common indentation taken away. A line of
/// spaces and tabs alone becomes empty; as the last line it takes part in the indentation.
pub(crate) fn dedent(body: &str) -> Cow<'_, str> {
    let body = body.strip_prefix('\n').unwrap_or(body);
    let blank = |line: &str| line.bytes().all(|byte| matches!(byte, b' ' | b'\t'));
    let indent = |line: &str| line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let last = body.rsplit('\n').next().unwrap_or("");
    let closing = (blank(last) && !last.is_empty()).then_some(last.len());
    let width = body.split('\n').filter(|line| !blank(line)).map(indent).chain(closing).min();
    let Some(width) = width else { return Cow::Borrowed(body) };
    let mut out = String::with_capacity(body.len());
    for (index, line) in body.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if !blank(line) {
            out.push_str(&line[width..]);
        }
    }
    Cow::Owned(out)
}

/// A piece of an f-string: text, or the hole that follows it. Offsets count from the start of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(String),
    Hole { at: usize, until: usize, first: &'a str, second: Option<&'a str> },
    Fault { at: usize, until: usize, open: bool, shell: bool },
}

/// Takes the body of an f-string apart. `{{` is a brace; `}` is always itself.
pub(crate) fn weave(body: &str) -> Vec<Piece<'_>> {
    let bytes = body.as_bytes();
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut position = 0;
    while position < bytes.len() {
        match bytes[position] {
            b'{' if bytes.get(position + 1) == Some(&b'{') => {
                text.push('{');
                position += 2;
            }
            b'{' => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                let shell = position > 0 && bytes[position - 1] == b'$';
                let piece = hole(body, position, shell);
                position = match &piece {
                    Piece::Hole { until, .. } | Piece::Fault { until, .. } => *until,
                    Piece::Text(_) => position + 1,
                };
                pieces.push(piece);
            }
            _ => {
                let rest = &body[position..];
                let length = rest.find(['{', '\\']).unwrap_or(rest.len());
                text.push_str(&rest[..length]);
                position += length;
                if bytes.get(position) == Some(&b'\\') {
                    let end = (position + 2).min(bytes.len());
                    text.push_str(&unescape(&body[position..end]));
                    position = end;
                }
            }
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

/// Reads `{name}` or `{Module.member}` at `at`. A fault reaches to the next `}`, or else to the end.
fn hole(body: &str, at: usize, shell: bool) -> Piece<'_> {
    let mut position = at + 1;
    let first = name(body, &mut position);
    let mut second = None;
    if !first.is_empty() && body[position..].starts_with('.') {
        position += 1;
        let field = name(body, &mut position);
        if field.is_empty() {
            return fault(body, at, position, shell);
        }
        second = Some(field);
    }
    if first.is_empty() || !body[position..].starts_with('}') {
        return fault(body, at, position, shell);
    }
    Piece::Hole { at, until: position + 1, first, second }
}

fn fault(body: &str, at: usize, position: usize, shell: bool) -> Piece<'_> {
    let end = body[position..].find('}').map(|length| position + length + 1);
    Piece::Fault { at, until: end.unwrap_or(body.len()), open: end.is_none(), shell }
}

fn name<'a>(body: &'a str, position: &mut usize) -> &'a str {
    let rest = &body[*position..];
    let starts = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let length = if starts { rest.find(|c| !word(c)).unwrap_or(rest.len()) } else { 0 };
    *position += length;
    &rest[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triple_quoted_text_loses_its_common_indentation() {
        for (body, want) in [
            ("", ""),
            ("\n", ""),
            ("one", "one"),
            ("\n    a\n      b\n    ", "a\n  b\n"),
            ("\n    a\n  ", "  a\n"),
            ("\n    a\n", "a\n"),
            ("\n\n", "\n"),
            ("  a\n  b", "a\nb"),
            ("a\n  b", "a\n  b"),
            ("\n  a\n\n  b\n", "a\n\nb\n"),
            ("\n  a\n \n  b\n", "a\n\nb\n"),
            ("\n\ta\n  b\n", "a\n b\n"),
            ("\n  a\n\u{a0}\n  b", "  a\n\u{a0}\n  b"),
        ] {
            assert_eq!(dedent(body), want, "{body:?}");
        }
    }

    #[test]
    fn f_strings_come_apart() {
        let text = |s: &str| Piece::Text(s.to_owned());
        assert_eq!(weave("a{{b}}"), [text("a{b}}")]);
        assert_eq!(
            weave("${x}\\n{m.y}"),
            [
                text("$"),
                Piece::Hole { at: 1, until: 4, first: "x", second: None },
                text("\n"),
                Piece::Hole { at: 6, until: 11, first: "m", second: Some("y") },
            ]
        );
        assert_eq!(weave("{}"), [Piece::Fault { at: 0, until: 2, open: false, shell: false }]);
        assert_eq!(weave("${1}é"), [text("$"), Piece::Fault { at: 1, until: 4, open: false, shell: true }, text("é")]);
        assert_eq!(weave("{a é"), [Piece::Fault { at: 0, until: 5, open: true, shell: false }]);
    }
}
