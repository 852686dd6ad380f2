//! How the program is linked.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if is_release && links_with_its_own() {
        // Functions of the same machine code become one: a tenth of the code, most of which is made of generics.
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}

/// Tells whether rustc takes the linker that it brings along, which can do this. Others may refuse to be asked; with them the
/// program is a little larger.
fn links_with_its_own() -> bool {
    const PLATFORM: &str = "x86_64-unknown-linux-gnu";
    let is_here = ["TARGET", "HOST"].iter().all(|name| env::var(name).is_ok_and(|platform| platform == PLATFORM));
    let is_told = env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("link"))
        || env::var_os("RUSTC_LINKER").is_some();
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let Ok(found) = Command::new(rustc).args(["--print", "sysroot"]).output() else { return false };
    let sysroot = String::from_utf8_lossy(&found.stdout);
    let linker = Path::new(sysroot.trim()).join("lib/rustlib").join(PLATFORM).join("bin/gcc-ld/ld.lld");
    is_here && !is_told && linker.exists()
}
