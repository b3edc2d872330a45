//! The life cycle as runc has it: each test runs with runc first, where it is installed, so that it is known to be right.
//!
//! Needs root and busybox.

mod common;

use std::{
    fs,
    io::{IoSliceMut, Read},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::net::UnixListener},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use common::{
    Place, TIMEOUT, change,
    runtime::{Runtime, both},
    until, wait,
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::{Value, json};

fn is_alive(pid: i64) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_container_goes_through_its_states() {
    both(|runtime| {
        let id = runtime.id.as_str();
        runtime.script("trap 'exit 5' TERM; while :; do sleep 0.05; done");
        runtime.detached(&["create", "--pid-file", "pid", id]);
        runtime.assert_status("created");
        let pid = runtime.state()["pid"].as_i64().unwrap();
        assert_eq!(fs::read_to_string(runtime.place.bundle().join("pid")).unwrap(), pid.to_string());
        assert!(is_alive(pid));
        runtime.bad(&["create", id]);
        runtime.bad(&["pause", "unknown"]);
        runtime.good(&["start", id]);
        runtime.assert_status("running");
        runtime.bad(&["start", id]);
        runtime.bad(&["delete", id]);
        runtime.bad(&["resume", id]);
        runtime.good(&["pause", id]);
        runtime.assert_status("paused");
        runtime.bad_exec(&["exec", id, "true"]);
        runtime.bad(&["delete", id]);
        runtime.good(&["resume", id]);
        runtime.assert_status("running");
        runtime.good(&["kill", id, "0"]);
        runtime.good(&["kill", id, "TERM"]);
        runtime.await_status("stopped");
        assert_eq!(runtime.state()["pid"], 0);
        assert!(runtime.bad(&["kill", id, "KILL"]).contains("container not running"));
        runtime.bad(&["start", id]);
        runtime.bad_exec(&["exec", id, "true"]);
        runtime.bad(&["pause", id]);
        runtime.good(&["delete", id]);
        assert!(runtime.bad(&["state", id]).contains("does not exist"));
        assert!(runtime.bad(&["delete", id]).contains("does not exist"));
        runtime.good(&["delete", "--force", id]);
        assert!(!is_alive(pid));
    });
}

#[test]
fn a_container_that_was_never_started_is_deleted() {
    both(|runtime| {
        runtime.detached(&["create", &runtime.id]);
        let pid = runtime.state()["pid"].as_i64().unwrap();
        runtime.good(&["delete", &runtime.id]);
        until("its end", || (!is_alive(pid)).then_some(()));
        assert_eq!(runtime.good(&["list", "--quiet"]), "");
    });
}

#[test]
fn state_and_list_have_the_same_fields() {
    let seen = std::cell::RefCell::new(Vec::new());
    both(|runtime| {
        runtime.script("sleep 1000");
        change(&runtime.place, |spec| spec["annotations"] = json!({ "a": "b" }));
        runtime.detached(&["run", "--detach", &runtime.id]);
        let state = runtime.state();
        assert_eq!((&state["id"], &state["annotations"]), (&json!(runtime.id), &json!({ "a": "b" })));
        assert_eq!(state["bundle"], runtime.place.bundle().to_str().unwrap());
        let list: Value = serde_json::from_str(&runtime.good(&["list", "--format", "json"])).unwrap();
        assert_eq!(list[0]["id"], runtime.id.as_str());
        let table = runtime.good(&["list"]);
        let head: Vec<String> = table.lines().next().unwrap().split_whitespace().map(str::to_owned).collect();
        let names = |value: &Value| {
            let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(runtime.good(&["list", "-q"]).trim(), runtime.id);
        let pids: Vec<i64> = serde_json::from_str(&runtime.good(&["ps", "--format", "json", &runtime.id])).unwrap();
        assert!(pids.contains(&state["pid"].as_i64().unwrap()));
        let event: Value = serde_json::from_str(&runtime.good(&["events", "--stats", &runtime.id])).unwrap();
        seen.borrow_mut().push((names(&state), names(&list[0]), head, names(&event)));
    });
    let seen = seen.into_inner();
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

#[test]
fn further_processes_are_as_asked_for() {
    both(|runtime| {
        let id = runtime.id.as_str();
        runtime.script("sleep 1000");
        runtime.detached(&["run", "-d", id]);
        assert_eq!(runtime.output(&["exec", id, "sh", "-c", "exit 9"]).status.code(), Some(9));
        assert_eq!(runtime.output(&["exec", id, "sh", "-c", "kill -TERM $$"]).status.code(), Some(128 + 15));
        let script = "id -u; id -g; id -G; pwd; echo $A";
        let options = ["--user", "7:8", "--additional-gids", "9", "--cwd", "/bin", "--env", "A=b"];
        let output = runtime.good(&[&["exec"], &options[..], &[id, "sh", "-c", script]].concat());
        assert_eq!(output, "7\n8\n8 9\n/bin\nb\n", "{}", runtime.program);
        let process = json!({
            "args": ["sh", "-c", "pwd; echo $A"], "cwd": "/bin", "env": ["PATH=/bin", "A=c"],
            "user": { "uid": 0, "gid": 0 },
        });
        fs::write(runtime.place.bundle().join("process.json"), process.to_string()).unwrap();
        assert_eq!(runtime.good(&["exec", "--process", "process.json", id]), "/bin\nc\n");
        for program in ["nonexistent", "/nonexistent"] {
            let error = runtime.bad_exec(&["exec", id, program]);
            // With the quotes escaped where runc has the message in quotes.
            assert!(error.replace('\\', "").contains(&format!("exec: \"{program}\": ")), "{error}");
        }
        runtime.detached(&["exec", "--detach", "--pid-file", "exec-pid", id, "sh", "-c", "sleep 1000"]);
        let text = fs::read_to_string(runtime.place.bundle().join("exec-pid")).unwrap();
        assert!(is_alive(text.parse().unwrap()), "{}", runtime.program);
        runtime.bad_exec(&["exec", "unknown", "true"]);
    });
}

/// The master of a terminal that comes through a console socket.
fn terminal(listener: &UnixListener) -> fs::File {
    let (socket, _) = listener.accept().unwrap();
    let mut name = [0; 256];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    recvmsg(&socket, &mut [IoSliceMut::new(&mut name)], &mut ancillary, RecvFlags::CMSG_CLOEXEC).unwrap();
    let fds: Vec<OwnedFd> = ancillary
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten()
        .collect();
    fds.into_iter().next().unwrap().into()
}

/// All that a terminal shows until nobody has it any more.
fn shown(mut master: fs::File) -> String {
    let mut text = Vec::new();
    // It ends with EIO.
    let _ = master.read_to_end(&mut text);
    String::from_utf8_lossy(&text).replace('\r', "")
}

#[test]
fn terminals_come_through_the_console_socket() {
    both(|runtime| {
        runtime.script("tty; stty size; exit 4");
        change(&runtime.place, |spec| {
            spec["process"]["terminal"] = true.into();
            spec["process"]["consoleSize"] = json!({ "height": 33, "width": 99 });
        });
        let socket = runtime.place.0.join("console");
        let listener = UnixListener::bind(&socket).unwrap();
        let socket = socket.to_str().unwrap();
        runtime.bad(&["create", &runtime.id]);
        runtime.detached(&["create", "--console-socket", socket, &runtime.id]);
        let master = terminal(&listener);
        runtime.good(&["start", &runtime.id]);
        assert_eq!(shown(master), "/dev/pts/0\n33 99\n", "{}", runtime.program);
        runtime.await_status("stopped");
        runtime.good(&["delete", &runtime.id]);

        runtime.script("sleep 1000");
        runtime.detached(&["run", "--detach", "--console-socket", socket, &runtime.id]);
        let _first = terminal(&listener);
        let exec = ["exec", "--detach", "--tty", "--console-socket", socket, &runtime.id, "sh", "-c", "tty"];
        runtime.detached(&exec);
        assert_eq!(shown(terminal(&listener)), "/dev/pts/1\n", "{}", runtime.program);
    });
}

#[test]
fn descriptors_are_passed_on() {
    both(|runtime| {
        runtime.script("cat <&3; cat <&4 2> /dev/null || echo no 4");
        let run = format!(
            "echo three > three; exec 3< three; exec {} --root {} run --preserve-fds 1 {}",
            runtime.program,
            runtime.place.state().display(),
            runtime.id
        );
        let output = common::run(Command::new("sh").args(["-c", &run]).current_dir(runtime.place.bundle()));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "three\nno 4\n", "{}: {output:?}", runtime.program);
    });
}

#[test]
fn bad_input_is_refused_by_all_commands() {
    both(|runtime| {
        for id in ["", ".", "..", "../state", "a/b", "a b", &"x".repeat(5000)] {
            runtime.bad(&["create", id]);
            runtime.bad(&["run", id]);
            for command in ["state", "start", "kill", "delete", "pause", "resume", "ps"] {
                runtime.bad(&[command, id]);
            }
            runtime.bad(&["events", "--stats", id]);
            runtime.bad(&["update", "--memory", "67108864", id]);
            runtime.bad_exec(&["exec", id, "true"]);
        }
        runtime.script("sleep 1000");
        runtime.detached(&["run", "-d", &runtime.id]);
        for signal in ["SIGNONE", "-1"] {
            runtime.bad(&["kill", "--", &runtime.id, signal]);
        }
        fs::write(runtime.place.bundle().join("bad.json"), "{").unwrap();
        runtime.bad_exec(&["exec", "--process", "bad.json", &runtime.id]);
        runtime.bad(&["update", "--resources", "bad.json", &runtime.id]);
        runtime.bad(&["list", "--format", "xml"]);
        runtime.bad(&["ps", "--format", "xml", &runtime.id]);
        runtime.bad(&["events", "--interval", "soon", &runtime.id]);
        runtime.assert_status("running");
    });
}

/// Commands that are started at the same time; how many of them succeed.
fn at_once(runtime: &Runtime, commands: &[&[&str]]) -> usize {
    let start = |args: &&[&str]| runtime.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let children: Vec<Child> = commands.iter().map(start).collect();
    children.into_iter().filter_map(|mut child| wait(&mut child).success().then_some(())).count()
}

#[test]
fn no_update_is_lost() {
    let place = Place::new();
    common::script(&place, "sleep 1000");
    change(&place, |spec| spec["linux"]["resources"] = json!({ "pids": { "limit": 50 } }));
    let id = format!("oci-{}-u", std::process::id());
    let runtime = Runtime { place, program: env!("CARGO_BIN_EXE_lazaret"), id };
    let id = runtime.id.as_str();
    if !rustix::process::geteuid().is_root() {
        eprintln!("not tested: needs root");
        return;
    }
    runtime.detached(&["run", "-d", id]);
    // Each changes another limit in the same state file.
    let updates: [&[&str]; 4] = [
        &["update", "--pids-limit", "60", id],
        &["update", "--memory-reservation", "33554432", id],
        &["update", "--cpu-share", "512", id],
        &["update", "--cpu-quota", "50000", id],
    ];
    for _ in 0..5 {
        assert_eq!(at_once(&runtime, &updates), updates.len());
    }
    let state: Value =
        serde_json::from_str(&fs::read_to_string(runtime.place.state().join(id).join("state.json")).unwrap()).unwrap();
    let resources = &state["resources"];
    assert_eq!(resources["pids"]["limit"], 60);
    assert_eq!(resources["memory"]["reservation"], 33_554_432);
    assert_eq!((&resources["cpu"]["shares"], &resources["cpu"]["quota"]), (&json!(512), &json!(50000)));
}

/// How many of each there are that have to do with this test: mounts of the host, processes, cgroups and
/// state directories with their sockets. Others come and go meanwhile on the same host.
fn left(runtime: &Runtime) -> [usize; 4] {
    let is_ours = |text: &str| [runtime.place.0.to_str().unwrap(), &runtime.id].iter().any(|name| text.contains(name));
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let cgroups = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    [
        mounts.lines().filter(|line| is_ours(line)).count(),
        processes.filter(|line| is_ours(&String::from_utf8_lossy(line))).count(),
        cgroups.filter(|entry| entry.path().join(&runtime.id).exists()).count(),
        fs::read_dir(runtime.place.state()).map_or(0, Iterator::count),
    ]
}

/// A hundred, or as many as `LAZARET_CYCLES` says.
#[test]
fn many_cycles_leave_nothing() {
    let cycles = std::env::var("LAZARET_CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(100_u32);
    both(|runtime| {
        if runtime.program.ends_with("runc") {
            return;
        }
        runtime.script("exit 0");
        change(&runtime.place, |spec| spec["linux"]["resources"] = json!({ "pids": { "limit": 50 } }));
        runtime.good(&["list"]);
        let before = left(runtime);
        for _ in 0..cycles {
            runtime.detached(&["create", &runtime.id]);
            runtime.good(&["start", &runtime.id]);
            runtime.good(&["delete", "--force", &runtime.id]);
        }
        let (deadline, mut now) = (Instant::now() + TIMEOUT, left(runtime));
        while now != before && Instant::now() < deadline {
            sleep(Duration::from_millis(2));
            now = left(runtime);
        }
        assert_eq!(now, before, "mounts, processes, cgroups, state directories");
    });
}
