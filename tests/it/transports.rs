//! Transports in the real host: those that are part of the binary, and the example of somebody else's. What is at the other
//! end of the pipe is real too: an SSH server of the test, and a program that stands for docker.

mod server;
mod ways;

use crate::sdk::{ends_well, rust_is_here, scratch, with_compilers};
use crate::support::{Folder, root, scrubbed};
use punix_model::{Class, Ended, Endpoint, Link, Pipe, PipeEnd, PluginError, Transport};
use punix_plugin::outside::{Here, OpenSsh, Outside};
use punix_plugin::runtime::{Line, Listener, Ready, Runtime, Setup, Surroundings, TransportPlugin};
use punix_plugin::{
    Admitted, Component, Lock, Policy, Row, Rules, Source, admit, admit_bundled, built_in, inspect, manifest_from_toml,
    pack,
};
use server::Server;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

struct Deaf;

impl Listener for Deaf {
    fn hear(&self, _: &str, _: &Line) {}
}

/// Stands for the target engine in this process.
struct Greeting;

struct Over;

impl Here for Greeting {
    fn start(&self) -> io::Result<Pipe> {
        let output = Box::new(&b"here"[..]);
        Ok(Pipe { label: "this machine".to_owned(), input: Box::new(io::sink()), output, end: Box::new(Over) })
    }
}

impl PipeEnd for Over {
    fn finish(&mut self, _: Duration) -> Ended {
        Ended { code: Some(0), complaint: String::new() }
    }
}

fn transport(admitted: Admitted, ready: Option<Ready>, outside: Outside) -> TransportPlugin {
    let loaded = Runtime::new(Setup { cache: None, watcher: None }).load(admitted, ready).unwrap();
    let around = Surroundings { outside, listener: Arc::new(Deaf), base: "/".into() };
    TransportPlugin::new(loaded, around).expect("it is a transport")
}

fn bundled(name: &str, outside: Outside) -> TransportPlugin {
    let plugin = punix_bundle::plugins().iter().find(|plugin| plugin.name == name).expect("it is bundled");
    let table = built_in(&plugin.examined().manifest().id, None).unwrap();
    let rules = Rules { lock: &Lock::default(), policy: &Policy::default(), ceilings: &[] };
    let admitted = admit_bundled(plugin.examined(), &table, rules).unwrap();
    transport(admitted, Some(plugin.ready), outside)
}

fn this_machine() -> Outside {
    Outside::this_machine(BTreeMap::new(), None)
}

fn endpoint(scheme: &str, host: &str) -> Endpoint {
    let (user, port, path) = (None, None, None);
    Endpoint { scheme: scheme.to_owned(), user, host: host.to_owned(), port, path, options: Vec::new() }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn open(transport: &TransportPlugin, to: &Endpoint) -> Result<Box<dyn Link>, PluginError> {
    let form = transport.normalise(to).unwrap()?;
    transport.open(&form).unwrap()
}

/// Sends something through a program that gives it back, after the link is gone.
#[track_caller]
fn goes_through(mut link: Box<dyn Link>, argv: &[&str]) {
    let Pipe { mut input, mut output, mut end, .. } = link.start(&words(argv)).unwrap().unwrap();
    link.close().unwrap().unwrap();
    let sent: Vec<u8> = (0..1_u32 << 20).map(|number| (number % 251) as u8).collect();
    let copy = sent.clone();
    let writer = std::thread::spawn(move || input.write_all(&copy).unwrap());
    let mut got = Vec::new();
    output.read_to_end(&mut got).unwrap();
    writer.join().unwrap();
    assert!(got == sent, "{} bytes came back", got.len());
    assert_eq!(end.finish(PATIENCE), Ended { code: Some(0), complaint: String::new() });
}

#[test]
fn this_machine_is_reached_by_every_name_it_has() {
    let outside = Outside { here: Some(Arc::new(Greeting)), ..this_machine() };
    let local = bundled("local", outside);
    for host in ["", "localhost", "LOCALHOST"] {
        let form = local.normalise(&endpoint("local", host)).unwrap().unwrap();
        assert_eq!(form, endpoint("local", "localhost"));
        let mut pipe = local.open(&form).unwrap().unwrap().start(&words(&["punix-target"])).unwrap().unwrap();
        let mut text = String::new();
        pipe.output.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), pipe.label.as_str()), ("here", "this machine"));
    }
    let refused = local.normalise(&endpoint("local", "web")).unwrap().unwrap_err();
    assert_eq!((refused.code.as_str(), refused.at.as_deref()), ("local.host", Some("host")));
}

#[test]
fn a_machine_is_reached_by_ssh() {
    let Some(server) = Server::start() else { return };
    let outside = Outside { secure_shell: Arc::new(server.client()), ..this_machine() };
    let ssh = bundled("ssh", outside);
    let to = server.endpoint();
    goes_through(open(&ssh, &to).unwrap(), &["/bin/cat"]);
    // Two texts for one target are one.
    let loud = Endpoint { path: Some("/".to_owned()), ..to.clone() };
    assert_eq!(ssh.normalise(&loud).unwrap(), ssh.normalise(&to).unwrap());
    let usual = Endpoint { port: None, ..to.clone() };
    assert_eq!(ssh.normalise(&usual).unwrap().unwrap().port, Some(22));
    // A host that is not known is told through the plugin as it is.
    server.forget();
    let Err(refused) = open(&ssh, &to) else { panic!("it let itself be fooled") };
    assert_eq!((refused.class, refused.code.as_str()), (Class::Denied, "ssh.unknown-host-key"));
    assert!(refused.message.contains("add it to the known hosts"), "{}", refused.message);
}

