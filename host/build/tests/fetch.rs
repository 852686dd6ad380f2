//! Fetching from servers on the loopback: what is taken, what is refused, what is tried again, and who is told what.

#![cfg(test)]

mod fetching;

use fetching::fetch::{download, expected, failure, fetch, fetcher, limits, read};
use fetching::{Reply, Scratch, Server, header};
use punix_build::fetch::{Download, Event, Expected, Failure, FetchError, Fetcher, Limits, Network, Options};
use punix_diag::{Code, Diagnostic};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static NEVER: AtomicBool = AtomicBool::new(false);

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|number| (number % 251) as u8).collect()
}

#[test]
fn a_file_is_fetched_once_and_then_nobody_is_asked() {
    let scratch = Scratch::new();
    let whole = content(300_000);
    let server = Server::start({
        let whole = whole.clone();
        move |_, _| Reply::ok(&whole)
    });
    let fetcher = fetcher(&scratch);
    let download = download(&[server.url("/a.tar.gz")], &whole);
    let (result, events) = fetch(&fetcher, &download);
    assert_eq!(result.unwrap(), whole);
    assert_eq!(events[0], format!("Trying {{ url: Url({}) }}", server.url("/a.tar.gz")));
    assert!(events.contains(&"Progress { done: 300000, total: Some(300000) }".to_owned()), "{events:?}");
    let name = format!("sha256-{}", download.expected.hex());
    assert_eq!(scratch.names("cache"), [&*name]);
    assert_eq!(fs::metadata(scratch.join("cache").join(&name)).unwrap().permissions().mode() & 0o7777, 0o644);
    let head = server.seen().remove(0);
    assert!(head.starts_with("GET /a.tar.gz HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "user-agent").unwrap(), concat!("punix/", env!("CARGO_PKG_VERSION")));
    assert_eq!(header(&head, "accept-encoding"), Some("identity"));
    assert_eq!(header(&head, "range"), None);

    let (result, events) = fetch(&fetcher, &download);
    assert_eq!(result.unwrap(), whole);
    assert_eq!(events, ["Cached"]);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_file_of_the_cache_that_was_changed_is_not_used() {
    let scratch = Scratch::new();
    let server = Server::start(|_, _| Reply::ok(b"right"));
    let (fetcher, download) = (fetcher(&scratch), download(&[server.url("/a")], b"right"));
    let home = scratch.join("cache").join(format!("sha256-{}", download.expected.hex()));
    let spoil: [&dyn Fn(); 3] = [
        &|| fs::write(&home, "wrong").unwrap(),
        &|| {
            fs::write(scratch.join("elsewhere"), "right").unwrap();
            std::os::unix::fs::symlink(scratch.join("elsewhere"), &home).unwrap();
        },
        &|| rustix::fs::mkfifoat(rustix::fs::CWD, &home, rustix::fs::Mode::RUSR).unwrap(),
    ];
    for (number, spoil) in spoil.iter().enumerate() {
        spoil();
        assert_eq!(fetch(&fetcher, &download).0.unwrap(), b"right");
        assert_eq!(fs::read(&home).unwrap(), b"right");
        assert!(fs::symlink_metadata(&home).unwrap().is_file());
        assert_eq!(server.seen().len(), number + 1);
        fs::remove_file(&home).unwrap();
    }
}

#[test]
fn what_is_not_there_is_asked_of_the_next_url() {
    let scratch = Scratch::new();
    for status in ["404 Not Found", "403 Forbidden", "401 Unauthorized", "410 Gone"] {
        let first = Server::start(move |_, _| Reply::new(status, b"sorry"));
        let second = Server::start(|_, _| Reply::ok(b"here"));
        let download = download(&[first.url("/a"), second.url("/b")], b"here");
        assert_eq!(fetch(&fetcher(&scratch), &download).0.unwrap(), b"here");
        assert_eq!((first.seen().len(), second.seen().len()), (1, 1));
        fs::remove_dir_all(scratch.join("cache")).unwrap();
    }
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let scratch = Scratch::new();
    let server = Server::start(|_, number| match number {
        1 => Reply::new("500 Internal Server Error", b""),
        2 => Reply::new("429 Too Many Requests", b"").with("Retry-After: 0"),
        _ => Reply::ok(b"at last"),
    });
    let (result, events) = fetch(&fetcher(&scratch), &download(&[server.url("/a")], b"at last"));
    assert_eq!(result.unwrap(), b"at last");
    let retries: Vec<&String> = events.iter().filter(|event| event.starts_with("Retrying")).collect();
    assert_eq!(retries.len(), 2);
    assert!(retries[0].contains("why: \"the server answered 500 (an error of its own)\""), "{retries:?}");
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn a_server_that_stays_in_trouble_is_given_up() {
    let scratch = Scratch::new();
    let server = Server::start(|_, _| Reply::new("503 Service Unavailable", b""));
    let gone = Server::start(|_, _| Reply::new("404 Not Found", b""));
    let (result, _) = fetch(&fetcher(&scratch), &download(&[server.url("/a"), gone.url("/b?key=value")], b"x"));
    assert_eq!((server.seen().len(), gone.seen().len()), (4, 1));
    assert_eq!(scratch.names("cache"), [""; 0]);
    let diagnostic = Diagnostic::from(result.unwrap_err());
    assert_eq!(diagnostic.code, Some(Code::E9));
    assert_eq!(diagnostic.message, "none of 2 urls gives the file");
    let notes: Vec<&str> = diagnostic.notes.iter().map(|note| &*note.message).collect();
    let first = format!("`{}`: the server answered 503 (not available now)", server.url("/a"));
    let second = format!("`{}`: the server answered 404 (not found)", gone.url("/b?key=.."));
    assert_eq!(notes, [first, second]);
}

#[test]
fn a_server_that_asks_for_a_pause_gets_it() {
    let scratch = Scratch::new();
    let server = Server::start(|_, number| match number {
        1 => Reply::new("503 Service Unavailable", b"").with("Retry-After: 1"),
        _ => Reply::ok(b"x"),
    });
    let start = Instant::now();
    fetch(&fetcher(&scratch), &download(&[server.url("/a")], b"x")).0.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_download_that_breaks_off_is_continued() {
    let scratch = Scratch::new();
    let whole = content(500_000);
    let server = Server::start({
        let whole = whole.clone();
        move |_, number| match number {
            1 => Reply::ok(&whole).with("ETag: \"v1\"").cut(200_000),
            _ => Reply::rest(&whole, 200_000).with("ETag: \"v1\""),
        }
    });
    let (result, _) = fetch(&fetcher(&scratch), &download(&[server.url("/a")], &whole));
    assert_eq!(result.unwrap(), whole);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(header(&seen[0], "range"), None);
    assert_eq!(header(&seen[1], "range"), Some("bytes=200000-"));
    assert_eq!(header(&seen[1], "if-range"), Some("\"v1\""));
}

#[test]
fn a_download_is_continued_by_another_process_and_at_another_url() {
    let scratch = Scratch::new();
    let whole = content(100_000);
    let broken = Server::start({
        let whole = whole.clone();
        move |_, _| Reply::ok(&whole).cut(60_000)
    });
    let patient = Options { limits: Limits { retry_rounds: 0, ..limits() }, network: Network::default() };
    let first = Fetcher::new(&scratch.join("cache"), patient).unwrap();
    let (result, _) = fetch(&first, &download(&[broken.url("/a")], &whole));
    assert!(matches!(failure(result), Failure::Connection { .. }));
    let wanted = expected(&whole);
    assert_eq!(scratch.names("cache"), [format!("sha256-{}.part", wanted.hex())]);
    let server = Server::start({
        let whole = whole.clone();
        move |_, _| Reply::rest(&whole, 60_000)
    });
    assert_eq!(fetch(&fetcher(&scratch), &download(&[server.url("/b")], &whole)).0.unwrap(), whole);
    assert_eq!(header(&server.seen()[0], "range"), Some("bytes=60000-"));
    assert_eq!(header(&server.seen()[0], "if-range"), None);
    assert_eq!(scratch.names("cache"), [format!("sha256-{}", wanted.hex())]);
}

/// Leaves the beginning of a download in the cache.
fn leave(scratch: &Scratch, whole: &[u8], partial: &[u8]) {
    fs::create_dir_all(scratch.join("cache")).unwrap();
    fs::write(scratch.join("cache").join(format!("sha256-{}.part", expected(whole).hex())), partial).unwrap();
}

/// Makes a reply of the whole file and the range that is asked for.
type Answer = fn(&[u8], &str) -> Reply;

#[test]
fn a_server_that_does_not_continue_begins_again() {
    let whole = content(50_000);
    let replies: [(&str, Answer, usize); 4] = [
        ("it ignores the range", |whole, _| Reply::ok(whole), 1),
        (
            "nothing is there",
            |whole, range| {
                if range.is_empty() { Reply::ok(whole) } else { Reply::new("416 Range Not Satisfiable", b"") }
            },
            2,
        ),
        (
            "it continues elsewhere",
            |whole, range| if range.is_empty() { Reply::ok(whole) } else { Reply::rest(whole, 9) },
            2,
        ),
        (
            "it says no range",
            |whole, range| if range.is_empty() { Reply::ok(whole) } else { Reply::new("206 Partial Content", whole) },
            2,
        ),
    ];
    for (name, reply, requests) in replies {
        let scratch = Scratch::new();
        leave(&scratch, &whole, &whole[..1000]);
        let server = Server::start({
            let whole = whole.clone();
            move |head, _| reply(&whole, header(head, "range").unwrap_or_default())
        });
        let (result, _) = fetch(&fetcher(&scratch), &download(&[server.url("/a")], &whole));
        assert_eq!(result.unwrap(), whole, "{name}");
        assert_eq!(server.seen().len(), requests, "{name}: {:?}", server.seen());
    }
}

#[test]
fn a_wrong_beginning_costs_one_more_download() {
    let scratch = Scratch::new();
    let whole = content(50_000);
    leave(&scratch, &whole, &[b'x'; 1000]);
    let server = Server::start({
        let whole = whole.clone();
        move |head, _| if header(head, "range").is_some() { Reply::rest(&whole, 1000) } else { Reply::ok(&whole) }
    });
    assert_eq!(fetch(&fetcher(&scratch), &download(&[server.url("/a")], &whole)).0.unwrap(), whole);
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_whole_file_that_was_not_put_into_place_is_used() {
    let scratch = Scratch::new();
    leave(&scratch, b"all of it", b"all of it");
    let server = Server::start(|_, _| Reply::new("404 Not Found", b""));
    assert_eq!(fetch(&fetcher(&scratch), &download(&[server.url("/a")], b"all of it")).0.unwrap(), b"all of it");
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn a_server_that_stalls_is_given_up() {
    let scratch = Scratch::new();
    let stall = Duration::from_millis(100);
    let limits = Limits { stall, retry_rounds: 0, ..limits() };
    let fetcher = Fetcher::new(&scratch.join("cache"), Options { limits, network: Network::default() }).unwrap();
    let in_body = Server::start(|_, _| Reply::ok(b"0123456789").cut(5).hanging());
    let (result, _) = fetch(&fetcher, &download(&[in_body.url("/a")], b"x"));
    assert!(matches!(failure(result), Failure::Stalled { .. }));
    let in_head = Server::serving(|mut stream, _| {
        let _ = stream.read(&mut [0; 1000]);
        let _ = stream.read(&mut [0]);
    });
    let (result, _) = fetch(&fetcher, &download(&[in_head.url("/a")], b"x"));
    assert!(matches!(failure(result), Failure::Stalled { .. }));
}

#[test]
fn a_download_has_a_deadline() {
    let scratch = Scratch::new();
    let limits = Limits { total: Duration::from_millis(200), ..limits() };
    let fetcher = Fetcher::new(&scratch.join("cache"), Options { limits, network: Network::default() }).unwrap();
    let server = Server::start(|_, _| Reply::ok(b"0123456789").cut(5).hanging());
    let start = Instant::now();
    let (result, _) = fetch(&fetcher, &download(&[server.url("/a")], b"x"));
    assert!(matches!(failure(result), Failure::TimedOut { .. }));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_download_stops_when_it_is_asked_to() {
    let scratch = Scratch::new();
    let server = Server::start(|_, _| Reply::ok(b"0123456789").cut(5).hanging());
    let (fetcher, download) = (fetcher(&scratch), download(&[server.url("/a")], b"0123456789"));
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    // The first report comes when the answer does.
    let told = |event: Event<'_>| {
        if matches!(event, Event::Progress { .. }) {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let result = fetcher.fetch(&download, &told, &stop);
    assert!(matches!(result, Err(FetchError::Stopped)));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_is_too_large_is_refused() {
    let scratch = Scratch::new();
    let announced = Server::start(|_, _| Reply::ok(&[b'x'; 2000]).hanging());
    let counted = Server::start(|_, _| Reply::ok(&[b'x'; 2000]).endless());
    for server in [&announced, &counted] {
        let wanted = Download { bytes_max: Some(1999), ..download(&[server.url("/a")], &[b'x'; 2000]) };
        let (result, _) = fetch(&fetcher(&scratch), &wanted);
        assert!(matches!(failure(result), Failure::TooLarge { bytes_max: 1999 }));
        assert_eq!(server.seen().len(), 1);
        assert_eq!(scratch.names("cache"), [""; 0]);
    }
    let allowed = Download { bytes_max: Some(2000), ..download(&[counted.url("/a")], &[b'x'; 2000]) };
    assert_eq!(fetch(&fetcher(&scratch), &allowed).0.unwrap().len(), 2000);
    let less = Download { bytes_max: Some(1999), ..allowed };
    assert!(matches!(fetch(&fetcher(&scratch), &less).0, Err(FetchError::TooLarge { bytes: 2000, bytes_max: 1999 })));
}

#[test]
fn a_head_without_end_is_refused() {
    let scratch = Scratch::new();
    let server = Server::start(|_, _| Reply::ok(b"x").with(&format!("X: {}", "y".repeat(100_000))));
    let (result, _) = fetch(&fetcher(&scratch), &download(&[server.url("/a")], b"x"));
    assert!(matches!(failure(result), Failure::HeadTooLarge));
}

#[test]
fn a_wrong_file_is_not_taken() {
    let scratch = Scratch::new();
    let server = Server::start(|_, _| Reply::ok(b"wrong"));
    let other = Server::start(|_, _| Reply::new("404 Not Found", b""));
    let wanted = download(&[server.url("/a"), other.url("/b")], b"right");
    let (result, _) = fetch(&fetcher(&scratch), &wanted);
    assert_eq!((server.seen().len(), other.seen().len()), (1, 1));
    assert_eq!(scratch.names("cache"), [""; 0]);
    let diagnostic = Diagnostic::from(result.unwrap_err());
    assert_eq!(diagnostic.code, Some(Code::E10));
    assert_eq!(diagnostic.message, format!("what `{}` gives is not what its hash says", server.url("/a")));
    let notes: Vec<&str> = diagnostic.notes.iter().map(|note| &*note.message).collect();
    let found = expected(b"wrong");
    let lines = [
        format!("expected sha256: `{}`", wanted.expected.hex()),
        format!("found sha256: `{}`", found.hex()),
        format!("`{}`: the server answered 404 (not found)", other.url("/b")),
    ];
    assert_eq!(notes, lines);
    let right = Server::start(|_, _| Reply::ok(b"right"));
    let wanted = download(&[server.url("/a"), right.url("/b")], b"right");
    assert_eq!(fetch(&fetcher(&scratch), &wanted).0.unwrap(), b"right");
}

#[test]
fn a_file_of_this_machine_must_be_what_its_hash_says_too() {
    let scratch = Scratch::new();
    let path = scratch.join("a b");
    fs::write(&path, "content").unwrap();
    let url = format!("file://{}/a%20b", scratch.path().display());
    assert_eq!(fetch(&fetcher(&scratch), &download(std::slice::from_ref(&url), b"content")).0.unwrap(), b"content");
    let (result, _) = fetch(&fetcher(&scratch), &download(std::slice::from_ref(&url), b"other"));
    assert_eq!(Diagnostic::from(result.unwrap_err()).code, Some(Code::E10));
    let small = Download { bytes_max: Some(3), ..download(&[url], b"other") };
    assert!(matches!(failure(fetch(&fetcher(&scratch), &small).0), Failure::TooLarge { .. }));
}

#[test]
fn what_is_no_regular_file_is_not_waited_for() {
    let scratch = Scratch::new();
    let fifo = scratch.join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    for path in [fifo.as_path(), std::path::Path::new("/dev/zero"), scratch.path()] {
        let (result, _) = fetch(&fetcher(&scratch), &download(&[format!("file://{}", path.display())], b"x"));
        assert!(matches!(failure(result), Failure::NotAFile), "{}", path.display());
    }
    let (result, _) = fetch(&fetcher(&scratch), &download(&["file:///nowhere/at/all".to_owned()], b"x"));
    assert!(matches!(failure(result), Failure::File(_)));
}

#[test]
fn several_threads_fetch_one_file_once() {
    let scratch = Scratch::new();
    let whole = content(2_000_000);
    let server = Server::start({
        let whole = whole.clone();
        move |_, _| Reply::ok(&whole)
    });
    let download = download(&[server.url("/a")], &whole);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| fetch(&fetcher(&scratch), &download).0.unwrap())).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), whole);
        }
    });
    assert_eq!(server.seen().len(), 1);
    assert_eq!(scratch.names("cache").len(), 1);
}

const CHILD: &str = "PUNIX_FETCH_TEST_CHILD";

#[test]
fn several_processes_fetch_one_file_once() {
    let scratch = Scratch::new();
    let whole = content(2_000_000);
    let server = Server::start({
        let whole = whole.clone();
        move |_, _| Reply::ok(&whole)
    });
    let task = format!("{}\n{}\n{}", scratch.join("cache").display(), server.url("/a"), expected(&whole).hex());
    let start = || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--test-threads=1"])
            .env(CHILD, &task)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let children = [(); 4].map(|()| start());
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(server.seen().len(), 1);
    assert_eq!(scratch.names("cache").len(), 1);
}

/// The other process. Does nothing when it is run as a test.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let [cache, url, hex] = task.lines().collect::<Vec<_>>().try_into().unwrap();
    let options = Options { limits: limits(), network: Network::default() };
    let fetcher = Fetcher::new(std::path::Path::new(cache), options).unwrap();
    let wanted = Download { expected: Expected::parse("sha256", hex).unwrap(), ..download(&[url.to_owned()], b"") };
    assert_eq!(fetch(&fetcher, &wanted).0.unwrap(), content(2_000_000));
}

#[test]
fn old_partial_downloads_are_swept() {
    let scratch = Scratch::new();
    leave(&scratch, b"old", b"o");
    leave(&scratch, b"new", b"n");
    let old = scratch.join("cache").join(format!("sha256-{}.part", expected(b"old").hex()));
    let then = std::time::SystemTime::now() - Duration::from_secs(8 * 24 * 3600);
    File::options().write(true).open(&old).unwrap().set_modified(then).unwrap();
    fs::write(scratch.join("cache").join("mine.part"), "").unwrap();
    fetcher(&scratch);
    assert_eq!(scratch.names("cache"), ["mine.part".to_owned(), format!("sha256-{}.part", expected(b"new").hex())]);
}

#[test]
fn a_returned_file_stays_what_it_is() {
    let scratch = Scratch::new();
    let server = Server::start(|_, _| Reply::ok(b"right"));
    let (fetcher, download) = (fetcher(&scratch), download(&[server.url("/a")], b"right"));
    let file = fetcher.fetch(&download, &|_| {}, &NEVER).unwrap();
    let home = scratch.join("cache").join(format!("sha256-{}", download.expected.hex()));
    assert_eq!(file.metadata().unwrap().ino(), fs::metadata(&home).unwrap().ino());
    let written = rustix::io::write(&file, b"x");
    assert!(written.is_err(), "it is open for writing");
    fs::remove_file(&home).unwrap();
    assert_eq!(read(file), b"right");
}
