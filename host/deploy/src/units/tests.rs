use super::*;
use crate::plan::tests::model::ask;
use crate::plan::tests::{decided, deployed, drafted};
use crate::plan::{Decided, Deploy, Policy, Wish};
use crate::testing;
use crate::{Design, Variable};
use expect_test::{Expect, expect};
use punix_model::{Chunk, Encoding};

/// Deploys one stack and plans another.
fn planned(first: fn(&mut Design), value: &str, then: fn(&mut Design)) -> Decided {
    let world = deployed(&[drafted("one", first)]);
    let draft = drafted(value, then);
    let wish = Wish::Deploy(Deploy {
        draft: draft.clone(),
        policy: Policy::default(),
        force_generation: true,
        kept: BTreeSet::new(),
        as_others: Vec::new(),
    });
    decided(world.plan(&ask(&draft), wish))
}

fn shown(decided: &Decided) -> String {
    let line = |step: &UnitStep| {
        let reasons: Vec<String> = step.reasons.iter().map(Reason::to_string).collect();
        format!("{} {:?} {}\n", step.unit, step.deed, reasons.join(", ")).replace(" \n", "\n")
    };
    decided.units.iter().map(line).collect()
}

#[track_caller]
fn check(first: fn(&mut Design), then: fn(&mut Design), expected: Expect) {
    expected.assert_eq(&shown(&planned(first, "one", then)));
}

fn two(design: &mut Design) {
    design.services.push(testing::service("db"));
    design.services[1].environment.clear();
}

#[test]
fn what_did_not_change_goes_on_running() {
    check(
        two,
        two,
        expect![[r#"
            api.service Nothing
            db.service Nothing
        "#]],
    );
}

#[test]
fn each_unit_is_told_why() {
    check(
        two,
        |design| {
            two(design);
            design.services[0].package_path = "/store/new".to_owned();
            design.services[1].args.push("-v".to_owned());
        },
        expect![[r#"
            api.service Restart binary changed
            db.service Restart arguments changed
        "#]],
    );
    check(
        two,
        |design| {
            two(design);
            design.services[0].environment[0].value = vec![Chunk::Text("debug".to_owned())];
            design.services[1].config = r#"{"serviceConfig":{"Nice":5}}"#.to_owned();
        },
        expect![[r#"
            api.service Restart environment changed
            db.service Restart definition changed
        "#]],
    );
    check(
        two,
        |design| {
            two(design);
            design.files[0] = testing::file("/etc/app/a.conf", "b\n");
            design.files[0].restarts = Some(vec!["db".to_owned()]);
            design.files[0].reloads = Some(vec!["api".to_owned()]);
        },
        expect![[r#"
            api.service Reload config /etc/app/a.conf changed
            db.service Restart config /etc/app/a.conf changed
        "#]],
    );
}

#[test]
fn a_new_value_of_a_secret_is_a_reason_by_itself() {
    expect![[r#"
        api.service Restart secret in /etc/punix/env/Web/api.env changed
    "#]]
    .assert_eq(&shown(&planned(|_| {}, "two", |_| {})));
}

#[test]
fn another_reference_is_another_environment() {
    check(
        |_| {},
        |design| {
            design.slots[0].name = "from_file:token".to_owned();
            design.services[0].environment.push(Variable {
                name: "MORE".to_owned(),
                at: testing::span(1),
                value: vec![Chunk::Secret(0, Encoding("raw".to_owned()))],
                artifact: None,
            });
        },
        expect![[r#"
            api.service Restart environment changed
        "#]],
    );
}

#[test]
fn new_units_start_and_old_ones_go_first() {
    check(
        two,
        |design| {
            design.services.push(testing::service("web"));
            design.services[0].environment.clear();
        },
        expect![[r#"
            db.service Remove removed
            api.service Restart environment changed
            web.service Start new
        "#]],
    );
    check(
        |_| {},
        |design| design.files.clear(),
        expect![[r#"
            api.service Restart config /etc/app/a.conf removed
        "#]],
    );
}

#[test]
fn wishes_follow_the_steps() {
    let decided = planned(two, "one", |design| {
        design.services.push(testing::service("web"));
        design.files[0] = testing::file("/etc/app/a.conf", "b\n");
        design.files[0].restarts = Some(Vec::new());
        design.files[0].reloads = Some(vec!["api".to_owned()]);
    });
    let wished = |activate, restart_all, enable| -> Vec<String> {
        let wishes = wishes(&decided.units, Activation { activate, restart_all, enable });
        wishes.iter().map(|wish| format!("{:?} {}", wish.action, wish.unit)).collect()
    };
    assert_eq!(wished(true, false, false), ["Remove db.service", "Reload api.service", "Start web.service"]);
    assert_eq!(wished(false, false, true), ["Enable api.service", "Enable web.service"]);
    assert_eq!(
        wished(true, true, true),
        ["Remove db.service", "Restart api.service", "Enable api.service", "Start web.service", "Enable web.service"]
    );
    assert_eq!(wished(false, true, false), [""; 0]);
}

#[test]
fn a_record_is_enough_for_the_units() {
    let generation = drafted("one", |_| {});
    let stack = stack_for_units(&generation);
    assert_eq!((stack.name.as_str(), stack.unit_dir.as_deref()), ("Web", Some("/etc/systemd/system")));
    assert_eq!(stack.services[0].argv, ["/store/api/bin/api", "--port", "80"]);
    assert_eq!((stack.slots.len(), stack.services[0].env.len()), (0, 0));
}

#[test]
fn what_has_to_be_there_before_is_known_from_what_was_rendered() {
    let mut generation = drafted("one", |_| {});
    let mut texts = BTreeMap::new();
    for (path, text) in [
        ("/etc/sysusers.d/punix-Web.conf", "# made\ng www -\nu web -:www - /srv/web\n"),
        ("/etc/tmpfiles.d/punix-Web.conf", "d /run/web 0755\nd /run/b\n"),
    ] {
        let mut row = generation.files[0].clone();
        let digest = Digest::of(text.as_bytes());
        (row.path, row.mark) = (testing::path(path), Mark::Sha256(digest));
        (row.made_by, row.chunks) = ("systemd@punix.dev".to_owned(), None);
        generation.files.push(row);
        texts.insert(digest, text.as_bytes().to_vec());
    }
    let stack = stack_to_bring_up(&generation, &|digest| texts.get(digest).cloned());
    assert_eq!(stack.config, r#"{"systemGroups":["web","www"]}"#);
    assert_eq!(stack.services[0].config, r#"{"tmpfiles":["d /run/web 0755","d /run/b"]}"#);
    let nothing = stack_to_bring_up(&generation, &|_| None);
    assert_eq!((nothing.config.as_str(), nothing.services[0].config.as_str()), ("{}", "{}"));
}

/// What stands beside a secret may be either that is another, and nobody can tell which.
#[test]
fn an_artifact_that_is_renewed_is_why() {
    let [old, new] = ["one", "other"].map(draft::tests::drafted_with);
    let world = deployed(&[old]);
    let deploy = Deploy {
        draft: new.clone(),
        policy: Policy::default(),
        force_generation: false,
        kept: BTreeSet::new(),
        as_others: Vec::new(),
    };
    expect![[r#"
        api.service Restart secret in /etc/punix/env/Web/api.env changed, artifact in /etc/app/tlsa.json changed
    "#]]
    .assert_eq(&shown(&decided(world.plan(&ask(&new), Wish::Deploy(deploy)))));
}
