//! Makes the page `docs/reference/wit.md` of the interfaces, with the comments in them as its sentences.

use super::shape::{definition, signature, type_text};
use std::fmt::Write as _;
use wit_parser::{Docs, Function, FunctionKind, Interface, PackageId, Resolve, TypeDefKind, TypeId, WorldItem};

const HEAD: &str = "\
# The interfaces of plugins

This page is made of the files in `wit/`. A plugin exports one world's `api` and `punix:base/meta`, and imports what the
world lists; what of that has anything behind it is granted ([policy](policy.md)). How to begin is in
[write a plugin](../guide/write-a-plugin.md).

Everything here is version 0.1.0. A published shape never changes: functions can be added, and what else is new comes as
another version beside this one.
";

/// Returns the page.
pub(crate) fn page(resolve: &Resolve, packages: &[PackageId]) -> String {
    let mut out = HEAD.to_owned();
    for package in packages {
        let package = &resolve.packages[*package];
        let _ = write!(out, "\n## {}\n", package.name);
        for (name, id) in &package.worlds {
            let world = &resolve.worlds[*id];
            let _ = write!(out, "\n### World `{name}`\n\n{}\n", sentence(&world.docs));
            let mut list = |what: &str, items: Vec<String>| {
                let _ = write!(out, "\n{what}: {}.\n", items.join(", "));
            };
            let interfaces = |items: Vec<(&wit_parser::WorldKey, &WorldItem)>| {
                let named =
                    |(key, _): (&wit_parser::WorldKey, &WorldItem)| format!("`{}`", resolve.name_world_key(key));
                items.into_iter().map(named).collect::<Vec<_>>()
            };
            list("It can import", interfaces(world.imports.iter().collect()));
            list("It exports", interfaces(world.exports.iter().collect()));
        }
        for (name, id) in &package.interfaces {
            interface(resolve, name, &resolve.interfaces[*id], &mut out);
        }
    }
    out
}

/// Lists what has no comment.
pub(crate) fn unexplained(resolve: &Resolve, packages: &[PackageId]) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |what: String, docs: &Docs| {
        if docs.contents.as_ref().is_none_or(|text| text.trim().is_empty()) {
            found.push(what);
        }
    };
    for package in packages.iter().map(|id| &resolve.packages[*id]) {
        for (name, id) in &package.worlds {
            look(format!("world {name}"), &resolve.worlds[*id].docs);
        }
        for (name, id) in &package.interfaces {
            let interface = &resolve.interfaces[*id];
            look(format!("interface {name}"), &interface.docs);
            for (kind, id) in own_types(resolve, interface) {
                let ty = &resolve.types[id];
                look(format!("{name} {kind}"), &ty.docs);
                match &ty.kind {
                    TypeDefKind::Record(record) => {
                        record
                            .fields
                            .iter()
                            .for_each(|field| look(format!("{name} {kind}.{}", field.name), &field.docs));
                    }
                    TypeDefKind::Variant(variant) => {
                        variant.cases.iter().for_each(|case| look(format!("{name} {kind}.{}", case.name), &case.docs));
                    }
                    // The methods of HTTP explain themselves.
                    TypeDefKind::Enum(cases) if kind != "method" => {
                        cases.cases.iter().for_each(|case| look(format!("{name} {kind}.{}", case.name), &case.docs));
                    }
                    _ => {}
                }
            }
            for (function, about) in &interface.functions {
                look(format!("{name} {function}"), &about.docs);
            }
        }
    }
    found
}

fn interface(resolve: &Resolve, name: &str, interface: &Interface, out: &mut String) {
    let _ = write!(out, "\n### Interface `{name}`\n\n{}\n", sentence(&interface.docs));
    for (name, id) in own_types(resolve, interface) {
        let ty = &resolve.types[id];
        let _ = write!(out, "\n**`{name}`** ");
        match &ty.kind {
            TypeDefKind::Record(record) => {
                let _ = write!(out, "(record): {}\n\n| field | type | |\n|---|---|---|\n", sentence(&ty.docs));
                for field in &record.fields {
                    row(out, &[&field.name, &type_text(resolve, &field.ty)], &field.docs);
                }
            }
            TypeDefKind::Variant(variant) => {
                let _ = write!(out, "(variant): {}\n\n| case | with | |\n|---|---|---|\n", sentence(&ty.docs));
                for case in &variant.cases {
                    let with = case.ty.as_ref().map_or_else(String::new, |ty| type_text(resolve, ty));
                    row(out, &[&case.name, &with], &case.docs);
                }
            }
            TypeDefKind::Enum(cases) => {
                let _ = write!(out, "(enum): {}\n\n| case | |\n|---|---|\n", sentence(&ty.docs));
                cases.cases.iter().for_each(|case| row(out, &[&case.name], &case.docs));
            }
            TypeDefKind::Resource => {
                let _ = writeln!(out, "(resource): {}", sentence(&ty.docs));
                functions(resolve, interface, Some(id), out);
            }
            _ => {
                let _ = writeln!(out, "(`{}`): {}", definition(resolve, id), sentence(&ty.docs));
            }
        }
    }
    functions(resolve, interface, None, out);
}

fn functions(resolve: &Resolve, interface: &Interface, of: Option<TypeId>, out: &mut String) {
    let belongs = |function: &&Function| match function.kind {
        FunctionKind::Method(id) | FunctionKind::Static(id) | FunctionKind::Constructor(id) => of == Some(id),
        _ => of.is_none(),
    };
    let mut listed = interface.functions.values().filter(belongs).peekable();
    if listed.peek().is_some() {
        out.push('\n');
    }
    for function in listed {
        let short = function.item_name();
        let shape = signature(resolve, function);
        let _ = writeln!(out, "- `{short}: {shape}` {}", sentence(&function.docs));
    }
}

/// Returns the types that are defined here, without those that are only used.
fn own_types<'r>(resolve: &'r Resolve, interface: &'r Interface) -> impl Iterator<Item = (&'r str, TypeId)> {
    let used = |id: TypeId| match &resolve.types[id].kind {
        TypeDefKind::Type(wit_parser::Type::Id(other)) => resolve.types[*other].owner != resolve.types[id].owner,
        _ => false,
    };
    interface.types.iter().filter(move |(_, id)| !used(**id)).map(|(name, id)| (name.as_str(), *id))
}

fn row(out: &mut String, words: &[&str], docs: &Docs) {
    let cells = words.iter().map(|word| if word.is_empty() { " |".to_owned() } else { format!(" `{word}` |") });
    let _ = writeln!(out, "|{} {} |", cells.collect::<String>(), sentence(docs).replace('|', "\\|"));
}

fn sentence(docs: &Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
