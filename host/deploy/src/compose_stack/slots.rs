//! The secrets that a stack refers to. Each is there once, however often it is used; nothing here knows a value.

use super::reader::{Reader, Spot};
use punix_diag::{Code, Span};
use punix_model::{Shape, Slot};
use std::collections::HashMap;

/// Slots by their ids, which are their places.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) list: Vec<Slot>,
    /// Where each is first referred to.
    pub(super) places: Vec<Span>,
    by_name: HashMap<String, u32>,
}

impl Slots {
    /// Returns the slot of a secret. Used in several places, it has to be what the strictest of them takes.
    fn refer(&mut self, kind: &str, reference: &str, shape: Shape, at: Span) -> u32 {
        let name = format!("{kind}:{reference}");
        if let Some(&id) = self.by_name.get(&name) {
            for slot in self.list.iter_mut().filter(|slot| slot.id == id) {
                slot.shape = slot.shape.min(shape);
            }
            return id;
        }
        // There are fewer of them than bytes of a program.
        let id = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(Slot { id, name: name.clone(), shape });
        self.places.push(at);
        self.by_name.insert(name, id);
        id
    }
}

impl Reader<'_> {
    /// Returns the slot of a secret, if there is a resolver that answers for it.
    pub(super) fn slot(&mut self, spot: &Spot, at: Span, kind: &str, reference: &str, shape: Shape) -> Option<u32> {
        let resolvers = &self.choice.world.resolvers;
        if resolvers.iter().any(|resolver| resolver == kind) {
            return Some(self.slots.refer(kind, reference, shape, at));
        }
        let names: Vec<&str> = resolvers.iter().map(String::as_str).collect();
        let help = self.meant(kind, "`punix plugin add` installs a resolver; there are", &names);
        let message = format!("`{}` refers to a secret, and no installed resolver answers `{kind}`", spot.shown);
        self.error(Code::E2, at, message, help);
        None
    }
}
