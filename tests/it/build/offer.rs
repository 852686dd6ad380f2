//! What sources are fetched from: a server on the loopback, and archives, byte by byte so that each test sees what is in
//! them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A server for as long as it lives. It closes each connection behind its answer.
pub(super) struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a server answers: a status such as `200 OK`, header lines, a body.
pub(super) type Answer = (&'static str, String, Vec<u8>);

impl Server {
    /// Starts one that answers the head of a request.
    pub(super) fn new(answer: impl Fn(&str) -> Answer + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let (heads, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (kept, stopped) = (Arc::clone(&heads), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // Kept before it is answered, so that whoever has the answer finds it.
                let keep = |head: &str| kept.lock().unwrap_or_else(PoisonError::into_inner).push(head.to_owned());
                let _ = serve(stream, &answer, &keep);
            }
        });
        Server { address, heads, stop, thread: Some(thread) }
    }

    /// Starts one that has a single file.
    pub(super) fn of(path: &'static str, bytes: Vec<u8>) -> Server {
        Server::new(move |head| match head.split(' ').nth(1) == Some(path) {
            true => ("200 OK", String::new(), bytes.clone()),
            false => ("404 Not Found", String::new(), Vec::new()),
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the heads of the requests so far.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request, if one comes.
fn serve(mut stream: TcpStream, answer: &dyn Fn(&str) -> Answer, keep: &dyn Fn(&str)) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 1 << 16 {
        if stream.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    keep(&head);
    let (status, headers, body) = answer(&head);
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n")?;
    stream.write_all(&body)
}

/// One thing in an archive.
#[derive(Clone, Copy)]
pub(super) enum Item<'i> {
    File(&'i str, u32, &'i [u8]),
    Link(&'i str, &'i str),
    Directory(&'i str),
}

impl<'i> Item<'i> {
    fn name(&self) -> &'i str {
        match *self {
            Item::File(name, ..) | Item::Link(name, _) | Item::Directory(name) => name,
        }
    }

    /// Returns the mode with the kind of file in it, as zip archives keep it.
    fn mode(&self) -> u32 {
        match *self {
            Item::File(_, mode, _) => 0o100_000 | mode,
            Item::Link(..) => 0o120_777,
            Item::Directory(_) => 0o040_755,
        }
    }
}

/// Makes a tar archive.
pub(super) fn tar(items: &[Item<'_>]) -> Vec<u8> {
    let mut archive = Vec::new();
    for item in items {
        let (kind, target, content): (u8, &str, &[u8]) = match *item {
            Item::File(_, _, content) => (b'0', "", content),
            Item::Link(_, target) => (b'2', target, &[]),
            Item::Directory(_) => (b'5', "", &[]),
        };
        let mut header = [0; 512];
        let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
        put(0, item.name().as_bytes());
        put(100, format!("{:07o}", item.mode() & 0o7777).as_bytes());
        put(108, b"0001750\x000001750");
        put(124, format!("{:011o}", content.len()).as_bytes());
        put(136, b"14000000000");
        put(148, b"        ");
        put(156, &[kind]);
        put(157, target.as_bytes());
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// Packs bytes as gzip does, without making them less.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let blocks = bytes.chunks(0xffff).collect::<Vec<_>>();
    for (index, block) in blocks.iter().enumerate() {
        let length = u16::try_from(block.len()).expect("a block is short");
        packed.push(u8::from(index + 1 == blocks.len()));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend_from_slice(block);
    }
    packed.extend(crc(bytes).to_le_bytes());
    packed.extend(short(bytes).to_le_bytes());
    packed
}

/// Makes a zip archive, without making anything less.
pub(super) fn zip(items: &[Item<'_>]) -> Vec<u8> {
    let (mut archive, mut central, mut count) = (Vec::new(), Vec::new(), 0_u16);
    for item in items {
        let content: &[u8] = match *item {
            Item::File(_, _, content) => content,
            Item::Link(_, target) => target.as_bytes(),
            Item::Directory(_) => &[],
        };
        let offset = short(&archive);
        let name = item.name().as_bytes();
        // Needed version, flags, method, time, date; then digest, sizes, lengths of name and more.
        let mut shared = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        shared.extend(crc(content).to_le_bytes());
        shared.extend(short(content).to_le_bytes());
        shared.extend(short(content).to_le_bytes());
        shared.extend(u16::try_from(name.len()).expect("a name is short").to_le_bytes());
        shared.extend([0, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend_from_slice(&shared);
        archive.extend_from_slice(name);
        archive.extend_from_slice(content);
        central.extend(b"PK\x01\x02\x14\x03");
        central.extend_from_slice(&shared);
        central.extend([0; 6]);
        central.extend((item.mode() << 16).to_le_bytes());
        central.extend(offset.to_le_bytes());
        central.extend_from_slice(name);
        count += 1;
    }
    let (start, size) = (short(&archive), short(&central));
    archive.extend(central);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(size.to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0, 0]);
    archive
}

fn short(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("archives of tests are small")
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0_u32, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 * (sum & 1))))
}
