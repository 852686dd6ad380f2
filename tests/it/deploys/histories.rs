//! Random histories of three stacks on one host: after every step the host is exactly what a model of it says, bytes,
//! modes, links and absence, and what is nobody's stays as it was.

use super::site::{Site, Standing, Tree};
use crate::kill::times;
use crate::support::run;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

const STACKS: [&str; 3] = ["Alpha", "Beta", "Gamma"];
const STEPS: usize = 24;
const FOREIGN: &str = "etc/foreign/kept.conf";

/// Files of one generation by name: mode and content.
type Files = BTreeMap<String, (u32, String)>;

/// What a stack should be.
#[derive(Default)]
struct Model {
    /// By number: its files, and which generation was live before it.
    generations: BTreeMap<usize, (Files, Option<usize>)>,
    current: Option<usize>,
    /// The highest number there ever was; none is used twice, even if the stack was removed.
    highest: usize,
}

/// Numbers that look random and are the same each time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

#[test]
fn a_host_is_what_its_history_says() {
    for seed in 1..=times(3, 40) {
        history(seed as u64);
    }
}

fn history(seed: u64) {
    let site = Site::empty();
    let mut random = Random::seeded(seed);
    let mut models: [Model; 3] = Default::default();
    let foreign = site.path("host").join(FOREIGN);
    fs::create_dir_all(foreign.parent().expect("it has one")).unwrap();
    fs::write(&foreign, "not ours").unwrap();
    let inode = fs::metadata(&foreign).unwrap().ino();
    for step in 0..STEPS {
        let at = random.below(STACKS.len());
        let about = format!("seed {seed}, step {step}, {}", STACKS[at]);
        turn(&site, STACKS[at], &mut models[at], &mut random, &about);
        assert_eq!(site.tree("host"), expected(&site, &models), "{about}");
        assert_eq!(fs::metadata(&foreign).unwrap().ino(), inode, "{about}");
    }
}

/// Does one thing to a stack, on the host and in the model.
fn turn(site: &Site, stack: &str, model: &mut Model, random: &mut Random, about: &str) {
    let choice = random.below(10);
    match (choice, model.current) {
        (0 | 1, Some(current)) => {
            let outcome = run(site.command("host", &["rollback", stack]));
            match model.generations[&current].1 {
                Some(previous) => {
                    assert_eq!(outcome.code, Some(0), "{about}: {outcome:#?}");
                    model.current = Some(previous);
                }
                None => {
                    assert_eq!(outcome.code, Some(1), "{about}: {outcome:#?}");
                    assert!(outcome.stderr.contains("[E12]"), "{about}: {outcome:#?}");
                }
            }
        }
        (2, Some(_)) => {
            let numbers: Vec<usize> = model.generations.keys().copied().collect();
            let number = numbers[random.below(numbers.len())];
            site.done("host", &["set-current", stack, &number.to_string()]);
            model.current = Some(number);
        }
        (3, Some(current)) => damage_and_repair(site, stack, &model.generations[&current].0, random, about),
        (4, Some(_)) => {
            site.done("host", &["remove", stack]);
            *model = Model { highest: model.highest, ..Model::default() };
        }
        (5, Some(_)) => unchanged(site, stack, about),
        _ => deploy(site, stack, model, random, about),
    }
}

fn deploy(site: &Site, stack: &str, model: &mut Model, random: &mut Random, about: &str) {
    let mut files = Files::new();
    for name in 0..8 {
        if random.below(3) > 0 {
            let mode = [0o644, 0o600, 0o640][random.below(3)];
            files.insert(format!("{}/{name}", name % 3), (mode, format!("content {}", random.below(3))));
        }
    }
    let rows: String = files
        .iter()
        .map(|(name, (mode, content))| {
            format!("    {{ path = \"/etc/{stack}/{name}\" content = \"{content}\" mode = \"{mode:04o}\" }}\n")
        })
        .collect();
    let program = format!("module {stack} {{\n  backend = \"systemd\"\n  configFiles = [\n{rows}  ]\n}}\n");
    fs::write(site.path(&format!("{stack}.pcl")), program).unwrap();
    let outcome = site.done("host", &["deploy", stack, "--file", &format!("{stack}.pcl")]);
    let same = model.current.is_some_and(|current| model.generations[&current].0 == files);
    if same {
        assert!(outcome.stdout.starts_with("unchanged: "), "{about}: {outcome:#?}");
        return;
    }
    model.highest += 1;
    model.generations.insert(model.highest, (files, model.current));
    model.current = Some(model.highest);
    let line = format!("deployed: stack {stack} → gen-{:03} ", model.highest);
    assert!(outcome.stdout.starts_with(&line), "{about}: {outcome:#?}");
}

/// A deploy of what is there already changes no inode, no time, and makes no generation.
fn unchanged(site: &Site, stack: &str, about: &str) {
    // The program may be newer than what is current, after a rollback; then this is a deploy like any other and is not
    // tried here.
    let plan = run(site.command("host", &["plan", stack, "--file", &format!("{stack}.pcl")]));
    if !plan.stdout.starts_with("unchanged: ") {
        return;
    }
    let before = stamps(&site.path("host"));
    site.done("host", &["deploy", stack, "--file", &format!("{stack}.pcl")]);
    assert_eq!(stamps(&site.path("host")), before, "{about}");
}

/// Spoils a file in one of its attributes: `verify` sees it, `repair` mends it.
fn damage_and_repair(site: &Site, stack: &str, files: &Files, random: &mut Random, about: &str) {
    let names: Vec<&String> = files.keys().collect();
    if names.is_empty() {
        return;
    }
    let path = site.path("host/etc").join(stack).join(names[random.below(names.len())]);
    match random.below(4) {
        0 => fs::write(&path, "spoiled").unwrap(),
        1 => fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap(),
        2 => fs::remove_file(&path).unwrap(),
        _ => {
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        }
    }
    let found = run(site.command("host", &["verify", stack]));
    assert_eq!(found.code, Some(1), "{about}: {found:#?}");
    site.done("host", &["repair", stack]);
    site.done("host", &["verify", stack]);
}

fn expected(site: &Site, models: &[Model; 3]) -> Tree {
    let (user, group) = {
        let metadata = fs::metadata(site.path("host")).unwrap();
        (metadata.uid(), metadata.gid())
    };
    let standing = |mode, content: &str| -> Standing { (mode, user, group, content.as_bytes().to_vec()) };
    let mut tree = Tree::from([(PathBuf::from(FOREIGN), standing(0o644, "not ours"))]);
    for (stack, model) in STACKS.iter().zip(models) {
        let Some(current) = model.current else { continue };
        for (name, (mode, content)) in &model.generations[&current].0 {
            tree.insert(Path::new("etc").join(stack).join(name), standing(*mode, content));
        }
    }
    tree
}

/// Returns what would show that something was written: of everything below a host but locks, which are taken.
fn stamps(host: &Path) -> BTreeMap<PathBuf, (u64, i64, i64)> {
    let mut stamps = BTreeMap::new();
    let mut todo = vec![host.to_owned()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let metadata = entry.path().symlink_metadata().unwrap();
            if metadata.is_dir() {
                todo.push(entry.path());
            }
            if entry.file_name() != ".lock" {
                stamps.insert(entry.path(), (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()));
            }
        }
    }
    stamps
}
