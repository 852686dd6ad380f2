//! What others do the same with. Each gets the same files, and does no more with them than lay them down.

use super::machine::{KEY, Machine};
use super::text;
use crate::service::site;
use crate::turns::{Before, Way};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Those that are there.
pub(super) struct Peers<'a> {
    reference: Option<&'a Path>,
    ansible: Option<&'a Path>,
    pyinfra: Option<&'a Path>,
}

pub(super) enum Peer<'a> {
    Rsync,
    /// It is told what `punix` is told, and has a store of its own here.
    Reference(&'a Path),
    Ansible(&'a Path),
    Pyinfra(&'a Path),
}

/// What is brought: a program, and the files that come of it.
pub(super) struct Stack {
    pub(super) program: PathBuf,
    pub(super) tree: PathBuf,
}

impl<'a> Peers<'a> {
    pub(super) fn new(reference: Option<&'a Path>, ansible: Option<&'a Path>, pyinfra: Option<&'a Path>) -> Peers<'a> {
        Peers { reference, ansible, pyinfra }
    }

    pub(super) fn all(&self) -> Vec<Peer<'a>> {
        let (ansible, pyinfra) = (self.ansible.map(Peer::Ansible), self.pyinfra.map(Peer::Pyinfra));
        [Some(Peer::Rsync), self.reference.map(Peer::Reference), ansible, pyinfra].into_iter().flatten().collect()
    }
}

impl Peer<'_> {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Peer::Rsync => "rsync",
            Peer::Reference(_) => "reference",
            Peer::Ansible(_) => "ansible",
            Peer::Pyinfra(_) => "pyinfra",
        }
    }

    pub(super) fn program(&self) -> &Path {
        match self {
            Peer::Rsync => Path::new("rsync"),
            Peer::Reference(path) | Peer::Ansible(path) | Peer::Pyinfra(path) => path,
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
        };
        Ok(Way { before: Before::Nothing, program, arguments: words })
    }
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
