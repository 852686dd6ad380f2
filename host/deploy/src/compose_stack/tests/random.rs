//! Stacks thrown together: none breaks anything, and of what is composed all promises hold.

use super::*;
use punix_target::TargetPath;
use std::collections::BTreeSet;

/// Fields, each with values of its type.
const SERVICE_FIELDS: &[(&str, &[&str])] = &[
    ("args", &["[]", "[\"\"]", "[Api.out, \"x\"]"]),
    ("dependsOn", &["[\"b\"]", "[\"a\"]", "[]", "[\"c\"]"]),
    (
        "environment",
        &["{}", "{ A = { from_env = \"X\" } B = \"\" }", "{ A = { from_file = \"x\" } }", "{ a-b = \"\" }"],
    ),
    ("environmentFile", &["true"]),
    ("secretDelivery", &["\"inline\"", "\"credential\""]),
    ("serviceConfig", &["{ User = \"a\" StateDirectory = \"x y\" }", "{ A = true B = 1 C = Api.out }"]),
    ("timer", &["{ OnCalendar = \"daily\" }"]),
    ("tmpfiles", &["[\"d /run/x\"]"]),
    ("enable", &["true", "false"]),
    ("health", &["{ a = [{ b = {} }] }", "{ a = { from_env = \"X\" } }"]),
    ("reloads", &["true"]),
];
const FILE_FIELDS: &[(&str, &[&str])] = &[
    ("secret", &["true", "false"]),
    ("mode", &["\"0600\"", "\"0644\"", "\"666\""]),
    ("owner", &["\"a\"", "\"0\"", "\"-\""]),
    ("group", &["\"a\""]),
    ("restarts", &["[]", "[\"a\"]", "[\"b\"]"]),
    ("reloads", &["[\"b\", \"a\"]"]),
];
const STACK_FIELDS: &[(&str, &[&str])] = &[
    ("scope", &["\"user\"", "\"system\""]),
    ("storeModules", &["[\"Api\"]", "[\"One\"]"]),
    ("systemUsers", &["[{ name = \"a\" }]"]),
    ("systemGroups", &["[\"a\"]"]),
    ("tls", &["{ domains = [\"a.b\"] }", "{ domains = [] }", "{ domains = [\"a\"] acme = true email = \"x\" }"]),
    ("configModules", &["[]"]),
];
/// Values of every type.
const VALUES: &[&str] = &[
    "\"\"",
    "\"a\"",
    "\"A\"",
    "\"a/b\"",
    "\"Api\"",
    "\"api\"",
    "\"/etc/a\"",
    "\"/etc/../a\"",
    "\".config/x\"",
    "\"user\"",
    "\"system\"",
    "\"json\"",
    "\"ini\"",
    "\"toml\"",
    "\"0600\"",
    "\"0777\"",
    "\"inline\"",
    "true",
    "false",
    "0",
    "99999999999999999999",
    "[]",
    "{}",
    "[\"a\"]",
    "[\"a\", \"b\"]",
    "[\"One\"]",
    "[\"File\"]",
    "{ from_env = \"X\" }",
    "{ from_file = \"x\\ny\" }",
    "{ from_nowhere = \"X\" }",
    "{ artifact = { host = \"h\" name = \"n\" } }",
    "{ A = \"x\" }",
    "{ A = { from_env = \"X\" } }",
    "{ a-b = [[\"\u{1}\"]] }",
    "Api.out",
    "f\"{Api.out}/x\"",
    "One.name",
    "[{ from_env = \"Y\" }]",
    "{ domains = [\"a.b\"] }",
];

struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }

    fn pick<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.below(list.len())]
    }

    /// Writes some fields, nearly all of which have a right type.
    fn fields(&mut self, right: &[(&str, &str)], more: &[(&str, &[&str])]) -> String {
        const WRONG_OF: usize = 60;
        let mut fields: Vec<(&str, String)> = Vec::new();
        for (name, value) in right {
            let value = if self.below(WRONG_OF) == 0 { self.pick(VALUES) } else { value };
            fields.push((name, value.to_owned()));
        }
        for _ in 0..self.below(4) {
            let (name, values) = more[self.below(more.len())];
            let values = if self.below(WRONG_OF) == 0 { VALUES } else { values };
            if fields.iter().all(|field| field.0 != name) {
                fields.push((name, self.pick(values).to_owned()));
            }
        }
        fields.iter().map(|(name, value)| format!("{name} = {value} ")).collect()
    }
}

