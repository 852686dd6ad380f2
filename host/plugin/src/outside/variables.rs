//! Variables of the environment, by name. They are not listed, and none is set.

use crate::word::VariableName;
use std::os::unix::ffi::OsStringExt;
use zeroize::Zeroizing;

/// Where variables are.
pub trait Variables: Send + Sync {
    /// Returns what a variable holds, if it is set.
    fn variable(&self, name: &VariableName) -> Option<Zeroizing<Vec<u8>>>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessVariables;

impl Variables for ProcessVariables {
    fn variable(&self, name: &VariableName) -> Option<Zeroizing<Vec<u8>>> {
        std::env::var_os(name.as_str()).map(|value| Zeroizing::new(value.into_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_found() {
        let found = |name: &str| Some(ProcessVariables.variable(&VariableName::parse(name).ok()?)?.to_vec());
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| VariableName::parse(name).is_ok()) else { continue };
            assert_eq!(found(name), Some(value.into_vec()), "{name}");
        }
        assert_eq!(found("PUNIX_TEST_NOBODY_SETS_THIS"), None);
    }
}
