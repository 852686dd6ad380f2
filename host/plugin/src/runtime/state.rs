//! What belongs to one call of a plugin (of a session or a link: to all of its calls). It is made for it and gone with it.

use crate::limits::{Limits, SECRET_BYTES_MIN};
use crate::outside::Outside;
use crate::policy::Effective;
use crate::runtime::log::{Listener, LogBook};
use crate::runtime::meter::Meter;
use crate::runtime::resource::{HeldSecret, Origin};
use crate::world::Kind;
use punix_model::{Endpoint, Redactor, Secret};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::{Resource, ResourceTable};

/// The host's side of a call.
pub(crate) struct State {
    /// What the plugin holds handles of.
    pub(crate) table: ResourceTable,
    /// What it may do.
    pub(crate) effective: Arc<Effective>,
    pub(crate) limits: Limits,
    pub(crate) meter: Meter,
    pub(crate) outside: Outside,
    pub(crate) said: LogBook,
    pub(crate) subject: Subject,
    /// When the call began, and when it has to be over; what the host does for it counts.
    pub(crate) began: Instant,
    pub(crate) deadline: Instant,
    /// Every secret that the call came across: what it says is cleaned of all of them.
    pub(crate) seen: Vec<Arc<Secret>>,
    /// Who is told of each of them.
    pub(crate) listener: Option<Arc<dyn Listener>>,
    /// How often each ability was used, and how often one was denied.
    pub(crate) uses: BTreeMap<Kind, u32>,
    pub(crate) denied: BTreeMap<Kind, u32>,
}

/// What a call is about, as far as what may be done depends on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject {
    /// The plugin's configuration, a JSON object: hosts can be granted as those that it names.
    pub(crate) config: String,
    /// What the stack refers to, exactly as it says it.
    pub(crate) references: BTreeSet<String>,
    /// Where relative references to files begin.
    pub(crate) base: PathBuf,
    /// Where a transport leads, as the operator named it.
    pub(crate) endpoint: Option<Endpoint>,
    /// The plugin asked for the variables or files that the stack refers to.
    pub(crate) referred: BTreeSet<Kind>,
}

impl State {
    /// Returns how much time is left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Notes that an ability was used.
    pub(crate) fn used(&mut self, kind: Kind) {
        *self.uses.entry(kind).or_default() += 1;
    }

    /// Notes that an ability was denied.
    pub(crate) fn refused(&mut self, kind: Kind) {
        *self.denied.entry(kind).or_default() += 1;
    }

    /// Counts bytes that are kept for the plugin. Too many end the call.
    pub(crate) fn keep(&mut self, bytes: usize) -> wasmtime::Result<()> {
        match self.meter.keep(bytes) {
            true => Ok(()),
            false => wasmtime::bail!("the host keeps too much for the plugin"),
        }
    }

    /// Keeps a secret, to the end of the call, and gives the plugin a handle of it.
    pub(crate) fn hold(
        &mut self,
        value: Secret,
        label: String,
        origin: Origin,
    ) -> wasmtime::Result<Resource<HeldSecret>> {
        self.keep(value.length().saturating_add(SECRET_BYTES_MIN))?;
        // What is said is searched for each of them, which has to stay cheap.
        if self.seen.len() as u64 >= u64::from(self.limits.handles) {
            self.meter.reached("handles");
            wasmtime::bail!("the plugin comes across too many secrets");
        }
        if let Some(listener) = &self.listener {
            listener.learn(&value);
        }
        let value = Arc::new(value);
        self.seen.push(Arc::clone(&value));
        self.push(HeldSecret { value, label, origin })
    }

    /// Gives the plugin a handle of something. That it holds too many is its own fault, and ends the call.
    pub(crate) fn push<T: Send + 'static>(&mut self, thing: T) -> wasmtime::Result<Resource<T>> {
        match self.table.push(thing) {
            Ok(handle) => Ok(handle),
            Err(error) => {
                self.meter.reached("handles");
                Err(error.into())
            }
        }
    }

    /// Returns what finds every secret that the call came across.
    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::new(self.seen.iter().map(Arc::as_ref))
    }
}
