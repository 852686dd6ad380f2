//! What answers mean, and which are none.

use super::*;
use crate::limits::{ANSWER_HEAD_BYTES_MAX, ANSWER_HEADERS_MAX, INTERIM_ANSWERS_MAX};

/// Hands out bytes a few at a time, which must not make a difference.
struct InPieces<'b>(&'b [u8], usize);

impl Read for InPieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(self.1).min(buffer.len());
        self.0.read(&mut buffer[..count])
    }
}

fn read_as(bytes: &[u8], method: Method, most: usize) -> Result<WebAnswer, WebError> {
    let read = |piece| answer::read("a.test", &mut InPieces(bytes, piece), method, most);
    let (whole, pieces) = (read(usize::MAX), read(1));
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(
            (whole.status, &whole.headers, &*whole.body),
            (pieces.status, &pieces.headers, &*pieces.body),
            "the same in pieces"
        ),
        (Err(whole), Err(pieces)) => assert_eq!(whole, pieces),
        other => panic!("{other:?} of {}", bytes.escape_ascii()),
    }
    whole
}

fn read(bytes: &[u8]) -> Result<WebAnswer, WebError> {
    read_as(bytes, Method::Get, 100)
}

fn fault(bytes: &[u8]) -> ProtocolFault {
    match read(bytes) {
        Err(WebError::Protocol { fault, .. }) => fault,
        other => panic!("{other:?} of {}", bytes.escape_ascii()),
    }
}

fn check(bytes: &str, expected: &str) {
    assert_eq!(short(read(bytes.as_bytes())), expected, "{}", bytes.escape_debug());
}

#[test]
fn bodies_end_where_they_say() {
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more", "200 hi");
    check("HTTP/1.1 200\r\ncontent-length:\t2 \r\n\r\nhi", "200 hi");
    check("HTTP/1.1 200 OK\r\n\r\nall of it", "200 all of it");
    check("HTTP/1.0 500 no\r\nx: y\r\n\r\nold", "500 old");
    check("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", "404 ");
    check(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0A ;x=y\r\n0123456789\r\n000\r\n\r\n",
        "200 abc0123456789",
    );
    check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nEtag: x\r\nb: c\r\n\r\n", "200 ");
    check(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 201 Yes\r\ncontent-length: 1\r\n\r\nx",
        "201 x",
    );
    check("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", "302 ");
}

