//! What stops a plan: then nothing is written at all.

use super::*;
use crate::boundary::Boundary;

/// Runs a plan that must be refused, and returns why.
#[track_caller]
fn refused(disk: &SimulatedDisk, plan: &Plan, payload: Payload) -> TargetError {
    let before = tree(disk);
    let error = run(disk, plan, payload).unwrap_err();
    assert_same(&tree(disk), &before, &error);
    error
}

fn to_second(disk: &SimulatedDisk) -> Plan {
    plan(disk, Some(1), Goal::New(Box::new(generation(2, Some(1), &second()))), &first(), &second())
}

fn put(disk: &SimulatedDisk, path: &str, content: &[u8]) {
    let _ = disk.remove(Path::new(path));
    disk.create(Path::new(path), 0o644).unwrap().write_all(content).unwrap();
}

#[test]
fn an_older_plan_never_wins() {
    let disk = deployed(1);
    let old = to_second(&disk);
    deploy(&disk, 2, &first(), &second()).unwrap();
    let error = refused(&disk, &old, payload(&second()));
    assert_eq!(error.to_string(), "the plan for the stack `Web` was made for gen-001, and current is gen-002");
    assert_eq!(error.code(), punix_diag::Code::E19);
    let none = Plan { parent: None, ..old };
    assert!(refused(&disk, &none, Payload::default()).to_string().contains("was made for none"));
    let missing = Plan { parent: Some(2), goal: Goal::Kept(7), ..none };
    assert_eq!(refused(&disk, &missing, Payload::default()).to_string(), "gen-007 of the stack `Web` is not kept");
    let elsewhere = Plan { stack: "../x".to_owned(), ..missing };
    assert!(matches!(refused(&disk, &elsewhere, Payload::default()), TargetError::StackName { .. }));
}

#[test]
fn what_changed_since_the_plan_stops_it() {
    let base = deployed(1);
    let plan = to_second(&base);
    let says = |change: &dyn Fn(&SimulatedDisk)| {
        let disk = copy(&base);
        change(&disk);
        let error = refused(&disk, &plan, payload(&second()));
        assert_eq!(error.code(), punix_diag::Code::E19, "{error}");
        error.to_string()
    };
    let changed = "`/etc/app/changed` is not what it was when the plan was made: ";
    for (change, why) in [
        (
            &(|disk: &SimulatedDisk| put(disk, "etc/app/changed", b"the old content")) as &dyn Fn(&SimulatedDisk),
            "another file is there, or it was changed",
        ),
        (
            &|disk: &SimulatedDisk| disk.set_mode(Path::new("etc/app/changed"), 0o600).unwrap(),
            "another file is there, or it was changed",
        ),
        (&|disk: &SimulatedDisk| disk.remove(Path::new("etc/app/changed")).unwrap(), "nothing is there any more"),
        (
            &|disk: &SimulatedDisk| {
                disk.remove(Path::new("etc/app/changed")).unwrap();
                disk.create_directory(Path::new("etc/app/changed"), 0o755).unwrap();
            },
            "another file is there, or it was changed",
        ),
    ] {
        assert_eq!(says(change), format!("{changed}{why}"));
    }
    // A new one, an unchanged one and one that goes are looked at too.
    let new = says(&|disk| {
        disk.create_directory(Path::new("etc/new"), 0o755).unwrap();
        put(disk, "etc/new/too", b"foreign");
    });
    assert!(new.contains("`/etc/new/too` is not what it was") && new.ends_with("something else is there"), "{new}");
    assert!(says(&|disk| put(disk, "etc/app/same", b"as it was")).contains("/etc/app/same"));
    assert!(says(&|disk| put(disk, "etc/gone/deep/removed", b"not for ever")).contains("/etc/gone/deep/removed"));
}

#[test]
fn a_file_that_is_written_to_at_once_is_seen_by_its_bytes() {
    let disk = deployed(1);
    let mut plan = to_second(&disk);
    for change in &mut plan.changes {
        if let There::File(seen) = &mut change.before
            && change.path.name() == "changed"
        {
            seen.marks = vec![Mark::Sha256(Digest::of(b"of the same size"))];
        }
    }
    let error = refused(&disk, &plan, payload(&second()));
    assert!(error.to_string().ends_with("it holds something else"), "{error}");
}

