#![allow(dead_code)]
use punix_deploy::Links;
use punix_diag::{Code, Diagnostic, Span};
use punix_pcl::{Checked, Evaluator, MemberKind, Source, json};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Fleet {
    pub(super) hosts: Vec<FleetHost>,
    machines: BTreeMap<String, BTreeMap<String, Value>>,
    globals: BTreeMap<String, Value>,
}
pub(super) struct FleetHost {
    pub(super) files: Vec<String>,
    pub(super) stack: String,
    pub(super) target: String,
    pub(super) machine: Option<String>,
    pub(super) at: Span,
}
fn lit(v: &Value) -> String { match v { Value::String(s) => format!("{:?}", s), other => other.to_string() } }
impl Fleet {
    pub(super) fn facts_for(&self, machine: Option<&str>) -> Result<Option<Source>, Diagnostic> {
        let mut text = String::new();
        for (m, fields) in &self.machines {
            text.push_str(&format!("module Fleet_{m} {{\n"));
            for (k, v) in fields { text.push_str(&format!("  {k} = {}\n", lit(v))); }
            text.push_str("}\n");
        }
        if !self.machines.is_empty() || !self.globals.is_empty() {
            text.push_str("module Fleet {\n");
            if !self.machines.is_empty() {
                let rows: Vec<String> = self.machines.iter().map(|(m, fields)| {
                    let mut row = format!("{{ name = \"{m}\"");
                    if let Some(me) = machine { row.push_str(&format!("  isSelf = {}", i32::from(me == m))); }
                    for (k, v) in fields { row.push_str(&format!("  {k} = {}", lit(v))); }
                    row + " }"
                }).collect();
                text.push_str(&format!("  machines = [\n    {}\n  ]\n", rows.join(",\n    ")));
            }
            for (k, v) in &self.globals { text.push_str(&format!("  {k} = {}\n", lit(v))); }
            text.push_str("}\n");
        }
        Ok((!text.is_empty()).then(|| Source { name: "<fleet-data>".to_owned(), bytes: text.into_bytes() }))
    }
}
fn bad(message: &str) -> Vec<Diagnostic> { vec![Diagnostic::error(Code::E1, message.to_owned())] }
pub(super) fn read_fleet(checked: &Checked) -> Result<Fleet, Vec<Diagnostic>> {
    let program = &checked.program;
    let Some(module) = program.module_named("Fleet") else { return Err(bad("'Fleet' is not a fleet module (no `hosts` field)")) };
    let mut evaluator = Evaluator::under(program, None);
    evaluator.evaluate_all();
    let errors = evaluator.errors();
    if !errors.is_empty() { return Err(errors); }
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for (member, about) in program.members_of(module) {
        if about.kind == MemberKind::Out { continue; }
        if let Some(value) = evaluator.value(member) {
            let mut text = String::new();
            if json(&evaluator.values, value, 1 << 24, &mut text).is_ok() {
                found.insert(program.ast.text(about.name).to_owned(), serde_json::from_str(&text).unwrap_or_default());
            }
        }
    }
    let Some(hosts) = found.get("hosts").and_then(Value::as_array) else { return Err(bad("Fleet.hosts must be a list")) };
    if hosts.is_empty() { return Err(bad("Fleet.hosts is empty")); }
    let mut out = Vec::new();
    for host in hosts {
        let text = |k: &str| host[k].as_str().map(str::to_owned);
        let files = match &host["file"] {
            Value::String(one) => vec![one.clone()],
            Value::Array(all) => all.iter().filter_map(|f| f.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        };
        if files.is_empty() || (host.get("machine").is_some() && text("machine").is_none()) { return Err(bad("Fleet.hosts[?].file")); }
        let (Some(stack), Some(target)) = (text("stack"), text("target")) else { return Err(bad("Fleet.hosts[?]")) };
        out.push(FleetHost { files, stack, target, machine: text("machine"), at: Span::default() });
    }
    let mut machines = BTreeMap::new();
    match found.get("machines") {
        Some(Value::Object(all)) => for (m, fields) in all {
            let Some(fields) = fields.as_object() else { return Err(bad("Fleet.machines")) };
            if fields.values().any(|v| !v.is_string() && !v.is_number()) || fields.contains_key("name") || fields.contains_key("isSelf") || fields.values().any(|v| v.as_str().is_some_and(|s| s.contains('\n'))) { return Err(bad("Fleet.machines")); }
            machines.insert(m.clone(), fields.iter().map(|(k, v)| (k.clone(), v.clone())).collect::<BTreeMap<_, _>>());
        },
        Some(_) => return Err(bad("Fleet.machines must be a record")),
        None => {}
    }
    let globals = match found.get("globals") {
        Some(Value::Object(all)) => all.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        Some(_) => return Err(bad("Fleet.globals must be a record")),
        None => BTreeMap::new(),
    };
    match found.get("uniqueFields") {
        Some(Value::Array(fields)) => for f in fields.iter().filter_map(Value::as_str) {
            let values: Vec<String> = machines.values().filter_map(|m: &BTreeMap<String, Value>| m.get(f).map(ToString::to_string)).collect();
            if values.iter().collect::<BTreeSet<_>>().len() < values.len() { return Err(bad("uniqueFields requires it to be unique")); }
        },
        Some(_) => return Err(bad("Fleet.uniqueFields must be a list")),
        None => {}
    }
    Ok(Fleet { hosts: out, machines, globals })
}
pub(super) fn fleet_collision<'t>(targets: impl Iterator<Item = &'t str>) -> Option<(String, String, String)> {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for target in targets {
        let d = fleet_directory(target);
        if let Some(other) = known.get(&d) { if *other != target { return Some(((*other).to_owned(), target.to_owned(), d)); } }
        known.insert(d, target);
    }
    None
}
pub(super) fn fleet_directory(target: &str) -> String {
    target.chars().map(|c| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}
pub(super) struct HostLinks<'l> { pub(super) machine: Option<&'l str>, pub(super) links: Option<&'l Links>, pub(super) at: Span }
#[derive(Clone)]
pub(super) struct Order { pub(super) sequence: Vec<usize>, upstream: Vec<Vec<(usize, String, String)>> }
impl Order {
    pub(super) fn free(count: usize) -> Order { Order { sequence: (0..count).collect(), upstream: vec![Vec::new(); count] } }
    pub(super) fn only(&self, places: &[usize]) -> Order {
        let upstream = places.iter().map(|p| self.upstream[*p].iter().filter_map(|(u, m, a)| Some((places.iter().position(|q| q == u)?, m.clone(), a.clone()))).collect()).collect();
        Order { sequence: (0..places.len()).collect(), upstream }
    }
}
pub(super) fn fleet_order(hosts: &[HostLinks<'_>]) -> Result<Order, Diagnostic> {
    let error = |m: String| Diagnostic::error(Code::E7, m);
    let mut upstream = vec![Vec::new(); hosts.len()];
    for (place, host) in hosts.iter().enumerate() {
        for c in host.links.iter().flat_map(|l| &l.consumes) {
            if host.machine.is_none() { return Err(error(format!("a host consuming artifact {}:{} must declare a `machine`", c.machine, c.name))); }
            let producer = hosts.iter().position(|h| h.machine == Some(c.machine.as_str()));
            let Some(producer) = producer else { return Err(error(format!("host consumes artifact {}:{}, undeclared", c.machine, c.name))) };
            if let Some(links) = hosts[producer].links && !links.produces.iter().any(|p| p.name == c.name) { return Err(error(format!("host consumes artifact {}:{}, undeclared", c.machine, c.name))); }
            upstream[place].push((producer, c.machine.clone(), c.name.clone()));
        }
    }
    let mut sequence: Vec<usize> = Vec::new();
    while sequence.len() < hosts.len() {
        let next = (0..hosts.len()).find(|p| !sequence.contains(p) && upstream[*p].iter().all(|(u, _, _)| sequence.contains(u)));
        let Some(next) = next else { return Err(error("ARTIFACT-CYCLE".to_owned())) };
        sequence.push(next);
    }
    Ok(Order { sequence, upstream })
}
pub(super) struct Rules { pub(super) jobs: usize, pub(super) fail_fast: bool, pub(super) canary: Option<usize>, pub(super) wave: Option<u8>, pub(super) max_failures: Option<usize> }
impl Rules { pub(super) fn at_once(jobs: usize) -> Rules { Rules { jobs, fail_fast: false, canary: None, wave: None, max_failures: None } } }
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Status { Ok, Failed, Blocked { machine: String, artifact: String }, NotAttempted }
pub(super) struct Run { order: Order, rules: Rules, state: Vec<Option<Status>>, started: Vec<bool>, told: usize, running: usize }
impl Run {
    pub(super) fn new(order: &Order, rules: Rules) -> Run {
        let n = order.sequence.len();
        let mut run = Run { order: order.clone(), rules, state: vec![None; n], started: vec![false; n], told: 0, running: 0 };
        run.settle();
        run
    }
    fn stops(&self) -> bool {
        let failed = self.state.iter().flatten().filter(|s| **s == Status::Failed).count();
        (self.rules.fail_fast && failed > 0) || self.rules.max_failures.is_some_and(|m| failed > m)
            || self.rules.canary.is_some_and(|c| self.order.sequence.iter().take(c).any(|p| self.state[*p] == Some(Status::Failed)))
    }
    fn settle(&mut self) {
        for p in self.order.sequence.clone() {
            if self.state[p].is_some() || self.started[p] { continue; }
            let bad = self.order.upstream[p].iter().find(|(u, _, _)| self.state[*u].as_ref().is_some_and(|s| *s != Status::Ok)).cloned();
            if let Some((u, machine, artifact)) = bad {
                if self.state[u] != Some(Status::NotAttempted) { self.state[p] = Some(Status::Blocked { machine, artifact }); continue; }
            }
            if self.stops() { self.state[p] = Some(Status::NotAttempted); }
        }
    }
    pub(super) fn next(&mut self) -> Option<usize> {
        if self.running >= self.rules.jobs || self.stops() { return None; }
        let canary = self.rules.canary.unwrap_or(0);
        let canary_done = self.order.sequence.iter().take(canary).all(|p| self.state[*p].is_some());
        let p = self.order.sequence.iter().enumerate().find(|(n, p)| (canary_done || *n < canary) && self.state[**p].is_none() && !self.started[**p] && self.order.upstream[**p].iter().all(|(u, _, _)| self.state[*u] == Some(Status::Ok))).map(|(_, p)| *p)?;
        self.started[p] = true;
        self.running += 1;
        Some(p)
    }
    pub(super) fn ended(&mut self, host: usize, is_ok: bool) {
        self.running -= 1;
        self.state[host] = Some(if is_ok { Status::Ok } else { Status::Failed });
        self.settle();
    }
    pub(super) fn settled(&mut self) -> Vec<(usize, Status)> {
        let mut out = Vec::new();
        while let Some(p) = self.order.sequence.get(self.told) {
            let Some(s) = &self.state[*p] else { break };
            out.push((*p, s.clone()));
            self.told += 1;
        }
        out
    }
    pub(super) fn is_over(&self) -> bool { self.state.iter().all(Option::is_some) }
}
