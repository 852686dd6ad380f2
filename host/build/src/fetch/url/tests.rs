use super::*;
use expect_test::{Expect, expect};

fn shown(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => url.to_string(),
        Err(error) => format!("refused: {error}"),
    }
}

fn web(url: &Url) -> &Web {
    match url.reaches().first() {
        Some((_, Reach::Web(web))) => web,
        Some((_, Reach::File(_))) | None => panic!("not on a server"),
    }
}

fn check(texts: &[&str], expect: Expect) {
    let lines: Vec<String> = texts.iter().map(|text| format!("{text}\n    {}\n", shown(text))).collect();
    expect.assert_eq(&lines.concat());
}

#[test]
fn what_is_accepted() {
    check(
        &[
            "https://example.org",
            "HTTPS://Example.ORG:443/A/b.tar.gz#part",
            "http://example.org:8080/a%20b?x=1",
            "http://[::1]:80/a",
            "file:///srv/a.tar.gz",
            "file://localhost/srv/a.tar.gz",
            "file:/srv/a",
            "mirror://gnu/hello/hello-2.12.tar.gz",
        ],
        expect![[r#"
            https://example.org
                https://example.org/
            HTTPS://Example.ORG:443/A/b.tar.gz#part
                https://example.org/A/b.tar.gz
            http://example.org:8080/a%20b?x=1
                http://example.org:8080/a%20b?x=..
            http://[::1]:80/a
                http://[::1]/a
            file:///srv/a.tar.gz
                file:///srv/a.tar.gz
            file://localhost/srv/a.tar.gz
                file:///srv/a.tar.gz
            file:/srv/a
                file:///srv/a
            mirror://gnu/hello/hello-2.12.tar.gz
                mirror://gnu/hello/hello-2.12.tar.gz
        "#]],
    );
}

#[test]
fn what_is_refused() {
    check(
        &[
            "",
            "hello.tar.gz",
            "ftp://example.org/a",
            "javascript:x",
            "https:/example.org/a",
            "https:///a",
            "https://example.org:0/",
            "https://example.org:99999/",
            "https://example.org:8o/",
            "https://a@b@example.org/",
            "https://ex ample.org/",
            "https://example.org/a\nHost: x",
            "https://exämple.org/",
            "https://[::g]/",
            "https://[::1",
            "https://-x/",
            "https://%zz@x/",
            "file://other/srv/a",
            "file:srv/a",
            "file:////srv",
            "file:///a%00b",
            "mirror://nowhere/a",
            "mirror://gnu",
            "mirror://gnu//etc",
        ],
        expect![[r#"

                refused: a url begins with `https://`, `http://`, `file:///` or `mirror://`
            hello.tar.gz
                refused: a url begins with `https://`, `http://`, `file:///` or `mirror://`
            ftp://example.org/a
                refused: nothing is fetched by `ftp`; `https`, `http`, `file` and `mirror` are what is accepted
            javascript:x
                refused: nothing is fetched by `javascript`; `https`, `http`, `file` and `mirror` are what is accepted
            https:/example.org/a
                refused: a url begins with `https://`, `http://`, `file:///` or `mirror://`
            https:///a
                refused: the url names no host that can be asked
            https://example.org:0/
                refused: the port of the url is not a number from 1 to 65535
            https://example.org:99999/
                refused: the port of the url is not a number from 1 to 65535
            https://example.org:8o/
                refused: the port of the url is not a number from 1 to 65535
            https://a@b@example.org/
                refused: the url names no host that can be asked
            https://ex ample.org/
                refused: a url cannot hold ` `; percent-encode it
            https://example.org/a
            Host: x
                refused: a url cannot hold `\n`; percent-encode it
            https://exämple.org/
                refused: a url cannot hold `\u{e4}`; percent-encode it
            https://[::g]/
                refused: the url names no host that can be asked
            https://[::1
                refused: the url names no host that can be asked
            https://-x/
                refused: the url names no host that can be asked
            https://%zz@x/
                refused: a `%` in the url is not followed by two hexadecimal digits, or stands for a byte that it cannot hold
            file://other/srv/a
                refused: a `file` url names an absolute path on this machine, such as `file:///srv/hello.tar.gz`
            file:srv/a
                refused: a `file` url names an absolute path on this machine, such as `file:///srv/hello.tar.gz`
            file:////srv
                refused: a `file` url names an absolute path on this machine, such as `file:///srv/hello.tar.gz`
            file:///a%00b
                refused: a `%` in the url is not followed by two hexadecimal digits, or stands for a byte that it cannot hold
            mirror://nowhere/a
                refused: `mirror://nowhere` is not known; the sites are `gnome`, `gnu`, `kernel`, `pypi`, `sourceforge`, `sourceforge-master`
            mirror://gnu
                refused: a `mirror` url goes on with the path of a file after the site
            mirror://gnu//etc
                refused: a `mirror` url goes on with the path of a file after the site
        "#]],
    );
}

#[test]
fn what_is_secret_is_not_shown() {
    let url = Url::parse("https://me:p%40ss@example.org/a?token=sesame&x&y=1").unwrap();
    assert_eq!(url.to_string(), "https://..@example.org/a?token=..&..&y=..");
    assert_eq!(format!("{url:?}"), "Url(https://..@example.org/a?token=..&..&y=..)");
    assert_eq!(web(&url).request(), "https://example.org/a?token=sesame&x&y=1");
    assert_eq!(web(&url).credentials.as_ref().unwrap().expose(), "me:p@ss");
}

#[test]
fn a_mirror_stands_for_several_places() {
    let url = Url::parse("mirror://kernel/linux/a.tar.xz").unwrap();
    let all: Vec<String> = url.reaches().iter().map(|(url, _)| url.to_string()).collect();
    assert_eq!(
        all,
        ["https://cdn.kernel.org/pub/linux/a.tar.xz", "https://mirrors.edge.kernel.org/pub/linux/a.tar.xz"]
    );
    assert_eq!(url.file_name().unwrap(), "a.tar.xz");
}

#[test]
fn the_name_of_the_file() {
    let name = |text: &str| Url::parse(text).unwrap().file_name().ok();
    assert_eq!(name("https://example.org/x/a%20b.tar.gz?x=/c").as_deref(), Some("a b.tar.gz"));
    assert_eq!(name("file:///srv/%C3%A4.zip").as_deref(), Some("ä.zip"));
    for text in ["", "/", "/x/", "/..", "/x/%2e%2e", "/a%2Fb", "/a%0Ab", "/%ff", "/%"] {
        assert_eq!(name(&format!("https://example.org{text}")), None, "{text}");
    }
    assert_eq!(name("file:///srv/"), None);
    assert_eq!(name("file:///srv/.."), None);
}

#[test]
fn where_a_redirect_leads() {
    let from = Url::parse("https://u:p@example.org:8443/a/b/c?d=e").unwrap();
    let to = |location: &str| match web(&from).join(location.as_bytes()) {
        Ok(web) => web.request(),
        Err(error) => error.to_string(),
    };
    let cases = [
        ("/x", "https://example.org:8443/x"),
        ("x", "https://example.org:8443/a/b/x"),
        ("../x?y", "https://example.org:8443/a/x?y"),
        ("../../../../x/./y/..", "https://example.org:8443/x/"),
        ("?y=1", "https://example.org:8443/a/b/c?y=1"),
        ("", "https://example.org:8443/a/b/c?d=e"),
        ("#f", "https://example.org:8443/a/b/c?d=e"),
        ("//other/x", "https://other/x"),
        ("http://other:80/x y", "http://other/x%20y"),
        ("https://evil:x@other/", "https://other/"),
        ("a:b", "nothing is fetched by `a`; `https`, `http`, `file` and `mirror` are what is accepted"),
        (
            "file:///etc/passwd",
            "nothing is fetched by `file`; `https`, `http`, `file` and `mirror` are what is accepted",
        ),
        ("mirror://gnu/x", "nothing is fetched by `mirror`; `https`, `http`, `file` and `mirror` are what is accepted"),
        ("https://", "the url names no host that can be asked"),
    ];
    for (location, expected) in cases {
        assert_eq!(to(location), expected, "{location}");
    }
    assert!(web(&from).join(b"https://evil:x@other/").unwrap().credentials.is_none());
    assert_eq!(web(&from).join(b"/\xff").unwrap().request(), "https://example.org:8443/%FF");
}
