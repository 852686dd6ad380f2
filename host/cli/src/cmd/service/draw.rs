//! Drawing what differs: files line by line, units with what happens to them and why. Colours only repeat what signs say.

use super::words::{deed, reasons, seen};
use punix_deploy::{Body, Deed, Fate, FileDiff, Hunk, LineKind, SecretDiff, UnitStep};
use std::collections::BTreeSet;

/// How it is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Brush {
    pub(super) color: bool,
}

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const PLAIN: &str = "\x1b[0m";

impl Brush {
    fn paint(self, text: &str, color: &str) -> String {
        if self.color { format!("{color}{text}{PLAIN}") } else { text.to_owned() }
    }

    /// Draws how files differ.
    pub(super) fn files(self, files: &[FileDiff]) -> String {
        files.iter().map(|file| self.file(file)).collect()
    }

    fn file(self, file: &FileDiff) -> String {
        let (sign, color, word) = match file.fate {
            Fate::Added => ("+", GREEN, "new"),
            Fate::Changed => ("~", YELLOW, "changed"),
            Fate::Removed => ("-", RED, "removed"),
        };
        let mut about = vec![word.to_owned()];
        about.extend(file.mode.map(|(was, is)| format!("mode {was:04o} → {is:04o}")));
        for (what, change) in [("owner", &file.owner), ("group", &file.group)] {
            let name = |name: &Option<String>| name.as_deref().map_or_else(|| "whoever deploys".to_owned(), seen);
            about.extend(change.as_ref().map(|(was, is)| format!("{what} {} → {}", name(was), name(is))));
        }
        let mut text = self.paint(&format!("{sign} {} ({})", seen(file.path.as_str()), about.join(", ")), color) + "\n";
        match &file.body {
            Body::Same => {}
            Body::Text { hunks, left_out } => {
                hunks.iter().for_each(|hunk| text.push_str(&self.hunk(hunk)));
                if *left_out > 0 {
                    text.push_str(&format!("    … and {left_out} more lines\n"));
                }
            }
            Body::Sizes { before, after } => text.push_str(&format!("    {before} bytes → {after} bytes\n")),
            Body::Secret(secret) => text.push_str(&self.secret(secret, file.fate)),
            Body::Unknown => text.push_str("    what it holds now was edited by hand, and is not shown\n"),
        }
        text
    }

    fn hunk(self, hunk: &Hunk) -> String {
        let ((from, old), (to, new)) = (hunk.before, hunk.after);
        let mut text = format!("    {}\n", self.paint(&format!("@@ -{from},{old} +{to},{new} @@"), CYAN));
        for line in &hunk.lines {
            let (sign, color) = match line.kind {
                LineKind::Both => (" ", None),
                LineKind::Before => ("-", Some(RED)),
                LineKind::After => ("+", Some(GREEN)),
            };
            let drawn = format!("{sign}{}", seen(&line.text));
            let drawn = color.map_or_else(|| drawn.clone(), |color| self.paint(&drawn, color));
            text.push_str(&format!("    {drawn}\n"));
            if line.unended {
                text.push_str("    \\ no line break at the end\n");
            }
        }
        text
    }

    /// Draws how a file with secrets differs: names, never values.
    fn secret(self, secret: &SecretDiff, fate: Fate) -> String {
        let SecretDiff { added, removed, kept, text, bytes } = secret;
        let list = |names: &BTreeSet<String>| names.iter().map(|name| seen(name)).collect::<Vec<_>>().join(", ");
        let mut lines = String::new();
        for (sign, names, color) in [("+", added, GREEN), ("-", removed, RED)] {
            if !names.is_empty() {
                lines.push_str(&format!("    {}\n", self.paint(&format!("{sign} secret {}", list(names)), color)));
            }
        }
        let is_other = *bytes && !text && added.is_empty() && removed.is_empty();
        if !kept.is_empty() {
            let what = if is_other { "changed" } else { "unchanged, or changed with the rest" };
            let what = if *bytes { what } else { "unchanged" };
            lines.push_str(&format!("    secret {}: {what}\n", list(kept)));
        }
        if *text && fate == Fate::Changed {
            lines.push_str("    the text around the secrets changed\n");
        }
        if lines.is_empty() {
            lines.push_str("    a text that is a secret itself\n");
        }
        lines
    }

    /// Draws what happens to units, and why.
    pub(super) fn units(self, steps: &[UnitStep]) -> String {
        let mut text = String::new();
        for step in steps {
            let color = match step.deed {
                Deed::Start => GREEN,
                Deed::Restart | Deed::Reload => YELLOW,
                Deed::Remove => RED,
                Deed::Nothing => continue,
            };
            let why = reasons(step);
            let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
            let line = format!("  {} {}{why}", deed(step.deed), seen(&step.unit));
            text.push_str(&self.paint(&line, color));
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use punix_deploy::Line;
    use punix_target::TargetPath;

    fn diff(fate: Fate, body: Body) -> FileDiff {
        let path = TargetPath::parse("/etc/a").expect("it is a path");
        FileDiff { path, fate, body, mode: Some((0o644, 0o600)), owner: None, group: None }
    }

    #[test]
    fn lines_have_signs_and_nothing_moves_the_cursor() {
        let line = |kind, text: &str, unended| Line { kind, text: text.to_owned(), unended };
        let lines = vec![
            line(LineKind::Both, "a", false),
            line(LineKind::Before, "b\x1b[1m", false),
            line(LineKind::After, "c", true),
        ];
        let hunk = Hunk { before: (1, 2), after: (1, 2), lines };
        let file = diff(Fate::Changed, Body::Text { hunks: vec![hunk], left_out: 2 });
        let expected = "~ /etc/a (changed, mode 0644 → 0600)\n    @@ -1,2 +1,2 @@\n     a\n    -b\\u{1b}[1m\n    +c\n    \
                        \\ no line break at the end\n    … and 2 more lines\n";
        assert_eq!(Brush { color: false }.file(&file), expected);
        let colored = Brush { color: true }.file(&file);
        assert!(colored.contains("\x1b[31m-b\\u{1b}[1m\x1b[0m"), "{colored}");
    }

    #[test]
    fn secrets_are_names() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let secret = SecretDiff {
            added: names(&["from_env:A"]),
            kept: names(&["from_env:B"]),
            bytes: true,
            ..SecretDiff::default()
        };
        let drawn = Brush { color: false }.secret(&secret, Fate::Changed);
        assert_eq!(drawn, "    + secret from_env:A\n    secret from_env:B: unchanged, or changed with the rest\n");
        let rotated = SecretDiff { kept: names(&["from_env:B"]), bytes: true, ..SecretDiff::default() };
        assert_eq!(Brush { color: false }.secret(&rotated, Fate::Changed), "    secret from_env:B: changed\n");
    }
}
