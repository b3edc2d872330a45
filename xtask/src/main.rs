//! Developer commands: `cargo xtask`.

#![forbid(unsafe_code)]

mod bench;
mod command;
mod docs;
mod fuzz;
mod lint;
mod needs;
mod ratchet;
mod rootfs;
mod test;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};

use command::Step;

/// Developer commands of Lazaret.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds target/release/lazaret and the shim for containerd
    Build,
    /// Installs or names what the tests need, builds, and runs all tests
    Test(test::Options),
    /// Checks formatting, clippy's lints and the ratchet
    Lint,
    /// Writes the numbers of the ratchet down after they fell
    Ratchet,
    /// Writes the generated parts of docs/
    Docs,
    /// Runs the randomized tests for longer
    Fuzz(fuzz::Options),
    /// Measures Lazaret beside runc, runsc and the host
    Bench(bench::Options),
    /// Makes the Debian root that tests and benchmarks run programs of, and prints its path
    Rootfs(rootfs::Options),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Build => build(),
        Command::Test(options) => test::run(&options),
        Command::Lint => lint::run(),
        Command::Ratchet => ratchet::write(),
        Command::Docs => docs::write(),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Rootfs(options) => {
            println!("{}", rootfs::make(&options)?.display());
            Ok(())
        }
    }
}

fn build() -> Result<()> {
    Step::cargo(["build", "--release", "--package", "lazaret", "--package", "lazaret-shim"]).run()
}

/// The workspace's folder.
fn workspace() -> &'static Path {
    // This crate lies directly in the workspace.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where things that are expensive to make are kept: `$LAZARET_CACHE`, or `lazaret` in the user's
/// cache folder.
fn cache() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    variable("LAZARET_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("lazaret")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/lazaret")))
        .unwrap_or_else(|| workspace().join("target/cache"))
}
