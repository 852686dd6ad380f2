use super::*;
use crate::object::{BUILT, is_valid, name_in};
use crate::store::sweep;
use crate::testing::{add_sample, below, derivation};
use crate::verify::{self, DerivationIssue, verify};
use proptest::prelude::*;
use punix_disk::{SimulatedDisk, Survival, every_crash};
use std::convert::Infallible;

fn name(number: usize) -> StoreName {
    StoreName::parse(&format!("{number:032x}-p-1")).unwrap()
}

fn root(number: usize) -> Root {
    Root { name: name(number), reason: format!("root {number}") }
}

/// Plans over numbered entries with edges between them.
fn plan_of(count: usize, edges: &[(usize, usize)], roots: &[usize]) -> Collection {
    let entries: Vec<StoreName> = (0..count).map(name).collect();
    let roots: Vec<Root> = roots.iter().copied().map(root).collect();
    let references = |of: &StoreName| -> Result<_, Infallible> {
        Ok(edges.iter().filter(|(from, _)| name(*from) == *of).map(|(_, to)| name(*to)).collect())
    };
    plan(&entries, &roots, references).unwrap()
}

fn numbers<'a>(names: impl IntoIterator<Item = &'a StoreName>) -> Vec<usize> {
    names.into_iter().map(|name| usize::from_str_radix(&name.as_str()[..32], 16).unwrap()).collect()
}

fn dead(collection: &Collection) -> Vec<usize> {
    numbers(collection.dead().iter().map(|dead| &dead.name))
}

#[test]
fn what_a_root_needs_is_kept_however_far() {
    let chain: Vec<(usize, usize)> = (0..400).map(|at| (at, at + 1)).collect();
    let collection = plan_of(402, &chain, &[0]);
    assert_eq!(dead(&collection), [401]);
    let (last, other) = (name(400), name(401));
    let (reason, way) = collection.why_alive(&last).unwrap();
    assert_eq!((reason, numbers(way)), ("root 0", (0..=400).collect::<Vec<_>>()));
    assert_eq!(collection.why_alive(&other), None);
}

#[test]
fn the_shortest_way_from_a_root_is_told() {
    let collection = plan_of(5, &[(0, 1), (1, 2), (2, 3), (4, 3)], &[0, 4]);
    let three = name(3);
    let (reason, way) = collection.why_alive(&three).unwrap();
    assert_eq!((reason, numbers(way)), ("root 4", vec![4, 3]));
}

#[test]
fn dependents_go_before_what_they_need() {
    let collection = plan_of(6, &[(0, 3), (3, 5), (5, 1), (4, 1), (2, 4)], &[]);
    assert_eq!(dead(&collection), [0, 2, 3, 4, 5, 1]);
    // A cycle, which only forged records have.
    assert_eq!(dead(&plan_of(3, &[(0, 1), (1, 0)], &[])), [2, 0, 1]);
}

#[test]
fn what_is_missing_is_told_with_who_needs_it() {
    let collection = plan_of(2, &[(0, 7)], &[0, 9]);
    let missing = [
        Missing { name: name(7), why: Why::InputOf(name(0)) },
        Missing { name: name(9), why: Why::Root { reason: "root 9".into() } },
    ];
    assert_eq!(collection.missing(), missing);
    assert_eq!(dead(&collection), [1]);
}

#[test]
fn what_cannot_be_read_stops_it_only_if_it_is_kept() {
    let references = |of: &StoreName| if *of == name(1) { Err("torn") } else { Ok(vec![]) };
    let entries = [name(0), name(1)];
    let stopped = plan(&entries, &[root(1)], references);
    assert_eq!(stopped, Err(Unreadable { name: name(1), why: "torn" }));
    assert_eq!(dead(&plan(&entries, &[root(0)], references).unwrap()), [1]);
}

proptest! {
    #[test]
    fn nothing_that_is_needed_goes(
        edges in prop::collection::vec((0usize..12, 0usize..12), 0..30),
        roots in prop::collection::vec(0usize..14, 0..4),
    ) {
        // As digests do, edges lead one way only.
        let edges: Vec<_> = edges.into_iter().filter(|(from, to)| from < to).collect();
        let collection = plan_of(12, &edges, &roots);
        let kept = numbers(collection.kept());
        let dead = dead(&collection);
        prop_assert_eq!(kept.len() + dead.len(), 12);
        for root in roots.iter().filter(|root| **root < 12) {
            prop_assert!(kept.contains(root));
        }
        for (from, to) in &edges {
            prop_assert!(!kept.contains(from) || kept.contains(to));
            let place = |number| dead.iter().position(|dead| dead == number);
            if let (Some(from), Some(to)) = (place(from), place(to)) {
                prop_assert!(from < to);
            }
        }
        for kept in &kept {
            let name = name(*kept);
            let (_, way) = collection.why_alive(&name).unwrap();
            let way = numbers(way);
            prop_assert!(roots.contains(&way[0]));
            prop_assert!(way.windows(2).all(|pair| edges.contains(&(pair[0], pair[1]))));
        }
    }
}

