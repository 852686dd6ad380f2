//! Which package needs which, and in what order they can be built.
//!
//! A package needs those that its expressions refer to, those whose paths are in its values, by however many modules they
//! came there, and those that `deps` names.

use super::Choice;
use crate::value::each_package;
use punix_diag::{Code, Diagnostic, Span, closest};
use punix_pcl::{Evaluator, MemberId, ModuleId, Program, Value, ValueId};
use std::collections::{BTreeMap, HashMap};

/// What a module says as a package, as far as the language knows it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) module: ModuleId,
    pub(super) package: String,
    pub(super) package_at: Span,
    pub(super) version: String,
    pub(super) version_at: Span,
    pub(super) recipe: String,
    pub(super) arguments: Option<ValueId>,
    pub(super) source: Option<ValueId>,
    /// Whether all of this could be read.
    pub(super) sound: bool,
    /// What it needs directly.
    pub(super) inputs: Vec<ModuleId>,
}

/// Returns the wanted packages and all that they need, each after what it needs.
pub(super) fn order<'p>(
    choice: Choice<'p>,
    evaluator: &mut Evaluator<'p>,
    wanted: &[ModuleId],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Node> {
    let mut reader = Reader { choice, evaluator, by_name: None, errors };
    let mut states: HashMap<ModuleId, State> = HashMap::new();
    let mut done: Vec<Node> = Vec::new();
    for &root in wanted {
        let mut path: Vec<(Node, usize)> = Vec::new();
        reader.enter(root, &mut states, &mut path);
        while let Some((node, next)) = path.last_mut() {
            let Some(&input) = node.inputs.get(*next) else {
                states.insert(node.module, State::Closed);
                done.extend(path.pop().map(|(node, _)| node));
                continue;
            };
            *next += 1;
            match states.get(&input) {
                Some(State::Closed) => {}
                None => reader.enter(input, &mut states, &mut path),
                Some(State::Open) => reader.circle(input, &path),
            }
        }
    }
    done
}

#[derive(Clone, Copy)]
enum State {
    Open,
    Closed,
}

struct Reader<'r, 'p> {
    choice: Choice<'p>,
    evaluator: &'r mut Evaluator<'p>,
    /// Packages by the name that they give themselves; made when it is asked for.
    by_name: Option<BTreeMap<String, Vec<ModuleId>>>,
    errors: &'r mut Vec<Diagnostic>,
}

