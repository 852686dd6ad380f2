//! Connections: which are made, and what servers do with them.

use super::server::read_request;
use super::*;

#[test]
fn a_request_and_its_answer() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ndate: now\r\n\r\nhi");
    let url = url(&format!("http://web.test:{}/a?b", server.port));
    let headers = vec![("x-token".to_owned(), Secret::new(b"secret".to_vec()))];
    let request = WebRequest { method: Method::Post, headers, body: Some(b"body"), ..get(&url) };
    let answer = client().exchange(&request).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hi"[..]));
    assert_eq!(answer.headers.len(), 2);
    let [seen] = server.seen().try_into().unwrap();
    let seen = String::from_utf8(seen).unwrap();
    assert!(seen.starts_with(&format!("POST /a?b HTTP/1.1\r\nhost: web.test:{}\r\n", server.port)), "{seen}");
    assert!(seen.contains("\r\nx-token: secret\r\n") && seen.ends_with("\r\n\r\nbody"), "{seen}");
}

#[test]
fn a_redirection_is_an_answer() {
    let server = Server::answering(b"HTTP/1.1 302 Found\r\nlocation: http://web.test:1/\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(ask(&server, PATIENCE), "302 ");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_failure_of_the_server_is_an_answer() {
    let server = Server::answering(b"HTTP/1.1 500 Oh\r\n\r\nsorry");
    assert_eq!(ask(&server, PATIENCE), "500 sorry");
}

#[test]
fn whoever_closes_at_once() {
    let server = Server::serving(|stream, _| drop(stream));
    let said = ask(&server, PATIENCE);
    assert!(said.contains("connection") && said.contains("web.test"), "{said}");
    let silent = Server::answering(b"");
    assert_eq!(ask(&silent, PATIENCE), "`web.test` closed the connection before the answer began");
}

#[test]
fn whoever_takes_no_connections() {
    let server = Server::serving(|_, _| panic!("nobody is asked here"));
    let port = server.port;
    // Servers of tests are at one address of the loopback; nobody is at another.
    let names = Told { names: vec![("web.test", addresses(&["127.0.0.3"]))], ..Told::default() };
    let error = with_names(names).exchange(&get(&url(&format!("http://web.test:{port}/")))).unwrap_err();
    assert_eq!(error, WebError::Connect { host: "web.test".to_owned(), port, kind: io::ErrorKind::ConnectionRefused });
    assert_eq!(error.to_string(), format!("nobody takes connections at port {port} of `web.test`: connection refused"));
}

/// Sends a piece again and again, slowly, until the other end has gone.
fn dripping(start: &'static [u8], piece: &'static [u8]) -> Server {
    Server::serving(move |mut stream, _| {
        read_request(&mut stream);
        let _ = stream.write_all(start);
        while stream.write_all(piece).is_ok() {
            std::thread::sleep(Duration::from_millis(2));
        }
    })
}

#[test]
fn a_byte_now_and_then_buys_no_time() {
    let cases: [(&[u8], &[u8], &str); 3] = [
        (b"HTTP/1.1 200 OK", b" ", "`web.test` took too long: time was up before the answer began"),
        (b"HTTP/1.1 200 OK\r\na: ", b"b", "`web.test` took too long: time was up in the middle of the answer"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n",
            b"x",
            "`web.test` took too long: time was up in the middle of the answer",
        ),
    ];
    for (start, piece, expected) in cases {
        let server = dripping(start, piece);
        let began = Instant::now();
        assert_eq!(ask(&server, SHORT), expected, "{}", start.escape_ascii());
        assert!(began.elapsed() < PATIENCE / 2);
    }
}

#[test]
fn whoever_says_nothing() {
    let server = Server::serving(|mut stream, _| {
        read_request(&mut stream);
        // Until the other end has gone.
        let _ = stream.read(&mut [0]);
    });
    assert_eq!(ask(&server, SHORT), "`web.test` took too long: time was up before the answer began");
}

#[test]
fn a_body_that_never_ends_is_cut() {
    let server = Server::serving(|mut stream, _| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 10_000]).is_ok() {}
    });
    assert_eq!(ask(&server, PATIENCE), "the answer of `web.test` is larger than 100000 bytes");
}

#[test]
fn a_server_that_does_not_read_gets_no_more_time() {
    let (over, wait) = std::sync::mpsc::channel::<()>();
    let server = Server::serving(move |stream, _| {
        let _ = wait.recv();
        drop(stream);
    });
    let url = url(&format!("http://web.test:{}/", server.port));
    let body = vec![b'x'; 32 << 20];
    let request = WebRequest { method: Method::Put, body: Some(&body), deadline: Instant::now() + SHORT, ..get(&url) };
    let error = client().exchange(&request).unwrap_err();
    drop(over);
    assert_eq!(error, WebError::Late { host: "web.test".to_owned(), doing: Doing::Asking });
}

