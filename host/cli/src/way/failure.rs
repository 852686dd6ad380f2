//! Why there is no way to a machine, as people read it: which machine, what is wrong there, and what to do. All that another
//! machine says is outside text.

use super::boot::BootError;
use super::{Remote, WayOptions};
use crate::cmd::service::Stopped;
use punix_build::pipe::PipeError;
use punix_diag::{Code, Diagnostic};
use punix_model::{PipeEnd, PluginError};
use punix_plugin::is_unreachable;
use punix_target::{FrameError, TargetError, WayError};
use std::time::Duration;

/// How long a program that failed is waited for, to hear why.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How a shell ends whose program may not be run, and one that finds none.
const MAY_NOT_BE_RUN: i32 = 126;
const NOT_THERE: i32 = 127;

/// Says why there is no connection. Whether somebody there was heard decides what becomes of the host in a fleet.
pub(super) fn unconnected(remote: &Remote, error: &PluginError) -> Stopped {
    match refused(remote, error) {
        Stopped::World(diagnostics) if is_unreachable(error) => Stopped::Unreachable(diagnostics),
        stopped => stopped,
    }
}

/// Says why nothing is done over a connection, or for a target that is none.
pub(super) fn refused(remote: &Remote, error: &PluginError) -> Stopped {
    let (message, help) = halves(&error.message);
    if error.code == "ssh.file" {
        return Stopped::Usage { message, help };
    }
    let start = Diagnostic::error(Code::E31, format!("there is no way to `{remote}`: {message}"));
    world(help.into_iter().fold(start, Diagnostic::help))
}

/// Says why the program was not started.
pub(super) fn unstarted(remote: &Remote, options: &WayOptions, error: &BootError, end: &mut dyn PipeEnd) -> Stopped {
    let ended = end.finish(LAST_WORDS);
    let complained = last_line(&ended.complaint);
    let said = match error {
        BootError::Gone { printed } if complained.is_empty() => printed.clone(),
        _ => complained,
    };
    let at = |message: String| Diagnostic::error(Code::E31, format!("`{remote}`: {message}"));
    let start = match (error, ended.code) {
        (BootError::System { .. }, _) => {
            let start = Diagnostic::error(Code::E17, format!("`{remote}`: {error}"));
            return start.note("nothing was changed").help(error.help()).into();
        }
        (BootError::Gone { .. }, _) if options.becomes.is_some() && said.starts_with("sudo:") => {
            let start = at("`sudo` does not let us become root there without a password".to_owned());
            start.help("allow it in sudoers with NOPASSWD, or log in as root")
        }
        (BootError::Gone { .. }, Some(NOT_THERE)) => {
            at("there is no shell `sh`".to_owned()).help("install one there; it takes no more than that of busybox")
        }
        _ => at(error.to_string()).help(error.help()),
    };
    world(with(start, &said))
}

/// Says why the program that was started does not open the target.
pub(super) fn unopened(remote: &Remote, options: &WayOptions, error: TargetError, end: &mut dyn PipeEnd) -> Stopped {
    let TargetError::Way(way) = &error else { return error.into() };
    let program = match &options.target_bin {
        Some(path) => format!("`{}`", crate::ui::shown(path)),
        None => "`punix-target`".to_owned(),
    };
    let at = |message: String| Diagnostic::error(Code::E31, format!("`{remote}`: {message}"));
    let start = match way {
        WayError::Protocol { version, .. } => {
            let version = version.escape_debug();
            at(format!("{program} is of another version: {way}")).help(format!(
                "replace it: it is of {version}, and this is {}; without `--target-bin` the right one is sent",
                env!("CARGO_PKG_VERSION")
            ))
        }
        WayError::Frame(FrameError::Closed | FrameError::Torn) => {
            let ended = end.finish(LAST_WORDS);
            let start = match ended.code {
                Some(MAY_NOT_BE_RUN | NOT_THERE) => at(format!("{program} may not be run"))
                    .help("put one in a place from which programs may be run, and name it with `--target-bin`"),
                Some(code) => at(format!("{program} ended with code {code} before it had answered"))
                    .help("name a `punix-target` of this version with `--target-bin`, or none: then ours is sent"),
                None => at(format!("the connection broke before {program} had answered")).help("run the command again"),
            };
            with(start, &last_line(&ended.complaint))
        }
        WayError::Frame(FrameError::Alien | FrameError::Large | FrameError::Head(_)) => {
            at(format!("{program} does not answer as a `punix-target` does: {way}"))
                .help("name a `punix-target` of this version with `--target-bin`, or none: then ours is sent")
        }
        WayError::Frame(FrameError::Pipe(_))
        | WayError::Start { .. }
        | WayError::Silent { .. }
        | WayError::Unasked
        | WayError::Record(_) => at(format!("{program} does not answer: {way}")).help("run the command again"),
    };
    world(start)
}

