//! Checking out commits of repositories that `git` makes here: what is written, what is refused, and who is told what.

#![cfg(test)]

mod fetching;

use fetching::{Reply, Scratch, Server, header};
use punix_build::Secret;
use punix_build::git::{Checkout, Commit, CommitError, GitError, GitUrl, checkout};
use punix_diag::{Code, Diagnostic};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Says that a test cannot run, if there is no `git`.
fn has_git() -> bool {
    if Command::new("git").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    if let Some(log) = std::env::var_os("PUNIX_SKIP_LOG") {
        use std::io::Write;
        let mut file = fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        writeln!(file, "SKIP: there is no git").unwrap();
    }
    false
}

/// Runs `git` in a directory, and returns what it says.
fn git(directory: &Path, arguments: &[&str]) -> String {
    let settings = ["-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", "-c", "core.autocrlf=false"];
    let output = Command::new("git")
        .args(settings)
        .args(arguments)
        .current_dir(directory)
        .env_remove("GIT_DIR")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "a")
        .env("GIT_AUTHOR_EMAIL", "a@example.org")
        .env("GIT_COMMITTER_NAME", "a")
        .env("GIT_COMMITTER_EMAIL", "a@example.org")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Commits all that is in a directory.
fn commit(directory: &Path) -> Commit {
    if !directory.join(".git").exists() {
        git(directory, &["init", "--quiet"]);
    }
    git(directory, &["add", "--all"]);
    git(directory, &["commit", "--quiet", "--message", "change", "--allow-empty"]);
    Commit::parse(&git(directory, &["rev-parse", "HEAD"])).unwrap()
}

fn repository(scratch: &Scratch, name: &str, files: &[(&str, &str)]) -> (PathBuf, Commit) {
    let directory = scratch.join(name);
    fs::create_dir(&directory).unwrap();
    write(&directory, files);
    let commit = commit(&directory);
    (directory, commit)
}

fn write(directory: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let place = directory.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, content).unwrap();
    }
}

fn wanted(url: &str, commit: &Commit) -> Checkout {
    Checkout { url: GitUrl::parse(url).unwrap(), commit: commit.clone(), submodules: false, token: None }
}

/// Checks out, and returns the tree with what was told.
fn run(scratch: &Scratch, wanted: &Checkout) -> Result<(BTreeMap<String, String>, Vec<String>), GitError> {
    let (into, work) = (scratch.join("into"), scratch.join("work"));
    for directory in [&into, &work] {
        let _ = fs::remove_dir_all(directory);
        fs::create_dir(directory).unwrap();
    }
    let said = Mutex::new(Vec::new());
    let result = checkout(wanted, &into, &work, &|text| said.lock().unwrap().push(text), &AtomicBool::new(false));
    assert_eq!(scratch.names("work"), [""; 0]);
    let said = said.into_inner().unwrap();
    result.map(|()| (tree(&into, &into), said))
}

/// Describes all that is below a directory.
fn tree(top: &Path, directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(top).unwrap().as_os_str().as_bytes().escape_ascii().to_string();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o7777;
        if metadata.is_dir() {
            found.insert(format!("{name}/"), format!("{mode:o}"));
            found.extend(tree(top, &path));
        } else if metadata.is_symlink() {
            found.insert(name, format!("-> {}", fs::read_link(&path).unwrap().display()));
        } else {
            let content = fs::read(&path).unwrap().escape_ascii().to_string();
            found.insert(name, format!("{mode:o} {content}"));
        }
    }
    found
}

fn lines(tree: &BTreeMap<String, String>) -> Vec<String> {
    tree.iter().map(|(name, what)| format!("{name} {what}")).collect()
}

