//! What one bench finds: told at once, for whoever waits for it, and kept for a page.

use crate::Table;
use std::io::{self, Write};

/// Texts and tables, in their order.
pub struct Findings<'a> {
    out: &'a mut dyn Write,
    text: String,
    missed: Vec<String>,
}

impl<'a> Findings<'a> {
    pub fn new(out: &'a mut dyn Write) -> Findings<'a> {
        Findings { out, text: String::new(), missed: Vec::new() }
    }

    /// Adds a paragraph or a list.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.add(&format!("{}\n", text.trim_end()))
    }

    pub fn table(&mut self, table: &Table) -> io::Result<()> {
        let mut drawn = Vec::new();
        table.write(&mut drawn)?;
        self.missed.extend(table.missed());
        self.add(&String::from_utf8_lossy(&drawn))
    }

    /// Returns a line for each target that was missed.
    pub fn missed(&self) -> &[String] {
        &self.missed
    }

    /// Returns all that was added, as Markdown.
    pub fn markdown(&self) -> &str {
        &self.text
    }

    fn add(&mut self, block: &str) -> io::Result<()> {
        let between = if self.text.is_empty() { "" } else { "\n" };
        write!(self.out, "{between}{block}")?;
        self.out.flush()?;
        self.text.push_str(between);
        self.text.push_str(block);
        Ok(())
    }
}
