//! Several containers in one sandbox.

mod common;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use common::{Place, TIMEOUT, until, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// A pod's place: bundles over the host's own root, which the containers cannot change, and a volume.
struct Pod(Place);

impl Pod {
    fn new() -> Pod {
        let place = Place::new();
        fs::create_dir(place.0.join("volume")).unwrap();
        Pod(place)
    }

    /// A bundle that runs a shell script, and changes to its specification.
    fn bundle(&self, id: &str, role: &str, script: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let directory = self.0.0.join(id);
        fs::create_dir(&directory).unwrap();
        let mut spec: Value = serde_json::from_str(&fs::read_to_string(self.0.config()).unwrap()).unwrap();
        spec["root"] = json!({ "path": "/", "readonly": true });
        spec["hostname"] = json!(id);
        spec["process"]["args"] = json!(["/bin/sh", "-c", script]);
        spec["annotations"] =
            json!({ "io.kubernetes.cri.container-type": role, "io.kubernetes.cri.sandbox-id": "pod" });
        let volume = self.0.0.join("volume");
        let mount = json!({ "destination": "/mnt", "type": "bind", "source": volume, "options": ["rbind", "rw"] });
        spec["mounts"].as_array_mut().unwrap().push(mount);
        change(&mut spec);
        fs::write(directory.join("config.json"), spec.to_string()).unwrap();
        directory
    }

    /// Runs a command whose output is not looked at: a detached container keeps its streams.
    #[track_caller]
    fn quiet(&self, args: &[&str]) -> bool {
        let mut command = self.0.command(args);
        let log = fs::File::create(self.0.0.join("log")).unwrap();
        wait(&mut command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()).success()
    }

    #[track_caller]
    fn create(&self, id: &str, role: &str, script: &str, change: impl FnOnce(&mut Value)) {
        let bundle = self.bundle(id, role, script, change);
        let pid_file = self.0.0.join(format!("{id}.pid"));
        let paths = [bundle.to_str().unwrap(), pid_file.to_str().unwrap()];
        assert!(self.quiet(&["create", "--bundle", paths[0], "--pid-file", paths[1], id]), "{}", self.log());
    }

