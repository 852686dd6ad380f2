//! Recipes: what turns a source into a package. A recipe is one file in `recipes/`: lines that declare what it takes, and
//! a bash script that is run with it. Here is what is known of them, nothing is run.

mod check;
mod expand;
mod header;
mod reference;
mod script;

pub use check::{Issue, Problem};
pub use reference::{reference, table};
pub use script::{Context, Dependency, PHASE_MARK, PatchFile, ScriptError};

use punix_store::{Digest, Record, Value};
use std::fmt;
use std::sync::OnceLock;

/// A recipe.
#[derive(Debug)]
pub struct Recipe {
    /// What packages call it: `std.make`.
    pub name: &'static str,
    /// Says what it does, in one sentence.
    pub summary: &'static str,
    /// Says what it needs, and what else is to be known.
    pub needs: String,
    pub arguments: Vec<Argument>,
    /// A module that uses it.
    pub example: String,
    body: &'static str,
    digest: OnceLock<Digest>,
}

/// Something that a recipe can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    pub name: &'static str,
    /// Another name for the same.
    pub also: Option<&'static str>,
    pub kind: Kind,
    /// What it is if nothing is said; without it something has to be said.
    pub preset: Option<Preset>,
    pub meaning: String,
}

/// What an argument is if nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// As the recipe spells it.
    pub text: &'static str,
    /// The same as a value; `${pname}` in it stands for the package's name.
    pub value: Value,
}

/// What kind of value an argument is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Integer,
    One(Text),
    List(Text),
    /// Texts by names, which are any texts.
    Map(Text),
    /// A list of records, each with these texts.
    Records(Vec<&'static str>),
}

/// What kind of text a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// It reaches the script as it is.
    Plain,
    /// Some variables and the paths of dependencies are put in.
    Flag,
    /// A path that stays below the directory it is for.
    Directory,
    /// Shell text.
    Script,
    /// The name of a direct dependency, or nothing.
    Dependency,
}

/// Returns all recipes, by name.
pub fn all() -> &'static [Recipe] {
    static ALL: OnceLock<Vec<Recipe>> = OnceLock::new();
    const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/recipes.rs"));
    ALL.get_or_init(|| {
        let recipes = FILES.iter().map(|(name, content)| header::parse(name, content));
        recipes.collect::<Result<Vec<_>, _>>().expect("a test has read them all")
    })
}

/// Returns the recipe of exactly this name.
pub fn find(name: &str) -> Option<&'static Recipe> {
    all().iter().find(|recipe| recipe.name == name)
}

impl Recipe {
    /// Returns the digest of what it does: it changes with every change of the script that a package could get, and not
    /// when a sentence about an argument is improved.
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| script::digest(self))
    }

    /// Returns what is wrong with arguments, as far as it can be seen without knowing the dependencies.
    pub fn check(&self, arguments: &Record) -> Vec<Issue> {
        check::check(self, arguments)
    }

    /// Writes the script that builds a package.
    pub fn script(&self, build: &Context<'_>) -> Result<String, ScriptError> {
        script::script(self, build)
    }

    /// Returns the argument of this name.
    pub(crate) fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.name == name || argument.also == Some(name))
    }
}

impl Argument {
    /// Returns the name under which it is given, and its value.
    pub(crate) fn given<'a>(&self, arguments: &'a Record) -> Option<(&'static str, &'a Value)> {
        let names = [Some(self.name), self.also];
        names.into_iter().flatten().find_map(|name| Some((name, arguments.get(name)?)))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Bool => f.write_str("Bool"),
            Kind::Integer => f.write_str("Int"),
            Kind::One(text) => text.fmt(f),
            Kind::List(text) => write!(f, "List[{text}]"),
            Kind::Map(text) => write!(f, "Map[{text}]"),
            Kind::Records(fields) => write!(f, "List[{{{}}}]", fields.join(" ")),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Text::Plain => "Str",
            Text::Flag => "Flag",
            Text::Directory => "Dir",
            Text::Script => "Script",
            Text::Dependency => "Dep",
        })
    }
}

#[cfg(test)]
mod tests;
