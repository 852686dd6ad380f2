//! `add` on a terminal: a pseudo-terminal, of which the test holds the other end.

use super::{BAO, RESOLVER, Shop};
use crate::support::skip;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;

/// Opens both ends of a terminal.
fn terminal() -> Option<(File, File)> {
    let open = || -> std::io::Result<(File, File)> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let slave = OpenOptions::new().read(true).write(true).open(name.to_string_lossy().as_ref())?;
        Ok((File::from(master), slave))
    };
    let found = open().ok();
    if found.is_none() {
        skip("no pseudo-terminal can be opened");
    }
    found
}

/// Runs `punix plugin` with answers that are typed ahead. Returns its exit code, its result, and what the terminal shows.
fn answer(shop: &Shop, arguments: &[&str], answers: &str) -> Option<(Option<i32>, String, String)> {
    let (mut master, slave) = terminal()?;
    let mut command = shop.command(arguments);
    let end = || Stdio::from(slave.try_clone().expect("a descriptor can be doubled"));
    command.stdin(end()).stderr(end()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    drop(command);
    drop(slave);
    master.write_all(answers.as_bytes()).expect("a terminal can be written to");
    let shown = thread::spawn(move || {
        let mut shown = Vec::new();
        // At the end a terminal without anybody is an error.
        let _ = master.read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).replace("\r\n", "\n")
    });
    let mut result = String::new();
    child.stdout.take().expect("it is piped").read_to_string(&mut result).expect("it is text");
    let code = child.wait().expect("it ends").code();
    Some((code, result, shown.join().expect("the reader ends")))
}

#[test]
fn each_request_is_asked_about() {
    let shop = Shop::with_bao();
    let Some((code, result, shown)) = answer(&shop, &["add", "bao.wasm"], "y\nwhat\nn\nl\n") else { return };
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(
        result,
        "added: org.example.bao 0.3.1\n\
         granted: http:vault.internal:8200 get,post /v1/*, may read /lease_duration\nrefused: env:BAO_TOKEN\n"
    );
    assert!(shown.contains("1 of 3\n  http:vault.internal:8200 get,post /v1/*, may read /lease_duration\n"), "{shown}");
    assert!(shown.contains("    it says what for: login\n  allow it? [y]es, [n]o, [l]ater: "), "{shown}");
    assert!(shown.contains("answer with y, n or l\n"), "{shown}");
    assert!(shown.contains("undecided: clock\n"), "{shown}");
    assert_eq!(shop.state(), "undecided");
    // What was decided is not asked again.
    let Some((code, result, shown)) = answer(&shop, &["add", "bao.wasm"], "y\n") else { return };
    assert_eq!(
        (code, result.as_str()),
        (Some(0), "locked already: org.example.bao 0.3.1\ngranted: clock\n"),
        "{shown}"
    );
    assert_eq!(shop.state(), "ok");
}

#[test]
fn what_a_request_leaves_open_is_asked_for() {
    let shop = Shop::new();
    shop.component("bao.wasm", RESOLVER, &BAO.replace("vault.internal:8200", "{config.address}"));
    let Some((code, result, shown)) = answer(&shop, &["add", "bao.wasm"], "y\nVAULT\nvault.x:1\ny\ny\n") else {
        return;
    };
    assert_eq!(code, Some(0), "{shown}");
    assert!(result.contains("granted: http:vault.x:1 get,post /v1/*"), "{result}");
    assert!(shown.contains("`VAULT` is not a host with a port"), "{shown}");
    assert_eq!(shop.state(), "ok");
}

#[test]
fn who_ends_the_input_has_changed_nothing() {
    let shop = Shop::with_bao();
    let Some((code, result, shown)) = answer(&shop, &["add", "bao.wasm"], "y\n\u{4}") else { return };
    assert_eq!((code, result.as_str()), (Some(1), ""), "{shown}");
    assert!(shown.contains("nothing was added"), "{shown}");
    assert!(shop.policy().is_empty() && shop.read("punix.lock").is_empty() && !shop.path("plugins").exists());
}

#[test]
fn what_an_update_newly_asks_for_stands_out() {
    let shop = Shop::with_bao();
    shop.done(["add", "bao.wasm", "--yes"]);
    let new = BAO.replace(r#""why":"login"}]"#, r#""why":"login"},{"name":"HOME","why":"a cache"}]"#);
    shop.component("new.wasm", RESOLVER, &new);
    let Some((code, result, shown)) = answer(&shop, &["add", "new.wasm"], "n\n") else { return };
    assert_eq!((code, result.as_str()), (Some(0), "updated: org.example.bao 0.3.1\nrefused: env:HOME\n"), "{shown}");
    assert!(shown.contains("1 of 1, new in this version\n  env:HOME in plain\n"), "{shown}");
    assert_eq!(shop.state(), "ok");
}
