//! podman runs containers with this runtime.
//!
//! Nothing outside the test's directory is used or changed. Needs root, podman and busybox-static.

mod common;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use common::{Place, netns::Netns, until};

struct Podman {
    directory: PathBuf,
    runtime: &'static str,
    /// Where containers have a network, which otherwise the host's would be changed for.
    namespace: Option<Netns>,
    /// netavark keeps what its DNS server is to know, and which process that is, in one place of the machine.
    _alone: Option<MutexGuard<'static, ()>>,
}

/// Held by who has networks.
static NETWORKS: Mutex<()> = Mutex::new(());

impl Podman {
    /// With an image `box:1` of busybox; `None` where podman cannot run.
    fn new(place: &Place) -> Option<Podman> {
        let absent = |path: &&&str| !Path::new(path).exists();
        if let Some(missing) = ["/usr/bin/podman", "/bin/busybox"].iter().find(absent) {
            eprintln!("not tested: {missing} is not installed");
            return None;
        }
        if !rustix::process::geteuid().is_root() {
            eprintln!("not tested: needs root");
            return None;
        }
        let directory = place.0.join("podman");
        let podman = Podman { directory, runtime: env!("CARGO_BIN_EXE_lazaret"), namespace: None, _alone: None };
        let root = podman.directory.join("image");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        for name in ["sh", "echo", "cat", "sleep", "tty", "stty", "true", "ip", "nc", "nslookup", "hostname", "ps"] {
            symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        let archive = podman.directory.join("image.tar");
        let made = common::run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&root).arg("."));
        assert!(made.status.success(), "{made:?}");
        // By default all podmans of a user share one file of locks, and two that find none both make it.
        let settings = format!(
            "[engine]\nlock_type = \"file\"\n[network]\nnetwork_backend = \"netavark\"\nnetwork_config_dir = \"{}\"\n",
            podman.directory.join("networks").display()
        );
        fs::write(podman.settings(), settings).unwrap();
        podman.good(&["import", archive.to_str().unwrap(), "box:1"]);
        Some(podman)
    }

    fn settings(&self) -> PathBuf {
        self.directory.join("containers.conf")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = match &self.namespace {
            Some(namespace) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net={}", namespace.path().display())).arg("podman");
                command
            }
            None => Command::new("podman"),
        };
        command.env("CONTAINERS_CONF", self.settings());
        for (option, name) in [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(option).arg(self.directory.join(name));
        }
        command.args(["--cgroup-manager=cgroupfs", "--events-backend=file", "--runtime"]);
        command.arg(self.runtime).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        common::run(self.command(args).stdin(Stdio::null()))
    }

    /// The output of a command that must succeed.
    #[track_caller]
    fn good(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().replace('\r', "")
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.run(&["rm", "--all", "--force", "--time", "0"]);
        // The storage may be mounted on itself.
        let _ = self.run(&["image", "rm", "--all", "--force"]);
        let _ =
            Command::new("umount").arg("-R").arg(self.directory.join("root/overlay")).stderr(Stdio::null()).status();
    }
}

const RUN: [&str; 3] = ["run", "--network=none", "--name=c"];

#[test]
fn containers_run_under_podman() {
    let place = Place::new();
    let Some(podman) = Podman::new(&place) else { return };
    let run = |options: &[&str], script: &str| {
        podman.run(&[&RUN[..], &["--rm"], options, &["box:1", "sh", "-c", script]].concat())
    };
    let output = run(&["--env", "A=b"], "echo out $A; echo err >&2; exit 7");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out b\n"[..], &b"err\n"[..]));
    let output = run(&["--tty"], "tty; stty size");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("/dev/pts/0"), "{output:?}");
    let shared = place.0.join("shared");
    fs::create_dir(&shared).unwrap();
    let volume = format!("{}:/shared", shared.display());
    assert!(run(&["--volume", &volume], "echo seen > /shared/file").status.success());
    assert_eq!(fs::read_to_string(shared.join("file")).unwrap(), "seen\n");
    let output = podman.run(&[&RUN[..], &["--rm", "box:1", "/nonexistent"]].concat());
    assert_eq!(output.status.code(), Some(127), "{output:?}");
}

#[test]
fn podman_steers_a_container() {
    let place = Place::new();
    let Some(podman) = Podman::new(&place) else { return };
    let script = "trap 'echo bye; exit 4' TERM; echo started; while :; do sleep 0.05; done";
    podman.good(&[&RUN[..], &["--detach", "--memory=64m", "--pids-limit=50", "box:1", "sh", "-c", script]].concat());
    until("its output", || (podman.good(&["logs", "c"]) == "started").then_some(()));
    assert_eq!(podman.good(&["exec", "c", "echo", "in"]), "in");
    assert_eq!(podman.run(&["exec", "c", "sh", "-c", "exit 9"]).status.code(), Some(9));
    assert_eq!(podman.good(&["exec", "--tty", "c", "tty"]), "/dev/pts/0");
    podman.good(&["exec", "--detach", "c", "sh", "-c", "echo from a detached process > /proc/1/fd/1"]);
    // With options of ps(1) it runs that in the container.
    let top = podman.good(&["top", "c", "-o", "pid,comm"]);
    assert!(top.lines().any(|line| line.split_whitespace().eq(["1", "sh"])), "{top}");
    podman.good(&["pause", "c"]);
    assert_eq!(podman.good(&["inspect", "c", "--format", "{{.State.Status}}"]), "paused");
    podman.good(&["unpause", "c"]);
    let stats = podman.good(&["stats", "--no-stream", "--format", "{{.PIDs}} {{.MemLimit}}", "c"]);
    assert!(stats.ends_with(" 67108864"), "{stats}");
    podman.good(&["stop", "--time", "10", "c"]);
    assert_eq!(podman.good(&["inspect", "c", "--format", "{{.State.ExitCode}} {{.State.Status}}"]), "4 exited");
    assert_eq!(podman.good(&["logs", "c"]), "started\nfrom a detached process\nbye");
    podman.good(&["start", "c"]);
    podman.good(&["kill", "c"]);
    assert_eq!(podman.good(&["wait", "c"]), "137");
    podman.good(&["rm", "c"]);
}

