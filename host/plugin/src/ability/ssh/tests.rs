use super::*;
use punix_model::{Ended, PipeEnd};
use std::io;

fn target(host: &str, options: &[(&str, &str)]) -> Endpoint {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Endpoint { scheme: "ssh".to_owned(), user: None, host: host.to_owned(), port: None, path: None, options }
}

fn set(options: &[(&str, &str)]) -> Result<Patience, SshRefusal> {
    let options: Vec<(String, String)> =
        options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    patience(&options)
}

#[test]
fn a_way_is_what_the_operator_named() {
    let options = [
        ("key", "/keys/deploy"),
        ("known-hosts", "/etc/known"),
        ("jump", "first,me@[2001:DB8::1]:2222"),
        ("config", "/home/u/.ssh/config"),
        ("config", "/etc/ssh/ssh_config"),
        ("of-another", "x"),
    ];
    let named = Endpoint { user: Some("deploy".to_owned()), port: Some(22), ..target("Web.example.com", &options) };
    let way = way(&named).unwrap();
    assert_eq!(way.to_string(), "deploy@web.example.com:22");
    assert_eq!(way.jump.iter().map(ToString::to_string).collect::<Vec<_>>(), ["first", "me@[2001:db8::1]:2222"]);
    assert_eq!(way.key.unwrap().as_str(), "/keys/deploy");
    assert_eq!(way.known_hosts.unwrap().as_str(), "/etc/known");
    let configs: Vec<&str> = way.configs.iter().map(SshPath::as_str).collect();
    assert_eq!(configs, ["/home/u/.ssh/config", "/etc/ssh/ssh_config"]);
}

#[test]
fn what_ssh_could_take_for_something_else_is_no_way() {
    let words = |target: &Endpoint| way(target).unwrap_err().to_string();
    let host = "`-oProxyCommand=id` is not a host: a name, or an address without brackets";
    assert_eq!(words(&target("-oProxyCommand=id", &[])), host);
    let user = Endpoint { user: Some("-oProxyCommand=id".to_owned()), ..target("web", &[]) };
    assert!(words(&user).starts_with("`-oProxyCommand=id` is not the name of a user"));
    assert_eq!(words(&Endpoint { port: Some(0), ..target("web", &[]) }), "port 0 is nobody's");
    for (name, value) in [
        ("key", "relative"),
        ("known-hosts", "/a\nProxyCommand id"),
        ("config", "/etc/*"),
        ("jump", ""),
        ("jump", "a,,b"),
        ("jump", "-oProxyCommand=id"),
        ("jump", "a:0"),
        ("jump", "a:99999"),
        ("jump", "[::1]x"),
    ] {
        way(&target("web", &[(name, value)])).unwrap_err();
    }
    assert_eq!(words(&target("web", &[("key", "/a"), ("key", "/b")])), "the target has the option `key` twice");
    assert_eq!(words(&target("web", &[("config", "/a"); 9])), "the target has more than 8 options `config`");
}

#[test]
fn options_make_it_stricter_or_give_up_sooner() {
    let set = set(&[
        ("connecttimeout", "5"),
        ("ServerAliveInterval", "1"),
        ("ServerAliveCountMax", "2"),
        ("Compression", "yes"),
        ("IdentitiesOnly", "yes"),
    ]);
    let expected = Patience {
        connect: Duration::from_secs(5),
        alive_every: Duration::from_secs(1),
        alive_count: 2,
        compression: Some(true),
        named_keys_only: true,
    };
    assert_eq!(set, Ok(expected));
    assert_eq!(patience(&[]), Ok(Patience::MOST));
}

#[test]
fn options_never_make_it_laxer() {
    for (name, value) in [
        ("ConnectTimeout", "21"),
        ("ConnectTimeout", "0"),
        ("ConnectTimeout", "5 -oProxyCommand=id"),
        ("ServerAliveInterval", "16"),
        ("ServerAliveInterval", "0"),
        ("ServerAliveCountMax", "4"),
        ("ServerAliveCountMax", "01"),
        ("Compression", "yes\nProxyCommand id"),
        ("IdentitiesOnly", "no"),
    ] {
        let refusal = set(&[(name, value)]).unwrap_err();
        assert!(matches!(refusal, SshRefusal::Value { .. }), "{name}={value}: {refusal}");
    }
    assert_eq!(set(&[("Compression", "yes"), ("compression", "no")]), Err(SshRefusal::Twice { name: "Compression" }));
}

