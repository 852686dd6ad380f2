//! Shorter ways to write what a backend returns, and to find things in what it is given.

use crate::backend::{
    Body, Command, Facts, File, Observation, Rendering, RunState, Service, Slot, Stack, Status, Unit,
};

/// How long a command may take if nothing else is said.
const TIMEOUT_MS: u32 = 30_000;

impl Stack {
    /// Returns a service by its name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Returns a slot by its number.
    pub fn slot(&self, id: u32) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.id == id)
    }
}

impl Facts {
    /// Returns what more is known by a name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Rendering {
    /// Returns a rendering of nothing.
    pub fn new() -> Rendering {
        Rendering { files: Vec::new(), units: Vec::new(), notes: Vec::new() }
    }
}

impl Default for Rendering {
    fn default() -> Rendering {
        Rendering::new()
    }
}

impl File {
    /// Makes a file that others may read, or, if there is a secret in it, nobody else.
    pub fn new(path: impl Into<String>, body: Body) -> File {
        let mode = if body.has_secret() { 0o600 } else { 0o644 };
        File { path: path.into(), mode, body: body.finish(), restarts: Vec::new(), reloads: Vec::new() }
    }

    /// Sets the permission bits.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> File {
        self.mode = mode;
        self
    }

    /// Has a unit restarted when this file alone differs.
    #[must_use]
    pub fn restarts(mut self, unit: impl Into<String>) -> File {
        self.restarts.push(unit.into());
        self
    }

    /// Has a unit reloaded when this file alone differs.
    #[must_use]
    pub fn reloads(mut self, unit: impl Into<String>) -> File {
        self.reloads.push(unit.into());
        self
    }
}

impl Unit {
    /// Makes a unit of a service that starts with the machine.
    pub fn of(service: &str, name: impl Into<String>) -> Unit {
        Unit { name: name.into(), service: service.to_owned(), starts_at_boot: true }
    }
}

impl Command {
    /// Makes a command that changes something.
    pub fn changing<T: Into<String>>(argv: impl IntoIterator<Item = T>) -> Command {
        let argv = argv.into_iter().map(Into::into).collect();
        Command { argv, stdin: String::new(), timeout_ms: TIMEOUT_MS, mutates: true }
    }

    /// Makes a command that only looks.
    pub fn looking<T: Into<String>>(argv: impl IntoIterator<Item = T>) -> Command {
        Command { mutates: false, ..Command::changing(argv) }
    }

    /// Sets how long it may take.
    #[must_use]
    pub fn timeout_ms(mut self, milliseconds: u32) -> Command {
        self.timeout_ms = milliseconds;
        self
    }
}

impl Observation {
    /// Tells whether the command went well.
    pub fn is_success(&self) -> bool {
        self.code == 0
    }

    /// Returns what it printed, without blanks around it.
    pub fn answer(&self) -> &str {
        self.stdout.trim()
    }
}

impl Status {
    /// Makes a status of which nothing more is known.
    pub fn new(unit: impl Into<String>, state: RunState) -> Status {
        Status { unit: unit.into(), state, enabled: None, since_unix_ms: None, detail: String::new() }
    }

    /// Says more in the words of the target, of which the first line is kept.
    #[must_use]
    pub fn detail(mut self, detail: &str) -> Status {
        self.detail = detail.trim().lines().next().unwrap_or("").to_owned();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Chunk;

    #[test]
    fn a_file_with_a_secret_is_for_its_owner_alone() {
        let mut body = Body::from("a=");
        assert_eq!(File::new("/etc/a", body.clone()).mode, 0o644);
        body.secret(1, "raw");
        let file = File::new("/etc/a", body).restarts("web").reloads("proxy");
        assert_eq!((file.mode, file.body.len()), (0o600, 2));
        assert_eq!((file.restarts, file.reloads), (vec!["web".to_owned()], vec!["proxy".to_owned()]));
        assert_eq!(file.body[0], Chunk::text("a="));
    }

    #[test]
    fn commands_say_whether_they_change_anything() {
        assert!(Command::changing(["sv", "up"]).mutates);
        let looking = Command::looking(["sv", "status"]).timeout_ms(5);
        assert_eq!((looking.mutates, looking.timeout_ms, looking.argv.len()), (false, 5, 2));
    }

    #[test]
    fn a_detail_is_one_line() {
        assert_eq!(Status::new("web", RunState::Failed).detail("\n exit 1\nmore").detail, "exit 1");
    }
}
