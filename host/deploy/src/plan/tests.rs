mod going;
mod histories;
pub(crate) mod model;

use super::*;
use crate::draft::tests::marks;
use crate::testing::{self, design, lines, path, rendered};
use expect_test::{Expect, expect};
use model::{World, ask, standing};
use punix_target::{StrangeLink, There};

/// A draft of the stack `Web`, changed.
pub(crate) fn drafted(value: &str, change: impl FnOnce(&mut crate::Design)) -> Generation {
    let mut design = design();
    change(&mut design);
    let rendered = rendered(&design);
    let circumstances = crate::draft::tests::circumstances();
    crate::draft(&design, &rendered, &marks(&rendered, value), circumstances)
}

pub(crate) fn plain() -> Generation {
    drafted("one", |_| {})
}

pub(crate) fn conf(text: &str) -> Generation {
    drafted("one", |design| design.files = vec![testing::file("/etc/app/a.conf", text)])
}

fn deploy(draft: Generation) -> Wish<'static> {
    with(draft, Policy::default())
}

fn with(draft: Generation, policy: Policy) -> Wish<'static> {
    Wish::Deploy(Deploy { draft, policy, force_generation: false, kept: BTreeSet::new(), as_others: Vec::new() })
}

#[track_caller]
pub(crate) fn decided(planned: Result<Planned, PlanError>) -> Decided {
    match planned {
        Ok(Planned::Change(decided)) => *decided,
        Ok(Planned::Unchanged { number, .. }) => panic!("unchanged at {number}"),
        Err(error) => panic!("{}", lines(&error.explain(&|_| None))),
    }
}

#[track_caller]
fn refused(planned: Result<Planned, PlanError>, expected: Expect) {
    let error = planned.map(|planned| panic!("{planned:?}")).unwrap_err();
    expected.assert_eq(&lines(&error.explain(&|place| (*place == path("/etc/app/a.conf")).then(|| testing::span(10)))));
}

#[track_caller]
fn warned(decided: &Decided, expected: Expect) {
    expected.assert_eq(&decided.warnings.iter().map(|warning| format!("{warning}\n")).collect::<String>());
}

/// A target on which drafts were deployed, one after the other.
pub(crate) fn deployed(drafts: &[Generation]) -> World {
    let mut world = World::default();
    for draft in drafts {
        let decided = decided(world.plan(&ask(draft), deploy(draft.clone())));
        world.carry_out(&decided);
    }
    world
}

fn after<'d>(decided: &'d Decided, place: &str) -> &'d After {
    let found = decided.plan.changes.iter().find(|change| change.path == path(place));
    &found.unwrap_or_else(|| panic!("{place} is not in the plan")).after
}

#[test]
fn the_first_deploy_writes_everything() {
    let mut world = World { missing: BTreeSet::from(["/store/api".to_owned()]), ..World::default() };
    let decided = decided(world.plan(&ask(&plain()), deploy(plain())));
    assert_eq!(
        decided.counts,
        Counts { written: 3, removed: 0, same: 0, secret_skipped: 0, artifact_skipped: 0, artifact_renewed: 0 }
    );
    assert_eq!((decided.blobs.len(), decided.secrets.len()), (2, 1));
    assert_eq!(decided.push, BTreeSet::from(["/store/api".to_owned()]));
    assert_eq!((decided.plan.parent, decided.plan.keep, decided.warnings.len()), (None, 10, 0));
    let Goal::New(generation) = &decided.plan.goal else { panic!("{:?}", decided.plan.goal) };
    assert_eq!((generation.number, generation.previous), (1, None));
    world.carry_out(&decided);
    assert_eq!(world.differences(world.current("Web").unwrap()), []);
}

#[test]
fn the_same_again_is_no_change() {
    let mut world = deployed(&[plain()]);
    let mut same = plain();
    // None of these is anything on a target.
    (same.source_hash, same.deployed_at) = ("other".to_owned(), "2030-01-01T00:00:00+00:00".to_owned());
    (same.scenario, same.deployed_by) = (Some("night".to_owned()), "me@here".to_owned());
    let again = world.plan(&ask(&same), deploy(same.clone())).unwrap();
    assert!(matches!(again, Planned::Unchanged { number: 1, ref push } if push.is_empty()), "{again:?}");
    world.missing.insert("/store/lib".to_owned());
    let again = world.plan(&ask(&same), deploy(same.clone())).unwrap();
    assert!(matches!(again, Planned::Unchanged { number: 1, ref push } if push.len() == 1), "{again:?}");
    let forced = Wish::Deploy(Deploy {
        draft: same.clone(),
        policy: Policy::default(),
        force_generation: true,
        kept: BTreeSet::new(),
        as_others: Vec::new(),
    });
    let forced = decided(world.plan(&ask(&same), forced));
    assert_eq!((forced.counts.written, forced.counts.same, forced.plan.parent), (0, 3, Some(1)));
}

