//! The order in which services start: each after those that it depends on, and otherwise as the stack has them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Services that wait for each other: each depends on the next, the last on the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Circle(pub(crate) Vec<usize>);

/// Orders the services, given for each the positions of those that it depends on.
pub(crate) fn order(needs: &[Vec<usize>]) -> Result<Vec<usize>, Circle> {
    let mut waits: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut needed_by = vec![Vec::new(); needs.len()];
    let mut ready = BinaryHeap::new();
    for (service, needed) in needs.iter().enumerate() {
        if needed.is_empty() {
            ready.push(Reverse(service));
        }
        for &need in needed {
            if let Some(list) = needed_by.get_mut(need) {
                list.push(service);
            }
        }
    }
    let mut ordered = Vec::with_capacity(needs.len());
    while let Some(Reverse(next)) = ready.pop() {
        ordered.push(next);
        for &service in needed_by.get(next).into_iter().flatten() {
            let Some(count) = waits.get_mut(service) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 {
                ready.push(Reverse(service));
            }
        }
    }
    if ordered.len() == needs.len() { Ok(ordered) } else { Err(circle(needs, &waits)) }
}

/// Finds a circle among services of which each still waits for another, if it waits at all.
fn circle(needs: &[Vec<usize>], waits: &[usize]) -> Circle {
    let waiting = |service: usize| waits.get(service).is_some_and(|&count| count > 0);
    let mut way: Vec<usize> = Vec::new();
    let mut at = (0..needs.len()).find(|&service| waiting(service));
    while let Some(service) = at {
        if let Some(begin) = way.iter().position(|&earlier| earlier == service) {
            return Circle(way.split_off(begin));
        }
        way.push(service);
        at = needs.get(service).and_then(|needed| needed.iter().copied().find(|&need| waiting(need)));
    }
    Circle(way)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_the_rest_stays() {
        assert_eq!(order(&[]), Ok(vec![]));
        assert_eq!(order(&[vec![], vec![], vec![]]), Ok(vec![0, 1, 2]));
        assert_eq!(order(&[vec![2], vec![], vec![1]]), Ok(vec![1, 2, 0]));
        assert_eq!(order(&[vec![3, 3], vec![], vec![], vec![]]), Ok(vec![1, 2, 3, 0]));
        let chain: Vec<Vec<usize>> = (0..5000).map(|n| if n == 4999 { vec![] } else { vec![n + 1] }).collect();
        assert_eq!(order(&chain), Ok((0..5000).rev().collect()));
    }

    #[test]
    fn a_circle_is_named_without_what_merely_leads_to_it() {
        assert_eq!(order(&[vec![0]]), Err(Circle(vec![0])));
        assert_eq!(order(&[vec![1], vec![2], vec![3], vec![1]]), Err(Circle(vec![1, 2, 3])));
        assert_eq!(order(&[vec![2, 1], vec![0], vec![]]), Err(Circle(vec![0, 1])));
    }
}
