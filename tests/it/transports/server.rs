//! A real SSH server for one test. The test itself listens, and starts a server process for every connection, so no port
//! has to be guessed and nothing is left when the test ends.

use crate::support::{Folder, skip};
use punix_model::Endpoint;
use punix_plugin::outside::OpenSsh;
use std::fs;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub(super) struct Server {
    folder: Folder,
    port: u16,
    stop: Arc<AtomicBool>,
    taken: Arc<Mutex<Vec<(Child, TcpStream)>>>,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one, or notes that there is none.
    pub(super) fn start() -> Option<Server> {
        Server::start_with("")
    }

    /// Starts one with more lines in its configuration, in which `FOLDER` is that of the test.
    pub(super) fn start_with(more: &str) -> Option<Server> {
        const PROGRAM: &str = "/usr/sbin/sshd";
        // Where it runs as root, which it finds out by itself, it insists on this directory.
        let ready = Path::new("/run/sshd").is_dir() || fs::create_dir_all("/run/sshd").is_ok() || !is_root();
        if !Path::new(PROGRAM).exists() || !ready {
            skip("no SSH server can be started");
            return None;
        }
        let folder = Folder::new();
        let at = |name: &str| folder.path().join(name).display().to_string();
        for key in ["host", "user"] {
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]).status();
            assert!(made.unwrap().success());
        }
        fs::create_dir(at("rooms")).unwrap();
        let (host, user) = (at("host"), at("user.pub"));
        folder.write(
            "sshd_config",
            format!(
                "HostKey {host}\nPidFile none\nUsePAM no\nAuthorizedKeysFile {user}\nStrictModes no\nPermitRootLogin yes\n{}",
                more.replace("FOLDER", &folder.path().display().to_string())
            ),
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let key = fs::read_to_string(at("host.pub")).unwrap();
        folder.write("known", format!("[127.0.0.1]:{port} {key}"));
        let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, all) = (Arc::clone(&stop), Arc::clone(&taken));
        let words = ["-i".to_owned(), "-f".to_owned(), at("sshd_config"), "-E".to_owned(), at("sshd.log")];
        let listener = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.unwrap();
                let end = || Stdio::from(OwnedFd::from(stream.try_clone().unwrap()));
                let mut server = Command::new(PROGRAM);
                server.args(&words).stdin(end()).stdout(end()).stderr(Stdio::null());
                all.lock().unwrap().push((server.spawn().unwrap(), stream));
            }
        });
        Some(Server { folder, port, stop, taken, listener: Some(listener) })
    }

    /// Returns what connects, in directories of the test.
    pub(super) fn client(&self) -> OpenSsh {
        OpenSsh::new("/usr/bin/ssh".into(), vec![self.folder.path().join("rooms")])
    }

    /// Returns it as a target, with the flags that an operator gives.
    pub(super) fn endpoint(&self) -> Endpoint {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let options = vec![("key".to_owned(), at("user")), ("known-hosts".to_owned(), at("known"))];
        let (user, host, port) = (Some(output("id", "-un")), "127.0.0.1".to_owned(), Some(self.port));
        Endpoint { scheme: "ssh".to_owned(), user, host, port, path: None, options }
    }

    /// Returns the folder of the test.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Returns it as it is named on a command line.
    pub(super) fn url(&self) -> String {
        format!("ssh://{}@127.0.0.1:{}", output("id", "-un"), self.port)
    }

    /// Returns how often somebody connected.
    pub(super) fn connections(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    /// Forgets its key, as if it had never been known.
    pub(super) fn forget(&self) {
        self.folder.write("known", "");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.listener.take().map(JoinHandle::join);
        for (mut server, stream) in self.taken.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
            let _ = server.wait();
        }
    }
}

fn is_root() -> bool {
    output("id", "-u") == "0"
}

fn output(program: &str, word: &str) -> String {
    let output = Command::new(program).arg(word).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
