//! One file per verb.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod help;
pub(crate) mod init;
pub(crate) mod plugin;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod why;
