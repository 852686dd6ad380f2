//! What can be asked of a target, wherever it is.

use crate::audit::{AuditFault, AuditLine, audit, verify_audit};
use crate::boundary::Boundary;
use crate::commit::{Committed, Progress, Ready, commit, go_live_late, let_go, make_ready};
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
use std::cell::{Ref, RefCell};

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
    /// Returns a mark for each, in their order. Over a pipe that is one round trip, however many there are.
    fn tag_all(&self, secrets: &[&Secret]) -> Result<Vec<Mark>, TargetError> {
        secrets.iter().map(|secret| self.tag(secret)).collect()
    }
    fn peek(&self, secret: &Secret) -> Result<Option<Mark>, TargetError>;
    /// The same for many.
    fn peek_all(&self, secrets: &[&Secret]) -> Result<Vec<Option<Mark>>, TargetError> {
        secrets.iter().map(|secret| self.peek(secret)).collect()
    }
    fn commit(
        &self,
        plan: &Plan,
        payload: Payload,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Committed, TargetError>;
    /// Does all of a [`Door::commit`] that nobody sees, and keeps everybody else away. It waits for [`Door::publish`] or
    /// [`Door::let_go`]; if neither comes before this is dropped, the way breaks or the process ends, it is undone. One
    /// change can wait, and until then nothing else is done here that would have to wait for it.
    fn stage(&self, plan: &Plan, payload: Payload, progress: &mut dyn FnMut(Progress)) -> Result<(), TargetError>;
    /// Makes live what was staged.
    fn publish(&self, progress: &mut dyn FnMut(Progress)) -> Result<Committed, TargetError>;
    /// Undoes what was staged, if anything was.
    fn let_go(&self) -> Result<(), TargetError>;
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
    /// What is staged.
    ready: RefCell<Option<Ready>>,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // What cannot be undone now, its guard or the next command undoes.
        let _ = self.let_go();
    }
}

impl<'d> Inside<'d> {
    pub fn new(target: Target<'d>) -> Inside<'d> {
        let target = RefCell::new(target);
        Inside { target, shared: RefCell::default(), pushed: RefCell::default(), ready: RefCell::default() }
    }

    /// Returns the target, unless a change is staged here: whoever waits for a lock then waits for himself.
    fn free(&self) -> Result<Ref<'_, Target<'d>>, TargetError> {
        match &*self.ready.borrow() {
            Some(ready) => Err(TargetError::Undecided { stack: ready.stack().to_owned() }),
            None => Ok(self.target.borrow()),
        }
    }

    /// Says that the next change is one of its own.
    fn unpledge(&self) {
        self.target.replace_with(|target| target.clone().pledged(Pledge::Nothing));
    }

    /// Opens the store of a push.
    pub(super) fn there(&self, to: &TargetPath) -> Result<There<'d>, PushError> {
        There::open(&*self.free()?, to)
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
            let shared = self.free()?.share()?;
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
        look(&*self.free()?, question)
    }

    fn tag(&self, secret: &Secret) -> Result<Mark, TargetError> {
        key::tag(&*self.free()?, secret)
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
        let done = commit(&*self.free()?, plan, payload, progress);
        self.unpledge();
        done
    }

    fn stage(&self, plan: &Plan, payload: Payload, progress: &mut dyn FnMut(Progress)) -> Result<(), TargetError> {
        let staged = make_ready(&*self.free()?, plan, payload, progress);
        match staged {
            Ok(ready) => {
                self.ready.replace(Some(ready));
                Ok(())
            }
            Err(error) => {
                self.unpledge();
                Err(error)
            }
        }
    }

    fn publish(&self, progress: &mut dyn FnMut(Progress)) -> Result<Committed, TargetError> {
        let ready = self.ready.take().ok_or(TargetError::NotStaged)?;
        let done = go_live_late(&self.target.borrow(), ready, progress);
        self.unpledge();
        done
    }

    fn let_go(&self) -> Result<(), TargetError> {
        let Some(ready) = self.ready.take() else { return Ok(()) };
        let done = let_go(&self.target.borrow(), ready);
        self.unpledge();
        done
    }

    fn recover(&self) -> Result<Recovered, TargetError> {
        recover(&*self.free()?)
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
        verify(&*self.free()?, generation, depth)
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, TargetError> {
        blobs::blob(&self.target.borrow(), digest)
    }

    fn kept_bytes(&self, stack: &str) -> Result<Vec<Note>, TargetError> {
        kept_bytes(&self.target.borrow(), stack)
    }

    fn trim(&self, stack: &str, keep: u32) -> Result<Vec<u32>, TargetError> {
        trim(&*self.free()?, stack, keep)
    }

    fn push(&self, from: &Store, pushing: &Pushing, progress: &mut dyn FnMut(PushStep)) -> Result<Brought, PushError> {
        let pushed = push(&*self.free()?, from, pushing, progress)?;
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
        let id = confirm::arm(&*self.free()?, confirm)?;
        self.target.replace_with(|target| target.clone().pledged(Pledge::Armed(id.clone())));
        Ok(id)
    }

    fn rearm(&self, id: &str, seconds: u32) -> Result<(), TargetError> {
        confirm::rearm(&*self.free()?, id, seconds)
    }

    fn confirm(&self, id: &str) -> Result<(), TargetError> {
        confirm::confirm(&*self.free()?, id)
    }

    fn armed(&self) -> Result<Vec<Pending>, TargetError> {
        confirm::armed(&self.target.borrow())
    }

    fn mend(&self, stack: &str) -> Result<Vec<Mended>, TargetError> {
        mend(&*self.free()?, stack)
    }
}
