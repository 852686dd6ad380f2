//! Errors of the store as diagnostics. Which package an error is about, and where it is declared, the caller knows.

use crate::derivation::DerivationError;
use crate::limits::DAMAGES_NAMED_MAX;
use crate::lock::LockError;
use crate::name::{NameError, StoreName};
use crate::object::AddError;
use crate::roots::{Issue, RootsError};
use crate::store::{CollectError, StoreError};
use crate::tree::TreeError;
use crate::verify::{Damage, VerifyError};
use punix_diag::{Code, Diagnostic};
use std::io::{self, ErrorKind};

impl From<NameError> for Diagnostic {
    fn from(error: NameError) -> Diagnostic {
        Diagnostic::error(Code::E1, error.to_string())
    }
}

impl From<DerivationError> for Diagnostic {
    fn from(error: DerivationError) -> Diagnostic {
        let message = error.to_string();
        match error {
            DerivationError::Name(error) => error.into(),
            DerivationError::System { .. } => Diagnostic::error(Code::E1, message),
            DerivationError::TooDeep { .. } | DerivationError::TooLarge { .. } => {
                Diagnostic::error(Code::E20, format!("the package is too large to be built: {message}"))
            }
            DerivationError::Read(_) | DerivationError::Field { .. } | DerivationError::Unknown { .. } => {
                Diagnostic::error(Code::E21, format!("a `derivation.json` cannot be read: {message}"))
            }
        }
    }
}

impl From<AddError> for Diagnostic {
    fn from(error: AddError) -> Diagnostic {
        let message = error.to_string();
        let help = match error {
            AddError::Tree(TreeError::Disk(error)) => return disk(message, &error),
            AddError::OtherLock { .. } => return Diagnostic::error(Code::E23, message),
            AddError::Empty => "let the build write its result below `$OUTPUT`",
            AddError::Reserved { .. } => "give it another name, or put it into a directory",
            AddError::Tree(TreeError::Kind { .. }) => "remove it at the end of the build",
            AddError::ManifestTooLarge
            | AddError::Tree(TreeError::TooMany | TreeError::TooDeep { .. } | TreeError::PathTooLong { .. }) => {
                "remove what is not needed at the end of the build, or pack it into an archive"
            }
        };
        Diagnostic::error(Code::E8, format!("the output cannot be stored: {message}")).help(help)
    }
}

impl From<StoreError> for Diagnostic {
    fn from(error: StoreError) -> Diagnostic {
        let message = error.to_string();
        let help = match error {
            StoreError::Io { error, .. } if error.kind() != ErrorKind::NotADirectory => return disk(message, &error),
            StoreError::Absent { .. } => "name the store that was meant; a build makes a new one",
            StoreError::NotAStore { .. } | StoreError::Io { .. } => {
                "name a store, or a directory that is empty or does not exist yet"
            }
            StoreError::Strange { .. } => "use the version of `punix` that made it, or another store",
        };
        Diagnostic::error(Code::E21, message).help(help)
    }
}

impl From<LockError> for Diagnostic {
    fn from(error: LockError) -> Diagnostic {
        let message = error.to_string();
        match error {
            LockError::Io { error, .. } => disk(message, &error),
            LockError::Held { holders, .. } => {
                let start = Diagnostic::error(Code::E23, message).help("wait for it to end, and try again");
                holders.iter().fold(start, |diagnostic, holder| {
                    diagnostic.note(format!("process {} holds it: `{}`", holder.process, holder.command))
                })
            }
        }
    }
}

impl From<CollectError> for Diagnostic {
    fn from(error: CollectError) -> Diagnostic {
        let message = error.to_string();
        match error {
            CollectError::Disk(error) => disk(message, &error),
            CollectError::Unreadable { name, .. } => Diagnostic::error(Code::E22, message)
                .note("nothing was removed")
                .help(format!("repair `{name}`, or remove what refers to it")),
        }
    }
}

impl From<RootsError> for Diagnostic {
    fn from(error: RootsError) -> Diagnostic {
        let help = match &error {
            RootsError::Absent { .. } => "name the directory that was meant".to_owned(),
            RootsError::Vanished { path, .. } => {
                format!("mount the disk that it is on; if it is gone for good, `--forget {}`", path.display())
            }
            RootsError::Unreadable { issue: Issue::Newer { .. }, .. } => "use the version that wrote it".to_owned(),
            RootsError::Unreadable { .. } => "mend it; or remove it, if nothing needs what it keeps".to_owned(),
            RootsError::TooMany => "remove what is not needed any more".to_owned(),
        };
        Diagnostic::error(Code::E22, error.to_string()).note("nothing was removed").help(help)
    }
}

impl From<VerifyError> for Diagnostic {
    fn from(error: VerifyError) -> Diagnostic {
        let message = error.to_string();
        match error {
            VerifyError::Tree(TreeError::Disk(error)) => disk(message, &error),
            VerifyError::Absent { .. } | VerifyError::Tree(_) => Diagnostic::error(Code::E21, message),
        }
    }
}

/// Tells what is wrong with an entry, or nothing if nothing is.
pub fn damaged(name: &StoreName, damages: &[Damage]) -> Option<Diagnostic> {
    let start = match damages {
        [] => return None,
        [damage] => Diagnostic::error(Code::E21, format!("`{name}` is damaged: {damage}")),
        damages => {
            let start = Diagnostic::error(Code::E21, format!("`{name}` is damaged in {} ways", damages.len()));
            let named = damages.iter().take(DAMAGES_NAMED_MAX);
            let more = damages.len().saturating_sub(DAMAGES_NAMED_MAX);
            let start = named.fold(start, |diagnostic, damage| diagnostic.note(damage.to_string()));
            if more > 0 { start.note(format!("and {more} more")) } else { start }
        }
    };
    Some(start.help("`punix store repair` makes it anew"))
}

