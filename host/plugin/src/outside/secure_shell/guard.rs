//! Who ends a connection when we are killed. `ssh` goes into the background with it, and would stay there for as long as a
//! program over there hangs. So a shell waits beside us for the end of a pipe that only we hold: that comes when we say so,
//! or when we are no more.

use super::super::child::Group;
use std::io::{self, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Reads the number of the `ssh` that connects, a line when it has connected, and a line when all is over. Where the pipe
/// ends before that, it ends what there is. Its arguments are `ssh` and the directory of the connection.
const SCRIPT: &str = r#"
read -r connecting || exit 0
if read -r connected; then
    read -r over && exit 0
else
    kill -s KILL -- "-$connecting"
fi
"$1" -F none -S "$2/master" -O exit -- none
rm -f -- "$2/config" "$2/master"
rmdir -- "$2"
"#;

/// The guard of one connection.
pub(super) struct Guard {
    shell: Group,
    line: Option<ChildStdin>,
}

impl Guard {
    /// Starts a guard over a connection that is about to be made by an `ssh` with this number.
    pub(super) fn start(ssh: &Path, room: &Path, connecting: u32) -> io::Result<Guard> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "punix-guard"]).arg(ssh).arg(room).current_dir("/").env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = Group::start(&mut command)?;
        let line = shell.child().stdin.take();
        let mut guard = Guard { shell, line };
        guard.tell(&connecting.to_string())?;
        Ok(guard)
    }

    /// Tells it that `ssh` has connected, and is in the background by now.
    pub(super) fn connected(&mut self) -> io::Result<()> {
        self.tell("connected")
    }

    fn tell(&mut self, word: &str) -> io::Result<()> {
        let line = self.line.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        line.write_all(format!("{word}\n").as_bytes())
    }
}

impl Drop for Guard {
    /// Lets it go: all is over, or `ssh` never connected and has ended.
    fn drop(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(1);
        // One for `connected` and one for `over`; those that it does not wait for any more it does not read.
        let _ = self.tell("over").and_then(|()| self.tell("over"));
        self.line = None;
        self.shell.ended_by(Instant::now() + PATIENCE);
        self.shell.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// Makes something in place of `ssh` that notes how it was called.
    fn noting(folder: &Folder) -> std::path::PathBuf {
        let (text, ssh) = (folder.path().join("text"), folder.path().join("ssh"));
        fs::write(&text, "#!/bin/sh\necho \"$@\" > \"${0%/*}/noted\"\n").unwrap();
        // Not written by us: a program that another test starts meanwhile could hold it open for writing.
        assert!(Command::new("cp").args([&text, &ssh]).status().unwrap().success());
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("room")).unwrap();
        fs::write(folder.path().join("room/config"), "").unwrap();
        ssh
    }

    fn sleeper() -> Group {
        Group::start(Command::new("/bin/sleep").arg("600")).unwrap()
    }

    fn number(group: &Group) -> u32 {
        u32::try_from(group.pid().as_raw_nonzero().get()).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    /// Does to a guard what happens to it when we are killed.
    fn abandon(mut guard: Guard) {
        guard.line = None;
        assert!(guard.shell.ended_by(soon()));
    }

    #[test]
    fn what_is_connecting_is_ended_when_we_are_gone() {
        let folder = Folder::new("guard-connecting");
        let ssh = noting(&folder);
        let mut connecting = sleeper();
        abandon(Guard::start(&ssh, &folder.path().join("room"), number(&connecting)).unwrap());
        assert!(connecting.ended_by(soon()));
        assert!(!folder.path().join("room").exists());
    }

    #[test]
    fn what_has_connected_is_told_to_end_when_we_are_gone() {
        let folder = Folder::new("guard-connected");
        let ssh = noting(&folder);
        let mut other = sleeper();
        let room = folder.path().join("room");
        let mut guard = Guard::start(&ssh, &room, number(&other)).unwrap();
        guard.connected().unwrap();
        abandon(guard);
        let noted = fs::read_to_string(folder.path().join("noted")).unwrap();
        assert_eq!(noted, format!("-F none -S {}/master -O exit -- none\n", room.display()));
        // The number may be somebody else's by then.
        assert!(!other.ended_by(Instant::now()) && !room.exists());
    }

    #[test]
    fn when_all_is_over_it_does_nothing() {
        let folder = Folder::new("guard-over");
        let ssh = noting(&folder);
        let mut other = sleeper();
        let mut connected = Guard::start(&ssh, &folder.path().join("room"), number(&other)).unwrap();
        connected.connected().unwrap();
        drop(connected);
        drop(Guard::start(&ssh, &folder.path().join("room"), number(&other)).unwrap());
        assert!(folder.path().join("room").exists() && !folder.path().join("noted").exists());
        assert!(!other.ended_by(Instant::now()));
    }
}
