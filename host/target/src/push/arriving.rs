//! The side of a push where entries arrive: the store there, which of them it lacks, and writing those that come.

use super::{PushError, Pushed};
use crate::path::TargetPath;
use crate::resolve::Resolver;
use crate::target::Target;
use punix_store::{
    Asking, Derivation, FillError, Filled, Filling, Keeper, Manifest, PathLock, Registration, SharedLock, Store,
    StoreName,
};
use std::collections::BTreeSet;

/// The store on a target. While this is held, no entry goes away there.
pub(crate) struct There<'t> {
    pub(crate) store: Store,
    pub(crate) asking: Asking<'t>,
    lock: SharedLock,
}

/// An entry that is to come: what it was built from, and what is in it.
pub(crate) struct Arrival {
    derivation: Derivation,
    manifest: Manifest,
}

impl Arrival {
    pub(crate) fn new(derivation: Derivation, manifest: Manifest) -> Arrival {
        Arrival { derivation, manifest }
    }

    pub(crate) fn name(&self) -> &StoreName {
        self.derivation.name()
    }
}

impl<'t> There<'t> {
    /// Opens a store, which is made if there is none.
    pub(crate) fn open(target: &Target<'t>, to: &TargetPath) -> Result<There<'t>, PushError> {
        let Some(place) = &target.place else { return Err(PushError::Simulated) };
        let root = Resolver::new(target.disk).followed(to);
        let root = root.map_err(|issue| PushError::Place { to: to.clone(), issue })?;
        let store = Store::open(&place.root.join(root.on_disk()))?.with_threads(1);
        let lock = store.share(place.asking)?;
        // Collections there must know of this deployments root before it relies on an entry.
        drop(target.exclude()?);
        let deployments = place.root.join(target.layout.root().on_disk());
        let registered = Registration::new(Keeper::Deployments, &deployments);
        registered.and_then(|it| store.register(&lock, &it)).map_err(|error| PushError::Target(error.into()))?;
        Ok(There { store, asking: place.asking, lock })
    }

    /// Returns which of these are not there. Those that are to come again count as lacking.
    pub(crate) fn lacking(
        &self,
        names: &BTreeSet<StoreName>,
        again: &BTreeSet<StoreName>,
    ) -> Result<BTreeSet<StoreName>, PushError> {
        let mut lacking = BTreeSet::new();
        for name in names {
            let io = |error| PushError::Disk { name: name.clone(), error };
            if again.contains(name) || !self.store.is_valid(name).map_err(io)? {
                lacking.insert(name.clone());
            }
        }
        Ok(lacking)
    }

    /// Writes entries, in the order of their names, and makes those that came whole entries of the store, also when it was
    /// cut short. What somebody else has made meanwhile is passed over, if it is not to come again.
    pub(crate) fn receive<E: From<PushError>>(
        &self,
        arrivals: Vec<Arrival>,
        again: &BTreeSet<StoreName>,
        content: &mut dyn FnMut(&mut Arriving<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut locks = Vec::new();
        for arrival in &arrivals {
            let name = arrival.name();
            locks.push(match again.contains(name) {
                true => Some(self.store.lock_path(&self.lock, name, self.asking).map_err(PushError::from)?),
                false => self.store.claim(&self.lock, name, self.asking).map_err(PushError::from)?,
            });
        }
        let waiting: Vec<_> = locks.iter().zip(arrivals).map(|(lock, arrival)| (lock.as_ref(), arrival)).collect();
        let mut arriving = Arriving { store: &self.store, waiting: waiting.into_iter(), now: None, whole: Vec::new() };
        let came = arriving.advance().map_err(E::from).and_then(|()| content(&mut arriving));
        // What did not come whole goes; what could not be written completely may still leave room for the rest.
        let Arriving { whole, now, .. } = arriving;
        drop(now);
        let added = self.store.add_filled(whole).map_err(|error| PushError::Add { error });
        came.and_then(|()| added.map_err(E::from))
    }

    /// Ends a push in which so many were missing. Whoever gave the others their names may have been killed before these were
    /// durable.
    pub(crate) fn end(self, missing: usize, all: usize) -> Result<Pushed, PushError> {
        self.store.sync_names().map_err(|error| PushError::Target(error.into()))?;
        Ok(Pushed { pushed: missing, cached: all.saturating_sub(missing), _lock: self.lock })
    }
}

/// Entries of which the contents come.
pub(crate) struct Arriving<'a> {
    store: &'a Store,
    waiting: std::vec::IntoIter<(Option<&'a PathLock<'a>>, Arrival)>,
    now: Option<(StoreName, Now<'a>)>,
    whole: Vec<Filled<'a>>,
}

#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
enum Now<'a> {
    Written(Filling<'a>),
    PassedOver { left: u64 },
}

impl Arriving<'_> {
    /// Writes bytes. Returns those that are behind the last entry.
    pub(crate) fn take<'b>(&mut self, mut bytes: &'b [u8]) -> Result<&'b [u8], PushError> {
        while let Some((name, now)) = &mut self.now
            && !bytes.is_empty()
        {
            bytes = match now {
                Now::Written(filling) => filling.take(bytes).map_err(|error| unfilled(name, error))?,
                Now::PassedOver { left } => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= count as u64;
                    bytes.split_at(count).1
                }
            };
            self.advance()?;
        }
        Ok(bytes)
    }

    /// Tells whether everything came.
    pub(crate) fn is_whole(&self) -> bool {
        self.now.is_none()
    }

    /// Goes on to the next entry that still takes bytes.
    fn advance(&mut self) -> Result<(), PushError> {
        loop {
            match self.now.take() {
                Some((_, Now::Written(filling))) if filling.is_whole() => self.whole.extend(filling.end()),
                Some((_, Now::PassedOver { left: 0 })) | None => {}
                now @ Some(_) => {
                    self.now = now;
                    return Ok(());
                }
            }
            let Some((lock, Arrival { derivation, manifest })) = self.waiting.next() else { return Ok(()) };
            let name = derivation.name().clone();
            let now = match lock {
                None => Now::PassedOver { left: manifest.size() },
                Some(lock) => {
                    let staged = self.store.stage(lock).map_err(|error| unfilled(&name, error.into()))?;
                    let filling = self.store.fill(staged, derivation, manifest);
                    Now::Written(filling.map_err(|error| unfilled(&name, error))?)
                }
            };
            self.now = Some((name, now));
        }
    }
}

fn unfilled(name: &StoreName, error: FillError) -> PushError {
    let name = name.clone();
    match error {
        FillError::Content { number } => PushError::Content { name, number },
        FillError::Disk(error) => PushError::Disk { name, error },
        FillError::OtherLock { .. } | FillError::Empty | FillError::Unfit { .. } => PushError::Unfit { name, error },
    }
}
