//! What others do the same with. Each gets the same files, and does no more with them than lay them down.

use super::machine::{KEY, Machine};
use super::text;
use crate::service::site;
use crate::turns::{Before, Way};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Those that are there.
pub(super) struct Peers<'a> {
    reference: Option<&'a Path>,
    ansible: Option<&'a Path>,
    pyinfra: Option<&'a Path>,
    deploy_rs: Option<&'a Path>,
}

pub(super) enum Peer<'a> {
    Rsync,
    /// It is told what `punix` is told, and has a store of its own here.
    Reference(&'a Path),
    Ansible(&'a Path),
    Pyinfra(&'a Path),
    DeployRs(&'a Path),
}

/// What is brought: a program, and the files that come of it.
pub(super) struct Stack {
    pub(super) program: PathBuf,
    pub(super) tree: PathBuf,
}

impl<'a> Peers<'a> {
    pub(super) fn new(reference: Option<&'a Path>, ansible: Option<&'a Path>, pyinfra: Option<&'a Path>) -> Peers<'a> {
        Peers { reference, ansible, pyinfra, deploy_rs: None }
    }

    pub(super) fn with_deploy_rs(self, deploy_rs: Option<&'a Path>) -> Peers<'a> {
        Peers { deploy_rs, ..self }
    }

    pub(super) fn all(&self) -> Vec<Peer<'a>> {
        let (ansible, pyinfra) = (self.ansible.map(Peer::Ansible), self.pyinfra.map(Peer::Pyinfra));
        let (reference, deploy_rs) = (self.reference.map(Peer::Reference), self.deploy_rs.map(Peer::DeployRs));
        [Some(Peer::Rsync), reference, ansible, pyinfra, deploy_rs].into_iter().flatten().collect()
    }
}

impl Peer<'_> {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Peer::Rsync => "rsync",
            Peer::Reference(_) => "reference",
            Peer::Ansible(_) => "ansible",
            Peer::Pyinfra(_) => "pyinfra",
            Peer::DeployRs(_) => "deploy-rs",
        }
    }

    pub(super) fn program(&self) -> &Path {
        match self {
            Peer::Rsync => Path::new("rsync"),
            Peer::Reference(path) | Peer::Ansible(path) | Peer::Pyinfra(path) | Peer::DeployRs(path) => path,
        }
    }

    /// Returns how it brings a stack.
    pub(super) fn way(&self, scratch: &Path, machine: &Machine, stack: &Stack) -> io::Result<Way> {
        let tree = &stack.tree;
        let (program, words) = match self {
            Peer::Reference(path) => {
                let (file, store) = (text(&stack.program)?, scratch.join("store-reference"));
                let words = ["service", "deploy", site::STACK, "--file", file, "--store-root", text(&store)?];
                ((*path).to_owned(), words.map(str::to_owned).into_iter().chain(machine.reach()).collect())
            }
            Peer::Rsync => {
                let there = format!("root@{}:/etc/", machine.address());
                let words = ["-a", "--checksum", "-e", &machine.remote_shell()?, &format!("{}/", text(tree)?), &there];
                (PathBuf::from("rsync"), words.map(str::to_owned).to_vec())
            }
            Peer::Ansible(path) => {
                let play = scratch.join(format!("{}.yml", tree_name(tree)));
                let task = format!("    - copy: {{ src: {}/, dest: /etc/, mode: preserve }}\n", text(tree)?);
                fs::write(&play, format!("- hosts: all\n  gather_facts: false\n  tasks:\n{task}"))?;
                let arguments = machine.options().join(" ");
                let words = ["-i", &format!("{},", machine.address()), "-u", "root", "--ssh-common-args", &arguments];
                let pipelined = ["-e", "ansible_pipelining=true", text(&play)?];
                ((*path).to_owned(), words.into_iter().chain(pipelined).map(str::to_owned).collect())
            }
            Peer::Pyinfra(path) => {
                let deploy = scratch.join(format!("{}.py", tree_name(tree)));
                let operation = format!("files.sync(src=\"{}\", dest=\"/etc\")\n", text(tree)?);
                fs::write(&deploy, format!("from pyinfra.operations import files\n{operation}"))?;
                // It looks for known hosts at home alone.
                fs::create_dir_all(scratch.join(".ssh"))?;
                fs::copy(machine.known_hosts(), scratch.join(".ssh/known_hosts"))?;
                let words = ["-y", "--user", "root", "--key", KEY, &machine.address(), text(&deploy)?];
                ((*path).to_owned(), words.map(str::to_owned).to_vec())
            }
            Peer::DeployRs(path) => {
                let place = nix(scratch, machine, tree, path)?;
                let words =
                    ["--skip-checks", "--ssh-opts", &machine.options().join(" "), &format!("{}#lab", text(&place)?)];
                ((*path).to_owned(), words.map(str::to_owned).to_vec())
            }
        };
        Ok(Way { before: Before::Nothing, program, arguments: words })
    }
}

/// Writes what brings a tree as a profile, and has it built: what a deploy finds built here, it only brings. It is no flake, of which
/// older programs do not tell what it asks for.
fn nix(scratch: &Path, machine: &Machine, tree: &Path, deploy: &Path) -> io::Result<PathBuf> {
    // No helpers for building, nobody to download from: a shell copies some files.
    let settings = scratch.join(".config/nix");
    fs::create_dir_all(&settings)?;
    let lines = ["experimental-features = nix-command", "sandbox = false", "build-users-group =", "substituters ="];
    fs::write(settings.join("nix.conf"), format!("{}\n", lines.join("\n")))?;
    let place = scratch.join(format!("{}-nix", tree_name(tree)));
    fs::create_dir_all(&place)?;
    // It asks for its own other half in what it brings.
    let activate = deploy.with_file_name("activate");
    fs::copy(&activate, place.join("activate-rs"))
        .map_err(|error| io::Error::other(format!("{}: {error}; it comes with deploy-rs", activate.display())))?;
    let script = "cp -r --no-preserve=mode \\\"\\$PROFILE\\\"/etc/. /etc/";
    let build = format!(
        "PATH=/bin:/usr/bin; mkdir $out; cp -r ${{{}}} $out/etc; cp ${{./activate-rs}} $out/activate-rs; \
         printf '%s\\n' '#!/bin/sh' \"{script}\" >$out/deploy-rs-activate; chmod +x $out/deploy-rs-activate",
        text(tree)?
    );
    let profile = format!(
        "user = \"root\"; path = derivation {{ name = \"app\"; system = builtins.currentSystem; builder = \"/bin/sh\"; \
         args = [ \"-c\" ''{build}'' ]; }};"
    );
    let address = machine.address();
    let node = format!(
        "hostname = \"{address}\"; sshUser = \"root\"; fastConnection = true; autoRollback = false; magicRollback = false; \
         profiles.app = {{ {profile} }};"
    );
    fs::write(place.join("default.nix"), format!("{{ deploy.nodes.lab = {{ {node} }}; }}\n"))?;
    // What fails here is told by the deploy.
    let words = ["--no-out-link", "-A", "deploy.nodes.lab.profiles.app.path", text(&place)?];
    let _ = Command::new("nix-build").args(words).current_dir(scratch).env("HOME", scratch).output();
    Ok(place)
}

/// Names a tree, which is `NAME/etc`.
fn tree_name(tree: &Path) -> String {
    let name = tree.parent().and_then(Path::file_name).unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Returns how an entry of a store is copied to the same place.
pub(super) fn copy(machine: &Machine, entry: &Path, before: Before) -> io::Result<Way> {
    let above = entry.parent().unwrap_or(entry);
    let there = format!("root@{}:{}/", machine.address(), text(above)?);
    let words = ["-a", "-e", &machine.remote_shell()?, text(entry)?, &there].map(str::to_owned).to_vec();
    Ok(Way { before, program: PathBuf::from("rsync"), arguments: words })
}

/// Writes a fleet of machines that all have the stack of a program.
pub(super) fn fleet(scratch: &Path, name: &str, program: &Path, machines: &[Machine]) -> io::Result<PathBuf> {
    let directory = scratch.join(format!("fleet-{name}"));
    fs::create_dir_all(&directory)?;
    fs::copy(program, directory.join("host.pcl"))?;
    let mut text = String::from("module Fleet {\n  hosts = [\n");
    for machine in machines {
        let target = format!("ssh://root@{}", machine.address());
        text.push_str(&format!("    {{ file = \"host.pcl\"  stack = \"App\"  target = \"{target}\" }},\n"));
    }
    let text = format!("{}\n  ]\n}}\n", text.trim_end().trim_end_matches(','));
    let path = directory.join("fleet.pcl");
    fs::write(&path, text)?;
    Ok(path)
}

/// Writes the keys of all machines into one file.
pub(super) fn known_hosts(scratch: &Path, machines: &[Machine]) -> io::Result<PathBuf> {
    let keys =
        machines.iter().map(|machine| fs::read_to_string(machine.known_hosts())).collect::<io::Result<String>>()?;
    let path = scratch.join("all_known_hosts");
    fs::write(&path, keys)?;
    Ok(path)
}
