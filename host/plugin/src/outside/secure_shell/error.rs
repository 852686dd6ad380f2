//! Why there is no connection, told apart as far as `ssh` tells. It says so in words only; these are those of OpenSSH, which
//! have been the same for many years. What is not recognised is shown as it is.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no connection, or nothing was started over it.
#[derive(Debug, thiserror::Error)]
pub enum SecureShellError {
    #[error("there is no program `{}`", program.display())]
    NoProgram { program: PathBuf },
    #[error("`{}` cannot be started: {error}", program.display())]
    Program { program: PathBuf, error: io::Error },
    #[error("no directory for the connection can be made in {}: {error}", list(tried))]
    Room { tried: Vec<PathBuf>, error: io::Error },
    #[error("the {what} `{path}` cannot be read: {error}")]
    File { what: &'static str, path: String, error: io::Error },
    #[error("the key of the host `{place}` is not known")]
    UnknownHostKey { place: String, said: String },
    #[error("the key of the host `{place}` is another than the known one")]
    ChangedHostKey { place: String, said: String },
    #[error("the key of the host `{place}` is revoked")]
    RevokedHostKey { place: String, said: String },
    #[error("`{place}` lets nobody in with the keys that there are")]
    Authentication { place: String, said: String },
    #[error("the host name of `{place}` cannot be resolved")]
    Unresolved { place: String, said: String },
    #[error("`{place}` refuses the connection")]
    Refused { place: String, said: String },
    #[error("`{place}` cannot be reached")]
    Unreachable { place: String, said: String },
    #[error("`{place}` did not answer within {} s", seconds(*after))]
    Late { place: String, after: Duration },
    #[error("`{place}` and this machine have no cipher or method in common")]
    Negotiation { place: String, said: String },
    #[error("there is no connection to `{place}`, since a host on the way or a command that reaches it failed")]
    OnTheWay { place: String },
    #[error("the configuration of `ssh` is refused")]
    Configuration { said: String },
    #[error("there is no connection to `{place}`")]
    Failed { place: String, said: String },
    #[error("the connection to `{place}` is gone")]
    Gone { place: String },
    #[error("`{place}` starts no further program over this connection")]
    Session { place: String, said: String },
}

impl SecureShellError {
    /// Returns what to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            SecureShellError::NoProgram { .. } => "install the client of OpenSSH",
            SecureShellError::Program { .. } | SecureShellError::Failed { .. } => "try `ssh -v` by hand",
            SecureShellError::Room { .. } => "set XDG_RUNTIME_DIR to a directory of your own with a short name",
            SecureShellError::File { .. } => "give a file that exists and that you may read",
            SecureShellError::UnknownHostKey { .. } => {
                "compare its fingerprint with what the host says of itself, then add it to the known hosts"
            }
            SecureShellError::ChangedHostKey { .. } => {
                "somebody may be in between: find out why it changed before you replace the known one"
            }
            SecureShellError::RevokedHostKey { .. } => "somebody may be in between: do not use this host",
            SecureShellError::Authentication { .. } => {
                "check the user and the key; nobody is asked for a password, and a key with one has to be in the agent"
            }
            SecureShellError::Unresolved { .. } => "check the name of the host",
            SecureShellError::Refused { .. } => "check the port, and that the SSH server runs",
            SecureShellError::Unreachable { .. } => "check the network and the address",
            SecureShellError::Late { .. } => {
                "check that the host is up, and that nothing in between drops the connection"
            }
            SecureShellError::Negotiation { .. } => "use a newer SSH server or client",
            SecureShellError::OnTheWay { .. } => {
                "connect to the host on the way by itself: `ssh` tells only there why not"
            }
            SecureShellError::Configuration { .. } => "correct the configuration that `ssh` names",
            SecureShellError::Gone { .. } => "connect again",
            SecureShellError::Session { .. } => "the server's MaxSessions may be too low",
        }
    }

    /// Returns what `ssh` said, if it said something.
    pub fn said(&self) -> &str {
        match self {
            SecureShellError::UnknownHostKey { said, .. }
            | SecureShellError::ChangedHostKey { said, .. }
            | SecureShellError::RevokedHostKey { said, .. }
            | SecureShellError::Authentication { said, .. }
            | SecureShellError::Unresolved { said, .. }
            | SecureShellError::Refused { said, .. }
            | SecureShellError::Unreachable { said, .. }
            | SecureShellError::Negotiation { said, .. }
            | SecureShellError::Configuration { said }
            | SecureShellError::Failed { said, .. }
            | SecureShellError::Session { said, .. } => said,
            SecureShellError::NoProgram { .. }
            | SecureShellError::Program { .. }
            | SecureShellError::Room { .. }
            | SecureShellError::File { .. }
            | SecureShellError::Late { .. }
            | SecureShellError::OnTheWay { .. }
            | SecureShellError::Gone { .. } => "",
        }
    }

    /// Reads why `ssh` did not connect in what it complained about.
    pub(super) fn read(place: String, complaint: &str, after: Duration) -> SecureShellError {
        let has = |words: &str| complaint.contains(words);
        let line = |words: &[&str]| said(complaint, words);
        match () {
            () if has("REVOKED HOST KEY") => {
                SecureShellError::RevokedHostKey { place, said: line(&["was revoked", "marked as revoked"]) }
            }
            () if has("HOST IDENTIFICATION HAS CHANGED") || has("has changed and you have requested strict") => {
                SecureShellError::ChangedHostKey { place, said: line(&["Offending", "has changed and you"]) }
            }
            () if has("host key is known for") || has("Host key verification failed") => {
                SecureShellError::UnknownHostKey {
                    place,
                    said: line(&["host key is known for", "verification failed"]),
                }
            }
            () if has("Bad configuration option") || has("bad configuration option") || has("terminating, ") => {
                SecureShellError::Configuration { said: line(&["onfiguration option", "terminating, "]) }
            }
            () if has("Could not resolve hostname") => {
                SecureShellError::Unresolved { place, said: line(&["Could not resolve hostname"]) }
            }
            () if has("Unable to negotiate") => {
                SecureShellError::Negotiation { place, said: line(&["Unable to negotiate"]) }
            }
            () if has("Permission denied (") || has("Too many authentication failures") => {
                // A key that others may read is the more useful reason.
                let words = ["UNPROTECTED PRIVATE KEY", "Permission denied (", "Too many authentication failures"];
                SecureShellError::Authentication { place, said: line(&words) }
            }
            () if has("Connection refused") => SecureShellError::Refused { place, said: line(&["Connection refused"]) },
            () if has("No route to host") || has("is unreachable") || has("Host is down") => {
                let words = ["No route to host", "is unreachable", "Host is down"];
                SecureShellError::Unreachable { place, said: line(&words) }
            }
            // What a connection is closed by that goes through a command.
            () if has("UNKNOWN port 65535") => SecureShellError::OnTheWay { place },
            () if has("timed out") => SecureShellError::Late { place, after },
            () => SecureShellError::Failed { place, said: line(&[]) },
        }
    }
}

