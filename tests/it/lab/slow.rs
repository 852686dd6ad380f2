//! A way to a machine that takes its time: what goes into it comes out a moment later, in both directions. It counts how
//! often whoever asks had to hear something before he asked on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long it takes each way.
pub(super) const DELAY: Duration = Duration::from_millis(50);

pub(super) struct Slow {
    pub(super) address: SocketAddr,
    connections: Arc<Mutex<Vec<Arc<Trips>>>>,
    is_over: Arc<AtomicBool>,
}

/// How far the talk on a connection has come: the longest chain in which each word could only be said after an answer to
/// the one before it was heard. However late a busy machine lets anything happen, a chain does not get shorter; and what is
/// said or heard in several pieces is no more links than it is in one.
#[derive(Default)]
struct Trips {
    /// Of what the machine was told.
    told: AtomicUsize,
    /// Of what was heard from it.
    heard: AtomicUsize,
}

impl Slow {
    /// Opens a way on this machine that leads to an address.
    pub(super) fn to(address: &str) -> Slow {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let slow = Slow {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            is_over: Arc::new(AtomicBool::new(false)),
        };
        let (connections, is_over, address) = (slow.connections.clone(), slow.is_over.clone(), address.to_owned());
        thread::spawn(move || {
            for here in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let trips = Arc::default();
                connections.lock().unwrap().push(Arc::clone(&trips));
                join(here.unwrap(), TcpStream::connect(&address).unwrap(), &trips);
            }
        });
        slow
    }

    /// Returns how many connections there were, and how often somebody heard an answer and then went on, since this was
    /// asked before.
    pub(super) fn counted(&self) -> (usize, usize) {
        let ended = std::mem::take(&mut *self.connections.lock().unwrap());
        (ended.len(), ended.iter().map(|trips| trips.heard.load(Ordering::Relaxed)).sum())
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn join(here: TcpStream, there: TcpStream, trips: &Arc<Trips>) {
    for stream in [&here, &there] {
        stream.set_nodelay(true).unwrap();
    }
    let (asking, asked, answering, answered) = (trips.clone(), trips.clone(), trips.clone(), trips.clone());
    pass(
        here.try_clone().unwrap(),
        there.try_clone().unwrap(),
        move || asking.heard.load(Ordering::SeqCst) + 1,
        move |links| _ = asked.told.fetch_max(links, Ordering::SeqCst),
    );
    pass(
        there,
        here,
        move || answering.told.load(Ordering::SeqCst),
        move |links| _ = answered.heard.fetch_max(links, Ordering::SeqCst),
    );
}

/// A piece on its way.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
    /// How long the chain is of which it is the end.
    links: usize,
}

/// Passes on what comes, each piece when it is due. `take` says how long the chain is of what comes now, `give` hears how
/// long that is of what will be there in a moment.
fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    take: impl Fn() -> usize + Send + 'static,
    give: impl Fn(usize) + Send + 'static,
) {
    let (sender, pieces) = channel();
    thread::spawn(move || {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(count) = from.read(&mut bytes) {
            let piece = Piece { due: Instant::now() + DELAY, bytes: bytes[..count].to_vec(), links: take() };
            // Nothing says that this was the end.
            if sender.send(piece).is_err() || count == 0 {
                return;
            }
        }
    });
    thread::spawn(move || {
        for Piece { due, bytes, links } in pieces {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            // Nobody can answer before it is known what he was told.
            give(links);
            if bytes.is_empty() || to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}
