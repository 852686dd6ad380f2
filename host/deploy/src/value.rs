//! Values of the language as values of a derivation.

use punix_diag::Span;
use punix_pcl::{ModuleId, Value as Pcl, ValueId, Values};
use punix_store::{Integer, Piece, Record, StoreName, Value};

/// Converts a value. The entry of each package whose path is in it must be known.
pub(crate) fn canonical(values: &Values<'_>, id: ValueId, entry: &dyn Fn(ModuleId) -> StoreName) -> Value {
    match values.get(id) {
        Pcl::Failed => Value::text(""),
        Pcl::Bool(value) => Value::Bool(value),
        Pcl::Int(digits) => {
            Integer::parse(values.text(digits)).map_or(Value::text(values.text(digits)), Value::Integer)
        }
        Pcl::Text(text) => Value::text(values.text(text)),
        Pcl::Secret { kind, name } => {
            Value::Secret { kind: values.text(kind).to_owned(), name: values.text(name).to_owned() }
        }
        Pcl::Artifact { host, name } => {
            Value::Artifact { host: values.text(host).to_owned(), name: values.text(name).to_owned() }
        }
        Pcl::Out(module) => Value::weave([Piece::Path(entry(module))]),
        Pcl::Woven(items) => Value::weave(values.items(items).iter().flat_map(|&piece| pieces(values, piece, entry))),
        Pcl::List(items) => {
            Value::List(values.items(items).iter().map(|&item| canonical(values, item, entry)).collect())
        }
        Pcl::Record(_) => Value::Record(record(values, id, entry)),
    }
}

/// Converts a record; what is none has no fields.
pub(crate) fn record(values: &Values<'_>, id: ValueId, entry: &dyn Fn(ModuleId) -> StoreName) -> Record {
    let Pcl::Record(items) = values.get(id) else { return Record::new() };
    let fields = values.fields(items).iter();
    fields.map(|&(name, value)| (values.text(name).to_owned(), canonical(values, value, entry))).collect()
}

fn pieces(values: &Values<'_>, id: ValueId, entry: &dyn Fn(ModuleId) -> StoreName) -> Vec<Piece> {
    match canonical(values, id, entry) {
        Value::Woven(woven) => woven.pieces().to_vec(),
        Value::Text(text) => vec![Piece::Text(text)],
        Value::Bool(value) => vec![Piece::Text(value.to_string())],
        Value::Integer(integer) => vec![Piece::Text(integer.as_str().to_owned())],
        // A text holds none of these: the language refuses them.
        Value::List(_) | Value::Record(_) | Value::Secret { .. } | Value::Artifact { .. } => Vec::new(),
    }
}

/// Hands over every package whose path is in a value.
pub(crate) fn each_package(values: &Values<'_>, id: ValueId, found: &mut dyn FnMut(ModuleId)) {
    let mut todo = vec![id];
    while let Some(id) = todo.pop() {
        match values.get(id) {
            Pcl::Out(module) => found(module),
            Pcl::Woven(items) | Pcl::List(items) => todo.extend(values.items(items)),
            Pcl::Record(items) => todo.extend(values.fields(items).iter().map(|field| field.1)),
            Pcl::Failed | Pcl::Bool(_) | Pcl::Int(_) | Pcl::Text(_) | Pcl::Secret { .. } | Pcl::Artifact { .. } => {}
        }
    }
}

/// Returns where a part of a value is written: that of the deepest part of the way that is there.
pub(crate) fn place(values: &Values<'_>, id: ValueId, way: &[String]) -> Option<Span> {
    let mut at = values.origin(id);
    let mut id = id;
    for step in way {
        match values.get(id) {
            Pcl::Record(items) => {
                let label = values.labels(id).iter().find(|label| values.text(label.name) == step.as_str());
                at = label.map(|label| label.span).or(at);
                let field = values.fields(items).iter().find(|field| values.text(field.0) == step.as_str());
                let Some(&(_, value)) = field else { return at };
                id = value;
            }
            Pcl::List(items) => {
                let item = step.parse().ok().and_then(|index: usize| values.items(items).get(index));
                let Some(&item) = item else { return at };
                id = item;
            }
            Pcl::Failed
            | Pcl::Bool(_)
            | Pcl::Int(_)
            | Pcl::Text(_)
            | Pcl::Secret { .. }
            | Pcl::Artifact { .. }
            | Pcl::Out(_)
            | Pcl::Woven(_) => return at,
        }
        at = values.origin(id).or(at);
    }
    at
}
