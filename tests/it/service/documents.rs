//! `--json` and `--events`.

use super::{FILES, ROOT, SERVICE, Scene, fine, gives, sandbox};
use expect_test::expect;

#[test]
fn every_verb_has_a_document() {
    let scene = Scene::of(FILES);
    let json = |words: &[&str]| scene.punix(words.iter().chain(&ROOT).chain(&["--json"]));
    gives(
        &json(&["service", "deploy", "Web", "--file", "p.pcl"]),
        &expect![[r#"
            exit 0
            stdout:
            {
              "activation": {
                "closed": [],
                "done": false,
                "listed": false,
                "units": []
              },
              "changes": [
                {
                  "change": "written",
                  "path": "/etc/web/greeting"
                },
                {
                  "change": "written",
                  "path": "/etc/web/mode"
                }
              ],
              "config_files": 2,
              "diagnostics": [],
              "dropped": 0,
              "generation": 1,
              "ok": true,
              "outcome": "deployed",
              "previous": null,
              "pushed": 0,
              "rolled_back_to": null,
              "root": "{W}/host",
              "stack": "Web",
              "store_paths": 0,
              "units": []
            }
        "#]],
    );
    gives(
        &json(&["service", "deploy", "Web", "--file", "p.pcl"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "activation": null,
          "changes": [],
          "config_files": 2,
          "diagnostics": [],
          "dropped": 0,
          "generation": 1,
          "ok": true,
          "outcome": "unchanged",
          "previous": null,
          "pushed": 0,
          "root": "{W}/host",
          "stack": "Web",
          "store_paths": 0,
          "units": []
        }
    "#]],
    );
    gives(
        &json(&["service", "plan", "Web", "--file", "p.pcl", "--scenario", "loud"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "changes": [
            {
              "change": "written",
              "path": "/etc/web/greeting"
            },
            {
              "change": "same",
              "path": "/etc/web/mode"
            }
          ],
          "diagnostics": [],
          "dropped": 0,
          "files": [
            {
              "body": {
                "text": {
                  "hunks": [
                    {
                      "after": [
                        1,
                        1
                      ],
                      "before": [
                        1,
                        1
                      ],
                      "lines": [
                        {
                          "kind": "before",
                          "text": "hello",
                          "unended": false
                        },
                        {
                          "kind": "after",
                          "text": "HELLO",
                          "unended": false
                        }
                      ]
                    }
                  ],
                  "left_out": 0
                }
              },
              "fate": "changed",
              "group": null,
              "mode": null,
              "owner": null,
              "path": "/etc/web/greeting"
            }
          ],
          "from": 1,
          "kept": null,
          "ok": true,
          "outcome": "planned",
          "push": [],
          "stack": "Web",
          "to": 2,
          "units": []
        }
    "#]],
    );
    fine(scene.deploy(&["--scenario", "loud"]));
    gives(
        &json(&["service", "rollback", "Web"]),
        &expect![[r#"
            exit 0
            stdout:
            {
              "activation": {
                "closed": [],
                "done": false,
                "listed": false,
                "units": []
              },
              "artifact_renewed": 0,
              "artifact_skipped": 0,
              "changes": [
                {
                  "change": "written",
                  "path": "/etc/web/greeting"
                },
                {
                  "change": "same",
                  "path": "/etc/web/mode"
                }
              ],
              "diagnostics": [],
              "dropped": 0,
              "generation": 1,
              "ok": true,
              "outcome": "rolled back",
              "removed": 0,
              "restored": 2,
              "secret_skipped": 0,
              "stack": "Web",
              "units": [],
              "was": 2
            }
        "#]],
    );
    gives(
        &json(&["service", "list"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "diagnostics": [],
          "dropped": 0,
          "ok": true,
          "stacks": [
            {
              "live": {
                "backend": "systemd",
                "config_files": 2,
                "deployed_at": "{TIME}",
                "deployed_by": "op@{HOST}",
                "generation": 1,
                "live": true,
                "previous": null,
                "scenario": null,
                "scope": "system",
                "source_hash": "{SHA256}",
                "store_paths": 0
              },
              "stack": "Web"
            }
          ]
        }
    "#]],
    );
    gives(
        &json(&["service", "history", "Web"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "diagnostics": [],
          "dropped": 0,
          "generations": [
            {
              "backend": "systemd",
              "config_files": 2,
              "deployed_at": "{TIME}",
              "deployed_by": "op@{HOST}",
              "generation": 2,
              "live": false,
              "previous": 1,
              "scenario": "loud",
              "scope": "system",
              "source_hash": "{SHA256}",
              "store_paths": 0
            },
            {
              "backend": "systemd",
              "config_files": 2,
              "deployed_at": "{TIME}",
              "deployed_by": "op@{HOST}",
              "generation": 1,
              "live": true,
              "previous": null,
              "scenario": null,
              "scope": "system",
              "source_hash": "{SHA256}",
              "store_paths": 0
            }
          ],
          "live": 1,
          "ok": true,
          "overwritten": [],
          "stack": "Web"
        }
    "#]],
    );
    gives(
        &json(&["service", "status", "Web"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "diagnostics": [],
          "drift": [],
          "dropped": 0,
          "live": {
            "backend": "systemd",
            "config_files": 2,
            "deployed_at": "{TIME}",
            "deployed_by": "op@{HOST}",
            "generation": 1,
            "live": true,
            "previous": null,
            "scenario": null,
            "scope": "system",
            "source_hash": "{SHA256}",
            "store_paths": 0
          },
          "ok": true,
          "stack": "Web",
          "store_paths": [],
          "units": []
        }
    "#]],
    );
    gives(
        &json(&["service", "diff", "Web", "1", "2"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "diagnostics": [],
          "dropped": 0,
          "files": [
            {
              "body": {
                "text": {
                  "hunks": [
                    {
                      "after": [
                        1,
                        1
                      ],
                      "before": [
                        1,
                        1
                      ],
                      "lines": [
                        {
                          "kind": "before",
                          "text": "hello",
                          "unended": false
                        },
                        {
                          "kind": "after",
                          "text": "HELLO",
                          "unended": false
                        }
                      ]
                    }
                  ],
                  "left_out": 0
                }
              },
              "fate": "changed",
              "group": null,
              "mode": null,
              "owner": null,
              "path": "/etc/web/greeting"
            }
          ],
          "from": 1,
          "ok": true,
          "packages": {
            "added": [],
            "removed": []
          },
          "stack": "Web",
          "to": 2,
          "units": []
        }
    "#]],
    );
    gives(
        &json(&["service", "why", "Web", "/etc/web/mode"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "artifacts": [],
          "diagnostics": [],
          "dropped": 0,
          "generation": 1,
          "group": null,
          "made_by": "raw",
          "mode": "0640",
          "ok": true,
          "owner": null,
          "path": "/etc/web/mode",
          "plugin": null,
          "reloads": [],
          "restarts": [],
          "secrets": [],
          "stack": "Web"
        }
    "#]],
    );
    gives(
        &json(&["service", "verify", "Web"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "diagnostics": [],
          "dropped": 0,
          "generation": 1,
          "ok": true,
          "rows": [
            {
              "detail": "",
              "path": "/etc/web/greeting",
              "state": "ok"
            },
            {
              "detail": "",
              "path": "/etc/web/mode",
              "state": "ok"
            }
          ],
          "stack": "Web"
        }
    "#]],
    );
    gives(
        &json(&["service", "repair", "Web"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "activation": null,
          "changes": [],
          "diagnostics": [],
          "dropped": 0,
          "generation": 1,
          "ok": true,
          "outcome": "unchanged",
          "packages": 0,
          "stack": "Web"
        }
    "#]],
    );
    gives(
        &json(&["service", "trim", "Web"]),
        &expect![[r#"
        exit 0
        stdout:
        {
          "diagnostics": [],
          "dropped": 0,
          "ok": true,
          "removed": [],
          "stack": "Web"
        }
    "#]],
    );
    gives(
        &json(&["service", "remove", "Web"]),
        &expect![[r#"
            exit 0
            stdout:
            {
              "activation": {
                "closed": [],
                "done": false,
                "listed": false,
                "units": []
              },
              "changes": [
                {
                  "change": "removed",
                  "path": "/etc/web/greeting"
                },
                {
                  "change": "removed",
                  "path": "/etc/web/mode"
                }
              ],
              "diagnostics": [],
              "dropped": 0,
              "ok": true,
              "outcome": "removed",
              "stack": "Web",
              "units": [],
              "was": 1
            }
        "#]],
    );
    gives(
        &json(&["service", "rollback", "Web"]),
        &expect![[r#"
        exit 1
        stdout:
        {
          "diagnostics": [
            {
              "code": "E12",
              "help": null,
              "message": "stack 'Web': no previous generation (current = None); nothing to roll back to.",
              "notes": [],
              "severity": "error"
            }
          ],
          "dropped": 0,
          "ok": false
        }
    "#]],
    );
}

#[test]
fn events_are_one_object_a_line() {
    let scene = Scene::of(SERVICE);
    let words = ["service", "deploy", "Web", "--file", "p.pcl", "--events"];
    let outcome = fine(scene.punix(words.iter().chain(&ROOT).chain(sandbox())));
    let lines: Vec<serde_json::Value> = outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let events: Vec<&str> =
        lines.iter().filter_map(|line| line["event"].as_str()).filter(|event| *event != "says").collect();
    let staging = events.iter().filter(|event| **event == "staging").count();
    let others: Vec<&&str> = events.iter().filter(|event| **event != "staging").collect();
    assert!(staging >= 4, "{events:?}");
    assert_eq!(others, [&"started", &"built", &"pushing", &"pushed", &"published", &"live"]);
    assert_eq!(lines.last().unwrap()["outcome"], "deployed");
}
