use super::super::order::Upstream;
use super::*;
use proptest::prelude::*;

/// An order of hosts as they stand in the file, and who waits for whom.
fn order(count: usize, edges: &[(usize, usize)]) -> Order {
    let mut order = Order::free(count);
    for &(to, from) in edges {
        order.upstream[to].push(Upstream { host: from, machine: format!("m{from}"), artifact: "x".to_owned() });
    }
    order
}

/// Works through a fleet; `choose` says which of those that run ends next. Returns what is told, and how many ran at once.
fn work(
    order: &Order,
    rules: Rules,
    fails: &[usize],
    mut choose: impl FnMut(usize) -> usize,
) -> (Vec<(usize, Status)>, usize) {
    let mut run = Run::new(order, rules);
    let (mut running, mut told, mut most) = (Vec::new(), Vec::new(), 0);
    loop {
        while let Some(host) = run.next() {
            running.push(host);
        }
        most = most.max(running.len());
        told.extend(run.settled());
        if running.is_empty() {
            break;
        }
        let host = running.remove(choose(running.len()) % running.len());
        run.ended(host, !fails.contains(&host));
    }
    assert!(run.is_over());
    (told, most)
}

fn shown(told: &[(usize, Status)]) -> String {
    let one = |(host, status): &(usize, Status)| match status {
        Status::Ok => format!("{host} ok"),
        Status::Failed => format!("{host} failed"),
        Status::Blocked { machine, artifact } => format!("{host} blocked by {machine}:{artifact}"),
        Status::NotAttempted => format!("{host} not attempted"),
    };
    told.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_failure_stops_nobody_else() {
    let (told, most) = work(&order(4, &[]), Rules::at_once(16), &[1], |_| 0);
    assert_eq!((shown(&told).as_str(), most), ("0 ok, 1 failed, 2 ok, 3 ok", 4));
}

#[test]
fn whoever_waits_for_a_failure_is_blocked_and_so_is_who_waits_for_him() {
    let (told, _) = work(&order(4, &[(1, 0), (2, 1)]), Rules::at_once(16), &[0], |_| 0);
    assert_eq!(shown(&told), "0 failed, 1 blocked by m0:x, 2 blocked by m1:x, 3 ok");
}

#[test]
fn at_the_first_failure_nobody_begins_any_more() {
    let rules = Rules { fail_fast: true, ..Rules::at_once(1) };
    let (told, most) = work(&order(4, &[(2, 1)]), rules, &[1], |_| 0);
    assert_eq!((shown(&told).as_str(), most), ("0 ok, 1 failed, 2 blocked by m1:x, 3 not attempted", 1));
    // Those that run already end as they end.
    let (told, _) = work(&order(4, &[]), Rules { fail_fast: true, ..Rules::at_once(2) }, &[0], |_| 0);
    assert_eq!(shown(&told), "0 failed, 1 ok, 2 not attempted, 3 not attempted");
}

#[test]
fn the_first_ones_have_to_be_well() {
    let rules = Rules { canary: Some(2), ..Rules::at_once(16) };
    let (told, most) = work(&order(5, &[]), rules, &[1], |_| 0);
    assert_eq!((shown(&told).as_str(), most), ("0 ok, 1 failed, 2 not attempted, 3 not attempted, 4 not attempted", 2));
    let (told, most) = work(&order(5, &[]), rules, &[4], |_| 0);
    assert_eq!((shown(&told).as_str(), most), ("0 ok, 1 ok, 2 ok, 3 ok, 4 failed", 3));
}

#[test]
fn a_wave_begins_when_the_one_before_is_done() {
    let mut run = Run::new(&order(7, &[]), Rules { canary: Some(1), wave: Some(50), ..Rules::at_once(16) });
    let begin = |run: &mut Run| std::iter::from_fn(|| run.next()).collect::<Vec<_>>();
    assert_eq!(begin(&mut run), [0]);
    run.ended(0, true);
    assert_eq!(begin(&mut run), [1, 2, 3]);
    run.ended(1, true);
    run.ended(3, false);
    assert!(begin(&mut run).is_empty());
    run.ended(2, true);
    assert_eq!(begin(&mut run), [4, 5, 6]);
}

#[test]
fn a_wave_does_not_wait_for_who_never_begins() {
    let rules = Rules { wave: Some(34), ..Rules::at_once(16) };
    let (told, _) = work(&order(6, &[(1, 0)]), rules, &[0], |_| 0);
    assert_eq!(shown(&told), "0 failed, 1 blocked by m0:x, 2 ok, 3 ok, 4 ok, 5 ok");
}

#[test]
fn so_many_failures_are_borne() {
    let rules = Rules { max_failures: Some(1), ..Rules::at_once(1) };
    let (told, _) = work(&order(5, &[]), rules, &[0, 2], |_| 0);
    assert_eq!(shown(&told), "0 failed, 1 ok, 2 failed, 3 not attempted, 4 not attempted");
}

#[test]
fn nothing_ends_that_has_not_begun() {
    let mut run = Run::new(&order(2, &[]), Rules::at_once(1));
    run.ended(1, true);
    run.ended(9, true);
    assert!(run.settled().is_empty());
    assert_eq!((run.next(), run.next()), (Some(0), None));
}

proptest! {
    /// Whoever is faster, the same is told in the same order, nobody begins before what he waits for, and no more run at
    /// once than may.
    #[test]
    fn what_is_told_does_not_depend_on_who_is_faster(
        edges in prop::collection::vec((0_usize..10, 0_usize..10), 0..12),
        fails in prop::collection::vec(0_usize..10, 0..4),
        jobs in 1_usize..12,
        wave in prop::option::of(1_u8..100),
        chosen in prop::collection::vec(0_usize..10, 10..11),
    ) {
        let edges: Vec<(usize, usize)> = edges.into_iter().filter(|(to, from)| from < to).collect();
        let order = order(10, &edges);
        let rules = Rules { wave, ..Rules::at_once(jobs) };
        let (first, most) = work(&order, rules, &fails, |_| 0);
        let mut next = chosen.iter().copied().cycle();
        let (other, _) = work(&order, rules, &fails, |_| next.next().unwrap_or_default());
        prop_assert_eq!(&first, &other);
        prop_assert!(most <= jobs);
        prop_assert!(first.iter().map(|(host, _)| *host).eq(0..10));
        for (host, status) in &first {
            let waits: Vec<&(usize, usize)> = edges.iter().filter(|(to, _)| to == host).collect();
            let all_well = waits.iter().all(|(_, from)| first[*from].1 == Status::Ok);
            let expected = if !all_well { "blocked" } else if fails.contains(host) { "failed" } else { "ok" };
            prop_assert!(shown(&[(*host, status.clone())]).contains(expected));
        }
    }
}

/// Each step looks at no more than it has to: what it takes does not grow with the fleet.
#[test]
fn twenty_thousand_hosts_are_worked_through() {
    const COUNT: usize = 20_000;
    let edges: Vec<(usize, usize)> = (1..COUNT).step_by(2).map(|host| (host, host - 1)).collect();
    let rules = Rules { wave: Some(10), ..Rules::at_once(16) };
    let (told, most) = work(&order(COUNT, &edges), rules, &[], |_| 0);
    assert_eq!((told.len(), most), (COUNT, 16));
    assert!(told.iter().all(|(_, status)| *status == Status::Ok));
}
