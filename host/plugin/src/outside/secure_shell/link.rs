//! A connection while it is used. It has a thread of its own, in which the one runtime of `tokio` lives that the crate
//! `openssh` needs. The thread ends when nobody holds the connection any more and no program runs over it; the connection
//! ends with it. So a pipe outlives whoever asked for it.

use super::error::SecureShellError;
use super::master::Master;
use super::pipe::{End, Finish, Running, ends};
use super::{SecureShellConnection, quote};
use openssh::{Child, Session, Stdio};
use punix_model::Pipe;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How long is waited for a connection to go when it is let go. It goes at once, unless `ssh` hangs.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// An open connection, from the outside.
pub(super) struct Link {
    place: String,
    orders: Option<UnboundedSender<Order>>,
    /// Ends when the thread has done what is to be done when nobody holds the connection.
    closed: Receiver<()>,
}

/// A program to be started.
struct Order {
    command: String,
    stdio: [OwnedFd; 3],
    began: Instant,
    until: Instant,
    finish: oneshot::Receiver<Finish>,
    answer: Sender<Result<(), SecureShellError>>,
}

impl Link {
    /// Takes care of a connection.
    pub(super) fn open(master: Master) -> io::Result<Link> {
        let place = master.place.clone();
        let (orders, incoming) = unbounded_channel();
        let (closing, closed) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        std::thread::Builder::new().name("secure-shell".to_owned()).spawn(move || {
            runtime.block_on(attend(master, incoming, closing));
        })?;
        Ok(Link { place, orders: Some(orders), closed })
    }
}

impl SecureShellConnection for Link {
    fn start(&mut self, argv: &[String], deadline: Instant) -> Result<Pipe, SecureShellError> {
        let failed =
            |error: io::Error| SecureShellError::Session { place: self.place.clone(), said: error.to_string() };
        let gone = || SecureShellError::Gone { place: self.place.clone() };
        let (ours, stdio) = ends().map_err(failed)?;
        let (finish, asked) = oneshot::channel();
        let (answer, answered) = channel();
        let began = Instant::now();
        let order = Order { command: quote::command(argv), stdio, began, until: deadline, finish: asked, answer };
        self.orders.as_ref().ok_or_else(gone)?.send(order).map_err(|_| gone())?;
        // The thread keeps to the deadline itself; this is for the case that it cannot.
        const GRACE: Duration = Duration::from_secs(1);
        match answered.recv_timeout((deadline + GRACE).saturating_duration_since(Instant::now())) {
            Ok(Ok(())) => End::pipe(format!("ssh {}", self.place), ours, finish).map_err(failed),
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Timeout) => Err(late(&self.place, began)),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.closed.recv_timeout(CLOSE_PATIENCE);
    }
}

/// Starts what is ordered, and stays until nobody can order anything and nothing runs.
async fn attend(master: Master, mut orders: UnboundedReceiver<Order>, closing: Sender<()>) {
    let mut running = JoinSet::new();
    let mut held = true;
    while held || !running.is_empty() {
        tokio::select! {
            order = orders.recv(), if held => match order {
                Some(order) => start(&master, order, &mut running).await,
                None => held = false,
            },
            Some(_) = running.join_next() => {}
        }
        if !held && !running.is_empty() {
            // The rest is for the pipes to wait for.
            let _ = closing.send(());
        }
    }
    drop(running);
    drop(master);
    drop(closing);
}

async fn start(master: &Master, order: Order, running: &mut JoinSet<()>) {
    let Order { command, stdio, began, until, finish, answer } = order;
    let outcome = tokio::time::timeout_at(until.into(), spawn(master.session(), &command, stdio)).await;
    let outcome = match outcome {
        Ok(Ok(child)) => {
            running.spawn(Running::new(child, finish).wait());
            Ok(())
        }
        Ok(Err(error)) => Err(reason(&master.place, error)),
        Err(_) => Err(late(&master.place, began)),
    };
    let _ = answer.send(outcome);
}

async fn spawn(
    session: Arc<Session>,
    command: &str,
    [input, output, errors]: [OwnedFd; 3],
) -> Result<Child<Arc<Session>>, openssh::Error> {
    // Our copies of the ends go with this, so that the other side sees when we close ours.
    let mut command = session.arc_raw_command(command);
    command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::from(errors));
    command.spawn().await
}

fn late(place: &str, began: Instant) -> SecureShellError {
    SecureShellError::Late { place: place.to_owned(), after: began.elapsed() }
}

fn reason(place: &str, error: openssh::Error) -> SecureShellError {
    use std::error::Error as _;
    let place = place.to_owned();
    match error {
        openssh::Error::Disconnected => SecureShellError::Gone { place },
        other => {
            let said = other.source().map_or_else(|| other.to_string(), ToString::to_string);
            SecureShellError::Session { place, said }
        }
    }
}
