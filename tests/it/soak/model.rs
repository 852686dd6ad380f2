//! What a stack should be, however it came to be so.

use super::ground::PACKAGES;
use crate::deploys::histories::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// How many generations a deploy keeps.
const KEPT: usize = 10;

/// What a generation consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// By name: mode and content.
    pub(super) files: BTreeMap<String, (u32, String)>,
    /// Numbers of packages; a file says where each one is.
    pub(super) packages: BTreeSet<usize>,
}

/// A generation that is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) wanted: Wanted,
    /// Which one was live before it.
    pub(super) previous: Option<usize>,
}

/// A stack.
#[derive(Debug, Clone, Default)]
pub(super) struct Stack {
    pub(super) name: &'static str,
    pub(super) kept: BTreeMap<usize, Kept>,
    pub(super) current: Option<usize>,
    /// The highest number there ever was.
    pub(super) highest: usize,
}

impl Wanted {
    /// Returns something else, or now and then the same: files come, go, and change in bytes or in mode.
    pub(super) fn random(before: Option<&Wanted>, random: &mut Random) -> Wanted {
        let mut wanted = before.cloned().unwrap_or_default();
        for name in 0..8 {
            let name = format!("{}/{name}", name % 3);
            let mode = [0o644, 0o600, 0o640][random.below(3)];
            let content = format!("content {}\n", random.below(5)).repeat(1 + random.below(3) * random.below(300));
            match random.below(8) {
                0 => drop(wanted.files.remove(&name)),
                1 => drop(wanted.files.insert(name, (mode, content))),
                2 => {
                    wanted.files.entry(name).and_modify(|file| file.0 = mode).or_insert((mode, content));
                }
                3 => {
                    wanted.files.entry(name).and_modify(|file| file.1.clone_from(&content)).or_insert((mode, content));
                }
                _ => {}
            }
        }
        match random.below(4) {
            0 => drop(wanted.packages.insert(random.below(PACKAGES))),
            1 => drop(wanted.packages.remove(&random.below(PACKAGES))),
            _ => {}
        }
        wanted
    }

    /// Writes the module that asks for it.
    pub(super) fn module(&self, stack: &str) -> String {
        let mut rows = String::new();
        for (name, (mode, content)) in &self.files {
            let content = content.replace('\n', "\\n");
            let _ = writeln!(
                rows,
                "    {{ path = \"/etc/{stack}/{name}\" content = \"{content}\" mode = \"{mode:04o}\" }}"
            );
        }
        for package in &self.packages {
            let _ =
                writeln!(rows, "    {{ path = \"/etc/{stack}/package/{package}\" content = f\"{{P{package}.out}}\" }}");
        }
        let modules: Vec<String> = self.packages.iter().map(|package| format!("\"P{package}\"")).collect();
        let modules = modules.join(", ");
        format!(
            "module {stack} {{\n  backend = \"systemd\"\n  storeModules = [{modules}]\n  configFiles = [\n{rows}  ]\n}}\n"
        )
    }
}

impl Stack {
    /// Returns what is live.
    pub(super) fn live(&self) -> Option<&Wanted> {
        self.current.map(|number| &self.kept[&number].wanted)
    }

    /// Returns where a way back leads, if there is one.
    pub(super) fn way_back(&self) -> Option<usize> {
        let previous = self.kept.get(&self.current?)?.previous?;
        self.kept.contains_key(&previous).then_some(previous)
    }

    /// Returns it after a deploy, which makes no generation if all is as it is to be, what stands there too.
    pub(super) fn deployed(&self, wanted: Wanted, is_drifted: bool) -> Stack {
        if self.live() == Some(&wanted) && !is_drifted {
            return self.clone();
        }
        let mut after = self.clone();
        after.highest += 1;
        after.kept.insert(after.highest, Kept { wanted, previous: self.current });
        after.current = Some(after.highest);
        after.trimmed(KEPT)
    }

    pub(super) fn at(&self, number: usize) -> Stack {
        Stack { current: Some(number), ..self.clone() }
    }

    /// Returns it with so many generations, and always the live one and the one before it.
    pub(super) fn trimmed(mut self, keep: usize) -> Stack {
        let Some(live) = self.current else { return self };
        let previous = self.kept[&live].previous;
        let old: Vec<usize> = self.kept.keys().rev().skip(keep).copied().collect();
        self.kept.retain(|number, _| !old.contains(number) || *number == live || Some(*number) == previous);
        self
    }

    pub(super) fn removed(&self) -> Stack {
        Stack { name: self.name, highest: self.highest, ..Stack::default() }
    }

    pub(super) fn numbers(&self) -> BTreeSet<usize> {
        self.kept.keys().copied().collect()
    }
}