#[test]
fn without_ssh_on_this_machine_it_says_so() {
    let folder = Folder::new();
    let nowhere = OpenSsh::new(folder.path().join("ssh"), vec![folder.path().to_owned()]);
    let ssh = bundled("ssh", Outside { secure_shell: Arc::new(nowhere), ..this_machine() });
    let Err(refused) = open(&ssh, &endpoint("ssh", "web")) else { panic!("there is none") };
    assert_eq!((refused.class, refused.code.as_str()), (Class::Unsupported, "ssh.no-program"));
}

/// Makes the example, as its author does, and what is granted to it.
fn container_exec(docker: &Path, words: &str) -> Admitted {
    let source = root().join("examples/plugins/container-exec");
    let mut cargo = with_compilers(scrubbed("cargo"));
    cargo.args(["build", "--release", "--offline", "--locked", "--target", "wasm32-unknown-unknown"]);
    cargo.arg("--manifest-path").arg(source.join("Cargo.toml"));
    ends_well(cargo);
    let built = scratch("target").join("wasm32-unknown-unknown/release/punix_example_container_exec.wasm");
    let manifest = fs::read_to_string(source.join("punix-plugin.toml")).unwrap();
    let manifest = manifest_from_toml("punix-plugin.toml", &manifest).unwrap();
    let component = Component::new(pack(&fs::read(built).unwrap(), &manifest).unwrap());
    let mut lock = Lock::default();
    lock.insert(Row::of(&component, &inspect(component.bytes()).unwrap(), Source::parse("x.wasm").unwrap()));
    let policy = format!(
        "[plugin.\"org.example.container-exec\"]\nsha256 = \"{}\"\n\
         [[plugin.\"org.example.container-exec\".grant.spawn]]\nprogram = \"{}\"\nargs = {words}\n",
        component.digest(),
        docker.display()
    );
    let policy = Policy::parse("punix.plugins.toml", &policy).unwrap();
    admit("x.wasm", component, Rules { lock: &lock, policy: &policy, ceilings: &[] }).unwrap()
}

#[test]
fn the_example_reaches_the_containers_that_were_granted() {
    if !rust_is_here() {
        return;
    }
    let folder = Folder::new();
    // Understands the one form of words that the plugin uses, and starts the program in no container at all.
    let script = "#!/bin/sh\n[ \"$1 $2 $3 $5\" = 'exec --interactive --user --' ] || exit 9\nshift 6\nexec \"$@\"\n";
    let (text, docker) = (folder.write("text", script), folder.path().join("docker"));
    // Not written by us: a program that another test starts meanwhile could hold it open for writing.
    let mut install = scrubbed("install");
    install.args(["-m", "755"]).args([&text, &docker]);
    ends_well(install);
    let granted = r#"["exec", "--interactive", "--user", "app", "--", "web", "..."]"#;
    let containers = transport(container_exec(&docker, granted), None, this_machine());
    let options = vec![("program".to_owned(), docker.display().to_string())];
    let user = Some("app".to_owned());
    let to = Endpoint { user, options: options.clone(), ..endpoint("docker-exec", "web") };
    goes_through(open(&containers, &to).unwrap(), &["/bin/cat"]);

    let other = "docker` is granted to this plugin, but not with these arguments: exec --interactive --user ";
    for (to, rest) in [
        (Endpoint { user: Some("root".to_owned()), ..to.clone() }, "root -- web /bin/cat"),
        (Endpoint { host: "db".to_owned(), ..to.clone() }, "app -- db /bin/cat"),
    ] {
        let refused = open(&containers, &to).unwrap().start(&words(&["/bin/cat"])).unwrap().unwrap_err();
        assert_eq!((refused.class, refused.code.as_str()), (Class::Denied, "spawn.not-granted"));
        assert!(refused.message.ends_with(&format!("{other}{rest}")), "{}", refused.message);
    }
    let elsewhere = vec![("program".to_owned(), "/bin/sh".to_owned())];
    let refused = open(&containers, &Endpoint { options: elsewhere, ..to }).unwrap();
    let refused = { refused }.start(&words(&["/bin/cat"])).unwrap().unwrap_err();
    assert_eq!(refused.message, "`/bin/sh` is not granted to this plugin");
}

#[test]
fn the_grant_that_comes_with_the_example_fits_what_it_asks_for() {
    let source = root().join("examples/plugins/container-exec");
    let read = |name: &str| fs::read_to_string(source.join(name)).unwrap();
    let manifest = manifest_from_toml("punix-plugin.toml", &read("punix-plugin.toml")).unwrap();
    let policy = Policy::parse("punix.plugins.toml", &read("punix.plugins.toml")).unwrap();
    let effective = punix_plugin::effective(&manifest, policy.plugin.get(&manifest.id), &[]).unwrap();
    let words: Vec<String> = effective.spawn.iter().map(|access| access.args.words().join(" ")).collect();
    assert_eq!(words, ["exec --interactive --user * -- * ..."]);
    assert_eq!(effective.spawn.first().map(|access| access.program.as_str()), Some("/usr/bin/docker"));
}
