//! Programs of the host that developer commands use, and the Debian packages that have them.

use std::{env, path::PathBuf};

use anyhow::{Result, bail};

use crate::command::Step;

/// A program and its Debian package.
pub struct Need {
    program: &'static str,
    package: &'static str,
}

const fn need(program: &'static str, package: &'static str) -> Need {
    Need { program, package }
}

/// What the tests run, on the host and in the sandbox.
pub const TESTS: &[Need] = &[
    need("gcc", "gcc"),
    need("g++", "g++"),
    need("make", "make"),
    need("python3", "python3"),
    need("perl", "perl"),
    need("git", "git"),
    need("busybox", "busybox-static"),
    need("ps", "procps"),
    need("xz", "xz-utils"),
    need("sqlite3", "sqlite3"),
    need("script", "bsdutils"),
    need("setpriv", "util-linux"),
    need("newuidmap", "uidmap"),
    need("podman", "podman"),
    need("netavark", "netavark"),
    need("aardvark-dns", "aardvark-dns"),
    need("iptables", "iptables"),
    need("portmap", "containernetworking-plugins"),
    need("runc", "runc"),
    need("ip", "iproute2"),
];

/// Packages whose programs are unpacked for the tests of clients, not installed: installing them starts daemons. The
/// libraries are those of diod's programs.
const CLIENTS: &[&str] = &["containerd", "docker.io", "diod", "libwrap0", "libmunge2"];

/// What making the Debian root takes.
pub const ROOTFS: &[Need] = &[need("mmdebstrap", "mmdebstrap")];

/// What the benchmarks take. `runsc` is measured if it is there; not every Debian has it.
pub const BENCH: &[Need] = &[need("gcc", "gcc"), need("runc", "runc"), need("unshare", "util-linux")];

/// Finds a program in PATH and in the folders of the system's, podman's and CNI's programs.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/podman", "/usr/lib/cni"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Installs what is missing if this is root on Debian.
///
/// # Errors
/// Otherwise, with the command that installs it.
pub fn provide(needs: &[Need]) -> Result<()> {
    let missing: Vec<_> = needs.iter().filter(|need| find(need.program).is_none()).map(|need| need.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() || find("apt-get").is_none() {
        bail!("please install what is missing, on Debian with: sudo apt-get install {}", missing.join(" "));
    }
    let apt = || Step::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet=2");
    apt().arg("update").run()?;
    apt().args(["install", "--yes", "--no-install-recommends"]).args(missing).run()
}

/// Unpacks the programs of container engines into the cache, if this is root on Debian: nobody else can use them.
///
/// # Errors
/// Those of apt-get(8) and dpkg(1).
pub fn unpack_clients() -> Result<()> {
    let folder = crate::cache().join("clients");
    // Written last, and names what is in there.
    let (stamp, wanted) = (folder.join("packages"), CLIENTS.join(" "));
    let is_there = std::fs::read_to_string(stamp).is_ok_and(|found| found == wanted);
    if is_there || !rustix::process::geteuid().is_root() || find("apt-get").is_none() {
        return Ok(());
    }
    // Renamed into place when complete.
    let unfinished = folder.with_extension(std::process::id().to_string());
    std::fs::create_dir_all(&unfinished)?;
    let shell = |script: &str| Step::new("sh").args(["-ec", script, "sh"]).arg(&unfinished).args(CLIENTS);
    shell("cd \"$1\"; shift; apt-get --quiet=2 update; apt-get --quiet=2 -o APT::Sandbox::User=root download \"$@\"")
        .run()?;
    shell("cd \"$1\"; for package in *.deb; do dpkg -x \"$package\" .; rm \"$package\"; done").run()?;
    std::fs::write(unfinished.join("packages"), wanted)?;
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(std::fs::rename(&unfinished, &folder)?)
}