/// The port that containers serve, and what they say there.
const SERVE: &str = "nc -ll -p 80 -e echo hello";

/// A podman whose containers have networks; `None` where they cannot.
fn with_networks(place: &Place) -> Option<Podman> {
    let absent = |path: &&&str| !Path::new(path).exists();
    let programs = ["/usr/lib/podman/netavark", "/usr/lib/podman/aardvark-dns", "/usr/sbin/iptables"];
    if let Some(missing) = programs.iter().find(absent) {
        eprintln!("not tested: {missing} is not installed");
        return None;
    }
    let alone = NETWORKS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut podman = Podman::new(place)?;
    podman._alone = Some(alone);
    podman.namespace = Some(Netns::new()?);
    Some(podman)
}

impl Podman {
    /// What a server says, asked from the place of the host.
    fn ask(&self, port: &str) -> String {
        let path = self.namespace.as_ref().unwrap().path();
        let client = "import socket, sys
with socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5) as server:
    print(server.makefile().read(), end='')";
        until("a server", || {
            let mut command = Command::new("nsenter");
            command.arg(format!("--net={}", path.display())).args(["python3", "-c", client, port]);
            let said = common::run(command.stdin(Stdio::null())).stdout;
            (!said.is_empty()).then(|| String::from_utf8_lossy(&said).into_owned())
        })
    }
}

/// A bridge network with ports of the host and a DNS server: what containers see of it is what they see under runc.
#[test]
fn containers_have_podmans_networks() {
    let place = Place::new();
    let Some(mut podman) = with_networks(&place) else { return };
    let limits = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"];
    podman.good(&["network", "create", "--subnet=10.99.8.0/24", "net"]);
    let script = "ip -4 -o addr; ip route; cat /etc/resolv.conf /etc/hosts; nc 10.99.8.5 80;
        until nslookup web > /dev/null; do sleep 0.1; done; nc web 80; nslookup nobody >/dev/null || echo nobody";
    let server = ["run", "--network=net", "--detach", "--name=web", "--ip=10.99.8.5", "--publish=8080:80"];
    podman.good(&[&server[..], &["box:1", "sh", "-c", SERVE]].concat());
    assert_eq!(podman.ask("8080"), "hello\n");
    let client = ["run", "--network=net", "--rm", "--name=c", "--ip=10.99.8.6", "--hostname=client"];
    let lazaret = std::mem::replace(&mut podman.runtime, "/usr/sbin/runc");
    let expected = podman.good(&[&client[..], &limits, &["box:1", "sh", "-c", script]].concat());
    podman.runtime = lazaret;
    let seen = podman.good(&[&client[..], &limits, &["box:1", "sh", "-c", script]].concat());
    assert!(seen.ends_with("\nhello\nhello\nnobody"), "{seen}");
    assert_eq!(seen, expected);
    // The host's network is no sandbox' unless it is told so.
    let host = ["run", "--rm", "--network=host", "box:1", "true"];
    let output = podman.run(&host);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains("--network host"), "{output:?}");
    podman.good(&[&["--runtime-flag=network=host"], &host[..]].concat());
}

/// A pod is one sandbox, whose containers share its network.
#[test]
fn a_pod_of_podman_shares_its_network() {
    let place = Place::new();
    let Some(podman) = with_networks(&place) else { return };
    podman.good(&["network", "create", "--subnet=10.99.9.0/24", "net"]);
    let infra = ["--infra-image=box:1", "--infra-command=/bin/sleep 1000"];
    podman.good(&[&["pod", "create", "--name=pod", "--network=net", "--publish=8080:80"], &infra[..]].concat());
    podman.good(&["run", "--detach", "--pod=pod", "--name=web", "box:1", "sh", "-c", SERVE]);
    assert_eq!(podman.ask("8080"), "hello\n");
    let script = "ip -4 -o addr show eth0; hostname; nc 127.0.0.1 80";
    let seen = podman.good(&["run", "--rm", "--pod=pod", "box:1", "sh", "-c", script]);
    assert!(seen.contains("inet 10.99.9.") && seen.ends_with("\npod\nhello"), "{seen}");
    podman.good(&["pod", "stop", "--time=0", "pod"]);
    podman.good(&["pod", "start", "pod"]);
    assert_eq!(podman.ask("8080"), "hello\n");
    podman.good(&["pod", "rm", "--force", "--time=0", "pod"]);
}
