//! Asking hosts that were not granted: by other names, other paths, other addresses, and by way of those that were.

use crate::room::{NameTable, Plugin, Server, Terms, World, resolver};
use crate::running::PATIENT;
use expect_test::expect;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;

fn loopback() -> NameTable {
    NameTable { answers: vec![vec![Ipv4Addr::LOCALHOST.into()]], ..NameTable::default() }
}

fn http_table(port: u16, private: bool) -> String {
    format!(
        "{PATIENT}\n\
         grant.env = [{{ name = \"GRANTED\", as = \"secret\" }}]\n\
         grant.http = [{{ host = \"vault.example:{port}\", methods = [\"get\"], paths = [\"/v1/*\"], \
         plain_http = true, private = {private} }}]"
    )
}

#[test]
fn hosts() {
    let server = Server::json("{}");
    let (world, names) = World::with_names(loopback());
    let port = server.port();
    let plugin = Plugin::on(resolver(), Terms { table: &http_table(port, true), ..Terms::default() }, &world);
    let address = format!("http://vault.example:{port}");
    let mut text = plugin.resolved_at(&address, "ask", &format!("{address}/v1/secret"), &["A"]);
    assert_eq!(text, "status 200\n");
    text.clear();
    let (asked, looked_up) = (server.asked().len(), names.asked.load(Ordering::SeqCst));
    for url in [
        format!("http://evil.example:{port}/v1/secret"),
        format!("http://sub.vault.example:{port}/v1/secret"),
        format!("http://127.0.0.1:{port}/v1/secret"),
        "http://vault.example/v1/secret".to_owned(),
        format!("https://vault.example:{}/v1/secret", port.wrapping_add(1)),
        format!("{address}/v2/secret"),
        format!("{address}/v1/../sys/seal"),
        format!("{address}/v1/%2e%2e/sys/seal"),
        format!("{address}/v1/a%2fb"),
        format!("http://vault.example:{port}@evil.example/v1/secret"),
        format!("http://user:password@vault.example:{port}/v1/secret"),
        format!("{address}/v1/secret#part"),
        format!("{address}\\\\@evil.example/v1/secret"),
        "file:///etc/passwd".to_owned(),
        "gopher://vault.example/".to_owned(),
        String::new(),
    ] {
        let said = plugin.resolved_at(&address, "ask", &url, &["A"]);
        text.push_str(&format!("{url}\n{said}"));
    }
    expect![[r#"
        http://evil.example:PORT/v1/secret
        ErrorClass::Denied http.not-granted: `get` of `http://evil.example:PORT/v1/secret` is not granted
        http://sub.vault.example:PORT/v1/secret
        ErrorClass::Denied http.not-granted: `get` of `http://sub.vault.example:PORT/v1/secret` is not granted
        http://127.0.0.1:PORT/v1/secret
        ErrorClass::Denied http.not-granted: `get` of `http://127.0.0.1:PORT/v1/secret` is not granted
        http://vault.example/v1/secret
        ErrorClass::Denied http.not-granted: `get` of `http://vault.example/v1/secret` is not granted
        https://vault.example:OTHER/v1/secret
        ErrorClass::Denied http.not-granted: `get` of `https://vault.example:OTHER/v1/secret` is not granted
        http://vault.example:PORT/v2/secret
        ErrorClass::Denied http.not-granted: `get` of `http://vault.example:PORT/v2/secret` is not granted
        http://vault.example:PORT/v1/../sys/seal
        ErrorClass::InvalidInput http.url: a path in a url has no `%`, `*` or `;`, no `.` or `..` as a part, and no doubled slashes
        http://vault.example:PORT/v1/%2e%2e/sys/seal
        ErrorClass::InvalidInput http.url: a path in a url has no `%`, `*` or `;`, no `.` or `..` as a part, and no doubled slashes
        http://vault.example:PORT/v1/a%2fb
        ErrorClass::InvalidInput http.url: a path in a url has no `%`, `*` or `;`, no `.` or `..` as a part, and no doubled slashes
        http://vault.example:PORT@evil.example/v1/secret
        ErrorClass::InvalidInput http.url: a url has no user; what logs in is a header
        http://user:password@vault.example:PORT/v1/secret
        ErrorClass::InvalidInput http.url: a url has no user; what logs in is a header
        http://vault.example:PORT/v1/secret#part
        ErrorClass::InvalidInput http.url: a url is of graphic ASCII characters without quotes, brackets and backslashes, and has no `#`
        http://vault.example:PORT\\@evil.example/v1/secret
        ErrorClass::InvalidInput http.url: a url has no user; what logs in is a header
        file:///etc/passwd
        ErrorClass::InvalidInput http.url: a url begins with `https://` or `http://`
        gopher://vault.example/
        ErrorClass::InvalidInput http.url: a url begins with `https://` or `http://`

        ErrorClass::InvalidInput http.url: a url begins with `https://` or `http://`
    "#]].assert_eq(&text.replace(&port.wrapping_add(1).to_string(), "OTHER").replace(&port.to_string(), "PORT"));
    assert_eq!((server.asked().len(), names.asked.load(Ordering::SeqCst)), (asked, looked_up), "nobody was asked");
}

#[test]
fn the_host_is_the_one_that_the_configuration_names() {
    let server = Server::json("{}");
    let (world, _) = World::with_names(loopback());
    let port = server.port();
    let plugin = Plugin::on(resolver(), Terms { table: &http_table(port, true), ..Terms::default() }, &world);
    let url = format!("http://vault.example:{port}/v1/secret");
    let text = plugin.resolved_at("http://other.example", "ask", &url, &["A"]);
    expect![[r#"
        ErrorClass::Denied http.not-granted: `get` of `http://vault.example:PORT/v1/secret` is not granted: it is only if `address` in the configuration names that host
    "#]].assert_eq(&text.replace(&port.to_string(), "PORT"));
    assert!(server.asked().is_empty());
}

#[test]
fn headers() {
    let server = Server::json("{}");
    let (world, _) = World::with_names(loopback());
    let port = server.port();
    let plugin = Plugin::on(resolver(), Terms { table: &http_table(port, true), ..Terms::default() }, &world);
    let address = format!("http://vault.example:{port}");
    let mut text = String::new();
    for name in ["host", "Content-Length", "transfer-encoding", "x-forwarded-for", "a b", "a\\r\\nb", ""] {
        text.push_str(&format!("{name}: {}", plugin.resolved_at(&address, "header", name, &["A"])));
    }
    text.push_str(&plugin.resolved_at(&address, "split-header", "", &["A"]));
    expect![[r#"
        host: ErrorClass::InvalidInput http.header: the header `host` is not a plugin's to set
        Content-Length: ErrorClass::InvalidInput http.header: the header `content-length` is not a plugin's to set
        transfer-encoding: ErrorClass::InvalidInput http.header: the header `transfer-encoding` is not a plugin's to set
        x-forwarded-for: ErrorClass::InvalidInput http.header: the header `x-forwarded-for` is not a plugin's to set
        a b: ErrorClass::InvalidInput http.header: the header `a b` has characters that no name of a header has
        a\r\nb: ErrorClass::InvalidInput http.header: the header `a\r
        b` has characters that no name of a header has
        : ErrorClass::InvalidInput http.header: the header `` has characters that no name of a header has
        ErrorClass::InvalidInput http.header: the header `x-a` can hold one line of printable ASCII, and this is something else
    "#]].assert_eq(&text);
    assert!(server.asked().is_empty());
}

#[test]
fn redirections_are_answers_and_lead_nowhere() {
    let elsewhere = Server::json("{}");
    let to = format!("http://127.0.0.1:{}/latest/meta-data", elsewhere.port());
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let server = Server::answering(format!("HTTP/1.1 {status}\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"));
        let (world, _) = World::with_names(loopback());
        let port = server.port();
        let plugin = Plugin::on(resolver(), Terms { table: &http_table(port, true), ..Terms::default() }, &world);
        let address = format!("http://vault.example:{port}");
        let text = plugin.resolved_at(&address, "login", "/v1/secret", &["A"]);
        assert_eq!(text, format!("status {}\n", &status[..3]));
        assert_eq!(server.asked().len(), 1);
    }
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn names_that_mean_addresses_which_are_not_granted() {
    let server = Server::json("{}");
    let port = server.port();
    let address = format!("http://vault.example:{port}");
    let mut text = String::new();
    for found in [
        &["127.0.0.1"][..],
        &["::1"],
        &["10.0.0.1"],
        &["192.168.1.1"],
        &["169.254.169.254"],
        &["fe80::1"],
        &["0.0.0.0"],
        &["::ffff:127.0.0.1"],
        &["100.64.0.1"],
        &["224.0.0.1"],
        &["fd00:ec2::254"],
        // One that may be asked does not help.
        &["93.184.216.34", "127.0.0.1"],
        &[],
    ] {
        let addresses: Vec<IpAddr> = found.iter().map(|address| address.parse().unwrap()).collect();
        let (world, _) = World::with_names(NameTable { answers: vec![addresses], ..NameTable::default() });
        let plugin = Plugin::on(resolver(), Terms { table: &http_table(port, false), ..Terms::default() }, &world);
        let said = plugin.resolved_at(&address, "login", "/v1/secret", &["A"]);
        text.push_str(&format!("{}: {said}", found.join(" ")));
    }
    expect![[r#"
        127.0.0.1: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `127.0.0.1` is an address of this machine, which takes `private = true` in the grant
        ::1: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `::1` is an address of this machine, which takes `private = true` in the grant
        10.0.0.1: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `10.0.0.1` is an address of a private network, which takes `private = true` in the grant
        192.168.1.1: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `192.168.1.1` is an address of a private network, which takes `private = true` in the grant
        169.254.169.254: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `169.254.169.254` is a link-local address
        fe80::1: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `fe80::1` is a link-local address
        0.0.0.0: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `0.0.0.0` is no address of a server
        ::ffff:127.0.0.1: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `::ffff:127.0.0.1` is an address of this machine, which takes `private = true` in the grant
        100.64.0.1: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `100.64.0.1` is an address of a provider's network, which takes `private = true` in the grant
        224.0.0.1: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `224.0.0.1` is a multicast address
        fd00:ec2::254: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `fd00:ec2::254` is where a cloud hands out credentials
        93.184.216.34 127.0.0.1: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `127.0.0.1` is an address of this machine, which takes `private = true` in the grant
        : ErrorClass::Permanent http.name: `vault.example` has no address
    "#]].assert_eq(&text.replace(&port.to_string(), "PORT"));
    assert!(server.asked().is_empty());
}

/// Also where private networks are granted.
#[test]
fn names_that_mean_what_is_never_a_server() {
    let mut text = String::new();
    for found in ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "fd00:ec2::254"] {
        let answers = vec![vec![found.parse().unwrap()]];
        let (world, _) = World::with_names(NameTable { answers, ..NameTable::default() });
        let plugin = Plugin::on(resolver(), Terms { table: &http_table(80, true), ..Terms::default() }, &world);
        let said = plugin.resolved_at("http://vault.example", "login", "/v1/secret", &["A"]);
        text.push_str(&format!("{found}: {said}"));
    }
    expect![[r#"
        169.254.169.254: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `169.254.169.254` is a link-local address
        fe80::1: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `fe80::1` is a link-local address
        0.0.0.0: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `0.0.0.0` is no address of a server
        224.0.0.1: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `224.0.0.1` is a multicast address
        fd00:ec2::254: ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `fd00:ec2::254` is where a cloud hands out credentials
    "#]].assert_eq(&text);
}

/// Whoever owns a name may give another address a moment later; there is no later.
#[test]
fn a_name_is_looked_up_once_for_a_request() {
    let server = Server::json("{}");
    let port = server.port();
    let (good, bad) = (vec!["127.0.0.1".parse().unwrap()], vec!["169.254.169.254".parse().unwrap()]);
    let (world, names) = World::with_names(NameTable { answers: vec![good, bad], ..NameTable::default() });
    let plugin = Plugin::on(resolver(), Terms { table: &http_table(port, true), ..Terms::default() }, &world);
    let address = format!("http://vault.example:{port}");
    assert_eq!(plugin.resolved_at(&address, "login", "/v1/secret", &["A"]), "status 200\n");
    assert_eq!((names.asked.load(Ordering::SeqCst), server.asked().len()), (1, 1));
    expect![[r#"
        ErrorClass::Denied http.address-not-granted: `vault.example` is not asked: `169.254.169.254` is a link-local address
    "#]].assert_eq(&plugin.resolved_at(&address, "login", "/v1/secret", &["A"]).replace(&port.to_string(), "PORT"));
    assert_eq!((names.asked.load(Ordering::SeqCst), server.asked().len()), (2, 1));
}
