//! Building a project in C with clang and lld. There is no libc: the SDK in the project has what is needed in its place.

use super::missing;
use crate::cmd::plugin::{Stopped, by, disk};
use crate::ui::shown;
use punix_diag::{Code, Diagnostic};
use punix_plugin::Manifest;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-unknown-unknown";
const LINKER: &str = "wasm-ld";
const INSTALL: &str = "install clang and lld (Debian: `apt-get install clang lld`), or name one in `CLANG`";
/// Where a project has its SDK.
const SDK: &str = "vendor/punix-sdk/c";
/// Enough for what has no recursion to speak of; below the data, so that too much is a trap and not damage.
const LINK: &str = "-Wl,--no-entry,--strip-all,--stack-first,-z,stack-size=131072";

/// Returns the core module that clang makes of a project.
pub(super) fn compile(directory: &Path, manifest: &Manifest) -> Result<Vec<u8>, Stopped> {
    let failed = |error: io::Error| disk(io::Error::other(format!("`{}`: {error}", shown(directory))));
    let sdk = directory.join(SDK);
    if !sdk.join("include").is_dir() {
        let message = format!("`{}` has no SDK in `{SDK}`", shown(directory));
        let help = "copy `vendor` from a project that `punix plugin new --lang c` makes";
        return Err(by(Diagnostic::error(Code::E8, message).help(help)));
    }
    let clang = std::env::var_os("CLANG").filter(|value| !value.is_empty()).unwrap_or_else(|| OsString::from("clang"));
    require_linker(&clang)?;
    let build = directory.join("build");
    std::fs::create_dir_all(&build).map_err(failed)?;
    // Names are relative, so that the module is the same wherever it is built.
    let mut command = Command::new(&clang);
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    command.arg(format!("--target={TARGET}")).args(["-std=c11", "-O2", "-Wall", "-Wextra"]);
    command.args(["-ffreestanding", "-nostdlib", "-nostdlibinc", "-isystem"]).arg(format!("{SDK}/include"));
    command.args([format!("-I{SDK}/bindings"), format!("-I{SDK}/runtime")]).arg("-Isrc");
    command.arg(format!("-DPLUGIN_ID=\"{}\"", manifest.id));
    command.arg(format!("-DPLUGIN_VERSION=\"{}\"", manifest.version));
    command.arg(format!("{SDK}/bindings/{}.c", manifest.world.noun()));
    command.args([format!("{SDK}/runtime/punix_runtime.c"), format!("{SDK}/runtime/punix_text.c")]);
    command.args(sources(directory).map_err(failed)?);
    command.args([LINK, "-o", "build/module.wasm"]);
    let status = command.status().map_err(|error| missing(&clang.to_string_lossy(), &error, INSTALL))?;
    if !status.success() {
        let how = status.code().map_or("a signal".to_owned(), |code| format!("exit code {code}"));
        let message = format!("`clang` in `{}` ended with {how}", shown(directory));
        return Err(by(Diagnostic::error(Code::E8, message)));
    }
    std::fs::read(build.join("module.wasm")).map_err(failed)
}

/// Lists the sources, in one order.
fn sources(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory.join("src"))? {
        let name = PathBuf::from(entry?.file_name());
        if name.extension().is_some_and(|end| end == "c") {
            found.push(Path::new("src").join(name));
        }
    }
    found.sort();
    Ok(found)
}

/// Clang finds out that there is no linker when everything is compiled, and says it in words that help nobody.
fn require_linker(clang: &OsStr) -> Result<(), Stopped> {
    let asked =
        Command::new(clang).args([&format!("--target={TARGET}"), &format!("-print-prog-name={LINKER}")]).output();
    let output = asked.map_err(|error| missing(&clang.to_string_lossy(), &error, INSTALL))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let on_path = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|directory| directory.join(LINKER).is_file())
    };
    match Path::new(&said).is_absolute() || on_path() {
        true => Ok(()),
        false => Err(missing(LINKER, &io::ErrorKind::NotFound.into(), INSTALL)),
    }
}
