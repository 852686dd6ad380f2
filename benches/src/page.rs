//! The page that tells what all benches found. A section for each bench, of the run that measured it last: a run of some benches
//! keeps the sections of the others, with their dates.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What begins the line of the list at the top that a section is behind.
const MISSED: &str = "## Targets missed";

/// What is known of all benches.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    sections: BTreeMap<String, Section>,
}

/// What is known of one bench.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// A line for each target that was missed.
    pub missed: Vec<String>,
    /// All that was found, as Markdown, or why nothing was.
    pub text: String,
}

impl Page {
    /// Reads what `render` wrote. What belongs to no bench is not kept.
    pub fn parse(page: &str, benches: &[&str]) -> Page {
        let mut sections: BTreeMap<String, Section> = BTreeMap::new();
        let mut missed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut heading = "";
        for line in page.lines() {
            if line.starts_with("## ") {
                heading = line;
            } else if heading == MISSED {
                let known = benches.iter().find_map(|&name| Some((name, line.strip_prefix(&link(name))?)));
                if let Some((name, rest)) = known {
                    missed.entry(name).or_default().push(rest.to_owned());
                }
            } else if let Some(&name) = benches.iter().find(|name| heading == format!("## {name}")) {
                let empty = || Section { missed: Vec::new(), text: String::new() };
                let section = sections.entry(name.to_owned()).or_insert_with(empty);
                section.text.push_str(line);
                section.text.push('\n');
            }
        }
        for (name, section) in &mut sections {
            section.text = format!("{}\n", section.text.trim_matches('\n'));
            section.missed = missed.remove(name.as_str()).unwrap_or_default();
        }
        Page { sections }
    }

    /// Puts a section in the place of the former one.
    pub fn put(&mut self, bench: &str, section: Section) {
        self.sections.insert(bench.to_owned(), section);
    }

    /// Writes the page: `head`, what was missed, and the sections of these benches, in this order.
    pub fn render(&self, head: &str, benches: &[&str]) -> String {
        let known = || benches.iter().filter_map(|&name| Some((name, self.sections.get(name)?)));
        let mut page = format!("{}\n\n{MISSED}\n\n", head.trim_end());
        let missed = known().flat_map(|(name, section)| section.missed.iter().map(move |line| (name, line)));
        let missed: String = missed.map(|(name, line)| format!("{}{line}\n", link(name))).collect();
        page.push_str(if missed.is_empty() { "None.\n" } else { &missed });
        for (name, section) in known() {
            page.push_str(&format!("\n## {name}\n\n{}\n", section.text.trim_matches('\n')));
        }
        page
    }
}

/// Puts a block between the two lines of a page that say where it stands: a comment that is `NAME`, and one that is `/NAME`.
/// Returns nothing where they are not.
pub fn replaced(page: &str, name: &str, block: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{}\n{end}{after}", block.trim_matches('\n')))
}

/// Names what is in these directories without them: what programs say may tell where one machine keeps things.
pub fn without(text: &str, places: &[(PathBuf, &str)]) -> String {
    // All of what is there would lose its first letter.
    let places = places.iter().filter(|(place, _)| place.parent().is_some());
    places.fold(text.to_owned(), |text, (place, instead)| text.replace(&format!("{}/", place.display()), instead))
}

