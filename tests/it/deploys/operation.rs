//! What is killed, failed and cut off: where each operation starts, and at what it may end.

use super::site::{Site, deploying, is_tidy, tree};
use crate::kill::tracer::{Step, steps};
use crate::support::run;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// An operation: where it starts, what is said, and at which generations it may end.
pub(super) struct Operation {
    pub(super) name: &'static str,
    /// Which versions were deployed before.
    before: &'static [usize],
    pub(super) words: Vec<&'static str>,
    pub(super) from: usize,
    pub(super) to: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Another generation becomes live.
    Change,
    /// Old generations go, one by one.
    Trim,
    /// What somebody spoiled is as it was.
    Repair,
}

/// How something that was interrupted ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Old,
    New,
}

pub(super) fn operations() -> Vec<Operation> {
    let operation = |name, kind, before, words: &[&'static str], from, to| Operation {
        name,
        before,
        words: words.to_vec(),
        from,
        to,
        kind,
    };
    vec![
        operation("deploy", Kind::Change, &[], &deploying(1), 0, 1),
        operation("redeploy", Kind::Change, &[1], &deploying(2), 1, 2),
        operation("rollback", Kind::Change, &[1, 2], &["rollback", "App"], 2, 1),
        operation("set-current", Kind::Change, &[1, 2], &["set-current", "App", "1"], 2, 1),
        operation("remove", Kind::Change, &[1, 2], &["remove", "App"], 2, 0),
        operation("trim", Kind::Trim, &[1, 2, 1, 2], &["trim", "App", "--keep", "2"], 4, 4),
        operation("repair", Kind::Repair, &[1, 2], &["repair", "App"], 2, 2),
    ]
}

/// Returns the operations of these names.
pub(super) fn some_operations(names: &[&str]) -> Vec<Operation> {
    operations().into_iter().filter(|operation| names.contains(&operation.name)).collect()
}

impl Operation {
    /// Tells whether it changes files, with a journal.
    pub(super) fn is_commit(&self) -> bool {
        self.kind != Kind::Trim
    }

    /// Makes the host `before`, at which it starts, and the host `done`, at which it ends.
    pub(super) fn prepare(&self, site: &Site) {
        let before = site.path("before");
        let _ = fs::remove_dir_all(&before);
        fs::create_dir(&before).expect("it was removed");
        for &version in self.before {
            site.deploy("before", version);
        }
        if self.kind == Kind::Repair {
            let file = |name: &str| before.join("etc/app").join(name);
            fs::write(file("bytes/6"), "by hand").expect("it is there");
            fs::set_permissions(file("same/1"), fs::Permissions::from_mode(0o604)).expect("it is there");
            fs::remove_file(file("both/14")).expect("it is there");
            fs::remove_file(file("same/2")).expect("it is there");
            std::os::unix::fs::symlink("/etc/hostname", file("same/2")).expect("it is gone");
        }
        site.copy("before", "done");
        site.done("done", &self.words);
        assert_eq!(self.end(site, &site.path("done"), self.name), End::New);
    }

    /// Returns the steps that it takes; `before` is made for it.
    pub(super) fn steps(&self, site: &Site) -> Vec<Step> {
        self.prepare(site);
        site.copy("before", "host");
        steps(site.command("host", &self.words), &site.path("trace"))
    }

    /// Tells at which of both ends a host is, wholly. It panics if it is at neither.
    #[track_caller]
    pub(super) fn end(&self, site: &Site, host: &Path, about: &str) -> End {
        let found = tree(host);
        if self.kind == Kind::Repair && found == tree(&site.path("before")) {
            is_tidy(host, about);
            return End::Old;
        }
        let number = site.generation_by(host, &found, about);
        match self.kind {
            Kind::Repair => assert_eq!(number, self.to, "{about}"),
            Kind::Change => assert!(number == self.from || number == self.to, "{about}: it is at {number}"),
            Kind::Trim => {
                assert_eq!(number, self.to, "{about}");
                return if records(host) > self.kept() { End::Old } else { End::New };
            }
        }
        if number == self.to { End::New } else { End::Old }
    }

    /// Checks that what has no journal goes on where it was stopped: nothing is left that would not be, had it not been.
    #[track_caller]
    pub(super) fn settles(&self, site: &Site, about: &str) {
        if self.kind != Kind::Trim {
            return;
        }
        let history = run(site.command("host", &["history", "App"]));
        assert_eq!(history.code, Some(0), "{about}: {history:#?}");
        site.done("host", &self.words);
        for directory in ["deployments/App", "deployments/.blobs"] {
            let (found, expected) = (site.path("host").join(directory), site.path("done").join(directory));
            assert_eq!(names(&found), names(&expected), "{about}: {directory}");
        }
    }

    fn kept(&self) -> usize {
        2
    }
}

/// Runs a command that only looks: it has to find things whole, or to make them so.
#[track_caller]
pub(super) fn next_command(site: &Site, host: &str, about: &str) {
    next_command_at(site, &site.path(host), about);
}

#[track_caller]
pub(super) fn next_command_at(site: &Site, host: &Path, about: &str) {
    let outcome = run(site.command_at(host, &["list"]));
    assert_eq!(outcome.code, Some(0), "{about}: {outcome:#?}");
}

fn records(host: &Path) -> usize {
    names(&host.join("deployments/App")).iter().filter(|name| name.starts_with("gen-")).count()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
