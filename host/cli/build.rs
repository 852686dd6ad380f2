//! How the program is linked.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Functions of the same machine code become one: a tenth of the code, most of which is made of generics. It takes the linker
    // that rustc brings along for this platform; elsewhere the program is a little larger.
    let is_ours = env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if is_ours && is_release {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
