//! The unit that mends at boot: where it is, and what it says.

use crate::layout::own;
use crate::path::TargetPath;
use crate::target::gone_is_fine;
use punix_disk::Disk;
use punix_store::Digest;
use std::fmt::Write;
use std::io::{self, ErrorKind};

/// A unit, for a machine or for a user.
pub(super) struct Unit {
    /// Where systemd looks for units.
    pub(super) directory: TargetPath,
    pub(super) name: String,
    /// Where its programs are.
    pub(super) programs: TargetPath,
    /// The target that wants it, and that it runs before: everything that is deployed comes behind that.
    before: &'static str,
    /// What has to be there when it runs.
    after: &'static str,
    /// What is mended.
    roots: Vec<TargetPath>,
    /// Whether the roots are named to the program; otherwise it finds them by itself.
    names_roots: bool,
}

/// Begins the line that names a program.
const START: &str = "ExecStart=@\"";

impl Unit {
    pub(super) fn of_machine(roots: Vec<TargetPath>) -> Unit {
        Unit {
            directory: plain("/etc/systemd/system"),
            name: "punix-recover.service".to_owned(),
            programs: plain("/var/lib/punix/bin"),
            before: "sysinit.target",
            after: "local-fs.target",
            roots,
            names_roots: false,
        }
    }

    /// Each deployments root of a user has its own.
    pub(super) fn of_user(home: &str, root: &TargetPath) -> Option<Unit> {
        let home = TargetPath::parse(home).ok()?;
        let below = |path: &str| path.split('/').try_fold(home.clone(), |at, part| at.join(part)).ok();
        let digits: String = Digest::of(root.as_str().as_bytes()).to_string().chars().take(12).collect();
        Some(Unit {
            directory: below(".config/systemd/user")?,
            name: format!("punix-recover-{digits}.service"),
            programs: below(&format!(".local/share/punix/recover-{digits}"))?,
            before: "basic.target",
            after: "",
            roots: vec![root.clone()],
            names_roots: true,
        })
    }

    pub(super) fn path(&self) -> TargetPath {
        own(&self.directory, &self.name)
    }

    /// Returns the link by which it is wanted.
    pub(super) fn wanted(&self) -> TargetPath {
        own(&own(&self.directory, &format!("{}.wants", self.before)), &self.name)
    }

    pub(super) fn program(&self, digest: &Digest) -> TargetPath {
        own(&self.programs, &digest.to_string())
    }

    /// Returns what it says. The first line says what the program was made of.
    pub(super) fn text(&self, identity: &str, digest: &Digest) -> String {
        let program = argument(self.program(digest).as_str());
        let mut text =
            format!("# {identity}\n[Unit]\nDescription=Mend what punix was changing when the machine stopped\n");
        text.push_str("DefaultDependencies=no\nRefuseManualStart=yes\n");
        let _ = write!(text, "RequiresMountsFor={}", quoted(self.programs.as_str()));
        for root in &self.roots {
            let _ = write!(text, " {}", quoted(root.as_str()));
        }
        text.push('\n');
        if !self.after.is_empty() {
            let _ = writeln!(text, "After={}", self.after);
        }
        let _ = writeln!(text, "Before={0} shutdown.target\nConflicts=shutdown.target\n", self.before);
        let _ = write!(
            text,
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStartSec=300\nExecStart=@{program} {}",
            super::NAME
        );
        for root in self.roots.iter().filter(|_| self.names_roots) {
            let _ = write!(text, " {}", argument(root.as_str()));
        }
        let _ = writeln!(text, "\n\n[Install]\nWantedBy={}", self.before);
        text
    }

    /// Reads which program a unit names.
    pub(super) fn program_of(text: &str) -> Option<Digest> {
        let line = text.lines().find_map(|line| line.strip_prefix(START))?;
        Digest::parse(line.split('"').next()?.rsplit('/').next()?)
    }

    /// Removes the programs that are not this one; without any, their directory too.
    pub(super) fn sweep(&self, disk: &dyn Disk, kept: Option<&Digest>) -> io::Result<()> {
        let names = match disk.list(self.programs.on_disk()) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
            names => names?,
        };
        for name in names.iter().filter_map(|name| name.to_str()) {
            if Digest::parse(name).is_some_and(|digest| Some(&digest) != kept) {
                gone_is_fine(disk.remove(own(&self.programs, name).on_disk()))?;
            }
        }
        if kept.is_none() {
            let _ = disk.remove_directory(self.programs.on_disk());
        }
        Ok(())
    }
}

fn plain(path: &str) -> TargetPath {
    TargetPath::parse(path).expect("it is a plain path")
}

/// Returns a text as one word of a unit.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%"))
}

/// Returns a text as one word of a command line, where variables are looked for besides.
fn argument(text: &str) -> String {
    quoted(text).replace('$', "$$")
}