#[test]
fn a_path_of_another_stack_stays_its_own() {
    let disk = deployed(1);
    let mut other = generation(1, None, &wants([("/etc/app/same", want("mine now", 0o644))]));
    other.stack = "Other".to_owned();
    let wanted = wants([("/etc/app/same", want("mine now", 0o644))]);
    let plan =
        Plan { stack: "Other".to_owned(), ..plan(&disk, None, Goal::New(Box::new(other)), &Wants::new(), &wanted) };
    let error = refused(&disk, &plan, payload(&wanted));
    assert_eq!(error.to_string(), "`/etc/app/same` belongs to the stack `Web`");
    assert_eq!(error.code(), punix_diag::Code::E18);
    // From another deployments root it is the same path of the same machine.
    let there = Target::alone(&disk, Layout::new(Path::new("/srv/deploy")).unwrap());
    let error = commit(&there, &plan, payload(&wanted), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "`/etc/app/same` belongs to the stack `Web` of the deployments root `/d`");
    // Somebody who deploys for himself cares only for his own.
    let Goal::New(mut mine) = plan.goal.clone() else { panic!("it is new") };
    mine.scope = "user".to_owned();
    let wanted = wants([("/home/same", want("mine", 0o644))]);
    mine.files = generation(1, None, &wanted).files;
    disk.create_directory(Path::new("home"), 0o755).unwrap();
    let own = Plan {
        changes: super::plan(&disk, None, Goal::Gone, &Wants::new(), &wanted).changes,
        goal: Goal::New(mine),
        ..plan
    };
    commit(&there, &own, payload(&wanted), &mut |_| {}).unwrap();
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let disk = machine();
    disk.create_directory(Path::new("etc/app"), 0o755).unwrap();
    disk.create_directory(Path::new("etc/app/conf"), 0o755).unwrap();
    let says = |text: &str| {
        let wanted = wants([(text, want("x", 0o644))]);
        let new = Goal::New(Box::new(generation(1, None, &wanted)));
        let error = run(&disk, &plan(&disk, None, new, &Wants::new(), &wanted), payload(&wanted)).unwrap_err();
        assert_eq!(error.code(), punix_diag::Code::E18, "{error}");
        error.to_string()
    };
    assert_eq!(says("/etc/app/conf"), "`/etc/app/conf` cannot be a file: it is a directory");
    assert!(!tree(&disk).contains_key(Path::new("d/Web")));
}

#[test]
fn nothing_is_written_outside_of_the_boundary() {
    let disk = machine();
    let wanted = wants([("/etc/sudoers.d/x", want("x", 0o644))]);
    let new = Goal::New(Box::new(generation(1, None, &wanted)));
    let plan = plan(&disk, None, new, &Wants::new(), &wanted);
    let within = target(&disk).within(Boundary::system("Web", None).unwrap());
    let error = commit(&within, &plan, payload(&wanted), &mut |_| {}).unwrap_err();
    assert_eq!(error.code(), punix_diag::Code::E30);
    assert!(error.to_string().starts_with("`/etc/sudoers.d/x` may not be written"), "{error}");
}

