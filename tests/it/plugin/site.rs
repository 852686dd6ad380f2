//! What a site allows at most, by the whole binary. Its ceilings lie where only root can write; so that a test can have its
//! own, it runs where nobody else sees what is mounted over that place.

use super::Shop;
use crate::support::{Outcome, run, scrubbed, skip};
use expect_test::expect;
use std::process::Command;
use std::sync::OnceLock;

/// Starts a mount namespace of our own; as root if that is what we are.
fn outer() -> Command {
    let mut command = scrubbed("unshare");
    let mut id = scrubbed("id");
    id.arg("-u");
    let is_root = run(id).stdout == "0\n";
    command.args(if is_root { &["-m"][..] } else { &["-r", "-m"][..] }).arg("--");
    command
}

/// Runs a script of the shell where `/etc/punix/plugins.d` has one file, `10-site.toml`. `$punix` is the program.
fn with_ceiling(shop: &Shop, ceiling: &str, script: &str) -> Outcome {
    let program = crate::support::punix();
    let program = program.get_program().to_str().expect("a path of the build");
    shop.write("ceiling", ceiling);
    let mount = "mount -t tmpfs -o mode=755 none /etc && mkdir -p /etc/punix/plugins.d && umask 022 && \
                 cat ceiling > /etc/punix/plugins.d/10-site.toml";
    let mut command = outer();
    command.args(["sh", "-c", &format!("punix={program}; {{ {mount}; }} || exit 99; {script}")]);
    shop.set(&mut command);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    run(command)
}

fn can_mount() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = *FOUND.get_or_init(|| with_ceiling(&Shop::new(), "", "true").code == Some(0));
    if !found {
        skip("nothing can be mounted over /etc, so no ceiling can be tried");
    }
    found
}

const SITE: &str = "[all]\nclock = false\nhttp = [{ host = \"*.internal:8200\", methods = [\"get\"] }]\n";

