use super::*;
use crate::pattern::ArgumentsPattern;
use punix_model::{Ended, PipeEnd};
use std::io;
use std::sync::Mutex;
use std::time::Duration;

fn access(program: &str, args: &[&str], sha256: Option<Digest>) -> ProgramAccess {
    let words: Vec<String> = args.iter().map(|word| (*word).to_owned()).collect();
    let args = ArgumentsPattern::try_from(words).unwrap();
    ProgramAccess { program: AbsolutePath::parse(program).unwrap(), args, sha256 }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn docker() -> Vec<ProgramAccess> {
    vec![access("/usr/bin/docker", &["exec", "-i", "--", "*", "..."], None)]
}

/// Tells in one word what is decided about words.
fn decided(argv: &[&str]) -> String {
    match allowed(&docker(), &words(argv), &[]) {
        Ok(_) => "started".to_owned(),
        Err(refusal) => refusal.to_string(),
    }
}

fn with_variable(name: &str, value: &str) -> Result<(), SpawnRefusal> {
    let argv = words(&["/usr/bin/docker", "exec", "-i", "--", "web", "ls"]);
    allowed(&docker(), &argv, &[(name.to_owned(), value.to_owned())]).map(|_| ())
}

#[test]
fn words_have_to_fit_what_was_granted() {
    assert_eq!(decided(&["/usr/bin/docker", "exec", "-i", "--", "web", "sh", "-c", "id"]), "started");
    let not_these = "`/usr/bin/docker` is granted to this plugin, but not with these arguments: ";
    for other in [
        &["run", "-i", "--", "web", "sh"][..],
        &["exec", "-i", "--privileged", "web", "sh"],
        &["exec", "-i", "--"],
        &[],
    ] {
        let argv: Vec<&str> = ["/usr/bin/docker"].into_iter().chain(other.iter().copied()).collect();
        let shown = if other.is_empty() { "none".to_owned() } else { other.join(" ") };
        assert_eq!(decided(&argv), format!("{not_these}{shown}"));
    }
}

#[test]
fn a_program_is_its_full_path_and_nothing_else() {
    for other in ["docker", "/usr/bin/../bin/docker", "/usr/bin/docker ", "/bin/sh", "/usr/bin/dockerd", ""] {
        assert_eq!(
            decided(&[other, "exec", "-i", "--", "web", "ls"]),
            format!("`{other}` is not granted to this plugin")
        );
    }
    assert_eq!(decided(&[]), "no program is named: the first word has to be its full path");
    assert_eq!(
        allowed(&[], &words(&["/bin/sh"]), &[]).unwrap_err(),
        SpawnRefusal::Program { program: "/bin/sh".into() }
    );
}

#[test]
fn what_no_program_can_be_given_is_refused() {
    let argv = |word: &str| words(&["/usr/bin/docker", "exec", "-i", "--", "web", word]);
    assert_eq!(allowed(&docker(), &argv("a\0b"), &[]).unwrap_err(), SpawnRefusal::Zero);
    assert_eq!(allowed(&docker(), &argv(&"a".repeat(65 << 10)), &[]).unwrap_err(), SpawnRefusal::TooMuch);
    let many = vec!["a".to_owned(); ARGUMENTS_MAX + 1];
    assert_eq!(allowed(&docker(), &many, &[]).unwrap_err(), SpawnRefusal::TooMuch);
}

#[test]
fn only_variables_that_say_how_something_looks_are_passed_on() {
    for (name, value) in [
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "de_DE.utf8@euro"),
        ("TERM", "dumb"),
        ("NO_COLOR", ""),
    ] {
        assert_eq!(with_variable(name, value), Ok(()), "{name}={value}");
    }
    for name in [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "GCONV_PATH",
        "GLIBC_TUNABLES",
        "BASH_ENV",
        "ENV",
        "IFS",
        "NODE_OPTIONS",
        "PYTHONPATH",
        "HOME",
        "DOCKER_HOST",
        "KUBECONFIG",
        "LOCPATH",
        "TERMINFO",
        "NLSPATH",
    ] {
        let name = VariableName::parse(name).unwrap();
        assert_eq!(with_variable(name.as_str(), "x"), Err(SpawnRefusal::Variable { name }));
    }
}

