//! Where a fetch is led, and who is told what is secret.

#![cfg(test)]

mod fetching;

use fetching::fetch::{download, failure, fetch, fetcher, limits};
use fetching::{Reply, Scratch, Server, header};
use punix_build::Secret;
use punix_build::fetch::{Download, Failure, FetchError, Fetcher, Header, Limits, Network, Options};
use punix_diag::Diagnostic;
use std::sync::Mutex;

const TOKEN: &str = "sesame-0123456789";

#[test]
fn redirects_are_followed() {
    let scratch = Scratch::new();
    let end = Server::start(|_, _| Reply::ok(b"found"));
    let target = end.url("/end");
    let server = Server::start(move |head, _| match head.split(' ').nth(1).unwrap() {
        "/a/b" => Reply::new("301 Moved Permanently", b"see there").with("Location: ../c?d=e"),
        "/c?d=e" => Reply::new("307 Temporary Redirect", b"").with("Location: /f"),
        "/f" => Reply::redirect(&target),
        _ => Reply::new("404 Not Found", b""),
    });
    assert_eq!(fetch(&fetcher(&scratch), &download(&[server.url("/a/b")], b"found")).0.unwrap(), b"found");
    assert_eq!((server.seen().len(), end.seen().len()), (3, 1));
}

#[test]
fn redirects_that_lead_nowhere_are_refused() {
    let scratch = Scratch::new();
    let fetcher = fetcher(&scratch);
    let run = |location: &'static str| {
        let server = Server::start(move |_, _| Reply::redirect(location));
        let why = failure(fetch(&fetcher, &download(&[server.url("/a")], b"x")).0).to_string();
        (why, server.seen().len())
    };
    let (why, requests) = run("/a");
    assert_eq!((&*why, requests), ("there were more than 10 redirects", 11));
    for location in ["file:///etc/hostname", "ftp://127.0.0.1/a", "mirror://gnu/a"] {
        let (why, requests) = run(location);
        assert!(why.starts_with("the server redirects to what cannot be followed: nothing is fetched by"), "{why}");
        assert_eq!(requests, 1);
    }
    let nowhere = Server::start(|_, _| Reply::new("302 Found", b""));
    let why = failure(fetch(&fetcher, &download(&[nowhere.url("/a")], b"x")).0);
    assert!(matches!(why, Failure::RedirectNowhere), "{why}");
}

fn with_token(urls: &[String], content: &[u8]) -> Download {
    let headers = vec![
        Header::bearer(&Secret::new(TOKEN.to_owned())),
        Header { name: "X-Key".to_owned(), value: Secret::new(TOKEN.to_owned()) },
    ];
    Download { headers, ..download(urls, content) }
}

#[test]
fn a_secret_goes_to_the_origin_of_the_url_only() {
    let scratch = Scratch::new();
    let other = Server::start(|_, _| Reply::ok(b"found"));
    let target = other.url("/end");
    let server = Server::start(move |head, _| match head.split(' ').nth(1).unwrap() {
        "/a" => Reply::redirect("/b"),
        _ => Reply::redirect(&target),
    });
    fetch(&fetcher(&scratch), &with_token(&[server.url("/a")], b"found")).0.unwrap();
    for head in server.seen() {
        assert_eq!(header(&head, "authorization"), Some(&*format!("Bearer {TOKEN}")));
        assert_eq!(header(&head, "x-key"), Some(TOKEN));
    }
    let head = other.seen().remove(0);
    assert_eq!((header(&head, "authorization"), header(&head, "x-key")), (None, None));
    assert!(!head.contains("sesame"));
}

#[test]
fn a_secret_does_not_come_back_over_another_origin() {
    let scratch = Scratch::new();
    let back = std::sync::Arc::new(Mutex::new(String::new()));
    let other = Server::start({
        let back = back.clone();
        move |_, _| Reply::redirect(&back.lock().unwrap())
    });
    let target = other.url("/");
    let server = Server::start(move |head, _| match head.split(' ').nth(1).unwrap() {
        "/a" => Reply::redirect(&target),
        _ => Reply::ok(b"found"),
    });
    *back.lock().unwrap() = server.url("/private");
    fetch(&fetcher(&scratch), &with_token(&[server.url("/a")], b"found")).0.unwrap();
    let seen = server.seen();
    assert!(header(&seen[0], "x-key").is_some() && header(&seen[1], "x-key").is_none());
}

