use super::*;
use crate::plan::tests::model::{World, ask, standing};
use crate::plan::tests::{conf, decided, deployed, drafted};
use crate::plan::{Deploy, Policy, Wish};
use crate::testing::{self, path};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use punix_store::Digest;

/// Draws hunks as one knows them.
fn drawn(hunks: &[Hunk]) -> String {
    let mut out = String::new();
    for hunk in hunks {
        out.push_str(&format!("@@ -{},{} +{},{} @@\n", hunk.before.0, hunk.before.1, hunk.after.0, hunk.after.1));
        for line in &hunk.lines {
            let sign = match line.kind {
                LineKind::Both => ' ',
                LineKind::Before => '-',
                LineKind::After => '+',
            };
            out.push_str(&format!("{sign}{}{}\n", line.text, if line.unended { "$" } else { "" }));
        }
    }
    out
}

#[track_caller]
fn check(before: &str, after: &str, expected: Expect) {
    expected.assert_eq(&drawn(&lines::hunks(before, after).unwrap()));
}

#[test]
fn differences_stand_in_their_context() {
    check("", "", expect![""]);
    check("a\nb\n", "a\nb\n", expect![""]);
    check(
        "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n",
        "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n13\n",
        expect![[r#"
            @@ -2,12 +2,11 @@
             2
             3
             4
            -5
            +five
             6
             7
             8
             9
             10
             11
            -12
             13
        "#]],
    );
    check(
        "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n",
        "one\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\ntwelve",
        expect![[r#"
            @@ -1,4 +1,4 @@
            -1
            +one
             2
             3
             4
            @@ -9,4 +9,4 @@
             9
             10
             11
            -12
            +twelve$
        "#]],
    );
    check(
        "",
        "a\n",
        expect![[r#"
        @@ -0,0 +1,1 @@
        +a
    "#]],
    );
    check(
        "a",
        "a\n",
        expect![[r#"
        @@ -1,1 +1,1 @@
        -a$
        +a
    "#]],
    );
}

#[test]
fn far_too_many_differences_are_not_shown() {
    let text = |offset: u32| (0..3_000).map(|n| format!("{}\n", n * 2 + offset)).collect::<String>();
    assert_eq!(lines::hunks(&text(0), &text(1)), None);
}

/// Puts the text together again that a hunk list leads to.
fn patched(before: &str, hunks: &[Hunk]) -> String {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let mut out = String::new();
    let mut at = 0;
    for hunk in hunks {
        let start = if hunk.before.1 == 0 { hunk.before.0 } else { hunk.before.0 - 1 };
        out.extend(old[at..start].iter().copied());
        at = start + hunk.before.1;
        for line in hunk.lines.iter().filter(|line| line.kind != LineKind::Before) {
            out.push_str(&line.text);
            out.push_str(if line.unended { "" } else { "\n" });
        }
        let gone: String = hunk
            .lines
            .iter()
            .filter(|line| line.kind != LineKind::After)
            .map(|line| format!("{}{}", line.text, if line.unended { "" } else { "\n" }))
            .collect();
        assert_eq!(gone, old[start..at].concat());
    }
    out.extend(old[at..].iter().copied());
    out
}

proptest! {
    #[test]
    fn differences_lead_from_one_text_to_the_other(
        before in "([ab]{0,2}\n){0,12}[a]?", after in "([ab]{0,2}\n){0,12}[a]?"
    ) {
        let hunks = lines::hunks(&before, &after).unwrap();
        prop_assert_eq!(patched(&before, &hunks), after.clone());
        prop_assert_eq!(hunks.is_empty(), before == after);
    }
}

fn deploy(world: &World, draft: &Generation) -> Decided {
    let wish = Wish::Deploy(Deploy {
        draft: draft.clone(),
        policy: Policy::default(),
        force_generation: false,
        kept: BTreeSet::new(),
        as_others: Vec::new(),
    });
    decided(world.plan(&ask(draft), wish))
}

#[test]
fn a_plan_shows_texts_and_no_secrets() {
    let world = deployed(&[conf("a\n")]);
    let draft = drafted("two", |design| {
        design.files = vec![testing::file("/etc/app/a.conf", "b\n"), testing::file("/etc/app/new", "new\n")];
        design.files[0].mode = Some(0o600);
    });
    let decided = deploy(&world, &draft);
    let seen = world.look(&ask(&draft));
    let (old, new) = (conf("a\n").files[0].mark, draft.files[0].mark);
    let held = [&b"a\n"[..], b"b\n", b"new\n"].map(|text| Held::from(text.to_vec()));
    let diffs = plan_diff(&seen, &decided, None, &|mark| match mark {
        mark if mark == old => Some(&held[0]),
        mark if mark == new => Some(&held[1]),
        mark if mark == draft.files[1].mark => Some(&held[2]),
        _ => None,
    });
    let find = |place: &str| diffs.iter().find(|diff| diff.path == path(place)).unwrap();
    assert_eq!(diffs.len(), 3);
    let changed = find("/etc/app/a.conf");
    assert_eq!((changed.fate, changed.mode, &changed.owner), (Fate::Changed, Some((0o644, 0o600)), &None));
    let Body::Text { hunks, left_out: 0 } = &changed.body else { panic!("{changed:?}") };
    expect![[r#"
        @@ -1,1 +1,1 @@
        -a
        +b
    "#]]
    .assert_eq(&drawn(hunks));
    assert_eq!(find("/etc/app/new").fate, Fate::Added);
    let secret = find("/etc/punix/env/Web/api.env");
    let expected =
        SecretDiff { kept: BTreeSet::from(["from_env:TOKEN".to_owned()]), bytes: true, ..SecretDiff::default() };
    assert_eq!(secret.body, Body::Secret(expected));
}

#[test]
fn what_was_edited_by_hand_is_not_guessed() {
    let mut world = deployed(&[conf("a\n")]);
    world.files.insert(path("/etc/app/a.conf"), standing(Mark::Sha256(Digest::of(b"edited")), 0o640));
    let decided = deploy(&world, &conf("b\n"));
    let diffs = plan_diff(&world.look(&ask(&conf("b\n"))), &decided, None, &|_| None);
    let diff = &diffs[0];
    assert_eq!((diff.fate, diff.mode, &diff.body), (Fate::Changed, Some((0o640, 0o644)), &Body::Unknown));
}

#[test]
fn two_generations_are_compared_by_their_records() {
    let other = drafted("two", |design| {
        design.files = vec![testing::file("/etc/app/b.conf", "b\n")];
        design.slots[0].name = "from_file:token".to_owned();
    });
    let one = conf("a\n");
    let binary = Held::from(vec![0xff; 3]);
    let diffs = generation_diff(&one, &other, &|mark| (mark == one.files[0].mark).then_some(&binary));
    let fates: Vec<(&str, Fate)> = diffs.iter().map(|diff| (diff.path.as_str(), diff.fate)).collect();
    assert_eq!(
        fates,
        [
            ("/etc/app/a.conf", Fate::Removed),
            ("/etc/app/b.conf", Fate::Added),
            ("/etc/punix/env/Web/api.env", Fate::Changed)
        ]
    );
    assert_eq!((&diffs[0].body, &diffs[1].body), (&Body::Sizes { before: 3, after: 0 }, &Body::Unknown));
    let Body::Secret(secret) = &diffs[2].body else { panic!("{diffs:?}") };
    assert_eq!((secret.added.len(), secret.removed.len(), secret.text, secret.bytes), (1, 1, false, true));
    assert_eq!(generation_diff(&one, &one, &|_| None), []);
}

#[test]
fn a_long_difference_is_cut() {
    let long: String = (0..3_000).map(|n| format!("{n}\n")).collect();
    let long = Held::from(long.into_bytes());
    let other = conf("b\n");
    let none = drafted("one", |design| design.files.clear());
    let diffs = generation_diff(&none, &other, &|_| Some(&long));
    let Body::Text { hunks, left_out } = &diffs[0].body else { panic!("{diffs:?}") };
    assert_eq!((hunks.len(), hunks[0].lines.len(), *left_out), (1, 2_000, 1_000));
}