#[test]
fn a_commit_is_written_out_as_it_is() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let (directory, first) = repository(&scratch, "source", &[("a", "1"), ("dir/b", "2"), ("dir/deep/c", "3")]);
    fs::set_permissions(directory.join("a"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("../../../etc/passwd", directory.join("dir/out")).unwrap();
    symlink("dir", directory.join("link")).unwrap();
    fs::write(directory.join("new\nline \\ \""), "4").unwrap();
    fs::write(directory.join(OsStr::from_bytes(b"\xff\xfe")), "5").unwrap();
    fs::write(directory.join("empty"), "").unwrap();
    let second = commit(&directory);
    write(&directory, &[("a", "later")]);
    commit(&directory);
    for url in [directory.display().to_string(), format!("file://{}", directory.display())] {
        let (tree, said) = run(&scratch, &wanted(&url, &second)).unwrap();
        let expected = [
            "\\xff\\xfe 644 5",
            "a 755 1",
            "dir/ 755",
            "dir/b 644 2",
            "dir/deep/ 755",
            "dir/deep/c 644 3",
            "dir/out -> ../../../etc/passwd",
            "empty 644 ",
            "link -> dir",
            "new\\nline \\\\ \\\" 644 4",
        ];
        assert_eq!(lines(&tree), expected);
        assert_eq!(said, [format!("fetching commit `{second}` of `{url}`")]);
    }
    let (tree, _) = run(&scratch, &wanted(&directory.display().to_string(), &first)).unwrap();
    assert_eq!(lines(&tree), ["a 644 1", "dir/ 755", "dir/b 644 2", "dir/deep/ 755", "dir/deep/c 644 3"]);
}

#[test]
fn a_commit_of_another_branch_is_found_and_a_missing_one_is_not() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let (directory, _) = repository(&scratch, "source", &[("a", "main")]);
    git(&directory, &["checkout", "--quiet", "-b", "other"]);
    write(&directory, &[("a", "other")]);
    let other = commit(&directory);
    git(&directory, &["tag", "--annotate", "-m", "x", "v1"]);
    git(&directory, &["checkout", "--quiet", "main"]);
    let url = directory.display().to_string();
    assert_eq!(lines(&run(&scratch, &wanted(&url, &other)).unwrap().0), ["a 644 other"]);
    let missing = Commit::parse(&"1".repeat(40)).unwrap();
    let error = run(&scratch, &wanted(&url, &missing)).unwrap_err();
    assert!(matches!(error, GitError::Missing { .. }), "{error:?}");
    assert_eq!(Diagnostic::from(error).code, Some(Code::E9));
    // A tag has an id too, but it is no commit.
    let tag = Commit::parse(&git(&directory, &["rev-parse", "v1"])).unwrap();
    assert!(matches!(run(&scratch, &wanted(&url, &tag)), Err(GitError::Missing { .. })));
    let file = Commit::parse(&git(&directory, &["rev-parse", "main:a"])).unwrap();
    assert!(run(&scratch, &wanted(&url, &file)).is_err());
}

#[test]
fn names_that_can_change_are_refused() {
    for text in ["main", "v1.0", "HEAD", "0123abc"] {
        let diagnostic = Diagnostic::from(Commit::parse(text).unwrap_err());
        assert_eq!(diagnostic.code, Some(Code::E1));
        assert!(diagnostic.help.unwrap().starts_with("give the full id"));
    }
    assert!(matches!(Commit::parse("main"), Err(CommitError::Name { .. })));
}

#[test]
fn a_repository_of_the_longer_hash() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let directory = scratch.join("source");
    fs::create_dir(&directory).unwrap();
    git(&directory, &["init", "--quiet", "--object-format=sha256"]);
    write(&directory, &[("a", "1")]);
    let commit = commit(&directory);
    assert_eq!(commit.as_str().len(), 64);
    let (tree, _) = run(&scratch, &wanted(&directory.display().to_string(), &commit)).unwrap();
    assert_eq!(lines(&tree), ["a 644 1"]);
}

