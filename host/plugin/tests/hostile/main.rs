//! Plugins that misbehave on purpose, through the same door as anybody's: each is contained, and says so in the words that
//! its user reads. The guests are in `tests/guests`; what needs no guest of its own is written here, as text. Those of
//! yesterday ([`frozen`]) behave; they are here since they are built and run in the same way.
//!
//! Nothing here needs the binary, the network or a privilege.
#![allow(clippy::result_large_err, reason = "what the ports answer is answered here as it is")]

mod answers;
mod artefacts;
mod cache;
mod canary;
mod damage;
mod frozen;
mod handles;
mod hosts;
mod links;
mod modules;
mod reach;
mod room;
mod running;
mod sealed;
mod sessions;
mod shapes;
mod telling;
