//! Quoting: pure functions, one for each place that a text can stand in. What cannot stand there is refused, never
//! changed. For secrets the host does the same; their encodings are named in [`encoding`].

use crate::Error;

/// The names of encodings that the host has for secrets. Where one brings quotes, they are part of it.
pub mod encoding {
    /// As it is.
    pub const RAW: &str = "raw";
    /// A value in `Environment=` of a unit.
    pub const SYSTEMD_ENVIRONMENT: &str = "systemd.environment";
    /// A value in a file that `EnvironmentFile=` names.
    pub const SYSTEMD_ENVIRONMENT_FILE: &str = "systemd.environment-file";
    /// A word in `ExecStart=` and its like.
    pub const SYSTEMD_EXEC: &str = "systemd.exec";
    /// A word for a POSIX shell, in single quotes.
    pub const SHELL_SINGLE: &str = "shell.single";
    /// A text in JSON.
    pub const JSON_STRING: &str = "json.string";
    /// A text in YAML.
    pub const YAML_STRING: &str = "yaml.string";
    /// A text in TOML.
    pub const TOML_STRING: &str = "toml.string";
    /// What stands behind `name =` in an INI file.
    pub const INI_VALUE: &str = "ini.value";
    /// Base64 with its padding.
    pub const BASE64: &str = "base64";
    /// Lower-case hexadecimal digits.
    pub const HEX: &str = "hex";
}

/// Words for a POSIX shell.
pub mod shell {
    use super::*;

    /// Writes one word in single quotes. NUL is refused, since no argument can hold it.
    pub fn single(text: &str) -> Result<String, Error> {
        refuse_nul(text)?;
        Ok(format!("'{}'", text.replace('\'', r"'\''")))
    }

    /// Writes a command line.
    pub fn line<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Result<String, Error> {
        let words: Result<Vec<String>, Error> = words.into_iter().map(|word| single(word.as_ref())).collect();
        Ok(words?.join(" "))
    }
}

/// Texts in JSON.
pub mod json {
    use super::*;

    /// Writes a text with its quotes.
    pub fn string(text: &str) -> String {
        quoted(text, |character| character < ' ')
    }
}

/// Texts in YAML.
pub mod yaml {
    use super::*;

    /// Writes a text with its quotes, so that every reader of YAML takes it for a text. What YAML does not let stand
    /// unescaped is escaped.
    pub fn string(text: &str) -> String {
        quoted(text, |character| {
            character.is_control()
                || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        })
    }
}

/// Texts in TOML.
pub mod toml {
    use super::*;

    /// Writes a text with its quotes.
    pub fn string(text: &str) -> String {
        quoted(text, |character| character < ' ' || character == '\u{7f}')
    }
}

/// Values in INI files.
pub mod ini {
    use super::*;

    /// Returns a value as it can stand behind `name =`. INI has no quotes that all of its readers know, so what they would
    /// read as something else is refused: line breaks and other control characters, blanks at an end, and ` ;` or ` #`,
    /// where a comment could begin.
    pub fn value(text: &str) -> Result<String, Error> {
        let refused =
            |what: &str| Err(Error::invalid("quote.ini", format!("a value of an INI file cannot hold {what}")));
        if text.chars().any(|character| character.is_control() && character != '\t') {
            return refused("line breaks or control characters");
        }
        if text.trim() != text {
            return refused("blanks at its beginning or end");
        }
        if text.starts_with([';', '#']) || [" ;", " #", "\t;", "\t#"].iter().any(|mark| text.contains(mark)) {
            return refused("what begins a comment");
        }
        Ok(text.to_owned())
    }
}

/// Writes bytes in Base64, with padding.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 0x3f;
            out.push(if digit <= group.len() { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    out
}

/// Writes bytes in lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refuse_nul(text: &str) -> Result<(), Error> {
    match text.contains('\0') {
        true => Err(Error::invalid("quote.nul", "a word for a shell cannot hold NUL")),
        false => Ok(()),
    }
}

/// Writes a text between quotes with the escapes that JSON, YAML and TOML have in common.
fn quoted(text: &str, must_be_escaped: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // All that has to be escaped has at most four digits.
            other if must_be_escaped(other) => out.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What breaks whoever forgets something.
    const TORTURE: &[&str] = &[
        "",
        "plain",
        "it's",
        "''",
        "a \"b\" c",
        "$HOME `id` $(id) %h %% \\n \\",
        "two\nlines\r\n\ttab",
        "\u{7f}\u{85}\u{a0}\u{2028}\u{feff}é𝄞",
        "- x: #y",
        "null",
        "\u{1}\u{1f}",
    ];

    #[test]
    fn a_shell_reads_what_was_meant() {
        assert_eq!(shell::single("it's").unwrap(), r"'it'\''s'");
        assert_eq!(shell::line(["echo", "a b", ""]).unwrap(), "'echo' 'a b' ''");
        assert_eq!(shell::single("a\0b").unwrap_err().code, "quote.nul");
        for text in TORTURE {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", shell::single(text).unwrap())])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), *text);
        }
    }

    #[test]
    #[cfg(feature = "json")]
    fn a_reader_of_json_reads_what_was_meant() {
        for text in TORTURE.iter().copied().chain(["a\0b"]) {
            // YAML and TOML escape more, in words that JSON has too.
            for written in [json::string(text), yaml::string(text), toml::string(text)] {
                assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text, "{written}");
            }
        }
    }

    #[test]
    fn nothing_that_yaml_and_toml_forbid_is_left_unescaped() {
        assert_eq!(yaml::string("\u{7f}\u{85}\u{2028}\u{feff}"), r#""\u007f\u0085\u2028\ufeff""#);
        assert_eq!(toml::string("\u{7f}\u{85}"), "\"\\u007f\u{85}\"");
        assert_eq!(json::string("\u{7f}\u{85}é𝄞"), "\"\u{7f}\u{85}é𝄞\"");
    }

    #[test]
    fn an_ini_file_takes_what_it_can_hold_and_nothing_else() {
        for kept in ["", "a b", "a;b", "50%", "tab\there", "\"quoted\"", "é"] {
            assert_eq!(ini::value(kept).unwrap(), kept);
        }
        for refused in ["a\nb", " a", "a ", "a ;b", "a\t#b", "; a", "# a", "\u{1}", "a\0"] {
            assert_eq!(ini::value(refused).unwrap_err().code, "quote.ini", "{refused:?}");
        }
    }

    #[test]
    fn bytes_are_written_as_the_standards_say() {
        for (text, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")]
        {
            assert_eq!(base64(text.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
        assert_eq!(hex(&[0, 0x0f, 0xff]), "000fff");
    }
}
