//! Variables of the environment.

use super::{Answer, sum};
use crate::ability::env::{EnvError, granted};
use crate::grant::Form;
use crate::limits::VARIABLE_BYTES_MAX;
use crate::runtime::bindings::cap::punix::cap::env::Host;
use crate::runtime::resource::{HeldSecret, Origin};
use crate::runtime::state::{State, Subject};
use crate::word::VariableName;
use crate::world::Kind;
use punix_model::Secret;
use wasmtime::component::Resource;
use zeroize::Zeroizing;

/// What a variable holds, if it is set.
type Value = Option<Zeroizing<Vec<u8>>>;

impl State {
    fn variable(&self, name: &str, form: Form) -> Result<(VariableName, Value), EnvError> {
        let name = granted(&self.effective.env, name, form)?;
        match self.outside.variables.variable(&name) {
            Some(value) if value.len() > VARIABLE_BYTES_MAX => Err(EnvError::TooLarge { name }),
            value => Ok((name, value)),
        }
    }
}

impl Host for State {
    fn get(&mut self, name: String) -> Answer<Option<String>> {
        self.passes(sum(&[&name]))?;
        let found = self.variable(&name, Form::Plain).and_then(|(name, value)| match value {
            None => Ok(None),
            Some(value) => match std::str::from_utf8(&value) {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(EnvError::NotText { name }),
            },
        });
        match found {
            Ok(text) => {
                self.used(Kind::Env);
                Ok(Ok(text))
            }
            Err(error) => self.tell(Some(Kind::Env), error),
        }
    }

    fn get_secret(&mut self, name: String) -> Answer<Option<Resource<HeldSecret>>> {
        self.passes(sum(&[&name]))?;
        let (name, value) = match self.variable(&name, Form::Secret) {
            Ok(found) => found,
            Err(error) => return self.tell(Some(Kind::Env), error),
        };
        self.used(Kind::Env);
        let Some(mut value) = value else { return Ok(Ok(None)) };
        let Subject { references, referred, .. } = &self.subject;
        let refers = referred.contains(&Kind::Env) && references.contains(name.as_str());
        let origin = match refers {
            true => Origin::Reference(name.as_str().to_owned()),
            false => Origin::Variable(name.as_str().to_owned()),
        };
        let secret = Secret::new(std::mem::take(&mut *value));
        Ok(Ok(Some(self.hold(secret, format!("env:{name}"), origin)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::bindings::cap::punix::base::types::ErrorClass;
    use crate::runtime::testing::{Desk, refusal};

    fn desk() -> Desk {
        Desk::new()
            .variable("TEXT", b"plain")
            .variable("KEY", b"hunter2")
            .variable("ODD", b"\xff\xfe")
            .variable("LONG", &[b'x'; VARIABLE_BYTES_MAX + 1])
            .variable("HIDDEN", b"nobody's")
            .env("TEXT", Form::Plain)
            .env("ODD", Form::Plain)
            .env("LONG", Form::Plain)
            .env("UNSET", Form::Plain)
            .env("KEY", Form::Secret)
    }

    fn secret(state: &mut State, name: &str) -> HeldSecret {
        let handle = state.get_secret(name.to_owned()).unwrap().unwrap().unwrap();
        state.table.get(&handle).unwrap().clone()
    }

    #[test]
    fn a_plain_variable_is_read_and_a_secret_one_held() {
        let mut state = desk().state();
        assert_eq!(state.get("TEXT".to_owned()).unwrap().unwrap().as_deref(), Some("plain"));
        assert_eq!(state.get("UNSET".to_owned()).unwrap().unwrap(), None);
        assert!(state.get_secret("UNSET".to_owned()).unwrap().unwrap().is_none());
        let held = secret(&mut state, "KEY");
        assert_eq!((held.value.expose(), held.label.as_str()), (&b"hunter2"[..], "env:KEY"));
        assert_eq!(held.origin, Origin::Variable("KEY".to_owned()));
        // Who may see the text may also pass it on; what is no text can only be passed on.
        assert_eq!(secret(&mut state, "TEXT").value.expose(), b"plain");
        assert_eq!(secret(&mut state, "ODD").value.expose(), b"\xff\xfe");
        assert_eq!(state.uses.get(&Kind::Env), Some(&6));
        assert!(state.redactor().finds_in(b"hunter2"));
    }

    #[test]
    fn what_is_not_granted_is_denied_whether_it_is_there_or_not() {
        let mut state = desk().state();
        for name in ["HIDDEN", "ABSENT", "KEY"] {
            assert_eq!(refusal(state.get(name.to_owned())).class, ErrorClass::Denied, "{name}");
        }
        let there = refusal(state.get_secret("HIDDEN".to_owned()));
        let absent = refusal(state.get_secret("ABSENT".to_owned()));
        assert_eq!((&there.class, &there.code), (&absent.class, &absent.code));
        assert_eq!(there.message.replace("HIDDEN", ""), absent.message.replace("ABSENT", ""));
        assert_eq!((state.denied.get(&Kind::Env), state.uses.get(&Kind::Env)), (Some(&5), None));
    }

    #[test]
    fn what_is_no_text_or_too_long_is_told_as_such() {
        let mut state = desk().state();
        assert_eq!(refusal(state.get("ODD".to_owned())).code, "env.not-text");
        assert_eq!(refusal(state.get("LONG".to_owned())).code, "env.too-large");
        assert_eq!(refusal(state.get_secret("LONG".to_owned())).code, "env.too-large");
        assert_eq!(refusal(state.get("A=B".to_owned())).code, "env.name");
    }

    #[test]
    fn what_the_stack_refers_to_answers_only_that() {
        let desk = desk().reference("KEY").referred(Kind::Env).env("OTHER", Form::Secret).variable("OTHER", b"x");
        let mut state = desk.state();
        assert_eq!(secret(&mut state, "KEY").origin, Origin::Reference("KEY".to_owned()));
        assert_eq!(secret(&mut state, "OTHER").origin, Origin::Variable("OTHER".to_owned()));
        // A plugin that did not ask for what is referred to was granted the variable by its name.
        let mut state = self::desk().reference("KEY").state();
        assert_eq!(secret(&mut state, "KEY").origin, Origin::Variable("KEY".to_owned()));
    }
}
