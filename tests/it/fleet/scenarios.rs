//! A scenario that some hosts of a fleet declare.

use super::{Fleet, gives};

/// Returns a fleet of which one program declares two scenarios, and the other none.
fn two() -> Fleet {
    let fleet = Fleet::simple(&[("Web", "ssh://web", "x"), ("Db", "ssh://db", "plain")]);
    let web = "module Web {\n  option text : Str = \"usual\"\n  backend = \"systemd\"\n  \
               configFiles = [ { path = \"/etc/Web.conf\"  content = f\"{text}\\n\" } ]\n}\n\
               scenario prod { Web.text = \"of prod\" }\nscenario laptop { Web.text = \"of laptop\" }\n";
    fleet.write("Web.pcl", web);
    fleet
}

#[test]
fn who_does_not_declare_a_scenario_is_evaluated_without_one() {
    let fleet = two();
    let well = "  ✓ Web → ssh://web\n  ✓ Db → ssh://db\nfleet: 2/2 host(s) deployed\n";
    gives(&fleet.fleet("apply", &["--scenario", "prod"]), 0, well, "");
    assert_eq!(fleet.read("hosts/ssh___web/etc/Web.conf"), "of prod\n");
    assert_eq!(fleet.read("hosts/ssh___db/etc/Db.conf"), "plain\n");
    // A record says what a host was evaluated under.
    assert!(fleet.read("hosts/ssh___web/deploy/Web/gen-001.json").contains("\"scenario\": \"prod\""));
    assert!(!fleet.read("hosts/ssh___db/deploy/Db/gen-001.json").contains("prod"));
    // Who declares it need not be meant.
    gives(
        &fleet.fleet("apply", &["--scenario", "laptop", "--only", "Db"]),
        0,
        "  ✓ Db → ssh://db\nfleet: 1/1 host(s) deployed\n",
        "",
    );
    let planned = fleet.fleet("plan", &["--scenario", "laptop"]);
    assert_eq!((planned.code, planned.stderr.as_str()), (Some(0), ""), "{planned:?}");
    let checked = fleet.punix(["secrets", "check", "Fleet", "--file", "fleet.pcl", "--scenario", "laptop"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{checked:?}");
}

#[test]
fn a_scenario_that_nobody_declares_stops_every_verb_once() {
    let fleet = two();
    let wanted = "error: [E2] there is no scenario `prd`: no program of the fleet declares it\n\
                  note: the fleet has: `laptop`, `prod`\nhelp: did you mean `prod`?\n";
    for verb in ["apply", "plan"] {
        gives(&fleet.fleet(verb, &["--scenario", "prd"]), 1, "", wanted);
    }
    let checked = fleet.punix(["secrets", "check", "Fleet", "--file", "fleet.pcl", "--scenario", "prd"]);
    gives(&checked, 1, "", wanted);
    assert!(!fleet.has("hosts"));
}
