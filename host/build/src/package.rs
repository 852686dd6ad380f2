//! A package that can be built, and the order in which packages are.

use crate::recipe::Recipe;
use crate::source::Source;
use punix_store::{Derivation, StoreName};
use std::collections::HashMap;

/// A package: what it is built from, how, and where its source is to be had.
#[derive(Debug, Clone)]
pub struct Package {
    /// What people call it: the name of its module, or of its entry.
    pub label: String,
    pub derivation: Derivation,
    pub recipe: &'static Recipe,
    pub source: Source,
}

impl Package {
    /// Returns the name of the entry that it becomes.
    pub fn name(&self) -> &StoreName {
        self.derivation.name()
    }
}

/// Packages, each after all that it needs. Invariant: what a package needs is among them, before it.
#[derive(Debug, Default)]
pub struct Packages {
    packages: Vec<Package>,
    /// Which ones each needs directly, by package name, version and entry.
    inputs: Vec<Vec<usize>>,
    places: HashMap<StoreName, usize>,
}

impl Packages {
    /// Adds a package after all that it needs. Returns its place, that of an equal one if there is one. `None` says
    /// that an input is not here.
    pub fn add(&mut self, package: Package) -> Option<usize> {
        if let Some(&place) = self.places.get(package.name()) {
            return Some(place);
        }
        let names = package.derivation.parts().inputs.iter();
        let mut inputs: Vec<usize> = names.map(|name| self.places.get(name).copied()).collect::<Option<_>>()?;
        // Which one is `DEP_0` must follow from what names the entry, so from nothing but the inputs themselves.
        inputs.sort_by_key(|&input| {
            let parts = self.packages[input].derivation.parts();
            (parts.package.clone(), parts.version.clone(), self.packages[input].name().clone())
        });
        let place = self.packages.len();
        self.places.insert(package.name().clone(), place);
        self.packages.push(package);
        self.inputs.push(inputs);
        Some(place)
    }

    /// Returns where a package is.
    pub fn place(&self, name: &StoreName) -> Option<usize> {
        self.places.get(name).copied()
    }

    pub fn len(&self) -> usize {
        self.packages.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// Returns the package at a place.
    pub fn get(&self, place: usize) -> &Package {
        &self.packages[place]
    }

    /// Returns all of them in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Package> {
        self.packages.iter()
    }

    /// Returns the places of what a package needs directly.
    pub fn inputs(&self, place: usize) -> &[usize] {
        &self.inputs[place]
    }

    /// Returns the places of all that a package needs, in order.
    pub(crate) fn closure(&self, place: usize) -> Vec<usize> {
        let mut needed = vec![false; place];
        let mut todo = self.inputs[place].clone();
        while let Some(next) = todo.pop() {
            if !std::mem::replace(&mut needed[next], true) {
                todo.extend(&self.inputs[next]);
            }
        }
        (0..place).filter(|&at| needed[at]).collect()
    }
}

impl<'p> IntoIterator for &'p Packages {
    type Item = &'p Package;
    type IntoIter = std::slice::Iter<'p, Package>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
