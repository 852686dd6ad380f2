use super::*;
use crate::fuzzing::{damaged, damages, fuzz};
use expect_test::expect;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn file(path: &str, content: &[u8]) -> Entry {
    let node = Node::File { executable: false, size: content.len() as u64, sha256: Digest::of(content) };
    Entry { path: path.into(), node }
}

fn link(path: &str, target: &str) -> Entry {
    Entry { path: path.into(), node: Node::Link { target: target.into() } }
}

fn directory(path: &str) -> Entry {
    Entry { path: path.into(), node: Node::Directory }
}

fn raw(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

fn json(manifest: &Manifest) -> String {
    let mut out = Vec::new();
    let written = manifest.write_json(&mut out).unwrap();
    assert_eq!(written, out.len() as u64);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_manifest_is_read_as_it_is_written() {
    let mut odd = file("x", b"");
    odd.path = raw(b"b\xff\n");
    let manifest = Manifest::new(vec![
        link("l", "../x y"),
        Entry { path: "m".into(), node: Node::Link { target: raw(b"\xfe") } },
        odd,
        directory("a"),
        Entry {
            path: "a/\n big".into(),
            node: Node::File { executable: true, size: 5 << 40, sha256: Digest::of(b"") },
        },
    ]);
    let text = json(&manifest);
    expect![[r#"{"entries":[{"kind":"directory","path":"a"},{"executable":true,"kind":"file","path":"a/\n big","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":5497558138880},{"executable":false,"kind":"file","pathHex":"62ff0a","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0},{"kind":"link","path":"l","target":"../x y"},{"kind":"link","path":"m","targetHex":"fe"}],"version":1}"#]]
        .assert_eq(&text);
    assert_eq!(Manifest::from_json(text.as_bytes()), Ok(manifest));
    let empty = Manifest::default();
    assert_eq!(Manifest::from_json(json(&empty).as_bytes()), Ok(empty));
}

#[test]
fn only_a_manifest_is_read() {
    let good = json(&Manifest::new(vec![directory("a"), file("b", b"x"), link("c", "b")]));
    let edits: &[(&str, &str)] = &[
        ("\"a\"", "\"../a\""),
        ("\"a\"", "\"/a\""),
        ("\"a\"", "\"a/\""),
        ("\"a\"", "\"a//b\""),
        ("\"a\"", "\"\""),
        ("\"a\"", "\"a\\u0000\""),
        ("\"a\"", "\"z\""),
        ("\"a\"", "\"b\""),
        ("\"path\":\"a\"", "\"pathHex\":\"61\""),
        ("\"directory\"", "\"device\""),
        ("\"size\":1", "\"size\":-1"),
        ("\"size\":1", "\"size\":18446744073709551616"),
        ("\"size\":1", "\"size\":1,\"x\":1"),
        ("\"version\":1", "\"version\":2"),
        ("{\"kind\":\"directory\",\"path\":\"a\"},", ","),
        ("[{", "[ {"),
    ];
    for (from, to) in edits {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert!(Manifest::from_json(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(Manifest::from_json(&good.as_bytes()[..good.len() - 1]).is_err());
    assert!(Manifest::from_json(format!("{good}\n").as_bytes()).is_err());
}

/// The reference's records have no lengths: each of these pairs, or one like it, has one digest there.
#[test]
fn trees_that_could_be_confused_have_different_digests() {
    let trees: BTreeMap<&str, Vec<Entry>> = BTreeMap::from([
        ("nothing", vec![]),
        ("a directory", vec![directory("a")]),
        ("an empty file", vec![file("a", b"")]),
        ("a link to nothing", vec![link("a", "")]),
        ("two files", vec![file("a", b""), file("b", b"")]),
        ("one file that holds the other", vec![file("a", b"F - b\0")]),
        ("a name that holds the other", vec![file("a\nF - b", b"")]),
        ("a file in a directory", vec![directory("a"), file("a/b", b"")]),
        ("a file beside a directory", vec![directory("a"), file("b", b"")]),
        ("a link and its target", vec![link("a", "b")]),
        ("cut elsewhere", vec![link("ab", "")]),
        ("content moved between files", vec![file("a", b"x"), file("b", b"")]),
        ("and back", vec![file("a", b""), file("b", b"x")]),
        (
            "an executable",
            vec![Entry { path: "a".into(), node: Node::File { executable: true, size: 0, sha256: Digest::of(b"") } }],
        ),
        (
            "a larger file with equal content digest",
            vec![Entry {
                path: "a".into(),
                node: Node::File { executable: false, size: 1 << 32, sha256: Digest::of(b"") },
            }],
        ),
    ]);
    let mut seen = BTreeMap::new();
    for (what, entries) in trees {
        let hash = Manifest::new(entries).tree_hash();
        assert_eq!(seen.insert(hash, what), None, "{what}");
    }
}

#[test]
fn the_order_of_finding_does_not_matter() {
    let one = Manifest::new(vec![file("a/b", b"x"), file("a-b", b"y"), directory("a")]);
    let other = Manifest::new(vec![directory("a"), file("a-b", b"y"), file("a/b", b"x")]);
    assert_eq!(one.tree_hash(), other.tree_hash());
    let paths: Vec<&Path> = one.entries().iter().map(|entry| entry.path.as_path()).collect();
    assert_eq!(paths, [Path::new("a"), Path::new("a-b"), Path::new("a/b")]);
}

#[test]
fn the_digest_of_a_tree_never_changes() {
    let manifest = Manifest::new(vec![directory("bin"), file("bin/x", b"x"), link("l", "bin/x")]);
    expect!["dd59ec5813170de534e7d4f06f40d2b2187ef816e1097c9d4e099552dd0a2cbc"]
        .assert_eq(&manifest.tree_hash().to_string());
}

fuzz! {
    256;

    /// A manifest has one form: what was damaged is refused, or it is another manifest in that form.
    #[test]
    fn damage_does_no_harm(damages in damages()) {
        let manifest = Manifest::new(vec![directory("a"), file("a/b", b"content"), link("l", "a/b")]);
        let bytes = damaged(&manifest.to_json(), &damages);
        if let Ok(manifest) = Manifest::from_json(&bytes) {
            prop_assert_eq!(manifest.to_json(), bytes);
        }
    }
}
