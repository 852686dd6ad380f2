//! What is named without an option. Each of these can be given by its name, too (`--stack Web`); what is not takes the
//! places that are left, in order.

use clap::Args;

/// A stack.
#[derive(Debug, Args)]
pub(crate) struct Stack {
    /// The stack: the name of its module
    #[arg(value_name = "STACK", required_unless_present = "stack_by_name")]
    stack: Option<String>,

    #[arg(long = "stack", id = "stack_by_name", value_name = "STACK", hide = true, conflicts_with = "stack")]
    by_name: Option<String>,
}

impl Stack {
    /// Returns a stack that somebody else names.
    pub(crate) fn named(name: &str) -> Stack {
        Stack { stack: Some(name.to_owned()), by_name: None }
    }

    pub(crate) fn name(&self) -> &str {
        // One of the two is there, or the command line was refused.
        self.stack.as_deref().or(self.by_name.as_deref()).unwrap_or_default()
    }
}

/// A stack and the path of a file.
#[derive(Debug, Args)]
pub(crate) struct StackAndPath {
    /// The stack, and the file as the stack names it
    #[arg(value_name = "STACK PATH")]
    words: Vec<String>,

    #[arg(long, value_name = "STACK", hide = true)]
    stack: Option<String>,

    #[arg(long, value_name = "PATH", hide = true)]
    path: Option<String>,
}

/// A stack and the number of a generation.
#[derive(Debug, Args)]
pub(crate) struct StackAndNumber {
    /// The stack, and the number of a generation
    #[arg(value_name = "STACK NUMBER")]
    words: Vec<String>,

    #[arg(long, value_name = "STACK", hide = true)]
    stack: Option<String>,

    #[arg(long, value_name = "NUMBER", hide = true)]
    number: Option<String>,
}

/// A stack and the numbers of two generations.
#[derive(Debug, Args)]
pub(crate) struct StackAndTwo {
    /// The stack, and the numbers of two generations
    #[arg(value_name = "STACK FROM TO")]
    words: Vec<String>,

    #[arg(long, value_name = "STACK", hide = true)]
    stack: Option<String>,

    #[arg(long, value_name = "NUMBER", hide = true)]
    from: Option<String>,

    #[arg(long, value_name = "NUMBER", hide = true)]
    to: Option<String>,
}

/// A stack, and one of its services or none.
#[derive(Debug, Args)]
pub(crate) struct StackAndService {
    /// The stack, and one of its services; without one, all of them
    #[arg(value_name = "STACK SERVICE", num_args = 0..=2)]
    words: Vec<String>,

    #[arg(long, value_name = "STACK", hide = true)]
    stack: Option<String>,

    #[arg(long, value_name = "SERVICE", hide = true)]
    service: Option<String>,
}

/// What of a command line does not say what it has to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unclear {
    pub(crate) message: String,
    pub(crate) help: String,
}

impl StackAndService {
    /// Returns the stack, and the service if one is named.
    pub(crate) fn read(&self) -> Result<(&str, Option<&str>), Unclear> {
        let mut words = self.words.iter().map(String::as_str);
        let stack = self.stack.as_deref().or_else(|| words.next());
        let service = self.service.as_deref().or_else(|| words.next());
        match (stack, words.next()) {
            (Some(stack), None) => Ok((stack, service)),
            (Some(_), Some(more)) => Err(Unclear {
                message: format!("`{}` is one word too many", more.escape_debug()),
                help: "name a stack, and one of its services".to_owned(),
            }),
            (None, _) => {
                Err(Unclear { message: "STACK is missing".to_owned(), help: "for example: Web api".to_owned() })
            }
        }
    }
}

impl StackAndPath {
    /// Returns the stack and the path.
    pub(crate) fn read(&self) -> Result<(&str, &str), Unclear> {
        let [stack, path] = fill([("STACK", &self.stack), ("PATH", &self.path)], &self.words, "why Web /etc/web.conf")?;
        Ok((stack, path))
    }
}

impl StackAndNumber {
    /// Returns the stack and the number.
    pub(crate) fn read(&self) -> Result<(&str, u32), Unclear> {
        let parts = [("STACK", &self.stack), ("NUMBER", &self.number)];
        let [stack, number] = fill(parts, &self.words, "set-current Web 3")?;
        Ok((stack, generation(number)?))
    }
}

impl StackAndTwo {
    /// Returns the stack and the numbers.
    pub(crate) fn read(&self) -> Result<(&str, u32, u32), Unclear> {
        let parts = [("STACK", &self.stack), ("FROM", &self.from), ("TO", &self.to)];
        let [stack, from, to] = fill(parts, &self.words, "diff Web 2 3")?;
        Ok((stack, generation(from)?, generation(to)?))
    }
}

/// Puts words where no option says anything.
fn fill<'w, const COUNT: usize>(
    parts: [(&str, &'w Option<String>); COUNT],
    words: &'w [String],
    example: &str,
) -> Result<[&'w str; COUNT], Unclear> {
    let help = format!("write `punix service {example}`");
    let mut rest = words.iter();
    let mut filled = [""; COUNT];
    for (place, (name, given)) in filled.iter_mut().zip(parts) {
        let Some(text) = given.as_ref().or_else(|| rest.next()) else {
            return Err(Unclear { message: format!("{name} is missing"), help });
        };
        *place = text;
    }
    match rest.next() {
        Some(word) => Err(Unclear { message: format!("`{word}` is one word too many"), help }),
        None => Ok(filled),
    }
}

/// Reads the number of a generation: `3`, `003`, `gen-003`.
fn generation(text: &str) -> Result<u32, Unclear> {
    let digits = text.strip_prefix("gen-").unwrap_or(text);
    let number = if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None };
    number.filter(|number| *number > 0).ok_or_else(|| Unclear {
        message: format!("`{text}` is no number of a generation"),
        help: "`punix service history STACK` lists them".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three(stack: Option<&str>, from: Option<&str>, words: &[&str]) -> Result<(String, u32, u32), String> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let given = StackAndTwo { words, stack: owned(stack), from: owned(from), to: None };
        let read = given.read().map(|(stack, from, to)| (stack.to_owned(), from, to));
        read.map_err(|unclear| unclear.message)
    }

    #[test]
    fn words_take_the_places_that_are_left() {
        let right = Ok(("Web".to_owned(), 2, 3));
        assert_eq!(three(None, None, &["Web", "2", "3"]), right);
        assert_eq!(three(Some("Web"), None, &["2", "gen-003"]), right);
        assert_eq!(three(None, Some("002"), &["Web", "3"]), right);
        assert_eq!(three(None, None, &["Web", "2"]), Err("TO is missing".to_owned()));
        assert_eq!(three(Some("Web"), None, &["1", "2", "3"]), Err("`3` is one word too many".to_owned()));
    }

    #[test]
    fn a_generation_has_a_number() {
        for text in ["", "0", "gen-", "-1", "+1", "one", "99999999999"] {
            assert!(generation(text).is_err(), "{text}");
        }
        assert_eq!((generation("007"), generation("gen-1000")), (Ok(7), Ok(1000)));
    }
}
