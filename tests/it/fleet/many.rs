//! Many hosts at once: whatever order they end in, they are told of in one.

use super::Fleet;

const HOSTS: usize = 40;

#[test]
fn forty_hosts_are_told_of_in_one_order_in_every_run() {
    let hosts: Vec<(String, String)> = (0..HOSTS).map(|n| (format!("S{n}"), format!("ssh://h{n}"))).collect();
    let rows: Vec<(&str, &str, &str)> =
        hosts.iter().map(|(stack, target)| (stack.as_str(), target.as_str(), "x")).collect();
    let fleet = Fleet::simple(&rows);
    fleet.write("S7.pcl", "module S7 { backend = \"none\" }");
    fleet.write("S23.pcl", "module S23 { x = nope }");
    let mut first = None;
    for jobs in ["16", "3", "1", "40", "7"] {
        let outcome = fleet.fleet("apply", &["--jobs", jobs, "--force-generation"]);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let expected: Vec<String> = (0..HOSTS).filter(|n| ![7, 23].contains(n)).map(|n| format!("S{n}")).collect();
        let told: Vec<String> = outcome
            .stdout
            .lines()
            .filter_map(|line| Some(line.strip_prefix("  ✓ ")?.split_once(' ')?.0.to_owned()))
            .collect();
        assert_eq!(told, expected);
        let both = (outcome.stdout, outcome.stderr);
        assert_eq!(first.get_or_insert_with(|| both.clone()), &both, "with {jobs} jobs");
    }
}
