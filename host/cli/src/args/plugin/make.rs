//! The command line of the verbs of `punix plugin` that are for the authors of plugins.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Start a plugin: a project that builds, with a test
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix plugin new from-bao --kind resolver\n  \
                        punix plugin new runit --kind backend --lang c --id org.example.runit")]
pub(crate) struct New {
    /// What it is called; also the new directory, unless --dir names one
    pub(crate) name: String,

    /// What it is
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) kind: PluginKind,

    /// In which language it is written
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value_t = Language::Rust)]
    pub(crate) lang: Language,

    /// Its id; else org.example.NAME
    #[arg(long, value_parser = punix_plugin::Id::parse)]
    pub(crate) id: Option<punix_plugin::Id>,

    /// The directory to make
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// What a new plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PluginKind {
    Backend,
    Resolver,
    Transport,
}

/// What a new plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Rust,
    C,
}

/// Build a plugin: compile it, make a component of it, and pack its manifest
///
/// Needs what its language needs: for Rust, cargo and the target wasm32-unknown-unknown.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix plugin build from-bao")]
pub(crate) struct Build {
    /// The project's directory
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,

    /// Where the plugin goes; else NAME.wasm in that directory
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Write a manifest into a component, of whatever language it was made
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix plugin pack bare.wasm --manifest punix-plugin.toml -o bao.wasm")]
pub(crate) struct Pack {
    /// The component, or the core module to make one of
    pub(crate) file: PathBuf,

    /// The manifest, in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: PathBuf,

    /// Where the plugin goes; else FILE is replaced
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Try a plugin: the kit that every plugin has to pass, then the cases of its project
///
/// The plugin runs in the real host, with made-up variables, answers and programs around it, and is given all that it asks
/// for. Cases are `tests/cases/*.toml`; what has to come out stands beside each in `.expected`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  punix plugin test from-bao\n  punix plugin test from-bao --bless\n  punix plugin test bao.wasm"
)]
pub(crate) struct Test {
    /// A project, which is built first, or a plugin
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,

    /// Write what comes out of the cases as what has to come out
    #[arg(long)]
    pub(crate) bless: bool,
}
