use super::*;
use crate::testing::Folder;
use std::fs;
use std::io::Write;
use std::path::Path;

const PATIENCE: Duration = Duration::from_secs(20);

fn path(path: &str) -> AbsolutePath {
    AbsolutePath::parse(path).unwrap()
}

fn start(program: &AbsolutePath, arguments: &[&str], digests: &[Digest]) -> Result<Pipe, StartError> {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let environment = [("LANG".to_owned(), "C".to_owned())];
    let deadline = Instant::now() + PATIENCE;
    let start = ProgramStart { program, arguments: &arguments, environment: &environment, digests, deadline };
    loop {
        match LocalPrograms.start(&start) {
            // Another test was just starting a program while this one's was written, and had it open for a moment.
            Err(StartError::Io { error, .. })
                if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < deadline =>
            {
                std::thread::yield_now();
            }
            done => return done,
        }
    }
}

/// Runs a program to its end and returns what it wrote and how it ended.
fn run(program: &str, arguments: &[&str]) -> (String, Ended) {
    let mut pipe = start(&path(program), arguments, &[]).unwrap();
    drop(pipe.input);
    let mut text = String::new();
    pipe.output.read_to_string(&mut text).unwrap();
    (text, pipe.end.finish(PATIENCE))
}

/// Copies a program to where a test may change it.
fn copied(folder: &Folder, name: &str, program: &str) -> (AbsolutePath, Digest) {
    let to = folder.path().join(name);
    fs::copy(program, &to).unwrap();
    fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
    (path(to.to_str().unwrap()), Digest::of(&fs::read(&to).unwrap()))
}

#[test]
fn bytes_go_both_ways_at_once() {
    let mut pipe = start(&path("/bin/cat"), &[], &[]).unwrap();
    assert_eq!(pipe.label, "cat");
    let sent: Vec<u8> = (0..4_u32 << 20).map(|number| (number % 251) as u8).collect();
    let copy = sent.clone();
    let mut input = pipe.input;
    let writer = std::thread::spawn(move || input.write_all(&copy).unwrap());
    let mut got = Vec::new();
    pipe.output.read_to_end(&mut got).unwrap();
    writer.join().unwrap();
    assert!(got == sent);
    assert_eq!(pipe.end.finish(PATIENCE), Ended { code: Some(0), complaint: String::new() });
}

#[test]
fn the_code_and_the_last_words_are_told() {
    let (text, ended) = run("/bin/sh", &["-c", "echo out; echo no luck >&2; exit 3"]);
    assert_eq!(text, "out\n");
    assert_eq!(ended, Ended { code: Some(3), complaint: "no luck".to_owned() });
}

#[test]
fn nothing_of_ours_comes_with_it() {
    let folder = Folder::new("programs-open");
    let open = File::create(folder.path().join("open-here")).unwrap();
    let (text, _) = run("/bin/sh", &["-c", "read go; env; pwd; ulimit -c; ls -l /proc/self/fd"]);
    let lines: Vec<&str> = text.lines().collect();
    // What stands before the directory is the environment; a shell adds some of it by itself. It waits for the end of its
    // input, so that its limits are in force.
    let set: Vec<&str> = lines.iter().copied().take_while(|line| *line != "/").collect();
    let ours = |name: &str| ["LANG", "PWD", "OLDPWD", "SHLVL", "_"].contains(&name);
    let odd = set.iter().find(|line| !ours(line.split('=').next().unwrap()));
    assert!(odd.is_none() && set.contains(&"LANG=C"), "{text}");
    assert_eq!(&lines[set.len()..set.len() + 2], ["/", "0"]);
    assert!(!text.contains("open-here"), "{text}");
    drop(open);
}

#[test]
fn a_program_is_the_first_of_its_own_group() {
    let (text, _) = run("/bin/sh", &["-c", "cut -d' ' -f5 /proc/$$/stat; echo $$"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], lines[1]);
}

#[test]
fn what_does_not_end_is_ended_with_all_that_it_started() {
    let mut pipe = start(&path("/bin/sh"), &["-c", "sleep 600 & echo begun; wait"], &[]).unwrap();
    let mut begun = [0; 6];
    pipe.output.read_exact(&mut begun).unwrap();
    let ended = pipe.end.finish(Duration::from_millis(20));
    assert_eq!(ended.code, None);
    // The sleeper held this too.
    assert_eq!(pipe.output.read(&mut begun).unwrap(), 0);
}

#[test]
fn a_pipe_that_is_dropped_takes_its_program_along() {
    let Pipe { mut output, input, end, .. } = start(&path("/bin/sleep"), &["600"], &[]).unwrap();
    drop((input, end));
    assert_eq!(output.read(&mut [0]).unwrap(), 0);
}

#[test]
fn who_complains_without_end_is_not_held_up() {
    let (_, ended) = run("/bin/sh", &["-c", "head -c 10000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo end >&2"]);
    assert_eq!((ended.code, ended.complaint.as_str()), (Some(0), "end"));
}

#[test]
fn a_granted_digest_is_that_of_the_file_that_runs() {
    let folder = Folder::new("programs-digest");
    let (program, digest) = copied(&folder, "cat", "/bin/cat");
    let mut pipe = start(&program, &[], &[Digest::of(b"another"), digest]).unwrap();
    // The name stands for something else by now; what runs is what was looked at.
    let _ = copied(&folder, "other", "/bin/false");
    fs::rename(folder.path().join("other"), folder.path().join("cat")).unwrap();
    pipe.input.write_all(b"still here").unwrap();
    drop(pipe.input);
    let mut text = String::new();
    pipe.output.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), pipe.end.finish(PATIENCE).code), ("still here", Some(0)));
    let swapped = start(&program, &[], &[digest]).unwrap_err();
    assert!(matches!(&swapped, StartError::Other { found, .. } if *found != digest), "{swapped}");
}

#[test]
fn a_script_has_no_digest_that_says_anything() {
    let folder = Folder::new("programs-script");
    let script = folder.path().join("run");
    fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let program = path(script.to_str().unwrap());
    let digest = Digest::of(&fs::read(&script).unwrap());
    assert!(matches!(start(&program, &[], &[digest]).unwrap_err(), StartError::Script { .. }));
    assert_eq!(run(program.as_str(), &[]).1.code, Some(0));
}

#[test]
fn what_is_no_program_is_refused() {
    let folder = Folder::new("programs-kind");
    let plain = folder.path().join("plain");
    fs::write(&plain, "x").unwrap();
    let at = |path: &Path| AbsolutePath::parse(path.to_str().unwrap()).unwrap();
    let refusal = |program: &AbsolutePath, digests: &[Digest]| start(program, &[], digests).unwrap_err();
    let digest = [Digest::of(b"x")];
    for digests in [&[][..], &digest] {
        assert!(matches!(refusal(&at(&plain), digests), StartError::Kind { .. }));
        assert!(matches!(refusal(&at(folder.path()), digests), StartError::Kind { .. }));
        assert!(matches!(refusal(&at(&folder.path().join("absent")), digests), StartError::Absent { .. }));
    }
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(refusal(&at(&plain), &[Digest::of(b"y")]), StartError::Other { .. }));
}

#[test]
fn taking_a_digest_has_a_deadline_too() {
    let late = LocalPrograms.start(&ProgramStart {
        program: &path("/bin/cat"),
        arguments: &[],
        environment: &[],
        digests: &[Digest::of(b"x")],
        deadline: Instant::now(),
    });
    assert!(matches!(late.unwrap_err(), StartError::Late { .. }));
}
