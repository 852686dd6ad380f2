//! Connections to a real SSH server. It is started for every test anew, on an address of this machine only; where there is
//! none, the tests count as skipped.

mod server;

use super::*;
use crate::outside::child::Group;
use crate::testing::Folder;
use punix_model::Ended;
use server::{Server, running, until};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn shell(script: &str) -> Vec<String> {
    words(&["/bin/sh", "-c", script])
}

/// A program that does not care whether anybody is there, until the folder of its test is gone.
fn hanging(folder: &Path) -> Vec<String> {
    shell(&format!("echo begun; while [ -d '{}' ]; do sleep 0.1; done", folder.display()))
}

/// Lets a program end, and returns all that it wrote and how it ended.
fn finish(pipe: Pipe) -> (Vec<u8>, Ended) {
    let Pipe { input, mut output, mut end, .. } = pipe;
    drop(input);
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes).unwrap();
    (bytes, end.finish(PATIENCE))
}

/// Returns why nothing came of a connection.
fn refusal(server: &Server, way: &SecureShellWay) -> SecureShellError {
    let known = fs::read(server.folder.path().join("known")).unwrap();
    let refusal = server.shell().connect(way, &Patience::MOST, soon()).map(|_| ()).unwrap_err();
    assert_eq!(fs::read(server.folder.path().join("known")).unwrap(), known, "known hosts are never added to");
    assert_eq!(server.rooms(), 0, "nothing is left of it");
    refusal
}

#[test]
fn bytes_go_both_ways_at_once() {
    let Some(server) = Server::start("ssh-bytes") else { return };
    let mut link = server.connect();
    let pipe = link.start(&words(&["/bin/cat"]), soon()).unwrap();
    assert_eq!(pipe.label, format!("ssh {}", server.way()));
    let sent: Vec<u8> = (0..5_u32 << 20).map(|number| (number % 251) as u8).collect();
    let (copy, Pipe { mut input, mut output, mut end, .. }) = (sent.clone(), pipe);
    let writer = std::thread::spawn(move || input.write_all(&copy).unwrap());
    let mut got = Vec::new();
    output.read_to_end(&mut got).unwrap();
    writer.join().unwrap();
    assert!(got == sent, "{} bytes came back", got.len());
    assert_eq!(end.finish(PATIENCE), Ended { code: Some(0), complaint: String::new() });
}

#[test]
fn codes_and_last_words_are_told() {
    let Some(server) = Server::start("ssh-codes") else { return };
    let mut link = server.connect();
    let mut ended = |script: &str| finish(link.start(&shell(script), soon()).unwrap());
    let (text, end) = ended("echo out; echo no luck >&2; exit 3");
    assert_eq!((text.as_slice(), end), (&b"out\n"[..], Ended { code: Some(3), complaint: "no luck".to_owned() }));
    assert_eq!(ended("kill -9 $$").1.code, None);
    let absent = finish(link.start(&words(&["/nowhere/program"]), soon()).unwrap()).1;
    assert!(absent.code == Some(127) && absent.complaint.contains("/nowhere/program"), "{absent:?}");
    assert_eq!(server.connections(), 1, "one connection for all of them");
}

#[test]
fn words_arrive_as_they_were() {
    let Some(server) = Server::start("ssh-words") else { return };
    let odd = ["a b", "", "it's", "$HOME `id` $(id)", "*", "~", "a\nb", "\\", "--", "-n", "ü"];
    let argv = words(&[&["/usr/bin/printf", "%s|"], &odd[..]].concat());
    let (text, _) = finish(server.connect().start(&argv, soon()).unwrap());
    assert_eq!(String::from_utf8(text).unwrap(), odd.map(|word| format!("{word}|")).concat());
}

