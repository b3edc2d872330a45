//! Builds the stub's code, which runs without a library at an address of its own.

use std::{env, path::PathBuf, process::Command};

fn main() {
    let directory = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    println!("cargo::rerun-if-changed=blob");
    println!("cargo::rerun-if-changed=src/stub/shared.rs");

    let script = directory.join("blob/stub.ld");
    let status = Command::new(env::var_os("RUSTC").expect("set by cargo"))
        .args(["--crate-name", "stub", "--crate-type", "bin", "--edition", "2024"])
        .args(["--target", &env::var("TARGET").expect("set by cargo")])
        .args(["-C", "panic=abort", "-C", "opt-level=2", "-C", "relocation-model=static"])
        .args(["-C", "link-arg=-nostartfiles", "-C", "link-arg=-nostdlib", "-C", "link-arg=-static"])
        .args(["-C", "link-arg=-Wl,--oformat=binary", "-C", "link-arg=-Wl,--build-id=none"])
        .arg("-C")
        .arg(format!("link-arg=-Wl,-T,{}", script.display()))
        .arg("-o")
        .arg(out.join("stub.bin"))
        .arg(directory.join("blob/main.rs"))
        .status()
        .expect("the compiler runs");
    assert!(status.success(), "the stub's code does not build");
}
