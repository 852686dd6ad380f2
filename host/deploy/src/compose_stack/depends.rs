//! What services depend on: it is there, it is enabled, and nobody waits for himself.

use super::reader::{Reader, Spot, quoted};
use super::services::{Found, ServiceNames};
use punix_diag::Code;
use std::collections::HashMap;

/// What is known of a service on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Closed,
}

impl Reader<'_> {
    /// Checks what services depend on.
    pub(super) fn depends(&mut self, found: &Found) {
        let index: HashMap<&str, usize> =
            found.needs.iter().enumerate().map(|(index, (name, _))| (name.as_str(), index)).collect();
        let mut graph: Vec<Vec<(usize, &Spot)>> = Vec::with_capacity(found.needs.len());
        for (name, needs) in &found.needs {
            let mut edges = Vec::with_capacity(needs.len());
            for (need, spot) in needs {
                match index.get(need.as_str()) {
                    Some(&other) => edges.push((other, spot)),
                    None => self.no_service(name, need, spot, found),
                }
            }
            graph.push(edges);
        }
        self.circles(found, &graph);
    }

    fn no_service(&mut self, name: &str, need: &str, spot: &Spot, found: &Found) {
        if found.names.enabled.contains(need) {
            return; // what is wrong with it was reported
        }
        if found.names.disabled.contains(need) {
            let message = format!("service `{name}` depends on `{need}`, which is disabled (`enable = false`)");
            return self.refuse(Code::E2, spot, message, "enable it, or do not depend on it");
        }
        let message = format!("service `{name}` depends on {}, which is not a service of this stack", quoted(need));
        let help = self.no_service_help(need, &found.names);
        self.refuse(Code::E2, spot, message, help);
    }

    /// Returns what to do about a name that no service has.
    pub(super) fn no_service_help(&self, name: &str, names: &ServiceNames) -> String {
        let names: Vec<&str> = names.enabled.iter().map(String::as_str).collect();
        match names.is_empty() {
            true => "the stack has no services".to_owned(),
            false => self.meant(name, "the services of the stack are", &names),
        }
    }

    /// Reports services that wait for each other; of circles that meet, one.
    fn circles(&mut self, found: &Found, graph: &[Vec<(usize, &Spot)>]) {
        let mut states = vec![State::New; graph.len()];
        let mut told = vec![false; graph.len()];
        for start in 0..graph.len() {
            if states[start] != State::New {
                continue;
            }
            states[start] = State::Open;
            let mut path = vec![(start, 0)];
            while let Some((at, next)) = path.last_mut() {
                let Some(&(other, spot)) = graph[*at].get(*next) else {
                    states[*at] = State::Closed;
                    path.pop();
                    continue;
                };
                *next += 1;
                match states[other] {
                    State::Closed => {}
                    State::New => {
                        states[other] = State::Open;
                        path.push((other, 0));
                    }
                    State::Open => {
                        let from = path.iter().position(|step| step.0 == other).unwrap_or(0);
                        let circle: Vec<usize> = path[from..].iter().map(|step| step.0).collect();
                        if !circle.iter().any(|&one| told[one]) {
                            self.circle(found, &circle, spot);
                        }
                        circle.iter().for_each(|&one| told[one] = true);
                    }
                }
            }
        }
    }

    fn circle(&mut self, found: &Found, circle: &[usize], spot: &Spot) {
        let mut names: Vec<String> = circle.iter().map(|&one| format!("`{}`", found.needs[one].0)).collect();
        if let [only] = names.as_slice() {
            let message = format!("service {only} depends on itself");
            return self.refuse(Code::E7, spot, message, "remove it from its own `dependsOn`");
        }
        names.extend(names.first().cloned());
        let message = format!("services wait for each other: {}", names.join(" → "));
        self.refuse(Code::E7, spot, message, "remove one of these from a `dependsOn`");
    }
}