#[test]
fn asking_how_it_ended_loses_nothing_that_is_still_to_be_read() {
    let Some(server) = Server::start("ssh-slow-reader") else { return };
    let pipe = server.connect().start(&shell("head -c 3000000 /dev/zero; echo done >&2; exit 5"), soon()).unwrap();
    let Pipe { input, mut output, mut end, .. } = pipe;
    drop(input);
    let (asked, begin) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        begin.recv().unwrap();
        io::copy(&mut output, &mut io::sink()).unwrap()
    });
    asked.send(()).unwrap();
    let ended = end.finish(PATIENCE);
    assert_eq!(reader.join().unwrap(), 3_000_000);
    assert_eq!(ended, Ended { code: Some(5), complaint: "done".to_owned() });
}

#[test]
fn a_program_that_does_not_end_is_let_go() {
    let Some(server) = Server::start("ssh-hang") else { return };
    let mut link = server.connect();
    let mut pipe = link.start(&hanging(server.folder.path()), soon()).unwrap();
    pipe.output.read_exact(&mut [0; 6]).unwrap();
    assert_eq!(pipe.end.finish(Duration::from_millis(20)).code, None);
    drop(link);
    // It still hangs over there; that is no reason to keep the connection.
    until("the connection goes", || running(server.folder.path()).is_empty());
}

#[test]
fn a_host_that_is_not_known_is_refused_and_not_added() {
    let Some(server) = Server::start("ssh-unknown") else { return };
    fs::write(server.folder.path().join("known"), "").unwrap();
    let refused = refusal(&server, &server.way());
    assert!(matches!(refused, SecureShellError::UnknownHostKey { .. }), "{refused}: {}", refused.said());
    // A configuration that would add it has no say.
    let lax = "StrictHostKeyChecking no\nUserKnownHostsFile FOLDER/known\nUpdateHostKeys yes\nCheckHostIP yes\n";
    let way = SecureShellWay { known_hosts: None, configs: vec![server.config(lax)], ..server.way() };
    assert!(matches!(refusal(&server, &way), SecureShellError::UnknownHostKey { .. }));
}

#[test]
fn a_host_that_is_known_leaves_no_trace_in_the_known_hosts() {
    let Some(server) = Server::start("ssh-known") else { return };
    // By another name, so that its address could be added; and the server offers a second key.
    let known = fs::read_to_string(server.folder.path().join("known")).unwrap();
    let renamed = known.replace("127.0.0.1", "localhost");
    fs::write(server.folder.path().join("known"), &renamed).unwrap();
    let lax = "CheckHostIP yes\nUpdateHostKeys yes\nUserKnownHostsFile FOLDER/known\nGlobalKnownHostsFile /dev/null\n";
    let host = SshHost::parse("localhost").unwrap();
    let way = SecureShellWay { host, known_hosts: None, configs: vec![server.config(lax)], ..server.way() };
    let mut link = server.shell().connect(&way, &Patience::MOST, soon()).unwrap();
    assert_eq!(finish(link.start(&words(&["/bin/true"]), soon()).unwrap()).1.code, Some(0));
    assert_eq!(fs::read_to_string(server.folder.path().join("known")).unwrap(), renamed);
}

#[test]
fn a_host_whose_key_changed_is_refused() {
    let Some(server) = Server::start("ssh-changed") else { return };
    let known = fs::read_to_string(server.folder.path().join("known")).unwrap();
    let (place, _) = known.split_once(' ').unwrap();
    let other = fs::read_to_string(server.folder.path().join("user.pub")).unwrap();
    fs::write(server.folder.path().join("known"), format!("{place} {other}")).unwrap();
    let refused = refusal(&server, &server.way());
    assert!(matches!(refused, SecureShellError::ChangedHostKey { .. }), "{refused}");
    assert!(refused.said().contains("/known:1"), "{}", refused.said());
}

