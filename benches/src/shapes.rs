//! Writes synthetic PCL programs of any size. One shape is one way in which real programs grow, or
//! in which hostile ones hurt.
//!
//! Programs are streamed to the file and never held; measure.rs says why.

use clap::ValueEnum;
use std::io::{self, Write};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// n modules, each an option, three derived members and references to three earlier modules.
    Refs,
    /// n package modules: a recipe, three options, a source, dependencies on three earlier ones.
    Corpus,
    /// One module with n options and n derived members, each reading its option.
    Wide,
    /// One module with n options and a second one that contributes to all of them.
    Contrib,
    /// One option with n equal contributions.
    Rungs,
    /// A chain of n members in one module, each reading the next line.
    Fwd,
    /// The same chain, each reading the line before.
    Back,
    /// The same chain over n modules.
    Mods,
    /// One list of n integers.
    List,
    /// One list of n records and a comprehension over it.
    Reclist,
    /// n parentheses inside each other.
    Paren,
    /// n lists of one element inside each other.
    Nestlist,
    /// n records inside each other.
    Nestrec,
    /// A chain of n conditionals.
    Elseif,
    /// n records, each holding the one before twice: a type of size 2ⁿ.
    Doubling,
    /// n texts, each holding the one before twice: a value of size 2ⁿ.
    Strdouble,
    /// One module in n blocks of one member.
    Blocks,
    /// n scenarios of three contributions each.
    Scen,
}

impl Shape {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Shape::Refs => "refs",
            Shape::Corpus => "corpus",
            Shape::Wide => "wide",
            Shape::Contrib => "contrib",
            Shape::Rungs => "rungs",
            Shape::Fwd => "fwd",
            Shape::Back => "back",
            Shape::Mods => "mods",
            Shape::List => "list",
            Shape::Reclist => "reclist",
            Shape::Paren => "paren",
            Shape::Nestlist => "nestlist",
            Shape::Nestrec => "nestrec",
            Shape::Elseif => "elseif",
            Shape::Doubling => "doubling",
            Shape::Strdouble => "strdouble",
            Shape::Blocks => "blocks",
            Shape::Scen => "scen",
        }
    }

    /// Writes the program of this shape and size.
    pub(crate) fn write(self, n: u64, out: &mut impl Write) -> io::Result<()> {
        match self {
            Shape::Refs => (0..n).try_for_each(|i| refs(i, out)),
            Shape::Corpus => (0..n).try_for_each(|i| corpus(i, out)),
            Shape::Wide => wide(n, out),
            Shape::Contrib => contrib(n, out),
            Shape::Rungs => {
                writeln!(out, "module a {{ option x : Int = 0 }}")?;
                (0..n).try_for_each(|i| writeln!(out, "module b{i} {{ a.x = 5 }}"))
            }
            Shape::Fwd => chain(0..=n, n, out),
            Shape::Back => chain((0..=n).rev(), n, out),
            Shape::Mods => {
                (0..n).try_for_each(|i| writeln!(out, "module M{i} {{ x = M{}.x }}", i + 1))?;
                writeln!(out, "module M{n} {{ x = 1 }}")
            }
            Shape::List => list(n, out),
            Shape::Reclist => reclist(n, out),
            Shape::Paren => nested("(", ")", n, out),
            Shape::Nestlist => nested("[", "]", n, out),
            Shape::Nestrec => nested("{r = ", "}", n, out),
            Shape::Elseif => {
                write!(out, "module a {{ x = ")?;
                (0..n).try_for_each(|i| writeln!(out, "if false then {i} else"))?;
                writeln!(out, "{n} }}")
            }
            Shape::Doubling => doubling(n, out),
            Shape::Strdouble => {
                writeln!(out, "module a {{\n  a0 = \"x\"")?;
                (0..n).try_for_each(|i| writeln!(out, "  a{} = f\"{{a{i}}}{{a{i}}}\"", i + 1))?;
                writeln!(out, "}}")
            }
            Shape::Blocks => (0..n).try_for_each(|i| writeln!(out, "module a {{ x{i} = {i} }}")),
            Shape::Scen => {
                writeln!(out, "module a {{ option x : Int = 0 option y : Int = 0 option z : Int = 0 }}")?;
                (0..n).try_for_each(|i| writeln!(out, "scenario s{i} {{ a.x = {i} a.y = {i} a.z = {i} }}"))
            }
        }
    }
}

