//! Words for a shell on another machine: whatever they hold, it takes each for one word, and for the name of a program
//! rather than something of its own.

/// Returns a command for a POSIX shell that replaces the shell by a program with these words. They hold no zero byte.
pub(super) fn command(words: &[String]) -> String {
    // With `exec` no alias, function or built-in command is taken for the program, and no shell stands between us and it.
    let mut text = "exec".to_owned();
    for word in words {
        text.push_str(" '");
        // Within single quotes only a single quote means something.
        text.push_str(&word.replace('\'', r"'\''"));
        text.push('\'');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    /// Lets a shell of this machine read the words, and returns what a program gets.
    fn read_by(shell: &str, words: &[String]) -> Vec<String> {
        let mut all = vec!["/usr/bin/printf".to_owned(), "%s\\0".to_owned()];
        all.extend_from_slice(words);
        let output = Command::new(shell).args(["-c", &command(&all)]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.strip_suffix('\0').unwrap().split('\0').map(str::to_owned).collect()
    }

    const SHELLS: &[&str] = &["/bin/sh", "/bin/bash", "/bin/dash"];

    fn check(words: &[String]) {
        for shell in SHELLS.iter().filter(|shell| std::path::Path::new(shell).exists()) {
            assert_eq!(read_by(shell, words), words, "{shell}");
        }
    }

    #[test]
    fn a_command_can_be_read_by_people_too() {
        let words = ["/opt/punix-target", "serve", "it's", ""].map(str::to_owned);
        assert_eq!(command(&words), r"exec '/opt/punix-target' 'serve' 'it'\''s' ''");
    }

    #[test]
    fn what_means_something_to_a_shell_means_itself() {
        let odd = [
            "",
            " ",
            "'",
            "''",
            "\\",
            "\\'",
            "\"",
            "$HOME",
            "`id`",
            "$(id)",
            "*",
            "~",
            "a b",
            "a\nb",
            "a\tb",
            "#",
            "!",
            "!!",
            ";",
            "&",
            "|",
            "<",
            ">",
            "(",
            ")",
            "{a,b}",
            "[a]",
            "A=b",
            "-n",
            "--",
            "%s",
            "\u{1b}[0m",
            "ünïcödé",
            "\u{7f}",
        ];
        check(&odd.map(str::to_owned));
    }

    #[test]
    fn a_program_is_not_taken_for_something_of_the_shell() {
        // Both are commands of every shell, and neither is a program that answers so.
        for word in ["alias", "export"] {
            let text = command(&[word.to_owned()]);
            let output = Command::new("/bin/sh").args(["-c", &text]).env("PATH", "/nowhere").output().unwrap();
            assert_eq!(output.status.code(), Some(127), "{word}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_words_arrive_as_they_were(words in prop::collection::vec("[^\0]{0,12}", 1..6)) {
            check(&words);
        }
    }
}