#[test]
fn variables_have_names_and_values_that_say_nothing_else() {
    for name in ["", "A=B", "A B", "1A", "BASH_FUNC_x%%"] {
        assert_eq!(with_variable(name, "x"), Err(SpawnRefusal::Name { name: name.to_owned() }));
    }
    for (name, value) in [
        ("PATH", ""),
        ("PATH", "/usr/bin:"),
        ("PATH", "/usr/bin:/tmp"),
        ("PATH", "."),
        ("LANG", "../../tmp/x"),
        ("LC_ALL", "a\nb"),
    ] {
        let refusal = with_variable(name, value).unwrap_err();
        assert!(matches!(refusal, SpawnRefusal::Value { .. }), "{name}={value}: {refusal}");
    }
    let twice = [("TERM".to_owned(), "a".to_owned()), ("TERM".to_owned(), "b".to_owned())];
    let argv = words(&["/usr/bin/docker", "exec", "-i", "--", "web", "ls"]);
    assert!(matches!(allowed(&docker(), &argv, &twice).unwrap_err(), SpawnRefusal::Twice { .. }));
}

#[test]
fn of_several_grants_the_widest_counts() {
    let digest = Digest::of(b"docker");
    let argv = words(&["/bin/docker", "ps"]);
    let narrow = access("/bin/docker", &["ps"], Some(digest));
    let other = access("/bin/docker", &["info"], None);
    let wide = access("/bin/docker", &["..."], None);
    let digests = |granted: &[ProgramAccess]| allowed(granted, &argv, &[]).unwrap().digests.clone();
    assert_eq!(digests(&[narrow.clone(), other]), [digest]);
    assert_eq!(digests(&[narrow, wide]), []);
}

#[test]
fn policy_denies_and_nonsense_is_not_understood() {
    let class = |refusal: SpawnRefusal| PluginError::from(refusal).class;
    assert_eq!(class(SpawnRefusal::Program { program: "x".to_owned() }), Class::Denied);
    assert_eq!(class(SpawnRefusal::Zero), Class::InvalidInput);
}

/// Notes what was started, and starts nothing.
#[derive(Default)]
struct Noted(Mutex<Vec<String>>);

impl Programs for Noted {
    fn start(&self, start: &ProgramStart<'_>) -> Result<Pipe, StartError> {
        self.0.lock().unwrap().push(format!("{} {:?} {:?}", start.program, start.arguments, start.environment));
        if start.arguments.is_empty() {
            return Err(StartError::Other { program: start.program.clone(), found: Digest::of(b"") });
        }
        let (input, output) = (Box::new(io::sink()), Box::new(io::empty()));
        Ok(Pipe { label: "noted".to_owned(), input, output, end: Box::new(Over) })
    }
}

struct Over;

impl PipeEnd for Over {
    fn finish(&mut self, _patience: Duration) -> Ended {
        Ended { code: Some(0), complaint: String::new() }
    }
}

#[test]
fn what_is_allowed_is_what_is_started() {
    let noted = Noted::default();
    let granted = [access("/bin/true", &["..."], None)];
    let environment = [("LANG".to_owned(), "C".to_owned())];
    let argv = words(&["/bin/true", "a b"]);
    start(&noted, &allowed(&granted, &argv, &environment).unwrap(), Instant::now()).unwrap();
    assert_eq!(*noted.0.lock().unwrap(), [r#"/bin/true ["a b"] [("LANG", "C")]"#]);
    let argv = words(&["/bin/true"]);
    let refused = start(&noted, &allowed(&granted, &argv, &[]).unwrap(), Instant::now()).unwrap_err();
    assert_eq!((refused.class, refused.code.as_str()), (Class::Denied, "spawn.digest"));
    assert!(refused.message.starts_with("`/bin/true` is not the file that was granted: its SHA-256 is e3b0c442"));
}
