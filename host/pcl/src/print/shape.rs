//! Reads words a second time, for what may stand on lines of its own.
//!
//! The parser has accepted the text, so nothing here can go wrong and nothing is reported; what is still to come
//! is a list of steps, so nothing recurses.

use super::tokens::{Comment, Word, slice};
use crate::ast::BlockKind;
use crate::lexer::{Bracket, Kind};
use crate::symbol::{Symbol, known};
use std::ops::RangeInclusive;

/// What stands between a word and the one before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// What is printed if the line goes on. If it ends here, the white space at the end of this is left out.
    pub(super) flat: &'static str,
    pub(super) line: Line,
}

/// Whether a gap may end the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Never,
    /// The word is a part of the group around it, indented.
    Part,
    /// The word is a clause of the group around it, indented.
    Clause,
    /// The word closes the group around it.
    Close,
    Always,
}

const GLUE: Gap = Gap { flat: "", line: Line::Never };
const SPACE: Gap = Gap { flat: " ", line: Line::Never };
const TOP: Gap = Gap { flat: "", line: Line::Always };
const CLAUSE: Gap = Gap { flat: " ", line: Line::Clause };

/// A stretch of words that is printed on one line or with a line for each of its parts.
#[derive(Debug)]
pub(super) struct Group {
    /// Its first and its last word.
    pub(super) words: RangeInclusive<usize>,
    pub(super) form: Form,
    /// Whether the user broke it, so that it stays broken.
    pub(super) broken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The braces of a module or scenario.
    Block,
    /// A record, or a record type.
    Record,
    List,
    Round,
    /// A whole chain of `if … else if … else …`.
    Choice,
    /// A comprehension. Where its body is a bracket, that is `body`, and `result` is the word `yield`.
    Each {
        result: usize,
        body: Option<usize>,
    },
}

/// The gap before each word, and the groups in the order of their first words.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) gaps: Vec<Gap>,
    pub(super) groups: Vec<Group>,
    /// Whether comments stand in the gap before a word.
    pub(super) commented: Vec<bool>,
}

/// Finds gaps and groups. Comments in a place where no line can end move to the last place where one can.
pub(super) fn shape(text: &str, words: &mut [Word], comments: &mut [Comment]) -> Shape {
    let shape = Shape {
        gaps: Vec::with_capacity(words.len()),
        groups: Vec::with_capacity(words.len() / 8),
        commented: vec![false; words.len()],
    };
    let mut reader = Reader { text, words, comments, shape, open: Vec::new(), steps: Vec::new(), seen: 0, anchor: 0 };
    while reader.kind() != Kind::End {
        reader.block();
        while let Some(step) = reader.steps.pop() {
            reader.step(step);
        }
    }
    reader.take(TOP);
    reader.shape
}

/// What the grammar wants after what is being read.
#[derive(Debug, Clone, Copy)]
enum Step {
    Members(BlockKind),
    Default,
    Type(Gap),
    TypeFields,
    Expression(Gap),
    /// An expression that is no bare `if` or `for`.
    Atom(Gap),
    Elements,
    Fields,
    Otherwise,
    Guards(Symbol),
    Take(Gap),
    End,
}

/// A group whose end is still to come.
struct Open {
    group: usize,
    /// Where comments went before the group began.
    anchor: usize,
}

struct Reader<'a> {
    text: &'a str,
    words: &'a mut [Word],
    comments: &'a mut [Comment],
    shape: Shape,
    open: Vec<Open>,
    /// Last to come first.
    steps: Vec<Step>,
    /// Comments that have their place.
    seen: usize,
    /// The last word of the innermost open group that may begin a line.
    anchor: usize,
}

