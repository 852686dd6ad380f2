//! From a plugin that was admitted to one that can be called: its machine code comes with this binary, from the cache, or
//! from the compiler, and everything that it imports is tied to the host's side of it. Nothing of it runs here.

use crate::digest::Digest;
use crate::door::Admitted;
use crate::examined::Part;
use crate::policy::Effective;
use crate::runtime::bindings::{backend, resolver, transport};
use crate::runtime::cache::{Cache, CacheState};
use crate::runtime::log::shown;
use crate::runtime::state::State;
use crate::runtime::ticker;
use crate::world::{Kind, World};
use punix_engine::{Memory, Trusted, Watcher};
use punix_model::{CallFault, Cause, PluginName};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

/// What plugins are loaded with: one for a process.
pub struct Runtime {
    setup: Setup,
    /// One engine for each way in which memory and stack are set up; what is compiled fits all of them.
    engines: Mutex<BTreeMap<(bool, u32), Engine>>,
    known: Mutex<Known>,
}

/// Code that is in memory already, with its engine: that of this binary, which is the same for everybody who loads it, and what
/// was compiled where there is no cache to find it in.
#[derive(Default)]
struct Known(Vec<(Engine, Digest, Component)>);

/// What a runtime is made with.
#[derive(Default)]
pub struct Setup {
    /// Where compiled code is kept; without it, each runtime compiles everything anew.
    pub cache: Option<Cache>,
    /// Looks at the memory of every plugin when it goes. Tests look for secrets in it.
    pub watcher: Option<Watcher>,
}

/// Machine code that comes with this binary, for one component. Like the component's findings, it is made of constants.
#[derive(Clone, Copy)]
pub struct Ready {
    of: Digest,
    code: &'static [u8],
    compatibility: &'static str,
}

/// A plugin that can be called.
#[derive(Clone)]
pub struct Loaded(Arc<Inner>);

struct Inner {
    admitted: Admitted,
    effective: Arc<Effective>,
    engine: Engine,
    world: Tied,
    cache: CacheState,
}

/// A component whose imports are tied, by its world.
pub(crate) enum Tied {
    Backend(backend::BackendPre<State>),
    Resolver(resolver::SecretResolverPre<State>),
    Transport(transport::TransportPre<State>),
}

impl Ready {
    /// Takes the code of a part of this binary.
    pub const fn part<P: Part>() -> Ready {
        Ready { of: Digest::from_hash(P::SHA256), code: P::CODE, compatibility: P::COMPATIBILITY }
    }

    /// Says that there is none: what was built on another kind of processor comes without.
    pub const fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// Says whether code like this can run here: another processor, or another version of the engine, cannot.
    pub fn is_for_this_engine(&self) -> bool {
        self.compatibility == punix_engine::compatibility()
    }
}

impl Runtime {
    /// Makes a runtime.
    pub fn new(setup: Setup) -> Runtime {
        Runtime { setup, engines: Mutex::default(), known: Mutex::default() }
    }

    /// Loads a plugin. `ready` is code that comes with this binary; it is used if it is for this component and this engine.
    pub fn load(&self, admitted: Admitted, ready: Option<Ready>) -> Result<Loaded, CallFault> {
        let failed = |error: wasmtime::Error| unloadable(&admitted, &error);
        let engine = self.engine(&admitted).map_err(failed)?;
        let (component, cache) = self.code(&engine, &admitted, ready).map_err(failed)?;
        let world = tie(&engine, &component, admitted.inspected().manifest.world).map_err(failed)?;
        let effective = Arc::new(admitted.effective().clone());
        Ok(Loaded(Arc::new(Inner { admitted, effective, engine, world, cache })))
    }

    /// Sees to it that a plugin's code is kept, and tells where it came from: from the cache, or from the compiler just
    /// now. Nothing of it is tied to anything.
    pub fn prepare(&self, admitted: &Admitted) -> Result<CacheState, CallFault> {
        let failed = |error: wasmtime::Error| unloadable(admitted, &error);
        let engine = self.engine(admitted).map_err(failed)?;
        let (_, cache) = self.code(&engine, admitted, None).map_err(failed)?;
        Ok(cache)
    }

    /// Returns the engine for a plugin. Who sees secrets has memory that is overwritten when it goes.
    fn engine(&self, admitted: &Admitted) -> wasmtime::Result<Engine> {
        let effective = admitted.effective();
        let sees = effective.flags.contains(&Kind::Seal) || effective.flags.contains(&Kind::Reveal);
        let stack_kib = effective.limits.stack_kib;
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = engines.get(&(sees, stack_kib)) {
            return Ok(engine.clone());
        }
        let memory = match (&self.setup.watcher, sees) {
            (Some(watcher), _) => Memory::Watched(Arc::clone(watcher)),
            (None, true) => Memory::Wiped,
            (None, false) => Memory::Plain,
        };
        let stack_bytes = usize::try_from(stack_kib).unwrap_or(usize::MAX).saturating_mul(1024);
        let engine = punix_engine::engine(punix_engine::Setup { memory, stack_bytes })?;
        ticker::register(&engine)?;
        engines.insert((sees, stack_kib), engine.clone());
        Ok(engine)
    }

    /// Returns a component's code from where it is first found.
    fn code(
        &self,
        engine: &Engine,
        admitted: &Admitted,
        ready: Option<Ready>,
    ) -> wasmtime::Result<(Component, CacheState)> {
        if let Some(ready) = ready
            && ready.of == admitted.digest()
            && ready.is_for_this_engine()
            && let Ok(component) = self.bundled(engine, ready)
        {
            return Ok((component, CacheState::Bundled));
        }
        if let Some(cache) = &self.setup.cache
            && let Some(component) = cache.find(engine, admitted.digest())
        {
            return Ok((component, CacheState::Hit));
        }
        if self.setup.cache.is_some() {
            return compile(engine, admitted.component().bytes(), admitted.digest(), self.setup.cache.as_ref());
        }
        let known = self.known().find(engine, admitted.digest());
        if let Some(component) = known {
            return Ok((component, CacheState::NotKept));
        }
        // Nobody waits meanwhile who needs another one.
        let compiled = compile(engine, admitted.component().bytes(), admitted.digest(), None)?;
        self.known().0.push((engine.clone(), admitted.digest(), compiled.0.clone()));
        Ok(compiled)
    }

