//! Doing what a backend says: its commands are run on the target, and secrets are taken out of what they said.

use super::Stopped;
use super::site::Site;
use punix_model::{CallFault, Cause, Command, Observation, PluginError, PluginName, Redactor, Session, Status, Step};
use punix_target::{Door, Running};
use std::path::Path;
use std::time::Duration;

/// What runs commands.
pub(super) struct Hands<'h> {
    door: &'h dyn Door,
    /// Stands for `systemctl`, if it was named.
    systemctl: Option<String>,
    /// Whether the target is a machine, and not a directory of one.
    is_machine: bool,
    redactor: &'h Redactor,
}

impl<'h> Hands<'h> {
    pub(super) fn new(site: &Site<'h>, systemctl: Option<&Path>, redactor: &'h Redactor) -> Hands<'h> {
        let systemctl = systemctl.map(|path| path.to_string_lossy().into_owned());
        Hands { door: site.door, systemctl, is_machine: site.place.is_machine(), redactor }
    }

    /// Tells whether units are touched at all. Below another root that would be those of this machine.
    pub(super) fn can_act(&self) -> bool {
        self.is_machine || self.systemctl.is_some()
    }

    /// Does all that a session wants, and returns how units are then.
    pub(super) fn fulfil(&self, mut session: Box<dyn Session>) -> Result<Vec<Status>, Stopped> {
        let mut seen = Vec::new();
        loop {
            match session.next(&seen)? {
                Step::Run(commands) => seen = self.run(commands, true)?,
                Step::Ask(commands) => seen = self.run(commands, false)?,
                Step::WaitMs(pause) => {
                    std::thread::sleep(Duration::from_millis(pause.into()));
                    seen.clear();
                }
                Step::Done(found) => return Ok(found),
                Step::Fail(error) => {
                    return Err(refused(error));
                }
            }
        }
    }

    /// Does the first that a session wants, and returns what was said.
    pub(super) fn first(&self, mut session: Box<dyn Session>) -> Result<Vec<Observation>, Stopped> {
        match session.next(&[])? {
            Step::Run(commands) => self.run(commands, true),
            Step::Ask(commands) => self.run(commands, false),
            Step::WaitMs(_) | Step::Done(_) => Ok(Vec::new()),
            Step::Fail(error) => Err(refused(error)),
        }
    }

    /// Returns the commands of the first that a session wants, for whoever runs them later.
    pub(super) fn first_commands(&self, mut session: Box<dyn Session>) -> Result<Running, Stopped> {
        let (commands, stops) = match session.next(&[])? {
            Step::Run(commands) => (commands, true),
            Step::Ask(commands) => (commands, false),
            Step::WaitMs(_) | Step::Done(_) => (Vec::new(), false),
            Step::Fail(error) => return Err(refused(error)),
        };
        Ok(Running { commands, stops, systemctl: self.systemctl.clone() })
    }

    fn run(&self, commands: Vec<Command>, stops: bool) -> Result<Vec<Observation>, Stopped> {
        let mut seen = self.door.run(&Running { commands, stops, systemctl: self.systemctl.clone() })?;
        for observation in &mut seen {
            observation.stdout = self.redactor.clean(&observation.stdout).into_owned();
            observation.stderr = self.redactor.clean(&observation.stderr).into_owned();
        }
        Ok(seen)
    }
}

fn refused(error: PluginError) -> Stopped {
    let plugin = PluginName { id: "the backend".to_owned(), version: String::new() };
    CallFault { plugin, call: "session".to_owned(), cause: Cause::Refused(error) }.into()
}
