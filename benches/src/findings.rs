//! What one bench finds: told at once, for whoever waits for it, and kept for a page.

use crate::Table;
use std::io::{self, Write};

/// Texts and tables, in their order.
pub struct Findings<'a> {
    out: &'a mut dyn Write,
    text: String,
    missed: Vec<String>,
    brief: Option<String>,
}

impl<'a> Findings<'a> {
    pub fn new(out: &'a mut dyn Write) -> Findings<'a> {
        Findings { out, text: String::new(), missed: Vec::new(), brief: None }
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

    /// Adds a table that says the most in the fewest figures, for another page.
    pub fn brief(&mut self, table: &Table) -> io::Result<()> {
        let mut drawn = Vec::new();
        table.write(&mut drawn)?;
        let drawn = String::from_utf8_lossy(&drawn).into_owned();
        self.add(&drawn)?;
        self.brief = Some(drawn);
        Ok(())
    }

    /// Returns that table.
    pub fn in_brief(&self) -> Option<&str> {
        self.brief.as_deref()
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
