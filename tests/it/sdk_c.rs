//! The bindings for C are made from the WIT, and lie in the tree so that nobody needs the generator to build a plugin. Here
//! they are made again and compared; `UPDATE_EXPECT=1` writes them.

use crate::support::root;
use std::fs;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_parser::{Resolve, WorldId};

const WORLDS: [(&str, &str); 3] = [
    ("backend", "punix:backend/backend@0.1.0"),
    ("resolver", "punix:resolver/secret-resolver@0.1.0"),
    ("transport", "punix:transport/transport@0.1.0"),
];

/// Returns the short names that interfaces have in C.
fn names(resolve: &Resolve, world: WorldId) -> Vec<(String, String)> {
    let world = &resolve.worlds[world];
    let keys = world.imports.keys().chain(world.exports.keys());
    let mut names: Vec<(String, String)> = Vec::new();
    for full in keys.map(|key| resolve.name_world_key(key)) {
        let (package, name) = full.split_once('/').expect("an interface is of a package");
        let name = name.split('@').next().unwrap_or_default();
        let short = match (package, name) {
            ("punix:base", "types") => "punix".to_owned(),
            ("punix:base", name) => name.to_owned(),
            ("punix:cap", name) => format!("punix_{name}"),
            (package, _) => package.trim_start_matches("punix:").to_owned(),
        };
        names.push((full, short));
    }
    names.sort();
    names.dedup();
    names
}

fn made(short: &str, full: &str) -> Vec<(String, String)> {
    let mut resolve = Resolve::default();
    let mut packages = Vec::new();
    for package in ["base", "cap", "backend", "resolver", "transport"] {
        packages.push(resolve.push_path(root().join("wit").join(package)).unwrap().0);
    }
    let world = resolve.select_world(&packages, Some(full)).unwrap();
    let options = wit_bindgen_c::Opts {
        no_object_file: true,
        rename: names(&resolve, world),
        rename_world: Some(short.to_owned()),
        autodrop_borrows: wit_bindgen_c::Enabled::Yes,
        ..wit_bindgen_c::Opts::default()
    };
    let mut files = Files::default();
    let mut generator: Box<dyn WorldGenerator> = options.build();
    generator.generate(&mut resolve, world, &mut files).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    files.iter().map(|(name, bytes)| (name.to_owned(), text(bytes))).collect()
}

#[test]
fn the_bindings_for_c_are_those_of_the_wit() {
    let folder = root().join("sdk/c/bindings");
    for (short, full) in WORLDS {
        for (name, text) in made(short, full) {
            let path = folder.join(&name);
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                fs::write(&path, &text).unwrap();
            }
            let there = fs::read_to_string(&path).unwrap_or_default();
            assert!(there == text, "sdk/c/bindings/{name} is not what the WIT gives: run this with UPDATE_EXPECT=1");
        }
    }
}
