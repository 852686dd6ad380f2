//! How a secret is written at its place: one function per encoding. What is read back there is exactly the value; where
//! no writing can achieve that, the value is refused, and never shown.

use punix_model::SecretBuffer;

/// The longest line that systemd reads, and the longest word or variable that the kernel passes on.
const SYSTEMD_LINE_BYTES_MAX: usize = (1 << 20) - 1;
const WORD_BYTES_MAX: usize = (128 << 10) - 1;
/// No encoding makes more of one byte, or puts more around a value.
const GROWTH_MAX: usize = 6;
const FRAME_BYTES: usize = 2;

/// Why a value cannot be written at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    Nul,
    LineBreak,
    NotText,
    Long,
    /// A character that ends or changes a value where there are no quotes.
    Bare,
    /// There is no such encoding.
    Unknown,
}

impl Unfit {
    /// Returns the end of a sentence whose subject is the secret.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Unfit::Nul => "holds a NUL character",
            Unfit::LineBreak => "holds a line break",
            Unfit::NotText => "is not valid UTF-8",
            Unfit::Long => "is longer than what is read there",
            Unfit::Bare => {
                "holds a control character, or has white space, a quote, `;`, `#` or a backslash where these are not \
                 part of a value"
            }
            Unfit::Unknown => "is wanted in an encoding that is not known",
        }
    }
}

/// Returns how many bytes a value can take at most, whatever the encoding.
pub(crate) fn room(length: usize) -> usize {
    length.saturating_mul(GROWTH_MAX).saturating_add(FRAME_BYTES)
}

/// Writes a value. There has to be [`room`].
pub(crate) fn write(encoding: &str, value: &[u8], out: &mut SecretBuffer) -> Result<(), Unfit> {
    match encoding {
        "raw" => push(out, value),
        "base64" => base64(value, out),
        "hex" => value.iter().try_for_each(|&byte| push(out, &hex(byte))),
        "systemd.environment" => systemd(text(value)?, &['%'], out),
        "systemd.exec" => systemd(text(value)?, &['%', '$'], out),
        "systemd.environment-file" => environment_file(text(value)?, out),
        "shell.single" => shell(value, out),
        "json.string" => quoted(text(value)?, out, json),
        "yaml.string" => quoted(text(value)?, out, yaml),
        "toml.string" => quoted(text(value)?, out, toml),
        "ini.value" => ini(text(value)?, out),
        _ => Err(Unfit::Unknown),
    }
}

/// Returns the longest line that whoever reads an encoding takes.
pub(crate) fn line_bytes_max(encoding: &str) -> Option<usize> {
    matches!(encoding, "systemd.environment" | "systemd.exec").then_some(SYSTEMD_LINE_BYTES_MAX)
}

fn push(out: &mut SecretBuffer, bytes: &[u8]) -> Result<(), Unfit> {
    if out.push(bytes) { Ok(()) } else { Err(Unfit::Long) }
}

fn push_char(out: &mut SecretBuffer, character: char) -> Result<(), Unfit> {
    push(out, character.encode_utf8(&mut [0; 4]).as_bytes())
}

fn text(value: &[u8]) -> Result<&str, Unfit> {
    std::str::from_utf8(value).map_err(|_| Unfit::NotText)
}

fn without_nul(value: &[u8]) -> Result<(), Unfit> {
    if value.contains(&0) { Err(Unfit::Nul) } else { Ok(()) }
}

fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [byte >> 4, byte & 15].map(|value| DIGITS[usize::from(value)])
}

/// Writes a word or an assignment of a unit file: in quotes, with escapes as in C.
fn systemd(value: &str, doubled: &[char], out: &mut SecretBuffer) -> Result<(), Unfit> {
    without_nul(value.as_bytes())?;
    if value.len() > WORD_BYTES_MAX {
        return Err(Unfit::Long);
    }
    push(out, b"\"")?;
    for c in value.chars() {
        match c {
            '"' | '\\' => push(out, b"\\").and(push_char(out, c))?,
            c if c.is_ascii_control() => {
                push(out, b"\\x")?;
                push(out, &hex(u8::try_from(c).unwrap_or_default()))?;
            }
            c if doubled.contains(&c) => push_char(out, c).and(push_char(out, c))?,
            c => push_char(out, c)?,
        }
    }
    push(out, b"\"")
}

