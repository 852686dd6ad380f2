use super::*;
use crate::fuzzing::{damaged, damages, fuzz};
use crate::plan::tests::model::{World, ask};
use crate::plan::tests::{decided, drafted, plain};
use crate::plan::{Deploy, Policy, Wish};
use expect_test::expect;
use proptest::prelude::*;

/// A plan for a first deploy, whose files hold what the marks of made-up drafts are of.
fn kept(draft: Generation) -> KeptPlan {
    let wish = Wish::Deploy(Deploy {
        draft: draft.clone(),
        policy: Policy::default(),
        force_generation: false,
        kept: BTreeSet::new(),
        as_others: Vec::new(),
    });
    let mut decided = decided(World::default().plan(&ask(&draft), wish));
    let mut blobs = BTreeMap::new();
    for (index, change) in decided.plan.changes.iter_mut().enumerate() {
        let After::File { mark: Mark::Sha256(digest), .. } = &mut change.after else { continue };
        let bytes = vec![u8::try_from(index).unwrap(), 0xff];
        *digest = Digest::of(&bytes);
        blobs.insert(*digest, bytes);
    }
    KeptPlan {
        target: "ssh://admin@web.example".to_owned(),
        deployments: "/var/lib/punix/deployments".to_owned(),
        plan: decided.plan,
        blobs,
        push: decided.push,
        units: decided.units,
    }
}

#[test]
fn a_plan_comes_back_as_it_was() {
    let plan = kept(plain());
    let bytes = write_plan(&plan).unwrap();
    assert_eq!(read_plan(&bytes), Ok(plan.clone()));
    for goal in [Goal::Kept(3), Goal::Gone] {
        let other = KeptPlan { plan: Plan { goal, parent: Some(4), ..plan.plan.clone() }, ..plan.clone() };
        assert_eq!(read_plan(&write_plan(&other).unwrap()), Ok(other));
    }
}

#[test]
fn what_was_edited_is_no_plan() {
    let text = String::from_utf8(write_plan(&kept(plain())).unwrap()).unwrap();
    let edited = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        read_plan(text.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    assert_eq!(edited("\"schema\": 1", "\"schema\": 2"), PlanFileIssue::Schema { schema: 2 });
    assert_eq!(edited("  \"keep\": 10", "   \"keep\": 10"), PlanFileIssue::Edited);
    assert!(matches!(edited("\"keep\": 10", "\"keep\": 10, \"keep\": 10"), PlanFileIssue::NoPlan { .. }));
    assert!(matches!(edited("\"keep\": 10", "\"keep\": 10, \"more\": 1"), PlanFileIssue::NoPlan { .. }));
    assert!(matches!(edited("\"before\": \"nothing\"", "\"before\": \"nothing\", \"x\": 1"), PlanFileIssue::Edited));
    assert!(matches!(edited("AP8=", "AQ8="), PlanFileIssue::Blob { .. }));
    assert!(matches!(edited("\"stack\": \"Web\"", "\"stack\": \"Other\""), PlanFileIssue::Record { .. }));
    assert!(matches!(edited("\"path\": \"/etc/app/a.conf\"", "\"path\": \"etc\""), PlanFileIssue::Record { .. }));
    assert!(matches!(edited("\"real\": \"/etc/app/a.conf\"", "\"real\": \"etc\""), PlanFileIssue::NoPlan { .. }));
    assert!(matches!(read_plan(b"").unwrap_err(), PlanFileIssue::NoPlan { .. }));
    assert!(matches!(read_plan(b"\xff").unwrap_err(), PlanFileIssue::NoPlan { .. }));
}

#[test]
fn all_contents_are_in_it() {
    let mut plan = kept(plain());
    plan.blobs.pop_first();
    let bytes = write_plan(&plan).unwrap();
    assert!(matches!(read_plan(&bytes).unwrap_err(), PlanFileIssue::Blob { .. }));
}

#[test]
fn no_secret_is_in_it() {
    let secret = drafted("swordfish", |design| design.files[0].secret = true);
    let issue = write_plan(&kept(secret)).unwrap_err();
    let shown = crate::testing::lines(&[(&issue).into()]);
    expect![[r#"
        [E32] this plan: it cannot be kept: the content of `/etc/app/a.conf` is a secret itself, and no reference says where to get it again
          help: deploy without keeping the plan, or refer to the secret in place of its text
    "#]]
    .assert_eq(&shown);
    let text = String::from_utf8(write_plan(&kept(drafted("swordfish", |_| {}))).unwrap()).unwrap();
    assert!(!text.contains("swordfish"));
}

fuzz! {
    256;

    /// A plan has one form: what was damaged is refused, or it is another plan in that form.
    #[test]
    fn damage_does_no_harm(damages in damages()) {
        let bytes = damaged(&write_plan(&kept(plain())).unwrap(), &damages);
        if let Ok(plan) = read_plan(&bytes) {
            prop_assert_eq!(write_plan(&plan).unwrap(), bytes);
        }
    }
}
