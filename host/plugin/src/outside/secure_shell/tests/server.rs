//! A real SSH server for one test: an own host key, one user key that it lets in, no PAM. The test itself listens, and
//! starts a server process for every connection, so no port has to be guessed and nothing is left when the test ends.

use super::super::*;
use crate::testing::Folder;
use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(super) struct Server {
    pub(super) folder: Folder,
    port: u16,
    stop: Arc<AtomicBool>,
    taken: Arc<Mutex<Vec<(Child, TcpStream)>>>,
    /// How many connections there were before the test began.
    before: usize,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one, or notes that there is none.
    pub(super) fn start(name: &str) -> Option<Server> {
        Server::start_with(name, "")
    }

    /// Starts one with more lines of configuration.
    pub(super) fn start_with(name: &str, more: &str) -> Option<Server> {
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].into_iter().find(|path| Path::new(path).exists());
        let Some(program) = program else {
            skip("no SSH server is installed");
            return None;
        };
        // Where it runs as root it insists on this directory.
        if rustix::process::geteuid().is_root() && fs::create_dir_all("/run/sshd").is_err() {
            skip("an SSH server that runs as root needs `/run/sshd`");
            return None;
        }
        let folder = Folder::new(name);
        let at = |name: &str| folder.path().join(name).display().to_string();
        for key in ["host", "user"] {
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]).status();
            assert!(made.unwrap().success());
        }
        fs::create_dir(at("rooms")).unwrap();
        let config = format!(
            "HostKey {}\nPidFile none\nUsePAM no\nAuthorizedKeysFile {}\nStrictModes no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin yes\nPrintMotd no\nUseDNS no\nAcceptEnv *\n{more}",
            at("host"),
            at("user.pub"),
        );
        fs::write(at("sshd_config"), config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let host_key = fs::read_to_string(at("host.pub")).unwrap();
        fs::write(at("known"), format!("[127.0.0.1]:{port} {host_key}")).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (stopped, all) = (Arc::clone(&stop), Arc::clone(&taken));
        let words = ["-i".to_owned(), "-f".to_owned(), at("sshd_config"), "-E".to_owned(), at("sshd.log")];
        let listener = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.unwrap();
                let end = || Stdio::from(OwnedFd::from(stream.try_clone().unwrap()));
                let mut server = Command::new(program);
                server.args(&words).stdin(end()).stdout(end()).stderr(Stdio::null());
                all.lock().unwrap().push((server.spawn().unwrap(), stream));
            }
        });
        let mut server = Server { folder, port, stop, taken, before: 0, listener: Some(listener) };
        if !server.lets_us_in() {
            skip("an SSH server that does not run as root lets nobody in whose account is locked");
            return None;
        }
        server.before = server.connections();
        Some(server)
    }

    /// Tells whether we have an account that can be used. As root it lets everybody in, or a test has found something.
    fn lets_us_in(&self) -> bool {
        let log = || fs::read_to_string(self.folder.path().join("sshd.log")).unwrap_or_default();
        let connect = || self.shell().connect(&self.way(), &Patience::MOST, Instant::now() + super::PATIENCE);
        rustix::process::geteuid().is_root() || connect().is_ok() || !log().contains("account is locked")
    }

    /// Returns the way to it.
    pub(super) fn way(&self) -> SecureShellWay {
        way(self.folder.path(), self.port)
    }

    /// Returns what connects, in directories that the test can look at.
    pub(super) fn shell(&self) -> OpenSsh {
        shell(self.folder.path())
    }

    pub(super) fn connect(&self) -> Box<dyn SecureShellConnection> {
        let deadline = Instant::now() + super::PATIENCE;
        match self.shell().connect(&self.way(), &Patience::MOST, deadline) {
            Ok(link) => link,
            Err(error) => {
                let log = fs::read_to_string(self.folder.path().join("sshd.log")).unwrap_or_default();
                panic!("{error}: {}\n{log}", error.said());
            }
        }
    }

    /// Returns how many connections were made so far.
    pub(super) fn connections(&self) -> usize {
        self.taken.lock().unwrap().len() - self.before
    }

    /// Returns how many directories of connections there are.
    pub(super) fn rooms(&self) -> usize {
        fs::read_dir(self.folder.path().join("rooms")).unwrap().count()
    }

    pub(super) fn path(&self, name: &str) -> SshPath {
        SshPath::new(&self.folder.path().join(name)).unwrap()
    }

    /// Writes a configuration of a user.
    pub(super) fn config(&self, text: &str) -> SshPath {
        let folder = self.folder.path().display().to_string();
        let text = text.replace("FOLDER", &folder).replace("PORT", &self.port.to_string());
        fs::write(self.folder.path().join("config"), text).unwrap();
        self.path("config")
    }

    /// Cuts every connection.
    pub(super) fn break_off(&self) {
        for (_, stream) in self.taken.lock().unwrap().iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Writes down what another process needs to connect.
    pub(super) fn describe(&self) {
        fs::write(self.folder.path().join("port"), self.port.to_string()).unwrap();
    }

    /// Reads what was written down.
    pub(super) fn described(folder: &Path) -> (SecureShellWay, OpenSsh) {
        let port = fs::read_to_string(folder.join("port")).unwrap().parse().unwrap();
        (way(folder, port), shell(folder))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.listener.take().map(JoinHandle::join);
        self.break_off();
        for (mut server, _) in self.taken.lock().unwrap().drain(..) {
            let _ = server.wait();
        }
    }
}

fn way(folder: &Path, port: u16) -> SecureShellWay {
    let user = Command::new("id").arg("-un").output().unwrap();
    let user = SshUser::parse(String::from_utf8(user.stdout).unwrap().trim()).unwrap();
    let path = |name: &str| Some(SshPath::new(&folder.join(name)).unwrap());
    SecureShellWay {
        user: Some(user),
        port: Some(port),
        key: path("user"),
        known_hosts: path("known"),
        ..SecureShellWay::to(SshHost::parse("127.0.0.1").unwrap())
    }
}

fn shell(folder: &Path) -> OpenSsh {
    OpenSsh::new(PathBuf::from("/usr/bin/ssh"), vec![folder.join("rooms")])
}

/// Returns what processes there are that were told of the directories of connections in a folder.
pub(super) fn running(folder: &Path) -> Vec<String> {
    let rooms = folder.join("rooms").display().to_string();
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    let words = processes.map(|words| String::from_utf8_lossy(&words).replace('\0', " "));
    words.filter(|words| words.contains(&rooms)).collect()
}

/// Waits for something that other processes bring about.
pub(super) fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + super::PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Counts a test that cannot run here.
pub(super) fn skip(reason: &str) {
    if let Some(log) = std::env::var_os("PUNIX_SKIP_LOG")
        && let Ok(mut log) = fs::OpenOptions::new().append(true).create(true).open(log)
    {
        let _ = writeln!(log, "SKIP: {reason}");
    }
}