/// Writes a value of a file of `EnvironmentFile=`: in quotes, in which line breaks stand as they are.
fn environment_file(value: &str, out: &mut SecretBuffer) -> Result<(), Unfit> {
    without_nul(value.as_bytes())?;
    if value.len() > WORD_BYTES_MAX {
        return Err(Unfit::Long);
    }
    push(out, b"\"")?;
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            push(out, b"\\")?;
        }
        push_char(out, c)?;
    }
    push(out, b"\"")
}

/// Writes a word for a shell: in single quotes nothing means anything, but the quote.
fn shell(value: &[u8], out: &mut SecretBuffer) -> Result<(), Unfit> {
    without_nul(value)?;
    push(out, b"'")?;
    for byte in value {
        match byte {
            b'\'' => push(out, br"'\''")?,
            byte => push(out, &[*byte])?,
        }
    }
    push(out, b"'")
}

/// Says how a character is written between double quotes.
enum Written {
    AsIs,
    /// Behind a backslash.
    Short(u8),
    /// By its number, in four digits.
    Number,
}

fn quoted(value: &str, out: &mut SecretBuffer, written: fn(char) -> Written) -> Result<(), Unfit> {
    push(out, b"\"")?;
    for c in value.chars() {
        match written(c) {
            Written::AsIs => push_char(out, c)?,
            Written::Short(letter) => push(out, &[b'\\', letter])?,
            Written::Number => {
                push(out, b"\\u")?;
                let [high, low] = u16::try_from(u32::from(c)).unwrap_or_default().to_be_bytes();
                push(out, &hex(high)).and(push(out, &hex(low)))?;
            }
        }
    }
    push(out, b"\"")
}

fn json(c: char) -> Written {
    match c {
        '"' => Written::Short(b'"'),
        '\\' => Written::Short(b'\\'),
        '\n' => Written::Short(b'n'),
        '\r' => Written::Short(b'r'),
        '\t' => Written::Short(b't'),
        c if c < ' ' => Written::Number,
        _ => Written::AsIs,
    }
}

/// YAML takes less as it is than JSON does: what it does not print, and what YAML 1.1 takes for a line break.
fn yaml(c: char) -> Written {
    match c {
        '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => Written::Number,
        c => json(c),
    }
}

fn toml(c: char) -> Written {
    match c {
        '\u{7f}' => Written::Number,
        c => json(c),
    }
}

/// Writes a value behind `key =`. There are no quotes that every reader of such files understands, so what would need
/// some is refused.
fn ini(value: &str, out: &mut SecretBuffer) -> Result<(), Unfit> {
    without_nul(value.as_bytes())?;
    if value.contains(['\n', '\r']) {
        return Err(Unfit::LineBreak);
    }
    let blank = |c: char| c.is_whitespace();
    let comment = value.char_indices().any(|(at, c)| {
        matches!(c, ';' | '#') && value.get(..at).is_none_or(|before| before.is_empty() || before.ends_with(blank))
    });
    let bare = value.chars().any(char::is_control)
        || value.starts_with(|c| blank(c) || matches!(c, '"' | '\''))
        || value.ends_with(|c| blank(c) || c == '\\')
        || comment;
    if bare {
        return Err(Unfit::Bare);
    }
    push(out, value.as_bytes())
}

