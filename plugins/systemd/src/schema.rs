//! The JSON Schema of the fields that this backend has, for whoever edits or checks them elsewhere. What is read is
//! decided in [`crate::config`]; a test holds the two together.

/// The schema. A stack's fields and a service's are two definitions; a configuration is either.
pub(crate) const TEXT: &str = include_str!("schema.json");

#[cfg(test)]
mod tests {
    use super::TEXT;
    use crate::config;
    use punix_sdk::serde_json::{self, Value, json};

    fn fields(of: &str) -> Vec<(String, Value)> {
        let schema: Value = serde_json::from_str(TEXT).unwrap();
        let definition = &schema["$defs"][of];
        assert_eq!(definition["additionalProperties"], json!(false), "{of}");
        let fields = definition["properties"].as_object().unwrap();
        fields.iter().map(|(name, field)| (name.clone(), field.clone())).collect()
    }

    #[test]
    fn every_field_of_the_schema_is_read_with_its_type_and_no_other() {
        for (of, read) in [("stack", true), ("service", false)] {
            for (name, field) in fields(of) {
                let value = match field["type"].as_str().unwrap() {
                    "boolean" => json!(true),
                    "array" => json!([]),
                    "object" => json!({}),
                    other => panic!("{name}: {other}"),
                };
                let said = |value: Value| {
                    let json = json!({ name.as_str(): value }).to_string();
                    if read { config::stack(&json).err() } else { config::service("web", &json).err() }
                };
                assert_eq!(said(value), None, "{name}");
                assert!(said(json!("a text")).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn every_field_that_is_read_is_in_the_schema() {
        let names = |of: &str| fields(of).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("stack"), config::STACK_FIELDS);
        assert_eq!(names("service"), config::SERVICE_FIELDS);
    }
}
