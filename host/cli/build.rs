//! How the program is linked.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if !is_release || !links_with_its_own() {
        return;
    }
    // Functions of the same machine code become one: a tenth of the code, most of which is made of generics.
    println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    if loads_short_relocations() {
        // Sixty thousand places hold addresses, which are put there whenever the program starts. Where they are, is said in
        // a bit each instead of 24 bytes. An older libc says by itself that it cannot do this.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Tells whether the libc of this machine knows the short form, as those since 2.36 do. What is built on a machine with an
/// older one runs with older ones, as ever.
fn loads_short_relocations() -> bool {
    let Ok(asked) = Command::new("getconf").arg("GNU_LIBC_VERSION").output() else { return false };
    let said = String::from_utf8_lossy(&asked.stdout);
    let version = said.trim().strip_prefix("glibc 2.").and_then(|minor| minor.split('.').next()?.parse().ok());
    version.is_some_and(|minor: u32| minor >= 36)
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
