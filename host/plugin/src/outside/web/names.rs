//! Finding the addresses of a name, once and for all of a request. Who is found is judged elsewhere.

use crate::limits::{ADDRESSES_MAX, LOOKUPS_MAX};
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Instant;

/// Where addresses of names are found.
pub trait Names: Send + Sync {
    /// Returns all addresses of a host by the deadline.
    fn addresses(&self, host: &str, deadline: Instant) -> Result<Vec<IpAddr>, NamesError>;
}

/// Why no address was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamesError {
    /// There is no such name, or it has no address.
    Unknown,
    /// Nobody could be asked.
    Unanswered,
    Late,
    /// It has more than anybody needs.
    TooMany,
}

/// The resolver of this machine.
#[derive(Debug, Default)]
pub struct SystemNames {
    /// How many names are being looked up. The system cannot be told to stop, so what is late goes on for a while.
    running: Arc<AtomicUsize>,
}

/// One of the names that are being looked up.
struct Running(Arc<AtomicUsize>);

impl Names for SystemNames {
    fn addresses(&self, host: &str, deadline: Instant) -> Result<Vec<IpAddr>, NamesError> {
        let host = host.to_owned();
        self.wait_for(deadline, move || look_up(&host))
    }
}

impl SystemNames {
    /// Looks something up beside, and waits for it until the deadline.
    fn wait_for(
        &self,
        deadline: Instant,
        look_up: impl FnOnce() -> Result<Vec<IpAddr>, NamesError> + Send + 'static,
    ) -> Result<Vec<IpAddr>, NamesError> {
        let running = Running::begin(&self.running).ok_or(NamesError::Unanswered)?;
        let (tell, told) = sync_channel(1);
        let beside = move || {
            let _running = running;
            // Whoever asked may be gone by now.
            let _ = tell.send(look_up());
        };
        let thread = std::thread::Builder::new().name("punix-names".to_owned()).spawn(beside);
        thread.map_err(|_| NamesError::Unanswered)?;
        match told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(found) => found,
            Err(RecvTimeoutError::Timeout) => Err(NamesError::Late),
            Err(RecvTimeoutError::Disconnected) => Err(NamesError::Unanswered),
        }
    }
}

impl Running {
    fn begin(count: &Arc<AtomicUsize>) -> Option<Running> {
        let running = Running(Arc::clone(count));
        (count.fetch_add(1, Ordering::Relaxed) < LOOKUPS_MAX).then_some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn look_up(host: &str) -> Result<Vec<IpAddr>, NamesError> {
    let found = (host, 0).to_socket_addrs().map_err(|error| why(&error))?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.map(|found| found.ip()) {
        if addresses.len() == ADDRESSES_MAX {
            return Err(NamesError::TooMany);
        }
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(NamesError::Unknown) } else { Ok(addresses) }
}

/// Tells what an error of the system's resolver means. It has no kind for this; what stands here are the words of the C
/// libraries for a name that is not there.
fn why(error: &io::Error) -> NamesError {
    const UNKNOWN: &[&str] = &[
        "Name or service not known",
        "No address associated with hostname",
        "Name does not resolve",
        "Name has no usable address",
        "nodename nor servname provided",
    ];
    let said = error.to_string();
    let unknown = error.kind() == io::ErrorKind::NotFound || UNKNOWN.iter().any(|words| said.contains(words));
    if unknown { NamesError::Unknown } else { NamesError::Unanswered }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn this_machine_has_a_name() {
        let found = SystemNames::default().addresses("localhost", soon()).unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }

    #[test]
    fn nobody_waits_for_longer_than_the_deadline() {
        let (go, wait) = sync_channel::<()>(1);
        let names = SystemNames::default();
        let stuck = move || {
            let _ = wait.recv();
            Err(NamesError::Unknown)
        };
        assert_eq!(names.wait_for(Instant::now() + Duration::from_millis(20), stuck), Err(NamesError::Late));
        assert_eq!(names.running.load(Ordering::Relaxed), 1, "the system goes on");
        drop(go);
    }

    #[test]
    fn so_many_names_at_one_time_and_no_more() {
        let names = SystemNames::default();
        let held: Vec<Running> = (0..LOOKUPS_MAX).map(|_| Running::begin(&names.running).unwrap()).collect();
        assert_eq!(names.addresses("localhost", soon()), Err(NamesError::Unanswered));
        drop(held);
        assert!(names.addresses("localhost", soon()).is_ok());
    }

    #[test]
    fn what_the_words_of_the_system_mean() {
        let why = |words: &str| why(&io::Error::other(format!("failed to lookup address information: {words}")));
        assert_eq!(why("Name or service not known"), NamesError::Unknown);
        assert_eq!(why("Name does not resolve"), NamesError::Unknown);
        assert_eq!(why("Temporary failure in name resolution"), NamesError::Unanswered);
        assert_eq!(why("Try again"), NamesError::Unanswered);
    }
}