#[test]
fn attributes_hooks_and_filters_have_no_say() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let files = [
        ("crlf", "a\r\nb\r\n"),
        ("lf", "a\nb\n"),
        ("id", "$Id$ $Format:%H$\n"),
        ("hidden", "x"),
        ("large", "version https://git-lfs.github.com/spec/v1\n"),
        ("wide", "x"),
    ];
    let (directory, _) = repository(&scratch, "source", &files);
    let attributes = "lf text eol=crlf\nid ident export-subst\nhidden export-ignore\nlarge filter=lfs diff=lfs\n\
                      wide working-tree-encoding=UTF-16\n";
    write(&directory, &[(".gitattributes", attributes)]);
    git(&directory, &["add", ".gitattributes"]);
    git(&directory, &["commit", "--quiet", "--message", "attributes"]);
    let commit = Commit::parse(&git(&directory, &["rev-parse", "HEAD"])).unwrap();
    let mark = scratch.join("mark");
    for hook in ["post-checkout", "reference-transaction", "post-update", "pre-auto-gc"] {
        let path = directory.join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    git(&directory, &["config", "filter.lfs.smudge", &format!("touch {}", mark.display())]);
    let (tree, _) = run(&scratch, &wanted(&directory.display().to_string(), &commit)).unwrap();
    for (name, content) in files {
        assert_eq!(tree[name], format!("644 {}", content.as_bytes().escape_ascii()), "{name}");
    }
    assert!(!mark.exists());
}

#[test]
fn submodules_come_only_if_they_are_wanted() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let (inner, _) = repository(&scratch, "inner", &[("i", "inner")]);
    let (middle, _) = repository(&scratch, "middle", &[("m", "middle")]);
    git(&middle, &["submodule", "--quiet", "add", "../inner", "deps/inner"]);
    commit(&middle);
    let (outer, _) = repository(&scratch, "outer", &[("o", "outer")]);
    git(&outer, &["submodule", "--quiet", "add", &middle.display().to_string(), "middle"]);
    let top = commit(&outer);
    // The submodule has moved on; the commit has not.
    write(&inner, &[("i", "later")]);
    commit(&inner);
    let without = wanted(&outer.display().to_string(), &top);
    let (tree, _) = run(&scratch, &without).unwrap();
    assert_eq!(tree["middle/"], "755");
    assert!(!tree.contains_key("middle/m"));
    let (tree, said) = run(&scratch, &Checkout { submodules: true, ..without }).unwrap();
    assert_eq!((&*tree["middle/m"], &*tree["middle/deps/inner/i"]), ("644 middle", "644 inner"));
    assert!(tree.keys().all(|name| !name.split('/').any(|part| part == ".git")), "{tree:?}");
    assert_eq!(said.len(), 3);
}

/// Commits a tree that `git` itself would not make.
fn forged(directory: &Path, tree_lines: &str) -> Commit {
    let mut child = Command::new("git")
        .args(["mktree", "--missing"])
        .current_dir(directory)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), tree_lines.as_bytes()).unwrap();
    let tree = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let commit = git(directory, &["commit-tree", "-m", "forged", tree.trim()]);
    git(directory, &["update-ref", "refs/heads/forged", &commit]);
    Commit::parse(&commit).unwrap()
}

#[test]
fn submodules_that_cannot_be_had_are_refused() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let (directory, first) = repository(&scratch, "source", &[("a", "1")]);
    let declare = |url: &str| {
        let text = format!("[submodule \"s\"]\n\tpath = s\n\turl = {url}\n");
        fs::write(directory.join(".gitmodules"), text).unwrap();
        let blob = git(&directory, &["hash-object", "-w", ".gitmodules"]);
        let lines = format!("100644 blob {blob}\t.gitmodules\n160000 commit {first}\ts\n");
        Checkout { submodules: true, ..wanted(&directory.display().to_string(), &forged(&directory, &lines)) }
    };
    for url in ["ext::sh -c true", "../../../../../../../../../../../../x", "ftp://example.org/a"] {
        let error = run(&scratch, &declare(url)).unwrap_err();
        // `git` finds some of them itself.
        assert!(matches!(error, GitError::Submodule { .. } | GitError::Failed { .. }), "{url}: {error:?}");
    }
    let lines = format!("160000 commit {first}\ts\n");
    let undeclared = wanted(&directory.display().to_string(), &forged(&directory, &lines));
    let error = run(&scratch, &Checkout { submodules: true, ..undeclared }).unwrap_err();
    assert!(matches!(error, GitError::SubmoduleWithoutUrl { .. }), "{error:?}");
}

