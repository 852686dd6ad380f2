//! Wishes for a generation that is kept.

use super::*;

pub(super) fn go<'w>(world: &World, number: u32) -> Go<'w> {
    let to = Box::leak(Box::new(world.stacks["Web"].generations[&number].clone()));
    Go { to, policy: Policy::default(), rewrite: true, remade: None, anew: Box::leak(Box::default()) }
}

pub(super) fn goes(world: &World, go: Go<'_>) -> Result<Planned, PlanError> {
    world.plan(&ask(go.to), Wish::Go(go))
}

#[test]
fn a_rollback_follows_what_was_live_before() {
    let mut world = deployed(&[conf("1\n"), conf("2\n"), conf("3\n")]);
    let back = |world: &World| back_from("Web", &world.look(&ask(&plain())));
    assert_eq!(back(&world), Ok(2));
    let to = decided(goes(&world, go(&world, 2)));
    assert_eq!((to.counts.written, to.plan.goal.clone()), (1, Goal::Kept(2)));
    world.carry_out(&to);
    // 3 was bad. What follows 2 goes back to 2.
    let next = decided(world.plan(&ask(&conf("4\n")), deploy(conf("4\n"))));
    world.carry_out(&next);
    assert_eq!(world.current("Web").map(|live| live.number), Some(4));
    assert_eq!(back(&world), Ok(2));
    assert_eq!(world.differences(world.current("Web").unwrap()), []);
}

#[test]
fn an_old_record_brings_its_own_bytes() {
    let mut world = deployed(&[conf("1\n"), conf("2\n")]);
    let kept = world.stacks.get_mut("Web").unwrap();
    let row = &mut kept.generations.get_mut(&1).unwrap().files[0];
    row.inline = Some(b"1\n".to_vec());
    let Mark::Sha256(digest) = row.mark else { panic!("{row:?}") };
    let back = decided(goes(&world, go(&world, 1)));
    assert_eq!(back.inline, BTreeMap::from([(digest, b"1\n".to_vec().into())]));
    // What it left out of itself is not made up.
    let row = &mut world.stacks.get_mut("Web").unwrap().generations.get_mut(&1).unwrap().files[0];
    (row.inline, row.withheld) = (None, Some(punix_target::Withheld::Artifact));
    let error = goes(&world, go(&world, 1)).unwrap_err();
    assert!(matches!(error.0.as_slice(), [Refusal::SecretsNeeded { .. }]), "{error:?}");
}

