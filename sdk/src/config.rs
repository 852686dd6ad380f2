//! Configurations: JSON texts that belong to the plugin, read into its own types.

use crate::{Diagnostic, Error};
use serde::de::DeserializeOwned;

/// Reads a configuration. `place` says where it is in what was given: `config`, or `services.web.config`.
pub fn read<T: DeserializeOwned>(text: &str, place: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| {
        let said = error.to_string();
        // The line means nothing to whoever wrote the configuration in another language.
        let said = said.rfind(" at line ").map_or(said.as_str(), |end| &said[..end]);
        Error::invalid("config.invalid", said).at(place)
    })
}

/// Says what is wrong with a configuration of a type: what most plugins need for `check_config`.
pub fn check<T: DeserializeOwned>(text: &str) -> Vec<Diagnostic> {
    read::<T>(text, "config").err().map(Diagnostic::error).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        address: String,
    }

    #[test]
    fn faults_say_what_and_where() {
        assert_eq!(read::<Config>(r#"{"address":"https://a"}"#, "config").unwrap().address, "https://a");
        let error = read::<Config>(r#"{"adress":"x"}"#, "services.web.config").unwrap_err();
        assert_eq!(error.to_string().matches("line").count(), 0);
        assert_eq!(error.message, "unknown field `adress`, expected `address`");
        assert_eq!(error.at.as_deref(), Some("services.web.config"));
        let found = check::<Config>("{");
        assert_eq!((found.len(), found[0].error.code.as_str()), (1, "config.invalid"));
        assert!(check::<Config>(r#"{"address":""}"#).is_empty());
    }
}
