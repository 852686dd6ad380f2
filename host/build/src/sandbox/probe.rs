//! Whether namespaces can be used here, and if not, what to do about it.

use super::answer::Action;
use super::border::SandboxError;
use super::order::Order;
use super::{Ending, Limits, supervise};
use punix_diag::{Code, Diagnostic};
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What an empty sandbox may use.
const LIMITS: Limits = Limits {
    wall: Duration::from_secs(30),
    memory_bytes: 1 << 30,
    processes: 100,
    open_files: 100,
    file_bytes: 1 << 30,
};
/// Files that are in the root of containers.
const CONTAINER_MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// Namespaces cannot be used here.
#[derive(Debug, thiserror::Error)]
#[error("builds cannot be kept apart here: {error}")]
pub struct Unavailable {
    /// The step that failed.
    pub error: SandboxError,
    /// What on this machine is known to be a reason for that.
    pub reasons: Vec<Reason>,
}

/// Something that keeps namespaces from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// `user.max_user_namespaces` is 0.
    NoneAllowed,
    /// `kernel.unprivileged_userns_clone` is 0.
    NotForUsers,
    /// `kernel.apparmor_restrict_unprivileged_userns` is 1.
    Apparmor,
    /// This is a container.
    Container,
}

impl Reason {
    fn words(self) -> &'static str {
        match self {
            Reason::NoneAllowed => {
                "`user.max_user_namespaces` is 0: `sysctl user.max_user_namespaces=10000` allows some"
            }
            Reason::NotForUsers => {
                "`kernel.unprivileged_userns_clone` is 0: `sysctl kernel.unprivileged_userns_clone=1` lets users make \
                 them"
            }
            Reason::Apparmor => {
                "`kernel.apparmor_restrict_unprivileged_userns` is 1: give `punix` an AppArmor profile that allows \
                 `userns`, or set it to 0"
            }
            Reason::Container => {
                "this is a container: it must be allowed to make namespaces and to mount, such as by \
                 `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`"
            }
        }
    }
}

impl From<Unavailable> for Diagnostic {
    fn from(unavailable: Unavailable) -> Diagnostic {
        let start = Diagnostic::error(Code::E8, unavailable.to_string());
        let start = unavailable.reasons.iter().fold(start, |diagnostic, reason| diagnostic.note(reason.words()));
        start.help(
            "allow namespaces, or give up isolation with `--no-sandbox`: builds then see and can change all that you \
             can",
        )
    }
}

/// Sets up a sandbox in which nothing runs.
pub(super) fn probe(helper: &Path) -> Result<(), Unavailable> {
    let unavailable = |error| Unavailable { reasons: reasons(&error), error };
    match supervise::run(helper, &Order::empty(LIMITS), &mut |_| {}, &AtomicBool::new(false)) {
        Ok(Ending::Success) => Ok(()),
        // An empty sandbox ends well, or its time is up.
        Ok(_) => Err(unavailable(SandboxError::Unkillable)),
        Err(error) => Err(unavailable(error)),
    }
}

/// Looks for what is known to keep namespaces from being used.
fn reasons(error: &SandboxError) -> Vec<Reason> {
    let SandboxError::Setup { action, .. } = error else {
        return Vec::new();
    };
    let is = |name: &str, value: &str| {
        fs::read_to_string(format!("/proc/sys/{name}")).is_ok_and(|text| text.trim() == value)
    };
    let mut reasons = Vec::new();
    if *action == Action::MakeNamespaces {
        let none = is("user/max_user_namespaces", "0").then_some(Reason::NoneAllowed);
        reasons.extend(none);
        reasons.extend(is("kernel/unprivileged_userns_clone", "0").then_some(Reason::NotForUsers));
    }
    reasons.extend(is("kernel/apparmor_restrict_unprivileged_userns", "1").then_some(Reason::Apparmor));
    let marked = CONTAINER_MARKS.iter().any(|mark| Path::new(mark).exists());
    if marked || std::env::var_os("container").is_some() {
        reasons.push(Reason::Container);
    }
    reasons
}
