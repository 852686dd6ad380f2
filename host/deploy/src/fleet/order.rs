//! In which order hosts go: whoever gives something goes before whoever takes it, and otherwise the file says it.

#[cfg(test)]
mod tests;

use crate::artifacts::Links;
use punix_diag::{Code, Diagnostic, Span};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// What one host gives and takes.
#[derive(Debug, Clone, Copy)]
pub struct HostLinks<'l> {
    pub machine: Option<&'l str>,
    /// Nothing of a host whose stack cannot be composed: whoever takes something from it waits for it in vain.
    pub links: Option<&'l Links>,
    /// Where the fleet names it.
    pub at: Span,
}

/// Something that a host waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The place of the host that gives it.
    pub host: usize,
    pub machine: String,
    pub artifact: String,
}

/// An order of hosts. Invariant: each is there once, and after all that it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Places of hosts, in the order in which they go.
    pub sequence: Vec<usize>,
    /// What each host waits for, by its place.
    pub(super) upstream: Vec<Vec<Upstream>>,
}

impl Order {
    /// Returns an order of hosts that wait for nothing.
    pub fn free(count: usize) -> Order {
        Order { sequence: (0..count).collect(), upstream: vec![Vec::new(); count] }
    }

    /// Returns what a host waits for.
    pub fn upstream(&self, host: usize) -> &[Upstream] {
        self.upstream.get(host).map_or(&[], Vec::as_slice)
    }

    /// Returns the order of some hosts alone, which are called by their places in this list then. The list is in the order in
    /// which they go. What is not in it is not waited for.
    #[must_use]
    pub fn only(&self, places: &[usize]) -> Order {
        let new: BTreeMap<usize, usize> = places.iter().enumerate().map(|(new, &old)| (old, new)).collect();
        let of = |old: &usize| {
            let waits = self.upstream.get(*old).into_iter().flatten();
            waits.filter_map(|it| Some(Upstream { host: *new.get(&it.host)?, ..it.clone() })).collect()
        };
        Order { sequence: (0..places.len()).collect(), upstream: places.iter().map(of).collect() }
    }
}

/// Finds the order of hosts, or everything that keeps them from having one.
pub fn fleet_order(hosts: &[HostLinks<'_>]) -> Result<Order, Vec<Diagnostic>> {
    let graph = Graph { hosts, by_machine: by_machine(hosts) };
    let mut errors = graph.clashes();
    let mut upstream = Vec::with_capacity(hosts.len());
    for place in 0..hosts.len() {
        upstream.push(graph.upstream(place, &mut errors));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let sequence = sorted(&upstream);
    if sequence.len() < hosts.len() {
        return Err(vec![graph.cycle(&upstream)]);
    }
    Ok(Order { sequence, upstream })
}

fn by_machine<'l>(hosts: &[HostLinks<'l>]) -> BTreeMap<&'l str, Vec<usize>> {
    let mut by_machine: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, host) in hosts.iter().enumerate() {
        if let Some(machine) = host.machine {
            by_machine.entry(machine).or_default().push(place);
        }
    }
    by_machine
}

struct Graph<'g> {
    hosts: &'g [HostLinks<'g>],
    /// A machine can have several stacks.
    by_machine: BTreeMap<&'g str, Vec<usize>>,
}

