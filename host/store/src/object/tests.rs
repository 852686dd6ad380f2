use super::*;
use crate::store::sweep;
use crate::testing::{Plant, Scratch, add_sample, below, derivation, plant, raw, sample, staging};
use crate::verify::verify;
use punix_disk::{RealDisk, SimulatedDisk, Survival, every_crash};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

fn assert_sound(disk: &dyn Disk, name: &StoreName) {
    let damages = verify(disk, name, 1).unwrap();
    assert!(damages.is_empty(), "{name}: {damages:?}");
}

/// Adds what `make` puts into a real staged directory. Returns where the entry then is.
fn add_real(scratch: &Scratch, make: impl FnOnce(&Path)) -> Result<PathBuf, AddError> {
    let disk = RealDisk::open(scratch.path()).unwrap();
    let derivation = derivation("real", &[]);
    let staged = staging(&derivation);
    disk.create_directory(staged.as_ref(), 0o700).unwrap();
    make(&scratch.join(staged.as_str()));
    let added = add(&disk, &staged, &derivation, Existing::Keep, 2)?;
    assert_sound(&disk, &added.name);
    assert!(!scratch.join(staged.as_str()).exists());
    Ok(scratch.join(added.name.as_str()))
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn modes_and_times_are_the_same_everywhere() {
    let scratch = Scratch::new();
    let entry = add_real(&scratch, |top| {
        let files = [
            ("bin/tool", 0o600, 0o555),
            ("bin/sub/data", 0o600, 0o444),
            ("lib/libexec/helper", 0o640, 0o555),
            ("sbin/x", 0o000, 0o555),
            ("set", 0o4755, 0o555),
            ("plain", 0o666, 0o444),
            ("hidden/deep/file", 0o400, 0o444),
            ("other-only", 0o001, 0o555),
        ];
        for (path, mode, _) in files {
            fs::create_dir_all(top.join(path).parent().unwrap()).unwrap();
            fs::write(top.join(path), path).unwrap();
            set_mode(&top.join(path), mode);
        }
        symlink("plain", top.join("bin/link")).unwrap();
        set_mode(&top.join("hidden/deep"), 0o100);
        set_mode(&top.join("hidden"), 0o000);
    })
    .unwrap();
    let wanted = [
        ("bin/tool", 0o555),
        ("bin/sub/data", 0o444),
        ("lib/libexec/helper", 0o555),
        ("sbin/x", 0o555),
        ("set", 0o555),
        ("plain", 0o444),
        ("hidden/deep/file", 0o444),
        ("other-only", 0o555),
        ("hidden", 0o555),
        ("hidden/deep", 0o555),
        ("bin", 0o555),
        ("", 0o555),
        (BUILT, 0o444),
        (MANIFEST, 0o444),
        (DERIVATION, 0o444),
    ];
    for (path, wanted) in wanted {
        assert_eq!(mode(&entry.join(path)), wanted, "{path}");
        assert_eq!(fs::metadata(entry.join(path)).unwrap().mtime(), MODIFIED, "{path}");
    }
    assert_eq!(fs::symlink_metadata(entry.join("bin/link")).unwrap().mtime(), MODIFIED);
}

#[test]
fn an_entry_tells_what_it_is() {
    let disk = SimulatedDisk::new();
    let derivation = derivation("hello", &[]);
    let staged = staging(&derivation);
    sample(&disk, staged.as_ref());
    let added = add(&disk, &staged, &derivation, Existing::Keep, 1).unwrap();
    assert_eq!((&added.name, added.outcome), (derivation.name(), Outcome::New));
    let own = |name| disk.read(&name_in(&added.name, name), 1 << 20).unwrap();
    assert_eq!(own(DERIVATION), derivation.to_json().as_bytes());
    assert_eq!(own(BUILT), format!("{}\n", added.tree).as_bytes());
    let manifest = Manifest::from_json(&own(MANIFEST)).unwrap();
    assert_eq!(manifest.tree_hash(), added.tree);
    assert_eq!(manifest.entries().len(), 7);
    assert_eq!(crate::verify::derivation(&disk, &added.name).unwrap(), derivation);
}

#[test]
fn the_first_output_stays() {
    let disk = SimulatedDisk::new();
    let derivation = derivation("hello", &[]);
    add_sample(&disk, &derivation);
    let before = below(&disk, derivation.name().as_str());
    let staged = staging(&derivation);
    plant(&disk, staged.as_ref(), &[("other", Plant::File(b"x", 0o644))]);
    let added = add(&disk, &staged, &derivation, Existing::Keep, 1).unwrap();
    assert_eq!(added.outcome, Outcome::Kept);
    assert_eq!(Some(added.tree), built(&disk, derivation.name()).unwrap());
    assert_eq!(disk.snapshot(), before);
}

/// Somebody was killed between giving an entry its name and making the name durable; whoever finds it does that.
#[test]
fn what_is_kept_is_durable() {
    let disk = SimulatedDisk::new();
    let derivation = derivation("hello", &[]);
    add_sample(&disk, &derivation);
    let (name, away) = (derivation.name().as_ref(), Path::new("away"));
    disk.rename_new(name, away).unwrap();
    disk.sync_all().unwrap();
    disk.rename_new(away, name).unwrap();
    let staged = staging(&derivation);
    sample(&disk, staged.as_ref());
    assert_eq!(add(&disk, &staged, &derivation, Existing::Keep, 1).unwrap().outcome, Outcome::Kept);
    assert_sound(&disk.after_crash(Survival::Nothing), derivation.name());
}

#[test]
fn what_is_damaged_or_no_directory_is_replaced() {
    let spoil: [fn(&SimulatedDisk, &Path); 4] = [
        |disk, entry| disk.remove(&entry.join(BUILT)).unwrap(),
        |disk, entry| {
            disk.remove(&entry.join(BUILT)).unwrap();
            disk.create(&entry.join(BUILT), 0o444).unwrap();
        },
        |disk, entry| {
            disk.rename_new(entry, Path::new("away")).unwrap();
            disk.create_link(entry, Path::new("away")).unwrap();
        },
        |disk, entry| {
            disk.rename_new(entry, Path::new("away")).unwrap();
            disk.create_directory(entry, 0o755).unwrap();
            disk.create_directory(&entry.join(BUILT), 0o755).unwrap();
        },
    ];
    for spoil in spoil {
        let disk = SimulatedDisk::new();
        let derivation = derivation("hello", &[]);
        add_sample(&disk, &derivation);
        let before = below(&disk, derivation.name().as_str());
        spoil(&disk, derivation.name().as_ref());
        assert_eq!(built(&disk, derivation.name()).unwrap(), None);
        let staged = staging(&derivation);
        sample(&disk, staged.as_ref());
        assert_eq!(add(&disk, &staged, &derivation, Existing::Keep, 1).unwrap().outcome, Outcome::Replaced);
        let mut after = disk.snapshot();
        after.retain(|path, _| !path.starts_with("away"));
        assert_eq!(after, before);
    }
}

#[test]
fn outputs_that_cannot_be_entries_are_refused() {
    let refusal = |things: &[(&str, Plant<'_>)]| {
        let disk = SimulatedDisk::new();
        let derivation = derivation("hello", &[]);
        let staged = staging(&derivation);
        plant(&disk, staged.as_ref(), things);
        let error = add(&disk, &staged, &derivation, Existing::Keep, 1).unwrap_err();
        assert!(!is_valid(&disk, derivation.name()).unwrap());
        error.to_string()
    };
    assert_eq!(refusal(&[]), "the output is empty");
    for own in OWN {
        let message = format!("the output has a `{own}` at its top, which is the store's own");
        assert_eq!(refusal(&[("a", Plant::Link("b")), (own, Plant::File(b"", 0o644))]), message);
        assert_eq!(refusal(&[(own, Plant::Directory(0o755))]), message);
        assert_eq!(refusal(&[(own, Plant::Link("a"))]), message);
    }
    let scratch = Scratch::new();
    let error = add_real(&scratch, |top| {
        let _socket = std::os::unix::net::UnixListener::bind(top.join("socket")).unwrap();
    });
    assert_eq!(error.unwrap_err().to_string(), "`socket` is neither file nor link nor directory");
}

#[test]
fn our_names_are_free_below_the_top() {
    let disk = SimulatedDisk::new();
    let derivation = derivation("hello", &[]);
    let staged = staging(&derivation);
    let things = [("d", Plant::Directory(0o755)), ("d/built", Plant::File(b"", 0o644))];
    plant(&disk, staged.as_ref(), &things);
    add(&disk, &staged, &derivation, Existing::Keep, 1).unwrap();
    assert_sound(&disk, derivation.name());
}

#[test]
fn nobody_else_keeps_a_hand_on_what_is_in_the_store() {
    let scratch = Scratch::new();
    let outside = scratch.join("outside");
    fs::write(&outside, "content").unwrap();
    set_mode(&outside, 0o640);
    let entry = add_real(&scratch, |top| {
        fs::create_dir(top.join("bin")).unwrap();
        fs::hard_link(&outside, top.join("linked")).unwrap();
        fs::write(top.join("one"), "shared").unwrap();
        fs::hard_link(top.join("one"), top.join("two")).unwrap();
        fs::write(top.join("data"), "program").unwrap();
        fs::hard_link(top.join("data"), top.join("bin/program")).unwrap();
    })
    .unwrap();
    fs::write(&outside, "changed").unwrap();
    assert_eq!(mode(&outside), 0o640);
    assert_eq!(fs::read(entry.join("linked")).unwrap(), b"content");
    let inode = |path: &str| fs::metadata(entry.join(path)).unwrap().ino();
    assert_eq!(inode("one"), inode("two"));
    assert_ne!(inode("data"), inode("bin/program"));
    assert_eq!((mode(&entry.join("data")), mode(&entry.join("bin/program"))), (0o444, 0o555));
}

#[test]
fn odd_names_are_stored_and_verified() {
    let scratch = Scratch::new();
    let entry = add_real(&scratch, |top| {
        for name in [&b"a\nb"[..], b"a b", b"\xff", b"*"] {
            fs::write(top.join(raw(name)), name).unwrap();
        }
        symlink(raw(b"\xfe\n"), top.join("link")).unwrap();
    })
    .unwrap();
    assert_eq!(fs::read(entry.join(raw(b"\xff"))).unwrap(), b"\xff");
}

#[test]
fn ten_thousand_files_are_no_trouble() {
    let scratch = Scratch::new();
    let entry = add_real(&scratch, |top| {
        for directory in 0..100 {
            let directory = top.join(format!("d{directory}"));
            fs::create_dir(&directory).unwrap();
            for file in 0..100 {
                fs::write(directory.join(format!("f{file}")), file.to_string()).unwrap();
            }
        }
    })
    .unwrap();
    assert_eq!(fs::read_dir(entry.join("d99")).unwrap().count(), 100);
}

/// What a crash at any moment leaves, after it was cleaned up: `name` is absent or whole, the rest is as it was.
fn crashes_leave_it_whole_or_absent(start: impl Fn(&SimulatedDisk), grow: impl Fn(&SimulatedDisk, &Path)) -> u64 {
    let other = derivation("other", &[]);
    let wanted = derivation("wanted", &[]);
    let begin = || {
        let disk = SimulatedDisk::new();
        add_sample(&disk, &other);
        start(&disk);
        disk.sync_all().unwrap();
        // What a build wrote is not synced.
        grow(&disk, staging(&wanted).as_ref());
        disk
    };
    let whole = begin();
    add(&whole, &staging(&wanted), &wanted, Existing::Keep, 1).unwrap();
    let whole = whole.snapshot();
    every_crash(
        begin,
        |disk| add(disk, &staging(&wanted), &wanted, Existing::Keep, 1),
        40,
        |disk, result, end| {
            sweep(disk).unwrap();
            if is_valid(disk, wanted.name()).unwrap() {
                assert_sound(disk, wanted.name());
            } else {
                assert!(result.is_err(), "it was said to be there, {end:?}");
                assert!(end.survival != Survival::Everything || result.is_err());
                grow(disk, staging(&wanted).as_ref());
                add(disk, &staging(&wanted), &wanted, Existing::Keep, 1).unwrap();
            }
            assert_eq!(disk.snapshot(), whole, "{end:?}");
        },
    )
}

#[test]
fn a_crash_leaves_a_new_object_whole_or_absent() {
    let operations = crashes_leave_it_whole_or_absent(|_| {}, |disk, top| sample(disk, top));
    assert!(operations > 30, "{operations}");
}

#[test]
fn a_crash_leaves_a_replaced_object_whole_or_absent() {
    let spoil = |disk: &SimulatedDisk| {
        let wanted = derivation("wanted", &[]);
        add_sample(disk, &wanted);
        disk.remove(&name_in(wanted.name(), BUILT)).unwrap();
        disk.remove(&name_in(wanted.name(), "data")).unwrap();
    };
    crashes_leave_it_whole_or_absent(spoil, |disk, top| sample(disk, top));
}

#[test]
fn a_crash_leaves_a_kept_object_whole() {
    let start = |disk: &SimulatedDisk| add_sample(disk, &derivation("wanted", &[]));
    crashes_leave_it_whole_or_absent(start, |disk, top| sample(disk, top));
}

/// Repairing something that runs: at every moment there is the old, nothing, or the new.
#[test]
fn a_crash_leaves_the_old_the_new_or_nothing_of_what_is_replaced() {
    let wanted = derivation("wanted", &[]);
    let begin = || {
        let disk = SimulatedDisk::new();
        add_sample(&disk, &wanted);
        disk.sync_all().unwrap();
        plant(&disk, staging(&wanted).as_ref(), &[("new", Plant::File(b"new", 0o644))]);
        disk
    };
    let old = below(&begin(), wanted.name().as_str());
    let replace = |disk: &SimulatedDisk| add(disk, &staging(&wanted), &wanted, Existing::Replace, 1);
    let new = begin();
    assert_eq!(replace(&new).unwrap().outcome, Outcome::Replaced);
    let new = new.snapshot();
    every_crash(begin, replace, 40, |disk, result, end| {
        sweep(disk).unwrap();
        let found = disk.snapshot();
        let allowed = found == new || result.is_err() && (found == old || found.is_empty());
        assert!(allowed, "{end:?}: {:?}", found.keys());
    });
}
