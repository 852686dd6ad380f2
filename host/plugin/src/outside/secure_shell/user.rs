//! As whom `ssh` connects where nobody is named. Its configuration decides that, so it is asked; it must never connect for it.

use super::config;
use super::error::SecureShellError;
use super::master::{LAST_WORDS, start};
use super::room::Room;
use super::way::{Patience, SecureShellWay, SshUser};
use crate::outside::complaint::Complaint;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

/// What it says of a connection is a few kilobytes.
const ANSWER_BYTES_MAX: u64 = 48 << 10;

/// Asks `ssh`, by a deadline. A name that no user can have is left to whoever connects.
pub(super) fn ask(
    ssh: &Path,
    places: &[PathBuf],
    way: &SecureShellWay,
    deadline: Instant,
) -> Result<Option<SshUser>, SecureShellError> {
    let began = Instant::now();
    let place = way.to_string();
    let room = Room::make(places)?;
    room.configure(&config::text(way, &Patience::MOST)).map_err(|error| room.failed(error))?;
    let mut asked = start(ssh, &config::asking(way, &room.config()), Stdio::piped())?;
    let program = |error| SecureShellError::Program { program: ssh.to_owned(), error };
    let missing = || program(io::ErrorKind::BrokenPipe.into());
    let answer = asked.child().stdout.take().ok_or_else(missing)?;
    let complaint = Complaint::listen(asked.child().stderr.take().ok_or_else(missing)?).map_err(program)?;
    // All that it says fits into the pipe, so it does not wait for us.
    if !asked.ended_by(deadline) {
        return Err(SecureShellError::Late { place, after: began.elapsed() });
    }
    let code = asked.code();
    asked.end();
    if code != Some(0) {
        complaint.wait(Instant::now() + LAST_WORDS);
        return Err(SecureShellError::read(place, &complaint.text(), began.elapsed()));
    }
    let mut text = String::new();
    answer.take(ANSWER_BYTES_MAX).read_to_string(&mut text).map_err(program)?;
    Ok(name(&text))
}

/// Finds the name in what `ssh` said.
fn name(text: &str) -> Option<SshUser> {
    text.lines().find_map(|line| SshUser::parse(line.strip_prefix("user ")?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stands_on_its_line() {
        let name = |text| name(text).map(|user| user.as_str().to_owned());
        assert_eq!(name("host web\nuser deploy\nport 22\n").as_deref(), Some("deploy"));
        assert_eq!(name("userknownhostsfile /x\nhostname user root\n"), None);
        assert_eq!(name("user -oProxyCommand=id\n"), None);
    }
}