fn disk(message: String, error: &io::Error) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::E23, message);
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            diagnostic.help("`punix store gc` removes what nothing needs any more")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            diagnostic.help("use a store that you may write to")
        }
        _ => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::Holder;
    use crate::roots::registry::Keeper;
    use crate::testing::derivation;
    use expect_test::{Expect, expect};
    use punix_diag::{Detail, Look, SourceMap, render};
    use std::path::PathBuf;
    use std::time::Duration;

    fn check(diagnostic: impl Into<Diagnostic>, expected: Expect) {
        let look = Look { color: false, detail: Detail::Lines };
        expected.assert_eq(&render(&[diagnostic.into()], &SourceMap::default(), look));
    }

    #[test]
    fn an_output_that_is_refused() {
        check(
            AddError::Empty,
            expect![[r#"
            error: [E8] the output cannot be stored: the output is empty
            help: let the build write its result below `$OUTPUT`
        "#]],
        );
        check(
            AddError::Tree(TreeError::Kind { path: "run/socket".into() }),
            expect![[r#"
            error: [E8] the output cannot be stored: `run/socket` is neither file nor link nor directory
            help: remove it at the end of the build
        "#]],
        );
        let full = io::Error::from(ErrorKind::StorageFull);
        check(
            AddError::from(full),
            expect![[r#"
            error: [E23] no storage space
            help: `punix store gc` removes what nothing needs any more
        "#]],
        );
    }

    #[test]
    fn a_directory_that_is_not_a_store() {
        check(
            StoreError::NotAStore { root: "/home/me".into(), found: ".bashrc".into() },
            expect![[r#"
            error: [E21] `/home/me` is not a store: it holds `.bashrc`
            help: name a store, or a directory that is empty or does not exist yet
        "#]],
        );
    }

    #[test]
    fn a_lock_that_is_held() {
        let holder = Holder { process: 42, command: "punix build".into(), since: 0 };
        let (path, waited) = (PathBuf::from("/s/.locks/store"), Duration::from_secs(10));
        check(
            LockError::Held { path, waited, holders: vec![holder] },
            expect![[r#"
            error: [E23] the lock `/s/.locks/store` was not free within 10 seconds
            note: process 42 holds it: `punix build`
            help: wait for it to end, and try again
        "#]],
        );
    }

    #[test]
    fn a_collection_that_is_refused() {
        let name = derivation("hello", &[]).name().clone();
        let issue = DerivationError::Field { key: "inputs" }.into();
        check(
            CollectError::Unreadable { name, issue },
            expect![[r#"
            error: [E22] `76410667e5032c1f9ff2030ced65f608-hello-1.0` is needed, but what it depends on cannot be read: `inputs` is not what it must be
            note: nothing was removed
            help: repair `76410667e5032c1f9ff2030ced65f608-hello-1.0`, or remove what refers to it
        "#]],
        );
    }

    #[test]
    fn roots_that_are_not_known() {
        let path = PathBuf::from("/d/Web/gen-1.json");
        check(
            RootsError::Unreadable { path: path.clone(), issue: Issue::NoPaths },
            expect![[r#"
                error: [E22] `/d/Web/gen-1.json` cannot be read: it has no `store_paths`
                note: nothing was removed
                help: mend it; or remove it, if nothing needs what it keeps
            "#]],
        );
        check(
            RootsError::Unreadable { path, issue: Issue::Newer { schema: "7".into(), known: 1 } },
            expect![[r#"
                error: [E22] `/d/Web/gen-1.json` cannot be read: it has schema 7, and this version of punix knows none above 1
                note: nothing was removed
                help: use the version that wrote it
            "#]],
        );
        check(
            RootsError::Vanished { keeper: Keeper::Deployments, path: "/mnt/d".into() },
            expect![[r#"
                error: [E22] the deployments root `/mnt/d` kept something of this store, and is gone or empty
                note: nothing was removed
                help: mount the disk that it is on; if it is gone for good, `--forget /mnt/d`
            "#]],
        );
    }

    #[test]
    fn an_entry_that_is_damaged() {
        let name = derivation("hello", &[]).name().clone();
        let missing = |number: usize| Damage::Missing { path: number.to_string().into() };
        assert_eq!(damaged(&name, &[]), None);
        check(
            damaged(&name, &[missing(1)]).unwrap(),
            expect![[r#"
            error: [E21] `76410667e5032c1f9ff2030ced65f608-hello-1.0` is damaged: `1` is missing
            help: `punix store repair` makes it anew
        "#]],
        );
        let many: Vec<Damage> = (0..DAMAGES_NAMED_MAX + 2).map(missing).collect();
        assert_eq!(damaged(&name, &many).unwrap().notes.len(), DAMAGES_NAMED_MAX + 1);
    }

    #[test]
    fn a_package_that_has_no_name() {
        check(
            NameError::Package { text: "../x".into() },
            expect![[r#"
            error: [E1] a package name begins with a letter or digit and goes on with these or `.`, `_`, `+`, `-`: `../x`
        "#]],
        );
        check(
            DerivationError::TooDeep { key: "recipeArgs" },
            expect![[r#"
                error: [E20] the package is too large to be built: `recipeArgs` is nested too deeply
            "#]],
        );
    }
}