fn base64(value: &[u8], out: &mut SecretBuffer) -> Result<(), Unfit> {
    for chunk in value.chunks(3) {
        push(out, &crate::base64::quad(chunk))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(encoding: &str, value: &str, expected: Result<&str, Unfit>) {
        let mut out = SecretBuffer::with_room(room(value.len()));
        let written = write(encoding, value.as_bytes(), &mut out);
        let found = written.map(|()| std::str::from_utf8(out.bytes()).unwrap());
        assert_eq!(found, expected, "{encoding} of {value:?}");
    }

    #[test]
    fn each_encoding_brings_its_own_quotes() {
        let value = "a\"b'c\\d %h $e\n";
        check("raw", value, Ok(value));
        check("systemd.environment", value, Ok(r#""a\"b'c\\d %%h $e\x0a""#));
        check("systemd.exec", value, Ok(r#""a\"b'c\\d %%h $$e\x0a""#));
        check("systemd.environment-file", value, Ok("\"a\\\"b'c\\\\d %h $e\n\""));
        check("shell.single", value, Ok("'a\"b'\\''c\\d %h $e\n'"));
        check("json.string", value, Ok(r#""a\"b'c\\d %h $e\n""#));
        check("yaml.string", "a\u{85}\u{2028}é\t\u{1}", Ok(r#""a\u0085\u2028é\t\u0001""#));
        check("toml.string", "\u{7f}\r\u{2028}", Ok("\"\\u007f\\r\u{2028}\""));
        check("base64", value, Ok("YSJiJ2NcZCAlaCAkZQo="));
        check("hex", "\u{1}Aÿ", Ok("0141c3bf"));
        for encoding in ["systemd.environment", "systemd.exec", "systemd.environment-file", "json.string"] {
            check(encoding, "", Ok("\"\""));
        }
        check("shell.single", "", Ok("''"));
        check("xml", "a", Err(Unfit::Unknown));
    }

    #[test]
    fn what_a_place_cannot_hold_is_refused() {
        for encoding in ["systemd.environment", "systemd.exec", "systemd.environment-file", "shell.single", "ini.value"]
        {
            check(encoding, "a\0b", Err(Unfit::Nul));
        }
        for encoding in ["systemd.environment", "systemd.exec", "systemd.environment-file"] {
            let long = "x".repeat(WORD_BYTES_MAX + 1);
            check(encoding, &long, Err(Unfit::Long));
        }
        check("ini.value", "a\nb", Err(Unfit::LineBreak));
        for value in [" a", "a ", "\"a\"", "'a", "a\\", "#a", "a ;b", "a\tb"] {
            check("ini.value", value, Err(Unfit::Bare));
        }
        check("ini.value", "p@ss#w;o\"r d=1", Ok("p@ss#w;o\"r d=1"));
        let mut out = SecretBuffer::with_room(room(2));
        assert_eq!(write("json.string", b"\xff\xfe", &mut out), Err(Unfit::NotText));
        assert_eq!(write("shell.single", b"\xff\xfe", &mut out), Ok(()));
    }

    fn written(encoding: &str, value: &str) -> String {
        let mut out = SecretBuffer::with_room(room(value.len()));
        write(encoding, value.as_bytes(), &mut out).unwrap();
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&written("json.string", &value)).unwrap(), value.clone());
            // What YAML takes between double quotes is JSON too.
            prop_assert_eq!(serde_json::from_str::<String>(&written("yaml.string", &value)).unwrap(), value.clone());
            let document = format!("key = {}", written("toml.string", &value)).parse::<toml_edit::DocumentMut>().unwrap();
            prop_assert_eq!(document["key"].as_str(), Some(value.as_str()));
            prop_assert_eq!(crate::base64::decode(&written("base64", &value)).unwrap(), value.into_bytes());
        }
    }

    #[test]
    fn a_shell_reads_a_word_as_it_is() {
        let value = "it's \"$HOME\" `x` \\ !\n*";
        let script = format!("printf %s {}", written("shell.single", value));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
    }

    #[test]
    fn there_is_room_for_the_worst_value() {
        for encoding in
            ["raw", "systemd.environment", "systemd.exec", "systemd.environment-file", "shell.single", "json.string"]
                .into_iter()
                .chain(["yaml.string", "toml.string", "base64", "hex"])
        {
            for worst in ["\u{1}", "'", "\"", "%", "$", "\u{7f}", "\u{85}", "\u{2028}"] {
                let value = worst.repeat(50);
                let mut out = SecretBuffer::with_room(room(value.len()));
                assert_eq!(write(encoding, value.as_bytes(), &mut out), Ok(()), "{encoding} {worst:?}");
            }
        }
    }
}
