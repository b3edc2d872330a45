//! `cargo xtask rootfs`: a Debian root with the programs that tests and benchmarks run.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{command::Step, needs};

/// Debian's release.
const SUITE: &str = "bookworm";

/// Packages beside the essential ones.
const PACKAGES: &[&str] = &[
    "apache2-utils",
    "bc",
    "busybox-static",
    "bzip2",
    "ca-certificates",
    "default-jdk-headless",
    "file",
    "g++",
    "gawk",
    "gcc",
    "git",
    "iproute2",
    "less",
    "libc6-dev",
    "make",
    "musl-tools",
    "nginx-light",
    "nodejs",
    "perl",
    "procps",
    "psmisc",
    "python3",
    "python3-pip",
    "python3-venv",
    "redis-server",
    "sqlite3",
    "strace",
    "tmux",
    "vim-tiny",
    "xz-utils",
    "zstd",
];

/// Options of `cargo xtask rootfs`.
#[derive(Args, Default)]
pub struct Options {
    /// Makes it again
    #[arg(long)]
    force: bool,
}

/// Makes the root in the cache folder unless it is there, and returns its path.
pub fn make(options: &Options) -> Result<PathBuf> {
    let target = crate::cache().join("rootfs");
    // Written last, and names what is in there.
    let stamp = crate::cache().join("rootfs.packages");
    let wanted = format!("{SUITE} {}\n", PACKAGES.join(" "));
    if !options.force && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && target.is_dir() {
        return Ok(target);
    }
    if !rustix::process::geteuid().is_root() {
        bail!("making a Debian root needs root: sudo --preserve-env=HOME cargo xtask rootfs");
    }
    needs::provide(needs::ROOTFS)?;
    fs::create_dir_all(crate::cache()).with_context(|| format!("cannot make {}", crate::cache().display()))?;
    let partial = crate::cache().join("rootfs.partial");
    for old in [&stamp, &partial, &target] {
        remove(old)?;
    }
    Step::new("mmdebstrap")
        .args(["--variant=minbase", "--skip=cleanup/apt", &format!("--include={}", PACKAGES.join(",")), SUITE])
        .arg(&partial)
        .run()?;
    fs::rename(&partial, &target)?;
    fs::write(&stamp, wanted)?;
    Ok(target)
}

fn remove(path: &PathBuf) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
