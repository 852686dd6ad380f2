//! One call of a plugin: a store of its own, with everything that bounds it, and what became of it. Whatever a plugin does
//! ends here, as an answer or as one of the causes that people are told.

use crate::limits::Limits;
use crate::runtime::convert::cut;
use crate::runtime::load::Loaded;
use crate::runtime::log::{LogBook, shown};
use crate::runtime::meter::Meter;
use crate::runtime::state::{State, Subject};
use crate::runtime::ticker;
use crate::runtime::{Surroundings, Usage};
use punix_model::{CallFault, Cause, PluginName, Redactor};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::ResourceTable;
use wasmtime::{FrameInfo, Store, Trap, WasmBacktrace};

/// What is told of an answer: it may quote a path of any length.
const SAID_BYTES_MAX: usize = 1 << 10;

/// What a plugin runs in: for one call, or for all calls of a session or a link.
pub(crate) struct Cell {
    pub(crate) store: Store<State>,
    plugin: Loaded,
    around: Surroundings,
}

impl Cell {
    /// Makes a cell in which nothing has run yet.
    pub(crate) fn new(plugin: &Loaded, around: &Surroundings, subject: Subject) -> Cell {
        let effective = Arc::clone(plugin.effective());
        let limits = effective.limits;
        let now = Instant::now();
        let state = State {
            table: table(&limits),
            effective,
            limits,
            meter: Meter::new(limits),
            outside: around.outside.clone(),
            said: LogBook::new(&limits),
            subject,
            began: now,
            deadline: now,
            seen: Vec::new(),
            listener: Some(Arc::clone(&around.listener)),
            uses: BTreeMap::new(),
            denied: BTreeMap::new(),
        };
        let mut store = Store::new(plugin.engine(), state);
        store.limiter(|state| &mut state.meter);
        store.set_max_component_handles(limits.handles as usize);
        // What one call of the host may bring, and what the answer may hold in all.
        store.set_hostcall_fuel(bytes(limits.output_mib, 20).max(bytes(limits.call_kib, 10)));
        Cell { store, plugin: plugin.clone(), around: around.clone() }
    }

