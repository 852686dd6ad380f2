//! Where the parts of a stack are written, for those who come later and know them by name only: a backend says that
//! `services.web.serviceConfig.User` is wrong, and the user is shown the line.

use punix_diag::Span;
use std::collections::BTreeMap;

/// Places by ways such as `services.web.serviceConfig.User`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, Span>);

impl Places {
    /// Remembers where something is written. What was told first counts.
    pub(crate) fn add(&mut self, way: String, at: Span) {
        self.0.entry(way).or_insert(at);
    }

    /// Returns where something is written, or the nearest part of its way that is known. Names may hold dots, so ways
    /// are never taken apart, only shortened.
    pub fn find(&self, way: &str) -> Option<Span> {
        let mut way = way;
        loop {
            if let Some(at) = self.0.get(way) {
                return Some(*at);
            }
            (way, _) = way.rsplit_once('.')?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_to_the_deepest_part_that_is_known() {
        let mut places = Places::default();
        let span = |start| Span::new(start, start + 1);
        places.add("services.web.v2".to_owned(), span(1));
        places.add("services.web.v2.serviceConfig".to_owned(), span(2));
        places.add("services.web.v2".to_owned(), span(9));
        assert_eq!(places.find("services.web.v2.serviceConfig.User"), Some(span(2)));
        assert_eq!(places.find("services.web.v2.timer.Unit"), Some(span(1)));
        assert_eq!((places.find("services.web"), places.find("")), (None, None));
    }
}
