//! The same as somebody else, and where namespaces are refused. These tests run this program once more.

use crate::world::{HELPER, again, skip};
use expect_test::expect;
use punix_build::sandbox::{Reason, probe};
use punix_diag::{Detail, Diagnostic, Look, SourceMap, render};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Set where this program is run once more.
const AGAIN: &str = "PUNIX_TEST_AGAIN";
const NOBODY: &str = "65534";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn namespaces_can_be_used_here() {
    probe(Path::new(HELPER)).unwrap();
}

#[test]
fn an_unprivileged_user_has_the_same_sandbox() {
    if std::env::var_os(AGAIN).is_some() {
        return;
    }
    let name = format!("punix-sandbox-nobody-{}", std::process::id());
    let place: PathBuf = std::env::temp_dir().join(name);
    fs::create_dir(&place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]);
    let may_start = Command::new("setpriv")
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--", HELPER])
        .output()
        .is_ok_and(|output| output.status.code() == Some(2));
    if !may_start {
        skip("this is not root, or nobody else may run what was built");
        fs::remove_dir(&place).unwrap();
        return;
    }
    let output = command.arg(std::env::current_exe().unwrap()).env(AGAIN, "1").env("TMPDIR", &place).output().unwrap();
    let left: Vec<_> = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
    fs::remove_dir_all(&place).unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(left.is_empty(), "{left:?}");
}

/// Run by the test below.
#[test]
fn machine_without_namespaces() {
    if std::env::var_os(AGAIN).is_none_or(|what| what != "refused") {
        return;
    }
    let mut unavailable = probe(Path::new(HELPER)).unwrap_err();
    assert!(unavailable.reasons.contains(&Reason::NoneAllowed), "{unavailable:?}");
    unavailable.reasons = vec![Reason::NoneAllowed, Reason::NotForUsers, Reason::Apparmor, Reason::Container];
    let look = Look { color: false, detail: Detail::Lines };
    expect![[r#"
        error: [E8] builds cannot be kept apart here: cannot make namespaces: No space left on device (os error 28)
        note: `user.max_user_namespaces` is 0: `sysctl user.max_user_namespaces=10000` allows some
        note: `kernel.unprivileged_userns_clone` is 0: `sysctl kernel.unprivileged_userns_clone=1` lets users make them
        note: `kernel.apparmor_restrict_unprivileged_userns` is 1: give `punix` an AppArmor profile that allows `userns`, or set it to 0
        note: this is a container: it must be allowed to make namespaces and to mount, such as by `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`
        help: allow namespaces, or give up isolation with `--no-sandbox`: builds then see and can change all that you can
    "#]].assert_eq(&render(&[Diagnostic::from(unavailable)], &SourceMap::default(), look));
}

#[test]
fn a_refusal_says_what_to_do() {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "/bin/sh", "-c"]);
    command.arg("echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"").arg("sh");
    let output = again(command, "other_users::machine_without_namespaces").env(AGAIN, "refused").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}
