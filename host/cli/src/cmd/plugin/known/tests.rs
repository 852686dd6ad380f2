use super::*;
use crate::args::plugin::Places;
use crate::cmd::plugin::shipped::of;
use expect_test::{Expect, expect};
use punix_plugin::{Component, Examined, Manifest, attach, manifest_from_toml};
use std::path::{Path, PathBuf};

/// A project of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, policy: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("punix-known-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join(POLICY), policy).unwrap();
        Folder(path)
    }

    fn project(&self) -> Project {
        Project::read(&Places { project: self.0.clone(), plugin_dir: Some(self.0.join("kept")) }).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Makes plugins that ask for what ours ask for, and do nothing.
fn shipped() -> Vec<Shipped> {
    let ours = [
        (include_str!("../../../../../../plugins/from-env/punix-plugin.toml"), "env secrets"),
        (include_str!("../../../../../../plugins/from-file/punix-plugin.toml"), "files secrets"),
        (include_str!("../../../../../../plugins/from-vault/punix-plugin.toml"), "http env files secrets clock blobs"),
        (include_str!("../../../../../../plugins/systemd/punix-plugin.toml"), ""),
    ];
    let make = |(manifest, imports): (&str, &str)| {
        let component = component(&manifest_from_toml("punix-plugin.toml", manifest).unwrap(), imports);
        of(Examined::look(Component::new(component)).unwrap(), Some(Path::new("/home/ann"))).expect("it is one of ours")
    };
    ours.map(make).into()
}

fn component(manifest: &Manifest, imports: &str) -> Vec<u8> {
    let names = ["log"].into_iter().chain(imports.split_whitespace());
    let imports: String = names.map(|name| format!(r#"(import "punix:cap/{name}@0.1.0" (instance))"#)).collect();
    let api = if manifest.world == World::Backend { "backend" } else { "resolver" };
    let text = format!(
        r#"(component {imports} (instance $empty)
            (export "punix:base/meta@0.1.0" (instance $empty))
            (export "punix:{api}/api@0.1.0" (instance $empty)))"#
    );
    attach(&wat::parse_str(&text).unwrap(), manifest)
}

fn check(policy: &str, expected: Expect) {
    let folder = Folder::new(&format!("{:x}", policy.len()), policy);
    let project = folder.project();
    let mut text = String::new();
    for known in survey(&project, &shipped()) {
        text.push_str(&format!("{} {}\n", known.id, known.state()));
        for (request, decision) in known.decisions(&project) {
            text.push_str(&format!("  {} {}\n", request.key, decision.as_str()));
        }
    }
    expected.assert_eq(&text);
}

#[test]
fn what_is_part_of_punix_needs_no_policy() {
    check(
        "",
        expect![[r#"
            punix.from-env ok
              env:{reference} granted
            punix.from-file ok
              files:{reference} granted
            punix.from-vault ok
              http:{config.address} granted
              env:VAULT_TOKEN granted
              env:BAO_TOKEN granted
              env:VAULT_ROLE_ID granted
              env:VAULT_SECRET_ID granted
              files:vault-token granted
              files:kubernetes-token granted
              clock granted
            punix.systemd ok
        "#]],
    );
}

#[test]
fn what_is_part_of_punix_can_be_narrowed_and_never_widened() {
    check(
        "[plugin.\"punix.from-env\"]\ndeny = [\"env:{reference}\"]\n[plugin.\"punix.from-vault\"]\n\
         deny = [\"http:{config.address}\", \"clock\"]\n[plugin.\"punix.from-vault\".grant]\n\
         env = [{ name = \"VAULT_TOKEN\" }, { name = \"HOME\" }]\n",
        expect![[r#"
            punix.from-env ok
              env:{reference} refused
            punix.from-file ok
              files:{reference} granted
            punix.from-vault forbidden
              http:{config.address} refused
              env:VAULT_TOKEN granted
              env:BAO_TOKEN forbidden
              env:VAULT_ROLE_ID forbidden
              env:VAULT_SECRET_ID forbidden
              files:vault-token granted
              files:kubernetes-token granted
              clock refused
            punix.systemd ok
        "#]],
    );
}