#[test]
fn an_early_answer_is_worth_more_than_the_rest_of_the_request() {
    /// Takes so many bytes and breaks; what it has to say can still be read.
    struct Breaking(usize, &'static [u8]);
    impl Write for Breaking {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.0);
            self.0 -= count;
            if count == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(count) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Read for Breaking {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1.read(buffer)
        }
    }
    let url = url("http://web.test/");
    let request = WebRequest { method: Method::Put, body: Some(b"body"), ..get(&url) };
    let answer = b"HTTP/1.1 413 Large\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(short(talk(&mut Breaking(30, answer), &request)), "413 ");
    let broken = "the connection to `web.test` broke while the request was sent: broken pipe";
    assert_eq!(short(talk(&mut Breaking(30, b""), &request)), broken);
}

#[test]
fn all_addresses_of_a_name_are_judged() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let url = url(&format!("http://web.test:{}/", server.port));
    let outcome = |found: &[&str], private: bool| {
        let names = Told { names: vec![("web.test", addresses(found))], ..Told::default() };
        short(with_names(names).exchange(&WebRequest { private, ..get(&url) }))
    };
    assert_eq!(outcome(&["127.0.0.1"], true), "200 ");
    assert_eq!(
        outcome(&["127.0.0.1"], false),
        "`web.test` is not asked: `127.0.0.1` is an address of this machine, which takes `private = true` in the grant"
    );
    assert_eq!(
        outcome(&["127.0.0.1", "169.254.169.254"], true),
        "`web.test` is not asked: `169.254.169.254` is a link-local address"
    );
    assert_eq!(
        outcome(&["8.8.8.8", "::ffff:10.0.0.1"], false),
        "`web.test` is not asked: `::ffff:10.0.0.1` is an address of a private network, which takes `private = true` in \
         the grant"
    );
    assert_eq!(
        outcome(&["192.0.2.1", "127.0.0.1"], true),
        "`web.test` is not asked: `192.0.2.1` is an address that is set aside"
    );
    assert_eq!(outcome(&[], true), "`web.test` has no address");
    assert_eq!(server.seen().len(), 1, "the others were told nothing");
}

#[test]
fn a_name_is_looked_up_once() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let told = Arc::new(Told {
        names: vec![("web.test", addresses(&["127.0.0.1"]))],
        later: addresses(&["169.254.169.254"]),
        ..Told::default()
    });
    let client = ThisMachinesWeb::new(BTreeMap::new()).with_names(Arc::clone(&told) as Arc<dyn Names>);
    let url = url(&format!("http://web.test:{}/", server.port));
    assert_eq!(short(client.exchange(&get(&url))), "200 ");
    assert_eq!(told.asked.load(Ordering::Relaxed), 1);
    assert!(short(client.exchange(&get(&url))).contains("169.254.169.254"), "the name was turned elsewhere");
}

#[test]
fn the_next_address_is_tried() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    // Nobody listens on another address of the loopback.
    let names = Told { names: vec![("web.test", addresses(&["127.0.0.2", "127.0.0.1"]))], ..Told::default() };
    let url = url(&format!("http://web.test:{}/", server.port));
    assert_eq!(short(with_names(names).exchange(&get(&url))), "200 ");
}

#[test]
fn an_address_in_the_url_is_the_one_that_was_granted() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let outcome = |host: &str| {
        let url = url(&format!("http://{host}:{}/", server.port));
        short(with_names(Told::default()).exchange(&WebRequest { private: false, ..get(&url) }))
    };
    assert_eq!(outcome("127.0.0.1"), "200 ");
    assert_eq!(outcome("169.254.169.254"), "`169.254.169.254` is not asked: `169.254.169.254` is a link-local address");
    assert_eq!(outcome("[fe80::1]"), "`[fe80::1]` is not asked: `fe80::1` is a link-local address");
    assert_eq!(outcome("0.0.0.0"), "`0.0.0.0` is not asked: `0.0.0.0` is no address of a server");
}

#[test]
fn names_that_are_not_found() {
    struct Failing(NamesError);
    impl Names for Failing {
        fn addresses(&self, _: &str, _: Instant) -> Result<Vec<IpAddr>, NamesError> {
            Err(self.0)
        }
    }
    use punix_model::Class;
    for (cause, class) in [
        (NamesError::Unknown, Class::Permanent),
        (NamesError::Unanswered, Class::Transient),
        (NamesError::Late, Class::Transient),
        (NamesError::TooMany, Class::Permanent),
    ] {
        let client = ThisMachinesWeb::new(BTreeMap::new()).with_names(Arc::new(Failing(cause)));
        let error = client.exchange(&get(&url("http://web.test/"))).unwrap_err();
        assert_eq!((error.class(), error.code()), (class, "http.name"));
    }
}
