//! Where hosts are that are rehearsed below one directory of this machine.

use std::collections::BTreeMap;

/// Returns the name of a target's directory. Two targets can have one.
pub fn fleet_directory(target: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "._-".contains(character);
    let name: String = target.chars().map(|character| if plain(character) { character } else { '_' }).collect();
    match name.as_str() {
        // These would be other directories.
        "" | "." | ".." => name.replace('.', "_") + "_",
        _ => name,
    }
}

/// Returns two targets that are not the same and would have one directory, with its name.
pub fn fleet_collision<'t>(targets: impl Iterator<Item = &'t str>) -> Option<(String, String, String)> {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for target in targets {
        let directory = fleet_directory(target);
        match known.get(&directory) {
            Some(&other) if other != target => return Some((other.to_owned(), target.to_owned(), directory)),
            Some(_) => {}
            None => drop(known.insert(directory, target)),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_named_by_what_is_plain_in_a_target() {
        assert_eq!(fleet_directory("ssh://u@web1.example.org:22"), "ssh___u_web1.example.org_22");
        assert_eq!(fleet_directory("ssh://ü/ß-9"), "ssh___ü_ß-9");
    }

    #[test]
    fn no_target_leads_out_of_the_root() {
        for target in ["", ".", "..", "/", "../..", "/.."] {
            let directory = fleet_directory(target);
            assert!(
                !["", ".", ".."].contains(&directory.as_str()) && !directory.contains('/'),
                "{target}: {directory}"
            );
        }
    }

    #[test]
    fn two_targets_of_one_directory_are_found() {
        let found = fleet_collision(["ssh://a@b:1", "ssh://c", "ssh://a@b:1", "ssh_//a@b_1"].into_iter());
        let [one, other, directory] = ["ssh://a@b:1", "ssh_//a@b_1", "ssh___a_b_1"].map(str::to_owned);
        assert_eq!(found, Some((one, other, directory)));
        assert_eq!(fleet_collision(["ssh://a", "ssh://a", "ssh://b"].into_iter()), None);
    }
}
