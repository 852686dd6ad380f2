//! Draws a table that reads well in a terminal and is Markdown, so that it can be kept as it is.

use std::io::{self, Write};

/// One row per entry, all of the length of `head`.
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Table {
        Table { head: head.iter().map(|&cell| cell.to_owned()).collect(), rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: Vec<String>) {
        assert_eq!(row.len(), self.head.len(), "a row has one cell per column");
        self.rows.push(row);
    }

    /// Writes the table: the first column to the left, the others to the right.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| {
                let cells = std::iter::once(&self.head).chain(&self.rows);
                cells.map(|row| row[column].chars().count()).max().unwrap_or(0)
            })
            .collect();
        write_row(out, &self.head, &widths)?;
        for (column, &width) in widths.iter().enumerate() {
            let (dashes, end) = if column == 0 { (width + 2, "") } else { (width + 1, ":") };
            write!(out, "|{}{end}", "-".repeat(dashes))?;
        }
        writeln!(out, "|")?;
        self.rows.iter().try_for_each(|row| write_row(out, row, &widths))
    }
}

fn write_row(out: &mut dyn Write, row: &[String], widths: &[usize]) -> io::Result<()> {
    for (column, (cell, &width)) in row.iter().zip(widths).enumerate() {
        if column == 0 {
            write!(out, "| {cell:<width$} ")?;
        } else {
            write!(out, "| {cell:>width$} ")?;
        }
    }
    writeln!(out, "|")
}