#[test]
fn what_the_site_forbids_cannot_be_granted() {
    if !can_mount() {
        return;
    }
    let shop = Shop::with_bao();
    let outcome =
        with_ceiling(&shop, SITE, "$punix plugin add bao.wasm --yes; echo exit $?; $punix plugin audit; echo exit $?");
    shop.gives(&outcome, &expect![[r#"
        exit 0
        stdout:
        added: org.example.bao 0.3.1
        granted: http:vault.internal:8200 get,post /v1/*, may read /lease_duration
        granted: env:BAO_TOKEN as a secret
        exit 0
        punix.from-env 0.1.0    resolver   #  ok, built in, granted by punix
          imports  secrets log env
          may      env for what the stack refers to
        punix.from-file 0.1.0   resolver   #  ok, built in, granted by punix
          imports  blobs secrets log files
          may      files for what the stack refers to
        punix.from-vault 0.1.0  resolver   #  forbidden, built in, granted by punix
          imports  blobs secrets log clock env files http
          may      http for the host that its configuration names;
                   env:VAULT_TOKEN as a secret; env:BAO_TOKEN as a secret;
                   env:VAULT_ROLE_ID as a secret; env:VAULT_SECRET_ID as a secret;
                   files:vault-token …/home/.vault-token to read;
                   files:kubernetes-token /var/run/secrets/kubernetes.io/serviceaccount to read
        punix.local 0.1.0       transport  #  ok, built in, granted by punix
          imports  pipes log here
          may      here
        punix.ssh 0.1.0         transport  #  ok, built in, granted by punix
          imports  pipes log ssh
          may      ssh
        punix.systemd 0.1.0     backend    #  ok, built in, granted by punix
          imports  log
          may      nothing but compute
        org.example.bao 0.3.1   resolver   #  undecided, not compiled, granted by punix.plugins.toml
          imports  log http env clock
          may      http:vault.internal:8200 get /v1/*, may read /lease_duration;
                   env:BAO_TOKEN as a secret
          unused   all of it: it was not called here yet
        bounded by /etc/punix/plugins.d/10-site.toml
        7 plugins, 2 findings
        exit 1
        stderr:
        org.example.bao 0.3.1
        world      punix:resolver/secret-resolver@0.1.0
        handles    from_bao
        sha256     #
        size       628 B, of it 384 B manifest
        imports    punix:cap/log@0.1.0; punix:cap/http@0.1.0; punix:cap/env@0.1.0;
                   punix:cap/clock@0.1.0
        exports    punix:base/meta@0.1.0; punix:resolver/api@0.1.0
        pure       it does not say so
        asks for
          http:vault.internal:8200 get,post /v1/*, may read /lease_duration
            it says what for: read KV
          env:BAO_TOKEN as a secret
            it says what for: login
          clock
            it says what for: leases end
        wishes     timeout_ms = 5000; memory_mib = 32
        undecided: clock
          to allow it: punix plugin grant org.example.bao clock
          to go on without: punix plugin revoke org.example.bao clock
        it does not run before all of this is decided
        error: [E25] the plugin `punix.from-vault` 0.1.0 asks for `clock`, which `/etc/punix/plugins.d/10-site.toml` does not allow
        note: it says what for: to wait before asking a busy server again
        help: to go on without: punix plugin revoke punix.from-vault clock
        error: [E25] the plugin `org.example.bao` 0.3.1 asks for `clock`, and nobody decided about that
        note: it says what for: leases end
        note: to go on without: punix plugin revoke org.example.bao clock
        help: to allow it: punix plugin grant org.example.bao clock
        2 errors
    "#]]);
    let script = "$punix plugin grant org.example.bao clock; $punix plugin list";
    let outcome = with_ceiling(&shop, SITE, script);
    shop.gives(
        &outcome,
        &expect![[r#"
        exit 0
        stdout:
        granted: clock
        punix.from-env    0.1.0  resolver   from_env    #  ok
        punix.from-file   0.1.0  resolver   from_file   #  ok
        punix.from-vault  0.1.0  resolver   from_vault  #  forbidden
        punix.local       0.1.0  transport  local       #  ok
        punix.ssh         0.1.0  transport  ssh         #  ok
        punix.systemd     0.1.0  backend    systemd     #  ok
        org.example.bao   0.3.1  resolver   from_bao    #  forbidden
        stderr:
        not allowed by /etc/punix/plugins.d/10-site.toml: clock
          to go on without: punix plugin revoke org.example.bao clock
        it does not run before all of this is decided
    "#]],
    );
    let outcome = with_ceiling(&shop, SITE, "$punix plugin revoke org.example.bao clock && $punix plugin audit");
    shop.gives(&outcome, &expect![[r#"
        exit 1
        stdout:
        no longer granted: clock
        refused: clock
        punix.from-env 0.1.0    resolver   #  ok, built in, granted by punix
          imports  secrets log env
          may      env for what the stack refers to
        punix.from-file 0.1.0   resolver   #  ok, built in, granted by punix
          imports  blobs secrets log files
          may      files for what the stack refers to
        punix.from-vault 0.1.0  resolver   #  forbidden, built in, granted by punix
          imports  blobs secrets log clock env files http
          may      http for the host that its configuration names;
                   env:VAULT_TOKEN as a secret; env:BAO_TOKEN as a secret;
                   env:VAULT_ROLE_ID as a secret; env:VAULT_SECRET_ID as a secret;
                   files:vault-token …/home/.vault-token to read;
                   files:kubernetes-token /var/run/secrets/kubernetes.io/serviceaccount to read
        punix.local 0.1.0       transport  #  ok, built in, granted by punix
          imports  pipes log here
          may      here
        punix.ssh 0.1.0         transport  #  ok, built in, granted by punix
          imports  pipes log ssh
          may      ssh
        punix.systemd 0.1.0     backend    #  ok, built in, granted by punix
          imports  log
          may      nothing but compute
        org.example.bao 0.3.1   resolver   #  ok, not compiled, granted by punix.plugins.toml
          imports  log http env clock
          may      http:vault.internal:8200 get /v1/*, may read /lease_duration;
                   env:BAO_TOKEN as a secret
          unused   all of it: it was not called here yet
        bounded by /etc/punix/plugins.d/10-site.toml
        7 plugins, 1 finding
        stderr:
        error: [E25] the plugin `punix.from-vault` 0.1.0 asks for `clock`, which `/etc/punix/plugins.d/10-site.toml` does not allow
        note: it says what for: to wait before asking a busy server again
        help: to go on without: punix plugin revoke punix.from-vault clock
    "#]]);
}

#[test]
fn a_ceiling_that_is_not_understood_stops_everything() {
    if !can_mount() {
        return;
    }
    let shop = Shop::with_bao();
    let outcome = with_ceiling(&shop, "[all]\nclok = false\n", "$punix plugin list; $punix plugin add bao.wasm --yes");
    assert_eq!(outcome.stderr.matches("[E26] /etc/punix/plugins.d/10-site.toml:2:1: unknown field `clok`").count(), 2);
    let outcome = with_ceiling(&shop, SITE, "chmod g+w /etc/punix/plugins.d/10-site.toml; $punix plugin list");
    assert!(outcome.stderr.contains("could be changed by others than root"), "{outcome:#?}");
    assert!(shop.policy().is_empty());
}