impl<'p> Reader<'_, 'p> {
    fn program(&self) -> &'p Program {
        &self.choice.checked.program
    }

    fn enter(&mut self, module: ModuleId, states: &mut HashMap<ModuleId, State>, path: &mut Vec<(Node, usize)>) {
        if states.contains_key(&module) {
            return;
        }
        states.insert(module, State::Open);
        let node = self.node(module);
        path.push((node, 0));
    }

    fn node(&mut self, module: ModuleId) -> Node {
        let at = self.program().module(module).at;
        let before = self.errors.len();
        let (package, package_at) = self.text(module, "pname").unwrap_or_else(|| (self.name(module), at));
        let (version, version_at) = self.text(module, "version").unwrap_or_else(|| ("0".to_owned(), at));
        let (recipe, _) = self.text(module, "recipe").unwrap_or_default();
        let arguments = self.value(module, "recipeArgs");
        let source = self.value(module, "source");
        let sound = self.errors.len() == before;
        let mut inputs: Vec<ModuleId> =
            self.program().build_inputs(module, self.choice.scenario).into_iter().map(|(_, input)| input).collect();
        for value in arguments.into_iter().chain(source) {
            each_package(&self.evaluator.values, value, &mut |input| inputs.push(input));
        }
        self.named_inputs(module, &mut inputs);
        inputs.retain(|&input| input != module);
        inputs.sort_unstable();
        inputs.dedup();
        Node { module, package, package_at, version, version_at, recipe, arguments, source, sound, inputs }
    }

    fn name(&self, module: ModuleId) -> String {
        self.program().ast.text(self.program().module(module).name).to_owned()
    }

    fn member(&self, module: ModuleId, name: &str) -> Option<MemberId> {
        self.program().member_named(module, name)
    }

    fn value(&mut self, module: ModuleId, name: &str) -> Option<ValueId> {
        let member = self.member(module, name)?;
        self.evaluator.evaluate(member);
        if self.evaluator.is_unfilled(member) {
            let message = format!("nothing fills the option `{}` here", self.program().show(member));
            let help = "choose a scenario that fills it with `--scenario`, or give it a default";
            self.errors.push(Diagnostic::error(Code::E3, message).at(self.program().place(member)).help(help));
        }
        self.evaluator.value(member)
    }

    fn text(&mut self, module: ModuleId, name: &str) -> Option<(String, Span)> {
        let value = self.value(module, name)?;
        let otherwise = self.member(module, name).map(|member| self.program().place(member));
        let at = self.evaluator.values.origin(value).or(otherwise)?;
        match self.evaluator.values.get(value) {
            Value::Text(text) => Some((self.evaluator.values.text(text).to_owned(), at)),
            _ => {
                let message = format!("`{name}` of a package must be a text that is known before anything is built");
                self.errors.push(Diagnostic::error(Code::E1, message).at(at));
                None
            }
        }
    }

    /// Adds the packages that `deps` gives the names of.
    fn named_inputs(&mut self, module: ModuleId, inputs: &mut Vec<ModuleId>) {
        let Some(deps) = self.value(module, "deps") else { return };
        let Value::List(items) = self.evaluator.values.get(deps) else { return };
        for item in self.evaluator.values.items(items).to_vec() {
            let Value::Text(text) = self.evaluator.values.get(item) else { continue };
            let wanted = self.evaluator.values.text(text).to_owned();
            let at = self.evaluator.values.origin(item);
            let at = at.unwrap_or_else(|| self.program().module(module).at);
            let found = self.by_name().get(&wanted).cloned().unwrap_or_default();
            // A reference such as `Lib.pname` says which one is meant.
            if found.iter().any(|candidate| inputs.contains(candidate)) {
                continue;
            }
            match found.as_slice() {
                [one] => inputs.push(*one),
                [] => self.no_package(&wanted, at),
                several => {
                    let names: Vec<String> = several.iter().map(|&one| format!("`{}.pname`", self.name(one))).collect();
                    let message = format!("more than one package is called `{wanted}`");
                    let help = format!("write which one is meant: {}", names.join(" or "));
                    self.errors.push(Diagnostic::error(Code::E2, message).at(at).help(help));
                }
            }
        }
    }

    fn no_package(&mut self, wanted: &str, at: Span) {
        let near = closest(wanted, self.by_name().keys().map(String::as_str)).map(|(near, _)| near.to_owned());
        let error = Diagnostic::error(Code::E2, format!("no package of this program is called `{wanted}`")).at(at);
        self.errors.push(match near {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help("name a package's `pname`, best as a reference: `deps = [Lib.pname]`"),
        });
    }

    fn by_name(&mut self) -> &BTreeMap<String, Vec<ModuleId>> {
        if self.by_name.is_none() {
            let packages: Vec<ModuleId> =
                self.program().modules().map(|(id, _)| id).filter(|&id| self.program().is_package(id)).collect();
            let mut names: BTreeMap<String, Vec<ModuleId>> = BTreeMap::new();
            for package in packages {
                let Some(member) = self.member(package, "pname") else { continue };
                self.evaluator.evaluate(member);
                let Some(value) = self.evaluator.value(member) else { continue };
                if let Value::Text(text) = self.evaluator.values.get(value) {
                    names.entry(self.evaluator.values.text(text).to_owned()).or_default().push(package);
                }
            }
            self.by_name = Some(names);
        }
        self.by_name.get_or_insert_default()
    }

    /// Says that packages need each other, in a way that only their values show.
    fn circle(&mut self, input: ModuleId, path: &[(Node, usize)]) {
        let start = path.iter().position(|(node, _)| node.module == input).unwrap_or(0);
        let mut names: Vec<String> = path[start..].iter().map(|(node, _)| self.name(node.module)).collect();
        names.push(self.name(input));
        let message = format!("packages need each other: {}", names.join(" → "));
        let at = self.program().module(input).at;
        self.errors.push(Diagnostic::error(Code::E7, message).at(at).help("remove one of these references"));
    }
}