    /// Makes a container and starts it.
    #[track_caller]
    fn run(&self, id: &str, role: &str, script: &str) {
        self.create(id, role, script, |_| ());
        assert!(self.quiet(&["start", id]), "{}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.0.0.join("log")).unwrap()
    }

    #[track_caller]
    fn exec(&self, id: &str, script: &str) -> String {
        output(&self.0.lazaret(&["exec", id, "/bin/sh", "-c", script]))
    }

    fn status(&self, id: &str) -> String {
        let state = self.0.lazaret(&["state", id]);
        let state: Value = serde_json::from_slice(&state.stdout).unwrap_or_default();
        state["status"].as_str().unwrap_or_default().to_owned()
    }

    fn pid(&self, id: &str) -> Pid {
        let text = fs::read_to_string(self.0.0.join(format!("{id}.pid"))).unwrap();
        Pid::from_raw(text.parse().unwrap()).unwrap()
    }

    #[track_caller]
    fn until_stopped(&self, id: &str) {
        until("a container's end", || (self.status(id) == "stopped").then_some(()));
    }
}

#[track_caller]
fn output(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const IDLE: &str = "exec sleep 1000";

#[test]
fn containers_come_and_go_in_a_pod() {
    let pod = Pod::new();
    pod.create("pod", "sandbox", IDLE, |_| ());
    // Before the first one has been started, and without ever being started.
    pod.create("early", "container", IDLE, |_| ());
    assert!(pod.quiet(&["start", "pod"]), "{}", pod.log());
    pod.run("a", "container", "trap 'exit 5' TERM; while :; do sleep 0.05; done");
    pod.run("b", "container", IDLE);
    assert_eq!(pod.exec("a", "hostname; grep -c trap /proc/1/cmdline"), "a\n1\n");
    assert_eq!(pod.exec("b", "hostname"), "b\n");
    assert_eq!([pod.status("early"), pod.status("a")], ["created", "running"]);
    let mut waiter = pod.0.command(&["wait", "a"]).stdin(Stdio::null()).spawn().unwrap();
    let processes = output(&pod.0.lazaret(&["ps", "b"]));
    assert!(processes.contains("sleep 1000") && !processes.contains("trap"), "{processes}");
    assert!(!pod.quiet(&["delete", "a"]), "it runs");
    assert!(pod.quiet(&["kill", "a", "TERM"]));
    assert_eq!(wait(&mut waiter).code(), Some(5));
    pod.until_stopped("a");
    assert_eq!(pod.status("b"), "running");
    assert!(!pod.quiet(&["exec", "a", "true"]), "it has ended");
    for id in ["early", "a"] {
        assert!(pod.quiet(&["delete", id]), "{}", pod.log());
    }
    // The name is free again.
    fs::remove_dir_all(pod.0.0.join("a")).unwrap();
    pod.run("a", "container", IDLE);
    assert!(pod.quiet(&["delete", "--force", "a"]), "{}", pod.log());
    assert!(pod.quiet(&["delete", "--force", "pod"]), "{}", pod.log());
    assert_eq!(pod.status("b"), "stopped");
    assert!(pod.quiet(&["delete", "b"]), "{}", pod.log());
    pod.0.assert_clean();
}

#[test]
fn what_a_pod_shares() {
    let pod = Pod::new();
    pod.run("pod", "sandbox", IDLE);
    let shared = |spec: &mut Value| {
        let namespaces = json!([{ "type": "ipc", "path": "/proc/1/ns/ipc" }, { "type": "mount" }, { "type": "uts" }]);
        spec["linux"]["namespaces"] = namespaces;
    };
    pod.create("a", "container", IDLE, shared);
    pod.create("b", "container", IDLE, |_| ());
    for id in ["a", "b"] {
        assert!(pod.quiet(&["start", id]), "{}", pod.log());
    }
    // A volume is one object: files, locks, sockets.
    pod.exec("a", "echo text > /mnt/file; mkfifo /mnt/fifo");
    assert_eq!(pod.exec("b", "cat /mnt/file"), "text\n");
    let listen = "import socket,sys\ns=socket.socket(socket.AF_UNIX); s.bind('/mnt/socket'); s.listen(1)\n\
                  c,_=s.accept(); sys.stdout.write(c.recv(9).decode())";
    let mut server = pod.0.command(&["exec", "a", "python3", "-c", listen]);
    let server = server.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let connect = "import socket,time\ns=socket.socket(socket.AF_UNIX)\nfor i in range(1000):\n  try: s.connect('/mnt/socket'); break\n  except OSError: time.sleep(0.05)\ns.send(b'hello')";
    output(&pod.0.lazaret(&["exec", "b", "python3", "-c", connect]));
    assert_eq!(output(&common::finish(server)), "hello");
    let lock = |id: &str, how: &str| pod.0.lazaret(&["exec", id, "flock", how, "/mnt/file", "sleep", "0.5"]);
    let mut holder = pod.0.command(&[
        "exec",
        "a",
        "flock",
        "/mnt/file",
        "sh",
        "-c",
        "echo > /mnt/held; until [ -e /mnt/let ]; do sleep 0.05; done",
    ]);
    let mut holder = holder.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    until("the lock", || pod.0.0.join("volume/held").exists().then_some(()));
    assert_eq!(lock("b", "--nonblock").status.code(), Some(1));
    fs::write(pod.0.0.join("volume/let"), "").unwrap();
    wait(&mut holder);
    // Process ids and System V IPC as the specification says.
    assert_eq!(pod.exec("a", "cat /proc/1/cmdline | tr '\\0' ' '"), "sleep 1000 ");
    let namespaces = |id: &str| -> Vec<String> {
        let links = pod.exec(id, "readlink /proc/self/ns/pid /proc/self/ns/ipc /proc/self/ns/net /proc/self/ns/uts");
        links.lines().map(Into::into).collect()
    };
    let [root, a, b] = ["pod", "a", "b"].map(namespaces);
    assert_eq!((&root[..3], &root[2]), (&a[..3], &b[2]));
    assert!(root.iter().zip(&b).filter(|(root, b)| root == b).count() == 1 && a[3] != root[3]);
    pod.exec("pod", "ipcmk -M 100 >/dev/null");
    assert_eq!(pod.exec("a", "ipcs -m | grep -c 0x"), "1\n");
    assert_eq!(pod.exec("b", "ipcs -m | grep -c 0x || true"), "0\n");
    // The same pids, but another container's processes take no signal from outside.
    let first = pod.exec("a", "pgrep -fx 'sleep 1000' | tail -1");
    assert!(!pod.quiet(&["exec", "b", "kill", first.trim()]));
    let listed = output(&pod.0.lazaret(&["ps", "--format", "table", "a"]));
    assert_eq!(listed.lines().count(), 2, "{listed}");
    // The end of a container's first process is that of all, also where another's is process 1.
    pod.exec("a", "(setsid sleep 777 >/dev/null 2>&1 &)");
    assert!(pod.quiet(&["kill", "a", "KILL"]));
    pod.until_stopped("a");
    assert_eq!(pod.exec("pod", "pgrep -fx 'sleep 777' || echo none"), "none\n");
    for id in ["pod", "a", "b"] {
        assert!(pod.quiet(&["delete", "--force", id]), "{}", pod.log());
    }
    pod.0.assert_clean();
}

#[test]
fn a_container_ends_with_who_stands_for_it() {
    let pod = Pod::new();
    pod.run("pod", "sandbox", IDLE);
    pod.run("a", "container", IDLE);
    pod.create("b", "container", IDLE, |_| ());
    for id in ["a", "b"] {
        kill_process(pod.pid(id), Signal::KILL).unwrap();
        pod.until_stopped(id);
        assert!(pod.quiet(&["delete", id]), "{}", pod.log());
    }
    // In the foreground, the command itself.
    let bundle = pod.bundle("c", "container", IDLE, |_| ());
    let mut command = pod.0.command(&["run", "--bundle", bundle.to_str().unwrap(), "c"]);
    let mut command = command.stdin(Stdio::null()).spawn().unwrap();
    until("the container", || (pod.status("c") == "running").then_some(()));
    command.kill().unwrap();
    command.wait().unwrap();
    until("the container's end", || pod.status("c").is_empty().then_some(()));
    assert_eq!(output(&pod.0.lazaret(&["list", "--quiet"])), "pod\n");
    // And a detached further process.
    let file = pod.0.0.join("exec.pid");
    assert!(pod.quiet(&["exec", "--detach", "--pid-file", file.to_str().unwrap(), "pod", "sleep", "555"]));
    let running = || output(&pod.0.lazaret(&["ps", "pod"])).contains("sleep 555");
    assert!(running());
    let pid = Pid::from_raw(fs::read_to_string(&file).unwrap().parse().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    until("the process' end", || (!running()).then_some(()));
    assert!(pod.quiet(&["delete", "--force", "pod"]), "{}", pod.log());
    pod.0.assert_clean();
}

#[test]
fn each_container_is_paused_and_limited_by_itself() {
    let parent = Above::new();
    let pod = Pod::new();
    pod.run("pod", "sandbox", IDLE);
    // Without another process: none can be made while there are as many as there may be.
    let count = "exec python3 -c \"import time\nnumber = 0\nwhile True:\n  number += 1\n  \
                 print(number, file=open('/mnt/$0', 'w'), flush=True)\n  time.sleep(0.01)\"";
    pod.create("a", "container", &count.replace("$0", "a"), |spec| {
        spec["linux"]["cgroupsPath"] = parent.as_ref().map(|parent| parent.path("a")).into();
        spec["linux"]["resources"] = json!({ "pids": { "limit": 8 } });
    });
    assert!(pod.quiet(&["start", "a"]), "{}", pod.log());
    pod.run("b", "container", &count.replace("$0", "b"));
    let read = |id: &str| fs::read_to_string(pod.0.0.join("volume").join(id)).unwrap_or_default();
    let moves = |id: &str| {
        let before = read(id);
        let moved = || (!read(id).is_empty() && read(id) != before).then_some(());
        let deadline = std::time::Instant::now() + TIMEOUT / 40;
        while std::time::Instant::now() < deadline {
            if moved().is_some() {
                return true;
            }
        }
        false
    };
    until("both", || (moves("a") && moves("b")).then_some(()));
    assert!(pod.quiet(&["pause", "a"]), "{}", pod.log());
    assert_eq!([pod.status("a"), pod.status("b")], ["paused", "running"]);
    assert!(!moves("a") && moves("b"));
    assert!(pod.quiet(&["resume", "a"]));
    assert!(moves("a"));
    let many = "for i in 1 2 3 4 5 6 7 8 9; do sleep 3 & done; wait";
    assert!(!pod.0.lazaret(&["exec", "a", "sh", "-c", many]).status.success());
    assert!(pod.0.lazaret(&["exec", "b", "sh", "-c", many]).status.success());
    // Killed while it is paused.
    assert!(pod.quiet(&["pause", "b"]));
    assert!(pod.quiet(&["delete", "--force", "b"]), "{}", pod.log());
    let event: Value = serde_json::from_str(&output(&pod.0.lazaret(&["events", "--stats", "a"]))).unwrap();
    assert!(event["data"]["cpu"]["usage"]["total"].as_u64() > Some(0), "{event}");
    assert_eq!(event["data"]["pids"]["limit"], 8);
    for id in ["pod", "a"] {
        assert!(pod.quiet(&["delete", "--force", id]), "{}", pod.log());
    }
    pod.0.assert_clean();
}

/// A cgroup above those of a test's containers. Made before the pod, it goes after it.
struct Above {
    name: String,
    /// In the hierarchy that limits memory.
    directory: PathBuf,
}

impl Above {
    /// `None` where no cgroups can be made.
    fn new() -> Option<Above> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("lazaret-test-pod-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let roots = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"];
        let root = roots.into_iter().find(|root| fs::exists(format!("{root}/cgroup.procs")).unwrap())?;
        let directory = PathBuf::from(root).join(&name);
        fs::create_dir(&directory).and_then(|()| fs::remove_dir(&directory)).ok()?;
        Some(Above { name, directory })
    }

    /// What a specification says of a cgroup in it.
    fn path(&self, id: &str) -> String {
        format!("/{}/{id}", self.name)
    }
}

impl Drop for Above {
    fn drop(&mut self) {
        for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            // Not every hierarchy has it.
            let _ = fs::remove_dir(hierarchy.path().join(&self.name));
        }
        let _ = fs::remove_dir(&self.directory);
        if !std::thread::panicking() {
            assert!(!self.directory.exists());
        }
    }
}

/// The host counts and limits each container by itself, and its end leaves no cgroup.
#[test]
fn each_container_has_a_cgroup_of_its_own() {
    let Some(parent) = Above::new() else {
        eprintln!("not tested: no cgroups can be made here");
        return;
    };
    let above = &parent.directory;
    let pod = Pod::new();
    let limited = |id: &str, memory: u64| {
        let path = parent.path(id);
        move |spec: &mut Value| {
            spec["linux"]["cgroupsPath"] = path.into();
            spec["linux"]["resources"] = json!({ "memory": { "limit": memory << 20 } });
        }
    };
    pod.create("pod", "sandbox", IDLE, limited("pod", 200));
    pod.create("a", "container", IDLE, limited("a", 64));
    pod.create("b", "container", IDLE, limited("b", 100));
    for id in ["b", "pod", "a"] {
        assert!(pod.quiet(&["start", id]), "{}", pod.log());
    }
    let members = |id: &str| -> Vec<i32> {
        let text = fs::read_to_string(above.join(id).join("cgroup.procs")).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect()
    };
    let [of_pod, of_a, of_b] = ["pod", "a", "b"].map(members);
    assert!(of_pod.contains(&pod.pid("pod").as_raw_nonzero().get()), "{of_pod:?}");
    // Tools find a container's cgroup by the process that stands for it.
    assert!(of_a.contains(&pod.pid("a").as_raw_nonzero().get()) && of_a.len() >= 2, "{of_a:?}");
    assert!(of_b.iter().all(|pid| !of_a.contains(pid) && !of_pod.contains(pid)), "{of_a:?} {of_b:?}");
    let listed = |id: &str| -> Vec<i32> {
        serde_json::from_str(&output(&pod.0.lazaret(&["ps", "--format", "json", id]))).unwrap()
    };
    // Copies in reserve come and go.
    until("a's processes in its cgroup", || {
        let (listed, members) = (listed("a"), members("a"));
        (!listed.is_empty() && listed.iter().all(|pid| members.contains(pid))).then_some(())
    });
    let memory = |id: &str| {
        let event: Value = serde_json::from_str(&output(&pod.0.lazaret(&["events", "--stats", id]))).unwrap();
        event["data"]["memory"]["usage"].clone()
    };
    assert_eq!([memory("a"), memory("b")].map(|memory| memory["limit"].as_u64().unwrap() >> 20), [64, 100]);
    // What takes too much dies, and nothing else of the pod.
    let eat = "python3 -c 'x = bytearray(70 << 20)'; echo $?";
    assert_eq!([pod.exec("a", eat), pod.exec("b", eat)], ["137\n", "0\n"]);
    assert!(memory("b")["max"].as_u64().unwrap() > 70 << 20, "{}", memory("b"));
    assert!(memory("pod")["max"].as_u64().unwrap() < 64 << 20, "{}", memory("pod"));
    assert_eq!(["pod", "a", "b"].map(|id| pod.status(id)), ["running"; 3]);
    let shown = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max";
    assert_eq!(pod.exec("a", shown).trim(), (64 << 20).to_string());
    assert!(pod.quiet(&["update", "--memory", "83886080", "a"]), "{}", pod.log());
    assert_eq!(["a", "b"].map(|id| pod.exec(id, shown)), ["83886080\n", "104857600\n"]);
    assert_eq!(pod.exec("a", eat), "0\n");
    assert!(pod.quiet(&["delete", "--force", "a"]), "{}", pod.log());
    assert!(!above.join("a").exists() && above.join("b").exists());
    assert!(pod.quiet(&["delete", "--force", "pod"]) && pod.quiet(&["delete", "b"]), "{}", pod.log());
    assert!(!above.join("pod").exists() && !above.join("b").exists());
    pod.0.assert_clean();
}

/// As with Kubernetes' shareProcessNamespace and the network and IPC that all containers of a pod share.
#[test]
fn a_pod_shares_processes_network_and_memory() {
    let pod = Pod::new();
    pod.run("pod", "sandbox", IDLE);
    let sandbox = pod.pid("pod");
    let shared = |spec: &mut Value| {
        let namespace = |kind: &str, file: &str| json!({ "type": kind, "path": format!("/proc/{sandbox}/ns/{file}") });
        spec["linux"]["namespaces"] = json!([
            namespace("pid", "pid"), namespace("ipc", "ipc"), namespace("network", "net"), { "type": "mount" }
        ]);
    };
    for id in ["a", "b"] {
        pod.create(id, "container", &format!("exec sleep {}", if id == "a" { 801 } else { 802 }), shared);
    }
    for id in ["b", "a"] {
        assert!(pod.quiet(&["start", id]), "{}", pod.log());
    }
    // Each sees the others' processes, and root may signal them.
    assert_eq!(pod.exec("a", "cat /proc/1/cmdline | tr '\\0' ' '"), "sleep 1000 ");
    assert_eq!(pod.exec("a", "pgrep -fx 'sleep 802' | wc -l").trim(), "1");
    assert!(pod.quiet(&["exec", "a", "pkill", "-STOP", "-fx", "sleep 802"]), "{}", pod.log());
    assert_eq!(
        pod.exec("b", "until cut -d ' ' -f 3 /proc/$(pgrep -fx 'sleep 802')/stat | grep T; do sleep 0.05; done"),
        "T\n"
    );
    // A server in one is a server on the loopback of the other.
    let listen = "import socket,sys\ns=socket.socket(); s.setsockopt(1,2,1); s.bind(('127.0.0.1', 7007)); s.listen(1)\n\
                  c,_=s.accept(); sys.stdout.write(c.recv(9).decode())";
    let mut server = pod.0.command(&["exec", "a", "python3", "-c", listen]);
    let server = server.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let connect = "import socket,time\nfor i in range(1000):\n  try: s=socket.create_connection(('127.0.0.1', 7007)); break\n  except OSError: time.sleep(0.05)\ns.send(b'hello')";
    output(&pod.0.lazaret(&["exec", "b", "python3", "-c", connect]));
    assert_eq!(output(&common::finish(server)), "hello");
    // Memory, semaphores and queues of System V, and POSIX queues.
    pod.exec("a", "ipcmk -M 4096 -p 0666 >/dev/null; ipcmk -Q >/dev/null; ipcmk -S 1 >/dev/null");
    assert_eq!(pod.exec("b", "ipcs | grep -c ^0x"), "3\n");
    for id in ["b", "a", "pod"] {
        assert!(pod.quiet(&["delete", "--force", id]), "{}", pod.log());
    }
    pod.0.assert_clean();
}

/// The end of the first container, by itself or by its host process, is the end of all.
#[test]
fn a_pod_ends_with_its_first_container() {
    for how in ["signal", "host", "itself"] {
        let pod = Pod::new();
        pod.run("pod", "sandbox", "until [ -e /mnt/end ]; do sleep 0.05; done; exit 3");
        pod.run("a", "container", IDLE);
        pod.create("b", "container", IDLE, |_| ());
        match how {
            "signal" => assert!(pod.quiet(&["kill", "pod", "KILL"]), "{}", pod.log()),
            "host" => kill_process(pod.pid("pod"), Signal::KILL).unwrap(),
            _ => fs::write(pod.0.0.join("volume/end"), "\n").unwrap(),
        }
        for id in ["pod", "a", "b"] {
            pod.until_stopped(id);
        }
        for id in ["a", "pod", "b"] {
            assert!(pod.quiet(&["delete", id]), "{how}: {}", pod.log());
        }
        pod.0.assert_clean();
    }
}

/// Starts and stops in any order, with as many containers as a crowded node has in one pod.
#[test]
fn a_hundred_containers_in_a_pod() {
    const COUNT: usize = 100;
    let pod = Pod::new();
    pod.run("pod", "sandbox", IDLE);
    let ids: Vec<String> = (0..COUNT).map(|number| format!("c{number}")).collect();
    ids.iter().for_each(|id| pod.create(id, "container", IDLE, |_| ()));
    // Every third, from the last on, and then the others.
    let order: Vec<&String> = (0..3).flat_map(|part| ids.iter().rev().skip(part).step_by(3)).collect();
    for id in &order {
        assert!(pod.quiet(&["start", id]), "{}", pod.log());
    }
    let list = output(&pod.0.lazaret(&["list", "--format", "json"]));
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    assert_eq!(list.iter().filter(|container| container["status"] == "running").count(), COUNT + 1);
    for id in order.iter().step_by(10) {
        assert_eq!(pod.exec(id, "hostname; ps ax | grep -c 'sleep [1]000'"), format!("{id}\n1\n"));
    }
    for id in &ids {
        assert!(pod.quiet(&["delete", "--force", id]), "{}", pod.log());
    }
    assert_eq!(output(&pod.0.lazaret(&["list", "--quiet"])), "pod\n");
    assert!(pod.quiet(&["delete", "--force", "pod"]), "{}", pod.log());
    pod.0.assert_clean();
}

#[test]
fn what_cannot_join() {
    let pod = Pod::new();
    let refused = |id: &str, change: &dyn Fn(&mut Value), expected: &str| {
        let bundle = pod.bundle(id, "container", IDLE, change);
        let output = pod.0.lazaret(&["run", "--bundle", bundle.to_str().unwrap(), id]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(expected), "{error}");
    };
    refused("no-pod", &|_| (), "container \"pod\" does not exist");
    pod.run("pod", "sandbox", IDLE);
    refused("no-root", &|spec| spec["root"]["path"] = json!("/nonexistent"), "/nonexistent");
    refused("no-program", &|spec| spec["process"]["args"] = json!(["/nonexistent"]), "/nonexistent");
    pod.run("a", "container", IDLE);
    refused("member", &|spec| spec["annotations"]["io.kubernetes.cri.sandbox-id"] = json!("a"), "\"a\"");
    assert!(pod.quiet(&["delete", "--force", "a"]));
    assert!(pod.quiet(&["delete", "--force", "pod"]));
    // A sandbox that was made for one container only.
    fs::remove_dir_all(pod.0.0.join("pod")).unwrap();
    pod.run("pod", "none", IDLE);
    refused("closed", &|_| (), "was not made for several containers");
    assert!(pod.quiet(&["delete", "--force", "pod"]));
    pod.0.assert_clean();
}

/// Containers that come and go leave nothing in the sandbox process.
#[test]
fn a_pod_does_not_grow() {
    let pod = Pod::new();
    pod.run("pod", "sandbox", IDLE);
    let pid = pod.pid("pod").as_raw_nonzero();
    let bundle = pod.bundle("a", "container", "exit 3", |_| ());
    let cycle = || {
        let ended = pod.0.lazaret(&["run", "--bundle", bundle.to_str().unwrap(), "a"]);
        assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    };
    let count = |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count();
    let mounts = || fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap().lines().count();
    (0..3).for_each(|_| cycle());
    let before = until("a quiet sandbox", || Some((count("fd"), count("task"), mounts())));
    (0..20).for_each(|_| cycle());
    until("the same state", || {
        let now = (count("fd"), count("task"), mounts());
        (now.0 <= before.0 + 2 && now.1 <= before.1 + 2 && now.2 == before.2).then_some(())
    });
    assert!(pod.quiet(&["delete", "--force", "pod"]));
    pod.0.assert_clean();
    let left = Command::new("pgrep").args(["-f", pod.0.0.to_str().unwrap()]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}
