//! What an audit knows of what plugins of others did with what they were granted.

use super::found::other_asking;
use super::{Place, fine, program};

/// Returns the line of an audit that says what was granted in vain, and what its document says.
fn unused(place: &Place) -> (Option<String>, String) {
    let text = fine(place.punix(["plugin", "audit", "--project", "web"])).stdout;
    let line = text.lines().find_map(|line| line.strip_prefix("  unused   ")).map(str::to_owned);
    let json = fine(place.punix(["plugin", "audit", "--project", "web", "--json"])).json();
    let plugins = json["plugins"].list().iter().find(|plugin| plugin["id"].text() == "org.example.other");
    (line, plugins.expect("it is there")["unused"].to_string())
}

#[test]
fn what_was_granted_and_never_used_is_told() {
    let place = Place::of(&program(&[("from_other", "A")])).set("A", "a value");
    place.write("other.wasm", other_asking("org.example.other", "from_other", r#""clock":{"why":"to wait"},"#));
    fine(place.punix(["plugin", "add", "other.wasm", "--project", "web", "--later"]));
    fine(place.punix(["plugin", "grant", "org.example.other", "env", "A", "--as", "secret", "--project", "web"]));
    fine(place.punix(["plugin", "grant", "org.example.other", "clock", "--project", "web"]));
    assert_eq!(unused(&place), (Some("all of it: it was not called here yet".to_owned()), "null".to_owned()));
    fine(place.deploy(&[]));
    assert_eq!(unused(&place), (Some("clock, in all calls so far".to_owned()), r#"["clock"]"#.to_owned()));
    // Nothing new is noted, so nothing is written.
    let note = place.path("home/.punix/compiled/org.example.other.used");
    let before = std::fs::metadata(&note).expect("it is noted").modified().expect("it has a time");
    fine(place.punix(["secrets", "check", "Web", "--file", "web/p.pcl"]));
    assert_eq!(std::fs::metadata(&note).expect("it is there").modified().expect("it has a time"), before);
    // Another component of that name has not used anything.
    place.write("other.wasm", other_asking("org.example.other", "from_other", r#""clock":{"why":"to wait longer"},"#));
    fine(place.punix(["plugin", "add", "other.wasm", "--project", "web", "--later"]));
    assert!(unused(&place).0.is_some_and(|line| line.starts_with("all of it")));
}