#[test]
fn some_answers_have_no_body() {
    for status in ["204 No", "304 Same"] {
        check(&format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nhello"), &format!("{} ", &status[..3]));
        check(&format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n"), &format!("{} ", &status[..3]));
    }
    let head = read_as(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", Method::Head, 100).unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.headers, [("content-length".to_owned(), "5000".to_owned())]);
}

#[test]
fn only_what_is_no_secret_comes_out() {
    let text = "HTTP/1.1 200 OK\r\nSet-Cookie: session=1\r\nDATE: today\r\nRetry-After: 3\r\nx-vault-token: y\r\n\
        Content-Type: text/plain\r\ncontent-length: 0\r\nETag: z\r\n\r\n";
    let names: Vec<String> = read(text.as_bytes()).unwrap().headers.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["date", "retry-after", "content-type", "content-length"]);
    assert!(read("HTTP/1.1 200 OK\r\ndate: é\r\n\r\n".as_bytes()).unwrap().headers.is_empty());
}

#[test]
fn what_is_no_answer_of_http() {
    use ProtocolFault::*;
    let cases: &[(&str, ProtocolFault)] = &[
        ("\r\n", Status),
        ("garbage\r\n\r\n", Status),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Status),
        ("HTTP/2 200\r\n\r\n", Status),
        ("HTTP/1.2 200 OK\r\n\r\n", Status),
        ("http/1.1 200 OK\r\n\r\n", Status),
        ("HTTP/1.1  200 OK\r\n\r\n", Status),
        ("HTTP/1.1 20 OK\r\n\r\n", Status),
        ("HTTP/1.1 2000\r\n\r\n", Status),
        ("HTTP/1.1 +20 OK\r\n\r\n", Status),
        ("HTTP/1.1 099 OK\r\n\r\n", Status),
        ("HTTP/1.1 600 OK\r\n\r\n", Status),
        ("HTTP/1.1 101 Go\r\nupgrade: websocket\r\n\r\n", Switch),
        ("\0\0\u{12}\u{4}\0\0\0\0\0\n", Line),
        ("HTTP/1.1 200 OK\n\n", Line),
        ("HTTP/1.1 200 OK\rx\r\n\r\n", Line),
        ("HTTP/1.1 200 OK\r\na: b\rc: d\r\n\r\n", Line),
        ("HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n", Line),
        ("HTTP/1.1 200 OK\r\na: \0\r\n\r\n", Line),
        ("HTTP/1.1 200 OK\r\na: \u{7f}\r\n\r\n", Line),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Header),
        ("HTTP/1.1 200 OK\r\n: x\r\n\r\n", Header),
        ("HTTP/1.1 200 OK\r\na : x\r\n\r\n", Header),
        ("HTTP/1.1 200 OK\r\na: x\r\n folded\r\n\r\n", Header),
        ("HTTP/1.1 200 OK\r\n content-length: 1\r\n\r\n", Header),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx", Lengths),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\nContent-Length: 2\r\n\r\nxy", Lengths),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", Lengths),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n0\r\n\r\n", Lengths),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", Lengths),
        ("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", Lengths),
        ("HTTP/1.1 204 No\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n", Lengths),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\nx", Length),
        ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nx", Length),
        ("HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\nx", Length),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0x1\r\n\r\nx", Length),
        ("HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nx", Length),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nx", Length),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Encoding),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n", Encoding),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding:\r\n\r\n", Encoding),
        ("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n", Encoding),
    ];
    for (text, expected) in cases {
        assert_eq!(fault(text.as_bytes()), *expected, "{}", text.escape_debug());
    }
    let chunked = [
        ("\r\n", Chunk),
        (" 1\r\nx\r\n0\r\n\r\n", Chunk),
        ("0x1\r\nx\r\n0\r\n\r\n", Chunk),
        ("-1\r\nx\r\n0\r\n\r\n", Chunk),
        ("+1\r\nx\r\n0\r\n\r\n", Chunk),
        ("000000001\r\nx\r\n0\r\n\r\n", Chunk),
        ("1\r\nxy\r\n0\r\n\r\n", Chunk),
        ("1\r\nx\r\r\n0\r\n\r\n", Line),
        ("1\nx\r\n0\r\n\r\n", Line),
        ("0\r\nno trailer\r\n\r\n", Header),
    ];
    for (text, expected) in chunked {
        let text = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{text}");
        assert_eq!(fault(text.as_bytes()), expected, "{}", text.escape_debug());
    }
}

#[test]
fn what_ends_too_early() {
    let closed = "`a.test` closed the connection in the middle of the answer";
    check("", "`a.test` closed the connection before the answer began");
    check("HTTP/1.1 200 O", "`a.test` closed the connection before the answer began");
    for text in [
        "",
        "content-length: 3",
        "content-length: 3\r\n\r\nhi",
        "transfer-encoding: chunked\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n3\r\nhi",
        "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
        "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
    ] {
        check(&format!("HTTP/1.1 200 OK\r\n{text}"), closed);
    }
}

