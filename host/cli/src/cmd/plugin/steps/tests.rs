use super::*;
use punix_plugin::{Id, Policy};

fn table(grant: &str) -> Table {
    let text = format!("[plugin.\"a.b\".grant]\n{grant}");
    Policy::parse("p.toml", &text).unwrap().plugin.remove(&Id::parse("a.b").unwrap()).unwrap()
}

fn given(grant: &str) -> Given {
    all(&table(grant).grant).remove(0).1
}

fn after(grant: &str, more: &str) -> Table {
    let mut table = table(grant);
    for step in to_grant(&table.clone(), &given(more)) {
        apply(&mut table, &step);
    }
    table
}

const KV: &str = r#"http = [{ host = "a.b:443", methods = ["get"], paths = ["/v1/kv/*"] }]"#;
const ALL: &str = r#"http = [{ host = "a.b:443", methods = ["get", "put"], paths = ["/v1/*"], private = true }]"#;
const LOGIN: &str = r#"http = [{ host = "a.b:443", methods = ["post"], paths = ["/v1/login"] }]"#;

#[test]
fn what_is_granted_already_is_not_granted_again() {
    for (present, more) in [
        (ALL, KV),
        (KV, KV),
        ("env = [{ name = \"A\" }]", "env = [{ name = \"A\" }]"),
        ("clock = true", "clock = true"),
        ("spawn = [{ program = \"/b\" }]", "spawn = [{ program = \"/b\", args = [\"x\"] }]"),
    ] {
        assert_eq!(to_grant(&table(present), &given(more)), [], "{present} {more}");
    }
}

#[test]
fn what_is_more_takes_the_place_of_less_and_nothing_else() {
    assert_eq!(after(KV, ALL), table(ALL));
    let both = after(KV, LOGIN).grant.http.unwrap();
    assert_eq!(both.len(), 2, "one with the methods and paths of both would give more than either");
    let spawn = after(
        "spawn = [{ program = \"/b\", args = [\"x\"] }, { program = \"/c\" }]",
        "spawn = [{ program = \"/b\", args = [\"x\", \"...\"] }]",
    );
    assert_eq!(spawn.grant.spawn.unwrap().len(), 2);
    // A pinned program is less than one that is not.
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let pinned = format!("spawn = [{{ program = \"/b\", sha256 = \"{digest}\" }}]");
    assert_eq!(to_grant(&table("spawn = [{ program = \"/b\" }]"), &given(&pinned)), []);
    assert_eq!(after(&pinned, "spawn = [{ program = \"/b\" }]").grant.spawn.unwrap().len(), 1);
}

#[test]
fn a_variable_and_a_root_are_granted_in_one_way_at_a_time() {
    let plain = "env = [{ name = \"A\", as = \"plain\" }]";
    assert_eq!(after(plain, "env = [{ name = \"A\" }]"), table("env = [{ name = \"A\" }]"));
    assert_eq!(after("env = [{ name = \"A\" }]", plain), table(plain));
    let moved = after("files = [{ root = \"etc\", path = \"/etc\" }]", "files = [{ root = \"etc\", path = \"/srv\" }]");
    assert_eq!(moved, table("files = [{ root = \"etc\", path = \"/srv\" }]"));
}

#[test]
fn a_grant_takes_a_refusal_back() {
    let mut table = table("");
    table.deny.insert(Key::parse("env:A").unwrap());
    let given = given("env = [{ name = \"A\" }]");
    assert_eq!(to_grant(&table, &given), [Step::Lift(Key::parse("env:A").unwrap()), Step::Grant(given)]);
}

#[test]
fn taking_leaves_an_empty_list_which_is_less_than_none() {
    let mut granted = table("env = [{ name = \"A\" }, { name = \"B\" }, { name = \"C\" }]\nclock = true");
    let steps = to_take(&granted, |entry| entry.key().subject != "B");
    assert_eq!(steps.len(), 3);
    steps.iter().for_each(|step| apply(&mut granted, step));
    assert_eq!(granted, table("env = [{ name = \"B\" }]\nclock = false"));
    to_take(&granted, |_| true).iter().for_each(|step| apply(&mut granted, step));
    assert_eq!(granted.grant.env, Some(Vec::new()));
}

#[test]
fn limits_are_set_by_their_names() {
    let mut table = table("");
    apply(&mut table, &Step::Limit("memory_mib", Some(128)));
    apply(&mut table, &Step::Limit("timeout_ms", Some(7)));
    assert_eq!((table.limits.memory_mib, table.limits.timeout_ms), (Some(128), Some(7)));
    apply(&mut table, &Step::Limit("memory_mib", None));
    assert_eq!((table.limits.memory_mib, table.limits.timeout_ms), (None, Some(7)));
}
