//! SSH to the target of the call.

use super::{Answer, sum};
use crate::ability::{ssh, told};
use crate::outside::SecureShellConnection;
use crate::runtime::bindings::cap::punix::cap::ssh::{Host, HostConnection};
use crate::runtime::resource::{Connection, HeldPipe};
use crate::runtime::state::State;
use crate::world::Kind;
use punix_model::{Class, PluginError};
use wasmtime::component::Resource;

impl State {
    /// Connects to where the operator said, if that may be done.
    fn reach(&mut self, options: &[(String, String)]) -> Result<Box<dyn SecureShellConnection>, PluginError> {
        if !self.effective.flags.contains(&Kind::Ssh) {
            return Err(told(Class::Denied, "ssh.not-granted", &"`ssh` is not granted"));
        }
        let Some(target) = &self.subject.endpoint else {
            return Err(told(Class::Denied, "ssh.no-target", &"only a link has a target to connect to"));
        };
        let way = ssh::way(target)?;
        let patience = ssh::patience(options)?;
        self.used(Kind::Ssh);
        self.outside.secure_shell.connect(&way, &patience, self.deadline).map_err(ssh::answer)
    }
}

impl HostConnection for State {
    fn start(&mut self, this: Resource<Connection>, argv: Vec<String>) -> Answer<Resource<HeldPipe>> {
        self.passes(sum(&argv.iter().map(String::as_str).collect::<Vec<_>>()))?;
        let deadline = self.deadline;
        let connection = self.table.get_mut(&this)?;
        match ssh::start(connection.way.as_mut(), &argv, deadline) {
            Ok(pipe) => Ok(Ok(self.push(HeldPipe { pipe: Some(pipe) })?)),
            Err(error) => self.tell(Some(Kind::Ssh), error),
        }
    }

    fn drop(&mut self, this: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl Host for State {
    fn connect(&mut self, options: Vec<(String, String)>) -> Answer<Resource<Connection>> {
        let words = options.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        self.passes(sum(&words.collect::<Vec<_>>()))?;
        match self.reach(&options) {
            Ok(way) => Ok(Ok(self.push(Connection { way })?)),
            Err(error) => self.tell(Some(Kind::Ssh), error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::testing::{Desk, refusal};
    use punix_model::Endpoint;

    fn target() -> Endpoint {
        Endpoint {
            scheme: "ssh".to_owned(),
            user: Some("deploy".to_owned()),
            host: "web.example.com".to_owned(),
            port: None,
            path: None,
            options: Vec::new(),
        }
    }

    fn desk() -> Desk {
        Desk::new().flag(Kind::Ssh).subject(|subject| subject.endpoint = Some(target()))
    }

    #[test]
    fn the_target_of_the_call_is_connected_to() {
        let desk = desk();
        let mut state = desk.state();
        let patient = vec![("ConnectTimeout".to_owned(), "5".to_owned())];
        let connection = state.connect(patient).unwrap().unwrap().rep();
        let handle = state.start(Resource::new_own(connection), vec!["punix-target".to_owned()]).unwrap().unwrap();
        assert!(state.table.get(&handle).unwrap().pipe.is_some());
        assert_eq!(*desk.world.started.lock().unwrap(), ["ssh web.example.com", "punix-target"]);
        assert_eq!(refusal(state.start(Resource::new_own(connection), Vec::new())).code, "spawn.words");
        HostConnection::drop(&mut state, Resource::new_own(connection)).unwrap();
        assert!(state.start(Resource::new_own(connection), vec!["x".to_owned()]).is_err());
        assert_eq!(state.uses.get(&Kind::Ssh), Some(&1));
    }

    #[test]
    fn nobody_is_connected_to_without_a_grant_or_a_target() {
        let without = Desk::new().subject(|subject| subject.endpoint = Some(target()));
        for (desk, code) in [(without, "ssh.not-granted"), (Desk::new().flag(Kind::Ssh), "ssh.no-target")] {
            let mut state = desk.state();
            assert_eq!(refusal(state.connect(Vec::new())).code, code);
            assert!(desk.world.started.lock().unwrap().is_empty());
            assert_eq!((state.uses.get(&Kind::Ssh), state.denied.get(&Kind::Ssh)), (None, Some(&1)));
        }
    }

    #[test]
    fn options_cannot_lead_elsewhere() {
        let desk = desk();
        for name in ["ProxyCommand", "HostName", "StrictHostKeyChecking", "UserKnownHostsFile"] {
            let mut state = desk.state();
            let options = vec![(name.to_owned(), "x".to_owned())];
            assert_eq!(refusal(state.connect(options)).code, "ssh.option", "{name}");
        }
        assert!(desk.world.started.lock().unwrap().is_empty());
    }
}
