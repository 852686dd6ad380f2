//! What of this machine a build sees besides its inputs: the system's tools, and as few files of `/etc` as they need.

use crate::sandbox::{Access, Bind, Network};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where the system's tools are. Most of these are links into the first.
const TOOLS: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];
/// How programs find other programs and libraries.
const SETTINGS: [&str; 4] = ["/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"];
/// How programs find and trust other machines.
const NETWORK: [&str; 6] =
    ["/etc/resolv.conf", "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/ca-certificates.conf", "/etc/gai.conf"];
/// Who is who and where is what, for programs that ask: nothing of this machine.
const OWN: [(&str, &str); 4] = [
    (
        "passwd",
        "root:x:0:0:root:/build/home:/bin/sh\n\
         builder:x:1000:100:builder:/build/home:/bin/sh\n\
         nobody:x:65534:65534:nobody:/:/bin/false\n",
    ),
    ("group", "root:x:0:\nbuilders:x:100:\nnogroup:x:65534:\n"),
    ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
];
/// The directory of these in a store, with a number that goes up when one of them changes.
const DIRECTORY: &str = ".etc-1";

/// Writes, once for each store, what builds see in place of the machine's own files. It is the same for all of them, and
/// making it for each would cost as much as all else that is made for it.
pub(crate) fn prepare(store: &Path) -> io::Result<()> {
    let directory = store.join(DIRECTORY);
    match fs::create_dir(&directory) {
        // It may be somebody else's, whose store we share.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.and_then(|()| fs::set_permissions(&directory, Permissions::from_mode(0o755)))?,
    }
    for (name, text) in OWN {
        let path = directory.join(name);
        if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            continue;
        }
        // Whoever was killed may have left half of it, and others may be at it.
        let draft = directory.join(format!("{name}.{}", std::process::id()));
        fs::write(&draft, text)?;
        fs::set_permissions(&draft, Permissions::from_mode(0o644))?;
        fs::rename(&draft, &path)?;
    }
    Ok(())
}

/// Returns what of the machine is to be seen.
pub(crate) fn binds(store: &Path, network: Network) -> Vec<Bind> {
    let read = |outside: PathBuf, inside: &Path| Bind { outside, inside: inside.to_owned(), access: Access::Read };
    let more: &[&str] = match network {
        Network::None => &[],
        Network::Host => &NETWORK,
    };
    let of_machine = TOOLS.iter().chain(&SETTINGS).chain(more).map(Path::new).filter(|path| path.exists());
    let mut binds: Vec<Bind> = of_machine.map(|path| read(path.to_owned(), path)).collect();
    for (name, _) in OWN {
        binds.push(read(store.join(DIRECTORY).join(name), &Path::new("/etc").join(name)));
    }
    binds
}