#[test]
fn a_password_in_a_url_is_sent_and_not_shown() {
    let scratch = Scratch::new();
    let server = Server::start(|_, _| Reply::new("401 Unauthorized", b""));
    let url = format!("http://me:{TOKEN}@127.0.0.1:{}/a?key={TOKEN}", server.port);
    let (result, events) = fetch(&fetcher(&scratch), &download(&[url], b"x"));
    assert!(header(&server.seen()[0], "authorization").unwrap().starts_with("Basic bWU6c2Vz"));
    let diagnostic = Diagnostic::from(result.unwrap_err());
    assert!(!format!("{diagnostic:?}{events:?}").contains("sesame"), "{diagnostic:?}");
    assert!(diagnostic.help.unwrap().contains("`token`"));
}

#[test]
fn a_secret_is_not_in_any_error_or_event() {
    let echoes: [fn() -> Reply; 6] = [
        || Reply::new("403 Forbidden", TOKEN.as_bytes()),
        || Reply::new("500 Oh", b"").with(&format!("X-Echo: {TOKEN}")),
        || Reply::redirect(&format!("{TOKEN}:x")),
        || Reply::redirect(&format!("ftp://{TOKEN}/")),
        || Reply::new(&format!("2{TOKEN} {TOKEN}"), b""),
        || Reply::ok(b"x").with(&format!("Content-Length: {TOKEN}")),
    ];
    for echo in echoes {
        let scratch = Scratch::new();
        let server = Server::start(move |_, _| echo());
        let (result, events) = fetch(&fetcher(&scratch), &with_token(&[server.url("/a")], b"y"));
        let error = result.unwrap_err();
        let all = format!("{events:?} {error} {error:?} {:?}", scratch.names("cache"));
        let all = format!("{all} {:?}", Diagnostic::from(error));
        assert!(!all.contains("sesame"), "{all}");
    }
    let scratch = Scratch::new();
    let mut broken = with_token(&["http://127.0.0.1:1/".to_owned()], b"y");
    broken.headers[1].value = Secret::new(format!("{TOKEN}\n"));
    let error = fetch(&fetcher(&scratch), &broken).0.unwrap_err();
    assert!(matches!(&error, FetchError::Header { name, .. } if name == "X-Key"));
    assert!(!format!("{error} {error:?} {broken:?}").contains("sesame"));
}

#[test]
fn a_proxy_is_used_where_it_should_be() {
    let scratch = Scratch::new();
    let proxy = Server::start(|_, _| Reply::ok(b"x"));
    let network = Network {
        http_proxy: Some(Secret::new(format!("http://me:{TOKEN}@127.0.0.1:{}", proxy.port))),
        https_proxy: Some(Secret::new(format!("127.0.0.1:{}", proxy.port))),
        no_proxy: "127.0.0.1".to_owned(),
        ..Network::default()
    };
    let limits = Limits { retry_rounds: 0, ..limits() };
    let fetcher = Fetcher::new(&scratch.join("cache"), Options { limits, network }).unwrap();
    let direct = Server::start(|_, _| Reply::ok(b"y"));
    fetch(&fetcher, &download(&[direct.url("/a")], b"y")).0.unwrap();
    assert_eq!((proxy.seen().len(), direct.seen().len()), (0, 1));
    let url = "http://somewhere.invalid:8080/b?c=d".to_owned();
    assert_eq!(fetch(&fetcher, &download(&[url], b"x")).0.unwrap(), b"x");
    let head = proxy.seen().remove(0);
    assert!(head.starts_with("GET http://somewhere.invalid:8080/b?c=d HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "host"), Some("somewhere.invalid:8080"));
    assert!(header(&head, "proxy-authorization").unwrap().starts_with("Basic bWU6c2Vz"));
    let url = "https://somewhere.invalid/b".to_owned();
    let error = fetch(&fetcher, &download(&[url], b"z")).0.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("sesame"));
    if let Some(head) = proxy.seen().get(1) {
        assert!(head.starts_with("CONNECT somewhere.invalid:443 HTTP/1.1\r\n"), "{head}");
    }
}