#[test]
fn a_tree_that_reaches_out_is_refused() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let (directory, _) = repository(&scratch, "source", &[("a", "/tmp"), ("dir/b", "x")]);
    let link = git(&directory, &["rev-parse", "HEAD:a"]);
    let inner = git(&directory, &["rev-parse", "HEAD:dir"]);
    let trees = [
        format!("120000 blob {link}\tt\n040000 tree {inner}\tt\n"),
        format!("040000 tree {inner}\t..\n"),
        format!("040000 tree {inner}\t.git\n"),
        format!("040000 tree {inner}\t.GIT\n"),
    ];
    for lines in trees {
        let commit = forged(&directory, &lines);
        let error = run(&scratch, &wanted(&directory.display().to_string(), &commit)).unwrap_err();
        assert!(
            matches!(error, GitError::Failed { .. } | GitError::Tree { .. } | GitError::Disk { .. }),
            "{lines}: {error:?}"
        );
    }
    assert!(!scratch.join("b").exists());
}

/// Serves the files of a repository, as any web server can; it gives no single commits.
fn serve(directory: &Path, may: impl Fn(&str) -> bool + Send + Sync + 'static) -> Server {
    git(directory, &["update-server-info"]);
    let top = directory.join(".git");
    Server::start(move |head, _| {
        let target = head.split(' ').nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default().trim_start_matches("/repo/");
        if !may(head) {
            return Reply::new("401 Unauthorized", b"").with("WWW-Authenticate: Basic realm=\"x\"");
        }
        match fs::read(top.join(path)) {
            Ok(content) => Reply::ok(&content),
            Err(_) => Reply::new("404 Not Found", b""),
        }
    })
}

#[test]
fn a_server_that_gives_no_single_commit_gives_all() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let (directory, first) = repository(&scratch, "source", &[("a", "1")]);
    write(&directory, &[("a", "2")]);
    commit(&directory);
    let server = serve(&directory, |_| true);
    let url = server.url("/repo/");
    let (tree, said) = run(&scratch, &wanted(&url, &first)).unwrap();
    assert_eq!(lines(&tree), ["a 644 1"]);
    assert_eq!(said[1], format!("`{url}` does not give a commit alone; fetching its whole history"));
}

const TOKEN: &str = "sesame-0123456789";

#[test]
fn a_token_is_sent_and_not_shown() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let (directory, commit) = repository(&scratch, "source", &[("a", "1")]);
    // `x-access-token:sesame-0123456789`
    let value = "Basic eC1hY2Nlc3MtdG9rZW46c2VzYW1lLTAxMjM0NTY3ODk=";
    let server = serve(&directory, move |head| header(head, "authorization") == Some(value));
    let url = server.url("/repo/");
    let token = Some(Secret::new(TOKEN.to_owned()));
    let (tree, said) = run(&scratch, &Checkout { token, ..wanted(&url, &commit) }).unwrap();
    assert_eq!(lines(&tree), ["a 644 1"]);
    assert!(!format!("{said:?}").contains("sesame"));

    let other = serve(&directory, |_| false);
    let with_password = format!("http://me:{TOKEN}@127.0.0.1:{}/repo/?key={TOKEN}", other.port);
    for (url, token) in [(other.url("/repo/"), Some(Secret::new(TOKEN.to_owned()))), (with_password, None)] {
        let error = run(&scratch, &Checkout { token, ..wanted(&url, &commit) }).unwrap_err();
        assert!(matches!(error, GitError::Failed { .. }));
        let all =
            format!("{error} {error:?} {:?}", Diagnostic::from(run(&scratch, &wanted(&url, &commit)).unwrap_err()));
        assert!(!all.contains("sesame") && !all.contains("c2VzYW1l"), "{all}");
        assert!(other.seen().iter().any(|head| header(head, "authorization").is_some()));
    }
    let local = Checkout { token: Some(Secret::new(TOKEN.to_owned())), ..wanted("/nowhere", &commit) };
    assert!(matches!(run(&scratch, &local), Err(GitError::Token { .. })));
}

