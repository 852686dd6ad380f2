use super::*;
use crate::artifacts::{Consumed, Produced, Production};
use proptest::prelude::*;

/// A host: who it is, what it gives, what it takes.
type Host<'h> = (Option<&'h str>, &'h [&'h str], &'h [(&'h str, &'h str)]);

fn links(gives: &[&str], takes: &[(&str, &str)]) -> Links {
    let kind = Production::Literal("x".to_owned());
    let produced = |name: &&str| Produced { name: (*name).to_owned(), kind: kind.clone(), at: Span::default() };
    let consumed = |(machine, name): &(&str, &str)| Consumed {
        machine: (*machine).to_owned(),
        name: (*name).to_owned(),
        at: Span::default(),
    };
    Links { produces: gives.iter().map(produced).collect(), consumes: takes.iter().map(consumed).collect() }
}

fn order(hosts: &[Host<'_>]) -> Result<Order, Vec<String>> {
    let links: Vec<Links> = hosts.iter().map(|(_, gives, takes)| links(gives, takes)).collect();
    let given = hosts.iter().zip(&links).map(|((machine, ..), links)| HostLinks {
        machine: *machine,
        links: Some(links),
        at: Span::default(),
    });
    let order = fleet_order(&given.collect::<Vec<_>>());
    order.map_err(|errors| {
        errors.iter().map(|error| format!("{}: {}", error.code.unwrap().as_str(), error.message)).collect()
    })
}

fn sequence(hosts: &[Host<'_>]) -> Vec<usize> {
    order(hosts).unwrap().sequence
}

#[test]
fn without_links_the_file_says_the_order() {
    assert_eq!(sequence(&[(None, &[], &[]), (Some("a"), &["x"], &[]), (None, &[], &[])]), [0, 1, 2]);
}

#[test]
fn whoever_gives_goes_first_and_the_others_stay_where_they_are() {
    let hosts: [Host<'_>; 5] = [
        (Some("dns"), &[], &[("mx", "tlsa")]),
        (Some("a"), &[], &[]),
        (Some("mx"), &["tlsa"], &[("ca", "root")]),
        (Some("b"), &[], &[]),
        (Some("ca"), &["root"], &[]),
    ];
    assert_eq!(sequence(&hosts), [1, 3, 4, 2, 0]);
}

#[test]
fn what_is_not_given_is_told_of_all_hosts_at_once() {
    let hosts: [Host<'_>; 4] = [
        (None, &[], &[("mx", "tlsa")]),
        (Some("dns"), &[], &[("mx", "tlsb"), ("mxx", "tlsa")]),
        (Some("mx"), &["tlsa"], &[]),
        (Some("mx"), &["tlsa"], &[]),
    ];
    assert_eq!(
        order(&hosts).unwrap_err(),
        [
            "E6: two stacks of the machine `mx` give the artifact `tlsa`",
            "E3: a host that takes the artifact mx:tlsa has to say which machine it is",
            "E2: the host `dns` takes the artifact mx:tlsb, and `mx` does not give it",
            "E2: the host `dns` takes the artifact mxx:tlsa, and no host is the machine `mxx`",
        ]
    );
}

#[test]
fn whoever_cannot_be_composed_is_waited_for() {
    let takes = links(&[], &[("mx", "tlsa")]);
    let [taker, giver] = [("dns", Some(&takes)), ("mx", None)].map(|(machine, links)| HostLinks {
        machine: Some(machine),
        links,
        at: Span::default(),
    });
    assert_eq!(fleet_order(&[taker, giver]).unwrap().sequence, [1, 0]);
}

#[test]
fn a_circle_is_told_with_its_members_alone() {
    let hosts: [Host<'_>; 5] = [
        (Some("behind"), &[], &[("a", "x")]),
        (Some("b"), &["y"], &[("a", "x")]),
        (Some("a"), &["x"], &[("b", "y"), ("before", "z")]),
        (Some("before"), &["z"], &[]),
        (Some("self"), &["me"], &[("self", "me")]),
    ];
    assert_eq!(
        order(&hosts).unwrap_err(),
        [
            "E7: cross-host artifact cycle among machines [a, b, self] via artifact(s) [a:x, b:y, self:me] — no host deployed \
          (ARTIFACT-CYCLE)"
        ]
    );
}

#[test]
fn two_stacks_of_one_machine_can_give_to_each_other() {
    assert_eq!(sequence(&[(Some("m"), &[], &[("m", "x")]), (Some("m"), &["x"], &[])]), [1, 0]);
}

#[test]
fn some_hosts_alone_wait_for_each_other_alone() {
    let hosts: [Host<'_>; 3] =
        [(Some("a"), &["x"], &[]), (Some("b"), &["y"], &[("a", "x")]), (Some("c"), &[], &[("b", "y")])];
    let some = order(&hosts).unwrap().only(&[1, 2]);
    assert_eq!(some.sequence, [0, 1]);
    let waits: Vec<usize> = some.upstream.iter().map(Vec::len).collect();
    assert_eq!((waits, some.upstream[1][0].host), (vec![0, 1], 0));
}

#[test]
fn a_long_chain_is_no_trouble() {
    let names: Vec<String> = (0..5_000).map(|number| format!("m{number}")).collect();
    let given: Vec<Links> = (0..names.len())
        .map(|number| match names.get(number + 1) {
            Some(next) => links(&["x"], &[(next.as_str(), "x")]),
            None => links(&["x"], &[]),
        })
        .collect();
    let hosts = names.iter().zip(&given);
    let hosts =
        hosts.map(|(name, links)| HostLinks { machine: Some(name.as_str()), links: Some(links), at: Span::default() });
    let found = fleet_order(&hosts.collect::<Vec<_>>()).unwrap();
    assert!(found.sequence.iter().rev().copied().eq(0..names.len()));
}

proptest! {
    /// Hosts with random links have an order in which everybody stands behind what he waits for, or a circle.
    #[test]
    fn an_order_keeps_every_promise(edges in prop::collection::vec((0_usize..12, 0_usize..12), 0..30)) {
        let names: Vec<String> = (0..12).map(|number| format!("m{number:02}")).collect();
        let takes = |host: usize| -> Vec<(&str, &str)> {
            edges.iter().filter(|(to, _)| *to == host).map(|(_, from)| (names[*from].as_str(), "x")).collect()
        };
        let given: Vec<Links> = (0..12).map(|host| links(&["x"], &takes(host))).collect();
        let hosts: Vec<HostLinks<'_>> = names.iter().zip(&given)
            .map(|(name, links)| HostLinks { machine: Some(name.as_str()), links: Some(links), at: Span::default() })
            .collect();
        match fleet_order(&hosts) {
            Ok(order) => {
                let position = |host: usize| order.sequence.iter().position(|other| *other == host).unwrap();
                prop_assert_eq!(order.sequence.len(), 12);
                for (to, from) in &edges {
                    prop_assert!(position(*from) < position(*to));
                }
            }
            Err(errors) => {
                // From every member one comes back to it.
                let reaches = |start: usize| {
                    let mut todo = vec![start];
                    let mut seen = [false; 12];
                    while let Some(host) = todo.pop() {
                        for (_, from) in edges.iter().filter(|(to, _)| *to == host) {
                            if *from == start {
                                return true;
                            }
                            if !std::mem::replace(&mut seen[*from], true) {
                                todo.push(*from);
                            }
                        }
                    }
                    false
                };
                let members: Vec<&str> = (0..12).filter(|host| reaches(*host)).map(|host| names[host].as_str()).collect();
                let wanted = format!("machines [{}]", members.join(", "));
                prop_assert!(errors[0].message.contains(&wanted), "{}: {}", wanted, errors[0].message);
            }
        }
    }
}
