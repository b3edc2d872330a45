//! podman runs containers with this runtime.
//!
//! Nothing outside the test's directory is used or changed. Needs root, podman and busybox-static.

mod common;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use common::{Place, until};

struct Podman {
    directory: PathBuf,
}

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
        let podman = Podman { directory: place.0.join("podman") };
        let root = podman.directory.join("image");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        for name in ["sh", "echo", "cat", "sleep", "tty", "stty", "true"] {
            symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        let archive = podman.directory.join("image.tar");
        let made = common::run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&root).arg("."));
        assert!(made.status.success(), "{made:?}");
        // By default all podmans of a user share one file of locks, and two that find none both make it.
        fs::write(podman.settings(), "[engine]\nlock_type = \"file\"\n").unwrap();
        podman.good(&["import", archive.to_str().unwrap(), "box:1"]);
        Some(podman)
    }

    fn settings(&self) -> PathBuf {
        self.directory.join("containers.conf")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("podman");
        command.env("CONTAINERS_CONF", self.settings());
        for (option, name) in [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(option).arg(self.directory.join(name));
        }
        command.args(["--cgroup-manager=cgroupfs", "--events-backend=file", "--runtime"]);
        command.arg(env!("CARGO_BIN_EXE_lazaret")).args(args);
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