    /// Returns code of this binary, which is brought into memory once.
    fn bundled(&self, engine: &Engine, ready: Ready) -> wasmtime::Result<Component> {
        let mut known = self.known();
        if let Some(component) = known.find(engine, ready.of) {
            return Ok(component);
        }
        let component = Trusted::of_this_binary(ready.code).load(engine)?;
        known.0.push((engine.clone(), ready.of, component.clone()));
        Ok(component)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn find(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let is_it = |(own, of, _): &&(Engine, Digest, Component)| Engine::same(own, engine) && *of == digest;
        self.0.iter().find(is_it).map(|(_, _, component)| component.clone())
    }
}

impl Loaded {
    /// Returns what was admitted.
    pub fn admitted(&self) -> &Admitted {
        &self.0.admitted
    }

    /// Returns where its machine code came from.
    pub fn cache_state(&self) -> CacheState {
        self.0.cache
    }

    /// Returns which plugin it is.
    pub fn name(&self) -> PluginName {
        name_of(&self.0.admitted)
    }

    pub(crate) fn effective(&self) -> &Arc<Effective> {
        &self.0.effective
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn tied(&self) -> &Tied {
        &self.0.world
    }
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ready({} bytes for {}, {})", self.code.len(), self.of, self.compatibility)
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Loaded({})", self.name())
    }
}

#[cfg(feature = "compiler")]
fn compile(
    engine: &Engine,
    bytes: &[u8],
    digest: Digest,
    cache: Option<&Cache>,
) -> wasmtime::Result<(Component, CacheState)> {
    let bytes = bytes.to_vec();
    let other = engine.clone();
    // How long compiling takes is up to whoever made the component, and nothing can stop it: so it has a thread of its
    // own, which is left behind if it takes too long.
    let (answer, compiled) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("punix-compiler".to_owned()).spawn(move || {
        let _ = answer.send(punix_engine::compile(&other, &bytes));
    })?;
    let patience = std::time::Duration::from_millis(crate::limits::COMPILE_TIMEOUT_MS);
    let code = match compiled.recv_timeout(patience) {
        Ok(code) => code?,
        Err(_) => wasmtime::bail!("compiling it takes more than {} s", patience.as_secs()),
    };
    let kept = cache.is_some_and(|cache| cache.keep(digest, code.code()));
    let state = if kept { CacheState::Compiled } else { CacheState::NotKept };
    Ok((punix_engine::load_compiled(engine, code)?, state))
}

#[cfg(not(feature = "compiler"))]
fn compile(_: &Engine, _: &[u8], _: Digest, _: Option<&Cache>) -> wasmtime::Result<(Component, CacheState)> {
    wasmtime::bail!(
        "its code is not kept here, and this is a sealed `punix`, which cannot compile it; `punix plugin add` of one with a \
         compiler does"
    )
}

/// Ties exactly what a plugin of this world can import, and nothing else.
fn tie(engine: &Engine, component: &Component, world: World) -> wasmtime::Result<Tied> {
    use crate::runtime::bindings::cap::punix::{base, cap};
    type Own = HasSelf<State>;
    let mut linker: Linker<State> = Linker::new(engine);
    base::types::add_to_linker::<State, Own>(&mut linker, |state| state)?;
    cap::log::add_to_linker::<State, Own>(&mut linker, |state| state)?;
    match world {
        World::Backend => {}
        World::SecretResolver => {
            cap::blobs::add_to_linker::<State, Own>(&mut linker, |state| state)?;
            cap::secrets::add_to_linker::<State, Own>(&mut linker, |state| state)?;
            cap::env::add_to_linker::<State, Own>(&mut linker, |state| state)?;
            cap::files::add_to_linker::<State, Own>(&mut linker, |state| state)?;
            cap::http::add_to_linker::<State, Own>(&mut linker, |state| state)?;
            cap::clock::add_to_linker::<State, Own>(&mut linker, |state| state)?;
        }
        World::Transport => {
            cap::clock::add_to_linker::<State, Own>(&mut linker, |state| state)?;
            cap::pipes::add_to_linker::<State, Own>(&mut linker, |state| state)?;
            cap::ssh::add_to_linker::<State, Own>(&mut linker, |state| state)?;
            cap::here::add_to_linker::<State, Own>(&mut linker, |state| state)?;
            cap::spawn::add_to_linker::<State, Own>(&mut linker, |state| state)?;
        }
    }
    let tied = linker.instantiate_pre(component)?;
    Ok(match world {
        World::Backend => Tied::Backend(backend::BackendPre::new(tied)?),
        World::SecretResolver => Tied::Resolver(resolver::SecretResolverPre::new(tied)?),
        World::Transport => Tied::Transport(transport::TransportPre::new(tied)?),
    })
}

fn unloadable(admitted: &Admitted, error: &wasmtime::Error) -> CallFault {
    let cause = Cause::Unloadable { said: shown(&error.root_cause().to_string()) };
    CallFault { plugin: name_of(admitted), call: "load".to_owned(), cause }
}

fn name_of(admitted: &Admitted) -> PluginName {
    let manifest = &admitted.inspected().manifest;
    PluginName { id: manifest.id.to_string(), version: manifest.version.to_string() }
}
