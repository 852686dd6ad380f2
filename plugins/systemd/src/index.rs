//! One kind of map for all that is looked up or sorted by name: each kind more is thousands of bytes of code in the
//! component, which is read and checked before every call.

use std::collections::BTreeMap;

/// Positions by name, in the order of names.
pub(crate) type Index<'a> = BTreeMap<&'a str, usize>;

/// Lists texts in their order, each once.
pub(crate) fn sorted<'a>(texts: impl Iterator<Item = &'a str>) -> Index<'a> {
    let mut index = Index::new();
    for (position, text) in texts.enumerate() {
        index.entry(text).or_insert(position);
    }
    index
}
