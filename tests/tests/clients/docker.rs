//! Docker's engine.

use super::containerd::{remove_cgroups, start};
use super::place::{Daemon, Place, SERVE, all, ask, good, on_terminal, until};
use std::fs;
use std::process::Command;

/// A Docker engine of its own.
struct Docker {
    // Fields are dropped in this order.
    _engine: Daemon,
    _containerd: Daemon,
    place: Place,
}

impl Docker {
    /// Starts an engine with the image `box:1`, and with networks if wanted; `None` where it cannot run.
    fn new(networks: bool) -> Option<Docker> {
        let more: &[&str] = if networks { &["iptables", "docker-proxy", "ip", "python3"] } else { &[] };
        let programs = ["containerd", "containerd-shim-runc-v2", "dockerd", "docker", "busybox"];
        let mut place = Place::new(&[&programs[..], more].concat())?;
        if networks && !place.take_network() {
            return None;
        }
        let containerd = start(&place);
        let folder = place.directory.display();
        let arguments = [
            format!("--host=unix://{folder}/docker.sock"),
            format!("--data-root={folder}/data"),
            format!("--exec-root={folder}/exec"),
            format!("--pidfile={folder}/docker.pid"),
            format!("--containerd={folder}/containerd.sock"),
            format!("--add-runtime=lazaret={}", place.lazaret.display()),
            format!("--cgroup-parent=/{}", place.name),
        ];
        let network: &[&str] = if networks {
            &["--bip=10.99.10.1/24"]
        } else {
            &["--bridge=none", "--iptables=false", "--ip-forward=false"]
        };
        let fixed = ["--default-runtime=lazaret"].iter().chain(network).copied();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(fixed).collect();
        until("containerd", || place.directory.join("containerd.sock").exists());
        let docker = Docker { _engine: place.daemon("dockerd", &arguments), _containerd: containerd, place };
        until("the engine", || all(&mut docker.command(&["version"])).0 == 0);
        let image = docker.place.image();
        docker.good(&["load", "--input", image.to_str().unwrap()]);
        Some(docker)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command("docker");
        command.arg(format!("--host=unix://{}/docker.sock", self.place.directory.display())).args(arguments);
        command
    }

    #[track_caller]
    fn good(&self, arguments: &[&str]) -> String {
        good(&mut self.command(arguments))
    }

    fn all(&self, arguments: &[&str]) -> (i32, String, String) {
        all(&mut self.command(arguments))
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let _ = self.all(&["rm", "--force", "box", "peer"]);
        remove_cgroups(&self.place.name);
    }
}

const RUN: [&str; 4] = ["run", "--network=none", "--name=box", "--rm"];

#[test]
fn docker_runs_and_steers_containers() {
    let Some(docker) = Docker::new(false) else { return };
    run_containers(&docker);
    steer_a_container(&docker);
}

fn run_containers(docker: &Docker) {
    let run = |options: &[&str], words: &[&str]| docker.command(&[&RUN, options, &["box:1"], words].concat());
    let (status, output, error) = all(&mut run(&["--env=A=b"], &["sh", "-c", "echo out $A; echo err >&2; exit 7"]));
    assert_eq!((status, output.as_str(), error.as_str()), (7, "out b", "err"));
    // The engine tells these from each other by the runtime's words.
    assert_eq!(all(&mut run(&[], &["/nonexistent"])).0, 127);
    assert_eq!(all(&mut run(&[], &["nonexistent"])).0, 127);
    assert_eq!(all(&mut run(&[], &["/bin"])).0, 126);
    let options = ["--hostname=island", "--user=7:8", "--workdir=/bin", "--read-only", "--tmpfs=/run", "--memory=64m"];
    let script = "hostname; id -u; id -g; pwd; touch /run/file && ls /run; touch /file 2> /dev/null || echo no";
    assert_eq!(good(&mut run(&options, &["sh", "-c", script])), "island\n7\n8\n/bin\nfile\nno");
    assert_eq!(good(&mut run(&["--tty"], &["tty"])), "/dev/pts/0");
    // The size comes some time after the start.
    let script = "tty; until stty size 2> /dev/null | grep -v '^0'; do sleep 0.05; done; exit 4";
    let (status, output, _) = all(&mut on_terminal(&run(&["--interactive", "--tty"], &["sh", "-c", script])));
    assert_eq!((status, output.as_str()), (4, "/dev/pts/0\n33 99"));
}

