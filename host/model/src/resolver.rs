//! What a resolver is asked and what it answers.

use crate::fault::{CallFault, PluginError};
use crate::secret::Secret;

/// Where secrets come from, by whoever stands behind this port.
pub trait Resolver {
    /// Finds all secrets of one run that this resolver is asked for; an answer for each, in their order.
    fn resolve_all(&self, requests: &[Request]) -> Result<Vec<Result<Resolved, PluginError>>, CallFault>;

    /// Returns the one form of a reference, without asking anybody.
    fn parse(&self, reference: &str) -> Result<Result<String, PluginError>, CallFault>;
}

/// A secret that is wanted.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the stack says behind the key.
    pub reference: String,
    /// A JSON object.
    pub config: String,
    pub credentials: Vec<Credential>,
}

/// What a resolver logs in with.
#[derive(Debug, Clone)]
pub struct Credential {
    pub name: String,
    pub value: Secret,
}

/// A secret that was found.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub value: Secret,
    pub version: Option<String>,
    pub ttl_ms: Option<u64>,
    pub renewable: bool,
}