/// Returns the three earlier modules that module `i` refers to.
fn earlier(i: u64) -> [u64; 3] {
    [1, 7, 31].map(|distance| i.saturating_sub(distance))
}

fn refs(i: u64, out: &mut impl Write) -> io::Result<()> {
    let [a, b, c] = earlier(i);
    writeln!(out, "module m{i} {{\n  option port : Int = {}\n  name = \"m{i}\"", 1000 + i % 5000)?;
    if i == 0 {
        writeln!(out, "  url = f\"http://{{name}}:{{port}}/\"\n  peers = [\"none\"]")?;
    } else {
        writeln!(out, "  url = f\"http://{{name}}:{{port}}/{{m{a}.name}}\"")?;
        writeln!(out, "  peers = [m{a}.name, m{b}.name, m{c}.url]")?;
    }
    writeln!(out, "}}")
}

fn corpus(i: u64, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "module pkg{i} {{\n  option version : Str = \"1.{i}.0\"")?;
    let url = "https://example.org";
    writeln!(out, "  option url : Str = f\"{url}/pkg{i}-{{version}}.tar.gz\"")?;
    writeln!(out, "  option hash : Str = \"{i:064x}\"\n  recipe = \"std.autotools\"")?;
    writeln!(out, "  source = {{ type = \"url\"  url = url  hash = hash  hashType = \"sha256\" }}")?;
    let mut dependencies = earlier(i).to_vec();
    dependencies.sort_unstable();
    dependencies.dedup();
    write!(out, "  deps = [")?;
    for (at, dependency) in dependencies.iter().enumerate().filter(|_| i > 0) {
        write!(out, "{}pkg{dependency}.pname", if at == 0 { "" } else { ", " })?;
    }
    writeln!(out, "]\n  meta = {{ description = \"package number {i}\" license = \"MIT\" }}\n}}")
}

fn wide(n: u64, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "module w {{")?;
    (0..n).try_for_each(|i| writeln!(out, "  option o{i} : Int = {i}"))?;
    (0..n).try_for_each(|i| writeln!(out, "  d{i} = o{i}"))?;
    writeln!(out, "}}")
}

fn contrib(n: u64, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "module a {{")?;
    (0..n).try_for_each(|i| writeln!(out, "  option o{i} : Int"))?;
    writeln!(out, "}}\nmodule b {{")?;
    (0..n).try_for_each(|i| writeln!(out, "  a.o{i} = {i}"))?;
    writeln!(out, "}}")
}

fn chain(links: impl Iterator<Item = u64>, last: u64, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "module a {{")?;
    for i in links {
        if i == last {
            writeln!(out, "  x{i} = 1")?;
        } else {
            writeln!(out, "  x{i} = x{}", i + 1)?;
        }
    }
    writeln!(out, "}}")
}

/// Returns a number that looks random and is the same every time.
fn scattered(i: u64) -> u64 {
    i * 7919 % 100_003
}

fn list(n: u64, out: &mut impl Write) -> io::Result<()> {
    write!(out, "module a {{ x = [")?;
    for i in 0..n {
        write!(out, "{}\n  {}", if i == 0 { "" } else { "," }, scattered(i))?;
    }
    writeln!(out, "\n] }}")
}

fn reclist(n: u64, out: &mut impl Write) -> io::Result<()> {
    write!(out, "module a {{ l = [")?;
    for i in 0..n {
        let comma = if i == 0 { "" } else { "," };
        let up = i % 3 != 0;
        write!(out, "{comma}\n  {{n = \"h{i}\" p = {} up = {up}}}", scattered(i))?;
    }
    writeln!(out, "\n]\n  x = for h in l where h.up = true yield f\"{{h.n}}:{{h.p}}\"\n}}")
}

fn nested(open: &str, close: &str, n: u64, out: &mut impl Write) -> io::Result<()> {
    write!(out, "module a {{ x = ")?;
    (0..n).try_for_each(|_| write!(out, "{open}"))?;
    write!(out, "1")?;
    (0..n).try_for_each(|_| write!(out, "{close}"))?;
    writeln!(out, " }}")
}

fn doubling(n: u64, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "module a {{\n  a0 = {{v = 1}}")?;
    (0..n).try_for_each(|i| writeln!(out, "  a{} = {{l = a{i} r = a{i}}}", i + 1))?;
    writeln!(out, "  z = if true then a{n} else a{n}\n}}")
}