#[test]
fn who_has_the_wrong_key_is_not_let_in() {
    let Some(server) = Server::start("ssh-wrong-key") else { return };
    let way = SecureShellWay { key: Some(server.path("host")), ..server.way() };
    let refused = refusal(&server, &way);
    assert!(matches!(refused, SecureShellError::Authentication { .. }), "{refused}: {}", refused.said());
    assert!(refused.said().contains("Permission denied (publickey)"), "{}", refused.said());
    let way = SecureShellWay { key: Some(server.path("absent")), ..server.way() };
    assert!(matches!(refusal(&server, &way), SecureShellError::File { what: "key", .. }));
}

#[test]
fn where_nobody_listens_the_connection_is_refused() {
    let Some(server) = Server::start("ssh-dead-port") else { return };
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = refusal(&server, &SecureShellWay { port: Some(free), ..server.way() });
    assert!(matches!(refused, SecureShellError::Refused { .. }), "{refused}: {}", refused.said());
}

#[test]
fn who_never_answers_is_waited_for_until_the_deadline() {
    let Some(server) = Server::start("ssh-silent") else { return };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let way = SecureShellWay { port: Some(silent.local_addr().unwrap().port()), ..server.way() };
    let began = Instant::now();
    let late = server.shell().connect(&way, &Patience::MOST, began + Duration::from_millis(300)).map(|_| ());
    assert!(matches!(late.unwrap_err(), SecureShellError::Late { .. }));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!((running(server.folder.path()), server.rooms()), (Vec::new(), 0));
    // A plugin may ask to give up sooner.
    let patience = Patience { connect: Duration::from_secs(1), ..Patience::MOST };
    let late = server.shell().connect(&way, &patience, soon()).map(|_| ()).unwrap_err();
    assert!(matches!(late, SecureShellError::Late { .. }), "{late}: {}", late.said());
}

#[test]
fn without_ssh_there_is_no_connection() {
    let folder = Folder::new("ssh-none");
    let shell = OpenSsh::new(PathBuf::from("/nowhere/ssh"), vec![folder.path().to_owned()]);
    let way = SecureShellWay::to(SshHost::parse("localhost").unwrap());
    let refused = shell.connect(&way, &Patience::MOST, soon()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, SecureShellError::NoProgram { .. }), "{refused}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_configuration_with_a_mistake_is_named() {
    let Some(server) = Server::start("ssh-mistake") else { return };
    let way = SecureShellWay { configs: vec![server.config("ProxyJmp somewhere\n")], ..server.way() };
    let refused = refusal(&server, &way);
    assert!(matches!(refused, SecureShellError::Configuration { .. }), "{refused}: {}", refused.said());
    assert!(refused.said().contains("line 1: Bad configuration option: proxyjmp"), "{}", refused.said());
}

#[test]
fn a_configuration_helps_and_loosens_nothing() {
    let Some(server) = Server::start("ssh-config") else { return };
    let text = "Host alias\n  HostName 127.0.0.1\n  Port PORT\n  IdentityFile FOLDER/user\n  User nobody-of-this-name\n\
         Host *\n  PermitLocalCommand yes\n  LocalCommand touch FOLDER/touched\n  ControlMaster auto\n  \
         ControlPath FOLDER/shared\n  ControlPersist 600\n  RequestTTY force\n  RemoteCommand touch FOLDER/touched\n  \
         ForwardAgent yes\n  UserKnownHostsFile FOLDER/other\n  LogLevel QUIET\n";
    let host = SshHost::parse("alias").unwrap();
    let way = SecureShellWay { host, port: None, key: None, configs: vec![server.config(text)], ..server.way() };
    let mut link = server.shell().connect(&way, &Patience::MOST, soon()).unwrap();
    let (text, end) = finish(link.start(&shell("tty; echo \"[$SSH_AUTH_SOCK]\""), soon()).unwrap());
    assert_eq!((String::from_utf8(text).unwrap().as_str(), end.code), ("not a tty\n[]\n", Some(0)));
    drop(link);
    assert!(!server.folder.path().join("touched").exists() && !server.folder.path().join("shared").exists());
}

