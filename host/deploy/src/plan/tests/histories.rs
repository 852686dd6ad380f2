//! Whatever is done with three stacks on one target, in any order: after each plan the target is exactly what its
//! generation says, nothing of another stack is touched, and the same wish again is no change.

use super::model::{World, ask, standing};
use crate::plan::{Anew, Deploy, Go, PlanError, Planned, Policy, Repair, Wish, back_from};
use crate::testing::path;
use proptest::prelude::*;
use punix_store::Digest;
use punix_target::{FileRow, Generation, Mark, TargetPath, There};
use std::collections::{BTreeMap, BTreeSet};

const STACKS: [&str; 3] = ["A", "B", "C"];
/// Few, so that stacks and generations meet.
const PATHS: [&str; 5] = ["/etc/app/a", "/etc/app/b", "/etc/app/c", "/srv/www/d", "/var/lib/app/e"];

#[derive(Debug, Clone)]
enum Act {
    Deploy {
        stack: usize,
        files: BTreeMap<usize, (u8, bool)>,
        adopt: bool,
    },
    Back {
        stack: usize,
        remake: bool,
    },
    Go {
        stack: usize,
        to: usize,
    },
    Repair {
        stack: usize,
    },
    Remove {
        stack: usize,
    },
    /// Somebody does something to a file.
    Edit {
        path: usize,
        what: u8,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let stack = 0..STACKS.len();
    let files = prop::collection::btree_map(0..PATHS.len(), (0..3u8, prop::bool::weighted(0.3)), 0..4);
    prop_oneof![
        4 => (stack.clone(), files, prop::bool::weighted(0.7))
            .prop_map(|(stack, files, adopt)| Act::Deploy { stack, files, adopt }),
        2 => (stack.clone(), any::<bool>()).prop_map(|(stack, remake)| Act::Back { stack, remake }),
        1 => (stack.clone(), 0..6usize).prop_map(|(stack, to)| Act::Go { stack, to }),
        1 => stack.clone().prop_map(|stack| Act::Repair { stack }),
        1 => stack.prop_map(|stack| Act::Remove { stack }),
        1 => (0..PATHS.len(), 0..4u8).prop_map(|(path, what)| Act::Edit { path, what }),
    ]
}

fn generation(stack: &str, files: &BTreeMap<usize, (u8, bool)>) -> Generation {
    let row = |(&place, &(content, secret)): (&usize, &(u8, bool))| {
        let digest = Digest::of(&[content]);
        FileRow {
            path: path(PATHS[place]),
            mark: if secret { Mark::HmacSha256(digest) } else { Mark::Sha256(digest) },
            chunks: secret.then(Vec::new),
            inline: None,
            withheld: None,
            mode: if secret { 0o600 } else { 0o644 },
            owner: None,
            group: None,
            made_by: "raw".to_owned(),
            restarts: Vec::new(),
            reloads: Vec::new(),
        }
    };
    Generation { files: files.iter().map(row).collect(), units: Vec::new(), stack: stack.to_owned(), ..super::plain() }
}

/// Carries a plan out, and looks at what came of it.
fn carry_out(world: &mut World, stack: &str, planned: Result<Planned, PlanError>, exact: bool) -> bool {
    let Ok(Planned::Change(decided)) = planned else { return false };
    let before = world.clone();
    world.carry_out(&decided);
    let live = world.current(stack).cloned();
    if let (Some(live), true) = (&live, exact && decided.counts.secret_skipped + decided.counts.artifact_skipped == 0) {
        assert_eq!(world.differences(live), [], "{decided:#?}");
    }
    // Of paths that were this stack's, those stay that it still has, and what stands there that never was.
    let had: BTreeSet<TargetPath> = owned(&before, stack);
    let has: BTreeSet<TargetPath> = owned(world, stack);
    for path in had.difference(&has).filter(|_| exact) {
        let there = world.files.get(path);
        assert!(there.is_none_or(|there| !matches!(there, There::File(_))), "`{path}` was left: {there:?}");
    }
    for (path, there) in &before.files {
        if !had.contains(path) && !has.contains(path) {
            assert_eq!(world.files.get(path), Some(there), "`{path}` is not of {stack}");
        }
    }
    true
}

fn owned(world: &World, stack: &str) -> BTreeSet<TargetPath> {
    world.current(stack).iter().flat_map(|live| &live.files).map(|row| row.path.clone()).collect()
}

fn act_on(world: &mut World, act: &Act) {
    match act {
        Act::Deploy { stack, files, adopt } => {
            let stack = STACKS[*stack];
            let draft = generation(stack, files);
            let policy = Policy { adopt: *adopt, ..Policy::default() };
            let wish = || {
                Wish::Deploy(Deploy {
                    draft: draft.clone(),
                    policy,
                    force_generation: false,
                    kept: BTreeSet::new(),
                    as_others: Vec::new(),
                })
            };
            let planned = world.plan(&ask(&draft), wish());
            if carry_out(world, stack, planned, true) {
                let again = world.plan(&ask(&draft), wish());
                assert!(matches!(again, Ok(Planned::Unchanged { .. })), "{again:?}");
            }
        }
        Act::Back { stack, remake } => {
            let stack = STACKS[*stack];
            let Some(live) = world.current(stack) else { return };
            let Ok(number) = back_from(stack, &world.look(&ask(live))) else { return };
            go(world, stack, number, *remake);
        }
        Act::Go { stack, to } => {
            let stack = STACKS[*stack];
            let number = world.stacks.get(stack).and_then(|kept| kept.generations.keys().nth(*to).copied());
            number.into_iter().for_each(|number| go(world, stack, number, true));
        }
        Act::Repair { stack } => {
            let stack = STACKS[*stack];
            let Some(live) = world.current(stack).cloned() else { return };
            let marks = marks(&live);
            let repair = || Wish::Repair(Repair { stack, policy: Policy::default(), remade: Some(&marks) });
            let planned = world.plan(&ask(&live), repair());
            if carry_out(world, stack, planned, true) {
                assert!(matches!(world.plan(&ask(&live), repair()), Ok(Planned::Unchanged { .. })));
            }
        }
        Act::Remove { stack } => {
            let stack = STACKS[*stack];
            let Some(live) = world.current(stack).cloned() else { return };
            let planned = world.plan(&ask(&live), Wish::Remove { stack, refuse_drift: false });
            assert!(carry_out(world, stack, planned, true));
            assert!(world.current(stack).is_none());
        }
        Act::Edit { path: place, what } => {
            let place = path(PATHS[*place]);
            match what {
                0 => drop(world.files.remove(&place)),
                1 => drop(world.files.insert(place, There::Directory)),
                2 => drop(world.files.insert(place, There::Link { to: "elsewhere".to_owned() })),
                _ => drop(world.files.insert(place, standing(Mark::Sha256(Digest::of(b"edited")), 0o640))),
            }
        }
    }
}

fn marks(generation: &Generation) -> BTreeMap<TargetPath, Mark> {
    generation.files.iter().filter(|row| row.is_secret()).map(|row| (row.path.clone(), row.mark)).collect()
}

fn go(world: &mut World, stack: &str, number: u32, remake: bool) {
    let to = world.stacks[stack].generations[&number].clone();
    let marks = marks(&to);
    let anew = Anew::default();
    let wish = || {
        Wish::Go(Go {
            to: &to,
            policy: Policy::default(),
            rewrite: true,
            remade: remake.then_some(&marks),
            anew: &anew,
        })
    };
    let planned = world.plan(&ask(&to), wish());
    if carry_out(world, stack, planned, true) {
        assert_eq!(world.current(stack).map(|live| live.number), Some(number));
        let again = world.plan(&ask(&to), wish());
        assert!(matches!(again, Ok(Planned::Unchanged { .. })), "{again:?}");
    }
}

proptest! {
    #[test]
    fn a_target_is_always_what_its_generations_say(acts in prop::collection::vec(act(), 1..25)) {
        let mut world = World::default();
        for act in &acts {
            act_on(&mut world, act);
        }
    }
}
