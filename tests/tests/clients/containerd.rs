//! containerd, by its client `ctr`.

use super::place::{Daemon, Place, SERVE, all, ask, good, on_terminal, until};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A containerd of its own.
pub struct Containerd {
    _daemon: Daemon,
    place: Place,
    /// How containers are run.
    runtime: Vec<String>,
}

/// Runs `ctr` where it finds plugins for networks, which it has no option for.
const WITH_PLUGINS: &str = "mount --make-rprivate /
for directory in /opt /etc/cni /var/lib; do mount -t tmpfs none $directory; done
mkdir -p /opt/cni /etc/cni/net.d
ln -s /usr/lib/cni /opt/cni/bin
echo '{\"cniVersion\":\"0.4.0\",\"name\":\"net\",\"plugins\":[{\"type\":\"bridge\",\"bridge\":\"cni0\",\"isGateway\":true,
\"ipam\":{\"type\":\"host-local\",\"subnet\":\"10.99.11.0/24\",\"routes\":[{\"dst\":\"0.0.0.0/0\"}],\"dataDir\":\"'$PWD/ipam'\"}}]}' \
  > /etc/cni/net.d/net.conflist
exec ctr \"$@\"";

impl Containerd {
    /// Starts containerd; with the image `box:1` in a namespace of the place's name.
    fn start(place: Place, runtime: Vec<String>) -> Containerd {
        let daemon = start(&place);
        let containerd = Containerd { _daemon: daemon, place, runtime };
        until("containerd", || all(&mut containerd.ctr(&["version"])).0 == 0);
        let image = containerd.place.image();
        good(&mut containerd.ctr(&["images", "import", image.to_str().unwrap()]));
        containerd
    }

    fn ctr(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command("ctr");
        command.args(["--address", "containerd.sock", "--namespace", &self.place.name]).args(arguments);
        command
    }

    /// The same with plugins for networks.
    fn ctr_with_plugins(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command("unshare");
        command.args(["--mount", "sh", "-ec", WITH_PLUGINS, "sh"]);
        command.args(["--address", "containerd.sock", "--namespace", &self.place.name]).args(arguments);
        command
    }

    /// `ctr run` with these options, of the container `c`, and a command.
    fn run(&self, options: &[&str], words: &[&str]) -> Command {
        let cgroup = format!("/{}/c", self.place.name);
        let runtime: Vec<&str> = self.runtime.iter().map(String::as_str).collect();
        let image = ["docker.io/library/box:1", "c"];
        self.ctr(&[&["run", "--cgroup", &cgroup][..], &runtime, options, &image, words].concat())
    }

    fn status(&self) -> String {
        let list = good(&mut self.ctr(&["tasks", "list"]));
        let line = list.lines().find(|line| line.starts_with("c "));
        line.and_then(|line| line.split_whitespace().nth(2)).unwrap_or_default().to_owned()
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = all(&mut self.ctr(&["tasks", "delete", "--force", "c"]));
        let _ = all(&mut self.ctr(&["containers", "delete", "c"]));
        let _ = all(&mut self.ctr(&["images", "delete", "--sync", "docker.io/library/box:1"]));
        remove_cgroups(&self.place.name);
        for kind in ["lazaret", "runc"] {
            // Only what is empty.
            let _ = fs::remove_dir(format!("/run/containerd/{kind}/{}", self.place.name));
        }
    }
}

/// Starts containerd in a place, with its socket `containerd.sock` there.
pub fn start(place: &Place) -> Daemon {
    let directory = place.directory.display();
    let config = format!(
        "version = 2\nroot = \"{directory}/root\"\nstate = \"{directory}/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{directory}/containerd.sock\"\n"
    );
    fs::write(place.directory.join("containerd.toml"), config).unwrap();
    place.daemon("containerd", &["--config", "containerd.toml"])
}

/// The parents that clients make for the cgroups of containers, and leave.
pub fn remove_cgroups(name: &str) {
    let controllers = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    for controller in controllers.chain(["/sys/fs/cgroup".into()]) {
        let _ = fs::remove_dir(controller.join(name));
    }
}