#[test]
fn a_host_on_the_way_is_held_to_the_same() {
    let Some(server) = Server::start("ssh-jump") else { return };
    let config =
        server.config("Host *\n  IdentityFile FOLDER/user\n  ControlMaster auto\n  ControlPath FOLDER/shared\n");
    // A host cannot be on the way to itself, so it has another name there.
    let host = SshHost::parse("localhost").unwrap();
    let known = fs::read_to_string(server.folder.path().join("known")).unwrap();
    let both = format!("{known}{}", known.replace("127.0.0.1", "localhost"));
    fs::write(server.folder.path().join("known"), both).unwrap();
    let hop = SshHop { user: server.way().user, host, port: server.way().port };
    let way = SecureShellWay { jump: vec![hop], configs: vec![config], ..server.way() };
    let mut link = server.shell().connect(&way, &Patience::MOST, soon()).unwrap();
    assert_eq!(finish(link.start(&shell("exit 4"), soon()).unwrap()).1.code, Some(4));
    assert_eq!(server.connections(), 2);
    drop(link);
    until("both connections go", || running(server.folder.path()).is_empty());
    fs::write(server.folder.path().join("known"), known).unwrap();
    let refused = refusal(&server, &way);
    assert!(matches!(refused, SecureShellError::OnTheWay { .. }), "{refused}: {}", refused.said());
}

/// `ssh` ends the one on the way by hanging up, which whoever was started by `nohup` would not hear.
#[test]
fn a_host_on_the_way_is_let_go_by_whoever_was_started_by_nohup() {
    let test = "outside::secure_shell::tests::a_host_on_the_way_is_held_to_the_same";
    let mut helper = Command::new("nohup");
    helper.arg(std::env::current_exe().unwrap()).args([test, "--exact"]);
    let ended = helper.stdin(Stdio::null()).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && said.contains("1 passed"), "{said}{complained}");
}

#[test]
fn a_connection_that_is_closed_is_gone() {
    let Some(server) = Server::start("ssh-close") else { return };
    let link = server.connect();
    assert_eq!(server.rooms(), 1);
    drop(link);
    assert_eq!(server.rooms(), 0);
    until("the connection goes", || running(server.folder.path()).is_empty());
}

#[test]
fn a_pipe_outlives_the_link_and_the_connection_goes_with_the_last() {
    let Some(server) = Server::start("ssh-outlive") else { return };
    let mut link = server.connect();
    let first = link.start(&words(&["/bin/cat"]), soon()).unwrap();
    let mut second = link.start(&words(&["/bin/cat"]), soon()).unwrap();
    drop(link);
    let mut got = [0; 5];
    second.input.write_all(b"still").unwrap();
    second.output.read_exact(&mut got).unwrap();
    assert_eq!((&got, finish(first).1.code), (b"still", Some(0)));
    assert_eq!(finish(second).1.code, Some(0));
    until("the connection goes", || running(server.folder.path()).is_empty() && server.rooms() == 0);
}

#[test]
fn when_the_other_side_breaks_off_it_is_told() {
    let Some(server) = Server::start("ssh-broken") else { return };
    let mut link = server.connect();
    let mut pipe = link.start(&words(&["/bin/cat"]), soon()).unwrap();
    server.break_off();
    assert_eq!(pipe.output.read(&mut [0]).unwrap(), 0);
    assert_eq!(pipe.end.finish(PATIENCE).code, None);
    let gone = link.start(&words(&["/bin/cat"]), soon()).unwrap_err();
    assert!(matches!(gone, SecureShellError::Gone { .. }), "{gone}: {}", gone.said());
}