#[test]
fn a_token_does_not_follow_a_redirect() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let (directory, commit) = repository(&scratch, "source", &[("a", "1")]);
    let end = serve(&directory, |_| true);
    let target = end.url("");
    let server = Server::start(move |head, _| Reply::redirect(&format!("{target}{}", head.split(' ').nth(1).unwrap())));
    let plain = wanted(&server.url("/repo/"), &commit);
    assert_eq!(lines(&run(&scratch, &plain).unwrap().0), ["a 644 1"]);
    let before = end.seen().len();
    let token = Some(Secret::new(TOKEN.to_owned()));
    let error = run(&scratch, &Checkout { token, ..plain }).unwrap_err();
    assert!(matches!(error, GitError::Failed { .. }), "{error:?}");
    assert_eq!(end.seen().len(), before);
}

#[test]
fn a_server_that_hangs_is_left_when_asked() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let server = Server::start(|_, _| Reply::ok(b"0123").cut(2).hanging());
    for name in ["into", "work"] {
        fs::create_dir(scratch.join(name)).unwrap();
    }
    let stop = AtomicBool::new(false);
    let wanted = wanted(&server.url("/a"), &Commit::parse(&"1".repeat(40)).unwrap());
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while server.seen().is_empty() && start.elapsed() < Duration::from_secs(20) {
                std::thread::yield_now();
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let result = checkout(&wanted, &scratch.join("into"), &scratch.join("work"), &|_| {}, &stop);
        assert!(matches!(result, Err(GitError::Stopped)), "{result:?}");
    });
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(scratch.names("work"), [""; 0]);
}

#[test]
fn a_directory_that_is_not_empty_is_left_alone() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("work")).unwrap();
    write(scratch.path(), &[("into/mine", "x")]);
    let wanted = wanted("/nowhere", &Commit::parse(&"1".repeat(40)).unwrap());
    let (into, work, stop) = (scratch.join("into"), scratch.join("work"), AtomicBool::new(false));
    let result = checkout(&wanted, &into, &work, &|_| {}, &stop);
    assert!(matches!(result, Err(GitError::NotEmpty { .. })));
    assert_eq!(scratch.names("into"), ["mine"]);
}

/// What the caller's environment says about `git` does not matter. This test is run again with a strange one.
#[test]
fn the_environment_of_the_caller_has_no_say() {
    if !has_git() {
        return;
    }
    let scratch = Scratch::new();
    let mark = scratch.join("mark");
    let config = scratch.join("config");
    fs::write(
        &config,
        format!("[core]\n\tsshCommand = touch {0}\n[url \"/nowhere\"]\n\tinsteadOf = /\n", mark.display()),
    )
    .unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_commit_of_another_branch_is_found_and_a_missing_one_is_not", "--test-threads=1"])
        .env("GIT_CONFIG_GLOBAL", &config)
        .env("XDG_CONFIG_HOME", scratch.path())
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "core.hooksPath")
        .env("GIT_CONFIG_VALUE_0", scratch.path())
        .env("GIT_EXTERNAL_DIFF", "false")
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(!mark.exists());
}
