//! The write boundary, as far as it can be told without looking at a target: which paths a stack may write to, and with
//! which modes. The target draws the same boundary again where links really lead.

#[cfg(test)]
mod tests;

use crate::design::Design;
use crate::render::{Rendered, RenderedFile};
use punix_diag::{Code, Diagnostic};
use punix_target::{Boundary, Maker, Reason, TargetPath};
use std::collections::BTreeMap;

/// Looks at all files of a stack. Returns everything that may not be written, and why.
pub fn check_boundary(design: &Design, rendered: &Rendered, boundary: &Boundary) -> Vec<Diagnostic> {
    punix_diag::drill("boundary");
    let mut refusals = Vec::new();
    for file in &rendered.files {
        refusals.extend(place(design, file, boundary));
        if let Some((why, help)) = mode(file) {
            refusals.push(refusal(design, file, format!("`{}` may not be written: {why}", file.path), help));
        }
    }
    collisions(design, &rendered.files, &mut refusals);
    refusals
}

fn refusal(design: &Design, file: &RenderedFile, message: String, help: &str) -> Diagnostic {
    let error = Diagnostic::error(Code::E30, message).at(file.at.unwrap_or(design.backend_at)).help(help);
    match Maker::of(&file.made_by) {
        Maker::Stack => error,
        Maker::Backend => error.note(format!("`{}` wants to write it", file.made_by)),
    }
}

fn place(design: &Design, file: &RenderedFile, boundary: &Boundary) -> Option<Diagnostic> {
    let maker = Maker::of(&file.made_by);
    if let Err(crossing) = boundary.check(&file.path, &file.path, maker) {
        let help = match crossing.reason {
            Reason::Link(_) => "replace the link by a directory",

            Reason::Outside { .. } => "put the file below one of these",
            Reason::Denied { .. } => "no stack writes there; do it by hand, if at all",
            Reason::Rendered { .. } => {
                "describe the unit in `services`; what a service needs besides goes into `serviceConfig`"
            }
        };
        return Some(refusal(design, file, crossing.to_string(), help));
    }
    let known = || boundary.rendered.iter().any(|place| file.path.is_within(place));
    if maker == Maker::Stack || known() || is_called_after(design, &file.path) {
        return None;
    }
    let message = format!("`{}` may not be written: it is not called after the stack", file.path);
    let help = "a backend writes units, environment files, and files called `punix-STACK` or `punix-STACK.…`; this is a \
                fault of the plugin";
    Some(refusal(design, file, message, help))
}

/// Tells whether a path is one that no other stack's backend can mean: `/etc/supervisor/conf.d/punix-Web.api.conf`.
fn is_called_after(design: &Design, path: &TargetPath) -> bool {
    let behind = path.name().strip_prefix("punix-").and_then(|name| name.strip_prefix(&design.name));
    behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('.'))
}

fn mode(file: &RenderedFile) -> Option<(String, &'static str)> {
    let mode = file.mode;
    if mode & !0o777 != 0 {
        return Some((
            format!("the mode {mode:04o} has special bits, which give whoever executes it the rights of its owner"),
            "use the nine permission bits alone",
        ));
    }
    if mode & 0o022 != 0 {
        return Some((
            format!("with the mode {mode:04o} others could write to it"),
            "take the write bits of group and others away",
        ));
    }
    if file.secret && mode & 0o077 != 0 {
        return Some((
            format!("there are secrets in it, and with the mode {mode:04o} others could read it"),
            "a file with secrets is its owner's alone: `0600`, or leave `mode` out",
        ));
    }
    None
}

/// Finds paths that are written twice, and files that others need as a directory.
fn collisions(design: &Design, files: &[RenderedFile], refusals: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<&TargetPath, &RenderedFile> = BTreeMap::new();
    let who = |file: &RenderedFile| match file.at {
        Some(_) => "it is declared".to_owned(),
        None => format!("`{}` writes it", file.made_by),
    };
    for file in files {
        let Some(other) = first.get(&file.path) else {
            first.insert(&file.path, file);
            continue;
        };
        let both_declared = file.at.is_some() && other.at.is_some();
        let code = if both_declared { Code::E6 } else { Code::E30 };
        let at = file.at.or(other.at).unwrap_or(design.backend_at);
        let error = Diagnostic::error(code, format!("two files would be written to `{}`", file.path)).at(at);
        let error = match other.at {
            Some(place) if both_declared => error.note_at(place, "first declared here"),
            Some(_) | None => error.note(format!("{}, and {}", who(other), who(file))),
        };
        refusals.push(error.help("a path holds one file: leave one of them out"));
    }
    for file in files {
        let mut above = file.path.parent();
        while let Some(parent) = above {
            if let Some(other) = first.get(&parent) {
                let message = format!("`{parent}` would be a file, and the directory of `{}`", file.path);
                let error = Diagnostic::error(Code::E30, message).at(file.at.or(other.at).unwrap_or(design.backend_at));
                refusals.push(match other.at {
                    Some(place) => error.note_at(place, "the file is declared here"),
                    None => error.note(format!("`{}` writes the file", other.made_by)),
                });
                break;
            }
            above = parent.parent();
        }
    }
}