#[test]
fn by_the_shim_for_runc() {
    let Some(place) = Place::new(&["containerd", "ctr", "containerd-shim-runc-v2", "busybox"]) else { return };
    let binary = place.lazaret.display().to_string();
    let containerd = Containerd::start(place, vec!["--runc-binary".into(), binary]);
    run_containers(&containerd);
    steer_a_container(&containerd);
}

#[test]
fn by_our_shim() {
    let Some(place) = Place::new(&["containerd", "ctr", "containerd-shim-lazaret-v1", "busybox"]) else { return };
    let containerd = Containerd::start(place, vec!["--runtime".into(), "io.containerd.lazaret.v1".into()]);
    run_containers(&containerd);
    steer_a_container(&containerd);
    survive_kills(&containerd);
    let is_ours = |text: &str| text.contains("shim-lazaret") && text.contains(&containerd.place.name);
    until("the end of the shims", || !processes().iter().any(|(_, line)| is_ours(line)));
}

/// Plugins make a container's network between create and start.
#[test]
fn containerd_gives_containers_networks() {
    let programs = ["containerd", "ctr", "containerd-shim-lazaret-v1", "busybox", "ip", "python3"];
    let Some(mut place) = Place::new(&programs) else { return };
    for needed in ["/usr/lib/cni/bridge", "/etc/cni", "/opt", "/var/lib"] {
        if !Path::new(needed).exists() {
            eprintln!("not tested: {needed} is missing");
            return;
        }
    }
    if !place.take_network() {
        return;
    }
    let containerd = Containerd::start(place, Vec::new());
    let cgroup = format!("/{}/c", containerd.place.name);
    let run = ["run", "--cgroup", &cgroup, "--runtime", "io.containerd.lazaret.v1"];
    let image = ["docker.io/library/box:1", "c", "sh", "-c"];
    let script = "ip -4 -o addr show eth0; ip route";
    let seen = good(&mut containerd.ctr_with_plugins(&[&run[..], &["--rm", "--cni"], &image, &[script]].concat()));
    assert!(seen.contains("inet 10.99.11.2/24") && seen.contains("default via 10.99.11.1 dev eth0"), "{seen}");
    good(&mut containerd.ctr_with_plugins(&[&run[..], &["--detach", "--cni"], &image, &[SERVE]].concat()));
    ask(&containerd.place, "10.99.11.3", "80");
    good(&mut containerd.ctr_with_plugins(&["tasks", "delete", "--force", "c"]));
    good(&mut containerd.ctr(&["containers", "delete", "c"]));
    // A namespace of its own without plugins, and the host's.
    let seen = good(&mut containerd.ctr(&[&run[..], &["--rm"], &image, &["ip -o link"]].concat()));
    assert!(seen.starts_with("1: lo: ") && seen.lines().count() == 1, "{seen}");
    let (status, _, error) = all(&mut containerd.ctr(&[&run[..], &["--rm", "--net-host"], &image, &["true"]].concat()));
    assert!(status != 0 && error.contains("--network host"), "{status} {error}");
}

/// containerd cleans up after a shim that was killed.
fn survive_kills(containerd: &Containerd) {
    good(&mut containerd.run(&["--detach"], &["sleep", "1000"]));
    let shim = |line: &String| line.contains("shim-lazaret") && line.contains(&containerd.place.name);
    let killed = processes().into_iter().find(|(_, line)| shim(line)).unwrap().0;
    kill_process(killed, Signal::KILL).unwrap();
    let state = format!("/run/containerd/lazaret/{}", containerd.place.name);
    until("the clean-up", || containerd.status().is_empty() && fs::read_dir(&state).unwrap().count() == 0);
    good(&mut containerd.ctr(&["containers", "delete", "c"]));
}

