//! Files that the sandbox process does not open by itself: what it holds, and the death of who serves them.
//!
//! Needs root.

mod common;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::{
        fs::MetadataExt,
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    process::{Output, Stdio},
};

use common::{Place, until, wait};
use rustix::{
    fs::{major, minor},
    process::{Pid, Signal, kill_process},
};
use serde_json::{Value, json};

/// Opens a directory and a file of the volume, and tells so.
const SCRIPT: &str = "exec 3< /mnt 4<> /mnt/held 5< /single; echo > /mnt/ready; exec sleep 1000";

/// Containers over the host's root, with a volume and a mounted file.
struct Made {
    place: Place,
    flag: &'static str,
}

impl Made {
    /// A volume, and a container named `pod` that has it.
    fn new(flag: &'static str) -> Made {
        let place = Place::new();
        fs::create_dir(place.0.join("volume")).unwrap();
        fs::write(place.0.join("single"), "single\n").unwrap();
        fs::write(place.0.join("volume/held"), "held\n").unwrap();
        let made = Made { place, flag };
        made.run("pod", "sandbox");
        made
    }

    /// Runs a further one.
    fn run(&self, id: &str, role: &str) {
        self.run_with(self.flag, id, role);
    }

    fn run_with(&self, flag: &str, id: &str, role: &str) {
        let (bundle, volume) = (self.place.0.join(id), self.place.0.join("volume"));
        let _ = fs::remove_file(volume.join("ready"));
        fs::create_dir(&bundle).unwrap();
        let mut spec: Value = serde_json::from_str(&fs::read_to_string(self.place.config()).unwrap()).unwrap();
        spec["root"] = json!({ "path": "/", "readonly": true });
        spec["process"]["args"] = json!(["/bin/sh", "-c", SCRIPT]);
        spec["annotations"] =
            json!({ "io.kubernetes.cri.container-type": role, "io.kubernetes.cri.sandbox-id": "pod" });
        let mounts = spec["mounts"].as_array_mut().unwrap();
        for (destination, source) in [("/mnt", &volume), ("/single", &self.place.0.join("single"))] {
            mounts.push(json!({ "destination": destination, "type": "bind", "source": source, "options": ["rbind"] }));
        }
        fs::write(bundle.join("config.json"), spec.to_string()).unwrap();
        let log = fs::File::create(self.place.0.join("log")).unwrap();
        let mut command = self.place.command(&[flag, "run", "--detach", "--bundle", bundle.to_str().unwrap(), id]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        assert!(wait(&mut child).success(), "{}", fs::read_to_string(self.place.0.join("log")).unwrap());
        until("the script to open its files", || volume.join("ready").exists().then_some(()));
    }

    fn state(&self, id: &str) -> Value {
        serde_json::from_slice(&fs::read(self.place.state().join(id).join("state.json")).unwrap()).unwrap()
    }

    fn exec(&self, id: &str, script: &str) -> Output {
        self.place.lazaret(&["exec", "--env", "LC_ALL=C", id, "/bin/sh", "-c", script])
    }

    /// Kills who serves a container's files; returns when it is gone.
    fn kill_gofer(&self, id: &str) {
        let pid = i32::try_from(self.state(id)["gofer"]["pid"].as_i64().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        let is_gone = || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z')).then_some(())
        };
        until("the gofer's end", is_gone);
    }

    /// The directories of the host of which the sandbox process has descriptors, and the inodes of regular files.
    fn held(&self) -> (Vec<PathBuf>, Vec<u64>) {
        let (mut directories, mut files) = (Vec::new(), Vec::new());
        let hosts = file_systems();
        let pid = self.state("pod")["pid"].as_i64().unwrap();
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
            let path = entry.unwrap().path();
            // It may have been closed meanwhile.
            let (Ok(found), Ok(name)) = (fs::metadata(&path), fs::read_link(&path)) else { continue };
            if hosts.contains(&found.dev()) && found.is_dir() {
                directories.push(name);
            } else if hosts.contains(&found.dev()) && found.is_file() {
                files.push(found.ino());
            }
        }
        (directories, files)
    }

    fn end(self) {
        for id in ["fourth", "third", "second", "pod"].into_iter().filter(|id| self.place.state().join(id).exists()) {
            let deleted = self.place.lazaret(&["delete", "--force", id]);
            assert!(deleted.status.success(), "{deleted:?}");
        }
        self.place.assert_clean();
    }
}

