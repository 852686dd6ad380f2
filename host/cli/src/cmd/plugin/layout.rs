//! How changes stand in the text of a policy: what somebody wrote keeps its place, its comments and its form. Whether the
//! result means what it should is not looked at here.

use super::given::Given;
use super::steps::Step;
use punix_plugin::{Id, Key, Kind};
use toml_edit::{Array, DocumentMut, InlineTable, Item, RawString, Table, Value};

const INDENT: &str = "    ";

/// Does steps in the table of a plugin. `None` if something stands where it cannot.
pub(super) fn write(document: &mut DocumentMut, id: &Id, steps: &[Step]) -> Option<()> {
    let table = table_of(document, id)?;
    steps.iter().try_for_each(|step| one(table, step))
}

/// Takes out the table of a plugin. What stands above it, and apart from it, stays.
pub(super) fn forget(document: &mut DocumentMut, id: &Id) -> Option<()> {
    let removed = document.get_mut("plugin")?.as_table_like_mut()?.remove(id.as_str())?;
    let Some((position, above)) = first_header(&removed) else { return Some(()) };
    let Some(end) = above.rfind("\n\n") else { return Some(()) };
    let kept = &above[..=end];
    if !kept.contains('#') {
        return Some(());
    }
    match next_position(document.as_item(), position) {
        Some(next) => {
            let below = header_at(document.as_item_mut(), next)?;
            let old = raw(below.decor().prefix()).unwrap_or("\n").to_owned();
            let gap = if old.starts_with('\n') { "" } else { "\n" };
            below.decor_mut().set_prefix(format!("{kept}{gap}{old}"));
        }
        None => {
            let old = document.trailing().as_str().unwrap_or_default().to_owned();
            document.set_trailing(format!("{kept}{old}"));
        }
    }
    Some(())
}

fn one(table: &mut Item, step: &Step) -> Option<()> {
    match step {
        Step::Chosen { sha256, source } => {
            set(table, "sha256", sha256.to_string().into())?;
            set(table, "source", source.as_str().into())
        }
        Step::Grant(given) => {
            let grant = child(table, "grant", new_table)?;
            match given {
                Given::Flag(kind) => set_flag(grant, *kind, true),
                Given::Http(_) | Given::Env(_) | Given::Files(_) | Given::Process(_) | Given::Spawn(_) => {
                    append_entry(child(grant, given.kind().as_str(), new_list)?, given.to_toml()?)
                }
            }
        }
        Step::Take(kind, index) => take(entries(table, kind.as_str())?, *index),
        Step::TakeFlag(kind) => set_flag(child(table, "grant", new_table)?, *kind, false),
        Step::Refuse(key) => {
            let list = child(table, "deny", new_list)?.as_array_mut()?;
            append(list, key.to_string().into(), false);
            Some(())
        }
        Step::Lift(key) => {
            let list = table.as_table_like_mut()?.get_mut("deny")?.as_array_mut()?;
            let same = |value: &Value| value.as_str().is_some_and(|text| Key::parse(text).as_ref() == Ok(key));
            // Twice is possible, in two spellings.
            for index in (0..list.len()).rev() {
                if list.get(index).is_some_and(same) {
                    take_out(list, index);
                }
            }
            Some(())
        }
        Step::Limit(name, Some(value)) => set(child(table, "limits", new_table)?, name, i64::from(*value).into()),
        Step::Limit(name, None) => {
            table.as_table_like_mut()?.get_mut("limits")?.as_table_like_mut()?.remove(name)?;
            Some(())
        }
    }
}

fn set_flag(grant: &mut Item, kind: Kind, given: bool) -> Option<()> {
    match kind {
        Kind::Seal | Kind::Reveal => {
            let secrets = child(grant, "secrets", || Item::Value(Value::InlineTable(InlineTable::new())))?;
            set(secrets, kind.as_str(), given.into())
        }
        other => set(grant, other.as_str(), given.into()),
    }
}

