//! What can be asked of a target, wherever it is.

use crate::audit::{AuditFault, AuditLine, audit, verify_audit};
use crate::boundary::Boundary;
use crate::commit::{Committed, Progress, commit};
use crate::confirm::{self, Confirm, Pending, Pledge};
use crate::failure::TargetError;
use crate::generation::{Generation, Mark};
use crate::hands::{Running, run};
use crate::layout::Layout;
use crate::ledger::{Note, kept_bytes};
use crate::lock::Shared;
use crate::look::look;
use crate::machine::{Machine, machine};
use crate::mend::{Mended, mend};
use crate::path::TargetPath;
use crate::plan::{Payload, Plan};
use crate::probe::{Answered, Asked, probe};
use crate::push::{PushError, PushStep, Pushed, Pushing, There, push};
use crate::records::{self, Numbered};
use crate::recover::{Recovered, recover};
use crate::seen::{Question, Seen};
use crate::target::Target;
use crate::trim::trim;
use crate::verify::{Depth, Finding, verify};
use crate::{blobs, key};
use punix_model::{Observation, Secret};
use punix_store::{Digest, Store};
use std::cell::RefCell;

/// How many entries were brought, and how many were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brought {
    pub pushed: usize,
    pub cached: usize,
}

/// A target that can be asked. Each of these is the function of the same name.
pub trait Door {
    /// Keeps writers away until [`Door::release`].
    fn share(&self) -> Result<(), TargetError>;
    /// Lets go of what [`Door::share`] and [`Door::push`] hold.
    fn release(&self) -> Result<(), TargetError>;
    /// Lets files lie within a boundary only, from now on.
    fn within(&self, boundary: &Boundary) -> Result<(), TargetError>;
    /// Returns where our own files are there.
    fn layout(&self) -> Layout;
    fn look(&self, question: &Question) -> Result<Seen, TargetError>;
    fn tag(&self, secret: &Secret) -> Result<Mark, TargetError>;
    fn peek(&self, secret: &Secret) -> Result<Option<Mark>, TargetError>;
    fn commit(
        &self,
        plan: &Plan,
        payload: Payload,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Committed, TargetError>;
    fn recover(&self) -> Result<Recovered, TargetError>;
    fn stacks(&self) -> Result<Vec<String>, TargetError>;
    fn records(&self, stack: &str) -> Result<Vec<Numbered>, TargetError>;
    fn record(&self, stack: &str, number: u32) -> Result<Generation, TargetError>;
    fn current(&self, stack: &str) -> Result<Option<u32>, TargetError>;
    fn verify(&self, generation: &Generation, depth: Depth) -> Result<Vec<Finding>, TargetError>;
    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, TargetError>;
    fn kept_bytes(&self, stack: &str) -> Result<Vec<Note>, TargetError>;
    fn trim(&self, stack: &str, keep: u32) -> Result<Vec<u32>, TargetError>;
    /// Brings entries from a store of this machine. No entry goes away there until [`Door::release`].
    fn push(&self, from: &Store, pushing: &Pushing, progress: &mut dyn FnMut(PushStep)) -> Result<Brought, PushError>;
    fn machine(&self) -> Result<Machine, TargetError>;
    /// Runs commands there. What was begun goes on to its end, even if the way breaks meanwhile.
    fn run(&self, running: &Running) -> Result<Vec<Observation>, TargetError>;
    /// Asks an address there whether it answers.
    fn probe(&self, asked: &Asked) -> Result<Answered, TargetError>;
    /// Returns what was done to this target, oldest first.
    fn audit(&self) -> Result<Vec<AuditLine>, TargetError>;
    /// Returns what is wrong with what is told of it.
    fn verify_audit(&self) -> Result<Vec<AuditFault>, TargetError>;
    /// Arms the change that the next [`Door::commit`] makes: it is taken back there unless it is confirmed by the name that
    /// this returns, over this way or another one.
    fn arm(&self, confirm: &Confirm) -> Result<String, TargetError>;
    /// Lets it be waited for so many seconds from now.
    fn rearm(&self, id: &str, seconds: u32) -> Result<(), TargetError>;
    fn confirm(&self, id: &str) -> Result<(), TargetError>;
    /// Returns what waits to be confirmed.
    fn armed(&self) -> Result<Vec<Pending>, TargetError>;

    /// Mends what is ours, as far as one stack is concerned.
    fn mend(&self, stack: &str) -> Result<Vec<Mended>, TargetError>;

    fn current_record(&self, stack: &str) -> Result<Option<Generation>, TargetError> {
        match self.current(stack)? {
            Some(number) => self.record(stack, number).map(Some),
            None => Ok(None),
        }
    }
}

/// A target in this process, with what is held there.
pub struct Inside<'d> {
    target: RefCell<Target<'d>>,
    shared: RefCell<Option<Shared>>,
    pushed: RefCell<Vec<Pushed>>,
}

