//! What benches found, and the page that is made of it. Apart from the benches, so that its tests link none of what they measure.

mod findings;
mod page;
mod table;

pub use findings::Findings;
pub use page::{Page, Section, replaced, without};
pub use table::{Table, Target};