/// Returns the table of a plugin; a new one stands at the end, behind what is commented there.
fn table_of<'a>(document: &'a mut DocumentMut, id: &Id) -> Option<&'a mut Item> {
    let end = last_position(document.as_item()).unwrap_or(0);
    let comment = document.trailing().as_str().unwrap_or_default().trim_end().to_owned();
    let root = document.as_table_mut();
    if !root.contains_key("plugin") {
        let mut plugins = Table::new();
        plugins.set_implicit(true);
        root.insert("plugin", Item::Table(plugins));
    }
    let plugins = root.get_mut("plugin")?;
    if !plugins.as_table_like()?.contains_key(id.as_str()) {
        let mut table = Table::new();
        table.set_position(Some(end + 1));
        let moved = plugins.is_table() && !comment.is_empty();
        if moved {
            table.decor_mut().set_prefix(format!("{comment}\n\n"));
        }
        plugins.as_table_like_mut()?.insert(id.as_str(), Item::Table(table));
        if moved {
            document.set_trailing("");
        }
    }
    document.get_mut("plugin")?.as_table_like_mut()?.get_mut(id.as_str())
}

/// Returns what is at a key of a table, and puts something there if nothing is.
fn child<'a>(parent: &'a mut Item, key: &str, new: impl FnOnce() -> Item) -> Option<&'a mut Item> {
    let table = parent.as_table_like_mut()?;
    if !table.contains_key(key) {
        table.insert(key, new());
    }
    table.get_mut(key)
}

fn new_table() -> Item {
    Item::Table(Table::new())
}

fn new_list() -> Item {
    Item::Value(Value::Array(Array::new()))
}

/// Sets a value; what is commented beside an older one stays.
fn set(table: &mut Item, key: &str, mut value: Value) -> Option<()> {
    let table = table.as_table_like_mut()?;
    match table.get_mut(key) {
        None => drop(table.insert(key, Item::Value(value))),
        Some(item) => {
            *value.decor_mut() = item.as_value()?.decor().clone();
            *item = Item::Value(value);
        }
    }
    Some(())
}

/// Returns the list of what is granted of a kind.
fn entries<'a>(table: &'a mut Item, kind: &str) -> Option<&'a mut Item> {
    table.as_table_like_mut()?.get_mut("grant")?.as_table_like_mut()?.get_mut(kind)
}

fn append_entry(list: &mut Item, entry: InlineTable) -> Option<()> {
    match list {
        Item::ArrayOfTables(tables) => tables.push(entry.into_table()),
        Item::Value(Value::Array(array)) => append(array, Value::InlineTable(entry), true),
        Item::None | Item::Value(_) | Item::Table(_) => return None,
    }
    Some(())
}

fn take(list: &mut Item, index: usize) -> Option<()> {
    match list {
        // Without any table there would be no list, and an empty one means something.
        Item::ArrayOfTables(tables) if tables.len() == 1 && index == 0 => *list = new_list(),
        Item::ArrayOfTables(tables) if index < tables.len() => drop(tables.remove(index)),
        Item::Value(Value::Array(array)) if index < array.len() => take_out(array, index),
        Item::None | Item::Value(_) | Item::Table(_) | Item::ArrayOfTables(_) => return None,
    }
    Some(())
}

