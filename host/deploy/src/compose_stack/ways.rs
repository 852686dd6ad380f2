//! Remembers where parts of a stack are written, under the ways by which a backend names them.

use super::reader::{Reader, Spot};
use punix_pcl::{Value, ValueId};

/// How deep a backend's fields are remembered: `services.web` is one way, `serviceConfig.User` two more steps.
const STEPS_MAX: usize = 3;
/// Values share what they are made of; this many places are more than anybody writes.
const PLACES_MAX: usize = 200_000;

impl Reader<'_> {
    /// Remembers a value and what is in it.
    pub(super) fn remember(&mut self, way: &str, spot: &Spot) {
        let mut todo: Vec<(String, ValueId, usize)> = vec![(way.to_owned(), spot.id, 0)];
        self.places.add(way.to_owned(), spot.at);
        let mut places_left = PLACES_MAX;
        while let Some((way, id, steps)) = todo.pop() {
            if steps == STEPS_MAX {
                continue;
            }
            let values = &self.evaluator.values;
            match values.get(id) {
                Value::Record(items) => {
                    for (index, &(name, inner)) in values.fields(items).iter().enumerate().take(places_left) {
                        let below = format!("{way}.{}", values.text(name));
                        let label = values.labels(id).get(index).map(|label| label.span);
                        self.places.add(below.clone(), label.or(values.origin(inner)).unwrap_or(spot.at));
                        todo.push((below, inner, steps + 1));
                    }
                    places_left = places_left.saturating_sub(values.fields(items).len());
                }
                Value::List(items) => {
                    for (index, &inner) in values.items(items).iter().enumerate().take(places_left) {
                        let below = format!("{way}.{index}");
                        self.places.add(below.clone(), values.origin(inner).unwrap_or(spot.at));
                        todo.push((below, inner, steps + 1));
                    }
                    places_left = places_left.saturating_sub(values.items(items).len());
                }
                Value::Failed
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Text(_)
                | Value::Secret { .. }
                | Value::Artifact { .. }
                | Value::Out(_)
                | Value::Woven(_) => {}
            }
        }
    }
}