impl Graph<'_> {
    fn host(&self, place: usize) -> &HostLinks<'_> {
        &self.hosts[place]
    }

    /// Tells of machines of which two stacks give something of one name.
    fn clashes(&self) -> Vec<Diagnostic> {
        let mut errors = Vec::new();
        for (machine, places) in &self.by_machine {
            let mut given: BTreeMap<&str, usize> = BTreeMap::new();
            for &place in places {
                for artifact in self.host(place).links.into_iter().flat_map(|links| &links.produces) {
                    let Some(other) = given.insert(&artifact.name, place) else { continue };
                    let name = &artifact.name;
                    let message = format!("two stacks of the machine `{machine}` give the artifact `{name}`");
                    let error = Diagnostic::error(Code::E6, message).at(self.host(place).at);
                    let error = error.note_at(self.host(other).at, "the other one is here");
                    errors.push(error.help("give one of them another name"));
                }
            }
        }
        errors
    }

    /// Returns what a host waits for.
    fn upstream(&self, place: usize, errors: &mut Vec<Diagnostic>) -> Vec<Upstream> {
        let host = self.host(place);
        let mut upstream = Vec::new();
        for wanted in host.links.into_iter().flat_map(|links| &links.consumes) {
            let (machine, name) = (&wanted.machine, &wanted.name);
            if host.machine.is_none() {
                let message = format!("a host that takes the artifact {machine}:{name} has to say which machine it is");
                errors.push(Diagnostic::error(Code::E3, message).at(host.at).help("add `machine = …` to it"));
                continue;
            }
            match self.giver(machine, name) {
                Some(giver) => {
                    upstream.push(Upstream { host: giver, machine: machine.clone(), artifact: name.clone() });
                }
                None => errors.push(self.undeclared(place, machine, name)),
            }
        }
        upstream
    }

    /// Returns who gives something; of a machine that cannot be composed, whoever it is that cannot.
    fn giver(&self, machine: &str, name: &str) -> Option<usize> {
        let places = self.by_machine.get(machine)?;
        let gives = |place: &&usize| {
            let links = self.host(**place).links;
            links.is_some_and(|links| links.produces.iter().any(|artifact| artifact.name == name))
        };
        let unknown = |place: &&usize| self.host(**place).links.is_none();
        places.iter().find(gives).or_else(|| places.iter().find(unknown)).copied()
    }

    fn undeclared(&self, place: usize, machine: &str, name: &str) -> Diagnostic {
        let host = self.host(place);
        let who = host.machine.unwrap_or_default();
        let Some(places) = self.by_machine.get(machine) else {
            let message =
                format!("the host `{who}` takes the artifact {machine}:{name}, and no host is the machine `{machine}`");
            let near = punix_diag::closest(machine, self.by_machine.keys().copied());
            let help = near.map_or("add `machine = …` to the host that gives it".to_owned(), |(near, _)| {
                format!("did you mean `{near}`?")
            });
            return Diagnostic::error(Code::E2, message).at(host.at).help(help);
        };
        let message = format!("the host `{who}` takes the artifact {machine}:{name}, and `{machine}` does not give it");
        let given = places.iter().filter_map(|&place| self.host(place).links).flat_map(|links| &links.produces);
        let given: Vec<&str> = given.map(|artifact| artifact.name.as_str()).collect();
        let help = match punix_diag::closest(name, given.iter().copied()) {
            Some((near, _)) => format!("did you mean `{near}`?"),
            None if given.is_empty() => format!("declare it in `producesArtifacts` of a stack of `{machine}`"),
            None => format!("it gives {}", given.join(", ")),
        };
        let error = Diagnostic::error(Code::E2, message).at(host.at).help(help);
        places.iter().fold(error, |error, &place| error.note_at(self.host(place).at, "which is this host"))
    }

    /// Says who waits for each other in a circle: those that do, and not those behind them.
    fn cycle(&self, upstream: &[Vec<Upstream>]) -> Diagnostic {
        let circles = circles(upstream);
        let mut machines = BTreeSet::new();
        let mut artifacts = BTreeSet::new();
        let mut first: Option<usize> = None;
        for (place, waits) in upstream.iter().enumerate() {
            let Some(circle) = circles[place] else { continue };
            machines.extend(self.host(place).machine);
            first.get_or_insert(place);
            for wait in waits.iter().filter(|wait| circles[wait.host] == Some(circle)) {
                artifacts.insert(format!("{}:{}", wait.machine, wait.artifact));
            }
        }
        let list = |names: Vec<&str>| names.join(", ");
        let message = format!(
            "cross-host artifact cycle among machines [{}] via artifact(s) [{}] — no host deployed (ARTIFACT-CYCLE)",
            list(machines.into_iter().collect()),
            list(artifacts.iter().map(String::as_str).collect())
        );
        let error = Diagnostic::error(Code::E7, message);
        let error = match first {
            Some(first) => error.at(self.host(first).at),
            None => error,
        };
        error.help("each of them waits for another one: give one of these artifacts as a literal where it is taken")
    }
}

/// Sorts hosts: whoever waits for nobody more goes, the first of the file before others. Those in a circle, and behind one,
/// are left out.
fn sorted(upstream: &[Vec<Upstream>]) -> Vec<usize> {
    let mut waiting: Vec<usize> = upstream.iter().map(Vec::len).collect();
    let behind = behind(upstream);
    let mut ready: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
    ready.extend((0..upstream.len()).filter(|&place| waiting[place] == 0).map(Reverse));
    let mut sequence = Vec::with_capacity(upstream.len());
    while let Some(Reverse(place)) = ready.pop() {
        sequence.push(place);
        for &next in &behind[place] {
            waiting[next] -= 1;
            if waiting[next] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    sequence
}

/// Returns who waits for each host, as often as he does.
fn behind(upstream: &[Vec<Upstream>]) -> Vec<Vec<usize>> {
    let mut behind = vec![Vec::new(); upstream.len()];
    for (place, waits) in upstream.iter().enumerate() {
        waits.iter().for_each(|wait| behind[wait.host].push(place));
    }
    behind
}

/// Returns for each host the circle that it is in, if it is in one: by two walks, one against the other.
fn circles(upstream: &[Vec<Upstream>]) -> Vec<Option<usize>> {
    let towards: Vec<Vec<usize>> = upstream.iter().map(|waits| waits.iter().map(|wait| wait.host).collect()).collect();
    let mut left = Vec::with_capacity(upstream.len());
    let mut seen = vec![false; upstream.len()];
    for start in 0..upstream.len() {
        walk(start, &towards, &mut seen, &mut |place| left.push(place));
    }
    let back = behind(upstream);
    let mut seen = vec![false; upstream.len()];
    let mut circles = vec![None; upstream.len()];
    for &start in left.iter().rev() {
        let mut members = Vec::new();
        walk(start, &back, &mut seen, &mut |place| members.push(place));
        let is_circle = members.len() > 1 || towards[start].contains(&start);
        for member in members.into_iter().filter(|_| is_circle) {
            circles[member] = Some(start);
        }
    }
    circles
}

/// Walks from a host as far as it goes, and hands each over when all that is behind it was handed over.
fn walk(start: usize, edges: &[Vec<usize>], seen: &mut [bool], leave: &mut dyn FnMut(usize)) {
    if std::mem::replace(&mut seen[start], true) {
        return;
    }
    let mut path = vec![(start, 0)];
    while let Some((place, next)) = path.pop() {
        match edges[place].get(next) {
            Some(&other) => {
                path.push((place, next + 1));
                if !std::mem::replace(&mut seen[other], true) {
                    path.push((other, 0));
                }
            }
            None => leave(place),
        }
    }
}