/// Puts a value behind those of a list, laid out as these are. Of long values each has a line.
fn append(array: &mut Array, mut value: Value, is_long: bool) {
    let count = array.len();
    let mut tail = String::new();
    if let Some(last) = array.get_mut(count.wrapping_sub(1)) {
        tail.push_str(raw(last.decor().suffix()).unwrap_or_default());
        last.decor_mut().set_suffix("");
    }
    tail.push_str(array.trailing().as_str().unwrap_or_default());
    let on_lines = |value: &Value| raw(value.decor().prefix()).is_some_and(|prefix| prefix.contains('\n'));
    let mut lines = tail.contains('\n') || array.iter().any(on_lines);
    if is_long && !lines && count > 0 {
        for value in array.iter_mut() {
            *value.decor_mut() = toml_edit::Decor::new(format!("\n{INDENT}"), "");
        }
        lines = true;
    }
    if lines {
        let indent = array.iter().last().map_or(INDENT, |last| {
            let prefix = raw(last.decor().prefix()).unwrap_or_default();
            prefix.rsplit_once('\n').map_or(INDENT, |(_, indent)| indent)
        });
        let prefix = format!("{}\n{indent}", tail.trim_end());
        let closing = tail.rsplit_once('\n').map_or("", |(_, closing)| closing).to_owned();
        *value.decor_mut() = toml_edit::Decor::new(prefix, "");
        array.push_formatted(value);
        array.set_trailing_comma(true);
        array.set_trailing(format!("\n{closing}"));
    } else {
        *value.decor_mut() = toml_edit::Decor::new(if count > 0 { " " } else { "" }, tail);
        array.push_formatted(value);
        array.set_trailing_comma(false);
        array.set_trailing("");
    }
}

/// Takes a value out of a list, and what is commented about it: above it, and behind it on its line.
fn take_out(array: &mut Array, index: usize) {
    let removed = array.remove(index);
    let before = raw(removed.decor().prefix()).unwrap_or_default();
    let (before_on_line, own) = cut_line(before);
    match array.get_mut(index) {
        Some(next) => {
            let prefix = raw(next.decor().prefix()).unwrap_or_default();
            let (_, rest) = cut_line(prefix);
            // On one line it is only a blank.
            let rest = if own.contains('\n') || rest.contains('\n') { rest } else { own };
            let prefix = format!("{before_on_line}{rest}");
            next.decor_mut().set_prefix(prefix);
        }
        None => {
            let (_, rest) = cut_line(array.trailing().as_str().unwrap_or_default());
            let trailing = format!("{before_on_line}{rest}");
            array.set_trailing(trailing);
            if array.is_empty() {
                array.set_trailing_comma(false);
            }
        }
    }
}

/// Cuts what stands between two values: what belongs to the line of the first, and the rest.
fn cut_line(between: &str) -> (&str, &str) {
    between.split_at(between.find('\n').unwrap_or(0))
}

fn raw(text: Option<&RawString>) -> Option<&str> {
    text?.as_str()
}

/// Lists the tables with a header, each with its place in the text.
fn headers(item: &Item) -> Vec<(isize, &Table)> {
    let mut found = Vec::new();
    let mut waiting = vec![item];
    while let Some(next) = waiting.pop() {
        let tables: Vec<&Table> = match next {
            Item::Table(table) => vec![table],
            Item::ArrayOfTables(tables) => tables.iter().collect(),
            Item::None | Item::Value(_) => Vec::new(),
        };
        for table in tables {
            found.extend(table.position().filter(|_| !table.is_dotted()).map(|position| (position, table)));
            waiting.extend(table.iter().map(|(_, item)| item));
        }
    }
    found.sort_by_key(|(position, _)| *position);
    found
}

fn last_position(item: &Item) -> Option<isize> {
    headers(item).last().map(|(position, _)| *position)
}

fn next_position(item: &Item, behind: isize) -> Option<isize> {
    headers(item).into_iter().map(|(position, _)| position).find(|position| *position > behind)
}

/// Returns the first header of what was removed: its place, and what stands above it.
fn first_header(item: &Item) -> Option<(isize, String)> {
    let (position, table) = headers(item).into_iter().next()?;
    Some((position, raw(table.decor().prefix()).unwrap_or_default().to_owned()))
}

/// Returns the table whose header is at a place.
fn header_at(item: &mut Item, position: isize) -> Option<&mut Table> {
    match item {
        Item::Table(table) => header_in(table, position),
        Item::ArrayOfTables(tables) => tables.iter_mut().find_map(|table| header_in(table, position)),
        Item::None | Item::Value(_) => None,
    }
}

fn header_in(table: &mut Table, position: isize) -> Option<&mut Table> {
    if table.position() == Some(position) && !table.is_dotted() {
        return Some(table);
    }
    table.iter_mut().find_map(|(_, item)| header_at(item, position))
}
