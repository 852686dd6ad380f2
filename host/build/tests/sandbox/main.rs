//! Sandboxes as they really are on this machine: each test runs a command and looks at what it saw, did and left.

#![cfg(test)]

mod bare;
mod ended;
mod limited;
mod other_users;
mod places;
mod seen;
mod world;