impl Reader<'_> {
    /// Returns the index of the current word.
    fn here(&self) -> usize {
        self.shape.gaps.len()
    }

    fn kind(&self) -> Kind {
        self.words.get(self.here()).map_or(Kind::End, |word| word.kind)
    }

    fn at(&self, symbol: Symbol) -> bool {
        self.kind() == Kind::Ident(symbol)
    }

    /// Moves behind the current word, which stands behind `gap`.
    fn take(&mut self, gap: Gap) {
        let here = self.here();
        if gap.line != Line::Never {
            self.anchor = here;
        }
        while let Some(comment) = self.comments.get(self.seen).filter(|comment| comment.before == here) {
            let mut comment = *comment;
            if gap.line == Line::Never {
                // Not before the comments that have their place, so that all stay in order.
                let last = self.seen.checked_sub(1).map_or(0, |last| self.comments[last].before);
                comment.before = self.anchor.max(last);
                comment.trailing = false;
                comment.after_blank = std::mem::take(&mut self.words[comment.before].after_blank);
            }
            self.shape.commented[comment.before] = true;
            self.comments[self.seen] = comment;
            self.seen += 1;
        }
        self.shape.gaps.push(gap);
    }

    fn then<const N: usize>(&mut self, steps: [Step; N]) {
        self.steps.extend(steps.into_iter().rev());
    }

    /// Begins a group with the current word.
    fn begin(&mut self, gap: Gap, form: Form) {
        let here = self.here();
        self.take(gap);
        self.open.push(Open { group: self.shape.groups.len(), anchor: self.anchor });
        self.shape.groups.push(Group { words: here..=here, form, broken: false });
    }

    /// Ends the innermost group behind the word that was taken last.
    fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        self.anchor = open.anchor;
        let last = self.here() - 1;
        let group = &mut self.shape.groups[open.group];
        let first = *group.words.start();
        group.words = first..=last;
        let empty = first + 1 == last;
        let hugged = match group.form {
            Form::Block => {
                let body = self.words[first].span.to(self.words[last].span);
                group.broken = slice(self.text, body).contains('\n');
                empty
            }
            Form::Record | Form::List => {
                group.broken = !empty && self.words[first + 1].on_new_line;
                empty
            }
            Form::Round => !matches!(self.words[first + 1].kind, Kind::Ident(known::IF | known::FOR)),
            Form::Choice | Form::Each { .. } => false,
        };
        // No line ends inside of brackets around nothing, nor of parentheses around a bracket, a name or a literal.
        if hugged && !self.shape.commented[first + 1] && !self.shape.commented[last] {
            self.shape.gaps[first + 1] = GLUE;
            self.shape.gaps[last] = GLUE;
        }
    }

    fn block(&mut self) {
        let kind = if self.at(known::MODULE) { BlockKind::Module } else { BlockKind::Scenario };
        self.take(TOP);
        self.take(SPACE);
        self.begin(SPACE, Form::Block);
        self.then([Step::Members(kind)]);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Members(kind) => self.member(kind),
            Step::Default => {
                if self.kind() == Kind::Equal {
                    self.take(SPACE);
                    self.then([Step::Expression(SPACE)]);
                }
            }
            Step::Type(gap) => self.ty(gap),
            Step::TypeFields => self.field(Step::Type(SPACE), step),
            Step::Expression(gap) => self.expression(gap),
            Step::Atom(gap) => self.atom(gap),
            Step::Elements => {
                if let Some(gap) = self.part("", ", ", "") {
                    self.then([Step::Expression(gap), step]);
                }
            }
            Step::Fields => self.field(Step::Expression(SPACE), step),
            Step::Otherwise => self.otherwise(),
            Step::Guards(word) => self.guards(word),
            Step::Take(gap) => self.take(gap),
            Step::End => self.end(),
        }
    }

    /// Returns the gap before the next part of the innermost bracket, or ends that at its last word.
    fn part(&mut self, first: &'static str, next: &'static str, last: &'static str) -> Option<Gap> {
        let here = self.here();
        let opened = self.open.last().is_some_and(|open| *self.shape.groups[open.group].words.start() + 1 == here);
        if matches!(self.kind(), Kind::Close(_) | Kind::End) {
            self.take(Gap { flat: if opened { "" } else { last }, line: Line::Close });
            self.end();
            return None;
        }
        Some(Gap { flat: if opened { first } else { next }, line: Line::Part })
    }

    fn member(&mut self, kind: BlockKind) {
        let Some(gap) = self.part(" ", "  ", " ") else { return };
        let option = kind == BlockKind::Module && self.at(known::OPTION);
        self.take(gap);
        if option {
            self.take(SPACE);
            self.take(SPACE);
            return self.then([Step::Type(SPACE), Step::Default, Step::Members(kind)]);
        }
        let contribution = self.kind() == Kind::Dot;
        if contribution {
            self.take(GLUE);
            self.take(GLUE);
        }
        self.take(SPACE);
        if contribution && (self.at(known::FORCE) || self.at(known::DEFAULT)) {
            self.take(SPACE);
        }
        self.then([Step::Expression(SPACE), Step::Members(kind)]);
    }

    /// Reads a label and what follows it, and goes on with what is `inside`.
    fn field(&mut self, inside: Step, next: Step) {
        let Some(gap) = self.part(" ", "  ", " ") else { return };
        self.take(gap);
        self.take(SPACE);
        self.then([inside, next]);
    }

    fn ty(&mut self, gap: Gap) {
        match self.kind() {
            Kind::Open(_) => {
                self.begin(gap, Form::Record);
                self.then([Step::TypeFields]);
            }
            Kind::Ident(known::LIST) => {
                self.take(gap);
                self.take(GLUE);
                self.then([Step::Type(GLUE), Step::Take(GLUE)]);
            }
            _ => self.take(gap),
        }
    }

    fn expression(&mut self, gap: Gap) {
        match self.kind() {
            Kind::Ident(known::IF) => {
                self.begin(gap, Form::Choice);
                self.branches();
            }
            Kind::Ident(known::FOR) => {
                self.begin(gap, Form::Each { result: 0, body: None });
                self.take(SPACE);
                self.take(SPACE);
                self.then([Step::Expression(SPACE), Step::Guards(known::WHERE)]);
            }
            _ => self.atom(gap),
        }
    }

    fn atom(&mut self, gap: Gap) {
        const EDGE: Gap = Gap { flat: "", line: Line::Part };
        const LAST: Gap = Gap { flat: "", line: Line::Close };
        match self.kind() {
            Kind::Open(Bracket::Round) => {
                self.begin(gap, Form::Round);
                self.then([Step::Expression(EDGE), Step::Take(LAST), Step::End]);
            }
            Kind::Open(Bracket::Square) => {
                self.begin(gap, Form::List);
                self.then([Step::Elements]);
            }
            Kind::Open(Bracket::Brace) => {
                self.begin(gap, Form::Record);
                self.then([Step::Fields]);
            }
            _ => {
                self.take(gap);
                if self.kind() == Kind::Dot {
                    self.take(GLUE);
                    self.take(GLUE);
                }
            }
        }
    }

    /// Reads on behind the word `if`.
    fn branches(&mut self) {
        const WORD: Step = Step::Take(CLAUSE);
        const VALUE: Step = Step::Expression(SPACE);
        self.then([VALUE, WORD, VALUE, WORD, Step::Otherwise]);
    }

    /// Reads on behind the word `else`: the next link of the chain, or its end.
    fn otherwise(&mut self) {
        if self.at(known::IF) {
            self.take(SPACE);
            return self.branches();
        }
        self.then([Step::Expression(SPACE), Step::End]);
    }

    /// Reads a guard if it begins with `word`, or else the body of the comprehension.
    fn guards(&mut self, word: Symbol) {
        if self.at(word) {
            self.take(if word == known::WHERE { CLAUSE } else { SPACE });
            const SIDE: Step = Step::Atom(SPACE);
            return self.then([SIDE, Step::Take(SPACE), SIDE, Step::Guards(known::AND)]);
        }
        let result = self.here();
        self.take(CLAUSE);
        if self.at(known::DISTINCT) {
            self.take(SPACE);
        }
        let bracket = matches!(self.kind(), Kind::Open(Bracket::Brace | Bracket::Square));
        let body = bracket.then_some(self.here());
        if let Some(open) = self.open.last() {
            self.shape.groups[open.group].form = Form::Each { result, body };
        }
        self.then([Step::Expression(SPACE), Step::End]);
    }
}
