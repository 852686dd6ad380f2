//! What explains the command line: `punix help`, `punix completions`, `punix man`.

use clap::Args;
use std::path::PathBuf;

/// Explain a concept or a verb
///
/// Without a topic, all concepts are listed. `punix VERB --help` has the options of a verb, `punix explain E4` an error.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix help\n  punix help generations\n  punix help service deploy")]
pub(crate) struct Help {
    /// A concept, or the words of a verb
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: Vec<String>,
}

/// Print the script with which a shell completes commands of punix
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  punix completions bash > ~/.local/share/bash-completion/completions/punix\n  \
                        punix completions fish > ~/.config/fish/completions/punix.fish")]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Write the manual: a page for each verb
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  punix man ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// The directory for the pages; it is made if it is not there, and pages of punix in it are replaced
    pub(crate) dir: PathBuf,
}