fn steer_a_container(docker: &Docker) {
    let script = "trap 'echo bye; exit 3' TERM; echo started; while :; do sleep 0.05; done";
    let run = ["run", "--network=none", "--name=box", "--detach", "--memory=64m", "--memory-swap=128m"];
    docker.good(&[&run[..], &["box:1", "sh", "-c", script]].concat());
    until("its output", || docker.good(&["logs", "box"]) == "started");
    assert_eq!(docker.good(&["exec", "box", "echo", "in"]), "in");
    assert_eq!(docker.all(&["exec", "box", "sh", "-c", "exit 9"]).0, 9);
    assert_eq!(docker.all(&["exec", "box", "/nonexistent"]).0, 126);
    assert_eq!(docker.good(&["exec", "--user=7", "--workdir=/bin", "box", "sh", "-c", "id -u; pwd"]), "7\n/bin");
    let on_tty = docker.command(&["exec", "--interactive", "--tty", "box", "sh", "-c", "tty; exit 4"]);
    let (status, output, _) = all(&mut on_terminal(&on_tty));
    assert_eq!((status, output.as_str()), (4, "/dev/pts/0"));

    docker.good(&["update", "--memory=100m", "--memory-swap=200m", "--cpus=1", "--pids-limit=77", "box"]);
    let stats = docker.good(&["stats", "--no-stream", "--format={{.MemUsage}}", "box"]);
    assert!(stats.ends_with("/ 100MiB"), "{stats}");
    let pid = docker.good(&["inspect", "--format={{.State.Pid}}", "box"]);
    let top = docker.good(&["top", "box", "-o", "pid"]);
    assert!(top.lines().any(|line| line.trim() == pid), "{pid} in {top}");
    let status = || docker.good(&["inspect", "--format={{.State.ExitCode}} {{.State.Status}}", "box"]);
    docker.good(&["pause", "box"]);
    assert_eq!(status(), "0 paused");
    docker.good(&["unpause", "box"]);
    fs::write(docker.place.directory.join("file"), "copied\n").unwrap();
    docker.good(&["cp", "file", "box:/file"]);
    assert_eq!(docker.good(&["exec", "box", "cat", "/file"]), "copied");
    docker.good(&["stop", "--time=20", "box"]);
    assert_eq!(status(), "3 exited");
    docker.good(&["start", "box"]);
    docker.good(&["kill", "box"]);
    assert_eq!(docker.good(&["wait", "box"]), "137");
    assert_eq!(docker.good(&["logs", "box"]).lines().take(2).collect::<Vec<_>>(), ["started", "bye"]);
    docker.good(&["rm", "box"]);
}

/// The engine makes a container's network between create and start.
#[test]
fn docker_gives_containers_networks() {
    let Some(docker) = Docker::new(true) else { return };
    docker.good(&["run", "--name=peer", "--detach", "--publish=8080:80", "box:1", "sh", "-c", SERVE]);
    ask(&docker.place, "127.0.0.1", "8080");
    let script = "ip -4 -o addr show eth0; ip route; nc 10.99.10.2 80; cat /etc/hosts";
    let seen = |runtime: &str| {
        let limits = ["--ulimit=nofile=1024:1024", "--hostname=island"];
        let run = ["run", "--rm", "--name=box", "--runtime", runtime];
        let seen = docker.good(&[&run[..], &limits, &["box:1", "sh", "-c", script]].concat());
        // Interfaces have other numbers each time.
        seen.split_once(": ").unwrap().1.to_owned()
    };
    let ours = seen("lazaret");
    assert!(ours.contains("inet 10.99.10.3/24") && ours.contains("\nhello\n"), "{ours}");
    assert_eq!(ours, seen("runc"));
    // One that would share the network of another sandbox, or the host's.
    for (network, expected) in [("container:peer", "its links are those of sandbox"), ("host", "--network host")] {
        let (status, _, error) =
            docker.all(&["run", "--rm", "--name=box", &format!("--network={network}"), "box:1", "true"]);
        assert!(status != 0 && error.contains(expected), "{network}: {status} {error}");
        // What could not be started is gone, and only the peer is left.
        let folder = docker.place.directory.join("exec/runtime-runc/moby");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "{network}");
    }
}
