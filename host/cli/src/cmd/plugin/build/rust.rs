//! Building a project in Rust with the author's own cargo. Its words go to the conversation as they come.

use super::missing;
use crate::cmd::plugin::{Stopped, by, disk};
use crate::ui::{Ui, shown};
use punix_diag::{Code, Diagnostic, json_string};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-unknown-unknown";
const INSTALL: &str = "install Rust with rustup";

/// Returns the core module that cargo makes of a project.
pub(super) fn compile(ui: &Ui, directory: &Path) -> Result<Vec<u8>, Stopped> {
    require_target(directory)?;
    let cargo = program("CARGO", "cargo");
    let mut command = Command::new(&cargo);
    command.current_dir(directory).stdin(Stdio::null()).stderr(Stdio::inherit());
    command.args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    if let Some(config) = same_paths_everywhere(&top(&cargo, directory)) {
        command.args(["--config", &config]);
    }
    let output = command.output().map_err(|error| missing(&cargo.to_string_lossy(), &error, INSTALL))?;
    if !output.status.success() {
        let how = output.status.code().map_or("a signal".to_owned(), |code| format!("exit code {code}"));
        let message = format!("`cargo build` in `{}` ended with {how}", shown(directory));
        return Err(by(Diagnostic::error(Code::E8, message)));
    }
    let manifest = directory.join("Cargo.toml").canonicalize().map_err(disk)?;
    let module = module(&output.stdout, &manifest).ok_or_else(|| {
        let message = format!("`{}` makes no module of WebAssembly", shown(&directory.join("Cargo.toml")));
        let help = "write `crate-type = [\"cdylib\", \"rlib\"]` under `[lib]`";
        by(Diagnostic::error(Code::E8, message).help(help))
    })?;
    if !ui.json {
        ui.say("making the component");
    }
    let failed = |error: io::Error| disk(io::Error::other(format!("`{}` cannot be read: {error}", shown(&module))));
    std::fs::read(&module).map_err(failed)
}

/// Looks for the target's library where the project's own toolchain has it.
fn require_target(directory: &Path) -> Result<(), Stopped> {
    let rustc = program("RUSTC", "rustc");
    let mut command = Command::new(&rustc);
    command.current_dir(directory).stdin(Stdio::null()).stderr(Stdio::inherit());
    command.args(["--print", "target-libdir", "--target", TARGET]);
    let output = command.output().map_err(|error| missing(&rustc.to_string_lossy(), &error, INSTALL))?;
    let library = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if output.status.success() && std::fs::read_dir(&library).is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(());
    }
    let message = format!("this Rust cannot compile for `{TARGET}`");
    Err(by(Diagnostic::error(Code::E8, message).help(format!("rustup target add {TARGET}"))))
}

fn program(variable: &str, name: &str) -> OsString {
    std::env::var_os(variable).filter(|value| !value.is_empty()).unwrap_or_else(|| OsString::from(name))
}

/// Finds the module among what cargo says that it made.
fn module(said: &[u8], manifest: &Path) -> Option<PathBuf> {
    let made = said.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let ours = made.filter(|message| {
        message["reason"] == "compiler-artifact" && message["manifest_path"].as_str().map(Path::new) == Some(manifest)
    });
    let files = ours.filter_map(|message| message["filenames"].as_array().cloned()).flatten();
    let mut paths = files.filter_map(|file| file.as_str().map(PathBuf::from));
    paths.rfind(|path| path.extension().is_some_and(|end| end == "wasm"))
}

/// Returns the directory of the workspace that a project belongs to. What is compiled lies below it, and it is the same for all
/// plugins of a workspace: so what they need is compiled once.
fn top(cargo: &OsStr, directory: &Path) -> PathBuf {
    let mut command = Command::new(cargo);
    command.current_dir(directory).stdin(Stdio::null()).stderr(Stdio::null());
    command.args(["locate-project", "--workspace", "--message-format", "plain"]);
    let said = command.output().ok().filter(|output| output.status.success());
    let path = said.and_then(|output| String::from_utf8(output.stdout).ok());
    let top = path.as_deref().and_then(|path| Path::new(path.trim_end_matches('\n')).parent());
    // Where cargo does not answer, the build that follows says why.
    top.unwrap_or(directory).to_owned()
}

/// Returns a setting that keeps places of this machine out of the plugin, so that it has the same bytes wherever it is
/// built. Flags that the author sets in the environment win over it.
fn same_paths_everywhere(top: &Path) -> Option<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let project = top.canonicalize().ok()?;
    let mut flags = Vec::new();
    for (place, name) in [(home.map(|home| home.join("registry").join("src")), "registry"), (Some(project), "project")]
    {
        let flag = format!("--remap-path-prefix={}={name}", place?.to_str()?);
        let mut quoted = String::new();
        // What is a text in JSON is one in TOML.
        json_string(&flag, &mut quoted);
        flags.push(quoted);
    }
    Some(format!("target.{TARGET}.rustflags = [{}]", flags.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_of_a_workspace_have_one_place_for_what_they_need() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let top_of = |project: &str| top(&program("CARGO", "cargo"), &here.join(project)).canonicalize().unwrap();
        assert_eq!(top_of("plugins/from-env"), here.join("plugins").canonicalize().unwrap());
        assert_eq!(top_of("plugins/systemd"), top_of("plugins/from-env"));
        let alone = "examples/plugins/from-age";
        assert_eq!(top_of(alone), here.join(alone).canonicalize().unwrap());
        // Where there is no project, the build will say so.
        assert_eq!(top(&program("CARGO", "cargo"), Path::new("/")), Path::new("/"));
    }

    #[test]
    fn the_module_is_that_of_the_project_itself() {
        let said = concat!(
            r#"{"reason":"compiler-artifact","manifest_path":"/d/Cargo.toml","filenames":["/t/d.wasm"]}"#,
            "\nnot JSON\n",
            r#"{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/t/p.rlib","/t/p.wasm"]}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\n",
        );
        assert_eq!(module(said.as_bytes(), Path::new("/p/Cargo.toml")), Some(PathBuf::from("/t/p.wasm")));
        assert_eq!(module(said.as_bytes(), Path::new("/q/Cargo.toml")), None);
        assert_eq!(module(b"", Path::new("/p/Cargo.toml")), None);
    }
}