/// Is started by the next test as a process of its own, to be killed: it connects, lets a program hang, and says so.
#[test]
fn as_a_process_that_is_killed() {
    let Some(folder) = std::env::var_os("PUNIX_TEST_SSH_KILLED") else { return };
    let (way, shell) = Server::described(Path::new(&folder));
    let mut link = shell.connect(&way, &Patience::MOST, soon()).unwrap();
    let mut pipe = link.start(&hanging(Path::new(&folder)), soon()).unwrap();
    pipe.output.read_exact(&mut [0; 6]).unwrap();
    fs::write(Path::new(&folder).join("ready"), "").unwrap();
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn no_connection_outlives_who_is_killed() {
    let Some(server) = Server::start("ssh-killed") else { return };
    server.describe();
    let test = "outside::secure_shell::tests::as_a_process_that_is_killed";
    let mut helper = Command::new(std::env::current_exe().unwrap());
    helper.args([test, "--exact", "--nocapture"]).env("PUNIX_TEST_SSH_KILLED", server.folder.path());
    let mut helper = Group::start(helper.stdin(Stdio::null()).stdout(Stdio::null())).unwrap();
    until("it is connected", || server.folder.path().join("ready").exists());
    let before = running(server.folder.path());
    assert!(before.len() >= 2, "the connection and its guard: {before:?}");
    // As `kill -9` does, to the process alone.
    helper.child().kill().unwrap();
    until("the connection goes", || running(server.folder.path()).is_empty() && server.rooms() == 0);
}

#[test]
fn a_server_that_does_not_let_more_in_says_so() {
    let Some(server) = Server::start_with("ssh-sessions", "MaxSessions 1\n") else { return };
    let mut link = server.connect();
    let first = link.start(&words(&["/bin/cat"]), soon()).unwrap();
    let second = link.start(&words(&["/bin/cat"]), soon()).unwrap_err();
    assert!(matches!(second, SecureShellError::Session { .. }), "{second}: {}", second.said());
    assert_eq!(finish(first).1.code, Some(0));
    assert_eq!(finish(link.start(&words(&["/bin/true"]), soon()).unwrap()).1.code, Some(0));
}

/// As whom `ssh` would connect, it says itself, without connecting to anybody.
#[test]
fn who_is_meant_is_known_before_there_is_a_connection() {
    let folder = Folder::new("ssh-user");
    fs::create_dir(folder.path().join("rooms")).unwrap();
    let config = folder.path().join("config");
    fs::write(&config, "Host web\n  User deploy\nHost odd\n  User \"a b\"\n").unwrap();
    let shell = OpenSsh::new(PathBuf::from("/usr/bin/ssh"), vec![folder.path().join("rooms")]);
    let way = |host: &str| SecureShellWay {
        configs: vec![SshPath::new(&config).unwrap()],
        ..SecureShellWay::to(SshHost::parse(host).unwrap())
    };
    let user = |way: &SecureShellWay| shell.user(way, soon()).unwrap().map(|user| user.as_str().to_owned());
    assert_eq!(user(&way("web")).as_deref(), Some("deploy"));
    assert_eq!(user(&way("odd")), None);
    let own = Command::new("id").arg("-un").output().unwrap();
    assert_eq!(user(&way("other")).as_deref(), Some(String::from_utf8(own.stdout).unwrap().trim()));
    let named = SecureShellWay { user: Some(SshUser::parse("ann").unwrap()), ..way("web") };
    assert_eq!(user(&named).as_deref(), Some("ann"));
    // What is wrong with a configuration is told as for a connection.
    fs::write(&config, "NoSuchOption yes\n").unwrap();
    let refused = shell.user(&way("web"), soon()).unwrap_err();
    assert!(matches!(refused, SecureShellError::Configuration { .. }), "{refused}: {}", refused.said());
    let absent = OpenSsh::new(PathBuf::from("/nowhere/ssh"), vec![folder.path().join("rooms")]);
    assert!(matches!(absent.user(&way("web"), soon()), Err(SecureShellError::NoProgram { .. })));
    assert_eq!(fs::read_dir(folder.path().join("rooms")).unwrap().count(), 0, "nothing is left of it");
}
