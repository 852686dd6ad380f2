//! The same engine, spoken to over a pipe: whoever plans asks, and the process at the other end does. One request, its
//! steps, one answer. What goes over the pipe is bounded and narrow in both directions; neither side believes the other.
//!
//! [`Door`] is what can be asked, whether the target is in this process ([`Inside`]) or behind a pipe ([`Client`]).

mod acting;
mod ahead;
mod client;
mod door;
mod frame;
#[cfg(test)]
mod hostile;
mod message;
mod packing;
mod pushing;
mod receiving;
mod server;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use acting::WrittenRunning;
pub use client::{Client, Opening, greeting};
pub use door::{Brought, Door, Inside};
pub use frame::FrameError;
pub use message::Told;
pub(crate) use message::plan_digest;
pub use server::serve;
pub use wire::WayError;