/// Says why the program that was started builds nothing.
pub(super) fn ungreeted(remote: &Remote, error: PipeError, end: &mut dyn PipeEnd) -> Stopped {
    if let PipeError::Refused(_) = error {
        return world(Diagnostic::from(error).note(format!("`{remote}` builds nothing")));
    }
    let start = Diagnostic::from(error).note(format!("`punix-build` was started on `{remote}`"));
    world(with(start, &last_line(&end.finish(LAST_WORDS).complaint)))
}

fn world(diagnostic: Diagnostic) -> Stopped {
    Stopped::World(vec![diagnostic.note("nothing was changed")])
}

fn with(start: Diagnostic, said: &str) -> Diagnostic {
    if said.is_empty() { start } else { start.note(format!("it said: {said}")) }
}

/// Takes what the host tells through a transport apart: what is wrong, with what `ssh` said of it in brackets, and what to do.
fn halves(text: &str) -> (String, Option<String>) {
    let (message, help) = match text.rsplit_once("); ") {
        Some((message, help)) => (format!("{message})"), Some(help)),
        None => match text.split_once("; ") {
            Some((message, help)) => (message.to_owned(), Some(help)),
            None => (text.to_owned(), None),
        },
    };
    (visible(&message), help.map(visible))
}

fn last_line(complaint: &str) -> String {
    visible(complaint.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim())
}

fn visible(text: &str) -> String {
    let mut clean = String::new();
    punix_diag::visible(text, &mut clean);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str) -> PluginError {
        let (code, message) = (code.to_owned(), "`web` does not let us; look".to_owned());
        PluginError { class: punix_model::Class::Transient, code, message, at: None, retry_after_ms: None }
    }

    #[test]
    fn only_who_was_not_heard_is_unreachable() {
        let remote = Remote::parse("ssh://web").unwrap();
        let refused = refusal("ssh.refused");
        assert!(matches!(unconnected(&remote, &refused), Stopped::Unreachable(_)));
        // The connection stands then.
        assert!(matches!(super::refused(&remote, &refused), Stopped::World(_)));
        for code in ["ssh.changed-host-key", "ssh.authentication", "ssh.failed", "ssh.gone", "org.example.refused"] {
            assert!(matches!(unconnected(&remote, &refusal(code)), Stopped::World(_)), "{code}");
        }
        assert!(matches!(unconnected(&remote, &refusal("ssh.file")), Stopped::Usage { .. }));
    }

    #[test]
    fn what_is_wrong_stands_apart_from_what_to_do() {
        let cases = [
            (
                "`web` refuses the connection (`ssh` says: a; b); check the port",
                "`web` refuses the connection (`ssh` says: a; b)",
                "check the port",
            ),
            (
                "`web` lets nobody in (`ssh` says: (x)); check the key; nobody is asked",
                "`web` lets nobody in (`ssh` says: (x))",
                "check the key; nobody is asked",
            ),
            (
                "`web` did not answer within 3 s; check that it is up",
                "`web` did not answer within 3 s",
                "check that it is up",
            ),
        ];
        for (text, message, help) in cases {
            assert_eq!(halves(text), (message.to_owned(), Some(help.to_owned())));
        }
        assert_eq!(halves("no"), ("no".to_owned(), None));
    }
}
