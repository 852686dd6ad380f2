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
    counts: Arc<Counts>,
    is_over: Arc<AtomicBool>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    turns: AtomicUsize,
    turn: Mutex<Turn>,
}

#[derive(Default)]
struct Turn {
    /// Whether something was heard since something was said.
    has_heard: bool,
    /// When the last one was counted.
    counted: Option<Instant>,
}

impl Slow {
    /// Opens a way on this machine that leads to an address.
    pub(super) fn to(address: &str) -> Slow {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let slow = Slow {
            address: listener.local_addr().unwrap(),
            counts: Arc::default(),
            is_over: Arc::new(AtomicBool::new(false)),
        };
        let (counts, is_over, address) = (slow.counts.clone(), slow.is_over.clone(), address.to_owned());
        thread::spawn(move || {
            for here in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                counts.connections.fetch_add(1, Ordering::Relaxed);
                join(here.unwrap(), TcpStream::connect(&address).unwrap(), &counts);
            }
        });
        slow
    }

    /// Returns how many connections there were, and how often somebody heard something and then went on, since this was
    /// asked before.
    pub(super) fn counted(&self) -> (usize, usize) {
        *self.counts.turn.lock().unwrap() = Turn::default();
        (self.counts.connections.swap(0, Ordering::Relaxed), self.counts.turns.swap(0, Ordering::Relaxed))
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

impl Counts {
    fn heard(&self) {
        self.turn.lock().unwrap().has_heard = true;
    }

    fn said(&self) {
        let mut turn = self.turn.lock().unwrap();
        // What comes sooner after the last one cannot be an answer to it: several things are said and heard at once.
        let may_answer = turn.counted.is_none_or(|last| last.elapsed() >= DELAY.mul_f64(1.9));
        if std::mem::take(&mut turn.has_heard) && may_answer {
            turn.counted = Some(Instant::now());
            self.turns.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn join(here: TcpStream, there: TcpStream, counts: &Arc<Counts>) {
    for stream in [&here, &there] {
        stream.set_nodelay(true).unwrap();
    }
    let (asked, answered) = (counts.clone(), counts.clone());
    pass(here.try_clone().unwrap(), there.try_clone().unwrap(), move || asked.said(), || {});
    pass(there, here, || {}, move || answered.heard());
}

/// Passes on what comes, each piece when it is due. `took` and `gave` are told of each.
fn pass(mut from: TcpStream, mut to: TcpStream, took: impl Fn() + Send + 'static, gave: impl Fn() + Send + 'static) {
    let (sender, pieces) = channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(count) = from.read(&mut bytes) {
            took();
            // Nothing says that this was the end.
            if sender.send((Instant::now() + DELAY, bytes[..count].to_vec())).is_err() || count == 0 {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, piece) in pieces {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if piece.is_empty() || to.write_all(&piece).is_err() {
                break;
            }
            gave();
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}
