//! What a benchmark needs: the root with its inputs, bundles, and the command lines of the peers.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::peer::Peer;
use crate::{command::Step, needs, rootfs};

/// The measuring program inside the root.
pub const PROGRAM: &str = "/opt/bench/bench";

/// Longest time of one run.
const LIMIT: Duration = Duration::from_secs(180);

/// Paths and programs.
pub struct Setup {
    root: PathBuf,
    /// Bundles and state directories; removed at the end.
    scratch: PathBuf,
    lazaret: PathBuf,
    runsc_platform: &'static str,
}

impl Setup {
    /// Makes what is missing.
    pub fn new(lazaret: Option<PathBuf>) -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            bail!("runc's bundles and the Debian root need root");
        }
        needs::provide(needs::BENCH)?;
        let root = rootfs::make(&rootfs::Options::default())?;
        let scratch = std::env::temp_dir().join(format!("lazaret-bench.{}", std::process::id()));
        fs::create_dir_all(&scratch)?;
        let lazaret = lazaret.unwrap_or_else(|| crate::workspace().join("target/release/lazaret"));
        let setup = Self { root, scratch, lazaret, runsc_platform: runsc_platform() };
        setup.inputs()?;
        Ok(setup)
    }

    /// The wanted peers among those that are installed.
    pub fn peers(&self, wanted: &[Peer]) -> Vec<Peer> {
        let installed = |peer: &Peer| match peer {
            Peer::Host => true,
            Peer::Runc | Peer::Runsc => needs::find(&peer.to_string()).is_some(),
            Peer::Lazaret => self.lazaret.is_file(),
        };
        Peer::ALL.into_iter().filter(|peer| wanted.is_empty() || wanted.contains(peer)).filter(installed).collect()
    }

    /// Name and version of a peer.
    pub fn describe(&self, peer: Peer) -> String {
        let version = match peer {
            Peer::Host => Step::new("uname").arg("-sr").output(),
            Peer::Lazaret => Step::new(&self.lazaret).arg("--version").output(),
            Peer::Runc | Peer::Runsc => Step::new(peer.to_string()).arg("--version").output(),
        };
        let version = version.unwrap_or_default();
        let version = version.lines().next().unwrap_or("unknown version");
        match peer {
            Peer::Runsc => format!("runsc: {version}, {}", self.runsc_platform),
            peer => format!("{peer}: {version}"),
        }
    }

    /// Runs a program in a new container and returns what it printed.
    pub fn run(&self, peer: Peer, arguments: &[&str]) -> Result<String> {
        if peer == Peer::Host {
            return self.on_host(arguments).limit(LIMIT).output();
        }
        let bundle = self.bundle(peer, arguments)?;
        let id = format!("bench-{}", std::process::id());
        let result = self.runtime(peer).arg("run").arg("--bundle").arg(bundle).arg(&id).limit(LIMIT).output();
        if result.is_err() {
            // A failed run may have left the container behind.
            let _ = self.runtime(peer).args(["delete", "--force", &id]).limit(LIMIT).output();
        }
        result
    }

    /// The runtime with its global options.
    pub fn runtime(&self, peer: Peer) -> Step {
        let state = self.scratch.join(format!("{peer}-state"));
        match peer {
            Peer::Lazaret => Step::new(&self.lazaret).arg("--root").arg(state),
            Peer::Runsc => Step::new("runsc")
                .arg("--root")
                .arg(state)
                .args(["--ignore-cgroups", "--network=none"])
                .arg(format!("--platform={}", self.runsc_platform)),
            Peer::Host | Peer::Runc => Step::new("runc").arg("--root").arg(state),
        }
    }

    fn on_host(&self, arguments: &[&str]) -> Step {
        const SCRIPT: &str = "mount -t tmpfs tmpfs \"$0/tmp\" && mount -t proc proc \"$0/proc\" && \
             mount --rbind /dev \"$0/dev\" && exec chroot \"$0\" \"$@\"";
        Step::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", SCRIPT])
            .arg(&self.root)
            .args(arguments)
            .env("PATH", PATH)
    }

    /// Writes a bundle and returns its folder.
    pub fn bundle(&self, peer: Peer, arguments: &[&str]) -> Result<PathBuf> {
        let bundle = self.scratch.join(format!("{peer}-bundle"));
        fs::create_dir_all(&bundle)?;
        let file = bundle.join("config.json");
        fs::write(&file, specification(&self.root, arguments).to_string())
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(bundle)
    }

    /// Puts the measuring program and the inputs of the works into the root.
    fn inputs(&self) -> Result<()> {
        let folder = self.root.join("opt/bench");
        let source = include_str!("../../bench/bench.c");
        let stamp = folder.join("bench.c");
        if fs::read_to_string(&stamp).is_ok_and(|old| old == source) {
            return Ok(());
        }
        fs::create_dir_all(&folder)?;
        let file = crate::workspace().join("xtask/bench/bench.c");
        Step::new("gcc").args(["-O2", "-static", "-pthread", "-o"]).arg(folder.join("bench")).arg(file).output()?;
        fs::write(folder.join("middling.c"), middling_source())?;
        fs::write(folder.join("big"), vec![0x5a; 256 << 20])?;
        fs::write(stamp, source)?;
        Ok(())
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The platform that works: Debian's runsc of 2022 has no systrap.
fn runsc_platform() -> &'static str {
    let version = Step::new("runsc").arg("--version").output().unwrap_or_default();
    let year =
        version.split(|c: char| !c.is_ascii_digit()).find(|number| number.len() == 8 && number.starts_with("20"));
    if year.is_some_and(|year| year < "20230601") { "ptrace" } else { "systrap" }
}

/// A program of 250 functions, which takes gcc one to two seconds.
fn middling_source() -> String {
    let mut text = String::from("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n");
    for index in 0..250 {
        let _ = writeln!(
            text,
            "int f{index}(int a, const char *s) {{ int n = 0; for (int i = 0; i < a; i++) n += s[i % 7] * {index} + i; \
             if (n > {index}) printf(\"%d\\n\", n); return n ^ (int)strlen(s); }}"
        );
    }
    text.push_str("int main(void) { return f1(3, \"abcdefg\"); }\n");
    text
}

/// A configuration like the one that engines write.
fn specification(root: &Path, arguments: &[&str]) -> Value {
    let capabilities = [
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_FSETID",
        "CAP_FOWNER",
        "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SETPCAP",
        "CAP_NET_BIND_SERVICE",
        "CAP_KILL",
    ];
    let mount = |kind: &str, destination: &str, options: &[&str]| json!({ "type": kind, "source": kind, "destination": destination, "options": options });
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "args": arguments,
            "env": [format!("PATH={PATH}"), "HOME=/tmp"],
            "cwd": "/tmp",
            "noNewPrivileges": true,
            "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
        },
        "root": { "path": root, "readonly": true },
        "hostname": "bench",
        "mounts": [
            mount("proc", "/proc", &[]),
            mount("tmpfs", "/dev", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("devpts", "/dev/pts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
            mount("tmpfs", "/dev/shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("tmpfs", "/tmp", &["nosuid", "nodev", "mode=1777"]),
            mount("tmpfs", "/run", &["nosuid", "nodev", "mode=755"]),
        ],
        "linux": {
            "namespaces": [
                { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" },
            ],
        },
    })
}
