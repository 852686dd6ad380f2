//! Lists the recipes, so that a new one is one new file.

use std::fmt::Write;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=recipes");
    let home = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let files = std::fs::read_dir(Path::new(&home).join("recipes")).expect("the recipes are there");
    let names = files.map(|file| file.expect("it can be read").file_name().into_string().expect("it is text"));
    let mut names: Vec<String> = names.collect();
    names.sort();
    let mut list = "&[\n".to_owned();
    for name in &names {
        let stem = name.strip_suffix(".sh").expect("it is a script");
        writeln!(list, "    ({:?}, include_str!({:?})),", format!("std.{stem}"), format!("{home}/recipes/{name}"))
            .expect("text can be written to");
    }
    list.push(']');
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&out).join("recipes.rs"), list).expect("the directory is ours");
}