fn program(random: &mut Random) -> String {
    let service = [("name", "\"a\""), ("package", "\"Api\""), ("binary", "\"api\"")];
    let one = random.fields(&[("name", "\"b\""), ("package", "\"Api\""), ("binary", "\"b\"")], SERVICE_FIELDS);
    let services = match random.below(3) {
        0 => "[\"One\"]".to_owned(),
        1 => format!("[{{ {} }}]", random.fields(&service, SERVICE_FIELDS)),
        _ => format!("[{{ {} }}, {{ {one} }}]", random.fields(&service, SERVICE_FIELDS)),
    };
    let file = random.fields(&[("path", "\"/etc/x\""), ("content", "\"x\"")], FILE_FIELDS);
    let format = ["\"json\"", "\"yaml\"", "\"toml\"", "\"ini\""][random.below(4)];
    let data = format!("{{ a = {} b = {} }}", random.pick(VALUES), random.pick(VALUES));
    let module = random.fields(&[("path", "\"/etc/y\""), ("format", format), ("data", &data)], FILE_FIELDS);
    let files = format!("[{{ {file} }}]");
    let right = [
        ("backend", "\"systemd\""),
        ("services", services.as_str()),
        ("configFiles", &files),
        ("dataFiles", "[\"File\"]"),
    ];
    let stack = random.fields(&right, STACK_FIELDS);
    format!("module S {{ {stack} }}\nmodule One {{ {one} }}\nmodule File {{ {module} }}\n")
}

fn hold_to_its_promises(design: &Design) {
    let mut slots = BTreeSet::new();
    let mut refer = |chunks: &[Chunk]| {
        slots.extend(chunks.iter().filter_map(|chunk| match chunk {
            Chunk::Secret(slot, _) => Some(*slot),
            Chunk::Text(_) => None,
        }));
    };
    let mut names = BTreeSet::new();
    for service in &design.services {
        assert!(names.insert(service.name.to_ascii_lowercase()), "{}", service.name);
        assert!(!service.binary.contains('/') && !service.package_path.is_empty());
        assert!(serde_json::from_str::<serde_json::Value>(&service.config).unwrap().is_object());
        assert!(service.environment.is_sorted_by_key(|variable| &variable.name));
        service.environment.iter().for_each(|variable| refer(&variable.value));
    }
    for service in &design.services {
        assert!(service.depends_on.iter().all(|need| design.services.iter().any(|other| other.name == *need)));
    }
    for file in &design.files {
        assert_eq!(TargetPath::parse(&file.path).unwrap().as_str(), file.path);
        assert!(file.mode.is_none_or(|mode| mode & if file.secret { 0o077 } else { 0o022 } == 0));
        let named = file.restarts.iter().chain(&file.reloads).flatten();
        named.for_each(|name| assert!(design.services.iter().any(|service| service.name == *name)));
        if let FileBody::Chunks(chunks) = &file.body {
            refer(chunks);
            assert!(file.secret || !chunks.iter().any(|chunk| matches!(chunk, Chunk::Secret(..))));
        }
    }
    assert_eq!(slots.into_iter().collect::<Vec<u32>>(), design.slots.iter().map(|slot| slot.id).collect::<Vec<u32>>());
    assert_eq!(design.slots.len(), design.slot_places.len());
    assert!(serde_json::from_str::<serde_json::Value>(&design.config).unwrap().is_object());
    assert!(design.store_paths.is_sorted());
}

#[test]
fn no_stack_breaks_anything_and_all_that_is_composed_is_sound() {
    let (mut composed, mut refused) = (0, 0);
    for seed in crate::fuzzing::seeds(1_500) {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // The first numbers of near seeds are near each other.
        random.below(2);
        let text = program(&mut random);
        match compose_text(&text) {
            Ok((design, _)) => {
                hold_to_its_promises(&design);
                composed += 1;
            }
            Err(errors) => {
                let located = errors
                    .lines()
                    .filter(|line| line.contains("error: "))
                    .all(|line| line.starts_with("dir/test.pcl:"));
                assert!(located && errors.contains("error: [E"), "seed {seed}: {errors}\n{text}");
                refused += 1;
            }
        }
    }
    let few = composed + refused < 1_000;
    assert!(few || composed > 100 && refused > 100, "{composed} composed, {refused} refused");
}
