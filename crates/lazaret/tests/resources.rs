//! Containers that are counted, limited, paused and looked at.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Output, Stdio},
};

use common::{Place, change, finish, script, until, wait};
use serde_json::{Value, json};

/// A detached container.
struct Container<'a> {
    place: &'a Place,
}

impl Container<'_> {
    fn start(place: &Place) -> Container<'_> {
        let bundle = place.bundle();
        let mut command = place.command(&["run", "--detach", "--bundle", bundle.to_str().unwrap(), "c"]);
        let log = fs::File::create(place.0.join("log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let status = wait(&mut child.unwrap());
        assert!(status.success(), "{}", fs::read_to_string(place.0.join("log")).unwrap());
        Container { place }
    }

    fn exec(&self, script: &str) -> Output {
        self.place.lazaret(&["exec", "c", "sh", "-c", script])
    }

    #[track_caller]
    fn good(&self, args: &[&str]) -> String {
        let output = self.place.lazaret(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn status(&self) -> String {
        let state: Value = serde_json::from_str(&self.good(&["state", "c"])).unwrap();
        state["status"].as_str().unwrap().into()
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let deleted = self.place.lazaret(&["delete", "--force", "c"]);
        assert!(std::thread::panicking() || deleted.status.success(), "{deleted:?}");
    }
}

/// A cgroup that no other test has: without a path it is named after the container.
fn cgroup_of(test: &str) -> String {
    format!("/lazaret-test-{test}-{}", std::process::id())
}

#[test]
fn nothing_runs_in_a_paused_container() {
    let place = Place::new();
    let shared = place.0.join("shared");
    fs::create_dir(&shared).unwrap();
    script(&place, "while :; do echo >> /mnt/lines; done");
    change(&place, |spec| {
        let mount = json!({ "destination": "/mnt", "type": "bind", "source": shared, "options": ["rbind", "rw"] });
        spec["mounts"].as_array_mut().unwrap().push(mount);
    });
    let container = Container::start(&place);
    let lines = || fs::metadata(shared.join("lines")).map_or(0, |file| file.len());
    until("its first lines", || (lines() > 10).then_some(()));
    container.good(&["pause", "c"]);
    assert_eq!(container.status(), "paused");
    let before = lines();
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(lines(), before);
    assert!(!place.lazaret(&["pause", "c"]).status.success(), "it is paused already");
    assert!(!container.exec("true").status.success(), "it is paused");
    assert!(container.good(&["ps", "c"]).contains("while :;"));
    container.good(&["resume", "c"]);
    assert_eq!(container.status(), "running");
    until("further lines", || (lines() > before).then_some(()));
    assert!(!place.lazaret(&["resume", "c"]).status.success(), "it is not paused");
    // A paused one can be ended.
    container.good(&["pause", "c"]);
    container.good(&["kill", "c", "KILL"]);
    assert_eq!(place.lazaret(&["wait", "c"]).status.code(), Some(128 + 9));
    drop(container);
    place.assert_clean();
}

/// The host lets a process with threads wait each time that its table of descriptors grows.
#[test]
fn the_table_of_descriptors_is_made_at_the_start() {
    let place = Place::new();
    script(&place, "sleep 1000");
    let container = Container::start(&place);
    let state: Value = serde_json::from_str(&container.good(&["state", "c"])).unwrap();
    let size = || {
        let status = fs::read_to_string(format!("/proc/{}/status", state["pid"])).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    let first = size();
    assert!(first >= 4096, "{first}");
    // Each directory that is listed is kept open.
    let listed = container.exec("find /usr -type d | wc -l");
    assert!(listed.status.success(), "{listed:?}");
    assert_eq!(size(), first);
}

#[test]
fn processes_are_listed() {
    let place = Place::new();
    script(&place, "sleep 1000 & sleep 1001 & wait");
    // Counted in a cgroup, whose processes are the host's of the container.
    change(&place, |spec| {
        spec["linux"]["cgroupsPath"] = cgroup_of("ps").into();
        spec["linux"]["resources"] = json!({ "pids": { "limit": 50 } });
    });
    let container = Container::start(&place);
    let list = until("its processes", || {
        let list = container.good(&["ps", "c"]);
        (list.contains(" sleep 1000\n") && list.contains(" sleep 1001\n") && list.lines().count() == 4).then_some(list)
    });
    let columns: Vec<&str> = list.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(columns, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
    assert!(list.lines().any(|line| line.starts_with('0') && line.ends_with("sleep 1001")), "{list}");
    let ids: Vec<i32> = serde_json::from_str(&container.good(&["ps", "--format", "json", "c"])).unwrap();
    let state: Value = serde_json::from_str(&container.good(&["state", "c"])).unwrap();
    assert!(ids.iter().any(|id| state["pid"] == *id) && ids.len() > 3, "{ids:?} are the host's ids");
    let event: Value = serde_json::from_str(&container.good(&["events", "--stats", "c"])).unwrap();
    assert_eq!((&event["type"], &event["data"]["pids"]["current"]), (&json!("stats"), &json!(3)));
}

#[test]
fn the_number_of_processes_is_limited() {
    let place = Place::new();
    // Whose children are gone at once, as those of an init should be.
    script(&place, "exec python3 -c 'from signal import *; signal(SIGCHLD, SIG_IGN); sigwait([SIGTERM])'");
    change(&place, |spec| {
        spec["linux"]["cgroupsPath"] = cgroup_of("pids").into();
        spec["linux"]["resources"] = json!({ "pids": { "limit": 5 } });
    });
    let python = "import os, sys\nn = 0\ntry:\n  while True:\n    if os.fork() == 0:\n      import time; time.sleep(3)\n      os._exit(0)\n    n += 1\nexcept BlockingIOError:\n  print(n)";
    let forks = |container: &Container<'_>| {
        let mut command = place.command(&["exec", "c", "python3", "-c", python]);
        let output =
            finish(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        until("their end", || (container.good(&["ps", "c"]).lines().count() == 2).then_some(()));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let container = Container::start(&place);
    // The first process and the one that forks count too.
    assert_eq!(forks(&container), "3");
    container.good(&["update", "--pids-limit", "7", "c"]);
    assert_eq!(forks(&container), "5");
}

/// Where the memory controller of version 1 is, or version 2 alone; `None` where this test cannot make cgroups.
fn cgroups() -> Option<(PathBuf, &'static str)> {
    let layouts = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
    let (root, limit) = layouts.into_iter().find(|(root, _)| fs::exists(format!("{root}/cgroup.procs")).unwrap())?;
    let probe = format!("{root}/lazaret-probe-{}", std::process::id());
    fs::create_dir(&probe).ok()?;
    let has_limit = fs::exists(format!("{probe}/{limit}")).unwrap();
    fs::remove_dir(probe).unwrap();
    has_limit.then(|| (root.into(), limit))
}

#[test]
fn limits_are_those_of_a_cgroup_that_ends_with_the_container() {
    let Some((root, limit)) = cgroups() else {
        eprintln!("not tested: no cgroups can be made here");
        return;
    };
    let place = Place::new();
    script(&place, "sleep 1000");
    let path = cgroup_of("limits");
    let name = path.trim_start_matches('/');
    change(&place, |spec| {
        spec["linux"]["cgroupsPath"] = path.as_str().into();
        spec["linux"]["resources"] = json!({ "memory": { "limit": 100 << 20 } });
    });
    let container = Container::start(&place);
    let read = |file: &str| fs::read_to_string(root.join(name).join(file)).unwrap();
    assert_eq!(read(limit).trim(), (100 << 20).to_string());
    let state: Value = serde_json::from_str(&container.good(&["state", "c"])).unwrap();
    let pid = state["pid"].to_string();
    assert!(read("cgroup.procs").lines().any(|line| line == pid));
    container.good(&["update", "--memory", &(64 << 20).to_string(), "c"]);
    assert_eq!(read(limit).trim(), (64 << 20).to_string());
    let event: Value = serde_json::from_str(&container.good(&["events", "--stats", "c"])).unwrap();
    let memory = &event["data"]["memory"]["usage"];
    assert_eq!(memory["limit"], json!(64 << 20));
    assert!((1..64 << 20).contains(&memory["usage"].as_u64().unwrap()), "{event}");
    // The container sees its own files, live, and its own tasks.
    let shown = |file: &str| {
        let directories = "/sys/fs/cgroup/memory /sys/fs/cgroup/pids /sys/fs/cgroup";
        let output = container.exec(&format!("for d in {directories}; do cat $d/{file} 2>/dev/null && break; done"));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(shown(limit).trim(), (64 << 20).to_string());
    assert_eq!(shown("pids.max"), "max\n");
    assert_eq!(shown("cgroup.procs").lines().next(), Some("1"));
    let groups = container.exec("cat /proc/self/cgroup; cat /proc/cgroups");
    let groups = String::from_utf8(groups.stdout).unwrap();
    assert!(groups.contains("0::/\n") && !groups.contains(name), "{groups}");
    // What takes too much dies, and nothing else.
    let output = container.exec("python3 -c 'x = bytearray(100 << 20)'; echo $?");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "137\n", "{output:?}");
    assert_eq!(container.status(), "running");
    drop(container);
    assert!(!root.join(name).exists());
    // Another one, whose command is killed.
    let mut child = place.command(&["run", "--bundle", place.bundle().to_str().unwrap(), "c"]).spawn().unwrap();
    until("its cgroup", || root.join(name).join("cgroup.procs").exists().then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
    until("the next command to clean up", || {
        place.lazaret(&["list"]);
        (!root.join(name).exists()).then_some(())
    });
    place.assert_clean();
}

#[test]
fn memory_is_taken_from_those_who_take_too_much() {
    if cgroups().is_none() {
        eprintln!("not tested: no cgroups can be made here");
        return;
    }
    let place = Place::new();
    script(&place, "sleep 1000");
    change(&place, |spec| {
        spec["process"]["oomScoreAdj"] = 800.into();
        spec["linux"]["cgroupsPath"] = cgroup_of("oom").into();
        spec["linux"]["resources"] = json!({ "memory": { "limit": 64 << 20 } });
    });
    let container = Container::start(&place);
    // The sandbox process outlives its stubs.
    let state: Value = serde_json::from_str(&container.good(&["state", "c"])).unwrap();
    let pid = state["pid"].to_string();
    let score = |pid: &str| -> i32 {
        fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().parse().unwrap()
    };
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    assert_eq!(score(&pid), 500);
    assert!(children.split_whitespace().all(|child| score(child) == 1000) && !children.is_empty(), "{children}");
    let mut events = place.command(&["events", "--interval", "1s", "c"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(events.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("\"type\":\"stats\""));
    // Small processes have less than the sandbox process, which lives all the same.
    let eaters = "for i in 1 2 3 4 5 6 7 8; do sleep 100 & all=\"$all $!\"; done; \
                  for i in 1 2 3; do python3 -c 'x = bytearray(100 << 20)'; echo $?; done; kill $all";
    assert_eq!(String::from_utf8_lossy(&container.exec(eaters).stdout), "137\n137\n137\n");
    let oom = lines.map(|line| line.unwrap()).find(|line| line.contains("\"type\":\"oom\"")).unwrap();
    assert_eq!(oom, r#"{"id":"c","type":"oom"}"#);
    events.kill().unwrap();
    events.wait().unwrap();
    assert_eq!(container.status(), "running");
    drop(container);
    // A container whose first process takes too much ends as if it had been killed alone.
    change(&place, |spec| {
        spec["process"]["args"] = json!(["python3", "-c", "x = bytearray(100 << 20)"]);
    });
    let ended = place.run("c");
    assert_eq!(ended.status.code(), Some(137), "{ended:?}");
    place.assert_clean();
}

/// Programs see the processors that they may use, and the machine's number of them, as under Linux.
#[test]
fn processors_that_may_be_used_are_seen() {
    if cgroups().is_none() {
        eprintln!("not tested: no cgroups can be made here");
        return;
    }
    let place = Place::new();
    script(&place, "exec sleep 1000");
    change(&place, |spec| {
        spec["linux"]["cgroupsPath"] = cgroup_of("cpus").into();
        spec["linux"]["resources"] = json!({ "cpu": { "cpus": "0" } });
    });
    let container = Container::start(&place);
    let seen = || {
        let output = container.exec("nproc; grep Cpus_allowed_list /proc/self/status /proc/1/status | cut -f 2");
        String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(seen(), "1 0 0");
    if fs::read_to_string("/sys/devices/system/cpu/online").unwrap().trim() == "0" {
        return;
    }
    container.good(&["update", "--cpuset-cpus", "0-1", "c"]);
    assert_eq!(seen(), "2 0-1 0-1");
    container.good(&["update", "--cpuset-cpus", "1", "c"]);
    assert_eq!(seen(), "1 1 1");
    assert!(!container.exec("taskset 1 true").status.success(), "the host does not let it");
}

#[test]
fn figures_are_those_of_the_programs() {
    if cgroups().is_none() {
        eprintln!("not tested: no cgroups can be made here");
        return;
    }
    let place = Place::new();
    script(&place, "sleep 1000");
    change(&place, |spec| {
        spec["linux"]["cgroupsPath"] = cgroup_of("figures").into();
        spec["linux"]["resources"] = json!({ "cpu": { "quota": 50_000, "period": 100_000 } });
    });
    let container = Container::start(&place);
    let stats = || -> Value { serde_json::from_str(&container.good(&["events", "--stats", "c"])).unwrap() };
    let total = |stats: &Value| stats["data"]["cpu"]["usage"]["total"].as_u64().unwrap();
    let before = stats();
    let busy = container.exec(
        "python3 -c 'import os\nwhile os.times()[0] < 0.8: pass\nx = bytearray(30 << 20)\nprint(sum(os.times()[:2]))'",
    );
    let used: f64 = String::from_utf8_lossy(&busy.stdout).trim().parse().unwrap();
    let after = stats();
    let counted = (total(&after) - total(&before)) as f64 / 1e9;
    // The start of the interpreter in the kernel is counted by the host, and not by the program.
    assert!((used * 0.9..used * 1.5 + 0.2).contains(&counted), "{counted} s of {used} s");
    assert!(after["data"]["cpu"]["throttling"]["throttledPeriods"].as_u64() > Some(2), "{after}");
    assert!(after["data"]["memory"]["usage"]["max"].as_u64() > Some(30 << 20), "{after}");
    assert!(after["data"]["memory"]["swap"]["usage"].as_u64() >= after["data"]["memory"]["usage"]["usage"].as_u64());
}
