//! Draws a table that reads well in a terminal and is Markdown, so that it can be kept as it is.

use std::io::{self, Write};

/// One row per entry, all of the length of `head`; behind them two columns more, if a row has a target: what was wanted, and
/// whether it was met.
pub struct Table {
    /// So many columns say what a row is; the others, what was found.
    naming: usize,
    head: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    cells: Vec<String>,
    target: Option<Target>,
}

/// What a row has to stay under.
pub struct Target {
    pub wanted: String,
    /// What is held against it, for a list of what is missed.
    pub found: String,
    /// Nothing, where it cannot be told.
    pub met: Option<bool>,
}

impl Table {
    pub fn new(naming: usize, head: &[&str]) -> Table {
        Table { naming, head: head.iter().map(|&cell| cell.to_owned()).collect(), rows: Vec::new() }
    }

    pub fn push(&mut self, cells: Vec<String>, target: Option<Target>) {
        assert_eq!(cells.len(), self.head.len(), "a row has one cell per column");
        self.rows.push(Row { cells, target });
    }

    /// Returns a line for each target that was missed.
    pub fn missed(&self) -> Vec<String> {
        let line = |row: &Row| {
            let target = row.target.as_ref().filter(|target| target.met == Some(false))?;
            let named = self.head.iter().zip(&row.cells).take(self.naming).filter(|(_, cell)| !cell.is_empty());
            let name = named.map(|(head, cell)| if head == "N" { format!("N = {cell}") } else { cell.clone() });
            let name = name.collect::<Vec<_>>().join(", ");
            Some(format!("{name}: {}; the target is {}", target.found, target.wanted))
        };
        self.rows.iter().filter_map(line).collect()
    }

    /// Writes the table: the first column to the left, the others to the right.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let judged = self.rows.iter().any(|row| row.target.is_some());
        let drawn = |cells: &[String], last: [&str; 2]| -> Vec<String> {
            let last = last.iter().filter(|_| judged).map(|&cell| cell.to_owned());
            cells.iter().cloned().chain(last).collect()
        };
        let head = drawn(&self.head, ["target", "met"]);
        let rows = self.rows.iter().map(|row| match &row.target {
            Some(target) => drawn(&row.cells, [&target.wanted, target.verdict()]),
            None => drawn(&row.cells, ["", ""]),
        });
        let rows: Vec<Vec<String>> = rows.collect();
        let widths: Vec<usize> = (0..head.len())
            .map(|column| {
                let cells = std::iter::once(&head).chain(&rows);
                cells.map(|row| row[column].chars().count()).max().unwrap_or(0)
            })
            .collect();
        write_row(out, &head, &widths)?;
        for (column, &width) in widths.iter().enumerate() {
            let (dashes, end) = if column == 0 { (width + 2, "") } else { (width + 1, ":") };
            write!(out, "|{}{end}", "-".repeat(dashes))?;
        }
        writeln!(out, "|")?;
        rows.iter().try_for_each(|row| write_row(out, row, &widths))
    }
}

impl Target {
    fn verdict(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        }
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
