//! A server on the loopback that does to each connection what it is told, well-behaved or not.

use super::*;
use std::net::{Shutdown, TcpListener};
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

pub(super) struct Server {
    pub(super) port: u16,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves one connection after the other.
    pub(super) fn serving(serve: impl Fn(TcpStream, &Mutex<Vec<Vec<u8>>>) + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (kept, stop) = (Arc::clone(&seen), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_write_timeout(Some(PATIENCE)).unwrap();
                serve(stream, &kept);
            }
        });
        Server { port, seen, over, thread: Some(thread) }
    }

    /// Reads a request, then writes some bytes and closes.
    pub(super) fn answering(bytes: &'static [u8]) -> Server {
        Server::serving(move |mut stream, seen| {
            let request = read_request(&mut stream);
            seen.lock().unwrap().push(request);
            let _ = stream.write_all(bytes);
            close(&stream);
        })
    }

    /// Returns every request that was read.
    pub(super) fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let served = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || matches!(served, Some(Ok(()))), "the server of a test panicked");
    }
}

/// Ends a connection so that nothing which was sent is lost.
pub(super) fn close(mut stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = io::copy(&mut stream, &mut io::sink());
}

/// Reads a request with its body; what there is of it, if it ends early.
pub(super) fn read_request(stream: &mut impl Read) -> Vec<u8> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
        request.extend_from_slice(&byte);
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if stream.read_exact(&mut body).is_ok() {
        request.extend_from_slice(&body);
    }
    request
}
