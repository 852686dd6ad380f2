//! How text is written in each place in which systemd reads it: one function per place. Whatever a function returns is
//! read back as exactly the text that it was given; what no writing can achieve that for is refused.
//!
//! Nothing else in this plugin may escape, double or quote. What follows is true of systemd 252 and was tried on it.

/// Why a text cannot stand in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    Nul,
    LineBreak,
    /// The line would go on with the next one.
    TrailingBackslash,
    /// A program's path with a character that systemd refuses there.
    PathCharacter,
    /// A path with a character that would be taken for a pattern.
    Pattern,
    /// A word with white space, a quote or a backslash, where these cannot be written.
    WordCharacter,
    TooLong,
}

/// The longest line that systemd reads, without its end.
const LINE_BYTES_MAX: usize = (1 << 20) - 1;

impl Unfit {
    /// Returns the end of a sentence whose subject is the text.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Unfit::Nul => "holds a NUL character, which cannot be written there",
            Unfit::LineBreak => "holds a line break, which would begin another directive",
            Unfit::TrailingBackslash => "ends with a backslash, which would join it with the next line",
            Unfit::PathCharacter => {
                "holds a quote, a backslash, `$` or a control character, which cannot be in the path of a program"
            }
            Unfit::Pattern => "holds `*`, `?`, `[` or a backslash, which systemd takes for a pattern",
            Unfit::WordCharacter => {
                "holds white space, a quote, a backslash or a control character, which cannot be written there"
            }
            Unfit::TooLong => "is longer than the line that systemd reads: 1048575 bytes",
        }
    }
}

/// Writes an argument of `ExecStart=`. Specifiers and variables are not expanded in it.
pub(crate) fn exec_word(text: &str) -> Result<String, Unfit> {
    without_nul(text)?;
    // A word of its own is what ends a command.
    if text.is_empty() || text == ";" || needs_quotes(text) {
        return Ok(in_quotes(text, &['%', '$']));
    }
    Ok(doubled(text, &['%', '$']))
}

/// Writes the path of a program, the first word of `ExecStart=`. It is absolute, so it cannot begin with one of the
/// characters that mean something there.
pub(crate) fn exec_path(text: &str) -> Result<String, Unfit> {
    // The path itself is never expanded like the word that the program sees, so `$` has no writing that is right for
    // both.
    if text.chars().any(|c| c.is_ascii_control() || matches!(c, '"' | '\'' | '\\' | '$')) {
        return Err(Unfit::PathCharacter);
    }
    if text.contains(' ') {
        return Ok(in_quotes(text, &['%']));
    }
    Ok(doubled(text, &['%']))
}

/// Writes a whole assignment of `Environment=`.
pub(crate) fn environment(name: &str, value: &str) -> Result<String, Unfit> {
    without_nul(value)?;
    let assignment = format!("{name}={value}");
    Ok(if needs_quotes(value) { in_quotes(&assignment, &['%']) } else { doubled(&assignment, &['%']) })
}

/// Writes a part of the value in an assignment of `Environment=`, which other parts with quotes of their own stand
/// beside.
pub(crate) fn environment_part(text: &str) -> Result<String, Unfit> {
    without_nul(text)?;
    Ok(if needs_quotes(text) { in_quotes(text, &['%']) } else { doubled(text, &['%']) })
}

/// Writes a value, or a part of one, in a file of `EnvironmentFile=`: in quotes, in which line breaks stand as they
/// are.
pub(crate) fn environment_file(text: &str) -> Result<String, Unfit> {
    without_nul(text)?;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    Ok(out)
}

/// Passes the value of a directive, which is written in systemd's own language and stays as it is, if it is one line.
pub(crate) fn directive(text: &str) -> Result<&str, Unfit> {
    let value = one_line(text)?;
    let backslashes = value.chars().rev().take_while(|&c| c == '\\').count();
    if backslashes % 2 == 1 { Err(Unfit::TrailingBackslash) } else { Ok(value) }
}

/// Writes the path of `EnvironmentFile=`, which is a pattern after specifiers are expanded.
pub(crate) fn pattern_path(path: &str) -> Result<String, Unfit> {
    if path.contains(['*', '?', '[', '\\']) {
        return Err(Unfit::Pattern);
    }
    Ok(doubled(directive(path)?, &['%']))
}

/// Writes the path of `LoadCredential=`, in which only specifiers are expanded.
pub(crate) fn credential_path(path: &str) -> Result<String, Unfit> {
    Ok(doubled(directive(path)?, &['%']))
}

/// Writes a word of sysusers.d.
pub(crate) fn sysusers_word(text: &str) -> Result<String, Unfit> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '\\')) {
        return Err(Unfit::WordCharacter);
    }
    Ok(doubled(text, &['%']))
}

/// Passes a line of tmpfiles.d, which is written in systemd's own language and stays as it is.
pub(crate) fn tmpfiles_line(text: &str) -> Result<&str, Unfit> {
    one_line(text)
}

/// Passes a line of a unit file, if systemd reads lines that long.
pub(crate) fn unit_line(key: &str, value: &str) -> Result<(), Unfit> {
    if key.len() + 1 + value.len() > LINE_BYTES_MAX { Err(Unfit::TooLong) } else { Ok(()) }
}

fn one_line(text: &str) -> Result<&str, Unfit> {
    without_nul(text)?;
    if text.contains(['\n', '\r']) { Err(Unfit::LineBreak) } else { Ok(text) }
}

fn without_nul(text: &str) -> Result<(), Unfit> {
    if text.contains('\0') { Err(Unfit::Nul) } else { Ok(()) }
}

fn needs_quotes(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_control() || matches!(c, ' ' | '"' | '\'' | '\\'))
}

fn doubled(text: &str, signs: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if signs.contains(&c) {
            out.push(c);
        }
        out.push(c);
    }
    out
}

/// Writes text in double quotes, with escapes as in C.
fn in_quotes(text: &str, signs: &[char]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if signs.contains(&c) => out.extend([c, c]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