impl<'d> Inside<'d> {
    pub fn new(target: Target<'d>) -> Inside<'d> {
        Inside { target: RefCell::new(target), shared: RefCell::default(), pushed: RefCell::default() }
    }

    /// Opens the store of a push.
    pub(super) fn there(&self, to: &TargetPath) -> Result<There<'d>, PushError> {
        There::open(&self.target.borrow(), to)
    }

    /// Keeps entries from going away.
    pub(super) fn hold(&self, pushed: Pushed) {
        self.pushed.borrow_mut().push(pushed);
    }

    /// Runs commands, and says now and then that it still does.
    pub(super) fn run_telling(&self, running: &Running, alive: &mut dyn FnMut()) -> Vec<Observation> {
        run(&self.target.borrow(), running, alive)
    }
}

impl Door for Inside<'_> {
    fn share(&self) -> Result<(), TargetError> {
        if self.shared.borrow().is_none() {
            let shared = self.target.borrow().share()?;
            self.shared.replace(Some(shared));
        }
        Ok(())
    }

    fn release(&self) -> Result<(), TargetError> {
        self.shared.replace(None);
        self.pushed.borrow_mut().clear();
        Ok(())
    }

    fn within(&self, boundary: &Boundary) -> Result<(), TargetError> {
        self.target.replace_with(|target| target.clone().within(boundary.clone()));
        Ok(())
    }

    fn layout(&self) -> Layout {
        self.target.borrow().layout().clone()
    }

    fn look(&self, question: &Question) -> Result<Seen, TargetError> {
        look(&self.target.borrow(), question)
    }

    fn tag(&self, secret: &Secret) -> Result<Mark, TargetError> {
        key::tag(&self.target.borrow(), secret)
    }

    fn peek(&self, secret: &Secret) -> Result<Option<Mark>, TargetError> {
        key::peek(&self.target.borrow(), secret)
    }

    fn commit(
        &self,
        plan: &Plan,
        payload: Payload,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Committed, TargetError> {
        let done = commit(&self.target.borrow(), plan, payload, progress);
        // The next one is another one.
        self.target.replace_with(|target| target.clone().pledged(Pledge::Nothing));
        done
    }

    fn recover(&self) -> Result<Recovered, TargetError> {
        recover(&self.target.borrow())
    }

    fn stacks(&self) -> Result<Vec<String>, TargetError> {
        records::stacks(&self.target.borrow())
    }

    fn records(&self, stack: &str) -> Result<Vec<Numbered>, TargetError> {
        records::records(&self.target.borrow(), stack)
    }

    fn record(&self, stack: &str, number: u32) -> Result<Generation, TargetError> {
        records::record(&self.target.borrow(), stack, number)
    }

    fn current(&self, stack: &str) -> Result<Option<u32>, TargetError> {
        records::current(&self.target.borrow(), stack)
    }

    fn verify(&self, generation: &Generation, depth: Depth) -> Result<Vec<Finding>, TargetError> {
        verify(&self.target.borrow(), generation, depth)
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, TargetError> {
        blobs::blob(&self.target.borrow(), digest)
    }

    fn kept_bytes(&self, stack: &str) -> Result<Vec<Note>, TargetError> {
        kept_bytes(&self.target.borrow(), stack)
    }

    fn trim(&self, stack: &str, keep: u32) -> Result<Vec<u32>, TargetError> {
        trim(&self.target.borrow(), stack, keep)
    }

    fn push(&self, from: &Store, pushing: &Pushing, progress: &mut dyn FnMut(PushStep)) -> Result<Brought, PushError> {
        let pushed = push(&self.target.borrow(), from, pushing, progress)?;
        let brought = Brought { pushed: pushed.pushed, cached: pushed.cached };
        self.hold(pushed);
        Ok(brought)
    }

    fn machine(&self) -> Result<Machine, TargetError> {
        Ok(machine())
    }

    fn run(&self, running: &Running) -> Result<Vec<Observation>, TargetError> {
        Ok(self.run_telling(running, &mut || {}))
    }

    fn probe(&self, asked: &Asked) -> Result<Answered, TargetError> {
        Ok(probe(asked))
    }

    fn audit(&self) -> Result<Vec<AuditLine>, TargetError> {
        audit(&self.target.borrow())
    }

    fn verify_audit(&self) -> Result<Vec<AuditFault>, TargetError> {
        verify_audit(&self.target.borrow())
    }

    fn arm(&self, confirm: &Confirm) -> Result<String, TargetError> {
        let id = confirm::arm(&self.target.borrow(), confirm)?;
        self.target.replace_with(|target| target.clone().pledged(Pledge::Armed(id.clone())));
        Ok(id)
    }

    fn rearm(&self, id: &str, seconds: u32) -> Result<(), TargetError> {
        confirm::rearm(&self.target.borrow(), id, seconds)
    }

    fn confirm(&self, id: &str) -> Result<(), TargetError> {
        confirm::confirm(&self.target.borrow(), id)
    }

    fn armed(&self) -> Result<Vec<Pending>, TargetError> {
        confirm::armed(&self.target.borrow())
    }

    fn mend(&self, stack: &str) -> Result<Vec<Mended>, TargetError> {
        mend(&self.target.borrow(), stack)
    }
}
