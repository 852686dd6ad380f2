use super::*;
use crate::store::sweep;
use crate::testing::{Scratch, raw};
use punix_disk::{SimulatedDisk, every_crash};

fn registration(keeper: Keeper, path: &Path) -> Registration {
    Registration { keeper, path: path.to_owned() }
}

fn sample() -> Registration {
    registration(Keeper::Deployments, Path::new("/srv/deployments"))
}

fn put(disk: &SimulatedDisk, path: &Path, content: &[u8]) {
    let mut file = disk.create(path, 0o644).unwrap();
    file.write_all(content).unwrap();
}

fn listed(disk: &SimulatedDisk) -> Vec<Registration> {
    list(disk, Path::new("/s")).unwrap()
}

#[test]
fn what_is_registered_is_read_back() {
    let disk = SimulatedDisk::new();
    assert_eq!(listed(&disk), []);
    let mut all: Vec<Registration> = ["/", "/a b/\"c\"", "/new\nline", "/\u{e9}\u{202e}", "/0123"]
        .into_iter()
        .map(Path::new)
        .chain([raw(b"/not \xff text")])
        .flat_map(|path| Keeper::ALL.map(|keeper| registration(keeper, path)))
        .collect();
    for registration in &all {
        write(&disk, registration).unwrap();
        write(&disk, registration).unwrap();
    }
    all.sort();
    assert_eq!(listed(&disk), all);
    for registration in &all {
        remove(&disk, registration).unwrap();
        remove(&disk, registration).unwrap();
    }
    assert_eq!(listed(&disk), []);
}

/// A bound of the kernel, each byte of which takes six.
#[test]
fn the_longest_path_fits() {
    let disk = SimulatedDisk::new();
    let longest = registration(Keeper::Link, Path::new(&format!("/{}", "\u{1}".repeat(4_094))));
    write(&disk, &longest).unwrap();
    assert_eq!(listed(&disk), [longest]);
}

#[test]
fn what_is_not_ours_is_refused() {
    let text = sample().to_json();
    let good = sample().file();
    let cases: [(&Path, &str, &str); 8] = [
        (&good, "", "it is not a registration as punix writes it"),
        (&good, &text[..text.len() - 1], "it is not a registration as punix writes it"),
        (&good, &text.replace("deployments\"", "tomb\""), "it is not a registration as punix writes it"),
        (&good, &text.replace("/srv", "srv"), "it is not a registration as punix writes it"),
        (&good, &text.replace("/srv", "/srv/.."), "it is not a registration as punix writes it"),
        (&good, &text.replace(":1}", ":2}"), "it has schema 2, and this version of punix knows none above 1"),
        (&good, &text.replace("srv", "other"), "it is not a registration as punix writes it"),
        (Path::new(".roots/README"), &text, "it is not a registration as punix writes it"),
    ];
    for (file, content, why) in cases {
        let disk = SimulatedDisk::new();
        disk.create_directory(Path::new(DIRECTORY), 0o755).unwrap();
        put(&disk, file, content.as_bytes());
        let error = list(&disk, Path::new("/s")).unwrap_err();
        assert_eq!(error.to_string(), format!("`/s/{}` cannot be read: {why}", file.display()));
    }
    let disk = SimulatedDisk::new();
    disk.create_directory(&Path::new(DIRECTORY).join("x"), 0o755).unwrap_err();
    disk.create_directory(Path::new(DIRECTORY), 0o755).unwrap();
    disk.create_directory(&good, 0o755).unwrap();
    let error = list(&disk, Path::new("/s")).unwrap_err();
    assert!(error.to_string().ends_with("it is a directory"), "{error}");
    put(&disk, Path::new("file"), b"");
    disk.remove_directory(&good).unwrap();
    disk.remove_directory(Path::new(DIRECTORY)).unwrap();
    disk.create_link(Path::new(DIRECTORY), Path::new("file")).unwrap();
    let error = list(&disk, Path::new("/s")).unwrap_err();
    assert_eq!(error.to_string(), "`/s/.roots` cannot be read: it is not a directory");
}

/// One that was damaged is written anew by whoever registers it again.
#[test]
fn a_damaged_registration_is_replaced() {
    let disk = SimulatedDisk::new();
    disk.create_directory(Path::new(DIRECTORY), 0o755).unwrap();
    put(&disk, &sample().file(), b"");
    write(&disk, &sample()).unwrap();
    assert_eq!(listed(&disk), [sample()]);
}

#[test]
fn whatever_is_lost_a_registration_is_whole_or_absent() {
    let other = registration(Keeper::Link, Path::new("/home/me/result"));
    let start = || {
        let disk = SimulatedDisk::new();
        write(&disk, &other).unwrap();
        disk
    };
    for start in [&SimulatedDisk::new as &dyn Fn() -> SimulatedDisk, &start] {
        let before = listed(&start());
        let operations = every_crash(
            start,
            |disk| write(disk, &sample()),
            30,
            |disk, result, end| {
                let mut found = listed(disk);
                let is_there = found.contains(&sample());
                assert!(is_there || result.is_err(), "{end:?}");
                found.retain(|registration| *registration != sample());
                assert_eq!(found, before, "{end:?}");
                write(disk, &sample()).unwrap();
                assert!(listed(disk).contains(&sample()), "{end:?}");
                assert!(sweep(disk).unwrap().failed.is_empty());
                let names = disk.list(Path::new(DIRECTORY)).unwrap();
                assert_eq!(names.len(), before.len() + 1, "{end:?} {names:?}");
            },
        );
        assert!(operations > 5, "{operations}");
    }
}

#[test]
fn whatever_is_lost_a_removal_loses_nothing_else() {
    let other = registration(Keeper::Profile, Path::new("/home/me/.punix"));
    let start = || {
        let disk = SimulatedDisk::new();
        write(&disk, &other).unwrap();
        write(&disk, &sample()).unwrap();
        disk
    };
    let run = |disk: &SimulatedDisk| remove(disk, &sample());
    every_crash(start, run, 10, |disk, result, end| {
        let found = listed(disk);
        assert!(found.contains(&other), "{end:?}");
        assert!(result.is_err() || !found.contains(&sample()), "{end:?}");
    });
}

/// One thing, one registration.
#[test]
fn links_on_the_way_are_followed() {
    let scratch = Scratch::new();
    let real = scratch.join("real");
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, scratch.join("way")).unwrap();
    for path in [real.clone(), scratch.join("way"), scratch.join("way/../real/.")] {
        let found = Registration::new(Keeper::Deployments, &path).unwrap();
        assert_eq!((found.keeper(), found.path()), (Keeper::Deployments, &*real));
        let link = Registration::new(Keeper::Link, &path.join("result")).unwrap();
        assert_eq!(link.path(), real.join("result"));
    }
    let itself = Registration::new(Keeper::Link, &scratch.join("way")).unwrap();
    assert_eq!(itself.path(), scratch.join("way"), "the link itself is meant, not what it leads to");
    for (keeper, path) in [(Keeper::Profile, "nowhere"), (Keeper::Link, "nowhere/result")] {
        let error = Registration::new(keeper, &scratch.join(path)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    assert!(Registration::new(Keeper::Link, Path::new("/")).is_err());
}
