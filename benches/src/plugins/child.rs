//! What a child of the bench does, so that it begins cold: loading bundled plugins and calling them, by the library.

use clap::Args;
use punix_bundle::Bundled;
use punix_model::{Backend, Chunk, Facts, Scope, Service, Stack};
use punix_plugin::outside::Outside;
use punix_plugin::runtime::{BackendPlugin, Line, Listener, Loaded, Meta, Runtime, Setup, Surroundings};
use punix_plugin::{Lock, Policy, Rules, admit_bundled, built_in, with_config};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Render one stack with the bundled backend, and say how long it took since the start
#[derive(Debug, Args)]
pub(crate) struct Once {
    /// Load and call all bundled plugins in place of that
    #[arg(long)]
    all: bool,
}

/// Call bundled plugins over and over, and say how long the middle round took
#[derive(Debug, Args)]
pub(crate) struct Warm {
    rounds: usize,
}

/// Who listens to plugins that are measured.
struct Nobody;

impl Listener for Nobody {
    fn hear(&self, _: &str, _: &Line) {}
}

pub(crate) fn once(once: &Once, out: &mut dyn Write) -> io::Result<()> {
    let start = Instant::now();
    let runtime = Runtime::new(Setup::default());
    if once.all {
        for plugin in punix_bundle::plugins() {
            Meta::new(load(&runtime, plugin)?, around()).describe().map_err(other)?;
        }
    } else {
        backend(&runtime)?.render(&stack(1), &facts()).map_err(other)?;
    }
    writeln!(out, "done {}", microseconds(start.elapsed()))
}

pub(crate) fn warm(warm: &Warm, out: &mut dyn Write) -> io::Result<()> {
    let runtime = Runtime::new(Setup::default());
    let backend = backend(&runtime)?;
    let meta = Meta::new(load(&runtime, bundled("systemd")?)?, around());
    const CALLS: u32 = 100;
    let call = middle(warm.rounds, || {
        for _ in 0..CALLS {
            meta.check_config("{}").map_err(other)?;
        }
        Ok(())
    })?;
    writeln!(out, "call {}", microseconds(call) / f64::from(CALLS))?;
    let (many, facts) = (stack(200), facts());
    let services = middle(warm.rounds, || backend.render(&many, &facts).map(drop).map_err(other))?;
    writeln!(out, "services {}", microseconds(services))
}

fn middle(rounds: usize, mut work: impl FnMut() -> io::Result<()>) -> io::Result<Duration> {
    work()?;
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn bundled(name: &str) -> io::Result<&'static Bundled> {
    punix_bundle::plugins()
        .iter()
        .find(|plugin| plugin.name == name)
        .ok_or_else(|| io::Error::other("it is not bundled"))
}

fn backend(runtime: &Runtime) -> io::Result<BackendPlugin> {
    let loaded = load(runtime, bundled("systemd")?)?;
    BackendPlugin::new(loaded, around()).ok_or_else(|| io::Error::other("it is no backend"))
}

fn load(runtime: &Runtime, plugin: &'static Bundled) -> io::Result<Loaded> {
    let (lock, policy) = (Lock::default(), Policy::default());
    let rules = Rules { lock: &lock, policy: &policy, ceilings: &[] };
    let examined = plugin.examined();
    let manifest = examined.manifest();
    let table = built_in(&manifest.id, None).ok_or_else(|| io::Error::other("nothing is built in for it"))?;
    let table = with_config(&table, manifest, "");
    let admitted = admit_bundled(examined, &table, rules).map_err(|fault| io::Error::other(fault.to_string()))?;
    runtime.load(admitted, Some(plugin.ready)).map_err(other)
}

fn around() -> Surroundings {
    Surroundings {
        outside: Outside::this_machine(BTreeMap::new(), None),
        listener: Arc::new(Nobody),
        base: PathBuf::from("/"),
    }
}

fn facts() -> Facts {
    Facts {
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        init_version: "252".to_owned(),
        home: None,
        attributes: Vec::new(),
    }
}

/// A stack of so many services with eight variables each.
fn stack(services: usize) -> Stack {
    let service = |number: usize| Service {
        name: format!("service-{number}"),
        argv: vec![format!("/store/service-{number}/bin/service"), "--port".to_owned(), (8_000 + number).to_string()],
        env: (0..8).map(|key| (format!("KEY_{key}"), vec![Chunk::Text(format!("value {key}"))])).collect(),
        depends_on: number.checked_sub(1).map(|before| format!("service-{before}")).into_iter().collect(),
        secret_delivery: "environment-file".to_owned(),
        config: "{}".to_owned(),
    };
    Stack {
        name: "Bench".to_owned(),
        scope: Scope::System,
        services: (0..services).map(service).collect(),
        slots: Vec::new(),
        config: "{}".to_owned(),
        unit_dir: None,
    }
}

fn other(error: impl Display) -> io::Error {
    io::Error::other(error.to_string())
}