#[test]
fn every_other_option_is_denied() {
    for name in [
        "StrictHostKeyChecking",
        "UserKnownHostsFile",
        "ProxyCommand",
        "ProxyJump",
        "HostName",
        "HostKeyAlias",
        "Port",
        "User",
        "IdentityFile",
        "ForwardAgent",
        "LocalCommand",
        "Include",
        "Match",
        "SendEnv",
        "Ciphers",
        "",
        "ConnectTimeout=5 -oX",
    ] {
        let refusal = set(&[(name, "yes")]).unwrap_err();
        assert_eq!(PluginError::from(refusal.clone()).class, Class::Denied, "{refusal}");
    }
    assert_eq!(
        set(&[("ProxyCommand", "id")]).unwrap_err().to_string(),
        "the option `ProxyCommand` is not the plugin's to set: these are ConnectTimeout, ServerAliveInterval, \
         ServerAliveCountMax, Compression, IdentitiesOnly"
    );
}

#[test]
fn a_failure_says_what_is_wrong_what_ssh_said_and_what_to_do() {
    let said = "No ED25519 host key is known for web and you have requested strict checking.".to_owned();
    let error = answer(SecureShellError::UnknownHostKey { place: "deploy@web:22".to_owned(), said });
    assert_eq!((error.class, error.code.as_str()), (Class::Denied, "ssh.unknown-host-key"));
    assert_eq!(
        error.message,
        "the key of the host `deploy@web:22` is not known (`ssh` says: No ED25519 host key is known for web and you \
         have requested strict checking.); compare its fingerprint with what the host says of itself, then add it to \
         the known hosts"
    );
    let gone = answer(SecureShellError::Gone { place: "web".to_owned() });
    assert_eq!(
        (gone.class, gone.message.as_str()),
        (Class::Transient, "the connection to `web` is gone; connect again")
    );
}

#[test]
fn only_a_target_that_was_not_heard_is_unreachable() {
    let (place, said) = (|| "web".to_owned(), || "it said so".to_owned());
    let failure = || io::Error::other("broken");
    let cases = [
        (false, SecureShellError::NoProgram { program: "/ssh".into() }),
        (false, SecureShellError::Program { program: "/ssh".into(), error: failure() }),
        (false, SecureShellError::Room { tried: vec!["/run".into()], error: failure() }),
        (false, SecureShellError::File { what: "key", path: "/k".to_owned(), error: failure() }),
        (false, SecureShellError::UnknownHostKey { place: place(), said: said() }),
        (false, SecureShellError::ChangedHostKey { place: place(), said: said() }),
        (false, SecureShellError::RevokedHostKey { place: place(), said: said() }),
        (false, SecureShellError::Authentication { place: place(), said: said() }),
        (true, SecureShellError::Unresolved { place: place(), said: said() }),
        (true, SecureShellError::Refused { place: place(), said: said() }),
        (true, SecureShellError::Unreachable { place: place(), said: said() }),
        (true, SecureShellError::Late { place: place(), after: Duration::from_secs(3) }),
        (false, SecureShellError::Negotiation { place: place(), said: said() }),
        (true, SecureShellError::OnTheWay { place: place() }),
        (false, SecureShellError::Configuration { said: said() }),
        (false, SecureShellError::Failed { place: place(), said: said() }),
        (false, SecureShellError::Gone { place: place() }),
        (false, SecureShellError::Session { place: place(), said: said() }),
    ];
    for (expected, error) in cases {
        let answer = answer(error);
        assert_eq!(is_unreachable(&answer), expected, "{}", answer.code);
    }
}

/// A connection that only tells that it was asked.
struct Told;

struct Over;

impl PipeEnd for Over {
    fn finish(&mut self, _patience: Duration) -> Ended {
        Ended { code: Some(0), complaint: String::new() }
    }
}

impl SecureShellConnection for Told {
    fn start(&mut self, argv: &[String], _deadline: Instant) -> Result<Pipe, SecureShellError> {
        Ok(Pipe {
            label: argv.join(" "),
            input: Box::new(io::sink()),
            output: Box::new(io::empty()),
            end: Box::new(Over),
        })
    }
}

#[test]
fn words_that_cannot_be_passed_on_do_not_reach_the_connection() {
    let started = |argv: &[&str]| {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        start(&mut Told, &argv, Instant::now()).map(|pipe| pipe.label).map_err(|error| error.code)
    };
    assert_eq!(started(&["/bin/true", "a b"]), Ok("/bin/true a b".to_owned()));
    assert_eq!(started(&[]), Err("spawn.words".to_owned()));
    assert_eq!(started(&["/bin/true", "a\0b"]), Err("spawn.words".to_owned()));
}