    /// Runs one call, with its own deadline and its own lines.
    pub(crate) fn run<T>(
        &mut self,
        call: &str,
        body: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, CallFault> {
        let timeout = Duration::from_millis(u64::from(self.store.data().limits.timeout_ms));
        let now = Instant::now();
        let state = self.store.data_mut();
        (state.began, state.deadline) = (now, now.checked_add(timeout).unwrap_or(now));
        self.store.set_epoch_deadline(ticker::ticks(timeout));
        let running = ticker::begin();
        let outcome = body(&mut self.store);
        drop(running);
        let redactor = self.store.data().redactor();
        self.tell(&redactor);
        outcome.map_err(|error| CallFault {
            plugin: self.plugin.name(),
            call: call.to_owned(),
            cause: self.cause(&error, &redactor),
        })
    }

    /// Returns the fault of an answer that cannot be used.
    pub(crate) fn unusable(&self, call: &str, said: impl AsRef<str>) -> CallFault {
        let redactor = self.store.data().redactor();
        let cause = Cause::Unusable { said: shown(&cut(&redactor.clean(said.as_ref()), SAID_BYTES_MAX)) };
        CallFault { plugin: self.plugin.name(), call: call.to_owned(), cause }
    }

    /// Returns the fault of an answer that holds more than it may.
    pub(crate) fn over(&self, call: &str, limit: &'static str) -> CallFault {
        CallFault { plugin: self.plugin.name(), call: call.to_owned(), cause: self.limit(limit) }
    }

    /// Returns which plugin runs here.
    pub(crate) fn name(&self) -> PluginName {
        self.plugin.name()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.store.data().limits
    }

    /// Hands on what the plugin said and did.
    fn tell(&mut self, redactor: &Redactor) {
        let state = self.store.data_mut();
        let said = std::mem::replace(&mut state.said, LogBook::new(&state.limits));
        let usage = Usage {
            uses: std::mem::take(&mut state.uses),
            denied: std::mem::take(&mut state.denied),
            memory_bytes: state.meter.memory() as u64,
            took: state.began.elapsed(),
        };
        let id = self.plugin.name().id;
        for line in said.finish(redactor) {
            self.around.listener.hear(&id, &line);
        }
        self.around.listener.count(&id, &usage);
    }

    fn cause(&self, error: &wasmtime::Error, redactor: &Redactor) -> Cause {
        let limits = self.store.data().limits;
        let trap = error.downcast_ref::<Trap>();
        match trap {
            Some(Trap::Interrupt) => return Cause::Late { timeout_ms: limits.timeout_ms },
            Some(Trap::StackOverflow) => return self.limit("stack_kib"),
            _ => {}
        }
        let reached = self.store.data().meter.first_reached().or_else(|| limit_in(&format!("{error:#}")));
        if let Some(limit) = reached {
            return self.limit(limit);
        }
        let mut said = match trap {
            Some(trap) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
            None => error.root_cause().to_string(),
        };
        let backtrace = error.downcast_ref::<WasmBacktrace>();
        if trap == Some(&Trap::MemoryOutOfBounds) && backtrace.is_some_and(is_deep) {
            said.push_str(", deep in functions that call themselves: its own stack is full");
        }
        let names = backtrace.map(names).unwrap_or_default();
        Cause::Trapped { said: shown(&redactor.clean(&format!("{said}{names}"))) }
    }

    fn limit(&self, limit: &'static str) -> Cause {
        let find =
            |limits: Limits| limits.each().into_iter().find(|(name, _)| *name == limit).map_or(0, |(_, most)| most);
        let (most, possible) = (find(self.store.data().limits), find(Limits::MAX));
        let more = most.saturating_mul(2).min(possible);
        let id = &self.plugin.name().id;
        let command = (more > most).then(|| format!("punix plugin grant {id} limits {limit}={more}"));
        Cause::Limit { limit, most, unit: unit(limit), command }
    }
}

/// Returns how a limit is counted, as it is shown behind the number.
fn unit(limit: &str) -> &'static str {
    match limit.rsplit('_').next() {
        Some("mib") => " MiB",
        Some("kib") => " KiB",
        Some("ms") => " ms",
        Some("s") => " s",
        _ => "",
    }
}

/// Recognises limits that wasmtime only tells in words.
fn limit_in(text: &str) -> Option<&'static str> {
    const WORDS: &[(&str, &str)] = &[
        ("fuel allocated for hostcalls", "output_mib"),
        ("instance count too high", "instances"),
        ("table count too high", "tables"),
        ("memory count too high", "memories"),
        ("memory minimum size", "memory_mib"),
        ("table minimum size", "table_elements"),
        ("store handle limit exceeded", "handles"),
        ("too many active lends", "handles"),
    ];
    WORDS.iter().find(|(words, _)| text.contains(words)).map(|(_, limit)| *limit)
}

/// Tells whether a few functions called each other over and over. What is compiled of Rust or C has a stack of its own in
/// its memory, and nothing but an address that is not there shows its end.
fn is_deep(backtrace: &WasmBacktrace) -> bool {
    // The engine keeps track of the innermost sixteen.
    const FRAMES_MIN: usize = 16;
    const FUNCTIONS_MAX: usize = 3;
    let functions: BTreeSet<u32> = backtrace.frames().iter().map(FrameInfo::func_index).collect();
    backtrace.frames().len() >= FRAMES_MIN && functions.len() <= FUNCTIONS_MAX
}

/// Lists the functions of a trap that have names.
fn names(backtrace: &WasmBacktrace) -> String {
    const NAMES_MAX: usize = 4;
    const NAME_CHARACTERS_MAX: usize = 80;
    let names = backtrace.frames().iter().filter_map(|frame| frame.func_name());
    let names: Vec<String> =
        names.take(NAMES_MAX).map(|name| name.chars().take(NAME_CHARACTERS_MAX).collect()).collect();
    if names.is_empty() { String::new() } else { format!(" (in {})", names.join(" < ")) }
}

fn table(limits: &Limits) -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.handles as usize);
    table
}

fn bytes(count: u32, shift: u32) -> usize {
    usize::try_from(u64::from(count) << shift).unwrap_or(usize::MAX)
}
