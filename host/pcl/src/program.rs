//! A program by name: modules, their members, what each contributes, and where every reference leads.

use crate::ast::{Ast, Decl, DeclId, Node, NodeId};
use crate::symbol::Symbol;
use crate::types::TypeId;
use punix_diag::Span;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

/// Index of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub(crate) u32);

/// Index of a member of a module. Members of one module are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub(crate) u32);

/// Index of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScenarioId(pub(crate) u32);

/// All blocks of one name together.
#[derive(Debug, Clone)]
pub struct Module {
    pub name: Symbol,
    /// The name in its first block.
    pub at: Span,
    pub(crate) members: Range<u32>,
    pub(crate) blocks: Vec<u32>,
    /// Whether a declaration may be missing because it could not be read.
    pub(crate) damaged: bool,
    /// Whether it has a member `recipe`.
    pub(crate) package: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    Option(TypeId),
    Derived,
    /// A package's `pname` where none is declared: the module's name.
    ImplicitName,
    /// A package's path in the store.
    Out,
}

/// A named slot of a module.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    pub module: ModuleId,
    pub name: Symbol,
    pub kind: MemberKind,
    pub(crate) decl: Option<DeclId>,
}

/// All scenario blocks of one name together.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: Symbol,
    pub at: Span,
    pub(crate) contributions: Vec<(MemberId, DeclId)>,
}

/// The program, indexed. Made by [`crate::check()`].
#[derive(Debug)]
pub struct Program {
    pub ast: Ast,
    pub(crate) modules: Vec<Module>,
    pub(crate) members: Vec<Member>,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) module_of: FastMap<u64, ModuleId>,
    /// Members of modules that have more than [`FEW_MEMBERS`].
    pub(crate) member_of: FastMap<u64, MemberId>,
    pub(crate) scenario_of: FastMap<u64, ScenarioId>,
    /// Per member the contributions from modules, in reading order by module.
    pub(crate) contributions: Grouped<DeclId>,
    /// Per declaration the module whose names it sees.
    pub(crate) scopes: Vec<ModuleId>,
    /// Per node the member it refers to, or `NO_MEMBER`.
    pub(crate) targets: Vec<u32>,
    /// Per declaration whether it was reported, so that it has no value.
    pub(crate) faulty: Vec<bool>,
    /// Per member its type.
    pub(crate) types: Vec<TypeId>,
}

/// Modules of up to this many members are looked through; larger ones have their members in a map.
pub(crate) const FEW_MEMBERS: usize = 16;
pub(crate) const NO_MEMBER: u32 = u32::MAX;
pub(crate) const NO_MODULE: ModuleId = ModuleId(u32::MAX);

impl Program {
    /// Lists the modules in order of first appearance.
    pub fn modules(&self) -> impl Iterator<Item = (ModuleId, &Module)> {
        self.modules.iter().enumerate().map(|(index, module)| (ModuleId(index as u32), module))
    }

    /// Lists the scenarios in order of first appearance.
    pub fn scenarios(&self) -> impl Iterator<Item = (ScenarioId, &Scenario)> {
        self.scenarios.iter().enumerate().map(|(index, scenario)| (ScenarioId(index as u32), scenario))
    }

    /// Lists a module's members, declared ones first, in reading order: options, then derived members.
    pub fn members_of(&self, module: ModuleId) -> impl Iterator<Item = (MemberId, &Member)> {
        self.module(module).members.clone().map(|index| (MemberId(index), &self.members[index as usize]))
    }

    pub fn module(&self, module: ModuleId) -> &Module {
        &self.modules[module.0 as usize]
    }

    pub fn member(&self, member: MemberId) -> &Member {
        &self.members[member.0 as usize]
    }

    pub fn scenario(&self, scenario: ScenarioId) -> &Scenario {
        &self.scenarios[scenario.0 as usize]
    }

    /// Finds a module by its name.
    pub fn module_named(&self, name: &str) -> Option<ModuleId> {
        self.module_by(self.ast.symbols.get(name)?)
    }

    /// Finds a member by its name.
    pub fn member_named(&self, module: ModuleId, name: &str) -> Option<MemberId> {
        self.member_by(module, self.ast.symbols.get(name)?)
    }

    /// Finds a scenario by its name.
    pub fn scenario_named(&self, name: &str) -> Option<ScenarioId> {
        self.scenario_of.get(&u64::from(self.ast.symbols.get(name)?.0)).copied()
    }

    /// Tells whether a module is a package: whether it has a member `recipe`.
    pub fn is_package(&self, module: ModuleId) -> bool {
        self.module(module).package
    }

