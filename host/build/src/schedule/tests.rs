use super::*;
use crate::package::Package;
use crate::recipe::find;
use crate::source::{Origin, Source};
use punix_store::{Derivation, PackageName, Parts, Record, StoreName, Version};

/// Makes packages of these names, each of which needs those at these places.
fn packages(needs: &[(&str, &[usize])]) -> Packages {
    let mut packages = Packages::default();
    let mut names: Vec<StoreName> = Vec::new();
    for (name, inputs) in needs {
        let recipe = find("std.shell").unwrap();
        let parts = Parts {
            package: PackageName::parse(name).unwrap(),
            version: Version::parse("1").unwrap(),
            recipe: recipe.name.to_owned(),
            recipe_digest: recipe.digest(),
            args: Record::new(),
            source: Record::new(),
            system: "x86_64-linux".to_owned(),
            inputs: inputs.iter().map(|&input| names[input].clone()).collect(),
        };
        let derivation = Derivation::new(parts).unwrap();
        names.push(derivation.name().clone());
        let source = Source { origin: Origin::Nothing, patches: Vec::new() };
        packages.add(Package { label: (*name).to_owned(), derivation, recipe, source }).unwrap();
    }
    packages
}

fn queue(packages: &Packages, there: &[usize]) -> Queue {
    let again = BTreeSet::new();
    let all: Vec<usize> = (0..packages.len()).collect();
    let plan = Plan { packages, wanted: &all, again: &again, jobs: 1, command: "test" };
    let fate = |place: usize| there.contains(&place).then_some(Fate::Cached);
    let missing = all.iter().copied().filter(|place| !there.contains(place)).collect();
    Queue::new(plan, Seen { fates: all.iter().map(|&place| fate(place)).collect(), missing })
}

fn ready(queue: &Queue) -> Vec<usize> {
    queue.ready.iter().copied().collect()
}

fn built() -> Fate {
    Fate::Built { took: Duration::ZERO }
}

#[test]
fn each_is_ready_after_what_it_needs() {
    let diamond = packages(&[("base", &[]), ("left", &[0]), ("right", &[0]), ("top", &[1, 2]), ("alone", &[])]);
    let mut queue = queue(&diamond, &[]);
    assert_eq!(ready(&queue), [0, 4]);
    for (place, after) in [(0, vec![1, 2, 4]), (1, vec![2, 4]), (4, vec![2]), (2, vec![3]), (3, vec![])] {
        queue.ready.remove(&place);
        assert!(queue.end(place, built()).is_empty());
        assert_eq!(ready(&queue), after);
    }
    assert_eq!(queue.left, 0);
}

#[test]
fn what_is_there_is_not_waited_for() {
    let chain = packages(&[("a", &[]), ("b", &[0]), ("c", &[1])]);
    let queue = queue(&chain, &[0, 1]);
    assert_eq!((ready(&queue), queue.left), (vec![2], 1));
}

#[test]
fn who_fails_takes_those_that_need_it_and_no_others() {
    let tree = packages(&[("a", &[]), ("b", &[0]), ("c", &[1]), ("e", &[]), ("d", &[0, 3]), ("f", &[3])]);
    let mut queue = queue(&tree, &[]);
    queue.ready.remove(&0);
    let blocked = queue.end(0, Fate::Stopped);
    assert_eq!(blocked, [1, 2, 4]);
    assert!(matches!(queue.fates[4], Some(Fate::Blocked { by: 0 })));
    assert_eq!((ready(&queue), queue.left), (vec![3], 2));
    queue.ready.remove(&3);
    queue.end(3, built());
    assert_eq!((ready(&queue), queue.left), (vec![5], 1));
}

#[test]
fn direct_inputs_are_in_the_order_of_their_names() {
    let some = packages(&[("zlib", &[]), ("bzip2", &[]), ("app", &[0, 1])]);
    assert_eq!(some.inputs(2), [1, 0]);
    assert_eq!(some.closure(2), [0, 1]);
    assert_eq!(some.place(some.get(1).name()), Some(1));
}

#[test]
fn a_package_whose_input_is_not_there_is_not_taken() {
    let all = packages(&[("a", &[]), ("b", &[0])]);
    let mut others = Packages::default();
    assert_eq!(others.add(all.get(1).clone()), None);
    assert_eq!(others.add(all.get(0).clone()), Some(0));
    assert_eq!(others.add(all.get(0).clone()), Some(0));
    assert_eq!(others.add(all.get(1).clone()), Some(1));
}
