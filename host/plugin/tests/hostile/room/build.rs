//! Builds the guests, once for a test run, and makes plugins of them.

use punix_plugin::{Manifest, manifest_from_toml, pack};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A component with its manifest.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) bytes: Vec<u8>,
}

/// What the guests are built for.
const TARGET: &str = "wasm32-unknown-unknown";

/// Returns the backend that does what the stack's `config` says.
pub(crate) fn backend() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| guest("hostile", "backend"))
}

/// Returns the resolver that does what its configuration says.
pub(crate) fn resolver() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| guest("hostile", "resolver"))
}

/// Returns the transport that does what the host of its endpoint says.
pub(crate) fn transport() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| guest("hostile", "transport"))
}

/// Returns the plugin of a world that was built against the interfaces as they were published.
pub(crate) fn frozen(world: &str) -> Guest {
    guest("frozen", world)
}

/// Makes a plugin of a core module or component, with a manifest in TOML.
pub(crate) fn packed(bytes: &[u8], manifest: &str) -> Guest {
    let manifest = read_manifest(manifest);
    Guest { bytes: pack(bytes, &manifest).unwrap_or_else(|error| panic!("{error}")) }
}

pub(crate) fn read_manifest(text: &str) -> Manifest {
    manifest_from_toml("punix-plugin.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns where compiled code is kept between runs, and the key to it.
pub(crate) fn cache_places() -> Option<(PathBuf, PathBuf)> {
    let directory = target_folder().canonicalize().ok()?;
    Some((directory.join("aot/code"), directory.join("aot/key/cache.key")))
}

fn guest(kind: &str, world: &str) -> Guest {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(build);
    let module = target_folder().join(TARGET).join("release").join(format!("{kind}_{world}.wasm"));
    let bytes = std::fs::read(&module).unwrap_or_else(|error| panic!("{}: {error}", module.display()));
    let folder = if kind == "hostile" { world.to_owned() } else { format!("{kind}-{world}") };
    let manifest = guests_folder().join(folder).join("punix-plugin.toml");
    let manifest = std::fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    packed(&bytes, &manifest)
}

/// Runs cargo for all guests. It has a target folder of its own, since the one of these tests may be locked.
fn build() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.env_clear().stdin(Stdio::null()).current_dir(guests_folder());
    // Whatever else is set was meant for the machine that the tests run on.
    for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_NET_OFFLINE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.args(["build", "--release", "--locked", "--quiet", "--target", TARGET, "--target-dir"]);
    let output = command.arg(target_folder()).output().expect("the cargo that runs this test can be started");
    assert!(output.status.success(), "the guests are not built:\n{}", String::from_utf8_lossy(&output.stderr));
}

fn guests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests")
}

fn target_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests")
}
