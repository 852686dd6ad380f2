//! Plans as they are made from what is on the disk.

use super::*;
use crate::sandbox::{Bind, Network};
use expect_test::{Expect, expect};
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A directory with a few things in it, which is removed.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let top = std::env::temp_dir().join(format!("punix-plan-{}-{number}", std::process::id()));
        for directory in ["tmp", "usr/bin", "usr/local/store/a", "usr/local/store/b", "work/source"] {
            fs::create_dir_all(top.join(directory)).unwrap();
        }
        fs::write(top.join("work/script.sh"), "").unwrap();
        symlink("usr/bin", top.join("bin")).unwrap();
        symlink("../work/script.sh", top.join("usr/resolv.conf")).unwrap();
        symlink("local", top.join("usr/share")).unwrap();
        Scratch(top)
    }

    fn plan(&self, binds: &[(&str, &str, Access)]) -> Result<Vec<Step>, PlanError> {
        let bind = |(outside, inside, access): &(&str, &str, Access)| Bind {
            outside: self.0.join(outside),
            inside: inside.into(),
            access: *access,
        };
        let limits = Limits { wall: Duration::ZERO, memory_bytes: 1, processes: 1, open_files: 1, file_bytes: 1 };
        plan(&Job {
            argv: vec!["/bin/sh".into()],
            environment: BTreeMap::new(),
            directory: "/".into(),
            binds: binds.iter().map(bind).collect(),
            temporary: self.0.join("tmp"),
            network: Network::None,
            limits,
        })
    }

    /// Compares the steps that are not the same in every plan.
    fn check(&self, binds: &[(&str, &str, Access)], expected: Expect) {
        let steps = self.plan(binds).unwrap();
        let common =
            bare_root(Limits { wall: Duration::ZERO, memory_bytes: 1, processes: 1, open_files: 1, file_bytes: 1 });
        let own = &steps[common.len() - 1..steps.len() - 1];
        assert_eq!(steps[..common.len() - 1], common[..common.len() - 1]);
        assert_eq!(steps.last(), common.last());
        let text: String = own.iter().map(|step| self.line(step) + "\n").collect();
        expected.assert_eq(&text);
    }

    fn line(&self, step: &Step) -> String {
        let short = |path: &Path| path.strip_prefix(&self.0).unwrap_or(path).display().to_string();
        match step {
            Step::Directory { inside } => format!("directory {}", inside.display()),
            Step::File { inside } => format!("file {}", inside.display()),
            Step::Link { inside, target } => format!("link {} to {}", inside.display(), target.display()),
            Step::Memory { inside, .. } => format!("memory {}", inside.display()),
            Step::Seal { inside } => format!("seal {}", inside.display()),
            Step::Processes { inside } => format!("processes {}", inside.display()),
            Step::Show { outside, inside, access } => {
                format!("show {} at {} to {access:?}", short(outside), inside.display())
            }
            Step::Device { outside, inside } => format!("device {} at {}", short(outside), inside.display()),
        }
    }

    fn refused(&self, binds: &[(&str, &str, Access)]) -> String {
        self.plan(binds).unwrap_err().to_string().replace(&self.0.display().to_string(), "")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn each_thing_has_a_place_of_its_own() {
    use Access::{Read, Write};
    Scratch::new().check(
        &[
            ("usr", "/usr", Read),
            ("bin", "/bin", Read),
            ("usr/resolv.conf", "/etc/resolv.conf", Read),
            ("work/source", "/build/deep/source", Write),
        ],
        expect![[r#"
            directory /
            link /bin to usr/bin
            directory /build
            directory /build/deep
            directory /build/deep/source
            show work/source at /build/deep/source to Write
            directory /etc
            file /etc/resolv.conf
            show usr/resolv.conf at /etc/resolv.conf to Read
            directory /tmp
            show tmp at /tmp to Write
            directory /usr
            show usr at /usr to Read
        "#]],
    );
}

#[test]
fn a_store_below_a_read_only_tree_is_covered() {
    use Access::{Read, Write};
    Scratch::new().check(
        &[
            ("usr", "/usr", Read),
            ("usr/local/store/a", "/usr/local/store/a", Read),
            ("work/source", "/usr/local/store/new", Write),
        ],
        expect![[r#"
            directory /
            directory /tmp
            show tmp at /tmp to Write
            directory /usr
            show usr at /usr to Read
            memory /usr/local/store
            directory /usr/local/store/a
            show usr/local/store/a at /usr/local/store/a to Read
            directory /usr/local/store/new
            show work/source at /usr/local/store/new to Write
            seal /usr/local/store
        "#]],
    );
}

#[test]
fn one_cover_is_enough() {
    use Access::Read;
    Scratch::new().check(
        &[
            ("usr", "/usr", Read),
            ("usr/local/store/a", "/usr/local/store/a", Read),
            ("work", "/usr/local/store/none/deep", Read),
            ("work", "/usr/local/work", Read),
        ],
        expect![[r#"
            directory /
            directory /tmp
            show tmp at /tmp to Write
            directory /usr
            show usr at /usr to Read
            memory /usr/local
            directory /usr/local/store
            directory /usr/local/store/a
            show usr/local/store/a at /usr/local/store/a to Read
            directory /usr/local/store/none
            directory /usr/local/store/none/deep
            show work at /usr/local/store/none/deep to Read
            directory /usr/local/work
            show work at /usr/local/work to Read
            seal /usr/local
        "#]],
    );
}

#[test]
fn places_in_a_writable_tree_are_made_in_memory() {
    use Access::{Read, Write};
    Scratch::new().check(
        &[("work", "/build", Write), ("work/script.sh", "/build/script.sh", Read), ("usr", "/build/missing/usr", Read)],
        expect![[r#"
            directory /
            directory /build
            show work at /build to Write
            directory /build/missing
            memory /build/missing
            directory /build/missing/usr
            show usr at /build/missing/usr to Read
            file /build/script.sh
            show work/script.sh at /build/script.sh to Read
            directory /tmp
            show tmp at /tmp to Write
            seal /build/missing
        "#]],
    );
}

#[test]
fn what_cannot_be_shown_is_named() {
    use Access::{Read, Write};
    let scratch = Scratch::new();
    let check = |binds: &[_], expected: Expect| expected.assert_eq(&scratch.refused(binds));
    check(
        &[("work", "work", Read)],
        expect!["`work` cannot be a place inside: it is not absolute, or not plain, or taken"],
    );
    check(&[("work", "/a", Read), ("usr", "/a", Read)], expect!["two things are to be seen at `/a`"]);
    check(
        &[("usr", "/usr", Read), ("work", "/usr/none", Read)],
        expect!["nothing can be shown at `/usr/none`: there is no such place in `/usr`, which is read-only"],
    );
    check(
        &[("usr", "/usr", Read), ("work", "/usr/share/x", Read)],
        expect!["nothing can be shown at `/usr/share/x`: `/usr/share` is a link"],
    );
    check(
        &[("usr", "/usr", Read), ("bin", "/bin", Read), ("work", "/bin/x", Read)],
        expect!["nothing can be shown at `/bin/x`: `/bin` is a link"],
    );
    check(
        &[("work", "/build", Write), ("none", "/build/none", Read)],
        expect!["`/none` cannot be shown: No such file or directory (os error 2)"],
    );
}
