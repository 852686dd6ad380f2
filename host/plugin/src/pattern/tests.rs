use super::*;
use proptest::prelude::*;

fn path(text: &str) -> PathPattern {
    PathPattern::parse(text).unwrap()
}

fn host(text: &str) -> HostPattern {
    HostPattern::parse(text).unwrap()
}

#[test]
fn a_star_is_one_part_and_at_the_end_the_rest() {
    assert!(path("/v1/*").matches("/v1/kv/db") && path("/v1/*").matches("/v1/"));
    assert!(!path("/v1/*").matches("/v1") && !path("/v1/*").matches("/v10/kv"));
    assert!(path("/v1/*/data").matches("/v1/kv/data") && !path("/v1/*/data").matches("/v1/kv/x/data"));
    assert!(path("/").matches("/") && !path("/").matches("/a"));
}

#[test]
fn what_could_be_read_in_two_ways_never_matches() {
    for trick in [
        "/v1/../sys",
        "/v1/.",
        "/v1/%2e%2e/sys",
        "/v1/a%2fb",
        "/v1/a\\b",
        "/v1/a?b",
        "/v1/a#b",
        "v1/a",
        "/v1/é",
        "/v1//a",
        "/v1/..;/sys",
    ] {
        assert!(!path("/v1/*").matches(trick), "{trick}");
        assert!(PathPattern::parse(trick).is_err(), "{trick}");
    }
    assert!(PathPattern::parse("/v1/db-*").is_err());
}

#[test]
fn what_two_paths_have_in_common() {
    let common = |a, b| path(a).common(&path(b)).map(|found| found.to_string());
    assert_eq!(common("/v1/*", "/v1/kv/*").as_deref(), Some("/v1/kv/*"));
    assert_eq!(common("/v1/*/data", "/*/kv/*").as_deref(), Some("/v1/kv/data"));
    assert_eq!(common("/v1/a", "/v1/*").as_deref(), Some("/v1/a"));
    assert_eq!(common("/v1/a", "/v1/b"), None);
    assert_eq!(common("/v1", "/v1/*"), None);
}

#[test]
fn hosts_are_exact_or_have_one_part_open() {
    assert_eq!(host("vault.internal").to_string(), "vault.internal:443");
    assert_eq!(host("[::1]:8200").to_string(), "[::1]:8200");
    assert!(host("*.internal:8200").matches("vault.internal", 8200));
    for (name, port) in
        [("a.vault.internal", 8200), ("internal", 8200), ("vault.internal", 443), ("vaultinternal", 8200)]
    {
        assert!(!host("*.internal:8200").matches(name, port), "{name}:{port}");
    }
    for wrong in [
        "*",
        "*.",
        "a.*",
        "*.*.a",
        "*.10.0.0.1",
        "Vault",
        "a:0",
        "a:08",
        "a:x",
        "a:65536",
        "a b",
        "",
        "127.1",
        "0x7f.1",
        "[::0001]",
        "a.",
        "user@a",
    ] {
        assert!(HostPattern::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_pattern_of_names_holds_no_address() {
    assert_eq!(host("10.0.0.1:443").common(&HostPattern { name: "0.0.1".into(), any_first: true, port: 443 }), None);
}

#[test]
fn arguments_are_matched_one_by_one() {
    let pattern =
        |words: &[&str]| ArgumentsPattern::try_from(words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
    let exec = pattern(&["exec", "*", "..."]).unwrap();
    assert!(exec.matches(["exec", "web", "sh", "-c"].into_iter()) && exec.matches(["exec", "web"].into_iter()));
    assert!(!exec.matches(["exec"].into_iter()) && !exec.matches(["run", "web"].into_iter()));
    assert!(pattern(&["...", "x"]).is_err());
    assert!(ArgumentsPattern::every().matches([].into_iter()));
    assert!(!pattern(&[]).unwrap().matches(["x"].into_iter()));
}

fn some_path() -> impl Strategy<Value = PathPattern> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "*"]), 1..5)
        .prop_map(|parts| path(&format!("/{}", parts.join("/"))))
}

fn some_host() -> impl Strategy<Value = HostPattern> {
    prop::sample::select(vec!["a.x:1", "b.x:1", "*.x:1", "*.a.x:1", "q.a.x:1", "a.x:2", "*.x:2"]).prop_map(host)
}

proptest! {
    /// The common part matches exactly what both match.
    #[test]
    fn common_paths_are_what_both_match(
        a in some_path(), b in some_path(), texts in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..6)
    ) {
        let text = format!("/{}", texts.join("/"));
        let both = a.matches(&text) && b.matches(&text);
        prop_assert_eq!(a.common(&b).is_some_and(|common| common.matches(&text)), both);
        prop_assert_eq!(a.common(&b), b.common(&a));
    }

    #[test]
    fn common_hosts_are_what_both_match(
        a in some_host(), b in some_host(), name in prop::sample::select(vec!["a.x", "b.x", "q.a.x", "x"]), port in 1u16..3
    ) {
        let both = a.matches(name, port) && b.matches(name, port);
        prop_assert_eq!(a.common(&b).is_some_and(|common| common.matches(name, port)), both);
    }

    #[test]
    fn patterns_are_read_as_they_are_shown(a in some_path(), b in some_host()) {
        prop_assert_eq!(path(&a.to_string()), a);
        prop_assert_eq!(host(&b.to_string()), b);
    }
}
