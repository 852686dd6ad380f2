use super::*;
use expect_test::expect;

#[test]
fn what_is_accepted_and_what_is_refused() {
    let texts = [
        "https://example.org/a/b.git",
        "https://me:secret@example.org:8443/a?token=x",
        "http://example.org/a",
        "ssh://git@example.org:22/a",
        "ssh://example.org/a",
        "git://example.org/a",
        "file:///srv/a",
        "/srv/a b",
        "git@example.org:a/b.git",
        "git@[::1]:a",
        "",
        "a",
        "./a",
        "example.org:a",
        "-u@example.org:a",
        "--upload-pack=x",
        "git@-oProxyCommand=x:a",
        "git@example.org:-a",
        "ssh://-oProxyCommand=x/a",
        "ssh://git:secret@example.org/a",
        "ssh://example.org",
        "git://me@example.org/a",
        "ext::sh -c x",
        "fd::7",
        "ftp://example.org/a",
        "https:///a",
        "file://other/a",
        "/srv/a\n",
    ];
    let lines = texts.map(|text| match GitUrl::parse(text) {
        Ok(url) => format!("{text}\n    {url} (git is told {})\n", url.request()),
        Err(error) => format!("{text}\n    refused: {error}\n"),
    });
    expect![[r#"
        https://example.org/a/b.git
            https://example.org/a/b.git (git is told https://example.org/a/b.git)
        https://me:secret@example.org:8443/a?token=x
            https://..@example.org:8443/a?token=.. (git is told https://example.org:8443/a?token=x)
        http://example.org/a
            http://example.org/a (git is told http://example.org/a)
        ssh://git@example.org:22/a
            ssh://git@example.org:22/a (git is told ssh://git@example.org:22/a)
        ssh://example.org/a
            ssh://example.org/a (git is told ssh://example.org/a)
        git://example.org/a
            git://example.org/a (git is told git://example.org/a)
        file:///srv/a
            file:///srv/a (git is told file:///srv/a)
        /srv/a b
            /srv/a b (git is told /srv/a b)
        git@example.org:a/b.git
            git@example.org:a/b.git (git is told git@example.org:a/b.git)
        git@[::1]:a
            git@[::1]:a (git is told git@[::1]:a)

            refused: this is not the url of a repository; `https`, `http`, `ssh`, `git`, `file`, an absolute path and `user@host:path` are what is accepted
        a
            refused: this is not the url of a repository; `https`, `http`, `ssh`, `git`, `file`, an absolute path and `user@host:path` are what is accepted
        ./a
            refused: this is not the url of a repository; `https`, `http`, `ssh`, `git`, `file`, an absolute path and `user@host:path` are what is accepted
        example.org:a
            refused: this is not the url of a repository; `https`, `http`, `ssh`, `git`, `file`, an absolute path and `user@host:path` are what is accepted
        -u@example.org:a
            refused: the url of a repository cannot begin with `-`
        --upload-pack=x
            refused: the url of a repository cannot begin with `-`
        git@-oProxyCommand=x:a
            refused: the url names no host that can be asked
        git@example.org:-a
            refused: this is not the url of a repository; `https`, `http`, `ssh`, `git`, `file`, an absolute path and `user@host:path` are what is accepted
        ssh://-oProxyCommand=x/a
            refused: the url names no host that can be asked
        ssh://git:secret@example.org/a
            refused: a password cannot be given to `ssh` in a url
        ssh://example.org
            refused: this is not the url of a repository; `https`, `http`, `ssh`, `git`, `file`, an absolute path and `user@host:path` are what is accepted
        git://me@example.org/a
            refused: this is not the url of a repository; `https`, `http`, `ssh`, `git`, `file`, an absolute path and `user@host:path` are what is accepted
        ext::sh -c x
            refused: the helper program `ext` is not started for a repository
        fd::7
            refused: the helper program `fd` is not started for a repository
        ftp://example.org/a
            refused: no repository is fetched by `ftp`; `https`, `http`, `ssh`, `git`, `file`, an absolute path and `user@host:path` are what is accepted
        https:///a
            refused: the url names no host that can be asked
        file://other/a
            refused: a `file` url names an absolute path on this machine, such as `file:///srv/hello.tar.gz`
        /srv/a

            refused: the url of a repository cannot hold `\n`
    "#]].assert_eq(&lines.concat());
}

#[test]
fn where_a_submodule_lies() {
    let cases = [
        ("https://example.org/a/b.git", "../c.git"),
        ("https://example.org/a/b.git/", "../../c"),
        ("https://me:x@example.org/a/b.git?d=e", "./c"),
        ("https://example.org/a", "../../c"),
        ("https://example.org/a", "../c/../../d"),
        ("git@example.org:a/b", "../c"),
        ("git@example.org:b", "../c"),
        ("git@example.org:b", "../../c"),
        ("/srv/a", "../b"),
        ("file:///srv/a", "../b"),
        ("ssh://git@example.org:22/a", "../b"),
        ("https://example.org/a", "git@other:b"),
        ("https://example.org/a", "/srv/b"),
        ("https://example.org/a", "file:///srv/b"),
        ("https://example.org/a", "ext::x"),
        ("https://example.org/a", "-x"),
        ("https://example.org/a", "b"),
        ("/srv/a", "/srv/b"),
        ("/srv/a", "https://example.org/b"),
    ];
    let lines = cases.map(|(from, to)| match GitUrl::parse(from).unwrap().submodule(to) {
        Ok(url) => format!("{from} {to}\n    {}\n", url.request()),
        Err(error) => format!("{from} {to}\n    refused: {error}\n"),
    });
    expect![[r#"
        https://example.org/a/b.git ../c.git
            https://example.org/a/c.git
        https://example.org/a/b.git/ ../../c
            https://example.org/c
        https://me:x@example.org/a/b.git?d=e ./c
            https://example.org/a/b.git/c
        https://example.org/a ../../c
            refused: `../../c` leads out of the server that it begins at
        https://example.org/a ../c/../../d
            refused: `../c/../../d` leads out of the server that it begins at
        git@example.org:a/b ../c
            git@example.org:a/c
        git@example.org:b ../c
            git@example.org:c
        git@example.org:b ../../c
            refused: `../../c` leads out of the server that it begins at
        /srv/a ../b
            /srv/b
        file:///srv/a ../b
            file:///srv/b
        ssh://git@example.org:22/a ../b
            ssh://git@example.org:22/b
        https://example.org/a git@other:b
            git@other:b
        https://example.org/a /srv/b
            refused: what comes from the network cannot name a repository of this machine
        https://example.org/a file:///srv/b
            refused: what comes from the network cannot name a repository of this machine
        https://example.org/a ext::x
            refused: the helper program `ext` is not started for a repository
        https://example.org/a -x
            refused: the url of a repository cannot begin with `-`
        https://example.org/a b
            refused: this is not the url of a repository; `https`, `http`, `ssh`, `git`, `file`, an absolute path and `user@host:path` are what is accepted
        /srv/a /srv/b
            /srv/b
        /srv/a https://example.org/b
            https://example.org/b
    "#]].assert_eq(&lines.concat());
}