#[test]
fn only_what_differs_is_written_and_what_is_dropped_goes() {
    let two = drafted("one", |design| {
        design.files = vec![testing::file("/etc/app/a.conf", "a\n"), testing::file("/etc/app/b.conf", "b\n")];
    });
    let mut world = deployed(&[two]);
    let draft = drafted("one", |design| design.files = vec![testing::file("/etc/app/b.conf", "new\n")]);
    let decided = decided(world.plan(&ask(&draft), deploy(draft)));
    assert_eq!(
        decided.counts,
        Counts { written: 1, removed: 1, same: 2, secret_skipped: 0, artifact_skipped: 0, artifact_renewed: 0 }
    );
    assert_eq!(after(&decided, "/etc/app/a.conf"), &After::Nothing);
    assert!(matches!(after(&decided, "/etc/app/b.conf"), After::File { mode: 0o644, .. }));
    world.carry_out(&decided);
    assert!(!world.files.contains_key(&path("/etc/app/a.conf")));
}

/// Which generation was live is not known any more, or its record is gone; whose the files are is.
#[test]
fn files_of_a_lost_generation_are_still_the_stacks() {
    let two = drafted("one", |design| {
        design.files = vec![testing::file("/etc/app/a.conf", "a\n"), testing::file("/etc/app/b.conf", "b\n")];
    });
    let mut world = deployed(&[two]);
    world.stacks.get_mut("Web").unwrap().current = None;
    world.files.insert(path("/etc/app/a.conf"), standing(Mark::Sha256(Digest::of(b"by hand")), 0o644));
    let draft = drafted("one", |design| design.files = vec![testing::file("/etc/app/b.conf", "new\n")]);
    let decided = decided(world.plan(&ask(&draft), deploy(draft)));
    assert_eq!((decided.counts.written, decided.counts.removed, decided.plan.parent), (1, 1, None));
    assert_eq!(after(&decided, "/etc/app/a.conf"), &After::Nothing);
    warned(
        &decided,
        expect![[r#"
            `/etc/app/a.conf` was changed since it was written (its content is another); it is removed
        "#]],
    );
}

#[test]
fn another_secret_is_a_change_of_its_file_alone() {
    let world = deployed(&[plain()]);
    let draft = drafted("two", |_| {});
    let decided = decided(world.plan(&ask(&draft), deploy(draft)));
    assert_eq!(
        decided.counts,
        Counts { written: 1, removed: 0, same: 2, secret_skipped: 0, artifact_skipped: 0, artifact_renewed: 0 }
    );
    assert_eq!(decided.secrets, BTreeSet::from([path("/etc/punix/env/Web/api.env")]));
}

#[test]
fn what_somebody_else_put_there_is_not_touched() {
    let mut world = World::default();
    let mark = Mark::Sha256(Digest::of(b"theirs"));
    world.files.insert(path("/etc/app/a.conf"), standing(mark, 0o644));
    refused(
        world.plan(&ask(&plain()), deploy(plain())),
        expect![[r#"
            10: [E18] at `/etc/app/a.conf` there is a file already, and it is not this stack's
              help: `--adopt` makes it the stack's; what it holds now is kept, and `service history` names it
        "#]],
    );
    let adopt = Policy { adopt: true, ..Policy::default() };
    let adopted = decided(world.plan(&ask(&plain()), with(plain(), adopt)));
    warned(
        &adopted,
        expect![[r#"
        `/etc/app/a.conf` was not this stack's; from now on it is
    "#]],
    );
    for (there, expected) in [
        (
            There::Directory,
            expect![[r#"
            10: [E18] at `/etc/app/a.conf` there is a directory already, and it is not this stack's
              help: move it away by hand, or write to another path
        "#]],
        ),
        (
            There::Unreachable { why: "`/etc/app` is no directory".to_owned() },
            expect![[r#"
            10: [E18] `/etc/app/a.conf` cannot be looked at: `/etc/app` is no directory
              help: see to it that the directories above it are directories, and may be read
        "#]],
        ),
    ] {
        world.files.insert(path("/etc/app/a.conf"), there);
        refused(world.plan(&ask(&plain()), with(plain(), adopt)), expected);
    }
    world.files.insert(path("/etc/app/a.conf"), There::Link { to: "/etc/passwd".to_owned() });
    assert!(world.plan(&ask(&plain()), deploy(plain())).is_err());
    let replaced = decided(world.plan(&ask(&plain()), with(plain(), adopt)));
    assert!(matches!(after(&replaced, "/etc/app/a.conf"), After::File { .. }));
}

/// What the stack had there before stays where it is, too.
#[test]
fn nothing_is_written_behind_a_link_of_a_stranger() {
    let world = deployed(&[conf("1")]);
    let at = path("/etc/app/a.conf");
    let mut seen = world.look(&ask(&plain()));
    let place = seen.paths.get_mut(&at).unwrap();
    place.there = There::Unreachable { why: "it is behind a link".to_owned() };
    let (link, to) = (path("/etc/app"), "/etc/nginx".to_owned());
    place.behind = Some(StrangeLink { link, owner: 7, to, to_owner: Some(0) });
    let boundary = Boundary::system("Web", None).unwrap();
    let planned = |wish| plan(Ground { seen: &seen, boundary: &boundary }, wish);
    refused(
        planned(deploy(conf("2"))),
        expect![[r#"
            10: [E30] `/etc/app/a.conf` may not be written: it is behind the link `/etc/app` of user 7, which leads to `/etc/nginx` of user 0
              help: replace `/etc/app` by a directory, or let root own it if it leads where it should: `chown -h root /etc/app`
        "#]],
    );
    let gone = decided(planned(Wish::Remove { stack: "Web", refuse_drift: false }));
    assert_eq!(after(&gone, "/etc/app/a.conf"), &After::Same);
}

#[test]
fn a_path_belongs_to_one_stack() {
    let world = deployed(&[plain()]);
    let mut other = plain();
    other.stack = "Other".to_owned();
    other.files.retain(|row| row.path == path("/etc/app/a.conf"));
    let adopt = Policy { adopt: true, ..Policy::default() };
    refused(
        world.plan(&ask(&other), with(other.clone(), adopt)),
        expect![[r#"
            10: [E18] `/etc/app/a.conf` belongs to the stack `Web`
              help: a path belongs to one stack: write to another one, or remove it from the other stack first
        "#]],
    );
}

#[test]
fn what_was_edited_is_overwritten_with_a_warning() {
    let mut world = deployed(&[plain()]);
    let edit = Mark::Sha256(Digest::of(b"edited"));
    world.files.insert(path("/etc/app/a.conf"), standing(edit, 0o644));
    let original = plain().files.iter().find(|row| row.path.name() == "api.service").unwrap().mark;
    world.files.insert(path("/etc/systemd/system/api.service"), standing(original, 0o600));
    world.files.remove(&path("/etc/punix/env/Web/api.env"));
    let mended = decided(world.plan(&ask(&plain()), deploy(plain())));
    warned(
        &mended,
        expect![[r#"
        `/etc/app/a.conf` was changed since it was written (its content is another); it is overwritten
        `/etc/punix/env/Web/api.env` was changed since it was written (it is gone); it is overwritten
        `/etc/systemd/system/api.service` was changed since it was written (its mode is 0600 and was 0644); it is overwritten
    "#]],
    );
    let strict = Policy { refuse_drift: true, ..Policy::default() };
    let error = world.plan(&ask(&plain()), with(plain(), strict)).unwrap_err();
    assert_eq!(error.0.len(), 3);
    // What was edited to just what is wanted now is as it should be.
    let wanted = conf("edited\n");
    let mark = wanted.files[0].mark;
    world.files.insert(path("/etc/app/a.conf"), standing(mark, 0o644));
    let planned = decided(world.plan(&ask(&wanted), deploy(wanted)));
    assert_eq!(after(&planned, "/etc/app/a.conf"), &After::Same);
}

#[test]
fn what_replaced_a_dropped_file_stays() {
    let mut world = deployed(&[plain()]);
    let none = drafted("one", |design| design.files.clear());
    world.files.insert(path("/etc/app/a.conf"), There::Directory);
    let planned = decided(world.plan(&ask(&none), deploy(none.clone())));
    assert_eq!(after(&planned, "/etc/app/a.conf"), &After::Same);
    warned(
        &planned,
        expect![[r#"
        `/etc/app/a.conf` stays: a directory is there now, which the stack did not write
    "#]],
    );
    world.files.remove(&path("/etc/app/a.conf"));
    let planned = decided(world.plan(&ask(&none), deploy(none)));
    assert_eq!((after(&planned, "/etc/app/a.conf"), planned.counts.removed), (&After::Same, 0));
}

#[test]
fn links_are_judged_by_where_they_lead() {
    let world = World::default();
    let draft = drafted("one", |design| {
        design.files = vec![testing::file("/etc/app/a.conf", "a\n"), testing::file("/etc/other/a.conf", "a\n")];
    });
    let mut seen = world.look(&ask(&draft));
    let boundary = Boundary::system("Web", None).unwrap();
    seen.paths.get_mut(&path("/etc/other/a.conf")).unwrap().real = path("/etc/app/a.conf");
    refused(
        plan(Ground { seen: &seen, boundary: &boundary }, deploy(draft.clone())),
        expect![[r#"
            [E30] `/etc/app/a.conf` and `/etc/other/a.conf` are one file on the target, `/etc/app/a.conf`
              help: leave one of them out
        "#]],
    );
    seen.paths.get_mut(&path("/etc/other/a.conf")).unwrap().real = path("/etc/sudoers.d/a.conf");
    refused(
        plan(Ground { seen: &seen, boundary: &boundary }, deploy(draft)),
        expect![[r#"
            [E30] `/etc/other/a.conf` may not be written: links lead to `/etc/sudoers.d/a.conf`, which is in `/etc/sudoers.d`, which gives privileges
              help: a stack writes below the roots that it is given, wherever links lead
        "#]],
    );
}

#[test]
fn owners_have_to_be_known_on_the_target() {
    let owned = drafted("one", |design| design.files[0].owner = Some("api".to_owned()));
    let mut world = World::default();
    refused(
        world.plan(&ask(&owned), deploy(owned.clone())),
        expect![[r#"
            10: [E30] `/etc/app/a.conf` is to belong to the user `api`, and the target has no such user
              help: make the user first, or leave it to whoever deploys
        "#]],
    );
    world.users.insert("api".to_owned(), 977);
    let first = decided(world.plan(&ask(&owned), deploy(owned.clone())));
    world.carry_out(&first);
    assert!(matches!(world.plan(&ask(&owned), deploy(owned)), Ok(Planned::Unchanged { .. })));
    let back = decided(world.plan(&ask(&plain()), deploy(plain())));
    assert!(matches!(after(&back, "/etc/app/a.conf"), After::File { owner: None, .. }));
}

#[test]
fn another_operator_does_not_write_everything_anew() {
    let mut world = deployed(&[plain()]);
    world.deployed_as = Some((1_000, 100));
    for there in world.files.values_mut() {
        let There::File(file) = there else { panic!("{there:?}") };
        (file.owner, file.group) = (1_000, 100);
    }
    assert!(matches!(world.plan(&ask(&plain()), deploy(plain())), Ok(Planned::Unchanged { .. })));
    world.deployed_as = None;
    let mended = decided(world.plan(&ask(&plain()), deploy(plain())));
    assert_eq!((mended.counts.written, mended.warnings.len()), (3, 3));
}

#[test]
fn services_that_cannot_get_to_their_packages_are_named() {
    let closed = Some(punix_target::Closed { directory: path("/root"), mode: 0o700 });
    let world = World { closed, ..World::default() };
    let wish = |as_others: &[&str]| {
        let as_others = as_others.iter().map(|&name| name.to_owned()).collect();
        Wish::Deploy(Deploy {
            draft: plain(),
            policy: Policy::default(),
            force_generation: false,
            kept: BTreeSet::new(),
            as_others,
        })
    };
    warned(&decided(world.plan(&ask(&plain()), wish(&[]))), expect![[""]]);
    warned(
        &decided(world.plan(&ask(&plain()), wish(&["api", "web"]))),
        expect![[r#"
            api, web will not start: others than root may not pass `/root` (its mode is 0700), and what is to be run is in a store below it; choose another place for all commands, such as `--store-root /var/lib/punix/store` or PUNIX_STORE_DIR, or let others pass with `chmod o+x /root`
        "#]],
    );
    warned(&decided(World::default().plan(&ask(&plain()), wish(&["api"]))), expect![[""]]);
}

#[test]
fn a_repair_brings_back_what_the_current_generation_says() {
    let mut world = deployed(&[plain()]);
    let repair = |world: &World| {
        world.plan(&ask(&plain()), Wish::Repair(Repair { stack: "Web", policy: Policy::default(), remade: None }))
    };
    assert!(matches!(repair(&world), Ok(Planned::Unchanged { number: 1, .. })));
    world.files.remove(&path("/etc/app/a.conf"));
    let mended = decided(repair(&world));
    assert_eq!((mended.counts.written, mended.plan.goal.clone(), mended.blobs.len()), (1, Goal::Kept(1), 1));
    world.carry_out(&mended);
    assert!(matches!(repair(&world), Ok(Planned::Unchanged { .. })));
    world.files.remove(&path("/etc/punix/env/Web/api.env"));
    assert!(matches!(repair(&world).unwrap_err().0.as_slice(), [Refusal::SecretsNeeded { number: 1, .. }]));
    let nothing = World::default();
    refused(
        repair(&nothing),
        expect![[r#"
            [E12] no current generation for stack 'Web'
              help: deploy it first
        "#]],
    );
}

#[test]
fn a_stack_goes_with_all_its_files_and_nothing_else() {
    let mut world = deployed(&[plain()]);
    world.files.insert(path("/etc/app/theirs"), standing(Mark::Sha256(Digest::of(b"x")), 0o644));
    let gone = decided(world.plan(&ask(&plain()), Wish::Remove { stack: "Web", refuse_drift: false }));
    assert_eq!((gone.counts.removed, gone.plan.goal.clone()), (3, Goal::Gone));
    world.carry_out(&gone);
    assert_eq!(world.files.keys().collect::<Vec<_>>(), [&path("/etc/app/theirs")]);
    let next = decided(world.plan(&ask(&plain()), deploy(plain())));
    let Goal::New(generation) = &next.plan.goal else { panic!() };
    assert_eq!(generation.number, 2, "no number is used twice");
}

#[test]
fn a_record_that_was_tampered_with_writes_nowhere_else() {
    let mut world = deployed(&[conf("1\n"), conf("2\n")]);
    let kept = world.stacks.get_mut("Web").unwrap();
    kept.generations.get_mut(&1).unwrap().files[0].path = path("/etc/sudoers.d/x");
    let error = going::goes(&world, going::go(&world, 1)).unwrap_err();
    assert!(matches!(error.0.as_slice(), [Refusal::Crossing(_)]), "{error:?}");
    let kept = world.stacks.get_mut("Web").unwrap();
    kept.generations.get_mut(&2).unwrap().files[0].path = path("/etc/passwd");
    let error = world.plan(&ask(&plain()), Wish::Remove { stack: "Web", refuse_drift: false }).unwrap_err();
    assert!(matches!(error.0.as_slice(), [Refusal::Crossing(_)]), "{error:?}");
}

#[test]
fn what_was_not_looked_at_is_not_planned() {
    let seen = Seen::default();
    let boundary = Boundary::system("Web", None).unwrap();
    let error = plan(Ground { seen: &seen, boundary: &boundary }, deploy(plain())).unwrap_err();
    assert!(matches!(error.0.as_slice(), [Refusal::Unseen { .. }, ..]), "{error:?}");
}

#[test]
fn secrets_of_a_kept_plan_have_to_be_the_same() {
    let decided = decided(World::default().plan(&ask(&plain()), deploy(plain())));
    let env = path("/etc/punix/env/Web/api.env");
    let mark = plain().files.iter().find(|row| row.path == env).unwrap().mark;
    assert_eq!(same_secrets(&decided.plan, &BTreeMap::from([(env.clone(), mark)])), Ok(()));
    for other in [BTreeMap::new(), BTreeMap::from([(env, Mark::HmacSha256(Digest::of(b"other")))])] {
        let error = same_secrets(&decided.plan, &other).unwrap_err();
        expect![[r#"
            [E19] a secret in `/etc/punix/env/Web/api.env` has another value than when the plan was made
              help: make the plan again
        "#]]
        .assert_eq(&lines(&error.explain(&|_| None)));
    }
}

#[test]
fn a_file_becomes_no_directory_in_one_step_nor_the_other_way_round() {
    let with = |place: &str| drafted("one", |design| design.files = vec![testing::file(place, "x")]);
    let mut world = deployed(&[with("/etc/app/a.conf")]);
    let inside = with("/etc/app/a.conf/part");
    world.files.insert(path("/etc/app/a.conf/part"), There::Unreachable { why: "it is no directory".to_owned() });
    refused(
        world.plan(&ask(&inside), deploy(inside.clone())),
        expect![[r#"
            [E18] `/etc/app/a.conf` is a file of this stack, and cannot become the directory of `/etc/app/a.conf/part` at once
              help: deploy without what is in `/etc/app/a.conf` first: then the file goes, and the next deploy writes the rest
        "#]],
    );
    let mut world = deployed(&[inside]);
    world.files.insert(path("/etc/app/a.conf"), There::Directory);
    let file = with("/etc/app/a.conf");
    refused(
        world.plan(&ask(&file), deploy(file.clone())),
        expect![[r#"
            10: [E18] `/etc/app/a.conf` is the directory of `/etc/app/a.conf/part`, which is this stack's, and cannot become a file at once
              help: deploy without `/etc/app/a.conf` first: what the stack had in it goes, and the directory if nothing else is in it
        "#]],
    );
}