#[test]
fn there_has_to_be_something_to_go_back_to() {
    let first = deployed(&[plain()]);
    refused(
        back_from("Web", &first.look(&ask(&plain()))).map(|_| unreachable!()),
        expect![[r#"
            [E12] stack 'Web': no previous generation (current = 1); nothing to roll back to.
        "#]],
    );
    refused(
        back_from("Web", &World::default().look(&ask(&plain()))).map(|_| unreachable!()),
        expect![[r#"
            [E12] stack 'Web': no previous generation (current = None); nothing to roll back to.
        "#]],
    );
    let mut trimmed = deployed(&[conf("1\n"), conf("2\n"), conf("3\n")]);
    trimmed.stacks.get_mut("Web").unwrap().generations.remove(&2);
    refused(
        back_from("Web", &trimmed.look(&ask(&plain()))).map(|_| unreachable!()),
        expect![[r#"
            [E12] stack 'Web': gen-002 is not kept
              note: these are kept: gen-001, gen-003
              help: `punix service set-current Web N` goes to one of them
        "#]],
    );
    let mut gone = deployed(&[conf("1\n"), conf("2\n")]);
    gone.missing.extend(["/store/api".to_owned(), "/store/lib".to_owned()]);
    refused(
        goes(&gone, go(&gone, 1)),
        expect![[r#"
            [E12] stack 'Web' gen-001: pinned store path missing:
              note: /store/api
              note: /store/lib
              help: build the same program again: the same inputs give the same paths
        "#]],
    );
}

#[test]
fn files_with_secrets_stay_unless_they_are_made_again() {
    let env = "/etc/punix/env/Web/api.env";
    let mut world = deployed(&[drafted("one", |_| {}), drafted("two", |_| {})]);
    let kept = decided(goes(&world, go(&world, 1)));
    assert_eq!((after(&kept, env), kept.counts.secret_skipped), (&After::Same, 1));
    warned(
        &kept,
        expect![[r#"
        secret-skipped: 1 file(s) with secrets stay as they are and are not what gen-001 had; `--resolve-secrets` makes them again
    "#]],
    );
    let mark = Mark::HmacSha256(Digest::of(b"fresh"));
    let marks = BTreeMap::from([(path(env), mark)]);
    let made = decided(goes(&world, Go { remade: Some(&marks), ..go(&world, 1) }));
    assert!(matches!(after(&made, env), After::File { mark: written, mode: 0o600, .. } if *written == mark));
    assert_eq!(made.secrets, BTreeSet::from([path(env)]));
    // What is not there cannot stay.
    world.files.remove(&path(env));
    refused(
        goes(&world, go(&world, 1)),
        expect![[r#"
            [E12] stack 'Web' gen-001 needs files with secrets that are not there: `/etc/punix/env/Web/api.env`
              help: `--resolve-secrets` makes them again from their references
        "#]],
    );
    assert!(goes(&world, Go { remade: Some(&marks), ..go(&world, 1) }).is_ok());
}

#[test]
fn a_plain_file_does_not_stay_where_a_secret_one_was() {
    let secret = drafted("one", |design| design.files[0].secret = true);
    let world = deployed(&[secret, plain()]);
    let error = goes(&world, go(&world, 1)).unwrap_err();
    assert!(matches!(error.0.as_slice(), [Refusal::SecretsNeeded { .. }]), "{error:?}");
    // Nor can it be made, for the text was a secret itself.
    let marks = BTreeMap::new();
    let error = goes(&world, Go { remade: Some(&marks), ..go(&world, 1) }).unwrap_err();
    assert!(matches!(error.0.as_slice(), [Refusal::NotRecorded { .. }]), "{error:?}");
}

#[test]
fn the_pointer_alone_can_go_and_come_back() {
    let mut world = deployed(&[conf("1\n"), drafted("one", |design| design.files.clear())]);
    let pointer = |number| Go { rewrite: false, ..go(&world, number) };
    let moved = decided(goes(&world, pointer(1)));
    assert!(moved.plan.changes.iter().all(|change| change.after == After::Same));
    warned(
        &moved,
        expect![[r#"
        no file was touched: until the next deploy, files are not what gen-001 says
    "#]],
    );
    assert!(moved.units.iter().all(|step| step.deed == crate::Deed::Nothing));
    world.carry_out(&moved);
    let again = decided(goes(&world, go(&world, 2)));
    world.carry_out(&again);
    assert_eq!(world.differences(world.current("Web").unwrap()), []);
}

#[test]
fn data_does_not_go_back_and_is_not_forgotten_silently() {
    let stateful = |text: &str, dir: &str| {
        drafted("one", |design| {
            design.files = vec![testing::file("/etc/app/a.conf", text)];
            design.state_dirs = vec![dir.to_owned()];
        })
    };
    let world = deployed(&[stateful("1\n", "/var/lib/api"), stateful("2\n", "/var/lib/api")]);
    let back = decided(goes(&world, go(&world, 1)));
    warned(
        &back,
        expect![[r#"
        stack Web crosses a stateful generation (gen-002 → gen-001): the binary + config were reverted, but DATA is NOT reverted (data in /var/lib/api). If a schema migration ran under gen-002, the older binary may be incompatible — restore from backup if needed.
    "#]],
    );
    let draft = stateful("3\n", "/var/lib/other");
    let gone = decided(world.plan(&ask(&draft), deploy(draft)));
    warned(
        &gone,
        expect![[r#"
        stack Web: state dir(s) /var/lib/api were managed by gen-002 but are gone from this deploy — existing data there is ORPHANED, not deleted; move/remove it deliberately
    "#]],
    );
}

/// What was made anew is known to be that even where it is there already; whoever reads it is not disturbed then.
#[test]
fn what_other_hosts_give_by_now_is_what_a_generation_has() {
    use crate::draft::tests::drafted_with;
    let place = "/etc/app/tlsa.json";
    let [then, now] = ["then", "now"].map(|text| Digest::of(text.as_bytes()).to_string());
    let drafted = |text: &str| {
        let mut drafted = drafted_with(text);
        let row = drafted.files.iter_mut().find(|row| row.path == path(place)).unwrap();
        row.restarts = vec!["api.service".to_owned()];
        drafted
    };
    let mut world = deployed(&[drafted(&then), drafted(&now)]);
    let back = decided(goes(&world, go(&world, 1)));
    warned(
        &back,
        expect![[r#"
            artifact-skipped: 1 file(s) with artifacts of other hosts stay as they are; `punix fleet apply` writes them with what these hosts give
            `/etc/app/tlsa.json` is as it was in gen-001, with what the certificate of mx was then; if it is another one by now, `punix fleet apply` writes that
        "#]],
    );
    let fresh = |text: &str| {
        let artifact = crate::Artifact { kind: "tlsa".to_owned(), domain: None, text: text.to_owned() };
        let mut artifacts = Artifacts::default();
        artifacts.add("mx", BTreeMap::from([("tlsa".to_owned(), artifact)]));
        let mark = drafted(text).files.iter().find(|row| row.path == path(place)).unwrap().mark;
        Anew { marks: BTreeMap::from([(path(place), mark)]), artifacts }
    };
    // It is there already.
    let anew = fresh(&now);
    let same = decided(goes(&world, Go { anew: &anew, ..go(&world, 1) }));
    assert!(matches!(after(&same, place), After::File { mark, .. } if *mark == anew.marks[&path(place)]));
    assert_eq!((same.counts.written, same.counts.artifact_renewed), (0, 1));
    assert!(same.units.iter().all(|step| step.deed == crate::Deed::Nothing), "{:?}", same.units);
    assert!(!same.warnings.iter().any(|warning| matches!(warning, Warning::ArtifactsAsThen { .. })));
    // It was renewed since.
    let anew = fresh(&Digest::of(b"later").to_string());
    let later = decided(goes(&world, Go { anew: &anew, ..go(&world, 1) }));
    assert_eq!((later.counts.written, later.counts.artifact_renewed), (1, 1));
    let api = later.units.iter().find(|step| step.unit == "api.service").unwrap();
    assert_eq!((api.deed, api.reasons.as_slice()), (crate::Deed::Restart, &[crate::Reason::Artifact(path(place))][..]));
    // It was not renewed at all.
    let anew = fresh(&then);
    let plain = decided(goes(&world, Go { anew: &anew, ..go(&world, 1) }));
    assert_eq!((plain.counts.written, plain.counts.artifact_renewed), (1, 0));
    world.carry_out(&plain);
    assert!(!plain.warnings.iter().any(|warning| matches!(warning, Warning::ArtifactsAsThen { .. })));
}
