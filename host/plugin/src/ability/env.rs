//! Which variables of the environment a plugin may read, and in which form. A variable that is not granted is not looked
//! up, so that nobody learns whether it is there.

use crate::grant::Form;
use crate::limits::VARIABLE_BYTES_MAX;
use crate::policy::EnvAccess;
use crate::word::{VariableName, cut};
use punix_model::{Class, PluginError};

/// Why a variable is not handed out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvError {
    #[error("`{text}` is not the name of a variable")]
    Name { text: String },
    #[error("the variable `{name}` is not granted")]
    NotGranted { name: VariableName },
    #[error("the variable `{name}` is granted as a secret: ask for it by `get-secret`")]
    SecretOnly { name: VariableName },
    #[error("the variable `{name}` is not UTF-8")]
    NotText { name: VariableName },
    #[error("the variable `{name}` has more than {} KiB", VARIABLE_BYTES_MAX >> 10)]
    TooLarge { name: VariableName },
}

/// Returns the variable that is meant, if the plugin may have it in this form. Who may have the text may also have a
/// handle of it.
pub(crate) fn granted(granted: &[EnvAccess], name: &str, form: Form) -> Result<VariableName, EnvError> {
    let name = VariableName::parse(name).map_err(|_| EnvError::Name { text: cut(name) })?;
    match granted.iter().filter(|access| access.name == name).map(|access| access.form).max() {
        Some(most) if form <= most => Ok(name),
        Some(_) => Err(EnvError::SecretOnly { name }),
        None => Err(EnvError::NotGranted { name }),
    }
}

impl EnvError {
    fn class_and_code(&self) -> (Class, &'static str) {
        match self {
            EnvError::Name { .. } => (Class::InvalidInput, "env.name"),
            EnvError::NotGranted { .. } => (Class::Denied, "env.not-granted"),
            EnvError::SecretOnly { .. } => (Class::Denied, "env.secret-only"),
            EnvError::NotText { .. } => (Class::InvalidInput, "env.not-text"),
            EnvError::TooLarge { .. } => (Class::Permanent, "env.too-large"),
        }
    }
}

impl From<EnvError> for PluginError {
    fn from(error: EnvError) -> PluginError {
        let (class, code) = error.class_and_code();
        super::told(class, code, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(name: &str, form: Form) -> EnvAccess {
        EnvAccess { name: VariableName::parse(name).unwrap(), form }
    }

    #[test]
    fn a_variable_is_given_in_the_form_in_which_it_is_granted() {
        let all = [access("TEXT", Form::Plain), access("KEY", Form::Secret), access("TEXT", Form::Secret)];
        let code = |name: &str, form| granted(&all, name, form).map_err(|error| error.class_and_code().1);
        for (name, form) in [("TEXT", Form::Plain), ("TEXT", Form::Secret), ("KEY", Form::Secret)] {
            assert_eq!(code(name, form).unwrap().as_str(), name);
        }
        assert_eq!(code("KEY", Form::Plain), Err("env.secret-only"));
        for name in ["TEX", "TEXT1", "key", "PATH"] {
            assert_eq!(code(name, Form::Secret), Err("env.not-granted"), "{name}");
        }
        for name in ["", "A=B", "A\0", "*", "TEXT ", "1"] {
            assert_eq!(code(name, Form::Secret), Err("env.name"), "{name}");
        }
        assert_eq!(granted(&[], "TEXT", Form::Secret).unwrap_err().class_and_code().1, "env.not-granted");
    }
}