#[test]
fn everything_has_an_end() {
    let endless =
        |start: &str, piece: &str| format!("{start}{}", piece.repeat(4 * ANSWER_HEAD_BYTES_MAX / piece.len()));
    let head = "HTTP/1.1 200 OK\r\n";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let cases = [
        (endless("", "x"), ProtocolFault::LongLine),
        (endless(head, "x"), ProtocolFault::LongLine),
        (endless(head, "a: b\r\n"), ProtocolFault::TooMuch),
        (endless(head, &format!("a: {}\r\n", "b".repeat(8000))), ProtocolFault::TooMuch),
        (endless("", "HTTP/1.1 100 Continue\r\n\r\n"), ProtocolFault::Interim),
        (endless("", &format!("HTTP/1.1 100 Continue\r\na: {}\r\n\r\n", "b".repeat(15_000))), ProtocolFault::TooMuch),
        (endless(&format!("{chunked}0\r\n"), "a: b\r\n"), ProtocolFault::TooMuch),
        (endless(chunked, "x"), ProtocolFault::LongLine),
        (endless(chunked, &format!("1;{}\r\nx\r\n", "y".repeat(9000))), ProtocolFault::Frames),
    ];
    for (text, expected) in cases {
        assert_eq!(fault(text.as_bytes()), expected, "{}…", text[..60].escape_debug());
    }
    assert_eq!((ANSWER_HEADERS_MAX, INTERIM_ANSWERS_MAX), (128, 8), "the cases above go beyond them");
}

#[test]
fn a_body_has_at_most_so_many_bytes() {
    let most = "x".repeat(100);
    let framed = [
        ("content-length: 100\r\n\r\n", most.clone()),
        ("x: y\r\n\r\n", most.clone()),
        ("transfer-encoding: chunked\r\n\r\n", format!("40\r\n{}\r\n24\r\n{}\r\n0\r\n\r\n", &most[..64], &most[..36])),
    ];
    for (head, body) in &framed {
        let answer = read(format!("HTTP/1.1 200 OK\r\n{head}{body}").as_bytes()).unwrap();
        assert_eq!(answer.body.len(), 100, "{head}");
    }
    for (head, body) in [
        ("content-length: 101\r\n\r\n", String::new()),
        ("content-length: 999999999999999999\r\n\r\n", String::new()),
        ("x: y\r\n\r\n", format!("{most}x")),
        ("transfer-encoding: chunked\r\n\r\n", "65\r\n".to_owned()),
        ("transfer-encoding: chunked\r\n\r\n", "ffffffff\r\n".to_owned()),
        ("transfer-encoding: chunked\r\n\r\n", format!("64\r\n{most}\r\n1\r\n")),
    ] {
        check(&format!("HTTP/1.1 200 OK\r\n{head}{body}"), "the answer of `a.test` is larger than 100 bytes");
    }
}

#[test]
fn no_bytes_break_it() {
    const PIECES: &[&str] = &[
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 x\r\n\r\n",
        "HTTP/1.0 404\r\n",
        "content-length: 5\r\n",
        "Content-Length: 200\r\n",
        "transfer-encoding: chunked\r\n",
        "date: x\r\n",
        "\r\n",
        "\r\n\r\n",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        "ffffffff\r\n",
        ";",
        ":",
        "hello",
        "\0",
        "\n",
        "\r",
        " ",
        "é",
    ];
    // The steps of Marsaglia's generator, from a fixed beginning.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let (mut answered, mut refused) = (0, 0);
    for round in 0..5_000 {
        let mut bytes = Vec::new();
        for _ in 0..next(12) {
            bytes.extend_from_slice(PIECES[next(PIECES.len())].as_bytes());
        }
        if round % 2 == 0 {
            bytes.splice(0..0, b"HTTP/1.1 200 OK\r\n".iter().copied());
        }
        for _ in 0..next(3) {
            if !bytes.is_empty() {
                let at = next(bytes.len());
                bytes[at] = u8::try_from(next(256)).unwrap();
            }
        }
        let method = Method::ALL[next(Method::ALL.len())];
        match read_as(&bytes, method, 100) {
            Ok(answer) => {
                assert!(answer.body.len() <= 100 && (100..600).contains(&answer.status));
                answered += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(answered > 100 && refused > 100, "{answered} {refused}");
}