    /// Tells whether a member is some package's `pname`.
    pub(crate) fn is_package_name(&self, member: MemberId) -> bool {
        let Member { module, name, .. } = *self.member(member);
        name == crate::symbol::known::PNAME && self.is_package(module)
    }

    /// Returns the declared or inferred type of a member.
    pub fn type_of(&self, member: MemberId) -> TypeId {
        self.types[member.0 as usize]
    }

    /// Returns `Module.member`.
    pub fn show(&self, member: MemberId) -> String {
        let Member { module, name, .. } = *self.member(member);
        format!("{}.{}", self.ast.text(self.module(module).name), self.ast.text(name))
    }

    /// Returns what a note says of something that is so under a scenario only.
    pub(crate) fn under(&self, scenario: ScenarioId) -> String {
        format!("under the scenario `{}`", self.ast.text(self.scenario(scenario).name))
    }

    /// Returns where a member is declared; for implied ones, where its module begins.
    pub fn place(&self, member: MemberId) -> Span {
        let member = self.member(member);
        member.decl.map_or(self.module(member.module).at, |decl| self.ast.decl(decl).at)
    }

    pub(crate) fn module_by(&self, name: Symbol) -> Option<ModuleId> {
        self.module_of.get(&u64::from(name.0)).copied()
    }

    pub(crate) fn member_by(&self, module: ModuleId, name: Symbol) -> Option<MemberId> {
        let members = self.module(module).members.clone();
        if members.len() <= FEW_MEMBERS {
            let own = &self.members[members.start as usize..members.end as usize];
            return own
                .iter()
                .position(|member| member.name == name)
                .map(|index| MemberId(members.start + index as u32));
        }
        self.member_of.get(&key(module, name)).copied()
    }

    pub(crate) fn scope(&self, decl: DeclId) -> ModuleId {
        self.scopes[decl.0 as usize]
    }

    /// Lists the members that an expression refers to, with the node of each reference.
    pub(crate) fn references(&self, code: Range<u32>) -> impl Iterator<Item = (NodeId, MemberId)> {
        code.filter_map(|index| {
            let target = self.targets[index as usize];
            (target != NO_MEMBER).then_some((NodeId(index), MemberId(target)))
        })
    }

    /// Returns a member's own expression: a derived member's, or an option's default.
    pub(crate) fn own_expression(&self, member: MemberId) -> Option<(DeclId, &Decl)> {
        let decl = self.member(member).decl?;
        let found = self.ast.decl(decl);
        (!found.code.is_empty()).then_some((decl, found))
    }

    /// Tells whether a node is a reference written with its module's name.
    pub(crate) fn is_qualified(&self, node: NodeId) -> bool {
        matches!(self.ast.node(node), Node::Member { .. })
    }
}

pub(crate) fn key(module: ModuleId, name: Symbol) -> u64 {
    u64::from(module.0) << 32 | u64::from(name.0)
}

/// Lists of values, one per index, in one array.
#[derive(Debug)]
pub(crate) struct Grouped<T> {
    starts: Vec<u32>,
    values: Vec<T>,
}

impl<T> Default for Grouped<T> {
    fn default() -> Grouped<T> {
        Grouped { starts: Vec::new(), values: Vec::new() }
    }
}

impl<T: Copy> Grouped<T> {
    /// Groups `pairs` by index, keeping their order.
    pub(crate) fn new(groups: usize, pairs: &[(u32, T)]) -> Grouped<T> {
        if pairs.is_empty() {
            return Grouped::default();
        }
        let mut starts = vec![0u32; groups + 1];
        for (group, _) in pairs {
            starts[*group as usize + 1] += 1;
        }
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut values: Vec<T> = pairs.iter().map(|pair| pair.1).collect();
        for (group, value) in pairs {
            let slot = &mut next[*group as usize];
            values[*slot as usize] = *value;
            *slot += 1;
        }
        Grouped { starts, values }
    }

    pub(crate) fn get(&self, group: u32) -> &[T] {
        match (self.starts.get(group as usize), self.starts.get(group as usize + 1)) {
            (Some(&from), Some(&until)) => &self.values[from as usize..until as usize],
            _ => &[],
        }
    }
}

/// A map from small integers. Its order is never used.
pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<MixHasher>>;

/// Mixes one integer; enough for keys that we number ourselves.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct MixHasher(u64);

impl Hasher for MixHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let wide = u128::from(self.0.rotate_left(29) ^ word) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (wide as u64) ^ ((wide >> 64) as u64);
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}
