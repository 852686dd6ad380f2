//! What of the interfaces a compiled plugin depends on, as lines that can be compared.

use std::collections::BTreeMap;
use wit_parser::{
    Function, FunctionKind, Handle, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldItem,
    WorldKey,
};

/// Each thing by its full name, with its whole shape in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape(BTreeMap<String, String>);

impl Shape {
    pub(crate) fn of(resolve: &Resolve, packages: &[PackageId]) -> Shape {
        let mut found = BTreeMap::new();
        for package in packages {
            let package = &resolve.packages[*package];
            for (name, id) in &package.interfaces {
                let full = format!("{}/{name}", package.name);
                interface(resolve, *id, &full, &mut found);
            }
            for (name, id) in &package.worlds {
                let world = &resolve.worlds[*id];
                let items = |items: &dyn Fn(&mut Vec<String>)| {
                    let mut names = Vec::new();
                    items(&mut names);
                    names.sort();
                    names.join(" ")
                };
                let imports =
                    items(&|names| names.extend(world.imports.iter().map(|(key, item)| key_of(resolve, key, item))));
                let exports =
                    items(&|names| names.extend(world.exports.iter().map(|(key, item)| key_of(resolve, key, item))));
                found.insert(format!("{} world {name}", package.name), format!("imports {imports}; exports {exports}"));
            }
        }
        Shape(found)
    }

    /// Lists what of this is gone or different in `other`. What is more there breaks nobody.
    pub(crate) fn broken_by(&self, other: &Shape) -> Vec<String> {
        let differs = |(name, shape): (&String, &String)| match other.0.get(name) {
            None => Some(format!("`{name}` is gone")),
            Some(found) if found != shape => Some(format!("`{name}` was `{shape}` and is `{found}`")),
            Some(_) => None,
        };
        self.0.iter().filter_map(differs).collect()
    }
}

fn key_of(resolve: &Resolve, key: &WorldKey, item: &WorldItem) -> String {
    let kind = match item {
        WorldItem::Interface { .. } => "interface",
        WorldItem::Function(_) => "function",
        WorldItem::Type { .. } => "type",
    };
    format!("{kind} {}", resolve.name_world_key(key))
}

fn interface(resolve: &Resolve, id: InterfaceId, full: &str, found: &mut BTreeMap<String, String>) {
    let interface = &resolve.interfaces[id];
    for (name, id) in &interface.types {
        found.insert(format!("{full} {name}"), definition(resolve, *id));
    }
    for (name, function) in &interface.functions {
        found.insert(format!("{full} {name}"), signature(resolve, function));
    }
}

/// Returns what a type is, in the words of the interfaces.
pub(crate) fn definition(resolve: &Resolve, id: TypeId) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            let field = |field: &wit_parser::Field| format!("{}: {}", field.name, type_text(resolve, &field.ty));
            format!("record {{ {} }}", list(record.fields.iter().map(field).collect()))
        }
        TypeDefKind::Variant(variant) => {
            let case = |case: &wit_parser::Case| match &case.ty {
                Some(ty) => format!("{}({})", case.name, type_text(resolve, ty)),
                None => case.name.clone(),
            };
            format!("variant {{ {} }}", list(variant.cases.iter().map(case).collect()))
        }
        TypeDefKind::Enum(cases) => {
            format!("enum {{ {} }}", list(cases.cases.iter().map(|case| case.name.clone()).collect()))
        }
        TypeDefKind::Flags(flags) => {
            format!("flags {{ {} }}", list(flags.flags.iter().map(|flag| flag.name.clone()).collect()))
        }
        TypeDefKind::Resource => "resource".to_owned(),
        other => kind_text(resolve, other),
    }
}

/// Returns what a function takes and gives.
pub(crate) fn signature(resolve: &Resolve, function: &Function) -> String {
    let kind = match function.kind {
        FunctionKind::Static(_) => "static func",
        FunctionKind::Constructor(_) => "constructor",
        _ => "func",
    };
    // A method's first parameter is the resource itself.
    let skipped = usize::from(matches!(function.kind, FunctionKind::Method(_)));
    let parameter =
        |parameter: &wit_parser::Param| format!("{}: {}", parameter.name, type_text(resolve, &parameter.ty));
    let parameters: Vec<String> = function.params.iter().skip(skipped).map(parameter).collect();
    let result = match (&function.result, &function.kind) {
        (Some(_), FunctionKind::Constructor(_)) | (None, _) => String::new(),
        (Some(ty), _) => format!(" -> {}", type_text(resolve, ty)),
    };
    format!("{kind}({}){result}", parameters.join(", "))
}

/// Returns a type by its name, or in full where it has none.
pub(crate) fn type_text(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Id(id) => {
            let definition = &resolve.types[*id];
            match (&definition.name, definition.owner) {
                (Some(name), TypeOwner::Interface(_) | TypeOwner::World(_)) => name.clone(),
                _ => kind_text(resolve, &definition.kind),
            }
        }
        Type::Bool => "bool".to_owned(),
        Type::U8 => "u8".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::U64 => "u64".to_owned(),
        Type::S8 => "s8".to_owned(),
        Type::S16 => "s16".to_owned(),
        Type::S32 => "s32".to_owned(),
        Type::S64 => "s64".to_owned(),
        Type::F32 => "f32".to_owned(),
        Type::F64 => "f64".to_owned(),
        Type::Char => "char".to_owned(),
        Type::String => "string".to_owned(),
        Type::ErrorContext => "error-context".to_owned(),
    }
}

fn kind_text(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let text = |ty: &Type| type_text(resolve, ty);
    match kind {
        TypeDefKind::Option(ty) => format!("option<{}>", text(ty)),
        TypeDefKind::List(ty) => format!("list<{}>", text(ty)),
        TypeDefKind::Tuple(tuple) => format!("tuple<{}>", tuple.types.iter().map(text).collect::<Vec<_>>().join(", ")),
        TypeDefKind::Result(result) => match (&result.ok, &result.err) {
            (Some(ok), Some(err)) => format!("result<{}, {}>", text(ok), text(err)),
            (None, Some(err)) => format!("result<_, {}>", text(err)),
            (Some(ok), None) => format!("result<{}>", text(ok)),
            (None, None) => "result".to_owned(),
        },
        TypeDefKind::Handle(Handle::Own(id)) => text(&Type::Id(*id)),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", text(&Type::Id(*id))),
        TypeDefKind::Type(ty) => text(ty),
        other => other.as_str().to_owned(),
    }
}