/// Begins a line about a bench.
fn link(bench: &str) -> String {
    format!("- [{bench}](#{bench}): ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Findings, Table, Target};

    const BENCHES: [&str; 3] = ["pcl", "store", "hosts"];

    fn section(missed: &[&str], text: &str) -> Section {
        Section { missed: missed.iter().map(|&line| line.to_owned()).collect(), text: text.to_owned() }
    }

    fn table() -> Table {
        let target = |found: &str, met| Some(Target { wanted: "60 ms".to_owned(), found: found.to_owned(), met });
        let mut table = Table::new(2, &["shape", "N", "CPU ms"]);
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        table.push(row(["refs", "10", "36.8"]), target("36.8 ms", Some(true)));
        table.push(row(["corpus", "10", "73.2"]), target("73.2 ms", Some(false)));
        table.push(row(["wide", "8", "10.4"]), None);
        table.push(row(["--version", "", "9.0"]), target("9.0 ms", None));
        table
    }

    #[test]
    fn a_table_says_of_each_row_whether_its_target_was_met() {
        let mut drawn = Vec::new();
        table().write(&mut drawn).unwrap();
        let expected = "\
| shape     |  N | CPU ms | target |    met |
|-----------|---:|-------:|-------:|-------:|
| refs      | 10 |   36.8 |  60 ms |    met |
| corpus    | 10 |   73.2 |  60 ms | MISSED |
| wide      |  8 |   10.4 |        |        |
| --version |    |    9.0 |  60 ms |        |
";
        assert_eq!(String::from_utf8(drawn).unwrap(), expected);
        assert_eq!(table().missed(), ["corpus, N = 10: 73.2 ms; the target is 60 ms"]);
    }

    #[test]
    fn a_table_without_targets_has_no_column_for_them() {
        let mut plain = Table::new(1, &["what", "found"]);
        plain.push(vec!["a".to_owned(), "1".to_owned()], None);
        let mut drawn = Vec::new();
        plain.write(&mut drawn).unwrap();
        assert_eq!(String::from_utf8(drawn).unwrap(), "| what | found |\n|------|------:|\n| a    |     1 |\n");
    }

    #[test]
    fn what_is_found_is_told_at_once_and_kept_the_same() {
        let mut told = Vec::new();
        let mut findings = Findings::new(&mut told);
        findings.text("machine: a\n").unwrap();
        findings.table(&table()).unwrap();
        findings.text("- refs: `ok`").unwrap();
        assert_eq!(findings.missed().len(), 1);
        assert_eq!(findings.in_brief(), None);
        let kept = findings.markdown().to_owned();
        assert!(kept.starts_with("machine: a\n\n| shape "), "{kept}");
        assert!(kept.ends_with(" |\n\n- refs: `ok`\n"), "{kept}");
        assert_eq!(String::from_utf8(told).unwrap(), kept);
    }

    #[test]
    fn what_was_missed_stands_at_the_top_with_its_numbers() {
        let mut page = Page::default();
        page.put("hosts", section(&["not measured: no lab"], "Not measured: no lab\n"));
        page.put("pcl", section(&["corpus: 73.2 ms; the target is 60 ms"], "machine: a\n"));
        page.put("store", section(&[], "machine: b\n"));
        let expected = "\
# Benchmarks

## Targets missed

- [pcl](#pcl): corpus: 73.2 ms; the target is 60 ms
- [hosts](#hosts): not measured: no lab

## pcl

machine: a

## store

machine: b

## hosts

Not measured: no lab
";
        assert_eq!(page.render("# Benchmarks\n", &BENCHES), expected);
    }

    #[test]
    fn a_page_is_read_as_it_was_written() {
        let mut page = Page::default();
        page.put("store", section(&["a: 2; the target is 1", "b: 3; the target is 1"], "machine: b\n\n| a |\n|---|\n"));
        page.put("pcl", section(&[], "machine: a\n\n- x: `- [store](#store): no`\n"));
        let written = page.render("# Benchmarks\n\nRead this.", &BENCHES);
        assert_eq!(Page::parse(&written, &BENCHES), page);
        assert_eq!(Page::parse(&written, &BENCHES).render("# Benchmarks\n\nRead this.", &BENCHES), written);
    }

    #[test]
    fn a_run_of_some_benches_keeps_the_sections_of_the_others() {
        let mut page = Page::default();
        page.put("pcl", section(&["old: 2; the target is 1"], "date: old\n"));
        page.put("hosts", section(&["far: 9; the target is 1"], "date: old\n"));
        let mut again = Page::parse(&page.render("# Old", &BENCHES), &BENCHES);
        again.put("pcl", section(&[], "date: new\n"));
        let rendered = again.render("# New", &BENCHES);
        let missed = "## Targets missed\n\n- [hosts](#hosts): far: 9; the target is 1\n";
        let expected = format!("# New\n\n{missed}\n## pcl\n\ndate: new\n\n## hosts\n\ndate: old\n");
        assert_eq!(rendered, expected);
    }

    #[test]
    fn a_block_takes_the_place_of_the_former_one() {
        let page = "a\n<!-- hosts -->\nold\n\nold\n<!-- /hosts -->\nb\n";
        let expected = "a\n<!-- hosts -->\n| new |\n<!-- /hosts -->\nb\n";
        assert_eq!(replaced(page, "hosts", "| new |\n").as_deref(), Some(expected));
        assert_eq!(replaced(expected, "hosts", "| new |").as_deref(), Some(expected));
        assert_eq!(replaced("a\n<!-- hosts -->\n", "hosts", "new"), None);
    }

    #[test]
    fn where_a_machine_keeps_things_is_not_on_the_page() {
        let places = [("/srv/own", ""), ("/home/me", "~/"), ("/", "")].map(|(place, to)| (PathBuf::from(place), to));
        let said = "`/srv/own/target/punix` and `/home/me/bin/pyinfra` read /etc/x";
        assert_eq!(without(said, &places), "`target/punix` and `~/bin/pyinfra` read /etc/x");
    }

    #[test]
    fn nothing_missed_is_said_too_and_what_is_not_ours_is_not_kept() {
        let mut page = Page::parse("# Something\n\n## else\n\ntext\n", &BENCHES);
        assert_eq!(page, Page::default());
        page.put("pcl", section(&[], "a\n"));
        assert_eq!(page.render("# B", &BENCHES), "# B\n\n## Targets missed\n\nNone.\n\n## pcl\n\na\n");
    }
}