fn run_containers(containerd: &Containerd) {
    let run = |options: &[&str], script: &str| {
        all(&mut containerd.run(&[&["--rm"], options].concat(), &["sh", "-c", script]))
    };
    let (status, output, error) = run(&["--env", "A=b", "--cwd", "/bin"], "echo out $A; pwd; echo err >&2; exit 7");
    assert_eq!((status, output.as_str(), error.as_str()), (7, "out b\n/bin", "err"));
    let source = containerd.place.directory.join("shared");
    fs::create_dir(&source).unwrap();
    let mount = format!("type=bind,src={},dst=/shared,options=rbind", source.display());
    assert_eq!(run(&["--mount", &mount], "echo seen > /shared/file").0, 0);
    assert_eq!(fs::read_to_string(source.join("file")).unwrap(), "seen\n");
    let (status, _, error) = run(&["--read-only"], "touch /file");
    assert!(status == 1 && error.contains("Read-only file system"), "{status} {error}");
    let (status, _, error) = all(&mut containerd.run(&["--rm"], &["/nonexistent"]));
    assert_eq!(status, 1);
    assert!(error.contains("OCI runtime create failed: exec: \"/nonexistent\": no such file or directory"), "{error}");
    // The size comes some time after the start.
    let script = "tty; until stty size 2> /dev/null | grep -v '^0'; do sleep 0.05; done; exit 4";
    let (status, output, _) = all(&mut on_terminal(&containerd.run(&["--rm", "--tty"], &["sh", "-c", script])));
    assert_eq!((status, output.as_str()), (4, "/dev/pts/0\n33 99"));
}

fn steer_a_container(containerd: &Containerd) {
    let ctr = |arguments: &[&str]| good(&mut containerd.ctr(arguments));
    let exec = |words: &[&str]| containerd.ctr(&[&["tasks", "exec", "--exec-id", "e", "c"], words].concat());
    let script = "trap 'exit 3' TERM; sleep 1000 & while :; do sleep 0.05; done";
    let limit = ["--detach", "--memory-limit", "67108864"];
    good(&mut containerd.run(&limit, &["sh", "-c", script]));
    assert_eq!(containerd.status(), "RUNNING");
    assert_eq!(good(&mut exec(&["echo", "in"])), "in");
    assert_eq!(all(&mut exec(&["sh", "-c", "exit 9"])).0, 9);
    assert_eq!(all(&mut exec(&["sh", "-c", "kill -KILL $$"])).0, 137);
    let (status, _, error) = all(&mut exec(&["/nonexistent"]));
    assert!(status == 1 && error.contains("no such file or directory"), "{error}");
    let on_tty =
        containerd.ctr(&["tasks", "exec", "--tty", "--exec-id", "t", "c", "sh", "-c", "tty; stty size; exit 4"]);
    let (status, output, _) = all(&mut on_terminal(&on_tty));
    assert!(status == 4 && output.starts_with("/dev/pts/0"), "{status} {output}");

    let pid = ctr(&["tasks", "list"]).lines().nth(1).and_then(|line| Some(line.split_whitespace().nth(1)?.to_owned()));
    let pids = ctr(&["tasks", "ps", "c"]);
    assert!(pids.lines().any(|line| line.split_whitespace().next() == pid.as_deref()), "{pid:?} in {pids}");
    assert!(ctr(&["tasks", "metrics", "c"]).contains("memory.usage_in_bytes"));
    ctr(&["tasks", "pause", "c"]);
    assert_eq!(containerd.status(), "PAUSED");
    ctr(&["tasks", "resume", "c"]);
    assert_eq!(containerd.status(), "RUNNING");
    let (status, _, error) = all(&mut containerd.ctr(&["tasks", "delete", "c"]));
    assert!(status == 1 && error.contains("failed precondition"), "{error}");
    ctr(&["tasks", "kill", "c"]);
    until("its end", || containerd.status() == "STOPPED");
    let (status, _, error) = all(&mut containerd.ctr(&["tasks", "kill", "c"]));
    assert!(status == 1 && error.contains("not found"), "{error}");
    let (_, _, warning) = all(&mut containerd.ctr(&["tasks", "delete", "c"]));
    assert!(warning.contains("non-zero exit code 3"), "{warning}");
    ctr(&["containers", "delete", "c"]);
}

/// All processes, with their command lines.
fn processes() -> Vec<(Pid, String)> {
    let describe = |folder: fs::DirEntry| {
        let pid = Pid::from_raw(folder.file_name().to_str()?.parse().ok()?)?;
        Some((pid, String::from_utf8_lossy(&fs::read(folder.path().join("cmdline")).ok()?).into_owned()))
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(describe).collect()
}