/// Returns the first line that has one of these words, in their order, or the last line of all.
fn said(complaint: &str, words: &[&str]) -> String {
    const CHARACTERS_MAX: usize = 300;
    let with = |words: &&str| complaint.lines().find(|line| line.contains(*words));
    let last = || complaint.lines().rev().find(|line| !line.trim().is_empty());
    let line = words.iter().find_map(with).or_else(last).unwrap_or("");
    crate::word::cut_to(line.trim_matches(|character: char| character == '@' || character == ' '), CHARACTERS_MAX)
}

fn seconds(time: Duration) -> u64 {
    time.as_secs().max(1)
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(complaint: &str) -> (String, String) {
        let error = SecureShellError::read("root@web:22".to_owned(), complaint, Duration::from_secs(3));
        assert!(!error.help().is_empty());
        (error.to_string(), error.said().to_owned())
    }

    #[test]
    fn every_reason_is_told_from_the_others() {
        let changed = "@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@\nIT IS POSSIBLE\n\
             Offending ED25519 key in /k:1\nHost key for web has changed and you have requested strict checking.\n\
             Host key verification failed.";
        let cases = [
            (
                changed,
                "the key of the host `root@web:22` is another than the known one",
                "Offending ED25519 key in /k:1",
            ),
            (
                "No ED25519 host key is known for web and you have requested strict checking.\nHost key verification failed.",
                "the key of the host `root@web:22` is not known",
                "No ED25519 host key is known for web and you have requested strict checking.",
            ),
            (
                "@       WARNING: REVOKED HOST KEY DETECTED!               @\nED25519 host key for web was revoked and you",
                "the key of the host `root@web:22` is revoked",
                "ED25519 host key for web was revoked and you",
            ),
            (
                "root@web: Permission denied (publickey).",
                "`root@web:22` lets nobody in with the keys that there are",
                "root@web: Permission denied (publickey).",
            ),
            (
                "@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\nroot@web: Permission denied (publickey).",
                "`root@web:22` lets nobody in with the keys that there are",
                "WARNING: UNPROTECTED PRIVATE KEY FILE!",
            ),
            (
                "ssh: Could not resolve hostname web: Name or service not known",
                "the host name of `root@web:22` cannot be resolved",
                "ssh: Could not resolve hostname web: Name or service not known",
            ),
            (
                "ssh: connect to host web port 1: Connection refused",
                "`root@web:22` refuses the connection",
                "ssh: connect to host web port 1: Connection refused",
            ),
            (
                "ssh: connect to host web port 22: No route to host",
                "`root@web:22` cannot be reached",
                "ssh: connect to host web port 22: No route to host",
            ),
            (
                "Connection closed by UNKNOWN port 65535",
                "there is no connection to `root@web:22`, since a host on the way or a command that reaches it failed",
                "",
            ),
            ("Connection timed out during banner exchange", "`root@web:22` did not answer within 3 s", ""),
            (
                "Unable to negotiate with 127.0.0.1 port 22: no matching cipher found.",
                "`root@web:22` and this machine have no cipher or method in common",
                "Unable to negotiate with 127.0.0.1 port 22: no matching cipher found.",
            ),
            (
                "/c: line 2: Bad configuration option: foo\n/c: terminating, 1 bad configuration options",
                "the configuration of `ssh` is refused",
                "/c: line 2: Bad configuration option: foo",
            ),
            (
                "something\nkex_exchange_identification: Connection closed by remote host\n",
                "there is no connection to `root@web:22`",
                "kex_exchange_identification: Connection closed by remote host",
            ),
            ("", "there is no connection to `root@web:22`", ""),
        ];
        for (complaint, sentence, said) in cases {
            assert_eq!(read(complaint), (sentence.to_owned(), said.to_owned()), "{complaint}");
        }
    }
}
