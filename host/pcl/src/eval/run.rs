//! The loop that runs expressions.

use super::{Evaluator, Fault, Loop, Reason, Slot, Task};
use crate::ast::{DeclId, Node};
use crate::canon::sort_key;
use crate::limits;
use crate::program::{MemberId, MemberKind, NO_MEMBER};
use crate::symbol::Symbol;
use crate::value::{FAILED, Value, ValueId};
use punix_diag::{Code, Diagnostic};

/// What a node asks of the loop.
enum Go {
    /// The next node.
    On,
    /// The node at this place.
    To(u32),
    /// First this member, then this node again.
    Need(MemberId),
}

impl Evaluator<'_> {
    /// Brings a member to a value.
    pub fn evaluate(&mut self, member: MemberId) {
        punix_diag::drill("evaluate");
        if self.members[member.0 as usize] != Slot::New {
            return;
        }
        self.begin(member);
        while let Some(task) = self.tasks.last_mut() {
            let outcome = match *task {
                Task::Settle { member, next } => {
                    self.settle(member, next);
                    continue;
                }
                Task::Run { decl, position, end, only } if position == end => {
                    self.tasks.pop();
                    let value = Slot::Done(self.pop());
                    self.decls[decl.0 as usize] = value;
                    if let Some(member) = only {
                        self.members[member.0 as usize] = value;
                    }
                    continue;
                }
                Task::Run { position, .. } => self.step(position),
            };
            match (outcome, self.tasks.last_mut()) {
                (Go::On, Some(Task::Run { position, .. })) => *position += 1,
                (Go::To(place), Some(Task::Run { position, .. })) => *position = place,
                (Go::Need(member), _) => self.begin(member),
                _ => {}
            }
            if self.exhausted {
                self.give_up();
            }
        }
    }

    /// Starts on a member. Most have one candidate, and its value is theirs.
    fn begin(&mut self, member: MemberId) {
        const STEPS_A_MEMBER: u64 = 4; // what surrounds its expression costs that much
        self.steps += STEPS_A_MEMBER;
        self.members[member.0 as usize] = Slot::Running;
        match self.only_candidate(member) {
            Some(decl) => self.run(decl, Some(member)),
            None => self.tasks.push(Task::Settle { member, next: 0 }),
        }
    }

    /// Starts on an expression; one that was reported already has no value.
    pub(super) fn run(&mut self, decl: DeclId, only: Option<MemberId>) {
        if self.program.faulty[decl.0 as usize] {
            self.decls[decl.0 as usize] = Slot::Done(FAILED);
            if let Some(member) = only {
                self.members[member.0 as usize] = Slot::Done(FAILED);
            }
            return;
        }
        let code = &self.program.ast.decl(decl).code;
        if code.len() == 1
            && let Some(value) = self.literal(code.start)
        {
            self.steps += 1;
            self.decls[decl.0 as usize] = Slot::Done(value);
            if let Some(member) = only {
                self.members[member.0 as usize] = Slot::Done(value);
            }
            return;
        }
        self.decls[decl.0 as usize] = Slot::Running;
        self.tasks.push(Task::Run { decl, position: code.start, end: code.end, only });
    }

    /// Drops all work after a limit was reached. What was not evaluated stays failed.
    fn give_up(&mut self) {
        for task in self.tasks.drain(..) {
            match task {
                Task::Settle { member, .. } => self.members[member.0 as usize] = Slot::Done(FAILED),
                Task::Run { decl, only, .. } => {
                    self.decls[decl.0 as usize] = Slot::Done(FAILED);
                    if let Some(member) = only {
                        self.members[member.0 as usize] = Slot::Done(FAILED);
                    }
                }
            }
        }
        self.stack.clear();
        self.loops.clear();
        self.results.clear();
    }

    fn limit(&mut self, node: u32, message: String) -> ValueId {
        let error = Diagnostic::error(Code::E20, message).at(self.place(node));
        self.fault(error)
    }

    fn exhaust(&mut self, node: u32, message: String) {
        if !self.exhausted {
            self.limit(node, message);
            self.exhausted = true;
        }
    }

    fn pop(&mut self) -> ValueId {
        self.stack.pop().unwrap_or(FAILED)
    }

    /// Returns the value of a node that needs nothing else; many members are one such node.
    fn literal(&mut self, index: u32) -> Option<ValueId> {
        let value = match self.program.ast.nodes[index as usize] {
            Node::Bool(value) => Value::Bool(value),
            Node::Int(digits) => Value::Int(digits),
            Node::Str(text) => Value::Text(text),
            _ => return None,
        };
        Some(self.values.push(value, index))
    }

    fn step(&mut self, index: u32) -> Go {
        self.steps += 1;
        if self.steps > limits::EVALUATION_STEPS_MAX {
            self.exhaust(index, format!("evaluation takes more than {} steps", limits::EVALUATION_STEPS_MAX));
            return Go::On;
        }
        let value = match self.program.ast.nodes[index as usize] {
            Node::Bool(value) => self.values.push(Value::Bool(value), index),
            Node::Int(digits) => self.values.push(Value::Int(digits), index),
            Node::Str(text) => self.values.push(Value::Text(text), index),
            Node::Secret { kind, name } => self.values.push(Value::Secret { kind, name }, index),
            Node::Artifact { host, name } => self.values.push(Value::Artifact { host, name }, index),
            Node::Broken => FAILED,
            Node::Name(_) | Node::Member { .. } => match self.load(index) {
                Ok(value) => value,
                Err(member) => return Go::Need(member),
            },
            Node::Field { field, .. } => self.field(index, field),
            Node::Woven { count } => self.woven(index, count),
            Node::List { count } => {
                let first = self.stack.len().saturating_sub(count as usize);
                let value = self.values.list(&self.stack[first..], index);
                self.stack.truncate(first);
                value
            }
            Node::Record { labels, count } => {
                let first = self.stack.len().saturating_sub(count as usize);
                let labels = &self.program.ast.labels[labels as usize..(labels + count) as usize];
                let value = self.values.record(labels, &self.stack[first..], index);
                self.stack.truncate(first);
                value
            }
            Node::Then { otherwise } => return self.branch(index, otherwise),
            Node::Else { end } => return Go::To(end + 1),
            Node::If => return Go::On,
            Node::Each { end, .. } => return self.each(index, end),
            Node::Guard => return self.guard(),
            Node::Yield { distinct, .. } => return self.yielded(index, distinct),
        };
        let value = self.bounded(index, value);
        self.stack.push(value);
        Go::On
    }

    fn bounded(&mut self, index: u32, value: ValueId) -> ValueId {
        if self.values.len() > limits::VALUES_MAX {
            self.exhaust(index, format!("evaluation makes more than {} values", limits::VALUES_MAX));
        }
        if self.values.is_too_deep(value) {
            return self.limit(index, format!("this value is more than {} deep", limits::VALUE_DEPTH_MAX));
        }
        value
    }

    /// Returns the value of the member that a node refers to, or the member to evaluate first.
    fn load(&mut self, index: u32) -> Result<ValueId, MemberId> {
        let target = self.program.targets[index as usize];
        if target == NO_MEMBER {
            return Ok(FAILED);
        }
        let member = MemberId(target);
        match self.members[target as usize] {
            Slot::Done(value) => Ok(value),
            Slot::New => Err(member),
            Slot::Running => {
                let error = self.cycle(index, member);
                Ok(self.fault(error))
            }
            Slot::Unfilled => {
                self.unfilled(index, member);
                Ok(FAILED)
            }
        }
    }

    fn unfilled(&mut self, index: u32, member: MemberId) {
        let reason = Reason::Unfilled(member);
        if self.faults.iter().any(|fault| fault.reason == reason) {
            return; // once for each option
        }
        let message = format!("the option `{}` is needed here and nothing fills it", self.program.show(member));
        let diagnostic = Diagnostic::error(Code::E3, message)
            .at(self.place(index))
            .note_at(self.program.place(member), "the option is declared here")
            .help("give it a default, or choose a scenario that fills it");
        self.add_fault(Fault { reason, diagnostic });
    }

    fn cycle(&self, index: u32, member: MemberId) -> Diagnostic {
        const SHOWN_MAX: usize = 8;
        let waiting: Vec<MemberId> = self
            .tasks
            .iter()
            .filter_map(|task| match task {
                Task::Settle { member, .. } => Some(*member),
                Task::Run { only, .. } => *only,
            })
            .collect();
        let start = waiting.iter().position(|waiting| *waiting == member).unwrap_or(0);
        let circle = &waiting[start..];
        let mut names: Vec<String> = circle.iter().take(SHOWN_MAX).map(|&member| self.program.show(member)).collect();
        if circle.len() > SHOWN_MAX {
            names.push(format!("… {} more …", circle.len() - SHOWN_MAX));
        }
        names.push(self.program.show(member));
        let mut error = Diagnostic::error(Code::E7, format!("a circle of references: `{}`", names.join(" → ")))
            .at(self.place(index))
            .help("let one of them have a value of its own");
        for &on_the_way in circle.iter().take(SHOWN_MAX) {
            let name = self.program.show(on_the_way);
            error = error.note_at(self.program.place(on_the_way), format!("`{name}` is declared here"));
        }
        error
    }

    fn field(&mut self, index: u32, field: Symbol) -> ValueId {
        let Some(Loop { source, index: element, .. }) = self.loops.last() else { return FAILED };
        let record = match self.values.get(*source) {
            Value::List(items) => self.values.items(items).get(*element).copied().unwrap_or(FAILED),
            _ => FAILED,
        };
        if record == FAILED {
            return FAILED;
        }
        if let Value::Record(items) = self.values.get(record) {
            const FIELDS_A_STEP: u64 = 8;
            self.steps += self.values.fields(items).len() as u64 / FIELDS_A_STEP;
        }
        if let Some(value) = self.values.field(record, field) {
            return value;
        }
        let name = self.program.ast.text(field);
        let error = Diagnostic::error(Code::E3, format!("an element has no field `{name}`")).at(self.place(index));
        let error = match self.values.origin(record) {
            Some(place) => error.note_at(place, "this element leaves it out"),
            None => error,
        };
        self.fault(error.help(format!("give every element a `{name}`, or select those that have one by another field")))
    }

    /// Joins the pieces of an f-string.
    fn woven(&mut self, index: u32, count: u32) -> ValueId {
        let first = self.stack.len().saturating_sub(count as usize);
        let pieces = self.stack.split_off(first);
        let mut length = 0;
        let mut plain = true;
        for (position, piece) in pieces.iter().enumerate() {
            match self.values.get(*piece) {
                Value::Failed => return FAILED,
                Value::Text(text) | Value::Int(text) => length += self.values.text(text).len(),
                Value::Bool(_) => length += "false".len(),
                Value::Out(_) | Value::Woven(_) => plain = false,
                // The pieces are leaves, so they stand right before this node.
                Value::Secret { kind, name } => {
                    return self.no_text(index - count + position as u32, Some((kind, name)));
                }
                Value::Artifact { .. } => return self.no_text(index - count + position as u32, None),
                Value::List(_) | Value::Record(_) => return FAILED, // the check has told
            }
        }
        if length > limits::STRING_BYTES_MAX {
            return self.limit(index, format!("this text is longer than {} MiB", limits::STRING_BYTES_MAX >> 20));
        }
        if self.values.computed_bytes() + length > limits::COMPUTED_BYTES_MAX {
            self.exhaust(index, format!("evaluation makes more than {} MiB of text", limits::COMPUTED_BYTES_MAX >> 20));
            return FAILED;
        }
        if plain { self.join(index, &pieces) } else { self.weave(index, &pieces) }
    }

    /// Reports a reference that is no text: what it stands for is not known here, and must not be.
    fn no_text(&mut self, at: u32, secret: Option<(Symbol, Symbol)>) -> ValueId {
        let at = self.place(at);
        let error = match secret {
            Some((kind, name)) => {
                let (kind, name) = (self.values.text(kind), self.values.text(name));
                Diagnostic::error(Code::E1, format!("a secret (`{kind}:{name}`) cannot be part of text"))
                    .help("give the secret a place of its own, such as an `environment` entry")
            }
            None => Diagnostic::error(Code::E1, "an artifact reference cannot be part of text")
                .help("it is known only when its host has been deployed"),
        };
        self.fault(error.at(at))
    }

    fn join(&mut self, index: u32, pieces: &[ValueId]) -> ValueId {
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        for piece in pieces {
            self.append(*piece, &mut text);
        }
        let symbol = self.values.intern(&text);
        self.scratch = text;
        self.values.push(Value::Text(symbol), index)
    }

    fn append(&self, piece: ValueId, text: &mut String) {
        match self.values.get(piece) {
            Value::Text(symbol) | Value::Int(symbol) => text.push_str(self.values.text(symbol)),
            Value::Bool(value) => text.push_str(if value { "true" } else { "false" }),
            Value::Failed
            | Value::Secret { .. }
            | Value::Artifact { .. }
            | Value::Out(_)
            | Value::Woven(_)
            | Value::List(_)
            | Value::Record(_) => {}
        }
    }

    /// Joins pieces of which some are store paths: texts between them are joined, they stay.
    fn weave(&mut self, index: u32, pieces: &[ValueId]) -> ValueId {
        let mut parts: Vec<ValueId> = Vec::new();
        let mut text = String::new();
        let mut todo: Vec<ValueId> = pieces.iter().rev().copied().collect();
        while let Some(piece) = todo.pop() {
            match self.values.get(piece) {
                Value::Woven(items) => todo.extend(self.values.items(items).iter().rev()),
                Value::Out(_) => {
                    self.flush(index, &mut text, &mut parts);
                    parts.push(piece);
                }
                _ => self.append(piece, &mut text),
            }
            if parts.len() > limits::WOVEN_PIECES_MAX || text.len() > limits::STRING_BYTES_MAX {
                return self.limit(index, "this text has too many pieces".to_owned());
            }
        }
        self.flush(index, &mut text, &mut parts);
        self.values.woven(&parts, index)
    }

    fn flush(&mut self, index: u32, text: &mut String, parts: &mut Vec<ValueId>) {
        if !text.is_empty() {
            let symbol = self.values.intern(text);
            parts.push(self.values.push(Value::Text(symbol), index));
            text.clear();
        }
    }

    fn branch(&mut self, index: u32, otherwise: u32) -> Go {
        let condition = self.pop();
        match self.values.get(condition) {
            Value::Bool(true) => Go::On,
            Value::Bool(false) => Go::To(otherwise + 1),
            _ => {
                // Neither branch: the whole conditional has failed.
                let Node::Else { end } = self.program.ast.nodes[otherwise as usize] else { return Go::To(index + 1) };
                self.stack.push(FAILED);
                Go::To(end + 1)
            }
        }
    }

    fn each(&mut self, index: u32, end: u32) -> Go {
        let source = self.pop();
        match self.values.get(source) {
            Value::List(items) if !self.values.items(items).is_empty() => {
                let first_result = self.results.len();
                self.loops.push(Loop { source, index: 0, first_result, each: index });
                Go::On
            }
            Value::List(_) => {
                let empty = self.values.list(&[], end);
                self.stack.push(empty);
                Go::To(end + 1)
            }
            _ => {
                self.stack.push(FAILED);
                Go::To(end + 1)
            }
        }
    }

    fn guard(&mut self) -> Go {
        let right = self.pop();
        let left = self.pop();
        if left == FAILED || right == FAILED {
            self.results.push(FAILED); // one element without an answer fails the whole list
            return self.next_element();
        }
        let equal = self.values.get(left) == self.values.get(right);
        self.values.forget(right); // a literal, made for this comparison alone
        if equal { Go::On } else { self.next_element() }
    }

    fn next_element(&mut self) -> Go {
        let Some(current) = self.loops.last_mut() else { return Go::On };
        current.index += 1;
        let length = match self.values.get(current.source) {
            Value::List(items) => self.values.items(items).len(),
            _ => 0,
        };
        let each = current.each;
        if current.index < length {
            return Go::To(each + 1);
        }
        let Node::Each { end, .. } = self.program.ast.nodes[each as usize] else { return Go::On };
        let Node::Yield { distinct, .. } = self.program.ast.nodes[end as usize] else { return Go::On };
        self.collect(end, distinct);
        Go::To(end + 1)
    }

    fn yielded(&mut self, _index: u32, _distinct: bool) -> Go {
        let body = self.pop();
        self.results.push(body);
        self.next_element()
    }

    /// Ends a comprehension: its results sorted by their canonical text, equal ones dropped if asked.
    fn collect(&mut self, index: u32, distinct: bool) {
        let Some(Loop { first_result, .. }) = self.loops.pop() else { return };
        let results = self.results.split_off(first_result);
        let value = if results.contains(&FAILED) { FAILED } else { self.sorted(index, &results, distinct) };
        let value = self.bounded(index, value);
        self.stack.push(value);
    }

    fn sorted(&mut self, index: u32, results: &[ValueId], distinct: bool) -> ValueId {
        let mut keys = String::new();
        let mut order = Vec::with_capacity(results.len());
        for value in results {
            let start = keys.len();
            if sort_key(&self.values, *value, limits::SORT_BYTES_MAX, &mut keys).is_err() {
                let message = format!("the texts to sort by are longer than {} MiB", limits::SORT_BYTES_MAX >> 20);
                return self.limit(index, message);
            }
            order.push((start..keys.len(), *value));
        }
        order.sort_by(|a, b| keys[a.0.clone()].cmp(&keys[b.0.clone()]));
        let mut kept: Vec<ValueId> = Vec::with_capacity(order.len());
        let mut group = 0; // where the values with the current key begin
        for (position, (key, value)) in order.iter().enumerate() {
            if position > 0 && keys[order[position - 1].0.clone()] != keys[key.clone()] {
                group = kept.len();
            }
            if !distinct || !kept[group..].iter().any(|known| self.values.equal(*known, *value)) {
                kept.push(*value);
            }
        }
        self.values.list(&kept, index)
    }

    /// Returns what a member without an expression stands for.
    pub(super) fn implied(&mut self, member: MemberId) -> Option<ValueId> {
        let module = self.program.member(member).module;
        match self.program.member(member).kind {
            MemberKind::ImplicitName => {
                let name = self.program.module(module).name;
                Some(self.values.push(Value::Text(name), u32::MAX))
            }
            MemberKind::Out => Some(self.values.push(Value::Out(module), u32::MAX)),
            MemberKind::Option(_) | MemberKind::Derived => None,
        }
    }
}
