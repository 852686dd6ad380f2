//! A component in the real host, with everything outside made up by a test.

use crate::fakes::{Echo, Fakes, TestClock};
use crate::grants::{everything, nothing};
use punix_model::CallFault;
use punix_plugin::outside::{LocalFiles, Outside};
use punix_plugin::runtime::{
    BackendPlugin, Line, Listener, Loaded, Meta, ResolverPlugin, Runtime, Setup, Surroundings, TransportPlugin, Usage,
};
use punix_plugin::{
    Component, Effective, Fault, Inspected, Lock, Policy, Row, Rules, Source, Table, admit, inspect, with_references,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Why a component cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum TestHostError {
    #[error(transparent)]
    Refused(#[from] Box<Fault>),
    #[error(transparent)]
    Unloadable(#[from] CallFault),
}

/// A component and what surrounds it.
pub struct TestHost {
    component: Component,
    inspected: Inspected,
    /// Compiles the component once, for all that are made of this one.
    runtime: Arc<Runtime>,
    pub fakes: Fakes,
    config: String,
    references: Vec<String>,
    base: PathBuf,
    roots: PathBuf,
    denied: bool,
    heard: Arc<Ear>,
}

/// What was heard and counted of a plugin.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub lines: Vec<Line>,
    pub usage: Usage,
    /// From asking to the answer, of the longest call.
    pub longest: Duration,
    /// Linear memory of the largest call.
    pub memory_bytes: u64,
}

#[derive(Default)]
struct Ear(Mutex<Report>);

impl Listener for Ear {
    fn hear(&self, _: &str, line: &Line) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).lines.push(line.clone());
    }

    fn count(&self, _: &str, usage: &Usage) {
        let mut report = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        report.memory_bytes = report.memory_bytes.max(usage.memory_bytes);
        report.longest = report.longest.max(usage.took);
        for (kind, count) in &usage.uses {
            *report.usage.uses.entry(*kind).or_default() += count;
        }
        for (kind, count) in &usage.denied {
            *report.usage.denied.entry(*kind).or_default() += count;
        }
    }
}

impl TestHost {
    /// Takes a component. It is given all that it asks for, until [`TestHost::denying`] says otherwise.
    pub fn new(component: Vec<u8>) -> Result<TestHost, TestHostError> {
        let component = Component::new(component);
        let inspected = inspect(component.bytes())
            .map_err(|error| Box::new(Fault::Inspect { name: "the component".to_owned(), error }))?;
        Ok(TestHost::with_nothing_around(component, inspected, Arc::new(Runtime::new(Setup::default()))))
    }

    /// Makes another one of the same component, around which nothing is set up yet.
    #[must_use]
    pub(crate) fn anew(&self) -> TestHost {
        TestHost::with_nothing_around(self.component.clone(), self.inspected.clone(), Arc::clone(&self.runtime))
    }

    fn with_nothing_around(component: Component, inspected: Inspected, runtime: Arc<Runtime>) -> TestHost {
        TestHost {
            component,
            inspected,
            runtime,
            fakes: Fakes::default(),
            config: "{}".to_owned(),
            references: Vec::new(),
            base: PathBuf::from("/test"),
            roots: PathBuf::from("/test"),
            denied: false,
            heard: Arc::default(),
        }
    }

    /// Sets the plugin's configuration; hosts that it names are granted.
    #[must_use]
    pub fn config(mut self, config: &str) -> TestHost {
        self.config = config.to_owned();
        self
    }

    /// Returns the plugin's configuration.
    pub fn configuration(&self) -> &str {
        &self.config
    }

    /// Sets what the stack refers to, and where relative references begin.
    #[must_use]
    pub fn references(mut self, base: &Path, references: &[&str]) -> TestHost {
        self.base = base.to_owned();
        self.references = references.iter().map(|text| (*text).to_owned()).collect();
        self
    }

    /// Sets where the directories lie that the plugin asks for by names.
    #[must_use]
    pub fn roots(mut self, roots: &Path) -> TestHost {
        self.roots = roots.to_owned();
        self
    }

    /// Refuses everything that the plugin asks for.
    #[must_use]
    pub fn denying(mut self) -> TestHost {
        self.denied = true;
        self
    }

    /// Returns what is known of the component.
    pub fn inspected(&self) -> &Inspected {
        &self.inspected
    }

    /// Returns what it may do.
    pub fn effective(&self) -> Result<Effective, TestHostError> {
        Ok(self.load()?.admitted().effective().clone())
    }

    /// Returns the part that all plugins have.
    pub fn meta(&self) -> Result<Meta, TestHostError> {
        Ok(Meta::new(self.load()?, self.around()))
    }

    /// Returns it as a backend, if it is one.
    pub fn backend(&self) -> Result<Option<BackendPlugin>, TestHostError> {
        Ok(BackendPlugin::new(self.load()?, self.around()))
    }

    /// Returns it as a resolver, if it is one.
    pub fn resolver(&self) -> Result<Option<ResolverPlugin>, TestHostError> {
        Ok(ResolverPlugin::new(self.load()?, self.around()))
    }

    /// Returns it as a transport, if it is one.
    pub fn transport(&self) -> Result<Option<TransportPlugin>, TestHostError> {
        Ok(TransportPlugin::new(self.load()?, self.around()))
    }

    /// Returns what was heard and counted so far.
    pub fn report(&self) -> Report {
        self.heard.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how long a fresh instance takes to say what it is.
    pub fn start_time(&self) -> Result<Duration, TestHostError> {
        let meta = self.meta()?;
        let began = Instant::now();
        meta.describe()?;
        Ok(began.elapsed())
    }

    fn load(&self) -> Result<Loaded, TestHostError> {
        let manifest = &self.inspected.manifest;
        let table = if self.denied { nothing(manifest) } else { everything(manifest, &self.config, &self.roots) };
        let table = Table { sha256: Some(self.component.digest()), ..table };
        let table = with_references(&table, manifest, &self.references, &self.base);
        let policy = Policy { plugin: [(manifest.id.clone(), table)].into() };
        let mut lock = Lock::default();
        let source = Source::parse("test").expect("a word is a source");
        lock.insert(Row::of(&self.component, &self.inspected, source));
        let rules = Rules { lock: &lock, policy: &policy, ceilings: &[] };
        let admitted = admit("the component", self.component.clone(), rules).map_err(Box::new)?;
        Ok(self.runtime.load(admitted, None)?)
    }

    fn around(&self) -> Surroundings {
        let fakes = Arc::new(self.fakes.clone());
        let outside = Outside {
            variables: fakes.clone(),
            files: Arc::new(LocalFiles::default()),
            web: fakes,
            clock: Arc::new(TestClock::default()),
            programs: Arc::new(Echo),
            secure_shell: Arc::new(Echo),
            here: Some(Arc::new(Echo)),
        };
        Surroundings { outside, listener: self.heard.clone(), base: self.base.clone() }
    }
}