#[test]
fn links_that_lead_elsewhere_than_the_plan_saw_stop_it() {
    let disk = machine();
    let wanted = wants([("/etc/app/conf", want("x", 0o644))]);
    let new = Goal::New(Box::new(generation(1, None, &wanted)));
    let plan = plan(&disk, None, new, &Wants::new(), &wanted);
    disk.create_directory(Path::new("var/app"), 0o755).unwrap();
    disk.create_link(Path::new("etc/app"), Path::new("/var/app")).unwrap();
    let error = run(&disk, &plan, payload(&wanted)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/etc/app/conf` is not what it was when the plan was made: links lead to `/var/app/conf`, and not to \
         `/etc/app/conf`"
    );
    assert!(disk.list(Path::new("var/app")).unwrap().is_empty());
}

/// User 7 puts a link in the place of a directory of his, and root would write where it leads.
#[test]
fn a_link_of_somebody_who_may_not_write_there_is_not_followed() {
    let disk = machine();
    for directory in ["srv", "srv/app", "etc/nginx"] {
        disk.create_directory(Path::new(directory), 0o755).unwrap();
    }
    disk.create_link(Path::new("srv/app/conf"), Path::new("/etc/nginx")).unwrap();
    ["srv/app", "srv/app/conf"].iter().for_each(|path| disk.set_owner(Path::new(path), 7, 7).unwrap());
    let wanted = wants([("/srv/app/conf/app.conf", want("x", 0o644))]);
    let new = Goal::New(Box::new(generation(1, None, &wanted)));
    let mut plan = plan(&disk, None, new, &Wants::new(), &wanted);
    plan.changes[0].real = path("/etc/nginx/app.conf");
    plan.changes[0].before = There::Nothing;
    let error = run(&disk, &plan, payload(&wanted)).unwrap_err();
    let said = punix_diag::Diagnostic::from(error);
    assert_eq!(
        (said.code, said.message.as_str()),
        (
            Some(punix_diag::Code::E30),
            "`/srv/app/conf/app.conf` may not be written: it is behind the link `/srv/app/conf` of user 7, which leads to \
             `/etc/nginx` of user 0"
        )
    );
    assert!(disk.list(Path::new("etc/nginx")).unwrap().is_empty());
    // Root let it lead there.
    disk.set_owner(Path::new("srv/app/conf"), 0, 0).unwrap();
    run(&disk, &plan, payload(&wanted)).unwrap();
    assert_eq!(disk.read(Path::new("etc/nginx/app.conf"), 9).unwrap(), b"x");
}

#[test]
fn bytes_that_are_nowhere_stop_it() {
    let disk = deployed(1);
    let error = refused(&disk, &to_second(&disk), Payload::default());
    assert_eq!(error.to_string(), "the bytes of `/etc/app/changed` are not there to be written");
    // Bytes that are not what they are called are none.
    let mut wrong = payload(&second());
    wrong.blobs.insert(Digest::of(b"the new content"), b"something else".to_vec().into());
    assert!(matches!(refused(&disk, &to_second(&disk), wrong), TargetError::NoBytes { .. }));
}

#[test]
fn what_cannot_be_understood_stops_everything() {
    let says = |damage: &dyn Fn(&SimulatedDisk)| {
        let disk = deployed(1);
        let plan = to_second(&disk);
        damage(&disk);
        let error = refused(&disk, &plan, payload(&second()));
        assert_eq!(error.code(), punix_diag::Code::E32, "{error}");
        error.to_string()
    };
    let newer = says(&|disk| put(disk, "d/ledger.json", br#"{"schema": 99}"#));
    assert_eq!(newer, "`/d/ledger.json` was written by a newer version: its form is 99, and this one reads 1");
    assert!(says(&|disk| put(disk, "d/ledger.json", b"[]")).starts_with("`/d/ledger.json` cannot be understood: "));
    let journal = says(&|disk| put(disk, "d/.journal/0123456789abcdef", b"nonsense\n"));
    assert_eq!(journal, "`/d/.journal/0123456789abcdef` cannot be understood: its digest is another");
    let dangling = says(&|disk| {
        disk.remove(Path::new("d/Web/current")).unwrap();
        disk.create_link(Path::new("d/Web/current"), Path::new("elsewhere")).unwrap();
    });
    assert_eq!(dangling, "`/d/Web/current` cannot be understood: it points at `elsewhere`, which is no record");
}

/// What only backends may write is not written for a stack that says it has it by itself, whoever planned that.
#[test]
fn the_boundary_holds_for_whoever_makes_a_file() {
    let disk = machine();
    let unit = wants([("/etc/systemd/system/other.service", want("[Service]", 0o644))]);
    let within = |made_by: &str| {
        let disk = copy(&disk);
        let mut new = generation(1, None, &unit);
        new.files[0].made_by = made_by.to_owned();
        let plan = plan(&disk, None, Goal::New(Box::new(new)), &Wants::new(), &unit);
        let target = target(&disk).within(Boundary::system("Web", None).unwrap());
        commit(&target, &plan, payload(&unit), &mut |_| {}).map(|_| ()).map_err(|error| error.to_string())
    };
    let refused = "`/etc/systemd/system/other.service` may not be written: it is in `/etc/systemd/system`, where only a \
                   backend writes";
    assert_eq!(within("raw"), Err(refused.to_owned()));
    assert_eq!(within("std.datafile"), Err(refused.to_owned()));
    assert_eq!(within("systemd@punix.dev"), Ok(()));
}

#[test]
fn a_stack_that_goes_leaves_what_somebody_wrote() {
    let disk = deployed(1);
    put(&disk, "etc/app/changed", b"by hand");
    let gone = plan(&disk, Some(1), Goal::Gone, &first(), &Wants::new());
    let done = run(&disk, &gone, Payload::default()).unwrap();
    // What somebody wrote is kept, though the stack is gone.
    let [note] = done.kept.as_slice() else { panic!("{:?}", done.kept) };
    assert_eq!((note.path.as_str(), note.generation, note.removed), ("/etc/app/changed", 1, true));
    let kept = |disk: &SimulatedDisk| crate::ledger::kept_bytes(&target(disk), "Web").unwrap();
    assert_eq!(kept(&disk), std::slice::from_ref(note));
    assert_eq!(crate::blobs::blob(&target(&disk), &note.blob).unwrap().as_deref(), Some(&b"by hand"[..]));
    // Also when it comes again.
    let new = Goal::New(Box::new(generation(2, None, &first())));
    run(&disk, &plan(&disk, None, new, &Wants::new(), &first()), payload(&first())).unwrap();
    assert_eq!(kept(&disk), std::slice::from_ref(note));
}
