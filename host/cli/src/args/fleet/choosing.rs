//! Which fleet, which of its hosts, and in which portions.

use clap::Args;
use std::path::{Path, PathBuf};

/// The fleet.
#[derive(Debug, Args)]
pub(crate) struct FleetFile {
    /// The fleet: a PCL file with a module `Fleet`
    #[arg(value_name = "FILE", required_unless_present = "file_by_name")]
    file: Option<PathBuf>,

    #[arg(long = "file", id = "file_by_name", value_name = "FILE", hide = true, conflicts_with = "file")]
    by_name: Option<PathBuf>,
}

impl FleetFile {
    pub(crate) fn path(&self) -> &Path {
        // One of the two is there, or the command line was refused.
        self.file.as_deref().or(self.by_name.as_deref()).unwrap_or(Path::new(""))
    }
}

/// Which hosts.
#[derive(Debug, Args)]
pub(crate) struct Choosing {
    /// Only these hosts: names of stacks, targets or machines, with commas between
    #[arg(long, value_name = "HOSTS", value_delimiter = ',', num_args = 1)]
    pub(crate) only: Vec<String>,

    /// Only so many hosts, the first in the order in which they go
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
}

/// In which portions hosts are deployed, and when that stops.
#[derive(Debug, Args)]
pub(crate) struct Waves {
    /// Hosts that are worked on at the same time; without it 16, with --fail-fast one
    #[arg(long, short, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) jobs: Option<u16>,

    /// Begin with no other host once one has failed
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// Pass over hosts that cannot be reached, instead of failing for them
    #[arg(long)]
    pub(crate) skip_unreachable: bool,

    /// Make every host ready first, and let none go live unless all are
    #[arg(long)]
    pub(crate) stage_first: bool,

    /// Deploy so many hosts first, and the others only if all of these are well
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) canary: Option<u32>,

    /// Deploy in waves of so many hundredths of the hosts, each once the one before has ended
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) wave: Option<u8>,

    /// Begin with no other host once more than so many have failed
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_failures: Option<u32>,
}

/// Which generations.
#[derive(Debug, Args)]
pub(crate) struct To {
    /// A stack and a generation of it
    #[arg(value_name = "STACK=NUMBER", required_unless_present = "to", conflicts_with = "to")]
    words: Vec<String>,

    /// The same generation on every host
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    to: Option<u32>,
}

impl To {
    /// Reads which generation each stack goes to; the number alone, if it is the same for all.
    pub(crate) fn read(&self) -> Result<Generations, String> {
        if let Some(number) = self.to {
            return Ok(Generations::All(number));
        }
        let mut pairs: Vec<(String, u32)> = Vec::new();
        for word in &self.words {
            let pair = word.rsplit_once('=').and_then(|(stack, number)| {
                let plain = number.bytes().all(|byte| byte.is_ascii_digit());
                let number: u32 = number.parse().ok().filter(|number| plain && *number > 0)?;
                (!stack.is_empty()).then(|| (stack.to_owned(), number))
            });
            let Some((stack, number)) = pair else {
                return Err(format!("`{}` does not name a generation", word.escape_debug()));
            };
            if pairs.iter().any(|(known, _)| *known == stack) {
                return Err(format!("the stack `{}` is named twice", stack.escape_debug()));
            }
            pairs.push((stack, number));
        }
        Ok(Generations::Some(pairs))
    }
}

/// Which generation each stack goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Generations {
    All(u32),
    Some(Vec<(String, u32)>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_named_by_stack_or_for_all() {
        let read =
            |words: &[&str]| To { words: words.iter().map(|word| (*word).to_owned()).collect(), to: None }.read();
        let pairs = Generations::Some(vec![("Web".to_owned(), 3), ("Db".to_owned(), 12)]);
        assert_eq!(read(&["Web=3", "Db=12"]), Ok(pairs));
        assert_eq!(To { words: Vec::new(), to: Some(2) }.read(), Ok(Generations::All(2)));
        for words in [&["Web"][..], &["Web=0"], &["=3"], &["Web=+3"], &["Web=3", "Web=4"], &["Web=x"]] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }
}