/// Two chains of two: `app` needs `lib`, `live` needs `base`.
struct World {
    disk: SimulatedDisk,
    app: StoreName,
    lib: StoreName,
    live: StoreName,
    base: StoreName,
}

fn world() -> World {
    let disk = SimulatedDisk::new();
    let add = |package, inputs: &[&StoreName]| {
        let derivation = derivation(package, inputs);
        add_sample(&disk, &derivation);
        derivation.name().clone()
    };
    let (lib, base) = (add("lib", &[]), add("base", &[]));
    let (app, live) = (add("app", &[&lib]), add("live", &[&base]));
    disk.sync_all().unwrap();
    World { disk, app, lib, live, base }
}

fn plan_on(disk: &SimulatedDisk, live: &StoreName) -> Result<Collection, Unreadable<DerivationIssue>> {
    let names = disk.list(Path::new("")).unwrap();
    let entries: Vec<StoreName> = names.iter().filter_map(|name| StoreName::parse(name.to_str()?).ok()).collect();
    let roots = [Root { name: live.clone(), reason: "test".into() }];
    plan(&entries, &roots, |name| Ok(verify::derivation(disk, name)?.parts().inputs.iter().cloned().collect()))
}

#[test]
fn a_collection_removes_the_dead_and_nothing_else() {
    let World { disk, app, lib, live, base } = world();
    for stranger in ["stranger", ".tmp-stranger", "0123456789abcdef0123456789abcdef"] {
        disk.create_directory(Path::new(stranger), 0o755).unwrap();
    }
    disk.create_link(Path::new("link"), app.as_ref()).unwrap();
    let mut expected = disk.snapshot();
    expected.retain(|path, _| !path.starts_with(&app) && !path.starts_with(&lib));
    let plan = plan_on(&disk, &live).unwrap();
    let collected = collect(&disk, &plan, 1).unwrap();
    let mut removed = vec![app, lib];
    removed.sort();
    assert_eq!(collected.removed, removed);
    assert!(collected.failed.is_empty());
    assert_eq!(disk.snapshot(), expected);
    assert!(is_valid(&disk, &live).unwrap() && is_valid(&disk, &base).unwrap());
}

#[test]
fn a_damaged_root_stops_it() {
    let World { disk, live, .. } = world();
    let derivation = name_in(&live, "derivation.json");
    disk.remove(&derivation).unwrap();
    disk.create(&derivation, 0o444).unwrap();
    assert_eq!(plan_on(&disk, &live).unwrap_err().name, live);
}

#[test]
fn a_damaged_entry_that_nobody_needs_goes() {
    let World { disk, app, lib, live, .. } = world();
    disk.remove(&name_in(&lib, BUILT)).unwrap();
    disk.remove(&name_in(&app, "derivation.json")).unwrap();
    collect(&disk, &plan_on(&disk, &live).unwrap(), 1).unwrap();
    assert!(below(&disk, app.as_str()).is_empty() && below(&disk, lib.as_str()).is_empty());
}

#[test]
fn a_crash_leaves_every_entry_whole_or_absent() {
    let first = world();
    let World { app, lib, live, base, .. } = &first;
    let before = first.disk.snapshot();
    let mut after = before.clone();
    after.retain(|path, _| !path.starts_with(app) && !path.starts_with(lib));
    let run = |disk: &SimulatedDisk| collect(disk, &plan_on(disk, live).unwrap(), 1);
    let operations = every_crash(
        || world().disk,
        run,
        60,
        |disk, result, end| {
            sweep(disk).unwrap();
            let there = |name: &StoreName| {
                let there = disk.metadata(name.as_ref()).unwrap().is_some();
                assert!(!there || verify(disk, name, 1).unwrap().is_empty(), "{name} {end:?}");
                there
            };
            assert!(there(live) && there(base), "{end:?}");
            let (app_there, lib_there) = (there(app), there(lib));
            assert!(result.is_err() || !app_there && !lib_there, "{end:?}");
            // Renames in one directory that a file system loses out of order could part them.
            if !matches!(end.survival, Survival::Torn { .. }) {
                assert!(!app_there || lib_there, "{end:?}");
            }
            collect(disk, &plan_on(disk, live).unwrap(), 1).unwrap();
            assert_eq!(disk.snapshot(), after, "{end:?}");
        },
    );
    assert!(operations > 30, "{operations}");
}