/// The devices of the file systems that are mounted on the host.
fn file_systems() -> BTreeSet<u64> {
    let device = |line: &str| {
        let (major, minor) = line.split(' ').nth(2)?.split_once(':')?;
        Some(rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?))
    };
    let own = fs::metadata("/").unwrap().dev();
    let found: BTreeSet<u64> = fs::read_to_string("/proc/self/mountinfo").unwrap().lines().filter_map(device).collect();
    assert!(found.contains(&own), "{}:{} is not among {found:?}", major(own), minor(own));
    found
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn without_directfs_no_directory_of_the_host_is_held() {
    if !is_root() {
        return;
    }
    for flag in ["--directfs=true", "--directfs=false"] {
        let made = Made::new(flag);
        made.run("second", "container");
        for id in ["pod", "second"] {
            let output = made.exec(id, "cat /mnt/held /single; ls -d /usr/bin; ls /mnt");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "held\nsingle\n/usr/bin\nheld\nready\n", "{output:?}");
        }
        let (directories, files) = made.held();
        // What the application has open is handed over.
        for name in ["volume/held", "single"] {
            let inode = fs::metadata(made.place.0.join(name)).unwrap().ino();
            assert!(files.contains(&inode), "{flag}: {name} is not among {files:?}");
        }
        assert_eq!(directories.is_empty(), flag == "--directfs=false", "{flag}: {directories:?}");
        made.end();
    }
}

#[test]
fn a_server_that_dies_takes_files_along_and_nothing_else() {
    if !is_root() {
        return;
    }
    let made = Made::new("--directfs=false");
    made.run("second", "container");
    made.kill_gofer("pod");
    // What was handed over is still there; nothing hangs.
    let output = made.exec("pod", "read line < /mnt/held");
    let told = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(!output.status.success(), "{output:?}");
    assert!(told.contains("input/output error") || told.contains("i/o error"), "{output:?}");
    // The root of the second one is served by another process, the volume that both have by the one that is gone.
    let output = made.exec("second", "test -d /usr/bin && echo root; read line < /mnt/held || echo volume");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "root\nvolume\n", "{output:?}");
    let output = made.place.lazaret(&["list", "--format", "json"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).matches("running").count(), 2, "{output:?}");
    made.kill_gofer("second");
    assert!(!made.exec("second", "read line < /etc/hostname").status.success());
    // Who comes now has another server, also for the volume.
    made.run("third", "container");
    assert_eq!(String::from_utf8_lossy(&made.exec("third", "cat /mnt/held").stdout), "held\n");
    made.end();
}

#[test]
fn what_one_container_may_do_with_sockets_another_may_not() {
    if !is_root() {
        return;
    }
    for first in ["--directfs=true", "--directfs=false"] {
        let made = Made::new(first);
        let _listener = UnixListener::bind(made.place.0.join("volume/socket")).unwrap();
        made.run_with("--host-uds=open", "second", "container");
        made.run_with("--host-uds=create", "third", "container");
        made.run_with("--directfs=false", "fourth", "container");
        let script = "python3 -c \"import socket; socket.socket(socket.AF_UNIX).connect('/mnt/socket')\" 2>/dev/null";
        for (id, may) in [("pod", false), ("second", true), ("third", false), ("fourth", false)] {
            assert_eq!(made.exec(id, script).status.success(), may, "{first}: {id}");
        }
        let script = "import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind('/mnt/' + sys.argv[1]); s.listen(); sys.stdin.read()";
        for (id, may) in [("pod", false), ("second", false), ("third", true), ("fourth", false)] {
            let mut maker = made.place.command(&["exec", id, "python3", "-c", script, id]);
            let mut maker = maker.stdin(Stdio::piped()).spawn().unwrap();
            let path = made.place.0.join("volume").join(id);
            until("the socket", || path.exists().then_some(()));
            let connect = || UnixStream::connect(&path).ok();
            // It listens a moment later.
            let reached = if may { Some(until("a connection", connect)) } else { connect() };
            assert_eq!(reached.is_some(), may, "{first}: {id}");
            drop(maker.stdin.take());
            assert!(wait(&mut maker).success(), "{first}: {id}");
        }
        made.end();
    }
}
